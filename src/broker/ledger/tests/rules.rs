//! One rule a test.

use super::super::*;
use crate::config::Budget;

const BUDGETS: Budgets = Budgets {
    person: Budget { patients: [6, 9, 12], misses: [3, 3, 3], misses_percent: 50 },
    facility: Budget { patients: [100, 100, 100], misses: [6, 6, 6], misses_percent: 0 },
    peer: Budget { patients: [100, 100, 100], misses: [20, 20, 20], misses_percent: 0 },
    emergencies_per_day: 2,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_780_000_000_000_000).plus_seconds(seconds)
}

fn asker<'a>(person: &'a str, facility: &'a str) -> Asker<'a> {
    Asker { person, facility, in_emergency: false }
}

fn seen(subject: u64, missed: bool) -> Seen {
    Seen { subject: Subject(subject), also: Vec::new(), missed, likeness: None }
}

/// Asks and, where it may be asked, learns. Whether it was let through.
fn asks(ledger: &mut Ledger, asker: Asker<'_>, seen: &Seen, now: i64) -> bool {
    let verdict = ledger.ask(asker, &[seen.subject], at(now));
    let Verdict::Go { beyond, is_new } = verdict else { return false };
    ledger.count(asker, seen, beyond, at(now));
    if is_new {
        ledger.ended(asker);
    }
    true
}

fn over(ledger: &mut Ledger, asker: Asker<'_>, now: i64) -> Option<(&'static str, &'static str)> {
    match ledger.ask(asker, &[Subject(u64::MAX)], at(now)) {
        Verdict::Over { whose, what } => Some((whose, what.what)),
        Verdict::Go { .. } => {
            ledger.ended(asker);
            None
        }
        Verdict::Later => panic!("nothing else is under way"),
    }
}

#[test]
fn asking_about_the_same_patient_again_costs_nothing_even_over_the_budget() {
    let mut ledger = Ledger::new(BUDGETS);
    let physician = asker("a", "f");
    for subject in 0..6 {
        assert!(asks(&mut ledger, physician, &seen(subject, false), 0));
        assert!(asks(&mut ledger, physician, &seen(subject, false), 1));
    }
    assert_eq!(over(&mut ledger, physician, 2), Some(("person", "patients")));
    assert!(asks(&mut ledger, physician, &seen(3, false), 3), "one known");
    assert!(asks(&mut ledger, physician, &seen(9, false), 2 * 3_600), "and after the hour somebody new");
}

#[test]
fn another_name_of_a_known_patient_is_free_and_counts_nobody() {
    let mut ledger = Ledger::new(BUDGETS);
    let physician = asker("a", "f");
    let by_name = Seen { also: vec![Subject(100)], ..seen(1, false) };
    assert!(asks(&mut ledger, physician, &by_name, 0));
    for subject in 2..7 {
        assert!(asks(&mut ledger, physician, &seen(subject, false), 0));
    }
    assert_eq!(over(&mut ledger, physician, 0), Some(("person", "patients")));
    assert!(asks(&mut ledger, physician, &seen(100, false), 0), "the same words again");
}

#[test]
fn a_person_is_one_in_whatever_facility_and_under_whatever_purpose() {
    let mut ledger = Ledger::new(BUDGETS);
    for (subject, facility) in ["f", "g", "h"].into_iter().enumerate() {
        assert!(asks(&mut ledger, asker("a", facility), &seen(subject as u64, true), 0));
    }
    assert_eq!(over(&mut ledger, asker("a", "another"), 0), Some(("person", "misses")));
}

#[test]
fn users_of_one_facility_share_its_misses_and_the_honest_among_them_go_on() {
    let mut ledger = Ledger::new(BUDGETS);
    for subject in 0..6 {
        let name = format!("hopper {}", subject / 2);
        assert!(asks(&mut ledger, asker(&name, "f"), &seen(subject, true), 0));
    }
    assert_eq!(over(&mut ledger, asker("hopper 0", "f"), 0), Some(("facility", "misses")));
    assert!(asks(&mut ledger, asker("honest", "f"), &seen(50, false), 0));
    assert!(asks(&mut ledger, asker("fresh", "f"), &seen(51, true), 0), "one miss is left to each");
    assert_eq!(over(&mut ledger, asker("fresh", "f"), 0), Some(("facility", "misses")));
    assert!(asks(&mut ledger, asker("elsewhere", "g"), &seen(52, true), 0), "others do not notice");
}

#[test]
fn at_four_times_its_budget_only_those_who_find_whom_they_ask_about_go_on() {
    let person = Budget { patients: [100; 3], ..BUDGETS.person };
    let peer = Budget { misses: [100; 3], ..BUDGETS.peer };
    let mut ledger = Ledger::new(Budgets { person, peer, ..BUDGETS });
    for subject in 100..110 {
        assert!(asks(&mut ledger, asker("proven", "f"), &seen(subject, false), 0));
    }
    for subject in 0..24 {
        let name = format!("hopper {subject}");
        assert!(asks(&mut ledger, asker(&name, "f"), &seen(subject, true), 0), "{subject}");
    }
    assert_eq!(over(&mut ledger, asker("anybody", "f"), 0), Some(("facility", "misses")));
    assert_eq!(over(&mut ledger, asker("proven", "f"), 0), None);
    assert_eq!(over(&mut ledger, asker("anybody", "g"), 0), None);
}

