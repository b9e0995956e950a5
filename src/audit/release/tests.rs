use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use futures_util::StreamExt;

use super::super::record::sha256;
use super::super::simulated_disk::{Crash, Fault, SimulatedDisk};
use super::super::tail::read_from;
use super::super::verify::verify_disk;
use super::*;
use crate::model::{CommunityId, Endpoint, FarEnd, FoundPatient, Leg, MessageId, QueryId};
use crate::model::{
    Document, DocumentId, DocumentRetrieve, Finding, Interrupted, Means, Oid, Organization, PassingHash,
    PatientIdLookup, Person, Purpose, RepositoryId, RequestId, Requester, Role, Side, Timestamp, Vouched,
    Voucher,
};
use crate::store::AuditPosition;

/// A judge whose consents change when told.
#[derive(Default)]
struct Consents {
    version: AtomicU64,
    /// Changes of the version still to come, one with each look at it.
    changes: AtomicU64,
    /// How many findings the next filtering leaves.
    leaves: Mutex<Option<usize>>,
    withdrawn: AtomicBool,
}

impl Judge for Consents {
    fn consent_version(&self) -> u64 {
        let more = self.changes.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        self.version.fetch_add(u64::from(more), SeqCst) + u64::from(more)
    }

    fn filter<T: Finding>(&self, _: &RequestContext, _: &Permit, mut answer: Answer<T>) -> Filtered<T> {
        let before = answer.found.len();
        if let Some(leaves) = *self.leaves.lock().unwrap() {
            answer.found.truncate(leaves);
        }
        let withheld = before - answer.found.len();
        Filtered::assumed(answer, withheld, Decision::default())
    }

    fn still_allows(&self, _: &RequestContext, _: &Permit, _: &DocumentId) -> bool {
        !self.withdrawn.load(SeqCst)
    }
}

struct World {
    disk: SimulatedDisk,
    log: AuditLog,
    context: RequestContext,
    judge: Arc<Consents>,
}

fn world() -> World {
    let disk = SimulatedDisk::new();
    let (log, _) = AuditLog::start_on(Box::new(disk.clone()), AuditOptions::default()).unwrap();
    World { disk, log, context: context(), judge: Arc::default() }
}

fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

fn context() -> RequestContext {
    let address: SocketAddr = "192.0.2.7:4444".parse().unwrap();
    RequestContext {
        beyond_budget: false,
        id: RequestId(7),
        side: Side::Peer,
        transaction: "ITI-39",
        service: "/xca/query",
        requester: Requester {
            system: TargetName("hiroshima".into()),
            community: CommunityId(oid("2.999.34")),
            vouched: Some(Vouched {
                organization: Organization { id: "2.999.34.1".to_owned(), name: "病院".to_owned() },
                person: Person { id: "d1".to_owned(), name: "Dr. Test".to_owned(), alias: None },
                roles: vec![Role("physician".to_owned())],
                role_codes: Vec::new(),
                purpose: Purpose::Treatment,
                by: Voucher {
                    means: Means::Assertion,
                    issuer: "i".to_owned(),
                    id: Some("_a".to_owned()),
                    authenticated: None,
                },
            }),
        },
        received: Timestamp::from_micros(5),
        deadline: tokio::time::Instant::now(),
        message: MessageId("urn:uuid:m".to_owned()),
        attempt: 1,
        endpoint: Endpoint {
            subject: "CN=h".to_owned(),
            spki_sha256: "00".to_owned(),
            address,
            local: address,
        },
    }
}

fn permit(operation: Operation) -> Permit {
    let targets = vec![TargetName("tottori".into()), TargetName("own".into())];
    Permit::assumed(RequestId(7), operation, targets, Vec::new(), Decision::default())
}

fn leg(target: &str, is_peer: bool) -> LegRecord {
    LegRecord {
        target: TargetName(target.into()),
        community: CommunityId(oid("2.999.31")),
        transaction: "ITI-55",
        leg: Leg {
            message: MessageId("urn:uuid:leg".to_owned()),
            query: QueryId { root: "2.999.33.9".to_owned(), extension: Some("q1".to_owned()) },
            at: Timestamp::from_micros(6),
            far_end: FarEnd::default(),
        },
        query_element: Some(Phi::new("<queryByParameter/>".into())),
        url: is_peer.then(|| "https://tottori.example/xcpd".to_owned()),
        is_peer,
    }
}

