package kakehashi.interop;

import jakarta.servlet.FilterChain;
import jakarta.servlet.ReadListener;
import jakarta.servlet.ServletException;
import jakarta.servlet.ServletInputStream;
import jakarta.servlet.ServletOutputStream;
import jakarta.servlet.WriteListener;
import jakarta.servlet.http.HttpFilter;
import jakarta.servlet.http.HttpServletRequest;
import jakarta.servlet.http.HttpServletRequestWrapper;
import jakarta.servlet.http.HttpServletResponse;
import jakarta.servlet.http.HttpServletResponseWrapper;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.security.cert.X509Certificate;
import java.util.List;
import org.apache.camel.CamelContext;
import org.w3c.dom.Document;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;

/** Before CXF: keeps the bytes of a request and checks what CXF would not show; breaks answers off. */
final class Intake extends HttpFilter {
    private static final long serialVersionUID = 1L;
    private static final int REQUEST_MAX = 4 << 20;
    private static final String WSA = "http://www.w3.org/2005/08/addressing";
    private static final String SOAP = "http://www.w3.org/2003/05/soap-envelope";

    private final transient Received received;
    private final transient XuaCheck xua;
    private final transient Behaviours behaviours;
    private final transient CamelContext camel;

    Intake(Received received, XuaCheck xua, Behaviours behaviours, CamelContext camel) {
        this.received = received;
        this.xua = xua;
        this.behaviours = behaviours;
        this.camel = camel;
    }

