//! Entries shown a moment ago, so that a retrieve knows what it asks for and by-id queries carry the
//! id under which an entry was shown. Bounded in number and age; keyed by who was shown them.

use std::time::Duration;

use moka::sync::Cache;

use crate::model::{CommunityId, DocumentEntry, DocumentId, RequestContext, TargetName};

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    system: TargetName,
    community: CommunityId,
    organization: String,
    person: String,
    document: DocumentId,
}

/// The cache. It gives no permission: what it knows is authorized again.
pub struct EntryCache {
    entries: Cache<Key, DocumentEntry>,
}

impl EntryCache {
    /// At most so many entries, each for an hour.
    pub fn new(entries_max: u64) -> Self {
        let entries =
            Cache::builder().max_capacity(entries_max).time_to_live(Duration::from_secs(3600)).build();
        Self { entries }
    }

    /// Remembers an entry as it was shown to this requester.
    pub fn insert(&self, context: &RequestContext, entry: &DocumentEntry) {
        self.entries.insert(Key::of(context, &entry.id), entry.clone());
    }

    /// The entry as it was shown to this requester.
    pub fn shown(&self, context: &RequestContext, document: &DocumentId) -> Option<DocumentEntry> {
        self.entries.get(&Key::of(context, document))
    }
}

impl Key {
    fn of(context: &RequestContext, document: &DocumentId) -> Self {
        let requester = &context.requester;
        Self {
            system: requester.system.clone(),
            community: requester.community.clone(),
            organization: requester.organization.id.clone(),
            person: requester.person.id.clone(),
            document: document.clone(),
        }
    }
}
