//! Floor 3: TLS on both sides, whose certificate it is, our accept loop and our HTTP client.

mod certificate;
mod connect;
mod descriptors;
mod driven;
mod failure;
mod far_end;
mod framing;
mod http;
mod listen;
mod pace;
mod read_ahead;
mod request_head;
mod revocation;
mod serving;
mod tls;

#[cfg(test)]
mod tests;

pub use certificate::{CertificateFacts, PeerMap, Stranger};
pub use connect::{TlsConnection, TlsTo, connect_tls, words_of};
pub use framing::Unambiguous;
pub use http::{HttpAnswer, HttpClient, Post};
pub use listen::{Listener, Rejection, RejectionReason, Serving};
pub use serving::{BodyFault, BoxBody, Connected, ListenLimits, read_body};
pub use tls::{
    TlsError, Trust, client_config, client_config_of, crypto_provider, gather_randomness, observe_expiries,
};
