//! A foreign program that stays up: commands as JSON lines on its standard input, one JSON line back
//! for each.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::Value;

/// One running program. Dropping it ends it.
pub struct Program {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
}

impl Program {
    /// Starts it. Its log goes where `command` says; standard input and output are ours.
    pub fn start(command: &mut Command) -> Result<Self, String> {
        let shown = format!("{command:?}");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{shown}: {error}"))?;
        let (input, output) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipes")?;
        let (sender, lines) = channel();
        // Ends with the program, or when nobody reads any more.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, input, lines })
    }

    /// The next JSON line it prints.
    pub fn next(&mut self, within: Duration) -> Result<Value, String> {
        loop {
            let line = self.lines.recv_timeout(within).map_err(|_| {
                let ended = self.child.try_wait().ok().flatten();
                ended.map_or_else(
                    || format!("no answer within {within:?}"),
                    |status| format!("it ended: {status}"),
                )
            })?;
            // Libraries may print lines of their own.
            if line.starts_with('{') {
                return serde_json::from_str(&line).map_err(|error| format!("{error}: {line}"));
            }
        }
    }

    /// A command and its answer.
    pub fn ask(&mut self, command: &Value, within: Duration) -> Result<Value, String> {
        writeln!(self.input, "{command}")
            .and_then(|()| self.input.flush())
            .map_err(|error| error.to_string())?;
        self.next(within)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
