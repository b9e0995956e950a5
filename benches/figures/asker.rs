//! The messages of the load: each with a fresh MessageID and a fresh assertion of a physician, signed
//! with the key of the portal's identity provider, written before the clock runs.

use std::path::Path;

use bytes::Bytes;
use futures_util::TryStreamExt;
use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve};
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::dialect::soap::{self, FramedBody};
use kakehashi::dialect::{Addressing, Transaction};
use kakehashi::identity::{Identity, Issuing, NameFormat, Signer};
use kakehashi::model::{
    Address, Authority, Availability, Code, CommunityId, Criteria, Demographics, DocumentId, DocumentQuery,
    DocumentRetrieve, MessageId, NameScript, Oid, Organization, PartialDate, PatientDiscovery, PatientId,
    PeerProfile, Person, PersonName, Phi, Purpose, QueryId, QueryKey, RepositoryId, ReturnType, Sex,
    Timestamp,
};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use uuid::Uuid;

use super::world::{OURS, THEIRS};

/// A message ready to be sent.
pub struct Message {
    pub id: String,
    pub path: &'static str,
    pub content_type: String,
    pub body: Bytes,
}

/// A physician at a portal.
pub struct Asker {
    issuing: Issuing,
    portal: u16,
}

fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

fn theirs() -> Authority {
    Authority(oid(&format!("{THEIRS}.1")))
}

// The person every ITI-55 asks for.
fn someone() -> Demographics {
    let name = |script, family: &str, given: &str| PersonName {
        script: Some(script),
        family: family.to_owned(),
        given: given.to_owned(),
    };
    Demographics {
        names: vec![
            name(NameScript::Ideographic, "髙橋", "美咲"),
            name(NameScript::Syllabic, "タカハシ", "ミサキ"),
        ],
        birth: PartialDate::day(1968, 4, 12),
        sex: Some(Sex::Female),
        addresses: vec![Address {
            postal_code: "7140000".to_owned(),
            text: "岡山県笠岡市見本町1丁目2番3号".to_owned(),
        }],
        phones: vec!["0865990101".to_owned()],
        ..Demographics::default()
    }
}

impl Asker {
    /// `key` is `p256` or `rsa2048`. The assertion is made out to the broker, whoever is measured.
    pub fn new(certs: &Path, key: &str, portal: u16) -> Self {
        let pem = std::fs::read_to_string(certs.join(format!("idp-{key}.key.pem"))).unwrap();
        let certificate = CertificateDer::from_pem_file(certs.join(format!("idp-{key}.pem"))).unwrap();
        let issuing = Issuing {
            issuer: format!("https://portal-{key}.example/idp"),
            signer: Signer::new(&pem, &certificate).unwrap(),
            audience: format!("urn:oid:{OURS}"),
            recipient: format!("https://127.0.0.1:{portal}/"),
            community: CommunityId(oid(OURS)),
            roles: Vec::new(),
            purposes: Vec::new(),
            name_format: NameFormat::Uri,
            life_seconds: 300,
            must_understand: true,
        };
        Self { issuing, portal }
    }

    /// A message of this kind: `discovery`, `query` of a patient with `size` entries, `retrieve` of a
    /// document of `size` MiB.
    pub async fn message(&self, kind: &str, size: u64) -> Message {
        match kind {
            "discovery" => {
                let demographics = Phi::new(someone());
                let request = PatientDiscovery { demographics, ids: Vec::new() };
                self.write::<CrossGatewayPatientDiscovery>("/xcpd", &request).await
            }
            "query" => {
                let request = DocumentQuery {
                    by: QueryKey::Patient(PatientId::new(theirs(), format!("E{size}"))),
                    home: None,
                    criteria: Criteria { statuses: [Availability::Approved].into(), ..Criteria::default() },
                    returns: ReturnType::LeafClass,
                };
                self.write::<CrossGatewayQuery>("/xca/query", &request).await
            }
            _ => {
                let document = DocumentId {
                    community: CommunityId(oid(THEIRS)),
                    repository: RepositoryId(oid(&format!("{THEIRS}.2"))),
                    unique: Phi::new(format!("{THEIRS}.7.{size}")),
                };
                let request = DocumentRetrieve::of(vec![document]);
                self.write::<CrossGatewayRetrieve>("/xca/retrieve", &request).await
            }
        }
    }

    async fn write<T: Transaction>(&self, path: &'static str, request: &T::Request) -> Message {
        let community = |text: &str| CommunityId(oid(text));
        let message = MessageId::fresh();
        let addressing = Addressing {
            message: message.clone(),
            query: QueryId { root: format!("{OURS}.0.7"), extension: Some(Uuid::new_v4().to_string()) },
            at: Timestamp::now(),
            device: oid(&format!("{OURS}.0.7")),
            community: community(OURS),
            authority: Authority(oid(&format!("{OURS}.1"))),
            receiver_device: oid(&format!("{OURS}.0.1")),
            receiver: community(OURS),
            to: format!("https://127.0.0.1:{}{path}", self.portal),
        };
        let profile = PeerProfile {
            community: Some(community(THEIRS)),
            authorities: vec![theirs()],
            ..PeerProfile::default()
        };
        let security = self.security();
        let (payload, _) = T::write_request(request, &addressing, &profile);
        let framed =
            soap::frame_request(T::PACKAGING, T::REQUEST_ACTION, &addressing, Some(&security), payload);
        let body = match framed.body {
            FramedBody::Whole(bytes) => bytes,
            FramedBody::Stream(stream) => stream.try_collect::<Vec<_>>().await.unwrap().concat().into(),
        };
        Message { id: message.0, path, content_type: framed.content_type, body }
    }

    fn security(&self) -> String {
        let identity = Identity {
            person: Person { id: "d0001".to_owned(), name: "試験 医師".to_owned(), alias: None },
            organization: Organization { id: format!("{OURS}.20"), name: "試験診療所".to_owned() },
            roles: vec![Code::new("physician", "2.999.1.1", "医師")],
            purpose: Code::new(Purpose::Treatment.code(), "2.16.840.1.113883.3.18.7.1", ""),
            authenticated: Some(Timestamp::now()),
        };
        self.issuing.security(&identity, None, Uuid::new_v4(), Timestamp::now()).unwrap()
    }
}
