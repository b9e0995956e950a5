//! Signature wrapping, generated: the eight classic arrangements (XSW 1 to 8) and their kin, each in
//! every place where an assertion, or a copy of one, may be put. Whatever the arrangement, nobody but
//! the person whom the issuer signed is ever named.

use super::vectors::*;

const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

/// What the attacker has: one genuine assertion, in its pieces.
struct Spoils {
    genuine: String,
    signature: String,
    /// The genuine one without its signature.
    bare: String,
}

impl Spoils {
    fn new() -> Self {
        let genuine = signed(&EC, &template(&EC));
        let from = genuine.find("<ds:Signature").unwrap();
        let to = genuine.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
        let (signature, bare) =
            (genuine[from..to].to_owned(), format!("{}{}", &genuine[..from], &genuine[to..]));
        Self { genuine, signature, bare }
    }

    /// What the attacker wants to be read, under an id of their choice.
    fn evil(&self, id: &str) -> String {
        self.bare.replace("ID=\"_a1\"", id).replace("dr-7", "director").replace("2.999.34.1<", "2.999.34.66<")
    }
}

/// Places for a copy within the evil assertion: the text that it goes before, and what it is put in.
const WITHIN: [(&str, &str, &str, &str); 14] = [
    ("before the issuer", "<saml:Issuer>", "", ""),
    ("behind the issuer", "<saml:Subject>", "", ""),
    ("Advice", "<saml:AuthnStatement", "<saml:Advice>", "</saml:Advice>"),
    ("Advice before the subject", "<saml:Subject>", "<saml:Advice>", "</saml:Advice>"),
    ("Extensions", "<saml:Subject>", "<x:Extensions xmlns:x=\"urn:x\">", "</x:Extensions>"),
    (
        "Evidence",
        "<saml:AttributeStatement>",
        "<saml:AuthzDecisionStatement><saml:Evidence>",
        "</saml:Evidence></saml:AuthzDecisionStatement>",
    ),
    ("NameID", "dr-7<", "", ""),
    ("Subject", "<saml:SubjectConfirmation ", "", ""),
    ("Conditions", "<saml:AudienceRestriction>", "<saml:Condition>", "</saml:Condition>"),
    ("Audience", "urn:example:okayama<", "", ""),
    ("AuthnContext", "<saml:AuthnContextClassRef>", "<saml:AuthnContextDecl>", "</saml:AuthnContextDecl>"),
    ("an attribute value", "試験病院<", "", ""),
    (
        "a value of its own",
        "</saml:AttributeStatement>",
        "<saml:Attribute Name=\"x\"><saml:AttributeValue>",
        "</saml:AttributeValue></saml:Attribute>",
    ),
    ("the end", "</saml:Assertion>", "", ""),
];

/// Places for a copy elsewhere in the message, as `WITHIN`.
const OUTSIDE: [(&str, &str, &str, &str); 12] = [
    ("before the Security header", "<wsse:Security ", "", ""),
    ("behind it", "</s:Header>", "", ""),
    (
        "a second Security header",
        "</s:Header>",
        "<w:Security xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">",
        "</w:Security>",
    ),
    (
        "a Security header of another actor",
        "</s:Header>",
        "<w:Security s:role=\"urn:x\" xmlns:w=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd\">",
        "</w:Security>",
    ),
    ("the body's beginning", "<q xmlns=\"urn:q\"", "", ""),
    ("the body's end", "</s:Body>", "", ""),
    ("behind the body", "</s:Envelope>", "", ""),
    ("beside it in the Security header", "</wsse:Security>", "", ""),
    ("wrapped in the Security header", "</wsse:Security>", "<x:Wrapper xmlns:x=\"urn:x\">", "</x:Wrapper>"),
    (
        "embedded in a token reference",
        "</wsse:Security>",
        "<wsse:SecurityTokenReference><wsse:Embedded>",
        "</wsse:Embedded></wsse:SecurityTokenReference>",
    ),
    (
        "an Object of a signature there",
        "</wsse:Security>",
        "<ds:Signature xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:Object>",
        "</ds:Object></ds:Signature>",
    ),
    ("a header before the envelope's own", "<s:Header>", "<s:Header>", "</s:Header>"),
];

/// Under which name the evil assertion shows which id.
const IDS: [&str; 6] = [
    "ID=\"_evil\"",
    "ID=\"_a1\"",
    "Id=\"_a1\" ID=\"_evil\"",
    "id=\"_a1\"",
    "xml:id=\"_a1\" ID=\"_evil\"",
    "ID=\" _a1 \"",
];

