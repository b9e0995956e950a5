//! What becomes of a request whose system has used up its rate or places. It is refused before anything
//! of it is parsed, and told when to come back. An emergency has a lane of its own: few places, a rate of
//! its own, and its assertion must prove it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use memchr::memmem::Finder;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout_at};

use super::arrival::{Arrival, Authenticated, addressed, closing, empty, retry_after};
use super::place::Place;
use super::serve::SoapEndpoint;
use crate::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use crate::dialect::hl7v3::{
    CrossGatewayPatientDiscovery, PdqCancellation, PdqContinuation, PdqQuery, PixQuery,
};
use crate::dialect::soap::Envelope;
use crate::model::Refusal;
use crate::transport::{BodyFault, BoxBody, read_body};

/// The emergency lane of one asking system.
pub struct Lane {
    /// Its emergencies at work beside its other requests.
    pub(super) places: Arc<Semaphore>,
    /// Its messages that are read at a time only to see whether they may be emergencies.
    reading: Arc<Semaphore>,
    /// Its codes for the purpose EMERGENCY. Text of a message that nobody has verified: it says who is to
    /// be verified, nothing else.
    codes: Vec<Finder<'static>>,
}

impl Lane {
    /// With so many places, for a system that says EMERGENCY in these words.
    pub fn new<'a>(places: usize, codes: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            reading: Arc::new(Semaphore::new(READING)),
            codes: codes.into_iter().map(|code| Finder::new(code.as_bytes()).into_owned()).collect(),
        }
    }

    fn may_be_emergency(&self, message: &[u8]) -> bool {
        self.codes.iter().any(|code| code.find(message).is_some())
    }
}

/// A message over the rate, not parsed.
struct Unread {
    content_type: Option<String>,
    body: Bytes,
}

impl SoapEndpoint {
    /// Refuses a request over its system's rate or places, unless it proves to be an emergency.
    pub(super) async fn beyond(
        &self,
        here: usize,
        arrival: Arrival<'_>,
        request: Request<Incoming>,
        refusal: Refusal,
        is_worded: bool,
    ) -> Response<BoxBody> {
        if request.body().size_hint().lower() > BRIEF_BYTES_MAX {
            return arrival.turned_back(refusal, true).await;
        }
        // Read also when it is only refused: a connection whose message nobody reads has to be closed, and
        // a new handshake costs more.
        let read = async {
            let _place = arrival.system.lane.reading.acquire().await;
            arrival.read_briefly(request).await
        };
        let Ok(read) = timeout_at(Instant::now() + READING_MAX, read).await else {
            return arrival.turned_back(refusal, true).await;
        };
        let unread = match read {
            Ok(unread) => unread,
            Err(BodyFault::TooLarge) => return arrival.turned_back(refusal, true).await,
            Err(BodyFault::Idle | BodyFault::Broken) => return closing(StatusCode::REQUEST_TIMEOUT),
        };
        if (arrival.system.lane.may_be_emergency(&unread.body) || arrival.is_said_emergency())
            && let Some(place) = Place::in_lane(arrival.system)
            && self.broker.admits_emergency(&arrival.connected.peer).is_ok()
        {
            // Its parts keep the deadline themselves; a partial answer that is being put on record at the
            // deadline must still leave.
            return place.held_by(Box::pin(self.in_lane(here, &arrival, unread, refusal)).await);
        }
        if !(is_worded && self.broker.admits_wording(&arrival.connected.peer)) {
            return arrival.turned_back(refusal, false).await;
        }
        Box::pin(in_words(here, &arrival, unread, refusal)).await
    }

    async fn in_lane(
        &self,
        here: usize,
        arrival: &Arrival<'_>,
        unread: Unread,
        refusal: Refusal,
    ) -> Response<BoxBody> {
        let envelope = match arrival.open_body(unread.content_type.as_deref(), unread.body).await {
            Ok(envelope) => envelope,
            Err(response) => return response,
        };
        let arrived = match arrival.authenticate(envelope, here).await {
            Ok(arrived) => arrived,
            Err(response) => return response,
        };
        if !arrived.admitted.requester.is_emergency() {
            arrival.free(arrived.admitted.message.clone()).await;
            return say(here, arrival, &arrived.envelope, refusal).await;
        }
        let peer = &arrival.connected.peer;
        self.metrics.emergency_lane(&peer.0);
        tracing::warn!(request = %arrival.id, %peer, "an emergency goes on beside the rates and places used up");
        self.carry_out(arrival, arrived).await
    }

