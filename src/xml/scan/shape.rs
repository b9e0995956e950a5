//! Shapes of markup that comes again and again in a message: all that stands between its values. What has the
//! shape of what was read before is held against it piece by piece, and nothing of it is read again but its
//! values. As each piece is the same, the pass, going over it token by token, would do the same.

use super::run::Saying;
use super::{RawValue, Scanner, Used};

/// Shapes kept of one message at most.
const SHAPES_MAX: usize = 24;
/// Values of one shape at most.
const VALUES_MAX: usize = 64;
/// Shapes that begin alike are held against one piece of markup so often at most.
const ATTEMPTS_MAX: usize = 4;
/// After so many attempts in vain, each success counted against one, shapes are no help in this message.
const VAIN_MAX: usize = 64;

/// What ends a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Double,
    Single,
}

impl Kind {
    pub(super) const fn saying(self) -> Saying {
        match self {
            Self::Text => Saying::IN_TEXT,
            Self::Double => Saying::IN_DOUBLE,
            Self::Single => Saying::IN_SINGLE,
        }
    }
}

/// What the pass notes of the markup it goes over, for a shape to be made of it.
pub(super) struct Noting {
    at: usize,
    nodes: usize,
    /// Of what stands before.
    used: Used,
    /// From, to, and what kind it is.
    values: Vec<(usize, usize, Kind)>,
    /// As how many nodes the texts count that are values.
    text_nodes: usize,
}

/// A piece of markup and the value behind it.
struct Piece<'a> {
    markup: &'a str,
    kind: Kind,
}

struct Shape<'a, T> {
    pieces: Vec<Piece<'a>>,
    tail: &'a str,
    /// As how many nodes all but the texts that are values count.
    nodes: usize,
    used: Used,
    /// The shape that came behind it last.
    next: usize,
    meaning: T,
}

/// Shapes of elements with the same parent, each with what it means to whoever reads them.
pub struct Shapes<'a, T> {
    known: Vec<Shape<'a, T>>,
    last: usize,
    vain: usize,
    values: Vec<RawValue<'a>>,
    /// The namespaces they were read with, and how many elements were open.
    scope: Vec<(&'a str, &'a str, usize)>,
    depth: usize,
    /// When the scanner's were last seen to be these.
    seen: Option<usize>,
}

impl<T> Default for Shapes<'_, T> {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            last: 0,
            vain: 0,
            values: Vec::new(),
            scope: Vec::new(),
            depth: 0,
            seen: None,
        }
    }
}

impl<'a, T> Shapes<'a, T> {
    /// Goes over markup that has a shape that is known: what that means, and its values in their order (of
    /// attributes that declare no namespace, and of texts that were not blank when the shape was learned).
    pub fn follow(&mut self, scanner: &mut Scanner<'a>) -> Option<(&T, &[RawValue<'a>])> {
        // The end of an element that was begun and ended by one tag is still to come.
        if self.vain >= VAIN_MAX || scanner.is_empty {
            return None;
        }
        self.hold_against(scanner);
        let first = self.known.get(self.last).map_or(0, |last| last.next);
        let rest = scanner.source.as_bytes().get(scanner.at..)?;
        let mut attempts = 0;
        for step in 0..self.known.len() {
            let index = (first + step) % self.known.len();
            let shape = self.known.get(index)?;
            if attempts == ATTEMPTS_MAX || !rest.starts_with(shape.head().as_bytes()) {
                continue;
            }
            attempts += 1;
            if scanner.follow(shape, &mut self.values) {
                self.vain = self.vain.saturating_sub(1);
                self.note_next(index);
                return self.known.get(index).map(|shape| (&shape.meaning, self.values.as_slice()));
            }
            self.vain += 1;
        }
        None
    }

    /// From here on the scanner notes what it goes over, if there is anything more to learn.
    pub fn begin(&mut self, scanner: &mut Scanner<'a>) {
        if self.known.len() < SHAPES_MAX && self.vain < VAIN_MAX {
            scanner.begin_noting();
        }
    }

    /// Learns the shape of what the scanner went over since; an element it began in is still open, and none
    /// within. Its meaning is told with the place of each value, which is found by its offset.
    pub fn learn(
        &mut self,
        scanner: &mut Scanner<'a>,
        meaning: impl FnOnce(&dyn Fn(usize) -> Option<usize>) -> Option<T>,
    ) {
        self.hold_against(scanner);
        let all = scanner.nodes;
        let Some((noting, used)) = scanner.end_noting() else { return };
        let place = |at: usize| noting.values.iter().position(|(from, ..)| *from == at);
        let Some(meaning) = meaning(&place) else { return };
        let mut pieces = Vec::with_capacity(noting.values.len());
        let mut at = noting.at;
        for (from, to, kind) in &noting.values {
            let Some(markup) = scanner.source.get(at..*from) else { return };
            pieces.push(Piece { markup, kind: *kind });
            at = *to;
        }
        let Some(tail) = scanner.source.get(at..scanner.at) else { return };
        let nodes = all.saturating_sub(noting.nodes + noting.text_nodes);
        let index = self.known.len();
        self.known.push(Shape { pieces, tail, nodes, used, next: 0, meaning });
        self.note_next(index);
    }

    fn note_next(&mut self, index: usize) {
        if let Some(last) = self.known.get_mut(self.last) {
            last.next = index;
        }
        self.last = index;
    }

    // Under other namespaces, or deeper, the same markup is something else.
    fn hold_against(&mut self, scanner: &Scanner<'a>) {
        if self.seen == Some(scanner.scope_changes) && self.depth == scanner.open.len() {
            return;
        }
        // Mostly the very same declarations.
        let is_same = |one: &str, other: &str| std::ptr::eq(one, other) || one == other;
        let is_as_it_was = self.depth == scanner.open.len()
            && self.scope.len() == scanner.scope.len()
            && self.scope.iter().zip(&scanner.scope).all(|((prefix, uri, at), other)| {
                *at == other.2 && is_same(prefix, other.0) && is_same(uri, other.1)
            });
        if !is_as_it_was {
            self.known.clear();
            (self.last, self.depth) = (0, scanner.open.len());
            self.scope.clone_from(&scanner.scope);
        }
        self.seen = Some(scanner.scope_changes);
    }
}

