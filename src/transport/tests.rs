//! Real handshakes and requests over the loopback, with keys made on the spot.

use std::sync::Arc;
use std::time::Duration;

use ::http::{Request, Response, Uri};
use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::config::fixture::{BROKER, Ca, Fixture, PEER};
use crate::config::{Settings, TargetFile};
use crate::model::{Failure, Interrupted, Side};
use crate::telemetry::{Metrics, TraceParent};

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
const ONLY_12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];

/// A running peer listener.
struct House {
    fixture: Fixture,
    metrics: Arc<Metrics>,
    port: u16,
    rejections: mpsc::UnboundedReceiver<Rejection>,
    release: Arc<Notify>,
    shutdown: CancellationToken,
    started: Arc<Notify>,
    stopped: tokio::task::JoinHandle<()>,
    trust: Arc<ArcSwap<Trust>>,
}

/// Another network's file under another community.
fn other(name: &str) -> String {
    PEER.replace("2.999.34", name)
}

fn trust_of(settings: &Settings) -> Trust {
    Trust::new(settings.broker.peer.as_ref().unwrap(), &settings.targets).unwrap()
}

async fn open(fixture: Fixture) -> House {
    let settings = fixture.load().unwrap();
    let trust = Arc::new(ArcSwap::from_pointee(trust_of(&settings)));
    let metrics = Metrics::new().unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), None).await.unwrap();
    let port = listener.local_addr().port();
    let shutdown = CancellationToken::new();
    let serving = Serving {
        limits: Arc::new(ArcSwap::from_pointee(settings.broker.limits.clone())),
        metrics: Arc::clone(&metrics),
        shutdown: shutdown.clone(),
        side: Side::Peer,
        trust: Arc::clone(&trust),
    };
    let (tell, rejections) = mpsc::unbounded_channel();
    let (started, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let service = service(Arc::clone(&started), Arc::clone(&release));
    let stopped = tokio::spawn(listener.serve(serving, service, move |rejection| {
        let _ = tell.send(rejection);
    }));
    House { fixture, metrics, port, rejections, release, shutdown, started, stopped, trust }
}

/// `/slow` waits to be released, `/stuck` stops in the middle, all else tells who is connected.
fn service(
    started: Arc<Notify>,
    release: Arc<Notify>,
) -> impl Fn(Arc<Connected>, Request<Incoming>) -> futures_util::future::BoxFuture<'static, Response<BoxBody>>
+ Send
+ Sync
+ 'static {
    move |connected, request| {
        let (started, release) = (Arc::clone(&started), Arc::clone(&release));
        Box::pin(async move {
            started.notify_one();
            match request.uri().path() {
                "/slow" => release.notified().await,
                "/stuck" => {
                    let first = stream::iter([Ok(Frame::data(Bytes::from_static(b"first")))]);
                    let body = first.chain(stream::pending());
                    return Response::new(StreamBody::new(body).boxed_unsync());
                }
                "/body" => {
                    let read = read_body(request.into_body(), 8, Duration::from_millis(50)).await;
                    return text(format!("{read:?}"));
                }
                _ => {}
            }
            let told = format!("{} {} {}", connected.peer, connected.tls, connected.endpoint.subject);
            text(told)
        })
    }
}

fn text(text: String) -> Response<BoxBody> {
    Response::new(Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync())
}

impl House {
    /// A client with a certificate of `certs/`, or none.
    fn client(&self, name: Option<&str>, versions: &[&'static SupportedProtocolVersion]) -> TlsConnector {
        TlsConnector::from(Arc::new(self.client_settings(name, versions)))
    }

    fn client_settings(
        &self,
        name: Option<&str>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        let ca = CertificateDer::from_pem_file(self.fixture.path("certs/peer-ca.pem")).unwrap();
        roots.add(ca).unwrap();
        let builder = ClientConfig::builder_with_provider(crypto_provider())
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        match name {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let path = |ending: &str| self.fixture.path(&format!("certs/{name}{ending}.pem"));
                let chain = vec![CertificateDer::from_pem_file(path("")).unwrap()];
                let key = PrivateKeyDer::from_pem_file(path(".key")).unwrap();
                builder.with_client_auth_cert(chain, key).unwrap()
            }
        }
    }

