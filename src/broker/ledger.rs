//! What one asking system, its facilities and its persons have used up of their budgets, and who may
//! go on. Pure: told the time, and patients only as numbers that nobody can turn back.

use std::collections::{HashMap, VecDeque};

use super::tally::{Count, Exhausted, Share, Tally};
use crate::config::Budgets;
use crate::model::Timestamp;

/// A patient, or what was asked in the place of one, as a keyed hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Subject(pub u64);

/// Birth date, family name and given name of a look-up as hashes of this process.
pub type Likeness = [u64; 3];

/// Who asks. Both come from a verified assertion, the system from the certificate.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// Issuer and id of the person.
    pub person: &'a str,
    /// The organisation.
    pub facility: &'a str,
    /// Whether the purpose is EMERGENCY and the agreement knows it.
    pub in_emergency: bool,
}

/// What the asker has learnt of one patient.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Whom it is counted as.
    pub subject: Subject,
    /// Other names of the same: asking by them is free as well.
    pub also: Vec<Subject>,
    /// Whether nobody was found.
    pub missed: bool,
    /// What was typed, for look-ups by demographics.
    pub likeness: Option<Likeness>,
}

/// Whether somebody may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Yes. `beyond`: over a budget, as an emergency; `is_new`: to be ended by [`Ledger::ended`].
    Go {
        /// Over a budget.
        beyond: bool,
        /// About somebody not asked about before.
        is_new: bool,
    },
    /// When another question of the same person has ended.
    Later,
    /// No.
    Over {
        /// `person`, `facility`, `peer` or `emergency`.
        whose: &'static str,
        /// What is used up.
        what: Exhausted,
    },
}

/// One subject as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// When it was asked about first.
    pub at: Timestamp,
    /// Nobody was found.
    pub missed: bool,
    /// Only another name of one that counts.
    pub alias: bool,
    /// Asked about over a budget, as an emergency.
    pub beyond: bool,
}

/// The counts of one asking system.
#[derive(Debug)]
pub struct Ledger {
    budgets: Budgets,
    whole: Tally,
    facilities: HashMap<String, Tally>,
    persons: HashMap<String, Person>,
    /// Subjects held over all persons.
    held: usize,
}

#[derive(Debug, Default)]
struct Person {
    tally: Tally,
    emergencies: Tally,
    subjects: HashMap<Subject, Kept>,
    missed_last: VecDeque<(Subject, Likeness)>,
    /// How often whom they found has explained misses.
    excused: HashMap<Subject, u8>,
    pending: u32,
    sweep_at: usize,
}

/// What one person, facility or the system has used up, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Used {
    /// `person`, `facility` or `peer`.
    pub whose: &'static str,
    /// Who.
    pub name: String,
    /// Hour, day, 30 days.
    pub counts: [Count; 3],
    /// Whether it is over its budget now.
    pub is_over: bool,
}

impl Ledger {
    /// Nothing used up yet.
    pub fn new(budgets: Budgets) -> Self {
        let (facilities, persons) = (HashMap::new(), HashMap::new());
        Self { budgets, whole: Tally::default(), facilities, persons, held: 0 }
    }

    /// Whether a question about these may be asked.
    pub fn ask(&mut self, asker: Asker<'_>, subjects: &[Subject], now: Timestamp) -> Verdict {
        let budgets = self.budgets;
        self.whole.settle(now);
        let facility = facility(&mut self.facilities, asker.facility);
        facility.settle(now);
        let person = person(&mut self.persons, asker.person, now);
        if !subjects.is_empty() && subjects.iter().all(|subject| person.knows(*subject, now)) {
            return Verdict::Go { beyond: false, is_new: false };
        }
        person.tally.settle(now);
        let level = |share| {
            let peer = self.whole.exhausted(&budgets.peer, share, 0, now).map(|what| ("peer", what));
            let own = || facility.exhausted(&budgets.facility, share, 0, now);
            peer.or_else(|| own().map(|what| ("facility", what)))
        };
        let strained = level(Share::Whole);
        let share = if strained.is_some() { Share::Strained } else { Share::Whole };
        let closed = strained.and_then(|_| level(Share::Fourfold));
        let over = match closed.filter(|_| !person.tally.is_proven(&budgets.person)) {
            Some(over) => Some(over),
            None => person.tally.exhausted(&budgets.person, share, person.pending, now).map(|what| {
                let is_own = person.tally.exhausted(&budgets.person, Share::Whole, 0, now).is_some();
                let whose = strained.filter(|_| !is_own).map_or("person", |(whose, _)| whose);
                (whose, what)
            }),
        };
        let Some((whose, what)) = over else {
            let left = person.tally.misses_left(&budgets.person, share);
            if person.pending >= left && !asker.in_emergency {
                return Verdict::Later;
            }
            person.pending += 1;
            return Verdict::Go { beyond: false, is_new: true };
        };
        if !asker.in_emergency {
            return Verdict::Over { whose, what };
        }
        person.emergencies.settle(now);
        let [_, day, _] = person.emergencies.totals();
        if day.patients.saturating_add(person.pending) >= budgets.emergencies_per_day {
            return Verdict::Over { whose: "emergency", what };
        }
        person.pending += 1;
        Verdict::Go { beyond: true, is_new: true }
    }

