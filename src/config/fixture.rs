//! A complete set of settings in a temporary folder, with keys made on the spot, for tests.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SanType,
    SerialNumber,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// The folder; gone when dropped.
pub(crate) struct Fixture {
    folder: TempDir,
}

/// An authority whose key is at hand.
pub(crate) struct Ca {
    issuer: CertifiedIssuer<'static, KeyPair>,
    name: String,
}

/// The settings every test starts from.
pub(crate) const BROKER: &str = r#"
community = "urn:oid:2.999.33"
device = "2.999.33.0.1"
timeout_ms = 8_000
peer = { listen = "127.0.0.1:0", certificate = "server", client_ca = "peer-ca" }
portal = { listen = "127.0.0.1:0", certificate = "server", client_ca = "portal-ca" }

[identity]
authority = "urn:oid:2.999.33.1"

[codes]
roles = "2.999.1.1"

[saml]
issuer = "https://kakehashi.example/idp"
certificate = "saml"
audiences = ["urn:oid:2.999.33"]
"#;

/// A peer's file; `{}` is its name.
pub(crate) const PEER: &str = r#"
kind = "xca"
side = "peer"
community = "urn:oid:2.999.34"
authorities = ["urn:oid:2.999.34.1"]
tls = { san_uri = "urn:oid:2.999.34", client = "client" }
saml = { issuer = "https://hm.example/idp", signer = "saml" }

[xca]
patient_discovery = "https://localhost:1/xcpd"
document_query = "https://localhost:1/query"
document_retrieve = "https://localhost:1/retrieve"
"#;

impl Fixture {
    /// `kakehashi.toml`, two authorities, our keys; no peer yet.
    pub(crate) fn new() -> Self {
        let fixture = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["certs", "peers", "policies"] {
            std::fs::create_dir(fixture.path(name)).unwrap();
        }
        fixture.write("kakehashi.toml", BROKER);
        let peers = fixture.ca("peer-ca");
        fixture.ca("portal-ca");
        fixture.certificate(&peers, "server", &[], &["localhost"]);
        fixture.certificate(&peers, "client", &["urn:oid:2.999.33"], &[]);
        fixture.certificate(&peers, "saml", &[], &[]);
        fixture
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// A new authority in `certs/`, with an empty revocation list.
    pub(crate) fn ca(&self, name: &str) -> Ca {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = OffsetDateTime::now_utc() - Duration::days(1);
        params.not_after = OffsetDateTime::now_utc() + Duration::days(365);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        self.write(&format!("certs/{name}.pem"), &issuer.pem());
        let ca = Ca { issuer, name: name.to_owned() };
        self.crl(&ca, &[], 30);
        ca
    }

    /// A new revocation list of an authority, running out after so many days.
    pub(crate) fn crl(&self, ca: &Ca, revoked: &[u64], days: i64) {
        let at = OffsetDateTime::now_utc() - Duration::days(60);
        let params = CertificateRevocationListParams {
            this_update: at,
            next_update: OffsetDateTime::now_utc() + Duration::days(days),
            crl_number: SerialNumber::from(1_u64),
            issuing_distribution_point: None,
            revoked_certs: revoked
                .iter()
                .map(|serial| RevokedCertParams {
                    serial_number: SerialNumber::from(*serial),
                    revocation_time: at,
                    reason_code: None,
                    invalidity_date: None,
                })
                .collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        let list = params.signed_by(&ca.issuer).unwrap();
        self.write(&format!("certs/{}.crl.pem", ca.name), &list.pem().unwrap());
    }

    /// A certificate and its key in `certs/`; its serial number is the answer.
    pub(crate) fn certificate(&self, ca: &Ca, name: &str, uris: &[&str], hosts: &[&str]) -> u64 {
        let days = if name.ends_with("expired") { -1 } else { 90 };
        let serial = u64::from(crc32c::crc32c(name.as_bytes()));
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).unwrap();
        params.subject_alt_names.extend(uris.iter().map(|uri| SanType::URI((*uri).try_into().unwrap())));
        params.distinguished_name.push(DnType::CommonName, name);
        params.serial_number = Some(SerialNumber::from(serial));
        params.not_before = OffsetDateTime::now_utc() - Duration::days(10);
        params.not_after = OffsetDateTime::now_utc() + Duration::days(days);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &ca.issuer).unwrap();
        self.write(&format!("certs/{name}.pem"), &certificate.pem());
        let path = format!("certs/{name}.key.pem");
        self.write(&path, &key.serialize_pem());
        std::fs::set_permissions(self.path(&path), Permissions::from_mode(0o600)).unwrap();
        serial
    }

    /// Loads everything as of now.
    pub(crate) fn load(&self) -> Result<super::Settings, super::ConfigErrors> {
        super::load(&self.path("kakehashi.toml"))
    }
}
