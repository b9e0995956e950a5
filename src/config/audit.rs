//! The `[audit]` table: where the log lies, and the repository its records are forwarded to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::section::Section;
use super::tls::PeerTls;

/// An audit repository that takes records over syslog with TLS (ITI-20).
#[derive(Debug, Clone)]
pub struct ForwardConfig {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Our certificate toward it, its authorities.
    pub tls: PeerTls,
    /// How much is sent again after the end of a connection.
    pub resend: Duration,
    /// APP-NAME of syslog.
    pub app_name: String,
    /// MSGID of syslog.
    pub msgid: String,
}

/// The log's folder, and the repository if one is named.
pub(super) fn read(
    mut section: Section<'_>,
    folder: &Path,
    certs: &Path,
) -> (PathBuf, Option<ForwardConfig>) {
    let s = &mut section;
    let log = folder.join(s.text("folder").unwrap_or_else(|| "var/audit".to_owned()));
    let url = s.text("forward");
    let address = url.as_ref().and_then(|url| address(s, url));
    let resend = s.number("resend_minutes", 10, 1..=1_440);
    let app_name = word(s, "app_name", "kakehashi", 48);
    let msgid = word(s, "msgid", "IHE+RFC-3881", 32);
    let tls = s.section("tls").map(|tls| PeerTls::read_of_server(tls, certs));
    if tls.is_some() && url.is_none() {
        s.fault(
            "tls",
            "`audit.tls` without `audit.forward`",
            "forward = \"syslog+tls://audit.example:6514\"",
        );
    }
    if address.is_some() && tls.is_none() {
        let hint = "tls = { ca = \"audit-ca\", client = \"audit-client\" }";
        s.fault("forward", "`audit.tls` is missing: no certificate to show and none to trust", hint);
    }
    section.finish();
    let forward = address.zip(tls).map(|((host, port), tls)| ForwardConfig {
        host,
        port,
        tls,
        resend: Duration::from_secs(resend * 60),
        app_name,
        msgid,
    });
    (log, forward)
}

fn address(section: &Section<'_>, url: &str) -> Option<(String, u16)> {
    let uri: Option<http::Uri> = url.parse().ok();
    let uri = uri.filter(|uri| {
        uri.scheme_str() == Some(SCHEME) && matches!(uri.path(), "" | "/") && uri.query().is_none()
    });
    let host = uri.as_ref().and_then(|uri| uri.host()).filter(|host| !host.is_empty());
    let Some(host) = host else {
        let message = format!("\"{url}\" is no address of an audit repository");
        section.fault("forward", message, "like syslog+tls://audit.example:6514");
        return None;
    };
    let port = uri.as_ref().and_then(http::Uri::port_u16).unwrap_or(PORT);
    Some((host.trim_matches(['[', ']']).to_owned(), port))
}

/// A word of a syslog header.
fn word(section: &mut Section<'_>, key: &'static str, default: &str, length_max: usize) -> String {
    let Some(text) = section.text(key) else { return default.to_owned() };
    let fits = (1..=length_max).contains(&text.len()) && text.chars().all(|c| c.is_ascii_graphic());
    if !fits {
        let hint = format!("1 to {length_max} printable ASCII characters without blanks");
        section.fault(key, format!("\"{text}\" cannot stand in a syslog header"), &hint);
    }
    text
}

const SCHEME: &str = "syslog+tls";
/// The port of RFC 5425.
const PORT: u16 = 6514;
