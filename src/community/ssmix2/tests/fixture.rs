//! A storage in a temporary folder, a source over it and requests to it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::TempDir;
use tokio::time::Instant;

use super::messages::{ORDER, message};
use crate::community::ssmix2::{Settings, Ssmix2};
use crate::dialect::hl7v2::{Unencodable, encode};
use crate::dialect::ssmix2::StandardKind;
use crate::model::{
    AssertionRef, Authority, Availability, Community, CommunityId, Criteria, Descriptor, DocumentEntry,
    DocumentQuery, Endpoint, FarEnd, Leg, MessageId, Oid, Operation, Organization, PatientId, Person,
    Purpose, QueryId, QueryKey, RegistryObject, RequestContext, RequestId, Requester, ReturnType, Role, Side,
    TargetName, Timestamp,
};

pub const FACILITY: &str = "3310000001";
pub const NUMBER: &str = "0000012345";
pub const DATE: &str = "20240712";

pub struct Storage {
    folder: TempDir,
}

impl Storage {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["standard", "extension", "transaction"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        Self { folder }
    }

    pub fn root(&self) -> PathBuf {
        self.folder.path().join("standard")
    }

    pub fn extension(&self) -> PathBuf {
        self.folder.path().join("extension")
    }

    pub fn settings(&self) -> Settings {
        let all: Vec<&str> = crate::dialect::ssmix2::KINDS.iter().map(|kind| kind.code).collect();
        let text = format!(
            r#"
            roots = [{:?}]
            extension = [{:?}]
            transaction = [{:?}]
            facility = "{FACILITY}"
            facility_name = "架橋病院"
            organization = "2.999.33.1"
            authority = "urn:oid:2.999.33.1.1"
            repository = "2.999.33.1.9"
            facility_type = {{ code = "HOSP", system = "2.999.5", display = "病院" }}
            kinds_on = {all:?}
            file_bytes_max = 200000
            "#,
            self.root(),
            self.extension(),
            self.folder.path().join("transaction"),
        );
        toml::from_str(&text).unwrap()
    }

    pub fn source(&self) -> Ssmix2 {
        self.source_with(self.settings())
    }

    pub fn source_with(&self, settings: Settings) -> Ssmix2 {
        let community = CommunityId(Oid::parse("2.999.33").unwrap());
        let descriptor = Descriptor {
            name: TargetName("hospital".into()),
            community: community.clone(),
            side: Side::Home,
            offers: BTreeSet::from([
                Operation::DocumentQuery,
                Operation::DocumentRetrieve,
                Operation::PatientDiscovery,
            ]),
            authorities: vec![settings.authority.clone()],
            repositories: vec![settings.repository.clone()],
            facility: Some(FACILITY.to_owned()),
            documents_may_differ: false,
        };
        Ssmix2::new(settings, community, [7; 16], descriptor)
    }

    /// Where a file of the standard storage belongs.
    pub fn path(&self, kind: &str, number: &str, sent_at: &str, flag: u8) -> PathBuf {
        let date = if StandardKind::find(kind).unwrap().is_dated() { DATE } else { "-" };
        let folder = self
            .root()
            .join(&number[..3])
            .join(number.get(3..6).unwrap_or("-"))
            .join(number)
            .join(date)
            .join(kind);
        folder.join(format!("{number}_{date}_{kind}_{ORDER}_{sent_at}_11_{flag}"))
    }

    /// Files a message of a kind.
    pub fn file(&self, kind: &str, number: &str, sent_at: &str, flag: u8) -> PathBuf {
        let path = self.path(kind, number, sent_at, flag);
        put(&path, &er7(&message(kind, number, "架橋")));
        path
    }

    /// A file in a content folder of the extension storage.
    pub fn extension_file(&self, kind: &str, sent_at: &str, flag: u8, name: &str, bytes: &[u8]) -> PathBuf {
        let folder = self.extension().join("000/001").join(NUMBER).join(DATE).join(kind);
        let path = folder.join(format!("{NUMBER}_{DATE}_{kind}_DS1_{sent_at}_11_{flag}")).join(name);
        put(&path, bytes);
        path
    }
}

