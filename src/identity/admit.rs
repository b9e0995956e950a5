//! Taking a message in: who asks, and that neither message nor assertion was used before where it
//! must not be (decisions B1, wire.md 23 "Receiving any request").

use aws_lc_rs::digest::{SHA256, digest};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::trust::{SamlTrust, refused};
use super::verify::{VerifiedAssertion, verify_well_formed};
use crate::model::{CommunityId, MessageId, TargetName, Timestamp, Unauthenticated};
use crate::store::{Presented, Store, StoreError, Taken};
use crate::xml::WellFormed;

/// A received message with what its connection says.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The root part as received.
    pub root: WellFormed<'a>,
    /// wsa:MessageID; None only where the peer's file puts up with it: the bytes then count.
    pub message: Option<&'a MessageId>,
    /// SHA-256 of the certificate's SubjectPublicKeyInfo, hex.
    pub spki_sha256: &'a str,
    /// The configured peer or portal the certificate belongs to.
    pub system: &'a TargetName,
    /// Its community.
    pub community: &'a CommunityId,
    /// Seconds in which a portal may send the same message again.
    pub resend_s: Option<u32>,
    /// Until when it must be taken.
    pub deadline: Instant,
}

/// A message that was taken in.
#[derive(Debug)]
pub struct Admitted {
    /// Who asks.
    pub assertion: VerifiedAssertion,
    /// 1, or more when a portal sent the same message again.
    pub attempt: u32,
    /// What the message is remembered by, for [`Admission::free`].
    pub message: MessageId,
}

/// Why a message was not taken in.
#[derive(Debug, thiserror::Error)]
pub enum NotAdmitted {
    /// Answered `wsa:DuplicateMessageID`.
    #[error("the message was taken before")]
    Duplicate,
    /// This system has too many messages that must be remembered; to be throttled.
    #[error("too many messages to remember")]
    Full,
    /// The store did not answer in time; should it take the message after all, it is freed again.
    #[error("the message was not taken in time")]
    Late,
    /// Our fault: nothing may be answered without the record of what was taken.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Who asks is not established.
    #[error("{0}")]
    Unauthenticated(#[from] Unauthenticated),
}

/// What the store is to remember, on its own feet.
struct Shown {
    spki_sha256: String,
    message: MessageId,
    body: [u8; 32],
    resend_s: Option<u32>,
    issuer: String,
    assertion: String,
    one_use: bool,
    until: Timestamp,
}

impl Shown {
    fn presented(&self) -> Presented<'_> {
        Presented {
            spki_sha256: &self.spki_sha256,
            message: &self.message,
            body: &self.body,
            resend_s: self.resend_s,
            issuer: &self.issuer,
            assertion: &self.assertion,
            one_use: self.one_use,
            until: self.until,
        }
    }
}

/// The one way in for messages with an assertion.
#[derive(Debug, Clone)]
pub struct Admission {
    store: Store,
}

impl Admission {
    /// Over the store that remembers messages and assertions.
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Establishes who asks and takes the message.
    ///
    /// # Errors
    /// `NotAdmitted`; the message then counts as not taken.
    pub async fn admit(
        &self,
        arrival: &Arrival<'_>,
        trust: &SamlTrust,
        now: Timestamp,
    ) -> Result<Admitted, NotAdmitted> {
        let assertion = verify_well_formed(arrival.root, trust, arrival.system, arrival.community, now)?;
        let mut body = [0; 32];
        body.copy_from_slice(digest(&SHA256, arrival.root.text().as_bytes()).as_ref());
        let message = match arrival.message {
            Some(message) => message.clone(),
            None => MessageId(format!("sha256:{}", hex::encode(body))),
        };
        let shown = Shown {
            spki_sha256: arrival.spki_sha256.to_owned(),
            message: message.clone(),
            body,
            resend_s: arrival.resend_s,
            issuer: assertion.requester.assertion.issuer.clone(),
            assertion: assertion.requester.assertion.id.clone(),
            one_use: assertion.one_use,
            until: assertion.expires,
        };
        let attempt = match self.take(shown, now, arrival.deadline).await? {
            Taken::Fresh => 1,
            Taken::Again { attempt } => attempt,
            Taken::Duplicate => return Err(NotAdmitted::Duplicate),
            Taken::Full => return Err(NotAdmitted::Full),
            Taken::AssertionElsewhere => {
                let why = "another system showed this assertion first";
                return Err(refused("FailedAuthentication", why).into());
            }
            Taken::AssertionUsed => {
                return Err(
                    refused("InvalidSecurityToken", "the assertion has served its one message").into()
                );
            }
        };
        Ok(Admitted { assertion, attempt, message })
    }

    // Runs on its own, so that a message taken for somebody who has given up is freed and not left as
    // one that was answered.
    async fn take(&self, shown: Shown, now: Timestamp, deadline: Instant) -> Result<Taken, NotAdmitted> {
        let (done, taken) = oneshot::channel();
        let store = self.store.clone();
        tokio::spawn(async move {
            let took = store.take_message(&shown.presented(), now).await;
            let is_taken = matches!(took, Ok(Taken::Fresh | Taken::Again { .. }));
            if done.send(took).is_err()
                && is_taken
                && let Err(error) = store.free_message(&shown.spki_sha256, &shown.message).await
            {
                tracing::error!(%error, "a MessageID could not be freed");
            }
        });
        match timeout_at(deadline, taken).await {
            Ok(Ok(took)) => Ok(took?),
            Ok(Err(_)) | Err(_) => Err(NotAdmitted::Late),
        }
    }

    /// Frees a message that came to nothing before any byte left: the record could not be written,
    /// too many requests, our own fault.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn free(&self, spki_sha256: &str, message: &MessageId) -> Result<(), StoreError> {
        self.store.free_message(spki_sha256, message).await
    }
}
