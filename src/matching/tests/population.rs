//! Invented populations: households, twins, nursing homes, foreign residents, and the ways hospitals
//! write one person twice. The same seed gives the same records. Nobody in it lives.

mod words;

use words::{FAMILIES, FEMALE, FOREIGN, ITAIJI, MALE, TOWNS, TWINS, Written};

use crate::model::{Address, Demographics, Insurance, NameScript, PartialDate, PersonName, Sex};

/// A record and whose it is. `placeholder`: a newborn under the mother's name or a test patient,
/// which no matcher is to link.
#[derive(Clone)]
pub struct Record {
    pub person: usize,
    pub placeholder: bool,
    pub demographics: Demographics,
}

/// What a population is like.
#[derive(Clone, Copy, Debug)]
pub enum Style {
    /// As a prefecture's hospitals are.
    Usual,
    /// Much is missing, old or wrong.
    Dirty,
    /// Few names, few birth dates, many homes: strangers coincide.
    Coincident,
}

pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn percent(&mut self, n: usize) -> bool {
        self.below(1000) < n * 10
    }

    fn permille(&mut self, n: usize) -> bool {
        self.below(1000) < n
    }

    fn of<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

#[derive(Clone)]
struct Name {
    family: (String, String),
    given: (String, String),
    roman: Option<(String, String)>,
    before: Option<(String, String)>,
}

#[derive(Clone)]
struct Home {
    town: usize,
    lot: (usize, usize, usize),
    room: Option<usize>,
    land: String,
    insurer: &'static str,
    number: usize,
}

#[derive(Clone)]
struct Person {
    name: Name,
    birth: (u16, u8, u8),
    sex: Sex,
    home: Home,
    mobile: Option<String>,
    branch: usize,
}

pub fn population(seed: u64, style: Style, persons: usize) -> Vec<Record> {
    let mut maker = Maker { rng: Rng::new(seed), style, homes: Vec::new() };
    maker.homes = (0..1 + persons / 1000).map(|_| maker.home()).collect();
    let mut people: Vec<Person> = Vec::new();
    while people.len() < persons {
        let household = maker.household();
        people.extend(household);
    }
    maker.coincidences(&mut people);
    let mut records = Vec::new();
    for (number, person) in people.iter().enumerate() {
        for _ in 0..maker.rng.of(&[1, 1, 2, 2, 3, 4]) {
            records.push(Record { person: number, placeholder: false, demographics: maker.write(person) });
        }
        if person.birth.0 >= 2015 && maker.rng.percent(10) {
            records.push(maker.newborn(number, person));
        }
    }
    for extra in 0..persons / 300 {
        records.push(maker.test_patient(people.len() + extra));
    }
    for at in (1..records.len()).rev() {
        let other = maker.rng.below(at + 1);
        records.swap(at, other);
    }
    records
}

struct Maker {
    rng: Rng,
    style: Style,
    // Nursing homes.
    homes: Vec<Home>,
}

fn owned(written: Written) -> (String, String) {
    (written.0.to_owned(), written.1.to_owned())
}

impl Maker {
    fn family(&mut self) -> (String, String) {
        let pool = if matches!(self.style, Style::Coincident) { 8 } else { FAMILIES.len() };
        let (a, b) = (self.rng.below(pool), self.rng.below(pool));
        owned(FAMILIES[a.min(b)])
    }

    fn given(&mut self, sex: Sex) -> (String, String) {
        owned(if sex == Sex::Male { self.rng.of(&MALE) } else { self.rng.of(&FEMALE) })
    }

    fn phone(&mut self, area: &str) -> String {
        format!("{area}-{:03}-{:04}", self.rng.below(1000), self.rng.below(10_000))
    }

    fn home(&mut self) -> Home {
        Home {
            town: self.rng.below(TOWNS.len()),
            lot: (1 + self.rng.below(9), 1 + self.rng.below(40), 1 + self.rng.below(30)),
            room: self.rng.percent(30).then(|| 101 + self.rng.below(8) + 100 * self.rng.below(5)),
            land: self.phone("086"),
            insurer: self.rng.of(&["01330012", "06349999", "330019", "39331234"]),
            number: self.rng.below(100_000_000),
        }
    }

    fn birth(&mut self, from: u16, years: usize) -> (u16, u8, u8) {
        // In the coincident style all are born on the same few days.
        let (months, days) = if matches!(self.style, Style::Coincident) { (2, 6) } else { (12, 28) };
        let year = from + self.rng.below(years) as u16;
        (year, 1 + self.rng.below(months) as u8, 1 + self.rng.below(days) as u8)
    }

