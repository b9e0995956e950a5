//! What a record says: one event with every field that ATNA (ITI-20) and "who saw what when" need.
//! Deterministic CBOR with integer keys; a field that comes later gets a new key and is optional.

use std::fmt;

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};

use super::record::sha256;
use crate::model::{self, Phi, RequestContext, Timestamp};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Kind {
    /// Something is about to be sent to a peer.
    #[n(0)]
    Open,
    /// Something is about to be released; for documents, their stream begins.
    #[n(1)]
    Release,
    /// An open without release, or a stream of documents, has ended.
    #[n(2)]
    Close,
    /// A request was refused.
    #[n(3)]
    Refusal,
    /// Who asks could not be established.
    #[n(4)]
    AuthenticationFailure,
    /// A message that could not be read.
    #[n(5)]
    MalformedMessage,
    /// Consents changed.
    #[n(6)]
    ConsentChange,
    /// Settings, policies, peers or certificates changed.
    #[n(7)]
    Configuration,
    /// The writer started or was opened again.
    #[n(8)]
    Start,
    /// The writer was stopped in order.
    #[n(9)]
    Stop,
}

impl Kind {
    /// The word in output and the index.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Release => "release",
            Self::Close => "close",
            Self::Refusal => "refusal",
            Self::AuthenticationFailure => "authentication-failure",
            Self::MalformedMessage => "malformed-message",
            Self::ConsentChange => "consent-change",
            Self::Configuration => "configuration",
            Self::Start => "start",
            Self::Stop => "stop",
        }
    }
}

/// How it ended, as far as the record knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Ending {
    /// Not over: the record was written before.
    #[n(0)]
    Begun,
    /// All that may be shown is shown.
    #[n(1)]
    Complete,
    /// Shown with something missing.
    #[n(2)]
    Partial,
    /// Everybody asked failed.
    #[n(3)]
    Failed,
    /// May ask, but not of this.
    #[n(4)]
    Withheld,
    /// No such patient.
    #[n(5)]
    Unknown,
    /// Refused for what the detail says.
    #[n(6)]
    Refused,
    /// A stream ended early.
    #[n(7)]
    Interrupted,
    /// It may have been sent to the peers named, and nothing was released.
    #[n(8)]
    NothingReleased,
    /// How much of the documents left is not known: at most the bytes named.
    #[n(9)]
    AtMost,
}

impl Ending {
    /// The word in output and the index.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Withheld => "withheld",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::Interrupted => "interrupted",
            Self::NothingReleased => "nothing-released",
            Self::AtMost => "at-most",
        }
    }
}

/// The far end of the connection and our own address.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EndpointRef {
    /// Certificate subject.
    #[n(0)]
    pub subject: String,
    /// SHA-256 of its SubjectPublicKeyInfo, hex.
    #[n(1)]
    pub spki_sha256: String,
    /// The far address with port.
    #[n(2)]
    pub address: String,
    /// Our address with port.
    #[n(3)]
    pub local: String,
}

impl From<&model::Endpoint> for EndpointRef {
    fn from(endpoint: &model::Endpoint) -> Self {
        Self {
            subject: endpoint.subject.clone(),
            spki_sha256: endpoint.spki_sha256.clone(),
            address: endpoint.address.to_string(),
            local: endpoint.local.to_string(),
        }
    }
}

/// A coded value.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CodeRef {
    /// Code.
    #[n(0)]
    pub value: String,
    /// Coding scheme.
    #[n(1)]
    pub system: String,
    /// Display name.
    #[n(2)]
    pub display: String,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RequesterRef {
    /// The configured peer or portal.
    #[n(0)]
    pub system: String,
    /// Its community, bare OID.
    #[n(1)]
    pub community: String,
    /// Organisation id.
    #[n(2)]
    pub organization: String,
    /// Organisation name.
    #[n(3)]
    pub organization_name: String,
    /// Person id at the issuer.
    #[n(4)]
    pub person: String,
    /// The person's name.
    #[n(5)]
    pub person_name: String,
    /// The person's alias (SPProvidedID).
    #[n(6)]
    pub alias: Option<String>,
    /// Roles inside the broker.
    #[n(7)]
    pub roles: Vec<String>,
    /// Role codes as they came.
    #[n(8)]
    pub role_codes: Vec<CodeRef>,
    /// Purpose of use.
    #[n(9)]
    pub purpose: String,
    /// Assertion issuer.
    #[n(10)]
    pub issuer: String,
    /// Assertion id.
    #[n(11)]
    pub assertion: String,
}

