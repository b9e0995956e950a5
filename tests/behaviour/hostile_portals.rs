//! What a portal, or whoever has its key or the PIX manager's, may send to the doors that stand open at
//! home alone: refused by each door, nothing told of anybody, and nothing believed.

use kakehashi::dialect::ebxml::{CrossGatewayQuery, RegistryStoredQuery, RetrieveDocumentSet};
use kakehashi::dialect::hl7v3::{
    DuplicatesResolved, PdqCancellation, PdqContinuation, PdqQuery, PixQuery, PixUpdateNotification,
    RecordAdded,
};
use kakehashi::model::{
    Criteria, Demographics, DemographicsQuery, DocumentQuery, DocumentRetrieve, Homeless, PatientDiscovery,
    PatientId, PatientIdLookup, PatientRecord, Phi, QueryCancellation, QueryContinuation, QueryId, QueryKey,
    RecordChange, RepositoryId, ReturnType, Timestamp,
};
use kakehashi::store::Store;
use tempfile::TempDir;

use crate::home_links::hiroshima;
use crate::simulators::client::{Client, Message, PHYSICIAN, Reply, documents_of, entries, oid, patient};
use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::{HANAKO, Hospital, TARO};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent, settings};
use crate::simulators::pix::{Known, Manager, calling, revised, with_manager};

const UNIVERSITY: &str = "2.999.33.20.1";

fn n(value: &str) -> PatientId {
    patient("2.999.33.1", value)
}

fn hers() -> PatientId {
    patient(UNIVERSITY, "0000012345")
}

fn his() -> PatientId {
    patient(UNIVERSITY, "0000067890")
}

/// Everything that runs, and the folders it runs on.
struct World {
    okayama: Network,
    _around: (Gateway, Manager, Hospital, TempDir),
}

/// HANAKO, who has consented and is H-1 in Hiroshima, and TARO, who has not, each with documents at the
/// university, as the PIX manager knows.
async fn world(manager_more: &str) -> World {
    let hiroshima = hiroshima("H-1").await;
    let known = Known::default();
    known.are_persons(&[&[n("N-1"), hers()], &[n("N-9"), his()]]);
    let manager = Manager::start(&known).await;
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    hospital.files("0000067890", &TARO, &["ADT-00", "OMP-01"]);
    let policies = tempfile::tempdir().unwrap();
    let plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .peer_with(HIROSHIMA, hiroshima.port, "correlation_days = 7")
        .limits("person_per_minute = 100_000\nperson_burst = 10_000\npeer_per_second = 10_000\npeer_burst = 10_000")
        .permitting_everything(policies.path());
    let okayama = with_manager(plan, manager.port, manager_more).start().await;
    World { okayama, _around: (hiroshima, manager, hospital, policies) }
}

async fn remembered(okayama: &Network) -> usize {
    let store = Store::open(&settings(okayama.path()).broker.store_url).await.unwrap();
    store.correlations(&n("N-1").value, Timestamp::now()).await.unwrap().len()
}

fn query_id() -> QueryId {
    QueryId { root: "2.999.33.0.7".to_owned(), extension: Some("kept".to_owned()) }
}

fn persons() -> DemographicsQuery {
    let person = PatientDiscovery { demographics: Phi::new(HANAKO.demographics()), ids: Vec::new() };
    DemographicsQuery { person, authorities: Vec::new(), query: query_id(), page: Some(1) }
}

fn lookup() -> PatientIdLookup {
    PatientIdLookup { known: n("N-1"), demographics: None, authorities: Vec::new() }
}

fn homeless(repository: &str, unique: &str) -> Homeless {
    Homeless { repository: RepositoryId(oid(repository)), unique: Phi::new(unique.to_owned()) }
}

fn of_documents(homeless: Vec<Homeless>) -> DocumentRetrieve {
    DocumentRetrieve { documents: Vec::new(), homeless }
}

const DOORS: [&str; 7] =
    ["/pix", "/pdq", "/pdq next", "/pdq end", "/xds/query", "/xds/retrieve", "/pix/notify"];

/// A sound message for a door, fresh each time.
async fn sound(door: &str, portal: &Client, manager: &Client) -> Message {
    match door {
        "/pix" => portal.write::<PixQuery>(&lookup()).await,
        "/pdq" => portal.write::<PdqQuery>(&persons()).await,
        "/pdq next" => {
            let next = QueryContinuation { query: query_id(), from: Some(1), page: Some(1) };
            portal.write::<PdqContinuation>(&next).await
        }
        "/pdq end" => portal.write::<PdqCancellation>(&QueryCancellation { query: query_id() }).await,
        "/xds/query" => portal.write::<RegistryStoredQuery>(&documents_of(&n("N-1"))).await,
        "/xds/retrieve" => {
            portal
                .write::<RetrieveDocumentSet>(&of_documents(vec![homeless("2.999.33.20.9", "2.999.33.1.1")]))
                .await
        }
        _ => manager.write_with::<PixUpdateNotification>(&revised(&[n("N-1")]), None).await,
    }
}

