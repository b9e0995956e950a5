//! Every refusal as ebXML says it (wire.md 2, 17, 22.3; decisions E1): a fault only where no answer
//! of the transaction can be given, else an error code of the registry or the repository.

use crate::dialect::soap::Fault;
use crate::model::{Failure, Outage, PatientUnknownPolicy, PeerProfile, Refusal};

/// Whose codes are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    /// ITI-18, ITI-38.
    Registry,
    /// ITI-43, ITI-39.
    Repository,
}

impl Actor {
    /// The code for anything that has no specific one.
    pub const fn general(self) -> &'static str {
        match self {
            Self::Registry => "XDSRegistryError",
            Self::Repository => "XDSRepositoryError",
        }
    }
}

/// How a refusal is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// A failure with one error (a retrieve: one for each document).
    Error {
        /// errorCode.
        code: &'static str,
        /// codeContext.
        context: String,
    },
    /// A SOAP fault.
    Fault(Fault),
    /// As if nothing were there.
    Nothing,
}

/// Says a refusal.
pub fn say(refusal: &Refusal, actor: Actor, profile: &PeerProfile) -> Said {
    let error = |code, context: &str| Said::Error { code, context: context.to_owned() };
    match (refusal, actor) {
        (Refusal::AuditUnavailable | Refusal::Denied | Refusal::Unauthenticated(_), _) => {
            Said::Fault(Fault::of_refusal(refusal).unwrap_or_else(|| Fault::receiver("internal error")))
        }
        (Refusal::Internal(_), _) => error(actor.general(), "internal error"),
        (Refusal::Malformed(malformed), _) if malformed.code.starts_with("XDS") => {
            Said::Error { code: malformed.code, context: located(&malformed.why, &malformed.at) }
        }
        (Refusal::Malformed(malformed), _) => Said::Fault(Fault::malformed(malformed)),
        (Refusal::OverBudget(_) | Refusal::Throttled(_), Actor::Registry) => {
            error("XDSRegistryBusy", &refusal.retry_text())
        }
        (Refusal::OverBudget(_) | Refusal::Throttled(_), Actor::Repository) => {
            error("XDSRepositoryBusy", &refusal.retry_text())
        }
        (Refusal::TooManyResults, Actor::Registry) => {
            error("XDSTooManyResults", "more results than the limit; narrow the query or ask for ObjectRef")
        }
        (Refusal::TooManyResults, Actor::Repository) => {
            error("XDSRepositoryOutOfResources", "more documents than the limit of one request")
        }
        (Refusal::UnknownAuthority(_), _) => {
            error(actor.general(), "an assigning authority is not known here")
        }
        (Refusal::UnknownCommunity, _) => {
            error("XDSUnknownCommunity", "the home community is not known here")
        }
        (Refusal::UnknownPatient(_) | Refusal::Withheld, Actor::Registry)
            if profile.patient_unknown_policy == PatientUnknownPolicy::Error =>
        {
            error("XDSUnknownPatientId", "the patient id is not known here")
        }
        (Refusal::UnknownPatient(_) | Refusal::Withheld, _) => Said::Nothing,
        (Refusal::UnknownQuery, _) => error(actor.general(), "nothing is kept of that query"),
        (Refusal::Unsupported(what), Actor::Registry) => {
            Said::Error { code: "XDSUnknownStoredQuery", context: format!("not supported: {what}") }
        }
        (Refusal::Unsupported(what), Actor::Repository) => {
            Said::Error { code: "XDSRepositoryError", context: format!("not supported: {what}") }
        }
    }
}

/// What is told of a target that gave nothing: home and repository by OID, never a name or host.
pub fn outage_text(outage: &Outage) -> String {
    let who = match &outage.repository {
        Some(repository) => format!("repository {} of {}", repository.0, outage.community),
        None => format!("community {}", outage.community),
    };
    let why = match &outage.failure {
        Failure::Busy => "is busy",
        Failure::BreakerOpen | Failure::TimedOut | Failure::Unreachable(_) => "did not answer",
        Failure::Unrecorded | Failure::CardUnread => "was not asked",
        Failure::NotOffered => "does not offer this",
        Failure::Ambiguous | Failure::Rejected(_) | Failure::Unreadable(_) => "gave no usable answer",
    };
    format!("{who} {why}")
}

fn located(why: &str, at: &str) -> String {
    if at.is_empty() { why.to_owned() } else { format!("{why} (at {at})") }
}

#[cfg(test)]
mod tests;
