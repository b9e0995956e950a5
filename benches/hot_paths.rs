//! The hot paths as a plain binary: `hot_paths NAME COUNT` does the work of NAME so many times, after
//! the same preparation; `hot_paths list` names them. `benches/run.sh` counts instructions of a run
//! and of one with COUNT 0, so that preparation falls out. Nothing is asserted about time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench"
)]

mod assertions;
mod audit_log;
mod documents;
mod messages;
mod people;
mod samples;
mod stream;

type Work = fn(u32);

// Name, unit, work; a baseline stands before what is compared with it.
const WORKS: [(&str, &str, Work); 12] = [
    ("xml_events_query_answer", "the same bytes, events alone", messages::query_answer_events),
    ("query_answer_read", "ITI-38 answer of 100 entries, read", messages::query_answer_read),
    ("query_answer_write", "ITI-38 answer of 100 entries, written", messages::query_answer_write),
    ("query_answer_relay", "the same read, spliced and written", messages::query_answer_relay),
    ("query_answer_relay_1_000", "the same of 1,000 entries", messages::query_answer_relay_1_000),
    ("query_answer_relay_10_000", "the same of 10,000 entries", messages::query_answer_relay_10_000),
    ("xml_events_discovery", "the same bytes, events alone", messages::discovery_events),
    ("discovery_read", "ITI-55 request, read", messages::discovery_read),
    ("assertion_issue", "an assertion of ours, written and signed (P-256)", assertions::issue),
    ("assertion_verify", "the same in a message, verified", assertions::verify),
    ("match_pairs", "10,000 pairs of records, compared", people::pairs),
    ("policy_filter", "1,000 entries, judged by policy and consent", documents::filter),
];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.as_slice() {
        [word] if word == "list" => {
            for (name, unit, _) in WORKS {
                println!("{name}\t{unit}");
            }
        }
        [word] if word == "audit" => audit_log::compare(),
        [word] if word == "stream" => stream::measure(),
        [name, count] => {
            let (_, _, work) = WORKS.iter().find(|(known, _, _)| known == name).expect("a name from `list`");
            work(count.parse().expect("a number"));
        }
        _ => eprintln!("hot_paths list | audit | stream | NAME COUNT (see benches/run.sh)"),
    }
}
