//! The filters of FindDocuments against one entry of ours (ITI-18, 3.18.4.1.2.3.7.1; wire.md 13.1).
//! Unknown slots filter nothing; the patient is not judged here.

use crate::dialect::ebxml::{is_admitted, like};
use crate::model::{Code, Criteria, DocumentEntry, Dtm, EntryMetadata, TimeRange};

/// Stable document entries, the only sort we have.
const STABLE: &str = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1";

/// Whether an entry passes every filter.
pub(super) fn matches(criteria: &Criteria, entry: &DocumentEntry, metadata: &EntryMetadata) -> bool {
    criteria.statuses.contains(&entry.availability)
        && any_of(&criteria.classes, &entry.class)
        && any_of(&criteria.types, &entry.type_code)
        && any_of(&criteria.formats, &entry.format)
        && any_of(&criteria.practice_settings, &metadata.practice_setting)
        && any_of(&criteria.facility_types, &metadata.facility_type)
        && all_of_any(&criteria.event_codes, &metadata.event_codes)
        && all_of_any(&criteria.confidentialities, &entry.confidentiality)
        && authored(&criteria.author_persons, metadata)
        && within(&criteria.creation, Some(&metadata.creation))
        && within(&criteria.service_start, metadata.service_start.as_ref())
        && within(&criteria.service_stop, metadata.service_stop.as_ref())
        && wants_stable(&criteria.entry_types)
        && criteria.references.iter().all(|slot| slot.iter().any(|id| metadata.references.contains(id)))
        && is_admitted(criteria, entry)
}

fn any_of(wanted: &[Code], code: &Code) -> bool {
    wanted.is_empty() || wanted.iter().any(|w| w.same(code))
}

/// Slots AND-ed, the items of one slot OR-ed.
fn all_of_any(slots: &[Vec<Code>], codes: &[Code]) -> bool {
    slots.iter().all(|slot| slot.iter().any(|wanted| codes.iter().any(|code| wanted.same(code))))
}

fn authored(patterns: &[String], metadata: &EntryMetadata) -> bool {
    patterns.is_empty()
        || patterns.iter().any(|pattern| metadata.authors.iter().any(|a| like(pattern, &a.person)))
}

/// From is inclusive, To exclusive, both padded to the lowest value; an entry without the time is
/// not excluded.
fn within((from, to): &TimeRange, time: Option<&Dtm>) -> bool {
    let Some(time) = time.map(Dtm::padded) else { return true };
    from.as_ref().is_none_or(|from| from.padded() <= time) && to.as_ref().is_none_or(|to| time < to.padded())
}

fn wants_stable(types: &[String]) -> bool {
    types.is_empty() || types.iter().any(|t| t.trim().eq_ignore_ascii_case(STABLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn from_is_inclusive_to_is_exclusive_and_partial_times_are_padded() {
        let at = |text| Dtm::parse(text);
        let time = at("20240401000000");
        assert!(within(&(at("202404"), None), time.as_ref()));
        assert!(!within(&(None, at("202404")), time.as_ref()));
        assert!(within(&(at("2024"), at("20240401000001")), time.as_ref()));
        assert!(!within(&(at("20240401000001"), None), time.as_ref()));
        assert!(within(&(at("2030"), at("2031")), None));
    }

    #[test]
    fn slots_are_joined_by_and_and_their_items_by_or() {
        let code = |v: &str| Code::new(v, "1.2", "");
        let codes = [code("a"), code("b")];
        assert!(all_of_any(&[vec![code("a"), code("x")], vec![code("b")]], &codes));
        assert!(!all_of_any(&[vec![code("a")], vec![code("x")]], &codes));
        assert!(!all_of_any(&[vec![Code::new("a", "1.3", "")]], &codes));
        assert!(all_of_any(&[], &codes));
    }

    #[test]
    fn on_demand_only_finds_nothing_and_the_default_is_stable() {
        assert!(wants_stable(&[]));
        assert!(wants_stable(&[STABLE.to_owned()]));
        assert!(!wants_stable(&["urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248".to_owned()]));
    }
}
