//! The nearest known name to one that is not known, for hints.

/// The candidate that takes the fewest edits to get from `name`; `None` when none is near.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    // Every short name is near every other.
    let length = name.chars().count();
    if length < 3 {
        return None;
    }
    let limit = (length / 3).max(1);
    candidates
        .filter(|candidate| *candidate != name)
        .map(|candidate| (distance(name, candidate, limit), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Insertions, deletions, replacements and swaps of neighbours (each one edit); more than `limit` when it is more.
fn distance(a: &str, b: &str, limit: usize) -> usize {
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).take(100).collect::<Vec<char>>();
    let (a, b) = (fold(a), fold(b));
    if a.len().abs_diff(b.len()) > limit {
        return limit + 1;
    }
    let mut two_back: Vec<usize> = Vec::new();
    let mut before: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut cost = (before[j] + usize::from(x != y)).min(before[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                cost = cost.min(two_back[j - 1] + 1);
            }
            row.push(cost);
        }
        two_back = std::mem::replace(&mut before, row);
    }
    before.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn nearest_names() {
        let columns = ["fare", "distance", "minutes", "zone"];
        for (name, near) in [
            ("far", Some("fare")),
            ("Zone", Some("zone")),
            ("distnace", Some("distance")),
            ("minute", Some("minutes")),
            ("tip", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, columns.into_iter()).as_deref(), near, "{name}");
        }
    }
}
