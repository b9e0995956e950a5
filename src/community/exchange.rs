//! Carries one transaction to one URL: writes the request with our own assertion, posts it, and
//! reads the answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use http::{StatusCode, Uri};

use crate::dialect::soap::{self, Fault, Framed, FramedBody, Unreceived};
use crate::dialect::{Addressing, Payload, Sent, Transaction, written_query_element};
use crate::identity::Issuing;
use crate::model::{
    Authority, CommunityId, Endpoint, Failure, Interrupted, Leg, Oid, Outcome, PeerProfile, Phi, Request,
    RequestContext, Requester, Timestamp,
};
use crate::telemetry::TraceParent;
use crate::transport::{HttpClient, Post};

/// Both ends of an exchange, as messages name them.
#[derive(Debug, Clone)]
pub struct Ends {
    /// Our device OID.
    pub device: Oid,
    /// Our home community.
    pub community: CommunityId,
    /// Our authority of patient ids.
    pub authority: Authority,
    /// The far end's device OID.
    pub receiver_device: Oid,
    /// The far end's home community.
    pub receiver: CommunityId,
}

/// Everything needed to talk to one far end.
pub struct Exchange {
    /// Pooled connections with our client certificate.
    pub client: HttpClient,
    /// Both ends.
    pub ends: Ends,
    /// The far end's habits.
    pub profile: PeerProfile,
    /// Our assertions toward it; None where it wants none.
    pub issuing: Option<Arc<Issuing>>,
    /// Caps of an answer.
    pub limits: soap::Limits,
    /// Bytes of an answer, its documents not counted.
    pub answer_bytes_max: u64,
    /// Time until an answer's head is there.
    pub timeout: Duration,
}

impl Exchange {
    /// Sends one request and reads its answer; documents' bodies are still unread then.
    ///
    /// # Errors
    /// Every [`Failure`]; `Rejected` also where the requester's role or purpose has no code there.
    pub async fn carry<T: Transaction>(
        &self,
        context: &RequestContext,
        leg: &Leg,
        to: &Uri,
        request: &T::Request,
    ) -> Outcome<<T::Request as Request>::Found> {
        let (framed, sent) = self.write::<T>(&context.requester, leg, to, request)?;
        let FramedBody::Whole(body) = whole(framed.body).await? else {
            return Err(Failure::Unreachable("the request could not be written".into()));
        };
        // Documents have a cap of their own, each.
        let documents = u64::try_from(sent.documents.len()).unwrap_or(u64::MAX);
        let documents = documents.saturating_mul(self.limits.part_bytes_max);
        let post = Post {
            answer_bytes_max: self.answer_bytes_max.saturating_add(documents),
            body,
            content_type: &framed.content_type,
            timeout: self.timeout,
            to,
            trace: TraceParent::child_of(context.id),
        };
        let answer = self.client.post(post).await?;
        if let Some(endpoint) = &answer.endpoint {
            leg.far_end.tell(Endpoint::clone(endpoint));
        }
        let status = answer.status;
        // Who names a time to come back at works and has enough to do; a dead gateway behind a proxy
        // does not.
        let is_busy = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS)
            && answer.headers.get(RETRY_AFTER).is_some_and(is_soon);
        let content_type = Some(answer.content_type().to_owned()).filter(|text| !text.is_empty());
        let told = answer.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        let limits = soap::Limits { root_bytes_told: told.unwrap_or_default(), ..self.limits };
        let received = soap::receive(content_type.as_deref(), answer.body, limits).await;
        let received = received.map_err(|why| unreceived(status, is_busy, &why))?;
        if let Some(fault) =
            Fault::read(&received.envelope).map_err(|e| Failure::Unreadable(e.to_string()))?
        {
            return Err(fault.failure());
        }
        if let Some(warning) = soap::check_relates_to(&received.envelope.header, &sent.message)? {
            tracing::debug!(request = %context.id, warning = warning.code, "an answer was put up with");
        }
        T::read_answer(received, &sent, &self.profile)
    }

    /// Writes a request with a fresh assertion, where it wants one.
    ///
    /// # Errors
    /// `Rejected` where the requester cannot be told to the far end.
    pub fn write<T: Transaction>(
        &self,
        requester: &Requester,
        leg: &Leg,
        to: &Uri,
        request: &T::Request,
    ) -> Result<(Framed, Sent), Failure> {
        let addressing = self.addressing(leg, to);
        let (payload, sent) = T::write_request(request, &addressing, &self.profile);
        let security = self.issuing.as_ref().map(|issuing| security(issuing, requester, to)).transpose()?;
        let security = security.as_deref();
        let framed = soap::frame_request(T::PACKAGING, T::REQUEST_ACTION, &addressing, security, payload);
        Ok((framed, sent))
    }

    /// The query element that [`Exchange::carry`] would send, for the record.
    pub fn query_element<T: Transaction>(&self, leg: &Leg, to: &Uri, request: &T::Request) -> Phi<Bytes> {
        let (Payload { xml, .. }, _) = T::write_request(request, &self.addressing(leg, to), &self.profile);
        written_query_element(&xml)
    }

    fn addressing(&self, leg: &Leg, to: &Uri) -> Addressing {
        let ends = self.ends.clone();
        Addressing {
            message: leg.message.clone(),
            query: leg.query.clone(),
            at: leg.at,
            device: ends.device,
            community: ends.community,
            authority: ends.authority,
            receiver_device: ends.receiver_device,
            receiver: ends.receiver,
            to: to.to_string(),
        }
    }
}

fn security(issuing: &Issuing, requester: &Requester, to: &Uri) -> Result<String, Failure> {
    let refused = |error: crate::identity::IdentityError| Failure::Rejected(error.to_string());
    // Each URL is a recipient of its own: an assertion made out to another one, or to none, is refused.
    let issuing = Issuing { recipient: to.to_string(), ..issuing.clone() };
    let identity = issuing.identity(requester).map_err(refused)?;
    issuing.security(&identity, None, uuid::Uuid::new_v4(), Timestamp::now()).map_err(refused)
}

/// A proxy's page about maintenance names hours, or a date.
const SOON_S: u32 = 60;

fn is_soon(value: &HeaderValue) -> bool {
    let seconds = value.to_str().ok().and_then(|text| text.trim().parse::<u32>().ok());
    seconds.is_some_and(|seconds| seconds <= SOON_S)
}

// Something other than SOAP under an error status is the HTTP layer speaking, not the gateway.
fn unreceived(status: StatusCode, is_busy: bool, why: &Unreceived) -> Failure {
    match why {
        Unreceived::Interrupted(Interrupted::Idle) => Failure::TimedOut,
        Unreceived::Interrupted(Interrupted::Broken(_)) => {
            Failure::Unreachable("the answer broke off".into())
        }
        _ if is_busy => Failure::Busy,
        _ if !status.is_success() => Failure::Unreachable(format!("HTTP status {}", status.as_u16())),
        why => Failure::Unreadable(why.to_string()),
    }
}

/// A request's body whole: our requests carry no documents, so it is small.
///
/// # Errors
/// `Unreachable` when the stream fails, which a request of ours does not.
pub async fn whole(body: FramedBody) -> Result<FramedBody, Failure> {
    use futures_util::TryStreamExt;
    match body {
        FramedBody::Whole(bytes) => Ok(FramedBody::Whole(bytes)),
        FramedBody::Stream(stream) => {
            let chunks: Vec<Bytes> =
                stream.try_collect().await.map_err(|e| Failure::Unreachable(e.to_string()))?;
            Ok(FramedBody::Whole(chunks.concat().into()))
        }
    }
}
