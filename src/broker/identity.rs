//! Who we are: community, authority, device; and the ids of outbound messages.

use crate::model::{Authority, CommunityId, FarEnd, Leg, MessageId, Oid, QueryId, Timestamp};

/// Our community as the other networks know it.
#[derive(Debug, Clone)]
pub struct Identity {
    /// homeCommunityId.
    pub community: CommunityId,
    /// The authority of the network's own patient ids.
    pub authority: Authority,
    /// Device OID: the root of message and query ids.
    pub device: Oid,
}

impl Identity {
    /// Fresh ids for one outbound message. Our client never repeats a MessageID.
    pub fn leg(&self) -> Leg {
        Self::numbered(self.device.as_str())
    }

    /// Fresh ids for one more message of the same device.
    pub(super) fn another(leg: &Leg) -> Leg {
        Self::numbered(&leg.query.root)
    }

    fn numbered(root: &str) -> Leg {
        let query = QueryId { root: root.to_owned(), extension: Some(uuid::Uuid::new_v4().to_string()) };
        let far_end = FarEnd::default();
        Leg { message: MessageId::fresh(), query, at: Timestamp::now(), far_end }
    }
}
