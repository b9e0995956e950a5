//! The program is killed (SIGKILL) at seeded moments: under load, amid a document, a commit, a new
//! segment, its own start. After each kill it comes back, and what clients had been told holds.

mod judge;
mod load;
mod moments;
mod oracle;

use std::time::{Duration, Instant};

use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, OKAYAMA, Plan, consent};
use crate::simulators::process::Process;
use crate::simulators::repository::{Repository, forwarding};
use crate::simulators::seed::{Seed, is_long};
use judge::Judge;
use load::{Load, Neighbour, emergencies};
use moments::{Moment, schedule};

/// One folder, killed this many times before the next begins with an empty one.
const KILLS_A_LIFE: usize = 20;

const OFTEN: &str = "peer_burst = 100_000\nperson_burst = 100_000\npeer_per_second = 10_000\n\
                     person_per_minute = 100_000\nin_flight_max = 1000";

#[tokio::test(flavor = "multi_thread")]
async fn whenever_it_is_killed_every_byte_a_client_has_is_on_record_and_nothing_taken_is_forgotten() {
    let began = Instant::now();
    let mut seed = Seed::given("kills");
    let lives = if is_long() { 25 } else { 1 };
    let (mut kills, mut told) = (0, judge::Counts::default());
    let mut starts = Vec::new();
    let mut clean = Vec::new();
    for _ in 0..lives {
        let life = live(&mut seed).await;
        kills += life.kills;
        starts.extend(life.restarts);
        clean.push(life.clean);
        told.add(&life.counts);
    }
    starts.sort();
    clean.sort();
    let (usual, middle, slowest) =
        (clean[clean.len() / 2], starts[starts.len() / 2], starts[starts.len() - 1]);
    println!("kills: {kills} in {:?}; {told:?}", began.elapsed());
    println!("kills: clean start {usual:?}, after a kill {middle:?} in the middle, {slowest:?} at most");
    assert!(told.whole > 0 && told.cut > 0, "no answer was complete, or none was cut: {told:?}");
    assert!(middle < usual * 3 + Duration::from_secs(1), "a kill makes the next start slow");
}

/// What came of one folder.
struct Life {
    kills: usize,
    clean: Duration,
    restarts: Vec<Duration>,
    counts: judge::Counts,
}

async fn live(seed: &mut Seed) -> Life {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00", "OMP-01"]);
    hospital.summary("0000012345", load::LARGE);
    for (number, somebody) in emergencies() {
        hospital.files(&number, &somebody, &["ADT-00", "OMP-01"]);
    }
    let neighbour = Neighbour::start().await;
    let repository = Repository::default();
    let port = crate::simulators::network::free_port();
    let listening = repository.listen(port).await;
    let plan = Plan { tables: forwarding(port), ..Plan::new(OKAYAMA) }
        .hospital(&hospital)
        .peer_with(HIROSHIMA, neighbour.port(), "limits = { per_second = 1000 }")
        .consent(consent("N-1", &hospital, "0000012345", HIROSHIMA))
        .limits(OFTEN);
    let mut broker = Process::new(&plan).await;
    broker.start().await;
    broker.stop();
    let clean = broker.start().await;
    let mut judge = Judge::new(&broker).await;
    let mut life = Life { kills: 0, clean, restarts: Vec::new(), counts: judge::Counts::default() };
    for moment in schedule(seed, KILLS_A_LIFE) {
        if moment == Moment::InRotation {
            broker.stop();
            moments::fill_the_segment(&broker).await;
            broker.start().await;
        }
        let load = Load::start(&broker, &hospital, seed);
        moments::strike(&mut broker, &load, &moment).await;
        let noted = load.end().await;
        life.kills += 1 + moments::strike_again_while_it_starts(&mut broker, &moment, clean, seed).await;
        life.restarts.push(broker.start().await);
        judge.judge(&broker, noted, &neighbour, &format!("{moment:?}")).await;
    }
    judge.has_reached(&broker, &repository).await;
    broker.stop();
    judge.conclude(&broker, &repository).await;
    life.counts = judge.counts;
    listening.abort();
    life
}
