//! The manager's settings, keys and place in `client.json`.

use std::path::Path;
use std::process::Command;

use serde_json::json;

use super::super::super::world::{World, run};

/// The demo's authorities keep no keys: the manager's certificate has an authority of its own, which the
/// portal side takes besides.
const OPENSSL: &str = "[req]
prompt = no
distinguished_name = name
[name]
CN = pix
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[system]
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectAltName = URI:urn:oid:2.999.33.32
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
[ca]
default_ca = issued
[issued]
database = pix-issued.txt
crlnumber = pix-crl.txt
crl_extensions = list
default_md = sha256
default_crl_days = 7
[list]
authorityKeyIdentifier = keyid
";

const SETTINGS: &str = r#"kind   = "pix_manager"
side   = "home"
device = "2.999.33.0.9"

[tls]
ca      = ["pix-ca", "hiroshima-ca"]
san_uri = "urn:oid:2.999.33.32"
client  = "okayama-gateway"
"#;

/// Hiroshima's settings as they are.
pub fn settings(world: &World) -> Result<String, String> {
    read(&world.folder().join("okayama/peers/hiroshima.toml"))
}

/// Puts Hiroshima's gateway back, whose ids may be remembered, and the manager beside it.
pub fn settle(world: &World, hiroshima: &str) -> Result<(), String> {
    let okayama = world.folder().join("okayama");
    let urls = hiroshima.split_once("[xca]").and_then(|(_, urls)| urls.split_once("https://"));
    let at = urls.and_then(|(_, rest)| rest.split('/').next());
    let at = at.ok_or("Hiroshima has no URL")?;
    write(&okayama.join("peers/hiroshima.toml"), &format!("correlation_days = 7\n{hiroshima}"))?;
    std::fs::remove_file(okayama.join("peers/registry.toml")).map_err(|error| error.to_string())?;
    let urls = format!(
        "\n[pix_manager]\nquery = \"https://{at}/manager/pix/query\"\nfeed  = \"https://{at}/manager/pix/feed\"\n"
    );
    write(&okayama.join("peers/okayama-pix.toml"), &format!("{SETTINGS}{urls}"))?;
    let broker = okayama.join("kakehashi.toml");
    let both = read(&broker)?.replace("= \"portal-ca\"", "= [\"portal-ca\", \"pix-ca\"]");
    write(&broker, &both)?;
    certify(&world.folder().join("clients"), &okayama.join("certs"))?;
    enter(world)
}

/// Lets what the broker remembers of the other network's ids run out, as days do.
pub fn forget(folder: &Path) -> Result<(), String> {
    let statement = "import sqlite3, sys\nwith sqlite3.connect(sys.argv[1], timeout=10) as store:\n    \
                     assert store.execute('UPDATE correlation SET until_us = 1').rowcount == 1";
    let store = folder.join("okayama/var/kakehashi.db");
    run(Command::new("python3").args(["-c", statement]).arg(store)).map(drop)
}

fn certify(clients: &Path, trusted: &Path) -> Result<(), String> {
    write(&clients.join("pix.cnf"), OPENSSL)?;
    write(&clients.join("pix-issued.txt"), "")?;
    write(&clients.join("pix-crl.txt"), "01\n")?;
    let openssl = |words: &str| run(Command::new("openssl").current_dir(clients).args(words.split(' ')));
    let make = "req -x509 -config pix.cnf -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 7";
    openssl(&format!(
        "{make} -subj /CN=pix-authority -extensions authority -keyout pix-ca.key.pem -out pix-ca.pem"
    ))?;
    openssl(&format!(
        "{make} -extensions system -CA pix-ca.pem -CAkey pix-ca.key.pem -keyout okayama-pix.key.pem -out okayama-pix.pem"
    ))?;
    openssl("ca -gencrl -config pix.cnf -cert pix-ca.pem -keyfile pix-ca.key.pem -out pix-ca.crl.pem")?;
    for name in ["pix-ca.pem", "pix-ca.crl.pem"] {
        write(&trusted.join(name), &read(&clients.join(name))?)?;
    }
    Ok(())
}

// As the manager, which tells and asks nothing, and as a portal that tries to tell.
fn enter(world: &World) -> Result<(), String> {
    let mut client = world.client()?;
    let doors = &mut client["sides"]["okayama"];
    let url = doors["portal"]["endpoints"]["patient_ids"].as_str().ok_or("the portal has no URL")?;
    let url = url.replace("/pix", "/pix/notify");
    let mut manager = doors["portal"].clone();
    manager["endpoints"]["notifications"] = json!(url);
    doors["telling-portal"] = manager.clone();
    let file = |name: &str| json!(world.folder().join("clients").join(name));
    manager["tls"]["certificate"] = file("okayama-pix.pem");
    manager["tls"]["key"] = file("okayama-pix.key.pem");
    manager["asker"]["device"] = json!("2.999.33.0.9");
    doors["manager"] = manager;
    write(&world.folder().join("client.json"), &client.to_string())
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}
