//! Which field of a fixed list a document's key names. Documents of one collection mostly have the same keys in the same
//! order and of the same types, so the next element's head (type and key) is predicted from its position: one comparison of
//! a few bytes finds the field. Only where the prediction fails is the key looked up by name.

use std::collections::HashMap;

use crate::element::{self, ElementType};
use crate::error::Malformed;

/// Positions that are predicted; a document with more keys than this is unlikely to repeat.
const POSITIONS_MAX: usize = 4096;

/// An element that was seen at some position, with its field.
struct Predicted {
    /// The first eight bytes of `head`, little-endian, and which of them count.
    word: u64,
    mask: u64,
    /// The type byte, the key and its NUL.
    head: Box<[u8]>,
    kind: ElementType,
    field: Option<usize>,
}

impl Predicted {
    fn new(kind: ElementType, key: &str, field: Option<usize>) -> Predicted {
        let head: Box<[u8]> = std::iter::once(kind as u8).chain(key.bytes()).chain([0]).collect();
        let mut word = [0; 8];
        let count = head.len().min(8);
        word[..count].copy_from_slice(&head[..count]);
        let mask = if count == 8 { u64::MAX } else { (1 << (8 * count)) - 1 };
        Predicted { word: u64::from_le_bytes(word), mask, head, kind, field }
    }

    /// Whether `rest` starts with this type, this key and its NUL.
    #[inline]
    fn starts(&self, rest: &[u8]) -> bool {
        match rest.first_chunk::<8>() {
            Some(chunk) if u64::from_le_bytes(*chunk) & self.mask != self.word => false,
            Some(_) if self.head.len() <= 8 => true,
            _ => rest.starts_with(&self.head),
        }
    }

    /// The same key with another type: a field that is sometimes null.
    fn retype(&mut self, kind: ElementType) {
        self.kind = kind;
        self.word = self.word & !0xff | u64::from(kind as u8);
        if let Some(first) = self.head.first_mut() {
            *first = kind as u8;
        }
    }
}

/// An element of a document.
pub(crate) struct Found {
    pub kind: ElementType,
    /// The field of its key.
    pub field: Option<usize>,
    /// Where its value stands.
    pub value: usize,
}

/// The fields by name, and what stood at each position of the document last.
#[derive(Default)]
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

    /// Adds the field number `index`, whose name is the key that was just found at this position and had none.
    pub fn learn(&mut self, position: usize, name: &str, index: usize) {
        self.by_name.insert(name.to_string(), index);
        if let Some(predicted) = self.predicted.get_mut(position) {
            predicted.field = Some(index);
        }
    }

    /// The element at `at`, which is the `position`th of its document, or `None` at the document's terminator. `body` ends
    /// behind the terminator.
    #[inline(always)]
    pub fn element_at(&mut self, position: usize, body: &[u8], at: usize) -> Result<Option<Found>, Malformed> {
        let rest = body.get(at..).unwrap_or(&[]);
        if rest == [0] {
            return Ok(None);
        }
        match self.predicted.get(position) {
            Some(predicted) if predicted.starts(rest) => {
                let value = at + predicted.head.len();
                Ok(Some(Found { kind: predicted.kind, field: predicted.field, value }))
            }
            _ => self.look_up(position, body, at),
        }
    }

    #[cold]
    fn look_up(&mut self, position: usize, body: &[u8], at: usize) -> Result<Option<Found>, Malformed> {
        let Some(kind) = element::next_element(body, at)? else { return Ok(None) };
        let known = self.predicted.get_mut(position);
        if let Some(predicted) = known
            && body.get(at + 1..).is_some_and(|rest| rest.starts_with(&predicted.head[1..]))
        {
            predicted.retype(kind);
            return Ok(Some(Found { kind, field: predicted.field, value: at + predicted.head.len() }));
        }
        let (key, value) = element::cstring(body, at + 1)?;
        let field = self.by_name.get(key).copied();
        let predicted = Predicted::new(kind, key, field);
        if let Some(old) = self.predicted.get_mut(position) {
            *old = predicted;
        } else if position == self.predicted.len() && position < POSITIONS_MAX {
            self.predicted.push(predicted);
        }
        Ok(Some(Found { kind, field, value }))
    }
}
