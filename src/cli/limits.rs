//! `kakehashi limits show|reset`: who has used up how much of the budgets on patients and misses, and
//! fresh budgets for somebody whom the operators have talked to.

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::app::control::{self, ControlReply, ControlRequest};
use crate::broker::{Budgets, Count, Used};
use crate::config::Settings;
use crate::model::{TargetName, Timestamp};
use crate::store::Store;

/// Arguments of `limits`.
#[derive(Args)]
pub struct LimitsArgs {
    #[command(subcommand)]
    command: LimitsCommand,
}

#[derive(Subcommand)]
enum LimitsCommand {
    /// Who has used up how much: patients and misses of an hour, a day, 30 days
    Show {
        /// Only this system (the stem of its file in peers/)
        #[arg(long)]
        system: Option<String>,
        /// Also those far from their budgets
        #[arg(long)]
        all: bool,
    },
    /// Give a system, or one person of it, fresh budgets; goes on record
    Reset {
        /// The stem of its file in peers/
        #[arg(long)]
        system: String,
        /// Only this person (the id in `show`)
        #[arg(long)]
        person: Option<String>,
        /// Why
        #[arg(long)]
        reason: String,
        /// Who enters it
        #[arg(long)]
        entered_by: String,
    },
}

/// Carries the command out. Exit code 0; 65 when nothing fits, 69 when store or broker cannot be reached.
pub async fn run(args: LimitsArgs, settings: &Settings) -> ExitCode {
    let done = match args.command {
        LimitsCommand::Show { system, all } => show(settings, system.as_deref(), all).await,
        LimitsCommand::Reset { system, person, reason, entered_by } => {
            reset(settings, ControlRequest::LimitsReset { system, person, reason, entered_by }).await
        }
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

async fn show(settings: &Settings, only: Option<&str>, all: bool) -> Done {
    let failed = |error: crate::store::StoreError| (UNAVAILABLE, error.to_string());
    let store = Store::open(&settings.broker.store_url).await.map_err(failed)?;
    let asking = settings.targets.iter().filter(|file| file.saml.is_some());
    let systems = asking.map(|file| (file.name.clone(), file.budgets));
    let now = Timestamp::now();
    let budgets = Budgets::load(systems, &store, now).await.map_err(failed)?;
    let used = budgets.used(now);
    let wanted = |(name, _): &&(TargetName, Vec<Used>)| only.is_none_or(|only| only == &*name.0);
    Ok(table(used.iter().filter(wanted), all))
}

/// One line each, those over a budget first; patients and misses of an hour, a day, 30 days.
fn table<'a>(systems: impl Iterator<Item = &'a (TargetName, Vec<Used>)>, all: bool) -> String {
    let mut lines = Vec::new();
    for (system, used) in systems {
        for used in used.iter().filter(|used| all || used.is_over || used.whose == "peer") {
            let [hour, day, month] = used.counts.map(cell);
            let who = used.name.replace('\u{1f}', " ");
            let mark = if used.is_over { "over" } else { "" };
            let line =
                format!("{mark:<5}{system:<24} {:<9}{hour:>12} {day:>12} {month:>14}  {who}", used.whose);
            lines.push((!used.is_over, line.trim_end().to_owned()));
        }
    }
    lines.sort();
    let head = format!(
        "{:<5}{:<24} {:<9}{:>12} {:>12} {:>14}  {}",
        "", "system", "whose", "hour", "day", "30 days", "who"
    );
    let lines = lines.into_iter().map(|(_, line)| line).chain(["", LEGEND].map(str::to_owned));
    std::iter::once(head).chain(lines).map(|line| format!("{line}\n")).collect()
}

const LEGEND: &str =
    "patients asked about / look-ups that ended in nobody (照会した患者数 / 該当者なしの照会数)";

fn cell(count: Count) -> String {
    format!("{} / {}", count.patients, count.misses)
}

async fn reset(settings: &Settings, request: ControlRequest) -> Done {
    let socket = &settings.broker.control;
    let sent = control::send(socket, &request).await;
    let sent = sent.map_err(|error| (UNAVAILABLE, format!("{}: {error}", socket.display())))?;
    match sent {
        Some(ControlReply { ok: true, text, .. }) => Ok(format!("{text}\n")),
        Some(ControlReply { text, .. }) => Err((DATA_ERROR, text)),
        None => Err((
            UNAVAILABLE,
            "no broker runs here; a reset goes on its record, so start it first".to_owned(),
        )),
    }
}

const DATA_ERROR: u8 = 65;
const UNAVAILABLE: u8 = 69;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_over_a_budget_stand_first_and_others_only_when_asked_for() {
        let count = |patients, misses| Count { patients, misses };
        let used = |whose, name: &str, is_over| Used {
            whose,
            name: name.to_owned(),
            counts: [count(1, 0), count(12, 3), count(300, 9)],
            is_over,
        };
        let all = [(
            TargetName("hm".into()),
            vec![
                used("peer", "", false),
                used("person", "idp\u{1f}d1", false),
                used("person", "idp\u{1f}d2", true),
            ],
        )];
        let text = table(all.iter(), false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert!(lines[4].starts_with("patients"), "what the two numbers of a cell are: {text}");
        assert!(lines[1].starts_with("over") && lines[1].ends_with("300 / 9  idp d2"), "{text}");
        let column = |line: &str, word: &str| line.find(word).unwrap();
        assert_eq!(column(lines[0], "whose"), column(lines[2], "peer"), "{text}");
        assert!(table(all.iter(), true).contains("idp d1"));
    }
}
