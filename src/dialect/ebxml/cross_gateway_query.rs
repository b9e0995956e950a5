//! ITI-38 Cross Gateway Query (ITI TF-2 3.38). The body is that of ITI-18, so a further transaction
//! over it differs in name and actions only. No stored query but FindDocuments and GetDocuments.

use super::query_request;
use super::query_response::{self, Writing};
use super::refusal::{Actor, Said, say};
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{Answer, DocumentQuery, Outcome, PeerProfile, Refusal, RegistryObject, ReturnType};

/// ITI-38.
#[derive(Debug, Clone, Copy)]
pub struct CrossGatewayQuery;

impl Transaction for CrossGatewayQuery {
    type Request = DocumentQuery;
    const NAME: &'static str = "ITI-38";
    const REQUEST_ACTION: &'static str = "urn:ihe:iti:2007:CrossGatewayQuery";
    const RESPONSE_ACTION: &'static str = "urn:ihe:iti:2007:CrossGatewayQueryResponse";
    const PACKAGING: Packaging = Packaging::Simple;

    fn read_request(message: &Envelope, profile: &PeerProfile) -> Result<DocumentQuery, Refusal> {
        query_request::read(message, profile)
    }

    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<RegistryObject>, Refusal>,
    ) -> Reply {
        write_answer(request, addressing, profile, answer)
    }

    fn write_request(
        request: &DocumentQuery,
        addressing: &Addressing,
        profile: &PeerProfile,
    ) -> (Payload, Sent) {
        query_request::write(request, addressing, profile)
    }

    fn read_answer(received: Received, sent: &Sent, profile: &PeerProfile) -> Outcome<RegistryObject> {
        query_response::read(&received.envelope, sent, profile)
    }
}

fn write_answer(
    request: &Envelope,
    addressing: &Addressing,
    profile: &PeerProfile,
    answer: Result<Answer<RegistryObject>, Refusal>,
) -> Reply {
    let tree = request.body_tree().ok();
    let writing = Writing {
        request_id: tree.as_ref().and_then(|tree| tree.attribute("id")),
        returns: tree.as_ref().map_or(ReturnType::LeafClass, query_request::returns_of),
        addressing,
    };
    let said = match answer {
        Ok(answer) => return Reply::Payload(writing.answer(&answer)),
        Err(refusal) => say(&refusal, Actor::Registry, profile),
    };
    Reply::Payload(match said {
        Said::Error { code, context } => writing.failure(code, &context),
        Said::Fault(fault) => return Reply::Fault(fault),
        Said::Nothing => writing.answer(&Answer::default()),
    })
}

#[cfg(test)]
mod tests;
