//! IPF asks Okayama's broker as its portal does that speaks PIX, PDQ and XDS.b and names no home, while
//! it also stands in Hiroshima's place: what both networks have comes back in one answer.

mod every_query;
mod holds;

use serde_json::{Value, json};

use super::super::program::Program;
use super::super::table::Row;
use super::super::world::World;
use super::asking::Must::{self, Answer, Fault, Nothing};
use super::asking::{complaint, error, list, nothing};
use super::{obey, row};
pub use holds::told;
use holds::{
    acknowledged, all_ids, both, both_again, fewer, first_page, homeless, listed_twice, no_document,
    no_person, no_such_query, one_domain, one_of_ours, only_ours, only_theirs, other_ids, person_of_each,
    put_together, remote_id, second_page, the_same, unknown_extension, unknown_root, unknown_scope,
    unknown_source, with_homes,
};

/// Of Okayama's person with two hospitals: the network's id, the hospitals' numbers, and what IPF calls
/// the same person.
pub const NETWORK: &str = "OK000101^^^&2.999.33.1&ISO";
pub const KIBI: &str = "0000012345^^^&2.999.33.11.1&ISO";
pub const SETO: &str = "00778899^^^&2.999.33.12.1&ISO";
pub const REMOTE: &str = "IPF000001^^^&2.999.34.1&ISO";
/// Whom one hospital knows, and who has consented to nothing.
const UNCONSENTED: &str = "00551122^^^&2.999.33.12.1&ISO";
const NOBODY: &str = "OK999999^^^&2.999.33.1&ISO";
pub const OURS: &str = "urn:oid:2.999.33";
pub const THEIRS: &str = "urn:oid:2.999.34";

type Case = (&'static str, &'static str, Value, Must);

/// What the portal was shown, and the rows so far.
struct Portal<'g> {
    gateway: &'g mut Program,
    rows: Vec<Row>,
    listed: Vec<Value>,
}

pub fn all(world: &World, gateway: &mut Program) -> Result<Vec<Row>, String> {
    let client = world.client()?;
    let person = &client["sides"]["okayama"]["gateway"]["examples"]["match"];
    // What IPF was asked until now was its own doing.
    obey(gateway, &json!({ "cmd": "seen" }))?;
    obey(gateway, &json!({ "cmd": "behave", "case": "match" }))?;
    let mut portal = Portal { gateway, rows: Vec::new(), listed: Vec::new() };
    portal.tries("ITI-45", ids())?;
    portal.tries("ITI-47", persons(person))?;
    portal.tries(
        "ITI-18",
        vec![(
            "FindDocuments, LeafClass",
            "entries of both networks, under the id asked by",
            find(NETWORK),
            Answer("SUCCESS", both),
        )],
    )?;
    let listed = portal.listed.clone();
    portal.tries("ITI-18", queries(&listed))?;
    portal.every_query()?;
    portal.tries("ITI-43", retrieves(&listed))?;
    for (transaction, command) in portal.one_of_each() {
        portal.tries(transaction, refusals(&command))?;
    }
    portal.silence()?;
    portal.claimed_twice()?;
    Ok(portal.rows)
}

pub fn find(patient: &str) -> Value {
    json!({ "query": "FindDocuments", "patient": patient })
}

fn ids() -> Vec<Case> {
    let of = |id: &str, wanted: &[&str]| json!({ "id": id, "wanted": wanted });
    vec![
        (
            "a hospital's number",
            "the other ids, another network's too",
            of(KIBI, &[]),
            Answer("OK", other_ids),
        ),
        (
            "one domain is wanted",
            "the id of that domain",
            of(NETWORK, &["2.999.34.1"]),
            Answer("OK", remote_id),
        ),
        ("a patient with no other id", "none (NF)", of(UNCONSENTED, &[]), Answer("NF", no_person)),
        ("an id nobody knows", "AE 204 at its extension", of(NOBODY, &[]), Answer("AE", unknown_extension)),
        (
            "a domain nobody knows",
            "AE 204 at its root",
            of("1^^^&2.999.77&ISO", &[]),
            Answer("AE", unknown_root),
        ),
        (
            "an unknown domain is wanted",
            "AE 204 at that data source",
            of(KIBI, &["2.999.33.1", "2.999.77"]),
            Answer("AE", unknown_source),
        ),
    ]
}

