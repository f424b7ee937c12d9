//! The names of operations, shared by the text form and the wire form. One row each in [`ALL`]; primitives bring
//! their names from their own table.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::container::ContainerOp;
use crate::exc::{ExcClass, ExcKind};
use crate::module::{CaptureId, Const, FuncId, Op, View};
use crate::prim::Prim;

/// Every operation that is neither a primitive nor a container operation, with an empty immediate where it has one.
pub const ALL: &[(&str, Op)] = &[
    ("const", Op::Const(Const::None)),
    ("call", Op::Call(FuncId(0))),
    ("capture", Op::Capture(CaptureId(0))),
    ("select", Op::Select),
    ("tuple", Op::Tuple),
    ("field", Op::Field(0)),
    ("widen", Op::Widen),
    ("is_variant", Op::IsVariant(0)),
    ("variant", Op::Variant(0)),
    ("to_np", Op::ToNp),
    ("from_np", Op::FromNp),
    ("list.new", Op::ListNew),
    ("list.len", Op::ListLen),
    ("list.get", Op::ListGet),
    ("list.set", Op::ListSet),
    ("list.append", Op::ListAppend),
    ("list.slice", Op::ListSlice),
    ("list.concat", Op::ListConcat),
    ("list.argsort", Op::ListArgsort),
    ("array.shape", Op::ArrayShape(0)),
    ("array.get", Op::ArrayGet),
    ("array.set", Op::ArraySet),
    ("array.row", Op::ArrayRow),
    ("array.zeros", Op::ArrayZeros),
    ("array.slice", Op::ArrayView(View::Slice(0))),
    ("array.column", Op::ArrayView(View::Column)),
    ("array.transpose", Op::ArrayView(View::Transpose)),
    ("array.broadcast", Op::ArrayView(View::Broadcast)),
    ("array.flat", Op::ArrayView(View::Flat)),
    ("array.fold", Op::ArrayView(View::Fold)),
    ("array.stride", Op::ArrayStride(0)),
    ("array.is_flat", Op::ArrayIsFlat),
    ("array.overlaps", Op::ArrayOverlaps),
    ("object.get", Op::ObjectGet(0)),
    ("object.set", Op::ObjectSet(0)),
    ("exception.new", Op::ExceptionNew(ExcClass::Builtin(ExcKind::BaseException))),
    ("exception.is", Op::ExceptionIs(ExcClass::Builtin(ExcKind::BaseException))),
    ("exception.message", Op::ExceptionMessage),
    ("exception.object", Op::ExceptionObject(ExcClass::Builtin(ExcKind::BaseException))),
];

/// The operation of this name, with an empty immediate where it has one.
pub fn from_name(name: &str) -> Option<Op> {
    static BY_NAME: OnceLock<HashMap<&'static str, Op>> = OnceLock::new();
    let by_name = BY_NAME.get_or_init(|| {
        let prims = Prim::ALL.iter().map(|prim| (prim.name(), Op::Prim(*prim)));
        let containers = ContainerOp::ALL.iter().map(|op| (op.name(), Op::Container(*op)));
        ALL.iter().map(|(name, op)| (*name, op.clone())).chain(prims).chain(containers).collect()
    });
    by_name.get(name).cloned()
}

impl Op {
    /// The name in the text form and the wire form.
    pub fn name(&self) -> &'static str {
        match self {
            Op::Const(_) => "const",
            Op::Prim(prim) => prim.name(),
            Op::Container(op) => op.name(),
            Op::Call(_) => "call",
            Op::Capture(_) => "capture",
            Op::Select => "select",
            Op::Tuple => "tuple",
            Op::Field(_) => "field",
            Op::Widen => "widen",
            Op::IsVariant(_) => "is_variant",
            Op::Variant(_) => "variant",
            Op::ToNp => "to_np",
            Op::FromNp => "from_np",
            Op::ListNew => "list.new",
            Op::ListLen => "list.len",
            Op::ListGet => "list.get",
            Op::ListSet => "list.set",
            Op::ListAppend => "list.append",
            Op::ListSlice => "list.slice",
            Op::ListConcat => "list.concat",
            Op::ListArgsort => "list.argsort",
            Op::ArrayShape(_) => "array.shape",
            Op::ArrayGet => "array.get",
            Op::ArraySet => "array.set",
            Op::ArrayRow => "array.row",
            Op::ArrayZeros => "array.zeros",
            Op::ArrayView(view) => view.name(),
            Op::ArrayStride(_) => "array.stride",
            Op::ArrayIsFlat => "array.is_flat",
            Op::ArrayOverlaps => "array.overlaps",
            Op::ObjectGet(_) => "object.get",
            Op::ObjectSet(_) => "object.set",
            Op::ExceptionNew(_) => "exception.new",
            Op::ExceptionIs(_) => "exception.is",
            Op::ExceptionMessage => "exception.message",
            Op::ExceptionObject(_) => "exception.object",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_lead_back() {
        let mut names: Vec<&str> = ALL.iter().map(|(name, _)| *name).collect();
        names.extend(Prim::ALL.iter().map(|prim| prim.name()));
        names.extend(ContainerOp::ALL.iter().map(|op| op.name()));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "two operations share a name");
        for (name, op) in ALL {
            assert_eq!(op.name(), *name);
            assert_eq!(from_name(name).as_ref(), Some(op));
        }
        for op in ContainerOp::ALL {
            assert_eq!(from_name(op.name()), Some(Op::Container(*op)));
        }
        for prim in Prim::ALL {
            assert_eq!(from_name(prim.name()), Some(Op::Prim(*prim)));
        }
        assert_eq!(from_name("int.sideways"), None);
    }
}
