//! Dicts: displays and comprehensions, items, methods and views.
//!
//! A display with constant texts as keys is a row until something is done to it that only a dict can do: then the function is
//! lowered again with a dict in its place ([`Lowerer::demand_dict`]).

use ir::{ContainerOp, ExcKind, Prim, RecordKind, RecordType, Type};

use super::expr::non_negative_int;
use super::iterate::{Elt, Source};
use super::{Lowered, Lowerer, Stop, Val};
use crate::parse::ast::{self, Expr, Ranged};
use crate::shape::{Origin, Shape, SiteId, annotation_text, python_name};

/// A part of a dict that can be looked at by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum View {
    Keys,
    Values,
    Items,
}

impl View {
    fn class(self) -> &'static str {
        match self {
            View::Keys => "dict_keys",
            View::Values => "dict_values",
            View::Items => "dict_items",
        }
    }
}

/// The view that a type is: a record around the dict.
pub fn view_of(ty: &Type) -> Option<View> {
    let Type::Record(record) = ty else { return None };
    let class = record.name.strip_prefix(ORDERED_VIEW).unwrap_or(&record.name);
    [View::Keys, View::Values, View::Items].into_iter().find(|view| class == view.class())
}

/// What the names of the classes of an `OrderedDict`'s views begin with.
const ORDERED_VIEW: &str = "o";

/// What tells the site of a dict display that is a row from others.
const ROW_SITE: u32 = 1 << 28;

impl<'c, 'p> Lowerer<'c, 'p> {
    /// The shapes of a dict's keys and values.
    pub fn dict_shapes(&self, dict: &Val) -> (Shape, Shape) {
        let pair = self.element_shape(dict);
        (pair.field(0), pair.field(1))
    }

    /// What tells whether a row that is made here is used as a dict.
    pub fn row_site(&mut self, key: u32) -> SiteId {
        self.sites.site(key | ROW_SITE, None)
    }

    pub fn new_dict(&mut self, element: Option<&Shape>, key: u32) -> Val {
        let kind = Type::Dict(Box::new(Type::None), Box::new(Type::None));
        let shape = self.site_shape(&kind, element, key);
        self.container_op(ContainerOp::DictNew, &[], shape)
    }

    // Displays.

