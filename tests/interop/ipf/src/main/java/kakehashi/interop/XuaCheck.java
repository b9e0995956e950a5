package kakehashi.interop;

import java.io.IOException;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import javax.xml.transform.dom.DOMSource;
import org.opensaml.core.xml.config.XMLObjectProviderRegistrySupport;
import org.opensaml.core.xml.io.UnmarshallingException;
import org.opensaml.saml.common.xml.SAMLSchemaBuilder;
import org.opensaml.saml.saml2.core.Assertion;
import org.opensaml.saml.saml2.core.Attribute;
import org.opensaml.saml.saml2.core.SubjectConfirmation;
import org.opensaml.saml.security.impl.SAMLSignatureProfileValidator;
import org.opensaml.security.x509.BasicX509Credential;
import org.opensaml.xmlsec.signature.support.SignatureException;
import org.opensaml.xmlsec.signature.support.SignatureValidator;
import org.w3c.dom.Document;
import org.w3c.dom.Element;
import org.w3c.dom.Node;
import org.w3c.dom.NodeList;
import org.xml.sax.SAXException;

/** Checks the assertion of a request with OpenSAML, on the bytes as they came. */
final class XuaCheck {
    private static final String SAML = "urn:oasis:names:tc:SAML:2.0:assertion";
    private static final String DS = "http://www.w3.org/2000/09/xmldsig#";
    private static final Duration SKEW = Duration.ofMinutes(1);
    private static final Duration LIFE_MAX = Duration.ofMinutes(10);
    private static final List<String> ATTRIBUTES = List.of(
            Xua.SUBJECT_ID, Xua.ORGANIZATION, Xua.ORGANIZATION_ID, Xua.HOME, Xua.ROLE, Xua.PURPOSE);

    private final BasicX509Credential signer;
    private final String issuer;
    private final String audience;
    private final String peer;
    private final int port;

    XuaCheck(Demo demo) throws IOException, GeneralSecurityException {
        this.signer = new BasicX509Credential(Pem.certificate(demo.ours("okayama-idp.pem")));
        this.issuer = "https://kakehashi.okayama.example/idp";
        this.audience = demo.text("/asker/community");
        this.peer = demo.text("/receiver");
        this.port = demo.port;
    }

    /** What was found: complaints (none: good), and the attributes by name (none: there was no assertion). */
    record Found(List<String> complaints, Map<String, String> attributes) {
        String verdict() {
            return !complaints.isEmpty() ? String.join("; ", complaints) : attributes.isEmpty() ? "none" : "good";
        }
    }

    /** Within a network no assertion need be shown; one that is must be good. */
    Found checkIfThere(Document envelope, String path) {
        boolean isThere = envelope.getElementsByTagNameNS(Xua.WSSE, "Security").getLength() > 0;
        return isThere ? check(envelope, path) : new Found(List.of(), Map.of());
    }

    Found check(Document envelope, String path) {
        List<String> complaints = new ArrayList<>();
        Map<String, String> attributes = new TreeMap<>();
        NodeList headers = envelope.getElementsByTagNameNS(Xua.WSSE, "Security");
        NodeList assertions = envelope.getElementsByTagNameNS(SAML, "Assertion");
        if (headers.getLength() != 1 || assertions.getLength() != 1
                || assertions.item(0).getParentNode() != headers.item(0)) {
            complaints.add("not exactly one assertion in one Security header");
            return new Found(complaints, attributes);
        }
        Element element = (Element) assertions.item(0);
        try {
            timestamp((Element) headers.item(0), complaints);
            schema(element, complaints);
            element.setIdAttributeNS(null, "ID", true);
            Assertion assertion = (Assertion) XMLObjectProviderRegistrySupport.getUnmarshallerFactory()
                    .getUnmarshaller(element).unmarshall(element);
            signature(assertion, element, complaints);
            conditions(assertion, path, complaints);
            read(assertion, attributes, complaints);
        } catch (UnmarshallingException | SAXException | IOException | RuntimeException e) {
            complaints.add("cannot be read: " + e);
        }
        return new Found(complaints, attributes);
    }

    private static void timestamp(Element security, List<String> complaints) {
        Instant created = instant(security, "Created");
        Instant expires = instant(security, "Expires");
        Instant now = Instant.now();
        if (created.isAfter(now.plus(SKEW)) || !expires.isAfter(now)) {
            complaints.add("wsu:Timestamp is not of now");
        }
    }

    private static Instant instant(Element security, String name) {
        return Instant.parse(security.getElementsByTagNameNS(Xua.WSU, name).item(0).getTextContent());
    }

