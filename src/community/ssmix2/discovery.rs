//! Who is this person to this facility: every record that resembles, graded. Choosing among them is
//! the broker's (`conclude`), which knows consent and the other facilities.

use std::sync::Arc;

use crate::matching;
use crate::model::{
    Demographics, Descriptor, Grade, GradedRecord, PatientDiscovery, PatientId, PatientMatch, Phi,
};

use super::patient::Patient;
use super::settings::Settings;

/// The score of a record named by its number alone: above what demographics reach.
const NUMBER_SCORE: f64 = 60.0;

/// The records that resemble, in the order of their numbers.
pub(super) fn graded(
    patients: Vec<(Arc<str>, Arc<Patient>)>,
    request: &PatientDiscovery,
    descriptor: &Descriptor,
    settings: &Settings,
) -> Vec<PatientMatch> {
    let query = request.demographics.reveal();
    let mut found: Vec<GradedRecord> = patients
        .iter()
        .filter_map(|(number, patient)| {
            let record = patient.demographics.as_ref()?;
            let id = PatientId::new(settings.authority.clone(), number.as_ref());
            let is_named = request.ids.contains(&id);
            let (grade, score) = match (query.is_empty(), is_named) {
                (true, true) => (Grade::Auto, NUMBER_SCORE),
                (true, false) => return None,
                (false, _) => grade(query, record.reveal()),
            };
            (is_named || grade != Grade::None).then(|| GradedRecord {
                source: descriptor.name.clone(),
                facility: settings.facility.clone(),
                id,
                demographics: Phi::clone(record),
                grade,
                score,
            })
        })
        .collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.into_iter().map(PatientMatch::Graded).collect()
}

/// Grades one record against what was asked (japan.md 2.4).
fn grade(query: &Demographics, record: &Demographics) -> (Grade, f64) {
    let graded = matching::grade(query, record);
    (graded.grade, graded.score)
}