impl From<&model::Requester> for RequesterRef {
    fn from(requester: &model::Requester) -> Self {
        let codes = requester.role_codes.iter().map(|code| CodeRef {
            value: code.value.clone(),
            system: code.system.clone(),
            display: code.display.clone(),
        });
        Self {
            system: requester.system.to_string(),
            community: requester.community.0.to_string(),
            organization: requester.organization.id.clone(),
            organization_name: requester.organization.name.clone(),
            person: requester.person.id.clone(),
            person_name: requester.person.name.clone(),
            alias: requester.person.alias.clone(),
            roles: requester.roles.iter().map(ToString::to_string).collect(),
            role_codes: codes.collect(),
            purpose: requester.purpose.code().to_owned(),
            issuer: requester.assertion.issuer.clone(),
            assertion: requester.assertion.id.clone(),
        }
    }
}

/// The query element of a message, byte for byte up to 16 KiB, beyond that its hash and length.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct QueryElement {
    /// The element.
    #[n(0)]
    pub bytes: Option<Phi<ByteVec>>,
    /// SHA-256 of the element.
    #[n(1)]
    pub sha256: ByteArray<32>,
    /// Its length in bytes.
    #[n(2)]
    pub length: u64,
}

impl QueryElement {
    /// Of these bytes.
    pub fn new(bytes: &Phi<bytes::Bytes>) -> Self {
        let element = bytes.reveal();
        let kept = element.len() <= QUERY_ELEMENT_BYTES_MAX;
        Self {
            bytes: kept.then(|| Phi::new(element.to_vec().into())),
            sha256: sha256(element).into(),
            length: element.len() as u64,
        }
    }
}

/// One message to one target.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LegRef {
    /// The target's name.
    #[n(0)]
    pub target: String,
    /// Its community, bare OID.
    #[n(1)]
    pub community: Option<String>,
    /// `ITI-55`.
    #[n(2)]
    pub transaction: Option<String>,
    /// wsa:MessageID.
    #[n(3)]
    pub message: String,
    /// queryId root.
    #[n(4)]
    pub query_root: Option<String>,
    /// queryId extension.
    #[n(5)]
    pub query_extension: Option<String>,
    /// The query element as it leaves.
    #[n(6)]
    pub element: Option<QueryElement>,
    /// Another network, or a source of our own.
    #[n(7)]
    pub is_peer: bool,
    /// Why it gave nothing. May quote the peer, so it counts as a patient's.
    #[n(8)]
    pub failure: Option<Phi<String>>,
    /// How much it found.
    #[n(9)]
    pub found: Option<u64>,
    /// How much of that was about something not asked for, and dropped.
    #[n(10)]
    pub dropped: Option<u64>,
    /// The far end as its certificate named it.
    #[n(11)]
    pub endpoint: Option<EndpointRef>,
}

/// A document or an entry that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DocumentRef {
    /// Home community, bare OID.
    #[n(0)]
    pub home: String,
    /// Repository, bare OID.
    #[n(1)]
    pub repository: String,
    /// Unique id.
    #[n(2)]
    pub unique: Phi<String>,
    /// SS-MIX2 kind of our own, typeCode of a peer's.
    #[n(3)]
    pub kind: String,
    /// Facility code of our own.
    #[n(4)]
    pub facility: String,
    /// Size in bytes as announced.
    #[n(5)]
    pub size: Option<u64>,
    /// Bytes handed over; in closing records.
    #[n(6)]
    pub bytes_sent: Option<u64>,
    /// SHA-256 of the bytes handed over; in closing records.
    #[n(7)]
    pub sha256: Option<ByteArray<32>>,
    /// `whole`, `withdrawn`, `broken`, `idle`, `too-large`, `dropped`; in closing records.
    #[n(8)]
    pub ending: Option<String>,
}

