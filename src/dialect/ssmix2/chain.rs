//! Correction chains (JAMI guideline, condition flags; japan.md 1.3): of all files of one order, which
//! is current, which superseded, which deleted. Renaming and creating are not atomic together.

use std::collections::BTreeMap;

use super::path::{Flag, StorageFile};

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Approved.
    Current,
    /// Deprecated and never served.
    Deleted,
    /// Deprecated; replaced by that file of the slice, where there is one.
    Superseded {
        /// Index of the file of the next version.
        by: Option<usize>,
    },
}

/// The states of the files of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// One for each file, in the order given.
    pub states: Vec<State>,
    /// No file is current and none is deleted: a writer may be between rename and create. Wait one
    /// polling interval with the state known before, then take `states` as they are.
    pub lost_current: bool,
}

impl Chain {
    /// Judges all files of one key (extension storage: the documents of all its content folders).
    ///
    /// The newest file with flag 1 wins unless a deletion is as new or newer; a second file with
    /// flag 1 counts as superseded.
    pub fn resolve(files: &[&StorageFile]) -> Self {
        let version = |file: &StorageFile| (file.sent_at_padded(), file.department.clone());
        let newest = |flag: Flag| files.iter().filter(|f| f.flag == flag).map(|f| version(f)).max();
        let deletion = newest(Flag::Deleted);
        let current =
            newest(Flag::Current).filter(|at| deletion.as_ref().is_none_or(|deleted| at.0 > deleted.0));
        // Versions of each document in order, for the successor of each.
        let mut versions: BTreeMap<Option<&str>, Vec<_>> = BTreeMap::new();
        for (index, file) in files.iter().enumerate().filter(|(_, file)| file.flag != Flag::Deleted) {
            versions.entry(file.document.as_deref()).or_default().push((version(file), index));
        }
        versions.values_mut().for_each(|list| list.sort());
        let successor = |file: &StorageFile| {
            let (list, own) = (versions.get(&file.document.as_deref())?, version(file));
            list.get(list.partition_point(|(at, _)| *at <= own)).map(|(_, index)| *index)
        };
        let state = |file: &StorageFile| {
            if file.flag == Flag::Deleted || (current.is_none() && deletion.is_some()) {
                State::Deleted
            } else if file.flag == Flag::Current && Some(version(file)) == current {
                State::Current
            } else {
                State::Superseded { by: successor(file) }
            }
        };
        let states: Vec<State> = files.iter().map(|file| state(file)).collect();
        let lost_current = !files.is_empty() && current.is_none() && deletion.is_none();
        Self { states, lost_current }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(files: &[(&str, u8)]) -> (Vec<State>, bool) {
        let files: Vec<StorageFile> = files
            .iter()
            .map(|(at, flag)| {
                let path =
                    format!("000/000/0000001/20240401/OMP-01/0000001_20240401_OMP-01_1_{at}_01_{flag}");
                StorageFile::parse_relative(path.as_bytes()).unwrap()
            })
            .collect();
        let chain = Chain::resolve(&files.iter().collect::<Vec<_>>());
        (chain.states, chain.lost_current)
    }

    const FIRST: &str = "20240401100000000";
    const SECOND: &str = "20240401110000000";
    const THIRD: &str = "20240401120000000";

    #[test]
    fn the_file_with_flag_1_is_current_and_replaces_the_one_before() {
        let (states, lost) = resolve(&[(THIRD, 1), (FIRST, 2), (SECOND, 2)]);
        let by = |i| State::Superseded { by: Some(i) };
        assert_eq!((states, lost), (vec![State::Current, by(2), by(0)], false));
    }

    #[test]
    fn of_two_files_with_flag_1_the_newer_wins() {
        let (states, _) = resolve(&[(FIRST, 1), (SECOND, 1)]);
        assert_eq!(states, [State::Superseded { by: Some(1) }, State::Current]);
    }

    #[test]
    fn a_deletion_takes_all_older_versions_with_it_even_before_they_are_renamed() {
        assert_eq!(resolve(&[(FIRST, 0), (SECOND, 0)]).0, [State::Deleted, State::Deleted]);
        assert_eq!(resolve(&[(FIRST, 1), (SECOND, 0)]), (vec![State::Deleted, State::Deleted], false));
        assert_eq!(resolve(&[(FIRST, 2), (SECOND, 0)]).0, [State::Deleted, State::Deleted]);
    }

    #[test]
    fn an_order_entered_again_after_its_deletion_is_current() {
        assert_eq!(resolve(&[(FIRST, 0), (SECOND, 0), (THIRD, 1)]).0[2], State::Current);
    }

    #[test]
    fn a_chain_that_lost_its_current_file_says_so() {
        assert_eq!(resolve(&[(FIRST, 2)]), (vec![State::Superseded { by: None }], true));
        assert_eq!(resolve(&[]), (vec![], false));
    }

    #[test]
    fn the_documents_of_one_content_folder_are_current_together() {
        let folder = "000/000/0000001/20240401/^要約^^18842-5^退院時サマリー^LN/0000001_20240401_x_1";
        let paths =
            ["20240401100000000_01_1/a.xml", "20240401100000000_01_1/b.pdf", "20240401090000000_01_2/a.xml"];
        let files: Vec<StorageFile> = paths
            .iter()
            .map(|rest| StorageFile::parse_relative(format!("{folder}_{rest}").as_bytes()).unwrap())
            .collect();
        let states = Chain::resolve(&files.iter().collect::<Vec<_>>()).states;
        assert_eq!(states, [State::Current, State::Current, State::Superseded { by: Some(0) }]);
    }
}
