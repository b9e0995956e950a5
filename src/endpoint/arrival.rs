//! A message as it arrived: its root part within the caps, and who its certificate and assertion
//! say is asking.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use http::{HeaderMap, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use tokio::time::Instant;

use super::serve::{OFFERED, PATHS, SoapEndpoint, System};
use crate::audit::Rejection;
use crate::dialect::soap::{
    self, Envelope, Fault, Framed, FramedBody, Header, Offered, Unreceived, frame_answer,
};
use crate::dialect::{Packaging, Reply};
use crate::identity::{self, Admitted, NotAdmitted};
use crate::model::{
    DocumentStream, Malformed, MessageId, PeerProfile, Refusal, RequestId, Timestamp, Unauthenticated,
};
use crate::telemetry::{self, TraceParent};
use crate::transport::{BodyFault, BoxBody, Connected, read_body};

/// A message before anything of it is believed.
pub struct Arrival<'a> {
    pub endpoint: &'a SoapEndpoint,
    pub connected: Arc<Connected>,
    pub system: &'a System,
    pub id: RequestId,
    /// The path that was called.
    pub service: &'static str,
    /// The headers it came with, of a portal whose file reads them.
    pub headers: Option<HeaderMap>,
    pub received: Timestamp,
    pub deadline: Instant,
}

/// A message whose sender is established.
pub struct Authenticated {
    /// Which of what is offered it is.
    pub transaction: usize,
    pub envelope: Envelope,
    pub admitted: Admitted,
}

