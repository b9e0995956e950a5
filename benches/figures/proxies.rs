//! What the broker is compared with: nginx and HAProxy relaying the same messages between the same two
//! TLS ends, with one worker each, and the JVM stand-in where its source is found.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Server;
use super::world::World;

/// A server under test.
pub struct Contestant {
    pub name: &'static str,
    pub port: u16,
    pub server: Server,
}

/// All that can be started here; what cannot is named.
pub fn start(world: &World, is_short: bool) -> Vec<Contestant> {
    let mut all = Vec::new();
    let haproxy = |world| if is_short { None } else { haproxy(world) };
    for (name, started) in [("nginx", nginx(world)), ("haproxy", haproxy(world))] {
        match started {
            Some(contestant) => all.push(contestant),
            None if is_short && name == "haproxy" => {}
            None => println!("{name}: not installed, no row (apt-get install nginx-light haproxy)"),
        }
    }
    all.push(broker(world));
    if !is_short {
        match jvm(world) {
            Some(contestant) => all.push(contestant),
            None => {
                println!("jvm: no ../shared/perf/JvmGateway.java (or PERF=folder), JDK or openssl: no row")
            }
        }
    }
    all
}

fn is_installed(program: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|paths| {
        let usual = [PathBuf::from("/usr/sbin"), PathBuf::from("/usr/local/sbin")];
        std::env::split_paths(&paths).chain(usual).any(|folder| folder.join(program).is_file())
    })
}

fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/usr/local/sbin"));
    command
}

/// `kakehashi serve` as it is shipped, `KAKEHASHI_BROKER` where another build is to be measured.
pub fn broker(world: &World) -> Contestant {
    let given = std::env::var("KAKEHASHI_BROKER");
    let program = given.unwrap_or_else(|_| env!("CARGO_BIN_EXE_kakehashi").to_owned());
    let settings = world.folder.join("kakehashi.toml");
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(settings);
    let port = world.ports.portal;
    let server = Server::start(&mut command, &world.folder.join("broker.log"), port);
    Contestant { name: "kakehashi", port, server }
}

fn nginx(world: &World) -> Option<Contestant> {
    is_installed("nginx").then(|| {
        let (port, upstream, folder) = (world.ports.nginx, world.ports.upstream, world.folder.display());
        let certs = world.certs();
        let certs = certs.display();
        // As ../shared/perf has it: one worker, kept connections, the body in memory both ways.
        let text = format!(
            "user root; worker_processes 1; daemon off; pid {folder}/nginx/pid; error_log {folder}/nginx/log warn;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 100000000; keepalive_timeout 300s; server_tokens off; tcp_nopush on;
 client_body_temp_path {folder}/nginx/b; proxy_temp_path {folder}/nginx/p; fastcgi_temp_path {folder}/nginx/f;
 uwsgi_temp_path {folder}/nginx/u; scgi_temp_path {folder}/nginx/s;
 client_body_buffer_size 1m; client_max_body_size 0; ssl_protocols TLSv1.3; ssl_session_cache shared:s:4m;
 ssl_certificate {certs}/server.pem; ssl_certificate_key {certs}/server.key.pem;
 ssl_client_certificate {certs}/net-ca.pem; ssl_verify_client on;
 upstream u {{ server 127.0.0.1:{upstream}; keepalive 128; keepalive_requests 100000000; keepalive_timeout 300s; }}
 server {{ listen 127.0.0.1:{port} ssl;
  location / {{ proxy_pass https://u; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host localhost;
   proxy_ssl_certificate {certs}/gateway.pem; proxy_ssl_certificate_key {certs}/gateway.key.pem;
   proxy_ssl_trusted_certificate {certs}/net-ca.pem; proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_protocols TLSv1.3;
   proxy_buffer_size 32k; proxy_buffers 32 32k; proxy_busy_buffers_size 256k; proxy_max_temp_file_size 0; }} }} }}
"
        );
        let file = world.folder.join("nginx/nginx.conf");
        fs::write(&file, text).unwrap();
        let mut command = command("nginx");
        command.arg("-c").arg(file).arg("-e").arg(world.folder.join("nginx/early.log"));
        let server = Server::start(&mut command, &world.folder.join("nginx.log"), port);
        Contestant { name: "nginx", port, server }
    })
}

// Certificate and key in one file.
fn bundle(certs: &Path, name: &str) {
    let text =
        [".pem", ".key.pem"].map(|end| fs::read_to_string(certs.join(format!("{name}{end}"))).unwrap());
    fs::write(certs.join(format!("{name}.bundle.pem")), text.concat()).unwrap();
}

fn haproxy(world: &World) -> Option<Contestant> {
    is_installed("haproxy").then(|| {
        let (port, upstream, certs) = (world.ports.haproxy, world.ports.upstream, world.certs());
        bundle(&certs, "server");
        bundle(&certs, "gateway");
        let certs = certs.display();
        let text = format!(
            "global
  nbthread 1
  maxconn 4096
  tune.bufsize 32768
  ssl-default-bind-options ssl-min-ver TLSv1.3
  ssl-default-server-options ssl-min-ver TLSv1.3
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend f
  bind 127.0.0.1:{port} ssl crt {certs}/server.bundle.pem ca-file {certs}/net-ca.pem verify required
  default_backend b
backend b
  server u 127.0.0.1:{upstream} ssl crt {certs}/gateway.bundle.pem ca-file {certs}/net-ca.pem verify required verifyhost localhost pool-max-conn 128
"
        );
        let file = world.folder.join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let mut command = command("haproxy");
        command.arg("-db").arg("-f").arg(file);
        let server = Server::start(&mut command, &world.folder.join("haproxy.log"), port);
        Contestant { name: "haproxy", port, server }
    })
}

/// The stand-in reads PKCS#12 under fixed names.
fn jvm(world: &World) -> Option<Contestant> {
    let perf = std::env::var("PERF").map(PathBuf::from);
    let perf = perf.unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/perf"));
    let source = perf.join("JvmGateway.java");
    if !source.is_file() || !["java", "javac", "openssl"].iter().all(|program| is_installed(program)) {
        return None;
    }
    let (certs, folder) = (world.certs(), world.folder.join("jvm"));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(certs.join("net-ca.pem"), folder.join("ca.pem")).unwrap();
    fs::copy(certs.join("idp-p256.pem"), folder.join("idp.pem")).unwrap();
    for (name, from) in [("server", "server"), ("client", "gateway")] {
        let mut openssl = Command::new("openssl");
        openssl
            .args(["pkcs12", "-export", "-passout", "pass:pw", "-in"])
            .arg(certs.join(format!("{from}.pem")));
        openssl.arg("-inkey").arg(certs.join(format!("{from}.key.pem")));
        openssl.arg("-out").arg(folder.join(format!("{name}.p12")));
        assert!(openssl.status().unwrap().success());
    }
    let mut javac = Command::new("javac");
    assert!(
        javac.arg("-nowarn").arg("-d").arg(folder.join("classes")).arg(source).status().unwrap().success()
    );
    let (port, upstream) = (world.ports.jvm, world.ports.upstream);
    let mut java = Command::new("java");
    java.args(["-Xmx1g", "-XX:+UseParallelGC", "-cp"]).arg(folder.join("classes"));
    java.args(["JvmGateway", "serve"]).arg(&folder).args([port.to_string(), upstream.to_string()]);
    let server = Server::start(&mut java, &world.folder.join("jvm.log"), port);
    Some(Contestant { name: "jvm", port, server })
}
