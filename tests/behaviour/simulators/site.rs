//! A hospital, or a whole network, as products show it: a PIX and PDQ manager, a registry and a
//! repository over mutual TLS, each with the habits that products of its family have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine as _;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::Response;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use kakehashi::dialect::ebxml::{RegistryStoredQuery, RetrieveDocumentSet};
use kakehashi::dialect::hl7v3::{PdqCancellation, PdqContinuation, PdqQuery, PixQuery};
use kakehashi::dialect::soap::Envelope;
use kakehashi::model::{
    Answer, Availability, Code, CommunityId, DemographicsQuery, DocumentEntry, DocumentId, DocumentQuery,
    FoundPatient, Homeless, Interrupted, Page, PatientId, PatientMatch, Phi, QueryId, QueryKey, Refusal,
    RegistryObject, RepositoryId, ReturnType,
};
use tokio::sync::Notify;

use super::client::{oid, patient};
use super::gateway::{Arrived, Body, Gateway, entry};
use super::hospital::Someone;
use super::network::Place;
use super::registry::Holdings as Archived;

/// How its documents travel.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Packaging {
    /// As CXF packs: a boundary with `uuid:` in quotes, references percent-encoded.
    Cxf,
    /// Base64 within the message.
    Inline,
    /// A plain boundary without quotes.
    Plain,
}

/// What products of a family do.
#[derive(Clone, Copy)]
pub struct Habits {
    /// Whether deprecated entries come whatever status was asked for.
    pub ignores_status: bool,
    /// Whole objects given in one answer at most.
    pub leaf_max: usize,
    pub packaging: Packaging,
    /// Persons on a page; 0 is all at once.
    pub page: usize,
}

/// As HumanBridge's family: UUIDs everywhere, short lists.
pub const HUMANBRIDGE: Habits =
    Habits { ignores_status: false, leaf_max: 3, packaging: Packaging::Cxf, page: 0 };
/// As ID-Link's family: OIDs with extensions, persons page by page, statuses ignored.
pub const IDLINK: Habits =
    Habits { ignores_status: true, leaf_max: 1_000, packaging: Packaging::Plain, page: 1 };

/// Makes something else of an honest answer.
pub type Bend = Arc<dyn Fn(Arrived, Response<Body>) -> BoxFuture<'static, Response<Body>> + Send + Sync>;

/// What it does besides, from now on.
#[derive(Default)]
pub struct Mood {
    /// What becomes of each answer.
    pub bend: Option<Bend>,
    /// Whether it never answers.
    pub is_silent: bool,
    /// Whether its lists hold an entry of another patient and one of another repository.
    pub lies: bool,
    /// Whether its documents are others than their entries say.
    pub forges: bool,
    /// Whether it shows persons by their ids alone.
    pub is_bare: bool,
    /// Awaited behind the second piece of a document.
    pub gate: Option<Arc<Notify>>,
    /// Our ids that its PIX manager knows, with its own.
    pub links: HashMap<String, &'static str>,
    /// What its registry lists instead of the documents filed one by one: folders and submission sets
    /// as well.
    pub archive: Option<Archived>,
}

