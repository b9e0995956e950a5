//! Taking a message in: who asks, and that neither message nor assertion was used before where it
//! must not be (decisions B1, wire.md 23 "Receiving any request").

use std::borrow::Cow;

use aws_lc_rs::digest::{Context, SHA256};
use tokio::time::{Instant, timeout_at};

use super::sender::Terms;
use super::trust::refused;
use crate::model::{
    CommunityId, Means, MessageId, Requester, TargetName, Timestamp, Unauthenticated, Vouched, Warning,
};
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
    pub requester: Requester,
    /// Habits put up with; to be counted per peer.
    pub warnings: Vec<Warning>,
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

/// The one way in for messages.
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
        terms: &Terms<'_>,
        now: Timestamp,
    ) -> Result<Admitted, NotAdmitted> {
        let sender = terms.sender(arrival.root, arrival.community, now)?;
        let body = body(arrival.root.text(), sender.vouched.as_ref());
        let message = match arrival.message {
            Some(message) => message.clone(),
            None => MessageId(format!("sha256:{}", hex::encode(body))),
        };
        let (issuer, assertion) = shown(arrival.spki_sha256, &message, sender.vouched.as_ref());
        let presented = Presented {
            spki_sha256: arrival.spki_sha256,
            message: &message,
            body: &body,
            resend_s: arrival.resend_s,
            issuer,
            assertion: &assertion,
            one_use: sender.one_use,
            until: sender.until,
        };
        // Given up, by us or by whoever waits for us, the message is freed again.
        let taken = timeout_at(arrival.deadline, self.store.take_message(&presented, now)).await;
        let attempt = match taken.map_err(|_| NotAdmitted::Late)?? {
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
        let (system, community) = (arrival.system.clone(), arrival.community.clone());
        let requester = Requester { system, community, vouched: sender.vouched };
        Ok(Admitted { requester, warnings: sender.warnings, attempt, message })
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

// What the store binds to the system that shows it: issuer and id of the assertion or token. Where there is
// none, or plain headers, the message stands for itself.
fn shown<'a>(
    spki_sha256: &str,
    message: &MessageId,
    vouched: Option<&'a Vouched>,
) -> (&'a str, Cow<'a, str>) {
    match vouched.and_then(|vouched| Some((&vouched.by.issuer, vouched.by.id.as_ref()?))) {
        Some((issuer, id)) => (issuer, Cow::Borrowed(id)),
        None => ("", Cow::Owned(format!("{spki_sha256} {}", message.0))),
    }
}

// A message that comes again must be the same, and so must whoever its headers name.
fn body(root: &str, vouched: Option<&Vouched>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    context.update(root.as_bytes());
    if let Some(vouched) = vouched.filter(|vouched| vouched.by.means != Means::Assertion) {
        let roles = vouched.role_codes.iter().flat_map(|code| [code.value.as_str(), &code.system]);
        let person = [&vouched.by.issuer, &vouched.person.id, &vouched.organization.id];
        for part in person.into_iter().map(String::as_str).chain(roles).chain([vouched.purpose.code()]) {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
    }
    let mut body = [0; 32];
    body.copy_from_slice(context.finish().as_ref());
    body
}
