//! How columns take memory: in steps that are known to be needed, so that a column under construction is never much larger
//! than its array, and is handed over without spare room. A plain vector doubles, and where it moves it leaves its smaller
//! copies in the allocator: together that would be twice the result.

use std::fmt;
use std::io;
use std::ops::{Deref, DerefMut};
use std::ptr::NonNull;
use std::sync::Arc;

use arrow_buffer::{ArrowNativeType, Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::ArrowError;
use memmap2::MmapMut;

/// From this size on values have memory of their own from the system, which grows by moving pages instead of bytes.
/// Columns of a single batch stay below it: they come from the allocator, which has their memory ready.
const MAPPED_BYTES_MIN: usize = 256 * 1024;

/// Mapped memory comes in pages; this is a multiple of every system's.
const PAGE_BYTES: usize = 64 * 1024;

/// How much is copied before the memory that it came from is given back.
const STEP_BYTES: usize = 1024 * 1024;

/// A vector of plain values that is never held twice while it grows.
///
/// ```
/// let mut values = bson_arrow::Grown::default();
/// (0..1_000_000_u64).for_each(|value| values.push(value));
/// assert_eq!(values[999_999], 999_999);
/// ```
pub struct Grown<T> {
    /// The memory of `home`.
    start: NonNull<T>,
    len: usize,
    /// Values that `home` has room for.
    capacity: usize,
    home: Home<T>,
}

/// Who owns the memory.
enum Home<T> {
    /// A vector whose own length stays 0.
    Heap(Vec<T>),
    Mapped(MmapMut),
}

// SAFETY: it owns its values, as a vector does.
unsafe impl<T: Send> Send for Grown<T> {}
// SAFETY: as above; a shared reference only reads.
unsafe impl<T: Sync> Sync for Grown<T> {}

impl<T: Copy> Default for Grown<T> {
    fn default() -> Grown<T> {
        Grown::from(Vec::new())
    }
}

impl<T: Copy> From<Vec<T>> for Grown<T> {
    fn from(values: Vec<T>) -> Grown<T> {
        const { assert!(size_of::<T>() > 0, "values without bytes need no memory") };
        let mut grown =
            Grown { start: NonNull::dangling(), len: values.len(), capacity: 0, home: Home::Heap(Vec::new()) };
        grown.settle_on_heap(values);
        grown
    }
}

impl<T> Deref for Grown<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the first `len` values were written, and the memory lives as long as `home`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl<T> DerefMut for Grown<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as above, and nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

impl<T: fmt::Debug> fmt::Debug for Grown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: PartialEq> PartialEq for Grown<T> {
    fn eq(&self, other: &Grown<T>) -> bool {
        **self == **other
    }
}

impl<T: Copy> Extend<T> for Grown<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        let values = values.into_iter();
        self.reserve(values.size_hint().0);
        values.for_each(|value| self.push(value));
    }
}

impl<T: Copy> Grown<T> {
    /// Adds a value.
    #[inline]
    pub fn push(&mut self, value: T) {
        if self.len == self.capacity {
            self.grow(1, self.doubled());
        }
        // SAFETY: there is room behind the last value.
        unsafe { self.start.add(self.len).write(value) };
        self.len += 1;
    }

    /// Adds values.
    #[inline]
    pub fn extend_from_slice(&mut self, values: &[T]) {
        if self.capacity - self.len < values.len() {
            self.grow(values.len(), self.doubled());
        }
        // SAFETY: there is room for them behind the last value, in memory that is no slice's.
        unsafe { self.start.add(self.len).copy_from_nonoverlapping(NonNull::from(values).cast(), values.len()) };
        self.len += values.len();
    }

