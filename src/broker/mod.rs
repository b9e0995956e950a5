//! Floor 6: the life of a request. Start at `pipeline.rs`.

mod announced;
mod breaker;
mod carry;
mod conclude;
mod directory;
mod entry_cache;
mod fan_out;
mod handled;
mod hidden;
mod identity;
mod limits;
mod outbound;
mod pipeline;
mod resemblance;
mod resolve;
mod target;

pub use breaker::BreakerSettings;
pub use directory::PeerDirectory;
pub use handled::Handled;
pub use identity::Identity;
pub use limits::{InboundRates, Limits};
pub use pipeline::{Broker, BrokerParts};
pub use target::{Target, TargetSettings};
