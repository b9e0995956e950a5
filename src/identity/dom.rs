//! Looking at the signature crate's document by namespace and local name, and taking an element out
//! of it as a tree of ours.

use std::sync::Arc;

use bergshamra::xml::{Document, NodeId, NodeKind};

use crate::xml::{Attribute, Element, Node, Tree};

/// Whether a node is this element.
pub(super) fn is(doc: &Document<'_>, node: NodeId, ns: &str, local: &str) -> bool {
    doc.element(node).is_some_and(|e| e.name.matches(Some(ns), local))
}

/// Child elements.
pub(super) fn children<'d>(doc: &'d Document<'_>, node: NodeId) -> impl Iterator<Item = NodeId> + 'd {
    doc.children(node).into_iter().filter(|child| doc.element(*child).is_some())
}

/// The child of this name; None when there is none or more than one.
pub(super) fn only_child(doc: &Document<'_>, node: NodeId, ns: &str, local: &str) -> Option<NodeId> {
    let mut found = children(doc, node).filter(|child| is(doc, *child, ns, local));
    found.next().filter(|_| found.next().is_none())
}

/// An attribute without namespace; the crate's own look-up passes over namespaces.
pub(super) fn attribute<'d>(doc: &'d Document<'_>, node: NodeId, local: &str) -> Option<&'d str> {
    let element = doc.element(node)?;
    let plain = |a: &&bergshamra::xml::Attribute<'_>| {
        a.name.namespace_uri.as_deref().unwrap_or_default().is_empty() && a.name.local_name == local
    };
    element.attributes.iter().find(plain).map(|a| &*a.value)
}

/// Copies an element, the same nodes the digest is made over, leaving one child out. Text around
/// comments is joined: canonicalization drops comments, so a reader must not stop at one.
pub(super) fn tree(doc: &Document<'_>, node: NodeId, without: Option<NodeId>) -> Tree {
    Copying { doc, namespaces: vec!["".into()] }.tree(node, without)
}

/// A copy under way, with the namespaces met: most of an assertion is of one or two.
struct Copying<'d, 's> {
    doc: &'d Document<'s>,
    namespaces: Vec<Arc<str>>,
}

impl Copying<'_, '_> {
    fn tree(&mut self, node: NodeId, without: Option<NodeId>) -> Tree {
        let mut element =
            Element { ns: self.namespace(None), local: "".into(), attributes: Vec::new(), at: 0 };
        if let Some(found) = self.doc.element(node) {
            element.ns = self.namespace(found.name.namespace_uri.as_deref());
            element.local = (&*found.name.local_name).into();
            element.attributes = found.attributes.iter().map(|attribute| self.attribute(attribute)).collect();
        }
        let children = self.doc.children(node);
        let mut nodes: Vec<Node> = Vec::with_capacity(children.len());
        for child in children.into_iter().filter(|child| Some(*child) != without) {
            match self.doc.node_kind(child) {
                Some(NodeKind::Element(_)) => nodes.push(Node::Element(self.tree(child, None))),
                Some(NodeKind::Text(text) | NodeKind::CData(text)) => match nodes.last_mut() {
                    Some(Node::Text(run)) => run.push_str(text),
                    _ => nodes.push(Node::Text(text.to_string())),
                },
                _ => {}
            }
        }
        Tree { element, children: nodes, range: 0..0, xsi_type: None }
    }

    fn attribute(&mut self, attribute: &bergshamra::xml::Attribute<'_>) -> Attribute {
        Attribute {
            ns: self.namespace(attribute.name.namespace_uri.as_deref()),
            local: (&*attribute.name.local_name).into(),
            value: (&*attribute.value).into(),
        }
    }

    fn namespace(&mut self, uri: Option<&str>) -> Arc<str> {
        let uri = uri.unwrap_or_default();
        if let Some(known) = self.namespaces.iter().find(|known| ***known == *uri) {
            return Arc::clone(known);
        }
        let new: Arc<str> = uri.into();
        if self.namespaces.len() < NAMESPACES_KEPT {
            self.namespaces.push(Arc::clone(&new));
        }
        new
    }
}

/// More namespaces than any assertion needs are not remembered.
const NAMESPACES_KEPT: usize = 8;