/// Bends a sound message.
type Bend = fn(Message) -> Message;

fn bent(message: Message, from: &str, to: &str) -> Message {
    assert!(message.body.contains(from), "{from} in {}", message.body);
    Message { body: message.body.replacen(from, to, 1), ..message }
}

const BENDS: [(&str, Bend); 17] = [
    ("a document type", |m| bent(m, "<s:Envelope", "<!DOCTYPE s [<!ENTITY e \"x\">]><s:Envelope")),
    ("an entity of a file", |m| {
        let dtd = "<!DOCTYPE s [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><s:Envelope";
        bent(bent(m, "</s:Body>", "&e;</s:Body>"), "<s:Envelope", dtd)
    }),
    ("entities within entities", |m| {
        let dtd = "<!DOCTYPE s [<!ENTITY a \"x\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">]><s:Envelope";
        bent(bent(m, "</s:Body>", "&b;</s:Body>"), "<s:Envelope", dtd)
    }),
    ("elements within each other", |m| {
        let within = format!("{}{}</s:Body>", "<x>".repeat(100), "</x>".repeat(100));
        bent(m, "</s:Body>", &within)
    }),
    ("more attributes than an element has", |m| {
        let attributes: String = (0..65).map(|n| format!(" a{n}=\"\"")).collect();
        bent(m, "<s:Body", &format!("<s:Body{attributes}"))
    }),
    ("a control character", |m| bent(m, "</s:Body>", "\u{1}</s:Body>")),
    ("a control character by reference", |m| bent(m, "</s:Body>", "&#1;</s:Body>")),
    ("two bodies", |m| bent(m, "</s:Body>", "</s:Body><s:Body/>")),
    ("a body that does not end", |m| bent(m, "</s:Body>", "")),
    ("something in the body beside the message", |m| bent(m, "</s:Body>", "<x/></s:Body>")),
    ("two envelopes", |m| bent(m, "</s:Envelope>", "</s:Envelope><s:Envelope/>")),
    ("the envelope of SOAP 1.1", |m| {
        bent(m, "http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/")
    }),
    ("more bytes than a request has", |m| bent(m, "</s:Body>", &format!("{}</s:Body>", " ".repeat(2 << 20)))),
    ("a header that must be understood", |m| {
        bent(m, "<s:Header>", "<s:Header><x xmlns=\"urn:x\" s:mustUnderstand=\"1\"/>")
    }),
    ("an answer wanted elsewhere", |m| {
        let anonymous = "http://www.w3.org/2005/08/addressing/anonymous";
        bent(m, anonymous, "https://elsewhere.example/")
    }),
    ("the action of no transaction", |m| bent(m, "</wsa:Action>", "x</wsa:Action>")),
    ("a package of ten thousand parts", |m| {
        let part = "--b\r\nContent-ID: <x>\r\n\r\nx\r\n".repeat(10_000);
        let content_type = "multipart/related; boundary=b; type=\"application/xop+xml\"".to_owned();
        Message { body: format!("{part}--b--\r\n"), content_type, ..m }
    }),
];

fn is_refused(reply: &Reply) -> bool {
    let text = reply.text();
    reply.status != 200
        || text.contains("<typeCode code=\"AE\"/>")
        || text.contains("ResponseStatusType:Failure")
}

