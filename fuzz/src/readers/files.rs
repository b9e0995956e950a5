//! What operators write: settings, a peer's file, consents.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use kakehashi::config;
use kakehashi::policy::read_consents;
use tempfile::TempDir;

// What a peer's file rests on, and no more: it is read again for each of them.
const BROKER: &str = r#"
community = "2.999.33"
device = "2.999.33.9"
identity = { authority = "2.999.33.1" }
codes = { roles = "2.999.33.2" }
portal = { listen = "127.0.0.1:8443", certificate = "portal", client_ca = "portal-ca" }
peer = { listen = "127.0.0.1:8444", certificate = "peer", client_ca = "peer-ca" }
saml = { issuer = "https://saml.invalid", certificate = "saml", audiences = "https://audience.invalid" }
"#;

// One each: readers run beside each other.
static OF_THE_BROKER: LazyLock<TempDir> = LazyLock::new(laid_out);
static OF_A_PEER: LazyLock<TempDir> = LazyLock::new(laid_out);

fn laid_out() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["certs", "peers", "policies"] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    fs::write(folder.path().join("kakehashi.toml"), BROKER).expect("a file");
    folder
}

fn loaded(folder: &Path, name: &str, data: &[u8]) {
    fs::write(folder.join(name), data).expect("a file");
    if let Err(errors) = config::load(&folder.join("kakehashi.toml")) {
        assert!(!errors.0.is_empty(), "refused without a word");
        let _ = errors.to_string();
    }
}

/// `kakehashi.toml`.
pub fn broker(data: &[u8]) {
    loaded(OF_THE_BROKER.path(), "kakehashi.toml", data);
}

/// A file in `peers/`.
pub fn peer(data: &[u8]) {
    loaded(OF_A_PEER.path(), "peers/fuzzed.toml", data);
}

/// A file of consents. An error repeats no value, except a number that is a line's.
pub fn consents(data: &[u8]) {
    if let Err(bad) = read_consents("fuzzed.csv", data) {
        assert!(bad.to_string().len() < 64 << 10, "an endless report");
    }
}
