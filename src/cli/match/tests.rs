use std::io::Write as _;

use super::*;

fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn matched(bytes: &[u8]) -> Result<String, String> {
    let file = file(bytes);
    let args = MatchArgs { records: file.path().to_owned(), truth: None };
    let mut out = Vec::new();
    links(&args, &mut out).map_err(|error| error.to_string().rsplit('/').next().unwrap().to_owned())?;
    Ok(String::from_utf8(out).unwrap())
}

const HEAD: &str =
    "rec_id\tcommunity\tfamily\tgiven\tfamily_kana\tgiven_kana\tsex\tbirthdate\tpostal\taddress\tphone";
const ONE: &str =
    "A\tokayama\t宇野\t幸夫\tうの\tゆきお\tM\t19630903\t7100000\t倉敷市架橋4丁目2番17号\t086-000-3894";
const TWO: &str = "B\tokayama\t宇野　幸夫\t\tｳﾉ ﾕｷｵ\t\t1\tS38.9.3\t\t岡山県倉敷市架橋4-2-17\t+81860003894";
const THREE: &str = "C\tokayama\t\"関\t香織\tセキ\tカオリ\tF\t19481103\t\t\t";

#[test]
fn a_pair_is_one_line_of_ids_grade_score_and_reasons_in_the_order_of_the_list() {
    let out = matched(format!("{HEAD}\n{ONE}\n{THREE}\n{TWO}\n").as_bytes()).unwrap();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(
        lines,
        [
            "record_a\trecord_b\tgrade\tscore\treasons",
            "A\tB\tauto\t41.0\tkana=equal,kanji=equal,birth=equal,sex=equal,phone=equal,address=equal",
        ]
    );
}

#[test]
fn a_byte_order_mark_windows_line_ends_and_other_columns_are_put_up_with() {
    let plain = format!("{HEAD}\n{ONE}\n{TWO}\n");
    let other = format!("\u{feff}{HEAD}\tcorruptions\r\n{ONE}\t-\r\n{TWO}\t-");
    assert_eq!(matched(plain.as_bytes()), matched(other.as_bytes()));
}

#[test]
fn a_list_of_nobody_has_no_pairs_and_an_empty_file_is_no_list() {
    assert_eq!(matched(format!("{HEAD}\n").as_bytes()).unwrap().lines().count(), 1);
    let why = matched(b"").unwrap_err();
    assert!(why.contains(":1: the column `rec_id` is missing"), "{why}");
}

#[test]
fn what_is_wrong_with_a_list_is_told_with_its_line() {
    for (bytes, expected) in [
        (format!("{HEAD}\n{ONE}\n{TWO}\n{ONE}\n").into_bytes(), ":4: this rec_id stands on line 2"),
        (format!("{HEAD}\n{ONE}\n\t\t\n").into_bytes(), ":3: the rec_id is empty"),
        ([HEAD.as_bytes(), b"\nA\tokayama\t\x93\xfa\n"].concat(), ":2: not UTF-8 text"),
        (b"id\tfamily\n1\t2\n".to_vec(), ":1: the column `rec_id` is missing"),
    ] {
        let why = matched(&bytes).unwrap_err();
        assert!(why.contains(expected), "{why}");
    }
}

#[test]
fn exit_codes_are_those_of_the_contract() {
    let good = file(format!("{HEAD}\n{ONE}\n").as_bytes());
    let bad = file(b"nothing");
    let of = |records: &Path, truth: Option<&Path>| {
        run(&MatchArgs { records: records.to_owned(), truth: truth.map(Path::to_owned) })
    };
    assert_eq!(of(good.path(), None), 0);
    assert_eq!(of(bad.path(), None), 65);
    assert_eq!(of(good.path(), Some(bad.path())), 65);
    assert_eq!(of(Path::new("no-such-list.tsv"), None), 66);
}

#[test]
fn one_id_cannot_be_two_persons_in_the_truth() {
    let truth = |text: &str| read_truth(file(text.as_bytes()).path()).map(|truth| truth.len());
    assert_eq!(truth("rec_id\ttruth_person\nA\tT1\nB\tT1\nA\tT1\n").unwrap(), 2);
    assert!(truth("rec_id\ttruth_person\nA\tT1\nA\tT2\n").is_err());
}

#[test]
fn the_development_set_is_linked_within_its_bounds() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../shared/corpus/ssmix2/kakehashi/demographics/records.tsv");
    if !corpus.exists() {
        return;
    }
    let records = read_records(&corpus).unwrap();
    let truth = read_truth(&corpus).unwrap();
    let postings = Postings::of(&records.prepared);
    let (_, found) = part_of(&records, &postings, 0..records.ids.len());
    let mut tally = Tally::default();
    for link in found {
        let same = is_same(&truth, &records.ids[link.one], &records.ids[link.two]);
        tally.count(link.graded.grade, Some(same));
    }
    assert_eq!(tally.auto - tally.auto_true, 0, "false automatic links");
    assert!(tally.auto_true >= 489, "{} of 514", tally.auto_true);
    assert_eq!(tally.auto_true + tally.review_true, 514);
    assert!(tally.review * 5 <= records.ids.len(), "{}", tally.review);
}
