package kakehashi.interop;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.StringReader;
import java.io.StringWriter;
import java.util.List;
import java.util.UUID;
import javax.xml.transform.OutputKeys;
import javax.xml.transform.Transformer;
import javax.xml.transform.TransformerFactory;
import javax.xml.transform.dom.DOMSource;
import javax.xml.transform.stream.StreamResult;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.InputSource;

/** Answers ITI-55: one PRPA_IN201306UV02 for a PRPA_IN201305UV02. */
final class Discovery {
    static final String PATIENT = "IPF000001";
    private static final String RENUMBERED = "IPF000009";
    private static final String DETAIL = "2.16.840.1.113883.5.4";

    private final Demo demo;

    Discovery(Demo demo) {
        this.demo = demo;
    }

    String answer(String request, String behaviour, ObjectNode asked) throws Exception {
        Element question = parse(request).getDocumentElement();
        asked.put("names", names(question));
        asked.put("birth", attribute(question, "livingSubjectBirthTime", "value"));
        asked.put("sender", attribute(one(question, "sender"), "representedOrganization", "root"));
        boolean isError = behaviour.equals("busy") || behaviour.equals("error");
        boolean isFound = !isError && !behaviour.equals("unknown") && !behaviour.equals("more-attributes");
        String code = isError ? "AE" : behaviour.equals("unknown") ? "NF" : "OK";
        String text = frame(question, isError, code, reason(behaviour));
        Document answer = parse(text);
        Element control = one(answer.getDocumentElement(), "controlActProcess");
        Element ack = one(control, "queryAck");
        if (isFound) {
            control.insertBefore(match(answer, question, behaviour), firstOf(control));
        }
        ack.insertBefore(answer.importNode(child(one(question, "queryByParameter"), "queryId"), true), ack.getFirstChild());
        control.appendChild(answer.importNode(one(question, "queryByParameter"), true));
        return write(answer);
    }

    private static Node firstOf(Element control) {
        return child(control, "code").getNextSibling();
    }

    private static String reason(String behaviour) {
        String inner = switch (behaviour) {
            case "more-attributes" -> trigger("PatientTelecomRequested") + trigger("PatientAddressRequested");
            case "busy" -> management("ResponderBusy");
            case "error" -> management("InternalError");
            default -> "";
        };
        return inner.isEmpty() ? "" : "<reasonOf typeCode='RSON'><detectedIssueEvent classCode='ALRT' moodCode='EVN'>"
                + "<code code='ActAdministrativeDetectedIssueCode' codeSystem='" + DETAIL + "'/>" + inner
                + "</detectedIssueEvent></reasonOf>";
    }

    private static String trigger(String code) {
        return "<triggerFor typeCode='TRIG'><actOrderRequired classCode='ACT' moodCode='RQO'><code code='" + code
                + "' codeSystem='1.3.6.1.4.1.19376.1.2.27.1'/></actOrderRequired></triggerFor>";
    }

    private static String management(String code) {
        return "<mitigatedBy typeCode='MITGT'><detectedIssueManagement classCode='ACT' moodCode='EVN'><code code='" + code
                + "' codeSystem='1.3.6.1.4.1.19376.1.2.27.3'/></detectedIssueManagement></mitigatedBy>";
    }

    private String frame(Element question, boolean isError, String code, String reason) {
        Element id = child(question, "id");
        String target = "<id root='" + id.getAttribute("root") + "' extension='" + id.getAttribute("extension") + "'/>";
        return "<PRPA_IN201306UV02 xmlns='urn:hl7-org:v3' xmlns:xsi='" + Xua.XSI + "' ITSVersion='XML_1.0'>"
                + "<id root='" + UUID.randomUUID() + "'/><creationTime value='20260101000000'/>"
                + "<interactionId root='2.16.840.1.113883.1.6' extension='PRPA_IN201306UV02'/>"
                + "<processingCode code='P'/><processingModeCode code='T'/><acceptAckCode code='NE'/>"
                + party("receiver", "RCV", demo.text("/receiver_device"), Demo.bare(demo.text("/receiver")))
                + party("sender", "SND", demo.community() + ".0.1", demo.community())
                + "<acknowledgement><typeCode code='" + (isError ? "AE" : "AA") + "'/><targetMessage>" + target
                + "</targetMessage></acknowledgement><controlActProcess classCode='CACT' moodCode='EVN'>"
                + "<code code='PRPA_TE201306UV02' codeSystem='2.16.840.1.113883.1.6'/>" + reason
                + "<queryAck><statusCode code='" + (isError ? "aborted" : "deliveredResponse") + "'/>"
                + "<queryResponseCode code='" + code + "'/></queryAck></controlActProcess></PRPA_IN201306UV02>";
    }

    static String party(String element, String type, String device, String community) {
        return "<" + element + " typeCode='" + type + "'><device classCode='DEV' determinerCode='INSTANCE'><id root='"
                + device + "'/><asAgent classCode='AGNT'><representedOrganization classCode='ORG' determinerCode='INSTANCE'>"
                + "<id root='" + community + "'/></representedOrganization></asAgent></device></" + element + ">";
    }

