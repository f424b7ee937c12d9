//! Arrays of other shapes, and several arrays as one: `reshape`, `concatenate`, `dot` and their like.

use ir::{Elem, ExcKind, Type, View};

use super::call::CallArguments;
use super::numpy_call::{Given, is_line, is_matrix};
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::library;
use crate::parse::ast;

impl<'p> Lowerer<'_, 'p> {
    // Shapes.

    pub fn reshape(&mut self, array: &Val, shape: &[Val]) -> Lowered<Val> {
        let lengths = match shape {
            [one] => self.shape_lengths(one)?,
            several => {
                let tuple = self.tuple(several);
                self.shape_lengths(&tuple)?
            }
        };
        let line = self.line_of(array)?;
        match lengths.as_slice() {
            [length] => {
                let all = self.array_length(&line, 0);
                self.numpy_library("check_length", &[&all, length])?;
                Ok(line)
            }
            [rows, columns] => {
                let all = self.array_length(&line, 0);
                let known = self.numpy_library("matrix_lengths", &[&all, rows, columns])?;
                let lengths = self.fields(&known);
                Ok(self.view(View::Fold, &line, &lengths, 2))
            }
            _ => Err(Stop::Failed),
        }
    }

    /// All elements in row order: a view where there can be one.
    pub fn line_of(&mut self, array: &Val) -> Lowered<Val> {
        if is_line(array) { Ok(array.clone()) } else { self.numpy_library("line_of", &[array]) }
    }

    /// `ravel`: as [`Lowerer::line_of`], but always without gaps.
    pub fn ravel(&mut self, array: &Val) -> Lowered<Val> {
        self.numpy_library(if is_line(array) { "ravel_1" } else { "line_of" }, &[array])
    }

    pub fn transposed(&mut self, array: &Val) -> Val {
        if is_line(array) {
            return array.clone();
        }
        let turned = self.view(View::Transpose, array, &[], 2);
        Val { items: Some([array.clone()].into()), ..turned }
    }

    // Questions.

    /// `np.shape(a)`, `np.ndim(a)` and `np.size(a)`: of numbers, too.
    pub fn shape_question(&mut self, given: &Given) -> Lowered<Val> {
        let name = given.name.clone();
        let val = self.given_val(given, "a")?;
        self.each_variant(&val, &mut |lowerer, val| {
            if super::number::is_number(val.ty()) || matches!(val.ty(), Type::Np(_)) {
                return Ok(match name.as_str() {
                    "shape" => lowerer.tuple(&[]),
                    "ndim" => lowerer.int(0),
                    _ => lowerer.int(1),
                });
            }
            let array = lowerer.as_array(&val)?;
            lowerer.attribute_of(&array, &name)
        })
    }

    /// `np.block([[a, b], [c, d]])`: rows beside each other, then under each other.
    pub fn block_display(&mut self, list: &'p ast::ExprList) -> Lowered<Val> {
        let mut rows = Vec::new();
        let is_nested = list.elts.iter().any(ast::Expr::is_list_expr);
        let lines: Vec<&'p [ast::Expr]> = match is_nested {
            true => list.elts.iter().filter_map(|row| row.as_list_expr()).map(|row| &*row.elts).collect(),
            false => vec![&list.elts],
        };
        if is_nested && lines.len() < list.elts.len() {
            return self.fail_at(list, "unsupported-argument", "the rows of `block` must all be lists", None);
        }
        for line in lines {
            let items = self.exprs(line)?;
            self.at(list);
            if !items.iter().all(|item| matches!(item.ty(), Type::Array { ndim: 2, .. })) {
                return self.fail(
                    "unsupported-argument",
                    "`block` is compiled for arrays of two dimensions",
                    Some("use `concatenate`".to_owned()),
                );
            }
            let items = self.tuple(&items);
            rows.push(self.joined(&given_tuple("hstack", items))?);
        }
        let rows = self.tuple(&rows);
        self.joined(&given_tuple("vstack", rows))
    }

    // Several arrays.

    /// `a @ b` as `matmul`, `np.dot(a, b)` as `dot`.
    pub fn product_of_arrays(&mut self, name: &str, a: &Val, b: &Val) -> Lowered<Val> {
        let (Some(left), Some(right)) = (a.array_elem(), b.array_elem()) else {
            let is_number = |val: &Val| super::number::is_number(val.ty()) || matches!(val.ty(), Type::Np(_));
            if name == "matmul" && (is_number(a) || is_number(b)) {
                let message = "matmul: Input operand does not have enough dimensions";
                return self.clash_of(ExcKind::ValueError, "type-mismatch", message);
            }
            let message = format!("`{name}` takes arrays in compiled code");
            return self.fail("unsupported-argument", message, None);
        };
        let elem = super::numpy::promote(left, right);
        let (a, b) = match (name, elem) {
            ("dot", Elem::F64) => (self.as_floats_of_dot(a)?, self.as_floats_of_dot(b)?),
            _ => (self.cast_to(a, elem)?, self.cast_to(b, elem)?),
        };
        let ndim = |val: &Val| if is_line(val) { 1 } else { 2 };
        if elem == Elem::Bool {
            return self.fail("unsupported-operation", "the product of arrays of bools cannot be compiled", None);
        }
        if elem == Elem::F64 {
            // The library that NumPy calls works out half of a matrix times itself turned.
            let turned = |whole: &Val, turned: &Val| turned.items.as_ref().is_some_and(|of| of[0].id == whole.id);
            let (name, args) = match turned(&a, &b) || turned(&b, &a) {
                true => ("with_own_transpose".to_owned(), vec![Thing::Val(a)]),
                false => (format!("{name}_{}_{}", ndim(&a), ndim(&b)), vec![Thing::Val(a), Thing::Val(b)]),
            };
            let Some(function) = library::function_named("numpy_blas", &name) else { return Err(Stop::Failed) };
            return self.call_program_function(function, CallArguments { positional: args, keywords: Vec::new() });
        }
        self.numpy_library(&format!("dot_{}_{}", ndim(&a), ndim(&b)), &[&a, &b])
    }

    /// A factor of `np.dot` as floats: a matrix of others keeps its order in memory, which the operator's does not.
    fn as_floats_of_dot(&mut self, array: &Val) -> Lowered<Val> {
        match library::function_named("numpy_blas", "as_floats") {
            Some(function) if is_matrix(array) && array.array_elem() != Some(Elem::F64) => {
                let positional = vec![Thing::Val(array.clone())];
                self.call_program_function(function, CallArguments { positional, keywords: Vec::new() })
            }
            _ => self.cast_to(array, Elem::F64),
        }
    }

    pub fn joined(&mut self, given: &Given) -> Lowered<Val> {
        let name = given.name.as_str();
        let tuple = self.given_val(given, given.params[0])?;
        let Type::Tuple(_) = tuple.ty() else {
            let help = Some("write them as a tuple, `(a, b)`".to_owned());
            return self.fail(
                "unsupported-argument",
                format!("`{name}` takes a tuple of arrays in compiled code"),
                help,
            );
        };
        let mut arrays = Vec::new();
        for field in self.fields(&tuple) {
            arrays.push(self.as_array(&field)?);
        }
        let elem = arrays.iter().filter_map(Val::array_elem).reduce(super::numpy::promote);
        let (Some(elem), Some(first)) = (elem, arrays.first().cloned()) else {
            return self.clash_of(ExcKind::ValueError, "type-mismatch", "need at least one array to concatenate");
        };
        let lines = arrays.iter().all(is_line);
        if !lines && !arrays.iter().all(is_matrix) {
            return self.fail(
                "unsupported-argument",
                format!("`{name}` takes arrays of the same number of dimensions"),
                None,
            );
        }
        let axis = match given.get("axis") {
            Some(Thing::Val(val)) => val.known_int(),
            None => Some(0),
            Some(Thing::Static(_)) => None,
        };
        let way = match (name, lines, axis) {
            ("concatenate", true, Some(0 | -1)) | ("hstack", true, _) => "join_lines",
            ("concatenate", false, Some(0 | -2)) | ("vstack", false, _) => "join_rows",
            ("concatenate", false, Some(1 | -1)) | ("hstack" | "column_stack", false, _) => "join_columns",
            ("stack", true, Some(0 | -2)) | ("vstack", true, _) => return self.array_of_items(&arrays, None),
            ("stack", true, Some(1 | -1)) | ("column_stack", true, _) => {
                let rows = self.array_of_items(&arrays, None)?;
                let turned = self.transposed(&rows);
                return self.copy_of(&turned);
            }
            _ => {
                return self.fail("unsupported-argument", format!("`{name}` along this axis cannot be compiled"), None);
            }
        };
        let mut joined = self.cast_to(&first, elem)?;
        if arrays.len() == 1 {
            return self.copy_of(&joined);
        }
        for next in &arrays[1..] {
            let next = self.cast_to(next, elem)?;
            joined = self.numpy_library(way, &[&joined, &next])?;
        }
        Ok(joined)
    }
}

/// The arguments of a function that takes a tuple of arrays.
fn given_tuple(name: &str, tuple: Val) -> Given {
    Given { name: name.to_owned(), params: &["tup"], things: vec![Some(Thing::Val(tuple))] }
}
