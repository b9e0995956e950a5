//! Which transaction and half a message is (wire.md 3.3): told by its action and body root, else by
//! what the caller declares, else by the root where it fits one transaction only.

use super::scan::Place;

/// A half of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// As `kind` prints it.
    pub(super) name: &'static str,
    ns: &'static str,
    root: &'static str,
    actions: &'static [&'static str],
}

impl Kind {
    fn fits(&self, payload: &Place) -> bool {
        self.root == payload.local && self.ns == payload.ns
    }
}

/// How an action and a body root go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The action is another transaction's than the body.
    Mismatch,
    /// No transaction has this action.
    UnknownAction,
    /// It fits, or there is no action.
    Well,
}

const QUERY: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:query:3.0";
const RS: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0";
const LCM: &str = "urn:oasis:names:tc:ebxml-regrep:xsd:lcm:3.0";
const XDSB: &str = "urn:ihe:iti:xds-b:2007";
const XDSI: &str = "urn:ihe:rad:xdsi-b:2009";
const XCPD: &str = "urn:ihe:iti:xcpd:2009";
const HL7: &str = "urn:hl7-org:v3";
const DSML: &str = "urn:oasis:names:tc:DSML:2:0:core";
const ACK: &[&str] = &["urn:hl7-org:v3:MCCI_IN000002UV01"];

const fn kind(
    name: &'static str,
    ns: &'static str,
    root: &'static str,
    actions: &'static [&'static str],
) -> Kind {
    Kind { name, ns, root, actions }
}

