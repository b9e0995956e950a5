//! Documents of a peer, or of a source that is asked by messages, held against what their entries announced. A document that is longer, shorter
//! or another than its entry said is never passed on whole: one piece is kept back until size and
//! hash have been seen to hold, and where they do not, the answer breaks.

use std::sync::Arc;

use aws_lc_rs::digest::{Context as Digest, SHA1_FOR_LEGACY_USE_ONLY, digest};
use bytes::Bytes;
use futures_util::{StreamExt, stream};

use super::pipeline::Broker;
use super::resolve::About;
use super::target::Target;
use crate::model::{
    Document, DocumentEntry, DocumentRetrieve, DocumentStream, Interrupted, Outbound, PassingHash,
    RequestContext,
};

impl Broker {
    /// A document that breaks where it differs from the entry under which it was shown. Those of our own
    /// storages are hashed where they are read.
    pub(super) fn as_announced(
        &self,
        context: &RequestContext,
        about: &About,
        document: Document,
    ) -> Document {
        let announced = |entry: &&DocumentEntry| entry.id == document.id;
        let Some(entry) = about.entries.iter().find(announced) else { return document };
        let directory = self.directory.load();
        let retrieve = DocumentRetrieve::of(vec![document.id.clone()]);
        let peer = match &entry.origin {
            Some(_) => directory.source(&entry.id.repository),
            None => directory.peer(context, &entry.id.community),
        };
        let comes = |target: &&Arc<Target>| target.url(Outbound::DocumentRetrieve(&retrieve)).is_some();
        let Some(peer) = peer.filter(comes) else { return document };
        let (metrics, request) = (self.metrics.clone(), context.id);
        let target = peer.descriptor().name.clone();
        let is_let_pass = peer.descriptor().documents_may_differ;
        let differs = move || {
            let reason = if is_let_pass { "document_differs_passed" } else { "document_differs" };
            metrics.dropped(&target.0, reason, 1);
            tracing::warn!(%request, target_name = %target, is_let_pass, "a document differs from its entry");
        };
        held_to(document, entry, is_let_pass, differs)
    }
}

struct Held {
    body: DocumentStream,
    /// The piece that is not passed on yet.
    last: Option<Bytes>,
    bytes: u64,
    size: Option<u64>,
    /// SHA-1 as announced, and as it grows with what is passed on.
    hash: Option<(Vec<u8>, PassingHash)>,
    /// The peer's file says to tell and pass it on.
    is_let_pass: bool,
    differs: Box<dyn FnOnce() + Send>,
}

fn held_to(
    document: Document,
    entry: &DocumentEntry,
    is_let_pass: bool,
    differs: impl FnOnce() + Send + 'static,
) -> Document {
    const SHA1_BYTES: usize = 20;
    // Size 0 and the hash of nothing stand for "made when it is fetched" (wire.md 15).
    let size = entry.size.filter(|size| *size > 0);
    let announced = entry.hash.as_deref().and_then(|hash| hex::decode(hash.trim()).ok());
    let hash = announced
        .filter(|hash| hash.len() == SHA1_BYTES)
        .filter(|hash| *hash != digest(&SHA1_FOR_LEGACY_USE_ONLY, b"").as_ref())
        .map(|hash| (hash, PassingHash::new(Digest::new(&SHA1_FOR_LEGACY_USE_ONLY))));
    if hash.is_none() && size.is_none() {
        return document;
    }
    let passing = hash.as_ref().map(|(_, passing)| passing.clone());
    let held = Held {
        body: document.body,
        last: None,
        bytes: 0,
        size,
        hash,
        is_let_pass,
        differs: Box::new(differs),
    };
    Document { body: Box::pin(stream::unfold(Some(held), next)), passing, ..document }
}

async fn next(held: Option<Held>) -> Option<(Result<Bytes, Interrupted>, Option<Held>)> {
    let mut held = held?;
    loop {
        match held.body.next().await {
            Some(Ok(piece)) => {
                held.bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
                if !held.is_let_pass && held.size.is_some_and(|size| held.bytes > size) {
                    return held.broken();
                }
                if let Some(before) = held.last.replace(piece) {
                    if let Some((_, passing)) = &held.hash {
                        passing.given_on(&before);
                    }
                    return Some((Ok(before), Some(held)));
                }
            }
            Some(Err(interrupted)) => return Some((Err(interrupted), None)),
            None if held.is_as_announced() => return held.last.map(|last| (Ok(last), None)),
            None if held.is_let_pass => {
                (held.differs)();
                return held.last.map(|last| (Ok(last), None));
            }
            None => return held.broken(),
        }
    }
}

