//! Synthetic people, entries and messages of realistic size.

use std::collections::BTreeSet;
use std::sync::Arc;

use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::dialect::soap::Envelope;
use kakehashi::dialect::{Addressing, Sent, Transaction};
use kakehashi::model::{
    Address, Author, Authority, Availability, Code, CommunityId, Criteria, Demographics, DocumentEntry,
    DocumentId, DocumentQuery, Dtm, Encoded, Endpoint, EntryFields, EntryMetadata, Means, MessageId,
    NameScript, ObjectId, Oid, Organization, Origin, PartialDate, PatientId, PeerProfile, Person, PersonName,
    Phi, Purpose, QueryId, QueryKey, RepositoryId, RequestContext, RequestId, Requester, ReturnType, Role,
    Sex, Side, TargetName, Timestamp, Vouched, Voucher,
};

pub fn oid(text: &str) -> Oid {
    Oid::parse(text).unwrap()
}

pub fn community(text: &str) -> CommunityId {
    CommunityId(oid(text))
}

pub fn patient() -> PatientId {
    PatientId::new(Authority(oid("2.999.33.1")), "N1")
}

fn now() -> Timestamp {
    Timestamp::from_xs_date_time("2026-04-10T12:00:00+09:00").unwrap()
}

/// As seen by the community that writes.
pub fn addressing(from: &str, to: &str) -> Addressing {
    Addressing {
        message: MessageId("urn:uuid:0d2e7c6a-3a52-4e5e-9f5c-1f4ce07d0001".to_owned()),
        query: QueryId { root: format!("{from}.0.1"), extension: Some("1".to_owned()) },
        at: now(),
        device: oid(&format!("{from}.0.1")),
        community: community(from),
        authority: Authority(oid(&format!("{from}.1"))),
        receiver_device: oid(&format!("{to}.0.1")),
        receiver: community(to),
        to: "https://broker.example/xca/query".to_owned(),
    }
}

/// Hiroshima (2.999.34) asks Okayama (2.999.33): the request and what is needed to read its answer.
pub fn query_sent() -> (Envelope, Sent) {
    let query = DocumentQuery {
        by: QueryKey::Patient(patient()),
        home: Some(community("2.999.33")),
        criteria: Criteria { statuses: BTreeSet::from([Availability::Approved]), ..Criteria::default() },
        returns: ReturnType::LeafClass,
    };
    let asking = addressing("2.999.34", "2.999.33");
    let (payload, sent) = CrossGatewayQuery::write_request(&query, &asking, &PeerProfile::default());
    (Envelope::bare(&payload.xml), sent)
}

pub fn entry(number: usize) -> DocumentEntry {
    let kinds = ["OML-11", "OMP-01", "PPR-01", "ADT-61", "ADT-00", "OMG-01"];
    let code = |value: &str, display: &str| Code::new(value, "2.999.1.2", display);
    DocumentEntry::new(
        EntryFields {
            id: DocumentId {
                community: community("2.999.33"),
                repository: RepositoryId(oid("2.999.33.20.9")),
                unique: Phi::new(format!("2.25.{}", 310_000_000_000_000 + number)),
            },
            object: ObjectId(Phi::new(format!("urn:uuid:0d2e7c6a-3a52-4e5e-9f5c-{number:012}"))),
            patient: patient(),
            class: code("検体検査", "検体検査"),
            type_code: code("11502-2", "検体検査結果"),
            format: code("urn:jami:ssmix2:oml-11:html", "検体検査結果 (表示用)"),
            confidentiality: vec![Code::new("N", "2.16.840.1.113883.5.25", "normal")],
            availability: Availability::Approved,
            media_type: "text/html".into(),
            hash: Some("da39a3ee5e6b4b0d3255bfef95601890afd80709".into()),
            size: Some(14_220),
            origin: Some(Box::new(Origin {
                facility: "3310000001".to_owned(),
                department: "01".to_owned(),
                kind: kinds[number % kinds.len()].to_owned(),
                patient: PatientId::new(Authority(oid("2.999.33.20")), "100"),
                original: false,
                as_is: false,
            })),
        },
        Encoded::Metadata(Arc::new(EntryMetadata {
            title: format!("検体検査結果 {number}"),
            creation: Dtm::parse("20260401091500").unwrap(),
            service_start: Dtm::parse("20260401080000"),
            service_stop: Dtm::parse("20260401091500"),
            language: "ja-JP".to_owned(),
            source_patient: patient(),
            facility_type: code("HOSP", "病院"),
            practice_setting: code("01", "内科"),
            event_codes: vec![code("3B035000002327201", "AST"), code("3B045000002327201", "ALT")],
            authors: vec![Author {
                institution: "岡山架橋大学病院^^^^^&2.999.33.20&ISO^^^^3310000001".to_owned(),
                specialty: "内科".to_owned(),
                ..Author::default()
            }],
            references: Vec::new(),
        })),
    )
}

