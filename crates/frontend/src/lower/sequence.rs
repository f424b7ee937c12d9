//! Sequences: what strings, tuples, lists and ranges have in common, and how lists are made and grow.

use ir::{ExcKind, Op, Prim, Type};

use super::expr::non_negative_int;
use super::number::is_integer;
use super::{Edge, Lowered, Lowerer, Stop, Val};
use crate::parse::ast::{self, Expr, Operator, Ranged};
use crate::shape::{Origin, Shape, annotation_text, python_name};

/// Items that a list is made with at once.
const LIST_ITEMS_MAX: usize = 1_000;

impl<'p> Lowerer<'_, 'p> {
    /// `len(val)` of a plain value.
    pub fn length(&mut self, val: &Val) -> Lowered<Val> {
        if let Some(length) = self.special(val, "__len__")? {
            return Ok(length);
        }
        match val.ty() {
            Type::Str => match val.known_str() {
                Some(text) => Ok(self.int(text.chars().count() as i64)),
                None => Ok(self.emit(Op::Prim(Prim::StrLen), &[val], non_negative_int())),
            },
            Type::List(_) => Ok(self.emit(Op::ListLen, &[val], non_negative_int())),
            Type::Range => Ok(self.emit(Op::Prim(Prim::RangeLen), &[val], non_negative_int())),
            Type::Array { .. } => Ok(self.array_length(val, 0)),
            Type::Tuple(items) => Ok(self.int(items.len() as i64)),
            Type::Record(record) if !matches!(record.kind, ir::RecordKind::Dataclass | ir::RecordKind::Library) => {
                Ok(self.int(record.fields.len() as i64))
            }
            other => {
                let message = format!("object of type '{}' has no len()", python_name(other));
                self.clash(message)
            }
        }
    }

    /// `+` and `*` of sequences; `None` when the operands are no sequences that go together.
    pub fn sequence_binary(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let (a, b) = (left.ty(), right.ty());
        match op {
            Operator::Add => match (a, b) {
                (Type::Str, Type::Str) => Ok(Some(self.prim(Prim::StrConcat, &[left, right]))),
                (Type::Tuple(_), Type::Tuple(_)) => {
                    let mut items = self.fields(left);
                    items.extend(self.fields(right));
                    Ok(Some(self.tuple(&items)))
                }
                (Type::List(_), Type::List(_)) => self.concat_lists(left, right).map(Some),
                (Type::Str | Type::Tuple(_) | Type::List(_), other) => {
                    let (kind, other) = (python_name(a), python_name(other));
                    self.clash(format!("can only concatenate {kind} (not \"{other}\") to {kind}"))
                }
                _ => Ok(None),
            },
            Operator::Mult => {
                let is_sequence = |ty: &Type| matches!(ty, Type::Str | Type::Tuple(_) | Type::List(_));
                let (sequence, count) = match (is_sequence(a), is_sequence(b)) {
                    (true, _) => (left, right),
                    (false, true) => (right, left),
                    (false, false) => return Ok(None),
                };
                let count = match count.ty() {
                    ty if is_integer(ty) => self.as_int(count)?,
                    Type::Np(elem) if elem.python_type() == Type::Int => self.python_number(count),
                    other => {
                        let message = format!("can't multiply sequence by non-int of type '{}'", python_name(other));
                        return self.clash(message);
                    }
                };
                self.repeat(sequence, &count).map(Some)
            }
            Operator::Mod if *a == Type::Str => self.percent(left, right).map(Some),
            _ => Ok(None),
        }
    }

    fn repeat(&mut self, sequence: &Val, count: &Val) -> Lowered<Val> {
        match sequence.ty() {
            Type::Str => Ok(self.prim(Prim::StrRepeat, &[sequence, count])),
            Type::Tuple(_) => match count.known_int() {
                Some(count) if count.max(0) as u64 <= 1_000 => {
                    let items = self.fields(sequence);
                    let repeated: Vec<Val> = (0..count.max(0)).flat_map(|_| items.iter().cloned()).collect();
                    Ok(self.tuple(&repeated))
                }
                _ => self.fail(
                    "unsupported-operation",
                    "a tuple can only be repeated a small constant number of times in compiled code",
                    Some("use a list".to_owned()),
                ),
            },
            _ => self.repeat_list(sequence, count),
        }
    }

    // Lists.

    /// The shape of a list's items.
    pub fn list_item_shape(&self, list: &Val) -> Shape {
        let Type::List(item) = list.ty() else { return Shape::from(Type::None) };
        match list.shape.origin.sites.first().and_then(|site| self.sites.element(*site)) {
            Some(element) if element.ty == **item => element.clone(),
            _ => Shape::from((**item).clone()),
        }
    }

    /// A new list with these items, whose element type may still grow. `key` tells this place in the program from
    /// others.
    pub fn new_list(&mut self, items: &[Val], element: Option<Shape>, key: u32) -> Lowered<Val> {
        let mut known = element;
        for item in items {
            known = Some(match known {
                Some(known) => crate::shape::join(&known, &item.shape, &mut self.sites),
                None => item.shape.clone(),
            });
        }
        let site = self.sites.site(key, known.as_ref());
        if let Some(known) = &known {
            self.sites.grow(site, known);
        }
        let element = self.sites.element(site).cloned();
        let ty = element.as_ref().map_or(Type::None, |element| element.ty.clone());
        let mut ids = Vec::new();
        if let Some(element) = &element {
            for item in items {
                ids.push(self.coerce(item, element)?);
            }
        }
        // One instruction takes so many items; those beyond are appended.
        let (first, rest) = ids.split_at(ids.len().min(LIST_ITEMS_MAX));
        let args: Vec<&Val> = first.iter().collect();
        let origin = Origin { sites: vec![site], ..Origin::default() };
        let list = self.emit(Op::ListNew, &args, Shape { ty: Type::List(Box::new(ty)), origin });
        for item in rest {
            self.emit(Op::ListAppend, &[&list, item], Type::None);
        }
        Ok(list)
    }

    /// A list of these values, made by the compiler where the program has a tuple or the like.
    pub fn list_of(&mut self, items: &[Val]) -> Lowered<Val> {
        let key = self.place.start | 1 << 31;
        self.new_list(items, None, key)
    }

    pub fn list_display(&mut self, list: &'p ast::ExprList, element: Option<&Shape>) -> Lowered<Val> {
        let key = list.start().to_u32();
        let (known, rest) = self.known_items(&list.elts)?;
        self.at(list);
        let made = self.new_list(&known, element.cloned(), key)?;
        for item in rest {
            match item {
                Expr::Starred(starred) => {
                    let val = self.expr(&starred.value)?;
                    self.at(item);
                    self.each_variant(&val, &mut |lowerer, val| {
                        lowerer.extend_list(&made, &val)?;
                        Ok(lowerer.none())
                    })?;
                }
                other => {
                    let val = self.expr(other)?;
                    self.at(item);
                    self.append(&made, &val)?;
                }
            }
        }
        Ok(made)
    }

    /// The items of a display up to the first `*` that stands before something else than a tuple, and the rest.
    fn known_items(&mut self, items: &'p [Expr]) -> Lowered<(Vec<Val>, &'p [Expr])> {
        let Some(first) = items.iter().position(Expr::is_starred_expr) else {
            return Ok((self.exprs(items)?, &[]));
        };
        Ok((self.exprs(&items[..first])?, &items[first..]))
    }

    /// A value as an item of the list: the list's element type grows when it can.
    pub fn list_item(&mut self, list: &Val, val: &Val) -> Lowered<Val> {
        let Type::List(item) = list.ty() else { return Err(Stop::Failed) };
        let item = (**item).clone();
        if !list.shape.origin.sites.is_empty() {
            for site in list.shape.origin.sites.clone() {
                self.sites.grow(site, &val.shape);
            }
            let shape = self.list_item_shape(list);
            return self.coerce(val, &shape);
        }
        let joined = crate::shape::join(&Shape::from(item.clone()), &val.shape, &mut self.sites);
        if joined.ty != item {
            return self.fail(
                "type-mismatch",
                format!("this list holds `{}`, not `{}`", annotation_text(&item), annotation_text(val.ty())),
                Some("annotate the list with the types of all its items".to_owned()),
            );
        }
        self.coerce(val, &joined)
    }

    pub fn append(&mut self, list: &Val, val: &Val) -> Lowered<()> {
        let item = self.list_item(list, val)?;
        self.emit(Op::ListAppend, &[list, &item], Type::None);
        Ok(())
    }

    fn concat_lists(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        let joined = crate::shape::join(&left.shape, &right.shape, &mut self.sites);
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

    fn repeat_list(&mut self, list: &Val, count: &Val) -> Lowered<Val> {
        let result = self.emit(Op::ListNew, &[], list.shape.clone());
        let hidden = self.var_count();
        let source = super::iterate::Source::Count(count.clone());
        let exits = self.open_collector();
        let key = self.place.start;
        let lowered = self.for_each(source, key, &[], None, exits, &mut |lowerer, _| lowerer.copy_items(&result, list));
        let edges = self.close_collector(exits);
        lowered?;
        self.join(edges, None)?;
        self.drop_hidden(hidden);
        Ok(result)
    }

    /// Appends the items that the list has now.
    fn copy_items(&mut self, target: &Val, list: &Val) -> Lowered<()> {
        let length = self.length(list)?;
        let hidden = self.var_count();
        let exits = self.open_collector();
        let key = self.place.start.wrapping_add(1);
        let source = super::iterate::Source::Count(length);
        let lowered = self.for_each(source, key, &[], None, exits, &mut |lowerer, index| {
            let item = lowerer.item_at(list, &index)?;
            lowerer.append(target, &item)
        });
        let edges = self.close_collector(exits);
        lowered?;
        self.join(edges, None)?;
        self.drop_hidden(hidden);
        Ok(())
    }

    /// `list.extend(val)`, `list += val`.
    pub fn extend_list(&mut self, list: &Val, val: &Val) -> Lowered<()> {
        if let Type::List(_) = val.ty() {
            // Also right when it is the same list: its length is taken first.
            return self.copy_items(list, val);
        }
        let source = self.source_of(val)?;
        let hidden = self.var_count();
        let exits = self.open_collector();
        let key = self.place.start;
        let lowered = self.for_each(source, key, &[], None, exits, &mut |lowerer, item| lowerer.append(list, &item));
        let edges = self.close_collector(exits);
        lowered?;
        self.join(edges, None)?;
        self.drop_hidden(hidden);
        Ok(())
    }

    pub fn list_contains(&mut self, list: &Val, item: &Val) -> Lowered<Val> {
        let found = self.open_collector();
        let exits = self.open_collector();
        let hidden = self.var_count();
        let key = self.place.start;
        let source = super::iterate::Source::List(list.clone());
        let lowered = self.for_each(source, key, &[], None, exits, &mut |lowerer, candidate| {
            let equal = lowerer.equal(&candidate, item, false)?;
            let (yes, no) = lowerer.branch(&equal)?;
            lowerer.collect(found, yes);
            lowerer.continue_at(no);
            Ok(())
        });
        let missing = self.close_collector(exits);
        let hits = self.close_collector(found);
        lowered?;
        let result = self.truth_of_edges(hits, missing)?;
        self.drop_hidden(hidden);
        Ok(result)
    }

    pub fn equal_lists(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        let (n, m) = (self.length(left)?, self.length(right)?);
        let same_length = self.prim(Prim::IntEq, &[&n, &m]);
        let (go_on, differ) = self.branch(&same_length)?;
        self.continue_at(go_on);
        let mut fails: Vec<Edge> = differ.into_iter().collect();
        let found = self.open_collector();
        let exits = self.open_collector();
        let hidden = self.var_count();
        let key = self.place.start;
        let source = super::iterate::Source::List(left.clone());
        let other = super::iterate::Source::List(right.clone());
        let both = super::iterate::Source::Zip(vec![source, other]);
        let lowered = self.for_each(both, key, &[], None, exits, &mut |lowerer, pair| {
            let items = lowerer.fields(&pair);
            let [a, b] = items.as_slice() else { return Err(Stop::Failed) };
            let equal = lowerer.equal(a, b, false)?;
            let (yes, no) = lowerer.branch(&equal)?;
            lowerer.collect(found, no);
            lowerer.continue_at(yes);
            Ok(())
        });
        let holds = self.close_collector(exits);
        fails.extend(self.close_collector(found));
        lowered?;
        let result = self.truth_of_edges(holds, fails)?;
        self.drop_hidden(hidden);
        Ok(result)
    }

    // Methods of lists.

    pub fn list_method(&mut self, list: &Val, name: &str, args: &[Val]) -> Lowered<Val> {
        match (name, args) {
            ("append", [val]) => {
                self.append(list, val)?;
                Ok(self.none())
            }
            ("extend", [val]) => {
                self.extend_list(list, val)?;
                Ok(self.none())
            }
            ("copy", []) => {
                let (low, high, one) = (self.int(i64::MIN), self.int(i64::MAX), self.int(1));
                let shape = list.shape.clone();
                Ok(self.emit(Op::ListSlice, &[list, &low, &high, &one], shape))
            }
            ("count", [val]) => {
                let val = val.clone();
                self.count_in_list(list, &val)
            }
            ("index", [val]) => {
                let val = val.clone();
                self.index_in_list(list, &val)
            }
            ("append" | "extend" | "copy" | "count" | "index", _) => {
                let message = format!("list.{name}() takes another number of arguments ({} given)", args.len());
                self.clash(message)
            }
            _ => self.fail("unsupported-method", format!("`list.{name}` cannot be compiled"), None),
        }
    }

    fn count_in_list(&mut self, list: &Val, val: &Val) -> Lowered<Val> {
        let source = super::iterate::Source::List(list.clone());
        let zero = self.int(0);
        self.accumulate(source, zero, &mut |lowerer, total, item| {
            let equal = lowerer.equal(&item, val, false)?;
            let one = lowerer.as_int(&equal)?;
            Ok(lowerer.emit(Op::Prim(Prim::IntAddWrap), &[&total, &one], non_negative_int()))
        })
    }

    fn index_in_list(&mut self, list: &Val, val: &Val) -> Lowered<Val> {
        let found = self.open_collector();
        let exits = self.open_collector();
        let hidden = self.var_count();
        let zero = self.int(0);
        let position = self.hidden(super::Var::Bound(zero));
        let key = self.place.start;
        let source = super::iterate::Source::Enumerate(Box::new(super::iterate::Source::List(list.clone())), None);
        let lowered = self.for_each(source, key, &[position], None, exits, &mut |lowerer, pair| {
            let items = lowerer.fields(&pair);
            let [index, item] = items.as_slice() else { return Err(Stop::Failed) };
            lowerer.set_val(position, index.clone());
            let equal = lowerer.equal(item, val, false)?;
            let (yes, no) = lowerer.branch(&equal)?;
            lowerer.collect(found, yes);
            lowerer.continue_at(no);
            Ok(())
        });
        let missing = self.close_collector(exits);
        let hits = self.close_collector(found);
        lowered?;
        if self.join(missing, None).is_ok() {
            let shown = self.repr_of(val)?;
            let tail = self.str(" is not in list");
            let message = self.prim(Prim::StrConcat, &[&shown, &tail]);
            self.raise_with(ExcKind::ValueError, Some(&message));
        }
        self.join(hits, None)?;
        let result = self.hidden_val(position)?;
        self.drop_hidden(hidden);
        Ok(result)
    }

    /// `[elt for ...]`.
    pub fn list_comprehension(&mut self, comp: &'p ast::ExprListComp) -> Lowered<Val> {
        let source = self.generator_source(&comp.elt, &comp.generators)?;
        self.at(comp);
        self.collect_list(source, comp.start().to_u32())
    }

    /// A new list of what a source gives.
    pub fn collect_list(&mut self, source: super::iterate::Source<'p>, key: u32) -> Lowered<Val> {
        let list = self.new_list(&[], None, key)?;
        let hidden = self.var_count();
        let exits = self.open_collector();
        let assigned = source.binds(self);
        let lowered =
            self.for_each(source, key, &assigned, None, exits, &mut |lowerer, item| lowerer.append(&list, &item));
        let edges = self.close_collector(exits);
        lowered?;
        self.join(edges, None)?;
        self.drop_hidden(hidden);
        Ok(list)
    }
}
