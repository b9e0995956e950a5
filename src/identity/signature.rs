//! The gate around the XML signature crate (SAML 2.0 core 5.4, XMLDSig, wire.md 5.2). It works on
//! the received root part, refuses everything a SAML signature does not need, and gives out only
//! the very element whose signature was verified. Unsigned parts of the assertion never leave it.

use std::collections::HashSet;

use bergshamra::VerifyResult;
use bergshamra::dsig::verify::verify_document_with_source;
use bergshamra::xml::{Document, NodeId, uppsala};

use super::dom::{attribute, children, is, only_child, tree};
use super::trust::{SamlTrust, TrustedIssuer, is_valid_at, refused};
use crate::model::{Timestamp, Unauthenticated};
use crate::xml::{Tree, WellFormed};

pub(super) const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
pub(super) const EXC_C14N: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";
pub(super) const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";
pub(super) const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";
pub(super) const SOAP: &str = "http://www.w3.org/2003/05/soap-envelope";
pub(super) const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
pub(super) const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";

const SIGNATURE_METHODS: [&str; 4] = [
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
];
const DIGEST_METHODS: [&str; 3] = [
    "http://www.w3.org/2001/04/xmlenc#sha256",
    "http://www.w3.org/2001/04/xmldsig-more#sha384",
    "http://www.w3.org/2001/04/xmlenc#sha512",
];
const RSA_SHA1: &str = "http://www.w3.org/2000/09/xmldsig#rsa-sha1";
const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";

/// What the Security header gave.
#[derive(Debug)]
pub(super) struct Opened {
    /// The assertion as signed, without its signature.
    pub(super) assertion: Tree,
    /// wsu:Timestamp elements of the header; nobody vouches for them.
    pub(super) timestamps: Vec<Tree>,
    /// Whether SHA-1 was used.
    pub(super) is_sha1: bool,
}

/// Opens the one assertion of the one Security header of a SOAP 1.2 message.
///
/// # Errors
/// `SecurityTokenUnavailable`, `UnsupportedSecurityToken`, `InvalidSecurity`,
/// `FailedAuthentication`, `FailedCheck`.
pub(super) fn open(
    root: WellFormed<'_>,
    trust: &SamlTrust,
    now: Timestamp,
) -> Result<Opened, Unauthenticated> {
    let root = root.text();
    let unreadable = |_| refused("InvalidSecurity", "the message cannot be parsed");
    let mut doc = uppsala::parse(root).map_err(unreadable)?;
    check_ids(&doc)?;
    let security = security_header(&doc)?;
    let assertion = only_assertion(&doc, security)?;
    let issuer = trusted_issuer(&doc, assertion, trust)?;
    let signature = only_child(&doc, assertion, DS, "Signature")
        .ok_or_else(|| refused("FailedAuthentication", "the assertion is not signed, or more than once"))?;
    let id = attribute(&doc, assertion, "ID").filter(|id| is_name(id)).map(str::to_owned);
    let id = id.ok_or_else(|| refused("InvalidSecurity", "the assertion has no ID, or not a name"))?;
    let sha1 = trust.sha1_until.is_some_and(|until| now < until);
    let is_sha1 = check_signed_info(&doc, signature, &id, sha1)?;
    set_other_signatures_aside(&mut doc, signature, assertion);
    check_signature(&doc, root, (assertion, signature, &id), issuer, now)?;
    let timestamps = children(&doc, security)
        .filter(|c| is(&doc, *c, WSU, "Timestamp"))
        .map(|c| tree(&doc, c, None))
        .collect();
    Ok(Opened { assertion: tree(&doc, assertion, Some(signature)), timestamps, is_sha1 })
}

// Whatever a tool may take for an id counts, in any namespace: ID, Id, wsu:Id, xml:id, AssertionID.
fn check_ids(doc: &Document<'_>) -> Result<(), Unauthenticated> {
    let mut ids = HashSet::new();
    for node in doc.descendants(doc.root()) {
        for attribute in doc.element(node).iter().flat_map(|e| &e.attributes) {
            let name = &*attribute.name.local_name;
            let is_id = name.eq_ignore_ascii_case("id") || name == "AssertionID";
            if is_id && !ids.insert(attribute.value.trim()) {
                return Err(refused("InvalidSecurity", "an id stands twice in the message"));
            }
        }
    }
    Ok(())
}

