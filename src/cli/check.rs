//! `kakehashi check`: would these files be taken? Prints every fault with its place and a hint, or a
//! summary of what would be loaded. Touches nothing that runs.

use std::fmt;
pub mod sources;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, Severity, SourceCode};

use crate::config::{Check, ConfigError, Settings, TargetKind, load_with};
use crate::model::{Operation, Timestamp};

/// Arguments of `kakehashi check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The broker's settings.
    #[arg(long, default_value = "kakehashi.toml", env = "KAKEHASHI_CONFIG")]
    pub config: PathBuf,
    /// A target file to be checked together with the rest before it is put into peers/.
    pub target: Option<PathBuf>,
    /// Read every SS-MIX2 storage as a start would and name each file that is not taken. The names
    /// hold patients' numbers.
    #[arg(long)]
    pub sources: bool,
}

/// `EX_CONFIG` of sysexits.h.
const EX_CONFIG: u8 = 78;

/// Checks, with the checks of other rooms; faults go to standard error, the summary to standard
/// output. 0 when all is well (warnings included), 78 otherwise.
pub fn run(args: &CheckArgs, checks: &[Check<'_>]) -> ExitCode {
    let colours = io::stderr().is_terminal();
    let (text, faults, ok) = report(args, checks, Timestamp::now(), colours);
    let _ = write!(io::stderr(), "{faults}");
    let _ = write!(io::stdout(), "{text}");
    if ok { ExitCode::SUCCESS } else { ExitCode::from(EX_CONFIG) }
}

/// The summary, the faults and warnings, and whether all is well.
fn report(args: &CheckArgs, checks: &[Check<'_>], now: Timestamp, colours: bool) -> (String, String, bool) {
    match load_with(&args.config, args.target.as_deref(), checks, now) {
        Ok(settings) => {
            let warnings =
                settings.warnings.iter().map(|w| rendered(Severity::Warning, w, colours)).collect();
            (summary(&settings), warnings, true)
        }
        Err(errors) => {
            let count = errors.0.len();
            let mut faults: String = errors.0.iter().map(|e| rendered(Severity::Error, e, colours)).collect();
            let ending = if count == 1 { "" } else { "s" };
            faults.push_str(&format!("{count} error{ending}: nothing would be loaded\n"));
            (String::new(), faults, false)
        }
    }
}

/// A fault as miette shows it: file, line and message at the head, the hint at the foot.
#[derive(Debug)]
struct Shown<'a> {
    fault: &'a ConfigError,
    severity: Severity,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConfigError { file, line, column, message, .. } = self.fault;
        match line {
            0 => write!(f, "{}: {message}", file.display()),
            _ => write!(f, "{}:{line}:{column}: {message}", file.display()),
        }
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        self.fault.help()
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.fault.source_code()
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.fault.labels()
    }
}

fn rendered(severity: Severity, fault: &ConfigError, colours: bool) -> String {
    let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_width(110).with_wrap_lines(false);
    let mut text = String::new();
    match handler.render_report(&mut text, &Shown { fault, severity }) {
        Ok(()) => text + "\n",
        Err(_) => format!("{fault}\n"),
    }
}

fn summary(settings: &Settings) -> String {
    let broker = &settings.broker;
    let mut text = format!("{}: community {}\n", broker.file.display(), broker.community);
    for listener in broker.listeners() {
        text.push_str(&format!("  {} listener on {}\n", listener.side.word(), listener.listen));
    }
    for target in &settings.targets {
        let offers: Vec<_> = target.offers.iter().copied().map(Operation::word).collect();
        let asked = match target.kind {
            TargetKind::PixManager => "about links of ids".to_owned(),
            _ if offers.is_empty() => "nothing".to_owned(),
            _ => offers.join(", "),
        };
        let (name, kind, side) = (&target.name, target.kind.word(), target.side.word());
        text.push_str(&format!(
            "  {name}: {kind} on the {side} side, {}, is asked {asked}\n",
            target.community
        ));
    }
    let (targets, warnings) = (settings.targets.len(), settings.warnings.len());
    text.push_str(&format!("ok: {targets} files of peers/, {warnings} warnings\n"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::fixture::{Fixture, PEER};

    fn checked(fixture: &Fixture) -> (String, String, bool) {
        let args = CheckArgs { config: fixture.path("kakehashi.toml"), target: None, sources: false };
        report(&args, &[], Timestamp::now(), false)
    }

    #[test]
    fn what_would_be_loaded_is_summed_up() {
        let fixture = Fixture::new();
        fixture.write("peers/hm.toml", PEER);
        let (text, faults, ok) = checked(&fixture);
        assert!(ok && faults.is_empty(), "{faults}");
        assert!(text.contains("hm: xca on the peer side, urn:oid:2.999.34"), "{text}");
    }

    #[test]
    fn a_fault_shows_its_line_a_caret_and_a_hint() {
        let fixture = Fixture::new();
        fixture.write("peers/hm.toml", &PEER.replace("kind = \"xca\"", "kind = \"xac\""));
        let (text, faults, ok) = checked(&fixture);
        assert!(!ok && text.is_empty());
        assert!(faults.contains("hm.toml:2:8: unknown kind \"xac\"\n"), "{faults}");
        assert!(faults.contains("help: `xca`?"), "{faults}");
        assert!(faults.contains("kind = \"xac\"") && faults.contains("──"), "{faults}");
        assert!(faults.ends_with("1 error: nothing would be loaded\n"));
    }
}
