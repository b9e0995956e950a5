//! The bounded pull reader. It refuses a DTD, a second root, an undeclared prefix, a character
//! XML forbids, an unknown entity, and more depth, nodes or attributes than its limits.
//! Names are compared by namespace and local name, never by prefix.

use std::borrow::Cow;
use std::sync::Arc;

use quick_xml::events::Event as Raw;
use quick_xml::name::{Namespace, QName, ResolveResult};
use quick_xml::{NsReader, XmlVersion};

use smol_str::SmolStr;

use self::scope::normalized;
use super::Scanner;
use crate::model::Malformed;

/// Caps of one document.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open elements at a time.
    pub depth: usize,
    /// Elements and text runs in all.
    pub nodes: usize,
    /// Attributes of one element.
    pub attributes: usize,
    /// Bytes of one attribute value or text run.
    pub text_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth: 64, nodes: 2_000_000, attributes: 64, text_bytes: 4 << 20 }
    }
}

/// An attribute that declares no namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute {
    /// Namespace URI, empty for none.
    pub ns: Arc<str>,
    /// Local name.
    pub local: SmolStr,
    /// Value, references resolved.
    pub value: SmolStr,
}

/// The start of an element.
#[derive(Debug, Clone)]
pub struct Element {
    /// Namespace URI, empty for none.
    pub ns: Arc<str>,
    /// Local name.
    pub local: SmolStr,
    /// Attributes, namespace declarations left out.
    pub attributes: Vec<Attribute>,
    /// Byte offset of its `<`.
    pub at: usize,
}

impl Element {
    /// Whether it is this element of this namespace.
    pub fn is(&self, ns: &str, local: &str) -> bool {
        &*self.ns == ns && self.local == local
    }

    /// An attribute without namespace.
    pub fn attribute(&self, local: &str) -> Option<&str> {
        self.attribute_ns("", local)
    }

    /// An attribute of a namespace.
    pub fn attribute_ns(&self, ns: &str, local: &str) -> Option<&str> {
        self.attributes.iter().find(|a| &*a.ns == ns && a.local == local).map(|a| a.value.as_str())
    }
}

/// What the reader meets. Comments and processing instructions are passed over.
#[derive(Debug, Clone)]
pub enum Event<'a> {
    /// An element begins.
    Start(Element),
    /// The innermost element ends.
    End,
    /// Text of the innermost element, references resolved. Runs may come in pieces.
    Text(Cow<'a, str>),
    /// The document is over: one root, closed.
    Eof,
}

/// The reader. As long as a document is plain the [`Scanner`] reads it; from the first thing on that is
/// not, and for everything that is wrong, the full way is taken.
pub struct Reader<'a> {
    source: &'a str,
    way: Way<'a>,
    limits: Limits,
    depth: usize,
    nodes: usize,
    roots: usize,
    /// Starts and ends met so far.
    tags: usize,
    /// Namespaces met, the latest last: most elements of a message are of one or two.
    namespaces: Vec<Arc<str>>,
    no_ns: Arc<str>,
}

enum Way<'a> {
    Plain(Scanner<'a>),
    Full(NsReader<&'a [u8]>),
}

/// Bytes of a namespace: every element of it is held against it.
pub(super) const NAMESPACE_BYTES_MAX: usize = 1 << 10;
/// More namespaces than any message needs are not remembered.
const NAMESPACES_KEPT: usize = 8;

/// A text that has been read to its end without a fault.
#[derive(Debug, Clone, Copy)]
pub struct WellFormed<'a>(&'a str);

impl<'a> WellFormed<'a> {
    /// Reads it.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn check(source: &'a str) -> Result<Self, Malformed> {
        let reader = Reader::new(source);
        let source = reader.source;
        reader.finish()?;
        Ok(Self(source))
    }

    /// For a caller that has had a [`Reader`] go over this very text to its end.
    pub(crate) fn already_read(source: &'a str) -> Self {
        Self(source.strip_prefix('\u{feff}').unwrap_or(source))
    }

    /// The text, without a byte order mark.
    pub const fn text(self) -> &'a str {
        self.0
    }
}

impl<'a> Reader<'a> {
    /// Reads a document with the usual limits.
    pub fn new(source: &'a str) -> Self {
        Self::with_limits(source, Limits::default())
    }

