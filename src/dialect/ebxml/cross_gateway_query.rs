//! ITI-38 Cross Gateway Query (ITI TF-2 3.38). The body is that of ITI-18, so a further transaction
//! over it differs in name and actions only. No stored query but FindDocuments and GetDocuments.

use super::checked_query::HomeRule;
use super::vocabulary::QUERY;
use super::{query_answer, query_request, query_response};
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{Answer, DocumentQuery, Outcome, PeerProfile, Refusal, RegistryObject};

/// ITI-38.
#[derive(Debug, Clone, Copy)]
pub struct CrossGatewayQuery;

impl CrossGatewayQuery {
    /// Namespace and local name of the body's child in a request.
    pub const REQUEST_ROOT: (&'static str, &'static str) = (QUERY, "AdhocQueryRequest");
}

impl Transaction for CrossGatewayQuery {
    type Request = DocumentQuery;
    const NAME: &'static str = "ITI-38";
    const REQUEST_ACTION: &'static str = "urn:ihe:iti:2007:CrossGatewayQuery";
    const RESPONSE_ACTION: &'static str = "urn:ihe:iti:2007:CrossGatewayQueryResponse";
    const PACKAGING: Packaging = Packaging::Simple;

    fn read_request(message: &Envelope, profile: &PeerProfile) -> Result<DocumentQuery, Refusal> {
        query_request::read(message, profile, HomeRule::Required)
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<RegistryObject>, Refusal>,
    ) -> Reply {
        query_answer::reply(request, addressing, profile, answer)
    }

    fn write_request(
        request: &DocumentQuery,
        addressing: &Addressing,
        profile: &PeerProfile,
    ) -> (Payload, Sent) {
        query_request::write(request, addressing, profile, HomeRule::Required)
    }

    fn read_answer(received: Received, sent: &Sent, profile: &PeerProfile) -> Outcome<RegistryObject> {
        query_response::read(&received.envelope, sent, profile)
    }
}

#[cfg(test)]
mod tests;