#[test]
fn a_typing_error_that_is_put_right_is_no_miss_and_a_list_of_names_is() {
    let likeness = |birth: u64, family: u64, given: u64| Some([birth, family, given]);
    let mut ledger = Ledger::new(BUDGETS);
    let clerk = asker("clerk", "f");
    for patient in 0..6_u64 {
        let wrong = Seen { likeness: likeness(patient, 10 + patient, 99), ..seen(100 + patient, true) };
        let right = Seen { likeness: likeness(patient, 10 + patient, 20 + patient), ..seen(patient, false) };
        let hour = i64::try_from(patient).unwrap() * 26 * 3_600;
        assert!(asks(&mut ledger, clerk, &wrong, hour) && asks(&mut ledger, clerk, &right, hour + 30));
        let [_, _, month] = ledger.persons["clerk"].tally.totals();
        assert_eq!(month.misses, 0, "patient {patient}");
    }
    let trawler = asker("trawler", "f");
    for name in 0..3_u64 {
        let seen = Seen { likeness: likeness(name, 7, name), ..seen(200 + name, true) };
        assert!(asks(&mut ledger, trawler, &seen, 0));
    }
    assert_eq!(over(&mut ledger, trawler, 0), Some(("person", "misses")));
}

#[test]
fn a_patient_known_already_excuses_a_few_typing_errors_and_not_a_list_of_guesses() {
    let mut ledger = Ledger::new(BUDGETS);
    let clerk = asker("clerk", "f");
    let known = Seen { likeness: Some([1, 2, 3]), ..seen(1, false) };
    assert!(asks(&mut ledger, clerk, &known, 0));
    let mut guesses = 0;
    for guess in 0..20_u64 {
        let wrong = Seen { likeness: Some([900 + guess, 2, 3]), ..seen(100 + guess, true) };
        if !asks(&mut ledger, clerk, &wrong, 60) {
            break;
        }
        guesses += 1;
        assert!(asks(&mut ledger, clerk, &known, 60));
        let [_, _, month] = ledger.persons["clerk"].tally.totals();
        assert_eq!(month.misses == 0, guess < 3, "guess {guess}");
    }
    assert!(guesses < 20, "the guesses are stopped");
}

#[test]
fn as_many_questions_run_at_a_time_as_may_still_miss() {
    let mut ledger = Ledger::new(BUDGETS);
    let physician = asker("a", "f");
    for subject in 0..3 {
        assert_eq!(
            ledger.ask(physician, &[Subject(subject)], at(0)),
            Verdict::Go { beyond: false, is_new: true }
        );
    }
    assert_eq!(ledger.ask(physician, &[Subject(3)], at(0)), Verdict::Later);
    ledger.count(physician, &seen(0, false), false, at(0));
    ledger.ended(physician);
    assert_eq!(ledger.ask(physician, &[Subject(3)], at(0)), Verdict::Go { beyond: false, is_new: true });
}

#[test]
fn an_emergency_goes_on_over_every_budget_and_its_number_is_bounded() {
    let mut ledger = Ledger::new(BUDGETS);
    for subject in 0..3 {
        assert!(asks(&mut ledger, asker("a", "f"), &seen(subject, true), 0));
    }
    let emergency = Asker { in_emergency: true, ..asker("a", "f") };
    for subject in 10..12 {
        let verdict = ledger.ask(emergency, &[Subject(subject)], at(0));
        assert_eq!(verdict, Verdict::Go { beyond: true, is_new: true });
        ledger.count(emergency, &seen(subject, false), true, at(0));
        ledger.ended(emergency);
    }
    assert_eq!(over(&mut ledger, emergency, 0), Some(("emergency", "misses")));
    assert!(asks(&mut ledger, emergency, &seen(11, false), 0), "those already asked about stay free");
    assert_eq!(over(&mut ledger, emergency, 26 * 3_600), None, "and a day later others");
}

#[test]
fn a_ledger_made_again_from_what_was_kept_refuses_what_the_first_refused() {
    let mut ledger = Ledger::new(BUDGETS);
    let mut kept = Vec::new();
    let emergency = Asker { in_emergency: true, ..asker("a", "f") };
    for subject in 0..5 {
        let who = if subject < 3 { asker("a", "f") } else { emergency };
        let beyond = matches!(ledger.ask(who, &[Subject(subject)], at(0)), Verdict::Go { beyond: true, .. });
        kept.extend(ledger.count(who, &seen(subject, true), beyond, at(0)));
        ledger.ended(who);
    }
    let mut again = Ledger::new(BUDGETS);
    kept.iter().for_each(|(subject, kept)| again.take_in("a", "f", *subject, *kept));
    for asker in [asker("a", "f"), emergency, asker("b", "f")] {
        assert_eq!(over(&mut again, asker, 60), over(&mut ledger, asker, 60));
    }
    assert_eq!(over(&mut again, emergency, 60), Some(("emergency", "misses")));
    assert_eq!(again.used(at(60)), ledger.used(at(60)));
}

#[test]
fn persons_beyond_the_cap_share_one_account() {
    let wide = Budget { patients: [u32::MAX / 2; 3], ..BUDGETS.peer };
    let mut ledger = Ledger::new(Budgets { facility: wide, peer: wide, ..BUDGETS });
    for number in 0..PERSONS_MAX as u64 {
        assert!(asks(&mut ledger, asker(&format!("p{number}"), "f"), &seen(number, false), 0));
    }
    for number in 0..6_u64 {
        assert!(asks(&mut ledger, asker(&format!("new{number}"), "f"), &seen(number, false), 1));
    }
    assert_eq!(ledger.persons.len(), PERSONS_MAX + 1, "the table does not grow");
    assert_eq!(over(&mut ledger, asker("new99", "f"), 1), Some(("person", "patients")));
    let later = 40 * 86_400;
    assert!(asks(&mut ledger, asker("new99", "f"), &seen(7, false), later));
    assert_eq!(ledger.persons.len(), 1, "who has not asked for 30 days is forgotten");
}
