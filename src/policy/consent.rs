//! What the consent rows mean (decisions C1, C2; japan.md 5.1): one immutable snapshot of all of
//! them. Opt-in: without a row nobody consented. Days are days in Japan, both ends included.

mod cards;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use time::{Date, OffsetDateTime};

use self::cards::Given;
pub use self::cards::Held;
use crate::model::{CommunityId, PatientId, Phi, Purpose, Timestamp};
use crate::store::{ConsentRow, ConsentState, Terms};

/// A hospital's number of a person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HospitalNumber {
    /// 10-digit facility code.
    pub facility: String,
    /// The number.
    pub number: Phi<String>,
}

/// How a person stands toward a requester at one facility.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Withdrawn or refused: nothing overrides this.
    Blocked,
    /// These kinds may be shown as far as the person is concerned.
    Consented {
        /// The kinds.
        kinds: Terms,
    },
    /// No consent covers this requester.
    None,
}

/// All consents of one moment.
#[derive(Debug, Default)]
pub struct ConsentBook {
    version: u64,
    /// Rows that the audit log has not taken note of.
    not_on_record: usize,
    persons: HashMap<Phi<String>, Consenter>,
    owners: HashMap<HospitalNumber, Phi<String>>,
    by_facility: HashMap<(String, CommunityId), BTreeSet<Phi<String>>>,
    /// Whose card an id is or was, and at which network.
    holders: HashMap<PatientId, BTreeSet<(Phi<String>, CommunityId)>>,
}

#[derive(Debug, Default)]
struct Consenter {
    numbers: Vec<HospitalNumber>,
    /// Few: one a facility and community.
    toward: Vec<Toward>,
    /// In the order of their entry; most have none.
    cards: Vec<Given>,
}

#[derive(Debug)]
struct Toward {
    community: CommunityId,
    facility: String,
    rules: Vec<Rule>,
}

/// What of a row decides. There may be hundreds of thousands, most of them of few forms.
#[derive(Debug)]
struct Rule {
    covers: Arc<Covers>,
    state: ConsentState,
    valid_from: Date,
    valid_until: Option<Date>,
    /// Whether the audit log has taken note of it.
    on_record: bool,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Covers {
    viewers: Terms,
    kinds: Terms,
    purposes: Vec<Purpose>,
}

impl ConsentBook {
    /// From all rows in the order they were entered, all of them on record.
    pub fn new(version: u64, rows: Vec<ConsentRow>) -> Self {
        let all = rows.len();
        Self::partly_on_record(version, rows, all)
    }

    /// From all rows in the order they were entered, of which the first so many are in the audit log.
    /// What is not on record yet takes away and gives nothing.
    pub fn partly_on_record(version: u64, rows: Vec<ConsentRow>, on_record: usize) -> Self {
        let not_on_record = rows.len().saturating_sub(on_record);
        let mut book = Self { version, not_on_record, ..Self::default() };
        let mut forms = HashSet::new();
        let counting = counting(&rows, on_record);
        for (at, (row, counts)) in rows.into_iter().zip(counting).enumerate() {
            let on_record = at < on_record;
            let number = HospitalNumber { facility: row.facility.clone(), number: row.patient_no };
            book.owners.entry(number.clone()).or_insert_with(|| row.network_id.clone());
            let toward = (row.facility.clone(), row.community.clone());
            book.by_facility.entry(toward).or_default().insert(row.network_id.clone());
            let person = book.persons.entry(row.network_id.clone()).or_default();
            if !person.numbers.contains(&number) {
                person.numbers.push(number.clone());
            }
            if let Some(card) = row.card {
                let holder = (row.network_id.clone(), row.community.clone());
                book.holders.entry(card.id.clone()).or_default().insert(holder);
                let community = row.community.clone();
                person.cards.push(Given { community, number: number.clone(), card, on_record });
            }
            let covers = Covers { viewers: row.viewers, kinds: row.kinds, purposes: row.purposes };
            let covers = forms.get(&covers).cloned().unwrap_or_else(|| Arc::new(covers));
            forms.insert(Arc::clone(&covers));
            let (state, valid_from, valid_until) = (row.state, row.valid_from, row.valid_until);
            let rule = counts.then_some(Rule { covers, state, valid_from, valid_until, on_record });
            let known =
                person.toward.iter_mut().find(|t| t.community == row.community && t.facility == row.facility);
            match known {
                Some(toward) => toward.rules.extend(rule),
                None => {
                    let rules = rule.into_iter().collect();
                    person.toward.push(Toward { community: row.community, facility: row.facility, rules });
                }
            }
        }
        book
    }

