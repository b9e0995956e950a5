//! The writer: escapes, closes what it opened, adds no white space. Prefixes and declarations are
//! the dialect's to write.

/// Writes one document or fragment.
#[derive(Debug, Default)]
pub struct Writer {
    out: String,
    /// The names of the open elements, one behind the other, and where each begins.
    names: String,
    open: Vec<usize>,
    is_tag_open: bool,
    is_canonical: bool,
}

impl Writer {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty one with room for so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self { out: String::with_capacity(bytes), ..Self::default() }
    }

    /// Writes canonical XML (exclusive, without comments) where the caller gives namespace declarations
    /// first, in the order of their prefixes, then attributes in the order of namespace and name.
    pub fn canonical() -> Self {
        Self { is_canonical: true, ..Self::with_capacity(4 << 10) }
    }

    /// Bytes written so far, not counting the end of a start tag that is still open.
    pub const fn written(&self) -> usize {
        self.out.len()
    }

    /// `<?xml version="1.0" encoding="UTF-8"?>`.
    pub fn declaration(&mut self) -> &mut Self {
        self.out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>");
        self
    }

    /// Begins an element; `name` with its prefix.
    pub fn start(&mut self, name: &str) -> &mut Self {
        self.close_tag();
        self.out.push('<');
        self.out.push_str(name);
        self.open.push(self.names.len());
        self.names.push_str(name);
        self.is_tag_open = true;
        self
    }

    /// An attribute of the element just begun. Characters XML forbids are left out.
    pub fn attribute(&mut self, name: &str, value: &str) -> &mut Self {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        self.escaped(value, true);
        self.out.push('"');
        self
    }

    /// An attribute, if there is a value.
    pub fn attribute_if(&mut self, name: &str, value: Option<&str>) -> &mut Self {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    /// Text. Characters XML forbids are left out.
    pub fn text(&mut self, text: &str) -> &mut Self {
        if !text.is_empty() {
            self.close_tag();
            self.escaped(text, false);
        }
        self
    }

    /// Markup that is known to be well-formed, as it is.
    pub fn raw(&mut self, markup: &str) -> &mut Self {
        if !markup.is_empty() {
            self.close_tag();
            self.out.push_str(markup);
        }
        self
    }

    /// Ends the innermost element.
    pub fn end(&mut self) -> &mut Self {
        if let Some(begins) = self.open.pop() {
            if self.is_tag_open && !self.is_canonical {
                self.out.push_str("/>");
                self.is_tag_open = false;
            } else {
                self.close_tag();
                self.out.push_str("</");
                self.out.push_str(self.names.get(begins..).unwrap_or_default());
                self.out.push('>');
            }
            self.names.truncate(begins);
        }
        self
    }

    /// `<name>text</name>`.
    pub fn leaf(&mut self, name: &str, text: &str) -> &mut Self {
        self.start(name).text(text).end()
    }

    /// Puts what was written, and the ends of all that is open, around content that is known to be
    /// well-formed, without copying it elsewhere.
    pub fn around(self, mut content: String) -> String {
        let (before, after) = self.split();
        content.insert_str(0, &before);
        content.push_str(&after);
        content
    }

    /// What stands before content that comes later, and the ends of all that is open, behind it.
    pub fn split(mut self) -> (String, String) {
        self.close_tag();
        let before = std::mem::take(&mut self.out);
        (before, self.finish())
    }

    /// Ends all that is open and gives what was written.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.out
    }

    fn close_tag(&mut self) {
        if self.is_tag_open {
            self.out.push('>');
            self.is_tag_open = false;
        }
    }

    // As canonical XML writes them (XML-C14N 2.3).
    fn escaped(&mut self, text: &str, is_attribute: bool) {
        let mut rest = text;
        while let Some((before, after)) = first_special(rest).and_then(|at| rest.split_at_checked(at)) {
            self.out.push_str(before);
            let mut characters = after.chars();
            match characters.next() {
                Some('&') => self.out.push_str("&amp;"),
                Some('<') => self.out.push_str("&lt;"),
                Some('>') if !is_attribute => self.out.push_str("&gt;"),
                Some('"') if is_attribute => self.out.push_str("&quot;"),
                Some('\t') if is_attribute => self.out.push_str("&#x9;"),
                Some('\n') if is_attribute => self.out.push_str("&#xA;"),
                Some('\r') => self.out.push_str("&#xD;"),
                Some(
                    '\u{0}'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}',
                ) => {}
                Some(c) => self.out.push(c),
                None => break,
            }
            rest = characters.as_str();
        }
        self.out.push_str(rest);
    }
}

// Where a character begins that may not stand as it is; 0xEF begins U+FFFE and U+FFFF. Without branches, so
// that the compiler looks at sixteen bytes in one go.
const fn is_special(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'&') | (byte == b'<') | (byte == b'>') | (byte == b'"') | (byte == 0xEF)
}

// Several bytes at a time: most texts hold none.
fn first_special(text: &str) -> Option<usize> {
    let (whole, _) = text.as_bytes().as_chunks::<16>();
    let has_one = |chunk: &[u8; 16]| chunk.iter().fold(false, |has, byte| has | is_special(*byte));
    let plain = whole.iter().take_while(|chunk| !has_one(chunk)).count() * 16;
    let rest = text.as_bytes().get(plain..).unwrap_or_default();
    rest.iter().position(|byte| is_special(*byte)).map(|at| plain + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_not_stand_as_it_is_is_found_wherever_it_stands() {
        let text = "2.999.1 日本語 ".repeat(5);
        for (at, _) in text.char_indices() {
            let plain = text.get(..at).unwrap();
            assert_eq!(first_special(plain), None);
            for special in ["&", "<", ">", "\"", "\n", "\u{fffe}"] {
                assert_eq!(first_special(&format!("{plain}{special}{text}")), Some(at));
            }
        }
    }

    #[test]
    fn what_is_written_around_content_is_what_is_written_with_it() {
        for content in ["<d/>", "text"] {
            let begun = || {
                let mut writer = Writer::new();
                writer.start("a").start("b").text("x").end().start("c").attribute("e", "1");
                writer
            };
            let mut with = begun();
            with.raw(content);
            assert_eq!(begun().around(content.to_owned()), with.finish());
        }
    }

    #[test]
    fn elements_close_in_order_and_nothing_is_left_open() {
        let mut writer = Writer::new();
        writer.start("a").attribute("b", "1 & \"2\"").start("c").end().text("<").start("d").text("x");
        assert_eq!(writer.finish(), "<a b=\"1 &amp; &quot;2&quot;\"><c/>&lt;<d>x</d></a>");
    }
}
