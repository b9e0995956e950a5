//! ITI-46 PIX V3 Update Notification as a transaction: under which ids a person is known from now on, as
//! the manager says (wire.md 10.2). The interaction of a revised record, told the other way round.

use super::iti44::told_by;
use crate::dialect::soap::Envelope;
use crate::dialect::{Addressing, Packaging, Payload, Received, Reply, Sent, Transaction};
use crate::model::{Answer, FoundPatient, Outcome, PatientRecord, PeerProfile, RecordChange, Refusal};

/// ITI-46.
#[derive(Debug, Clone, Copy)]
pub struct PixUpdateNotification;

told_by!(PixUpdateNotification, "ITI-46", "urn:hl7-org:v3:PRPA_IN201302UV02", RecordChange::Revised);
