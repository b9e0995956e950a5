//! What stands around a broker in these tests: keys, hospitals, portals, other networks, and a look
//! at its records.

pub mod client;
pub mod gateway;
pub mod hospital;
pub mod network;
pub mod pki;
pub mod process;
pub mod raw;
pub mod records;
pub mod repository;
pub mod seed;
pub mod site;
pub mod waiting;
