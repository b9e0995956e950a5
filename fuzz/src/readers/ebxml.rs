//! Queries, retrieves and their answers, as the endpoint and as `decode` read them.

use std::sync::LazyLock;

use kakehashi::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet, decode, metadata,
};
use kakehashi::dialect::soap::Envelope;
use kakehashi::dialect::{Addressing, Payload, Received, Reply, Sent, Transaction};
use kakehashi::model::{
    Answer, Authority, Availability, CommunityId, Criteria, DocumentEntry, DocumentId, DocumentQuery,
    DocumentRetrieve, Encoded, MessageId, Oid, PatientId, PeerProfile, Phi, QueryId, QueryKey,
    RegistryObject, RepositoryId, ReturnType, Timestamp,
};

fn bare(data: &[u8]) -> Option<Envelope> {
    std::str::from_utf8(data).ok().map(Envelope::bare)
}

fn oid(text: &str) -> Oid {
    Oid::parse(text).expect("an OID")
}

fn home() -> CommunityId {
    CommunityId(oid("2.999.34"))
}

fn addressing() -> Addressing {
    Addressing {
        message: MessageId("urn:uuid:1".to_owned()),
        query: QueryId { root: "2.999.33.9".to_owned(), extension: Some("1".to_owned()) },
        at: Timestamp::from_micros(1_775_000_000_000_000),
        device: oid("2.999.33.1"),
        community: home(),
        authority: Authority(oid("2.999.34.1")),
        receiver_device: oid("2.999.34.9"),
        receiver: home(),
        to: String::new(),
    }
}

fn sent() -> Sent {
    Sent {
        message: MessageId("urn:uuid:1".to_owned()),
        query: QueryId { root: "2.999.33.9".to_owned(), extension: Some("1".to_owned()) },
        home: home(),
        patient: Some(PatientId::new(Authority(oid("2.999.34.1")), "P-1")),
        documents: Vec::new(),
    }
}

/// ITI-38 and ITI-18 requests. What is taken is written so that it reads the same.
pub fn query_request(data: &[u8]) {
    let Some(envelope) = bare(data) else { return };
    let _ = decode(&envelope, None, None);
    asked(&envelope, &PeerProfile::default());
}

fn asked(envelope: &Envelope, profile: &PeerProfile) {
    let Ok(query) = CrossGatewayQuery::read_request(envelope, profile) else { return };
    let query = DocumentQuery { home: Some(query.home.clone().unwrap_or_else(home)), ..query };
    let strict = PeerProfile { send_home_on_patient_query: true, ..PeerProfile::default() };
    let (payload, _) = CrossGatewayQuery::write_request(&query, &addressing(), &strict);
    let again = CrossGatewayQuery::read_request(&Envelope::bare(&payload.xml), &strict)
        .unwrap_or_else(|refusal| panic!("our own request is refused: {refusal}\n{}", payload.xml));
    // Hints that go no further are left out on purpose.
    let mut expected = query;
    expected.criteria.other.retain(|slot| slot.name != "$targetCommunityIdList");
    assert!(again == expected, "a query changed by being written: {}", payload.xml);
}

static FIND_DOCUMENTS: LazyLock<Envelope> = LazyLock::new(find_documents);

fn find_documents() -> Envelope {
    let query = DocumentQuery {
        by: QueryKey::Patient(PatientId::new(Authority(oid("2.999.34.1")), "P-1")),
        home: None,
        criteria: Criteria { statuses: [Availability::Approved].into(), ..Criteria::default() },
        returns: ReturnType::LeafClass,
    };
    Envelope::bare(&CrossGatewayQuery::write_request(&query, &addressing(), &PeerProfile::default()).0.xml)
}

