use super::fixture::{NUMBER, Storage, er7};
use super::messages::{PRIVATE, message};
use crate::community::ssmix2::rendition;
use crate::dialect::ssmix2::{KINDS, StorageFile, read_file};

fn page(kind: &str) -> String {
    let storage = Storage::new();
    let path = storage.path(kind, NUMBER, "20240712100000000", 1);
    let relative = path.strip_prefix(storage.root()).unwrap().to_str().unwrap().to_owned();
    let file = StorageFile::parse_relative(relative.as_bytes()).unwrap();
    let bytes = er7(&message(kind, NUMBER, "架橋"));
    let read = read_file(file, &bytes).unwrap();
    rendition::page(&read, &bytes, "架橋病院").unwrap()
}

#[test]
fn no_page_shows_number_address_telephone_or_insurance() {
    for kind in &KINDS {
        let page = page(kind.code);
        for private in PRIVATE.iter().chain([&NUMBER]) {
            assert!(!page.contains(private), "{} shows {private}", kind.code);
        }
        assert!(!page.contains("［省略］"), "no field of {} had to be struck out", kind.code);
    }
}

#[test]
fn every_page_says_what_it_is_and_whose_and_is_complete_in_itself() {
    for kind in &KINDS {
        let page = page(kind.code);
        for expected in [
            "<!DOCTYPE html><html lang=\"ja\">",
            kind.title,
            "架橋病院",
            "架橋 花子",
            "カキョウ ハナコ",
            "1948年4月5日（昭和23年4月5日）",
            "性別 女",
        ] {
            assert!(page.contains(expected), "{} lacks {expected}", kind.code);
        }
        for foreign in ["<script", "http:", "https:", "<link", "<img", "url("] {
            assert!(!page.contains(foreign), "{} has {foreign}", kind.code);
        }
        assert_eq!(page, self::page(kind.code), "the same file gives the same page");
    }
}

#[test]
fn each_kind_shows_what_a_clinician_reads() {
    let expected: [(&str, &[&str]); 26] = [
        ("ADT-00", &["ペニシリン", "重度", "発疹", "A型", "163.6", "cm", "配偶者", "架橋 一郎", "障害"]),
        ("ADT-01", &["担当医の変更", "2024年7月12日 09:05", "長谷 徳之"]),
        ("ADT-12", &["外来受付", "2024年7月12日 08:30", "整形外科（11）", "長谷 徳之"]),
        ("ADT-21", &["入院予定", "2024年7月12日 09:00"]),
        ("ADT-22", &["入院実施", "5E病棟 501号室 2床", "入院 医師", "骨折の手術"]),
        ("ADT-31", &["外出泊", "帰院予定日時", "2024年7月13日 17:00"]),
        ("ADT-32", &["外出泊からの帰院", "2024年7月12日 09:05"]),
        ("ADT-41", &["転科・転棟予定", "2024年7月12日 13:00"]),
        ("ADT-42", &["転科・転棟実施", "移動前の所在", "6W病棟 601号室 1床"]),
        ("ADT-51", &["退院予定日時", "2024年7月12日 10:00"]),
        ("ADT-52", &["退院実施", "2024年7月20日 10:00", "軽快"]),
        (
            "ADT-61",
            &["食物アレルギー", "そば", "重度", "蕁麻疹", "2020年1月1日", "スギ", "軽度", "子供のころ"],
        ),
        (
            "PPR-01",
            &["本態性高血圧症", "I10", "主診断", "2024年6月30日", "疑い", "K29.7", "回復", "内科 医師"],
        ),
        ("OMD", &["常食", "塩分６ｇ", "１日３回", "2024年7月12日 12時"]),
        (
            "OMP-01",
            &[
                "ダーゼン錠（５ｍｇ）",
                "108665201",
                "1錠",
                "１日３回朝昼夕食後",
                "7日分",
                "21錠",
                "院内処方",
                "口",
            ],
        ),
        ("OMP-11", &["ダーゼン錠（５ｍｇ）", "1錠", "08:05 ～ 08:30", "看護 花子", "完了"]),
        (
            "OMP-02",
            &[
                "510ミリリットル",
                "102ミリリットル／時間",
                "静脈内",
                "点滴ポンプ",
                "基剤",
                "ソリタ",
                "添加",
                "生理食塩水",
                "08:00 ～ 13:00",
            ],
        ),
        ("OMP-12", &["ソリタ", "左手に実施", "102ml/hr", "静脈内", "08:05 ～ 13:05"]),
        ("OML-01", &["生化学的検査", "総蛋白", "依頼", "ルーチン"]),
        (
            "OML-11",
            &[
                "血清",
                "2024年7月12日 09:05",
                "6.6",
                "g/dL",
                "6.7-8.3",
                "H 高",
                "溶血あり",
                "&lt; 0.02",
                "陰性（-）",
                "訂正",
            ],
        ),
        ("OMG-01", &["胸部．Ｘ線単純撮影．立位正面", "咳が続く", "至急", "長谷 徳之"]),
        (
            "OMG-11",
            &["胸部．Ｘ線単純撮影．立位正面", "2024年7月12日", "2枚", "CR", "A105", "1.2.392.999999.1.105"],
        ),
        ("OMG-02", &["検査．上部", "整形外科"]),
        ("OMG-12", &["検査．上部", "萎縮性胃炎", "ES", "1.2.392.999999.1.106"]),
        ("OMG-03", &["胸部", "至急"]),
        ("OMG-13", &["標準１２誘導心電図", "正常洞調律", "心拍数", "67", "bpm"]),
    ];
    for (kind, texts) in expected {
        let page = page(kind);
        for text in texts {
            assert!(page.contains(text), "{kind} lacks {text}: {}", page.split("<main>").nth(1).unwrap());
        }
    }
}

