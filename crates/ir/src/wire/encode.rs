//! Modules to bytes.

use std::collections::HashMap;

use super::{RECORD_KINDS, TypeTag, const_tag, term_tag};
use crate::module::{Block, Const, Func, Inst, Module, Op, Span, Target, Term, Value, View};
use crate::types::{Elem, Type};

/// The payload of a module.
pub fn payload(module: &Module) -> Vec<u8> {
    let mut encoder = Encoder::default();
    let mut body = Vec::new();
    list(&mut body, &module.files, |out, file| text(out, file));
    list(&mut body, &module.captures, |out, capture| {
        text(out, &capture.name);
        encoder.ty(out, &capture.ty);
    });
    list(&mut body, &module.classes, |out, class| {
        text(out, &class.name);
        out.push(u8::from(class.is_dataclass));
        list(out, &class.fields, |out, (name, ty)| {
            text(out, name);
            encoder.ty(out, ty);
        });
    });
    list(&mut body, &module.exceptions.0, |out, class| {
        text(out, &class.name);
        list(out, &class.parents, |out, parent| out.push(parent.code()));
        list(out, class.object.as_slice(), |out, object| text(out, object));
    });
    number(&mut body, module.entry.0);
    list(&mut body, &module.funcs, |out, func| encoder.func(out, func));

    let mut out = Vec::new();
    list(&mut out, &encoder.names, |out, name| text(out, name));
    number(&mut out, encoder.type_count);
    out.extend_from_slice(&encoder.types);
    out.extend_from_slice(&body);
    out
}

/// The tables that the body refers to, as they grow.
#[derive(Default)]
struct Encoder<'a> {
    names: Vec<&'static str>,
    name_numbers: HashMap<&'static str, u32>,
    types: Vec<u8>,
    type_count: u32,
    type_numbers: HashMap<&'a Type, u32>,
}