fn persons(example: &Value) -> Vec<Case> {
    let person = json!({ "family": example["family"], "given": example["given"], "birth": example["birth"],
        "sex": example["sex"] });
    let twins = json!({ "family": "小林", "birth": "20090707" });
    let page = |case: &str| json!({ "case": case, "person": twins, "query": case, "quantity": 1 });
    let then = |word: &str| json!({ "query": "match", "then": word });
    vec![
        (
            "name, birth date and sex",
            "a person of each network",
            json!({ "person": person }),
            Answer("OK", person_of_each),
        ),
        ("an id", "the person with all ids", json!({ "ids": [KIBI] }), Answer("OK", all_ids)),
        (
            "one domain is wanted",
            "the id of that domain",
            json!({ "person": person, "wanted": ["2.999.33.12.1"] }),
            Answer("OK", one_domain),
        ),
        (
            "an unknown domain is wanted",
            "AE 204 at that organization",
            json!({ "person": person, "wanted": ["2.999.77"] }),
            Answer("AE", unknown_scope),
        ),
        ("an id nobody knows", "nobody (NF)", json!({ "ids": [NOBODY] }), Answer("NF", no_person)),
        ("the first page", "one of three", page("match"), Answer("OK", first_page)),
        ("the next page", "one more", then("continue"), Answer("OK", second_page)),
        ("the query is cancelled", "acknowledged with AA", then("cancel"), Answer("AA", acknowledged)),
        ("a page after that", "AE 204", then("continue"), Answer("AE", no_such_query)),
        ("every page, then cancel, by IPF itself", "put together", page("pages"), Answer("OK", put_together)),
    ]
}

fn queries(listed: &[Value]) -> Vec<Case> {
    let by = |key: &str, of: &str| json!({ "query": "GetDocuments", key: each(listed, of) });
    let with_home = |home: &str| {
        let there: Vec<Value> = listed.iter().filter(|entry| entry["home"] == json!(home)).cloned().collect();
        json!({ "query": "GetDocuments", "uuids": each(&there, "uuid"), "home": home })
    };
    let mut nurse = find(NETWORK);
    nurse["role"] = json!("nurse");
    let mut references = find(NETWORK);
    references["return"] = json!("ObjectRef");
    vec![
        ("FindDocuments, ObjectRef", "references of both networks", references, Answer("SUCCESS", the_same)),
        (
            "GetDocuments by entryUUID, both networks'",
            "the same entries",
            by("uuids", "uuid"),
            Answer("SUCCESS", both_again),
        ),
        (
            "GetDocuments by uniqueId, both networks'",
            "the same entries",
            by("uniques", "unique"),
            Answer("SUCCESS", both_again),
        ),
        (
            "GetDocuments with the other's home",
            "its entries",
            with_home(THEIRS),
            Answer("SUCCESS", only_theirs),
        ),
        ("a nurse asks", "fewer entries", nurse, Answer("SUCCESS", fewer)),
        (
            "a nurse asks for a physician's entry",
            "empty",
            for_physicians(listed, "uuids"),
            Answer("SUCCESS", nothing),
        ),
        ("FindDocuments of a patient nobody knows", "empty", find(NOBODY), Answer("SUCCESS", nothing)),
        (
            "GetDocuments of an id nobody was shown",
            "empty",
            json!({ "query": "GetDocuments", "uniques": ["2.25.1234567890"] }),
            Answer("SUCCESS", nothing),
        ),
        (
            "a stored query that does not exist",
            "XDSUnknownStoredQuery",
            json!({ "case": "unknown-query", "patient": NETWORK }),
            Answer("FAILURE", |answer, _| error(answer, "UNKNOWN_STORED_QUERY")),
        ),
        (
            "a home that nobody has",
            "XDSUnknownCommunity",
            json!({ "query": "FindDocuments", "patient": NETWORK, "home": "urn:oid:2.999.99" }),
            Answer("FAILURE", |answer, _| error(answer, "UNKNOWN_COMMUNITY")),
        ),
    ]
}

