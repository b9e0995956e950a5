//! Decides. Until the policies are built: nothing is permitted.

use crate::model::{
    Answer, Descriptor, DocumentEntry, DocumentId, Finding, Operation, PatientId, Refusal, RequestContext,
};
use crate::policy::{Filtered, Permit};

/// Decides on policies and consents of the moment.
pub struct Authorizer {}

impl Authorizer {
    /// May this requester ask this at all? No patient is known yet (decisions A2).
    ///
    /// # Errors
    /// `Denied`.
    pub fn may_ask(&self, _: &RequestContext, _: Operation) -> Result<(), Refusal> {
        Err(Refusal::Denied)
    }

    /// May this be asked of these targets, about these patients (their ids as home knows them) and,
    /// for a retrieve, of these entries? The permit is narrowed to what may be.
    ///
    /// # Errors
    /// `Denied`, `Withheld` when nothing is left to ask.
    pub fn authorize(
        &self,
        _: &RequestContext,
        _: Operation,
        _patients: &[PatientId],
        _entries: Vec<DocumentEntry>,
        _targets: &[&Descriptor],
    ) -> Result<Permit, Refusal> {
        Err(Refusal::Denied)
    }

    /// Takes out every finding that may not be shown.
    pub fn filter<T: Finding>(&self, _: &RequestContext, permit: &Permit, answer: Answer<T>) -> Filtered<T> {
        let withheld = answer.found.len();
        let answer = Answer { found: Vec::new(), ..answer };
        Filtered { answer, withheld, decision: permit.decision.clone() }
    }

    /// The consent snapshot of this moment; grows with every change.
    pub fn consent_version(&self) -> u64 {
        0
    }

    /// Whether a document that is running may go on, by the consents of this moment.
    pub fn still_allows(&self, _: &RequestContext, _: &Permit, _: &DocumentId) -> bool {
        false
    }
}
