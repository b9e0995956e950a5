//! The consents in force: the snapshot everyone reads, and the two ways to change it (decisions C1,
//! F1). A change is durable in the store before it shows in the snapshot; what the audit log has
//! not taken note of yet stays marked in the store, and until it has, takes away and gives nothing.

use std::sync::{Arc, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::consent::{ConsentBook, japan_day};
use super::consent_file::{BadFile, BadLine, read_consents};
use crate::model::{CommunityId, Phi, Purpose, Timestamp};
use crate::store::{AddError, ConsentChange, ConsentRow, ConsentState, Ended, Store, StoreError, Terms};

/// The consents in force.
#[derive(Debug)]
pub struct Consents {
    book: ArcSwap<ConsentBook>,
    changing: Mutex<()>,
    /// What changes have ended at other networks, until whoever keeps something in memory has taken note. Of
    /// no more persons than have consents.
    ended: std::sync::Mutex<Ended>,
}

/// Why a file was not imported: nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Lines are wrong.
    #[error(transparent)]
    File(#[from] BadFile),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A withdrawal, of everything a person consented to or of a part.
#[derive(Debug, Clone)]
pub struct Withdrawal {
    /// The network's own id of the person.
    pub network_id: Phi<String>,
    /// Only at this facility.
    pub facility: Option<String>,
    /// Only toward this community.
    pub community: Option<CommunityId>,
    /// The form that was signed.
    pub form: String,
    /// Where it is kept.
    pub evidence: String,
    /// Who entered it.
    pub entered_by: String,
}

/// Why nothing was withdrawn.
#[derive(Debug, thiserror::Error)]
pub enum WithdrawError {
    /// No row of such a person, facility and community.
    #[error("no consent fits the network id, facility and community given")]
    Nothing,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Consents {
    /// From the store.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(store: &Store) -> Result<Self, StoreError> {
        let (version, rows, on_record) = store.consents_and_on_record().await?;
        Ok(Self::of(ConsentBook::partly_on_record(version, rows, on_record)))
    }

    /// From a snapshot.
    pub fn of(book: ConsentBook) -> Self {
        Self {
            book: ArcSwap::from_pointee(book),
            changing: Mutex::new(()),
            ended: std::sync::Mutex::default(),
        }
    }

    /// The snapshot of this moment.
    pub fn book(&self) -> Arc<ConsentBook> {
        self.book.load_full()
    }

    /// Imports a file, whole or not at all. Rows that are there already are passed over.
    ///
    /// # Errors
    /// All bad lines; the store's.
    pub async fn import(
        &self,
        store: &Store,
        file: &str,
        bytes: &[u8],
        now: Timestamp,
    ) -> Result<ConsentChange, ImportError> {
        let _one_at_a_time = self.changing.lock().await;
        let (name, copy) = (file.to_owned(), bytes.to_vec());
        let read = aside(move || read_consents(&name, &copy)).await??;
        let (lines, rows): (Vec<_>, Vec<_>) = read.into_iter().unzip();
        let mut clerks: Vec<_> = rows.iter().map(|row| row.entered_by.as_str()).collect();
        clerks.sort_unstable();
        clerks.dedup();
        let change = change("import", file, bytes, clerks.join(", "), now);
        let added = store.add_consents(&rows, change).await;
        let (change, ended) = added.map_err(|error| match error {
            AddError::Store(error) => ImportError::Store(error),
            AddError::OtherPerson(at) => {
                let line = |(position, column): &(usize, &'static str)| {
                    Some(BadLine {
                        line: *lines.get(*position)?,
                        column,
                        why: "this belongs to another network_id".to_owned(),
                        hint: "look it up with `kakehashi consent list`".to_owned(),
                    })
                };
                ImportError::File(BadFile::new(file, at.iter().filter_map(line).collect()))
            }
        })?;
        self.refresh_ended(store, ended).await?;
        Ok(change)
    }

    /// Adds rows that withdraw, effective from the day (in Japan) it is entered.
    ///
    /// # Errors
    /// `Nothing` when no row fits; the store's.
    pub async fn withdraw(
        &self,
        store: &Store,
        withdrawal: &Withdrawal,
        now: Timestamp,
    ) -> Result<ConsentChange, WithdrawError> {
        let _one_at_a_time = self.changing.lock().await;
        let rows = rows_that_withdraw(&self.book(), withdrawal, now);
        if rows.is_empty() {
            return Err(WithdrawError::Nothing);
        }
        let text = format!("{}\n{}", withdrawal.form, withdrawal.evidence);
        let change =
            change("withdraw", &withdrawal.form, text.as_bytes(), withdrawal.entered_by.clone(), now);
        let added = store.add_consents(&rows, change).await;
        let (change, ended) = added.map_err(|error| match error {
            AddError::Store(error) => WithdrawError::Store(error),
            // The rows repeat numbers of rows that are there.
            AddError::OtherPerson(_) => WithdrawError::Nothing,
        })?;
        self.refresh_ended(store, ended).await?;
        Ok(change)
    }

    /// Takes in that changes are on record now: what they give counts from here on.
    ///
    /// # Errors
    /// The store's.
    pub async fn now_on_record(&self, store: &Store) -> Result<(), StoreError> {
        let _one_at_a_time = self.changing.lock().await;
        self.refresh(store).await
    }

    /// Whether anything has ended that nobody has taken note of.
    pub fn have_ended(&self) -> bool {
        !self.ended_now().is_empty()
    }

    /// What changes have ended at other networks since the last call.
    pub fn take_ended(&self) -> Ended {
        std::mem::take(&mut *self.ended_now())
    }

    // Told at once, whatever becomes of the snapshot; and once more when that says it: whoever has forgotten it
    // meanwhile may have learned it again from the old one.
    async fn refresh_ended(&self, store: &Store, ended: Ended) -> Result<(), StoreError> {
        self.note_ended(ended.clone());
        let refreshed = self.refresh(store).await;
        self.note_ended(ended);
        refreshed
    }

    fn note_ended(&self, ended: Ended) {
        let mut all = self.ended_now();
        for (community, ids) in ended {
            all.entry(community).or_default().extend(ids);
        }
    }

    fn ended_now(&self) -> MutexGuard<'_, Ended> {
        // Each change is one step, so a panic elsewhere leaves it whole.
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let (version, rows, on_record) = store.consents_and_on_record().await?;
        let present = self.book();
        let later = rows.len().saturating_sub(on_record);
        if (version, later) != (present.version(), present.not_on_record()) {
            let book = aside(move || ConsentBook::partly_on_record(version, rows, on_record)).await?;
            self.book.store(Arc::new(book));
        }
        Ok(())
    }
}

/// Hundreds of thousands of rows are read beside the runtime's threads, not on them.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| StoreError::Unreadable("the consents".to_owned()))
}

