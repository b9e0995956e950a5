//! Keys and certificates for all systems of a test, made once a run in a folder of their own.

use std::path::PathBuf;
use std::sync::LazyLock;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

/// Certificates with the URI that names their system; empty for those that need none.
const SYSTEMS: [(&str, &str); 19] = [
    ("okayama-server", ""),
    ("okayama-gateway", "urn:oid:2.999.33"),
    ("okayama-saml", ""),
    ("okayama-portal", "urn:oid:2.999.33.30"),
    ("okayama-portal-idp", ""),
    ("okayama-ward", "urn:oid:2.999.33.31"),
    ("okayama-pix", "urn:oid:2.999.33.32"),
    ("hiroshima-server", ""),
    ("hiroshima-gateway", "urn:oid:2.999.34"),
    ("hiroshima-saml", ""),
    ("hiroshima-portal", "urn:oid:2.999.34.30"),
    ("hiroshima-portal-idp", ""),
    ("hiroshima-ward", "urn:oid:2.999.34.31"),
    ("tottori-server", ""),
    ("tottori-gateway", "urn:oid:2.999.31"),
    ("tottori-saml", ""),
    ("stranger", "urn:oid:2.999.99"),
    ("forger-saml", ""),
    ("shimane-gateway", "urn:oid:2.999.32"),
];

/// `net-ca.pem`, its empty revocation list, and a pair of files for every system.
pub static CERTS: LazyLock<TempDir> = LazyLock::new(make);

/// A file of the folder.
pub fn file(name: &str) -> PathBuf {
    CERTS.path().join(name)
}

fn make() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name.push(DnType::CommonName, "net-ca");
    params.not_before = now - Duration::days(1);
    params.not_after = now + Duration::days(365);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.path().join("net-ca.pem"), ca.pem()).unwrap();
    let list = CertificateRevocationListParams {
        this_update: now - Duration::days(1),
        next_update: now + Duration::days(30),
        crl_number: SerialNumber::from(1_u64),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    let list = list.signed_by(&ca).unwrap();
    std::fs::write(folder.path().join("net-ca.crl.pem"), list.pem().unwrap()).unwrap();
    for (name, uri) in SYSTEMS {
        let hosts: Vec<String> = if name.ends_with("server") {
            // The last three are machines of `interconnect_segment`.
            ["localhost", "127.0.0.1", "10.33.0.1", "10.34.0.1", "10.34.0.2"].map(str::to_owned).to_vec()
        } else {
            Vec::new()
        };
        let mut params = CertificateParams::new(hosts).unwrap();
        if !uri.is_empty() {
            params.subject_alt_names.push(SanType::URI(uri.try_into().unwrap()));
        }
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = now - Duration::days(1);
        params.not_after = now + Duration::days(90);
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ClientAuth, ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &ca).unwrap();
        std::fs::write(folder.path().join(format!("{name}.pem")), certificate.pem()).unwrap();
        std::fs::write(folder.path().join(format!("{name}.key.pem")), key.serialize_pem()).unwrap();
    }
    folder
}
