//! A system that asks a broker: a portal, or another network's gateway. Its messages can be looked
//! at and bent before they leave.

use std::fmt::Debug;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::{HeaderMap, Request as HttpRequest};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kakehashi::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use kakehashi::dialect::hl7v3::{
    CrossGatewayPatientDiscovery, PdqCancellation, PdqContinuation, PdqQuery, PixQuery,
};
use kakehashi::dialect::soap::{self, Envelope, Fault, FramedBody};
use kakehashi::dialect::{Addressing, Sent, Transaction};
use kakehashi::identity::{Identity, Issuing, NameFormat, Signer};
use kakehashi::model::{
    Answer, Authority, Availability, Code, CommunityId, Criteria, Demographics, Document, DocumentEntry,
    DocumentId, DocumentQuery, DocumentRetrieve, DocumentStream, Failure, FoundPatient, Interrupted,
    MessageId, Oid, Organization, PatientDiscovery, PatientId, PatientMatch, PeerProfile, Person, Phi,
    Purpose, QueryId, QueryKey, RegistryObject, Request, ReturnType, Timestamp,
};
use kakehashi::transport::crypto_provider;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::network::Place;
use super::pki;

/// A person in front of a screen.
#[derive(Clone, Copy)]
pub struct Who {
    pub id: &'static str,
    pub role: &'static str,
    pub purpose: Purpose,
}

pub const PHYSICIAN: Who = Who { id: "d0001", role: "physician", purpose: Purpose::Treatment };
pub const NURSE: Who = Who { id: "n0001", role: "nurse", purpose: Purpose::Treatment };
pub const IN_AN_EMERGENCY: Who = Who { id: "d0001", role: "physician", purpose: Purpose::Emergency };

/// Asks one broker.
pub struct Client {
    http: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    issuing: Issuing,
    ends: Addressing,
    profile: PeerProfile,
    base: String,
    who: Who,
    from: &'static str,
    /// Whose objects it expects in answers.
    speaking: CommunityId,
}

/// A message that has not left yet.
#[derive(Clone)]
pub struct Message {
    pub path: &'static str,
    pub content_type: String,
    pub body: String,
    pub sent: Sent,
    pub traceparent: Option<String>,
}

/// What came back, its body unread.
pub struct Arriving {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Incoming,
}

