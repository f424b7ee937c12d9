//! `collections`: `deque`, `Counter`, `defaultdict` and `OrderedDict`. Each is a record of the library around lists or a
//! dict, so that it is shared as they are and its element types are found by use as theirs are. What a deque does is
//! Python, in `prelude/collections.py`; the others are dicts that differ in a few places.

use ir::{ContainerOp, ExcKind, Op, Prim, RecordKind, RecordType, Type};

use super::call::CallArguments;
use super::iterate::Source;
use super::{Edge, Lowered, Lowerer, Static, Stop, Thing, Val};
use crate::library;
use crate::objects::KNOT_CLASS;
use crate::parse::ast::CmpOp;
use crate::shape::Shape;

const DEQUE: &str = "collections.deque";
const COUNTER: &str = "collections.Counter";
const ORDERED: &str = "collections.OrderedDict";
/// Around an instance whose only field is the dict, so that the type has an end.
const KNOT: &str = "dict#knot";
/// Followed by the number of what makes its missing values.
const DEFAULT: &str = "collections.defaultdict#";

/// The field of that instance.
const KNOT_FIELD: &str = "items";

/// What tells the lists inside from other containers that are made at the same place.
const STATE_SITE: u32 = 1 << 26;
const FACTORY_SITE: u32 = 1 << 25;

/// A class of `collections`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Deque,
    Counter,
    Ordered,
    /// With the number of its factory.
    Default(usize),
    /// A dict that holds dicts of its own kind: a trie.
    Knot,
}

fn kind_of(ty: &Type) -> Option<Kind> {
    let Type::Record(record) = ty else { return None };
    if record.kind != RecordKind::Library {
        return None;
    }
    match record.name.as_str() {
        DEQUE => Some(Kind::Deque),
        COUNTER => Some(Kind::Counter),
        ORDERED => Some(Kind::Ordered),
        KNOT => Some(Kind::Knot),
        name => name.strip_prefix(DEFAULT)?.parse().ok().map(Kind::Default),
    }
}

/// Whether the type is one of the classes here.
pub fn is_collection(ty: &Type) -> bool {
    kind_of(ty).is_some()
}

/// Whether the type is one of those that derive from `dict`.
pub fn is_dict_like(ty: &Type) -> bool {
    matches!(kind_of(ty), Some(Kind::Counter | Kind::Ordered | Kind::Default(_)))
}

/// Whether the member makes an instance of one of the classes here.
pub fn is_class(module: &str, name: &str) -> bool {
    module == "collections" && matches!(name, "deque" | "Counter" | "OrderedDict" | "defaultdict")
}

impl<'c, 'p> Lowerer<'c, 'p> {
    // Making.

    /// `deque(...)` and the like.
    pub fn new_collection(&mut self, name: &str, arguments: CallArguments) -> Lowered<Val> {
        match name {
            "deque" => self.new_deque(arguments),
            "Counter" => {
                let counter = self.around_dict(COUNTER.to_owned());
                self.count_all(&counter, arguments, 1)?;
                Ok(counter)
            }
            "OrderedDict" => {
                let dict = self.around_dict(ORDERED.to_owned());
                self.fill_dict(&dict, arguments)?;
                Ok(dict)
            }
            _ => {
                let mut positional = arguments.positional.into_iter();
                let factory = match positional.next() {
                    Some(Thing::Static(factory)) => Some(factory),
                    Some(Thing::Val(val)) if *val.ty() == Type::None => None,
                    None => None,
                    Some(Thing::Val(_)) => return self.clash("first argument must be callable or None"),
                };
                let number = self.compiler.factory_number(factory);
                let dict = self.around_dict(format!("{DEFAULT}{number}"));
                let rest = CallArguments { positional: positional.collect(), keywords: arguments.keywords };
                self.fill_dict(&dict, rest)?;
                Ok(dict)
            }
        }
    }

