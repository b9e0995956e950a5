//! The consent rows as a network enters them, and the changes that brought them (decisions C1).
//! Rows are only ever added: a withdrawal is one more row. What they mean is `policy/consent.rs`.

use sqlx::sqlite::Sqlite;
use time::Date;
use time::macros::format_description;

use super::cards::{self, Ended};
use super::consent_row::{Card, ConsentRow, ConsentState, Terms};
use super::open::{Store, StoreError};
use crate::model::{CommunityId, Oid, Phi, Purpose, Timestamp};

/// A change to the consents: what the audit log takes note of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentChange {
    /// The consent version from then on.
    pub version: u64,
    /// When it was made.
    pub at: Timestamp,
    /// `import` or `withdraw`.
    pub action: String,
    /// The file's name, or the form of a withdrawal.
    pub source: String,
    /// SHA-256 of the file; of the rows for a withdrawal; hex.
    pub sha256: String,
    /// Rows added. 0: everything was there already and the version did not grow.
    pub rows: u64,
    /// Who made it.
    pub entered_by: String,
}

/// Why rows could not be added.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// These rows (their positions) name in this column what is another person's.
    #[error("a hospital number or a card belongs to another person")]
    OtherPerson(Vec<(usize, &'static str)>),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for AddError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

type Columns = (
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

impl Store {
    /// Adds rows, all or none; those that are there already are passed over. `change.version` and
    /// `change.rows` are filled in; with nothing new no change is kept and the version stays. Gives what has
    /// ended with them at other networks, too.
    ///
    /// # Errors
    /// `OtherPerson` when a hospital number, or a card, would belong to two persons; the database's.
    pub async fn add_consents(
        &self,
        rows: &[ConsentRow],
        mut change: ConsentChange,
    ) -> Result<(ConsentChange, Ended), AddError> {
        let mut tx = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let version: i64 = sqlx::query_scalar(
            "INSERT INTO consent_change (changed_at, action, source, sha256, row_count, entered_by)
             VALUES ($1, $2, $3, $4, 0, $5) RETURNING version",
        )
        .bind(change.at.micros())
        .bind(&change.action)
        .bind(&change.source)
        .bind(&change.sha256)
        .bind(&change.entered_by)
        .fetch_one(&mut *tx)
        .await?;
        let (mut added, mut ended, mut strangers) = (0, Ended::new(), Vec::new());
        for (position, row) in rows.iter().enumerate() {
            // What stands there already was judged when it was entered; its card may have changed hands since.
            if is_entered(&mut tx, row).await? {
                continue;
            }
            if owned_by_another(&mut tx, row).await? {
                strangers.push((position, PATIENT_NO));
            } else if cards::is_anothers(&mut tx, row, change.at).await? {
                strangers.push((position, CARD_ID));
            } else if strangers.is_empty() {
                added += insert(&mut tx, row, version, (change.at, &mut ended)).await?;
            }
        }
        if !strangers.is_empty() {
            return Err(AddError::OtherPerson(strangers));
        }
        change.rows = added;
        if added == 0 {
            tx.rollback().await?;
            change.version = self.consent_version().await?;
            return Ok((change, Ended::new()));
        }
        cards::forget_shown(&mut tx, &ended).await?;
        sqlx::query("UPDATE consent_change SET row_count = $2 WHERE version = $1")
            .bind(version)
            .bind(i64::try_from(added).unwrap_or(i64::MAX))
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        change.version = version.unsigned_abs();
        Ok((change, ended))
    }

    /// All rows in the order they were entered, with the version they make up.
    ///
    /// # Errors
    /// The database's; `Unreadable` when a row does not read back.
    pub async fn consents(&self) -> Result<(u64, Vec<ConsentRow>), StoreError> {
        let (version, rows, _) = self.consents_and_on_record().await?;
        Ok((version, rows))
    }

    /// As [`Store::consents`], with how many of the rows, the first ones, belong to changes that the
    /// audit log has taken note of.
    ///
    /// # Errors
    /// As [`Store::consents`].
    pub async fn consents_and_on_record(&self) -> Result<(u64, Vec<ConsentRow>, usize), StoreError> {
        let mut tx = self.reader.begin().await?;
        let version: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM consent_change")
            .fetch_one(&mut *tx)
            .await?;
        let rows: Vec<Columns> = sqlx::query_as(
            "SELECT network_id, facility, patient_no, community, viewers, kinds, purposes, state,
                    valid_from, valid_until, form, evidence, entered_by, card, card_from, card_until
             FROM consent ORDER BY seq",
        )
        .fetch_all(&mut *tx)
        .await?;
        let rows = rows.into_iter().map(read).collect::<Option<Vec<_>>>();
        let rows = rows.ok_or_else(|| StoreError::Unreadable("a consent".to_owned()))?;
        let later: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM consent
             WHERE version >= (SELECT MIN(version) FROM consent_change WHERE noted = 0)",
        )
        .fetch_one(&mut *tx)
        .await?;
        let on_record = rows.len().saturating_sub(usize::try_from(later).unwrap_or(usize::MAX));
        Ok((version.unsigned_abs(), rows, on_record))
    }

    /// The version of the consents; 0 when there were none yet.
    ///
    /// # Errors
    /// The database's.
    pub async fn consent_version(&self) -> Result<u64, StoreError> {
        let version: i64 = sqlx::query_scalar("SELECT COALESCE(MAX(version), 0) FROM consent_change")
            .fetch_one(&self.reader)
            .await?;
        Ok(version.unsigned_abs())
    }

    /// Changes that the audit log has not taken note of yet, oldest first, at most a thousand.
    ///
    /// # Errors
    /// The database's.
    pub async fn consent_changes_to_note(&self) -> Result<Vec<ConsentChange>, StoreError> {
        let rows: Vec<(i64, i64, String, String, String, i64, String)> = sqlx::query_as(
            "SELECT version, changed_at, action, source, sha256, row_count, entered_by
             FROM consent_change WHERE noted = 0 ORDER BY version LIMIT 1000",
        )
        .fetch_all(&self.reader)
        .await?;
        let change =
            |(version, at, action, source, sha256, rows, entered_by): (i64, i64, _, _, _, i64, _)| {
                let (version, rows) = (version.unsigned_abs(), rows.unsigned_abs());
                ConsentChange {
                    version,
                    at: Timestamp::from_micros(at),
                    action,
                    source,
                    sha256,
                    rows,
                    entered_by,
                }
            };
        Ok(rows.into_iter().map(change).collect())
    }

    /// The network ids of the persons whose rows a change added, at most a thousand.
    ///
    /// # Errors
    /// The database's.
    pub async fn persons_of_consent_change(&self, version: u64) -> Result<Vec<Phi<String>>, StoreError> {
        let ids: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT network_id FROM consent WHERE version = $1 ORDER BY network_id LIMIT 1000",
        )
        .bind(i64::try_from(version).unwrap_or(i64::MAX))
        .fetch_all(&self.reader)
        .await?;
        Ok(ids.into_iter().map(Phi::new).collect())
    }

    /// Marks a change as noted in the audit log.
    ///
    /// # Errors
    /// The database's.
    pub async fn mark_consent_change_noted(&self, version: u64) -> Result<(), StoreError> {
        sqlx::query("UPDATE consent_change SET noted = 1 WHERE version = $1")
            .bind(i64::try_from(version).unwrap_or(i64::MAX))
            .execute(&self.writer)
            .await?;
        Ok(())
    }
}

/// Binds the hospital number to the person; true when it is another's already.
async fn owned_by_another(
    tx: &mut sqlx::Transaction<'_, Sqlite>,
    row: &ConsentRow,
) -> Result<bool, sqlx::Error> {
    sqlx::query(
        "INSERT INTO consent_person (facility, patient_no, network_id) VALUES ($1, $2, $3)
         ON CONFLICT (facility, patient_no) DO NOTHING",
    )
    .bind(&row.facility)
    .bind(row.patient_no.reveal())
    .bind(row.network_id.reveal())
    .execute(&mut **tx)
    .await?;
    let owner: String =
        sqlx::query_scalar("SELECT network_id FROM consent_person WHERE facility = $1 AND patient_no = $2")
            .bind(&row.facility)
            .bind(row.patient_no.reveal())
            .fetch_one(&mut **tx)
            .await?;
    Ok(owner != *row.network_id.reveal())
}

async fn is_entered(tx: &mut sqlx::Transaction<'_, Sqlite>, row: &ConsentRow) -> Result<bool, sqlx::Error> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM consent WHERE sha256 = $1")
        .bind(digest(&write(row)))
        .fetch_optional(&mut **tx)
        .await?;
    Ok(found.is_some())
}

async fn insert(
    tx: &mut sqlx::Transaction<'_, Sqlite>,
    row: &ConsentRow,
    version: i64,
    (now, ended): (Timestamp, &mut Ended),
) -> Result<u64, sqlx::Error> {
    let earlier = match &row.card {
        Some(_) => cards::last(tx, &row.network_id, &row.community).await?,
        None => None,
    };
    let columns = write(row);
    let done = sqlx::query(
        "INSERT INTO consent (version, sha256, network_id, facility, patient_no, community, viewers,
            kinds, purposes, state, valid_from, valid_until, form, evidence, entered_by,
            card, card_from, card_until)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         ON CONFLICT (sha256) DO NOTHING",
    )
    .bind(version)
    .bind(digest(&columns))
    .bind(columns.0)
    .bind(columns.1)
    .bind(columns.2)
    .bind(columns.3)
    .bind(columns.4)
    .bind(columns.5)
    .bind(columns.6)
    .bind(columns.7)
    .bind(columns.8)
    .bind(columns.9)
    .bind(columns.10)
    .bind(columns.11)
    .bind(columns.12)
    .bind(columns.13)
    .bind(columns.14)
    .bind(columns.15)
    .execute(&mut **tx)
    .await?;
    // What was learned under a consent that has ended is not asked with again under another.
    if done.rows_affected() > 0 && row.state.blocks() {
        cards::ended(tx, &row.network_id, &row.community, now, ended).await?;
    }
    if done.rows_affected() > 0 {
        cards::issued(tx, row, earlier, now, ended).await?;
        cards::consented(tx, row).await?;
    }
    Ok(done.rows_affected())
}

