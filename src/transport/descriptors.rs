//! How many connections the process can afford in open files, so that the audit log, the store and
//! the admin pages always find one (goals B2). Linux tells the limit in `/proc`; elsewhere the
//! setting stands alone.

/// The connections one listener may have open: the setting, or less where the limit on open files
/// is low. Two listeners share a half; the other half is for what requests open in turn.
pub(super) fn affordable(connections_max: usize) -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let share = open_files_max(&limits).map_or(usize::MAX, |most| most.saturating_sub(RESERVED) / 4);
    connections_max.min(share.max(1))
}

/// Files that are never given to connections.
const RESERVED: usize = 64;

/// The soft limit in the text of `/proc/self/limits`; None when it is unlimited or not told.
fn open_files_max(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_on_open_files_is_read() {
        let text = "Limit   Soft Limit   Hard Limit   Units\nMax open files            256                  4096                 files\n";
        assert_eq!(open_files_max(text), Some(256));
        assert_eq!(open_files_max(&text.replace("256 ", "unlimited ")), None);
        assert_eq!(open_files_max(""), None);
    }

    #[test]
    fn a_setting_within_the_limit_stands() {
        assert_eq!(affordable(1), 1);
    }
}
