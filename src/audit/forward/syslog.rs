//! A message in the clothes of syslog: RFC 5424, framed by its length in octets (RFC 5425).

use std::io::Write;

use crate::audit::atna::Message;

/// What stands in every header.
#[derive(Debug, Clone)]
pub struct SyslogHeader {
    /// HOSTNAME.
    pub host: String,
    /// APP-NAME.
    pub app_name: String,
    /// MSGID.
    pub msgid: String,
}

impl SyslogHeader {
    /// With the name of this machine.
    pub fn of_this_machine(app_name: &str, msgid: &str) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self { host: host.trim().to_owned(), app_name: app_name.to_owned(), msgid: msgid.to_owned() }
    }

    /// Adds a framed message.
    pub fn frame(&self, out: &mut Vec<u8>, message: &Message) {
        // Facility 10 (security), severity notice, or warning for a failure.
        let priority = if message.is_failure { 84 } else { 85 };
        let process = message.process.map_or_else(|| "-".to_owned(), |process| process.to_string());
        let header = format!(
            "<{priority}>1 {} {} {} {process} {} - ",
            message.at.xs_date_time(),
            field(&self.host, 255),
            field(&self.app_name, 48),
            field(&self.msgid, 32),
        );
        let xml = message.xml.reveal();
        // Writing to memory cannot fail.
        let _ = write!(out, "{} {header}{xml}", header.len() + xml.len());
    }
}

/// Printable ASCII without blanks, or `-`.
fn field(text: &str, length_max: usize) -> String {
    let text: String = text.chars().filter(char::is_ascii_graphic).take(length_max).collect();
    if text.is_empty() { "-".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Phi, Timestamp};

    #[test]
    fn the_length_counts_octets_and_the_header_is_ascii_without_blanks() {
        let header =
            SyslogHeader { host: "ho st".into(), app_name: "橋".into(), msgid: "IHE+RFC-3881".into() };
        let message = Message {
            id: "1.0.ab".into(),
            at: Timestamp::from_micros(0),
            is_failure: true,
            process: Some(7),
            xml: Phi::new("<a>山</a>".into()),
        };
        let mut out = Vec::new();
        header.frame(&mut out, &message);
        let text = String::from_utf8(out).unwrap();
        let (length, rest) = text.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), rest.len());
        assert_eq!(rest, "<84>1 1970-01-01T00:00:00.000Z host - 7 IHE+RFC-3881 - <a>山</a>");
    }
}
