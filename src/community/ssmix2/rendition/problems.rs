//! PPR-01 病名（歴）: all problems of the patient; each PRB with the ORC that follows it.

use maud::Markup;

use crate::dialect::hl7v2::{Message, Segment};

use super::layout::{Cell, Row, section, table};
use super::values::{coded, people, time, worded};

/// 未コード化傷病名: the name stands in PRB-17 only.
const UNCODED: &str = "20084317";

const HEADS: [&str; 9] = ["病名", "区分", "ICD-10", "時期", "開始", "転帰", "転帰日", "診療科", "医師"];

/// Table 0241.
const OUTCOMES: [(&str, &str); 7] = [
    ("D", "死亡"),
    ("F", "回復"),
    ("N", "回復せず"),
    ("R", "回復中"),
    ("S", "後遺症あり"),
    ("U", "不明"),
    ("W", "悪化"),
];

pub(super) fn body(message: &Message) -> Markup {
    let mut rows: Vec<Row> = Vec::new();
    for segment in message.segments() {
        match segment.name() {
            "PRB" => rows.push(problem(segment)),
            "ORC" => {
                if let Some([.., department, doctor]) = rows.last_mut().map(|row| row.cells.as_mut_slice()) {
                    *department = Cell::text(coded(segment.field(17).first()));
                    *doctor = Cell::text(people(segment.field(12)));
                }
            }
            _ => {}
        }
    }
    section("病名", &table(&HEADS, &rows))
}

fn problem(prb: Segment<'_>) -> Row {
    let disease = match (prb.field(17).text(), prb.field(3).text()) {
        (printed, _) if !printed.is_empty() => printed,
        (_, code) if code == UNCODED => "（未コード化傷病名）".to_owned(),
        _ => coded(prb.field(3).first()),
    };
    let is_suspected = prb.field(13).text() == "1";
    let rank = coded(prb.field(18).first());
    let class = [rank.as_str(), if is_suspected { "疑い" } else { "" }].join(" ").trim().to_owned();
    let onset =
        [16, 7, 2].into_iter().map(|n| prb.field(n).text()).find(|t| !t.is_empty()).unwrap_or_default();
    let cells = vec![
        Cell::text(disease),
        Cell::text(class),
        Cell::text(icd10(prb)),
        Cell::text(timing(prb)),
        Cell::text(time(&onset)),
        Cell::text(worded(prb.field(14).first(), &OUTCOMES)),
        Cell::text(time(&prb.field(15).text())),
        Cell::default(),
        Cell::default(),
    ];
    cells.into()
}

/// `K297` as `K29.7`, with the edition where it is not that of 2003.
fn icd10(prb: Segment<'_>) -> String {
    let code = prb.field(10).text();
    let edition = prb.field(10).component(7).text();
    let dotted = match (code.get(..3), code.get(3..)) {
        (Some(category), Some(rest)) if !rest.is_empty() && !rest.starts_with('.') => {
            format!("{category}.{rest}")
        }
        _ => code,
    };
    if edition == "2013" { format!("{dotted}（2013年版）") } else { dotted }
}

/// The alternative triple of PRB-10: code, text, JHSD0004.
fn timing(prb: Segment<'_>) -> String {
    let field = prb.field(10);
    let text = field.component(5).text();
    if text.is_empty() { field.component(4).text() } else { text }
}
