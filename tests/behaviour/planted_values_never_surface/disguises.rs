//! The forms in which a value may lie in a file, and a search for thousands of them at once.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use encoding_rs::{EUC_JP, ISO_2022_JP, SHIFT_JIS};

/// All forms of a text; the shortest has six bytes.
fn forms(text: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![text.as_bytes().to_vec()];
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        // A birth date may have been written anew.
        let (year, month, day) = (&text[..4], &text[4..6], &text[6..]);
        forms.push(format!("{year}-{month}-{day}").into());
        forms.push(format!("{year}/{month}/{day}").into());
        forms.push(
            format!("{year}, {}, {}", month.trim_start_matches('0'), day.trim_start_matches('0')).into(),
        );
    }
    if text.contains('-') && text.is_ascii() {
        forms.push(text.replace('-', "").into_bytes());
    }
    if text.is_ascii() {
        forms.push(text.to_uppercase().into_bytes());
    }
    let mut all = Vec::new();
    for form in forms {
        all.extend(disguised(&form));
    }
    all.retain(|form| form.len() >= WINDOW);
    all.sort();
    all.dedup();
    all
}

fn disguised(bytes: &[u8]) -> Vec<Vec<u8>> {
    let each = |write: &dyn Fn(u8) -> String, between: &str| -> Vec<u8> {
        bytes.iter().map(|byte| write(*byte)).collect::<Vec<_>>().join(between).into_bytes()
    };
    let mut all = vec![
        bytes.to_vec(),
        hex::encode(bytes).into_bytes(),
        hex::encode_upper(bytes).into_bytes(),
        each(&|byte| format!("%{byte:02X}"), ""),
        each(&|byte| format!("%{byte:02x}"), ""),
        // `Debug` of a slice of bytes, and of `Bytes`.
        each(&|byte| byte.to_string(), ", "),
        each(&|byte| format!("\\x{byte:02x}"), ""),
        each(&|byte| format!("\\{byte:03o}"), ""),
    ];
    // Base64 at each of its three places; the letters that depend on neighbours are left out.
    for (before, skip) in [(0, 0), (1, 2), (2, 3)] {
        for engine in [&STANDARD, &URL_SAFE] {
            let encoded = engine.encode([&vec![0; before], bytes].concat());
            let encoded = encoded.trim_end_matches('=').as_bytes();
            let end = encoded.len() - usize::from(!(before + bytes.len()).is_multiple_of(3));
            all.push(encoded[skip..end].to_vec());
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return all };
    let units: Vec<u16> = text.encode_utf16().collect();
    all.push(units.iter().flat_map(|unit| unit.to_le_bytes()).collect());
    all.push(units.iter().flat_map(|unit| unit.to_be_bytes()).collect());
    if !text.is_ascii() {
        let of = |write: &dyn Fn(char) -> String| -> Vec<u8> {
            text.chars().map(write).collect::<String>().into()
        };
        all.push(of(&|c| format!("\\u{:04x}", c as u32)));
        all.push(of(&|c| format!("\\u{:04X}", c as u32)));
        all.push(of(&|c| format!("\\u{{{:x}}}", c as u32)));
        all.push(of(&|c| format!("&#x{:X};", c as u32)));
        all.push(of(&|c| format!("&#x{:x};", c as u32)));
        all.push(of(&|c| format!("&#{};", c as u32)));
        all.push(SHIFT_JIS.encode(text).0.into_owned());
        all.push(EUC_JP.encode(text).0.into_owned());
        // Between the escape sequences.
        let jis = ISO_2022_JP.encode(text).0.into_owned();
        let inner = jis.strip_prefix(b"\x1b$B").and_then(|rest| rest.strip_suffix(b"\x1b(B"));
        all.push(inner.expect("one run of kanji").to_vec());
    }
    all
}

/// Bytes by which a form is recognised first.
const WINDOW: usize = 6;

/// Many texts in all their forms.
pub struct Search {
    begins: Vec<bool>,
    forms: HashMap<[u8; WINDOW], Vec<(Vec<u8>, usize)>>,
    pub count: usize,
}

impl Search {
    /// For these texts; a hit names one by its place.
    pub fn new(texts: &[&str]) -> Self {
        let mut search = Self { begins: vec![false; 1 << 16], forms: HashMap::new(), count: 0 };
        for (place, text) in texts.iter().enumerate() {
            for form in forms(text) {
                search.begins[usize::from(form[0]) << 8 | usize::from(form[1])] = true;
                let window = form[..WINDOW].try_into().unwrap();
                search.forms.entry(window).or_default().push((form, place));
                search.count += 1;
            }
        }
        search
    }

    /// The first text that is in there, and where.
    pub fn first_in(&self, bytes: &[u8], is_meant: impl Fn(usize) -> bool) -> Option<(usize, usize)> {
        for (at, window) in bytes.windows(WINDOW).enumerate() {
            if !self.begins[usize::from(window[0]) << 8 | usize::from(window[1])] {
                continue;
            }
            let key: [u8; WINDOW] = window.try_into().unwrap();
            let candidates = self.forms.get(&key).map(Vec::as_slice).unwrap_or_default();
            for (form, place) in candidates {
                if is_meant(*place) && bytes[at..].starts_with(form) && !is_by_chance(bytes, at, form) {
                    return Some((*place, at));
                }
            }
        }
        None
    }
}

// Few digits stand by chance among those of a random id or a hash, once in a thousand runs, and among
// the decimals of a sum of seconds.
fn is_by_chance(bytes: &[u8], at: usize, form: &[u8]) -> bool {
    if is_decimals(bytes, at, form) {
        return true;
    }
    let is_of_id = |byte: &&u8| byte.is_ascii_hexdigit() || **byte == b'-';
    let before = bytes[..at].iter().rev().take_while(is_of_id).count();
    let behind = bytes[at..].iter().take_while(is_of_id).count();
    let id = &bytes[at - before..at + behind];
    let is_random = id.len() >= 32 && id.iter().any(u8::is_ascii_alphabetic);
    form.len() < 10 && form.iter().all(u8::is_ascii_digit) && is_random
}

// Among more decimals than it has digits, of a number that is no arc of an OID.
fn is_decimals(bytes: &[u8], at: usize, form: &[u8]) -> bool {
    let digits =
        |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| byte.is_ascii_digit()).count();
    let before = digits(&mut bytes[..at].iter().rev());
    let behind = digits(&mut bytes[at + form.len()..].iter());
    let whole = bytes[..at - before].strip_suffix(b".").unwrap_or_default();
    let wholes = digits(&mut whole.iter().rev());
    let is_arc = whole[..whole.len() - wholes].ends_with(b".");
    form.iter().all(u8::is_ascii_digit) && before + behind > 0 && wholes > 0 && !is_arc
}

