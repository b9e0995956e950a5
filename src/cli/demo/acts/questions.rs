//! The questions the acts ask, as `kakehashi ask` asks them, and what is held against the answers.

use std::fmt;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::Came;
use crate::cli::ask::{Asker, DoorWord, FindArgs, Shown, Who, document_id, documents_of, entry, save};
use crate::cli::demo::brokers::Broker;
use crate::cli::demo::layout::example;
use crate::demo::cast::Person;
use crate::demo::network::{Network, other};
use crate::demo::story::Both;
use crate::model::{
    DocumentRetrieve, FoundPatient, PatientDiscovery, PatientId, PatientMatch, Phi, RegistryObject,
};

/// Seconds a question may take.
const TIMEOUT_S: u64 = 20;

/// Somebody at a door.
#[derive(Debug, Clone)]
pub struct Asking {
    /// client.json.
    pub client: PathBuf,
    /// Whose broker is asked.
    pub side: &'static Network,
    /// Role word.
    pub role: &'static str,
    /// Purpose word.
    pub purpose: &'static str,
    /// As the gateway of the other side.
    pub is_gateway: bool,
}

impl fmt::Display for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let staff = if self.is_gateway { other(self.side).staff() } else { self.side.staff() };
        let (role, (_, name)) = match self.role {
            "nurse" => ("看護師", staff.nurse),
            _ => ("医師", staff.physician),
        };
        let door = if self.is_gateway { " (gateway)" } else { "" };
        write!(f, "{role} {name}・{}　{}{door}", staff.clinic, self.purpose)
    }
}

impl Asking {
    fn asker(&self) -> Result<Asker, String> {
        let who = Who { role: self.role, purpose: self.purpose, person: None, organization: None };
        let door = if self.is_gateway { DoorWord::Gateway } else { DoorWord::Portal };
        Asker::open(&self.client, self.side.key, door, who, TIMEOUT_S).map_err(|e| e.to_string())
    }

    /// Who is found by everything that is known of a person. A wish for more is nobody here, as
    /// everything was told.
    pub async fn find(&self, person: &Person, owner: &Network) -> Result<Vec<FoundPatient>, String> {
        let demographics = FindArgs::of(&example(person, owner));
        let request = PatientDiscovery { demographics: Phi::new(demographics), ids: Vec::new() };
        let answer = self.asker()?.find(&request).await.map_err(|e| e.to_string())?;
        if let Some(error) = answer.reported.first() {
            return Err(format!("{}: {}", error.code, error.context));
        }
        let people = answer.found.into_iter().filter_map(|found| match found {
            PatientMatch::Found(found) => Some(found),
            PatientMatch::MoreAttributes { .. } | PatientMatch::Graded(_) => None,
        });
        Ok(people.collect())
    }

    /// The documents of a patient, the latest first.
    pub async fn list(&self, cx: &str) -> Result<Vec<Shown>, String> {
        let patient = PatientId::from_cx(cx).ok_or_else(|| "no patient id".to_owned())?;
        let answer =
            self.asker()?.list(&documents_of(patient, None, false)).await.map_err(|e| e.to_string())?;
        if let Some(error) = answer.reported.first() {
            return Err(format!("{}: {}", error.code, error.context));
        }
        let mut entries: Vec<Shown> =
            answer.found.iter().filter_map(RegistryObject::entry).map(entry).collect();
        entries.sort_by(|a, b| b.service_start.cmp(&a.service_start).then_with(|| a.kind.cmp(&b.kind)));
        Ok(entries)
    }

