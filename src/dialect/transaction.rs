//! One transaction: a message pair with both halves. The server half reads a request and writes
//! its answer, the client half writes a request and reads its answer.

use super::soap::{Attachment, Envelope, Fault, Parts};
use crate::model::{
    Answer, Authority, CommunityId, DocumentId, Malformed, MessageId, Oid, Outcome, PatientId, PeerProfile,
    QueryId, Refusal, Request, Timestamp,
};

/// How a transaction travels (wire.md 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packaging {
    /// `multipart/related`, both directions.
    Mtom,
    /// `application/soap+xml`.
    Simple,
}

/// Handed to the writers, so that they need no clock and no randomness.
#[derive(Debug, Clone)]
pub struct Addressing {
    /// wsa:MessageID of the message being written.
    pub message: MessageId,
    /// queryId of a request being written; also the seed of any id the message needs.
    pub query: QueryId,
    /// creationTime and the like.
    pub at: Timestamp,
    /// Our device OID.
    pub device: Oid,
    /// Our home community.
    pub community: CommunityId,
    /// Our authority of patient ids.
    pub authority: Authority,
    /// The far end's device OID where it is configured, else its community's OID.
    pub receiver_device: Oid,
    /// The far end's home community.
    pub receiver: CommunityId,
    /// wsa:To: the URL of the far end; empty for answers.
    pub to: String,
}

/// What an outbound request was, needed to read its answer.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its wsa:MessageID; RelatesTo must name it.
    pub message: MessageId,
    /// Its queryId.
    pub query: QueryId,
    /// The community asked.
    pub home: CommunityId,
    /// The patient id sent; entries of another patient are dropped.
    pub patient: Option<PatientId>,
    /// The documents asked for.
    pub documents: Vec<DocumentId>,
}

/// The content of one message: the body element and what is attached to it.
#[derive(Debug, Default)]
pub struct Payload {
    /// The child of s:Body, with its own namespace declarations.
    pub xml: String,
    /// Documents referenced by xop:Include, in order.
    pub attachments: Vec<Attachment>,
}

/// Writes the next object of a list behind what it is given; None at the end.
pub type WriteNext = dyn FnMut(&mut String) -> Option<Result<(), Malformed>> + Send;

/// An answer with a list so long that it is written while it leaves.
pub struct Listing {
    /// The child of s:Body as far as the list.
    pub before: String,
    /// What is in the list. One that cannot be written breaks the message.
    pub next: Box<WriteNext>,
    /// What stands behind the list.
    pub after: String,
}

impl std::fmt::Debug for Listing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listing")
    }
}

/// An answer to write: a payload under HTTP 200, or a fault under 500.
#[derive(Debug)]
pub enum Reply {
    /// A SOAP fault.
    Fault(Fault),
    /// The transaction's own answer, in pieces.
    Listing(Listing),
    /// The transaction's own answer.
    Payload(Payload),
}

/// A message that arrived: its root and, for multipart, the parts behind it.
#[derive(Debug)]
pub struct Received {
    /// The root part.
    pub envelope: Envelope,
    /// The remaining parts, unread.
    pub parts: Option<Parts>,
}

/// One message pair, both directions.
pub trait Transaction: 'static {
    /// The request in the model.
    type Request: Request;
    /// `ITI-38`.
    const NAME: &'static str;
    /// wsa:Action of the request.
    const REQUEST_ACTION: &'static str;
    /// wsa:Action of the response.
    const RESPONSE_ACTION: &'static str;
    /// How it travels.
    const PACKAGING: Packaging;

    /// Reads a request.
    ///
    /// # Errors
    /// `Malformed` with the code of wire.md 13 to 17, `UnknownCommunity`, `Unsupported`.
    fn read_request(message: &Envelope, profile: &PeerProfile) -> Result<Self::Request, Refusal>;

    /// Writes the answer to a request (which may be unreadable: then as much as can be is echoed).
    fn write_answer(
        request: &Envelope,
        addressing: &Addressing,
        profile: &PeerProfile,
        answer: Result<Answer<<Self::Request as Request>::Found>, Refusal>,
    ) -> Reply;

    /// Writes a request.
    fn write_request(
        request: &Self::Request,
        addressing: &Addressing,
        profile: &PeerProfile,
    ) -> (Payload, Sent);

    /// Reads the answer to a request of ours.
    ///
    /// # Errors
    /// `Failure::Unreadable` and `Failure::Rejected`, per wire.md 22.2.
    fn read_answer(
        received: Received,
        sent: &Sent,
        profile: &PeerProfile,
    ) -> Outcome<<Self::Request as Request>::Found>;
}
