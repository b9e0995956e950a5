//! Floor 4: who may ask and see what. Cedar, default deny, consent as context.

mod authorizer;
mod permit;

pub use authorizer::Authorizer;
pub use permit::{Decision, Filtered, Permit};
