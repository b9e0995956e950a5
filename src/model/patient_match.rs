//! What a patient discovery finds: graded records of our sources before `conclude`, then one person
//! or a wish for more attributes.

use std::collections::BTreeSet;

use super::{Attribute, CommunityId, Demographics, Finding, PatientId, Phi, Subject, TargetName};

/// How sure the matcher is (japan.md 2.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Below 12: no link.
    None,
    /// 12 to 22, or a veto: a person must look.
    Review,
    /// 22 and no veto.
    Auto,
}

/// A record of one of our sources with its grade against what was asked.
#[derive(Debug, Clone)]
pub struct GradedRecord {
    /// The source it lies in.
    pub source: TargetName,
    /// The facility (10-digit code) of the source.
    pub facility: String,
    /// The hospital's number of the patient.
    pub id: PatientId,
    /// The record's demographics.
    pub demographics: Phi<Demographics>,
    /// When the hospital sent them: digits that compare as text, over all sources.
    pub sent_at: String,
    /// Grade against the request.
    pub grade: Grade,
    /// Score in points (log2 weights, japan.md 2.4).
    pub score: f64,
}

/// One person, under one id of one community.
#[derive(Debug, Clone)]
pub struct FoundPatient {
    /// The community that holds the patient.
    pub community: CommunityId,
    /// The id to use in ITI-38 to that community.
    pub id: PatientId,
    /// Name, birth date, sex; None when asked by id only.
    pub demographics: Option<Phi<Demographics>>,
    /// Confidence, 0 to 100.
    pub confidence: u8,
    /// Their other ids, told within one network only.
    pub also: Vec<PatientId>,
}

/// Something a patient discovery found.
#[derive(Debug, Clone)]
pub enum PatientMatch {
    /// One person.
    Found(FoundPatient),
    /// A record that `conclude` still has to judge; never leaves the broker.
    Graded(GradedRecord),
    /// Close but not sure: these attributes would help. `about` is the person it resembles.
    MoreAttributes {
        /// The resembling person: our network id of them, None from a peer.
        about: Option<PatientId>,
        /// What to send in addition.
        wanted: BTreeSet<Attribute>,
    },
}

impl Finding for PatientMatch {
    fn subject(&self) -> Subject<'_> {
        match self {
            Self::Found(found) => Subject::Patient(&found.id),
            Self::MoreAttributes { about: Some(id), .. } => Subject::Patient(id),
            Self::MoreAttributes { about: None, .. } => Subject::Anyone,
            Self::Graded(_) => Subject::Unknown,
        }
    }
}
