package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.util.List;
import java.util.UUID;
import javax.net.ssl.SSLContext;
import javax.xml.namespace.QName;
import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.support.DefaultExchange;
import org.apache.camel.support.jsse.SSLContextParameters;
import org.apache.cxf.binding.soap.SoapFault;
import org.apache.cxf.binding.soap.SoapHeader;
import org.openehealth.ipf.commons.ihe.xds.core.ebxml.ebxml30.RetrieveDocumentSetResponseType;
import org.openehealth.ipf.commons.ihe.xds.core.stub.ebrs30.query.AdhocQueryResponse;
import org.openehealth.ipf.platform.camel.ihe.ws.AbstractWsEndpoint;
import org.openehealth.ipf.platform.camel.ihe.xds.core.converters.EbXML30Converters;
import org.w3c.dom.Element;

/** The asking side: IPF's producers, its validators on what we ask and on what comes back. */
final class Asking {
    private final CamelContext camel;
    private final ProducerTemplate producer;
    private final Demo demo;
    private final PatientQuestions persons;
    private final Questions questions;
    private final PatientRecords records;
    private final XuaMaker maker;

    Asking(CamelContext camel, Demo demo) throws IOException, GeneralSecurityException {
        this.camel = camel;
        this.producer = camel.createProducerTemplate();
        this.demo = demo;
        this.persons = new PatientQuestions(demo);
        this.questions = new Questions(demo, persons);
        this.records = new PatientRecords(demo, persons);
        this.maker = new XuaMaker(demo);
        Path ca = demo.file("/tls/ca");
        Path stranger = demo.folder.resolve("clients/" + (demo.name.equals("hiroshima-portal") ? "okayama" : "hiroshima"));
        var registry = camel.getRegistry();
        registry.bind(demo.name + "-own", parameters(Pem.client(ca, demo.file("/tls/certificate"), demo.file("/tls/key"))));
        registry.bind(demo.name + "-none", parameters(Pem.client(ca, null, null)));
        registry.bind(demo.name + "-foreign", parameters(Pem.client(ca, stranger.resolveSibling(stranger.getFileName()
                + "-portal.pem"), stranger.resolveSibling(stranger.getFileName() + "-portal.key.pem"))));
        registry.bind("outgoing", new Outgoing());
        registry.bind("incoming", new Incoming());
    }

    private static SSLContextParameters parameters(SSLContext context) {
        return new SSLContextParameters() {
            @Override
            public SSLContext createSSLContext(CamelContext camel) {
                return context;
            }
        };
    }

    /** The first Schematron run of a JVM takes seconds: longer than a broker waits. */
    void warmUp() throws Exception {
        Transaction discovery = Transaction.of("ITI-55");
        String request = persons.discovery("match");
        Verdict.of(camel, discovery.request(), request);
        String answer = new Discovery(demo).answer(request, "match", Demo.JSON.createObjectNode());
        Verdict.of(camel, discovery.response(), answer);
        Manager manager = new Manager(demo, Place.network(demo), new Behaviour());
        ObjectNode known = Demo.JSON.createObjectNode().put("id", Discovery.PATIENT + "^^^&" + demo.authority() + "&ISO");
        for (String name : List.of("ITI-45", "ITI-47")) {
            Transaction asked = Transaction.of(name);
            String message = name.equals("ITI-45") ? persons.ids(known) : persons.demographics(known);
            Verdict.of(camel, asked.request(), message);
            ObjectNode unseen = Demo.JSON.createObjectNode();
            Verdict.of(camel, asked.response(), name.equals("ITI-45") ? manager.ids(message, unseen) : manager.persons(message, unseen));
        }
        ObjectNode added = Demo.JSON.createObjectNode().put("change", "PRPA_IN201301UV02");
        added.putArray("ids").add(known.path("id").asText());
        String told = records.told(added);
        Transaction feed = Transaction.of("ITI-44");
        Verdict.of(camel, feed.request(), told);
        Verdict.of(camel, feed.response(), manager.feed(told, Demo.JSON.createObjectNode()));
    }

    ObjectNode ask(JsonNode command) throws Exception {
        Transaction asked = Transaction.of(command.path("transaction").asText());
        String word = command.path("case").asText("match");
        return switch (asked.name()) {
            case "ITI-55" -> persons(asked, persons.discovery(word), word, command);
            case "ITI-44", "ITI-46" -> persons(asked, records.told(command), word, command);
            case "ITI-45" -> persons(asked, persons.ids(command), word, command);
            case "ITI-47" -> persons(asked, persons.demographics(command), word, command);
            case "ITI-38", "ITI-18" -> query(asked, word, command);
            default -> retrieve(asked, word, command);
        };
    }

    private ObjectNode persons(Transaction asked, String request, String word, JsonNode command) throws Exception {
        ObjectNode answer = begun(asked, word, request);
        Exchange exchange = sent(asked, request, word, command, answer);
        if (exchange != null) {
            String response = exchange.getMessage().getBody(String.class);
            answer.put("validator", Verdict.of(camel, asked.response(), response));
            Answers.persons(response, answer);
        }
        return answer;
    }

    private ObjectNode query(Transaction asked, String word, JsonNode command) throws Exception {
        var request = questions.query(word, command, entries(word, command));
        ObjectNode answer = begun(asked, word, request);
        Exchange exchange = sent(asked, request, word, command, answer);
        if (exchange != null) {
            AdhocQueryResponse response = exchange.getMessage().getBody(AdhocQueryResponse.class);
            answer.put("validator", Verdict.of(camel, asked.response(), response));
            Answers.query(EbXML30Converters.convertToQueryResponse(response), answer);
        }
        return answer;
    }

