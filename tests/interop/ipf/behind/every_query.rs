//! Every stored query of a source of ours and of a network behind us, under its own id: our question is
//! held against IPF's validator, and what IPF's registry holds reaches the portal.

use serde_json::{Value, json};

use super::super::asking::Must::Answer;
use super::super::asking::{complaint, list, that};
use super::super::portal::NETWORK;
use super::super::row;
use super::Behind;

/// The roots of the ids that IPF gives as either, and what each is.
const HOLDERS: [(&str, &str); 2] = [("a source", "2.999.33.19"), ("a network", "2.999.34.19")];
const REFERENCE: &str = "ORDER-1^^^&2.999.34.9&ISO^urn:ihe:iti:xds:2013:order";

/// A stored query as the portal asks it, and how many entries, submission sets, folders and associations
/// of one holder come.
struct Asked {
    name: &'static str,
    word: &'static str,
    command: Value,
    counts: [usize; 4],
}

impl Behind<'_> {
    /// First those of the patient, of both at once; then by ids of each.
    pub(super) fn every_query(&mut self) -> Result<(), String> {
        let mut shown = Value::Null;
        for asked in of_patient() {
            let answer = self.puts(&asked)?;
            for (what, root) in HOLDERS {
                self.judges(&asked, (what, root), &answer);
            }
            if asked.name == "GetAll" {
                shown = answer;
            }
        }
        for (what, root) in HOLDERS {
            for asked in by_ids(&shown, root)? {
                let answer = self.puts(&asked)?;
                self.judges(&asked, (what, root), &answer);
            }
        }
        Ok(())
    }

    fn puts(&mut self, asked: &Asked) -> Result<Value, String> {
        let before = self.seen.len();
        let mut answer = self.asks(&("ITI-18", asked.command.clone()))?;
        answer["asked"] = json!(self.seen[before..]);
        Ok(answer)
    }

    fn judges(&mut self, asked: &Asked, (what, root): (&str, &str), answer: &Value) {
        let why = complaint(answer, &Answer("SUCCESS", |_, _| Ok(())), &[]);
        let why = why.or_else(|| holds(asked, root, answer).err().map(|why| format!("{why}: {answer}")));
        let case = format!("{what}: {}", asked.name);
        self.rows.push(row("ITI-18", "is asked", &case, "asked by its own id, and all of it is shown", why));
    }
}

fn holds(asked: &Asked, root: &str, answer: &Value) -> Result<(), String> {
    let seen = list(answer, "asked");
    that(seen.iter().any(|one| one.to_string().contains(asked.word)), "not asked by this query")?;
    that(seen.iter().all(|one| one["validator"] == json!("valid")), "not validly asked")?;
    let [entries, sets, folders, associations] = asked.counts;
    let of = |key: &str| {
        let is_of = |one: &&Value| one["unique"].as_str().is_some_and(|unique| unique.starts_with(root));
        list(answer, key).iter().filter(is_of).count()
    };
    let got = [of("entries"), of("submission_sets"), of("folders")];
    that(got == [entries, sets, folders], &format!("{got:?} of each"))?;
    // Associations do not say whose they are.
    that(list(answer, "associations").len() >= associations, "not every association")
}

fn of_patient() -> Vec<Asked> {
    let by_patient = |name: &'static str, word, counts| {
        let mut command = json!({ "query": name, "patient": NETWORK });
        if name == "FindDocumentsByReferenceId" {
            command["reference"] = json!(REFERENCE);
        }
        Asked { name, word, command, counts }
    };
    vec![
        by_patient("GetAll", "GET_ALL", [3, 1, 1, 14]),
        by_patient("FindDocumentsByReferenceId", "FIND_DOCUMENTS_BY_REFERENCE_ID", [1, 0, 0, 0]),
        by_patient("FindFolders", "FIND_FOLDERS", [0, 0, 1, 0]),
        by_patient("FindSubmissionSets", "FIND_SUBMISSION_SETS", [0, 1, 0, 0]),
    ]
}

fn by_ids(shown: &Value, root: &str) -> Result<Vec<Asked>, String> {
    let (first, second) = (format!("{root}.3.1"), format!("{root}.3.2"));
    let (set, folder) = (format!("{root}.4.1"), format!("{root}.5.1"));
    let uuid = |key: &str, unique: &str| {
        let found = list(shown, key).iter().find(|one| one["unique"] == json!(unique));
        found.map(|one| one["uuid"].clone()).ok_or_else(|| format!("GetAll does not show {unique}"))
    };
    let by_unique = |name: &'static str, word, unique: &str, counts| {
        let mut command = json!({ "query": name, "uniques": [unique] });
        if name == "GetRelatedDocuments" {
            command["types"] = json!(["APPEND"]);
        }
        Asked { name, word, command, counts }
    };
    let by_uuid = |name: &'static str, word, uuid: Value, counts| {
        let command = json!({ "query": name, "uuids": [uuid] });
        Asked { name, word, command, counts }
    };
    Ok(vec![
        by_unique("GetFolders", "GET_FOLDERS", &folder, [0, 0, 1, 0]),
        by_uuid("GetAssociations", "GET_ASSOCIATIONS", uuid("folders", &folder)?, [0, 0, 0, 3]),
        by_unique("GetDocumentsAndAssociations", "GET_DOCUMENTS_AND_ASSOCIATIONS", &first, [1, 0, 0, 3]),
        by_uuid("GetSubmissionSets", "GET_SUBMISSION_SETS", uuid("entries", &first)?, [0, 1, 0, 1]),
        by_unique("GetSubmissionSetAndContents", "GET_SUBMISSION_SET_AND_CONTENTS", &set, [3, 1, 1, 4]),
        by_unique("GetFolderAndContents", "GET_FOLDER_AND_CONTENTS", &folder, [2, 0, 1, 2]),
        by_unique("GetFoldersForDocument", "GET_FOLDERS_FOR_DOCUMENT", &second, [0, 0, 1, 0]),
        by_unique("GetRelatedDocuments", "GET_RELATED_DOCUMENTS", &first, [2, 0, 0, 1]),
    ])
}
