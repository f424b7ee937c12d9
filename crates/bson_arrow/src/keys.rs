//! Which field of a fixed list a document's key names. Documents of one collection mostly have the same keys in the same
//! order, so the next key is predicted from its position: one comparison of a few bytes finds the field. Only where the
//! prediction fails is the key looked up by name.

use std::collections::HashMap;

use crate::element;
use crate::error::Malformed;

/// Positions that are predicted; a document with more keys than this is unlikely to repeat.
const POSITIONS_MAX: usize = 4096;

/// A key that was seen at some position, with its field.
struct Predicted {
    /// The first eight bytes of the key and its NUL, little-endian, and which of them count.
    word: u64,
    mask: u64,
    /// The key with its NUL.
    key: Box<[u8]>,
    field: Option<usize>,
}

impl Predicted {
    fn new(key: &str, field: Option<usize>) -> Predicted {
        let key: Box<[u8]> = key.bytes().chain([0]).collect();
        let mut word = [0; 8];
        let count = key.len().min(8);
        word[..count].copy_from_slice(&key[..count]);
        let mask = if count == 8 { u64::MAX } else { (1 << (8 * count)) - 1 };
        Predicted { word: u64::from_le_bytes(word), mask, key, field }
    }

    /// Whether `rest` starts with this key and its NUL.
    #[inline]
    fn starts(&self, rest: &[u8]) -> bool {
        match rest.first_chunk::<8>() {
            Some(chunk) if u64::from_le_bytes(*chunk) & self.mask != self.word => false,
            Some(_) if self.key.len() <= 8 => true,
            _ => rest.starts_with(&self.key),
        }
    }
}

/// The fields by name, and what stood at each position of the document last.
pub(crate) struct Keys {
    by_name: HashMap<String, usize>,
    predicted: Vec<Predicted>,
}

impl Keys {
    /// No fields yet, with room for `count`.
    pub fn with_capacity(count: usize) -> Keys {
        Keys { by_name: HashMap::with_capacity(count), predicted: Vec::new() }
    }

    /// Adds the field number `index`; false when its name stands there already.
    pub fn insert(&mut self, name: &str, index: usize) -> bool {
        self.by_name.insert(name.to_string(), index).is_none()
    }

    /// The field of the key at `at`, which is the `position`th of its document, and the position behind the key.
    #[inline]
    pub fn field_at(&mut self, position: usize, bytes: &[u8], at: usize) -> Result<(Option<usize>, usize), Malformed> {
        if let Some(predicted) = self.predicted.get(position)
            && predicted.starts(bytes.get(at..).unwrap_or(&[]))
        {
            return Ok((predicted.field, at + predicted.key.len()));
        }
        self.look_up(position, bytes, at)
    }

    #[cold]
    fn look_up(&mut self, position: usize, bytes: &[u8], at: usize) -> Result<(Option<usize>, usize), Malformed> {
        let (key, end) = element::cstring(bytes, at)?;
        let field = self.by_name.get(key).copied();
        let predicted = Predicted::new(key, field);
        if let Some(old) = self.predicted.get_mut(position) {
            *old = predicted;
        } else if position == self.predicted.len() && position < POSITIONS_MAX {
            self.predicted.push(predicted);
        }
        Ok((field, end))
    }
}
