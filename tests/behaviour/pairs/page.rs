//! `docs/losses.md`, made of the declared losses: a page that says something else than the table fails.

use std::fmt::Write as _;
use std::path::Path;

use super::asking::Portal;
use super::losses::{Becomes, DECLARED, Loss, Of};
use super::peers::{PEERS, Peer};

const HEAD: &str = "# What a portal reads otherwise than it is held

Thirty documents that differ in all that the metadata of XDS can say, three folders, four submission sets and the
associations between them are held by a peer of each kind and asked for by a portal of each kind: `tests/behaviour/pairs`.
Every field of every entry, folder, submission set and association and every byte of every document arrives as it is held,
but for the rows below. What is lost beyond them fails the test, and so does a row that no longer happens.

A *plain* portal asks by ITI-47, ITI-45, ITI-18 and ITI-43 and names no homes; one *with homes* by ITI-55, ITI-38 and ITI-39.
The policies of these tests permit everything: what agreements and consents withhold comes on top. This page is made of
`tests/behaviour/pairs/losses/declared.rs` (`KAKEHASHI_LOSSES_ACCEPT=1` writes it anew).
";

const fn peer(peer: Peer) -> &'static str {
    match peer {
        Peer::XdsNetwork => "Another network behind PIX, PDQ and XDS (`xds`, peer)",
        Peer::XdsSource => "A site of ours behind PIX, PDQ and XDS (`xds`, home)",
        Peer::Xca => "A gateway that speaks XCPD and XCA (`xca`)",
        Peer::Kakehashi => "Another kakehashi, with a site behind PIX, PDQ and XDS",
        Peer::Ssmix2 => "A storage of ours (`ssmix2`): the documents as files of the extension storage",
    }
}

fn portals(portals: &[Portal]) -> &'static str {
    match portals {
        [Portal::Plain] => "plain",
        [Portal::Homes] => "with homes",
        _ => "either",
    }
}

fn of(of: Of) -> String {
    match of {
        Of::Entries => "entries".to_owned(),
        Of::These([number]) => format!("entry of document {number}"),
        Of::These(numbers) => {
            let numbers: Vec<String> = numbers.iter().map(u32::to_string).collect();
            format!("entries of documents {}", numbers.join(", "))
        }
        Of::TheseSets(_) => "a submission set of several authors".to_owned(),
        Of::Packages => "folders and submission sets".to_owned(),
        Of::Associations => "associations".to_owned(),
        Of::TheseAssociations(_, which) => which.to_owned(),
        Of::Retrieved => "what is fetched".to_owned(),
    }
}

fn becomes(becomes: &Becomes) -> String {
    match becomes {
        Becomes::NotShown => "not shown".to_owned(),
        Becomes::Missing | Becomes::Is("–" | "–; –") => "missing".to_owned(),
        Becomes::Minted => "another".to_owned(),
        Becomes::Is(value) => format!("`{value}`"),
        Becomes::Made(words, _) => (*words).to_owned(),
    }
}

fn row(loss: &Loss) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let field = if loss.field.is_empty() { "all" } else { loss.field };
    let (of, becomes) = (of(loss.of), cell(&becomes(&loss.becomes)));
    format!("| {of} | {} | {} | {becomes} | {} |\n", cell(field), portals(loss.portals), cell(loss.why))
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for of in PEERS {
        write!(
            page,
            "\n## {}\n\n| of | field | portal | becomes | because |\n|---|---|---|---|---|\n",
            peer(of)
        )
        .unwrap();
        let losses = DECLARED.iter().filter(|loss| loss.peers.contains(&of));
        page.extend(losses.map(row));
    }
    page
}

#[test]
fn the_page_of_losses_says_what_is_declared() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/losses.md");
    let made = page();
    if std::env::var_os("KAKEHASHI_LOSSES_ACCEPT").is_some() {
        std::fs::write(&kept, &made).unwrap();
    }
    let before = std::fs::read_to_string(&kept).unwrap_or_default();
    let only = |one: &str, other: &str| -> Vec<String> {
        let known: Vec<&str> = other.lines().collect();
        one.lines().filter(|line| !known.contains(line)).map(str::to_owned).collect()
    };
    assert!(
        before == made,
        "docs/losses.md is stale: without {:#?}, with {:#?}",
        only(&made, &before),
        only(&before, &made)
    );
}
