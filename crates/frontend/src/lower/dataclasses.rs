//! `dataclasses.asdict`, `astuple` and `replace`.

use std::rc::Rc;

use ir::{ExcKind, RecordKind, RecordType, Type};

use super::call::CallArguments;
use super::dicts::View;
use super::iterate::Source;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::classes::{Class, ClassKind};
use crate::shape::annotation_text;

/// The functions of the module that take an instance.
pub const FUNCTIONS: &[&str] = &["asdict", "astuple", "replace"];

/// What tells containers that are made for parts of an instance from others at the same place.
const PART_SITE: u32 = 1 << 19;

impl<'p> Lowerer<'_, 'p> {
    /// A call of one of [`FUNCTIONS`].
    pub fn call_dataclasses(&mut self, name: &str, mut arguments: CallArguments) -> Lowered<Val> {
        let keywords = std::mem::take(&mut arguments.keywords);
        let vals = self.plain_arguments(name, arguments)?;
        let [val] = vals.as_slice() else {
            return self.fail("wrong-arguments", format!("`{name}` takes one instance in compiled code"), None);
        };
        if name != "replace" && !keywords.is_empty() {
            let message = format!("`{name}` takes no keyword argument in compiled code");
            return self.fail("wrong-arguments", message, None);
        }
        let place = self.place;
        self.each_variant(val, &mut |lowerer, val| {
            lowerer.at_place(place);
            match lowerer.dataclass_of(&val) {
                Some(class) if name == "replace" => lowerer.replaced_instance(&class, &val, &keywords),
                Some(_) => lowerer.taken_apart(&val, name == "asdict", &mut 0),
                None => lowerer.clash(format!("{name}() should be called on dataclass instances")),
            }
        })
    }

    fn dataclass_of(&self, val: &Val) -> Option<Rc<Class<'p>>> {
        self.class_of(val).filter(|class| matches!(class.kind, ClassKind::Dataclass(_)))
    }

    /// The fields of an instance, by name.
    fn fields_by_name(&mut self, class: &Class<'p>, val: &Val) -> Lowered<Vec<(String, Val)>> {
        let mut found = Vec::new();
        for field in &class.fields {
            let part = match val.ty() {
                Type::Record(record) => record.index_of(&field.name).map(|index| self.field(val, index)),
                _ => self.get_field(val, &field.name)?,
            };
            match part {
                Some(part) => found.push((field.name.clone(), part)),
                None => {
                    let message = format!("'{}' object has no attribute '{}'", class.name, field.name);
                    return self.clash_of(ExcKind::AttributeError, "unknown-attribute", message);
                }
            }
        }
        Ok(found)
    }

    /// A new instance, made as any other: what is not given is as in the old one.
    fn replaced_instance(&mut self, class: &Class<'p>, val: &Val, given: &[(String, Thing)]) -> Lowered<Val> {
        let mut keywords = given.to_vec();
        for (field, (name, part)) in class.fields.iter().zip(self.fields_by_name(class, val)?) {
            let is_given = given.iter().any(|(known, _)| *known == name);
            if !field.init && is_given {
                let message =
                    format!("field {name} is declared with init=False, it cannot be specified with replace()");
                return self.clash_of(ExcKind::ValueError, "wrong-arguments", message);
            }
            if field.init && !is_given {
                keywords.push((name, Thing::Val(part)));
            }
        }
        self.construct(class.number, CallArguments { positional: Vec::new(), keywords })
    }

    /// What `asdict` or `astuple` makes of a value: instances become dicts or tuples, lists, tuples and dicts are new ones with
    /// what is made of their items, all else is copied. `count` tells the containers that are made apart.
    fn taken_apart(&mut self, val: &Val, as_dict: bool, count: &mut u32) -> Lowered<Val> {
        if let Some(class) = self.dataclass_of(val) {
            *count += 1;
            let number = *count;
            let mut parts = Vec::new();
            for (name, part) in self.fields_by_name(&class, val)? {
                let part = self.each_variant(&part, &mut |lowerer, part| lowerer.taken_apart(&part, as_dict, count))?;
                parts.push((name, part));
            }
            if as_dict {
                return self.row_of_fields(parts, number << 11);
            }
            let items: Vec<Val> = parts.into_iter().map(|(_, part)| part).collect();
            return Ok(self.tuple(&items));
        }
        if !self.holds_dataclass(val.ty()) {
            return match val.ty() {
                // A dict of another class is made from pairs, which these do not take for what they are.
                Type::Record(record)
                    if matches!(record.kind, RecordKind::Library) && val.ty().tuple_item().is_none() =>
                {
                    match super::collections::is_collection(val.ty()) {
                        true => self.not_taken_apart(val),
                        false => self.copied(val, true),
                    }
                }
                _ => self.copied(val, true),
            };
        }
        *count += 1;
        let key = self.place.start ^ PART_SITE ^ *count << 11;
        let place = self.place;
        match val.ty().clone() {
            Type::List(_) => {
                let list = self.new_list(&[], None, key)?;
                self.each_item(Source::List(val.clone()), key, &mut |lowerer, item| {
                    let part =
                        lowerer.each_variant(&item, &mut |lowerer, item| lowerer.taken_apart(&item, as_dict, count))?;
                    lowerer.at_place(place);
                    lowerer.append(&list, &part)
                })?;
                Ok(list)
            }
            Type::Tuple(_) => {
                let mut items = Vec::new();
                for item in self.fields(val) {
                    items.push(
                        self.each_variant(&item, &mut |lowerer, item| lowerer.taken_apart(&item, as_dict, count))?,
                    );
                }
                Ok(self.tuple(&items))
            }
            Type::Record(record) if record.kind == RecordKind::Dict => {
                let dict = self.demand_dict(val)?;
                self.taken_apart(&dict, as_dict, count)
            }
            Type::Dict(..) => {
                let dict = self.new_dict(None, key);
                self.each_item(Source::Dict(val.clone(), View::Items), key, &mut |lowerer, pair| {
                    let mut parts = Vec::new();
                    for part in lowerer.fields(&pair) {
                        parts
                            .push(lowerer.each_variant(&part, &mut |lowerer, part| {
                                lowerer.taken_apart(&part, as_dict, count)
                            })?);
                    }
                    lowerer.at_place(place);
                    match parts.as_slice() {
                        [key, value] => lowerer.store_key(&dict, key, value),
                        _ => Err(Stop::Failed),
                    }
                })?;
                Ok(dict)
            }
            _ => self.not_taken_apart(val),
        }
    }

    fn not_taken_apart(&mut self, val: &Val) -> Lowered<Val> {
        let message = format!("`{}` in a dataclass cannot be taken apart in compiled code", annotation_text(val.ty()));
        self.fail("unsupported-argument", message, Some("make the dict or tuple of its fields yourself".to_owned()))
    }

    fn holds_dataclass(&self, ty: &Type) -> bool {
        match ty {
            Type::Object(name) => {
                let class = self.compiler.objects.number_of(name).and_then(|number| self.compiler.known_class(number));
                class.is_some_and(|class| matches!(class.kind, ClassKind::Dataclass(_)))
            }
            Type::Record(record) if record.kind == RecordKind::Dataclass => true,
            Type::Record(record) => record.fields.iter().any(|(_, ty)| self.holds_dataclass(ty)),
            Type::Tuple(items) | Type::Union(items) => items.iter().any(|ty| self.holds_dataclass(ty)),
            Type::List(item) | Type::Set { item, .. } => self.holds_dataclass(item),
            Type::Dict(key, value) => self.holds_dataclass(key) || self.holds_dataclass(value),
            _ => false,
        }
    }

    /// A dict with these texts as keys: a row as long as nothing is done with it that only a dict can do.
    pub fn row_of_fields(&mut self, parts: Vec<(String, Val)>, salt: u32) -> Lowered<Val> {
        let key = self.place.start ^ PART_SITE ^ salt;
        let is_dict = self.compiler.widenings.is_dict(parts.iter().map(|(name, _)| name.as_str()));
        let site = self.row_site(key);
        if is_dict || self.sites.element(site).is_some() {
            let dict = self.new_dict(None, key);
            for (name, part) in &parts {
                let name = self.str(name);
                self.store_key(&dict, &name, part)?;
            }
            // It stays a dict in the next round.
            let element = self.element_shape(&dict);
            self.sites.grow(site, &element);
            return Ok(dict);
        }
        let (names, vals): (Vec<String>, Vec<Val>) = parts.into_iter().unzip();
        let fields = names.into_iter().zip(vals.iter().map(|val| val.ty().clone())).collect();
        let record = RecordType { kind: RecordKind::Dict, name: String::new(), fields };
        let mut row = self.aggregate(Type::Record(record.into()), &vals);
        row.shape.origin.sites = vec![site];
        Ok(row)
    }
}
