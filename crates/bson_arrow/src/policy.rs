//! What happens to values that do not fit their columns, and the account of them. Nothing is lost without being counted.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::element::{self, ElementType};
use crate::error::{DecodeError, Failure, Malformed, Mismatch, PathPart, What};

/// What happens to a value that its column cannot hold. Bytes that are not BSON are always an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum OnMismatch {
    /// Decoding stops with the error.
    #[default]
    Raise,
    /// The value becomes null at its own place, also inside documents and arrays. Where that place cannot be null, the
    /// nearest nullable one around it does; where there is none, decoding stops with the error.
    Null,
    /// The document is left out.
    Drop,
    /// The document is left out, and its bytes are kept for the caller: [`Mismatches::take_rejected`].
    Collect,
}

/// A document that was left out under [`OnMismatch::Collect`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejected {
    /// Its first value that did not fit.
    pub mismatch: Mismatch,
    /// The whole document.
    pub bytes: Vec<u8>,
}

/// How often one field met one kind of value that does not fit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReasonCount {
    /// The field, with `[]` for the items of an array: `a.b[]`.
    pub field: String,
    /// What the column holds, in Arrow's words.
    pub expected: String,
    /// The BSON type that came; "nothing" for a missing field.
    pub found_type: &'static str,
    /// Values under [`OnMismatch::Null`], documents under the other policies.
    pub count: u64,
    /// The first of them.
    pub first: Mismatch,
}

/// The account of everything that did not fit since the decoder was made.
#[derive(Default, Debug)]
pub struct Mismatches {
    dropped: u64,
    nulled: u64,
    reasons: Vec<ReasonCount>,
    /// The place of a reason in the list, by field and type found; one field expects one thing or two.
    by_field: HashMap<(String, &'static str), Vec<usize>>,
    rejected: Vec<Rejected>,
}

impl Mismatches {
    /// Documents left out.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Values that became null.
    pub fn nulled(&self) -> u64 {
        self.nulled
    }

    /// Each reason with its count, in the order in which they first came.
    pub fn reasons(&self) -> &[ReasonCount] {
        &self.reasons
    }

    /// The documents left out since the last call, under [`OnMismatch::Collect`].
    pub fn take_rejected(&mut self) -> Vec<Rejected> {
        std::mem::take(&mut self.rejected)
    }

    pub(crate) fn drop_document(&mut self, mismatch: Mismatch, kept: Option<&[u8]>) {
        self.dropped += 1;
        self.count(&mismatch);
        if let Some(bytes) = kept {
            self.rejected.push(Rejected { mismatch, bytes: bytes.to_vec() });
        }
    }

    pub(crate) fn null_value(&mut self, mismatch: &Mismatch) {
        self.nulled += 1;
        self.count(mismatch);
    }

    fn count(&mut self, mismatch: &Mismatch) {
        let field = without_indices(&mismatch.path);
        let places = self.by_field.entry((field, mismatch.found_type)).or_default();
        let known = places.iter().find(|place| self.reasons[**place].expected == mismatch.expected);
        match known {
            Some(place) => self.reasons[*place].count += 1,
            None => {
                places.push(self.reasons.len());
                self.reasons.push(ReasonCount {
                    field: without_indices(&mismatch.path),
                    expected: mismatch.expected.clone(),
                    found_type: mismatch.found_type,
                    count: 1,
                    first: mismatch.clone(),
                });
            }
        }
    }
}

/// `a.b[3]` as `a.b[]`.
fn without_indices(path: &str) -> String {
    let mut field = String::with_capacity(path.len());
    let mut inside = false;
    for character in path.chars() {
        inside &= character != ']';
        if !inside {
            field.push(character);
        }
        inside |= character == '[';
    }
    field
}

/// The values of one document that became null.
#[derive(Default)]
pub(crate) struct Forgiven(RefCell<Vec<(usize, Box<Failure>)>>);

impl Forgiven {
    /// Notes that the value at `at` failed. What was noted inside it no longer counts: it is null as a whole.
    pub fn note(&self, at: usize, failure: Box<Failure>) {
        let mut values = self.0.borrow_mut();
        while values.last().is_some_and(|(inner, _)| *inner > at) {
            values.pop();
        }
        values.push((at, failure));
    }

