//! Holds what clients were given against what the log and the store still know.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use kakehashi::audit::{AuditSource, Head, every_message, verify};
use kakehashi::store::IndexedEvent;

use super::load::{Neighbour, OURS};
use super::oracle::{Noted, Oracle};
use crate::simulators::client::{IN_AN_EMERGENCY, PHYSICIAN};
use crate::simulators::network::HIROSHIMA;
use crate::simulators::process::Process;
use crate::simulators::repository::Repository;

/// Seen in all.
#[derive(Debug, Default)]
pub struct Counts {
    pub answers: usize,
    pub whole: usize,
    /// Answers of which a part had come.
    pub cut: usize,
    pub documents_cut: usize,
    pub replayed: usize,
    pub consents: usize,
    pub emergencies: usize,
    pub sent_to_neighbour: usize,
    pub records: usize,
    /// Openings and streams that a start closed.
    pub closed_by_starts: usize,
    pub torn_tails: usize,
}

impl Counts {
    pub fn add(&mut self, more: &Self) {
        self.answers += more.answers;
        self.whole += more.whole;
        self.cut += more.cut;
        self.documents_cut += more.documents_cut;
        self.replayed += more.replayed;
        self.consents += more.consents;
        self.emergencies += more.emergencies;
        self.sent_to_neighbour += more.sent_to_neighbour;
        self.records += more.records;
        self.closed_by_starts += more.closed_by_starts;
        self.torn_tails += more.torn_tails;
    }
}

/// What is known of one folder's life.
pub struct Judge {
    pub counts: Counts,
    head: Head,
    before: Vec<IndexedEvent>,
    imported: BTreeSet<String>,
    withdrawn: BTreeSet<String>,
}

impl Judge {
    pub async fn new(broker: &Process) -> Self {
        Self {
            counts: Counts::default(),
            head: head(broker, None),
            before: broker.records().all().await,
            imported: BTreeSet::new(),
            withdrawn: BTreeSet::new(),
        }
    }

    /// After a kill and a start.
    pub async fn judge(&mut self, broker: &Process, load: Oracle, neighbour: &Neighbour, what: &str) {
        assert_eq!(broker.admin("/healthz").await.0, 200, "{what}");
        self.head = head(broker, Some(self.head));
        let now = broker.records().all().await;
        let is_kept = now.len() >= self.before.len() && now[..self.before.len()] == self.before[..];
        assert!(is_kept, "{what}: what was in the log is no longer there as it was");
        self.closings(&now[self.before.len()..]);
        let changed: Vec<IndexedEvent> =
            now[self.before.len()..].iter().filter(|event| event.kind == "consent-change").cloned().collect();
        self.before = now;
        let mut of: BTreeMap<&str, Vec<&IndexedEvent>> = BTreeMap::new();
        for event in &self.before {
            of.entry(event.request.as_str()).or_default().push(event);
        }
        let noted = load.noted();
        for one in &noted {
            let events = of.get(one.request.as_str()).map(Vec::as_slice).unwrap_or_default();
            covered(one, events, what);
            self.counts.answers += usize::from(one.status.is_some());
            self.counts.whole += usize::from(one.is_whole);
            self.counts.cut += usize::from(one.status.is_some() && !one.is_whole);
            self.counts.documents_cut += one.documents.iter().filter(|d| d.bytes > 0 && !d.is_whole).count();
        }
        let (asked, on_record) = (neighbour.asked(), message_ids(broker));
        for message in asked.iter().skip(self.counts.sent_to_neighbour) {
            assert!(on_record.contains(message), "{what}: {message} left without a record");
        }
        self.counts.sent_to_neighbour = asked.len();
        self.replays(broker, &noted, what).await;
        self.acknowledged(broker, &load, &changed, what).await;
    }

    /// Openings of the time before were closed when it started.
    fn closings(&mut self, new: &[IndexedEvent]) {
        let by_start = |event: &&IndexedEvent| {
            event.kind == "close" && matches!(event.ending.as_str(), "at-most" | "nothing-released")
        };
        self.counts.closed_by_starts += new.iter().filter(by_start).count();
    }

    /// What was taken once is not taken again.
    async fn replays(&mut self, broker: &Process, noted: &[Noted], what: &str) {
        let peer = broker.asked_by(HIROSHIMA, PHYSICIAN);
        let of_peers = |one: &&Noted| one.community == HIROSHIMA.community && one.status == Some(200);
        for one in noted.iter().filter(of_peers).rev().take(REPLAYS) {
            let fault = peer.send(&one.message).await.fault();
            let is_refused = fault.subcodes.iter().any(|code| code == "wsa:DuplicateMessageID");
            assert!(is_refused, "{what}: a message was taken twice: {fault:?}");
            self.counts.replayed += 1;
        }
    }