    fn person(
        &mut self,
        family: &(String, String),
        sex: Sex,
        birth: (u16, u8, u8),
        home: &Home,
        branch: usize,
    ) -> Person {
        let given = self.given(sex);
        let name = Name { family: family.clone(), given, roman: None, before: None };
        let mobile = (birth.0 > 1940 && self.rng.percent(60)).then(|| self.phone("090"));
        Person { name, birth, sex, home: home.clone(), mobile, branch }
    }

    fn household(&mut self) -> Vec<Person> {
        if self.rng.percent(6) {
            return vec![self.resident()];
        }
        if self.rng.percent(3) {
            return self.foreigners();
        }
        let (family, home) = (self.family(), self.home());
        let born = self.birth(1930, 65);
        let mut all = vec![self.person(&family, Sex::Male, born, &home, 0)];
        if self.rng.percent(70) {
            let born = self.birth(born.0.saturating_sub(3), 7);
            let mut wife = self.person(&family, Sex::Female, born, &home, 1);
            while wife.name.given.0 == all[0].name.given.0 {
                wife.name.given = self.given(Sex::Female);
            }
            if self.rng.percent(25) {
                wife.name.before = Some(self.family());
            }
            all.push(wife);
        }
        let first = born.0 + 24;
        for child in 0..self.rng.below(3) {
            let sex = self.rng.of(&[Sex::Male, Sex::Female]);
            let born = self.birth(first, 12);
            let mut one = self.person(&family, sex, born, &home, 2 + child);
            // A child with the father's name, or his first kanji; some born on his birthday.
            while all.iter().any(|other: &Person| {
                other.name.given.1 == one.name.given.1 || other.name.given.0 == one.name.given.0
            }) {
                one.name.given = self.given(sex);
            }
            let father = all[0].clone();
            if sex == Sex::Male && self.rng.percent(5) {
                one.name.given = father.name.given;
                if self.rng.percent(50) {
                    one.birth = (father.birth.0 + self.rng.of(&[20, 30]), father.birth.1, father.birth.2);
                }
            }
            all.push(one);
        }
        if self.rng.percent(5) {
            let born = self.birth(first, 12);
            let (one, two) = self.rng.of(&TWINS);
            let sexes =
                self.rng.of(&[(Sex::Male, Sex::Male), (Sex::Female, Sex::Female), (Sex::Male, Sex::Female)]);
            for (branch, (given, sex)) in [(one, sexes.0), (two, sexes.1)].into_iter().enumerate() {
                let mut twin = self.person(&family, sex, born, &home, 6 + branch);
                // No family gives two children one name.
                if all.iter().any(|other: &Person| other.name.given.0 == given.0) {
                    continue;
                }
                twin.name.given = owned(given);
                twin.mobile = None;
                all.push(twin);
            }
        }
        all
    }

    fn resident(&mut self) -> Person {
        let home = self.rng.below(self.homes.len());
        let shared = self.homes[home].clone();
        let own = Home { number: self.rng.below(100_000_000), insurer: "39331234", ..shared };
        let (family, sex) = (self.family(), self.rng.of(&[Sex::Male, Sex::Female]));
        let born = self.birth(1925, 15);
        let mut one = self.person(&family, sex, born, &own, 0);
        one.mobile = None;
        one
    }

    fn foreigners(&mut self) -> Vec<Person> {
        let home = self.home();
        let mut all = Vec::new();
        for branch in 0..1 + self.rng.below(3) {
            let (family, given, roman_family, roman_given) = self.rng.of(&FOREIGN);
            let born = self.birth(1970, 35);
            if all.iter().any(|other: &Person| other.birth == born || other.name.given.0 == given) {
                continue;
            }
            let mut one = self.person(&owned((family, family)), Sex::Female, born, &home, branch);
            one.sex = self.rng.of(&[Sex::Male, Sex::Female]);
            one.name.given = owned((given, given));
            one.name.roman = Some((roman_family.to_owned(), roman_given.to_owned()));
            all.push(one);
        }
        all
    }

    // Strangers of one name and birth date: in one city, in one nursing home.
    fn coincidences(&mut self, people: &mut Vec<Person>) {
        let share = if matches!(self.style, Style::Coincident) { 30 } else { 400 };
        for _ in 0..people.len() / share {
            let model = people[self.rng.below(people.len())].clone();
            let mut stranger = Person { home: self.home(), mobile: None, branch: 0, ..model };
            if self.rng.percent(30) {
                stranger.home.town = model.home.town;
            }
            if self.homes.iter().any(|home| home.land == model.home.land) {
                let (insurer, number) = (stranger.home.insurer, stranger.home.number);
                stranger.home = Home { insurer, number, ..model.home };
            }
            people.push(stranger);
        }
    }

