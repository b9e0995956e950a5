//! The assertion of a Security header, or one that is the message itself: what it says, unverified
//! (wire.md 5, 21.2). Nothing about trust refuses here.

use serde_json::{Value, json};

use super::report::{Marks, Report};
use crate::dialect::soap::ns;
use crate::identity::{Unverified, read_unverified};
use crate::model::{Malformed, Warning};
use crate::xml::{Reader, Tree};

pub(super) const SAML: &str = "urn:oasis:names:tc:SAML:2.0:assertion";

/// Shows who asks, where a header holds a Security block.
pub(super) fn of_header(
    source: &str,
    header: Option<&Tree>,
    is_request: bool,
    marks: Marks,
    report: &mut Report,
) {
    let security = header.and_then(|header| header.first(ns::WSSE, "Security"));
    let Some(security) = security else {
        if is_request && header.is_some_and(|header| header.elements().next().is_some()) {
            report.warn("assertion-missing", "no Security header: who asks is not told");
        }
        return;
    };
    report.warn("trust-not-checked", "signature, issuer, time and audience are not looked at here");
    let mut assertions = security.all(SAML, "Assertion");
    let Some(assertion) = assertions.next() else {
        if is_request {
            report.warn("assertion-missing", "the Security header holds no SAML 2.0 assertion");
        }
        return;
    };
    if assertions.next().is_some() {
        report.warn("several-assertions", "several assertions in the Security header; the first is shown");
    }
    match read_unverified(assertion) {
        Ok(claims) => {
            needed(&claims, source, assertion, report);
            show(&claims, marks, report);
        }
        Err(_) => report.warn("assertion-unreadable", "the assertion's attributes cannot be read"),
    }
}

/// An assertion that is the message.
pub(super) fn assertion(source: &str, assertion: &Tree, marks: Marks) -> Report {
    let mut report = Report::of("SAML assertion");
    report.warn("trust-not-checked", "signature, issuer, time and audience are not looked at here");
    let at =
        |code: &'static str, why: &str| Reader::new(source).malformed_at(assertion.range.start, code, why);
    match read_unverified(assertion) {
        Ok(claims) => {
            needed(&claims, source, assertion, &mut report);
            show(&claims, marks, &mut report);
        }
        Err(why) => report.refuse(at("assertion-unreadable", &why.why)),
    }
    report
}

// Role and purpose decide (wire.md 21.2): without them nothing can be permitted; attributes that are
// there and hold nothing are the sender's fault.
fn needed(claims: &Unverified, source: &str, assertion: &Tree, report: &mut Report) {
    let is_named = |word: &str| {
        let statements = assertion.all(SAML, "AttributeStatement");
        let mut attributes = statements.flat_map(|statement| statement.all(SAML, "Attribute"));
        attributes.any(|attribute| {
            attribute.attribute("Name").is_some_and(|name| name.to_ascii_lowercase().contains(word))
        })
    };
    for (has_value, word) in
        [(!claims.roles.is_empty(), "subject:role"), (!claims.purposes.is_empty(), "purpose")]
    {
        if has_value {
            continue;
        }
        if is_named(word) {
            let why = "the attribute for role or purpose of use is there and has no value";
            let at = assertion.range.start;
            report.refuse(Reader::new(source).malformed_at(at, "attribute-empty", why));
        } else {
            report.warn("attribute-missing", "the assertion names no role or no purpose of use");
        }
    }
}

/// The first assertion below an element, which is met in answers of WS-Trust.
pub(super) fn find(tree: &Tree) -> Option<&Tree> {
    if tree.is(SAML, "Assertion") {
        return Some(tree);
    }
    tree.elements().find_map(find)
}

fn show(claims: &Unverified, marks: Marks, report: &mut Report) {
    let Unverified { has: (has_audience, has_authn_statement, is_signed), .. } = *claims;
    let missing = [
        (has_audience, "audience-missing", "no AudienceRestriction"),
        (has_authn_statement, "authn-statement-missing", "no AuthnStatement"),
        (is_signed, "assertion-unsigned", "the assertion is not signed"),
    ];
    for (is_there, code, text) in missing {
        if !is_there {
            report.warn(code, text);
        }
    }
    if claims.is_sha1 {
        report.warn("sha1", "signature or digest use SHA-1");
    }
    if claims.communities.iter().any(|home| !home.starts_with("urn:oid:")) {
        report.warn("home-without-urn", "homeCommunityId has no urn:oid:");
    }
    claims.warnings.iter().for_each(|Warning { code, text }| report.warn(code, text.clone()));
    let codes =
        |codes: &[crate::model::Code]| -> Vec<Value> { codes.iter().map(|c| marks.code(c)).collect() };
    let hidden = |text: &Option<String>| marks.text(text.as_deref().unwrap_or_default());
    let patient = claims.patient.as_ref().map(|id| marks.phi(&id.cx()));
    report.show(
        "requester",
        json!({
            "issuer": hidden(&claims.issuer),
            "name_id": hidden(claims.name_id.reveal()),
            "person": hidden(claims.person.reveal()),
            "organization": claims.organization,
            "organization_ids": claims.organization_ids,
            "communities": claims.communities,
            "roles": codes(&claims.roles),
            "purposes": codes(&claims.purposes),
            "resource_id": patient,
        }),
    );
}

/// Refuses what holds no assertion.
pub(super) fn none(source: &str, at: usize) -> Malformed {
    Reader::new(source).malformed_at(
        at,
        "assertion-missing",
        "the token's answer holds no SAML 2.0 assertion",
    )
}
