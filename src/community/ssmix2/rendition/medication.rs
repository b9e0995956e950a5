//! OMP-01 処方, OMP-02 注射, OMP-11/12 their administration: what, how much, how, when, by whom.

use std::collections::BTreeMap;

use maud::{Markup, html};

use crate::dialect::hl7v2::{Field, Message, Segment};

use super::allergies;
use super::layout::{Cell, Row, facts, section, table};
use super::values::{all_coded, amount, coded, people, period, place, text_and_code, time};

/// An order group: an ORC with what follows it.
#[derive(Default)]
struct Group<'a> {
    segments: BTreeMap<&'a str, Vec<Segment<'a>>>,
}

impl<'a> Group<'a> {
    fn first(&self, name: &str, read: impl Fn(Segment<'a>) -> String) -> String {
        self.segments
            .get(name)
            .and_then(|found| found.first())
            .map(|segment| read(*segment))
            .unwrap_or_default()
    }

    fn each(&self, name: &str) -> impl Iterator<Item = Segment<'a>> {
        self.segments.get(name).into_iter().flatten().copied()
    }

    fn text(&self, name: &str, field: usize) -> String {
        self.first(name, |segment| segment.field(field).text())
    }

    fn words(&self, name: &str, field: usize) -> String {
        self.first(name, |segment| all_coded(segment.field(field)))
    }
}

fn groups(message: &Message) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for segment in message.segments() {
        if segment.name() == "ORC" {
            groups.push(Group::default());
        }
        if let Some(group) = groups.last_mut() {
            group.segments.entry(segment.name()).or_default().push(segment);
        }
    }
    groups
}

pub(super) fn prescription(message: &Message) -> Markup {
    let groups = groups(message);
    let heads = [
        "RP",
        "薬剤",
        "１回量",
        "１日量",
        "用法",
        "日数・回数",
        "総量",
        "経路",
        "投与開始",
        "与薬指示",
        "指示・備考",
    ];
    let rows: Vec<Row> =
        groups.iter().flat_map(|group| group.each("RXE").map(move |rxe| prescribed(group, rxe))).collect();
    html! {
        (section("処方", &html! { (ordered(groups.first())) (table(&heads, &rows)) }))
        (section("配合", &components(&groups)))
        (section("アレルギー", &allergies::al1(message)))
    }
}

fn prescribed(group: &Group<'_>, rxe: Segment<'_>) -> Row {
    let dose = amount(rxe.field(3), rxe.field(5));
    let daily = rxe.field(19);
    let daily = match daily.text() {
        number if number.is_empty() => number,
        number => format!("{number}{}", daily.component(2).subcomponent(2)),
    };
    let form = coded(rxe.field(6).first());
    let (drug, code) = text_and_code(rxe.field(2));
    let drug = if form.is_empty() { drug } else { format!("{drug}（{form}）") };
    vec![
        Cell::text(rp_number(&group.text("ORC", 4))),
        Cell::coded((drug, code)),
        Cell::number(dose),
        Cell::number(daily),
        Cell::text(group.first("TQ1", |tq1| usage(tq1.field(3)))),
        Cell::text(duration(group)),
        Cell::number(amount(rxe.field(10), rxe.field(11))),
        Cell::text(group.words("RXR", 1)),
        Cell::text(group.first("TQ1", when)),
        Cell::text(all_coded(rxe.field(27))),
        Cell::text([all_coded(rxe.field(7)), group.text("TQ1", 11)].join("\n").trim().to_owned()),
    ]
    .into()
}

pub(super) fn injection(message: &Message) -> Markup {
    let groups = groups(message);
    let heads = ["区分", "薬剤", "量"];
    html! {
        (ordered(groups.first()))
        @for group in groups.iter().filter(|group| group.each("RXE").next().is_some()) {
            @let rows: Vec<Row> = group.each("RXC").map(component).collect();
            @let title = format!("注射 {}", rp_number(&group.text("ORC", 4)));
            (section(title.trim(), &html! {
                (facts(&[
                    ("オーダ", group.words("RXE", 2)),
                    ("全量", group.first("RXE", |rxe| amount(rxe.field(3), rxe.field(5)))),
                    ("剤形", group.words("RXE", 6)),
                    ("投与日時", group.first("TQ1", when)),
                    ("用法", group.first("TQ1", |tq1| usage(tq1.field(3)))),
                    ("速度", group.first("RXE", |rxe| amount(rxe.field(23), rxe.field(24)))),
                    ("経路", group.words("RXR", 1)),
                    ("部位", group.words("RXR", 2)),
                    ("器具", group.words("RXR", 3)),
                    ("手技", group.words("RXR", 4)),
                    ("指示", group.words("RXE", 7)),
                ]))
                (table(&heads, &rows))
            }))
        }
        (section("アレルギー", &allergies::al1(message)))
    }
}