    /// Reads a document with these limits.
    pub fn with_limits(source: &'a str, limits: Limits) -> Self {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        let way = Way::Plain(Scanner::of_document(source, limits));
        Self {
            source,
            way,
            limits,
            depth: 0,
            nodes: 0,
            roots: 0,
            tags: 0,
            namespaces: Vec::new(),
            no_ns: "".into(),
        }
    }

    /// As [`Reader::with_limits`], without the pass over what is plain: for holding the one way against
    /// the other.
    pub fn in_full(source: &'a str, limits: Limits) -> Self {
        let mut reader = Self::with_limits(source, limits);
        reader.way = Way::Full(full(reader.source));
        reader
    }

    /// The text being read (without a byte order mark; offsets are offsets into it).
    pub const fn source(&self) -> &'a str {
        self.source
    }

    /// Byte offset after the last event.
    pub fn offset(&self) -> usize {
        match &self.way {
            Way::Plain(scanner) => scanner.offset(),
            Way::Full(full) => position(full),
        }
    }

    /// How many elements are open.
    pub const fn depth(&self) -> usize {
        self.depth
    }

    /// Elements and texts met so far.
    pub const fn nodes(&self) -> usize {
        self.nodes
    }

    /// An error at a byte offset, told as `line:column` (columns in characters, from 1).
    pub fn malformed_at(&self, at: usize, code: &'static str, why: impl Into<String>) -> Malformed {
        let before = self.source.get(..at).unwrap_or(self.source);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Malformed::new(code, format!("{line}:{column}"), why)
    }

    /// An error where the reader stands.
    pub fn malformed(&self, code: &'static str, why: impl Into<String>) -> Malformed {
        self.malformed_at(self.offset(), code, why)
    }

    /// The next event.
    ///
    /// # Errors
    /// `malformed-xml`, `dtd-forbidden`, `second-root`, `too-deep`, `too-many-nodes`,
    /// `too-many-attributes`, `too-long`.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Event<'a>, Malformed> {
        loop {
            let at = self.offset();
            let full = match &mut self.way {
                Way::Full(full) => full,
                Way::Plain(_) => {
                    if let Some(event) = self.plain_event(at)? {
                        return Ok(event);
                    }
                    continue;
                }
            };
            let raw = match full.read_event() {
                Ok(raw) => raw,
                Err(error) => return Err(self.malformed("malformed-xml", told(&error))),
            };
            match raw {
                Raw::Start(start) => return self.start(&start, at).map(Event::Start),
                Raw::End(_) => {
                    self.end();
                    return Ok(Event::End);
                }
                Raw::Text(text) => {
                    let content = text.into_inner();
                    if let Some(text) = self.text(content, at, true)? {
                        return Ok(Event::Text(text));
                    }
                }
                Raw::CData(data) => {
                    if self.depth == 0 {
                        return Err(self.malformed_at(at, "malformed-xml", "text outside the root element"));
                    }
                    if let Some(text) = self.text(data.into_inner(), at, true)? {
                        return Ok(Event::Text(text));
                    }
                }
                Raw::GeneralRef(reference) => {
                    let resolved = self.reference(&reference, at)?;
                    if let Some(text) = self.text(resolved.into(), at, false)? {
                        return Ok(Event::Text(text));
                    }
                }
                Raw::DocType(_) => {
                    return Err(self.malformed_at(
                        at,
                        "dtd-forbidden",
                        "a document type declaration is refused",
                    ));
                }
                Raw::Eof => {
                    if self.depth > 0 || self.roots != 1 {
                        let why = "the document ends before its root element does";
                        return Err(self.malformed("malformed-xml", why));
                    }
                    return Ok(Event::Eof);
                }
                Raw::Comment(_) | Raw::PI(_) | Raw::Decl(_) | Raw::Empty(_) => {}
            }
        }
    }

    fn start(&mut self, start: &quick_xml::events::BytesStart<'_>, at: usize) -> Result<Element, Malformed> {
        if self.depth == 0 && self.roots > 0 {
            return Err(self.malformed_at(at, "second-root", "a second root element"));
        }
        self.begin();
        if self.depth > self.limits.depth {
            let why = format!("more than {} elements within each other", self.limits.depth);
            return Err(self.malformed_at(at, "too-deep", why));
        }
        self.count(at)?;
        self.name(start.name(), at)?;
        let ns = self.namespace(start.name(), true, at)?;
        let mut attributes = Vec::new();
        for (count, attribute) in start.attributes().enumerate() {
            let attribute = attribute
                .map_err(|e| self.malformed_at(at, "malformed-xml", format!("attribute: {}", told(&e))))?;
            if count >= self.limits.attributes {
                let why = format!("more than {} attributes", self.limits.attributes);
                return Err(self.malformed_at(at, "too-many-attributes", why));
            }
            self.name(attribute.key, at)?;
            if attribute.value.len() > self.limits.text_bytes {
                return Err(self.malformed_at(at, "too-long", "an attribute value over the cap"));
            }
            if attribute.value.contains('<') {
                return Err(self.malformed_at(at, "malformed-xml", "`<` in an attribute value"));
            }
            let value = attribute
                .normalized_value(XmlVersion::Implicit1_0)
                .map_err(|_| self.malformed_at(at, "malformed-xml", "a reference that cannot be resolved"))?;
            self.characters(&value, at)?;
            if attribute.key.as_namespace_binding().is_some() {
                if value.len() > NAMESPACE_BYTES_MAX {
                    return Err(self.malformed_at(at, "too-long", "a namespace over the cap"));
                }
                continue;
            }
            let ns = self.namespace(attribute.key, false, at)?;
            let local = SmolStr::new(attribute.key.local_name().into_inner());
            let value = SmolStr::from(value);
            let twice = attributes.iter().any(|a: &Attribute| a.ns == ns && a.local == local);
            if twice {
                return Err(self.malformed_at(at, "malformed-xml", format!("attribute `{local}` twice")));
            }
            attributes.push(Attribute { ns, local, value });
        }
        let local = SmolStr::new(start.local_name().into_inner());
        Ok(Element { ns, local, attributes, at })
    }

    fn begin(&mut self) {
        self.roots += usize::from(self.depth == 0);
        self.depth += 1;
        self.tags += 1;
    }

    fn end(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.tags += 1;
    }

    // quick-xml takes anything up to a blank for a name.
    fn name(&self, name: QName<'_>, at: usize) -> Result<(), Malformed> {
        let (local, prefix) = name.decompose();
        if is_name(local.into_inner()) && prefix.is_none_or(|prefix| is_name(prefix.into_inner())) {
            return Ok(());
        }
        Err(self.malformed_at(at, "malformed-xml", "a name XML forbids"))
    }

    fn namespace(&mut self, name: QName<'_>, is_element: bool, at: usize) -> Result<Arc<str>, Malformed> {
        let Way::Full(full) = &self.way else { return Ok(Arc::clone(&self.no_ns)) };
        let resolver = full.resolver();
        let (resolved, _) =
            if is_element { resolver.resolve_element(name) } else { resolver.resolve_attribute(name) };
        let uri = match resolved {
            ResolveResult::Unbound => "",
            ResolveResult::Bound(Namespace(uri)) => uri,
            ResolveResult::Unknown(prefix) => {
                let why = format!("prefix `{prefix}` is not declared");
                return Err(self.malformed_at(at, "malformed-xml", why));
            }
        };
        let uri = normalized(uri).into_owned();
        Ok(self.known(&uri))
    }

    fn known(&mut self, uri: &str) -> Arc<str> {
        if uri.is_empty() {
            return Arc::clone(&self.no_ns);
        }
        if let Some(known) = self.namespaces.iter().rev().find(|known| ***known == *uri) {
            return Arc::clone(known);
        }
        let new: Arc<str> = uri.into();
        if self.namespaces.len() == NAMESPACES_KEPT {
            self.namespaces.remove(0);
        }
        self.namespaces.push(Arc::clone(&new));
        new
    }

    fn text(&mut self, text: Cow<'a, str>, at: usize, ends: bool) -> Result<Option<Cow<'a, str>>, Malformed> {
        if text.len() > self.limits.text_bytes {
            return Err(self.malformed_at(at, "too-long", "a text over the cap"));
        }
        if self.depth == 0 {
            if text.trim().is_empty() {
                return Ok(None);
            }
            return Err(self.malformed_at(at, "malformed-xml", "text outside the root element"));
        }
        self.count(at)?;
        self.characters(&text, at)?;
        // Line ends become LF (XML 1.0, 2.11), but a CR that came as a reference stays.
        if ends && text.contains('\r') {
            return Ok(Some(text.replace("\r\n", "\n").replace('\r', "\n").into()));
        }
        Ok(Some(text))
    }

    fn reference(&self, name: &quick_xml::events::BytesRef<'_>, at: usize) -> Result<String, Malformed> {
        if name.is_char_ref() {
            let resolved = name.resolve_char_ref().ok().flatten().filter(|c| is_allowed(*c));
            return resolved
                .map(String::from)
                .ok_or_else(|| self.malformed_at(at, "malformed-xml", "a character reference XML forbids"));
        }
        let resolved = match &**name {
            "amp" => "&",
            "apos" => "'",
            "gt" => ">",
            "lt" => "<",
            "quot" => "\"",
            _ => return Err(self.malformed_at(at, "malformed-xml", "an entity that is not declared")),
        };
        Ok(resolved.to_owned())
    }

    fn characters(&self, text: &str, at: usize) -> Result<(), Malformed> {
        // 0xEF begins U+FFFE and U+FFFF; a str holds no surrogates.
        let is_plain = |byte: u8| byte >= 0x20 && byte != 0xEF || matches!(byte, b'\t' | b'\n' | b'\r');
        if text.bytes().all(is_plain) || text.chars().all(is_allowed) {
            return Ok(());
        }
        Err(self.malformed_at(at, "malformed-xml", "a control character XML forbids"))
    }

    fn count(&mut self, at: usize) -> Result<(), Malformed> {
        self.nodes += 1;
        if self.nodes > self.limits.nodes {
            let why = format!("more than {} elements and texts", self.limits.nodes);
            return Err(self.malformed_at(at, "too-many-nodes", why));
        }
        Ok(())
    }

    /// The next child of the element the reader stands in, text passed over; None at its end, which
    /// is then consumed.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn child(&mut self) -> Result<Option<Element>, Malformed> {
        loop {
            match self.next()? {
                Event::Start(element) => return Ok(Some(element)),
                Event::End | Event::Eof => return Ok(None),
                Event::Text(_) => {}
            }
        }
    }

    /// All text up to the end of the element just begun; its end is consumed.
    ///
    /// # Errors
    /// `unexpected-element` when there is a child; else as [`Reader::next`].
    pub fn text_content(&mut self) -> Result<String, Malformed> {
        let mut content = String::new();
        loop {
            match self.next()? {
                Event::Text(text) => {
                    if content.len() + text.len() > self.limits.text_bytes {
                        return Err(self.malformed("too-long", "a text over the cap"));
                    }
                    content.push_str(&text);
                }
                Event::End | Event::Eof => return Ok(content),
                Event::Start(element) => {
                    let why = format!("element `{}` where text is expected", element.local);
                    return Err(self.malformed_at(element.at, "unexpected-element", why));
                }
            }
        }
    }

    /// Passes over the element just begun with all it holds.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn skip(&mut self) -> Result<(), Malformed> {
        let outside = self.depth.saturating_sub(1);
        self.plain_until(|reader| reader.depth <= outside)?;
        while self.depth > outside {
            if let Event::Eof = self.next()? {
                break;
            }
        }
        Ok(())
    }

    /// The root element.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn root(&mut self) -> Result<Element, Malformed> {
        loop {
            match self.next()? {
                Event::Start(element) => return Ok(element),
                Event::Eof => return Err(self.malformed("malformed-xml", "no root element")),
                Event::End | Event::Text(_) => {}
            }
        }
    }

    /// Reads to the end of the document, so that a second root or a cut end is seen.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn finish(mut self) -> Result<(), Malformed> {
        self.plain_until(|_| false)?;
        while !matches!(self.next()?, Event::Eof) {}
        Ok(())
    }
}

fn full(source: &str) -> NsReader<&[u8]> {
    let mut full = NsReader::from_str(source);
    full.config_mut().expand_empty_elements = true;
    full.config_mut().check_comments = true;
    full
}

fn position(full: &NsReader<&[u8]>) -> usize {
    usize::try_from(full.buffer_position()).unwrap_or(usize::MAX)
}

// An NCName; beyond ASCII every letter passes.
fn is_name(name: &str) -> bool {
    let begins = |b: u8| b.is_ascii_alphabetic() || b == b'_' || b >= 0x80;
    let mut bytes = name.bytes();
    bytes.next().is_some_and(begins)
        && bytes.all(|b| begins(b) || b.is_ascii_digit() || matches!(b, b'-' | b'.'))
}

const fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

// quick-xml's texts may quote names of the document but no content.
fn told(error: &dyn std::fmt::Display) -> String {
    error.to_string().chars().take(160).collect()
}

mod plain;
mod scope;
#[cfg(test)]
mod tests;
