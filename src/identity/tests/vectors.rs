//! Signers, a genuine message, and the trust that fits it.

use std::sync::LazyLock;

use bergshamra::keys::loader::load_pem_auto;
use bergshamra::{DsigContext, KeysManager};
use rcgen::{CertificateParams, KeyPair};

use crate::identity::{Issuing, NameFormat, SamlTrust, Signer, TrustedIssuer, VerifiedAssertion, verify};
use crate::model::{Code, CommunityId, Oid, Purpose, Role, Timestamp, Unauthenticated};

pub const NOW: Timestamp = Timestamp::from_micros(1_775_000_000_000_000);
pub const AUDIENCE: &str = "urn:example:okayama";
pub const ROLES: &str = "2.999.7.1";

/// A key with its certificate.
pub struct Keys {
    pub pem: String,
    pub certificate: Vec<u8>,
    pub method: &'static str,
}

fn keys(algorithm: &'static rcgen::SignatureAlgorithm, method: &'static str) -> Keys {
    let pair = KeyPair::generate_for(algorithm).unwrap();
    let certificate = CertificateParams::new(vec!["sts.example".to_owned()]).unwrap();
    let certificate = certificate.self_signed(&pair).unwrap().der().to_vec();
    Keys { pem: pair.serialize_pem(), certificate, method }
}

pub static EC: LazyLock<Keys> = LazyLock::new(|| {
    keys(&rcgen::PKCS_ECDSA_P256_SHA256, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256")
});
pub static RSA: LazyLock<Keys> =
    LazyLock::new(|| keys(&rcgen::PKCS_RSA_SHA256, "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"));
pub static STRANGER: LazyLock<Keys> = LazyLock::new(|| {
    keys(&rcgen::PKCS_ECDSA_P256_SHA256, "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256")
});

pub fn community() -> CommunityId {
    CommunityId(Oid::parse("2.999.34").unwrap())
}

pub fn physician() -> Code {
    Code::new("MD", ROLES, "Medical Doctor")
}

pub fn trust() -> SamlTrust {
    let certificates = [EC.certificate.clone(), RSA.certificate.clone()];
    SamlTrust {
        issuers: vec![TrustedIssuer::new("urn:example:sts", &certificates).unwrap()],
        audiences: vec![AUDIENCE.to_owned()],
        recipients: vec!["https://okayama.example:8443/".to_owned()],
        roles: vec![
            (physician(), Role("physician".to_owned())),
            (Code::new("RN", ROLES, ""), Role("nurse".to_owned())),
        ],
        purposes: SamlTrust::standard_purposes(),
        skew_seconds: 60,
        sha1_until: None,
        accept_missing_audience: false,
        accept_missing_authn_statement: false,
        accept_missing_home_community: false,
        require_timestamp: false,
        one_use: false,
    }
}

/// How the peer of these tests issues.
pub fn issuing(keys: &Keys) -> Issuing {
    Issuing {
        issuer: "urn:example:sts".to_owned(),
        signer: Signer::new(&keys.pem, &keys.certificate).unwrap(),
        audience: AUDIENCE.to_owned(),
        recipient: "https://okayama.example:8443/xca/query".to_owned(),
        community: community(),
        roles: vec![(Role("physician".to_owned()), physician())],
        purposes: vec![(Purpose::Treatment, Code::new("TREATMENT", "2.16.840.1.113883.3.18.7.1", ""))],
        name_format: NameFormat::Uri,
        life_seconds: 300,
        must_understand: true,
    }
}

pub fn checked(message: &str, trust: &SamlTrust) -> Result<VerifiedAssertion, Unauthenticated> {
    verify(message, trust, &community(), NOW)
}

pub fn refusal(message: &str) -> Unauthenticated {
    checked(message, &trust()).expect_err("taken")
}

pub fn word(message: &str) -> &'static str {
    refusal(message).word
}

/// An unsigned assertion, a template to be changed and signed.
pub fn template(keys: &Keys) -> String {
    const TEXT: &str = r##"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_a1" IssueInstant="2026-03-31T23:33:20Z" Version="2.0"><saml:Issuer>urn:example:sts</saml:Issuer><ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/><ds:SignatureMethod Algorithm="METHOD"/><ds:Reference URI="#_a1"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"/><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><ds:DigestValue></ds:DigestValue></ds:Reference></ds:SignedInfo><ds:SignatureValue></ds:SignatureValue></ds:Signature><saml:Subject><saml:NameID SPProvidedID="alias7">dr-7</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2026-03-31T23:38:20Z" Recipient="https://okayama.example:8443/xca/query"/></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2026-03-31T23:33:20Z" NotOnOrAfter="2026-03-31T23:38:20Z"><saml:AudienceRestriction><saml:Audience>urn:example:okayama</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AuthnStatement AuthnInstant="2026-03-31T23:00:00Z"><saml:AuthnContext><saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:X509</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement><saml:AttributeStatement><saml:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:subject-id"><saml:AttributeValue>試験　医師</saml:AttributeValue></saml:Attribute><saml:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:organization"><saml:AttributeValue>試験病院</saml:AttributeValue></saml:Attribute><saml:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:organization-id"><saml:AttributeValue>urn:oid:2.999.34.1</saml:AttributeValue></saml:Attribute><saml:Attribute Name="urn:ihe:iti:xca:2010:homeCommunityId"><saml:AttributeValue>urn:oid:2.999.34</saml:AttributeValue></saml:Attribute><saml:Attribute Name="urn:oasis:names:tc:xacml:2.0:subject:role"><saml:AttributeValue><hl7:Role xmlns:hl7="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="hl7:CE" code="MD" codeSystem="2.999.7.1"/></saml:AttributeValue></saml:Attribute><saml:Attribute Name="urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"><saml:AttributeValue><hl7:PurposeOfUse xmlns:hl7="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="hl7:CE" code="TREATMENT" codeSystem="2.16.840.1.113883.3.18.7.1"/></saml:AttributeValue></saml:Attribute><saml:Attribute Name="urn:oasis:names:tc:xacml:2.0:resource:resource-id"><saml:AttributeValue>P-1^^^&amp;2.999.33.1&amp;ISO</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"##;
    TEXT.replace("METHOD", keys.method)
}

pub fn signed(keys: &Keys, template: &str) -> String {
    let mut manager = KeysManager::new();
    manager.add_key(load_pem_auto(keys.pem.as_bytes(), None).unwrap());
    bergshamra::sign(&DsigContext::new(manager), template).unwrap()
}

/// A template with one place changed before it is signed.
pub fn signed_with(from: &str, to: &str) -> String {
    let text = template(&EC);
    assert!(text.contains(from), "{from}");
    enveloped(&signed(&EC, &text.replace(from, to)))
}

/// A message with this content in its Security header.
pub fn enveloped(security: &str) -> String {
    format!(
        r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Header><wsse:Security xmlns:wsse="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd" s:mustUnderstand="1">{security}</wsse:Security></s:Header><s:Body><q xmlns="urn:q" id="q1"/></s:Body></s:Envelope>"#
    )
}

pub fn genuine() -> String {
    enveloped(&signed(&EC, &template(&EC)))
}