fn retrieves(listed: &[Value]) -> Vec<Case> {
    let of = |entry: &Value, home: bool| {
        let mut document = json!({ "repository": entry["repository"], "unique": entry["unique"] });
        if home {
            document["home"] = entry["home"].clone();
        }
        document
    };
    let (theirs, ours): (Vec<_>, Vec<_>) = listed.iter().partition(|entry| entry["home"] == json!(THEIRS));
    let mixed = [&theirs[..], &ours[..2]].concat();
    let asked =
        |home: bool| json!({ "documents": mixed.iter().map(|entry| of(entry, home)).collect::<Vec<_>>() });
    let guessed = json!({ "repository": ours[0]["repository"], "unique": "2.25.1234567890" });
    let mut nurse = for_physicians(listed, "uniques");
    nurse["documents"] = json!([{ "repository": nurse["repository"], "unique": nurse["uniques"][0] }]);
    vec![
        (
            "documents of both networks",
            "MTOM, size and hash as announced, no home",
            asked(false),
            Answer("SUCCESS", homeless),
        ),
        ("the same with their homes", "MTOM, each with its home", asked(true), Answer("SUCCESS", with_homes)),
        (
            "a guessed uniqueId",
            "XDSDocumentUniqueIdError",
            json!({ "documents": [guessed] }),
            Answer("FAILURE", no_document),
        ),
        (
            "one there and one not",
            "PartialSuccess",
            json!({ "documents": [of(theirs[0], false), guessed] }),
            Answer("PARTIAL_SUCCESS", no_document),
        ),
        (
            "a repository that nobody has",
            "XDSUnknownRepositoryId",
            json!({ "documents": [{ "repository": "2.999.99", "unique": "2.25.1234567890" }] }),
            Answer("FAILURE", |answer, _| error(answer, "UNKNOWN_REPOSITORY_ID")),
        ),
        (
            "a nurse asks for a physician's document",
            "XDSDocumentUniqueIdError",
            nurse,
            Answer("FAILURE", no_document),
        ),
    ]
}

/// What nobody but physicians is shown at home, asked for by a nurse.
fn for_physicians(listed: &[Value], key: &str) -> Value {
    let is_diagnosis = |entry: &&Value| entry["format"].to_string().contains("PPR-01");
    let entry = listed.iter().find(is_diagnosis).cloned().unwrap_or_default();
    let id = if key == "uuids" { &entry["uuid"] } else { &entry["unique"] };
    json!({ "query": "GetDocuments", key: [id], "repository": entry["repository"], "role": "nurse" })
}

/// What is refused alike in all four, of the questions that are answered otherwise.
fn refusals(command: &Value) -> Vec<Case> {
    let with = |word: &str| {
        let mut command = command.clone();
        command["case"] = json!(word);
        command
    };
    vec![
        (
            "an expired assertion",
            "fault wsse:InvalidSecurityToken",
            with("expired"),
            Fault("InvalidSecurityToken"),
        ),
        (
            "an assertion signed by a stranger",
            "fault wsse:FailedCheck",
            with("foreign-signer"),
            Fault("FailedCheck"),
        ),
        ("no client certificate", "no connection", with("no-certificate"), Nothing),
        ("another network's client certificate", "no connection", with("foreign-certificate"), Nothing),
    ]
}

pub fn each(entries: &[Value], key: &str) -> Vec<Value> {
    entries.iter().map(|entry| entry[key].clone()).collect()
}

