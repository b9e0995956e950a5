use futures_util::StreamExt;

use super::fixture::{NUMBER, Storage, any_status, ask, context, find, put};
use crate::community::ssmix2::Ssmix2;
use crate::community::ssmix2::content::body_of;
use crate::model::{
    Answer, Community, Document, DocumentEntry, DocumentId, DocumentRetrieve, Interrupted, Oid, Phi,
    RepositoryId,
};

const AT: &str = "20240712100000000";

async fn fetch(source: &Ssmix2, ids: Vec<DocumentId>) -> Answer<Document> {
    let (context, leg) = context();
    source.document_retrieve(&context, &leg, &DocumentRetrieve::of(ids)).await.unwrap()
}

async fn body(document: Document) -> Result<Vec<u8>, Interrupted> {
    let mut whole = Vec::new();
    let mut body = document.body;
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        assert!(chunk.len() <= 64 * 1024);
        whole.extend(chunk);
    }
    Ok(whole)
}

async fn entries(source: &Ssmix2) -> Vec<DocumentEntry> {
    source.rescan(|_| ()).await.unwrap();
    ask(source, &find(NUMBER, any_status())).await
}

#[tokio::test]
async fn hash_and_size_promised_hold_for_every_document_of_every_kind() {
    let storage = Storage::new();
    for kind in &crate::dialect::ssmix2::KINDS {
        storage.file(kind.code, NUMBER, AT, 1);
    }
    let large: Vec<u8> = (0..150_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    storage.extension_file("^写真^^X1^写真^99", AT, 1, "large.bin", &large);
    let source = storage.source();
    let entries = entries(&source).await;
    assert_eq!(entries.len(), 53);
    let found = fetch(&source, entries.iter().map(|entry| entry.id.clone()).collect()).await;
    assert!(found.reported.is_empty());
    for (document, entry) in found.found.into_iter().zip(&entries) {
        assert_eq!(
            (&document.id, document.media_type.as_str(), document.size),
            (&entry.id, entry.media_type.as_str(), entry.size)
        );
        let promised = body_of(&body(document).await.unwrap());
        assert_eq!((Some(promised.hash.into()), Some(promised.size)), (entry.hash.clone(), entry.size));
    }
}

#[tokio::test]
async fn the_original_is_the_file_byte_for_byte() {
    let storage = Storage::new();
    let path = storage.file("OML-11", NUMBER, AT, 1);
    let source = storage.source();
    let original = entries(&source).await.into_iter().find(|e| e.media_type != "text/html").unwrap();
    let document = fetch(&source, vec![original.id.clone()]).await.found.remove(0);
    assert_eq!(body(document).await.unwrap(), std::fs::read(path).unwrap());
}

#[tokio::test]
async fn unknown_and_foreign_ids_are_reported_one_by_one_beside_what_was_found() {
    let storage = Storage::new();
    storage.file("OML-11", NUMBER, AT, 1);
    let source = storage.source();
    let known = entries(&source).await.remove(0).id.clone();
    let unknown = DocumentId { unique: Phi::new("2.25.1".to_owned()), ..known.clone() };
    let foreign = DocumentId { repository: RepositoryId(Oid::parse("2.999.77").unwrap()), ..known.clone() };
    let answer = fetch(&source, vec![unknown.clone(), known.clone(), foreign.clone()]).await;
    assert_eq!(answer.found.iter().map(|d| &d.id).collect::<Vec<_>>(), [&known]);
    let told: Vec<_> =
        answer.reported.iter().map(|r| (r.code.as_str(), r.document.as_ref().unwrap())).collect();
    assert_eq!(told, [("XDSDocumentUniqueIdError", &unknown), ("XDSUnknownRepositoryId", &foreign)]);
    assert!(answer.reported.iter().all(|r| !r.context.contains(NUMBER)));
}

#[tokio::test]
async fn a_file_that_changed_or_vanished_since_fails_before_the_head() {
    let storage = Storage::new();
    let path = storage.file("OML-11", NUMBER, AT, 1);
    let source = storage.source();
    let ids: Vec<DocumentId> = entries(&source).await.into_iter().map(|entry| entry.id.clone()).collect();
    put(&path, &super::fixture::er7(&super::messages::message("OML-11", NUMBER, "別名")));
    let answer = fetch(&source, ids.clone()).await;
    assert!(answer.found.is_empty());
    assert!(answer.reported.iter().all(|r| r.code == "XDSRepositoryError"));
    std::fs::remove_file(&path).unwrap();
    let answer = fetch(&source, ids).await;
    assert!(answer.found.is_empty());
    assert!(answer.reported.iter().all(|r| r.code == "XDSDocumentUniqueIdError"));
}

#[tokio::test]
async fn a_file_renamed_by_a_correction_since_is_still_served() {
    let storage = Storage::new();
    let path = storage.file("OML-11", NUMBER, AT, 1);
    let source = storage.source();
    let ids: Vec<DocumentId> = entries(&source).await.into_iter().map(|entry| entry.id.clone()).collect();
    std::fs::rename(&path, storage.path("OML-11", NUMBER, AT, 2)).unwrap();
    let answer = fetch(&source, ids).await;
    assert_eq!((answer.found.len(), answer.reported.len()), (2, 0));
}

#[tokio::test]
async fn a_deleted_document_is_unknown_even_before_the_next_look() {
    let storage = Storage::new();
    let path = storage.file("OML-11", NUMBER, AT, 1);
    let source = storage.source();
    let ids: Vec<DocumentId> = entries(&source).await.into_iter().map(|entry| entry.id.clone()).collect();
    std::fs::rename(&path, storage.path("OML-11", NUMBER, AT, 0)).unwrap();
    let answer = fetch(&source, ids).await;
    assert!(answer.found.is_empty());
    assert!(answer.reported.iter().all(|r| r.code == "XDSDocumentUniqueIdError"));
}

#[tokio::test]
async fn a_file_that_changes_while_it_runs_breaks_the_stream_and_never_ends_it() {
    use std::io::{Seek, SeekFrom, Write};
    let storage = Storage::new();
    let large = vec![b'a'; 190_000];
    let path = storage.extension_file("^写真^^X1^写真^99", AT, 1, "large.bin", &large);
    let source = storage.source();
    let id = entries(&source).await.remove(0).id.clone();
    let other_bytes = |length: u64| {
        let mut file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(length).unwrap();
        file.seek(SeekFrom::Start(length - 10)).unwrap();
        file.write_all(b"0123456789").unwrap();
    };
    for length in [190_000, 100_000] {
        put(&path, &large);
        source.rescan(|_| ()).await.unwrap();
        let mut document = fetch(&source, vec![id.clone()]).await.found.remove(0);
        let first = document.body.next().await.unwrap().unwrap();
        assert_eq!(first.len(), 64 * 1024);
        other_bytes(length);
        assert!(matches!(body(document).await, Err(Interrupted::Broken(_))));
    }
}

#[tokio::test]
async fn a_folder_replaced_by_a_link_out_of_the_root_is_not_followed() {
    let storage = Storage::new();
    let path = storage.file("OML-11", NUMBER, AT, 1);
    let source = storage.source();
    let ids: Vec<DocumentId> = entries(&source).await.into_iter().map(|entry| entry.id.clone()).collect();
    let outside = tempfile::tempdir().unwrap();
    let folder = path.parent().unwrap();
    let moved = outside.path().join("OML-11");
    std::fs::rename(folder, &moved).unwrap();
    std::os::unix::fs::symlink(&moved, folder).unwrap();
    let answer = fetch(&source, ids).await;
    assert!(answer.found.is_empty());
}
