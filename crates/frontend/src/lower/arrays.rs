//! NumPy arrays of one and two dimensions: elements, views, and stores in place.

use ir::{Elem, ExcKind, Op, Prim, Type, View};

use super::elementwise::Node;
use super::index::{Index, Part, Slice};
use super::{Edge, Lowered, Lowerer, Stop, Thing, Val};
use crate::parse::ast::Operator;
use crate::shape::python_name;

/// What an index of an array leads to.
enum Place {
    Element(Vec<Val>),
    /// Some of the elements, without a copy.
    View(Val),
    /// Elements picked by an array of bools or of positions.
    Picked(Val),
    /// As [`Place::Picked`], of a view; of its columns, where it says so.
    PickedOf(Val, Val, bool),
    /// Elements at pairs of positions.
    Pairs(Val, Val),
}

impl Lowerer<'_, '_> {
    pub fn load_array(&mut self, array: &Val, index: &Index) -> Lowered<Val> {
        let Type::Array { elem, .. } = *array.ty() else { return Err(Stop::Failed) };
        match self.array_place(array, index)? {
            Place::Element(indices) => {
                let args: Vec<&Val> = std::iter::once(array).chain(&indices).collect();
                Ok(self.emit(Op::ArrayGet, &args, Type::Np(elem)))
            }
            Place::View(view) => Ok(view),
            Place::Picked(picks) => {
                let name = if is_mask(&picks) { "pick_where" } else { "pick" };
                let name = by_dimensions(name, &[array, &picks]);
                self.numpy_library(&name, &[array, &picks])
            }
            Place::PickedOf(view, picks, of_columns) => {
                let base = if of_columns { self.transposed(&view) } else { view };
                let name = if is_mask(&picks) { "pick_where" } else { "pick" };
                let name = by_dimensions(name, &[&base, &picks]);
                let found = self.numpy_library(&name, &[&base, &picks])?;
                Ok(if of_columns { self.transposed(&found) } else { found })
            }
            Place::Pairs(rows, columns) => self.numpy_library("pick_pairs", &[array, &rows, &columns]),
        }
    }

    /// Whether an index gives a view, so that an operation in place on it need not be stored.
    pub fn gives_view(object: &Val, index: &Index) -> bool {
        let is_plain = |val: &Val| matches!(val.ty(), Type::Int | Type::Np(_) | Type::None);
        let all_plain = match index {
            Index::Item(val) => is_plain(val),
            Index::Items(vals) => vals.iter().all(is_plain),
            Index::Slice(_) => true,
            Index::Parts(parts) => parts.iter().all(|part| match part {
                Part::Item(val) => is_plain(val),
                Part::Slice(_) | Part::Rest => true,
            }),
        };
        all_plain && matches!(object.ty(), Type::Array { .. })
    }

    fn parts_of_index(&mut self, index: &Index) -> Vec<Part> {
        match index {
            Index::Item(val) => match val.ty() {
                Type::Tuple(_) => self.fields(val).into_iter().map(Part::Item).collect(),
                _ => vec![Part::Item(val.clone())],
            },
            Index::Items(vals) => vals.iter().cloned().map(Part::Item).collect(),
            Index::Slice(slice) => vec![Part::Slice(slice.clone())],
            Index::Parts(parts) => parts.clone(),
        }
    }

