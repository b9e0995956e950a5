//! One asker at one door: writes requests with a fresh assertion, posts them over mutual TLS, reads the
//! answers. An initiating gateway's answer speaks for several communities: one to ITI-55 is read once for each.

use std::fmt;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::Uri;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use uuid::Uuid;

use super::DoorWord;
use crate::cli::exit;
use crate::community::whole;
use crate::config::{CaFile, KeyPair, PeerTls};
use crate::demo::client_file::{ClientFile, ClientFileError, CodeEntry, Door, Examples};
use crate::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use crate::dialect::hl7v3::CrossGatewayPatientDiscovery;
use crate::dialect::soap::{self, FramedBody, Unreceived};
use crate::dialect::{Addressing, Packaging, Received, Sent, Transaction};
use crate::identity::{Identity, Issuing, NameFormat, Signer};
use crate::model::{
    Answer, Authority, Code, CommunityId, Document, DocumentQuery, DocumentRetrieve, Failure, Interrupted,
    MessageId, Oid, Organization, PatientDiscovery, PatientMatch, PeerProfile, Person, QueryId,
    RegistryObject, Timestamp,
};
use crate::telemetry::TraceParent;
use crate::transport::{HttpClient, Post, client_config_of};

/// Bytes of an answer that is no document, and of one document.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
const DOCUMENT_BYTES_MAX: u64 = 1 << 30;

/// Why a question got no answer: what, where, what next.
#[derive(Debug)]
pub struct AskError {
    /// Exit code.
    pub code: u8,
    text: String,
    hint: String,
}

impl AskError {
    /// With what to do about it; may be empty.
    pub fn new(code: u8, text: String, hint: &str) -> Self {
        Self { code, text, hint: hint.to_owned() }
    }

    fn config(what: &str, why: impl fmt::Display) -> Self {
        Self::new(
            exit::CONFIG,
            format!("{what}: {why}"),
            "run `kakehashi demo` again to have the file written anew",
        )
    }

    fn failed(to: &Uri, failure: &Failure) -> Self {
        let (code, hint) = match failure {
            Failure::Unreachable(_) | Failure::TimedOut | Failure::Busy | Failure::BreakerOpen => (
                exit::UNAVAILABLE,
                "is the broker up? `kakehashi demo --keep` leaves it running; its log tells more",
            ),
            Failure::Rejected(_)
            | Failure::Ambiguous
            | Failure::NotOffered
            | Failure::Unrecorded
            | Failure::CardUnread => (
                exit::NO,
                "role, purpose and community must be in the agreement; the broker's audit log says why",
            ),
            Failure::Unreadable(_) => (exit::DATA, "`kakehashi decode` shows what is wrong with an answer"),
        };
        Self::new(code, format!("{to}: {failure}"), hint)
    }
}

impl fmt::Display for AskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.hint.is_empty() { Ok(()) } else { write!(f, "\n  hint: {}", self.hint) }
    }
}

impl From<ClientFileError> for AskError {
    fn from(error: ClientFileError) -> Self {
        let code = match error {
            ClientFileError::Unreadable(..) => exit::NO_INPUT,
            ClientFileError::Malformed(..) => exit::CONFIG,
            ClientFileError::Unwritable(..) => exit::IO,
        };
        Self::new(code, error.to_string(), "")
    }
}

/// Who asks, as typed.
#[derive(Debug, Clone, Copy)]
pub struct Who<'a> {
    /// Role word.
    pub role: &'a str,
    /// Purpose word.
    pub purpose: &'a str,
    /// `ID NAME` instead of the file's person.
    pub person: Option<&'a str>,
    /// `OID NAME` instead of the file's organisation.
    pub organization: Option<&'a str>,
}

/// One asker at one door.
pub struct Asker {
    client: HttpClient,
    issuing: Issuing,
    identity: Identity,
    profile: PeerProfile,
    /// Communities an answer may speak for.
    communities: Vec<CommunityId>,
    from: (Oid, CommunityId, Authority),
    to: (Oid, CommunityId),
    urls: Urls,
    examples: Examples,
    timeout: Duration,
}

/// Where it asks; the last two are a portal's.
struct Urls {
    patient_discovery: Uri,
    document_query: Uri,
    document_retrieve: Uri,
    registry: Option<Uri>,
    repository: Option<Uri>,
}

