//! Which ids at home are one person's: as the consents say, or, where the network has a PIX manager, as
//! that says while the request runs. What it says is kept no longer than that: there is no second truth
//! about home's links. The consents still say what may be told to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::join_all;
use tokio::sync::OnceCell;

use super::Identity;
use super::conclude::{Candidate, Standing};
use super::directory::PeerDirectory;
use super::link_changes::LinkChanges;
use super::target::Target;
use crate::audit::LegOutcome;
use crate::model::{
    Answer, DocumentEntry, Failure, Leg, Outage, PatientId, PatientIdLookup, RegistryObject, RequestContext,
    Side,
};
use crate::policy::{Authorizer, HospitalNumber};
use crate::telemetry;

/// A person as home's links tell them.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// Whether anybody is known under the id that was asked by.
    pub is_known: bool,
    /// The network's own id of them.
    pub network_id: Option<PatientId>,
    /// All their numbers at our sources.
    pub numbers: Vec<HospitalNumber>,
    // Every id at home, the one asked by included.
    ids: BTreeSet<PatientId>,
}

/// A person's record at a source of ours.
#[derive(Debug, Clone)]
pub struct OwnRecord {
    /// The source's facility.
    pub facility: String,
    /// The person's number there.
    pub patient: PatientId,
}

impl OwnRecord {
    /// The one an entry is of; None of another network's.
    pub fn of(entry: &DocumentEntry) -> Option<Self> {
        let origin = entry.origin.as_ref()?;
        Some(Self { facility: origin.facility.clone(), patient: origin.patient.clone() })
    }
}

/// The links of one request. Each person is asked about once, whoever needs to know.
pub struct HomeLinks<'a> {
    identity: &'a Identity,
    authorizer: &'a Authorizer,
    directory: &'a PeerDirectory,
    manager: Option<&'a Target>,
    changes: &'a LinkChanges,
    since: u64,
    asked: Mutex<BTreeMap<PatientId, Arc<OnceCell<Option<Person>>>>>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    silent: Option<Outage>,
    legs: Vec<LegOutcome>,
}

/// Persons that one request may ask the manager about; what is over is as if it had not answered.
const PERSONS_MAX: usize = 32;
/// Asked about at the same time.
const AT_ONCE: usize = 8;

impl<'a> HomeLinks<'a> {
    /// As consents say; as this PIX manager says, where there is one.
    pub(super) fn new(
        identity: &'a Identity,
        authorizer: &'a Authorizer,
        directory: &'a PeerDirectory,
        manager: Option<&'a Target>,
        changes: &'a LinkChanges,
    ) -> Self {
        let since = changes.now();
        let (asked, told) = (Mutex::default(), Mutex::default());
        Self { identity, authorizer, directory, manager, changes, since, asked, told }
    }

    /// Whether ids under this authority are given out at home.
    pub fn is_at_home(&self, id: &PatientId) -> bool {
        id.authority == self.identity.authority || self.facility_of(id).is_some()
    }

    /// Whether whom it does not know nobody at home knows: consents name not everybody.
    pub const fn are_all(&self) -> bool {
        self.manager.is_some()
    }

    /// Whether somebody's links could not be had.
    pub fn are_silent(&self) -> bool {
        locked(&self.told).silent.is_some()
    }

    /// The person whom home knows under this id of its own. None where the manager does not answer.
    pub async fn person(&self, context: &RequestContext, id: &PatientId) -> Option<Person> {
        let Some(manager) = self.manager else { return Some(self.by_consents(id)) };
        let cell = {
            let mut asked = locked(&self.asked);
            if asked.len() >= PERSONS_MAX && !asked.contains_key(id) {
                drop(asked);
                self.silent(manager, Failure::Busy);
                return None;
            }
            Arc::clone(asked.entry(id.clone()).or_default())
        };
        cell.get_or_init(|| self.ask(context, manager, id)).await.clone()
    }

    // What consents of any day say, as long as nobody else does.
    fn by_consents(&self, id: &PatientId) -> Person {
        let book = self.authorizer.consents().book();
        let network_id = match self.facility_of(id) {
            Some(facility) => self.authorizer.network_id_of(facility, id),
            None => Some(id.clone()),
        };
        let mut numbers: Vec<HospitalNumber> =
            network_id.iter().flat_map(|id| book.numbers_of(&id.value)).cloned().collect();
        let is_known = !numbers.is_empty();
        if network_id.is_none() {
            numbers.extend(self.number(id));
        }
        Person { is_known, network_id, numbers, ids: BTreeSet::new() }
    }