fn components(groups: &[Group<'_>]) -> Markup {
    let rows: Vec<Row> = groups.iter().flat_map(|group| group.each("RXC").map(component)).collect();
    table(&["区分", "薬剤", "量"], &rows)
}

fn component(rxc: Segment<'_>) -> Row {
    let part = match rxc.field(1).text().as_str() {
        "B" => "基剤".to_owned(),
        "A" => "添加".to_owned(),
        other => other.to_owned(),
    };
    vec![
        Cell::text(part),
        Cell::coded(text_and_code(rxc.field(2))),
        Cell::number(amount(rxc.field(3), rxc.field(4))),
    ]
    .into()
}

pub(super) fn administration(message: &Message) -> Markup {
    let groups = groups(message);
    let heads = ["RP", "実施日時", "薬剤", "量", "経路", "速度", "実施者", "場所", "結果", "備考"];
    let rows: Vec<Row> =
        groups.iter().flat_map(|group| group.each("RXA").map(move |rxa| administered(group, rxa))).collect();
    section("実施", &html! { (ordered(groups.first())) (table(&heads, &rows)) })
}

fn administered(group: &Group<'_>, rxa: Segment<'_>) -> Row {
    let (completion, is_abnormal) = match rxa.field(20).text().as_str() {
        "" => (String::new(), false),
        "CP" => ("完了".to_owned(), false),
        "NA" => ("未実施".to_owned(), true),
        "PA" => ("一部実施".to_owned(), true),
        "RE" => ("拒否".to_owned(), true),
        other => (other.to_owned(), true),
    };
    let route = group.each("RXR").map(|rxr| [all_coded(rxr.field(1)), all_coded(rxr.field(3))].join(" "));
    let cells = vec![
        Cell::text(rp_number(&group.text("ORC", 4))),
        Cell::text(period(&rxa.field(3).text(), &rxa.field(4).text())),
        Cell::coded(text_and_code(rxa.field(5))),
        Cell::number(amount(rxa.field(6), rxa.field(7))),
        Cell::text(route.collect::<Vec<_>>().join("、")),
        Cell::text(rxa.field(12).text()),
        Cell::text(people(rxa.field(10))),
        Cell::text(place(rxa.field(11))),
        Cell::flag(completion),
        Cell::text(all_coded(rxa.field(9))),
    ];
    Row { cells, is_abnormal }
}

/// What the order itself says, once for all its groups.
fn ordered(group: Option<&Group<'_>>) -> Markup {
    let Some(group) = group else { return Markup::default() };
    facts(&[
        ("区分", group.words("RXE", 21)),
        ("診療科", group.words("ORC", 17)),
        ("医師", group.first("ORC", |orc| people(orc.field(12)))),
        ("入外", group.words("ORC", 29)),
        ("オーダ日時", time(&group.text("ORC", 9))),
        ("オーダ番号", group.text("ORC", 2)),
    ])
}

/// `order_RP_administration` (ORC-4): the RP number.
fn rp_number(group: &str) -> String {
    let mut parts = group.split('_').skip(1);
    parts.next().map(|rp| rp.trim_start_matches('0').to_owned()).unwrap_or_default()
}

/// TQ1-3: the usage stands in the first component's subcomponents, code and text.
fn usage(field: Field<'_>) -> String {
    let one = |usage: crate::dialect::hl7v2::Repetition<'_>| {
        let pattern = usage.component(1);
        [pattern.subcomponent(2), pattern.subcomponent(5), pattern.subcomponent(1)]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or_default()
    };
    field.repetitions().map(one).filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

fn when(tq1: Segment<'_>) -> String {
    period(&tq1.field(7).text(), &tq1.field(8).text())
}

/// TQ1-6 in days, or TQ1-14 times for what is taken when needed.
fn duration(group: &Group<'_>) -> String {
    group.first("TQ1", |tq1| {
        let (number, unit) = (tq1.field(6).text(), tq1.field(6).component(2).text());
        match (number.is_empty(), unit.to_ascii_lowercase().as_str()) {
            (true, _) => tq1
                .field(14)
                .text()
                .split('.')
                .next()
                .filter(|n| !n.is_empty())
                .map(|n| format!("{n}回分"))
                .unwrap_or_default(),
            (false, "d" | "") => format!("{number}日分"),
            (false, _) => format!("{number}{}", coded_unit(&unit)),
        }
    })
}

fn coded_unit(unit: &str) -> String {
    match unit {
        "wk" | "W" => "週".to_owned(),
        "mo" | "M" => "か月".to_owned(),
        "h" | "H" => "時間".to_owned(),
        other => other.to_owned(),
    }
}
