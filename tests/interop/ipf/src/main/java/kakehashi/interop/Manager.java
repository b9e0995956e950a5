package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Answers ITI-45 and ITI-47, and takes ITI-44, as the PIX and PDQ manager of a place. */
final class Manager {
    private static final String ACTS = "2.16.840.1.113883.1.6";
    private static final String PARAMETERS = "/hl7:controlActProcess/hl7:queryByParameter/hl7:parameterList/";
    private static final int CROWD = 250;

    private final Demo demo;
    private final Place place;
    private final Behaviour behaviour;

    Manager(Demo demo, Place place, Behaviour behaviour) {
        this.demo = demo;
        this.place = place;
        this.behaviour = behaviour;
    }

    /** Somebody whom we know under a number. */
    private record Known(String number, JsonNode person) {
    }

    /** The person of client.json; under `several` two more of her name and birth date, under `crowd` more than anybody reads. */
    private List<Known> known() {
        JsonNode match = demo.client.at("/sides/okayama/gateway/examples/match");
        List<Known> known = new ArrayList<>(List.of(new Known(Discovery.PATIENT, match)));
        int last = behaviour.is("several") ? 3 : behaviour.is("crowd") ? CROWD : 1;
        for (int number = 2; number <= last; number++) {
            ObjectNode other = match.deepCopy();
            other.put("phone", "082-999-900" + number).put("address", "広島県広島市見本町" + number).put("postal", "730-0000")
                    .put("given_kana", "ミサ").put("given", "美沙");
            known.add(new Known("IPF00000" + number, other));
        }
        return known;
    }

    /** The ids of each person that we have been given; without any we know the example's number in Okayama's network too. */
    private List<List<String>> links() {
        JsonNode links = behaviour.links();
        if (links.isMissingNode()) {
            return List.of(List.of(Discovery.PATIENT + "^^^&" + place.authority() + "&ISO",
                    demo.client.at("/sides/okayama/gateway/examples/match/patient").asText()));
        }
        List<List<String>> persons = new ArrayList<>();
        for (JsonNode ids : links) {
            List<String> one = new ArrayList<>();
            ids.forEach(id -> one.add(id.asText()));
            persons.add(one);
        }
        return persons;
    }

    /** ITI-45: the other ids of a person. */
    String ids(String request, ObjectNode asked) throws Exception {
        Element question = Discovery.parse(request).getDocumentElement();
        Element value = Discovery.child(Discovery.one(question, "patientIdentifier"), "value");
        String id = value.getAttribute("extension") + "^^^&" + value.getAttribute("root") + "&ISO";
        List<String> wanted = all(question, "dataSource").stream()
                .map(one -> Discovery.child(one, "value").getAttribute("root")).toList();
        asked.put("id", id).put("wanted", wanted.toString());
        List<String> linked = links().stream().filter(ids -> ids.contains(id)).findFirst().orElse(List.of());
        if (failing()) {
            return answer(question, "PRPA_IN201310UV02", "AE", "AE", detail("INTERR", ""), "", "");
        }
        if (linked.isEmpty() || behaviour.is("unknown")) {
            String there = "/hl7:PRPA_IN201309UV02" + PARAMETERS + "hl7:patientIdentifier/hl7:value/@extension";
            return answer(question, "PRPA_IN201310UV02", "AE", "AE", detail("204", there), "", "");
        }
        List<String> told = linked.stream().filter(one -> !one.equals(id))
                .filter(one -> wanted.isEmpty() || wanted.contains(one.split("&")[1])).toList();
        String subject = told.isEmpty() ? "" : subject(told, "<name nullFlavor='NA'/>", false);
        return answer(question, "PRPA_IN201310UV02", "AA", told.isEmpty() ? "NF" : "OK", "", subject, "");
    }

