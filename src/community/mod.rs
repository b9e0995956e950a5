//! Floor 5: the places a request can go. Each kind implements the one port `model::Community`.

mod exchange;
pub mod ssmix2;
mod xca;
mod xds;

pub use exchange::{Ends, Exchange, whole};
pub use xca::{Endpoints, Xca};
pub use xds::Xds;
