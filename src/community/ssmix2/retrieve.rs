//! Fetching documents of the storage: originals are streamed from disk, renditions are made anew;
//! either way the hash and size promised in the entry hold or the document fails. What is found
//! before the head is an error of that document, what is found later breaks its stream.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use bytes::Bytes;
use futures_util::stream;
use smol_str::SmolStr;
use tokio::io::AsyncReadExt;

use crate::dialect::ssmix2::{Form, StorageFile, read_file};
use crate::model::{Document, DocumentId, DocumentStream, Interrupted, Reported, Severity};

use super::content::{Reader, body_of};
use super::index::Index;
use super::patient::Held;
use super::rendition;
use super::storage::{Unopened, raw};

/// Bytes of one chunk.
const CHUNK_BYTES: usize = 64 * 1024;

/// Fetches one document: its head known, its body unread.
pub(super) async fn fetch(index: &Index, id: &DocumentId) -> Result<Document, Reported> {
    let unknown = || reported(id, "XDSDocumentUniqueIdError", "no such document");
    let changed = || reported(id, "XDSRepositoryError", "the document changed or cannot be read");
    let uuid = uuid_of_unique(id.unique.reveal()).ok_or_else(unknown)?;
    let (number, held) = index.document(uuid).ok_or_else(unknown)?;
    let opened = match open(index, &held).await {
        // Renamed, perhaps: the writer turns `_1` into `_2` when a newer version comes.
        Err(Unopened::Vanished) => {
            index.refresh_one(&number).await.map_err(|_| changed())?;
            let (_, moved) = index.document(uuid).ok_or_else(unknown)?;
            if moved.entry(index.reader()).hash != held.entry(index.reader()).hash {
                return Err(changed());
            }
            open(index, &moved).await
        }
        opened => opened,
    };
    let body = opened.map_err(|unopened| match unopened {
        Unopened::Vanished => unknown(),
        Unopened::Changed | Unopened::Unreadable => changed(),
    })?;
    let entry = held.entry(index.reader());
    Ok(Document {
        id: id.clone(),
        media_type: entry.media_type.as_str().to_owned(),
        size: entry.size,
        body,
        passing: None,
    })
}

/// The UUID in a unique id of ours, `2.25.<decimal>` and nothing else.
pub(super) fn uuid_of_unique(unique: &str) -> Option<u128> {
    let number: u128 = unique.strip_prefix("2.25.")?.parse().ok()?;
    (format!("2.25.{number}") == unique).then_some(number)
}

async fn open(index: &Index, held: &Held) -> Result<DocumentStream, Unopened> {
    let (reader, held) = (Arc::clone(index.reader()), held.clone());
    let opened = tokio::task::spawn_blocking(move || match held.form() {
        Form::Original => original(&reader, &held),
        Form::Rendition => rendition(&reader, &held),
    });
    opened.await.unwrap_or(Err(Unopened::Unreadable))
}

fn rendition(reader: &Reader, held: &Held) -> Result<DocumentStream, Unopened> {
    let root = reader.roots.get(held.file.root).ok_or(Unopened::Vanished)?;
    let bytes = root.read_file(&held.file.relative, &held.stamp)?;
    let page = StorageFile::parse_relative(raw(&held.file.relative))
        .and_then(|file| read_file(file, &bytes))
        .ok()
        .and_then(|read| rendition::page(&read, &bytes, &reader.facility.name))
        .ok_or(Unopened::Unreadable)?;
    let body = body_of(page.as_bytes());
    if held.entry(reader).hash != Some(body.hash.into()) {
        return Err(Unopened::Changed);
    }
    let page = Bytes::from(page);
    let chunks = (0..page.len()).step_by(CHUNK_BYTES);
    let chunks: Vec<_> =
        chunks.map(|from| Ok(page.slice(from..page.len().min(from + CHUNK_BYTES)))).collect();
    Ok(Box::pin(stream::iter(chunks)))
}

struct Running {
    file: tokio::fs::File,
    remaining: u64,
    hash: Context,
    promised: Option<SmolStr>,
}

fn original(reader: &Reader, held: &Held) -> Result<DocumentStream, Unopened> {
    let root = reader.roots.get(held.file.root).ok_or(Unopened::Vanished)?;
    let file = root.open_file(&held.file.relative, &held.stamp)?;
    let running = Running {
        file: tokio::fs::File::from_std(file),
        remaining: held.stamp.bytes,
        hash: Context::new(&SHA1_FOR_LEGACY_USE_ONLY),
        promised: held.entry(reader).hash.clone(),
    };
    Ok(Box::pin(stream::try_unfold(running, next_chunk)))
}

/// The last chunk leaves only when the whole has the hash promised.
async fn next_chunk(mut running: Running) -> Result<Option<(Bytes, Running)>, Interrupted> {
    if running.remaining == 0 {
        return Ok(None);
    }
    let broken = |why: &str| Interrupted::Broken(why.to_owned());
    let length = usize::try_from(running.remaining).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
    let mut chunk = vec![0; length];
    running.file.read_exact(&mut chunk).await.map_err(|_| broken("the file became shorter"))?;
    running.hash.update(&chunk);
    running.remaining = running.remaining.saturating_sub(length as u64);
    if running.remaining == 0 {
        let hash = hex::encode(running.hash.clone().finish().as_ref());
        if running.promised.as_ref().is_some_and(|promised| *promised != hash) {
            return Err(broken("the file changed"));
        }
    }
    Ok(Some((Bytes::from(chunk), running)))
}

pub(super) fn reported(id: &DocumentId, code: &str, context: &str) -> Reported {
    Reported {
        code: code.to_owned(),
        context: context.to_owned(),
        severity: Severity::Error,
        community: Some(id.community.clone()),
        document: Some(id.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unique_id_is_ours_only_in_its_one_spelling() {
        assert_eq!(uuid_of_unique("2.25.7"), Some(7));
        for foreign in ["2.25.07", "2.25.+7", "2.25.", "2.25.7^x", "1.2.25.7", " 2.25.7"] {
            assert_eq!(uuid_of_unique(foreign), None, "{foreign}");
        }
    }
}
