//! The routes of one side, one line a transaction, and who may call them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::arrival::{Arrival, closing, empty};
use super::lane::Lane;
use super::notification::NOTIFICATIONS;
use super::place::Place;
use crate::broker::Broker;
use crate::dialect::Transaction;
use crate::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use crate::dialect::hl7v3::{
    CANCELLATION_ROOT, CONTINUATION_ROOT, CrossGatewayPatientDiscovery, PIX_REQUEST_ROOT, PdqCancellation,
    PdqContinuation, PdqQuery, PixQuery,
};
use crate::dialect::soap::{Limits, Offered};
use crate::identity::{Admission, Notifications, PortalTrust, SamlTrust, Terms};
use crate::model::{CommunityId, Oid, PeerProfile, Refusal, Side, TargetName, Timestamp};
use crate::telemetry::Metrics;
use crate::transport::{BoxBody, Connected};

const HL7: &str = "urn:hl7-org:v3";
const QUERY: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0";
const XDSB: &str = "urn:ihe:iti:xds-b:2007";

/// What is offered, in the order of [`PATHS`].
pub(super) const OFFERED: [Offered; 10] = [
    Offered { action: CrossGatewayPatientDiscovery::REQUEST_ACTION, ns: HL7, root: "PRPA_IN201305UV02" },
    Offered { action: CrossGatewayQuery::REQUEST_ACTION, ns: QUERY, root: "AdhocQueryRequest" },
    Offered { action: CrossGatewayRetrieve::REQUEST_ACTION, ns: XDSB, root: "RetrieveDocumentSetRequest" },
    Offered { action: PixQuery::REQUEST_ACTION, ns: HL7, root: PIX_REQUEST_ROOT },
    Offered { action: PdqQuery::REQUEST_ACTION, ns: HL7, root: "PRPA_IN201305UV02" },
    Offered { action: PdqContinuation::REQUEST_ACTION, ns: HL7, root: CONTINUATION_ROOT },
    Offered { action: PdqCancellation::REQUEST_ACTION, ns: HL7, root: CANCELLATION_ROOT },
    Offered { action: PdqCancellation::REQUEST_ACTION, ns: HL7, root: CONTINUATION_ROOT },
    Offered { action: RegistryStoredQuery::REQUEST_ACTION, ns: QUERY, root: "AdhocQueryRequest" },
    Offered { action: RetrieveDocumentSet::REQUEST_ACTION, ns: XDSB, root: "RetrieveDocumentSetRequest" },
];

/// Where. Several transactions may share a path; their rows stand together.
pub(super) const PATHS: [&str; 10] = [
    "/xcpd",
    "/xca/query",
    "/xca/retrieve",
    "/pix",
    "/pdq",
    "/pdq",
    "/pdq",
    "/pdq",
    "/xds/query",
    "/xds/retrieve",
];

/// What is spoken within one network: there is no such path on the peer side.
const WITHIN: [&str; 4] = ["/pix", "/pdq", "/xds/query", "/xds/retrieve"];

/// Where ids and persons of home are told without anybody being vouched for, if the portal's file says so.
const OPEN_TO_NOBODY: [&str; 2] = ["/pix", "/pdq"];

/// An asking system: a portal or a peer.
pub struct System {
    /// Its community.
    pub community: CommunityId,
    /// Its device OID, where its file names one.
    pub device: Option<Oid>,
    /// Its habits.
    pub profile: PeerProfile,
    /// Whose assertions it may show; None where its file knows no issuer.
    pub trust: Option<SamlTrust>,
    /// What its headers say of who sits in front of it; portals only.
    pub portal: Option<PortalTrust>,
    /// Whether it is told ids and persons of home where nobody is vouched for; portals only.
    pub may_be_nobody: bool,
    /// Seconds within which the same message may come again; portals only.
    pub resend_s: Option<u32>,
    /// Time for a whole request of its.
    pub timeout: Duration,
    /// Its requests at work at a time, its answers still being sent included; more are turned away
    /// with 503, so that none takes the places of all.
    pub places: Arc<Semaphore>,
    /// What its emergencies have when these, or its rate, are used up.
    pub lane: Lane,
}

/// What the builder of an endpoint hands in.
pub struct EndpointParts {
    /// Whose listener it serves.
    pub side: Side,
    /// The pipeline.
    pub broker: Arc<Broker>,
    /// The systems that may ask, by the name their certificate maps to.
    pub systems: HashMap<TargetName, System>,
    /// The PIX manager of our own network, likewise; it asks nothing and tells.
    pub managers: HashMap<TargetName, System>,
    /// Takes a message once.
    pub admission: Admission,
    /// Takes once what is told.
    pub notifications: Notifications,
    /// The metrics.
    pub metrics: Arc<Metrics>,
    /// How long a request's body may pause.
    pub body_idle: Duration,
    /// Bytes of a request.
    pub body_bytes_max: u64,
    /// Requests at work at a time, of all systems; more are turned away with 503.
    pub in_flight_max: usize,
    /// Caps within a message.
    pub soap_limits: Limits,
}