#[derive(Default)]
struct Holdings {
    patients: Vec<(&'static str, Someone)>,
    documents: Vec<(DocumentEntry, Vec<u8>)>,
}

/// A running one.
pub struct Site {
    pub gateway: Gateway,
    pub mood: Arc<Mutex<Mood>>,
    place: Place,
    facility: &'static str,
    organization: String,
    holdings: Arc<Mutex<Holdings>>,
}

struct Answering {
    place: Place,
    habits: Habits,
    authority: String,
    mood: Arc<Mutex<Mood>>,
    holdings: Arc<Mutex<Holdings>>,
    queries: Mutex<HashMap<String, Vec<FoundPatient>>>,
}

impl Site {
    /// One without patients.
    pub async fn start(place: Place, facility: &'static str, organization: &str, habits: Habits) -> Self {
        let (holdings, mood): (Arc<Mutex<Holdings>>, Arc<Mutex<Mood>>) = Default::default();
        let answering = Arc::new(Answering {
            place,
            habits,
            authority: format!("{organization}.1"),
            mood: Arc::clone(&mood),
            holdings: Arc::clone(&holdings),
            queries: Mutex::default(),
        });
        let gateway = Gateway::start(place, move |arrived| {
            let answering = Arc::clone(&answering);
            async move {
                let honest = answering.answer(&arrived).await;
                let bend = answering.mood.lock().unwrap().bend.clone();
                match bend {
                    Some(bend) => bend(arrived, honest).await,
                    None => honest,
                }
            }
        })
        .await;
        Self { gateway, mood, place, facility, organization: organization.to_owned(), holdings }
    }

    pub fn repository(&self) -> String {
        format!("{}.9", self.organization)
    }

    /// A patient's id there.
    pub fn number(&self, number: &str) -> PatientId {
        patient(&format!("{}.1", self.organization), number)
    }

    pub fn register(&self, number: &'static str, who: &Someone) -> &Self {
        self.holdings.lock().unwrap().patients.push((number, who.clone()));
        self
    }

    /// Files a document of this unique id; the code is LOINC's.
    pub fn file(&self, number: &str, unique: &str, code: &str, content: &str) -> DocumentEntry {
        self.file_as(number, unique, content, |entry| {
            entry.type_code = Code::new(code, "2.16.840.1.113883.6.1", code);
        })
    }

    pub fn file_as(
        &self,
        number: &str,
        unique: &str,
        content: &str,
        change: impl FnOnce(&mut DocumentEntry),
    ) -> DocumentEntry {
        let community = CommunityId(oid(self.place.community));
        let mut entry = entry(self.place, self.number(number), unique);
        entry.id = DocumentId {
            community,
            repository: RepositoryId(oid(&self.repository())),
            unique: Phi::new(unique.to_owned()),
        };
        entry.hash = Some(hex::encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, content.as_bytes())).into());
        entry.size = Some(content.len() as u64);
        change(&mut entry);
        self.holdings.lock().unwrap().documents.push((entry.clone(), content.as_bytes().to_vec()));
        entry
    }

    /// Keeps the bytes of a document that its archive lists.
    pub fn keep(&self, entry: DocumentEntry, content: Vec<u8>) {
        self.holdings.lock().unwrap().documents.push((entry, content));
    }

    /// Its file for `peers/` as a source of ours.
    pub fn as_source(&self, above: &str, more: &str) -> String {
        let Self { facility, organization, .. } = self;
        let url = format!("https://127.0.0.1:{}", self.gateway.port);
        format!(
            r#"
kind = "xds"
side = "home"
{above}
tls = {{ ca = "net-ca", client = "{place}-gateway" }}

[xds]
patient_demographics = "{url}/pdq"
registry = "{url}/registry"
repositories = [{{ id = "{organization}.9", url = "{url}/repository" }}]
authority = "{organization}.1"
facility = "{facility}"
renditions = ["format"]
{more}
"#,
            place = self.place.name
        )
    }

    /// Its file for `peers/` as another network, for a broker of `ours`.
    pub fn as_peer(&self, ours: Place, above: &str, more: &str) -> String {
        let Place { name, community } = self.place;
        let url = format!("https://127.0.0.1:{}", self.gateway.port);
        format!(
            r#"
kind = "xds"
side = "peer"
community = "urn:oid:{community}"
{above}
tls = {{ ca = "net-ca", san_uri = "urn:oid:{community}", client = "{ours}-gateway" }}

[saml]
issuer = "https://{name}.example/idp"
signer = "{name}-saml"
roles.in = [{{ code = "physician", role = "physician" }}]
roles.out = [{{ code = "physician", role = "physician" }}]

[xds]
patient_demographics = "{url}/pdq"
registry = "{url}/registry"
repositories = [{{ id = "{organization}.9", url = "{url}/repository" }}]
authority = "{organization}.1"
{more}
"#,
            organization = self.organization,
            ours = ours.name
        )
    }

    /// A consent of a person of its own toward a community.
    pub fn consent(&self, network_id: &str, number: &str, toward: Place) -> String {
        self.consent_of(network_id, number, toward, "granted")
    }

    /// The same in another state.
    pub fn consent_of(&self, network_id: &str, number: &str, toward: Place, state: &str) -> String {
        let (facility, community) = (self.facility, toward.community);
        format!(
            "{network_id},{facility},{number},{community},*,*,TREATMENT,{state},2024-01-01,,HR-1,binder,clerk"
        )
    }

    /// How often this path was asked.
    pub fn asked(&self, path: &str) -> usize {
        self.gateway.seen().iter().filter(|arrived| arrived.path == path).count()
    }
}

