//! The index of the audit log: who saw what when, found by patient, person, document or time. It
//! follows the log, can be rebuilt from it and is never needed to release anything.

use std::collections::VecDeque;

use futures_util::TryStreamExt;
use serde::Serialize;
use smol_str::SmolStr;
use sqlx::sqlite::SqliteRow;
use sqlx::{QueryBuilder, Row, Sqlite, SqliteConnection};

use super::audit_content::{self, content_of};
use super::audit_words::{words_of, words_wanted};
use super::{Store, StoreError};
use crate::model::{PatientId, Phi};

/// A place in the log between two events: everything before it has been taken in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditPosition {
    /// The number of the next record: how many there are before.
    pub next: u64,
    /// The segment; empty at the beginning of the log.
    pub segment: String,
    /// Offset in the segment, in bytes.
    pub at: u64,
    /// SHA-256 of the record before it, as stored; zeros at the beginning.
    pub hash: [u8; 32],
}

/// A document as the index knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IndexedDocument {
    /// Home community, bare OID.
    pub home: SmolStr,
    /// Repository, bare OID.
    pub repository: SmolStr,
    /// Unique id.
    pub unique: String,
    /// SS-MIX2 kind or typeCode.
    pub kind: SmolStr,
    /// Facility code.
    pub facility: SmolStr,
    /// Bytes handed over; in closing records.
    pub bytes_sent: Option<u64>,
    /// SHA-256 of these bytes, hex; in closing records.
    pub sha256: Option<String>,
}

/// An event as the index knows it. Texts that do not apply are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IndexedEvent {
    /// The sequence of its record.
    pub sequence: u64,
    /// When, microseconds since the epoch.
    pub at_micros: i64,
    /// The kind's word.
    pub kind: String,
    /// The ending's word.
    pub ending: String,
    /// Request id, 32 hexadecimal digits.
    pub request: String,
    /// `home` or `peer`.
    pub side: String,
    /// `ITI-38`.
    pub transaction: String,
    /// The operation's word.
    pub operation: String,
    /// The peer or portal.
    pub system: String,
    /// The asking community, bare OID.
    pub community: String,
    /// Organisation id.
    pub organization: String,
    /// Organisation name.
    pub organization_name: String,
    /// Person id.
    pub person: String,
    /// Person name.
    pub person_name: String,
    /// Roles, separated by commas.
    pub roles: String,
    /// Purpose of use.
    pub purpose: String,
    /// Findings shown.
    pub shown: u64,
    /// Findings withheld.
    pub withheld: u64,
    /// Bytes handed over, or at most so many.
    pub bytes: Option<u64>,
    /// Whether emergency access was asked for or used.
    pub emergency: bool,
    /// Whether "more attributes" was answered.
    pub more_attributes: bool,
    /// The record it closes.
    pub closes: Option<u64>,
    /// The record it replaces.
    pub replaces: Option<u64>,
    /// How many events it stands for.
    pub count: u64,
    /// Patients as CX.
    pub patients: Vec<Phi<String>>,
    /// Documents and entries.
    pub documents: Phi<Vec<IndexedDocument>>,
}

/// What is looked for; what is None does not matter.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// A whole CX, or the id alone under any authority.
    pub patient: Option<Phi<String>>,
    /// Person id, or a part of the name.
    pub person: Option<String>,
    /// Organisation id (with or without `urn:oid:`), or a part of the name.
    pub organization: Option<String>,
    /// Request id, hexadecimal.
    pub request: Option<String>,
    /// Document unique id.
    pub document: Option<Phi<String>>,
    /// From this moment, microseconds since the epoch.
    pub from_micros: Option<i64>,
    /// Before this moment, microseconds since the epoch.
    pub until_micros: Option<i64>,
    /// Emergency access only.
    pub emergency: bool,
    /// Answers of "more attributes" only.
    pub more_attributes: bool,
    /// At most so many, the latest.
    pub limit: usize,
}

impl AuditQuery {
    /// Whether an event is looked for: the same as the index's search, for reading the log itself.
    pub fn matches(&self, event: &IndexedEvent) -> bool {
        let fits = |wanted: &Option<String>, id: &str, name: &str| {
            wanted.as_ref().is_none_or(|wanted| id == bare(wanted) || name.contains(wanted.as_str()))
        };
        let patient = |wanted: &Phi<String>| {
            event.patients.iter().any(|cx| cx == wanted || id_of(cx.reveal()) == *wanted.reveal())
        };
        let document = |wanted: &Phi<String>| {
            event.documents.reveal().iter().any(|document| document.unique == *wanted.reveal())
        };
        self.patient.as_ref().is_none_or(patient)
            && self.document.as_ref().is_none_or(document)
            && fits(&self.person, &event.person, &event.person_name)
            && fits(&self.organization, &event.organization, &event.organization_name)
            && self.request.as_ref().is_none_or(|request| request.eq_ignore_ascii_case(&event.request))
            && self.from_micros.is_none_or(|from| event.at_micros >= from)
            && self.until_micros.is_none_or(|until| event.at_micros < until)
            && (!self.emergency || event.emergency)
            && (!self.more_attributes || event.more_attributes)
    }
}

