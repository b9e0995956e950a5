//! A hundred invented people of twelve values each; no value comes twice, none by chance. None ends in
//! zeros: a sum of seconds in the metrics, a millionth and some zeros long, holds such a one by chance.

use kakehashi::model::{Demographics, NameScript, PersonName, Sex};

use crate::simulators::hospital::Someone;

/// One person's planted values.
#[derive(Clone)]
pub struct Planted {
    pub who: Someone,
    pub romaji: &'static str,
    pub insurance: &'static str,
    pub number: &'static str,
    pub network_id: &'static str,
    pub title: &'static str,
    pub body: &'static str,
}

/// Of JIS level 1 and 2, and in no text of ours.
const RARE: &str = "齟齬饕餮魑魅魍魎霹靂朦朧憔悴彷徨囹圄瑕疵贔屓膾炙蝟跋扈躊躇逡巡齷齪蹂躙蠢";
const KANA: &str = "ヌヘネヰヱヲヂヅムメモヤユヨロ";
const CONSONANTS: &str = "kstnhmrgzdbp";
const VOWELS: &str = "aiueo";

pub const PEOPLE: usize = 100;
/// Values of a person that are looked for.
pub const VALUES: usize = 12;

fn kept(text: String) -> &'static str {
    Box::leak(text.into_boxed_str())
}

/// The letters of a number in the alphabet, so many: different for different numbers.
fn word(alphabet: &str, number: usize, letters: usize) -> String {
    let all: Vec<char> = alphabet.chars().collect();
    let mut left = number;
    (0..letters)
        .map(|at| {
            let letter = all[(left + at * 5) % all.len()];
            left /= all.len();
            letter
        })
        .collect()
}

fn romaji(number: usize) -> String {
    let mut left = number * 7919 + 104_729;
    let mut syllable = || {
        let (c, v) = (left % CONSONANTS.len(), left / CONSONANTS.len() % VOWELS.len());
        left /= CONSONANTS.len() * VOWELS.len();
        format!("{}{}", &CONSONANTS[c..=c], &VOWELS[v..=v])
    };
    (0..4).map(|_| syllable()).collect::<String>() + "qx"
}

/// The person of this number.
pub fn planted(index: usize) -> Planted {
    let kanji = |of: usize| word(RARE, 100 + index * 8 + of, 3);
    let who = Someone {
        family: kept(kanji(0)),
        given: kept(kanji(1)),
        family_kana: kept(word(KANA, 40 + index, 4)),
        given_kana: "ハナコ",
        birth: kept(format!("19{:02}{:02}{:02}", 10 + index / 2, 1 + index % 12, 1 + index % 28)),
        sex: Sex::Female,
        postal_code: "710-0000",
        address: kept(format!("{}７−{}", kanji(2), index)),
        phone: kept(format!("0867-{:02}-{:04}", 31 + index % 50, 7001 + index * 13)),
    };
    Planted {
        who,
        romaji: kept(romaji(index)),
        insurance: kept(format!("{:08}", 61_731_937 + index * 37)),
        number: kept(format!("{:010}", 7_731_612_937_u64 + index as u64 * 41)),
        network_id: kept(format!("NW-{:08}", 84_620_000 + index * 43)),
        title: kept(kanji(3)),
        body: kept(kanji(4)),
    }
}

pub fn everybody() -> Vec<Planted> {
    (0..PEOPLE).map(planted).collect()
}

impl Planted {
    /// What is looked for.
    pub fn values(&self) -> [&'static str; VALUES] {
        let address = self.who.address.split('７').next().unwrap();
        [
            self.who.family,
            self.who.given,
            self.who.family_kana,
            self.who.birth,
            address,
            self.who.phone,
            self.romaji,
            self.insurance,
            self.number,
            self.network_id,
            self.title,
            self.body,
        ]
    }

    /// All of it, as a query may name it.
    pub fn demographics(&self) -> Demographics {
        let mut all = self.who.demographics();
        all.names.push(PersonName {
            script: Some(NameScript::Alphabetic),
            family: self.romaji.to_owned(),
            given: "HANAKO".to_owned(),
        });
        all
    }

    /// All of it in one line, for messages that are no messages.
    pub fn line(&self) -> String {
        self.values().join(" ")
    }
}
