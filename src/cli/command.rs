//! The commands and their dispatch.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use super::{ask, audit, check, consent, decode, demo, exit, limits, r#match, serve};
use crate::app::{check_policies, check_sources};
use crate::config::{BrokerConfig, Settings, load};

/// Kakehashi (架け橋): a broker between prefectural medical networks.
#[derive(Parser)]
#[command(
    name = "kakehashi",
    version,
    about,
    after_help = "Start with `kakehashi demo`. docs/operations.en.md, docs/operations.ja.md"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Ask as a portal: find a patient, list documents, fetch one
    Ask(ask::AskArgs),
    /// Verify and search the audit log: who saw what, and why
    Audit(WithConfig<audit::AuditArgs>),
    /// Check the configuration: every fault with file, line and hint
    Check(check::CheckArgs),
    /// Import, withdraw and list consents
    Consent(WithConfig<consent::ConsentArgs>),
    /// Two invented networks, both directions, with a report
    Demo(demo::DemoArgs),
    /// Decode messages and files: what they are, what is put up with, why one is refused
    Decode(decode::DecodeArgs),
    /// Who has used up how much of the budgets; fresh ones for somebody
    Limits(WithConfig<limits::LimitsArgs>),
    /// Dry run of the matcher on an exported patient list
    Match(r#match::MatchArgs),
    /// Run the broker
    Serve(serve::ServeArgs),
}

/// A command that needs to know where a broker keeps things.
#[derive(clap::Args)]
struct WithConfig<A: clap::Args> {
    /// The broker's settings
    #[arg(long, global = true, default_value = "kakehashi.toml", env = "KAKEHASHI_CONFIG")]
    config: PathBuf,
    #[command(flatten)]
    args: A,
}

/// Carries a command line out.
pub fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no faults.
            let code = if error.use_stderr() { exit::USAGE } else { exit::OK };
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("kakehashi: no runtime: {error}");
            return ExitCode::from(exit::SOFTWARE);
        }
    };
    runtime.block_on(carry_out(cli.command))
}

async fn carry_out(command: Command) -> ExitCode {
    match command {
        Command::Ask(args) => ExitCode::from(ask::run(args).await),
        // A copy of a log is looked at where there is no broker.
        Command::Audit(with) if with.args.names_a_log() && !with.config.exists() => {
            eprintln!("no configuration at {}: the folder alone is looked at", with.config.display());
            audit::run(with.args, Path::new(""), None).await
        }
        Command::Audit(with) => match settings(&with.config) {
            Ok(broker) => audit::run(with.args, &broker.audit, Some(&broker.store_url)).await,
            Err(code) => code,
        },
        Command::Check(args) => {
            let checked = check::run(&args, &[&check_sources, &check_policies]);
            if !args.sources || checked != ExitCode::SUCCESS {
                return checked;
            }
            ExitCode::from(check::sources::run(&args.config).await)
        }
        Command::Consent(with) => match settings(&with.config) {
            Ok(broker) => {
                let folder = broker.audit.parent().unwrap_or(&broker.folder);
                let places =
                    consent::ConsentPlaces { control: &broker.control, folder, store_url: &broker.store_url };
                consent::run(with.args, places).await
            }
            Err(code) => code,
        },
        Command::Demo(args) => ExitCode::from(demo::run(args).await),
        Command::Decode(args) => ExitCode::from(decode::run(&args)),
        Command::Limits(with) => match all_settings(&with.config) {
            Ok(settings) => limits::run(with.args, &settings).await,
            Err(code) => code,
        },
        Command::Match(args) => ExitCode::from(r#match::run(&args)),
        Command::Serve(args) => ExitCode::from(serve::run(args).await),
    }
}

fn settings(path: &Path) -> Result<BrokerConfig, ExitCode> {
    all_settings(path).map(|settings| settings.broker)
}

fn all_settings(path: &Path) -> Result<Settings, ExitCode> {
    load(path).map_err(|errors| {
        for error in &errors.0 {
            eprintln!("error: {error}");
        }
        ExitCode::from(exit::CONFIG)
    })
}
