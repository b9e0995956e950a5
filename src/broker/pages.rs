//! Persons found and not all shown yet: an ITI-47 whose portal wants them a page at a time. Kept for few
//! minutes, for whoever asked and nobody else, within a cap for each system.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::link_changes::LinkChange;
use crate::model::{
    Demographics, Page, PatientId, PatientMatch, Phi, QueryId, RequestContext, TargetName, Timestamp,
};

/// Results kept for one system at a time; the oldest makes room.
const KEPT_MAX: usize = 64;
/// Bytes kept for one system at a time.
const BYTES_MAX: usize = 4 << 20;
/// How long after its last page a result is kept.
const KEPT_S: i64 = 600;

/// Results by the system that asked.
#[derive(Default)]
pub struct Pages {
    systems: Mutex<HashMap<TargetName, VecDeque<Kept>>>,
}

/// Whose result it is: one person at one key, or the system at that key where nobody is vouched for.
#[derive(Debug, PartialEq, Eq)]
struct Asker {
    spki_sha256: String,
    issuer: String,
    person: String,
    organization: String,
}

struct Kept {
    asker: Asker,
    query: QueryId,
    found: Vec<PatientMatch>,
    // The query as it came: every page repeats it.
    asked: Phi<Bytes>,
    next: usize,
    // Behind the page that is on its way.
    leaving: usize,
    page: Option<usize>,
    bytes: usize,
    until: Timestamp,
}

impl Pages {
    /// Keeps everything found of a query whose first page shows so many. What does not fit under the cap
    /// is not kept: the next page is told that nothing is.
    pub fn keep(
        &self,
        context: &RequestContext,
        query: &QueryId,
        shown: usize,
        found: Vec<PatientMatch>,
        asked: Phi<Bytes>,
    ) {
        let bytes = asked.reveal().len() + found.iter().map(weight).sum::<usize>();
        let asker = Asker::of(context);
        let until = context.received.plus_seconds(KEPT_S);
        let mut systems = self.locked();
        sweep(&mut systems, context.received);
        if bytes > BYTES_MAX {
            return;
        }
        let kept = systems.entry(context.requester.system.clone()).or_default();
        kept.retain(|kept| !(kept.asker == asker && kept.query == *query));
        let page = Some(shown);
        kept.push_back(Kept {
            asker,
            query: query.clone(),
            found,
            asked,
            next: shown,
            leaving: shown,
            page,
            bytes,
            until,
        });
        while kept.len() > KEPT_MAX || kept.iter().map(|kept| kept.bytes).sum::<usize>() > BYTES_MAX {
            kept.pop_front();
        }
    }

    /// Whether anything is kept for this requester under this queryId.
    pub fn knows(&self, context: &RequestContext, query: &QueryId) -> bool {
        self.with(context, query, |_| ()).is_some()
    }

    /// The next page, or the one from this result on, counted from one. As long as the first where nothing
    /// is said.
    pub fn page(
        &self,
        context: &RequestContext,
        query: &QueryId,
        from: Option<usize>,
        page: Option<usize>,
    ) -> Option<(Vec<PatientMatch>, Page)> {
        self.with(context, query, |kept| {
            let all = kept.found.len();
            let before = from.map_or(kept.next, |from| from.saturating_sub(1)).min(all);
            let until = before.saturating_add(page.or(kept.page).unwrap_or(all)).min(all);
            let found = kept.found.get(before..until).unwrap_or_default().to_vec();
            kept.leaving = until;
            kept.until = context.received.plus_seconds(KEPT_S);
            (found, Page { before, remaining: all - until, asked: Some(kept.asked.clone()) })
        })
    }

    /// The page that was asked for last has been released: the next one is the one behind it.
    pub fn released(&self, context: &RequestContext, query: &QueryId) {
        self.with(context, query, |kept| kept.next = kept.leaving);
    }

    /// Forgets results that show somebody whose ids are no more one person's.
    pub fn forget(&self, change: &LinkChange, is_at_home: impl Fn(&PatientId) -> bool) {
        let is_over = |found: &PatientMatch| match found {
            PatientMatch::Found(found) => {
                let ids = std::iter::once(&found.id).chain(&found.also);
                change.ends(ids.filter(|id| is_at_home(id)))
            }
            PatientMatch::Graded(_) | PatientMatch::MoreAttributes { .. } => false,
        };
        for kept in self.locked().values_mut() {
            kept.retain(|kept| !kept.found.iter().any(is_over));
        }
    }

    /// Forgets results that show somebody under an id of such a value.
    pub fn forget_ids(&self, values: &BTreeSet<Phi<String>>) {
        let is_over = |found: &PatientMatch| match found {
            PatientMatch::Found(found) => {
                std::iter::once(&found.id).chain(&found.also).any(|id| values.contains(&id.value))
            }
            PatientMatch::Graded(_) | PatientMatch::MoreAttributes { .. } => false,
        };
        for kept in self.locked().values_mut() {
            kept.retain(|kept| !kept.found.iter().any(is_over));
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.locked().clear();
    }

    /// Forgets what is kept under this queryId.
    pub fn cancel(&self, context: &RequestContext, query: &QueryId) {
        let asker = Asker::of(context);
        let mut systems = self.locked();
        sweep(&mut systems, context.received);
        if let Some(kept) = systems.get_mut(&context.requester.system) {
            kept.retain(|kept| !(kept.asker == asker && kept.query == *query));
        }
    }

    fn with<T>(
        &self,
        context: &RequestContext,
        query: &QueryId,
        use_it: impl FnOnce(&mut Kept) -> T,
    ) -> Option<T> {
        let asker = Asker::of(context);
        let mut systems = self.locked();
        sweep(&mut systems, context.received);
        let kept = systems.get_mut(&context.requester.system)?;
        kept.iter_mut().find(|kept| kept.asker == asker && kept.query == *query).map(use_it)
    }

    fn locked(&self) -> MutexGuard<'_, HashMap<TargetName, VecDeque<Kept>>> {
        // Each change is one step, so a panic elsewhere leaves it whole.
        self.systems.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sweep(systems: &mut HashMap<TargetName, VecDeque<Kept>>, now: Timestamp) {
    for kept in systems.values_mut() {
        kept.retain(|kept| kept.until > now);
    }
    systems.retain(|_, kept| !kept.is_empty());
}

impl Asker {
    fn of(context: &RequestContext) -> Self {
        let asker = context.requester.key();
        Self {
            spki_sha256: context.endpoint.spki_sha256.clone(),
            issuer: asker.issuer.to_owned(),
            person: asker.person.to_owned(),
            organization: asker.organization.to_owned(),
        }
    }
}

// About what a finding takes: its texts, and a room for the rest.
fn weight(found: &PatientMatch) -> usize {
    let PatientMatch::Found(found) = found else { return ROOM };
    let ids = std::iter::once(&found.id).chain(&found.also);
    let ids: usize = ids.map(|id| id.value.reveal().len() + ROOM).sum();
    let person = found.demographics.as_ref().map(|person| texts(person.reveal())).unwrap_or_default();
    ids + person + ROOM
}

fn texts(person: &Demographics) -> usize {
    let names = person.names.iter().map(|name| name.family.len() + name.given.len() + ROOM);
    let addresses = person.addresses.iter().map(|address| address.text.len() + ROOM);
    let phones = person.phones.iter().map(|phone| phone.len() + ROOM);
    names.chain(addresses).chain(phones).sum()
}

const ROOM: usize = 128;

#[cfg(test)]
mod tests;
