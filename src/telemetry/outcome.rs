//! The closed words for outcomes in metrics and log lines. Exhaustive on purpose: a new way to fail
//! does not compile until it has a word.

use crate::model::{Failure, Refusal};

/// The word for an answer with everything in it.
pub const SUCCESS: &str = "success";

/// The word for an answer in which something is missing.
pub const PARTIAL: &str = "partial";

/// The word for a target that gave nothing.
pub const fn failure_word(failure: &Failure) -> &'static str {
    match failure {
        Failure::Ambiguous => "ambiguous",
        Failure::BreakerOpen => "breaker_open",
        Failure::Busy => "busy",
        Failure::NotOffered => "not_offered",
        Failure::Rejected(_) => "rejected",
        Failure::TimedOut => "timed_out",
        Failure::Unrecorded => "unrecorded",
        Failure::Unreachable(_) => "unreachable",
        Failure::Unreadable(_) => "unreadable",
    }
}

/// The word for a request that we refused.
pub const fn refusal_word(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::AuditUnavailable => "audit_unavailable",
        Refusal::Denied => "denied",
        Refusal::Internal(_) => "internal",
        Refusal::Malformed(_) => "malformed",
        Refusal::Throttled(_) => "throttled",
        Refusal::TooManyResults => "too_many_results",
        Refusal::Unauthenticated(_) => "unauthenticated",
        Refusal::UnknownCommunity => "unknown_community",
        Refusal::UnknownPatient(_) => "unknown_patient",
        Refusal::Unsupported(_) => "unsupported",
        Refusal::Withheld => "withheld",
    }
}
