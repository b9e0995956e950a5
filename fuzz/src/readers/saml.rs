//! The gate in front of assertions. The key is made anew in every process, so nothing that is fed
//! can be genuine: whatever is taken as verified is a break.

use std::sync::LazyLock;

use kakehashi::identity::{SamlTrust, TrustedIssuer, read_unverified, verify};
use kakehashi::model::{Code, CommunityId, Oid, Role, Timestamp};
use kakehashi::xml::Tree;

static TRUST: LazyLock<SamlTrust> = LazyLock::new(|| {
    let key = rcgen::KeyPair::generate().expect("a key");
    let parameters = rcgen::CertificateParams::new(vec!["sts.example".to_owned()]).expect("parameters");
    let certificate = parameters.self_signed(&key).expect("a certificate").der().to_vec();
    SamlTrust {
        issuers: vec![TrustedIssuer::new("urn:example:sts", &[certificate]).expect("an issuer")],
        audiences: vec!["urn:example:okayama".to_owned()],
        recipients: vec!["https://okayama.example:8443/".to_owned()],
        roles: vec![(Code::new("MD", "2.999.7.1", ""), Role("physician".to_owned()))],
        purposes: SamlTrust::standard_purposes(),
        skew_seconds: 60,
        sha1_until: None,
        accept_missing_audience: true,
        accept_missing_authn_statement: true,
        accept_missing_home_community: true,
        require_timestamp: false,
        one_use: false,
    }
});

/// A root part with a Security header.
pub fn verified(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let community = CommunityId(Oid::parse("2.999.34").expect("an OID"));
    let now = Timestamp::from_micros(1_775_000_000_000_000);
    let taken = verify(text, &TRUST, &community, now);
    assert!(taken.is_err(), "an assertion nobody signed was taken");
    // The same text as `decode` shows it, verified by nobody.
    if let Ok(tree) = Tree::parse(text) {
        first_assertion(&tree).map(read_unverified);
    }
}

fn first_assertion(tree: &Tree) -> Option<&Tree> {
    if tree.is("urn:oasis:names:tc:SAML:2.0:assertion", "Assertion") {
        return Some(tree);
    }
    tree.elements().find_map(first_assertion)
}