    /** ITI-47: everybody who has every value that is asked by; addresses are not compared. */
    String persons(String request, ObjectNode asked) throws Exception {
        Element question = Discovery.parse(request).getDocumentElement();
        String birth = value(question, "livingSubjectBirthTime", "value");
        String sex = value(question, "livingSubjectAdministrativeGender", "code");
        List<String> ids = all(question, "livingSubjectId").stream().map(one -> Discovery.child(one, "value"))
                .map(one -> one.getAttribute("extension") + "^^^&" + one.getAttribute("root") + "&ISO").toList();
        List<String> names = all(question, "livingSubjectName").stream().map(one -> name(Discovery.child(one, "value"))).toList();
        asked.put("birth", birth).put("sex", sex).put("ids", ids.toString()).put("names", names.toString());
        asked.put("page", value(question, "initialQuantity", "value"));
        if (failing()) {
            return answer(question, "PRPA_IN201306UV02", "AE", "AE", detail("INTERR", ""), "", quantities(0));
        }
        List<Known> found = behaviour.is("unknown") ? List.of() : known().stream().filter(one ->
                (birth.isEmpty() || birth.equals(text(one.person, "birth"))) && (sex.isEmpty() || sex.equals(text(one.person, "sex")))
                && ids.stream().allMatch(id -> id.equals(one.number + "^^^&" + place.authority() + "&ISO"))
                && (names.isEmpty() || names.stream().anyMatch(name -> bears(one.person, name)))).toList();
        StringBuilder subjects = new StringBuilder();
        found.forEach(one -> subjects.append(subject(List.of(one.number + "^^^&" + place.authority() + "&ISO"),
                person(one.person), true)));
        return answer(question, "PRPA_IN201306UV02", "AA", found.isEmpty() ? "NF" : "OK", "", subjects.toString(),
                quantities(found.size()));
    }

    /** ITI-44: what we are told, acknowledged as accepted or, while we fail, as rejected. */
    String feed(String request, ObjectNode asked) throws Exception {
        Element message = Discovery.parse(request).getDocumentElement();
        Element patient = Discovery.one(message, "patient");
        Element id = Discovery.child(message, "id");
        asked.put("change", message.getLocalName()).put("message", id.getAttribute("root") + "^" + id.getAttribute("extension"));
        asked.put("ids", cxs(patient, "patient").toString()).put("others", cxs(patient, "asOtherIDs").toString());
        asked.put("subsumed", cxs(message, "priorRegisteredRole").toString());
        asked.put("name", name(Discovery.one(patient, "name"))).put("addresses", all(patient, "addr").size());
        String answer = head(message, "MCCI_IN000002UV01", failing() ? "CR" : "CA", failing() ? detail("INTERR", "") : "");
        return answer + "</MCCI_IN000002UV01>";
    }

    /** The ids that stand directly in elements of that name. */
    private static List<String> cxs(Element within, String parent) {
        return all(within, "id").stream().filter(id -> id.getParentNode().getLocalName().equals(parent))
                .map(id -> id.getAttribute("extension") + "^^^&" + id.getAttribute("root") + "&ISO").toList();
    }

    private boolean failing() {
        return behaviour.is("error") || behaviour.is("busy");
    }

    private static boolean bears(JsonNode person, String name) {
        return name.equals(text(person, "family") + " " + text(person, "given"))
                || name.equals(text(person, "family_kana") + " " + text(person, "given_kana"));
    }

    private static String name(Element value) {
        return all(value, "*").stream().map(part -> part.getTextContent().trim()).collect(Collectors.joining(" "));
    }

    private static String value(Element question, String element, String attribute) {
        Element found = Discovery.one(question, element);
        Element value = found == null || found.hasAttribute(attribute) ? found : Discovery.child(found, "value");
        return value == null ? "" : value.getAttribute(attribute);
    }

    private static List<Element> all(Element within, String name) {
        NodeList found = within.getElementsByTagNameNS(Xua.HL7, name);
        return IntStream.range(0, found.getLength()).mapToObj(at -> (Element) found.item(at)).toList();
    }

    private static String text(JsonNode person, String name) {
        return person.path(name).asText();
    }

    private static String person(JsonNode person) {
        return name("IDE", text(person, "family"), text(person, "given"))
                + name("SYL", text(person, "family_kana"), text(person, "given_kana"))
                + "<telecom value='tel:" + text(person, "phone") + "'/><administrativeGenderCode code='" + text(person, "sex")
                + "' codeSystem='2.16.840.1.113883.5.1'/><birthTime value='" + text(person, "birth") + "'/><addr><streetAddressLine>"
                + text(person, "address") + "</streetAddressLine><postalCode>" + text(person, "postal") + "</postalCode></addr>";
    }

