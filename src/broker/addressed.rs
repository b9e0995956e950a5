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
    /// The answer so; None where it cannot be told under which ids its objects were shown.
    pub(super) async fn addressed(
        &self,
        context: &RequestContext,
        about: &About,
        answer: Answer<RegistryObject>,
    ) -> Option<Answer<RegistryObject>> {
        let persons = match &about.asked {
            Some(_) => HashMap::new(),
            None => self.shown_persons(context, &answer).await?,
        };
        let asked = |object: &RegistryObject| {
            let of = || persons.get(&(object.community().clone(), object.patient()?.clone()));
            about.asked.as_ref().or_else(of).cloned()
        };
        let answer = answer.map(|object| match asked(&object) {
            asked if object.entry().is_some() => self.addressed_entry(context, object, asked.as_ref()),
            Some(asked) => with_patient(object, asked),
            None => object,
        });
        Some(match (context.side, &about.asked) {
            (Side::Peer, None) => self.by_members(answer),
            _ => answer,
        })
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

    async fn shown_persons(
        &self,
        context: &RequestContext,
        answer: &Answer<RegistryObject>,
    ) -> Option<HashMap<Known, PatientId>> {
        let all: Vec<&RegistryObject> = answer.found.iter().chain(&answer.witnesses).collect();
        let mut shown = self.claims.shown_under(context, &all).await?;
        for entry in all.iter().filter_map(|object| object.entry()) {
            if let Some(last) = self.cache.shown(context, &entry.id) {
                shown.insert((entry.id.community.clone(), entry.object.clone()), last.patient);
            }
        }
        let mut persons = HashMap::new();
        for object in all {
            let (home, Some(patient)) = (object.community(), object.patient()) else { continue };
            if let Some(under) = shown.get(&(home.clone(), object.object().clone())) {
                persons.entry((home.clone(), patient.clone())).or_insert_with(|| under.clone());
            }
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
