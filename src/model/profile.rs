//! A peer's habits: the switches of wire.md 21.5 that readers and writers obey. All off by default.

use serde::Deserialize;

use super::{Authority, CommunityId};

/// What to answer for a patient we do not know or may not show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PatientUnknownPolicy {
    /// As for nobody: an empty success.
    #[default]
    Empty,
    /// XDSUnknownPatientId; an application error in ITI-55.
    Error,
}

/// A peer's habits (the `[wire]` table of its file).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PeerProfile {
    /// The peer's home community; filled in from its file, never from `[wire]`.
    #[serde(skip)]
    pub community: Option<CommunityId>,
    /// Authorities the peer may speak for; filled in from its file.
    #[serde(skip)]
    pub authorities: Vec<Authority>,
    /// Further communities whose objects it shows, as a gateway does that asks others (ITI-18 and ITI-38
    /// to a portal); no file says so of a peer.
    #[serde(skip)]
    pub shows: Vec<CommunityId>,
    /// Whether our network id of a person goes with their demographics (decisions A8); from its file.
    #[serde(skip)]
    pub send_network_id: bool,
    /// Days its ids of a person are remembered where its answer does not say how long; 0 is not at all;
    /// from its file.
    #[serde(skip)]
    pub correlation_days: u32,
    /// Documents asked for in one retrieve; 0 is no limit.
    pub documents_per_retrieve: usize,
    /// Whether patient queries carry AdhocQuery/@home.
    pub send_home_on_patient_query: bool,
    /// Whether objects without home get the peer's own.
    pub fill_missing_home: bool,
    /// Whether entries without status or objectType count as approved and stable.
    pub fill_missing_status: bool,
    /// Whether stored-query strings without quotes or parentheses are read.
    pub accept_unquoted_params: bool,
    /// Whether a document that differs from size or hash of its entry is passed on all the same.
    pub documents_may_differ: bool,
    /// Whether inline document content that is not base64 is taken as it is.
    pub inline_text_documents: bool,
    /// Whether a request without wsa:MessageID is read.
    pub accept_missing_message_id: bool,
    /// Whether an action of another transaction over the body is read by the body's root.
    pub route_by_body: bool,
    /// Whether several patient/id in an XCPD answer are read (the authority's, else the first).
    pub accept_several_patient_ids: bool,
    /// Whether wsse:Security goes out without mustUnderstand (wire.md 24.8).
    pub security_without_must_understand: bool,
    /// Answer for an unknown patient.
    pub patient_unknown_policy: PatientUnknownPolicy,
}
