//! Okayama's own PIX manager as a simulator: says which ids are one person's, takes what it is told, and
//! tells the broker what has changed.

use std::sync::{Arc, Mutex};

use kakehashi::dialect::hl7v3::{DuplicatesResolved, PixQuery, RecordAdded, RecordRevised};
use kakehashi::model::{
    Answer, CommunityId, FoundPatient, Malformed, PatientId, PatientIdLookup, PatientRecord, Phi,
    RecordChange, Refusal,
};

use super::client::{Client, PHYSICIAN, oid};
use super::gateway::{Arrived, Body, Gateway};
use super::network::{Network, OKAYAMA, Plan, free_port};

/// What it knows, kept while it is down.
#[derive(Clone, Default)]
pub struct Known {
    persons: Arc<Mutex<Vec<Vec<PatientId>>>>,
    told: Arc<Mutex<Vec<(String, PatientRecord)>>>,
    refuses: Arc<Mutex<bool>>,
}

/// A running one; gone when dropped.
pub struct Manager {
    pub port: u16,
    pub gateway: Gateway,
}

impl Known {
    /// These ids are each one person's, and nobody else is known.
    pub fn are_persons(&self, persons: &[&[PatientId]]) {
        *self.persons.lock().unwrap() = persons.iter().map(|ids| ids.to_vec()).collect();
    }

    /// What it has been told, in order: the id of the message and its content.
    pub fn told(&self) -> Vec<(String, PatientRecord)> {
        self.told.lock().unwrap().clone()
    }

    /// Whether it acknowledges what it is told.
    pub fn takes(&self, takes: bool) {
        *self.refuses.lock().unwrap() = !takes;
    }

    fn answer(&self, arrived: &Arrived) -> http::Response<Body> {
        if arrived.path == "/pix" {
            let asked: PatientIdLookup = arrived.request::<PixQuery>();
            return arrived.answer::<PixQuery>(self.links(&asked));
        }
        let (record, answering): (PatientRecord, fn(&Arrived, _) -> http::Response<Body>) =
            if arrived.envelope.contains("<PRPA_IN201301UV02") {
                (arrived.request::<RecordAdded>(), |a, r| a.answer::<RecordAdded>(r))
            } else if arrived.envelope.contains("<PRPA_IN201302UV02") {
                (arrived.request::<RecordRevised>(), |a, r| a.answer::<RecordRevised>(r))
            } else {
                (arrived.request::<DuplicatesResolved>(), |a, r| a.answer::<DuplicatesResolved>(r))
            };
        if *self.refuses.lock().unwrap() {
            return answering(arrived, Err(Refusal::Malformed(Malformed::new("refused", "", "not now"))));
        }
        let body = arrived.envelope.split("<PRPA_IN").nth(1).unwrap();
        let id = body.split("extension=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        self.told.lock().unwrap().push((id.to_owned(), record));
        answering(arrived, Ok(Answer { answered: 1, ..Answer::default() }))
    }

    fn links(&self, asked: &PatientIdLookup) -> Result<Answer<FoundPatient>, Refusal> {
        let persons = self.persons.lock().unwrap();
        let person = persons.iter().find(|ids| ids.contains(&asked.known));
        let person = person.ok_or_else(|| Refusal::UnknownPatient(asked.known.clone()))?;
        let found = person.iter().map(|id| FoundPatient {
            community: CommunityId(oid(OKAYAMA.community)),
            id: id.clone(),
            demographics: None,
            confidence: 100,
            also: Vec::new(),
        });
        Ok(Answer::found(found.collect()))
    }
}

impl Manager {
    /// Starts one that knows this.
    pub async fn start(known: &Known) -> Self {
        Self::start_at(known, free_port()).await
    }

    /// Starts it again where it was.
    pub async fn start_at(known: &Known, port: u16) -> Self {
        let known = known.clone();
        let answering = move |arrived: Arrived| {
            let known = known.clone();
            async move { known.answer(&arrived) }
        };
        Self { port, gateway: Gateway::start_at(OKAYAMA, port, answering).await }
    }

    /// One that takes everything in and answers nothing.
    pub async fn silent() -> Self {
        let port = free_port();
        Self { port, gateway: Gateway::start_at(OKAYAMA, port, |_| std::future::pending()).await }
    }
}

/// The file of the manager at this port.
pub fn with_manager(mut plan: Plan, port: u16, more: &str) -> Plan {
    let url = format!("https://127.0.0.1:{port}");
    let text = format!(
        r#"
kind = "pix_manager"
device = "2.999.33.0.9"
{more}
tls = {{ san_uri = "urn:oid:2.999.33.32", client = "okayama-gateway" }}
[pix_manager]
query = "{url}/pix"
feed = "{url}/feed"
"#
    );
    plan.peers.push(("okayama-pix", text));
    plan
}

/// The manager as it calls the broker.
pub fn calling(okayama: &Network) -> Client {
    okayama.at_system("pix", PHYSICIAN)
}

/// A person has these ids from now on.
pub fn revised(ids: &[PatientId]) -> PatientRecord {
    PatientRecord {
        change: RecordChange::Revised,
        ids: ids.to_vec(),
        others: Vec::new(),
        subsumed: Vec::new(),
        demographics: Phi::default(),
    }
}
