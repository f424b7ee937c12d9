//! Which kernel a thread began last: what a process that dies in one can still say. Readable from a signal handler:
//! nothing here allocates or locks.

use std::cell::Cell;

/// Bytes kept of a function's name.
const NAME_BYTES: usize = 64;

/// A kernel's function.
#[derive(Clone, Copy, Debug)]
pub struct Current {
    pub hash: [u8; 32],
    name: [u8; NAME_BYTES],
    name_length: u8,
}

impl Current {
    /// The function's name, cut where it is long.
    pub fn name_bytes(&self) -> &[u8] {
        self.name.get(..usize::from(self.name_length)).unwrap_or_default()
    }
}

thread_local! {
    static CURRENT: Cell<Option<Current>> = const { Cell::new(None) };
}

/// The thread begins a kernel of this function.
pub fn enter(name: &str, hash: &[u8; 32]) {
    let mut current = Current { hash: *hash, name: [0; NAME_BYTES], name_length: 0 };
    let length = name.len().min(NAME_BYTES);
    if let (Some(target), Some(source)) = (current.name.get_mut(..length), name.as_bytes().get(..length)) {
        target.copy_from_slice(source);
        current.name_length = length as u8;
    }
    CURRENT.set(Some(current));
}

/// What this thread began last.
pub fn current() -> Option<Current> {
    CURRENT.get()
}
