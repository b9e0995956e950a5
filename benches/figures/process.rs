//! Child processes, ended on every way out, and what the kernel counted for them: processor time and
//! memory, workers included.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A server under test or beside it.
pub struct Server {
    child: Child,
}

impl Server {
    /// Starts it and waits until it listens; what it says goes to a file.
    pub fn start(command: &mut Command, log: &Path, port: u16) -> Self {
        let written = File::create(log).unwrap();
        let errors = written.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(written).stderr(errors).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let until = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = child.try_wait().unwrap();
            let said = || fs::read_to_string(log).unwrap_or_default();
            assert!(ended.is_none() && Instant::now() < until, "{command:?} does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
        Self { child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    // The order to end is SIGTERM, so that workers end with their master.
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        drop(Command::new("kill").args(["-TERM", &pid]).status());
        let until = Instant::now() + Duration::from_secs(10);
        while Instant::now() < until {
            if matches!(self.child.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A child that is told when to go on and tells when it has.
pub struct Told {
    child: Child,
    orders: ChildStdin,
    words: BufReader<ChildStdout>,
}

impl Told {
    pub fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (orders, words) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, orders, words: BufReader::new(words) }
    }

    /// The next line it says.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        self.words.read_line(&mut line).unwrap();
        assert!(!line.is_empty(), "the load source ended early: {:?}", self.child.wait());
        line.trim_end().to_owned()
    }

    pub fn tell(&mut self, word: &str) {
        writeln!(self.orders, "{word}").unwrap();
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A process and its children.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    for task in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            all.extend(family(child));
        }
    }
    all
}

/// Nanoseconds on a processor so far, user and kernel, of all its threads and children.
pub fn processor_ns(pid: u32) -> u64 {
    let mut sum = 0;
    let mut ticks = 0;
    for member in family(pid) {
        let stat = fs::read_to_string(format!("/proc/{member}/stat")).unwrap_or_default();
        let behind_name = stat.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
        ticks += behind_name
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|word| word.parse::<u64>().ok())
            .sum::<u64>();
        for task in fs::read_dir(format!("/proc/{member}/task")).into_iter().flatten().flatten() {
            let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
            sum += text.split(' ').next().and_then(|word| word.parse::<u64>().ok()).unwrap_or_default();
        }
    }
    // Threads that have ended are only in the coarse count, in hundredths of a second.
    sum.max(ticks * 10_000_000)
}

/// Starts the peak of resident memory anew.
pub fn forget_peak(pid: u32) {
    for member in family(pid) {
        drop(fs::write(format!("/proc/{member}/clear_refs"), "5"));
    }
}

/// Resident memory in KiB: `VmRSS` now, `VmHWM` at its peak.
pub fn resident_kib(pid: u32, line: &str) -> u64 {
    let of = |member: u32| {
        let status = fs::read_to_string(format!("/proc/{member}/status")).unwrap_or_default();
        let found = status.lines().find_map(|text| text.strip_prefix(line)?.strip_prefix(':'));
        found
            .and_then(|rest| rest.trim().trim_end_matches(" kB").trim().parse::<u64>().ok())
            .unwrap_or_default()
    };
    family(pid).into_iter().map(of).sum()
}
