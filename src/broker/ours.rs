//! What home claims because its own sources hold it, whether or not anybody was shown it.

use super::claims::Routes;
use super::resolve::{Resolver, by_ids};
use crate::model::{Criteria, DocumentQuery, QueryKey, RegistryObject, RequestContext, Wanted};
use crate::telemetry;

impl Resolver<'_> {
    /// Takes ids that are ours out of what would be asked of networks: what a peer alone was shown with
    /// would else be drawn to that peer.
    pub(super) async fn leave_out_what_is_ours(
        &self,
        context: &RequestContext,
        wanted: Wanted,
        routes: &mut Routes,
    ) {
        for (home, by) in routes.at.iter_mut().filter(|(home, _)| *home != self.identity.community) {
            let ours = self.held(context, wanted, by).await;
            if ours.is_empty() {
                continue;
            }
            tracing::warn!(request = %context.id, %home, "a network claims an id that is ours");
            routes.has_ambiguous = true;
            match by {
                QueryKey::Objects(ids) => ids.retain(|id| !ours.iter().any(|held| held.object() == id)),
                QueryKey::UniqueIds(ids) => {
                    ids.retain(|id| !ours.iter().any(|held| held.unique() == Some(id)));
                }
                QueryKey::Patient(_) => {}
            }
        }
        routes.at.retain(|(_, by)| !by.is_empty());
    }

    // The objects of our own sources under these ids. A source that does not answer could not show its
    // own either.
    async fn held(&self, context: &RequestContext, wanted: Wanted, by: &QueryKey) -> Vec<RegistryObject> {
        let mut held = Vec::new();
        for source in self.directory.sources() {
            for query in questions(wanted, by) {
                match source.entries_at_home(context, &self.identity.leg(), &query).await {
                    Ok(answer) => held.extend(answer.found.into_iter().filter(|object| by.names(object))),
                    Err(failure) => {
                        let (target_name, failure) =
                            (&source.descriptor().name, telemetry::failure_detail(&failure));
                        tracing::warn!(request = %context.id, %target_name, failure, "whether an id is ours is not known");
                    }
                }
            }
        }
        held
    }
}

// By which queries a source would show what lies under these ids.
fn questions(wanted: Wanted, by: &QueryKey) -> Vec<DocumentQuery> {
    let of: &[Wanted] = match wanted {
        Wanted::Folders | Wanted::FolderAndContents => &[Wanted::Folders],
        Wanted::SubmissionSetAndContents => &[Wanted::SubmissionSetAndContents],
        // Ids of any kind.
        Wanted::Associations | Wanted::SubmissionSets => &[Wanted::Documents, Wanted::Folders],
        _ => &[Wanted::Documents],
    };
    let query = |wanted: &Wanted| DocumentQuery {
        criteria: Criteria { wanted: *wanted, ..Criteria::default() },
        ..by_ids(by.clone())
    };
    of.iter().map(query).collect()
}
