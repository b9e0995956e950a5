//! Figures of the running broker beside nginx, HAProxy and a JVM stand-in, in one interleaved run: the
//! same load source, the same upstream, the same messages (`make bench`; `FIGURES=short` for a minute).
//!
//! What is gated is processor time a request as a ratio to nginx of the same round; requests a second
//! and latencies are the machine's. The load source and the upstream are processes of their own.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a bench"
)]

mod arguments;
mod asker;
mod cases;
mod entries;
mod goals;
mod load;
mod process;
mod proxies;
mod table;
mod tls;
mod upstream;
mod world;

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use arguments::Arguments;
use cases::{Case, cases};
use process::{Server, Told, forget_peak, processor_ns, resident_kib};
use proxies::Contestant;
use table::{Row, Table};
use world::World;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let rest = words.get(1..).unwrap_or_default();
    match words.first().map(String::as_str) {
        Some("load") => load::run(&Arguments::read(rest)),
        Some("upstream") => upstream::run(&Arguments::read(rest)),
        _ => return compare(),
    }
    ExitCode::SUCCESS
}

/// As ../shared/perf warms it.
const WARM_UP: Duration = Duration::from_secs(75);

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn compare() -> ExitCode {
    let began = Instant::now();
    let is_short = std::env::var("FIGURES").is_ok_and(|form| form == "short");
    // Of one round alone whatever else the machine did would count.
    let rounds = number("ROUNDS", if is_short { 3 } else { 5 });
    let only = std::env::var("ONLY").unwrap_or_default();
    let world = World::lay_out();
    let upstream = Run { world: &world }.upstream();
    let mut contestants = proxies::start(&world, is_short);
    let run = Run { world: &world };
    if let Some(jvm) = contestants.iter().find(|contestant| contestant.name == "jvm") {
        println!("warming the JVM up for {} s (it compiles its hot paths while it runs)", WARM_UP.as_secs());
        let until = Instant::now() + WARM_UP;
        let of_jvm = |case: &&Case| case.contestants.contains(&"jvm");
        while Instant::now() < until {
            for case in cases(true).iter().filter(of_jvm) {
                let _ = run.row(case, jvm, 0);
            }
        }
    }
    let mut table = Table(Vec::new());
    for round in 1..=rounds {
        // Anew in each round: what a list of 10,000 entries leaves behind is not what a document takes.
        if let Some(at) = contestants.iter().position(|one| round > 1 && one.name == "kakehashi") {
            drop(contestants.remove(at));
            contestants.insert(at, proxies::broker(&world));
        }
        for case in cases(is_short).iter().filter(|case| case.name.contains(&only)) {
            let taking_part = |contestant: &&Contestant| case.contestants.contains(&contestant.name);
            for contestant in contestants.iter().filter(taking_part) {
                table.0.push(run.row(case, contestant, round));
            }
        }
        println!("round {round} of {rounds} done after {} s", began.elapsed().as_secs());
    }
    drop((contestants, upstream));
    table.print();
    let file = world.folder.with_file_name("figures.tsv");
    std::fs::write(&file, table.tsv()).unwrap();
    println!("\n{} rows in {}, {} s in all\n", table.0.len(), file.display(), began.elapsed().as_secs());
    let verdicts = goals::verdicts(&table, is_short);
    verdicts.iter().for_each(goals::Verdict::print);
    let wrong: u64 = table.0.iter().map(|row| row.wrong).sum();
    println!("wrong answers: {wrong}");
    let is_good = wrong == 0 && verdicts.iter().all(goals::Verdict::is_met);
    // Without nginx or with some of the cases only, there is less to be held against the goals.
    let is_missing_allowed =
        !only.is_empty() || std::env::var("INTEROP_MISSING").is_ok_and(|word| word == "allow");
    if verdicts.len() < goals::LEAST && !is_missing_allowed {
        println!(
            "{} goals of {} were not measured: nginx is needed",
            goals::LEAST - verdicts.len(),
            goals::LEAST
        );
        return ExitCode::FAILURE;
    }
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Run<'w> {
    world: &'w World,
}

impl Run<'_> {
    fn itself(&self, word: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.arg(word).arg(format!("certs={}", self.world.certs().display()));
        command
    }

    fn upstream(&self) -> Server {
        let port = self.world.ports.upstream;
        let mut command = self.itself("upstream");
        command.arg(format!("port={port}"));
        Server::start(&mut command, &self.world.folder.join("upstream.log"), port)
    }

    /// Sends a case's messages through a contestant.
    fn row(&self, case: &Case, contestant: &Contestant, round: u64) -> Row {
        let Case { kind, key, size, count, warm, connections, rate, seconds_max, .. } = case;
        let mut command = self.itself("load");
        command.arg(format!("kind={kind}")).arg(format!("key={key}")).arg(format!("size={size}"));
        command.arg(format!("count={count}")).arg(format!("warm={warm}"));
        command.arg(format!("connections={connections}")).arg(format!("rate={rate}"));
        command.arg(format!("seconds_max={seconds_max}")).arg(format!("port={}", contestant.port));
        command.arg(format!("portal={}", self.world.ports.portal));
        // Before the warm-up: what that leaves in memory is part of what the case takes.
        let before_kib = resident_kib(contestant.server.pid(), "VmRSS");
        let mut load = Told::start(&mut command);
        assert_eq!(load.hear(), "ready", "{} at {}", case.name, contestant.name);
        let pid = contestant.server.pid();
        forget_peak(pid);
        let began = processor_ns(pid);
        load.tell("go");
        let said = load.hear();
        let (ended, peak_kib) = (processor_ns(pid), resident_kib(pid, "VmHWM"));
        load.tell("close");
        let said: Vec<&str> = said.split(' ').collect();
        Row {
            case: case.name,
            contestant: contestant.name,
            round,
            requests: said[0].parse().unwrap(),
            processor_us: ended.saturating_sub(began) as f64 / 1e3,
            seconds: said[1].parse().unwrap(),
            p50_us: said[2].parse().unwrap(),
            p99_us: said[3].parse().unwrap(),
            wrong: said[4].parse().unwrap(),
            bytes: said[5].parse().unwrap(),
            before_kib,
            peak_kib,
        }
    }
}
