use super::population::{Style, population};
use crate::matching::address::address;
use crate::matching::{Postings, Prepared, compare, compare_among, fold, grade};
use crate::model::{Address, Demographics, Grade, Insurance, NameScript, PartialDate, PersonName, Sex};

fn name(script: NameScript, family: &str, given: &str) -> PersonName {
    PersonName { script: Some(script), family: family.into(), given: given.into() }
}

fn person(kanji: (&str, &str), kana: (&str, &str), birth: &str) -> Demographics {
    Demographics {
        names: vec![
            name(NameScript::Ideographic, kanji.0, kanji.1),
            name(NameScript::Syllabic, kana.0, kana.1),
        ],
        birth: PartialDate::from_digits(birth),
        sex: Some(Sex::Female),
        addresses: vec![Address {
            postal_code: "7100000".into(),
            text: "岡山県倉敷市架橋4丁目2番17号".into(),
        }],
        phones: vec!["086-000-3894".into()],
        ..Demographics::default()
    }
}

fn insured(mut of: Demographics, branch: &str) -> Demographics {
    let (insurer, symbol, number) = ("01330012".into(), "福３".into(), "12801296".into());
    of.insurance = Some(Insurance { insurer, symbol, number, branch: branch.into() });
    of
}

fn grade_of(one: &Demographics, two: &Demographics) -> Grade {
    let graded = grade(one, two);
    assert!((graded.score - grade(two, one).score).abs() < 1e-9, "order does not matter");
    graded.grade
}

#[test]
fn one_person_written_two_ways_is_one_person() {
    let one = person(("髙橋", "愛"), ("タカハシ", "アイ"), "19630409");
    let mut two = person(("高橋　愛", ""), ("ﾀｶﾊｼ ｱｲ", ""), "19630409");
    two.addresses = vec![Address {
        postal_code: "710-0000".into(),
        text: "倉敷市架橋４－２－１７　メゾン架橋".into(),
    }];
    two.phones = vec!["+81 86 000 3894".into()];
    assert_eq!(grade_of(&one, &two), Grade::Auto);
}

#[test]
fn twins_are_never_linked_by_a_machine() {
    let pairs = [
        (("板野", "春斗"), ("イタノ", "ハルト"), ("板野", "春人"), ("イタノ", "ハルヒト")),
        (("板野", "美咲"), ("イタノ", "ミサキ"), ("板野", "美月"), ("イタノ", "ミツキ")),
        (("板野", "一"), ("イタノ", "ハジメ"), ("板野", "二"), ("イタノ", "ツギ")),
    ];
    for (kanji_a, kana_a, kanji_b, kana_b) in pairs {
        let one = person(kanji_a, kana_a, "20110501");
        let two = person(kanji_b, kana_b, "20110501");
        assert!(grade_of(&one, &two) < Grade::Auto);
        assert!(grade_of(&insured(one, "02"), &insured(two, "03")) < Grade::Auto);
    }
}

#[test]
fn a_father_and_his_son_of_one_name_are_two_persons() {
    let one = person(("守安", "勇"), ("モリヤス", "イサム"), "19551219");
    let two = person(("守安", "勇"), ("モリヤス", "イサム"), "19851219");
    assert!(grade_of(&one, &two) < Grade::Auto);
}

#[test]
fn name_birth_date_and_sex_alone_are_not_enough() {
    let one = person(("佐藤", "恵子"), ("サトウ", "ケイコ"), "19550703");
    let mut two = one.clone();
    two.addresses.clear();
    two.phones.clear();
    assert_eq!(grade_of(&one, &two), Grade::Review);
}

#[test]
fn one_insurance_number_with_another_branch_is_family() {
    let one = insured(person(("関", "香織"), ("セキ", "カオリ"), "19481103"), "00");
    let two = insured(person(("関", "香織"), ("セキ", "カオリ"), "19481103"), "01");
    assert!(grade_of(&one, &two) < Grade::Auto);
}