    fn often(&mut self, usual: usize) -> bool {
        let dirty = matches!(self.style, Style::Dirty);
        self.rng.permille(if dirty { usual * 5 / 2 } else { usual })
    }

    fn write(&mut self, person: &Person) -> Demographics {
        let birth = if self.often(8) { self.slip(person.birth) } else { person.birth };
        let mut written = Demographics {
            names: self.names(person),
            birth: PartialDate::day(birth.0, birth.1, birth.2),
            sex: Some(person.sex),
            addresses: vec![self.address(&person.home)],
            phones: vec![self.telephone(person)],
            insurance: Some(self.insurance(person)),
            ..Demographics::default()
        };
        if self.often(4) {
            written.birth = if self.rng.percent(50) { None } else { PartialDate::from_digits("19000101") };
        }
        if self.often(5) {
            written.sex = written.sex.map(|sex| if sex == Sex::Male { Sex::Female } else { Sex::Male });
        }
        if self.often(10) {
            written.sex = None;
        }
        if self.often(12) {
            written.addresses.clear();
        }
        if self.often(40) {
            written.phones.clear();
        } else if self.rng.permille(5) {
            // The hospital's own number.
            written.phones = vec!["086-000-1111".to_owned()];
        }
        if self.often(130) {
            written.insurance = None;
        }
        written
    }

    fn slip(&mut self, (year, month, day): (u16, u8, u8)) -> (u16, u8, u8) {
        match self.rng.below(4) {
            0 if day <= 12 => (year, day, month),
            1 => (year + 1, month, day),
            2 => (year, month, (day + 9) % 28 + 1),
            _ => (year, month % 12 + 1, day),
        }
    }

    fn names(&mut self, person: &Person) -> Vec<PersonName> {
        let mut name = person.name.clone();
        if let Some(before) = name.before.take() {
            match self.rng.below(4) {
                0 => name.family = before,
                1 => name.family.0 = format!("{}（{}）", name.family.0, before.0),
                _ => {}
            }
        }
        if let Some((family, given)) = name.roman.clone() {
            return self.foreign(&name, family, given);
        }
        let mut kanji = (name.family.0.clone(), name.given.0.clone());
        if self.rng.percent(15) {
            let other = |c: char| ITAIJI.iter().find(|(new, _)| *new == c).map_or(c, |(_, old)| *old);
            kanji = (kanji.0.chars().map(other).collect(), kanji.1.chars().map(other).collect());
        }
        if self.often(6) {
            let mark = self.rng.of(&['●', '■']);
            let part = if self.rng.percent(60) { &mut kanji.0 } else { &mut kanji.1 };
            *part = part.chars().enumerate().map(|(at, c)| if at == 0 { mark } else { c }).collect();
        }
        if self.often(8) {
            kanji.1 = kanji.1.replace('裕', "祐").replace('徹', "撤").replace('大', "太").replace('美', "実");
        }
        let kana = self.kana((name.family.1, name.given.1));
        let mut names = Vec::new();
        if !self.often(8) {
            names.push(self.layout(kanji, NameScript::Ideographic));
        }
        if names.is_empty() || !self.often(12) {
            names.push(self.layout(kana, NameScript::Syllabic));
        }
        names
    }

    fn foreign(&mut self, name: &Name, family: String, given: String) -> Vec<PersonName> {
        let (a, b) = (name.family.1.clone(), name.given.1.replace(' ', ""));
        let katakana = match self.rng.below(4) {
            0 => (format!("{a}・{b}"), String::new()),
            1 => (b, a),
            _ => (a, b),
        };
        let roman = if self.rng.percent(20) { (given, family) } else { (family, given) };
        let of = |script, (family, given): (String, String)| PersonName { script, family, given };
        match self.rng.below(3) {
            0 => vec![of(None, katakana.clone()), of(Some(NameScript::Syllabic), katakana)],
            1 => vec![of(None, roman), of(Some(NameScript::Syllabic), katakana)],
            _ => vec![of(Some(NameScript::Syllabic), katakana), of(Some(NameScript::Alphabetic), roman)],
        }
    }

