//! What a portal's headers and tokens may say, and every way in which they are refused.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::*;
use crate::config::TokenAlgorithm;
use crate::xml::WellFormed;
use crate::{identity::Terms, model::CommunityId, model::Oid};

/// 2026-04-01T00:00:00Z.
const NOW: Timestamp = Timestamp::from_micros(1_775_001_600_000_000);
const NAME: &str = "岡山　花子\u{e0100}";

fn names() -> RequesterNames {
    let name = |name: &str| name.to_owned();
    RequesterNames {
        person_id: name("x-user-id"),
        person_name: name("x-user-name"),
        organization_id: name("x-facility-id"),
        organization_name: name("x-facility-name"),
        role: name("x-role"),
        role_system: None,
        purpose: name("x-purpose"),
        authenticated: Some(name("x-login")),
    }
}

fn trust(carrier: PortalCarrier, names: RequesterNames) -> PortalTrust {
    let role = |code: &str, role: &str| (Code::new(code, "2.999.1.1", code), Role(role.to_owned()));
    PortalTrust {
        issuer: "https://portal.example".to_owned(),
        names,
        roles: vec![role("1", "physician"), role("2", "nurse")],
        purposes: vec![
            (Code::new("T", "", ""), Purpose::Treatment),
            (Code::new("E", "", ""), Purpose::Emergency),
        ],
        carrier,
    }
}

fn by_headers(encoding: HeaderEncoding) -> PortalTrust {
    trust(PortalCarrier::Headers(encoding), names())
}

fn said() -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("x-user-id", "d0001".to_owned()),
        ("x-user-name", utf8_percent_encode(NAME, NON_ALPHANUMERIC).to_string()),
        ("x-facility-id", "urn:oid:2.999.33.20".to_owned()),
        ("x-facility-name", "Hospital".to_owned()),
        ("x-role", "1".to_owned()),
        ("x-purpose", "T".to_owned()),
        ("x-login", "2026-04-01T08:00:00+09:00".to_owned()),
    ] {
        headers.insert(name, HeaderValue::from_str(&value).unwrap());
    }
    headers
}

fn with(name: &'static str, value: &[u8]) -> HeaderMap {
    let mut headers = said();
    headers.insert(name, HeaderValue::from_bytes(value).unwrap());
    headers
}

/// The person, whom both ways of a portal name.
fn check(vouched: &Vouched) {
    assert_eq!((vouched.person.id.as_str(), vouched.person.name.as_str()), ("d0001", NAME));
    assert_eq!(
        (vouched.organization.id.as_str(), vouched.organization.name.as_str()),
        ("2.999.33.20", "Hospital")
    );
    assert_eq!(vouched.roles, [Role("physician".to_owned())]);
    assert!(vouched.role_codes[0].same(&Code::new("1", "2.999.1.1", "")));
    assert_eq!(vouched.purpose, Purpose::Treatment);
    assert_eq!(vouched.by.issuer, "https://portal.example");
    assert_eq!(vouched.by.authenticated, Timestamp::from_xs_date_time("2026-03-31T23:00:00Z"));
}

#[test]
fn headers_in_each_encoding_name_the_person_role_and_purpose() {
    let percent = said();
    let rfc8187 =
        with("x-user-name", format!("utf-8''{}", percent["x-user-name"].to_str().unwrap()).as_bytes());
    let mut rfc8187 = rfc8187;
    for name in ["x-user-id", "x-facility-id", "x-facility-name", "x-role", "x-purpose", "x-login"] {
        let value = format!("UTF-8''{}", rfc8187[name].to_str().unwrap());
        rfc8187.insert(name, HeaderValue::from_str(&value).unwrap());
    }
    let utf8 = with("x-user-name", NAME.as_bytes());
    for (encoding, headers) in
        [(HeaderEncoding::Percent, percent), (HeaderEncoding::Rfc8187, rfc8187), (HeaderEncoding::Utf8, utf8)]
    {
        let read = by_headers(encoding).read(&headers, NOW).unwrap();
        check(&read.vouched);
        assert_eq!((read.vouched.by.means, read.vouched.by.id, read.expires), (Means::Headers, None, None));
    }
}

