//! Sorting as CPython's `list.sort` does it, also where `<` is not an order (NaN): the result of such a sort depends on
//! which pairs are compared, so the algorithm is the same one. Knows nothing of where the keys come from.
//!
//! The algorithm (Tim Peters' "timsort" with the merge order of "powersort", as in CPython 3.11): cut the input into
//! natural runs, lengthen short ones by binary insertion, and merge neighbours on a stack so that the tree of merges is
//! nearly balanced. A merge looks one item at a time until one side wins often, then searches ahead by doubling
//! ("galloping"). Only `less` is ever asked, so a stable result follows for every real order.
//!
//! Indexing here is in range whatever `less` answers; the tests try it with random answers.

use std::ops::Range;

use crate::exc::Raised;
use crate::shape::Place;
use crate::text::Text;
use crate::value::{self, Order};

/// A side must win this often in a row before galloping starts; it also ends galloping.
const MIN_GALLOP: usize = 7;

/// Sorts `items` stably by `less`.
pub fn sort_by<T: Copy>(items: &mut [T], less: impl FnMut(&T, &T) -> bool) {
    if items.len() < 2 {
        return;
    }
    let run_length_min = run_length_min(items.len());
    let mut sorter = Sorter { items, less, runs: Vec::new(), min_gallop: MIN_GALLOP, spare: Vec::new() };
    let mut start = 0;
    while start < sorter.items.len() {
        let mut length = sorter.natural_run(start);
        let wanted = run_length_min.min(sorter.items.len() - start);
        if length < wanted {
            sorter.insert_into_run(start..start + wanted, length);
            length = wanted;
        }
        sorter.push_run(start, length);
        start += length;
    }
    sorter.merge_all();
}

/// The stable order of the keys: `result[n]` is the position of the key that comes at place `n`. With `reverse` the
/// order is descending, and equal keys still keep theirs.
pub fn argsort<K: Copy>(keys: &[K], reverse: bool, mut less: impl FnMut(&K, &K) -> bool) -> Vec<usize> {
    let mut pairs: Vec<(K, usize)> = keys.iter().copied().zip(0..).collect();
    // As CPython: reversing before and after an ascending sort keeps equal keys in order.
    if reverse {
        pairs.reverse();
    }
    sort_by(&mut pairs, |a, b| less(&a.0, &b.0));
    if reverse {
        pairs.reverse();
    }
    pairs.into_iter().map(|(_, position)| position).collect()
}

/// [`argsort`] of `count` keys given as slots, of any shape; raises where two keys have no order.
///
/// # Safety
/// `slots` holds `count` live keys of this shape.
pub unsafe fn argsort_slots(
    slots: &[u64],
    count: usize,
    shape: Place<'_>,
    reverse: bool,
) -> Result<Vec<usize>, Raised> {
    match shape.letter() {
        b'f' => {
            let keys: Vec<f64> = slots.iter().map(|bits| f64::from_bits(*bits)).collect();
            Ok(argsort(&keys, reverse, |a, b| a < b))
        }
        b's' => {
            let texts: Vec<&str> = slots
                .chunks_exact(2)
                .map(|pair| match pair {
                    // SAFETY: promised by the caller.
                    [data, length] => unsafe { Text::from_abi(*data as *const u8, *length) }.as_str(),
                    _ => "",
                })
                .collect();
            Ok(argsort(&texts, reverse, |a, b| a.as_bytes() < b.as_bytes()))
        }
        b'i' | b'b' => {
            let keys: Vec<i64> = slots.iter().map(|bits| *bits as i64).collect();
            Ok(argsort(&keys, reverse, |a, b| a < b))
        }
        _ => {
            let width = shape.width();
            let keys: Vec<usize> = (0..count).collect();
            let key = |at: usize| shape.val(slots.as_ptr().wrapping_add(at * width));
            let mut failed = None;
            let order = argsort(&keys, reverse, |a, b| {
                // SAFETY: promised by the caller.
                failed.is_none()
                    && unsafe { value::compare(Order::Lt, key(*a), key(*b)) }.unwrap_or_else(|raised| {
                        failed = Some(raised);
                        false
                    })
            });
            failed.map_or(Ok(order), Err)
        }
    }
}