    fn kana(&mut self, (family, given): (String, String)) -> (String, String) {
        let mut both = [family, given];
        for part in &mut both {
            if self.rng.percent(8) {
                *part = part.replace('ャ', "ヤ").replace('ュ', "ユ").replace('ョ', "ヨ");
            }
            if self.often(15) {
                *part = part.replace("ウ", "ー").replacen("オオ", "オー", 1);
            }
            if self.often(12) {
                *part = part.replace('ザ', "サ").replace('ダ', "タ").replace('ジ', "シ");
            }
            if self.rng.percent(10) {
                let down = |c: char| {
                    let is_kata = matches!(c, '\u{30a1}'..='\u{30f6}');
                    char::from_u32(u32::from(c) - if is_kata { 0x60 } else { 0 }).unwrap_or(c)
                };
                *part = part.chars().map(down).collect();
            }
        }
        let [family, given] = both;
        (family, given)
    }

    fn layout(&mut self, (family, given): (String, String), script: NameScript) -> PersonName {
        let script = Some(script);
        match self.rng.below(100) {
            0..8 => PersonName { script, family: format!("{family}　{given}"), given: String::new() },
            8..11 => PersonName { script, family: format!("{family}{given}"), given: String::new() },
            11 => PersonName { script, family: given, given: family },
            _ => PersonName { script, family, given },
        }
    }

    fn address(&mut self, home: &Home) -> Address {
        let moved = self.often(45).then(|| self.home());
        let home = moved.as_ref().unwrap_or(home);
        let (prefecture, town, postcode) = TOWNS[home.town];
        let (a, b, c) = home.lot;
        let lot = match self.rng.below(4) {
            0 => format!("{a}丁目{b}番{c}号"),
            1 => format!("{a}-{b}-{c}"),
            2 => format!("{a}丁目{b}－{c}"),
            _ => format!("{a}丁目{b}番地の{c}"),
        };
        let building = home.room.filter(|_| !self.rng.permille(200)).map(|room| match room % 2 {
            0 => format!("　架橋ハイツ{room}号室"),
            _ => format!(" メゾン架橋 {room}"),
        });
        let prefecture = if self.rng.percent(30) { "" } else { prefecture };
        let text = format!("{prefecture}{town}{lot}{}", building.unwrap_or_default());
        // Some hospitals keep the town only.
        let text = if self.often(6) { format!("{prefecture}{town}") } else { text };
        let postal_code = if self.often(30) { String::new() } else { postcode.to_owned() };
        Address { postal_code, text }
    }

    fn telephone(&mut self, person: &Person) -> String {
        if self.often(70) {
            return self.phone("080");
        }
        let number = match &person.mobile {
            Some(mobile) if self.rng.percent(90) => mobile,
            _ => &person.home.land,
        };
        match self.rng.below(4) {
            0 => number.replace('-', ""),
            1 => format!("+81 {}", number.trim_start_matches('0')),
            _ => number.clone(),
        }
    }

    fn insurance(&mut self, person: &Person) -> Insurance {
        let other = self.often(80).then(|| self.rng.below(100_000_000));
        let number = other.unwrap_or(person.home.number);
        // Before 2021 nobody had a branch; 00 stands for the whole family in some hospitals.
        let branch = match self.rng.below(100) {
            0..15 => String::new(),
            15 => "00".to_owned(),
            _ if person.home.insurer.starts_with("39") => String::new(),
            _ => format!("{:02}", person.branch),
        };
        Insurance {
            insurer: person.home.insurer.to_owned(),
            symbol: self.rng.of(&["岡１２", "岡12", "岡－１２"]).to_owned(),
            number: format!("{number:08}"),
            branch,
        }
    }

    fn newborn(&mut self, number: usize, person: &Person) -> Record {
        let mut demographics = self.write(person);
        let mark = self.rng.of(&["ベビー", "ベビー１", "女児"]);
        for name in &mut demographics.names {
            name.given = format!("恵子{mark}");
        }
        Record { person: number, placeholder: true, demographics }
    }

    fn test_patient(&mut self, number: usize) -> Record {
        let of = |script, family: &str, given: &str| PersonName {
            script,
            family: family.into(),
            given: given.into(),
        };
        let names = vec![of(None, "テスト", "太郎"), of(Some(NameScript::Syllabic), "テスト", "タロウ")];
        let home = self.homes[0].clone();
        let (birth, sex) = (PartialDate::from_digits("19800101"), Some(Sex::Male));
        let addresses = vec![self.address(&home)];
        let demographics =
            Demographics { names, birth, sex, addresses, phones: vec![home.land], ..Demographics::default() };
        Record { person: number, placeholder: true, demographics }
    }
}
