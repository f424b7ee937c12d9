//! The data structures of Fuseline IR: typed, in SSA form, blocks with parameters. This file is the specification of
//! what each operation means; `verify` enforces the types, `interp` executes them, codegen translates them.
//!
//! **Errors.** Each operation states whether it can raise ([`Op::raises`]). Nothing branches on errors by hand: when an
//! instruction raises, control goes to its block's `handler`, with the [`Type::Exception`] value as the first argument,
//! or, when the block has none, out of the function to the caller's instruction, which raises in turn.
//!
//! **Memory.** There is no pointer and no unchecked access. Lists, dicts, sets, objects and arrays are references; tuples,
//! records, strings, bytes and unions are values.

use std::sync::Arc;

use crate::container::{ContainerOp, Effect};
use crate::exc::{ExcClass, ExceptionTable};
use crate::prim::Prim;
use crate::types::Type;

macro_rules! index_type {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub struct $name(pub u32);

        impl $name {
            pub fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{}{}", $letter, self.0)
            }
        }
    };
}

index_type!(
    /// A value of a function: a block parameter or the result of an instruction.
    Value, "v");
index_type!(
    /// A block of a function. Block 0 is the entry; its parameters are the function's.
    BlockId, "b");
index_type!(
    /// A function of a module.
    FuncId, "f");
index_type!(
    /// A captured value of a module.
    CaptureId, "c");

/// A place in the Python source: the file of [`Module::files`], line and column from 1. Line 0 means "no place": an
/// exception that is raised there has the place of the innermost call with a place that it leaves through. The functions of
/// the library and their instructions are such.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Span {
    pub file: u16,
    pub line: u32,
    pub column: u32,
}

/// A compiled program: the functions that the entry reaches and the values they captured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Module {
    /// Names of the source files, for messages.
    pub files: Vec<String>,
    pub captures: Vec<Capture>,
    /// The classes whose instances are [`Type::Object`], by distinct names.
    pub classes: Vec<Class>,
    /// The program's own classes of exceptions.
    pub exceptions: ExceptionTable,
    pub funcs: Vec<Func>,
    pub entry: FuncId,
}

/// A global or closure variable the functions read. Its value is a parameter of the kernel, given when it runs.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Capture {
    pub name: String,
    pub ty: Type,
}

/// A class with mutable instances. Nominal: a field may have the class's own type, as in a linked list.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Class {
    /// Unique in the module. What follows a `#` tells apart several IR classes of one Python class; it is not shown.
    pub name: Arc<str>,
    pub fields: Vec<(String, Type)>,
    /// Whether `==` and `repr` go by the fields, as those of a dataclass; else by identity.
    pub is_dataclass: bool,
}

