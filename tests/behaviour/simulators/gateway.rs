//! The gateway of another network as a simulator: speaks SOAP over mutual TLS, tells what it was
//! sent, and answers as the test says, truthfully or not, or never.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kakehashi::dialect::soap::{Envelope, FramedBody, frame_answer};
use kakehashi::dialect::{Addressing, Transaction};
use kakehashi::model::{
    Answer, Authority, Availability, Code, CommunityId, Document, DocumentEntry, DocumentId, Dtm, Encoded,
    EntryFields, EntryMetadata, Interrupted, MessageId, ObjectId, PatientId, PeerProfile, Phi, QueryId,
    Refusal, RepositoryId, Request as ModelRequest, Timestamp,
};
use kakehashi::transport::crypto_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::client::oid;
use super::network::Place;
use super::pki;

pub type Body = UnsyncBoxBody<Bytes, Interrupted>;

/// What it was sent.
#[derive(Clone)]
pub struct Arrived {
    pub place: Place,
    pub path: String,
    pub traceparent: String,
    pub envelope: String,
}

type Answering = Arc<dyn Fn(Arrived) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// A running one; gone when dropped.
pub struct Gateway {
    pub port: u16,
    seen: Arc<Mutex<Vec<Arrived>>>,
    _stop: DropGuard,
}

impl Gateway {
    /// Starts one that answers like this.
    pub async fn start<F>(place: Place, answering: impl Fn(Arrived) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        Self::start_at(place, super::network::free_port(), answering).await
    }

    /// As [`Gateway::start`], at this port.
    pub async fn start_at<F>(
        place: Place,
        port: u16,
        answering: impl Fn(Arrived) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Response<Body>> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let answering: Answering = Arc::new(move |arrived| Box::pin(answering(arrived)));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let stop = CancellationToken::new();
        let acceptor = TlsAcceptor::from(Arc::new(tls(place)));
        let (told, stopped) = (Arc::clone(&seen), stop.clone());
        tokio::spawn(async move {
            loop {
                let stream = tokio::select! {
                    () = stopped.cancelled() => return,
                    accepted = listener.accept() => accepted.unwrap().0,
                };
                let (acceptor, told, answering) =
                    (acceptor.clone(), Arc::clone(&told), Arc::clone(&answering));
                let stopped = stopped.clone();
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let service = service_fn(move |request| {
                        let (told, answering) = (Arc::clone(&told), Arc::clone(&answering));
                        async move {
                            let arrived = arrived(place, request).await;
                            told.lock().unwrap().push(arrived.clone());
                            Ok::<_, Infallible>(answering(arrived).await)
                        }
                    });
                    tokio::select! {
                        _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service) => {}
                        () = stopped.cancelled() => {}
                    }
                });
            }
        });
        Self { port, seen, _stop: stop.drop_guard() }
    }

    /// Everything it was sent.
    pub fn seen(&self) -> Vec<Arrived> {
        self.seen.lock().unwrap().clone()
    }
}

pub(super) fn tls(place: Place) -> ServerConfig {
    let file = |name: &str| pki::file(&format!("{}-server{name}.pem", place.name));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(pki::file("net-ca.pem")).unwrap()).unwrap();
    let provider = crypto_provider();
    let clients =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build().unwrap();
    let chain = vec![CertificateDer::from_pem_file(file("")).unwrap()];
    let key = PrivateKeyDer::from_pem_file(file(".key")).unwrap();
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(clients)
        .with_single_cert(chain, key)
        .unwrap()
}

async fn arrived(place: Place, request: Request<Incoming>) -> Arrived {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let text = String::from_utf8(body.to_vec()).unwrap();
    // A package's root is its first part; nothing is attached to requests.
    let from =
        text.find("<?xml").or_else(|| text.find("<s:Envelope")).or_else(|| text.find(":Envelope")).unwrap();
    let from = text[..from].rfind('<').filter(|_| !text[from..].starts_with('<')).unwrap_or(from);
    let until = text.rfind('>').unwrap();
    Arrived {
        place,
        path: head.uri.path().to_owned(),
        traceparent: head
            .headers
            .get("traceparent")
            .map(|v| v.to_str().unwrap().to_owned())
            .unwrap_or_default(),
        envelope: text[from..=until].to_owned(),
    }
}

