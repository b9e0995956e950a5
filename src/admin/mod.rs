//! Floor 7: what operators see: metrics and health over plain HTTP, meant for the local machine.

mod routes;

pub use routes::serve;