impl Answering {
    async fn answer(&self, arrived: &Arrived) -> Response<Body> {
        let is_silent = self.mood.lock().unwrap().is_silent;
        if is_silent {
            std::future::pending::<()>().await;
        }
        match arrived.path.as_str() {
            "/pix" => self.ids(arrived),
            "/pdq" => self.persons(arrived),
            "/registry" => self.list(arrived),
            _ => self.documents(arrived),
        }
    }

    fn ids(&self, arrived: &Arrived) -> Response<Body> {
        let known = arrived.request::<PixQuery>().known;
        let linked = self.mood.lock().unwrap().links.get(known.value.reveal()).copied();
        let answer = match linked {
            Some(number) => Ok(Answer::found(vec![self.found(number, None)])),
            None => Err(Refusal::UnknownPatient(known)),
        };
        arrived.answer::<PixQuery>(answer)
    }

    fn found(&self, number: &str, who: Option<&Someone>) -> FoundPatient {
        FoundPatient {
            community: CommunityId(oid(self.place.community)),
            id: patient(&self.authority, number),
            demographics: who.map(|who| Phi::new(who.demographics())),
            confidence: 90,
            also: vec![patient("2.999.77.1", &format!("card-{number}"))],
        }
    }

    // Every value asked by must be theirs, of names one; address and telephone are passed over.
    fn persons(&self, arrived: &Arrived) -> Response<Body> {
        if arrived.envelope.contains("QUQI_IN000003UV01_Cancel") {
            let asked = arrived.request::<PdqCancellation>();
            self.queries.lock().unwrap().remove(&key(&asked.query));
            return arrived.answer::<PdqCancellation>(Ok(Answer::default()));
        }
        if arrived.envelope.contains("QUQI_IN000003UV01") {
            let asked = arrived.request::<PdqContinuation>();
            let found = self.queries.lock().unwrap().get(&key(&asked.query)).cloned();
            let Some(found) = found else {
                return arrived.answer::<PdqContinuation>(Err(Refusal::UnknownQuery));
            };
            let page = self.page(&found, asked.from.unwrap_or(1) - 1, asked.page);
            let bend = |text| self.with_contacts(text, &page);
            return arrived.answer_bent::<PdqContinuation>(Ok(page.clone().map(PatientMatch::Found)), bend);
        }
        let asked = arrived.request::<PdqQuery>();
        let found = self.resembling(&asked);
        self.queries.lock().unwrap().insert(key(&asked.query), found.clone());
        let page = self.page(&found, 0, asked.page);
        let bend = |text| self.with_contacts(text, &page);
        arrived.answer_bent::<PdqQuery>(Ok(page.clone().map(PatientMatch::Found)), bend)
    }

