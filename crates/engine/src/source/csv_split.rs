//! Where a CSV file may be cut without parsing it: at line ends outside quotes. Knows bytes, and nothing of columns.

use memchr::memchr;

/// For each of the ascending positions `near`, the start of the first record at or after it, or the end of the text.
///
/// `None` when a quote stands where neither a field nor its end is: what is inside quotes could then only be told by
/// parsing, and the file is read in one piece.
pub(crate) fn record_starts(text: &[u8], delimiter: u8, near: &[u64]) -> Option<Vec<u64>> {
    let mut found = Vec::with_capacity(near.len());
    let mut wanted = near.iter().map(|at| *at as usize).peekable();
    let mut position = byte_order_mark(text);
    let field_ends = |byte: u8| byte == delimiter || byte == b'\n' || byte == b'\r';
    loop {
        // `position` is outside quotes here.
        let quote = memchr(b'"', &text[position..]).map_or(text.len(), |at| position + at);
        while let Some(at) = wanted.peek().copied().filter(|at| *at < quote) {
            // A record starts after a line end, so one that begins exactly at `at` has its line end before it.
            let from = at.saturating_sub(1).max(position.saturating_sub(1));
            match memchr(b'\n', &text[from..quote]) {
                Some(line_end) => {
                    found.push((from + line_end + 1) as u64);
                    wanted.next();
                }
                None => break,
            }
        }
        if quote == text.len() {
            found.extend(wanted.map(|_| text.len() as u64));
            return Some(found);
        }
        let at_field_start = quote == byte_order_mark(text) || field_ends(text[quote - 1]);
        if !at_field_start {
            return None;
        }
        let mut inside = quote + 1;
        position = loop {
            let end = inside + memchr(b'"', &text[inside..])?;
            match text.get(end + 1) {
                Some(b'"') => inside = end + 2,
                Some(next) if !field_ends(*next) => return None,
                _ => break end + 1,
            }
        };
    }
}

/// The length of a UTF-8 byte order mark at the start.
pub(crate) fn byte_order_mark(text: &[u8]) -> usize {
    if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_are_at_record_starts() {
        let text = b"a,b\n1,\"x\ny\"\n2,\"p\"\"\nq\"\n3,z\n";
        let starts: Vec<u64> = vec![0, 4, 12, 22, 26];
        for at in 1..text.len() as u64 {
            let expected = *starts.iter().find(|start| **start >= at).unwrap();
            assert_eq!(record_starts(text, b',', &[at]), Some(vec![expected]), "{at}");
        }
    }

    #[test]
    fn several_cuts_may_fall_into_one_record() {
        assert_eq!(record_starts(b"a\n\"x\n\n\ny\"\nb\n", b',', &[3, 4, 6, 11]), Some(vec![10, 10, 10, 12]));
    }

    #[test]
    fn stray_quotes_forbid_cutting() {
        for text in [&b"a\n5\" pipe\nb\n"[..], b"a\n\"x\"y\nb\n", b"a\n\"never closed\n"] {
            assert_eq!(record_starts(text, b',', &[5]), None, "{}", String::from_utf8_lossy(text));
        }
    }
}
