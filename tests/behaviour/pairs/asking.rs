//! The two ways in which a portal asks: in plain PIX, PDQ and XDS.b, as if all were its own network's,
//! and by the book of XCPD and XCA, with homes.

use std::sync::Mutex;

use kakehashi::dialect::Transaction;
use kakehashi::dialect::ebxml::{
    CrossGatewayQuery, CrossGatewayRetrieve, RegistryStoredQuery, RetrieveDocumentSet,
};
use kakehashi::dialect::hl7v3::{PdqQuery, PixQuery};
use kakehashi::model::{
    Availability, CommunityId, Criteria, DemographicsQuery, Document, DocumentId, DocumentQuery,
    DocumentRetrieve, Homeless, MessageId, ObjectId, PatientId, PatientIdLookup, PatientMatch, Phi, QueryId,
    QueryKey, RepositoryId, ReturnType, Wanted,
};

use super::fields::{self, Fields};
use super::peers::World;
use crate::simulators::client::{Asked, Client, Message, PHYSICIAN, Reply, discovery, oid, patient, whole};
use crate::simulators::hospital::HANAKO;
use crate::simulators::network::OKAYAMA;

/// How a portal asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Portal {
    /// ITI-47 and ITI-45, then ITI-18 and ITI-43 without homes.
    Plain,
    /// ITI-55, then ITI-38 and ITI-39.
    Homes,
}

pub const PORTALS: [Portal; 2] = [Portal::Plain, Portal::Homes];

/// A portal that has looked HANAKO up.
pub struct Asking {
    portal: Portal,
    client: Client,
    /// Her id, as the look-up told it.
    pub patient: PatientId,
    home: CommunityId,
    /// Answers that were no success.
    pub refused: Mutex<Vec<String>>,
}

const BOTH: [Availability; 2] = [Availability::Approved, Availability::Deprecated];
const EVERY_SORT: [&str; 2] =
    ["urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1", "urn:uuid:34268e47-fdf5-41a6-ba33-82133c465248"];

async fn looked_up_plainly(client: &Client, world: &World) -> PatientId {
    let query = QueryId { root: "2.999.33.0.7".to_owned(), extension: Some(MessageId::fresh().0) };
    let person = discovery(HANAKO.demographics());
    let asked = DemographicsQuery { person, authorities: Vec::new(), query, page: None };
    let answer = client.ask::<PdqQuery>(&asked).await.unwrap();
    let network = patient("2.999.33.1", "N-1");
    let of_network = answer.found.iter().filter(|found| match found {
        PatientMatch::Found(found) => found.id == network || found.also.contains(&network),
        _ => false,
    });
    assert_eq!(of_network.count(), 1, "{:?}", answer.found);
    let asked = PatientIdLookup { known: network.clone(), demographics: None, authorities: Vec::new() };
    let answer = client.ask::<PixQuery>(&asked).await.unwrap();
    let ids: Vec<String> = answer.found.iter().map(|found| found.id.cx().reveal().clone()).collect();
    if world.place().community != OKAYAMA.community {
        assert!(ids.contains(&"H-1^^^&2.999.34.1&ISO".to_owned()), "the peer's is told beside ours: {ids:?}");
    }
    network
}

async fn looked_up_by_the_book(client: &Client, home: &CommunityId) -> PatientId {
    let found = client.find(HANAKO.demographics()).await;
    let theirs: Vec<_> = found
        .iter()
        .filter_map(|found| match found {
            PatientMatch::Found(found) if found.community == *home => Some(found.id.clone()),
            _ => None,
        })
        .collect();
    let [id] = theirs.as_slice() else { panic!("{found:?}") };
    id.clone()
}

impl Asking {
    pub async fn of(world: &World, portal: Portal) -> Self {
        let client = world.okayama.portal(PHYSICIAN).expecting(world.place());
        let home = world.holder.home();
        let patient = match portal {
            Portal::Plain => looked_up_plainly(&world.okayama.portal(PHYSICIAN), world).await,
            Portal::Homes => looked_up_by_the_book(&client, &home).await,
        };
        Self { portal, client, patient, home, refused: Mutex::default() }
    }

    async fn sent<T: Asked>(&self, request: &T::Request, what: &str) -> (Message, Reply) {
        let message = self.client.write::<T>(request).await;
        let reply = self.client.send(&message).await;
        let (text, codes) = (reply.text(), reply.error_codes());
        if !text.contains("ResponseStatusType:Success\"") || !codes.is_empty() {
            let context = text.split("codeContext=\"").nth(1).and_then(|rest| rest.split('"').next());
            self.refused.lock().unwrap().push(format!("{what} is answered {codes:?} {context:?}"));
        }
        (message, reply)
    }

