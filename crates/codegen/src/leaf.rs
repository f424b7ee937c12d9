//! How the result of a function becomes columns: tuples and records flatten to leaves. Owns that mapping; knows nothing
//! of Arrow's types or of LLVM.

use ir::{Elem, Type};

use crate::error::CodegenError;

/// What an output column holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum LeafKind {
    /// Nothing: every row is null.
    None,
    /// One byte, 0 or 1.
    Bool,
    /// `i64`.
    Int,
    /// `f64`.
    Float,
    /// [`runtime::abi::Str`]: a view into the inputs, the arena, the captures or the kernel's constants.
    Str,
    /// The element in its own width.
    Np(Elem),
    /// No values, only validity: whether the tuple or record at this path is there at all.
    Validity,
    /// The address of a list's header (`runtime::abi::List`) in the arena; 0 for a failing row.
    List,
}

/// One output column of a kernel.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Leaf {
    /// Positions of tuple or record fields from the result down to the leaf; empty for a scalar result. `Optional` adds
    /// no step.
    pub path: Vec<u32>,
    pub kind: LeafKind,
    /// The function's type lets this leaf be null. Its validity is then written for every row; that of another leaf
    /// only for failing rows.
    pub nullable: bool,
}

/// The leaves of a result type, depth first. An optional tuple or record gives a [`LeafKind::Validity`] leaf, followed
/// by its fields, all nullable.
pub fn leaves(result: &Type) -> Result<Vec<Leaf>, CodegenError> {
    let mut out = Vec::new();
    flatten(result, &mut Vec::new(), false, &mut out)?;
    Ok(out)
}

/// The output columns of a kernel over rows: the leaves of the result, or the list that it is, whose items have leaves.
pub fn outputs(result: &Type) -> Result<Vec<Leaf>, CodegenError> {
    match result {
        Type::List(item) => {
            leaves(item)?;
            Ok(vec![Leaf { path: Vec::new(), kind: LeafKind::List, nullable: false }])
        }
        other => leaves(other),
    }
}

fn flatten(ty: &Type, path: &mut Vec<u32>, nullable: bool, out: &mut Vec<Leaf>) -> Result<(), CodegenError> {
    let kind = match ty {
        Type::None => LeafKind::None,
        Type::Bool => LeafKind::Bool,
        Type::Int => LeafKind::Int,
        Type::Float => LeafKind::Float,
        Type::Str => LeafKind::Str,
        Type::Np(elem) => LeafKind::Np(*elem),
        Type::Tuple(_) | Type::Record(_) => {
            for (index, field) in ty.field_types().unwrap_or_default().iter().enumerate() {
                path.push(index as u32);
                flatten(field, path, nullable, out)?;
                path.pop();
            }
            return Ok(());
        }
        Type::Union(_) => {
            let inner = ty.without_none();
            if !ty.admits_none() || matches!(inner, Type::Union(_)) {
                return Err(not_a_column(ty));
            }
            if matches!(inner, Type::Tuple(_) | Type::Record(_)) {
                out.push(Leaf { path: path.clone(), kind: LeafKind::Validity, nullable: true });
            }
            return flatten(&inner, path, true, out);
        }
        Type::Range
        | Type::Bytes
        | Type::List(_)
        | Type::Dict(..)
        | Type::Set { .. }
        | Type::Object(_)
        | Type::Array { .. }
        | Type::Exception => return Err(not_a_column(ty)),
    };
    out.push(Leaf { path: path.clone(), kind, nullable: nullable || kind == LeafKind::None });
    Ok(())
}

fn not_a_column(ty: &Type) -> CodegenError {
    CodegenError::new(format!("a result of type `{ty}` cannot become a column"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn optional_tuple_has_a_validity_leaf_and_nullable_fields() {
        let ty = Type::Tuple(vec![Type::Int, Type::Tuple(vec![Type::Str, Type::Float.optional()]).optional()]);
        let found = leaves(&ty).unwrap();
        let expected = [
            (vec![0], LeafKind::Int, false),
            (vec![1], LeafKind::Validity, true),
            (vec![1, 0], LeafKind::Str, true),
            (vec![1, 1], LeafKind::Float, true),
        ];
        let expected: Vec<Leaf> =
            expected.into_iter().map(|(path, kind, nullable)| Leaf { path, kind, nullable }).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn types_that_are_no_columns_are_named() {
        for ty in [Type::union([Type::Int, Type::Str]), Type::Range, Type::List(Box::new(Type::Int))] {
            let message = leaves(&ty).unwrap_err().message;
            assert!(message.contains(&format!("`{ty}`")), "{message}");
        }
    }
}
