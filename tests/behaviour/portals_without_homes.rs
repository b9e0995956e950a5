//! A portal that speaks plain XDS.b changes nothing: it names no home, sees what other networks show
//! beside its own documents, and fetches it. Nothing is guessed for it.

use std::sync::{Arc, Mutex};

use kakehashi::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{
    Answer, CommunityId, Criteria, DocumentEntry, DocumentId, DocumentQuery, DocumentRetrieve, FoundPatient,
    Homeless, ObjectId, PatientId, PatientMatch, Phi, QueryKey, RegistryObject, RepositoryId, ReturnType,
};

use tempfile::TempDir;

use crate::simulators::client::{Client, PHYSICIAN, Reply, documents_of, oid, patient};
use crate::simulators::gateway::{Arrived, Body, Gateway, document, entry};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Place, Plan, TOTTORI, consent};

/// Asks for documents as a portal does that knows no homes.
fn by_id(by: QueryKey) -> DocumentQuery {
    DocumentQuery { by, home: None, criteria: Criteria::default(), returns: ReturnType::LeafClass }
}

fn without_home(ids: &[&DocumentId]) -> DocumentRetrieve {
    let homeless =
        ids.iter().map(|id| Homeless { repository: id.repository.clone(), unique: id.unique.clone() });
    DocumentRetrieve { documents: Vec::new(), homeless: homeless.collect() }
}

/// Another network with these entries of one patient, who is HANAKO.
async fn gateway(place: Place, entries: Vec<DocumentEntry>) -> Gateway {
    let entries = Arc::new(entries);
    Gateway::start(place, move |arrived| {
        let entries = Arc::clone(&entries);
        async move { answering(&arrived, &entries) }
    })
    .await
}

fn answering(arrived: &Arrived, entries: &[DocumentEntry]) -> http::Response<Body> {
    match arrived.path.as_str() {
        "/xcpd" => {
            let found = PatientMatch::Found(FoundPatient {
                community: CommunityId(oid(arrived.place.community)),
                id: entries[0].patient.clone(),
                demographics: Some(HANAKO.bare().into()),
                confidence: 95,
                also: Vec::new(),
            });
            arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![found])))
        }
        "/xca/query" => {
            let by = arrived.request::<CrossGatewayQuery>().by;
            let is_asked = |entry: &&DocumentEntry| match &by {
                QueryKey::Patient(id) => entry.patient == *id,
                QueryKey::Objects(ids) => ids.contains(&entry.object),
                QueryKey::UniqueIds(ids) => ids.contains(&entry.id.unique),
            };
            let found = entries.iter().filter(is_asked).cloned().map(RegistryObject::Entry);
            arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(found.collect())))
        }
        _ => {
            let asked = arrived.request::<CrossGatewayRetrieve>().documents;
            let found = asked.iter().map(|id| document(id, "theirs")).collect();
            arrived.answer::<CrossGatewayRetrieve>(Ok(Answer::found(found)))
        }
    }
}

fn number(place: Place) -> PatientId {
    patient(&format!("{}.1", place.community), "H-1")
}

/// Okayama, in which HANAKO has one prescription, as original and as rendition; her consents name these
/// networks.
async fn okayama(peers: &[(&Gateway, Place)]) -> (Network, (Hospital, TempDir)) {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let policies = tempfile::tempdir().unwrap();
    let mut plan = Plan::new(OKAYAMA).hospital(&hospital).permitting_everything(policies.path());
    for (gateway, place) in peers {
        plan = plan.consent(consent("N-1", &hospital, "0000012345", *place)).peer(*place, gateway.port);
    }
    let network = plan.start().await;
    (network, (hospital, policies))
}

fn asked() -> PatientId {
    patient("2.999.33.1", "N-1")
}

/// The values of an attribute or element in an answer, in their order.
fn between<'t>(text: &'t str, before: &str, after: &str) -> Vec<&'t str> {
    text.split(before).skip(1).filter_map(|rest| rest.split(after).next()).collect()
}

