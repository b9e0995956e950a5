//! What a query element that was kept in a record asked for: its id and patient, and for a retrieve its documents.

use crate::audit::references::QueryElement;
use crate::xml::Tree;

/// A document that was asked for.
#[derive(Clone, PartialEq, Eq)]
pub struct AskedDocument {
    /// As written, with or without `urn:oid:`.
    pub home: String,
    pub repository: String,
    pub unique: String,
}

/// The id of a query: the stored query's UUID (ebXML), or queryId as `extension@root` (HL7 V3).
/// Empty where it cannot be told.
pub fn query_id(element: Option<&QueryElement>) -> String {
    let Some(tree) = tree(element) else { return String::new() };
    let child = |name: &str| tree.elements().find(|child| child.name() == name);
    if let Some(query) = child("AdhocQuery") {
        return query.attribute("id").unwrap_or_default().to_owned();
    }
    let Some(id) = child("queryId") else { return String::new() };
    let root = id.attribute("root").unwrap_or_default();
    match id.attribute("extension") {
        Some(extension) => format!("{extension}@{root}"),
        None => root.to_owned(),
    }
}

/// The patient id (CX) a stored query asks about, as the far end was told it. None where it asks by
/// document, or the element was too large to be kept.
pub fn patient(element: Option<&QueryElement>) -> Option<String> {
    let tree = tree(element)?;
    let query = tree.elements().find(|child| child.name() == "AdhocQuery")?;
    let is_patient = |slot: &&Tree| {
        let name = slot.attribute("name").unwrap_or_default();
        name.starts_with('$') && name.ends_with("PatientId")
    };
    let slot = query.elements().filter(|child| child.name() == "Slot").find(is_patient)?;
    let value = slot.elements().flat_map(Tree::elements).find(|child| child.name() == "Value")?;
    Some(value.text().trim().trim_matches('\'').to_owned()).filter(|id| !id.is_empty())
}

/// The documents of a retrieve; none where the element was too large to be kept.
pub fn documents(element: Option<&QueryElement>) -> Vec<AskedDocument> {
    let Some(tree) = tree(element) else { return Vec::new() };
    let requests = tree.elements().filter(|child| child.name() == "DocumentRequest");
    let document = |request: &Tree| {
        let text = |name: &str| {
            let found = request.elements().find(|child| child.name() == name);
            found.map(Tree::text).unwrap_or_default().trim().to_owned()
        };
        AskedDocument {
            home: text("HomeCommunityId"),
            repository: text("RepositoryUniqueId"),
            unique: text("DocumentUniqueId"),
        }
    };
    requests.map(document).collect()
}

fn tree(element: Option<&QueryElement>) -> Option<Tree> {
    let bytes = element?.bytes.as_ref()?.reveal();
    Tree::parse(std::str::from_utf8(bytes).ok()?).ok()
}
