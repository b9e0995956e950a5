//! HL7 v2.5 messages as hospitals file them (JAHIS data exchange, JAMI guideline; japan.md 1.4, 1.5):
//! segments by field number, one function a kind. Text only; the hospital's encoding comes later.

use super::cast::{Person, Record};
use super::network::Hospital;

/// What a message is about, besides its own content.
#[derive(Debug, Clone, Copy)]
pub struct Visit<'a> {
    /// Whose.
    pub person: &'a Person,
    /// How the hospital wrote them down.
    pub record: &'a Record,
    /// Where.
    pub hospital: &'a Hospital,
    /// `YYYYMMDD`.
    pub day: &'a str,
    /// Department: code and name of table 0069.
    pub department: (&'a str, &'a str),
    /// Order number, 15 digits.
    pub order: &'a str,
    /// Order of sending within the day; later messages have a greater one.
    pub minute: u32,
}

const DOCTOR: &str = "D0101^見本^太郎^^^^^^^L^^^^^I";

/// A segment from its fields by number.
fn segment(name: &str, fields: &[(usize, &str)]) -> String {
    let last = fields.iter().map(|(number, _)| *number).max().unwrap_or_default();
    let mut text = name.to_owned();
    for number in 1..=last {
        text.push('|');
        text.push_str(fields.iter().find(|(n, _)| *n == number).map_or("", |(_, value)| *value));
    }
    text.push('\r');
    text
}