/// Where the signature goes and which copy of the genuine one goes along.
const SIGNATURES: [&str; 5] = ["kept", "moved", "both", "in the evil one's Object", "in its KeyInfo"];

/// The evil assertion with its signature, and the copy to be put elsewhere.
fn arranged(spoils: &Spoils, id: &str, signature: &str) -> (String, String) {
    let evil = spoils.evil(id);
    let sign = |with: &str| evil.replacen("</saml:Issuer>", &format!("</saml:Issuer>{with}"), 1);
    let around = |tag: &str| {
        let inner = format!("<ds:{tag}>{}</ds:{tag}></ds:Signature>", spoils.bare);
        spoils.signature.replace("</ds:Signature>", &inner)
    };
    match signature {
        "kept" => (evil, spoils.genuine.clone()),
        "moved" => (sign(&spoils.signature), spoils.bare.clone()),
        "both" => (sign(&spoils.signature), spoils.genuine.clone()),
        "in the evil one's Object" => (sign(&around("Object")), String::new()),
        _ => (sign(&around("KeyInfo")), String::new()),
    }
}

fn put(into: &str, (name, before, open, close): (&str, &str, &str, &str), copy: &str) -> String {
    let before = if before == "dr-7<" { "director<" } else { before };
    assert!(into.contains(before), "{name}: {before}");
    into.replacen(before, &format!("{open}{copy}{close}{before}"), 1)
}

/// All messages in which the assertion that is read is the attacker's.
fn wrapped() -> Vec<(String, String)> {
    let spoils = Spoils::new();
    let mut cases = Vec::new();
    for id in IDS {
        for signature in SIGNATURES {
            let (evil, copy) = arranged(&spoils, id, signature);
            for place in WITHIN {
                cases.push((format!("{id}, {signature}, {}", place.0), enveloped(&put(&evil, place, &copy))));
            }
            for place in OUTSIDE {
                cases.push((format!("{id}, {signature}, {}", place.0), put(&enveloped(&evil), place, &copy)));
            }
            cases.push((format!("{id}, {signature}, first"), enveloped(&format!("{copy}{evil}"))));
        }
    }
    cases
}

#[test]
fn no_wrapped_assertion_is_taken_in_any_place_under_any_id_with_any_signature() {
    let cases = wrapped();
    assert!(cases.len() >= 200, "{}", cases.len());
    for (name, message) in &cases {
        let taken = checked(message, &trust());
        assert!(taken.is_err(), "{name}: {:?}", taken.map(|taken| taken.vouched.person));
    }
    println!("{} wrapped messages, 0 taken", cases.len());
}

#[test]
fn a_forged_copy_elsewhere_in_the_message_never_speaks_for_the_genuine_one() {
    let spoils = Spoils::new();
    let mut taken = 0;
    for id in IDS {
        for forged in [spoils.evil(id), arranged(&spoils, id, "moved").0] {
            for place in OUTSIDE {
                let message = put(&enveloped(&spoils.genuine), place, &forged);
                if let Ok(found) = checked(&message, &trust()) {
                    assert_eq!(found.vouched.person.id, "dr-7", "{id}, {}", place.0);
                    assert_eq!(found.vouched.organization.id, "2.999.34.1", "{id}, {}", place.0);
                    taken += 1;
                }
            }
            // Within the genuine one it breaks the signature.
            for place in WITHIN.into_iter().filter(|place| place.0 != "NameID") {
                let message = enveloped(&put(&spoils.genuine, place, &forged));
                assert!(checked(&message, &trust()).is_err(), "{id}, {}", place.0);
            }
        }
    }
    assert!(taken > 0, "a bystander in the body does not make a genuine message forged");
}

