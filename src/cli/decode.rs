//! `kakehashi decode`: what a message is, what stands in it, what is put up with and why it would be
//! refused; one JSON object a file (docs/cli.md). Pure: no configuration, no network, no clock.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use self::report::{Marks, Report};
use super::exit;
use crate::model::Malformed;

mod audit_message;
mod ebxml;
mod fhir;
mod header;
mod hl7v3;
mod http_head;
mod kinds;
mod packages;
mod provider_directory;
mod recognise;
mod report;
mod scan;
mod security;
mod storage;
mod submission;
mod xds_imaging;
mod xml;

/// Arguments of `kakehashi decode`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kakehashi decode request.xml answers/
  kakehashi decode --as \"ITI-39 response\" --reveal - < answer.mime

One JSON object a line: file, verdict, kind, status, found, errors, warnings, refusal, message. Patient
values are marks unless --reveal is given. The codes stand in docs/reference/decode-codes.md.
Exit: 0 all were accepted, 65 one was refused, 64 usage, 66 a path cannot be read.")]
pub struct DecodeArgs {
    /// What the message is, where neither its action nor its root element tells: a word as `kind`
    /// prints it (`ITI-38 request`)
    #[arg(long = "as", value_name = "KIND", value_parser = kinds::declared)]
    kind: Option<String>,
    /// Show patient values as they stand in the message
    #[arg(long)]
    reveal: bool,
    /// Files, folders with all files below them, or `-` for standard input
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Bytes of one input that are read.
const INPUT_BYTES_MAX: u64 = 256 << 20;

/// Runs it; the exit code is that of the contract.
pub fn run(args: &DecodeArgs) -> u8 {
    match decode_all(args, &mut io::stdin().lock(), &mut io::BufWriter::new(io::stdout().lock())) {
        Ok(code) => code,
        // A reader that has seen enough (`| head`) is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::OK,
        Err(error) => {
            eprintln!("kakehashi decode: the output cannot be written: {error}");
            exit::IO
        }
    }
}

/// Decodes every input in turn; the error is the output's.
fn decode_all(args: &DecodeArgs, stdin: &mut impl Read, out: &mut impl Write) -> io::Result<u8> {
    let (mut refused, mut unreadable) = (false, false);
    let mut tell = |path: &Path, error: &io::Error| {
        eprintln!("kakehashi decode: {}: cannot be read: {error}", path.display());
        unreadable = true;
    };
    for path in &args.paths {
        let files = match files(path) {
            Ok((files, faults)) => {
                faults.iter().for_each(|(path, error)| tell(path, error));
                files
            }
            Err(error) => {
                tell(path, &error);
                continue;
            }
        };
        for file in files {
            let input = if is_stdin(&file) {
                read_capped(&mut *stdin)
            } else {
                File::open(&file).and_then(read_capped)
            };
            let report = match input {
                Ok(Some(bytes)) => report_of(&file, bytes, args),
                Ok(None) => too_large(),
                Err(error) => {
                    tell(&file, &error);
                    continue;
                }
            };
            refused |= report.refusal.is_some();
            let line = report.line(&file.to_string_lossy(), Marks::new(args.reveal));
            out.write_all(line.as_bytes())?;
            out.write_all(b"\n")?;
        }
    }
    out.flush()?;
    Ok(match (unreadable, refused) {
        (true, _) => exit::NO_INPUT,
        (false, true) => exit::DATA,
        (false, false) => exit::OK,
    })
}

fn report_of(file: &Path, bytes: Vec<u8>, args: &DecodeArgs) -> Report {
    let path = (!is_stdin(file)).then_some(file.as_os_str().as_encoded_bytes());
    recognise::decode(path, bytes, args.kind.as_deref(), Marks::new(args.reveal))
}

fn too_large() -> Report {
    let why = format!("more than {} MiB; no message is that large", INPUT_BYTES_MAX >> 20);
    Report::refused(None, Malformed::new("too-large", "", why))
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == OsStr::new("-")
}

/// The bytes; None when there are more than the cap.
fn read_capped(source: impl Read) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    source.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(Some(bytes).filter(|bytes| bytes.len() as u64 <= INPUT_BYTES_MAX))
}

type Faults = Vec<(PathBuf, io::Error)>;

/// The path itself, or every regular file below it sorted by path, and what could not be looked into.
fn files(path: &Path) -> io::Result<(Vec<PathBuf>, Faults)> {
    if is_stdin(path) || !std::fs::metadata(path)?.is_dir() {
        return Ok((vec![path.to_owned()], Vec::new()));
    }
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    let mut open = vec![path.to_owned()];
    while let Some(folder) = open.pop() {
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) => {
                faults.push((folder, error));
                continue;
            }
        };
        for entry in entries {
            match entry.and_then(|entry| Ok((entry.file_type()?, entry.path()))) {
                Ok((kind, path)) if kind.is_dir() => open.push(path),
                Ok((kind, path)) if kind.is_file() => found.push(path),
                // Links are not followed: a folder may point at itself.
                Ok(_) => {}
                Err(error) => faults.push((folder.clone(), error)),
            }
        }
    }
    found.sort_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    Ok((found, faults))
}

#[cfg(test)]
mod tests;
