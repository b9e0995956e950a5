//! Which ebXML message this is, for `kakehashi decode`: told by its action, else by what the caller
//! declares, else by its root element alone (wire.md 3.3; cli.md).

use super::checked_query::HomeRule;
use super::summary::{
    Summary, query_request, query_response, registry_response, retrieve_request, retrieve_response,
};
use super::vocabulary::{QUERY, RS, XDSB};
use crate::dialect::soap::Envelope;
use crate::model::Malformed;

/// A message and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// `ITI-38 request`; None when the root alone does not tell.
    pub kind: Option<&'static str>,
    /// What stands in it.
    pub summary: Summary,
}

/// Reads a message whose root element is ebXML; None when it is something else. `declared` is a kind
/// as [`Decoded::kind`] prints it. `has_part` as in [`retrieve_response`].
pub fn decode(
    message: &Envelope,
    declared: Option<&str>,
    has_part: Option<&dyn Fn(&str) -> bool>,
) -> Option<Decoded> {
    let (ns, local) = message.body_name().ok()?;
    let root = ROOTS.iter().position(|(known, name, _)| *known == &*ns && *name == local)?;
    let action = message.header.action.as_deref();
    let by_action = KINDS.iter().find(|kind| Some(kind.action) == action);
    let fitting = by_action.filter(|kind| kind.root == root);
    let declared = KINDS.iter().find(|kind| Some(kind.name) == declared && kind.root == root);
    let kind = fitting.or(declared);
    let default = if root == 0 { HomeRule::Required } else { HomeRule::Optional };
    let rule = kind.map_or(default, |kind| kind.rule);
    let mut summary = match root {
        0 => query_request(message, rule),
        1 => query_response(message, rule),
        2 => retrieve_request(message, rule),
        3 => retrieve_response(message, rule, has_part),
        _ => registry_response(message),
    };
    summary.warnings.splice(0..0, message.warnings.iter().cloned());
    let is_request = ROOTS.get(root).is_some_and(|(_, _, is_request)| *is_request);
    if is_request && by_action.is_some() && fitting.is_none() {
        let why = "the action is another transaction's than the body (switch route_by_body)";
        summary.refuse(Malformed::new("action-mismatch", "", why));
    }
    Some(Decoded { kind: kind.map(|kind| kind.name), summary })
}

struct Kind {
    name: &'static str,
    action: &'static str,
    root: usize,
    rule: HomeRule,
}

const fn kind(name: &'static str, action: &'static str, root: usize, rule: HomeRule) -> Kind {
    Kind { name, action, root, rule }
}

// Namespace, local name, whether it is a request.
const ROOTS: [(&str, &str, bool); 5] = [
    (QUERY, "AdhocQueryRequest", true),
    (QUERY, "AdhocQueryResponse", false),
    (XDSB, "RetrieveDocumentSetRequest", true),
    (XDSB, "RetrieveDocumentSetResponse", false),
    (RS, "RegistryResponse", false),
];

const KINDS: &[Kind] = &[
    kind("ITI-18 request", "urn:ihe:iti:2007:RegistryStoredQuery", 0, HomeRule::Optional),
    kind("ITI-18 response", "urn:ihe:iti:2007:RegistryStoredQueryResponse", 1, HomeRule::Optional),
    kind("ITI-38 request", "urn:ihe:iti:2007:CrossGatewayQuery", 0, HomeRule::Required),
    kind("ITI-38 response", "urn:ihe:iti:2007:CrossGatewayQueryResponse", 1, HomeRule::Required),
    kind("ITI-38 response", "urn:ihe:iti:2019:CrossGatewayQueryDeferredResults", 1, HomeRule::Required),
    kind(
        "ITI-38 response",
        "urn:ihe:iti:2019:CrossGatewayQueryDeferredResultsAcknowledgement",
        4,
        HomeRule::Required,
    ),
    kind("ITI-39 request", "urn:ihe:iti:2007:CrossGatewayRetrieve", 2, HomeRule::Required),
    kind("ITI-39 response", "urn:ihe:iti:2007:CrossGatewayRetrieveResponse", 3, HomeRule::Required),
    kind("ITI-39 response", "urn:ihe:iti:2019:CrossGatewayRetrieveDeferredResults", 3, HomeRule::Required),
    kind(
        "ITI-39 response",
        "urn:ihe:iti:2019:CrossGatewayRetrieveDeferredResultsAcknowledgement",
        4,
        HomeRule::Required,
    ),
    kind(
        "ITI-41 response",
        "urn:ihe:iti:2007:ProvideAndRegisterDocumentSet-bResponse",
        4,
        HomeRule::Optional,
    ),
    kind("ITI-43 request", "urn:ihe:iti:2007:RetrieveDocumentSet", 2, HomeRule::Optional),
    kind("ITI-43 response", "urn:ihe:iti:2007:RetrieveDocumentSetResponse", 3, HomeRule::Optional),
    kind("ITI-51 request", "urn:ihe:iti:2009:MultiPatientStoredQuery", 0, HomeRule::Optional),
    kind("ITI-51 response", "urn:ihe:iti:2009:MultiPatientStoredQueryResponse", 1, HomeRule::Optional),
    kind("ITI-80 response", "urn:ihe:iti:2015:CrossGatewayDocumentProvideResponse", 4, HomeRule::Optional),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn message(action: &str, root: &str) -> Envelope {
        Envelope::read(&format!(
            "<s:Envelope xmlns:s='http://www.w3.org/2003/05/soap-envelope'><s:Header>\
             <a:Action xmlns:a='http://www.w3.org/2005/08/addressing'>{action}</a:Action></s:Header>\
             <s:Body>{root}</s:Body></s:Envelope>"
        ))
        .unwrap()
    }

    const RETRIEVE: &str = "<RetrieveDocumentSetRequest xmlns='urn:ihe:iti:xds-b:2007'/>";

    #[test]
    fn the_action_tells_the_transaction_and_must_fit_the_body_of_a_request() {
        let fits = decode(&message("urn:ihe:iti:2007:RetrieveDocumentSet", RETRIEVE), None, None).unwrap();
        assert_eq!((fits.kind, fits.summary.refusal), (Some("ITI-43 request"), None));
        let other = decode(&message("urn:ihe:iti:2007:RegistryStoredQuery", RETRIEVE), None, None).unwrap();
        assert_eq!(other.summary.refusal.map(|refusal| refusal.code), Some("action-mismatch"));
    }

    #[test]
    fn a_declared_kind_decides_only_where_nothing_else_does() {
        let bare = Envelope::bare(RETRIEVE);
        assert_eq!(decode(&bare, None, None).unwrap().kind, None);
        assert_eq!(decode(&bare, Some("ITI-39 request"), None).unwrap().kind, Some("ITI-39 request"));
        assert_eq!(decode(&bare, Some("ITI-38 request"), None).unwrap().kind, None);
        let told = message("urn:ihe:iti:2007:RetrieveDocumentSet", RETRIEVE);
        assert_eq!(decode(&told, Some("ITI-39 request"), None).unwrap().kind, Some("ITI-43 request"));
        assert_eq!(decode(&Envelope::bare("<a/>"), None, None), None);
    }
}
