//! An assertion of ours, issued and verified: what every message costs on both sides.

use std::hint::black_box;

use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::dialect::soap::{FramedBody, frame_request};
use kakehashi::dialect::{Payload, Transaction};
use kakehashi::identity::{
    Identity, Issuing, NameFormat, SamlTrust, Signer, TrustedIssuer, verify as verified,
};
use kakehashi::model::{Code, Organization, Person, Role, Timestamp};
use rcgen::{CertificateParams, KeyPair};
use uuid::Uuid;

use super::samples::{addressing, community};

fn issuing() -> (Issuing, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().der().to_vec();
    let issuing = Issuing {
        issuer: "https://idp.example".to_owned(),
        signer: Signer::new(&key.serialize_pem(), &certificate).unwrap(),
        audience: "urn:oid:2.999.33".to_owned(),
        recipient: "https://broker.example/xca/query".to_owned(),
        community: community("2.999.34"),
        roles: Vec::new(),
        purposes: Vec::new(),
        name_format: NameFormat::Uri,
        life_seconds: 300,
        must_understand: true,
    };
    (issuing, certificate)
}

fn issued(issuing: &Issuing) -> String {
    let identity = Identity {
        person: Person { id: "d0001".to_owned(), name: "試験 医師".to_owned(), alias: None },
        organization: Organization { id: "2.999.34.7".to_owned(), name: "試験診療所".to_owned() },
        roles: vec![Code::new("physician", "2.999.1.1", "医師")],
        purpose: Code::new("TREATMENT", "2.16.840.1.113883.3.18.7.1", ""),
        authenticated: Some(Timestamp::now()),
    };
    issuing.security(&identity, None, Uuid::new_v4(), Timestamp::now()).unwrap()
}

pub fn issue(count: u32) {
    let (issuing, _) = issuing();
    for _ in 0..count {
        black_box(issued(&issuing));
    }
}

pub fn verify(count: u32) {
    let (issuing, certificate) = issuing();
    let trust = SamlTrust {
        issuers: vec![TrustedIssuer::new("https://idp.example", &[certificate]).unwrap()],
        audiences: vec!["urn:oid:2.999.33".to_owned()],
        recipients: vec!["https://broker.example/".to_owned()],
        roles: vec![(Code::new("physician", "2.999.1.1", ""), Role("physician".to_owned()))],
        purposes: SamlTrust::standard_purposes(),
        skew_seconds: 60,
        sha1_until: None,
        accept_missing_audience: false,
        accept_missing_authn_statement: false,
        accept_missing_home_community: false,
        require_timestamp: false,
        one_use: false,
    };
    let security = issued(&issuing);
    let payload = Payload { xml: "<a/>".to_owned(), attachments: Vec::new() };
    let framed = frame_request(
        CrossGatewayQuery::PACKAGING,
        CrossGatewayQuery::REQUEST_ACTION,
        &addressing("2.999.34", "2.999.33"),
        Some(&security),
        payload,
    );
    let FramedBody::Whole(message) = framed.body else { panic!("a query is no package") };
    let message = std::str::from_utf8(&message).unwrap();
    let from = community("2.999.34");
    for _ in 0..count {
        black_box(verified(message, &trust, &from, Timestamp::now()).expect("it is valid"));
    }
}
