//! `kakehashi ask`: acts as a portal (or as the other network's gateway): find a patient, list
//! documents, fetch one. Everything it needs stands in `client.json` (docs/client-json.md).

mod asker;
mod find;
mod save;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::exit;
use crate::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use crate::dialect::hl7v3::CrossGatewayPatientDiscovery;
use crate::model::{
    Availability, CommunityId, Criteria, DocumentId, DocumentQuery, DocumentRetrieve, Homeless, Oid,
    PatientId, Phi, QueryKey, RepositoryId, ReturnType,
};

pub use asker::{AskError, Asker, Who};
pub use find::FindArgs;
pub use save::{Saved, save};
pub use show::{Shown, entry, patient};

/// Arguments of `kakehashi ask`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  kakehashi ask find --example match
  kakehashi ask find --family 髙橋 --given 美咲 --kana 'タカハシ ミサキ' --birth 19680412 --sex F --phone 0865-99-0101
  kakehashi ask list --patient 'OK000101^^^&2.999.33.1&ISO'
  kakehashi ask --role nurse list --patient 'OK000101^^^&2.999.33.1&ISO'
  kakehashi ask --side okayama list --xds --patient 'OK000107^^^&2.999.33.1&ISO'
  kakehashi ask fetch --document '2.999.33|2.999.33.11.2|2.25.1' --out .
  kakehashi ask --door gateway --side okayama --print-request find --example match > request.xml

Exit: 0 found or done, 1 nobody, nothing, or refused, 64 usage, 65 an answer or value that cannot be read,
66 client.json cannot be read, 69 the broker cannot be reached, 74 the document cannot be written,
78 client.json does not hold what is needed.")]
pub struct AskArgs {
    /// The file that `kakehashi demo` writes
    #[arg(long, global = true, default_value = "target/demo/client.json", env = "KAKEHASHI_CLIENT")]
    pub client: PathBuf,
    /// Whose broker to ask
    #[arg(long, global = true, default_value = "hiroshima")]
    pub side: String,
    /// As whom: the side's own portal, or the gateway of the other network
    #[arg(long, global = true, default_value = "portal", value_enum)]
    pub door: DoorWord,
    /// Role of the person who asks: physician, nurse, pharmacist
    #[arg(long, global = true, default_value = "physician")]
    pub role: String,
    /// TREATMENT or EMERGENCY
    #[arg(long, global = true, default_value = "TREATMENT")]
    pub purpose: String,
    /// The person who asks instead of the file's: id and name, apart by a blank
    #[arg(long, global = true, value_name = "ID NAME")]
    pub person: Option<String>,
    /// The organisation instead of the file's: OID and name, apart by a blank
    #[arg(long, global = true, value_name = "OID NAME")]
    pub organization: Option<String>,
    /// Seconds until an answer must have begun
    #[arg(long, global = true, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub timeout_s: u64,
    /// JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Prints a freshly signed request instead of sending it; where to send it stands on standard error
    #[arg(long, global = true)]
    pub print_request: bool,
    #[command(subcommand)]
    command: AskCommand,
}

/// As whom to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DoorWord {
    /// The side's own portal.
    Portal,
    /// The gateway of the other network.
    Gateway,
}

#[derive(Debug, Subcommand)]
enum AskCommand {
    /// Who is this person to you? (ITI-55)
    Find(FindArgs),
    /// Which documents are there? (ITI-38)
    List(ListArgs),
    /// Fetches documents into a folder (ITI-39)
    Fetch(FetchArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    /// CX as `find` prints it: `id^^^&oid&ISO`
    #[arg(long, value_name = "CX")]
    patient: String,
    /// Only at this community (OID)
    #[arg(long, value_name = "OID")]
    home: Option<String>,
    /// Superseded ones too
    #[arg(long)]
    deprecated: bool,
    /// As a portal asks its own registry: by ITI-18, which need not know that there are homes
    #[arg(long)]
    xds: bool,
}

#[derive(Debug, Args)]
struct FetchArgs {
    /// `home|repository|unique` as `list` prints it; may be given several times
    #[arg(long, value_name = "ID", required = true)]
    document: Vec<String>,
    /// Folder to write into; no file is ever overwritten
    #[arg(long, default_value = ".")]
    out: PathBuf,
    /// As a portal asks its own repository: by ITI-43, without saying the home
    #[arg(long)]
    xds: bool,
}

/// Runs it; returns the exit code.
pub async fn run(args: AskArgs) -> u8 {
    match carry_out(&args).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kakehashi ask: {error}");
            error.code
        }
    }
}

