//! The one table of data kinds: the 26 of the standard storage (JAMI guideline, table of data kinds)
//! and the standard document codes of the extension storage, with class, type, format and default.

/// An HL7 event of a kind and the event that takes it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// MSH-9.2.
    pub trigger: &'static str,
    /// MSH-9.2 of the cancellation; empty when it cancels by order control.
    pub cancel: &'static str,
}

/// Where a typeCode comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TypeCode {
    /// A LOINC code.
    Loinc(&'static str),
    /// The data kind itself.
    Own,
}

/// A data kind of the standard storage.
#[derive(Debug, PartialEq, Eq)]
pub struct StandardKind {
    /// `OML-11`; also the folder's name.
    pub code: &'static str,
    /// What a physician reads.
    pub title: &'static str,
    /// classCode: the federation's coarse group.
    pub class: &'static str,
    /// typeCode.
    pub type_code: TypeCode,
    /// MSH-9.1.
    pub message: &'static str,
    /// MSH-9.2 and its cancellation.
    pub event: Event,
    /// Field that the folder's date must equal; None where the folder is `-`.
    pub date_source: Option<(&'static str, usize)>,
    /// Whether it is exchanged unless configured otherwise (decisions C6).
    pub default_on: bool,
}

impl StandardKind {
    /// By its code.
    pub fn find(code: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.code == code)
    }

    /// Whether its folder carries a visit date.
    pub const fn is_dated(&self) -> bool {
        self.date_source.is_some()
    }

    /// formatCode of the original message.
    pub fn format_original(&self) -> String {
        format!("urn:jami:ssmix2:1.2:{}", self.code)
    }

    /// formatCode of the readable rendition.
    pub fn format_rendition(&self) -> String {
        format!("urn:jami:ssmix2:1.2:{}:html", self.code)
    }
}

type Row = (
    &'static str,
    &'static str,
    &'static str,
    TypeCode,
    &'static str,
    (&'static str, &'static str),
    Option<(&'static str, usize)>,
    bool,
);

const fn kind(row: Row) -> StandardKind {
    let (code, title, class, type_code, message, (trigger, cancel), date_source, default_on) = row;
    StandardKind {
        code,
        title,
        class,
        type_code,
        message,
        event: Event { trigger, cancel },
        date_source,
        default_on,
    }
}

use TypeCode::{Loinc, Own};

const ORC9: Option<(&str, usize)> = Some(("ORC", 9));

/// All 26.
pub static KINDS: [StandardKind; 26] = [
    kind(("ADT-00", "患者基本情報", "基本情報", Own, "ADT", ("A08", "A23"), None, true)),
    kind(("ADT-01", "担当医の変更", "入退院", Own, "ADT", ("A54", "A55"), None, false)),
    kind(("ADT-12", "外来診察の受付", "受診", Own, "ADT", ("A04", ""), Some(("PV1", 44)), true)),
    kind(("ADT-21", "入院予定", "入退院", Own, "ADT", ("A14", "A27"), Some(("PV2", 8)), false)),
    kind(("ADT-22", "入院実施", "入退院", Own, "ADT", ("A01", "A11"), Some(("PV1", 44)), true)),
    kind(("ADT-31", "外出泊実施", "入退院", Own, "ADT", ("A21", "A52"), Some(("EVN", 6)), false)),
    kind(("ADT-32", "外出泊帰院実施", "入退院", Own, "ADT", ("A22", "A53"), Some(("EVN", 6)), false)),
    kind(("ADT-41", "転科・転棟予定", "入退院", Own, "ADT", ("A15", "A26"), Some(("PV2", 8)), false)),
    kind(("ADT-42", "転科・転棟実施", "入退院", Own, "ADT", ("A02", "A12"), Some(("EVN", 6)), false)),
    kind(("ADT-51", "退院予定", "入退院", Own, "ADT", ("A16", "A25"), Some(("PV2", 9)), false)),
    kind(("ADT-52", "退院実施", "入退院", Own, "ADT", ("A03", "A13"), Some(("PV1", 45)), true)),
    kind(("ADT-61", "アレルギー情報", "アレルギー・禁忌", Loinc("48765-2"), "ADT", ("A60", ""), None, true)),
    kind(("PPR-01", "病名", "病名", Loinc("11450-4"), "PPR", ("ZD1", ""), None, true)),
    kind(("OMD", "食事オーダ", "オーダ", Own, "OMD", ("O03", ""), ORC9, false)),
    kind(("OMP-01", "処方オーダ", "処方・調剤・注射", Loinc("57833-6"), "RDE", ("O11", ""), ORC9, true)),
    kind(("OMP-11", "処方実施", "処方・調剤・注射", Own, "RAS", ("O17", ""), Some(("RXA", 3)), true)),
    kind(("OMP-02", "注射オーダ", "処方・調剤・注射", Own, "RDE", ("O11", ""), ORC9, true)),
    kind(("OMP-12", "注射実施", "処方・調剤・注射", Own, "RAS", ("O17", ""), Some(("RXA", 3)), true)),
    kind(("OML-01", "検体検査オーダ", "検査オーダ", Own, "OML", ("O33", ""), ORC9, false)),
    kind((
        "OML-11",
        "検体検査結果",
        "検体検査結果",
        Loinc("11502-2"),
        "OUL",
        ("R22", ""),
        Some(("SPM", 17)),
        true,
    )),
    kind(("OMG-01", "放射線検査オーダ", "検査オーダ", Own, "OMG", ("O19", ""), ORC9, false)),
    kind((
        "OMG-11",
        "放射線検査の実施",
        "画像検査・報告",
        Loinc("18748-4"),
        "OMI",
        ("Z23", ""),
        Some(("OBR", 7)),
        true,
    )),
    kind(("OMG-02", "内視鏡検査オーダ", "検査オーダ", Own, "OMG", ("O19", ""), ORC9, false)),
    kind((
        "OMG-12",
        "内視鏡検査の実施",
        "内視鏡検査",
        Loinc("18751-8"),
        "OMI",
        ("Z23", ""),
        Some(("OBR", 7)),
        true,
    )),
    kind(("OMG-03", "生理検査オーダ", "検査オーダ", Own, "OMG", ("O19", ""), ORC9, false)),
    kind((
        "OMG-13",
        "生理検査結果",
        "生理検査",
        Loinc("11524-6"),
        "ORU",
        ("R01", ""),
        Some(("OBR", 7)),
        true,
    )),
];

/// A standard document code of the extension storage (LOINC).
#[derive(Debug, PartialEq, Eq)]
pub struct ExtensionType {
    /// LOINC code.
    pub code: &'static str,
    /// What a physician reads where the folder names nothing.
    pub title: &'static str,
    /// classCode.
    pub class: &'static str,
}

impl ExtensionType {
    /// By its code.
    pub fn find(code: &str) -> Option<&'static Self> {
        EXTENSION_TYPES.iter().find(|row| row.code == code)
    }
}