    @Override
    protected void doFilter(HttpServletRequest request, HttpServletResponse response, FilterChain chain)
            throws IOException, ServletException {
        byte[] body = request.getInputStream().readNBytes(REQUEST_MAX);
        Received.Request record = new Received.Request();
        look(record, request, body);
        received.add(record);
        Received.current(record);
        Behaviour behaviour = behaviours.at(record.path);
        try {
            behaviour.hold();
            boolean isChunked = behaviour.is("cut-off");
            boolean isCut = isChunked || behaviour.is("cut-off-length");
            if (isCut && request.getRequestURI().endsWith("/retrieve")) {
                cutOff(request, body, response, chain, isChunked);
            } else {
                chain.doFilter(new Replayed(request, body), response);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            record.isAnswered = true;
            Received.current(null);
        }
    }

    private void look(Received.Request record, HttpServletRequest request, byte[] body) {
        record.path = request.getRequestURI();
        record.transaction = transaction(record.path);
        record.contentType = request.getContentType().replaceAll("(boundary=|start=)\"[^\"]*\"", "$1\"…\"");
        record.packaging = record.contentType.startsWith("multipart/related") ? "mtom" : "plain";
        var chain = (X509Certificate[]) request.getAttribute("jakarta.servlet.request.X509Certificate");
        record.clientCertificate = chain == null ? "none" : chain[0].getSubjectX500Principal().getName();
        try {
            Document envelope = Received.envelope(body, request.getContentType());
            record.messageId = text(envelope, "MessageID");
            addressing(envelope, request, record.addressing);
            boolean isWithin = behaviours.at(record.path) != behaviours.gateway();
            record.xua = isWithin ? xua.checkIfThere(envelope, record.path) : xua.check(envelope, record.path);
            follows(record, envelope);
        } catch (Exception e) {
            record.addressing.add("cannot be read: " + e);
        }
    }

    /** What is asked at a path, known even of a request that is refused before its route. */
    private static String transaction(String path) {
        return switch (path.replaceFirst("^/(" + Behaviours.SOURCE + "|" + Behaviours.MANAGER + ")", "/")) {
            case "/xcpd" -> "ITI-55";
            case "/xca/query" -> "ITI-38";
            case "/xca/retrieve" -> "ITI-39";
            case "/pix/query" -> "ITI-45";
            case "/pix/feed" -> "ITI-44";
            case "/pdq" -> "ITI-47";
            case "/xds/query" -> "ITI-18";
            case "/xds/retrieve" -> "ITI-43";
            default -> "";
        };
    }

    /** What asks for a further page, or for none, never comes to a route. */
    private void follows(Received.Request record, Document envelope) throws Exception {
        NodeList all = envelope.getElementsByTagNameNS(Xua.HL7, "queryContinuation");
        if (all.getLength() > 0) {
            Node message = all.item(0).getParentNode().getParentNode();
            record.validator = Verdict.of(camel, Transaction.of("ITI-47").request(), Discovery.write(message));
            record.asked.put("then", message.getLocalName());
        }
    }

    /** IPF itself looks at hardly anything here. */
    private void addressing(Document envelope, HttpServletRequest request, List<String> complaints) {
        if (!SOAP.equals(envelope.getDocumentElement().getNamespaceURI())) {
            complaints.add("not SOAP 1.2");
        }
        for (String name : List.of("Action", "MessageID", "To", "ReplyTo")) {
            NodeList found = envelope.getElementsByTagNameNS(WSA, name);
            if (found.getLength() != 1 || found.item(0).getTextContent().isBlank()) {
                complaints.add("not one wsa:" + name);
            }
        }
        String to = text(envelope, "To");
        if (!to.equals(request.getRequestURL().toString())) {
            complaints.add("wsa:To is " + to);
        }
        if (!text(envelope, "ReplyTo").equals(WSA + "/anonymous")) {
            complaints.add("wsa:ReplyTo is not anonymous");
        }
        String action = "action=\"" + text(envelope, "Action") + "\"";
        if (!request.getContentType().contains(action)) {
            complaints.add("Content-Type has no " + action);
        }
    }

    private static String text(Document envelope, String name) {
        NodeList found = envelope.getElementsByTagNameNS(WSA, name);
        return found.getLength() == 0 ? "" : found.item(0).getTextContent().trim();
    }

    /** Half of an answer, then the connection is closed; either chunked or with its whole length announced. */
    private static void cutOff(HttpServletRequest request, byte[] body, HttpServletResponse response, FilterChain chain,
            boolean isChunked) throws IOException, ServletException {
        Captured captured = new Captured(response);
        chain.doFilter(new Replayed(request, body), captured);
        byte[] answer = captured.bytes.toByteArray();
        if (!isChunked) {
            response.setContentLength(answer.length);
        }
        response.getOutputStream().write(answer, 0, answer.length / 2);
        response.flushBuffer();
        throw new IOException("cut off, as wished");
    }

    /** A request whose body is read again. */
    private static final class Replayed extends HttpServletRequestWrapper {
        private final ByteArrayInputStream bytes;

        Replayed(HttpServletRequest request, byte[] body) {
            super(request);
            bytes = new ByteArrayInputStream(body);
        }

        @Override
        public ServletInputStream getInputStream() {
            return new ServletInputStream() {
                @Override
                public int read() {
                    return bytes.read();
                }

                @Override
                public int read(byte[] into, int from, int length) {
                    return bytes.read(into, from, length);
                }

                @Override
                public boolean isFinished() {
                    return bytes.available() == 0;
                }

                @Override
                public boolean isReady() {
                    return true;
                }

                @Override
                public void setReadListener(ReadListener listener) {
                    throw new UnsupportedOperationException();
                }
            };
        }
    }

    /** An answer that is kept back. */
    private static final class Captured extends HttpServletResponseWrapper {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

        Captured(HttpServletResponse response) {
            super(response);
        }

        @Override
        public void flushBuffer() {
            // Nothing leaves before it is cut.
        }

        @Override
        public void setContentLength(int length) {
            // Ours to say.
        }

        @Override
        public ServletOutputStream getOutputStream() {
            return new ServletOutputStream() {
                @Override
                public void write(int one) {
                    bytes.write(one);
                }

                @Override
                public void write(byte[] from, int at, int length) {
                    bytes.write(from, at, length);
                }

                @Override
                public boolean isReady() {
                    return true;
                }

                @Override
                public void setWriteListener(WriteListener listener) {
                    throw new UnsupportedOperationException();
                }
            };
        }
    }
}