impl Visit<'_> {
    /// 発生日時, 17 digits, Japan time.
    pub fn sent_at(&self) -> String {
        format!("{}09{:02}00000", self.day, self.minute % 60)
    }

    fn moment(&self) -> String {
        format!("{}09{:02}", self.day, self.minute % 60)
    }

    /// MSH, EVN where the kind has one, PID, PV1, then the kind's own segments.
    fn message(&self, event: &str, visit: &[(usize, &str)], body: &str) -> String {
        let sent = self.sent_at();
        let sent = sent.get(..14).unwrap_or_default();
        let control = format!("{}{}", self.order.get(7..).unwrap_or(self.order), self.minute);
        let mut text =
            format!("MSH|^~\\&|HIS|{}|SSMIX2|GW|{sent}||{event}|{control}|P|2.5", self.hospital.key);
        let character_set = if self.hospital.writes_shift_jis { "" } else { "~ISO IR87" };
        text.push_str(&format!(
            "||||||{character_set}||ISO 2022-1994|SS-MIX2_1.20^SS-MIX2^1.2.392.200250.2.1.100.1.2.120^ISO\r"
        ));
        if event.starts_with("ADT") {
            text.push_str(&segment("EVN", &[(2, sent), (6, &self.moment())]));
        }
        text.push_str(&self.pid(sent));
        let place = format!("{}^^^^^C", self.department.0);
        let usual = [(1, "0001"), (2, "O"), (3, place.as_str()), (7, DOCTOR), (10, self.department.0)];
        let mut fields = visit.to_vec();
        for (number, value) in usual {
            if !fields.iter().any(|(n, _)| *n == number) {
                fields.push((number, value));
            }
        }
        text.push_str(&segment("PV1", &fields));
        text.push_str(body);
        text
    }

    fn pid(&self, sent: &str) -> String {
        let Record { number, kanji, kana, phone, address, .. } = self.record;
        let number = format!("{number}^^^^PI");
        let name = format!("{}^{}^^^^^L^I~{}^{}^^^^^L^P", kanji.0, kanji.1, kana.0, kana.1);
        let address = format!("^^^^{}^JPN^H^{address}", self.person.postal);
        let phone = format!("^PRN^PH^^^^^^^^^{phone}");
        let (birth, sex) = (self.person.birth, self.person.sex);
        let fields: [(usize, &str); 8] = [
            (1, "0001"),
            (3, &number),
            (5, &name),
            (7, birth),
            (8, sex),
            (11, &address),
            (13, &phone),
            (33, sent),
        ];
        segment("PID", &fields)
    }

    fn order(&self, group: &str) -> String {
        let grouped = format!("{}_{group}", self.order);
        let department = format!("{}^{}^HL70069", self.department.0, self.department.1);
        let facility = format!("{}^^^^^^^^^{}", self.hospital.name, self.hospital.facility);
        let fields: [(usize, &str); 8] = [
            (1, "NW"),
            (2, self.order),
            (4, &grouped),
            (9, &self.moment()),
            (12, DOCTOR),
            (17, &department),
            (21, &facility),
            (29, "O^外来^HL70482"),
        ];
        segment("ORC", &fields)
    }

    /// ADT-00: basic information, with the allergies that everybody must see.
    pub fn basics(&self, allergen: &str) -> String {
        let allergy = format!("DA^薬剤アレルギー^HL70127|^{allergen}|SV^重度^HL70128");
        let body = format!(
            "OBX|1|CWE|5H010000001999911^血液型－ＡＢＯ式^JC10||A^Ａ型^JSHR002||||||F\rAL1|1|{allergy}\r"
        );
        self.message("ADT^A08", &[], &body)
    }

    /// ADT-61: allergies, each with what happened.
    pub fn allergies(&self, known: &[(&str, &str, &str)]) -> String {
        let body: String = known
            .iter()
            .enumerate()
            .map(|(index, (class, allergen, reaction))| {
                let (number, class) = ((index + 1).to_string(), format!("{class}^HL70127"));
                let allergen = format!("^{allergen}");
                let fields: [(usize, &str); 6] = [
                    (1, &number),
                    (2, &class),
                    (3, &allergen),
                    (4, "SV^重度^HL70128"),
                    (5, reaction),
                    (6, "A^追加^HL70323"),
                ];
                segment("IAM", &fields)
            })
            .collect();
        self.message("ADT^A60", &[], &body)
    }

    /// PPR-01: all problems: MEDIS code, name, ICD-10, whether suspected, onset.
    pub fn problems(&self, known: &[(&str, &str, &str, bool, &str)]) -> String {
        let body: String = known
            .iter()
            .enumerate()
            .map(|(index, (code, name, icd10, is_suspected, onset))| {
                let (disease, id) = (format!("{code}^{name}^MDCDX2"), (index + 1).to_string());
                let class = format!("{icd10}^^I10^O^外来時^JHSD0004");
                let suspected = if *is_suspected { "1^疑い^JHSD0005" } else { "" };
                let fields: [(usize, &str); 9] = [
                    (1, "AD"),
                    (2, self.day),
                    (3, &disease),
                    (4, &id),
                    (7, onset),
                    (10, &class),
                    (13, suspected),
                    (16, onset),
                    (17, name),
                ];
                segment("PRB", &fields) + &self.order("01")
            })
            .collect();
        self.message("PPR^ZD1", &[], &body)
    }

    /// OMP-01: a prescription: HOT9, name, dose, unit, usage, days.
    pub fn prescription(&self, drugs: &[(&str, &str, &str, &str, &str, &str)]) -> String {
        let mut body = String::new();
        for (index, (code, name, dose, unit, usage, days)) in drugs.iter().enumerate() {
            body.push_str(&self.order(&format!("{:02}_001", index + 1)));
            let (drug, unit) = (format!("{code}^{name}^HOT9"), format!("{unit}^MR9P"));
            let (usage, days) = (format!("{usage}&JAMISDP01"), format!("{days}^D"));
            let rxe: [(usize, &str); 5] =
                [(2, &drug), (3, dose), (5, &unit), (6, "TAB^錠剤^MR9P"), (21, "OHP^院外処方^MR9P")];
            let tq1: [(usize, &str); 4] = [(1, "1"), (3, &usage), (6, &days), (7, self.day)];
            body.push_str(&segment("RXE", &rxe));
            body.push_str(&segment("TQ1", &tq1));
            body.push_str(&segment("RXR", &[(1, "PO^口^HL70162")]));
        }
        self.message("RDE^O11^RDE_O11", &[], &body)
    }

    /// OMP-11: what was handed out or given.
    pub fn administration(&self, code: &str, name: &str, amount: &str) -> String {
        let (drug, at) = (format!("{code}^{name}^HOT9"), self.moment());
        let fields: [(usize, &str); 9] = [
            (1, "0"),
            (2, "1"),
            (3, &at),
            (4, &at),
            (5, &drug),
            (6, amount),
            (7, "TAB^錠^MR9P"),
            (10, "N0201^見本^花子"),
            (20, "CP"),
        ];
        let body = self.order("01_001") + &segment("RXA", &fields) + &segment("RXR", &[(1, "PO^口^HL70162")]);
        self.message("RAS^O17^RAS_O17", &[], &body)
    }

    /// OML-11: results: JLAC10, name, value, unit, range, flag. `status` is F, or C when corrected.
    pub fn results(
        &self,
        status: &str,
        note: &str,
        results: &[(&str, &str, &str, &str, &str, &str)],
    ) -> String {
        let moment = self.moment();
        let mut body = segment("SPM", &[(1, "1"), (4, "023^血清^JC10"), (17, &moment)]);
        let obr: [(usize, &str); 5] =
            [(1, "1"), (4, "E001^生化学的検査^99DEMO"), (7, &moment), (16, DOCTOR), (22, &moment)];
        body.push_str(&segment("OBR", &obr));
        body.push_str(&self.order("01_001"));
        for (index, (code, name, value, unit, range, flag)) in results.iter().enumerate() {
            let (number, item) = ((index + 1).to_string(), format!("{code}^{name}^JC10"));
            let unit = format!("{unit}^{unit}^ISO+");
            let fields: [(usize, &str); 9] = [
                (1, &number),
                (2, "NM"),
                (3, &item),
                (5, value),
                (6, &unit),
                (7, range),
                (8, flag),
                (11, status),
                (14, &moment),
            ];
            body.push_str(&segment("OBX", &fields));
        }
        if !note.is_empty() {
            body.push_str(&segment("NTE", &[(1, "1"), (2, "L"), (3, note)]));
        }
        self.message("OUL^R22^OUL_R22", &[], &body)
    }

    /// OMG-11: a radiological examination as carried out.
    pub fn radiology(&self) -> String {
        let obr: [(usize, &str); 4] =
            [(1, "1"), (4, "1000000200010200^胸部Ｘ線^JJ1017"), (7, self.day), (16, DOCTOR)];
        let body = self.order("01_001")
            + &segment("OBR", &obr)
            + "ZE1|1|RS|1000000200010299^胸部正面^JJ1017\rIPC|A0001|P0001|2.999.33.40.1||CR^^DCM\r";
        self.message("OMI^Z23", &[], &body)
    }

    /// ADT-22: an admission.
    pub fn admission(&self) -> String {
        let at = self.moment();
        self.message("ADT^A01", &[(2, "I"), (3, "4E^401^1^^^N"), (44, &at)], "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_stand_at_their_number() {
        assert_eq!(segment("X", &[(3, "c"), (1, "a")]), "X|a||c\r");
        assert_eq!(segment("X", &[]), "X\r");
    }
}
