use super::*;

const GOOD: &str = "N1,3310000001,100,2.999.34,*,*,TREATMENT,granted,2026-04-01,,HR-1,binder 1,clerk";

fn with(lines: &[&str]) -> String {
    let mut text = CONSENT_COLUMNS.join(",");
    for line in lines {
        text.push('\n');
        text.push_str(line);
    }
    text
}

fn bad(text: &str) -> Vec<(u64, &'static str)> {
    let bad = read_consents("c.csv", text.as_bytes()).unwrap_err();
    bad.lines.iter().map(|line| (line.line, line.column)).collect()
}

#[test]
fn a_file_is_read_with_and_without_byte_order_mark_and_with_either_line_end() {
    let text = with(&[GOOD]);
    let plain = read_consents("c.csv", text.as_bytes()).unwrap();
    assert_eq!(plain.len(), 1);
    assert_eq!(read_consents("c.csv", format!("\u{feff}{text}\r\n").as_bytes()).unwrap(), plain);
    assert_eq!(read_consents("c.csv", text.replace('\n', "\r\n").as_bytes()).unwrap(), plain);
}

#[test]
fn quoted_fields_lists_and_all_ways_to_write_a_day_are_read() {
    let line = "N1,3310000001,100,urn:oid:2.999.34,\"urn:oid:2.999.34.7, 2.999.34.8\",OML-11;18842-5,\
                TREATMENT EMERGENCY,limited,2026/04/01,20270331,\"HR-1, new\",,clerk";
    let rows = read_consents("c.csv", with(&[line]).as_bytes()).unwrap();
    let row = &rows[0].1;
    assert_eq!(row.viewers, Terms::parse("2.999.34.7 2.999.34.8"));
    assert_eq!(row.kinds, Terms::parse("18842-5 OML-11"));
    assert_eq!(row.purposes, [Purpose::Emergency, Purpose::Treatment]);
    assert_eq!(row.form, "HR-1, new");
    assert_eq!(row.valid_until.map(|day| day.to_string()), Some("2027-03-31".to_owned()));
}

#[test]
fn columns_are_found_by_their_name_in_any_order() {
    let header: Vec<_> = CONSENT_COLUMNS.iter().rev().copied().collect();
    let fields: Vec<_> = GOOD.split(',').rev().collect();
    let text = format!("{}\n{}\n", header.join(","), fields.join(","));
    assert_eq!(
        read_consents("c", text.as_bytes()).unwrap(),
        read_consents("c", with(&[GOOD]).as_bytes()).unwrap()
    );
}

#[test]
fn every_bad_field_is_named_with_its_line_and_column() {
    let change = |column: &str, value: &str| {
        let at = CONSENT_COLUMNS.iter().position(|name| *name == column).unwrap();
        let mut fields: Vec<_> = GOOD.split(',').collect();
        fields[at] = value;
        fields.join(",")
    };
    let cases = [
        ("network_id", ""),
        ("network_id", "N 1"),
        ("facility_code", "331000000"),
        ("facility_code", "33100000０1"),
        ("patient_no", ""),
        ("community", "Hiroshima"),
        ("viewers", ""),
        ("viewers", "2.999.34.7 *"),
        ("kinds", ""),
        ("kinds", "OML11"),
        ("kinds", "ADT-0"),
        ("kinds", "OML-11 *"),
        ("purpose", "*"),
        ("purpose", "RESEARCH"),
        ("state", "yes"),
        ("valid_from", ""),
        ("valid_from", "2026-02-30"),
        ("valid_from", "01/04/2026"),
        ("valid_until", "2026-03-31"),
        ("valid_until", "open"),
        ("form", ""),
        ("entered_by", ""),
    ];
    for (column, value) in cases {
        let line = change(column, value);
        assert_eq!(bad(&with(&[GOOD, &line])), [(3, column)], "{column} = `{value}`");
    }
    assert_eq!(bad(&with(&[&change("state", "limited")])), [(2, "kinds")]);
}

#[test]
fn all_bad_lines_are_named_and_good_lines_beside_them_do_not_count() {
    let text = with(&["x", GOOD, ",,,,,,,,,,,,", &format!("{GOOD},more")]);
    let lines = bad(&text);
    assert_eq!(lines.first(), Some(&(2, "")));
    assert_eq!(lines.iter().filter(|(line, _)| *line == 4).count(), 11);
    assert_eq!(lines.last(), Some(&(5, "")));
}

