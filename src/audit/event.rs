//! What a record says: one event with every field that ATNA (ITI-20) and "who saw what when" need.
//! Deterministic CBOR with integer keys; a field that comes later gets a new key and is optional.

use std::fmt;

use minicbor::bytes::ByteArray;
use minicbor::{Decode, Encode};

use super::references::{DocumentRef, EndpointRef, LegRef, ObjectRef, QueryElement, RequesterRef};
use crate::model::{Phi, RequestContext, Timestamp};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Kind {
    /// Something is about to be sent to a peer. One that awaits no close names further messages of a
    /// request that is open.
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
    /// Something was told of a patient's record, to us or by us.
    #[n(10)]
    PatientRecord,
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
            Self::PatientRecord => "patient-record",
        }
    }
}

/// The obligation of an emergency that was let through over a budget.
pub(super) const OVER_BUDGET: &str = "over-budget";

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
    /// The record that this one replaces: consents changed, or nobody waited any more, before anything
    /// was released.
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
    /// The process that wrote it (ATNA's AlternativeUserID of our side).
    #[n(31)]
    pub process: Option<u32>,
    /// The path of our URL that was called.
    #[n(32)]
    pub service: Option<String>,
    /// Submission sets, folders and associations that are shown.
    #[n(33)]
    pub objects: Option<Vec<ObjectRef>>,
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
            process: Some(std::process::id()),
            service: None,
            objects: None,
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
            obligations: if context.beyond_budget { vec![OVER_BUDGET.to_owned()] } else { Vec::new() },
            service: Some(context.service.to_owned()),
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
            process: Some(std::process::id()),
            at_micros: Timestamp::now().micros(),
            ending,
            closes: Some(sequence),
            awaits_close: false,
            replaces: None,
            shown: 0,
            withheld: 0,
            bytes,
            documents: self.documents.clone(),
            objects: self.objects.clone(),
            ..self.without_content()
        }
    }

    /// The record of further messages of the request that this record is about. It awaits no closing
    /// of its own: the opening one's covers it, with its legs.
    pub fn supplementing(&self, legs: Vec<LegRef>) -> Self {
        Self {
            kind: Kind::Open,
            at_micros: Timestamp::now().micros(),
            ending: Ending::Begun,
            legs,
            closes: None,
            awaits_close: false,
            bytes: None,
            ..self.clone()
        }
    }

    /// The record that takes back this release: it became durable when nobody waited for it any more,
    /// so nothing of it has left.
    pub fn taken_back(&self) -> Self {
        Self {
            ending: Ending::NothingReleased,
            closes: None,
            shown: 0,
            withheld: 0,
            bytes: Some(0),
            ..self.without_content()
        }
    }

    // What it says of the request: neither the query element, which may be long, nor what is shown, which may
    // be much. Each answer makes two or three of these ahead, in case.
    fn without_content(&self) -> Self {
        Self {
            kind: self.kind,
            at_micros: self.at_micros,
            ending: self.ending,
            request: self.request,
            attempt: self.attempt,
            side: self.side.clone(),
            transaction: self.transaction.clone(),
            operation: self.operation.clone(),
            message: self.message.clone(),
            received_micros: self.received_micros,
            endpoint: self.endpoint.clone(),
            requester: self.requester.clone(),
            patients: self.patients.clone(),
            query: None,
            legs: self.legs.clone(),
            documents: Vec::new(),
            shown: self.shown,
            withheld: self.withheld,
            answered: self.answered,
            policies: self.policies.clone(),
            policy_set: self.policy_set.clone(),
            consent_version: self.consent_version,
            obligations: self.obligations.clone(),
            more_attributes: self.more_attributes,
            closes: self.closes,
            awaits_close: self.awaits_close,
            replaces: self.replaces,
            bytes: self.bytes,
            count: self.count,
            detail: self.detail.clone(),
            by: self.by.clone(),
            process: self.process,
            service: self.service.clone(),
            objects: None,
        }
    }

    /// Whether another record names further messages of the request that this one opens.
    pub fn is_supplemented_by(&self, other: &Self) -> bool {
        let request = |event: &Self| (event.request, event.attempt, event.message.clone());
        let both_open = self.kind == Kind::Open && other.kind == Kind::Open;
        let is_further = self.awaits_close && !other.awaits_close && self.operation == other.operation;
        both_open && is_further && self.request.is_some() && request(self) == request(other)
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

#[cfg(test)]
mod tests;