fn patients(count: usize) -> Answer<FoundPatient> {
    let one = |n| FoundPatient {
        community: CommunityId(oid("2.999.33")),
        id: PatientId::new(crate::model::Authority(oid("2.999.33")), format!("P{n}")),
        demographics: None,
        confidence: 100,
        also: Vec::new(),
    };
    Answer::found((0..count).map(one).collect())
}

fn document(unique: &str, chunks: Vec<Result<Bytes, Interrupted>>) -> Document {
    Document {
        id: DocumentId {
            community: CommunityId(oid("2.999.33")),
            repository: RepositoryId(oid("2.999.33.1")),
            unique: Phi::new(unique.to_owned()),
        },
        media_type: "text/html".to_owned(),
        size: Some(100),
        body: Box::pin(futures_util::stream::iter(chunks)),
        passing: None,
    }
}

impl World {
    async fn open(&self, operation: Operation) -> Opened {
        self.log.open(&self.context, &permit(operation), vec![leg("tottori", true)]).await.unwrap()
    }

    async fn lookup(
        &self,
        opened: Opened,
        answer: Answer<FoundPatient>,
    ) -> Result<Released<PatientIdLookup>, Refusal> {
        let base = Event::about(&self.context, Kind::Release, Ending::Complete);
        let filtered = Filtered::assumed(answer, 0, Decision::default());
        let permit = permit(Operation::PatientIdLookup);
        self.log.release_judged(&self.context, &permit, opened, base, filtered, &self.judge).await
    }

    async fn retrieve(&self, documents: Vec<Document>) -> Result<Vec<Document>, Refusal> {
        let base = Event::about(&self.context, Kind::Release, Ending::Complete);
        let filtered = Filtered::assumed(Answer::found(documents), 0, Decision::default());
        let permit = permit(Operation::DocumentRetrieve);
        let opened = self.log.open(&self.context, &permit, vec![leg("own", false)]).await?;
        let judged = self
            .log
            .release_judged::<DocumentRetrieve, _>(
                &self.context,
                &permit,
                opened,
                base,
                filtered,
                &self.judge,
            )
            .await?;
        Ok(judged.into_answer().found)
    }

    fn events(&self) -> Vec<Event> {
        let (events, _) = read_from(&self.disk, &AuditPosition::default(), u64::MAX, usize::MAX).unwrap();
        events.into_iter().map(|placed| placed.event).collect()
    }

    /// Stops the log, checks it and gives its last event but the stop record.
    async fn last(&self) -> Event {
        self.log.stop().await;
        let verified = verify_disk(&self.disk, None).unwrap();
        assert!(verified.is_sound() && verified.unclosed.is_empty(), "{verified:?}");
        let mut events = self.events();
        events.pop();
        events.pop().unwrap()
    }
}

#[tokio::test]
async fn an_open_toward_a_peer_is_durable_before_the_token_and_one_at_home_writes_nothing() {
    let world = world();
    let before = world.disk.operations();
    let permit = permit(Operation::PatientIdLookup);
    let home = world.log.open(&world.context, &permit, vec![leg("own", false)]).await.unwrap();
    assert_eq!(world.disk.operations(), before);
    assert!(home.permits(&TargetName("own".into())) && !home.permits(&TargetName("tottori".into())));
    let _opened = world.open(Operation::PatientIdLookup).await;
    let left = world.disk.crashed(Crash(0));
    let (events, _) = read_from(&left, &AuditPosition::default(), u64::MAX, usize::MAX).unwrap();
    let event = &events[1].event;
    assert_eq!(event.kind, Kind::Open);
    assert_eq!(event.legs[0].query_extension.as_deref(), Some("q1"));
    assert!(event.legs[0].element.as_ref().unwrap().bytes.is_some());
}

#[tokio::test]
async fn a_leg_without_permit_and_a_permit_of_another_request_open_nothing() {
    let world = world();
    let lookup = permit(Operation::PatientIdLookup);
    let stranger = world.log.open(&world.context, &lookup, vec![leg("stranger", true)]).await;
    assert!(matches!(stranger, Err(Refusal::Internal(_))));
    let other = RequestContext { id: RequestId(8), ..world.context.clone() };
    assert!(matches!(world.log.open(&other, &lookup, Vec::new()).await, Err(Refusal::Internal(_))));
}

