//! What lists, dicts and sets have in common: where they are made, how their element types grow with use, and operations
//! on whole containers that the runtime does.

use ir::{ContainerOp, Op, RecordKind, Type};

use super::function_values::may_be_function;
use super::iterate::{Body, Source};
use super::{Lowered, Lowerer, Val};
use crate::classes::ClassKind;
use crate::library;
use crate::shape::{Origin, Shape, annotation_text, element_type, join, nothing_in, python_name, with_element};

impl<'c, 'p> Lowerer<'c, 'p> {
    /// Emits an operation of the container table.
    pub fn container_op(&mut self, op: ContainerOp, args: &[&Val], shape: impl Into<Shape>) -> Val {
        if self.mixes_members(op, args) {
            let message = "members of an enumeration that are numbers or texts as well cannot be keys beside others";
            let _: Lowered<()> =
                self.fail("unsupported-operation", message, Some("use the `value` of the members".to_owned()));
        }
        self.emit(Op::Container(op), args, shape)
    }

    /// What a container holds: of a dict, pairs.
    pub fn element_shape(&self, container: &Val) -> Shape {
        let element = element_type(container.ty()).unwrap_or(Type::None);
        match container.shape.origin.sites.first().map(|site| self.sites.element(*site)) {
            Some(Some(known)) if known.ty == element => known.clone(),
            Some(None) if element == Type::None => Shape::unknown(),
            // The type is that of an earlier round, when nothing was known to be in it.
            Some(Some(known)) if element == Type::None && known.ty != element => Shape::unknown(),
            Some(None) if matches!(container.ty(), Type::Dict(..)) => Shape::pair(Shape::unknown(), Shape::unknown()),
            None if container.shape.is_empty_container() => match container.ty() {
                Type::Dict(..) => Shape::pair(Shape::unknown(), Shape::unknown()),
                _ => Shape::unknown(),
            },
            None => container.shape.fixed_element().unwrap_or(Shape::from(element)),
            _ => Shape::from(element),
        }
    }

    /// As [`Lowerer::element_shape`]; `None` for a container that nothing is put into, as far as is known: it is empty.
    pub fn known_element(&self, container: &Val) -> Option<Shape> {
        match container.shape.origin.sites.first() {
            Some(site) if self.sites.element(*site).is_none() => None,
            None if container.shape.is_empty_container() => None,
            _ => Some(self.element_shape(container)),
        }
    }

    /// The shape of a new container of this kind at a place in the program, told by `key`: its element type is what is
    /// known to be in it, which may grow. `kind` is a container of any elements.
    pub fn site_shape(&mut self, kind: &Type, element: Option<&Shape>, key: u32) -> Shape {
        let site = self.sites.site(key, element);
        if let Some(element) = element {
            self.sites.grow(site, element);
        }
        let mut element = self.sites.element(site).map(|element| element.ty.clone());
        let nothing = nothing_in(kind);
        let known = with_element(kind, element.clone().unwrap_or(nothing.clone()));
        let wider = self.compiler.widenings.element(&known);
        if let Some(wider) = wider.filter(|_| !library::picks_items(self.function)) {
            self.sites.grow(site, &Shape::from(wider.clone()));
            element = Some(wider);
        }
        let ty = with_element(kind, element.unwrap_or(nothing));
        Shape { ty, origin: Origin { sites: vec![site], ..Origin::default() } }
    }

    /// Makes sure that a container can hold such an element: its element type grows when it can. What it holds then.
    pub fn grow(&mut self, container: &Val, element: &Shape) -> Lowered<Shape> {
        let known = self.element_shape(container);
        if !container.shape.origin.sites.is_empty() {
            for site in container.shape.origin.sites.clone() {
                self.sites.grow(site, element);
            }
            return Ok(known);
        }
        let joined = join(&known, element, &mut self.sites);
        if joined.ty != known.ty {
            match container.shape.is_empty_container() {
                true => self.compiler.misfits.note_empty(container.ty(), &element.ty),
                false => self.compiler.misfits.note(container.ty(), &element.ty),
            };
            let kind = python_name(container.ty());
            return self.fail(
                "type-mismatch",
                format!("this {kind} holds `{}`, not `{}`", annotation_text(&known.ty), annotation_text(&element.ty)),
                Some(format!("annotate the {kind} with the types of all its items")),
            );
        }
        Ok(joined)
    }