impl Portal<'_> {
    /// Every case, and that all we asked IPF for its sake was good; what the last was answered.
    fn tries(&mut self, transaction: &str, cases: Vec<Case>) -> Result<Value, String> {
        let mut last = Value::Null;
        for (case, verdict, mut command, must) in cases {
            command["cmd"] = json!("ask");
            command["side"] = json!("okayama");
            command["door"] = json!("portal");
            command["transaction"] = json!(transaction);
            let answer = obey(self.gateway, &command)?;
            if self.listed.is_empty() {
                self.listed = list(&answer, "entries").to_vec();
            }
            let seen = obey(self.gateway, &json!({ "cmd": "seen" }))?;
            let is_good = |one: &&Value| {
                one["validator"] == json!("valid")
                    && one["xua"] == json!("good")
                    && one["addressing"] == json!("good")
            };
            let bad = list(&seen, "seen").iter().find(|one| !is_good(one));
            let why =
                complaint(&answer, &must, &self.listed).or_else(|| bad.map(|one| format!("we asked: {one}")));
            self.rows.push(row(transaction, "asks us", case, verdict, why));
            last = answer;
        }
        Ok(last)
    }

    fn one_of_each(&self) -> [(&'static str, Value); 4] {
        let entry = self.listed.first().cloned().unwrap_or_default();
        let document = json!({ "repository": entry["repository"], "unique": entry["unique"] });
        [
            ("ITI-45", json!({ "id": KIBI })),
            ("ITI-47", json!({ "ids": [KIBI] })),
            ("ITI-18", find(NETWORK)),
            ("ITI-43", json!({ "documents": [document] })),
        ]
    }

    /// Without an assertion documents are for nobody; and what is to be had while the other network is
    /// away.
    fn silence(&mut self) -> Result<(), String> {
        let [_, _, query, retrieve] = self.one_of_each();
        for (transaction, mut command) in [query, retrieve] {
            command["case"] = json!("no-assertion");
            let must = Fault("SecurityTokenUnavailable");
            let case = ("no assertion", "fault wsse:SecurityTokenUnavailable", command, must);
            self.tries(transaction, vec![case])?;
        }
        obey(self.gateway, &json!({ "cmd": "close" }))?;
        let case = "the other network is not listening";
        let [_, _, query, retrieve] = self.one_of_each();
        let named = ("named beside the entries of ours", query.1, Answer("PARTIAL_SUCCESS", only_ours));
        let missing = (
            "XDSUnavailableCommunity",
            retrieve.1,
            Answer("FAILURE", |a, _| error(a, "UNAVAILABLE_COMMUNITY")),
        );
        self.tries(query.0, vec![(case, named.0, named.1, named.2)])?;
        self.tries(retrieve.0, vec![(case, missing.0, missing.1, missing.2)])?;
        obey(self.gateway, &json!({ "cmd": "open" }))?;
        Ok(())
    }

    /// The other network lists an entry under the id of one of ours: that id is nobody's from then on.
    fn claimed_twice(&mut self) -> Result<(), String> {
        let ours =
            self.listed.iter().rfind(|entry| entry["home"] == json!(OURS)).cloned().unwrap_or_default();
        obey(self.gateway, &json!({ "cmd": "behave", "case": "match", "claim": ours }))?;
        let command = json!({ "query": "GetDocuments", "uuids": [ours["uuid"]] });
        let refused = Answer("FAILURE", |answer, _| error(answer, "MISSING_HOME_COMMUNITY_ID"));
        let mut by_home = command.clone();
        by_home["home"] = json!(OURS);
        self.tries(
            "ITI-18",
            vec![
                (
                    "FindDocuments, an entry of theirs has an id of ours",
                    "listed under both homes",
                    find(NETWORK),
                    Answer("SUCCESS", listed_twice),
                ),
                ("GetDocuments of that id", "XDSMissingHomeCommunityId", command, refused),
                (
                    "GetDocuments of that id with our home",
                    "the one entry",
                    by_home,
                    Answer("SUCCESS", one_of_ours),
                ),
            ],
        )?;
        obey(self.gateway, &json!({ "cmd": "behave", "case": "match" }))?;
        Ok(())
    }
}
