//! `Ssmix2`: one facility's SS-MIX2 storages as a [`Community`]. Offers patient discovery, the look-up
//! of its own numbers, document query and document retrieve; entries carry the hospital's patient id, which the broker replaces.

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::dialect::ssmix2::FacilitySettings;
use crate::model::{
    Answer, Code, Community, CommunityId, Criteria, Descriptor, Document, DocumentEntry, DocumentQuery,
    DocumentRetrieve, Encoded, Failure, FoundPatient, Leg, ObjectId, Outcome, PatientDiscovery, PatientId,
    PatientIdLookup, PatientMatch, QueryKey, RegistryObject, RequestContext, Side,
};

use super::content::Reader;
use super::discovery;
use super::index::{Index, Progress, RescanError};
use super::quarantine::Report;
use super::related;
use super::retrieve::{self, reported, uuid_of_unique};
use super::settings::Settings;
use super::storage::Root;
use super::{criteria, follow};

/// A source: the storages of one facility.
#[derive(Debug)]
pub struct Ssmix2 {
    descriptor: Descriptor,
    settings: Settings,
    pub(super) index: Index,
}

impl Ssmix2 {
    /// From its table in the peers file. `secret` is the namespace of the UUIDs, 16 random bytes made
    /// once per community (decisions A1). Nothing is read yet: call [`Self::rescan`] or
    /// [`Self::follow`].
    pub fn new(settings: Settings, community: CommunityId, secret: [u8; 16], descriptor: Descriptor) -> Self {
        let roots = settings.roots.iter().chain(&settings.extension);
        let reader = Reader {
            roots: roots.map(|path| Root::new(path)).collect(),
            facility: facility(&settings, community),
            secret,
            kinds_on: settings.kinds_on.clone(),
            kinds_off: settings.kinds_off.clone(),
            files_max: settings.files_max,
            files_held: 0.into(),
            file_bytes_max: settings.file_bytes_max,
            shapes: Default::default(),
        };
        let index = Index::new(reader, settings.readers);
        Self { descriptor, settings, index }
    }

    /// Whether the first index is complete; `readyz` waits for it.
    pub fn ready(&self) -> bool {
        self.index.is_complete()
    }

    /// Whether the storage could be listed when last looked at.
    pub fn reachable(&self) -> bool {
        self.index.is_reachable()
    }

    /// Looks at the whole storage and reads what is new. Counts as one polling interval. May be
    /// cancelled: what was read stays.
    pub async fn rescan(&self, progress: impl Fn(Progress) + Send) -> Result<(), RescanError> {
        self.index.next_interval();
        self.index.rescan(progress).await
    }

    /// Builds the first index and follows the storage until stopped.
    pub async fn follow(&self, stop: &CancellationToken) {
        follow::follow(&self.index, &self.settings, stop).await;
    }

    /// Counts, and what was not taken by name.
    pub fn report(&self) -> Report {
        self.index.report()
    }

    fn available(&self) -> Result<(), Failure> {
        if !self.index.is_complete() {
            return Err(Failure::Unreachable("the first index is not complete".to_owned()));
        }
        if !self.index.is_reachable() {
            return Err(Failure::Unreachable("a storage root cannot be listed".to_owned()));
        }
        Ok(())
    }

    fn by_patient(&self, side: Side, id: &PatientId, query: &DocumentQuery) -> Vec<DocumentEntry> {
        if id.authority != self.settings.authority {
            return Vec::new();
        }
        let Some(patient) = self.index.patient(id.value.reveal()) else { return Vec::new() };
        let entries = patient.held.iter().map(|held| held.entry(self.index.reader()));
        let fits = |entry: &DocumentEntry| match &entry.encoded {
            Encoded::Metadata(metadata) => criteria::matches(&query.criteria, entry, metadata),
            Encoded::Ebxml(_) => false,
        };
        // Toward a peer a reference that holds the hospital's number is not there: to guess it right would
        // be told by what is found.
        let is_told = |entry: &DocumentEntry| match side {
            Side::Peer if has_references(&query.criteria) => {
                fits(&entry.readdressed(entry.patient.clone(), Some(entry.patient.clone())))
            }
            _ => fits(entry),
        };
        entries.filter(is_told).collect()
    }