#[test]
fn nothing_of_a_person_is_ever_made_up_and_a_fault_names_the_header_and_not_its_value() {
    let trust = by_headers(HeaderEncoding::Percent);
    for name in names().all() {
        let mut headers = said();
        headers.remove(name);
        let fault = trust.read(&headers, NOW).unwrap_err();
        assert_eq!(fault.told, Some(format!("header {name} is missing")));
        headers = said();
        let again = headers[name].clone();
        headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), again);
        let fault = trust.read(&headers, NOW).unwrap_err();
        assert_eq!(fault.told, Some(format!("header {name} is there more than once")));
        assert_eq!(fault.word, "InvalidSecurity");
        for lookalike in [name.replace('-', "_"), name.replacen('-', "_", 1)] {
            let mut headers = said();
            headers
                .insert(HeaderName::from_bytes(lookalike.as_bytes()).unwrap(), HeaderValue::from_static("x"));
            let fault = trust.read(&headers, NOW).map(|read| read.vouched).unwrap_err();
            assert!(fault.told.unwrap().contains("spelt alike"), "{lookalike}");
        }
    }
    let long = "a".repeat(257);
    let unseen =
        [&b"Secret%00"[..], b"Secret%0d%0aX", b"Secret%C2%85", b"Secret%E2%80%AE", b"Secret%E2%80%8B"];
    let undecodable =
        [&b"Secret%"[..], b"Secret%4", b"Secret%zz", b"Secret%ff", b"Secret%ED%A0%80", "Secret岡".as_bytes()];
    for value in [&b""[..], b"%20", b"%09%20", long.as_bytes()].into_iter().chain(unseen).chain(undecodable) {
        let fault = trust.read(&with("x-user-name", value), NOW).map(|read| read.vouched).unwrap_err();
        let told = fault.told.unwrap();
        assert!(told.starts_with("header x-user-name ") && !told.contains("Secret"), "{told}");
        assert!(!fault.why.contains("Secret") && fault.word == "InvalidSecurityToken", "{}", fault.why);
    }
    for (name, value) in [
        ("x-role", "3"),
        ("x-role", "physician"),
        ("x-role", "1,2"),
        ("x-role", "1 2"),
        ("x-purpose", "TREATMENT"),
        ("x-purpose", "t"),
        ("x-login", "2026-04-01T08:00:00"),
        ("x-login", "2026-04-01T09:02:00+09:00"),
        ("x-login", "1775000000"),
    ] {
        let fault = trust.read(&with(name, value.as_bytes()), NOW).map(|read| read.vouched).unwrap_err();
        assert!(fault.told.unwrap().starts_with(&format!("header {name} ")), "{name}: {value}");
    }
}

#[test]
fn a_coding_scheme_that_the_portal_sends_must_be_that_of_the_table() {
    let mut trust = by_headers(HeaderEncoding::Percent);
    trust.names.role_system = Some("x-role-system".to_owned());
    assert!(trust.read(&said(), NOW).is_err(), "missing");
    check(&trust.read(&with("x-role-system", b"urn:oid:2.999.1.1"), NOW).unwrap().vouched);
    assert!(trust.read(&with("x-role-system", b"2.999.1.2"), NOW).is_err());
}

static EC: LazyLock<rcgen::KeyPair> = LazyLock::new(|| rcgen::KeyPair::generate().unwrap());
static OTHER: LazyLock<rcgen::KeyPair> = LazyLock::new(|| rcgen::KeyPair::generate().unwrap());
static RSA: LazyLock<rcgen::KeyPair> =
    LazyLock::new(|| rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap());