impl Asker {
    /// From client.json.
    ///
    /// # Errors
    /// The file or a key cannot be read or used; an unknown side, role or purpose.
    pub fn open(
        client: &Path,
        side: &str,
        door: DoorWord,
        who: Who<'_>,
        timeout_s: u64,
    ) -> Result<Self, AskError> {
        let file = ClientFile::read(client)?;
        let doors = file.sides.get(side).ok_or_else(|| {
            let sides: Vec<&str> = file.sides.keys().map(String::as_str).collect();
            AskError::new(
                exit::USAGE,
                format!("--side {side}: not in the file"),
                &format!("one of {}", sides.join(", ")),
            )
        })?;
        let door = match door {
            DoorWord::Portal => &doors.portal,
            DoorWord::Gateway => &doors.gateway,
        };
        let receiver = oid("receiver", &door.receiver)?;
        let is_portal = door.asker.community == door.receiver;
        let mut communities = Vec::new();
        let mut authorities = Vec::new();
        for community in &file.communities {
            let id = oid("community", &community.community)?;
            // A responding gateway speaks for itself only.
            if is_portal || id == receiver {
                communities.push(CommunityId(id));
                for authority in &community.authorities {
                    authorities.push(Authority(oid("authorities", authority)?));
                }
            }
        }
        let url = |text: &str| text.parse::<Uri>().map_err(|e| AskError::config(text, e));
        let urls = &door.endpoints;
        Ok(Self {
            client: https(door, timeout_s)?,
            issuing: issuing(door)?,
            identity: identity(&file, door, who)?,
            profile: PeerProfile { authorities, ..PeerProfile::default() },
            communities,
            from: (
                oid("device", &door.asker.device)?,
                CommunityId(oid("community", &door.asker.community)?),
                Authority(oid("authority", &door.asker.authority)?),
            ),
            to: (oid("receiver_device", &door.receiver_device)?, CommunityId(receiver)),
            urls: Urls {
                patient_discovery: url(&urls.patient_discovery)?,
                document_query: url(&urls.document_query)?,
                document_retrieve: url(&urls.document_retrieve)?,
                registry: urls.registry.as_deref().map(url).transpose()?,
                repository: urls.repository.as_deref().map(url).transpose()?,
            },
            examples: door.examples.clone(),
            timeout: Duration::from_secs(timeout_s),
        })
    }

    /// Persons to try.
    pub const fn examples(&self) -> &Examples {
        &self.examples
    }

    /// ITI-55.
    ///
    /// # Errors
    /// No answer.
    pub async fn find(&self, request: &PatientDiscovery) -> Result<Answer<PatientMatch>, AskError> {
        let mut answers = self.find_everywhere(self.carry::<CrossGatewayPatientDiscovery>(request).await?)?;
        // The wish for more attributes names no community: it was read once for each.
        let mut has_wish = false;
        answers.found.retain(|found| match found {
            PatientMatch::MoreAttributes { .. } => !std::mem::replace(&mut has_wish, true),
            PatientMatch::Found(_) | PatientMatch::Graded(_) => true,
        });
        Ok(answers)
    }

    /// ITI-38.
    ///
    /// # Errors
    /// No answer.
    pub async fn list(&self, request: &DocumentQuery) -> Result<Answer<RegistryObject>, AskError> {
        self.query::<CrossGatewayQuery>(request).await
    }

    /// ITI-18, as a portal asks its own registry.
    ///
    /// # Errors
    /// No answer; the door has no registry.
    pub async fn list_at_registry(
        &self,
        request: &DocumentQuery,
    ) -> Result<Answer<RegistryObject>, AskError> {
        self.query::<RegistryStoredQuery>(request).await
    }

    // Objects of all communities stand in one list.
    async fn query<T: Transaction<Request = DocumentQuery>>(
        &self,
        request: &DocumentQuery,
    ) -> Result<Answer<RegistryObject>, AskError> {
        let to = self.url::<T>()?;
        let (received, sent) = self.carry::<T>(request).await?;
        let profile = PeerProfile { shows: self.communities.clone(), ..self.profile.clone() };
        T::read_answer(received, &sent, &profile).map_err(|failure| AskError::failed(to, &failure))
    }

    /// ITI-39; bodies are still unread.
    ///
    /// # Errors
    /// No answer.
    pub async fn fetch(&self, request: &DocumentRetrieve) -> Result<Answer<Document>, AskError> {
        self.retrieve::<CrossGatewayRetrieve>(request).await
    }

    /// ITI-43, as a portal asks its own repository; bodies are still unread.
    ///
    /// # Errors
    /// No answer; the door has no repository.
    pub async fn fetch_at_repository(
        &self,
        request: &DocumentRetrieve,
    ) -> Result<Answer<Document>, AskError> {
        self.retrieve::<RetrieveDocumentSet>(request).await
    }

    async fn retrieve<T: Transaction<Request = DocumentRetrieve>>(
        &self,
        request: &DocumentRetrieve,
    ) -> Result<Answer<Document>, AskError> {
        let to = self.url::<T>()?;
        let (received, sent) = self.carry::<T>(request).await?;
        T::read_answer(received, &sent, &self.profile).map_err(|failure| AskError::failed(to, &failure))
    }

