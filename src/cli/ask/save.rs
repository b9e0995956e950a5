//! Streams fetched documents into files: under a temporary name until they are whole, never over a
//! file that is there.

use std::path::{Path, PathBuf};

use futures_util::StreamExt;
use indicatif::{HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::json;
use tokio::fs::OpenOptions;
use tokio::io::AsyncWriteExt;

use super::asker::AskError;
use super::show::{error_lines, errors, print};
use crate::cli::exit;
use crate::model::{Answer, Document};

/// A document on disk.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Where.
    pub path: PathBuf,
    /// Bytes.
    pub bytes: u64,
    /// mimeType.
    pub media_type: String,
}

/// Writes everything that came, one after another, and tells about it.
pub(super) async fn all(answer: Answer<Document>, folder: &Path, as_json: bool) -> Result<u8, AskError> {
    let mut lines = String::new();
    let mut files = Vec::new();
    for document in answer.found {
        let saved = save(document, folder, !as_json).await?;
        lines.push_str(&format!(
            "{}　{}　{}\n",
            saved.path.display(),
            HumanBytes(saved.bytes),
            saved.media_type
        ));
        files.push(json!({ "path": saved.path, "bytes": saved.bytes, "media_type": saved.media_type }));
    }
    if files.is_empty() {
        lines.push_str("文書なし / nothing\n");
    }
    lines.push_str(&error_lines(&answer.reported));
    if as_json {
        let value = json!({ "files": files, "errors": errors(&answer.reported) });
        print(&format!("{value}\n"))?;
    } else {
        print(&lines)?;
    }
    Ok(if files.is_empty() { exit::NO } else { exit::OK })
}

/// Writes one document.
///
/// # Errors
/// The file is there already or cannot be written; the document broke off.
pub async fn save(document: Document, folder: &Path, shows_progress: bool) -> Result<Saved, AskError> {
    let path = folder.join(file_name(document.id.unique.reveal(), &document.media_type));
    let unwritable = |why: String| {
        AskError::new(exit::IO, format!("{}: {why}", path.display()), "name another folder with --out")
    };
    if path.exists() {
        return Err(unwritable("is there already and is not overwritten".to_owned()));
    }
    std::fs::create_dir_all(folder).map_err(|e| unwritable(e.to_string()))?;
    let part = path.with_extension("part");
    let bytes = match write(document.body, document.size, &part, shows_progress).await {
        Ok(bytes) => bytes,
        Err(broken) => {
            drop(std::fs::remove_file(&part));
            return Err(match broken {
                Broken::File(error) => unwritable(error.to_string()),
                Broken::Body(why) => {
                    let text = format!("{}: {why}; nothing was kept", path.display());
                    AskError::new(
                        exit::UNAVAILABLE,
                        text,
                        "ask again; the broker's audit log says how much left",
                    )
                }
            });
        }
    };
    // `hard_link` fails where `rename` would overwrite.
    let placed = std::fs::hard_link(&part, &path);
    drop(std::fs::remove_file(&part));
    placed.map_err(|e| unwritable(e.to_string()))?;
    Ok(Saved { path, bytes, media_type: document.media_type })
}

enum Broken {
    Body(String),
    File(std::io::Error),
}

async fn write(
    mut body: crate::model::DocumentStream,
    size: Option<u64>,
    part: &Path,
    shows_progress: bool,
) -> Result<u64, Broken> {
    let bar = bar(size, shows_progress);
    let mut file =
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(part).await.map_err(Broken::File)?;
    let mut bytes = 0_u64;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|interrupted| Broken::Body(interrupted.to_string()))?;
        file.write_all(&piece).await.map_err(Broken::File)?;
        bytes += piece.len() as u64;
        bar.set_position(bytes);
    }
    file.sync_all().await.map_err(Broken::File)?;
    bar.finish_and_clear();
    Ok(bytes)
}

fn bar(size: Option<u64>, is_shown: bool) -> ProgressBar {
    let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(size, target);
    let template = match size {
        Some(_) => "{bytes}/{total_bytes} {wide_bar} {bytes_per_sec}, {eta} left",
        None => "{bytes} {spinner} {bytes_per_sec}",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// The unique id with everything but letters, digits, dots and hyphens taken out.
fn file_name(unique: &str, media_type: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    let stem: String = unique.chars().map(plain).take(120).collect();
    let ending = match media_type {
        "application/hl7-v2" | "x-application/hl7-v2+er7" => "hl7",
        "application/pdf" => "pdf",
        "image/png" => "png",
        "text/html" => "html",
        "text/plain" => "txt",
        "text/xml" | "application/xml" => "xml",
        _ => "bin",
    };
    format!("{}.{ending}", stem.trim_start_matches('.'))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::cli::ask::document_id;
    use crate::model::Interrupted;

    fn document(pieces: Vec<Result<Bytes, Interrupted>>) -> Document {
        Document {
            id: document_id("2.999.33|2.999.33.11.2|2.25.7/../x").unwrap(),
            media_type: "text/html".to_owned(),
            size: None,
            body: Box::pin(futures_util::stream::iter(pieces)),
            passing: None,
        }
    }

    #[tokio::test]
    async fn a_document_is_written_once_and_never_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let pieces = || vec![Ok(Bytes::from_static(b"one")), Ok(Bytes::from_static(b"two"))];
        let saved = save(document(pieces()), folder.path(), false).await.unwrap();
        assert_eq!(std::fs::read(&saved.path).unwrap(), b"onetwo");
        assert_eq!(saved.path.parent(), Some(folder.path()));
        let again = save(document(pieces()), folder.path(), false).await.unwrap_err();
        assert_eq!(again.code, exit::IO);
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_document_that_breaks_off() {
        let folder = tempfile::tempdir().unwrap();
        let pieces = vec![Ok(Bytes::from_static(b"one")), Err(Interrupted::Withdrawn)];
        let error = save(document(pieces), folder.path(), false).await.unwrap_err();
        assert_eq!(error.code, exit::UNAVAILABLE);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
