//! Types as the runtime reads them: a shape is a text that says what the slots of a value mean, for operations on whole
//! values. The grammar is that of `runtime::shape`.

use std::fmt::Write;

use ir::{Class, Elem, Module, RecordKind, Type};

/// The shape of a type.
pub fn shape(module: &Module, ty: &Type) -> String {
    shape_among(&module.classes, ty)
}

fn shape_among(known: &[Class], ty: &Type) -> String {
    let mut writer = Writer { known, classes: Vec::new(), text: String::new() };
    writer.ty(ty);
    // The classes that are named come after: each may name others.
    let mut next = 0;
    while let Some(class) = writer.classes.get(next).copied() {
        writer.text.push('@');
        writer.class(class);
        next += 1;
    }
    writer.text
}

/// The shape of a type that holds no objects.
pub fn shape_of(ty: &Type) -> String {
    shape_among(&[], ty)
}

struct Writer<'a> {
    /// The module's classes.
    known: &'a [Class],
    /// Classes by number, as positions among them.
    classes: Vec<usize>,
    text: String,
}

impl Writer<'_> {
    fn name(&mut self, name: &str) {
        let _ = write!(self.text, "{}:{name}", name.len());
    }

    fn fields(&mut self, fields: &[(String, Type)]) {
        self.text.push('{');
        for (name, ty) in fields {
            self.name(name);
            self.ty(ty);
        }
        self.text.push('}');
    }

    fn class(&mut self, class: usize) {
        let Some(class) = self.known.get(class) else { return };
        self.text.push(if class.is_dataclass { 'D' } else { 'P' });
        self.name(class.shown_name());
        self.fields(&class.fields);
    }

    fn object(&mut self, name: &str) {
        let Some(position) = self.known.iter().position(|class| *class.name == *name) else { return };
        let number = self.classes.iter().position(|class| *class == position).unwrap_or_else(|| {
            self.classes.push(position);
            self.classes.len() - 1
        });
        let _ = write!(self.text, "o{number};");
    }

    fn ty(&mut self, ty: &Type) {
        match ty {
            Type::None => self.text.push('n'),
            Type::Bool => self.text.push('b'),
            Type::Int => self.text.push('i'),
            Type::Float => self.text.push('f'),
            Type::Str => self.text.push('s'),
            Type::Bytes => self.text.push('y'),
            Type::Range => self.text.push('r'),
            Type::Np(elem) => {
                let number = Elem::ALL.iter().position(|known| known == elem).unwrap_or_default();
                self.text.push('p');
                self.text.push(char::from(b'a' + number as u8));
            }
            Type::Tuple(items) => self.enclosed('(', items, ')'),
            Type::Union(variants) => self.enclosed('<', variants, '>'),
            Type::Record(record) if let Some(item) = record.tuple_item() => self.prefixed('v', item),
            Type::Record(record) => {
                self.text.push(match record.kind {
                    RecordKind::Row => 'R',
                    RecordKind::Dict => 'M',
                    RecordKind::NamedTuple => 'N',
                    RecordKind::Dataclass => 'D',
                    RecordKind::Library => 'L',
                });
                self.name(&record.name);
                self.fields(&record.fields);
            }
            Type::List(item) => self.prefixed('l', item),
            Type::Set { item, frozen } => self.prefixed(if *frozen { 'z' } else { 't' }, item),
            Type::Dict(key, value) => {
                self.prefixed('d', key);
                self.ty(value);
            }
            Type::Object(name) => self.object(name),
            Type::Array { .. } | Type::Exception => self.text.push('n'),
        }
    }

    fn enclosed(&mut self, open: char, items: &[Type], close: char) {
        self.text.push(open);
        items.iter().for_each(|item| self.ty(item));
        self.text.push(close);
    }

    fn prefixed(&mut self, letter: char, item: &Type) {
        self.text.push(letter);
        self.ty(item);
    }
}
