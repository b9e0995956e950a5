//! Objects that hang on others: what has to be looked up at the community that named them before they
//! can be judged, and which of an answer hang together with what was asked. Pure; everything here is of
//! one community.

use std::collections::{HashMap, HashSet};

use crate::model::{
    Answer, Association, Criteria, DocumentQuery, ObjectId, PackageKind, PatientId, QueryKey, RegistryObject,
    ReturnType, Wanted,
};

/// How many times further questions are put: first what packages hold, then what associations join.
pub(super) const ROUNDS: usize = 2;
/// Ids that one further question names at most; what hangs on others is withheld.
const IDS_MAX: usize = 1_000;

/// What is to be looked up next. `alone` tells whether packages may be shown whatever they hold.
pub(super) fn lookups(
    query: &DocumentQuery,
    answer: &Answer<RegistryObject>,
    alone: &dyn Fn() -> bool,
    round: usize,
) -> Vec<DocumentQuery> {
    match round {
        0 => links(query, &answer.found, alone).into_iter().collect(),
        _ => ends(answer),
    }
}

// What the packages found hold, where the answer itself does not say.
fn links(query: &DocumentQuery, found: &[RegistryObject], alone: &dyn Fn() -> bool) -> Option<DocumentQuery> {
    let packages = || found.iter().filter_map(RegistryObject::package);
    packages().next()?;
    match (query.criteria.wanted, &query.by) {
        // Whether they hold what was named tells whether they were asked for.
        (Wanted::FoldersForDocument, by) => Some(at(by.clone(), Wanted::DocumentsAndAssociations, query)),
        (Wanted::SubmissionSets, by @ QueryKey::Objects(_)) => {
            Some(at(by.clone(), Wanted::Associations, query))
        }
        _ if alone() => None,
        _ => {
            let told: HashSet<&ObjectId> = memberships(found).map(|membership| &membership.source).collect();
            let untold = packages().map(|package| &package.object).filter(|id| !told.contains(id));
            by_objects(untold, Wanted::Associations, query)
        }
    }
}

// What associations join, and what the packages found hold, as far as it is not here.
fn ends(answer: &Answer<RegistryObject>) -> Vec<DocumentQuery> {
    let all = || answer.found.iter().chain(&answer.witnesses);
    let known: HashSet<&ObjectId> =
        all().filter(|object| object.association().is_none()).map(RegistryObject::object).collect();
    let packages: HashMap<&ObjectId, PackageKind> =
        answer.found.iter().filter_map(RegistryObject::package).map(|p| (&p.object, p.kind)).collect();
    let joined: Vec<&Association> = {
        let told =
            memberships(&answer.witnesses).filter(|membership| packages.contains_key(&membership.source));
        answer.found.iter().filter_map(RegistryObject::association).chain(told).collect()
    };
    let is_association: HashSet<&ObjectId> = joined.iter().map(|association| &association.object).collect();
    let is_open = |id: &&ObjectId| !known.contains(*id) && !is_association.contains(*id);
    let (holding, other): (Vec<&Association>, Vec<&Association>) =
        joined.into_iter().partition(|association| association.is_membership());
    let holders = holding.iter().map(|membership| &membership.source).filter(is_open);
    let members = holding.iter().map(|membership| &membership.target).filter(is_open);
    let related = other.iter().flat_map(|association| association.ends()).filter(is_open);
    // Only a submission set may hold a folder; of whom it is not known what they are, they may be one.
    let folders = holding
        .iter()
        .filter(|membership| packages.get(&membership.source) != Some(&PackageKind::Folder))
        .map(|membership| &membership.target)
        .filter(is_open);
    let held = holding.iter().filter(|membership| is_open(&&membership.source)).map(|m| &m.target);
    let query = answer.found.iter().map(RegistryObject::community).next();
    let query = query.map(|home| DocumentQuery {
        by: QueryKey::Objects(Vec::new()),
        home: Some(home.clone()),
        criteria: Criteria::default(),
        returns: ReturnType::LeafClass,
    });
    let Some(query) = query else { return Vec::new() };
    let questions = [
        by_objects(members.chain(related), Wanted::Documents, &query),
        by_objects(holders.chain(folders), Wanted::Folders, &query),
        by_objects(held, Wanted::SubmissionSets, &query),
    ];
    questions.into_iter().flatten().collect()
}