    pub fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub fn clear(&self) {
        self.0.borrow_mut().clear();
    }

    /// The failures of the document that starts at `start`, with their whole paths.
    pub fn take(&self, bytes: &[u8], start: usize, document: u64) -> Vec<Mismatch> {
        let values = std::mem::take(&mut *self.0.borrow_mut());
        // A failure knows its path from the value inwards; what is around the value is found by the byte before it, the
        // NUL of its key, because a value may have no bytes of its own.
        let targets: Vec<usize> = values.iter().map(|(at, _)| *at - 1).collect();
        let around = paths_to(bytes, start, &targets);
        let mismatches = values.into_iter().zip(around).filter_map(|((_, mut failure), path)| {
            failure.path.extend(path.into_iter().rev());
            match failure.into_error(document) {
                DecodeError::Mismatch(mismatch) => Some(mismatch),
                DecodeError::Malformed { .. } | DecodeError::TooLarge { .. } => None,
            }
        });
        mismatches.collect()
    }
}

impl Failure {
    /// Whether the value is well formed and only does not fit.
    pub fn is_mismatch(&self) -> bool {
        matches!(self.what, What::Mismatch { .. })
    }
}

/// The path to the byte at `target` in the document at `start`, outermost part first: the keys and indices of the values
/// that it lies in, as far as they can be told where the bytes are damaged.
pub(crate) fn path_to(bytes: &[u8], start: usize, target: usize) -> Vec<PathPart> {
    paths_to(bytes, start, &[target]).pop().unwrap_or_default()
}

/// The path to each of the `targets`, which ascend.
fn paths_to(bytes: &[u8], start: usize, targets: &[usize]) -> Vec<Vec<PathPart>> {
    let mut paths = Vec::with_capacity(targets.len());
    walk(bytes, start, false, targets, &mut Vec::new(), &mut paths);
    paths
}

/// Adds the path of each target that lies in the document or array at `at`, which itself has the path `prefix`.
fn walk(
    bytes: &[u8],
    at: usize,
    array: bool,
    targets: &[usize],
    prefix: &mut Vec<PathPart>,
    paths: &mut Vec<Vec<PathPart>>,
) {
    let wanted = paths.len() + targets.len();
    // Where the bytes are damaged, what is left lies in this document and no closer place is known.
    let _ = walk_elements(bytes, at, array, targets, prefix, paths);
    paths.resize(wanted, prefix.clone());
}

fn walk_elements(
    bytes: &[u8],
    at: usize,
    array: bool,
    mut targets: &[usize],
    prefix: &mut Vec<PathPart>,
    paths: &mut Vec<Vec<PathPart>>,
) -> Result<(), Malformed> {
    let body = &bytes[..element::frame(bytes, at)?];
    let mut position = at + 4;
    let mut index = 0;
    while let (Some(kind), false) = (element::next_element(body, position)?, targets.is_empty()) {
        let (own, rest) = targets.split_at(targets.partition_point(|target| *target < position));
        paths.resize(paths.len() + own.len(), prefix.clone());
        let (key, value) = element::cstring(body, position + 1)?;
        let nested = matches!(kind, ElementType::Document | ElementType::Array);
        // A value that is damaged holds the place of its damage.
        let end = if nested { element::frame(body, value) } else { element::skip(kind, body, value, 1) };
        let end = end.unwrap_or(usize::MAX);
        let (inside, rest) = rest.split_at(rest.partition_point(|target| *target < end));
        if !inside.is_empty() {
            prefix.push(if array { PathPart::Item(index) } else { PathPart::Field(key.to_string()) });
            let (head, inside) = inside.split_at(inside.partition_point(|target| *target < value));
            paths.resize(paths.len() + head.len(), prefix.clone());
            if nested {
                walk(bytes, value, kind == ElementType::Array, inside, prefix, paths);
            } else {
                paths.resize(paths.len() + inside.len(), prefix.clone());
            }
            prefix.pop();
        }
        targets = rest;
        position = end;
        index += 1;
    }
    Ok(())
}
