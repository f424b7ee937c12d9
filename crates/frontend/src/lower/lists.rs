//! Lists: how they are made, changed in place, searched and sorted.

use ir::{ContainerOp, ExcKind, Op, Prim, RecordKind, Type};

use super::call::CallArguments;
use super::index::{Index, Slice};
use super::iterate::Source;
use super::number::is_number;
use super::statics::{Function, Made};
use super::value::Static;
use super::{Edge, Lowered, Lowerer, Stop, Thing, Val, Var};
use crate::library;
use crate::parse::ast::{self, Expr, Ranged};
use crate::shape::{Origin, Shape, join, python_name};

/// Items that a list is made with at once.
const LIST_ITEMS_MAX: usize = 1_000;

/// Whether `<` of two values of the type may raise: where they are sorted, what is compared before tells the order that is
/// left.
fn may_have_no_order(ty: &Type) -> bool {
    match ty {
        Type::Union(variants) => !variants.iter().all(is_number),
        Type::Tuple(items) => items.iter().any(may_have_no_order),
        Type::List(item) => may_have_no_order(item),
        ty => ty.tuple_item().is_some_and(may_have_no_order),
    }
}

impl<'p> Lowerer<'_, 'p> {
    // New lists.

    /// The shape of a list's items.
    pub fn list_item_shape(&self, list: &Val) -> Shape {
        self.element_shape(list)
    }

    /// A new list with these items, whose element type may still grow. `key` tells this place in the program from
    /// others.
    pub fn new_list(&mut self, items: &[Val], element: Option<Shape>, key: u32) -> Lowered<Val> {
        let known = self.joined_shape(items, element);
        let shape = self.site_shape(&Type::List(Box::new(Type::None)), known.as_ref(), key);
        let element = shape.origin.sites.first().and_then(|site| self.sites.element(*site).cloned());
        let mut ids = Vec::new();
        if let Some(element) = &element {
            for item in items {
                ids.push(self.coerce(item, element)?);
            }
        }
        // One instruction takes so many items; those beyond are appended.
        let (first, rest) = ids.split_at(ids.len().min(LIST_ITEMS_MAX));
        let args: Vec<&Val> = first.iter().collect();
        let list = self.emit(Op::ListNew, &args, shape);
        for item in rest {
            self.emit(Op::ListAppend, &[&list, item], Type::None);
        }
        Ok(list)
    }

    /// The shape that holds all the values, and `known`.
    pub fn joined_shape(&mut self, vals: &[Val], mut known: Option<Shape>) -> Option<Shape> {
        for val in vals {
            known = Some(match known {
                Some(known) => join(&known, &val.shape, &mut self.sites),
                None => val.shape.clone(),
            });
        }
        known
    }

    /// A list of these values, made by the compiler where the program has a tuple or the like.
    pub fn list_of(&mut self, items: &[Val]) -> Lowered<Val> {
        let key = self.place.start | 1 << 31;
        self.new_list(items, None, key)
    }

    /// `[a, *b, c]`.
    pub fn list_display(&mut self, list: &'p ast::ExprList, element: Option<&Shape>) -> Lowered<Val> {
        let made = self.list_of_exprs(&list.elts, element, list)?;
        self.at(list);
        Ok(made)
    }

    /// A list of what is in a display, or in the arguments of a call: `node`.
    pub fn list_of_exprs(&mut self, elts: &'p [Expr], element: Option<&Shape>, node: &impl Ranged) -> Lowered<Val> {
        let key = node.start().to_u32();
        let Some(first) = elts.iter().position(Expr::is_starred_expr) else {
            let items = self.exprs(elts)?;
            self.at(node);
            return self.new_list(&items, element.cloned(), key);
        };
        let items = self.exprs(&elts[..first])?;
        let made = self.new_list(&items, element.cloned(), key)?;
        self.append_exprs(&made, &elts[first..])?;
        Ok(made)
    }

    /// Puts what is in the rest of a display, or in further arguments of a call, at the end of a list.
    pub fn append_exprs(&mut self, list: &Val, elts: &'p [Expr]) -> Lowered<()> {
        for item in elts {
            match item {
                Expr::Starred(starred) => {
                    let source = self.iterable(&starred.value)?;
                    self.at(starred);
                    self.extend_from(list, source)?;
                }
                other => {
                    let val = self.expr(other)?;
                    self.at(other);
                    self.append(list, &val)?;
                }
            }
        }
        Ok(())
    }

    /// A value as an item of the list: the list's element type grows when it can.
    pub fn list_item(&mut self, list: &Val, val: &Val) -> Lowered<Val> {
        let element = self.grow(list, &val.shape)?;
        self.coerce(val, &element)
    }

    pub fn append(&mut self, list: &Val, val: &Val) -> Lowered<()> {
        let item = self.list_item(list, val)?;
        self.emit(Op::ListAppend, &[list, &item], Type::None);
        Ok(())
    }

    /// `left + right` of two lists.
    pub fn concat_lists(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        let joined = join(&left.shape, &right.shape, &mut self.sites);
        if *left.ty() != joined.ty || *right.ty() != joined.ty {
            // Lists of different things: a new one takes the items of both.
            let key = self.place.start;
            let list = self.new_list(&[], None, key)?;
            self.extend_list(&list, left)?;
            self.extend_list(&list, right)?;
            return Ok(list);
        }
        Ok(self.emit(Op::ListConcat, &[left, right], joined))
    }

    /// `list * count`.
    pub fn repeat_list(&mut self, list: &Val, count: &Val) -> Val {
        self.container_op(ContainerOp::ListRepeat, &[list, count], list.shape.clone())
    }

    /// `list.extend(val)`, `list += val`.
    pub fn extend_list(&mut self, list: &Val, val: &Val) -> Lowered<()> {
        if val.is_union() {
            self.each_variant(val, &mut |lowerer, val| {
                lowerer.extend_list(list, &val)?;
                Ok(lowerer.none())
            })?;
            return Ok(());
        }
        if let Type::List(_) = val.ty() {
            let Some(element) = self.known_element(val) else { return Ok(()) };
            let known = self.grow(list, &element)?;
            if known.ty == element.ty && list.ty() == val.ty() {
                self.container_op(ContainerOp::ListExtend, &[list, val], Type::None);
                return Ok(());
            }
            // Also right when it is the same list: its length is taken first.
            let length = self.length(val)?;
            let val = val.clone();
            return self.each_item(Source::Count(length), 1 << 27, &mut |lowerer, index| {
                let item = lowerer.item_at(&val, &index)?;
                lowerer.append(list, &item)
            });
        }
        let source = self.source_of(val)?;
        self.extend_from(list, source)
    }

    pub fn extend_from(&mut self, list: &Val, source: Source<'p>) -> Lowered<()> {
        match source {
            Source::List(val) => self.extend_list(list, &val),
            source => self.each_item(source, 1 << 27, &mut |lowerer, item| lowerer.append(list, &item)),
        }
    }

    /// `[elt for ...]`.
    pub fn list_comprehension(&mut self, comp: &'p ast::ExprListComp) -> Lowered<Val> {
        let source = self.generator_source(&comp.elt, &comp.generators)?;
        self.at(comp);
        self.collect_list(source, comp.start().to_u32())
    }

    /// A new list of what a source gives.
    pub fn collect_list(&mut self, source: Source<'p>, key: u32) -> Lowered<Val> {
        let list = self.new_list(&[], None, key)?;
        self.extend_from(&list, source)?;
        Ok(list)
    }

    /// A list that was just made, of a type of which lists are made wider.
    pub fn made_wider(&mut self, made: Val) -> Lowered<Val> {
        match self.compiler.widenings.element(made.ty()) {
            Some(element) if made.shape.origin.sites.is_empty() => {
                let list = self.new_list(&[], Some(Shape::from(element)), self.place.start | 1 << 24)?;
                self.extend_list(&list, &made)?;
                Ok(list)
            }
            _ => Ok(made),
        }
    }

    /// A copy of the list.
    pub fn copy_list(&mut self, list: &Val) -> Val {
        let (low, high, one) = (self.int(i64::MIN), self.int(i64::MAX), self.int(1));
        self.emit(Op::ListSlice, &[list, &low, &high, &one], list.shape.clone())
    }

    // Looking.

    pub fn list_contains(&mut self, list: &Val, item: &Val) -> Lowered<Val> {
        let found = self.find_in_list(list, item, None, None)?;
        let zero = self.int(0);
        Ok(self.prim(Prim::IntGe, &[&found, &zero]))
    }

    /// The position of the first equal item, or -1.
    fn find_in_list(&mut self, list: &Val, item: &Val, start: Option<&Val>, stop: Option<&Val>) -> Lowered<Val> {
        let element = self.element_shape(list);
        self.refuse_among_scalars(&element.ty, item.ty())?;
        let list = &self.without_numpy(list, &element)?;
        let item = &if let Type::Np(_) = item.ty() { self.python_number(item) } else { item.clone() };
        let start = match start {
            Some(start) => self.slice_int(start)?,
            None => self.int(i64::MIN),
        };
        let stop = match stop {
            Some(stop) => self.slice_int(stop)?,
            None => self.int(i64::MAX),
        };
        if self.is_whole(list.ty()) && self.is_whole(item.ty()) {
            return Ok(self.container_op(ContainerOp::ListFind, &[list, item, &start, &stop], Type::Int));
        }
        let part = {
            let one = self.int(1);
            self.emit(Op::ListSlice, &[list, &start, &stop, &one], list.shape.clone())
        };
        self.find_one_by_one(&part, item)
    }

    /// The position of the first equal item, or -1, where the items say themselves what is equal.
    fn find_one_by_one(&mut self, list: &Val, wanted: &Val) -> Lowered<Val> {
        let hidden = self.var_count();
        let before = self.int(-1);
        let found = self.hidden(Var::Bound(Val { known: None, shape: Shape::from(Type::Int), ..before }));
        let (exits, hits) = (self.open_collector(), self.open_collector());
        let source = Source::Enumerate(Box::new(Source::List(list.clone())), None);
        let key = self.place.start;
        let lowered = self.for_each(source, key, &[found], None, exits, &mut |lowerer, pair| {
            let items = lowerer.fields(&pair);
            let [index, item] = items.as_slice() else { return Err(Stop::Failed) };
            let equal = lowerer.equal(item, wanted, false)?;
            let (yes, no) = lowerer.branch(&equal)?;
            lowerer.continue_at(yes);
            if lowerer.is_live() {
                lowerer.set_val(found, Val { shape: Shape::from(Type::Int), ..index.clone() });
                let end = lowerer.detach();
                lowerer.collect(hits, end);
            }
            lowerer.continue_at(no);
            Ok(())
        });
        let hits = self.close_collector(hits);
        let mut ends = self.close_collector(exits);
        lowered?;
        ends.extend(hits);
        self.join(ends, None)?;
        let result = self.hidden_val(found)?;
        self.drop_hidden(hidden);
        Ok(result)
    }

    /// A list of NumPy scalars as one of Python numbers; another list itself.
    fn without_numpy(&mut self, list: &Val, element: &Shape) -> Lowered<Val> {
        if let Type::Np(_) = element.ty {
            let numbers = self.new_list(&[], None, self.place.start | 1 << 26)?;
            self.each_item(Source::List(list.clone()), 1 << 26, &mut |lowerer, item| {
                let number = lowerer.python_number(&item);
                lowerer.append(&numbers, &number)
            })?;
            return Ok(numbers);
        }
        Ok(list.clone())
    }

    pub fn equal_lists(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        let (a, b) = (self.element_shape(left), self.element_shape(right));
        let (left, right) = (self.without_numpy(left, &a)?, self.without_numpy(right, &b)?);
        if !self.is_whole(left.ty()) || !self.is_whole(right.ty()) {
            return self.equal_one_by_one(&left, &right);
        }
        Ok(self.container_op(ContainerOp::ValueEq, &[&left, &right], Type::Bool))
    }

    /// `==` of lists whose items say themselves what is equal.
    fn equal_one_by_one(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        let (n, m) = (self.length(left)?, self.length(right)?);
        let same_length = self.prim(Prim::IntEq, &[&n, &m]);
        let (go_on, differ) = self.branch(&same_length)?;
        self.continue_at(go_on);
        let mut fails: Vec<Edge> = differ.into_iter().collect();
        let hidden = self.var_count();
        let (exits, found) = (self.open_collector(), self.open_collector());
        let both = Source::Zip(vec![Source::List(left.clone()), Source::List(right.clone())]);
        let key = self.place.start;
        let lowered = self.for_each(both, key, &[], None, exits, &mut |lowerer, pair| {
            let items = lowerer.fields(&pair);
            let [a, b] = items.as_slice() else { return Err(Stop::Failed) };
            let equal = lowerer.equal(a, b, false)?;
            let (yes, no) = lowerer.branch(&equal)?;
            lowerer.collect(found, no);
            lowerer.continue_at(yes);
            Ok(())
        });
        fails.extend(self.close_collector(found));
        let holds = self.close_collector(exits);
        lowered?;
        let result = self.truth_of_edges(holds, fails)?;
        self.drop_hidden(hidden);
        Ok(result)
    }

    /// `repr` of a list whose items say themselves how they are shown.
    pub fn repr_of_list(&mut self, list: &Val) -> Lowered<Val> {
        let items = self.shown_items(list)?;
        let [open, close] = ["[", "]"].map(|text| self.str(text));
        let text = self.prim(Prim::StrConcat, &[&open, &items]);
        Ok(self.prim(Prim::StrConcat, &[&text, &close]))
    }

    /// The `repr` of each item, with commas between them.
    pub fn shown_items(&mut self, list: &Val) -> Lowered<Val> {
        self.shown_by(Source::List(list.clone()), &mut |lowerer, item| lowerer.repr_of(&item))
    }

    /// `repr` of a dict or set whose items show themselves.
    pub fn repr_of_table(&mut self, table: &Val) -> Lowered<Val> {
        let (source, open, close, nothing) = match table.ty() {
            Type::Dict(..) => {
                let items = self.dict_method(table, "items", &[], &[])?;
                (self.source_of(&items)?, "{", "}", "{}")
            }
            Type::Set { frozen: true, .. } => (self.source_of(table)?, "frozenset({", "})", "frozenset()"),
            _ => (self.source_of(table)?, "{", "}", "set()"),
        };
        let is_dict = matches!(table.ty(), Type::Dict(..));
        let items = self.shown_by(source, &mut |lowerer, item| match lowerer.fields(&item).as_slice() {
            [key, value] if is_dict => {
                let (key, value) = (lowerer.repr_of(key)?, lowerer.repr_of(value)?);
                let text = lowerer.concat_text(&key, ": ");
                Ok(lowerer.prim(Prim::StrConcat, &[&text, &value]))
            }
            _ => lowerer.repr_of(&item),
        })?;
        let open = self.str(open);
        let text = self.prim(Prim::StrConcat, &[&open, &items]);
        let text = self.concat_text(&text, close);
        let length = self.length(table)?;
        let zero = self.int(0);
        let is_empty = self.prim(Prim::IntEq, &[&length, &zero]);
        let nothing = self.str(nothing);
        Ok(self.select(&is_empty, &nothing, &text))
    }

    fn shown_by(&mut self, source: Source<'p>, show: &mut dyn FnMut(&mut Self, Val) -> Lowered<Val>) -> Lowered<Val> {
        let place = self.place;
        let shown = self.new_list(&[], None, place.start | 1 << 20)?;
        self.each_item(source, 1 << 20, &mut |lowerer, item| {
            let text = show(lowerer, item)?;
            lowerer.append(&shown, &text)
        })?;
        let comma = self.str(", ");
        self.join_texts(&comma, &shown)
    }

    // Methods.

    pub fn list_method(&mut self, list: &Val, name: &str, args: &[Val]) -> Lowered<Val> {
        match (name, args) {
            ("append", [val]) => self.append(list, val)?,
            ("extend", [val]) => self.extend_list(list, val)?,
            ("insert", [index, val]) => {
                let index = self.as_index(index)?;
                let item = self.list_item(list, val)?;
                self.container_op(ContainerOp::ListInsert, &[list, &index, &item], Type::None);
            }
            ("pop", [] | [_]) => {
                let index = match args.first() {
                    Some(index) => self.as_index(index)?,
                    None => self.int(-1),
                };
                let element = self.element_shape(list);
                return Ok(self.container_op(ContainerOp::ListPop, &[list, &index], element));
            }
            ("remove", [val]) => {
                let found = self.find_in_list(list, val, None, None)?;
                let zero = self.int(0);
                let is_there = self.prim(Prim::IntGe, &[&found, &zero]);
                self.require(&is_there, ExcKind::ValueError, "list.remove(x): x not in list")?;
                self.container_op(ContainerOp::ListDelete, &[list, &found], Type::None);
            }
            ("reverse", []) => {
                self.container_op(ContainerOp::ListReverse, &[list], Type::None);
            }
            ("clear", []) => {
                self.container_op(ContainerOp::ListClear, &[list], Type::None);
            }
            ("copy", []) => return Ok(self.copy_list(list)),
            ("count", [val]) => return self.count_in_list(list, val),
            ("index", [val, bounds @ ..]) if bounds.len() < 3 => return self.index_in_list(list, val, bounds),
            (
                "append" | "extend" | "insert" | "pop" | "remove" | "reverse" | "clear" | "copy" | "count" | "index",
                _,
            ) => {
                let message = format!("list.{name}() takes another number of arguments ({} given)", args.len());
                return self.clash(message);
            }
            _ => {
                let message = format!("'list' object has no attribute '{name}'");
                return self.clash_of(ExcKind::AttributeError, "unknown-attribute", message);
            }
        }
        Ok(self.none())
    }

    fn count_in_list(&mut self, list: &Val, val: &Val) -> Lowered<Val> {
        let element = self.element_shape(list);
        self.refuse_among_scalars(&element.ty, val.ty())?;
        let list = &self.without_numpy(list, &element)?;
        let val = &if let Type::Np(_) = val.ty() { self.python_number(val) } else { val.clone() };
        if !self.is_whole(list.ty()) || !self.is_whole(val.ty()) {
            let zero = self.int(0);
            return self.accumulate(Source::List(list.clone()), zero, &mut |lowerer, total, item| {
                let equal = lowerer.equal(&item, val, false)?;
                let one = lowerer.as_int(&equal)?;
                Ok(lowerer.emit(Op::Prim(Prim::IntAddWrap), &[&total, &one], super::expr::non_negative_int()))
            });
        }
        Ok(self.container_op(ContainerOp::ListCount, &[list, val], super::expr::non_negative_int()))
    }

    /// `tuple.index(item)`, of the list inside.
    pub fn index_in_tuple(&mut self, list: &Val, val: &Val, bounds: &[Val]) -> Lowered<Val> {
        let found = self.find_in_list(list, val, bounds.first(), bounds.get(1))?;
        let zero = self.int(0);
        let is_there = self.prim(Prim::IntGe, &[&found, &zero]);
        self.require(&is_there, ExcKind::ValueError, "tuple.index(x): x not in tuple")?;
        Ok(found)
    }

    fn index_in_list(&mut self, list: &Val, val: &Val, bounds: &[Val]) -> Lowered<Val> {
        let found = self.find_in_list(list, val, bounds.first(), bounds.get(1))?;
        let zero = self.int(0);
        let is_there = self.prim(Prim::IntGe, &[&found, &zero]);
        let (holds, fails) = self.branch(&is_there)?;
        self.continue_at(fails);
        if self.is_live() {
            let shown = match self.has_own_text(val) {
                true => self.repr_of(val)?,
                // CPython shows where in memory it is.
                false => self.str(&format!("<{} object>", python_name(val.ty()))),
            };
            let tail = self.str(" is not in list");
            let message = self.prim(Prim::StrConcat, &[&shown, &tail]);
            self.raise_with(ExcKind::ValueError, Some(&message));
        }
        self.continue_at(holds);
        if self.is_live() { Ok(found) } else { Err(Stop::Dead) }
    }

    // Sorting.

    /// `list.sort(key=, reverse=)`.
    pub fn sort_list(&mut self, list: &Val, call: &'p ast::ExprCall) -> Lowered<Val> {
        let arguments = self.arguments(call, "sort", ["key", "reverse"])?;
        if !arguments.positional.is_empty() {
            self.at_call(call);
            return self.clash("sort() takes no positional arguments");
        }
        let [key, reverse] = arguments.keywords;
        let key = self.key_function(key)?;
        let reverse = self.reverse_flag(reverse)?;
        self.at_call(call);
        if key.is_none() && self.is_whole(list.ty()) {
            self.sort_in_place(list, key, &reverse, true)?;
            return Ok(self.none());
        }
        // What the key and the items' own comparisons see of the list is empty, as in CPython.
        let taken = self.container_op(ContainerOp::ListTake, &[list], list.shape.clone());
        let place = self.place;
        self.with_undo(&mut |lowerer| lowerer.sort_in_place(&taken, key.clone(), &reverse, true), &mut |lowerer| {
            lowerer.at_place(place);
            lowerer.container_op(ContainerOp::ListGive, &[list, &taken], Type::Bool);
        })?;
        self.at_place(place);
        let is_changed = self.container_op(ContainerOp::ListGive, &[list, &taken], Type::Bool);
        let is_unchanged = self.not(&is_changed);
        self.require(&is_unchanged, ExcKind::ValueError, "list modified during sort")?;
        Ok(self.none())
    }

    /// The value of `reverse=`.
    pub fn reverse_flag(&mut self, reverse: Option<&'p Expr>) -> Lowered<Val> {
        let Some(reverse) = reverse else { return Ok(self.bool(false)) };
        let val = self.expr(reverse)?;
        let val = self.each_variant(&val, &mut |lowerer, val| lowerer.truth(&val))?;
        Ok(Val { known: None, ..val })
    }

    /// Sorts a list; `is_seen`: what a sort that raises leaves of it is looked at by somebody.
    pub fn sort_in_place(&mut self, list: &Val, key: Option<Function>, reverse: &Val, is_seen: bool) -> Lowered<()> {
        let place = self.place;
        if let Some(Function::Static(Static::Made(made))) = &key
            && let Made::Comparison(compare) = &**made
        {
            return self.sort_by_comparison(list, list, Some(compare), reverse);
        }
        let keys = match key {
            Some(key) => {
                let source = Source::Map(key, vec![Source::List(list.clone())]);
                self.collect_list(source, place.start | 1 << 30)?
            }
            None => list.clone(),
        };
        self.at_place(place);
        let keys = self.plain_keys(keys)?;
        let element = self.element_shape(&keys);
        let is_object = |ty: &Type| matches!(ty, Type::Object(_));
        if element.ty.variants().iter().all(is_object)
            || self.compares_instances(&element.ty)
            || is_seen && may_have_no_order(&element.ty)
        {
            return self.sort_by_comparison(list, &keys, None, reverse);
        }
        let keys = self.without_numpy(&keys, &element)?;
        self.require_whole(&keys.ty().clone(), "sorted")?;
        let order = self.emit(Op::ListArgsort, &[&keys, reverse], Type::List(Box::new(Type::Int)));
        self.container_op(ContainerOp::ListReorder, &[list, &order], Type::None);
        Ok(())
    }

    /// Whether items of the type are tuples with instances in them whose order is not that of all their fields, or is none.
    fn compares_instances(&self, ty: &Type) -> bool {
        let is_own = |item: &Type| match item {
            Type::Object(_) => true,
            Type::Record(record) => {
                matches!(record.kind, RecordKind::NamedTuple | RecordKind::Dataclass) && !self.is_whole(item)
            }
            _ => false,
        };
        matches!(ty, Type::Tuple(items) if items.iter().any(is_own))
    }

    /// Sorts the list by what a function, or the keys' own `<`, says of the keys. Where that raises, the items are in the
    /// order that they came to by then.
    fn sort_by_comparison(&mut self, list: &Val, keys: &Val, by: Option<&Static>, reverse: &Val) -> Lowered<()> {
        let place = self.place;
        let order = self.call_library("_sort", "order_of", std::slice::from_ref(keys))?;
        let reorder = |lowerer: &mut Self| {
            lowerer.at_place(place);
            lowerer.container_op(ContainerOp::ListReorder, &[list, &order], Type::None);
        };
        let (name, mut positional) = match by {
            Some(compare) => ("sort", vec![Thing::Static(compare.clone())]),
            None => ("sort_objects", Vec::new()),
        };
        positional.insert(0, Thing::Val(keys.clone()));
        positional.insert(0, Thing::Val(order.clone()));
        positional.push(Thing::Val(reverse.clone()));
        let Some(function) = library::function_named("_sort", name) else {
            return self.fail("internal", "the library cannot sort", None);
        };
        self.with_undo(
            &mut |lowerer| {
                let arguments = CallArguments { positional: positional.clone(), keywords: Vec::new() };
                lowerer.call_library_function(function, arguments).map(drop)
            },
            &mut |lowerer| reorder(lowerer),
        )?;
        reorder(self);
        Ok(())
    }

    // Items and slices.

    /// `list[index] = val`.
    pub fn store_list(&mut self, list: &Val, index: &Index, val: &Val) -> Lowered<()> {
        match index {
            Index::Item(index) => {
                let index = self.index_int(index, "list")?;
                let item = self.list_item(list, val)?;
                self.emit(Op::ListSet, &[list, &index, &item], Type::None);
                Ok(())
            }
            Index::Slice(slice) => self.store_slice(list, slice, val),
            Index::Items(_) | Index::Parts(_) => self.clash("list indices must be integers or slices, not tuple"),
        }
    }

    fn store_slice(&mut self, list: &Val, slice: &Slice, val: &Val) -> Lowered<()> {
        let [start, stop, step] = self.slice_bounds(slice)?;
        let place = self.place;
        let items = self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::List(_) => Ok(val),
            _ => {
                let Ok(source) = lowerer.source_of(&val) else {
                    return lowerer.clash("can only assign an iterable");
                };
                lowerer.collect_list(source, place.start | 1 << 25)
            }
        })?;
        self.at_place(place);
        let known = match self.known_element(&items) {
            Some(element) => self.grow(list, &element)?,
            None => self.element_shape(list),
        };
        let items = if items.ty() == list.ty() {
            items
        } else {
            // Other items: a list of what this one holds.
            let origin = Origin { sites: list.shape.origin.sites.clone(), ..Origin::default() };
            let made = self.emit(Op::ListNew, &[], Shape { ty: Type::List(Box::new(known.ty)), origin });
            self.extend_list(&made, &items)?;
            made
        };
        self.container_op(ContainerOp::ListSetSlice, &[list, &start, &stop, &step, &items], Type::None);
        Ok(())
    }

    /// `del list[index]`.
    pub fn delete_from_list(&mut self, list: &Val, index: &Index) -> Lowered<()> {
        match index {
            Index::Item(index) => {
                let index = self.index_int(index, "list")?;
                self.container_op(ContainerOp::ListDelete, &[list, &index], Type::None);
                Ok(())
            }
            Index::Slice(slice) => {
                let [start, stop, step] = self.slice_bounds(slice)?;
                self.container_op(ContainerOp::ListDeleteSlice, &[list, &start, &stop, &step], Type::None);
                Ok(())
            }
            Index::Items(_) | Index::Parts(_) => self.clash("list indices must be integers or slices, not tuple"),
        }
    }
}
