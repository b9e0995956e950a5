//! The bounded pull reader and the small trees built on it.

use kakehashi::xml::{Event, Reader, Tree};

/// Bytes as a document: read to its end, then as a tree. Both must agree whether it is one.
pub fn any(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut reader = Reader::new(text);
    let pulled = loop {
        match reader.next() {
            Ok(Event::Eof) => break true,
            Ok(_) => assert!(reader.offset() <= text.len(), "the reader is past the end"),
            Err(malformed) => {
                assert!(!malformed.code.is_empty());
                break false;
            }
        }
    };
    if let Ok(tree) = Tree::parse(text) {
        assert!(pulled, "a tree of what is no document");
        let _ = (tree.name().len(), tree.text().len());
    }
}