    fn array_place(&mut self, array: &Val, index: &Index) -> Lowered<Place> {
        let Type::Array { ndim, .. } = *array.ty() else { return Err(Stop::Failed) };
        let mut parts = self.parts_of_index(index);
        if let Some(place) = self.mask_of_all(array, &parts)? {
            return Ok(place);
        }
        let is_new = |part: &Part| matches!(part, Part::Item(val) if *val.ty() == Type::None);
        let used = parts.iter().filter(|part| !matches!(part, Part::Rest) && !is_new(part)).count();
        if used > usize::from(ndim) {
            let message = format!("too many indices for array: array is {ndim}-dimensional, but {used} were indexed");
            return self.clash_of(ExcKind::IndexError, "type-mismatch", message);
        }
        // `...`, or else the end, stands for the dimensions that are not mentioned.
        let rest = parts.iter().position(|part| matches!(part, Part::Rest));
        let at = rest.unwrap_or(parts.len());
        let filler: Vec<Part> = (used..usize::from(ndim)).map(|_| Part::Slice(Box::default())).collect();
        parts.splice(at..at + usize::from(rest.is_some()), filler);
        if parts.iter().any(is_new) {
            return self.with_new_axis(array, &parts).map(Place::View);
        }
        match parts.as_slice() {
            [Part::Item(item)] => self.place_in_line(array, item),
            [Part::Slice(slice)] => self.slice_of(array, 0, slice).map(Place::View),
            [Part::Item(row), Part::Slice(slice)] => match self.place_in_line(array, row)? {
                Place::View(row) => self.slice_of(&row, 0, slice).map(Place::View),
                other if is_full(slice) => Ok(other),
                Place::Picked(picks) => {
                    let view = self.slice_of(array, 1, slice)?;
                    Ok(Place::PickedOf(view, picks, false))
                }
                _ => self.unsupported_index(),
            },
            [Part::Slice(slice), Part::Item(column)] => {
                if let Some(picks) = self.picks_of(column)? {
                    let view = self.slice_of(array, 0, slice)?;
                    return Ok(Place::PickedOf(view, picks, true));
                }
                let column = self.array_index(column)?;
                let column = self.view(View::Column, array, &[column], 1);
                self.slice_of(&column, 0, slice).map(Place::View)
            }
            [Part::Slice(rows), Part::Slice(columns)] => {
                let view = self.slice_of(array, 0, rows)?;
                self.slice_of(&view, 1, columns).map(Place::View)
            }
            [Part::Item(row), Part::Item(column)] => match (self.picks_of(row)?, self.picks_of(column)?) {
                (None, None) => {
                    let indices = vec![self.array_index(row)?, self.array_index(column)?];
                    Ok(Place::Element(indices))
                }
                (Some(rows), Some(columns)) if !is_mask(&rows) && !is_mask(&columns) => Ok(Place::Pairs(rows, columns)),
                (Some(rows), None) => {
                    let column = self.array_index(column)?;
                    let view = self.view(View::Column, array, &[column], 1);
                    Ok(Place::PickedOf(view, rows, false))
                }
                (None, Some(columns)) => match self.place_in_line(array, row)? {
                    Place::View(view) => Ok(Place::PickedOf(view, columns, false)),
                    _ => self.unsupported_index(),
                },
                _ => self.unsupported_index(),
            },
            _ => self.unsupported_index(),
        }
    }

    /// A single array of bools for all dimensions.
    fn mask_of_all(&mut self, array: &Val, parts: &[Part]) -> Lowered<Option<Place>> {
        let [Part::Item(val)] = parts else { return Ok(None) };
        match (val.ty(), array.ty()) {
            (Type::Array { elem: Elem::Bool, ndim: 2 }, Type::Array { ndim: 2, .. }) => {
                Ok(Some(Place::Picked(val.clone())))
            }
            _ => Ok(None),
        }
    }

    /// `array[item]` of the first dimension.
    fn place_in_line(&mut self, array: &Val, item: &Val) -> Lowered<Place> {
        if let Some(picks) = self.picks_of(item)? {
            return Ok(Place::Picked(picks));
        }
        let index = self.array_index(item)?;
        match *array.ty() {
            Type::Array { elem, ndim: 2 } => {
                Ok(Place::View(self.emit(Op::ArrayRow, &[array, &index], Type::Array { elem, ndim: 1 })))
            }
            _ => Ok(Place::Element(vec![index])),
        }
    }

    /// The array that an index is, or that a list makes.
    fn picks_of(&mut self, item: &Val) -> Lowered<Option<Val>> {
        match *item.ty() {
            Type::Array { elem, ndim: 1 } if elem == Elem::Bool || elem.python_type() == Type::Int => {
                Ok(Some(item.clone()))
            }
            Type::Array { ndim: 1, .. } => self.clash_of(
                ExcKind::IndexError,
                "type-mismatch",
                "arrays used as indices must be of integer (or boolean) type",
            ),
            Type::Array { .. } => self.unsupported_index(),
            Type::List(_) => self.array_from(item, None).map(Some),
            _ => Ok(None),
        }
    }

