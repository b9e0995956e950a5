//! Peers and sources that are dead, lie or would like to be reached through us.

use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{Answer, CommunityId, DocumentQuery, FoundPatient, PatientMatch, QueryKey, Refusal};

use crate::simulators::client::{PHYSICIAN, discovery, documents_of, oid, patient, retrieve_of};
use crate::simulators::gateway::{Gateway, entry};
use crate::simulators::hospital::{HANAKO, Hospital, TARO};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, TOTTORI, consent};
use crate::simulators::waiting::attained;

#[tokio::test(flavor = "multi_thread")]
async fn what_a_peer_asks_never_reaches_another_peer_whatever_the_policies_permit() {
    let tottori = Gateway::start(TOTTORI, |arrived| async move {
        arrived.answer::<CrossGatewayPatientDiscovery>(Err(Refusal::Withheld))
    })
    .await;
    let policies = tempfile::tempdir().unwrap();
    let plan = Plan::new(OKAYAMA).peer(HIROSHIMA, 1).peer(TOTTORI, tottori.port);
    let okayama = plan.permitting_everything(policies.path()).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    assert!(physician.find(HANAKO.demographics()).await.is_empty());
    let theirs = entry(TOTTORI, patient("2.999.31.1", "T-1"), "2.999.31.7.1");
    assert!(physician.entries(&theirs.patient).await.is_empty());
    let by_id = DocumentQuery {
        by: QueryKey::Objects(vec![theirs.object.clone()]),
        home: Some(theirs.id.community.clone()),
        ..documents_of(&theirs.patient)
    };
    let reply = physician.ask_raw::<CrossGatewayQuery>(&by_id).await;
    assert_eq!(reply.error_codes(), ["XDSUnknownCommunity"]);
    let reply = physician.ask_raw::<CrossGatewayRetrieve>(&retrieve_of([theirs.id.clone()])).await;
    assert_eq!(reply.error_codes(), ["XDSUnknownCommunity"]);
    assert!(tottori.seen().is_empty());
    // From our own side the way is open.
    okayama.portal(PHYSICIAN).find(HANAKO.demographics()).await;
    assert_eq!(tottori.seen().len(), 1);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_under_another_home_or_authority_than_the_peers_is_dropped() {
    for (home, authority) in [("2.999.31", "2.999.31.1"), ("2.999.34", "2.999.31.1")] {
        let hiroshima = Gateway::start(HIROSHIMA, move |arrived| async move {
            let found = FoundPatient {
                community: CommunityId(oid(home)),
                id: patient(authority, "X-1"),
                demographics: Some(HANAKO.demographics().into()),
                confidence: 99,
                also: Vec::new(),
            };
            arrived
                .answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![PatientMatch::Found(found)])))
        })
        .await;
        let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).start().await;
        let found = okayama.portal(PHYSICIAN).find(HANAKO.demographics()).await;
        assert!(found.is_empty(), "{home} {authority}: {found:?}");
        assert_eq!(hiroshima.seen().len(), 1);
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_match_that_does_not_resemble_what_was_typed_does_not_reach_the_portal() {
    for (shown, is_passed_on) in [(HANAKO.bare(), true), (TARO.bare(), false)] {
        let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
            let found = FoundPatient {
                community: CommunityId(oid("2.999.34")),
                id: patient("2.999.34.1", "H-1"),
                demographics: Some(shown.clone().into()),
                confidence: 99,
                also: Vec::new(),
            };
            let found = Ok(Answer::found(vec![PatientMatch::Found(found)]));
            async move { arrived.answer::<CrossGatewayPatientDiscovery>(found) }
        })
        .await;
        let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port).start().await;
        let reply = okayama
            .portal(PHYSICIAN)
            .ask_raw::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics()))
            .await;
        assert_eq!(reply.text().contains("extension=\"H-1\""), is_passed_on, "{}", reply.text());
        assert_eq!(okayama.admin("/metrics").await.1.contains("reason=\"not_asked\""), !is_passed_on);
        okayama.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_peer_is_named_to_our_own_portal_and_is_no_fault() {
    let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, 1).start().await;
    let reply = okayama
        .portal(PHYSICIAN)
        .ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.34.1", "H-1")))
        .await;
    assert_eq!((reply.status, reply.registry_status().as_str()), (200, "Failure"));
    assert_eq!(reply.error_codes(), ["XDSUnavailableCommunity"]);
    assert!(reply.text().contains("urn:oid:2.999.34"));
    assert!(!reply.text().contains("127.0.0.1"), "no host name leaves");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_dead_source_is_named_by_its_repository_and_the_other_answers() {
    let (one, two) = (Hospital::okayama_university(), Hospital::kurashiki());
    one.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    two.files("0000054321", &HANAKO, &["ADT-00", "OMP-01"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&one)
        .hospital(&two)
        .consent(consent("N-1", &one, "0000012345", HIROSHIMA))
        .consent(consent("N-1", &two, "0000054321", HIROSHIMA))
        .peer(HIROSHIMA, 1)
        .start()
        .await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let id = physician.find_one(HANAKO.demographics()).await.id;
    assert_eq!(physician.entries(&id).await.len(), 4);
    std::fs::rename(two.standard(), two.standard().with_extension("away")).unwrap();
    let reply = attained("the outage is seen", || async {
        let reply = physician.ask_raw::<CrossGatewayQuery>(&documents_of(&id)).await;
        (reply.registry_status() == "PartialSuccess").then_some(reply)
    })
    .await;
    assert_eq!(reply.error_codes(), ["XDSRegistryError"]);
    assert!(reply.text().contains(&two.repository()));
    assert!(!reply.text().contains(two.name), "no hospital is named");
    assert_eq!(reply.text().matches("<rim:ExtrinsicObject").count(), 2);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_by_id_for_our_own_home_reaches_no_peer() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move {
        arrived.answer::<CrossGatewayPatientDiscovery>(Err(Refusal::Withheld))
    })
    .await;
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, hiroshima.port);
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await;
    let portal = okayama.portal(PHYSICIAN);
    let own = portal.entries(&patient("2.999.33.1", "N-1")).await.remove(0);
    let before = hiroshima.seen().len();
    let request = DocumentQuery {
        by: QueryKey::UniqueIds(vec![own.id.unique.clone()]),
        home: Some(CommunityId(oid(OKAYAMA.community))),
        ..documents_of(&patient("2.999.33.1", "N-1"))
    };
    let reply = portal.ask_raw::<CrossGatewayQuery>(&request).await;
    assert_eq!((reply.registry_status().as_str(), reply.error_codes().len()), ("Success", 0));
    assert_eq!(reply.text().matches("<rim:ExtrinsicObject").count(), 1);
    assert_eq!(hiroshima.seen().len(), before, "the other network learns neither id nor asker");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retrieve_over_its_cap_or_rate_asks_nobody_anything() {
    let hiroshima = Gateway::start(HIROSHIMA, |arrived| async move {
        arrived.answer::<CrossGatewayQuery>(Ok(Answer::default()))
    })
    .await;
    let plan = Plan::new(OKAYAMA).peer(HIROSHIMA, hiroshima.port);
    let limits = "documents_per_request_max = 2\nperson_per_minute = 1\nperson_burst = 2";
    let okayama = plan.limits(limits).start().await;
    let portal = okayama.portal(PHYSICIAN);
    let id = |number: u32| {
        let theirs = entry(HIROSHIMA, patient("2.999.34.1", "H-1"), &format!("2.999.34.7.{number}"));
        theirs.id.clone()
    };
    let many = portal.ask_raw::<CrossGatewayRetrieve>(&retrieve_of((0..3).map(id))).await;
    assert!(many.text().contains("XDSRepositoryOutOfResources"), "{}", many.text());
    assert_eq!(hiroshima.seen().len(), 0, "over the cap nothing is looked up");
    portal.ask_raw::<CrossGatewayRetrieve>(&retrieve_of([id(0)])).await;
    assert_eq!(hiroshima.seen().len(), 1, "the entry is looked up");
    let often = portal.ask_raw::<CrossGatewayRetrieve>(&retrieve_of([id(1)])).await;
    assert!(often.text().contains("XDSRepositoryBusy"), "{}", often.text());
    assert_eq!(hiroshima.seen().len(), 1, "and over the rate it is not");
    okayama.stop().await;
}