fn token_trust(algorithm: TokenAlgorithm, header: &str) -> PortalTrust {
    let key = if algorithm == TokenAlgorithm::Es256 { &EC } else { &RSA };
    let carrier = PortalCarrier::Token(TokenTrust {
        header: header.to_owned(),
        algorithm,
        keys: vec![TokenKey::new(key.public_key_pem().as_bytes(), algorithm).unwrap()],
        audience: "urn:oid:2.999.33".to_owned(),
        life_s: 300,
        skew_s: 60,
    });
    let name = |name: &str| name.to_owned();
    let names = RequesterNames {
        person_id: name("sub"),
        person_name: name("name"),
        organization_id: name("facility"),
        organization_name: name("facility_name"),
        role: name("role"),
        role_system: None,
        purpose: name("purpose"),
        authenticated: Some(name("auth_time")),
    };
    trust(carrier, names)
}

fn claims() -> Map<String, Value> {
    let now = NOW.micros() / 1_000_000;
    let claims = serde_json::json!({
        "iss": "https://portal.example", "aud": "urn:oid:2.999.33", "iat": now, "exp": now + 120, "jti": "j-1",
        "sub": "d0001", "name": NAME, "facility": "2.999.33.20", "facility_name": "Hospital", "role": "1",
        "purpose": "T", "auth_time": now - 3600,
    });
    claims.as_object().unwrap().clone()
}