    /// Consents and emergency ids that somebody was told of are still there.
    async fn acknowledged(&mut self, broker: &Process, load: &Oracle, changed: &[IndexedEvent], what: &str) {
        let told = load.acknowledged();
        let on_record: BTreeSet<&str> = changed
            .iter()
            .flat_map(|event| &event.patients)
            .filter_map(|cx| cx.reveal().split('^').next())
            .collect();
        for id in &told.imported {
            assert!(on_record.contains(id.as_str()), "{what}: the consent of {id} has no record");
        }
        self.imported.extend(told.imported);
        self.withdrawn.extend(told.withdrawn);
        let listed = String::from_utf8(broker.command(&["consent", "list"]).stdout).unwrap();
        let mut rows: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for line in listed.lines() {
            rows.entry(line.split(',').next().unwrap()).or_default().push(line);
        }
        for id in &self.imported {
            assert!(rows.contains_key(id.as_str()), "{what}: the consent of {id} is forgotten");
        }
        for id in &self.withdrawn {
            let is_withdrawn = rows[id.as_str()].iter().any(|row| row.contains(",withdrawn,"));
            assert!(is_withdrawn, "{what}: the withdrawal of {id} is forgotten");
        }
        self.counts.consents = self.imported.len() + self.withdrawn.len();
        let in_need = broker.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
        if let Some(id) = told.emergencies.last() {
            assert!(!in_need.entries(id).await.is_empty(), "{what}: an emergency id is forgotten");
        }
        self.counts.emergencies += told.emergencies.len();
    }

    /// Waits until the audit repository has been told of every record, and of no other.
    pub async fn has_reached(&self, broker: &Process, repository: &Repository) {
        let source =
            AuditSource { device: format!("{}.0.1", OURS.community), community: OURS.community.to_owned() };
        let mut expected = BTreeSet::new();
        every_message(&broker.path().join("var/audit"), &source, |message| {
            expected.insert(message.id.clone());
            Ok(())
        })
        .unwrap();
        let since = Instant::now();
        loop {
            let received: BTreeSet<String> = repository.record_ids().into_iter().collect();
            let unknown: Vec<_> = received.difference(&expected).collect();
            assert!(unknown.is_empty(), "told of records that are not in the log: {unknown:?}");
            if expected.is_subset(&received) {
                return;
            }
            let missing = expected.len() - received.len();
            assert!(since.elapsed() < FORWARDED_WITHIN, "{missing} records have not been forwarded");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// When it has stopped in order: the whole log once more, by the program's own command, and at the
    /// audit repository.
    pub async fn conclude(&mut self, broker: &Process, repository: &Repository) {
        self.head = head(broker, Some(self.head));
        let said = broker.command(&["audit", "verify"]);
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
        self.has_reached(broker, repository).await;
        self.counts.records = usize::try_from(self.head.records).unwrap();
        self.counts.torn_tails = broker.log().matches("had a torn tail, it was cut").count();
    }
}

/// The log is sound and begins with what was known.
fn head(broker: &Process, known: Option<Head>) -> Head {
    let verified = verify(&broker.path().join("var/audit"), known).unwrap();
    assert!(verified.is_sound(), "{:?}", verified.breaks);
    verified.head.expect("records")
}

/// Every byte that came stands behind a record that names asker, patient and document.
fn covered(one: &Noted, events: &[&IndexedEvent], what: &str) {
    if one.is_fault || one.status.is_none() {
        return;
    }
    let who = format!("{what}, {} {}", one.message.path, one.request);
    // A release is written anew when consent changed while it was made durable: the last counts.
    let Some(release) = events.iter().rfind(|event| event.kind == "release") else {
        let is_empty = !one.discloses() && events.iter().any(|event| event.kind == "refusal");
        assert!(
            is_empty || one.bytes == 0 && one.documents.is_empty(),
            "{who}: {} bytes came, no release: {events:?}",
            one.bytes
        );
        return;
    };
    assert_eq!((release.person.as_str(), release.community.as_str()), (one.person, one.community), "{who}");
    let names = |id: &String| release.patients.iter().any(|cx| cx.reveal().starts_with(&format!("{id}^")));
    assert!(one.patients.iter().all(names), "{who}: {:?}", one.patients);
    let documents = release.documents.reveal();
    let holds = |unique: &String| documents.iter().any(|document| document.unique == *unique);
    assert!(one.entries.iter().all(holds), "{who}: an entry is not on record");
    assert!(release.shown >= (one.patients.len() + one.entries.len()) as u64, "{who}");
    for received in &one.documents {
        assert!(holds(&received.unique) && !release.patients.is_empty(), "{who}");
    }
    if !one.documents.is_empty() {
        let closing =
            events.iter().find(|event| event.kind == "close" && event.closes == Some(release.sequence));
        let closing = closing.unwrap_or_else(|| panic!("{who}: a stream without an end on record"));
        let came: u64 = one.documents.iter().map(|document| document.bytes).sum();
        let most = closing.bytes;
        assert!(most.is_some_and(|most| came <= most), "{who}: {came}, {release:?} {closing:?}");
        if one.is_whole {
            assert_eq!(closing.ending, "complete", "{who}");
            for received in &one.documents {
                let closed = closing.documents.reveal().iter().find(|d| d.unique == received.unique).unwrap();
                let told = (closed.bytes_sent, closed.sha256.as_deref());
                assert_eq!(told, (Some(received.bytes), Some(received.sha256.as_str())), "{who}");
            }
        }
    }
}

/// Every MessageID in the log.
fn message_ids(broker: &Process) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    for file in std::fs::read_dir(broker.path().join("var/audit")).unwrap().flatten() {
        let bytes = std::fs::read(file.path()).unwrap();
        for at in memchr::memmem::find_iter(&bytes, b"urn:uuid:") {
            let id = &bytes[at..(at + "urn:uuid:".len() + 36).min(bytes.len())];
            ids.extend(std::str::from_utf8(id).map(str::to_owned));
        }
    }
    ids
}

const REPLAYS: usize = 3;
const FORWARDED_WITHIN: Duration = Duration::from_secs(120);