    /// A freshly signed request on standard output, plain SOAP; how to post it on standard error.
    ///
    /// # Errors
    /// The assertion cannot be signed, or nothing can be written.
    pub fn print<T: Transaction>(&self, request: &T::Request) -> Result<u8, AskError> {
        let (content_type, body, _) = self.write::<T>(request, Packaging::Simple)?;
        let FramedBody::Whole(body) = body else {
            return Err(AskError::new(exit::SOFTWARE, "a plain request is not whole".to_owned(), ""));
        };
        eprintln!("POST {}\nContent-Type: {content_type}", self.url::<T>()?);
        let mut out = std::io::stdout().lock();
        out.write_all(&body)
            .and_then(|()| out.flush())
            .map_err(|e| AskError::new(exit::IO, e.to_string(), ""))?;
        Ok(exit::OK)
    }

    fn url<T: Transaction>(&self) -> Result<&Uri, AskError> {
        let urls = &self.urls;
        let url = match T::NAME {
            "ITI-55" => Some(&urls.patient_discovery),
            "ITI-38" => Some(&urls.document_query),
            "ITI-39" => Some(&urls.document_retrieve),
            "ITI-18" => urls.registry.as_ref(),
            _ => urls.repository.as_ref(),
        };
        url.ok_or_else(|| {
            let text = format!("{} cannot be asked at this door", T::NAME);
            AskError::new(exit::USAGE, text, "a portal asks its registry and repository: --door portal")
        })
    }

    fn write<T: Transaction>(
        &self,
        request: &T::Request,
        packaging: Packaging,
    ) -> Result<(String, FramedBody, Sent), AskError> {
        let to = self.url::<T>()?;
        let now = Timestamp::now();
        let query =
            QueryId { root: self.from.0.to_string(), extension: Some(Uuid::new_v4().simple().to_string()) };
        let addressing = Addressing {
            message: MessageId::fresh(),
            query,
            at: now,
            device: self.from.0.clone(),
            community: self.from.1.clone(),
            authority: self.from.2.clone(),
            receiver_device: self.to.0.clone(),
            receiver: self.to.1.clone(),
            to: to.to_string(),
        };
        let (payload, sent) = T::write_request(request, &addressing, &self.profile_for::<T>(request));
        let issuing = Issuing { recipient: to.to_string(), ..self.issuing.clone() };
        let security = issuing.security(&self.identity, None, Uuid::new_v4(), now);
        let security = security.map_err(|e| AskError::config("the assertion", e))?;
        let framed = soap::frame_request(packaging, T::REQUEST_ACTION, &addressing, Some(&security), payload);
        Ok((framed.content_type, framed.body, sent))
    }

    // @home is written on patient queries only when it was typed.
    fn profile_for<T: Transaction>(&self, request: &T::Request) -> PeerProfile {
        let request: &dyn std::any::Any = request;
        let has_home = request.downcast_ref::<DocumentQuery>().is_some_and(|query| query.home.is_some());
        PeerProfile { send_home_on_patient_query: has_home, ..self.profile.clone() }
    }

    async fn carry<T: Transaction>(&self, request: &T::Request) -> Result<(Received, Sent), AskError> {
        let to = self.url::<T>()?;
        let failed = |failure: Failure| AskError::failed(to, &failure);
        let (content_type, body, sent) = self.write::<T>(request, T::PACKAGING)?;
        let body = match whole(body).await.map_err(failed)? {
            FramedBody::Whole(body) => body,
            FramedBody::Stream(_) => Bytes::new(),
        };
        let post = Post {
            answer_bytes_max: if T::PACKAGING == Packaging::Mtom {
                DOCUMENT_BYTES_MAX
            } else {
                ANSWER_BYTES_MAX
            },
            body,
            content_type: &content_type,
            timeout: self.timeout,
            to,
            trace: TraceParent::fresh(),
        };
        let answer = self.client.post(post).await.map_err(failed)?;
        let status = answer.status;
        let content_type = Some(answer.content_type().to_owned()).filter(|text| !text.is_empty());
        let limits = soap::Limits { root_bytes_max: ANSWER_BYTES_MAX, ..soap::Limits::default() };
        let received = soap::receive(content_type.as_deref(), answer.body, limits).await;
        let received = received.map_err(|why| {
            failed(match why {
                Unreceived::Interrupted(Interrupted::Idle) => Failure::TimedOut,
                _ if !status.is_success() => Failure::Unreachable(format!("HTTP status {}", status.as_u16())),
                why => Failure::Unreadable(why.to_string()),
            })
        })?;
        Ok((received, sent))
    }

