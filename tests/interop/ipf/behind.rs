//! IPF behind us: as the PIX and PDQ manager, registry and repository of a source of Okayama's, and of
//! the network of Hiroshima, which then has no gateway. Okayama's portal asks, by IPF as well.

mod cases;
mod every_query;
mod holds;

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::super::program::Program;
use super::super::table::Row;
use super::super::world::{KAKEHASHI, World, run};
use super::asking::Must::{self, Answer};
use super::asking::{complaint, list};
use super::portal::{KIBI, NETWORK, THEIRS, find};
use super::{asked, obey, row};
use cases::{described, networks, retrieve, sources};
use holds::{both, neither};

/// What the source calls the person whom the consents name, and its repository.
const SOURCE: &str = "IPF000001^^^&2.999.33.19.1&ISO";
const REPOSITORY: &str = "2.999.33.19.2";
const WARMINGS: u32 = 5;

/// Whose behaviour it is about: the source, or the other network.
#[derive(Clone, Copy)]
enum Of {
    Source,
    Network,
}
use Of::{Network, Source};

/// How that one behaves; transaction it is asked; what it is and what comes of it; what the portal asks,
/// and must be answered.
type Case = (Of, &'static str, &'static str, (&'static str, &'static str), (&'static str, Value), Must);

pub fn all(world: &mut World, gateway: &mut Program) -> Result<Vec<Row>, String> {
    world.stop("okayama");
    settle(world.folder(), true)?;
    world.start("okayama")?;
    let mut behind = Behind { gateway, rows: Vec::new(), seen: Vec::new(), listed: Vec::new() };
    behind.warms()?;
    let first = vec![(
        Network,
        "match",
        "ITI-18",
        ("a source of ours and another network", "the entries of both, under one id"),
        ("ITI-18", find(NETWORK)),
        Answer("SUCCESS", both),
    )];
    behind.tries(first)?;
    let listed = behind.listed.clone();
    behind.every_query()?;
    behind.tries(sources(&listed))?;
    behind.rows.push(taken(world.folder())?);
    behind.tries(networks(&listed))?;
    behind.silence(&listed)?;
    for transaction in ["ITI-18", "ITI-43", "ITI-45", "ITI-47"] {
        behind.rows.extend(asked::heard(transaction, &behind.seen));
    }
    let (mut rows, gateway) = (std::mem::take(&mut behind.rows), behind.gateway);
    world.stop("okayama");
    settle(world.folder(), false)?;
    world.start("okayama")?;
    let mut behind = Behind { gateway, rows: Vec::new(), seen: Vec::new(), listed };
    behind.tries(described())?;
    rows.append(&mut behind.rows);
    Ok(rows)
}

/// Puts IPF's own systems in the place of Hiroshima's gateway, and beside Okayama's hospitals.
fn settle(folder: &Path, has_pix: bool) -> Result<(), String> {
    let okayama = folder.join("okayama");
    let read = |name: &str| {
        let path = okayama.join(name);
        std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
    };
    let write = |name: &str, text: String| {
        std::fs::write(okayama.join(name), text).map_err(|error| format!("{name}: {error}"))
    };
    // What becomes of a cancelled query is told in the log alone.
    let broker = read("kakehashi.toml")?;
    write("kakehashi.toml", broker.replace("= \"info\"", "= \"info,kakehashi::community=debug\""))?;
    let theirs = read("peers/hiroshima.toml")?;
    let (head, table) =
        theirs.split_once("[xca]").or_else(|| theirs.split_once("[xds]")).ok_or("no table")?;
    let at = table.split("https://").nth(1).and_then(|rest| rest.split('/').next());
    let at = format!("https://{}", at.ok_or("Hiroshima has no URL")?);
    let head = head
        .replace("kind        = \"xca\"", "kind        = \"xds\"")
        .replace("send_network_id = true\n", "");
    let systems = |authority: &str, root: &str, path: &str| {
        format!(
            "[xds]\nauthority = \"{authority}\"\npatient_demographics = \"{at}{path}/pdq\"\n\
             registry = \"{at}{path}/xds/query\"\n\
             repositories = [{{ id = \"{root}.2\", url = \"{at}{path}/xds/retrieve\" }}]\n"
        )
    };
    let network = systems("2.999.34.1", "2.999.34.19", "");
    let network = if has_pix {
        let (before, tables) = head.split_once("\n[").ok_or("no tables")?;
        format!("{before}\nsend_network_id = true\n\n[{tables}{network}patient_ids = \"{at}/pix/query\"\n")
    } else {
        format!("{head}{network}")
    };
    write("peers/hiroshima.toml", network)?;
    let source = systems("2.999.33.19.1", "2.999.33.19", "/source");
    let tls = "[tls]\nca = \"hiroshima-ca\"\nclient = \"okayama-gateway\"\n\n";
    write(
        "peers/registry.toml",
        format!(
            "kind = \"xds\"\nside = \"home\"\n\n{tls}{source}facility = \"3310000009\"\npersons_per_page = 1\n"
        ),
    )?;
    if !has_pix {
        return Ok(());
    }
    let consents = read("consents.csv")?;
    let known = consents.lines().find(|line| line.contains(",0000012345,")).ok_or("nobody consents")?;
    let more = known.replace("3310000001", "3310000009").replace("0000012345", "IPF000001");
    write("consents.csv", format!("{consents}{more}\n"))?;
    let mut import = Command::new(KAKEHASHI);
    import.args(["consent", "import", "--config"]).arg(okayama.join("kakehashi.toml"));
    run(import.arg(okayama.join("consents.csv"))).map(drop)
}

/// That the source's acknowledgement of a cancelled query, CA by IPF's own hand, was read as one.
fn taken(folder: &Path) -> Result<Row, String> {
    let log = folder.join("okayama/broker.log");
    let log = std::fs::read_to_string(&log).map_err(|error| format!("{}: {error}", log.display()))?;
    let refused = log.lines().find(|line| line.contains("a query was not cancelled")).map(str::to_owned);
    Ok(row("ITI-47", "is asked", "a source: CA to a cancelled query", "taken", refused))
}

struct Behind<'g> {
    gateway: &'g mut Program,
    rows: Vec<Row>,
    seen: Vec<Value>,
    listed: Vec<Value>,
}

impl Behind<'_> {
    fn behaves(&mut self, of: Of, case: &str) -> Result<(), String> {
        let at = match of {
            Source => "source",
            Network => "",
        };
        obey(self.gateway, &json!({ "cmd": "behave", "case": case, "at": at })).map(drop)
    }

    fn asks(&mut self, (transaction, command): &(&str, Value)) -> Result<Value, String> {
        let mut command = command.clone();
        command["cmd"] = json!("ask");
        command["side"] = json!("okayama");
        command["door"] = json!("portal");
        command["transaction"] = json!(transaction);
        let answer = obey(self.gateway, &command)?;
        let seen = obey(self.gateway, &json!({ "cmd": "seen" }))?;
        self.seen.extend(list(&seen, "seen").iter().cloned());
        Ok(answer)
    }

    /// What a JVM is asked first compiles its Schematron, which takes longer than we wait for a source:
    /// asks until everything is there, for the judgement of the rows to be about the rest.
    fn warms(&mut self) -> Result<(), String> {
        let mut last = Value::Null;
        for _ in 0..WARMINGS {
            self.asks(&("ITI-45", json!({ "id": KIBI })))?;
            self.asks(&cases::person("美咲"))?;
            last = self.asks(&("ITI-18", find(NETWORK)))?;
            if both(&last, &[]).is_ok() {
                self.seen.clear();
                return Ok(());
            }
        }
        Err(format!("not everything is listed after {WARMINGS} questions: {last}"))
    }

    fn tries(&mut self, cases: Vec<Case>) -> Result<(), String> {
        for (of, behave, transaction, (case, verdict), ask, must) in cases {
            self.behaves(of, behave)?;
            let before = self.seen.len();
            let mut answer = self.asks(&ask)?;
            if self.listed.is_empty() {
                self.listed = list(&answer, "entries").to_vec();
            }
            answer["asked"] = json!(self.seen[before..]);
            let why = complaint(&answer, &must, &self.listed);
            self.rows.push(row(transaction, "is asked", case, verdict, why));
            self.behaves(of, "match")?;
        }
        Ok(())
    }

    /// Neither is listening; and half a document comes.
    fn silence(&mut self, listed: &[Value]) -> Result<(), String> {
        obey(self.gateway, &json!({ "cmd": "close" }))?;
        let answer = self.asks(&("ITI-18", find(NETWORK)))?;
        let why = complaint(&answer, &Answer("PARTIAL_SUCCESS", neither), listed);
        let named = "both named beside the entries of the hospitals";
        self.rows.push(row(
            "ITI-18",
            "is asked",
            "a source and a network that are not listening",
            named,
            why,
        ));
        obey(self.gateway, &json!({ "cmd": "open" }))?;
        for (of, case) in [(Source, "a source, cut off"), (Network, "a network, cut off")] {
            self.behaves(of, "cut-off")?;
            let answer = self.asks(&("ITI-43", retrieve(listed, of)))?;
            let is_whole = answer["verdict"] == json!("answered");
            self.rows.push(row("ITI-43", "is asked", case, "cut off", is_whole.then(|| answer.to_string())));
            self.behaves(of, "match")?;
        }
        Ok(())
    }
}

fn is_of(entry: &Value, of: Of) -> bool {
    match of {
        Source => entry["repository"] == json!(REPOSITORY),
        Network => entry["home"] == json!(THEIRS),
    }
}