#[test]
fn whatever_a_signature_asks_for_beyond_the_list_is_refused_before_any_of_it_is_done() {
    let (c14n, dsig) = ("http://www.w3.org/2001/10/xml-exc-c14n#", "http://www.w3.org/2000/09/xmldsig#");
    let method = EC.method;
    let sha256 = "http://www.w3.org/2001/04/xmlenc#sha256";
    let transform = format!("<ds:Transform Algorithm=\"{c14n}\"/>");
    let canonical = format!("<ds:CanonicalizationMethod Algorithm=\"{c14n}\"/>");
    let more = |algorithm: &str| {
        (transform.clone(), format!("{transform}<ds:Transform Algorithm=\"{algorithm}\"/>"))
    };
    let methods = [
        format!("{dsig}hmac-sha1"),
        format!("{dsig}rsa-sha1"),
        format!("{dsig}dsa-sha1"),
        String::new(),
        "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256".to_owned(),
        "http://www.w3.org/2001/04/xmldsig-more#rsa-md5".to_owned(),
        "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1".to_owned(),
        method.to_uppercase(),
        format!(" {method}"),
    ];
    let digests = [
        format!("{dsig}sha1"),
        "http://www.w3.org/2001/04/xmldsig-more#md5".to_owned(),
        String::new(),
        format!("{sha256} "),
    ];
    let canonicalizations = [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2006/12/xml-c14n11",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "",
        "urn:x",
    ];
    let uris = [
        "",
        "#",
        "_a1",
        "#_A1",
        "# _a1",
        "#_a1 ",
        "#_a1#",
        "#xpointer(/)",
        "#xpointer(id('_a1'))",
        "cid:_a1",
        "http://127.0.0.1:9/_a1",
        "file:///etc/passwd",
        "?#_a1",
        "./#_a1",
    ];
    let mut cases: Vec<(String, String)> = Vec::new();
    cases.extend(methods.iter().map(|other| {
        (format!("SignatureMethod Algorithm=\"{method}\""), format!("SignatureMethod Algorithm=\"{other}\""))
    }));
    cases.extend(digests.iter().map(|other| {
        (format!("DigestMethod Algorithm=\"{sha256}\""), format!("DigestMethod Algorithm=\"{other}\""))
    }));
    cases.extend(canonicalizations.iter().map(|other| (canonical.clone(), canonical.replace(c14n, other))));
    cases.extend(canonicalizations.iter().map(|other| (transform.clone(), transform.replace(c14n, other))));
    cases.extend(uris.iter().map(|other| ("URI=\"#_a1\"".to_owned(), format!("URI=\"{other}\""))));
    cases.push((" URI=\"#_a1\"".to_owned(), String::new()));
    cases.extend([
        more("http://www.w3.org/TR/1999/REC-xslt-19991116"),
        more("http://www.w3.org/2002/06/xmldsig-filter2"),
        more("http://www.w3.org/TR/1999/REC-xpath-19991116"),
        more(&format!("{dsig}base64")),
        more(c14n),
    ]);
    cases.push((format!("<ds:Transform Algorithm=\"{dsig}enveloped-signature\"/>"), String::new()));
    cases.push(("<ds:DigestMethod".to_owned(), "<ds:DigestMethod/><ds:DigestMethod".to_owned()));
    cases.push((
        "<ds:SignedInfo>".to_owned(),
        "<ds:SignedInfo><ds:SignatureMethod Algorithm=\"x\"/>".to_owned(),
    ));
    cases.push((format!("SignatureMethod Algorithm=\"{method}\"/>"), format!("SignatureMethod Algorithm=\"{method}\"><ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>")));
    for (from, to) in &cases {
        let message = genuine();
        assert!(message.contains(from), "{from}");
        let why = refusal(&message.replacen(from, to, 1));
        // The words of the list, not those of a sum that does not come out.
        let is_by_list =
            ["not allowed", "other than exclusive", "is not the assertion", "more or less than one"];
        assert!(
            why.word == "FailedCheck" && is_by_list.iter().any(|words| why.why.contains(words)),
            "{to}: {why}"
        );
    }
    assert!(cases.len() >= 40, "{}", cases.len());
}

#[test]
fn an_id_of_another_kind_that_stands_twice_is_refused_wherever_it_stands() {
    let names = ["ID", "Id", "id", "iD", "xml:id", "u:Id", "AssertionID"];
    let places = [
        "<q xmlns=\"urn:q\"",
        "<saml:Subject",
        "<saml:Issuer",
        "<wsse:Security ",
        "<ds:Reference ",
        "<s:Body",
    ];
    for name in names {
        for place in places {
            let with = format!("{place} xmlns:u=\"{WSU}\" {name}=\"_a1\" ").replace("  ", " ");
            let message = genuine().replacen(place, &with, 1).replace("id=\"q1\"", "");
            assert_eq!(word(&message), "InvalidSecurity", "{name} in {place}");
        }
    }
}