    fn around_dict(&mut self, name: String) -> Val {
        let kind = Type::Dict(Box::new(Type::None), Box::new(Type::None));
        let shape = self.site_shape(&kind, None, self.place.start);
        let dict = self.container_op(ContainerOp::DictNew, &[], shape);
        let fields = vec![("items".to_owned(), dict.ty().clone())];
        self.aggregate(Type::Record(RecordType { kind: RecordKind::Library, name, fields }.into()), &[dict])
    }

    fn fill_dict(&mut self, around: &Val, arguments: CallArguments) -> Lowered<()> {
        let dict = self.field(around, 0);
        for thing in arguments.positional {
            let other = self.value_of(thing)?;
            self.update_dict(&dict, &other)?;
        }
        for (name, thing) in arguments.keywords {
            let val = self.value_of(thing)?;
            let key = self.str(&name);
            self.store_key(&dict, &key, &val)?;
        }
        Ok(())
    }

    fn new_deque(&mut self, arguments: CallArguments) -> Lowered<Val> {
        let mut positional = arguments.positional.into_iter();
        let iterable = positional.next();
        let mut maxlen = positional.next();
        for (keyword, thing) in arguments.keywords {
            match keyword.as_str() {
                "maxlen" => maxlen = Some(thing),
                _ => return self.clash(format!("deque() got an unexpected keyword argument '{keyword}'")),
            }
        }
        let key = self.place.start;
        let items = self.new_list(&[], None, key)?;
        let zero = self.int(0);
        let int = Shape::from(Type::Int);
        let state = self.new_list(&[zero.clone(), zero], Some(int), key ^ STATE_SITE)?;
        let maxlen = match maxlen {
            None => self.none(),
            Some(thing) => {
                let val = self.value_of(thing)?;
                match val.ty() {
                    Type::None => val,
                    _ => {
                        let val = self.as_index(&val)?;
                        let zero = self.int(0);
                        let fine = self.prim(Prim::IntGe, &[&val, &zero]);
                        self.require(&fine, ExcKind::ValueError, "maxlen must be non-negative")?;
                        Val { known: None, ..val }
                    }
                }
            }
        };
        let parts = [items, state, maxlen];
        let names = ["items", "state", "maxlen"];
        let fields = names.iter().zip(&parts).map(|(name, val)| ((*name).to_owned(), val.ty().clone())).collect();
        let record = RecordType { kind: RecordKind::Library, name: DEQUE.to_owned(), fields };
        let deque = self.aggregate(Type::Record(record.into()), &parts);
        if let Some(iterable) = iterable {
            let iterable = self.value_of(iterable)?;
            self.extend_deque(&deque, &iterable, "append")?;
        }
        Ok(deque)
    }

    // What they have in common.

    /// The dict inside a collection that is one; else the value itself.
    pub fn inner_dict(&mut self, val: &Val) -> Lowered<Val> {
        match kind_of(val.ty()) {
            Some(Kind::Counter | Kind::Ordered | Kind::Default(_)) => Ok(self.field(val, 0)),
            Some(Kind::Knot) => {
                let around = self.field(val, 0);
                match self.get_field(&around, KNOT_FIELD)? {
                    Some(dict) => Ok(dict),
                    None => Err(Stop::Failed),
                }
            }
            Some(Kind::Deque) | None => Ok(val.clone()),
        }
    }

    /// A dict that may hold dicts of its own kind: an empty one, or one with these items.
    pub fn new_knot(&mut self, items: Option<&Val>) -> Lowered<Val> {
        self.compiler.objects.meet_knot(KNOT_FIELD);
        let around = self.new_object_of(KNOT_CLASS)?;
        let items = match items {
            Some(items) => items.clone(),
            None => match self.knot_shape() {
                Some(shape) => self.container_op(ContainerOp::DictNew, &[], shape),
                None => return Err(Stop::Failed),
            },
        };
        self.store_field(&around, KNOT_FIELD, &items)?;
        let fields = vec![("items".to_owned(), around.ty().clone())];
        Ok(self.aggregate(
            Type::Record(RecordType { kind: RecordKind::Library, name: KNOT.to_owned(), fields }.into()),
            &[around],
        ))
    }

