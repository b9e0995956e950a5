//! What the network's own PIX manager tells us (ITI-44, ITI-46): let in by its certificate alone, on record,
//! heeded, then acknowledged.

use std::sync::Arc;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::time::Instant;

use super::arrival::{Arrival, closing, empty, respond, retry_after};
use super::place::Place;
use super::serve::SoapEndpoint;
use crate::audit::{RecordNote, Rejection, Way};
use crate::dialect::Transaction;
use crate::dialect::hl7v3::{
    ADDED_ROOT, DuplicatesResolved, MERGED_ROOT, NS, PixUpdateNotification, REVISED_ROOT, RecordAdded,
};
use crate::dialect::soap::{self, Envelope, Fault, Offered, frame_answer};
use crate::model::{Answer, Malformed, MessageId, PatientRecord, Refusal, Side, Timestamp, Unauthenticated};
use crate::telemetry;
use crate::transport::{BoxBody, Connected};

/// Where it tells; on the portal side only.
pub(super) const NOTIFICATIONS: &str = "/pix/notify";

const TOLD: [Offered; 3] = [
    Offered { action: RecordAdded::REQUEST_ACTION, ns: NS, root: ADDED_ROOT },
    Offered { action: PixUpdateNotification::REQUEST_ACTION, ns: NS, root: REVISED_ROOT },
    Offered { action: DuplicatesResolved::REQUEST_ACTION, ns: NS, root: MERGED_ROOT },
];

impl SoapEndpoint {
    /// Answers a request at [`NOTIFICATIONS`].
    pub(super) async fn notified(
        &self,
        connected: Arc<Connected>,
        request: Request<Incoming>,
        received: Timestamp,
    ) -> Response<BoxBody> {
        if request.method() != Method::POST {
            return empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        let Some(system) = self.managers.get(&connected.peer) else {
            return self.not_for(&connected, received, "only the PIX manager tells of ids").await;
        };
        let Some(place) = Place::take(system, &self.places) else {
            self.metrics.throttled(&connected.peer.0, "in_flight");
            return closing(StatusCode::SERVICE_UNAVAILABLE);
        };
        if let Err(refusal) = self.broker.admits(&connected.peer) {
            return retry_after(closing(StatusCode::SERVICE_UNAVAILABLE), &refusal);
        }
        let arrival = Arrival {
            endpoint: self,
            connected,
            system,
            id: Arrival::request_id(&request),
            service: NOTIFICATIONS,
            headers: None,
            received,
            deadline: Instant::now() + system.timeout,
        };
        place.held_by(Box::pin(arrival.notified(request)).await)
    }

    /// Turns away a system of ours that may not call this path; that it tried is on record.
    pub(super) async fn not_for(
        &self,
        connected: &Connected,
        received: Timestamp,
        why: &str,
    ) -> Response<BoxBody> {
        tracing::warn!(peer = %connected.peer, why, "turned away");
        let unauthenticated = Unauthenticated { word: "NodeAuthentication", why: why.to_owned(), told: None };
        let rejection = Rejection {
            side: self.side,
            endpoint: connected.endpoint.clone(),
            system: Some(connected.peer.clone()),
            transaction: None,
            refusal: Refusal::Unauthenticated(unauthenticated),
            message: None,
            received,
        };
        drop(self.broker.audit().reject(rejection).await);
        empty(StatusCode::FORBIDDEN)
    }
}

impl Arrival<'_> {
    async fn notified(&self, request: Request<Incoming>) -> Response<BoxBody> {
        let envelope = match tokio::time::timeout_at(self.deadline, self.open(request)).await {
            Ok(Ok(envelope)) => envelope,
            Ok(Err(response)) => return response,
            Err(_) => return closing(StatusCode::REQUEST_TIMEOUT),
        };
        match self.told(&envelope).await {
            Ok((row, message)) => match row {
                0 => self.heed::<RecordAdded>(&envelope, message).await,
                1 => self.heed::<PixUpdateNotification>(&envelope, message).await,
                _ => self.heed::<DuplicatesResolved>(&envelope, message).await,
            },
            Err(response) => response,
        }
    }

    // Which of them it is, taken once.
    async fn told(&self, envelope: &Envelope) -> Result<(usize, MessageId), Response<BoxBody>> {
        let header = &envelope.header;
        let row = match soap::check_request(envelope, &TOLD, &self.system.profile) {
            Ok(row) => row,
            Err(fault) => {
                let why = Malformed::new("addressing", "", fault.reason.clone());
                let message = header.message_id.clone();
                return Err(self.refused(Some(header), message, Refusal::Malformed(why), fault).await);
            }
        };
        let root = match envelope.well_formed() {
            Ok(root) => root,
            Err(malformed) => {
                let (fault, message) = (Fault::malformed(&malformed), header.message_id.clone());
                return Err(self.refused(Some(header), message, Refusal::Malformed(malformed), fault).await);
            }
        };
        let (spki, times) = (&self.connected.endpoint.spki_sha256, (self.received, self.deadline));
        match self.endpoint.notifications.take(spki, root, header.message_id.as_ref(), times).await {
            Ok(message) => Ok((row, message)),
            Err(not_admitted) => Err(self.not_admitted(header, not_admitted).await),
        }
    }

    async fn heed<T: Transaction<Request = PatientRecord>>(
        &self,
        envelope: &Envelope,
        message: MessageId,
    ) -> Response<BoxBody> {
        let began = Instant::now();
        let (peer, side) = (&self.connected.peer, Side::Home.word());
        let spki = &self.connected.endpoint.spki_sha256;
        let under_way = self.endpoint.notifications.under_way(spki, message.clone());
        let outcome = self.heeded::<T>(envelope, &message).await;
        let word = outcome.as_ref().err().map_or(telemetry::SUCCESS, telemetry::refusal_word);
        self.endpoint.metrics.request(side, &peer.0, T::NAME, word, began.elapsed());
        tracing::info!(request = %self.id, side, %peer, transaction = T::NAME, outcome = word, "answered");
        match &outcome {
            // It has had no effect: the manager may tell it again.
            Err(Refusal::AuditUnavailable | Refusal::Internal(_)) => under_way.free().await,
            _ => under_way.done(),
        }
        let addressing = self.addressing();
        let taken = outcome.map(|()| Answer { answered: 1, ..Answer::default() });
        let reply = T::write_answer(envelope, &addressing, &self.system.profile, taken);
        let header = Some(&envelope.header);
        let framed = frame_answer(T::PACKAGING, T::RESPONSE_ACTION, &addressing.message, header, reply);
        respond(framed, |_| {})
    }

    async fn heeded<T: Transaction<Request = PatientRecord>>(
        &self,
        envelope: &Envelope,
        message: &MessageId,
    ) -> Result<(), Refusal> {
        let record = match T::read_request(envelope, &self.system.profile) {
            Ok(record) => record,
            Err(refusal) => return Err(self.reject(Some(message.clone()), refusal).await),
        };
        let broker = &self.endpoint.broker;
        let note = RecordNote {
            request: self.id,
            transaction: T::NAME,
            change: record.change,
            patients: record.all_ids().cloned().collect(),
            system: self.connected.peer.clone(),
            message: message.clone(),
            way: Way::Came {
                endpoint: Box::new(self.connected.endpoint.clone()),
                received: self.received,
                service: NOTIFICATIONS,
            },
        };
        broker.audit().patient_record(note).await?;
        broker.links_changed(self.id, &record).await.map_err(|error| {
            tracing::error!(request = %self.id, %error, "what the PIX manager told could not be heeded");
            Refusal::Internal("what was told could not be heeded".to_owned())
        })
    }
}
