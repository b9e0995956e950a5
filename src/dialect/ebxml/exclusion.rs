//! What FindDocumentsExclude leaves out, judged by the whole metadata of an entry: gateways are asked
//! without it, as they do not know the query (wire.md 14).

use super::entry_view::{EntryView, metadata};
use super::parameter::like;
use crate::model::{Code, Criteria, DocumentEntry, Wanted};

/// Whether an entry that a target found may stay, by what that target was not asked to look at.
pub fn is_admitted(criteria: &Criteria, entry: &DocumentEntry) -> bool {
    if criteria.wanted != Wanted::DocumentsExcept {
        return true;
    }
    // What cannot be read cannot be told from what is to be left out.
    metadata(entry).is_ok_and(|view| !is_excluded(criteria, entry, &view) && has_references(criteria, &view))
}

fn is_excluded(criteria: &Criteria, entry: &DocumentEntry, view: &EntryView) -> bool {
    let without = &criteria.except;
    let one = |codes: &[Code], code: &Code| codes.iter().any(|given| given.same(code));
    let any = |codes: &[Code], given: &[Code]| given.iter().any(|code| one(codes, code));
    one(&without.classes, &entry.class)
        || one(&without.types, &entry.type_code)
        || one(&without.formats, &entry.format)
        || one(&without.practice_settings, &view.practice_setting)
        || one(&without.facility_types, &view.facility_type)
        || any(&without.event_codes, &view.event_codes)
        || any(&without.confidentialities, &entry.confidentiality)
        || without.author_persons.iter().any(|p| view.authors.iter().any(|author| like(p, &author.person)))
        || without.references.iter().any(|id| view.references.contains(id))
}

/// Whether an entry carries one of the reference ids of each slot.
pub fn has_references(criteria: &Criteria, view: &EntryView) -> bool {
    criteria.references.iter().all(|slot| slot.iter().any(|id| view.references.contains(id)))
}