const FAMILIES: [(&str, &str); 5] = [
    ("山田", "ヤマダ"),
    ("佐藤", "サトウ"),
    ("髙橋", "タカハシ"),
    ("渡邉", "ワタナベ"),
    ("齋藤", "サイトウ"),
];
const GIVENS: [(&str, &str); 5] =
    [("花子", "ハナコ"), ("一郎", "イチロウ"), ("美咲", "ミサキ"), ("健", "ケン"), ("由美子", "ユミコ")];

/// One of many people; one in ten is the one before.
pub fn person(number: usize) -> Demographics {
    let seed = if number % 10 == 9 { number - 1 } else { number };
    let (family, given) = (FAMILIES[seed % 5], GIVENS[seed / 5 % 5]);
    let name = |script, family: &str, given: &str| PersonName {
        script: Some(script),
        family: family.to_owned(),
        given: given.to_owned(),
    };
    let part = |modulus: usize| u8::try_from(seed % modulus + 1).unwrap();
    Demographics {
        names: vec![
            name(NameScript::Ideographic, family.0, given.0),
            name(NameScript::Syllabic, family.1, given.1),
        ],
        birth: PartialDate::day(1940 + u16::try_from(seed % 60).unwrap(), part(12), part(28)),
        sex: Some(if seed % 2 == 0 { Sex::Female } else { Sex::Male }),
        addresses: vec![Address {
            postal_code: format!("700{:04}", seed % 10_000),
            text: format!("岡山県岡山市北区架橋町{}丁目{}番{}号", seed % 9 + 1, seed % 30 + 1, seed % 20 + 1),
        }],
        phones: vec![format!("086200{:04}", seed % 10_000)],
        ..Demographics::default()
    }
}

/// A physician of Hiroshima asks for treatment.
pub fn context() -> RequestContext {
    RequestContext {
        beyond_budget: false,
        id: RequestId(1),
        side: Side::Peer,
        transaction: "ITI-38",
        service: "/xca/query",
        requester: Requester {
            system: TargetName("hiroshima-hmnet".into()),
            community: community("2.999.34"),
            vouched: Some(Vouched {
                organization: Organization { id: "2.999.34.7".to_owned(), name: "広島".to_owned() },
                person: Person { id: "p1".to_owned(), name: "試験 医師".to_owned(), alias: None },
                roles: vec![Role("physician".to_owned())],
                role_codes: Vec::new(),
                purpose: Purpose::Treatment,
                by: Voucher {
                    means: Means::Assertion,
                    issuer: "i".to_owned(),
                    id: Some("a".to_owned()),
                    authenticated: None,
                },
            }),
        },
        received: now(),
        deadline: tokio::time::Instant::now() + std::time::Duration::from_secs(3600),
        message: MessageId("m".to_owned()),
        attempt: 1,
        endpoint: Endpoint {
            subject: "CN=gateway".to_owned(),
            spki_sha256: String::new(),
            address: ([127, 0, 0, 1], 1).into(),
            local: ([127, 0, 0, 1], 2).into(),
        },
    }
}