    /// Answers an authenticated message.
    pub(super) async fn carry_out(&self, arrival: &Arrival<'_>, arrived: Authenticated) -> Response<BoxBody> {
        match arrived.transaction {
            0 => arrival.answer::<CrossGatewayPatientDiscovery>(arrived).await,
            1 => arrival.answer::<CrossGatewayQuery>(arrived).await,
            2 => arrival.answer::<CrossGatewayRetrieve>(arrived).await,
            3 => arrival.answer::<PixQuery>(arrived).await,
            4 => arrival.answer::<PdqQuery>(arrived).await,
            5 => arrival.answer::<PdqContinuation>(arrived).await,
            6 | 7 => arrival.answer::<PdqCancellation>(arrived).await,
            8 => arrival.answer::<RegistryStoredQuery>(arrived).await,
            _ => arrival.answer::<RetrieveDocumentSet>(arrived).await,
        }
    }
}

async fn in_words(here: usize, arrival: &Arrival<'_>, unread: Unread, refusal: Refusal) -> Response<BoxBody> {
    match arrival.open_body(unread.content_type.as_deref(), unread.body).await {
        Ok(envelope) => say(here, arrival, &envelope, refusal).await,
        Err(response) => response,
    }
}

async fn say(here: usize, arrival: &Arrival<'_>, envelope: &Envelope, refusal: Refusal) -> Response<BoxBody> {
    // What is none of those offered here is refused in the words of the first.
    match addressed(envelope, here, &arrival.system.profile).unwrap_or(here) {
        0 => arrival.turn_away::<CrossGatewayPatientDiscovery>(envelope, refusal).await,
        1 => arrival.turn_away::<CrossGatewayQuery>(envelope, refusal).await,
        2 => arrival.turn_away::<CrossGatewayRetrieve>(envelope, refusal).await,
        3 => arrival.turn_away::<PixQuery>(envelope, refusal).await,
        4 => arrival.turn_away::<PdqQuery>(envelope, refusal).await,
        5 => arrival.turn_away::<PdqContinuation>(envelope, refusal).await,
        6 | 7 => arrival.turn_away::<PdqCancellation>(envelope, refusal).await,
        8 => arrival.turn_away::<RegistryStoredQuery>(envelope, refusal).await,
        _ => arrival.turn_away::<RetrieveDocumentSet>(envelope, refusal).await,
    }
}

impl Arrival<'_> {
    // In the headers of a portal that says there who asks.
    fn is_said_emergency(&self) -> bool {
        self.terms().portal.is_some_and(|(trust, headers)| trust.may_be_emergency(headers))
    }

    async fn read_briefly(&self, request: Request<Incoming>) -> Result<Unread, BodyFault> {
        let content_type = Self::content_type(&request);
        let max = BRIEF_BYTES_MAX.min(self.endpoint.body_bytes_max);
        let body = read_body(request.into_body(), max, self.endpoint.body_idle).await?;
        Ok(Unread { content_type, body })
    }

    /// 503 with the time to come back, on record and counted.
    async fn turned_back(&self, refusal: Refusal, ends: bool) -> Response<BoxBody> {
        // Turned away in any case: a disk that hangs must not keep those who were not let in.
        let recorded = timeout_at(self.deadline, self.record(None, refusal.clone())).await;
        let refusal = recorded.unwrap_or(refusal);
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        retry_after(if ends { closing(unavailable) } else { empty(unavailable) }, &refusal)
    }
}

/// Bytes of a message that is only read for its refusal, or to see whether it may be an emergency.
const BRIEF_BYTES_MAX: u64 = 64 << 10;
/// Such messages read at a time, of one system.
const READING: usize = 8;
/// How long one may take to arrive.
const READING_MAX: Duration = Duration::from_secs(2);
