//! Documents by ITI-43: each asked for at its repository, and back under our own home.

use http::Uri;

use super::network::Xds;
use crate::model::{
    Answer, CommunityId, Document, DocumentId, DocumentRetrieve, Failure, Homeless, Reported, Side,
};

/// What an error of a registry or repository reads as to another network: its own words may hold a
/// number.
const ELSEWHERE: &str = "a system of this community reports an error";

impl Xds {
    /// What leaves: documents without their home, or with the home it calls itself.
    pub(super) fn asking_for(&self, request: &DocumentRetrieve) -> DocumentRetrieve {
        let documents = request.documents.iter();
        if self.config.send_home {
            let home = &self.exchange.ends.receiver;
            let at_home = documents.map(|id| DocumentId { community: home.clone(), ..id.clone() });
            return DocumentRetrieve::of(at_home.collect());
        }
        let homeless =
            documents.map(|id| Homeless { repository: id.repository.clone(), unique: id.unique.clone() });
        DocumentRetrieve { documents: Vec::new(), homeless: homeless.collect() }
    }

    /// The documents of a retrieve by the URL of their repository.
    pub(super) fn by_url(&self, request: &DocumentRetrieve) -> Result<Vec<(&Uri, Vec<DocumentId>)>, Failure> {
        let mut by_url: Vec<(&Uri, Vec<DocumentId>)> = Vec::new();
        for id in &request.documents {
            let Some(to) = self.repository(id) else { continue };
            match by_url.iter_mut().find(|(known, _)| *known == to) {
                Some((_, documents)) => documents.push(id.clone()),
                None => by_url.push((to, vec![id.clone()])),
            }
        }
        if by_url.is_empty() { Err(Failure::NotOffered) } else { Ok(by_url) }
    }

    /// The documents under the community that they were asked for with.
    pub(super) fn delivered(&self, asked_from: Side, mut answer: Answer<Document>) -> Answer<Document> {
        for document in &mut answer.found {
            document.id.community = self.descriptor.community.clone();
        }
        self.told(asked_from, &mut answer.reported);
        answer
    }

    /// What it reports, as said by the community of its file.
    pub(super) fn told(&self, asked_from: Side, reported: &mut [Reported]) {
        let community: &CommunityId = &self.descriptor.community;
        for reported in reported {
            reported.community = Some(community.clone());
            if let Some(document) = &mut reported.document {
                document.community = community.clone();
            }
            if asked_from == Side::Peer {
                ELSEWHERE.clone_into(&mut reported.context);
            }
        }
    }
}
