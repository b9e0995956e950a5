use super::Standing::{Consented, Emergency, Hidden, Unconsented};
use super::*;
use crate::matching::tests::population::{Style, population};
use crate::matching::{Prepared, compare};
use crate::model::{
    Address, Authority, Insurance, NameScript, Oid, PartialDate, PersonName, Phi, Sex, TargetName,
};

fn id(arc: &str, value: &str) -> PatientId {
    PatientId::new(Authority(Oid::parse(&format!("2.999.{arc}")).unwrap()), value)
}

fn name(script: NameScript, family: &str, given: &str) -> PersonName {
    PersonName { script: Some(script), family: family.into(), given: given.into() }
}

fn person(given: (&str, &str), birth: &str) -> Demographics {
    Demographics {
        names: vec![
            name(NameScript::Ideographic, "板野", given.0),
            name(NameScript::Syllabic, "イタノ", given.1),
        ],
        birth: PartialDate::from_digits(birth),
        sex: Some(Sex::Female),
        addresses: vec![Address {
            postal_code: "7100000".into(), text: "倉敷市架橋4丁目2番17号".into()
        }],
        phones: vec!["086-000-3894".into()],
        ..Demographics::default()
    }
}

fn misaki() -> Demographics {
    person(("美咲", "ミサキ"), "20110501")
}

fn mitsuki() -> Demographics {
    person(("美月", "ミツキ"), "20110501")
}

fn with_insurance(mut of: Demographics, branch: &str) -> Demographics {
    let (insurer, symbol, number) = ("01330012".into(), "岡１２".into(), "12801296".into());
    of.insurance = Some(Insurance { insurer, symbol, number, branch: branch.into() });
    of
}

// A record as its source grades it.
fn graded(
    sent: &Demographics,
    number: &str,
    record: Demographics,
    network: Option<&str>,
    standing: Standing,
) -> Candidate {
    let graded = crate::matching::grade(sent, &record);
    with_grade(number, record, network, standing, graded.grade, graded.score)
}

fn with_grade(
    number: &str,
    record: Demographics,
    network: Option<&str>,
    standing: Standing,
    grade: Grade,
    score: f64,
) -> Candidate {
    let record = GradedRecord {
        source: TargetName("store".into()),
        facility: "3319999901".into(),
        id: id("1", number),
        demographics: Phi::new(record),
        sent_at: String::new(),
        grade,
        score,
    };
    Candidate { record, network_id: network.map(|value| id("9", value)), standing }
}

fn told(conclusion: Conclusion) -> String {
    match conclusion {
        Conclusion::Nobody => "nobody".to_owned(),
        Conclusion::MoreAttributes { about, wanted } => format!("more {} {wanted:?}", about.value.reveal()),
        Conclusion::Person(found) => {
            let id = found.network_id.as_ref().unwrap_or(&found.record.id);
            format!("found {}", id.value.reveal())
        }
    }
}

#[test]
fn a_consented_person_who_is_sure_and_alone_is_answered() {
    let all = vec![graded(&misaki(), "1", misaki(), Some("N1"), Consented)];
    assert_eq!(told(conclude(all, &misaki())), "found N1");
}

#[test]
fn without_consent_nobody_is_found_however_sure() {
    for standing in [Unconsented, Hidden] {
        let all = vec![graded(&misaki(), "1", misaki(), Some("N1"), standing)];
        assert_eq!(told(conclude(all, &misaki())), "nobody");
    }
    assert_eq!(told(conclude(Vec::new(), &misaki())), "nobody");
}

#[test]
fn the_consented_twin_is_found_and_the_other_is_not() {
    let both = |sent: &Demographics| {
        vec![
            graded(sent, "1", misaki(), Some("N1"), Consented),
            graded(sent, "2", mitsuki(), None, Unconsented),
        ]
    };
    assert_eq!(told(conclude(both(&misaki()), &misaki())), "found N1");
    assert_eq!(told(conclude(both(&mitsuki()), &mitsuki())), "nobody");
}

