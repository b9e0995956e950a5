//! Whether a verified assertion is for us and for now (SAML core 2.5.1, profiles 3.3 bearer), and
//! the freshness of wsu:Timestamp (wire.md 5.1).

use super::saml::{Assertion, Confirmation, invalid};
use super::signature::WSU;
use super::trust::{SamlTrust, refused};
use crate::model::{Timestamp, Unauthenticated};
use crate::xml::Tree;

/// No assertion is valid for longer from now: it has to be remembered as long.
const LONGEST_LIFE_SECONDS: i64 = 24 * 3600;

const BEARER: &str = "urn:oasis:names:tc:SAML:2.0:cm:bearer";

/// Checks times, audience, confirmation and authentication statement.
///
/// # Errors
/// `InvalidSecurityToken`.
pub(super) fn check(assertion: &Assertion, trust: &SamlTrust, now: Timestamp) -> Result<(), Unauthenticated> {
    let conditions = &assertion.conditions;
    if conditions.has_unknown {
        return Err(invalid("a condition we do not know"));
    }
    let earliest = now.plus_seconds(trust.skew_seconds);
    if assertion.issued > earliest || conditions.not_before.is_some_and(|from| from > earliest) {
        return Err(invalid("not yet valid"));
    }
    if is_over(conditions.not_on_or_after, trust, now) {
        return Err(invalid("expired"));
    }
    if conditions.not_on_or_after > earliest.plus_seconds(LONGEST_LIFE_SECONDS) {
        return Err(invalid("valid for more than a day"));
    }
    if conditions.audiences.is_empty() && !trust.accept_missing_audience {
        return Err(invalid("no AudienceRestriction"));
    }
    if !conditions.audiences.iter().all(|named| named.iter().any(|a| trust.audiences.contains(a))) {
        return Err(invalid("made for another audience"));
    }
    if assertion.authenticated.is_none() && !trust.accept_missing_authn_statement {
        return Err(invalid("no AuthnStatement"));
    }
    if assertion.authenticated.is_some_and(|at| at > earliest) {
        return Err(invalid("authenticated in the future"));
    }
    if !assertion.confirmations.iter().any(|c| confirms(c, trust, now)) {
        return Err(invalid("no bearer confirmation that holds here and now"));
    }
    Ok(())
}

fn confirms(confirmation: &Confirmation, trust: &SamlTrust, now: Timestamp) -> bool {
    let is_ours = |recipient: &String| {
        trust.audiences.contains(recipient)
            || trust
                .recipients
                .iter()
                .any(|ours| ours == recipient || (ours.ends_with('/') && recipient.starts_with(ours)))
    };
    confirmation.method == BEARER
        && confirmation.recipient.as_ref().is_none_or(is_ours)
        && confirmation.not_before.is_none_or(|from| from <= now.plus_seconds(trust.skew_seconds))
        && confirmation.not_on_or_after.is_none_or(|until| !is_over(until, trust, now))
}

fn is_over(until: Timestamp, trust: &SamlTrust, now: Timestamp) -> bool {
    until.plus_seconds(trust.skew_seconds) <= now
}

/// Checks the header's wsu:Timestamp.
///
/// # Errors
/// `MessageExpired`; `InvalidSecurity` when there are several, none where one is needed, or it
/// cannot be read.
pub(super) fn check_timestamp(
    timestamps: &[Tree],
    trust: &SamlTrust,
    now: Timestamp,
) -> Result<(), Unauthenticated> {
    let bad = |why: &str| refused("InvalidSecurity", format!("Timestamp: {why}"));
    let timestamp = match timestamps {
        [] if trust.require_timestamp => return Err(bad("missing")),
        [] => return Ok(()),
        [one] => one,
        _ => return Err(bad("several")),
    };
    let read = |name| {
        let found = timestamp.first(WSU, name);
        found.map(|e| Timestamp::from_xs_date_time(&e.text()).ok_or_else(|| bad("unreadable"))).transpose()
    };
    let created = read("Created")?.ok_or_else(|| bad("without Created"))?;
    let expires = read("Expires")?;
    if created > now.plus_seconds(trust.skew_seconds) {
        return Err(refused("MessageExpired", "Timestamp: created in the future"));
    }
    if expires.is_some_and(|until| is_over(until, trust, now)) {
        return Err(refused("MessageExpired", "Timestamp: expired"));
    }
    Ok(())
}
