//! IPF as Okayama's own PIX manager: it says whose our hospitals' numbers are (ITI-45), is told what the
//! other network calls a person (ITI-44), and tells us what has changed (ITI-46 and ITI-44).

mod holds;
mod place;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::program::Program;
use super::super::table::Row;
use super::super::world::World;
use super::asking::Must::{self, Answer, Nothing};
use super::asking::{complaint, list};
use super::portal::{KIBI, NETWORK, REMOTE, SETO, find};
use super::{obey, row};
use holds::{
    all_three, both_numbers, nothing_new, only_kibi, own_missing, told_as, under_nobody, under_the_other,
};
pub use place::settings;

/// Whom the record becomes in a merge, and whom the other network's patient becomes.
const SURVIVOR: &str = "OK000777^^^&2.999.33.1&ISO";
const RENUMBERED: &str = "IPF000009^^^&2.999.34.1&ISO";
/// The broker looks twice a second for what is to be told; a debug build, beside others.
const TOLD: Duration = Duration::from_secs(30);

/// Hiroshima's settings are those of its gateway.
pub fn all(world: &mut World, gateway: &mut Program, hiroshima: &str) -> Result<Vec<Row>, String> {
    world.stop("okayama");
    place::settle(world, hiroshima)?;
    world.start("okayama")?;
    let folder = world.folder().to_owned();
    let mut manager = Manager { folder, gateway, rows: Vec::new(), seen: Vec::new(), mark: 0 };
    manager.links(&json!([[NETWORK, KIBI, SETO]]))?;
    manager.asked()?;
    manager.fed()?;
    manager.tells()?;
    manager.refused()?;
    manager.fails()?;
    manager.heard();
    Ok(manager.rows)
}

struct Manager<'g> {
    folder: PathBuf,
    gateway: &'g mut Program,
    rows: Vec<Row>,
    seen: Vec<Value>,
    /// Where in `seen` the case at hand begins.
    mark: usize,
}