    /** The person that was asked for, as our own patient; under `wrong-patient` somebody else. */
    private Node match(Document answer, Element question, String behaviour) throws Exception {
        String home = behaviour.equals("wrong-home") ? "2.999.35" : demo.community();
        String number = behaviour.equals("renumbered") ? RENUMBERED : PATIENT;
        String event = "<subject xmlns='urn:hl7-org:v3' xmlns:xsi='" + Xua.XSI + "' typeCode='SUBJ'>"
                + "<registrationEvent classCode='REG' moodCode='EVN'><id nullFlavor='NA'/><statusCode code='active'/>"
                + "<subject1 typeCode='SBJ'><patient classCode='PAT'><id root='" + demo.authority() + "' extension='" + number
                + "'/><statusCode code='active'/><patientPerson classCode='PSN' determinerCode='INSTANCE'/>"
                + "<providerOrganization classCode='ORG' determinerCode='INSTANCE'><id root='" + demo.authority()
                + "'/><contactParty classCode='CON'/></providerOrganization><subjectOf1>"
                + "<queryMatchObservation classCode='COND' moodCode='EVN'><code code='IHE_PDQ'/><value xsi:type='INT' value='97'/>"
                + "</queryMatchObservation></subjectOf1></patient></subject1><custodian typeCode='CST'>"
                + "<assignedEntity classCode='ASSIGNED'><id root='" + home + "'/><code code='NotHealthDataLocator' "
                + "codeSystem='1.3.6.1.4.1.19376.1.2.27.2'/></assignedEntity></custodian></registrationEvent></subject>";
        Element subject = (Element) answer.importNode(parse(event).getDocumentElement(), true);
        Element person = one(subject, "patientPerson");
        if (behaviour.equals("wrong-patient")) {
            String other = "<patientPerson xmlns='urn:hl7-org:v3'><name use='IDE'><family>別人</family><given>太郎</given></name>"
                    + "<administrativeGenderCode code='M'/><birthTime value='19010203'/></patientPerson>";
            NodeList children = parse(other).getDocumentElement().getChildNodes();
            for (int at = 0; at < children.getLength(); at++) {
                person.appendChild(answer.importNode(children.item(at), true));
            }
            return subject;
        }
        for (List<String> pair : List.of(List.of("livingSubjectName", "name"), List.of("patientTelecom", "telecom"),
                List.of("livingSubjectAdministrativeGender", "administrativeGenderCode"),
                List.of("livingSubjectBirthTime", "birthTime"), List.of("patientAddress", "addr"))) {
            NodeList parameters = question.getElementsByTagNameNS(Xua.HL7, pair.get(0));
            for (int at = 0; at < parameters.getLength(); at++) {
                Node value = answer.importNode(child((Element) parameters.item(at), "value"), true);
                person.appendChild(answer.renameNode(value, Xua.HL7, pair.get(1)));
            }
        }
        return subject;
    }

    private static String names(Element question) {
        NodeList names = question.getElementsByTagNameNS(Xua.HL7, "livingSubjectName");
        StringBuilder all = new StringBuilder();
        for (int at = 0; at < names.getLength(); at++) {
            NodeList parts = child((Element) names.item(at), "value").getChildNodes();
            for (int part = 0; part < parts.getLength(); part++) {
                all.append(part == 0 ? (at == 0 ? "" : ", ") : " ").append(parts.item(part).getTextContent().trim());
            }
        }
        return all.toString();
    }

    private static String attribute(Element within, String element, String name) {
        if (within.getElementsByTagNameNS(Xua.HL7, element).getLength() == 0) {
            return "";
        }
        NodeList children = one(within, element).getChildNodes();
        for (int at = 0; at < children.getLength(); at++) {
            if (children.item(at) instanceof Element child && child.hasAttribute(name)) {
                return child.getAttribute(name);
            }
        }
        return "";
    }

    static Element one(Element within, String name) {
        return (Element) within.getElementsByTagNameNS(Xua.HL7, name).item(0);
    }

    static Element child(Element within, String name) {
        for (Node node = within.getFirstChild(); node != null; node = node.getNextSibling()) {
            if (name.equals(node.getLocalName())) {
                return (Element) node;
            }
        }
        throw new IllegalArgumentException("no " + name);
    }

    static Document parse(String text) throws Exception {
        return Received.parser().parse(new InputSource(new StringReader(text)));
    }

    static String write(Node node) throws Exception {
        Transformer transformer = TransformerFactory.newDefaultInstance().newTransformer();
        transformer.setOutputProperty(OutputKeys.OMIT_XML_DECLARATION, "yes");
        StringWriter text = new StringWriter();
        transformer.transform(new DOMSource(node), new StreamResult(text));
        return text.toString();
    }
}
