//! Budgets on distinct patients and misses, and the lane that emergencies have beside them.

use kakehashi::app::control::ControlRequest;
use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{
    CommunityId, Criteria, DocumentId, DocumentQuery, Phi, QueryKey, RepositoryId, ReturnType, Wanted,
};

use crate::simulators::client::{
    Client, IN_AN_EMERGENCY, PHYSICIAN, Reply, Who, discovery, documents_of, oid, patient, retrieve_of,
};
use crate::simulators::hospital::{HANAKO, Hospital, TARO};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, TOTTORI, consent};
use crate::simulators::waiting::attained;

const OTHER_PHYSICIAN: Who = Who { id: "d0002", ..PHYSICIAN };

async fn asks_for(client: &Client, network_id: &str) -> Reply {
    client.ask_raw::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", network_id))).await
}

/// Seconds after which a refusal says to come back, in the header and in words.
fn retry_after(reply: &Reply) -> u64 {
    let header = reply.headers.get("retry-after").unwrap_or_else(|| panic!("{}", reply.text()));
    let seconds: u64 = header.to_str().unwrap().parse().unwrap();
    if reply.status != 503 {
        let words = format!("try again after {seconds} second");
        assert!(reply.text().contains(&words), "{}", reply.text());
    }
    seconds
}

fn is_over(reply: &Reply) -> bool {
    reply.error_codes() == ["XDSRegistryBusy"]
}

async fn metric(network: &Network, line: &str) -> f64 {
    let (_, text) = network.admin("/metrics").await;
    let value = text.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok());
    value.unwrap_or(0.0)
}

fn plan(hospital: &Hospital) -> Plan {
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    hospital.files("0000067890", &TARO, &["ADT-00", "OMP-01"]);
    Plan::new(OKAYAMA)
        .hospital(hospital)
        .consent(consent("N-1", hospital, "0000012345", HIROSHIMA))
        .consent(consent("N-2", hospital, "0000067890", HIROSHIMA))
        .peer(TOTTORI, 2)
}

