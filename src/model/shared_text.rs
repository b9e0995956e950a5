//! A part of a text that others hold parts of as well: a registry object within the message it came in.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

/// A part of a shared text; cloning copies nothing. Debug prints no content.
#[derive(Clone, Default)]
pub struct SharedText {
    whole: Arc<String>,
    range: Range<usize>,
}

impl SharedText {
    /// This part of a text; None where it does not begin and end with a character of it.
    pub fn part(whole: &Arc<String>, range: Range<usize>) -> Option<Self> {
        whole.get(range.clone())?;
        Some(Self { whole: Arc::clone(whole), range })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.whole.get(self.range.clone()).unwrap_or_default()
    }
}

impl From<String> for SharedText {
    fn from(text: String) -> Self {
        let range = 0..text.len();
        Self { whole: Arc::new(text), range }
    }
}

impl fmt::Debug for SharedText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedText({} bytes)", self.range.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_cut_at_characters_only() {
        let whole = Arc::new("a山b".to_owned());
        assert_eq!(SharedText::part(&whole, 1..4).unwrap().as_str(), "山");
        for range in [1..2, 0..6, 2..4] {
            assert!(SharedText::part(&whole, range).is_none());
        }
        assert_eq!(SharedText::from("x".to_owned()).as_str(), "x");
        assert_eq!(format!("{:?}", SharedText::from("secret".to_owned())), "SharedText(6 bytes)");
    }
}
