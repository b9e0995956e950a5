//! Which ids at home are one person's, the network's own PIX manager says, at the moment of each request: an
//! unlink or a merge counts in the next answer, and without the manager nothing is told on consents alone.

use std::sync::Arc;

use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery};
use kakehashi::dialect::hl7v3::{
    CrossGatewayPatientDiscovery, DuplicatesResolved, PixQuery, PixUpdateNotification, RecordAdded,
};
use kakehashi::model::{
    Answer, Availability, CommunityId, Criteria, Demographics, DocumentEntry, DocumentQuery, FoundPatient,
    PackageKind, PatientDiscovery, PatientId, PatientIdLookup, PatientMatch, PatientRecord, QueryKey,
    RecordChange, RegistryObject, Timestamp, Wanted,
};
use kakehashi::store::Store;
use tempfile::TempDir;
use tokio::sync::Semaphore;

use crate::simulators::client::{
    Client, PHYSICIAN, Reply, discovery, documents_of, entries, oid, patient, retrieve_of,
};
use crate::simulators::gateway::{Gateway, entry};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent, settings};
use crate::simulators::pix::{Known, Manager, calling, revised, with_manager};
use crate::simulators::registry::{Holdings, id};

const NETWORK: &str = "2.999.33.1";
const UNIVERSITY: &str = "2.999.33.20.1";
const KURASHIKI: &str = "2.999.33.21.1";

fn n(value: &str) -> PatientId {
    patient(NETWORK, value)
}

fn at_university() -> PatientId {
    patient(UNIVERSITY, "0000012345")
}

fn at_kurashiki() -> PatientId {
    patient(KURASHIKI, "0000054321")
}

/// Hiroshima, which knows HANAKO by this number.
pub(crate) async fn hiroshima(number: &'static str) -> Gateway {
    Gateway::start(HIROSHIMA, move |arrived| async move {
        if arrived.path == "/xcpd" {
            let found = PatientMatch::Found(FoundPatient {
                community: CommunityId(oid("2.999.34")),
                id: patient("2.999.34.1", number),
                demographics: Some(HANAKO.bare().into()),
                confidence: 95,
                also: Vec::new(),
            });
            return arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![found])));
        }
        let QueryKey::Patient(asked) = arrived.request::<CrossGatewayQuery>().by else { panic!() };
        let one = entry(HIROSHIMA, asked, "2.999.34.7.1");
        arrived.answer::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])))
    })
    .await
}

/// HANAKO at two hospitals, under N-1 as her consents say.
async fn okayama(manager: u16, hiroshima: &Gateway, more: &str) -> (Network, (Vec<Hospital>, TempDir)) {
    let hospitals = vec![Hospital::okayama_university(), Hospital::kurashiki()];
    hospitals[0].files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    hospitals[1].files("0000054321", &HANAKO, &["ADT-00", "OMP-01"]);
    let policies = tempfile::tempdir().unwrap();
    let plan = Plan::new(OKAYAMA)
        .hospital(&hospitals[0])
        .hospital(&hospitals[1])
        .consent(consent("N-1", &hospitals[0], "0000012345", HIROSHIMA))
        .consent(consent("N-1", &hospitals[1], "0000054321", HIROSHIMA))
        .peer_with(HIROSHIMA, hiroshima.port, "correlation_days = 7")
        .permitting_everything(policies.path());
    let network = with_manager(plan, manager, more).start().await;
    (network, (hospitals, policies))
}

async fn list(portal: &Client, known: &PatientId) -> Reply {
    portal.ask_raw::<RegistryStoredQuery>(&documents_of(known)).await
}

/// How many entries of the university, of Kurashiki and of Hiroshima an answer holds.
fn counts(reply: &Reply) -> [usize; 3] {
    let text = reply.text();
    ["2.999.33.20.9<", "2.999.33.21.9<", "2.999.34.20.9<"].map(|repository| text.matches(repository).count())
}

