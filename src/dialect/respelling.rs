//! The same document in another spelling, as other gateways write it: prefixes, quotes, white space
//! between elements, references, CDATA, comments, encodings. For tests: none of it may change what is
//! read.

use bytes::Bytes;
use futures_util::{FutureExt, stream};

use super::Received;
use super::soap::{Limits, receive};
use crate::model::DocumentStream;
use crate::xml::{Node, Tree};

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// SplitMix64: a seed says all of a spelling.
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn one_of<'t>(&mut self, choices: &[&'t str]) -> &'t str {
        let at = usize::try_from(self.below(choices.len() as u64)).unwrap_or_default();
        choices.get(at).copied().unwrap_or_default()
    }
}

/// How elements are named throughout a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    /// The default namespace, declared at each change.
    Default,
    /// Prefixes declared at each element that needs one.
    Local,
    /// Either, element by element.
    Mixed,
    /// Prefixes, all declared at the root.
    Root,
}

struct Spelling {
    chance: Chance,
    naming: Naming,
    /// Namespaces with a prefix at the root.
    prefixes: Vec<String>,
    is_padded: bool,
    out: String,
}

/// A document in another spelling. `is_padded` puts white space around the text of leaf elements too.
pub fn respelt(source: &str, seed: u64, is_padded: bool) -> String {
    let tree = Tree::parse(source).unwrap();
    let mut chance = Chance::new(seed);
    let naming = match chance.below(4) {
        0 => Naming::Default,
        1 => Naming::Local,
        2 => Naming::Mixed,
        _ => Naming::Root,
    };
    let mut prefixes = Vec::new();
    if naming == Naming::Root {
        namespaces(&tree, &mut prefixes);
    }
    let mut spelling = Spelling { chance, naming, prefixes, is_padded, out: String::new() };
    spelling.prolog();
    spelling.element(&tree, "", true);
    let after = spelling.chance.one_of(&["", "\n", "<!-- after -->", "\r\n<?after x?>\n"]);
    spelling.out.push_str(after);
    spelling.out
}

/// Text in one of the encodings a root part may have, told by its mark or by nothing.
pub fn encoded(text: &str, seed: u64) -> Vec<u8> {
    let wide = |mark: [u8; 2], unit: fn(u16) -> [u8; 2]| {
        mark.into_iter().chain(text.encode_utf16().flat_map(unit)).collect()
    };
    match Chance::new(seed ^ 0x55).below(6) {
        0 => wide([0xff, 0xfe], u16::to_le_bytes),
        1 => wide([0xfe, 0xff], u16::to_be_bytes),
        2 => [b"\xef\xbb\xbf", text.as_bytes()].concat(),
        _ => text.as_bytes().to_vec(),
    }
}

/// An envelope received in another spelling and encoding, as plain SOAP.
pub fn received(envelope: &str, seed: u64, is_padded: bool) -> Received {
    let bytes = encoded(&respelt(envelope, seed, is_padded), seed);
    let content_type = match Chance::new(seed ^ 0x77).below(3) {
        0 => None,
        1 => Some("application/soap+xml"),
        _ => Some("text/xml;"),
    };
    let body: DocumentStream = Box::pin(stream::iter([Ok(Bytes::from(bytes))]));
    receive(content_type, body, Limits::default()).now_or_never().unwrap().unwrap()
}

fn namespaces(tree: &Tree, found: &mut Vec<String>) {
    let attributes = tree.element.attributes.iter().map(|attribute| &*attribute.ns);
    for ns in std::iter::once(&*tree.element.ns).chain(attributes) {
        if !ns.is_empty() && ns != XML && !found.iter().any(|known| known == ns) {
            found.push(ns.to_owned());
        }
    }
    tree.elements().for_each(|child| namespaces(child, found));
}

impl Spelling {
    fn prolog(&mut self) {
        let prolog = self.chance.one_of(&[
            "",
            "",
            "<?xml version=\"1.0\"?>",
            "<?xml version='1.0' standalone='yes'?>\r\n",
            "<!-- made by\n a gateway -->\n",
            "<?xml-stylesheet href='x'?>\n\n",
        ]);
        self.out.push_str(prolog);
    }

    fn blank(&mut self) {
        let blank = self.chance.one_of(&["", "", "\n", "\r\n  ", " \t", "<!-- - -->", "\n<?x?>\n"]);
        self.out.push_str(blank);
    }

    fn space(&mut self) {
        let space = self.chance.one_of(&[" ", " ", "  ", "\n\t", "\r\n "]);
        self.out.push_str(space);
    }

    fn element(&mut self, tree: &Tree, default: &str, is_root: bool) {
        let ns = &*tree.element.ns;
        let mut declared: Vec<(String, String)> = Vec::new();
        if is_root {
            for (n, uri) in self.prefixes.iter().enumerate() {
                declared.push((format!("xmlns:ns{n}"), uri.clone()));
            }
        }
        let is_prefixed = match self.naming {
            Naming::Default => false,
            Naming::Mixed => self.chance.below(2) == 0,
            Naming::Local | Naming::Root => true,
        };
        let mut default = default.to_owned();
        let name = if ns.is_empty() || !is_prefixed {
            if default != ns {
                declared.push(("xmlns".to_owned(), ns.to_owned()));
                ns.clone_into(&mut default);
            }
            tree.name().to_owned()
        } else {
            format!("{}:{}", self.prefix(ns, &mut declared), tree.name())
        };
        if self.chance.below(8) == 0 {
            declared.push(("xmlns:unused".to_owned(), "urn:nobody:uses:this".to_owned()));
        }
        let mut attributes = self.attributes(tree, &mut declared);
        attributes.extend(declared);
        self.out.push('<');
        self.out.push_str(&name);
        while !attributes.is_empty() {
            let at = usize::try_from(self.chance.below(attributes.len() as u64)).unwrap();
            let (key, value) = attributes.swap_remove(at);
            self.attribute(&key, &value);
        }
        if tree.children.is_empty() && self.chance.below(3) > 0 {
            let end = self.chance.one_of(&["/>", " />", "\n/>"]);
            self.out.push_str(end);
            return;
        }
        let end = self.chance.one_of(&[">", ">", " >"]);
        self.out.push_str(end);
        self.children(tree, &default);
        let end = self.chance.one_of(&[">", ">", "\n>"]);
        self.out.push_str(&format!("</{name}{end}"));
    }

