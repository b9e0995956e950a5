//! `kakehashi match`: the dry run of the matcher on an exported patient list (docs/cli.md). Pure: no
//! configuration, no network, no clock.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::exit;
use crate::matching::{Prepared, candidates, compare};
use crate::model::{Address, Demographics, Grade, Insurance, NameScript, PartialDate, PersonName, Sex};

/// Arguments of `kakehashi match`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kakehashi match patients.tsv > links.tsv
  kakehashi match patients.tsv --truth truth.tsv

Columns are found by header name: rec_id community facility_code patient_id family given family_kana
given_kana sex birthdate postal address phone insurer_no symbol number branch. Others are ignored.
Exit: 0 done, 64 usage, 65 the file is not such a list, 66 it cannot be read.")]
pub struct MatchArgs {
    /// The patient list: UTF-8, tab-separated, with a header line.
    pub records: PathBuf,
    /// Truth to measure against: two columns, rec_id and truth_person.
    #[arg(long)]
    pub truth: Option<PathBuf>,
}

/// Why the run ended early.
#[derive(Debug, thiserror::Error)]
enum MatchError {
    #[error("{path}: cannot be read: {why}")]
    Unreadable { path: String, why: String },
    #[error("{path}:{line}: {why}")]
    Data { path: String, line: u64, why: String },
    #[error("the output cannot be written: {0}")]
    Output(std::io::Error),
}

