//! One small synthetic message of each kind, built here: what the tests of this room read.

use super::{Flag, KINDS, Kind, StandardKind, StorageFile};
use crate::dialect::hl7v2::{Unencodable, encode};
use crate::model::Phi;

pub const PATIENT: &str = "0000000099";
const DOCTOR: &str = "D0330^長谷^徳之^^^^^^^L^^^^^I";

/// Segments after PID and PV1, by kind.
fn body(code: &str) -> String {
    let orc = format!(
        "ORC|NW|105000000000030|||||||20240812133006|{DOCTOR}||{DOCTOR}|||||11^整形外科^HL70069||||架橋病院\r"
    );
    match code {
        "ADT-21" | "ADT-41" => "PV2||||||||202408120900\r".to_owned(),
        "ADT-51" => "PV2|||||||||202408120900\r".to_owned(),
        "ADT-61" => "IAM|1|FA^食物^HL70127|J9FC^そば^J-FAGY|SV^重度^HL70128\r".to_owned(),
        "PPR-01" => format!(
            "PRB|AD|20240812|20058977^高血圧症^MDCDX2|1|||20240712|||I10^^I10^O^外来時^JHSD0004\r{orc}PRB|AD|20240812|20054174^胃炎^MDCDX2|2|||20240701|||K297^^I10\r{orc}"
        ),
        "OMD" => format!("{orc}TQ1|1||||||2024081312\rODS|D||001^常食^99XY3\r"),
        "OMP-01" => format!("{orc}RXE||108665201^ダーゼン錠^HOT9|1\rTQ1|1|||||7^d|20240812\r"),
        "OMP-02" => format!(
            "{orc}RXE||00^一般^99I02|510\rTQ1|1||||||202408120800|202408121300\rRXC|B|107685101^ソリタ^HOT9|1\rRXC|A|107679002^生食^HOT9|1\r"
        ),
        "OMP-11" | "OMP-12" => {
            format!("{orc}RXA|0|1|202408120805|202408120830|108665201^ダーゼン錠^HOT9|1||||N0200^看護^花子\r")
        }
        "OML-01" => format!(
            "SPM|1|||023^血清^JC10\r{orc}OBR|1|1||E001^生化学的検査^99O03\rOBX|1||3A010000002327101^総蛋白^JC10\r"
        ),
        "OML-11" => format!(
            "SPM|1|1||023^血清^JC10|||||||||||||202408120905\rOBR|1|1||E001^生化学的検査^99O03||||||||||||{DOCTOR}||||||20240812110511\r{orc}OBX|1|NM|3A010000002327101^総蛋白^JC10||6.6\rOBX|2|NM|3H015000002326101^カリウム^JC10||5.9\rOBX|3|NM|3A010000002327199^総蛋白^JC10||6.5\r"
        ),
        "OMG-11" | "OMG-12" => format!(
            "{orc}OBR|1|1||1000000200010200^胸部Ｘ線^JJ1017|||20240812|||||||||{DOCTOR}\rZE1|1|RS|1000000200010299^胸部正面^JJ1017\rIPC|A105|P0001|2.999.1.30||CR^^DCM\r"
        ),
        "OMG-13" => format!(
            "OBR|1|1||9A110^標準１２誘導心電図^JC10|||20240812|||||||||{DOCTOR}||||||20240812143035\rOBX|1|TX|9A100&IMP^心電図所見^JC10|1|正常洞調律\r"
        ),
        _ if code.starts_with("OMG") => format!("{orc}OBR|1|1||9A110^標準１２誘導心電図^JC10\r"),
        _ => String::new(),
    }
}

/// The text of a message of a kind.
pub fn text(kind: &StandardKind) -> String {
    let (code, trigger) = (kind.code, kind.event.trigger);
    let event = if code.starts_with("ADT") { "EVN||20240812103659||||202408120800\r" } else { "" };
    format!(
        "MSH|^~\\&|HIS|SEND|GW|RCV|20240812103659.075||{}^{trigger}|1|P|2.5||||||~ISO IR87\r{event}PID|0001||{PATIENT}^^^^PI||宮本^美愛^^^^^L^I~ミヤモト^ミア^^^^^L^P||19920731|F|||^^^^714-0000^JPN^H^岡山県笠岡市||||||||||||||||||||||20240401090000\rPV1|0001|O|11^^^^^C||||{DOCTOR}|||11|||||||D0001^入院^医師|||||||||||||||||||||||||||202408120830|202408121000\r{}",
        kind.message,
        body(code)
    )
}

/// Its bytes in ISO-2022-JP.
pub fn bytes(kind: &StandardKind) -> Vec<u8> {
    encode(&text(kind), Unencodable::Geta).bytes
}

/// Its place in the storage.
pub fn file(kind: &'static StandardKind) -> StorageFile {
    StorageFile {
        patient: Phi::new(PATIENT.to_owned()),
        date: kind.is_dated().then(|| "20240812".to_owned()),
        kind: Kind::Standard(kind),
        order_key: if kind.is_dated() { "105000000000030" } else { "999999999999999" }.to_owned(),
        sent_at: "20240812103659075".to_owned(),
        department: Some("11".to_owned()),
        flag: Flag::Current,
        document: None,
        warnings: Vec::new(),
    }
}

/// A kind by its code.
pub fn kind(code: &str) -> &'static StandardKind {
    KINDS.iter().find(|kind| kind.code == code).unwrap()
}
