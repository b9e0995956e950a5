//! Our own assertion toward peers (decisions B6, wire.md 5.3 "What we write"): one per outbound
//! message, bearer, signed. What it says of the person comes from the portal's assertion or is
//! given by hand; codes are mapped by the peer's table and nothing is invented.

use uuid::Uuid;

use super::signer::Signer;
use super::trust::IdentityError;
use crate::model::{
    Code, CommunityId, Oid, Organization, PatientId, Person, Purpose, Role, Timestamp, Vouched,
};
use crate::xml::Writer;

/// Attribute/@NameFormat as the peer wants it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum NameFormat {
    /// `...attrname-format:uri`.
    #[default]
    Uri,
    /// `...attrname-format:basic`.
    Basic,
    /// No NameFormat.
    Absent,
}

impl NameFormat {
    const fn urn(self) -> Option<&'static str> {
        match self {
            Self::Uri => Some("urn:oasis:names:tc:SAML:2.0:attrname-format:uri"),
            Self::Basic => Some("urn:oasis:names:tc:SAML:2.0:attrname-format:basic"),
            Self::Absent => None,
        }
    }
}

/// How we vouch toward one peer.
#[derive(Debug, Clone)]
pub struct Issuing {
    /// Our SAML issuer name.
    pub issuer: String,
    /// Our key.
    pub signer: Signer,
    /// The audience the peer wants.
    pub audience: String,
    /// The URL the message goes to.
    pub recipient: String,
    /// Our home community.
    pub community: CommunityId,
    /// The peer's code for each of our roles.
    pub roles: Vec<(Role, Code)>,
    /// The peer's code for each purpose.
    pub purposes: Vec<(Purpose, Code)>,
    /// How attributes are marked.
    pub name_format: NameFormat,
    /// Seconds until it expires; 300 unless the peer needs another.
    pub life_seconds: i64,
    /// Whether the Security header carries mustUnderstand.
    pub must_understand: bool,
}

/// A person as an assertion of ours presents them, in the peer's codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub person: Person,
    /// Whose.
    pub organization: Organization,
    /// Role codes; at least one.
    pub roles: Vec<Code>,
    /// Purpose of use.
    pub purpose: Code,
    /// When the person logged in; no AuthnStatement is written without it.
    pub authenticated: Option<Timestamp>,
}

impl Issuing {
    /// Carries a person who was vouched for over into the peer's codes. Of several roles those without a
    /// code there are left out.
    ///
    /// # Errors
    /// `Unmapped` when no role or not the purpose has a code.
    pub fn identity(&self, vouched: &Vouched) -> Result<Identity, IdentityError> {
        let code_of = |role: &Role| self.roles.iter().find(|(ours, _)| ours == role).map(|(_, c)| c.clone());
        let roles: Vec<Code> = vouched.roles.iter().filter_map(code_of).collect();
        if roles.is_empty() {
            let names: Vec<&str> = vouched.roles.iter().map(|role| role.0.as_str()).collect();
            return Err(IdentityError::Unmapped(format!("role {}", names.join(", "))));
        }
        let purpose = self.purposes.iter().find(|(ours, _)| *ours == vouched.purpose);
        let (_, purpose) =
            purpose.ok_or_else(|| IdentityError::Unmapped(format!("purpose {}", vouched.purpose.code())))?;
        Ok(Identity {
            person: vouched.person.clone(),
            organization: vouched.organization.clone(),
            roles,
            purpose: purpose.clone(),
            authenticated: vouched.by.authenticated,
        })
    }

    /// The whole `wsse:Security` header block with Timestamp and signed assertion; it declares its
    /// own prefixes. `id` makes the assertion's ID and must be fresh.
    ///
    /// # Errors
    /// `Signing`.
    pub fn security(
        &self,
        identity: &Identity,
        patient: Option<&PatientId>,
        id: Uuid,
        now: Timestamp,
    ) -> Result<String, IdentityError> {
        let assertion = self.assertion(identity, patient, id, now)?;
        let mut w = Writer::new();
        w.start("wsse:Security");
        w.attribute("xmlns:wsse", super::signature::WSSE);
        w.attribute("xmlns:wsu", super::signature::WSU);
        if self.must_understand {
            w.attribute("xmlns:s", super::signature::SOAP).attribute("s:mustUnderstand", "1");
        }
        w.start("wsu:Timestamp").attribute("wsu:Id", &format!("ts-{id}"));
        w.leaf("wsu:Created", &now.xs_date_time());
        w.leaf("wsu:Expires", &now.plus_seconds(self.life_seconds).xs_date_time()).end();
        w.raw(&assertion);
        Ok(w.finish())
    }