#[test]
fn a_slip_in_the_birth_date_waits_for_a_person_unless_the_insurance_is_personal() {
    let one = person(("宇野", "幸夫"), ("ウノ", "ユキオ"), "19630903");
    let two = person(("宇野", "幸夫"), ("ウノ", "ユキオ"), "19630908");
    assert_eq!(grade_of(&one, &two), Grade::Review);
    assert_eq!(grade_of(&insured(one, "00"), &insured(two, "00")), Grade::Auto);
}

#[test]
fn placeholders_never_agree_and_are_never_linked_by_a_machine() {
    let one = person(("山本", "京子"), ("ヤマモト", "キョウコ"), "19000101");
    assert!(grade_of(&one, &one.clone()) < Grade::Auto, "1900-01-01 is no birth date");
    let baby = person(("山本", "京子ベビー"), ("ヤマモト", "キョウコベビー"), "20240401");
    assert!(grade_of(&baby, &baby.clone()) < Grade::Auto);
    let test = person(("テスト", "太郎"), ("テスト", "タロウ"), "19800101");
    assert!(grade_of(&test, &test.clone()) < Grade::Auto);
}

#[test]
fn a_former_name_in_brackets_is_an_alias() {
    let one = person(("渡辺（山本）", "真由美"), ("ワタナベ", "マユミ"), "19550220");
    let two = person(("山本", "真由美"), ("ヤマモト", "マユミ"), "19550220");
    assert_eq!(grade_of(&one, &two), Grade::Auto);
}

#[test]
fn names_that_only_sound_alike_without_marks_and_length_prove_nothing() {
    let one = person(("", ""), ("イタノ", "ユウキ"), "20110501");
    let two = person(("", ""), ("イタノ", "ユキ"), "20110501");
    assert_eq!(grade_of(&one, &two), Grade::Review);
    let long = person(("", ""), ("イタノ", "ユーキ"), "20110501");
    assert_eq!(grade_of(&one, &long), Grade::Auto, "a long vowel written in another way");
    // A source that drops voicing marks writes ダイキ as タイキ, which is the twin's name.
    let one = person(("板野", "大輝"), ("イタノ", "タイキ"), "20110501");
    let two = person(("板野", "泰輝"), ("イタノ", "タイキ"), "20110501");
    assert_eq!(grade_of(&one, &two), Grade::Review);
}

#[test]
fn without_a_name_in_a_script_of_both_nothing_is_linked_by_a_machine() {
    let mut one = person(("板野", "美咲"), ("イタノ", "ミサキ"), "20110501");
    let mut two = one.clone();
    two.names.clear();
    assert!(grade_of(&one, &two) < Grade::Auto);
    let roman = |given: &str| vec![name(NameScript::Alphabetic, "ITANO", given)];
    two.names = roman("MISAKI");
    assert_eq!(grade_of(&one, &two), Grade::Review, "roman letters against kana");
    one.names = roman("MITSUKI");
    assert!(grade_of(&one, &two) < Grade::Auto, "twins in roman letters");
    one.names = vec![name(NameScript::Alphabetic, "Misaki", "Itano")];
    assert_eq!(grade_of(&one, &two), Grade::Auto, "the order of foreign names differs");
    // Both lack the given name.
    one.names = vec![name(NameScript::Ideographic, "板野", "")];
    two.names.clone_from(&one.names);
    assert!(grade_of(&one, &two) < Grade::Auto);
}

#[test]
fn a_kanji_that_could_not_be_encoded_fits_any_and_proves_none() {
    let one = person(("板野", "春斗"), ("イタノ", "ハルト"), "20110501");
    let two = person(("●野", "春斗"), ("イタノ", "ハルト"), "20110501");
    assert_eq!(grade_of(&one, &two), Grade::Auto);
    let only = |given: &str| Demographics {
        names: vec![name(NameScript::Ideographic, "板野", given)],
        ..one.clone()
    };
    assert_eq!(grade_of(&only("春斗"), &only("春●")), Grade::Review);
}

