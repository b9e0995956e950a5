//! `kakehashi audit verify` and `kakehashi audit search`: is the log whole, and who saw what when.
//! Both only read; a running broker is not disturbed. Search shows patient ids: it is for those who
//! may see the audit log.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;
use time::format_description::well_known::Rfc3339;
use time::macros::{format_description, offset};
use time::{Date, OffsetDateTime};

use crate::audit::{Break, Found, Head, Origin, SearchError, Verified, rebuild, search, verify};
use crate::model::{Phi, Timestamp};
use crate::store::{AuditQuery, IndexedEvent, Store};

/// `kakehashi audit`.
#[derive(Debug, Args)]
pub struct AuditArgs {
    /// The folder of the audit log instead of the configured one.
    #[arg(long, global = true, value_name = "FOLDER")]
    folder: Option<PathBuf>,
    /// The store with the index instead of the configured one.
    #[arg(long, global = true, value_name = "URL")]
    store: Option<String>,
    /// One JSON object a line instead of text.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: AuditCommand,
}

impl AuditArgs {
    /// Whether the log is named, so that no configuration has to say where it is.
    pub const fn names_a_log(&self) -> bool {
        self.folder.is_some()
    }
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Checks every record: checksums, chain, numbers, opening and closing records.
    Verify,
    /// Who saw what when.
    Search(SearchArgs),
}

/// `kakehashi audit search`. All conditions must hold.
#[derive(Debug, Args)]
struct SearchArgs {
    /// Patient: a CX (`id^^^&oid&ISO`), or the id alone under any authority.
    #[arg(long, value_name = "ID")]
    patient: Option<String>,
    /// Person who asked: the id, or a part of the name.
    #[arg(long, value_name = "ID|NAME")]
    person: Option<String>,
    /// Organisation that asked: the id, or a part of the name.
    #[arg(long, value_name = "ID|NAME")]
    organization: Option<String>,
    /// Request id (trace id), as it stands in logs and faults.
    #[arg(long, value_name = "HEX")]
    request: Option<String>,
    /// Document unique id.
    #[arg(long, value_name = "ID")]
    document: Option<String>,
    /// From this day (Japan time) or moment: `2026-04-01`, `2026-04-01T09:00:00+09:00`.
    #[arg(long, value_name = "WHEN", value_parser = first_moment)]
    from: Option<Timestamp>,
    /// Up to and including this day (Japan time), or before this moment.
    #[arg(long, value_name = "WHEN", value_parser = end_moment)]
    until: Option<Timestamp>,
    /// Emergency access only.
    #[arg(long)]
    emergency: bool,
    /// Only answers that asked for more attributes: they tell of a resembling person.
    #[arg(long)]
    more_attributes: bool,
    /// At most so many, the latest.
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    limit: usize,
    /// Fills the index anew from the log first.
    #[arg(long)]
    rebuild: bool,
}

/// Runs the command; `folder` and `store_url` are the configured ones. Exit 0 when all is well, 64 when it was
/// used wrongly, 65 when the log has a break, 66 when it cannot be read.
pub async fn run(args: AuditArgs, folder: &Path, store_url: Option<&str>) -> ExitCode {
    let folder = args.folder.as_deref().unwrap_or(folder);
    let rebuilds = matches!(&args.command, AuditCommand::Search(wanted) if wanted.rebuild);
    if rebuilds && args.folder.is_some() && args.store.is_none() {
        eprintln!("--rebuild of a log named by --folder: name the store it is to fill by --store, too");
        return ExitCode::from(EX_USAGE);
    }
    let store = match open_existing(args.store.as_deref().or(store_url), rebuilds).await {
        Ok(store) => store,
        Err(error) => {
            eprintln!("{error}; going on without the index");
            None
        }
    };
    let mut out = std::io::stdout().lock();
    let done = match &args.command {
        AuditCommand::Verify => run_verify(folder, store.as_ref(), args.json, &mut out).await,
        AuditCommand::Search(wanted) => run_search(folder, store, wanted, args.json, &mut out).await,
    };
    done.unwrap_or_else(|error| {
        eprintln!("{}: {error}", folder.display());
        ExitCode::from(EX_NOINPUT)
    })
}

/// The store, if there is one already: reading makes none, and leaves one of another program's version as
/// it is.
async fn open_existing(url: Option<&str>, rebuilds: bool) -> Result<Option<Store>, crate::store::StoreError> {
    let Some(url) = url else { return Ok(None) };
    let path = url.strip_prefix("sqlite:").unwrap_or(url).trim_start_matches("//");
    let path = path.split('?').next().unwrap_or(path);
    if !Path::new(path).exists() {
        return Ok(None);
    }
    let store = if rebuilds { Store::open(url).await? } else { Store::open_for_reading(url).await? };
    Ok(Some(store))
}

