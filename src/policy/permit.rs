//! The proofs: a `Permit` before anything is asked, a `Filtered` before anything is released. Both
//! can be made in this room only.

use crate::model::{
    Answer, Authority, CommunityId, DocumentEntry, DocumentId, Operation, PatientId, RequestId, Side,
    TargetName,
};

/// Why something was decided; goes into the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// `@id` of the determining policies, sorted.
    pub policies: Vec<String>,
    /// SHA-256 of the policy set, hex.
    pub policy_set: String,
    /// The consent snapshot decided on.
    pub consent_version: u64,
    /// `@obligation` texts of determining policies (`emergency`).
    pub obligations: Vec<String>,
}

/// A request may be carried out, toward these targets and about these patients and documents only.
#[derive(Debug, Clone)]
pub struct Permit {
    pub(super) request: RequestId,
    pub(super) operation: Operation,
    pub(super) patients: Vec<PatientId>,
    pub(super) targets: Vec<TargetName>,
    pub(super) entries: Vec<DocumentEntry>,
    pub(super) decision: Decision,
    pub(super) communities: Vec<PermittedCommunity>,
}

/// Whose patient ids a permitted target may speak of.
#[derive(Debug, Clone)]
pub(super) struct PermittedCommunity {
    pub(super) side: Side,
    pub(super) community: CommunityId,
    pub(super) authorities: Vec<Authority>,
}

impl Permit {
    /// The request it was made for.
    pub const fn request(&self) -> RequestId {
        self.request
    }

    /// The operation it was made for.
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// Whom it is about: ids under our authority or the peer's.
    pub fn patients(&self) -> &[PatientId] {
        &self.patients
    }

    /// The targets that may be asked; all others refuse it.
    pub fn targets(&self) -> &[TargetName] {
        &self.targets
    }

    /// For a retrieve: the entries that may be fetched.
    pub fn entries(&self) -> &[DocumentEntry] {
        &self.entries
    }

    /// The entry of a document that may be fetched.
    pub fn entry(&self, id: &DocumentId) -> Option<&DocumentEntry> {
        self.entries.iter().find(|entry| entry.id == *id)
    }

    /// Why.
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }
}

/// An answer from which everything withheld has been taken out.
#[derive(Debug)]
pub struct Filtered<T> {
    pub(super) answer: Answer<T>,
    pub(super) withheld: usize,
    pub(super) decision: Decision,
}

impl<T> Filtered<T> {
    /// What may be shown.
    pub const fn answer(&self) -> &Answer<T> {
        &self.answer
    }

    /// How many findings were taken out.
    pub const fn withheld(&self) -> usize {
        self.withheld
    }

    /// Why.
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Leaves so many findings, the first: the others are told on later pages, each judged and put on
    /// record then.
    pub fn first(&mut self, shown: usize) {
        self.answer.page.remaining = self.answer.found.len().saturating_sub(shown);
        self.answer.found.truncate(shown);
    }

    /// Takes the answer out, for `audit` to release.
    pub fn into_answer(self) -> Answer<T> {
        self.answer
    }
}

/// Proofs out of nothing, for the tests of rooms that only take them.
#[cfg(test)]
impl Permit {
    pub(crate) fn assumed(
        request: RequestId,
        operation: Operation,
        targets: Vec<TargetName>,
        entries: Vec<DocumentEntry>,
        decision: Decision,
    ) -> Self {
        let (patients, communities) = (Vec::new(), Vec::new());
        Self { request, operation, patients, targets, entries, decision, communities }
    }
}

#[cfg(test)]
impl<T> Filtered<T> {
    pub(crate) fn assumed(answer: Answer<T>, withheld: usize, decision: Decision) -> Self {
        Self { answer, withheld, decision }
    }
}
