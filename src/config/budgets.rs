//! How many patients may be asked about, and how many look-ups may end in nobody, before somebody has
//! to look: a person's, a facility's and an asking system's share of an hour, a day and 30 days.

use std::ops::RangeInclusive;

use super::section::Section;
use super::target::TargetKind;

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

    /// What a system of this kind has where its file says nothing. At a portal our own staff ask about whoever comes in, known or
    /// not, so that misses alone stop nobody before the patients do.
    pub(super) fn of(self, kind: Option<TargetKind>) -> Self {
        if kind != Some(TargetKind::Portal) {
            return self;
        }
        let wide = |budget: Budget| Budget { misses: budget.patients, ..budget };
        let Self { person, facility, peer, emergencies_per_day } = self;
        Self { person: wide(person), facility: wide(facility), peer: wide(peer), emergencies_per_day }
    }

    pub(super) fn read(mut section: Section<'_>, default: Self) -> Self {
        let s = &mut section;
        let budgets = Self {
            person: Budget {
                patients: windows(s, "person_patients", default.person.patients),
                misses: windows(s, "person_misses", default.person.misses),
                misses_percent: percent(s, "person_misses_percent", default.person.misses_percent),
            },
            facility: Budget {
                patients: windows(s, "facility_patients", default.facility.patients),
                misses: windows(s, "facility_misses", default.facility.misses),
                misses_percent: percent(s, "facility_misses_percent", default.facility.misses_percent),
            },
            peer: Budget {
                patients: windows(s, "peer_patients", default.peer.patients),
                misses: windows(s, "peer_misses", default.peer.misses),
                misses_percent: percent(s, "peer_misses_percent", default.peer.misses_percent),
            },
            emergencies_per_day: small(s, "emergencies_per_day", default.emergencies_per_day, 1..=10_000),
        };
        section.finish();
        budgets
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_staff_are_stopped_by_patients_before_misses_and_another_network_is_not() {
        let portal = Budgets::DEFAULT.of(Some(TargetKind::Portal));
        assert_eq!(portal.person.misses, portal.person.patients);
        assert_eq!(
            (portal.facility.misses, portal.peer.misses),
            (portal.facility.patients, portal.peer.patients)
        );
        assert_eq!(Budgets::DEFAULT.of(Some(TargetKind::Xca)), Budgets::DEFAULT);
    }
}
