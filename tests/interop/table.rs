//! What foreign programs said, as rows, and `docs/interop.md` made of them: free of dates, times and
//! ports, so that a run that differs shows as a difference and fails.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// One case tried with one foreign program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Name and version.
    pub program: String,
    /// `ITI-38`, `TLS`, `SAML`, `SS-MIX2`, `ITI-20`.
    pub transaction: String,
    /// `asks us` or `is asked`.
    pub direction: String,
    /// What was tried.
    pub case: String,
    /// What came of it, in words that stay the same from run to run.
    pub verdict: String,
    /// Whether it came out as the standard says.
    pub passed: bool,
    /// More about it, for whom it concerns; not in the table.
    pub detail: String,
}

impl Row {
    /// A row as a foreign program's script prints it: one JSON object a line.
    pub fn read(line: &str) -> Result<Self, String> {
        let value: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        let text = |key: &str| {
            let text = value.get(key).and_then(Value::as_str);
            text.map(str::to_owned).ok_or_else(|| format!("no `{key}`: {line}"))
        };
        Ok(Self {
            program: release(&text("program")?),
            transaction: text("transaction")?,
            direction: text("direction")?,
            case: text("case")?,
            verdict: text("verdict")?,
            passed: value
                .get("passed")
                .and_then(Value::as_bool)
                .ok_or_else(|| format!("no `passed`: {line}"))?,
            detail: text("detail").unwrap_or_default(),
        })
    }
}

// A patch level of Debian's moves under us; what we pin does not.
fn release(program: &str) -> String {
    match program.split_once(' ') {
        Some((name @ ("openssl" | "xmlsec1"), version)) => {
            let numbers: Vec<&str> = version.split('.').take(2).collect();
            format!("{name} {}", numbers.join("."))
        }
        _ => program.to_owned(),
    }
}

const HEAD: &str = "# Interoperability

What programs that nobody here wrote say of Kakehashi. `make test` runs every row for real and makes this page; a run that
comes out otherwise fails and shows the difference (`tests/interop/README.md` says how to take a new page over). *asks us*:
the foreign program is the client; *is asked*: Kakehashi is.
";

/// The page.
pub fn page(rows: &[Row]) -> String {
    let mut page = HEAD.to_owned();
    let mut transactions: Vec<&str> = rows.iter().map(|row| row.transaction.as_str()).collect();
    transactions.sort_unstable();
    transactions.dedup();
    for transaction in transactions {
        let _ = write!(
            page,
            "\n## {transaction}\n\n| direction | program | case | verdict |\n|---|---|---|---|\n"
        );
        let mut of_it: Vec<&Row> = rows.iter().filter(|row| row.transaction == transaction).collect();
        // Stable: cases stay in the order in which a program tries them.
        of_it.sort_by(|a, b| (&a.direction, &a.program).cmp(&(&b.direction, &b.program)));
        for row in of_it {
            let Row { direction, program, case, verdict, passed, .. } = row;
            let failed = if *passed { "" } else { "**failed**: " };
            let _ = writeln!(page, "| {direction} | {program} | {case} | {failed}{verdict} |");
        }
    }
    page
}

/// Holds the page against the one that is kept. `KAKEHASHI_INTEROP_ACCEPT=1` keeps the new one.
pub fn compare(rows: &[Row], kept: &Path) -> Result<(), String> {
    let made = page(rows);
    let before = fs::read_to_string(kept).unwrap_or_default();
    if made == before {
        return Ok(());
    }
    if std::env::var_os("KAKEHASHI_INTEROP_ACCEPT").is_some() {
        fs::write(kept, made).map_err(|error| format!("{}: {error}", kept.display()))?;
        println!("{} written", kept.display());
        return Ok(());
    }
    let new = target().join("interop.md");
    fs::write(&new, &made).map_err(|error| format!("{}: {error}", new.display()))?;
    Err(format!(
        "docs/interop.md is not what this run found ({} is):\n{}",
        new.display(),
        difference(&before, &made)
    ))
}

/// Where the run keeps what outlives it: virtual environment, jars, the new page.
pub fn target() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop");
    let _ = fs::create_dir_all(&folder);
    folder
}

// Lines that stand in one page only. Rows do not move about, so this reads like a diff.
fn difference(before: &str, made: &str) -> String {
    let only = |mark: char, here: &str, there: &str| -> String {
        let there: Vec<&str> = there.lines().collect();
        here.lines().filter(|line| !there.contains(line)).map(|line| format!("{mark} {line}\n")).collect()
    };
    only('-', before, made) + &only('+', made, before)
}
