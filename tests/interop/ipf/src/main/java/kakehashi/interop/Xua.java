package kakehashi.interop;

import javax.xml.namespace.QName;
import org.opensaml.core.config.InitializationException;
import org.opensaml.core.config.InitializationService;
import org.opensaml.core.xml.XMLObject;
import org.opensaml.core.xml.config.XMLObjectProviderRegistrySupport;

/** Names of IHE XUA and XSPA, and OpenSAML's start. */
final class Xua {
    static final String WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    static final String WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    static final String HL7 = "urn:hl7-org:v3";
    static final String XSI = "http://www.w3.org/2001/XMLSchema-instance";
    static final String SUBJECT_ID = "urn:oasis:names:tc:xspa:1.0:subject:subject-id";
    static final String ORGANIZATION = "urn:oasis:names:tc:xspa:1.0:subject:organization";
    static final String ORGANIZATION_ID = "urn:oasis:names:tc:xspa:1.0:subject:organization-id";
    static final String HOME = "urn:ihe:iti:xca:2010:homeCommunityId";
    static final String ROLE = "urn:oasis:names:tc:xacml:2.0:subject:role";
    static final String PURPOSE = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse";

    private Xua() {
    }

    static void start() throws InitializationException {
        InitializationService.initialize();
    }

    /** An empty SAML object of that name. */
    static <T extends XMLObject> T build(QName name, Class<T> type) {
        return type.cast(XMLObjectProviderRegistrySupport.getBuilderFactory().getBuilderOrThrow(name).buildObject(name));
    }
}
