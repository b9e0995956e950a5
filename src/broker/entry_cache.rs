//! Entries shown a moment ago, so that a retrieve knows what it asks for and by-id queries carry the
//! id under which an entry was shown; and whose the objects were that were shown. Bounded in number and
//! age; keyed by who was shown them.

use std::collections::BTreeSet;
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
    /// By id and by unique id, of entries, folders and submission sets.
    owners: Cache<(Arc<Asker>, Phi<String>), Arc<Owner>>,
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
        Self { entries, owners }
    }

    /// Remembers entries as they were shown to this requester, without the message they came in: what a
    /// retrieve is judged by and recorded with are its fields, and an hour of messages would be held. Of
    /// other objects than entries, whose they are.
    pub fn insert(&self, context: &RequestContext, objects: &[RegistryObject]) {
        let Some(asker) = Asker::of(context) else { return };
        for object in objects {
            if let Some(entry) = object.entry() {
                self.entries.insert((Arc::clone(&asker), entry.id.clone()), Arc::new(entry.without_wire()));
            }
            let Some(patient) = object.patient() else { continue };
            let owner = Arc::new(Owner { community: object.community().clone(), patient: patient.clone() });
            let ids = std::iter::once(Phi::new(object.object().folded())).chain(object.unique().cloned());
            for id in ids {
                self.owners.insert((Arc::clone(&asker), id), Arc::clone(&owner));
            }
        }
    }

    /// Forgets entries of this community that were shown under one of these ids.
    pub fn forget(&self, community: &CommunityId, shown_under: &BTreeSet<PatientId>) {
        for (key, entry) in &self.entries {
            if key.1.community == *community && shown_under.contains(&entry.patient) {
                self.entries.invalidate(&*key);
            }
        }
        for (key, owner) in &self.owners {
            if owner.community == *community && shown_under.contains(&owner.patient) {
                self.owners.invalidate(&*key);
            }
        }
    }

    /// Whose the object of this id was, as it was shown to this requester.
    pub fn owner(&self, context: &RequestContext, object: &ObjectId) -> Option<PatientId> {
        self.owner_of(context, Phi::new(object.folded()))
    }

    /// As [`EntryCache::owner`], by its unique id.
    pub fn owner_of(&self, context: &RequestContext, unique: Phi<String>) -> Option<PatientId> {
        Some(self.owners.get(&(Asker::of(context)?, unique))?.patient.clone())
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
