//! The goals this program holds the broker against. The short form runs beside everything else a test run
//! does, on builds with assertions: its bounds only catch what has gone badly wrong.

use super::table::{Row, Table};

/// What was measured beside what it should be.
pub struct Verdict {
    goal: &'static str,
    what: String,
    measured: f64,
    bound: f64,
    is_at_least: bool,
}

impl Verdict {
    pub fn is_met(&self) -> bool {
        if self.is_at_least { self.measured >= self.bound } else { self.measured <= self.bound }
    }

    pub fn print(&self) {
        let (word, sign) =
            (if self.is_met() { "met" } else { "MISSED" }, if self.is_at_least { ">=" } else { "<=" });
        println!("{:<4}{:<64}{:>9.2}  {sign} {:<8.2}{word}", self.goal, self.what, self.measured, self.bound);
    }
}

/// Goals that need no JVM.
pub const LEAST: usize = 7;

/// Every goal whose rows are there.
pub fn verdicts(table: &Table, is_short: bool) -> Vec<Verdict> {
    let bound = |long: f64, short: f64| if is_short { short } else { long };
    let mut all = Vec::new();
    let share = |case, to| table.ratio(case, to, "kakehashi").map(|ratio| ratio.median);
    let mut least = |goal, what: &str, measured: Option<f64>, bound| {
        let measured = measured?;
        all.push(Verdict { goal, what: what.to_owned(), measured, bound, is_at_least: true });
        Some(())
    };
    let percent = |case, to| share(case, to).map(|share| share * 100.0);
    let words = "% of nginx's requests a CPU second";
    least(
        "P1",
        &format!("ITI-38, 100 entries: {words}"),
        percent("ITI-38 100 entries", "nginx"),
        bound(35.0, 8.0),
    );
    least("P2", &format!("ITI-55, 20 KB: {words}"), percent("ITI-55 20 KB", "nginx"), bound(25.0, 4.0));
    least(
        "P4",
        "ITI-38: times the JVM stand-in's requests a CPU second",
        share("ITI-38 100 entries", "jvm"),
        7.0,
    );
    least("P4", "ITI-55: times the JVM stand-in's requests a CPU second", share("ITI-55 20 KB", "jvm"), 10.0);
    let mut most = |goal, what: &str, measured: Option<f64>, bound| {
        let measured = measured?;
        all.push(Verdict { goal, what: what.to_owned(), measured, bound, is_at_least: false });
        Some(())
    };
    let document = "ITI-39 document";
    let beside = table.ratio(document, "kakehashi", "nginx").map(|ratio| ratio.median);
    most("P5", "a document: times nginx's CPU for a GiB", beside, bound(1.5, 4.0));
    let peak =
        |case| table.value(case, "kakehashi", |row| row.peak_kib as f64 / 1024.0).map(|peak| peak.median);
    most("P6", "peak memory while one document runs, MiB", peak(document), bound(64.0, 160.0));
    most("P6", "peak memory with 16 slow readers, MiB", peak("ITI-39, 16 slow readers"), bound(64.0, 160.0));
    let each = |case, entries: f64| {
        table.value(case, "kakehashi", move |row| row.each_us() / entries).map(|each| each.median)
    };
    let (few, many) = (each("ITI-38 100 alone", 100.0), each("ITI-38 10,000 alone", 10_000.0));
    let growth = few.zip(many).map(|(few, many)| many / few);
    most("P7", "CPU an entry of 10,000 beside one of 100", growth, bound(1.1, 1.6));
    let body = |row: &Row| {
        (row.peak_kib.saturating_sub(row.before_kib) * 1024) as f64 / (row.bytes / row.requests) as f64
    };
    let memory = table.value("ITI-38 10,000 alone", "kakehashi", body).map(|memory| memory.median);
    most("P7", "peak memory over idle, beside the body of 10,000 entries", memory, bound(2.0, 4.0));
    all
}
