//! The attributes of ITI-40 (wire.md 5.3) with the variants peers write. Attributes of one name
//! merge over all statements; white space and spelling are normalised, and each habit put up with
//! is told as a warning.

use super::saml::{content, invalid, value};
use super::signature::SAML;
use crate::model::{Code, PatientId, Unauthenticated, Warning};
use crate::xml::Tree;

const SUBJECT_ID: &str = "urn:oasis:names:tc:xspa:1.0:subject:subject-id";
const SUBJECT_ID_OLD: &str = "urn:oasis:names:tc:xacml:1.0:subject:subject-id";
const ORGANIZATION: &str = "urn:oasis:names:tc:xspa:1.0:subject:organization";
const ORGANIZATION_ID: &str = "urn:oasis:names:tc:xspa:1.0:subject:organization-id";
const HOME: &str = "urn:ihe:iti:xca:2010:homeCommunityId";
const HOME_NHIN: &str = "urn:nhin:names:saml:homeCommunityId";
const ROLE: &str = "urn:oasis:names:tc:xacml:2.0:subject:role";
const ROLE_XSPA: &str = "urn:oasis:names:tc:xspa:1.0:subject:role";
const PURPOSE: &str = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse";
const PURPOSE_XACML: &str = "urn:oasis:names:tc:xacml:2.0:action:purpose";
const RESOURCE_ID: &str = "urn:oasis:names:tc:xacml:2.0:resource:resource-id";

/// Values taken of one attribute.
const VALUES: usize = 32;

/// What the attributes said.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    /// subject-id: the person's plain name.
    pub(super) subject: Option<String>,
    /// organization.
    pub(super) organization: Option<String>,
    /// organization-id without `urn:oid:`, each once.
    pub(super) organization_ids: Vec<String>,
    /// homeCommunityId as written.
    pub(super) homes: Vec<String>,
    /// Coded roles, each once.
    pub(super) roles: Vec<Code>,
    /// Roles given as plain text.
    pub(super) role_texts: Vec<Code>,
    /// Purposes, each once; a plain text has no coding scheme.
    pub(super) purposes: Vec<Code>,
    /// resource-id.
    pub(super) patient: Option<PatientId>,
    /// What was put up with.
    pub(super) warnings: Vec<Warning>,
}

impl Attributes {
    /// Reads all AttributeStatements of an assertion.
    ///
    /// # Errors
    /// `InvalidSecurityToken` when a value is over the caps or patients contradict each other.
    pub(super) fn read(assertion: &Tree) -> Result<Self, Unauthenticated> {
        let mut it = Self::default();
        let (mut names, mut old_names) = (Vec::new(), Vec::new());
        let (mut organizations, mut patients) = (Vec::new(), Vec::new());
        let statements = assertion.all(SAML, "AttributeStatement");
        for attribute in statements.flat_map(|statement| statement.all(SAML, "Attribute")) {
            let name = attribute.attribute("Name").unwrap_or_default().trim();
            let is = |known: &str| name.eq_ignore_ascii_case(known);
            let values: Vec<&Tree> = attribute.all(SAML, "AttributeValue").collect();
            if values.len() > VALUES {
                return Err(invalid(format!("more than {VALUES} values of an attribute")));
            }
            if is(SUBJECT_ID) {
                texts(&values, &mut names)?;
            } else if is(SUBJECT_ID_OLD) {
                texts(&values, &mut old_names)?;
            } else if is(ORGANIZATION) {
                texts(&values, &mut organizations)?;
            } else if is(ORGANIZATION_ID) {
                it.organization_ids(&values)?;
            } else if is(HOME) || is(HOME_NHIN) {
                it.variant(is(HOME_NHIN), "home-attribute-name");
                texts(&values, &mut it.homes)?;
            } else if is(ROLE) || is(ROLE_XSPA) {
                it.variant(is(ROLE_XSPA), "role-attribute-name");
                it.codes(&values, &["Role"], false)?;
            } else if is(PURPOSE) || is(PURPOSE_XACML) {
                it.variant(is(PURPOSE_XACML), "purpose-attribute-name");
                it.codes(&values, &["PurposeOfUse", "PurposeForUse", "Purpose"], true)?;
            } else if is(RESOURCE_ID) {
                texts(&values, &mut patients)?;
            }
        }
        it.variant(names.is_empty() && !old_names.is_empty(), "subject-attribute-name");
        it.subject = names.into_iter().chain(old_names).next();
        it.organization = organizations.into_iter().next();
        it.patient(patients)?;
        Ok(it)
    }

