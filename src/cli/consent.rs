//! `kakehashi consent import|withdraw|list` (decisions F1). Changes go to the running broker through
//! its control socket; without one the store is written here, under its lock, and the broker's next
//! start takes note in the audit log.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use time::Date;

use crate::app::control::{self, ControlReply, ControlRequest, ControlRoom};
use crate::model::Timestamp;
use crate::policy::{CARD_COLUMNS, CONSENT_COLUMNS, Consents, read_consents};
use crate::store::{ConsentRow, Store, StoreError, StoreLock};

/// Arguments of `consent`.
#[derive(Args)]
pub struct ConsentArgs {
    #[command(subcommand)]
    command: ConsentCommand,
}

#[derive(Subcommand)]
enum ConsentCommand {
    /// Import a CSV file of consents: whole, or nothing of it
    Import {
        /// UTF-8, with a header line
        file: PathBuf,
    },
    /// Withdraw a person's consents from today on
    Withdraw(WithdrawArgs),
    /// Print the consents as CSV
    List {
        /// Only of this person
        #[arg(long)]
        network_id: Option<String>,
    },
}

#[derive(Args)]
struct WithdrawArgs {
    /// The network's own id of the person
    #[arg(long)]
    network_id: String,
    /// Only at this facility (10-digit code)
    #[arg(long)]
    facility: Option<String>,
    /// Only toward this community (OID)
    #[arg(long)]
    community: Option<String>,
    /// The form that was signed
    #[arg(long)]
    form: String,
    /// Where the form is kept
    #[arg(long)]
    evidence: String,
    /// Who enters it
    #[arg(long)]
    entered_by: String,
}

impl WithdrawArgs {
    fn request(self) -> ControlRequest {
        let Self { network_id, facility, community, form, evidence, entered_by } = self;
        ControlRequest::ConsentWithdraw { network_id, facility, community, form, evidence, entered_by }
    }
}

/// Where the broker keeps things, as its configuration says.
#[derive(Debug, Clone, Copy)]
pub struct ConsentPlaces<'a> {
    /// The control socket.
    pub control: &'a Path,
    /// The folder whose lock a running broker holds.
    pub folder: &'a Path,
    /// `sqlite:path`.
    pub store_url: &'a str,
}

/// Carries the command out. Exit code 0; 65 when the file is wrong or nothing fits, 66 when it
/// cannot be read, 69 when the store or the broker cannot be reached, 75 when a running broker has not
/// put the change on record yet.
pub async fn run(args: ConsentArgs, places: ConsentPlaces<'_>) -> ExitCode {
    let done = match args.command {
        ConsentCommand::Import { file } => import(&file, places).await,
        ConsentCommand::Withdraw(args) => change(args.request(), places).await,
        ConsentCommand::List { network_id } => list(network_id.as_deref(), places).await,
    };
    match done {
        Ok(text) => {
            let written = std::io::stdout().lock().write_all(text.as_bytes());
            if written.is_ok() { ExitCode::SUCCESS } else { ExitCode::from(UNAVAILABLE) }
        }
        Err((code, text)) => {
            eprintln!("{text}");
            ExitCode::from(code)
        }
    }
}

/// What to print, or exit code and what to complain.
type Done = Result<String, (u8, String)>;

