//! Segments, fields, repetitions and components as views into a message's text (HL7 v2.5, 2.5 and 2.6).
//! Numbers are HL7's; what is absent reads as empty; leaf values are unescaped when taken.

use super::escape::unescape;

/// The delimiters that MSH-1 and MSH-2 set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delimiters {
    /// Between fields.
    pub field: char,
    /// Between components.
    pub component: char,
    /// Between repetitions.
    pub repetition: char,
    /// Around escape sequences.
    pub escape: char,
    /// Between subcomponents.
    pub subcomponent: char,
}

impl Default for Delimiters {
    fn default() -> Self {
        Self { field: '|', component: '^', repetition: '~', escape: '\\', subcomponent: '&' }
    }
}

/// A segment.
#[derive(Clone, Copy)]
pub struct Segment<'a> {
    text: &'a str,
    delimiters: Delimiters,
}

impl<'a> Segment<'a> {
    /// Over the text of a segment, name first.
    pub(super) const fn new(text: &'a str, delimiters: Delimiters) -> Self {
        Self { text, delimiters }
    }

    /// `PID`.
    pub fn name(self) -> &'a str {
        self.text.get(..3).unwrap_or_default()
    }

    /// A field by its HL7 number, from 1; MSH-1 is the separator itself.
    pub fn field(self, number: usize) -> Field<'a> {
        let index = match (self.name(), number) {
            ("MSH", 1) => {
                return Field {
                    text: self.text.get(3..4).unwrap_or_default(),
                    delimiters: self.delimiters,
                    verbatim: true,
                };
            }
            ("MSH", n) => n.saturating_sub(1),
            (_, n) => n,
        };
        let text = match number {
            0 => "",
            _ => self.text.split(self.delimiters.field).nth(index).unwrap_or_default(),
        };
        Field { text, delimiters: self.delimiters, verbatim: self.name() == "MSH" && number == 2 }
    }

    /// How many fields it has.
    pub fn len(self) -> usize {
        let marks = self.text.matches(self.delimiters.field).count();
        if self.name() == "MSH" { marks + 1 } else { marks }
    }

    /// Whether it has no field at all.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A field; an absent one is empty.
#[derive(Clone, Copy)]
pub struct Field<'a> {
    text: &'a str,
    delimiters: Delimiters,
    /// MSH-1 and MSH-2 are not to be split.
    verbatim: bool,
}

impl<'a> Field<'a> {
    /// Its repetitions, empty ones included; none when the field is empty.
    pub fn repetitions(self) -> impl Iterator<Item = Repetition<'a>> {
        let text = (!self.text.is_empty()).then_some(self.text);
        let mark = self.delimiters.repetition;
        let split = move |text: &'a str| text.split(move |c| !self.verbatim && c == mark);
        text.into_iter().flat_map(split).map(move |text| Repetition { text, delimiters: self.delimiters })
    }

    /// The first repetition.
    pub fn first(self) -> Repetition<'a> {
        self.repetitions().next().unwrap_or(Repetition { text: "", delimiters: self.delimiters })
    }

    /// A component of the first repetition, from 1.
    pub fn component(self, number: usize) -> Component<'a> {
        self.first().component(number)
    }

    /// First component of the first repetition, unescaped.
    pub fn text(self) -> String {
        if self.verbatim { self.text.to_owned() } else { self.first().text() }
    }

    /// The whole field as written, delimiters and escapes kept.
    pub const fn as_written(self) -> &'a str {
        self.text
    }

    /// Whether nothing stands in it, or HL7's `""` (delete the value).
    pub fn is_empty(self) -> bool {
        let blank = |c: char| c.is_whitespace() || (!self.verbatim && self.is_inner(c));
        self.text == "\"\"" || self.text.chars().all(blank)
    }

    fn is_inner(self, c: char) -> bool {
        c == self.delimiters.component || c == self.delimiters.repetition || c == self.delimiters.subcomponent
    }
}

/// One repetition of a field.
#[derive(Clone, Copy)]
pub struct Repetition<'a> {
    text: &'a str,
    delimiters: Delimiters,
}

impl<'a> Repetition<'a> {
    /// A component, from 1.
    pub fn component(self, number: usize) -> Component<'a> {
        let index = number.checked_sub(1);
        let text = index.and_then(|i| self.text.split(self.delimiters.component).nth(i)).unwrap_or_default();
        Component { text, delimiters: self.delimiters }
    }

    /// The first component, unescaped.
    pub fn text(self) -> String {
        self.component(1).text()
    }

    /// Whether nothing stands in it.
    pub fn is_empty(self) -> bool {
        let marks = [self.delimiters.component, self.delimiters.subcomponent];
        self.text == "\"\"" || self.text.chars().all(|c| c.is_whitespace() || marks.contains(&c))
    }

    /// As written, delimiters and escapes kept.
    pub const fn as_written(self) -> &'a str {
        self.text
    }
}

/// A component of a repetition.
#[derive(Clone, Copy)]
pub struct Component<'a> {
    text: &'a str,
    delimiters: Delimiters,
}

impl Component<'_> {
    /// The first subcomponent, unescaped; HL7's `""` reads as empty.
    pub fn text(self) -> String {
        self.subcomponent(1)
    }

    /// A subcomponent, from 1, unescaped.
    pub fn subcomponent(self, number: usize) -> String {
        let index = number.checked_sub(1);
        let text =
            index.and_then(|i| self.text.split(self.delimiters.subcomponent).nth(i)).unwrap_or_default();
        if text == "\"\"" { String::new() } else { unescape(text, self.delimiters).into_owned() }
    }

    /// All of it unescaped, subcomponents apart by their delimiter (codes such as `9A100&IMP`).
    pub fn whole(self) -> String {
        if self.text == "\"\"" { String::new() } else { unescape(self.text, self.delimiters).into_owned() }
    }

    /// Whether nothing stands in it.
    pub fn is_empty(self) -> bool {
        self.text == "\"\"" || self.text.trim().is_empty()
    }
}

// Texts of a message are a patient's: they print as a mark.
macro_rules! prints_as_mark {
    ($($view:ident),*) => {$(
        impl std::fmt::Debug for $view<'_> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("[PHI]")
            }
        }
    )*};
}
prints_as_mark!(Segment, Field, Repetition, Component);
