//! Keys, settings and ports of one measured broker: a portal on one side, a gateway on the other, no
//! hospital of its own. Only ordinary settings, with rates that do not stand in the way.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use kakehashi::demo::pki::{CertificateAuthority, Usage};
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, RsaKeySize};

pub const OURS: &str = "2.999.33";
pub const THEIRS: &str = "2.999.34";

/// Listening ports.
#[derive(Debug, Clone, Copy)]
pub struct Ports {
    pub admin: u16,
    pub haproxy: u16,
    pub jvm: u16,
    pub nginx: u16,
    pub peer: u16,
    pub portal: u16,
    pub upstream: u16,
}

/// Where everything lies.
pub struct World {
    pub folder: PathBuf,
    pub ports: Ports,
}

impl World {
    /// Lays it out anew. The folder is on a disk: in memory a sync would cost nothing.
    pub fn lay_out() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("figures").join("world");
        drop(fs::remove_dir_all(&folder));
        for name in ["certs", "peers", "policies", "nginx"] {
            fs::create_dir_all(folder.join(name)).unwrap();
        }
        let world = Self { folder, ports: ports() };
        world.keys();
        world.settings();
        world
    }

    pub fn certs(&self) -> PathBuf {
        self.folder.join("certs")
    }

    fn keys(&self) {
        let certs = self.certs();
        let authority = CertificateAuthority::new("figures").unwrap();
        authority.write(&certs, "net-ca").unwrap();
        let gateway = format!("urn:oid:{OURS}");
        let systems = [
            ("server", Usage::Server),
            ("gateway", Usage::Client(&gateway)),
            ("portal-p256", Usage::Client("urn:oid:2.999.33.30")),
            ("portal-rsa2048", Usage::Client("urn:oid:2.999.33.31")),
            ("idp-p256", Usage::Signing),
            ("idp-ours", Usage::Signing),
            ("idp-theirs", Usage::Signing),
        ];
        for (name, usage) in systems {
            authority.issue(name, usage).unwrap().write(&certs, name).unwrap();
        }
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "idp-rsa2048");
        let certificate = params.self_signed(&key).unwrap();
        fs::write(certs.join("idp-rsa2048.pem"), certificate.pem()).unwrap();
        fs::write(certs.join("idp-rsa2048.key.pem"), key.serialize_pem()).unwrap();
    }

    fn settings(&self) {
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        for file in fs::read_dir(policies).unwrap().flatten() {
            fs::copy(file.path(), self.folder.join("policies").join(file.file_name())).unwrap();
        }
        fs::write(self.folder.join("kakehashi.toml"), broker(self.ports)).unwrap();
        let peers = self.folder.join("peers");
        for (key, uri) in [("p256", "urn:oid:2.999.33.30"), ("rsa2048", "urn:oid:2.999.33.31")] {
            fs::write(peers.join(format!("portal-{key}.toml")), portal(key, uri)).unwrap();
        }
        fs::write(peers.join("gateway.toml"), gateway(self.ports)).unwrap();
    }
}

fn ports() -> Ports {
    let held: Vec<TcpListener> = (0..7).map(|_| TcpListener::bind(("127.0.0.1", 0)).unwrap()).collect();
    let port = |at: usize| held[at].local_addr().unwrap().port();
    Ports {
        admin: port(0),
        haproxy: port(1),
        jvm: port(2),
        nginx: port(3),
        peer: port(4),
        portal: port(5),
        upstream: port(6),
    }
}

fn broker(Ports { admin, peer, portal, .. }: Ports) -> String {
    format!(
        r#"community  = "urn:oid:{OURS}"
device     = "{OURS}.0.1"
timeout_ms = 30_000

[identity]
authority = "urn:oid:{OURS}.1"

[codes]
roles = "2.999.1.1"

[portal]
listen      = "127.0.0.1:{portal}"
certificate = "server"
client_ca   = "net-ca"

[peer]
listen      = "127.0.0.1:{peer}"
certificate = "server"
client_ca   = "net-ca"

[admin]
listen = "127.0.0.1:{admin}"

[saml]
issuer      = "https://ours.example/idp"
certificate = "idp-ours"
audiences   = ["urn:oid:{OURS}"]
recipients  = ["https://127.0.0.1:{portal}/"]

[limits]
results_max = 100_000
{RATES}
"#
    )
}

const RATES: &str = "peer_per_second = 10_000
peer_burst = 100_000
person_per_minute = 100_000
person_burst = 100_000";

fn portal(key: &str, uri: &str) -> String {
    format!(
        r#"kind = "portal"
side = "home"
tls  = {{ san_uri = "{uri}" }}

[saml]
issuer   = "https://portal-{key}.example/idp"
signer   = "idp-{key}"
roles.in = [{{ code = "physician", role = "physician" }}]

[rates]
{RATES}
"#
    )
}

fn gateway(ports: Ports) -> String {
    let url = format!("https://localhost:{}", ports.upstream);
    format!(
        r#"kind        = "xca"
side        = "peer"
community   = "urn:oid:{THEIRS}"
authorities = ["urn:oid:{THEIRS}.1"]
timeout_ms  = 20_000
tls         = {{ ca = "net-ca", san_uri = "urn:oid:{THEIRS}", client = "gateway" }}

[limits]
answer_bytes_max   = 268_435_456
document_bytes_max = 2_147_483_648
in_flight          = 64
per_second         = 10_000

[saml]
issuer   = "https://theirs.example/idp"
signer   = "idp-theirs"
audience = "urn:oid:{THEIRS}"
roles.in  = [{{ code = "physician", role = "physician" }}]
roles.out = [{{ code = "physician", role = "physician" }}]

[xca]
patient_discovery = "{url}/xcpd"
document_query    = "{url}/xca/query"
document_retrieve = "{url}/xca/retrieve"
"#
    )
}
