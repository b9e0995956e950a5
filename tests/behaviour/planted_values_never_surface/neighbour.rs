//! A neighbour who puts values of patients wherever a message has room for words.

use bytes::Bytes;
use http::Response;
use http_body_util::{BodyExt, Full};
use kakehashi::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use kakehashi::dialect::hl7v3::{
    CrossGatewayPatientDiscovery, DuplicatesResolved, PdqCancellation, PdqContinuation, PdqQuery, PixQuery,
    RecordAdded, RecordRevised,
};
use kakehashi::model::{
    Answer, Availability, CommunityId, FoundPatient, PackageKind, PatientMatch, Refusal, RegistryObject,
};

use super::values::Planted;
use crate::simulators::client::{oid, patient};
use crate::simulators::gateway::{Arrived, Body, document, entry};
use crate::simulators::network::HIROSHIMA;
use crate::simulators::registry::Holdings;

/// How many ways it has.
pub const WAYS: usize = 16;

fn plain(status: u16, content_type: &str, text: String) -> Response<Body> {
    let body = Full::new(Bytes::from(text)).map_err(|never| match never {}).boxed_unsync();
    let content_type = http::HeaderValue::from_bytes(content_type.as_bytes()).unwrap();
    Response::builder().status(status).header("content-type", content_type).body(body).unwrap()
}

const SOAP: &str = "application/soap+xml; charset=UTF-8";

fn fault(code: &str, subcode: &str, reason: &str, detail: &str) -> Response<Body> {
    let text = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\"><s:Body><s:Fault><s:Code>\
         <s:Value>{code}</s:Value><s:Subcode><s:Value>{subcode}</s:Value></s:Subcode></s:Code><s:Reason>\
         <s:Text xml:lang=\"ja\">{reason}</s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault>\
         </s:Body></s:Envelope>"
    );
    plain(500, SOAP, text)
}

/// Answers in this way, with this person's values.
pub async fn answer(arrived: Arrived, way: usize, of: Planted) -> Response<Body> {
    let (family, title, line) = (of.who.family, of.title, of.line());
    match way % WAYS {
        0 => fault("s:Sender", &format!("s:{}", of.romaji), &line, &line),
        1 => fault(&format!("s:{family}"), family, &line, &format!("<{family}>{title}</{family}>")),
        2 => plain(502, "text/html", format!("<html><title>{line}</title></html>")),
        3 => plain(200, SOAP, format!("<s:Envelope {family}=\"{title}\"><{family}>{line}")),
        4 => plain(200, &format!("multipart/related; boundary={}; start={}", of.romaji, of.number), line),
        5 => plain(404, of.romaji, line),
        6 => plain(301, "text/plain", line),
        7 => std::future::pending().await,
        8 => plain(200, "application/json", format!("{{\"{}\":\"{line}\"}}", of.number)),
        9 | 10 => truthful(&arrived, &of, |text| bent(&text, &of, way)),
        11 => truthful(&arrived, &of, |text| text[..text.len() * 2 / 3].to_owned()),
        12 => plain(200, &format!("{SOAP}; action=\"{}\"", of.romaji), line),
        13 => truthful(&arrived, &of, |text| text.replacen("RelatesTo>", &format!("RelatesTo>{line}"), 1)),
        14 => fault("s:Receiver", "wsse:FailedAuthentication", &line, ""),
        _ => truthful(&arrived, &of, |text| text),
    }
}

/// Words for ids, codes, dates and statuses that the answer has.
fn bent(text: &str, of: &Planted, way: usize) -> String {
    let line = of.line();
    if way % WAYS == 9 {
        text.replace("2.999.34.20.9", of.number)
            .replace("19", of.who.family)
            .replace("ResponseStatusType:", &line)
    } else {
        text.replace("urn:oasis", of.romaji)
            .replace("code=\"", &format!("code=\"{line}"))
            .replace("root=\"", &format!("root=\"{line}"))
    }
}