fn objects(reply: &Reply) -> Vec<ObjectId> {
    let text = reply.text();
    let ids = text.split("<rim:ExtrinsicObject").skip(1).map(|object| between(object, " id=\"", "\"")[0]);
    ids.map(|id| ObjectId(Phi::new(id.to_owned()))).collect()
}

/// Repository and unique id of each entry of an answer.
fn listed(reply: &Reply) -> Vec<Homeless> {
    let text = reply.text();
    let of_object = |object: &str| {
        let repository = object.split("repositoryUniqueId").nth(1).unwrap();
        let unique = object.split("urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab").nth(1).unwrap();
        Homeless {
            repository: RepositoryId(oid(between(repository, "Value>", "<")[0])),
            unique: Phi::new(between(unique, " value=\"", "\"")[0].to_owned()),
        }
    };
    text.split("<rim:ExtrinsicObject").skip(1).map(of_object).collect()
}

fn codes_of(reply: &Reply) -> (String, Vec<String>) {
    (reply.registry_status(), reply.error_codes())
}

async fn list(portal: &Client) -> Reply {
    let message = portal.write::<RegistryStoredQuery>(&documents_of(&asked())).await;
    assert!(!message.body.contains(" home="), "{}", message.body);
    portal.send(&message).await
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_of_other_networks_stand_beside_our_own_under_the_one_id_that_was_asked_for() {
    let theirs = vec![entry(HIROSHIMA, number(HIROSHIMA), "2.999.34.7.1")];
    let hiroshima = gateway(HIROSHIMA, theirs).await;
    let (okayama, _kept) = okayama(&[(&hiroshima, HIROSHIMA)]).await;
    let reply = list(&okayama.portal(PHYSICIAN)).await;
    let text = reply.text();
    assert_eq!(codes_of(&reply), ("Success".to_owned(), Vec::new()), "{text}");
    assert!(text.contains(">urn:ihe:iti:2007:RegistryStoredQueryResponse<"), "{text}");
    assert_eq!(text.matches("home=\"urn:oid:2.999.34\"").count(), 1, "{text}");
    let entries = text.matches("<rim:ExtrinsicObject").count();
    assert!(entries > 2, "ours are there as well");
    assert_eq!(text.matches("value=\"N-1^^^&amp;2.999.33.1&amp;ISO\"").count(), entries);
    assert!(!text.contains("value=\"H-1^^^"), "the portal knows one id");
    let records = okayama.stop().await;
    assert!(records.of("release").await.iter().any(|record| record.transaction == "ITI-18"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_shown_is_found_and_fetched_without_a_home_also_after_a_restart() {
    let theirs = vec![entry(HIROSHIMA, number(HIROSHIMA), "2.999.34.7.1")];
    let hiroshima = gateway(HIROSHIMA, theirs).await;
    let (mut okayama, _kept) = okayama(&[(&hiroshima, HIROSHIMA)]).await;
    let shown = list(&okayama.portal(PHYSICIAN)).await;
    let (ids, documents) = (objects(&shown), listed(&shown));
    for is_restarted in [false, true] {
        if is_restarted {
            okayama = okayama.restarted().await;
        }
        let portal = okayama.portal(PHYSICIAN);
        let uniques = documents.iter().map(|document| document.unique.clone()).collect();
        for by in [QueryKey::Objects(ids.clone()), QueryKey::UniqueIds(uniques)] {
            let reply = portal.ask_raw::<RegistryStoredQuery>(&by_id(by)).await;
            let text = reply.text();
            assert_eq!(codes_of(&reply), ("Success".to_owned(), Vec::new()), "{text}");
            let sorted = |reply: &Reply| {
                let mut ids = objects(reply);
                ids.sort();
                ids
            };
            assert_eq!(sorted(&reply), sorted(&shown));
            let same = text.matches("value=\"N-1^^^&amp;2.999.33.1&amp;ISO\"").count();
            assert_eq!(same, ids.len(), "under the id of the list, after a restart too: {text}");
        }
        let retrieve = DocumentRetrieve { documents: Vec::new(), homeless: documents.clone() };
        let reply = portal.ask_raw::<RetrieveDocumentSet>(&retrieve).await;
        let text = reply.text();
        assert_eq!(codes_of(&reply), ("Success".to_owned(), Vec::new()), "{text}");
        assert_eq!(text.matches("<xdsb:DocumentResponse>").count(), documents.len());
        assert!(!text.contains("HomeCommunityId"), "it named no home and is told none");
        assert!(text.contains("theirs"), "theirs is there to its last byte");
        let head = reply.headers["content-type"].to_str().unwrap();
        assert!(head.starts_with("multipart/related"), "{head}");
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_two_networks_claim_is_refused_and_goes_nowhere_until_its_home_is_named() {
    let one = entry(HIROSHIMA, number(HIROSHIMA), "2.999.34.7.1");
    let mut two = entry(TOTTORI, number(TOTTORI), "2.999.31.7.1");
    two.object = one.object.clone();
    two.id.repository = one.id.repository.clone();
    let (ours, theirs) = (one.clone(), two.clone());
    let (hiroshima, tottori) = (gateway(HIROSHIMA, vec![one]).await, gateway(TOTTORI, vec![two]).await);
    let (okayama, _kept) = okayama(&[(&hiroshima, HIROSHIMA), (&tottori, TOTTORI)]).await;
    let portal = okayama.portal(PHYSICIAN);
    let shown = list(&portal).await;
    assert_eq!(shown.text().matches("home=\"urn:oid:2.999.3").count(), objects(&shown).len());
    let before = (hiroshima.seen().len(), tottori.seen().len());
    let missing = |status: &str| (status.to_owned(), vec!["XDSMissingHomeCommunityId".to_owned()]);

    let by = QueryKey::Objects(vec![ours.object.clone()]);
    let reply = portal.ask_raw::<RegistryStoredQuery>(&by_id(by.clone())).await;
    assert_eq!(codes_of(&reply), missing("Failure"), "{}", reply.text());
    let retrieve = without_home(&[&ours.id]);
    let reply = portal.ask_raw::<RetrieveDocumentSet>(&retrieve).await;
    assert_eq!(codes_of(&reply), missing("Failure"), "{}", reply.text());
    assert!(!reply.text().contains("2.999.34\"") && !reply.text().contains("2.999.31"), "nobody is named");
    let local = listed(&shown).into_iter().find(|document| document.repository != ours.id.repository);
    let mixed =
        DocumentRetrieve { homeless: [retrieve.homeless, local.into_iter().collect()].concat(), ..retrieve };
    let reply = portal.ask_raw::<RetrieveDocumentSet>(&mixed).await;
    assert_eq!(codes_of(&reply), missing("PartialSuccess"), "{}", reply.text());
    assert_eq!((hiroshima.seen().len(), tottori.seen().len()), before, "neither was asked");

    let home = Some(CommunityId(oid(TOTTORI.community)));
    let reply = portal.ask_raw::<RegistryStoredQuery>(&DocumentQuery { home, ..by_id(by) }).await;
    assert_eq!(codes_of(&reply), ("Success".to_owned(), Vec::new()), "{}", reply.text());
    assert!(reply.text().contains("2.999.31.7.1") && !reply.text().contains("2.999.34.7.1"));
    let reply = portal.ask_raw::<RetrieveDocumentSet>(&DocumentRetrieve::of(vec![theirs.id.clone()])).await;
    assert_eq!(codes_of(&reply), ("Success".to_owned(), Vec::new()), "{}", reply.text());
    assert!(reply.text().contains("<xdsb:HomeCommunityId>urn:oid:2.999.31<"), "by the book");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_that_no_portal_was_shown_is_looked_for_at_home_alone() {
    let theirs = entry(HIROSHIMA, number(HIROSHIMA), "2.999.34.7.1");
    let hiroshima = gateway(HIROSHIMA, vec![theirs.clone()]).await;
    let (okayama, _kept) = okayama(&[(&hiroshima, HIROSHIMA)]).await;
    let portal = okayama.portal(PHYSICIAN);
    for by in
        [QueryKey::Objects(vec![theirs.object.clone()]), QueryKey::UniqueIds(vec![theirs.id.unique.clone()])]
    {
        let reply = portal.ask_raw::<RegistryStoredQuery>(&by_id(by)).await;
        assert_eq!(codes_of(&reply), ("Success".to_owned(), Vec::new()));
        assert!(objects(&reply).is_empty());
    }
    let reply = portal.ask_raw::<RetrieveDocumentSet>(&without_home(&[&theirs.id])).await;
    assert_eq!(codes_of(&reply), ("Failure".to_owned(), vec!["XDSUnknownRepositoryId".to_owned()]));
    assert!(hiroshima.seen().is_empty(), "no id of a stranger leaves the house");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_is_answered_without_an_assertion_nor_offered_to_other_networks() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1);
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await;
    let portal = okayama.portal(PHYSICIAN);
    let unknown = entry(OKAYAMA, asked(), "2.999.33.7.1");
    let (query, retrieve) = (documents_of(&asked()), without_home(&[&unknown.id]));
    for message in [
        portal.write_with::<RegistryStoredQuery>(&query, None).await,
        portal.write_with::<RetrieveDocumentSet>(&retrieve, None).await,
    ] {
        let reply = portal.send(&message).await;
        let fault = reply.fault();
        assert!(fault.subcodes.iter().any(|code| code.starts_with("wsse:")), "{fault:?}");
        assert!(!reply.text().contains("0000012345") && !reply.text().contains("ExtrinsicObject"));
    }
    let peer = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    assert_eq!(peer.ask_raw::<RegistryStoredQuery>(&query).await.status, 404);
    assert_eq!(peer.ask_raw::<RetrieveDocumentSet>(&retrieve).await.status, 404);
    // One transaction is not taken at another's path.
    let mut message = portal.write::<RegistryStoredQuery>(&query).await;
    message.path = "/xca/query";
    let fault = portal.send(&message).await.fault();
    assert!(fault.subcodes.iter().any(|code| code == "wsa:ActionNotSupported"), "{fault:?}");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_network_that_lists_an_entry_under_an_id_of_ours_does_not_draw_questions_about_ours_to_itself() {
    let listed = Arc::new(Mutex::new(vec![entry(HIROSHIMA, number(HIROSHIMA), "2.999.34.7.1")]));
    let told = Arc::clone(&listed);
    let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
        let entries = told.lock().unwrap().clone();
        async move { answering(&arrived, &entries) }
    })
    .await;
    let (okayama, _kept) = okayama(&[(&hiroshima, HIROSHIMA)]).await;
    let portal = okayama.portal(PHYSICIAN);
    // A portal that knows homes: nothing is kept of what it was shown.
    let ours =
        portal.entries(&asked()).await.into_iter().find(|entry| entry.id.community.0 == oid("2.999.33"));
    let ours = ours.unwrap();
    let imposter = entry(HIROSHIMA, number(HIROSHIMA), "2.999.34.7.2")
        .with(|entry| entry.object.clone_from(&ours.object));
    let of_their_own = entry(HIROSHIMA, asked(), "1").object.clone();
    let unique = imposter.clone().with(|entry| {
        entry.id.unique.clone_from(&ours.id.unique);
        entry.object = of_their_own;
    });
    *listed.lock().unwrap() = vec![imposter, unique];
    let theirs = portal.ask_raw::<RegistryStoredQuery>(&documents_of(&number(HIROSHIMA))).await;
    assert_eq!(objects(&theirs).len(), 2, "{}", theirs.text());
    let before = hiroshima.seen().len();
    for by in
        [QueryKey::Objects(vec![ours.object.clone()]), QueryKey::UniqueIds(vec![ours.id.unique.clone()])]
    {
        let reply = portal.ask_raw::<RegistryStoredQuery>(&by_id(by)).await;
        let refused = ("Failure".to_owned(), vec!["XDSMissingHomeCommunityId".to_owned()]);
        assert_eq!(codes_of(&reply), refused, "{}", reply.text());
        assert!(objects(&reply).is_empty());
    }
    assert_eq!(hiroshima.seen().len(), before, "they are not asked");
    okayama.stop().await;
}