    /// A question about somebody new has ended.
    pub fn ended(&mut self, asker: Asker<'_>) {
        if let Some(person) = known(&mut self.persons, asker.person) {
            person.pending = person.pending.saturating_sub(1);
        }
    }

    /// Counts what the asker has learnt. Gives what is to be kept over a restart.
    pub fn count(
        &mut self,
        asker: Asker<'_>,
        seen: &Seen,
        beyond: bool,
        now: Timestamp,
    ) -> Vec<(Subject, Kept)> {
        let person = person(&mut self.persons, asker.person, now);
        let facility = facility(&mut self.facilities, asker.facility);
        let mut changes = Vec::new();
        let is_known = |subject: &Subject| person.knows(*subject, now);
        if !std::iter::once(&seen.subject).chain(&seen.also).any(is_known) {
            let kept = Kept { at: now, missed: seen.missed, alias: false, beyond };
            let count = Count { patients: 1, misses: u32::from(seen.missed) };
            for tally in [&mut person.tally, &mut *facility, &mut self.whole] {
                tally.add(now, count);
            }
            if beyond {
                person.emergencies.add(now, count);
            }
            person.keep(seen.subject, kept, &mut self.held);
            changes.push((seen.subject, kept));
        }
        if seen.missed {
            person.missed_last.extend(seen.likeness.map(|likeness| (seen.subject, likeness)));
            if person.missed_last.len() > MISSED_LAST {
                person.missed_last.pop_front();
            }
            return changes;
        }
        for subject in &seen.also {
            if *subject != seen.subject && !person.knows(*subject, now) {
                let kept = Kept { at: now, missed: false, alias: true, beyond: false };
                person.keep(*subject, kept, &mut self.held);
                changes.push((*subject, kept));
            }
        }
        // A name mistyped and then found is one look-up.
        let mut found: Vec<Subject> =
            std::iter::once(seen.subject).chain(seen.also.iter().copied()).collect();
        found.extend(seen.likeness.iter().flat_map(|likeness| person.excused_by(seen.subject, likeness)));
        for subject in found {
            let Some(kept) = person.subjects.get_mut(&subject).filter(|kept| kept.missed) else { continue };
            kept.missed = false;
            changes.push((subject, *kept));
            for tally in [&mut person.tally, &mut *facility, &mut self.whole] {
                tally.forgive(kept.at);
            }
        }
        changes
    }

    /// Takes in what was kept before a restart. To be called in the order of time.
    pub fn take_in(&mut self, person_key: &str, facility_key: &str, subject: Subject, kept: Kept) {
        let person = person(&mut self.persons, person_key, kept.at);
        if !kept.alias {
            let count = Count { patients: 1, misses: u32::from(kept.missed) };
            let facility = facility(&mut self.facilities, facility_key);
            for tally in [&mut person.tally, facility, &mut self.whole] {
                tally.add(kept.at, count);
                tally.settle(kept.at);
            }
            if kept.beyond {
                person.emergencies.add(kept.at, count);
            }
        }
        person.keep(subject, kept, &mut self.held);
    }

    /// What is used up, for people: all persons and facilities, and the whole.
    pub fn used(&mut self, now: Timestamp) -> Vec<Used> {
        let budgets = self.budgets;
        let of = |whose, name: &str, tally: &mut Tally, budget| {
            tally.settle(now);
            let is_over = tally.exhausted(budget, Share::Whole, 0, now).is_some();
            Used { whose, name: name.to_owned(), counts: tally.totals(), is_over }
        };
        let mut used = vec![of("peer", "", &mut self.whole, &budgets.peer)];
        for (name, tally) in &mut self.facilities {
            used.push(of("facility", name, tally, &budgets.facility));
        }
        for (name, person) in &mut self.persons {
            used.push(of("person", name, &mut person.tally, &budgets.person));
        }
        used.sort_by(|one, two| (one.whose, &one.name).cmp(&(two.whose, &two.name)));
        used
    }
}

