//! The few shapes all pages are made of: a titled section, a list of facts, a table. What is empty is
//! not printed.

use maud::{Markup, html};

/// A cell of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    text: String,
    /// Below the text, small: a code.
    code: String,
    class: &'static str,
}

impl Cell {
    /// Text.
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A coded value: its text, and below it the code where that says more.
    pub(super) fn coded((text, code): (String, String)) -> Self {
        Self { text, code, class: "" }
    }

    /// A number, aligned to the right.
    pub(super) fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "number value", ..Self::default() }
    }

    /// Adds a line.
    pub(super) fn append(&mut self, text: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(text);
    }

    /// A mark that stands out where the row is abnormal.
    pub(super) fn flag(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "flag", ..Self::default() }
    }

    /// A value that stands out where the row is abnormal.
    pub(super) fn value(text: impl Into<String>) -> Self {
        Self { text: text.into(), class: "value", ..Self::default() }
    }
}

/// A row of a table.
#[derive(Debug, Clone, Default)]
pub(super) struct Row {
    pub(super) cells: Vec<Cell>,
    pub(super) is_abnormal: bool,
}

impl From<Vec<Cell>> for Row {
    fn from(cells: Vec<Cell>) -> Self {
        Self { cells, is_abnormal: false }
    }
}

/// A titled section; nothing when its body is empty.
pub(super) fn section(title: &str, body: &Markup) -> Markup {
    html! { @if !body.0.is_empty() { section { h2 { (title) } (body) } } }
}

/// Labels and values; those without a value are left out.
pub(super) fn facts(facts: &[(&str, String)]) -> Markup {
    let mut told = facts.iter().filter(|(_, value)| !value.trim().is_empty()).peekable();
    html! {
        @if told.peek().is_some() {
            dl { @for (label, value) in told { div { dt { (label) } dd { (value.trim()) } } } }
        }
    }
}

/// A table without the columns that are empty in every row; nothing when no row has anything.
pub(super) fn table(heads: &[&str], rows: &[Row]) -> Markup {
    let is_told = |column: usize| {
        rows.iter().any(|row| row.cells.get(column).is_some_and(|cell| !cell.text.trim().is_empty()))
    };
    let columns: Vec<(usize, &str)> =
        heads.iter().copied().enumerate().filter(|(column, _)| is_told(*column)).collect();
    html! {
        @if !columns.is_empty() {
            table {
                thead { tr { @for (_, head) in &columns { th { (head) } } } }
                tbody {
                    @for row in rows {
                        tr class=[row.is_abnormal.then_some("abnormal")] {
                            @for (column, _) in &columns {
                                @let cell = row.cells.get(*column).cloned().unwrap_or_default();
                                td class=[(!cell.class.is_empty()).then_some(cell.class)] {
                                    (cell.text.trim())
                                    @if !cell.code.is_empty() { span class="code" { (cell.code) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