    fn unsupported_index<T>(&mut self) -> Lowered<T> {
        self.fail(
            "unsupported-operation",
            "this combination of indices cannot be compiled",
            Some("use slices and ints, or one array of bools or positions".to_owned()),
        )
    }

    /// `a[:, None]` and `a[None, :]` of one dimension.
    fn with_new_axis(&mut self, array: &Val, parts: &[Part]) -> Lowered<Val> {
        let (slice, is_column) = match parts {
            [Part::Slice(slice), Part::Item(_)] => (slice, true),
            [Part::Item(_), Part::Slice(slice)] => (slice, false),
            _ => {
                return self.fail(
                    "unsupported-operation",
                    "arrays of more than two dimensions cannot be compiled",
                    Some("loop over one of the axes".to_owned()),
                );
            }
        };
        let line = self.slice_of(array, 0, slice)?;
        let (length, one) = (self.array_length(&line, 0), self.int(1));
        let lengths = if is_column { [length, one] } else { [one, length] };
        Ok(self.view(View::Fold, &line, &lengths, 2))
    }

    /// A slice along a dimension.
    fn slice_of(&mut self, array: &Val, dimension: u8, slice: &Slice) -> Lowered<Val> {
        if is_full(slice) {
            return Ok(array.clone());
        }
        let step = match &slice.step {
            Some(step) if *step.ty() != Type::None => self.slice_int(step)?,
            _ => self.int(1),
        };
        let start = self.slice_bound(&slice.start, &step, true)?;
        let stop = self.slice_bound(&slice.stop, &step, false)?;
        let Type::Array { ndim, .. } = *array.ty() else { return Err(Stop::Failed) };
        Ok(self.view(View::Slice(dimension), array, &[start, stop, step], ndim))
    }

