//! What an assertion says, with nothing verified, for showing a message to a person
//! (`kakehashi decode`). Never for deciding anything: that is [`super::verify`].

use super::attributes::Attributes;
use super::saml::content;
use super::signature::SAML;
use crate::model::{Code, PatientId, Phi, Unauthenticated, Warning};
use crate::xml::Tree;

/// The claims of an assertion nobody has verified. It converts to no [`crate::model::Requester`].
#[derive(Debug)]
pub struct Unverified {
    /// Issuer.
    pub issuer: Option<String>,
    /// NameID; a patient's own assertion names the patient.
    pub name_id: Phi<Option<String>>,
    /// subject-id: the person's plain name; as above.
    pub person: Phi<Option<String>>,
    /// organization.
    pub organization: Option<String>,
    /// organization-id without `urn:oid:`.
    pub organization_ids: Vec<String>,
    /// homeCommunityId as written.
    pub communities: Vec<String>,
    /// Roles, those given as plain text last.
    pub roles: Vec<Code>,
    /// Purposes of use.
    pub purposes: Vec<Code>,
    /// resource-id.
    pub patient: Option<PatientId>,
    /// Whether there are an AudienceRestriction, an AuthnStatement, a Signature.
    pub has: (bool, bool, bool),
    /// Whether the signature uses SHA-1.
    pub is_sha1: bool,
    /// Habits put up with.
    pub warnings: Vec<Warning>,
}

/// Reads a saml:Assertion element without verifying anything.
///
/// # Errors
/// `InvalidSecurityToken` when a value is over the caps or patients contradict each other.
pub fn read_unverified(assertion: &Tree) -> Result<Unverified, Unauthenticated> {
    const DS: &str = "http://www.w3.org/2000/09/xmldsig#";
    let attributes = Attributes::read(assertion)?;
    let text = |tree: Option<&Tree>| tree.map(content).transpose().map(Option::flatten);
    let signed = assertion.path(DS, &["Signature", "SignedInfo"]);
    let method = signed.and_then(|info| info.first(DS, "SignatureMethod"));
    let is_sha1 = |tree: &Tree| {
        tree.attribute("Algorithm").is_some_and(|name| name.to_ascii_lowercase().ends_with("sha1"))
    };
    let mut digests = signed
        .into_iter()
        .flat_map(|info| info.all(DS, "Reference"))
        .filter_map(|r| r.first(DS, "DigestMethod"));
    Ok(Unverified {
        issuer: text(assertion.first(SAML, "Issuer"))?,
        name_id: Phi::new(text(assertion.path(SAML, &["Subject", "NameID"]))?),
        person: Phi::new(attributes.subject),
        organization: attributes.organization,
        organization_ids: attributes.organization_ids,
        communities: attributes.homes,
        roles: [attributes.roles, attributes.role_texts].concat(),
        purposes: attributes.purposes,
        patient: attributes.patient,
        has: (
            assertion.path(SAML, &["Conditions", "AudienceRestriction"]).is_some(),
            assertion.first(SAML, "AuthnStatement").is_some(),
            assertion.first(DS, "Signature").is_some(),
        ),
        is_sha1: method.is_some_and(is_sha1) || digests.any(is_sha1),
        warnings: attributes.warnings,
    })
}
