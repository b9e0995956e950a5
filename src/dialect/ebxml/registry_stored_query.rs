//! ITI-18 Registry Stored Query (ITI TF-2 3.18): ITI-38 within one community. A portal need not know
//! that there are homes: they are read where they are said, and never missed.

use super::checked_query::HomeRule;
use super::{query_answer, query_request, query_response};
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{
    Answer, DocumentQuery, Outcome, PatientUnknownPolicy, PeerProfile, Refusal, RegistryObject,
};

/// ITI-18.
#[derive(Debug, Clone, Copy)]
pub struct RegistryStoredQuery;

impl Transaction for RegistryStoredQuery {
    type Request = DocumentQuery;
    const NAME: &'static str = "ITI-18";
    const REQUEST_ACTION: &'static str = "urn:ihe:iti:2007:RegistryStoredQuery";
    const RESPONSE_ACTION: &'static str = "urn:ihe:iti:2007:RegistryStoredQueryResponse";
    const PACKAGING: Packaging = Packaging::Simple;

    fn read_request(message: &Envelope, profile: &PeerProfile) -> Result<DocumentQuery, Refusal> {
        query_request::read(message, profile, HomeRule::Optional)
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<RegistryObject>, Refusal>,
    ) -> Reply {
        // XDSUnknownPatientId is ITI-38's alone: here an unknown patient has no documents (wire.md 13.2).
        let profile = PeerProfile { patient_unknown_policy: PatientUnknownPolicy::Empty, ..profile.clone() };
        query_answer::reply(request, addressing, &profile, answer)
    }

    fn write_request(
        request: &DocumentQuery,
        addressing: &Addressing,
        profile: &PeerProfile,
    ) -> (Payload, Sent) {
        query_request::write(request, addressing, profile, HomeRule::Optional)
    }

    fn read_answer(received: Received, sent: &Sent, profile: &PeerProfile) -> Outcome<RegistryObject> {
        // What a registry says without a home is its own community's.
        let profile = PeerProfile { fill_missing_home: true, ..profile.clone() };
        query_response::read(&received.envelope, sent, &profile)
    }
}

#[cfg(test)]
mod tests;
