//! Whether what another network shows is whom we asked for. It may lie or be careless: what it says of
//! a stranger must not be read as our patient's.

use crate::matching;
use crate::model::{
    Answer, Demographics, Descriptor, FoundPatient, Grade, PatientDiscovery, PatientId, PatientIdLookup,
};

/// Ids that one look-up may bring: numbers of one person, of which nobody has many.
pub(super) const IDS_MAX: usize = 8;

/// What of the answer to a look-up is taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub ids: Vec<PatientId>,
    /// How many were not, and why: a word of the metric.
    pub dropped: Vec<(&'static str, usize)>,
}

/// The person's ids at a peer. Each person shown must grade `auto` by itself against what was sent,
/// and speak for the peer's own home and authorities only (decisions A8).
pub(super) fn ids_of(lookup: &PatientIdLookup, from: &Descriptor, answer: Answer<FoundPatient>) -> Taken {
    // Those of a foreign home or authority the reader has put aside already.
    let mut foreign = answer.set_aside;
    let all = answer.found.len();
    if all > IDS_MAX {
        // The look-up named one person; this is a list of candidates or worse.
        return Taken { ids: Vec::new(), dropped: vec![("too_many_ids", all)] };
    }
    let (mut ids, mut strangers) = (Vec::new(), 0);
    for found in answer.found {
        if !speaks_for(from, &found) {
            foreign += 1;
        } else if !is_person(lookup, &found) {
            strangers += 1;
        } else if !ids.contains(&found.id) {
            ids.push(found.id);
        }
    }
    let dropped = [("not_asked", foreign), ("other_person", strangers)];
    Taken { ids, dropped: dropped.into_iter().filter(|(_, count)| *count > 0).collect() }
}

// Only a look-up by id alone is answered without demographics (decisions A4). Ours carry them, also
// where our network id goes along: the peer then has to match both, and shows whom it matched. So an
// answer to them that shows nobody proves nothing.
pub(super) fn is_person(lookup: &PatientIdLookup, found: &FoundPatient) -> bool {
    match (&lookup.demographics, shown(found)) {
        (Some(sent), Some(shown)) => matching::grade_answer(sent.reveal(), shown).grade == Grade::Auto,
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// Whether a person found resembles what was asked for: by what was typed, or, asked for by an id of
/// the peer's own, under that id. Who of several it is, the person at the portal sees.
pub(super) fn resembles(asked: &PatientDiscovery, found: &FoundPatient) -> bool {
    let typed = asked.demographics.reveal();
    match shown(found) {
        Some(shown) if !typed.is_empty() => matching::grade(typed, shown).grade >= Grade::Review,
        _ => asked.ids.contains(&found.id),
    }
}

/// A peer may speak only of its own patients, under its own authorities.
pub(super) fn speaks_for(from: &Descriptor, found: &FoundPatient) -> bool {
    found.community == from.community && from.authorities.contains(&found.id.authority)
}

fn shown(found: &FoundPatient) -> Option<&Demographics> {
    found.demographics.as_ref().map(|shown| shown.reveal()).filter(|shown| !shown.is_empty())
}

#[cfg(test)]
mod tests;
