//! Metrics of what our PIX manager is told.

use std::time::Duration;

use prometheus::{Error, GaugeVec, IntCounterVec, IntGaugeVec};

use super::{Metrics, add, set, set_float, whole};
use crate::telemetry::registered::Registered;

/// What our PIX manager is told.
#[derive(Debug)]
pub(super) struct PixFeedMetrics {
    waiting: IntGaugeVec,
    oldest: GaugeVec,
    told: IntCounterVec,
}

impl PixFeedMetrics {
    pub(super) fn new(r: &mut Registered) -> Result<Self, Error> {
        Ok(Self {
            waiting: r.gauges(
                "pix_feed_waiting",
                "Messages (ITI-44) that the PIX manager has not acknowledged.",
                &["target"],
            )?,
            oldest: r.float_gauges(
                "pix_feed_oldest_seconds",
                "How long the oldest of them waits.",
                &["target"],
            )?,
            told: r.counters(
                "pix_feed_total",
                "Messages (ITI-44) sent to the PIX manager.",
                &["target", "outcome"],
            )?,
        })
    }
}

impl Metrics {
    /// How much the PIX manager has not been told.
    pub fn pix_feed_waiting(&self, target: &str, waiting: u64, oldest: Duration) {
        set(&self.pix_feed.waiting, &[target], whole(waiting));
        set_float(&self.pix_feed.oldest, &[target], oldest.as_secs_f64());
    }

    /// It was told something, with this outcome.
    pub fn pix_feed_told(&self, target: &str, outcome: &str) {
        add(&self.pix_feed.told, &[target, outcome], 1);
    }
}
