package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import javax.xml.namespace.QName;
import javax.xml.parsers.DocumentBuilderFactory;
import javax.xml.parsers.ParserConfigurationException;
import org.opensaml.core.xml.config.XMLObjectProviderRegistrySupport;
import org.opensaml.core.xml.io.MarshallingException;
import org.opensaml.core.xml.schema.XSAny;
import org.opensaml.core.xml.schema.XSString;
import org.opensaml.saml.common.SAMLObjectContentReference;
import org.opensaml.saml.saml2.core.Assertion;
import org.opensaml.saml.saml2.core.Attribute;
import org.opensaml.saml.saml2.core.AttributeStatement;
import org.opensaml.saml.saml2.core.AttributeValue;
import org.opensaml.saml.saml2.core.Audience;
import org.opensaml.saml.saml2.core.AudienceRestriction;
import org.opensaml.saml.saml2.core.AuthnContext;
import org.opensaml.saml.saml2.core.AuthnContextClassRef;
import org.opensaml.saml.saml2.core.AuthnStatement;
import org.opensaml.saml.saml2.core.Conditions;
import org.opensaml.saml.saml2.core.Issuer;
import org.opensaml.saml.saml2.core.NameID;
import org.opensaml.saml.saml2.core.Subject;
import org.opensaml.saml.saml2.core.SubjectConfirmation;
import org.opensaml.saml.saml2.core.SubjectConfirmationData;
import org.opensaml.security.SecurityException;
import org.opensaml.security.x509.BasicX509Credential;
import org.opensaml.xmlsec.encryption.support.EncryptionConstants;
import org.opensaml.xmlsec.keyinfo.impl.X509KeyInfoGeneratorFactory;
import org.opensaml.xmlsec.signature.Signature;
import org.opensaml.xmlsec.signature.support.SignatureConstants;
import org.opensaml.xmlsec.signature.support.SignatureException;
import org.opensaml.xmlsec.signature.support.Signer;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Makes and signs our assertions with OpenSAML, and the wsse:Security header around them. */
final class XuaMaker {
    private static final Duration LIFE = Duration.ofMinutes(4);
    private static final String URI_FORMAT = Attribute.URI_REFERENCE;

    private final Demo demo;

    XuaMaker(Demo demo) {
        this.demo = demo;
    }

    /** What is asserted, and what is wrong about it. */
    record Wish(String fault, String role, String purpose) {
        boolean is(String name) {
            return name.equals(fault);
        }
    }

    /** A wsse:Security header for that URL; without an assertion if that is the fault. */
    Element header(Wish wish, String url) throws IOException, GeneralSecurityException {
        try {
            Instant now = wish.is("expired") ? Instant.now().minus(Duration.ofHours(1)) : Instant.now();
            Document document = DocumentBuilderFactory.newInstance().newDocumentBuilder().newDocument();
            Element security = document.createElementNS(Xua.WSSE, "wsse:Security");
            document.appendChild(security);
            Instant clock = Instant.now();
            Element timestamp = child(security, "wsu:Timestamp");
            timestamp.setAttributeNS(Xua.WSU, "wsu:Id", "ts-" + UUID.randomUUID());
            child(timestamp, "wsu:Created").setTextContent(clock.toString());
            child(timestamp, "wsu:Expires").setTextContent(clock.plus(LIFE).toString());
            if (!wish.is("no-assertion")) {
                security.appendChild(document.importNode(signed(wish, url, now), true));
            }
            return security;
        } catch (ParserConfigurationException | MarshallingException | SecurityException | SignatureException e) {
            throw new GeneralSecurityException("the assertion cannot be made", e);
        }
    }

    private static Element child(Element parent, String name) {
        Element child = parent.getOwnerDocument().createElementNS(Xua.WSU, name);
        parent.appendChild(child);
        return child;
    }

