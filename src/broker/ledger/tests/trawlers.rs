//! Trawlers among a thousand honest users over virtual months: every trawler is stopped before it has
//! asked about 200 patients, the honest go on, and break-glass is always possible. `KAKEHASHI_LONG=1`
//! runs 30 days and ten seeds a strategy, else ten days and one; `KAKEHASHI_SEED` gives the first seed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::super::*;

const DAY: i64 = 86_400;
const USERS: usize = 1_000;
/// When trawling begins: honest use has a history by then.
const FROM_DAY: i64 = 2;
/// How long the operators take to act on the alert of emergencies over a budget.
const OPERATORS: i64 = DAY;
const REACHED_MAX: usize = 200;
/// Of a thousand honest users at work on a day, over the whole run.
const HINDERED_MAX: usize = 1;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn chance(&mut self, percent: f64) -> bool {
        (self.next() as f64 / u64::MAX as f64) < percent / 100.0
    }
}

/// An honest user.
struct User {
    name: String,
    facility: String,
    /// New patients on a usual day.
    daily: u64,
    is_physician: bool,
    /// Works at night, or by day.
    at_night: bool,
    panel: Vec<u64>,
}

/// Facilities as they are: a few hospitals, many clinics.
fn users(random: &mut Random) -> Vec<User> {
    let mut facilities = Vec::new();
    for (size, count) in [(100, 3), (30, 10), (10, 25), (5, 30)] {
        for _ in 0..count {
            let name = format!("facility {}", facilities.len());
            facilities.extend(std::iter::repeat_n(name, size));
        }
    }
    let user = |number: usize| {
        let role = random.below(100);
        // Median and tail of a day: a busy physician sees a hundred, a reception desk registers more.
        let (usual, tail) = match role {
            0..60 => (12, 100),
            60..85 => (6, 40),
            _ => (35, 140),
        };
        let daily = if random.chance(2.0) { tail } else { 1 + random.below(2 * usual) };
        User {
            name: format!("user {number}"),
            facility: facilities[number % facilities.len()].clone(),
            daily,
            is_physician: role < 60,
            at_night: random.chance(10.0),
            panel: Vec::new(),
        }
    };
    (0..USERS).map(user).collect()
}

/// What somebody does at a moment.
enum Act {
    Asks(usize),
    BreaksGlass(usize),
    Trawls,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Strategy {
    AlphabeticalSweep,
    BirthdaySweep,
    IdEnumeration,
    SlowDrip,
    UserHopping,
    FacilityHopping,
    PurposeHopping,
    BurstAtNight,
    MixingWithHonest,
    DocumentGuessing,
    BackAfterRestart,
    InventedUsers,
}

use Strategy::*;

const STRATEGIES: [Strategy; 12] = [
    AlphabeticalSweep,
    BirthdaySweep,
    IdEnumeration,
    SlowDrip,
    UserHopping,
    FacilityHopping,
    PurposeHopping,
    BurstAtNight,
    MixingWithHonest,
    DocumentGuessing,
    BackAfterRestart,
    InventedUsers,
];

impl Strategy {
    /// The moments of a day at which it asks: from when on, how often, how many times.
    fn moments(self, day: i64) -> impl Iterator<Item = i64> {
        let (from, every, times) = match self {
            SlowDrip => (9 * 3_600, 3_600, 5),
            MixingWithHonest => (9 * 3_600, 1_800, 12),
            BurstAtNight => (2 * 3_600, 1, 3_600),
            UserHopping | FacilityHopping | DocumentGuessing => (8 * 3_600, 5, 5_000),
            InventedUsers => (8 * 3_600, 2, 10_000),
            _ => (8 * 3_600, 10, 3_000),
        };
        (0..times).map(move |at| day * DAY + from + at * every)
    }

    /// How many of a hundred strangers may be found by those who look for them so. A network of half a
    /// million inhabitants holds consents of about five of a hundred.
    fn found_percent(self) -> f64 {
        match self {
            DocumentGuessing => 0.0,
            BirthdaySweep => 0.3,
            IdEnumeration => 2.0,
            _ => 5.0,
        }
    }
}

/// A month at one asking system.
struct Month {
    random: Random,
    users: Vec<User>,
    ledger: Ledger,
    strategy: Strategy,
    kept: HashMap<(String, String, Subject), Kept>,
    next: u64,
    turn: usize,
    reached: BTreeSet<u64>,
    stopped: BTreeMap<i64, usize>,
    hindered: BTreeSet<(i64, usize)>,
    at_work: usize,
    glass: (usize, usize),
    withdrawn_at: Option<i64>,
}

/// What came of it.
struct Outcome {
    reached: usize,
    first_refused: Option<i64>,
    hindered: usize,
    at_work: usize,
    asked: usize,
    glass: (usize, usize),
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_micros(1_780_272_000_000_000).plus_seconds(seconds)
}

impl Month {
    fn new(seed: u64, strategy: Strategy) -> Self {
        let mut random = Random(seed);
        let users = users(&mut random);
        Self {
            random,
            users,
            ledger: Ledger::new(defaults()),
            strategy,
            kept: HashMap::new(),
            next: 1,
            turn: 0,
            reached: BTreeSet::new(),
            stopped: BTreeMap::new(),
            hindered: BTreeSet::new(),
            at_work: 0,
            glass: (0, 0),
            withdrawn_at: None,
        }
    }

