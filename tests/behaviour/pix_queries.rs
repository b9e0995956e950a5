//! A portal that knows a patient id is told the other ids of that person (ITI-45): its own network's
//! and those of the peers that the person's consent names.

use kakehashi::dialect::hl7v3::{CrossGatewayPatientDiscovery, PixQuery};
use kakehashi::model::{
    Answer, Authority, CommunityId, FoundPatient, PatientId, PatientIdLookup, PatientMatch,
};

use crate::simulators::client::{Client, NURSE, PHYSICIAN, Reply, oid, patient};
use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::{HANAKO, Hospital, Someone, TARO};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, TOTTORI, consent};

const NETWORK: &str = "2.999.33.1";
const UNIVERSITY: &str = "2.999.33.20.1";

fn query(known: PatientId, wanted: &[&str]) -> PatientIdLookup {
    let authorities = wanted.iter().map(|root| Authority(oid(root))).collect();
    PatientIdLookup { known, demographics: None, authorities }
}

async fn ids(portal: &Client, known: PatientId, wanted: &[&str]) -> Vec<String> {
    let answer = portal.ask::<PixQuery>(&query(known, wanted)).await.unwrap();
    answer.found.iter().map(|found| found.id.cx().reveal().clone()).collect()
}

async fn raw(portal: &Client, known: PatientId, wanted: &[&str]) -> Reply {
    portal.ask_raw::<PixQuery>(&query(known, wanted)).await
}

/// Hiroshima, which knows HANAKO as H-1 and, as it likes, shows a stranger beside her.
async fn hiroshima() -> Gateway {
    Gateway::start(HIROSHIMA, |arrived| async move {
        let shown = |number: &str, who: &Someone| {
            PatientMatch::Found(FoundPatient {
                community: CommunityId(oid("2.999.34")),
                id: patient("2.999.34.1", number),
                demographics: Some(who.bare().into()),
                confidence: 95,
                also: Vec::new(),
            })
        };
        let found = vec![shown("H-9", &TARO), shown("H-1", &HANAKO)];
        arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(found)))
    })
    .await
}

/// HANAKO at two hospitals under N-1, whose consent names Hiroshima; TARO at one, without any.
async fn okayama(hiroshima: &Gateway, tottori: &Gateway) -> (Network, [Hospital; 2]) {
    let hospitals = [Hospital::okayama_university(), Hospital::kurashiki()];
    hospitals[0].files("0000012345", &HANAKO, &["ADT-00"]);
    hospitals[0].files("0000067890", &TARO, &["ADT-00"]);
    hospitals[1].files("0000054321", &HANAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospitals[0])
        .hospital(&hospitals[1])
        .consent(consent("N-1", &hospitals[0], "0000012345", HIROSHIMA))
        .consent(consent("N-1", &hospitals[1], "0000054321", HIROSHIMA))
        .peer(HIROSHIMA, hiroshima.port)
        .peer(TOTTORI, tottori.port)
        .start()
        .await;
    (okayama, hospitals)
}