fn signed(head: &str, claims: &str, key: &rcgen::KeyPair) -> String {
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(claims));
    let (der, random) = (key.serialize_der(), SystemRandom::new());
    let signature = if let Ok(key) = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &der) {
        key.sign(&random, text.as_bytes()).unwrap().as_ref().to_vec()
    } else {
        let key = rsa::KeyPair::from_pkcs8(&der).unwrap();
        let padding: &'static dyn RsaEncoding =
            if head.contains("PS") { &RSA_PSS_SHA256 } else { &RSA_PKCS1_SHA256 };
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(padding, &random, text.as_bytes(), &mut signature).unwrap();
        signature
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn in_header(name: &'static str, value: &str) -> HeaderMap {
    [(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())].into_iter().collect()
}

fn es256(claims: &Map<String, Value>) -> HeaderMap {
    let text = serde_json::to_string(claims).unwrap();
    in_header("x-portal-user", &signed("{\"alg\":\"ES256\"}", &text, &EC))
}

#[test]
fn a_token_signed_as_the_file_says_names_the_person_and_is_remembered_until_it_ends() {
    let text = serde_json::to_string(&claims()).unwrap();
    for (algorithm, key) in
        [(TokenAlgorithm::Es256, &*EC), (TokenAlgorithm::Rs256, &*RSA), (TokenAlgorithm::Ps256, &*RSA)]
    {
        let head = format!("{{\"alg\":\"{}\",\"typ\":\"JWT\",\"kid\":\"k\"}}", algorithm.word());
        let token = signed(&head, &text, key);
        for headers in
            [in_header("x-portal-user", &token), in_header("authorization", &format!("bearer {token}"))]
        {
            let name = headers.keys().next().unwrap().as_str();
            let read = token_trust(algorithm, name).read(&headers, NOW).unwrap();
            check(&read.vouched);
            assert_eq!((read.vouched.by.means, read.vouched.by.id.as_deref()), (Means::Token, Some("j-1")));
            assert_eq!(read.expires, Some(NOW.plus_seconds(180)));
        }
    }
    let mut several = claims();
    several.insert("role".to_owned(), serde_json::json!(["2", "1"]));
    several.insert("aud".to_owned(), serde_json::json!(["other", "urn:oid:2.999.33"]));
    let read = token_trust(TokenAlgorithm::Es256, "x-portal-user").read(&es256(&several), NOW).unwrap();
    assert_eq!(read.vouched.roles, [Role("nurse".to_owned()), Role("physician".to_owned())]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whoever_a_token_or_headers_name_is_read_as_they_were_written(
        id in "[!-~山]{1,40}",
        name in "[!-~ァ-ヶ一-龥][ -~ァ-ヶ一-龥]{0,40}[!-~一-龥]",
        facility in "2\\.999\\.[1-9][0-9]{0,8}",
        facility_name in "[!-~一-龥]{1,40}",
        second in any::<bool>(),
        jti in "[!-~]{1,60}",
    ) {
        let role = if second { "2" } else { "1" };
        let mut told = claims();
        for (claim, value) in [("sub", &id), ("name", &name), ("facility", &facility), ("jti", &jti)] {
            told.insert(claim.to_owned(), Value::from(value.as_str()));
        }
        told.insert("facility_name".to_owned(), Value::from(facility_name.as_str()));
        told.insert("role".to_owned(), Value::from(role));
        let token = token_trust(TokenAlgorithm::Es256, "x-portal-user").read(&es256(&told), NOW).unwrap();
        prop_assert_eq!(token.vouched.by.id.as_deref(), Some(jti.as_str()));
        let mut headers = said();
        for (header, value) in
            [("x-user-id", &id), ("x-user-name", &name), ("x-facility-id", &facility), ("x-facility-name", &facility_name)]
        {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC).to_string();
            headers.insert(header, HeaderValue::from_str(&value).unwrap());
        }
        headers.insert("x-role", HeaderValue::from_str(role).unwrap());
        let plain = by_headers(HeaderEncoding::Percent).read(&headers, NOW).unwrap();
        for vouched in [token.vouched, plain.vouched] {
            prop_assert_eq!(&vouched.person.id, &id);
            prop_assert_eq!(&vouched.person.name, &name);
            prop_assert_eq!((&vouched.organization.id, &vouched.organization.name), (&facility, &facility_name));
            prop_assert_eq!(vouched.roles, vec![Role(if second { "nurse" } else { "physician" }.to_owned())]);
            prop_assert_eq!(vouched.purpose, Purpose::Treatment);
        }
    }
}

#[test]
fn no_token_chooses_its_own_algorithm_or_key_or_says_anything_twice() {
    let trust = token_trust(TokenAlgorithm::Es256, "x-portal-user");
    let text = serde_json::to_string(&claims()).unwrap();
    let good = signed("{\"alg\":\"ES256\"}", &text, &EC);
    let refused = |token: &str| {
        let fault = trust.read(&in_header("x-portal-user", token), NOW).map(|read| read.vouched).unwrap_err();
        let told = fault.told.unwrap();
        assert!(told.starts_with("header x-portal-user ") && !told.contains("d0001"), "{told}");
        fault.word
    };
    let jwk = format!("{{\"alg\":\"ES256\",\"jwk\":{{\"kty\":\"EC\",\"x\":\"{}\"}}}}", "A".repeat(43));
    for head in [
        "{\"alg\":\"none\"}",
        "{\"alg\":\"HS256\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"es256\"}",
        "{}",
        "[]",
        "",
        "{\"alg\":\"ES256\",\"crit\":[\"exp\"]}",
        "{\"alg\":\"ES256\",\"b64\":false}",
        &jwk,
        "{\"alg\":\"ES256\",\"jku\":\"https://evil.example\"}",
        "{\"alg\":\"ES256\",\"x5c\":[]}",
        "{\"alg\":\"none\",\"alg\":\"ES256\"}",
    ] {
        assert_eq!(refused(&signed(head, &text, &EC)), "InvalidSecurityToken", "{head}");
    }
    // A secret for HMAC made of the public key, the classic confusion.
    let public = EC.public_key_pem();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
    let hs = format!("{}.{}", URL_SAFE_NO_PAD.encode("{\"alg\":\"HS256\"}"), URL_SAFE_NO_PAD.encode(&text));
    let tag = URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, hs.as_bytes()).as_ref());
    assert_eq!(refused(&format!("{hs}.{tag}")), "InvalidSecurityToken");
    assert_eq!(refused(&signed("{\"alg\":\"ES256\"}", &text, &OTHER)), "FailedCheck");
    let [head, body, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let zeros = URL_SAFE_NO_PAD.encode([0; 64]);
    for (bent, word) in [
        (format!("{head}.{body}."), "InvalidSecurityToken"),
        (format!("{head}.{body}"), "InvalidSecurityToken"),
        (format!("{good}.x"), "InvalidSecurityToken"),
        (format!("{head}.{body}.{zeros}"), "FailedCheck"),
        (format!("{head}.{body}.{signature}="), "InvalidSecurityToken"),
        (
            format!("{head}.{}.{signature}", URL_SAFE_NO_PAD.encode(text.replace("d0001", "d0002"))),
            "FailedCheck",
        ),
        (format!("{good}{}", "A".repeat(9_000)), "InvalidSecurityToken"),
        ("....".to_owned(), "InvalidSecurityToken"),
    ] {
        assert_eq!(refused(&bent), word, "{bent}");
    }
    for twice in [
        text.replacen('{', "{\"sub\":\"d0002\",", 1),
        text.replacen('{', "{\"deep\":{\"a\":1,\"a\":2},", 1),
        text.replacen('{', "{\"\\u0073ub\":\"d0002\",", 1),
        format!("{text} {text}"),
        format!("[{text}]"),
        "[".repeat(5_000),
    ] {
        assert_eq!(refused(&signed("{\"alg\":\"ES256\"}", &twice, &EC)), "InvalidSecurityToken", "{twice}");
    }
    let mut twice = in_header("x-portal-user", &good);
    twice.append("x-portal-user", HeaderValue::from_str(&good).unwrap());
    assert_eq!(trust.read(&twice, NOW).map(|read| read.vouched).unwrap_err().word, "InvalidSecurity");
    assert!(trust.read(&in_header("x_portal_user", &good), NOW).is_err(), "another spelling");
}