    /// Grows with every change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Rows that the audit log has not taken note of.
    pub const fn not_on_record(&self) -> usize {
        self.not_on_record
    }

    /// The network id of the person with this hospital number, as any row of any day tells.
    pub fn network_id_of(&self, facility: &str, number: &Phi<String>) -> Option<&Phi<String>> {
        self.owners.get(&HospitalNumber { facility: facility.to_owned(), number: number.clone() })
    }

    /// A person's hospital numbers, several of one hospital included.
    pub fn numbers_of(&self, network_id: &Phi<String>) -> &[HospitalNumber] {
        self.persons.get(network_id).map(|person| person.numbers.as_slice()).unwrap_or_default()
    }

    /// How a person stands toward a viewer of a community at a facility. Withdrawn or refused beats
    /// all; then the newest row counts alone, and says yes only if it names viewer and purpose.
    pub fn standing(
        &self,
        asked: &Asked<'_>,
        facility: &str,
        network_id: &Phi<String>,
        now: Timestamp,
    ) -> Standing {
        let mut toward = self.toward(asked.community, network_id);
        let Some(here) = toward.find(|toward| toward.facility == facility) else { return Standing::None };
        let day = japan_day(now);
        let viewer = bare(asked.viewer);
        let covered = |rules: Vec<&Rule>| {
            let covers = |rule: &&Rule| {
                rule.covers.viewers.cover(viewer) && rule.covers.purposes.contains(&asked.purpose)
            };
            kinds(&rules.into_iter().filter(covers).collect::<Vec<_>>())
        };
        let Ok(all) = newest(&here.rules, day) else { return Standing::Blocked };
        let mut kinds = covered(all);
        if let Some(recorded) = here.on_record(day) {
            kinds = kinds.zip(covered(recorded)).map(|(all, recorded)| all.and(&recorded));
        }
        kinds.map_or(Standing::None, |kinds| Standing::Consented { kinds })
    }

    /// Whether the person has withdrawn or refused toward this community at any facility.
    pub fn blocked_anywhere(
        &self,
        community: &CommunityId,
        network_id: &Phi<String>,
        now: Timestamp,
    ) -> bool {
        let day = japan_day(now);
        self.toward(community, network_id).any(|toward| newest(&toward.rules, day).is_err())
    }

    /// The communities where this person may be asked for, each with the hospital numbers of the
    /// rows that say so: what is sent comes from these records (decisions A8).
    pub fn abroad(
        &self,
        network_id: &Phi<String>,
        now: Timestamp,
    ) -> Vec<(CommunityId, Vec<HospitalNumber>)> {
        let Some(person) = self.persons.get(network_id) else { return Vec::new() };
        let day = japan_day(now);
        let mut communities: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for toward in &person.toward {
            if toward.is_open(day) {
                let numbers = person.numbers.iter().filter(|number| number.facility == toward.facility);
                communities.entry(toward.community.clone()).or_default().extend(numbers.cloned());
            }
        }
        communities.into_iter().collect()
    }

    /// Everyone with a row of this facility toward this community, whatever it says.
    pub fn persons_toward(
        &self,
        community: &CommunityId,
        facility: &str,
    ) -> impl Iterator<Item = &Phi<String>> {
        let key = (facility.to_owned(), community.clone());
        self.by_facility.get(&key).into_iter().flatten()
    }

    /// Everyone with a number of this facility, found by looking at all numbers.
    pub fn persons_of(&self, facility: &str) -> impl Iterator<Item = &Phi<String>> {
        let here = self.owners.iter().filter(move |(number, _)| number.facility == facility);
        here.map(|(_, person)| person)
    }

    /// The communities that rows of a person at a facility name, whatever they say.
    pub fn communities_of(
        &self,
        network_id: &Phi<String>,
        facility: &str,
    ) -> impl Iterator<Item = &CommunityId> {
        let person = self.persons.get(network_id).into_iter();
        let toward = person.flat_map(|person| &person.toward);
        toward.filter(move |toward| toward.facility == facility).map(|toward| &toward.community)
    }

