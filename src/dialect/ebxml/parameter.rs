//! Values of stored-query parameters: quoted strings, numbers and lists (ITI-18,
//! 3.18.4.1.2.3.5; wire.md 13.1). Read by a scanner, never pasted into any query language.

use crate::model::Phi;

/// One item of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The text without its quotes.
    pub text: String,
    /// Whether it stood in single quotes.
    pub is_quoted: bool,
}

/// All items of one slot, over all its values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Items {
    /// In order.
    pub items: Vec<Item>,
    /// Whether every value was a parenthesised list.
    pub is_list: bool,
}

/// Why a value cannot be read: the rule, without the value.
pub type Syntax = &'static str;

/// Reads the `rim:Value` texts of one slot. A bare word (no quotes) is read as one item; whether it
/// may be one is the caller's to say.
///
/// # Errors
/// The rule that is broken.
pub fn read<'v>(values: impl IntoIterator<Item = &'v str>) -> Result<Items, Syntax> {
    let mut all = Items { items: Vec::new(), is_list: true };
    for value in values {
        let mut scanner = Scanner { rest: value.trim() };
        if scanner.take('(') {
            scanner.list(&mut all.items)?;
        } else {
            all.is_list = false;
            let item = scanner.item()?;
            all.items.push(item);
        }
        if !scanner.rest.trim().is_empty() {
            return Err("text stands after the end of the value");
        }
    }
    Ok(all)
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn take(&mut self, wanted: char) -> bool {
        match self.rest.trim_start().strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn list(&mut self, items: &mut Vec<Item>) -> Result<(), Syntax> {
        if self.take(')') {
            return Ok(());
        }
        loop {
            let item = self.item()?;
            items.push(item);
            if self.take(')') {
                return Ok(());
            }
            if !self.take(',') {
                return Err("a comma or a closing parenthesis is missing");
            }
        }
    }

    fn item(&mut self) -> Result<Item, Syntax> {
        if self.take('\'') {
            return self.quoted();
        }
        let rest = self.rest.trim_start();
        let end = rest.find(['(', ')', ',', '\'', '"']).unwrap_or(rest.len());
        let (word, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let word = word.trim_end();
        if word.is_empty() {
            return Err("a value is missing or stands in double quotes");
        }
        if after.starts_with(['(', '\'', '"']) {
            return Err("a quote or parenthesis stands in an unquoted value");
        }
        self.rest = after;
        Ok(Item { text: word.to_owned(), is_quoted: false })
    }

    fn quoted(&mut self) -> Result<Item, Syntax> {
        let mut text = String::new();
        loop {
            let Some((run, after)) = self.rest.split_once('\'') else {
                return Err("a closing quote is missing");
            };
            text.push_str(run);
            match after.strip_prefix('\'') {
                Some(rest) => {
                    text.push('\'');
                    self.rest = rest;
                }
                None => {
                    self.rest = after;
                    return Ok(Item { text, is_quoted: true });
                }
            }
        }
    }
}

/// `'text'`, quotes doubled.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A list, split over several values of at most 256 characters each (a longer item stands alone).
pub fn list<'t>(texts: impl IntoIterator<Item = &'t str>) -> Vec<String> {
    let mut values = Vec::new();
    let mut open = String::new();
    for text in texts {
        let item = quote(text);
        let fits = open.chars().count() + item.chars().count() < VALUE_CHARS_MAX - 2;
        if !open.is_empty() && !fits {
            values.push(format!("({open})"));
            open.clear();
        }
        if !open.is_empty() {
            open.push(',');
        }
        open.push_str(&item);
    }
    if !open.is_empty() {
        values.push(format!("({open})"));
    }
    values
}

/// The parts of `code^^scheme`; None when one is missing.
pub fn code(text: &str) -> Option<(&str, &str)> {
    let mut parts = text.split('^');
    let (code, middle, scheme) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = !code.trim().is_empty() && middle.is_empty() && !scheme.trim().is_empty();
    (is_whole && parts.next().is_none()).then(|| (code.trim(), scheme.trim()))
}

/// Texts of patient values, for reading.
pub fn revealed(values: &[Phi<String>]) -> impl Iterator<Item = &str> {
    values.iter().map(|value| value.reveal().as_str())
}

/// SQL LIKE over the whole text: `%` any run, `_` one character. Linear in memory, never
/// exponential: only the last `%` is returned to.
pub fn like(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut last_run: Option<(usize, usize)> = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some('%') => {
                last_run = Some((p, t));
                p += 1;
            }
            Some(wanted) if *wanted == '_' || wanted == c => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((run, reached)) = last_run else { return false };
                last_run = Some((run, reached + 1));
                p = run + 1;
                t = reached + 1;
            }
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == '%'))
}

