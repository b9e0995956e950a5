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
        Failure::CardUnread => "card_unread",
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
        Refusal::OverBudget(_) => "over_budget",
        Refusal::Throttled(_) => "throttled",
        Refusal::TooManyResults => "too_many_results",
        Refusal::Unauthenticated(_) => "unauthenticated",
        Refusal::UnknownAuthority(_) => "unknown_authority",
        Refusal::UnknownCommunity => "unknown_community",
        Refusal::UnknownPatient(_) => "unknown_patient",
        Refusal::UnknownQuery => "unknown_query",
        Refusal::Unsupported(_) => "unsupported",
        Refusal::Withheld => "withheld",
    }
}

/// What the log says of a target that gave nothing. What we could not read is named by its code: the
/// rest of that text may quote what came.
pub fn failure_detail(failure: &Failure) -> String {
    match failure {
        Failure::Unreadable(text) => match text.split_once(" at ") {
            Some((code, _)) if is_code(code) => format!("unreadable answer: {code}"),
            Some(_) => "unreadable answer".to_owned(),
            None => failure.to_string(),
        },
        other => other.to_string(),
    }
}

/// What the log says of a request that was refused: our own words, none of the message's.
pub fn refusal_detail(refusal: &Refusal) -> String {
    match refusal {
        Refusal::Malformed(malformed) => format!("{}: {}", refusal_word(refusal), malformed.code),
        Refusal::Unauthenticated(why) => format!("{}: {}", refusal_word(refusal), why.word),
        other => refusal_word(other).to_owned(),
    }
}

fn is_code(text: &str) -> bool {
    text.len() <= 40 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Malformed, Unauthenticated};

    #[test]
    fn the_log_names_codes_and_quotes_nothing_that_came() {
        let malformed = Malformed::new("value-not-date", "3:7", "`架橋花子` is no date");
        let unreadable = Failure::Unreadable(malformed.to_string());
        assert_eq!(failure_detail(&unreadable), "unreadable answer: value-not-date");
        assert_eq!(failure_detail(&Failure::Unreadable("架橋 at 花子".into())), "unreadable answer");
        assert_eq!(failure_detail(&Failure::TimedOut), "no answer in time");
        assert_eq!(refusal_detail(&Refusal::Malformed(malformed)), "malformed: value-not-date");
        assert_eq!(refusal_detail(&Refusal::Unsupported("架橋花子".into())), "unsupported");
        let why = Unauthenticated { word: "FailedCheck", why: "架橋花子".into(), told: None };
        assert_eq!(refusal_detail(&Refusal::Unauthenticated(why)), "unauthenticated: FailedCheck");
    }
}
