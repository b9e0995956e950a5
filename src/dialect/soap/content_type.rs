//! Content-Type with its parameters, read with the lenience of wire.md 4.1: names in any case, values
//! quoted or not, odd characters in an unquoted boundary, a stray semicolon at the end.

/// A media type and its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContentType {
    /// Lower case, without parameters.
    pub media_type: String,
    parameters: Vec<(String, String)>,
}

impl ContentType {
    /// Reads a header value; what cannot be read is left out.
    pub fn read(value: &str) -> Self {
        let (media_type, mut rest) = value.split_once(';').unwrap_or((value, ""));
        let mut parameters = Vec::new();
        while parameters.len() < PARAMETERS_MAX {
            rest = rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
            let Some((name, after)) = rest.split_once('=') else { break };
            let (name, after) = (name.trim().to_ascii_lowercase(), after.trim_start());
            let (text, remaining) = match after.strip_prefix('"') {
                Some(quoted) => unquoted(quoted),
                None => {
                    let (text, remaining) = after.split_once(';').unwrap_or((after, ""));
                    let text = text.trim();
                    // Single quotes are no quotes in a header, yet some put a charset into them.
                    let text = if name == "charset" { text.trim_matches('\'') } else { text };
                    (text.to_owned(), remaining)
                }
            };
            parameters.push((name, text));
            rest = remaining;
        }
        Self { media_type: media_type.trim().to_ascii_lowercase(), parameters }
    }

    /// A parameter, by its name in lower case. An empty one counts as missing.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, text)| text.as_str()).filter(|text| !text.is_empty())
    }

    /// Whether it is a `multipart` of any kind.
    pub fn is_multipart(&self) -> bool {
        self.media_type.starts_with("multipart/")
    }
}

const PARAMETERS_MAX: usize = 32;

// The text of a quoted string without its escapes, and what follows the closing quote.
fn unquoted(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return (text, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => text.extend(characters.next().map(|(_, escaped)| escaped)),
            _ => text.push(c),
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_boundaries_are_read_quoted_or_not() {
        for (value, boundary) in [
            ("multipart/related; boundary=uuid:a-b+id=5; type=\"x\"", "uuid:a-b+id=5"),
            ("Multipart/Related;BOUNDARY=\"a;b\\\"c\" ; ", "a;b\"c"),
            ("multipart/related; type=\"application/xop+xml\";boundary=x ;", "x"),
        ] {
            let read = ContentType::read(value);
            assert!(read.is_multipart());
            assert_eq!(read.parameter("boundary"), Some(boundary), "{value}");
        }
        assert_eq!(ContentType::read("text/xml;charset='").parameter("boundary"), None);
    }
}
