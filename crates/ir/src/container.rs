//! The table of operations on containers, objects and whole values: each is one row here. A row says how the text form
//! spells it, what it does to memory and which exceptions it can raise; `verify` has the typing rules, `interp` the
//! meaning.
//!
//! **References.** Lists, dicts, sets and objects are references: `ref.is` asks whether two are one.
//!
//! **Keys.** A key is of a hashable type ([`Type::is_hashable`]): numbers, `bool`, `none`, `str`, `bytes`, ranges, frozen sets,
//! objects (by identity), and tuples, records and unions of them. Keys compare as in Python: `1 == 1.0 == True` is one key. What looks a
//! key up takes a key of any hashable type, what stores one takes the container's own. NaN is equal to nothing.
//!
//! **Order.** A dict iterates in insertion order. So does a set, unless all its items are numbers, `none` and tuples or
//! frozen sets of them: then it has CPython's own table and iterates in CPython's order ([`crate::layout::has_table_order`]).
//!
//! **Positions.** Iteration is by position: `dict.next` and `set.next` give the first live position from one on, or -1. A
//! position that holds nothing raises `RuntimeError` when it is read.

use crate::exc::ExcKind;

/// What an operation does to memory.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Effect {
    /// Nothing: the result follows from the arguments alone.
    Computes,
    /// Reads memory that can change.
    Reads,
    /// Gives new memory; two results are never the same reference. May read.
    Makes,
    /// Changes the container that is the first argument. May read, and may store the other arguments in it.
    Writes,
}