    /// A connection on which HTTP/2 has been agreed.
    async fn connect_http2(&self) -> TlsStream<TcpStream> {
        let mut settings = self.client_settings(Some("hm"), BOTH);
        settings.alpn_protocols = vec![b"h2".to_vec()];
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(settings)).connect(name, tcp).await.unwrap()
    }

    async fn connect(
        &self,
        name: Option<&str>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let tcp = TcpStream::connect(("127.0.0.1", self.port)).await?;
        self.client(name, versions).connect(ServerName::try_from("localhost").unwrap(), tcp).await
    }

    /// One request; its answer, or nothing when the door stayed closed.
    async fn ask(
        &self,
        name: Option<&str>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Option<String> {
        let mut stream = self.connect(name, versions).await.ok()?;
        get(&mut stream, "close").await
    }

    async fn turned_away(&mut self, name: Option<&str>) -> RejectionReason {
        assert_eq!(self.ask(name, BOTH).await, None);
        self.rejections.recv().await.unwrap().reason
    }

    fn target(&self) -> Arc<TargetFile> {
        let text = PEER.replace("localhost:1", &format!("localhost:{}", self.port));
        self.fixture.write("peers/hm.toml", &text.replace("side", "limits = { body_idle_ms = 50 }\nside"));
        Arc::clone(&self.fixture.load().unwrap().targets[0])
    }

    fn post<'a>(&self, to: &'a Uri, timeout_ms: u64) -> Post<'a> {
        Post {
            answer_bytes_max: 1_000,
            body: Bytes::from_static(b"<x/>"),
            content_type: "application/soap+xml; charset=UTF-8",
            timeout: Duration::from_millis(timeout_ms),
            to,
            trace: TraceParent::fresh(),
        }
    }

    fn uri(&self, path: &str) -> Uri {
        format!("https://localhost:{}{path}", self.port).parse().unwrap()
    }
}

/// One request on an open connection.
async fn get(stream: &mut TlsStream<TcpStream>, connection: &str) -> Option<String> {
    let request = format!("GET / HTTP/1.1\r\nhost: localhost\r\nconnection: {connection}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.ok()?;
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read);
        if count == 0 || text.contains("CN=") {
            return text.split("\r\n\r\n").nth(1).map(str::to_owned);
        }
    }
}

/// A fixture with one peer whose client certificate is `hm`.
fn one_peer() -> (Fixture, Ca) {
    let fixture = Fixture::new();
    let ca = fixture.ca("peer-ca");
    for (name, uris) in [("server", [].as_slice()), ("client", &["urn:oid:2.999.33"]), ("saml", &[])] {
        fixture.certificate(&ca, name, uris, &["localhost"]);
    }
    fixture.certificate(&ca, "hm", &["urn:oid:2.999.34"], &[]);
    fixture.write("peers/hm.toml", PEER);
    (fixture, ca)
}

#[tokio::test]
async fn a_peer_is_told_by_its_certificate_and_speaks_tls_1_3() {
    let house = open(one_peer().0).await;
    assert_eq!(house.ask(Some("hm"), BOTH).await.as_deref(), Some("hm TLSv1.3 CN=hm"));
}

#[tokio::test]
async fn no_certificate_a_foreign_one_and_an_unknown_one_are_turned_away_and_told() {
    let (fixture, ca) = one_peer();
    let foreign = fixture.ca("foreign-ca");
    fixture.certificate(&foreign, "foreign", &["urn:oid:2.999.34"], &[]);
    fixture.certificate(&ca, "nobody", &["urn:oid:2.999.99"], &[]);
    fixture.certificate(&ca, "hm-expired", &["urn:oid:2.999.34"], &[]);
    let mut house = open(fixture).await;
    assert_eq!(house.turned_away(None).await, RejectionReason::NoCertificate);
    assert_eq!(house.turned_away(Some("foreign")).await, RejectionReason::Certificate);
    assert_eq!(house.turned_away(Some("hm-expired")).await, RejectionReason::Certificate);
    assert_eq!(house.ask(Some("nobody"), BOTH).await, None);
    let rejection = house.rejections.recv().await.unwrap();
    assert_eq!(rejection.reason, RejectionReason::Unknown);
    assert_eq!((rejection.subject.as_str(), rejection.spki_sha256.len()), ("CN=nobody", 64));
    let counted = r#"kakehashi_connections_refused_total{reason="unknown",side="peer"} 1"#;
    assert!(house.metrics.encode().contains(counted));
}

