//! ADT-01 to ADT-52, 受診と入退院: what happened or is planned, when, where, under whom; and OMD
//! 食事オーダ. Also what any other message says of the visit.

use maud::{Markup, html};

use crate::dialect::hl7v2::{Field, Message, Segment};

use super::basics::in_or_out;
use super::layout::{Cell, Row, facts, section, table};
use super::values::{all_coded, all_text, coded, department, people, period, place, time};
use super::{allergies, laboratory};

pub(super) fn body(code: &str, message: &Message) -> Markup {
    let of = |segment: &str, field: usize, read: fn(Field<'_>) -> String| {
        message.first(segment).map(|found| read(found.field(field))).unwrap_or_default()
    };
    let at = |segment: &str, field: usize| time(&message.text_at(segment, field));
    let occurred = if code == "ADT-01" { "変更日時" } else { "発生日時" };
    html! {
        (section("受診・入退院", &facts(&[
            ("区分", event_word(message)),
            ("入外", in_or_out(&message.text_at("PV1", 2))),
            (occurred, at("EVN", 6)),
            ("受診・入院日時", at("PV1", 44)),
            ("退院日時", at("PV1", 45)),
            (if code == "ADT-21" { "入院予定日時" } else { "予定日時" }, at("PV2", 8)),
            ("退院予定日時", at("PV2", 9)),
            ("帰院予定日時", at("PV2", 47)),
            ("所在", of("PV1", 3, place)),
            ("移動前の所在", of("PV1", 6, place)),
            ("診療科", department(&message.text_at("PV1", 10))),
            ("担当医", of("PV1", 7, people)),
            ("入院時担当医", of("PV1", 17, people)),
            ("退院時転帰", of("PV1", 36, all_coded)),
            ("入院理由", of("PV2", 3, all_coded)),
        ])))
        @if code.starts_with("ADT") {
            (section("アレルギー", &allergies::al1(message)))
            (section("身体情報", &laboratory::observations(message)))
        }
    }
}

/// MSH-9.2 in words, cancellations included.
fn event_word(message: &Message) -> String {
    let event = message.first("MSH").map(|msh| msh.field(9).component(2).text()).unwrap_or_default();
    match event.as_str() {
        "A01" => "入院実施",
        "A02" => "転科・転棟実施",
        "A03" => "退院実施",
        "A04" => "外来受付",
        "A11" => "入院実施の取消",
        "A12" => "転科・転棟実施の取消",
        "A13" => "退院実施の取消",
        "A14" => "入院予定",
        "A15" => "転科・転棟予定",
        "A16" => "退院予定",
        "A21" => "外出泊",
        "A22" => "外出泊からの帰院",
        "A25" => "退院予定の取消",
        "A26" => "転科・転棟予定の取消",
        "A27" => "入院予定の取消",
        "A52" => "外出泊の取消",
        "A53" => "帰院の取消",
        "A54" => "担当医の変更",
        "A55" => "担当医の変更の取消",
        _ => "",
    }
    .to_owned()
}

pub(super) fn meal(message: &Message) -> Markup {
    let mut rows: Vec<Row> = Vec::new();
    let mut timing = (String::new(), String::new());
    for segment in message.segments() {
        match segment.name() {
            "TQ1" => timing = (period(&segment.field(7).text(), &segment.field(8).text()), meals(segment)),
            "ODS" => rows.push(
                vec![
                    Cell::text(all_coded(segment.field(3))),
                    Cell::text(timing.0.clone()),
                    Cell::text(timing.1.clone()),
                    Cell::text(all_coded(segment.field(2))),
                    Cell::text(all_text(segment.field(4))),
                ]
                .into(),
            ),
            _ => {}
        }
    }
    let doctor = message.first("ORC").map(|orc| people(orc.field(12))).unwrap_or_default();
    let clinic = message.first("ORC").map(|orc| coded(orc.field(17).first())).unwrap_or_default();
    let about = facts(&[
        ("診療科", clinic),
        ("医師", doctor),
        ("オーダ日時", time(&message.text_at("ORC", 9))),
        ("オーダ番号", message.text_at("ORC", 2)),
    ]);
    section("食事", &html! { (about) (table(&["食事", "開始・終了", "回数", "時間帯", "コメント"], &rows)) })
}

fn meals(tq1: Segment<'_>) -> String {
    let pattern = tq1.field(3).component(1);
    match pattern.subcomponent(2) {
        none if none.is_empty() => pattern.subcomponent(1),
        text => text,
    }
}
