//! For this room's tests: the demo's policies, requesters, entries and rows of consent.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use time::Date;

use super::{Authorizer, ConsentBook, Consents, EmergencyIds, Policies};
use crate::model::{
    Authority, Availability, Code, CommunityId, Descriptor, DocumentEntry, DocumentId, Dtm, Encoded,
    Endpoint, EntryFields, EntryMetadata, Means, MessageId, ObjectId, Oid, Operation, Organization, Origin,
    PatientId, Person, Phi, Purpose, RepositoryId, RequestContext, RequestId, Requester, Role, Side,
    TargetName, Timestamp, Vouched, Voucher,
};
use crate::store::{ConsentRow, ConsentState, Terms};

pub const OKAYAMA: &str = "2.999.33";
pub const HIROSHIMA: &str = "2.999.34";
pub const FIRST: &str = "3310000001";
pub const SECOND: &str = "3310000002";

pub fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

pub fn community(text: &str) -> CommunityId {
    CommunityId(oid(text))
}

/// Our authority of network ids.
pub fn authority() -> Authority {
    Authority(oid("2.999.33.1"))
}

pub fn network_id(value: &str) -> PatientId {
    PatientId::new(authority(), value)
}

pub fn hospital_id(facility: &str, number: &str) -> PatientId {
    PatientId::new(Authority(oid(&format!("2.999.33.2.{facility}"))), number)
}

pub fn at(text: &str) -> Timestamp {
    Timestamp::from_xs_date_time(text).unwrap()
}

pub fn noon() -> Timestamp {
    at("2026-04-10T12:00:00+09:00")
}

pub fn day(text: &str) -> Date {
    let numbers: Vec<u16> = text.split('-').map(|part| part.parse().unwrap()).collect();
    let month = time::Month::try_from(u8::try_from(numbers[1]).unwrap()).unwrap();
    Date::from_calendar_date(i32::from(numbers[0]), month, u8::try_from(numbers[2]).unwrap()).unwrap()
}

pub fn listed(items: &[&str]) -> Terms {
    Terms::Listed(items.iter().map(|item| (*item).to_owned()).collect())
}

/// A grant of everything to everyone in Hiroshima, by person N1 with number 100 at the first
/// hospital.
pub fn row() -> ConsentRow {
    ConsentRow {
        network_id: Phi::new("N1".to_owned()),
        facility: FIRST.to_owned(),
        patient_no: Phi::new("100".to_owned()),
        community: community(HIROSHIMA),
        viewers: Terms::All,
        kinds: Terms::All,
        purposes: vec![Purpose::Treatment],
        state: ConsentState::Granted,
        valid_from: day("2026-01-01"),
        valid_until: None,
        form: "HR-1".to_owned(),
        evidence: "binder 1".to_owned(),
        entered_by: "clerk".to_owned(),
        card: None,
    }
}

pub fn context(side: Side, from: &str, role: &str, purpose: Purpose) -> RequestContext {
    RequestContext {
        beyond_budget: false,
        id: RequestId(1),
        side,
        transaction: "ITI-38",
        service: "/xca/query",
        requester: Requester {
            system: TargetName("asker".into()),
            community: community(from),
            vouched: Some(Vouched {
                organization: Organization { id: "2.999.34.7".to_owned(), name: "Hospital".to_owned() },
                person: Person { id: "p1".to_owned(), name: "Doctor".to_owned(), alias: None },
                roles: vec![Role(role.to_owned())],
                role_codes: Vec::new(),
                purpose,
                by: Voucher {
                    means: Means::Assertion,
                    issuer: "i".to_owned(),
                    id: Some("a".to_owned()),
                    authenticated: None,
                },
            }),
        },
        received: noon(),
        deadline: tokio::time::Instant::now(),
        message: MessageId("m".to_owned()),
        attempt: 1,
        endpoint: Endpoint {
            subject: String::new(),
            spki_sha256: String::new(),
            address: ([127, 0, 0, 1], 1).into(),
            local: ([127, 0, 0, 1], 2).into(),
        },
    }
}

/// A physician of Hiroshima asks for treatment.
pub fn physician() -> RequestContext {
    context(Side::Peer, HIROSHIMA, "physician", Purpose::Treatment)
}