impl Store {
    /// Up to where the log has been taken in; the beginning for an empty index.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_position(&self) -> Result<AuditPosition, StoreError> {
        position(&mut *self.reader.acquire().await?).await
    }

    /// The oldest record in the index.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn audit_oldest(&self) -> Result<Option<u64>, StoreError> {
        oldest(&mut *self.reader.acquire().await?).await
    }

    /// Takes in what stands between two places; false when the index is no longer at `from`.
    ///
    /// # Errors
    /// When the database fails; nothing is taken in then.
    pub async fn audit_index(
        &self,
        from: &AuditPosition,
        events: &[IndexedEvent],
        to: &AuditPosition,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.writer.begin().await?;
        let at: Option<i64> = sqlx::query_scalar("SELECT next FROM audit_index_position")
            .fetch_optional(&mut *transaction)
            .await?;
        if unsigned(at.unwrap_or_default()) != from.next {
            return Ok(false);
        }
        // Each statement is a way to the database's thread and back.
        for together in events.chunks(TOGETHER) {
            // Statements of this length come again and again and stay prepared; a rest's do not.
            let stays = together.len() == TOGETHER;
            insert_events(together).build().persistent(stays).execute(&mut *transaction).await?;
            insert_words(together).build().persistent(stays).execute(&mut *transaction).await?;
        }
        sqlx::query(
            "INSERT INTO audit_index_position (id, next, segment, at_bytes, hash) VALUES (1, $1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET next = $1, segment = $2, at_bytes = $3, hash = $4",
        )
        .bind(signed(to.next))
        .bind(&to.segment)
        .bind(signed(to.at))
        .bind(to.hash.as_slice())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Empties the index, to be filled from the beginning of the log.
    ///
    /// # Errors
    /// When the database fails; the index is as before then.
    pub async fn clear_audit_index(&self) -> Result<(), StoreError> {
        let mut transaction = self.writer.begin().await?;
        sqlx::query("DELETE FROM audit_index_position").execute(&mut *transaction).await?;
        sqlx::query("INSERT INTO audit_word (audit_word) VALUES ('delete-all')")
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM audit_event").execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What the index holds of what is looked for, and how far it reaches, at one moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn find_audit(&self, query: &AuditQuery) -> Result<Indexed, StoreError> {
        let mut snapshot = self.reader.begin().await?;
        Ok(Indexed {
            position: position(&mut snapshot).await?,
            oldest: oldest(&mut snapshot).await?,
            events: find(&mut snapshot, query).await?,
        })
    }
}

/// What the index holds at one moment.
#[derive(Debug)]
pub struct Indexed {
    /// Up to where it has taken in the log.
    pub position: AuditPosition,
    /// Its oldest record.
    pub oldest: Option<u64>,
    /// The latest events that are looked for, in the order of the log.
    pub events: Vec<IndexedEvent>,
}

async fn position(from: &mut SqliteConnection) -> Result<AuditPosition, StoreError> {
    let row = sqlx::query("SELECT next, segment, at_bytes, hash FROM audit_index_position")
        .fetch_optional(from)
        .await?;
    let Some(row) = row else { return Ok(AuditPosition::default()) };
    let hash: Vec<u8> = row.try_get("hash")?;
    Ok(AuditPosition {
        next: unsigned(row.try_get("next")?),
        segment: row.try_get("segment")?,
        at: unsigned(row.try_get("at_bytes")?),
        hash: hash.try_into().map_err(|_| StoreError::Unreadable("audit index position".to_owned()))?,
    })
}

async fn oldest(from: &mut SqliteConnection) -> Result<Option<u64>, StoreError> {
    let oldest: Option<i64> =
        sqlx::query_scalar("SELECT min(sequence) FROM audit_event").fetch_one(from).await?;
    Ok(oldest.map(unsigned))
}

async fn find(from: &mut SqliteConnection, query: &AuditQuery) -> Result<Vec<IndexedEvent>, StoreError> {
    let mut sql = selection(query);
    sql.push(" ORDER BY sequence DESC");
    // Where no word preselects, whatever is selected is looked for.
    if words_wanted(query).is_empty() {
        sql.push(" LIMIT ").push_bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    }
    let mut rows = sql.build().fetch(from);
    let mut found = VecDeque::new();
    while found.len() < query.limit
        && let Some(row) = rows.try_next().await?
    {
        let event = event_of(&row)?;
        // Another document may have the same word.
        if query.matches(&event) {
            found.push_front(event);
        }
    }
    Ok(found.into())
}

