//! Open eHealth IPF in Hiroshima's place: asked by Okayama's broker as its peer gateway, and asking it.
//! IPF's own validators read every message; what they say decides together with the answer.

mod asked;
mod asking;
mod behind;
mod manager;
mod portal;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::program::Program;
use super::table::Row;
use super::world::{World, run};

/// The first call of a JVM compiles its Schematron.
const FIRST: Duration = Duration::from_secs(120);
/// A hundred megabytes between two ends that are not optimised.
const LONG: Duration = Duration::from_secs(180);

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/ipf")
}

/// The gateway as a running program, built where it is not yet.
pub fn start(world: &World) -> Result<Program, String> {
    let jar = run(Command::new("bash").arg(project().join("build.sh")))?;
    let log = std::fs::File::create(world.folder().join("ipf.log")).map_err(|error| error.to_string())?;
    let mut command = Command::new("java");
    // IPF puts pages together in the JVM's own character set.
    command
        .args(["-Xmx256m", "-Dfile.encoding=UTF-8", "-jar", jar.trim(), "--demo"])
        .arg(world.folder())
        .stderr(log);
    let mut program = Program::start(&mut command)?;
    let ready = program.next(FIRST)?;
    if ready["ready"] == json!(true) {
        Ok(program)
    } else {
        Err(format!("the gateway is not ready: {ready}"))
    }
}

pub fn suite() -> Result<Vec<Row>, String> {
    let mut world = World::played("ipf")?;
    world.add_large_document()?;
    let repository = super::audit::repository_of(&world)?;
    world.start("okayama")?;
    let mut gateway = start(&world)?;
    let mut rows = asking::all(&mut gateway)?;
    rows.extend(asked::all(&world, &mut gateway)?);
    rows.extend(portal::all(&world, &mut gateway)?);
    let hiroshima = manager::settings(&world)?;
    rows.extend(behind::all(&mut world, &mut gateway)?);
    rows.extend(manager::all(&mut world, &mut gateway, &hiroshima)?);
    rows.extend(super::audit::carried(&world, &repository, &mut gateway)?);
    rows.extend(super::audit::messages(&world.folder().join("audit"), &mut gateway)?);
    world.keep = rows.iter().any(|row| !row.passed);
    Ok(rows)
}

/// A command the gateway must be able to obey.
pub fn obey(gateway: &mut Program, command: &Value) -> Result<Value, String> {
    let answer = gateway.ask(command, LONG)?;
    if answer["ok"] == json!(true) { Ok(answer) } else { Err(format!("{command}: {answer}")) }
}

fn row(transaction: &str, direction: &str, case: &str, verdict: &str, complaint: Option<String>) -> Row {
    Row {
        program: "IPF 5.1-20250424".to_owned(),
        transaction: transaction.to_owned(),
        direction: direction.to_owned(),
        case: case.to_owned(),
        verdict: verdict.to_owned(),
        passed: complaint.is_none(),
        detail: complaint.unwrap_or_default(),
    }
}