/// Of rows that share action and root, the first is the one taken when nothing tells more.
#[rustfmt::skip]
pub(super) const KINDS: &[Kind] = &[
    kind("ITI-18 request", QUERY, "AdhocQueryRequest", &["urn:ihe:iti:2007:RegistryStoredQuery"]),
    kind("ITI-18 response", QUERY, "AdhocQueryResponse", &["urn:ihe:iti:2007:RegistryStoredQueryResponse", "urn:ihe:iti:2019:RegistryStoredQueryDeferredResults"]),
    kind("ITI-18 response", RS, "RegistryResponse", &["urn:ihe:iti:2019:RegistryStoredQueryDeferredResultsAcknowledgement"]),
    kind("ITI-38 request", QUERY, "AdhocQueryRequest", &["urn:ihe:iti:2007:CrossGatewayQuery"]),
    kind("ITI-38 response", QUERY, "AdhocQueryResponse", &["urn:ihe:iti:2007:CrossGatewayQueryResponse", "urn:ihe:iti:2019:CrossGatewayQueryDeferredResults"]),
    kind("ITI-38 response", RS, "RegistryResponse", &["urn:ihe:iti:2019:CrossGatewayQueryDeferredResultsAcknowledgement"]),
    kind("ITI-39 request", XDSB, "RetrieveDocumentSetRequest", &["urn:ihe:iti:2007:CrossGatewayRetrieve"]),
    kind("ITI-39 response", XDSB, "RetrieveDocumentSetResponse", &["urn:ihe:iti:2007:CrossGatewayRetrieveResponse", "urn:ihe:iti:2019:CrossGatewayRetrieveDeferredResults"]),
    kind("ITI-39 response", RS, "RegistryResponse", &["urn:ihe:iti:2019:CrossGatewayRetrieveDeferredResultsAcknowledgement"]),
    kind("ITI-41 request", XDSB, "ProvideAndRegisterDocumentSetRequest", &["urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-b"]),
    kind("ITI-41 response", RS, "RegistryResponse", &["urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse"]),
    kind("ITI-42 request", LCM, "SubmitObjectsRequest", &["urn:ihe:iti:2007:RegisterDocumentSet-b"]),
    kind("ITI-42 response", RS, "RegistryResponse", &["urn:ihe:iti:2007:RegisterDocumentSet-bResponse"]),
    kind("ITI-43 request", XDSB, "RetrieveDocumentSetRequest", &["urn:ihe:iti:2007:RetrieveDocumentSet"]),
    kind("ITI-43 response", XDSB, "RetrieveDocumentSetResponse", &["urn:ihe:iti:2007:RetrieveDocumentSetResponse", "urn:ihe:iti:2019:RetrieveDocumentSetDeferredResults"]),
    kind("ITI-43 response", RS, "RegistryResponse", &["urn:ihe:iti:2019:RetrieveDocumentSetDeferredResultsAcknowledgement"]),
    kind("ITI-44 request", HL7, "PRPA_IN201301UV02", &["urn:hl7-org:v3:PRPA_IN201301UV02"]),
    kind("ITI-44 request", HL7, "PRPA_IN201302UV02", &["urn:hl7-org:v3:PRPA_IN201302UV02"]),
    kind("ITI-44 request", HL7, "PRPA_IN201304UV02", &["urn:hl7-org:v3:PRPA_IN201304UV02"]),
    kind("ITI-44 response", HL7, "MCCI_IN000002UV01", ACK),
    kind("ITI-45 request", HL7, "PRPA_IN201309UV02", &["urn:hl7-org:v3:PRPA_IN201309UV02"]),
    kind("ITI-45 response", HL7, "PRPA_IN201310UV02", &["urn:hl7-org:v3:PRPA_IN201310UV02"]),
    kind("ITI-46 request", HL7, "PRPA_IN201302UV02", &["urn:hl7-org:v3:PRPA_IN201302UV02"]),
    kind("ITI-46 response", HL7, "MCCI_IN000002UV01", ACK),
    kind("ITI-47 request", HL7, "PRPA_IN201305UV02", &["urn:hl7-org:v3:PRPA_IN201305UV02"]),
    kind("ITI-47 request", HL7, "QUQI_IN000003UV01", &["urn:hl7-org:v3:QUQI_IN000003UV01_Continue", "urn:hl7-org:v3:QUQI_IN000003UV01_Cancel"]),
    kind("ITI-47 request", HL7, "QUQI_IN000003UV01_Cancel", &["urn:hl7-org:v3:QUQI_IN000003UV01_Cancel"]),
    kind("ITI-47 response", HL7, "PRPA_IN201306UV02", &["urn:hl7-org:v3:PRPA_IN201306UV02"]),
    kind("ITI-47 response", HL7, "MCCI_IN000002UV01", ACK),
    kind("ITI-51 request", QUERY, "AdhocQueryRequest", &["urn:ihe:iti:2009:MultiPatientStoredQuery"]),
    kind("ITI-51 response", QUERY, "AdhocQueryResponse", &["urn:ihe:iti:2009:MultiPatientStoredQueryResponse"]),
    kind("ITI-55 request", HL7, "PRPA_IN201305UV02", &["urn:hl7-org:v3:PRPA_IN201305UV02:CrossGatewayPatientDiscovery", "urn:hl7-org:v3:PRPA_IN201305UV02:Deferred:CrossGatewayPatientDiscovery"]),
    kind("ITI-55 request", HL7, "PRPA_IN201303UV02", &["urn:hl7-org:v3:PRPA_IN201303UV02"]),
    kind("ITI-55 response", HL7, "PRPA_IN201306UV02", &["urn:hl7-org:v3:PRPA_IN201306UV02:CrossGatewayPatientDiscovery", "urn:hl7-org:v3:PRPA_IN201306UV02:Deferred:CrossGatewayPatientDiscovery"]),
    kind("ITI-55 response", HL7, "MCCI_IN000002UV01", ACK),
    kind("ITI-56 request", XCPD, "PatientLocationQueryRequest", &["urn:ihe:iti:2009:PatientLocationQuery"]),
    kind("ITI-56 response", XCPD, "PatientLocationQueryResponse", &["urn:ihe:iti:2009:PatientLocationQueryResponse"]),
    kind("ITI-58 request", DSML, "batchRequest", &["urn:ihe:iti:2010:ProviderInformationQuery", "urn:ihe:iti:2010:ProviderInformationQueryRequest"]),
    kind("ITI-58 response", DSML, "batchResponse", &["urn:ihe:iti:2010:ProviderInformationQueryResponse"]),
    kind("ITI-59 request", DSML, "batchRequest", &["urn:ihe:iti:2010:ProviderInformationFeed", "urn:ihe:iti:2010:ProviderInformationFeedRequest"]),
    kind("ITI-59 response", DSML, "batchResponse", &["urn:ihe:iti:2010:ProviderInformationFeedResponse"]),
    kind("ITI-63 request", QUERY, "AdhocQueryRequest", &["urn:ihe:iti:2011:CrossGatewayFetch"]),
    kind("ITI-63 response", QUERY, "AdhocQueryResponse", &["urn:ihe:iti:2011:CrossGatewayFetchResponse"]),
    kind("ITI-80 request", XDSB, "ProvideAndRegisterDocumentSetRequest", &["urn:ihe:iti:2015:CrossGatewayDocumentProvide"]),
    kind("ITI-80 response", RS, "RegistryResponse", &["urn:ihe:iti:2015:CrossGatewayDocumentProvideResponse"]),
    kind("RAD-69 request", XDSI, "RetrieveImagingDocumentSetRequest", &["urn:ihe:rad:2009:RetrieveImagingDocumentSet"]),
    kind("RAD-69 response", XDSB, "RetrieveDocumentSetResponse", &["urn:ihe:iti:2007:RetrieveDocumentSetResponse"]),
    kind("RAD-75 request", XDSI, "RetrieveImagingDocumentSetRequest", &["urn:ihe:rad:2011:CrossGatewayRetrieveImagingDocumentSet"]),
    kind("RAD-75 response", XDSB, "RetrieveDocumentSetResponse", &["urn:ihe:rad:2011:CrossGatewayRetrieveImagingDocumentSetResponse"]),
];

