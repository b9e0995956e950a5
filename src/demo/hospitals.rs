//! Writes the storages of a side's hospitals: paths and encoding by the dialects, so that what the demo
//! shows is read the same way as a real tree. Synthetic patients only.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use encoding_rs::SHIFT_JIS;
use time::Date;

use super::cast::people;
use super::charts::{Chart, charts};
use super::network::{Hospital, Network};
use crate::dialect::hl7v2::{Unencodable, encode};

/// Where a hospital's storages lie.
#[derive(Debug, Clone)]
pub struct Storages {
    /// Root of the standard storage.
    pub standard: PathBuf,
    /// Root of the extension storage.
    pub extension: PathBuf,
}

impl Storages {
    /// Below a side's folder.
    pub fn of(side: &Path, hospital: &Hospital) -> Self {
        let folder = side.join("hospitals").join(hospital.key);
        Self {
            standard: folder.join("standard").join(hospital.facility),
            extension: folder.join("extension").join(hospital.facility),
        }
    }
}

/// Writes everything; answers with the number of files.
///
/// # Errors
/// A file that cannot be written.
pub fn write(side: &Path, network: &Network, today: Date) -> io::Result<usize> {
    let mut files = 0;
    for (index, hospital) in network.hospitals.iter().enumerate() {
        let storages = Storages::of(side, hospital);
        fs::create_dir_all(&storages.standard)?;
        fs::create_dir_all(&storages.extension)?;
        for person in people(network) {
            for record in person.records.iter().filter(|record| record.hospital == index) {
                for chart in charts(network, person, record, today) {
                    let root = if chart.is_extension() { &storages.extension } else { &storages.standard };
                    let path = root.join(chart.file.relative_path().reveal());
                    if let Some(folder) = path.parent() {
                        fs::create_dir_all(folder)?;
                    }
                    fs::write(path, bytes(hospital, &chart))?;
                    files += 1;
                }
            }
        }
    }
    Ok(files)
}

/// As the hospital's system writes it.
fn bytes(hospital: &Hospital, chart: &Chart) -> Vec<u8> {
    if chart.is_extension() {
        chart.text.clone().into_bytes()
    } else if hospital.writes_shift_jis {
        SHIFT_JIS.encode(&chart.text).0.into_owned()
    } else {
        encode(&chart.text, Unencodable::Geta).bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::cast::{Part, networks, person};
    use crate::demo::network::OKAYAMA;
    use crate::dialect::ssmix2::{Flag, StorageFile, read_file};
    use crate::model::NameScript;

    const TODAY: Date = time::macros::date!(2026 - 06 - 01);

    fn files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() { files(&entry.path(), found) } else { found.push(entry.path()) }
        }
    }

    #[test]
    fn every_file_is_read_back_without_a_deviation_but_shift_jis() {
        for network in networks() {
            let folder = tempfile::tempdir().unwrap();
            let written = write(folder.path(), network, TODAY).unwrap();
            let mut read = 0;
            for hospital in &network.hospitals {
                let storages = Storages::of(folder.path(), hospital);
                for root in [&storages.standard, &storages.extension] {
                    let mut paths = Vec::new();
                    files(root, &mut paths);
                    for path in paths {
                        let relative = path.strip_prefix(root).unwrap().to_str().unwrap();
                        let file = StorageFile::parse_relative(relative.as_bytes()).unwrap();
                        assert!(file.warnings.is_empty(), "{:?}", file.warnings);
                        let done = read_file(file, &fs::read(&path).unwrap()).unwrap();
                        let codes: Vec<_> = done.warnings.iter().map(|warning| warning.code).collect();
                        if !hospital.writes_shift_jis {
                            assert!(codes.is_empty(), "{relative}: {codes:?}");
                        }
                        read += 1;
                    }
                }
            }
            assert_eq!(read, written);
        }
    }

    #[test]
    fn the_two_hospitals_write_one_person_differently_and_both_are_read() {
        let person = person(&OKAYAMA, Part::Consented).unwrap();
        let names: Vec<(String, String)> = person
            .records
            .iter()
            .map(|record| {
                let hospital = record.at(&OKAYAMA).unwrap();
                let chart = charts(&OKAYAMA, person, record, TODAY).remove(0);
                let bytes = bytes(hospital, &chart);
                let read = read_file(chart.file, &bytes).unwrap().demographics.unwrap();
                let name = |script| read.reveal().name(script).unwrap().family.clone();
                (name(NameScript::Ideographic), name(NameScript::Syllabic))
            })
            .collect();
        assert_eq!(names[0], ("高橋".to_owned(), "タカハシ".to_owned()));
        assert_eq!(names[1], ("髙橋".to_owned(), "ﾀｶﾊｼ".to_owned()));
    }

    #[test]
    fn a_correction_and_a_deletion_stand_in_the_tree() {
        let person = person(&OKAYAMA, Part::Consented).unwrap();
        let charts = charts(&OKAYAMA, person, &person.records[0], TODAY);
        let of = |flag: Flag| charts.iter().filter(|chart| chart.file.flag == flag).collect::<Vec<_>>();
        let [superseded] = of(Flag::Superseded)[..] else { panic!("one superseded file") };
        let successor =
            charts.iter().find(|c| c.file.key() == superseded.file.key() && c.file.flag == Flag::Current);
        assert!(successor.unwrap().file.sent_at > superseded.file.sent_at);
        assert_eq!(of(Flag::Deleted).len(), 1);
    }
}
