//! What belongs to documents of ours: the rendition made from a message is its transformation (decisions
//! C6). Nothing lies in folders here, and nobody submitted it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use crate::dialect::ssmix2::Form;
use crate::model::{
    Association, Criteria, DocumentEntry, DocumentQuery, ObjectId, Phi, RegistryObject, Wanted,
};

use super::index::Index;
use super::patient::{Held, Patient};
use super::storage::FileKey;

/// What a query wants of the entries that it names.
pub(super) fn wanted(index: &Index, named: Vec<DocumentEntry>, query: &DocumentQuery) -> Vec<RegistryObject> {
    match query.criteria.wanted {
        Wanted::Documents | Wanted::DocumentsByReference | Wanted::DocumentsExcept => {
            named.into_iter().map(RegistryObject::Entry).collect()
        }
        Wanted::Everything | Wanted::DocumentsAndAssociations => {
            let transformations = transformations(index, &named);
            let associations = transformations.into_iter().map(|one| association(index, &one));
            let associations: Vec<_> = associations.map(RegistryObject::Association).collect();
            named.into_iter().map(RegistryObject::Entry).chain(associations).collect()
        }
        Wanted::Associations => {
            let all = transformations(index, &named);
            all.iter().map(|one| RegistryObject::Association(association(index, one))).collect()
        }
        Wanted::RelatedDocuments => related(index, &named, &query.criteria),
        Wanted::Folders
        | Wanted::FoldersForDocument
        | Wanted::FolderAndContents
        | Wanted::SubmissionSets
        | Wanted::SubmissionSetAndContents => Vec::new(),
    }
}

fn related(index: &Index, named: &[DocumentEntry], criteria: &Criteria) -> Vec<RegistryObject> {
    if !criteria.admits_kind(Association::TRANSFORMS) {
        return Vec::new();
    }
    let both = |one: &Transformation| {
        let entry = |held: &Held| RegistryObject::Entry(held.entry(index.reader()));
        let association = RegistryObject::Association(association(index, one));
        [entry(&one.original), entry(&one.rendition), association]
    };
    transformations(index, named).iter().flat_map(both).collect()
}

/// A document in both its forms.
struct Transformation {
    original: Held,
    rendition: Held,
}

// Those of which one form or both are named.
fn transformations(index: &Index, named: &[DocumentEntry]) -> Vec<Transformation> {
    let ids: BTreeSet<String> = named.iter().map(|entry| entry.object.folded().into_owned()).collect();
    let numbers: BTreeSet<&String> =
        named.iter().filter_map(|entry| Some(entry.origin.as_ref()?.patient.value.reveal())).collect();
    let is_named = |held: &Held| ids.contains(&Uuid::from_u128(held.uuid()).to_string());
    let patients = numbers.into_iter().filter_map(|number| index.patient(number));
    let all = patients.flat_map(|patient| in_both_forms(&patient));
    all.filter(|one| is_named(&one.original) || is_named(&one.rendition)).collect()
}

fn in_both_forms(patient: &Patient) -> Vec<Transformation> {
    let mut forms: BTreeMap<&Arc<FileKey>, (Option<&Held>, Option<&Held>)> = BTreeMap::new();
    for held in &patient.held {
        let (original, rendition) = forms.entry(&held.file).or_default();
        match held.form() {
            Form::Original => *original = Some(held),
            Form::Rendition => *rendition = Some(held),
        }
    }
    let both = forms.into_values().filter_map(|(original, rendition)| original.zip(rendition));
    both.map(|(original, rendition)| Transformation {
        original: original.clone(),
        rendition: rendition.clone(),
    })
    .collect()
}

fn association(index: &Index, Transformation { original, rendition }: &Transformation) -> Association {
    let reader = index.reader();
    let object = |uuid: Uuid| ObjectId(Phi::new(uuid.urn().to_string()));
    let [original, rendition] = [original, rendition].map(|held| Uuid::from_u128(held.uuid()));
    // The same for the same two, at every look.
    let name = format!("{rendition}|{original}|{}", Association::TRANSFORMS);
    Association {
        community: reader.facility.community.clone(),
        object: object(Uuid::new_v5(&Uuid::from_bytes(reader.secret), name.as_bytes())),
        kind: Association::TRANSFORMS.to_owned(),
        source: object(rendition),
        target: object(original),
        encoded: None,
    }
}
