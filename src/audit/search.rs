//! Who saw what when: from the index where there is one, with what it has not taken in yet read
//! from the log; from the log alone otherwise. The index is filled behind the writer and can be
//! rebuilt at any time.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::disk::FolderDisk;
use super::handle::{AuditHealth, Shared};
use super::release::AuditLog;
use super::tail::{Place, PlacedEvent, is_whole_behind, oldest, place_of, read_from};
use crate::store::{AuditPosition, AuditQuery, Indexed, IndexedDocument, IndexedEvent, Store, StoreError};

/// Why a search or the filling of the index failed.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The log cannot be read.
    #[error("audit log: {0}")]
    Log(#[from] io::Error),
    /// The index cannot be read or written.
    #[error("audit index: {0}")]
    Index(#[from] StoreError),
    /// The index knows records that the log does not have.
    #[error("the audit log has {log} records and the index knows {index}: run `audit verify`")]
    Ahead {
        /// Records in the log.
        log: u64,
        /// Records in the index.
        index: u64,
    },
    /// The index ends at a place that the log does not have.
    #[error(
        "the audit index is of another log, or of one that was restored or cut: run `audit verify`; \
         when the log is the right one, `audit search --rebuild` fills the index anew"
    )]
    OtherLog,
    /// A record that was durable cannot be read.
    #[error("record {record} of the audit log cannot be read: run `audit verify`")]
    Unreadable {
        /// Its number, or that of the one the index ends before.
        record: u64,
    },
    /// The index knows records that are no longer in the folder, and would forget them.
    #[error(
        "the audit log in this folder begins with record {oldest} and the index with {indexed}: put the \
         older segments back before the index is filled anew, else it forgets what they hold"
    )]
    Older {
        /// The oldest record in the folder.
        oldest: u64,
        /// The oldest record in the index.
        indexed: u64,
    },
}

/// Where the result of a search comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The index, and the log for the last records, which the index had not taken in.
    Index {
        /// How many records that were.
        behind: u64,
    },
    /// The index alone: the folder of the log is not there.
    IndexAlone,
    /// The log alone: there is no index.
    Log,
    /// The log alone: the index is of another log, or of one that was restored or cut.
    NotItsIndex,
}

/// What a search found.
#[derive(Debug)]
pub struct Found {
    /// The latest events that were looked for, in the order of the log.
    pub events: Vec<IndexedEvent>,
    /// Where from.
    pub origin: Origin,
    /// Whether there may be earlier ones beyond the limit.
    pub is_cut: bool,
    /// The oldest record that was searched, where earlier ones are neither in the log nor in the index.
    pub begins_at: Option<u64>,
    /// The record at which reading the log ended although something follows: damage, or something that
    /// is just being written.
    pub stops_at: Option<u64>,
}

/// Searches the log in a folder, with the index in the store if there is one.
///
/// # Errors
/// `Log`, `Index`.
pub async fn search(folder: &Path, store: Option<&Store>, query: &AuditQuery) -> Result<Found, SearchError> {
    let mut origin = Origin::Log;
    let (mut start, mut indexed, mut first) = (AuditPosition::default(), Vec::new(), None);
    if let Some(store) = store {
        let Indexed { position, oldest, events } = store.find_audit(query).await?;
        if position.next > 0 && !folder.exists() {
            let (origin, is_cut) = (Origin::IndexAlone, events.len() >= query.limit);
            let begins_at = oldest.filter(|oldest| *oldest > 0);
            return Ok(Found { events, origin, is_cut, begins_at, stops_at: None });
        }
        // Where it cannot be told, the index is the better of two witnesses.
        if place(folder, &position).await? == Place::Foreign {
            origin = Origin::NotItsIndex;
        } else {
            origin = Origin::Index { behind: 0 };
            (start, indexed, first) = (position, events, oldest);
        }
    }
    let oldest = reading(folder, |disk| oldest(disk)).await?;
    let begins_at = first.into_iter().chain(oldest).min().filter(|first| *first > 0);
    let mut is_cut = indexed.len() >= query.limit;
    let mut events = VecDeque::from(indexed);
    let mut position = start.clone();
    loop {
        let (batch, next) = read(folder, &position, u64::MAX).await?;
        if next == position {
            break;
        }
        for placed in batch {
            let event = indexed_event(placed);
            if query.matches(&event) {
                events.push_back(event);
            }
            if events.len() > query.limit {
                is_cut = true;
                events.pop_front();
            }
        }
        position = next;
    }
    if let Origin::Index { behind } = &mut origin {
        let read_from = if start.next == 0 { oldest.unwrap_or_default() } else { start.next };
        *behind = position.next.saturating_sub(read_from);
    }
    let end = position.clone();
    let is_whole = reading(folder, move |disk| is_whole_behind(disk, &end)).await?;
    let stops_at = (!is_whole).then_some(position.next);
    Ok(Found { events: events.into(), origin, is_cut, begins_at, stops_at })
}

