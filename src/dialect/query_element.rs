//! The element of a message that says what was asked, for the audit record: it can be read alone
//! (wire.md 20.4): queryByParameter of HL7 V3, the whole request of ebXML.

use bytes::Bytes;

use super::soap::{Envelope, copy};
use crate::model::Phi;
use crate::xml::Tree;

const HL7: &str = "urn:hl7-org:v3";

/// The query of a request; empty when there is none to be read.
pub fn query_element(message: &Envelope) -> Phi<Bytes> {
    let Ok(tree) = message.body_tree() else { return Phi::new(Bytes::new()) };
    let query = tree.path(HL7, &["controlActProcess", "queryByParameter"]).unwrap_or(&tree);
    let default_ns = if std::ptr::eq::<Tree>(query, &*tree) { "" } else { HL7 };
    Phi::new(copy(query, default_ns, &[]).into())
}

/// As [`query_element`], of a payload that we have written ourselves.
pub fn written_query_element(payload: &str) -> Phi<Bytes> {
    const START: &str = "<queryByParameter>";
    const END: &str = "</queryByParameter>";
    let inner = payload.split_once(START).and_then(|(_, behind)| behind.rsplit_once(END));
    match inner.map(|(inner, _)| inner).filter(|inner| !inner.contains("xsi:")) {
        Some(inner) => Phi::new(format!("{START}{inner}{END}").into()),
        None => query_element(&Envelope::bare(payload)),
    }
}
