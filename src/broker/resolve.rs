//! Whom a request is about: resolved at home, from consents and our own sources. Nothing leaves the
//! house here; a peer's id of the person is asked for inside an outbound request, after the record.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;

use super::Identity;
use super::claims::{Claims, Routes};
use super::correlations::Correlations;
use super::directory::PeerDirectory;
use super::entry_cache::EntryCache;
use super::home_links::{HomeLinks, OwnRecord};
use super::outbound::holds;
use super::pages::Pages;
use super::target::Target;
use crate::model::{
    Authority, CommunityId, Criteria, Demographics, DemographicsQuery, Descriptor, DocumentEntry, DocumentId,
    DocumentQuery, DocumentRetrieve, GradedRecord, PatientDiscovery, PatientId, PatientIdLookup,
    PatientMatch, Phi, QueryKey, Refusal, RegistryObject, RequestContext, ReturnType, Side, TargetName,
    Timestamp,
};
use crate::policy::{Authorizer, HospitalNumber};
use crate::store::Correlation as KnownId;

/// Whom a request is about, as home knows them.
#[derive(Debug, Default)]
pub struct About {
    /// The id asked for; entries come back under it.
    pub asked: Option<PatientId>,
    /// What policy sees: ids under our authority, or a peer's.
    pub patients: Vec<PatientId>,
    /// Only this community is meant.
    pub only: Option<CommunityId>,
    /// For a retrieve: the entries of what is asked for.
    pub entries: Vec<DocumentEntry>,
    /// For a retrieve: what does not exist, with its error code.
    pub missing: Vec<(DocumentId, &'static str)>,
    /// For a query by id that names no home: where each id lies.
    pub routes: Option<Routes>,
    /// What correlating the person at peers would send.
    pub correlation: Option<Correlation>,
    /// What peers call the person, as they once said and allow to be remembered.
    pub remembered: Vec<KnownId>,
    /// Networks with a card of the person that cannot be used at the moment: they are not asked.
    pub not_now: BTreeSet<CommunityId>,
    /// Ids that were named and are of cards that do not count: nobody is asked about them.
    pub over: BTreeSet<PatientId>,
    numbers: Vec<(TargetName, PatientId)>,
    at_peer: Option<(CommunityId, PatientId)>,
}

/// What is needed to ask peers for their ids of the person.
#[derive(Debug)]
pub struct Correlation {
    /// Our id of the person.
    pub known: PatientId,
    /// Each community named by a consent row of the person, and what it would be sent: the latest
    /// ADT-00 among the facilities of its own rows, whole.
    pub sent: Vec<(CommunityId, Phi<Demographics>)>,
}

impl Correlation {
    /// What this community would be sent; None where no row names it.
    pub fn demographics(&self, community: &CommunityId) -> Option<&Phi<Demographics>> {
        self.sent.iter().find(|(named, _)| named == community).map(|(_, demographics)| demographics)
    }
}

impl About {
    /// The ids under which this target knows the person.
    pub fn ids_at(&self, target: &Target) -> Vec<PatientId> {
        let descriptor = target.descriptor();
        if !self.means(target) {
            return Vec::new();
        }
        let own = self.numbers.iter().filter(|(name, _)| *name == descriptor.name).map(|(_, id)| id.clone());
        let peers =
            self.at_peer.iter().filter(|(home, _)| *home == descriptor.community && !target.is_source());
        own.chain(peers.map(|(_, id)| id.clone())).collect()
    }

    /// Whether the request means this target's community.
    pub fn means(&self, target: &Target) -> bool {
        self.only.as_ref().is_none_or(|only| *only == target.descriptor().community)
    }

    /// Whether this target is to be asked for its id of the person first.
    pub fn correlates(&self, target: &Target) -> bool {
        let community = &target.descriptor().community;
        !target.is_source()
            && self.means(target)
            && (self.waits(target)
                || self.correlation.as_ref().is_some_and(|c| c.demographics(community).is_some())
                || self.correlations_at(target).next().is_some())
    }

    /// Whether this target has given the person a card that cannot be used at the moment.
    pub fn waits(&self, target: &Target) -> bool {
        !target.is_source() && self.not_now.contains(&target.descriptor().community)
    }

    /// The remembered ids of the person that are this target's own.
    pub fn remembered_at(&self, target: &Target) -> Vec<PatientId> {
        self.correlations_at(target).map(|known| known.id.clone()).collect()
    }

