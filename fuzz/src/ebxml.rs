//! Queries, retrieves and their answers, as the endpoint and as `decode` read them.

use kakehashi::dialect::ebxml::{CrossGatewayQuery, CrossGatewayRetrieve, decode, metadata};
use kakehashi::dialect::soap::Envelope;
use kakehashi::dialect::{Received, Sent, Transaction};
use kakehashi::model::{
    Authority, CommunityId, Encoded, MessageId, Oid, PatientId, PeerProfile, QueryId, RegistryObject,
};

fn bare(data: &[u8]) -> Option<Envelope> {
    std::str::from_utf8(data).ok().map(Envelope::bare)
}

fn oid(text: &str) -> Oid {
    Oid::parse(text).expect("an OID")
}

fn sent() -> Sent {
    Sent {
        message: MessageId("urn:uuid:1".to_owned()),
        query: QueryId { root: "2.999.33.9".to_owned(), extension: Some("1".to_owned()) },
        home: CommunityId(oid("2.999.34")),
        patient: Some(PatientId::new(Authority(oid("2.999.34.1")), "P-1")),
        documents: Vec::new(),
    }
}

/// ITI-38 and ITI-18 requests.
pub fn query_request(data: &[u8]) {
    let Some(envelope) = bare(data) else { return };
    let _ = CrossGatewayQuery::read_request(&envelope, &PeerProfile::default());
    let _ = decode(&envelope, None, None);
}

/// The answer to a query of ours; entries that are kept give up their metadata.
pub fn query_answer(data: &[u8]) {
    let Some(envelope) = bare(data) else { return };
    let _ = decode(&envelope, None, None);
    let received = Received { envelope, parts: None };
    let Ok(answer) = CrossGatewayQuery::read_answer(received, &sent(), &PeerProfile::default()) else {
        return;
    };
    for object in answer.found {
        if let RegistryObject::Entry(entry) = object
            && let Encoded::Ebxml(_) = &entry.encoded
        {
            let _ = metadata(&entry);
        }
    }
}

/// ITI-39 requests and answers.
pub fn retrieve(data: &[u8]) {
    let Some(envelope) = bare(data) else { return };
    let _ = CrossGatewayRetrieve::read_request(&envelope, &PeerProfile::default());
    let _ = decode(&envelope, None, Some(&|_| true));
    let received = Received { envelope, parts: None };
    let _ = CrossGatewayRetrieve::read_answer(received, &sent(), &PeerProfile::default());
}

/// The values of the slots of a stored query: the input is one value of each kind of parameter.
pub fn slot_values(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.contains(['<', '&']) || text.chars().any(char::is_control) {
        return;
    }
    for name in
        ["XDSDocumentEntryClassCode", "XDSDocumentEntryStatus", "XDSDocumentEntryServiceStartTimeFrom"]
    {
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
        let _ = CrossGatewayQuery::read_request(&Envelope::bare(&request), &profile);
    }
}
