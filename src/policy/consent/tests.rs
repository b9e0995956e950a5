use super::*;
use crate::policy::fixture::{FIRST, HIROSHIMA, SECOND, at, community, day, listed, noon, row};
use crate::store::Card;

const ASKED_AT_NOON: &str = "2026-04-10T12:00:00+09:00";

fn standing(rows: Vec<ConsentRow>, viewer: &str, purpose: Purpose, when: &str) -> Standing {
    let asked = Asked { community: &community(HIROSHIMA), viewer, purpose };
    ConsentBook::new(1, rows).standing(&asked, FIRST, &Phi::new("N1".to_owned()), at(when))
}

fn now(rows: Vec<ConsentRow>) -> Standing {
    standing(rows, "2.999.34.7", Purpose::Treatment, ASKED_AT_NOON)
}

fn of(state: ConsentState, from: &str) -> ConsentRow {
    ConsentRow { state, valid_from: day(from), ..row() }
}

fn all() -> Standing {
    Standing::Consented { kinds: Terms::All }
}

fn only(kinds: &[&str]) -> Standing {
    Standing::Consented { kinds: listed(kinds) }
}

#[test]
fn withdrawn_or_refused_beats_all_and_then_the_newest_row_counts() {
    use ConsentState::{Granted, Limited, Refused, Withdrawn};
    let limited = |from, kinds: &[&str]| ConsentRow { kinds: listed(kinds), ..of(Limited, from) };
    let cases = [
        ("no row at all", vec![], Standing::None),
        ("granted", vec![of(Granted, "2026-01-01")], all()),
        ("refused only", vec![of(Refused, "2026-01-01")], Standing::Blocked),
        ("withdrawn later", vec![of(Granted, "2026-01-01"), of(Withdrawn, "2026-02-01")], Standing::Blocked),
        (
            "withdrawn before a newer grant",
            vec![of(Withdrawn, "2026-01-01"), of(Granted, "2026-02-01")],
            Standing::Blocked,
        ),
        ("withdrawn in the future", vec![of(Granted, "2026-01-01"), of(Withdrawn, "2026-05-01")], all()),
        (
            "limited after granted",
            vec![of(Granted, "2026-01-01"), limited("2026-02-01", &["OML-11"])],
            only(&["OML-11"]),
        ),
        ("granted after limited", vec![limited("2026-01-01", &["OML-11"]), of(Granted, "2026-02-01")], all()),
        (
            "order of entry does not matter",
            vec![of(Granted, "2026-02-01"), limited("2026-01-01", &["OML-11"])],
            all(),
        ),
        (
            "limited on the same day narrows",
            vec![of(Granted, "2026-01-01"), limited("2026-01-01", &["OML-11"])],
            only(&["OML-11"]),
        ),
        (
            "two lists of one day join",
            vec![limited("2026-01-01", &["OML-11"]), limited("2026-01-01", &["ADT-61"])],
            only(&["ADT-61", "OML-11"]),
        ),
        ("limited without a list is nothing", vec![of(Limited, "2026-01-01")], only(&[])),
        (
            "granted with a list is that list",
            vec![ConsentRow { kinds: listed(&["ADT-61"]), ..row() }],
            only(&["ADT-61"]),
        ),
    ];
    for (name, rows, expected) in cases {
        assert_eq!(now(rows), expected, "{name}");
    }
}

#[test]
fn both_days_of_validity_belong_to_it_and_days_are_days_in_japan() {
    let rows =
        || vec![ConsentRow { valid_from: day("2026-04-01"), valid_until: Some(day("2026-04-30")), ..row() }];
    let cases = [
        ("2026-03-31T23:59:59+09:00", Standing::None),
        ("2026-04-01T00:00:00+09:00", all()),
        ("2026-03-31T15:00:00Z", all()),
        ("2026-04-30T23:59:59+09:00", all()),
        ("2026-05-01T00:00:00+09:00", Standing::None),
        ("2026-04-30T15:00:00Z", Standing::None),
    ];
    for (when, expected) in cases {
        assert_eq!(standing(rows(), "x", Purpose::Treatment, when), expected, "{when}");
    }
}

#[test]
fn a_consent_names_its_viewers_and_its_purpose() {
    let rows = || vec![ConsentRow { viewers: listed(&["2.999.34.7"]), ..row() }];
    let asked = |viewer, purpose| standing(rows(), viewer, purpose, ASKED_AT_NOON);
    assert_eq!(asked("2.999.34.7", Purpose::Treatment), all());
    assert_eq!(asked("urn:oid:2.999.34.7", Purpose::Treatment), all());
    assert_eq!(asked("2.999.34.70", Purpose::Treatment), Standing::None);
    assert_eq!(asked("2.999.34.7", Purpose::Emergency), Standing::None);
}

