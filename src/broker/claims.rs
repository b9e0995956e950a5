//! Which community claims an id, for portals that name no home: learnt from what they are shown, kept
//! over restarts. It gives no permission and decides nothing in doubt: an id that several communities
//! claim lies nowhere.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use aws_lc_rs::hmac;
use tokio::time::timeout;

use super::directory::PeerDirectory;
use crate::model::{
    CommunityId, DocumentId, Homeless, ObjectId, PatientId, Phi, QueryKey, Refusal, RegistryObject,
    RequestContext, Side, Timestamp,
};
use crate::store::{ClaimRow, Claimed, IdHash, Store, StoreError};

/// The claims of all communities, ours included.
pub struct Claims {
    store: Store,
    /// Ids are kept as numbers under this key: no row tells a document.
    key: hmac::Key,
    kept_s: i64,
    ours: CommunityId,
}

/// Where the ids of a query lie.
#[derive(Debug, Default)]
pub struct Routes {
    /// Each community with those of the ids that are its own.
    pub at: Vec<(CommunityId, QueryKey)>,
    /// Whether an id was left out because several communities claim it.
    pub has_ambiguous: bool,
}

/// Where documents lie that were named without their home.
#[derive(Debug, Default)]
pub struct Placed {
    /// With the community that claims their repository; with ours where none does.
    pub documents: Vec<DocumentId>,
    /// Those whose repository several communities claim.
    pub ambiguous: Vec<Homeless>,
}

