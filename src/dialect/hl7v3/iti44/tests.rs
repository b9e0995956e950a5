//! ITI-44 and ITI-46 both ways: what is written is read back in any spelling, and each refusal has its
//! acknowledgement.

use proptest::prelude::*;

use super::*;
use crate::dialect::hl7v3::PixUpdateNotification;
use crate::dialect::hl7v3::tests::{addressing, answering, asking, discovery, oid, text};
use crate::dialect::respelling::received;
use crate::model::{Authority, Failure};

fn id(value: &str) -> PatientId {
    PatientId::new(Authority(oid("2.999.3")), value)
}

fn record(change: RecordChange) -> PatientRecord {
    let subsumed = if change == RecordChange::Merged { vec![id("SECRET-OLD")] } else { Vec::new() };
    let others = vec![PatientId::new(Authority(oid("2.999.9")), "N-1")];
    PatientRecord { change, ids: vec![id("SECRET")], others, subsumed, demographics: Phi::default() }
}

fn xml<T: Transaction<Request = PatientRecord>>(record: &PatientRecord) -> String {
    T::write_request(record, &addressing(), &PeerProfile::default()).0.xml
}

fn read_as<T: Transaction<Request = PatientRecord>>(xml: &str) -> Result<PatientRecord, Refusal> {
    T::read_request(&Envelope::bare(xml), &PeerProfile::default())
}

fn records() -> impl Strategy<Value = PatientRecord> {
    let ids = |least| {
        let id = ("2\\.999\\.[1-9][0-9]{0,3}", text());
        let id = id.prop_map(|(root, id)| PatientId::new(Authority(oid(&root)), id));
        proptest::collection::vec(id, least..5).prop_map(|mut ids| {
            let mut known = Vec::new();
            ids.retain(|id| {
                !known.contains(id) && {
                    known.push(id.clone());
                    true
                }
            });
            ids
        })
    };
    let change =
        prop_oneof![Just(RecordChange::Added), Just(RecordChange::Revised), Just(RecordChange::Merged)];
    (change, ids(1), ids(0), ids(1), proptest::option::of(discovery())).prop_map(
        |(change, ids, others, subsumed, known)| {
            let known = known.map(|known| known.demographics.into_revealed()).unwrap_or_default();
            let Demographics { names, birth, sex, .. } = known;
            PatientRecord {
                change,
                ids,
                others,
                subsumed: if change == RecordChange::Merged { subsumed } else { Vec::new() },
                demographics: Phi::new(Demographics { names, birth, sex, ..Demographics::default() }),
            }
        },
    )
}

proptest! {
    #[test]
    fn a_record_is_read_back_as_it_was_told_in_any_spelling(record in records(), seed: u64) {
        let (text, read): (String, fn(&Envelope, &PeerProfile) -> _) = match record.change {
            RecordChange::Added => (xml::<RecordAdded>(&record), RecordAdded::read_request),
            RecordChange::Revised => (xml::<RecordRevised>(&record), RecordRevised::read_request),
            RecordChange::Merged => (xml::<DuplicatesResolved>(&record), DuplicatesResolved::read_request),
        };
        prop_assert_eq!(read(&Envelope::bare(&text), &PeerProfile::default()), Ok(record.clone()));
        let envelope = crate::dialect::soap::write_request("urn:x", &addressing(), None, &text);
        let respelt = received(&envelope, seed, false).envelope;
        prop_assert_eq!(read(&respelt, &PeerProfile::default()), Ok(record));
    }
}

