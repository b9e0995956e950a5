//! One pass over a document before anything is built of it: is it well-formed to its end, what does
//! its frame say, which parts does it name, and would a tree of it take too much memory.

use crate::dialect::soap::ns;
use crate::model::Malformed;
use crate::xml::{Element, Event, Reader};

/// A name of an element and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) ns: String,
    pub(super) local: String,
    pub(super) at: usize,
}

/// What the pass met, also when it ended early.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// The root element.
    pub(super) root: Option<Place>,
    /// The body's first child, or the root when there is no envelope.
    pub(super) payload: Option<Place>,
    /// Where the Body stands.
    pub(super) body_at: Option<usize>,
    /// wsa:Action, trimmed.
    pub(super) action: Option<String>,
    /// What xop:Include elements name, in order, each once.
    pub(super) hrefs: Vec<String>,
    /// Whether white space stands beside an xop:Include.
    pub(super) is_include_padded: bool,
    /// Whether something stands before the root element or its declaration.
    pub(super) has_leading: bool,
    /// Why the document is refused whole.
    pub(super) refusal: Option<Malformed>,
}

const XOP: &str = "http://www.w3.org/2004/08/xop/include";
const HREFS_MAX: usize = 10_000;
/// So many elements, texts and attributes are no burden whatever they stand in.
const NODES_FREE: usize = 50_000;

/// Passes over a document.
pub(super) fn scan(source: &str) -> Scan {
    let mut scan = Scan::default();
    let begun = source.strip_prefix('\u{feff}').unwrap_or(source);
    scan.has_leading = begun.starts_with(|c: char| c.is_ascii_whitespace()) || begun.starts_with("<!--");
    let mut reader = Reader::new(source);
    if let Err(malformed) = scan.pass(&mut reader) {
        scan.refusal = Some(malformed);
    }
    scan
}

impl Scan {
    fn pass(&mut self, reader: &mut Reader<'_>) -> Result<(), Malformed> {
        let mut nodes = 0;
        let (mut is_envelope, mut is_body, mut action) = (false, false, None::<String>);
        let mut is_blank_before = false;
        loop {
            let event = reader.next()?;
            nodes += 1;
            match event {
                Event::Start(element) => {
                    nodes += element.attributes.len();
                    match reader.depth() {
                        1 => {
                            is_envelope =
                                element.local == "Envelope" && matches!(&*element.ns, ns::SOAP | ns::SOAP_11);
                            self.root = Some(place(&element));
                            if !is_envelope {
                                self.payload = self.root.clone();
                            }
                        }
                        2 => {
                            is_body = is_envelope && element.local == "Body";
                            self.body_at = self.body_at.or(is_body.then_some(element.at));
                        }
                        3 if is_body && self.payload.is_none() => self.payload = Some(place(&element)),
                        3 if is_envelope && !is_body && element.is(ns::WSA, "Action") => {
                            action = Some(String::new());
                        }
                        _ => {}
                    }
                    if element.is(XOP, "Include") {
                        self.is_include_padded |= is_blank_before;
                        self.include(&element);
                    }
                    is_blank_before = false;
                }
                Event::Text(text) => {
                    is_blank_before = text.trim().is_empty();
                    if let Some(action) = action.as_mut().filter(|_| self.action.is_none()) {
                        action.push_str(&text);
                    }
                }
                Event::End => {
                    is_blank_before = false;
                    if self.action.is_none()
                        && let Some(action) = action.take()
                    {
                        self.action = Some(action.trim().to_owned()).filter(|action| !action.is_empty());
                    }
                }
                Event::Eof => break,
            }
        }
        self.judge_density(nodes, reader)
    }

    fn include(&mut self, element: &Element) {
        let Some(href) = element.attribute("href") else { return };
        if self.hrefs.len() < HREFS_MAX && !self.hrefs.iter().any(|known| known == href) {
            self.hrefs.push(href.to_owned());
        }
    }

    // A tree of tiny elements takes many times their text: what is read object by object may be
    // denser than what is read whole.
    fn judge_density(&self, nodes: usize, reader: &Reader<'_>) -> Result<(), Malformed> {
        let is_streamed = self.payload.as_ref().is_some_and(|payload| {
            matches!(payload.local.as_str(), "AdhocQueryResponse" | "RetrieveDocumentSetResponse")
        });
        let bytes_each = if is_streamed { 16 } else { 24 };
        if nodes > NODES_FREE && nodes > reader.source().len() / bytes_each {
            let why = "more elements, texts and attributes than a message of this size has";
            return Err(reader.malformed_at(0, "too-many-nodes", why));
        }
        Ok(())
    }
}

fn place(element: &Element) -> Place {
    Place { ns: element.ns.to_string(), local: element.local.to_string(), at: element.at }
}