/// Takes everything into the index that is durable (`until`, or all there is); gives the place
/// reached.
///
/// # Errors
/// `Log`, `Index`; `Ahead` when the log is shorter than the index, `OtherLog` when the index is not of
/// this log, `Unreadable` when something durable cannot be read.
pub async fn catch_up(
    folder: &Path,
    store: &Store,
    until: Option<u64>,
) -> Result<AuditPosition, SearchError> {
    loop {
        let from = store.audit_position().await?;
        if let Some(log) = until.filter(|until| from.next > *until) {
            return Err(SearchError::Ahead { log, index: from.next });
        }
        let (batch, to) = read(folder, &from, until.unwrap_or(u64::MAX)).await?;
        if to == from {
            if until.is_none_or(|until| from.next >= until) {
                return Ok(from);
            }
            return Err(match place(folder, &from).await? {
                Place::Foreign => SearchError::OtherLog,
                Place::Held | Place::Unknown => SearchError::Unreadable { record: from.next },
            });
        }
        let events: Vec<IndexedEvent> = batch.into_iter().map(indexed_event).collect();
        // Not taken: somebody else moved the index on. Look again.
        store.audit_index(&from, &events, &to).await?;
    }
}

/// Fills the index anew, from a log that can be read to its end and reaches back as far as the index; what
/// the index knows is not given up for less.
///
/// # Errors
/// `Log`, `Index`; `Unreadable`, `Older`: the index is then as it was.
pub async fn rebuild(folder: &Path, store: &Store) -> Result<AuditPosition, SearchError> {
    let mut end = AuditPosition::default();
    loop {
        let (_, next) = read(folder, &end, u64::MAX).await?;
        if next == end {
            break;
        }
        end = next;
    }
    let record = end.next;
    if !reading(folder, move |disk| is_whole_behind(disk, &end)).await? {
        return Err(SearchError::Unreadable { record });
    }
    let oldest = reading(folder, |disk| oldest(disk)).await?.unwrap_or_default();
    if let Some(indexed) = store.audit_oldest().await?.filter(|indexed| oldest > *indexed) {
        return Err(SearchError::Older { oldest, indexed });
    }
    store.clear_audit_index().await?;
    catch_up(folder, store, None).await
}

/// Follows the log with the index until the log stops. A failing store is tried again and holds
/// nobody up. To be spawned; may be cancelled. Keeps no writer alive.
pub fn keep_index(log: &AuditLog, folder: PathBuf, store: Store) -> impl Future<Output = ()> + Send + use<> {
    let shared = Arc::clone(&log.handle.shared);
    async move {
        let mut durable = shared.durable.subscribe();
        follow(&shared, &mut durable, &folder, &store).await;
    }
}