    fn resembling(&self, asked: &DemographicsQuery) -> Vec<FoundPatient> {
        let typed = asked.person.demographics.reveal();
        let holdings = self.holdings.lock().unwrap();
        let is_meant = |number: &str, who: &Someone| {
            let known = who.demographics();
            let same = |one: &str, two: &str| one == two;
            asked.person.ids.iter().all(|id| *id == patient(&self.authority, number))
                && (typed.names.is_empty()
                    || typed.names.iter().any(|name| {
                        known
                            .names
                            .iter()
                            .any(|own| same(&own.family, &name.family) && same(&own.given, &name.given))
                    }))
                && (typed.birth.is_none() || typed.birth == known.birth)
                && (typed.sex.is_none() || typed.sex == known.sex)
        };
        let is_bare = self.mood.lock().unwrap().is_bare;
        let patients = holdings.patients.iter().filter(|(number, who)| is_meant(number, who));
        patients.map(|(number, who)| self.found(number, (!is_bare).then_some(who))).collect()
    }

    fn page(&self, found: &[FoundPatient], before: usize, wanted: Option<usize>) -> Answer<FoundPatient> {
        let size = match (self.habits.page, wanted) {
            (0, None) => found.len(),
            (0, Some(wanted)) => wanted,
            (own, wanted) => own.min(wanted.unwrap_or(own)),
        };
        let shown: Vec<_> = found.iter().skip(before).take(size).cloned().collect();
        let remaining = found.len() - before.min(found.len()) - shown.len();
        Answer { page: Page { before, remaining, asked: None }, ..Answer::found(shown) }
    }

    // Within a network a manager shows where its patients live; our own writer does not.
    fn with_contacts(&self, text: String, page: &Answer<FoundPatient>) -> String {
        let mut persons = page.found.iter();
        let mut parts = text.split("</patientPerson>");
        let mut bent = parts.next().unwrap().to_owned();
        for part in parts {
            let shown = persons.next().and_then(|found| found.demographics.as_ref());
            for known in shown.iter().map(|shown| shown.reveal()) {
                for address in &known.addresses {
                    bent.push_str(&format!(
                        "<addr><postalCode>{}</postalCode><streetAddressLine>{}</streetAddressLine></addr>",
                        address.postal_code, address.text
                    ));
                }
                for phone in &known.phones {
                    bent.push_str(&format!("<telecom value=\"tel:{phone}\"/>"));
                }
            }
            bent.push_str("</patientPerson>");
            bent.push_str(part);
        }
        bent
    }

    fn list(&self, arrived: &Arrived) -> Response<Body> {
        let asked = arrived.request::<RegistryStoredQuery>();
        assert!(asked.home.is_none(), "it knows no homes");
        let found = self.listed(&asked);
        if asked.returns == ReturnType::LeafClass && found.len() > self.habits.leaf_max {
            return arrived.answer::<RegistryStoredQuery>(Err(Refusal::TooManyResults));
        }
        let home = format!(" home=\"urn:oid:{}\"", self.place.community);
        let lies = self.mood.lock().unwrap().lies;
        let answer = Answer::found(found);
        arrived.answer_bent::<RegistryStoredQuery>(Ok(answer), |text| {
            let text = text.replace(&home, "");
            if lies { self.with_strangers(&text) } else { text }
        })
    }

    fn listed(&self, asked: &DocumentQuery) -> Vec<RegistryObject> {
        if let Some(archive) = &self.mood.lock().unwrap().archive {
            return archive.found(asked);
        }
        let holdings = self.holdings.lock().unwrap();
        let is_asked = |entry: &DocumentEntry| match &asked.by {
            QueryKey::Patient(id) => {
                entry.patient == *id
                    && (self.habits.ignores_status || asked.criteria.statuses.contains(&entry.availability))
            }
            QueryKey::Objects(ids) => ids.contains(&entry.object),
            QueryKey::UniqueIds(ids) => ids.contains(&entry.id.unique),
        };
        let entries = holdings.documents.iter().map(|(entry, _)| entry);
        entries.filter(|entry| is_asked(entry)).cloned().map(RegistryObject::Entry).collect()
    }

