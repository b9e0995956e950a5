//! The objects of an answer under the patient ids they are shown with: the id asked for, else the one
//! they were shown under before, else the network's own (decisions A6). All objects of one person in an
//! answer come back under one id.

use std::collections::HashMap;

use super::resolve::{About, Resolver};
use crate::model::{
    Answer, Association, CommunityId, ObjectId, Package, PatientId, RegistryObject, RequestContext, Side,
};

/// A person as their community calls them.
type Known = (CommunityId, PatientId);

impl Resolver<'_> {
    /// The answer so; as it was where it cannot be told under which ids its objects were shown.
    pub(super) async fn addressed(
        &self,
        context: &RequestContext,
        about: &About,
        answer: Answer<RegistryObject>,
    ) -> Result<Answer<RegistryObject>, Answer<RegistryObject>> {
        let persons = match &about.asked {
            Some(_) => Some(HashMap::new()),
            None => self.shown_persons(context, &answer).await,
        };
        let Some(persons) = persons else { return Err(answer) };
        let asked = |object: &RegistryObject| {
            let of = || persons.get(&(object.community().clone(), object.patient()?.clone()));
            about.asked.as_ref().or_else(of)
        };
        let answer = answer.map(|object| match asked(&object) {
            asked if object.entry().is_some() => self.addressed_entry(context, object, asked),
            Some(asked) => with_patient(object, asked.clone()),
            None => match self.network_id_of(&object) {
                Some(network) => with_patient(object, network),
                None => object,
            },
        });
        Ok(match (context.side, &about.asked) {
            (Side::Peer, None) => self.by_members(answer),
            _ => answer,
        })
    }

    // Of an own record's package that was never shown before: the person's, as of entries.
    fn network_id_of(&self, object: &RegistryObject) -> Option<PatientId> {
        let record = self.links.record_of(object)?;
        self.links.network_id_of(&record.facility, &record.patient)
    }

    fn addressed_entry(
        &self,
        context: &RequestContext,
        object: RegistryObject,
        asked: Option<&PatientId>,
    ) -> RegistryObject {
        match object {
            // Not ours: nothing but the id changes.
            RegistryObject::Entry(mut entry) if entry.origin.is_none() => {
                if let Some(asked) = asked {
                    entry.patient.clone_from(asked);
                }
                RegistryObject::Entry(entry)
            }
            RegistryObject::Entry(entry) => RegistryObject::Entry(self.readdress(context, &entry, asked)),
            other => other,
        }
    }

    /// Takes out what is of own records that are no more linked to the person for whom another network may
    /// have it.
    pub(super) async fn only_linked(
        &self,
        context: &RequestContext,
        about: &About,
        answer: &mut Answer<RegistryObject>,
    ) {
        if context.side == Side::Home && about.asked.is_some() {
            return;
        }
        let all = answer.found.iter().chain(&answer.witnesses);
        self.links.look_up(context, all.filter_map(|object| self.links.record_of(object))).await;
        if context.side == Side::Peer {
            let is_linked = |object: &RegistryObject| {
                self.links.record_of(object).is_none_or(|record| self.links.bears(&record))
            };
            answer.found.retain(is_linked);
            answer.witnesses.retain(is_linked);
        }
    }

    async fn shown_persons(
        &self,
        context: &RequestContext,
        answer: &Answer<RegistryObject>,
    ) -> Option<HashMap<Known, PatientId>> {
        let all: Vec<&RegistryObject> = answer.found.iter().chain(&answer.witnesses).collect();
        let mut shown = self.claims.shown_under(context, &all).await?;
        for entry in all.iter().filter_map(|object| object.entry()) {
            if let Some(last) = self.cache.shown(context, &entry.id) {
                shown.insert((entry.id.community.clone(), entry.object.clone()), last.patient.clone());
            }
        }
        let mut persons = HashMap::new();
        for object in all {
            let (home, Some(patient)) = (object.community(), object.patient()) else { continue };
            let Some(under) = shown.get(&(home.clone(), object.object().clone())) else { continue };
            let known = (home.clone(), patient.clone());
            if persons.contains_key(&known) {
                continue;
            }
            let under = match self.links.record_of(object) {
                Some(record) => self.links.id_now(context, &record, under).await?,
                None => under.clone(),
            };
            persons.insert(known, under);
        }
        Some(persons)
    }

    // Toward a peer a package of ours carries the id under which its members are shown, never a
    // hospital's number.
    fn by_members(&self, answer: Answer<RegistryObject>) -> Answer<RegistryObject> {
        let all = || answer.found.iter().chain(&answer.witnesses);
        let patients: HashMap<&ObjectId, &PatientId> =
            all().filter_map(RegistryObject::entry).map(|entry| (&entry.object, &entry.patient)).collect();
        let memberships = all().filter_map(RegistryObject::association).filter(|a| a.is_membership());
        let of_member = |a: &Association| Some((a.source.clone(), (*patients.get(&a.target)?).clone()));
        let under: HashMap<ObjectId, PatientId> = memberships.filter_map(of_member).collect();
        let nobody = PatientId::new(self.identity.authority.clone(), "-");
        answer.map(|object| match object {
            RegistryObject::Package(package) => {
                let patient = under.get(&package.object).unwrap_or(&nobody).clone();
                RegistryObject::Package(Package { patient, ..package })
            }
            other => other,
        })
    }
}

fn with_patient(object: RegistryObject, patient: PatientId) -> RegistryObject {
    match object {
        RegistryObject::Package(package) => RegistryObject::Package(Package { patient, ..package }),
        other => other,
    }
}
