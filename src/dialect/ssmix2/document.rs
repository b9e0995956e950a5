//! Documents of the extension storage: media type, and what a CDA header tells (period, author,
//! title). Bodies are not read.

use crate::model::{Malformed, Phi};
use crate::xml::Tree;

const CDA: &str = "urn:hl7-org:v3";
/// Larger documents are served but not looked into.
const MAX_HEADER_BYTES: usize = 8 * 1024 * 1024;

/// What a CDA header tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClinicalDocument {
    /// title.
    pub title: String,
    /// recordTarget/patientRole/id/@extension.
    pub patients: Vec<Phi<String>>,
    /// documentationOf/serviceEvent/effectiveTime low and high.
    pub period: Option<(String, String)>,
    /// documentationOf/serviceEvent/code: code, codeSystem, displayName.
    pub event: Option<(String, String, String)>,
    /// Family and given name of the first author.
    pub author: Option<(String, String)>,
    /// Roots of templateId.
    pub template: Option<String>,
    /// confidentialityCode other than N.
    pub restricted: bool,
}

/// Media type by signature, else by extension.
pub fn media_type(name: &str, bytes: &[u8]) -> &'static str {
    let lower = name.to_ascii_lowercase();
    let ends = |suffixes: &[&str]| suffixes.iter().any(|suffix| lower.ends_with(suffix));
    match bytes {
        [b'%', b'P', b'D', b'F', ..] => "application/pdf",
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [0xff, 0xd8, 0xff, ..] => "image/jpeg",
        [b'G', b'I', b'F', b'8', ..] => "image/gif",
        [b'M', b'S', b'H', ..] => "application/hl7-v2",
        _ if bytes.get(128..132) == Some(b"DICM") || ends(&[".dcm"]) => "application/dicom",
        _ if ends(&[".xml", ".cda"]) => "text/xml",
        _ if ends(&[".html", ".htm"]) => "text/html",
        _ if ends(&[".hl7"]) => "application/hl7-v2",
        _ if ends(&[".csv"]) => "text/csv",
        _ if ends(&[".txt"]) => "text/plain",
        _ if ends(&[".tif", ".tiff"]) => "image/tiff",
        _ if ends(&[".json"]) => "application/json",
        _ => "application/octet-stream",
    }
}

/// Reads a CDA header. None for other XML.
///
/// # Errors
/// When it is not well-formed XML in UTF-8, or too large to look into.
pub fn clinical_document(bytes: &[u8]) -> Result<Option<ClinicalDocument>, Malformed> {
    if bytes.len() > MAX_HEADER_BYTES {
        return Err(Malformed::new("too-large", "", "the document is too large to look into"));
    }
    let text = std::str::from_utf8(bytes)
        .map_err(|_| Malformed::new("malformed-xml", "", "the document is not in UTF-8"))?;
    let tree = Tree::parse(text.trim_start_matches('\u{feff}'))?;
    if !tree.is(CDA, "ClinicalDocument") {
        return Ok(None);
    }
    let value = |tree: &Tree, name: &str| tree.attribute(name).unwrap_or_default().to_owned();
    let patients = tree
        .all(CDA, "recordTarget")
        .filter_map(|target| target.first(CDA, "patientRole"))
        .flat_map(|role| {
            role.all(CDA, "id")
                .filter_map(|id| id.attribute("extension"))
                .map(|number| Phi::new(number.to_owned()))
        })
        .collect();
    let service = tree.path(CDA, &["documentationOf", "serviceEvent"]);
    let author = tree.path(CDA, &["author", "assignedAuthor", "assignedPerson", "name"]).map(|name| {
        let part = |local: &str| name.first(CDA, local).map(Tree::text).unwrap_or_default().trim().to_owned();
        let names = (part("family"), part("given"));
        if names == Default::default() { (name.text().trim().to_owned(), String::new()) } else { names }
    });
    Ok(Some(ClinicalDocument {
        title: tree.first(CDA, "title").map(Tree::text).unwrap_or_default().trim().to_owned(),
        patients,
        period: service.and_then(|event| event.first(CDA, "effectiveTime")).and_then(period),
        event: service
            .and_then(|event| event.first(CDA, "code"))
            .map(|code| (value(code, "code"), value(code, "codeSystem"), value(code, "displayName")))
            .filter(|(code, _, _)| !code.is_empty()),
        author,
        template: tree.first(CDA, "templateId").map(|id| value(id, "root")).filter(|root| !root.is_empty()),
        restricted: tree
            .first(CDA, "confidentialityCode")
            .and_then(|code| code.attribute("code"))
            .is_some_and(|code| matches!(code, "R" | "V")),
    }))
}

/// Low and high, or the value alone.
fn period(time: &Tree) -> Option<(String, String)> {
    let at =
        |local: &str| time.first(CDA, local).and_then(|bound| bound.attribute("value")).map(str::to_owned);
    let alone = time.attribute("value").map(str::to_owned);
    let low = at("low").or_else(|| alone.clone());
    let high = at("high").or(alone);
    match (low, high) {
        (Some(low), Some(high)) => Some((low, high)),
        (Some(one), None) | (None, Some(one)) => Some((one.clone(), one)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cda_header_tells_period_author_and_patient() {
        let text = r#"<ClinicalDocument xmlns="urn:hl7-org:v3"><templateId root="1.2.3"/><title> 要約 </title>
            <confidentialityCode code="R"/>
            <recordTarget><patientRole><id root="1.2" extension="0000000099"/></patientRole></recordTarget>
            <author><assignedAuthor><assignedPerson><name><family>医師</family><given>一郎</given></name></assignedPerson></assignedAuthor></author>
            <documentationOf><serviceEvent><code code="X" codeSystem="1.9" displayName="x"/><effectiveTime><low value="20240813"/><high value="20240818"/></effectiveTime></serviceEvent></documentationOf>
            </ClinicalDocument>"#;
        let read = clinical_document(text.as_bytes()).unwrap().unwrap();
        assert_eq!(read.title, "要約");
        assert_eq!(read.patients, [Phi::new("0000000099".to_owned())]);
        assert_eq!(read.period, Some(("20240813".to_owned(), "20240818".to_owned())));
        assert_eq!(read.author, Some(("医師".to_owned(), "一郎".to_owned())));
        assert_eq!(read.template.as_deref(), Some("1.2.3"));
        assert!(read.restricted);
    }

    #[test]
    fn other_xml_is_no_cda_and_broken_xml_an_error() {
        assert_eq!(clinical_document(b"<a/>"), Ok(None));
        assert!(clinical_document(b"<a>").is_err());
        assert!(clinical_document(b"\xff\xfe").is_err());
    }

    #[test]
    fn the_signature_decides_before_the_extension() {
        assert_eq!(media_type("x.xml", b"%PDF-1.4"), "application/pdf");
        assert_eq!(media_type("main_document.hl7", b""), "application/hl7-v2");
        assert_eq!(media_type("x.XML", b"<a/>"), "text/xml");
        assert_eq!(media_type("x", b""), "application/octet-stream");
    }
}
