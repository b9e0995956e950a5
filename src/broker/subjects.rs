//! Whom a request is counted as: before it is asked, and by what its answer told. Only what the asker
//! sees decides what is a miss, so that a budget tells nothing that the answer did not.

use std::collections::BTreeSet;

use super::budgets::Budgets;
use super::entry_cache::EntryCache;
use super::ledger::{Seen, Subject};
use crate::model::{
    Answer, Document, DocumentQuery, DocumentRetrieve, ObjectId, PatientDiscovery, PatientMatch, Phi,
    QueryKey, RegistryObject, Request, RequestContext,
};
use crate::policy::Permit;

/// A request whose patients are counted.
pub trait Counted: Request {
    /// Whom it asks about, as far as the message tells.
    fn subjects(&self, budgets: &Budgets, cache: &EntryCache, context: &RequestContext) -> Vec<Subject>;

    /// Whom the answer told of, and who turned out to be nobody.
    /// `asked` is what [`Counted::subjects`] gave.
    fn seen(
        &self,
        budgets: &Budgets,
        asked: &[Subject],
        permit: &Permit,
        answer: &Answer<Self::Found>,
    ) -> Vec<Seen>;
}

/// They were told of, or are known.
pub(super) fn found(subject: Subject) -> Seen {
    Seen { subject, also: Vec::new(), missed: false, likeness: None }
}

/// Who asked about them found nobody.
pub(super) fn missed(subject: Subject) -> Seen {
    Seen { missed: true, ..found(subject) }
}

impl Counted for PatientDiscovery {
    fn subjects(&self, budgets: &Budgets, _: &EntryCache, _: &RequestContext) -> Vec<Subject> {
        let typed = self.demographics.reveal();
        if typed.is_empty() {
            return self.ids.iter().map(|id| budgets.id(id)).collect();
        }
        vec![budgets.person(typed).0]
    }

    fn seen(
        &self,
        budgets: &Budgets,
        asked: &[Subject],
        _: &Permit,
        answer: &Answer<PatientMatch>,
    ) -> Vec<Seen> {
        let typed = self.demographics.reveal();
        let likeness = (!typed.is_empty()).then(|| budgets.person(typed).1);
        // Several communities may each name the person: one of the ids counts, the others are aliases.
        let mut ids = answer.found.iter().filter_map(|found| match found {
            PatientMatch::Found(found) => Some(budgets.id(&found.id)),
            _ => None,
        });
        if let Some(first) = ids.next() {
            return vec![Seen { also: ids.chain(asked.iter().copied()).collect(), likeness, ..found(first) }];
        }
        // A wish for more attributes is no miss, and who is away may have known them.
        let missed = answer.found.is_empty() && answer.unavailable.is_empty();
        asked.iter().map(|subject| Seen { missed, likeness, ..found(*subject) }).collect()
    }
}

impl Counted for DocumentQuery {
    // Who was shown an object asks about its patient again, also where nothing belongs to it: that a
    // document is in no folder is no miss.
    fn subjects(&self, budgets: &Budgets, cache: &EntryCache, context: &RequestContext) -> Vec<Subject> {
        match &self.by {
            QueryKey::Patient(id) => vec![budgets.id(id)],
            QueryKey::Objects(ids) => {
                let subject = |id: &ObjectId| match cache.owner(context, id) {
                    Some(patient) => budgets.id(&patient),
                    None => budgets.other(&id.0.reveal().to_ascii_lowercase()),
                };
                ids.iter().map(subject).collect()
            }
            QueryKey::UniqueIds(ids) => {
                let subject = |id: &Phi<String>| match cache.owner_of(context, id) {
                    Some(patient) => budgets.id(&patient),
                    None => budgets.other(id.reveal()),
                };
                ids.iter().map(subject).collect()
            }
        }
    }

    fn seen(
        &self,
        budgets: &Budgets,
        asked: &[Subject],
        _: &Permit,
        answer: &Answer<RegistryObject>,
    ) -> Vec<Seen> {
        let nothing = answer.found.is_empty() && answer.unavailable.is_empty();
        if answer.found.is_empty() || matches!(self.by, QueryKey::Patient(_)) {
            return asked.iter().map(|subject| Seen { missed: nothing, ..found(*subject) }).collect();
        }
        // An association is about whom its ends are about, which were looked up for it.
        let told = answer.found.iter().chain(&answer.witnesses);
        let patients = told.filter_map(RegistryObject::patient).map(|patient| budgets.id(patient));
        patients.collect::<BTreeSet<Subject>>().into_iter().map(found).collect()
    }
}

impl Counted for DocumentRetrieve {
    fn subjects(&self, budgets: &Budgets, cache: &EntryCache, context: &RequestContext) -> Vec<Subject> {
        let subject = |id| match cache.shown(context, id) {
            Some(entry) => budgets.id(&entry.patient),
            None => budgets.document(id),
        };
        self.documents.iter().map(subject).collect()
    }

    fn seen(
        &self,
        budgets: &Budgets,
        _: &[Subject],
        permit: &Permit,
        answer: &Answer<Document>,
    ) -> Vec<Seen> {
        let entries = answer.found.iter().filter_map(|document| permit.entry(&document.id));
        let patients: BTreeSet<Subject> = entries.map(|entry| budgets.id(&entry.patient)).collect();
        let guessed = answer.reported.iter().filter(|reported| NOBODYS.contains(&reported.code.as_str()));
        let guessed = guessed.filter_map(|reported| reported.document.as_ref());
        patients.into_iter().map(found).chain(guessed.map(|id| missed(budgets.document(id)))).collect()
    }
}

/// What is told of a document id that was guessed.
const NOBODYS: [&str; 3] = ["XDSDocumentUniqueIdError", "XDSUnknownRepositoryId", "XDSUnknownCommunity"];
