//! Floor 6: the life of a request. Start at `pipeline.rs`.

mod announced;
mod breaker;
mod budgets;
mod carry;
mod claims;
mod conclude;
mod directory;
mod entry_cache;
mod fan_out;
mod handled;
mod hidden;
mod identity;
mod ledger;
mod limits;
mod outbound;
mod pipeline;
mod resemblance;
mod resolve;
mod subjects;
mod tally;
mod target;

pub use breaker::BreakerSettings;
pub use budgets::Budgets;
pub use claims::Claims;
pub use directory::PeerDirectory;
pub use handled::Handled;
pub use identity::Identity;
pub use ledger::Used;
pub use limits::{InboundRates, Limits};
pub use pipeline::{Broker, BrokerParts};
pub use subjects::Counted;
pub use tally::Count;
pub use target::{Target, TargetSettings};