/// What came back.
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Reply {
    /// Plain SOAP that was read elsewhere.
    pub fn plain(status: u16, body: Vec<u8>) -> Self {
        let value = http::HeaderValue::from_static("application/soap+xml; charset=UTF-8");
        let headers = [(http::header::CONTENT_TYPE, value)].into_iter().collect();
        Self { status, headers, body: body.into() }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn content_type(&self) -> Option<&str> {
        self.headers.get("content-type").and_then(|value| value.to_str().ok())
    }

    /// The fault it is.
    pub fn fault(&self) -> Fault {
        assert_eq!(self.status, 500, "{}", self.text());
        let envelope = Envelope::read(&self.text()).unwrap();
        Fault::read(&envelope).unwrap().unwrap_or_else(|| panic!("no fault: {}", self.text()))
    }

    /// All error codes of a registry answer.
    pub fn error_codes(&self) -> Vec<String> {
        let text = self.text();
        let codes = text.split("errorCode=\"").skip(1).filter_map(|rest| rest.split('"').next());
        codes.map(str::to_owned).collect()
    }

    /// The last word of a registry answer's status.
    pub fn registry_status(&self) -> String {
        let text = self.text();
        let status = text.split("ResponseStatusType:").nth(1).and_then(|rest| rest.split('"').next());
        status.unwrap_or_else(|| panic!("no status: {text}")).to_owned()
    }
}

/// What can be asked, with the path it is asked at.
pub trait Asked: Transaction {
    const PATH: &'static str;
}
impl Asked for CrossGatewayPatientDiscovery {
    const PATH: &'static str = "/xcpd";
}
impl Asked for CrossGatewayQuery {
    const PATH: &'static str = "/xca/query";
}
impl Asked for CrossGatewayRetrieve {
    const PATH: &'static str = "/xca/retrieve";
}

impl Asked for PixQuery {
    const PATH: &'static str = "/pix";
}

impl Asked for PdqQuery {
    const PATH: &'static str = "/pdq";
}
impl Asked for PdqContinuation {
    const PATH: &'static str = "/pdq";
}
impl Asked for PdqCancellation {
    const PATH: &'static str = "/pdq";
}
impl Asked for RegistryStoredQuery {
    const PATH: &'static str = "/xds/query";
}
impl Asked for RetrieveDocumentSet {
    const PATH: &'static str = "/xds/retrieve";
}

pub fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

pub fn patient(authority: &str, value: &str) -> PatientId {
    PatientId::new(Authority(oid(authority)), value)
}

/// FindDocuments: all approved documents.
pub fn documents_of(patient: &PatientId) -> DocumentQuery {
    let statuses = [Availability::Approved].into();
    let criteria = Criteria { statuses, ..Criteria::default() };
    DocumentQuery {
        by: QueryKey::Patient(patient.clone()),
        home: None,
        criteria,
        returns: ReturnType::LeafClass,
    }
}

pub fn retrieve_of(documents: impl IntoIterator<Item = DocumentId>) -> DocumentRetrieve {
    DocumentRetrieve::of(documents.into_iter().collect())
}

pub(super) fn tls(certificate: &str) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki::file("net-ca.pem")).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_file(pki::file(&format!("{certificate}.pem"))).unwrap()];
    let key = PrivateKeyDer::from_pem_file(pki::file(&format!("{certificate}.key.pem"))).unwrap();
    ClientConfig::builder_with_provider(crypto_provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key)
        .unwrap()
}

