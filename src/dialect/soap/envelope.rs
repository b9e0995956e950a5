//! The SOAP 1.2 envelope: header blocks we know, and the body's only child. What the header lacks
//! or holds twice is told in [`Header`]; `check.rs` judges it.

use std::ops::Range;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use smol_str::SmolStr;

use super::duration::duration;
use super::{copy, ns};
use crate::model::{Malformed, MessageId, Warning};
use crate::xml::{Element, Reader, Tree, WellFormed};

/// The header blocks of wire.md 3.1.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Whether there was a Header element at all.
    pub is_present: bool,
    /// wsa:Action, trimmed.
    pub action: Option<String>,
    /// wsa:MessageID, verbatim.
    pub message_id: Option<MessageId>,
    /// wsa:RelatesTo, verbatim.
    pub relates_to: Option<MessageId>,
    /// xcpd:CorrelationTimeToLive (ITI-55 3.55.4.1.2.4): how long the ids learned may be remembered; zero
    /// is not at all.
    pub correlation_time_to_live: Option<Duration>,
    /// wsa:To.
    pub to: Option<String>,
    /// wsa:ReplyTo/wsa:Address.
    pub reply_to: Option<String>,
    /// Children of wsa:ReplyTo/wsa:ReferenceParameters as blocks ready to stand in the answer's
    /// header, with their own namespace declarations and wsa:IsReferenceParameter.
    pub reference_parameters: Vec<String>,
    /// Where wsse:Security stands in the source.
    pub security: Option<Range<usize>>,
    /// Blocks with mustUnderstand that nobody here knows: (namespace, local name).
    pub not_understood: Vec<(String, String)>,
    /// Known blocks that came more than once, by local name (`Action`, `Security`).
    pub repeated: Vec<&'static str>,
}

/// Elements and texts of a message, header included, up to which the tree of its body is kept while it
/// is answered: each takes some hundred bytes. Requests have a few hundred.
const KEPT_NODES_MAX: usize = 2_000;

/// Requests are a few KiB; what is larger is read no further than has been judged.
const READ_AT_ONCE_BYTES_MAX: usize = 64 << 10;

/// A message's root part, read as far as the header. Debug prints no content.
#[derive(Clone)]
pub struct Envelope {
    source: Arc<String>,
    /// Header blocks.
    pub header: Header,
    /// What was put up with.
    pub warnings: Vec<Warning>,
    is_bare: bool,
    /// Name of the body's only child, where it stands right behind the header.
    payload: Option<(Arc<str>, SmolStr)>,
    /// The body, once somebody has read it; None when it is too large to be kept.
    body: Arc<OnceLock<Option<Arc<Tree>>>>,
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
    /// As [`Reader::next`]; `soap-1.1` for an envelope of SOAP 1.1, `not-soap` when the root is no
    /// SOAP envelope.
    pub fn read(source: &str) -> Result<Self, Malformed> {
        Self::read_owned(source.to_owned())
    }

    /// As [`Envelope::read`], for a text that is not needed elsewhere: it is not copied.
    ///
    /// # Errors
    /// As [`Envelope::read`].
    pub fn read_owned(source: String) -> Result<Self, Malformed> {
        Self::read_as_far(source, false)
    }

    /// As [`Envelope::read_owned`], for a request, whose body is wanted as a tree in any case: the header
    /// is not passed over again for it. What is wrong with the body is told when it is read, as ever.
    ///
    /// # Errors
    /// As [`Envelope::read`].
    pub fn read_request(source: String) -> Result<Self, Malformed> {
        let is_small = source.len() <= READ_AT_ONCE_BYTES_MAX;
        Self::read_as_far(source, is_small)
    }