macro_rules! containers {
    ($( $(#[$doc:meta])* $name:ident $text:literal $effect:ident $( ! $($exc:ident)+ )? ; )*) => {
        /// An operation on containers, objects or whole values; see the module's description.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u16)]
        pub enum ContainerOp { $( $(#[$doc])* $name, )* }

        impl ContainerOp {
            /// Every operation, in table order.
            pub const ALL: &'static [ContainerOp] = &[ $( ContainerOp::$name, )* ];

            /// The spelling in the text form and the wire form.
            pub fn name(self) -> &'static str {
                match self { $( ContainerOp::$name => $text, )* }
            }

            /// What it does to memory.
            pub fn effect(self) -> Effect {
                match self { $( ContainerOp::$name => Effect::$effect, )* }
            }

            /// The exceptions it can raise; empty when it cannot fail.
            pub fn raises(self) -> &'static [ExcKind] {
                match self { $( ContainerOp::$name => &[ $( $( ExcKind::$exc ),+ )? ], )* }
            }
        }
    };
}

containers! {
    // Whole values, of any types without arrays and exceptions in them. Objects can refer to each other without end.
    /// `(a: A, b: B) -> bool`: `a == b`. Inside containers the same object, and only it, is equal to itself even if it is NaN.
    ValueEq "value.eq" Reads ! RecursionError;
    /// `(a: A, b: B) -> bool`: `a < b`; raises what CPython raises where there is no order.
    ValueLt "value.lt" Reads ! TypeError RecursionError;
    ValueLe "value.le" Reads ! TypeError RecursionError;
    ValueGt "value.gt" Reads ! TypeError RecursionError;
    ValueGe "value.ge" Reads ! TypeError RecursionError;
    /// `(T) -> int`: `hash(x)` of a hashable type; CPython's for numbers and tuples of them.
    ValueHash "value.hash" Reads;
    /// `(T) -> str`: `repr(x)`.
    ValueRepr "value.repr" Reads ! MemoryError RecursionError;
    /// `(T) -> T`: `copy.deepcopy(x)`. Keys and items of sets hold nothing that can be changed.
    ValueCopy "value.copy" Makes ! MemoryError;
    /// `(T, T) -> bool`: whether two references are one.
    RefIs "ref.is" Computes;

    // Lists. Those that are operations of their own are in `module::Op`.
    /// `(list[T], index: int, value: T) -> none`: before the item at the index, which is cut to the list's ends.
    ListInsert "list.insert" Writes ! MemoryError;
    /// `(list[T], index: int) -> T`: `l.pop(index)`.
    ListPop "list.pop" Writes ! IndexError;
    /// `(list[T], index: int) -> none`: `del l[index]`.
    ListDelete "list.delete" Writes ! IndexError;
    /// `(list[T], start: int, stop: int, step: int) -> none`: `del l[start:stop:step]`; bounds as `str.slice`.
    ListDeleteSlice "list.delete_slice" Writes ! ValueError;
    /// `(list[T], start: int, stop: int, step: int, items: list[T]) -> none`: `l[start:stop:step] = items`.
    ListSetSlice "list.set_slice" Writes ! ValueError MemoryError;
    /// `(list[T], items: list[T]) -> none`: `l.extend(items)`.
    ListExtend "list.extend" Writes ! MemoryError;
    /// `(list[T]) -> none`.
    ListReverse "list.reverse" Writes;
    /// `(list[T]) -> none`.
    ListClear "list.clear" Writes;
    /// `(list[T], count: int) -> list[T]`: `l * count`.
    ListRepeat "list.repeat" Makes ! MemoryError;
    /// `(list[T], order: list[int]) -> none`: the item at `order[n]` goes to `n`. Raises `ValueError` when the two have
    /// not the same length, or a position is out of range.
    ListReorder "list.reorder" Writes ! ValueError MemoryError;
    /// `(list[T]) -> list[T]`: a new list takes the items over; the list holds nothing then, as in CPython while it is sorted.
    ListTake "list.take" Writes ! MemoryError;
    /// `(list[T], taken: list[T]) -> bool`: the list has what `list.take` took again, whatever it holds now. Whether anything
    /// was put into it meanwhile, even if it is gone.
    ListGive "list.give" Writes;
    /// `(list[T], value: A, start: int, stop: int) -> int`: the first position with an equal item, or -1; bounds as `str.slice`.
    ListFind "list.find" Reads ! RecursionError;
    /// `(list[T], value: A) -> int`: how many items are equal.
    ListCount "list.count" Reads ! RecursionError;

    // Dicts.
    /// `() -> dict[K, V]`.
    DictNew "dict.new" Makes ! MemoryError;
    /// `(dict) -> int`.
    DictLen "dict.len" Reads;
    /// `(dict, key: A) -> V`: raises `KeyError` with the key's `repr`.
    DictGet "dict.get" Reads ! KeyError;
    /// `(dict, key: A) -> int`: the position of the key, or -1.
    DictFind "dict.find" Reads;
    /// `(dict, key: K, value: V) -> none`. A key that is there already stays as it is.
    DictSet "dict.set" Writes ! MemoryError;
    /// `(dict, key: A) -> none`: raises `KeyError` with the key's `repr`.
    DictDelete "dict.delete" Writes ! KeyError;
    /// `(dict, position: int) -> none`.
    DictDeleteAt "dict.delete_at" Writes ! RuntimeError;
    /// `(dict, position: int) -> int`: the first live position from this one on, or -1.
    DictNext "dict.next" Reads;
    /// `(dict) -> int`: the last live position, or -1.
    DictLast "dict.last" Reads;
    /// `(dict, position: int) -> K`.
    DictKeyAt "dict.key_at" Reads ! RuntimeError;
    /// `(dict, position: int) -> V`.
    DictValueAt "dict.value_at" Reads ! RuntimeError;
    /// `(dict, position: int, value: V) -> none`.
    DictSetAt "dict.set_at" Writes ! RuntimeError;
    /// `(dict) -> none`.
    DictClear "dict.clear" Writes;
    /// `(dict) -> dict`.
    DictCopy "dict.copy" Makes ! MemoryError;

    // Sets and frozen sets. A frozen set is filled by `set.add` like another; the frontend does not do so once it is seen.
    /// `() -> set[T]`.
    SetNew "set.new" Makes ! MemoryError;
    /// `(set) -> int`.
    SetLen "set.len" Reads;
    /// `(set, item: T) -> none`.
    SetAdd "set.add" Writes ! MemoryError;
    /// `(set, item: A) -> bool`: takes the item away; whether it was there.
    SetDiscard "set.discard" Writes;
    /// `(set, item: A) -> bool`.
    SetContains "set.contains" Reads;
    /// `(set, position: int) -> int`: the first live position from this one on, or -1.
    SetNext "set.next" Reads;
    /// `(set, position: int) -> T`.
    SetAt "set.at" Reads ! RuntimeError;
    /// `(set) -> none`.
    SetClear "set.clear" Writes;
    /// `(set) -> T`: takes away the item that CPython would; raises `KeyError`.
    SetPop "set.pop" Writes ! KeyError;
    /// `(set[T]) -> set[T]`: a new set, which may be frozen where the argument is not, or the other way round.
    SetCopy "set.copy" Makes ! MemoryError;
    /// `(set[T], other: set[T]) -> none`: `s |= other`.
    SetUpdate "set.update" Writes ! MemoryError;
    /// `(set[T], set[T]) -> set[T]`: `a & b`, `a - b`, `a ^ b`; frozen as the result's type says.
    SetIntersection "set.intersection" Makes ! MemoryError;
    SetDifference "set.difference" Makes ! MemoryError;
    SetSymmetricDifference "set.symmetric_difference" Makes ! MemoryError;
    /// `(set[T], set[T]) -> none`: `a &= b`, `a -= b`, `a ^= b`.
    SetIntersectionUpdate "set.intersection_update" Writes ! MemoryError;
    SetDifferenceUpdate "set.difference_update" Writes ! MemoryError;
    SetSymmetricUpdate "set.symmetric_update" Writes ! MemoryError;
    /// `(set[A], set[B]) -> bool`: `a <= b`.
    SetIsSubset "set.is_subset" Reads;
    /// `(set[A], set[B]) -> bool`: `a.isdisjoint(b)`.
    SetIsDisjoint "set.is_disjoint" Reads;
    /// `(set, count: int) -> none`: makes room as CPython does before it adds the keys of a dict of this length.
    SetReserve "set.reserve" Writes ! MemoryError;

    // Objects: mutable instances of the module's classes. `object.get` and `object.set` are in `module::Op`.
    /// `(fields..) -> object`: a new object of the result's class.
    ObjectNew "object.new" Makes ! MemoryError;

    // The log, which the world outside reads.
    /// `(level: int, text: str) -> none`: what `print` (level 0) and `logging` write.
    LogWrite "log.write" Writes ! MemoryError;
}

impl ContainerOp {
    /// True when the operation can raise.
    pub fn can_raise(self) -> bool {
        !self.raises().is_empty()
    }
}
