//! What a verified assertion must say, and the variants in which peers say it (wire.md 5.3, 21.2).

use super::vectors::*;
use crate::model::{Organization, PatientId, Purpose, Role, Timestamp};

const ROLE: &str = r#"<hl7:Role xmlns:hl7="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="hl7:CE" code="MD" codeSystem="2.999.7.1"/>"#;
const PURPOSE: &str = r#"<hl7:PurposeOfUse xmlns:hl7="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="hl7:CE" code="TREATMENT" codeSystem="2.16.840.1.113883.3.18.7.1"/>"#;

fn value(inner: &str) -> String {
    format!("<saml:AttributeValue>{inner}</saml:AttributeValue>")
}

#[test]
fn a_genuine_assertion_names_person_organization_role_purpose_and_patient() {
    let found = checked(&genuine(), &trust()).unwrap();
    let requester = found.vouched;
    assert_eq!(requester.person.name, "試験　医師");
    assert_eq!(requester.person.alias.as_deref(), Some("alias7"));
    let organization = Organization { id: "2.999.34.1".to_owned(), name: "試験病院".to_owned() };
    assert_eq!(requester.organization, organization);
    assert_eq!(requester.roles, [Role("physician".to_owned())]);
    assert!(requester.role_codes[0].same(&physician()));
    assert_eq!(requester.purpose, Purpose::Treatment);
    assert_eq!(requester.by.id.as_deref(), Some("_a1"));
    assert_eq!(requester.by.issuer, "urn:example:sts");
    assert_eq!(requester.by.authenticated, Timestamp::from_xs_date_time("2026-03-31T23:00:00Z"));
    assert_eq!(found.patient, PatientId::from_cx("P-1^^^&2.999.33.1&ISO"));
    assert_eq!(found.expires, NOW.plus_seconds(360));
    assert!(!found.one_use && found.warnings.is_empty());
}

#[test]
fn times_are_held_against_the_clock_and_the_skew() {
    let shifted = |seconds: i64| {
        let now = NOW.plus_seconds(seconds);
        crate::identity::verify(&genuine(), &trust(), &community(), now).map_err(|why| why.word)
    };
    for (seconds, is_taken) in [(-61, false), (-60, true), (0, true), (359, true), (360, false)] {
        assert_eq!(shifted(seconds).is_ok(), is_taken, "{seconds}");
    }
    assert_eq!(shifted(360).unwrap_err(), "InvalidSecurityToken");
    let endless = signed_with(
        "Z\" NotOnOrAfter=\"2026-03-31T23:38:20Z\"><saml:Aud",
        "Z\" NotOnOrAfter=\"2026-04-02T23:38:20Z\"><saml:Aud",
    );
    assert_eq!(word(&endless), "InvalidSecurityToken");
    let no_end = signed_with(
        "<saml:Conditions NotBefore=\"2026-03-31T23:33:20Z\" NotOnOrAfter=\"2026-03-31T23:38:20Z\">",
        "<saml:Conditions>",
    );
    assert_eq!(word(&no_end), "InvalidSecurityToken");
    assert_eq!(
        word(&signed_with("IssueInstant=\"2026-03-31T23:33:20Z\"", "IssueInstant=\"2026-03-31\"")),
        "InvalidSecurityToken"
    );
    assert_eq!(
        word(&signed_with("AuthnInstant=\"2026-03-31T23:00:00Z\"", "AuthnInstant=\"2026-04-01T23:00:00Z\"")),
        "InvalidSecurityToken"
    );
}

#[test]
fn every_audience_restriction_must_name_us() {
    let other =
        "<saml:AudienceRestriction><saml:Audience>urn:other</saml:Audience></saml:AudienceRestriction>";
    assert_eq!(
        word(&signed_with(
            "<saml:Audience>urn:example:okayama</saml:Audience>",
            "<saml:Audience>urn:other</saml:Audience>"
        )),
        "InvalidSecurityToken"
    );
    assert_eq!(
        word(&signed_with("</saml:Conditions>", &format!("{other}</saml:Conditions>"))),
        "InvalidSecurityToken"
    );
    let both = signed_with("<saml:Audience>", "<saml:Audience>urn:other</saml:Audience><saml:Audience>");
    checked(&both, &trust()).unwrap();
    let none = signed_with(
        "<saml:AudienceRestriction><saml:Audience>urn:example:okayama</saml:Audience></saml:AudienceRestriction>",
        "",
    );
    assert_eq!(word(&none), "InvalidSecurityToken");
    let mut lax = trust();
    lax.accept_missing_audience = true;
    checked(&none, &lax).unwrap();
}

