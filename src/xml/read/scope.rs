//! Namespaces where the reader stands.

use std::borrow::Cow;

use quick_xml::name::{Namespace, PrefixDeclaration, QName, ResolveResult};

use super::{Reader, Way, is_name};

impl Reader<'_> {
    /// Prefixes (empty for the default) and URIs in scope right after a start, those of that element
    /// included; it is not to be asked elsewhere. `xml` and `xmlns` are left out.
    pub fn namespaces(&self) -> Vec<(String, String)> {
        let mut scope: Vec<(String, String)> = Vec::new();
        let full = match &self.way {
            Way::Full(full) => full,
            Way::Plain(scanner) => {
                for (prefix, uri) in scanner.scope() {
                    match scope.iter_mut().find(|(known, _)| known == prefix) {
                        Some(entry) => uri.clone_into(&mut entry.1),
                        None => scope.push((prefix.to_owned(), uri.to_owned())),
                    }
                }
                return scope;
            }
        };
        for (prefix, uri) in full.resolver().bindings() {
            let prefix = match prefix {
                PrefixDeclaration::Default => String::new(),
                PrefixDeclaration::Named(name) => name.to_owned(),
            };
            let uri = normalized(uri.into_inner()).into_owned();
            if prefix == "xml" || prefix == "xmlns" {
                continue;
            }
            match scope.iter_mut().find(|(known, _)| *known == prefix) {
                Some(entry) => entry.1 = uri,
                None => scope.push((prefix, uri)),
            }
        }
        scope
    }

    /// Resolves a QName in a value (`xsi:type="hl7:CE"`) right after the start it stands in: namespace
    /// URI and local part. An unprefixed name is in the default namespace; an undeclared prefix gives "",
    /// and what is no QName stays as it is, in none.
    pub fn qname(&self, value: &str) -> (String, String) {
        let name = QName(value.trim());
        let (local, prefix) = name.decompose();
        if !is_name(local.into_inner()) || prefix.is_some_and(|prefix| !is_name(prefix.into_inner())) {
            return (String::new(), value.trim().to_owned());
        }
        let uri = match &self.way {
            Way::Plain(scanner) => {
                let prefix = prefix.map(quick_xml::name::Prefix::into_inner).unwrap_or_default();
                scanner.resolve(prefix).unwrap_or_default().to_owned()
            }
            // Nobody can name anything with it (Namespaces in XML 3).
            Way::Full(_) if prefix.is_some_and(|prefix| prefix.into_inner() == "xmlns") => String::new(),
            Way::Full(full) => match full.resolver().resolve_prefix(prefix, true) {
                ResolveResult::Bound(Namespace(uri)) => normalized(uri).into_owned(),
                ResolveResult::Unbound | ResolveResult::Unknown(_) => String::new(),
            },
        };
        (uri, local.into_inner().to_owned())
    }
}

// The value of a namespace declaration, which quick-xml keeps as it stands: references are resolved
// and white space becomes blanks, as in any attribute. It was found to be whole at its element.
pub(super) fn normalized(raw: &str) -> Cow<'_, str> {
    let bytes = raw.as_bytes();
    if memchr::memchr3(b'&', b'\t', b'\n', bytes).or_else(|| memchr::memchr(b'\r', bytes)).is_none() {
        return Cow::Borrowed(raw);
    }
    let blanks = raw.replace("\r\n", " ").replace(['\t', '\n', '\r'], " ");
    Cow::Owned(quick_xml::escape::unescape(&blanks).map_or_else(|_| raw.to_owned(), Cow::into_owned))
}