impl Client {
    /// Asks `asked` from `from`, with this certificate and assertions of this issuer and signer.
    pub fn new(
        asked: Place,
        from: Place,
        certificate: &str,
        (issuer, signer): (&str, &str),
        port: u16,
        who: Who,
    ) -> Self {
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls(certificate))
            .https_only()
            .enable_http1()
            .build();
        let key = std::fs::read_to_string(pki::file(&format!("{signer}.key.pem"))).unwrap();
        let public = CertificateDer::from_pem_file(pki::file(&format!("{signer}.pem"))).unwrap();
        let authority = Authority(oid(&format!("{}.1", asked.community)));
        let community = |place: Place| CommunityId(oid(place.community));
        Self {
            http: HyperClient::builder(TokioExecutor::new()).build(https),
            issuing: Issuing {
                issuer: issuer.to_owned(),
                signer: Signer::new(&key, &public).unwrap(),
                audience: format!("urn:oid:{}", asked.community),
                recipient: format!("https://127.0.0.1:{port}/"),
                community: community(from),
                roles: Vec::new(),
                purposes: Vec::new(),
                name_format: NameFormat::Uri,
                life_seconds: 300,
                must_understand: true,
            },
            ends: Addressing {
                message: MessageId::fresh(),
                query: QueryId { root: String::new(), extension: None },
                at: Timestamp::now(),
                device: oid(&format!("{}.0.7", from.community)),
                community: community(from),
                authority: Authority(oid(&format!("{}.1", from.community))),
                receiver_device: oid(&format!("{}.0.1", asked.community)),
                receiver: community(asked),
                to: String::new(),
            },
            profile: PeerProfile {
                community: Some(community(asked)),
                authorities: vec![authority],
                ..PeerProfile::default()
            },
            base: format!("https://127.0.0.1:{port}"),
            who,
            from: from.community,
            speaking: community(asked),
        }
    }

    /// Reads answers in which the broker asked passes on what another network said.
    pub fn expecting(mut self, place: Place) -> Self {
        self.speaking = CommunityId(oid(place.community));
        self.profile.community = Some(self.speaking.clone());
        self.profile.authorities = vec![Authority(oid(&format!("{}.1", place.community)))];
        self
    }

    /// Who sits in front of it.
    pub const fn who(&self) -> Who {
        self.who
    }

    /// The community it asks from.
    pub const fn community(&self) -> &'static str {
        self.from
    }

    /// With assertions signed by somebody else under the same name.
    pub fn signed_by(mut self, signer: &str) -> Self {
        let key = std::fs::read_to_string(pki::file(&format!("{signer}.key.pem"))).unwrap();
        let public = CertificateDer::from_pem_file(pki::file(&format!("{signer}.pem"))).unwrap();
        self.issuing.signer = Signer::new(&key, &public).unwrap();
        self
    }

    /// A fresh Security header.
    pub fn security(&self) -> String {
        let Who { id, role, purpose } = self.who;
        let identity = Identity {
            person: Person { id: id.to_owned(), name: "試験 職員".to_owned(), alias: None },
            organization: Organization {
                id: format!("{}.20", self.ends.community.0),
                name: "試験病院".to_owned(),
            },
            roles: vec![Code::new(role, "2.999.1.1", role)],
            purpose: Code::new(purpose.code(), "2.16.840.1.113883.3.18.7.1", ""),
            authenticated: Some(Timestamp::now()),
        };
        self.security_of(&identity).unwrap()
    }

    /// A fresh Security header of somebody; None when it cannot be said.
    pub fn security_of(&self, identity: &Identity) -> Option<String> {
        self.issuing.security(identity, None, uuid::Uuid::new_v4(), Timestamp::now()).ok()
    }

    /// Writes a request with a fresh MessageID and assertion.
    pub async fn write<T: Asked>(&self, request: &T::Request) -> Message {
        self.write_with::<T>(request, Some(&self.security())).await
    }

    /// Writes a request with this Security header.
    pub async fn write_with<T: Asked>(&self, request: &T::Request, security: Option<&str>) -> Message {
        let addressing = Addressing {
            message: MessageId::fresh(),
            query: QueryId {
                root: self.ends.device.to_string(),
                extension: Some(uuid::Uuid::new_v4().to_string()),
            },
            at: Timestamp::now(),
            to: format!("{}{}", self.base, T::PATH),
            ..self.ends.clone()
        };
        let (payload, sent) = T::write_request(request, &addressing, &self.profile);
        let framed = soap::frame_request(T::PACKAGING, T::REQUEST_ACTION, &addressing, security, payload);
        let body = match framed.body {
            FramedBody::Whole(bytes) => bytes.to_vec(),
            FramedBody::Stream(stream) => stream.try_collect::<Vec<_>>().await.unwrap().concat(),
        };
        let body = String::from_utf8(body).unwrap();
        Message { path: T::PATH, content_type: framed.content_type, body, sent, traceparent: None }
    }

    /// Sends a message and reads the head of what comes back.
    pub async fn begin(&self, message: &Message) -> Arriving {
        self.attempt(message).await.unwrap()
    }

    /// Sends a message to somebody who may hang up.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn attempt(&self, message: &Message) -> Result<Arriving, String> {
        let mut request = HttpRequest::post(format!("{}{}", self.base, message.path))
            .header("content-type", &message.content_type);
        if let Some(trace) = &message.traceparent {
            request = request.header("traceparent", trace);
        }
        let request = request.body(Full::new(Bytes::from(message.body.clone()))).unwrap();
        let answer = self.http.request(request).await.map_err(|error| error.to_string())?;
        let (head, body) = answer.into_parts();
        Ok(Arriving { status: head.status.as_u16(), headers: head.headers, body })
    }

    /// Sends a message and reads all that comes back.
    pub async fn send(&self, message: &Message) -> Reply {
        let arriving = self.begin(message).await;
        let body = arriving.body.collect().await.unwrap().to_bytes();
        Reply { status: arriving.status, headers: arriving.headers, body }
    }

    /// Writes and sends a request.
    pub async fn ask_raw<T: Asked>(&self, request: &T::Request) -> Reply {
        self.send(&self.write::<T>(request).await).await
    }

    /// Writes and sends a request, and reads its answer.
    pub async fn ask<T: Asked>(
        &self,
        request: &T::Request,
    ) -> Result<Answer<<T::Request as Request>::Found>, Failure> {
        let message = self.write::<T>(request).await;
        let reply = self.send(&message).await;
        self.read::<T>(&message, &reply).await
    }

    /// Reads an answer.
    pub async fn read<T: Asked>(
        &self,
        message: &Message,
        reply: &Reply,
    ) -> Result<Answer<<T::Request as Request>::Found>, Failure> {
        let body: DocumentStream = Box::pin(stream::iter([Ok(reply.body.clone())]));
        let received = soap::receive(reply.content_type(), body, soap::Limits::default()).await;
        let sent = Sent { home: self.speaking.clone(), ..message.sent.clone() };
        T::read_answer(received.unwrap(), &sent, &self.profile)
    }

    /// ITI-55.
    pub async fn find(&self, demographics: Demographics) -> Vec<PatientMatch> {
        let answer = self.ask::<CrossGatewayPatientDiscovery>(&discovery(demographics)).await.unwrap();
        answer.found
    }

    /// ITI-55 that must find exactly one person.
    pub async fn find_one(&self, demographics: Demographics) -> FoundPatient {
        match self.find(demographics).await.as_slice() {
            [PatientMatch::Found(found)] => found.clone(),
            other => panic!("not one person: {other:?}"),
        }
    }

    /// ITI-38.
    pub async fn list(&self, patient: &PatientId) -> Answer<RegistryObject> {
        self.ask::<CrossGatewayQuery>(&documents_of(patient)).await.unwrap()
    }

    /// ITI-38: the entries.
    pub async fn entries(&self, patient: &PatientId) -> Vec<DocumentEntry> {
        entries(self.list(patient).await)
    }

    /// ITI-39: the one document.
    pub async fn fetch(&self, id: &DocumentId) -> Result<Vec<u8>, Failure> {
        let answer = self.ask::<CrossGatewayRetrieve>(&retrieve_of([id.clone()])).await?;
        match answer.found.into_iter().next() {
            Some(document) => Ok(whole(document).await.unwrap()),
            None => Err(Failure::Rejected(
                answer.reported.into_iter().map(|r| r.code).collect::<Vec<_>>().join(" "),
            )),
        }
    }
}

