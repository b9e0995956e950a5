//! A broker as the program that operators start, which can be killed at any moment.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::ops::Deref;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use super::network::{Plan, Site};
use super::waiting::attained;

/// It runs or it does not; its folder stays.
pub struct Process {
    site: Site,
    child: Option<Child>,
    /// More of its environment.
    pub environment: Vec<(&'static str, OsString)>,
}

impl Deref for Process {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Process {
    /// Lays it out; it does not run yet.
    pub async fn new(plan: &Plan) -> Self {
        Self { site: plan.lay_out().await, child: None, environment: Vec::new() }
    }

    /// Starts it; its log goes on in `log.jsonl`.
    pub fn spawn(&mut self) {
        let log = OpenOptions::new().create(true).append(true).open(self.site.path().join("log.jsonl"));
        let child = Command::new(env!("CARGO_BIN_EXE_kakehashi"))
            .args(["serve", "--config"])
            .arg(self.site.path().join("kakehashi.toml"))
            .env("KAKEHASHI_LOG", "info")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log.unwrap())
            .spawn()
            .unwrap();
        assert!(self.child.replace(child).is_none(), "it runs already");
    }

    /// Starts it and waits until it is ready; gives how long that took.
    pub async fn start(&mut self) -> Duration {
        let since = Instant::now();
        self.spawn();
        let pid = self.pid();
        attained("the broker is ready", || async {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            assert!(!stat.contains(") Z "), "it ended while it started: {}", self.last_lines());
            (self.admin("/readyz").await.0 == 200).then_some(())
        })
        .await;
        since.elapsed()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// SIGKILL, whatever it is at.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("it runs");
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself: {}", self.last_lines());
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM; it must end in order.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("it runs");
        let pid = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{}", self.last_lines());
    }

    /// A command of the same program on the same settings.
    pub fn command(&self, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_kakehashi"))
            .args(words)
            .arg("--config")
            .arg(self.site.path().join("kakehashi.toml"))
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn last_lines(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
