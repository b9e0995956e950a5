//! What works and what does not, told by the components themselves. `/healthz` asks whether the
//! process can do its work, `/readyz` also whether it should be sent requests yet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use super::Metrics;

/// How a component is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", content = "why", rename_all = "snake_case")]
pub enum Status {
    /// It fails; the text is for the operator and names no patient.
    Failed(String),
    /// It works.
    Ok,
    /// It is not there yet.
    Starting(String),
    /// It does its work, and somebody should look; the text names no patient.
    Warning(String),
}

impl Status {
    /// Whether it does its work.
    const fn works(&self) -> bool {
        matches!(self, Self::Ok | Self::Warning(_))
    }
}

/// What a component is needed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Needed {
    /// Shown only; its failure changes neither answer (a refused reload).
    Shown,
    /// For being sent requests: `/readyz`.
    Ready,
    /// For working at all: `/healthz` and `/readyz`.
    Work,
}

/// One component as `/healthz` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Component {
    /// What it is needed for.
    pub needed: Needed,
    /// How it is.
    #[serde(flatten)]
    pub status: Status,
}

/// All components. A component registers by saying how it is; until then it is unknown, so those
/// that must come up are set to `Starting` before anything is served.
#[derive(Debug)]
pub struct Health {
    metrics: Arc<Metrics>,
    components: Mutex<BTreeMap<String, Component>>,
}

impl Health {
    /// Without components: healthy, not ready. What is said here shows in the metrics too.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, components: Mutex::default() }
    }

    /// Says how a component is. True when that is news (worth a log line).
    pub fn set(&self, component: &str, needed: Needed, status: Status) -> bool {
        self.metrics.component(component, status.works());
        let mut components = self.components.lock().unwrap_or_else(PoisonError::into_inner);
        let told = Component { needed, status };
        components.insert(component.to_owned(), told.clone()) != Some(told)
    }

    /// Forgets a component (a source whose file is gone).
    pub fn remove(&self, component: &str) {
        self.metrics.forget_component(component);
        self.components.lock().unwrap_or_else(PoisonError::into_inner).remove(component);
    }

    /// Whether the process can do its work, and every component.
    pub fn work(&self) -> (bool, BTreeMap<String, Component>) {
        let components = self.components.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let failed = |c: &Component| c.needed == Needed::Work && matches!(c.status, Status::Failed(_));
        (!components.values().any(failed), components)
    }

    /// Whether requests should be sent here, and every component.
    pub fn ready(&self) -> (bool, BTreeMap<String, Component>) {
        let components = self.components.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let waits = |c: &Component| c.needed >= Needed::Ready && !c.status.works();
        (!components.is_empty() && !components.values().any(waits), components)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_starting_index_keeps_us_from_being_ready_but_not_from_being_healthy() {
        let health = Health::new(Metrics::new().unwrap());
        assert!(!health.ready().0);
        health.set("audit", Needed::Work, Status::Ok);
        health.set("index okayama", Needed::Ready, Status::Starting("first index".into()));
        assert!(health.work().0 && !health.ready().0);
        health.set("index okayama", Needed::Ready, Status::Ok);
        assert!(health.ready().0);
        assert!(health.set("audit", Needed::Work, Status::Failed("disk full".into())));
        assert!(!health.work().0 && !health.ready().0);
    }

    #[test]
    fn a_warning_is_shown_and_neither_answer_changes() {
        let metrics = Metrics::new().unwrap();
        let health = Health::new(Arc::clone(&metrics));
        health.set("audit repository", Needed::Ready, Status::Warning("no connection".into()));
        assert!(health.work().0 && health.ready().0);
        assert!(metrics.encode().contains("kakehashi_component_up{component=\"audit repository\"} 1"));
        let shown = serde_json::to_string(&health.work().1).unwrap();
        assert!(shown.contains(r#""status":"warning","why":"no connection""#), "{shown}");
    }

    #[test]
    fn a_refused_reload_is_shown_and_changes_nothing() {
        let health = Health::new(Metrics::new().unwrap());
        health.set("audit", Needed::Work, Status::Ok);
        health.set("configuration", Needed::Shown, Status::Failed("peers/x.toml:3: ...".into()));
        assert!(health.work().0 && health.ready().0);
    }
}
