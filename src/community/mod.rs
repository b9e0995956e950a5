//! Floor 5: the places a request can go. Each kind implements the one port `model::Community`.

mod exchange;
mod pix_manager;
pub mod ssmix2;
mod xca;
mod xds;

pub use exchange::{Ends, Exchange, whole};
pub use pix_manager::PixManager;
pub use xca::{Endpoints, Xca};
pub use xds::Xds;
