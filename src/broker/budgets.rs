//! Budgets on distinct patients and on misses (goals B2, "patient trawling"): whether a question may be
//! asked, and what its answer counts. Nothing here waits for the store: what is to be kept over a
//! restart is collected and written behind, once a second and at the stop.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use aws_lc_rs::hmac;
use tokio::sync::Notify;
use tokio::time::timeout_at;

use super::ledger::{Asker, KEPT_S, Kept, Ledger, Likeness, Seen, Subject, Used, Verdict};
use super::tally::Exhausted;
use crate::config;
use crate::matching::{Prepared, ToldApart};
use crate::model::{Demographics, DocumentId, PatientId, Refusal, RequestContext, TargetName, Timestamp};
use crate::store::{AskedRow, Store, StoreError};

/// The budgets of all asking systems.
pub struct Budgets {
    systems: HashMap<TargetName, System>,
    /// Patients are numbers under this key: neither store nor memory tells who they are.
    key: hmac::Key,
    likeness: RandomState,
    unwritten: Mutex<Vec<AskedRow>>,
}

struct System {
    settings: config::Budgets,
    ledger: Mutex<Ledger>,
    /// A question has ended.
    ended: Notify,
}

/// A question that may be asked; until it is dropped it counts as under way.
pub struct Question<'a> {
    budgets: &'a Budgets,
    system: &'a System,
    person: String,
    facility: &'a str,
    is_new: bool,
    /// Over a budget, and let through as an emergency.
    pub beyond: bool,
}

/// Why a question may not be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OverBudget {
    /// `person`, `facility`, `peer` or `emergency`.
    pub whose: &'static str,
    /// What is used up, and for how long.
    pub what: Exhausted,
}

impl Budgets {
    /// Over the systems that may ask, with what was kept. `secret` makes patients into numbers.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(
        systems: impl IntoIterator<Item = (TargetName, config::Budgets)>,
        store: &Store,
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let secret = store.secret("budgets").await?;
        let budgets = Self::new(systems, &secret);
        budgets.take_in(&store.asked(now.plus_seconds(-KEPT_S)).await?);
        Ok(budgets)
    }

    /// Nothing used up yet.
    pub fn new(systems: impl IntoIterator<Item = (TargetName, config::Budgets)>, secret: &[u8]) -> Self {
        let system =
            |settings| System { settings, ledger: Mutex::new(Ledger::new(settings)), ended: Notify::new() };
        Self {
            systems: systems.into_iter().map(|(name, settings)| (name, system(settings))).collect(),
            key: hmac::Key::new(hmac::HMAC_SHA256, secret),
            likeness: RandomState::new(),
            unwritten: Mutex::default(),
        }
    }

    fn take_in(&self, rows: &[AskedRow]) {
        for row in rows {
            let Some(system) = self.systems.get(&TargetName(row.system.as_str().into())) else { continue };
            let kept = Kept {
                at: row.at,
                missed: row.kind & MISSED != 0,
                alias: row.kind & ALIAS != 0,
                beyond: row.kind & BEYOND != 0,
            };
            let subject = Subject(u64::from_be_bytes(row.subject));
            system.locked().take_in(&person_key(&row.issuer, &row.person), &row.organization, subject, kept);
        }
    }

    /// Whether a question about these may be asked. One that has to wait for another of the same person
    /// waits until the request's deadline.
    ///
    /// # Errors
    /// What is used up.
    pub async fn ask<'a>(
        &'a self,
        context: &'a RequestContext,
        subjects: &[Subject],
    ) -> Result<Question<'a>, OverBudget> {
        let waited = OverBudget {
            whose: "person",
            what: Exhausted { what: "misses", window: "hour", wait_us: 1_000_000 },
        };
        let system = self.systems.get(&context.requester.system).ok_or(waited)?;
        // A system that vouches for nobody counts as one person of one facility.
        let asker = context.requester.key();
        let (person, facility) = (person_key(asker.issuer, asker.person), asker.organization);
        let in_emergency = context.requester.is_emergency();
        loop {
            let ended = system.ended.notified();
            let asker = Asker { person: &person, facility, in_emergency };
            // A statement of its own: the lock is not held while waiting.
            let verdict = system.locked().ask(asker, subjects, context.received);
            match verdict {
                Verdict::Go { beyond, is_new } => {
                    return Ok(Question { budgets: self, system, person, facility, is_new, beyond });
                }
                Verdict::Over { whose, what } => return Err(OverBudget { whose, what }),
                Verdict::Later => timeout_at(context.deadline, ended).await.map_err(|_| waited)?,
            }
        }
    }

    /// The number of a patient id.
    pub fn id(&self, id: &PatientId) -> Subject {
        self.subject(b'p', &[id.authority.0.as_str(), id.value.reveal()])
    }

    /// The number of a document that was asked for and is nobody's.
    pub fn document(&self, id: &DocumentId) -> Subject {
        self.subject(b'd', &[id.community.0.as_str(), id.repository.0.as_str(), id.unique.reveal()])
    }

    /// The number of any other id that was asked for.
    pub fn other(&self, id: &str) -> Subject {
        self.subject(b'o', &[id])
    }

    /// The number of a person as typed, and what tells whether another was a typing error.
    pub fn person(&self, typed: &Demographics) -> (Subject, Likeness) {
        let ToldApart { whole, parts } = Prepared::new(typed).told_apart_by();
        let subject = self.subject(b'n', &whole.each_ref().map(String::as_str));
        (subject, parts.map(|part| self.likeness.hash_one(part)))
    }

    // Each part goes in with its length, so that no two lists of parts share a number.
    fn subject(&self, kind: u8, parts: &[&str]) -> Subject {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[kind]);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        let mut number = [0; 8];
        number.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        Subject(u64::from_be_bytes(number))
    }

    /// Writes what was counted since the last call. What cannot be written stays for the next.
    ///
    /// # Errors
    /// The store's.
    pub async fn write(&self, store: &Store) -> Result<(), StoreError> {
        let rows = std::mem::take(&mut *locked(&self.unwritten));
        if rows.is_empty() {
            return Ok(());
        }
        // Given back when the store fails or nobody waits any more.
        let mut writing = Writing { budgets: self, rows };
        store.keep_asked(&writing.rows).await?;
        writing.rows.clear();
        Ok(())
    }

    /// What a system, its facilities and its persons have used up.
    pub fn used(&self, now: Timestamp) -> Vec<(TargetName, Vec<Used>)> {
        let mut all: Vec<_> =
            self.systems.iter().map(|(name, system)| (name.clone(), system.locked().used(now))).collect();
        all.sort_by(|(one, _), (two, _)| one.0.cmp(&two.0));
        all
    }

    /// Gives a system, or one person of it, fresh budgets. What is under way counts with the old ones.
    ///
    /// # Errors
    /// The store's.
    pub async fn reset(
        &self,
        store: &Store,
        system: &TargetName,
        person: Option<&str>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        self.write(store).await?;
        let forgotten = store.forget_asked(&system.0, person).await?;
        if let Some(system) = self.systems.get(system) {
            *system.locked() = Ledger::new(system.settings);
        }
        let rows = store.asked(now.plus_seconds(-KEPT_S)).await?;
        let own: Vec<AskedRow> = rows.into_iter().filter(|row| *row.system == *system.0).collect();
        self.take_in(&own);
        Ok(forgotten)
    }
}

