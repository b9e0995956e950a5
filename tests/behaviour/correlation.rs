//! A person known at home is looked for abroad only where a consent names the peer, under no number
//! of ours, and never before it is on record.

use std::sync::{Arc, OnceLock};

use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{
    Answer, CommunityId, Demographics, DocumentEntry, FoundPatient, PatientId, PatientMatch, QueryKey,
    Refusal, RegistryObject,
};

use crate::simulators::client::{PHYSICIAN, documents_of, oid, patient, retrieve_of};
use crate::simulators::gateway::{Arrived, Body, Gateway, document, entry};
use crate::simulators::hospital::{HANAKO, Hospital, Someone};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Place, Plan, TOTTORI, consent};
use crate::simulators::records::Records;

const THEIRS: &str = "H-1";

/// A person of the network that was asked, as it shows them.
fn person(arrived: &Arrived, number: &str, shown: Option<Demographics>) -> PatientMatch {
    let Place { community, .. } = arrived.place;
    PatientMatch::Found(FoundPatient {
        community: CommunityId(oid(community)),
        id: patient(&format!("{community}.1"), number),
        demographics: shown.map(Into::into),
        confidence: 95,
        also: Vec::new(),
    })
}

/// Answers ITI-55 with its own number of the person, and ITI-38 with these entries.
fn answering(arrived: &Arrived, entries: Vec<DocumentEntry>) -> http::Response<Body> {
    if arrived.path == "/xcpd" {
        let found = vec![person(arrived, THEIRS, Some(HANAKO.bare()))];
        return arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(found)));
    }
    let found = entries.into_iter().map(RegistryObject::Entry).collect();
    arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(found)))
}

fn theirs() -> PatientId {
    patient("2.999.34.1", THEIRS)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_of_our_hospital_is_looked_for_only_where_their_consent_names_the_peer() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move {
        let one = entry(HIROSHIMA, theirs(), "2.999.34.7.1");
        answering(&arrived, vec![one])
    })
    .await;
    let tottori = Gateway::start(TOTTORI, |arrived| async move { answering(&arrived, Vec::new()) }).await;
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer(HIROSHIMA, hiroshima.port)
        .peer(TOTTORI, tottori.port)
        .start()
        .await;
    let portal = okayama.portal(PHYSICIAN);
    for asked in [patient("2.999.33.1", "N-1"), patient("2.999.33.20.1", "0000012345")] {
        let before = hiroshima.seen().len();
        let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&asked)).await;
        assert_eq!(reply.registry_status(), "Success", "{}", reply.text());
        let text = reply.text();
        assert_eq!(text.matches("home=\"urn:oid:2.999.33\"").count(), 4, "originals and renditions of ours");
        assert_eq!(text.matches("home=\"urn:oid:2.999.34\"").count(), 1, "and one of theirs");
        let cx = format!("value=\"{}\"", asked.cx().reveal().replace('&', "&amp;"));
        assert_eq!(text.matches(&cx).count(), 5, "every entry carries the id that was asked for");

        let seen = hiroshima.seen().split_off(before);
        let paths: Vec<&str> = seen.iter().map(|arrived| arrived.path.as_str()).collect();
        assert_eq!(paths, ["/xcpd", "/xca/query"]);
        let lookup = seen[0].request::<CrossGatewayPatientDiscovery>();
        assert!(lookup.ids.is_empty(), "no number of ours crosses");
        assert_eq!(lookup.demographics.reveal().birth, HANAKO.demographics().birth);
        assert!(!seen.iter().any(|arrived| arrived.envelope.contains("0000012345")));
        let query = seen[1].request::<CrossGatewayQuery>();
        assert_eq!(query.by, QueryKey::Patient(theirs()), "theirs is asked under their number");
    }
    assert!(tottori.seen().is_empty(), "no consent names that peer");
    let records = okayama.stop().await;
    let opened = records.of("open").await.len();
    assert_eq!(opened, 4, "before each look-up, and before each query when its patient id was known");
    for arrived in hiroshima.seen() {
        assert!(records.hold(arrived.message().0.as_bytes()), "every message that left is on record");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_network_is_sent_the_latest_record_of_the_hospitals_whose_consents_name_it() {
    let gateways = [HIROSHIMA, TOTTORI].map(|place| {
        Gateway::start(place, move |arrived| async move {
            arrived.answer::<CrossGatewayPatientDiscovery>(Err(Refusal::Withheld))
        })
    });
    let [hiroshima, tottori] = gateways;
    let (hiroshima, tottori) = (hiroshima.await, tottori.await);
    let policies = tempfile::tempdir().unwrap();
    let moved = |phone| Someone { phone, ..HANAKO };
    let (one, two) = (Hospital::okayama_university(), Hospital::kurashiki());
    one.register_at("0000012345", &moved("086-000-0001"), "20250101000000");
    one.register_at("0000012399", &moved("086-000-0002"), "20250301000000");
    two.register_at("0000054321", &moved("086-000-0003"), "20250201000000");
    let okayama = Plan::new(OKAYAMA)
        .hospital(&one)
        .hospital(&two)
        .consent(consent("N-1", &two, "0000054321", TOTTORI))
        .consent(consent("N-1", &one, "0000012345", HIROSHIMA))
        .consent(consent("N-1", &one, "0000012399", HIROSHIMA))
        .peer(HIROSHIMA, hiroshima.port)
        .peer(TOTTORI, tottori.port)
        .permitting_everything(policies.path())
        .start()
        .await;
    okayama.portal(PHYSICIAN).list(&patient("2.999.33.1", "N-1")).await;
    for (gateway, phone) in [(hiroshima, "086-000-0002"), (tottori, "086-000-0003")] {
        let seen = gateway.seen();
        assert_eq!(seen.len(), 1);
        let lookup = seen[0].request::<CrossGatewayPatientDiscovery>();
        assert_eq!(lookup.demographics.reveal().phones, [phone]);
    }
    okayama.stop().await;
}

/// A network of ours in which HANAKO's consent names Hiroshima, which answers like this; `more` stands
/// in its file.
async fn okayama(hiroshima: &Gateway, more: &str) -> (Network, Hospital) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer_with(HIROSHIMA, hiroshima.port, more)
        .start()
        .await;
    (okayama, hospital)
}

