//! A portal looks for persons as in its own patient manager (ITI-47): several may be shown, a page at a
//! time, and each page is on record before it leaves.

use kakehashi::dialect::hl7v3::{CrossGatewayPatientDiscovery, PdqCancellation, PdqContinuation, PdqQuery};
use kakehashi::model::{
    Answer, Authority, CommunityId, Demographics, DemographicsQuery, FoundPatient, MessageId,
    PatientDiscovery, PatientId, PatientMatch, Phi, QueryCancellation, QueryContinuation, QueryId,
};

use crate::simulators::client::{Client, NURSE, PHYSICIAN, Reply, oid, patient};
use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::{HANAKO, Hospital, Someone, TARO};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, consent};

const NETWORK: &str = "2.999.33.1";
const UNIVERSITY: &str = "2.999.33.20.1";

/// HANAKO's twin.
const SAKURAKO: Someone = Someone { given: "桜子", given_kana: "サクラコ", ..HANAKO };

/// Whoever bears this family name and was born that day.
fn either_twin() -> Demographics {
    let mut either = Someone { given: "", given_kana: "", ..HANAKO }.demographics();
    either.sex = None;
    either
}

fn query(demographics: Demographics, ids: Vec<PatientId>, page: Option<usize>) -> DemographicsQuery {
    let person = PatientDiscovery { demographics: Phi::new(demographics), ids };
    let query = QueryId { root: "2.999.33.0.7".to_owned(), extension: Some(MessageId::fresh().0) };
    DemographicsQuery { person, authorities: Vec::new(), query, page }
}

fn next(of: &DemographicsQuery) -> QueryContinuation {
    QueryContinuation { query: of.query.clone(), from: None, page: None }
}

fn people(answer: &Answer<PatientMatch>) -> Vec<&FoundPatient> {
    let found = answer.found.iter().map(|found| match found {
        PatientMatch::Found(found) => found,
        other => panic!("{other:?}"),
    });
    found.collect()
}

fn ids(found: &FoundPatient) -> Vec<String> {
    std::iter::once(&found.id).chain(&found.also).map(|id| id.value.reveal().clone()).collect()
}

fn is_unknown_query(reply: &Reply) -> bool {
    let text = reply.text();
    text.contains("<typeCode code=\"AE\"/>") && text.contains("code=\"204\"") && !text.contains("<subject ")
}

async fn continued(portal: &Client, of: &DemographicsQuery) -> Reply {
    portal.ask_raw::<PdqContinuation>(&next(of)).await
}

/// The twins at one hospital, HANAKO under N-1 at two.
async fn okayama(hiroshima: &Gateway) -> (Network, [Hospital; 2]) {
    let hospitals = [Hospital::okayama_university(), Hospital::kurashiki()];
    hospitals[0].files("0000012345", &HANAKO, &["ADT-00"]);
    hospitals[0].files("0000012346", &SAKURAKO, &["ADT-00"]);
    hospitals[0].files("0000067890", &TARO, &["ADT-00"]);
    hospitals[1].files("0000054321", &HANAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA)
        .hospital(&hospitals[0])
        .hospital(&hospitals[1])
        .consent(consent("N-1", &hospitals[0], "0000012345", HIROSHIMA))
        .consent(consent("N-1", &hospitals[1], "0000054321", HIROSHIMA))
        .peer(HIROSHIMA, hiroshima.port)
        .start()
        .await;
    (okayama, hospitals)
}

