//! Graded records of several sources become one person, a wish for more attributes, or nobody
//! (decisions A3 to A5, C4). No candidate list crosses the border.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::matching::{Key, Prepared, Shared};
use crate::model::{Attribute, Demographics, Grade, GradedRecord, PatientId};

/// How far the next person must stand below the answered one, in points (decisions A3: a first
/// value, checked on the development set and on twins).
pub const MARGIN: f64 = 6.0;

/// What the requester may know of the person a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// No consent covers this requester.
    Unconsented,
    /// No consent row at all, and the agreement permits an emergency to see them.
    Emergency,
    /// A consent lets this requester see something.
    Consented,
    /// Withdrawn or refused, here or at another hospital without a consent here: stays hidden, also in
    /// an emergency.
    Hidden,
}

/// A graded record with what home knows of it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The record.
    pub record: GradedRecord,
    /// The network id of its person, where a consent row names one.
    pub network_id: Option<PatientId>,
    /// What may be known of the person.
    pub standing: Standing,
}

/// What the records say.
#[derive(Debug, Clone)]
pub enum Conclusion {
    /// Close, not sure; `about` is the consented person it resembles.
    MoreAttributes {
        /// Network id of that person.
        about: PatientId,
        /// What would help and was not sent.
        wanted: BTreeSet<Attribute>,
    },
    /// Nobody, or nobody who may be known.
    Nobody,
    /// One person: the best of their records.
    Person(Box<Candidate>),
}

struct Person {
    records: Vec<Known>,
    network_id: Option<PatientId>,
    standing: Standing,
    grade: Grade,
    score: f64,
}

// A candidate with its keys made once: each is held against many.
struct Known {
    candidate: Candidate,
    keys: Prepared,
}

impl Person {
    fn of(candidate: Candidate) -> Self {
        let keys = Prepared::new(candidate.record.demographics.reveal());
        Self {
            standing: candidate.standing,
            grade: candidate.record.grade,
            score: candidate.record.score,
            network_id: candidate.network_id.clone(),
            records: vec![Known { candidate, keys }],
        }
    }

    fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.records.iter().map(|known| &known.candidate)
    }

    fn take(&mut self, other: Self) {
        // A "no" counts where it was said (decisions C1): the person stays consented, and the hidden
        // records neither help to find them nor are shown.
        self.standing = match (self.standing, other.standing) {
            (Standing::Hidden, Standing::Consented) | (Standing::Consented, Standing::Hidden) => {
                Standing::Consented
            }
            (one, two) => one.max(two),
        };
        self.network_id = self.network_id.take().or(other.network_id);
        self.records.extend(other.records);
        let is_consented = self.standing == Standing::Consented;
        let counting = self.candidates().filter(|c| !is_consented || c.standing != Standing::Hidden);
        let (mut grade, mut score) = (Grade::None, f64::NEG_INFINITY);
        for Candidate { record, .. } in counting {
            (grade, score) = (grade.max(record.grade), score.max(record.score));
        }
        (self.grade, self.score) = (grade, score);
    }

    /// Whether any of their records belongs to somebody who said no.
    fn has_hidden(&self) -> bool {
        self.candidates().any(|candidate| candidate.standing == Standing::Hidden)
    }

    fn is_same(&self, other: &Self) -> bool {
        match (&self.network_id, &other.network_id) {
            // Two persons that consents name apart are never joined, also not by a third record that
            // resembles both.
            (Some(one), Some(two)) => one == two,
            _ => self.pairs(other).any(|(one, two)| grade(one, two) == Grade::Auto),
        }
    }

    fn resembles(&self, other: &Self) -> bool {
        self.pairs(other).any(|(one, two)| grade(one, two) >= Grade::Review)
    }

    fn pairs<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (&'a Prepared, &'a Prepared)> {
        self.records.iter().flat_map(|one| other.records.iter().map(move |two| (&one.keys, &two.keys)))
    }

    /// Whether it stands above another or within the margin below.
    fn is_near(&self, top: &Self) -> bool {
        self.score >= top.score - MARGIN
    }

    fn best(self, standing: Standing) -> Option<Candidate> {
        let candidates = self.records.into_iter().map(|known| known.candidate);
        candidates.filter(|candidate| candidate.standing == standing).max_by(|one, two| {
            // At home not every record has a network id; the one that has it stands for all.
            let by_id = one.network_id.is_some().cmp(&two.network_id.is_some());
            by_id.then(one.record.score.total_cmp(&two.record.score))
        })
    }
}

fn grade(one: &Prepared, two: &Prepared) -> Grade {
    one.grade_among(two, &Shared::default()).0
}