    /// Runs `body` for each item of a source that has been evaluated, at the current place.
    pub fn each_item(&mut self, source: Source<'p>, salt: u32, body: Body<'_, 'c, 'p>) -> Lowered<()> {
        let place = self.place;
        let hidden = self.var_count();
        let assigned = source.binds(self);
        let exits = self.open_collector();
        let key = place.start ^ salt;
        let lowered = self.for_each(source, key, &assigned, None, exits, &mut |lowerer, item| {
            lowerer.at_place(place);
            body(lowerer, item)
        });
        let ends = self.close_collector(exits);
        lowered?;
        self.join(ends, None)?;
        self.drop_hidden(hidden);
        self.at_place(place);
        Ok(())
    }

    /// A value as it is compared with what containers hold, or hashed: a NumPy scalar is the Python number.
    pub fn hashable(&mut self, val: &Val) -> Lowered<Val> {
        if let Type::Np(_) = val.ty() {
            return Ok(self.python_number(val));
        }
        if val.ty().is_hashable() && self.is_whole(val.ty()) && self.class_of(val).is_none() {
            return Ok(val.clone());
        }
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Np(_) => Ok(lowerer.python_number(&val)),
            ty if super::enums::enum_class(ty).is_some() => Ok(val),
            ty if ty.is_hashable() => {
                let ty = ty.clone();
                if let Some(class) = lowerer.class_of(&val)
                    && matches!(class.kind, ClassKind::Dataclass(options) if options.eq && !options.frozen)
                {
                    return lowerer.clash(format!("unhashable type: '{}'", class.name));
                }
                if !lowerer.may_be_key(&ty) {
                    lowerer.require_whole(&ty, "a key")?;
                }
                Ok(val)
            }
            Type::Record(record) if record.kind == RecordKind::Row => {
                lowerer.fail("unsupported-operation", "a row cannot be a key in compiled code", None)
            }
            ty => {
                let found = unhashable_part(ty);
                lowerer.clash(format!("unhashable type: '{found}'"))
            }
        })
    }

    /// Whether values of the type are told apart by the runtime: instances that compare by identity among them.
    pub fn may_be_key(&self, ty: &Type) -> bool {
        match ty {
            Type::Object(name) => {
                let number = self.compiler.objects.number_of(name);
                let Some(class) = number.and_then(|number| self.compiler.known_class(number)) else { return false };
                let is_plain = match class.kind {
                    ClassKind::Plain => true,
                    ClassKind::Dataclass(options) => !options.eq,
                    _ => false,
                };
                is_plain && class.method("__eq__").is_none() && class.method("__hash__").is_none()
            }
            Type::Tuple(items) | Type::Union(items) => items.iter().all(|item| self.may_be_key(item)),
            ty if super::enums::enum_class(ty).is_some() => true,
            Type::Record(record) if matches!(record.kind, RecordKind::NamedTuple | RecordKind::Dataclass) => {
                record.fields.iter().all(|(_, ty)| self.may_be_key(ty)) && self.hashes_by_fields(&record.name)
            }
            other => self.is_whole(other),
        }
    }

    /// Whether the instances of the class are equal, and hash, as the tuples of all their fields do; their order and text are
    /// of no interest.
    fn hashes_by_fields(&self, name: &str) -> bool {
        let Some(class) = self.compiler.class_named(name) else { return true };
        let by_fields = match class.kind {
            ClassKind::Dataclass(options) => options.eq && options.frozen,
            ClassKind::NamedTuple => true,
            ClassKind::Exception(_) | ClassKind::Plain | ClassKind::Enum(_) => false,
        };
        by_fields
            && class.fields.iter().all(|field| field.compare && !field.is_set_later())
            && ["__eq__", "__ne__", "__hash__"].iter().all(|method| class.method(method).is_none())
    }

    /// Whether values of the type can be compared, searched for and shown by the runtime: there are no arrays in them, and
    /// no instances of classes that say themselves how.
    pub fn is_whole(&self, ty: &Type) -> bool {
        match ty {
            Type::Array { .. } | Type::Exception | Type::Np(_) => false,
            Type::Tuple(items) | Type::Union(items) => items.iter().all(|item| self.is_whole(item)),
            Type::Record(_) if may_be_function(ty) => false,
            ty if super::enums::enum_class(ty).is_some() || super::collections::is_collection(ty) => false,
            Type::Record(record) => {
                record.fields.iter().all(|(_, ty)| self.is_whole(ty))
                    && (!matches!(record.kind, RecordKind::NamedTuple | RecordKind::Dataclass)
                        || self.has_plain_class(&record.name))
            }
            Type::List(item) | Type::Set { item, .. } => self.is_whole(item),
            Type::Dict(key, value) => self.is_whole(key) && self.is_whole(value),
            Type::Object(name) => self.has_plain_class(name.split('#').next().unwrap_or_default()),
            Type::None | Type::Bool | Type::Int | Type::Float | Type::Str | Type::Bytes | Type::Range => true,
        }
    }

    /// Whether the runtime shows values of the type as CPython does: its text of a date would be that of its fields.
    pub fn shows_whole(&self, ty: &Type) -> bool {
        self.is_whole(ty) && !shows_fields(ty)
    }

    /// Whether the instances of the class compare, hash and show themselves as those of any class of their kind.
    fn has_plain_class(&self, name: &str) -> bool {
        const OWN: &[&str] = &[
            "__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__hash__", "__repr__", "__bool__", "__len__",
        ];
        let Some(class) = self.compiler.class_named(name) else { return true };
        let plain_options = match class.kind {
            ClassKind::Dataclass(options) => options.eq && !options.order,
            ClassKind::NamedTuple => true,
            ClassKind::Exception(_) | ClassKind::Plain | ClassKind::Enum(_) => false,
        };
        plain_options
            && class.fields.iter().all(|field| field.compare && field.repr && !field.is_set_later())
            && !OWN.iter().any(|method| class.method(method).is_some())
    }

    /// Refuses types that cannot be compared as a whole.
    pub fn require_whole(&mut self, ty: &Type, what: &str) -> Lowered<()> {
        if self.is_whole(ty) {
            return Ok(());
        }
        let message = format!("`{}` cannot be {what} in compiled code", annotation_text(ty));
        self.fail("unsupported-operation", message, None)
    }
}

/// Whether values of classes of the library, which have a text of their own, are somewhere in values of the type.
fn shows_fields(ty: &Type) -> bool {
    match ty {
        Type::Record(record) if ty.tuple_item().is_none() && super::datetime::has_own_text(record) => true,
        Type::Record(record) => record.fields.iter().any(|(_, ty)| shows_fields(ty)),
        Type::Tuple(items) | Type::Union(items) => items.iter().any(shows_fields),
        Type::List(item) | Type::Set { item, .. } => shows_fields(item),
        Type::Dict(key, value) => shows_fields(key) || shows_fields(value),
        _ => false,
    }
}

/// The class that CPython names when a value cannot be hashed.
fn unhashable_part(ty: &Type) -> String {
    match ty {
        Type::Tuple(items) => items.iter().find(|item| !item.is_hashable()).map_or_else(String::new, unhashable_part),
        ty if let Some(item) = ty.tuple_item() => unhashable_part(item),
        Type::Union(items) => items.iter().find(|item| !item.is_hashable()).map_or_else(String::new, unhashable_part),
        other => python_name(other),
    }
}
