//! What a registry of patients tells of one of its records, and a PIX manager of a person's ids.

use super::{Demographics, FoundPatient, Operation, PatientId, Phi, Request};

/// A patient's record has come, changed or gone (ITI-44), or the ids of a person have (ITI-46).
#[derive(Debug, Clone, PartialEq)]
pub struct PatientRecord {
    /// What has become of it.
    pub change: RecordChange,
    /// patient/id; never empty. In a notification all ids of the person.
    pub ids: Vec<PatientId>,
    /// asOtherIDs: what others call the person.
    pub others: Vec<PatientId>,
    /// Ids that stand for nobody any more; none but in a merge.
    pub subsumed: Vec<PatientId>,
    /// Name, birth date and sex; may be empty.
    pub demographics: Phi<Demographics>,
}

/// What has become of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordChange {
    /// It is new (PRPA_IN201301UV02).
    Added,
    /// It says something else than before (PRPA_IN201302UV02).
    Revised,
    /// Others turned out to be the same person's (PRPA_IN201304UV02).
    Merged,
}

impl PatientRecord {
    /// Every id it speaks of.
    pub fn all_ids(&self) -> impl Iterator<Item = &PatientId> {
        self.ids.iter().chain(&self.others).chain(&self.subsumed)
    }
}

// Nothing is found by telling; who is told says whether they have taken it.
impl Request for PatientRecord {
    type Found = FoundPatient;
    const OPERATION: Operation = Operation::PatientIdLookup;
}
