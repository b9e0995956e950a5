//! The end of ids: what was remembered with one that has ended is forgotten before anything else is asked,
//! and what runs meanwhile keeps nothing. A task of its own waits for the store; requests wait for the task,
//! each as long as it has time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use time::Date;
use tokio::sync::watch;

use super::entry_cache::EntryCache;
use super::pages::Pages;
use super::pipeline::Broker;
use crate::model::{RegistryObject, RequestContext, RequestId, Timestamp};
use crate::policy::{Authorizer, japan_day};
use crate::store::{Ended, Store};

/// How often ids have ended, and when those whose days are over were last looked for.
#[derive(Default)]
pub struct Ends {
    count: AtomicU64,
    /// What requests have ended, until what is remembered with it in memory is forgotten.
    noted: Mutex<Ended>,
    sweep: Mutex<Sweep>,
}

#[derive(Default)]
struct Sweep {
    day: Option<Date>,
    failed: Option<Timestamp>,
    /// Closed when the last one is over, however it has ended.
    under_way: Option<watch::Receiver<()>>,
}

/// What a request does before anything else.
enum Turn {
    /// Nothing has ended.
    Over,
    /// Waits for the sweep that is under way.
    Waits(watch::Receiver<()>),
    /// Begins one, which looks for cards whose days are over, or only forgets what is known to have ended.
    Begins { looks: bool, done: watch::Sender<()>, over: watch::Receiver<()> },
}

/// How many sweeps a request waits for: where they end without having done anything, it goes on.
const ROUNDS: usize = 8;
/// After a failure the store is asked again no sooner.
const AGAIN_AFTER_S: i64 = 10;
/// How long a sweep waits for the store.
const STORE_WAIT: Duration = Duration::from_secs(2);

impl Ends {
    /// How often any have ended.
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// A request has ended these.
    pub fn note(&self, ended: Ended) {
        if ended.is_empty() {
            return;
        }
        merge(&mut locked(&self.noted), ended);
        self.raise();
    }

    fn raise(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    fn have_noted(&self) -> bool {
        !locked(&self.noted).is_empty()
    }

    // Whoever sees nothing noted sees the sweep under way that has taken it.
    fn turn(&self, now: Timestamp, have_ended: impl FnOnce() -> bool) -> Turn {
        let mut sweep = locked(&self.sweep);
        if let Some(over) = sweep.under_way.as_ref().filter(|over| over.has_changed().is_ok()) {
            return Turn::Waits(over.clone());
        }
        let looks = sweep.is_to_look(now);
        if !looks && !have_ended() && !self.have_noted() {
            return Turn::Over;
        }
        let (done, over) = watch::channel(());
        sweep.under_way = Some(over.clone());
        Turn::Begins { looks, done, over }
    }
}

impl Sweep {
    // Where the store has failed, it is left alone for a while.
    fn is_to_look(&self, now: Timestamp) -> bool {
        self.day.is_none_or(|seen| seen < japan_day(now))
            && self.failed.is_none_or(|failed| failed.plus_seconds(AGAIN_AFTER_S) <= now)
    }
}

impl Broker {
    /// Forgets what was remembered with ids that have ended since the last request.
    pub(super) async fn end_what_has_ended(&self, context: &RequestContext) {
        let consents = self.authorizer.consents();
        for _ in 0..ROUNDS {
            let mut over = match self.ends.turn(context.received, || consents.have_ended()) {
                Turn::Over => return,
                Turn::Waits(over) => over,
                Turn::Begins { looks, done, over } => {
                    let remembered = self.remembered();
                    let (request, now) = (context.id, context.received);
                    tokio::spawn(async move { remembered.sweep(&request, now, (looks, done)).await });
                    over
                }
            };
            if tokio::time::timeout_at(context.deadline, over.changed()).await.is_err() {
                return;
            }
        }
    }

    /// Whether ids have ended since then; what is remembered with them may not be forgotten yet.
    pub(super) fn have_ended_since(&self, began: u64) -> bool {
        self.ends.count() != began || self.ends.have_noted() || self.authorizer.consents().have_ended()
    }

