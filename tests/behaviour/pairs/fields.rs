//! Everything that an object of an answer says, field by field, in whatever order and under whatever
//! prefix it says it.

use std::collections::BTreeMap;

use kakehashi::xml::{Node, Tree};

/// Name and value of each.
pub type Fields = BTreeMap<String, String>;

/// The schemes of Classifications and ExternalIdentifiers, by what XDS calls them.
const SCHEMES: [(&str, &str); 19] = [
    ("urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d", "author"),
    ("urn:uuid:a7058bb9-b4e4-4307-ba5b-e3f0ab85e12d", "author"),
    ("urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", "classCode"),
    ("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", "confidentialityCode"),
    ("urn:uuid:2c6b8cb7-8b2a-4051-b291-b1ae6a575ef4", "eventCodeList"),
    ("urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d", "formatCode"),
    ("urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", "healthcareFacilityTypeCode"),
    ("urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead", "practiceSettingCode"),
    ("urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", "typeCode"),
    ("urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427", "patientId"),
    ("urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab", "uniqueId"),
    ("urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a", "patientId"),
    ("urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a", "uniqueId"),
    ("urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446", "patientId"),
    ("urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8", "uniqueId"),
    ("urn:uuid:554ac39e-e3fe-47fe-b233-965d2a147832", "sourceId"),
    ("urn:uuid:aa543740-bdda-424e-8c96-df4873be8500", "contentTypeCode"),
    ("urn:uuid:1ba97051-7806-41a8-a48b-8fce7af683c5", "codeList"),
    ("urn:uuid:abd807a3-4432-4053-87b4-fd82c643d1f3", "associationDocumentation"),
];

/// The sorts of what stands within an object, and of what.
const SORTS: &str = "Classifications and ExternalIdentifiers";

fn scheme(uuid: &str) -> &str {
    SCHEMES.iter().find(|(known, _)| *known == uuid).map_or(uuid, |(_, name)| name)
}

fn add(fields: &mut Fields, name: &str, value: &str) {
    let known = fields.entry(name.to_owned()).or_default();
    if !known.is_empty() {
        known.push_str("; ");
    }
    known.push_str(value);
}

fn values(slot: &Tree) -> String {
    let values = slot.elements().flat_map(Tree::elements).map(Tree::text);
    values.collect::<Vec<_>>().join(" ¦ ")
}

fn localized(element: &Tree, name: &str) -> Option<String> {
    let string = element.elements().next()?;
    let attributes = string.element.attributes.iter();
    attributes.into_iter().find(|attribute| attribute.local == name).map(|found| found.value.to_string())
}

/// What an ExtrinsicObject, RegistryPackage or Association says.
pub fn of(object: &Tree) -> Fields {
    let mut fields = Fields::new();
    add(&mut fields, "element", object.name());
    for attribute in &object.element.attributes {
        add(&mut fields, &format!("@{}", attribute.local), &attribute.value);
    }
    for child in object.elements() {
        match child.name() {
            "Slot" => add(&mut fields, child.attribute("name").unwrap(), &values(child)),
            "Name" | "Description" => {
                let field = if child.name() == "Name" { "title" } else { "comments" };
                for (suffix, name) in [("", "value"), (" xml:lang", "lang"), (" charset", "charset")] {
                    if let Some(value) = localized(child, name) {
                        add(&mut fields, &format!("{field}{suffix}"), &value);
                    }
                }
            }
            "VersionInfo" => add(&mut fields, "version", child.attribute("versionName").unwrap()),
            "Classification" => classification(&mut fields, child),
            "ExternalIdentifier" => {
                let field = scheme(child.attribute("identificationScheme").unwrap());
                add(&mut fields, field, child.attribute("value").unwrap());
                inner(&mut fields, child);
            }
            other => panic!("nobody reads a {other}"),
        }
    }
    // What it says of itself it says alike of every object.
    let own = object.attribute("id").unwrap_or_default();
    for (_, value) in fields.iter_mut().filter(|(name, _)| *name != "@id") {
        *value = value.replace(own, "{id}");
    }
    fields
}

fn classification(fields: &mut Fields, child: &Tree) {
    inner(fields, child);
    if let Some(node) = child.attribute("classificationNode") {
        return add(fields, "classificationNode", node);
    }
    let field = scheme(child.attribute("classificationScheme").unwrap());
    let code = child.attribute("nodeRepresentation").unwrap();
    let slots: Vec<(&str, String)> = child
        .elements()
        .filter(|element| element.name() == "Slot")
        .map(|slot| (slot.attribute("name").unwrap(), values(slot)))
        .collect();
    if field == "author" {
        let names =
            ["authorPerson", "authorInstitution", "authorRole", "authorSpecialty", "authorTelecommunication"];
        assert!(slots.iter().all(|(name, _)| names.contains(name)), "{slots:?}");
        // One value for each author, so that nobody's role becomes another's.
        for name in names {
            let value = slots.iter().find(|(slot, _)| *slot == name).map_or("–", |(_, value)| value);
            add(fields, name, value);
        }
        return;
    }
    let name = child.elements().find(|element| element.name() == "Name");
    let display = name.and_then(|name| localized(name, "value")).unwrap_or_default();
    let scheme = slots.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
    add(fields, field, &format!("{code} | {display} | {scheme}"));
}

// What says nothing of the document, but is not to change on the way without a reason.
fn inner(fields: &mut Fields, child: &Tree) {
    let of = |name| child.attribute(name).unwrap_or("–").to_owned();
    let sort = of("objectType").rsplit(':').next().unwrap().to_owned();
    let name = child.elements().find(|element| element.name() == "Name" && sort == "ExternalIdentifier");
    let name = name.and_then(|name| localized(name, "value")).unwrap_or_default();
    let object = child.attribute("classifiedObject").or(child.attribute("registryObject")).unwrap_or("–");
    add(fields, "ids of Classifications and ExternalIdentifiers", &of("id"));
    // How many there are, the fields tell.
    let said = format!("{sort} {name} of {object}");
    let known = fields.get(SORTS).is_some_and(|known| known.split("; ").any(|known| known == said));
    if !known {
        add(fields, SORTS, &said);
    }
}

/// The objects of an AdhocQueryResponse.
pub fn listed(envelope: &str) -> Vec<Fields> {
    let tree = Tree::parse(envelope).unwrap();
    let mut open = vec![&tree];
    while let Some(element) = open.pop() {
        if element.name() == "RegistryObjectList" {
            return element.elements().map(of).collect();
        }
        open.extend(element.children.iter().filter_map(|node| match node {
            Node::Element(tree) => Some(tree),
            Node::Text(_) => None,
        }));
    }
    Vec::new()
}
