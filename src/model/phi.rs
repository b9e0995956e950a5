//! `Phi<T>`: a value about a patient. It can be compared, stored and written to a wire, and it
//! can be printed by nobody: Debug and Display show a mark.

use std::fmt;

/// A value about a patient (protected health information).
///
/// The only way to the value is [`Phi::reveal`], so that a reader of the code sees each place where
/// it is used. Logs, metrics and error texts never call it.
#[derive(Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phi<T>(T);

impl<T> Phi<T> {
    /// Wraps a value as soon as it is read.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for a wire, a decision or the audit record; never for a log.
    pub const fn reveal(&self) -> &T {
        &self.0
    }

    /// Takes the value out.
    pub fn into_revealed(self) -> T {
        self.0
    }

    /// Applies a function; the result stays wrapped.
    pub fn map<U>(self, function: impl FnOnce(T) -> U) -> Phi<U> {
        Phi(function(self.0))
    }
}

impl<T: Clone> Clone for Phi<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }

    fn clone_from(&mut self, source: &Self) {
        self.0.clone_from(&source.0);
    }
}

impl<T> From<T> for Phi<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl<T> fmt::Debug for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[PHI]")
    }
}

impl<T> fmt::Display for Phi<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[PHI]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patient_value_prints_as_a_mark() {
        let name = Phi::new("山田".to_owned());
        assert_eq!(format!("{name} {name:?} {:?}", Some(&name)), "[PHI] [PHI] Some([PHI])");
    }
}