#[tokio::test]
async fn a_revoked_certificate_is_turned_away() {
    let (fixture, ca) = one_peer();
    let serial = fixture.certificate(&ca, "hm", &["urn:oid:2.999.34"], &[]);
    fixture.crl(&ca, &[serial], 30);
    let mut house = open(fixture).await;
    assert_eq!(house.turned_away(Some("hm")).await, RejectionReason::Revoked);
}

#[tokio::test]
async fn nobody_is_let_in_on_a_revocation_list_that_ran_out() {
    let (fixture, ca) = one_peer();
    fixture.crl(&ca, &[], -1);
    let warnings = fixture.load().unwrap().warnings;
    assert!(warnings.iter().any(|w| w.message.contains("ran out")));
    let mut house = open(fixture).await;
    assert_eq!(house.turned_away(Some("hm")).await, RejectionReason::RevocationUnknown);
}

#[tokio::test]
async fn an_authority_that_is_exempt_needs_no_list_and_the_others_still_do() {
    let (fixture, ca) = one_peer();
    let exempt = fixture.ca("exempt-ca");
    fixture.certificate(&exempt, "tottori", &["urn:oid:2.999.31"], &[]);
    std::fs::remove_file(fixture.path("certs/exempt-ca.crl.pem")).unwrap();
    let tls = "ca = \"exempt-ca\", revocation = \"none\", revocation_reason = \"x\", revocation_until = 2099-01-01, client =";
    fixture.write("peers/tottori.toml", &other("2.999.31").replace("client =", tls));
    let serial = fixture.certificate(&ca, "hm", &["urn:oid:2.999.34"], &[]);
    fixture.crl(&ca, &[serial], 30);
    let mut house = open(fixture).await;
    assert!(house.ask(Some("tottori"), BOTH).await.is_some());
    assert_eq!(house.turned_away(Some("hm")).await, RejectionReason::Revoked);
}

#[tokio::test]
async fn tls_1_2_is_refused_unless_the_peers_own_file_allows_it() {
    let mut house = open(one_peer().0).await;
    assert_eq!(house.ask(Some("hm"), ONLY_12).await, None);
    assert_eq!(house.rejections.recv().await.unwrap().reason, RejectionReason::Handshake);

    let (fixture, ca) = one_peer();
    fixture.certificate(&ca, "tottori", &["urn:oid:2.999.31"], &[]);
    fixture
        .write("peers/tottori.toml", &other("2.999.31").replace("client =", "allow_tls12 = true, client ="));
    let mut house = open(fixture).await;
    let old = house.ask(Some("tottori"), ONLY_12).await;
    assert_eq!(old.as_deref(), Some("tottori TLSv1.2 CN=tottori"));
    assert_eq!(house.ask(Some("hm"), ONLY_12).await, None);
    assert_eq!(house.rejections.recv().await.unwrap().reason, RejectionReason::OldVersion);
    assert!(house.ask(Some("hm"), BOTH).await.is_some());
}

