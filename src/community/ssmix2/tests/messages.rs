//! Synthetic messages of all 26 kinds. Each carries everything that a rendition must leave out:
//! number, address, telephone and insurance, as marks that can be looked for.

/// What no rendition may show, besides the patient's number.
pub const PRIVATE: [&str; 12] = [
    "標識町",
    "999-0000",
    "086-000-9999",
    "086-000-8888",
    "INSURER9",
    "SYMBOL9",
    "NUMBER9",
    "組合標識",
    "ACCOUNT9",
    "086-000-7777",
    "親族町",
    "086-000-6666",
];

/// The order number of the messages.
pub const ORDER: &str = "000000000000042";

/// A message of a kind for a patient, with a family name and an event.
pub fn message(kind: &str, number: &str, family: &str) -> String {
    let (event, body) = body(kind);
    let who = patient(number, family);
    let visit = "PV1|0001|I|5E^501^2^^^N|||6W^601^1^^^N|D0330^長谷^徳之^^^^^^^L^^^^^I|||11|||||||D0331^入院^医師^^^^^^^L^^^^^I\
        |||||||||||||||||||01^軽快^99DSP||||||||202407120830|202407201000";
    let head = format!(
        "MSH|^~\\&|HIS|SEND|GW|RCV|20240712083055.963||{event}|2024071200001|P|2.5||||||~ISO IR87||ISO 2022-1994|\
         SS-MIX2_1.20^SS-MIX2^1.2.392.200250.2.1.100.1.2.120^ISO"
    );
    let evn = "EVN||20240712083055||||202407120905|SEND001";
    let insurance =
        "IN1|1|C0^国民健康保険^JHSD0001|INSURER9|組合標識||||||SYMBOL9~NUMBER9~04||20240401|20250331";
    let zi1 = "ZI1|1|C0^国民健康保険^JHSD0001|INSURER9|組合標識||||||SYMBOL9~NUMBER9";
    [head.as_str(), evn, &who, visit, body, insurance, zi1].join("\r") + "\r"
}

fn patient(number: &str, family: &str) -> String {
    format!(
        "PID|0001||{number}^^^^PI||{family}^花子^^^^^L^I~カキョウ^ハナコ^^^^^L^P||19480405|F|||\
         ^^^^999-0000^JPN^H^岡山県架橋市標識町１−２−３||^PRN^PH^^^^^^^^^086-000-9999|^WPN^PH^^^^^^^^^086-000-8888||||ACCOUNT9\
         ||||||||||||||||20240401090000\r\
         NK1|1|架橋^一郎^^^^^L^I|SPO^配偶者^HL70063|^^^^999-0000^JPN^H^岡山県親族町９|^PRN^PH^^^^^^^^^086-000-7777"
    )
}

const ORC: &str = "ORC|NW|000000000000042||000000000000042_01_001|||||20240712113025|D0330^長谷^徳之^^^^^^^L^^^^^I||D0330^長谷^徳之^^^^^^^L^^^^^I\
    |11^^^^^C||||11^整形外科^HL70069||||架橋病院|^^^^999-0000^JPN^^岡山県標識町|^^^^^^^^^^^086-000-6666||||||I^入院患者オーダ^HL70482";