    /// Since when the oldest of them has been known.
    pub fn remembered_since(&self, target: &Target) -> Option<Timestamp> {
        self.correlations_at(target).map(|known| known.at).min()
    }

    fn correlations_at(&self, target: &Target) -> impl Iterator<Item = &KnownId> {
        let Descriptor { community, authorities, .. } = target.descriptor();
        let is_its_own = move |known: &&KnownId| {
            known.community == *community && authorities.contains(&known.id.authority)
        };
        self.remembered.iter().filter(is_its_own)
    }

    /// Whether the entry of a document has been found.
    pub fn knows(&self, id: &DocumentId) -> bool {
        self.entries.iter().any(|entry| entry.id == *id)
    }
}

/// Resolves against one directory, one consent snapshot and the cache of this moment.
pub struct Resolver<'a> {
    pub(super) identity: &'a Identity,
    pub(super) authorizer: &'a Authorizer,
    pub(super) directory: &'a PeerDirectory,
    pub(super) cache: &'a EntryCache,
    pub(super) links: HomeLinks<'a>,
    pub(super) correlations: &'a Correlations,
    pub(super) pages: &'a Pages,
    pub(super) claims: &'a Claims,
}

impl Resolver<'_> {
    /// Nobody is known yet; an id under our authority is the person asked for.
    pub fn discovery(&self, context: &RequestContext, request: &PatientDiscovery) -> About {
        let ours = request.ids.iter().filter(|id| id.authority == self.identity.authority).cloned();
        About { patients: ours.collect(), over: self.over(context, request.ids.iter()), ..About::default() }
    }

    /// A document query: the patient's numbers at our sources, the peer that assigned the id, or the
    /// peers a consent row names.
    ///
    /// # Errors
    /// `UnknownCommunity` when the home named is not ours and not a peer this side may reach; `Internal`
    /// when it cannot be told whose an id is.
    pub async fn query(&self, context: &RequestContext, request: &DocumentQuery) -> Result<About, Refusal> {
        if let Some(home) = &request.home {
            let reachable = *home == self.identity.community || self.directory.peer(context, home).is_some();
            if !reachable {
                return Err(Refusal::UnknownCommunity);
            }
        }
        let only = match context.side {
            Side::Peer => Some(self.identity.community.clone()),
            Side::Home => request.home.clone(),
        };
        let QueryKey::Patient(asked) = &request.by else {
            let routes = match only {
                Some(_) => None,
                None => {
                    let mut routes = self.claims.routes(context, &request.by, self.directory).await?;
                    self.leave_out_what_is_ours(context, request.criteria.wanted, &mut routes).await;
                    Some(routes)
                }
            };
            return Ok(About { only, routes, ..About::default() });
        };
        let mut about = About { asked: Some(asked.clone()), only, ..About::default() };
        match context.side {
            Side::Peer => self.known_to_us(context, asked, &mut about).await,
            Side::Home => self.known_at_home(context, asked, &mut about).await,
        }
        Ok(about)
    }

    // Toward a peer only ids under our authority exist: the network's own, or one made for an
    // emergency (decisions A1, C4).
    async fn known_to_us(&self, context: &RequestContext, asked: &PatientId, about: &mut About) {
        about.patients.push(asked.clone());
        if asked.authority != self.identity.authority {
            return;
        }
        if context.requester.is_emergency() {
            let community = &context.requester.community;
            let number = self.authorizer.emergencies().lookup(asked, community, context.received);
            if let Some(number) = number {
                about.numbers = self.at_sources(&[number]);
                return;
            }
        }
        let Some(person) = self.links.person(context, asked).await else { return };
        // What the links say beyond the consents stays at home, and so does whom they call otherwise.
        if person.network_id.as_ref() == Some(asked) {
            let book = self.authorizer.consents().book();
            let mut numbers = person.numbers;
            numbers.retain(|number| book.numbers_of(&asked.value).contains(number));
            about.numbers = self.at_sources(&numbers);
        }
    }

    async fn known_at_home(&self, context: &RequestContext, asked: &PatientId, about: &mut About) {
        if !self.links.is_at_home(asked) {
            about.patients.push(asked.clone());
            let peer = self.directory.targets(context).find(|target| {
                !target.is_source() && target.descriptor().authorities.contains(&asked.authority)
            });
            let peer = peer.filter(|_| self.over(context, std::iter::once(asked)).is_empty());
            about.at_peer = peer.map(|peer| (peer.descriptor().community.clone(), asked.clone()));
            return;
        }
        let person = self.links.person(context, asked).await.unwrap_or_default();
        about.numbers = self.at_sources(&person.numbers);
        let Some(network_id) = person.network_id else {
            about.patients.push(asked.clone());
            return;
        };
        about.correlation = self.correlation(context, &person.numbers, &network_id).await;
        let correlation = about.correlation.as_ref();
        let abroad = self.known_abroad(context, &network_id, &person.numbers, correlation).await;
        (about.remembered, about.not_now) = (abroad.ids, abroad.not_now);
        about.patients.push(network_id);
    }

    /// An id look-up at home: the person's numbers at our sources, and the peers a consent row names.
    ///
    /// # Errors
    /// `UnknownAuthority`, `UnknownPatient`.
    pub async fn lookup(
        &self,
        context: &RequestContext,
        request: &PatientIdLookup,
    ) -> Result<About, Refusal> {
        self.known(context, std::iter::once(&request.known.authority).chain(&request.authorities))?;
        let mut about = About { asked: Some(request.known.clone()), ..About::default() };
        self.known_at_home(context, &request.known, &mut about).await;
        // Who may be told of nobody here is not told either who is unknown.
        if !self.is_somebody(context, &request.known).await
            && self.authorizer.may_find(context, &self.identity.community)
        {
            return Err(Refusal::UnknownPatient(request.known.clone()));
        }
        Ok(about)
    }

    /// A query for persons at home: an id given with it says whose community is meant.
    ///
    /// # Errors
    /// `UnknownAuthority` of a domain that is wanted. An id that nobody assigned here finds nobody.
    pub async fn demographics(
        &self,
        context: &RequestContext,
        request: &DemographicsQuery,
    ) -> Result<About, Refusal> {
        self.known(context, &request.authorities)?;
        let ids = &request.person.ids;
        let over = self.over(context, ids.iter());
        let mut about = About { patients: ids.clone(), over, ..About::default() };
        if ids.is_empty() {
            return Ok(about);
        }
        let speaks = |target: &&Arc<Target>| {
            ids.iter().all(|id| target.descriptor().authorities.contains(&id.authority))
        };
        let peer = self.directory.targets(context).find(|t| !t.is_source() && speaks(t));
        about.only = Some(match peer {
            Some(peer) => peer.descriptor().community.clone(),
            None => self.identity.community.clone(),
        });
        for id in ids.iter().filter(|id| id.authority == self.identity.authority) {
            let person = self.links.person(context, id).await.unwrap_or_default();
            about.numbers.extend(self.at_sources(&person.numbers));
        }
        Ok(about)
    }

    /// The numbers of a person of ours, as far as this request has learned them.
    pub fn numbers_of(&self, network_id: &PatientId) -> Vec<PatientId> {
        let numbers = self.links.numbers_of(network_id);
        self.at_sources(&numbers).into_iter().map(|(_, number)| number).collect()
    }

    fn known<'i>(
        &self,
        context: &RequestContext,
        named: impl IntoIterator<Item = &'i Authority>,
    ) -> Result<(), Refusal> {
        let unknown = named.into_iter().filter(|named| !self.knows(context, named));
        let unknown: Vec<Authority> = unknown.cloned().collect();
        if unknown.is_empty() { Ok(()) } else { Err(Refusal::UnknownAuthority(unknown)) }
    }

    // Whether ids under this authority can be known here.
    fn knows(&self, context: &RequestContext, authority: &Authority) -> bool {
        let mut targets = self.directory.spoken_of(context.side);
        *authority == self.identity.authority
            || targets.any(|target| target.descriptor().authorities.contains(authority))
    }

    // Whether home knows a person under this id. A source that does not answer might. Which of our
    // persons a peer's id means, nothing here tells yet.
    async fn is_somebody(&self, context: &RequestContext, id: &PatientId) -> bool {
        if self.links.is_at_home(id) {
            match self.links.person(context, id).await {
                Some(person) if person.is_known => return true,
                None => return true,
                Some(_) if self.links.are_all() || id.authority == self.identity.authority => return false,
                Some(_) => {}
            }
        }
        let authority = &id.authority;
        let at = self.directory.sources().find(|source| source.descriptor().authorities.contains(authority));
        let Some(source) = at else { return false };
        let request =
            PatientDiscovery { demographics: Phi::new(Demographics::default()), ids: vec![id.clone()] };
        match source.resolve_at_home(context, &self.identity.leg(), &request).await {
            Ok(answer) => answer
                .found
                .iter()
                .any(|found| matches!(found, PatientMatch::Graded(record) if record.id == *id)),
            Err(_) => true,
        }
    }

    fn at_sources(&self, numbers: &[HospitalNumber]) -> Vec<(TargetName, PatientId)> {
        let mut found = Vec::new();
        for number in numbers {
            for source in self.directory.sources() {
                let descriptor = source.descriptor();
                let Some(authority) = descriptor.authorities.first() else { continue };
                if descriptor.facility.as_deref() == Some(number.facility.as_str()) {
                    let id = PatientId { authority: authority.clone(), value: number.number.clone() };
                    found.push((descriptor.name.clone(), id));
                }
            }
        }
        found
    }

    // Only peers named by a consent row of the person are asked about them. Sent is one whole record
    // of a facility of the rows that name that very peer: what one hospital knows does not go to a
    // community for which the person consented at another (decisions A8).
    async fn correlation(
        &self,
        context: &RequestContext,
        linked: &[HospitalNumber],
        known: &PatientId,
    ) -> Option<Correlation> {
        let book = self.authorizer.consents().book();
        let mut abroad = book.abroad(&known.value, context.received);
        for (_, numbers) in &mut abroad {
            numbers.retain(|number| linked.contains(number));
        }
        let all: BTreeSet<&HospitalNumber> = abroad.iter().flat_map(|(_, numbers)| numbers).collect();
        let read = all.into_iter().map(|number| async move { (number, self.record(context, number).await) });
        let records: BTreeMap<&HospitalNumber, Option<GradedRecord>> =
            join_all(read).await.into_iter().collect();
        let mut sent = Vec::new();
        for (community, numbers) in &abroad {
            let mut latest: Option<&GradedRecord> = None;
            for record in numbers.iter().filter_map(|number| records.get(number)?.as_ref()) {
                if latest.is_none_or(|latest| latest.sent_at < record.sent_at) {
                    latest = Some(record);
                }
            }
            sent.extend(latest.map(|record| (community.clone(), record.demographics.clone())));
        }
        (!sent.is_empty()).then(|| Correlation { known: known.clone(), sent })
    }

    async fn record(&self, context: &RequestContext, number: &HospitalNumber) -> Option<GradedRecord> {
        for (name, id) in self.at_sources(std::slice::from_ref(number)) {
            let Some(source) = self.directory.named(context, &name) else { continue };
            let request =
                PatientDiscovery { demographics: Phi::new(Demographics::default()), ids: vec![id.clone()] };
            let answer = source.resolve_at_home(context, &self.identity.leg(), &request).await;
            let found = answer.unwrap_or_default().found.into_iter().find_map(|found| match found {
                PatientMatch::Graded(record) if record.id == id => Some(record),
                _ => None,
            });
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// A retrieve with the homes that it leaves open; None where it leaves none open.
    ///
    /// # Errors
    /// `Internal` when it cannot be told whose a repository is.
    pub async fn placed(
        &self,
        context: &RequestContext,
        request: &DocumentRetrieve,
    ) -> Result<Option<DocumentRetrieve>, Refusal> {
        if request.homeless.is_empty() {
            return Ok(None);
        }
        let placed = self.claims.place(context, &request.homeless, self.directory).await?;
        let mut documents = request.documents.clone();
        for document in placed.documents {
            if !documents.contains(&document) {
                documents.push(document);
            }
        }
        Ok(Some(DocumentRetrieve { documents, homeless: placed.ambiguous }))
    }

    /// A retrieve: the entry of each document, from our own sources or as it was shown a moment ago.
    pub async fn retrieve(&self, context: &RequestContext, request: &DocumentRetrieve) -> About {
        let mut about = About::default();
        let mut own: Vec<(&Arc<Target>, Vec<&DocumentId>)> = Vec::new();
        for id in &request.documents {
            if id.community == self.identity.community {
                let Some(source) = self.directory.source(&id.repository) else {
                    about.missing.push((id.clone(), "XDSUnknownRepositoryId"));
                    continue;
                };
                match own.iter_mut().find(|(known, _)| Arc::ptr_eq(known, source)) {
                    Some((_, ids)) => ids.push(id),
                    None => own.push((source, vec![id])),
                }
            } else if self.directory.peer(context, &id.community).is_none() {
                about.missing.push((id.clone(), "XDSUnknownCommunity"));
            } else {
                about.entries.extend(self.cache.shown(context, id));
            }
        }
        self.without_entries_over(context, &mut about.entries);
        let read = own.iter().map(|(source, ids)| self.own_entries(context, source, ids));
        for (entries, missing) in join_all(read).await {
            about.entries.extend(entries);
            about.missing.extend(missing);
        }
        let mut patients: Vec<PatientId> = about.entries.iter().map(|entry| entry.patient.clone()).collect();
        patients.sort();
        patients.dedup();
        about.patients = patients;
        about
    }

    // One question a source, however many documents: it may be one that is asked by messages.
    async fn own_entries(
        &self,
        context: &RequestContext,
        source: &Target,
        ids: &[&DocumentId],
    ) -> (Vec<DocumentEntry>, Vec<(DocumentId, &'static str)>) {
        let query = by_ids(QueryKey::UniqueIds(ids.iter().map(|id| id.unique.clone()).collect()));
        let Ok(answer) = source.entries_at_home(context, &self.identity.leg(), &query).await else {
            return (Vec::new(), ids.iter().map(|id| ((*id).clone(), "XDSRepositoryError")).collect());
        };
        let mut entries: Vec<DocumentEntry> = Vec::new();
        for entry in answer.found.iter().filter_map(RegistryObject::entry) {
            let is_asked = ids.contains(&&entry.id) && holds(source.descriptor(), &entry.id);
            if is_asked && !entries.iter().any(|known| known.id == entry.id) {
                entries.push(entry.clone());
            }
        }
        self.linked_entries(context, entries).await
    }

    // Own entries as they are shown; toward another network only those that are linked to their person.
    async fn linked_entries(
        &self,
        context: &RequestContext,
        mut entries: Vec<DocumentEntry>,
    ) -> (Vec<DocumentEntry>, Vec<(DocumentId, &'static str)>) {
        let is_peer = context.side == Side::Peer;
        // At home an entry is told by what its portal was shown a moment ago.
        let asked = entries.iter().filter(|entry| is_peer || self.cache.shown(context, &entry.id).is_none());
        self.links.look_up(context, asked.filter_map(OwnRecord::of)).await;
        if is_peer && self.links.are_silent() {
            let missing = entries.into_iter().map(|entry| (entry.id.clone(), "XDSRepositoryError"));
            return (Vec::new(), missing.collect());
        }
        if is_peer {
            entries.retain(|entry| OwnRecord::of(entry).is_none_or(|record| self.links.bears(&record)));
        }
        (entries.iter().map(|entry| self.readdress(context, entry, None)).collect(), Vec::new())
    }

    /// An own entry under the id it is shown with: the one asked for, the one it was shown under, or
    /// the network's own; toward a peer never the hospital's number (decisions A1, A6).
    pub fn readdress(
        &self,
        context: &RequestContext,
        entry: &DocumentEntry,
        asked: Option<&PatientId>,
    ) -> DocumentEntry {
        let Some(origin) = &entry.origin else {
            return asked.map_or_else(|| entry.clone(), |asked| entry.readdressed(asked.clone(), None));
        };
        let shown = || self.cache.shown(context, &entry.id).map(|entry| entry.patient.clone());
        let network = || self.links.network_id_of(&origin.facility, &origin.patient);
        let patient = asked.cloned().or_else(shown).or_else(network);
        match (patient, context.side) {
            (Some(patient), Side::Peer) => entry.readdressed(patient.clone(), Some(patient)),
            (Some(patient), Side::Home) => entry.readdressed(patient, None),
            // Nobody's consent names this record: it is about to be withheld, and carries no number.
            (None, Side::Peer) => {
                let nobody = PatientId::new(self.identity.authority.clone(), "-");
                entry.readdressed(nobody.clone(), Some(nobody))
            }
            (None, Side::Home) => entry.clone(),
        }
    }
}

// Whole objects, at one place.
pub(super) fn by_ids(by: QueryKey) -> DocumentQuery {
    DocumentQuery { by, home: None, criteria: Criteria::default(), returns: ReturnType::LeafClass }
}
