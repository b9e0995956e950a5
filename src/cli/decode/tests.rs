use serde_json::Value;

use super::recognise;
use super::report::Marks;

mod audit_messages;
mod contract;
mod corpus;
mod deviations;
mod hidden;
mod hostile;
mod page;
mod within_home;

const KEYS: [&str; 9] =
    ["file", "verdict", "kind", "status", "found", "errors", "warnings", "refusal", "message"];

/// The line of an input, parsed; its keys are checked on the way.
fn line(path: Option<&str>, bytes: &[u8], declared: Option<&str>, reveal: bool) -> (String, Value) {
    let marks = Marks::new(reveal);
    let report = recognise::decode(path.map(str::as_bytes), bytes.to_vec(), declared, marks);
    let line = report.line(path.unwrap_or("-"), marks);
    assert!(!line.contains('\n'));
    let value: Value = serde_json::from_str(&line).unwrap();
    let places: Vec<_> = KEYS.map(|key| line.find(&format!("\"{key}\":"))).into_iter().collect();
    assert!(value.as_object().unwrap().len() == 9 && places.iter().all(Option::is_some), "{line}");
    (line, value)
}

fn decoded(text: &str) -> Value {
    line(None, text.as_bytes(), None, false).1
}

fn decoded_as(text: &str, kind: &str) -> Value {
    line(None, text.as_bytes(), Some(kind), false).1
}

fn codes(value: &Value) -> Vec<&str> {
    let warnings = value["warnings"].as_array().unwrap();
    warnings.iter().map(|warning| warning["code"].as_str().unwrap()).collect()
}

fn refusal(value: &Value) -> &str {
    value["refusal"]["code"].as_str().unwrap_or_default()
}

/// An envelope around a body, with these header blocks.
fn envelope(header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope' \
         xmlns:a='http://www.w3.org/2005/08/addressing'><s:Header>{header}</s:Header>\
         <s:Body>{body}</s:Body></s:Envelope>"
    )
}

/// The blocks of a request as wire.md 3.1 wants them.
fn addressing(action: &str) -> String {
    format!(
        "<a:Action s:mustUnderstand='1'>{action}</a:Action>\
         <a:MessageID>urn:uuid:0b1f3f0e-6f0a-4f0e-9d0a-3f1c2b4d5e6f</a:MessageID>\
         <a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>"
    )
}

const RETRIEVE: &str = "<RetrieveDocumentSetRequest xmlns='urn:ihe:iti:xds-b:2007'><DocumentRequest>\
    <HomeCommunityId>urn:oid:2.999.34</HomeCommunityId><RepositoryUniqueId>2.999.34.1</RepositoryUniqueId>\
    <DocumentUniqueId>2.999.34.1.7</DocumentUniqueId></DocumentRequest></RetrieveDocumentSetRequest>";
const RETRIEVE_ACTION: &str = "urn:ihe:iti:2007:CrossGatewayRetrieve";
const SUCCESS: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success";
const FAILURE: &str = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure";

/// An AdhocQueryRequest with a stored query's UUID, attributes and slots (name, value).
fn query(uuid: &str, attributes: &str, slots: &[(&str, &str)]) -> String {
    let slots: String = slots
        .iter()
        .map(|(name, value)| {
            format!("<r:Slot name='{name}'><r:ValueList><r:Value>{value}</r:Value></r:ValueList></r:Slot>")
        })
        .collect();
    format!(
        "<q:AdhocQueryRequest xmlns:q='urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0' \
         xmlns:r='urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0'><q:ResponseOption returnType='LeafClass' \
         returnComposedObjects='true'/><r:AdhocQuery id='urn:uuid:{uuid}' {attributes}>{slots}</r:AdhocQuery>\
         </q:AdhocQueryRequest>"
    )
}

const FIND_DOCUMENTS: &str = "14d4debf-8f97-4251-9a74-a90016b0af0d";
const GET_DOCUMENTS: &str = "5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4";
const APPROVED: (&str, &str) =
    ("$XDSDocumentEntryStatus", "('urn:oasis:names:tc:ebxml-regrep:StatusType:Approved')");

/// A retrieve answer with this status, RegistryResponse content and DocumentResponses' content.
fn retrieved(status: &str, errors: &str, documents: &[&str]) -> String {
    let documents: String = documents
        .iter()
        .map(|document| {
            format!(
                "<DocumentResponse><HomeCommunityId>urn:oid:2.999.34</HomeCommunityId>\
                 <RepositoryUniqueId>2.999.34.1</RepositoryUniqueId><DocumentUniqueId>2.999.34.1.7\
                 </DocumentUniqueId><mimeType>text/xml</mimeType><Document>{document}</Document></DocumentResponse>"
            )
        })
        .collect();
    format!(
        "<RetrieveDocumentSetResponse xmlns='urn:ihe:iti:xds-b:2007'><rs:RegistryResponse \
         xmlns:rs='urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0' status='{status}'>{errors}</rs:RegistryResponse>\
         {documents}</RetrieveDocumentSetResponse>"
    )
}
