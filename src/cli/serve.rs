//! `kakehashi serve`: runs the broker until SIGTERM or Ctrl-C.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::exit;
use crate::app::{self, StartError, check_policies, check_sources};
use crate::config::load_with;
use crate::model::Timestamp;
use crate::telemetry::{keep_memory_out_of_core_dumps, start_logging, tell_panics_by_place};

/// Arguments of `kakehashi serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kakehashi check --config /etc/kakehashi/kakehashi.toml
  kakehashi serve --config /etc/kakehashi/kakehashi.toml

Logs go to standard error, one JSON object a line. SIGTERM or Ctrl-C drains: no new requests, those
running may end. Exit: 0 stopped in order, 70 it could not start, 78 the configuration is wrong.")]
pub struct ServeArgs {
    /// The broker's settings.
    #[arg(long, default_value = "kakehashi.toml", env = "KAKEHASHI_CONFIG")]
    pub config: PathBuf,
}

/// Runs it; returns the exit code.
pub async fn run(args: ServeArgs) -> u8 {
    let settings = match load_with(&args.config, None, &[&check_sources, &check_policies], Timestamp::now()) {
        Ok(settings) => settings,
        Err(errors) => {
            for error in &errors.0 {
                eprintln!("error: {error}");
            }
            eprintln!(
                "nothing was started; `kakehashi check --config {}` shows the places",
                args.config.display()
            );
            return exit::CONFIG;
        }
    };
    if let Err(error) = start_logging(&settings.broker.log) {
        eprintln!("error: {error}");
        return exit::CONFIG;
    }
    tell_panics_by_place();
    if let Err(error) = keep_memory_out_of_core_dumps() {
        tracing::warn!(%error, "a core dump of this process would hold patients' values: forbid it (LimitCORE=0)");
    }
    for warning in &settings.warnings {
        tracing::warn!(%warning, "configuration");
    }
    let shutdown = CancellationToken::new();
    tokio::spawn(stop_on_signal(shutdown.clone()));
    match app::run(settings, shutdown).await {
        Ok(()) => exit::OK,
        Err(error) => {
            tracing::error!(%error, "not started");
            if std::io::stderr().is_terminal() {
                eprintln!("kakehashi: {error}");
            }
            if matches!(error, StartError::Config(_)) { exit::CONFIG } else { exit::SOFTWARE }
        }
    }
}

async fn stop_on_signal(shutdown: CancellationToken) {
    let (Ok(mut term), Ok(mut int)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        tracing::error!("signals cannot be waited for");
        return;
    };
    tokio::select! {
        _ = term.recv() => {}
        _ = int.recv() => {}
    }
    shutdown.cancel();
}
