//! The reader's way through what is plain, and from there to the full one.

use std::borrow::Cow;

use quick_xml::events::Event as Raw;
use smol_str::SmolStr;

use super::{Attribute, Element, Event, Reader, Way, full, position};
use crate::model::Malformed;
use crate::xml::scan::is_blank;
use crate::xml::{NotPlain, PlainAttribute, Tag, Token, resolved};

impl<'a> Reader<'a> {
    /// The next event of what is plain; None where there was none to tell of, or the full way was taken.
    pub(super) fn plain_event(&mut self, at: usize) -> Result<Option<Event<'a>>, Malformed> {
        match self.token() {
            Ok(Some(Token::Start(tag))) => self.plain_start(&tag).map(Event::Start).map(Some),
            Ok(Some(Token::End)) => {
                self.end();
                Ok(Some(Event::End))
            }
            Ok(Some(Token::Text(raw))) => self.plain_text(raw, at),
            Ok(None) => Ok(Some(Event::Eof)),
            Err(NotPlain) => self.take_the_full_way(at).map(|()| None),
        }
    }

    /// Passes over what is plain, until it is not, or enough.
    pub(super) fn plain_until(&mut self, is_enough: impl Fn(&Self) -> bool) -> Result<(), Malformed> {
        while matches!(self.way, Way::Plain(_)) && !is_enough(self) {
            let at = self.offset();
            match self.token() {
                Ok(Some(Token::Start(tag))) => {
                    self.count(tag.at)?;
                    self.begin();
                }
                Ok(Some(Token::End)) => self.end(),
                Ok(Some(Token::Text(raw))) => drop(self.plain_text(raw, at)?),
                Ok(None) => return Ok(()),
                Err(NotPlain) => return self.take_the_full_way(at),
            }
        }
        Ok(())
    }

    // None at the end of the document.
    fn token(&mut self) -> Result<Option<Token<'a>>, NotPlain> {
        let Way::Plain(scanner) = &mut self.way else { return Err(NotPlain) };
        if scanner.is_at_end() && self.roots == 1 {
            return Ok(None);
        }
        let token = scanner.token()?;
        let is_not_plain = match &token {
            Token::Start(_) => self.depth == 0 && self.roots > 0,
            Token::Text(text) => self.depth == 0 && !is_blank(text),
            Token::End => false,
        };
        if is_not_plain { Err(NotPlain) } else { Ok(Some(token)) }
    }

    fn plain_start(&mut self, tag: &Tag<'a>) -> Result<Element, Malformed> {
        self.count(tag.at)?;
        self.begin();
        let Way::Plain(scanner) = &self.way else {
            return Err(self.malformed_at(tag.at, "malformed-xml", ""));
        };
        let mut attributes = Vec::with_capacity(scanner.attributes().len());
        let mut in_namespaces = Vec::new();
        for attribute in scanner.attributes() {
            let PlainAttribute { prefix, local, value, .. } = attribute;
            // The scanner has resolved both once.
            let value = value.resolved().unwrap_or(Cow::Borrowed(value.raw));
            if !prefix.is_empty() {
                in_namespaces.push((attributes.len(), scanner.resolve(prefix).unwrap_or_default()));
            }
            let ns = self.no_ns.clone();
            attributes.push(Attribute { ns, local: SmolStr::new(local), value: SmolStr::from(value) });
        }
        for (index, uri) in in_namespaces {
            let ns = self.known(uri);
            if let Some(attribute) = attributes.get_mut(index) {
                attribute.ns = ns;
            }
        }
        Ok(Element { ns: self.known(tag.ns), local: SmolStr::new(tag.local), attributes, at: tag.at })
    }

    fn plain_text(&mut self, raw: &'a str, at: usize) -> Result<Option<Event<'a>>, Malformed> {
        if self.depth == 0 {
            return Ok(None);
        }
        // As many runs as the full way would give.
        let text = resolved(raw).unwrap_or(Cow::Borrowed(raw));
        if let Cow::Owned(_) = text {
            let parts = raw.split('&').enumerate();
            let runs = parts.map(|(index, part)| match (index, part.split_once(';')) {
                (0, _) => usize::from(!part.is_empty()),
                (_, Some((_, rest))) => 1 + usize::from(!rest.is_empty()),
                (_, None) => 1,
            });
            for _ in 0..runs.sum() {
                self.count(at)?;
            }
            return Ok(Some(Event::Text(text)));
        }
        self.count(at)?;
        if text.contains('\r') {
            return Ok(Some(Event::Text(text.replace("\r\n", "\n").replace('\r', "\n").into())));
        }
        Ok(Some(Event::Text(text)))
    }

    // Reads again, in full, up to where the plain way ended: behind as many tags, and the text after them.
    fn take_the_full_way(&mut self, at: usize) -> Result<(), Malformed> {
        let mut full = full(self.source);
        let mut tags = 0;
        while tags < self.tags || position(&full) < at {
            match full.read_event() {
                Ok(Raw::Start(_) | Raw::End(_)) => tags += 1,
                Ok(Raw::Eof) | Err(_) => break,
                Ok(_) => {}
            }
        }
        // Both read what is plain alike: this is never met.
        if tags != self.tags || position(&full) != at {
            return Err(self.malformed_at(at, "malformed-xml", "the document cannot be read"));
        }
        self.way = Way::Full(full);
        Ok(())
    }
}
