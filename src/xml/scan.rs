//! One pass over plain markup that copies nothing: names and values are slices of the source. Plain is
//! what messages are made of: elements, attributes in either quotes, text, the five named references.
//! Everything else (CDATA, character references, processing instructions, names beyond ASCII, ...) and
//! everything wrong is `NotPlain`: the [`super::Reader`] then reads in full and decides. What is taken
//! here, that takes too, and reads alike.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::Limits;
use super::read::NAMESPACE_BYTES_MAX;
use name::{ATTRIBUTE, ELEMENT, KnownNames, Name};
use run::{CONTROL, GREATER, LAST_PLANE, LESS, REFERENCE, Run, Saying, run};
pub use shape::Shapes;
use shape::{Kind, Noting};

/// Not for this pass; it says nothing about whether the markup is well-formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPlain;

/// The value of an attribute, or a text.
#[derive(Debug, Clone, Copy)]
pub struct RawValue<'a> {
    /// As it stands.
    pub raw: &'a str,
    /// Whether there are references in it.
    pub has_references: bool,
    /// Offset of its first byte.
    pub at: usize,
}

/// An attribute that declares no namespace.
#[derive(Debug, Clone, Copy)]
pub struct PlainAttribute<'a> {
    /// Name with its prefix.
    pub name: &'a str,
    /// Prefix, declared; empty for none.
    pub prefix: &'a str,
    /// Local name.
    pub local: &'a str,
    /// Its value.
    pub value: RawValue<'a>,
}

impl<'a> RawValue<'a> {
    /// The value with its references resolved.
    ///
    /// # Errors
    /// None: they were looked at before.
    pub fn resolved(&self) -> Result<Cow<'a, str>, NotPlain> {
        if self.has_references { resolved(self.raw) } else { Ok(Cow::Borrowed(self.raw)) }
    }
}

/// The start of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Namespace URI, empty for none.
    pub ns: &'a str,
    /// Local name.
    pub local: &'a str,
    /// Offset of its `<`.
    pub at: usize,
    /// Offset behind its name.
    pub after_name: usize,
}

/// What the pass meets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// An element begins; its attributes are asked of the scanner until it goes on.
    Start(Tag<'a>),
    /// The innermost element ends.
    End,
    /// Text as it stands; its references are among those that [`resolved`] knows.
    Text(&'a str),
}

/// The pass.
pub struct Scanner<'a> {
    source: &'a str,
    at: usize,
    /// Names of open elements as they stand.
    open: Vec<&'a str>,
    /// Prefix, URI, and how many elements were open when it was declared.
    scope: Vec<(&'a str, &'a str, usize)>,
    attributes: Vec<PlainAttribute<'a>>,
    /// Attributes of this element so far, its namespace declarations included.
    counted: usize,
    is_empty: bool,
    limits: Limits,
    nodes: usize,
    /// Whether comments, and an XML declaration at the beginning, are passed over.
    passes_comments: bool,
    used: Used,
    names: Box<KnownNames<'a>>,
    /// The last prefix resolved, with its namespace, while no declaration has come or gone since.
    resolved: Option<(&'a str, &'a str)>,
    /// How often a declaration has come or gone.
    scope_changes: usize,
    noting: Option<Noting<'a>>,
}

/// Which outer namespaces the markup uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Used {
    /// By bit: those of the first 64 that stand in front of the name of an element or attribute.
    pub outer: u64,
    /// Whether an attribute has a prefix other than `xml`: the value of such a one may name one too (xsi:type).
    pub is_any_qualified: bool,
}

impl<'a> Scanner<'a> {
    /// Begins at an offset, with the namespaces in scope there.
    pub fn new(source: &'a str, at: usize, scope: &'a [(String, String)], limits: Limits) -> Self {
        let scope = scope.iter().map(|(prefix, uri)| (prefix.as_str(), uri.as_str(), 0)).collect();
        let (open, attributes) = (Vec::with_capacity(8), Vec::with_capacity(16));
        Self {
            source,
            at,
            open,
            scope,
            attributes,
            counted: 0,
            is_empty: false,
            limits,
            nodes: 0,
            passes_comments: false,
            used: Used::default(),
            names: Box::default(),
            resolved: None,
            scope_changes: 0,
            noting: None,
        }
    }

    /// Begins at the beginning of a document; comments and an XML declaration are passed over.
    pub(super) fn of_document(source: &'a str, limits: Limits) -> Self {
        Self { passes_comments: true, ..Self::new(source, 0, &[], limits) }
    }

