//! What is shown only with something else. A submission set or folder that is not permitted by itself is
//! shown with a member that is; an association with both its ends, each of the same community, and
//! each here among the findings or looked up for it. Whatever is left out takes with it what hangs on it.

use std::collections::HashSet;

use crate::model::{Association, Finding, ObjectId, PackageKind, RegistryObject};

/// The findings that may be shown, and the witnesses that may be told of. `is_permitted` judges each by
/// itself; it is not asked about associations. With `is_joined_only` an entry goes where no association that
/// is shown joins it: that it was found would tell of one that is not.
pub(super) fn shown<T: Finding>(
    found: Vec<T>,
    witnesses: Vec<T>,
    is_joined_only: bool,
    mut is_permitted: impl FnMut(&T) -> bool,
) -> (Vec<T>, Vec<T>) {
    let stands_alone = |one: &T| matches!(one.registry_object(), None | Some(RegistryObject::Entry(_)));
    if witnesses.is_empty() && !is_joined_only && found.iter().all(stands_alone) {
        return (found.into_iter().filter(is_permitted).collect(), witnesses);
    }
    let mut judged = |all: &[T]| -> Vec<bool> {
        let judge =
            |one: &T| one.registry_object().is_none_or(|o| o.association().is_none()) && is_permitted(one);
        all.iter().map(judge).collect()
    };
    let (of_found, of_witnesses) = (judged(&found), judged(&witnesses));
    let all = found.iter().zip(&of_found).chain(witnesses.iter().zip(&of_witnesses));
    let objects: Vec<(&RegistryObject, bool)> =
        all.filter_map(|(one, verdict)| Some((one.registry_object()?, *verdict))).collect();
    let mut shown = Shown::of(&objects);
    if is_joined_only {
        shown.leave_joined(&objects);
    }
    let (keeps_found, keeps_witnesses) =
        (shown.keeps(&found, &of_found), shown.keeps(&witnesses, &of_witnesses));
    (kept(found, keeps_found), kept(witnesses, keeps_witnesses))
}

fn kept<T>(all: Vec<T>, keeps: Vec<bool>) -> Vec<T> {
    all.into_iter().zip(keeps).filter_map(|(one, keeps)| keeps.then_some(one)).collect()
}

/// An object, by its home and id: two communities may use one id.
type Key = (String, String);

fn key(of: &RegistryObject, id: &ObjectId) -> Key {
    (of.community().0.to_string(), id.folded().into_owned())
}

/// All that may be shown, by what it is: one id may not stand for two things.
#[derive(Default)]
struct Shown {
    entries: HashSet<Key>,
    packages: HashSet<Key>,
    associations: HashSet<Key>,
}

impl Shown {
    fn of(objects: &[(&RegistryObject, bool)]) -> Self {
        let mut shown = Self::default();
        for (object, _) in objects.iter().filter(|(_, verdict)| *verdict) {
            match object {
                RegistryObject::Association(_) => {}
                RegistryObject::Entry(entry) => drop(shown.entries.insert(key(object, &entry.object))),
                RegistryObject::Package(package) => drop(shown.packages.insert(key(object, &package.object))),
            }
        }
        let associations = || objects.iter().filter_map(|(object, _)| Some((object, object.association()?)));
        let memberships: Vec<(Key, Key)> = associations()
            .filter(|(_, association)| association.is_membership())
            .map(|(object, association)| (key(object, &association.source), key(object, &association.target)))
            .collect();
        // Folders first: a submission set may hold nothing but a folder.
        for kind in [PackageKind::Folder, PackageKind::SubmissionSet] {
            let of_kind =
                objects.iter().filter(|(object, _)| object.package().is_some_and(|p| p.kind == kind));
            let packages: HashSet<Key> = of_kind.map(|(object, _)| key(object, object.object())).collect();
            let holds =
                |(package, member): &&(Key, Key)| packages.contains(package) && shown.has_object(member);
            let holding: Vec<Key> =
                memberships.iter().filter(holds).map(|(package, _)| package.clone()).collect();
            shown.packages.extend(holding);
        }
        // Twice, for a submission set may hold associations too.
        for _ in 0..2 {
            let joins = |(object, association): &(&&RegistryObject, &Association)| {
                let is_shown = |end: &ObjectId| {
                    let end = key(object, end);
                    shown.has_object(&end) || shown.associations.contains(&end)
                };
                association.ends().into_iter().all(is_shown)
            };
            let joining: Vec<Key> =
                associations().filter(joins).map(|(object, a)| key(object, &a.object)).collect();
            shown.associations.extend(joining);
        }
        shown
    }

    fn leave_joined(&mut self, objects: &[(&RegistryObject, bool)]) {
        let associations = objects.iter().filter_map(|(object, _)| Some((object, object.association()?)));
        let told = associations.filter(|(object, a)| self.associations.contains(&key(object, &a.object)));
        let ends: HashSet<Key> = told.flat_map(|(object, a)| a.ends().map(|end| key(object, end))).collect();
        self.entries.retain(|entry| ends.contains(entry));
    }

    fn has_object(&self, id: &Key) -> bool {
        self.entries.contains(id) || self.packages.contains(id)
    }

    fn keeps<T: Finding>(&self, all: &[T], verdicts: &[bool]) -> Vec<bool> {
        let keeps = |(one, verdict): (&T, &bool)| match one.registry_object() {
            None => *verdict,
            Some(object @ RegistryObject::Entry(e)) => {
                *verdict && self.entries.contains(&key(object, &e.object))
            }
            Some(object @ RegistryObject::Association(a)) => {
                self.associations.contains(&key(object, &a.object))
            }
            Some(object @ RegistryObject::Package(p)) => self.packages.contains(&key(object, &p.object)),
        };
        all.iter().zip(verdicts).map(keeps).collect()
    }
}

#[cfg(test)]
mod tests;
