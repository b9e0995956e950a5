//! Headers and tokens as somebody writes them who may not: every byte over the wire, at the doors that
//! answer without a person and at those that do not. None names anybody, and none is passed over.

use aws_lc_rs::hmac;
use tokio::io::AsyncReadExt;

use super::*;
use crate::simulators::raw::{connect, until_closed};

/// The message as a client writes it, with these lines in its head.
async fn written_raw(network: &Network, certificate: &str, message: &Message, lines: &[u8]) -> (u16, String) {
    let mut bytes = format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n",
        message.path,
        message.content_type,
        message.body.len()
    )
    .into_bytes();
    bytes.extend_from_slice(lines);
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(message.body.as_bytes());
    let stream = connect(certificate, network.portal_port(), "http/1.1").await;
    let (read, write) = tokio::io::split(stream);
    let reply = until_closed(tokio::io::join(read.take(1 << 20), write), &bytes).await;
    let text = String::from_utf8_lossy(&reply).into_owned();
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, text)
}

fn lines(headers: &[(String, String)]) -> Vec<u8> {
    headers.iter().flat_map(|(name, value)| format!("{name}: {value}\r\n").into_bytes()).collect()
}

/// Everything but one of the headers, and these lines in its place.
fn in_place_of(name: &str, bytes: &[u8]) -> Vec<u8> {
    let mut rest = headers();
    rest.retain(|(known, _)| known != name);
    [bytes, &lines(&rest)].concat()
}