    fn knot_shape(&mut self) -> Option<Shape> {
        let known = self.compiler.objects.class(KNOT_CLASS)?.fields.first()?.clone();
        Some(known.shape_with_sites(&mut self.sites))
    }

    /// Whether empty dicts of the function that is lowered may hold dicts of their own kind.
    pub fn makes_knots(&self) -> bool {
        let source = self.compiler.callable_of(self.spec).and_then(|callable| self.compiler.source(callable));
        source.is_some_and(|source| self.compiler.notes.makes_knots(source.place()))
    }

    /// The result of a method such as `__len__`, where the value is a collection that has it.
    pub fn collection_special(&mut self, object: &Val, name: &str, vals: &[Val]) -> Lowered<Option<Val>> {
        let Some(kind) = kind_of(object.ty()) else { return Ok(None) };
        let found = match (kind, name, vals) {
            (Kind::Deque, "__len__", []) => self.deque_function("_deque_length", object, &[])?,
            (Kind::Deque, "__contains__", [item]) => {
                let list = self.deque_function("_deque_list", object, &[])?;
                self.compare(CmpOp::In, item, &list)?
            }
            (Kind::Deque, "__getitem__", [index]) => {
                let index = self.as_index(index)?;
                self.deque_function("_deque_item", object, &[index])?
            }
            (Kind::Deque, "__eq__", [other]) => match kind_of(other.ty()) {
                Some(Kind::Deque) => {
                    let left = self.deque_function("_deque_list", object, &[])?;
                    let right = self.deque_function("_deque_list", other, &[])?;
                    self.compare(CmpOp::Eq, &left, &right)?
                }
                _ => self.bool(false),
            },
            (Kind::Deque, "__repr__", []) => self.deque_repr(object)?,
            (Kind::Knot, "__eq__" | "__repr__", _) => {
                let message = "a dict that holds dicts of its own kind cannot be compared or shown in compiled code";
                return self.fail("unsupported-operation", message, Some("compare or show its items".to_owned()));
            }
            (_, "__len__", []) => {
                let dict = self.inner_dict(object)?;
                self.length(&dict)?
            }
            (_, "__contains__", [key]) => {
                let dict = self.inner_dict(object)?;
                self.compare(CmpOp::In, key, &dict)?
            }
            (kind, "__getitem__", [key]) => self.item_or_default(kind, object, key)?,
            (Kind::Counter, "__eq__", [other]) if kind_of(other.ty()) == Some(Kind::Counter) => {
                self.call_on_dicts("_counters_equal", object, other)?
            }
            (Kind::Ordered, "__eq__", [other]) if kind_of(other.ty()) == Some(Kind::Ordered) => {
                self.call_on_dicts("_ordered_equal", object, other)?
            }
            (_, "__eq__", [other]) => {
                let (left, right) = (self.inner_dict(object)?, self.inner_dict(other)?);
                self.compare(CmpOp::Eq, &left, &right)?
            }
            (Kind::Counter, "__add__", [other]) => self.counted("_counter_add", object, other)?,
            (Kind::Counter, "__sub__", [other]) => self.counted("_counter_sub", object, other)?,
            (Kind::Counter, "__and__", [other]) => self.counted("_counter_and", object, other)?,
            (Kind::Counter, "__or__", [other]) => self.counted("_counter_or", object, other)?,
            (kind, "__repr__", []) => self.dict_like_repr(kind, object)?,
            _ => return Ok(None),
        };
        Ok(Some(found))
    }

    fn call_on_dicts(&mut self, function: &str, left: &Val, right: &Val) -> Lowered<Val> {
        let (left, right) = (self.field(left, 0), self.field(right, 0));
        self.call_library("collections", function, &[left, right])
    }

    /// An operation of two counters: a new one.
    fn counted(&mut self, function: &str, left: &Val, right: &Val) -> Lowered<Val> {
        if kind_of(right.ty()) != Some(Kind::Counter) {
            return self.fail("unsupported-operation", "a `Counter` only goes with another `Counter`", None);
        }
        let pairs = self.call_on_dicts(function, left, right)?;
        let made = self.around_dict(COUNTER.to_owned());
        let dict = self.field(&made, 0);
        self.update_dict(&dict, &pairs)?;
        Ok(made)
    }

