//! SOAP 1.2 with WS-Addressing, and MTOM packages as streams both ways.

mod envelope;
mod fault;
mod mtom;

pub use envelope::{Envelope, Header};
pub use fault::Fault;
pub use mtom::{Attachment, Parts};

/// Namespaces of the envelope (wire.md 1).
pub mod ns {
    /// SOAP 1.2.
    pub const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
    /// WS-Addressing 1.0.
    pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
    /// WS-Security.
    pub const WSSE: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    /// WS-Security utility.
    pub const WSU: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
}