/// What stands in the headers: a name for the test's report, and the bytes.
fn forged() -> Vec<(&'static str, Vec<u8>)> {
    let beside = |bytes: &[u8]| [&lines(&headers()), bytes].concat();
    let mut long = b"X-User-Name: ".to_vec();
    long.extend("%E6%9E%B6".repeat(4_000).into_bytes());
    long.extend(b"\r\n");
    vec![
        ("the same header twice", beside(b"X-User-Id: dr0666\r\n")),
        ("twice, the same value", beside(b"X-User-Id: dr0777\r\n")),
        ("twice, other capitals", beside(b"x-uSER-iD: dr0666\r\n")),
        ("twice, an underscore", beside(b"X_User_Id: dr0666\r\n")),
        ("twice, one empty", beside(b"X-User-Id:\r\n")),
        ("two values in one", in_place_of("X-Role", b"X-Role: 21, 21\r\n")),
        ("folded", in_place_of("X-User-Id", b"X-User-Id: dr0777\r\n dr0666\r\n")),
        ("a blank before the colon", in_place_of("X-User-Id", b"X-User-Id : dr0777\r\n")),
        ("a bare line feed", in_place_of("X-User-Id", b"X-User-Id: dr0777\nX-Role: 22\r\n")),
        ("a bare return", in_place_of("X-User-Id", b"X-User-Id: dr0777\rX-Role: 22\r\n")),
        ("a zero byte", in_place_of("X-User-Id", b"X-User-Id: dr0777\0\r\n")),
        ("percent, a line end", in_place_of("X-User-Id", b"X-User-Id: dr0777%0D%0AX-Role:%2021\r\n")),
        ("percent, a zero byte", in_place_of("X-User-Id", b"X-User-Id: dr0777%00\r\n")),
        ("percent, cut", in_place_of("X-User-Id", b"X-User-Id: dr0777%4\r\n")),
        ("percent, no digits", in_place_of("X-User-Id", b"X-User-Id: dr0777%zz\r\n")),
        ("percent, Latin-1", in_place_of("X-User-Name", b"X-User-Name: %E9\r\n")),
        ("percent, an overlong slash", in_place_of("X-User-Name", b"X-User-Name: %C0%AF\r\n")),
        ("percent, half of a pair", in_place_of("X-User-Name", b"X-User-Name: %ED%A0%80\r\n")),
        ("percent, writing turned round", in_place_of("X-User-Name", b"X-User-Name: a%E2%80%AEb\r\n")),
        ("plain UTF-8", in_place_of("X-User-Name", "X-User-Name: 架橋\r\n".as_bytes())),
        ("plain Latin-1", in_place_of("X-User-Name", b"X-User-Name: Andr\xe9\r\n")),
        ("plain Shift_JIS", in_place_of("X-User-Name", b"X-User-Name: \x89\xcb\x8b\xb4\r\n")),
        ("longer than a name", in_place_of("X-User-Name", &long)),
        ("blanks alone", in_place_of("X-User-Id", b"X-User-Id: %20%09\r\n")),
        ("a role of nobody", in_place_of("X-Role", b"X-Role: 99\r\n")),
        ("our own word for a role", in_place_of("X-Role", b"X-Role: physician\r\n")),
        ("a purpose that the file does not know", in_place_of("X-Purpose", b"X-Purpose: EMERGENCY\r\n")),
        ("a login to come", in_place_of("X-Login", b"X-Login: 2199-01-01T00:00:00Z\r\n")),
        ("a login without a zone", in_place_of("X-Login", b"X-Login: 2026-01-01T00:00:00\r\n")),
        ("one header alone", b"X-Purpose: T\r\n".to_vec()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_header_names_anybody_and_none_is_passed_over_for_nobody() {
    let hiroshima = hiroshima().await;
    let (okayama, _hospital) = okayama(&hiroshima, BY_HEADERS).await;
    let ward = okayama.at_system("ward", PHYSICIAN);
    let her = documents_of(&patient("2.999.33.1", "N-1"));
    let mut wrong = Vec::new();
    for (name, bytes) in forged() {
        for message in [
            written::<PixQuery>(&ward, &ids(), &[]).await,
            written::<RegistryStoredQuery>(&ward, &her, &[]).await,
        ] {
            let (status, text) = written_raw(&okayama, "okayama-ward", &message, &bytes).await;
            let told = ["0000012345", "dr0777", "dr0666", "H-1", "ExtrinsicObject", "Andr"];
            if !matches!(status, 0 | 400 | 431 | 500) || told.iter().any(|told| text.contains(told)) {
                wrong.push(format!("{name} at {}: {status} {text}", message.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    // And with what they should be: the bytes are right but for what is forged.
    let message = written::<PixQuery>(&ward, &ids(), &[]).await;
    let (status, text) = written_raw(&okayama, "okayama-ward", &message, &lines(&headers())).await;
    assert!(status == 200 && text.contains("0000012345"), "{status} {text}");
    // At the portal whose file says nothing of headers they are nothing, whatever they say.
    let message = written::<PixQuery>(&ward, &ids(), &[]).await;
    let (status, text) = written_raw(&okayama, "okayama-portal", &message, &lines(&headers())).await;
    assert!(status == 500 && !text.contains("0000012345"), "{status} {text}");
    assert_eq!(hiroshima.seen().len(), 1, "asked for the one who was vouched for");
    let records = okayama.stop().await;
    assert_eq!(records.of("release").await.len(), 1);
    assert!(!records.hold(b"dr0666"), "whom a forged header names is on record nowhere");
}

/// A token over these claims with this head, signed with the portal's public key as if it were a secret.
fn tagged(head: &str, claims: &serde_json::Value) -> String {
    let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let text = format!("{}.{}", part(head), part(&claims.to_string()));
    let public = std::fs::read(pki::file("okayama-portal-idp.pem")).unwrap();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &public), text.as_bytes());
    format!("Bearer {text}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
}

#[tokio::test(flavor = "multi_thread")]
async fn no_forged_token_names_anybody_at_any_door() {
    let hiroshima = hiroshima().await;
    let (okayama, _hospital) = okayama(&hiroshima, BY_TOKEN).await;
    let ward = okayama.at_system("ward", PHYSICIAN);
    let now = Timestamp::now().micros() / 1_000_000;
    let mut count = 0;
    let mut claims = |name: &str, value: serde_json::Value| {
        count += 1;
        let mut claims = serde_json::json!({
            "iss": "https://ward.okayama.example", "aud": "urn:oid:2.999.33", "iat": now, "exp": now + 120,
            "jti": format!("f-{count}"), "sub": "dr0779", "name": "架橋 三郎", "facility": "2.999.33.20",
            "facility_name": "Ward", "role": "21", "purpose": "T", "auth_time": now - 600,
        });
        if !name.is_empty() {
            claims[name] = value;
        }
        claims
    };
    let null = || serde_json::Value::Null;
    let none = |head: &str, claims: &serde_json::Value| {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        format!("Bearer {}.{}.", part(head), part(&claims.to_string()))
    };
    let sound = token(&claims("", null()));
    let (_, signature) = sound.rsplit_once('.').unwrap();
    let moved = token(&claims("sub", "dr0666".into()));
    let moved = format!("{}.{signature}", moved.rsplit_once('.').unwrap().0);
    let mut cases: Vec<(&str, Vec<String>)> = vec![
        ("no algorithm", vec![none("{\"alg\":\"none\"}", &claims("", null()))]),
        ("no algorithm, other letters", vec![none("{\"alg\":\"nOnE\"}", &claims("", null()))]),
        ("a secret that is public", vec![tagged("{\"alg\":\"HS256\"}", &claims("", null()))]),
        ("a secret under the agreed word", vec![tagged("{\"alg\":\"ES256\"}", &claims("", null()))]),
        ("another's signature", vec![moved]),
        ("a token twice", vec![sound.clone(), sound.clone()]),
        ("two tokens", vec![sound.clone(), token(&claims("", null()))]),
        ("no scheme", vec![sound.trim_start_matches("Bearer ").to_owned()]),
        ("another scheme", vec![sound.replace("Bearer", "Basic")]),
        ("half of it", vec![sound[..sound.len() / 2].to_owned()]),
    ];
    for (name, value) in [
        ("aud", "urn:oid:2.999.34".into()),
        ("iss", "https://portal.okayama.example/idp".into()),
        ("exp", (now - 3_600).into()),
        ("exp", (now + 86_400).into()),
        ("iat", (now + 3_600).into()),
        ("nbf", (now + 3_600).into()),
        ("auth_time", (now + 3_600).into()),
        ("jti", null()),
        ("sub", null()),
        ("sub", "dr0666\r\nX-Role: 21".into()),
        ("role", "physician".into()),
        ("role", serde_json::json!(["21", "99"])),
        ("purpose", "EMERGENCY".into()),
    ] {
        cases.push((name, vec![token(&claims(name, value))]));
    }
    let her = documents_of(&patient("2.999.33.1", "N-1"));
    for (name, tokens) in &cases {
        let headers: Vec<_> =
            tokens.iter().map(|token| ("authorization".to_owned(), token.clone())).collect();
        for reply in [
            said::<PixQuery>(&ward, &ids(), &headers).await,
            said::<RegistryStoredQuery>(&ward, &her, &headers).await,
        ] {
            let fault = reply.fault();
            assert!(fault.subcodes.iter().all(|code| code.starts_with("ws")), "{name}: {fault:?}");
            let told = ["0000012345", "dr0779", "dr0666", "H-1", "三郎"];
            assert!(told.iter().all(|told| !reply.text().contains(told)), "{name}: {}", reply.text());
        }
    }
    assert!(hiroshima.seen().is_empty(), "nobody was asked for them");
    // The token whose signature was taken for another, and which was shown twice, still serves once.
    let reply = said::<PixQuery>(&ward, &ids(), &[("authorization".to_owned(), sound)]).await.text();
    assert!(reply.contains("\"0000012345\""), "{reply}");
    let records = okayama.stop().await;
    assert_eq!(records.of("release").await.len(), 1);
    assert!(!records.hold(b"dr0666"));
}