/// Writes a file, its folders and a time of modification of its own in the past, so that the index
/// trusts its stamp.
pub fn put(path: &Path, bytes: &[u8]) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static SECONDS: AtomicU64 = AtomicU64::new(0);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
    let age = Duration::from_secs(1_000_000 - SECONDS.fetch_add(1, Ordering::Relaxed));
    std::fs::File::options().append(true).open(path).unwrap().set_modified(SystemTime::now() - age).unwrap();
}

pub fn er7(text: &str) -> Vec<u8> {
    encode(text, Unencodable::Geta).bytes
}

pub fn patient_id(number: &str) -> PatientId {
    PatientId::new(Authority(Oid::parse("2.999.33.1.1").unwrap()), number)
}

pub fn context() -> (RequestContext, Leg) {
    let at = Timestamp::from_micros(1_775_000_000_000_000);
    let address = "127.0.0.1:1".parse().unwrap();
    let community = CommunityId(Oid::parse("2.999.34").unwrap());
    let requester = Requester {
        system: TargetName("peer".into()),
        community,
        organization: Organization { id: "2.999.34.1".to_owned(), name: "病院".to_owned() },
        person: Person { id: "d1".to_owned(), name: "医師".to_owned(), alias: None },
        roles: vec![Role("physician".to_owned())],
        role_codes: Vec::new(),
        purpose: Purpose::Treatment,
        assertion: AssertionRef { issuer: "i".to_owned(), id: "a".to_owned(), authenticated: None },
    };
    let endpoint = Endpoint { subject: String::new(), spki_sha256: String::new(), address, local: address };
    let context = RequestContext {
        beyond_budget: false,
        id: RequestId(1),
        side: Side::Peer,
        transaction: "ITI-38",
        service: "/xca/query",
        requester,
        received: at,
        deadline: Instant::now() + Duration::from_secs(60),
        message: MessageId("m".to_owned()),
        attempt: 1,
        endpoint,
    };
    let query = QueryId { root: "2.999".to_owned(), extension: None };
    (context, Leg { message: MessageId("l".to_owned()), query, at, far_end: FarEnd::default() })
}

/// FindDocuments.
pub fn find(number: &str, criteria: Criteria) -> DocumentQuery {
    let by = QueryKey::Patient(patient_id(number));
    DocumentQuery { by, home: None, criteria, returns: ReturnType::LeafClass }
}

pub fn approved() -> Criteria {
    Criteria { statuses: BTreeSet::from([Availability::Approved]), ..Criteria::default() }
}

pub fn any_status() -> Criteria {
    Criteria {
        statuses: BTreeSet::from([Availability::Approved, Availability::Deprecated]),
        ..Criteria::default()
    }
}

pub async fn ask(source: &Ssmix2, query: &DocumentQuery) -> Vec<DocumentEntry> {
    let (context, leg) = context();
    let answer = source.document_query(&context, &leg, query).await.unwrap();
    assert_eq!(answer.answered, 1);
    let entry = |object| match object {
        RegistryObject::Entry(entry) => entry,
        other => panic!("only entries are wanted: {other:?}"),
    };
    answer.found.into_iter().map(entry).collect()
}

/// The originals and renditions of a patient, as `kind form status`, sorted.
pub async fn shown(source: &Ssmix2, number: &str) -> Vec<String> {
    let entries = ask(source, &find(number, any_status())).await;
    let mut words: Vec<String> = entries
        .iter()
        .map(|entry| {
            let form = if entry.media_type == "text/html" { "html" } else { "original" };
            format!("{} {form} {:?}", entry.origin.as_ref().unwrap().kind, entry.availability)
        })
        .collect();
    words.sort();
    words
}
