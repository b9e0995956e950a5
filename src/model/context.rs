//! One request through the broker: its id, its side, who asks and until when.

use std::net::SocketAddr;

use tokio::time::Instant;

use super::{MessageId, RequestId, Requester, Timestamp};

/// The two sides that are never routed into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Our portal asks, our sources answer.
    Home,
    /// Another network.
    Peer,
}

impl Side {
    /// The word in files, logs and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Peer => "peer",
        }
    }
}

/// The far end of a connection: what its certificate said and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Certificate subject (RFC 4514 text).
    pub subject: String,
    /// SHA-256 of the certificate's SubjectPublicKeyInfo, hex.
    pub spki_sha256: String,
    /// Network address.
    pub address: SocketAddr,
    /// Our own address the connection came to.
    pub local: SocketAddr,
}

/// Everything about a request that is not what it asks.
#[derive(Debug, Clone)]
pub struct RequestContext {
    /// Shared by both brokers (trace id).
    pub id: RequestId,
    /// The listener's side.
    pub side: Side,
    /// `ITI-38` and the like.
    pub transaction: &'static str,
    /// The path of our URL that was called.
    pub service: &'static str,
    /// Who asks.
    pub requester: Requester,
    /// When the message arrived.
    pub received: Timestamp,
    /// When an answer must be out.
    pub deadline: Instant,
    /// wsa:MessageID of the request.
    pub message: MessageId,
    /// 1, or more when a portal sent the same message again (decisions B1).
    pub attempt: u32,
    /// The far end.
    pub endpoint: Endpoint,
    /// Over a budget, and let through because it is an emergency: stands on every record of it.
    pub beyond_budget: bool,
}
