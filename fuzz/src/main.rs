//! One libFuzzer binary with every reader of the broker; `KAKEHASHI_READER` names the one to feed.

#![no_main]

mod readers;

use std::sync::LazyLock;

use readers::{READERS, Reader};

static CHOSEN: LazyLock<Reader> = LazyLock::new(|| {
    let name = std::env::var("KAKEHASHI_READER").unwrap_or_default();
    let found = READERS.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("KAKEHASHI_READER names no reader: {name:?}")).1
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| CHOSEN(data));
