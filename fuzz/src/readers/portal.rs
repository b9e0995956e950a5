//! What a portal without SAML says of its users: a line a header, read as they are, with a token that is
//! signed by nobody, so that whatever is taken of one is a break; and what stands in a token that is signed.

use std::sync::LazyLock;

use kakehashi::config::{HeaderEncoding, RequesterNames, TokenAlgorithm};
use kakehashi::identity::{PortalCarrier, PortalTrust, TokenKey, TokenTrust, verify_headers};
use kakehashi::model::{Code, Purpose, Role, Timestamp, Vouched};
use rcgen::{KeyPair, SigningKey};

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

static KEY: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate().expect("a key"));

fn by_token_of(key: &KeyPair) -> PortalTrust {
    let algorithm = TokenAlgorithm::Es256;
    trust(PortalCarrier::Token(TokenTrust {
        header: "x-token".to_owned(),
        algorithm,
        keys: vec![TokenKey::new(key.public_key_pem().as_bytes(), algorithm).expect("a key")],
        audience: "urn:oid:2.999.33".to_owned(),
        life_s: 300,
        skew_s: 60,
    }))
}

static BY_TOKEN: LazyLock<PortalTrust> = LazyLock::new(|| by_token_of(&KEY));
static BY_ANOTHER: LazyLock<PortalTrust> =
    LazyLock::new(|| by_token_of(&KeyPair::generate().expect("a key")));

const NOW: Timestamp = Timestamp::from_micros(1_775_001_600_000_000);

fn are_seen(vouched: &Vouched) {
    for text in [&vouched.person.id, &vouched.person.name, &vouched.organization.name] {
        let is_seen = !text.is_empty() && !text.chars().any(char::is_control);
        assert!(is_seen && text.chars().count() <= 256, "a value that should have been refused");
    }
}

/// A line a header, `name: value`.
pub fn headers(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').take(64);
    let pairs: Vec<(&[u8], &[u8])> = lines
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b':')?;
            Some((line.get(..at)?, line.get(at + 1..)?.trim_ascii()))
        })
        .collect();
    for trust in BY_HEADERS.iter() {
        let Ok(vouched) = verify_headers(trust, &pairs, NOW) else { continue };
        are_seen(&vouched);
        assert!(vouched.roles.len() == 1 && vouched.by.id.is_none() && vouched.by.authenticated.is_some());
    }
    assert!(verify_headers(&BY_TOKEN, &pairs, NOW).is_err(), "a token nobody signed was taken");
}

/// The head of a token, and behind the first line end its claims: signed by the portal's key as they are.
pub fn token(data: &[u8]) {
    let at = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (head, claims) = (data.get(..at).unwrap_or_default(), data.get(at + 1..).unwrap_or_default());
    let text = format!("{}.{}", base64url(head), base64url(claims));
    let signature = KEY.sign(text.as_bytes()).ok().and_then(|der| fixed(&der)).expect("a signature");
    let read = |trust: &PortalTrust, token: &str| {
        verify_headers(trust, &[(b"x-token".as_slice(), token.as_bytes())], NOW)
    };
    let signature = base64url(&signature);
    let Ok(vouched) = read(&BY_TOKEN, &format!("{text}.{signature}")) else { return };
    are_seen(&vouched);
    let said = std::str::from_utf8(head).expect("a head that was taken is text");
    assert!(said.contains("ES256"), "an algorithm that the file does not name: {said}");
    assert!(
        !vouched.roles.is_empty() && vouched.by.id.is_some(),
        "somebody without a role, or a token without id"
    );
    assert!(read(&BY_ANOTHER, &format!("{text}.{signature}")).is_err(), "another key's token was taken");
    let longer = format!("{}.{}", base64url(head), base64url(&[claims, b" "].concat()));
    assert!(read(&BY_TOKEN, &format!("{longer}.{signature}")).is_err(), "other claims under one signature");
}

// Without padding, as tokens have it.
fn base64url(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len() * 4 / 3 + 4);
    for three in bytes.chunks(3) {
        let number = (0..3).fold(0_u32, |sum, at| sum << 8 | three.get(at).copied().map_or(0, u32::from));
        let letters = (0..=three.len()).filter_map(|at| LETTERS.get((number >> (18 - 6 * at) & 63) as usize));
        text.extend(letters.map(|letter| char::from(*letter)));
    }
    text
}

// Of an ECDSA signature in DER its two numbers, 32 bytes each.
fn fixed(der: &[u8]) -> Option<Vec<u8>> {
    let mut rest = der.get(2..)?;
    let mut both = Vec::new();
    for _ in 0..2 {
        let length = usize::from(*rest.get(1)?);
        let number = rest.get(2..2 + length)?;
        let number = number.get(number.len().saturating_sub(32)..)?;
        both.extend(std::iter::repeat_n(0, 32 - number.len()).chain(number.iter().copied()));
        rest = rest.get(2 + length..)?;
    }
    Some(both)
}