fn number(out: &mut Vec<u8>, value: impl Into<u64>) {
    let mut rest: u64 = value.into();
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn count(out: &mut Vec<u8>, value: usize) {
    number(out, value as u64);
}

fn text(out: &mut Vec<u8>, value: &str) {
    count(out, value.len());
    out.extend_from_slice(value.as_bytes());
}

fn list<'a, T>(out: &mut Vec<u8>, items: &'a [T], mut item: impl FnMut(&mut Vec<u8>, &'a T)) {
    count(out, items.len());
    for value in items {
        item(out, value);
    }
}

fn values(out: &mut Vec<u8>, items: &[Value]) {
    list(out, items, |out, value| number(out, value.0));
}

fn span(out: &mut Vec<u8>, span: Span) {
    number(out, span.file);
    number(out, span.line);
    number(out, span.column);
}

fn target(out: &mut Vec<u8>, target: &Target) {
    number(out, target.block.0);
    values(out, &target.args);
}

/// The position of an item in a table of this crate.
fn position<T: PartialEq>(table: &[T], item: &T) -> u8 {
    table.iter().position(|known| known == item).map_or(u8::MAX, |position| position as u8)
}

impl<'a> Encoder<'a> {
    fn ty(&mut self, out: &mut Vec<u8>, ty: &'a Type) {
        let number_of = self.type_number(ty);
        number(out, number_of);
    }

    fn type_number(&mut self, ty: &'a Type) -> u32 {
        if let Some(known) = self.type_numbers.get(ty) {
            return *known;
        }
        let mut bytes = Vec::new();
        let tag = |out: &mut Vec<u8>, tag: TypeTag| out.push(tag as u8);
        let elem = |out: &mut Vec<u8>, elem: &Elem| out.push(position(&Elem::ALL, elem));
        match ty {
            Type::None => tag(&mut bytes, TypeTag::None),
            Type::Bool => tag(&mut bytes, TypeTag::Bool),
            Type::Int => tag(&mut bytes, TypeTag::Int),
            Type::Float => tag(&mut bytes, TypeTag::Float),
            Type::Str => tag(&mut bytes, TypeTag::Str),
            Type::Range => tag(&mut bytes, TypeTag::Range),
            Type::Exception => tag(&mut bytes, TypeTag::Exception),
            Type::Np(of) => {
                tag(&mut bytes, TypeTag::Np);
                elem(&mut bytes, of);
            }
            Type::Tuple(items) => {
                tag(&mut bytes, TypeTag::Tuple);
                list(&mut bytes, items, |out, item| self.ty(out, item));
            }
            Type::Union(variants) => {
                tag(&mut bytes, TypeTag::Union);
                list(&mut bytes, variants, |out, variant| self.ty(out, variant));
            }
            Type::List(item) => {
                tag(&mut bytes, TypeTag::List);
                self.ty(&mut bytes, item);
            }
            Type::Bytes => tag(&mut bytes, TypeTag::Bytes),
            Type::Dict(key, value) => {
                tag(&mut bytes, TypeTag::Dict);
                self.ty(&mut bytes, key);
                self.ty(&mut bytes, value);
            }
            Type::Set { item, frozen } => {
                tag(&mut bytes, if *frozen { TypeTag::FrozenSet } else { TypeTag::Set });
                self.ty(&mut bytes, item);
            }
            Type::Object(class) => {
                tag(&mut bytes, TypeTag::Object);
                text(&mut bytes, class);
            }
            Type::Array { elem: of, ndim } => {
                tag(&mut bytes, TypeTag::Array);
                elem(&mut bytes, of);
                bytes.push(*ndim);
            }
            Type::Record(record) => {
                tag(&mut bytes, TypeTag::Record);
                bytes.push(position(&RECORD_KINDS, &record.kind));
                text(&mut bytes, &record.name);
                list(&mut bytes, &record.fields, |out, (name, ty)| {
                    text(out, name);
                    self.ty(out, ty);
                });
            }
        }
        // Its parts have their numbers by now, so they come before it.
        self.types.extend_from_slice(&bytes);
        self.type_numbers.insert(ty, self.type_count);
        self.type_count += 1;
        self.type_count - 1
    }

    fn name(&mut self, out: &mut Vec<u8>, name: &'static str) {
        let next = self.names.len() as u32;
        let known = *self.name_numbers.entry(name).or_insert(next);
        if known == next {
            self.names.push(name);
        }
        number(out, known);
    }

    fn func(&mut self, out: &mut Vec<u8>, func: &'a Func) {
        text(out, &func.name);
        list(out, &func.param_names, |out, name| text(out, name));
        self.ty(out, &func.result);
        list(out, &func.values, |out, ty| self.ty(out, ty));
        span(out, func.span);
        list(out, &func.blocks, |out, block| self.block(out, block));
    }

    fn block(&mut self, out: &mut Vec<u8>, block: &Block) {
        values(out, &block.params);
        count(out, usize::from(block.handler.is_some()));
        if let Some(handler) = &block.handler {
            target(out, handler);
        }
        list(out, &block.insts, |out, inst| self.inst(out, inst));
        term(out, &block.term);
        span(out, block.term_span);
    }

    fn inst(&mut self, out: &mut Vec<u8>, inst: &Inst) {
        number(out, inst.result.0);
        self.name(out, inst.op.name());
        match &inst.op {
            Op::Const(value) => constant(out, value),
            Op::Call(func) => number(out, func.0),
            Op::Capture(capture) => number(out, capture.0),
            Op::Field(index)
            | Op::IsVariant(index)
            | Op::Variant(index)
            | Op::ObjectGet(index)
            | Op::ObjectSet(index) => number(out, *index),
            Op::ArrayShape(dimension) | Op::ArrayStride(dimension) | Op::ArrayView(View::Slice(dimension)) => {
                out.push(*dimension)
            }
            Op::ExceptionNew(class) | Op::ExceptionIs(class) | Op::ExceptionObject(class) => out.push(class.code()),
            Op::Prim(_)
            | Op::Container(_)
            | Op::Select
            | Op::Tuple
            | Op::Widen
            | Op::ToNp
            | Op::FromNp
            | Op::ListNew
            | Op::ListLen
            | Op::ListGet
            | Op::ListSet
            | Op::ListAppend
            | Op::ListSlice
            | Op::ListConcat
            | Op::ListArgsort
            | Op::ArrayGet
            | Op::ArraySet
            | Op::ArrayRow
            | Op::ArrayZeros
            | Op::ArrayView(_)
            | Op::ArrayIsFlat
            | Op::ArrayOverlaps
            | Op::ExceptionMessage => {}
        }
        values(out, &inst.args);
        span(out, inst.span);
    }
}

fn constant(out: &mut Vec<u8>, value: &Const) {
    match value {
        Const::None => number(out, const_tag::NONE),
        Const::Bool(false) => number(out, const_tag::FALSE),
        Const::Bool(true) => number(out, const_tag::TRUE),
        Const::Int(value) => {
            number(out, const_tag::INT);
            out.extend_from_slice(&value.to_le_bytes());
        }
        Const::Float(value) => {
            number(out, const_tag::FLOAT);
            out.extend_from_slice(&value.to_bits().to_le_bytes());
        }
        Const::Str(value) => {
            number(out, const_tag::STR);
            text(out, value);
        }
        Const::Bytes(value) => {
            number(out, const_tag::BYTES);
            count(out, value.len());
            out.extend_from_slice(value);
        }
    }
}

fn term(out: &mut Vec<u8>, term: &Term) {
    match term {
        Term::Jump(to) => {
            number(out, term_tag::JUMP);
            target(out, to);
        }
        Term::Branch { cond, then, otherwise } => {
            number(out, term_tag::BRANCH);
            number(out, cond.0);
            target(out, then);
            target(out, otherwise);
        }
        Term::Return(value) => {
            number(out, term_tag::RETURN);
            number(out, value.0);
        }
        Term::Raise { class, message: None } => {
            number(out, term_tag::RAISE);
            out.push(class.code());
        }
        Term::Raise { class, message: Some(message) } => {
            number(out, term_tag::RAISE_MESSAGE);
            out.push(class.code());
            number(out, message.0);
        }
        Term::Reraise(value) => {
            number(out, term_tag::RERAISE);
            number(out, value.0);
        }
        Term::Unreachable => number(out, term_tag::UNREACHABLE),
    }
}
