//! Floor 2: model to wire and back. Pure: no I/O, no clock, no randomness.

pub mod ebxml;
pub mod hl7v2;
pub mod hl7v3;
mod peer_codes;
mod query_element;
#[cfg(test)]
pub(crate) mod respelling;
pub mod soap;
pub mod ssmix2;
mod transaction;

pub use query_element::{query_element, written_query_element};
pub use transaction::{Addressing, Listing, Packaging, Payload, Received, Reply, Sent, Transaction};