    fn array_index(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Int => Ok(val),
            Type::Np(elem) if elem.python_type() == Type::Int => Ok(lowerer.python_number(&val)),
            Type::Bool | Type::None | Type::Array { .. } | Type::List(_) | Type::Np(Elem::Bool) => {
                lowerer.unsupported_index()
            }
            _ => lowerer.clash_of(
                ExcKind::IndexError,
                "type-mismatch",
                "only integers, slices (`:`), ellipsis (`...`), numpy.newaxis (`None`) and integer or boolean arrays are \
                 valid indices",
            ),
        })
    }

    // Stores.

    pub fn store_array(&mut self, array: &Val, index: &Index, val: &Val) -> Lowered<()> {
        self.store_node(array, index, Node::Val(val.clone()))
    }

    /// `array[index] = node`.
    pub fn store_node(&mut self, array: &Val, index: &Index, node: Node) -> Lowered<()> {
        let Type::Array { elem, .. } = *array.ty() else { return Err(Stop::Failed) };
        match self.array_place(array, index)? {
            Place::Element(indices) => {
                let val = self.force(node)?;
                if let Type::Array { .. } = val.ty() {
                    if elem == Elem::Bool {
                        let message = "an array as an element of an array of bools cannot be compiled";
                        return self.fail("unsupported-assignment", message, None);
                    }
                    // A place that is not there is what CPython finds first.
                    let args: Vec<&Val> = std::iter::once(array).chain(&indices).collect();
                    self.emit(Op::ArrayGet, &args, Type::Np(elem));
                    return self.clash_of(
                        ExcKind::ValueError,
                        "type-mismatch",
                        "setting an array element with a sequence.",
                    );
                }
                let item = self.as_element(&val, elem)?;
                let args: Vec<&Val> = std::iter::once(array).chain(&indices).chain(std::iter::once(&item)).collect();
                self.emit(Op::ArraySet, &args, Type::None);
                Ok(())
            }
            Place::View(view) => self.store_in_view(&view, node),
            Place::Picked(picks) => {
                let val = self.stored_value(node, elem)?;
                let name = if is_mask(&picks) { "put_where" } else { "put" };
                let name = by_dimensions(name, &[array, &picks, &val]);
                self.numpy_library(&name, &[array, &picks, &val]).map(|_| ())
            }
            Place::PickedOf(view, picks, of_columns) => {
                let val = self.stored_value(node, elem)?;
                let (base, val) = match of_columns {
                    false => (view, val),
                    true if matches!(val.ty(), Type::Array { ndim: 1, .. }) => {
                        let message = "a line stored into picked columns cannot be compiled";
                        return self.fail("unsupported-operation", message, Some("loop over the columns".to_owned()));
                    }
                    true if val.array_elem().is_some() => (self.transposed(&view), self.transposed(&val)),
                    true => (self.transposed(&view), val),
                };
                let name = if is_mask(&picks) { "put_where" } else { "put" };
                let name = by_dimensions(name, &[&base, &picks, &val]);
                self.numpy_library(&name, &[&base, &picks, &val]).map(|_| ())
            }
            Place::Pairs(rows, columns) => {
                let val = self.stored_value(node, elem)?;
                let name = by_dimensions("put_pairs", &[&val]);
                self.numpy_library(&name, &[array, &rows, &columns, &val]).map(|_| ())
            }
        }
    }

    /// A value to be stored: an array, or an element of this type.
    fn stored_value(&mut self, node: Node, elem: Elem) -> Lowered<Val> {
        let val = self.force(node)?;
        match val.ty() {
            Type::Array { .. } => Ok(val),
            Type::List(_) | Type::Tuple(_) => self.array_from(&val, None),
            _ => self.as_element(&val, elem),
        }
    }

    /// Stores into all elements of a view; what is stored is computed before anything is.
    pub fn store_in_view(&mut self, view: &Val, node: Node) -> Lowered<()> {
        let Type::Array { elem, .. } = *view.ty() else { return Err(Stop::Failed) };
        let node = match &node {
            Node::Val(val) if val.array_elem().is_none() => Node::Val(self.stored_value(node, elem)?),
            _ => node,
        };
        if node.array().is_none() {
            return self.fill(view, &node);
        }
        self.require_fits(view, &node)?;
        let node = self.without_leading_axis(view, node)?;
        self.fill_safely(view, node)
    }

    /// Fills a target that the node may read from.
    fn fill_safely(&mut self, target: &Val, node: Node) -> Lowered<()> {
        let mut overlaps = self.bool(false);
        for leaf in node.leaves() {
            let yes = self.bool(true);
            let one = self.emit(Op::ArrayOverlaps, &[target, &leaf], Type::Bool);
            overlaps = self.select(&overlaps, &yes, &one);
        }
        // Where it may, everything is computed into an array of its own first.
        let Type::Array { elem, ndim } = *target.ty() else { return Err(Stop::Failed) };
        let lengths = self.lengths_of(&Node::Val(target.clone()));
        let (before, direct) = self.branch(&overlaps)?;
        let mut ends: Vec<Edge> = Vec::new();
        if let Some(edge) = before {
            self.attach(edge);
            let apart = self.new_array(elem, &lengths);
            self.fill(&apart, &node)?;
            self.numpy_library(&format!("copy_into_{ndim}"), &[target, &apart])?;
            ends.extend(self.detach());
        }
        if let Some(edge) = direct {
            self.attach(edge);
            self.fill(target, &node)?;
            ends.extend(self.detach());
        }
        self.join(ends, None)
    }

    /// A new array with the same elements.
    pub fn copy_of(&mut self, array: &Val) -> Lowered<Val> {
        let Type::Array { elem, .. } = *array.ty() else { return Err(Stop::Failed) };
        let node = self.array_cast(Node::Val(array.clone()), elem)?;
        self.force(node)
    }

    /// Raises `ValueError` unless the node can be stored into the view.
    fn require_fits(&mut self, view: &Val, node: &Node) -> Lowered<()> {
        let into = self.lengths_of(&Node::Val(view.clone()));
        let from = self.lengths_of(node);
        let (yes, no, one) = (self.bool(true), self.bool(false), self.int(1));
        let mut fits = self.bool(true);
        // What the value has more in front must be of length 1.
        let extra = from.len().saturating_sub(into.len());
        for length in &from[..extra] {
            let single = self.prim(Prim::IntEq, &[length, &one]);
            fits = self.select(&fits, &single, &no);
        }
        let skipped = into.len().saturating_sub(from.len());
        for (own, wanted) in from[extra..].iter().zip(&into[skipped..]) {
            let (same, single) = (self.prim(Prim::IntEq, &[own, wanted]), self.prim(Prim::IntEq, &[own, &one]));
            let goes = self.select(&same, &yes, &single);
            fits = self.select(&fits, &goes, &no);
        }
        self.require_with(&fits, ExcKind::ValueError, &mut |this| {
            let (from, into) = (this.shape_text(&from), this.shape_text(&into));
            let [before, between] =
                ["could not broadcast input array from shape ", " into shape "].map(|part| this.str(part));
            this.joined_text(&[&before, &from, &between, &into])
        })
    }

    /// The only row of a matrix that is stored into a line.
    fn without_leading_axis(&mut self, view: &Val, node: Node) -> Lowered<Node> {
        let (Some((elem, 2)), Type::Array { ndim: 1, .. }) = (node.array(), view.ty()) else { return Ok(node) };
        let matrix = self.force(node)?;
        let first = self.int(0);
        Ok(Node::Val(self.emit(Op::ArrayRow, &[&matrix, &first], Type::Array { elem, ndim: 1 })))
    }

    /// `array op= node`: computed in the type of both and stored into the array.
    pub fn array_in_place(&mut self, op: Operator, array: &Val, right: Node) -> Lowered<()> {
        if let Node::Val(right) = &right
            && right.is_union()
        {
            self.each_variant(right, &mut |lowerer, right| {
                lowerer.array_in_place(op, array, Node::Val(right))?;
                Ok(lowerer.none())
            })?;
            return Ok(());
        }
        let Type::Array { elem, .. } = *array.ty() else { return Err(Stop::Failed) };
        let node = self.array_binary(op, Node::Val(array.clone()), right)?;
        let Some((found, ndim)) = node.array() else {
            return self.fail("unsupported-assignment", "this operation in place cannot be compiled", None);
        };
        if !is_same_kind(found, elem) {
            // NumPy's class of this error, `UFuncTypeError`, is not there.
            let message =
                format!("an array of `{}` cannot hold what this operation gives: `{}`", elem.name(), found.name());
            let help = "write `a = a op b`, or make the array of that type first";
            return self.fail("unsupported-operation", message, Some(help.to_owned()));
        }
        let own = self.lengths_of(&Node::Val(array.clone()));
        let lengths = self.lengths_of(&node);
        let refuse = |this: &mut Self| {
            let (into, from) = (this.shape_text(&own), this.shape_text(&lengths));
            let [before, between] =
                ["non-broadcastable output operand with shape ", " doesn't match the broadcast shape "]
                    .map(|part| this.str(part));
            this.joined_text(&[&before, &into, &between, &from])
        };
        if usize::from(ndim) != own.len() {
            let text = refuse(self);
            return Err(self.raise_with(ExcKind::ValueError, Some(&text)));
        }
        let mut same = self.bool(true);
        for (own, found) in own.iter().zip(&lengths) {
            let no = self.bool(false);
            let equal = self.prim(Prim::IntEq, &[own, found]);
            same = self.select(&same, &equal, &no);
        }
        self.require_with(&same, ExcKind::ValueError, &mut |this| refuse(this))?;
        self.fill_safely(array, node)
    }

    /// A list, tuple or number as an array of one or two dimensions.
    pub fn array_from(&mut self, val: &Val, elem: Option<Elem>) -> Lowered<Val> {
        match val.ty().clone() {
            Type::Array { elem: own, .. } => match elem {
                Some(elem) if elem != own => {
                    let node = self.array_cast(Node::Val(val.clone()), elem)?;
                    self.force(node)
                }
                _ => self.copy_of(val),
            },
            Type::Tuple(_) => {
                let items = self.fields(val);
                self.array_of_items(&items, elem)
            }
            Type::List(item) if matches!(&*item, Type::Array { ndim: 1, .. }) => {
                let rows = self.numpy_library("rows_of_list", &[val])?;
                elem.map_or(Ok(rows.clone()), |elem| self.cast_to(&rows, elem))
            }
            Type::List(item) => {
                let (own, ndim) = match &*item {
                    Type::List(inner) => (element_type(inner), 2),
                    item => (element_type(item), 1),
                };
                let Some(own) = elem.or(own) else { return self.unsupported_items(val) };
                self.require_kind(val, &item, elem.is_none().then_some(own))?;
                self.array_of_list(val, own, ndim)
            }
            Type::Range => {
                self.require_kind(val, &Type::Int, elem.is_none().then_some(Elem::I64))?;
                self.array_of_list(val, elem.unwrap_or(Elem::I64), 1)
            }
            _ => self.unsupported_items(val),
        }
    }

    /// NumPy looks at the items: an empty list is an array of `float64` with one dimension, and one of several types has the
    /// type of those that are there. Lists that would be another array than the one that is made are refused when they are met.
    fn require_kind(&mut self, list: &Val, item: &Type, found: Option<Elem>) -> Lowered<()> {
        let (rows, item) = if let Type::List(inner) = item { (true, &**inner) } else { (false, item) };
        let check = |name: &str| if rows { format!("{name}_rows") } else { name.to_owned() };
        if rows {
            self.numpy_library("require_dimensions", std::slice::from_ref(&list))?;
        }
        match (found, item) {
            (Some(Elem::F64), Type::Union(_)) => self.numpy_library(&check("require_float"), &[list])?,
            (Some(_), Type::Union(_)) => self.numpy_library(&check("require_int"), &[list])?,
            (Some(Elem::F64) | None, _) => return Ok(()),
            (Some(_), _) => self.numpy_library(&check("require_items"), &[list])?,
        };
        Ok(())
    }

    fn unsupported_items<T>(&mut self, val: &Val) -> Lowered<T> {
        let message = format!("a `{}` cannot be made an array here", python_name(val.ty()));
        self.fail("unsupported-argument", message, Some("use a list of numbers of one type".to_owned()))
    }

    /// An array of these items: numbers, or sequences of numbers of one length.
    pub fn array_of_items(&mut self, items: &[Val], elem: Option<Elem>) -> Lowered<Val> {
        let rows: Option<Vec<Vec<Val>>> =
            items.iter().map(|item| matches!(item.ty(), Type::Tuple(_)).then(|| self.fields(item))).collect();
        if let (Some(rows), false) = (rows, items.is_empty()) {
            return self.array_of_rows(&rows, elem);
        }
        if items.iter().any(|item| matches!(item.ty(), Type::Array { .. })) {
            return self.stacked(items, elem);
        }
        let length = self.int(items.len() as i64);
        let Some(elem) = self.common_elem(items, elem) else { return self.unsupported_sequence() };
        let array = self.new_array(elem, &[length]);
        for (index, item) in items.iter().enumerate() {
            let item = self.as_element(item, elem)?;
            let index = self.int(index as i64);
            self.emit(Op::ArraySet, &[&array, &index, &item], Type::None);
        }
        Ok(array)
    }

    fn unsupported_sequence<T>(&mut self) -> Lowered<T> {
        self.fail(
            "unsupported-argument",
            "these items cannot be made an array in compiled code",
            Some("use numbers, or rows of numbers of one length".to_owned()),
        )
    }

    fn array_of_rows(&mut self, rows: &[Vec<Val>], elem: Option<Elem>) -> Lowered<Val> {
        let columns = rows.first().map_or(0, Vec::len);
        if rows.iter().any(|row| row.len() != columns) {
            return self.clash_of(
                ExcKind::ValueError,
                "type-mismatch",
                "setting an array element with a sequence. The requested array has an inhomogeneous shape after 1 \
                 dimensions.",
            );
        }
        let all: Vec<Val> = rows.iter().flatten().cloned().collect();
        let Some(elem) = self.common_elem(&all, elem) else { return self.unsupported_sequence() };
        let lengths = [self.int(rows.len() as i64), self.int(columns as i64)];
        let array = self.new_array(elem, &lengths);
        for (row, items) in rows.iter().enumerate() {
            for (column, item) in items.iter().enumerate() {
                let item = self.as_element(item, elem)?;
                let (row, column) = (self.int(row as i64), self.int(column as i64));
                self.emit(Op::ArraySet, &[&array, &row, &column, &item], Type::None);
            }
        }
        Ok(array)
    }

    /// Arrays of one dimension as the rows of a new one.
    fn stacked(&mut self, rows: &[Val], elem: Option<Elem>) -> Lowered<Val> {
        let elems: Option<Vec<Elem>> = rows
            .iter()
            .map(|row| match *row.ty() {
                Type::Array { elem, ndim: 1 } => Some(elem),
                _ => None,
            })
            .collect();
        let common = elems.and_then(|elems| elems.into_iter().reduce(super::numpy::promote));
        let (Some(common), Some(first)) = (common, rows.first()) else { return self.unsupported_sequence() };
        let columns = self.array_length(first, 0);
        let lengths = [self.int(rows.len() as i64), columns.clone()];
        for row in &rows[1..] {
            let length = self.array_length(row, 0);
            let same = self.prim(Prim::IntEq, &[&length, &columns]);
            self.require(&same, ExcKind::ValueError, "all input arrays must have the same shape")?;
        }
        let elem = elem.unwrap_or(common);
        let array = self.new_array(elem, &lengths);
        for (position, row) in rows.iter().enumerate() {
            let position = self.int(position as i64);
            let target = self.emit(Op::ArrayRow, &[&array, &position], Type::Array { elem, ndim: 1 });
            self.fill(&target, &Node::Val(row.clone()))?;
        }
        Ok(array)
    }

    /// The element type that holds all the items.
    fn common_elem(&mut self, items: &[Val], elem: Option<Elem>) -> Option<Elem> {
        if elem.is_some() {
            return elem;
        }
        if items.is_empty() {
            return Some(Elem::F64);
        }
        let elems: Option<Vec<Elem>> = items.iter().map(|item| element_type(item.ty())).collect();
        elems?.into_iter().reduce(super::numpy::promote)
    }

    /// The items of a list (of lists) in a new array.
    fn array_of_list(&mut self, list: &Val, elem: Elem, ndim: u8) -> Lowered<Val> {
        let dtype = Thing::Static(super::numpy::dtype(elem));
        let name = if ndim == 1 { "from_list" } else { "from_lists" };
        self.numpy_library_things(name, vec![Thing::Val(list.clone()), dtype])
    }
}

