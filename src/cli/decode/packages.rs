//! Submission sets, folders and associations in a report.

use serde_json::{Value, json};

use super::ebxml::option;
use super::report::Marks;
use crate::dialect::ebxml::{CarriedAssociation, CarriedPackage};

/// A submission set or folder.
pub(super) fn package(package: &CarriedPackage, marks: Marks) -> Value {
    json!({
        "home": option(package.home.as_deref(), marks),
        "object": marks.phi(&package.object),
        "status": option(package.status.as_deref(), marks),
        "unique_id": package.unique.as_ref().map(|id| marks.phi(id)),
        "patient": package.patient.as_ref().map(|id| marks.phi(id)),
        "title": marks.text(&package.title),
        "comments": marks.text(&package.comments),
        "codes": package.codes.iter().map(|code| marks.code(code)).collect::<Vec<_>>(),
        "time": option(package.time.as_deref(), marks),
        "source": option(package.source.as_deref(), marks),
    })
}

/// An association.
pub(super) fn association(association: &CarriedAssociation, marks: Marks) -> Value {
    json!({
        "home": option(association.home.as_deref(), marks),
        "object": marks.phi(&association.object),
        "type": option(association.kind.as_deref(), marks),
        "source": marks.phi(&association.source),
        "target": marks.phi(&association.target),
    })
}
