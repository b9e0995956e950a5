//! The places a request can go: sources of our own community and peers.

pub mod ssmix2;