    // What the answer says for each community; what was said for another one is no error.
    fn find_everywhere(&self, (received, sent): (Received, Sent)) -> Result<Answer<PatientMatch>, AskError> {
        let mut merged = Answer::default();
        let mut errors: Option<Vec<_>> = None;
        let to = self.url::<CrossGatewayPatientDiscovery>()?;
        for community in &self.communities {
            let received = Received { envelope: received.envelope.clone(), parts: None };
            let sent = Sent { home: community.clone(), ..sent.clone() };
            let read = CrossGatewayPatientDiscovery::read_answer(received, &sent, &self.profile);
            let read = read.map_err(|failure| AskError::failed(to, &failure))?;
            merged.found.extend(read.found);
            merged.answered = merged.answered.max(read.answered);
            // An error of the message itself is there in every reading.
            let here = |code: &str, context: &str| {
                read.reported.iter().any(|r| r.code == code && r.context == context)
            };
            match &mut errors {
                None => errors = Some(read.reported.clone()),
                Some(errors) => errors.retain(|error| here(&error.code, &error.context)),
            }
        }
        merged.reported = errors.unwrap_or_default();
        Ok(merged)
    }
}

fn oid(key: &str, text: &str) -> Result<Oid, AskError> {
    Oid::parse(text).ok_or_else(|| AskError::config(key, format!("\"{text}\" is no OID")))
}

fn https(door: &Door, timeout_s: u64) -> Result<HttpClient, AskError> {
    let tls = &door.tls;
    let ca =
        CaFile { name: "ca".to_owned(), certificates: tls.ca.clone(), crl: tls.crl.clone(), exemption: None };
    let tls = PeerTls {
        allow_tls12: false,
        ca: vec![ca],
        certificates: Vec::new(),
        client: Some(KeyPair { certificate: tls.certificate.clone(), key: tls.key.clone() }),
        server_pins: Vec::new(),
    };
    let config = client_config_of(&tls, Path::new("client.json")).map_err(|e| AskError::config("tls", e))?;
    Ok(HttpClient::with(config, Duration::from_secs(timeout_s), Duration::from_secs(10), 4))
}

fn issuing(door: &Door) -> Result<Issuing, AskError> {
    let saml = &door.saml;
    let key = std::fs::read_to_string(&saml.key)
        .map_err(|e| AskError::config(&saml.key.display().to_string(), e))?;
    let named = saml.certificate.display().to_string();
    let certificate =
        CertificateDer::from_pem_file(&saml.certificate).map_err(|e| AskError::config(&named, e))?;
    Ok(Issuing {
        issuer: saml.issuer.clone(),
        signer: Signer::new(&key, &certificate).map_err(|e| AskError::config(&named, e))?,
        audience: saml.audience.clone(),
        recipient: String::new(),
        community: CommunityId(oid("community", &door.asker.community)?),
        roles: Vec::new(),
        purposes: Vec::new(),
        name_format: NameFormat::Uri,
        life_seconds: 300,
        must_understand: true,
    })
}

fn identity(file: &ClientFile, door: &Door, who: Who<'_>) -> Result<Identity, AskError> {
    let code = |entries: &[CodeEntry], option: &str, word: &str| {
        let found = entries.iter().find(|entry| entry.word.eq_ignore_ascii_case(word));
        found.map(|entry| Code::new(&entry.code, &entry.system, &entry.display)).ok_or_else(|| {
            let words: Vec<&str> = entries.iter().map(|entry| entry.word.as_str()).collect();
            let text = format!("{option} {word}: not in client.json");
            AskError::new(exit::USAGE, text, &format!("one of {}", words.join(", ")))
        })
    };
    let asker = &door.asker;
    let split = |text: &str| {
        let (id, name) = text.trim().split_once(' ').unwrap_or((text, text));
        (id.to_owned(), name.trim().to_owned())
    };
    let person = match who.person {
        Some(text) => split(text),
        None => {
            let known = asker.persons.get(who.role).or_else(|| asker.persons.values().next());
            known.map(|person| (person.id.clone(), person.name.clone())).unwrap_or_default()
        }
    };
    let organization =
        who.organization.map_or_else(|| (asker.organization_id.clone(), asker.organization.clone()), split);
    Ok(Identity {
        person: Person { id: person.0, name: person.1, alias: None },
        organization: Organization { id: organization.0, name: organization.1 },
        roles: vec![code(&file.codes.roles, "--role", who.role)?],
        purpose: code(&file.codes.purposes, "--purpose", who.purpose)?,
        authenticated: Some(Timestamp::now()),
    })
}