async fn carry_out(args: &AskArgs) -> Result<u8, AskError> {
    let who = Who {
        role: &args.role,
        purpose: &args.purpose,
        person: args.person.as_deref(),
        organization: args.organization.as_deref(),
    };
    let asker = Asker::open(&args.client, &args.side, args.door, who, args.timeout_s)?;
    match &args.command {
        AskCommand::Find(find) => {
            let request = find.request(asker.examples())?;
            if args.print_request {
                return asker.print::<CrossGatewayPatientDiscovery>(&request);
            }
            show::found(&asker.find(&request).await?, args.json)
        }
        AskCommand::List(list) => {
            let request = list.request()?;
            let answer = match (list.xds, args.print_request) {
                (true, true) => return asker.print::<RegistryStoredQuery>(&request),
                (false, true) => return asker.print::<CrossGatewayQuery>(&request),
                (true, false) => asker.list_at_registry(&request).await?,
                (false, false) => asker.list(&request).await?,
            };
            show::listed(&answer, args.json)
        }
        AskCommand::Fetch(fetch) => {
            let documents = fetch.document.iter().map(|text| document_id(text)).collect::<Result<_, _>>()?;
            let request = if fetch.xds { without_homes(documents) } else { DocumentRetrieve::of(documents) };
            let answer = match (fetch.xds, args.print_request) {
                (true, true) => return asker.print::<RetrieveDocumentSet>(&request),
                (false, true) => return asker.print::<CrossGatewayRetrieve>(&request),
                (true, false) => asker.fetch_at_repository(&request).await?,
                (false, false) => asker.fetch(&request).await?,
            };
            save::all(answer, &fetch.out, args.json).await
        }
    }
}

/// As somebody asks for documents who does not know that there are homes.
pub fn without_homes(documents: Vec<DocumentId>) -> DocumentRetrieve {
    let homeless = documents.into_iter().map(|id| Homeless { repository: id.repository, unique: id.unique });
    DocumentRetrieve { documents: Vec::new(), homeless: homeless.collect() }
}

impl ListArgs {
    fn request(&self) -> Result<DocumentQuery, AskError> {
        let usage = |text: &str, hint: &str| AskError::new(exit::USAGE, text.to_owned(), hint);
        let patient = PatientId::from_cx(&self.patient)
            .ok_or_else(|| usage("--patient is no CX", "id^^^&oid&ISO, as `find` prints it"))?;
        let home = match &self.home {
            None => None,
            Some(text) => {
                let oid = Oid::parse(text).ok_or_else(|| usage("--home is no OID", "like 2.999.33"))?;
                Some(CommunityId(oid))
            }
        };
        Ok(documents_of(patient, home, self.deprecated))
    }
}

/// FindDocuments of a patient.
pub fn documents_of(patient: PatientId, home: Option<CommunityId>, deprecated: bool) -> DocumentQuery {
    let mut statuses = std::collections::BTreeSet::from([Availability::Approved]);
    if deprecated {
        statuses.insert(Availability::Deprecated);
    }
    DocumentQuery {
        by: QueryKey::Patient(patient),
        home,
        criteria: Criteria { statuses, ..Criteria::default() },
        returns: ReturnType::LeafClass,
    }
}

/// `home|repository|unique`.
pub fn document_id(text: &str) -> Result<DocumentId, AskError> {
    let wrong = || {
        let hint = "home|repository|unique, in quotation marks, as `list` prints it";
        AskError::new(exit::USAGE, "--document names no document".to_owned(), hint)
    };
    let mut parts = text.splitn(3, '|').map(str::trim);
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let (Some(home), Some(repository), Some(unique)) = (next(), next(), next()) else { return Err(wrong()) };
    Ok(DocumentId {
        community: CommunityId(Oid::parse(home).ok_or_else(wrong)?),
        repository: RepositoryId(Oid::parse(repository).ok_or_else(wrong)?),
        unique: Phi::new(unique.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_named_by_its_three_ids() {
        let id = document_id("urn:oid:2.999.33|2.999.33.11.2|2.25.7").unwrap();
        assert_eq!((id.community.0.as_str(), id.unique.reveal().as_str()), ("2.999.33", "2.25.7"));
        for bad in ["", "2.999.33", "2.999.33|x|1", "2.999.33|2.999.1|"] {
            assert_eq!(document_id(bad).unwrap_err().code, exit::USAGE, "{bad}");
        }
    }
}
