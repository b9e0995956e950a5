//! The SOAP 1.2 envelope: header blocks we know, and the body's only child.

use std::ops::Range;
use std::sync::Arc;

use super::ns;
use crate::model::{Malformed, MessageId, Warning};
use crate::xml::{Element, Reader, Tree};

/// The header blocks of wire.md 3.1.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// wsa:Action, trimmed.
    pub action: Option<String>,
    /// wsa:MessageID, verbatim.
    pub message_id: Option<MessageId>,
    /// wsa:RelatesTo, verbatim.
    pub relates_to: Option<MessageId>,
    /// wsa:To.
    pub to: Option<String>,
    /// wsa:ReplyTo/wsa:Address.
    pub reply_to: Option<String>,
    /// Children of wsa:ReplyTo/wsa:ReferenceParameters, to be copied into the answer's header.
    pub reference_parameters: Vec<String>,
    /// Where wsse:Security stands in the source.
    pub security: Option<Range<usize>>,
    /// Blocks with mustUnderstand that nobody here knows: (namespace, local name).
    pub not_understood: Vec<(String, String)>,
}

/// A message's root part, read as far as the header. Debug prints no content.
#[derive(Clone)]
pub struct Envelope {
    source: Arc<str>,
    /// Header blocks.
    pub header: Header,
    /// What was put up with.
    pub warnings: Vec<Warning>,
    is_bare: bool,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Envelope").field("action", &self.header.action).finish_non_exhaustive()
    }
}

impl Envelope {
    /// Reads an envelope's header; the body is checked when it is read.
    ///
    /// # Errors
    /// As [`Reader::next`]; `not-soap` when the root is no SOAP 1.2 envelope.
    pub fn read(source: &str) -> Result<Self, Malformed> {
        let source: Arc<str> = source.strip_prefix('\u{feff}').unwrap_or(source).into();
        let mut header = Header::default();
        {
            let mut reader = Reader::new(&source);
            let root = reader.root()?;
            if !root.is(ns::SOAP, "Envelope") {
                let why = format!("the root element is `{}`, not a SOAP 1.2 Envelope", root.local);
                return Err(reader.malformed_at(root.at, "not-soap", why));
            }
            let first = reader.child()?;
            if let Some(first) = first.filter(|first| first.is(ns::SOAP, "Header")) {
                let tree = Tree::read(&mut reader, first)?;
                header.fill(&tree, &source);
            }
        }
        Ok(Self { source, header, warnings: Vec::new(), is_bare: false })
    }

    /// Takes a payload without envelope: its root is the body's child.
    pub fn bare(source: &str) -> Self {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source).into();
        Self { source, header: Header::default(), warnings: Vec::new(), is_bare: true }
    }

    /// The received text; offsets of the header and of readers are offsets into it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// A reader right after the start of the body's only child, and that child.
    ///
    /// # Errors
    /// `malformed-xml`, `not-soap` when there is no body or nothing in it.
    pub fn body(&self) -> Result<(Reader<'_>, Element), Malformed> {
        let mut reader = Reader::new(&self.source);
        let root = reader.root()?;
        if self.is_bare {
            return Ok((reader, root));
        }
        while let Some(child) = reader.child()? {
            if child.is(ns::SOAP, "Body") {
                return match reader.child()? {
                    Some(payload) => Ok((reader, payload)),
                    None => Err(reader.malformed_at(child.at, "not-soap", "the Body is empty")),
                };
            }
            reader.skip()?;
        }
        Err(reader.malformed_at(root.at, "not-soap", "the Envelope has no Body"))
    }

    /// The body's child as a tree; the document is read to its end.
    ///
    /// # Errors
    /// As [`Envelope::body`].
    pub fn body_tree(&self) -> Result<Tree, Malformed> {
        let (mut reader, payload) = self.body()?;
        let tree = Tree::read(&mut reader, payload)?;
        reader.finish()?;
        Ok(tree)
    }
}

impl Header {
    fn fill(&mut self, tree: &Tree, source: &str) {
        let text = |tree: &Tree| Some(tree.text().trim().to_owned()).filter(|text| !text.is_empty());
        for block in tree.elements() {
            let name = block.name();
            match (&*block.element.ns, name) {
                (ns::WSA, "Action") => self.action = text(block),
                (ns::WSA, "MessageID") => self.message_id = text(block).map(MessageId),
                (ns::WSA, "RelatesTo") => self.relates_to = text(block).map(MessageId),
                (ns::WSA, "To") => self.to = text(block),
                (ns::WSA, "ReplyTo") => {
                    self.reply_to = block.first(ns::WSA, "Address").and_then(text);
                    let parameters = block.first(ns::WSA, "ReferenceParameters");
                    let copied = parameters.into_iter().flat_map(Tree::elements);
                    self.reference_parameters =
                        copied.filter_map(|p| source.get(p.range.clone()).map(str::to_owned)).collect();
                }
                (ns::WSSE, "Security") => self.security = Some(block.range.clone()),
                (ns::WSA, _) => {}
                (other, local) => {
                    let must = block.element.attribute_ns(ns::SOAP, "mustUnderstand").map(str::trim);
                    if matches!(must, Some("1" | "true")) {
                        self.not_understood.push((other.to_owned(), local.to_owned()));
                    }
                }
            }
        }
    }
}
