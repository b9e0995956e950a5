//! The gateway of another network: reads every request, and answers with its MessageID and the patient
//! that was asked for. Answers to ITI-55 are filled up to 20,000 bytes; the patient `E100` has 100
//! entries; the document `2.999.34.7.1024` has 1,024 MiB.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use bytes::Bytes;
use futures_util::{TryStreamExt, stream};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::dialect::soap::{Envelope, FramedBody, frame_answer};
use kakehashi::dialect::{Addressing, Transaction};
use kakehashi::model::{
    Answer, Authority, CommunityId, Document, DocumentId, DocumentStream, FoundPatient, Interrupted,
    MessageId, Oid, PatientId, PatientMatch, PeerProfile, QueryId, QueryKey, Request as ModelRequest,
    Timestamp,
};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::arguments::Arguments;
use super::entries;
use super::tls;
use super::world::{OURS, THEIRS};

type Body = UnsyncBoxBody<Bytes, Interrupted>;

const PIECE: usize = 64 << 10;

pub fn run(arguments: &Arguments) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(serve(arguments.number("port"), &arguments.path("certs")));
}

async fn serve(port: u16, certs: &Path) {
    let acceptor = TlsAcceptor::from(Arc::new(tls::server(certs)));
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let gateway = Arc::new(Gateway::new());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (acceptor, gateway) = (acceptor.clone(), Arc::clone(&gateway));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(move |request| {
                let gateway = Arc::clone(&gateway);
                async move { Ok::<_, Infallible>(gateway.answer(request).await) }
            });
            drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
        });
    }
}

struct Gateway {
    piece: Bytes,
    /// Entries by patient and number; documents by MiB: their SHA-1.
    entries: Mutex<HashMap<(String, u64), Arc<str>>>,
    hashes: Mutex<HashMap<u64, String>>,
}

impl Gateway {
    fn new() -> Self {
        // Bytes that no compression could shorten.
        let mut piece = vec![0; PIECE];
        aws_lc_rs::rand::fill(&mut piece).unwrap();
        Self { piece: piece.into(), entries: Mutex::default(), hashes: Mutex::default() }
    }

    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let path = request.uri().path().to_owned();
        let body = request.into_body().collect().await.unwrap().to_bytes();
        // A package's root is its first part; nothing is attached to requests.
        let text = String::from_utf8(body.to_vec()).unwrap();
        let text = &text[text.find("<s:Envelope").unwrap()..=text.rfind('>').unwrap()];
        let envelope = Envelope::read(text).unwrap();
        match path.as_str() {
            "/xcpd" => self.discovery(&envelope),
            "/xca/query" => self.query(&envelope),
            _ => self.retrieve(&envelope),
        }
    }

    fn discovery(&self, envelope: &Envelope) -> Response<Body> {
        let profile = PeerProfile::default();
        let asked = CrossGatewayPatientDiscovery::read_request(envelope, &profile).unwrap();
        let found = PatientMatch::Found(FoundPatient {
            community: CommunityId(oid(THEIRS)),
            id: PatientId::new(Authority(oid(&format!("{THEIRS}.1"))), "HM000201"),
            demographics: Some(asked.demographics),
            confidence: 95,
            also: Vec::new(),
        });
        framed::<CrossGatewayPatientDiscovery>(envelope, Answer::found(vec![found]), filled)
    }

    fn query(&self, envelope: &Envelope) -> Response<Body> {
        let asked = CrossGatewayQuery::read_request(envelope, &PeerProfile::default()).unwrap();
        let mut known = self.entries.lock().unwrap();
        let entries = match &asked.by {
            QueryKey::Patient(id) => {
                let count: u64 = id.value.reveal().trim_start_matches('E').parse().unwrap();
                let cx = id.cx().reveal().replace('&', "&amp;");
                let entries = known.entry((cx.clone(), count)).or_insert_with(|| {
                    (0..count).map(|number| entries::entry(number, &cx, None)).collect::<String>().into()
                });
                Arc::clone(entries)
            }
            QueryKey::UniqueIds(ids) => {
                let unique = ids.first().unwrap().reveal();
                let mib = mebibytes(unique);
                let cx = format!("E1^^^&amp;{THEIRS}.1&amp;ISO");
                let document = (unique.as_str(), mib << 20, self.hash(mib));
                let document = (document.0, document.1, document.2.as_str());
                entries::entry(0, &cx, Some(document)).into()
            }
            QueryKey::Objects(_) => "".into(),
        };
        drop(known);
        framed::<CrossGatewayQuery>(envelope, Answer::default(), |xml| entries::put_in(&xml, &entries))
    }

    fn retrieve(&self, envelope: &Envelope) -> Response<Body> {
        let asked = CrossGatewayRetrieve::read_request(envelope, &PeerProfile::default()).unwrap();
        let documents = asked.documents.iter().map(|id| self.document(id)).collect();
        framed::<CrossGatewayRetrieve>(envelope, Answer::found(documents), |xml| xml)
    }

    fn document(&self, id: &DocumentId) -> Document {
        let bytes = mebibytes(id.unique.reveal()) << 20;
        let piece = self.piece.clone();
        let pieces = (0..bytes / PIECE as u64).map(move |_| Ok(piece.clone()));
        let media_type = "application/pdf".to_owned();
        let body: DocumentStream = Box::pin(stream::iter(pieces));
        Document { id: id.clone(), media_type, size: Some(bytes), body, passing: None }
    }

    fn hash(&self, mib: u64) -> String {
        let mut hashes = self.hashes.lock().unwrap();
        let hash = hashes.entry(mib).or_insert_with(|| {
            let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
            for _ in 0..(mib << 20) / PIECE as u64 {
                context.update(&self.piece);
            }
            hex::encode(context.finish())
        });
        hash.clone()
    }
}

fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

fn mebibytes(unique: &str) -> u64 {
    unique.rsplit('.').next().unwrap().parse().unwrap()
}

// A comment behind the content, as the other contestants' answers are filled in ../shared/perf.
fn filled(xml: String) -> String {
    let end = xml.rfind("</").and_then(|at| xml[..at].rfind("</")).unwrap();
    let end = xml[..end].rfind("</").unwrap();
    let missing = 20_000_usize.saturating_sub(xml.len() + 7);
    format!("{}<!--{}-->{}", &xml[..end], ".".repeat(missing), &xml[end..])
}

fn framed<T: Transaction>(
    envelope: &Envelope,
    answer: Answer<<T::Request as ModelRequest>::Found>,
    bend: impl FnOnce(String) -> String,
) -> Response<Body> {
    let message = MessageId::fresh();
    let addressing = Addressing {
        message: message.clone(),
        query: QueryId { root: THEIRS.to_owned(), extension: None },
        at: Timestamp::now(),
        device: oid(&format!("{THEIRS}.0.1")),
        community: CommunityId(oid(THEIRS)),
        authority: Authority(oid(&format!("{THEIRS}.1"))),
        receiver_device: oid(&format!("{OURS}.0.1")),
        receiver: CommunityId(oid(OURS)),
        to: String::new(),
    };
    let reply = T::write_answer(envelope, &addressing, &PeerProfile::default(), Ok(answer));
    let framed = frame_answer(T::PACKAGING, T::RESPONSE_ACTION, &message, Some(&envelope.header), reply);
    let body = match framed.body {
        FramedBody::Whole(bytes) => {
            let bent = bend(String::from_utf8(bytes.to_vec()).unwrap());
            Full::new(Bytes::from(bent)).map_err(|never| match never {}).boxed_unsync()
        }
        FramedBody::Stream(pieces) => StreamBody::new(pieces.map_ok(Frame::data)).boxed_unsync(),
    };
    let response = Response::builder().status(framed.status).header("content-type", framed.content_type);
    response.body(body).unwrap()
}