    /** Some cases need entries that are not in client.json: a plain find comes before them. */
    private List<Answers.Entry> entries(String word, JsonNode command) throws Exception {
        if (!Questions.NEED_ENTRIES.contains(word)) {
            return List.of();
        }
        ObjectNode unseen = Demo.JSON.createObjectNode();
        Exchange found = sent(Transaction.of("ITI-38"), questions.query("match", command, List.of()), "match", command, unseen);
        if (found == null) {
            return List.of();
        }
        AdhocQueryResponse response = found.getMessage().getBody(AdhocQueryResponse.class);
        return Answers.query(EbXML30Converters.convertToQueryResponse(response), unseen);
    }

    private ObjectNode retrieve(Transaction asked, String word, JsonNode command) throws Exception {
        var request = questions.retrieve(word, command, entries(word, command));
        ObjectNode answer = begun(asked, word, request);
        Exchange exchange = sent(asked, request, word, command, answer);
        if (exchange != null) {
            var response = exchange.getMessage().getBody(RetrieveDocumentSetResponseType.class);
            answer.put("validator", Verdict.of(camel, asked.response(), response));
            try {
                Answers.retrieve(EbXML30Converters.convert(response), answer);
            } catch (IOException e) {
                // CXF hands an answer out before its attachments are there: what was read stands, the rest is told.
                answer.put("verdict", "cut off").put("problem", e.toString());
            }
        }
        return answer;
    }

    private ObjectNode begun(Transaction asked, String word, Object request) {
        ObjectNode answer = Demo.JSON.createObjectNode();
        answer.put("case", word);
        answer.put("own_request", Verdict.of(camel, asked.request(), request));
        return answer;
    }

    /** Sends, twice where the case is about a repetition. Gives the exchange if there was an answer that is no fault. */
    private Exchange sent(Transaction asked, Object request, String word, JsonNode command, ObjectNode answer)
            throws Exception {
        String url = demo.text("/endpoints/" + asked.endpoint());
        String role = command.path("role").asText(word.equals("nurse") ? "nurse" : "physician");
        String purpose = command.path("purpose").asText(word.equals("emergency") ? "EMERGENCY" : "TREATMENT");
        // A manager shows its certificate and nothing else.
        boolean isTold = asked.endpoint().equals("notifications");
        Element security = isTold ? null : maker.header(new XuaMaker.Wish(word, role, purpose), url);
        String first = "urn:uuid:" + UUID.randomUUID();
        String reply = word.equals("reply-to") ? "https://127.0.0.1:" + demo.port + "/replies" : null;
        if (word.equals("same-message-id") || word.equals("other-message-id")) {
            Exchange before = once(asked, url, word, request, security, new Outgoing.Wish(first, null));
            answer.put("first", before.getException() == null ? "answered" : "failed");
            String second = word.equals("same-message-id") ? first : "urn:uuid:" + UUID.randomUUID();
            return judged(once(asked, url, word, request, security, new Outgoing.Wish(second, null)), answer);
        }
        if (word.equals("pages")) {
            // Several messages in one exchange: CXF gives each its own MessageID.
            return judged(once(asked, url, word, request, security, null), answer);
        }
        return judged(once(asked, url, word, request, security, new Outgoing.Wish(first, reply)), answer);
    }

    private Exchange once(Transaction asked, String url, String word, Object request, Element security, Outgoing.Wish wish) {
        String tls = demo.name + switch (word) {
            case "no-certificate" -> "-none";
            case "foreign-certificate" -> "-foreign";
            default -> "-own";
        };
        String pages = word.equals("pages") ? "&supportContinuation=true&autoCancel=true&validationOnContinuation=true" : "";
        String address = asked.scheme() + "://" + url.substring("https://".length()) + "?secure=true&audit=false&sslContextParameters=#"
                + tls + "&outInterceptors=#outgoing&inInterceptors=#incoming&inFaultInterceptors=#incoming" + pages;
        Exchange exchange = new DefaultExchange(camel);
        exchange.getIn().setBody(request);
        if (security != null) {
            SoapHeader header = new SoapHeader(new QName(Xua.WSSE, "Security"), security);
            header.setMustUnderstand(true);
            exchange.getIn().setHeader(AbstractWsEndpoint.OUTGOING_SOAP_HEADERS, List.of(header));
        }
        Incoming.forget();
        Outgoing.wish(wish);
        try {
            return producer.send(address, exchange);
        } finally {
            Outgoing.wish(null);
        }
    }

    private static Exchange judged(Exchange exchange, ObjectNode answer) {
        answer.put("packaging", Incoming.packaging());
        Exception problem = exchange.getException();
        if (problem == null && exchange.getMessage().getBody() != null) {
            answer.put("verdict", "answered");
            return exchange;
        }
        if (problem == null) {
            answer.put("verdict", "no answer");
            return null;
        }
        SoapFault fault = null;
        Throwable root = problem;
        for (Throwable at = problem; at != null; at = at.getCause()) {
            root = at;
            fault = at instanceof SoapFault found ? found : fault;
        }
        // CXF wraps what went wrong on its own side in a SoapFault too.
        if (fault == null || fault != root) {
            answer.put("verdict", root instanceof IOException ? "no answer" : "unreadable");
            answer.put("problem", root.toString());
            return null;
        }
        answer.put("verdict", "fault");
        ObjectNode into = answer.putObject("fault");
        into.put("code", fault.getFaultCode().getLocalPart());
        ArrayNode subcodes = into.putArray("subcodes");
        if (fault.getSubCodes() != null) {
            fault.getSubCodes().forEach(code -> subcodes.add("{" + code.getNamespaceURI() + "}" + code.getLocalPart()));
        }
        into.put("reason", fault.getReason());
        return null;
    }
}
