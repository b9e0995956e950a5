//! What a portal without SAML says of its users: a line a header. Plain headers are read as they are; a token
//! is signed by nobody, so whatever is taken of one is a break.

use std::sync::LazyLock;

use kakehashi::config::{HeaderEncoding, RequesterNames, TokenAlgorithm};
use kakehashi::identity::{PortalCarrier, PortalTrust, TokenKey, TokenTrust, verify_headers};
use kakehashi::model::{Code, Purpose, Role, Timestamp};

fn trust(carrier: PortalCarrier) -> PortalTrust {
    let name = |name: &str| name.to_owned();
    PortalTrust {
        issuer: "https://portal.example".to_owned(),
        names: RequesterNames {
            person_id: name("x-user-id"),
            person_name: name("x-user-name"),
            organization_id: name("x-facility-id"),
            organization_name: name("x-facility-name"),
            role: name("x-role"),
            role_system: None,
            purpose: name("x-purpose"),
            authenticated: Some(name("x-login")),
        },
        roles: vec![(Code::new("21", "2.999.1.1", ""), Role("physician".to_owned()))],
        purposes: vec![(Code::new("T", "", ""), Purpose::Treatment)],
        carrier,
    }
}

static BY_HEADERS: LazyLock<[PortalTrust; 3]> = LazyLock::new(|| {
    [HeaderEncoding::Percent, HeaderEncoding::Rfc8187, HeaderEncoding::Utf8]
        .map(|encoding| trust(PortalCarrier::Headers(encoding)))
});

static BY_TOKEN: LazyLock<PortalTrust> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate().expect("a key").public_key_pem();
    let algorithm = TokenAlgorithm::Es256;
    trust(PortalCarrier::Token(TokenTrust {
        header: "x-token".to_owned(),
        algorithm,
        keys: vec![TokenKey::new(key.as_bytes(), algorithm).expect("a key")],
        audience: "urn:oid:2.999.33".to_owned(),
        life_s: 300,
        skew_s: 60,
    }))
});

/// A line a header, `name: value`.
pub fn headers(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').take(64);
    let pairs: Vec<(&[u8], &[u8])> = lines
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            Some((line.get(..at)?, line.get(at + 1..)?.trim_ascii()))
        })
        .collect();
    let now = Timestamp::from_micros(1_775_001_600_000_000);
    for trust in BY_HEADERS.iter() {
        let Ok(vouched) = verify_headers(trust, &pairs, now) else { continue };
        let texts = [&vouched.person.id, &vouched.person.name, &vouched.organization.name];
        for text in texts {
            let is_seen = !text.is_empty() && !text.chars().any(char::is_control);
            assert!(is_seen && text.chars().count() <= 256, "a value that should have been refused");
        }
        assert!(vouched.roles.len() == 1 && vouched.by.id.is_none() && vouched.by.authenticated.is_some());
    }
    assert!(verify_headers(&BY_TOKEN, &pairs, now).is_err(), "a token nobody signed was taken");
}
