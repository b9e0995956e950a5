//! ITI-43 Retrieve Document Set (ITI TF-2 3.43): ITI-39 within one community. A document may be named
//! without its home, as it is by a portal that knows of none.

use super::checked_query::HomeRule;
use super::{retrieve_answer, retrieve_request, retrieve_response};
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{Answer, Document, DocumentRetrieve, Outcome, PeerProfile, Refusal};

/// ITI-43.
#[derive(Debug, Clone, Copy)]
pub struct RetrieveDocumentSet;

impl Transaction for RetrieveDocumentSet {
    type Request = DocumentRetrieve;
    const NAME: &'static str = "ITI-43";
    const REQUEST_ACTION: &'static str = "urn:ihe:iti:2007:RetrieveDocumentSet";
    const RESPONSE_ACTION: &'static str = "urn:ihe:iti:2007:RetrieveDocumentSetResponse";
    const PACKAGING: Packaging = Packaging::Mtom;

    fn read_request(message: &Envelope, _: &PeerProfile) -> Result<DocumentRetrieve, Refusal> {
        retrieve_request::read(message, HomeRule::Optional)
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<Document>, Refusal>,
    ) -> Reply {
        retrieve_answer::reply(request, addressing, profile, HomeRule::Optional, answer)
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
