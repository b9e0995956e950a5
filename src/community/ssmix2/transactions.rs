//! トランザクションストレージ (japan.md 1.8): `<root>/<YYYY>/TR_*.DAT`, append-only. Its header lines
//! tell whose folder changed; that is all it is used for, the tree stays the truth.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Bytes read of one file at one look; the rest comes with the next.
const READ_MAX: u64 = 16 * 1024 * 1024;

/// Folders of years looked at: this one and, around New Year, the one before.
const YEARS_MAX: usize = 2;

/// How far each file has been read.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    offsets: BTreeMap<PathBuf, u64>,
}

impl Transactions {
    /// Takes everything written so far as read: the first index sees it in the tree.
    pub(super) fn skip_to_end(&mut self, roots: &[PathBuf]) {
        for (path, bytes) in dat_files(roots) {
            self.offsets.insert(path, bytes);
        }
    }

    /// The patients of this facility named in what was appended since the last look.
    pub(super) fn appended(&mut self, roots: &[PathBuf], facility: &str) -> BTreeSet<String> {
        let mut patients = BTreeSet::new();
        let files = dat_files(roots);
        self.offsets.retain(|path, _| files.contains_key(path));
        for (path, bytes) in files {
            let offset = self.offsets.entry(path.clone()).or_default();
            if bytes < *offset {
                *offset = 0;
            }
            if bytes > *offset
                && let Ok(read) = read_from(&path, *offset)
            {
                *offset += headers(&read, facility, &mut patients);
            }
        }
        patients
    }
}

/// The log files of the newest years; older years are written no more.
fn dat_files(roots: &[PathBuf]) -> BTreeMap<PathBuf, u64> {
    let list = |folder: &Path| std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found = BTreeMap::new();
    for root in roots {
        let folders = list(root).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let years: BTreeSet<PathBuf> = folders.map(|entry| entry.path()).collect();
        for file in years.iter().rev().take(YEARS_MAX).flat_map(|year| list(year)) {
            let name = file.file_name();
            let is_log = name.to_str().is_some_and(|name| name.starts_with("TR_") && name.ends_with(".DAT"));
            if let (true, Ok(metadata)) = (is_log, file.metadata())
                && metadata.is_file()
            {
                found.insert(file.path(), metadata.len());
            }
        }
    }
    found
}

fn read_from(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(READ_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Collects the patients of the header lines; tells how many bytes were whole lines.
/// `#SSMIX,2.00,<facility>,<patient>,<date|->,<kind>,<order no>,INS|DEL,<dept|->,<time>`
fn headers(bytes: &[u8], facility: &str, patients: &mut BTreeSet<String>) -> u64 {
    let is_end = |b: &u8| matches!(b, b'\r' | b'\n');
    let whole = match bytes.iter().rposition(is_end) {
        Some(last) => last + 1,
        // A line longer than one look holds no header of ours.
        None if bytes.len() as u64 >= READ_MAX => bytes.len(),
        None => 0,
    };
    for line in bytes.get(..whole).unwrap_or_default().split(is_end) {
        if !line.starts_with(b"#SSMIX,") {
            continue;
        }
        let mut fields = line.split(|b| *b == b',').skip(2).map(|field| str::from_utf8(field).ok());
        if let (Some(Some(at)), Some(Some(patient))) = (fields.next(), fields.next())
            && at == facility
            && !patient.is_empty()
        {
            patients.insert(patient.to_owned());
        }
    }
    whole as u64
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn line(patient: &str, facility: &str) -> String {
        format!("#SSMIX,2.00,{facility},{patient},-,ADT-00,999999999999999,INS,-,20240712081527824\r\n")
    }

    #[test]
    fn only_what_was_appended_is_told_and_half_a_line_waits_for_its_end() {
        let root = tempfile::tempdir().unwrap();
        let year = root.path().join("2026");
        std::fs::create_dir(&year).unwrap();
        let path = year.join("TR_20260101000000000_00001.DAT");
        std::fs::write(&path, line("001", "F")).unwrap();
        let roots = [root.path().to_path_buf()];
        let mut transactions = Transactions::default();
        transactions.skip_to_end(&roots);
        assert!(transactions.appended(&roots, "F").is_empty());

        let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
        let text = line("002", "F") + &line("003", "other") + "MSH|^~\\&|x\r\r\n" + &line("004", "F");
        let (first, rest) = text.split_at(text.len() - 30);
        file.write_all(first.as_bytes()).unwrap();
        assert_eq!(transactions.appended(&roots, "F"), BTreeSet::from(["002".to_owned()]));
        file.write_all(rest.as_bytes()).unwrap();
        assert_eq!(transactions.appended(&roots, "F"), BTreeSet::from(["004".to_owned()]));

        std::fs::write(year.join("TR_20260102000000000_00001.DAT"), line("005", "F")).unwrap();
        assert_eq!(transactions.appended(&roots, "F"), BTreeSet::from(["005".to_owned()]));
    }
}
