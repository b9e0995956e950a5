//! The consents of a side as the secretariat would hand them in (decisions C1).

use super::cast::{Part, Person, people};
use super::network::{Network, other};
use time::{Date, Duration};

/// The CSV file: who of this side lets the other side see what.
pub fn csv(network: &Network, today: Date) -> String {
    let mut text =
        "network_id,facility_code,patient_no,community,viewers,kinds,purpose,state,valid_from,valid_until,\
                    form,evidence,entered_by\n"
            .to_owned();
    let from = today - Duration::days(30);
    for person in people(network).iter().filter(|person| consents(person)) {
        for record in person.records {
            let Some(hospital) = record.at(network) else { continue };
            text.push_str(&format!(
                "{},{},{},{},*,*,TREATMENT,granted,{from},,広域連携同意書,事務局保管 {},デモ事務局\n",
                person.network_id,
                hospital.facility,
                record.number,
                other(network).community,
                person.network_id
            ));
        }
    }
    text
}

fn consents(person: &Person) -> bool {
    matches!(person.part, Part::Consented | Part::Twin | Part::Withdraws | Part::Commuter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::network::OKAYAMA;

    #[test]
    fn only_those_who_consent_have_a_row_and_each_hospital_has_its_own() {
        let text = csv(&OKAYAMA, time::macros::date!(2026 - 06 - 01));
        assert_eq!(text.lines().count(), 1 + 2 + 1 + 1 + 1);
        assert!(text.contains("OK000101,3310000002,00778899,2.999.34,*,*,TREATMENT,granted,2026-05-02,,"));
        assert!(!text.contains("00551122"));
    }
}
