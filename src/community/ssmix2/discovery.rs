//! Who is this person to this facility: every record that resembles, graded. Choosing among them is
//! the broker's (`conclude`), which knows consent and the other facilities.

use crate::matching::Prepared;
use crate::model::{Descriptor, Grade, GradedRecord, PatientDiscovery, PatientId, PatientMatch, Phi};

use super::index::Index;
use super::settings::Settings;

/// The score of a record named by its number alone: above what demographics reach.
const NUMBER_SCORE: f64 = 60.0;

/// The records that resemble, in the order of their numbers.
///
/// Only records that share a key with the query are compared ([`crate::matching::Blocks`]): birth
/// date, telephone, house, insurance number, a whole name in any script or order, postcode and given
/// name. A telephone or house of many families finds nobody by itself.
pub(super) fn graded(
    index: &Index,
    request: &PatientDiscovery,
    descriptor: &Descriptor,
    settings: &Settings,
) -> Vec<PatientMatch> {
    let query = request.demographics.reveal();
    let prepared = Prepared::new(query);
    let named: Vec<&str> = request
        .ids
        .iter()
        .filter(|id| id.authority == settings.authority)
        .map(|id| id.value.reveal().as_str())
        .collect();
    let (patients, shared) = index.resembling(&prepared, &named);
    let found = patients.into_iter().filter_map(|(number, patient)| {
        let (record, keys) = (patient.demographics.as_ref()?, patient.prepared.as_ref()?);
        let is_named = named.contains(&&*number);
        let (grade, score) = if !query.is_empty() {
            prepared.grade_among(keys, &shared)
        } else if is_named {
            (Grade::Auto, NUMBER_SCORE)
        } else {
            return None;
        };
        (is_named || grade != Grade::None).then(|| {
            PatientMatch::Graded(GradedRecord {
                source: descriptor.name.clone(),
                facility: settings.facility.clone(),
                id: PatientId::new(settings.authority.clone(), number.as_ref()),
                demographics: Phi::clone(record),
                sent_at: patient.sent_at.clone(),
                grade,
                score,
            })
        })
    });
    found.collect()
}
