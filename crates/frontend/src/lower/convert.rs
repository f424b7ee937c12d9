//! Conversions that change a value's type but not the value: into a union, out of a literal, field by field. Nothing
//! here is an operation of the program.

use ir::{Const, ContainerOp, ExcKind, FuncId, Op, Prim, Type, Value};

use super::{Edge, Lowered, Lowerer, Stop, Val};
use crate::shape::{Shape, annotation_text};

impl Lowerer<'_, '_> {
    /// The value as the target shape, which holds it: the result of a [`crate::shape::join`] with this value's shape.
    pub fn coerce(&mut self, val: &Val, target: &Shape) -> Lowered<Val> {
        if *val.ty() == target.ty {
            return Ok(Val { shape: target.clone(), ..val.clone() });
        }
        if val.shape.origin.unknown {
            // There is no such value.
            let id = self.stand_in(&target.ty);
            return Ok(Val::new(id, target.clone()));
        }
        self.burn(1)?;
        let converted = match (val.ty(), &target.ty) {
            (Type::Union(variants), Type::Union(wanted)) if variants.iter().all(|ty| wanted.contains(ty)) => {
                self.emit(Op::Widen, &[val], target.clone())
            }
            (Type::Union(_), _) => return self.coerce_union(val, target),
            (ty, Type::Union(wanted)) => {
                let Some(index) = variant_for(ty, wanted) else { return self.misfit(val, target) };
                let variant = target.variant(index);
                let val = self.coerce(val, &variant)?;
                self.emit(Op::Widen, &[&val], target.clone())
            }
            (Type::Int, Type::Float) => self.int_to_float(val),
            (Type::Bool, Type::Float) => {
                let int = self.prim(Prim::BoolToInt, &[val]);
                self.prim(Prim::IntToFloat, &[&int])
            }
            (Type::Int, Type::Np(elem)) if elem.is_float() => {
                let float = self.int_to_float(val);
                self.emit(Op::ToNp, &[&float], target.clone())
            }
            (Type::Int | Type::Float | Type::Bool, Type::Np(_)) => self.emit(Op::ToNp, &[val], target.clone()),
            (Type::Np(elem), ty) if elem.python_type() == *ty => self.emit(Op::FromNp, &[val], target.clone()),
            (Type::Np(_), Type::Float) => {
                let python = self.python_number(val);
                return self.coerce(&python, target);
            }
            (_, to) if to.tuple_item().is_some() => return self.as_any_length(val, target),
            (Type::Tuple(from), Type::Tuple(to)) if from.len() == to.len() => self.coerce_fields(val, target)?,
            (Type::Record(from), Type::Record(to)) if from.fields.len() == to.fields.len() => {
                self.coerce_fields(val, target)?
            }
            _ => return self.misfit(val, target),
        };
        Ok(Val { shape: target.clone(), ..converted })
    }

    /// A value that does not fit. Only happens while the element type of a list is still being found, before the
    /// function is lowered again: what is emitted is thrown away.
    fn misfit(&mut self, val: &Val, target: &Shape) -> Lowered<Val> {
        self.misfits += 1;
        let (found, wanted) = (annotation_text(val.ty()), annotation_text(&target.ty));
        self.misfit_seen = Some((self.place, format!("this is a `{found}`, where the others are `{wanted}`")));
        let id = self.stand_in(&target.ty);
        Ok(Val::new(id, target.clone()))
    }

    fn int_to_float(&mut self, val: &Val) -> Val {
        match val.known_int() {
            Some(value) => self.float(value as f64),
            None => self.prim(Prim::IntToFloat, &[val]),
        }
    }

    fn coerce_fields(&mut self, val: &Val, target: &Shape) -> Lowered<Val> {
        let mut items = Vec::new();
        for (index, field) in self.fields(val).into_iter().enumerate() {
            items.push(self.coerce(&field, &target.field(index))?);
        }
        Ok(self.aggregate(target.ty.clone(), &items))
    }

    /// Each variant by its own way.
    fn coerce_union(&mut self, val: &Val, target: &Shape) -> Lowered<Val> {
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        let count = val.ty().variants().len();
        for tag in 0..count {
            let rest = if tag + 1 < count {
                let cond = self.is_variant(val, tag);
                let (is, rest) = self.branch(&cond)?;
                self.continue_at(is);
                rest
            } else {
                None
            };
            let variant = self.variant(val, tag);
            let converted = self.coerce(&variant, target)?;
            edges.extend(self.detach().map(|edge| (edge, converted)));
            self.continue_at(rest);
        }
        self.join_values(edges)
    }

