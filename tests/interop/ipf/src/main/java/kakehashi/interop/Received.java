package kakehashi.interop;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

/** What reached the served side, until somebody asks for it. */
final class Received {
    private static final int KEPT_MAX = 1000;
    private static final ThreadLocal<Request> CURRENT = new ThreadLocal<>();

    private final List<Request> requests = new ArrayList<>();

    /** One request: filled in as it passes through. */
    static final class Request {
        String path;
        String contentType;
        String packaging;
        String clientCertificate;
        String transaction = "";
        String messageId = "";
        String validator = "not reached";
        volatile boolean isAnswered;
        XuaCheck.Found xua;
        final List<String> addressing = new ArrayList<>();
        final ObjectNode asked = Demo.JSON.createObjectNode();
    }

    synchronized void add(Request request) {
        if (requests.size() < KEPT_MAX) {
            requests.add(request);
        }
    }

    /** All since last asked. */
    synchronized ArrayNode drain() {
        ArrayNode all = Demo.JSON.createArrayNode();
        // Nobody waits for what we are told: what is still being read is given out the next time.
        List<Request> unread = requests.stream().filter(one -> one.transaction.equals("ITI-44") && !one.isAnswered).toList();
        requests.removeAll(unread);
        for (Request request : requests) {
            ObjectNode one = all.addObject();
            one.put("transaction", request.transaction);
            one.put("path", request.path);
            one.put("message_id", request.messageId);
            one.put("validator", request.validator);
            one.put("xua", request.xua == null ? "not reached" : request.xua.verdict());
            one.put("packaging", request.packaging);
            one.put("content_type", request.contentType);
            one.put("client", request.clientCertificate);
            one.put("addressing", request.addressing.isEmpty() ? "good" : String.join("; ", request.addressing));
            if (request.xua != null) {
                one.put("user", request.xua.attributes().get(Xua.SUBJECT_ID));
                one.put("role", request.xua.attributes().get(Xua.ROLE));
                one.put("purpose", request.xua.attributes().get(Xua.PURPOSE));
                one.put("organization", request.xua.attributes().get(Xua.ORGANIZATION));
            }
            one.set("asked", request.asked);
        }
        requests.clear();
        requests.addAll(unread);
        return all;
    }

    /** The request that this thread works on. CXF and Camel answer in the thread that Tomcat gave. */
    static Request current() {
        Request request = CURRENT.get();
        return request == null ? new Request() : request;
    }

    static void current(Request request) {
        if (request == null) {
            CURRENT.remove();
        } else {
            CURRENT.set(request);
        }
    }

    /** The SOAP envelope in a body, which may be a multipart with the envelope first. */
    static Document envelope(byte[] body, String contentType) throws Exception {
        String text = new String(body, StandardCharsets.UTF_8);
        if (contentType.toLowerCase().startsWith("multipart/")) {
            String boundary = text.substring(0, text.indexOf("\r\n"));
            int from = text.indexOf("\r\n\r\n") + 4;
            text = text.substring(from, text.indexOf("\r\n" + boundary, from));
        }
        return parser().parse(new InputSource(new java.io.StringReader(text)));
    }

    static DocumentBuilder parser() throws ParserConfigurationException {
        DocumentBuilderFactory factory = DocumentBuilderFactory.newInstance();
        factory.setNamespaceAware(true);
        factory.setFeature("http://apache.org/xml/features/disallow-doctype-decl", true);
        return factory.newDocumentBuilder();
    }
}
