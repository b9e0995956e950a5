//! `kakehashi match`: the dry run of the matcher on an exported patient list (docs/cli.md). Pure: no
//! configuration, no network, no clock.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::exit;
use crate::dialect::hl7v2::birth_date;
use crate::matching::{Graded, Postings, Prepared, compare_among};
use crate::model::{Address, Demographics, Grade, Insurance, NameScript, PersonName, Sex};

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

/// Records whose pairs are held at once, per thread.
const TURN: usize = 1024;

/// The list: ids and keys at the same positions.
#[derive(Default)]
struct Records {
    ids: Vec<String>,
    prepared: Vec<Prepared>,
}

/// A pair that is linked or to be looked at.
struct Link {
    one: usize,
    two: usize,
    graded: Graded,
}

fn links(args: &MatchArgs, out: &mut dyn Write) -> Result<(), MatchError> {
    let records = read_records(&args.records)?;
    let truth = args.truth.as_deref().map(read_truth).transpose()?;
    let postings = Postings::of(&records.prepared);
    let progress = progress(records.ids.len());
    let mut tally = Tally::default();
    writeln!(out, "record_a\trecord_b\tgrade\tscore\treasons").map_err(MatchError::Output)?;
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(16));
    for from in (0..records.ids.len()).step_by(TURN * threads) {
        progress.set_position(from as u64);
        for (compared, found) in turn(&records, &postings, from, threads) {
            tally.compared += compared;
            for link in found {
                let (Some(one), Some(two)) = (records.ids.get(link.one), records.ids.get(link.two)) else {
                    continue;
                };
                let graded = &link.graded;
                let word = if graded.grade == Grade::Auto { "auto" } else { "review" };
                tally.count(graded.grade, truth.as_ref().map(|truth| is_same(truth, one, two)));
                let reasons = graded.reasons.join(",");
                writeln!(out, "{one}\t{two}\t{word}\t{:.1}\t{reasons}", graded.score)
                    .map_err(MatchError::Output)?;
            }
        }
    }
    out.flush().map_err(MatchError::Output)?;
    progress.finish_and_clear();
    tally.print(&records.ids, &postings, truth.as_ref());
    Ok(())
}

/// Compares `TURN` records a thread with all later ones of their blocks; the order of the answer is
/// that of the records.
fn turn(records: &Records, postings: &Postings, from: usize, threads: usize) -> Vec<(usize, Vec<Link>)> {
    std::thread::scope(|scope| {
        let parts: Vec<_> = (0..threads)
            .map(|part| {
                let from = from + part * TURN;
                scope.spawn(move || part_of(records, postings, from..from + TURN))
            })
            .collect();
        let joined = parts.into_iter().map(|part| match part.join() {
            Ok(found) => found,
            Err(panicked) => std::panic::resume_unwind(panicked),
        });
        joined.collect()
    })
}

fn part_of(records: &Records, postings: &Postings, part: std::ops::Range<usize>) -> (usize, Vec<Link>) {
    let mut compared = 0;
    let mut found = Vec::new();
    for one in part {
        let Some(record) = records.prepared.get(one) else { break };
        for two in postings.after(one, record) {
            let Some(other) = records.prepared.get(two) else { continue };
            compared += 1;
            let graded = compare_among(record, other, postings.shared());
            if graded.grade != Grade::None {
                found.push(Link { one, two, graded });
            }
        }
    }
    (compared, found)
}

fn progress(records: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(records as u64), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("comparing {wide_bar} {pos}/{len} records, {eta} left") {
        bar.set_style(style);
    }
    bar
}

fn is_same(truth: &HashMap<String, String>, one: &str, two: &str) -> bool {
    truth.get(one).is_some_and(|person| truth.get(two) == Some(person))
}