// Strict readers take no longer values (ebXML RegRep LongName; wire.md 13.1).
const VALUE_CHARS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(values: &[&str]) -> Result<Vec<String>, Syntax> {
        read(values.iter().copied()).map(|all| all.items.into_iter().map(|i| i.text).collect())
    }

    #[test]
    fn strings_numbers_and_lists_are_read_with_white_space_anywhere_between() {
        assert_eq!(texts(&[" 'a' "]).unwrap(), ["a"]);
        assert_eq!(texts(&["('a' ,\n 'b')", "( 'c' )"]).unwrap(), ["a", "b", "c"]);
        assert_eq!(texts(&["20041225"]).unwrap(), ["20041225"]);
        assert_eq!(texts(&["('it''s')"]).unwrap(), ["it's"]);
        assert_eq!(texts(&["''''"]).unwrap(), ["'"]);
        assert_eq!(texts(&["()"]).unwrap(), [""; 0]);
        assert_eq!(texts(&["('（山田）、','a,b')"]).unwrap(), ["（山田）、", "a,b"]);
    }

    #[test]
    fn unbalanced_quotes_trailing_text_and_double_quotes_are_errors() {
        for bad in ["'a", "'a'b", "('a'", "('a' 'b')", "('a',)", "(,)", "\"a\"", "", "a'b", "a(b)", "('a') x"]
        {
            assert!(texts(&[bad]).is_err(), "{bad}");
        }
        assert!(texts(&["'1^^^&2.999&ISO''%20and%20611%3d611--%20"]).is_err());
    }

    #[test]
    fn like_takes_percent_for_any_run_and_underscore_for_one_character_of_the_whole_text() {
        for (pattern, text, fits) in [
            ("%長谷%", "D0330^長谷^徳之", true),
            ("D0330^長谷^徳_", "D0330^長谷^徳之", true),
            ("長谷", "D0330^長谷^徳之", false),
            ("%", "", true),
            ("_", "", false),
            ("%a%b%", "xxaxxbxx", true),
            ("%a%b", "xxaxxbxx", false),
            ("d%", "D", false),
        ] {
            assert_eq!(like(pattern, text), fits, "{pattern} on {text}");
        }
    }

    #[test]
    fn a_coded_value_needs_both_parts() {
        assert_eq!(code("34133-9^^2.16.840.1.113883.6.1"), Some(("34133-9", "2.16.840.1.113883.6.1")));
        for bad in ["a", "a^^", "^^s", "a^b^s", "a^^s^t", "a^s", ""] {
            assert_eq!(code(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_comes_back_out_of_its_quotes(text in any::<String>()) {
            let read = read([quote(&text).as_str()]).unwrap();
            prop_assert_eq!(&read.items[0].text, &text);
            prop_assert_eq!(read.items.len(), 1);
        }

        #[test]
        fn any_list_comes_back_in_order_from_values_of_at_most_256_characters(
            texts in proptest::collection::vec("[a-z'(),（），’山%_^& ]{0,60}", 1..40)
        ) {
            let values = list(texts.iter().map(String::as_str));
            prop_assert!(values.iter().all(|v| v.chars().count() <= 256));
            let read = read(values.iter().map(String::as_str)).unwrap();
            prop_assert!(read.is_list);
            let back: Vec<String> = read.items.into_iter().map(|i| i.text).collect();
            prop_assert_eq!(back, texts);
        }

        #[test]
        fn no_text_makes_the_scanner_panic(text in any::<String>()) {
            let _ = read([text.as_str()]);
        }
    }
}
