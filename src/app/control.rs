//! The local control socket (decisions F1): commands that change the state of a running broker. One
//! JSON line each way over a Unix socket; the far end must be the broker's own user or root.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Semaphore};

use crate::model::{CommunityId, Oid, Phi, Timestamp};
use crate::policy::{Consents, Withdrawal};
use crate::store::{ConsentChange, Store, StoreError};

/// A command. It holds patients' ids: no Debug.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum ControlRequest {
    /// Imports a file of consents.
    ConsentImport {
        /// Its name, for errors and the record.
        file: String,
        /// Its content.
        text: String,
    },
    /// Withdraws consents of a person.
    ConsentWithdraw {
        /// The network's own id of the person.
        network_id: String,
        /// Only at this facility.
        facility: Option<String>,
        /// Only toward this community (OID).
        community: Option<String>,
        /// The form that was signed.
        form: String,
        /// Where it is kept.
        evidence: String,
        /// Who entered it.
        entered_by: String,
    },
    /// Gives a system, or one person of it, fresh budgets.
    LimitsReset {
        /// The stem of its file.
        system: String,
        /// Only this person.
        person: Option<String>,
        /// Why.
        reason: String,
        /// Who entered it.
        entered_by: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControlReply {
    /// Whether it was done.
    pub ok: bool,
    /// For the person who typed it.
    pub text: String,
    /// The consent version now in force.
    pub version: u64,
    /// Whether the audit log has taken note; without a running broker the next start does.
    #[serde(default)]
    pub noted: bool,
}

/// Takes note of changes in the audit log.
#[async_trait]
pub trait ConsentNote: Send + Sync {
    /// Returns when the note is durable. `persons` are network ids, at most a thousand.
    ///
    /// # Errors
    /// Why it could not be; for the operator.
    async fn note(&self, change: &ConsentChange, persons: &[Phi<String>]) -> Result<(), String>;
}

/// Gives fresh budgets, on record first.
#[async_trait]
pub trait BudgetReset: Send + Sync {
    /// Returns how much was forgotten.
    ///
    /// # Errors
    /// Why it could not be done; for the operator.
    async fn reset(
        &self,
        system: &str,
        person: Option<&str>,
        reason: &str,
        entered_by: &str,
    ) -> Result<u64, String>;
}

/// What commands work on.
pub struct ControlRoom {
    /// Where consents are kept.
    pub store: Store,
    /// The consents in force.
    pub consents: Arc<Consents>,
    /// Who takes note; None outside a running broker, whose next start takes note then.
    pub note: Option<Arc<dyn ConsentNote>>,
    /// Whose budgets can be reset; None outside a running broker.
    pub budgets: Option<Arc<dyn BudgetReset>>,
    noting: Mutex<()>,
}

impl ControlRoom {
    /// Over a store and the consents in force.
    pub fn new(store: Store, consents: Arc<Consents>, note: Option<Arc<dyn ConsentNote>>) -> Self {
        Self { store, consents, note, budgets: None, noting: Mutex::new(()) }
    }

    /// With budgets that can be reset.
    pub fn with_budgets(self, budgets: Arc<dyn BudgetReset>) -> Self {
        Self { budgets: Some(budgets), ..self }
    }

    async fn reset(
        &self,
        system: &str,
        person: Option<&str>,
        reason: &str,
        entered_by: &str,
    ) -> ControlReply {
        let done = match &self.budgets {
            _ if reason.trim().is_empty() || entered_by.trim().is_empty() => {
                Err("name the reason and who entered it".to_owned())
            }
            None => Err("budgets are reset by a running broker".to_owned()),
            Some(budgets) => budgets.reset(system, person, reason, entered_by).await,
        };
        let (ok, text) = match done {
            Ok(0) => (
                false,
                format!("nothing is counted for that in `{system}`: see `kakehashi limits show --all`"),
            ),
            Ok(rows) => (true, format!("{rows} patients forgotten: the budgets are fresh")),
            Err(why) => (false, why),
        };
        ControlReply { ok, text, version: self.consents.book().version(), noted: ok }
    }

    /// Carries out a command.
    pub async fn carry_out(&self, request: ControlRequest, now: Timestamp) -> ControlReply {
        let done = match request {
            ControlRequest::LimitsReset { system, person, reason, entered_by } => {
                return self.reset(&system, person.as_deref(), &reason, &entered_by).await;
            }
            ControlRequest::ConsentImport { file, text } => {
                let import = self.consents.import(&self.store, &file, text.as_bytes(), now);
                import.await.map_err(|error| error.to_string())
            }
            ControlRequest::ConsentWithdraw {
                network_id,
                facility,
                community,
                form,
                evidence,
                entered_by,
            } => {
                let only = community.as_deref().map(Oid::parse);
                if form.trim().is_empty() || entered_by.trim().is_empty() {
                    Err("name the form that was signed and who entered it".to_owned())
                } else if let Some(None) = only {
                    Err("the community is not an OID".to_owned())
                } else {
                    let community = only.flatten().map(CommunityId);
                    let network_id = Phi::new(network_id);
                    let withdrawal =
                        Withdrawal { network_id, facility, community, form, evidence, entered_by };
                    let withdraw = self.consents.withdraw(&self.store, &withdrawal, now);
                    withdraw.await.map_err(|error| error.to_string())
                }
            }
        };
        let version = self.consents.book().version();
        match done {
            Err(text) => ControlReply { ok: false, text, version, noted: false },
            Ok(change) => {
                let noted = self.note_changes().await;
                let later = match (&noted, &self.note) {
                    (Ok(()), Some(_)) => String::new(),
                    (Ok(()), None) => format!("; the next start puts it on record: {UNTIL_THEN}"),
                    (Err(why), _) => format!(
                        "; not yet in the audit log ({why}): {UNTIL_THEN}. It is tried again every few seconds"
                    ),
                };
                let text = format!("{} rows added, consent version {version}{later}", change.rows);
                ControlReply { ok: true, text, version, noted: noted.is_ok() && self.note.is_some() }
            }
        }
    }

    /// Takes note of every change that the audit log does not hold yet; also to be called at the
    /// start, for changes made while no broker ran. A note may be taken twice, never not at all.
    ///
    /// # Errors
    /// Why a note could not be taken; to be tried again.
    pub async fn note_changes(&self) -> Result<(), String> {
        let Some(note) = &self.note else { return Ok(()) };
        let _one_at_a_time = self.noting.lock().await;
        let told = |error: StoreError| error.to_string();
        for change in self.store.consent_changes_to_note().await.map_err(told)? {
            let persons = self.store.persons_of_consent_change(change.version).await.map_err(told)?;
            note.note(&change, &persons).await?;
            self.store.mark_consent_change_noted(change.version).await.map_err(told)?;
        }
        // All rows are read again: only where that changes something.
        if self.consents.book().not_on_record() == 0 {
            return Ok(());
        }
        self.consents.now_on_record(&self.store).await.map_err(told)
    }

    /// How many changes the audit log has not taken note of.
    ///
    /// # Errors
    /// The store's; for the operator.
    pub async fn changes_to_note(&self) -> Result<usize, String> {
        let changes = self.store.consent_changes_to_note().await.map_err(|error| error.to_string())?;
        Ok(changes.len())
    }
}

const UNTIL_THEN: &str = "until then what it withdraws counts and what it grants does not";

/// The broker's end of the socket.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    user: u32,
}

