//! Writes a tree again as markup that stands on its own: elements without prefixes, each change of
//! namespace declared where it happens. For reference parameters and echoed queries.

use crate::xml::{Attribute, Node, Tree, Writer};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
// Bound to `xml` everywhere, and to be declared as nothing else.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// The tree as markup, to be put where `default_ns` is the default namespace. `extra` are
/// attributes (namespace, local name, value) its outermost element gets in addition.
pub fn copy(tree: &Tree, default_ns: &str, extra: &[(&str, &str, &str)]) -> String {
    let mut writer = Writer::with_capacity(1 << 10);
    element(&mut writer, tree, default_ns, extra);
    writer.finish()
}

// Depth is bounded by the reader the tree came from.
fn element(writer: &mut Writer, tree: &Tree, default_ns: &str, extra: &[(&str, &str, &str)]) {
    let ns = &*tree.element.ns;
    let inner_ns = if ns == XML { default_ns } else { ns };
    if ns == XML {
        writer.start(&format!("xml:{}", tree.name()));
    } else {
        writer.start(tree.name());
    }
    if inner_ns != default_ns {
        writer.attribute("xmlns", inner_ns);
    }
    let mut declared = 0_usize;
    let is_replaced = |a: &&Attribute| extra.iter().any(|(ns, local, _)| *ns == &*a.ns && *local == a.local);
    let own = tree.element.attributes.iter().filter(|a| !is_replaced(a));
    let own = own.map(|a| (&*a.ns, a.local.as_str(), a.value.as_str()));
    for (attribute_ns, local, value) in own.chain(extra.iter().copied()) {
        match attribute_ns {
            "" => {
                writer.attribute(local, value);
            }
            XML => {
                writer.attribute(&format!("xml:{local}"), value);
            }
            XSI if local == "type" => {
                writer.attribute("xmlns:xsi", XSI);
                match tree.xsi_type.as_deref() {
                    Some((type_ns, name)) if type_ns == XML => {
                        writer.attribute("xsi:type", &format!("xml:{name}"));
                    }
                    Some((type_ns, name)) if type_ns != inner_ns && !type_ns.is_empty() => {
                        writer.attribute("xmlns:xt", type_ns);
                        writer.attribute("xsi:type", &format!("xt:{name}"));
                    }
                    Some((_, name)) => {
                        writer.attribute("xsi:type", name);
                    }
                    None => {}
                }
            }
            other => {
                writer.attribute(&format!("xmlns:a{declared}"), other);
                writer.attribute(&format!("a{declared}:{local}"), value);
                declared += 1;
            }
        }
    }
    for node in &tree.children {
        match node {
            Node::Element(child) => element(writer, child, inner_ns, &[]),
            Node::Text(text) => {
                writer.text(text);
            }
        }
    }
    writer.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_stands_on_its_own_whatever_prefixes_the_original_used() {
        let source = "<h:q xmlns:h='urn:h' xmlns:x='http://www.w3.org/2001/XMLSchema-instance' \
                      xmlns:o='urn:o'><h:v x:type='h:PN' o:k='1'>a &amp; b</h:v><o:z xml:lang='ja'/></h:q>";
        let tree = Tree::parse(source).unwrap();
        let copied = copy(&tree, "urn:h", &[]);
        let again = Tree::parse(&format!("<r xmlns='urn:h'>{copied}</r>")).unwrap();
        let v = again.path("urn:h", &["q", "v"]).unwrap();
        assert_eq!(v.xsi_type.as_deref(), Some(&("urn:h".to_owned(), "PN".to_owned())));
        assert_eq!(v.element.attribute_ns("urn:o", "k"), Some("1"));
        assert_eq!(v.text(), "a & b");
        assert!(again.first("urn:h", "q").unwrap().first("urn:o", "z").is_some());
        assert_eq!(copy(again.first("urn:h", "q").unwrap(), "urn:h", &[]), copied);
        let of_xml = Tree::parse("<a xmlns='u'><xml:b xml:c='1'><d/></xml:b></a>").unwrap();
        let copied = copy(&of_xml, "", &[]);
        assert_eq!(copied, "<a xmlns=\"u\"><xml:b xml:c=\"1\"><d/></xml:b></a>");
    }

    #[test]
    fn a_type_named_with_a_prefix_that_xml_keeps_for_itself_is_copied_without_declaring_it_anew() {
        for (before, prefix) in [("", "xml"), ("<?p?>", "xml"), ("", "xmlns"), ("<?p?>", "xmlns")] {
            let xsi = "xmlns:i='http://www.w3.org/2001/XMLSchema-instance'";
            let tree = Tree::parse(&format!("{before}<a {xsi} i:type='{prefix}:T'/>")).unwrap();
            let again = Tree::parse(&copy(&tree, "", &[])).unwrap();
            assert_eq!(again.xsi_type, tree.xsi_type, "{before}{prefix}");
            assert_eq!(tree.xsi_type.unwrap().0.is_empty(), prefix == "xmlns", "{before}");
        }
    }

    #[test]
    fn an_attribute_that_is_added_replaces_one_of_the_same_name() {
        let tree = Tree::parse("<p xmlns='urn:p' xmlns:w='urn:w' w:is='false'/>").unwrap();
        let copied = Tree::parse(&copy(&tree, "", &[("urn:w", "is", "true")])).unwrap();
        assert_eq!(copied.element.attribute_ns("urn:w", "is"), Some("true"));
    }
}