#[test]
fn an_unconsented_person_within_six_points_or_above_hides_the_consented_one() {
    let far = || person(("千代", "チヨ"), "19400101");
    for (score, answer) in [(40.0, "nobody"), (30.0, "nobody"), (24.0, "nobody"), (23.9, "found N1")] {
        for standing in [Unconsented, Hidden, Emergency] {
            let all = vec![
                with_grade("1", misaki(), Some("N1"), Consented, Grade::Auto, 30.0),
                with_grade("2", far(), None, standing, Grade::Review, score),
            ];
            assert_eq!(told(conclude(all, &misaki())), answer, "{score} {standing:?}");
        }
    }
}

#[test]
fn two_consented_persons_ask_for_what_was_not_sent_and_for_nothing_else() {
    let other = || with_grade("2", mitsuki(), Some("N2"), Consented, Grade::Auto, 28.0);
    let all = || vec![with_grade("1", misaki(), Some("N1"), Consented, Grade::Auto, 30.0), other()];
    let mut sent = misaki();
    assert_eq!(told(conclude(all(), &sent)), "nobody", "all was sent");
    sent.phones.clear();
    assert_eq!(told(conclude(all(), &sent)), "more N1 {Telecom}");
    sent.addresses.clear();
    sent.sex = None;
    assert_eq!(told(conclude(all(), &sent)), "more N1 {Address, Gender, Telecom}");
}

#[test]
fn a_consented_person_who_is_only_close_asks_for_more_unless_another_stands_in_the_way() {
    let mut sent = misaki();
    (sent.phones, sent.addresses) = (Vec::new(), Vec::new());
    let close = || graded(&sent, "1", misaki(), Some("N1"), Consented);
    assert_eq!(close().record.grade, Grade::Review);
    assert_eq!(told(conclude(vec![close()], &sent)), "more N1 {Address, Telecom}");
    let far = || person(("千代", "チヨ"), "19400101");
    let near = with_grade("2", far(), None, Unconsented, Grade::Review, close().record.score - 6.0);
    assert_eq!(told(conclude(vec![close(), near], &sent)), "nobody");
    let sure = with_grade("2", far(), None, Unconsented, Grade::Auto, 22.0);
    assert_eq!(told(conclude(vec![close(), sure], &sent)), "nobody");
}

#[test]
fn several_numbers_of_one_person_also_in_one_hospital_are_one_person() {
    let mut before = misaki();
    before.names = vec![name(NameScript::Syllabic, "ヤマモト", "ミサキ")];
    let all = vec![
        graded(&misaki(), "1", misaki(), Some("N1"), Consented),
        graded(&misaki(), "2", misaki(), Some("N1"), Consented),
        graded(&misaki(), "3", before, Some("N1"), Consented),
    ];
    assert_eq!(told(conclude(all, &misaki())), "found N1");
}

#[test]
fn a_record_without_a_consent_row_that_is_sure_to_be_the_person_is_that_person() {
    let all = vec![
        graded(&misaki(), "2", misaki(), None, Unconsented),
        graded(&misaki(), "1", misaki(), Some("N1"), Consented),
    ];
    assert_eq!(told(conclude(all, &misaki())), "found N1");
    // One that is only close is another person, and stands in the way.
    let mut close = misaki();
    (close.phones, close.addresses) = (Vec::new(), Vec::new());
    let all = vec![
        with_grade("2", close, None, Unconsented, Grade::Review, 26.0),
        with_grade("1", misaki(), Some("N1"), Consented, Grade::Auto, 30.0),
    ];
    assert_eq!(told(conclude(all, &misaki())), "nobody");
}

