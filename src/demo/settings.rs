//! Lays out a side: settings, peer files, policies, keys. The files are what an operator would write;
//! `config` reads them like any other.

use std::fs;
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use super::agreement::policies_of;
use super::hospitals::Storages;
use super::network::{Hospital, Network, ROLE_SYSTEM, ROLES, other};
use super::pki::{CertificateAuthority, PkiError, Usage};

/// The ports of one broker on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Our own portals.
    pub portal: u16,
    /// The other network.
    pub peer: u16,
    /// Admin pages.
    pub admin: u16,
}

/// Ports that are free now, for both sides. All are held until all are chosen.
///
/// # Errors
/// No port is free.
pub fn free_ports() -> io::Result<[Ports; 2]> {
    let held: Vec<TcpListener> =
        (0..6).map(|_| TcpListener::bind(("127.0.0.1", 0))).collect::<io::Result<_>>()?;
    let ports: Vec<u16> = held.iter().map(|l| l.local_addr().map(|a| a.port())).collect::<io::Result<_>>()?;
    let of = |from: usize| {
        let port = |n: usize| ports.get(from + n).copied().unwrap_or_default();
        Ports { portal: port(0), peer: port(1), admin: port(2) }
    };
    Ok([of(0), of(3)])
}

/// The keys of the whole demo, in the folders of those who may have them. `authorities`: the keys of
/// the throwaway authorities too, in `clients/`, to issue or revoke certificates with.
///
/// # Errors
/// A key that cannot be made or written.
pub fn keys(folder: &Path, networks: [&Network; 2], authorities: bool) -> Result<(), PkiError> {
    let clients = folder.join("clients");
    for network in networks {
        let (key, english) = (network.key, network.english);
        let ours = certs(folder, network);
        let theirs = certs(folder, other(network));
        let portals = CertificateAuthority::new(&format!("{english}: portals"))?;
        portals.write(&ours, "portal-ca")?;
        portals.write(&clients, &format!("{key}-portal-ca"))?;
        if authorities {
            portals.write_key(&clients, &format!("{key}-portal-ca"))?;
        }
        portals.issue(&format!("{english}: portal side"), Usage::Server)?.write(&ours, "portal-server")?;
        let portal = Usage::Client(&network.portal_uri());
        portals.issue(&format!("{english}: portal"), portal)?.write(&clients, &format!("{key}-portal"))?;
        let idp = portals.issue(&format!("{english}: portal IdP"), Usage::Signing)?;
        idp.write_certificate(&ours, "portal-idp")?;
        idp.write(&clients, &format!("{key}-portal-idp"))?;
        let gateways = CertificateAuthority::new(&format!("{english}: gateways"))?;
        gateways.write(&theirs, &format!("{key}-ca"))?;
        gateways.write(&clients, &format!("{key}-ca"))?;
        if authorities {
            gateways.write_key(&clients, &format!("{key}-ca"))?;
        }
        gateways.issue(&format!("{english}: peer side"), Usage::Server)?.write(&ours, "peer-server")?;
        let gateway = format!("urn:oid:{}", network.community);
        let gateway = gateways.issue(&format!("{english}: gateway"), Usage::Client(&gateway))?;
        gateway.write(&ours, &format!("{key}-gateway"))?;
        gateway.write(&clients, &format!("{key}-gateway"))?;
        let saml = gateways.issue(&format!("{english}: gateway IdP"), Usage::Signing)?;
        saml.write(&ours, &format!("{key}-idp"))?;
        saml.write(&clients, &format!("{key}-idp"))?;
        saml.write_certificate(&theirs, &format!("{key}-idp"))?;
    }
    Ok(())
}

/// Where a side keeps keys and certificates.
fn certs(folder: &Path, network: &Network) -> PathBuf {
    folder.join(network.key).join("certs")
}

/// Makes the folders of both sides, readable by their owner only.
///
/// # Errors
/// A folder that cannot be made.
pub fn folders(folder: &Path, networks: [&Network; 2]) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder.join("clients"))?;
    for network in networks {
        for name in ["certs", "peers", "policies", "var"] {
            builder.create(folder.join(network.key).join(name))?;
        }
    }
    Ok(())
}

/// Writes `kakehashi.toml`, `peers/` and `policies/` of one side.
///
/// # Errors
/// A file that cannot be written.
pub fn write(folder: &Path, network: &Network, ours: Ports, theirs: Ports) -> io::Result<()> {
    let side = folder.join(network.key);
    fs::write(side.join("kakehashi.toml"), broker(network, ours))?;
    let peers = side.join("peers");
    fs::write(peers.join("portal.toml"), portal(network))?;
    fs::write(peers.join(format!("{}.toml", other(network).key)), gateway(network, theirs))?;
    for hospital in &network.hospitals {
        let path = peers.join(format!("{}.toml", hospital.key));
        fs::write(path, source(hospital, &Storages::of(&side, hospital)))?;
    }
    for (name, text) in policies_of(network) {
        fs::write(side.join("policies").join(name), text)?;
    }
    Ok(())
}

