//! What a person reads on the terminal, Japanese and English.

use std::io::Write;

use super::DemoError;
use super::brokers::Broker;
use super::layout::Layout;
use crate::demo::agreement::SENTENCES;
use crate::demo::cast::networks;
use crate::demo::story::{Both, Hospital, Report, Side, Step};

/// A line to standard output; a reader that has seen enough (`| head`) is no failure.
macro_rules! say {
    ($($line:tt)*) => { drop(writeln!(std::io::stdout().lock(), $($line)*)) };
}

pub fn heading(both: &Both) {
    say!("\n━━ {}　{}", both.ja, both.en);
}

pub fn laid_out(layout: &Layout) {
    say!("  {}", layout.folder.display());
    say!(
        "  架空の病院 4、ファイル {} / four invented hospitals, {} files (SS-MIX2)",
        layout.files,
        layout.files
    );
    say!("  使い捨ての鍵・失効リスト / throwaway keys and revocation lists");
}

/// What to type after `--lay-out-only`.
pub fn how_to_start(layout: &Layout) {
    for (network, ports) in networks().into_iter().zip(layout.ports) {
        let side = layout.folder.join(network.key);
        say!("\n  {} / {}: portal {}, peer {}", network.name, network.english, ports.portal, ports.peer);
        let config = side.join("kakehashi.toml");
        say!("    kakehashi serve --config {}", config.display());
        say!(
            "    kakehashi consent --config {} import {}",
            config.display(),
            side.join("consents.csv").display()
        );
    }
    say!("\n  鍵と接続先 / keys and addresses: {}", layout.client().display());
}

pub fn started(broker: &Broker, imported: &str) {
    let ports = broker.ports;
    say!(
        "  {} / {}: portal {}, peer {}, admin {}　{}",
        broker.network.name,
        broker.network.english,
        ports.portal,
        ports.peer,
        ports.admin,
        imported.trim()
    );
}

pub fn agreement() {
    heading(&Both::new("協定", "The agreement"));
    for (ja, en) in SENTENCES {
        say!("  ・{ja}\n    {en}");
    }
}

pub fn step(number: usize, step: &Step) {
    let mark = if step.passed { "✓" } else { "✗" };
    say!("{mark} {number:2}. {}　{}", step.title.ja, step.title.en);
    say!("      {}　({} ms)", step.asker, step.took_ms);
    say!("      → {}　{}", step.outcome.ja, step.outcome.en);
    for line in &step.evidence {
        say!("        {line}");
    }
}

/// What a side has on record.
pub async fn side(broker: &Broker) -> Result<Side, DemoError> {
    let found = broker.command(&["audit", "search", "--json"]).await?;
    let audit = found.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let verified = broker.command(&["audit", "verify"]).await?.trim().to_owned();
    let network = broker.network;
    let hospitals = network.hospitals.iter().map(|hospital| Hospital {
        name: Both::new(hospital.name, hospital.english),
        facility: hospital.facility.to_owned(),
        encoding: if hospital.writes_shift_jis { "Shift_JIS" } else { "ISO-2022-JP" }.to_owned(),
    });
    Ok(Side {
        key: network.key.to_owned(),
        name: Both::new(network.name, network.english),
        community: network.community.to_owned(),
        hospitals: hospitals.collect(),
        portal: format!("https://127.0.0.1:{}", broker.ports.portal),
        peer: format!("https://127.0.0.1:{}", broker.ports.peer),
        admin: format!("http://127.0.0.1:{}", broker.ports.admin),
        audit,
        verified,
        metrics: metrics(broker).await,
    })
}

async fn metrics(broker: &Broker) -> Vec<String> {
    let names = [
        "kakehashi_requests_total{",
        "kakehashi_withheld_total{",
        "kakehashi_emergency_accesses_total",
        "kakehashi_document_bytes_total{",
        "kakehashi_audit_records_total{",
    ];
    let page = broker.get("/metrics").await.map(|(_, body)| body).unwrap_or_default();
    page.lines().filter(|line| names.iter().any(|name| line.starts_with(name))).map(str::to_owned).collect()
}

/// The audit log of both sides, as `audit search` prints it.
pub async fn records(okayama: &Broker, hiroshima: &Broker) -> Result<(), DemoError> {
    for broker in [okayama, hiroshima] {
        let name = broker.network;
        heading(&Both::new(
            format!("{}の監査記録", name.name),
            format!("audit log, {} (the last ten)", name.english),
        ));
        say!("{}", broker.command(&["audit", "search", "--limit", "10"]).await?.trim_end());
        say!("{}", broker.command(&["audit", "verify"]).await?.trim_end());
        for line in metrics(broker)
            .await
            .iter()
            .filter(|line| line.contains("withheld") || line.contains("emergency"))
        {
            say!("{line}");
        }
    }
    Ok(())
}

pub fn end(layout: &Layout, report: &Report) {
    let failed: Vec<String> = report
        .steps
        .iter()
        .enumerate()
        .filter(|(_, step)| !step.passed)
        .map(|(index, _)| (index + 1).to_string())
        .collect();
    heading(&Both::new("結果", "Result"));
    let seconds = report.took_ms / 1000;
    if failed.is_empty() {
        say!("  すべて期待どおり / everything as it must be: {} steps, {seconds} s", report.steps.len());
    } else {
        say!("  期待と異なる手順 / steps that came out otherwise: {}", failed.join(", "));
    }
    let folder = layout.folder.display();
    say!("  報告書 / report          {folder}/report.html  (report.json)");
    say!("  取得した文書 / documents {folder}/documents/");
    say!("  外部クライアント用 / for foreign clients {folder}/client.json (docs/client-json.md)");
    for network in networks() {
        say!("  kakehashi audit --config {folder}/{}/kakehashi.toml search", network.key);
    }
    say!("  kakehashi demo --keep　両ブローカを起動したままにする / leaves both brokers up");
}

/// How to go on by hand.
pub fn kept(layout: &Layout) {
    heading(&Both::new("起動中 (Ctrl-C で終了)", "Both brokers are up (Ctrl-C ends them)"));
    let client = layout.client();
    let (client, clients) = (client.display(), layout.folder.join("clients"));
    let clients = clients.display();
    for (network, ports) in networks().into_iter().zip(layout.ports) {
        say!(
            "  {}: portal https://127.0.0.1:{}  peer https://127.0.0.1:{}  http://127.0.0.1:{}/metrics",
            network.english,
            ports.portal,
            ports.peer,
            ports.admin
        );
    }
    let program =
        std::env::current_exe().map(|p| p.display().to_string()).unwrap_or_else(|_| "kakehashi".to_owned());
    say!("\n  {program} ask --client {client} find --example match\n");
    let [okayama, _] = layout.ports;
    say!(
        "  {program} ask --client {client} --side okayama --door gateway --print-request find --example match 2>/dev/null |\n\
         \x20   curl --silent --cacert {clients}/okayama-ca.pem --cert {clients}/hiroshima-gateway.pem --key {clients}/hiroshima-gateway.key.pem \\\n\
         \x20   -H 'Content-Type: application/soap+xml; charset=UTF-8; action=\"urn:hl7-org:v3:PRPA_IN201305UV02:CrossGatewayPatientDiscovery\"' \\\n\
         \x20   --data-binary @- https://127.0.0.1:{}/xcpd",
        okayama.peer
    );
}