async fn run_verify(
    folder: &Path,
    store: Option<&Store>,
    as_json: bool,
    out: &mut impl Write,
) -> Result<ExitCode, SearchError> {
    let known = match store {
        Some(store) => {
            let position = store.audit_position().await?;
            (position.next > 0).then_some(Head { records: position.next, hash: position.hash })
        }
        None => None,
    };
    let path = folder.to_owned();
    let verified = tokio::task::spawn_blocking(move || verify(&path, known))
        .await
        .map_err(|_| std::io::Error::other("verifying the log panicked"))??;
    if as_json {
        write_verified_json(&verified, known, out)?;
    } else {
        write_verified(&verified, known, out)?;
    }
    Ok(if verified.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(EX_DATAERR) })
}

fn write_verified(verified: &Verified, known: Option<Head>, out: &mut impl Write) -> std::io::Result<()> {
    for Break { segment, at, what } in &verified.breaks {
        writeln!(out, "{segment} @{at}: {what}")?;
    }
    let Verified { segments, records, events, breaks_total, .. } = verified;
    writeln!(out, "{segments} segments, {records} records, {events} events, {breaks_total} breaks")?;
    if let Some(head) = verified.head {
        writeln!(out, "last record {}: {}", head.records.saturating_sub(1), hex::encode(head.hash))?;
    }
    match known {
        Some(known) => writeln!(out, "compared with the index: {} records known", known.records)?,
        None => writeln!(out, "no index to compare with: a cut at the end cannot be seen")?,
    }
    if !verified.unclosed.is_empty() {
        let list: Vec<String> = verified.unclosed.iter().take(20).map(ToString::to_string).collect();
        writeln!(out, "{} records await their closing one: {}", verified.unclosed.len(), list.join(", "))?;
    }
    let verdict = if verified.is_sound() { "正常 / sound" } else { "異常 / BROKEN" };
    writeln!(out, "{verdict}")
}

fn write_verified_json(
    verified: &Verified,
    known: Option<Head>,
    out: &mut impl Write,
) -> std::io::Result<()> {
    for Break { segment, at, what } in &verified.breaks {
        writeln!(out, "{}", json!({ "segment": segment, "at": at, "break": what.to_string() }))?;
    }
    let summary = json!({
        "sound": verified.is_sound(),
        "segments": verified.segments,
        "records": verified.records,
        "events": verified.events,
        "breaks": verified.breaks_total,
        "last_hash": verified.head.map(|head| hex::encode(head.hash)),
        "known_records": known.map(|known| known.records),
        "unclosed": verified.unclosed,
    });
    writeln!(out, "{summary}")
}

async fn run_search(
    folder: &Path,
    store: Option<Store>,
    wanted: &SearchArgs,
    as_json: bool,
    out: &mut impl Write,
) -> Result<ExitCode, SearchError> {
    if wanted.rebuild {
        let Some(store) = &store else {
            eprintln!(
                "there is no store to rebuild the index in: name one by --store, or start the broker once"
            );
            return Ok(ExitCode::from(EX_NOINPUT));
        };
        let position = rebuild(folder, store).await?;
        eprintln!("the index holds {} records", position.next);
    }
    let query = AuditQuery {
        patient: wanted.patient.clone().map(Phi::new),
        person: wanted.person.clone(),
        organization: wanted.organization.clone(),
        request: wanted.request.clone(),
        document: wanted.document.clone().map(Phi::new),
        from_micros: wanted.from.map(Timestamp::micros),
        until_micros: wanted.until.map(Timestamp::micros),
        emergency: wanted.emergency,
        more_attributes: wanted.more_attributes,
        limit: wanted.limit,
    };
    let found = search(folder, store.as_ref(), &query).await?;
    if as_json {
        for event in &found.events {
            writeln!(out, "{}", as_object(event))?;
        }
    } else {
        write_table(&found.events, out)?;
    }
    tell_origin(&found);
    Ok(ExitCode::SUCCESS)
}

fn tell_origin(found: &Found) {
    if found.events.is_empty() {
        eprintln!("no record fits all that was asked: leave an option out, or look at the whole with none");
    }
    match found.origin {
        Origin::Index { behind: 0 } => {}
        Origin::Index { behind } => {
            eprintln!("the index is {behind} records behind; these were read from the log");
        }
        Origin::IndexAlone => eprintln!(
            "the folder of the log is not there: this is what the index had taken in, and nothing vouches for it"
        ),
        Origin::Log => eprintln!("no index: read from the log itself"),
        Origin::NotItsIndex => eprintln!(
            "the index in the store is not of this log, or the log was restored or cut: read from the log itself; \
             see `audit verify`, and `--rebuild` to fill the index anew"
        ),
    }
    if let Some(record) = found.begins_at {
        eprintln!("neither log nor index has records before {record}: what is older was not searched");
    }
    if let Some(record) = found.stops_at {
        eprintln!("record {record} of the log cannot be read, nor what follows: see `audit verify`");
    }
    if found.is_cut {
        eprintln!("there may be earlier ones: raise --limit or name a time");
    }
}

