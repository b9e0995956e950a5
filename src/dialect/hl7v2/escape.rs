//! HL7 v2.5 escape sequences in leaf text (2.7): \F\ \S\ \T\ \R\ \E\ \Xhh..\, and what highlighting
//! and formatting commands come down to. Undone last, after character set and delimiters.

use std::borrow::Cow;

use super::charset;
use super::field::Delimiters;

/// Undoes the escapes of a leaf value. A lone escape character and unknown sequences stay as written.
pub fn unescape(text: &str, delimiters: Delimiters) -> Cow<'_, str> {
    let mark = delimiters.escape;
    if !text.contains(mark) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(mark) {
        out.push_str(before);
        let meaning =
            after.split_once(mark).and_then(|(name, tail)| Some((meaning(name, delimiters)?, tail)));
        if let Some((meaning, tail)) = meaning {
            out.push_str(&meaning);
            rest = tail;
        } else {
            out.push(mark);
            rest = after;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}

fn meaning(name: &str, delimiters: Delimiters) -> Option<String> {
    Some(match name {
        "F" => delimiters.field.to_string(),
        "S" => delimiters.component.to_string(),
        "T" => delimiters.subcomponent.to_string(),
        "R" => delimiters.repetition.to_string(),
        "E" => delimiters.escape.to_string(),
        "H" | "N" => String::new(),
        ".br" | ".sp" => "\n".to_owned(),
        _ => {
            let digits = name.strip_prefix('X').filter(|digits| !digits.is_empty())?;
            charset::decode(&hex::decode(digits).ok()?).text
        }
    })
}

/// Escapes the delimiters of `|^~\&` in a leaf value; line breaks become `\.br\`.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\E\\"),
            '|' => out.push_str("\\F\\"),
            '^' => out.push_str("\\S\\"),
            '&' => out.push_str("\\T\\"),
            '~' => out.push_str("\\R\\"),
            '\n' => out.push_str("\\.br\\"),
            '\r' | '\u{1b}' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_escape_has_its_meaning_and_the_rest_stays() {
        let of = |text: &str| unescape(text, Delimiters::default()).into_owned();
        assert_eq!(of("m\\S\\2 a\\F\\b\\T\\c\\R\\d\\E\\e"), "m^2 a|b&c~d\\e");
        assert_eq!(of("\\X41426D\\ \\H\\strong\\N\\\\.br\\x"), "ABm strong\nx");
        assert_eq!(of("C:\\dir \\Zq\\ \\X4\\"), "C:\\dir \\Zq\\ \\X4\\");
    }

    proptest! {
        #[test]
        fn what_is_escaped_comes_back(text in "[ -~\n山美ー]{0,40}") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['|', '^', '~', '&', '\n']));
            prop_assert_eq!(unescape(&escaped, Delimiters::default()), text);
        }

        #[test]
        fn no_text_makes_it_fail(text in "\\PC{0,60}") {
            let _ = unescape(&text, Delimiters::default());
        }
    }
}