    // Two more entries made of the first: another patient's, and one of another repository.
    fn with_strangers(&self, text: &str) -> String {
        let end = "</rim:ExtrinsicObject>";
        let Some(begin) = text.find("<rim:ExtrinsicObject") else { return text.to_owned() };
        let until = begin + text[begin..].find(end).unwrap() + end.len();
        let first = &text[begin..until];
        let fresh = |first: &str| {
            let id = first.split(" id=\"").nth(1).unwrap().split('"').next().unwrap();
            first.replace(id, &format!("urn:uuid:{}", uuid::Uuid::new_v4()))
        };
        let cx = format!("^^^&amp;{}&amp;ISO", self.authority);
        let number = first.split(&cx).next().unwrap().rsplit('"').next().unwrap();
        let number = number.rsplit('>').next().unwrap();
        let other = fresh(first).replace(&format!("{number}{cx}"), &format!("0000099999{cx}"));
        let repository = self.authority.replace(".1", ".9");
        let elsewhere = fresh(first).replace(&format!("{repository}<"), "2.999.66.9<");
        format!("{}{other}{elsewhere}{}", &text[..until], &text[until..])
    }

    fn documents(&self, arrived: &Arrived) -> Response<Body> {
        let asked = arrived.request::<RetrieveDocumentSet>();
        assert!(asked.documents.is_empty(), "it knows no homes");
        let holdings = self.holdings.lock().unwrap();
        let mut parts = Vec::new();
        for Homeless { repository, unique } in &asked.homeless {
            let is_it = |(entry, _): &&(DocumentEntry, Vec<u8>)| {
                entry.id.repository == *repository && entry.id.unique == *unique
            };
            let Some((entry, content)) = holdings.documents.iter().find(is_it) else { continue };
            parts.push((entry.clone(), content.clone()));
        }
        drop(holdings);
        let mood = self.mood.lock().unwrap();
        if mood.forges {
            parts.iter_mut().for_each(|(_, content)| content.push(b'!'));
        }
        packed(arrived, self.habits.packaging, parts, asked.homeless.len(), mood.gate.clone())
    }
}

fn key(query: &QueryId) -> String {
    format!("{}^{}", query.root, query.extension.clone().unwrap_or_default())
}

