//! CDA documents of the extension storage: title, author, period and the narrative blocks (CDA R2
//! 4.3.5), so that they can be shown where the header's number and address must not be. Entries and
//! attached bodies are left to the original.

use maud::{Markup, html};

use crate::model::{Demographics, NameScript, PartialDate, PersonName, Sex};
use crate::xml::{Node, Tree};

use super::layout::facts;
use super::values::{period, time};

const CDA: &str = "urn:hl7-org:v3";

/// A document that can be rendered.
pub(super) struct Clinical(Tree);

impl Clinical {
    /// Reads a CDA document in UTF-8; None for anything else.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let text = str::from_utf8(bytes).ok()?;
        let tree = Tree::parse(text.trim_start_matches('\u{feff}')).ok()?;
        tree.is(CDA, "ClinicalDocument").then_some(Self(tree))
    }

    /// The document's own title.
    pub(super) fn title(&self) -> String {
        self.0.first(CDA, "title").map(|title| title.text().trim().to_owned()).unwrap_or_default()
    }

    fn patient_role(&self) -> Option<&Tree> {
        self.0.path(CDA, &["recordTarget", "patientRole"])
    }

    /// Name, birth date and sex.
    pub(super) fn person(&self) -> Demographics {
        let Some(patient) = self.patient_role().and_then(|role| role.first(CDA, "patient")) else {
            return Demographics::default();
        };
        let value = |local: &str, attribute: &str| {
            patient.first(CDA, local).and_then(|found| found.attribute(attribute)).unwrap_or_default()
        };
        Demographics {
            names: patient.all(CDA, "name").map(name).collect(),
            birth: PartialDate::from_digits(value("birthTime", "value")),
            sex: match value("administrativeGenderCode", "code") {
                "F" => Some(Sex::Female),
                "M" => Some(Sex::Male),
                "UN" => Some(Sex::Other),
                _ => None,
            },
            ..Demographics::default()
        }
    }

    /// Number, address and telephone of the header, to be left out of the text as well.
    pub(super) fn private(&self) -> Vec<String> {
        let Some(role) = self.patient_role() else { return Vec::new() };
        let ids = role.all(CDA, "id").filter_map(|id| id.attribute("extension")).map(str::to_owned);
        let phones = role.all(CDA, "telecom").filter_map(|telecom| telecom.attribute("value"));
        let phones = phones.map(|phone| phone.trim_start_matches("tel:").to_owned());
        let lines = role.all(CDA, "addr").flat_map(|addr| {
            let parts = addr.elements().filter(|part| part.name() != "country").map(Tree::text);
            parts.chain([addr.text()]).collect::<Vec<_>>()
        });
        ids.chain(phones).chain(lines).collect()
    }

    /// The narrative, section by section.
    pub(super) fn body(&self) -> Markup {
        let authors = self.0.all(CDA, "author");
        let authors =
            authors.filter_map(|author| author.path(CDA, &["assignedAuthor", "assignedPerson", "name"]));
        let authors: Vec<String> = authors.map(|found| super::page::name(&name(found))).collect();
        let event = self.0.path(CDA, &["documentationOf", "serviceEvent", "effectiveTime"]);
        let bound = |local: &str| {
            let bound =
                event.and_then(|time| time.first(CDA, local)).and_then(|bound| bound.attribute("value"));
            bound.unwrap_or_default()
        };
        let written = self.0.first(CDA, "effectiveTime").and_then(|at| at.attribute("value"));
        let component = self.0.first(CDA, "component");
        let attached = component.is_some_and(|component| component.first(CDA, "nonXMLBody").is_some());
        let structured = component.and_then(|component| component.first(CDA, "structuredBody"));
        html! {
            (facts(&[
                ("作成者", authors.join("、")),
                ("作成日時", time(written.unwrap_or_default())),
                ("対象期間", period(bound("low"), bound("high"))),
            ]))
            @if attached { p class="empty" { "本文は原本に添付されています。" } }
            @if let Some(structured) = structured { (sections(structured)) }
        }
    }
}

fn name(tree: &Tree) -> PersonName {
    let part =
        |local: &str| tree.first(CDA, local).map(|part| part.text().trim().to_owned()).unwrap_or_default();
    let script = match tree.attribute("use") {
        Some("IDE") => Some(NameScript::Ideographic),
        Some("SYL") => Some(NameScript::Syllabic),
        Some("ABC") => Some(NameScript::Alphabetic),
        _ => None,
    };
    let (family, given) = (part("family"), part("given"));
    let family = if family.is_empty() && given.is_empty() { tree.text().trim().to_owned() } else { family };
    PersonName { script, family, given }
}

fn sections(parent: &Tree) -> Markup {
    let inner = parent.all(CDA, "component").filter_map(|component| component.first(CDA, "section"));
    html! {
        @for section in inner {
            section {
                @if let Some(title) = section.first(CDA, "title") { h2 { (title.text().trim()) } }
                @if let Some(text) = section.first(CDA, "text") { div class="narrative" { (narrative(text)) } }
                (sections(section))
            }
        }
    }
}

/// The narrative block's markup as HTML's; what is not known is its text.
fn narrative(parent: &Tree) -> Markup {
    html! {
        @for child in &parent.children {
            @match child {
                Node::Text(text) => { (text) }
                Node::Element(element) => { (block(element)) }
            }
        }
    }
}

fn block(element: &Tree) -> Markup {
    let inner = narrative(element);
    match element.name() {
        "br" => html! { br; },
        "caption" => html! { h3 { (inner) } },
        "content" if element.attribute("styleCode").is_some_and(|style| style.contains("Bold")) => {
            html! { strong { (inner) } }
        }
        "item" => html! { li { (inner) } },
        "list" if element.attribute("listType") == Some("ordered") => html! { ol { (inner) } },
        "list" => html! { ul { (inner) } },
        "paragraph" => html! { p { (inner) } },
        "renderMultiMedia" => html! { "（図は原本にあります）" (inner) },
        "sub" => html! { sub { (inner) } },
        "sup" => html! { sup { (inner) } },
        "table" => table(element),
        _ => inner,
    }
}

fn table(table: &Tree) -> Markup {
    let groups = |local: &'static str| table.elements().filter(move |group| group.name() == local);
    let loose: Vec<&Tree> = groups("tr").collect();
    html! {
        @for caption in groups("caption") { h3 { (narrative(caption)) } }
        table {
            @for group in groups("thead") { thead { @for line in group.elements() { (row(line)) } } }
            @for group in groups("tbody").chain(groups("tfoot")) {
                tbody { @for line in group.elements() { (row(line)) } }
            }
            @if !loose.is_empty() { tbody { @for line in loose { (row(line)) } } }
        }
    }
}

fn row(row: &Tree) -> Markup {
    let span = |cell: &Tree, attribute: &str| {
        cell.attribute(attribute).and_then(|span| span.parse::<u16>().ok()).filter(|span| *span > 1)
    };
    html! {
        tr {
            @for cell in row.elements() {
                @let (columns, rows) = (span(cell, "colspan"), span(cell, "rowspan"));
                @if cell.name() == "th" {
                    th colspan=[columns] rowspan=[rows] { (narrative(cell)) }
                } @else {
                    td colspan=[columns] rowspan=[rows] { (narrative(cell)) }
                }
            }
        }
    }
}
