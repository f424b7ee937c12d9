//! How names and types are written in messages: lists, the nearest name, Arrow types as Python people call them.

use arrow::datatypes::DataType;

use crate::error::Error;

/// `` `a`, `b` and `c` ``, shortened in the middle of a long list.
pub(crate) fn list(names: Vec<String>) -> String {
    const SHOWN_MAX: usize = 12;
    let total = names.len();
    let mut quoted: Vec<String> = names.into_iter().take(SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    if total > SHOWN_MAX {
        return format!("{} and {} more", quoted.join(", "), total - SHOWN_MAX);
    }
    match quoted.pop() {
        None => "no columns".to_owned(),
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} and {last}", quoted.join(", ")),
    }
}

/// The error for a column that is not there, with the nearest name or all names as a hint.
pub(crate) fn unknown_column(name: &str, known: &[String]) -> Error {
    let message = format!("no column is named `{name}`");
    match nearest(name, known) {
        Some(near) => Error::plan_hint(message, format!("did you mean `{near}`?")),
        None => Error::plan_hint(message, format!("the columns are {}", list(known.to_vec()))),
    }
}

/// The known name that is spelled most like this one, if any is close.
pub(crate) fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let distance_max = (name.chars().count() + 1) / 3;
    let lower = name.to_lowercase();
    known
        .iter()
        .map(|candidate| (distance(&lower, &candidate.to_lowercase()), candidate.as_str()))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut previous: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut current = vec![i];
        for j in 1..=right.len() {
            let replaced = previous[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut best = replaced.min(previous[j] + 1).min(current[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            current.push(best);
        }
        before = std::mem::replace(&mut previous, current);
    }
    previous[right.len()]
}

/// `prefix`, made longer until none of the names begins with it.
pub(crate) fn unused_prefix(prefix: &str, names: &[String]) -> String {
    let mut unused = prefix.to_owned();
    while names.iter().any(|name| name.starts_with(&unused)) {
        unused.push('_');
    }
    unused
}

/// An Arrow type by the name users know.
pub(crate) fn data_type(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "bool".to_owned(),
        DataType::Int64 => "int".to_owned(),
        DataType::Float64 => "float".to_owned(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "str".to_owned(),
        DataType::Null => "None".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        let known: Vec<String> = ["dep_delay", "arr_delay", "carrier"].map(str::to_owned).to_vec();
        assert_eq!(nearest("dep_dealy", &known), Some("dep_delay"));
        assert_eq!(nearest("Carrier", &known), Some("carrier"));
        assert_eq!(nearest("origin", &known), None);
    }

    #[test]
    fn long_lists_are_shortened() {
        assert_eq!(list(vec!["a".to_owned()]), "`a`");
        assert_eq!(list(vec!["a".to_owned(), "b".to_owned()]), "`a` and `b`");
        assert!(list((0..20).map(|n| n.to_string()).collect()).ends_with("`11` and 8 more"));
    }
}
