//! Document entries as a gateway shows them, 5.4 KB each: eight slots, names in Japanese, six codes,
//! twelve kinds of documents, whitespace as many systems write it.

use super::world::THEIRS;

const KINDS: [(&str, &str, &str); 12] = [
    ("11506-3", "経過記録", "urn:ihe:pcc:xphr:2007"),
    ("18842-5", "退院時サマリー", "urn:ihe:pcc:xds-ms:2007"),
    ("57833-6", "処方", "urn:ihe:pharm:pre:2010"),
    ("29305-0", "調剤", "urn:ihe:pharm:dis:2010"),
    ("60593-1", "投薬", "urn:ihe:pharm:mtp:2015"),
    ("26436-6", "検体検査結果", "urn:ihe:lab:xd-lab:2008"),
    ("18748-4", "画像診断報告書", "urn:ihe:rad:PDF"),
    ("11504-8", "手術記録", "urn:ihe:iti:xds-sd:pdf:2008"),
    ("57133-1", "紹介状", "urn:ihe:iti:xds-sd:text:2008"),
    ("34133-9", "診療情報提供書", "urn:ihe:pcc:ref:2009"),
    ("48765-2", "アレルギー", "urn:ihe:pcc:ic:2009"),
    ("11450-4", "病名", "urn:ihe:pcc:apr:handp:2008"),
];

const SCHEMES: [(&str, &str, &str); 6] = [
    ("urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f", "confidentialityCode", "N"),
    ("urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a", "classCode", ""),
    ("urn:uuid:f0306f51-975f-434e-a61c-c59651d33983", "typeCode", ""),
    ("urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d", "formatCode", ""),
    ("urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1", "healthcareFacilityTypeCode", "22232009"),
    ("urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead", "practiceSettingCode", "394802001"),
];

/// One entry of a patient (CX, escaped); `document` gives unique id, bytes and SHA-1 where there is one.
pub fn entry(number: u64, patient: &str, document: Option<(&str, u64, &str)>) -> String {
    let (class, name, format) = KINDS[usize::try_from(number).unwrap() % KINDS.len()];
    let id = format!("urn:uuid:00000000-0000-4000-8000-{number:012}");
    let invented = format!("{THEIRS}.8.{number}");
    let (unique, size, hash) =
        document.unwrap_or((&invented, 48_213, "da39a3ee5e6b4b0d3255bfef95601890afd80709"));
    let (size, repository) = (size.to_string(), format!("{THEIRS}.2"));
    let slots = [
        ("creationTime", "20250401093000"),
        ("languageCode", "ja-JP"),
        ("serviceStartTime", "20250401090000"),
        ("serviceStopTime", "20250401093000"),
        ("sourcePatientId", patient),
        ("hash", hash),
        ("size", &size),
        ("repositoryUniqueId", &repository),
    ];
    let mut xml = format!(
        "<rim:ExtrinsicObject id=\"{id}\" home=\"urn:oid:{THEIRS}\" lid=\"{id}\" mimeType=\"application/pdf\" \
         objectType=\"urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1\" \
         status=\"urn:oasis:names:tc:ebxml-regrep:StatusType:Approved\">"
    );
    for (slot, value) in slots {
        xml.push_str(&format!(
            "<rim:Slot name=\"{slot}\"><rim:ValueList><rim:Value>{value}</rim:Value></rim:ValueList></rim:Slot>"
        ));
    }
    xml.push_str(&format!(
        "<rim:Name><rim:LocalizedString xml:lang=\"ja-JP\" value=\"{name} {number}\"/></rim:Name>"
    ));
    for (at, (scheme, kind, fixed)) in SCHEMES.into_iter().enumerate() {
        let code = match kind {
            "classCode" | "typeCode" => class,
            "formatCode" => format,
            _ => fixed,
        };
        xml.push_str(&format!(
            "<rim:Classification id=\"{id}-c{at}\" classificationScheme=\"{scheme}\" classifiedObject=\"{id}\" \
             nodeRepresentation=\"{code}\" \
             objectType=\"urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:Classification\">\
             <rim:Slot name=\"codingScheme\"><rim:ValueList><rim:Value>2.999.5.{at}</rim:Value></rim:ValueList>\
             </rim:Slot><rim:Name><rim:LocalizedString value=\"{kind} の表示名\"/></rim:Name></rim:Classification>"
        ));
    }
    let identifiers = [
        ("urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427", "XDSDocumentEntry.patientId", patient),
        ("urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab", "XDSDocumentEntry.uniqueId", unique),
    ];
    for (at, (scheme, kind, value)) in identifiers.into_iter().enumerate() {
        xml.push_str(&format!(
            "<rim:ExternalIdentifier id=\"{id}-e{at}\" registryObject=\"{id}\" identificationScheme=\"{scheme}\" \
             value=\"{value}\" \
             objectType=\"urn:oasis:names:tc:ebxml-regrep:ObjectType:RegistryObject:ExternalIdentifier\">\
             <rim:Name><rim:LocalizedString value=\"{kind}\"/></rim:Name></rim:ExternalIdentifier>"
        ));
    }
    xml.push_str("</rim:ExtrinsicObject>\n");
    xml
}

/// Puts entries into an empty answer.
pub fn put_in(answer: &str, entries: &str) -> String {
    for empty in ["<rim:RegistryObjectList/>", "<rim:RegistryObjectList></rim:RegistryObjectList>"] {
        if let Some((before, after)) = answer.split_once(empty) {
            return [before, "<rim:RegistryObjectList>", entries, "</rim:RegistryObjectList>", after]
                .concat();
        }
    }
    panic!("no empty list: {answer}");
}