struct Writing<'a> {
    budgets: &'a Budgets,
    rows: Vec<AskedRow>,
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        if self.rows.is_empty() {
            return;
        }
        let mut unwritten = locked(&self.budgets.unwritten);
        let newer = std::mem::replace(&mut *unwritten, std::mem::take(&mut self.rows));
        unwritten.extend(newer);
        // Without the store no message is taken in, so no more come: this is never reached.
        unwritten.truncate(UNWRITTEN_MAX);
    }
}

impl Question<'_> {
    /// Counts what the answer told. To be called before the answer leaves.
    pub fn count(&self, context: &RequestContext, seen: &[Seen]) {
        let asker = self.asker();
        let mut rows = Vec::new();
        let mut ledger = self.system.locked();
        for seen in seen {
            for (subject, kept) in ledger.count(asker, seen, self.beyond, context.received) {
                rows.push(self.row(context, subject, kept));
            }
        }
        drop(ledger);
        if !rows.is_empty() {
            locked(&self.budgets.unwritten).append(&mut rows);
        }
    }

    fn row(&self, context: &RequestContext, subject: Subject, kept: Kept) -> AskedRow {
        let (requester, asker) = (&context.requester, context.requester.key());
        let flag = |is: bool, bit: u8| if is { bit } else { 0 };
        AskedRow {
            system: requester.system.to_string(),
            organization: self.facility.to_owned(),
            issuer: asker.issuer.to_owned(),
            person: asker.person.to_owned(),
            subject: subject.0.to_be_bytes(),
            at: kept.at,
            kind: flag(kept.missed, MISSED) | flag(kept.alias, ALIAS) | flag(kept.beyond, BEYOND),
        }
    }

    fn asker(&self) -> Asker<'_> {
        Asker { person: &self.person, facility: self.facility, in_emergency: false }
    }
}

impl Drop for Question<'_> {
    fn drop(&mut self) {
        if self.is_new {
            self.system.locked().ended(self.asker());
            self.system.ended.notify_waiters();
        }
    }
}

impl OverBudget {
    /// The word of the metric.
    pub fn word(&self) -> &'static str {
        match (self.whose, self.what.what) {
            ("person", "patients") => "person_patients",
            ("person", _) => "person_misses",
            ("facility", "patients") => "facility_patients",
            ("facility", _) => "facility_misses",
            ("peer", "patients") => "peer_patients",
            ("peer", _) => "peer_misses",
            _ => "emergency_patients",
        }
    }

    /// What is answered: when it may be tried again.
    pub fn refusal(&self) -> Refusal {
        Refusal::OverBudget(u64::try_from(self.what.wait_us / 1_000).unwrap_or(0).max(1_000))
    }
}

impl System {
    fn locked(&self) -> MutexGuard<'_, Ledger> {
        locked(&self.ledger)
    }
}

/// A panic elsewhere leaves these values usable: at worst one count is missing.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn person_key(issuer: &str, person: &str) -> String {
    format!("{issuer}\u{1f}{person}")
}

const MISSED: u8 = 1;
const ALIAS: u8 = 2;
const BEYOND: u8 = 4;
const UNWRITTEN_MAX: usize = 100_000;
