//! Rows, their medians and spreads, and the goals they are held against.

use std::fmt::Write as _;

/// One run of a case at one contestant.
#[derive(Debug, Clone)]
pub struct Row {
    pub case: &'static str,
    pub contestant: &'static str,
    pub round: u64,
    pub requests: u64,
    /// Of the contestant, workers included.
    pub processor_us: f64,
    pub seconds: f64,
    pub p50_us: u64,
    pub p99_us: u64,
    pub wrong: u64,
    pub bytes: u64,
    pub before_kib: u64,
    pub peak_kib: u64,
}

impl Row {
    pub fn each_us(&self) -> f64 {
        self.processor_us / self.requests as f64
    }

    pub fn per_gib(&self) -> f64 {
        self.processor_us / 1e6 / (self.bytes as f64 / f64::from(1 << 30))
    }
}

/// Median with least and most.
#[derive(Debug, Clone, Copy)]
pub struct Middle {
    pub least: f64,
    pub median: f64,
    pub most: f64,
}

pub fn middle(mut values: Vec<f64>) -> Option<Middle> {
    values.sort_by(f64::total_cmp);
    let (least, most) = (*values.first()?, *values.last()?);
    Some(Middle { least, median: values[values.len() / 2], most })
}

pub struct Table(pub Vec<Row>);

impl Table {
    fn of<'t>(&'t self, case: &'t str, contestant: &'t str) -> impl Iterator<Item = &'t Row> {
        self.0.iter().filter(move |row| row.case == case && row.contestant == contestant)
    }

    pub fn value(&self, case: &str, contestant: &str, of: impl Fn(&Row) -> f64) -> Option<Middle> {
        middle(self.of(case, contestant).map(of).collect())
    }

    /// What one costs of what the other costs, round by round.
    pub fn ratio(&self, case: &str, over: &str, under: &str) -> Option<Middle> {
        let pairs = self.of(case, over).filter_map(|row| {
            let other = self.of(case, under).find(|other| other.round == row.round)?;
            Some(row.each_us() / other.each_us())
        });
        middle(pairs.collect())
    }

    pub fn print(&self) {
        let (cost, peak) = ("CPU us/request [min-max]", "memory, peak MiB");
        println!(
            "\n{:<26}{:<11}{:>3} {cost:>28} {:>8} {:>8} {:>15} {peak:>16} {:>20}",
            "case", "contestant", "n", "s/GiB", "req/s", "p50 / p99 ms", "beside nginx"
        );
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for row in &self.0 {
            let key = (row.case, row.contestant);
            if !seen.contains(&key) {
                seen.push(key);
                println!("{}", self.line(row.case, row.contestant));
            }
        }
    }

    fn line(&self, case: &str, contestant: &str) -> String {
        let median = |of: fn(&Row) -> f64| self.value(case, contestant, of).map_or(0.0, |m| m.median);
        let cost = self.value(case, contestant, Row::each_us);
        let cost =
            cost.map(|c| format!("{:.0} [{:.0}-{:.0}]", c.median, c.least, c.most)).unwrap_or_default();
        let rate = median(|row| row.requests as f64 / row.seconds);
        let (p50, p99) = (median(|row| row.p50_us as f64 / 1e3), median(|row| row.p99_us as f64 / 1e3));
        let (before, peak) =
            (median(|row| row.before_kib as f64 / 1024.0), median(|row| row.peak_kib as f64 / 1024.0));
        let ratio = self.ratio(case, contestant, "nginx");
        let ratio =
            ratio.map(|r| format!("{:.2} x [{:.2}-{:.2}]", r.median, r.least, r.most)).unwrap_or_default();
        let count = self.of(case, contestant).count();
        format!(
            "{case:<26}{contestant:<11}{count:>3} {cost:>28} {:>8.2} {rate:>8.0} {:>15} {:>16} {ratio:>20}",
            median(Row::per_gib),
            format!("{p50:.1} / {p99:.1}"),
            format!("{before:.0}, {peak:.0}")
        )
    }

    /// For other programs.
    pub fn tsv(&self) -> String {
        let mut text = "case\tcontestant\tround\trequests\tcpu_us\tseconds\tp50_us\tp99_us\twrong\tbytes\trss_before_kib\trss_peak_kib\n".to_owned();
        for row in &self.0 {
            let Row { case, contestant, round, requests, .. } = row;
            let (cpu, seconds) = (row.each_us(), row.seconds);
            writeln!(
                text,
                "{case}\t{contestant}\t{round}\t{requests}\t{cpu:.1}\t{seconds:.4}\t{}\t{}\t{}\t{}\t{}\t{}",
                row.p50_us, row.p99_us, row.wrong, row.bytes, row.before_kib, row.peak_kib
            )
            .unwrap();
        }
        text
    }
}