    // No domain is named: one that the manager does not know would make an error of the whole.
    async fn ask(&self, context: &RequestContext, manager: &Target, id: &PatientId) -> Option<Person> {
        let leg = self.identity.leg();
        let lookup = PatientIdLookup { known: id.clone(), demographics: None, authorities: Vec::new() };
        let answer = manager.links_at_home(context, &leg, &lookup).await;
        self.came(manager, &leg, answer.as_ref().map(|answer| answer.found.len()));
        match answer {
            Ok(answer) if answer.is_patient_unknown => Some(Person::default()),
            Ok(answer) => Some(self.linked(id, answer.found.into_iter().map(|found| found.id).collect())),
            Err(failure) => {
                let why = telemetry::failure_detail(&failure);
                tracing::warn!(request = %context.id, failure = why, "the PIX manager does not say whose an id is");
                self.silent(manager, failure);
                None
            }
        }
    }

    fn linked(&self, asked: &PatientId, mut ids: BTreeSet<PatientId>) -> Person {
        let is_own = |id: &&PatientId| id.authority == self.identity.authority;
        let mut own = ids.iter().filter(is_own);
        // The id that was asked by may have become another's in a merge. Of two that the manager calls one
        // person's neither is taken.
        let network_id = match (own.next(), own.next()) {
            _ if ids.contains(asked) && is_own(&asked) => Some(asked.clone()),
            (None, _) => Some(asked.clone()).filter(|asked| is_own(&asked)),
            (Some(only), None) => Some(only.clone()),
            (Some(_), Some(_)) => None,
        };
        ids.insert(asked.clone());
        ids.retain(|id| self.is_at_home(id));
        let numbers = ids.iter().filter_map(|id| self.number(id)).collect();
        Person { is_known: true, network_id, numbers, ids }
    }

    fn facility_of(&self, id: &PatientId) -> Option<&str> {
        let mut sources = self.directory.sources().map(|source| source.descriptor());
        let source = sources.find(|source| source.authorities.contains(&id.authority))?;
        Some(source.facility.as_deref().unwrap_or_default())
    }

    fn number(&self, id: &PatientId) -> Option<HospitalNumber> {
        let facility = self.facility_of(id)?.to_owned();
        Some(HospitalNumber { facility, number: id.value.clone() })
    }

    /// The network's own id of the person of a record, as far as this request knows their links.
    pub fn network_id_of(&self, facility: &str, hospital: &PatientId) -> Option<PatientId> {
        let by_consents = self.authorizer.network_id_of(facility, hospital);
        if self.manager.is_none() {
            return by_consents;
        }
        let number = HospitalNumber { facility: facility.to_owned(), number: hospital.value.clone() };
        let persons = self.known();
        let person = persons.iter().find(|person| person.numbers.contains(&number))?;
        person.network_id.clone()
    }

    /// The numbers of a person of ours, as far as this request knows their links.
    pub fn numbers_of(&self, network_id: &PatientId) -> Vec<HospitalNumber> {
        if self.manager.is_none() {
            return self.authorizer.consents().book().numbers_of(&network_id.value).to_vec();
        }
        let is_theirs = |person: &&Person| person.network_id.as_ref() == Some(network_id);
        self.known().iter().find(is_theirs).map(|person| person.numbers.clone()).unwrap_or_default()
    }

    /// Every id at home of a person of ours; none without a manager, who alone could take one away.
    pub fn ids_of(&self, network_id: &PatientId) -> Vec<PatientId> {
        let is_theirs = |person: &&Person| person.network_id.as_ref() == Some(network_id);
        let known = self.known();
        known.iter().find(is_theirs).map(|person| person.ids.iter().cloned().collect()).unwrap_or_default()
    }

    /// Holds what consents say of candidates against the links: a record that is linked to nobody who
    /// consented is not theirs, whatever a consent row says of its number. Toward another network only
    /// those are asked about who could be told of.
    pub async fn verify(&self, context: &RequestContext, candidates: &mut [Candidate]) {
        if self.manager.is_none() {
            return;
        }
        let is_asked =
            |candidate: &&Candidate| context.side == Side::Home || candidate.standing == Standing::Consented;
        let named: BTreeSet<PatientId> =
            candidates.iter().filter(is_asked).filter_map(|candidate| candidate.network_id.clone()).collect();
        self.learn(context, &named).await;
        for candidate in candidates {
            let record = &candidate.record;
            if let Some(network_id) = self.network_id_of(&record.facility, &record.id) {
                candidate.network_id = Some(network_id);
            } else if candidate.network_id.as_ref().is_some_and(|id| named.contains(id)) {
                candidate.network_id = None;
                if context.side == Side::Peer && candidate.standing == Standing::Consented {
                    candidate.standing = Standing::Unconsented;
                }
            }
        }
    }