    /// Adds the values of another vector, whose memory is given back as they are copied.
    pub fn append(&mut self, other: Grown<T>) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.reserve(other.len);
        let step = STEP_BYTES / size_of::<T>();
        for (number, values) in other.chunks(step).enumerate() {
            self.extend_from_slice(values);
            other.let_go(number * step..number * step + values.len());
        }
    }

    /// Leaves the first `len` values.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Makes room for `additional` more values, and for an eighth of those there, so that many small steps cost no more
    /// than one large one.
    pub fn reserve(&mut self, additional: usize) {
        if self.capacity - self.len < additional {
            self.grow(additional, self.len / 8);
        }
    }

    /// Gives back the room that is not needed.
    pub fn trim(&mut self) {
        match std::mem::replace(&mut self.home, Home::Heap(Vec::new())) {
            Home::Heap(heap) => {
                let mut values = self.whole(heap);
                values.shrink_to_fit();
                self.settle_on_heap(values);
            }
            Home::Mapped(_) if self.is_empty() => self.settle_on_heap(Vec::new()),
            Home::Mapped(mut map) => {
                let needed = pages(size_of_val(&**self));
                if needed < map.len() {
                    // Where the system cannot, there is only more room than needed.
                    let _ = remap(&mut map, needed);
                }
                self.settle_in(map);
            }
        }
    }

    /// The step in which a vector without a better guess grows.
    fn doubled(&self) -> usize {
        match self.home {
            Home::Heap(_) => self.len,
            Home::Mapped(_) => self.len / 8,
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, additional: usize, step: usize) {
        let wanted = self.len.saturating_add(additional.max(step));
        let bytes = wanted.saturating_mul(size_of::<T>());
        // A vector would panic, but while the values have no home.
        assert!(isize::try_from(bytes).is_ok(), "more values than there are addresses");
        match std::mem::replace(&mut self.home, Home::Heap(Vec::new())) {
            Home::Mapped(mut map) => {
                if remap(&mut map, pages(bytes)).is_ok() {
                    return self.settle_in(map);
                }
                // The vector says what there is to say about memory that is not there.
                let mut values = Vec::with_capacity(wanted);
                values.extend_from_slice(self);
                self.settle_on_heap(values);
            }
            Home::Heap(heap) => {
                if let Some(mut map) = mapped(bytes) {
                    let values: *const T = self.start.as_ptr();
                    // SAFETY: the values are in `heap` and fit the new memory, which is no part of it.
                    unsafe { map.as_mut_ptr().cast::<T>().copy_from_nonoverlapping(values, self.len) };
                    drop(heap);
                    return self.settle_in(map);
                }
                let mut values = self.whole(heap);
                values.reserve_exact(wanted - self.len);
                self.settle_on_heap(values);
            }
        }
    }

    /// The vector that was `home`, with its values.
    fn whole(&self, mut heap: Vec<T>) -> Vec<T> {
        // SAFETY: this many values were written to its memory.
        unsafe { heap.set_len(self.len) };
        heap
    }

    /// Makes this vector the home; it has `len` values.
    fn settle_on_heap(&mut self, mut values: Vec<T>) {
        values.truncate(self.len);
        self.start = NonNull::new(values.as_mut_ptr()).unwrap_or(NonNull::dangling());
        self.capacity = values.capacity();
        // SAFETY: the values are plain; they need no owner.
        unsafe { values.set_len(0) };
        self.home = Home::Heap(values);
    }

    /// Makes this memory, which holds the values, the home. Pages are aligned for every type of values.
    fn settle_in(&mut self, mut map: MmapMut) {
        self.start = NonNull::new(map.as_mut_ptr().cast()).unwrap_or(NonNull::dangling());
        self.capacity = map.len() / size_of::<T>();
        self.home = Home::Mapped(map);
    }

    /// Gives back the memory of these values, which nobody reads again.
    fn let_go(&self, values: std::ops::Range<usize>) {
        #[cfg(unix)]
        if let Home::Mapped(map) = &self.home {
            let (start, bytes) = (values.start * size_of::<T>(), values.len() * size_of::<T>());
            // SAFETY: afterwards they are zeros, which are plain values too. It is a hint: without it the memory only goes
            // later.
            let _ = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, bytes) };
        }
        #[cfg(not(unix))]
        let _ = values;
    }
}

