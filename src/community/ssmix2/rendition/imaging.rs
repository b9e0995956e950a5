//! OMG-01/02/03 orders of radiology, endoscopy and physiology; OMG-11/12 what was performed, with the
//! accession number and study UID that lead to the images (IPC).

use maud::{Markup, html};

use crate::dialect::hl7v2::{Field, Message, Segment};

use super::laboratory;
use super::layout::{Cell, Row, facts, section, table};
use super::values::{all_coded, all_text, coded, people, period, text_and_code, time};

pub(super) fn order(message: &Message) -> Markup {
    html! {
        (section("検査依頼", &html! { (ordered(message)) (items(message)) }))
        (section("付帯情報", &laboratory::observations(message)))
    }
}

pub(super) fn performed(message: &Message) -> Markup {
    html! {
        (section("検査", &html! { (ordered(message)) (items(message)) }))
        (section("実施内容", &done(message)))
        (section("照射", &irradiated(message)))
        (section("所見・測定", &laboratory::observations(message)))
        (section("画像", &images(message)))
    }
}

fn ordered(message: &Message) -> Markup {
    let of = |segment: &str, field: usize, read: fn(Field<'_>) -> String| {
        message.first(segment).map(|found| read(found.field(field))).unwrap_or_default()
    };
    facts(&[
        ("診療科", of("ORC", 17, all_coded)),
        ("依頼医", of("ORC", 12, people)),
        ("入外", of("ORC", 29, all_coded)),
        ("オーダ日時", time(&message.text_at("ORC", 9))),
        ("緊急度", of("TQ1", 9, all_coded)),
        ("予定日時", time(&message.text_at("TQ1", 7))),
        ("オーダ番号", message.text_at("ORC", 2)),
    ])
}

fn items(message: &Message) -> Markup {
    let row = |obr: Segment<'_>| -> Row {
        vec![
            Cell::coded(text_and_code(obr.field(4))),
            Cell::text(period(&obr.field(7).text(), &obr.field(8).text())),
            Cell::text(all_coded(obr.field(15))),
            Cell::text(all_text(obr.field(13))),
            Cell::text(all_coded(obr.field(31))),
            Cell::text(all_text(obr.field(39))),
            Cell::text(people(obr.field(16))),
        ]
        .into()
    };
    let heads = ["検査項目", "実施日時", "部位", "臨床情報", "検査目的", "コメント", "依頼者"];
    table(&heads, &message.named("OBR").map(row).collect::<Vec<Row>>())
}

/// ZE1: performed items with quantity and performer.
fn done(message: &Message) -> Markup {
    let row = |ze1: Segment<'_>| -> Row {
        let quantity = [ze1.field(4).text(), coded(ze1.field(5).first())].concat();
        vec![
            Cell::coded(text_and_code(ze1.field(3))),
            Cell::number(quantity),
            Cell::text(people(ze1.field(7))),
        ]
        .into()
    };
    table(&["実施項目", "数量", "実施者"], &message.named("ZE1").map(row).collect::<Vec<Row>>())
}

/// ZE2: irradiation as told; its fields are each hospital's.
fn irradiated(message: &Message) -> Markup {
    let row = |ze2: Segment<'_>| -> Row {
        let told = (2..=ze2.len()).map(|n| all_coded(ze2.field(n))).filter(|text| !text.is_empty());
        vec![Cell::text(told.collect::<Vec<_>>().join("、"))].into()
    };
    table(&["照射条件"], &message.named("ZE2").map(row).collect::<Vec<Row>>())
}

fn images(message: &Message) -> Markup {
    let row = |ipc: Segment<'_>| -> Row {
        vec![
            Cell::text(coded(ipc.field(5).first())),
            Cell::text(ipc.field(1).text()),
            Cell::text(ipc.field(3).text()),
        ]
        .into()
    };
    let heads = ["モダリティ", "受付番号", "Study Instance UID"];
    table(&heads, &message.named("IPC").map(row).collect::<Vec<Row>>())
}