fn write(row: &ConsentRow) -> Columns {
    let day = |d: Date| d.format(DAY).unwrap_or_default();
    let purposes = row.purposes.iter().map(|p| p.code()).collect::<Vec<_>>().join(" ");
    (
        row.network_id.reveal().clone(),
        row.facility.clone(),
        row.patient_no.reveal().clone(),
        row.community.0.as_str().to_owned(),
        row.viewers.text(),
        row.kinds.text(),
        purposes,
        row.state.word().to_owned(),
        day(row.valid_from),
        row.valid_until.map(day),
        row.form.clone(),
        row.evidence.clone(),
        row.entered_by.clone(),
        row.card.as_ref().map(|card| card.id.cx().reveal().clone()),
        row.card.as_ref().and_then(|card| card.from).map(day),
        row.card.as_ref().and_then(|card| card.until).map(day),
    )
}

fn read(c: Columns) -> Option<ConsentRow> {
    let day = |text: &str| Date::parse(text, DAY).ok();
    let purpose =
        |word: &str| [Purpose::Emergency, Purpose::Treatment].into_iter().find(|p| p.code() == word);
    Some(ConsentRow {
        network_id: Phi::new(c.0),
        facility: c.1,
        patient_no: Phi::new(c.2),
        community: CommunityId(Oid::parse(&c.3)?),
        viewers: Terms::parse(&c.4),
        kinds: Terms::parse(&c.5),
        purposes: c.6.split(' ').map(purpose).collect::<Option<_>>()?,
        state: ConsentState::parse(&c.7)?,
        valid_from: day(&c.8)?,
        valid_until: match c.9 {
            Some(text) => Some(day(&text)?),
            None => None,
        },
        form: c.10,
        evidence: c.11,
        entered_by: c.12,
        card: match c.13 {
            Some(cx) => Some(Card::read(&cx, c.14.as_deref(), c.15.as_deref())?),
            None => None,
        },
    })
}

/// Tells a row that is there already: SHA-256 over all columns, each with its length before it.
fn digest(c: &Columns) -> String {
    let until = c.9.as_deref().unwrap_or_default();
    let texts = [&c.0, &c.1, &c.2, &c.3, &c.4, &c.5, &c.6, &c.7, &c.8, until, &c.10, &c.11, &c.12];
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for text in texts {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    // A row without card is told as it was before there were any.
    let days = [&c.14, &c.15].map(|day| day.as_deref().unwrap_or_default());
    for text in c.13.iter().flat_map(|card| [card.as_str()].into_iter().chain(days)) {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text.as_bytes());
    }
    hex::encode(context.finish())
}

const DAY: &[time::format_description::BorrowedFormatItem<'static>] =
    format_description!("[year]-[month]-[day]");

const PATIENT_NO: &str = "patient_no";
const CARD_ID: &str = "card_id";
