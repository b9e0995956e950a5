//! `kakehashi demo`: lays out two networks that do not exist, runs a broker for each, asks in both
//! directions, holds the answers against the agreement, and tells about it.

mod acts;
mod brokers;
mod layout;
mod tell;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;

use super::exit;
use crate::demo::agreement::SENTENCES;
use crate::demo::cast::networks;
use crate::demo::report;
use crate::demo::story::{Both, Report};
use crate::model::Timestamp;
use acts::Acts;
use brokers::Broker;
use layout::{Layout, lay_out};

/// Arguments of `kakehashi demo`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kakehashi demo
  kakehashi demo --keep --folder /tmp/kakehashi-demo
  kakehashi demo --lay-out-only --folder /tmp/kakehashi-demo

Everything is invented and stays on this machine (127.0.0.1, free ports). The folder is made anew each
time. Exit: 0 every step came out as it must, 1 one did not, 64 the folder cannot be used, 70 a broker
did not work, 74 something could not be written.")]
pub struct DemoArgs {
    /// Where to lay it out
    #[arg(long, default_value = "target/demo")]
    pub folder: PathBuf,
    /// Leaves both brokers up until Ctrl-C
    #[arg(long)]
    pub keep: bool,
    /// Writes keys (those of the throwaway authorities too), hospitals, settings and client.json and
    /// starts nothing: to put a gateway of your own in the place of one of the brokers
    #[arg(long, conflicts_with = "keep")]
    pub lay_out_only: bool,
}

/// Why the demo could not be run.
#[derive(Debug)]
pub struct DemoError {
    /// Exit code.
    pub code: u8,
    text: String,
    hint: &'static str,
}

impl DemoError {
    fn new(code: u8, text: String) -> Self {
        Self { code, text, hint: "" }
    }

    fn file(path: &Path, error: &std::io::Error) -> Self {
        Self::new(exit::IO, format!("{}: {error}", path.display()))
    }

    fn hint(self, hint: &'static str) -> Self {
        Self { hint, ..self }
    }
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n  hint: {}", self.hint) }
    }
}

/// Runs it; returns the exit code. Both brokers are ended on every way out.
pub async fn run(args: DemoArgs) -> u8 {
    if args.lay_out_only {
        return lay_out_only(&args.folder);
    }
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        eprintln!("kakehashi demo: signals cannot be waited for");
        return exit::SOFTWARE;
    };
    let stopped = async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    tokio::pin!(stopped);
    let mut brokers = Vec::new();
    let shown = tokio::select! {
        shown = show(&args.folder, &mut brokers) => Some(shown),
        () = &mut stopped => None,
    };
    let code = match shown {
        None => {
            eprintln!("\nstopped");
            exit::SOFTWARE
        }
        Some(Err(error)) => {
            eprintln!("kakehashi demo: {error}");
            error.code
        }
        Some(Ok((layout, report))) => {
            if args.keep {
                keep(&layout, &mut brokers, &mut stopped).await;
            }
            if report.passed { exit::OK } else { exit::NO }
        }
    };
    for broker in brokers {
        broker.stop().await;
    }
    code
}

fn lay_out_only(folder: &Path) -> u8 {
    match lay_out(folder, true) {
        Ok(layout) => {
            tell::laid_out(&layout);
            tell::how_to_start(&layout);
            exit::OK
        }
        Err(error) => {
            eprintln!("kakehashi demo: {error}");
            error.code
        }
    }
}

async fn show(folder: &Path, brokers: &mut Vec<Broker>) -> Result<(Layout, Report), DemoError> {
    let (begun, started) = (Instant::now(), Timestamp::now());
    tell::heading(&Both::new("準備", "Laying out"));
    let layout = lay_out(folder, false)?;
    tell::laid_out(&layout);
    let program = std::env::current_exe().map_err(|e| DemoError::file(Path::new("this program"), &e))?;
    for (network, ports) in networks().into_iter().zip(layout.ports) {
        brokers.push(Broker::start(&program, &layout.folder, network, ports)?);
    }
    for broker in brokers.iter_mut() {
        broker.ready().await?;
        let consents = broker.folder.join("consents.csv");
        let imported = broker.command(&["consent", "import", &consents.to_string_lossy()]).await?;
        tell::started(broker, &imported);
    }
    tell::agreement();
    let [okayama, hiroshima] = brokers.as_slice() else {
        return Err(DemoError::new(exit::SOFTWARE, "two brokers were expected".to_owned()));
    };
    let mut acts = Acts::new(&layout, okayama, hiroshima);
    acts.play().await;
    let took = begun.elapsed();
    let (steps, examples) = acts.into_parts();
    examples.write(&layout)?;
    let sides = vec![tell::side(okayama).await?, tell::side(hiroshima).await?];
    let report = Report {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: started.xs_date_time(),
        took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        passed: steps.iter().all(|step| step.passed),
        agreement: SENTENCES.iter().map(|(ja, en)| Both::new(*ja, *en)).collect(),
        sides,
        steps,
    };
    write(&layout, &report)?;
    tell::records(okayama, hiroshima).await?;
    tell::end(&layout, &report);
    Ok((layout, report))
}

fn write(layout: &Layout, report: &Report) -> Result<(), DemoError> {
    let html = layout.folder.join("report.html");
    std::fs::write(&html, report::page(report)).map_err(|e| DemoError::file(&html, &e))?;
    let json = layout.folder.join("report.json");
    let text = serde_json::to_string_pretty(report).map_err(|e| DemoError::file(&json, &e.into()))?;
    std::fs::write(&json, text + "\n").map_err(|e| DemoError::file(&json, &e))
}

/// Until somebody ends it, or a broker ends by itself.
async fn keep(layout: &Layout, brokers: &mut [Broker], stopped: &mut (impl Future<Output = ()> + Unpin)) {
    tell::kept(layout);
    let [one, two] = brokers else { return };
    tokio::select! {
        () = stopped => {}
        () = one.ended() => eprintln!("the broker of {} has ended by itself", one.network.english),
        () = two.ended() => eprintln!("the broker of {} has ended by itself", two.network.english),
    }
}
