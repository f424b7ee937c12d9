//! Values during lowering, and how single instructions are emitted for them. Knows no Python operation.

use std::rc::Rc;
use std::sync::Arc;

use ir::{Const, ExcClass, ExcKind, Op, Prim, Type, Value};

use super::{Lowered, Lowerer, Stop};
use crate::shape::{Origin, Shape};

/// A value of the function being compiled.
#[derive(Clone, Debug)]
pub struct Val {
    pub id: Value,
    pub shape: Shape,
    /// The value itself, where the text tells it.
    pub known: Option<Const>,
    /// The fields of a tuple or record that was made in this function; the matrix of which a matrix is the transpose.
    pub items: Option<Rc<[Val]>>,
}

impl Val {
    pub fn new(id: Value, shape: impl Into<Shape>) -> Val {
        Val { id, shape: shape.into(), known: None, items: None }
    }

    pub fn ty(&self) -> &Type {
        &self.shape.ty
    }

    pub fn known_int(&self) -> Option<i64> {
        match &self.known {
            Some(Const::Int(value)) => Some(*value),
            Some(Const::Bool(value)) => Some(i64::from(*value)),
            _ => None,
        }
    }

    pub fn known_bool(&self) -> Option<bool> {
        match &self.known {
            Some(Const::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    pub fn known_str(&self) -> Option<Arc<str>> {
        match &self.known {
            Some(Const::Str(text)) => Some(text.clone()),
            _ => None,
        }
    }

    /// The element type of an array.
    pub fn array_elem(&self) -> Option<ir::Elem> {
        match self.shape.ty {
            Type::Array { elem, .. } => Some(elem),
            _ => None,
        }
    }

    pub fn is_union(&self) -> bool {
        matches!(self.shape.ty, Type::Union(_))
    }
}

/// What a name can stand for that is no value at run time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Static {
    /// A function of the program.
    Function(usize),
    /// A function or lambda inside the function being compiled, by its number in the compiler.
    Closure(usize),
    /// A class of the program.
    Class(usize),
    /// A built-in function or type, by name.
    Builtin(&'static str),
    /// A module, by its full name.
    Module(String),
    /// A compiled regular expression: its text and flags.
    Pattern(String, u32),
    /// A member of a module.
    Member(String, String),
    /// An `object()` of the module around, which only is itself.
    Sentinel(usize),
    /// The default of a parameter of the library's functions that was not given; `... ` in their text.
    Absent,
    /// A number that is a part of the types: an argument for a parameter of the library that must be a constant.
    Constant(i64),
    /// A method as its class has it: by its class and its position there.
    Method(usize, usize),
    /// A method, by name, of a value that is kept beside it.
    Bound(String),
    /// A function made of others and of constants.
    Made(Box<super::statics::Made>),
}

impl Lowerer<'_, '_> {
    // Instructions.

    /// Emits an operation with a result of this shape.
    pub fn emit(&mut self, op: Op, args: &[&Val], shape: impl Into<Shape>) -> Val {
        let ids: Vec<Value> = args.iter().map(|arg| arg.id).collect();
        let shape = shape.into();
        if op.can_raise() {
            self.cover();
        }
        let id = self.builder.inst(op, &ids, shape.ty.clone());
        Val::new(id, shape)
    }

    /// Emits a primitive.
    pub fn prim(&mut self, prim: Prim, args: &[&Val]) -> Val {
        self.emit(Op::Prim(prim), args, prim.result())
    }

    /// A constant that the compiler makes.
    pub fn constant(&mut self, value: Const) -> Val {
        let id = self.builder.constant(value.clone());
        Val { known: Some(value.clone()), ..Val::new(id, value.ty()) }
    }

    /// A constant that the program's text has.
    pub fn literal(&mut self, value: Const) -> Val {
        let origin = Origin::of_literal(&value);
        let mut val = self.constant(value);
        val.shape.origin = origin;
        val
    }

    pub fn none(&mut self) -> Val {
        self.constant(Const::None)
    }

    pub fn bool(&mut self, value: bool) -> Val {
        self.constant(Const::Bool(value))
    }

    pub fn int(&mut self, value: i64) -> Val {
        let mut val = self.constant(Const::Int(value));
        val.shape.origin.non_negative = value >= 0;
        val
    }

    pub fn float(&mut self, value: f64) -> Val {
        self.constant(Const::Float(value))
    }

    pub fn str(&mut self, value: &str) -> Val {
        self.constant(Const::Str(Arc::from(value)))
    }

    pub fn not(&mut self, cond: &Val) -> Val {
        match cond.known_bool() {
            Some(known) => self.bool(!known),
            None => self.prim(Prim::BoolNot, &[cond]),
        }
    }

    /// `then` where the condition holds, else `otherwise`; both have one type.
    pub fn select(&mut self, cond: &Val, then: &Val, otherwise: &Val) -> Val {
        match cond.known_bool() {
            Some(true) => then.clone(),
            Some(false) => otherwise.clone(),
            None => self.emit(Op::Select, &[cond, then, otherwise], then.ty().clone()),
        }
    }

    pub fn tuple(&mut self, items: &[Val]) -> Val {
        let ty = Type::Tuple(items.iter().map(|item| item.ty().clone()).collect());
        self.aggregate(ty, items)
    }

    /// A tuple or record of this type.
    pub fn aggregate(&mut self, ty: Type, items: &[Val]) -> Val {
        let args: Vec<&Val> = items.iter().collect();
        let parts: Vec<Origin> = items.iter().map(|item| item.shape.origin.clone()).collect();
        let known = parts.iter().any(|part| *part != Origin::default());
        let origin = Origin { parts: if known { parts } else { Vec::new() }, ..Origin::default() };
        let made = self.emit(Op::Tuple, &args, Shape { ty, origin });
        Val { items: Some(items.into()), ..made }
    }

    pub fn field(&mut self, value: &Val, index: usize) -> Val {
        // The very value that went in: the same object, for CPython.
        if let Some(item) = value.items.as_ref().and_then(|items| items.get(index)) {
            return item.clone();
        }
        let shape = value.shape.field(index);
        self.emit(Op::Field(index as u32), &[value], shape)
    }

    /// The fields of a tuple or record.
    pub fn fields(&mut self, value: &Val) -> Vec<Val> {
        let count = value.ty().field_types().map_or(0, |fields| fields.len());
        (0..count).map(|index| self.field(value, index)).collect()
    }

    pub fn is_variant(&mut self, value: &Val, tag: usize) -> Val {
        self.emit(Op::IsVariant(tag as u32), &[value], Type::Bool)
    }

    pub fn variant(&mut self, value: &Val, tag: usize) -> Val {
        let shape = value.shape.variant(tag);
        self.emit(Op::Variant(tag as u32), &[value], shape)
    }

    /// Ends control flow with an exception.
    pub fn raise(&mut self, class: ExcKind, message: &str) -> Stop {
        let text = self.str(message);
        self.raise_with(class, Some(&text))
    }

    /// Ends control flow with an exception whose text is a value.
    pub fn raise_with(&mut self, class: impl Into<ExcClass>, message: Option<&Val>) -> Stop {
        self.cover();
        self.builder.raise(class, message.map(|message| message.id));
        self.close();
        Stop::Dead
    }

    /// Raises unless the condition holds.
    pub fn require(&mut self, cond: &Val, class: ExcKind, message: &str) -> Lowered<()> {
        let (holds, fails) = self.branch(cond)?;
        self.continue_at(fails);
        if self.is_live() {
            self.raise(class, message);
        }
        self.continue_at(holds);
        if self.is_live() { Ok(()) } else { Err(Stop::Dead) }
    }
}