    fn toward(&self, community: &CommunityId, network_id: &Phi<String>) -> impl Iterator<Item = &Toward> {
        let person = self.persons.get(network_id).into_iter();
        person.flat_map(|person| &person.toward).filter(move |toward| toward.community == *community)
    }
}

impl Toward {
    /// Whether the person may be asked for there.
    fn is_open(&self, day: Date) -> bool {
        let recorded = self.on_record(day).is_none_or(|recorded| !recorded.is_empty());
        recorded && newest(&self.rules, day).is_ok_and(|newest| !newest.is_empty())
    }

    /// What counts by the rows on record alone; None when all are.
    fn on_record(&self, day: Date) -> Option<Vec<&Rule>> {
        if self.rules.iter().all(|rule| rule.on_record) {
            return None;
        }
        Some(newest(self.rules.iter().filter(|rule| rule.on_record), day).unwrap_or_default())
    }
}

/// For whom and for what a consent is looked up.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The asking community.
    pub community: &'a CommunityId,
    /// The asking organisation's id, with or without `urn:oid:`.
    pub viewer: &'a str,
    /// What for.
    pub purpose: Purpose,
}

/// The day in Japan (UTC+9, no summer time). A time out of all range is the first day of all, on
/// which nothing is valid.
pub fn japan_day(at: Timestamp) -> Date {
    let seconds = at.micros().div_euclid(1_000_000).saturating_add(9 * 3600);
    OffsetDateTime::from_unix_timestamp(seconds).map_or(Date::MIN, OffsetDateTime::date)
}

/// An organisation id as consents hold it: without `urn:oid:`.
pub(super) fn bare(id: &str) -> &str {
    let id = id.trim();
    match id.get(..8) {
        Some(prefix) if prefix.eq_ignore_ascii_case("urn:oid:") => id.get(8..).unwrap_or_default(),
        _ => id,
    }
}

/// Which rows count. The same "no" entered again with another last day: the later entry counts, so
/// that a withdrawal can be ended, once that is on record. Any other "no" stands beside it.
fn counting(rows: &[ConsentRow], on_record: usize) -> Vec<bool> {
    let mut later = HashSet::new();
    let mut counting: Vec<_> = rows
        .iter()
        .enumerate()
        .rev()
        .map(|(at, row)| at >= on_record || !row.state.blocks() || later.insert(form_of(row)))
        .collect();
    counting.reverse();
    counting
}

/// What two entries of one "no" have in common.
fn form_of(row: &ConsentRow) -> impl Eq + std::hash::Hash {
    let number = (&row.network_id, &row.facility, &row.patient_no, &row.community);
    (number, row.state.word(), row.valid_from, &row.form, &row.evidence)
}

/// The rules that count on a day: those of the newest first day. Err when one of the day says no.
fn newest<'a>(rules: impl IntoIterator<Item = &'a Rule>, day: Date) -> Result<Vec<&'a Rule>, ()> {
    let valid: Vec<_> = rules
        .into_iter()
        .filter(|rule| rule.valid_from <= day && rule.valid_until.is_none_or(|last| day <= last))
        .collect();
    if valid.iter().any(|rule| rule.state.blocks()) {
        return Err(());
    }
    let newest = valid.iter().map(|rule| rule.valid_from).max();
    Ok(valid.into_iter().filter(|rule| Some(rule.valid_from) == newest).collect())
}

/// The kinds of rules of one day together; a limited one among them narrows to the limited ones.
fn kinds(rules: &[&Rule]) -> Option<Terms> {
    let is_limited = |rule: &&&Rule| rule.state == ConsentState::Limited;
    let limited: Vec<_> = rules.iter().filter(is_limited).collect();
    let counting = if limited.is_empty() { rules.iter().collect() } else { limited };
    let mut listed = BTreeSet::new();
    for rule in &counting {
        match &rule.covers.kinds {
            Terms::Listed(kinds) => listed.extend(kinds.iter().cloned()),
            // `limited` without a list limits to nothing.
            Terms::All if rule.state == ConsentState::Limited => {}
            Terms::All => return Some(Terms::All),
        }
    }
    (!counting.is_empty()).then_some(Terms::Listed(listed))
}

#[cfg(test)]
mod tests;