#[test]
fn two_persons_that_consents_name_apart_are_not_joined_by_a_third_record() {
    let sure = |number, network, standing, score| {
        with_grade(number, misaki(), network, standing, Grade::Auto, score)
    };
    let all = vec![
        sure("1", Some("N1"), Consented, 35.0),
        sure("3", None, Unconsented, 35.0),
        sure("2", Some("N2"), Unconsented, 35.0),
    ];
    assert_eq!(told(conclude(all, &misaki())), "nobody");
}

#[test]
fn an_emergency_gets_a_sole_sure_record_and_never_a_wish_for_more() {
    let sole = || graded(&misaki(), "1", misaki(), None, Emergency);
    assert_eq!(told(conclude(vec![sole()], &misaki())), "found 1");
    let twin = graded(&misaki(), "2", mitsuki(), None, Emergency);
    assert!(twin.record.score < sole().record.score - MARGIN);
    assert_eq!(told(conclude(vec![sole(), twin], &misaki())), "found 1");
    let mut sent = misaki();
    (sent.phones, sent.addresses) = (Vec::new(), Vec::new());
    let close = graded(&sent, "1", misaki(), None, Emergency);
    assert_eq!(told(conclude(vec![close], &sent)), "nobody");
    let far = || person(("千代", "チヨ"), "19400101");
    let second = with_grade("2", far(), None, Emergency, Grade::Auto, 22.0);
    assert_eq!(told(conclude(vec![sole(), second], &misaki())), "nobody", "not the only sure one");
}

#[test]
fn a_hidden_person_takes_what_resembles_them_out_of_an_emergency() {
    let sole = || graded(&misaki(), "1", with_insurance(misaki(), "02"), None, Emergency);
    let same = graded(&misaki(), "2", misaki(), Some("N1"), Hidden);
    assert_eq!(told(conclude(vec![sole(), same], &misaki())), "nobody");
    // Close is enough, also far below in what was asked.
    let mut close = with_insurance(misaki(), "02");
    (close.phones, close.addresses) = (Vec::new(), Vec::new());
    let close = with_grade("2", close, Some("N1"), Hidden, Grade::Review, 12.0);
    assert_eq!(told(conclude(vec![sole(), close], &misaki())), "nobody");
}

#[test]
fn a_no_at_one_hospital_leaves_the_consent_at_another_and_hides_its_own_record_only() {
    let at =
        |number, standing, grade, score| with_grade(number, misaki(), Some("N1"), standing, grade, score);
    let both = |one, two| vec![at("1", Consented, one, 24.0), at("2", Hidden, two, 40.0)];
    assert_eq!(told(conclude(both(Grade::Auto, Grade::Auto), &misaki())), "found N1");
    let Conclusion::Person(found) = conclude(both(Grade::Auto, Grade::Auto), &misaki()) else { panic!() };
    assert_eq!(found.record.id, id("1", "1"), "the record shown is the consented one");
    // The hidden record does not help to find the person either.
    assert_eq!(told(conclude(both(Grade::Review, Grade::Auto), &misaki())), "nobody");
}

#[test]
fn a_record_that_resembles_the_hidden_record_of_one_consented_elsewhere_stays_hidden_in_an_emergency() {
    let mut sent = misaki();
    sent.phones.clear();
    let mut close = misaki();
    (close.phones, close.addresses) = (Vec::new(), Vec::new());
    let sole = || with_grade("3", misaki(), None, Emergency, Grade::Auto, 40.0);
    let far = || person(("千代", "チヨ"), "19400101");
    let others = vec![
        with_grade("1", far(), Some("N1"), Consented, Grade::Review, 13.0),
        with_grade("2", close, Some("N1"), Hidden, Grade::Review, 13.0),
    ];
    assert_eq!(told(conclude(vec![sole()], &sent)), "found 3");
    let all = others.into_iter().chain([sole()]).collect();
    // The emergency gets nobody; the consented person, close only, is asked about as ever.
    assert_ne!(told(conclude(all, &sent)), "found 3");
}

