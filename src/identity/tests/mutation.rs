//! Whatever one byte is changed into, a message that is still taken names the same requester.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::vectors::*;
use crate::model::Vouched;

static MESSAGE: LazyLock<String> = LazyLock::new(genuine);
static REQUESTER: LazyLock<Vouched> = LazyLock::new(|| checked(&MESSAGE, &trust()).unwrap().vouched);

fn holds(bytes: Vec<u8>, at: usize) -> Result<(), String> {
    let Ok(text) = String::from_utf8(bytes) else { return Ok(()) };
    match checked(&text, &trust()) {
        Ok(found) if found.vouched != *REQUESTER => Err(format!("byte {at}: {:?}", found.vouched)),
        _ => Ok(()),
    }
}

#[test]
fn every_place_of_a_signed_message_survives_a_changed_a_missing_or_a_doubled_byte() {
    let bytes = MESSAGE.as_bytes();
    for at in 0..bytes.len() {
        let mut mutated = bytes.to_vec();
        match at % 6 {
            0 => mutated[at] = b' ',
            1 => mutated[at] = b'<',
            2 => mutated[at] ^= 1,
            3 => mutated[at] ^= 0x20,
            4 => drop(mutated.remove(at)),
            _ => mutated.insert(at, bytes[at]),
        }
        holds(mutated, at).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spliced_message_never_names_another_requester(
        at in 0..MESSAGE.len(), length in 0usize..200, text in "[<>/&;:=\"'a-zA-Z0-9!\\-\\[\\] ]{0,24}"
    ) {
        let mut bytes = MESSAGE.as_bytes().to_vec();
        let end = (at + length).min(bytes.len());
        bytes.splice(at..end, text.bytes());
        prop_assert_eq!(holds(bytes, at), Ok(()));
    }
}
