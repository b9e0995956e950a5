package kakehashi.interop;

import java.util.List;
import org.apache.camel.Processor;
import org.openehealth.ipf.platform.camel.ihe.hl7v3.PixPdqV3CamelValidators;
import org.openehealth.ipf.platform.camel.ihe.xds.XdsCamelValidators;

/** A transaction: IPF's component, the endpoint of client.json where we ask it, and IPF's validators. */
record Transaction(String name, String scheme, String endpoint, Processor request, Processor response) {
    private static final List<Transaction> ALL = List.of(
            new Transaction("ITI-55", "xcpd-iti55", "patient_discovery",
                    PixPdqV3CamelValidators.iti55RequestValidator(), PixPdqV3CamelValidators.iti55ResponseValidator()),
            new Transaction("ITI-38", "xca-iti38", "document_query",
                    XdsCamelValidators.iti38RequestValidator(), XdsCamelValidators.iti38ResponseValidator()),
            new Transaction("ITI-39", "xca-iti39", "document_retrieve",
                    XdsCamelValidators.iti39RequestValidator(), XdsCamelValidators.iti39ResponseValidator()),
            new Transaction("ITI-44", "pixv3-iti44", "notifications",
                    PixPdqV3CamelValidators.iti44RequestValidator(), PixPdqV3CamelValidators.iti44ResponseValidator()),
            new Transaction("ITI-46", "pixv3-iti46", "notifications",
                    PixPdqV3CamelValidators.iti46RequestValidator(), PixPdqV3CamelValidators.iti46ResponseValidator()),
            new Transaction("ITI-45", "pixv3-iti45", "patient_ids",
                    PixPdqV3CamelValidators.iti45RequestValidator(), PixPdqV3CamelValidators.iti45ResponseValidator()),
            new Transaction("ITI-47", "pdqv3-iti47", "patient_demographics",
                    PixPdqV3CamelValidators.iti47RequestValidator(), PixPdqV3CamelValidators.iti47ResponseValidator()),
            new Transaction("ITI-18", "xds-iti18", "registry",
                    XdsCamelValidators.iti18RequestValidator(), XdsCamelValidators.iti18ResponseValidator()),
            new Transaction("ITI-43", "xds-iti43", "repository",
                    XdsCamelValidators.iti43RequestValidator(), XdsCamelValidators.iti43ResponseValidator()));

    static Transaction of(String name) {
        return ALL.stream().filter(one -> one.name.equals(name)).findFirst()
                .orElseThrow(() -> new IllegalArgumentException("no such transaction: " + name));
    }
}