    /// The own record that an object found here is of; None of another network's.
    pub fn record_of(&self, object: &RegistryObject) -> Option<OwnRecord> {
        let (facility, patient) = match object {
            RegistryObject::Entry(entry) => return OwnRecord::of(entry),
            RegistryObject::Package(package) if package.community == self.identity.community => {
                (self.facility_of(&package.patient)?, &package.patient)
            }
            RegistryObject::Package(_) | RegistryObject::Association(_) => return None,
        };
        Some(OwnRecord { facility: facility.to_owned(), patient: patient.clone() })
    }

    /// Learns the links of the persons to whom consents say these own records belong.
    pub async fn look_up(&self, context: &RequestContext, records: impl Iterator<Item = OwnRecord>) {
        if self.manager.is_none() {
            return;
        }
        let named: BTreeSet<PatientId> = records
            .filter_map(|record| self.authorizer.network_id_of(&record.facility, &record.patient))
            .collect();
        self.learn(context, &named).await;
    }

    async fn learn(&self, context: &RequestContext, ids: &BTreeSet<PatientId>) {
        let ids: Vec<&PatientId> = ids.iter().collect();
        for some in ids.chunks(AT_ONCE) {
            join_all(some.iter().map(|id| self.person(context, id))).await;
        }
    }

    /// Whether another network may be shown what is of this record as far as home's links go: the person
    /// to whom consents say it belongs must be the one it is linked to. To be asked after
    /// [`Self::look_up`].
    pub fn bears(&self, record: &OwnRecord) -> bool {
        // A record that no consent row names is judged by the policies alone.
        self.manager.is_none()
            || self.authorizer.network_id_of(&record.facility, &record.patient).is_none_or(|by_consents| {
                self.network_id_of(&record.facility, &record.patient).as_ref() == Some(&by_consents)
            })
    }

    /// Under which id comes back what is of an own record and was shown under this one: at home its
    /// person's of today. None where the manager does not answer.
    pub async fn id_now(
        &self,
        context: &RequestContext,
        record: &OwnRecord,
        under: &PatientId,
    ) -> Option<PatientId> {
        if self.manager.is_none() || record.patient == *under || !self.is_at_home(under) {
            return Some(under.clone());
        }
        if self.person(context, under).await?.ids.contains(&record.patient) {
            return Some(under.clone());
        }
        let network_id = self.person(context, &record.patient).await?.network_id;
        // Another network is told no hospital's number.
        let otherwise = if context.side == Side::Peer { under } else { &record.patient };
        Some(network_id.unwrap_or_else(|| otherwise.clone()))
    }

    /// Names the manager where it was silent, and gives nothing of a request whose persons' links have
    /// changed while it ran: whoever asks again is answered by the new ones. Another network gets nothing at
    /// all then, so that an outage does not tell who is known here.
    pub fn settle<T>(&self, context: &RequestContext, answer: &mut Answer<T>) {
        let Some(manager) = self.manager else { return };
        if self.have_changed() {
            answer.found.clear();
            answer.witnesses.clear();
            self.silent(manager, Failure::Busy);
        }
        let Some(outage) = locked(&self.told).silent.clone() else { return };
        if context.side == Side::Peer {
            answer.found.clear();
            answer.witnesses.clear();
            answer.answered = 0;
        }
        if !answer.unavailable.contains(&outage) {
            answer.unavailable.push(outage);
        }
    }

    /// Whether the links of somebody this request is about have changed since it began.
    pub fn have_changed(&self) -> bool {
        let persons = self.known();
        self.manager.is_some() && self.changes.touch(self.since, persons.iter().map(|person| &person.ids))
    }

    /// What was asked of the manager, for the record.
    pub fn legs(&self) -> Vec<LegOutcome> {
        std::mem::take(&mut locked(&self.told).legs)
    }

    fn known(&self) -> Vec<Person> {
        locked(&self.asked).values().filter_map(|cell| cell.get()?.clone()).collect()
    }

    fn silent(&self, manager: &Target, failure: Failure) {
        let (target, community) = (manager.descriptor().name.clone(), self.identity.community.clone());
        let outage = Outage { target, community, repository: None, failure };
        locked(&self.told).silent.get_or_insert(outage);
    }

    fn came(&self, manager: &Target, leg: &Leg, found: Result<usize, &Failure>) {
        locked(&self.told).legs.push(LegOutcome {
            target: manager.descriptor().name.clone(),
            message: leg.message.clone(),
            is_peer: false,
            failure: found.err().cloned(),
            found: found.unwrap_or_default(),
            dropped: 0,
            endpoint: leg.far_end.get().cloned(),
        });
    }
}

/// A panic elsewhere leaves these values whole: each is changed in one step.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