    fn read_as_far(source: String, with_body: bool) -> Result<Self, Malformed> {
        let source = Arc::new(without_mark(source));
        let mut header = Header::default();
        let body = OnceLock::new();
        let mut payload = None;
        {
            let mut reader = Reader::new(&source);
            let root = reader.root()?;
            if root.is(ns::SOAP_11, "Envelope") {
                return Err(reader.malformed_at(root.at, "soap-1.1", "SOAP 1.1, expected SOAP 1.2"));
            }
            if !root.is(ns::SOAP, "Envelope") {
                let why = format!("the root element is `{}`, not a SOAP 1.2 Envelope", root.local);
                return Err(reader.malformed_at(root.at, "not-soap", why));
            }
            let mut child = reader.child()?;
            if child.as_ref().is_some_and(|first| first.is(ns::SOAP, "Header")) {
                header.read(&mut reader)?;
                // What is wrong from here on is told by whoever reads the body.
                child = reader.child().ok().flatten();
            }
            if child.is_some_and(|child| child.is(ns::SOAP, "Body"))
                && let Ok(Some(element)) = reader.child()
            {
                payload = Some((Arc::clone(&element.ns), element.local.clone()));
                if with_body && let Ok((tree, nodes)) = body_from(reader, element, false) {
                    let _ = body.set((nodes <= KEPT_NODES_MAX).then(|| Arc::new(tree)));
                }
            }
        }
        let body = Arc::new(body);
        Ok(Self { source, header, warnings: Vec::new(), is_bare: false, payload, body })
    }

    /// Takes a payload without envelope: its root is the body's child.
    pub fn bare(source: &str) -> Self {
        let source = Arc::new(without_mark(source.to_owned()));
        let header = Header::default();
        Self { source, header, warnings: Vec::new(), is_bare: true, payload: None, body: Arc::default() }
    }

    /// Whether it is a payload without envelope, to which no header rule applies.
    pub const fn is_bare(&self) -> bool {
        self.is_bare
    }

    /// The received text; offsets of the header and of readers are offsets into it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The received text, of which many may hold a part; it is not copied.
    pub const fn shared(&self) -> &Arc<String> {
        &self.source
    }

    /// The same message with another text, of which only the body is to be read.
    pub(in crate::dialect) fn with_source(&self, source: String) -> Self {
        Self {
            source: Arc::new(source),
            header: Header::default(),
            warnings: Vec::new(),
            is_bare: self.is_bare,
            payload: None,
            body: Arc::default(),
        }
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

    /// The body's child as a tree; the document is read to its end, once for all who ask where it has
    /// no more in it than requests have.
    ///
    /// # Errors
    /// As [`Envelope::body`]; `not-soap` when something follows the body or its child.
    pub fn body_tree(&self) -> Result<Arc<Tree>, Malformed> {
        if let Some(Some(kept)) = self.body.get() {
            return Ok(Arc::clone(kept));
        }
        let (tree, nodes) = self.read_body()?;
        let tree = Arc::new(tree);
        let _ = self.body.set((nodes <= KEPT_NODES_MAX).then(|| Arc::clone(&tree)));
        Ok(tree)
    }

    /// The whole message, read to its end; not once more where that has been done.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn well_formed(&self) -> Result<WellFormed<'_>, Malformed> {
        if self.body.get().is_some() {
            return Ok(WellFormed::already_read(&self.source));
        }
        WellFormed::check(&self.source)
    }

    /// Whether the body's only child is this element.
    ///
    /// # Errors
    /// As [`Envelope::body`].
    pub fn holds(&self, ns: &str, local: &str) -> Result<bool, Malformed> {
        match &self.payload {
            Some((its_ns, its_local)) => Ok(**its_ns == *ns && its_local == local),
            None => self.body().map(|(_, payload)| payload.is(ns, local)),
        }
    }

    fn read_body(&self) -> Result<(Tree, usize), Malformed> {
        let (reader, payload) = self.body()?;
        body_from(reader, payload, self.is_bare)
    }

    /// Name of the body's only child, after the whole document has been read once.
    ///
    /// # Errors
    /// As [`Envelope::body_tree`].
    pub fn body_name(&self) -> Result<(Arc<str>, String), Malformed> {
        let Element { ns, local, .. } = &self.body_tree()?.element;
        Ok((Arc::clone(ns), local.to_string()))
    }
}