impl ControlSocket {
    /// Binds the socket for the broker's user only. A socket that a dead broker left behind is
    /// removed: so the caller holds the store's lock.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub fn bind(path: &Path) -> io::Result<Self> {
        // Only a socket: whatever else stands there was not meant to be removed.
        if std::fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket()) {
            std::fs::remove_file(path)?;
        }
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        let user = std::fs::metadata(path)?.uid();
        Ok(Self { listener, user })
    }

    /// Serves until the future is dropped; a command under way is carried out to its end.
    pub async fn serve(self, room: Arc<ControlRoom>) {
        let places = Arc::new(Semaphore::new(COMMANDS_MAX));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let stream = match self.listener.accept().await {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "control socket");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (room, user) = (Arc::clone(&room), self.user);
            tokio::spawn(async move {
                if let Err(error) = answer(stream, user, &room).await {
                    tracing::warn!(%error, "control socket");
                }
                drop(place);
            });
        }
    }
}

/// Sends a command to a running broker. None when no broker listens there.
///
/// # Errors
/// When the broker does not answer as one.
pub async fn send(socket: &Path, request: &ControlRequest) -> io::Result<Option<ControlReply>> {
    let mut stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line).await?;
    let mut reply = Vec::new();
    stream.take(REPLY_BYTES_MAX).read_to_end(&mut reply).await?;
    Ok(Some(serde_json::from_slice(&reply)?))
}

async fn answer(mut stream: UnixStream, user: u32, room: &ControlRoom) -> io::Result<()> {
    let caller = stream.peer_cred()?.uid();
    if caller != user && caller != 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            format!("user {caller} may not command"),
        ));
    }
    let mut line = Vec::new();
    let (read, mut write) = stream.split();
    let mut reader = BufReader::new(read.take(REQUEST_BYTES_MAX));
    tokio::time::timeout(READ_TIMEOUT, reader.read_until(b'\n', &mut line)).await??;
    // A parser's message may quote the text, which names patients.
    let unreadable = |_| io::Error::new(io::ErrorKind::InvalidData, "unreadable command");
    let request = serde_json::from_slice(&line).map_err(unreadable)?;
    let reply = room.carry_out(request, Timestamp::now()).await;
    write.write_all(&serde_json::to_vec(&reply)?).await?;
    write.shutdown().await
}

/// A file of consents (64 MiB at most) as a JSON string.
const REQUEST_BYTES_MAX: u64 = 160 << 20;
const REPLY_BYTES_MAX: u64 = 1 << 20;
const COMMANDS_MAX: usize = 4;
const READ_TIMEOUT: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests;
