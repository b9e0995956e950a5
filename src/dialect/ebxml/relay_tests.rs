//! An object passed on within its family: all between its first and its last child stays byte for byte,
//! but for the value of the patient id; of its own attributes only the home changes (wire.md 14.3,
//! architecture 0.6). Held over objects in any spelling, and over all collected samples.

use std::path::Path;

use proptest::prelude::*;

use super::splice::Changes;
use super::*;
use crate::dialect::respelling::respelt;
use crate::dialect::soap::Envelope;
use crate::dialect::{Payload, Reply, Transaction};
use crate::model::{Answer, Authority, PatientId, PeerProfile, RegistryObject, WireBytes};
use crate::xml::Tree;

fn is_patient(tree: &Tree) -> bool {
    use vocabulary::scheme::{FOLDER_PATIENT, PATIENT, SET_PATIENT};
    let of = tree.attribute("identificationScheme");
    let schemes = [PATIENT, SET_PATIENT, FOLDER_PATIENT];
    of.is_some_and(|scheme| schemes.iter().any(|patient| vocabulary::same_uuid(scheme, patient)))
}

/// What stands from the first child to the last without the patient's identifier, that identifier's
/// values, and the object's own attributes but the home.
type Inside = (String, Vec<String>, Vec<(String, String)>);

fn inside(slice: &str, namespaces: &[(String, String)]) -> Inside {
    let (tree, offset) = splice::parse(slice, namespaces).unwrap();
    let at = |place: usize| place - offset;
    let mut text = match (tree.elements().next(), tree.elements().last()) {
        (Some(first), Some(last)) => slice[at(first.range.start)..at(last.range.end)].to_owned(),
        _ => String::new(),
    };
    let mut patients = Vec::new();
    for identifier in tree.elements().filter(|child| is_patient(child)) {
        text = text.replace(&slice[at(identifier.range.start)..at(identifier.range.end)], "");
        patients.push(identifier.attribute("value").unwrap_or_default().to_owned());
    }
    let attributes = tree.element.attributes.iter().filter(|a| a.local != "home");
    let mut attributes: Vec<_> = attributes.map(|a| (a.local.to_string(), a.value.to_string())).collect();
    attributes.sort();
    (text, patients, attributes)
}

/// Passes an object on under another id of the patient and another home, and holds it against itself.
fn relayed(wire: &WireBytes, name: &str) {
    let slice = wire.text.reveal().as_str();
    let patient = PatientId::new(Authority(samples::oid("2.999.77")), "A'lias^&\"<\\");
    let cx = patient.cx();
    let changes = Changes { attributes: &[("home", "urn:oid:2.999.78")], patient: Some(cx.reveal()) };
    let passed = splice::splice(wire, changes).unwrap_or_else(|why| panic!("{name}: {why}"));
    let rim = [("rim".to_owned(), vocabulary::RIM.to_owned())];
    let (before, after) = (inside(slice, &wire.namespaces), inside(&passed, &rim));
    assert_eq!(after.0, before.0, "{name}");
    assert_eq!(after.2, before.2, "{name}");
    assert_eq!(after.1.len(), before.1.len(), "{name}");
    assert!(after.1.iter().all(|cx| PatientId::from_cx(cx).as_ref() == Some(&patient)), "{name}");
    let (tree, _) = splice::parse(&passed, &rim).unwrap();
    assert_eq!(tree.attribute("home"), Some("urn:oid:2.999.78"), "{name}");
}

/// Passes on every registry object of an answer; tells how many there were.
fn relayed_all(message: &Envelope, name: &str) -> usize {
    let mut count = 0;
    let head = query_response::scan(message, |object| {
        if &*object.tree.element.ns == vocabulary::RIM {
            relayed(&object.wire(), name);
            count += 1;
        }
        Ok(())
    });
    if head.is_ok() { count } else { 0 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_kind_of_object_in_any_spelling_is_passed_on_byte_for_byte(entry in samples::entry(), seed in any::<u64>()) {
        let request = Envelope::bare(
            &CrossGatewayQuery::write_request(&samples::find_documents(), &samples::addressing(), &PeerProfile::default()).0.xml);
        let answer = Ok(Answer::found(vec![RegistryObject::Entry(entry)]));
        let reply = CrossGatewayQuery::write_answer(&request, &samples::addressing(), &PeerProfile::default(), answer);
        let Reply::Payload(Payload { xml, .. }) = reply else { panic!() };
        let end = "</rim:RegistryObjectList>";
        let xml = xml.replace(end, &format!("{}{end}", samples::packages("urn:uuid:1")));
        let spelt = respelt(&xml, seed, seed % 2 == 0);
        prop_assert_eq!(relayed_all(&Envelope::bare(&spelt), &spelt), 6);
    }
}

#[test]
fn every_entry_of_the_samples_is_passed_on_byte_for_byte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/soap");
    let Ok(files) = folder.read_dir() else { return };
    let mut count = 0;
    for file in files {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Ok(source) = std::fs::read_to_string(&path) else { continue };
        for seed in 0..4 {
            // The sample as it is, and in three other spellings.
            let spelt = match seed {
                0 => source.clone(),
                _ if Tree::parse(&source).is_err() => continue,
                seed => respelt(&source, seed, false),
            };
            let message = Envelope::read(&spelt).unwrap_or_else(|_| Envelope::bare(&spelt));
            count += relayed_all(&message, &name);
        }
    }
    assert!(count >= 80, "{count} objects");
}