/// Nothing of what is known under the ids that were asked by.
fn tells_nothing(text: &str) -> bool {
    let told =
        ["0000012345", "0000067890", HANAKO.family, TARO.family, "ダーゼン錠", "N-9", "\"H-1\"", "H-1^"];
    // A query for persons is repeated in its answer.
    let is_echoed = text.contains("<queryByParameter");
    told.iter().filter(|told| !(is_echoed && **told == HANAKO.family)).all(|told| !text.contains(told))
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_no_message_is_refused_at_each_door_of_home_and_tells_of_nobody() {
    let World { okayama, _around } = world("").await;
    let (portal, manager) = (okayama.portal(PHYSICIAN), calling(&okayama));
    let shown = portal.ask_raw::<RegistryStoredQuery>(&documents_of(&n("N-1"))).await;
    assert!(shown.text().contains("2.999.34.20.9<"), "{}", shown.text());
    assert_eq!(remembered(&okayama).await, 1);
    let mut wrong = Vec::new();
    for door in DOORS {
        for (name, bend) in BENDS {
            let from = if door == "/pix/notify" { &manager } else { &portal };
            let reply = from.send(&bend(sound(door, &portal, &manager).await)).await;
            if !is_refused(&reply) || !tells_nothing(&reply.text()) {
                wrong.push(format!("{door}, {name}: {} {}", reply.status, reply.text()));
            }
        }
    }
    // Each door's message at each other one.
    for at in ["/pix", "/pdq", "/xds/query", "/xds/retrieve", "/pix/notify"] {
        for door in DOORS
            .iter()
            .filter(|door| !door.starts_with(at) || door.contains("notify") != at.contains("notify"))
        {
            for from in [&portal, &manager] {
                let reply = from.send(&Message { path: at, ..sound(door, &portal, &manager).await }).await;
                if !is_refused(&reply) || !tells_nothing(&reply.text()) {
                    wrong.push(format!("{door} at {at}: {} {}", reply.status, reply.text()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(remembered(&okayama).await, 1, "none had an effect");
    println!("{} messages that are none, 0 taken", DOORS.len() * BENDS.len());
    let records = okayama.stop().await;
    assert_eq!(records.of("release").await.len(), 1, "nothing was released to any of them");
    assert!(records.of("patient-record").await.iter().all(|event| event.transaction == "ITI-44"));
}

async fn told<T: crate::simulators::client::Asked<Request = PatientRecord>>(
    manager: &Client,
    record: &PatientRecord,
) -> Reply {
    manager.send(&manager.write_with::<T>(record, None).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_takes_away_and_gives_nobody_anything() {
    let World { okayama, _around } = world("").await;
    let (portal, manager, peer) =
        (okayama.portal(PHYSICIAN), calling(&okayama), okayama.asked_by(HIROSHIMA, PHYSICIAN));
    let list = async || portal.ask_raw::<RegistryStoredQuery>(&documents_of(&n("N-1"))).await.text();
    let before = list().await;
    let count = |text: &str| text.matches("<rim:ExtrinsicObject").count();
    assert_eq!(remembered(&okayama).await, 1);
    // About ids that nobody at home has.
    let stranger = [patient("2.999.77.1", "X"), patient("2.999.34.1", "H-77")];
    for reply in [
        told::<PixUpdateNotification>(&manager, &revised(&stranger)).await,
        told::<RecordAdded>(
            &manager,
            &PatientRecord { change: RecordChange::Added, ..revised(&stranger[..1]) },
        )
        .await,
    ] {
        assert!(!is_refused(&reply), "{}", reply.text());
    }
    assert_eq!(remembered(&okayama).await, 1, "nobody's links");
    // Of more ids than anybody has nothing is heeded.
    let many: Vec<PatientId> = (0..201).map(|number| n(&format!("N-{number}"))).collect();
    let reply = told::<PixUpdateNotification>(&manager, &revised(&many)).await;
    assert!(is_refused(&reply) && reply.text().contains("SYN113"), "{}", reply.text());
    let merge = PatientRecord { change: RecordChange::Merged, subsumed: many, ..revised(&[n("N-1")]) };
    assert!(is_refused(&told::<DuplicatesResolved>(&manager, &merge).await));
    assert_eq!(remembered(&okayama).await, 1);

    // TARO is said to be HANAKO: as one person, as another number of hers, as one who became her.
    let linked = [n("N-1"), hers(), n("N-9"), his()];
    let merged =
        PatientRecord { change: RecordChange::Merged, subsumed: vec![n("N-9")], ..revised(&linked[..2]) };
    let others = PatientRecord { others: linked[2..].to_vec(), ..revised(&linked[..2]) };
    let theirs = PatientRecord { others: vec![patient("2.999.34.1", "H-66")], ..revised(&linked[..2]) };
    for reply in [
        told::<PixUpdateNotification>(&manager, &revised(&linked)).await,
        told::<PixUpdateNotification>(&manager, &others).await,
        told::<DuplicatesResolved>(&manager, &merged).await,
        told::<RecordAdded>(&manager, &PatientRecord { change: RecordChange::Added, ..revised(&linked) })
            .await,
        told::<PixUpdateNotification>(&manager, &theirs).await,
    ] {
        assert!(!is_refused(&reply) && tells_nothing(&reply.text()), "{}", reply.text());
        let after = list().await;
        assert_eq!(count(&after), count(&before), "his documents are not among hers: {after}");
        let ids = portal.ask_raw::<PixQuery>(&lookup()).await.text();
        assert!(!ids.contains("0000067890") && !ids.contains("H-66"), "{ids}");
        let listed = entries(peer.ask::<CrossGatewayQuery>(&documents_of(&n("N-1"))).await.unwrap());
        assert!(!listed.is_empty() && listed.len() < count(&before), "{}", listed.len());
        assert!(peer.find(TARO.demographics()).await.is_empty(), "he has consented to nothing");
    }
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_notifications_costs_the_manager_its_own_rate_and_nobody_else() {
    let World { okayama, _around } = world("rates = { peer_per_second = 1, peer_burst = 5 }").await;
    let (portal, manager) = (okayama.portal(PHYSICIAN), calling(&okayama));
    let (mut taken, mut turned_away) = (0, 0);
    for _ in 0..60 {
        let reply = told::<PixUpdateNotification>(&manager, &revised(&[n("N-9"), his()])).await;
        match reply.status {
            200 => taken += 1,
            503 => {
                assert!(reply.headers.contains_key("retry-after") && reply.text().is_empty());
                turned_away += 1;
            }
            other => panic!("{other}: {}", reply.text()),
        }
    }
    assert!(taken >= 5 && turned_away >= 30, "{taken} and {turned_away}");
    let shown = portal.ask_raw::<RegistryStoredQuery>(&documents_of(&n("N-1"))).await.text();
    assert!(shown.contains("2.999.34.20.9<") && shown.contains("2.999.33.20.9<"), "{shown}");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_message_may_ask_for_is_refused_and_guessed_queries_and_ids_bring_nothing() {
    let World { okayama, _around } = world("").await;
    let portal = okayama.portal(PHYSICIAN);
    let message = portal.write::<PdqQuery>(&persons()).await;
    assert!(portal.send(&message).await.text().contains("\"0000012345\""), "the truth");
    let many = |count: usize| (0..count).map(|number| n(&format!("Q-{number}"))).collect::<Vec<_>>();
    let domains =
        (0..101).map(|number| kakehashi::model::Authority(oid(&format!("2.999.{number}.5")))).collect();
    let by_id = |ids| DemographicsQuery {
        person: PatientDiscovery { demographics: Phi::new(Demographics::default()), ids },
        ..persons()
    };
    let objects = |count: usize| {
        let by = QueryKey::UniqueIds((0..count).map(|number| Phi::new(format!("2.999.{number}"))).collect());
        DocumentQuery { by, home: None, criteria: Criteria::default(), returns: ReturnType::LeafClass }
    };
    let refused = [
        portal.ask_raw::<PixQuery>(&PatientIdLookup { authorities: domains, ..lookup() }).await,
        portal.ask_raw::<PdqQuery>(&by_id(many(101))).await,
        portal
            .ask_raw::<RetrieveDocumentSet>(&of_documents(
                (0..1_001).map(|number| homeless("2.999.33.20.9", &format!("2.999.{number}"))).collect(),
            ))
            .await,
    ];
    for reply in &refused {
        assert!(is_refused(reply) && tells_nothing(&reply.text()), "{}", reply.text());
    }
    // Queries that were never made, and pages beyond any end.
    for (root, extension) in [("2.999.33.0.7", "kep"), ("2.999.33.0.8", "kept"), ("2.999.33.0.7", "%")] {
        let query = QueryId { root: root.to_owned(), extension: Some(extension.to_owned()) };
        let reply =
            portal.ask_raw::<PdqContinuation>(&QueryContinuation { query, from: None, page: None }).await;
        assert!(is_refused(&reply) && tells_nothing(&reply.text()), "{}", reply.text());
    }
    let beyond = QueryContinuation { query: query_id(), from: Some(usize::MAX), page: Some(usize::MAX) };
    let reply = portal.ask_raw::<PdqContinuation>(&beyond).await.text();
    assert!(!reply.contains("<subject "), "{reply}");
    for quantity in ["0", "-1", "1e9", "18446744073709551616", "", "&#x31;;"] {
        let next = QueryContinuation { query: query_id(), from: Some(7_777), page: None };
        let message =
            bent(portal.write::<PdqContinuation>(&next).await, "\"7777\"", &format!("\"{quantity}\""));
        let reply = portal.send(&message).await;
        assert!(is_refused(&reply) && tells_nothing(&reply.text()), "{quantity}: {}", reply.text());
    }
    // Documents of a name that is none, or somebody else's.
    for unique in ["../../../../etc/passwd", "", "'; drop table claims; --", "%", "*", "2.999.33.20.9"] {
        for repository in ["2.999.33.20.9", "2.999.34.20.9", "2.999.66.9"] {
            let reply = portal
                .ask_raw::<RetrieveDocumentSet>(&of_documents(vec![homeless(repository, unique)]))
                .await;
            assert!(is_refused(&reply) && tells_nothing(&reply.text()), "{unique}: {}", reply.text());
        }
        let by = QueryKey::UniqueIds(vec![Phi::new(unique.to_owned())]);
        let reply = portal.ask_raw::<RegistryStoredQuery>(&DocumentQuery { by, ..objects(0) }).await;
        assert!(!reply.text().contains("<rim:ExtrinsicObject "), "{unique}: {}", reply.text());
    }
    let reply = portal.ask_raw::<RegistryStoredQuery>(&objects(5_000)).await;
    assert!(!reply.text().contains("<rim:ExtrinsicObject "), "{}", reply.text());
    okayama.stop().await;
}
