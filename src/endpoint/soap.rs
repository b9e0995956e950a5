//! One transaction over SOAP, server half: read, hand to the pipeline, write what was released.

use std::time::Duration;

use http::Response;
use tokio::time::Instant;

use super::arrival::{Arrival, Authenticated, respond, retry_after};
use crate::audit::Rejection;
use crate::broker::Handled;
use crate::dialect::soap::{Envelope, frame_answer};
use crate::dialect::{Addressing, Packaging, Transaction, query_element};
use crate::model::{MessageId, Oid, Refusal, Request, RequestContext};
use crate::telemetry;
use crate::transport::BoxBody;

impl Arrival<'_> {
    /// Answers an authenticated message of transaction `T`.
    pub async fn answer<T>(&self, arrived: Authenticated) -> Response<BoxBody>
    where
        T: Transaction,
        T::Request: Handled,
    {
        let started = Instant::now();
        let (peer, side) = (self.connected.peer.clone(), self.endpoint.side.word());
        let _running = self.endpoint.metrics.in_flight(side);
        let outcome = self.carry::<T>(&arrived).await;
        let word = match &outcome {
            Ok(answer) if answer.unavailable.is_empty() => telemetry::SUCCESS,
            Ok(_) => telemetry::PARTIAL,
            Err(refusal) => telemetry::refusal_word(refusal),
        };
        self.endpoint.metrics.request(side, &peer.0, T::NAME, word, started.elapsed());
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(request = %self.id, side, %peer, transaction = T::NAME, outcome = word, milliseconds, "answered");
        if let Err(
            Refusal::AuditUnavailable | Refusal::OverBudget(_) | Refusal::Throttled(_) | Refusal::Internal(_),
        ) = &outcome
        {
            // No byte has left: the same message may come again (decisions B1).
            self.free(arrived.admitted.message.clone()).await;
        }
        let refusal = outcome.as_ref().err().cloned();
        let addressing = self.addressing();
        let message = addressing.message.clone();
        let reply = T::write_answer(&arrived.envelope, &addressing, &self.system.profile, outcome);
        let header = Some(&arrived.envelope.header);
        let framed = frame_answer(T::PACKAGING, T::RESPONSE_ACTION, &message, header, reply);
        let metrics = std::sync::Arc::clone(&self.endpoint.metrics);
        let carries_documents = T::PACKAGING == Packaging::Mtom;
        let response = respond(framed, move |bytes| {
            if carries_documents {
                metrics.document_bytes(side, &peer.0, bytes);
            }
        });
        match refusal {
            Some(refusal) => retry_after(response, &refusal),
            None => response,
        }
    }

    /// Refuses a message before its sender, its signature or its content are looked at; what the refusal
    /// must echo is taken as it stands.
    pub async fn turn_away<T: Transaction>(
        &self,
        envelope: &Envelope,
        refusal: Refusal,
    ) -> Response<BoxBody> {
        let (peer, side) = (&self.connected.peer, self.endpoint.side.word());
        let began = Instant::now();
        let refusal = self.reject(envelope.header.message_id.clone(), refusal).await;
        let word = telemetry::refusal_word(&refusal);
        self.endpoint.metrics.request(side, &peer.0, T::NAME, word, began.elapsed());
        let addressing = self.addressing();
        let reply = T::write_answer(envelope, &addressing, &self.system.profile, Err(refusal.clone()));
        let header = Some(&envelope.header);
        let framed = frame_answer(T::PACKAGING, T::RESPONSE_ACTION, &addressing.message, header, reply);
        retry_after(respond(framed, |_| {}), &refusal)
    }

    // Goes on when the store takes longer than anybody waits for the refusal.
    pub(super) async fn free(&self, message: MessageId) {
        let (admission, spki) =
            (self.endpoint.admission.clone(), self.connected.endpoint.spki_sha256.clone());
        let id = self.id;
        let freeing = tokio::spawn(async move {
            if let Err(error) = admission.free(&spki, &message).await {
                tracing::error!(request = %id, %error, "a MessageID could not be freed");
            }
        });
        drop(tokio::time::timeout(FREEING, freeing).await);
    }

    async fn carry<T>(
        &self,
        arrived: &Authenticated,
    ) -> Result<crate::model::Answer<<T::Request as Request>::Found>, Refusal>
    where
        T: Transaction,
        T::Request: Handled,
    {
        let request = match T::read_request(&arrived.envelope, &self.system.profile) {
            Ok(request) => request,
            Err(refusal) => {
                let rejection = Rejection {
                    side: self.endpoint.side,
                    endpoint: self.connected.endpoint.clone(),
                    system: Some(self.connected.peer.clone()),
                    transaction: Some(T::NAME),
                    refusal,
                    message: Some(arrived.admitted.message.clone()),
                    received: self.received,
                };
                return Err(self.endpoint.broker.audit().reject(rejection).await);
            }
        };
        let context = RequestContext {
            beyond_budget: false,
            id: self.id,
            side: self.endpoint.side,
            transaction: T::NAME,
            service: self.service,
            requester: arrived.admitted.requester.clone(),
            received: self.received,
            deadline: self.deadline,
            message: arrived.admitted.message.clone(),
            attempt: arrived.admitted.attempt,
            endpoint: self.connected.endpoint.clone(),
        };
        let element = query_element(&arrived.envelope);
        let released = self.endpoint.broker.handle(&context, &request, element).await?;
        Ok(released.into_answer())
    }

    pub(super) fn addressing(&self) -> Addressing {
        let us = self.endpoint.broker.identity();
        let leg = us.leg();
        let receiver_device: Oid =
            self.system.device.clone().unwrap_or_else(|| self.system.community.0.clone());
        Addressing {
            message: MessageId::fresh(),
            query: leg.query,
            at: leg.at,
            device: us.device.clone(),
            community: us.community.clone(),
            authority: us.authority.clone(),
            receiver_device,
            receiver: self.system.community.clone(),
            to: String::new(),
        }
    }
}

/// How long a refusal waits for its message to be freed.
const FREEING: Duration = Duration::from_secs(1);