async fn remembered(okayama: &Network, network_id: &PatientId) -> usize {
    let store = Store::open(&settings(okayama.path()).broker.store_url).await.unwrap();
    store.correlations(&network_id.value, Timestamp::now()).await.unwrap().len()
}

async fn notified(manager: &Client, record: &PatientRecord) -> Reply {
    match record.change {
        RecordChange::Merged => {
            manager.send(&manager.write_with::<DuplicatesResolved>(record, None).await).await
        }
        _ => manager.send(&manager.write_with::<PixUpdateNotification>(record, None).await).await,
    }
}

fn is_taken(reply: &Reply) -> bool {
    reply.status == 200 && reply.text().contains("<typeCode code=\"AA\"/>")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unlink_and_a_merge_count_in_the_next_answer_whatever_the_consents_say() {
    let (known, hiroshima) = (Known::default(), hiroshima("H-1").await);
    let everything = [n("N-1"), at_university(), at_kurashiki()];
    known.are_persons(&[&everything]);
    let manager = Manager::start(&known).await;
    let (okayama, _kept) = okayama(manager.port, &hiroshima, "").await;
    let (portal, peer) = (okayama.portal(PHYSICIAN), okayama.asked_by(HIROSHIMA, PHYSICIAN));
    let asked_about = || manager.gateway.seen().iter().filter(|arrived| arrived.path == "/pix").count();
    let before = asked_about();
    let both = list(&portal, &n("N-1")).await;
    assert_eq!(counts(&both), [4, 4, 1], "{}", both.text());
    assert_eq!(asked_about(), before + 1, "asked once for the whole request");
    assert_eq!(counts(&list(&portal, &at_kurashiki()).await), [4, 4, 1], "by a hospital's number, too");
    let theirs = entries(peer.ask::<CrossGatewayQuery>(&documents_of(&n("N-1"))).await.unwrap());
    let at = |entries: &[DocumentEntry], of: &str| {
        entries.iter().filter(|e| e.id.repository.0.as_str() == of).count()
    };
    let of_university = at(&theirs, "2.999.33.20.9");
    assert!(of_university > 0 && at(&theirs, "2.999.33.21.9") == of_university);
    let of_kurashiki =
        theirs.iter().find(|e| e.id.repository.0.as_str() == "2.999.33.21.9").unwrap().id.clone();
    assert_eq!(remembered(&okayama, &n("N-1")).await, 1);

    // Kurashiki's record turns out to be somebody else's.
    let left = [n("N-1"), at_university(), patient("2.999.34.1", "H-1")];
    known.are_persons(&[&left, &[at_kurashiki()]]);
    assert!(is_taken(&notified(&calling(&okayama), &revised(&left)).await));
    assert_eq!(remembered(&okayama, &n("N-1")).await, 0, "what rested on the link has ended with it");
    assert_eq!(counts(&list(&portal, &n("N-1")).await), [4, 0, 1]);
    let theirs = entries(peer.ask::<CrossGatewayQuery>(&documents_of(&n("N-1"))).await.unwrap());
    assert_eq!((at(&theirs, "2.999.33.20.9"), theirs.len()), (of_university, of_university));
    let reply = peer.ask_raw::<CrossGatewayRetrieve>(&retrieve_of([of_kurashiki])).await;
    assert_eq!(reply.error_codes(), ["XDSDocumentUniqueIdError"], "{}", reply.text());
    let found = peer.find(HANAKO.demographics()).await;
    assert!(matches!(found.as_slice(), [PatientMatch::Found(f)] if f.id == n("N-1")), "{found:?}");

    // N-1 is given up in favour of N-2, whom no consent names.
    let merged = [n("N-2"), at_university()];
    known.are_persons(&[&merged, &[at_kurashiki()]]);
    let merge = PatientRecord { change: RecordChange::Merged, subsumed: vec![n("N-1")], ..revised(&merged) };
    assert!(is_taken(&notified(&calling(&okayama), &merge).await));
    assert_eq!(remembered(&okayama, &n("N-1")).await, 0);
    assert_eq!(counts(&list(&portal, &n("N-1")).await), [0, 0, 0]);
    assert_eq!(counts(&list(&portal, &n("N-2")).await), [4, 0, 0]);
    for known in ["N-1", "N-2"] {
        let reply = peer.ask_raw::<CrossGatewayQuery>(&documents_of(&n(known))).await;
        assert_eq!((reply.registry_status(), counts(&reply)), ("Success".to_owned(), [0, 0, 0]));
    }
    assert!(peer.find(HANAKO.demographics()).await.is_empty());
    // Of a request that is refused the refusal stands on record, not whom the manager was asked about.
    let asked = manager.gateway.seen();
    let lookup = PatientIdLookup { known: n("N-1"), demographics: None, authorities: Vec::new() };
    let reply = portal.ask_raw::<PixQuery>(&lookup).await.text();
    assert!(reply.contains("<typeCode code=\"AE\"/>") && reply.contains("code=\"204\""), "{reply}");
    let records = okayama.stop().await;
    let told = records.of("patient-record").await;
    assert!(told.iter().filter(|event| event.transaction == "ITI-46").count() == 1, "{told:?}");
    for arrived in asked {
        assert!(records.hold(arrived.message().0.as_bytes()), "what the manager was asked is on record");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_does_not_answer_by_links_that_have_gone_meanwhile() {
    let known = Known::default();
    known.are_persons(&[&[n("N-1"), at_university(), at_kurashiki()]]);
    let (asked, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (told, wait) = (Arc::clone(&asked), Arc::clone(&go));
    let hiroshima = Gateway::start(HIROSHIMA, move |arrived| {
        let (told, wait) = (Arc::clone(&told), Arc::clone(&wait));
        async move {
            told.add_permits(1);
            wait.acquire().await.unwrap().forget();
            arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(Vec::new())))
        }
    })
    .await;
    let manager = Manager::start(&known).await;
    let (okayama, _kept) = okayama(manager.port, &hiroshima, "").await;
    let changes = [
        (revised(&[n("N-1"), at_university(), at_kurashiki(), patient("2.999.34.1", "H-1")]), 4),
        (revised(&[n("N-7"), patient(UNIVERSITY, "0000099999")]), 4),
        (revised(&[n("N-1"), at_university()]), 0),
        (revised(&[n("N-9"), at_kurashiki()]), 0),
    ];
    for (change, expected) in changes {
        let (portal, person) = (okayama.portal(PHYSICIAN), n("N-1"));
        let meanwhile = async {
            asked.acquire().await.unwrap().forget();
            assert!(is_taken(&notified(&calling(&okayama), &change).await));
            go.add_permits(1);
        };
        let (reply, ()) = tokio::join!(list(&portal, &person), meanwhile);
        assert_eq!(counts(&reply), [expected, expected, 0], "{change:?}: {}", reply.text());
        assert_eq!(reply.error_codes().is_empty(), expected > 0, "{}", reply.text());
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_manager_is_silent_the_outage_is_told_and_nothing_else() {
    let hiroshima = hiroshima("H-1").await;
    let manager = Manager::silent().await;
    let (okayama, _kept) = okayama(manager.port, &hiroshima, "timeout_ms = 300").await;
    let (portal, peer) = (okayama.portal(PHYSICIAN), okayama.asked_by(HIROSHIMA, PHYSICIAN));
    for known in [n("N-1"), at_university(), n("N-404")] {
        let reply = list(&portal, &known).await;
        assert_eq!((reply.registry_status(), counts(&reply)), ("Failure".to_owned(), [0, 0, 0]));
        let reply = peer.ask_raw::<CrossGatewayQuery>(&documents_of(&known)).await;
        assert_eq!(counts(&reply), [0, 0, 0], "{}", reply.text());
        if known.authority.0.as_str() == NETWORK {
            assert_eq!(reply.registry_status(), "Failure", "of nobody as of somebody: {}", reply.text());
        }
    }
    assert!(hiroshima.seen().is_empty(), "and nobody was asked about her");
    let found = peer.ask_raw::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await.text();
    assert!(!found.contains("N-1") && found.contains("unavailable: community urn:oid:2.999.33"), "{found}");
    for known in ["N-1", "N-404"] {
        let alone = PatientDiscovery { ids: vec![n(known)], ..discovery(Demographics::default()) };
        let reply = peer.ask_raw::<CrossGatewayPatientDiscovery>(&alone).await.text();
        assert!(reply.contains("<typeCode code=\"AE\"/>"), "of nobody as of somebody: {reply}");
        let lookup =
            PatientIdLookup { known: n(known), demographics: None, authorities: vec![n("").authority] };
        let reply = portal.ask_raw::<PixQuery>(&lookup).await.text();
        assert!(reply.contains("<typeCode code=\"AE\"/>") && !reply.contains("code=\"204\""), "{reply}");
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_managers_certificate_tells_of_ids_each_message_once_and_about_one_person() {
    let (known, hiroshima) = (Known::default(), hiroshima("H-1").await);
    let everything = [n("N-1"), at_university(), at_kurashiki()];
    known.are_persons(&[&everything]);
    let manager = Manager::start(&known).await;
    let (okayama, _kept) = okayama(manager.port, &hiroshima, "").await;
    let (portal, caller) = (okayama.portal(PHYSICIAN), calling(&okayama));
    list(&portal, &n("N-1")).await;
    assert_eq!(remembered(&okayama, &n("N-1")).await, 1);
    let unlink = revised(&[n("N-1"), at_university()]);

    // A portal, with or without somebody vouched for, and another network.
    let message = portal.write_with::<PixUpdateNotification>(&unlink, None).await;
    assert_eq!(portal.send(&message).await.status, 403);
    assert_eq!(portal.ask_raw::<PixUpdateNotification>(&unlink).await.status, 403);
    let peer = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    assert_eq!(notified(&peer, &unlink).await.status, 404);
    // The manager asks nothing.
    assert_eq!(list(&caller, &n("N-1")).await.status, 403);
    // Two persons in one message; another transaction's body.
    let added = PatientRecord { change: RecordChange::Added, ..unlink.clone() };
    let mut bent = caller.write_with::<RecordAdded>(&added, None).await;
    let (from, until) = (bent.body.find("<subject ").unwrap(), bent.body.find("</subject>").unwrap() + 10);
    let second = bent.body[from..until].to_owned();
    bent.body.insert_str(until, &second);
    let reply = caller.send(&bent).await;
    assert!(reply.status == 200 && reply.text().contains("<typeCode code=\"AE\"/>"), "{}", reply.text());
    assert!(reply.text().contains("SYN113") && !reply.text().contains("0000012345"), "{}", reply.text());
    let mut elsewhere = portal
        .write::<PixQuery>(&PatientIdLookup { known: n("N-1"), demographics: None, authorities: Vec::new() })
        .await;
    elsewhere.path = "/pix/notify";
    assert_eq!(caller.send(&elsewhere).await.fault().subcodes, ["wsa:ActionNotSupported"]);
    assert_eq!(remembered(&okayama, &n("N-1")).await, 1, "none of them had an effect");

    let message = caller.write_with::<PixUpdateNotification>(&unlink, None).await;
    assert!(is_taken(&caller.send(&message).await));
    assert_eq!(remembered(&okayama, &n("N-1")).await, 0);
    list(&portal, &n("N-1")).await;
    assert_eq!(remembered(&okayama, &n("N-1")).await, 1, "learned anew");
    let okayama = okayama.restarted().await;
    let again = calling(&okayama).send(&message).await.fault();
    assert_eq!(again.subcodes, ["wsa:InvalidAddressingHeader", "wsa:DuplicateMessageID"]);
    assert_eq!(remembered(&okayama, &n("N-1")).await, 1, "told again it has no effect");
    let records = okayama.stop().await;
    assert_eq!(records.of("authentication-failure").await.len(), 3);
    assert!(records.hold(message.sent.message.0.as_bytes()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_network_calls_a_person_is_told_to_the_manager_once_in_order_and_taken_back() {
    let (known, hiroshima) = (Known::default(), hiroshima("H-1").await);
    let everything = [n("N-1"), at_university(), at_kurashiki()];
    known.are_persons(&[&everything]);
    let manager = Manager::start(&known).await;
    let port = manager.port;
    let (okayama, _kept) = okayama(port, &hiroshima, "").await;
    list(&okayama.portal(PHYSICIAN), &n("N-1")).await;
    let until = async |count: usize| {
        crate::simulators::waiting::until("the manager is told", || known.told().len() >= count).await;
        known.told()
    };
    let told = until(1).await;
    let (_, record) = &told[0];
    assert_eq!(
        (record.change, record.ids.clone()),
        (RecordChange::Added, vec![patient("2.999.34.1", "H-1")])
    );
    assert_eq!(record.others, [n("N-1")]);
    assert_eq!(record.demographics.reveal().names[0].family, HANAKO.family);
    assert!(record.demographics.reveal().addresses.is_empty());
    // Its echo, with the new id among the others, ends nothing.
    let echo = [n("N-1"), at_university(), at_kurashiki(), patient("2.999.34.1", "H-1")];
    assert!(is_taken(&notified(&calling(&okayama), &revised(&echo)).await));
    assert_eq!(remembered(&okayama, &n("N-1")).await, 1);

    // Down, over a restart of ours, while a withdrawal takes it back.
    known.takes(false);
    okayama.withdraw("N-1").await;
    let refused = || manager.gateway.seen().iter().filter(|arrived| arrived.path == "/feed").count() >= 2;
    crate::simulators::waiting::until("it is told and refuses", refused).await;
    drop(manager);
    let okayama = okayama.restarted().await;
    crate::simulators::waiting::attained("what waits is counted", || async {
        let metrics = okayama.admin("/metrics").await.1;
        metrics.contains("pix_feed_waiting{target=\"okayama-pix\"} 1").then_some(())
    })
    .await;
    known.takes(true);
    let manager = Manager::start_at(&known, port).await;
    let told = until(2).await;
    let (_, record) = &told[1];
    assert_eq!(record.change, RecordChange::Revised);
    assert_eq!(record.ids, [patient("2.999.34.1", "H-1")]);
    assert!(record.others.is_empty() && record.demographics.reveal().is_empty(), "nobody's any more");
    assert_ne!(told[0].0, told[1].0);
    let records = okayama.stop().await;
    let fed = records.of("patient-record").await;
    assert!(fed.iter().filter(|event| event.transaction == "ITI-44").count() >= 3, "each attempt: {fed:?}");
    for arrived in manager.gateway.seen() {
        assert!(records.hold(arrived.message().0.as_bytes()), "before it left");
    }
    assert_eq!(known.told().len(), 2, "each once");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_vouched_for_home_answers_by_the_managers_links_too() {
    let (known, hiroshima) = (Known::default(), hiroshima("H-1").await);
    known.are_persons(&[&[n("N-1"), at_university()]]);
    let manager = Manager::start(&known).await;
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer_with(HIROSHIMA, hiroshima.port, "");
    let plan = Plan { ward: Some("assertion = \"optional\""), ..plan };
    let okayama = with_manager(plan, manager.port, "").start().await;
    let ward = okayama.at_system("ward", PHYSICIAN);
    let lookup = PatientIdLookup { known: n("N-1"), demographics: None, authorities: Vec::new() };
    let ask = async || ward.send(&ward.write_with::<PixQuery>(&lookup, None).await).await.text();
    let linked = ask().await;
    assert!(linked.contains("\"0000012345\"") && !linked.contains("H-1"), "{linked}");
    known.are_persons(&[&[n("N-1")], &[n("N-2"), at_university()]]);
    let unlinked = ask().await;
    assert!(unlinked.contains("<typeCode code=\"AA\"/>") && !unlinked.contains("0000012345"), "{unlinked}");
    assert!(hiroshima.seen().is_empty(), "no other network is asked for nobody");
    let asked = manager.gateway.seen();
    assert!(asked.len() >= 2 && asked.iter().all(|arrived| !arrived.envelope.contains("Assertion")));
    okayama.stop().await;
}

/// A source of Okayama's behind a registry, with a folder of one document of HANAKO's there.
async fn registry() -> Gateway {
    let holdings = Holdings::new(OKAYAMA, at_registry())
        .document(1, "処方・調剤・注射", Availability::Approved)
        .package(11, PackageKind::Folder, "糖尿病")
        .member(31, 11, 1);
    Gateway::start(OKAYAMA, move |arrived| {
        let found = holdings.found(&arrived.request::<RegistryStoredQuery>());
        async move { arrived.answer::<RegistryStoredQuery>(Ok(Answer::found(found))) }
    })
    .await
}

fn at_registry() -> PatientId {
    patient("2.999.33.24.1", "0000024001")
}

fn behind_registry(port: u16) -> String {
    let url = format!("https://127.0.0.1:{port}");
    format!(
        r#"
kind = "xds"
side = "home"
tls = {{ ca = "net-ca", client = "okayama-gateway" }}
[xds]
patient_demographics = "{url}/pdq"
registry = "{url}/registry"
repositories = [{{ id = "2.999.33.20.9", url = "{url}/repository" }}]
authority = "2.999.33.24.1"
facility = "3310000024"
renditions = ["format"]
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_a_record_that_is_another_persons_now_comes_back_under_that_ones_id() {
    let (known, registry) = (Known::default(), registry().await);
    known.are_persons(&[&[n("N-1"), at_registry()]]);
    let manager = Manager::start(&known).await;
    let policies = tempfile::tempdir().unwrap();
    let row = "N-1,3310000024,0000024001,2.999.34,*,*,TREATMENT,granted,2024-01-01,,HR-1,binder,clerk";
    let mut plan = Plan::new(OKAYAMA)
        .consent(row.to_owned())
        .peer_with(HIROSHIMA, 1, "offers = []")
        .permitting_everything(policies.path());
    plan.peers.push(("registry", behind_registry(registry.port)));
    let okayama = with_manager(plan, manager.port, "").start().await;
    let (portal, peer) = (okayama.portal(PHYSICIAN), okayama.asked_by(HIROSHIMA, PHYSICIAN));
    let folder = DocumentQuery {
        by: QueryKey::Objects(vec![id(11)]),
        home: Some(CommunityId(oid(OKAYAMA.community))),
        criteria: Criteria { wanted: Wanted::FolderAndContents, ..Criteria::default() },
        ..documents_of(&n("N-1"))
    };
    let under = |text: &str| ["N-1^", "N-2^"].map(|number| text.matches(number).count());
    let shown = list(&portal, &n("N-1")).await.text();
    assert_eq!(under(&shown), [1, 0], "{shown}");
    let linked = portal.ask_raw::<RegistryStoredQuery>(&folder).await.text();
    assert_eq!((linked.contains("2.999.33.8.11"), under(&linked)), (true, [2, 0]), "{linked}");
    known.are_persons(&[&[n("N-1")], &[n("N-2"), at_registry()]]);
    let moved = portal.ask_raw::<RegistryStoredQuery>(&folder).await.text();
    assert_eq!((moved.contains("2.999.33.8.11"), under(&moved)), (true, [0, 2]), "{moved}");
    // Another network is told neither, whoever's it is.
    let theirs = peer.ask_raw::<CrossGatewayQuery>(&folder).await.text();
    assert!(!theirs.contains(".8.11") && !theirs.contains(".7.1\""), "{theirs}");
    okayama.stop().await;
}