impl Arrival<'_> {
    /// The request id both brokers share: the caller's trace id, else a new one.
    pub fn request_id(request: &Request<Incoming>) -> RequestId {
        let header = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
        header.and_then(TraceParent::parse).map_or_else(RequestId::fresh, |trace| trace.request)
    }

    /// The content type, where it is text.
    pub(super) fn content_type(request: &Request<Incoming>) -> Option<String> {
        let content_type = request.headers().get(header::CONTENT_TYPE);
        content_type.and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// Reads the body within its caps and opens the envelope.
    ///
    /// # Errors
    /// The response to give: 413 over the cap, else a fault.
    pub async fn open(&self, request: Request<Incoming>) -> Result<Envelope, Response<BoxBody>> {
        let content_type = Self::content_type(&request);
        let max = self.endpoint.body_bytes_max;
        let body = match read_body(request.into_body(), max, self.endpoint.body_idle).await {
            Ok(body) => body,
            Err(BodyFault::TooLarge) => {
                let why = format!("the body is over {max} bytes");
                self.reject(None, Refusal::Malformed(Malformed::new("too-large", "", why))).await;
                return Err(closing(StatusCode::PAYLOAD_TOO_LARGE));
            }
            Err(BodyFault::Idle | BodyFault::Broken) => return Err(closing(StatusCode::REQUEST_TIMEOUT)),
        };
        self.open_body(content_type.as_deref(), body).await
    }

    /// Opens the envelope of a body that was read.
    ///
    /// # Errors
    /// The fault to give.
    pub(super) async fn open_body(
        &self,
        content_type: Option<&str>,
        body: Bytes,
    ) -> Result<Envelope, Response<BoxBody>> {
        let body: DocumentStream = Box::pin(stream::iter([Ok(body)]));
        let limits = self.endpoint.soap_limits;
        match soap::receive_root(content_type, body, limits, Envelope::read_request).await {
            Ok(received) => Ok(received.envelope),
            Err(unreceived) => {
                let malformed = match unreceived {
                    Unreceived::Malformed(malformed) => malformed,
                    Unreceived::Interrupted(why) => Malformed::new("malformed-mime", "", why.to_string()),
                };
                let fault = Fault::malformed(&malformed);
                Err(self.refused(None, None, Refusal::Malformed(malformed), fault).await)
            }
        }
    }

    /// Establishes that it is the transaction of the path it came to, who asks, and that the message
    /// is taken once.
    ///
    /// # Errors
    /// The fault to give, already on record.
    pub async fn authenticate(
        &self,
        envelope: Envelope,
        here: usize,
    ) -> Result<Authenticated, Response<BoxBody>> {
        let transaction = match addressed(&envelope, here, &self.system.profile) {
            Ok(transaction) => transaction,
            Err(fault) => {
                let refusal = Refusal::Malformed(Malformed::new("addressing", "", fault.reason.clone()));
                let message = envelope.header.message_id.clone();
                return Err(self.refused(Some(&envelope.header), message, refusal, fault).await);
            }
        };
        let root = match envelope.well_formed() {
            Ok(root) => root,
            Err(malformed) => {
                let fault = Fault::malformed(&malformed);
                let refusal = Refusal::Malformed(malformed);
                let message = envelope.header.message_id.clone();
                return Err(self.refused(Some(&envelope.header), message, refusal, fault).await);
            }
        };
        let arrival = identity::Arrival {
            root,
            message: envelope.header.message_id.as_ref(),
            spki_sha256: &self.connected.endpoint.spki_sha256,
            system: &self.connected.peer,
            community: &self.system.community,
            resend_s: self.system.resend_s,
            deadline: self.deadline,
        };
        match self.endpoint.admission.admit(&arrival, &self.terms(), self.received).await {
            Ok(admitted) => {
                for warning in envelope.warnings.iter().chain(&admitted.warnings) {
                    self.endpoint.metrics.message_warning(&self.connected.peer.0, warning.code);
                }
                Ok(Authenticated { transaction, admitted, envelope })
            }
            Err(not_admitted) => Err(self.not_admitted(&envelope.header, not_admitted).await),
        }
    }

    // A message is taken once, an assertion stays with whom it came from (decisions B1).
    pub(super) async fn not_admitted(&self, header: &Header, why: NotAdmitted) -> Response<BoxBody> {
        let busy = || Fault::receiver("the request cannot be carried out now");
        let (refusal, fault) = match why {
            NotAdmitted::Duplicate => {
                let subcodes = ["wsa:InvalidAddressingHeader", "wsa:DuplicateMessageID"];
                let why = "this MessageID was used before";
                (
                    Refusal::Malformed(Malformed::new("duplicate-message-id", "", why)),
                    Fault::sender(&subcodes, why),
                )
            }
            NotAdmitted::Full => {
                tracing::error!(request = %self.id, peer = %self.connected.peer, "the replay cache is full");
                // There is room when assertions are over, which takes minutes.
                (Refusal::Throttled(60_000), busy())
            }
            NotAdmitted::Late => {
                tracing::error!(request = %self.id, "the replay cache does not answer: nothing is taken");
                (Refusal::AuditUnavailable, busy())
            }
            NotAdmitted::Store(error) => {
                tracing::error!(request = %self.id, %error, "the replay cache cannot be used: nothing is taken");
                (Refusal::Internal("the replay cache cannot be used".to_owned()), busy())
            }
            NotAdmitted::Unauthenticated(why) => {
                let Unauthenticated { word, .. } = &why;
                let peer = &self.connected.peer.0;
                self.endpoint.metrics.authentication_failure(self.endpoint.side.word(), peer, word);
                let fault = Fault::unauthenticated(&why);
                (Refusal::Unauthenticated(why), fault)
            }
        };
        self.refused(Some(header), header.message_id.clone(), refusal, fault).await
    }

    // The refusal goes on record first; where it cannot, the answer says only that.
    pub(super) async fn refused(
        &self,
        header: Option<&Header>,
        message: Option<MessageId>,
        refusal: Refusal,
        fault: Fault,
    ) -> Response<BoxBody> {
        let refusal = self.reject(message, refusal).await;
        let fault = match refusal {
            Refusal::AuditUnavailable => Fault::receiver("the request cannot be carried out now"),
            _ => fault,
        };
        let message = MessageId::fresh();
        let framed = frame_answer(Packaging::Simple, "", &message, header, Reply::Fault(fault));
        retry_after(respond(framed, |_| {}), &refusal)
    }

    /// Puts a refusal on record that came before the transaction judged anything.
    pub async fn reject(&self, message: Option<MessageId>, refusal: Refusal) -> Refusal {
        let (peer, side) = (&self.connected.peer, self.endpoint.side);
        let why = telemetry::refusal_detail(&refusal);
        tracing::info!(request = %self.id, %peer, side = side.word(), refusal = why, "rejected");
        self.record(message, refusal).await
    }

    /// As [`Arrival::reject`], without a line in the log: a flood must not fill it.
    pub(super) async fn record(&self, message: Option<MessageId>, refusal: Refusal) -> Refusal {
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
}

/// Whether action and body are those of the path: one transaction is not taken at another's (wire.md
/// 21.1, 23). Where the peer's file says so, the body's root counts instead of the action.
pub(super) fn addressed(envelope: &Envelope, here: usize, profile: &PeerProfile) -> Result<usize, Fault> {
    let rows = PATHS.iter().skip(here).take_while(|path| Some(*path) == PATHS.get(here)).count();
    let at_this_path = OFFERED.get(here..here + rows).unwrap_or_default();
    if !profile.route_by_body {
        return Ok(here + soap::check_request(envelope, at_this_path, profile)?);
    }
    let chosen = soap::check_request(envelope, &OFFERED, profile)?;
    if (here..here + rows).contains(&chosen) {
        return Ok(chosen);
    }
    // Within a network and across it the bodies are the same.
    let body = |offered: &Offered| (offered.ns, offered.root);
    let same = at_this_path.iter().position(|offered| OFFERED.get(chosen).map(body) == Some(body(offered)));
    if let Some(row) = same {
        return Ok(here + row);
    }
    Err(Fault::sender(&["wsa:ActionNotSupported"], "the action is not offered here"))
}

/// A framed answer as an HTTP response. A document stream leaves chunked and breaks when it breaks;
/// `sent` is told the bytes of each piece.
pub fn respond(framed: Framed, sent: impl Fn(u64) + Send + 'static) -> Response<BoxBody> {
    let body = match framed.body {
        FramedBody::Whole(bytes) => UnsyncBoxBody::new(Full::new(bytes).map_err(|never| match never {})),
        FramedBody::Stream(stream) => UnsyncBoxBody::new(StreamBody::new(stream.map_ok(move |piece| {
            sent(u64::try_from(piece.len()).unwrap_or_default());
            Frame::data(piece)
        }))),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(framed.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Ok(value) = header::HeaderValue::from_str(&framed.content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

/// The response, with the seconds after which it may be tried again where the refusal names them.
pub fn retry_after(mut response: Response<BoxBody>, refusal: &Refusal) -> Response<BoxBody> {
    if let Some(seconds) = refusal.retry_after_s() {
        response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from(seconds));
    }
    response
}

/// An empty response.
pub fn empty(status: StatusCode) -> Response<BoxBody> {
    let mut response = Response::new(UnsyncBoxBody::new(Full::default().map_err(|never| match never {})));
    *response.status_mut() = status;
    response
}

/// An empty response after which the connection ends.
pub fn closing(status: StatusCode) -> Response<BoxBody> {
    let mut response = empty(status);
    response.headers_mut().insert(header::CONNECTION, header::HeaderValue::from_static("close"));
    response
}