    /// Which outer namespaces the markup used since this was asked last.
    pub fn take_used(&mut self) -> Used {
        self.end_noting();
        // What is resolved without a look is not noted again.
        self.resolved = None;
        std::mem::take(&mut self.used)
    }

    /// Offset behind the last token.
    pub const fn offset(&self) -> usize {
        self.at
    }

    /// How many elements are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// An attribute of the element that has just begun.
    pub fn attribute(&self, name: &str) -> Option<&PlainAttribute<'a>> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The attributes of the element that has just begun, without namespace declarations.
    pub(super) fn attributes(&self) -> &[PlainAttribute<'a>] {
        &self.attributes
    }

    /// Prefixes (empty for the default) and URIs declared so far, the innermost last.
    pub(super) fn scope(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.scope.iter().map(|(prefix, uri, _)| (*prefix, *uri))
    }

    /// Whether nothing is left, and nothing open.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.source.len() && self.open.is_empty() && !self.is_empty
    }

    /// Whether the element that has just begun declares this prefix itself.
    pub fn declares(&self, prefix: &str) -> bool {
        let depth = self.open.len();
        self.scope.iter().rev().take_while(|(_, _, at)| *at == depth).any(|(known, ..)| *known == prefix)
    }

    /// The next token.
    ///
    /// # Errors
    /// `NotPlain`; also at the end of the source and at an end tag that nothing here opened.
    pub fn token(&mut self) -> Result<Token<'a>, NotPlain> {
        if std::mem::take(&mut self.is_empty) {
            self.close();
            return Ok(Token::End);
        }
        while self.passes_comments
            && let Some(rest @ ("<!" | "<?")) = self.source.get(self.at..self.at + 2)
        {
            let is_first = self.at == 0 && rest == "<?";
            let rest = self.source.get(self.at..).ok_or(NotPlain)?;
            self.at += if is_first { declaration(rest) } else { comment(rest) }?;
        }
        let byte = |at: usize| self.source.as_bytes().get(at).copied();
        match (byte(self.at), byte(self.at + 1)) {
            (Some(b'<'), Some(b'/')) => self.end(),
            (Some(b'<'), Some(_)) => self.start(),
            // A message cut off behind `<`: text of no length would come for ever.
            (Some(b'<'), None) | (None, _) => Err(NotPlain),
            (Some(_), _) => self.text(),
        }
    }

    fn text(&mut self) -> Result<Token<'a>, NotPlain> {
        let (text, nodes) = self.text_value()?;
        self.count(nodes)?;
        self.at += text.raw.len();
        self.note(Kind::Text, &text, nodes);
        Ok(Token::Text(text.raw))
    }

    // The text where the pass stands, and as how many nodes it counts.
    fn text_value(&self) -> Result<(RawValue<'a>, usize), NotPlain> {
        let at = self.at;
        let rest = self.source.as_bytes().get(at..).ok_or(NotPlain)?;
        let Run { length, marks } = run(rest, Saying::IN_TEXT).ok_or(NotPlain)?;
        let raw = self.source.get(at..at + length).ok_or(NotPlain)?;
        let mut nodes = 1;
        if marks != 0 {
            // CR LF between elements becomes LF, which nobody here tells apart. Within text it counts, and
            // `]]>` is forbidden: both are the reader's.
            if marks & CONTROL != 0 && !is_blank(raw) || has_noncharacter(raw, marks) {
                return Err(NotPlain);
            }
            if marks & GREATER != 0 && memmem::find(raw.as_bytes(), b"]]>").is_some() {
                return Err(NotPlain);
            }
            if marks & REFERENCE != 0 {
                // The reader counts each reference and each run around it.
                nodes += 2 * references(raw)?;
            }
        }
        if raw.len() > self.limits.text_bytes {
            return Err(NotPlain);
        }
        Ok((RawValue { raw, has_references: marks & REFERENCE != 0, at }, nodes))
    }

    // The value of an attribute that begins there.
    fn attribute_value(&self, at: usize, saying: Saying) -> Result<RawValue<'a>, NotPlain> {
        let bytes = self.source.as_bytes();
        let Run { length, marks } = run(bytes.get(at..).unwrap_or_default(), saying).ok_or(NotPlain)?;
        let raw = self.source.get(at..at + length).ok_or(NotPlain)?;
        let has_references = marks & REFERENCE != 0;
        if marks != 0 {
            if marks & (CONTROL | LESS) != 0 || has_noncharacter(raw, marks) {
                return Err(NotPlain);
            }
            if has_references {
                references(raw)?;
            }
        }
        if length > self.limits.text_bytes {
            return Err(NotPlain);
        }
        Ok(RawValue { raw, has_references, at })
    }

    fn end(&mut self) -> Result<Token<'a>, NotPlain> {
        let name = self.open.last().ok_or(NotPlain)?;
        let (from, bytes) = (self.at + 2, self.source.as_bytes());
        let behind = from + name.len();
        if bytes.get(from..behind) != Some(name.as_bytes()) || bytes.get(behind) != Some(&b'>') {
            return Err(NotPlain);
        }
        self.at = behind + 1;
        self.close();
        Ok(Token::End)
    }

    fn close(&mut self) {
        let depth = self.open.len();
        while self.scope.last().is_some_and(|(_, _, at)| *at == depth && depth > 0) {
            self.scope.pop();
            self.resolved = None;
            self.scope_changes += 1;
        }
        self.open.pop();
    }

    fn start(&mut self) -> Result<Token<'a>, NotPlain> {
        let at = self.at;
        let Name { name, prefix, local } = self.names.at(self.source, at + 1, ELEMENT)?;
        self.open.push(name);
        if self.open.len() > self.limits.depth {
            return Err(NotPlain);
        }
        self.count(1)?;
        let after_name = at + 1 + name.len();
        self.at = after_name;
        self.attributes.clear();
        self.counted = 0;
        while self.one_attribute()? {}
        self.check_attributes()?;
        let ns = self.namespace(prefix)?;
        Ok(Token::Start(Tag { ns, local, at, after_name }))
    }

    // Whether there was one; the end of the tag is consumed.
    fn one_attribute(&mut self) -> Result<bool, NotPlain> {
        let bytes = self.source.as_bytes();
        let mut at = self.at;
        while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            at += 1;
        }
        match bytes.get(at) {
            Some(b'>') => {
                self.at = at + 1;
                return Ok(false);
            }
            Some(b'/') if bytes.get(at + 1) == Some(&b'>') => {
                self.at = at + 2;
                self.is_empty = true;
                return Ok(false);
            }
            _ => {}
        }
        self.counted += 1;
        if at == self.at || self.counted > self.limits.attributes {
            return Err(NotPlain);
        }
        let Name { name, prefix, local } = self.names.at(self.source, at, ATTRIBUTE)?;
        let equals = at + name.len();
        let kind = match (bytes.get(equals), bytes.get(equals + 1)) {
            (Some(b'='), Some(b'"')) => Kind::Double,
            (Some(b'='), Some(b'\'')) => Kind::Single,
            _ => return Err(NotPlain),
        };
        let value = self.attribute_value(equals + 2, kind.saying())?;
        self.at = value.at + value.raw.len() + 1;
        if self.keep(PlainAttribute { name, prefix, local, value })? {
            self.note(kind, &value, 0);
        }
        Ok(true)
    }

    // Whether it is one, and declares no namespace.
    fn keep(&mut self, attribute: PlainAttribute<'a>) -> Result<bool, NotPlain> {
        let RawValue { raw, has_references, .. } = attribute.value;
        let declared = match (attribute.prefix, attribute.local) {
            ("", local) => (local == "xmlns").then_some(""),
            ("xmlns", prefix) => Some(prefix),
            _ => None,
        };
        match declared {
            Some(prefix) => {
                let is_odd =
                    has_references || raw.starts_with("http://www.w3.org/XML") || raw.contains("/xmlns/");
                let is_odd = is_odd || raw.len() > NAMESPACE_BYTES_MAX;
                if prefix.starts_with("xml") || is_odd || raw.is_empty() || self.declares(prefix) {
                    return Err(NotPlain);
                }
                self.scope.push((prefix, raw, self.open.len()));
                self.resolved = None;
                self.scope_changes += 1;
            }
            None if self.attributes.iter().any(|known| known.name == attribute.name) => return Err(NotPlain),
            None => self.attributes.push(attribute),
        }
        Ok(declared.is_none())
    }

    // Prefixes may be declared behind their use. Two prefixes may stand for one namespace: two attributes
    // of one local name, both with a prefix, are the reader's.
    fn check_attributes(&mut self) -> Result<(), NotPlain> {
        for index in 0..self.attributes.len() {
            let Some(attribute) = self.attributes.get(index).copied() else { break };
            if attribute.prefix.is_empty() {
                continue;
            }
            self.used.is_any_qualified |= attribute.prefix != "xml";
            self.namespace(attribute.prefix)?;
            let is_twice =
                |known: &PlainAttribute<'_>| !known.prefix.is_empty() && known.local == attribute.local;
            if self.attributes.iter().skip(index + 1).any(is_twice) {
                return Err(NotPlain);
            }
        }
        Ok(())
    }

    // As `resolve`, noting that it is used.
    fn namespace(&mut self, prefix: &'a str) -> Result<&'a str, NotPlain> {
        if let Some((last, uri)) = self.resolved
            && (std::ptr::eq(last, prefix) || last == prefix)
        {
            return Ok(uri);
        }
        let place = self.scope.iter().rposition(|(known, ..)| *known == prefix);
        let found = place.and_then(|place| Some((place, *self.scope.get(place)?)));
        let Some((place, (_, uri, at))) = found.filter(|_| prefix != "xml") else {
            return self.resolve(prefix);
        };
        if at == 0 {
            self.used.outer |= u32::try_from(place).ok().and_then(|bit| 1_u64.checked_shl(bit)).unwrap_or(0);
        }
        self.resolved = Some((prefix, uri));
        Ok(uri)
    }

    /// The namespace of a prefix where the pass stands; of none the default one.
    pub(super) fn resolve(&self, prefix: &str) -> Result<&'a str, NotPlain> {
        if prefix == "xml" {
            return Ok(XML);
        }
        match self.scope.iter().rev().find(|(known, ..)| *known == prefix) {
            Some((_, uri, _)) => Ok(uri),
            None if prefix.is_empty() => Ok(""),
            None => Err(NotPlain),
        }
    }

    fn count(&mut self, more: usize) -> Result<(), NotPlain> {
        self.nodes += more;
        if self.nodes > self.limits.nodes { Err(NotPlain) } else { Ok(()) }
    }
}

