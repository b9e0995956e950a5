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
        // What the target itself does not hold them against, its community may have to.
        criteria: Criteria { references: query.criteria.references.clone(), ..Criteria::default() },
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::model::{Association, Authority, Oid, PatientId, Phi};

    struct Site(usize, Descriptor);

    impl Community for Site {
        fn descriptor(&self) -> &Descriptor {
            &self.1
        }

        fn objects_per_query(&self) -> usize {
            self.0
        }
    }

    fn site(at_a_time: usize) -> Site {
        Site(at_a_time, crate::policy::fixture::peer("2.999.34"))
    }

    fn list() -> DocumentQuery {
        let patient = PatientId::new(Authority(Oid::parse("2.999.34.1").unwrap()), "H-1");
        DocumentQuery {
            by: QueryKey::Patient(patient),
            home: None,
            criteria: Criteria { statuses: BTreeSet::new(), ..Criteria::default() },
            returns: ReturnType::LeafClass,
        }
    }

    fn refused() -> Answer<RegistryObject> {
        Answer { answered: 0, reported: vec![too_many(&site(0).1)], ..Answer::default() }
    }

    fn references(count: usize) -> Answer<RegistryObject> {
        let reference = |n: usize| ObjectId(Phi::new(format!("urn:uuid:{n:04}")));
        Answer { references: (0..count).map(reference).collect(), ..Answer::found(Vec::new()) }
    }

    #[test]
    fn a_list_that_is_too_long_is_asked_for_as_ids_and_each_id_once() {
        let mut answer = refused();
        let [ids] = pieces(&list(), &site(3), &mut answer).try_into().unwrap();
        assert_eq!((&ids.by, ids.returns), (&list().by, ReturnType::ObjectRef));
        assert!(answer.reported.is_empty(), "that is mended now");
        let mut answer = references(7);
        answer.references.extend(references(2).references);
        let asked = pieces(&ids, &site(3), &mut answer);
        let of = |query: &DocumentQuery| match &query.by {
            QueryKey::Objects(ids) => ids.len(),
            _ => 0,
        };
        assert_eq!(asked.iter().map(of).collect::<Vec<_>>(), [3, 3, 1]);
        assert!(
            answer.references.is_empty() && asked.iter().all(|piece| piece.returns == ReturnType::LeafClass)
        );
        let mut answer = refused();
        let halves = pieces(&asked[0], &site(3), &mut answer);
        assert_eq!(halves.iter().map(of).collect::<Vec<_>>(), [1, 2], "halved where it is too many still");
        let mut answer = refused();
        assert!(pieces(&halves[0], &site(3), &mut answer).is_empty() && answer.reported.len() == 1);
    }

    #[test]
    fn nothing_more_is_asked_where_the_file_says_so_nor_of_a_list_without_end_nor_beside_findings() {
        let mut answer = refused();
        assert!(pieces(&list(), &site(0), &mut answer).is_empty() && answer.reported.len() == 1);
        let ids = DocumentQuery { returns: ReturnType::ObjectRef, ..list() };
        let mut answer = references(PIECED_MAX + 1);
        assert!(pieces(&ids, &site(3), &mut answer).is_empty() && answer.references.is_empty());
        assert_eq!(answer.reported[0].code, TOO_MANY);
        let link = Association {
            community: site(0).1.community,
            object: ObjectId(Phi::new("urn:uuid:1".to_owned())),
            kind: Association::TRANSFORMS.to_owned(),
            source: ObjectId(Phi::new("urn:uuid:2".to_owned())),
            target: ObjectId(Phi::new("urn:uuid:3".to_owned())),
            encoded: None,
        };
        let found = Answer::found(vec![RegistryObject::Association(link)]);
        let mut answer = Answer { reported: refused().reported, ..found };
        assert!(pieces(&list(), &site(3), &mut answer).is_empty());
        assert!(pieces(&list(), &site(3), &mut references(0)).is_empty());
    }
}