#[tokio::test]
async fn a_release_closes_its_open_and_a_dropped_token_closes_itself() {
    let world = world();
    let opened = world.open(Operation::PatientIdLookup).await;
    let released = world.lookup(opened, patients(2)).await.unwrap();
    assert_eq!(released.into_answer().found.len(), 2);
    drop(world.open(Operation::PatientIdLookup).await);
    let last = world.last().await;
    assert_eq!((last.kind, last.ending, last.closes), (Kind::Close, Ending::NothingReleased, Some(3)));
    let release = &world.events()[2];
    assert_eq!((release.kind, release.closes, release.shown), (Kind::Release, Some(1), 2));
    assert_eq!(release.patients.len(), 2);
}

fn further(message: &str, target: &str, is_peer: bool) -> LegRecord {
    let one = leg(target, is_peer);
    LegRecord {
        transaction: "ITI-38",
        leg: Leg { message: MessageId(message.to_owned()), ..one.leg },
        query_element: Some(Phi::new("<AdhocQuery>H-1</AdhocQuery>".into())),
        ..one
    }
}

fn messages(event: &Event) -> Vec<&str> {
    event.legs.iter().map(|leg| leg.message.as_str()).collect()
}

#[tokio::test]
async fn a_message_known_only_later_is_durable_before_its_token_and_closed_with_the_opening_record() {
    let world = world();
    let opened = world.open(Operation::PatientIdLookup).await;
    let late = further("urn:uuid:late", "tottori", true);
    assert!(opened.recorded(&late.leg).is_none() && opened.recorded(&leg("tottori", true).leg).is_some());
    let token = opened.supplement(vec![late]).await.unwrap().remove(0);
    assert_eq!(token.leg().message.0, "urn:uuid:late");
    let left = world.disk.crashed(Crash(0));
    let (events, _) = read_from(&left, &AuditPosition::default(), u64::MAX, usize::MAX).unwrap();
    let event = &events[2].event;
    assert_eq!((event.kind, event.ending, event.closes), (Kind::Open, Ending::Begun, None));
    assert_eq!((messages(event), event.request), (vec!["urn:uuid:late"], events[1].event.request));
    let element = event.legs[0].element.as_ref().unwrap().bytes.as_ref().unwrap();
    assert_eq!(element.reveal().as_slice(), b"<AdhocQuery>H-1</AdhocQuery>");

    // A power cut: the closing record names what may have been sent late as well.
    let disk = Box::new(left.clone());
    let (_again, recovered) = AuditLog::start_on(disk, AuditOptions::default()).unwrap();
    assert_eq!(recovered.closed_opens, 1);
    let (events, _) = read_from(&left, &AuditPosition::default(), u64::MAX, usize::MAX).unwrap();
    let closing = events.iter().find(|placed| placed.event.kind == Kind::Close).unwrap();
    assert_eq!(closing.event.closes, Some(1));
    assert_eq!(messages(&closing.event), ["urn:uuid:leg", "urn:uuid:late"]);
    assert!(verify_disk(&left, None).unwrap().is_sound());

    // A request that is dropped: the same.
    drop(opened);
    let last = world.last().await;
    assert_eq!((last.ending, last.closes), (Ending::NothingReleased, Some(1)));
    assert_eq!(messages(&last), ["urn:uuid:leg", "urn:uuid:late"]);
}

#[tokio::test]
async fn a_release_closes_its_open_with_all_that_was_recorded_later() {
    let world = world();
    let opened = world.open(Operation::PatientIdLookup).await;
    opened.supplement(vec![further("urn:uuid:late", "tottori", true)]).await.unwrap();
    world.lookup(opened, patients(1)).await.unwrap();
    let last = world.last().await;
    assert_eq!((last.kind, last.closes), (Kind::Release, Some(1)));
}

#[tokio::test]
async fn no_token_comes_for_a_target_that_was_not_opened_nor_while_the_log_is_down() {
    let world = world();
    let opened = world.open(Operation::PatientIdLookup).await;
    for (target, is_peer) in [("own", false), ("stranger", true)] {
        let refused = opened.supplement(vec![further("urn:uuid:late", target, is_peer)]).await;
        assert!(matches!(refused, Err(Refusal::Internal(_))), "{target}");
    }
    world.disk.fail_at(world.disk.operations(), Fault::Io, true);
    let refused = opened.supplement(vec![further("urn:uuid:late", "tottori", true)]).await;
    assert!(matches!(refused, Err(Refusal::AuditUnavailable)));
}

