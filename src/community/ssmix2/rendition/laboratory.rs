//! OML-11 検体検査結果, OML-01 its order, OMG-13 生理検査結果, and the observations (OBX) other
//! messages carry. Abnormal flags are those of the sender; none is inferred from a range.

use maud::{Markup, html};

use crate::dialect::hl7v2::{Message, Segment};

use super::layout::{Cell, Row, facts, section, table};
use super::values::{coded, coded_with_code, observed, people, period, time, unit_text};

const HEADS: [&str; 9] = ["項目", "番号", "結果", "単位", "基準値", "判定", "状態", "採取・測定", "備考"];

/// Results, or what is to be measured, under their specimen and panel. An order (ORC) stands before
/// its panel (OBR) in orders and physiology, behind it in laboratory results.
pub(super) fn results(message: &Message) -> Markup {
    let mut page = Page::default();
    for segment in message.segments() {
        match segment.name() {
            "SPM" => {
                page.close();
                page.specimen = specimen(segment);
            }
            "ORC" => {
                if !page.rows.is_empty() {
                    page.close();
                }
                page.ordered(segment);
            }
            "TQ1" => page.about.push(("緊急度", coded(segment.field(9).first()))),
            "OBR" => {
                if !page.title.is_empty() || !page.rows.is_empty() {
                    page.close();
                }
                page.title = coded(segment.field(4).first());
                page.about.extend(panel(segment));
            }
            "OBX" => page.rows.push(observation(segment)),
            "NTE" => page.note(segment),
            _ => {}
        }
    }
    page.close();
    html! {
        (facts(&[("コメント", page.notes.join("\n"))]))
        @for section in &page.sections { (section) }
    }
}

/// The observations of a message as one table.
pub(super) fn observations(message: &Message) -> Markup {
    table(&HEADS, &message.named("OBX").map(observation).collect::<Vec<Row>>())
}

/// What is gathered while a message is read from top to bottom.
#[derive(Default)]
struct Page {
    sections: Vec<Markup>,
    specimen: Vec<(&'static str, String)>,
    title: String,
    about: Vec<(&'static str, String)>,
    rows: Vec<Row>,
    notes: Vec<String>,
}

impl Page {
    /// Ends a panel.
    fn close(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        let about = std::mem::take(&mut self.about);
        let title = std::mem::take(&mut self.title);
        if rows.is_empty() && about.iter().all(|(_, text)| text.is_empty()) && title.is_empty() {
            return;
        }
        let title = if title.is_empty() { "検査".to_owned() } else { title };
        let all: Vec<(&str, String)> = self.specimen.iter().cloned().chain(about).collect();
        self.sections.push(section(&title, &html! { (facts(&all)) (table(&HEADS, &rows)) }));
    }

    fn ordered(&mut self, orc: Segment<'_>) {
        self.about.push(("依頼科", coded(orc.field(17).first())));
        self.about.push(("依頼医", people(orc.field(12))));
        self.about.push(("オーダ番号", orc.field(2).text()));
    }

    /// A note speaks of the result before it, else of all.
    fn note(&mut self, nte: Segment<'_>) {
        let text: Vec<String> = nte.field(3).repetitions().map(|note| note.component(1).whole()).collect();
        let text = text.join("\n");
        match self.rows.last_mut().and_then(|row| row.cells.last_mut()) {
            Some(cell) => cell.append(&text),
            None => self.notes.push(text),
        }
    }
}

fn specimen(spm: Segment<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("検体", coded(spm.field(4).first())),
        ("採取部位", coded(spm.field(8).first())),
        ("採取日時", sampled(spm)),
        ("検体コメント", spm.field(14).text()),
    ]
}

/// SPM-17 is a range (DR).
fn sampled(spm: Segment<'_>) -> String {
    period(&spm.field(17).text(), &spm.field(17).component(2).text())
}

fn panel(obr: Segment<'_>) -> Vec<(&'static str, String)> {
    vec![
        ("検査日時", period(&obr.field(7).text(), &obr.field(8).text())),
        ("報告日時", time(&obr.field(22).text())),
        ("臨床情報", obr.field(13).text()),
        ("依頼者", people(obr.field(16))),
        ("判読者", obr.field(32).component(1).subcomponent(2)),
        ("親結果", obr.field(26).component(3).text()),
    ]
}

fn observation(obx: Segment<'_>) -> Row {
    let flags: Vec<String> =
        obx.field(8).repetitions().map(|flag| flag.text()).filter(|f| !f.is_empty()).collect();
    let is_abnormal = flags.iter().any(|flag| !matches!(flag.as_str(), "N" | "S" | "NEG"));
    let value = observed(obx);
    let value = match obx.field(2).text().as_str() {
        "NM" | "SN" => Cell::number(value),
        // `-^陰性`: the sign is what laboratories read.
        "CWE" | "CE" if obx.field(5).text().chars().count() <= 3 => {
            Cell::value(coded_with_code(obx.field(5)))
        }
        _ => Cell::value(value),
    };
    Row {
        cells: vec![
            Cell::text(coded(obx.field(3).first())),
            Cell::text(obx.field(4).text()),
            value,
            Cell::text(unit_text(obx.field(6))),
            Cell::text(obx.field(7).text()),
            Cell::flag(flags.iter().map(|flag| flag_word(flag)).collect::<Vec<_>>().join(" ")),
            Cell::text(status_word(&obx.field(11).text())),
            Cell::text(time(&obx.field(14).text())),
            Cell::default(),
        ],
        is_abnormal,
    }
}

/// Table 0078.
fn flag_word(flag: &str) -> String {
    let word = match flag {
        "H" => "高",
        "HH" => "パニック高",
        "L" => "低",
        "LL" => "パニック低",
        ">" => "上限超",
        "<" => "下限未満",
        "A" => "異常",
        "AA" => "極度の異常",
        "R" => "耐性",
        "I" => "中間",
        "S" => "感性",
        _ => return flag.to_owned(),
    };
    format!("{flag} {word}")
}

/// Table 0085; a final result goes without saying.
fn status_word(status: &str) -> String {
    match status {
        "" | "F" => "",
        "C" => "訂正",
        "P" => "中間報告",
        "X" => "検査不能",
        "O" => "依頼",
        "I" => "検査中",
        "D" => "削除",
        "R" => "未確認",
        "S" => "部分結果",
        "U" => "確定",
        "W" => "誤報告",
        other => return other.to_owned(),
    }
    .to_owned()
}
