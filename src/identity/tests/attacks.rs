//! Messages that are not what they seem (crates.md 3.4, wire.md 5.2 "traps").

use super::vectors::*;
use crate::identity::TrustedIssuer;
use crate::model::Timestamp;

/// An assertion that says more than the genuine one, unsigned.
fn evil() -> String {
    let text = template(&EC).replace("\"_a1\"", "\"_evil\"").replace("dr-7", "director");
    let (from, to) = (text.find("<ds:Signature").unwrap(), text.find("</ds:Signature>").unwrap());
    format!("{}{}", &text[..from], &text[to + "</ds:Signature>".len()..])
}

fn assertion() -> String {
    signed(&EC, &template(&EC))
}

#[test]
fn genuine_messages_are_taken_whatever_pinned_key_signed_them() {
    for keys in [&*EC, &*RSA] {
        let found = checked(&enveloped(&signed(keys, &template(keys))), &trust()).unwrap();
        assert_eq!(found.vouched.person.id, "dr-7");
    }
    let methods = ["#rsa-sha384", "#rsa-sha512"];
    for method in methods {
        let text = template(&RSA).replace("#rsa-sha256", method);
        checked(&enveloped(&signed(&RSA, &text)), &trust()).unwrap();
    }
}

#[test]
fn an_unsigned_assertion_or_none_is_refused() {
    assert_eq!(word(&enveloped(&evil())), "FailedAuthentication");
    assert_eq!(word(&enveloped("")), "SecurityTokenUnavailable");
    let no_header = r#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body/></s:Envelope>"#;
    assert_eq!(word(no_header), "SecurityTokenUnavailable");
    let saml1 = r#"<Assertion xmlns="urn:oasis:names:tc:SAML:1.0:assertion"/>"#;
    assert_eq!(word(&enveloped(saml1)), "UnsupportedSecurityToken");
    assert_eq!(word(&signed_with("Version=\"2.0\"", "Version=\"1.1\"")), "UnsupportedSecurityToken");
}

#[test]
fn a_key_that_is_not_pinned_vouches_for_nothing_even_with_its_certificate_inside() {
    let text = template(&STRANGER);
    assert_eq!(word(&enveloped(&signed(&STRANGER, &text))), "FailedCheck");
    use base64::Engine as _;
    let own = base64::engine::general_purpose::STANDARD.encode(&STRANGER.certificate);
    let inside = format!(
        "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>{own}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"
    );
    let text = text.replace("</ds:SignatureValue>", &inside);
    assert_eq!(word(&enveloped(&signed(&STRANGER, &text))), "FailedCheck");
}

#[test]
fn an_issuer_vouches_with_its_own_keys_only() {
    let mut trust = trust();
    let other = TrustedIssuer::new("urn:example:other", std::slice::from_ref(&STRANGER.certificate)).unwrap();
    trust.issuers.push(other);
    let claims = enveloped(&signed(&EC, &template(&EC).replace("urn:example:sts", "urn:example:other")));
    assert_eq!(checked(&claims, &trust).unwrap_err().word, "FailedCheck");
    assert_eq!(word(&signed_with("urn:example:sts", "urn:example:STS")), "FailedAuthentication");
    assert_eq!(word(&signed_with("urn:example:sts", "urn:example:sts<!-- -->x")), "FailedAuthentication");
}

#[test]
fn changed_text_breaks_the_signature() {
    for (from, to) in [
        ("dr-7<", "dr-8<"),
        ("code=\"MD\"", "code=\"RN\""),
        ("2.999.34.1<", "2.999.34.2<"),
        ("#ecdsa-sha256\"/>", "#ecdsa-sha256\"> </ds:SignatureMethod>"),
        ("<saml:Subject>", "\n  <saml:Subject>"),
    ] {
        let message = genuine();
        assert!(message.contains(from), "{from}");
        assert_eq!(word(&message.replace(from, to)), "FailedCheck", "{from}");
    }
}

