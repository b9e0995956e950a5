//! Lays the whole demo out in a folder: keys, trees, consents, settings, `client.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use time::{Date, OffsetDateTime, UtcOffset};

use super::DemoError;
use crate::cli::exit;
use crate::demo::cast::{Part, Person, STRANGER, networks, person};
use crate::demo::client_file::{
    Asker, ClientFile, CodeEntry, Codes, CommunityEntry, Door, Doors, EndpointUrls, Example, Examples,
    PersonEntry, SamlEntry, TlsFiles, TransactionEntry,
};
use crate::demo::network::{Network, PURPOSE_SYSTEM, ROLE_SYSTEM, ROLES, other};
use crate::demo::settings::{self, Ports};
use crate::demo::{consents, hospitals};
use crate::dialect::Transaction;
use crate::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use crate::dialect::hl7v3::{
    CANCELLATION_ROOT, CONTINUATION_ROOT, CrossGatewayPatientDiscovery, PIX_REQUEST_ROOT, PdqCancellation,
    PdqContinuation, PdqQuery, PixQuery,
};
use crate::store::StoreLock;

/// What was laid out.
pub struct Layout {
    /// The folder, absolute.
    pub folder: PathBuf,
    /// Ports by side.
    pub ports: [Ports; 2],
    /// Files in the hospitals' storages.
    pub files: usize,
    /// The day the trees count back from.
    pub today: Date,
}

impl Layout {
    /// `client.json`.
    pub fn client(&self) -> PathBuf {
        self.folder.join("client.json")
    }
}

/// Says that a folder is the demo's and may be cleared.
const MARK: &str = ".kakehashi-demo";
/// A Unix socket's path may have 107 bytes; `okayama/var/kakehashi.sock` and the like come on top.
const FOLDER_BYTES_MAX: usize = 75;

/// Makes the folder anew. `authorities`: with the keys of the throwaway authorities.
pub fn lay_out(folder: &Path, authorities: bool) -> Result<Layout, DemoError> {
    let folder = std::path::absolute(folder).map_err(|e| DemoError::file(folder, &e))?;
    if folder.as_os_str().len() > FOLDER_BYTES_MAX {
        let text =
            format!("{}: longer than {FOLDER_BYTES_MAX} bytes, too long for a socket", folder.display());
        return Err(DemoError::new(exit::USAGE, text).hint("name a shorter one with --folder"));
    }
    clear(&folder)?;
    let now = OffsetDateTime::now_utc();
    let japan = UtcOffset::from_hms(9, 0, 0).unwrap_or(UtcOffset::UTC);
    let today = now.to_offset(japan).date();
    let failed = |e: std::io::Error| DemoError::file(&folder, &e);
    settings::folders(&folder, networks()).map_err(failed)?;
    settings::keys(&folder, networks(), authorities).map_err(|e| DemoError::new(exit::IO, e.to_string()))?;
    let ports = settings::free_ports().map_err(failed)?;
    let [first, second] = ports;
    let mut files = 0;
    for (network, ours, theirs) in pairs(first, second) {
        settings::write(&folder, network, ours, theirs).map_err(failed)?;
        let side = folder.join(network.key);
        files += hospitals::write(&side, network, today).map_err(failed)?;
        fs::write(side.join("consents.csv"), consents::csv(network, today)).map_err(failed)?;
    }
    let layout = Layout { folder: folder.clone(), ports, files, today };
    client_file(&layout).write(&layout.client()).map_err(|e| DemoError::new(exit::IO, e.to_string()))?;
    Ok(layout)
}