    fn organization_ids(&mut self, values: &[&Tree]) -> Result<(), Unauthenticated> {
        for found in values {
            let id = match self.elements(found, &["id"]).into_iter().next() {
                Some(ii) => {
                    self.variant(true, "organization-id-as-element");
                    let root = bare(ii.attribute("root").unwrap_or_default());
                    let extension = ii.attribute("extension").map(|e| format!("^{}", e.trim()));
                    value(&format!("{root}{}", extension.unwrap_or_default()))?
                }
                None => content(found)?.map(|text| bare(&text).to_owned()),
            };
            if let Some(id) = id.filter(|id| !self.organization_ids.contains(id)) {
                self.organization_ids.push(id);
            }
        }
        Ok(())
    }

    // Elements of other names among the values are passed over (garbage is seen in the field). A
    // role counts in the namespaces peers use for it, a purpose in any: more purposes only narrow.
    fn codes(&mut self, values: &[&Tree], names: &[&str], is_purpose: bool) -> Result<(), Unauthenticated> {
        for found in values {
            for ce in self.elements(found, names) {
                let known = matches!(&*ce.element.ns, "urn:hl7-org:v3" | "" | SAML);
                if known || is_purpose {
                    self.variant(&*ce.element.ns != "urn:hl7-org:v3", "code-namespace");
                    let into = if is_purpose { &mut self.purposes } else { &mut self.roles };
                    add(into, coded(&ce)?);
                }
            }
            let is_text = |text: &String| found.elements().next().is_none() && !text.starts_with('<');
            let text = content(found)?.filter(is_text);
            self.variant(text.is_some(), "code-as-plain-text");
            let into = if is_purpose { &mut self.purposes } else { &mut self.role_texts };
            add(into, text.map(|text| Code::new(blanks_joined(&text), "", "")));
        }
        Ok(())
    }

    // The elements of these names in a value: as children, or escaped as text, which is parsed
    // once.
    fn elements(&mut self, found: &Tree, names: &[&str]) -> Vec<Tree> {
        let named = |tree: &Tree| -> Vec<Tree> {
            tree.elements().filter(|child| names.contains(&child.name())).take(VALUES).cloned().collect()
        };
        let text = found.text();
        if found.elements().next().is_some() || !text.trim_start().starts_with('<') {
            return named(found);
        }
        let wrapped = format!(
            "<v xmlns:hl7=\"urn:hl7-org:v3\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">{text}</v>"
        );
        let inner = Tree::parse(&wrapped).map(|tree| named(&tree)).unwrap_or_default();
        self.variant(!inner.is_empty(), "code-as-escaped-text");
        inner
    }

    fn patient(&mut self, patients: Vec<String>) -> Result<(), Unauthenticated> {
        let mut ids: Vec<PatientId> = Vec::new();
        for text in patients {
            self.variant(text.contains("&amp;"), "resource-id-escaped-twice");
            let id = PatientId::from_cx(&text.replace("&amp;", "&"));
            self.variant(id.is_none(), "resource-id-unreadable");
            ids.extend(id.filter(|id| !ids.contains(id)));
        }
        if ids.len() > 1 {
            return Err(invalid("several patients in resource-id"));
        }
        self.patient = ids.pop();
        Ok(())
    }

    fn variant(&mut self, is_there: bool, code: &'static str) {
        if is_there && !self.warnings.iter().any(|known| known.code == code) {
            self.warnings.push(Warning::new(code, "put up with in the assertion's attributes"));
        }
    }
}

fn add(codes: &mut Vec<Code>, code: Option<Code>) {
    codes.extend(code.filter(|code| !codes.iter().any(|known| known.same(code))));
}

fn coded(ce: &Tree) -> Result<Option<Code>, Unauthenticated> {
    let of = |name| value(ce.attribute(name).unwrap_or_default());
    let (Some(code), system, display) = (of("code")?, of("codeSystem")?, of("displayName")?) else {
        return Ok(None);
    };
    let system = system.unwrap_or_default();
    Ok(Some(Code::new(code, bare(&system), display.unwrap_or_default())))
}

fn texts(values: &[&Tree], into: &mut Vec<String>) -> Result<(), Unauthenticated> {
    for found in values {
        if let Some(text) = content(found)?.map(|text| blanks_joined(&text))
            && !into.contains(&text)
        {
            into.push(text);
        }
    }
    Ok(())
}

// Line breaks and runs of blanks become one blank; an ideographic space is part of a name and stays.
fn blanks_joined(text: &str) -> String {
    text.split([' ', '\t', '\r', '\n']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Without `urn:oid:` in any case.
pub(super) fn bare(text: &str) -> &str {
    let text = text.trim();
    match text.get(..8) {
        Some(prefix) if prefix.eq_ignore_ascii_case("urn:oid:") => text.get(8..).unwrap_or_default(),
        _ => text,
    }
}
