//! ADT-61 アレルギー情報 (IAM) and the AL1 segments other messages carry: class, allergen, severity,
//! reaction, onset.

use maud::{Markup, html};

use crate::dialect::hl7v2::{Message, Segment};

use super::layout::{Cell, Row, section, table};
use super::values::{all_text, coded, time, worded};

/// Table 0127.
const CLASSES: [(&str, &str); 8] = [
    ("DA", "薬剤"),
    ("FA", "食物"),
    ("MA", "その他"),
    ("MC", "禁忌"),
    ("EA", "環境"),
    ("AA", "動物"),
    ("PA", "植物"),
    ("LA", "花粉"),
];

/// Table 0128.
const SEVERITIES: [(&str, &str); 4] = [("SV", "重度"), ("MO", "中等度"), ("MI", "軽度"), ("U", "不明")];

const HEADS: [&str; 7] = ["種別", "原因物質", "重症度", "反応", "発現", "処置", "報告"];

pub(super) fn body(message: &Message) -> Markup {
    let rows: Vec<Row> = message.named("IAM").map(iam).collect();
    html! {
        (section("アレルギー・禁忌", &table(&HEADS, &rows)))
        (section("その他のアレルギー情報", &al1(message)))
    }
}

fn iam(iam: Segment<'_>) -> Row {
    let onset = match time(&iam.field(11).text()) {
        none if none.is_empty() => iam.field(12).text(),
        onset => onset,
    };
    // Writers put a free text about the onset into IAM-13 as well (japan.md 1.5).
    row(iam, [onset, coded(iam.field(6).first()), time(&iam.field(13).text())])
}

/// The AL1 segments of a message.
pub(super) fn al1(message: &Message) -> Markup {
    let row_of = |al1: Segment<'_>| row(al1, [time(&al1.field(6).text()), String::new(), String::new()]);
    table(&HEADS, &message.named("AL1").map(row_of).collect::<Vec<Row>>())
}

/// Class, allergen, severity and reaction stand in the same fields of IAM and AL1.
fn row(segment: Segment<'_>, rest: [String; 3]) -> Row {
    let mut cells = vec![
        Cell::text(worded(segment.field(2).first(), &CLASSES)),
        Cell::value(coded(segment.field(3).first())),
        Cell::flag(worded(segment.field(4).first(), &SEVERITIES)),
        Cell::text(all_text(segment.field(5))),
    ];
    cells.extend(rest.map(Cell::text));
    Row { cells, is_abnormal: segment.field(4).text() == "SV" }
}
