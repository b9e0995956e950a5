//! What children of an entry mean that have one shape.

use super::STEPS_MAX;
use super::reading::{Coded, Reading, Step};
use crate::model::Code;
use crate::xml::{NotPlain, RawValue};

/// A child of an entry that was gone over.
#[derive(Default)]
pub(super) struct Gone<'a> {
    /// One more than `STEPS_MAX` at most.
    pub(super) steps: Vec<Step<RawValue<'a>>>,
    /// The values (names, schemes) that make steps what they are.
    pub(super) told_by: Vec<RawValue<'a>>,
    /// The code it gives.
    pub(super) code: Option<(Coded, Code)>,
}

/// What a shape means.
pub(super) struct Meaning<'a> {
    /// Each value by its place.
    steps: Box<[Step<usize>]>,
    code: Option<Made<'a>>,
}

/// A code that was given.
struct Made<'a> {
    coded: Coded,
    code: Code,
    /// Of which values, by their places.
    of: Vec<(usize, &'a str)>,
}

impl<'a> Gone<'a> {
    /// As the meaning of its shape, with the places of values that none of that shape has otherwise.
    pub(super) fn meaning(self, place: &dyn Fn(usize) -> Option<usize>) -> Option<(Meaning<'a>, Vec<usize>)> {
        if self.steps.len() > STEPS_MAX || self.told_by.len() > STEPS_MAX {
            return None;
        }
        let fixed = self.told_by.iter().map(|value| place(value.at)).collect::<Option<_>>()?;
        let value_of = |step: &Step<RawValue<'a>>| {
            step.value().map(|value| place(value.at).map(|place| (place, value.raw)))
        };
        let values = self.steps.iter().filter_map(value_of).collect::<Option<_>>()?;
        let mut steps = self.steps;
        if steps.first().is_some_and(|first| first.begins_nothing()) {
            steps.clear();
        }
        let steps: Option<_> = steps.into_iter().map(|step| step.map(|value| place(value.at))).collect();
        let code = self.code.map(|(coded, code)| Made { coded, code, of: values });
        Some((Meaning { steps: steps?, code }, fixed))
    }
}

impl<'a> Meaning<'a> {
    /// Reads what the values of one say.
    ///
    /// # Errors
    /// `NotPlain`.
    pub(super) fn heed(&self, values: &[RawValue<'a>], reading: &mut Reading<'a>) -> Result<(), NotPlain> {
        // The values of which a code was made give it again.
        if let Some(Made { coded, code, of }) = &self.code
            && of.iter().all(|(place, raw)| values.get(*place).is_some_and(|value| value.is_same_as(raw)))
        {
            reading.classified(*coded, code.clone());
            return Ok(());
        }
        for step in &self.steps {
            reading.take(step.map(|place| values.get(place).copied()).ok_or(NotPlain)?)?;
        }
        Ok(())
    }
}