impl Class {
    /// The Python class name.
    pub fn shown_name(&self) -> &str {
        self.name.split('#').next().unwrap_or_default()
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Func {
    pub name: String,
    /// Names of the parameters; their types are those of the entry block's parameters.
    pub param_names: Vec<String>,
    pub result: Type,
    /// The type of each value, by number.
    pub values: Vec<Type>,
    pub blocks: Vec<Block>,
    /// Where the function is defined.
    pub span: Span,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    pub params: Vec<Value>,
    pub insts: Vec<Inst>,
    pub term: Term,
    /// Where an exception raised in this block goes. The target's first parameter receives the exception and is not
    /// among `args`; the arguments must be values that dominate the whole block.
    pub handler: Option<Target>,
    /// The place of the terminator.
    pub term_span: Span,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Inst {
    pub result: Value,
    pub op: Op,
    pub args: Vec<Value>,
    pub span: Span,
}

/// A jump's destination with the values of its parameters.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    pub block: BlockId,
    pub args: Vec<Value>,
}

/// A constant. Floats compare by their bits, so that NaN and -0.0 survive every pass and both forms.
#[derive(Clone, Debug)]
pub enum Const {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(Arc<str>),
    Bytes(Arc<[u8]>),
}

impl Const {
    /// The type of the value.
    pub fn ty(&self) -> Type {
        match self {
            Const::None => Type::None,
            Const::Bool(_) => Type::Bool,
            Const::Int(_) => Type::Int,
            Const::Float(_) => Type::Float,
            Const::Str(_) => Type::Str,
            Const::Bytes(_) => Type::Bytes,
        }
    }

    /// What two equal constants share: the kind, the bits and the text.
    fn key(&self) -> (u8, u64, &[u8]) {
        match self {
            Const::None => (0, 0, b""),
            Const::Bool(value) => (1, u64::from(*value), b""),
            Const::Int(value) => (2, *value as u64, b""),
            Const::Float(value) => (3, value.to_bits(), b""),
            Const::Str(value) => (4, 0, value.as_bytes()),
            Const::Bytes(value) => (5, 0, value),
        }
    }
}

impl PartialEq for Const {
    fn eq(&self, other: &Const) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Const {}

impl std::hash::Hash for Const {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// What [`Op::ArrayView`] makes of an array. No element moves: a store to the view is a store to the array.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum View {
    /// `(array, start: int, stop: int, step: int) -> array`: a slice of this dimension; bounds as `str.slice`; raises
    /// `ValueError` for step 0.
    Slice(u8),
    /// `(array of 2 dimensions, index: int) -> array of 1`: a column; raises `IndexError`.
    Column,
    /// `(array of 2 dimensions) -> array of 2`.
    Transpose,
    /// `(array, lengths: int..) -> array` of as many dimensions as lengths: elements are repeated along new dimensions
    /// and along those of length 1; raises `ValueError` where a length is another.
    Broadcast,
    /// `(array, length: int) -> array of 1 dimension`: its elements in row order; raises `ValueError` when they do not
    /// lie one behind the other or are not as many.
    Flat,
    /// `(array of 1 dimension, rows: int, columns: int) -> array of 2`: raises `ValueError` when its elements are not as
    /// many.
    Fold,
}

impl View {
    /// Every view, with an empty immediate where it has one.
    pub const ALL: [View; 6] = [View::Slice(0), View::Column, View::Transpose, View::Broadcast, View::Flat, View::Fold];

    /// The name of the operation.
    pub fn name(self) -> &'static str {
        match self {
            View::Slice(_) => "array.slice",
            View::Column => "array.column",
            View::Transpose => "array.transpose",
            View::Broadcast => "array.broadcast",
            View::Flat => "array.flat",
            View::Fold => "array.fold",
        }
    }

    pub fn can_raise(self) -> bool {
        self != View::Transpose
    }
}

/// An operation. Arguments are written as `(name: type)`; `T` is any type.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Op {
    /// `() -> T`: a constant of a scalar type.
    Const(Const),
    /// A row of the primitive table.
    Prim(Prim),
    /// A row of the table of container operations.
    Container(ContainerOp),
    /// `(args..) -> result of the function`. Raises what the callee raises, `RecursionError` when the stack is used up.
    Call(FuncId),
    /// `() -> type of the capture`.
    Capture(CaptureId),
    /// `(cond: bool, a: T, b: T) -> T`: both are evaluated already.
    Select,

    /// `(fields..) -> tuple or record`, the result's type says which.
    Tuple,
    /// `(tuple or record) -> T`: the field at this position.
    Field(u32),

    /// `(T) -> union`: a variant or a smaller union into a union that has all its variants.
    Widen,
    /// `(union) -> bool`: whether the tag is this position.
    IsVariant(u32),
    /// `(union) -> T`: the variant at this position. Raises `TypeError` when the tag is another: the frontend
    /// tests before, so this guards memory and is never seen.
    Variant(u32),

    /// `(int or float or bool) -> np scalar`: wraps, truncates or rounds as `numpy.asarray(x).astype` does on x86-64. A
    /// float that its integer type cannot hold: types of up to 32 bits (`uint32` not among them) go through a 32-bit
    /// signed integer, the rest through a 64-bit one, each the least of its kind for what it cannot hold.
    ToNp,
    /// `(np scalar) -> bool, int or float`. A `uint64` beyond 64 signed bits raises `IntTooLarge`.
    FromNp,

    /// `(items: T..) -> list[T]`: a new list.
    ListNew,
    /// `(list[T]) -> int`.
    ListLen,
    /// `(list[T], index: int) -> T`: Python's negative indices; raises `IndexError`.
    ListGet,
    /// `(list[T], index: int, value: T) -> none`: raises `IndexError`.
    ListSet,
    /// `(list[T], value: T) -> none`.
    ListAppend,
    /// `(list[T], start: int, stop: int, step: int) -> list[T]`: bounds as `str.slice`; raises `ValueError` for step 0.
    ListSlice,
    /// `(list[T], list[T]) -> list[T]`: a new list.
    ListConcat,
    /// `(keys: list[T], reverse: bool) -> list[int]`: the stable permutation that sorts the keys, by CPython's
    /// algorithm; raises `TypeError` where two keys have no order.
    ListArgsort,

    /// `(array) -> int`: the length along the dimension.
    ArrayShape(u8),
    /// `(array, indices: int..) -> np scalar`: one index a dimension, negative ones from the end; raises `IndexError`.
    ArrayGet,
    /// `(array, indices: int.., value: np scalar of the same element) -> none`: raises `IndexError`.
    ArraySet,
    /// `(array of 2 dimensions, index: int) -> array of 1`: a view of the row; raises `IndexError`.
    ArrayRow,
    /// `(lengths: int..) -> array`: a new array of zeros; raises `ValueError` for a negative length, `MemoryError`.
    ArrayZeros,
    /// `(array, ..) -> array`: the same elements looked at in another way; see [`View`].
    ArrayView(View),
    /// `(array) -> int`: how many bytes neighbours along the dimension are apart.
    ArrayStride(u8),
    /// `(array) -> bool`: whether its elements lie one behind the other in row order, so that [`View::Flat`] works.
    ArrayIsFlat,
    /// `(array, array) -> bool`: whether a store to one may be seen in the other. False also for two views that are the
    /// very same: a loop that reads an element before it stores to its place meets nothing else.
    ArrayOverlaps,

    /// `(object) -> T`: the field at this position.
    ObjectGet(u32),
    /// `(object, value: T) -> none`: changes the field at this position.
    ObjectSet(u32),

    /// `(message: str) -> exception`: one that has not been raised yet. `(message: str, object) -> exception` where its
    /// class has objects.
    ExceptionNew(ExcClass),
    /// `(exception) -> bool`: whether its class is this or derives from it.
    ExceptionIs(ExcClass),
    /// `(exception) -> str`: the message.
    ExceptionMessage,
    /// `(exception) -> object`: what an exception of this very class carries; raises `TypeError` when it is of another.
    ExceptionObject(ExcClass),
}

impl Op {
    /// Whether the operation itself can raise. A call raises what its callee raises.
    pub fn can_raise(&self) -> bool {
        match self {
            Op::Prim(prim) => prim.can_raise(),
            Op::Container(op) => op.can_raise(),
            Op::Call(_)
            | Op::Variant(_)
            | Op::FromNp
            | Op::ListNew
            | Op::ListGet
            | Op::ListSet
            | Op::ListAppend
            | Op::ListSlice
            | Op::ListConcat
            | Op::ListArgsort
            | Op::ArrayGet
            | Op::ArraySet
            | Op::ArrayRow
            | Op::ArrayZeros
            | Op::ExceptionObject(_) => true,
            Op::ArrayView(view) => view.can_raise(),
            Op::Const(_)
            | Op::Capture(_)
            | Op::Select
            | Op::Tuple
            | Op::Field(_)
            | Op::Widen
            | Op::IsVariant(_)
            | Op::ToNp
            | Op::ListLen
            | Op::ArrayShape(_)
            | Op::ArrayStride(_)
            | Op::ArrayIsFlat
            | Op::ArrayOverlaps
            | Op::ObjectGet(_)
            | Op::ObjectSet(_)
            | Op::ExceptionNew(_)
            | Op::ExceptionIs(_)
            | Op::ExceptionMessage => false,
        }
    }