    /// Forgets what was kept of an answer during which ids have ended, and all else that was shown under the
    /// same ids.
    pub(super) async fn forget_kept(&self, context: &RequestContext, objects: &[RegistryObject]) {
        let mut kept: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        let abroad = objects.iter().filter(|object| *object.community() != self.identity.community);
        for (community, patient) in abroad.filter_map(|object| Some((object.community(), object.patient()?)))
        {
            kept.entry(community.clone()).or_default().insert(patient.value.clone());
        }
        let remembered = self.remembered();
        remembered.forget_in_memory(&kept);
        remembered.forget_shown(&context.id, &kept).await;
    }

    fn remembered(&self) -> Remembered {
        Remembered {
            ends: Arc::clone(&self.ends),
            authorizer: Arc::clone(&self.authorizer),
            entry_cache: Arc::clone(&self.entry_cache),
            pages: Arc::clone(&self.pages),
            store: self.store.clone(),
        }
    }
}

/// Where something is remembered with ids.
#[derive(Clone)]
struct Remembered {
    ends: Arc<Ends>,
    authorizer: Arc<Authorizer>,
    entry_cache: Arc<EntryCache>,
    pages: Arc<Pages>,
    store: Store,
}

impl Remembered {
    async fn sweep(self, request: &RequestId, now: Timestamp, (looks, done): (bool, watch::Sender<()>)) {
        // What requests have ended, the store has forgotten with it.
        let mut ended = std::mem::take(&mut *locked(&self.ends.noted));
        merge(&mut ended, self.authorizer.consents().take_ended());
        self.end(request, &ended);
        if looks {
            self.end_days(request, now, &mut ended).await;
        }
        drop(done);
        // Once more: what ran while they ended may have kept some of it.
        self.forget_shown(request, &ended).await;
    }

    // Ends what rests on cards whose days are over, some at a time.
    async fn end_days(&self, request: &RequestId, now: Timestamp, ended: &mut Ended) {
        loop {
            match tokio::time::timeout(STORE_WAIT, self.store.end_cards_over(now)).await {
                Ok(Ok(over)) if over.is_empty() => {
                    locked(&self.ends.sweep).day = Some(japan_day(now));
                    return;
                }
                Ok(Ok(over)) => {
                    self.end(request, &over);
                    merge(ended, over);
                }
                failed => {
                    let error = failed.map(|done| done.map_err(|error| error.to_string()));
                    tracing::error!(%request, ?error, "cards that are over cannot be ended: all that is remembered in memory is forgotten");
                    locked(&self.ends.sweep).failed = Some(now);
                    self.ends.raise();
                    self.entry_cache.clear();
                    self.pages.clear();
                    return;
                }
            }
        }
    }

    // Whoever keeps something looks afterwards whether the count is still the same.
    fn end(&self, request: &RequestId, ended: &Ended) {
        if ended.is_empty() {
            return;
        }
        self.ends.raise();
        self.forget_in_memory(ended);
        for (community, ids) in ended {
            tracing::info!(%request, %community, ids = ids.len(), "ids have ended: what they brought is forgotten");
        }
    }

    fn forget_in_memory(&self, ended: &Ended) {
        for (community, ids) in ended {
            self.entry_cache.forget(community, |patient| ids.contains(&patient.value));
            self.pages.forget_ids(ids);
        }
    }

    async fn forget_shown(&self, request: &RequestId, ended: &Ended) {
        if ended.is_empty() {
            return;
        }
        match tokio::time::timeout(STORE_WAIT, self.store.forget_shown_with(ended)).await {
            Ok(Ok(())) => {}
            failed => {
                let error = failed.map(|done| done.map_err(|error| error.to_string()));
                tracing::error!(%request, ?error, "what was shown with ids that have ended may be remembered");
            }
        }
    }
}

fn merge(all: &mut Ended, ended: Ended) {
    for (community, ids) in ended {
        all.entry(community).or_default().extend(ids);
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is one step, so a panic elsewhere leaves it whole.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
