//! A list that its registry finds too long, in pieces that it can give: first the ids of all that is on
//! it, then each object by its id (wire.md 13.2). Every piece is a message of its own, on record first.

use crate::model::{
    Answer, Community, Criteria, Descriptor, DocumentQuery, ObjectId, QueryKey, RegistryObject, Reported,
    ReturnType, Severity, Wanted,
};

/// Objects that a list may have which is asked for in pieces; nothing so long is shown.
const PIECED_MAX: usize = 2_000;
const TOO_MANY: &str = "XDSTooManyResults";

/// What is to be asked after this answer; what it said of that, and what was only on the way, is taken
/// out of it.
pub(super) fn pieces(
    query: &DocumentQuery,
    to: &dyn Community,
    answer: &mut Answer<RegistryObject>,
) -> Vec<DocumentQuery> {
    let at_a_time = to.objects_per_query();
    let wants_entries_alone = matches!(
        query.criteria.wanted,
        Wanted::Documents | Wanted::DocumentsByReference | Wanted::DocumentsExcept
    );
    if at_a_time == 0 || !wants_entries_alone {
        return Vec::new();
    }
    // Nobody but this file asks for ids alone.
    if query.returns == ReturnType::ObjectRef {
        return by_ids(query, to, at_a_time, answer);
    }
    let smaller = smaller(query);
    let is_too_many = |reported: &Reported| reported.code == TOO_MANY;
    if smaller.is_empty() || !answer.found.is_empty() || !answer.reported.iter().any(is_too_many) {
        return Vec::new();
    }
    answer.reported.retain(|reported| !is_too_many(reported));
    smaller
}

// The list as ids, or half of the ids; nothing where there is no smaller question.
fn smaller(query: &DocumentQuery) -> Vec<DocumentQuery> {
    let of = |by| DocumentQuery { by, ..query.clone() };
    match &query.by {
        QueryKey::Patient(_) => vec![DocumentQuery { returns: ReturnType::ObjectRef, ..query.clone() }],
        QueryKey::Objects(ids) => halves(ids).map(|half| of(QueryKey::Objects(half.to_vec()))).collect(),
        QueryKey::UniqueIds(ids) => halves(ids).map(|half| of(QueryKey::UniqueIds(half.to_vec()))).collect(),
    }
}

fn by_ids(
    query: &DocumentQuery,
    to: &dyn Community,
    at_a_time: usize,
    answer: &mut Answer<RegistryObject>,
) -> Vec<DocumentQuery> {
    let mut ids = std::mem::take(&mut answer.references);
    ids.sort();
    ids.dedup();
    if ids.len() > PIECED_MAX {
        answer.reported.push(too_many(to.descriptor()));
        return Vec::new();
    }
    let piece = |ids: &[ObjectId]| DocumentQuery {
        by: QueryKey::Objects(ids.to_vec()),
        home: query.home.clone(),
        criteria: Criteria::default(),
        returns: ReturnType::LeafClass,
    };
    ids.chunks(at_a_time).map(piece).collect()
}

// Of one there are no halves.
fn halves<T>(ids: &[T]) -> impl Iterator<Item = &[T]> {
    let (one, two) = ids.split_at(ids.len() / 2);
    [one, two].into_iter().filter(|_| ids.len() > 1)
}

fn too_many(from: &Descriptor) -> Reported {
    Reported {
        code: TOO_MANY.to_owned(),
        context: "more documents than can be listed; ask for fewer".to_owned(),
        severity: Severity::Error,
        community: Some(from.community.clone()),
        document: None,
    }
}