#[test]
fn several_assertions_or_security_headers_are_refused_in_any_order() {
    let genuine = assertion();
    assert_eq!(word(&enveloped(&format!("{}{genuine}", evil()))), "InvalidSecurity");
    assert_eq!(word(&enveloped(&format!("{genuine}{}", evil()))), "InvalidSecurity");
    let header = enveloped("");
    let second = header.replace("</s:Header>", &format!(
        r#"<w:Security xmlns:w="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd">{genuine}</w:Security></s:Header>"#
    ));
    assert_eq!(word(&second), "InvalidSecurity");
    let twice = enveloped(&genuine).replace("<s:Body>", "<s:Header/><s:Body>");
    assert_eq!(word(&twice), "InvalidSecurity");
}

#[test]
fn a_wrapped_assertion_never_speaks_for_the_one_around_it() {
    let genuine = assertion();
    let from = genuine.find("<ds:Signature").unwrap();
    let to = genuine.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
    let signature = &genuine[from..to];
    let bare = format!("{}{}", &genuine[..from], &genuine[to..]);
    let into = |tag: &str, inner: &str| {
        evil().replace("<saml:Subject>", &format!("<saml:{tag}>{inner}</saml:{tag}><saml:Subject>"))
    };
    let in_data = evil().replace(
        "Recipient=\"https://okayama.example:8443/xca/query\"/>",
        &format!(
            "Recipient=\"https://okayama.example:8443/xca/query\">{genuine}</saml:SubjectConfirmationData>"
        ),
    );
    let signature_of_wrapper = |inner: &str| {
        evil().replace(
            "</saml:Issuer>",
            &format!(
                "</saml:Issuer>{}",
                signature
                    .replace("</ds:Signature>", &format!("<ds:Object>{inner}</ds:Object></ds:Signature>"))
            ),
        )
    };
    for (name, wrapped) in [
        ("signature kept inside", into("Advice", &genuine)),
        ("signature kept inside, in Evidence", into("Evidence", &genuine)),
        (
            "signature moved out, original in Advice",
            into("Advice", &bare).replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1),
        ),
        ("original in the signature's Object", signature_of_wrapper(&bare)),
        ("signed original in the Object", signature_of_wrapper(&genuine)),
        ("original in SubjectConfirmationData", in_data),
        (
            "same id",
            evil().replace("_evil", "_a1").replacen(
                "</saml:Issuer>",
                &format!("</saml:Issuer>{signature}"),
                1,
            ),
        ),
        (
            "both with the id",
            into("Advice", &bare).replace("_evil", "_a1").replacen(
                "</saml:Issuer>",
                &format!("</saml:Issuer>{signature}"),
                1,
            ),
        ),
    ] {
        let why = refusal(&enveloped(&wrapped));
        assert!(
            ["FailedCheck", "FailedAuthentication", "InvalidSecurity"].contains(&why.word),
            "{name}: {why}"
        );
    }
    // The original elsewhere in the message, the evil one in the header.
    let beside = enveloped(&evil()).replace("<s:Body>", &format!("<s:Body>{genuine}"));
    assert_eq!(word(&beside), "FailedAuthentication");
    let with_signature = evil().replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1);
    let beside = enveloped(&with_signature).replace("<s:Body>", &format!("<s:Body>{bare}"));
    assert_eq!(word(&beside), "FailedCheck");
    let elsewhere = enveloped("").replace("</s:Header>", &format!("{genuine}</s:Header>"));
    assert_eq!(word(&elsewhere), "SecurityTokenUnavailable");
}

#[test]
fn a_nested_assertion_that_the_issuer_signed_along_gives_no_attribute() {
    let nested = evil().replace("\"MD\"", "\"RN\"").replace("2.999.34.1", "2.999.9");
    let text = template(&EC)
        .replace("<saml:Subject>", &format!("<saml:Advice>{nested}</saml:Advice><saml:Subject>"));
    let found = checked(&enveloped(&signed(&EC, &text)), &trust()).unwrap();
    assert_eq!(found.vouched.person.id, "dr-7");
    assert_eq!(found.vouched.organization.id, "2.999.34.1");
    assert_eq!(found.vouched.roles.len(), 1);
}

#[test]
fn an_id_that_stands_twice_under_any_name_is_refused() {
    for twice in [
        "ID=\"_a1\"",
        "Id=\"_a1\"",
        "id=\"_a1\"",
        "xml:id=\"_a1\"",
        "AssertionID=\" _a1 \"",
        "xmlns:u=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd\" u:Id=\"_a1\"",
    ] {
        let message = genuine().replace("id=\"q1\"", twice);
        assert_eq!(word(&message), "InvalidSecurity", "{twice}");
    }
}

