//! Small subtrees kept whole: a query to echo, an assertion's attributes, one HL7 V3 body.

use std::ops::Range;

use super::{Element, Event, Reader};
use crate::model::Malformed;

/// A child of a tree.
#[derive(Debug, Clone)]
pub enum Node {
    /// An element.
    Element(Tree),
    /// A run of text, joined.
    Text(String),
}

/// An element with all it holds.
#[derive(Debug, Clone)]
pub struct Tree {
    /// Name and attributes.
    pub element: Element,
    /// Children in order.
    pub children: Vec<Node>,
    /// Where it stands in the source, from `<` to `>`.
    pub range: Range<usize>,
    /// `xsi:type` resolved to (namespace, local name), where there is one.
    pub xsi_type: Option<Box<(String, String)>>,
}

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

impl Tree {
    /// Reads the element just begun to its end.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn read(reader: &mut Reader<'_>, element: Element) -> Result<Self, Malformed> {
        // What is complete of the open elements stands on one stack, so that each gets its children in a
        // piece of memory of just their size.
        let mut open = vec![(Self::begun(reader, element), 0)];
        let mut nodes: Vec<Node> = Vec::new();
        loop {
            match reader.next()? {
                Event::Start(element) => {
                    let tree = Self::begun(reader, element);
                    open.push((tree, nodes.len()));
                }
                Event::Text(text) => {
                    let begins = open.last().map(|(_, begins)| *begins).unwrap_or_default();
                    match nodes.get_mut(begins..).and_then(<[Node]>::last_mut) {
                        Some(Node::Text(run)) => run.push_str(&text),
                        _ => nodes.push(Node::Text(text.into_owned())),
                    }
                }
                Event::End => {
                    let Some((mut tree, begins)) = open.pop() else { break };
                    tree.range.end = reader.offset();
                    tree.children = nodes.split_off(begins.min(nodes.len()));
                    if open.is_empty() {
                        return Ok(tree);
                    }
                    nodes.push(Node::Element(tree));
                }
                Event::Eof => break,
            }
        }
        Err(reader.malformed("malformed-xml", "the document ends before its element does"))
    }

    fn begun(reader: &Reader<'_>, element: Element) -> Self {
        let xsi_type = element.attribute_ns(XSI, "type").map(|value| Box::new(reader.qname(value)));
        let range = element.at..element.at;
        Self { element, children: Vec::new(), range, xsi_type }
    }

    /// Reads a whole document.
    ///
    /// # Errors
    /// As [`Reader::next`].
    pub fn parse(source: &str) -> Result<Self, Malformed> {
        let mut reader = Reader::new(source);
        let root = reader.root()?;
        let tree = Self::read(&mut reader, root)?;
        reader.finish()?;
        Ok(tree)
    }

    /// Local name.
    pub fn name(&self) -> &str {
        &self.element.local
    }

    /// Whether it is this element of this namespace.
    pub fn is(&self, ns: &str, local: &str) -> bool {
        self.element.is(ns, local)
    }

    /// An attribute without namespace.
    pub fn attribute(&self, local: &str) -> Option<&str> {
        self.element.attribute(local)
    }

    /// Child elements in order.
    pub fn elements(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(tree) => Some(tree),
            Node::Text(_) => None,
        })
    }

    /// The first child element of this name.
    pub fn first(&self, ns: &str, local: &str) -> Option<&Self> {
        self.elements().find(|child| child.is(ns, local))
    }

    /// All child elements of this name.
    pub fn all<'t>(&'t self, ns: &'t str, local: &'t str) -> impl Iterator<Item = &'t Self> {
        self.elements().filter(move |child| child.is(ns, local))
    }

    /// The descendant at the end of a path of first children, all of one namespace.
    pub fn path(&self, ns: &str, locals: &[&str]) -> Option<&Self> {
        locals.iter().try_fold(self, |tree, local| tree.first(ns, local))
    }

    /// All text below, joined in document order.
    pub fn text(&self) -> String {
        let mut joined = String::new();
        self.collect(&mut joined);
        joined
    }

    fn collect(&self, joined: &mut String) {
        for node in &self.children {
            match node {
                Node::Text(text) => joined.push_str(text),
                Node::Element(tree) => tree.collect(joined),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_knows_where_it_stands_in_the_source() {
        let source = "<a xmlns='u'>x<b c='1'>y<d/></b>z</a>";
        let tree = Tree::parse(source).unwrap();
        let b = tree.path("u", &["b"]).unwrap();
        assert_eq!(source.get(b.range.clone()), Some("<b c='1'>y<d/></b>"));
        let d = b.first("u", "d").unwrap();
        assert_eq!(source.get(d.range.clone()), Some("<d/>"));
        assert_eq!(tree.text(), "xyz");
    }

    #[test]
    fn xsi_type_is_resolved_where_it_stands() {
        let source =
            "<a xmlns:i='http://www.w3.org/2001/XMLSchema-instance'><b xmlns:h='urn:h' i:type='h:CE'/></a>";
        let tree = Tree::parse(source).unwrap();
        let found = tree.elements().next().and_then(|b| b.xsi_type.clone());
        assert_eq!(found.as_deref(), Some(&("urn:h".to_owned(), "CE".to_owned())));
    }
}
