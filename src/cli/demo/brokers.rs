//! The two brokers of the demo as child processes of this program: started, waited for, asked, and
//! ended on every way out.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::DemoError;
use crate::cli::exit;
use crate::demo::network::Network;
use crate::demo::settings::Ports;

/// Time until a broker must be ready.
const READY: Duration = Duration::from_secs(60);
/// Time it gets to stop in order.
const STOP: Duration = Duration::from_secs(10);

/// One broker. Dropping it kills the process.
pub struct Broker {
    /// Its network.
    pub network: &'static Network,
    /// Its ports.
    pub ports: Ports,
    /// Its folder.
    pub folder: PathBuf,
    program: PathBuf,
    child: Child,
}

impl Broker {
    /// Starts `serve`; its log goes to `broker.log`.
    pub fn start(
        program: &Path,
        folder: &Path,
        network: &'static Network,
        ports: Ports,
    ) -> Result<Self, DemoError> {
        let folder = folder.join(network.key);
        let log = folder.join("broker.log");
        let written = File::create(&log).map_err(|e| DemoError::file(&log, &e))?;
        let child = Command::new(program)
            .arg("serve")
            .arg("--config")
            .arg(folder.join("kakehashi.toml"))
            .env_remove("KAKEHASHI_CONFIG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(written)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| DemoError::new(exit::SOFTWARE, format!("{} serve: {e}", program.display())))?;
        Ok(Self { network, ports, folder, program: program.to_owned(), child })
    }

    /// Waits until `/readyz` says so.
    pub async fn ready(&mut self) -> Result<(), DemoError> {
        let until = Instant::now() + READY;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Err(self.failed(&format!("ended ({status}) before it was ready")));
            }
            if self.get("/readyz").await.is_some_and(|(status, _)| status == 200) {
                return Ok(());
            }
            if Instant::now() > until {
                let said = self.get("/readyz").await.map(|(_, body)| body).unwrap_or_default();
                return Err(self.failed(&format!("is not ready after {} s: {said}", READY.as_secs())));
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    fn failed(&self, what: &str) -> DemoError {
        let log = self.folder.join("broker.log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines.get(lines.len().saturating_sub(12)..).unwrap_or_default().join("\n");
        let text =
            format!("the broker of {} {what}\n{tail}\n(whole log: {})", self.network.english, log.display());
        DemoError::new(exit::SOFTWARE, text)
    }

    /// Status and body of an admin page; None when it does not answer.
    pub async fn get(&self, page: &str) -> Option<(u16, String)> {
        let ask = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.ports.admin)).await?;
            let request = format!("GET {page} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            stream.take(4 << 20).read_to_end(&mut answer).await?;
            std::io::Result::Ok(String::from_utf8_lossy(&answer).into_owned())
        };
        let answer = timeout(Duration::from_secs(2), ask).await.ok()?.ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, body.to_owned()))
    }

    /// Runs another command of this program on this broker; its standard output.
    pub async fn command(&self, words: &[&str]) -> Result<String, DemoError> {
        let config = self.folder.join("kakehashi.toml");
        let mut command = Command::new(&self.program);
        command.args(words.iter().take(1)).arg("--config").arg(&config).args(words.iter().skip(1));
        let output = timeout(Duration::from_secs(60), command.kill_on_drop(true).output()).await;
        let shown = format!("kakehashi {} ({})", words.join(" "), self.network.english);
        let output = output
            .map_err(|_| DemoError::new(exit::SOFTWARE, format!("{shown}: no end after 60 s")))?
            .map_err(|e| DemoError::new(exit::SOFTWARE, format!("{shown}: {e}")))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(DemoError::new(exit::SOFTWARE, format!("{shown}: {} {why}", output.status)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// SIGTERM, so that the audit log ends in order; SIGKILL when that takes too long.
    pub async fn stop(mut self) {
        if let Some(id) = self.child.id() {
            drop(Command::new("kill").arg("-TERM").arg(id.to_string()).status().await);
        }
        if timeout(STOP, self.child.wait()).await.is_err() {
            drop(self.child.kill().await);
        }
    }

    /// Ends with the process, should it die by itself.
    pub async fn ended(&mut self) {
        drop(self.child.wait().await);
    }
}
