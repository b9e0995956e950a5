//! Who asks: the system by its certificate, the person by the assertion.

use std::fmt;

use super::{Code, CommunityId};

/// Why the data are asked for (XSPA purpose of use, 2.16.840.1.113883.3.18.7.1). Others are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// EMERGENCY.
    Emergency,
    /// TREATMENT.
    Treatment,
}

impl Purpose {
    /// The code on the wire.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Emergency => "EMERGENCY",
            Self::Treatment => "TREATMENT",
        }
    }
}

/// The role inside the broker that a peer's role code is mapped to (japan.md 4.3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Role(pub String);

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The person at the keyboard, as the assertion names them: a professional, not a patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// NameID at the issuer.
    pub id: String,
    /// subject-id: the plain name.
    pub name: String,
    /// NameID/@SPProvidedID.
    pub alias: Option<String>,
}

/// The person's organisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// organization-id without `urn:oid:`.
    pub id: String,
    /// Plain name.
    pub name: String,
}

/// Who asks, after certificate and assertion have been verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The configured peer whose certificate the connection showed.
    pub system: super::TargetName,
    /// The asking community: the certificate's, never the assertion's.
    pub community: CommunityId,
    /// The person's organisation.
    pub organization: Organization,
    /// The person.
    pub person: Person,
    /// Roles inside the broker; never empty.
    pub roles: Vec<Role>,
    /// Role codes as they came.
    pub role_codes: Vec<Code>,
    /// Purpose of use.
    pub purpose: Purpose,
    /// The assertion's issuer and id, for the record.
    pub assertion: AssertionRef,
}

/// Which assertion vouched for the requester.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionRef {
    /// saml:Issuer.
    pub issuer: String,
    /// saml:Assertion/@ID.
    pub id: String,
    /// AuthnInstant, carried over into our own assertion.
    pub authenticated: Option<super::Timestamp>,
}
