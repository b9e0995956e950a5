//! What a message is about, kind by kind (japan.md 1.9): event codes, service time, author, references
//! and the words of a title. Only fields are read; nothing is judged.

use std::collections::BTreeSet;

use super::coding::CodingSchemes;
use super::kinds::StandardKind;
use super::time::span;
use crate::dialect::hl7v2::{Field, Message, Repetition, Segment};
use crate::model::{Code, Dtm};

/// An entry carries at most so many event codes.
const MAX_EVENT_CODES: usize = 200;

/// It refers to at most so many studies.
const MAX_STUDIES: usize = 50;

/// eventCodeList of a message.
pub fn codes(message: &Message, kind: &StandardKind, schemes: &CodingSchemes) -> Vec<Code> {
    let mut found = Codes { schemes, seen: BTreeSet::new(), list: Vec::new() };
    match kind.code {
        "PPR-01" => message.named("PRB").for_each(|prb| found.add_each(prb.field(10))),
        "OML-01" | "OML-11" => message.named("OBX").for_each(|obx| found.add_measurement(obx.field(3))),
        "OMG-11" | "OMG-12" => {
            message.named("IPC").for_each(|ipc| found.add_each(ipc.field(5)));
            message.named("OBR").for_each(|obr| found.add_each(obr.field(4)));
            message.named("ZE1").for_each(|ze1| found.add_each(ze1.field(3)));
        }
        "OMG-01" | "OMG-02" | "OMG-03" | "OMG-13" => {
            message.named("OBR").for_each(|obr| found.add_each(obr.field(4)));
        }
        code if code.starts_with("OMP") => {
            message.named("RXE").for_each(|rxe| found.add_each(rxe.field(2)));
            message.named("RXC").for_each(|rxc| found.add_each(rxc.field(2)));
            message.named("RXA").for_each(|rxa| found.add_each(rxa.field(5)));
        }
        "ADT-12" | "ADT-22" | "ADT-52" => {
            found.add(message.text_at("PV1", 2), "HL70004", String::new());
        }
        "ADT-01" | "ADT-21" | "ADT-31" | "ADT-32" | "ADT-41" | "ADT-42" | "ADT-51" => {
            let trigger =
                message.first("MSH").map(|msh| msh.field(9).component(2).text()).unwrap_or_default();
            found.add(trigger, "HL70003", String::new());
        }
        _ => {}
    }
    found.list
}

struct Codes<'a> {
    schemes: &'a CodingSchemes,
    seen: BTreeSet<(String, String)>,
    list: Vec<Code>,
}

impl Codes<'_> {
    /// Codes of local tables (99...) mean nothing outside the hospital.
    fn add(&mut self, value: String, system: &str, display: String) {
        let is_local = system.is_empty() || system.starts_with("99");
        if value.is_empty() || is_local || self.list.len() >= MAX_EVENT_CODES {
            return;
        }
        let system = self.schemes.event(system);
        if self.seen.insert((value.clone(), system.clone())) {
            self.list.push(Code::new(value, system, display));
        }
    }

    /// A CWE: the first of its two triples that is of a shared table.
    fn add_each(&mut self, field: Field<'_>) {
        let triple = |from: usize| {
            let part = |n: usize| field.component(from + n).whole().trim().to_owned();
            (part(0), part(2), part(1))
        };
        let shared =
            |(value, system, _): &(String, String, String)| !value.is_empty() && !system.starts_with("99");
        let chosen = [triple(1), triple(4)].into_iter().find(shared);
        if let Some((value, system, display)) = chosen {
            self.add(value, &system, display);
        }
    }

    /// JLAC10: the first five characters are the measurement.
    fn add_measurement(&mut self, field: Field<'_>) {
        for from in [1, 4] {
            let part = |n: usize| field.component(from + n).text();
            if part(2) == "JC10" {
                let measurement: String = part(0).chars().take(5).collect();
                self.add(measurement, "JC10", part(1));
                return;
            }
        }
    }
}

/// serviceStartTime and serviceStopTime. Problems that have no outcome yet last until the file's time.
pub fn service(message: &Message, kind: &StandardKind, creation: &Dtm) -> (Option<Dtm>, Option<Dtm>) {
    let all = |segment: &'static str, field: usize| -> Vec<String> {
        message.named(segment).map(|s| s.field(field).text()).filter(|text| !text.is_empty()).collect()
    };
    let or = |first: Vec<String>, second: Vec<String>| if first.is_empty() { second } else { first };
    let (starts, stops) = match kind.code {
        "ADT-00" => (all("PID", 33), all("PID", 33)),
        "ADT-12" => (all("PV1", 44), all("PV1", 44)),
        "ADT-22" => (all("PV1", 44), all("PV1", 45)),
        "ADT-52" => (all("PV1", 44), all("PV1", 45)),
        "ADT-21" | "ADT-41" => (all("PV2", 8), Vec::new()),
        "ADT-51" => (all("PV2", 9), Vec::new()),
        "ADT-31" | "ADT-32" | "ADT-42" => (or(all("EVN", 6), all("EVN", 2)), Vec::new()),
        "ADT-01" | "ADT-61" => (or(all("EVN", 6), all("EVN", 2)), Vec::new()),
        "PPR-01" => (all("PRB", 7), all("PRB", 15)),
        "OMP-01" | "OMP-02" => (or(all("TQ1", 7), all("ORC", 9)), prescribed_ends(message)),
        "OMP-11" | "OMP-12" => (all("RXA", 3), or(all("RXA", 4), all("RXA", 3))),
        "OMD" => (or(all("TQ1", 7), all("ORC", 9)), all("TQ1", 8)),
        "OML-11" => (or(all("SPM", 17), all("OBR", 7)), all("OBR", 22)),
        "OMG-11" | "OMG-12" => (all("OBR", 7), all("OBR", 8)),
        "OMG-13" => (all("OBR", 7), all("OBR", 22)),
        _ => (all("ORC", 9), Vec::new()),
    };
    let spans = |texts: &[String]| texts.iter().filter_map(|text| span(text)).collect::<Vec<_>>();
    let (starts, stops) = (spans(&starts), spans(&stops));
    let start = starts.iter().map(|(from, _)| from).min_by_key(|dtm| dtm.padded()).cloned();
    let lasting = kind.code == "PPR-01" && stops.is_empty();
    let stop = stops.iter().map(|(_, to)| to).max_by_key(|dtm| dtm.padded()).or(lasting.then_some(creation));
    let stop = stop.or_else(|| starts.iter().map(|(_, to)| to).max_by_key(|dtm| dtm.padded())).cloned();
    let in_order = |stop: &Dtm| start.as_ref().is_none_or(|start| start.padded() <= stop.padded());
    (start.clone(), stop.filter(in_order))
}

