//! A simulated audit repository: takes syslog over mutual TLS (RFC 5425), checks the framing and keeps
//! every message. It can end its connections as if it had been killed.

use std::sync::{Arc, Mutex};

use base64::Engine as _;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::pki;

#[derive(Clone, Default)]
pub struct Repository {
    messages: Arc<Mutex<Vec<String>>>,
    connections: Arc<Mutex<Vec<JoinHandle<()>>>>,
}

impl Repository {
    /// Listens on this port; the broker's certificate is demanded.
    pub async fn listen(&self, port: u16) -> JoinHandle<()> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(pki::file("net-ca.pem")).unwrap()).unwrap();
        let clients = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        );
        let chain = vec![CertificateDer::from_pem_file(pki::file("tottori-server.pem")).unwrap()];
        let key = PrivateKeyDer::from_pem_file(pki::file("tottori-server.key.pem")).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(clients.build().unwrap())
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let repository = self.clone();
        tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (acceptor, messages) = (acceptor.clone(), Arc::clone(&repository.messages));
                let connection = tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(socket).await else { return };
                    take(stream, &messages).await;
                });
                repository.connections.lock().unwrap().push(connection);
            }
        })
    }

    /// Ends every connection where it stands.
    pub fn cut(&self) {
        self.connections.lock().unwrap().drain(..).for_each(|connection| connection.abort());
    }

    pub fn messages(&self) -> Vec<String> {
        self.messages.lock().unwrap().clone()
    }

    /// The record id of every message, in order of arrival.
    pub fn record_ids(&self) -> Vec<String> {
        self.messages().iter().map(|message| detail(message, "kakehashi:record")).collect()
    }
}

async fn take(mut stream: impl AsyncReadExt + Unpin, messages: &Mutex<Vec<String>>) {
    let mut bytes = Vec::new();
    loop {
        match stream.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        while let Some(blank) = bytes.iter().position(|byte| *byte == b' ') {
            let digits = std::str::from_utf8(&bytes[..blank]).unwrap();
            assert!(!digits.starts_with('0'), "no leading zero");
            let length: usize = digits.parse().expect("a frame begins with its length");
            let Some(message) = bytes.get(blank + 1..blank + 1 + length) else { break };
            messages.lock().unwrap().push(String::from_utf8(message.to_vec()).unwrap());
            bytes.drain(..blank + 1 + length);
        }
    }
}

/// The value of a detail.
pub fn detail(message: &str, kind: &str) -> String {
    let (_, rest) = message.split_once(&format!("type=\"{kind}\" value=\"")).unwrap();
    let value = rest.split('"').next().unwrap();
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(value).unwrap()).unwrap()
}

/// The lines of `kakehashi.toml` that forward to it.
pub fn forwarding(port: u16) -> String {
    format!(
        "[audit]\nforward = \"syslog+tls://localhost:{port}\"\n\
         tls = {{ ca = \"net-ca\", client = \"okayama-gateway\" }}\n"
    )
}