#[test]
fn a_tokens_claims_must_be_there_for_us_of_now_and_known_to_the_file() {
    let trust = token_trust(TokenAlgorithm::Es256, "x-portal-user");
    let now = NOW.micros() / 1_000_000;
    for name in claims().keys() {
        let mut without = claims();
        without.remove(name);
        let told = trust.read(&es256(&without), NOW).map(|read| read.vouched).unwrap_err().told.unwrap();
        assert!(told.starts_with(&format!("header x-portal-user (claim {name}) ")), "{told}");
    }
    for (name, value) in [
        ("aud", serde_json::json!("urn:oid:2.999.34")),
        ("aud", serde_json::json!([])),
        ("iss", serde_json::json!("https://portal.example/")),
        ("exp", serde_json::json!(now - 60)),
        ("exp", serde_json::json!(now + 301)),
        ("exp", serde_json::json!("soon")),
        ("exp", serde_json::json!(1e300)),
        ("iat", serde_json::json!(now + 61)),
        ("iat", serde_json::json!(i64::MAX)),
        ("nbf", serde_json::json!(now + 61)),
        ("auth_time", serde_json::json!(now + 61)),
        ("jti", serde_json::json!("")),
        ("jti", serde_json::json!(7)),
        ("sub", serde_json::json!(["d0001"])),
        ("sub", serde_json::json!(" ")),
        ("sub", serde_json::json!("a\u{0}b")),
        ("name", serde_json::json!("a".repeat(257))),
        ("role", serde_json::json!([])),
        ("role", serde_json::json!(["1", "9"])),
        ("role", serde_json::json!(vec!["1"; 33])),
        ("purpose", serde_json::json!(null)),
        ("purpose", serde_json::json!("X")),
    ] {
        let mut bent = claims();
        bent.insert(name.to_owned(), value.clone());
        let fault = trust.read(&es256(&bent), NOW).map(|read| read.vouched).unwrap_err();
        assert!(
            fault.told.unwrap().starts_with(&format!("header x-portal-user (claim {name}) ")),
            "{name} {value}"
        );
    }
}