#[tokio::test]
async fn whichever_operation_of_the_disk_fails_no_answer_comes_without_its_durable_record() {
    let mut released = 0;
    for fault in [Fault::Io, Fault::Full] {
        for at in 0..8 {
            let world = world();
            world.disk.fail_at(world.disk.operations() + at, fault, true);
            let permit = permit(Operation::PatientIdLookup);
            let Ok(opened) = world.log.open(&world.context, &permit, vec![leg("tottori", true)]).await else {
                assert!(matches!(world.log.health(), AuditHealth::Down(_)));
                continue;
            };
            match world.lookup(opened, patients(1)).await {
                Ok(_) => {
                    released += 1;
                    let left = world.disk.crashed(Crash(0));
                    let (events, _) = read_from(&left, &AuditPosition::default(), u64::MAX, 9).unwrap();
                    assert!(events.iter().any(|e| e.event.kind == Kind::Release), "unaudited at {at}");
                }
                Err(refusal) => assert_eq!(refusal, Refusal::AuditUnavailable),
            }
            let denied = world.log.refuse(&world.context, Operation::PatientIdLookup, Refusal::Denied).await;
            assert!(world.log.health() == AuditHealth::Up(None) || denied == Refusal::AuditUnavailable);
        }
    }
    assert!(released >= 2);
}

#[tokio::test]
async fn consents_that_change_before_the_record_filter_again_and_what_goes_is_counted_as_withheld() {
    let world = world();
    world.judge.version.store(3, SeqCst);
    *world.judge.leaves.lock().unwrap() = Some(1);
    let opened = world.open(Operation::PatientIdLookup).await;
    let released = world.lookup(opened, patients(3)).await.unwrap();
    assert_eq!(released.into_answer().found.len(), 1);
    let last = world.last().await;
    assert_eq!((last.shown, last.withheld, last.consent_version), (1, 2, Some(3)));
}

#[tokio::test]
async fn consents_that_change_while_the_record_is_written_get_a_record_of_what_is_shown_instead() {
    let world = world();
    *world.judge.leaves.lock().unwrap() = Some(0);
    let opened = world.open(Operation::PatientIdLookup).await;
    // The first look finds no change; the one after the record does.
    let judge = Arc::new(ChangesAtLook { look: AtomicU64::new(0), changes_at: 2 });
    let base = Event::about(&world.context, Kind::Release, Ending::Complete);
    let filtered = Filtered::assumed(patients(2), 0, Decision::default());
    let permit = permit(Operation::PatientIdLookup);
    let released = world
        .log
        .release_judged::<PatientIdLookup, _>(&world.context, &permit, opened, base, filtered, &judge)
        .await
        .unwrap();
    assert!(released.into_answer().found.is_empty());
    let last = world.last().await;
    assert_eq!((last.replaces, last.shown, last.withheld, last.ending), (Some(2), 0, 2, Ending::Withheld));
}

struct ChangesAtLook {
    look: AtomicU64,
    changes_at: u64,
}

impl Judge for ChangesAtLook {
    fn consent_version(&self) -> u64 {
        u64::from(self.look.fetch_add(1, SeqCst) + 1 >= self.changes_at)
    }

    fn filter<T: Finding>(&self, _: &RequestContext, _: &Permit, answer: Answer<T>) -> Filtered<T> {
        let withheld = answer.found.len();
        Filtered::assumed(Answer { found: Vec::new(), ..answer }, withheld, Decision::default())
    }

    fn still_allows(&self, _: &RequestContext, _: &Permit, _: &DocumentId) -> bool {
        true
    }
}

#[tokio::test]
async fn consents_that_never_rest_release_nothing_and_leave_nothing_open() {
    let world = world();
    world.judge.changes.store(u64::MAX, SeqCst);
    let opened = world.open(Operation::PatientIdLookup).await;
    assert!(matches!(world.lookup(opened, patients(1)).await, Err(Refusal::Internal(_))));
    world.last().await;
}

