//! What the kernels read: the physical forms of columns, where each parameter comes from, and the options of a
//! compilation. Owns the description of inputs; knows nothing of LLVM.

use ir::Type;
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
    /// A fold state in its stored form: row `i` reads the state number `i` of [`MapInput::states`]. At most one
    /// parameter is of this kind.
    State,
}

/// How LLVM is asked to work. Part of every cache key. Kernels are always compiled for the host's processor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Options {
    /// 0 to 3.
    pub optimization: u8,
}

impl Default for Options {
    fn default() -> Options {
        Options { optimization: 3 }
    }
}

/// Fold states lying one after the other, each in the stored form of [`crate::state::StateLayout`].
#[derive(Clone, Copy, Debug)]
pub struct StatesView {
    pub states: *mut u64,
    /// From one state to the next: [`crate::state::StateLayout::slots`].
    pub stride_slots: usize,
}

/// What a map or fold kernel is run over.
#[derive(Clone, Copy, Debug)]
pub struct MapInput<'a> {
    /// The columns that the parameters take, in order.
    pub columns: &'a [abi::ColumnView],
    /// The slots of the broadcast parameters, in order.
    pub broadcast: &'a [u64],
    /// What [`ParamInput::State`] reads; `None` when no parameter is of that kind.
    pub states: Option<StatesView>,
    /// The first row, counted like [`abi::ColumnView::first_row`] from the start of the columns.
    pub start: usize,
    /// The number of rows. Outputs, statuses and groups are indexed from 0 to `rows`.
    pub rows: usize,
}

/// How many slots the broadcast parameters take together.
pub fn broadcast_slots(params: &[Type], inputs: &[ParamInput]) -> usize {
    params
        .iter()
        .zip(inputs)
        .filter(|(_, input)| **input == ParamInput::Broadcast)
        .map(|(ty, _)| ir::layout::slot_count(ty))
        .sum()
}
