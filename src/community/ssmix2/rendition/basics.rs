//! ADT-00 患者基本情報: names, next of kin, allergies, blood group, height and weight. Address,
//! telephone (NK1-4 to 7 too) and insurance (IN1) are left out.

use maud::{Markup, html};

use crate::dialect::hl7v2::{Message, demographics, person_name};
use crate::model::NameScript;

use super::layout::{Cell, Row, facts, section, table};
use super::page::{name, sex_word};
use super::values::{both_calendars, coded, department, people, place, time};
use super::{allergies, laboratory};

pub(super) fn body(message: &Message) -> Markup {
    let (person, _) = demographics(message);
    let written = |script| {
        let names = person.names.iter().filter(|n| n.script_or_told() == script);
        names.map(name).collect::<Vec<_>>().join("、")
    };
    let died = message.first("PID").map(|pid| pid.field(29).text()).unwrap_or_default();
    let visit = message.first("PV1");
    let of_visit = |field: usize, read: fn(crate::dialect::hl7v2::Field<'_>) -> String| {
        visit.map(|pv1| read(pv1.field(field))).unwrap_or_default()
    };
    html! {
        (section("基本情報", &facts(&[
            ("氏名", written(NameScript::Ideographic)),
            ("カナ氏名", written(NameScript::Syllabic)),
            ("英字氏名", written(NameScript::Alphabetic)),
            ("性別", person.sex.map(sex_word).unwrap_or_default().to_owned()),
            ("生年月日", person.birth.map(both_calendars).unwrap_or_default()),
            ("死亡日時", time(&died)),
            ("入外", in_or_out(&message.text_at("PV1", 2))),
            ("所在", of_visit(3, place)),
            ("診療科", department(&message.text_at("PV1", 10))),
            ("担当医", of_visit(7, people)),
            ("障害", disability(message)),
        ])))
        (section("アレルギー", &allergies::al1(message)))
        (section("身体情報・血液型", &laboratory::observations(message)))
        (section("続柄", &relatives(message)))
    }
}

/// Inpatient or outpatient (table 0004).
pub(super) fn in_or_out(code: &str) -> String {
    match code {
        "I" => "入院".to_owned(),
        "O" => "外来".to_owned(),
        "E" => "救急".to_owned(),
        other => other.to_owned(),
    }
}

fn disability(message: &Message) -> String {
    message
        .named("DB1")
        .map(|db1| db1.field(4).text())
        .find(|told| told == "Y")
        .map(|_| "あり".to_owned())
        .unwrap_or_default()
}

/// Names and relations only.
fn relatives(message: &Message) -> Markup {
    let rows: Vec<Row> = message
        .named("NK1")
        .filter(|nk1| nk1.field(3).text() != "SEL")
        .map(|nk1| {
            let names = nk1.field(2).repetitions().map(|xpn| person_name(xpn, 1));
            let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
            vec![Cell::text(coded(nk1.field(3).first())), Cell::text(names.join("　"))].into()
        })
        .collect();
    table(&["続柄", "氏名"], &rows)
}