    async fn list(&self, by: QueryKey, wanted: Wanted) -> Vec<Fields> {
        let home = match (&by, self.portal) {
            (QueryKey::Patient(_), _) | (_, Portal::Plain) => None,
            _ => Some(self.home.clone()),
        };
        let mut criteria = Criteria { wanted, ..Criteria::default() };
        if matches!(by, QueryKey::Patient(_)) {
            let is = |these: &[Wanted]| if these.contains(&wanted) { BOTH.into() } else { [].into() };
            criteria.statuses = is(&[Wanted::Documents, Wanted::Everything]);
            criteria.folder_statuses = is(&[Wanted::Folders, Wanted::Everything]);
            criteria.set_statuses = is(&[Wanted::SubmissionSets, Wanted::Everything]);
            criteria.entry_types = EVERY_SORT.map(str::to_owned).to_vec();
        }
        if wanted == Wanted::RelatedDocuments {
            criteria.association_types = vec![super::table::REPLACES.to_owned()];
        }
        let query = DocumentQuery { by, home, criteria, returns: ReturnType::LeafClass };
        let what = format!("{wanted:?}");
        let (_, reply) = match self.portal {
            Portal::Plain => self.sent::<RegistryStoredQuery>(&query, &what).await,
            Portal::Homes => self.sent::<CrossGatewayQuery>(&query, &what).await,
        };
        fields::listed(&reply.text())
    }

    /// What a query by her id lists.
    pub async fn of_patient(&self, wanted: Wanted) -> Vec<Fields> {
        self.list(QueryKey::Patient(self.patient.clone()), wanted).await
    }

    /// What a query by these ids lists.
    pub async fn of_objects(&self, ids: &[String], wanted: Wanted) -> Vec<Fields> {
        let ids = ids.iter().map(|id| ObjectId(Phi::new(id.clone()))).collect();
        self.list(QueryKey::Objects(ids), wanted).await
    }

    /// What a query by these unique ids lists.
    pub async fn of_uniques(&self, ids: &[String], wanted: Wanted) -> Vec<Fields> {
        let ids = ids.iter().map(|id| Phi::new(id.clone())).collect();
        self.list(QueryKey::UniqueIds(ids), wanted).await
    }

    /// The documents of these entries, all by one message: what stands beside the bytes, and they.
    pub async fn documents(&self, entries: &[&Fields]) -> Vec<(Fields, Vec<u8>)> {
        let repository = |entry: &Fields| RepositoryId(oid(&entry["repositoryUniqueId"]));
        let unique = |entry: &Fields| Phi::new(entry["uniqueId"].clone());
        match self.portal {
            Portal::Plain => {
                let homeless = entries
                    .iter()
                    .map(|entry| Homeless { repository: repository(entry), unique: unique(entry) });
                let request = DocumentRetrieve { documents: Vec::new(), homeless: homeless.collect() };
                self.retrieved::<RetrieveDocumentSet>(&request).await
            }
            Portal::Homes => {
                let ids = entries.iter().map(|entry| DocumentId {
                    community: self.home.clone(),
                    repository: repository(entry),
                    unique: unique(entry),
                });
                let request = DocumentRetrieve::of(ids.collect());
                self.retrieved::<CrossGatewayRetrieve>(&request).await
            }
        }
    }

    async fn retrieved<T>(&self, request: &DocumentRetrieve) -> Vec<(Fields, Vec<u8>)>
    where
        T: Asked + Transaction<Request = DocumentRetrieve>,
    {
        let (message, reply) = self.sent::<T>(request, "a retrieve").await;
        let text = reply.text();
        let said: Vec<Fields> = text.split("<xdsb:DocumentResponse>").skip(1).map(said).collect();
        let answer = match self.client.read::<T>(&message, &reply).await {
            Ok(answer) => answer,
            Err(failure) => {
                self.refused.lock().unwrap().push(format!("a retrieve: {failure:?}"));
                return Vec::new();
            }
        };
        let mut documents = Vec::new();
        for (document, said) in answer.found.into_iter().zip(said) {
            let document: Document = document;
            assert_eq!(*document.id.unique.reveal(), said["uniqueId"], "in one order");
            documents.push((said, whole(document).await.unwrap()));
        }
        documents
    }
}

// What a DocumentResponse says beside its bytes.
fn said(response: &str) -> Fields {
    let response = response.split("</xdsb:DocumentResponse>").next().unwrap();
    let mut fields = Fields::new();
    for (element, field) in [
        ("HomeCommunityId", "@home"),
        ("RepositoryUniqueId", "repositoryUniqueId"),
        ("DocumentUniqueId", "uniqueId"),
        ("mimeType", "@mimeType"),
    ] {
        let value =
            response.split(&format!("<xdsb:{element}>")).nth(1).and_then(|rest| rest.split('<').next());
        if let Some(value) = value {
            fields.insert(field.to_owned(), value.to_owned());
        }
    }
    fields
}