// An id as SAML tools make it; nothing that a reference could read as an XPointer.
fn is_name(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

fn security_header(doc: &Document<'_>) -> Result<NodeId, Unauthenticated> {
    let none = || refused("SecurityTokenUnavailable", "no Security header");
    let envelope = doc.document_element().filter(|e| is(doc, *e, SOAP, "Envelope")).ok_or_else(none)?;
    let several = || refused("InvalidSecurity", "several Header or Security elements");
    let mut headers = children(doc, envelope).filter(|c| is(doc, *c, SOAP, "Header"));
    let header = headers.next().ok_or_else(none)?;
    let mut found = children(doc, header).filter(|c| is(doc, *c, WSSE, "Security"));
    let security = found.next().ok_or_else(none)?;
    if headers.next().is_some() || found.next().is_some() {
        return Err(several());
    }
    Ok(security)
}

fn only_assertion(doc: &Document<'_>, security: NodeId) -> Result<NodeId, Unauthenticated> {
    let mut found = children(doc, security).filter(|c| is(doc, *c, SAML, "Assertion"));
    let Some(assertion) = found.next() else {
        let is_token = |c| {
            let name = doc.element(c).map(|e| &*e.name.local_name);
            matches!(name, Some("Assertion" | "EncryptedAssertion" | "UsernameToken" | "BinarySecurityToken"))
        };
        return Err(if children(doc, security).any(is_token) {
            refused("UnsupportedSecurityToken", "the token is no plain SAML 2.0 assertion")
        } else {
            refused("SecurityTokenUnavailable", "the Security header holds no assertion")
        });
    };
    if found.next().is_some() {
        return Err(refused("InvalidSecurity", "several assertions in the Security header"));
    }
    if attribute(doc, assertion, "Version") != Some("2.0") {
        return Err(refused("UnsupportedSecurityToken", "the assertion's Version is not 2.0"));
    }
    Ok(assertion)
}

fn trusted_issuer<'t>(
    doc: &Document<'_>,
    assertion: NodeId,
    trust: &'t SamlTrust,
) -> Result<&'t TrustedIssuer, Unauthenticated> {
    let issuer = only_child(doc, assertion, SAML, "Issuer")
        .ok_or_else(|| refused("InvalidSecurityToken", "the assertion has no Issuer, or several"))?;
    let name = doc.text_content_deep(issuer);
    trust
        .issuers
        .iter()
        .find(|known| known.name == name.trim())
        .ok_or_else(|| refused("FailedAuthentication", "the issuer is not one of this peer's"))
}

/// Allows exactly what SAML needs; tells whether SHA-1 is part of it.
fn check_signed_info(
    doc: &Document<'_>,
    signature: NodeId,
    id: &str,
    sha1: bool,
) -> Result<bool, Unauthenticated> {
    let bad = |why: &str| refused("FailedCheck", format!("signature: {why}"));
    let info = only_child(doc, signature, DS, "SignedInfo").ok_or_else(|| bad("not one SignedInfo"))?;
    if only_child(doc, signature, DS, "SignatureValue").is_none() {
        return Err(bad("not one SignatureValue"));
    }
    if has_prefixed_attribute(doc, info) {
        return Err(bad("an attribute that is not allowed"));
    }
    let parts: Vec<NodeId> = children(doc, info).collect();
    let &[canonicalization, method, reference] = parts.as_slice() else {
        return Err(bad("more or less than one Reference"));
    };
    if !is(doc, canonicalization, DS, "CanonicalizationMethod")
        || attribute(doc, canonicalization, "Algorithm") != Some(EXC_C14N)
        || !has_prefix_list_at_most(doc, canonicalization)
    {
        return Err(bad("a canonicalization other than exclusive"));
    }
    let is_method = is(doc, method, DS, "SignatureMethod") && children(doc, method).next().is_none();
    let method = attribute(doc, method, "Algorithm").filter(|_| is_method).unwrap_or_default();
    if !(SIGNATURE_METHODS.contains(&method) || (sha1 && method == RSA_SHA1)) {
        return Err(bad("a signature method that is not allowed"));
    }
    let uri = attribute(doc, reference, "URI").and_then(|uri| uri.strip_prefix('#'));
    if !is(doc, reference, DS, "Reference") || uri != Some(id) {
        return Err(bad("its Reference is not the assertion it stands in"));
    }
    let digest = check_reference(doc, reference).ok_or_else(|| bad("a transform that is not allowed"))?;
    if !(DIGEST_METHODS.contains(&digest) || (sha1 && digest == SHA1)) {
        return Err(bad("a digest method that is not allowed"));
    }
    Ok(method == RSA_SHA1 || digest == SHA1)
}

