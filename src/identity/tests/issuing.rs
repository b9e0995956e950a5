//! Our own assertion toward peers: it is what our own gate takes.

use uuid::Uuid;

use super::vectors::*;
use crate::identity::{Identity, IdentityError, NameFormat, Signer};
use crate::model::{Code, PatientId, Purpose, Role, Vouched};
use crate::xml::Tree;

const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

fn requester() -> Vouched {
    checked(&genuine(), &trust()).unwrap().vouched
}

fn security(keys: &Keys) -> String {
    let issuing = issuing(keys);
    let identity = issuing.identity(&requester()).unwrap();
    let patient = PatientId::from_cx("a&amp;b^^^&2.999.33.1&ISO");
    issuing.security(&identity, patient.as_ref(), Uuid::from_u128(7), NOW).unwrap()
}

fn message(security: &str) -> String {
    enveloped("")
        .replace("<s:Body>", "<s:Body><!-- -->")
        .split_once("<wsse:Security")
        .map(|(head, tail)| format!("{head}{security}{}", tail.split_once("</wsse:Security>").unwrap().1))
        .unwrap()
}

#[test]
fn what_we_issue_says_what_the_portal_said_and_is_taken_by_our_own_gate() {
    for keys in [&*EC, &*RSA] {
        let found = checked(&message(&security(keys)), &trust()).unwrap();
        let (ours, theirs) = (found.vouched, requester());
        assert_eq!(ours.person, theirs.person);
        assert_eq!(ours.organization, theirs.organization);
        assert_eq!((ours.roles, ours.purpose), (theirs.roles, theirs.purpose));
        assert_eq!(ours.by.authenticated, theirs.by.authenticated);
        assert_eq!(ours.by.id, Some(format!("_{}", Uuid::from_u128(7))));
        assert_eq!(found.expires, NOW.plus_seconds(360));
        assert!(found.patient.is_some() && found.warnings.is_empty());
    }
}

#[test]
fn the_signature_stands_right_after_the_issuer_and_only_agreed_attributes_are_written() {
    let tree = Tree::parse(&security(&EC)).unwrap();
    assert_eq!(tree.element.attributes.len(), 1);
    let assertion = tree.first(SAML, "Assertion").unwrap();
    let children: Vec<&str> = assertion.elements().map(Tree::name).collect();
    let order = ["Issuer", "Signature", "Subject", "Conditions", "AuthnStatement", "AttributeStatement"];
    assert_eq!(children, order);
    let names: Vec<&str> = assertion
        .first(SAML, "AttributeStatement")
        .unwrap()
        .elements()
        .map(|a| a.attribute("Name").unwrap().rsplit(':').next().unwrap())
        .collect();
    let table = [
        "subject-id",
        "organization",
        "organization-id",
        "homeCommunityId",
        "role",
        "purposeofuse",
        "resource-id",
    ];
    assert_eq!(names, table);
}

#[test]
fn a_peer_may_want_no_must_understand_and_another_name_format() {
    let mut issuing = issuing(&EC);
    issuing.must_understand = false;
    issuing.name_format = NameFormat::Absent;
    let identity = issuing.identity(&requester()).unwrap();
    let text = issuing.security(&identity, None, Uuid::from_u128(7), NOW).unwrap();
    assert!(
        !text.contains("mustUnderstand") && !text.contains("NameFormat") && !text.contains("resource-id")
    );
    checked(&message(&text), &trust()).unwrap();
}

#[test]
fn a_role_or_purpose_without_a_code_at_the_peer_is_not_made_up() {
    let issuing = issuing(&EC);
    let mut requester = requester();
    requester.roles = vec![Role("nurse".to_owned())];
    assert!(matches!(issuing.identity(&requester), Err(IdentityError::Unmapped(_))));
    requester.roles.push(Role("physician".to_owned()));
    assert_eq!(issuing.identity(&requester).unwrap().roles, [physician()]);
    requester.purpose = Purpose::Emergency;
    assert!(matches!(issuing.identity(&requester), Err(IdentityError::Unmapped(_))));
}

#[test]
fn names_with_markup_stay_names() {
    let issuing = issuing(&EC);
    let mut identity: Identity = issuing.identity(&requester()).unwrap();
    // What canonical XML writes in its own way, in texts and in attributes.
    identity.person.name = "A<saml:X/>&amp;\"'\r\n\t\u{ff21}髙".to_owned();
    identity.person.alias = Some("\t<\n>\r&\"".to_owned());
    identity.organization.name = "病院\u{fffe}\u{1} > \r".to_owned();
    identity.roles = vec![Code::new("MD", ROLES, "a\"<b>&"), Code::new("RN", ROLES, "")];
    let text = issuing.security(&identity, None, Uuid::from_u128(7), NOW).unwrap();
    let found = checked(&message(&text), &trust()).unwrap().vouched;
    assert_eq!(found.person.name, "A<saml:X/>&amp;\"' \u{ff21}髙", "blanks are one for a reader");
    assert_eq!(found.role_codes[0].display, "a\"<b>&");
}

#[test]
fn a_key_signs_only_with_its_own_certificate() {
    assert!(Signer::new(&EC.pem, &STRANGER.certificate).is_err());
    assert!(Signer::new("no key", &EC.certificate).is_err());
    let shown = format!("{:?}", issuing(&EC).signer);
    let secret = EC.pem.lines().nth(1).unwrap();
    assert!(
        !shown.contains("PRIVATE") && !shown.contains(secret) && shown.contains("ecdsa-sha256"),
        "{shown}"
    );
}
