//! A thousand planted values go in on every path, failures and panics among them; then all that was
//! written is searched for them, in every form. Only the audit log and the store may hold them, and only
//! their owner may read those.

mod disguises;
mod doors_of_home;
mod neighbour;
mod paths;
mod places;
mod values;
mod within;

use std::time::Instant;

use crate::simulators::gateway::Gateway;
use crate::simulators::hospital::Hospital;
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, Site, TOTTORI, consent};
use crate::simulators::process::Process;
use disguises::Search;
use paths::Told;
use values::{PEOPLE, Planted, VALUES, everybody};

const OFTEN: &str = "peer_burst = 100_000\nperson_burst = 100_000\npeer_per_second = 10_000\n\
                     person_per_minute = 100_000";
/// People whose documents may be shown.
const CONSENTED: usize = 12;

/// A broker to be, its hospital, and neighbours who answer in every odd way.
async fn plan(people: &[Planted]) -> (Plan, Hospital, [Gateway; 2]) {
    let hospital = Hospital::okayama_university();
    for one in people {
        hospital.files(one.number, &one.who, &["ADT-00", "OMP-01"]);
    }
    paths::odd_files(&hospital, &people[CONSENTED..]);
    let turn = std::sync::atomic::AtomicUsize::new(0);
    let everyone = people.to_vec();
    let answering = move |arrived| {
        let way = turn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        neighbour::answer(arrived, way, everyone[way % everyone.len()].clone())
    };
    let hiroshima = Gateway::start(HIROSHIMA, answering).await;
    let tottori = Gateway::start(TOTTORI, |arrived| neighbour::answer(arrived, 15, values::planted(0))).await;
    let quickly =
        "timeout_ms = 300\nbreaker = { failures = 1000, open_ms = 10 }\nlimits = { per_second = 1000 }";
    let mut plan = Plan::new(OKAYAMA)
        .hospital(&hospital)
        .peer_with(HIROSHIMA, hiroshima.port, quickly)
        .peer_with(TOTTORI, tottori.port, quickly)
        .limits(OFTEN);
    for one in &people[..CONSENTED] {
        plan = plan.consent(consent(one.network_id, &hospital, one.number, HIROSHIMA));
    }
    (plan, hospital, [hiroshima, tottori])
}

/// Sends everything; gives what was answered.
async fn play(site: &Site, hospital: &Hospital, people: &[Planted]) -> (Vec<Told>, Vec<Vec<u8>>) {
    let (mut told, mut commands) = (Vec::new(), Vec::new());
    let disclosed = paths::shown(site, &people[..CONSENTED], &mut told).await;
    assert!(disclosed >= CONSENTED / 2, "{disclosed} documents were shown");
    paths::asked(site, people, &mut told).await;
    paths::malformed(site, people, &mut told).await;
    paths::in_heads(site, people, &mut told).await;
    paths::in_assertions(site, people, &mut told).await;
    paths::consents(site, hospital, people, &mut commands).await;
    (told, commands)
}

/// Nobody is told a value of somebody else than whom they asked about.
fn others_are_in_no_answer(search: &Search, told: &[Told]) {
    for Told { about, bytes } in told {
        let is_another = |place: usize| place / VALUES != *about;
        if let Some((place, at)) = search.first_in(bytes, is_another) {
            let from = at.saturating_sub(200);
            let near = String::from_utf8_lossy(&bytes[from..(at + 100).min(bytes.len())]).into_owned();
            panic!(
                "value {} of person {} in an answer about {about}: {near}",
                place % VALUES,
                place / VALUES
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_planted_value_surfaces_beside_the_log_and_the_store_of_the_program() {
    let began = Instant::now();
    let people = everybody();
    let values: Vec<&str> = people.iter().flat_map(Planted::values).collect();
    let search = Search::new(&values);
    let (plan, hospital, _neighbours) = plan(&people).await;
    let mut broker = Process::new(&plan).await;
    let temporary = broker.path().join("tmp");
    std::fs::create_dir(&temporary).unwrap();
    broker.environment = vec![
        ("KAKEHASHI_LOG", "kakehashi=trace,debug".into()),
        ("TMPDIR", temporary.clone().into()),
        ("RUST_BACKTRACE", "1".into()),
    ];
    broker.start().await;
    let (told, commands) = play(&broker, &hospital, &people).await;
    // The storage goes away and comes back, twice; then the program is asked what it knows.
    for _ in 0..2 {
        std::fs::rename(hospital.standard(), hospital.standard().with_extension("away")).unwrap();
        paths::shown_or_not(&broker, &people[..3]).await;
        std::fs::rename(hospital.standard().with_extension("away"), hospital.standard()).unwrap();
    }
    let mut written: Vec<(String, Vec<u8>)> = Vec::new();
    for page in
        ["/metrics", "/healthz", "/readyz", &format!("/{}", values[6]), &format!("/metrics?{}", values[8])]
    {
        written.push((page.to_owned(), broker.admin(page).await.1.into_bytes()));
    }
    for (index, text) in commands.into_iter().enumerate() {
        written.push((format!("answer {index} of the control socket"), text));
    }
    places::of_the_process(broker.pid(), &mut written);
    places::of_commands(&broker, &people, &mut written);
    assert_eq!(places::core_dump_filter(broker.pid()), 0, "memory must not go into core dumps");
    broker.stop();
    places::of_a_damaged_log(&broker, &mut written);
    places::of_the_folder(broker.path(), &mut written);
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0, "a temporary file is left");
    others_are_in_no_answer(&search, &told);
    let searched = places::search(&search, &written);
    println!(
        "planted: {} values of {PEOPLE} people in {} forms, {} messages answered, {searched} bytes in {} places searched, {:?}",
        values.len(),
        search.count,
        told.len(),
        written.len(),
        began.elapsed()
    );
    assert!(broker.log().lines().filter(|line| line.contains("\"level\":\"DEBUG\"")).count() > 10);
    places::are_the_owners_alone(broker.path());
    places::hold_what_they_should(&search, broker.path());
}