    private Element signed(Wish wish, String url, Instant now)
            throws IOException, GeneralSecurityException, MarshallingException, SecurityException, SignatureException {
        Assertion assertion = Xua.build(Assertion.DEFAULT_ELEMENT_NAME, Assertion.class);
        assertion.setID("_" + UUID.randomUUID());
        assertion.setIssueInstant(now);
        Issuer issuer = Xua.build(Issuer.DEFAULT_ELEMENT_NAME, Issuer.class);
        issuer.setValue(demo.text("/saml/issuer"));
        assertion.setIssuer(issuer);
        JsonNode person = demo.door.at("/asker/persons/" + ("nurse".equals(wish.role()) ? "nurse" : "physician"));
        assertion.setSubject(subject(person.path("id").asText(), url, now));
        assertion.setConditions(conditions(wish.is("wrong-audience") ? "urn:oid:2.999.99" : demo.text("/saml/audience"), now));
        assertion.getAuthnStatements().add(authentication(now));
        assertion.getAttributeStatements().add(attributes(wish, person.path("name").asText()));
        sign(assertion, wish);
        Element element = assertion.getDOM();
        if (wish.is("altered")) {
            element.getElementsByTagNameNS(SAML_NS, "NameID").item(0).setTextContent("somebody-else");
        }
        return element;
    }

    private static final String SAML_NS = "urn:oasis:names:tc:SAML:2.0:assertion";

    private static Subject subject(String id, String url, Instant now) {
        NameID name = Xua.build(NameID.DEFAULT_ELEMENT_NAME, NameID.class);
        name.setValue(id);
        SubjectConfirmationData data =
                Xua.build(SubjectConfirmationData.DEFAULT_ELEMENT_NAME, SubjectConfirmationData.class);
        data.setRecipient(url);
        data.setNotOnOrAfter(now.plus(LIFE));
        SubjectConfirmation bearer = Xua.build(SubjectConfirmation.DEFAULT_ELEMENT_NAME, SubjectConfirmation.class);
        bearer.setMethod(SubjectConfirmation.METHOD_BEARER);
        bearer.setSubjectConfirmationData(data);
        Subject subject = Xua.build(Subject.DEFAULT_ELEMENT_NAME, Subject.class);
        subject.setNameID(name);
        subject.getSubjectConfirmations().add(bearer);
        return subject;
    }

    private static Conditions conditions(String audience, Instant now) {
        Audience one = Xua.build(Audience.DEFAULT_ELEMENT_NAME, Audience.class);
        one.setURI(audience);
        AudienceRestriction restriction = Xua.build(AudienceRestriction.DEFAULT_ELEMENT_NAME, AudienceRestriction.class);
        restriction.getAudiences().add(one);
        Conditions conditions = Xua.build(Conditions.DEFAULT_ELEMENT_NAME, Conditions.class);
        conditions.setNotBefore(now);
        conditions.setNotOnOrAfter(now.plus(LIFE));
        conditions.getAudienceRestrictions().add(restriction);
        return conditions;
    }

    private static AuthnStatement authentication(Instant now) {
        AuthnContextClassRef how = Xua.build(AuthnContextClassRef.DEFAULT_ELEMENT_NAME, AuthnContextClassRef.class);
        how.setURI(AuthnContext.X509_AUTHN_CTX);
        AuthnContext context = Xua.build(AuthnContext.DEFAULT_ELEMENT_NAME, AuthnContext.class);
        context.setAuthnContextClassRef(how);
        AuthnStatement statement = Xua.build(AuthnStatement.DEFAULT_ELEMENT_NAME, AuthnStatement.class);
        statement.setAuthnInstant(now);
        statement.setAuthnContext(context);
        return statement;
    }

