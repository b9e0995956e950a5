//! SOAP 1.2 faults (wire.md 2, 3.2, 5.1): which one fits, and what one that was read means.
//! Writing them is `write.rs`.

use super::{Envelope, Unreceived, ns};
use crate::dialect::{Received, peer_codes};
use crate::model::{Failure, Interrupted, Malformed, Refusal, Unauthenticated};
use crate::xml::Tree;

/// A fault to write, or one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `Sender`, `Receiver`, `MustUnderstand`, `VersionMismatch`, `DataEncodingUnknown`.
    pub code: String,
    /// Subcodes from the outer to the inner, with the prefix we declare (`wsa:ActionNotSupported`).
    pub subcodes: Vec<String>,
    /// For a person; no patient value, no host name.
    pub reason: String,
    /// For MustUnderstand: the blocks (namespace, local name) nobody here knows.
    pub not_understood: Vec<(String, String)>,
}

impl Fault {
    /// A Sender fault with its subcodes from the outer to the inner.
    pub fn sender(subcodes: &[&str], reason: impl Into<String>) -> Self {
        let subcodes = subcodes.iter().map(|code| (*code).to_owned()).collect();
        Self { code: "Sender".into(), subcodes, reason: reason.into(), not_understood: Vec::new() }
    }

    /// A Receiver fault.
    pub fn receiver(reason: impl Into<String>) -> Self {
        Self { code: "Receiver".into(), ..Self::sender(&[], reason) }
    }

    /// The fault for a message that cannot be read: VersionMismatch for SOAP 1.1, else Sender.
    pub fn malformed(malformed: &Malformed) -> Self {
        if malformed.code == "soap-1.1" {
            let reason = "SOAP 1.2 is required";
            return Self { code: "VersionMismatch".into(), ..Self::sender(&[], reason) };
        }
        Self::sender(&[], malformed.to_string())
    }

    /// The fault for header blocks that must be understood and are not.
    pub fn must_understand(blocks: &[(String, String)]) -> Self {
        let fault = Self::sender(&[], "a header block with mustUnderstand is not understood");
        Self { code: "MustUnderstand".into(), not_understood: blocks.to_vec(), ..fault }
    }

    /// The security fault; the reason does not tell which check failed, and of a header of the asking
    /// system's own only what may be told.
    pub fn unauthenticated(unauthenticated: &Unauthenticated) -> Self {
        let prefix = if unauthenticated.word == "MessageExpired" { "wsu" } else { "wsse" };
        let subcode = format!("{prefix}:{}", unauthenticated.word);
        let reason = unauthenticated.told.as_deref().unwrap_or("the security header was not accepted");
        Self::sender(&[&subcode], reason)
    }

    /// The fault of a refusal, for those that are faults in every transaction (wire.md 22.3,
    /// decisions E1); None for those the transaction answers itself.
    pub fn of_refusal(refusal: &Refusal) -> Option<Self> {
        match refusal {
            Refusal::AuditUnavailable => Some(Self::receiver("the request cannot be carried out now")),
            Refusal::Denied => Some(Self::sender(&["wsse:FailedAuthentication"], "not permitted")),
            Refusal::Unauthenticated(why) => Some(Self::unauthenticated(why)),
            Refusal::Internal(_)
            | Refusal::Malformed(_)
            | Refusal::OverBudget(_)
            | Refusal::Throttled(_)
            | Refusal::TooManyResults
            | Refusal::UnknownAuthority(_)
            | Refusal::UnknownCommunity
            | Refusal::UnknownPatient(_)
            | Refusal::UnknownQuery
            | Refusal::Unsupported(_)
            | Refusal::Withheld => None,
        }
    }

    /// wsa:Action of the message that carries it.
    pub fn action(&self) -> &'static str {
        if self.subcodes.iter().any(|code| code.starts_with("wsa:")) {
            "http://www.w3.org/2005/08/addressing/fault"
        } else {
            "http://www.w3.org/2005/08/addressing/soap/fault"
        }
    }

    /// Reads the body's fault; None when the body holds something else. The names of SOAP 1.1
    /// (`Server`, `Client`) become those of 1.2; known subcodes get our prefix, others keep theirs.
    ///
    /// # Errors
    /// As [`Envelope::body_tree`].
    pub fn read(envelope: &Envelope) -> Result<Option<Self>, Malformed> {
        if !envelope.holds(ns::SOAP, "Fault")? {
            return Ok(None);
        }
        let tree = envelope.body_tree()?;
        let value = |code: &Tree| code.first(ns::SOAP, "Value").map(|v| v.text().trim().to_owned());
        let local = |name: &str| name.rsplit(':').next().unwrap_or_default().to_owned();
        let mut fault = Self::receiver("");
        let mut next = tree.first(ns::SOAP, "Code");
        if let Some(code) = next.and_then(value) {
            fault.code = match local(&code).as_str() {
                "Client" => "Sender".to_owned(),
                "Server" => "Receiver".to_owned(),
                other => other.to_owned(),
            };
        }
        while let Some(subcode) = next.and_then(|code| code.first(ns::SOAP, "Subcode")) {
            fault.subcodes.extend(value(subcode));
            next = Some(subcode);
        }
        let text = tree.path(ns::SOAP, &["Reason", "Text"]).map(Tree::text).unwrap_or_default();
        fault.reason = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Some(fault))
    }

    /// What a peer's message makes of its leg before the transaction reads it: None for an answer,
    /// whatever its HTTP status (wire.md 24.7); a fault, a body that is no SOAP, a break (22.2).
    pub fn failure_of(status: u16, received: &Result<Received, Unreceived>) -> Option<Failure> {
        match received {
            Ok(received) => match Self::read(&received.envelope) {
                Ok(fault) => fault.map(|fault| fault.failure()),
                Err(malformed) => Some(Failure::Unreadable(malformed.to_string())),
            },
            Err(Unreceived::Malformed(_)) if !(200..300).contains(&status) => {
                Some(Failure::Unreachable(format!("HTTP {status} without SOAP")))
            }
            Err(Unreceived::Malformed(malformed)) => Some(Failure::Unreadable(malformed.to_string())),
            Err(Unreceived::Interrupted(Interrupted::Idle)) => Some(Failure::TimedOut),
            Err(Unreceived::Interrupted(Interrupted::TooLarge(max))) => {
                Some(Failure::Unreadable(format!("more than {max} bytes")))
            }
            Err(Unreceived::Interrupted(interrupted)) => Some(Failure::Unreachable(interrupted.to_string())),
        }
    }

    /// What a peer's fault makes of its leg (wire.md 22.2). Its reason may hold patient values and
    /// stays out of the text, and so do codes that are none we know.
    pub fn failure(&self) -> Failure {
        let local = |code: &String| code.rsplit(':').next().unwrap_or_default().to_owned();
        let codes: Vec<String> = std::iter::once(&self.code).chain(&self.subcodes).map(local).collect();
        let text = format!("SOAP fault {}", peer_codes::told(codes.iter().map(String::as_str), "/"));
        let is_away = codes
            .iter()
            .any(|code| matches!(code.as_str(), "DestinationUnreachable" | "EndpointUnavailable"));
        if is_away || self.code == "Receiver" { Failure::Unreachable(text) } else { Failure::Rejected(text) }
    }
}
