//! Suites written in Python: zeep as a second SOAP stack, assertions by signxml and xmlsec1, TLS by
//! openssl, SS-MIX2 originals by hl7apy. Each script prints its rows.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use super::table::{Row, target};
use super::world::{World, run};

pub fn zeep() -> Result<Vec<Row>, String> {
    script("zeep", "ask_zeep.py")
}

pub fn assertions() -> Result<Vec<Row>, String> {
    script("saml", "assertions.py")
}

pub fn tls() -> Result<Vec<Row>, String> {
    script("tls", "tls.py")
}

pub fn ssmix2() -> Result<Vec<Row>, String> {
    script("ssmix", "ssmix2.py")
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/python")
}

/// The virtual environment with everything pinned in `requirements.txt`; made once.
fn environment() -> Result<PathBuf, String> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _made = ONE_AT_A_TIME.lock().map_err(|error| error.to_string())?;
    run(Command::new("bash").arg(folder().join("setup.sh")))?;
    Ok(target().join("venv/bin/python"))
}

fn script(name: &str, file: &str) -> Result<Vec<Row>, String> {
    let python = environment()?;
    let mut world = World::played(name)?;
    world.start("okayama")?;
    world.start("hiroshima")?;
    let output = Command::new(python)
        .arg(folder().join(file))
        .arg("--demo")
        .arg(world.folder())
        .arg("--client")
        .arg(world.folder().join("client.json"))
        .arg("--kakehashi")
        .arg(super::world::KAKEHASHI)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout);
    let rows: Vec<Row> =
        printed.lines().filter(|line| line.starts_with('{')).map(Row::read).collect::<Result<_, _>>()?;
    world.keep = rows.is_empty() || rows.iter().any(|row| !row.passed);
    // A script that dies half way must not look like one that had little to say.
    if output.status.success() == rows.iter().any(|row| !row.passed) || rows.is_empty() {
        world.keep = true;
        let said = String::from_utf8_lossy(&output.stderr);
        let tail: Vec<&str> = said.lines().rev().take(15).collect();
        let tail: Vec<&str> = tail.into_iter().rev().collect();
        return Err(format!("{file}: {}, {} rows\n{}", output.status, rows.len(), tail.join("\n")));
    }
    Ok(rows)
}
