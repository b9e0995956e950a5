//! Floor 3: two hospital networks that do not exist, for `kakehashi demo`: keys, trees, consents,
//! settings, the file for foreign clients and the report. Only the demo and tests use it.

pub mod agreement;
pub mod cast;
pub mod charts;
pub mod client_file;
pub mod consents;
pub mod hospitals;
pub mod messages;
pub mod network;
pub mod pki;
pub mod report;
pub mod settings;
pub mod story;