/// An entry of a hospital of Okayama.
pub fn entry(facility: &str, number: &str, kind: &str) -> DocumentEntry {
    let mut entry = foreign_entry(OKAYAMA, "");
    entry.id.repository = RepositoryId(oid(&format!("2.999.33.3.{facility}")));
    entry.id.unique = Phi::new(format!("{facility}|{number}|{kind}"));
    entry.origin = Some(Box::new(Origin {
        facility: facility.to_owned(),
        department: "01".to_owned(),
        kind: kind.to_owned(),
        patient: hospital_id(facility, number),
        original: false,
        as_is: false,
    }));
    entry
}

/// An entry of a class as another community gives it.
pub fn foreign_entry(from: &str, class: &str) -> DocumentEntry {
    let code = |value: &str| Code::new(value, "2.999", "");
    DocumentEntry::new(
        EntryFields {
            id: DocumentId {
                community: community(from),
                repository: RepositoryId(oid(&format!("{from}.3"))),
                unique: Phi::new("1".to_owned()),
            },
            object: ObjectId(Phi::new("urn:uuid:1".to_owned())),
            patient: network_id("N1"),
            class: code(class),
            type_code: code(""),
            format: code(""),
            confidentiality: vec![code("N")],
            availability: Availability::Approved,
            media_type: "text/html".into(),
            hash: None,
            size: None,
            origin: None,
        },
        Encoded::Metadata(Arc::new(EntryMetadata {
            title: String::new(),
            creation: Dtm::parse("2026").unwrap(),
            service_start: None,
            service_stop: None,
            language: "ja-JP".to_owned(),
            source_patient: network_id("N1"),
            facility_type: Code::default(),
            practice_setting: Code::default(),
            event_codes: Vec::new(),
            authors: Vec::new(),
            references: Vec::new(),
        })),
    )
}

pub fn source(facility: &str) -> Descriptor {
    Descriptor {
        name: TargetName(format!("source-{facility}").into()),
        community: community(OKAYAMA),
        side: Side::Home,
        offers: BTreeSet::from(Operation::ALL),
        authorities: vec![hospital_id(facility, "").authority],
        repositories: vec![RepositoryId(oid(&format!("2.999.33.3.{facility}")))],
        facility: Some(facility.to_owned()),
        documents_may_differ: false,
    }
}

pub fn peer(of: &str) -> Descriptor {
    Descriptor {
        name: TargetName(format!("peer-{of}").into()),
        community: community(of),
        side: Side::Peer,
        offers: BTreeSet::from(Operation::ALL),
        authorities: vec![Authority(oid(&format!("{of}.1")))],
        repositories: Vec::new(),
        facility: None,
        documents_may_differ: false,
    }
}

/// The policies that ship with the demo.
pub fn demo_files() -> Vec<(String, String)> {
    [
        ("00-default.cedar", include_str!("../../policies/00-default.cedar")),
        ("10-okayama-hiroshima.cedar", include_str!("../../policies/10-okayama-hiroshima.cedar")),
        ("11-hiroshima-okayama.cedar", include_str!("../../policies/11-hiroshima-okayama.cedar")),
        ("home-hiroshima.cedar", include_str!("../../policies/home-hiroshima.cedar")),
        ("home-okayama.cedar", include_str!("../../policies/home-okayama.cedar")),
        ("schema.cedarschema", include_str!("../../policies/schema.cedarschema")),
    ]
    .map(|(name, text)| (name.to_owned(), text.to_owned()))
    .to_vec()
}

/// Okayama's authorizer with the demo's policies.
pub fn okayama(rows: Vec<ConsentRow>) -> Authorizer {
    static DEMO: LazyLock<Arc<Policies>> =
        LazyLock::new(|| Arc::new(Policies::of(community(OKAYAMA), &demo_files()).unwrap()));
    authorizer(Arc::clone(&DEMO), rows)
}

pub fn with_policies(files: &[(String, String)], rows: Vec<ConsentRow>) -> Authorizer {
    let policies = Policies::of(community(OKAYAMA), files).unwrap_or_else(|errors| panic!("{errors}"));
    authorizer(Arc::new(policies), rows)
}

pub fn authorizer(policies: Arc<Policies>, rows: Vec<ConsentRow>) -> Authorizer {
    let consents = Arc::new(Consents::of(ConsentBook::new(1, rows)));
    let emergencies = Arc::new(EmergencyIds::empty(authority()));
    Authorizer::new(community(OKAYAMA), authority(), policies, consents, emergencies)
}
