//! XCPD finds one person or nobody; who is not consented is not found, and nobody is found in their
//! place.

use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{Demographics, FoundPatient, PatientDiscovery, PatientId, PatientMatch, Phi};

use crate::simulators::client::{Client, PHYSICIAN, patient};
use crate::simulators::hospital::{HANAKO, Hospital, NOBODY, Someone, TARO};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent};

/// HANAKO's twin.
const SAKURAKO: Someone = Someone { given: "桜子", given_kana: "サクラコ", ..HANAKO };

async fn okayama(consented: &[(&str, &str)]) -> (Network, Hospital) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    hospital.files("0000012346", &SAKURAKO, &["ADT-00"]);
    hospital.files("0000067890", &TARO, &["ADT-00"]);
    let mut plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1);
    for (network_id, number) in consented {
        plan = plan.consent(consent(network_id, &hospital, number, HIROSHIMA));
    }
    (plan.start().await, hospital)
}

async fn ask(client: &Client, demographics: Demographics, ids: Vec<PatientId>) -> Vec<PatientMatch> {
    let request = PatientDiscovery { demographics: Phi::new(demographics), ids };
    client.ask::<CrossGatewayPatientDiscovery>(&request).await.unwrap().found
}

fn one(found: Vec<PatientMatch>) -> FoundPatient {
    match found.as_slice() {
        [PatientMatch::Found(found)] => found.clone(),
        other => panic!("not one person: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_twin_is_never_answered_for_the_other() {
    let (okayama, _hospital) = okayama(&[("N-1", "0000012345")]).await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    assert!(physician.find(SAKURAKO.demographics()).await.is_empty(), "the unconsented twin is nobody");
    let found = one(physician.find(HANAKO.demographics()).await);
    assert_eq!(found.id.value.reveal(), "N-1");
    let shown = found.demographics.unwrap();
    assert!(shown.reveal().addresses.is_empty() && shown.reveal().phones.is_empty());
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_consented_twins_each_is_found_as_themselves() {
    let (okayama, _hospital) = okayama(&[("N-1", "0000012345"), ("N-2", "0000012346")]).await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    for (who, id) in [(&HANAKO, "N-1"), (&SAKURAKO, "N-2")] {
        let found = one(physician.find(who.demographics()).await);
        assert_eq!(found.id.value.reveal(), id);
    }
    let third = Someone { given: "梅子", given_kana: "ウメコ", ..HANAKO };
    assert!(physician.find(third.demographics()).await.is_empty(), "a third child is neither");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_ours_finds_its_person_alone_and_nobody_when_the_name_is_another() {
    let (okayama, _hospital) = okayama(&[("N-1", "0000012345"), ("N-3", "0000067890")]).await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let ours = |value: &str| patient("2.999.33.1", value);
    let theirs = patient("2.999.34.1", "H-77");
    let nothing = Demographics::default;

    let found = one(ask(&physician, nothing(), vec![ours("N-1")]).await);
    assert_eq!((found.id.value.reveal().as_str(), found.demographics.is_none()), ("N-1", true));
    let found = one(ask(&physician, HANAKO.demographics(), vec![ours("N-1"), theirs.clone()]).await);
    assert_eq!(found.id.value.reveal(), "N-1", "an id of the asker's own is put aside");
    for (demographics, ids) in [
        (NOBODY.demographics(), vec![ours("N-1")]),
        (TARO.demographics(), vec![ours("N-1")]),
        (HANAKO.demographics(), vec![ours("N-1"), ours("N-3")]),
        (nothing(), vec![ours("N-1"), ours("N-3")]),
        (nothing(), vec![ours("N-404")]),
        (nothing(), vec![patient("2.999.33.20.1", "0000012345")]),
    ] {
        assert!(ask(&physician, demographics, ids.clone()).await.is_empty(), "{ids:?}");
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_does_not_learn_from_the_confidence_how_near_its_guess_was() {
    let (okayama, _hospital) = okayama(&[("N-1", "0000012345")]).await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let whole = HANAKO.demographics();
    let without_phone = Demographics { phones: Vec::new(), ..HANAKO.demographics() };
    let other_phone = Demographics { phones: vec!["03-0000-0000".to_owned()], ..HANAKO.demographics() };
    for guess in [whole, without_phone, other_phone] {
        assert_eq!(physician.find_one(guess).await.confidence, 100);
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn at_home_a_hospitals_number_alone_finds_its_person_and_those_of_two_find_nobody() {
    let (okayama, _hospital) = okayama(&[("N-1", "0000012345")]).await;
    let portal = okayama.portal(PHYSICIAN);
    let number = |value: &str| patient("2.999.33.20.1", value);
    let nothing = Demographics::default;
    let found = one(ask(&portal, nothing(), vec![number("0000012345")]).await);
    assert_eq!(found.id.value.reveal(), "N-1");
    assert_eq!(found.demographics.unwrap().reveal().birth, HANAKO.demographics().birth);
    let by_number = PatientDiscovery { demographics: Phi::default(), ids: vec![number("0000067890")] };
    let reply = portal.ask_raw::<CrossGatewayPatientDiscovery>(&by_number).await.text();
    let subject = reply.split("<subject ").nth(1).unwrap();
    assert!(subject.contains("extension=\"0000067890\""), "without a consent row the number is the id");
    for ids in [vec![number("0000000404")], vec![number("0000012345"), number("0000067890")]] {
        assert!(ask(&portal, nothing(), ids.clone()).await.is_empty(), "{ids:?}");
    }
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    assert!(ask(&physician, nothing(), vec![number("0000012345")]).await.is_empty(), "at home only");
    okayama.stop().await;
}