#[test]
fn a_person_asked_for_by_one_of_their_records_is_found_or_nobody_is() {
    let (mut asked, mut found) = (0, 0);
    for (style, seed) in [(Style::Usual, 31), (Style::Dirty, 32)] {
        let records = population(seed, style, 200);
        let prepared: Vec<Prepared> = records.iter().map(|r| Prepared::new(&r.demographics)).collect();
        for (at, query) in records.iter().enumerate().filter(|(_, query)| !query.placeholder) {
            // Insurance is never sent.
            let sent = Demographics { insurance: None, ..query.demographics.clone() };
            let keys = Prepared::new(&sent);
            let others = records.iter().zip(&prepared).enumerate().filter(|(other, _)| *other != at);
            let all: Vec<Candidate> = others
                .map(|(other, (r, record))| (other, r, compare(&keys, record)))
                .filter(|(_, _, graded)| graded.grade > Grade::None)
                .map(|(other, r, graded)| {
                    let (network, number) = (format!("N{}", r.person), other.to_string());
                    let (record, network) = (r.demographics.clone(), Some(network.as_str()));
                    with_grade(&number, record, network, Consented, graded.grade, graded.score)
                })
                .collect();
            let is_there = records.iter().filter(|r| r.person == query.person && !r.placeholder).count() > 1;
            asked += usize::from(is_there);
            if let Conclusion::Person(person) = conclude(all, &sent) {
                let network = person.network_id.unwrap();
                assert_eq!(*network.value.reveal(), format!("N{}", query.person), "{style:?}");
                found += 1;
            }
        }
    }
    assert!(found * 100 >= asked * 80, "{found} of {asked}");
}

// One consented person among so many others of her name, each born on a day of their own.
fn among(others: usize) -> Vec<Candidate> {
    let other = |n: usize| {
        let birth = format!("{:04}{:02}{:02}", 1900 + n / 336, 1 + n / 28 % 12, 1 + n % 28);
        let record = person(("美咲", "ミサキ"), &birth);
        with_grade(&n.to_string(), record, None, Consented, Grade::Review, 13.0)
    };
    let her = with_grade("her", misaki(), Some("N1"), Consented, Grade::Auto, 40.0);
    (0..others).map(other).chain([her]).collect()
}

#[test]
fn of_thousands_who_resemble_the_one_who_is_meant_is_found_and_none_is_joined_to_another() {
    assert_eq!(told(conclude(among(20_000), &misaki())), "found N1");
    let shown = persons(among(20_000));
    assert_eq!(shown.len(), 20_001);
    assert_eq!(*shown[0][0].record.id.value.reveal(), "her");
}

// As it says what joins: each held against each.
fn joined_pair_by_pair(candidates: Vec<Candidate>) -> Vec<Person> {
    let mut persons: Vec<Person> = Vec::new();
    for candidate in candidates {
        let mut person = Person::of(candidate);
        while let Some(at) = persons.iter().position(|known| known.is_same(&person)) {
            person.take(persons.remove(at));
        }
        persons.push(person);
    }
    persons
}

#[test]
fn who_is_held_against_those_alone_that_may_be_meant_is_joined_to_the_same() {
    for (style, seed) in [(Style::Usual, 61), (Style::Dirty, 62), (Style::Coincident, 63)] {
        let records = population(seed, style, 120);
        let all: Vec<Candidate> = (0..)
            .zip(&records)
            .map(|(n, record): (usize, _)| {
                let network = format!("N{}", record.person);
                let network = Some(network.as_str()).filter(|_| n % 3 == 0);
                let (number, of) = (n.to_string(), record.demographics.clone());
                with_grade(&number, of, network, Consented, Grade::Review, n as f64)
            })
            .collect();
        let told = |persons: Vec<Person>| -> Vec<Vec<String>> {
            let numbers =
                |person: &Person| person.candidates().map(|c| c.record.id.value.reveal().clone()).collect();
            persons.iter().map(numbers).collect()
        };
        assert_eq!(told(join(all.clone())), told(joined_pair_by_pair(all)), "{style:?}");
    }
}
