//! Who is asking: from a received message and the certificate's community to a person vouched for, or a
//! refusal with the word of WS-Security (wire.md 5.1). Nothing has a default: no assertion, no
//! role, no purpose means no answer.

use super::attributes::Attributes;
use super::saml::{Assertion, invalid};
use super::trust::{SamlTrust, refused};
use super::{conditions, signature};
use crate::model::{
    Code, CommunityId, Means, Oid, Organization, PatientId, Person, Purpose, Role, Timestamp,
    Unauthenticated, Vouched, Voucher, Warning,
};
use crate::xml::WellFormed;

/// A message whose sender is established.
#[derive(Debug)]
pub struct VerifiedAssertion {
    /// Who it vouches for.
    pub vouched: Vouched,
    /// resource-id: the patient the asker's system says it is about; for the record.
    pub patient: Option<PatientId>,
    /// When the assertion can no longer be presented, skew included: how long its use and the
    /// message's id must be remembered.
    pub expires: Timestamp,
    /// Whether it serves one message only: the peer's file or a OneTimeUse condition says so.
    pub one_use: bool,
    /// Habits put up with; to be counted per peer.
    pub warnings: Vec<Warning>,
}

/// Establishes who sent a message. `root` is the root part as received; `community` is that of
/// the connection's certificate.
///
/// # Errors
/// `Unauthenticated` with the word for the fault; its reason is for the record only.
pub fn verify(
    root: &str,
    trust: &SamlTrust,
    community: &CommunityId,
    now: Timestamp,
) -> Result<VerifiedAssertion, Unauthenticated> {
    let root =
        WellFormed::check(root).map_err(|malformed| refused("InvalidSecurity", malformed.to_string()))?;
    verify_well_formed(root, trust, community, now)
}

/// As [`verify`], for a message that the bounded reader has gone over: no DTD, one root, declared
/// prefixes, caps.
///
/// # Errors
/// As [`verify`].
pub fn verify_well_formed(
    root: WellFormed<'_>,
    trust: &SamlTrust,
    community: &CommunityId,
    now: Timestamp,
) -> Result<VerifiedAssertion, Unauthenticated> {
    let opened = signature::open(root, trust, now)?;
    conditions::check_timestamp(&opened.timestamps, trust, now)?;
    let assertion = Assertion::read(&opened.assertion)?;
    conditions::check(&assertion, trust, now)?;
    check_home(&assertion.attributes.homes, trust, community)?;
    let vouched = Vouched {
        organization: organization(&assertion.attributes)?,
        roles: roles(&assertion.attributes.roles, &assertion.attributes.role_texts, trust)?,
        role_codes: [assertion.attributes.roles, assertion.attributes.role_texts].concat(),
        purpose: purpose(&assertion.attributes.purposes, trust)?,
        person: Person {
            id: assertion.name_id,
            name: assertion.attributes.subject.unwrap_or_default(),
            alias: assertion.alias,
        },
        by: Voucher {
            means: Means::Assertion,
            issuer: assertion.issuer,
            id: Some(assertion.id),
            authenticated: assertion.authenticated,
        },
    };
    let mut warnings = assertion.attributes.warnings;
    if opened.is_sha1 {
        warnings
            .push(Warning::new("sha1", "the signature uses SHA-1, which the peer's file allows for a time"));
    }
    Ok(VerifiedAssertion {
        vouched,
        patient: assertion.attributes.patient,
        expires: assertion.conditions.not_on_or_after.plus_seconds(trust.skew_seconds),
        one_use: trust.one_use || assertion.conditions.one_time_use,
        warnings,
    })
}

// The asking community is the certificate's; an assertion may only agree (decisions B2).
fn check_home(homes: &[String], trust: &SamlTrust, community: &CommunityId) -> Result<(), Unauthenticated> {
    if homes.is_empty() && !trust.accept_missing_home_community {
        return Err(invalid("no homeCommunityId"));
    }
    if homes.iter().any(|home| Oid::parse(home).as_ref() != Some(&community.0)) {
        return Err(refused(
            "FailedAuthentication",
            "the assertion names another community than the certificate",
        ));
    }
    Ok(())
}

fn organization(attributes: &Attributes) -> Result<Organization, Unauthenticated> {
    let name = attributes.organization.clone().unwrap_or_default();
    match attributes.organization_ids.as_slice() {
        [id] => Ok(Organization { id: id.clone(), name }),
        [] => Err(invalid("no organization-id")),
        _ => Err(invalid("several organization-ids: consents cannot be decided on")),
    }
}

// Every coded role must be known, for an unknown one may be a restriction. A plain text counts where
// the table has it and is else a remark (the hcRole text beside its code, japan.md 4.3).
fn roles(coded: &[Code], texts: &[Code], trust: &SamlTrust) -> Result<Vec<Role>, Unauthenticated> {
    let known = |code: &Code| trust.roles.iter().find(|(known, _)| known.same(code)).map(|(_, role)| role);
    let mut roles: Vec<Role> = Vec::new();
    for code in coded {
        roles.push(known(code).ok_or_else(|| invalid("a role the peer's table does not know"))?.clone());
    }
    roles.extend(texts.iter().filter_map(known).cloned());
    roles.sort();
    roles.dedup();
    if roles.is_empty() {
        return Err(invalid("no role the peer's table knows"));
    }
    Ok(roles)
}

// All purposes must be acceptable; of several the one that opens less counts: emergency may pass
// over a missing consent, so treatment wins.
fn purpose(codes: &[Code], trust: &SamlTrust) -> Result<Purpose, Unauthenticated> {
    let mut strictest = None;
    for code in codes {
        let same = |known: &Code| known.same(code) || (code.system.is_empty() && known.value == code.value);
        let found = trust.purposes.iter().find(|(known, _)| same(known)).map(|(_, purpose)| *purpose);
        let found = found.ok_or_else(|| invalid("a purpose that is not agreed on"))?;
        strictest = match strictest {
            Some(Purpose::Treatment) => strictest,
            _ => Some(found),
        };
    }
    strictest.ok_or_else(|| invalid("no purpose of use"))
}
