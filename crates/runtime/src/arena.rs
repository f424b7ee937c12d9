//! The per-batch arena: everything compiled code allocates lives here until the kernel's results have been copied.
//! Knows bytes and slots, and nothing of the values in them.

use std::alloc::Layout;
use std::ptr::NonNull;
use std::sync::OnceLock;

use crate::abi::{Bytes, STR_ASCII_BIT, Str};
use crate::budget;
use crate::exc::{Raised, memory_error};
use crate::string::TEXT_BYTES_MAX;
use crate::text::Text;

/// Alignment of every allocation: that of a slot.
const ALIGN_BYTES: usize = 8;
/// The first chunk. Small, because a scalar call has an arena of its own.
const CHUNK_BYTES_MIN: usize = 4 * 1024;
/// Chunks double up to this size; a single larger allocation gets a chunk of exactly its size.
const CHUNK_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug)]
struct Chunk {
    data: NonNull<u8>,
    layout: Layout,
    /// Bytes at the start that are not used, see [`Arena::skip_of`].
    skip: usize,
}

/// Chunks kept for later after a [`Arena::rewind`], at most.
const SPARES_MAX: usize = 8;

/// Whether every allocation gets a chunk of its own size, freed as soon as it can be: `FUSELINE_ARENA=exact`, for tools
/// that watch the borders of allocations.
fn is_exact() -> bool {
    static EXACT: OnceLock<bool> = OnceLock::new();
    *EXACT.get_or_init(|| std::env::var_os("FUSELINE_ARENA").is_some_and(|value| value == "exact"))
}

/// A bump allocator over chunks. Nothing is freed before [`Arena::rewind`], [`Arena::reset`] or drop.
///
/// ```text
/// offset  0  cursor   *mut u8   the next free byte, always a multiple of 8
///         8  end      *mut u8   the end of the current chunk
/// ```
///
/// Compiled code may bump `cursor` itself as long as it stays below `end` and a multiple of 8.
#[repr(C)]
#[derive(Debug)]
pub struct Arena {
    cursor: *mut u8,
    end: *mut u8,
    chunks: Vec<Chunk>,
    /// Chunks that a rewind gave back.
    spares: Vec<Chunk>,
    reserved_bytes: usize,
    reserved_bytes_peak: usize,
    limit_bytes: usize,
    /// Text under construction, kept so that its allocation is used again.
    scratch: String,
}

// SAFETY: the chunks are owned by the arena alone; nothing in it refers to the thread that made it.
unsafe impl Send for Arena {}

impl Default for Arena {
    fn default() -> Self {
        Arena::with_limit(usize::MAX)
    }
}

impl Arena {
    /// An arena without a limit but that of the process. Allocates nothing yet.
    pub fn new() -> Self {
        Arena::default()
    }

    /// An arena that raises `MemoryError` rather than hold more than this many bytes.
    pub fn with_limit(limit_bytes: usize) -> Self {
        Arena {
            cursor: std::ptr::null_mut(),
            end: std::ptr::null_mut(),
            chunks: Vec::new(),
            spares: Vec::new(),
            reserved_bytes: 0,
            reserved_bytes_peak: 0,
            limit_bytes,
            scratch: String::new(),
        }
    }

    /// Bytes taken from the system now.
    pub fn reserved_bytes(&self) -> usize {
        self.reserved_bytes
    }

    /// The most bytes that were ever taken from the system at one time.
    pub fn reserved_bytes_peak(&self) -> usize {
        self.reserved_bytes_peak
    }

    /// Changes the limit; what is allocated already stays.
    pub fn set_limit(&mut self, limit_bytes: usize) {
        self.limit_bytes = limit_bytes;
    }

    /// Forgets every allocation. The largest ordinary chunk is kept, so a batch loop does not return to the system for
    /// memory; chunks made for one large allocation are freed.
    pub fn reset(&mut self) {
        let keep = (0..self.chunks.len())
            .filter(|index| self.chunks.get(*index).is_some_and(|chunk| chunk.layout.size() <= CHUNK_BYTES_MAX))
            .max_by_key(|index| self.chunks.get(*index).map_or(0, |chunk| chunk.layout.size()));
        let kept = keep.filter(|_| !is_exact()).map(|index| self.chunks.swap_remove(index));
        self.free_chunks();
        self.free_spares();
        match kept {
            Some(chunk) => {
                self.reserved_bytes = chunk.layout.size();
                self.make_current(chunk);
            }
            None => {
                self.reserved_bytes = 0;
                self.cursor = std::ptr::null_mut();
                self.end = std::ptr::null_mut();
            }
        }
        if self.scratch.capacity() > CHUNK_BYTES_MAX {
            self.scratch = String::new();
        }
    }

