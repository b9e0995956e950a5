//! One libFuzzer binary with every reader of the broker; `KAKEHASHI_READER` names the one to feed.
//! A reader may refuse anything; it may not panic, hang, or hold many times its input.

#![no_main]

mod ebxml;
mod files;
mod hl7;
mod records;
mod saml;
mod soap;
mod ssmix2;
mod xml;

use std::sync::LazyLock;

type Reader = fn(&[u8]);

const READERS: [(&str, Reader); 18] = [
    ("audit_record", records::event),
    ("audit_segment", records::segment),
    ("config_broker", files::broker),
    ("config_peer", files::peer),
    ("consent_csv", files::consents),
    ("ebxml_query_answer", ebxml::query_answer),
    ("ebxml_query_request", ebxml::query_request),
    ("ebxml_retrieve", ebxml::retrieve),
    ("er7", hl7::er7),
    ("hl7v3_answer", hl7::answer),
    ("hl7v3_request", hl7::request),
    ("mtom", soap::mtom),
    ("saml", saml::verified),
    ("soap", soap::envelope),
    ("ssmix2_file", ssmix2::file),
    ("ssmix2_path", ssmix2::path),
    ("stored_query", ebxml::slot_values),
    ("xml", xml::any),
];

static CHOSEN: LazyLock<Reader> = LazyLock::new(|| {
    let name = std::env::var("KAKEHASHI_READER").unwrap_or_default();
    let found = READERS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("KAKEHASHI_READER names no reader: {name:?}")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| CHOSEN(data));
