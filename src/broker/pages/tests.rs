//! What is kept of a query is for whoever asked, for few minutes, and bounded.

use super::*;
use crate::model::{Authority, CommunityId, FoundPatient, Oid, PatientId, Purpose, Side};
use crate::policy::fixture;

fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

fn asker() -> RequestContext {
    fixture::context(Side::Home, "2.999.33", "physician", Purpose::Treatment)
}

fn query(number: usize) -> QueryId {
    QueryId { root: "2.999.1".to_owned(), extension: Some(number.to_string()) }
}

fn found(count: usize, length: usize) -> Vec<PatientMatch> {
    let one = |n: usize| {
        PatientMatch::Found(FoundPatient {
            community: CommunityId(oid("2.999.33")),
            id: PatientId::new(Authority(oid("2.999.33.1")), format!("{n:0length$}")),
            demographics: None,
            confidence: 100,
            also: Vec::new(),
        })
    };
    (0..count).map(one).collect()
}

fn ids(page: Option<(Vec<PatientMatch>, Page)>) -> Option<(Vec<String>, usize, usize)> {
    let (found, page) = page?;
    let id = |found: &PatientMatch| match found {
        PatientMatch::Found(found) => found.id.value.reveal().clone(),
        other => panic!("{other:?}"),
    };
    Some((found.iter().map(id).collect(), page.before, page.remaining))
}

fn told(ids: &[&str], before: usize, remaining: usize) -> Option<(Vec<String>, usize, usize)> {
    Some((ids.iter().map(|id| (*id).to_owned()).collect(), before, remaining))
}

#[test]
fn pages_follow_each_other_and_any_of_them_can_be_had_again() {
    let (pages, asker) = (Pages::default(), asker());
    pages.keep(&asker, &query(1), 2, found(5, 1), Phi::default());
    let asked = |from, page| ids(pages.page(&asker, &query(1), from, page));
    assert_eq!(asked(None, None), told(&["2", "3"], 2, 1));
    // It did not leave: who asks again gets the same.
    let next = |from, page| {
        let page = asked(from, page);
        pages.released(&asker, &query(1));
        page
    };
    assert_eq!(next(None, None), told(&["2", "3"], 2, 1));
    assert_eq!(next(None, None), told(&["4"], 4, 0));
    assert_eq!(next(None, None), told(&[], 5, 0));
    assert_eq!(next(Some(1), Some(1)), told(&["0"], 0, 4));
    assert_eq!(next(None, Some(usize::MAX)), told(&["1", "2", "3", "4"], 1, 0));
    assert_eq!(next(Some(99), None), told(&[], 5, 0));
    pages.cancel(&asker, &query(1));
    assert!(!pages.knows(&asker, &query(1)));
}

#[test]
fn nobody_else_is_shown_a_page() {
    let (pages, asker) = (Pages::default(), asker());
    pages.keep(&asker, &query(1), 1, found(3, 1), Phi::default());
    let mut others = [asker.clone(), asker.clone(), asker.clone(), asker.clone()];
    others[0].endpoint.spki_sha256 = "another key".to_owned();
    others[1].requester.vouched.as_mut().unwrap().person.id = "another person".to_owned();
    others[2].requester.vouched.as_mut().unwrap().organization.id = "2.999.8".to_owned();
    others[3].requester.system = TargetName("another system".into());
    for other in &others {
        assert!(!pages.knows(other, &query(1)));
        assert_eq!(ids(pages.page(other, &query(1), None, None)), None);
        pages.cancel(other, &query(1));
    }
    assert!(pages.knows(&asker, &query(1)), "and nobody else can cancel it");
}

#[test]
fn what_nobody_asks_for_is_forgotten_after_ten_minutes() {
    let (pages, mut asker) = (Pages::default(), asker());
    pages.keep(&asker, &query(1), 1, found(3, 1), Phi::default());
    asker.received = asker.received.plus_seconds(KEPT_S - 1);
    assert!(pages.page(&asker, &query(1), None, None).is_some());
    asker.received = asker.received.plus_seconds(KEPT_S - 1);
    assert!(pages.knows(&asker, &query(1)), "each page begins the time anew");
    asker.received = asker.received.plus_seconds(KEPT_S);
    assert!(!pages.knows(&asker, &query(1)));
    assert!(pages.locked().is_empty(), "nothing of it is left");
}

#[test]
fn a_system_that_keeps_asking_loses_its_oldest_and_nobody_elses() {
    let (pages, asker) = (Pages::default(), asker());
    let mut other = asker.clone();
    other.requester.system = TargetName("another system".into());
    pages.keep(&other, &query(0), 1, found(2, 1), Phi::default());
    for number in 0..=KEPT_MAX {
        pages.keep(&asker, &query(number), 1, found(2, 1), Phi::default());
    }
    assert!(!pages.knows(&asker, &query(0)) && pages.knows(&asker, &query(1)));
    let half = BYTES_MAX / 2 / 100;
    pages.keep(&asker, &query(900), 1, found(100, half), Phi::default());
    assert!(pages.knows(&asker, &query(900)) || !pages.knows(&asker, &query(1)));
    pages.keep(&asker, &query(901), 1, found(100, half), Phi::default());
    let kept: usize = pages.locked()[&asker.requester.system].iter().map(|kept| kept.bytes).sum();
    assert!(kept <= BYTES_MAX, "{kept}");
    pages.keep(&asker, &query(902), 1, found(100, half * 3), Phi::default());
    assert!(!pages.knows(&asker, &query(902)), "too large to be kept at all");
    assert!(pages.knows(&other, &query(0)));
}