impl Arriving {
    /// The answer with its documents still to be read.
    pub async fn documents(self, message: &Message) -> Vec<Document> {
        let content_type = self.content_type();
        let received = soap::receive(content_type.as_deref(), self.stream(), soap::Limits::default()).await;
        let profile = PeerProfile::default();
        CrossGatewayRetrieve::read_answer(received.unwrap(), &message.sent, &profile).unwrap().found
    }

    /// The body as it comes.
    pub fn stream(self) -> DocumentStream {
        let stream = self.body.into_data_stream();
        Box::pin(stream.map(|piece| piece.map_err(|error| Interrupted::Broken(error.to_string()))))
    }

    pub fn content_type(&self) -> Option<String> {
        self.headers.get("content-type").and_then(|value| value.to_str().ok()).map(str::to_owned)
    }
}

pub fn discovery(demographics: Demographics) -> PatientDiscovery {
    PatientDiscovery { demographics: Phi::new(demographics), ids: Vec::new() }
}

pub fn entries(answer: Answer<RegistryObject>) -> Vec<DocumentEntry> {
    let entry = |object| match object {
        RegistryObject::Entry(entry) => entry,
        other => panic!("no entry: {other:?}"),
    };
    answer.found.into_iter().map(entry).collect()
}

/// All of a document.
pub async fn whole(document: Document) -> Result<Vec<u8>, Interrupted> {
    Ok(document.body.try_collect::<Vec<_>>().await?.concat())
}

/// Codes of what an answer reports.
pub fn codes<T: Debug>(answer: &Answer<T>) -> Vec<&str> {
    answer.reported.iter().map(|reported| reported.code.as_str()).collect()
}
