//! Tuples whose length is not part of their type: what `tuple(iterable)` makes, and slices whose bounds are not constants.
//! Each is a record of the library around a list ([`ir::Type::tuple_of`]) that nobody else has and that never changes, so it
//! is a value as other tuples are.

use ir::{ContainerOp, ExcKind, Op, Prim, Type};

use super::call::CallArguments;
use super::index::{Index, Slice};
use super::iterate::Source;
use super::{Lowered, Lowerer, Static, Stop, Thing, Val};
use crate::library;
use crate::parse::ast::{self, CmpOp, Expr, Operator};
use crate::shape::{Shape, annotation_text, python_name};

/// What tells the list inside a tuple from a list that is made at the same place.
const TUPLE_SITE: u32 = 1 << 23;

impl<'p> Lowerer<'_, 'p> {
    /// A tuple of what is in a list, which nobody else may have.
    pub fn tuple_around(&mut self, list: &Val) -> Val {
        let item = match list.ty() {
            Type::List(item) => (**item).clone(),
            _ => Type::None,
        };
        let shape = match self.known_element(list) {
            Some(_) => list.shape.clone(),
            None => list.shape.clone().marked_empty(),
        };
        self.aggregate(Type::tuple_of(item), &[Val { shape, ..list.clone() }])
    }

    /// The list inside a tuple of any length; `None` of anything else.
    pub fn tuple_list(&mut self, val: &Val) -> Option<Val> {
        val.ty().tuple_item()?;
        Some(self.field(val, 0))
    }

    /// A tuple of either kind as a list, which must not be changed; `None` of anything else.
    pub fn list_of_tuple(&mut self, val: &Val) -> Lowered<Option<Val>> {
        if let Some(list) = self.tuple_list(val) {
            return Ok(Some(list));
        }
        let val = self.as_plain_tuple(val);
        match val.ty() {
            Type::Tuple(_) => {
                let items = self.fields(&val);
                let key = self.place.start ^ TUPLE_SITE ^ (items.len() as u32) << 24;
                self.new_list(&items, None, key).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A tuple of known length as one of any length.
    pub fn of_any_length(&mut self, val: &Val) -> Lowered<Val> {
        match self.list_of_tuple(val)? {
            Some(list) => Ok(self.tuple_around(&list)),
            None => Ok(val.clone()),
        }
    }

    /// `zip(*rows)`, `chain(*rows)` and the like of as many iterables as the run tells; `None` of another call.
    pub fn call_with_rows(&mut self, call: &'p ast::ExprCall) -> Lowered<Option<Val>> {
        let ([Expr::Starred(starred)], keywords) = (&*call.arguments.args, &*call.arguments.keywords) else {
            return Ok(None);
        };
        match &*call.func {
            Expr::Name(_) => {}
            // Of a module; a method of an instance is no value.
            Expr::Attribute(attribute) if self.member_binding(attribute).is_some() => {}
            Expr::Attribute(attribute) if matches!(&*attribute.value, Expr::Attribute(_) | Expr::Name(_)) => {
                let before = self.restart();
                let is_known = matches!(self.thing(&attribute.value), Ok(Thing::Static(_)));
                self.start_again(before);
                if !is_known {
                    return Ok(None);
                }
            }
            _ => return Ok(None),
        }
        let before = self.restart();
        let function = match self.thing(&call.func)? {
            Thing::Static(Static::Builtin("zip")) if keywords.is_empty() => {
                library::function_named("builtins", "_zip_of_rows")
            }
            Thing::Static(Static::Function(function)) => {
                library::of_rows(function).filter(|function| takes_keywords(*function, keywords))
            }
            Thing::Static(_) | Thing::Val(_) => None,
        };
        if let Some(function) = function {
            let rows = match self.iterable_thing(&starred.value)? {
                Err(val) if matches!(val.ty(), Type::Tuple(_)) => None,
                source => Some(self.list_behind_star(source, starred)?),
            };
            if let Some(rows) = rows {
                self.at_call(call);
                // The same iterator may be there more than once, as in `zip(*[iter(x)] * 2)`.
                let is_iterator = matches!(rows.ty(), Type::List(row) if self.compiler.generator_of(row).is_some());
                let function = match library::function_named("builtins", "_zip_of_iterators") {
                    Some(other)
                        if is_iterator && library::function_named("builtins", "_zip_of_rows") == Some(function) =>
                    {
                        other
                    }
                    _ => function,
                };
                let mut arguments = CallArguments { positional: vec![Thing::Val(rows)], keywords: Vec::new() };
                for keyword in keywords {
                    let name = keyword.arg.iter().map(ToString::to_string);
                    let thing = self.thing(&keyword.value)?;
                    arguments.keywords.extend(name.map(|name| (name, thing.clone())));
                }
                self.at_call(call);
                return self.call_library_function(function, arguments).map(Some);
            }
        }
        self.start_again(before);
        Ok(None)
    }

    /// `hash(val)`, where CPython gives the same number in every process.
    pub fn hash_of(&mut self, val: &Val) -> Lowered<Val> {
        fn is_fixed(ty: &Type) -> bool {
            match ty {
                Type::Bool | Type::Int => true,
                Type::Tuple(items) | Type::Union(items) => items.iter().all(is_fixed),
                Type::Set { item, frozen: true } => is_fixed(item),
                other => other.tuple_item().is_some_and(is_fixed),
            }
        }
        if let Some(hash) = self.special(val, "__hash__")? {
            if *hash.ty() != Type::Int {
                return self.clash("__hash__ method should return an integer");
            }
            // -1 says that there was an error in CPython.
            let (minus_one, minus_two) = (self.int(-1), self.int(-2));
            let is_error = self.prim(ir::Prim::IntEq, &[&hash, &minus_one]);
            return Ok(self.select(&is_error, &minus_two, &hash));
        }
        let val = self.hashable(val)?;
        if !is_fixed(val.ty()) {
            let message = format!("`hash` of `{}` differs from one process to the next", annotation_text(val.ty()));
            return self.fail("unsupported-function", message, Some("use the value itself as a key".to_owned()));
        }
        Ok(self.container_op(ContainerOp::ValueHash, &[&val], Type::Int))
    }

    /// `tuple(iterable)`.
    pub fn tuple_builtin(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let super::folds::Arguments { positional, .. } = self.arguments(call, "tuple", [])?;
        match positional {
            [] => Ok(self.tuple(&[])),
            [Expr::Generator(generator)] => self.tuple_of_generator(generator, call),
            [iterable] => match self.iterable_thing(iterable)? {
                Ok(source) => {
                    self.at_call(call);
                    self.tuple_of_source(source)
                }
                Err(val) => {
                    self.at_call(call);
                    self.tuple_of_val(&val)
                }
            },
            _ => self.fail_at(call, "wrong-arguments", "`tuple` takes at most one argument", None),
        }
    }

    /// `tuple(val)`.
    pub fn tuple_of_val(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Tuple(_) => Ok(val),
            ty if ty.tuple_item().is_some() => Ok(val),
            Type::Record(record) if record.kind == ir::RecordKind::NamedTuple => {
                let items = lowerer.fields(&val);
                Ok(lowerer.tuple(&items))
            }
            _ => {
                let source = lowerer.source_of(&val)?;
                lowerer.tuple_of_source(source)
            }
        })
    }

    fn tuple_of_source(&mut self, source: Source<'p>) -> Lowered<Val> {
        if let Source::Items(items) = source {
            return Ok(self.tuple(&items));
        }
        let key = self.place.start ^ TUPLE_SITE;
        let list = self.collect_list(source, key)?;
        Ok(self.tuple_around(&list))
    }

    /// `tuple(f(x) for x in t)`: where `t` is a tuple or a short range, one item after the other.
    fn tuple_of_generator(&mut self, generator: &'p ast::ExprGenerator, call: &'p ast::ExprCall) -> Lowered<Val> {
        const UNROLLED_MAX: i64 = 64;
        let place = self.place;
        let before = self.restart();
        if let [only] = generator.generators.as_slice()
            && only.ifs.is_empty()
        {
            let items = match self.iterable(&only.iter)? {
                Source::Items(items) => Some(items),
                Source::Range(bounds) => {
                    let [start, stop, step] = *bounds;
                    match (start.known_int(), stop.known_int(), step.known_int()) {
                        (Some(start), Some(stop), Some(1)) if stop.saturating_sub(start) <= UNROLLED_MAX => {
                            Some((start..stop).map(|number| self.int(number)).collect())
                        }
                        _ => None,
                    }
                }
                _ => None,
            };
            if let Some(items) = items {
                let mut made = Vec::new();
                for item in items {
                    made.push(self.in_scope_of(&only.target, item, &generator.elt)?);
                }
                return Ok(self.tuple(&made));
            }
        }
        self.start_again(before);
        self.at_place(place);
        let source = self.generator_source(&generator.elt, &generator.generators)?;
        self.at_call(call);
        self.tuple_of_source(source)
    }

    /// `(a, *b, c)`.
    pub fn tuple_display(&mut self, elts: &'p [Expr], node: &impl ast::Ranged) -> Lowered<Val> {
        let mut items: Vec<Val> = Vec::new();
        let mut list: Option<Val> = None;
        let mut failed = false;
        for elt in elts {
            let lowered = match elt {
                Expr::Starred(starred) => self.expr(&starred.value),
                other => self.expr(other),
            };
            let Some(val) = self.note_failure(lowered, &mut failed)? else { continue };
            self.at(elt);
            match (&list, elt.is_starred_expr()) {
                (None, false) => items.push(val),
                (Some(list), false) => self.append(list, &val)?,
                (_, true) => {
                    let val = self.as_plain_tuple(&val);
                    match (&list, val.ty()) {
                        (None, Type::Tuple(_)) => items.extend(self.fields(&val)),
                        (Some(list), _) => self.extend_list(&list.clone(), &val)?,
                        (None, _) => {
                            let made = self.new_list(&items, None, node.range().start().to_u32() ^ TUPLE_SITE)?;
                            self.extend_list(&made, &val)?;
                            list = Some(made);
                        }
                    }
                }
            }
        }
        if failed {
            return Err(Stop::Failed);
        }
        match list {
            Some(list) => Ok(self.tuple_around(&list)),
            None => Ok(self.tuple(&items)),
        }
    }

    /// `tuple[index]` of a tuple of any length.
    pub fn item_of_tuple(&mut self, list: &Val, index: &Val) -> Lowered<Val> {
        let index = self.index_int(index, "tuple")?;
        let (length, zero) = (self.length(list)?, self.int(0));
        let negative = self.prim(Prim::IntLt, &[&index, &zero]);
        let from_end = self.prim(Prim::IntAddWrap, &[&index, &length]);
        let position = self.select(&negative, &from_end, &index);
        let above = self.prim(Prim::IntGe, &[&position, &zero]);
        let below = self.prim(Prim::IntLt, &[&position, &length]);
        let no = self.bool(false);
        let inside = self.select(&above, &below, &no);
        self.require(&inside, ExcKind::IndexError, "tuple index out of range")?;
        self.item_at(list, &position)
    }

    /// A slice of a tuple whose length, or that of the slice, is not known when the program is compiled.
    pub fn slice_of_any_length(&mut self, tuple: &Val, slice: &Slice) -> Lowered<Val> {
        let Some(list) = self.list_of_tuple(tuple)? else { return Err(Stop::Failed) };
        let slice = Index::Slice(Box::new(slice.clone()));
        let part = self.load(&list, &slice)?;
        Ok(self.tuple_around(&part))
    }

    /// `+` and `*` with a tuple of any length; `None` for other operands.
    pub fn tuple_binary(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let any = |val: &Val| val.ty().tuple_item().is_some();
        if !any(left) && !any(right) {
            return Ok(None);
        }
        match op {
            Operator::Add => match (self.list_of_tuple(left)?, self.list_of_tuple(right)?) {
                (Some(a), Some(b)) => {
                    let both = self.concat_lists(&a, &b)?;
                    Ok(Some(self.tuple_around(&both)))
                }
                (Some(_), None) => {
                    let other = python_name(right.ty());
                    self.clash(format!("can only concatenate tuple (not \"{other}\") to tuple"))
                }
                (None, _) => Ok(None),
            },
            Operator::Mult => {
                let (tuple, count) = if any(left) { (left, right) } else { (right, left) };
                let Some(list) = self.tuple_list(tuple) else { return Ok(None) };
                match self.sequence_binary(op, &list, count)? {
                    Some(list) => Ok(Some(self.tuple_around(&list))),
                    None => Ok(None),
                }
            }
            _ => Ok(None),
        }
    }

    /// `tuple * count` with a count that is not known when the program is compiled.
    pub fn repeat_tuple(&mut self, tuple: &Val, count: &Val) -> Lowered<Val> {
        let Some(list) = self.list_of_tuple(tuple)? else { return Err(Stop::Failed) };
        let list = self.repeat_list(&list, count);
        Ok(self.tuple_around(&list))
    }

    /// `==`, `<` and the like where one side is a tuple of any length; `None` for other operands.
    pub fn compare_tuples(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        if left.ty().tuple_item().is_none() && right.ty().tuple_item().is_none() {
            return Ok(None);
        }
        match op {
            CmpOp::Eq | CmpOp::NotEq | CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE => {}
            CmpOp::Is | CmpOp::IsNot | CmpOp::In | CmpOp::NotIn => return Ok(None),
        }
        match (self.list_of_tuple(left)?, self.list_of_tuple(right)?) {
            // Lists compare as tuples do.
            (Some(a), Some(b)) => self.compare(op, &a, &b).map(Some),
            _ => Ok(None),
        }
    }

    /// `tuple.count(item)` and `tuple.index(item)`.
    pub fn tuple_method(&mut self, tuple: &Val, name: &str, args: &[Val]) -> Lowered<Val> {
        let Some(list) = self.list_of_tuple(tuple)? else { return Err(Stop::Failed) };
        match (name, args) {
            ("count", [_]) => self.list_method(&list, name, args),
            ("index", [val, bounds @ ..]) if bounds.len() < 3 => self.index_in_tuple(&list, val, bounds),
            ("count" | "index", _) => {
                self.clash(format!("tuple.{name}() takes another number of arguments ({} given)", args.len()))
            }
            _ => {
                let message = format!("'tuple' object has no attribute '{name}'");
                self.clash_of(ExcKind::AttributeError, "unknown-attribute", message)
            }
        }
    }

    /// A tuple as one of any length that holds items of further types.
    pub fn as_any_length(&mut self, val: &Val, target: &Shape) -> Lowered<Val> {
        let (Some(list), wanted) = (self.list_of_tuple(val)?, target.field(0)) else { return Err(Stop::Failed) };
        let Type::List(item) = &wanted.ty else { return Err(Stop::Failed) };
        let made = if list.ty() == &wanted.ty {
            Val { shape: wanted, ..list }
        } else {
            let element = Shape::from((**item).clone());
            let made = self.emit(Op::ListNew, &[], wanted);
            let length = self.length(&list)?;
            self.each_item(Source::Count(length), TUPLE_SITE << 1, &mut |lowerer, index| {
                let item = lowerer.item_at(&list, &index)?;
                let item = lowerer.coerce(&item, &element)?;
                lowerer.emit(Op::ListAppend, &[&made, &item], Type::None);
                Ok(())
            })?;
            made
        };
        let tuple = self.aggregate(target.ty.clone(), &[made]);
        Ok(Val { shape: target.clone(), ..tuple })
    }

    /// `repr` of a tuple whose items say themselves how they are shown.
    pub fn repr_of_tuple(&mut self, list: &Val) -> Lowered<Val> {
        if self.shows_whole(list.ty()) {
            let tuple = self.tuple_around(list);
            return Ok(self.container_op(ContainerOp::ValueRepr, &[&tuple], Type::Str));
        }
        let shown = self.shown_items(list)?;
        let (length, one) = (self.length(list)?, self.int(1));
        let is_single = self.prim(Prim::IntEq, &[&length, &one]);
        let [open, close, close_single] = ["(", ")", ",)"].map(|text| self.str(text));
        let close = self.select(&is_single, &close_single, &close);
        let text = self.prim(Prim::StrConcat, &[&open, &shown]);
        Ok(self.prim(Prim::StrConcat, &[&text, &close]))
    }
}

/// Whether a function of the library has a parameter for each of the keywords.
fn takes_keywords(function: usize, keywords: &[ast::Keyword]) -> bool {
    let parameters = library::source(function).map(|(_, def)| &def.parameters);
    let has = |keyword: &ast::Keyword| {
        keyword.arg.as_ref().is_some_and(|name| parameters.is_some_and(|parameters| parameters.includes(name.as_str())))
    };
    keywords.iter().all(has)
}
