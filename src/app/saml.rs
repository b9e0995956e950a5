//! From the settings to what assertions are held against, and how we vouch toward each peer.

use std::path::Path;

use http::Uri;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::startup::StartError;
use crate::config::{BrokerConfig, ListenerConfig, PeerSaml, SamlConfig, TargetFile};
use crate::identity::{Issuing, NameFormat, SamlTrust, Signer, TrustedIssuer};
use crate::model::Purpose;

/// What the assertions of one asking system must fulfil.
///
/// # Errors
/// A signer's certificate that cannot be read or must not vouch.
pub fn trust(
    broker: &BrokerConfig,
    listener: &ListenerConfig,
    file: &TargetFile,
    saml: &PeerSaml,
) -> Result<SamlTrust, StartError> {
    let mut certificates = Vec::new();
    for path in &saml.signers {
        certificates.extend(certificates_of(path)?.into_iter().map(|der| der.to_vec()));
    }
    let issuers = saml.issuers.iter().map(|issuer| TrustedIssuer::new(issuer, &certificates));
    let issuers = issuers.collect::<Result<_, _>>().map_err(|e| StartError::file(&file.path, e))?;
    let purposes = if saml.purposes.is_empty() { SamlTrust::standard_purposes() } else { saml.purposes.clone() };
    Ok(SamlTrust {
        issuers,
        audiences: broker.saml.audiences.clone(),
        recipients: recipients(listener),
        roles: saml.roles_in.clone(),
        purposes,
        skew_seconds: i64::try_from(saml.skew_s).unwrap_or(300),
        sha1_until: saml.sha1_until,
        accept_missing_audience: !saml.audience_required,
        accept_missing_authn_statement: true,
        accept_missing_home_community: false,
        require_timestamp: false,
        one_use: saml.one_use,
    })
}

// A Recipient names the URL the message was sent to. Which host name leads here is the network's
// matter; the audience is what binds an assertion to us.
fn recipients(listener: &ListenerConfig) -> Vec<String> {
    let port = listener.listen.port();
    vec![
        format!("https://{}/", listener.listen),
        format!("https://localhost:{port}/"),
        format!("https://127.0.0.1:{port}/"),
    ]
}

/// How we vouch toward one peer.
///
/// # Errors
/// Our key or certificate cannot be used.
pub fn issuing(broker: &BrokerConfig, file: &TargetFile, to: Option<&Uri>) -> Result<Issuing, StartError> {
    let SamlConfig { issuer, identity, life_s, .. } = &broker.saml;
    let key = std::fs::read_to_string(&identity.key).map_err(|e| StartError::file(&identity.key, e))?;
    let certificate = certificates_of(&identity.certificate)?;
    let certificate = certificate.first().ok_or_else(|| StartError::file(&identity.certificate, "no certificate"))?;
    let signer = Signer::new(&key, certificate).map_err(|e| StartError::file(&identity.key, e))?;
    let saml = file.saml.as_ref();
    let purposes = saml.filter(|saml| !saml.purposes.is_empty()).map_or_else(
        || SamlTrust::standard_purposes().into_iter().map(|(code, purpose)| (purpose, code)).collect(),
        |saml| saml.purposes.iter().map(|(code, purpose)| (*purpose, code.clone())).collect::<Vec<(Purpose, _)>>(),
    );
    Ok(Issuing {
        issuer: issuer.clone(),
        signer,
        audience: saml.and_then(|saml| saml.audience.clone()).unwrap_or_else(|| file.community.0.urn()),
        recipient: to.map(ToString::to_string).unwrap_or_default(),
        community: broker.community.clone(),
        roles: saml.map(|saml| saml.roles_out.clone()).unwrap_or_default(),
        purposes,
        name_format: NameFormat::Uri,
        life_seconds: i64::try_from(saml.and_then(|saml| saml.life_s).unwrap_or(*life_s)).unwrap_or(300),
        must_understand: !file.wire.security_without_must_understand,
    })
}

fn certificates_of(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|e| StartError::file(path, e))?;
    certificates.collect::<Result<_, _>>().map_err(|e| StartError::file(path, e))
}
