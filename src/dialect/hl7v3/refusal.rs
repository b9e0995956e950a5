//! What each refusal becomes in ITI-55 and its kin (wire.md 22.3, decisions E1). No text names a rule, a patient
//! or a hospital.

use super::answer_write::{Detail, Verdict};
use crate::dialect::soap::Fault;
use crate::model::{PatientUnknownPolicy, PeerProfile, Refusal};

/// The verdict of a refusal, or the fault that stands for it.
pub(super) fn verdict(refusal: &Refusal, profile: &PeerProfile) -> Result<Verdict, Fault> {
    Ok(match refusal {
        Refusal::AuditUnavailable | Refusal::Denied | Refusal::Unauthenticated(_) => {
            let fault = Fault::of_refusal(refusal);
            return Err(fault.unwrap_or_else(|| Fault::receiver("the request cannot be carried out now")));
        }
        Refusal::Internal(_) => {
            Verdict::error(Detail::error("INTERR", "internal error"), Some("InternalError"))
        }
        Refusal::Malformed(malformed) => Verdict::error(Detail::error("SYN113", malformed.to_string()), None),
        Refusal::OverBudget(_) | Refusal::Throttled(_) => {
            Verdict::error(Detail::error("INTERR", refusal.retry_text()), Some("ResponderBusy"))
        }
        Refusal::TooManyResults => {
            Verdict::error(Detail::error("INTERR", "too many results"), Some("AnswerNotAvailable"))
        }
        Refusal::UnknownAuthority(_) => {
            Verdict::error(Detail::error("204", "unknown assigning authority"), None)
        }
        Refusal::UnknownCommunity => Verdict::error(Detail::error("204", "unknown community"), None),
        Refusal::UnknownQuery => Verdict::error(Detail::error("204", "unknown query"), None),
        Refusal::UnknownPatient(_) | Refusal::Withheld => nobody(profile),
        Refusal::Unsupported(what) => {
            Verdict::error(Detail::error("NS250", format!("not supported: {what}")), None)
        }
    })
}

/// Nobody, in this peer's words: unknown, unconsented and withheld alike (decisions A2).
pub(super) fn nobody(profile: &PeerProfile) -> Verdict {
    match profile.patient_unknown_policy {
        PatientUnknownPolicy::Empty => Verdict::nobody(),
        PatientUnknownPolicy::Error => Verdict::error(Detail::error("204", "unknown patient"), None),
    }
}