/// The length to which short runs are lengthened: 32 to 64, such that the number of runs is close to a power of two.
fn run_length_min(mut length: usize) -> usize {
    let mut lost_bits = 0;
    while length >= 64 {
        lost_bits |= length & 1;
        length >>= 1;
    }
    length + lost_bits
}

/// A sorted stretch of the input. `power` is the level of the merge tree between this run and the next.
#[derive(Clone, Copy)]
struct Run {
    start: usize,
    length: usize,
    power: u32,
}

struct Sorter<'a, T, F> {
    items: &'a mut [T],
    less: F,
    runs: Vec<Run>,
    min_gallop: usize,
    /// The smaller side of the merge at hand.
    spare: Vec<T>,
}

impl<T: Copy, F: FnMut(&T, &T) -> bool> Sorter<'_, T, F> {
    /// The length of the ascending run at `start`; a strictly descending one is reversed in place.
    fn natural_run(&mut self, start: usize) -> usize {
        let (items, less) = (&mut self.items[start..], &mut self.less);
        if items.len() < 2 {
            return items.len();
        }
        let descending = less(&items[1], &items[0]);
        let mut length = 2;
        while length < items.len() && less(&items[length], &items[length - 1]) == descending {
            length += 1;
        }
        if descending {
            items[..length].reverse();
        }
        length
    }

    /// Sorts `range`, whose first `sorted` items are in order already, by binary insertion.
    fn insert_into_run(&mut self, range: Range<usize>, sorted: usize) {
        let items = &mut self.items[range];
        for next in sorted..items.len() {
            let pivot = items[next];
            let (mut low, mut high) = (0, next);
            while low < high {
                let middle = low + (high - low) / 2;
                if (self.less)(&pivot, &items[middle]) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            items.copy_within(low..next, low + 1);
            items[low] = pivot;
        }
    }

    /// Puts a run on the stack after the merges that lie deeper in the tree than the one between it and the run before.
    fn push_run(&mut self, start: usize, length: usize) {
        if let Some(last) = self.runs.last() {
            let power = merge_power(last.start, last.length, length, self.items.len());
            while self.runs.len() > 1 && self.runs[self.runs.len() - 2].power > power {
                self.merge_at(self.runs.len() - 2);
            }
            if let Some(last) = self.runs.last_mut() {
                last.power = power;
            }
        }
        self.runs.push(Run { start, length, power: 0 });
    }

    fn merge_all(&mut self) {
        while self.runs.len() > 1 {
            let mut at = self.runs.len() - 2;
            if at > 0 && self.runs[at - 1].length < self.runs[at + 1].length {
                at -= 1;
            }
            self.merge_at(at);
        }
    }

    /// Merges the runs at `at` and `at + 1` of the stack.
    fn merge_at(&mut self, at: usize) {
        let (first, second) = (self.runs[at], self.runs[at + 1]);
        self.runs[at].length = first.length + second.length;
        self.runs.remove(at + 1);
        // What already stands at its place on either end takes no part.
        let (items, less) = (&*self.items, &mut self.less);
        let left = &items[first.start..second.start];
        let skipped = gallop_right(&items[second.start], left, 0, less);
        let left = first.start + skipped..second.start;
        if left.is_empty() {
            return;
        }
        let right = &items[second.start..second.start + second.length];
        let kept = gallop_left(&items[left.end - 1], right, right.len() - 1, less);
        if kept == 0 {
            return;
        }
        if left.len() <= kept {
            self.merge_upwards(left, kept);
        } else {
            self.merge_downwards(left, kept);
        }
    }

    /// Merges `left` with the `right_length` items after it, from the low end. `left` is copied away.
    fn merge_upwards(&mut self, left: Range<usize>, right_length: usize) {
        let Sorter { items, less, spare, .. } = self;
        spare.clear();
        spare.extend_from_slice(&items[left.clone()]);
        let (mut a, a_end) = (0, spare.len());
        let (mut b, b_end) = (left.end, left.end + right_length);
        let mut target = left.start;
        let mut min_gallop = self.min_gallop;

        // The first item of the right side comes first and the last of the left comes last: `merge_at` saw to that.
        items[target] = items[b];
        (target, b) = (target + 1, b + 1);
        'merge: while b < b_end && a_end - a > 1 {
            let (mut left_wins, mut right_wins) = (0, 0);
            while left_wins < min_gallop && right_wins < min_gallop {
                if less(&items[b], &spare[a]) {
                    items[target] = items[b];
                    b += 1;
                    (left_wins, right_wins) = (0, right_wins + 1);
                } else {
                    items[target] = spare[a];
                    a += 1;
                    (left_wins, right_wins) = (left_wins + 1, 0);
                }
                target += 1;
                if b == b_end || a_end - a <= 1 {
                    break 'merge;
                }
            }
            min_gallop += 1;
            loop {
                min_gallop -= usize::from(min_gallop > 1);
                self.min_gallop = min_gallop;
                left_wins = gallop_right(&items[b], &spare[a..a_end], 0, less);
                items[target..target + left_wins].copy_from_slice(&spare[a..a + left_wins]);
                (a, target) = (a + left_wins, target + left_wins);
                if a_end - a <= 1 {
                    break 'merge;
                }
                items[target] = items[b];
                (b, target) = (b + 1, target + 1);
                if b == b_end {
                    break 'merge;
                }
                right_wins = gallop_left(&spare[a], &items[b..b_end], 0, less);
                items.copy_within(b..b + right_wins, target);
                (b, target) = (b + right_wins, target + right_wins);
                if b == b_end {
                    break 'merge;
                }
                items[target] = spare[a];
                (a, target) = (a + 1, target + 1);
                if a_end - a <= 1 {
                    break 'merge;
                }
                if left_wins < MIN_GALLOP && right_wins < MIN_GALLOP {
                    break;
                }
            }
            // Leaving the galloping mode costs: it should not come back at once.
            min_gallop += 1;
            self.min_gallop = min_gallop;
        }
        items.copy_within(b..b_end, target);
        target += b_end - b;
        items[target..target + (a_end - a)].copy_from_slice(&spare[a..a_end]);
    }

    /// Merges `left` with the `right_length` items after it, from the high end. The right side is copied away.
    fn merge_downwards(&mut self, left: Range<usize>, right_length: usize) {
        let Sorter { items, less, spare, .. } = self;
        spare.clear();
        spare.extend_from_slice(&items[left.end..left.end + right_length]);
        // All three are ends: the item before is the next to be looked at or filled.
        let (a_start, mut a) = (left.start, left.end);
        let mut b = spare.len();
        let mut target = left.end + right_length;
        let mut min_gallop = self.min_gallop;

        (a, target) = (a - 1, target - 1);
        items[target] = items[a];
        'merge: while a > a_start && b > 1 {
            let (mut left_wins, mut right_wins) = (0, 0);
            while left_wins < min_gallop && right_wins < min_gallop {
                target -= 1;
                if less(&spare[b - 1], &items[a - 1]) {
                    a -= 1;
                    items[target] = items[a];
                    (left_wins, right_wins) = (left_wins + 1, 0);
                } else {
                    b -= 1;
                    items[target] = spare[b];
                    (left_wins, right_wins) = (0, right_wins + 1);
                }
                if a == a_start || b <= 1 {
                    break 'merge;
                }
            }
            min_gallop += 1;
            loop {
                min_gallop -= usize::from(min_gallop > 1);
                self.min_gallop = min_gallop;
                let stays = gallop_right(&spare[b - 1], &items[a_start..a], a - a_start - 1, less);
                left_wins = a - a_start - stays;
                (a, target) = (a - left_wins, target - left_wins);
                items.copy_within(a..a + left_wins, target);
                if a == a_start {
                    break 'merge;
                }
                (b, target) = (b - 1, target - 1);
                items[target] = spare[b];
                if b <= 1 {
                    break 'merge;
                }
                right_wins = b - gallop_left(&items[a - 1], &spare[..b], b - 1, less);
                (b, target) = (b - right_wins, target - right_wins);
                items[target..target + right_wins].copy_from_slice(&spare[b..b + right_wins]);
                if b <= 1 {
                    break 'merge;
                }
                (a, target) = (a - 1, target - 1);
                items[target] = items[a];
                if a == a_start {
                    break 'merge;
                }
                if left_wins < MIN_GALLOP && right_wins < MIN_GALLOP {
                    break;
                }
            }
            min_gallop += 1;
            self.min_gallop = min_gallop;
        }
        items.copy_within(a_start..a, target - (a - a_start));
        items[a_start..a_start + b].copy_from_slice(&spare[..b]);
    }
}

