//! A message is taken once, an assertion stays with whom it came from, and what cannot be read is
//! refused as the tables say; all of it is on record.

use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{CommunityId, DocumentId, Phi, RepositoryId};

use crate::simulators::client::{
    Client, Message, PHYSICIAN, Reply, Who, discovery, documents_of, oid, patient, retrieve_of,
};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, TOTTORI, consent};

async fn okayama() -> (Network, Hospital) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).peer(TOTTORI, 2);
    (plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await, hospital)
}

async fn discover(network: &Network) -> Message {
    let request = discovery(HANAKO.demographics());
    network.asked_by(HIROSHIMA, PHYSICIAN).write::<CrossGatewayPatientDiscovery>(&request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_message_is_refused() {
    let (okayama, _hospital) = okayama().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let message = discover(&okayama).await;
    assert_eq!(physician.send(&message).await.status, 200);
    let fault = physician.send(&message).await.fault();
    assert!(fault.subcodes.iter().any(|code| code == "wsa:DuplicateMessageID"), "{fault:?}");
    let records = okayama.stop().await;
    assert_eq!(records.of("malformed-message").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_shown_by_another_system_is_refused() {
    let (okayama, _hospital) = okayama().await;
    let message = discover(&okayama).await;
    assert_eq!(okayama.asked_by(HIROSHIMA, PHYSICIAN).send(&message).await.status, 200);
    let fault = okayama.asked_by(TOTTORI, PHYSICIAN).send(&message).await.fault();
    assert!(fault.subcodes.iter().any(|code| code.starts_with("wsse:")), "{fault:?}");
    let records = okayama.stop().await;
    assert_eq!(records.of("authentication-failure").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_changed_wrapped_forged_or_missing_assertion_is_taken() {
    let (okayama, _hospital) = okayama().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let good = discover(&okayama).await;
    let changed = |from: &str, to: &str| {
        assert!(good.body.contains(from), "{from}");
        Message { body: good.body.replace(from, to), ..good.clone() }
    };
    let start = good.body.find("<saml:Assertion").unwrap();
    let end = good.body.find("</saml:Assertion>").unwrap() + "</saml:Assertion>".len();
    let genuine = &good.body[start..end];
    let evil = genuine.replace("d0001", "d6666").replacen("ID=\"", "ID=\"evil", 1);
    let beside = Message { body: good.body.replace(genuine, &format!("{evil}{genuine}")), ..good.clone() };
    let wrapped =
        evil.replace("</saml:Assertion>", &format!("<saml:Advice>{genuine}</saml:Advice></saml:Assertion>"));
    let wrapped = Message { body: good.body.replace(genuine, &wrapped), ..good.clone() };
    for (case, message) in [
        ("another person", changed("d0001", "d0002")),
        ("two assertions", beside),
        ("wrapped", wrapped),
        ("none", changed(genuine, "")),
    ] {
        let fault = physician.send(&message).await.fault();
        assert!(fault.subcodes.iter().any(|code| code.starts_with("wsse:")), "{case}: {fault:?}");
    }
    let forged = okayama.asked_by(HIROSHIMA, PHYSICIAN).signed_by("tottori-saml");
    let message = forged.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
    assert!(!forged.send(&message).await.fault().subcodes.is_empty());
    let unknown = Who { role: "gardener", ..PHYSICIAN };
    let gardener = okayama.asked_by(HIROSHIMA, unknown);
    let message = gardener.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
    assert!(!gardener.send(&message).await.fault().subcodes.is_empty());
    let records = okayama.stop().await;
    assert_eq!(records.of("release").await.len(), 0, "nothing was released");
    assert!(records.of("authentication-failure").await.len() >= 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_gets_the_refusal_of_the_tables() {
    let (okayama, _hospital) = okayama().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let good = discover(&okayama).await;
    let changed = |from: &str, to: &str| Message { body: good.body.replacen(from, to, 1), ..good.clone() };
    let action = "urn:hl7-org:v3:PRPA_IN201305UV02:CrossGatewayPatientDiscovery";
    let anonymous = "http://www.w3.org/2005/08/addressing/anonymous";
    let dtd = Message { body: format!("<!DOCTYPE a [<!ENTITY b 'c'>]>{}", good.body), ..good.clone() };
    let other_root = good.body.replace("<PRPA_IN201305UV02", "<PRPA_IN201306UV02");
    let other_root = other_root.replace("</PRPA_IN201305UV02", "</PRPA_IN201306UV02");
    let other_root = Message { body: other_root, ..good.clone() };
    for (message, code, subcode) in [
        (dtd, "Sender", ""),
        (changed("</s:Body>", ""), "Sender", ""),
        (changed(action, "urn:unknown"), "Sender", "wsa:ActionNotSupported"),
        (changed(action, "urn:ihe:iti:2007:CrossGatewayQuery"), "Sender", "wsa:ActionNotSupported"),
        (Message { path: "/xca/query", ..good.clone() }, "Sender", "wsa:ActionNotSupported"),
        (other_root, "Sender", "wsa:ActionMismatch"),
        (changed(anonymous, "https://elsewhere.example/"), "Sender", "wsa:OnlyAnonymousAddressSupported"),
        (
            changed("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"),
            "VersionMismatch",
            "",
        ),
    ] {
        let fault = physician.send(&message).await.fault();
        assert_eq!(fault.code, code, "{fault:?}");
        assert!(subcode.is_empty() || fault.subcodes.iter().any(|told| told == subcode), "{fault:?}");
    }
    let request = documents_of(&patient("2.999.33.1", "N-1"));
    let query = physician.write::<CrossGatewayQuery>(&request).await;
    let unknown =
        query.body.replace("14d4debf-8f97-4251-9a74-a90016b0af0d", "00000000-8f97-4251-9a74-a90016b0af0d");
    let reply = physician.send(&Message { body: unknown, ..query.clone() }).await;
    assert_eq!((reply.status, reply.error_codes()), (200, vec!["XDSUnknownStoredQuery".to_owned()]));
    let huge = format!("{}{}", good.body, " ".repeat(2 << 20));
    assert_eq!(physician.send(&Message { body: huge, ..good.clone() }).await.status, 413);
    let records = okayama.stop().await;
    assert!(records.of("malformed-message").await.len() >= 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_busy_and_may_send_the_same_message_again() {
    let hospital = Hospital::okayama_university();
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .peer_with(HIROSHIMA, 1, "rates = { person_per_minute = 1, person_burst = 2 }")
        .start()
        .await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let request = documents_of(&patient("2.999.33.1", "N-1"));
    for _ in 0..2 {
        assert_eq!(physician.ask_raw::<CrossGatewayQuery>(&request).await.registry_status(), "Success");
    }
    let message = physician.write::<CrossGatewayQuery>(&request).await;
    for _ in 0..2 {
        let reply = physician.send(&message).await;
        assert_eq!(reply.error_codes(), ["XDSRegistryBusy"], "and not a duplicate: {}", reply.text());
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_system_over_its_rate_is_told_busy_in_its_own_words_before_its_signature_is_looked_at() {
    let hospital = Hospital::okayama_university();
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .peer_with(HIROSHIMA, 1, "rates = { peer_per_second = 1, peer_burst = 1 }")
        .peer(TOTTORI, 2)
        .start()
        .await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN).signed_by("tottori-saml");
    let person = documents_of(&patient("2.999.33.1", "N-1"));
    let document = DocumentId {
        community: CommunityId(oid("2.999.33")),
        repository: RepositoryId(oid("2.999.33.20.9")),
        unique: Phi::new("2.25.1".to_owned()),
    };
    // All of them forged: over the rate nobody looks.
    let mut replies = Vec::new();
    for _ in 0..3 {
        let retrieve = retrieve_of([document.clone()]);
        replies
            .push(physician.ask_raw::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await);
        replies.push(physician.ask_raw::<CrossGatewayQuery>(&person).await);
        replies.push(physician.ask_raw::<CrossGatewayRetrieve>(&retrieve).await);
    }
    let texts: Vec<String> = replies.iter().map(Reply::text).collect();
    for word in ["ResponderBusy", "XDSRegistryBusy", "XDSRepositoryBusy"] {
        assert!(texts.iter().any(|text| text.contains(word)), "{word}: {texts:?}");
    }
    let busy = texts.iter().filter(|text| text.contains("Busy")).count();
    let other = okayama.asked_by(TOTTORI, PHYSICIAN).ask_raw::<CrossGatewayQuery>(&person).await;
    assert!(!other.text().contains("Busy"), "{}", other.text());
    let records = okayama.stop().await;
    assert_eq!(records.of("authentication-failure").await.len(), texts.len() - busy);
    assert!(!records.of("refusal").await.is_empty(), "and it is on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_first_shown_by_one_system_of_ours_is_refused_from_another() {
    let okayama = Plan::new(OKAYAMA).start().await;
    let (portal, ward) = (okayama.portal(PHYSICIAN), okayama.at_system("ward", PHYSICIAN));
    let request = discovery(HANAKO.demographics());
    let security = portal.security();
    for _ in 0..2 {
        let message = portal.write_with::<CrossGatewayPatientDiscovery>(&request, Some(&security)).await;
        assert_eq!(portal.send(&message).await.status, 200, "it may serve several messages of that system");
    }
    let message = ward.write_with::<CrossGatewayPatientDiscovery>(&request, Some(&security)).await;
    let fault = ward.send(&message).await.fault();
    assert!(fault.subcodes.iter().any(|code| code.starts_with("wsse:")), "{fault:?}");
    let records = okayama.stop().await;
    assert_eq!(records.of("authentication-failure").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_may_send_the_very_same_message_again_and_each_attempt_is_on_record() {
    let mut plan = Plan::new(OKAYAMA);
    plan.portal = "resend_s = 60";
    let okayama = plan.start().await;
    let portal = okayama.portal(PHYSICIAN);
    let message = portal.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(portal.send(&message).await.status);
    }
    assert_eq!(statuses, [200, 200, 200, 500, 500, 500], "three times at most");
    let other = Message { body: message.body.replace("086-000-1111", "086-000-1112"), ..message };
    assert_eq!(portal.send(&other).await.status, 500, "and never with another body");
    let records = okayama.stop().await;
    assert_eq!(records.of("release").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_nobody_is_configured_for_is_turned_away_and_on_record() {
    let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, 1).start().await;
    let issuer = ("https://hiroshima.example/idp", "hiroshima-saml");
    let stranger = Client::new(OKAYAMA, HIROSHIMA, "stranger", issuer, okayama.peer_port(), PHYSICIAN);
    let message = stranger.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
    assert!(stranger.attempt(&message).await.is_err());
    // Nor is one that is known, at the other side's door.
    let issuer = ("https://portal.okayama.example/idp", "okayama-portal-idp");
    let portal = Client::new(OKAYAMA, OKAYAMA, "okayama-portal", issuer, okayama.peer_port(), PHYSICIAN);
    let message = portal.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await;
    assert!(portal.attempt(&message).await.is_err());
    okayama.records().attained("authentication-failure", 2).await;
    okayama.stop().await;
}