/// Runs it; the exit code is that of the contract.
pub fn run(args: &MatchArgs) -> u8 {
    match links(args, &mut std::io::BufWriter::new(std::io::stdout().lock())) {
        Ok(()) => exit::OK,
        // A reader that has seen enough (`| head`) is no failure.
        Err(MatchError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => exit::OK,
        Err(error) => {
            eprintln!("kakehashi match: {error}");
            match error {
                MatchError::Unreadable { .. } => exit::NO_INPUT,
                MatchError::Data { .. } => exit::DATA,
                MatchError::Output(_) => exit::IO,
            }
        }
    }
}

struct Record {
    id: String,
    prepared: Prepared,
}

fn links(args: &MatchArgs, out: &mut dyn Write) -> Result<(), MatchError> {
    let records = read_records(&args.records)?;
    let truth = args.truth.as_deref().map(read_truth).transpose()?;
    let prepared: Vec<Prepared> = records.iter().map(|record| record.prepared.clone()).collect();
    let (pairs, left_out) = candidates(&prepared);
    let progress = progress(pairs.len());
    let mut tally = Tally::default();
    writeln!(out, "record_a\trecord_b\tgrade\tscore\treasons").map_err(MatchError::Output)?;
    for (done, (a, b)) in pairs.iter().enumerate() {
        if done % 4096 == 0 {
            progress.set_position(done as u64);
        }
        let (Some(one), Some(two)) = (records.get(*a), records.get(*b)) else { continue };
        let graded = compare(&one.prepared, &two.prepared);
        let word = match graded.grade {
            Grade::Auto => "auto",
            Grade::Review => "review",
            Grade::None => continue,
        };
        let same = truth.as_ref().map(|truth| is_same(truth, one, two));
        tally.count(graded.grade, same);
        let reasons = graded.reasons.join(",");
        writeln!(out, "{}\t{}\t{word}\t{:.1}\t{reasons}", one.id, two.id, graded.score)
            .map_err(MatchError::Output)?;
    }
    out.flush().map_err(MatchError::Output)?;
    progress.finish_and_clear();
    tally.print(&records, pairs.len(), left_out, truth.as_ref());
    Ok(())
}

fn progress(pairs: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(pairs as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("comparing {wide_bar} {pos}/{len} pairs, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn is_same(truth: &HashMap<String, String>, one: &Record, two: &Record) -> bool {
    truth.get(&one.id).is_some_and(|person| truth.get(&two.id) == Some(person))
}

#[derive(Default)]
struct Tally {
    auto: usize,
    auto_true: usize,
    review: usize,
    review_true: usize,
}

impl Tally {
    fn count(&mut self, grade: Grade, same: Option<bool>) {
        let is_true = usize::from(same == Some(true));
        if grade == Grade::Auto {
            self.auto += 1;
            self.auto_true += is_true;
        } else {
            self.review += 1;
            self.review_true += is_true;
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn print(
        &self,
        records: &[Record],
        compared: usize,
        left_out: usize,
        truth: Option<&HashMap<String, String>>,
    ) {
        let share = |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        let load = if records.is_empty() { 0.0 } else { self.review as f64 / records.len() as f64 };
        eprintln!(
            "{} records, {compared} pairs compared, {} auto, {} review, {load:.3} review pairs a record",
            records.len(),
            self.auto,
            self.review
        );
        if left_out > 0 {
            eprintln!("{left_out} keys shared by too many records were not used");
        }
        let Some(truth) = truth else { return };
        let mut persons: HashMap<&str, usize> = HashMap::new();
        for record in records {
            if let Some(person) = truth.get(&record.id) {
                *persons.entry(person).or_default() += 1;
            }
        }
        let pairs: usize = persons.values().map(|n| n * n.saturating_sub(1) / 2).sum();
        let (both, both_true) = (self.auto + self.review, self.auto_true + self.review_true);
        eprintln!("truth: {pairs} pairs");
        eprintln!(
            "auto: precision {:.4} ({} false), recall {:.4}",
            share(self.auto_true, self.auto),
            self.auto - self.auto_true,
            share(self.auto_true, pairs)
        );
        eprintln!(
            "auto and review: precision {:.4}, recall {:.4}",
            share(both_true, both),
            share(both_true, pairs)
        );
    }
}

type Row = HashMap<String, String>;

fn read_rows(path: &Path, needed: &[&str]) -> Result<Vec<(u64, Row)>, MatchError> {
    let name = path.display().to_string();
    let unreadable = |why: String| MatchError::Unreadable { path: name.clone(), why };
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut reader =
        csv::ReaderBuilder::new().delimiter(b'\t').quoting(false).flexible(true).from_reader(bytes);
    let data = |line: u64, why: String| MatchError::Data { path: name.clone(), line, why };
    let headers = reader.headers().map_err(|error| data(1, error.to_string()))?.clone();
    for column in needed {
        if !headers.iter().any(|header| header.trim() == *column) {
            return Err(data(
                1,
                format!("the column `{column}` is missing; the first line names the columns"),
            ));
        }
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            data(line, "not UTF-8 text".to_owned())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let fields =
            headers.iter().zip(record.iter()).map(|(h, f)| (h.trim().to_owned(), f.trim().to_owned()));
        rows.push((line, fields.collect()));
    }
    Ok(rows)
}

fn read_truth(path: &Path) -> Result<HashMap<String, String>, MatchError> {
    let rows = read_rows(path, &["rec_id", "truth_person"])?;
    let pair = |(_, mut row): (u64, Row)| Some((row.remove("rec_id")?, row.remove("truth_person")?));
    Ok(rows.into_iter().filter_map(pair).collect())
}

fn read_records(path: &Path) -> Result<Vec<Record>, MatchError> {
    let mut records: Vec<Record> = Vec::new();
    let mut seen = HashMap::new();
    for (line, row) in read_rows(path, &["rec_id"])? {
        let id = row.get("rec_id").cloned().unwrap_or_default();
        if let Some(first) = seen.insert(id.clone(), line) {
            let why = format!("this rec_id stands on line {first} already; each record needs its own");
            return Err(MatchError::Data { path: path.display().to_string(), line, why });
        }
        records.push(Record { id, prepared: Prepared::new(&demographics(&row)) });
    }
    Ok(records)
}

fn demographics(row: &Row) -> Demographics {
    let field = |name: &str| row.get(name).cloned().unwrap_or_default();
    let name = |family: &str, given: &str, script: Option<NameScript>| PersonName {
        script,
        family: field(family),
        given: field(given),
    };
    let kanji = name("family", "given", None);
    let kana = name("family_kana", "given_kana", Some(NameScript::Syllabic));
    let insurance = Insurance {
        insurer: field("insurer_no"),
        symbol: field("symbol"),
        number: field("number"),
        branch: field("branch"),
    };
    Demographics {
        names: [kanji, kana].into_iter().filter(|n| !(n.family.is_empty() && n.given.is_empty())).collect(),
        birth: PartialDate::from_digits(&field("birthdate")),
        sex: match field("sex").to_ascii_uppercase().as_str() {
            "M" | "1" | "MALE" | "男" => Some(Sex::Male),
            "F" | "2" | "FEMALE" | "女" => Some(Sex::Female),
            _ => None,
        },
        addresses: vec![Address { postal_code: field("postal"), text: field("address") }],
        phones: Some(field("phone")).filter(|phone| !phone.is_empty()).into_iter().collect(),
        insurance: Some(insurance),
        ..Demographics::default()
    }
}
