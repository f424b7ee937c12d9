//! The memory layouts that compiled code, the runtime and the engine share. Every struct here is `repr(C)` and is built
//! in LLVM by `codegen`; a change here is a change of the ABI. Values cross as slots: see `ir::layout`.

/// The bit of a string's length word that says "all ASCII"; when it is clear, nothing is known.
pub const STR_ASCII_BIT: u64 = 1 << 63;

/// A `str`: UTF-8 bytes and the length word (bytes in the low 63 bits, top bit: known to be ASCII).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Str {
    pub data: *const u8,
    pub length: u64,
}

/// A `list`: elements are stored as slots, `slot_count(T)` each.
#[repr(C)]
#[derive(Debug)]
pub struct List {
    pub data: *mut u64,
    pub len: i64,
    pub capacity: i64,
}

/// A `bytes`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Bytes {
    pub data: *const u8,
    pub length: u64,
}

/// A `dict`, `set` or `frozenset`. An entry is a run of slots: its hash, the key, the value of a dict. A hash of -1, which
/// no key has, says that the entry holds nothing.
///
/// In insertion order, entries follow one another and `index` leads to them. A set of numbers is CPython's own hash
/// table: every place of it is an entry.
#[repr(C)]
#[derive(Debug)]
pub struct Table {
    pub entries: *mut u64,
    /// Live entries.
    pub len: i64,
    /// Entries that were ever filled; of CPython's table the number of its places.
    pub used: i64,
    /// Entries there is room for.
    pub capacity: i64,
    /// Insertion order: the number of an entry and 1, or 0, at the place its hash leads to. CPython's table: the states of the places.
    pub index: *mut u32,
    /// Places of the index less 1.
    pub index_mask: i64,
    /// Places of CPython's table that are not empty.
    pub fill: i64,
    /// Where `set.pop` looks next.
    pub finger: i64,
    /// 1 for CPython's table.
    pub has_table_order: i64,
}

/// What a kernel is handed besides its data. One per running thread; compiled code gets its address as the first
/// argument of every function that needs it.
///
/// ```text
/// offset  0  arena          *mut Arena        temporaries; reset by whoever runs the kernel, after the results are copied
///         8  captures       *const u64        slots of the module's captures, in order
///        16  stack_limit    usize             a call that finds the stack pointer below it raises RecursionError
///        24  cancel         *const AtomicU8   not 0: compiled code that sees it asks `poll`
///        32  message        Str               text of the exception being raised; null data: the class's default text
///        48  poll           fn(ctx) -> u8     not 0: the kernel returns STATUS_CANCELLED; 0: it goes on (and `poll` has
///                                             cleared the flag). Null: STATUS_CANCELLED at once
///        56  object         *const u8         what the exception being raised carries, where its class has objects
/// ```
///
/// A call from Python's main thread is interrupted through `poll`: signals are looked at on that very thread, between
/// two steps of the loop, and a handler that does not raise lets the loop go on where it was.
#[repr(C)]
#[derive(Debug)]
pub struct Context {
    pub arena: *mut crate::arena::Arena,
    pub captures: *const u64,
    pub stack_limit: usize,
    pub cancel: *const std::sync::atomic::AtomicU8,
    pub message: Str,
    pub poll: Option<Poll>,
    pub object: *const u8,
}

/// See [`Context`].
pub type Poll = unsafe extern "C" fn(*mut Context) -> u8;

/// How a call ended: 0, or from the low end:
/// - 8 bits, the number of the exception class;
/// - 28 bits, the number of the place where it started: an index into the kernel's table of places;
/// - 26 bits, 1 more than the number of the place it was given on its way, 0 when it has none from there;
/// - [`STATUS_PLACELESS`].
pub type Status = u64;

/// The lowest bit of the number of the place where an exception started.
pub const STATUS_START_BIT: u32 = 8;
/// How many bits the number of that place has.
pub const STATUS_START_BITS: u32 = 28;
/// The lowest bit of the number of the place that the exception was given.
pub const STATUS_GIVEN_BIT: u32 = 36;
/// The exception started at a place without a line, in the library: the first call with a line that it leaves through
/// gives it that call's place.
pub const STATUS_PLACELESS: Status = 1 << 62;

/// The function returned.
pub const STATUS_OK: Status = 0;
/// The cancel flag was seen. Not an exception: nothing of the program can catch it.
pub const STATUS_CANCELLED: Status = 0xff;

/// One Arrow column as a kernel reads it. `first_row` is added to every row index, so a slice needs no copy.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct ColumnView {
    /// Values, a bitmap for booleans, the 16-byte views of a view array, the text bytes for `Utf8`; the child's values
    /// for fixed-size lists.
    pub values: *const u8,
    /// Offsets of `Utf8` (i32) and `LargeUtf8` (i64); for view arrays the array of data buffer addresses.
    pub offsets: *const u8,
    /// Validity bitmap, or null when every row is valid.
    pub validity: *const u8,
    /// The first row's index into `values`, `offsets` and `validity`.
    pub first_row: i64,
    /// 1 when all the text of the column is known to be ASCII.
    pub ascii: i64,
}

/// One leaf column that a kernel writes. Every row has its own place, so threads may share one output.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct OutputView {
    /// 1 byte a row for booleans, `size_bytes` for NumPy scalars, 16 bytes (`Str`) for strings, else 8.
    pub values: *mut u8,
    /// 1 byte a row, 0 or 1; null when the leaf cannot be null.
    pub validity: *mut u8,
}