    /// The place where the next allocation begins: how many chunks there are, and the next free byte.
    pub fn mark(&self) -> (usize, usize) {
        (self.chunks.len(), self.cursor as usize)
    }

    /// Forgets every allocation since the mark. What is no mark of this arena is ignored.
    pub fn rewind(&mut self, (count, cursor): (usize, usize)) {
        if count > self.chunks.len() {
            return;
        }
        let start = count.checked_sub(1).and_then(|last| self.chunks.get(last)).map(|chunk| {
            let start = chunk.data.as_ptr() as usize;
            (start, start + chunk.layout.size() / ALIGN_BYTES * ALIGN_BYTES)
        });
        let (low, high) = start.unwrap_or((0, 0));
        if !(low..=high).contains(&cursor) || cursor % ALIGN_BYTES != 0 {
            return;
        }
        while self.chunks.len() > count
            && let Some(chunk) = self.chunks.pop()
        {
            self.spares.push(chunk);
        }
        if is_exact() {
            self.free_spares();
        }
        if self.spares.len() > SPARES_MAX {
            let oldest = self.spares.remove(0);
            self.free(oldest);
        }
        self.cursor = cursor as *mut u8;
        self.end = high as *mut u8;
    }

    /// `count` uninitialised bytes, aligned to 8.
    pub fn alloc_bytes(&mut self, count: usize) -> Result<NonNull<u8>, Raised> {
        let needed = count.checked_next_multiple_of(ALIGN_BYTES).ok_or_else(memory_error)?;
        let free = (self.end as usize).wrapping_sub(self.cursor as usize);
        if needed > free || self.cursor.is_null() {
            self.add_chunk(needed, false)?;
        }
        let start = NonNull::new(self.cursor).ok_or_else(memory_error)?;
        self.cursor = self.cursor.wrapping_add(needed);
        Ok(start)
    }

    /// `count` slots, all zero.
    pub fn alloc_slots(&mut self, count: usize) -> Result<&mut [u64], Raised> {
        let bytes = count.checked_mul(8).ok_or_else(memory_error)?;
        // The system gives zeros: a large new chunk need not be written.
        let is_zero = bytes > CHUNK_BYTES_MAX && self.add_chunk(bytes, true)?;
        let start = self.alloc_bytes(bytes)?.cast::<u64>();
        // SAFETY: `alloc_bytes` gave `count * 8` bytes aligned to 8 that nobody else refers to; they are made
        // zero before the slice exists.
        unsafe {
            if !is_zero {
                start.write_bytes(0, count);
            }
            Ok(std::slice::from_raw_parts_mut(start.as_ptr(), count))
        }
    }

    /// A copy of `text` that lives as long as the batch.
    pub fn alloc_str(&mut self, text: &str) -> Result<Str, Raised> {
        self.alloc_concat(std::iter::once(Text::new(text)))
    }