// All of an entry that has to be the same on the far side of being passed on.
fn said(entry: &DocumentEntry) -> String {
    assert!(matches!(entry.encoded, Encoded::Ebxml(_)), "a received entry lost its bytes");
    let view = metadata(entry).expect("bytes that were taken can be read");
    let id = &entry.id;
    format!(
        "{} {} {} {} {} {:?} {:?} {:?} {:?} {:?} {} {:?} {:?} {view:?}",
        id.community,
        id.repository.0,
        id.unique.reveal(),
        entry.object.0.reveal(),
        entry.patient.cx().reveal(),
        entry.class,
        entry.type_code,
        entry.format,
        entry.confidentiality,
        entry.availability,
        entry.media_type,
        entry.hash,
        entry.size,
    )
}

fn object_said(object: &RegistryObject) -> String {
    let rest = || {
        let wire = object.wire().expect("a received object lost its bytes");
        assert!(!wire.text.reveal().as_str().is_empty(), "a received object lost its bytes");
        let ids = (object.object().0.reveal(), object.unique().map(|unique| unique.reveal()));
        format!(
            "{} {ids:?} {:?}",
            object.community(),
            object.patient().map(|patient| patient.cx().reveal().clone())
        )
    };
    match object {
        RegistryObject::Association(a) => {
            format!("{} {} {} {}", rest(), a.kind, a.source.0.reveal(), a.target.0.reveal())
        }
        RegistryObject::Entry(entry) => said(entry),
        RegistryObject::Package(package) => {
            format!("{} {:?} {:?}", rest(), package.kind, package.availability)
        }
    }
}

fn entries(found: &[RegistryObject]) -> Vec<String> {
    found.iter().map(object_said).collect()
}

/// The answer to a query of ours. What is taken is passed on and taken again, the same in all it says.
pub fn query_answer(data: &[u8]) {
    let Some(envelope) = bare(data) else { return };
    let _ = decode(&envelope, None, None);
    let lenient =
        PeerProfile { fill_missing_home: true, fill_missing_status: true, ..PeerProfile::default() };
    let profile = if data.len().is_multiple_of(2) { PeerProfile::default() } else { lenient };
    let received = Received { envelope: envelope.clone(), parts: None };
    passed_on::<CrossGatewayQuery>(received, &profile);
}

fn passed_on<T>(received: Received, profile: &PeerProfile)
where
    T: Transaction<Request = DocumentQuery>,
{
    let Ok(answer) = T::read_answer(received, &sent(), profile) else { return };
    let before = entries(&answer.found);
    if before.is_empty() {
        return;
    }
    let passed = Answer::found(answer.found);
    let strict = PeerProfile::default();
    let reply = T::write_answer(&FIND_DOCUMENTS, &addressing(), &strict, Ok(passed));
    let Reply::Payload(Payload { xml, .. }) = reply else { panic!("an answer became a fault") };
    let received = Received { envelope: Envelope::bare(&xml), parts: None };
    let again = T::read_answer(received, &Sent { message: MessageId(String::new()), ..sent() }, &strict)
        .unwrap_or_else(|failure| panic!("our own answer cannot be read: {failure}\n{xml}"));
    assert!(entries(&again.found) == before, "an entry changed by being passed on: {xml}");
}

/// ITI-18 requests of a portal that may know no homes. What is taken is written so that it reads the same.
pub fn registry_query(data: &[u8]) {
    let Some(envelope) = bare(data) else { return };
    let profile =
        PeerProfile { accept_unquoted_params: data.len().is_multiple_of(2), ..PeerProfile::default() };
    let Ok(query) = RegistryStoredQuery::read_request(&envelope, &profile) else { return };
    let strict = PeerProfile { send_home_on_patient_query: true, ..PeerProfile::default() };
    let (payload, _) = RegistryStoredQuery::write_request(&query, &addressing(), &strict);
    let again = RegistryStoredQuery::read_request(&Envelope::bare(&payload.xml), &strict)
        .unwrap_or_else(|refusal| panic!("our own request is refused: {refusal}\n{}", payload.xml));
    let mut expected = query;
    expected.criteria.other.retain(|slot| slot.name != "$targetCommunityIdList");
    assert!(again == expected, "a query changed by being written: {}", payload.xml);
}

