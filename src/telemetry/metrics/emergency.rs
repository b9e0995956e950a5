//! Metrics of what is done under the purpose EMERGENCY.

use prometheus::{Error, IntCounterVec};

use crate::telemetry::registered::Registered;

/// What is done under the purpose EMERGENCY.
#[derive(Debug)]
pub(super) struct EmergencyMetrics {
    pub emergencies: IntCounterVec,
    pub emergency_ids_refused: IntCounterVec,
    pub emergencies_over_budget: IntCounterVec,
    pub emergency_lane: IntCounterVec,
}

impl EmergencyMetrics {
    pub fn new(r: &mut Registered) -> Result<Self, Error> {
        Ok(Self {
            emergencies: r.counters(
                "emergency_accesses_total",
                "Answers given under an emergency policy.",
                &["peer"],
            )?,
            emergency_ids_refused: r.counters(
                "emergency_ids_refused_total",
                "Emergency ids refused to a community because too many are in use.",
                &["community"],
            )?,
            emergencies_over_budget: r.counters(
                "emergencies_over_budget_total",
                "Emergencies let through although the person, facility or system was over a budget.",
                &["peer"],
            )?,
            emergency_lane: r.counters(
                "emergency_lane_total",
                "Emergencies let through although the system's rate or places were used up.",
                &["peer"],
            )?,
        })
    }
}
