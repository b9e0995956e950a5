//! Every stored query, by a portal that names no home: the folder, the submission set and the
//! associations of the other network come as its own registry would show them.

use serde_json::{Value, json};

use super::super::asking::Must::Answer;
use super::super::asking::{error, list, nothing, that};
use super::{Case, NETWORK, OURS, Portal, THEIRS, each};

/// Of what IPF holds: its entries, its folder, its submission set.
const FIRST: &str = "2.999.34.19.3.1";
const SECOND: &str = "2.999.34.19.3.2";
const THIRD: &str = "2.999.34.19.3.3";
const FOLDER: &str = "2.999.34.19.5.1";
const SET: &str = "2.999.34.19.4.1";
const REFERENCE: &str = "ORDER-1^^^&2.999.34.9&ISO^urn:ihe:iti:xds:2013:order";
/// Queries that are not for a portal's registry: of several patients, and Fetch.
const NOT_OFFERED: [(&str, &str); 4] = [
    ("FindDocumentsForMultiplePatients", "3d1bdb10-39a2-11de-89c2-2f44d94eaa9f"),
    ("FindFoldersForMultiplePatients", "50d3f5ac-39a2-11de-a1ca-b366239e58df"),
    ("FindDocumentsByReferenceIdForMultiplePatients", "1191642d-86c4-42d8-b784-f95445f9f0d5"),
    ("Fetch", "f2072993-9478-41df-a603-8f016706efe8"),
];

fn of_patient(query: &str) -> Value {
    json!({ "query": query, "patient": NETWORK })
}

fn by_unique(query: &str, unique: &str) -> Value {
    json!({ "query": query, "uniques": [unique] })
}

impl Portal<'_> {
    /// What GetAll shows comes first: the others ask by its ids.
    pub(super) fn every_query(&mut self) -> Result<(), String> {
        let all =
            ("GetAll", "everything of both networks", of_patient("GetAll"), Answer("SUCCESS", everything));
        let shown = self.tries("ITI-18", vec![all])?;
        let uuid = |key: &str, unique: &str| {
            let found = list(&shown, key).iter().find(|one| one["unique"] == json!(unique));
            found.map(|one| one["uuid"].clone()).unwrap_or_default()
        };
        let (first, folder) = (uuid("entries", FIRST), uuid("folders", FOLDER));
        self.tries("ITI-18", packages(&folder))?;
        self.tries("ITI-18", joined(&first, &folder))?;
        let refused = |(name, id): (&'static str, &str)| {
            let mut command = of_patient("FindDocuments");
            command["stored_query"] = json!(id);
            let must = Answer("FAILURE", |answer, _| error(answer, "UNKNOWN_STORED_QUERY"));
            (name, "XDSUnknownStoredQuery", command, must)
        };
        self.tries("ITI-18", NOT_OFFERED.map(refused).into())?;
        Ok(())
    }
}

/// Packages, and entries by what they refer to.
fn packages(folder: &Value) -> Vec<Case> {
    let mut by_reference = of_patient("FindDocumentsByReferenceId");
    by_reference["reference"] = json!(REFERENCE);
    vec![
        ("FindDocumentsByReferenceId", "the one entry", by_reference, Answer("SUCCESS", the_first)),
        ("FindSubmissionSets", "the set", of_patient("FindSubmissionSets"), Answer("SUCCESS", the_set)),
        ("FindFolders", "the folder", of_patient("FindFolders"), Answer("SUCCESS", the_folder)),
        (
            "GetFolders by uniqueId",
            "the folder",
            by_unique("GetFolders", FOLDER),
            Answer("SUCCESS", the_folder),
        ),
        (
            "GetFolders by entryUUID",
            "the folder",
            json!({ "query": "GetFolders", "uuids": [folder] }),
            Answer("SUCCESS", the_folder),
        ),
    ]
}

