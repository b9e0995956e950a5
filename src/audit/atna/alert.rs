//! What is no transaction: start and stop, who could not be let in, changes of what is released.

use super::AuditSource;
use super::codes::{Code, SERIOUS, SUCCESS};
use super::message::{Draft, Object, Participant, SYSTEM_OBJECT};
use super::role;
use crate::audit::event::{Event, Kind};

/// Start and stop.
pub fn activity(event: &Event, source: &AuditSource) -> Vec<Draft> {
    let event_type = match event.kind {
        Kind::Stop => Code::dcm("110121", "Application Stop"),
        _ => Code::dcm("110120", "Application Start"),
    };
    let launcher = participant("operating system", true, Code::dcm("110151", "Application Launcher"));
    let description = event.detail.as_ref().map(|detail| detail.reveal().clone());
    vec![Draft {
        event: Code::dcm("110100", "Application Activity"),
        action: "E",
        outcome: SUCCESS,
        description,
        event_type,
        participants: vec![application(event, source), launcher],
        objects: Vec::new(),
        peer: None,
    }]
}

/// A certificate that is nobody's (a failed node), or an assertion that was not believed (a login).
pub fn authentication_failure(event: &Event) -> Vec<Draft> {
    let detail = event.detail.as_ref().map(|detail| detail.reveal().clone()).unwrap_or_default();
    let is_node = detail.starts_with("NodeAuthentication");
    let caller = role::caller(event);
    let far = Participant {
        user: caller.user.clone(),
        alternative: None,
        name: None,
        is_requestor: true,
        network: caller.network.clone(),
        roles: Vec::new(),
    };
    let (event_id, event_type) = if is_node {
        (Code::dcm("110113", "Security Alert"), Code::dcm("110126", "Node Authentication"))
    } else {
        (Code::dcm("110114", "User Authentication"), Code::dcm("110122", "Login"))
    };
    vec![Draft {
        event: event_id,
        action: "E",
        outcome: SERIOUS,
        description: Some(detail.clone()),
        event_type,
        participants: vec![far],
        objects: vec![subject(caller.network.unwrap_or(caller.user), detail)],
        peer: event.by.clone(),
    }]
}

/// A message that did not get as far as a transaction.
pub fn restricted_function(event: &Event) -> Vec<Draft> {
    let detail = event.detail.as_ref().map(|detail| detail.reveal().clone()).unwrap_or_default();
    let caller = role::caller(event);
    let id = caller.network.clone().unwrap_or_else(|| caller.user.clone());
    let far = Participant {
        user: caller.user,
        alternative: None,
        name: None,
        is_requestor: true,
        network: caller.network,
        roles: Vec::new(),
    };
    vec![Draft {
        event: Code::dcm("110113", "Security Alert"),
        action: "E",
        outcome: SERIOUS,
        description: Some(detail.clone()),
        event_type: Code::dcm("110132", "Use of Restricted Function"),
        participants: std::iter::once(far).chain(role::person(event)).collect(),
        objects: vec![subject(id, detail)],
        peer: event.by.clone(),
    }]
}

/// Consents changed: in parts, when they are those of many persons.
pub fn consent_change(event: &Event, source: &AuditSource) -> Vec<Draft> {
    let patients: Vec<Object> = role::patients(event).collect();
    let mut parts: Vec<Vec<Object>> = Vec::new();
    for (index, patient) in patients.into_iter().enumerate() {
        match parts.last_mut() {
            Some(part) if index % PATIENTS_MAX != 0 => part.push(patient),
            _ => parts.push(vec![patient]),
        }
    }
    if parts.is_empty() {
        parts.push(Vec::new());
    }
    let event_type = || Code::dcm("110135", "Object Security Attributes Changed");
    parts.into_iter().map(|objects| change(event, source, event_type(), objects)).collect()
}

/// Settings, policies, peers or certificates changed.
pub fn configuration(event: &Event, source: &AuditSource) -> Vec<Draft> {
    let event_type = match event.policy_set {
        Some(_) => Code::dcm("110129", "Security Configuration"),
        None => Code::dcm("110131", "Software Configuration"),
    };
    vec![change(event, source, event_type, Vec::new())]
}

fn change(event: &Event, source: &AuditSource, event_type: Code, mut objects: Vec<Object>) -> Draft {
    let detail = event.detail.as_ref().map(|detail| detail.reveal().clone()).unwrap_or_default();
    let by = event.by.clone().filter(|by| !by.is_empty()).unwrap_or_else(|| "unknown".to_owned());
    let by = participant(&by, true, Code::dcm("110151", "Application Launcher"));
    objects.push(subject(source.device.clone(), detail.clone()));
    Draft {
        event: Code::dcm("110113", "Security Alert"),
        action: "E",
        outcome: SUCCESS,
        description: Some(detail),
        event_type,
        participants: vec![by, application(event, source)],
        objects,
        peer: None,
    }
}

fn application(event: &Event, source: &AuditSource) -> Participant {
    let mut application = participant(&source.device, false, Code::dcm("110150", "Application"));
    application.alternative = event.process.map(|process| process.to_string());
    application
}

fn participant(user: &str, is_requestor: bool, role: Code) -> Participant {
    Participant {
        user: user.to_owned(),
        alternative: None,
        name: None,
        is_requestor,
        network: None,
        roles: vec![role],
    }
}

/// What an alert is about.
fn subject(id: String, description: String) -> Object {
    Object {
        id,
        kind: SYSTEM_OBJECT,
        role: "13",
        id_type: Code::dcm("110182", "Node ID"),
        query: None,
        details: vec![("Alert Description", description)],
    }
}

/// Patients of one message; more stand in further ones.
const PATIENTS_MAX: usize = 500;