#[tokio::test(flavor = "multi_thread")]
async fn misses_are_refused_over_the_budget_in_the_same_words_for_everybody_also_after_a_restart() {
    let hospital = Hospital::okayama_university();
    let budgets = "budgets = { person_misses = [3, 3, 3], person_misses_percent = 0 }";
    let okayama = plan(&hospital).peer_with(HIROSHIMA, 1, budgets).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    assert_eq!(asks_for(&physician, "N-1").await.registry_status(), "Success");
    for guess in ["G-1", "G-2", "G-2", "G-3", "G-1"] {
        assert_eq!(asks_for(&physician, guess).await.registry_status(), "Success", "the same one is free");
    }
    let (known, unknown) = (asks_for(&physician, "N-2").await, asks_for(&physician, "G-9").await);
    assert!(is_over(&known) && is_over(&unknown), "{} {}", known.text(), unknown.text());
    assert!((3_000..4_000).contains(&retry_after(&known)) || retry_after(&known) > 86_400);
    assert_eq!(known.error_codes(), unknown.error_codes());
    assert!(retry_after(&known).abs_diff(retry_after(&unknown)) <= 1);
    assert_eq!(asks_for(&physician, "N-1").await.registry_status(), "Success", "whom they know stays free");
    let other = okayama.asked_by(HIROSHIMA, OTHER_PHYSICIAN);
    assert_eq!(asks_for(&other, "N-2").await.registry_status(), "Success", "others go on");
    let word = "kakehashi_throttled_total{peer=\"hiroshima\",what=\"person_misses\"}";
    assert_eq!(metric(&okayama, word).await, 2.0);

    let okayama = okayama.restarted().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    assert!(is_over(&asks_for(&physician, "N-2").await), "a restart gives nothing back");
    assert_eq!(asks_for(&physician, "N-1").await.registry_status(), "Success");
    let reset = |person: &str| ControlRequest::LimitsReset {
        system: "hiroshima".to_owned(),
        person: Some(person.to_owned()),
        reason: "spoken to".to_owned(),
        entered_by: "noc".to_owned(),
    };
    assert!(!okayama.control(reset("nobody")).await.ok);
    assert!(okayama.control(reset("d0001")).await.ok);
    assert_eq!(asks_for(&physician, "N-2").await.registry_status(), "Success", "fresh budgets");
    let records = okayama.stop().await;
    assert_eq!(records.of("configuration").await.len(), 2, "each reset is on record");
    let refusals = records.of("refusal").await;
    assert!(refusals.len() >= 3 && refusals.iter().all(|refusal| refusal.patients.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn that_nothing_belongs_to_what_was_shown_is_no_miss() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["OML-11", "PPR-01"]);
    let budgets = "budgets = { person_misses = [3, 3, 3], person_misses_percent = 0 }";
    let okayama = plan(&hospital).peer_with(HIROSHIMA, 1, budgets).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let shown = physician.entries(&patient("2.999.33.1", "N-1")).await;
    assert!(shown.len() > 3, "more than the budget has misses: {}", shown.len());
    let home = Some(CommunityId(oid("2.999.33")));
    let asked = async |by, wanted| {
        let criteria = Criteria { wanted, ..Criteria::default() };
        let query = DocumentQuery { by, home: home.clone(), criteria, returns: ReturnType::LeafClass };
        physician.ask_raw::<CrossGatewayQuery>(&query).await
    };
    let ids = QueryKey::Objects(shown.iter().map(|entry| entry.object.clone()).collect());
    let reply = asked(ids, Wanted::Associations).await;
    assert_eq!(reply.registry_status(), "Success", "nothing joins them: {}", reply.text());
    assert_eq!(asks_for(&physician, "N-2").await.registry_status(), "Success", "nothing was guessed");
    let guesses = QueryKey::UniqueIds((1..=4).map(|n| Phi::new(format!("2.999.5.{n}"))).collect());
    let reply = asked(guesses, Wanted::Documents).await;
    assert_eq!(reply.registry_status(), "Success", "{}", reply.text());
    let next = asks_for(&physician, "G-1").await;
    assert!(is_over(&next), "each of the guessed ids is a miss: {} -- {}", reply.text(), next.text());
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_document_ids_and_purposes_all_count_for_the_same_person() {
    let hospital = Hospital::okayama_university();
    let budgets =
        "budgets = { person_misses = [3, 3, 3], person_misses_percent = 0, emergencies_per_day = 1 }";
    let okayama = plan(&hospital).peer_with(HIROSHIMA, 1, budgets).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let nobody = |family: &str| {
        let mut demographics = HANAKO.demographics();
        for name in &mut demographics.names {
            // Two of three must differ: else finding the person explains the miss.
            (name.family, name.given) = (family.to_owned(), "不在".to_owned());
        }
        discovery(demographics)
    };
    physician.ask_raw::<CrossGatewayPatientDiscovery>(&nobody("架空")).await;
    let guess = |unique: &str| DocumentId {
        community: CommunityId(oid("2.999.33")),
        repository: RepositoryId(oid("2.999.33.20.9")),
        unique: Phi::new(unique.to_owned()),
    };
    physician.ask_raw::<CrossGatewayRetrieve>(&retrieve_of([guess("2.25.1"), guess("2.25.2")])).await;
    let refused = physician.ask_raw::<CrossGatewayRetrieve>(&retrieve_of([guess("2.25.3")])).await;
    assert_eq!(refused.error_codes(), ["XDSRepositoryBusy"]);
    let refused = physician.ask_raw::<CrossGatewayPatientDiscovery>(&nobody("別人")).await;
    assert!(refused.text().contains("ResponderBusy"), "{}", refused.text());
    retry_after(&refused);
    // An emergency is let through, stands out on record, and does not open the door for treatment.
    let emergency = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
    assert_eq!(emergency.find_one(HANAKO.demographics()).await.id, patient("2.999.33.1", "N-1"));
    let beyond = "kakehashi_emergencies_over_budget_total{peer=\"hiroshima\"}";
    assert_eq!(metric(&okayama, beyond).await, 1.0);
    assert!(is_over(&asks_for(&physician, "N-2").await));
    assert!(is_over(&asks_for(&emergency, "G-7").await), "one a day, as configured here");
    let records = okayama.stop().await;
    assert!(records.of("release").await.iter().any(|release| release.emergency && release.shown == 1));
    assert!(records.hold(b"over-budget"), "the obligation stands on record");
}

#[tokio::test(flavor = "multi_thread")]
async fn over_rates_and_without_places_everybody_is_told_when_to_come_back_and_an_emergency_goes_on() {
    let hospital = Hospital::okayama_university();
    let rates = "rates = { peer_per_second = 1, peer_burst = 1, person_per_minute = 1, person_burst = 1, \
                 emergency_per_minute = 6 }";
    let okayama = plan(&hospital).peer_with(HIROSHIMA, 1, rates).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    let mut refused = Vec::new();
    for _ in 0..40 {
        let reply = asks_for(&physician, "N-1").await;
        if reply.status == 503 || is_over(&reply) {
            assert!(retry_after(&reply) <= 60);
            refused.push(reply.status);
        }
    }
    assert!(
        refused.contains(&503) && refused.contains(&200),
        "some in words, the flood without: {refused:?}"
    );
    let emergency = okayama.asked_by(HIROSHIMA, IN_AN_EMERGENCY);
    let mut answered = 0;
    for _ in 0..12 {
        let reply = asks_for(&emergency, "N-1").await;
        answered += usize::from(reply.status == 200 && reply.registry_status() == "Success");
    }
    assert!((2..=8).contains(&answered), "let through, and bounded: {answered}");
    assert!(metric(&okayama, "kakehashi_emergency_lane_total{peer=\"hiroshima\"}").await >= 1.0);
    // Whoever only writes the word into an ordinary message is verified, and refused.
    let word = physician.write::<CrossGatewayQuery>(&documents_of(&patient("2.999.33.1", "EMERGENCY"))).await;
    let reply = physician.send(&word).await;
    assert!(reply.status == 503 || is_over(&reply), "{}", reply.text());
    let other = okayama.asked_by(TOTTORI, PHYSICIAN);
    let reply = asks_for(&other, "N-1").await;
    assert!(!is_over(&reply) && reply.status != 503, "another system does not notice: {}", reply.text());
    okayama.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_names_who_asked_and_tells_no_patient() {
    let hospital = Hospital::okayama_university();
    let okayama = plan(&hospital).peer(HIROSHIMA, 1).start().await;
    let physician = okayama.asked_by(HIROSHIMA, PHYSICIAN);
    asks_for(&physician, "N-1").await;
    asks_for(&physician, "G-1").await;
    let rows = attained("two subjects are kept", || async {
        Some(okayama.asked().await).filter(|rows| rows.len() == 2)
    })
    .await;
    assert!(rows.iter().all(|row| row.person == "d0001" && row.system == "hiroshima"));
    assert_eq!(rows.iter().map(|row| row.kind).collect::<Vec<_>>(), [0, 1], "found, missed");
    let other = plan(&hospital).peer(HIROSHIMA, 1).start().await;
    asks_for(&other.asked_by(HIROSHIMA, PHYSICIAN), "N-1").await;
    let theirs = attained("one subject is kept", || async { other.asked().await.pop() }).await;
    assert_ne!(theirs.subject, rows[0].subject, "each store has a key of its own");
    okayama.stop().await;
    other.stop().await;
}
