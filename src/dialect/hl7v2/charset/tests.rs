use proptest::prelude::*;

use super::*;
use crate::dialect::hl7v2::iso2022jp::ESCAPES;
use crate::dialect::hl7v2::{Unencodable, encode};

const HEADER: &[u8] = b"MSH|^~\\&|A|B|C|D|20240401||ADT^A08|1|P|2.5||||||~ISO IR87\r";

fn with_header(body: &[u8]) -> Decoded {
    decode(&[HEADER, body].concat())
}

fn body(decoded: &Decoded) -> &str {
    &decoded.text[HEADER.len()..]
}

fn codes(decoded: &Decoded) -> Vec<&'static str> {
    decoded.warnings.iter().map(|w| w.code).collect()
}

#[test]
fn a_proper_run_is_read_without_remark() {
    let decoded = with_header(b"PID|||1||\x1b$B5\\K\\\x1b(B^\x1b$BH~0&\x1b(B\r");
    assert_eq!(body(&decoded), "PID|||1||宮本^美愛\r");
    assert_eq!((decoded.encoding, codes(&decoded)), (Encoding::Iso2022Jp, vec![]));
}

#[test]
fn each_escape_of_the_field_is_read_and_counted() {
    for (bytes, text, code) in [
        (&b"\x1b$@;3\x1b(J"[..], "山", &["jis78-escape", "jis-roman-escape"][..]),
        (b"\x1b(J~\\\x1b(B", "~\\", &["jis-roman-escape"]),
        (b"\x1b(ITOSD\x1b(B", "ﾔﾏﾓﾄ", &["half-width-kana"]),
        (b"\x1b(ID^\x1b(B^", "ﾄﾞ^", &["half-width-kana"]),
        (b"\x1b$(D<t\x1b(B", "彅", &["jisx0212-escape"]),
        (b"\x1b$B|b66\x1b(B", "髙橋", &["vendor-kanji"]),
        (b"\x1b$B-!\x1b(B", "①", &["vendor-kanji"]),
        (b"\x0eTO\x0f^", "ﾔﾏ^", &["half-width-kana"]),
        (b"\x1b&@\x1b$B;3\x1b(B", "山", &[]),
        (b"\x1b$(O;3\x1b(B", "山", &["jisx0213-escape"]),
    ] {
        let decoded = with_header(bytes);
        assert_eq!(codes(&decoded), code, "{bytes:?}");
        assert_eq!(body(&decoded), text);
    }
}

#[test]
fn an_empty_kanji_run_is_an_empty_text() {
    let decoded = with_header(b"a|\x1b$B\x1b(B|b");
    assert_eq!((body(&decoded), codes(&decoded)), ("a||b", vec![]));
}

#[test]
fn a_run_left_open_ends_at_the_delimiter_or_the_segment_and_is_flagged() {
    for (bytes, text) in [
        (&b"\x1b$B;3K\\^\x1b$BH~0&\x1b(B^L"[..], "山本^美愛^L"),
        (b"\x1b$B;3K\\\rPV1|1", "山本\rPV1|1"),
        (b"\x1b$B;3K\\|19920731|F\r", "山本|19920731|F\r"),
    ] {
        let decoded = with_header(bytes);
        assert_eq!((body(&decoded), codes(&decoded)), (text, vec!["missing-shift-back"]));
    }
}

#[test]
fn a_closed_run_may_hold_kanji_that_begin_with_a_delimiter_byte() {
    let proper = encode("彙|", Unencodable::Geta);
    assert!(proper.bytes.len() > 3);
    let decoded = with_header(&proper.bytes);
    assert_eq!((body(&decoded), codes(&decoded)), ("彙|", vec![]));
}

#[test]
fn eight_bit_kana_beside_escapes_is_kana_and_not_another_character_set() {
    let decoded = with_header(b"\xd4\xcf|\x1b$B;3\x1b(B");
    assert_eq!((body(&decoded), codes(&decoded)), ("ﾔﾏ|山", vec!["half-width-kana"]));
    assert_eq!(decoded.encoding, Encoding::Iso2022Jp);
}

#[test]
fn bytes_that_are_not_what_they_are_declared_are_tried_as_utf8_then_cp932() {
    let utf8 = with_header("髙橋^美愛".as_bytes());
    assert_eq!(
        (utf8.encoding, body(&utf8), codes(&utf8)),
        (Encoding::Utf8, "髙橋^美愛", vec!["charset-mismatch"])
    );
    let cp932 = with_header(&SHIFT_JIS.encode("髙橋^ソ表").0);
    assert_eq!(
        (cp932.encoding, body(&cp932), codes(&cp932)),
        (Encoding::Cp932, "髙橋^ソ表", vec!["charset-mismatch"])
    );
}

#[test]
fn another_character_set_between_proper_runs_is_read_and_flagged() {
    let mixed = [b"\x1b$B;3\x1b(B|".as_slice(), &SHIFT_JIS.encode("表|").0, b"\x1b$BK\\\x1b(B|"].concat();
    let decoded = with_header(&mixed);
    assert_eq!((body(&decoded), decoded.encoding), ("山|表|本|", Encoding::Iso2022Jp));
    assert_eq!(codes(&decoded), ["charset-mismatch"]);
}

#[test]
fn a_utf8_file_cut_within_a_character_is_cut_and_not_cp932() {
    let text = "山本美愛".as_bytes();
    let cut = with_header(&text[..text.len() - 1]);
    assert_eq!((cut.encoding, cut.cut), (Encoding::Utf8, true));
}

#[test]
fn declared_utf8_is_no_mismatch_and_a_missing_blank_is_only_a_spelling() {
    let utf8 = decode("MSH|^~\\&|A|B|C|D|1||A|1|P|2.5||||||UNICODE UTF-8\r髙".as_bytes());
    assert_eq!((utf8.encoding, codes(&utf8)), (Encoding::Utf8, vec!["charset-not-standard"]));
    let spelled = decode(b"MSH|^~\\&|A|B|C|D|1||A|1|P|2.5||||||~ISOIR87\r\x1b$B;3\x1b(B");
    assert_eq!(codes(&spelled), vec!["charset-spelling"]);
}

#[test]
fn a_file_cut_within_a_kanji_says_so() {
    assert!(with_header(b"\x1b$B;3K").cut);
    assert!(with_header(b"\x1b$").cut);
    assert!(with_header(b"\x1b$B;3K\\").cut);
    assert!(!with_header(b"\x1b$B;3K\\\r").cut);
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_fail(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = decode(&bytes).text;
        prop_assert!(text.len() <= bytes.len() * 3);
    }

    #[test]
    fn escapes_in_any_order_keep_the_text_small(
        parts in proptest::collection::vec(0usize..ESCAPES.len(), 0..30),
        filler in "[!-~]{0,3}",
    ) {
        let bytes: Vec<u8> =
            parts.iter().flat_map(|i| [ESCAPES[*i].0, filler.as_bytes()].concat()).collect();
        prop_assert!(decode(&bytes).text.len() <= bytes.len() * 3);
    }

    #[test]
    fn kana_kanji_and_ascii_come_back(text in "[ -~ぁ-んァ-ヶ亜-京山川本美愛宮須勇笠^|~]{0,60}") {
        let encodable = encode(&text, Unencodable::Geta);
        prop_assume!(encodable.replaced == 0);
        prop_assert_eq!(decode(&encodable.bytes).text, text);
    }
}
