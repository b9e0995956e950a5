package kakehashi.interop;

import static org.openehealth.ipf.platform.camel.ihe.hl7v3.PixPdqV3CamelValidators.iti55RequestValidator;
import static org.openehealth.ipf.platform.camel.ihe.hl7v3.PixPdqV3CamelValidators.iti55ResponseValidator;
import static org.openehealth.ipf.platform.camel.ihe.xds.XdsCamelValidators.iti38RequestValidator;
import static org.openehealth.ipf.platform.camel.ihe.xds.XdsCamelValidators.iti38ResponseValidator;
import static org.openehealth.ipf.platform.camel.ihe.xds.XdsCamelValidators.iti39RequestValidator;
import static org.openehealth.ipf.platform.camel.ihe.xds.XdsCamelValidators.iti39ResponseValidator;

import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.builder.RouteBuilder;
import org.openehealth.ipf.commons.ihe.xds.core.ebxml.ebxml30.RetrieveDocumentSetRequestType;
import org.openehealth.ipf.commons.ihe.xds.core.stub.ebrs30.query.AdhocQueryRequest;
import org.openehealth.ipf.platform.camel.ihe.xds.core.converters.EbXML30Converters;

/** The served side: IPF's three consumers, its validators on what comes and on what we answer. */
final class Routes extends RouteBuilder {
    private static final String OPTIONS = "?audit=false&inInterceptors=#understood,#gate";

    private final Behaviour behaviour;
    private final Discovery discovery;
    private final Holdings holdings;

    Routes(Behaviour behaviour, Demo demo) {
        this.behaviour = behaviour;
        this.discovery = new Discovery(demo);
        this.holdings = new Holdings(demo, behaviour);
    }

    @Override
    public void configure() {
        from("xcpd-iti55:xcpd" + OPTIONS).process(this::discover);
        from("xca-iti38:xca/query" + OPTIONS).process(this::query);
        from("xca-iti39:xca/retrieve" + OPTIONS).process(this::retrieve);
    }

    private void discover(Exchange exchange) throws Exception {
        String request = exchange.getIn().getBody(String.class);
        Received.Request record = judged(exchange, "ITI-55", iti55RequestValidator(), request);
        String answer = discovery.answer(request, behaviour.now(), record.asked);
        own(exchange, iti55ResponseValidator(), answer);
        exchange.getMessage().setBody(answer);
    }

    private void query(Exchange exchange) {
        AdhocQueryRequest request = exchange.getIn().getBody(AdhocQueryRequest.class);
        Received.Request record = judged(exchange, "ITI-38", iti38RequestValidator(), request);
        var answer = EbXML30Converters.convert(
                holdings.query(EbXML30Converters.convert(request), behaviour.now(), record.asked));
        if (!behaviour.is("wrong-home") && !behaviour.is("wrong-patient")) {
            own(exchange, iti38ResponseValidator(), answer);
        }
        exchange.getMessage().setBody(answer);
    }

    private void retrieve(Exchange exchange) {
        RetrieveDocumentSetRequestType request = exchange.getIn().getBody(RetrieveDocumentSetRequestType.class);
        Received.Request record = judged(exchange, "ITI-39", iti39RequestValidator(), request);
        var answer = EbXML30Converters.convert(
                holdings.retrieve(EbXML30Converters.convert(request), behaviour.now(), record.asked));
        if (!behaviour.is("wrong-home")) {
            own(exchange, iti39ResponseValidator(), answer);
        }
        exchange.getMessage().setBody(answer);
    }

    private Received.Request judged(Exchange exchange, String transaction, Processor validator, Object request) {
        Received.Request record = Received.current();
        record.transaction = transaction;
        record.validator = Verdict.of(exchange.getContext(), validator, request);
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