impl Arrived {
    /// Its MessageID.
    pub fn message(&self) -> MessageId {
        Envelope::read(&self.envelope).unwrap().header.message_id.unwrap()
    }

    /// The request in the model.
    pub fn request<T: Transaction>(&self) -> T::Request {
        T::read_request(&Envelope::read(&self.envelope).unwrap(), &PeerProfile::default()).unwrap()
    }

    /// The answer to it as this network would write it.
    pub fn answer<T: Transaction>(
        &self,
        answer: Result<Answer<<T::Request as ModelRequest>::Found>, Refusal>,
    ) -> Response<Body> {
        self.answer_bent::<T>(answer, |truth| truth)
    }

    /// The answer to it, bent before it leaves where it is plain SOAP.
    pub fn answer_bent<T: Transaction>(
        &self,
        answer: Result<Answer<<T::Request as ModelRequest>::Found>, Refusal>,
        bend: impl FnOnce(String) -> String,
    ) -> Response<Body> {
        let envelope = Envelope::read(&self.envelope).unwrap();
        let message = MessageId::fresh();
        let addressing = Addressing {
            message: message.clone(),
            query: QueryId { root: self.place.community.to_owned(), extension: None },
            at: Timestamp::now(),
            device: oid(&format!("{}.0.1", self.place.community)),
            community: CommunityId(oid(self.place.community)),
            authority: Authority(oid(&format!("{}.1", self.place.community))),
            receiver_device: oid("2.999.0.1"),
            receiver: CommunityId(oid("2.999.0")),
            to: String::new(),
        };
        let reply = T::write_answer(&envelope, &addressing, &PeerProfile::default(), answer);
        let framed = frame_answer(T::PACKAGING, T::RESPONSE_ACTION, &message, Some(&envelope.header), reply);
        let body = match framed.body {
            FramedBody::Whole(bytes) => {
                let bent = bend(String::from_utf8(bytes.to_vec()).unwrap());
                Full::new(Bytes::from(bent)).map_err(|never| match never {}).boxed_unsync()
            }
            FramedBody::Stream(stream) => {
                use futures_util::TryStreamExt;
                StreamBody::new(stream.map_ok(Frame::data)).boxed_unsync()
            }
        };
        Response::builder()
            .status(framed.status)
            .header("content-type", framed.content_type)
            .body(body)
            .unwrap()
    }
}

/// An entry as a network shows it.
pub fn entry(place: Place, patient: PatientId, unique: &str) -> DocumentEntry {
    let code = |value: &str| Code::new(value, "2.999.9.1", value);
    DocumentEntry::new(
        EntryFields {
            id: DocumentId {
                community: CommunityId(oid(place.community)),
                repository: RepositoryId(oid(&format!("{}.20.9", place.community))),
                unique: Phi::new(unique.to_owned()),
            },
            object: ObjectId(Phi::new(format!("urn:uuid:{}", uuid::Uuid::new_v4()))),
            patient: patient.clone(),
            class: code("処方・調剤・注射"),
            type_code: code("57833-6"),
            format: code("format"),
            confidentiality: vec![Code::new("N", "2.16.840.1.113883.5.25", "normal")],
            availability: Availability::Approved,
            media_type: "text/html".into(),
            hash: None,
            size: None,
            origin: None,
        },
        Encoded::Metadata(Arc::new(EntryMetadata {
            title: "処方".to_owned(),
            creation: Dtm::parse("20240712083055").unwrap(),
            service_start: None,
            service_stop: None,
            language: "ja-JP".to_owned(),
            source_patient: patient,
            facility_type: code("HOSP"),
            practice_setting: code("01"),
            event_codes: Vec::new(),
            authors: Vec::new(),
            references: Vec::new(),
        })),
    )
}

/// A small document with this content.
pub fn document(id: &DocumentId, content: &'static str) -> Document {
    Document {
        id: id.clone(),
        media_type: "text/html".to_owned(),
        size: Some(content.len() as u64),
        body: Box::pin(futures_util::stream::iter([Ok(Bytes::from_static(content.as_bytes()))])),
        passing: None,
    }
}