    fn run(mut self, days: i64) -> Outcome {
        let mut asked = 0;
        for day in 0..days {
            let acts = self.acts(day);
            asked += acts.len();
            if self.strategy == BackAfterRestart && day >= FROM_DAY {
                self.restart(day * DAY);
            }
            for (at, act) in acts {
                match act {
                    Act::Asks(user) => self.honest(user, at),
                    Act::BreaksGlass(user) => self.breaks_glass(user, at),
                    Act::Trawls => self.trawls(at, day),
                }
            }
        }
        // In the end a physician of every facility, trawled or not, breaks the glass.
        let mut facilities = BTreeSet::new();
        for user in 0..self.users.len() {
            if self.users[user].is_physician && facilities.insert(self.users[user].facility.clone()) {
                self.breaks_glass(user, days * DAY);
            }
        }
        Outcome {
            reached: self.reached.len(),
            first_refused: self.stopped.keys().next().copied(),
            hindered: self.hindered.len(),
            at_work: self.at_work,
            asked,
            glass: self.glass,
        }
    }

    fn acts(&mut self, day: i64) -> Vec<(i64, Act)> {
        let mut acts = Vec::new();
        let is_weekend = day % 7 >= 5;
        // A hostile system of its own has no honest users.
        let users = if self.strategy == InventedUsers { 0 } else { self.users.len() };
        for user in 0..users {
            let (daily, at_night) = (self.users[user].daily, self.users[user].at_night);
            if is_weekend && !self.random.chance(20.0) {
                continue;
            }
            self.at_work += 1;
            let (from, hours) = if at_night { (0, 8) } else { (8, 10) };
            let today = daily / 2 + self.random.below(daily + 1);
            for _ in 0..today.max(1) {
                let at = day * DAY + from * 3_600 + i64::try_from(self.random.below(hours * 3_600)).unwrap();
                acts.push((at, Act::Asks(user)));
            }
            if self.users[user].is_physician && self.random.chance(1.0) {
                acts.push((
                    day * DAY + i64::try_from(self.random.below(86_400)).unwrap(),
                    Act::BreaksGlass(user),
                ));
            }
        }
        if day >= FROM_DAY {
            acts.extend(self.strategy.moments(day).map(|at| (at, Act::Trawls)));
        }
        acts.sort_by_key(|(at, _)| *at);
        acts
    }