fn truthful(arrived: &Arrived, of: &Planted, bend: impl FnOnce(String) -> String) -> Response<Body> {
    let who = patient("2.999.34.1", of.network_id);
    match arrived.path.as_str() {
        "/pix" | "/pdq" | "/feed" => manager(arrived, of, bend),
        "/registry" | "/repository" => registry(arrived, of, bend),
        "/xcpd" => {
            let found = FoundPatient {
                community: CommunityId(oid("2.999.34")),
                id: who,
                demographics: Some(of.demographics().into()),
                confidence: 95,
                also: Vec::new(),
            };
            let answer = Ok(Answer::found(vec![PatientMatch::Found(found)]));
            arrived.answer_bent::<CrossGatewayPatientDiscovery>(answer, bend)
        }
        "/xca/query" => {
            let mut one = entry(HIROSHIMA, who, &format!("2.999.34.7.{}", of.number));
            if let kakehashi::model::Encoded::Metadata(metadata) = &mut one.encoded {
                std::sync::Arc::make_mut(metadata).title = of.title.to_owned();
            }
            arrived
                .answer_bent::<CrossGatewayQuery>(Ok(Answer::found(vec![RegistryObject::Entry(one)])), bend)
        }
        _ => {
            let asked = arrived.request::<CrossGatewayRetrieve>().documents;
            if asked.len() > 1 {
                return arrived.answer_bent::<CrossGatewayRetrieve>(Err(Refusal::Internal(of.line())), bend);
            }
            let found = asked.iter().map(|id| document(id, of.body)).collect();
            arrived.answer_bent::<CrossGatewayRetrieve>(Ok(Answer::found(found)), bend)
        }
    }
}

/// By which a person's one document is told from the others'.
pub fn document_number(of: &Planted) -> u32 {
    of.network_id.trim_start_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
}

/// The authority whose ids this place gives out.
pub fn authority(arrived: &Arrived) -> &'static str {
    if arrived.place.community == HIROSHIMA.community { "2.999.34.1" } else { "2.999.33.24.1" }
}

// What a manager of patients says of them, or acknowledges.
fn manager(arrived: &Arrived, of: &Planted, bend: impl FnOnce(String) -> String) -> Response<Body> {
    let found = FoundPatient {
        community: CommunityId(oid(arrived.place.community)),
        id: patient(authority(arrived), of.number),
        demographics: Some(of.demographics().into()),
        confidence: 95,
        also: vec![patient("2.999.77.1", of.insurance)],
    };
    let persons = || Ok(Answer::found(vec![PatientMatch::Found(found.clone())]));
    let taken = || Ok(Answer { answered: 1, ..Answer::default() });
    let text = &arrived.envelope;
    if arrived.path == "/pix" {
        // At home both ids are one person's.
        let own = FoundPatient { id: patient("2.999.33.1", of.network_id), ..found.clone() };
        return arrived.answer_bent::<PixQuery>(Ok(Answer::found(vec![found, own])), bend);
    }
    match text {
        text if text.contains("PRPA_IN201301UV02") => arrived.answer_bent::<RecordAdded>(taken(), bend),
        text if text.contains("PRPA_IN201302UV02") => arrived.answer_bent::<RecordRevised>(taken(), bend),
        text if text.contains("PRPA_IN201304UV02") => {
            arrived.answer_bent::<DuplicatesResolved>(taken(), bend)
        }
        text if text.contains("UV01_Cancel") => {
            arrived.answer_bent::<PdqCancellation>(Ok(Answer::default()), bend)
        }
        text if text.contains("QUQI_IN000003UV01") => arrived.answer_bent::<PdqContinuation>(persons(), bend),
        _ => arrived.answer_bent::<PdqQuery>(persons(), bend),
    }
}

// What a registry and its repository hold of a person: a document, and a folder it lies in.
fn registry(arrived: &Arrived, of: &Planted, bend: impl FnOnce(String) -> String) -> Response<Body> {
    let place = arrived.place;
    if arrived.path == "/registry" {
        let (query, own) = (arrived.request::<RegistryStoredQuery>(), document_number(of));
        let holdings = Holdings::new(place, patient(authority(arrived), of.number))
            .document(own, "処方・調剤・注射", Availability::Approved)
            .package(11, PackageKind::Folder, of.title)
            .package(21, PackageKind::SubmissionSet, of.title)
            .member(31, 11, own)
            .member(32, 21, own);
        return arrived.answer_bent::<RegistryStoredQuery>(Ok(Answer::found(holdings.found(&query))), bend);
    }
    let asked = arrived.request::<RetrieveDocumentSet>().homeless;
    if asked.len() > 1 {
        return arrived.answer_bent::<RetrieveDocumentSet>(Err(Refusal::Internal(of.line())), bend);
    }
    let home = CommunityId(oid(place.community));
    let found = asked.iter().map(|one| document(&one.at(&home), of.body)).collect();
    arrived.answer_bent::<RetrieveDocumentSet>(Ok(Answer::found(found)), bend)
}
