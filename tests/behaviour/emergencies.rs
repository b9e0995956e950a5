//! Emergency access: for physicians, where the agreement says so, toward the community that asked.

use kakehashi::matching::grade;
use kakehashi::model::{Demographics, Grade, Purpose};

use crate::simulators::client::{IN_AN_EMERGENCY, PHYSICIAN, Who};
use crate::simulators::hospital::{HANAKO, Hospital, Someone, TARO};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, TOTTORI, consent_of};
use crate::simulators::site::{HUMANBRIDGE, Site};
use crate::simulators::waiting::attained;

#[tokio::test(flavor = "multi_thread")]
async fn only_a_physician_of_a_community_whose_agreement_has_it_gets_emergency_access() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    hospital.file("0000012345", &HANAKO, "OML-11", "02");
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).peer(TOTTORI, 2);
    let okayama = plan.start().await;

    let nurse = Who { role: "nurse", ..IN_AN_EMERGENCY };
    for (place, who) in [(HIROSHIMA, nurse), (TOTTORI, IN_AN_EMERGENCY)] {
        let client = okayama.asked_by(place, who);
        let outcome = client
            .ask::<kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery>(
                &crate::simulators::client::discovery(HANAKO.demographics()),
            )
            .await;
        assert!(outcome.is_err(), "{}: not permitted at all", place.name);
    }
    let physician = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
    assert_eq!(physician.who().purpose, Purpose::Emergency);
    let found = physician.find_one(HANAKO.demographics()).await;
    let entries = physician.entries(&found.id).await;
    assert_eq!(entries.len(), 2, "the agreement still withholds the psychiatric department");
    let bytes = physician.fetch(&entries[0].id).await.unwrap();
    assert!(!String::from_utf8_lossy(&bytes).contains("0000012345"), "no hospital number in what is shown");
    let records = okayama.stop().await;
    let releases = records.of("release").await;
    assert!(releases.iter().filter(|release| release.shown > 0).all(|release| release.emergency));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_holds_in_an_emergency_and_a_kind_list_does_not() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01", "OML-11"]);
    hospital.files("0000067890", &TARO, &["ADT-00", "OMP-01"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent_of("N-1", &hospital, "0000012345", HIROSHIMA, "ADT-00", "limited"))
        .consent(consent_of("N-2", &hospital, "0000067890", HIROSHIMA, "*", "refused"))
        .peer(HIROSHIMA, 1)
        .start()
        .await;
    let treatment = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let found = treatment.find_one(HANAKO.demographics()).await;
    assert_eq!(treatment.entries(&found.id).await.len(), 1, "only the listed kind");
    let emergency = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
    assert_eq!(emergency.find_one(HANAKO.demographics()).await.id, found.id, "their own id");
    assert_eq!(emergency.entries(&found.id).await.len(), 3, "all kinds of the agreement");
    assert!(emergency.find(TARO.demographics()).await.is_empty());
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawal_at_one_hospital_leaves_the_consent_at_another_and_no_emergency_goes_beyond_it() {
    let (university, kurashiki) = (Hospital::okayama_university(), Hospital::kurashiki());
    university.files("0000012345", &HANAKO, &["ADT-00", "OMP-01", "OML-11"]);
    kurashiki.files("0000054321", &HANAKO, &["ADT-00", "OMP-01"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&university)
        .hospital(&kurashiki)
        .consent(consent_of("N-1", &university, "0000012345", HIROSHIMA, "*", "granted"))
        .consent(consent_of("N-1", &kurashiki, "0000054321", HIROSHIMA, "*", "withdrawn"))
        .peer(HIROSHIMA, 1)
        .start()
        .await;
    let treatment = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let found = treatment.find_one(HANAKO.demographics()).await;
    assert_eq!(found.id.value.reveal(), "N-1");
    let entries = treatment.entries(&found.id).await;
    assert_eq!(entries.len(), 3);
    let elsewhere = kurashiki.repository();
    assert!(entries.iter().all(|entry| entry.id.repository.0.to_string() != elsewhere));
    // No row covers an emergency: what it would override is the withdrawal as well.
    let emergency = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
    assert!(emergency.find(HANAKO.demographics()).await.is_empty());
    assert!(emergency.entries(&found.id).await.is_empty());
    okayama.stop().await;
}

/// Hanako as a hospital knew her before she married, with day and month swapped: who asks for her
/// by name, birth date and telephone does not come near this record.
const UNMARRIED: Someone =
    Someone {
        family: "無橋", family_kana: "ムハシ", birth: "19480504", phone: "086-000-7777", ..HANAKO
    };

#[tokio::test(flavor = "multi_thread")]
async fn who_said_no_under_a_former_name_stays_hidden_in_an_emergency() {
    let asked = Demographics { addresses: Vec::new(), ..HANAKO.demographics() };
    assert_eq!(grade(&asked, &UNMARRIED.demographics()).grade, Grade::None, "not near what is asked");
    assert!(grade(&HANAKO.demographics(), &UNMARRIED.demographics()).grade >= Grade::Review);
    for (state, is_found) in [("withdrawn", false), ("refused", false), ("granted", true)] {
        let (university, kurashiki) = (Hospital::okayama_university(), Hospital::kurashiki());
        university.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
        kurashiki.files("0000054321", &UNMARRIED, &["ADT-00", "OMP-01"]);
        let okayama = Plan::new(OKAYAMA)
            .hospital(&university)
            .hospital(&kurashiki)
            .consent(consent_of("N-1", &kurashiki, "0000054321", HIROSHIMA, "*", state))
            .peer(HIROSHIMA, 1)
            .start()
            .await;
        let emergency = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
        assert_eq!(!emergency.find(asked.clone()).await.is_empty(), is_found, "{state}");
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_said_no_at_a_hospital_with_a_registry_stays_hidden_also_where_it_shows_nothing_but_numbers() {
    let asked = Demographics { addresses: Vec::new(), ..HANAKO.demographics() };
    for (state, is_bare, is_found) in [
        ("withdrawn", false, false),
        ("withdrawn", true, false),
        ("granted", false, true),
        ("granted", true, true),
    ] {
        let university = Hospital::okayama_university();
        university.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
        let site = Site::start(OKAYAMA, "3310000024", "2.999.33.24", HUMANBRIDGE).await;
        site.register("0000024001", &UNMARRIED);
        site.mood.lock().unwrap().is_bare = is_bare;
        let mut plan = Plan::new(OKAYAMA)
            .hospital(&university)
            .consent(site.consent_of("N-1", "0000024001", HIROSHIMA, state))
            .peer(HIROSHIMA, 1);
        plan.peers.push(("humanbridge", site.as_source("", "")));
        let okayama = plan.start().await;
        let emergency = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
        assert_eq!(!emergency.find(asked.clone()).await.is_empty(), is_found, "{state} {is_bare}");
        assert!(site.asked("/pdq") > 0, "{state} {is_bare}");
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_hospital_with_withdrawals_is_away_nobody_without_consent_is_shown_in_an_emergency() {
    for (state, is_found) in [("withdrawn", false), ("granted", true)] {
        let (university, kurashiki) = (Hospital::okayama_university(), Hospital::kurashiki());
        university.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
        kurashiki.files("0000067890", &TARO, &["ADT-00"]);
        let okayama = Plan::new(OKAYAMA)
            .hospital(&university)
            .hospital(&kurashiki)
            .consent(consent_of("N-2", &kurashiki, "0000067890", HIROSHIMA, "*", state))
            .peer(HIROSHIMA, 1)
            .start()
            .await;
        std::fs::remove_dir_all(kurashiki.standard()).unwrap();
        let away = || async {
            okayama.admin("/readyz").await.1.contains("the storage cannot be listed").then_some(())
        };
        attained("the storage is gone", away).await;
        let emergency = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
        assert_eq!(!emergency.find(HANAKO.demographics()).await.is_empty(), is_found, "{state}");
        okayama.stop().await;
    }
}
