use super::*;
use crate::dialect::hl7v2::{Unencodable, encode};
use crate::model::PartialDate;

fn person(pid: &str) -> (Demographics, Vec<&'static str>) {
    let text = format!(
        "MSH|^~\\&|A|B|C|D|20240401||ADT^A08^ADT_A01|1|P|2.5||||||~ISO IR87\r{pid}\rIN1|1|C0|330019|組合||||||岡倉~７７８８~04\r"
    );
    let parsed = Message::parse(&encode(&text, Unencodable::Geta).bytes).unwrap();
    let (person, warnings) = demographics(&parsed.message);
    (person, warnings.iter().map(|w| w.code).collect())
}

fn names(pid5: &str) -> (Vec<(String, String, NameScript)>, Vec<&'static str>) {
    let (person, codes) = person(&format!("PID|||1||{pid5}||19920731|F"));
    let name = |n: &PersonName| (n.family.clone(), n.given.clone(), n.script_or_told());
    (person.names.iter().map(name).collect(), codes)
}

fn expected(family: &str, given: &str, script: NameScript) -> (String, String, NameScript) {
    (family.to_owned(), given.to_owned(), script)
}

#[test]
fn a_proper_pid_is_read_without_remark() {
    let (person, codes) = person(
        "PID|1||0000000099^^^^PI||宮本^美愛^^^^^L^I~ミヤモト^ミア^^^^^L^P||19920731|F|||^^^^714-0000^JPN^H^岡山県笠岡市架橋６２７番地||^PRN^PH^^^^^^^^^0865-00-0405|^WPN^PH^^^^^^^^^086-000-0001",
    );
    assert_eq!(codes, Vec::<&str>::new());
    assert_eq!(person.name(NameScript::Ideographic).unwrap().given, "美愛");
    assert_eq!(person.name(NameScript::Syllabic).unwrap().family, "ミヤモト");
    assert_eq!((person.birth, person.sex), (PartialDate::day(1992, 7, 31), Some(Sex::Female)));
    assert_eq!(person.addresses[0].text, "岡山県笠岡市架橋６２７番地");
    assert_eq!(person.addresses[0].postal_code, "714-0000");
    assert_eq!(person.phones, ["0865-00-0405", "086-000-0001"]);
    let insurance = person.insurance.unwrap();
    assert_eq!(
        [insurance.insurer, insurance.symbol, insurance.number, insurance.branch],
        ["330019", "岡倉", "７７８８", "04"]
    );
}

#[test]
fn a_representation_one_component_early_is_repaired() {
    let (names, codes) = names("山本^美愛^^^^L^I~ヤマモト^ミア^^^^^L^P");
    assert_eq!(names[0], expected("山本", "美愛", NameScript::Ideographic));
    assert_eq!(codes, ["name-representation-shifted"]);
}

#[test]
fn a_whole_name_in_the_family_component_is_split_at_its_blank() {
    let (names, codes) = names("山本　美愛^^^^^^L^I~やまもと みあ^^^^^^L^P");
    assert_eq!(names[0], expected("山本", "美愛", NameScript::Ideographic));
    assert_eq!(names[1], expected("やまもと", "みあ", NameScript::Syllabic));
    assert_eq!(codes, ["name-split-inferred"]);
}

#[test]
fn without_a_blank_the_whole_name_stays_whole() {
    let (names, codes) = names("山本美愛^^^^^^L^I");
    assert_eq!((names[0].clone(), codes), (expected("山本美愛", "", NameScript::Ideographic), vec![]));
}

#[test]
fn newborns_are_left_as_written() {
    for name in ["山本美愛　ベビー", "山本 美愛男児", "山本　美愛第１子", "ヤマモト　ミアベビー"]
    {
        let (names, codes) = names(&format!("{name}^^^^^^L^I"));
        assert_eq!((names[0].0.as_str(), names[0].1.as_str()), (name, ""));
        assert!(!codes.contains(&"name-split-inferred"));
    }
}

#[test]
fn undeclared_and_contradictory_representations_are_told_by_the_letters() {
    let (names, _) = names("山本^美愛~ヤマモト^ミア~YAMAMOTO^MIA~山本^愛^^^^^L^P");
    let scripts: Vec<NameScript> = names.iter().map(|n| n.2).collect();
    use NameScript::{Alphabetic, Ideographic, Syllabic};
    assert_eq!(scripts, [Ideographic, Syllabic, Alphabetic, Ideographic]);
}

#[test]
fn a_foreign_name_in_katakana_keeps_the_kanji_slot() {
    let (names, codes) = names("スミス^ジョン^^^^^L^I");
    assert_eq!((names[0].2, codes), (NameScript::Ideographic, vec![]));
}

#[test]
fn a_mark_in_place_of_a_kanji_is_flagged() {
    assert_eq!(names("■橋^健一^^^^^L^I").1, ["replacement-mark"]);
}

#[test]
fn era_dates_placeholders_and_unknown_sex_are_flagged() {
    let (era, codes) = person("PID|||1||山本^美愛||H040731|F");
    assert_eq!((era.birth, codes), (PartialDate::day(1992, 7, 31), vec!["era-date"]));
    let (unknown, codes) = person("PID|||1||山本^美愛||19000101|U");
    assert_eq!((unknown.birth, unknown.sex), (None, None));
    assert_eq!(codes, ["birth-date-missing", "sex-unknown"]);
}

#[test]
fn home_comes_first_and_an_address_in_parts_is_joined() {
    let (person, _) =
        person("PID|||1||山||19920731|F|||^^^^700^^B^勤務先~架橋１丁目^^笠岡市^岡山県^714-0000^JPN^H");
    assert_eq!(person.addresses[0].text, "岡山県笠岡市架橋１丁目");
    assert_eq!(person.addresses[1].text, "勤務先");
}

#[test]
fn a_message_without_pid_gives_nobody() {
    let parsed = Message::parse(b"MSH|^~\\&|A\r").unwrap();
    assert!(demographics(&parsed.message).0.is_empty());
}

#[test]
fn a_field_repeated_without_end_is_read_to_a_cap() {
    let many = "山^川~".repeat(5000);
    let (person, _) = person(&format!("PID|||1||{many}||19920731|F|||{many}||{many}"));
    assert!(person.names.len() <= 32 && person.addresses.len() <= 32 && person.phones.len() <= 64);
}
