//! The objects of an AdhocQueryResponse, counted by kind and looked over (wire.md 16, 21.4), for
//! `decode`.

use std::collections::BTreeSet;

use super::checked_query::HomeRule;
use super::entry::{Object, object_type};
use super::splice;
use super::summary::{Found, Summary};
use super::vocabulary::{RIM, availability, folded_uuid, same_uuid, scheme};
use crate::xml::{Reader, Tree};

/// What has been met so far.
#[derive(Debug, Default)]
pub struct Counts {
    entries: usize,
    folders: usize,
    submission_sets: usize,
    associations: usize,
    object_refs: usize,
    /// Packages whose kind may be told by a classification that stands beside them.
    packages: BTreeSet<String>,
}

impl Counts {
    /// Whether nothing has been met.
    pub fn is_empty(&self) -> bool {
        let packages = self.folders + self.submission_sets + self.packages.len();
        self.entries + packages + self.associations + self.object_refs == 0
    }

    /// The counts by their names.
    pub fn found(&self) -> Found {
        let some = |count: usize| (count > 0).then_some(count);
        Found {
            entries: Some(self.entries),
            folders: some(self.folders),
            submission_sets: some(self.submission_sets),
            associations: some(self.associations),
            object_refs: some(self.object_refs),
            ..Found::default()
        }
    }

    /// Counts one object and notes what is wrong with it.
    pub fn take(&mut self, object: Object<'_>, rule: HomeRule, summary: &mut Summary, source: &str) {
        let tree = object.tree;
        let at = |code: &'static str, why: &str| Reader::new(source).malformed_at(tree.element.at, code, why);
        match tree.name() {
            "ExtrinsicObject" => {
                self.entries += 1;
                let status = tree.attribute("status").map(str::trim).filter(|status| !status.is_empty());
                match status {
                    None => summary.refuse(at(
                        "XDSRegistryError",
                        "an ExtrinsicObject has no status (switch fill_missing_status)",
                    )),
                    Some(status) if availability(status).is_none() => {
                        summary
                            .warn("unknown-status", "an ExtrinsicObject is neither approved nor deprecated");
                    }
                    Some(_) => {}
                }
                if object_type(tree).is_none() {
                    let why = "an ExtrinsicObject has no known objectType (switch fill_missing_status)";
                    summary.refuse(at("XDSRegistryError", why));
                }
            }
            "RegistryPackage" => self.package(tree),
            "Association" => self.associations += 1,
            "ObjectRef" => self.object_refs += 1,
            "Classification" => self.classification(tree),
            _ => {}
        }
        if let Err(malformed) = splice::check_names(tree) {
            summary.warn("unexpected-element", malformed.why);
        }
        let needs_home = matches!(tree.name(), "ExtrinsicObject" | "RegistryPackage" | "ObjectRef");
        match tree.attribute("home").map(str::trim).filter(|home| !home.is_empty()) {
            None if needs_home && rule == HomeRule::Required => {
                let why = format!("{} without home (switch fill_missing_home)", tree.name());
                summary.refuse(at("XDSMissingHomeCommunityId", &why));
            }
            Some(home) if !home.starts_with("urn:oid:") => {
                summary.warn("home-without-urn", "a home has no urn:oid:");
            }
            _ => {}
        }
    }

    fn package(&mut self, tree: &Tree) {
        let mut nodes = tree.all(RIM, "Classification").filter_map(|c| c.attribute("classificationNode"));
        if !nodes.any(|node| self.count_package(node)) {
            self.packages.insert(folded_uuid(tree.attribute("id").unwrap_or_default()));
        }
    }

    fn classification(&mut self, tree: &Tree) {
        let object = tree.attribute("classifiedObject").unwrap_or_default();
        let node = tree.attribute("classificationNode").unwrap_or_default();
        let object = folded_uuid(object);
        if self.packages.contains(&object) && self.count_package(node) {
            self.packages.remove(&object);
        }
    }

    fn count_package(&mut self, node: &str) -> bool {
        if same_uuid(node, scheme::FOLDER) {
            self.folders += 1;
        } else if same_uuid(node, scheme::SUBMISSION_SET) {
            self.submission_sets += 1;
        } else {
            return false;
        }
        true
    }
}