fn as_object(event: &IndexedEvent) -> serde_json::Value {
    let patients: Vec<&String> = event.patients.iter().map(Phi::reveal).collect();
    json!({
        "record": event.sequence,
        "at": Timestamp::from_micros(event.at_micros).xs_date_time(),
        "kind": event.kind,
        "ending": event.ending,
        "request": event.request,
        "side": event.side,
        "transaction": event.transaction,
        "operation": event.operation,
        "system": event.system,
        "community": event.community,
        "organization": event.organization,
        "organization_name": event.organization_name,
        "person": event.person,
        "person_name": event.person_name,
        "roles": event.roles,
        "purpose": event.purpose,
        "emergency": event.emergency,
        "more_attributes": event.more_attributes,
        "patients": patients,
        "documents": event.documents.reveal(),
        "shown": event.shown,
        "withheld": event.withheld,
        "bytes": event.bytes,
        "closes": event.closes,
        "replaces": event.replaces,
        "count": event.count,
    })
}

fn write_table(events: &[IndexedEvent], out: &mut impl Write) -> std::io::Result<()> {
    let mut rows = vec![HEAD_JA.map(str::to_owned), HEAD_EN.map(str::to_owned)];
    rows.extend(events.iter().map(row));
    let mut widths = [0; COLUMNS];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(columns_of(cell));
        }
    }
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(width - columns_of(cell) + 2));
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn row(event: &IndexedEvent) -> [String; COLUMNS] {
    let named = |name: &str, id: &str| match (name.is_empty(), id.is_empty()) {
        (false, false) => format!("{name} ({id})"),
        _ => format!("{name}{id}"),
    };
    let kinds: std::collections::BTreeSet<&str> =
        event.documents.reveal().iter().map(|document| document.kind.as_str()).collect();
    let documents = match event.documents.reveal().len() {
        0 => String::new(),
        count => format!("{count}: {}", kinds.into_iter().collect::<Vec<_>>().join(",")),
    };
    let patients: Vec<&str> = event.patients.iter().map(|cx| cx.reveal().as_str()).collect();
    let mut marks = Vec::new();
    if event.emergency {
        marks.push("緊急/emergency".to_owned());
    }
    if event.more_attributes {
        marks.push("追加属性/more-attributes".to_owned());
    }
    if let Some(closes) = event.closes {
        marks.push(format!("→{closes}"));
    }
    if event.count > 1 {
        marks.push(format!("×{}", event.count));
    }
    [
        event.sequence.to_string(),
        japan_time(event.at_micros),
        named(&event.person_name, &event.person),
        named(&event.organization_name, &event.organization),
        event.purpose.clone(),
        event.transaction.clone(),
        patients.join(" "),
        documents,
        event.shown.to_string(),
        event.withheld.to_string(),
        event.bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
        format!("{} {}", event.kind, event.ending),
        marks.join(" "),
    ]
    .map(plain)
}

/// Names come from other networks: no control character reaches the terminal.
fn plain(text: String) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// How many terminal columns a text takes: East Asian wide characters take two.
fn columns_of(text: &str) -> usize {
    let wide = |c: char| {
        matches!(u32::from(c), 0x1100..=0x115f | 0x2e80..=0xa4cf | 0xac00..=0xd7a3 | 0xf900..=0xfaff
            | 0xfe30..=0xfe6f | 0xff00..=0xff60 | 0xffe0..=0xffe6 | 0x1f300..=0x1faff | 0x20000..=0x3fffd)
    };
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

fn japan_time(micros: i64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]+09:00");
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok();
    at.and_then(|at| at.to_offset(offset!(+9)).format(&format).ok()).unwrap_or_default()
}

fn first_moment(text: &str) -> Result<Timestamp, String> {
    moment(text, Some)
}

/// The whole last day counts.
fn end_moment(text: &str) -> Result<Timestamp, String> {
    moment(text, Date::next_day)
}

fn moment(text: &str, day: impl Fn(Date) -> Option<Date>) -> Result<Timestamp, String> {
    if OffsetDateTime::parse(text, &Rfc3339).is_ok() {
        return Timestamp::from_xs_date_time(text).ok_or_else(|| "no such moment".to_owned());
    }
    let date = Date::parse(text, format_description!("[year]-[month]-[day]")).ok().and_then(day);
    let at = date.map(|date| date.midnight().assume_offset(offset!(+9)).unix_timestamp_nanos() / 1000);
    at.and_then(|micros| i64::try_from(micros).ok())
        .map(Timestamp::from_micros)
        .ok_or_else(|| "expected `2026-04-01` or `2026-04-01T09:00:00+09:00`".to_owned())
}

const COLUMNS: usize = 13;
const HEAD_JA: [&str; COLUMNS] = [
    "番号",
    "日時",
    "利用者",
    "所属",
    "目的",
    "取引",
    "患者",
    "文書",
    "開示",
    "非開示",
    "バイト",
    "記録",
    "備考",
];
const HEAD_EN: [&str; COLUMNS] = [
    "record",
    "time (Japan)",
    "person",
    "organisation",
    "purpose",
    "transaction",
    "patients",
    "documents",
    "shown",
    "withheld",
    "bytes",
    "kind, ending",
    "remarks",
];
/// sysexits: the command was used wrongly.
const EX_USAGE: u8 = 64;
/// sysexits: the data are at fault.
const EX_DATAERR: u8 = 65;
/// sysexits: the input cannot be read.
const EX_NOINPUT: u8 = 66;

#[cfg(test)]
mod tests;
