//! NumPy arrays of one and two dimensions: items, rows, stores in place, new arrays of zeros. And what of `numpy` itself
//! can be used.

use ir::{Const, Elem, Op, Type};

use super::index::Index;
use super::value::Static;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::parse::ast::{self, Expr, Ranged};

/// Constants of `numpy`.
const CONSTANTS: &[(&str, f64)] =
    &[("e", std::f64::consts::E), ("inf", f64::INFINITY), ("nan", f64::NAN), ("pi", std::f64::consts::PI)];

impl<'p> Lowerer<'_, 'p> {
    pub fn load_array(&mut self, array: &Val, index: &Index) -> Lowered<Val> {
        let Type::Array { elem, ndim } = *array.ty() else { return Err(Stop::Failed) };
        let indices = self.array_indices(index, ndim)?;
        match (indices.as_slice(), ndim) {
            ([one], _) => self.item_at(array, one),
            ([row, column], 2) => Ok(self.emit(Op::ArrayGet, &[array, row, column], Type::Np(elem))),
            _ => Err(Stop::Failed),
        }
    }

    /// The indices of an access, as ints: at most one for each dimension.
    fn array_indices(&mut self, index: &Index, ndim: u8) -> Lowered<Vec<Val>> {
        let vals = match index {
            Index::Item(val) => match val.ty() {
                Type::Tuple(_) => self.fields(val),
                _ => vec![val.clone()],
            },
            Index::Items(vals) => vals.clone(),
            Index::Slice(_) => {
                return self.fail(
                    "unsupported-operation",
                    "slices of arrays cannot be compiled",
                    Some("loop over the items".to_owned()),
                );
            }
        };
        if vals.len() > usize::from(ndim) {
            let message =
                format!("too many indices for array: array is {ndim}-dimensional, but {} were indexed", vals.len());
            return self.clash_of(ir::ExcKind::IndexError, "type-mismatch", message);
        }
        let mut indices = Vec::new();
        for val in &vals {
            indices.push(self.array_index(val)?);
        }
        Ok(indices)
    }

    fn array_index(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Int => Ok(val),
            Type::Np(elem) if elem.python_type() == Type::Int => Ok(lowerer.python_number(&val)),
            Type::Bool | Type::None | Type::Array { .. } | Type::List(_) | Type::Np(Elem::Bool) => lowerer.fail(
                "unsupported-operation",
                "an array can only be indexed with an `int` in compiled code",
                Some("loop over the items".to_owned()),
            ),
            _ => lowerer.clash_of(
                ir::ExcKind::IndexError,
                "type-mismatch",
                "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are \
                 valid indices",
            ),
        })
    }

    pub fn store_array(&mut self, array: &Val, index: &Index, val: &Val) -> Lowered<()> {
        let Type::Array { elem, ndim } = *array.ty() else { return Err(Stop::Failed) };
        let indices = self.array_indices(index, ndim)?;
        if indices.len() < usize::from(ndim) {
            return self.store_row(array, &indices, val);
        }
        let item = self.as_element(val, elem)?;
        let args: Vec<&Val> = std::iter::once(array).chain(&indices).chain(std::iter::once(&item)).collect();
        self.emit(Op::ArraySet, &args, Type::None);
        Ok(())
    }

    /// `a[i] = number` of a 2-d array: the whole row.
    fn store_row(&mut self, array: &Val, indices: &[Val], val: &Val) -> Lowered<()> {
        let Type::Array { elem, .. } = *array.ty() else { return Err(Stop::Failed) };
        let [row] = indices else { return Err(Stop::Failed) };
        if matches!(val.ty(), Type::Array { .. } | Type::Tuple(_) | Type::List(_)) {
            return self.fail(
                "unsupported-assignment",
                "a whole row cannot be assigned in compiled code",
                Some("assign its items in a loop".to_owned()),
            );
        }
        let item = self.as_element(val, elem)?;
        let row = self.item_at(array, row)?;
        let length = self.length(&row)?;
        let hidden = self.var_count();
        let exits = self.open_collector();
        let key = self.place.start;
        let source = super::iterate::Source::Count(length);
        let lowered = self.for_each(source, key, &[], None, exits, &mut |lowerer, index| {
            lowerer.emit(Op::ArraySet, &[&row, &index, &item], Type::None);
            Ok(())
        });
        let ends = self.close_collector(exits);
        lowered?;
        self.join(ends, None)?;
        self.drop_hidden(hidden);
        Ok(())
    }

    pub fn array_method(&mut self, _array: &Val, name: &str, _args: &[Val]) -> Lowered<Val> {
        self.fail(
            "unsupported-method",
            format!("`{name}` of an array cannot be compiled"),
            Some("loop over the items".to_owned()),
        )
    }

    // `numpy`.

    pub fn numpy_member(&mut self, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        if let Some((_, value)) = CONSTANTS.iter().find(|(known, _)| *known == name) {
            return Ok(Thing::Val(self.literal(Const::Float(*value))));
        }
        if name == "zeros" || numpy_class(name).is_some() {
            return Ok(Thing::Static(Static::Member("numpy".to_owned(), name.to_owned())));
        }
        self.fail_at(
            node,
            "unsupported-function",
            format!("`numpy.{name}` cannot be compiled"),
            Some("loop over the items, or use a function of `math`".to_owned()),
        )
    }

    pub fn call_numpy(&mut self, name: &str, call: &'p ast::ExprCall) -> Lowered<Val> {
        match (name, numpy_elem(name)) {
            ("zeros", _) => self.zeros(call),
            (_, Some(elem)) => {
                let arguments = self.call_arguments(call)?;
                self.at_call(call);
                let vals = self.plain_arguments(name, arguments)?;
                match vals.as_slice() {
                    [] => {
                        let zero = self.int(0);
                        Ok(self.np_scalar(&zero, elem))
                    }
                    [val] => self.as_element(val, elem),
                    _ => self.fail("wrong-arguments", format!("`numpy.{name}` takes one argument"), None),
                }
            }
            _ => {
                self.at_call(call);
                self.fail("unsupported-function", format!("`numpy.{name}` cannot be called here"), None)
            }
        }
    }

    /// `np.zeros(n)`, `np.zeros((n, d), dtype=int)`.
    fn zeros(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let super::folds::Arguments { positional, keywords: [shape, dtype] } =
            self.arguments(call, "zeros", ["shape", "dtype"])?;
        let shape = positional.first().or(shape);
        let dtype = positional.get(1).or(dtype);
        let Some(shape) = shape else {
            return self.fail_at(call, "wrong-arguments", "`zeros` needs a shape", None);
        };
        let val = self.expr(shape)?;
        let elem = match dtype {
            Some(dtype) => self.dtype(dtype)?,
            None => Elem::F64,
        };
        self.at_call(call);
        let lengths = match val.ty() {
            Type::Tuple(items) if (1..=2).contains(&items.len()) => self.fields(&val),
            Type::Tuple(_) | Type::List(_) => {
                return self.fail("unsupported-argument", "only arrays of one or two dimensions can be compiled", None);
            }
            _ => vec![val],
        };
        let mut ints = Vec::new();
        for length in &lengths {
            ints.push(self.as_index(length)?);
        }
        let args: Vec<&Val> = ints.iter().collect();
        let ndim = args.len() as u8;
        Ok(self.emit(Op::ArrayZeros, &args, Type::Array { elem, ndim }))
    }

    fn dtype(&mut self, expr: &'p Expr) -> Lowered<Elem> {
        let elem = match expr {
            Expr::StringLiteral(text) => Elem::from_name(text.value.to_str()),
            _ => match self.thing(expr)? {
                Thing::Static(Static::Builtin("float")) => Some(Elem::F64),
                Thing::Static(Static::Builtin("int")) => Some(Elem::I64),
                Thing::Static(Static::Builtin("bool")) => Some(Elem::Bool),
                Thing::Static(Static::Member(module, name)) if module == "numpy" => numpy_elem(&name),
                _ => None,
            },
        };
        match elem {
            Some(elem) => Ok(elem),
            None => {
                self.fail_at(expr, "unsupported-argument", "this is not an element type that can be compiled", None)
            }
        }
    }
}

/// The element type that a member of `numpy` names.
fn numpy_elem(name: &str) -> Option<Elem> {
    match name {
        "bool_" => Some(Elem::Bool),
        "double" => Some(Elem::F64),
        "single" => Some(Elem::F32),
        "intp" | "int_" => Some(Elem::I64),
        other => Elem::from_name(other),
    }
}

/// Names that `isinstance` may test for.
fn numpy_class(name: &str) -> Option<()> {
    let abstract_class = ["generic", "number", "integer", "floating", "ndarray"].contains(&name);
    (abstract_class || numpy_elem(name).is_some()).then_some(())
}