// The payload just begun, the document read to its end; and how many elements and texts were met.
fn body_from(mut reader: Reader<'_>, payload: Element, is_bare: bool) -> Result<(Tree, usize), Malformed> {
    let tree = Tree::read(&mut reader, payload)?;
    let nodes = reader.nodes();
    if !is_bare {
        if let Some(second) = reader.child()? {
            return Err(reader.malformed_at(second.at, "not-soap", "a second element in the Body"));
        }
        if let Some(after) = reader.child()? {
            return Err(reader.malformed_at(after.at, "not-soap", "an element after the Body"));
        }
    }
    reader.finish()?;
    Ok((tree, nodes))
}

fn without_mark(mut source: String) -> String {
    const MARK: char = '\u{feff}';
    if source.starts_with(MARK) {
        source.drain(..MARK.len_utf8());
    }
    source
}

const CORRELATION: &str = "CorrelationTimeToLive";

// Blocks of the answer's header that a requester may dictate.
const REFERENCE_PARAMETERS_MAX: usize = 16;
const REFERENCE_BYTES_MAX: usize = 16 << 10;

impl Header {
    // The header element just begun, to its end. Blocks that nothing is taken out of are passed over.
    fn read(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        self.is_present = true;
        let mut seen: Vec<&'static str> = Vec::new();
        while let Some(block) = reader.child()? {
            let known = match (&*block.ns, block.local.as_str()) {
                (ns::WSA, "Action") => "Action",
                (ns::WSA, "MessageID") => "MessageID",
                (ns::WSA, "To") => "To",
                (ns::WSA, "ReplyTo") => "ReplyTo",
                (ns::WSSE, "Security") => "Security",
                (ns::WSA, "RelatesTo" | "From" | "FaultTo") | (ns::XCPD, CORRELATION) => "",
                (other, local) => {
                    if must_understand(&block) {
                        self.not_understood.push((other.to_owned(), local.to_owned()));
                    }
                    reader.skip()?;
                    continue;
                }
            };
            if !known.is_empty() && seen.contains(&known) {
                self.repeated.push(known);
                reader.skip()?;
                continue;
            }
            seen.push(known);
            if known == "Security" {
                let at = block.at;
                reader.skip()?;
                self.security = Some(at..reader.offset());
            } else {
                self.fill(&Tree::read(reader, block)?);
            }
        }
        Ok(())
    }

    fn fill(&mut self, block: &Tree) {
        let text = |tree: &Tree| Some(tree.text().trim().to_owned()).filter(|text| !text.is_empty());
        match block.name() {
            "Action" => self.action = text(block),
            "MessageID" => self.message_id = text(block).map(MessageId),
            "RelatesTo" if self.relates_to.is_none() => self.relates_to = text(block).map(MessageId),
            "To" => self.to = text(block),
            // What is said and cannot be read is no leave to remember anything.
            CORRELATION => {
                let said = duration(&text(block).unwrap_or_default());
                self.correlation_time_to_live = Some(said.unwrap_or_default());
            }
            "ReplyTo" => self.reply_to(block),
            _ => {}
        }
    }

    fn reply_to(&mut self, block: &Tree) {
        let address = block.first(ns::WSA, "Address").map(|a| a.text().trim().to_owned());
        self.reply_to = address.filter(|address| !address.is_empty());
        let parameters = block.first(ns::WSA, "ReferenceParameters");
        let is_reference = [(ns::WSA, "IsReferenceParameter", "true")];
        let copied: Vec<String> = parameters
            .into_iter()
            .flat_map(Tree::elements)
            .map(|parameter| copy(parameter, "", &is_reference))
            .take(REFERENCE_PARAMETERS_MAX + 1)
            .collect();
        let bytes: usize = copied.iter().map(String::len).sum();
        if copied.len() > REFERENCE_PARAMETERS_MAX || bytes > REFERENCE_BYTES_MAX {
            self.repeated.push("ReferenceParameters");
        } else {
            self.reference_parameters = copied;
        }
    }
}

// Counts in the SOAP namespace only, and for blocks addressed to us.
fn must_understand(block: &Element) -> bool {
    let role = block.attribute_ns(ns::SOAP, "role").map(str::trim).unwrap_or_default();
    let is_ours = role.is_empty() || role.ends_with("/role/next") || role.ends_with("/role/ultimateReceiver");
    let must = block.attribute_ns(ns::SOAP, "mustUnderstand").map(str::trim);
    is_ours && matches!(must, Some("1" | "true"))
}