fn at(by: QueryKey, wanted: Wanted, query: &DocumentQuery) -> DocumentQuery {
    let criteria = Criteria { wanted, ..Criteria::default() };
    DocumentQuery { by, home: query.home.clone(), criteria, returns: ReturnType::LeafClass }
}

fn by_objects<'i>(
    ids: impl Iterator<Item = &'i ObjectId>,
    wanted: Wanted,
    query: &DocumentQuery,
) -> Option<DocumentQuery> {
    let mut named = HashSet::new();
    let ids: Vec<ObjectId> = ids.filter(|id| named.insert(*id)).take(IDS_MAX).cloned().collect();
    (!ids.is_empty()).then(|| at(QueryKey::Objects(ids), wanted, query))
}

fn memberships(objects: &[RegistryObject]) -> impl Iterator<Item = &Association> {
    objects.iter().filter_map(RegistryObject::association).filter(|association| association.is_membership())
}

/// Leaves of what was looked up only what answers why it was: ends that were open, and what the packages
/// found hold.
pub(super) fn take_in(answer: &mut Answer<RegistryObject>, looked_up: Vec<RegistryObject>) {
    let packages: HashSet<ObjectId> =
        answer.found.iter().filter_map(RegistryObject::package).map(|p| p.object.clone()).collect();
    let associations = answer.found.iter().chain(&answer.witnesses).filter_map(RegistryObject::association);
    let ends: HashSet<ObjectId> = associations.flat_map(|a| a.ends().map(Clone::clone)).collect();
    let mut known: HashSet<ObjectId> =
        answer.found.iter().chain(&answer.witnesses).map(|object| object.object().clone()).collect();
    let new_ends: HashSet<ObjectId> =
        memberships(&looked_up).flat_map(|a| a.ends().map(Clone::clone)).collect();
    let is_wanted = |object: &RegistryObject| match object {
        RegistryObject::Association(a) => a.is_membership() && packages.contains(&a.source),
        object => ends.contains(object.object()) || new_ends.contains(object.object()),
    };
    let new = looked_up.into_iter().filter(|o| is_wanted(o) && known.insert(o.object().clone()));
    answer.witnesses.extend(new);
}

/// Leaves out what does not hang together with what was asked: other objects' associations, what is no
/// member of the package named, what would join two persons; and whatever comes a second time under one
/// id.
pub(super) fn connect(query: &DocumentQuery, answer: &mut Answer<RegistryObject>) {
    answer.is_joined_only = query.criteria.wanted == Wanted::RelatedDocuments;
    let is_list = |object: &RegistryObject| matches!(object, RegistryObject::Entry(_));
    let wanted = query.criteria.wanted;
    let hangs = matches!(
        wanted,
        Wanted::FolderAndContents | Wanted::RelatedDocuments | Wanted::SubmissionSetAndContents
    );
    if !hangs && answer.found.iter().all(is_list) {
        return;
    }
    let mut ids = HashSet::new();
    answer.found.retain(|object| ids.insert(object.object().clone()));
    let persons = persons(answer);
    for objects in [&mut answer.found, &mut answer.witnesses] {
        objects.retain(|object| object.association().is_none_or(|a| !joins_two(&persons, a)));
    }
    let hangs_together = Connected::of(query, answer);
    answer.found.retain(|object| hangs_together.has(object));
}

fn persons(answer: &Answer<RegistryObject>) -> HashMap<ObjectId, PatientId> {
    let objects = answer.found.iter().chain(&answer.witnesses);
    objects.filter_map(|object| Some((object.object().clone(), object.patient()?.clone()))).collect()
}

fn joins_two(persons: &HashMap<ObjectId, PatientId>, association: &Association) -> bool {
    let [source, target] = association.ends().map(|end| persons.get(end));
    source.is_some() && target.is_some() && source != target
}

