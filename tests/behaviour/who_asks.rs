//! Who sits in front of a portal that cannot make SAML: nobody, and then home alone answers about ids and
//! persons; or whoever its headers or its token name, and then peers are asked in that person's name.

mod forged;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kakehashi::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use kakehashi::dialect::hl7v3::{CrossGatewayPatientDiscovery, PdqQuery, PixQuery};
use kakehashi::model::{
    Answer, CommunityId, DemographicsQuery, FoundPatient, PatientDiscovery, PatientIdLookup, PatientMatch,
    Phi, QueryId, QueryKey, RegistryObject, Timestamp,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;

use crate::simulators::client::{
    Asked, Client, Message, PHYSICIAN, Reply, discovery, documents_of, entries, oid, patient, retrieve_of,
};
use crate::simulators::gateway::{Gateway, document, entry};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent};
use crate::simulators::pki;

const BY_HEADERS: &str = r#"
assertion = "optional"
budgets = { person_misses = [4, 4, 4], person_misses_percent = 0 }
[requester]
from = "headers"
issuer = "https://ward.okayama.example"
person_id = "X-User-Id"
person_name = "X-User-Name"
organization_id = "X-Facility-Id"
organization_name = "X-Facility-Name"
role = "X-Role"
purpose = "X-Purpose"
authenticated = "X-Login"
roles = [{ code = "21", role = "physician" }]
purposes = [{ code = "T", purpose = "TREATMENT" }]
"#;

const BY_TOKEN: &str = r#"
[requester]
from = "token"
issuer = "https://ward.okayama.example"
header = "Authorization"
algorithm = "ES256"
key = "okayama-portal-idp"
audience = "urn:oid:2.999.33"
person_id = "sub"
person_name = "name"
organization_id = "facility"
organization_name = "facility_name"
role = "role"
purpose = "purpose"
authenticated = "auth_time"
roles = [{ code = "21", role = "physician" }]
purposes = [{ code = "T", purpose = "TREATMENT" }]
"#;

/// 架橋 太郎, percent-encoded.
const NAME: &str = "%E6%9E%B6%E6%A9%8B%20%E5%A4%AA%E9%83%8E";

/// Hiroshima, which knows HANAKO as H-1, with one document of hers.
async fn hiroshima() -> Gateway {
    Gateway::start(HIROSHIMA, |arrived| async move {
        match arrived.path.as_str() {
            "/xcpd" => {
                let found = PatientMatch::Found(FoundPatient {
                    community: CommunityId(oid("2.999.34")),
                    id: patient("2.999.34.1", "H-1"),
                    demographics: Some(HANAKO.bare().into()),
                    confidence: 95,
                    also: Vec::new(),
                });
                arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![found])))
            }
            "/xca/query" => {
                let QueryKey::Patient(asked) = arrived.request::<CrossGatewayQuery>().by else { panic!() };
                let one = entry(HIROSHIMA, asked, "2.999.34.7.1");
                arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])))
            }
            _ => {
                let id = arrived.request::<CrossGatewayRetrieve>().documents[0].clone();
                let found = vec![document(&id, "<p>their prescription</p>")];
                arrived.answer::<CrossGatewayRetrieve>(Ok(Answer::found(found)))
            }
        }
    })
    .await
}

async fn okayama(hiroshima: &Gateway, ward: &'static str) -> (Network, Hospital) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .limits("peer_per_second = 1_000\npeer_burst = 1_000")
        .peer_with(HIROSHIMA, hiroshima.port, "correlation_days = 7");
    (Plan { ward: Some(ward), ..plan }.start().await, hospital)
}

fn ids() -> PatientIdLookup {
    PatientIdLookup { known: patient("2.999.33.1", "N-1"), demographics: None, authorities: Vec::new() }
}

fn persons() -> DemographicsQuery {
    DemographicsQuery {
        person: PatientDiscovery { demographics: Phi::new(HANAKO.demographics()), ids: Vec::new() },
        authorities: Vec::new(),
        query: QueryId { root: "2.999.33.31".to_owned(), extension: Some("q".to_owned()) },
        page: None,
    }
}

