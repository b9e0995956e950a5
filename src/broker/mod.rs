//! Floor 6: the life of a request. Start at `pipeline.rs`.

mod announced;
mod breaker;
mod budgets;
mod carry;
mod conclude;
mod correlations;
mod demographics;
mod directory;
mod entry_cache;
mod fan_out;
mod handled;
mod hidden;
mod identity;
mod ledger;
mod limits;
mod lookup;
mod outbound;
mod pages;
mod pipeline;
mod resemblance;
mod resolve;
mod subjects;
mod tally;
mod target;

pub use breaker::BreakerSettings;
pub use budgets::Budgets;
pub use directory::PeerDirectory;
pub use handled::Handled;
pub use identity::Identity;
pub use ledger::Used;
pub use limits::{InboundRates, Limits};
pub use pipeline::{Broker, BrokerParts};
pub use subjects::Counted;
pub use tally::Count;
pub use target::{Target, TargetSettings};