impl Manager<'_> {
    fn obeys(&mut self, mut command: Value, word: &str) -> Result<Value, String> {
        command["cmd"] = json!(word);
        let answer = obey(self.gateway, &command)?;
        self.looks()?;
        Ok(answer)
    }

    /// Takes note of what has come since.
    fn looks(&mut self) -> Result<(), String> {
        let seen = obey(self.gateway, &json!({ "cmd": "seen" }))?;
        self.seen.extend(list(&seen, "seen").iter().cloned());
        Ok(())
    }

    /// Whose its ids are from now on.
    fn links(&mut self, persons: &Value) -> Result<(), String> {
        self.obeys(json!({ "at": "manager", "case": "match", "links": persons }), "behave").map(drop)
    }

    /// Asks by a door of Okayama's; what was seen meanwhile stands in the answer.
    fn asks(&mut self, door: &str, transaction: &str, mut command: Value) -> Result<Value, String> {
        command["side"] = json!("okayama");
        command["door"] = json!(door);
        command["transaction"] = json!(transaction);
        self.mark = self.seen.len();
        let mut answer = self.obeys(command, "ask")?;
        answer["asked"] = json!(self.seen[self.mark..]);
        Ok(answer)
    }

    fn lists(&mut self, patient: &str) -> Result<Value, String> {
        self.asks("portal", "ITI-18", find(patient))
    }

    fn judges(&mut self, of: (&str, &str), (case, verdict): (&str, &str), answer: &Value, must: &Must) {
        self.rows.push(row(of.0, of.1, case, verdict, complaint(answer, must, &[])));
    }

    /// Waits until it has been told so, since the last question.
    fn is_told(&mut self, case: (&str, &str), change: &str, holds: fn(&Value) -> bool) -> Result<(), String> {
        let until = Instant::now() + TOLD;
        let is_it = |one: &Value| told_as(one, change) && holds(&one["asked"]);
        let told = loop {
            let told = self.seen[self.mark..].iter().any(is_it);
            if told || Instant::now() > until {
                break told;
            }
            std::thread::sleep(Duration::from_millis(100));
            self.looks()?;
        };
        let why = (!told).then(|| json!(self.seen[self.mark..]).to_string());
        self.rows.push(row("ITI-44", "is asked", case.0, case.1, why));
        Ok(())
    }

    fn asked(&mut self) -> Result<(), String> {
        let of = ("ITI-45", "is asked");
        let answer = self.asks("portal", "ITI-45", json!({ "id": KIBI }))?;
        let case = ("our own manager: a hospital's number", "its links, beside another network's id");
        self.judges(of, case, &answer, &Answer("OK", both_numbers));
        let answer = self.lists(NETWORK)?;
        let case = ("our own manager: two numbers are one person's", "entries of both hospitals");
        self.judges(of, case, &answer, &Answer("SUCCESS", all_three));
        Ok(())
    }

    fn fed(&mut self) -> Result<(), String> {
        self.mark = 0;
        self.is_told(("an id that a look-up has brought (301)", "with our id beside it"), "01", |told| {
            let text = told.to_string();
            told["subsumed"] == json!("[]")
                && told["addresses"] == json!(0)
                && told["name"] != json!("")
                && text.contains(REMOTE)
                && told["others"].to_string().contains(NETWORK)
        })?;
        // Remembered no longer, and told still: the look-up that comes next finds another id.
        place::forget(&self.folder)?;
        self.obeys(json!({ "case": "renumbered" }), "behave")?;
        self.lists(NETWORK)?;
        self.is_told(("another id in its place (304)", "the old one is given up"), "04", |told| {
            told["ids"].to_string().contains(RENUMBERED) && told["subsumed"].to_string().contains(REMOTE)
        })?;
        self.obeys(json!({ "case": "match" }), "behave").map(drop)
    }

    /// Told of her by the manager: what IPF's producers send, and what the next answer says.
    fn tells(&mut self) -> Result<(), String> {
        let person = json!({ "family": "髙橋", "given": "美咲", "birth": "19680412", "sex": "F" });
        let told = |change: &str, ids: &[&str], subsumed: &[&str]| json!({ "change": format!("PRPA_IN2013{change}UV02"), "ids": ids, "subsumed": subsumed, "person": person });
        let accepted = Answer("AA", under_nobody);
        let answer = self.asks("manager", "ITI-44", told("01", &["1^^^&2.999.33.11.1&ISO"], &[]))?;
        self.judges(
            ("ITI-44", "asks us"),
            ("a new record (301)", "acknowledged with AA"),
            &answer,
            &accepted,
        );
        let answer = self.asks("manager", "ITI-46", told("02", &[NETWORK, KIBI, SETO, RENUMBERED], &[]))?;
        let case = ("all ids of a person, the new one too", "acknowledged with AA");
        self.judges(("ITI-46", "asks us"), case, &answer, &accepted);

        self.links(&json!([[NETWORK, KIBI], [SETO]]))?;
        let answer = self.asks("manager", "ITI-46", told("02", &[NETWORK, KIBI], &[]))?;
        let case = ("an id is withdrawn", "acknowledged with AA");
        self.judges(("ITI-46", "asks us"), case, &answer, &accepted);
        self.is_told(("the link that an id rested on has ended (302)", "it is nobody's"), "02", |told| {
            told["ids"].to_string().contains(RENUMBERED) && told["others"] == json!("[]")
        })?;
        let answer = self.lists(NETWORK)?;
        let case = ("the next list after that", "without that hospital's entries");
        self.judges(("ITI-46", "asks us"), case, &answer, &Answer("SUCCESS", only_kibi));

        self.links(&json!([[SURVIVOR, KIBI], [SETO]]))?;
        let answer = self.asks("manager", "ITI-44", told("04", &[SURVIVOR, KIBI], &[NETWORK]))?;
        self.judges(
            ("ITI-44", "asks us"),
            ("two records are one (304)", "acknowledged with AA"),
            &answer,
            &accepted,
        );
        let of = ("ITI-44", "asks us");
        let answer = self.lists(NETWORK)?;
        let case = ("the next list of the one that was given up", "empty");
        self.judges(of, case, &answer, &Answer("SUCCESS", nothing_new));
        let answer = self.lists(SURVIVOR)?;
        let case = ("the next list of the one that stays", "the entries, under its id");
        self.judges(of, case, &answer, &Answer("SUCCESS", under_the_other));
        self.links(&json!([[NETWORK, KIBI, SETO]]))
    }

    fn refused(&mut self) -> Result<(), String> {
        let told = json!({ "ids": [NETWORK] });
        let answer = self.asks("telling-portal", "ITI-46", told.clone())?;
        let is_refused = answer["problem"].to_string().contains("403");
        let why = (!is_refused).then(|| answer.to_string());
        self.rows.push(row("ITI-46", "asks us", "by a portal's certificate", "refused (HTTP 403)", why));
        for (word, case) in [
            ("no-certificate", "no client certificate"),
            ("foreign-certificate", "another network's client certificate"),
        ] {
            let mut told = told.clone();
            told["case"] = json!(word);
            let answer = self.asks("manager", "ITI-46", told)?;
            self.judges(("ITI-46", "asks us"), (case, "no connection"), &answer, &Nothing);
        }
        Ok(())
    }

    fn fails(&mut self) -> Result<(), String> {
        let links = json!([[NETWORK, KIBI, SETO]]);
        for (behave, case) in
            [("error", "our own manager: AE"), ("soap-fault", "our own manager: SOAP fault")]
        {
            self.obeys(json!({ "at": "manager", "case": behave, "links": links }), "behave")?;
            let answer = self.lists(NETWORK)?;
            let verdict = "our own network is named as unavailable";
            self.judges(("ITI-45", "is asked"), (case, verdict), &answer, &Answer("FAILURE", own_missing));
        }
        self.links(&links)?;
        let answer = self.lists(NETWORK)?;
        let case = ("our own manager: there again", "entries of both hospitals");
        self.judges(("ITI-45", "is asked"), case, &answer, &Answer("SUCCESS", all_three));
        Ok(())
    }

    /// What IPF said of our messages to the manager, which need no assertion.
    fn heard(&mut self) {
        for transaction in ["ITI-44", "ITI-45"] {
            for (key, word, case) in [
                ("validator", "valid", "our messages to our own manager, by IPF's validator"),
                ("addressing", "good", "their WS-Addressing"),
                ("xua", "none", "their assertions"),
            ] {
                let is_it = |one: &&Value| {
                    let at = one["path"].as_str().unwrap_or_default();
                    at.starts_with("/manager") && one["transaction"] == json!(transaction)
                };
                let of_it = self.seen.iter().filter(is_it).filter(|one| one[key] != json!("not reached"));
                let judged: Vec<&Value> = of_it.collect();
                let other = judged.iter().find(|one| one[key] != json!(word)).map(ToString::to_string);
                let why = other.or_else(|| judged.is_empty().then(|| "none came".to_owned()));
                self.rows.push(row(transaction, "is asked", case, word, why));
            }
        }
    }
}
