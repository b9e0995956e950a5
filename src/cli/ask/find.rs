//! The arguments of `kakehashi ask find` and the question they make.

use clap::{Args, ValueEnum};

use super::asker::AskError;
use crate::cli::exit;
use crate::demo::client_file::{Example, Examples};
use crate::model::{Address, Demographics, NameScript, PartialDate, PatientDiscovery, PersonName, Phi, Sex};

/// What is known of the person.
#[derive(Debug, Default, Args)]
pub struct FindArgs {
    /// A person of client.json instead of values typed
    #[arg(long, value_enum)]
    pub example: Option<ExampleWord>,
    /// Family name, kanji
    #[arg(long)]
    pub family: Option<String>,
    /// Given name, kanji
    #[arg(long)]
    pub given: Option<String>,
    /// Whole name in kana, apart by a blank
    #[arg(long, value_name = "FAMILY GIVEN")]
    pub kana: Option<String>,
    /// YYYYMMDD or YYYY-MM-DD
    #[arg(long)]
    pub birth: Option<String>,
    /// M or F
    #[arg(long)]
    pub sex: Option<String>,
    /// Telephone
    #[arg(long)]
    pub phone: Option<String>,
    /// Address
    #[arg(long)]
    pub address: Option<String>,
    /// Postcode
    #[arg(long)]
    pub postal: Option<String>,
}

/// Which person of client.json.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ExampleWord {
    /// Is found.
    Match,
    /// Exists and is answered like nobody.
    Withheld,
    /// Exists nowhere.
    Unknown,
}

impl FindArgs {
    /// What an example tells of a person.
    pub fn of(example: &Example) -> Demographics {
        demographics(example)
    }

    /// The question.
    ///
    /// # Errors
    /// Usage: a date or sex that is none, no name or no birth date.
    pub fn request(&self, examples: &Examples) -> Result<PatientDiscovery, AskError> {
        let usage = |text: &str, hint: &str| AskError::new(exit::USAGE, text.to_owned(), hint);
        let example = self.example.map(|word| match word {
            ExampleWord::Match => &examples.matches,
            ExampleWord::Withheld => &examples.withheld,
            ExampleWord::Unknown => &examples.unknown,
        });
        let mut person = example.map(demographics).unwrap_or_default();
        if self.family.is_some() || self.given.is_some() {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            person.names.push(PersonName {
                script: None,
                family: part(&self.family),
                given: part(&self.given),
            });
        }
        if let Some(kana) = &self.kana {
            let (family, given) = kana.trim().split_once([' ', '\u{3000}']).unwrap_or((kana, ""));
            let (family, given) = (family.to_owned(), given.trim().to_owned());
            person.names.push(PersonName { script: Some(NameScript::Syllabic), family, given });
        }
        if let Some(text) = &self.birth {
            let date =
                PartialDate::from_digits(text).ok_or_else(|| usage("--birth is no date", "like 19680412"))?;
            person.birth = Some(date);
        }
        if let Some(text) = &self.sex {
            person.sex = Some(sex(text).ok_or_else(|| usage("--sex is neither M nor F", "M, F or O"))?);
        }
        if self.address.is_some() || self.postal.is_some() {
            let part = |text: &Option<String>| text.clone().unwrap_or_default();
            person.addresses = vec![Address { postal_code: part(&self.postal), text: part(&self.address) }];
        }
        person.phones.extend(self.phone.clone());
        if person.names.is_empty() || person.birth.is_none() {
            let hint =
                "--family, --given, --kana, --birth, --sex and --phone or --address; or --example match";
            return Err(usage("a name and a birth date are needed at least", hint));
        }
        Ok(PatientDiscovery { demographics: Phi::new(person), ids: Vec::new() })
    }
}

fn demographics(example: &Example) -> Demographics {
    let name = |script, family: &str, given: &str| PersonName {
        script: Some(script),
        family: family.to_owned(),
        given: given.to_owned(),
    };
    Demographics {
        names: vec![
            name(NameScript::Ideographic, &example.family, &example.given),
            name(NameScript::Syllabic, &example.family_kana, &example.given_kana),
        ],
        birth: PartialDate::from_digits(&example.birth),
        sex: sex(&example.sex),
        addresses: vec![Address { postal_code: example.postal.clone(), text: example.address.clone() }],
        phones: vec![example.phone.clone()],
        ..Demographics::default()
    }
}

fn sex(text: &str) -> Option<Sex> {
    match text.to_ascii_uppercase().as_str() {
        "M" => Some(Sex::Male),
        "F" => Some(Sex::Female),
        "O" | "UN" => Some(Sex::Other),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn examples() -> Examples {
        let text = |word: &str| word.to_owned();
        let example = Example {
            family: text("架空"),
            given: text("知子"),
            family_kana: text("カクウ"),
            given_kana: text("トモコ"),
            birth: text("19500101"),
            sex: text("F"),
            postal: text("700-0000"),
            address: text("見本町"),
            phone: text("086-999-9999"),
            patient: None,
            document: None,
        };
        Examples { matches: example.clone(), withheld: example.clone(), unknown: example }
    }

    #[test]
    fn values_typed_make_the_question_and_a_name_without_birth_date_does_not() {
        let typed = FindArgs {
            family: Some("髙橋".to_owned()),
            given: Some("美咲".to_owned()),
            kana: Some("タカハシ　ミサキ".to_owned()),
            birth: Some("1968-04-12".to_owned()),
            sex: Some("f".to_owned()),
            ..FindArgs::default()
        };
        let request = typed.request(&examples()).unwrap();
        let person = request.demographics.reveal();
        assert_eq!(person.name(NameScript::Syllabic).unwrap().given, "ミサキ");
        assert_eq!(person.birth, PartialDate::day(1968, 4, 12));
        let nameless = FindArgs { birth: None, ..typed };
        assert_eq!(nameless.request(&examples()).unwrap_err().code, exit::USAGE);
    }

    #[test]
    fn an_example_needs_nothing_typed() {
        let args = FindArgs { example: Some(ExampleWord::Unknown), ..FindArgs::default() };
        assert_eq!(args.request(&examples()).unwrap().demographics.reveal().names.len(), 2);
    }
}