    /// Whether the operation writes memory that another can read.
    pub fn writes_memory(&self) -> bool {
        match self {
            Op::ListSet | Op::ListAppend | Op::ArraySet | Op::ObjectSet(_) => true,
            Op::Container(op) => op.effect() == Effect::Writes,
            _ => false,
        }
    }
}

/// How a block ends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Term {
    Jump(Target),
    Branch {
        cond: Value,
        then: Target,
        otherwise: Target,
    },
    Return(Value),
    /// `raise Class(message)`; the message is a `str` value.
    Raise {
        class: ExcClass,
        message: Option<Value>,
    },
    /// `raise` of an exception; one that was raised before keeps its first place.
    Reraise(Value),
    /// Cannot be reached; if it is all the same, raises `RuntimeError`.
    Unreachable,
}

impl Term {
    /// The blocks control can go to, in order.
    pub fn targets(&self) -> Vec<&Target> {
        match self {
            Term::Jump(target) => vec![target],
            Term::Branch { then, otherwise, .. } => vec![then, otherwise],
            Term::Return(_) | Term::Raise { .. } | Term::Reraise(_) | Term::Unreachable => vec![],
        }
    }
}

impl Term {
    /// The values the terminator uses, those of its targets' arguments included.
    pub fn uses(&self) -> Vec<Value> {
        let mut uses = match self {
            Term::Branch { cond, .. } => vec![*cond],
            Term::Return(value) | Term::Reraise(value) => vec![*value],
            Term::Raise { message, .. } => message.iter().copied().collect(),
            Term::Jump(_) | Term::Unreachable => Vec::new(),
        };
        uses.extend(self.targets().into_iter().flat_map(|target| target.args.iter().copied()));
        uses
    }
}

impl Module {
    pub fn func(&self, id: FuncId) -> &Func {
        &self.funcs[id.index()]
    }

    /// The class of this name.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.iter().find(|class| *class.name == *name)
    }

    pub fn entry_func(&self) -> &Func {
        self.func(self.entry)
    }
}

impl Func {
    pub fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.index()]
    }

    pub fn type_of(&self, value: Value) -> &Type {
        &self.values[value.index()]
    }

    /// The function's parameters: those of the entry block.
    pub fn params(&self) -> &[Value] {
        self.blocks.first().map_or(&[], |entry| &entry.params)
    }

    pub fn param_types(&self) -> Vec<Type> {
        self.params().iter().map(|value| self.type_of(*value).clone()).collect()
    }
}
