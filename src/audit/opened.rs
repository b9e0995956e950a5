//! What is about to be sent, what became of it, and the token between the two (decisions D1).

use bytes::Bytes;

use super::event::{Ending, Event};
use super::handle::{Durable, Handle};
use super::references::{LegRef, QueryElement};
use crate::model::{CommunityId, Endpoint, Failure, MessageId, Phi, QueryId, TargetName};

/// One message that is about to leave.
#[derive(Debug, Clone)]
pub struct LegRecord {
    /// Whom it goes to.
    pub target: TargetName,
    /// The target's community.
    pub community: CommunityId,
    /// `ITI-55` of a correlation, `ITI-38`.
    pub transaction: &'static str,
    /// Its wsa:MessageID.
    pub message: MessageId,
    /// Its queryId.
    pub query: QueryId,
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
    pub(super) unclosed: Option<Unclosed>,
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
}

/// A durable record that awaits its closing one; dropping it closes it.
#[derive(Debug)]
pub(super) struct Unclosed {
    handle: Handle,
    pub(super) durable: Durable,
    closing: Option<Event>,
}

impl Unclosed {
    pub(super) fn new(handle: &Handle, durable: Durable, event: &Event) -> Self {
        let mut closing = event.closing(durable.sequence);
        closing.ending = Ending::NothingReleased;
        closing.bytes = Some(0);
        Self { handle: handle.clone(), durable, closing: Some(closing) }
    }

    /// Something else closes it, or has.
    pub(super) fn settled(mut self) {
        self.closing = None;
    }
}

impl Drop for Unclosed {
    fn drop(&mut self) {
        if let Some(closing) = self.closing.take() {
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
            message: leg.message.0.clone(),
            query_root: Some(leg.query.root.clone()),
            query_extension: leg.query.extension.clone(),
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