    /// `{...}`: a row where all keys are texts of the program, else a dict.
    pub fn dict_display(&mut self, dict: &'p ast::ExprDict) -> Lowered<Val> {
        if dict.items.is_empty() && self.makes_knots() {
            self.at(dict);
            return self.new_knot(None);
        }
        let is_row =
            !dict.items.is_empty() && dict.items.iter().all(|item| matches!(&item.key, Some(Expr::StringLiteral(_))));
        let keys = dict.items.iter().filter_map(|item| match &item.key {
            Some(Expr::StringLiteral(key)) => Some(key.value.to_str()),
            _ => None,
        });
        if !is_row || self.compiler.widenings.is_dict(keys) {
            return self.dict_of_display(dict, None);
        }
        let site = self.sites.site(dict.start().to_u32() | ROW_SITE, None);
        if self.sites.element(site).is_some() {
            let made = self.dict_of_display(dict, None)?;
            // It stays a dict in the next round.
            let element = self.element_shape(&made);
            self.sites.grow(site, &element);
            return Ok(made);
        }
        let mut fields: Vec<(String, Val)> = Vec::new();
        for item in &dict.items {
            let Some(Expr::StringLiteral(key)) = &item.key else { continue };
            let val = self.expr(&item.value)?;
            let name = key.value.to_str();
            self.check_text(name, key)?;
            match fields.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = val,
                None => fields.push((name.to_owned(), val)),
            }
        }
        let typed = fields.iter().map(|(name, val)| (name.clone(), val.ty().clone())).collect();
        let record = RecordType { kind: RecordKind::Dict, name: String::new(), fields: typed };
        let vals: Vec<Val> = fields.into_iter().map(|(_, val)| val).collect();
        let mut row = self.aggregate(Type::Record(record.into()), &vals);
        row.shape.origin.sites = vec![site];
        Ok(row)
    }

    /// A row that turns out to be a dict: the display is lowered again as one.
    pub fn demand_dict(&mut self, row: &Val) -> Lowered<Val> {
        let sites = row.shape.origin.sites.clone();
        let element = crate::shape::row_element(&row.shape, &mut self.sites);
        if sites.is_empty() {
            // Rows of elsewhere are what they are; one with fields of one type has the items of a dict.
            return self.dict_of_row(row, &element);
        }
        for site in &sites {
            self.sites.grow(*site, &element);
        }
        self.misfits += 1;
        let Type::Tuple(pair) = &element.ty else { return Err(Stop::Failed) };
        let ty = Type::Dict(Box::new(pair[0].clone()), Box::new(pair[1].clone()));
        let id = self.stand_in(&ty);
        Ok(Val::new(id, Shape { ty, origin: Origin { sites, ..Origin::default() } }))
    }

    fn dict_of_row(&mut self, row: &Val, element: &Shape) -> Lowered<Val> {
        let Type::Record(record) = row.ty().clone() else { return Err(Stop::Failed) };
        let names: Vec<String> = record.fields.iter().map(|(name, _)| format!("`{name}`")).collect();
        self.compiler.misfits.note_row(record.fields.iter().map(|(name, _)| name.clone()).collect());
        self.fail(
            "unsupported-operation",
            format!("this `dict` came as a row with the keys {}", names.join(", ")),
            Some(format!("annotate it where it is made: `dict[str, {}]`", annotation_text(&element.field(1).ty))),
        )
    }

    /// A display as a dict.
    pub fn dict_of_display(&mut self, display: &'p ast::ExprDict, element: Option<Shape>) -> Lowered<Val> {
        let dict = self.new_dict(element.as_ref(), display.start().to_u32());
        for item in &display.items {
            match &item.key {
                Some(key) => {
                    let key_val = self.expr(key)?;
                    let val = self.expr(&item.value)?;
                    self.at(key);
                    self.store_key(&dict, &key_val, &val)?;
                }
                None => {
                    let other = self.expr(&item.value)?;
                    self.at(&item.value);
                    self.merge_mapping(&dict, &other)?;
                }
            }
        }
        self.at(display);
        Ok(dict)
    }

    /// `{key: value for ...}`.
    pub fn dict_comprehension(&mut self, comp: &'p ast::ExprDictComp) -> Lowered<Val> {
        let Some(key) = &comp.key else {
            return self.fail_at(comp, "unsupported-expression", "`**` in a comprehension cannot be compiled", None);
        };
        let source = self.comprehension_source(Elt::Pair(key, &comp.value), &comp.generators)?;
        self.at(comp);
        let dict = self.new_dict(None, comp.start().to_u32());
        self.each_item(source, 1 << 27, &mut |lowerer, pair| {
            let items = lowerer.fields(&pair);
            let [key, val] = items.as_slice() else { return Err(Stop::Failed) };
            lowerer.store_key(&dict, key, val)
        })?;
        Ok(dict)
    }

    // Items.

    pub fn store_key(&mut self, dict: &Val, key: &Val, val: &Val) -> Lowered<()> {
        if matches!(key.ty(), Type::Np(_)) {
            return self.fail(
                "unsupported-operation",
                "a NumPy scalar cannot be a key in compiled code",
                Some("convert with `int()` or `float()` first".to_owned()),
            );
        }
        let key = self.hashable(key)?;
        let mut shapes = [key.shape.clone(), val.shape.clone()];
        for shape in &mut shapes {
            // A literal is not the container's own.
            shape.origin.parts = shape.origin.parts.iter().map(Origin::of_containers).collect();
        }
        let [first, second] = shapes;
        let element = self.grow(dict, &Shape::pair(first, second))?;
        let (key, val) = (self.coerce(&key, &element.field(0))?, self.coerce(val, &element.field(1))?);
        self.container_op(ContainerOp::DictSet, &[dict, &key, &val], Type::None);
        Ok(())
    }

    /// A key that is looked for: a member that is a number or a text as well is that in a dict or set of such.
    pub fn looked_for(&mut self, table: &Val, key: &Val) -> Lowered<Val> {
        if key.ty().variants().iter().any(|ty| matches!(ty, Type::Set { frozen: false, .. })) {
            // CPython looks for a frozen set in its place, in a set.
            return self.fail("unsupported-operation", "a set cannot be looked for among keys in compiled code", None);
        }
        let key = self.hashable(key)?;
        let (Type::Dict(own, _) | Type::Set { item: own, .. }) = table.ty() else { return Ok(key) };
        if self.is_mixed_member(key.ty()) && matches!(**own, Type::Int | Type::Str | Type::Float | Type::Bool) {
            return self.without_enum(&key);
        }
        Ok(key)
    }

    /// `dict[key]`.
    pub fn load_key(&mut self, dict: &Val, key: &Val) -> Lowered<Val> {
        let found = self.looked_for(dict, key)?;
        let (_, value) = self.dict_shapes(dict);
        self.with_key_as_argument(key, &mut |lowerer| {
            Ok(lowerer.container_op(ContainerOp::DictGet, &[dict, &found], value.clone()))
        })
    }

    pub fn delete_key(&mut self, dict: &Val, key: &Val) -> Lowered<()> {
        let found = self.looked_for(dict, key)?;
        self.with_key_as_argument(key, &mut |lowerer| {
            Ok(lowerer.container_op(ContainerOp::DictDelete, &[dict, &found], Type::None))
        })?;
        Ok(())
    }

    /// The position of a key, or -1.
    pub fn find_key(&mut self, dict: &Val, key: &Val) -> Lowered<Val> {
        let key = self.looked_for(dict, key)?;
        Ok(self.container_op(ContainerOp::DictFind, &[dict, &key], Type::Int))
    }

    fn value_at(&mut self, dict: &Val, position: &Val) -> Val {
        let (_, value) = self.dict_shapes(dict);
        self.container_op(ContainerOp::DictValueAt, &[dict, position], value)
    }

    /// Lowers one or the other way, by whether a key was found; gives the value of the way that was taken.
    fn if_found(
        &mut self,
        position: &Val,
        found: &mut dyn FnMut(&mut Self) -> Lowered<Val>,
        missing: &mut dyn FnMut(&mut Self) -> Lowered<Val>,
    ) -> Lowered<Val> {
        let zero = self.int(0);
        let is_there = self.prim(Prim::IntGe, &[position, &zero]);
        let (holds, fails) = self.branch(&is_there)?;
        let mut edges = Vec::new();
        self.continue_at(holds);
        if self.is_live() {
            let val = found(self)?;
            edges.extend(self.detach().map(|edge| (edge, val)));
        }
        self.continue_at(fails);
        if self.is_live() {
            match missing(self) {
                Ok(val) => edges.extend(self.detach().map(|edge| (edge, val))),
                Err(Stop::Dead) => {}
                Err(other) => return Err(other),
            }
        }
        self.join_values(edges)
    }

    /// Raises `KeyError` for the key.
    fn raise_key_error(&mut self, key: &Val) -> Lowered<Val> {
        self.raise_made(ExcKind::KeyError.into(), std::slice::from_ref(key))?;
        Err(Stop::Dead)
    }

    // Methods.

    pub fn dict_method(&mut self, dict: &Val, name: &str, args: &[Val], keywords: &[(String, Val)]) -> Lowered<Val> {
        match (name, args) {
            ("get", [key, rest @ ..]) if rest.len() < 2 => {
                let position = self.find_key(dict, key)?;
                self.if_found(&position, &mut |lowerer| Ok(lowerer.value_at(dict, &position)), &mut |lowerer| {
                    Ok(rest.first().cloned().unwrap_or_else(|| lowerer.none()))
                })
            }
            ("setdefault", [key, rest @ ..]) if rest.len() < 2 => {
                let position = self.find_key(dict, key)?;
                let default = match rest.first() {
                    Some(default) => default.clone(),
                    None => self.none(),
                };
                self.if_found(&position, &mut |lowerer| Ok(lowerer.value_at(dict, &position)), &mut |lowerer| {
                    lowerer.store_key(dict, key, &default)?;
                    let (_, value) = lowerer.dict_shapes(dict);
                    lowerer.coerce(&default, &value)
                })
            }
            ("pop", [key, rest @ ..]) if rest.len() < 2 => {
                let position = self.find_key(dict, key)?;
                self.if_found(
                    &position,
                    &mut |lowerer| {
                        let val = lowerer.value_at(dict, &position);
                        lowerer.container_op(ContainerOp::DictDeleteAt, &[dict, &position], Type::None);
                        Ok(val)
                    },
                    &mut |lowerer| match rest.first() {
                        Some(default) => Ok(default.clone()),
                        None => lowerer.raise_key_error(key),
                    },
                )
            }
            ("popitem", []) => {
                let position = self.container_op(ContainerOp::DictLast, &[dict], Type::Int);
                let zero = self.int(0);
                let is_there = self.prim(Prim::IntGe, &[&position, &zero]);
                let text = self.str("popitem(): dictionary is empty");
                self.with_key_as_argument(&text, &mut |lowerer| {
                    lowerer.require(&is_there, ExcKind::KeyError, "'popitem(): dictionary is empty'")?;
                    Ok(lowerer.none())
                })?;
                let pair = self.view_item(dict, View::Items, &position);
                self.container_op(ContainerOp::DictDeleteAt, &[dict, &position], Type::None);
                Ok(pair)
            }
            ("update", [] | [_]) => {
                if let Some(other) = args.first() {
                    self.update_dict(dict, other)?;
                }
                for (name, val) in keywords {
                    let key = self.str(name);
                    self.store_key(dict, &key, val)?;
                }
                Ok(self.none())
            }
            ("clear", []) => Ok(self.container_op(ContainerOp::DictClear, &[dict], Type::None)),
            ("copy", []) => Ok(self.container_op(ContainerOp::DictCopy, &[dict], dict.shape.clone())),
            ("keys", []) => Ok(self.view_of_dict(dict, View::Keys)),
            ("values", []) => Ok(self.view_of_dict(dict, View::Values)),
            ("items", []) => Ok(self.view_of_dict(dict, View::Items)),
            (
                "get" | "setdefault" | "pop" | "popitem" | "update" | "clear" | "copy" | "keys" | "values" | "items",
                _,
            ) => self.clash(format!("dict.{name}() takes another number of arguments ({} given)", args.len())),
            ("fromkeys", _) => self.fail(
                "unsupported-method",
                "`fromkeys` of a dict object cannot be compiled",
                Some("write `dict.fromkeys(...)`".to_owned()),
            ),
            _ => {
                let message = format!("'dict' object has no attribute '{name}'");
                self.clash_of(ExcKind::AttributeError, "unknown-attribute", message)
            }
        }
    }

    /// `dict.update(other)`, `dict |= other`, `{**other}`.
    pub fn update_dict(&mut self, dict: &Val, other: &Val) -> Lowered<()> {
        let dict = dict.clone();
        self.each_variant(other, &mut |lowerer, other| {
            lowerer.update_from(&dict, &other)?;
            Ok(lowerer.none())
        })?;
        Ok(())
    }

    /// `**other` in a display: as `update`, but of mappings only.
    fn merge_mapping(&mut self, dict: &Val, other: &Val) -> Lowered<()> {
        self.each_variant(other, &mut |lowerer, other| {
            let inner = lowerer.inner_dict(&other)?;
            match inner.ty() {
                Type::Dict(..) => lowerer.update_from(dict, &inner)?,
                Type::Record(record) if record.kind == RecordKind::Dict => lowerer.update_from(dict, &inner)?,
                Type::Object(_) => {
                    return lowerer.fail("unsupported-expression", "`**` of such an object cannot be compiled", None);
                }
                other => return lowerer.clash(format!("'{}' object is not a mapping", python_name(other))),
            }
            Ok(lowerer.none())
        })?;
        Ok(())
    }

    fn update_from(&mut self, dict: &Val, other: &Val) -> Lowered<()> {
        let other = &self.inner_dict(other)?;
        match other.ty() {
            Type::Record(record) if record.kind == RecordKind::Dict => {
                let names: Vec<String> = record.fields.iter().map(|(name, _)| name.clone()).collect();
                for (name, val) in names.iter().zip(self.fields(other)) {
                    let key = self.str(name);
                    self.store_key(dict, &key, &val)?;
                }
                Ok(())
            }
            Type::Dict(..) => {
                if self.known_element(other).is_none() {
                    return Ok(());
                }
                // Also right when it is the same dict: nothing is added then.
                let source = Source::Dict(other.clone(), View::Items);
                self.each_item(source, 1 << 27, &mut |lowerer, pair| lowerer.store_pair(dict, &pair))
            }
            _ => {
                let source = self.source_of(other)?;
                self.update_from_source(dict, source)
            }
        }
    }

    fn update_from_source(&mut self, dict: &Val, source: Source<'p>) -> Lowered<()> {
        self.each_item(source, 1 << 27, &mut |lowerer, pair| {
            let pair = lowerer.each_variant(&pair, &mut |lowerer, pair| lowerer.unpack(&pair, 2))?;
            lowerer.store_pair(dict, &pair)
        })
    }

    fn store_pair(&mut self, dict: &Val, pair: &Val) -> Lowered<()> {
        let items = self.fields(pair);
        let [key, val] = items.as_slice() else { return Err(Stop::Failed) };
        self.store_key(dict, key, val)
    }

    /// `dict(...)`.
    pub fn dict_builtin(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let args = &*call.arguments.args;
        if args.is_empty() && call.arguments.keywords.is_empty() && self.makes_knots() {
            self.at_call(call);
            return self.new_knot(None);
        }
        let key = call.range_start.to_u32();
        let source = match args {
            [] => None,
            [Expr::Starred(_)] => {
                return self.fail_at(call, "unsupported-expression", "`*` in this call cannot be compiled", None);
            }
            [iterable @ (Expr::Generator(_) | Expr::Call(_))] => Some(self.iterable_or_mapping(iterable)?),
            [other] => Some(Err(self.expr(other)?)),
            more => {
                let message = format!("dict expected at most 1 argument, got {}", more.len());
                self.at_call(call);
                return self.clash(message);
            }
        };
        let mut named = Vec::new();
        for keyword in &call.arguments.keywords {
            let val = self.expr(&keyword.value)?;
            named.push((keyword.arg.as_ref().map(|name| name.to_string()), val));
        }
        self.at_call(call);
        let dict = self.new_dict(None, key);
        match source {
            Some(Ok(source)) => self.update_from_source(&dict, source)?,
            Some(Err(val)) => self.update_dict(&dict, &val)?,
            None => {}
        }
        for (name, val) in named {
            match name {
                Some(name) => {
                    let key = self.str(&name);
                    self.store_key(&dict, &key, &val)?;
                }
                None => self.update_dict(&dict, &val)?,
            }
        }
        Ok(dict)
    }

    /// What a call gives: a source where it is an iterator, else the value.
    fn iterable_or_mapping(&mut self, expr: &'p Expr) -> Lowered<Result<Source<'p>, Val>> {
        match self.iterable_thing(expr)? {
            Ok(source) => Ok(Ok(source)),
            Err(val) => Ok(Err(val)),
        }
    }

    /// `dict.fromkeys(iterable, value)`.
    pub fn dict_from_keys(&mut self, vals: &[Val]) -> Lowered<Val> {
        let (keys, value) = match vals {
            [keys] => (keys, self.none()),
            [keys, value] => (keys, value.clone()),
            _ => return self.clash("fromkeys expected 1 or 2 arguments"),
        };
        let source = self.source_of(keys)?;
        let dict = self.new_dict(None, self.place.start | 1 << 24);
        self.each_item(source, 1 << 27, &mut |lowerer, key| lowerer.store_key(&dict, &key, &value))?;
        Ok(dict)
    }

    /// `left | right` of dicts.
    pub fn merge_dicts(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        let dict = self.new_dict(None, self.place.start | 1 << 24);
        self.update_dict(&dict, left)?;
        self.update_dict(&dict, right)?;
        Ok(dict)
    }

    // Views.

    /// `d.keys()` and the like: they show the dict as it is when they are looked at.
    fn view_of_dict(&mut self, dict: &Val, view: View) -> Val {
        let fields = vec![("mapping".to_owned(), dict.ty().clone())];
        let record = RecordType { kind: RecordKind::Dataclass, name: view.class().to_owned(), fields };
        self.aggregate(Type::Record(record.into()), std::slice::from_ref(dict))
    }

    /// A view of a dict as one of an `OrderedDict`: it shows another name.
    pub fn ordered_view(&mut self, view: Val) -> Val {
        match view.ty().clone() {
            Type::Record(record) if view_of(view.ty()).is_some() => {
                let record = RecordType { name: format!("{ORDERED_VIEW}{}", record.name), ..(*record).clone() };
                let dict = self.field(&view, 0);
                self.aggregate(Type::Record(record.into()), &[dict])
            }
            _ => view,
        }
    }

    /// What a view shows at a live position.
    pub fn view_item(&mut self, dict: &Val, view: View, position: &Val) -> Val {
        let (key, _) = self.dict_shapes(dict);
        let key = |lowerer: &mut Self| lowerer.container_op(ContainerOp::DictKeyAt, &[dict, position], key.clone());
        match view {
            View::Keys => key(self),
            View::Values => self.value_at(dict, position),
            View::Items => {
                let pair = [key(self), self.value_at(dict, position)];
                self.tuple(&pair)
            }
        }
    }

    pub fn view_contains(&mut self, view: &Val, item: &Val) -> Lowered<Val> {
        let dict = self.field(view, 0);
        let zero = self.int(0);
        match view_of(view.ty()) {
            Some(View::Keys) | None => {
                let found = self.find_key(&dict, item)?;
                Ok(self.prim(Prim::IntGe, &[&found, &zero]))
            }
            Some(View::Values) => {
                let list = self.collect_list(Source::Dict(dict, View::Values), self.place.start | 1 << 24)?;
                self.list_contains(&list, item)
            }
            Some(View::Items) => {
                let pair = match item.ty() {
                    Type::Tuple(pair) if pair.len() == 2 => self.fields(item),
                    _ => return Ok(self.bool(false)),
                };
                let [key, val] = pair.as_slice() else { return Err(Stop::Failed) };
                let position = self.find_key(&dict, key)?;
                self.if_found(
                    &position,
                    &mut |lowerer| {
                        let found = lowerer.value_at(&dict, &position);
                        lowerer.equal(&found, val, false)
                    },
                    &mut |lowerer| Ok(lowerer.bool(false)),
                )
            }
        }
    }

    /// A view of keys or items as a set, for what sets can do.
    pub fn set_of_view(&mut self, view: &Val) -> Lowered<Val> {
        let Some(kind) = view_of(view.ty()) else { return Ok(view.clone()) };
        let dict = self.field(view, 0);
        let length = self.emit_length(&dict);
        let set = self.new_set(false, None, self.place.start ^ view.id.0 << 8 | 1 << 23);
        self.container_op(ContainerOp::SetReserve, &[&set, &length], Type::None);
        self.each_item(Source::Dict(dict, kind), 1 << 22 ^ view.id.0, &mut |lowerer, item| {
            lowerer.add_to_set(&set, &item)
        })?;
        Ok(set)
    }

    pub fn emit_length(&mut self, dict: &Val) -> Val {
        self.container_op(ContainerOp::DictLen, &[dict], non_negative_int())
    }
}
