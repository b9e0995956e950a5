//! `kakehashi check --sources`: reads every SS-MIX2 storage as a start would and names each file
//! that is not taken. Meant for the operator's own terminal: a name holds a patient's number.

use std::path::Path;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::app::read_source;
use crate::cli::exit;
use crate::config::{TargetKind, load};

/// Reads them all. Exit code 0, 65 when a file was not taken, 66 when a storage cannot be read.
pub async fn run(config: &Path) -> u8 {
    let Ok(settings) = load(config) else { return exit::CONFIG };
    let mut code = exit::OK;
    for file in settings.targets.iter().filter(|file| file.kind == TargetKind::Ssmix2) {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let template = format!("{} {{wide_bar}} {{pos}}/{{len}} patients, {{eta}} left", file.name);
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style);
        }
        let shown = bar.clone();
        let report = read_source(&settings.broker, file, move |done, total| {
            shown.set_length(total as u64);
            shown.set_position(done as u64);
        });
        let report = report.await;
        bar.finish_and_clear();
        match report {
            Err(why) => {
                eprintln!("{}: {why}", file.name);
                code = exit::NO_INPUT;
            }
            Ok(report) => {
                let (patients, entries, files) = (report.patients, report.entries, report.files);
                println!("  {}: {files} files of {patients} patients, {entries} entries", file.name);
                for (word, count) in &report.quarantined {
                    println!("    {count} not taken: {word}");
                }
                for one in &report.named {
                    println!("    {}: {}", one.code, one.path.reveal().display());
                }
                // A writer's temporary file is work in progress, no fault.
                if report.quarantined.keys().any(|word| *word != "temporary-file") && code == exit::OK {
                    code = exit::DATA;
                }
            }
        }
    }
    code
}