/// What a query's answer is made of.
struct Connected<'q> {
    query: &'q DocumentQuery,
    /// What was named; of a patient all that was found.
    named: HashSet<ObjectId>,
    /// What lies in the packages named, or is related to the document named.
    members: HashSet<ObjectId>,
    /// Packages that hold what was named.
    holders: HashSet<ObjectId>,
    /// Submission sets found.
    sets: HashSet<ObjectId>,
}

impl<'q> Connected<'q> {
    fn of(query: &'q DocumentQuery, answer: &Answer<RegistryObject>) -> Self {
        let all = || answer.found.iter().chain(&answer.witnesses);
        let named: HashSet<ObjectId> = match &query.by {
            QueryKey::Objects(ids) => ids.iter().cloned().collect(),
            QueryKey::Patient(_) => answer.found.iter().map(|object| object.object().clone()).collect(),
            by @ QueryKey::UniqueIds(_) => {
                all().filter(|object| by.names(object)).map(|object| object.object().clone()).collect()
            }
        };
        let holders = all().filter_map(RegistryObject::association).filter(|a| a.is_membership());
        let holders = holders.filter(|a| named.contains(&a.target)).map(|a| a.source.clone()).collect();
        let packages = answer.found.iter().filter_map(RegistryObject::package);
        let sets = packages.filter(|package| package.kind == PackageKind::SubmissionSet);
        let sets = sets.map(|set| set.object.clone()).collect();
        let mut connected = Self { query, named, members: HashSet::new(), holders, sets };
        let associations = || answer.found.iter().filter_map(RegistryObject::association);
        connected.members = match query.criteria.wanted {
            Wanted::RelatedDocuments => associations()
                .filter(|a| connected.is_told(a))
                .flat_map(|a| a.ends().map(Clone::clone))
                .collect(),
            _ => associations()
                .filter(|a| a.is_membership() && connected.named.contains(&a.source))
                .map(|a| a.target.clone())
                .collect(),
        };
        connected
    }

    fn has(&self, object: &RegistryObject) -> bool {
        let id = object.object();
        match (object, self.query.criteria.wanted) {
            (RegistryObject::Association(association), _) => self.is_told(association),
            (
                RegistryObject::Entry(_),
                Wanted::FolderAndContents | Wanted::RelatedDocuments | Wanted::SubmissionSetAndContents,
            ) => self.members.contains(id),
            (RegistryObject::Package(_), Wanted::FolderAndContents) => self.named.contains(id),
            (RegistryObject::Package(_), Wanted::SubmissionSetAndContents) => {
                self.named.contains(id) || self.members.contains(id)
            }
            (RegistryObject::Package(_), Wanted::FoldersForDocument) => self.holders.contains(id),
            (RegistryObject::Package(_), Wanted::SubmissionSets)
                if !matches!(self.query.by, QueryKey::Patient(_)) =>
            {
                self.holders.contains(id)
            }
            (RegistryObject::Entry(_) | RegistryObject::Package(_), _) => true,
        }
    }

    fn is_told(&self, association: &Association) -> bool {
        let is_of = |ids: &HashSet<ObjectId>| association.ends().into_iter().any(|end| ids.contains(end));
        match self.query.criteria.wanted {
            Wanted::FolderAndContents => {
                association.is_membership() && self.named.contains(&association.source)
            }
            Wanted::RelatedDocuments => {
                is_of(&self.named) && self.query.criteria.admits_kind(&association.kind)
            }
            Wanted::SubmissionSetAndContents => {
                let is_within = |id: &ObjectId| self.named.contains(id) || self.members.contains(id);
                association.ends().into_iter().all(is_within)
            }
            // Those of other members tell what else lies there.
            Wanted::SubmissionSets => {
                association.is_membership()
                    && self.named.contains(&association.target)
                    && self.sets.contains(&association.source)
            }
            _ => is_of(&self.named),
        }
    }
}

#[cfg(test)]
mod tests;
