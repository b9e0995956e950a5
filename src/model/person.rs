//! A person as demographics tell: names in several scripts, birth date, sex, addresses, telephones.

use std::fmt;

use super::PartialDate;

/// The script a name is written in: HL7 V3 `@use` IDE, SYL, ABC; XPN-8 I, P, A.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameScript {
    /// Roman letters (ABC, A).
    Alphabetic,
    /// Kanji (IDE, I).
    Ideographic,
    /// Kana (SYL, P).
    Syllabic,
}

impl NameScript {
    /// Told by the letters: all kana is syllabic, any Han ideographic, else alphabetic.
    pub fn of(text: &str) -> Self {
        let is_kana = |c: char| matches!(c, '\u{3040}'..='\u{30ff}' | '\u{ff65}'..='\u{ff9f}');
        let is_han = |c: char| {
            matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
                | '\u{20000}'..='\u{3ffff}' | '々' | '〇')
        };
        if text.chars().any(is_han) {
            Self::Ideographic
        } else if text.chars().any(is_kana) {
            Self::Syllabic
        } else {
            Self::Alphabetic
        }
    }
}

/// One name of a person.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct PersonName {
    /// As declared by the message; None when it did not say.
    pub script: Option<NameScript>,
    /// Family name, or the whole name when the source did not split it.
    pub family: String,
    /// Given name, may be empty.
    pub given: String,
}

impl PersonName {
    /// The script declared, else the one the letters tell.
    pub fn script_or_told(&self) -> NameScript {
        self.script.unwrap_or_else(|| NameScript::of(&format!("{}{}", self.family, self.given)))
    }
}

/// Administrative sex. HL7 V3 M F UN; V2 M F O U A N.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sex {
    /// F.
    Female,
    /// M.
    Male,
    /// UN, O, A.
    Other,
}

/// An address. Japanese records hold it whole in `text`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Address {
    /// Postcode as written.
    pub postal_code: String,
    /// The whole address, without postcode and country.
    pub text: String,
}

/// Health insurance as IN1 carries it; only for linking, never asked for.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Insurance {
    /// 保険者番号.
    pub insurer: String,
    /// 記号.
    pub symbol: String,
    /// 番号.
    pub number: String,
    /// 枝番, may be empty.
    pub branch: String,
}

/// What is known of a person. Debug prints a mark.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Demographics {
    /// Names in any order; several of one script are aliases.
    pub names: Vec<PersonName>,
    /// Birth date, perhaps partial.
    pub birth: Option<PartialDate>,
    /// A range of birth dates (query only): first and last day.
    pub birth_range: Option<(PartialDate, PartialDate)>,
    /// Administrative sex.
    pub sex: Option<Sex>,
    /// Addresses, the current one first.
    pub addresses: Vec<Address>,
    /// Telephone numbers as written, without `tel:`.
    pub phones: Vec<String>,
    /// Insurance, from our own records only; no dialect sends it.
    pub insurance: Option<Insurance>,
    /// Mother's maiden name.
    pub mothers_maiden_name: Option<PersonName>,
    /// Birth place, as text.
    pub birth_place: Option<String>,
}

impl Demographics {
    /// The first name of a script, by declaration or letters.
    pub fn name(&self, script: NameScript) -> Option<&PersonName> {
        self.names.iter().find(|name| name.script_or_told() == script)
    }

    /// Whether nothing at all is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An attribute a responder may ask for when it is close but not sure (ITI-55, 3.55.4.2.2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Attribute {
    /// PatientAddressRequested.
    Address,
    /// LivingSubjectBirthPlaceAddressRequested.
    BirthPlaceAddress,
    /// LivingSubjectBirthPlaceNameRequested.
    BirthPlaceName,
    /// LivingSubjectAdministrativeGenderRequested.
    Gender,
    /// MothersMaidenNameRequested.
    MothersMaidenName,
    /// PatientTelecomRequested.
    Telecom,
}

macro_rules! prints_as_mark {
    ($($type:ty),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("[PHI]")
            }
        }
    )*};
}
prints_as_mark!(PersonName, Address, Insurance, Demographics);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_tell_the_script_when_the_message_does_not() {
        assert_eq!(NameScript::of("髙橋"), NameScript::Ideographic);
        assert_eq!(NameScript::of("たかはし"), NameScript::Syllabic);
        assert_eq!(NameScript::of("ﾀｶﾊｼ"), NameScript::Syllabic);
        assert_eq!(NameScript::of("TAKAHASHI"), NameScript::Alphabetic);
    }

    #[test]
    fn demographics_print_as_a_mark() {
        let person = Demographics { phones: vec!["086".to_owned()], ..Demographics::default() };
        assert_eq!(format!("{person:?}"), "[PHI]");
    }
}