/// The answer of a registry, which need not say whose it is. What is taken is passed on to a portal and taken
/// again, the same in all it says.
pub fn registry_answer(data: &[u8]) {
    let Some(envelope) = bare(data) else { return };
    let lenient = PeerProfile { fill_missing_status: true, ..PeerProfile::default() };
    let profile = if data.len().is_multiple_of(2) { PeerProfile::default() } else { lenient };
    passed_on::<RegistryStoredQuery>(Received { envelope, parts: None }, &profile);
}

/// ITI-43 requests and answers, with homes and without.
pub fn document_set(data: &[u8]) {
    let Some(envelope) = bare(data) else { return };
    let profile = PeerProfile::default();
    if let Ok(asked) = RetrieveDocumentSet::read_request(&envelope, &profile) {
        let (payload, _) = RetrieveDocumentSet::write_request(&asked, &addressing(), &profile);
        let again = RetrieveDocumentSet::read_request(&Envelope::bare(&payload.xml), &profile);
        let again = again.unwrap_or_else(|refusal| panic!("our own request is refused: {refusal}"));
        assert!(again == asked, "a retrieve changed by being written: {}", payload.xml);
    }
    let id = DocumentId {
        community: home(),
        repository: RepositoryId(oid("2.999.34.9")),
        unique: Phi::new("2.25.1".to_owned()),
    };
    let sent = Sent { documents: vec![id.clone()], ..sent() };
    let read = RetrieveDocumentSet::read_answer(Received { envelope, parts: None }, &sent, &profile);
    if let Ok(answer) = read {
        assert!(answer.found.iter().all(|document| document.id == id), "a document that was not asked for");
    }
}

/// ITI-39 requests and answers.
pub fn retrieve(data: &[u8]) {
    let Some(envelope) = bare(data) else { return };
    let _ = decode(&envelope, None, Some(&|_| true));
    let profile = PeerProfile::default();
    if let Ok(asked) = CrossGatewayRetrieve::read_request(&envelope, &profile) {
        let (payload, sent) = CrossGatewayRetrieve::write_request(&asked, &addressing(), &profile);
        let again = CrossGatewayRetrieve::read_request(&Envelope::bare(&payload.xml), &profile);
        let again = again.unwrap_or_else(|refusal| panic!("our own request is refused: {refusal}"));
        assert!(again == DocumentRetrieve::of(sent.documents), "a retrieve changed: {}", payload.xml);
    }
    let received = Received { envelope, parts: None };
    let _ = CrossGatewayRetrieve::read_answer(received, &sent(), &PeerProfile::default());
}

/// The values of the slots of a stored query: the input is one value of each kind of parameter.
pub fn slot_values(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains(['<', '&']) || text.chars().any(char::is_control) {
        return;
    }
    for name in [
        "XDSDocumentEntryClassCode",
        "XDSDocumentEntryEventCodeList",
        "XDSDocumentEntryAuthorPerson",
        "XDSDocumentEntryStatus",
        "XDSDocumentEntryServiceStartTimeFrom",
        "XOther",
    ] {
        let request = format!(
            "<q:AdhocQueryRequest xmlns:q='urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0' \
             xmlns='urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'>\
             <q:ResponseOption returnType='LeafClass' returnComposedObjects='true'/>\
             <AdhocQuery id='urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d' home='urn:oid:2.999.33'>\
             <Slot name='$XDSDocumentEntryPatientId'><ValueList><Value>'P-1^^^&amp;2.999.33.1&amp;ISO'</Value>\
             </ValueList></Slot><Slot name='$XDSDocumentEntryStatus'><ValueList>\
             <Value>('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')</Value></ValueList></Slot>\
             <Slot name='${name}'><ValueList><Value>{text}</Value></ValueList></Slot>\
             </AdhocQuery></q:AdhocQueryRequest>"
        );
        let profile = PeerProfile { accept_unquoted_params: text.len() % 2 == 0, ..PeerProfile::default() };
        asked(&Envelope::bare(&request), &profile);
    }
}
