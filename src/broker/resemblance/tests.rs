use super::*;
use crate::model::{
    Address, Authority, CommunityId, NameScript, Oid, PartialDate, PersonName, Phi, Sex, Side, TargetName,
};

fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

fn hanako() -> Demographics {
    let name = |script, family: &str, given: &str| PersonName {
        script: Some(script),
        family: family.to_owned(),
        given: given.to_owned(),
    };
    Demographics {
        names: vec![
            name(NameScript::Ideographic, "架橋", "花子"),
            name(NameScript::Syllabic, "カキョウ", "ハナコ"),
        ],
        birth: PartialDate::from_digits("19480405"),
        sex: Some(Sex::Female),
        addresses: vec![Address {
            postal_code: "7100000".to_owned(),
            text: "岡山県倉敷市架空町１−２−３".to_owned(),
        }],
        phones: vec!["086-000-1111".to_owned()],
        ..Demographics::default()
    }
}

/// As answers show her.
fn bare() -> Demographics {
    Demographics { addresses: Vec::new(), phones: Vec::new(), ..hanako() }
}

fn twin() -> Demographics {
    let mut twin = bare();
    twin.names[0].given = "桜子".to_owned();
    twin.names[1].given = "サクラコ".to_owned();
    twin
}

fn peer() -> Descriptor {
    Descriptor {
        name: TargetName("hiroshima".into()),
        community: CommunityId(oid("2.999.34")),
        side: Side::Peer,
        offers: Default::default(),
        authorities: vec![Authority(oid("2.999.34.1"))],
        repositories: Vec::new(),
        facility: None,
        documents_may_differ: false,
    }
}

fn id(value: &str) -> PatientId {
    PatientId::new(Authority(oid("2.999.34.1")), value)
}

fn found(value: &str, shown: Option<Demographics>) -> FoundPatient {
    FoundPatient {
        community: CommunityId(oid("2.999.34")),
        id: id(value),
        demographics: shown.map(Phi::new),
        confidence: 100,
        also: Vec::new(),
    }
}

fn lookup(sent: Option<Demographics>) -> PatientIdLookup {
    let known = PatientId::new(Authority(oid("2.999.33.1")), "N-1");
    PatientIdLookup { known, demographics: sent.map(Phi::new), authorities: Vec::new() }
}

fn taken(
    sent: Option<Demographics>,
    found: Vec<FoundPatient>,
) -> (Vec<PatientId>, Vec<(&'static str, usize)>) {
    let Taken { ids, dropped } = ids_of(&lookup(sent), &peer(), Answer::found(found));
    (ids, dropped)
}

#[test]
fn each_number_that_shows_the_person_who_was_sent_is_taken_and_no_other() {
    let answer = vec![
        found("H-1", Some(bare())),
        found("H-2", Some(twin())),
        found("H-3", None),
        found("H-4", Some(Demographics::default())),
        found("H-1", Some(hanako())),
        found("H-5", Some(hanako())),
    ];
    assert_eq!(taken(Some(hanako()), answer), (vec![id("H-1"), id("H-5")], vec![("other_person", 3)]));
}

#[test]
fn an_answer_whose_address_and_telephone_are_others_is_not_taken_for_want_of_a_name() {
    let mut moved = hanako();
    moved.addresses[0].text = "鳥取県架空市架空町９".to_owned();
    moved.addresses[0].postal_code = "6800000".to_owned();
    moved.phones = vec!["0857-00-9999".to_owned()];
    assert_eq!(taken(Some(hanako()), vec![found("H-1", Some(moved))]).0, []);
    // Nor one that could not be held against anything but name, birth date and sex.
    assert_eq!(taken(Some(bare()), vec![found("H-1", Some(bare()))]).0, []);
}

#[test]
fn a_gateway_that_shows_names_in_kanji_only_is_believed_and_its_strangers_are_not() {
    let kanji = |family: &str, given: &str| {
        let mut shown = bare();
        shown.names.truncate(1);
        (shown.names[0].family, shown.names[0].given) = (family.to_owned(), given.to_owned());
        shown
    };
    let believed = |shown| taken(Some(hanako()), vec![found("H-1", Some(shown))]).0 == [id("H-1")];
    assert!(believed(kanji("架橋", "花子")));
    assert!(!believed(kanji("架橋", "桜子")), "another given name");
    assert!(!believed(kanji("石橋", "花子")), "another family name");
    let born_elsewhen = PartialDate::from_digits("19480406");
    assert!(!believed(Demographics { birth: born_elsewhen, ..kanji("架橋", "花子") }));
    assert!(!believed(Demographics { birth: None, ..kanji("架橋", "花子") }), "no birth date");
    assert!(!believed(Demographics { sex: Some(Sex::Male), ..kanji("架橋", "花子") }));
}

#[test]
fn only_a_look_up_by_id_alone_is_answered_without_demographics() {
    assert_eq!(taken(None, vec![found("H-1", None)]).0, [id("H-1")]);
    assert_eq!(taken(Some(hanako()), vec![found("H-1", None)]), (vec![], vec![("other_person", 1)]));
}

#[test]
fn another_home_or_authority_is_not_the_peers_to_speak_of() {
    let elsewhere = FoundPatient { community: CommunityId(oid("2.999.31")), ..found("H-1", Some(bare())) };
    let authority = Authority(oid("2.999.31.1"));
    let others = FoundPatient { id: PatientId::new(authority, "T-1"), ..found("H-1", Some(bare())) };
    let mut answer = Answer::found(vec![elsewhere, others]);
    answer.set_aside = 1;
    let taken = ids_of(&lookup(Some(hanako())), &peer(), answer);
    assert_eq!(taken, Taken { ids: Vec::new(), dropped: vec![("not_asked", 3)] });
}

#[test]
fn of_an_answer_with_more_ids_than_a_person_has_nothing_is_taken() {
    let many = |count| (0..count).map(|n| found(&format!("H-{n}"), Some(bare()))).collect();
    assert_eq!(taken(Some(hanako()), many(8)).0.len(), 8);
    assert_eq!(taken(Some(hanako()), many(9)), (vec![], vec![("too_many_ids", 9)]));
}

#[test]
fn a_match_for_the_portal_must_resemble_what_was_typed_or_stand_under_the_id_asked_for() {
    let asked = |typed: Demographics, ids| PatientDiscovery { demographics: Phi::new(typed), ids };
    let nothing = Demographics::default;
    let other = Demographics { birth: PartialDate::from_digits("19591123"), ..twin() };
    for (request, found, expected) in [
        (asked(bare(), vec![]), found("H-1", Some(bare())), true),
        (asked(bare(), vec![]), found("H-1", Some(other.clone())), false),
        (asked(bare(), vec![]), found("H-1", None), false),
        (asked(bare(), vec![id("H-1")]), found("H-1", None), true),
        (asked(bare(), vec![id("H-1")]), found("H-1", Some(other)), false),
        (asked(nothing(), vec![id("H-1")]), found("H-1", Some(bare())), true),
        (asked(nothing(), vec![id("H-1")]), found("H-2", Some(bare())), false),
    ] {
        assert_eq!(resembles(&request, &found), expected, "{}", found.id.value.reveal());
    }
}