/// Concludes from all graded records of our sources. `sent` is what the asker knows of the person.
pub fn conclude(candidates: Vec<Candidate>, sent: &Demographics) -> Conclusion {
    let mut persons = join(candidates);
    persons.sort_by(|one, two| two.score.total_cmp(&one.score));
    if let Some(at) = persons.iter().position(|p| p.standing == Standing::Consented && p.grade == Grade::Auto)
    {
        let top = persons.remove(at);
        let mut near = persons.iter().filter(|other| other.is_near(&top)).peekable();
        if near.peek().is_none() {
            return top
                .best(Standing::Consented)
                .map_or(Conclusion::Nobody, |c| Conclusion::Person(Box::new(c)));
        }
        if near.any(|other| other.standing != Standing::Consented) {
            return Conclusion::Nobody;
        }
        return more_attributes(top, sent);
    }
    if let Some(at) = sole_emergency(&persons) {
        let top = persons.remove(at);
        return top.best(Standing::Emergency).map_or(Conclusion::Nobody, |c| Conclusion::Person(Box::new(c)));
    }
    let Some(at) = persons.iter().position(|p| p.standing == Standing::Consented && p.grade == Grade::Review)
    else {
        return Conclusion::Nobody;
    };
    let top = persons.remove(at);
    // One who is sure and may not be known is more likely meant than one who resembles.
    let is_obstacle = |other: &Person| {
        other.standing != Standing::Consented && (other.is_near(&top) || other.grade == Grade::Auto)
    };
    if persons.iter().any(is_obstacle) { Conclusion::Nobody } else { more_attributes(top, sent) }
}

/// All persons, the likeliest first, each with their records: the one that resembles most stands first.
/// Within one network only: whoever asks chooses among them.
pub fn persons(candidates: Vec<Candidate>) -> Vec<Vec<Candidate>> {
    let mut persons = join(candidates);
    persons.sort_by(|one, two| two.score.total_cmp(&one.score));
    let best_first = |mut person: Person| {
        let score = |known: &Known| known.candidate.record.score;
        person.records.sort_by(|one, two| score(two).total_cmp(&score(one)));
        person.records.into_iter().map(|known| known.candidate).collect()
    };
    persons.into_iter().map(best_first).collect()
}

// Each is held against those only that they can be one with: a common name and a range of birth dates bring
// thousands, and all pairs of them would be too many.
fn join(candidates: Vec<Candidate>) -> Vec<Person> {
    let mut persons: Vec<Option<Person>> = Vec::new();
    let mut places: HashMap<Together, Vec<usize>> = HashMap::new();
    for candidate in candidates {
        let mut person = Person::of(candidate);
        // One record may join two groups that did not know of each other.
        while let Some(at) = person.first_same(&persons, &places) {
            let Some(known) = persons.get_mut(at).and_then(Option::take) else { break };
            person.take(known);
        }
        for shared in person.must_share() {
            places.entry(shared).or_default().push(persons.len());
        }
        persons.push(Some(person));
    }
    persons.into_iter().flatten().collect()
}

/// What two persons have in common at least if they are one.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Together {
    Record(Key),
    NetworkId(PatientId),
}

impl Person {
    fn must_share(&self) -> HashSet<Together> {
        let keys = self.records.iter().flat_map(|known| known.keys.must_share()).map(Together::Record);
        keys.chain(self.network_id.clone().map(Together::NetworkId)).collect()
    }

    // The place of the first of them who is the same person.
    fn first_same(&self, persons: &[Option<Self>], places: &HashMap<Together, Vec<usize>>) -> Option<usize> {
        let shared = self.must_share();
        let near = shared.iter().filter_map(|shared| places.get(shared)).flatten();
        let near: BTreeSet<usize> = near.copied().collect();
        let is_same =
            |at: &usize| persons.get(*at).and_then(Option::as_ref).is_some_and(|known| known.is_same(self));
        near.into_iter().find(is_same)
    }
}

// A sole `auto` without any consent row, and nobody resembling it who said no, if only at one hospital
// (decisions C4). Those who do not resemble what was asked are not among the candidates.
fn sole_emergency(persons: &[Person]) -> Option<usize> {
    let at = persons.iter().position(|p| p.standing == Standing::Emergency && p.grade == Grade::Auto)?;
    let top = persons.get(at)?;
    let mut others = persons.iter().enumerate().filter(|(index, _)| *index != at).map(|(_, person)| person);
    let is_obstacle = |other: &Person| {
        let is_rival = other.is_near(top) || other.grade == Grade::Auto;
        is_rival || (other.has_hidden() && other.resembles(top))
    };
    (!others.any(is_obstacle)).then_some(at)
}

fn more_attributes(top: Person, sent: &Demographics) -> Conclusion {
    let mut wanted = BTreeSet::new();
    if sent.addresses.is_empty() {
        wanted.insert(Attribute::Address);
    }
    if sent.phones.is_empty() {
        wanted.insert(Attribute::Telecom);
    }
    if sent.sex.is_none() {
        wanted.insert(Attribute::Gender);
    }
    let about = top.best(Standing::Consented).and_then(|candidate| candidate.network_id);
    match about {
        Some(about) if !wanted.is_empty() => Conclusion::MoreAttributes { about, wanted },
        _ => Conclusion::Nobody,
    }
}

#[cfg(test)]
mod tests;