impl<'a, T> Shape<'a, T> {
    fn head(&self) -> &'a str {
        self.pieces.first().map_or(self.tail, |piece| piece.markup)
    }
}

impl<'a> Scanner<'a> {
    fn begin_noting(&mut self) {
        self.end_noting();
        // What is resolved without a look is not noted.
        self.resolved = None;
        let used = std::mem::take(&mut self.used);
        let (at, nodes) = (self.at, self.nodes);
        self.noting = Some(Noting { at, nodes, used, values: Vec::with_capacity(16), text_nodes: 0 });
    }

    /// What was noted, and the namespaces used meanwhile.
    pub(super) fn end_noting(&mut self) -> Option<(Noting, Used)> {
        let noting = self.noting.take()?;
        let used = self.used;
        self.used = used.and(noting.used);
        Some((noting, used))
    }

    /// Notes a value that the pass has just gone over, and as how many nodes it counts.
    pub(super) fn note(&mut self, kind: Kind, value: &RawValue<'a>, nodes: usize) {
        let Some(noting) = &mut self.noting else { return };
        if kind == Kind::Text && super::is_blank(value.raw) {
            return;
        }
        noting.text_nodes += nodes;
        noting.values.push((value.at, value.at + value.raw.len(), kind));
        if noting.values.len() > VALUES_MAX {
            self.end_noting();
        }
    }

    // Whether the markup here has this shape; the pass then stands behind it, and else where it stood.
    fn follow<T>(&mut self, shape: &Shape<'a, T>, values: &mut Vec<RawValue<'a>>) -> bool {
        values.clear();
        let (at, nodes) = (self.at, self.nodes);
        let is_followed = self.follow_to_the_end(shape, values);
        if is_followed {
            self.used = self.used.and(shape.used);
        } else {
            (self.at, self.nodes) = (at, nodes);
        }
        is_followed
    }

    fn follow_to_the_end<T>(&mut self, shape: &Shape<'a, T>, values: &mut Vec<RawValue<'a>>) -> bool {
        self.nodes += shape.nodes;
        for Piece { markup, kind } in &shape.pieces {
            if !self.passes(markup) {
                return false;
            }
            let value = match kind {
                Kind::Text => self.text_value().map(|(text, nodes)| {
                    self.nodes += nodes;
                    text
                }),
                _ => self.attribute_value(self.at, kind.saying()),
            };
            // A text that is not there would be no text.
            match value {
                Ok(value) if *kind != Kind::Text || !value.raw.is_empty() => {
                    self.at += value.raw.len();
                    values.push(value);
                }
                _ => return false,
            }
        }
        self.passes(shape.tail) && self.count(0).is_ok()
    }

    fn passes(&mut self, markup: &str) -> bool {
        let rest = self.source.as_bytes().get(self.at..).unwrap_or_default();
        let passes = rest.starts_with(markup.as_bytes());
        self.at += if passes { markup.len() } else { 0 };
        passes
    }
}

impl Used {
    const fn and(self, other: Self) -> Self {
        Self {
            outer: self.outer | other.outer,
            is_any_qualified: self.is_any_qualified || other.is_any_qualified,
        }
    }
}
