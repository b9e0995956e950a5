//! A panic is told by its place alone: its message may quote what was being read (a text cut inside a
//! character prints the whole text), and messages are about patients.

use std::panic;

/// From now on a panic anywhere in the process is a line of the log with file and line, and nothing of
/// its message.
pub fn tell_panics_by_place() {
    panic::set_hook(Box::new(|panicked| {
        let place = panicked.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        tracing::error!(place, thread, "a fault of our own: something panicked");
    }));
}
