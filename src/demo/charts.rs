//! What lies in the storages for each person: kinds the agreement shows, kinds it withholds, a
//! corrected result with its history, an order taken back, documents of the extension storage.

use time::{Date, Duration};

use super::cast::{Part, Person, Record};
use super::messages::Visit;
use super::network::Network;
use crate::dialect::ssmix2::{ExtensionKind, Flag, Kind, StandardKind, StorageFile};
use crate::model::Phi;

/// A file to write.
#[derive(Debug)]
pub struct Chart {
    /// Its place.
    pub file: StorageFile,
    /// Its text, before the hospital's encoding.
    pub text: String,
}

impl Chart {
    /// What policies decide on: `OML-11`, `18842-5`.
    pub fn kind(&self) -> &str {
        self.file.kind.code()
    }

    /// Whether it lies in the extension storage.
    pub const fn is_extension(&self) -> bool {
        self.file.document.is_some()
    }
}

const INTERNAL: (&str, &str) = ("01", "内科");
const PSYCHIATRY: (&str, &str) = ("02", "精神科");
const NO_ORDER: &str = "999999999999999";
const SUMMARY: &str = "DS01^退院時サマリー^99DEMO^18842-5^退院時サマリー^LN";
const SURGERY: &str = "OP01^手術記録^99DEMO^11504-8^手術記録^LN";

type Problem = (&'static str, &'static str, &'static str, bool, &'static str);
type Drug = (&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const DIABETES: Problem = ("20064345", "２型糖尿病", "E11.9", false, "20190410");
const HYPERTENSION: Problem = ("20058977", "高血圧症", "I10", false, "20170605");
const CANCER: Problem = ("20054174", "胃癌", "C16.9", true, "20250201");
const TWICE: &str = "1012040400000000&内服・経口・１日２回朝夕食後";
const ONCE: &str = "1011000400000000&内服・経口・１日１回朝食後";
const METFORMIN: Drug = ("117223701", "メトホルミン塩酸塩錠２５０ｍｇ（見本）", "1", "TAB^錠", TWICE, "28");
const AMLODIPINE: Drug = ("113551301", "アムロジピン錠５ｍｇ（見本）", "1", "TAB^錠", ONCE, "28");
const WARFARIN: Drug = ("105258701", "ワルファリンカリウム錠１ｍｇ（見本）", "2", "TAB^錠", ONCE, "28");
const SEDATIVE: Drug =
    ("102000001", "睡眠導入剤錠（見本）", "1", "TAB^錠", "1013000090000000&内服・経口・就寝前", "14");
const PENICILLIN: (&str, &str, &str) = ("DA^薬剤アレルギー", "ペニシリン系", "アナフィラキシー");
const MACKEREL: (&str, &str, &str) = ("FA^食物アレルギー", "さば", "じんま疹");

/// Everything filed for one record of a person. Days count back from `today`.
pub fn charts(network: &Network, person: &Person, record: &Record, today: Date) -> Vec<Chart> {
    let mut desk = Desk { network, person, record, today, next: 1, charts: Vec::new() };
    match (person.part, record.hospital) {
        (Part::Consented, 0) => desk.consented_first(),
        (Part::Consented, _) => desk.consented_second(),
        (Part::Emergency, _) => desk.emergency(),
        _ => desk.few(),
    }
    desk.charts
}

struct Desk<'a> {
    network: &'a Network,
    person: &'a Person,
    record: &'a Record,
    today: Date,
    next: u32,
    charts: Vec<Chart>,
}

/// Where and how a file is put.
struct Place {
    kind: Kind,
    days_ago: i64,
    department: (&'static str, &'static str),
    flag: Flag,
    document: Option<&'static str>,
    minute: u32,
    order: Option<u32>,
}