#[test]
fn a_header_that_lacks_or_repeats_a_column_is_named() {
    let lacking = with(&[GOOD]).replacen(",purpose", ",reason", 1);
    assert_eq!(bad(&lacking), [(1, "purpose")]);
    let twice = with(&[]).replacen("evidence", "form", 1);
    assert_eq!(bad(&twice), [(1, "form"), (1, "evidence")]);
    assert_eq!(bad("").len(), CONSENT_COLUMNS.len());
}

#[test]
fn text_that_is_not_utf_8_is_refused_with_its_line() {
    let mut bytes = with(&[GOOD, ""]).into_bytes();
    bytes.extend([0x93, 0xfa, b',', b'\n']);
    let bad = read_consents("c.csv", &bytes).unwrap_err();
    assert_eq!((bad.lines[0].line, bad.lines[0].why.as_str()), (3, "not UTF-8"));
}

#[test]
fn an_error_text_repeats_no_value_of_the_file() {
    let line = "N1,3310000001,100,YAMADA,*,*,TREATMENT,YAMADA,YAMADA,,HR-1,,clerk";
    let text = read_consents("c.csv", with(&[line]).as_bytes()).unwrap_err().to_string();
    assert!(text.contains("c.csv:2: column `community`") && text.contains("nothing was imported"), "{text}");
    assert!(!text.contains("YAMADA") && !text.contains("N1"), "{text}");
}

#[test]
fn no_more_than_a_hundred_bad_lines_are_named_and_the_rest_is_counted() {
    let bad = read_consents("c.csv", with(&["x"; 150]).as_bytes()).unwrap_err();
    assert_eq!((bad.lines.len(), bad.more), (BAD_LINES_MAX, 50));
}

#[test]
fn lines_are_counted_as_an_editor_does_with_empty_lines_and_line_ends_in_quotes() {
    for end in ["\n", "\r\n"] {
        let quoted = GOOD.replace("binder 1", "\"binder\n1\"");
        let text = with(&["", GOOD, "", "x", "y"]).replace('\n', end);
        assert_eq!(bad(&text), [(5, ""), (6, "")], "{end:?}");
        let text = with(&[&quoted, "x"]).replace('\n', end);
        assert_eq!(bad(&text), [(2, "evidence"), (4, "")], "{end:?}");
    }
}

#[test]
fn a_card_is_read_where_the_file_has_its_columns_and_what_is_wrong_with_it_is_named() {
    let header = CONSENT_COLUMNS.into_iter().chain(CARD_COLUMNS).collect::<Vec<_>>().join(",");
    let file = |card: &str| format!("{header}\n{GOOD},{card}\n");
    let card = |text: &str| read_consents("c.csv", file(text).as_bytes()).unwrap()[0].1.card.clone();
    assert_eq!(card(",,"), None);
    let read = card("H-1^^^&2.999.34.1&ISO,2026-04-01,2027-03-31").unwrap();
    assert_eq!(read.id, PatientId::from_cx("H-1^^^&2.999.34.1&ISO").unwrap());
    assert_eq!([read.from, read.until].map(|day| day.unwrap().to_string()), ["2026-04-01", "2027-03-31"]);
    assert_eq!(card("H-1^^^&2.999.34.1&ISO,,").unwrap().until, None);
    assert_eq!(read_consents("c.csv", with(&[GOOD]).as_bytes()).unwrap()[0].1.card, None);
    for (wrong, column) in [
        ("H-1,,", "card_id"),
        ("^^^&2.999.34.1&ISO,,", "card_id"),
        ("H 1^^^&2.999.34.1&ISO,,", "card_id"),
        (",2026-04-01,", "card_id"),
        ("H-1^^^&2.999.34.1&ISO,soon,", "card_from"),
        ("H-1^^^&2.999.34.1&ISO,,2026", "card_until"),
        ("H-1^^^&2.999.34.1&ISO,2026-04-02,2026-04-01", "card_until"),
    ] {
        assert_eq!(bad(&file(wrong)), [(2, column)], "{wrong}");
    }
    assert_eq!(bad(&format!("{header},card_id\n")), [(1, "card_id")]);
}
