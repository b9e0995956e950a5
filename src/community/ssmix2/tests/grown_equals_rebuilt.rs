use std::path::PathBuf;

use proptest::prelude::*;

use super::fixture::{Storage, er7, put};
use super::messages::message;
use crate::community::ssmix2::Ssmix2;

const KINDS: [&str; 4] = ["ADT-00", "OMP-01", "OML-11", "PPR-01"];
const NUMBERS: [&str; 3] = ["0000012345", "0000012346", "123"];

#[derive(Debug, Clone)]
enum Operation {
    /// The writer's insert or update, perhaps seen between its two steps.
    Insert { kind: usize, patient: usize, is_half_done: bool },
    /// The writer's delete.
    Delete { kind: usize, patient: usize },
    /// Somebody removes the patient's folder.
    Purge { patient: usize },
    /// A message of somebody else lies in the patient's folder.
    Misfile { kind: usize, patient: usize },
    /// The index looks.
    Look,
    /// The index looks at what changed only.
    LookAt { patient: usize },
}

fn operation() -> impl Strategy<Value = Operation> {
    let (kind, patient) = (0..KINDS.len(), 0..NUMBERS.len());
    let both = (kind, patient.clone());
    prop_oneof![
        5 => (both.clone(), any::<bool>()).prop_map(|((kind, patient), is_half_done)| {
            Operation::Insert { kind, patient, is_half_done }
        }),
        2 => both.clone().prop_map(|(kind, patient)| Operation::Delete { kind, patient }),
        1 => patient.clone().prop_map(|patient| Operation::Purge { patient }),
        1 => both.prop_map(|(kind, patient)| Operation::Misfile { kind, patient }),
        3 => Just(Operation::Look),
        3 => patient.prop_map(|patient| Operation::LookAt { patient }),
    ]
}

/// Files of one chain with a flag, and how they are called with another.
fn renamed(storage: &Storage, kind: &str, number: &str, from: &[u8], to: u8) -> Vec<(PathBuf, PathBuf)> {
    let folder = storage.path(kind, number, "x", 1).parent().unwrap().to_path_buf();
    let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let with_flag = |path: PathBuf| {
        let text = path.to_str().unwrap().to_owned();
        let flag = text.bytes().last().unwrap() - b'0';
        from.contains(&flag).then(|| (path, PathBuf::from(format!("{}{to}", &text[..text.len() - 1]))))
    };
    names.filter_map(with_flag).collect()
}

fn carry_out(storage: &Storage, operation: &Operation, clock: u64) {
    let at = format!("20240712{:09}", clock * 1000);
    let rename =
        |pairs: Vec<(PathBuf, PathBuf)>| pairs.into_iter().for_each(|(a, b)| std::fs::rename(a, b).unwrap());
    match *operation {
        Operation::Insert { kind, patient, is_half_done } => {
            let (kind, number) = (KINDS[kind], NUMBERS[patient]);
            rename(renamed(storage, kind, number, &[1], 2));
            if !is_half_done {
                storage.file(kind, number, &at, 1);
            }
        }
        Operation::Delete { kind, patient } => {
            let (kind, number) = (KINDS[kind], NUMBERS[patient]);
            rename(renamed(storage, kind, number, &[1, 2], 0));
            storage.file(kind, number, &at, 0);
        }
        Operation::Purge { patient } => {
            let folder = storage.path("ADT-00", NUMBERS[patient], &at, 1);
            let _absent = std::fs::remove_dir_all(folder.ancestors().nth(3).unwrap());
        }
        Operation::Misfile { kind, patient } => {
            let other = message(KINDS[kind], "0000077777", "別人");
            put(&storage.path(KINDS[kind], NUMBERS[patient], &at, 1), &er7(&other));
        }
        Operation::Look | Operation::LookAt { .. } => {}
    }
}

/// Everything an index knows, comparable.
fn picture(source: &Ssmix2) -> Vec<String> {
    let mut lines = Vec::new();
    for (number, patient) in source.index.patients() {
        let names = patient.demographics.as_ref().map(|d| d.reveal().names[0].family.clone());
        lines.push(format!("{number} {names:?}"));
        for held in &patient.held {
            let (found, by_id) = source.index.document(held.uuid()).unwrap();
            assert_eq!((found, by_id.uuid()), (number.clone(), held.uuid()));
            let entry = held.entry(source.index.reader());
            lines.push(format!(
                "{number} {} {:?} {:?} {:?} {:?} {:?}",
                held.uuid(),
                held.form(),
                entry.availability,
                entry.hash,
                entry.size,
                held.file
            ));
        }
        lines.extend(patient.bad.named.iter().map(|bad| format!("{:?} {}", bad.path.reveal(), bad.code)));
    }
    lines.sort();
    lines.push(format!("{:?}", source.report()));
    lines
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn an_index_that_grew_equals_one_that_was_built_anew(operations in prop::collection::vec(operation(), 1..24)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let storage = Storage::new();
            let grown = storage.source();
            grown.rescan(|_| ()).await.unwrap();
            for (clock, operation) in (1..).zip(&operations) {
                carry_out(&storage, operation, clock);
                match *operation {
                    Operation::Look => grown.rescan(|_| ()).await.unwrap(),
                    Operation::LookAt { patient } => {
                        let folder = storage.path("ADT-00", NUMBERS[patient], "x", 1);
                        let folder = folder.ancestors().nth(3).unwrap();
                        let folder = folder.strip_prefix(storage.root()).unwrap().to_path_buf();
                        let hints = [(NUMBERS[patient].to_owned(), [folder].into())].into();
                        grown.index.next_interval();
                        grown.index.rescan_some(hints).await.unwrap();
                    }
                    _ => {}
                }
            }
            // Two looks, so that a version waiting for its successor has waited long enough.
            grown.rescan(|_| ()).await.unwrap();
            grown.rescan(|_| ()).await.unwrap();
            let rebuilt = storage.source();
            rebuilt.rescan(|_| ()).await.unwrap();
            prop_assert_eq!(picture(&grown), picture(&rebuilt));
            Ok(())
        })?;
    }
}