impl Held {
    fn is_as_announced(&mut self) -> bool {
        let is_whole = self.size.is_none_or(|size| size == self.bytes);
        let last = self.last.as_deref().unwrap_or_default();
        is_whole && self.hash.take().is_none_or(|(hash, passing)| passing.finish(last) == hash)
    }

    fn broken(self) -> Option<(Result<Bytes, Interrupted>, Option<Self>)> {
        (self.differs)();
        Some((Err(Interrupted::Broken("the document differs from its entry".to_owned())), None))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// What passes of these pieces, whether it ended whole, and how often it was told that it differs.
    async fn passed(pieces: &[&'static str], size: Option<u64>, of: Option<&str>) -> (String, bool, usize) {
        let hash = of.map(|text| {
            (
                digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref().to_vec(),
                PassingHash::new(Digest::new(&SHA1_FOR_LEGACY_USE_ONLY)),
            )
        });
        let told = Arc::new(AtomicUsize::new(0));
        let telling = Arc::clone(&told);
        let differs = Box::new(move || {
            telling.fetch_add(1, Ordering::Relaxed);
        });
        let body: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        let body: DocumentStream = Box::pin(stream::iter(body));
        let held = Held { body, last: None, bytes: 0, size, hash, is_let_pass: false, differs };
        let all: Vec<_> = stream::unfold(Some(held), next).collect().await;
        let is_whole = all.iter().all(Result::is_ok);
        let text =
            all.into_iter().flatten().map(|piece| String::from_utf8_lossy(&piece).into_owned()).collect();
        (text, is_whole, told.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_document_passes_whole_only_where_size_and_hash_hold() {
        let pieces = ["one", "two", "three"];
        let (whole, held) = ("onetwothree", "onetwo");
        for (size, hash, expected) in [
            (Some(11), Some(whole), (whole, true, 0)),
            (None, Some(whole), (whole, true, 0)),
            (Some(11), None, (whole, true, 0)),
            (Some(12), Some(whole), (held, false, 1)),
            (Some(10), None, ("one", false, 1)),
            (Some(2), None, ("", false, 1)),
            (Some(11), Some("other"), (held, false, 1)),
        ] {
            let (text, is_whole, told) = passed(&pieces, size, hash).await;
            assert_eq!((text.as_str(), is_whole, told), expected, "{size:?} {hash:?}");
        }
        assert_eq!(passed(&["evil"], Some(4), Some("good")).await, (String::new(), false, 1));
        assert_eq!(passed(&[], Some(0), Some("")).await, (String::new(), true, 0));
    }

    #[tokio::test]
    async fn a_peer_that_makes_documents_anew_loses_none_where_its_file_says_so() {
        let told = Arc::new(AtomicUsize::new(0));
        for (size, hash, is_let_pass, expected, tells) in [
            (Some(0), Some("da39a3ee5e6b4b0d3255bfef95601890afd80709"), false, "anew", 0),
            (Some(9), None, true, "anew", 1),
            (Some(2), None, true, "anew", 1),
            (Some(2), None, false, "", 1),
        ] {
            let entry = entry().with(|entry| (entry.size, entry.hash) = (size, hash.map(Into::into)));
            let telling = Arc::clone(&told);
            told.store(0, Ordering::Relaxed);
            let differs = move || {
                telling.fetch_add(1, Ordering::Relaxed);
            };
            let body: DocumentStream = Box::pin(stream::iter([Ok(Bytes::from_static(b"anew"))]));
            let document =
                Document { id: entry.id.clone(), media_type: String::new(), size: None, body, passing: None };
            let pieces: Vec<_> = held_to(document, &entry, is_let_pass, differs).body.collect().await;
            let text: Vec<u8> = pieces.into_iter().flatten().flatten().collect();
            assert_eq!(String::from_utf8_lossy(&text), expected, "{size:?} {hash:?} {is_let_pass}");
            assert_eq!(told.load(Ordering::Relaxed), tells);
        }
    }

    fn entry() -> DocumentEntry {
        crate::policy::fixture::foreign_entry("2.999.34", "class")
    }
}