#[derive(Default)]
struct Tally {
    compared: usize,
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
    fn print(&self, ids: &[String], postings: &Postings, truth: Option<&HashMap<String, String>>) {
        let share = |part: usize, whole: usize| if whole == 0 { 1.0 } else { part as f64 / whole as f64 };
        let load = if ids.is_empty() { 0.0 } else { self.review as f64 / ids.len() as f64 };
        eprintln!(
            "{} records, {} pairs compared, {} auto, {} review, {load:.3} review pairs a record",
            ids.len(),
            self.compared,
            self.auto,
            self.review
        );
        if postings.left_out() > 0 {
            eprintln!("{} keys shared by too many records were not used to find pairs", postings.left_out());
        }
        if !postings.shared().is_empty() {
            eprintln!(
                "{} telephones, addresses or insurance numbers shared by many families corroborate nothing",
                postings.shared().len()
            );
        }
        let Some(truth) = truth else { return };
        let mut persons: HashMap<&str, usize> = HashMap::new();
        for id in ids {
            if let Some(person) = truth.get(id) {
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

/// A read table: the columns by name, the rows with their lines.
struct Table {
    columns: HashMap<String, usize>,
    rows: Vec<(u64, csv::StringRecord)>,
}

impl Table {
    fn field<'a>(&self, row: &'a csv::StringRecord, column: &str) -> &'a str {
        self.columns.get(column).and_then(|at| row.get(*at)).unwrap_or_default().trim()
    }
}

fn read_table(path: &Path, needed: &[&str]) -> Result<Table, MatchError> {
    let name = path.display().to_string();
    let unreadable = |why: String| MatchError::Unreadable { path: name.clone(), why };
    let bytes = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let data = |line: u64, why: String| MatchError::Data { path: name.clone(), line, why };
    if let Err(error) = std::str::from_utf8(bytes) {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = 1 + memchr::memchr_iter(b'\n', good).count() as u64;
        return Err(data(line, "not UTF-8 text".to_owned()));
    }
    let mut reader =
        csv::ReaderBuilder::new().delimiter(b'\t').quoting(false).flexible(true).from_reader(bytes);
    let headers = reader.headers().map_err(|error| data(1, error.to_string()))?;
    let mut columns = HashMap::new();
    for (at, header) in headers.iter().enumerate() {
        if columns.insert(header.trim().to_owned(), at).is_some() && needed.contains(&header.trim()) {
            return Err(data(1, format!("the column `{}` stands there twice", header.trim())));
        }
    }
    for column in needed {
        if !columns.contains_key(*column) {
            let why = format!("the column `{column}` is missing; the first line names the columns");
            return Err(data(1, why));
        }
    }
    let mut rows = Vec::new();
    for row in reader.records() {
        let row = row.map_err(|error| {
            let line = error.position().map_or(0, csv::Position::line);
            data(line, error.to_string())
        })?;
        rows.push((row.position().map_or(0, csv::Position::line), row));
    }
    Ok(Table { columns, rows })
}

fn read_truth(path: &Path) -> Result<HashMap<String, String>, MatchError> {
    let table = read_table(path, &["rec_id", "truth_person"])?;
    let mut truth = HashMap::new();
    for (line, row) in &table.rows {
        let person = table.field(row, "truth_person").to_owned();
        let before = truth.insert(table.field(row, "rec_id").to_owned(), person.clone());
        if before.is_some_and(|before| before != person) {
            let why = "this rec_id is another person on an earlier line".to_owned();
            return Err(MatchError::Data { path: path.display().to_string(), line: *line, why });
        }
    }
    Ok(truth)
}

fn read_records(path: &Path) -> Result<Records, MatchError> {
    let table = read_table(path, &["rec_id"])?;
    let data = |line: u64, why: String| MatchError::Data { path: path.display().to_string(), line, why };
    let absent: Vec<&str> = COMPARED.into_iter().filter(|c| !table.columns.contains_key(*c)).collect();
    if !absent.is_empty() {
        eprintln!("{}: without the columns {}", path.display(), absent.join(" "));
    }
    let mut records = Records::default();
    let mut seen = HashMap::new();
    for (line, row) in &table.rows {
        let id = table.field(row, "rec_id");
        if id.is_empty() {
            return Err(data(*line, "the rec_id is empty".to_owned()));
        }
        if let Some(first) = seen.insert(id, *line) {
            let why = format!("this rec_id stands on line {first} already; each record needs its own");
            return Err(data(*line, why));
        }
        records.ids.push(id.to_owned());
        records.prepared.push(Prepared::new(&demographics(&|column| table.field(row, column).to_owned())));
    }
    Ok(records)
}

const COMPARED: [&str; 13] = [
    "family",
    "given",
    "family_kana",
    "given_kana",
    "sex",
    "birthdate",
    "postal",
    "address",
    "phone",
    "insurer_no",
    "symbol",
    "number",
    "branch",
];

fn demographics(field: &dyn Fn(&str) -> String) -> Demographics {
    let name = |family: &str, given: &str, script: Option<NameScript>| PersonName {
        script,
        family: field(family),
        given: field(given),
    };
    // Either column pair may hold another script: katakana or roman letters of a foreign resident.
    let names = [name("family", "given", None), name("family_kana", "given_kana", None)];
    let sex = field("sex");
    Demographics {
        names: names.into_iter().filter(|n| !(n.family.is_empty() && n.given.is_empty())).collect(),
        birth: birth_date(&field("birthdate")).date,
        sex: match sex.to_ascii_uppercase().as_str() {
            "M" | "1" | "MALE" | "男" | "男性" => Some(Sex::Male),
            "F" | "2" | "FEMALE" | "女" | "女性" => Some(Sex::Female),
            _ => None,
        },
        addresses: vec![Address { postal_code: field("postal"), text: field("address") }],
        phones: Some(field("phone")).filter(|phone| !phone.is_empty()).into_iter().collect(),
        insurance: Some(Insurance {
            insurer: field("insurer_no"),
            symbol: field("symbol"),
            number: field("number"),
            branch: field("branch"),
        }),
        ..Demographics::default()
    }
}

#[cfg(test)]
mod tests;
