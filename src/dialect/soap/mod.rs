//! SOAP 1.2 with WS-Addressing, and MTOM packages as streams both ways.

mod check;
mod content_type;
mod copy;
mod duration;
mod envelope;
mod fault;
mod frame;
mod mtom;
mod text;
mod transfer;
mod write;

pub use check::{Offered, check_relates_to, check_request};
pub use content_type::ContentType;
pub use copy::copy;
pub use envelope::{Envelope, Header};
pub use fault::Fault;
pub use frame::{Framed, FramedBody, frame_answer, frame_request};
pub use mtom::{Attachment, Limits, Parts, Unreceived, package, receive, receive_any, receive_root};
pub use text::decode_text;
pub use transfer::decode_base64;
pub use write::{write_answer, write_around, write_fault, write_request};

/// Namespaces of the envelope (wire.md 1).
pub mod ns {
    /// SOAP 1.2.
    pub const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
    /// SOAP 1.1, answered with VersionMismatch.
    pub const SOAP_11: &str = "http://schemas.xmlsoap.org/soap/envelope/";
    /// WS-Addressing 1.0.
    pub const WSA: &str = "http://www.w3.org/2005/08/addressing";
    /// WS-Addressing of 2004, met in faults only.
    pub const WSA_2004: &str = "http://schemas.xmlsoap.org/ws/2004/08/addressing";
    /// WS-Security.
    pub const WSSE: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
    /// WS-Security utility.
    pub const WSU: &str =
        "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
    /// XCPD: the CorrelationTimeToLive header.
    pub const XCPD: &str = "urn:ihe:iti:xcpd:2009";
}

#[cfg(test)]
mod tests;
