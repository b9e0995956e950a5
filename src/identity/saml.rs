//! A SAML 2.0 assertion as it is written (core 2.3 to 2.7), read from its own children only: what
//! is nested in Evidence, Advice or SubjectConfirmationData is never looked at. Judges nothing.

use super::attributes::Attributes;
use super::signature::SAML;
use super::trust::refused;
use crate::model::{Timestamp, Unauthenticated};
use crate::xml::Tree;

/// Longest value taken from an assertion, in characters.
const VALUE_CHARS: usize = 1024;

/// A verified assertion.
#[derive(Debug)]
pub(super) struct Assertion {
    pub(super) id: String,
    pub(super) issuer: String,
    pub(super) issued: Timestamp,
    pub(super) name_id: String,
    pub(super) alias: Option<String>,
    pub(super) confirmations: Vec<Confirmation>,
    pub(super) conditions: Conditions,
    /// AuthnInstant of the first AuthnStatement.
    pub(super) authenticated: Option<Timestamp>,
    pub(super) attributes: Attributes,
}

/// A SubjectConfirmation.
#[derive(Debug)]
pub(super) struct Confirmation {
    pub(super) method: String,
    pub(super) recipient: Option<String>,
    pub(super) not_before: Option<Timestamp>,
    pub(super) not_on_or_after: Option<Timestamp>,
}

/// The Conditions element.
#[derive(Debug)]
pub(super) struct Conditions {
    pub(super) not_before: Option<Timestamp>,
    pub(super) not_on_or_after: Timestamp,
    /// One list per AudienceRestriction; each must be met.
    pub(super) audiences: Vec<Vec<String>>,
    pub(super) one_time_use: bool,
    /// Whether there is a condition we do not know: the assertion is then not valid (core 2.5.1).
    pub(super) has_unknown: bool,
}

impl Assertion {
    /// Reads a saml:Assertion element.
    ///
    /// # Errors
    /// `InvalidSecurityToken` when something required is missing or unreadable.
    pub(super) fn read(tree: &Tree) -> Result<Self, Unauthenticated> {
        let subject = one(tree, "Subject")?;
        let name_id = one(subject, "NameID")?;
        let confirmations = subject.all(SAML, "SubjectConfirmation").map(Confirmation::read);
        let statement = tree.first(SAML, "AuthnStatement");
        let instant = statement.map(|s| instant(s, "AuthnInstant")).transpose()?.flatten();
        if statement.is_some() && instant.is_none() {
            return Err(invalid("an AuthnStatement without AuthnInstant"));
        }
        Ok(Self {
            id: value(tree.attribute("ID").unwrap_or_default())?.ok_or_else(|| invalid("no ID"))?,
            issuer: content(one(tree, "Issuer")?)?.ok_or_else(|| invalid("an empty Issuer"))?,
            issued: self::instant(tree, "IssueInstant")?.ok_or_else(|| invalid("no IssueInstant"))?,
            name_id: content(name_id)?.ok_or_else(|| invalid("an empty NameID"))?,
            alias: value(name_id.attribute("SPProvidedID").unwrap_or_default())?,
            confirmations: confirmations.collect::<Result<_, _>>()?,
            conditions: Conditions::read(one(tree, "Conditions")?)?,
            authenticated: instant,
            attributes: Attributes::read(tree)?,
        })
    }
}

impl Confirmation {
    fn read(tree: &Tree) -> Result<Self, Unauthenticated> {
        let data = tree.first(SAML, "SubjectConfirmationData");
        let time = |name| data.map_or(Ok(None), |data| instant(data, name));
        Ok(Self {
            method: tree.attribute("Method").unwrap_or_default().trim().to_owned(),
            recipient: data.and_then(|data| data.attribute("Recipient")).map(|r| r.trim().to_owned()),
            not_before: time("NotBefore")?,
            not_on_or_after: time("NotOnOrAfter")?,
        })
    }
}

impl Conditions {
    fn read(tree: &Tree) -> Result<Self, Unauthenticated> {
        let mut audiences = Vec::new();
        let (mut one_time_use, mut has_unknown) = (false, false);
        for condition in tree.elements() {
            if condition.is(SAML, "AudienceRestriction") {
                let named = condition.all(SAML, "Audience").map(|a| a.text().trim().to_owned());
                audiences.push(named.collect());
            } else if condition.is(SAML, "OneTimeUse") {
                one_time_use = true;
            } else {
                has_unknown = true;
            }
        }
        let until = instant(tree, "NotOnOrAfter")?;
        Ok(Self {
            not_before: instant(tree, "NotBefore")?,
            not_on_or_after: until.ok_or_else(|| invalid("Conditions without NotOnOrAfter"))?,
            audiences,
            one_time_use,
            has_unknown,
        })
    }
}

/// The refusal of a token whose content does not do.
pub(super) fn invalid(why: impl Into<String>) -> Unauthenticated {
    refused("InvalidSecurityToken", why)
}

fn one<'t>(tree: &'t Tree, local: &str) -> Result<&'t Tree, Unauthenticated> {
    let mut found = tree.elements().filter(|child| child.is(SAML, local));
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(invalid(format!("not exactly one {local}"))),
    }
}

fn instant(tree: &Tree, name: &str) -> Result<Option<Timestamp>, Unauthenticated> {
    let read = |text| Timestamp::from_xs_date_time(text).ok_or_else(|| invalid(format!("unreadable {name}")));
    tree.attribute(name).map(read).transpose()
}

/// The text of an element, all runs joined and trimmed; None when empty.
pub(super) fn content(tree: &Tree) -> Result<Option<String>, Unauthenticated> {
    value(&tree.text())
}

/// A value trimmed of white space; None when empty.
pub(super) fn value(text: &str) -> Result<Option<String>, Unauthenticated> {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    if text.chars().count() > VALUE_CHARS {
        return Err(invalid(format!("a value of more than {VALUE_CHARS} characters")));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}
