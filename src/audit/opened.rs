//! What is about to be sent, what became of it, and the token between the two (decisions D1).

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

use super::event::{Ending, Event};
use super::handle::{Durable, Handle};
use super::references::{LegRef, QueryElement};
use crate::model::{CommunityId, Endpoint, Failure, Leg, MessageId, Phi, Refusal, TargetName};

/// One message that is about to leave.
#[derive(Debug, Clone)]
pub struct LegRecord {
    /// Whom it goes to.
    pub target: TargetName,
    /// The target's community.
    pub community: CommunityId,
    /// `ITI-55` of a correlation, `ITI-38`.
    pub transaction: &'static str,
    /// Its wsa:MessageID and queryId.
    pub leg: Leg,
    /// Its query element, byte for byte; None where nothing leaves the house.
    pub query_element: Option<Phi<Bytes>>,
    /// The URL it goes to; None where nothing leaves the house.
    pub url: Option<String>,
    /// Another network (true), or a source of our own.
    pub is_peer: bool,
}

/// What became of one message.
#[derive(Debug, Clone)]
pub struct LegOutcome {
    /// Whom it went to.
    pub target: TargetName,
    /// Its wsa:MessageID, as in the [`LegRecord`].
    pub message: MessageId,
    /// Another network (true), or a source of our own.
    pub is_peer: bool,
    /// Why it gave nothing.
    pub failure: Option<Failure>,
    /// How many findings it gave.
    pub found: usize,
    /// How many of them were dropped as not asked for.
    pub dropped: usize,
    /// The far end as its certificate named it.
    pub endpoint: Option<Endpoint>,
}

/// The token without which nothing is sent: the record that something may be sent is durable. To be
/// given to [`AuditLog::release`]; dropped otherwise, it writes "may have been sent, nothing
/// released".
#[derive(Debug)]
pub struct Opened {
    pub(super) targets: Vec<TargetName>,
    pub(super) messages: Vec<MessageId>,
    pub(super) unclosed: Option<Unclosed>,
}

/// One message that may leave: it stands in a durable record, or goes to a source of our own.
#[derive(Debug)]
pub struct Recorded {
    leg: Leg,
}

impl Recorded {
    /// Its ids.
    pub const fn leg(&self) -> &Leg {
        &self.leg
    }
}

impl Opened {
    /// The targets that may be asked.
    pub fn targets(&self) -> &[TargetName] {
        &self.targets
    }

    /// Whether this target may be asked.
    pub fn permits(&self, target: &TargetName) -> bool {
        self.targets.contains(target)
    }

    /// The token for a message that the opening record names.
    pub fn recorded(&self, leg: &Leg) -> Option<Recorded> {
        self.messages.contains(&leg.message).then(|| Recorded { leg: leg.clone() })
    }

    /// Records messages that were not known when the request was opened: under the patient id that a
    /// look-up has brought, or sent once more. Durable before it returns, in a further record of the
    /// same request, which the opening one's closing covers. May be cancelled.
    ///
    /// # Errors
    /// `AuditUnavailable`; `Internal` for a target that the opening record does not name.
    pub async fn supplement(&self, legs: Vec<LegRecord>) -> Result<Vec<Recorded>, Refusal> {
        if legs.iter().any(|leg| !self.permits(&leg.target)) {
            return Err(Refusal::Internal("a leg goes to a target that was not opened".to_owned()));
        }
        if legs.iter().any(|leg| leg.is_peer) {
            let missing = || Refusal::Internal("a leg goes to a peer without an opening record".to_owned());
            self.unclosed.as_ref().ok_or_else(missing)?.supplement(&legs).await?;
        }
        Ok(legs.into_iter().map(|record| Recorded { leg: record.leg }).collect())
    }
}

/// A durable record that awaits its closing one; dropping it closes it.
#[derive(Debug)]
pub(super) struct Unclosed {
    handle: Handle,
    pub(super) durable: Durable,
    closing: Mutex<Option<Event>>,
}

impl Unclosed {
    pub(super) fn new(handle: &Handle, durable: Durable, event: &Event) -> Self {
        let mut closing = event.closing(durable.sequence);
        closing.ending = Ending::NothingReleased;
        closing.bytes = Some(0);
        Self { handle: handle.clone(), durable, closing: Mutex::new(Some(closing)) }
    }

    /// Something else closes it, or has.
    pub(super) fn settled(mut self) {
        *self.closing.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Writes a record of further legs. Should nothing be released, the closing one names them too.
    async fn supplement(&self, legs: &[LegRecord]) -> Result<(), Refusal> {
        let event = {
            let mut closing = self.closing.lock().unwrap_or_else(PoisonError::into_inner);
            let settled = || Refusal::Internal("the request is closed already".to_owned());
            let closing = closing.as_mut().ok_or_else(settled)?;
            let legs: Vec<LegRef> = legs.iter().map(LegRef::from).collect();
            let event = closing.supplementing(legs.clone());
            closing.legs.extend(legs);
            event
        };
        self.handle.append(&event, Some(self.durable.generation)).await.map(|_| ())
    }
}

impl Drop for Unclosed {
    fn drop(&mut self) {
        let closing = self.closing.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(closing) = closing.take() {
            self.handle.owe(self.durable.generation, closing);
        }
    }
}

impl From<&LegRecord> for LegRef {
    fn from(leg: &LegRecord) -> Self {
        Self {
            target: leg.target.to_string(),
            community: Some(leg.community.0.to_string()),
            transaction: Some(leg.transaction.to_owned()),
            message: leg.leg.message.0.clone(),
            query_root: Some(leg.leg.query.root.clone()),
            query_extension: leg.leg.query.extension.clone(),
            element: leg.query_element.as_ref().map(QueryElement::new),
            is_peer: leg.is_peer,
            failure: None,
            found: None,
            dropped: None,
            endpoint: None,
            url: leg.url.clone(),
        }
    }
}

impl From<&LegOutcome> for LegRef {
    fn from(leg: &LegOutcome) -> Self {
        Self {
            target: leg.target.to_string(),
            community: None,
            transaction: None,
            message: leg.message.0.clone(),
            query_root: None,
            query_extension: None,
            element: None,
            is_peer: leg.is_peer,
            failure: leg.failure.as_ref().map(|failure| Phi::new(failure.to_string())),
            found: Some(leg.found as u64),
            dropped: Some(leg.dropped as u64),
            endpoint: leg.endpoint.as_ref().map(Into::into),
            url: None,
        }
    }
}
