//! Every reader of the broker as a function of bytes. A reader may refuse anything; it may not panic,
//! hang, or hold many times its input, and what it takes it must be able to write and take again.
//! Fed by libFuzzer (`fuzz/run.sh`) and, for a short while, by `cargo test` (`tests/readers/`).

mod ebxml;
mod files;
mod hl7;
mod pix_pdq;
mod portal;
mod records;
mod saml;
mod soap;
mod ssmix2;
mod xml;

/// A reader under test.
pub type Reader = fn(&[u8]);

/// All of them, by name.
pub const READERS: [(&str, Reader); 30] = [
    ("audit_record", records::event),
    ("audit_segment", records::segment),
    ("config_broker", files::broker),
    ("config_peer", files::peer),
    ("consent_csv", files::consents),
    ("ebxml_document_set", ebxml::document_set),
    ("ebxml_query_answer", ebxml::query_answer),
    ("ebxml_query_request", ebxml::query_request),
    ("ebxml_registry_answer", ebxml::registry_answer),
    ("ebxml_registry_query", ebxml::registry_query),
    ("ebxml_retrieve", ebxml::retrieve),
    ("er7", hl7::er7),
    ("hl7v3_acknowledgement", pix_pdq::acknowledgement),
    ("hl7v3_answer", hl7::answer),
    ("hl7v3_pdq_answer", pix_pdq::pdq_answer),
    ("hl7v3_pdq_continuation", pix_pdq::pdq_continuation),
    ("hl7v3_pdq_query", pix_pdq::pdq_query),
    ("hl7v3_pix_answer", pix_pdq::pix_answer),
    ("hl7v3_pix_feed", pix_pdq::pix_feed),
    ("hl7v3_pix_query", pix_pdq::pix_query),
    ("hl7v3_request", hl7::request),
    ("mtom", soap::mtom),
    ("portal_headers", portal::headers),
    ("portal_token", portal::token),
    ("saml", saml::verified),
    ("soap", soap::envelope),
    ("ssmix2_file", ssmix2::file),
    ("ssmix2_path", ssmix2::path),
    ("stored_query", ebxml::slot_values),
    ("xml", xml::any),
];