    /// The texts, one after the other, as one new string.
    pub fn alloc_concat<'a>(&mut self, parts: impl Iterator<Item = Text<'a>> + Clone) -> Result<Str, Raised> {
        let mut lengths = parts.clone().map(|part| part.len());
        let total = lengths.try_fold(0usize, usize::checked_add).filter(|total| *total <= TEXT_BYTES_MAX);
        let total = total.ok_or_else(memory_error)?;
        let start = self.alloc_bytes(total)?;
        let (mut ascii, mut offset) = (true, 0);
        for part in parts {
            ascii &= part.is_known_ascii() || part.is_ascii();
            // SAFETY: the lengths sum to `total`, so each copy stays inside the new allocation.
            unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), start.as_ptr().add(offset), part.len()) };
            offset += part.len();
        }
        Ok(Str { data: start.as_ptr(), length: total as u64 | if ascii { STR_ASCII_BIT } else { 0 } })
    }

    /// A copy of these bytes that lives as long as the batch.
    pub fn alloc_copy(&mut self, bytes: &[u8]) -> Result<Bytes, Raised> {
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(memory_error());
        }
        let start = self.alloc_bytes(bytes.len())?;
        // SAFETY: the allocation is that large and nobody else's.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), start.as_ptr(), bytes.len()) };
        Ok(Bytes { data: start.as_ptr(), length: bytes.len() as u64 })
    }

    /// `text` over and over; `total_bytes` is a multiple of its length.
    pub(crate) fn alloc_repeat(&mut self, text: Text<'_>, total_bytes: usize) -> Result<Str, Raised> {
        let start = self.alloc_bytes(total_bytes)?.as_ptr();
        let mut filled = text.len().min(total_bytes);
        // SAFETY: every copy ends at `total_bytes` or before, and reads what was filled before it.
        unsafe {
            std::ptr::copy_nonoverlapping(text.as_ptr(), start, filled);
            while filled > 0 && filled < total_bytes {
                let more = filled.min(total_bytes - filled);
                std::ptr::copy_nonoverlapping(start, start.add(filled), more);
                filled += more;
            }
        }
        let ascii_bit = if text.is_known_ascii() || text.is_ascii() { STR_ASCII_BIT } else { 0 };
        Ok(Str { data: start, length: total_bytes as u64 | ascii_bit })
    }

    /// Runs `write` on an empty string and keeps a copy of what it wrote.
    pub fn build_str(&mut self, write: impl FnOnce(&mut String) -> Result<(), Raised>) -> Result<Str, Raised> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let result = write(&mut scratch).and_then(|()| self.alloc_str(&scratch));
        self.scratch = scratch;
        result
    }

    /// A chunk with room for this many bytes; whether they are all zero.
    fn add_chunk(&mut self, needed: usize, zeros: bool) -> Result<bool, Raised> {
        let fits = |chunk: &Chunk| {
            let room = chunk.layout.size() - chunk.skip;
            (needed..=needed.saturating_mul(2).saturating_add(CHUNK_BYTES_MAX)).contains(&room)
        };
        if let Some(position) = self.spares.iter().rposition(fits) {
            let chunk = self.spares.remove(position);
            self.chunks.try_reserve(1).map_err(|_| memory_error())?;
            self.make_current(chunk);
            return Ok(false);
        }

        let next = match self.chunks.last() {
            _ if is_exact() => 0,
            None => CHUNK_BYTES_MIN,
            Some(last) => last.layout.size().saturating_mul(2).clamp(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX),
        };
        if self.limit_bytes.saturating_sub(self.reserved_bytes) < needed.max(next) {
            self.free_spares();
        }
        let room = self.limit_bytes.saturating_sub(self.reserved_bytes);
        // Close to the limit a smaller chunk may still do.
        let skip = self.skip_of(needed);
        let size = needed.saturating_add(skip).max(next.min(room));
        if size > room {
            return Err(memory_error());
        }
        let layout = Layout::from_size_align(size.max(ALIGN_BYTES), ALIGN_BYTES).map_err(|_| memory_error())?;
        self.chunks.try_reserve(1).map_err(|_| memory_error())?;
        if !budget::take(layout.size()) {
            self.free_spares();
            if !budget::take(layout.size()) {
                return Err(memory_error());
            }
        }
        // SAFETY: the layout's size is not zero.
        let data = unsafe { if zeros { std::alloc::alloc_zeroed(layout) } else { std::alloc::alloc(layout) } };
        let Some(data) = NonNull::new(data) else {
            budget::give(layout.size());
            return Err(memory_error());
        };
        self.reserved_bytes = self.reserved_bytes.saturating_add(layout.size());
        self.reserved_bytes_peak = self.reserved_bytes_peak.max(self.reserved_bytes);
        self.make_current(Chunk { data, layout, skip });
        Ok(zeros)
    }

    /// Large chunks begin at different places of a page. Two arrays that lie alike in their pages make a processor wait: it
    /// takes a load from the one for a load of what was just stored in the other.
    fn skip_of(&self, needed: usize) -> usize {
        const STEP_BYTES: usize = 17 * 64;
        const PAGE_BYTES: usize = 4096;
        if needed > CHUNK_BYTES_MAX { (self.chunks.len() + self.spares.len()) * STEP_BYTES % PAGE_BYTES } else { 0 }
    }

    fn make_current(&mut self, chunk: Chunk) {
        self.cursor = chunk.data.as_ptr().wrapping_add(chunk.skip);
        self.end = chunk.data.as_ptr().wrapping_add(chunk.layout.size() / ALIGN_BYTES * ALIGN_BYTES);
        self.chunks.push(chunk);
    }

    fn free_chunks(&mut self) {
        for chunk in std::mem::take(&mut self.chunks) {
            self.free(chunk);
        }
    }

    fn free_spares(&mut self) {
        for chunk in std::mem::take(&mut self.spares) {
            self.free(chunk);
        }
    }

    fn free(&mut self, chunk: Chunk) {
        self.reserved_bytes = self.reserved_bytes.saturating_sub(chunk.layout.size());
        budget::give(chunk.layout.size());
        // SAFETY: allocated in `add_chunk` with this layout; the chunk is given up here, so it is freed once.
        unsafe { std::alloc::dealloc(chunk.data.as_ptr(), chunk.layout) };
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        self.free_chunks();
        self.free_spares();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocations_do_not_overlap_and_are_aligned() {
        let mut arena = Arena::new();
        let mut regions = Vec::new();
        for size in [0usize, 1, 7, 8, 9, 100, 5000, 3, 2_000_000, 1] {
            let start = arena.alloc_bytes(size).unwrap().as_ptr() as usize;
            assert_eq!(start % 8, 0);
            regions.push((start, size));
        }
        regions.sort();
        assert!(regions.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0));
    }

    #[test]
    fn limit_raises_memory_error_and_reset_makes_room() {
        let mut arena = Arena::with_limit(10_000);
        assert!(arena.alloc_bytes(20_000).is_err());
        arena.alloc_bytes(3_000).unwrap();
        arena.alloc_bytes(4_000).unwrap();
        assert_eq!(arena.alloc_bytes(4_000).unwrap_err().0, crate::exc::ExcClass::MemoryError);
        arena.reset();
        arena.alloc_bytes(4_000).unwrap();
        assert!(arena.reserved_bytes() <= 10_000);
    }

    #[test]
    fn reset_keeps_one_chunk() {
        let mut arena = Arena::new();
        for _ in 0..1000 {
            arena.alloc_slots(100).unwrap();
        }
        arena.alloc_bytes(5_000_000).unwrap();
        arena.reset();
        assert_eq!(arena.chunks.len(), 1);
        assert!(arena.reserved_bytes() <= CHUNK_BYTES_MAX);
        let before = arena.reserved_bytes();
        arena.alloc_slots(10).unwrap();
        assert_eq!(arena.reserved_bytes(), before);
    }

    #[test]
    fn a_rewind_gives_memory_back() {
        let mut arena = Arena::with_limit(8_000_000);
        arena.alloc_slots(100).unwrap().fill(7);
        let mark = arena.mark();
        let kept = arena.cursor as usize;
        for round in 0..100 {
            let large = arena.alloc_slots(500_000).unwrap();
            assert!(large.iter().all(|slot| *slot == 0), "round {round}");
            large.fill(u64::MAX);
            arena.alloc_slots(10).unwrap().fill(u64::MAX);
            arena.rewind(mark);
            assert_eq!(arena.cursor as usize, kept);
        }
        assert!(arena.reserved_bytes_peak() <= 8_000_000);
        // What a rewind keeps for later makes room when there is none.
        assert!(arena.alloc_bytes(7_000_000).is_ok());
        let before = arena.mark();
        arena.rewind((99, 0));
        arena.rewind((1, 8));
        assert_eq!(arena.mark(), before);
    }

    #[test]
    fn slots_are_zero_after_reuse() {
        let mut arena = Arena::new();
        arena.alloc_slots(16).unwrap().fill(u64::MAX);
        arena.reset();
        assert!(arena.alloc_slots(16).unwrap().iter().all(|slot| *slot == 0));
    }

    #[test]
    fn strings_carry_the_ascii_bit() {
        let mut arena = Arena::new();
        let plain = arena.alloc_concat(["ab", "", "c"].into_iter().map(Text::new)).unwrap();
        assert_eq!(plain.length, 3 | STR_ASCII_BIT);
        let accented = arena.alloc_str("é").unwrap();
        assert_eq!(accented.length, 2);
    }
}