async fn import(path: &Path, places: ConsentPlaces<'_>) -> Done {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let bytes = std::fs::read(path).map_err(|e| (NO_INPUT, format!("{}: {e}", path.display())))?;
    read_consents(&file, &bytes).map_err(|bad| (DATA_ERROR, bad.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| (DATA_ERROR, format!("{file}: not UTF-8")))?;
    change(ControlRequest::ConsentImport { file, text }, places).await
}

async fn change(request: ControlRequest, places: ConsentPlaces<'_>) -> Done {
    let unreachable = |why: String| (UNAVAILABLE, why);
    let sent = control::send(places.control, &request).await;
    let sent = sent.map_err(|e| unreachable(format!("{}: {e}", places.control.display())))?;
    let by_broker = sent.is_some();
    let reply = match sent {
        Some(reply) => reply,
        None => change_here(request, places).await?,
    };
    match reply {
        ControlReply { ok: false, text, .. } => Err((DATA_ERROR, text)),
        ControlReply { noted: false, text, .. } if by_broker => Err((TRY_AGAIN, text)),
        ControlReply { text, .. } => Ok(format!("{text}\n")),
    }
}

async fn change_here(
    request: ControlRequest,
    places: ConsentPlaces<'_>,
) -> Result<ControlReply, (u8, String)> {
    let lock = StoreLock::take(places.folder);
    let lock = lock.map_err(|e| (UNAVAILABLE, format!("{}: {e}", places.folder.display())))?;
    let _held = lock.ok_or_else(|| {
        let why = "a broker holds the store and does not listen at its control socket".to_owned();
        (UNAVAILABLE, why)
    })?;
    let failed = |error: StoreError| (UNAVAILABLE, error.to_string());
    let store = Store::open(places.store_url).await.map_err(failed)?;
    let consents = Arc::new(Consents::load(&store).await.map_err(failed)?);
    Ok(ControlRoom::new(store, consents, None).carry_out(request, Timestamp::now()).await)
}

async fn list(network_id: Option<&str>, places: ConsentPlaces<'_>) -> Done {
    let failed = |error: StoreError| (UNAVAILABLE, error.to_string());
    let store = Store::open(places.store_url).await.map_err(failed)?;
    let (_, rows) = store.consents().await.map_err(failed)?;
    let wanted = |row: &&ConsentRow| network_id.is_none_or(|id| id == row.network_id.reveal());
    csv_of(rows.iter().filter(wanted)).map_err(|e| (UNAVAILABLE, e.to_string()))
}

/// The rows as `consent import` reads them.
fn csv_of<'a>(rows: impl Iterator<Item = &'a ConsentRow> + Clone) -> Result<String, csv::Error> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Networks whose peers give no cards have no columns for them.
    let has_cards = rows.clone().any(|row| row.card.is_some());
    let columns = if has_cards { CONSENT_COLUMNS.len() + CARD_COLUMNS.len() } else { CONSENT_COLUMNS.len() };
    writer.write_record(CONSENT_COLUMNS.iter().chain(&CARD_COLUMNS).take(columns))?;
    for row in rows {
        let purposes: Vec<_> = row.purposes.iter().map(|p| p.code()).collect();
        let day = |day: Option<Date>| day.map(|day| day.to_string()).unwrap_or_default();
        let card = row.card.as_ref();
        let card_id = card.map(|card| card.id.cx());
        let fields: [&str; 16] = [
            row.network_id.reveal(),
            &row.facility,
            row.patient_no.reveal(),
            row.community.0.as_str(),
            &row.viewers.text(),
            &row.kinds.text(),
            &purposes.join(" "),
            row.state.word(),
            &row.valid_from.to_string(),
            &row.valid_until.as_ref().map(Date::to_string).unwrap_or_default(),
            &row.form,
            &row.evidence,
            &row.entered_by,
            card_id.as_ref().map_or("", |cx| cx.reveal().as_str()),
            &day(card.and_then(|card| card.from)),
            &day(card.and_then(|card| card.until)),
        ];
        writer.write_record(fields.into_iter().take(columns))?;
    }
    let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