#[tokio::test]
async fn tls_1_2_sessions_are_never_taken_up_again() {
    let (fixture, _) = one_peer();
    fixture.write("peers/hm.toml", &PEER.replace("client =", "allow_tls12 = true, client ="));
    let house = open(fixture).await;
    let connector = house.client(Some("hm"), ONLY_12);
    for _ in 0..2 {
        let tcp = TcpStream::connect(("127.0.0.1", house.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, tcp).await.unwrap();
        assert!(get(&mut stream, "close").await.is_some());
        let kind = stream.get_ref().1.handshake_kind();
        assert_eq!(kind, Some(rustls::HandshakeKind::Full));
    }
}

#[tokio::test]
async fn a_session_taken_up_again_is_still_told_whose_it_is() {
    let house = open(one_peer().0).await;
    let connector = house.client(Some("hm"), BOTH);
    let mut kinds = Vec::new();
    for _ in 0..2 {
        let tcp = TcpStream::connect(("127.0.0.1", house.port)).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = connector.connect(name, tcp).await.unwrap();
        assert_eq!(get(&mut stream, "close").await.as_deref(), Some("hm TLSv1.3 CN=hm"));
        kinds.extend(stream.get_ref().1.handshake_kind());
    }
    assert_eq!(kinds[1], rustls::HandshakeKind::Resumed);
}

#[tokio::test]
async fn a_certificate_that_fits_two_peers_is_nobodys() {
    let (fixture, ca) = one_peer();
    fixture.write("peers/tottori.toml", &other("2.999.31"));
    fixture.certificate(&ca, "both", &["urn:oid:2.999.34", "urn:oid:2.999.31"], &[]);
    let mut house = open(fixture).await;
    assert_eq!(house.turned_away(Some("both")).await, RejectionReason::Ambiguous);
}

#[tokio::test]
async fn one_peers_authority_cannot_vouch_for_another_peer() {
    let (fixture, _) = one_peer();
    let tottori = fixture.ca("tottori-ca");
    let tls = "ca = \"tottori-ca\", client =";
    fixture.write("peers/tottori.toml", &other("2.999.31").replace("client =", tls));
    fixture.certificate(&tottori, "tottori", &["urn:oid:2.999.31"], &[]);
    fixture.certificate(&tottori, "forged", &["urn:oid:2.999.34"], &[]);
    let mut house = open(fixture).await;
    assert!(house.ask(Some("tottori"), BOTH).await.is_some());
    assert_eq!(house.turned_away(Some("forged")).await, RejectionReason::WrongAuthority);
}

#[tokio::test]
async fn a_pinned_key_tells_a_peer_too() {
    let (fixture, ca) = one_peer();
    fixture.certificate(&ca, "plain", &[], &[]);
    let der = CertificateDer::from_pem_file(fixture.path("certs/plain.pem")).unwrap();
    let pin = CertificateFacts::of(&der).unwrap().spki_sha256;
    let tls = format!("spki_sha256 = \"{pin}\"");
    fixture.write("peers/hm.toml", &PEER.replace("san_uri = \"urn:oid:2.999.34\"", &tls));
    let house = open(fixture).await;
    assert_eq!(house.ask(Some("plain"), BOTH).await.as_deref(), Some("hm TLSv1.3 CN=plain"));
}

#[tokio::test]
async fn a_kept_connection_ends_when_its_certificate_is_revoked() {
    let (fixture, ca) = one_peer();
    let serial = fixture.certificate(&ca, "hm", &["urn:oid:2.999.34"], &[]);
    let house = open(fixture).await;
    let mut stream = house.connect(Some("hm"), BOTH).await.unwrap();
    assert!(get(&mut stream, "keep-alive").await.is_some());
    house.trust.store(Arc::new(trust_of(&house.fixture.load().unwrap())));
    assert!(get(&mut stream, "keep-alive").await.is_some(), "a reload alone cuts nobody");
    house.fixture.crl(&ca, &[serial], 30);
    house.trust.store(Arc::new(trust_of(&house.fixture.load().unwrap())));
    assert_eq!(get(&mut stream, "keep-alive").await, None);
}

/// The fixture with limits of its own.
fn with_limits(limits: &str) -> Fixture {
    let (fixture, _) = one_peer();
    fixture.write("kakehashi.toml", &format!("{BROKER}\n[limits]\n{limits}\n"));
    fixture
}

#[tokio::test]
async fn a_handshake_that_does_not_go_on_is_cut() {
    let mut house = open(with_limits("handshake_ms = 50")).await;
    let mut tcp = TcpStream::connect(("127.0.0.1", house.port)).await.unwrap();
    tcp.write_all(&[0x16, 0x03]).await.unwrap();
    assert_eq!(tcp.read(&mut [0; 8]).await.unwrap_or(0), 0);
    assert_eq!(house.rejections.recv().await.unwrap().reason, RejectionReason::TimedOut);
}

#[tokio::test]
async fn the_slowest_handshake_gives_its_place_to_an_honest_one() {
    let mut house = open(with_limits("handshakes_max = 1\nhandshake_ms = 60_000")).await;
    let slow = TcpStream::connect(("127.0.0.1", house.port)).await.unwrap();
    assert!(house.ask(Some("hm"), BOTH).await.is_some());
    assert_eq!(house.rejections.recv().await.unwrap().reason, RejectionReason::Crowded);
    drop(slow);
}

#[tokio::test]
async fn hundreds_who_say_nothing_keep_no_honest_peer_out() {
    let house = open(with_limits("handshakes_max = 32\nhandshake_ms = 60_000\nconnections_max = 64")).await;
    let mut silent = Vec::new();
    for round in 0..200 {
        silent.push(TcpStream::connect(("127.0.0.1", house.port)).await.unwrap());
        if round % 20 == 0 {
            assert!(house.ask(Some("hm"), BOTH).await.is_some(), "after {round}");
        }
    }
}

#[tokio::test]
async fn headers_that_dribble_and_connections_that_say_nothing_are_cut() {
    let house = open(with_limits("header_ms = 50")).await;
    for said in ["GET / HTTP/1.1\r\nhost: lo", ""] {
        let mut stream = house.connect(Some("hm"), BOTH).await.unwrap();
        stream.write_all(said.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
        assert!(!String::from_utf8_lossy(&rest).contains(" 200 "));
    }
}

#[tokio::test]
async fn a_peer_has_only_as_many_connections_as_it_may() {
    let mut house = open(with_limits("connections_per_peer_max = 1")).await;
    let mut first = house.connect(Some("hm"), BOTH).await.unwrap();
    assert!(get(&mut first, "keep-alive").await.is_some());
    assert_eq!(house.turned_away(Some("hm")).await, RejectionReason::TooManyConnections);
    assert!(get(&mut first, "keep-alive").await.is_some());
}

#[tokio::test]
async fn what_runs_is_finished_when_we_stop_and_nothing_new_is_taken() {
    let house = open(one_peer().0).await;
    let client = client_as_hm(&house);
    let to = house.uri("/slow");
    let (answer, ()) = tokio::join!(client.post(house.post(&to, 5_000)), async {
        house.started.notified().await;
        house.shutdown.cancel();
        house.release.notify_one();
    });
    assert_eq!(answer.unwrap().status, 200);
    house.stopped.await.unwrap();
    assert!(TcpStream::connect(("127.0.0.1", house.port)).await.is_err());
}

#[tokio::test]
async fn what_does_not_finish_is_cut_after_the_drain_time() {
    let house = open(with_limits("drain_ms = 50")).await;
    let client = client_as_hm(&house);
    let to = house.uri("/slow");
    let (answer, ()) = tokio::join!(client.post(house.post(&to, 5_000)), async {
        house.started.notified().await;
        house.shutdown.cancel();
    });
    assert!(matches!(answer.err(), Some(Failure::Unreachable(_))));
    house.stopped.await.unwrap();
}

/// Our client, showing the certificate by which this very house knows `hm`.
fn client_as_hm(house: &House) -> HttpClient {
    let pair = ["hm", "hm.key"].map(|name| house.fixture.path(&format!("certs/{name}.pem")));
    for (from, to) in pair.iter().zip(["client", "client.key"]) {
        std::fs::copy(from, house.fixture.path(&format!("certs/{to}.pem"))).unwrap();
    }
    HttpClient::new(&house.target()).unwrap()
}

#[tokio::test]
async fn an_answer_comes_with_its_head_and_its_body_in_pieces() {
    let house = open(one_peer().0).await;
    let client = client_as_hm(&house);
    let answer = client.post(house.post(&house.uri("/"), 5_000)).await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.content_type()), (200, ""));
    assert_eq!(answer.whole().await.unwrap(), "hm TLSv1.3 CN=hm");
}

