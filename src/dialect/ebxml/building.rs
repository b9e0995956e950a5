//! Parts of a registry object that we write whole: slots, names, classifications and identifiers, with ids
//! that follow from the object's own.

use uuid::Uuid;

use super::vocabulary::{CLASSIFICATION, EXTERNAL_IDENTIFIER};
use crate::model::{Author, Code, ObjectId};
use crate::xml::Writer;

/// A registry object being written. The prefix `rim` must be declared around it.
pub struct Building {
    /// What is written so far.
    pub w: Writer,
    /// Its id.
    pub id: String,
    namespace: Uuid,
}

impl Building {
    /// Nothing yet of the object of this id.
    pub fn new(object: &ObjectId) -> Self {
        let given = object.0.reveal().trim();
        let bare = given.to_ascii_lowercase();
        let bare = bare.strip_prefix("urn:uuid:").unwrap_or(&bare);
        let namespace =
            Uuid::try_parse(bare).unwrap_or_else(|_| Uuid::new_v5(&Uuid::NAMESPACE_OID, bare.as_bytes()));
        Self { w: Writer::new(), id: given.to_owned(), namespace }
    }

    fn inner_id(&self, scheme: &str, n: usize) -> String {
        Uuid::new_v5(&self.namespace, format!("{scheme}#{n}").as_bytes()).urn().to_string()
    }

    /// A slot; nothing where it has no value.
    pub fn slot<'t>(&mut self, name: &str, values: impl IntoIterator<Item = &'t str>) {
        let mut values = values.into_iter().filter(|value| !value.is_empty()).peekable();
        if values.peek().is_none() {
            return;
        }
        self.w.start("rim:Slot").attribute("name", name).start("rim:ValueList");
        for value in values {
            self.w.leaf("rim:Value", value);
        }
        self.w.end().end();
    }

    /// That the object is of this kind.
    pub fn node(&mut self, node: &str) {
        let id = self.inner_id(node, 0);
        self.w
            .start("rim:Classification")
            .attribute("id", &id)
            .attribute("objectType", CLASSIFICATION)
            .attribute("classifiedObject", &self.id)
            .attribute("classificationNode", node)
            .end();
    }

    /// Its title, in a language where that is known.
    pub fn title(&mut self, title: &str, language: Option<&str>) {
        let title: String = title.chars().take(TITLE_CHARS_MAX).collect();
        self.w.start("rim:Name").start("rim:LocalizedString");
        if let Some(language) = language {
            self.w.attribute("xml:lang", language);
        }
        self.w.attribute("charset", "UTF-8").attribute("value", &title).end().end();
    }

    // Begins it.
    fn classification(&mut self, scheme: &str, node: &str, n: usize) {
        let id = self.inner_id(scheme, n);
        self.w
            .start("rim:Classification")
            .attribute("id", &id)
            .attribute("classificationScheme", scheme)
            .attribute("classifiedObject", &self.id)
            .attribute("nodeRepresentation", node)
            .attribute("objectType", CLASSIFICATION);
    }

    /// An author under the scheme of its kind of object, the n-th.
    pub fn author(&mut self, scheme: &str, author: &Author, n: usize) {
        self.classification(scheme, "", n);
        self.slot("authorInstitution", [author.institution.as_str()]);
        self.slot("authorPerson", [author.person.as_str()]);
        self.slot("authorRole", [author.role.as_str()]);
        self.slot("authorSpecialty", [author.specialty.as_str()]);
        self.w.end();
    }

    /// A code under its scheme, the n-th.
    pub fn code(&mut self, scheme: &str, code: &Code, n: usize) {
        self.classification(scheme, &code.value, n);
        self.slot("codingScheme", [code.system.as_str()]);
        let display = if code.display.is_empty() { &code.value } else { &code.display };
        self.name(display);
        self.w.end();
    }

    /// An identifier under its scheme.
    pub fn identifier(&mut self, scheme: &str, value: &str, name: &str) {
        let id = self.inner_id(scheme, 0);
        self.w
            .start("rim:ExternalIdentifier")
            .attribute("id", &id)
            .attribute("registryObject", &self.id)
            .attribute("identificationScheme", scheme)
            .attribute("value", value)
            .attribute("objectType", EXTERNAL_IDENTIFIER);
        self.name(name);
        self.w.end();
    }

    // Of what stands within the object.
    fn name(&mut self, value: &str) {
        self.w.start("rim:Name").start("rim:LocalizedString").attribute("value", value).end().end();
    }
}

// A longer one is refused by readers (wire.md 16.1).
const TITLE_CHARS_MAX: usize = 128;