/// The depth of the merge between two neighbouring runs in the ideal tree over `total` items: the first binary digit in
/// which the middles of the two runs, as fractions of the whole, differ.
fn merge_power(start: usize, first_length: usize, second_length: usize, total: usize) -> u32 {
    let mut a = 2 * start + first_length;
    let mut b = a + first_length + second_length;
    let mut power = 0;
    loop {
        power += 1;
        if a >= total {
            a -= total;
            b -= total;
        } else if b >= total {
            return power;
        }
        a *= 2;
        b *= 2;
    }
}

/// Steps away from a hint: 1, 3, 7, 15, ... as long as `beyond` holds, at most `limit`. Gives the last step for which it
/// held and the first for which it did not (or the limit).
fn gallop(limit: usize, mut beyond: impl FnMut(usize) -> bool) -> (usize, usize) {
    let (mut last, mut offset) = (0, 1);
    while offset < limit && beyond(offset) {
        last = offset;
        offset = offset * 2 + 1;
    }
    (last, offset.min(limit))
}

/// The first position in `low..high` for which `before` is false, by halving.
fn bisect(mut low: usize, mut high: usize, mut before: impl FnMut(usize) -> bool) -> usize {
    while low < high {
        let middle = low + (high - low) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// Where `key` belongs in the sorted `items`, before its equals; the search starts near `hint`.
fn gallop_left<T>(key: &T, items: &[T], hint: usize, less: &mut impl FnMut(&T, &T) -> bool) -> usize {
    let (low, high) = if less(&items[hint], key) {
        let (last, offset) = gallop(items.len() - hint, |offset| less(&items[hint + offset], key));
        (hint + last + 1, hint + offset)
    } else {
        let (last, offset) = gallop(hint + 1, |offset| !less(&items[hint - offset], key));
        (hint + 1 - offset, hint - last)
    };
    bisect(low, high, |at| less(&items[at], key))
}

/// Where `key` belongs in the sorted `items`, after its equals; the search starts near `hint`.
fn gallop_right<T>(key: &T, items: &[T], hint: usize, less: &mut impl FnMut(&T, &T) -> bool) -> usize {
    let (low, high) = if less(key, &items[hint]) {
        let (last, offset) = gallop(hint + 1, |offset| less(key, &items[hint - offset]));
        (hint + 1 - offset, hint - last)
    } else {
        let (last, offset) = gallop(items.len() - hint, |offset| !less(key, &items[hint + offset]));
        (hint + last + 1, hint + offset)
    };
    bisect(low, high, |at| !less(key, &items[at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator of reproducible noise.
    struct Noise(u64);

    impl Noise {
        fn next(&mut self, below: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (self.0 >> 33) % below
        }
    }

    #[test]
    fn sorts_stably() {
        let mut noise = Noise(1);
        for length in (0..300).chain([1000, 5000, 20_000]) {
            for distinct in [2, 10, 1_000_000] {
                let keys: Vec<u64> = (0..length).map(|_| noise.next(distinct)).collect();
                let mut expected: Vec<usize> = (0..keys.len()).collect();
                expected.sort_by_key(|at| keys[*at]);
                assert_eq!(argsort(&keys, false, |a, b| a < b), expected);
                expected.sort_by_key(|at| std::cmp::Reverse(keys[*at]));
                expected.sort_by(|a, b| keys[*b].cmp(&keys[*a]).then(a.cmp(b)));
                assert_eq!(argsort(&keys, true, |a, b| a < b), expected);
            }
        }
    }

    #[test]
    fn sorts_runs_that_make_merges_gallop() {
        for pieces in [2usize, 3, 5, 17] {
            let mut keys: Vec<usize> = Vec::new();
            for piece in 0..pieces {
                keys.extend((0..400).map(|n| (n / 40) * 40 * (piece + 1) + n));
            }
            let mut expected = keys.clone();
            expected.sort();
            sort_by(&mut keys, |a, b| a < b);
            assert_eq!(keys, expected);
        }
    }

    #[test]
    fn senseless_answers_lose_nothing() {
        let mut noise = Noise(7);
        for round in 0..300 {
            let mut items: Vec<u64> = (0..round * 7).collect();
            let bias = 1 + noise.next(9);
            sort_by(&mut items, |_, _| noise.next(10) < bias);
            items.sort();
            assert!(items.into_iter().eq(0..round * 7));
        }
    }
}
