//! Taking in what a system of our own tells: its certificate alone says who it is, and each message is
//! taken once. It learns nothing from us, so nobody has to be vouched for.

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::admit::NotAdmitted;
use crate::model::{MessageId, Timestamp};
use crate::store::{Presented, Store, Taken};
use crate::xml::WellFormed;

/// The way in for what is told.
#[derive(Debug, Clone)]
pub struct Notifications {
    store: Store,
}

/// How long a message is remembered. One that came again later would only make us look up anew what has
/// been looked up since.
const REMEMBERED_S: i64 = 7 * 86_400;

/// And how long while its sender has used half of what it may take: who loads a whole population into a
/// manager is told of by a million messages, and must not lock it out for the rest of the week.
const REMEMBERED_WHEN_MANY_S: i64 = 600;

impl Notifications {
    /// Over the store that remembers messages.
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Takes a message of the system with this key; gives what it is remembered by.
    ///
    /// # Errors
    /// `NotAdmitted`; the message then counts as not taken.
    pub async fn take(
        &self,
        spki_sha256: &str,
        root: WellFormed<'_>,
        message: Option<&MessageId>,
        (now, deadline): (Timestamp, Instant),
    ) -> Result<MessageId, NotAdmitted> {
        let mut body = [0; 32];
        body.copy_from_slice(digest(&SHA256, root.text().as_bytes()).as_ref());
        let by_body = || MessageId(format!("sha256:{}", hex::encode(body)));
        let message = message.cloned().unwrap_or_else(by_body);
        let are_many = self.store.replays_used(Some(spki_sha256)) > 0.5;
        let remembered = if are_many { REMEMBERED_WHEN_MANY_S } else { REMEMBERED_S };
        let presented = Presented {
            spki_sha256,
            message: &message,
            body: &body,
            resend_s: None,
            issuer: "",
            // No assertion: what stands in its place is bound to this message and nothing else.
            assertion: &format!("{spki_sha256} {}", message.0),
            one_use: false,
            until: now.plus_seconds(remembered),
        };
        // Given up, by us or by whoever waits for us, the message is freed again.
        let taken = timeout_at(deadline, self.store.take_message(&presented, now)).await;
        match taken.map_err(|_| NotAdmitted::Late)?? {
            Taken::Fresh => Ok(message),
            Taken::Full => Err(NotAdmitted::Full),
            Taken::Again { .. } | Taken::AssertionElsewhere | Taken::AssertionUsed | Taken::Duplicate => {
                Err(NotAdmitted::Duplicate)
            }
        }
    }
}

impl Notifications {
    /// A message that was taken and is being heeded.
    pub fn under_way(&self, spki_sha256: &str, message: MessageId) -> UnderWay {
        UnderWay { store: self.store.clone(), spki: spki_sha256.to_owned(), message: Some(message) }
    }
}

/// A message that is being heeded. Dropped before it is done, when its sender hangs up, it is freed again:
/// whoever was not answered tells it again, and it only takes away.
#[derive(Debug)]
pub struct UnderWay {
    store: Store,
    spki: String,
    message: Option<MessageId>,
}

impl UnderWay {
    /// It has been heeded or refused for good.
    pub fn done(mut self) {
        self.message = None;
    }

    /// It had no effect: it may be told again. Goes on when the store takes longer than anybody waits.
    pub async fn free(mut self) {
        if let Some(freeing) = self.freeing() {
            drop(timeout(FREEING, freeing).await);
        }
    }

    fn freeing(&mut self) -> Option<JoinHandle<()>> {
        let (message, runtime) = (self.message.take()?, Handle::try_current().ok()?);
        let (store, spki) = (self.store.clone(), std::mem::take(&mut self.spki));
        Some(runtime.spawn(async move {
            if let Err(error) = store.free_message(&spki, &message).await {
                tracing::error!(%error, "a MessageID could not be freed");
            }
        }))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        drop(self.freeing());
    }
}

/// How long a refusal waits for the store.
const FREEING: Duration = Duration::from_secs(1);
