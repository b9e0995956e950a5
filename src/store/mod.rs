//! Floor 3: the small tables: consents, what the PIX manager is to be told, emergency ids, replay cache, claimed ids, index of the audit log.
//! Each file holds one table's SQL as `impl Store`. The audit log itself is files, not a table.

mod asked;
mod audit_content;
mod audit_forward;
mod audit_index;
mod audit_words;
mod cards;
mod claims;
mod consent_row;
mod consents;
mod correlations;
mod emergency_ids;
mod feed;
mod lock;
mod open;
mod replay_cache;
mod schema;

pub use asked::AskedRow;
pub use audit_index::{AuditPosition, AuditQuery, Indexed, IndexedDocument, IndexedEvent};
pub use cards::{Ended, OPEN};
pub use claims::{ClaimRow, Claimed, IdHash};
pub use consent_row::{Card, ConsentRow, ConsentState, Terms, first_moment};
pub use consents::{AddError, ConsentChange};
pub use correlations::{Basis, Correlation, Resting};
pub use emergency_ids::EmergencyId;
pub use feed::{FeedBacklog, FeedChange, FeedRow};
pub use lock::StoreLock;
pub use open::{Store, StoreError};
pub use replay_cache::{Presented, Taken};
#[cfg(test)]
pub(crate) use schema::database_as_of;