    private AttributeStatement attributes(Wish wish, String name) {
        AttributeStatement statement = Xua.build(AttributeStatement.DEFAULT_ELEMENT_NAME, AttributeStatement.class);
        var all = statement.getAttributes();
        all.add(text(Xua.SUBJECT_ID, name));
        all.add(text(Xua.ORGANIZATION, demo.text("/asker/organization")));
        all.add(text(Xua.ORGANIZATION_ID, "urn:oid:" + demo.text("/asker/organization_id")));
        all.add(text(Xua.HOME, demo.text("/asker/community")));
        JsonNode role = demo.code("roles", wish.role());
        all.add(coded(Xua.ROLE, "Role", role, wish.is("unknown-role") ? "Astrologer" : role.path("code").asText()));
        if (!wish.is("no-purpose")) {
            JsonNode purpose = demo.code("purposes", wish.purpose());
            all.add(coded(Xua.PURPOSE, "PurposeOfUse", purpose, purpose.path("code").asText()));
        }
        return statement;
    }

    private static Attribute attribute(String name) {
        Attribute attribute = Xua.build(Attribute.DEFAULT_ELEMENT_NAME, Attribute.class);
        attribute.setName(name);
        attribute.setNameFormat(URI_FORMAT);
        return attribute;
    }

    private static Attribute text(String name, String value) {
        Attribute attribute = attribute(name);
        XSString text = (XSString) XMLObjectProviderRegistrySupport.getBuilderFactory()
                .getBuilderOrThrow(XSString.TYPE_NAME).buildObject(AttributeValue.DEFAULT_ELEMENT_NAME, XSString.TYPE_NAME);
        text.setValue(value);
        attribute.getAttributeValues().add(text);
        return attribute;
    }

    private static Attribute coded(String name, String element, JsonNode code, String value) {
        QName ce = new QName(Xua.HL7, "CE", "hl7");
        XSAny coded = (XSAny) XMLObjectProviderRegistrySupport.getBuilderFactory().getBuilderOrThrow(XSAny.TYPE_NAME)
                .buildObject(new QName(Xua.HL7, element, "hl7"), ce);
        coded.getUnknownAttributes().put(new QName("code"), value);
        coded.getUnknownAttributes().put(new QName("codeSystem"), code.path("system").asText());
        coded.getUnknownAttributes().put(new QName("displayName"), code.path("display").asText());
        XSAny any = (XSAny) XMLObjectProviderRegistrySupport.getBuilderFactory().getBuilderOrThrow(XSAny.TYPE_NAME)
                .buildObject(AttributeValue.DEFAULT_ELEMENT_NAME);
        any.getUnknownXMLObjects().add(coded);
        Attribute attribute = attribute(name);
        attribute.getAttributeValues().add(any);
        return attribute;
    }

    private void sign(Assertion assertion, Wish wish)
            throws IOException, GeneralSecurityException, MarshallingException, SecurityException, SignatureException {
        // A foreign signer: a key that Okayama knows from elsewhere, but not as ours.
        Path folder = demo.folder.resolve("clients");
        String foreign = "hiroshima-portal-idp";
        boolean isForeign = wish.is("foreign-signer");
        BasicX509Credential credential = new BasicX509Credential(
                Pem.certificate(isForeign ? folder.resolve(foreign + ".pem") : demo.file("/saml/certificate")),
                Pem.key(isForeign ? folder.resolve(foreign + ".key.pem") : demo.file("/saml/key")));
        Signature signature = Xua.build(Signature.DEFAULT_ELEMENT_NAME, Signature.class);
        signature.setSigningCredential(credential);
        signature.setSignatureAlgorithm(SignatureConstants.ALGO_ID_SIGNATURE_ECDSA_SHA256);
        signature.setCanonicalizationAlgorithm(SignatureConstants.ALGO_ID_C14N_EXCL_OMIT_COMMENTS);
        X509KeyInfoGeneratorFactory keyInfo = new X509KeyInfoGeneratorFactory();
        keyInfo.setEmitEntityCertificate(true);
        signature.setKeyInfo(keyInfo.newInstance().generate(credential));
        assertion.setSignature(signature);
        ((SAMLObjectContentReference) signature.getContentReferences().get(0))
                .setDigestAlgorithm(EncryptionConstants.ALGO_ID_DIGEST_SHA256);
        XMLObjectProviderRegistrySupport.getMarshallerFactory().getMarshaller(assertion).marshall(assertion);
        Signer.signObject(signature);
    }
}