#[test]
fn a_document_type_declaration_is_refused() {
    for dtd in ["<!DOCTYPE s>", "<!DOCTYPE s [<!ENTITY e \"x\">]>"] {
        let why = refusal(&format!("{dtd}{}", genuine()));
        assert_eq!(why.word, "InvalidSecurity");
        assert!(why.why.contains("dtd-forbidden"), "{why}");
    }
}

#[test]
fn transforms_and_methods_outside_the_list_are_refused_even_when_the_key_holder_signed_them() {
    let c14n = r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#;
    let xpath = r#"<ds:Transform Algorithm="http://www.w3.org/TR/1999/REC-xpath-19991116"><ds:XPath xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion">not(ancestor-or-self::saml:Subject)</ds:XPath></ds:Transform>"#;
    for (from, to) in [
        (c14n.to_owned(), format!("{xpath}{c14n}")),
        (c14n.to_owned(), xpath.to_owned()),
        (c14n.to_owned(), String::new()),
        (c14n.to_owned(), c14n.replace("xml-exc-c14n#", "xml-exc-c14n#WithComments")),
        (
            "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/>".to_owned(),
            "<ds:CanonicalizationMethod Algorithm=\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"/>"
                .to_owned(),
        ),
        ("URI=\"#_a1\"".to_owned(), "URI=\"\"".to_owned()),
    ] {
        let why = refusal(&signed_with(&from, &to));
        assert_eq!(why.word, "FailedCheck", "{to}: {why}");
    }
    let reference = template(&EC);
    let (a, b) = (reference.find("<ds:Reference").unwrap(), reference.find("</ds:SignedInfo>").unwrap());
    let one = reference[a..b].to_owned();
    assert_eq!(word(&signed_with(&one, &format!("{one}{one}"))), "FailedCheck");
}

#[test]
fn an_attribute_of_another_namespace_never_stands_for_the_one_that_was_allowed() {
    let sha1 = "<ds:DigestMethod xmlns:x=\"urn:x\" x:Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha512\" ";
    let why = refusal(&signed_with("<ds:DigestMethod ", sha1));
    assert_eq!(why.why, "signature: an attribute that is not allowed");
}

#[test]
fn an_id_that_could_be_read_as_a_pointer_is_refused() {
    for id in ["xpointer(/)", "xpointer(id('q1'))", "", "a b"] {
        let message = genuine().replace("_a1", id);
        assert_eq!(word(&message), "InvalidSecurity", "{id}");
    }
}