#[test]
fn abnormal_results_stand_out_and_normal_ones_do_not() {
    let page = page("OML-11");
    assert_eq!(page.matches("<tr class=\"abnormal\">").count(), 1);
    let row = page.split("<tr class=\"abnormal\">").nth(1).unwrap().split("</tr>").next().unwrap();
    assert!(row.contains("カリウム") && row.contains("5.9"));
}

#[test]
fn an_order_before_its_panel_is_told_with_it() {
    let text = message("OMG-13", NUMBER, "架橋")
        .replace("\rOBR|1|", "\rORC|SC|ORDER1||||||||||D1^依頼^医師\rOBR|1|");
    let storage = Storage::new();
    let path = storage.path("OMG-13", NUMBER, "20240712100000000", 1);
    let relative = path.strip_prefix(storage.root()).unwrap().to_str().unwrap().to_owned();
    let bytes = er7(&text);
    let read = read_file(StorageFile::parse_relative(relative.as_bytes()).unwrap(), &bytes).unwrap();
    let page = rendition::page(&read, &bytes, "x").unwrap();
    assert_eq!(page.matches("<h2>").count(), 1, "{page}");
    assert!(
        page.contains("<h2>標準１２誘導心電図</h2>") && page.contains("ORDER1") && page.contains("依頼 医師")
    );
}

#[test]
fn markup_in_a_message_is_text_on_the_page() {
    let text = message("OML-11", NUMBER, "<script>alert(1)</script>");
    let storage = Storage::new();
    let path = storage.path("OML-11", NUMBER, "20240712100000000", 1);
    let relative = path.strip_prefix(storage.root()).unwrap().to_str().unwrap().to_owned();
    let read = read_file(StorageFile::parse_relative(relative.as_bytes()).unwrap(), &er7(&text)).unwrap();
    assert!(!rendition::page(&read, &[], "x").unwrap().contains("<script"));
}

/// A CDA document of the extension storage.
fn clinical(xml: &str) -> Option<String> {
    let kind = "^退院時要約^^18842-5^退院時サマリー^LN";
    let path = format!(
        "000/001/{NUMBER}/20240712/{kind}/{NUMBER}_20240712_{kind}_DS1_20240712100000000_11_1/summary.xml"
    );
    let file = StorageFile::parse_relative(path.as_bytes()).unwrap();
    let read = read_file(file, xml.as_bytes()).unwrap();
    rendition::page(&read, xml.as_bytes(), "架橋病院")
}

#[test]
fn a_clinical_document_shows_its_narrative_without_number_address_and_telephone() {
    let page = clinical(&format!(
        r#"<ClinicalDocument xmlns="urn:hl7-org:v3"><title>要約</title><effectiveTime value="20240712150000+0900"/>
        <recordTarget><patientRole><id root="2.999" extension="{NUMBER}"/>
        <addr><state>岡山県</state><streetAddressLine>架橋市標識町１−２</streetAddressLine></addr><telecom value="tel:086-000-9999"/>
        <patient><name use="IDE"><family>架橋</family><given>花子</given></name><administrativeGenderCode code="F"/>
        <birthTime value="19480405"/></patient></patientRole></recordTarget>
        <author><assignedAuthor><assignedPerson><name>長谷 徳之</name></assignedPerson></assignedAuthor></author>
        <documentationOf><serviceEvent><effectiveTime><low value="20240701"/><high value="20240712"/></effectiveTime></serviceEvent></documentationOf>
        <component><structuredBody><component><section><title>経過</title><text><paragraph>連絡先 086-000-9999、患者番号 {NUMBER}、
        架橋市標識町１−２。</paragraph><list><item>骨折 &lt;b&gt;</item></list>
        <table><thead><tr><th>薬</th></tr></thead><tbody><tr><td colspan="2">鎮痛薬</td></tr></tbody></table></text></section></component>
        </structuredBody></component></ClinicalDocument>"#
    ))
    .unwrap();
    for expected in [
        "退院時サマリー",
        "架橋 花子",
        "昭和23年",
        "長谷 徳之",
        "2024年7月1日 ～ 2024年7月12日",
        "<h2>経過</h2>",
        "<li>骨折 &lt;b&gt;</li>",
        "<td colspan=\"2\">鎮痛薬</td>",
        "連絡先 ［省略］",
    ] {
        assert!(page.contains(expected), "{expected} in {page}");
    }
    for private in [NUMBER, "086-000-9999", "標識町"] {
        assert!(!page.contains(private), "{private}");
    }
}

#[test]
fn other_xml_and_attachments_are_offered_as_they_are() {
    assert_eq!(clinical("<a/>"), None);
}

#[test]
fn private_values_are_struck_out_of_free_text() {
    let storage = Storage::new();
    let path = storage.path("OML-11", NUMBER, "20240712100000000", 1);
    let relative = path.strip_prefix(storage.root()).unwrap().to_str().unwrap().to_owned();
    let text =
        message("OML-11", NUMBER, "架橋").replace("溶血あり", &format!("患者 {NUMBER} 電話 086-000-9999"));
    let bytes = er7(&text);
    let read = read_file(StorageFile::parse_relative(relative.as_bytes()).unwrap(), &bytes).unwrap();
    let page = rendition::page(&read, &bytes, "x").unwrap();
    assert!(page.contains("患者 ［省略］ 電話 ［省略］"));
}