#[test]
fn a_newer_row_replaces_the_older_one_also_for_viewers_it_does_not_name() {
    let newer = ConsentRow { viewers: listed(&["2.999.34.8"]), valid_from: day("2026-02-01"), ..row() };
    assert_eq!(now(vec![row(), newer]), Standing::None);
}

#[test]
fn a_withdrawal_ends_only_by_entering_the_same_form_with_a_last_day() {
    let withdrawn = of(ConsentState::Withdrawn, "2026-02-01");
    let ended = ConsentRow { valid_until: Some(day("2026-03-31")), ..withdrawn.clone() };
    let other_form = ConsentRow { form: "HR-9".to_owned(), ..ended.clone() };
    assert_eq!(now(vec![row(), withdrawn.clone(), ended]), all());
    assert_eq!(now(vec![row(), withdrawn, other_form]), Standing::Blocked);
}

#[test]
fn rows_of_another_facility_or_community_say_nothing_here() {
    let elsewhere = ConsentRow { facility: SECOND.to_owned(), ..of(ConsentState::Withdrawn, "2026-01-01") };
    let other = ConsentRow { community: community("2.999.31"), ..of(ConsentState::Withdrawn, "2026-01-01") };
    assert_eq!(now(vec![row(), elsewhere.clone(), other]), all());
    let book = ConsentBook::new(1, vec![row(), elsewhere]);
    assert!(book.blocked_anywhere(&community(HIROSHIMA), &Phi::new("N1".to_owned()), noon()));
}

#[test]
fn several_numbers_even_of_one_hospital_are_one_person_and_found_both_ways() {
    let second = ConsentRow { patient_no: Phi::new("200".to_owned()), ..row() };
    let third = ConsentRow { facility: SECOND.to_owned(), ..of(ConsentState::Withdrawn, "2026-01-01") };
    let book = ConsentBook::new(7, vec![row(), second, third]);
    let person = Phi::new("N1".to_owned());
    assert_eq!(book.numbers_of(&person).len(), 3);
    assert_eq!(book.network_id_of(FIRST, &Phi::new("200".to_owned())), Some(&person));
    assert_eq!(book.network_id_of(SECOND, &Phi::new("200".to_owned())), None);
    assert_eq!(book.version(), 7);
}

#[test]
fn a_person_is_asked_for_abroad_only_where_a_consent_in_force_names_the_community() {
    let refused = ConsentRow { community: community("2.999.31"), ..of(ConsentState::Refused, "2026-01-01") };
    let past = ConsentRow { community: community("2.999.32"), valid_until: Some(day("2026-02-01")), ..row() };
    let elsewhere = ConsentRow { facility: SECOND.to_owned(), ..of(ConsentState::Withdrawn, "2026-01-01") };
    let book = ConsentBook::new(1, vec![row(), refused, past, elsewhere]);
    let number = HospitalNumber { facility: FIRST.to_owned(), number: Phi::new("100".to_owned()) };
    assert_eq!(book.abroad(&Phi::new("N1".to_owned()), noon()), [(community(HIROSHIMA), vec![number])]);
}

fn card(number: &str, from: Option<&str>, until: Option<&str>) -> ConsentRow {
    let id = of_hiroshima(number);
    ConsentRow { card: Some(Card { id, from: from.map(day), until: until.map(day) }), ..row() }
}

fn of_hiroshima(number: &str) -> PatientId {
    PatientId::from_cx(&format!("{number}^^^&2.999.34.1&ISO")).unwrap()
}

fn good(book: &ConsentBook, now: &str) -> String {
    let held = book.card_of(&Phi::new("N1".to_owned()), &community(HIROSHIMA), at(now));
    held.map(|held| held.id.value.reveal().clone()).unwrap_or_default()
}

