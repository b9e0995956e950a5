//! What may not be shown reads as what does not exist: in lists, in counts, by a guessed id, and
//! for whole persons.

use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::PatientMatch;

use crate::simulators::client::{
    Client, IN_AN_EMERGENCY, NURSE, PHYSICIAN, discovery, documents_of, patient, retrieve_of,
};
use crate::simulators::hospital::{HANAKO, Hospital, NOBODY, TARO};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent, consent_of};

/// An answer without what differs from message to message: ids made for it, and times.
fn stripped(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let uuid = rest.get(..36).filter(|t| {
            t.bytes().enumerate().all(|(at, b)| match at {
                8 | 13 | 18 | 23 => b == b'-',
                _ => b.is_ascii_hexdigit(),
            })
        });
        let time = rest.get(..14).filter(|t| t.starts_with("20") && t.bytes().all(|b| b.is_ascii_digit()));
        let boundary = rest.get(..32).filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
        let cut = if uuid.is_some() {
            36
        } else if boundary.is_some() {
            32
        } else if time.is_some() {
            14
        } else {
            0
        };
        if cut > 0 {
            out.push('#');
            rest = &rest[cut..];
        } else {
            out.push(c);
            rest = &rest[c.len_utf8()..];
        }
    }
    out
}

async fn okayama() -> (Network, Hospital) {
    okayama_with("").await
}

