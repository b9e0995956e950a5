package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;

/** What we tell as a PIX manager: ITI-46, and the messages of ITI-44. */
final class PatientRecords {
    private static final String ACTS = "2.16.840.1.113883.1.6";

    private final Demo demo;
    private final PatientQuestions messages;

    PatientRecords(Demo demo, PatientQuestions messages) {
        this.demo = demo;
        this.messages = messages;
    }

    /** A record of these `ids` by the interaction `change`, in which `subsumed` have been given up; of whom `person` says. */
    String told(JsonNode command) {
        String root = command.path("change").asText("PRPA_IN201302UV02");
        StringBuilder ids = new StringBuilder();
        command.path("ids").forEach(id -> ids.append(ii(id.asText())));
        StringBuilder replaced = new StringBuilder();
        command.path("subsumed").forEach(id -> replaced.append("<replacementOf typeCode='RPLC'><priorRegistration classCode='REG' ")
                .append("moodCode='EVN'><statusCode code='obsolete'/><subject1 typeCode='SBJ'><priorRegisteredRole classCode='PAT'>")
                .append(ii(id.asText())).append("</priorRegisteredRole></subject1></priorRegistration></replacementOf>"));
        String home = Demo.bare(demo.text("/receiver"));
        String organization = "<providerOrganization classCode='ORG' determinerCode='INSTANCE'><id root='" + home
                + "'/><name>岡山</name><contactParty classCode='CON'><telecom value='tel:086-999-0000'/></contactParty></providerOrganization>";
        String act = "<code code='" + root.replace("_IN", "_TE") + "' codeSystem='" + ACTS + "'/><subject typeCode='SUBJ'>"
                + "<registrationEvent classCode='REG' moodCode='EVN'><id nullFlavor='NA'/><statusCode code='active'/>"
                + "<subject1 typeCode='SBJ'><patient classCode='PAT'>" + ids + "<statusCode code='active'/>"
                + "<patientPerson classCode='PSN' determinerCode='INSTANCE'>" + person(command.path("person")) + "</patientPerson>"
                + organization + "</patient></subject1><custodian typeCode='CST'><assignedEntity classCode='ASSIGNED'><id root='"
                + home + "'/></assignedEntity></custodian>" + replaced + "</registrationEvent></subject>";
        return messages.frame(root, root, "", act);
    }

    private static String ii(String cx) {
        String[] parts = cx.split("[\\^&]+");
        return "<id root='" + parts[1] + "' extension='" + parts[0] + "'/>";
    }

    private static String person(JsonNode person) {
        if (person.isMissingNode()) {
            return "<name nullFlavor='NA'/>";
        }
        return "<name><family>" + person.path("family").asText() + "</family><given>" + person.path("given").asText()
                + "</given></name><administrativeGenderCode code='" + person.path("sex").asText()
                + "' codeSystem='2.16.840.1.113883.5.1'/><birthTime value='" + person.path("birth").asText() + "'/>";
    }
}