    fn by_uuid(&self, uuids: impl Iterator<Item = Option<u128>>) -> Vec<DocumentEntry> {
        uuids
            .flatten()
            .filter_map(|uuid| self.index.document(uuid))
            .map(|(_, held)| held.entry(self.index.reader()))
            .collect()
    }
}

#[async_trait]
impl Community for Ssmix2 {
    fn descriptor(&self) -> &Descriptor {
        &self.descriptor
    }

    async fn patient_discovery(
        &self,
        _: &RequestContext,
        _: &Leg,
        request: &PatientDiscovery,
    ) -> Outcome<PatientMatch> {
        self.available()?;
        Ok(Answer::found(discovery::graded(&self.index, request, &self.descriptor, &self.settings)))
    }

    async fn patient_id_lookup(
        &self,
        _: &RequestContext,
        _: &Leg,
        request: &PatientIdLookup,
    ) -> Outcome<FoundPatient> {
        self.available()?;
        // It knows its own numbers; demographics are looked for by `patient_discovery`.
        let known = Some(&request.known).filter(|id| id.authority == self.settings.authority);
        let patient = known.and_then(|id| self.index.patient(id.value.reveal()));
        let found = patient.filter(|patient| patient.demographics.is_some()).map(|_| FoundPatient {
            community: self.descriptor.community.clone(),
            id: request.known.clone(),
            demographics: None,
            confidence: 100,
            also: Vec::new(),
        });
        Ok(Answer::found(found.into_iter().collect()))
    }

    async fn document_query(
        &self,
        context: &RequestContext,
        _: &Leg,
        request: &DocumentQuery,
    ) -> Outcome<RegistryObject> {
        self.available()?;
        let named = match &request.by {
            QueryKey::Patient(id) => self.by_patient(context.side, id, request),
            QueryKey::Objects(ids) => self.by_uuid(ids.iter().map(uuid_of_object)),
            QueryKey::UniqueIds(ids) => self.by_uuid(ids.iter().map(|id| uuid_of_unique(id.reveal()))),
        };
        Ok(Answer::found(related::wanted(&self.index, named, request)))
    }

    async fn document_retrieve(
        &self,
        _: &RequestContext,
        _: &Leg,
        request: &DocumentRetrieve,
    ) -> Outcome<Document> {
        self.available()?;
        let mut answer = Answer::found(Vec::with_capacity(request.documents.len()));
        for id in &request.documents {
            if id.repository != self.settings.repository {
                answer.reported.push(reported(id, "XDSUnknownRepositoryId", "no such repository"));
                continue;
            }
            match retrieve::fetch(&self.index, id).await {
                Ok(document) => answer.found.push(document),
                Err(reported) => answer.reported.push(reported),
            }
        }
        Ok(answer)
    }
}

fn has_references(criteria: &Criteria) -> bool {
    !criteria.references.is_empty() || !criteria.except.references.is_empty()
}

fn uuid_of_object(id: &ObjectId) -> Option<u128> {
    uuid::Uuid::parse_str(id.0.reveal().trim()).ok().map(|uuid| uuid.as_u128())
}

fn facility(settings: &Settings, community: CommunityId) -> FacilitySettings {
    FacilitySettings {
        code: settings.facility.clone(),
        name: settings.facility_name.clone(),
        organization: settings.organization.clone(),
        patient_authority: settings.authority.clone(),
        repository: settings.repository.clone(),
        community,
        facility_type: Code::from(&settings.facility_type),
        schemes: settings.schemes.clone(),
        restricted_departments: settings.restricted_departments.clone(),
        restricted_codes: settings.restricted_codes.clone(),
    }
}
