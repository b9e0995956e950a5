//! A message as it arrived: its root part within the caps, and who its certificate and assertion
//! say is asking.

use std::sync::Arc;

use aws_lc_rs::digest;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;

use super::serve::{SoapEndpoint, System};
use crate::audit::Rejection;
use crate::dialect::soap::{self, Envelope, Fault, Framed, Header, Offered, frame_answer};
use crate::dialect::{Packaging, Reply};
use crate::identity::{VerifiedAssertion, verify};
use crate::model::{DocumentStream, Interrupted, MessageId, Refusal, RequestId, Timestamp, Unauthenticated};
use crate::store::{Presented, Taken};
use crate::telemetry::TraceParent;
use crate::transport::{BoxBody, Connected};

/// A message before anything of it is believed.
pub struct Arrival<'a> {
    pub endpoint: &'a SoapEndpoint,
    pub connected: Arc<Connected>,
    pub system: &'a System,
    pub id: RequestId,
    pub received: Timestamp,
}

/// A message whose sender is established.
pub struct Authenticated {
    pub envelope: Envelope,
    pub offered: usize,
    pub verified: VerifiedAssertion,
    pub message: MessageId,
    pub attempt: u32,
}

impl Arrival<'_> {
    /// The request id both brokers share: the caller's trace id, else a new one.
    pub fn request_id(request: &Request<Incoming>) -> RequestId {
        let header = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        header.and_then(TraceParent::parse).map_or_else(RequestId::fresh, |trace| trace.request)
    }

    /// Reads the body within its caps and opens the envelope.
    ///
    /// # Errors
    /// The response to give: 413 over the cap, else a fault.
    pub async fn open(&self, request: Request<Incoming>) -> Result<Envelope, Response<BoxBody>> {
        let max = self.endpoint.body_bytes_max;
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
        if announced.is_some_and(|bytes| bytes > max) {
            self.too_large().await;
            return Err(too_large());
        }
        let content_type =
            request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let collected = http_body_util::Limited::new(request.into_body(), usize::try_from(max).unwrap_or(usize::MAX));
        let idle = self.endpoint.body_time;
        let body = match tokio::time::timeout(idle, collected.collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.downcast_ref::<http_body_util::LengthLimitError>().is_some() => {
                self.too_large().await;
                return Err(too_large());
            }
            Ok(Err(_)) | Err(_) => return Err(plain(StatusCode::REQUEST_TIMEOUT)),
        };
        let stream: DocumentStream = Box::pin(futures_util::stream::iter([Ok::<_, Interrupted>(body)]));
        match soap::receive(content_type.as_deref(), stream, self.endpoint.soap_limits).await {
            Ok(received) => Ok(received.envelope),
            Err(unreceived) => {
                let malformed = unreceived.malformed();
                let fault = Fault::malformed(&malformed);
                Err(self.refused(None, None, Refusal::Malformed(malformed), fault).await)
            }
        }
    }

    /// Establishes which transaction it is, who asks, and that the message is taken once.
    ///
    /// # Errors
    /// The fault to give, already on record.
    pub async fn authenticate(
        &self,
        envelope: Envelope,
        offered: &[Offered],
    ) -> Result<Authenticated, Response<BoxBody>> {
        let header = envelope.header.clone();
        let chosen = match soap::check_request(&envelope, offered, &self.system.profile) {
            Ok(chosen) => chosen,
            Err(fault) => {
                let refusal = Refusal::Malformed(crate::model::Malformed::new("addressing", "", fault.reason.clone()));
                return Err(self.refused(Some(&header), None, refusal, fault).await);
            }
        };
        let system = self.system;
        let verified =
            verify(envelope.source(), &system.trust, &self.connected.peer, &system.community, self.received);
        let verified = match verified {
            Ok(verified) => verified,
            Err(unauthenticated) => return Err(self.unauthenticated(&header, unauthenticated).await),
        };
        let message = header.message_id.clone().unwrap_or_else(MessageId::fresh);
        let attempt = self.take(&envelope, &message, &verified).await?;
        Ok(Authenticated { envelope, offered: chosen, verified, message, attempt })
    }

    // A message is taken once, an assertion stays with whom it came from (decisions B1).
    async fn take(
        &self,
        envelope: &Envelope,
        message: &MessageId,
        verified: &VerifiedAssertion,
    ) -> Result<u32, Response<BoxBody>> {
        let mut body = [0; 32];
        let hash = digest::digest(&digest::SHA256, envelope.source().as_bytes());
        body.iter_mut().zip(hash.as_ref()).for_each(|(to, from)| *to = *from);
        let assertion = &verified.requester.assertion;
        let presented = Presented {
            spki: &self.connected.endpoint.spki_sha256,
            message,
            body: &body,
            resend_s: self.system.resend_s,
            issuer: &assertion.issuer,
            assertion: &assertion.id,
            one_use: verified.one_use,
            until: verified.expires,
        };
        let header = &envelope.header;
        let elsewhere = |why: &str| Unauthenticated { word: "FailedAuthentication", why: why.to_owned() };
        match self.endpoint.store.take_message(&presented, self.received).await {
            Ok(Taken::Fresh) => Ok(1),
            Ok(Taken::Again { attempt }) => Ok(attempt),
            Ok(Taken::Duplicate) => {
                let subcodes = ["wsa:InvalidAddressingHeader", "wsa:DuplicateMessageID"];
                let fault = Fault::sender(&subcodes, "this MessageID was used before");
                let why = crate::model::Malformed::new("duplicate-message-id", "", "this MessageID was used before");
                Err(self.refused(Some(header), Some(message), Refusal::Malformed(why), fault).await)
            }
            Ok(Taken::AssertionElsewhere) => {
                Err(self.unauthenticated(header, elsewhere("the assertion was first shown by another system")).await)
            }
            Ok(Taken::AssertionUsed) => {
                Err(self.unauthenticated(header, elsewhere("the assertion may be used once and was used")).await)
            }
            Ok(Taken::Full) => {
                tracing::error!(request = %self.id, "the replay cache is full: nothing is taken");
                Err(self.unavailable(header).await)
            }
            Err(error) => {
                tracing::error!(request = %self.id, %error, "the replay cache cannot be used: nothing is taken");
                Err(self.unavailable(header).await)
            }
        }
    }

    async fn unauthenticated(&self, header: &Header, why: Unauthenticated) -> Response<BoxBody> {
        self.endpoint.metrics.authentication_failed(&self.connected.peer, why.word);
        let fault = Fault::unauthenticated(&why);
        self.refused(Some(header), header.message_id.as_ref(), Refusal::Unauthenticated(why), fault).await
    }

    async fn unavailable(&self, header: &Header) -> Response<BoxBody> {
        let refusal = Refusal::Internal("the replay cache is not available".to_owned());
        let fault = Fault::receiver("the request cannot be carried out now");
        self.refused(Some(header), header.message_id.as_ref(), refusal, fault).await
    }

    async fn too_large(&self) {
        let why = format!("the body is over {} bytes", self.endpoint.body_bytes_max);
        let refusal = Refusal::Malformed(crate::model::Malformed::new("too-large", "", why));
        self.reject(None, refusal).await;
    }

    // The refusal goes on record first; where it cannot, the answer says only that.
    async fn refused(
        &self,
        header: Option<&Header>,
        message: Option<&MessageId>,
        refusal: Refusal,
        fault: Fault,
    ) -> Response<BoxBody> {
        let recorded = self.reject(message.cloned(), refusal).await;
        let fault = match recorded {
            Refusal::AuditUnavailable => Fault::receiver("the request cannot be carried out now"),
            _ => fault,
        };
        self.fault(header, fault)
    }

    async fn reject(&self, message: Option<MessageId>, refusal: Refusal) -> Refusal {
        tracing::info!(request = %self.id, peer = %self.connected.peer, side = self.endpoint.side.word(), refusal = %refusal, "rejected");
        let rejection = Rejection {
            side: self.endpoint.side,
            endpoint: self.connected.endpoint.clone(),
            system: Some(self.connected.peer.clone()),
            transaction: None,
            refusal,
            message,
            received: self.received,
        };
        self.endpoint.broker.audit().reject(rejection).await
    }

    fn fault(&self, header: Option<&Header>, fault: Fault) -> Response<BoxBody> {
        let message = MessageId::fresh();
        respond(frame_answer(Packaging::Simple, "", &message, header, Reply::Fault(fault)))
    }
}

/// A framed answer as an HTTP response. A document stream leaves chunked and breaks when it breaks.
pub fn respond(framed: Framed) -> Response<BoxBody> {
    let body = match framed.body {
        soap::FramedBody::Whole(bytes) => crate::transport::whole(bytes),
        soap::FramedBody::Stream(stream) => crate::transport::streamed(stream),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(framed.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = header::HeaderValue::from_str(&framed.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

/// An empty response.
pub fn plain(status: StatusCode) -> Response<BoxBody> {
    let mut response = Response::new(Full::default().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

fn too_large() -> Response<BoxBody> {
    let mut response = plain(StatusCode::PAYLOAD_TOO_LARGE);
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}
