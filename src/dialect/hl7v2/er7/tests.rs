use proptest::prelude::*;

use super::*;
use crate::dialect::hl7v2::{Repetition, Unencodable, encode, escape};

fn parse(text: &str) -> Parsed {
    Message::parse(&encode(text, Unencodable::Geta).bytes).unwrap()
}

const HEADER: &str = "MSH|^~\\&|A|B|C|D|20240401||ADT^A08^ADT_A01|1|P|2.5||||||~ISO IR87\r";

fn codes(parsed: &Parsed) -> Vec<&'static str> {
    parsed.warnings.iter().map(|w| w.code).collect()
}

#[test]
fn fields_repetitions_components_and_subcomponents_have_their_hl7_numbers() {
    let parsed = parse(&format!("{HEADER}PID|1||99^^^&2.999^PI||宮本^美愛~ミヤモト^ミア\r"));
    let message = &parsed.message;
    let header = message.first("MSH").unwrap();
    assert_eq!((header.field(1).text(), header.field(2).text()), ("|".to_owned(), "^~\\&".to_owned()));
    assert_eq!(header.field(9).component(2).text(), "A08");
    assert_eq!(header.field(18).repetitions().map(Repetition::text).collect::<Vec<_>>(), ["", "ISO IR87"]);
    let pid = message.first("PID").unwrap();
    assert_eq!(pid.field(3).component(4).subcomponent(2), "2.999");
    assert_eq!(pid.field(5).repetitions().nth(1).unwrap().component(2).text(), "ミア");
    assert!(pid.field(4).is_empty() && pid.field(99).is_empty() && pid.field(0).is_empty());
    assert_eq!(codes(&parsed), Vec::<&str>::new());
}

#[test]
fn kanji_whose_bytes_are_delimiters_do_not_split_a_field() {
    let parsed = parse(&format!("{HEADER}PID|||1||宮本^美愛|||須^勇笠\r"));
    let pid = parsed.message.first("PID").unwrap();
    assert_eq!(pid.field(5).component(2).text(), "美愛");
    assert_eq!(pid.field(8).component(2).text(), "勇笠");
}

#[test]
fn every_line_end_is_read_and_only_cr_without_remark() {
    for (end, expected) in
        [("\r", vec![]), ("\n", vec!["line-terminator"]), ("\r\n", vec!["line-terminator"])]
    {
        let text = format!("{HEADER}PID|||1\rPV1|1|O\r").replace('\r', end);
        let parsed = parse(&text);
        assert_eq!(parsed.message.segments().count(), 3);
        assert_eq!(codes(&parsed), expected);
    }
}

#[test]
fn a_last_segment_without_terminator_is_read_and_flagged() {
    let parsed = parse(&format!("{HEADER}PID|||1"));
    assert_eq!((codes(&parsed), parsed.unterminated), (vec!["no-final-terminator"], true));
}

#[test]
fn marks_of_transport_and_editors_are_no_segment() {
    for (before, after) in [("", "\u{1c}"), ("\u{b}", "\u{1c}\r"), ("", "\u{1a}"), ("\r", "\0\0")] {
        let parsed = parse(&format!("{before}{HEADER}PID|||1\r{after}"));
        assert_eq!((codes(&parsed), parsed.message.segments().count()), (vec!["message-framing"], 2));
        assert!(!parsed.unterminated);
    }
}

#[test]
fn a_line_break_within_a_field_does_not_begin_a_segment() {
    let parsed = parse(&format!("{HEADER}OBX|1|TX|A||first line\nsecond line||||||F\r"));
    let obx = parsed.message.first("OBX").unwrap();
    assert_eq!(obx.field(5).text(), "first line\nsecond line");
    assert_eq!(obx.field(11).text(), "F");
    assert_eq!(codes(&parsed), ["line-terminator", "line-in-field"]);
}

#[test]
fn bare_segment_names_are_put_up_with() {
    let parsed = parse(&format!("{HEADER}PID|||1\rORC\rRXA\r"));
    assert_eq!(
        parsed.message.segments().map(Segment::name).collect::<Vec<_>>(),
        ["MSH", "PID", "ORC", "RXA"]
    );
    assert_eq!(codes(&parsed), ["empty-segment"]);
}

#[test]
fn other_delimiters_are_obeyed() {
    let parsed = Message::parse(b"MSH$*!?%$A\rPID$$$1*x!2*y%z?S?\r").unwrap();
    let id = parsed.message.first("PID").unwrap().field(3);
    assert_eq!(id.repetitions().nth(1).unwrap().component(2).subcomponent(2), "z*");
    assert!(codes(&parsed).contains(&"delimiters-unusual"));
}

#[test]
fn what_is_no_message_is_refused_with_its_word() {
    let code = |bytes: &[u8]| Message::parse(bytes).unwrap_err().code;
    assert_eq!(code(b""), "empty-file");
    assert_eq!(code(b"\r\n"), "empty-file");
    assert_eq!(code(b"\x1a\x00"), "not-hl7");
    assert_eq!(code(b"%PDF-1.4"), "not-hl7");
    assert_eq!(code(b"MSH"), "bad-delimiters");
    assert_eq!(code(b"MSHx^~\\&x\r"), "bad-delimiters");
    assert_eq!(code(b"MSH|^~\\&|\rMSH|^~\\&|\r"), "second-message");
    assert_eq!(code(b"MSH|^~\\&|A|B|C|D|1||A|1|P|2.5||||||~ISO IR87\rPID|||1||\x1b$B;3K"), "truncated");
    assert_eq!(code(&[b"MSH|^~\\&|\rPID".as_slice(), &[b'|'; 1100]].concat()), "too-many-fields");
    assert_eq!(code(&vec![b'M'; MAX_BYTES + 1]), "too-large");
}

#[test]
fn a_cut_names_the_field_where_it_happened() {
    let cut = Message::parse(b"MSH|^~\\&|A|B|C|D|1||A|1|P|2.5||||||~ISO IR87\rPID|||1||\x1b$B;3K");
    assert_eq!(cut.unwrap_err().at, "PID-5");
}

#[test]
fn a_message_prints_its_segment_names_only() {
    let parsed = parse(&format!("{HEADER}PID|||1||宮本\r"));
    assert_eq!(format!("{:?}", parsed.message), r#"["MSH", "PID"]"#);
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_fail(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let whole = [HEADER.as_bytes(), &bytes].concat();
        if let Ok(parsed) = Message::parse(&whole) {
            for segment in parsed.message.segments() {
                for number in 0..segment.len() + 2 {
                    for repetition in segment.field(number).repetitions() {
                        let _ = (repetition.text(), repetition.component(2).subcomponent(2));
                    }
                }
            }
        }
        let _ = Message::parse(&bytes);
    }

    #[test]
    fn leaf_values_written_come_back(values in proptest::collection::vec("[ -~山本美愛ア-ン]{0,12}", 1..12)) {
        let fields: Vec<String> = values.iter().map(|v| escape(v)).collect();
        let parsed = parse(&format!("{HEADER}ZZZ|{}\r", fields.join("|")));
        let segment = parsed.message.first("ZZZ").unwrap();
        for (index, value) in values.iter().enumerate() {
            let expected = if value == "\"\"" { "" } else { value.as_str() };
            prop_assert_eq!(segment.field(index + 1).text(), expected);
        }
    }
}