/// What hangs on an entry, a folder, a set.
fn joined(first: &Value, folder: &Value) -> Vec<Case> {
    let mut appended = by_unique("GetRelatedDocuments", FIRST);
    appended["types"] = json!(["APPEND"]);
    vec![
        (
            "GetAssociations of the folder",
            "its members and its set",
            json!({ "query": "GetAssociations", "uuids": [folder] }),
            Answer("SUCCESS", three_associations),
        ),
        (
            "GetDocumentsAndAssociations",
            "the entry and what it is joined to",
            by_unique("GetDocumentsAndAssociations", FIRST),
            Answer("SUCCESS", entry_and_associations),
        ),
        (
            "GetSubmissionSets of an entry",
            "the set and what joins it to the entry",
            json!({ "query": "GetSubmissionSets", "uuids": [first] }),
            Answer("SUCCESS", set_of_entry),
        ),
        (
            "GetSubmissionSetAndContents",
            "set, folder, entries, associations",
            by_unique("GetSubmissionSetAndContents", SET),
            Answer("SUCCESS", set_and_contents),
        ),
        (
            "GetFolderAndContents",
            "folder, entries, associations",
            by_unique("GetFolderAndContents", FOLDER),
            Answer("SUCCESS", folder_and_contents),
        ),
        (
            "GetFoldersForDocument",
            "the folder",
            by_unique("GetFoldersForDocument", SECOND),
            Answer("SUCCESS", the_folder),
        ),
        (
            "GetFoldersForDocument, one that is in none",
            "empty",
            by_unique("GetFoldersForDocument", THIRD),
            Answer("SUCCESS", empty),
        ),
        ("GetRelatedDocuments, APND", "the addendum", appended, Answer("SUCCESS", related)),
    ]
}

/// How many entries, sets, folders and associations, and that they are the other network's.
fn counts(answer: &Value, expected: [usize; 4]) -> Result<(), String> {
    let keys = ["entries", "submission_sets", "folders", "associations"];
    that(keys.map(|key| list(answer, key).len()) == expected, "not as many of each")?;
    let packages = [list(answer, "submission_sets"), list(answer, "folders")].concat();
    let is_theirs = |one: &Value| one["home"] == json!(THEIRS) && one["patient"] == json!(NETWORK);
    that(packages.iter().all(is_theirs), "another home, or another patient id")
}

fn uniques(answer: &Value, key: &str, expected: &[&str]) -> Result<(), String> {
    let expected: Vec<Value> = expected.iter().map(|unique| json!(unique)).collect();
    that(each(list(answer, key), "unique") == expected, "others")
}

fn everything(answer: &Value, listed: &[Value]) -> Result<(), String> {
    let of =
        |key: &str, home: &str| list(answer, key).iter().filter(|one| one["home"] == json!(home)).count();
    that(list(answer, "entries").len() == listed.len(), "not every entry")?;
    that(of("entries", OURS) > 3 && of("entries", THEIRS) == 3, "not of both networks")?;
    that(of("submission_sets", THEIRS) == 1 && of("folders", THEIRS) == 1, "no set, or no folder")?;
    that(list(answer, "associations").len() >= 7, "not every association")
}

fn the_first(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [1, 0, 0, 0])?;
    uniques(answer, "entries", &[FIRST])
}

fn the_set(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [0, 1, 0, 0])?;
    uniques(answer, "submission_sets", &[SET])
}

/// With what joins it to the entry.
fn set_of_entry(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [0, 1, 0, 1])?;
    uniques(answer, "submission_sets", &[SET])
}

fn the_folder(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [0, 0, 1, 0])?;
    uniques(answer, "folders", &[FOLDER])
}

fn three_associations(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [0, 0, 0, 3])
}

/// With its set, its folder and its addendum.
fn entry_and_associations(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [1, 0, 0, 3])
}

fn set_and_contents(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [3, 1, 1, 4])
}

fn folder_and_contents(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [2, 0, 1, 2])?;
    uniques(answer, "entries", &[FIRST, SECOND])
}

fn empty(answer: &Value, listed: &[Value]) -> Result<(), String> {
    counts(answer, [0; 4])?;
    nothing(answer, listed)
}

fn related(answer: &Value, _: &[Value]) -> Result<(), String> {
    counts(answer, [2, 0, 0, 1])?;
    uniques(answer, "entries", &[FIRST, THIRD])
}
