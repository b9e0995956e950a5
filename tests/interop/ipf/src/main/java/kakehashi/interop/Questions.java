package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Comparator;
import java.util.List;
import java.util.UUID;
import org.openehealth.ipf.commons.ihe.xds.core.ebxml.ebxml30.RetrieveDocumentSetRequestType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Code;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntryType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.requests.DocumentReference;
import org.openehealth.ipf.commons.ihe.xds.core.requests.QueryRegistry;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RetrieveDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindFoldersQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindSubmissionSetsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetAllQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetAssociationsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryList;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryReturnType;
import org.openehealth.ipf.commons.ihe.xds.core.stub.ebrs30.query.AdhocQueryRequest;
import org.openehealth.ipf.platform.camel.ihe.xds.core.converters.EbXML30Converters;

/** What we ask Okayama: a message for each transaction and case. */
final class Questions {
    /** Cases that can be asked only after a find. */
    static final List<String> NEED_ENTRIES = List.of("get-uuid", "associations", "several", "large");
    private static final String FOREIGN_HOME = "urn:oid:2.999.99";
    private static final String NOBODY_KNOWS = "urn:uuid:00000000-0000-4000-8000-000000000000";

    private final Demo demo;

    Questions(Demo demo) {
        this.demo = demo;
    }

    /** A person of client.json; the cases that are about something else ask for `match`. */
    JsonNode example(String word) {
        JsonNode examples = demo.door.path("examples");
        if (word.equals("emergency")) {
            return examples.path("withheld"); // without consent: nobody but for an emergency
        }
        return examples.has(word) ? examples.path(word) : examples.path("match");
    }

    String discovery(String word) {
        JsonNode person = example(word);
        String query = "root='" + demo.text("/asker/device") + "' extension='" + UUID.randomUUID() + "'";
        return "<PRPA_IN201305UV02 xmlns='urn:hl7-org:v3' ITSVersion='XML_1.0'><id root='" + UUID.randomUUID() + "'/>"
                + "<creationTime value='20260101000000'/>"
                + "<interactionId root='2.16.840.1.113883.1.6' extension='PRPA_IN201305UV02'/>"
                + "<processingCode code='P'/><processingModeCode code='T'/><acceptAckCode code='AL'/>"
                + Discovery.party("receiver", "RCV", demo.text("/receiver_device"), Demo.bare(demo.text("/receiver")))
                + Discovery.party("sender", "SND", demo.text("/asker/device"), demo.community())
                + "<controlActProcess classCode='CACT' moodCode='EVN'>"
                + "<code code='PRPA_TE201305UV02' codeSystem='2.16.840.1.113883.1.6'/>"
                + "<authorOrPerformer typeCode='AUT'><assignedDevice classCode='ASSIGNED'><id root='" + demo.authority()
                + "'/></assignedDevice></authorOrPerformer><queryByParameter><queryId " + query + "/><statusCode code='new'/>"
                + "<responseModalityCode code='R'/><responsePriorityCode code='I'/><parameterList>"
                + parameters(person, word)
                + "</parameterList></queryByParameter></controlActProcess></PRPA_IN201305UV02>";
    }

    private String parameters(JsonNode person, String word) {
        if (word.equals("by-id")) {
            String[] theirs = text(person, "patient").split("[\\^&]+");
            return id(theirs[1], theirs[0]);
        }
        String gender = "<value code='" + text(person, "sex") + "' codeSystem='2.16.840.1.113883.5.1'/>";
        String birth = "<value value='" + text(person, "birth") + "'/>";
        String address = "<value><streetAddressLine>" + text(person, "address") + "</streetAddressLine><postalCode>"
                + text(person, "postal") + "</postalCode></value>";
        String phone = "<value value='tel:" + text(person, "phone") + "'/>";
        return parameter("livingSubjectAdministrativeGender", gender, "LivingSubject.administrativeGender")
                + parameter("livingSubjectBirthTime", birth, "LivingSubject.birthTime")
                + (word.equals("own-id") ? id(demo.authority(), "HM999001") : "")
                + name("IDE", text(person, "family"), text(person, "given"))
                + name("SYL", text(person, "family_kana"), text(person, "given_kana"))
                + (word.equals("name-only") ? "" : parameter("patientAddress", address, "Patient.addr")
                        + parameter("patientTelecom", phone, "Patient.telecom"));
    }

    private static String id(String root, String extension) {
        return parameter("livingSubjectId", "<value root='" + root + "' extension='" + extension + "'/>", "LivingSubject.id");
    }

    private static String text(JsonNode person, String name) {
        return person.path(name).asText();
    }

    private static String name(String use, String family, String given) {
        String value = "<value use='" + use + "'><family>" + family + "</family><given>" + given + "</given></value>";
        return parameter("livingSubjectName", value, "LivingSubject.name");
    }

    private static String parameter(String element, String value, String semantics) {
        return "<" + element + ">" + value + "<semanticsText>" + semantics + "</semanticsText></" + element + ">";
    }

    AdhocQueryRequest query(String word, JsonNode command, List<Answers.Entry> known) {
        JsonNode example = example(word);
        String patient = command.hasNonNull("patient") ? command.path("patient").asText() : example.path("patient").asText();
        Identifiable who = Identifiable.parse(patient);
        QueryRegistry request = switch (word) {
            case "filtered" -> filtered(who);
            case "nothing-of-that-class" -> nothing(who);
            case "submission-sets", "folders", "get-all", "associations" -> other(word, who, known);
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

    private QueryRegistry other(String word, Identifiable patient, List<Answers.Entry> known) {
        return leaves(new QueryRegistry(switch (word) {
            case "submission-sets" -> {
                FindSubmissionSetsQuery find = new FindSubmissionSetsQuery();
                find.setPatientId(patient);
                find.setStatus(List.of(AvailabilityStatus.APPROVED));
                yield find;
            }
            case "folders" -> {
                FindFoldersQuery find = new FindFoldersQuery();
                find.setPatientId(patient);
                find.setStatus(List.of(AvailabilityStatus.APPROVED));
                yield find;
            }
            case "associations" -> {
                GetAssociationsQuery get = new GetAssociationsQuery();
                get.setHomeCommunityId(demo.text("/receiver"));
                get.setUuids(List.of(known.isEmpty() ? NOBODY_KNOWS : known.get(0).uuid()));
                yield get;
            }
            default -> {
                GetAllQuery all = new GetAllQuery();
                all.setPatientId(patient);
                all.setStatusDocuments(List.of(AvailabilityStatus.APPROVED));
                all.setStatusSubmissionSets(List.of(AvailabilityStatus.APPROVED));
                all.setStatusFolders(List.of(AvailabilityStatus.APPROVED));
                yield all;
            }
        }));
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
            wanted.add(reference(example(word).path("document")));
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
        return new DocumentReference(text(document, "repository"), text(document, "unique"), text(document, "home"));
    }

    private DocumentReference guessed() {
        DocumentReference guess = reference(example("match").path("document"));
        guess.setDocumentUniqueId("2.25.1234567890");
        return guess;
    }
}
