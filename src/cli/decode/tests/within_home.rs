//! What a portal or our PIX manager sends within the network (ITI-18, 43, 44, 45, 46, 47): what the broker's
//! readers refuse, `decode` refuses, and in the same word; and it says what else the message may be.

use std::path::Path;

use super::*;
use crate::dialect::Transaction;
use crate::dialect::ebxml::{RegistryStoredQuery, RetrieveDocumentSet};
use crate::dialect::hl7v3::{
    DuplicatesResolved, PdqCancellation, PdqContinuation, PdqQuery, PixQuery, PixUpdateNotification,
    RecordAdded, RecordRevised,
};
use crate::dialect::soap::Envelope;
use crate::model::{PeerProfile, Refusal};

fn refused<T: Transaction>(text: &str) -> Option<&'static str> {
    match T::read_request(&Envelope::bare(text), &PeerProfile::default()) {
        Err(Refusal::Malformed(malformed)) => Some(malformed.code),
        Ok(_) | Err(_) => None,
    }
}

/// A seed of the readers, the kind it is decoded as, and the reader it is for.
type Sample = (&'static str, &'static str, fn(&str) -> Option<&'static str>);

const SAMPLES: [Sample; 12] = [
    ("ebxml_registry_query/find_documents", "ITI-18 request", refused::<RegistryStoredQuery>),
    ("ebxml_registry_query/get_documents", "ITI-18 request", refused::<RegistryStoredQuery>),
    ("ebxml_registry_query/get_all", "ITI-18 request", refused::<RegistryStoredQuery>),
    ("ebxml_document_set/without_home", "ITI-43 request", refused::<RetrieveDocumentSet>),
    ("hl7v3_pix_feed/added", "ITI-44 request", refused::<RecordAdded>),
    ("hl7v3_pix_feed/revised", "ITI-44 request", refused::<RecordRevised>),
    ("hl7v3_pix_feed/revised", "ITI-46 request", refused::<PixUpdateNotification>),
    ("hl7v3_pix_feed/merged", "ITI-44 request", refused::<DuplicatesResolved>),
    ("hl7v3_pix_query/two_sources", "ITI-45 request", refused::<PixQuery>),
    ("hl7v3_pdq_query/paged", "ITI-47 request", refused::<PdqQuery>),
    ("hl7v3_pdq_continuation/next", "ITI-47 request", refused::<PdqContinuation>),
    ("hl7v3_pdq_continuation/cancel", "ITI-47 request", refused::<PdqCancellation>),
];

fn seed(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    std::fs::read_to_string(folder.join(name)).unwrap()
}

/// The message with each of its attributes in turn empty, without each attribute, and with each text in turn
/// empty.
fn bent(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    let quotes: Vec<usize> = text.match_indices('"').map(|(at, _)| at).collect();
    for pair in quotes.chunks_exact(2) {
        let (from, until) = (pair[0] + 1, pair[1]);
        all.push(format!("{}{}", &text[..from], &text[until..]));
        let name = text[..from].rfind(' ').unwrap();
        if !text[name..from].contains("xmlns") {
            all.push(format!("{}{}", &text[..name], &text[until + 1..]));
        }
    }
    for (at, _) in text.match_indices('>') {
        let until = text[at..].find('<').map_or(text.len(), |end| at + end);
        if until > at + 1 {
            all.push(format!("{}{}", &text[..=at], &text[until..]));
        }
    }
    all
}

#[test]
fn what_the_broker_refuses_of_a_message_within_the_network_decode_refuses_in_the_same_word() {
    let (mut count, mut wrong) = (0, Vec::new());
    for (name, kind, refused) in SAMPLES {
        let whole = seed(name);
        let told = decoded_as(&whole, kind);
        assert_eq!(
            (told["verdict"].as_str(), told["kind"].as_str()),
            (Some("accepted"), Some(kind)),
            "{told}"
        );
        assert_eq!(refused(&whole), None, "{name}");
        for text in bent(&whole) {
            let Some(code) = refused(&text) else { continue };
            count += 1;
            let told = decoded_as(&text, kind);
            // Another root is another message; what is wrong first may be something else beside it.
            let is_same = refusal(&told) == code || (told["verdict"] == "refused" && is_other(&told, code));
            if !is_same {
                wrong.push(format!("{name}: {code}, but {}: {text}", told["refusal"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(count > 40, "{count}");
}

// Words of `decode` for what the broker words otherwise, or meets later.
fn is_other(told: &Value, code: &str) -> bool {
    ["unknown-root", "missing-element", "root-not-oid", "malformed-xml"].contains(&refusal(told))
        || matches!(code, "not-soap" | "unexpected-element" | "unexpected-root")
}

#[test]
fn a_notification_that_names_nobody_is_refused_as_the_broker_refuses_it() {
    let revised = seed("hl7v3_pix_feed/revised");
    let (at, until) = (revised.find("<patient ").unwrap(), revised.find("<patientPerson").unwrap());
    let ids = revised[at..until].replace("<id root", "<id nullFlavor=\"NA\" root");
    let nobody = format!("{}{ids}{}", &revised[..at], &revised[until..]);
    let told = decoded_as(&nobody, "ITI-46 request");
    let by_broker = refused::<PixUpdateNotification>(&nobody);
    assert_eq!((by_broker, refusal(&told)), (Some("patient-id-missing"), "patient-id-missing"), "{nobody}");
}

#[test]
fn a_bare_query_without_a_home_is_told_that_it_may_be_one_of_a_portal() {
    let bare = seed("ebxml_registry_query/get_documents");
    let told = decoded(&bare);
    assert_eq!(refusal(&told), "XDSMissingHomeCommunityId");
    assert!(told["refusal"]["text"].as_str().unwrap().contains("--as \"ITI-18 request\""), "{told}");
    assert_eq!(decoded_as(&bare, "ITI-18 request")["verdict"], "accepted");
    let across = decoded_as(&bare, "ITI-38 request");
    assert!(!across["refusal"]["text"].as_str().unwrap().contains("--as"), "{across}");
}
