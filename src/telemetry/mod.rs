//! Floor 2: metrics, health and logs. Nothing about a patient gets in here.

mod core_dump;
mod health;
mod logging;
mod metrics;
mod outcome;
mod panics;
mod registered;
mod trace;

pub use core_dump::keep_memory_out_of_core_dumps;
pub use health::{Component, Health, Needed, Status};
pub use logging::{LoggingError, start_logging};
pub use metrics::{BreakerState, ForwardGauges, InFlight, Metrics};
pub use outcome::{PARTIAL, SUCCESS, failure_detail, failure_word, refusal_detail, refusal_word};
pub use panics::tell_panics_by_place;
pub use trace::TraceParent;