#[test]
fn inclusive_namespaces_are_honoured() {
    let list = r##"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"><ec:InclusiveNamespaces xmlns:ec="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="xs saml"/></ds:Transform>"##;
    let text = template(&EC)
        .replace("<saml:Assertion ", "<saml:Assertion xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" ")
        .replace(r#"<ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"/>"#, list);
    let message = enveloped(&signed(&EC, &text));
    checked(&message, &trust()).unwrap();
    let changed = message.replace("http://www.w3.org/2001/XMLSchema\"", "urn:x\"");
    assert_eq!(word(&changed), "FailedCheck");
}

#[test]
fn a_comment_inside_a_name_hides_nothing_of_it() {
    let message = genuine().replace("dr-7<", "dr<!-- -->-7<");
    assert_eq!(checked(&message, &trust()).unwrap().vouched.person.id, "dr-7");
}

#[test]
fn a_message_signature_before_or_behind_the_assertion_is_passed_over() {
    let other = r##"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:SignedInfo><ds:CanonicalizationMethod Algorithm="urn:x"/><ds:SignatureMethod Algorithm="urn:y"/><ds:Reference URI="#ts"/></ds:SignedInfo><ds:SignatureValue>AA==</ds:SignatureValue></ds:Signature>"##;
    checked(&enveloped(&format!("{other}{}", assertion())), &trust()).unwrap();
    checked(&enveloped(&format!("{}{other}", assertion())), &trust()).unwrap();
}

#[test]
fn carriage_returns_in_base64_are_put_up_with() {
    let message = genuine();
    for tag in ["<ds:SignatureValue>", "<ds:DigestValue>"] {
        let at = message.find(tag).unwrap() + tag.len() + 8;
        let broken = format!("{}&#xd;\n{}", &message[..at], &message[at..]);
        let taken = checked(&broken, &trust());
        // The digest is part of what is signed: only the signature value may be broken up freely.
        assert_eq!(taken.is_ok(), tag.contains("Value") && tag.contains("Signature"), "{tag}");
    }
    let text = template(&EC).replace("</ds:SignatureValue>", "</ds:SignatureValue><ds:KeyInfo><ds:X509Data><ds:X509Certificate>MI&#xd; ... =</ds:X509Certificate></ds:X509Data></ds:KeyInfo>");
    checked(&enveloped(&signed(&EC, &text)), &trust()).unwrap();
}

#[test]
fn an_assertion_of_another_community_is_refused() {
    let why = refusal(&signed_with("urn:oid:2.999.34<", "urn:oid:2.999.35<"));
    assert_eq!((why.word, why.why.contains("community")), ("FailedAuthentication", true));
    let both = "urn:oid:2.999.34</saml:AttributeValue><saml:AttributeValue>urn:oid:2.999.35<";
    assert_eq!(word(&signed_with("urn:oid:2.999.34<", both)), "FailedAuthentication");
}

#[test]
fn a_certificate_out_of_its_validity_vouches_for_nothing() {
    let year_5000 = Timestamp::from_micros(95_617_584_000_000_000);
    let why = crate::identity::verify(&genuine(), &trust(), &community(), year_5000).unwrap_err();
    assert_eq!((why.word, why.why.contains("certificate")), ("FailedAuthentication", true));
}

/// A certificate with an RSA key of 1024 bits.
const WEAK: &str = "MIIB/DCCAWWgAwIBAgIUQEne0xmaW0M65N5QZiCzf+X0e5UwDQYJKoZIhvcNAQELBQAwDzENMAsGA1UEAwwEd2VhazAgFw0yNjExMjQwMDAyMTRaGA8yMTI2MTAzMTAwMDIxNFowDzENMAsGA1UEAwwEd2VhazCBnzANBgkqhkiG9w0BAQEFAAOBjQAwgYkCgYEAuFlzEfuJzl7cNRKx9236Y6rfudbHjxtsyNxToHdVCTlhGe2CLEvIAusqVii1a5POQs+7utBzXQd7xJ+LRr0Ja986aL+2XrxWHN4AoIdX1z5koCli/9b+K1bcD7fIsHo+G5i5iZDe3wnNPWd/lrK7Fzk+Xn6JZCtx03XG3wI/mgcCAwEAAaNTMFEwHQYDVR0OBBYEFN5/I2m8NsZxtdZeI+QGWdcDo5ZdMB8GA1UdIwQYMBaAFN5/I2m8NsZxtdZeI+QGWdcDo5ZdMA8GA1UdEwEB/wQFMAMBAf8wDQYJKoZIhvcNAQELBQADgYEAb1hoNV0MwtETFqutzeQRWDjeS0N2/c9alHGbjLMIXcOsu8ORMFkO36HrDl+f6Xg436MsGt3aG5JQHWJ6SH8lQgvrnm/+pqwGjLmHJsGuOEajnnKgzxRue7PBY16BECGUjYGi7sQOJgiF5W02SEYrqCIDkbJJittyhPp0Nb2X088=";

#[test]
fn weak_or_missing_certificates_are_not_pinned() {
    use base64::Engine as _;
    let weak = base64::engine::general_purpose::STANDARD.decode(WEAK).unwrap();
    let why = TrustedIssuer::new("urn:x", &[weak]).unwrap_err().to_string();
    assert!(why.contains("2048"), "{why}");
    assert!(TrustedIssuer::new("urn:x", &[]).is_err());
    assert!(TrustedIssuer::new("urn:x", &[b"no certificate".to_vec()]).is_err());
    let mut longer = EC.certificate.clone();
    longer.push(0);
    assert!(TrustedIssuer::new("urn:x", &[longer]).is_err());
}
