//! Messages written: segments with fields by their HL7 numbers, for trees of synthetic patients. Fields
//! are given with their delimiters in them; leaf values go through `escape` before.

use super::encode::{Encoded, Unencodable, encode};

/// A message being written.
#[derive(Clone, Default)]
pub struct MessageWriter {
    text: String,
}

impl MessageWriter {
    /// Begins with MSH: delimiters and ISO-2022-JP declared, further fields by number (from 3).
    pub fn new(header: &[(usize, &str)]) -> Self {
        let mut fields = vec![(2, "^~\\&"), (18, "~ISO IR87"), (20, "ISO 2022-1994")];
        fields.retain(|(number, _)| !header.iter().any(|(given, _)| given == number));
        fields.extend(header.iter().filter(|(number, _)| *number > 2));
        let mut writer = Self::default();
        // MSH-1 is the separator itself: every number stands one place earlier.
        let shifted: Vec<(usize, &str)> = fields.iter().map(|(n, text)| (n - 1, *text)).collect();
        writer.segment("MSH", &shifted);
        writer
    }

    /// Adds a segment. Fields come in any order; what is not given is empty.
    pub fn segment(&mut self, name: &str, fields: &[(usize, &str)]) -> &mut Self {
        self.text.push_str(name);
        let last = fields.iter().map(|(number, _)| *number).max().unwrap_or(0);
        for number in 1..=last {
            self.text.push('|');
            let field = fields.iter().find(|(given, _)| *given == number);
            self.text.push_str(field.map_or("", |(_, text)| text));
        }
        self.text.push('\r');
        self
    }

    /// The message in ISO-2022-JP, each segment ended by CR.
    pub fn encode(&self, policy: Unencodable) -> Encoded {
        encode(&self.text, policy)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dialect::hl7v2::{Message, escape};

    #[test]
    fn fields_stand_at_their_numbers() {
        let mut writer = MessageWriter::new(&[(9, "ADT^A08^ADT_A01"), (12, "2.5")]);
        writer.segment("PID", &[(5, "宮本^美愛"), (3, "99^^^^PI")]);
        let parsed = Message::parse(&writer.encode(Unencodable::Geta).bytes).unwrap();
        let message = &parsed.message;
        assert_eq!(
            (message.text_at("MSH", 2), message.text_at("MSH", 12)),
            ("^~\\&".to_owned(), "2.5".to_owned())
        );
        assert_eq!(
            (message.text_at("PID", 3), message.text_at("PID", 5)),
            ("99".to_owned(), "宮本".to_owned())
        );
        assert_eq!(parsed.warnings, []);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(fields in proptest::collection::btree_map(1usize..60, "[!-~山本美愛ア-ン]{1,12}", 1..8)) {
            let escaped: Vec<(usize, String)> = fields.iter().map(|(n, text)| (*n, escape(text))).collect();
            let given: Vec<(usize, &str)> = escaped.iter().map(|(n, text)| (*n, text.as_str())).collect();
            let mut writer = MessageWriter::new(&[]);
            writer.segment("ZZZ", &given);
            let parsed = Message::parse(&writer.encode(Unencodable::Geta).bytes).unwrap();
            for (number, text) in &fields {
                let expected = if text == "\"\"" { "" } else { text.as_str() };
                prop_assert_eq!(parsed.message.text_at("ZZZ", *number), expected);
            }
        }
    }
}