#[test]
fn a_condition_we_do_not_know_makes_the_assertion_invalid_and_one_time_use_is_told() {
    for unknown in [
        "<saml:ProxyRestriction Count=\"0\"/>",
        "<x:Any xmlns:x=\"urn:x\"/>",
        "<saml:Condition xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" xsi:type=\"D\"/>",
    ] {
        assert_eq!(
            word(&signed_with("</saml:Conditions>", &format!("{unknown}</saml:Conditions>"))),
            "InvalidSecurityToken"
        );
    }
    let once = signed_with("</saml:Conditions>", "<saml:OneTimeUse/></saml:Conditions>");
    assert!(checked(&once, &trust()).unwrap().one_use);
    let mut strict = trust();
    strict.one_use = true;
    assert!(checked(&genuine(), &strict).unwrap().one_use);
}

#[test]
fn one_bearer_confirmation_must_hold_here_and_now() {
    for (from, to) in [
        ("cm:bearer", "cm:holder-of-key"),
        ("Data NotOnOrAfter=\"2026-03-31T23:38:20Z\"", "Data NotOnOrAfter=\"2026-03-31T23:30:20Z\""),
        ("Data NotOnOrAfter", "Data NotBefore"),
        ("https://okayama.example:8443/xca/query", "https://elsewhere.example/"),
        ("https://okayama.example:8443/xca/query", "https://okayama.example:84430/"),
    ] {
        assert_eq!(word(&signed_with(from, to)), "InvalidSecurityToken", "{to}");
    }
    let further = "<saml:SubjectConfirmation Method=\"urn:oasis:names:tc:SAML:2.0:cm:sender-vouches\"/><saml:SubjectConfirmation ";
    checked(&signed_with("<saml:SubjectConfirmation ", further), &trust()).unwrap();
    let audience = signed_with("https://okayama.example:8443/xca/query", AUDIENCE);
    checked(&audience, &trust()).unwrap();
}

#[test]
fn the_authentication_statement_may_be_missing_only_where_the_file_says_so() {
    let text = template(&EC);
    let (from, to) =
        (text.find("<saml:AuthnStatement").unwrap(), text.find("<saml:AttributeStatement").unwrap());
    let without = signed_with(&text[from..to], "");
    assert_eq!(word(&without), "InvalidSecurityToken");
    let mut lax = trust();
    lax.accept_missing_authn_statement = true;
    assert_eq!(checked(&without, &lax).unwrap().vouched.by.authenticated, None);
}

#[test]
fn without_role_purpose_organization_or_name_there_is_no_requester() {
    for (from, to) in [
        (ROLE, ""),
        (PURPOSE, ""),
        ("urn:oid:2.999.34.1", ""),
        ("urn:oid:2.999.34<", "<"),
        ("dr-7", " \n"),
        ("code=\"MD\"", "code=\"XX\""),
        ("codeSystem=\"2.999.7.1\"", "codeSystem=\"2.999.7.2\""),
        ("code=\"MD\"", "code=\"md\""),
        ("\"TREATMENT\"", "\"OPERATIONS\""),
        ("codeSystem=\"2.16.840.1.113883.3.18.7.1\"", "codeSystem=\"2.999\""),
    ] {
        assert_eq!(word(&signed_with(from, to)), "InvalidSecurityToken", "{to}");
    }
    let mut lax = trust();
    lax.accept_missing_home_community = true;
    assert!(checked(&signed_with("urn:oid:2.999.34<", "<"), &lax).is_ok());
}

