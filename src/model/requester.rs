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

/// Who asks: the system, and the person it was vouched for where anybody was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requester {
    /// The configured peer whose certificate the connection showed.
    pub system: super::TargetName,
    /// The asking community: the certificate's, never the assertion's.
    pub community: CommunityId,
    /// The person behind it. None where nobody was vouched for: only our own portals may ask so, only
    /// what a PIX manager or PDQ supplier answers within its network, and no peer is asked.
    pub vouched: Option<Vouched>,
}

/// A person, verified to sit in front of the asking system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
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
    /// What vouched for all of it, for the record.
    pub by: Voucher,
}

/// What vouched for a requester.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voucher {
    /// By which means.
    pub means: Means,
    /// saml:Issuer, or the issuer that the portal's file names; never empty.
    pub issuer: String,
    /// saml:Assertion/@ID or the token's `jti`; plain headers have none.
    pub id: Option<String>,
    /// When the person logged in, carried over into our own assertion.
    pub authenticated: Option<super::Timestamp>,
}

/// How a person is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Means {
    /// A SAML assertion in the message.
    Assertion,
    /// HTTP headers over the mutual TLS of a portal whose file says so.
    Headers,
    /// A signed token (JWS) in an HTTP header, likewise.
    Token,
}

impl Means {
    /// The word in records.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Assertion => "assertion",
            Self::Headers => "headers",
            Self::Token => "token",
        }
    }
}

/// Whom a request is counted as, and for whom things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AskerKey<'a> {
    /// Who vouched.
    pub issuer: &'a str,
    /// The person there.
    pub person: &'a str,
    /// Their organisation.
    pub organization: &'a str,
}

impl Requester {
    /// The person and whoever vouched for them. Where nobody was vouched for the system itself stands in
    /// their place, as one single person: all three are empty then, as those of a person never are.
    pub fn key(&self) -> AskerKey<'_> {
        match &self.vouched {
            Some(vouched) => AskerKey {
                issuer: &vouched.by.issuer,
                person: &vouched.person.id,
                organization: &vouched.organization.id,
            },
            None => AskerKey { issuer: "", person: "", organization: "" },
        }
    }

    /// Purpose of use, where anybody was vouched for.
    pub fn purpose(&self) -> Option<Purpose> {
        self.vouched.as_ref().map(|vouched| vouched.purpose)
    }

    /// Whether it is an emergency: somebody was vouched for with that purpose.
    pub fn is_emergency(&self) -> bool {
        self.purpose() == Some(Purpose::Emergency)
    }
}
