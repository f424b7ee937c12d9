//! How much memory the arenas of the process may hold together: a program that would need more gets a `MemoryError` before
//! the system ends the process. Owns the count and the limit; knows nothing of what the memory is for.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The environment variable with the limit: a number of bytes, or one with `K`, `M` or `G` behind it.
pub const VARIABLE: &str = "FUSELINE_MEMORY";

static RESERVED_BYTES: AtomicUsize = AtomicUsize::new(0);

/// The limit: what the environment says, otherwise three quarters of the machine's or the container's memory.
pub fn limit_bytes() -> usize {
    static LIMIT: OnceLock<usize> = OnceLock::new();
    *LIMIT.get_or_init(|| {
        let chosen = std::env::var(VARIABLE).ok().and_then(|text| parse(&text));
        chosen.unwrap_or_else(|| machine_bytes().map_or(usize::MAX, |bytes| bytes / 4 * 3))
    })
}

/// Whether there is room for so many bytes more; then they count as taken.
pub(crate) fn take(bytes: usize) -> bool {
    let add = |reserved: usize| reserved.checked_add(bytes).filter(|total| *total <= limit_bytes());
    RESERVED_BYTES.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).is_ok()
}

/// Gives back what was taken.
pub(crate) fn give(bytes: usize) {
    RESERVED_BYTES.fetch_sub(bytes, Ordering::Relaxed);
}

fn parse(text: &str) -> Option<usize> {
    let text = text.trim();
    let (digits, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(digits) => (digits, 1usize << (10 * (1 + "KMG".find(&text[digits.len()..])?))),
        None => (text, 1),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

/// The memory of the machine, or less where the process runs in a container that may use less.
fn machine_bytes() -> Option<usize> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let machine = total.split_whitespace().next()?.parse::<usize>().ok()?.checked_mul(1024)?;
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"]
        .iter()
        .find_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<usize>().ok());
    Some(group.map_or(machine, |group| group.min(machine)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read() {
        for (text, bytes) in
            [("1000", Some(1000)), ("64K", Some(65536)), (" 2G ", Some(2 << 30)), ("many", None), ("", None)]
        {
            assert_eq!(parse(text), bytes, "{text}");
        }
        assert!(machine_bytes().is_none_or(|bytes| bytes > 1 << 20));
    }

    #[test]
    fn more_than_there_is_cannot_be_taken() {
        assert!(!take(usize::MAX));
        assert!(take(1));
        give(1);
    }
}
