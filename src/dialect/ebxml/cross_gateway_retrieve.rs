//! ITI-39 Cross Gateway Retrieve (ITI TF-2 3.39). The body is that of ITI-43, so a further
//! transaction over it differs in name, actions and the rule on homes only.

use super::checked_query::HomeRule;
use super::{retrieve_answer, retrieve_request, retrieve_response};
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{Answer, Document, DocumentRetrieve, Outcome, PeerProfile, Refusal};

/// ITI-39.
#[derive(Debug, Clone, Copy)]
pub struct CrossGatewayRetrieve;

impl Transaction for CrossGatewayRetrieve {
    type Request = DocumentRetrieve;
    const NAME: &'static str = "ITI-39";
    const REQUEST_ACTION: &'static str = "urn:ihe:iti:2007:CrossGatewayRetrieve";
    const RESPONSE_ACTION: &'static str = "urn:ihe:iti:2007:CrossGatewayRetrieveResponse";
    const PACKAGING: Packaging = Packaging::Mtom;

    fn read_request(message: &Envelope, _: &PeerProfile) -> Result<DocumentRetrieve, Refusal> {
        retrieve_request::read(message, HomeRule::Required)
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<Document>, Refusal>,
    ) -> Reply {
        retrieve_answer::reply(request, addressing, profile, HomeRule::Required, answer)
    }

    fn write_request(
        request: &DocumentRetrieve,
        addressing: &Addressing,
        _: &PeerProfile,
    ) -> (Payload, Sent) {
        retrieve_request::write(request, addressing)
    }

    fn read_answer(received: Received, sent: &Sent, profile: &PeerProfile) -> Outcome<Document> {
        retrieve_response::read(&received, sent, profile)
    }
}

#[cfg(test)]
mod tests;