impl<T: ArrowNativeType> Grown<T> {
    /// The values as a buffer of their very size.
    pub fn into_buffer(mut self) -> Buffer {
        self.trim();
        let bytes = size_of_val(&*self);
        match std::mem::replace(&mut self.home, Home::Heap(Vec::new())) {
            Home::Heap(heap) => Buffer::from_vec(self.whole(heap)),
            // SAFETY: the memory lives as long as the map, which the buffer owns, and nobody writes to it any more.
            Home::Mapped(map) => unsafe { Buffer::from_custom_allocation(self.start.cast(), bytes, Arc::new(map)) },
        }
    }
}

/// Memory from the system, if this many bytes are worth it.
fn mapped(bytes: usize) -> Option<MmapMut> {
    // An interpreter such as Miri knows no mappings.
    if bytes < MAPPED_BYTES_MIN || bytes > isize::MAX as usize - PAGE_BYTES || cfg!(miri) {
        return None;
    }
    MmapMut::map_anon(pages(bytes)).ok()
}

fn pages(bytes: usize) -> usize {
    bytes.div_ceil(PAGE_BYTES).saturating_mul(PAGE_BYTES)
}

#[cfg(target_os = "linux")]
fn remap(map: &mut MmapMut, bytes: usize) -> io::Result<()> {
    // SAFETY: the caller forgets where it was.
    unsafe { map.remap(bytes, memmap2::RemapOptions::new().may_move(true)) }
}

#[cfg(not(target_os = "linux"))]
fn remap(map: &mut MmapMut, bytes: usize) -> io::Result<()> {
    let mut other = MmapMut::map_anon(bytes)?;
    let kept = map.len().min(bytes);
    other[..kept].copy_from_slice(&map[..kept]);
    *map = other;
    Ok(())
}

/// How many parts `rows` more rows may bring when `rows_before` brought `parts`.
pub(crate) fn expected(parts: usize, rows_before: usize, rows: usize) -> usize {
    if rows_before == 0 { 0 } else { (parts as f64 / rows_before as f64 * rows as f64 * 1.02) as usize + 8 }
}

/// The values as an array has them; the vector is empty again.
pub(crate) fn scalars<T: ArrowNativeType>(values: &mut Grown<T>) -> ScalarBuffer<T> {
    let len = values.len();
    ScalarBuffer::new(std::mem::take(values).into_buffer(), 0, len)
}

/// Arrow's offsets under construction, in the width of the array's type from the start.
pub(crate) enum Offsets {
    /// The flag is set when a value did not fit.
    Small(Grown<i32>, bool),
    Large(Grown<i64>),
}

/// Offsets as an array takes them.
pub(crate) enum FinishedOffsets {
    Small(OffsetBuffer<i32>),
    Large(OffsetBuffer<i64>),
}

impl Offsets {
    pub fn new(large: bool) -> Offsets {
        if large { Offsets::Large(vec![0].into()) } else { Offsets::Small(vec![0].into(), false) }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        match self {
            Offsets::Small(offsets, _) => offsets.len() - 1,
            Offsets::Large(offsets) => offsets.len() - 1,
        }
    }

    /// Adds a value that ends at `end`.
    #[inline]
    pub fn push(&mut self, end: usize) {
        match self {
            Offsets::Small(offsets, overflow) => {
                *overflow |= end > i32::MAX as usize;
                offsets.push(end as i32);
            }
            Offsets::Large(offsets) => offsets.push(end as i64),
        }
    }

    /// Where the value number `index` starts, or the end of the last where there is none.
    pub fn start(&self, index: usize) -> usize {
        match self {
            // After an overflow the batch is lost; nothing is cut off then.
            Offsets::Small(_, true) => usize::MAX,
            Offsets::Small(offsets, false) => offsets.get(index).map_or(self.last(), |start| *start as usize),
            Offsets::Large(offsets) => offsets.get(index).map_or(self.last(), |start| *start as usize),
        }
    }

