//! Shapes of markup that comes again and again in a message: all that stands between its values. What has the
//! shape of what was read before is held against it piece by piece, and nothing of it is read again but its
//! values. As each piece is the same, the pass, going over it token by token, would do the same. Values that
//! were the same each time (codes, schemes, names) are held against together with the markup around them.

use super::run::Saying;
use super::{RawValue, Scanner, Used};

/// Shapes kept of one message at most.
const SHAPES_MAX: usize = 48;
/// Markup and values of one that is learned: each child is held against the beginnings of all.
const SHAPE_BYTES_MAX: usize = 16 << 10;
/// Values of one shape at most.
const VALUES_MAX: usize = 64;
/// Values of most shapes at most.
const VALUES_USUAL: usize = 16;
/// Shapes that begin alike are held against one piece of markup so often at most.
const ATTEMPTS_MAX: usize = 12;
/// After so many attempts in vain, each success counted against one, shapes are no help in this message.
const VAIN_MAX: usize = 256;

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
pub(super) struct Noting<'a> {
    at: usize,
    nodes: usize,
    /// Of what stands before.
    used: Used,
    values: Vec<Noted<'a>>,
}

/// A value, and as how many nodes it counts.
struct Noted<'a> {
    value: RawValue<'a>,
    kind: Kind,
    nodes: usize,
}

/// A piece of markup and the value behind it, as it stood where the shape was learned.
struct Piece<'a> {
    markup: &'a str,
    noted: Noted<'a>,
    /// Whether another value makes it another shape.
    is_fixed: bool,
    /// Whether the value has ever been another since.
    varies: bool,
}

struct Shape<'a, T> {
    /// Where it was learned.
    at: usize,
    /// What it begins with whatever its values are.
    head: &'a str,
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
    /// attributes that declare no namespace, and of texts that were not blank when the shape was learned). A
    /// value that has been the same each time is the very one that was learned, at another offset.
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
            let shape = self.known.get_mut(index)?;
            if attempts == ATTEMPTS_MAX || !rest.starts_with(shape.head.as_bytes()) {
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
    /// within. Its meaning is told with the place of each value, which is found by its offset; and with it the
    /// places of values with others of which it would mean something else.
    pub fn learn(
        &mut self,
        scanner: &mut Scanner<'a>,
        meaning: impl FnOnce(&dyn Fn(usize) -> Option<usize>) -> Option<(T, Vec<usize>)>,
    ) {
        self.hold_against(scanner);
        let all = scanner.nodes;
        let Some((noting, used)) = scanner.end_noting() else { return };
        let place = |at: usize| noting.values.iter().position(|noted| noted.value.at == at);
        let Some((meaning, fixed)) = meaning(&place) else { return };
        let mut pieces = Vec::with_capacity(noting.values.len());
        let (mut behind, mut value_nodes) = (noting.at, 0);
        for noted in noting.values {
            let Some(markup) = scanner.source.get(behind..noted.value.at) else { return };
            behind = noted.value.end();
            value_nodes += noted.nodes;
            let is_fixed = fixed.contains(&pieces.len());
            pieces.push(Piece { markup, noted, is_fixed, varies: false });
        }
        let first = pieces.iter().find(|piece| !piece.is_fixed);
        let head = scanner.source.get(noting.at..first.map_or(scanner.at, |piece| piece.noted.value.at));
        let (Some(head), Some(tail)) = (head, scanner.source.get(behind..scanner.at)) else { return };
        // What begins with a value would be tried on everything.
        if head.is_empty() || scanner.at - noting.at > SHAPE_BYTES_MAX {
            return;
        }
        let nodes = all.saturating_sub(noting.nodes + value_nodes);
        let index = self.known.len();
        self.known.push(Shape { at: noting.at, head, pieces, tail, nodes, used, next: 0, meaning });
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
    // The first value from this one on that has ever been another.
    fn varying_from(&self, place: usize) -> usize {
        let rest = self.pieces.get(place..).unwrap_or_default();
        place + rest.iter().position(|piece| piece.varies).unwrap_or(rest.len())
    }

    // Where the markup before this value began as it was learned; with as many values as there are, the tail.
    fn markup_at(&self, place: usize) -> usize {
        let before = place.checked_sub(1).and_then(|before| self.pieces.get(before));
        before.map_or(self.at, |before| before.noted.value.end())
    }

    fn markup_of(&self, place: usize) -> &'a str {
        self.pieces.get(place).map_or(self.tail, |piece| piece.markup)
    }
}

