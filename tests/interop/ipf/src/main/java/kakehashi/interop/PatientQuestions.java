package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.UUID;

/** What we ask about persons: ITI-55 as a gateway, ITI-45 and ITI-47 as a portal. */
final class PatientQuestions {
    private static final String ACTS = "2.16.840.1.113883.1.6";

    private final Demo demo;

    PatientQuestions(Demo demo) {
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
        String asker = "<authorOrPerformer typeCode='AUT'><assignedDevice classCode='ASSIGNED'><id root='" + demo.authority()
                + "'/></assignedDevice></authorOrPerformer>";
        return message("PRPA_IN201305UV02", asker + query(UUID.randomUUID().toString(),
                "<responseModalityCode code='R'/><responsePriorityCode code='I'/>", parameters(example(word), word)));
    }

    private String parameters(JsonNode person, String word) {
        if (word.equals("by-id")) {
            return id(text(person, "patient"));
        }
        return gender(person) + birth(person)
                + (word.equals("own-id") ? id("HM999001^^^&" + demo.authority() + "&ISO") : "")
                + name("IDE", text(person, "family"), text(person, "given"))
                + name("SYL", text(person, "family_kana"), text(person, "given_kana"))
                + (word.equals("name-only") ? "" : addresses(person));
    }

    /** ITI-45: the other ids of `id`, of the authorities `wanted` if any are named. */
    String ids(JsonNode command) {
        StringBuilder parameters = new StringBuilder();
        command.path("wanted").forEach(root -> parameters.append(
                parameter("dataSource", "<value root='" + root.asText() + "'/>", "DataSource.id")));
        parameters.append(parameter("patientIdentifier", ii(command.path("id").asText()), "Patient.Id"));
        return message("PRPA_IN201309UV02",
                query(UUID.randomUUID().toString(), "<responsePriorityCode code='I'/>", parameters.toString()));
    }

    /** ITI-47: of a `person`, by `ids`, in the authorities `wanted`, `quantity` at a time; or what follows. */
    String demographics(JsonNode command) {
        String id = command.path("query").asText();
        switch (command.path("then").asText()) {
            case "continue":
                return continuation("QUQI_IN000003UV01", id, "<statusCode code='waitContinuedQueryResponse'/>");
            case "cancel":
                return continuation("QUQI_IN000003UV01_Cancel", id,
                        "<continuationQuantity value='0'/><statusCode code='aborted'/>");
            default:
        }
        JsonNode person = command.path("person");
        StringBuilder parameters = new StringBuilder();
        parameters.append(person.has("sex") ? gender(person) : "").append(person.has("birth") ? birth(person) : "");
        command.path("ids").forEach(one -> parameters.append(id(one.asText())));
        parameters.append(person.has("family") ? name("IDE", text(person, "family"), text(person, "given")) : "");
        command.path("wanted").forEach(root -> parameters.append(parameter("otherIDsScopingOrganization",
                "<value root='" + root.asText() + "'/>", "OtherIDs.scopingOrganization.id")));
        parameters.append(person.has("address") ? addresses(person) : "");
        String page = command.has("quantity") ? "<initialQuantity value='" + command.path("quantity").asInt() + "'/>" : "";
        return message("PRPA_IN201305UV02", query(id.isEmpty() ? UUID.randomUUID().toString() : id,
                "<responseModalityCode code='R'/><responsePriorityCode code='I'/>" + page, parameters.toString()));
    }

    private String query(String id, String how, String parameters) {
        return "<queryByParameter>" + queryId(id) + "<statusCode code='new'/>" + how + "<parameterList>" + parameters
                + "</parameterList></queryByParameter>";
    }

    private String queryId(String id) {
        return "<queryId root='" + demo.text("/asker/device") + "' extension='" + id + "'/>";
    }

    private String message(String root, String content) {
        String trigger = root.replace("_IN", "_TE");
        return frame(root, root, "", "<code code='" + trigger + "' codeSystem='" + ACTS + "'/>" + content);
    }

    private String continuation(String root, String query, String how) {
        String before = "<acknowledgement><typeCode code='AA'/><targetMessage><id root='" + UUID.randomUUID()
                + "'/></targetMessage></acknowledgement>";
        return frame(root, "QUQI_IN000003UV01", before, "<code code='PRPA_TE000003UV01' codeSystem='" + ACTS
                + "'/><queryContinuation>" + queryId(query) + how + "</queryContinuation>");
    }

    String frame(String root, String interaction, String acknowledgement, String act) {
        return "<" + root + " xmlns='urn:hl7-org:v3' ITSVersion='XML_1.0'><id root='" + UUID.randomUUID() + "'/>"
                + "<creationTime value='20260101000000'/><interactionId root='" + ACTS + "' extension='" + interaction + "'/>"
                + "<processingCode code='P'/><processingModeCode code='T'/><acceptAckCode code='AL'/>"
                + Discovery.party("receiver", "RCV", demo.text("/receiver_device"), Demo.bare(demo.text("/receiver")))
                + Discovery.party("sender", "SND", demo.text("/asker/device"), demo.community()) + acknowledgement
                + "<controlActProcess classCode='CACT' moodCode='EVN'>" + act + "</controlActProcess></" + root + ">";
    }

    private static String gender(JsonNode person) {
        return parameter("livingSubjectAdministrativeGender",
                "<value code='" + text(person, "sex") + "' codeSystem='2.16.840.1.113883.5.1'/>",
                "LivingSubject.administrativeGender");
    }

    private static String birth(JsonNode person) {
        return parameter("livingSubjectBirthTime", "<value value='" + text(person, "birth") + "'/>",
                "LivingSubject.birthTime");
    }

    private static String addresses(JsonNode person) {
        String address = "<value><streetAddressLine>" + text(person, "address") + "</streetAddressLine><postalCode>"
                + text(person, "postal") + "</postalCode></value>";
        return parameter("patientAddress", address, "Patient.addr")
                + parameter("patientTelecom", "<value value='tel:" + text(person, "phone") + "'/>", "Patient.telecom");
    }

    private static String ii(String cx) {
        String[] parts = cx.split("[\\^&]+");
        return "<value root='" + parts[1] + "' extension='" + parts[0] + "'/>";
    }

    private static String id(String cx) {
        return parameter("livingSubjectId", ii(cx), "LivingSubject.id");
    }

    private static String text(JsonNode person, String name) {
        return person.path(name).asText();
    }

    private static String name(String use, String family, String given) {
        String value = "<value use='" + use + "'><family>" + family + "</family>"
                + (given.isEmpty() ? "" : "<given>" + given + "</given>") + "</value>";
        return parameter("livingSubjectName", value, "LivingSubject.name");
    }

    private static String parameter(String element, String value, String semantics) {
        return "<" + element + ">" + value + "<semanticsText>" + semantics + "</semanticsText></" + element + ">";
    }
}
