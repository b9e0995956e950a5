//! The log: one JSON object a line on standard error. Patient values cannot get in (`Phi`).

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Why logging did not start.
#[derive(Debug, thiserror::Error)]
pub enum LoggingError {
    /// The directives cannot be read.
    #[error("log directives `{directives}`: {why}")]
    Directives {
        /// As given.
        directives: String,
        /// Why.
        why: String,
    },
    /// Somebody else has started it.
    #[error("logging has started already")]
    Started,
}

/// Starts logging. `KAKEHASHI_LOG` in the environment wins over the setting. Fields of the spans a
/// line stands in (the request id) are in the line. HTTP/2 frames are left out, they would show data.
///
/// # Errors
/// Directives that cannot be read; logging has started already.
pub fn start_logging(setting: &str) -> Result<(), LoggingError> {
    let directives = std::env::var("KAKEHASHI_LOG").unwrap_or_else(|_| setting.to_owned());
    let filter = filter(&directives)?;
    let lines = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false);
    tracing_subscriber::registry()
        .with(filter)
        .with(lines.with_writer(io::stderr))
        .try_init()
        .map_err(|_| LoggingError::Started)
}

fn filter(directives: &str) -> Result<EnvFilter, LoggingError> {
    let unreadable = |why: String| LoggingError::Directives { directives: directives.to_owned(), why };
    let mut filter = EnvFilter::try_new(directives).map_err(|e| unreadable(e.to_string()))?;
    for quiet in ["h2=off", "sqlx=warn"] {
        filter = filter.add_directive(quiet.parse().map_err(|e| unreadable(format!("{e}")))?);
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_and_directives_are_read_and_nonsense_is_named() {
        assert!(filter("info").is_ok());
        assert!(filter("warn,kakehashi::broker=debug").is_ok());
        assert!(filter("kakehashi=loud").unwrap_err().to_string().contains("kakehashi=loud"));
    }
}