/// The SOAP endpoint of one side.
pub struct SoapEndpoint {
    pub(super) side: Side,
    pub(super) broker: Arc<Broker>,
    pub(super) admission: Admission,
    pub(super) notifications: Notifications,
    pub(super) managers: HashMap<TargetName, System>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) body_idle: Duration,
    pub(super) body_bytes_max: u64,
    pub(super) soap_limits: Limits,
    pub(super) places: Arc<Semaphore>,
    systems: HashMap<TargetName, System>,
}

impl SoapEndpoint {
    /// Builds one.
    pub fn new(parts: EndpointParts) -> Self {
        Self {
            side: parts.side,
            broker: parts.broker,
            admission: parts.admission,
            notifications: parts.notifications,
            managers: parts.managers,
            metrics: parts.metrics,
            body_idle: parts.body_idle,
            body_bytes_max: parts.body_bytes_max,
            soap_limits: parts.soap_limits,
            places: Arc::new(Semaphore::new(parts.in_flight_max)),
            systems: parts.systems,
        }
    }

    /// Answers one HTTP request of an established connection. Dropping the future drops the request;
    /// what had been opened on record is closed there.
    pub async fn serve(&self, connected: Arc<Connected>, request: Request<Incoming>) -> Response<BoxBody> {
        let received = Timestamp::now();
        let is_home = self.side == Side::Home;
        let is_here = |path: &str| is_home || !WITHIN.contains(&path);
        let called = request.uri().path();
        if called == NOTIFICATIONS && is_home && !self.managers.is_empty() {
            return Box::pin(self.notified(connected, request, received)).await;
        }
        let Some(here) = PATHS.iter().position(|path| *path == called && is_here(path)) else {
            return empty(StatusCode::NOT_FOUND);
        };
        if request.method() != Method::POST {
            return empty(StatusCode::METHOD_NOT_ALLOWED);
        }
        // INVARIANT: the listener lets only mapped certificates in, and only of this side.
        let Some(system) = self.systems.get(&connected.peer) else {
            return Box::pin(self.not_for(&connected, received, "the PIX manager asks nothing")).await;
        };
        let arrival = Arrival {
            endpoint: self,
            connected,
            system,
            id: Arrival::request_id(&request),
            service: PATHS.get(here).copied().unwrap_or_default(),
            headers: system.portal.as_ref().filter(|_| is_home).map(|_| request.headers().clone()),
            received,
            deadline: Instant::now() + system.timeout,
        };
        let Some(place) = Place::take(system, &self.places) else {
            self.metrics.throttled(&arrival.connected.peer.0, "in_flight");
            let refusal = Refusal::Throttled(CROWDED_MS);
            return Box::pin(self.beyond(here, arrival, request, refusal, false)).await;
        };
        // Before anything of the message is read or verified: whose it is, the certificate says.
        if let Err(refusal) = self.broker.admits(&arrival.connected.peer) {
            drop(place);
            return Box::pin(self.beyond(here, arrival, request, refusal, true)).await;
        }
        // Boxed, as all that parses is: a connection keeps room for a request's future and moves it, also
        // where the request is refused.
        place.held_by(Box::pin(self.serve_at(here, arrival, request)).await)
    }

    async fn serve_at(
        &self,
        here: usize,
        arrival: Arrival<'_>,
        request: Request<Incoming>,
    ) -> Response<BoxBody> {
        let envelope = match tokio::time::timeout_at(arrival.deadline, arrival.open(request)).await {
            Ok(Ok(envelope)) => envelope,
            Ok(Err(response)) => return response,
            Err(_) => return closing(StatusCode::REQUEST_TIMEOUT),
        };
        match arrival.authenticate(envelope, here).await {
            Ok(arrived) => self.carry_out(&arrival, arrived).await,
            Err(response) => response,
        }
    }
}

impl Arrival<'_> {
    /// What may vouch for who sent it. Whatever stands in a file, another network shows assertions.
    pub(super) fn terms(&self) -> Terms<'_> {
        let is_home = self.endpoint.side == Side::Home;
        Terms {
            saml: self.system.trust.as_ref(),
            portal: self.system.portal.as_ref().filter(|_| is_home).zip(self.headers.as_ref()),
            may_be_nobody: is_home && self.system.may_be_nobody && OPEN_TO_NOBODY.contains(&self.service),
        }
    }
}

/// When one who met no free place may come back: as long as most requests take.
const CROWDED_MS: u64 = 1_000;
