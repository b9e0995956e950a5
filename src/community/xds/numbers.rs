//! Whether a hospital's number of a patient stands in an id: such a document cannot be named to
//! another network without telling the number (decisions A1).

use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// Digits from which a number is not met by chance.
const DIGITS_MIN: usize = 4;

/// Whether the number stands in an id or text, as a component of it or, with all its zeros, anywhere.
/// Components are compared without the zeros in front: an OID has none there. One of few digits is looked
/// for in the last component alone: `1` stands in every OID.
pub(super) fn tells(id: &str, number: &str) -> bool {
    let number = number.trim().to_ascii_uppercase();
    let bare = number.trim_start_matches('0');
    if bare.is_empty() {
        return false;
    }
    // Full-width digits are digits.
    let id = id.trim().nfkc().collect::<String>().to_ascii_uppercase();
    // A UUID is one long number, also written as an OID: digits within it are chance.
    let is_oid = id.strip_prefix("2.25.").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
    let is_uuid = is_oid || id.strip_prefix("URN:UUID:").is_some_and(|bare| Uuid::try_parse(bare).is_ok());
    if !is_uuid && number.len() >= DIGITS_MIN && id.contains(&number) {
        return true;
    }
    let is_component = |component: &str| component.trim_start_matches('0') == bare;
    let mut components = id.split(|c: char| !c.is_ascii_alphanumeric());
    if bare.len() < DIGITS_MIN {
        return components.next_back().is_some_and(is_component);
    }
    // `DOC12345`: letters put before a number do not hide it.
    let mut digits = id.split(|c: char| !c.is_ascii_digit());
    components.any(is_component) || (!is_uuid && digits.any(is_component))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_seen_in_an_arc_or_an_extension_and_not_in_a_uuid_by_chance() {
        for (id, number) in [
            ("1.2.392.200284.12345.7", "0000012345"),
            ("1.2.392.200284.7^0000012345-3", "0000012345"),
            ("1.2.392.200284.7^x0000012345", "0000012345"),
            ("urn:uuid:00000000-0000-0000-0000-000000012345", "0000012345"),
            ("1.2.3^DOC12345", "0000012345"),
            ("1.2.3^20240401_A12345", "0000012345"),
            ("検査 患者００１２３４５", "0000012345"),
            ("1.2.3^a77", "A77"),
            ("1.2.7", "0007"),
            ("1.2.3^0000000123-3", "0000000123"),
            ("1.2.3^DOC0000000123", "0000000123"),
            ("患者 0000000123 検査", "0000000123"),
            ("urn:uuid:PT0000012345", "0000012345"),
        ] {
            assert!(tells(id, number), "{id} {number}");
        }
        for (id, number) in [
            ("2.25.329800735698586629295641978511506172918", "0000073569"),
            ("2.25.329800735698586629295641978511506172918", "329800735"),
            ("1.2.392.200284.7123457", "0000012345"),
            ("1.2.3", "0000"),
            ("1.2.392.200284.7", "00000001"),
            ("urn:uuid:a1234b00-0000-4000-8000-000000000000", "1234"),
        ] {
            assert!(!tells(id, number), "{id} {number}");
        }
    }
}