/// Kinds that are no half of a transaction.
pub(super) const OTHER: &[&str] = &[
    "CDA document",
    "DICOM audit message",
    "HL7 V2 message",
    "HL7 V3 acknowledgement",
    "JWT claims",
    "Registry response",
    "SAML assertion",
    "SOAP fault",
    "SS-MIX2 extension file",
    "SS-MIX2 transaction file",
];

/// Takes the value of `--as`.
///
/// # Errors
/// A text for the person who typed it.
pub(super) fn declared(word: &str) -> Result<String, String> {
    let is_storage = |word: &str| {
        word.strip_prefix("SS-MIX2 ")
            .is_some_and(|code| crate::dialect::ssmix2::StandardKind::find(code).is_some())
    };
    let is_resource = word.strip_prefix("FHIR ").is_some_and(|name| name.chars().all(char::is_alphanumeric));
    let is_known = KINDS.iter().any(|kind| kind.name == word) || OTHER.contains(&word);
    if is_known || is_storage(word) || is_resource {
        return Ok(word.to_owned());
    }
    Err("no kind that decode prints; for example `ITI-38 request`, `ITI-55 response`, `SS-MIX2 OMP-01`"
        .into())
}

/// What action, root and declaration tell; None when they leave it open.
pub(super) fn told(
    action: Option<&str>,
    payload: Option<&Place>,
    declared: Option<&str>,
) -> Option<&'static str> {
    let fits = |kind: &&Kind| payload.is_none_or(|payload| kind.fits(payload));
    let by_action: Vec<_> = KINDS
        .iter()
        .filter(|kind| action.is_some_and(|action| kind.actions.contains(&action)))
        .filter(fits)
        .map(|kind| kind.name)
        .collect();
    let chosen = |names: &[&'static str]| {
        let declared = names.iter().find(|name| Some(**name) == declared).copied();
        declared.or_else(|| names.first().copied().filter(|first| names.iter().all(|name| name == first)))
    };
    let is_acknowledgement = payload.is_some_and(|payload| payload.local == "MCCI_IN000002UV01");
    if let Some(first) = by_action.first() {
        let chosen = chosen(&by_action);
        return if is_acknowledgement { chosen } else { chosen.or(Some(first)) };
    }
    let by_root: Vec<_> = KINDS
        .iter()
        .filter(|kind| payload.is_some_and(|payload| kind.fits(payload)))
        .map(|kind| kind.name)
        .collect();
    let is_usual = |name: &str| matches!(name, "ITI-41 request" | "ITI-44 request");
    chosen(&by_root).or_else(|| by_root.iter().copied().find(|name| is_usual(name)))
}

/// Whether the body's root may stand under the action.
pub(super) fn fit(action: &str, payload: &Place) -> Fit {
    let mut rows = KINDS.iter().filter(|kind| kind.actions.contains(&action)).peekable();
    if rows.peek().is_none() {
        return Fit::UnknownAction;
    }
    if rows.any(|kind| kind.fits(payload)) { Fit::Well } else { Fit::Mismatch }
}

/// Whether the root is a request's, a response's, or no transaction's.
pub(super) fn is_request(payload: &Place) -> Option<bool> {
    KINDS.iter().find(|kind| kind.fits(payload)).map(|kind| kind.name.ends_with(" request"))
}

/// Whether the transaction is packaged by MTOM (wire.md 4).
pub(super) fn is_mtom(kind: &str) -> bool {
    let name = kind.split(' ').next().unwrap_or_default();
    matches!(name, "ITI-39" | "ITI-41" | "ITI-43" | "ITI-63" | "ITI-80" | "RAD-69" | "RAD-75")
}