// Transforms are exactly enveloped-signature and exclusive canonicalization; gives the digest method.
fn check_reference<'d>(doc: &'d Document<'_>, reference: NodeId) -> Option<&'d str> {
    let parts: Vec<NodeId> = children(doc, reference).collect();
    let &[transforms, digest, value] = parts.as_slice() else { return None };
    let named = is(doc, transforms, DS, "Transforms")
        && is(doc, digest, DS, "DigestMethod")
        && is(doc, value, DS, "DigestValue");
    let steps: Vec<NodeId> = children(doc, transforms).collect();
    let &[first, second] = steps.as_slice() else { return None };
    let allowed = named
        && [first, second].iter().all(|t| is(doc, *t, DS, "Transform"))
        && attribute(doc, first, "Algorithm") == Some(ENVELOPED)
        && children(doc, first).next().is_none()
        && attribute(doc, second, "Algorithm") == Some(EXC_C14N)
        && has_prefix_list_at_most(doc, second)
        && children(doc, digest).next().is_none();
    attribute(doc, digest, "Algorithm").filter(|_| allowed)
}

// The crate looks attributes up by local name, in whatever namespace: `x:Algorithm` must not stand
// before the `Algorithm` that was allowed.
fn has_prefixed_attribute(doc: &Document<'_>, info: NodeId) -> bool {
    let has =
        |node| doc.element(node).iter().flat_map(|e| &e.attributes).any(|a| a.name.namespace_uri.is_some());
    has(info) || doc.descendants(info).into_iter().any(has)
}

fn has_prefix_list_at_most(doc: &Document<'_>, node: NodeId) -> bool {
    let inner: Vec<NodeId> = children(doc, node).collect();
    match inner.as_slice() {
        [] => true,
        [list] => is(doc, *list, EXC_C14N, "InclusiveNamespaces"),
        _ => false,
    }
}

// The crate verifies the first signature of a document. Those outside the assertion (a message
// signature may stand before it, wire.md 21.2) are no part of what is signed and are taken out.
fn set_other_signatures_aside(doc: &mut Document<'_>, signature: NodeId, assertion: NodeId) {
    let others: Vec<NodeId> = doc
        .get_elements_by_tag_name_ns(DS, "Signature")
        .into_iter()
        .filter(|other| *other != signature && !doc.ancestors(*other).contains(&assertion))
        .collect();
    for other in others {
        doc.detach(other);
    }
}

fn check_signature(
    doc: &Document<'_>,
    root: &str,
    (assertion, signature, id): (NodeId, NodeId, &str),
    issuer: &TrustedIssuer,
    now: Timestamp,
) -> Result<(), Unauthenticated> {
    let result = verify_document_with_source(&issuer.keys, doc, Some(root))
        .map_err(|error| refused("FailedCheck", format!("signature: {error}")))?;
    let (found, references, key) = match result {
        VerifyResult::Valid { signature_node, references, key_info } => {
            (signature_node, references, key_info)
        }
        VerifyResult::Invalid { reason } => {
            return Err(refused("FailedCheck", format!("signature: {reason}")));
        }
    };
    let covers = match references.as_slice() {
        [one] => {
            one.digest_verified
                && one.uri.strip_prefix('#') == Some(id)
                && one.resolved_node == Some(assertion)
        }
        _ => false,
    };
    if found != signature || !covers {
        return Err(refused("FailedCheck", "signature: it covers another element than the assertion"));
    }
    if !key.x509_chain.first().is_some_and(|leaf| is_valid_at(leaf, now)) {
        return Err(refused("FailedAuthentication", "the signing certificate is out of its validity"));
    }
    Ok(())
}
