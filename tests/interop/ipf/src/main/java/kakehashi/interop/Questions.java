package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Comparator;
import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.ebxml.ebxml30.RetrieveDocumentSetRequestType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Code;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntryType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.requests.DocumentReference;
import org.openehealth.ipf.commons.ihe.xds.core.requests.QueryRegistry;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RetrieveDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryList;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryReturnType;
import org.openehealth.ipf.commons.ihe.xds.core.stub.ebrs30.query.AdhocQueryRequest;
import org.openehealth.ipf.platform.camel.ihe.xds.core.converters.EbXML30Converters;

/** What we ask about documents: a message for each transaction and case. */
final class Questions {
    /** Cases that can be asked only after a find. */
    static final List<String> NEED_ENTRIES = List.of("get-uuid", "several", "large");
    private static final String FOREIGN_HOME = "urn:oid:2.999.99";
    private static final String NOBODY_KNOWS = "urn:uuid:00000000-0000-4000-8000-000000000000";

    private final Demo demo;
    private final PatientQuestions persons;

    Questions(Demo demo, PatientQuestions persons) {
        this.demo = demo;
        this.persons = persons;
    }

    AdhocQueryRequest query(String word, JsonNode command, List<Answers.Entry> known) {
        if (command.has("query")) {
            AdhocQueryRequest message = EbXML30Converters.convert(StoredQueries.of(command));
            if (command.has("stored_query")) {
                message.getAdhocQuery().setId("urn:uuid:" + command.path("stored_query").asText());
            }
            return message;
        }
        JsonNode example = persons.example(word);
        String patient = command.hasNonNull("patient") ? command.path("patient").asText() : example.path("patient").asText();
        Identifiable who = Identifiable.parse(patient);
        QueryRegistry request = switch (word) {
            case "filtered" -> filtered(who);
            case "nothing-of-that-class" -> nothing(who);
            // Who is withheld has no patient id in client.json, but a document.
            case "get-unique", "withheld" -> get(List.of(example.at("/document/unique").asText()), null);
            case "get-uuid" -> get(null, List.of(known.isEmpty() ? NOBODY_KNOWS : known.get(0).uuid()));
            default -> find(who);
        };
        if (word.equals("object-ref")) {
            request.setReturnType(QueryReturnType.OBJECT_REF);
        }
        if (word.equals("foreign-home")) {
            ((FindDocumentsQuery) request.getQuery()).setHomeCommunityId(FOREIGN_HOME);
        }
        AdhocQueryRequest message = EbXML30Converters.convert(request);
        if (word.equals("unknown-query")) {
            message.getAdhocQuery().setId(NOBODY_KNOWS);
        }
        return message;
    }

    private static QueryRegistry find(Identifiable patient) {
        FindDocumentsQuery find = new FindDocumentsQuery();
        find.setPatientId(patient);
        find.setStatus(List.of(AvailabilityStatus.APPROVED));
        return leaves(new QueryRegistry(find));
    }

    /** Whatever a portal narrows a list by, all at once: every document of the demo lies within. */
    private static QueryRegistry filtered(Identifiable patient) {
        FindDocumentsQuery find = new FindDocumentsQuery();
        find.setPatientId(patient);
        find.setStatus(List.of(AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED));
        find.getCreationTime().setFrom("2001");
        find.getCreationTime().setTo("20990101");
        find.getServiceStartTime().setFrom("200101010000");
        find.setClassCodes(List.of(new Code("検体検査結果", null, "2.999.392.1"), new Code("O'Brien (x)", null, "2.999.1")));
        find.setConfidentialityCodes(new QueryList<>(new Code("N", null, "2.16.840.1.113883.5.25")));
        find.setDocumentEntryTypes(List.of(DocumentEntryType.STABLE, DocumentEntryType.ON_DEMAND));
        return leaves(new QueryRegistry(find));
    }

    private static QueryRegistry nothing(Identifiable patient) {
        FindDocumentsQuery find = new FindDocumentsQuery();
        find.setPatientId(patient);
        find.setStatus(List.of(AvailabilityStatus.APPROVED));
        find.setClassCodes(List.of(new Code("no-such-class", null, "2.999.1")));
        return leaves(new QueryRegistry(find));
    }

    private QueryRegistry get(List<String> unique, List<String> uuids) {
        GetDocumentsQuery get = new GetDocumentsQuery();
        get.setHomeCommunityId(demo.text("/receiver"));
        get.setUniqueIds(unique);
        get.setUuids(uuids);
        return leaves(new QueryRegistry(get));
    }

    private static QueryRegistry leaves(QueryRegistry request) {
        request.setReturnType(QueryReturnType.LEAF_CLASS);
        return request;
    }

    RetrieveDocumentSetRequestType retrieve(String word, JsonNode command, List<Answers.Entry> known) {
        RetrieveDocumentSet request = new RetrieveDocumentSet();
        List<DocumentReference> wanted = request.getDocuments();
        if (command.path("documents").isArray()) {
            command.path("documents").forEach(one -> wanted.add(reference(one)));
        } else if (word.equals("several")) {
            known.stream().limit(3).forEach(one -> wanted.add(
                    new DocumentReference(one.repository(), one.unique(), one.home())));
        } else if (word.equals("large")) {
            known.stream().max(Comparator.comparingLong(Answers.Entry::size)).ifPresent(one -> wanted.add(
                    new DocumentReference(one.repository(), one.unique(), one.home())));
        } else if (word.equals("guessed")) {
            wanted.add(guessed());
        } else {
            wanted.add(reference(persons.example(word).path("document")));
        }
        if (word.equals("partial")) {
            wanted.add(guessed());
        }
        if (word.equals("foreign-home")) {
            wanted.get(0).setHomeCommunityId(FOREIGN_HOME);
        }
        return EbXML30Converters.convert(request);
    }

    private static DocumentReference reference(JsonNode document) {
        String home = document.hasNonNull("home") ? document.path("home").asText() : null;
        return new DocumentReference(document.path("repository").asText(), document.path("unique").asText(), home);
    }

    private DocumentReference guessed() {
        DocumentReference guess = reference(persons.example("match").path("document"));
        guess.setDocumentUniqueId("2.25.1234567890");
        return guess;
    }
}
