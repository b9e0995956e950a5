//! Entries shown a moment ago, so that a retrieve knows what it asks for and by-id queries carry the
//! id under which an entry was shown. Bounded in number and age; keyed by who was shown them.

use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;

use crate::model::{CommunityId, DocumentEntry, DocumentId, PatientId, RequestContext, TargetName};

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
}

impl EntryCache {
    /// At most so many entries, each for an hour.
    pub fn new(entries_max: u64) -> Self {
        let entries =
            Cache::builder().max_capacity(entries_max).time_to_live(Duration::from_secs(3600)).build();
        Self { entries }
    }

    /// Remembers entries as they were shown to this requester, without the message they came in: what a
    /// retrieve is judged by and recorded with are its fields, and an hour of messages would be held.
    pub fn insert<'e>(&self, context: &RequestContext, entries: impl IntoIterator<Item = &'e DocumentEntry>) {
        let Some(asker) = Asker::of(context) else { return };
        for entry in entries {
            self.entries.insert((Arc::clone(&asker), entry.id.clone()), Arc::new(entry.without_wire()));
        }
    }

    /// Forgets entries of this community that were shown under such ids.
    pub fn forget(&self, community: &CommunityId, shown_under: impl Fn(&PatientId) -> bool) {
        for (key, entry) in &self.entries {
            if key.1.community == *community && shown_under(&entry.patient) {
                self.entries.invalidate(&*key);
            }
        }
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.entries.invalidate_all();
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