#[test]
fn several_organizations_leave_open_whose_consent_counts_and_are_refused() {
    let two = "2.999.34.1</saml:AttributeValue><saml:AttributeValue>urn:oid:2.999.34.2<";
    assert_eq!(word(&signed_with("2.999.34.1<", two)), "InvalidSecurityToken");
    let same = "2.999.34.1</saml:AttributeValue><saml:AttributeValue>2.999.34.1\n<";
    checked(&signed_with("2.999.34.1<", same), &trust()).unwrap();
}

#[test]
fn all_purposes_must_be_agreed_on_and_the_strictest_counts() {
    let and = |other: &str| {
        let second = PURPOSE.replace("TREATMENT", other);
        signed_with(&value(PURPOSE), &format!("{}{}", value(&second), value(PURPOSE)))
    };
    assert_eq!(checked(&and("EMERGENCY"), &trust()).unwrap().vouched.purpose, Purpose::Treatment);
    assert_eq!(word(&and("PUBLICHEALTH")), "InvalidSecurityToken");
    let inside = signed_with(PURPOSE, &format!("{PURPOSE}{}", PURPOSE.replace("TREATMENT", "OPERATIONS")));
    assert_eq!(word(&inside), "InvalidSecurityToken");
    let emergency = signed_with("\"TREATMENT\"", "\"EMERGENCY\"");
    assert_eq!(checked(&emergency, &trust()).unwrap().vouched.purpose, Purpose::Emergency);
}

#[test]
fn several_roles_are_kept_an_unknown_coded_one_refuses_and_a_remark_does_not() {
    let nurse = ROLE.replace("\"MD\"", "\"RN\"");
    let two =
        checked(&signed_with(&value(ROLE), &format!("{}{}", value(ROLE), value(&nurse))), &trust()).unwrap();
    assert_eq!(two.vouched.roles.len(), 2);
    let unknown = ROLE.replace("\"MD\"", "\"TRAINEE\"");
    assert_eq!(
        word(&signed_with(&value(ROLE), &format!("{}{}", value(ROLE), value(&unknown)))),
        "InvalidSecurityToken"
    );
    let unsystematic = "<Role code=\"TRAINEE\"/>";
    let message = signed_with(&value(ROLE), &format!("{}{}", value(ROLE), value(unsystematic)));
    assert_eq!(word(&message), "InvalidSecurityToken");
    let remark = format!("{}{}", value(ROLE), value("Medical Doctor"));
    let found = checked(&signed_with(&value(ROLE), &remark), &trust()).unwrap().vouched;
    assert_eq!((found.roles.len(), found.role_codes.len()), (1, 2));
}

