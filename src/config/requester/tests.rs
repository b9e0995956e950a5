//! The `requester` table and the `assertion` key of a portal's file.

use super::*;
use crate::config::fixture::{Fixture, PEER};

const PORTAL: &str = r#"
kind = "portal"
assertion = "optional"
tls = { san_uri = "urn:oid:2.999.33.30" }

[requester]
from = "headers"
issuer = "https://portal.example"
person_id = "X-User-Id"
person_name = "X-User-Name"
organization_id = "X-Facility-Id"
organization_name = "X-Facility-Name"
role = "X-Role"
purpose = "X-Purpose"
roles = [{ code = "21", display = "Dr", role = "physician" }]
purposes = [{ code = "T", purpose = "TREATMENT" }]
"#;

fn token() -> String {
    let keys =
        "from = \"token\"\nheader = \"X-Token\"\nalgorithm = \"PS256\"\nkey = \"saml\"\naudience = \"us\"";
    PORTAL.replace("from = \"headers\"", keys)
}

fn loaded(portal: &str) -> Result<crate::config::Settings, String> {
    let fixture = Fixture::new();
    fixture.write("peers/portal.toml", portal);
    let told = |errors: crate::config::ConfigErrors| {
        errors
            .0
            .iter()
            .map(|error| format!("{}: {}", error.key, error.message))
            .collect::<Vec<_>>()
            .join("; ")
    };
    fixture.load().map_err(told)
}

#[test]
fn headers_and_tokens_are_read_with_their_tables_and_a_portal_then_needs_no_issuer_of_assertions() {
    let settings = loaded(PORTAL).unwrap();
    let file = &settings.targets[0];
    assert!(file.assertion_optional && file.saml.is_none() && file.may_ask());
    let requester = file.requester.as_ref().unwrap();
    assert_eq!(requester.carrier, RequesterCarrier::Headers(HeaderEncoding::Percent));
    assert_eq!((requester.names.person_id.as_str(), &requester.names.role_system), ("x-user-id", &None));
    assert_eq!(requester.roles, [(Code::new("21", "2.999.1.1", "Dr"), Role("physician".to_owned()))]);
    assert_eq!(requester.purposes.len(), 1, "no purpose but those of the file");
    let settings = loaded(&token()).unwrap();
    let requester = settings.targets[0].requester.clone().unwrap();
    let RequesterCarrier::Token(token) = requester.carrier else { panic!() };
    assert_eq!(
        (token.header.as_str(), token.algorithm, token.life_s),
        ("x-token", TokenAlgorithm::Ps256, 300)
    );
    assert_eq!(requester.names.person_id, "X-User-Id", "a claim is written as it is");
    let without = PORTAL.replace("assertion = \"optional\"\n", "");
    assert!(!loaded(&without).unwrap().targets[0].assertion_optional);
}

#[test]
fn nothing_of_a_person_may_be_left_out_of_the_file_or_stand_where_it_cannot() {
    for key in
        ["issuer", "person_id", "person_name", "organization_id", "organization_name", "role", "purpose"]
    {
        let told = loaded(&PORTAL.replacen(&format!("\n{key} = "), "\n# = ", 1)).unwrap_err();
        assert!(told.contains(&format!("missing key `requester.{key}`")), "{told}");
    }
    for (from, to, why) in [
        ("\"X-User-Id\"", "\"X User\"", "cannot be such a header"),
        ("\"X-User-Id\"", "\"Content-Type\"", "cannot be such a header"),
        ("\"X-User-Id\"", "\"Authorization\"", "cannot be such a header"),
        ("\"X-User-Id\"", "\"X_User-Name\"", "says two things"),
        (
            "from = \"headers\"",
            "from = \"headers\"\nalgorithm = \"ES256\"",
            "unknown key `requester.algorithm`",
        ),
        ("from = \"headers\"", "from = \"header\"", "unknown from"),
        ("roles = [{", "#roles = [{", "missing key `requester.roles`"),
        ("purposes = [{", "#purposes = [{", "missing key `requester.purposes`"),
        ("kind = \"portal\"", "kind = \"ssmix2\"", "has no `requester`"),
        ("assertion = \"optional\"", "assertion = \"never\"", "unknown assertion"),
    ] {
        let told = loaded(&PORTAL.replacen(from, to, 1)).unwrap_err();
        assert!(told.contains(why), "{to}: {told}");
    }
    for (from, to, why) in [
        ("\"PS256\"", "\"none\"", "unknown algorithm"),
        ("\"PS256\"", "\"HS256\"", "unknown algorithm"),
        ("key = \"saml\"", "key = \"absent\"", "absent"),
        ("key = \"saml\"", "", "missing key `requester.key`"),
        ("audience = \"us\"", "", "missing key `requester.audience`"),
    ] {
        let told = loaded(&token().replacen(from, to, 1)).unwrap_err();
        assert!(told.contains(why), "{to}: {told}");
    }
    let bare = "kind = \"portal\"\ntls = { san_uri = \"urn:oid:2.999.33.30\" }\n";
    assert!(loaded(bare).unwrap_err().contains("missing table `saml`"));
    let peer = PEER.replace("side = \"peer\"", "side = \"peer\"\nassertion = \"optional\"");
    assert!(loaded(&peer).unwrap_err().contains("has no `assertion`"));
}