impl RawValue<'_> {
    const fn end(&self) -> usize {
        self.at + self.raw.len()
    }

    /// Whether it is the same as one that was read before, mostly the very one.
    pub fn is_same_as(&self, before: &str) -> bool {
        std::ptr::eq(self.raw, before) || self.raw == before
    }
}

impl<'a> Scanner<'a> {
    fn begin_noting(&mut self) {
        self.end_noting();
        // What is resolved without a look is not noted.
        self.resolved = None;
        let used = std::mem::take(&mut self.used);
        let (at, nodes) = (self.at, self.nodes);
        self.noting = Some(Noting { at, nodes, used, values: Vec::new() });
    }

    /// What was noted, and the namespaces used meanwhile.
    pub(super) fn end_noting(&mut self) -> Option<(Noting<'a>, Used)> {
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
        if noting.values.capacity() == 0 {
            noting.values.reserve(VALUES_USUAL);
        }
        noting.values.push(Noted { value: *value, kind, nodes });
        if noting.values.len() > VALUES_MAX {
            self.end_noting();
        }
    }

    // Whether the markup here has this shape; the pass then stands behind it, and else where it stood.
    fn follow<T>(&mut self, shape: &mut Shape<'a, T>, values: &mut Vec<RawValue<'a>>) -> bool {
        values.clear();
        let (at, nodes) = (self.at, self.nodes);
        let is_followed = self.follow_to_the_end(shape, values);
        if is_followed {
            self.used = self.used.and(shape.used);
            // Not before: what turns out to be another shape says nothing of this one.
            for (piece, value) in shape.pieces.iter_mut().zip(values) {
                piece.varies |= !value.is_same_as(piece.noted.value.raw);
            }
        } else {
            (self.at, self.nodes) = (at, nodes);
        }
        is_followed
    }

    fn follow_to_the_end<T>(&mut self, shape: &Shape<'a, T>, values: &mut Vec<RawValue<'a>>) -> bool {
        self.nodes += shape.nodes;
        loop {
            let varying = shape.varying_from(values.len());
            // Markup up to the next value that varies, or, where one before it is another this time, to that.
            if !self.passes_all(shape, varying, values) && !self.passes_each(shape, varying, values) {
                return false;
            }
            if values.len() == shape.pieces.len() {
                return self.count(0).is_ok();
            }
            if !self.value(shape, values) {
                return false;
            }
        }
    }

    // Whether all is here as it was learned, up to the markup before this value.
    fn passes_all<T>(&mut self, shape: &Shape<'a, T>, until: usize, values: &mut Vec<RawValue<'a>>) -> bool {
        let from = shape.markup_at(values.len());
        let to = shape.markup_at(until) + shape.markup_of(until).len();
        let Some(learned) = self.source.get(from..to) else { return false };
        let here = self.at;
        if !self.passes(learned) {
            return false;
        }
        for Piece { noted, .. } in shape.pieces.get(values.len()..until).unwrap_or_default() {
            self.nodes += noted.nodes;
            values.push(RawValue { at: here + (noted.value.at - from), ..noted.value });
        }
        true
    }

    // Whether the markup is the same up to a value that is another than the one learned, this one at the latest.
    fn passes_each<T>(&mut self, shape: &Shape<'a, T>, until: usize, values: &mut Vec<RawValue<'a>>) -> bool {
        while self.passes(shape.markup_of(values.len())) {
            if values.len() >= until {
                return true;
            }
            let place = values.len();
            if !self.value(shape, values) {
                return false;
            }
            let (Some(piece), Some(value)) = (shape.pieces.get(place), values.last()) else { return false };
            if piece.is_fixed && value.raw != piece.noted.value.raw {
                return false;
            }
        }
        false
    }

    // The next value, where the markup before it has been passed.
    fn value<T>(&mut self, shape: &Shape<'a, T>, values: &mut Vec<RawValue<'a>>) -> bool {
        let Some(Piece { noted: Noted { kind, .. }, .. }) = shape.pieces.get(values.len()) else {
            return false;
        };
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
                true
            }
            _ => false,
        }
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
