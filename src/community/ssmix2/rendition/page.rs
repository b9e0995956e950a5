//! The frame of a page: what it is, whose, from where, and the part of its kind.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::dialect::hl7v2::{Message, demographics};
use crate::dialect::ssmix2::{Kind, ReadFile, StorageFile};
use crate::model::{Demographics, NameScript, PersonName, Sex};

use super::clinical::Clinical;
use super::{allergies, basics, imaging, laboratory, medication, movement, privacy, problems, values};

/// The page of a message or CDA document; None for any other file (it is offered as it is).
pub(in super::super) fn page(read: &ReadFile, bytes: &[u8], facility: &str) -> Option<String> {
    let (code, title) = match &read.file.kind {
        Kind::Standard(kind) => (kind.code, kind.title.to_owned()),
        Kind::Extension(kind) => ("", kind.standard.as_ref().unwrap_or(&kind.local).display.to_string()),
    };
    let (title, person, body, source, mut private) = if let Some(message) = &read.message {
        let (person, _) = demographics(message);
        let source = format!("{} {}", message.text_at("MSH", 9), event(message));
        (title, person, body(code, message), source, privacy::private(message))
    } else {
        let clinical = (read.media_type == "text/xml").then(|| Clinical::read(bytes)).flatten()?;
        let title = if title.is_empty() { clinical.title() } else { title };
        (title, clinical.person(), clinical.body(), "CDA R2".to_owned(), clinical.private())
    };
    private.push(read.file.patient.reveal().clone());
    let title = if title.is_empty() { "診療情報".to_owned() } else { title };
    let page = html! {
        (DOCTYPE)
        html lang="ja" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " － " (facility) }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                header { h1 { (title) } p class="facility" { (facility) } }
                (patient(&person))
                main { @if body.0.is_empty() { p class="empty" { "記載された項目はありません。" } } @else { (body) } }
                (footer(&read.file, &source))
            }
        }
    };
    Some(privacy::without(page.into_string(), private))
}

fn body(code: &str, message: &Message) -> Markup {
    match code {
        "ADT-00" => basics::body(message),
        "ADT-61" => allergies::body(message),
        "PPR-01" => problems::body(message),
        "OMP-01" => medication::prescription(message),
        "OMP-02" => medication::injection(message),
        "OMP-11" | "OMP-12" => medication::administration(message),
        "OMG-01" | "OMG-02" | "OMG-03" => imaging::order(message),
        "OMG-11" | "OMG-12" => imaging::performed(message),
        "OML-01" | "OML-11" | "OMG-13" => laboratory::results(message),
        "OMD" => movement::meal(message),
        _ if code.starts_with("ADT") => movement::body(code, message),
        _ => html! { (movement::body(code, message)) (laboratory::results(message)) },
    }
}

/// Whose page it is: name, birth date and sex, nothing else.
fn patient(person: &Demographics) -> Markup {
    let kanji =
        person.name(NameScript::Ideographic).or_else(|| person.names.first()).map(name).unwrap_or_default();
    let kana = person.name(NameScript::Syllabic).map(name).filter(|kana| *kana != kanji);
    html! {
        div class="patient" {
            span { @if let Some(kana) = kana { span class="kana" { (kana) } } span class="name" { (kanji) " 様" } }
            @if let Some(birth) = person.birth { span { "生年月日 " (values::both_calendars(birth)) } }
            @if let Some(sex) = person.sex { span { "性別 " (sex_word(sex)) } }
        }
    }
}

pub(super) fn name(name: &PersonName) -> String {
    [name.family.as_str(), name.given.as_str()].join(" ").trim().to_owned()
}

pub(super) const fn sex_word(sex: Sex) -> &'static str {
    match sex {
        Sex::Female => "女",
        Sex::Male => "男",
        Sex::Other => "その他",
    }
}

fn footer(file: &StorageFile, source: &str) -> Markup {
    html! {
        footer {
            p {
                @if let Some(date) = &file.date { "診療日 " (values::time(date)) "　" }
                @if let Some(department) = &file.department { "診療科 " (values::department(department)) "　" }
                "記録日時 " (values::time(&file.sent_at))
            }
            p { "SS-MIX2 " (file.kind.code()) "（" (source) "）を読みやすく表示したもので、原本ではありません。" }
        }
    }
}

fn event(message: &Message) -> String {
    message.first("MSH").map(|msh| msh.field(9).component(2).text()).unwrap_or_default()
}
