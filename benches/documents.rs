//! Judging the entries of a large answer by the demo's policies and one consent.

use std::collections::BTreeSet;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

use kakehashi::model::{
    Answer, Authority, Descriptor, Operation, Phi, Purpose, RegistryObject, RepositoryId, Side, TargetName,
};
use kakehashi::policy::{Authorizer, ConsentBook, Consents, EmergencyIds, Policies};
use kakehashi::store::{ConsentRow, ConsentState, Terms};
use time::macros::date;

use super::samples::{community, context, entry, oid, patient};

fn authorizer() -> Authorizer {
    let (own, authority) = (community("2.999.33"), Authority(oid("2.999.33.1")));
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
    let policies = Policies::load(own.clone(), &folder).unwrap_or_else(|errors| panic!("{errors}"));
    let row = ConsentRow {
        network_id: Phi::new("N1".to_owned()),
        facility: "3310000001".to_owned(),
        patient_no: Phi::new("100".to_owned()),
        community: community("2.999.34"),
        viewers: Terms::All,
        kinds: Terms::All,
        purposes: vec![Purpose::Treatment],
        state: ConsentState::Granted,
        valid_from: date!(2026 - 01 - 01),
        valid_until: None,
        form: "f".to_owned(),
        evidence: "e".to_owned(),
        entered_by: "clerk".to_owned(),
        card: None,
    };
    let consents = Arc::new(Consents::of(ConsentBook::new(1, vec![row])));
    let emergencies = Arc::new(EmergencyIds::empty(authority.clone()));
    Authorizer::new(own, authority, Arc::new(policies), consents, emergencies)
}

pub fn filter(count: u32) {
    let (authorizer, context) = (authorizer(), context());
    let source = Descriptor {
        name: TargetName("okayama-univ".into()),
        community: community("2.999.33"),
        side: Side::Home,
        offers: BTreeSet::from(Operation::ALL),
        authorities: vec![Authority(oid("2.999.33.20"))],
        repositories: vec![RepositoryId(oid("2.999.33.20.9"))],
        facility: Some("3310000001".to_owned()),
        documents_may_differ: false,
    };
    let permit = authorizer
        .authorize(&context, Operation::DocumentQuery, &[patient()], Vec::new(), &[&source])
        .expect("a permit");
    let entries: Vec<_> = (0..1000).map(|number| RegistryObject::Entry(entry(number))).collect();
    for _ in 0..count {
        let filtered = authorizer.filter(&context, &permit, Answer::found(entries.clone()));
        let shown = filtered.answer().found.len();
        assert!(filtered.withheld() > 0 && shown > 0, "some are shown and some are not: {shown}");
        black_box(filtered);
    }
}