    fn prefix(&mut self, ns: &str, declared: &mut Vec<(String, String)>) -> String {
        if let Some(at) = self.prefixes.iter().position(|known| known == ns) {
            return format!("ns{at}");
        }
        if let Some((known, _)) = declared.iter().find(|(name, uri)| uri == ns && name != "xmlns") {
            return known.trim_start_matches("xmlns:").to_owned();
        }
        let word = self.chance.one_of(&["a", "S", "x-1", "_", "ns.2", "環"]);
        let prefix = format!("{word}{}", declared.len());
        declared.push((format!("xmlns:{prefix}"), ns.to_owned()));
        prefix
    }

    fn attributes(&mut self, tree: &Tree, declared: &mut Vec<(String, String)>) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for attribute in &tree.element.attributes {
            let ns = &*attribute.ns;
            let mut value = attribute.value.clone();
            if ns == XSI && attribute.local == "type" {
                let Some((type_ns, local)) = tree.xsi_type.as_deref() else { continue };
                if type_ns.is_empty() {
                    continue;
                }
                value = format!("{}:{local}", self.prefix(type_ns, declared)).into();
            }
            let name = match ns {
                "" => attribute.local.to_string(),
                XML => format!("xml:{}", attribute.local),
                _ => format!("{}:{}", self.prefix(ns, declared), attribute.local),
            };
            all.push((name, value.to_string()));
        }
        all
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.space();
        let equals = self.chance.one_of(&["=", "=", " = ", "\n="]);
        let quote = self.chance.one_of(&["'", "\""]);
        self.out.push_str(&format!("{name}{equals}{quote}"));
        for letter in value.chars() {
            let must = matches!(letter, '<' | '&' | '\t' | '\n' | '\r') || quote.starts_with(letter);
            self.letter(letter, must);
        }
        self.out.push_str(quote);
    }

    fn children(&mut self, tree: &Tree, default: &str) {
        let is_text = |node: &Node| matches!(node, Node::Text(text) if !text.trim().is_empty());
        let is_leaf = !tree.children.iter().any(|node| matches!(node, Node::Element(_)));
        let is_mixed = is_leaf || tree.children.iter().any(is_text);
        for node in &tree.children {
            match node {
                Node::Element(child) => {
                    if !is_mixed {
                        self.blank();
                    }
                    self.element(child, default, false);
                }
                Node::Text(text) if is_mixed => {
                    if is_leaf && self.is_padded {
                        self.out.push_str("\n \t");
                    }
                    self.text(text);
                    if is_leaf && self.is_padded {
                        self.out.push_str("\r\n");
                    }
                }
                Node::Text(_) => {}
            }
        }
        if !is_mixed {
            self.blank();
        }
    }

    fn text(&mut self, text: &str) {
        if self.chance.below(5) == 0 && !text.contains("]]>") && !text.contains('\r') {
            self.out.push_str(&format!("<![CDATA[{text}]]>"));
            return;
        }
        for letter in text.chars() {
            if self.chance.below(40) == 0 {
                let within = self.chance.one_of(&["<!-- within -->", "<?within?>", "<![CDATA[]]>"]);
                self.out.push_str(within);
            }
            self.letter(letter, matches!(letter, '<' | '>' | '&' | '\r'));
        }
    }

    fn letter(&mut self, letter: char, must: bool) {
        let how = self.chance.below(if must { 3 } else { 60 });
        let code = u32::from(letter);
        let named = match letter {
            '<' => "&lt;",
            '>' => "&gt;",
            '&' => "&amp;",
            '\'' => "&apos;",
            '"' => "&quot;",
            _ => "",
        };
        match how {
            0 => self.out.push_str(&format!("&#{code};")),
            1 => self.out.push_str(&format!("&#x{code:x};")),
            2 if named.is_empty() => self.out.push_str(&format!("&#x0{code:X};")),
            2 => self.out.push_str(named),
            _ => self.out.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spelling_differs_from_its_source_and_says_the_same() {
        let source = "<a xmlns='u' b='1&amp;\"2\"'><c xmlns:d='v' d:e='x'>山 &lt; 𠮷</c><f/></a>";
        let plain = Tree::parse(source).unwrap();
        let mut spellings = std::collections::BTreeSet::new();
        for seed in 0..50 {
            let spelt = respelt(source, seed, false);
            let tree = Tree::parse(&spelt).unwrap_or_else(|why| panic!("{why}: {spelt}"));
            assert_eq!(tree.attribute("b"), plain.attribute("b"), "{spelt}");
            let c = tree.first("u", "c").unwrap();
            assert_eq!(
                (c.text().as_str(), c.element.attribute_ns("v", "e")),
                ("山 < 𠮷", Some("x")),
                "{spelt}"
            );
            assert!(tree.first("u", "f").is_some(), "{spelt}");
            spellings.insert(spelt);
        }
        assert!(spellings.len() > 40);
    }
}