    /// Fetches a document into a folder; its bytes are those that the list promised.
    pub async fn fetch(&self, entry: &Shown, folder: &Path) -> Came {
        let mut answer = self.retrieve(entry).await?;
        let (Some(document), true) = (answer.found.pop(), answer.found.is_empty()) else {
            return Err(questions_error(&answer.reported));
        };
        let saved = save(document, folder, false).await.map_err(|e| e.to_string())?;
        let bytes = std::fs::read(&saved.path).map_err(|e| e.to_string())?;
        let hash = hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &bytes).as_ref());
        if entry.hash.as_ref().is_some_and(|promised| !promised.eq_ignore_ascii_case(&hash)) {
            return Err("the bytes are not those the entry promised".to_owned());
        }
        let lines = vec![
            saved.path.display().to_string(),
            format!("{} / {} B / SHA-1 {hash}", saved.media_type, saved.bytes),
        ];
        Ok((
            Both::new(
                format!("{} バイト、一覧のハッシュと一致", saved.bytes),
                format!("{} bytes, as the list promised", saved.bytes),
            ),
            lines,
        ))
    }

    /// Asks for a document that must not come; the error code it is answered with.
    pub async fn refused(&self, entry: &Shown) -> Result<String, String> {
        let answer = self.retrieve(entry).await?;
        if !answer.found.is_empty() {
            return Err("the document came".to_owned());
        }
        Ok(questions_error(&answer.reported))
    }

    async fn retrieve(&self, entry: &Shown) -> Result<crate::model::Answer<crate::model::Document>, String> {
        let id = format!("{}|{}|{}", entry.home, entry.repository, entry.unique);
        let documents = vec![document_id(&id).map_err(|e| e.to_string())?];
        self.asker()?.fetch(&DocumentRetrieve::of(documents)).await.map_err(|e| e.to_string())
    }
}

fn questions_error(reported: &[crate::model::Reported]) -> String {
    reported.first().map_or_else(|| "no document and no error".to_owned(), |error| error.code.clone())
}

/// The kinds of a list, sorted, one for each document.
pub fn kinds_of(entries: &[Shown]) -> Vec<String> {
    let mut kinds: Vec<String> = entries.iter().map(|entry| entry.kind.clone()).collect();
    kinds.sort();
    kinds
}

/// An entry on one line.
pub fn line(entry: &Shown) -> String {
    let hospital = entry.institution.split('（').next().unwrap_or_default();
    format!("{} {} {} {} {}", entry.day, entry.kind, entry.title, hospital, entry.department)
}

/// How many entries the owner's log says were withheld when it last showed so many.
pub async fn withheld(owner: &Broker, shown: usize) -> Result<u64, String> {
    let text = owner.command(&["audit", "search", "--json"]).await.map_err(|e| e.to_string())?;
    let events = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let number = |event: &serde_json::Value, key: &str| event.get(key).and_then(serde_json::Value::as_u64);
    let queries = events.filter(|event| {
        event.get("transaction").and_then(|t| t.as_str()) == Some("ITI-38")
            && event.get("side").and_then(|s| s.as_str()) == Some("peer")
            && number(event, "shown") == Some(shown as u64)
    });
    let latest = queries.max_by_key(|event| number(event, "record"));
    let latest = latest.ok_or_else(|| format!("the owner's log knows no query that showed {shown}"))?;
    Ok(number(&latest, "withheld").unwrap_or_default())
}

/// Who used the emergency, from the owner's log, one line each.
pub async fn emergencies(owner: &Broker) -> Result<Vec<String>, String> {
    let text =
        owner.command(&["audit", "search", "--emergency", "--json"]).await.map_err(|e| e.to_string())?;
    let events = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let line = |event: serde_json::Value| {
        let word = |key: &str| event.get(key).and_then(|v| v.as_str()).unwrap_or_default().to_owned();
        let number = |key: &str| event.get(key).and_then(serde_json::Value::as_u64).unwrap_or_default();
        format!(
            "{} {} {} {} 開示/shown {} 非開示/withheld {} {}",
            word("person_name"),
            word("organization_name"),
            word("purpose"),
            word("transaction"),
            number("shown"),
            number("withheld"),
            word("ending")
        )
    };
    Ok(events.map(line).collect())
}