#[test]
fn a_text_is_found_in_every_form_and_among_others() {
    let texts = ["齟齬饕", "19480405", "0867-31-7001", "kasatonaqx"];
    let search = Search::new(&texts);
    for (place, text) in texts.iter().enumerate() {
        for form in forms(text) {
            let hidden = [b"some text before ".as_slice(), &form, b" and behind"].concat();
            assert_eq!(search.first_in(&hidden, |_| true).map(|(found, _)| found), Some(place), "{text}");
        }
        for filling in ["", "a", "ab"] {
            let encoded = STANDARD.encode(format!("{filling}{text}{filling}"));
            assert!(search.first_in(encoded.as_bytes(), |_| true).is_some(), "{text} in {encoded}");
        }
        let shown =
            [format!("{:?}", text.as_bytes()), format!("{:?}", bytes::Bytes::from_static(text.as_bytes()))];
        for shown in shown {
            assert!(search.first_in(shown.as_bytes(), |_| true).is_some(), "{text} in {shown}");
        }
    }
    assert_eq!(search.first_in(b"id=0c7fe1a2-19480405-5d31-9e0b-1f52b6a7c3d9", |_| true), None);
    assert_eq!(search.first_in(b"seconds_sum 0.5319480405000002", |_| true), None);
    let places = ["19480405000000", "2.19480405", "x.119480405", "2.999.0019480405", "19480405F"];
    for text in places.into_iter().chain(["Date19480405", "id=19480405 "]) {
        assert_eq!(search.first_in(text.as_bytes(), |_| true).map(|(found, _)| found), Some(1), "{text}");
    }
    assert_eq!(search.first_in("2026-11-27T10:00:00 架橋花子".as_bytes(), |_| true), None);
}