const fn document(code: &'static str, title: &'static str, class: &'static str) -> ExtensionType {
    ExtensionType { code, title, class }
}

/// classCode of an extension document whose code is not in the table.
pub(super) const OTHER_CLASS: &str = "その他の文書";

/// The codes seen in the field; others pass with their own code and the class その他の文書.
pub static EXTENSION_TYPES: [ExtensionType; 17] = [
    document("11504-8", "手術記録", "手術"),
    document("11506-3", "経過記録", "診療録"),
    document("11524-6", "心電図", "生理検査"),
    document("11526-1", "病理検査報告書", "病理"),
    document("18725-2", "微生物検査報告書", "微生物"),
    document("18748-4", "画像診断報告書", "画像検査・報告"),
    document("18751-8", "内視鏡検査報告書", "内視鏡検査"),
    document("18842-5", "退院時サマリー", "サマリー"),
    document("29305-0", "調剤情報", "処方・調剤・注射"),
    document("34108-1", "外来診療録", "診療録"),
    document("34112-3", "入院診療録", "診療録"),
    document("34745-0", "看護サマリー", "サマリー"),
    document("53576-5", "健診結果", "健診"),
    document("57133-1", "紹介状", "紹介・連携"),
    document("60591-5", "患者サマリー", "基本情報"),
    document("60593-1", "調剤情報", "処方・調剤・注射"),
    document("74465-6", "災害時J-SPEED", "診療録"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_26_kinds_with_distinct_codes_and_titles() {
        let codes: BTreeSet<&str> = KINDS.iter().map(|k| k.code).collect();
        let titles: BTreeSet<&str> = KINDS.iter().map(|k| k.title).collect();
        assert_eq!((codes.len(), titles.len()), (26, 26));
        assert!(KINDS.iter().all(|k| StandardKind::find(k.code) == Some(k)));
    }

    #[test]
    fn fulfilled_orders_planned_movements_and_diet_are_off() {
        let off: Vec<&str> = KINDS.iter().filter(|k| !k.default_on).map(|k| k.code).collect();
        assert_eq!(
            off,
            [
                "ADT-01", "ADT-21", "ADT-31", "ADT-32", "ADT-41", "ADT-42", "ADT-51", "OMD", "OML-01",
                "OMG-01", "OMG-02", "OMG-03"
            ]
        );
    }

    #[test]
    fn only_four_kinds_have_no_visit_date() {
        let undated: Vec<&str> = KINDS.iter().filter(|k| !k.is_dated()).map(|k| k.code).collect();
        assert_eq!(undated, ["ADT-00", "ADT-01", "ADT-61", "PPR-01"]);
    }

    #[test]
    fn the_formats_of_original_and_rendition_differ() {
        let formats: BTreeSet<String> =
            KINDS.iter().flat_map(|k| [k.format_original(), k.format_rendition()]).collect();
        assert_eq!(formats.len(), 52);
    }
}