    /// A method of a collection.
    pub fn collection_method(
        &mut self,
        object: &Val,
        name: &str,
        args: &[Val],
        keywords: &[(String, Val)],
    ) -> Lowered<Option<Val>> {
        match kind_of(object.ty()) {
            None => Ok(None),
            Some(Kind::Deque) => self.deque_method(object, name, args).map(Some),
            Some(kind) => {
                let found = match kind {
                    Kind::Counter => self.counter_method(object, name, args, keywords)?,
                    Kind::Ordered => self.ordered_method(object, name, args, keywords)?,
                    Kind::Default(_) | Kind::Deque | Kind::Knot => None,
                };
                match (found, name) {
                    (Some(found), _) => Ok(Some(found)),
                    (None, "copy") => {
                        let dict = self.inner_dict(object)?;
                        let copy = self.dict_method(&dict, "copy", args, keywords)?;
                        if kind == Kind::Knot {
                            return self.new_knot(Some(&copy)).map(Some);
                        }
                        Ok(Some(self.aggregate(object.ty().clone(), &[copy])))
                    }
                    (None, _) => {
                        let dict = self.inner_dict(object)?;
                        let found = self.dict_method(&dict, name, args, keywords)?;
                        Ok(Some(if kind == Kind::Ordered { self.ordered_view(found) } else { found }))
                    }
                }
            }
        }
    }

    /// `object[key] = val`; whether the object is a collection.
    pub fn store_in_collection(&mut self, object: &Val, key: &Val, val: &Val) -> Lowered<bool> {
        match kind_of(object.ty()) {
            None => return Ok(false),
            Some(Kind::Deque) => {
                let index = self.as_index(key)?;
                self.deque_function("_deque_store", object, &[index, val.clone()])?;
            }
            Some(_) => {
                let dict = self.inner_dict(object)?;
                self.store_key(&dict, key, val)?;
            }
        }
        Ok(true)
    }

    /// `del object[key]`; whether the object is a collection.
    pub fn delete_from_collection(&mut self, object: &Val, key: &Val) -> Lowered<bool> {
        match kind_of(object.ty()) {
            None => return Ok(false),
            Some(Kind::Deque) => {
                let index = self.as_index(key)?;
                self.deque_function("_deque_delete", object, &[index])?;
            }
            Some(Kind::Counter) => {
                // A key that is not there is no error.
                let dict = self.inner_dict(object)?;
                let none = self.none();
                self.dict_method(&dict, "pop", &[key.clone(), none], &[])?;
            }
            Some(_) => {
                let dict = self.inner_dict(object)?;
                self.delete_key(&dict, key)?;
            }
        }
        Ok(true)
    }