impl Desk<'_> {
    fn consented_first(&mut self) {
        self.put("ADT-00", 40, |v| v.basics("ペニシリン系"));
        self.put("ADT-61", 40, |v| v.allergies(&[PENICILLIN, MACKEREL]));
        self.put("PPR-01", 35, |v| v.problems(&[DIABETES, HYPERTENSION, CANCER]));
        self.put("OMP-01", 20, |v| v.prescription(&[METFORMIN, AMLODIPINE]));
        // Reported, then corrected: the first file is renamed to _2, both share their order number.
        let order = self.next;
        let first = Place { flag: Flag::Superseded, order: Some(order), ..place("OML-11", 20) };
        self.file(first, |v| {
            v.results("F", "", &[("3H015000002326101", "カリウム", "6.9", "mmol/L", "3.6-4.8", "H")])
        });
        let corrected = Place { minute: 45, order: Some(order), ..place("OML-11", 20) };
        self.file(corrected, |v| {
            v.results(
                "C",
                "溶血のため再検。カリウムを訂正。",
                &[
                    ("3D045000001906202", "ＨｂＡ１ｃ（ＮＧＳＰ）", "7.4", "%", "4.9-6.0", "H"),
                    ("3C015000002327101", "クレアチニン", "0.82", "mg/dL", "0.46-0.79", "H"),
                    ("3H015000002326101", "カリウム", "4.3", "mmol/L", "3.6-4.8", "N"),
                ],
            )
        });
        self.put("OML-11", 90, |v| {
            v.results("F", "", &[("3D045000001906202", "ＨｂＡ１ｃ（ＮＧＳＰ）", "8.1", "%", "4.9-6.0", "H")])
        });
        self.document(SUMMARY, 60, INTERNAL, "summary.html", summary);
        // Withheld by the agreement.
        let psychiatric = Place { department: PSYCHIATRY, ..place("OMP-01", 15) };
        self.file(psychiatric, |v| v.prescription(&[SEDATIVE]));
        self.put("OMG-11", 62, |v| v.radiology());
        self.put("ADT-22", 65, |v| v.admission());
        self.document(SURGERY, 63, ("10", "外科"), "operation.html", surgery);
        // Taken back: never offered to anybody.
        let taken_back = Place { flag: Flag::Deleted, ..place("OMP-01", 10) };
        self.file(taken_back, |v| v.prescription(&[WARFARIN]));
    }

    fn consented_second(&mut self) {
        self.put("ADT-00", 12, |v| v.basics("ペニシリン系"));
        self.put("ADT-61", 12, |v| v.allergies(&[PENICILLIN]));
        self.put("PPR-01", 12, |v| v.problems(&[HYPERTENSION]));
        self.put("OMP-01", 8, |v| v.prescription(&[AMLODIPINE]));
        self.put("OMP-11", 8, |v| v.administration("113551301", "アムロジピン錠５ｍｇ（見本）", "1"));
        self.put("OML-11", 8, |v| {
            v.results("F", "", &[("3B035000002327201", "ＡＳＴ（ＧＯＴ）", "24", "U/L", "13-30", "N")])
        });
    }

    fn emergency(&mut self) {
        self.put("ADT-00", 30, |v| v.basics("ペニシリン系"));
        self.put("ADT-61", 30, |v| v.allergies(&[PENICILLIN]));
        self.put("OMP-01", 18, |v| v.prescription(&[WARFARIN]));
    }

    fn few(&mut self) {
        self.put("ADT-00", 50, |v| v.basics("なし"));
        self.put("OMP-01", 25, |v| v.prescription(&[AMLODIPINE]));
    }

    fn put(&mut self, kind: &str, days_ago: i64, text: impl Fn(&Visit<'_>) -> String) {
        self.file(place(kind, days_ago), text);
    }

    fn document(
        &mut self,
        folder: &str,
        days_ago: i64,
        department: (&'static str, &'static str),
        name: &'static str,
        text: impl Fn(&Visit<'_>) -> String,
    ) {
        let kind = Kind::Extension(ExtensionKind::parse(folder));
        self.file(Place { kind, department, document: Some(name), ..place("OMP-01", days_ago) }, text);
    }

    fn file(&mut self, place: Place, text: impl Fn(&Visit<'_>) -> String) {
        let Some(hospital) = self.record.at(self.network) else { return };
        let day = digits(self.today - Duration::days(place.days_ago));
        let is_dated = match &place.kind {
            Kind::Standard(kind) => kind.is_dated(),
            Kind::Extension(_) => true,
        };
        let number = place.order.unwrap_or(self.next);
        self.next += 1;
        let order = if is_dated { format!("{number:015}") } else { NO_ORDER.to_owned() };
        let visit = Visit {
            person: self.person,
            record: self.record,
            hospital,
            day: &day,
            department: place.department,
            order: &order,
            minute: place.minute,
        };
        let text = text(&visit);
        let sent_at = visit.sent_at();
        self.charts.push(Chart {
            file: StorageFile {
                patient: Phi::new(self.record.number.to_owned()),
                date: is_dated.then_some(day),
                kind: place.kind,
                order_key: order,
                sent_at,
                department: Some(place.department.0.to_owned()),
                flag: place.flag,
                document: place.document.map(str::to_owned),
                warnings: Vec::new(),
            },
            text,
        });
    }
}

/// A current file of the standard storage, from internal medicine.
fn place(kind: &str, days_ago: i64) -> Place {
    let kind =
        StandardKind::find(kind).map_or_else(|| Kind::Extension(ExtensionKind::parse(kind)), Kind::Standard);
    Place {
        kind,
        days_ago,
        department: INTERNAL,
        flag: Flag::Current,
        document: None,
        minute: 5,
        order: None,
    }
}

fn digits(day: Date) -> String {
    format!("{:04}{:02}{:02}", day.year(), u8::from(day.month()), day.day())
}

// Without number, address and insurance: the document goes abroad as it is.
fn summary(visit: &Visit<'_>) -> String {
    page(
        "退院時サマリー",
        visit,
        "<h2>主病名</h2><p>２型糖尿病（教育入院）</p><h2>経過</h2><p>食事療法と内服の調整により血糖は改善した。\
         ペニシリン系でアナフィラキシーの既往があり、使用を避けること。</p><h2>退院時処方</h2>\
         <ul><li>メトホルミン塩酸塩錠２５０ｍｇ　１回１錠　１日２回朝夕食後</li>\
         <li>アムロジピン錠５ｍｇ　１回１錠　１日１回朝食後</li></ul>\
         <h2>申し送り</h2><p>１か月後にＨｂＡ１ｃを確認ください。</p>",
    )
}

fn surgery(visit: &Visit<'_>) -> String {
    page("手術記録", visit, "<h2>術式</h2><p>腹腔鏡下胆嚢摘出術（見本）</p>")
}

fn page(title: &str, visit: &Visit<'_>, body: &str) -> String {
    let (family, given) = visit.person.kanji;
    format!(
        "<!DOCTYPE html>\n<html lang=\"ja\"><head><meta charset=\"utf-8\"><title>{title}</title></head>\n\
         <body><h1>{title}</h1><p>{}　{family} {given}　{}</p>{body}\
         <p>架空の患者です。診療に使用しないでください。</p></body></html>\n",
        visit.hospital.name, visit.day
    )
}