    /// Some value of the type, for a variable that has none.
    pub fn stand_in(&mut self, ty: &Type) -> Value {
        self.cover();
        match ty {
            Type::None => self.builder.none(),
            Type::Bool => self.builder.bool(false),
            Type::Int => self.builder.int(0),
            Type::Float => self.builder.float(0.0),
            Type::Str => self.builder.str(""),
            Type::Range => {
                let (start, step) = (self.builder.int(0), self.builder.int(1));
                self.builder.prim(Prim::RangeNew, &[start, start, step])
            }
            Type::Np(elem) => {
                let zero = self.builder.constant(Const::Bool(false));
                self.builder.to_np(zero, *elem)
            }
            Type::Tuple(_) | Type::Record(_) => {
                let fields = ty.field_types().unwrap_or_default();
                let items: Vec<Value> = fields.iter().map(|field| self.stand_in(field)).collect();
                self.builder.inst(Op::Tuple, &items, ty.clone())
            }
            Type::Union(variants) => {
                let first = variants.first().cloned().unwrap_or(Type::None);
                let value = self.stand_in(&first);
                self.builder.widen(value, ty)
            }
            Type::List(item) => self.builder.list_new((**item).clone(), &[]),
            Type::Array { elem, ndim } => {
                let lengths: Vec<Value> = (0..*ndim).map(|_| self.builder.int(0)).collect();
                self.builder.array_zeros(*elem, &lengths)
            }
            Type::Bytes => self.builder.constant(Const::Bytes(Default::default())),
            Type::Dict(..) => self.builder.container(ContainerOp::DictNew, &[], ty.clone()),
            Type::Set { .. } => self.builder.container(ContainerOp::SetNew, &[], ty.clone()),
            Type::Object(name) => match self.compiler.objects.number_of(name) {
                Some(number) => self.object_stand_in(number, ty),
                None => self.generator_stand_in(ty),
            },
            Type::Exception => {
                let message = self.builder.str("");
                self.builder.inst(Op::ExceptionNew(ExcKind::BaseException.into()), &[message], Type::Exception)
            }
        }
    }

    fn object_stand_in(&mut self, number: usize, ty: &Type) -> Value {
        let known = self.compiler.objects.class(number).cloned();
        let flags = known.as_ref().map_or(0, |class| class.flag_count());
        let types: Vec<Type> = known.into_iter().flat_map(|class| class.fields).map(|field| field.stored()).collect();
        let mut parts: Vec<Value> = types.iter().map(|ty| self.stand_in(ty)).collect();
        parts.extend((0..flags).map(|_| self.builder.bool(false)));
        self.builder.container(ContainerOp::ObjectNew, &parts, ty.clone())
    }

    /// A generator that nobody asks for a value, made of stand-ins.
    fn generator_stand_in(&mut self, ty: &Type) -> Value {
        let Some(id) = self.compiler.generator_of(ty) else { return self.builder.none() };
        let types = self.compiler.param_types(id);
        let parts: Vec<Value> = types.iter().map(|ty| self.stand_in(ty)).collect();
        self.callees.push(id);
        self.builder.inst(Op::Call(FuncId(id.0)), &parts, ty.clone())
    }

    /// A NumPy scalar as the Python number of the same value.
    pub fn python_number(&mut self, val: &Val) -> Val {
        match val.ty() {
            Type::Np(elem) => {
                let ty = elem.python_type();
                self.emit(Op::FromNp, &[val], ty)
            }
            _ => val.clone(),
        }
    }

    /// A union by its variants: lowers `lower` for each and merges what comes out.
    pub fn each_variant(&mut self, val: &Val, lower: &mut dyn FnMut(&mut Self, Val) -> Lowered<Val>) -> Lowered<Val> {
        self.dispatch(std::slice::from_ref(val), &mut |lowerer, vals| match vals.first() {
            Some(val) => lower(lowerer, val.clone()),
            None => Err(Stop::Failed),
        })
    }
}

/// The variant that takes a value of this type: its own, or the one that its literal or its fields become.
fn variant_for(ty: &Type, variants: &[Type]) -> Option<usize> {
    let find = |accepts: &dyn Fn(&Type) -> bool| variants.iter().position(accepts);
    let is_tuple = matches!(ty, Type::Tuple(_)) || ty.tuple_item().is_some();
    let of_any_length = || variants.iter().position(|variant| is_tuple && variant.tuple_item().is_some());
    let found = find(&|variant| variant == ty).or_else(|| match ty {
        Type::Int => {
            find(&|variant| *variant == Type::Float).or_else(|| find(&|variant| matches!(variant, Type::Np(_))))
        }
        Type::Float => find(&|variant| matches!(variant, Type::Np(elem) if elem.is_float())),
        Type::Tuple(items) => find(&|variant| matches!(variant, Type::Tuple(other) if other.len() == items.len())),
        Type::Record(record) => find(&|variant| match variant {
            Type::Record(other) => {
                other.kind == record.kind && other.name == record.name && other.fields.len() == record.fields.len()
            }
            _ => false,
        }),
        _ => None,
    });
    found.or_else(of_any_length)
}
