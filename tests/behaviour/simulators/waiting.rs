//! Waiting for a condition, never for a time: looks again until it holds, and gives up loudly.

use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(5);
const GIVE_UP: Duration = Duration::from_secs(30);

/// Waits until the condition holds.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let since = Instant::now();
    while !holds() {
        assert!(since.elapsed() < GIVE_UP, "never came to pass: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Waits until the attempt gives something.
pub async fn attained<T, F: Future<Output = Option<T>>>(what: &str, mut attempt: impl FnMut() -> F) -> T {
    let since = Instant::now();
    loop {
        if let Some(done) = attempt().await {
            return done;
        }
        assert!(since.elapsed() < GIVE_UP, "never came to pass: {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