    /// What iterating over a collection goes through.
    pub fn collection_source(&mut self, val: &Val) -> Lowered<Option<Source<'p>>> {
        match kind_of(val.ty()) {
            None => Ok(None),
            Some(Kind::Deque) => {
                let iterator = self.deque_function("_deque_iterate", val, &[])?;
                Ok(Some(Source::Iterator(iterator)))
            }
            Some(_) => {
                let dict = self.inner_dict(val)?;
                self.source_of(&dict).map(Some)
            }
        }
    }

    /// The items of a deque as a list; `None` of something else.
    pub fn deque_items(&mut self, val: &Val) -> Lowered<Option<Val>> {
        match kind_of(val.ty()) {
            Some(Kind::Deque) => self.deque_function("_deque_list", val, &[]).map(Some),
            _ => Ok(None),
        }
    }

    // Dicts that differ.

    /// `object[key]`, with what a missing key gives.
    fn item_or_default(&mut self, kind: Kind, object: &Val, key: &Val) -> Lowered<Val> {
        let dict = self.inner_dict(object)?;
        let factory = match kind {
            Kind::Counter => {
                let zero = self.int(0);
                let zero = Val { known: None, ..zero };
                return self.dict_method(&dict, "get", &[key.clone(), zero], &[]);
            }
            Kind::Default(number) => self.compiler.factory(number),
            Kind::Ordered | Kind::Deque | Kind::Knot => None,
        };
        let Some(factory) = factory else { return self.load_key(&dict, key) };
        let position = self.find_key(&dict, key)?;
        let zero = self.int(0);
        let is_there = self.prim(Prim::IntGe, &[&position, &zero]);
        let (holds, fails) = self.branch(&is_there)?;
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        self.continue_at(fails);
        if self.is_live() {
            let lowered = self.made_by(&factory, self.place.start ^ FACTORY_SITE).and_then(|made| {
                self.store_key(&dict, key, &made)?;
                let (_, value) = self.dict_shapes(&dict);
                self.coerce(&made, &value)
            });
            if let Some(made) = self.if_reached(lowered)? {
                edges.extend(self.detach().map(|edge| (edge, made)));
            }
        }
        self.continue_at(holds);
        if self.is_live() {
            let (_, value) = self.dict_shapes(&dict);
            let found = self.container_op(ContainerOp::DictValueAt, &[&dict, &position], value);
            edges.extend(self.detach().map(|edge| (edge, found)));
        }
        self.join_values(edges)
    }

    /// A value of what makes missing values and defaults; `key` is that of the container's site.
    pub fn made_by(&mut self, factory: &Static, key: u32) -> Lowered<Val> {
        let made = match factory {
            Static::Builtin("list") => self.new_list(&[], None, key)?,
            Static::Builtin("dict") => {
                let kind = Type::Dict(Box::new(Type::None), Box::new(Type::None));
                let shape = self.site_shape(&kind, None, key);
                self.container_op(ContainerOp::DictNew, &[], shape)
            }
            Static::Builtin(name @ ("set" | "frozenset")) => {
                let kind = Type::Set { item: Box::new(Type::None), frozen: *name == "frozenset" };
                let shape = self.site_shape(&kind, None, key);
                self.container_op(ContainerOp::SetNew, &[], shape)
            }
            Static::Builtin("tuple") => self.tuple(&[]),
            // The containers that a lambda makes are this function's own, so that their element types are found by use.
            Static::Closure(id) if self.sees_as(*id) => match self.compiler.lambda_body(*id) {
                Some(body) => {
                    let place = self.place;
                    let made = self.expr(body)?;
                    self.at_place(place);
                    made
                }
                None => self.call_static(factory, &[])?,
            },
            // So are those of a lambda elsewhere that reads no variables around it.
            Static::Closure(id) if let Some((owner, body)) = self.compiler.free_lambda_body(*id) => {
                self.in_class(owner, |lowerer| lowerer.expr(body))?
            }
            other => self.call_static(other, &[])?,
        };
        Ok(Val { known: None, ..made })
    }

    fn ordered_method(
        &mut self,
        object: &Val,
        name: &str,
        args: &[Val],
        keywords: &[(String, Val)],
    ) -> Lowered<Option<Val>> {
        if !matches!(name, "move_to_end" | "popitem") {
            return Ok(None);
        }
        let dict = self.inner_dict(object)?;
        let positional = std::iter::once(dict).chain(args.iter().cloned()).map(Thing::Val).collect();
        let keywords = keywords.iter().map(|(name, val)| (name.clone(), Thing::Val(val.clone()))).collect();
        self.call_collections(&format!("_ordered_{name}"), CallArguments { positional, keywords }).map(Some)
    }

    fn call_collections(&mut self, name: &str, arguments: CallArguments) -> Lowered<Val> {
        match library::function_named("collections", name) {
            Some(function) => self.call_library_function(function, arguments),
            None => self.fail("internal", format!("the library has no `{name}`"), None),
        }
    }

    // Counting.

    /// Adds what a counter is made of or updated with, `sign` times.
    fn count_of(&mut self, dict: &Val, val: &Val, sign: i64) -> Lowered<()> {
        let inner = self.inner_dict(val)?;
        match inner.ty() {
            Type::None => Ok(()),
            ty if crate::shape::element_type(ty).is_some() && self.known_element(&inner).is_none() => Ok(()),
            Type::Dict(..) => {
                let items = self.dict_method(&inner, "items", &[], &[])?;
                let source = self.source_of(&items)?;
                self.each_item(source, 1 << 24, &mut |lowerer, pair| {
                    let (key, count) = (lowerer.field(&pair, 0), lowerer.field(&pair, 1));
                    lowerer.count(dict, &key, &count, sign)
                })
            }
            _ => {
                let source = self.source_of(&inner)?;
                self.each_item(source, 1 << 24, &mut |lowerer, key| {
                    let one = lowerer.int(1);
                    lowerer.count(dict, &key, &Val { known: None, ..one }, sign)
                })
            }
        }
    }

    fn count_all(&mut self, counter: &Val, arguments: CallArguments, sign: i64) -> Lowered<()> {
        let dict = self.field(counter, 0);
        for thing in arguments.positional {
            let val = self.value_of(thing)?;
            self.each_variant(&val, &mut |lowerer, val| {
                lowerer.count_of(&dict, &val, sign)?;
                Ok(lowerer.none())
            })?;
        }
        for (name, thing) in arguments.keywords {
            let (key, count) = (self.str(&name), self.value_of(thing)?);
            self.count(&dict, &key, &count, sign)?;
        }
        Ok(())
    }

    fn count(&mut self, dict: &Val, key: &Val, count: &Val, sign: i64) -> Lowered<()> {
        let zero = self.int(0);
        let zero = Val { known: None, ..zero };
        let before = self.dict_method(dict, "get", &[key.clone(), zero], &[])?;
        let op = if sign > 0 { crate::parse::ast::Operator::Add } else { crate::parse::ast::Operator::Sub };
        let after = self.binary(op, &before, count, false)?;
        self.store_key(dict, key, &Val { known: None, ..after })
    }

    fn counter_method(
        &mut self,
        object: &Val,
        name: &str,
        args: &[Val],
        keywords: &[(String, Val)],
    ) -> Lowered<Option<Val>> {
        let things = || args.iter().cloned().map(Thing::Val).collect();
        match name {
            "update" | "subtract" => {
                let keywords = keywords.iter().map(|(name, val)| (name.clone(), Thing::Val(val.clone()))).collect();
                let arguments = CallArguments { positional: things(), keywords };
                self.count_all(object, arguments, if name == "update" { 1 } else { -1 })?;
                Ok(Some(self.none()))
            }
            "most_common" | "elements" | "total" => {
                let dict = self.field(object, 0);
                let positional = std::iter::once(dict).chain(args.iter().cloned()).map(Thing::Val).collect();
                let keywords = keywords.iter().map(|(name, val)| (name.clone(), Thing::Val(val.clone()))).collect();
                let arguments = CallArguments { positional, keywords };
                self.call_collections(&format!("_counter_{name}"), arguments).map(Some)
            }
            _ => Ok(None),
        }
    }

    // Deques.

    /// A call of a function of `prelude/collections.py` with a deque's parts and further arguments.
    fn deque_function(&mut self, name: &str, deque: &Val, args: &[Val]) -> Lowered<Val> {
        let mut vals = self.fields(deque);
        vals.extend_from_slice(args);
        self.call_library("collections", name, &vals)
    }

    fn extend_deque(&mut self, deque: &Val, iterable: &Val, method: &str) -> Lowered<()> {
        let iterable = match kind_of(iterable.ty()) {
            // Also right when it is the same deque.
            Some(Kind::Deque) => self.deque_function("_deque_list", iterable, &[])?,
            _ => iterable.clone(),
        };
        let source = self.source_of(&iterable)?;
        let function = format!("_deque_{method}");
        self.each_item(source, 1 << 24, &mut |lowerer, item| {
            lowerer.deque_function(&function, deque, &[item]).map(|_| ())
        })
    }

    fn deque_method(&mut self, deque: &Val, name: &str, args: &[Val]) -> Lowered<Val> {
        match (name, args) {
            ("extend", [iterable]) => {
                self.extend_deque(deque, iterable, "append")?;
                Ok(self.none())
            }
            ("extendleft", [iterable]) => {
                self.extend_deque(deque, iterable, "appendleft")?;
                Ok(self.none())
            }
            ("copy", []) => {
                let arguments = CallArguments { positional: vec![Thing::Val(deque.clone())], keywords: Vec::new() };
                self.new_deque(arguments)
            }
            (
                "append" | "appendleft" | "pop" | "popleft" | "clear" | "rotate" | "reverse" | "remove" | "count"
                | "index" | "insert",
                _,
            ) => self.deque_function(&format!("_deque_{name}"), deque, args),
            _ => {
                let message = format!("'collections.deque' object has no attribute '{name}'");
                self.clash_of(ExcKind::AttributeError, "unknown-attribute", message)
            }
        }
    }

    fn deque_repr(&mut self, deque: &Val) -> Lowered<Val> {
        let list = self.deque_function("_deque_list", deque, &[])?;
        let shown = self.repr_of(&list)?;
        let open = self.str("deque(");
        let mut text = self.prim(Prim::StrConcat, &[&open, &shown]);
        let maxlen = self.field(deque, 2);
        if *maxlen.ty() != Type::None {
            let (label, shown) = (self.str(", maxlen="), self.repr_of(&maxlen)?);
            text = self.prim(Prim::StrConcat, &[&text, &label]);
            text = self.prim(Prim::StrConcat, &[&text, &shown]);
        }
        let close = self.str(")");
        Ok(self.prim(Prim::StrConcat, &[&text, &close]))
    }

    fn dict_like_repr(&mut self, kind: Kind, object: &Val) -> Lowered<Val> {
        let dict = self.field(object, 0);
        let open = match kind {
            Kind::Counter => {
                let pairs = self.call_library("collections", "_counter_most_common", std::slice::from_ref(&dict))?;
                let sorted = self.around_dict(COUNTER.to_owned());
                let inner = self.field(&sorted, 0);
                self.update_dict(&inner, &pairs)?;
                return self.shown_in("Counter(", &inner);
            }
            Kind::Ordered => "OrderedDict(",
            Kind::Default(number) => match self.compiler.factory(number) {
                None => "defaultdict(None, ",
                Some(Static::Builtin("int")) => "defaultdict(<class 'int'>, ",
                Some(Static::Builtin("list")) => "defaultdict(<class 'list'>, ",
                Some(Static::Builtin("set")) => "defaultdict(<class 'set'>, ",
                Some(Static::Builtin("dict")) => "defaultdict(<class 'dict'>, ",
                Some(Static::Builtin("float")) => "defaultdict(<class 'float'>, ",
                Some(Static::Builtin("str")) => "defaultdict(<class 'str'>, ",
                Some(_) => {
                    return self.fail("unsupported-operation", "this `defaultdict` cannot be shown as text", None);
                }
            },
            Kind::Deque | Kind::Knot => return Err(Stop::Failed),
        };
        let inner = match kind {
            Kind::Ordered => self.call_library("collections", "_ordered_items", std::slice::from_ref(&dict))?,
            _ => dict,
        };
        self.shown_in(open, &inner)
    }

    fn shown_in(&mut self, open: &str, inner: &Val) -> Lowered<Val> {
        let (open, close) = (self.str(open), self.str(")"));
        let length = self.length(inner)?;
        let shown = self.repr_of(inner)?;
        // An empty one is shown without what is in it, a `defaultdict` all the same.
        let nothing = self.str("");
        let zero = self.int(0);
        let is_empty = self.prim(Prim::IntEq, &[&length, &zero]);
        let always = open.known_str().is_some_and(|open| open.ends_with(", "));
        let shown = if always { shown } else { self.emit(Op::Select, &[&is_empty, &nothing, &shown], Type::Str) };
        let text = self.prim(Prim::StrConcat, &[&open, &shown]);
        Ok(self.prim(Prim::StrConcat, &[&text, &close]))
    }
}
