//! The bounded pull reader and the small trees built on it.

use kakehashi::dialect::soap::copy;
use kakehashi::model::Malformed;
use kakehashi::xml::{Event, Limits, Node, Reader, Tree};

const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// Bytes as a document: read to its end, then as a tree. Both must agree whether it is one.
pub fn any(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    both_ways(text);
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
        // A copy says the same, and stands on its own.
        let copied = copy(&tree, "", &[]);
        let again =
            Tree::parse(&copied).unwrap_or_else(|why| panic!("a copy cannot be read: {why}\n{copied}"));
        assert!(same(&tree, &again), "a copy says something else: {copied}");
    }
}

// What is plain is read by another pass than the rest: they must not differ.
fn both_ways(text: &str) {
    let (mut fast, mut slow) = (Reader::new(text), Reader::in_full(text, Limits::default()));
    loop {
        let (ours, theirs) = (tag(&mut fast), tag(&mut slow));
        assert_eq!(ours, theirs, "the two ways through a document differ");
        let Ok(Some(tag)) = ours.1 else { break };
        let at = |reader: &Reader<'_>| (reader.offset(), reader.depth(), reader.nodes());
        assert_eq!(at(&fast), at(&slow));
        // Behind an end the one still knows what the element declared; nobody asks there.
        if tag.starts_with("Start") {
            let scope = |reader: &Reader<'_>| {
                let mut scope = reader.namespaces();
                scope.sort();
                (scope, ["p:x", "xml:x", "xmlns:x"].map(|name| reader.qname(name)))
            };
            assert_eq!(scope(&fast), scope(&slow));
        }
    }
    let (fast, slow) = (Reader::new(text).finish(), Reader::in_full(text, Limits::default()).finish());
    assert_eq!(fast, slow, "the two ways end otherwise");
}

// The text before the next tag, and the tag; None at the end of the document.
fn tag(reader: &mut Reader<'_>) -> (String, Result<Option<String>, Malformed>) {
    let mut run = String::new();
    loop {
        match reader.next() {
            Ok(Event::Text(text)) => run.push_str(&text),
            Ok(Event::Eof) => return (run, Ok(None)),
            Ok(other) => return (run, Ok(Some(format!("{other:?}")))),
            Err(malformed) => return (run, Err(malformed)),
        }
    }
}

fn same(one: &Tree, other: &Tree) -> bool {
    let xsi = "http://www.w3.org/2001/XMLSchema-instance";
    let attributes = |tree: &Tree| {
        let mut all: Vec<(String, String, String)> = Vec::new();
        for attribute in &tree.element.attributes {
            // The prefix of a type is the copy's own, what it means is compared below.
            if &*attribute.ns != xsi || attribute.local != "type" {
                all.push((
                    attribute.ns.to_string(),
                    attribute.local.to_string(),
                    attribute.value.to_string(),
                ));
            }
        }
        all.sort();
        all
    };
    // An empty CDATA section is a run of text without text.
    let children = |tree: &Tree| -> Vec<Node> {
        let is_text = |node: &&Node| !matches!(node, Node::Text(text) if text.is_empty());
        tree.children.iter().filter(is_text).cloned().collect()
    };
    let (ours, theirs) = (children(one), children(other));
    one.is(&other.element.ns, other.name())
        && attributes(one) == attributes(other)
        && types_agree(one, other)
        && ours.len() == theirs.len()
        && ours.iter().zip(&theirs).all(|pair| match pair {
            (Node::Element(one), Node::Element(other)) => same(one, other),
            (Node::Text(one), Node::Text(other)) => one == other,
            _ => false,
        })
}

// A type without a namespace falls into the one that the copy declares as the default: that of its element,
// or of the elements around one of the namespace of XML.
fn types_agree(one: &Tree, other: &Tree) -> bool {
    match (one.xsi_type.as_deref(), other.xsi_type.as_deref()) {
        (Some((ns, name)), Some((other_ns, other_name))) => {
            name == other_name
                && (ns == other_ns
                    || (ns.is_empty() && (*other_ns == *other.element.ns || *other.element.ns == *XML)))
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}
