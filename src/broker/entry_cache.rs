//! Entries shown a moment ago, so that a retrieve knows what it asks for and by-id queries carry the
//! id under which an entry was shown; and whose the objects were that were shown. Bounded in number and
//! age; keyed by who was shown them.

use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::aging::Aging;
use crate::model::{
    CommunityId, DocumentEntry, DocumentId, EntryFields, EntryMetadata, ObjectId, PatientId, Phi,
    RegistryObject, RequestContext, TargetName,
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
    shown: Mutex<Shown>,
    hashing: RandomState,
}

struct Shown {
    entries: Aging<Kept>,
    /// By id and by unique id, of entries, folders and submission sets. They decide nothing but whom a budget
    /// counts: a hash of who was shown which id is enough, and keeps no id.
    owners: Aging<Arc<Owner>>,
}

/// An entry without the message it came in, and whom it was shown.
struct Kept {
    asker: Arc<Asker>,
    fields: Arc<EntryFields>,
    /// Of an entry that we have built.
    metadata: Option<Arc<EntryMetadata>>,
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
        let max = usize::try_from(entries_max).unwrap_or(usize::MAX);
        let owners = Aging::new(max.saturating_mul(2), KEPT);
        let shown = Shown { entries: Aging::new(max, KEPT), owners };
        Self { shown: Mutex::new(shown), hashing: RandomState::new() }
    }

    /// Remembers entries as they were shown to this requester, without the message they came in: what a
    /// retrieve is judged by and recorded with are its fields, and an hour of messages would be held. Of
    /// other objects than entries, whose they are.
    pub fn insert(&self, context: &RequestContext, objects: &[RegistryObject]) {
        let Some(asker) = Asker::of(context) else { return };
        let (who, now) = (self.who(&asker), Instant::now());
        let mut last: Option<Arc<Owner>> = None;
        // Others come in between where there are thousands.
        for some in objects.chunks(AT_ONCE) {
            let mut shown = self.shown_now();
            for object in some {
                if let Some(entry) = object.entry() {
                    let metadata = entry.encoded.metadata().cloned();
                    let kept =
                        Kept { asker: Arc::clone(&asker), fields: Arc::clone(&entry.fields), metadata };
                    shown.entries.insert(self.document_key(who, &entry.id), kept, now);
                }
                let Some(patient) = object.patient() else { continue };
                let same =
                    last.filter(|last| last.patient == *patient && last.community == *object.community());
                let owner = same.unwrap_or_else(|| {
                    Arc::new(Owner { community: object.community().clone(), patient: patient.clone() })
                });
                shown.owners.insert(self.key(who, &object.object().folded()), Arc::clone(&owner), now);
                if let Some(unique) = object.unique() {
                    shown.owners.insert(self.key(who, unique.reveal()), Arc::clone(&owner), now);
                }
                last = Some(owner);
            }
        }
    }

    /// Forgets entries of this community that were shown under such ids.
    pub fn forget(&self, community: &CommunityId, shown_under: impl Fn(&PatientId) -> bool) {
        let mut shown = self.shown_now();
        shown
            .entries
            .retain(|kept| kept.fields.id.community != *community || !shown_under(&kept.fields.patient));
        shown.owners.retain(|owner| owner.community != *community || !shown_under(&owner.patient));
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
        let who = self.who(&asker);
        Some(self.shown_now().owners.get(self.key(who, id), Instant::now())?.patient.clone())
    }

    // Panics elsewhere leave it whole: at worst an entry is forgotten.
    fn shown_now(&self) -> MutexGuard<'_, Shown> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn who(&self, asker: &Asker) -> u64 {
        self.hashing.hash_one(asker)
    }

    fn key(&self, who: u64, id: &str) -> u64 {
        self.hashing.hash_one((who, id))
    }

    fn document_key(&self, who: u64, id: &DocumentId) -> u64 {
        self.hashing.hash_one((who, id))
    }

    /// Forgets everything.
    pub fn clear(&self) {
        let mut shown = self.shown_now();
        shown.entries.clear();
        shown.owners.clear();
    }

    /// The entry as it was shown to this requester.
    pub fn shown(&self, context: &RequestContext, document: &DocumentId) -> Option<DocumentEntry> {
        let asker = Asker::of(context)?;
        let shown = self.shown_now();
        let kept = shown.entries.get(self.document_key(self.who(&asker), document), Instant::now())?;
        // Two may have one hash: what was shown to somebody else stays theirs.
        (kept.asker == asker && kept.fields.id == *document)
            .then(|| DocumentEntry::without_wire(Arc::clone(&kept.fields), kept.metadata.clone()))
    }
}

/// Objects remembered in one go.
const AT_ONCE: usize = 256;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Encoded, Purpose, Side, WireBytes};
    use crate::policy::fixture::{HIROSHIMA, OKAYAMA, context, foreign_entry, network_id};

    #[test]
    fn what_was_shown_stays_as_it_was_whatever_becomes_of_the_answer_and_holds_none_of_its_message() {
        let (cache, asker) =
            (EntryCache::new(10), context(Side::Home, OKAYAMA, "physician", Purpose::Treatment));
        let mut entry = foreign_entry(HIROSHIMA, "").with(|entry| entry.patient = network_id("N1"));
        let text = Phi::new("<rim:ExtrinsicObject/>".to_owned().into());
        entry.encoded = Encoded::Ebxml(WireBytes { text, namespaces: Arc::default(), places: None });
        cache.insert(&asker, &[RegistryObject::Entry(entry.clone())]);
        entry.patient = network_id("N2");
        let mut shown = cache.shown(&asker, &entry.id).unwrap();
        assert_eq!(shown.patient, network_id("N1"));
        let Encoded::Ebxml(wire) = &shown.encoded else { panic!("a peer's") };
        assert_eq!(wire.text.reveal().as_str(), "");
        shown.patient = network_id("N3");
        assert_eq!(cache.shown(&asker, &entry.id).unwrap().patient, network_id("N1"));
    }
}