#[tokio::test]
async fn a_slow_target_a_stuck_body_and_a_large_one_are_told_apart() {
    let house = open(one_peer().0).await;
    let client = client_as_hm(&house);
    let slow = client.post(house.post(&house.uri("/slow"), 50)).await;
    assert_eq!(slow.err(), Some(Failure::TimedOut));
    let mut stuck = client.post(house.post(&house.uri("/stuck"), 5_000)).await.unwrap();
    assert_eq!(stuck.body.next().await, Some(Ok(Bytes::from_static(b"first"))));
    assert_eq!(stuck.body.next().await, Some(Err(Interrupted::Idle)));
    assert_eq!(stuck.body.next().await, None);
    let to = house.uri("/");
    let large = client.post(Post { answer_bytes_max: 3, ..house.post(&to, 5_000) }).await;
    assert_eq!(large.err(), Some(Failure::Unreadable("more than 3 bytes".into())));
}

#[tokio::test]
async fn it_is_told_who_refused_whose_certificate() {
    let house = open(one_peer().0).await;
    // Our `client` certificate is not one this house knows by its authority.
    let stranger = house.fixture.ca("stranger-ca");
    house.fixture.certificate(&stranger, "client", &[], &[]);
    let client = HttpClient::new(&house.target()).unwrap();
    let failure = client.post(house.post(&house.uri("/"), 5_000)).await.err();
    let Some(Failure::Unreachable(text)) = failure else { panic!("{failure:?}") };
    assert!(text.contains("refused our certificate"), "{text}");
    // And the other way round: an authority that is not the target's.
    let strict = house.fixture.path("certs/stranger-ca.pem");
    std::fs::copy(&strict, house.fixture.path("certs/peer-ca.pem")).unwrap();
    std::fs::copy(
        house.fixture.path("certs/stranger-ca.crl.pem"),
        house.fixture.path("certs/peer-ca.crl.pem"),
    )
    .unwrap();
    let client = HttpClient::new(&house.target()).unwrap();
    let failure = client.post(house.post(&house.uri("/"), 5_000)).await.err();
    let Some(Failure::Unreachable(text)) = failure else { panic!("{failure:?}") };
    assert!(text.contains("target's certificate is not accepted"), "{text}");
}