    // Written as it is canonical, so that it is signed as it stands.
    fn assertion(
        &self,
        identity: &Identity,
        patient: Option<&PatientId>,
        id: Uuid,
        now: Timestamp,
    ) -> Result<String, IdentityError> {
        let id = format!("_{id}");
        let (from, until) = (now.xs_date_time(), now.plus_seconds(self.life_seconds).xs_date_time());
        let mut w = Writer::canonical();
        w.start("saml:Assertion").attribute("xmlns:saml", super::signature::SAML);
        w.attribute("ID", &id).attribute("IssueInstant", &from).attribute("Version", "2.0");
        w.leaf("saml:Issuer", &self.issuer);
        // The schema wants the signature right after Issuer.
        let signature_at = w.written();
        w.start("saml:Subject").start("saml:NameID");
        w.attribute_if("SPProvidedID", identity.person.alias.as_deref()).text(&identity.person.id).end();
        w.start("saml:SubjectConfirmation").attribute("Method", "urn:oasis:names:tc:SAML:2.0:cm:bearer");
        w.start("saml:SubjectConfirmationData").attribute("NotOnOrAfter", &until);
        w.attribute("Recipient", &self.recipient).end().end().end();
        w.start("saml:Conditions").attribute("NotBefore", &from).attribute("NotOnOrAfter", &until);
        w.start("saml:AudienceRestriction").leaf("saml:Audience", &self.audience).end().end();
        if let Some(at) = identity.authenticated {
            w.start("saml:AuthnStatement").attribute("AuthnInstant", &at.xs_date_time());
            let class = "urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified";
            w.start("saml:AuthnContext").leaf("saml:AuthnContextClassRef", class).end().end();
        }
        self.attributes(&mut w, identity, patient);
        let mut assertion = w.finish();
        let signature = self.signer.signature(&id, &assertion)?;
        assertion.insert_str(signature_at, &signature);
        Ok(assertion)
    }

    fn attributes(&self, w: &mut Writer, identity: &Identity, patient: Option<&PatientId>) {
        let organization = &identity.organization;
        let organization_id = match Oid::parse(&organization.id) {
            Some(oid) => oid.urn(),
            None => organization.id.clone(),
        };
        w.start("saml:AttributeStatement");
        self.text(w, "urn:oasis:names:tc:xspa:1.0:subject:subject-id", &identity.person.name);
        self.text(w, "urn:oasis:names:tc:xspa:1.0:subject:organization", &organization.name);
        self.text(w, "urn:oasis:names:tc:xspa:1.0:subject:organization-id", &organization_id);
        self.text(w, "urn:ihe:iti:xca:2010:homeCommunityId", &self.community.0.urn());
        self.codes(w, "urn:oasis:names:tc:xacml:2.0:subject:role", "hl7:Role", &identity.roles);
        let purpose = std::slice::from_ref(&identity.purpose);
        self.codes(w, "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", "hl7:PurposeOfUse", purpose);
        if let Some(patient) = patient {
            self.text(w, "urn:oasis:names:tc:xacml:2.0:resource:resource-id", patient.cx().reveal());
        }
        w.end();
    }

    fn text(&self, w: &mut Writer, name: &str, value: &str) {
        if !value.is_empty() {
            w.start("saml:Attribute").attribute("Name", name);
            w.attribute_if("NameFormat", self.name_format.urn()).leaf("saml:AttributeValue", value).end();
        }
    }

    // The prefix is declared on the value itself, so that exclusive canonicalization keeps it.
    fn codes(&self, w: &mut Writer, name: &str, element: &str, codes: &[Code]) {
        w.start("saml:Attribute").attribute("Name", name);
        w.attribute_if("NameFormat", self.name_format.urn());
        for code in codes {
            w.start("saml:AttributeValue").start(element).attribute("xmlns:hl7", "urn:hl7-org:v3");
            w.attribute("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
            w.attribute("code", &code.value);
            w.attribute("codeSystem", super::attributes::bare(&code.system));
            let display = Some(code.display.as_str()).filter(|display| !display.is_empty());
            w.attribute_if("displayName", display).attribute("xsi:type", "hl7:CE").end().end();
        }
        w.end();
    }
}