async fn follow(
    shared: &Shared,
    durable: &mut tokio::sync::watch::Receiver<u64>,
    folder: &Path,
    store: &Store,
) {
    let mut failing = false;
    loop {
        let until = *durable.borrow_and_update();
        let stopped = shared.health() == AuditHealth::Stopped;
        match catch_up(folder, store, Some(until)).await {
            Ok(position) => {
                shared.counters.index_behind.set(until.saturating_sub(position.next));
                if failing {
                    tracing::info!("the audit index follows again");
                }
                failing = false;
            }
            Err(error) => {
                if let Ok(position) = store.audit_position().await {
                    shared.counters.index_behind.set(until.saturating_sub(position.next));
                }
                if !failing {
                    tracing::warn!(%error, "the audit index cannot follow the log");
                }
                failing = true;
            }
        }
        if stopped {
            return;
        }
        // Nothing waits for the index: many records are taken in by one transaction.
        tokio::time::sleep(GATHER).await;
        if failing {
            tokio::time::sleep(RETRY_AFTER).await;
        } else if durable.changed().await.is_err() {
            return;
        }
    }
}

async fn read(
    folder: &Path,
    from: &AuditPosition,
    until: u64,
) -> io::Result<(Vec<PlacedEvent>, AuditPosition)> {
    let from = from.clone();
    reading(folder, move |disk| read_from(disk, &from, until, BATCH_EVENTS)).await
}

async fn place(folder: &Path, position: &AuditPosition) -> io::Result<Place> {
    let position = position.clone();
    reading(folder, move |disk| place_of(disk, &position)).await
}

async fn reading<T: Send + 'static>(
    folder: &Path,
    read: impl FnOnce(&FolderDisk) -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let disk = FolderDisk::for_reading(folder);
    // A panic's message may quote what was read.
    tokio::task::spawn_blocking(move || read(&disk))
        .await
        .map_err(|_| io::Error::other("reading the log panicked"))?
}

/// An event as the index knows it.
fn indexed_event(placed: PlacedEvent) -> IndexedEvent {
    let PlacedEvent { sequence, event, .. } = placed;
    let documents = event.documents.into_iter().map(|document| IndexedDocument {
        home: document.home,
        repository: document.repository,
        unique: document.unique.into_revealed(),
        kind: document.kind,
        facility: document.facility,
        bytes_sent: document.bytes_sent,
        sha256: document.sha256.map(|hash| hex::encode(hash.as_slice())),
    });
    let mut indexed = IndexedEvent {
        sequence,
        at_micros: event.at_micros,
        kind: event.kind.word().to_owned(),
        ending: event.ending.word().to_owned(),
        request: event.request.map(|bytes| hex::encode(bytes.as_slice())).unwrap_or_default(),
        side: event.side.unwrap_or_default(),
        transaction: event.transaction.unwrap_or_default(),
        operation: event.operation.unwrap_or_default(),
        system: event.by.unwrap_or_default(),
        shown: event.shown,
        withheld: event.withheld,
        bytes: event.bytes,
        emergency: event.obligations.iter().any(|obligation| obligation == EMERGENCY),
        more_attributes: event.more_attributes,
        closes: event.closes,
        replaces: event.replaces,
        count: event.count,
        patients: event.patients,
        documents: documents.collect::<Vec<_>>().into(),
        ..IndexedEvent::default()
    };
    if let Some(requester) = event.requester {
        indexed.emergency |= requester.purpose.eq_ignore_ascii_case(EMERGENCY);
        indexed.system = requester.system;
        indexed.community = requester.community;
        indexed.organization = requester.organization;
        indexed.organization_name = requester.organization_name;
        indexed.person = requester.person;
        indexed.person_name = requester.person_name;
        indexed.roles = requester.roles.join(",");
        indexed.purpose = requester.purpose;
    }
    indexed
}

/// The obligation and purpose of emergency access.
const EMERGENCY: &str = "emergency";
const BATCH_EVENTS: usize = 500;
/// How long records gather before the index takes them in.
const GATHER: Duration = Duration::from_secs(1);
const RETRY_AFTER: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