impl Claims {
    /// Over what was kept; a claim counts for so many days after it was last shown.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(store: &Store, ours: CommunityId, days: u64) -> Result<Self, StoreError> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &store.secret("claims").await?);
        let days = i64::try_from(days).unwrap_or(i64::MAX);
        Ok(Self { store: store.clone(), key, kept_s: days.saturating_mul(86_400), ours })
    }

    /// Keeps what a portal is about to be shown. It goes on without, where the store does not answer:
    /// the portal sees its list, and an id of it may have to be asked for with its home.
    pub async fn keep(&self, context: &RequestContext, objects: &[RegistryObject]) {
        if objects.is_empty() || !names_no_homes(context) {
            return;
        }
        let row = |object: &RegistryObject| ClaimRow {
            object: self.object(object.object()),
            // Nobody asks for an association by a unique id: a number that no unique id has.
            unique: match object.unique() {
                Some(unique) => self.hash(b'u', unique.reveal()),
                None => self.hash(b'-', &object.object().folded()),
            },
            repository: object.entry().map(|entry| self.hash(b'r', entry.id.repository.0.as_str())),
            community: object.community().clone(),
            patient: object.patient().map(PatientId::cx).unwrap_or_default(),
        };
        let rows: Vec<ClaimRow> = objects.iter().map(row).collect();
        let system = &context.requester.system;
        let kept = timeout(KEEPING_MAX, self.store.keep_claims(&system.0, &rows, Timestamp::now()));
        match kept.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::error!(request = %context.id, %error, "whose the ids of a list are could not be kept");
            }
            Err(_) => {
                tracing::error!(request = %context.id, "whose the ids of a list are is not kept: the store does not answer");
            }
        }
    }

    /// Where the ids of a query by id lie. An id that nobody has claimed is asked for at home, as a
    /// registry of one network would.
    ///
    /// # Errors
    /// `Internal` when the store cannot be read: no id is guessed.
    pub(super) async fn routes(
        &self,
        context: &RequestContext,
        by: &QueryKey,
        directory: &PeerDirectory,
    ) -> Result<Routes, Refusal> {
        let routes = match by {
            QueryKey::Patient(_) => Routes::default(),
            QueryKey::Objects(ids) => {
                let hash = |id: &ObjectId| self.object(id);
                let told = self.told(Claimed::Object, ids, hash, directory, context).await?;
                self.route(ids, told, QueryKey::Objects)
            }
            QueryKey::UniqueIds(ids) => {
                let hash = |id: &Phi<String>| self.hash(b'u', id.reveal());
                let told = self.told(Claimed::Unique, ids, hash, directory, context).await?;
                self.route(ids, told, QueryKey::UniqueIds)
            }
        };
        if routes.has_ambiguous {
            tracing::warn!(request = %context.id, "an id was named that several communities claim");
        }
        Ok(routes)
    }

    /// Where documents named without a home lie: by their repository, from what was shown and from the
    /// files of sources and peers.
    ///
    /// # Errors
    /// As [`Claims::routes`].
    pub(super) async fn place(
        &self,
        context: &RequestContext,
        homeless: &[Homeless],
        directory: &PeerDirectory,
    ) -> Result<Placed, Refusal> {
        let hash = |document: &Homeless| self.hash(b'r', document.repository.0.as_str());
        let told = self.told(Claimed::Repository, homeless, hash, directory, context).await?;
        let mut placed = Placed::default();
        for (document, mut communities) in homeless.iter().zip(told) {
            communities.retain(|home| directory.may_claim(context.side, home, Some(&document.repository)));
            let configured = directory.targets(context.side).map(|target| target.descriptor());
            let configured = configured.filter(|held| held.repositories.contains(&document.repository));
            communities.extend(configured.map(|held| held.community.clone()));
            match self.one(&communities) {
                Some(home) => placed.documents.push(document.at(home)),
                None => placed.ambiguous.push(document.clone()),
            }
        }
        if !placed.ambiguous.is_empty() {
            tracing::warn!(request = %context.id, "a repository was named that several communities claim");
        }
        Ok(placed)
    }

    /// The patient ids under which a portal was shown objects before; none where it cannot be told.
    /// None where it cannot be read.
    pub(super) async fn shown_under(
        &self,
        context: &RequestContext,
        objects: &[&RegistryObject],
    ) -> Option<HashMap<(CommunityId, ObjectId), PatientId>> {
        let whose = objects.iter().filter(|object| object.patient().is_some());
        let by_hash: Vec<(IdHash, &RegistryObject)> =
            whose.map(|object| (self.object(object.object()), *object)).collect();
        if by_hash.is_empty() || !names_no_homes(context) {
            return Some(HashMap::new());
        }
        let hashes: Vec<IdHash> = by_hash.iter().map(|(hash, _)| *hash).collect();
        let system = &context.requester.system;
        let reading = timeout(READING_MAX, self.store.shown_under(&system.0, &hashes, self.since(context)));
        let rows = match reading.await {
            Ok(Ok(rows)) => rows,
            failed => {
                let error = failed.map_or_else(|_| "no answer in time".to_owned(), |read| told(read.err()));
                tracing::error!(request = %context.id, error, "under which ids entries were shown cannot be read");
                return None;
            }
        };
        let known: HashMap<(IdHash, CommunityId), Phi<String>> =
            rows.into_iter().map(|(hash, community, patient)| ((hash, community), patient)).collect();
        let under = |(hash, object): (IdHash, &RegistryObject)| {
            let home = object.community().clone();
            let cx = known.get(&(hash, home.clone()))?;
            Some(((home, object.object().clone()), PatientId::from_cx(cx.reveal())?))
        };
        Some(by_hash.into_iter().filter_map(under).collect())
    }

    async fn told<T>(
        &self,
        claimed: Claimed,
        ids: &[T],
        hash: impl Fn(&T) -> IdHash,
        directory: &PeerDirectory,
        context: &RequestContext,
    ) -> Result<Vec<BTreeSet<CommunityId>>, Refusal> {
        let hashes: Vec<IdHash> = ids.iter().map(hash).collect();
        let reading = timeout(READING_MAX, self.store.claims(claimed, &hashes, self.since(context)));
        let rows = match reading.await {
            Ok(Ok(rows)) => rows,
            failed => {
                let error = failed.map_or_else(|_| "no answer in time".to_owned(), |read| told(read.err()));
                tracing::error!(request = %context.id, error, "whose an id is cannot be read");
                return Err(Refusal::Internal("whose an id is cannot be read".to_owned()));
            }
        };
        let mut told: HashMap<IdHash, BTreeSet<CommunityId>> = HashMap::new();
        for (hash, community) in rows {
            // Who is no longer configured claims nothing.
            if community == self.ours || directory.may_claim(context.side, &community, None) {
                told.entry(hash).or_default().insert(community);
            }
        }
        Ok(hashes.iter().map(|hash| told.get(hash).cloned().unwrap_or_default()).collect())
    }

    fn route<T: Clone>(
        &self,
        ids: &[T],
        told: Vec<BTreeSet<CommunityId>>,
        key: fn(Vec<T>) -> QueryKey,
    ) -> Routes {
        let mut at: BTreeMap<&CommunityId, Vec<T>> = BTreeMap::new();
        let mut has_ambiguous = false;
        for (id, communities) in ids.iter().zip(&told) {
            match self.one(communities) {
                Some(home) => at.entry(home).or_default().push(id.clone()),
                None => has_ambiguous = true,
            }
        }
        Routes { at: at.into_iter().map(|(home, ids)| (home.clone(), key(ids))).collect(), has_ambiguous }
    }

    // Ours where nobody claims it; None in doubt.
    fn one<'s>(&'s self, communities: &'s BTreeSet<CommunityId>) -> Option<&'s CommunityId> {
        match communities.len() {
            0 => Some(&self.ours),
            1 => communities.first(),
            _ => None,
        }
    }

    fn since(&self, context: &RequestContext) -> Timestamp {
        context.received.plus_seconds(-self.kept_s)
    }

    // Compared without case and with or without `urn:uuid:`, as object ids are.
    fn object(&self, id: &ObjectId) -> IdHash {
        self.hash(b'o', &id.folded())
    }

    fn hash(&self, kind: u8, id: &str) -> IdHash {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&[kind]);
        context.update(id.as_bytes());
        let mut hash = IdHash::default();
        hash.iter_mut().zip(context.sign().as_ref()).for_each(|(to, from)| *to = *from);
        hash
    }
}

/// Whether a request speaks as within one network, where nobody says homes.
fn names_no_homes(context: &RequestContext) -> bool {
    context.side == Side::Home && context.transaction == "ITI-18"
}

fn told(error: Option<StoreError>) -> String {
    error.map(|error| error.to_string()).unwrap_or_default()
}

/// How long a request waits for what was kept.
const READING_MAX: Duration = Duration::from_secs(2);
/// How long an answer waits for its claims to be kept.
const KEEPING_MAX: Duration = Duration::from_secs(1);