const XML: &str = "http://www.w3.org/XML/1998/namespace";

// Length of the comment that begins here.
fn comment(rest: &str) -> Result<usize, NotPlain> {
    let content = rest.strip_prefix("<!--").ok_or(NotPlain)?;
    let length = memmem::find(content.as_bytes(), b"--").ok_or(NotPlain)?;
    let is_whole = content.get(length..).is_some_and(|end| end.starts_with("-->"));
    // `<!-->` and `<!--->` are the reader's.
    if !is_whole || content.starts_with(['>', '-']) {
        return Err(NotPlain);
    }
    Ok(length + 7)
}

// Length of the XML declaration that begins here.
fn declaration(rest: &str) -> Result<usize, NotPlain> {
    let content = rest.strip_prefix("<?xml ").ok_or(NotPlain)?;
    let length = memchr(b'?', content.as_bytes()).ok_or(NotPlain)?;
    let is_plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b' ' | b'=' | b'"' | b'\'' | b'.' | b'-' | b'_');
    let is_whole = content.get(length..).is_some_and(|end| end.starts_with("?>"));
    if !is_whole || !content.bytes().take(length).all(is_plain) {
        return Err(NotPlain);
    }
    Ok(length + 8)
}

/// Whether it is nothing but white space, as XML has it (2.3).
pub(super) fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