#[test]
fn variants_of_roles_and_purposes_are_read_alike() {
    let escaped = |element: &str| element.replace('<', "&lt;").replace('>', "&gt;");
    let bare_xsi = ROLE
        .replace(" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"", "")
        .replace(" xmlns:hl7=\"urn:hl7-org:v3\"", "");
    for (from, to) in [
        (ROLE, escaped(ROLE)),
        (ROLE, escaped(&bare_xsi)),
        (ROLE, ROLE.replace("xsi:type", "type")),
        (ROLE, ROLE.replace(" xsi:type=\"hl7:CE\"", "")),
        (ROLE, ROLE.replace("hl7:CE", "CV")),
        (ROLE, ROLE.replace("XMLSchema-instance", "XMLSchema")),
        (ROLE, "<Role code=\"MD\" codeSystem=\"2.999.7.1\"/>".to_owned()),
        (ROLE, "<saml:Role code=\" MD \" codeSystem=\"urn:oid:2.999.7.1\"/>".to_owned()),
        (ROLE, format!("\n  <x:Garbage xmlns:x=\"urn:x\" code=\"1\"/>\n  {ROLE}\n")),
        ("urn:oasis:names:tc:xacml:2.0:subject:role", "urn:oasis:names:tc:xspa:1.0:subject:role".to_owned()),
        (PURPOSE, escaped(&PURPOSE.replace("PurposeOfUse", "Purpose"))),
        (PURPOSE, PURPOSE.replace("PurposeOfUse", "PurposeForUse")),
        (PURPOSE, "TREATMENT".to_owned()),
        (
            "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
            "urn:oasis:names:tc:xspa:1.0:subject:purposeOfUse".to_owned(),
        ),
        (
            "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse",
            "urn:oasis:names:tc:xacml:2.0:action:purpose".to_owned(),
        ),
        ("urn:ihe:iti:xca:2010:homeCommunityId", "urn:nhin:names:saml:homeCommunityId".to_owned()),
        ("urn:oid:2.999.34<", "2.999.34\n<".to_owned()),
        (
            "urn:oasis:names:tc:xspa:1.0:subject:subject-id",
            "urn:oasis:names:tc:xacml:1.0:subject:subject-id".to_owned(),
        ),
        ("試験　医師", "\n 試験　医師\t".to_owned()),
        ("&amp;2.999.33.1&amp;ISO", "NS&amp;amp;2.999.33.1&amp;amp;ISO ".to_owned()),
    ] {
        let found = checked(&signed_with(from, &to), &trust()).unwrap_or_else(|why| panic!("{to}: {why}"));
        assert_eq!(found.vouched.roles, [Role("physician".to_owned())], "{to}");
        assert_eq!(found.vouched.purpose, Purpose::Treatment);
        assert_eq!(found.vouched.person.name, "試験　医師");
        assert_eq!(found.patient, PatientId::from_cx("P-1^^^&2.999.33.1&ISO"), "{to}");
    }
}

#[test]
fn a_role_in_a_foreign_namespace_or_as_plain_text_opens_nothing() {
    let foreign = ROLE.replace("urn:hl7-org:v3", "urn:hl7-org:xxxx");
    assert_eq!(word(&signed_with(ROLE, &foreign)), "InvalidSecurityToken");
    assert_eq!(word(&signed_with(ROLE, "MD")), "InvalidSecurityToken");
}

#[test]
fn statements_are_merged_and_empty_values_count_as_none() {
    let split = "</saml:AttributeStatement><saml:AttributeStatement><saml:Attribute Name=\"urn:oasis:names:tc:xacml:2.0:subject:role\"><saml:AttributeValue/></saml:Attribute><saml:Attribute Name=\"urn:oasis:names:tc:xspa:1.0:subject:purposeofuse\">";
    let message =
        signed_with("<saml:Attribute Name=\"urn:oasis:names:tc:xspa:1.0:subject:purposeofuse\">", split);
    checked(&message, &trust()).unwrap();
    let message = signed_with("P-1^^^&amp;2.999.33.1&amp;ISO", "");
    assert_eq!(checked(&message, &trust()).unwrap().patient, None);
}

#[test]
fn endless_values_are_refused() {
    assert_eq!(word(&signed_with("dr-7", &"x".repeat(1025))), "InvalidSecurityToken");
    let many = value(ROLE).repeat(33);
    assert_eq!(word(&signed_with(&value(ROLE), &many)), "InvalidSecurityToken");
}

#[test]
fn the_timestamp_of_the_header_is_checked_when_it_is_there_or_demanded() {
    const WSU: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    let with = |created: &str, expires: &str| {
        let stamp = format!(
            "<u:Timestamp xmlns:u=\"{WSU}\" u:Id=\"t\"><u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>"
        );
        enveloped(&format!("{stamp}{}", signed(&EC, &template(&EC))))
    };
    let (now, later) = ("2026-03-31T23:33:20Z", "2026-03-31T23:38:20.5Z");
    checked(&with(now, later), &trust()).unwrap();
    assert_eq!(word(&with(now, "2026-03-31T23:32:20Z")), "MessageExpired");
    assert_eq!(word(&with("2026-03-31T23:34:21Z", later)), "MessageExpired");
    assert_eq!(word(&with("today", later)), "InvalidSecurity");
    assert_eq!(word(&with(now, "2026-03-31T23:38:20")), "InvalidSecurity");
    let mut strict = trust();
    strict.require_timestamp = true;
    assert_eq!(checked(&genuine(), &strict).unwrap_err().word, "InvalidSecurity");
    checked(&with(now, later), &strict).unwrap();
}
