//! What the consent rows mean (decisions C1, C2; japan.md 5.1): one immutable snapshot of all of
//! them. Opt-in: without a row nobody consented. Days are days in Japan, both ends included.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use time::{Date, OffsetDateTime};

use crate::model::{CommunityId, Phi, Purpose, Timestamp};
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
    persons: HashMap<Phi<String>, Consenter>,
    owners: HashMap<HospitalNumber, Phi<String>>,
    by_facility: HashMap<(String, CommunityId), BTreeSet<Phi<String>>>,
}

#[derive(Debug, Default)]
struct Consenter {
    numbers: Vec<HospitalNumber>,
    rows: BTreeMap<CommunityId, BTreeMap<String, Vec<ConsentRow>>>,
}

impl ConsentBook {
    /// From all rows in the order they were entered.
    pub fn new(version: u64, rows: Vec<ConsentRow>) -> Self {
        let mut book = Self { version, ..Self::default() };
        for row in rows {
            let number = HospitalNumber { facility: row.facility.clone(), number: row.patient_no.clone() };
            book.owners.entry(number.clone()).or_insert_with(|| row.network_id.clone());
            book.by_facility
                .entry((row.facility.clone(), row.community.clone()))
                .or_default()
                .insert(row.network_id.clone());
            let person = book.persons.entry(row.network_id.clone()).or_default();
            if !person.numbers.contains(&number) {
                person.numbers.push(number);
            }
            let rows = person
                .rows
                .entry(row.community.clone())
                .or_default()
                .entry(row.facility.clone())
                .or_default();
            // The same "no" entered again with another last day: the later entry counts, so that a
            // withdrawal can be ended. Any other "no" stands beside it.
            rows.retain(|earlier| !(row.state.blocks() && same_form(earlier, &row)));
            rows.push(row);
        }
        book
    }

    /// Grows with every change.
    pub const fn version(&self) -> u64 {
        self.version
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
        let Some(rows) = self.rows(asked.community, facility, network_id) else { return Standing::None };
        let Ok(newest) = newest(rows, japan_day(now)) else { return Standing::Blocked };
        let viewer = bare(asked.viewer);
        let covering: Vec<_> = newest
            .into_iter()
            .filter(|row| row.viewers.cover(viewer) && row.purposes.contains(&asked.purpose))
            .collect();
        match kinds(&covering) {
            Some(kinds) => Standing::Consented { kinds },
            None => Standing::None,
        }
    }

    /// Whether the person has withdrawn or refused toward this community at any facility.
    pub fn blocked_anywhere(
        &self,
        community: &CommunityId,
        network_id: &Phi<String>,
        now: Timestamp,
    ) -> bool {
        let day = japan_day(now);
        let rows = self.persons.get(network_id).and_then(|person| person.rows.get(community));
        rows.is_some_and(|facilities| facilities.values().any(|rows| newest(rows, day).is_err()))
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
        let mut communities = Vec::new();
        for (community, facilities) in &person.rows {
            let consented = |facility: &String| {
                facilities
                    .get(facility)
                    .is_some_and(|rows| newest(rows, day).is_ok_and(|newest| !newest.is_empty()))
            };
            let numbers: Vec<_> = person.numbers.iter().filter(|n| consented(&n.facility)).cloned().collect();
            if !numbers.is_empty() {
                communities.push((community.clone(), numbers));
            }
        }
        communities
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

    /// The communities that rows of a person at a facility name, whatever they say.
    pub fn communities_of(
        &self,
        network_id: &Phi<String>,
        facility: &str,
    ) -> impl Iterator<Item = &CommunityId> {
        let rows = self.persons.get(network_id).map(|person| &person.rows);
        rows.into_iter()
            .flatten()
            .filter(move |(_, at)| at.contains_key(facility))
            .map(|(community, _)| community)
    }

    fn rows(
        &self,
        community: &CommunityId,
        facility: &str,
        network_id: &Phi<String>,
    ) -> Option<&Vec<ConsentRow>> {
        self.persons.get(network_id)?.rows.get(community)?.get(facility)
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

/// The rows that count on a day: those of the newest first day. Err when one of the day says no.
fn newest(rows: &[ConsentRow], day: Date) -> Result<Vec<&ConsentRow>, ()> {
    let valid: Vec<_> = rows
        .iter()
        .filter(|row| row.valid_from <= day && row.valid_until.is_none_or(|last| day <= last))
        .collect();
    if valid.iter().any(|row| row.state.blocks()) {
        return Err(());
    }
    let newest = valid.iter().map(|row| row.valid_from).max();
    Ok(valid.into_iter().filter(|row| Some(row.valid_from) == newest).collect())
}

/// The kinds of rows of one day together; a limited row among them narrows to the limited ones.
fn kinds(rows: &[&ConsentRow]) -> Option<Terms> {
    let is_limited = |row: &&&ConsentRow| row.state == ConsentState::Limited;
    let limited: Vec<_> = rows.iter().filter(is_limited).collect();
    let counting = if limited.is_empty() { rows.iter().collect() } else { limited };
    let mut listed = BTreeSet::new();
    for row in &counting {
        match &row.kinds {
            Terms::Listed(kinds) => listed.extend(kinds.iter().cloned()),
            // `limited` without a list limits to nothing.
            Terms::All if row.state == ConsentState::Limited => {}
            Terms::All => return Some(Terms::All),
        }
    }
    (!counting.is_empty()).then_some(Terms::Listed(listed))
}

fn same_form(a: &ConsentRow, b: &ConsentRow) -> bool {
    a.state == b.state
        && a.valid_from == b.valid_from
        && a.patient_no == b.patient_no
        && a.form == b.form
        && a.evidence == b.evidence
}

#[cfg(test)]
mod tests;