async fn silent(place: crate::simulators::network::Place) -> Gateway {
    Gateway::start(place, |_| std::future::pending()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hospitals_number_brings_the_other_ids_and_only_the_peer_that_a_consent_names_is_asked() {
    let (hiroshima, tottori) = (hiroshima().await, silent(TOTTORI).await);
    let (okayama, hospitals) = okayama(&hiroshima, &tottori).await;
    let portal = okayama.portal(PHYSICIAN);
    let kurashiki = format!("{}.1", hospitals[1].organization);
    let all = ids(&portal, patient(UNIVERSITY, "0000012345"), &[]).await;
    let mut expected = vec![
        format!("0000054321^^^&{kurashiki}&ISO"),
        format!("N-1^^^&{NETWORK}&ISO"),
        "H-1^^^&2.999.34.1&ISO".to_owned(),
    ];
    let mut got = all.clone();
    got.sort();
    expected.sort();
    assert_eq!(got, expected, "the number asked by is not told again, and no stranger's is");
    let seen = hiroshima.seen();
    assert_eq!(seen.len(), 1);
    assert!(!seen[0].envelope.contains("0000012345") && !seen[0].envelope.contains("\"N-1\""));
    assert!(tottori.seen().is_empty(), "no consent names that peer");

    // Only what is wanted is looked for.
    assert_eq!(
        ids(&portal, patient(NETWORK, "N-1"), &[UNIVERSITY]).await,
        [format!("0000012345^^^&{UNIVERSITY}&ISO")]
    );
    assert_eq!(ids(&portal, patient(NETWORK, "N-1"), &[NETWORK]).await, [format!("N-1^^^&{NETWORK}&ISO")]);
    assert_eq!(hiroshima.seen().len(), 1, "no demographics left for an id that nobody wanted");
    let records = okayama.stop().await;
    let released = records.of("release").await;
    assert_eq!(released.len(), 3, "{released:?}");
    assert!(released.iter().all(|event| event.transaction == "ITI-45"), "{released:?}");
    assert!(records.hold(b"H-1^^^"), "what was told stands in the log");
    assert_eq!(records.of("open").await.len(), 1, "before the one message that left");
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_ids_and_authorities_are_told_by_their_place_and_known_ones_without_others_are_no_error() {
    let (hiroshima, tottori) = (hiroshima().await, silent(TOTTORI).await);
    let (okayama, _hospitals) = okayama(&hiroshima, &tottori).await;
    let portal = okayama.portal(PHYSICIAN);
    let location = |reply: &Reply| {
        let text = reply.text();
        text.split("<location>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or_default().to_owned()
    };
    for (known, wanted, place) in [
        (patient(UNIVERSITY, "0000000404"), vec![], "hl7:patientIdentifier/hl7:value/@extension"),
        (patient(NETWORK, "N-404"), vec![], "hl7:patientIdentifier/hl7:value/@extension"),
        (patient("2.999.34.1", "H-404"), vec![], "hl7:patientIdentifier/hl7:value/@extension"),
        (patient("2.999.77.1", "X"), vec![], "hl7:patientIdentifier/hl7:value/@root"),
        (
            patient(UNIVERSITY, "0000012345"),
            vec![UNIVERSITY, "2.999.77.1"],
            "hl7:dataSource[2]/hl7:value/@root",
        ),
    ] {
        let reply = raw(&portal, known, &wanted).await;
        assert_eq!(reply.status, 200);
        assert!(reply.text().contains("<typeCode code=\"AE\"/>") && reply.text().contains("code=\"204\""));
        assert!(location(&reply).ends_with(place), "{}", reply.text());
    }
    assert!(hiroshima.seen().is_empty(), "nobody was asked about them");
    assert_eq!(ids(&portal, patient(UNIVERSITY, "0000067890"), &[]).await, [""; 0], "TARO has no other id");
    let reply = raw(&portal, patient(UNIVERSITY, "0000067890"), &[]).await.text();
    assert!(reply.contains("<typeCode code=\"AA\"/>") && reply.contains("code=\"NF\""), "{reply}");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn guessed_numbers_count_as_misses() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA).hospital(&hospital).start().await;
    let portal = okayama.portal(NURSE);
    for guess in 0..400 {
        let reply = raw(&portal, patient(UNIVERSITY, &format!("0000{guess:06}")), &[]).await;
        if reply.headers.contains_key("retry-after") {
            assert!(reply.text().contains("too many requests"), "{}", reply.text());
            okayama.stop().await;
            return;
        }
    }
    panic!("400 guesses and no end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_peer_is_named_beside_what_home_knows() {
    let (hiroshima, tottori) = (silent(HIROSHIMA).await, silent(TOTTORI).await);
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer_with(HIROSHIMA, hiroshima.port, "timeout_ms = 500")
        .peer(TOTTORI, tottori.port)
        .start()
        .await;
    let reply = raw(&okayama.portal(PHYSICIAN), patient(UNIVERSITY, "0000012345"), &[]).await.text();
    assert!(reply.contains("<typeCode code=\"AA\"/>") && reply.contains("extension=\"N-1\""), "{reply}");
    assert!(reply.contains("unavailable: community urn:oid:2.999.34"), "{reply}");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_finds_no_such_service() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer(HIROSHIMA, 1)
        .start()
        .await;
    let peer = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    assert_eq!(raw(&peer, patient(NETWORK, "N-1"), &[]).await.status, 404);
    let portal = okayama.portal(PHYSICIAN);
    let mut message = portal
        .write::<CrossGatewayPatientDiscovery>(&crate::simulators::client::discovery(HANAKO.demographics()))
        .await;
    message.path = "/pix";
    assert_eq!(portal.send(&message).await.fault().subcodes, ["wsa:ActionNotSupported"]);
    let unsigned = portal.write_with::<PixQuery>(&query(patient(NETWORK, "N-1"), &[]), None).await;
    let reply = portal.send(&unsigned).await;
    assert!(!reply.fault().subcodes.is_empty() && !reply.text().contains(UNIVERSITY));
    okayama.stop().await;
}
