//! Verified Fuseline IR to machine code through LLVM: kernels run in this process, artifacts written for others. The
//! only crate that names inkwell.

use runtime::abi;

/// The physical form of an Arrow column that a kernel reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Physical {
    /// All null.
    Null,
    /// A bitmap.
    Bool,
    /// Fixed-width numbers.
    Number(ir::Elem),
    Utf8,
    LargeUtf8,
    Utf8View,
    /// A fixed-size list of numbers: an array of one dimension with this many elements.
    FixedSizeList(ir::Elem, u32),
}

/// A column as a kernel reads it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct ColumnType {
    pub physical: Physical,
    /// Rows may be null; the parameter's type must then admit `None`.
    pub nullable: bool,
}

/// Where a parameter of the entry function comes from, for each row.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum ParamInput {
    /// The next column.
    Column(ColumnType),
    /// A record made of the next columns, one per field; `None` for a field that the function never reads
    /// (`ir::introspect::columns_read`), which takes no column.
    Row(Vec<Option<ColumnType>>),
    /// The same value for every row: the slots at [`MapInput::broadcast`], one parameter after the other.
    Broadcast,
}

/// How LLVM is asked to work. Part of every cache key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Options {
    /// 0 to 3.
    pub optimization: u8,
}

/// What a map kernel is run over.
pub struct MapInput<'a> {
    pub columns: &'a [abi::ColumnView],
    pub broadcast: &'a [u64],
    pub start: usize,
    pub rows: usize,
}