/// One event. It prints its kind, time and request only.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Event {
    /// What happened.
    #[n(0)]
    pub kind: Kind,
    /// When, microseconds since the epoch. The order is the sequence's, not the clock's.
    #[n(1)]
    pub at_micros: i64,
    /// How it ended.
    #[n(2)]
    pub ending: Ending,
    /// Request id (trace id).
    #[n(3)]
    pub request: Option<ByteArray<16>>,
    /// 1, or more for a message sent again.
    #[n(4)]
    pub attempt: u32,
    /// `home` or `peer`.
    #[n(5)]
    pub side: Option<String>,
    /// `ITI-38`.
    #[n(6)]
    pub transaction: Option<String>,
    /// The operation's word.
    #[n(7)]
    pub operation: Option<String>,
    /// wsa:MessageID of the request.
    #[n(8)]
    pub message: Option<String>,
    /// When the request arrived, microseconds since the epoch.
    #[n(9)]
    pub received_micros: Option<i64>,
    /// The connection.
    #[n(10)]
    pub endpoint: Option<EndpointRef>,
    /// Who asked.
    #[n(11)]
    pub requester: Option<RequesterRef>,
    /// Patients as CX.
    #[n(12)]
    pub patients: Vec<Phi<String>>,
    /// The query element of the request.
    #[n(13)]
    pub query: Option<QueryElement>,
    /// Messages to targets.
    #[n(14)]
    pub legs: Vec<LegRef>,
    /// What is shown.
    #[n(15)]
    pub documents: Vec<DocumentRef>,
    /// Findings shown.
    #[n(16)]
    pub shown: u64,
    /// Findings withheld.
    #[n(17)]
    pub withheld: u64,
    /// Targets that replied.
    #[n(18)]
    pub answered: u64,
    /// Determining policies.
    #[n(19)]
    pub policies: Vec<String>,
    /// SHA-256 of the policy set, hex.
    #[n(20)]
    pub policy_set: Option<String>,
    /// The consents decided on.
    #[n(21)]
    pub consent_version: Option<u64>,
    /// Obligations (`emergency`).
    #[n(22)]
    pub obligations: Vec<String>,
    /// Whether "more attributes, please" was answered: it tells of a resembling person.
    #[n(23)]
    pub more_attributes: bool,
    /// The record that this one closes, by its sequence.
    #[n(24)]
    pub closes: Option<u64>,
    /// Whether a closing record must follow.
    #[n(25)]
    pub awaits_close: bool,
    /// The record that this one replaces: consents changed before anything was released.
    #[n(26)]
    pub replaces: Option<u64>,
    /// Bytes handed over, or at most so many; absent when not known.
    #[n(27)]
    pub bytes: Option<u64>,
    /// How many events of the same kind this stands for.
    #[n(28)]
    pub count: u64,
    /// Words for the operator: a refusal's code, what changed, what was cut.
    #[n(29)]
    pub detail: Option<Phi<String>>,
    /// Who did it, for changes made at the console.
    #[n(30)]
    pub by: Option<String>,
}

impl Event {
    /// One with nothing but kind, time and ending.
    pub fn new(kind: Kind, ending: Ending) -> Self {
        Self {
            kind,
            at_micros: Timestamp::now().micros(),
            ending,
            request: None,
            attempt: 1,
            side: None,
            transaction: None,
            operation: None,
            message: None,
            received_micros: None,
            endpoint: None,
            requester: None,
            patients: Vec::new(),
            query: None,
            legs: Vec::new(),
            documents: Vec::new(),
            shown: 0,
            withheld: 0,
            answered: 0,
            policies: Vec::new(),
            policy_set: None,
            consent_version: None,
            obligations: Vec::new(),
            more_attributes: false,
            closes: None,
            awaits_close: false,
            replaces: None,
            bytes: None,
            count: 1,
            detail: None,
            by: None,
        }
    }

    /// One about a request.
    pub fn about(context: &RequestContext, kind: Kind, ending: Ending) -> Self {
        Self {
            request: Some(context.id.0.to_be_bytes().into()),
            attempt: context.attempt,
            side: Some(context.side.word().to_owned()),
            transaction: Some(context.transaction.to_owned()),
            message: Some(context.message.0.clone()),
            received_micros: Some(context.received.micros()),
            endpoint: Some((&context.endpoint).into()),
            requester: Some((&context.requester).into()),
            ..Self::new(kind, ending)
        }
    }

    /// The record that closes this one when nobody can say more: what it says of the request, and
    /// "nothing released" for an open, "at most so many bytes" for a stream of documents.
    pub fn closing(&self, sequence: u64) -> Self {
        let ending = if self.kind == Kind::Open { Ending::NothingReleased } else { Ending::AtMost };
        let bytes = match ending {
            Ending::AtMost => self.documents.iter().map(|document| document.size).sum(),
            _ => Some(0),
        };
        Self {
            kind: Kind::Close,
            at_micros: Timestamp::now().micros(),
            ending,
            closes: Some(sequence),
            awaits_close: false,
            query: None,
            replaces: None,
            shown: 0,
            withheld: 0,
            bytes,
            ..self.clone()
        }
    }

    /// The request id, 32 hexadecimal digits.
    pub fn request_hex(&self) -> Option<String> {
        self.request.as_ref().map(|bytes| hex::encode(bytes.as_slice()))
    }

    /// When.
    pub const fn at(&self) -> Timestamp {
        Timestamp::from_micros(self.at_micros)
    }
}

// Everything in a record may be about a patient; the few fields shown here are not.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("kind", &self.kind)
            .field("ending", &self.ending)
            .field("at_micros", &self.at_micros)
            .field("request", &self.request_hex())
            .finish_non_exhaustive()
    }
}

impl<C, T: Encode<C>> Encode<C> for Phi<T> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.reveal().encode(e, context)
    }
}

impl<'b, C, T: Decode<'b, C>> Decode<'b, C> for Phi<T> {
    fn decode(d: &mut minicbor::Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        T::decode(d, context).map(Self::new)
    }
}

/// Beyond this a query element is kept as hash and length.
pub const QUERY_ELEMENT_BYTES_MAX: usize = 16 * 1024;

#[cfg(test)]
mod tests;
