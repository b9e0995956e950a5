//! How many patients may be asked about, and how many look-ups may end in nobody, before somebody has
//! to look: a person's, a facility's and an asking system's share of an hour, a day and 30 days.

use std::ops::RangeInclusive;

use super::section::Section;

/// What one person, facility or system may use up. Windows: an hour, a day, 30 days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Patients asked about for the first time.
    pub patients: [u32; 3],
    /// Look-ups that end in nobody.
    pub misses: [u32; 3],
    /// Where more patients are asked about: so many of a hundred may end in nobody, if that is more.
    pub misses_percent: u32,
}

/// The budgets of one asking system (`limits.budgets`, `budgets` of a file in `peers/`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// Of each person.
    pub person: Budget,
    /// Of each organisation that assertions name.
    pub facility: Budget,
    /// Of the whole system.
    pub peer: Budget,
    /// Patients a day whom a person over a budget may still ask about with purpose EMERGENCY.
    pub emergencies_per_day: u32,
}

impl Budgets {
    pub(super) const DEFAULT: Self = Self {
        person: Budget { patients: [60, 190, 3_000], misses: [12, 15, 18], misses_percent: 5 },
        facility: Budget { patients: [500, 3_000, 50_000], misses: [12, 20, 45], misses_percent: 3 },
        peer: Budget { patients: [5_000, 30_000, 500_000], misses: [20, 30, 42], misses_percent: 5 },
        emergencies_per_day: 20,
    };

    /// Of a portal's file, or another one. At a portal our own staff ask about whoever comes in, known or
    /// not: where nobody has set misses, they stop nobody before the patients do.
    pub(super) fn read(mut section: Section<'_>, default: Self, is_portal: bool) -> Self {
        let s = &mut section;
        let standard = Self::DEFAULT;
        let mut budget = |keys: [&'static str; 3], default: Budget, standard: Budget| {
            let [patients, misses, percents] = keys;
            let patients = windows(s, patients, default.patients);
            let is_wide = is_portal && default.misses == standard.misses;
            Budget {
                patients,
                misses: windows(s, misses, if is_wide { patients } else { default.misses }),
                misses_percent: percent(s, percents, default.misses_percent),
            }
        };
        let person = ["person_patients", "person_misses", "person_misses_percent"];
        let facility = ["facility_patients", "facility_misses", "facility_misses_percent"];
        let peer = ["peer_patients", "peer_misses", "peer_misses_percent"];
        let person = budget(person, default.person, standard.person);
        let facility = budget(facility, default.facility, standard.facility);
        let peer = budget(peer, default.peer, standard.peer);
        let emergencies_per_day = small(s, "emergencies_per_day", default.emergencies_per_day, 1..=10_000);
        section.finish();
        Self { person, facility, peer, emergencies_per_day }
    }
}

// A longer window that allows less than a shorter one makes the shorter one mean nothing.
fn windows(section: &mut Section<'_>, key: &'static str, default: [u32; 3]) -> [u32; 3] {
    let Some(numbers) = section.numbers(key, 1..=100_000_000) else { return default };
    let example = default.map(|number| number.to_string()).join(", ");
    let hint = format!("an hour, a day, 30 days: {key} = [{example}]");
    let [hour, day, month] = numbers.as_slice() else {
        section.fault(key, format!("`{}` needs three numbers", section.dotted(key)), &hint);
        return default;
    };
    if hour > day || day > month {
        section.fault(key, format!("`{}` allows less in a longer time", section.dotted(key)), &hint);
        return default;
    }
    [*hour, *day, *month].map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn percent(section: &mut Section<'_>, key: &'static str, default: u32) -> u32 {
    small(section, key, default, 0..=100)
}

fn small(section: &mut Section<'_>, key: &'static str, default: u32, bounds: RangeInclusive<u64>) -> u32 {
    u32::try_from(section.number(key, u64::from(default), bounds)).unwrap_or(default)
}