    /// The end of the last value.
    pub fn last(&self) -> usize {
        match self {
            Offsets::Small(_, true) => usize::MAX,
            Offsets::Small(offsets, false) => offsets.last().map_or(0, |end| *end as usize),
            Offsets::Large(offsets) => offsets.last().map_or(0, |end| *end as usize),
        }
    }

    pub fn truncate(&mut self, len: usize) {
        match self {
            Offsets::Small(offsets, _) => offsets.truncate(len + 1),
            Offsets::Large(offsets) => offsets.truncate(len + 1),
        }
    }

    pub fn reserve(&mut self, additional: usize) {
        match self {
            Offsets::Small(offsets, _) => offsets.reserve(additional),
            Offsets::Large(offsets) => offsets.reserve(additional),
        }
    }

    /// The offsets; this is empty again. An error if they are too large for the type.
    pub fn finish(&mut self) -> Result<FinishedOffsets, ArrowError> {
        let large = matches!(self, Offsets::Large(_));
        match std::mem::replace(self, Offsets::new(large)) {
            Offsets::Small(_, true) => Err(ArrowError::OffsetOverflowError(i32::MAX as usize)),
            Offsets::Small(mut offsets, false) => Ok(FinishedOffsets::Small(OffsetBuffer::new(scalars(&mut offsets)))),
            Offsets::Large(mut offsets) => Ok(FinishedOffsets::Large(OffsetBuffer::new(scalars(&mut offsets)))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u64 = 300_000;

    fn is_mapped<T>(values: &Grown<T>) -> bool {
        matches!(values.home, Home::Mapped(_))
    }

    #[test]
    fn values_stay_where_they_are_counted_from_whatever_their_home() {
        let mut values = Grown::default();
        for value in 0..MANY {
            values.push(value);
            assert_eq!(values.len() as u64, value + 1);
        }
        assert_eq!(is_mapped(&values), !cfg!(miri));
        assert!(values.iter().copied().eq(0..MANY));
        values.truncate(10);
        values.extend_from_slice(&[7; 3]);
        values.extend(0..2);
        values.trim();
        assert_eq!(*values, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 7, 7, 7, 0, 1]);
        values[0] = 5;
        values.reserve(MANY as usize * 3);
        assert_eq!(values.first(), Some(&5));
        assert_eq!(values.into_buffer().typed_data::<u64>().len(), 15);
    }

    #[test]
    fn little_is_on_the_heap() {
        let mut values: Grown<u8> = Grown::default();
        assert!(values.is_empty());
        values.trim();
        values.extend_from_slice(b"abc");
        assert!(!is_mapped(&values));
        assert_eq!(format!("{values:?}"), "[97, 98, 99]");
        assert_eq!(values.into_buffer().as_slice(), b"abc");
        assert_eq!(Grown::<u64>::default().into_buffer().len(), 0);
    }

    #[test]
    fn an_empty_vector_gives_its_pages_back() {
        let mut values: Grown<u64> = (0..MANY).collect::<Vec<_>>().into();
        values.reserve(MANY as usize);
        values.truncate(0);
        values.trim();
        assert!(!is_mapped(&values) && values.is_empty() && values.capacity == 0);
    }

    #[test]
    fn parts_are_joined_in_their_order() {
        let part = |start: u64, count: u64| {
            let mut part = Grown::default();
            part.extend(start..start + count);
            part
        };
        let mut values = part(0, 0);
        values.append(part(0, MANY));
        values.append(part(MANY, 5));
        values.append(part(MANY + 5, MANY));
        assert!(values.iter().copied().eq(0..2 * MANY + 5));
        assert!(values == part(0, 2 * MANY + 5));
    }

    #[test]
    fn room_is_no_more_than_needed_and_an_eighth() {
        let mut values: Grown<u32> = Grown::default();
        values.reserve(100_000);
        assert!((100_000..116_000).contains(&values.capacity), "{}", values.capacity);
        values.extend(0..100_000);
        values.reserve(1);
        assert!(values.capacity < 130_000, "{}", values.capacity);
        values.trim();
        assert!(values.capacity < 116_000, "{}", values.capacity);
    }
}