    private static String name(String use, String family, String given) {
        return "<name use='" + use + "'><family>" + family + "</family><given>" + given + "</given></name>";
    }

    private String subject(List<String> ids, String person, boolean isMatch) {
        StringBuilder told = new StringBuilder();
        ids.forEach(id -> told.append("<id root='").append(id.split("&")[1]).append("' extension='").append(id.split("\\^")[0])
                .append("'/>"));
        String match = "<subjectOf1><queryMatchObservation classCode='COND' moodCode='EVN'><code code='IHE_PDQ'/>"
                + "<value xsi:type='INT' value='97'/></queryMatchObservation></subjectOf1>";
        return "<subject typeCode='SUBJ'><registrationEvent classCode='REG' moodCode='EVN'><id nullFlavor='NA'/>"
                + "<statusCode code='active'/><subject1 typeCode='SBJ'><patient classCode='PAT'>" + told
                + "<statusCode code='active'/><patientPerson classCode='PSN' determinerCode='INSTANCE'>" + person
                + "</patientPerson><providerOrganization classCode='ORG' determinerCode='INSTANCE'><id root='" + place.authority()
                + "'/><contactParty classCode='CON'/></providerOrganization>" + (isMatch ? match : "")
                + "</patient></subject1><custodian typeCode='CST'><assignedEntity classCode='ASSIGNED'><id root='"
                + place.community() + "'/></assignedEntity></custodian></registrationEvent></subject>";
    }

    private static String quantities(int count) {
        return "<resultTotalQuantity value='" + count + "'/><resultCurrentQuantity value='" + count
                + "'/><resultRemainingQuantity value='0'/>";
    }

    private static String detail(String code, String location) {
        return "<acknowledgementDetail typeCode='E'><code code='" + code + "' codeSystem='2.16.840.1.113883.12.357'/>"
                + (location.isEmpty() ? "" : "<location>" + location + "</location>") + "</acknowledgementDetail>";
    }

    private String answer(Element question, String root, String acknowledged, String response, String detail, String subjects,
            String quantities) throws Exception {
        String text = head(question, root, acknowledged, detail) + "<controlActProcess classCode='CACT' moodCode='EVN'><code code='"
                + root.replace("_IN", "_TE") + "' codeSystem='" + ACTS + "'/>" + subjects + "<queryAck><statusCode code='"
                + (acknowledged.equals("AE") ? "aborted" : "deliveredResponse") + "'/><queryResponseCode code='" + response + "'/>"
                + quantities + "</queryAck></controlActProcess></" + root + ">";
        Document answer = Discovery.parse(text);
        Element control = Discovery.one(answer.getDocumentElement(), "controlActProcess");
        Element query = Discovery.one(question, "queryByParameter");
        Element ack = Discovery.one(control, "queryAck");
        ack.insertBefore(answer.importNode(Discovery.child(query, "queryId"), true), ack.getFirstChild());
        control.appendChild(answer.importNode(query, true));
        return Discovery.write(answer);
    }

    private String head(Element question, String root, String acknowledged, String detail) {
        Element id = Discovery.child(question, "id");
        String target = "<id root='" + id.getAttribute("root")
                + (id.hasAttribute("extension") ? "' extension='" + id.getAttribute("extension") : "") + "'/>";
        Element sender = Discovery.one(Discovery.one(question, "sender"), "device");
        return "<" + root + " xmlns='urn:hl7-org:v3' xmlns:xsi='" + Xua.XSI + "' ITSVersion='XML_1.0'><id root='" + UUID.randomUUID()
                + "'/><creationTime value='20260101000000'/><interactionId root='" + ACTS + "' extension='" + root + "'/>"
                + "<processingCode code='P'/><processingModeCode code='T'/><acceptAckCode code='NE'/>"
                + Discovery.party("receiver", "RCV", Discovery.child(sender, "id").getAttribute("root"), Demo.bare(demo.text("/receiver")))
                + Discovery.party("sender", "SND", place.device(), place.community())
                + "<acknowledgement><typeCode code='" + acknowledged + "'/><targetMessage>" + target + "</targetMessage>" + detail
                + "</acknowledgement>";
    }
}