#[tokio::test]
async fn nobody_listening_is_unreachable_and_names_no_host() {
    let house = open(one_peer().0).await;
    let client = client_as_hm(&house);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let to: Uri = format!("https://localhost:{closed}/").parse().unwrap();
    let failure = client.post(house.post(&to, 5_000)).await.err();
    assert_eq!(failure, Some(Failure::Unreachable("connection refused".into())));
}

#[tokio::test]
async fn a_wrong_host_name_is_refused_unless_the_key_is_pinned() {
    let house = open(one_peer().0).await;
    let client = client_as_hm(&house);
    let to: Uri = format!("https://127.0.0.1:{}/", house.port).parse().unwrap();
    let failure = client.post(house.post(&to, 5_000)).await.err();
    assert!(matches!(failure, Some(Failure::Unreachable(text)) if text.contains("not accepted")));
    let der = CertificateDer::from_pem_file(house.fixture.path("certs/server.pem")).unwrap();
    let pin = CertificateFacts::of(&der).unwrap().spki_sha256;
    let pinned = PEER.replace("client =", &format!("server_spki_sha256 = \"{pin}\", client ="));
    house.fixture.write("peers/hm.toml", &pinned);
    let client = HttpClient::new(&house.fixture.load().unwrap().targets[0]).unwrap();
    assert_eq!(client.post(house.post(&to, 5_000)).await.unwrap().status, 200);
    house.fixture.write("peers/hm.toml", &pinned.replace(&pin, &"0".repeat(64)));
    let client = HttpClient::new(&house.fixture.load().unwrap().targets[0]).unwrap();
    assert!(client.post(house.post(&house.uri("/"), 5_000)).await.is_err());
}

#[tokio::test]
async fn http_2_is_spoken_where_it_is_agreed_and_a_silent_connection_is_cut_there_too() {
    let house = open(with_limits("header_ms = 100")).await;
    let io = TokioIo::new(house.connect_http2().await);
    let (mut send, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
    let running = tokio::spawn(connection);
    let request = Request::get("https://localhost/").body(Full::new(Bytes::new())).unwrap();
    let answer = send.send_request(request).await.unwrap();
    assert_eq!(answer.version(), ::http::Version::HTTP_2);
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "hm TLSv1.3 CN=hm");
    drop(send);
    let _ = running.await;
    let mut silent = house.connect_http2().await;
    let mut rest = Vec::new();
    let _ = silent.read_to_end(&mut rest).await;
}

#[tokio::test]
async fn a_body_is_read_within_its_cap_and_its_idle_limit() {
    let house = open(one_peer().0).await;
    for (sent, told) in [
        ("content-length: 2\r\n\r\nok", "Ok(b\"ok\")"),
        ("content-length: 9\r\n\r\n123456789", "Err(TooLarge)"),
        ("transfer-encoding: chunked\r\n\r\n9\r\n123456789\r\n0\r\n\r\n", "Err(TooLarge)"),
        ("content-length: 5\r\n\r\n12", "Err(Idle)"),
    ] {
        let mut stream = house.connect(Some("hm"), BOTH).await.unwrap();
        let head = "POST /body HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
        stream.write_all(format!("{head}{sent}").as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(String::from_utf8_lossy(&answer).ends_with(told), "{sent}");
    }
}

#[tokio::test]
async fn the_ends_of_certificates_and_lists_show_in_the_metrics() {
    let (fixture, _) = one_peer();
    let settings = fixture.load().unwrap();
    let metrics = Metrics::new().unwrap();
    observe_expiries(&metrics, &settings.broker, &settings.targets);
    let text = metrics.encode();
    assert!(text.contains("kakehashi_certificate_expiry_timestamp_seconds{file=\"client.pem\"} 1"));
    assert!(text.contains("kakehashi_crl_expiry_timestamp_seconds{file=\"peer-ca.crl.pem\"} 1"));
}