#[test]
fn the_card_entered_last_counts_within_its_days_in_japan_and_ends_those_before_it() {
    let book = ConsentBook::new(1, vec![row(), card("H-1", Some("2026-04-01"), Some("2026-04-30"))]);
    for (now, expected) in [
        ("2026-03-31T14:59:59Z", ""),
        ("2026-03-31T15:00:00Z", "H-1"),
        ("2026-04-30T14:59:59Z", "H-1"),
        ("2026-04-30T15:00:00Z", ""),
    ] {
        assert_eq!(good(&book, now), expected, "{now}");
    }
    let (first, anew) = (card("H-1", None, None), card("H-2", Some("2026-05-01"), Some("2026-05-31")));
    let book = ConsentBook::new(2, vec![first.clone(), anew.clone(), row()]);
    for (now, expected) in
        [("2026-04-30T14:59:59Z", "H-1"), ("2026-04-30T15:00:00Z", "H-2"), ("2026-05-31T15:00:00Z", "")]
    {
        assert_eq!(good(&book, now), expected, "the old card does not come back: {now}");
    }
    let until = |now| book.card_of(&Phi::new("N1".to_owned()), &community(HIROSHIMA), at(now)).unwrap().until;
    assert_eq!(until("2026-04-30T14:59:59Z"), Some(at("2026-04-30T15:00:00Z")), "as the next one begins");
    assert_eq!(until("2026-04-30T15:00:00Z"), Some(at("2026-05-31T15:00:00Z")));
    let noted = ConsentBook::partly_on_record(2, vec![first, anew], 1);
    let then = "2026-05-02T00:00:00Z";
    assert_eq!(good(&noted, then), "", "not on record it takes the old one and gives nothing");
    let elsewhere = ConsentRow { community: community("2.999.31"), ..card("T-1", None, None) };
    let book = ConsentBook::new(1, vec![card("H-1", None, None), elsewhere]);
    assert_eq!(good(&book, then), "H-1", "another network's card ends nothing");
}

#[test]
fn a_network_is_named_until_the_first_day_on_which_no_row_does() {
    let last = |row: ConsentRow, day_: &str| ConsentRow { valid_until: Some(day(day_)), ..row };
    let at_first = last(row(), "2026-04-30");
    for (rows, until) in [
        (vec![row()], None),
        (vec![at_first.clone()], Some("2026-04-30T15:00:00Z")),
        (vec![at_first.clone(), of(ConsentState::Granted, "2026-05-01")], None),
        (vec![at_first, of(ConsentState::Granted, "2026-05-02")], Some("2026-04-30T15:00:00Z")),
        (vec![row(), last(of(ConsentState::Granted, "2026-04-02"), "2026-04-20")], None),
        (vec![row(), of(ConsentState::Withdrawn, "2026-04-21")], Some("2026-04-20T15:00:00Z")),
        (vec![row(), ConsentRow { facility: SECOND.to_owned(), ..last(row(), "2026-04-20") }], None),
    ] {
        let book = ConsentBook::new(1, rows.clone());
        let number = HospitalNumber { facility: FIRST.to_owned(), number: Phi::new("100".to_owned()) };
        let named = Phi::new("N1".to_owned());
        let named = book.consented_until(&named, &community(HIROSHIMA), &number, noon());
        assert_eq!(named, until.map(at), "{rows:?}");
    }
}

#[test]
fn the_id_of_a_card_is_its_holders_as_long_as_it_counts_and_nobodys_before_after_or_without_consent() {
    let (there, now) = (community(HIROSHIMA), at("2026-05-02T00:00:00Z"));
    let (whose, other) = (Phi::new("N1".to_owned()), Phi::new("N2".to_owned()));
    let reads = |rows: Vec<ConsentRow>, number: &str| {
        let (book, id) = (ConsentBook::new(1, rows), of_hiroshima(number));
        let may = [&whose, &other].map(|person| book.may_be_called(person, &there, &id, now));
        (book.is_over(&there, &id, now), may)
    };
    let open = || card("H-1", None, None);
    let withdrawn = || ConsentRow { state: ConsentState::Withdrawn, ..row() };
    for (rows, over, may) in [
        (vec![row()], false, [true, true]),
        (vec![open()], false, [true, false]),
        (vec![open(), card("H-2", None, None)], true, [false, false]),
        (vec![card("H-1", Some("2026-05-03"), None)], true, [false, false]),
        (vec![card("H-1", None, Some("2026-05-01"))], true, [false, false]),
        (vec![card("H-1", None, Some("2026-05-01")), open()], false, [true, false]),
        (vec![open(), withdrawn()], true, [true, false]),
        (vec![ConsentRow { community: community("2.999.31"), ..open() }], false, [true, true]),
    ] {
        assert_eq!(reads(rows.clone(), "H-1"), (over, may), "{rows:?}");
    }
}