fn has_noncharacter(text: &str, marks: u8) -> bool {
    marks & LAST_PLANE != 0 && text.contains(['\u{fffe}', '\u{ffff}'])
}

// How many references there are; all of them are named ones.
fn references(raw: &str) -> Result<usize, NotPlain> {
    let (mut count, mut rest) = (0, raw);
    while let Some(at) = memchr(b'&', rest.as_bytes()) {
        let reference = rest.get(at + 1..).ok_or(NotPlain)?;
        let known = NAMED.iter().find(|(name, _)| reference.starts_with(name)).ok_or(NotPlain)?;
        rest = reference.get(known.0.len()..).ok_or(NotPlain)?;
        count += 1;
    }
    Ok(count)
}

/// The five named references, `;` included, and what they stand for.
const NAMED: [(&str, char); 5] = [("amp;", '&'), ("lt;", '<'), ("gt;", '>'), ("quot;", '"'), ("apos;", '\'')];

/// A text or value with its references resolved.
///
/// # Errors
/// `NotPlain` for a reference other than the five named ones.
pub fn resolved(raw: &str) -> Result<Cow<'_, str>, NotPlain> {
    let Some((before, mut rest)) = raw.split_once('&') else { return Ok(Cow::Borrowed(raw)) };
    let mut text = String::with_capacity(raw.len());
    text.push_str(before);
    loop {
        let (name, character) = NAMED.iter().find(|(name, _)| rest.starts_with(name)).ok_or(NotPlain)?;
        text.push(*character);
        let after = rest.get(name.len()..).ok_or(NotPlain)?;
        let (before, next) =
            after.split_once('&').map_or((after, None), |(before, next)| (before, Some(next)));
        text.push_str(before);
        match next {
            Some(next) => rest = next,
            None => return Ok(Cow::Owned(text)),
        }
    }
}

mod name;
mod run;
mod shape;

#[cfg(test)]
mod tests;