fn packed(
    arrived: &Arrived,
    packaging: Packaging,
    parts: Vec<(DocumentEntry, Vec<u8>)>,
    asked: usize,
    gate: Option<Arc<Notify>>,
) -> Response<Body> {
    let reference = |n: usize| match packaging {
        Packaging::Cxf => format!("cid:part-{n}@urn%3Aihe%3Aiti%3Axds-b%3A2007"),
        _ => format!("cid:{n}.part@site"),
    };
    let mut responses = String::new();
    for (n, (entry, content)) in parts.iter().enumerate() {
        let document = match packaging {
            Packaging::Inline => base64::engine::general_purpose::STANDARD.encode(content),
            _ => format!(
                "<xop:Include xmlns:xop=\"http://www.w3.org/2004/08/xop/include\" href=\"{}\"/>",
                reference(n)
            ),
        };
        responses.push_str(&format!(
            "<x:DocumentResponse><x:RepositoryUniqueId>{}</x:RepositoryUniqueId><x:DocumentUniqueId>{}</x:DocumentUniqueId>\
             <x:mimeType>{}</x:mimeType><x:Document>{document}</x:Document></x:DocumentResponse>",
            entry.id.repository.0, entry.id.unique.reveal(), entry.media_type
        ));
    }
    let status = match (parts.len(), asked) {
        (found, asked) if found == asked => "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success",
        (0, _) => "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure",
        _ => "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess",
    };
    let error = if parts.len() == asked {
        String::new()
    } else {
        "<r:RegistryErrorList><r:RegistryError errorCode=\"XDSDocumentUniqueIdError\" codeContext=\"unknown\" \
         severity=\"urn:oasis:names:tc:ebxml-regrep:ErrorSeverityType:Error\"/></r:RegistryErrorList>"
            .to_owned()
    };
    let message = Envelope::read(&arrived.envelope).unwrap().header.message_id.unwrap().0;
    let envelope = format!(
        "<s:Envelope xmlns:s=\"http://www.w3.org/2003/05/soap-envelope\" xmlns:a=\"http://www.w3.org/2005/08/addressing\">\
         <s:Header><a:Action>urn:ihe:iti:2007:RetrieveDocumentSetResponse</a:Action><a:RelatesTo>{message}</a:RelatesTo></s:Header>\
         <s:Body><x:RetrieveDocumentSetResponse xmlns:x=\"urn:ihe:iti:xds-b:2007\" xmlns:r=\"urn:oasis:names:tc:ebxml-regrep:xsd:rs:3.0\">\
         <r:RegistryResponse status=\"{status}\">{error}</r:RegistryResponse>{responses}</x:RetrieveDocumentSetResponse></s:Body></s:Envelope>"
    );
    if packaging == Packaging::Inline {
        return respond("application/soap+xml; charset=UTF-8".to_owned(), vec![envelope.into()], gate);
    }
    let (boundary, content_type, root) = match packaging {
        Packaging::Cxf => (
            "uuid:6f1f9a3e-0c1d-4a55-9f0e-8f8d1c2b3a4d",
            "multipart/related; type=\"application/xop+xml\"; boundary=\"uuid:6f1f9a3e-0c1d-4a55-9f0e-8f8d1c2b3a4d\"; \
             start=\"<root.message@cxf.apache.org>\"; start-info=\"application/soap+xml\"",
            "root.message@cxf.apache.org",
        ),
        _ => (
            "MIMEBoundary_0a1b2c",
            "Multipart/Related; boundary=MIMEBoundary_0a1b2c; type=application/xop+xml; start=<0.root@site>; \
             start-info=\"application/soap+xml\"",
            "0.root@site",
        ),
    };
    let mut pieces: Vec<Bytes> = vec![
        format!(
            "--{boundary}\r\nContent-Type: application/xop+xml; charset=UTF-8; type=\"application/soap+xml\"\r\n\
             Content-Transfer-Encoding: binary\r\nContent-ID: <{root}>\r\n\r\n{envelope}\r\n"
        )
        .into(),
    ];
    for (n, (entry, content)) in parts.into_iter().enumerate() {
        let id = reference(n).replace("%3A", ":").replace("cid:", "");
        pieces.push(
            format!(
                "--{boundary}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: binary\r\nContent-ID: <{id}>\r\n\r\n",
                entry.media_type
            )
            .into(),
        );
        let third = (content.len() / 3).max(1);
        pieces.extend(content.chunks(third).map(Bytes::copy_from_slice));
        pieces.push("\r\n".into());
    }
    pieces.push(format!("--{boundary}--\r\n").into());
    respond(content_type.to_owned(), pieces, gate)
}

// The root, the first document's head and two pieces of it leave before the gate.
fn respond(content_type: String, pieces: Vec<Bytes>, gate: Option<Arc<Notify>>) -> Response<Body> {
    let pieces = stream::iter(pieces.into_iter().enumerate()).then(move |(n, piece)| {
        let gate = gate.clone().filter(|_| n == 4);
        async move {
            if let Some(gate) = gate {
                gate.notified().await;
            }
            Ok::<_, Interrupted>(Frame::data(piece))
        }
    });
    let body = StreamBody::new(pieces).boxed_unsync();
    Response::builder().status(200).header("content-type", content_type).body(body).unwrap()
}

/// A deprecated one.
pub fn deprecated(entry: &mut DocumentEntry) {
    entry.availability = Availability::Deprecated;
}
