//! Floor 7: bytes in, bytes out. Finds the transaction, establishes who asks, hands the request to
//! the pipeline and writes what was released.

mod arrival;
mod lane;
mod notification;
mod place;
mod serve;
mod soap;

pub use lane::Lane;
pub use serve::{EndpointParts, SoapEndpoint, System};
