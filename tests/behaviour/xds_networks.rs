//! Another network behind PIX, PDQ and XDS is asked in its own words: by what a consent allows, one
//! person or nobody, and every message that leaves is on record.

use kakehashi::dialect::ebxml::{RegistryStoredQuery, RetrieveDocumentSet};
use kakehashi::model::{DocumentRetrieve, Homeless, PatientId, PatientMatch};
use tempfile::TempDir;

use crate::simulators::client::{PHYSICIAN, documents_of, patient};
use crate::simulators::hospital::{HANAKO, Hospital, Someone};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent};
use crate::simulators::site::{HUMANBRIDGE, Site};

fn asked() -> PatientId {
    patient("2.999.33.1", "N-1")
}

/// Hiroshima with HANAKO, her twin, and four documents of hers, more than its registry lists at once.
async fn hiroshima() -> Site {
    let hiroshima = Site::start(HIROSHIMA, "", "2.999.34", HUMANBRIDGE).await;
    let twin = Someone { given: "花代", given_kana: "ハナヨ", ..HANAKO.clone() };
    hiroshima.register("H-2", &twin).register("H-1", &HANAKO);
    for n in 0..4 {
        hiroshima.file("H-1", &format!("2.999.34.7.{n}"), "57833-6", &format!("theirs {n}"));
    }
    hiroshima.file("H-2", "2.999.34.7.9", "57833-6", "her twin's");
    hiroshima
}

async fn okayama(hiroshima: &Site, above: &str, more: &str) -> (Network, (Hospital, TempDir)) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let policies = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .permitting_everything(policies.path());
    plan.peers.push(("hiroshima", hiroshima.as_peer(OKAYAMA, above, more)));
    (plan.start().await, (hospital, policies))
}

#[tokio::test(flavor = "multi_thread")]
async fn its_documents_are_listed_and_opened_like_those_of_a_gateway_with_homes_and_without() {
    let hiroshima = hiroshima().await;
    let (okayama, _kept) = okayama(&hiroshima, "correlation_days = 1", "objects_per_query = 3").await;
    let portal = okayama.portal(PHYSICIAN);
    let reply = portal.ask_raw::<RegistryStoredQuery>(&documents_of(&asked())).await;
    let text = reply.text();
    assert_eq!((reply.registry_status(), reply.error_codes()), ("Success".to_owned(), Vec::new()), "{text}");
    assert_eq!(text.matches("home=\"urn:oid:2.999.34\"").count(), 4, "the home it does not say: {text}");
    assert!(!text.contains("2.999.34.7.9") && !text.contains("value=\"H-1^^^"), "{text}");
    // Once in vain, once for the ids, two pieces.
    assert_eq!((hiroshima.asked("/pdq"), hiroshima.asked("/registry")), (1, 4));

    let theirs = hiroshima.file("H-1", "2.999.34.7.8", "57833-6", "one more");
    let with_home = portal.fetch(&theirs.id).await.unwrap();
    assert_eq!(with_home, b"one more");
    let shown = Homeless {
        repository: theirs.id.repository.clone(),
        unique: kakehashi::model::Phi::new("2.999.34.7.0".to_owned()),
    };
    let retrieve = DocumentRetrieve { documents: Vec::new(), homeless: vec![shown] };
    let reply = portal.ask_raw::<RetrieveDocumentSet>(&retrieve).await;
    assert_eq!(reply.registry_status(), "Success", "{}", reply.text());
    assert!(reply.text().contains("theirs 0"));
    assert_eq!(hiroshima.asked("/pdq"), 1, "its id of her is remembered as long as its file says");

    let messages: Vec<String> = hiroshima.gateway.seen().iter().map(|arrived| arrived.message().0).collect();
    let records = okayama.stop().await;
    let opened: Vec<String> = records.of("open").await.into_iter().map(|event| event.transaction).collect();
    assert!(opened.iter().any(|transaction| transaction == "ITI-18"), "{opened:?}");
    for message in messages {
        assert!(records.hold(message.as_bytes()), "{message} left without a record");
    }
    assert!(records.hold(b"ITI-47") && records.hold(b"ITI-43"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_resemble_one_is_told_or_nobody() {
    let hiroshima = hiroshima().await;
    let (okayama, _kept) = okayama(&hiroshima, "", "").await;
    let portal = okayama.portal(PHYSICIAN).expecting(HIROSHIMA);
    let found = portal.find(HANAKO.demographics()).await;
    let theirs: Vec<_> = found
        .iter()
        .filter_map(|found| match found {
            PatientMatch::Found(found) => Some(found.id.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(theirs, [hiroshima.number("H-1")], "not her twin, and not our own home's: {found:?}");
    // Her namesake, born on the same day, who lives elsewhere.
    let namesake = Someone {
        address: "広島県呉市架空町９",
        phone: "0823-00-3333",
        postal_code: "737-0000",
        ..HANAKO.clone()
    };
    hiroshima.register("H-3", &namesake);
    let typed = HANAKO.bare();
    let told = portal.find(typed).await;
    assert!(
        told.iter().all(
            |found| !matches!(found, PatientMatch::Found(f) if f.id.authority.0.as_str() == "2.999.34.1")
        ),
        "{told:?}"
    );
    let reply = portal.ask_raw::<RegistryStoredQuery>(&documents_of(&asked())).await;
    assert_eq!(reply.registry_status(), "Success");
    assert_eq!(
        reply.text().matches("home=\"urn:oid:2.999.34\"").count(),
        4,
        "where she lives tells them apart"
    );
    // Registered twice alike under one address: two numbers of one person.
    hiroshima.register("H-4", &HANAKO);
    hiroshima.file("H-4", "2.999.34.7.44", "57833-6", "under her other number");
    let reply = portal.ask_raw::<RegistryStoredQuery>(&documents_of(&asked())).await;
    assert_eq!(reply.text().matches("home=\"urn:oid:2.999.34\"").count(), 5, "{}", reply.text());
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_that_knows_our_id_is_asked_by_it_alone_and_whom_it_means_is_checked() {
    let hiroshima = hiroshima().await;
    let url = format!("https://127.0.0.1:{}/pix", hiroshima.gateway.port);
    let pix = format!("patient_ids = \"{url}\"");
    let (okayama, _kept) = okayama(&hiroshima, "send_network_id = true", &pix).await;
    let portal = okayama.portal(PHYSICIAN);
    let listed = || async {
        let reply = portal.ask_raw::<RegistryStoredQuery>(&documents_of(&asked())).await;
        assert_eq!(reply.registry_status(), "Success", "{}", reply.text());
        reply.text().matches("home=\"urn:oid:2.999.34\"").count()
    };
    assert_eq!(listed().await, 0, "it does not know her");
    hiroshima.mood.lock().unwrap().links.insert("N-1".to_owned(), "H-1");
    assert_eq!(listed().await, 4);
    for arrived in hiroshima.gateway.seen() {
        assert!(
            !arrived.envelope.contains("花子") && !arrived.envelope.contains("岡山県"),
            "{}",
            arrived.path
        );
    }
    hiroshima.mood.lock().unwrap().links.insert("N-1".to_owned(), "H-2");
    assert_eq!(listed().await, 0, "her twin is somebody else, whatever the manager says");
    okayama.stop().await;
}