#[tokio::test]
async fn the_closing_record_has_the_bytes_and_hashes_that_left_and_the_last_end_waits_for_it() {
    let world = world();
    let chunks =
        |texts: &[&'static str]| texts.iter().map(|t| Ok(Bytes::from_static(t.as_bytes()))).collect();
    let documents = vec![document("1", chunks(&["ab", "cd"])), document("2", chunks(&["efg"]))];
    let mut found = world.retrieve(documents).await.unwrap();
    let mut second = found.pop().unwrap().body;
    let mut first = found.pop().unwrap().body;
    while first.next().await.is_some() {}
    assert!(second.next().await.unwrap().is_ok());
    let durable = |kind| {
        let left = world.disk.crashed(Crash(0));
        let (events, _) = read_from(&left, &AuditPosition::default(), u64::MAX, 9).unwrap();
        events.iter().any(|e| e.event.kind == kind)
    };
    assert!(durable(Kind::Release) && !durable(Kind::Close));
    assert!(second.next().await.is_none());
    assert!(durable(Kind::Close));
    let last = world.last().await;
    assert_eq!((last.kind, last.ending, last.bytes), (Kind::Close, Ending::Complete, Some(7)));
    let hashes: Vec<_> = last.documents.iter().map(|d| d.sha256.unwrap().to_vec()).collect();
    assert_eq!(hashes, [sha256(b"abcd").to_vec(), sha256(b"efg").to_vec()]);
}

#[tokio::test]
async fn a_hash_that_comes_with_a_document_is_made_of_what_leaves_and_of_nothing_that_is_stopped() {
    use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, digest};

    let world = world();
    let chunks = ["ab", "cd", "ef"].map(|chunk| Ok(Bytes::from_static(chunk.as_bytes()))).to_vec();
    let passing = PassingHash::new(Context::new(&SHA1_FOR_LEGACY_USE_ONLY));
    let document = Document { passing: Some(passing.clone()), ..document("1", chunks) };
    let mut body = world.retrieve(vec![document]).await.unwrap().remove(0).body;
    assert!(body.next().await.unwrap().is_ok());
    // Its own side leaves it alone.
    passing.given_on(b"cd");
    assert!(body.next().await.unwrap().is_ok());
    world.judge.withdrawn.store(true, SeqCst);
    world.judge.version.store(1, SeqCst);
    assert_eq!(body.next().await, Some(Err(Interrupted::Withdrawn)));
    assert_eq!(passing.finish(b"!"), digest(&SHA1_FOR_LEGACY_USE_ONLY, b"abcd!").as_ref());
    let last = world.last().await;
    assert_eq!(last.documents[0].sha256.unwrap().to_vec(), sha256(b"abcd").to_vec());
}

#[tokio::test]
async fn a_withdrawal_stops_a_document_at_its_next_chunk() {
    let world = world();
    let chunks = (0..4).map(|_| Ok(Bytes::from_static(b"12345"))).collect();
    let mut body = world.retrieve(vec![document("1", chunks)]).await.unwrap().remove(0).body;
    assert!(body.next().await.unwrap().is_ok());
    world.judge.version.store(1, SeqCst);
    assert!(body.next().await.unwrap().is_ok(), "another patient's change stops nothing");
    world.judge.withdrawn.store(true, SeqCst);
    world.judge.version.store(2, SeqCst);
    assert_eq!(body.next().await, Some(Err(Interrupted::Withdrawn)));
    assert_eq!(body.next().await, None);
    let last = world.last().await;
    assert_eq!((last.ending, last.bytes), (Ending::Interrupted, Some(10)));
    assert_eq!(last.documents[0].ending.as_deref(), Some("withdrawn"));
    assert_eq!(world.log.stats().withdrawn, 1);
}

#[tokio::test]
async fn documents_that_break_or_are_dropped_unread_are_closed_with_what_left() {
    let world = world();
    let broken = vec![Ok(Bytes::from_static(b"123")), Err(Interrupted::Idle)];
    let mut found = world.retrieve(vec![document("1", broken), document("2", Vec::new())]).await.unwrap();
    assert!(found[0].body.next().await.unwrap().is_ok());
    assert_eq!(found[0].body.next().await, Some(Err(Interrupted::Idle)));
    drop(found);
    let last = world.last().await;
    let endings: Vec<_> = last.documents.iter().map(|d| (d.ending.clone().unwrap(), d.bytes_sent)).collect();
    assert_eq!(endings, [("idle".to_owned(), Some(3)), ("dropped".to_owned(), Some(0))]);
    assert_eq!(last.ending, Ending::Interrupted);
}

#[tokio::test]
async fn a_stream_does_not_end_well_when_its_closing_record_cannot_be_written() {
    let world = world();
    let mut found = world.retrieve(vec![document("1", vec![Ok(Bytes::from_static(b"1"))])]).await.unwrap();
    assert!(found[0].body.next().await.unwrap().is_ok());
    world.disk.fail_at(world.disk.operations(), Fault::Io, false);
    assert!(matches!(found[0].body.next().await, Some(Err(Interrupted::Broken(_)))));
    let recovered = world.log.reopen().await.unwrap();
    assert_eq!(recovered.closed_releases, 1);
    drop(found);
    let events = world.events();
    let close = events.iter().find(|event| event.kind == Kind::Close).unwrap();
    assert_eq!((close.ending, close.bytes), (Ending::AtMost, Some(100)));
    world.last().await;
}