#[test]
fn a_town_without_a_lot_corroborates_nothing() {
    let mut one = person(("佐藤", "恵子"), ("サトウ", "ケイコ"), "19550703");
    one.phones.clear();
    for town in ["岡山県倉敷市架橋", "倉敷市架橋4丁目"] {
        let text = town.to_owned();
        one.addresses = vec![Address { postal_code: "7100000".into(), text }];
        assert_eq!(grade_of(&one, &one.clone()), Grade::Review, "{town}");
    }
}

#[test]
fn strangers_of_one_name_and_birth_date_in_one_nursing_home_are_two_persons() {
    let resident =
        |kanji: &str, kana: &str, birth: &str| Prepared::new(&person((kanji, "千代"), (kana, "チヨ"), birth));
    let mut residents = vec![resident("佐藤", "サトウ", "19320703"), resident("佐藤", "サトウ", "19320703")];
    assert_eq!(compare(&residents[0], &residents[1]).grade, Grade::Auto, "a household of two records");
    let others =
        [("関", "セキ"), ("宇野", "ウノ"), ("守安", "モリヤス"), ("三宅", "ミヤケ"), ("土居", "ドイ")];
    residents.extend(others.map(|(kanji, kana)| resident(kanji, kana, "19330101")));
    let postings = Postings::of(&residents);
    let graded = compare_among(&residents[0], &residents[1], postings.shared());
    assert_eq!(graded.grade, Grade::Review);
    assert!(graded.reasons.contains(&"phone=shared".to_owned()), "{:?}", graded.reasons);
}

#[test]
fn a_family_without_branches_shares_its_number_and_the_son_is_not_the_father() {
    let father = insured(person(("守安", "勇"), ("モリヤス", "イサム"), "19551219"), "00");
    let son = insured(person(("守安", "勇"), ("モリヤス", "イサム"), "19851219"), "00");
    assert_eq!(grade_of(&father, &son), Grade::Review);
}

#[test]
fn reasons_name_fields_and_never_values() {
    let one = insured(person(("髙橋", "愛"), ("タカハシ", "アイ"), "19630409"), "00");
    let reasons = grade(&one, &one.clone()).reasons.join(",");
    assert!(reasons.is_ascii(), "{reasons}");
    assert!(!reasons.chars().any(|c| c.is_ascii_digit()), "{reasons}");
}

#[test]
fn variants_fold_and_false_friends_do_not() {
    let same = |one: &str, two: &str| fold::kanji(one) == fold::kanji(two);
    for (one, two) in [
        ("渡邊", "渡辺"),
        ("齋藤", "斉藤"),
        ("𠮷田", "吉田"),
        ("国", "國"),
        ("佐々木", "佐佐木"),
        ("神", "神"),
        ("辻\u{e0100}", "辻"),
    ] {
        assert!(same(one, two), "{one} {two}");
    }
    for (one, two) in
        [("荻野", "萩野"), ("太田", "大田"), ("土井", "土居"), ("阿部", "安部"), ("裕子", "祐子")]
    {
        assert!(!same(one, two), "{one} {two}");
    }
}

#[test]
fn kana_fold_to_one_key_and_a_coarser_skeleton() {
    assert_eq!(fold::kana("ｷｮｳｺ"), fold::kana("きょうこ"));
    assert_eq!(fold::kana("ヂ ヅ ヲ"), fold::kana("ジ ズ オ"));
    for (one, two) in
        [("オオタ", "オータ"), ("ヤマザキ", "ヤマサキ"), ("ユウコ", "ユーコ"), ("コウノ", "コオノ")]
    {
        assert_eq!(fold::skeleton(&fold::kana(one)), fold::skeleton(&fold::kana(two)), "{one} {two}");
    }
    assert_ne!(fold::skeleton("コウノ"), fold::skeleton("カワノ"));
}