fn pairs(first: Ports, second: Ports) -> [(&'static Network, Ports, Ports); 2] {
    let [one, two] = networks();
    [(one, first, second), (two, second, first)]
}

/// Takes an earlier demo away; never anything else, and never one that runs.
fn clear(folder: &Path) -> Result<(), DemoError> {
    let failed = |e: std::io::Error| DemoError::file(folder, &e);
    if folder.exists() {
        let is_empty = fs::read_dir(folder).map_err(failed)?.next().is_none();
        if !is_empty && !folder.join(MARK).exists() {
            let text = format!("{}: holds something that is no demo", folder.display());
            return Err(DemoError::new(exit::USAGE, text).hint("name a new or empty one with --folder"));
        }
        for network in networks() {
            let data = folder.join(network.key).join("var");
            if data.exists() && StoreLock::take(&data).map_err(failed)?.is_none() {
                let text = format!("{}: a demo is running there", folder.display());
                return Err(
                    DemoError::new(exit::USAGE, text).hint("end it with Ctrl-C, or name another --folder")
                );
            }
        }
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    fs::write(folder.join(MARK), "").map_err(failed)
}

/// Everything a foreign client needs; documents are added when the demo has run.
fn client_file(layout: &Layout) -> ClientFile {
    let [first, second] = layout.ports;
    let code = |word: &str, code: &str, system: &str, display: &str| CodeEntry {
        word: word.to_owned(),
        code: code.to_owned(),
        system: system.to_owned(),
        display: display.to_owned(),
    };
    let sides = pairs(first, second).map(|(network, ports, _)| {
        let doors = Doors {
            portal: portal(layout, network, ports),
            gateway: gateway(layout, network, ports),
            admin: format!("http://127.0.0.1:{}", ports.admin),
        };
        (network.key.to_owned(), doors)
    });
    ClientFile {
        about:
            "Kakehashi demo: how to ask its brokers. Invented patients, throwaway keys, loopback only. See \
                docs/client-json.md."
                .to_owned(),
        version: 1,
        transactions: vec![
            transaction::<CrossGatewayPatientDiscovery>("patient_discovery", "PRPA_IN201305UV02"),
            transaction::<CrossGatewayQuery>("document_query", "AdhocQueryRequest"),
            transaction::<CrossGatewayRetrieve>("document_retrieve", "RetrieveDocumentSetRequest"),
            transaction::<PixQuery>("patient_ids", PIX_REQUEST_ROOT),
            transaction::<PdqQuery>("patient_demographics", "PRPA_IN201305UV02"),
            transaction::<PdqContinuation>("patient_demographics", CONTINUATION_ROOT),
            transaction::<PdqCancellation>("patient_demographics", CANCELLATION_ROOT),
            transaction::<RegistryStoredQuery>("registry", "AdhocQueryRequest"),
            transaction::<RetrieveDocumentSet>("repository", "RetrieveDocumentSetRequest"),
        ],
        codes: Codes {
            roles: ROLES.map(|(word, value, display)| code(word, value, ROLE_SYSTEM, display)).to_vec(),
            purposes: vec![
                code("TREATMENT", "TREATMENT", PURPOSE_SYSTEM, "診療"),
                code("EMERGENCY", "EMERGENCY", PURPOSE_SYSTEM, "緊急"),
            ],
        },
        communities: networks().map(community).to_vec(),
        sides: BTreeMap::from(sides),
    }
}

fn transaction<T: Transaction>(endpoint: &str, request: &str) -> TransactionEntry {
    TransactionEntry {
        name: T::NAME.to_owned(),
        endpoint: endpoint.to_owned(),
        action: T::REQUEST_ACTION.to_owned(),
        request: request.to_owned(),
    }
}

fn community(network: &Network) -> CommunityEntry {
    let mut authorities = vec![network.authority()];
    authorities.extend(network.hospitals.iter().map(crate::demo::network::Hospital::authority));
    CommunityEntry {
        side: network.key.to_owned(),
        name: network.name.to_owned(),
        community: format!("urn:oid:{}", network.community),
        authorities,
    }
}

/// As the side's own portal: its patients to find are those of the other side.
fn portal(layout: &Layout, network: &Network, ports: Ports) -> Door {
    let (clients, key) = (layout.folder.join("clients"), network.key);
    Door {
        about: format!("as a portal of {}: reaches its own hospitals and the other network", network.english),
        endpoints: within(ports.portal),
        tls: tls(&clients, &format!("{key}-portal-ca"), &format!("{key}-portal")),
        saml: saml(&clients, network.portal_issuer(), network, &format!("{key}-portal-idp")),
        asker: asker(network),
        receiver: format!("urn:oid:{}", network.community),
        receiver_device: network.device(),
        examples: examples(other(network)),
    }
}

/// As the gateway of the other side: it reaches this side's hospitals.
fn gateway(layout: &Layout, network: &Network, ports: Ports) -> Door {
    let clients = layout.folder.join("clients");
    let peer = other(network);
    Door {
        about: format!("as the gateway of {}: reaches the hospitals of {}", peer.english, network.english),
        endpoints: endpoints(ports.peer),
        tls: tls(&clients, &format!("{}-ca", network.key), &format!("{}-gateway", peer.key)),
        saml: saml(&clients, peer.broker_issuer(), network, &format!("{}-idp", peer.key)),
        asker: asker(peer),
        receiver: format!("urn:oid:{}", network.community),
        receiver_device: network.device(),
        examples: examples(network),
    }
}

/// What a portal may ask beside what a gateway asks.
fn within(port: u16) -> EndpointUrls {
    let url = |path: &str| Some(format!("https://127.0.0.1:{port}{path}"));
    EndpointUrls {
        patient_ids: url("/pix"),
        patient_demographics: url("/pdq"),
        registry: url("/xds/query"),
        repository: url("/xds/retrieve"),
        ..endpoints(port)
    }
}

fn endpoints(port: u16) -> EndpointUrls {
    let url = |path: &str| format!("https://127.0.0.1:{port}{path}");
    EndpointUrls {
        patient_discovery: url("/xcpd"),
        document_query: url("/xca/query"),
        document_retrieve: url("/xca/retrieve"),
        patient_ids: None,
        patient_demographics: None,
        registry: None,
        repository: None,
    }
}

fn tls(clients: &Path, ca: &str, client: &str) -> TlsFiles {
    let file = |name: String| clients.join(name);
    TlsFiles {
        ca: file(format!("{ca}.pem")),
        crl: file(format!("{ca}.crl.pem")),
        certificate: file(format!("{client}.pem")),
        key: file(format!("{client}.key.pem")),
    }
}

fn saml(clients: &Path, issuer: String, receiver: &Network, name: &str) -> SamlEntry {
    SamlEntry {
        issuer,
        audience: format!("urn:oid:{}", receiver.community),
        certificate: clients.join(format!("{name}.pem")),
        key: clients.join(format!("{name}.key.pem")),
    }
}

fn asker(network: &Network) -> Asker {
    let staff = network.staff();
    let person = |(id, name): (&str, &str)| PersonEntry { id: id.to_owned(), name: name.to_owned() };
    Asker {
        community: format!("urn:oid:{}", network.community),
        device: format!("{}.0.3", network.community),
        authority: network.authority(),
        organization_id: network.clinic(),
        organization: staff.clinic.to_owned(),
        persons: BTreeMap::from([
            ("physician".to_owned(), person(staff.physician)),
            ("nurse".to_owned(), person(staff.nurse)),
        ]),
    }
}

fn examples(owner: &Network) -> Examples {
    let of = |part| person(owner, part).unwrap_or(&STRANGER);
    let mut unknown = example(&STRANGER, owner);
    unknown.patient = Some(format!("NOBODY^^^&{}&ISO", owner.authority()));
    Examples {
        matches: example(of(Part::Consented), owner),
        withheld: example(of(Part::Unconsented), owner),
        unknown,
    }
}

/// A person as a question to the brokers.
pub fn example(person: &Person, owner: &Network) -> Example {
    let text = |text: &str| text.to_owned();
    let patient = (!person.network_id.is_empty())
        .then(|| format!("{}^^^&{}&ISO", person.network_id, owner.authority()));
    Example {
        family: text(person.kanji.0),
        given: text(person.kanji.1),
        family_kana: text(person.kana.0),
        given_kana: text(person.kana.1),
        birth: text(person.birth),
        sex: text(person.sex),
        postal: text(person.postal),
        address: text(person.address),
        phone: text(person.phone),
        patient,
        document: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_laid_out_is_read_back_and_every_file_it_names_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let layout = lay_out(&folder.path().join("d"), true).unwrap();
        let file = ClientFile::read(&layout.client()).unwrap();
        assert_eq!(file.sides.len(), 2);
        for door in file.sides.values().flat_map(|doors| [&doors.portal, &doors.gateway]) {
            for path in [&door.tls.ca, &door.tls.crl, &door.tls.certificate, &door.tls.key, &door.saml.key] {
                assert!(path.exists(), "{}", path.display());
            }
        }
        assert!(layout.folder.join("clients/okayama-ca.key.pem").exists());
        lay_out(&layout.folder, false).unwrap();
        assert!(!layout.folder.join("clients/okayama-ca.key.pem").exists());
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("letter.txt"), "x").unwrap();
        assert_eq!(lay_out(folder.path(), false).err().map(|e| e.code), Some(exit::USAGE));
        assert!(folder.path().join("letter.txt").exists());
    }
}
