//! Answers: what was found and what is missing. A dead peer is never an error of the request.

use std::time::Duration;

use bytes::Bytes;

use super::{CommunityId, DocumentId, ObjectId, Phi, RepositoryId, TargetName};

/// Why a target gave nothing. No text of a peer is shown to a requester.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Several persons fit and the target wants none to be chosen.
    #[error("the target could not tell one person")]
    Ambiguous,
    /// The breaker is open.
    #[error("not asked: it failed a moment ago")]
    BreakerOpen,
    /// It says it is busy, or our own limit toward it is used up.
    #[error("busy")]
    Busy,
    /// What it calls the person, as their card says, could not be kept, so it was not asked.
    #[error("not asked: the card it has given the person cannot be used at the moment")]
    CardUnread,
    /// It does not offer this operation.
    #[error("does not offer this operation")]
    NotOffered,
    /// It refused: a fault or an error answer. The text is for the operator.
    #[error("refused: {0}")]
    Rejected(String),
    /// No answer in time.
    #[error("no answer in time")]
    TimedOut,
    /// No record of the message could be written, so it was not sent.
    #[error("not asked: no record of it could be written")]
    Unrecorded,
    /// No connection. The text is for the operator.
    #[error("unreachable: {0}")]
    Unreachable(String),
    /// It answered something we cannot read. The text is for the operator.
    #[error("unreadable answer: {0}")]
    Unreadable(String),
}

/// A target that is missing in the answer, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// Its name, for logs and metrics only.
    pub target: TargetName,
    /// Its community.
    pub community: CommunityId,
    /// Its repository, where it has one.
    pub repository: Option<RepositoryId>,
    /// Why.
    pub failure: Failure,
}

/// An error or warning that an answer carries beside its findings: a peer's own, or one about a
/// single document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reported {
    /// ebXML error code (wire.md 17) or the HL7 code.
    pub code: String,
    /// codeContext, human-readable; without patient ids, hosts and class names when we write it.
    pub context: String,
    /// Error or warning.
    pub severity: Severity,
    /// The community it speaks for.
    pub community: Option<CommunityId>,
    /// The document it speaks of.
    pub document: Option<DocumentId>,
}

/// Severity of a reported error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something asked for is missing.
    Error,
    /// For information.
    Warning,
}

/// What was found and what is missing; two answers merge into one.
#[derive(Debug, Clone)]
pub struct Answer<T> {
    /// Findings.
    pub found: Vec<T>,
    /// Targets that were asked and gave nothing.
    pub unavailable: Vec<Outage>,
    /// Errors and warnings within answers.
    pub reported: Vec<Reported>,
    /// How many targets were contacted and replied.
    pub answered: usize,
    /// Findings that the reader put aside because they answer something else than was asked: another
    /// patient's, another home's, documents nobody named.
    pub set_aside: usize,
    /// How long the ids found may be remembered (XCPD CorrelationTimeToLive, or the peer's file); None
    /// is not at all.
    pub keep_for: Option<Duration>,
    /// Whether the target said that it does not know the patient asked about.
    pub is_patient_unknown: bool,
    /// Which part of everything found this is.
    pub page: Page,
    /// Ids of objects that came as references alone; what they name has to be asked for.
    pub references: Vec<ObjectId>,
    /// What was looked up besides, so that findings which hang on it can be judged; never shown.
    pub witnesses: Vec<T>,
    /// Whether an entry stands only with an association that joins it (GetRelatedDocuments).
    pub is_joined_only: bool,
}

/// The place of one page among all findings of its query. All of them on one page by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Findings on the pages before.
    pub before: usize,
    /// Findings that later pages may show.
    pub remaining: usize,
    /// The query as it was asked, where the page answers another message.
    pub asked: Option<Phi<Bytes>>,
}

impl<T> Default for Answer<T> {
    fn default() -> Self {
        Self {
            found: Vec::new(),
            unavailable: Vec::new(),
            reported: Vec::new(),
            answered: 0,
            set_aside: 0,
            keep_for: None,
            is_patient_unknown: false,
            page: Page::default(),
            references: Vec::new(),
            witnesses: Vec::new(),
            is_joined_only: false,
        }
    }
}

impl<T> Answer<T> {
    /// One target's findings.
    pub fn found(found: Vec<T>) -> Self {
        Self { found, answered: 1, ..Self::default() }
    }

    /// The same with each finding made into another.
    pub fn map<U>(self, mut each: impl FnMut(T) -> U) -> Answer<U> {
        self.filter_map(|found| Some(each(found)))
    }

    /// The same with those findings that can be made into others.
    pub fn filter_map<U>(self, mut each: impl FnMut(T) -> Option<U>) -> Answer<U> {
        let Self {
            unavailable,
            reported,
            answered,
            set_aside,
            keep_for,
            is_patient_unknown,
            page,
            references,
            is_joined_only,
            ..
        } = self;
        let found = self.found.into_iter().filter_map(&mut each).collect();
        let witnesses = self.witnesses.into_iter().filter_map(each).collect();
        Answer {
            found,
            unavailable,
            reported,
            answered,
            set_aside,
            keep_for,
            is_patient_unknown,
            page,
            references,
            witnesses,
            is_joined_only,
        }
    }

    /// Takes another answer in.
    pub fn merge(&mut self, other: Self) {
        match self.found.is_empty() {
            true => self.found = other.found,
            false => self.found.extend(other.found),
        }
        self.references.extend(other.references);
        self.witnesses.extend(other.witnesses);
        self.unavailable.extend(other.unavailable);
        self.reported.extend(other.reported);
        self.answered += other.answered;
        self.set_aside += other.set_aside;
        self.is_patient_unknown |= other.is_patient_unknown;
        self.is_joined_only |= other.is_joined_only;
    }
}

/// What one target gives.
pub type Outcome<T> = Result<Answer<T>, Failure>;
