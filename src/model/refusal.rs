//! Every way the broker says no, and what was wrong with a message we could not read.

use super::{Authority, PatientId};

/// A message that cannot be read. `why` names elements and rules, never values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code} at {at}: {why}")]
pub struct Malformed {
    /// A stable word (`malformed-xml`, `dtd-forbidden`) or the ebXML error code that fits
    /// (`XDSStoredQueryMissingParam`).
    pub code: &'static str,
    /// `line:column` in XML and MIME, `PID-3` in HL7 v2; empty when it is the whole message.
    pub at: String,
    /// What is wrong and what was expected.
    pub why: String,
}

impl Malformed {
    /// From its parts.
    pub fn new(code: &'static str, at: impl Into<String>, why: impl Into<String>) -> Self {
        Self { code, at: at.into(), why: why.into() }
    }
}

/// Something put up with while reading; counted per peer, shown by `decode`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Warning {
    /// A stable word (`line-terminator`, `status-contradicts-errors`).
    pub code: &'static str,
    /// For a person; no patient value.
    pub text: String,
}

impl Warning {
    /// From its parts.
    pub fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }
}

/// Who is asking could not be established. The word goes to the audit record; the requester is
/// told only the WS-Security code (wire.md 5.1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{word}: {why}")]
pub struct Unauthenticated {
    /// wsse fault subcode without prefix: `InvalidSecurity`, `InvalidSecurityToken`,
    /// `FailedAuthentication`, `FailedCheck`, `SecurityTokenUnavailable`,
    /// `UnsupportedSecurityToken`, `MessageExpired`.
    pub word: &'static str,
    /// For the record and the operator.
    pub why: String,
    /// What the asking system may be told beside the word: which header of its own is at fault, and
    /// never what stood in it.
    pub told: Option<String>,
}

/// Every way the broker says no. No text names a rule, a patient or a hospital.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// The record could not be written: nothing is released.
    #[error("the audit log is not available")]
    AuditUnavailable,
    /// May not ask this at all.
    #[error("not permitted")]
    Denied,
    /// Our fault.
    #[error("internal error")]
    Internal(String),
    /// The message is at fault.
    #[error("{0}")]
    Malformed(Malformed),
    /// Asked about more patients, or missed more often, than agreed; milliseconds until it may be tried
    /// again.
    #[error("over budget")]
    OverBudget(u64),
    /// Asked too often; milliseconds until it may be tried again.
    #[error("too many requests")]
    Throttled(u64),
    /// More results than the limit.
    #[error("too many results")]
    TooManyResults,
    /// Who asks is not established.
    #[error("{0}")]
    Unauthenticated(Unauthenticated),
    /// These assigning authorities, named by the request, are not known here.
    #[error("unknown assigning authority")]
    UnknownAuthority(Vec<Authority>),
    /// The home community named is not known here.
    #[error("unknown community")]
    UnknownCommunity,
    /// No such patient; told to another network only where its file says so.
    #[error("unknown patient")]
    UnknownPatient(PatientId),
    /// Nothing is kept of a query under this id for whoever asks.
    #[error("unknown query")]
    UnknownQuery,
    /// Understood and not offered; the text names the query or transaction.
    #[error("not supported: {0}")]
    Unsupported(String),
    /// May ask, but not of this: answered as if it were not there.
    #[error("withheld")]
    Withheld,
}

impl Refusal {
    /// Seconds until it may be tried again, where that is known: 1 at least.
    pub const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::OverBudget(milliseconds) | Self::Throttled(milliseconds) => {
                let seconds = milliseconds.div_ceil(1_000);
                Some(if seconds == 0 { 1 } else { seconds })
            }
            _ => None,
        }
    }

    /// What the requester is told of it, where it may be tried again. The same for every patient.
    pub fn retry_text(&self) -> String {
        match self.retry_after_s() {
            Some(1) => "too many requests; try again after 1 second".to_owned(),
            Some(seconds) => format!("too many requests; try again after {seconds} seconds"),
            None => "too many requests".to_owned(),
        }
    }
}

impl From<Malformed> for Refusal {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}