fn body(kind: &str) -> (&'static str, &'static str) {
    match kind {
        "ADT-00" => (
            "ADT^A08^ADT_A01",
            "DB1|1|PT||Y\rOBX|1|NM|9N001^身長^JC10||163.6|cm^cm^ISO+|||||F\r\
            OBX|2|CWE|5H010^血液型-ABO式^JC10||A^A型^JSHR002||||||F\rAL1|1|DA^薬剤アレルギー^HL70127|1^ペニシリン^99XYZ|SV|発疹",
        ),
        "ADT-01" => ("ADT^A54^ADT_A54", "PV2"),
        "ADT-12" => ("ADT^A04^ADT_A01", "PV2"),
        "ADT-21" => ("ADT^A14^ADT_A05", "PV2||||||||202407120900"),
        "ADT-22" => ("ADT^A01^ADT_A01", "PV2|||^骨折の手術"),
        "ADT-31" => ("ADT^A21^ADT_A21", "PV2|||||||||||||||||||||||||||||||||||||||||||||||202407131700"),
        "ADT-32" => ("ADT^A22^ADT_A21", "PV2"),
        "ADT-41" => ("ADT^A15^ADT_A15", "PV2||||||||202407121300"),
        "ADT-42" => ("ADT^A02^ADT_A02", "PV2"),
        "ADT-51" => ("ADT^A16^ADT_A16", "PV2|||||||||202407121000"),
        "ADT-52" => ("ADT^A03^ADT_A03", "PV2"),
        "ADT-61" => (
            "ADT^A60^ADT_A60",
            "IAM|1|FA^食物アレルギー^HL70127|J9FC11190000^そば^J-FAGY|SV^重度^HL70128|蕁麻疹|A^追加^HL70323|||||20200101\r\
            IAM|2|LA^花粉アレルギー^HL70127|5A1^スギ^JC10|MI|目のかゆみ||||||||子供のころ",
        ),
        "PPR-01" => (
            "PPR^ZD1^PPR_ZD1",
            "PRB|AD|20240712|20058977^高血圧症^MDCDX2|1|||20240701|||I10^^I10^O^外来時^JHSD0004||||||20240630|本態性高血圧症|1^主診断^JHSD0007\r\
            ORC|NW|1|||||||20240712120031|D0110^内科^医師||D0110^内科^医師|01^^^^^C||||01^内科^HL70069\r\
            PRB|AD|20240712|20054174^胃炎^MDCDX2|2|||20240712|||K297^^I10^O^外来時^JHSD0004|||1|F||20240712|胃炎|2^副診断^JHSD0007\r\
            ORC|NW|2|||||||20240712120031|D0110^内科^医師||D0110^内科^医師|01^^^^^C||||01^内科^HL70069",
        ),
        "OMD" => (
            "OMD^O03^OMD_O03",
            orc(
                "TQ1|1||TID&１日３回&HL70335||||2024071212||R^ルーチン^HL70485\rODS|D||001^常食^99XY3|塩分６ｇ",
            ),
        ),
        "OMP-01" => (
            "RDE^O11^RDE_O11",
            orc(
                "RXE||108665201^ダーゼン錠（５ｍｇ）^HOT9|1||TAB^錠^MR9P|||||21|TAB^錠^MR9P||||1||||||OHP^外来処方^MR9P~OHI^院内処方^MR9P\r\
            TQ1|1||1013044400000000&内服・経口・１日３回朝昼夕食後&JAMISDP01|||7^d|20240712\rRXR|PO^口^HL70162",
            ),
        ),
        "OMP-11" => (
            "RAS^O17^RAS_O17",
            orc(
                "RXA|0|1|202407120805|202407120830|108665201^ダーゼン錠（５ｍｇ）^HOT9|1|TAB^錠^MR9P|||N0200^看護^花子^^^^^^^L^^^^^I|5E^501^2^^^N|||||||||CP\r\
            RXR|PO^口^HL70162",
            ),
        ),
        "OMP-02" => (
            "RDE^O11^RDE_O11",
            orc(
                "RXE||00^一般^99I02|510||ML^ミリリットル^MR9P|INJ^注射剤^MR9P|||||||||1||||||IHP^入院処方^MR9P||102|ml/hr^ミリリットル／時間^ISO+\r\
            TQ1|1||||||202407120800|202407121300\rRXR|IV^静脈内^HL70162||IVP^点滴ポンプ^HL70164\r\
            RXC|B|107685101^ソリタ−Ｔ３号輸液５００ｍＬ^HOT9|1|HON^本^MR9P\rRXC|A|107679002^生理食塩水^HOT9|1|AMP^アンプル^MR9P",
            ),
        ),
        "OMP-12" => (
            "RAS^O17^RAS_O17",
            orc(
                "RXA|0|1|202407120805|202407121305|107685101^ソリタ−Ｔ３号輸液５００ｍＬ^HOT9|1|HON^本^MR9P||^左手に実施^99IC2|N0200^看護^花子^^^^^^^L^^^^^I||102ml/hr||||||||CP\r\
            RXR|IV^静脈内^HL70162||IVP^点滴ポンプ^HL70164",
            ),
        ),
        "OML-01" => (
            "OML^O33^OML_O33",
            orc(
                "TQ1|1||||||||R^ルーチン^HL70485\rOBR|1|000000000000042||E001^生化学的検査^99O03||||||||||||D0330^長谷^徳之\r\
            OBX|1||3A010^総蛋白^JC10||||||||O",
            ),
        ),
        "OML-11" => (
            "OUL^R22^OUL_R22",
            "SPM|1|1||023^血清^JC10|||||||||||||202407120905\r\
            OBR|1|000000000000042|L1|E001^生化学的検査^99O03|||202407120905|||||||||D0330^長谷^徳之||||||20240712110511\r\
            OBX|1|NM|3A010^総蛋白^JC10||6.6|g/dL^g/dL^ISO+|6.7-8.3||||F\r\
            OBX|2|NM|3H015^カリウム^JC10||5.9|mmol/L^mmol/L^ISO+|3.6-4.8|H|||F\rNTE|1||溶血あり\r\
            OBX|3|ST|5C070^ＣＲＰ^JC10||< 0.02|mg/dL^mg/dL^ISO+|0.00-0.14||||F\r\
            OBX|4|CWE|5F016^ＨＢｓ抗原（判定）^JC10||-^陰性^99Z02||||||C",
        ),
        "OMG-01" | "OMG-03" => (
            "OMG^O19^OMG_O19",
            orc(
                "TQ1|1||||||||A^至急^HL70485\rOBR|1|000000000000042||1000000200010200^胸部．Ｘ線単純撮影．立位正面^JJ1017|||||||||咳が続く|||D0330^長谷^徳之",
            ),
        ),
        "OMG-02" => (
            "OMG^O19^OMG_O19",
            orc("OBR|1|000000000000042||11000000000^検査．上部^LENDO||||||||||||D0330^長谷^徳之"),
        ),
        "OMG-11" => (
            "OMI^Z23^OMI_Z23",
            orc("OBR|1|000000000000042||1000000200010200^胸部．Ｘ線単純撮影．立位正面^JJ1017|||20240712\r\
            ZE1|1|RS|1000000200010200^胸部．Ｘ線単純撮影．立位正面^JJ1017|2|MAI^枚^MR9P\rIPC|A105|P0001|1.2.392.999999.1.105||CR^^DCM"),
        ),
        "OMG-12" => (
            "OMI^Z23^OMI_Z23",
            orc("OBR|1|000000000000042||11000000000^検査．上部^LENDO|||20240712\r\
            ZE1|1|RS|11000000000^検査．上部^LENDO\rOBX|1|TX|9X^内視鏡所見^99Z||萎縮性胃炎||||||F\rIPC|A106|P0001|1.2.392.999999.1.106||ES^^DCM"),
        ),
        "OMG-13" => (
            "ORU^R01^ORU_R01",
            "OBR|1|000000000000042||9A110^標準１２誘導心電図^JC10|||20240712|||||||||D0330^長谷^徳之||||||20240712143035|||F\r\
            OBX|1|TX|9A100&IMP^心電図所見^JC10|1|正常洞調律||||||F\rOBX|2|NM|32769^心拍数^99MFR|2|67|bpm|||||F",
        ),
        other => panic!("no message of kind {other}"),
    }
}

fn orc(rest: &str) -> &'static str {
    Box::leak(format!("{ORC}\r{rest}").into_boxed_str())
}