#[test]
fn a_message_about_two_persons_or_about_nobody_is_refused_by_its_place() {
    let good = xml::<RecordAdded>(&record(RecordChange::Added));
    assert!(read_as::<RecordAdded>(&good).is_ok());
    let (from, until) = (good.find("<subject ").unwrap(), good.find("</subject>").unwrap() + 10);
    let twice = good.replacen("</subject>", &format!("</subject>{}", &good[from..until]), 1);
    let role = "<priorRegisteredRole classCode=\"PAT\"><id root=\"2.999.3\" extension=\"SECRET-OLD\"/>";
    let merged = xml::<DuplicatesResolved>(&record(RecordChange::Merged));
    assert!(merged.contains(role), "{merged}");
    let own = "<id root=\"2.999.3\" extension=\"SECRET\"/>";
    let many: String = (0..=IDS_MAX).map(|n| format!("<id root=\"2.999.3\" extension=\"{n}\"/>")).collect();
    for (text, code) in [
        (twice, "several-subjects"),
        (good.replacen(&good[from..until], "", 1), "missing-element"),
        (good.replacen(own, "", 1), "patient-id-missing"),
        (good.replacen(own, "<id nullFlavor=\"NI\"/>", 1), "patient-id-missing"),
        (good.replacen(own, "<id root=\"2.999.3\"/>", 1), "root-not-oid"),
        (
            good.replacen("root=\"2.999.3\" extension=\"SECRET\"", "root=\"x\" extension=\"SECRET\"", 1),
            "root-not-oid",
        ),
        (good.replacen("<name nullFlavor=\"NA\"/>", "", 1), "missing-element"),
        (good.replacen(own, &many, 1), "too-many-values"),
        (merged.clone(), "not-soap"),
    ] {
        let Err(Refusal::Malformed(malformed)) = read_as::<RecordAdded>(&text) else {
            panic!("{code}: {text}")
        };
        assert_eq!(malformed.code, code, "{malformed}");
        assert!(!malformed.to_string().contains("SECRET"), "{malformed}");
    }
    let nobody = merged.replacen(role, "<priorRegisteredRole classCode=\"PAT\">", 1);
    let refused = read_as::<DuplicatesResolved>(&nobody);
    assert!(matches!(refused, Err(Refusal::Malformed(m)) if m.code == "missing-element"));
    let other = xml::<PixUpdateNotification>(&record(RecordChange::Revised));
    assert_eq!(read_as::<RecordRevised>(&other).unwrap(), record(RecordChange::Revised));
}

#[test]
fn what_becomes_of_a_message_is_acknowledged_and_understood() {
    let request = record(RecordChange::Merged);
    let text = xml::<DuplicatesResolved>(&request);
    let (_, sent) = DuplicatesResolved::write_request(&request, &addressing(), &asking());
    let busy = || Refusal::Throttled(1000);
    let malformed = || Refusal::Malformed(Malformed::new("several-subjects", "", "more than one subject"));
    for (answer, code, expected) in [
        (Ok(Answer { answered: 1, ..Answer::default() }), "AA", Ok(1)),
        (Err(malformed()), "AE", Err(Failure::Rejected("AE SYN113".into()))),
        (Err(busy()), "AE", Err(Failure::Rejected("AE INTERR".into()))),
        (Err(Refusal::Internal("x".into())), "AE", Err(Failure::Rejected("AE INTERR".into()))),
    ] {
        let reply = DuplicatesResolved::write_answer(&Envelope::bare(&text), &answering(), &asking(), answer);
        let Reply::Payload(Payload { xml, .. }) = reply else { panic!("{reply:?}") };
        assert!(xml.starts_with("<MCCI_IN000002UV01 ") && !xml.contains("controlActProcess"), "{xml}");
        assert!(xml.contains(&format!("<typeCode code=\"{code}\"/>")), "{xml}");
        assert!(
            xml.contains("<targetMessage><id root=\"2.999.1\" extension=\"7\"/></targetMessage>"),
            "{xml}"
        );
        let received = Received { envelope: Envelope::bare(&xml), parts: None };
        let read = DuplicatesResolved::read_answer(received, &sent, &asking()).map(|answer| answer.answered);
        assert_eq!(read, expected, "{xml}");
        // CA is met where AA is meant.
        let ca = xml.replace("code=\"AA\"", "code=\"CA\"");
        let received = Received { envelope: Envelope::bare(&ca), parts: None };
        assert_eq!(taken(received, &sent).is_ok(), expected.is_ok());
    }
    let denied = RecordAdded::write_answer(
        &Envelope::bare(&text),
        &answering(),
        &asking(),
        Err(Refusal::AuditUnavailable),
    );
    assert!(matches!(denied, Reply::Fault(_)));
}