/// TQ1-8, else the last day that TQ1-6 (`7^d`) reaches from TQ1-7.
fn prescribed_ends(message: &Message) -> Vec<String> {
    let end = |tq1: Segment<'_>| {
        let stated = tq1.field(8).text();
        if !stated.is_empty() {
            return Some(stated);
        }
        let days = match tq1.field(6).component(2).text().as_str() {
            "d" | "D" => tq1.field(6).text().parse::<i64>().ok().filter(|days| (1..=3660).contains(days))?,
            _ => return None,
        };
        let start = crate::model::PartialDate::from_digits(&tq1.field(7).text())?;
        let month = time::Month::try_from(start.month?).ok()?;
        let first = time::Date::from_calendar_date(i32::from(start.year), month, start.day?).ok()?;
        let last = first.checked_add(time::Duration::days(days - 1))?;
        Some(format!("{:04}{:02}{:02}", last.year(), u8::from(last.month()), last.day()))
    };
    message.named("TQ1").filter_map(end).collect()
}

/// Family and given name of the one who ordered, performed or attended.
pub fn author(message: &Message, kind: &StandardKind) -> Option<(String, String)> {
    let places: &[(&str, usize)] = match kind.code {
        "ADT-00" | "ADT-61" => &[],
        "ADT-22" | "ADT-52" => &[("PV1", 17), ("PV1", 7)],
        code if code.starts_with("ADT") => &[("PV1", 7)],
        "OMP-11" | "OMP-12" => &[("RXA", 10)],
        "OML-11" | "OMG-13" => &[("OBR", 16), ("ORC", 12)],
        "OMG-11" | "OMG-12" => &[("ZE1", 7), ("OBR", 16)],
        _ => &[("ORC", 12)],
    };
    let xcn = |repetition: Repetition<'_>| {
        let part = |n: usize| repetition.component(n).text().trim().to_owned();
        (part(2), part(3))
    };
    let named = |(segment, field): &(&str, usize)| {
        let fields = message.named(segment).map(|s| xcn(s.field(*field).first()));
        fields.into_iter().find(|(family, given)| !family.is_empty() || !given.is_empty())
    };
    places.iter().find_map(named)
}

/// Department code and its name in the message; either may be empty. `filed` is the path's.
pub fn department(message: &Message, filed: Option<&str>) -> (String, String) {
    let entered: Vec<(String, String)> = message
        .named("ORC")
        .map(|orc| (orc.field(17).component(1).text(), orc.field(17).component(2).text()))
        .filter(|(code, _)| !code.is_empty())
        .collect();
    let service = message.text_at("PV1", 10);
    let first = entered.first().map(|(code, _)| code.clone());
    let code = filed.map(str::to_owned).or_else(|| Some(service).filter(|s| !s.is_empty())).or(first);
    let code = code.unwrap_or_default();
    let name = entered.into_iter().find(|(entered, _)| *entered == code).map(|(_, name)| name);
    (code, name.unwrap_or_default())
}

/// All department codes a message speaks of.
pub fn departments(message: &Message) -> BTreeSet<String> {
    let entered = message.named("ORC").map(|orc| orc.field(17).text());
    entered
        .chain(message.named("PV1").map(|pv1| pv1.field(10).text()))
        .filter(|code| !code.is_empty())
        .collect()
}

/// Accession numbers and study instance UIDs (IPC-1, IPC-3).
pub fn studies(message: &Message) -> (BTreeSet<String>, BTreeSet<String>) {
    let all = |field: usize| {
        let texts = message.named("IPC").map(move |ipc| ipc.field(field).text());
        texts.filter(|text| !text.is_empty()).take(MAX_STUDIES).collect()
    };
    (all(1), all(3))
}

/// What stands in brackets behind the kind's title: the panel, the number of drugs or results.
pub fn headline(message: &Message, kind: &StandardKind) -> String {
    let count = |segment: &str| message.named(segment).count();
    let panel = || {
        let names: BTreeSet<String> = message
            .named("OBR")
            .map(|obr| obr.field(4).component(2).text())
            .filter(|n| !n.is_empty())
            .collect();
        names.into_iter().collect::<Vec<_>>().join("、")
    };
    match kind.code {
        "PPR-01" => format!("{}件", count("PRB")),
        "ADT-61" => format!("{}件", count("IAM")),
        "OMP-01" => format!("{}剤", count("RXE")),
        "OMP-02" => format!("{}剤", count("RXC").max(count("RXE"))),
        "OMP-11" | "OMP-12" => format!("{}剤", count("RXA")),
        "OML-11" => format!("{} {}項目", panel(), count("OBX")).trim().to_owned(),
        code if code.starts_with("OML") || code.starts_with("OMG") => panel(),
        _ => String::new(),
    }
}
