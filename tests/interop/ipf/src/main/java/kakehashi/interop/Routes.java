package kakehashi.interop;

import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.builder.RouteBuilder;
import org.openehealth.ipf.commons.ihe.xds.core.ebxml.ebxml30.RetrieveDocumentSetRequestType;
import org.openehealth.ipf.commons.ihe.xds.core.stub.ebrs30.query.AdhocQueryRequest;
import org.openehealth.ipf.platform.camel.ihe.xds.core.converters.EbXML30Converters;

/** The served side: IPF's consumers, its validators on what comes and on what we answer. */
final class Routes extends RouteBuilder {
    private static final String OPTIONS = "?audit=false&inInterceptors=#understood,#gate";
    private static final String PAGES = "&supportContinuation=true&validationOnContinuation=true&continuationStorage=#pages";

    private final Demo demo;
    private final Behaviours behaviours;

    Routes(Behaviours behaviours, Demo demo) {
        this.demo = demo;
        this.behaviours = behaviours;
    }

    @Override
    public void configure() {
        Behaviour behaviour = behaviours.gateway();
        Place gateway = Place.gateway(demo);
        Discovery discovery = new Discovery(demo);
        from("xcpd-iti55:xcpd" + OPTIONS).process(exchange ->
                persons(exchange, "ITI-55", (request, asked) -> discovery.answer(request, behaviour.now(), asked)));
        documents("ITI-38", "xca/query", new Holdings(gateway, behaviour), behaviour);
        documents("ITI-39", "xca/retrieve", new Holdings(gateway, behaviour), behaviour);
        serve("", Place.network(demo), behaviour);
        serve(Behaviours.SOURCE, Place.source(demo), behaviours.source());
        Manager manager = new Manager(demo, Place.manager(demo), behaviours.manager());
        from("pixv3-iti45:" + Behaviours.MANAGER + "pix/query" + OPTIONS)
                .process(exchange -> persons(exchange, "ITI-45", manager::ids));
        from("pixv3-iti44:" + Behaviours.MANAGER + "pix/feed" + OPTIONS)
                .process(exchange -> persons(exchange, "ITI-44", manager::feed));
    }

    private void serve(String path, Place place, Behaviour behaviour) {
        Manager manager = new Manager(demo, place, behaviour);
        from("pixv3-iti45:" + path + "pix/query" + OPTIONS).process(exchange -> persons(exchange, "ITI-45", manager::ids));
        from("pdqv3-iti47:" + path + "pdq" + OPTIONS + PAGES).process(exchange -> persons(exchange, "ITI-47", manager::persons));
        documents("ITI-18", path + "xds/query", new Holdings(place, behaviour), behaviour);
        documents("ITI-43", path + "xds/retrieve", new Holdings(place, behaviour), behaviour);
    }

    private void documents(String name, String path, Holdings holdings, Behaviour behaviour) {
        Transaction asked = Transaction.of(name);
        from(asked.scheme() + ":" + path + OPTIONS).process(exchange -> {
            // These are what a gateway may not say.
            boolean isWrong = behaviour.is("wrong-home") || behaviour.is("wrong-patient");
            if (path.endsWith("query")) {
                query(exchange, asked, holdings, isWrong);
            } else {
                retrieve(exchange, asked, holdings, isWrong);
            }
        });
    }

    /** A message about persons, answered. */
    private interface Answering {
        String answer(String request, ObjectNode asked) throws Exception;
    }

    private static void persons(Exchange exchange, String name, Answering answering) throws Exception {
        Transaction asked = Transaction.of(name);
        String request = exchange.getIn().getBody(String.class);
        Received.Request record = judged(exchange, asked, request);
        String answer = answering.answer(request, record.asked);
        own(exchange, asked.response(), answer);
        exchange.getMessage().setBody(answer);
    }

    private static void query(Exchange exchange, Transaction asked, Holdings holdings, boolean isWrong) {
        AdhocQueryRequest request = exchange.getIn().getBody(AdhocQueryRequest.class);
        Received.Request record = judged(exchange, asked, request);
        var answer = EbXML30Converters.convert(holdings.query(EbXML30Converters.convert(request), record.asked));
        if (!isWrong) {
            own(exchange, asked.response(), answer);
        }
        exchange.getMessage().setBody(answer);
    }

    private static void retrieve(Exchange exchange, Transaction asked, Holdings holdings, boolean isWrong) {
        RetrieveDocumentSetRequestType request = exchange.getIn().getBody(RetrieveDocumentSetRequestType.class);
        Received.Request record = judged(exchange, asked, request);
        var answer = EbXML30Converters.convert(holdings.retrieve(EbXML30Converters.convert(request), record.asked));
        if (!isWrong) {
            own(exchange, asked.response(), answer);
        }
        exchange.getMessage().setBody(answer);
    }

    private static Received.Request judged(Exchange exchange, Transaction asked, Object request) {
        Received.Request record = Received.current();
        record.transaction = asked.name();
        record.validator = Verdict.of(exchange.getContext(), asked.request(), request);
        return record;
    }

    /** Our own answers must be good too, or what is said about Kakehashi's reading of them is worth nothing. */
    private static void own(Exchange exchange, Processor validator, Object answer) {
        String verdict = Verdict.of(exchange.getContext(), validator, answer);
        if (!verdict.equals(Verdict.VALID)) {
            Received.current().validator += " | our own answer: " + verdict;
        }
    }
}
