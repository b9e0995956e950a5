//! A PIX and PDQ manager, a registry and its repositories, asked in their own words (ITI-45, ITI-47,
//! ITI-18, ITI-43): a source of our own beside the SS-MIX2 storages, or another network.

mod documents;
mod entries;
mod kinds;
mod network;
mod numbers;
mod persons;
mod searches;

pub use network::Xds;