impl Person {
    fn knows(&self, subject: Subject, now: Timestamp) -> bool {
        self.subjects.get(&subject).is_some_and(|kept| now < kept.at.plus_seconds(KEPT_S))
    }

    /// Holds one more, and forgets those that are too old from time to time. At the cap a subject is
    /// counted and not held: asking about it again counts again.
    fn keep(&mut self, subject: Subject, kept: Kept, held: &mut usize) {
        if self.subjects.len() >= self.sweep_at.max(SWEPT_FROM) {
            let before = self.subjects.len();
            self.subjects.retain(|_, older| kept.at < older.at.plus_seconds(KEPT_S));
            *held = held.saturating_sub(before - self.subjects.len());
            let subjects = &self.subjects;
            self.excused.retain(|found, _| subjects.contains_key(found));
            self.sweep_at = self.subjects.len() * 2;
        }
        if *held < SUBJECTS_MAX && self.subjects.insert(subject, kept).is_none() {
            *held += 1;
        }
    }

    // What this patient explains as typing errors: so often, else somebody known would excuse any
    // number of guesses. Forgotten by a restart.
    fn excused_by(&mut self, found: Subject, likeness: &Likeness) -> Vec<Subject> {
        let times = self.excused.get(&found).copied().unwrap_or_default();
        let is_full = self.excused.len() >= EXCUSED_MAX && !self.excused.contains_key(&found);
        if times >= EXCUSES_MAX || is_full {
            return Vec::new();
        }
        let subjects = self.mistyped(likeness);
        if !subjects.is_empty() {
            self.excused.insert(found, times + 1);
        }
        subjects
    }

    // Those missed of late that share two of birth date, family and given name with one found.
    fn mistyped(&mut self, found: &Likeness) -> Vec<Subject> {
        let alike = |missed: &Likeness| missed.iter().zip(found).filter(|(one, two)| one == two).count() >= 2;
        let subjects = self.missed_last.iter().rev().filter(|(_, missed)| alike(missed));
        let subjects: Vec<Subject> = subjects.map(|(subject, _)| *subject).take(MISTYPED_MAX).collect();
        self.missed_last.retain(|(subject, _)| !subjects.contains(subject));
        subjects
    }
}

fn facility<'a>(facilities: &'a mut HashMap<String, Tally>, name: &str) -> &'a mut Tally {
    let is_room = facilities.len() < FACILITIES_MAX || facilities.contains_key(name);
    let key = if is_room { name } else { "" };
    facilities.entry(key.to_owned()).or_default()
}

fn known<'a>(persons: &'a mut HashMap<String, Person>, name: &str) -> Option<&'a mut Person> {
    let key = if persons.contains_key(name) { name } else { "" };
    persons.get_mut(key)
}

// At the cap those who have not asked for 30 days are forgotten, with their subjects, which are too old
// as well; should none be, newcomers share one account.
fn person<'a>(persons: &'a mut HashMap<String, Person>, name: &str, now: Timestamp) -> &'a mut Person {
    if persons.len() >= PERSONS_MAX && !persons.contains_key(name) {
        persons.retain(|_, person| {
            person.tally.settle(now);
            person.pending > 0 || !person.tally.is_empty()
        });
    }
    let is_room = persons.len() < PERSONS_MAX || persons.contains_key(name);
    let key = if is_room { name } else { "" };
    persons.entry(key.to_owned()).or_default()
}

/// How long a subject is free once it was asked about.
pub const KEPT_S: i64 = 30 * 86_400;
/// Persons of one system told apart.
const PERSONS_MAX: usize = 20_000;
/// Facilities of one system told apart; further ones share one account.
const FACILITIES_MAX: usize = 2_000;
/// Subjects held of one system.
const SUBJECTS_MAX: usize = 500_000;
/// Subjects of one person from which on old ones are looked for.
const SWEPT_FROM: usize = 128;
/// Misses of a person in which a typing error is looked for.
const MISSED_LAST: usize = 8;
/// How often one person found explains misses.
const EXCUSES_MAX: u8 = 3;
/// Persons found that have explained misses, of one asker.
const EXCUSED_MAX: usize = 10_000;
/// Misses that one person found explains.
const MISTYPED_MAX: usize = 3;

#[cfg(test)]
mod tests;