    /** Against OASIS's schema. The HL7 types of the values are not in it, so their xsi:type is left out. */
    private static void schema(Element assertion, List<String> complaints) throws SAXException, IOException {
        Element copy = (Element) assertion.cloneNode(true);
        NodeList values = copy.getElementsByTagNameNS(Xua.HL7, "*");
        for (int at = 0; at < values.getLength(); at++) {
            ((Element) values.item(at)).removeAttributeNS(Xua.XSI, "type");
        }
        try {
            new SAMLSchemaBuilder(SAMLSchemaBuilder.SAML1Version.SAML_11).getSAMLSchema().newValidator()
                    .validate(new DOMSource(copy));
        } catch (SAXException e) {
            complaints.add("schema: " + e.getMessage());
        }
    }

    private void signature(Assertion assertion, Element element, List<String> complaints) {
        if (assertion.getSignature() == null) {
            complaints.add("not signed");
            return;
        }
        Node second = element.getElementsByTagNameNS(DS, "Signature").item(0);
        if (second.getParentNode() != element) {
            complaints.add("the signature is not the assertion's own");
        }
        try {
            new SAMLSignatureProfileValidator().validate(assertion.getSignature());
            SignatureValidator.validate(assertion.getSignature(), signer);
        } catch (SignatureException e) {
            complaints.add("signature: " + e.getMessage());
        }
    }

    private void conditions(Assertion assertion, String path, List<String> complaints) {
        Instant now = Instant.now();
        expect(issuer.equals(assertion.getIssuer().getValue()), "issuer", complaints);
        var conditions = assertion.getConditions();
        Instant from = conditions.getNotBefore();
        Instant to = conditions.getNotOnOrAfter();
        expect(!from.isAfter(now.plus(SKEW)) && to.isAfter(now), "Conditions are not of now", complaints);
        expect(Duration.between(from, to).compareTo(LIFE_MAX) <= 0, "Conditions hold too long", complaints);
        var audiences = conditions.getAudienceRestrictions();
        expect(audiences.size() == 1 && audiences.get(0).getAudiences().size() == 1
                && audience.equals(audiences.get(0).getAudiences().get(0).getURI()), "audience", complaints);
        var confirmations = assertion.getSubject().getSubjectConfirmations();
        expect(confirmations.size() == 1, "not one SubjectConfirmation", complaints);
        var bearer = confirmations.get(0);
        expect(SubjectConfirmation.METHOD_BEARER.equals(bearer.getMethod()), "not bearer", complaints);
        var data = bearer.getSubjectConfirmationData();
        expect(("https://127.0.0.1:" + port + path).equals(data.getRecipient()), "Recipient", complaints);
        expect(data.getNotOnOrAfter() != null && data.getNotOnOrAfter().isAfter(now), "bearer NotOnOrAfter", complaints);
        expect(assertion.getAuthnStatements().size() == 1, "not one AuthnStatement", complaints);
        expect(assertion.getAttributeStatements().size() == 1, "not one AttributeStatement", complaints);
        expect(assertion.getSubject().getNameID() != null, "no NameID", complaints);
    }

    private static void expect(boolean holds, String otherwise, List<String> complaints) {
        if (!holds) {
            complaints.add(otherwise);
        }
    }

    private void read(Assertion assertion, Map<String, String> attributes, List<String> complaints) {
        attributes.put("NameID", assertion.getSubject().getNameID().getValue());
        for (Attribute attribute : assertion.getAttributeStatements().get(0).getAttributes()) {
            expect(attribute.getAttributeValues().size() == 1, "not one value: " + attribute.getName(), complaints);
            Element value = attribute.getAttributeValues().get(0).getDOM();
            attributes.put(attribute.getName(), value(value));
        }
        for (String name : ATTRIBUTES) {
            expect(!attributes.getOrDefault(name, "").isBlank(), "missing: " + name, complaints);
        }
        expect(peer.equals(attributes.get(Xua.HOME)), "homeCommunityId is not the peer's", complaints);
        expect(attributes.getOrDefault(Xua.ORGANIZATION_ID, "").startsWith("urn:oid:"), "organization-id", complaints);
    }

    /** Text, or code, system and display of a CE. */
    private static String value(Element value) {
        NodeList coded = value.getElementsByTagNameNS(Xua.HL7, "*");
        if (coded.getLength() == 0) {
            return value.getTextContent();
        }
        Element ce = (Element) coded.item(0);
        return ce.getAttribute("code") + "^" + ce.getAttribute("displayName") + "^" + ce.getAttribute("codeSystem");
    }
}