/// Two numbers of HANAKO at Hiroshima.
fn two_numbers(arrived: &Arrived) -> http::Response<Body> {
    let found = ["H-1", "H-2"].map(|number| person(arrived, number, Some(HANAKO.bare())));
    arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(found.into())))
}

/// One document of the patient that is asked about, named after their number.
fn one_document(arrived: &Arrived) -> http::Response<Body> {
    let QueryKey::Patient(asked) = arrived.request::<CrossGatewayQuery>().by else { panic!() };
    let unique = format!("2.999.34.7.{}", asked.value.reveal().trim_start_matches("H-"));
    let one = entry(arrived.place, asked, &unique);
    arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_stands_in_the_log_before_it_leaves_under_the_patient_id_it_carries() {
    let log = Arc::new(OnceLock::<Records>::new());
    let seen = Arc::clone(&log);
    let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
        let log = Arc::clone(&seen);
        async move {
            let records = log.get().unwrap();
            assert!(records.hold(arrived.message().0.as_bytes()), "{}: its MessageID", arrived.path);
            match arrived.path.as_str() {
                "/xcpd" => two_numbers(&arrived),
                "/xca/query" => {
                    let QueryKey::Patient(asked) = arrived.request::<CrossGatewayQuery>().by else {
                        panic!()
                    };
                    let cx = asked.cx().reveal().replace('&', "&amp;");
                    assert!(records.hold(cx.as_bytes()), "whom it asks about");
                    one_document(&arrived)
                }
                _ => {
                    let asked = arrived.request::<CrossGatewayRetrieve>().documents;
                    assert_eq!(asked.len(), 1, "one at a time");
                    let found = asked.iter().map(|id| document(id, "theirs")).collect();
                    arrived.answer::<CrossGatewayRetrieve>(Ok(Answer::found(found)))
                }
            }
        }
    })
    .await;
    let (okayama, _hospital) = okayama(&hiroshima, "wire = { documents_per_retrieve = 1 }").await;
    assert!(log.set(okayama.records()).is_ok());
    let portal = okayama.portal(PHYSICIAN);
    let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
    assert_eq!(reply.registry_status(), "Success");
    let entries = ["1", "2"].map(|number| {
        let unique = format!("2.999.34.7.{number}");
        assert!(reply.text().contains(&unique));
        entry(HIROSHIMA, theirs(), &unique).id.clone()
    });
    let reply = portal.ask_raw::<CrossGatewayRetrieve>(&retrieve_of(entries)).await;
    assert_eq!(reply.registry_status(), "Success", "{}", reply.text());
    assert_eq!(hiroshima.seen().len(), 5, "a look-up, two queries, two retrieves");
    let records = okayama.stop().await;
    let opened = records.of("open").await.len();
    assert_eq!(opened, 3, "before the look-up, before the queries, before the retrieves");
    records.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_number_that_gives_nothing_is_named_and_leaves_what_the_others_brought() {
    for hangs in [false, true] {
        let hiroshima = Gateway::start(HIROSHIMA, move |arrived| async move {
            if arrived.path == "/xcpd" {
                return two_numbers(&arrived);
            }
            let asked = arrived.request::<CrossGatewayQuery>().by;
            match asked == QueryKey::Patient(patient("2.999.34.1", "H-2")) {
                true if hangs => std::future::pending().await,
                true => arrived.answer::<CrossGatewayQuery>(Err(Refusal::Denied)),
                false => one_document(&arrived),
            }
        })
        .await;
        let (okayama, _hospital) = okayama(&hiroshima, "timeout_ms = 1000").await;
        let portal = okayama.portal(PHYSICIAN);
        let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
        assert_eq!(reply.registry_status(), "PartialSuccess", "{}", reply.text());
        assert_eq!(reply.error_codes(), ["XDSUnavailableCommunity"]);
        assert!(reply.text().contains("2.999.34.7.1"), "what the other number brought");
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_whom_a_look_up_brings_is_not_asked_about_and_is_counted() {
    let twin = Someone { given: "桜子", given_kana: "サクラコ", ..HANAKO };
    for shown in [Some(twin.bare()), None] {
        let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
            let stranger = person(&arrived, "H-9", shown.clone());
            let same = person(&arrived, THEIRS, Some(HANAKO.bare()));
            async move {
                match arrived.path.as_str() {
                    "/xcpd" => arrived
                        .answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![stranger, same]))),
                    _ => one_document(&arrived),
                }
            }
        })
        .await;
        let (okayama, _hospital) = okayama(&hiroshima, "").await;
        let portal = okayama.portal(PHYSICIAN);
        let reply = portal.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
        assert!(reply.text().contains("2.999.34.7.1") && !reply.text().contains("2.999.34.7.9"));
        assert!(!hiroshima.seen().iter().any(|arrived| arrived.envelope.contains("H-9")));
        let metrics = okayama.admin("/metrics").await.1;
        assert!(metrics.contains("reason=\"other_person\",target=\"hiroshima\"} 1"), "{metrics}");
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_another_patient_or_of_another_home_than_the_peers_are_dropped() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move {
        let entries =
            ["2.999.34.7.1", "2.999.34.7.2", "2.999.34.7.3"].map(|id| entry(HIROSHIMA, theirs(), id));
        let found = entries.into_iter().map(RegistryObject::Entry).collect();
        arrived.answer_bent::<CrossGatewayQuery>(Ok(Answer::found(found)), |truth| {
            let mut objects: Vec<String> = truth.split("<rim:ExtrinsicObject").map(str::to_owned).collect();
            objects[2] = objects[2].replace("H-1^^^", "H-2^^^");
            objects[3] = objects[3].replace("home=\"urn:oid:2.999.34\"", "home=\"urn:oid:2.999.31\"");
            objects.join("<rim:ExtrinsicObject")
        })
    })
    .await;
    let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).start().await;
    let reply = okayama.portal(PHYSICIAN).ask_raw::<CrossGatewayQuery>(&documents_of(&theirs())).await;
    let text = reply.text();
    assert_eq!(text.matches("<rim:ExtrinsicObject").count(), 1, "{text}");
    assert!(
        text.contains("2.999.34.7.1") && !text.contains("2.999.34.7.2") && !text.contains("2.999.34.7.3")
    );
    assert!(!text.contains("H-2"), "the other patient is not named either");
    okayama.stop().await;
}
