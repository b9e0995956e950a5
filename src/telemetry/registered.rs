//! Makes and registers metrics under one prefix; sets and counts without panicking.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Error, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// A registry and the names in it.
#[derive(Debug, Default)]
pub(super) struct Registered {
    pub(super) registry: Registry,
    pub(super) names: Vec<String>,
}

impl Registered {
    pub(super) fn counters(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, Error> {
        self.keep(name, |full| IntCounterVec::new(Opts::new(full, help), labels))
    }

    pub(super) fn counter(&mut self, name: &str, help: &str) -> Result<IntCounter, Error> {
        self.keep(name, |full| IntCounter::new(full, help))
    }

    pub(super) fn gauges(&mut self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        self.keep(name, |full| IntGaugeVec::new(Opts::new(full, help), labels))
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str) -> Result<IntGauge, Error> {
        self.keep(name, |full| IntGauge::new(full, help))
    }

    pub(super) fn float_gauges(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<GaugeVec, Error> {
        self.keep(name, |full| GaugeVec::new(Opts::new(full, help), labels))
    }

    pub(super) fn float_gauge(&mut self, name: &str, help: &str) -> Result<Gauge, Error> {
        self.keep(name, |full| Gauge::new(full, help))
    }

    pub(super) fn histograms(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> Result<HistogramVec, Error> {
        self.keep(name, |full| {
            HistogramVec::new(HistogramOpts::new(full, help).buckets(buckets.to_vec()), labels)
        })
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
        self.keep(name, |full| Histogram::with_opts(HistogramOpts::new(full, help).buckets(buckets.to_vec())))
    }

    fn keep<M: Collector + Clone + 'static>(
        &mut self,
        name: &str,
        make: impl FnOnce(String) -> Result<M, Error>,
    ) -> Result<M, Error> {
        let full = format!("kakehashi_{name}");
        let metric = make(full.clone())?;
        self.registry.register(Box::new(metric.clone()))?;
        self.names.push(full);
        Ok(metric)
    }
}

pub(super) fn add(counters: &IntCounterVec, labels: &[&str], count: u64) {
    if let Ok(counter) = counters.get_metric_with_label_values(labels) {
        counter.inc_by(count);
    }
}

pub(super) fn observe(histograms: &HistogramVec, labels: &[&str], took: Duration) {
    if let Ok(histogram) = histograms.get_metric_with_label_values(labels) {
        histogram.observe(took.as_secs_f64());
    }
}

pub(super) fn set(gauges: &IntGaugeVec, labels: &[&str], value: i64) {
    if let Ok(gauge) = gauges.get_metric_with_label_values(labels) {
        gauge.set(value);
    }
}

pub(super) fn set_float(gauges: &GaugeVec, labels: &[&str], value: f64) {
    if let Ok(gauge) = gauges.get_metric_with_label_values(labels) {
        gauge.set(value);
    }
}

pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