fn headers() -> Vec<(String, String)> {
    let login = Timestamp::now().plus_seconds(-600).xs_date_time();
    [
        ("X-User-Id", "dr0777"),
        ("X-User-Name", NAME),
        ("X-Facility-Id", "urn:oid:2.999.33.20"),
        ("X-Facility-Name", "Ward"),
        ("X-Role", "21"),
        ("X-Purpose", "T"),
        ("X-Login", &login),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

async fn written<T: Asked>(from: &Client, request: &T::Request, headers: &[(String, String)]) -> Message {
    Message { headers: headers.to_vec(), ..from.write_with::<T>(request, None).await }
}

async fn said<T: Asked>(from: &Client, request: &T::Request, headers: &[(String, String)]) -> Reply {
    from.send(&written::<T>(from, request, headers).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_person_home_answers_and_with_one_in_headers_peers_are_asked_in_their_name() {
    let hiroshima = hiroshima().await;
    let (okayama, _hospital) = okayama(&hiroshima, BY_HEADERS).await;
    let ward = okayama.at_system("ward", PHYSICIAN);
    let her = documents_of(&patient("2.999.33.1", "N-1"));

    // Nobody: ids and persons of home, from home; nothing else.
    let reply = said::<PixQuery>(&ward, &ids(), &[]).await.text();
    assert!(reply.contains("\"0000012345\"") && !reply.contains("H-1"), "{reply}");
    let reply = said::<PdqQuery>(&ward, &persons(), &[]).await.text();
    assert!(reply.contains("\"N-1\"") && reply.contains(HANAKO.family), "{reply}");
    for reply in [
        said::<RegistryStoredQuery>(&ward, &her, &[]).await,
        said::<CrossGatewayQuery>(&ward, &her, &[]).await,
        said::<CrossGatewayPatientDiscovery>(&ward, &discovery(HANAKO.demographics()), &[]).await,
    ] {
        let fault = reply.fault();
        assert_eq!(fault.subcodes, ["wsse:SecurityTokenUnavailable"]);
        assert_eq!(fault.reason, "header x-user-id is missing");
    }
    assert!(hiroshima.seen().is_empty(), "no peer is asked for nobody");

    // A person: everything, and in their name.
    let query = written::<RegistryStoredQuery>(&ward, &her, &headers()).await;
    let answer = ward.send(&query).await;
    let ward = ward.expecting(HIROSHIMA);
    let mut shown = entries(ward.read::<RegistryStoredQuery>(&query, &answer).await.unwrap());
    shown.retain(|entry| entry.id.unique.reveal() == "2.999.34.7.1");
    assert_eq!(shown.len(), 1, "{}", answer.text());
    let reply = said::<RetrieveDocumentSet>(&ward, &retrieve_of([shown[0].id.clone()]), &headers()).await;
    assert!(reply.text().contains("their prescription"), "{}", reply.text());
    let seen = hiroshima.seen();
    assert_eq!(
        seen.iter().map(|seen| seen.path.as_str()).collect::<Vec<_>>(),
        ["/xcpd", "/xca/query", "/xca/retrieve"]
    );
    for arrived in &seen {
        let text = &arrived.envelope;
        assert!(
            text.contains(">dr0777<")
                && text.contains(">架橋 太郎<")
                && text.contains(">urn:oid:2.999.33.20<")
        );
        assert!(text.contains("code=\"physician\"") && text.contains("code=\"TREATMENT\""), "{text}");
    }

    // What was learned is told to nobody's question too, and nobody is asked for it.
    let reply = said::<PixQuery>(&ward, &ids(), &[]).await.text();
    assert!(reply.contains("\"H-1\""), "{reply}");
    assert_eq!(hiroshima.seen().len(), 3);

    // A message is taken once, whoever sends it; a stranger's headers do not make it another.
    for said in [headers(), Vec::new()] {
        let message = written::<PixQuery>(&ward, &ids(), &said).await;
        assert_eq!(ward.send(&message).await.status, 200);
        assert!(ward.send(&message).await.fault().subcodes.contains(&"wsa:DuplicateMessageID".to_owned()));
        let named = Message { headers: headers(), ..message };
        assert!(ward.send(&named).await.fault().subcodes.contains(&"wsa:DuplicateMessageID".to_owned()));
    }

    // Nobody counts as one person: who guesses is stopped.
    let guess =
        |n: u32| PatientIdLookup { known: patient("2.999.33.20.1", &format!("00004{n:05}")), ..ids() };
    let mut answered = 0;
    while !said::<PixQuery>(&ward, &guess(answered), &[]).await.headers.contains_key("retry-after") {
        answered += 1;
        assert!(answered < 20, "it goes on");
    }
    assert_eq!(answered, 4);

    let records = okayama.stop().await;
    let released = records.of("release").await;
    let by = |person: &str| released.iter().filter(|event| event.person == person).count();
    assert!(released.iter().all(|event| event.person.is_empty() || event.person_name == "架橋 太郎"));
    assert!(by("") >= 4 && by("dr0777") >= 3, "{released:?}");
    assert!(released.iter().filter(|event| event.person.is_empty()).all(|event| event.roles.is_empty()));
    assert!(
        records.of("open").await.iter().all(|event| event.person == "dr0777"),
        "only for a person left anything"
    );
    assert!(records.hold(b"headers") && records.hold(b"nobody"), "how they were vouched for");
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_count_for_their_own_portal_alone_and_never_half() {
    let hiroshima = hiroshima().await;
    let (okayama, _hospital) = okayama(&hiroshima, BY_HEADERS).await;
    let ward = okayama.at_system("ward", PHYSICIAN);
    let refused = |reply: &Reply, what: &str| {
        let fault = reply.fault();
        assert!(fault.subcodes.iter().all(|code| code.starts_with("wsse:")), "{what}: {fault:?}");
        assert!(!reply.text().contains("dr0777") && !reply.text().contains("0000012345"), "{what}");
        fault.reason
    };
    // From other certificates they are nothing.
    let portal = okayama.portal(PHYSICIAN);
    refused(&said::<PixQuery>(&portal, &ids(), &headers()).await, "another portal");
    refused(&said::<PixQuery>(&portal, &ids(), &[]).await, "a portal whose file does not say so");
    let peer = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let found = discovery(HANAKO.demographics());
    refused(&said::<CrossGatewayPatientDiscovery>(&peer, &found, &headers()).await, "another network");
    refused(&said::<CrossGatewayPatientDiscovery>(&peer, &found, &[]).await, "another network, nobody");

    let bent = |name: &str, value: Option<&str>| {
        let mut bent = headers();
        bent.retain(|(known, _)| known != name || value.is_some());
        for (known, said) in &mut bent {
            if known == name {
                *said = value.unwrap().to_owned();
            }
        }
        bent
    };
    let and = |name: &str, value: &str| [headers(), vec![(name.to_owned(), value.to_owned())]].concat();
    for (bent, about) in [
        (bent("X-Login", None), "x-login"),
        (bent("X-User-Id", Some("%20")), "x-user-id"),
        (bent("X-User-Name", Some("%FF")), "x-user-name"),
        (bent("X-Role", Some("physician")), "x-role"),
        (bent("X-Purpose", Some("EMERGENCY")), "x-purpose"),
        (and("x-role", "21"), "x-role"),
        (and("X_Role", "21"), "x-role"),
        (vec![("X-Role".to_owned(), "21".to_owned())], "x-user-id"),
        (vec![("x_role".to_owned(), "21".to_owned())], "x-role"),
    ] {
        let told = refused(&said::<PixQuery>(&ward, &ids(), &bent).await, about);
        assert!(told.starts_with(&format!("header {about} ")), "{told}");
    }
    // An assertion that is there is never overlooked, for headers or for nobody.
    for headers in [headers(), Vec::new()] {
        let signed = Message { headers, ..ward.write::<PixQuery>(&ids()).await };
        refused(&ward.send(&signed).await, "an assertion of an issuer that the file does not know");
    }
    assert!(hiroshima.seen().is_empty());
    let records = okayama.stop().await;
    assert!(records.of("release").await.is_empty());
    assert!(!records.hold(b"dr0777"), "what nobody believed is not on record as a person");
}

fn token(claims: &serde_json::Value) -> String {
    let pem = std::fs::read(pki::file("okayama-portal-idp.key.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_slice(&pem).unwrap();
    let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.secret_der()).unwrap();
    let part = |json: &str| URL_SAFE_NO_PAD.encode(json);
    let text = format!("{}.{}", part("{\"alg\":\"ES256\",\"typ\":\"JWT\"}"), part(&claims.to_string()));
    let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
    format!("Bearer {text}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_token_names_the_person_once_and_at_its_own_portal() {
    let hiroshima = hiroshima().await;
    let (okayama, _hospital) = okayama(&hiroshima, BY_TOKEN).await;
    let ward = okayama.at_system("ward", PHYSICIAN);
    let now = Timestamp::now().micros() / 1_000_000;
    let claims = |id: &str, until: i64| {
        token(&serde_json::json!({
            "iss": "https://ward.okayama.example", "aud": "urn:oid:2.999.33", "iat": until - 120, "exp": until,
            "jti": id, "sub": "dr0778", "name": "架橋 次郎", "facility": "2.999.33.20", "facility_name": "Ward",
            "role": "21", "purpose": "T", "auth_time": now - 600,
        }))
    };
    let with = |token: String| vec![("authorization".to_owned(), token)];
    let first = with(claims("j-1", now + 120));
    let reply = said::<PixQuery>(&ward, &ids(), &first).await.text();
    assert!(reply.contains("\"H-1\"") && reply.contains("\"0000012345\""), "{reply}");
    assert!(hiroshima.seen()[0].envelope.contains(">dr0778<"));
    let again = said::<PixQuery>(&ward, &ids(), &first).await;
    assert_eq!(again.fault().subcodes, ["wsse:InvalidSecurityToken"], "it has served its one message");
    let over = said::<PixQuery>(&ward, &ids(), &with(claims("j-2", now - 61))).await.fault();
    assert_eq!(
        (over.subcodes[0].as_str(), over.reason.as_str()),
        ("wsu:MessageExpired", "header authorization (claim exp) is over")
    );
    let none = said::<PixQuery>(&ward, &ids(), &[]).await.fault();
    assert_eq!(none.reason, "header authorization is missing", "nobody is not enough here");
    let portal = okayama.portal(PHYSICIAN);
    let elsewhere = said::<PixQuery>(&portal, &ids(), &with(claims("j-3", now + 120))).await;
    assert_eq!(elsewhere.fault().subcodes, ["wsse:SecurityTokenUnavailable"]);
    assert_eq!(hiroshima.seen().len(), 1);
    let records = okayama.stop().await;
    let released = records.last("release").await;
    assert_eq!((released.person.as_str(), released.person_name.as_str()), ("dr0778", "架橋 次郎"));
    assert!(records.hold(b"j-1") && records.hold(b"token"));
    assert_eq!(records.of("release").await.len(), 1);
}