// HANAKO has never consented, TARO has withdrawn, NOBODY is unknown. `more` stands in the file of the
// network that asks.
async fn okayama_with(more: &str) -> (Network, Hospital) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    hospital.files("0000067890", &TARO, &["ADT-00", "OMP-01"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer_with(HIROSHIMA, 1, more);
    let withdrawn = consent_of("N-2", &hospital, "0000067890", HIROSHIMA, "*", "withdrawn");
    (plan.consent(withdrawn).start().await, hospital)
}

/// The answers to asking for each of them and for an id of each.
async fn nobody_thrice(physician: &Client) -> (Vec<String>, Vec<String>) {
    let mut found = Vec::new();
    for who in [HANAKO, TARO, NOBODY] {
        // The echo of the query differs with the query; everything around it must not.
        let mut asked = who.demographics();
        asked.names.truncate(1);
        let reply = physician.ask_raw::<CrossGatewayPatientDiscovery>(&discovery(asked)).await;
        assert_eq!(reply.status, 200);
        let text = stripped(&reply.text());
        let (before, rest) = text.split_once("<queryByParameter>").unwrap();
        let (_, after) = rest.split_once("</queryByParameter>").unwrap();
        found.push(format!("{before}{after}"));
    }
    let mut listed = Vec::new();
    for id in ["N-2", "N-1", "NEVER-GIVEN"] {
        let reply = physician.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", id))).await;
        assert_eq!(reply.status, 200);
        listed.push(stripped(&reply.text()));
    }
    (found, listed)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_an_unconsented_and_a_withdrawn_patient_get_the_same_bytes() {
    for (more, response, status) in [
        ("", "\"NF\"", "ResponseStatusType:Success"),
        ("wire = { patient_unknown_policy = \"error\" }", "code=\"204\"", "\"XDSUnknownPatientId\""),
    ] {
        let (okayama, _hospital) = okayama_with(more).await;
        let (found, listed) = nobody_thrice(&okayama.asked_by(HIROSHIMA, PHYSICIAN)).await;
        assert!(found.iter().all(|one| *one == found[0] && one.contains(response)), "{found:?}");
        assert!(listed.iter().all(|one| *one == listed[0] && one.contains(status)), "{listed:?}");
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_outside_the_agreement_is_neither_listed_nor_fetched_by_its_id() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    hospital.file("0000012345", &HANAKO, "OML-11", "02");
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer(HIROSHIMA, 1)
        .start()
        .await;
    // Its own portal sees the psychiatric result and so knows its id.
    let own = okayama.portal(PHYSICIAN).entries(&patient("2.999.33.1", "N-1")).await;
    let psychiatric: Vec<_> = own
        .iter()
        .filter(|entry| entry.type_code.value.contains("11502"))
        .map(|entry| entry.id.clone())
        .collect();
    assert!(!psychiatric.is_empty());

    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let shown = physician.entries(&patient("2.999.33.1", "N-1")).await;
    assert!(!shown.is_empty());
    assert!(shown.iter().all(|entry| !psychiatric.contains(&entry.id)));
    // No entry, id or title of theirs carries the hospital's number.
    let raw = physician.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "N-1"))).await;
    assert!(!raw.text().contains("0000012345"));

    let mut answers = Vec::new();
    let mut guessed = psychiatric[0].clone();
    guessed.unique = "2.25.1".to_owned().into();
    for id in [psychiatric[0].clone(), guessed] {
        let unique = id.unique.reveal().clone();
        let reply = physician.ask_raw::<CrossGatewayRetrieve>(&retrieve_of([id])).await;
        assert_eq!(reply.error_codes(), ["XDSDocumentUniqueIdError"]);
        assert_eq!(reply.registry_status(), "Failure");
        answers.push(stripped(&reply.text().replace(&unique, "ID")));
    }
    assert_eq!(answers[0], answers[1]);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nurse_sees_fewer_kinds_than_a_physician() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "ADT-61", "OMP-01", "OML-11", "PPR-01"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer(HIROSHIMA, 1)
        .start()
        .await;
    let id = patient("2.999.33.1", "N-1");
    assert_eq!(okayama.asked_by(HIROSHIMA, PHYSICIAN).entries(&id).await.len(), 5);
    assert_eq!(okayama.asked_by(HIROSHIMA, NURSE).entries(&id).await.len(), 2);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_finds_who_never_consented_but_not_who_has_withdrawn_and_is_flagged() {
    let (okayama, _hospital) = okayama().await;
    let treatment = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let emergency = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
    assert!(treatment.find(HANAKO.demographics()).await.is_empty());
    assert!(emergency.find(TARO.demographics()).await.is_empty());
    let found = emergency.find_one(HANAKO.demographics()).await;
    assert!(!found.id.value.reveal().contains("0000012345"));
    assert!(!emergency.entries(&found.id).await.is_empty());
    assert!(treatment.entries(&found.id).await.is_empty(), "the id is good for an emergency only");
    let records = okayama.stop().await;
    let flagged = records.of("release").await;
    assert!(flagged.iter().any(|event| event.emergency));
}

#[tokio::test(flavor = "multi_thread")]
async fn more_attributes_are_asked_for_only_where_they_were_not_sent() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer(HIROSHIMA, 1)
        .start()
        .await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    match physician.find(HANAKO.bare()).await.as_slice() {
        [PatientMatch::MoreAttributes { wanted, .. }] => assert_eq!(wanted.len(), 2, "{wanted:?}"),
        other => panic!("{other:?}"),
    }
    assert!(physician.find(NOBODY.bare()).await.is_empty());
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_and_a_new_consent_take_effect_at_once() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let okayama = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    assert!(physician.find(HANAKO.demographics()).await.is_empty());
    okayama.import(&[consent("N-1", &hospital, "0000012345", HIROSHIMA)]).await;
    let found = physician.find_one(HANAKO.demographics()).await;
    let entries = physician.entries(&found.id).await;
    assert_eq!(entries.len(), 2);
    okayama.withdraw("N-1").await;
    assert!(physician.find(HANAKO.demographics()).await.is_empty());
    assert!(physician.entries(&found.id).await.is_empty());
    assert!(physician.fetch(&entries[0].id).await.is_err());
    let records = okayama.stop().await;
    assert_eq!(records.of("consent-change").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_answer_to_another_network_leaves_on_a_step_of_time_whatever_it_hides() {
    let (okayama, _hospital) = okayama().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    for who in [HANAKO, TARO, NOBODY] {
        let message = physician.write::<CrossGatewayPatientDiscovery>(&discovery(who.demographics())).await;
        let since = std::time::Instant::now();
        assert_eq!(physician.send(&message).await.status, 200);
        assert!(since.elapsed() >= std::time::Duration::from_millis(50));
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_results_counts_only_what_may_be_shown() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "ADT-61", "OMP-01"]);
    hospital.file("0000012345", &HANAKO, "OML-11", "02");
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer(HIROSHIMA, 1)
        .limits("results_max = 2")
        .start()
        .await;
    let request = documents_of(&patient("2.999.33.1", "N-1"));
    let reply = okayama.asked_by(HIROSHIMA, PHYSICIAN).ask_raw::<CrossGatewayQuery>(&request).await;
    assert_eq!(reply.error_codes(), ["XDSTooManyResults"], "{}", reply.text());
    let reply = okayama.asked_by(HIROSHIMA, NURSE).ask_raw::<CrossGatewayQuery>(&request).await;
    assert_eq!(reply.registry_status(), "Success", "a nurse may see two, whatever else there is");
    okayama.stop().await;
}