#[test]
fn a_key_that_does_not_go_with_the_algorithm_is_refused_at_the_start() {
    let (ec, rsa) = (EC.public_key_pem(), RSA.public_key_pem());
    for (pem, algorithm) in
        [(&ec, TokenAlgorithm::Rs256), (&ec, TokenAlgorithm::Ps256), (&rsa, TokenAlgorithm::Es256)]
    {
        assert!(TokenKey::new(pem.as_bytes(), algorithm).is_err());
    }
    let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap().public_key_pem();
    assert!(TokenKey::new(p384.as_bytes(), TokenAlgorithm::Es256).is_err());
    assert!(TokenKey::new(EC.serialize_pem().as_bytes(), TokenAlgorithm::Es256).is_err(), "a private key");
}

#[test]
fn an_assertion_that_is_there_is_verified_and_never_stands_beside_headers() {
    let community = CommunityId(Oid::parse("2.999.33").unwrap());
    let trust = by_headers(HeaderEncoding::Percent);
    let (all, none) = (said(), HeaderMap::new());
    let partly: HeaderMap =
        [(HeaderName::from_static("x-role"), HeaderValue::from_static("1"))].into_iter().collect();
    let smuggled: HeaderMap =
        [(HeaderName::from_static("x_role"), HeaderValue::from_static("1"))].into_iter().collect();
    let judged = |header: &str, headers: Option<&HeaderMap>, may_be_nobody: bool| {
        let message = format!("<E>{header}<Body/></E>");
        let root = WellFormed::check(&message).unwrap();
        let portal = headers.map(|headers| (&trust, headers));
        let terms = Terms { saml: None, portal, may_be_nobody };
        match terms.sender(root, &community, NOW) {
            Ok(sender) => sender.vouched.map_or("nobody", |_| "somebody"),
            Err(fault) => fault.word,
        }
    };
    let bad = "<Assertion xmlns='urn:oasis:names:tc:SAML:2.0:assertion'/>";
    for (header, headers, may_be_nobody, expected) in [
        ("", Some(&all), false, "somebody"),
        ("", Some(&all), true, "somebody"),
        ("", Some(&none), true, "nobody"),
        ("", Some(&none), false, "SecurityTokenUnavailable"),
        ("", Some(&partly), true, "SecurityTokenUnavailable"),
        ("", Some(&smuggled), true, "InvalidSecurity"),
        ("", None, true, "nobody"),
        ("", None, false, "UnsupportedSecurityToken"),
        (bad, Some(&all), true, "InvalidSecurity"),
        (bad, Some(&partly), true, "InvalidSecurity"),
        (bad, Some(&none), true, "UnsupportedSecurityToken"),
        (bad, None, true, "UnsupportedSecurityToken"),
        ("<Security/>", None, true, "UnsupportedSecurityToken"),
        ("<a><b xmlns='x'><EncryptedAssertion/></b></a>", None, true, "UnsupportedSecurityToken"),
        (
            "<Security xmlns='urn:whatever'><UsernameToken/></Security>",
            Some(&none),
            true,
            "UnsupportedSecurityToken",
        ),
    ] {
        assert_eq!(judged(header, headers, may_be_nobody), expected, "{header} {headers:?} {may_be_nobody}");
    }
}

#[test]
fn what_may_be_an_emergency_is_seen_in_headers_and_in_tokens() {
    let trust = by_headers(HeaderEncoding::Percent);
    assert!(trust.may_be_emergency(&with("x-purpose", b"E")) && !trust.may_be_emergency(&said()));
    let trust = token_trust(TokenAlgorithm::Es256, "x-portal-user");
    let mut urgent = claims();
    urgent.insert("purpose".to_owned(), Value::from("E"));
    assert!(trust.may_be_emergency(&es256(&urgent)) && !trust.may_be_emergency(&es256(&claims())));
}
