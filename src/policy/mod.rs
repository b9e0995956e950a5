//! Floor 4: who may ask and see what. Cedar, default deny, consent as context.

mod authorizer;
mod consent;
mod consent_file;
mod consents;
mod disclosure;
mod emergency;
mod entities;
#[cfg(test)]
pub mod fixture;
mod index;
mod linked;
mod permit;
mod policies;
mod policy_set;
mod probes;
mod standing;

pub use authorizer::Authorizer;
pub use consent::{Asked, ConsentBook, Held, HospitalNumber, Standing, japan_day};
pub use consent_file::{BadFile, BadLine, CARD_COLUMNS, CONSENT_COLUMNS, read_consents};
pub use consents::{Consents, ImportError, WithdrawError, Withdrawal};
pub use emergency::{EmergencyIds, IssueError};
pub use permit::{Decision, Filtered, Permit};
pub use policies::Policies;
pub use policy_set::{PolicyError, PolicyErrors};