    fn fresh(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Whether it was let through, and over a budget.
    fn ask(&mut self, who: (&str, &str, bool), seen: &[Seen], at: i64) -> Option<bool> {
        let (person, facility, in_emergency) = who;
        let asker = Asker { person, facility, in_emergency };
        let subjects: Vec<Subject> = seen.iter().map(|seen| seen.subject).collect();
        let Verdict::Go { beyond, is_new } = self.ledger.ask(asker, &subjects, time(at)) else { return None };
        for seen in seen {
            for (subject, kept) in self.ledger.count(asker, seen, beyond, time(at)) {
                if self.strategy == BackAfterRestart {
                    self.kept.insert((person.to_owned(), facility.to_owned(), subject), kept);
                }
            }
        }
        if is_new {
            self.ledger.ended(asker);
        }
        Some(beyond)
    }

    fn honest(&mut self, user: usize, at: i64) {
        // An account that the trawler works with is not counted among the honest.
        let is_stolen = self.account_numbers().contains(&user);
        let (name, facility) = (self.users[user].name.clone(), self.users[user].facility.clone());
        let again = !self.users[user].panel.is_empty() && self.random.chance(35.0);
        let patient = if again {
            let at = self.random.below(self.users[user].panel.len() as u64) as usize;
            self.users[user].panel[at]
        } else {
            self.fresh()
        };
        let right = [patient, patient + 1, patient + 2];
        let mut let_through = true;
        if !again && self.random.chance(3.0) {
            // Mistyped in one field; nearly everybody looks again.
            let wrong = self.fresh();
            let mistyped = Seen { likeness: Some([right[0], right[1], wrong]), ..missed(wrong) };
            let_through &= self.ask((&name, &facility, false), &[mistyped], at).is_some();
            if self.random.chance(5.0) {
                return;
            }
        }
        // And some are really not there.
        let is_there = again || !self.random.chance(1.0);
        let seen = Seen { missed: !is_there, likeness: Some(right), ..missed(patient) };
        let_through &= self.ask((&name, &facility, false), &[seen], at).is_some();
        if is_there && !again {
            self.users[user].panel.push(patient);
        }
        if !let_through && !is_stolen {
            self.hindered.insert((at / DAY, user));
        }
    }

    fn breaks_glass(&mut self, user: usize, at: i64) {
        let (name, facility) = (self.users[user].name.clone(), self.users[user].facility.clone());
        let patient = self.fresh();
        let seen = Seen { missed: self.random.chance(40.0), ..missed(patient) };
        self.glass.0 += 1;
        self.glass.1 += usize::from(self.ask((&name, &facility, true), &[seen], at).is_some());
    }

    /// Whose accounts the trawler works with.
    fn account_numbers(&self) -> Vec<usize> {
        match self.strategy {
            // Twenty of a hospital with thirty (facility 3).
            UserHopping => (300..320).collect(),
            // One each in eight facilities.
            FacilityHopping => (0..8).map(|number| 600 + number * 10).collect(),
            InventedUsers => Vec::new(),
            _ => vec![400],
        }
    }

    fn trawls(&mut self, at: i64, day: i64) {
        if self.withdrawn_at.is_some_and(|withdrawn| at >= withdrawn) {
            return;
        }
        self.turn += 1;
        let accounts = self.account_numbers();
        let (name, facility) = match accounts.get(self.turn % accounts.len().max(1)) {
            Some(user) => (self.users[*user].name.clone(), self.users[*user].facility.clone()),
            None => (format!("invented {}", self.turn), format!("invented {}", self.turn % 5)),
        };
        let in_emergency = self.strategy == PurposeHopping && self.turn.is_multiple_of(2);
        let guesses = if self.strategy == DocumentGuessing { 32 } else { 1 };
        let seen: Vec<Seen> = (0..guesses).map(|_| self.stranger()).collect();
        match self.ask((&name, &facility, in_emergency), &seen, at) {
            Some(beyond) => {
                self.reached.extend(seen.iter().map(|seen| seen.subject.0));
                if beyond {
                    self.withdrawn_at.get_or_insert(at + OPERATORS);
                }
            }
            None => *self.stopped.entry(day).or_default() += 1,
        }
    }

    fn stranger(&mut self) -> Seen {
        let number = self.fresh();
        let is_found = self.random.chance(self.strategy.found_percent());
        let likeness = match self.strategy {
            // One family name after another, all given names and birth dates.
            AlphabeticalSweep => Some([number, number / 50, number]),
            // One person's name with every birth date.
            BirthdaySweep => Some([number, u64::MAX, u64::MAX]),
            IdEnumeration | DocumentGuessing => None,
            _ => Some([number, number + 1, number + 2]),
        };
        Seen { missed: !is_found, likeness, ..missed(number) }
    }

    /// Killed and started again: what was counted in the last second is lost.
    fn restart(&mut self, at: i64) {
        let mut kept: Vec<_> = self.kept.iter().collect();
        kept.retain(|(_, kept)| kept.at < time(at - 1));
        kept.sort_by_key(|((person, _, subject), kept)| (kept.at, person.clone(), *subject));
        self.ledger = Ledger::new(defaults());
        for ((person, facility, subject), kept) in kept {
            self.ledger.take_in(person, facility, *subject, *kept);
        }
    }
}

fn missed(subject: u64) -> Seen {
    Seen { subject: Subject(subject), also: Vec::new(), missed: true, likeness: None }
}

fn defaults() -> Budgets {
    crate::config::Limits::default().budgets
}

#[test]
fn every_trawler_is_stopped_before_200_patients_and_of_a_thousand_honest_users_a_day_one_at_most_is_hindered()
{
    let is_long = std::env::var_os("KAKEHASHI_LONG").is_some();
    let seed = std::env::var("KAKEHASHI_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let (days, seeds) = if is_long { (30, 10) } else { (10, 1) };
    let began = std::time::Instant::now();
    println!("seed {seed}, {seeds} runs of {days} days a strategy, {USERS} honest users");
    let head = ["strategy", "patients", "refused on day", "honest asked", "hindered a day", "break-glass"];
    let [a, b, c, d, e, f] = head;
    println!("{a:<18} {b:>8} {c:>14} {d:>14} {e:>18} {f:>14}");
    let mut faults = Vec::new();
    for strategy in STRATEGIES {
        for run in 0..seeds {
            let it = Month::new(seed + run, strategy).run(days);
            let day = it.first_refused.map_or("-".to_owned(), |day| (day - FROM_DAY + 1).to_string());
            let hindered = format!("{} of {}", it.hindered, it.at_work);
            let glass = format!("{} of {}", it.glass.1, it.glass.0);
            let (name, reached, asked) = (format!("{strategy:?}"), it.reached, it.asked);
            println!("{name:<18} {reached:>8} {day:>14} {asked:>14} {hindered:>18} {glass:>14}");
            let is_stopped = it.reached < REACHED_MAX && it.first_refused.is_some();
            let is_hindering = it.hindered * 1_000 > it.at_work * HINDERED_MAX;
            if !is_stopped || is_hindering || it.glass.0 != it.glass.1 {
                faults.push(format!("{strategy:?}, seed {}", seed + run));
            }
        }
    }
    println!("{:?}", began.elapsed());
    assert!(faults.is_empty(), "{faults:?}");
}