/// What the index can tell apart; events that are not looked for may be among them.
fn selection(query: &AuditQuery) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("SELECT * FROM audit_event WHERE TRUE");
    let words = words_wanted(query);
    if !words.is_empty() {
        sql.push(" AND sequence IN (SELECT rowid FROM audit_word WHERE audit_word MATCH ")
            .push_bind(words)
            .push(")");
    }
    if query.request.as_ref().is_some_and(String::is_empty) {
        sql.push(" AND request = ''");
    }
    if let Some(person) = &query.person {
        sql.push(" AND (person = ").push_bind(bare(person).to_owned());
        sql.push(" OR instr(person_name, ").push_bind(person.clone()).push(") > 0)");
    }
    if let Some(organization) = &query.organization {
        sql.push(" AND (organization = ").push_bind(bare(organization).to_owned());
        sql.push(" OR instr(organization_name, ").push_bind(organization.clone()).push(") > 0)");
    }
    if let Some(from) = query.from_micros {
        sql.push(" AND at_micros >= ").push_bind(from);
    }
    if let Some(until) = query.until_micros {
        sql.push(" AND at_micros < ").push_bind(until);
    }
    if query.emergency {
        sql.push(" AND emergency");
    }
    if query.more_attributes {
        sql.push(" AND more_attributes");
    }
    sql
}

/// Events of one statement.
const TOGETHER: usize = 32;

fn insert_words(events: &[IndexedEvent]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new("INSERT INTO audit_word (rowid, words) ");
    sql.push_values(events, |mut row, event| {
        row.push_bind(signed(event.sequence)).push_bind(words_of(event));
    });
    sql
}

fn insert_events(events: &[IndexedEvent]) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "INSERT INTO audit_event (sequence, at_micros, kind, ending, request, side, transaction_name,
            operation, system, community, organization, organization_name, person, person_name, roles,
            purpose, shown, withheld, bytes, emergency, more_attributes, closes, replaces, count, content) ",
    );
    sql.push_values(events, |mut row, event| {
        row.push_bind(signed(event.sequence))
            .push_bind(event.at_micros)
            .push_bind(event.kind.as_str())
            .push_bind(event.ending.as_str())
            .push_bind(event.request.as_str())
            .push_bind(event.side.as_str())
            .push_bind(event.transaction.as_str())
            .push_bind(event.operation.as_str())
            .push_bind(event.system.as_str())
            .push_bind(event.community.as_str())
            .push_bind(event.organization.as_str())
            .push_bind(event.organization_name.as_str())
            .push_bind(event.person.as_str())
            .push_bind(event.person_name.as_str())
            .push_bind(event.roles.as_str())
            .push_bind(event.purpose.as_str())
            .push_bind(signed(event.shown))
            .push_bind(signed(event.withheld))
            .push_bind(event.bytes.map(signed))
            .push_bind(event.emergency)
            .push_bind(event.more_attributes)
            .push_bind(event.closes.map(signed))
            .push_bind(event.replaces.map(signed))
            .push_bind(signed(event.count))
            .push_bind(content_of(event));
    });
    sql
}

fn event_of(row: &SqliteRow) -> Result<IndexedEvent, StoreError> {
    let optional =
        |name| -> Result<Option<u64>, StoreError> { Ok(row.try_get::<Option<i64>, _>(name)?.map(unsigned)) };
    let (patients, documents) = audit_content::read(row.try_get("content")?)?;
    Ok(IndexedEvent {
        sequence: unsigned(row.try_get("sequence")?),
        at_micros: row.try_get("at_micros")?,
        kind: row.try_get("kind")?,
        ending: row.try_get("ending")?,
        request: row.try_get("request")?,
        side: row.try_get("side")?,
        transaction: row.try_get("transaction_name")?,
        operation: row.try_get("operation")?,
        system: row.try_get("system")?,
        community: row.try_get("community")?,
        organization: row.try_get("organization")?,
        organization_name: row.try_get("organization_name")?,
        person: row.try_get("person")?,
        person_name: row.try_get("person_name")?,
        roles: row.try_get("roles")?,
        purpose: row.try_get("purpose")?,
        shown: unsigned(row.try_get("shown")?),
        withheld: unsigned(row.try_get("withheld")?),
        bytes: optional("bytes")?,
        emergency: row.try_get("emergency")?,
        more_attributes: row.try_get("more_attributes")?,
        closes: optional("closes")?,
        replaces: optional("replaces")?,
        count: unsigned(row.try_get("count")?),
        patients,
        documents,
    })
}

/// The id within a CX; the text itself when it is none.
pub(super) fn id_of(cx: &str) -> String {
    PatientId::from_cx(cx).map_or_else(|| cx.to_owned(), |id| id.value.into_revealed())
}

fn bare(id: &str) -> &str {
    id.strip_prefix("urn:oid:").unwrap_or(id)
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn unsigned(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
