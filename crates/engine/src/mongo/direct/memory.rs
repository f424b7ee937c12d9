//! The memory of replies, used again: a fresh block of a megabyte costs more page faults than reading it from the socket
//! costs time. A block goes back when the last batch that looks into it is gone.

use std::sync::{Arc, Mutex};

use crate::run::lock;

/// Blocks that are kept for the next reply.
const SPARE_MAX: usize = 4;

/// The blocks of one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Blocks {
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
}

/// A block in use. Its first `length` bytes are the reply's.
#[derive(Debug)]
pub(super) struct Block {
    bytes: Vec<u8>,
    length: usize,
    home: Blocks,
}

impl Blocks {
    /// A block of this length; what is in it is to be overwritten. It is never much larger than that, because text in a
    /// result may keep it alive.
    pub fn take(&self, length: usize) -> Block {
        let fits = |block: &Vec<u8>| block.len() >= length && block.len() <= length + length / 8 + 4096;
        let mut spare = lock(&self.spare);
        let found = spare.iter().position(fits).map(|index| spare.swap_remove(index));
        drop(spare);
        let bytes = found.unwrap_or_else(|| vec![0; length + length / 32]);
        Block { bytes, length, home: self.clone() }
    }
}

impl Block {
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.bytes.get_mut(..self.length).unwrap_or_default()
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        let mut spare = lock(&self.home.spare);
        if spare.len() >= SPARE_MAX {
            // The oldest may have a size that no reply has any more.
            spare.remove(0);
        }
        spare.push(std::mem::take(&mut self.bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_used_again_by_replies_of_about_their_size() {
        let blocks = Blocks::default();
        let mut first = blocks.take(100_000);
        first.bytes_mut().fill(7);
        let address = first.bytes().as_ptr();
        drop(first);
        assert_eq!(blocks.take(99_000).bytes().as_ptr(), address);
        assert_ne!(blocks.take(10_000).bytes().as_ptr(), address);
        assert_eq!(blocks.take(99_000).bytes().len(), 99_000);
        drop((0..10).map(|_| blocks.take(5)).collect::<Vec<_>>());
        assert_eq!(lock(&blocks.spare).len(), SPARE_MAX);
    }
}