#[test]
fn an_address_is_compared_by_its_lot() {
    let key = |text| address(text).unwrap();
    let lot = key("岡山県倉敷市架橋4丁目2番17号").lot;
    for other in
        ["倉敷市架橋四丁目２－１７", "岡山県倉敷市架橋4-2-17 架橋ハイツ203", "倉敷市架橋４丁目２の１７"]
    {
        assert_eq!(key(other).lot, lot, "{other}");
    }
    assert_eq!(key("倉敷市架橋4-2-17 架橋ハイツ203").room.as_deref(), Some("203"));
    assert_ne!(key("倉敷市架橋4丁目2番18号").lot, lot);
}

#[test]
fn candidates_come_by_key_and_each_pair_once() {
    let one = Prepared::new(&person(("関", "香織"), ("セキ", "カオリ"), "19481103"));
    let far = Prepared::new(&Demographics::default());
    let records = [one.clone(), far, one];
    let postings = Postings::of(&records);
    assert_eq!(postings.after(0, &records[0]), [2]);
    assert_eq!(postings.after(2, &records[2]), [0usize; 0]);
    assert_eq!(postings.left_out(), 0);
}

proptest::proptest! {
    #[test]
    fn folding_never_panics_and_is_idempotent(text in "\\PC{0,24}") {
        let once = fold::kana(&text);
        proptest::prop_assert_eq!(fold::kana(&once), once.clone());
        let _ = (fold::kanji(&text), fold::skeleton(&once), address(&text), fold::phone(&text));
    }
}

#[test]
fn the_same_parts_of_names_paired_otherwise_are_other_people() {
    let with = |pairs: [(&str, &str); 2]| {
        let names = pairs.map(|(family, given)| name(NameScript::Syllabic, family, given)).into();
        Prepared::new(&Demographics { names, birth: PartialDate::day(1948, 4, 5), ..Demographics::default() })
            .told_apart_by()
    };
    let one = with([("セキ", "カオリ"), ("モリ", "チヨ")]);
    let turned = with([("モリ", "チヨ"), ("セキ", "カオリ")]);
    let swapped = with([("セキ", "チヨ"), ("モリ", "カオリ")]);
    assert_eq!(one.whole, turned.whole);
    assert_ne!(one.whole, swapped.whole);
    assert_eq!(one.parts, swapped.parts, "what a typing error is told by");
}

#[test]
fn a_birth_within_a_few_years_tells_something_and_within_a_lifetime_nothing() {
    let record = person(("美咲", "花子"), ("ミサキ", "ハナコ"), "19850612");
    let within = |first: &str, last: &str| {
        let dates = PartialDate::from_digits(first).zip(PartialDate::from_digits(last));
        grade(&Demographics { birth: None, birth_range: dates, ..record.clone() }, &record).score
    };
    let without = grade(&Demographics { birth: None, ..record.clone() }, &record).score;
    assert_eq!(within("19800101", "19891231") - without, 5.0);
    assert_eq!(within("19000101", "20251231") - without, 0.0);
    assert_eq!(within("19900101", "20251231") - without, -10.0);
}

#[test]
fn who_shares_neither_birth_date_nor_insurance_number_is_never_linked_by_a_machine() {
    let mut linked = 0;
    for (style, seed) in [(Style::Usual, 51), (Style::Dirty, 52), (Style::Coincident, 53)] {
        let records = population(seed, style, 150);
        let records: Vec<Prepared> =
            records.iter().map(|record| Prepared::new(&record.demographics)).collect();
        for (at, one) in records.iter().enumerate() {
            for two in records.iter().skip(at + 1) {
                let is_linked = compare(one, two).grade == Grade::Auto;
                let shares = one.must_share().any(|key| two.must_share().any(|other| other == key));
                assert!(shares || !is_linked, "{style:?} {:?}", compare(one, two).reasons);
                linked += usize::from(is_linked);
            }
        }
    }
    assert!(linked > 50, "{linked}");
}