#[tokio::test]
async fn a_stream_that_outlived_a_failure_of_the_writer_stops() {
    let world = world();
    let chunks = (0..4).map(|_| Ok(Bytes::from_static(b"12345"))).collect();
    let mut body = world.retrieve(vec![document("1", chunks)]).await.unwrap().remove(0).body;
    assert!(body.next().await.unwrap().is_ok());
    world.disk.fail_at(world.disk.operations(), Fault::Full, false);
    world.log.refuse(&world.context, Operation::DocumentQuery, Refusal::Denied).await;
    world.log.reopen().await.unwrap();
    assert!(matches!(body.next().await, Some(Err(Interrupted::Broken(_)))));
    drop(body);
    world.last().await;
}

#[tokio::test]
async fn withheld_and_unknown_write_a_release_that_shows_nothing() {
    let world = world();
    let unknown = Refusal::UnknownPatient(patients(1).found.remove(0).id);
    for refusal in [Refusal::Withheld, unknown] {
        let told = world.log.refuse(&world.context, Operation::DocumentQuery, refusal.clone()).await;
        assert_eq!(told, refusal);
    }
    let kinds: Vec<_> = world.events().iter().map(|e| (e.kind, e.ending, e.shown)).collect();
    let release = |ending| (Kind::Release, ending, 0);
    assert_eq!(kinds[1..], [release(Ending::Withheld), release(Ending::Unknown)]);
}

#[tokio::test]
async fn nothing_that_is_logged_or_printed_shows_a_patient() {
    let world = world();
    let mut answer = patients(1);
    let marker = "PHIMARKER";
    answer.found[0].id.value = Phi::new(marker.to_owned());
    let opened = world.open(Operation::PatientIdLookup).await;
    let printed = format!("{opened:?}");
    let released = world.lookup(opened, answer).await.unwrap();
    let unknown = Refusal::UnknownPatient(released.answer.found[0].id.clone());
    let printed = format!("{printed} {released:?} {unknown:?} {unknown} {:?}", world.log.stats());
    assert!(!printed.contains(marker));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_dropped_at_any_moment_leave_every_record_closed_exactly_once() {
    let world = Arc::new(world());
    let mut tasks = Vec::new();
    for n in 0..300 {
        let world = Arc::clone(&world);
        let request = tokio::spawn(async move {
            let opened = world.open(Operation::PatientIdLookup).await;
            if n % 3 == 0 {
                let chunks = vec![Ok(Bytes::from_static(b"1")), Ok(Bytes::from_static(b"2"))];
                let mut found = world.retrieve(vec![document("1", chunks)]).await.unwrap();
                while found[0].body.next().await.is_some() {}
            }
            _ = world.lookup(opened, patients(1)).await;
        });
        for _ in 0..n % 11 {
            tokio::task::yield_now().await;
        }
        request.abort();
        tasks.push(request);
    }
    let mut finished = 0;
    for task in tasks {
        finished += usize::from(task.await.is_ok());
    }
    let world = Arc::into_inner(world).unwrap();
    world.log.stop().await;
    let verified = verify_disk(&world.disk, None).unwrap();
    assert!(verified.is_sound() && verified.unclosed.is_empty(), "{finished} finished: {verified:?}");
}

#[tokio::test]
async fn a_release_dropped_while_its_record_is_written_is_not_closed_a_second_time() {
    let world = world();
    let opened = world.open(Operation::PatientIdLookup).await;
    let before = world.disk.operations();
    let held = world.disk.hold();
    let mut release = Box::pin(world.lookup(opened, patients(1)));
    assert!(futures_util::poll!(&mut release).is_pending());
    // The record is written and waits for its sync.
    while world.disk.operations() == before {
        tokio::task::yield_now().await;
    }
    drop(release);
    drop(held);
    // Nobody waited for it: it is taken back, which closes nothing.
    let last = world.last().await;
    assert_eq!((last.kind, last.ending), (Kind::Release, Ending::NothingReleased));
    assert_eq!((last.closes, last.replaces), (None, Some(2)));
}

mod refusals;