/// Hiroshima, which knows HANAKO too.
async fn hiroshima() -> Gateway {
    Gateway::start(HIROSHIMA, |arrived| async move {
        let found = PatientMatch::Found(FoundPatient {
            community: CommunityId(oid("2.999.34")),
            id: patient("2.999.34.1", "H-1"),
            demographics: Some(HANAKO.bare().into()),
            confidence: 95,
            also: Vec::new(),
        });
        arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![found])))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn persons_come_under_all_their_ids_and_those_of_other_networks_with_their_home() {
    let hiroshima = hiroshima().await;
    let (okayama, _hospitals) = okayama(&hiroshima).await;
    let portal = okayama.portal(PHYSICIAN);
    let answer = portal.ask::<PdqQuery>(&query(HANAKO.demographics(), Vec::new(), None)).await.unwrap();
    let mut told = people(&answer);
    told.sort_by_key(|found| found.community.clone());
    let of: Vec<(String, Vec<String>)> = told.iter().map(|f| (f.community.0.to_string(), ids(f))).collect();
    let own = ["N-1", "0000012345", "0000054321"].map(str::to_owned);
    let ours: Vec<_> = of.iter().filter(|(community, _)| community == "2.999.33").collect();
    assert!(ours.iter().any(|(_, ids)| own.iter().all(|id| ids.contains(id))), "{of:?}");
    assert!(of.contains(&("2.999.34".to_owned(), vec!["H-1".to_owned()])), "{of:?}");
    assert!(told.iter().all(|f| f.demographics.as_ref().is_some_and(|d| d.reveal().addresses.is_empty())));

    // A domain narrows what is told and who is asked.
    let before = hiroshima.seen().len();
    let scoped = DemographicsQuery {
        authorities: vec![Authority(oid(UNIVERSITY))],
        ..query(HANAKO.demographics(), Vec::new(), None)
    };
    let answer = portal.ask::<PdqQuery>(&scoped).await.unwrap();
    assert!(people(&answer).iter().all(|found| found.id.authority.0 == oid(UNIVERSITY)));
    assert!(people(&answer).iter().any(|found| ids(found) == ["0000012345"]));
    assert_eq!(hiroshima.seen().len(), before, "no demographics left for ids that nobody wanted");
    let unknown = DemographicsQuery { authorities: vec![Authority(oid("2.999.77"))], ..scoped };
    let reply = portal.ask_raw::<PdqQuery>(&unknown).await.text();
    assert!(reply.contains("otherIDsScopingOrganization[1]/hl7:value") && !reply.contains("<subject "));
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_finds_its_person_with_name_and_other_ids_and_those_of_two_find_nobody() {
    let hiroshima = hiroshima().await;
    let (okayama, _hospitals) = okayama(&hiroshima).await;
    let portal = okayama.portal(PHYSICIAN);
    let number = |value: &str| patient(UNIVERSITY, value);
    let nothing = Demographics::default;
    for known in [patient(NETWORK, "N-1"), number("0000012345")] {
        let answer = portal.ask::<PdqQuery>(&query(nothing(), vec![known], None)).await.unwrap();
        let told = people(&answer);
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].demographics.as_ref().unwrap().reveal().birth, HANAKO.demographics().birth);
        assert_eq!(ids(told[0]).first().map(String::as_str), Some("N-1"));
    }
    let both = vec![patient(NETWORK, "N-1"), number("0000012345")];
    let answer = portal.ask::<PdqQuery>(&query(nothing(), both, None)).await.unwrap();
    assert_eq!(answer.found.len(), 1, "two ids of one person");
    for ids in [
        vec![number("0000012345"), number("0000012346")],
        vec![number("0000000404")],
        vec![patient(NETWORK, "N-1"), patient("2.999.34.1", "H-1")],
        vec![patient("2.999.77.1", "X")],
    ] {
        let answer = portal.ask::<PdqQuery>(&query(nothing(), ids.clone(), None)).await.unwrap();
        assert!(answer.found.is_empty(), "{ids:?}");
    }
    assert!(hiroshima.seen().is_empty(), "ids of ours stay at home");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_stands_in_the_log_when_it_is_shown_and_not_before() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    hospital.files("0000012346", &SAKURAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA).hospital(&hospital).start().await;
    let portal = okayama.portal(PHYSICIAN);
    let paged = query(either_twin(), Vec::new(), Some(1));
    let first = portal.ask::<PdqQuery>(&paged).await.unwrap();
    assert_eq!((people(&first).len(), first.page.remaining), (1, 1));
    let first = ids(people(&first)[0]);
    let other = if first == ["0000012345"] { "0000012346" } else { "0000012345" };
    let records = okayama.records();
    assert!(records.hold(first[0].as_bytes()) && !records.hold(other.as_bytes()));

    let message = portal.write::<PdqContinuation>(&next(&paged)).await;
    let reply = portal.send(&message).await;
    let second = portal.read::<PdqContinuation>(&message, &reply).await.unwrap();
    assert_eq!(ids(people(&second)[0]), [other]);
    assert_eq!((second.page.before, second.page.remaining), (1, 0));
    assert!(reply.text().contains("<initialQuantity value=\"1\""), "the query stands in every page");
    assert!(records.hold(other.as_bytes()));
    let released = records.of("release").await;
    assert_eq!(released.len(), 2, "{released:?}");

    let again = QueryContinuation { from: Some(1), page: Some(2), ..next(&paged) };
    assert_eq!(portal.ask::<PdqContinuation>(&again).await.unwrap().found.len(), 2, "any page again");
    let end = QueryCancellation { query: paged.query.clone() };
    assert!(portal.ask::<PdqCancellation>(&end).await.is_ok());
    assert!(is_unknown_query(&continued(&portal, &paged).await), "it is forgotten");
    assert!(portal.ask::<PdqCancellation>(&end).await.is_ok(), "and may be ended twice");
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_goes_on_with_a_query_or_ends_it() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    hospital.files("0000012346", &SAKURAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA).hospital(&hospital).start().await;
    let portal = okayama.portal(PHYSICIAN);
    let paged = query(either_twin(), Vec::new(), Some(1));
    assert_eq!(portal.ask::<PdqQuery>(&paged).await.unwrap().page.remaining, 1);
    let end = QueryCancellation { query: paged.query.clone() };
    for other in [okayama.portal(NURSE), okayama.at_system("ward", PHYSICIAN)] {
        assert!(is_unknown_query(&continued(&other, &paged).await));
        assert!(other.ask::<PdqCancellation>(&end).await.is_ok());
    }
    let never = query(either_twin(), Vec::new(), Some(1));
    assert!(is_unknown_query(&continued(&portal, &never).await));
    assert_eq!(portal.ask::<PdqContinuation>(&next(&paged)).await.unwrap().found.len(), 1);
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_network_finds_no_such_service_and_the_paths_are_told_apart() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let okayama = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).start().await;
    let peer = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let asked = query(HANAKO.demographics(), Vec::new(), None);
    assert_eq!(peer.ask_raw::<PdqQuery>(&asked).await.status, 404);
    assert_eq!(peer.ask_raw::<PdqContinuation>(&next(&asked)).await.status, 404);
    let portal = okayama.portal(PHYSICIAN);
    let mut message = portal.write::<PdqQuery>(&asked).await;
    message.path = "/xcpd";
    assert_eq!(portal.send(&message).await.fault().subcodes, ["wsa:ActionNotSupported"]);
    let unsigned = portal.write_with::<PdqQuery>(&asked, None).await;
    let reply = portal.send(&unsigned).await;
    assert!(!reply.fault().subcodes.is_empty() && !reply.text().contains("0000012345"));
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_portal_over_its_rate_is_told_so_in_the_words_of_what_it_asked() {
    let hospital = Hospital::okayama_university();
    let mut plan = Plan::new(OKAYAMA).hospital(&hospital);
    plan.portal = "[rates]\npeer_per_second = 1\npeer_burst = 1";
    let okayama = plan.start().await;
    let portal = okayama.portal(PHYSICIAN);
    let asked = query(HANAKO.demographics(), Vec::new(), None);
    let end = QueryCancellation { query: asked.query.clone() };
    let mut texts = Vec::new();
    for _ in 0..3 {
        texts.push(portal.ask_raw::<PdqQuery>(&asked).await.text());
        texts.push(continued(&portal, &asked).await.text());
        texts.push(portal.ask_raw::<PdqCancellation>(&end).await.text());
    }
    let busy = texts.iter().filter(|text| text.contains("too many requests")).collect::<Vec<_>>();
    for words in ["<queryByParameter", "QUQI", "<MCCI_IN000002UV01"] {
        let is_worded = |text: &&&String| match words {
            // A continuation has no query to repeat.
            "QUQI" => text.contains("<PRPA_IN201306UV02") && !text.contains("<queryByParameter"),
            words => text.contains(words),
        };
        assert!(busy.iter().any(|text| is_worded(&text)), "{words}: {texts:?}");
    }
    okayama.stop().await;
}