/// The element type that NumPy finds for a Python value.
fn element_type(ty: &Type) -> Option<Elem> {
    match ty {
        Type::Bool => Some(Elem::Bool),
        Type::Int => Some(Elem::I64),
        Type::Float => Some(Elem::F64),
        Type::Np(elem) => Some(*elem),
        // Every item becomes a float when one is.
        Type::Union(variants) => {
            let elems: Option<Vec<Elem>> = variants.iter().map(element_type).collect();
            elems?.into_iter().reduce(super::numpy::promote)
        }
        _ => None,
    }
}

fn is_full(slice: &Slice) -> bool {
    let is_none = |bound: &Option<Val>| bound.as_ref().is_none_or(|val| *val.ty() == Type::None);
    is_none(&slice.start) && is_none(&slice.stop) && is_none(&slice.step)
}

fn is_mask(picks: &Val) -> bool {
    picks.array_elem() == Some(Elem::Bool)
}

/// The library's name of a function for arrays of these dimensions: `put_1d_1d_0d`.
fn by_dimensions(name: &str, vals: &[&Val]) -> String {
    let mut out = name.to_owned();
    for val in vals {
        let ndim = match val.ty() {
            Type::Array { ndim, .. } => *ndim,
            _ => 0,
        };
        out.push_str(&format!("_{ndim}"));
    }
    out
}

/// Whether NumPy stores results of one type into the other in place.
fn is_same_kind(from: Elem, to: Elem) -> bool {
    let rank = |elem: Elem| match elem {
        Elem::Bool => 0,
        elem if elem.is_float() => 3,
        elem if elem.is_signed() => 2,
        _ => 1,
    };
    rank(from) <= rank(to)
}