fn rows_that_withdraw(book: &ConsentBook, withdrawal: &Withdrawal, now: Timestamp) -> Vec<ConsentRow> {
    let mut rows = Vec::new();
    for number in book.numbers_of(&withdrawal.network_id) {
        if withdrawal.facility.as_ref().is_some_and(|only| *only != number.facility) {
            continue;
        }
        for community in book.communities_of(&withdrawal.network_id, &number.facility) {
            if withdrawal.community.as_ref().is_some_and(|only| only != community) {
                continue;
            }
            rows.push(ConsentRow {
                network_id: withdrawal.network_id.clone(),
                facility: number.facility.clone(),
                patient_no: number.number.clone(),
                community: community.clone(),
                viewers: Terms::All,
                kinds: Terms::All,
                purposes: vec![Purpose::Treatment, Purpose::Emergency],
                state: ConsentState::Withdrawn,
                valid_from: japan_day(now),
                valid_until: None,
                form: withdrawal.form.clone(),
                evidence: withdrawal.evidence.clone(),
                entered_by: withdrawal.entered_by.clone(),
                card: None,
            });
        }
    }
    rows
}

fn change(action: &str, source: &str, bytes: &[u8], entered_by: String, now: Timestamp) -> ConsentChange {
    ConsentChange {
        version: 0,
        at: now,
        action: action.to_owned(),
        source: source.to_owned(),
        sha256: hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes)),
        rows: 0,
        entered_by,
    }
}

#[cfg(test)]
mod tests;
