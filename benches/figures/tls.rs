//! TLS of the load source and of the upstream: mutual, 1.3, the broker's own cipher suites.

use std::path::Path;
use std::sync::Arc;

use kakehashi::transport::crypto_provider;
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

type Pair = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn roots(certs: &Path) -> Arc<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certs.join("net-ca.pem")).unwrap()).unwrap();
    Arc::new(roots)
}

fn pair(certs: &Path, name: &str) -> Pair {
    let certificate = CertificateDer::from_pem_file(certs.join(format!("{name}.pem"))).unwrap();
    let key = PrivateKeyDer::from_pem_file(certs.join(format!("{name}.key.pem"))).unwrap();
    (vec![certificate], key)
}

pub fn client(certs: &Path, name: &str) -> ClientConfig {
    let (chain, key) = pair(certs, name);
    ClientConfig::builder_with_provider(crypto_provider())
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(roots(certs))
        .with_client_auth_cert(chain, key)
        .unwrap()
}

pub fn server(certs: &Path) -> ServerConfig {
    let (chain, key) = pair(certs, "server");
    let provider = crypto_provider();
    let clients = WebPkiClientVerifier::builder_with_provider(roots(certs), Arc::clone(&provider));
    ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_client_cert_verifier(clients.build().unwrap())
        .with_single_cert(chain, key)
        .unwrap()
}
