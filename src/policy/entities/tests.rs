use super::*;
use crate::model::Code;
use crate::policy::fixture::*;

#[test]
fn an_entry_is_of_a_class_exactly_where_the_class_made_of_it_is_the_same() {
    let own = community(OKAYAMA);
    let mut entries = ["ADT-00", "OML-11"].map(|kind| entry(FIRST, "100", kind)).to_vec();
    let sample = entries[0].clone();
    let changed = |change: &dyn Fn(&mut DocumentEntry)| {
        let mut entry = sample.clone();
        change(&mut entry);
        entry
    };
    entries.extend([
        changed(&|entry| entry.id.community = community(HIROSHIMA)),
        changed(&|entry| entry.origin = None),
        changed(&|entry| entry.class.value = "other".into()),
        changed(&|entry| entry.type_code.value = "other".into()),
        changed(&|entry| entry.class.display = "other".into()),
        changed(&|entry| entry.confidentiality.clear()),
        changed(&|entry| entry.confidentiality[0].value = "R".into()),
        changed(&|entry| entry.confidentiality.push(Code::new("R", "2.16.840.1.113883.5.25", ""))),
        // A code of two schemes, or given twice.
        changed(&|entry| entry.confidentiality = ["N", "N"].map(|code| Code::new(code, "", "")).to_vec()),
        changed(&|entry| entry.confidentiality = ["R", "R"].map(|code| Code::new(code, "", "")).to_vec()),
        changed(&|entry| {
            entry.confidentiality = ["R", "N", "R"].map(|code| Code::new(code, "", "")).to_vec()
        }),
        changed(&|entry| entry.origin.as_mut().unwrap().department = "01".to_owned()),
        changed(&|entry| entry.origin.as_mut().unwrap().facility = "3300000000".to_owned()),
        changed(&|entry| entry.origin.as_mut().unwrap().original = true),
        changed(&|entry| entry.origin.as_mut().unwrap().as_is = true),
    ]);
    for one in &entries {
        let class = EntryClass::of(one, &own);
        for other in &entries {
            assert_eq!(class.is_of(other, &own), class == EntryClass::of(other, &own), "{one:?} {other:?}");
        }
    }
}
