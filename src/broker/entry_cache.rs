//! Entries shown a moment ago, so that a retrieve knows what it asks for and by-id queries carry the
//! id under which an entry was shown; and whose the objects were that were shown. Bounded in number and
//! age; keyed by who was shown them.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::model::{
    CommunityId, DocumentEntry, DocumentId, ObjectId, PatientId, Phi, RegistryObject, RequestContext,
    TargetName,
};

/// Who was shown an entry.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Asker {
    system: TargetName,
    community: CommunityId,
    issuer: String,
    organization: String,
    person: String,
}

/// The cache. It gives no permission: what it knows is authorized again.
pub struct EntryCache {
    entries: Cache<(Arc<Asker>, DocumentId), Arc<DocumentEntry>>,
    /// By id and by unique id, of entries, folders and submission sets. They decide nothing but whom a budget
    /// counts: a hash of who was shown which id is enough, and keeps no id.
    owners: Cache<u64, Arc<Owner>>,
    hashing: RandomState,
}

/// At which community an object was shown, and as whose.
struct Owner {
    community: CommunityId,
    patient: PatientId,
}

/// How long what was shown is remembered.
const KEPT: Duration = Duration::from_secs(3600);

impl EntryCache {
    /// At most so many entries, each for an hour.
    pub fn new(entries_max: u64) -> Self {
        let entries = Cache::builder().max_capacity(entries_max).time_to_live(KEPT).build();
        let owners = Cache::builder().max_capacity(entries_max.saturating_mul(2)).time_to_live(KEPT).build();
        Self { entries, owners, hashing: RandomState::new() }
    }

    /// Remembers entries as they were shown to this requester, without the message they came in: what a
    /// retrieve is judged by and recorded with are its fields, and an hour of messages would be held. Of
    /// other objects than entries, whose they are.
    pub fn insert(&self, context: &RequestContext, objects: &[RegistryObject]) {
        let Some(asker) = Asker::of(context) else { return };
        let mut last: Option<Arc<Owner>> = None;
        for object in objects {
            if let Some(entry) = object.entry() {
                self.entries.insert((Arc::clone(&asker), entry.id.clone()), Arc::new(entry.without_wire()));
            }
            let Some(patient) = object.patient() else { continue };
            let same = last.filter(|last| last.patient == *patient && last.community == *object.community());
            let owner = same.unwrap_or_else(|| {
                Arc::new(Owner { community: object.community().clone(), patient: patient.clone() })
            });
            self.owners.insert(self.key(&asker, &object.object().folded()), Arc::clone(&owner));
            if let Some(unique) = object.unique() {
                self.owners.insert(self.key(&asker, unique.reveal()), Arc::clone(&owner));
            }
            last = Some(owner);
        }
    }

    /// Forgets entries of this community that were shown under such ids.
    pub fn forget(&self, community: &CommunityId, shown_under: impl Fn(&PatientId) -> bool) {
        for (key, entry) in &self.entries {
            if key.1.community == *community && shown_under(&entry.patient) {
                self.entries.invalidate(&*key);
            }
        }
        for (key, owner) in &self.owners {
            if owner.community == *community && shown_under(&owner.patient) {
                self.owners.invalidate(&*key);
            }
        }
    }

    /// Whose the object of this id was, as it was shown to this requester.
    pub fn owner(&self, context: &RequestContext, object: &ObjectId) -> Option<PatientId> {
        self.owner_by(context, &object.folded())
    }

    /// As [`EntryCache::owner`], by its unique id.
    pub fn owner_of(&self, context: &RequestContext, unique: &Phi<String>) -> Option<PatientId> {
        self.owner_by(context, unique.reveal())
    }

    fn owner_by(&self, context: &RequestContext, id: &str) -> Option<PatientId> {
        let asker = Asker::of(context)?;
        let key = self.key(&asker, id);
        Some(self.owners.get(&key)?.patient.clone())
    }

    fn key(&self, asker: &Asker, id: &str) -> u64 {
        self.hashing.hash_one((asker, id))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.entries.invalidate_all();
        self.owners.invalidate_all();
    }

    /// The entry as it was shown to this requester.
    pub fn shown(&self, context: &RequestContext, document: &DocumentId) -> Option<DocumentEntry> {
        let entry = self.entries.get(&(Asker::of(context)?, document.clone()))?;
        Some(DocumentEntry::clone(&entry))
    }
}

impl Asker {
    // Nobody is shown entries without having been vouched for.
    fn of(context: &RequestContext) -> Option<Arc<Self>> {
        let requester = &context.requester;
        requester.vouched.as_ref()?;
        let asker = requester.key();
        Some(Arc::new(Self {
            system: requester.system.clone(),
            community: requester.community.clone(),
            issuer: asker.issuer.to_owned(),
            organization: asker.organization.to_owned(),
            person: asker.person.to_owned(),
        }))
    }
}
