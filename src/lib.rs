//! Kakehashi, a broker between prefectural medical networks. The rooms in the order of their
//! floors (`docs/architecture.md`); a room imports only from floors below it.

// Floor 1
pub mod model;
pub mod xml;
// Floor 2
pub mod config;
pub mod dialect;
pub mod matching;
pub mod telemetry;
// Floor 3
pub mod demo;
pub mod store;
pub mod transport;
// Floor 4
pub mod identity;
pub mod policy;
// Floor 5
pub mod audit;
pub mod community;
// Floor 6
pub mod broker;
// Floor 7
pub mod admin;
pub mod endpoint;
// Floors 8 and 9
pub mod app;
pub mod cli;
