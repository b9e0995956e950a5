//! The networks of the demo as foreign programs meet them: laid out by `kakehashi demo`, their brokers
//! run as processes, asked by `kakehashi ask`.

use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The program under test.
pub const KAKEHASHI: &str = env!("CARGO_BIN_EXE_kakehashi");
/// Time until a broker must be ready, in a debug build beside others.
const READY: Duration = Duration::from_secs(60);

/// One layout in a folder of its own. Dropping it ends the brokers; the folder goes too, unless a row
/// failed.
pub struct World {
    folder: PathBuf,
    brokers: Vec<(String, Child)>,
    /// Leaves the folder where it is, for whom a failure concerns.
    pub keep: bool,
}

impl World {
    /// Played through once, so that consents are imported and client.json names documents.
    pub fn played(name: &str) -> Result<Self, String> {
        // Short: a Unix socket's path may have 107 bytes.
        let folder = std::env::temp_dir().join(format!("kkh-{}-{name}", std::process::id()));
        let mut command = Command::new(KAKEHASHI);
        command.arg("demo").arg("--folder").arg(&folder);
        run(&mut command)?;
        Ok(Self { folder, brokers: Vec::new(), keep: false })
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// `client.json`.
    pub fn client(&self) -> Result<Value, String> {
        let path = self.folder.join("client.json");
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_str(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Puts a summary of 100 MiB into a hospital of Okayama, before its broker starts.
    pub fn add_large_document(&self) -> Result<(), String> {
        let failed = |error: std::io::Error| error.to_string();
        let root = self.folder.join("okayama/hospitals/kibi-mirai/extension/3310000001");
        let summary = summary_under(&root).ok_or_else(|| format!("no summary under {}", root.display()))?;
        let name = summary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Another order number makes it another document of the same patient and day.
        let number = order_number(&name).ok_or_else(|| format!("no order number in {name}"))?;
        let folder = summary.with_file_name(name.replace(number, "000000000000099"));
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let mut file = File::create(folder.join("summary.pdf")).map_err(failed)?;
        file.write_all(b"%PDF-1.7\n").map_err(failed)?;
        let block: Vec<u8> = (0..1_048_576_u32).map(|n| (n % 251) as u8).collect();
        let mut left = (100 << 20) - 9;
        while left > 0 {
            let piece = left.min(block.len());
            file.write_all(&block[..piece]).map_err(failed)?;
            left -= piece;
        }
        Ok(())
    }

    /// Starts a side's broker and waits until it is ready.
    pub fn start(&mut self, side: &str) -> Result<(), String> {
        let folder = self.folder.join(side);
        let log = File::create(folder.join("broker.log")).map_err(|e| e.to_string())?;
        let child = Command::new(KAKEHASHI)
            .args(["serve", "--config"])
            .arg(folder.join("kakehashi.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|e| format!("{KAKEHASHI}: {e}"))?;
        self.brokers.push((side.to_owned(), child));
        let admin = self.admin(side)?;
        let until = Instant::now() + READY;
        while !get(&admin, "/readyz").is_ok_and(|answer| answer.starts_with("HTTP/1.1 200")) {
            let ended = self.brokers.last_mut().and_then(|(_, child)| child.try_wait().ok().flatten());
            if let Some(status) = ended {
                return Err(format!("the broker of {side} ended: {status}; {}", self.log(side)));
            }
            if Instant::now() > until {
                return Err(format!("the broker of {side} is not ready; {}", self.log(side)));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Ends a side's broker, as a power cut would.
    pub fn stop(&mut self, side: &str) {
        for (_, child) in self.brokers.iter_mut().filter(|(name, _)| name == side) {
            let _ = child.kill();
            let _ = child.wait();
        }
        self.brokers.retain(|(name, _)| name != side);
    }

    /// `kakehashi ask --json` as a portal of a side; its exit code and what it printed.
    pub fn ask(&self, side: &str, words: &[&str]) -> Result<(i32, String), String> {
        let mut command = Command::new(KAKEHASHI);
        command.arg("ask").arg("--client").arg(self.folder.join("client.json"));
        command.args(["--side", side, "--json", "--timeout-s", "60"]).args(words);
        let Output { status, stdout, stderr } = command.output().map_err(|e| e.to_string())?;
        let said = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
        Ok((status.code().unwrap_or(-1), said))
    }

    fn admin(&self, side: &str) -> Result<String, String> {
        let client = self.client()?;
        let url = client["sides"][side]["admin"].as_str().ok_or("client.json names no admin address")?;
        Ok(url.trim_start_matches("http://").to_owned())
    }

    // The last lines of a broker's log.
    fn log(&self, side: &str) -> String {
        let path = self.folder.join(side).join("broker.log");
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        format!("{}:\n{}", path.display(), lines[lines.len().saturating_sub(8)..].join("\n"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for (_, child) in &mut self.brokers {
            let _ = child.kill();
            let _ = child.wait();
        }
        if self.keep {
            println!("     kept for a look: {}", self.folder.display());
        } else {
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

// The folder of the first discharge summary of the extension storage: it names code and order number.
fn summary_under(folder: &Path) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    entries.into_iter().filter(|path| path.is_dir()).find_map(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let is_summary = name.contains("18842-5") && order_number(&name).is_some();
        if is_summary { Some(path) } else { summary_under(&path) }
    })
}

fn order_number(name: &str) -> Option<&str> {
    name.split('_').find(|part| part.len() == 15 && part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Runs a program to its end; what it printed, or what went wrong.
pub fn run(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let Output { status, stdout, stderr } = command.output().map_err(|e| format!("{shown}: {e}"))?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let tail = String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr);
    let lines: Vec<&str> = tail.lines().collect();
    Err(format!("{shown}: {status}\n{}", lines[lines.len().saturating_sub(30)..].join("\n")))
}

fn get(address: &str, page: &str) -> Result<String, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut stream = TcpStream::connect(address).map_err(failed)?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).map_err(failed)?;
    write!(stream, "GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").map_err(failed)?;
    let mut answer = String::new();
    stream.take(8 << 20).read_to_string(&mut answer).map_err(failed)?;
    Ok(answer)
}
