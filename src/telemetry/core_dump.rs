//! Memory is full of patients' values; a core dump would write it to a disk that nobody guards.

use std::io;

/// Keeps every mapping of this process, and of those it starts, out of core dumps. Linux only;
/// elsewhere an error.
///
/// # Errors
/// When the system has no such switch.
pub fn keep_memory_out_of_core_dumps() -> io::Result<()> {
    std::fs::write(FILTER, NOTHING)
}

/// Which kinds of mappings go into a core dump, by one bit each (core(5)).
const FILTER: &str = "/proc/self/coredump_filter";
const NOTHING: &str = "0x0";

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn afterwards_no_kind_of_mapping_is_dumped() {
        keep_memory_out_of_core_dumps().unwrap();
        let bits = std::fs::read_to_string(FILTER).unwrap();
        assert_eq!(u32::from_str_radix(bits.trim(), 16), Ok(0));
    }
}
