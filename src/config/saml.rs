//! How a peer's assertions are read and what ours toward it say (`saml` table of a file).

use std::path::{Path, PathBuf};

use super::section::Section;
use super::tls::pem;
use crate::model::{Code, Purpose, Role, Timestamp};

/// The `saml` table.
#[derive(Debug, Clone, PartialEq)]
pub struct PeerSaml {
    /// The audience our assertions toward it name.
    pub audience: Option<String>,
    /// Whether an assertion without audience is refused.
    pub audience_required: bool,
    /// Issuers of its assertions, exact strings.
    pub issuers: Vec<String>,
    /// Seconds our assertions toward it live; the broker's own setting when None.
    pub life_s: Option<u64>,
    /// Whether an assertion may be used for one message only.
    pub one_use: bool,
    /// Purpose codes it sends and what they mean.
    pub purposes: Vec<(Code, Purpose)>,
    /// Seconds within which a portal may send the same message again (portals only, decisions B1).
    pub resend_s: Option<u64>,
    /// Role codes it sends and the role inside the broker; others refuse.
    pub roles_in: Vec<(Code, Role)>,
    /// Roles inside the broker and the code it is sent.
    pub roles_out: Vec<(Role, Code)>,
    /// Signatures with SHA-1 are taken before this moment.
    pub sha1_until: Option<Timestamp>,
    /// Certificates (PEM) its assertions are signed with.
    pub signers: Vec<PathBuf>,
    /// Seconds its clock may differ from ours.
    pub skew_s: u64,
}

impl PeerSaml {
    pub(super) fn read(mut section: Section<'_>, certs: &Path) -> Self {
        let s = &mut section;
        let mut roles = s.section_or_empty("roles");
        let saml = Self {
            audience: s.text("audience"),
            audience_required: s.flag("audience_required", true),
            issuers: s.texts("issuer"),
            life_s: s.optional_number("life_s", 10..=3_600),
            one_use: s.flag("one_use", false),
            purposes: purposes(s),
            resend_s: s.optional_number("resend_s", 1..=3_600),
            roles_in: roles.sections("in").into_iter().filter_map(role).collect(),
            roles_out: roles.sections("out").into_iter().filter_map(role).map(|(c, r)| (r, c)).collect(),
            sha1_until: s.end_of_day("sha1_until"),
            signers: s.texts("signer").iter().map(|name| pem(certs, name)).collect(),
            skew_s: s.number("skew_s", 60, 0..=600),
        };
        roles.finish();
        for (key, missing) in [("issuer", saml.issuers.is_empty()), ("signer", saml.signers.is_empty())] {
            if missing {
                s.fault(key, format!("missing key `saml.{key}`"), "whose assertions are trusted");
            }
        }
        section.finish();
        saml
    }
}

/// `{ code = "..", system = "..", display = "..", role = ".." }`.
fn role(mut section: Section<'_>) -> Option<(Code, Role)> {
    let code = code(&mut section);
    let role = section.required("role", "\"physician\"").map(Role);
    section.finish();
    Some((code?, role?))
}

fn code(section: &mut Section<'_>) -> Option<Code> {
    let value = section.required("code", "\"...\"");
    let system = section.required("system", "\"2.999.1\"");
    let display = section.text("display").unwrap_or_default();
    let system = system?;
    let bare = system.strip_prefix("urn:oid:").unwrap_or(&system).to_owned();
    Some(Code::new(value?, bare, display))
}

/// The two purposes under their standard codes, and what the file adds.
fn purposes(section: &mut Section<'_>) -> Vec<(Code, Purpose)> {
    let words = [("EMERGENCY", Purpose::Emergency), ("TREATMENT", Purpose::Treatment)];
    let mut purposes: Vec<_> =
        words.iter().map(|(_, purpose)| (Code::new(purpose.code(), PURPOSE_SYSTEM, ""), *purpose)).collect();
    for mut entry in section.sections("purposes") {
        let code = code(&mut entry);
        let purpose = entry.required_word("purpose", &words);
        entry.finish();
        purposes.extend(code.zip(purpose));
    }
    purposes
}

/// XSPA purpose of use (decisions C5).
const PURPOSE_SYSTEM: &str = "2.16.840.1.113883.3.18.7.1";