const DATA_ERROR: u8 = 65;
const NO_INPUT: u8 = 66;
const UNAVAILABLE: u8 = 69;
/// Done, and not on record yet.
const TRY_AGAIN: u8 = 75;

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::policy::CONSENT_COLUMNS;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        consent: ConsentArgs,
    }

    async fn typed(folder: &Path, words: &[&str]) -> Done {
        let (control, url) =
            (folder.join("control.sock"), format!("sqlite:{}", folder.join("k.db").display()));
        let places = ConsentPlaces { control: &control, folder, store_url: &url };
        match Line::try_parse_from([&["consent"], words].concat()).unwrap().consent.command {
            ConsentCommand::Import { file } => import(&file, places).await,
            ConsentCommand::List { network_id } => list(network_id.as_deref(), places).await,
            ConsentCommand::Withdraw(args) => change(args.request(), places).await,
        }
    }

    #[tokio::test]
    async fn without_a_broker_the_store_is_written_and_what_is_listed_can_be_imported_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.csv");
        let row =
            "N1,3310000001,100,2.999.34,*,OML-11,TREATMENT,limited,2026-04-01,2027-03-31,\"HR, 1\",,clerk";
        let text = format!("{}\n{row}\n", CONSENT_COLUMNS.join(","));
        std::fs::write(&file, &text).unwrap();
        let done = typed(folder.path(), &["import", file.to_str().unwrap()]).await.unwrap();
        assert!(done.starts_with("1 rows added"), "{done}");
        assert_eq!(typed(folder.path(), &["list"]).await.unwrap(), text);
        assert_eq!(typed(folder.path(), &["list", "--network-id", "N2"]).await.unwrap().lines().count(), 1);
        let words = ["withdraw", "--network-id", "N1", "--form", "W", "--evidence", "", "--entered-by", "c"];
        typed(folder.path(), &words).await.unwrap();
        assert!(typed(folder.path(), &["list"]).await.unwrap().contains(",withdrawn,"));
    }

    #[tokio::test]
    async fn cards_are_listed_as_they_were_entered_beside_rows_without_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.csv");
        let row = |person: &str, card: &str| {
            format!(
                "{person},3310000001,{person}0,2.999.34,*,*,TREATMENT,granted,2026-04-01,,HR-1,,clerk,{card}"
            )
        };
        let columns: Vec<_> = CONSENT_COLUMNS.into_iter().chain(CARD_COLUMNS).collect();
        let rows = [row("N1", ",,"), row("N2", "H-1^^^&2.999.34.1&ISO,2026-04-01,2027-03-31")];
        let text = format!("{}\n{}\n", columns.join(","), rows.join("\n"));
        std::fs::write(&file, &text).unwrap();
        typed(folder.path(), &["import", file.to_str().unwrap()]).await.unwrap();
        assert_eq!(typed(folder.path(), &["list"]).await.unwrap(), text);
        let one = typed(folder.path(), &["list", "--network-id", "N1"]).await.unwrap();
        assert!(one.starts_with(&format!("{}\n", CONSENT_COLUMNS.join(","))), "{one}");
        std::fs::write(&file, text.replace("N20,", "N30,").replace("N2,", "N3,")).unwrap();
        let (code, why) = typed(folder.path(), &["import", file.to_str().unwrap()]).await.unwrap_err();
        assert_eq!(code, DATA_ERROR);
        assert!(why.starts_with("c.csv:3: column `card_id`: ") && !why.contains("H-1"), "{why}");
    }

    #[tokio::test]
    async fn a_bad_file_an_unknown_person_and_a_held_store_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.csv");
        std::fs::write(&file, "x").unwrap();
        let code = |done: Done| done.unwrap_err().0;
        assert_eq!(code(typed(folder.path(), &["import", file.to_str().unwrap()]).await), DATA_ERROR);
        assert_eq!(code(typed(folder.path(), &["import", "none.csv"]).await), NO_INPUT);
        let words = ["withdraw", "--network-id", "N1", "--form", "W", "--evidence", "e", "--entered-by", "c"];
        assert_eq!(code(typed(folder.path(), &words).await), DATA_ERROR);
        let held = StoreLock::take(folder.path()).unwrap();
        assert_eq!(code(typed(folder.path(), &words).await), UNAVAILABLE);
        drop(held);
    }
}