fn broker(network: &Network, ports: Ports) -> String {
    let Ports { portal, peer, admin } = ports;
    let (key, community) = (network.key, network.community);
    format!(
        r#"# {name} / {english}. Written by `kakehashi demo`; loopback only.
community = "urn:oid:{community}"
device    = "{device}"
log       = "info"

[identity]
authority = "urn:oid:{authority}"

[codes]
roles = "{ROLE_SYSTEM}"

[portal]
listen      = "127.0.0.1:{portal}"
certificate = "portal-server"
client_ca   = "portal-ca"

[peer]
listen      = "127.0.0.1:{peer}"
certificate = "peer-server"
client_ca   = "{other}-ca"

[admin]
listen = "127.0.0.1:{admin}"

[saml]
issuer      = "{issuer}"
certificate = "{key}-idp"
audiences   = ["urn:oid:{community}"]
recipients  = ["https://127.0.0.1:{portal}/", "https://127.0.0.1:{peer}/", "https://localhost:{portal}/", "https://localhost:{peer}/"]
"#,
        name = network.name,
        english = network.english,
        device = network.device(),
        authority = network.authority(),
        other = other(network).key,
        issuer = network.broker_issuer(),
    )
}

fn portal(network: &Network) -> String {
    format!(
        r#"# Our own portal: it asks and is never asked.
kind = "portal"
side = "home"

{limits}

[tls]
san_uri = "{uri}"

[saml]
issuer   = "{issuer}"
signer   = "portal-idp"
resend_s = 60
roles.in = [
{roles}]
"#,
        uri = network.portal_uri(),
        issuer = network.portal_issuer(),
        limits = LIMITS,
        roles = roles(),
    )
}

fn gateway(network: &Network, theirs: Ports) -> String {
    let peer = other(network);
    let base = format!("https://127.0.0.1:{}", theirs.peer);
    format!(
        r#"# {name} / {english}
kind        = "xca"
side        = "peer"
community   = "urn:oid:{community}"
device      = "{device}"
authorities = ["urn:oid:{authority}"]

{limits}

[tls]
ca      = "{key}-ca"
san_uri = "urn:oid:{community}"
client  = "{ours}-gateway"

[saml]
issuer   = "{issuer}"
signer   = "{key}-idp"
audience = "urn:oid:{community}"
roles.in = [
{roles}]
roles.out = [
{roles}]

[xca]
patient_discovery = "{base}/xcpd"
document_query    = "{base}/xca/query"
document_retrieve = "{base}/xca/retrieve"
"#,
        name = peer.name,
        english = peer.english,
        community = peer.community,
        device = peer.device(),
        authority = peer.authority(),
        key = peer.key,
        ours = network.key,
        issuer = peer.broker_issuer(),
        limits = LIMITS,
        roles = roles(),
    )
}

fn roles() -> String {
    let line = |(role, code, display): (&str, &str, &str)| {
        format!("    {{ code = \"{code}\", display = \"{display}\", role = \"{role}\" }},\n")
    };
    ROLES.map(line).concat()
}

fn source(hospital: &Hospital, storages: &Storages) -> String {
    format!(
        r#"# {name} / {english}
kind         = "ssmix2"
side         = "home"
authorities  = ["urn:oid:{authority}"]
repositories = ["{repository}"]

[ssmix2]
roots         = ["{standard}"]
extension     = ["{extension}"]
facility      = "{facility}"
facility_name = "{name}"
organization  = "{organization}"
authority     = "{authority}"
repository    = "{repository}"
facility_type = {{ code = "HOSP", system = "2.16.840.1.113883.5.111", display = "病院" }}
"#,
        name = hospital.name,
        english = hospital.english,
        authority = hospital.authority(),
        repository = hospital.repository(),
        standard = storages.standard.display(),
        extension = storages.extension.display(),
        facility = hospital.facility,
        organization = hospital.organization,
    )
}

/// Of whoever asks in the demo.
const LIMITS: &str = r#"[rates] # one person plays the whole demo
peer_burst   = 200
person_burst = 200

# Whoever tries this out asks about everybody, also about people who do not exist. Between networks keep
# the defaults (docs/configuration.md, "Budgets").
[budgets]
person_patients   = [100_000, 100_000, 100_000]
person_misses     = [100_000, 100_000, 100_000]
facility_patients = [100_000, 100_000, 100_000]
facility_misses   = [100_000, 100_000, 100_000]
peer_patients     = [100_000, 100_000, 100_000]
peer_misses       = [100_000, 100_000, 100_000]"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;
    use crate::demo::cast::networks;

    #[test]
    fn the_settings_of_both_sides_load_with_their_keys() {
        let folder = tempfile::tempdir().unwrap();
        folders(folder.path(), networks()).unwrap();
        keys(folder.path(), networks(), false).unwrap();
        let [one, two] = free_ports().unwrap();
        for (network, ours, theirs) in [(networks()[0], one, two), (networks()[1], two, one)] {
            write(folder.path(), network, ours, theirs).unwrap();
            let settings = load(&folder.path().join(network.key).join("kakehashi.toml"));
            let settings = settings.unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(settings.targets.len(), 4);
        }
    }
}
