//! Values as text: `str`, `repr`, `format` and f-strings.

use ir::{Const, ContainerOp, Prim, Type};

use super::number::is_integer;
use super::{Edge, Lowered, Lowerer, Stop, Val};
use crate::parse::ast;
use crate::shape::python_name;

impl<'p> Lowerer<'_, 'p> {
    /// `str(val)`.
    pub fn text_of(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| lowerer.text_of_plain(&val))
    }

    fn text_of_plain(&mut self, val: &Val) -> Lowered<Val> {
        match val.ty() {
            Type::Str => Ok(val.clone()),
            Type::Exception => self.text_of_exception(val),
            Type::Record(record) if record.kind == ir::RecordKind::Library => {
                match self.library_text(val, "__str__")? {
                    Some(text) => Ok(text),
                    None => self.repr_of(val),
                }
            }
            Type::Object(_) if self.class_of(val).is_some_and(|class| class.carries_object()) => self.said_by(val),
            Type::Record(_) | Type::Object(_) => match self.special(val, "__str__")? {
                Some(text) => Ok(text),
                None => self.repr_of(val),
            },
            // NumPy's scalars print like Python's, and only `repr` tells them apart.
            Type::Np(elem) if elem.name() != "float32" => {
                let python = self.python_number(val);
                self.repr_of(&python)
            }
            _ => self.repr_of(val),
        }
    }

    /// `repr(val)`.
    pub fn repr_of(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| lowerer.repr_of_plain(&val))
    }

    fn repr_of_plain(&mut self, val: &Val) -> Lowered<Val> {
        if let Some(text) = self.library_text(val, "__repr__")? {
            return Ok(text);
        }
        if let Some(text) = self.repr_of_record(val)? {
            return Ok(text);
        }
        match val.ty() {
            Type::Exception => self.repr_of_exception(val),
            Type::None => Ok(self.str("None")),
            Type::Bool => {
                let (yes, no) = (self.str("True"), self.str("False"));
                Ok(self.select(val, &yes, &no))
            }
            Type::Int => Ok(self.prim(Prim::IntToStr, &[val])),
            Type::Float => Ok(self.prim(Prim::FloatToStr, &[val])),
            Type::Str => Ok(self.prim(Prim::StrRepr, &[val])),
            Type::Tuple(items) => {
                let count = items.len();
                let items = self.fields(val);
                let mut text = self.str("(");
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        text = self.concat_text(&text, ", ");
                    }
                    let shown = self.repr_of(item)?;
                    text = self.prim(Prim::StrConcat, &[&text, &shown]);
                }
                Ok(self.concat_text(&text, if count == 1 { ",)" } else { ")" }))
            }
            Type::List(_) | Type::Dict(..) | Type::Set { .. } | Type::Bytes | Type::Record(_)
                if self.shows_whole(val.ty()) && super::dicts::view_of(val.ty()).is_none() =>
            {
                Ok(self.container_op(ContainerOp::ValueRepr, &[val], Type::Str))
            }
            Type::Record(record) if record.kind == ir::RecordKind::Dict => {
                let dict = self.demand_dict(val)?;
                self.repr_of(&dict)
            }
            Type::List(_) => self.repr_of_list(val),
            Type::Dict(..) | Type::Set { .. } => self.repr_of_table(val),
            Type::Range => {
                let parts = [Prim::RangeStart, Prim::RangeStop].map(|prim| self.prim(prim, &[val]));
                let step = self.prim(Prim::RangeStep, &[val]);
                let mut text = self.str("range(");
                for (index, part) in parts.iter().enumerate() {
                    if index > 0 {
                        text = self.concat_text(&text, ", ");
                    }
                    let shown = self.prim(Prim::IntToStr, &[part]);
                    text = self.prim(Prim::StrConcat, &[&text, &shown]);
                }
                let one = self.int(1);
                let plain = self.prim(Prim::IntEq, &[&step, &one]);
                let shown = self.prim(Prim::IntToStr, &[&step]);
                let comma = self.str(", ");
                let with_step = self.prim(Prim::StrConcat, &[&comma, &shown]);
                let nothing = self.str("");
                let tail = self.select(&plain, &nothing, &with_step);
                let text = self.prim(Prim::StrConcat, &[&text, &tail]);
                Ok(self.concat_text(&text, ")"))
            }
            other => {
                let message = format!("a `{}` cannot be turned into text in compiled code", python_name(other));
                let help = match other {
                    Type::Np(_) => Some("convert with `int()` or `float()` first".to_owned()),
                    Type::Array { .. } => Some("show `a.tolist()`".to_owned()),
                    Type::Object(_) | Type::Record(_) => {
                        Some("give the class a `__repr__`, or show its fields".to_owned())
                    }
                    _ => None,
                };
                self.fail("unsupported-operation", message, help)
            }
        }
    }

    /// Whether the value shows itself otherwise than by its place in memory.
    pub fn has_own_text(&self, val: &Val) -> bool {
        let is_plain = |class: &crate::classes::Class<'_>| class.kind == crate::classes::ClassKind::Plain;
        !self.class_of(val).is_some_and(|class| is_plain(&class) && class.method("__repr__").is_none())
    }

    /// `ascii(val)`.
    pub fn ascii_of(&mut self, val: &Val) -> Lowered<Val> {
        self.each_variant(val, &mut |lowerer, val| match val.ty() {
            Type::Str => Ok(lowerer.prim(Prim::StrAscii, &[&val])),
            ty if ty == &Type::None || super::number::is_number(ty) => lowerer.repr_of(&val),
            _ => {
                let shown = lowerer.repr_of(&val)?;
                Ok(lowerer.prim(Prim::StrEscape, &[&shown]))
            }
        })
    }

    pub fn concat_text(&mut self, text: &Val, more: &str) -> Val {
        let more = self.str(more);
        self.prim(Prim::StrConcat, &[text, &more])
    }

    /// `format(val, spec)` of a plain value.
    pub fn formatted(&mut self, val: &Val, spec: Option<&Val>) -> Lowered<Val> {
        if self.class_of(val).is_some_and(|class| class.method("__format__").is_some()) {
            let spec = match spec {
                Some(spec) => spec.clone(),
                None => self.str(""),
            };
            let Some(text) = self.special_with(val, "__format__", &[spec])? else { return Err(Stop::Failed) };
            return match text.ty() {
                Type::Str => Ok(text),
                other => {
                    let message = format!("__format__ must return a str, not {}", python_name(other));
                    self.clash(message)
                }
            };
        }
        let val = &self.formatted_member(val)?;
        let Some(spec) = spec else { return self.text_of(val) };
        if *spec.ty() != Type::Str {
            let message = format!("format() argument 2 must be str, not {}", python_name(spec.ty()));
            return self.clash(message);
        }
        if let Some(known) = spec.known_str()
            && known.is_empty()
        {
            return self.text_of(val);
        }
        match val.ty() {
            ty if super::enums::enum_class(ty).is_some() && !self.is_int_member(ty) => {
                let text = self.text_of(val)?;
                Ok(self.prim(Prim::StrFormat, &[&text, spec]))
            }
            Type::Record(record)
                if record.kind == ir::RecordKind::Library
                    && super::datetime::datetime_class(val.ty()) != Some(super::datetime::DELTA) =>
            {
                self.library_method(val, "__format__", std::slice::from_ref(spec), &[])
            }
            Type::Bool if spec.known_str().is_none() => self.formatted_bool(val, spec),
            ty if is_integer(ty) => {
                let int = self.as_int(val)?;
                Ok(self.prim(Prim::IntFormat, &[&int, spec]))
            }
            Type::Float => Ok(self.prim(Prim::FloatFormat, &[val, spec])),
            Type::Str => Ok(self.prim(Prim::StrFormat, &[val, spec])),
            Type::Np(elem) if elem.name() == "float64" => {
                let python = self.python_number(val);
                Ok(self.prim(Prim::FloatFormat, &[&python, spec]))
            }
            Type::Np(elem) if !elem.is_float() && elem.name() != "bool" => {
                let python = self.python_number(val);
                Ok(self.prim(Prim::IntFormat, &[&python, spec]))
            }
            Type::Np(_) => self.fail(
                "unsupported-operation",
                "this NumPy scalar cannot be formatted in compiled code",
                Some("convert with `float()` first".to_owned()),
            ),
            other if spec.known_str().is_some() => {
                let name = python_name(other);
                self.clash(format!("unsupported format string passed to {name}.__format__"))
            }
            _ => self.fail("unsupported-operation", "the format of this value must be a constant", None),
        }
    }

    /// A bool is formatted as a number, but as a word when the format turns out to be empty.
    fn formatted_bool(&mut self, val: &Val, spec: &Val) -> Lowered<Val> {
        let empty = self.str("");
        let plain = self.prim(Prim::StrEq, &[spec, &empty]);
        let (word, number) = self.branch(&plain)?;
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        if let Some(edge) = word {
            self.attach(edge);
            let text = self.repr_of(val)?;
            edges.extend(self.detach().map(|edge| (edge, text)));
        }
        if let Some(edge) = number {
            self.attach(edge);
            let int = self.as_int(val)?;
            let text = self.prim(Prim::IntFormat, &[&int, spec]);
            edges.extend(self.detach().map(|edge| (edge, text)));
        }
        self.join_values(edges)
    }

    /// An f-string: its parts one after the other.
    pub fn fstring(&mut self, text: &'p ast::ExprFString) -> Lowered<Val> {
        let mut parts = Vec::new();
        for part in &text.value {
            match part {
                ast::FStringPart::Literal(literal) => {
                    self.check_text(&literal.value, literal)?;
                    let literal = self.literal(Const::Str(literal.value.as_ref().into()));
                    parts.push(literal);
                }
                ast::FStringPart::FString(inner) => self.fstring_parts(&inner.elements, text, &mut parts)?,
            }
        }
        self.at(text);
        Ok(self.concat_parts(&parts))
    }

    pub fn concat_parts(&mut self, parts: &[Val]) -> Val {
        if let [only] = parts {
            return only.clone();
        }
        let known: Option<Vec<_>> = parts.iter().map(Val::known_str).collect();
        if let Some(known) = known {
            let text: String = known.iter().map(|part| part.as_ref()).collect();
            return self.literal(Const::Str(text.into()));
        }
        let Some((first, rest)) = parts.split_first() else { return self.str("") };
        let mut text = first.clone();
        for part in rest {
            text = self.prim(Prim::StrConcat, &[&text, part]);
        }
        text
    }

    fn fstring_parts(
        &mut self,
        elements: &'p ast::InterpolatedStringElements,
        whole: &'p ast::ExprFString,
        parts: &mut Vec<Val>,
    ) -> Lowered<()> {
        for element in elements {
            match element {
                ast::InterpolatedStringElement::Literal(literal) => {
                    self.check_text(&literal.value, literal)?;
                    let literal = self.literal(Const::Str((&*literal.value).into()));
                    parts.push(literal);
                }
                ast::InterpolatedStringElement::Interpolation(inner) => {
                    let part = self.interpolation(inner, whole, parts)?;
                    parts.push(part);
                }
            }
        }
        Ok(())
    }

    /// `{expr!conversion:spec}`.
    fn interpolation(
        &mut self,
        inner: &'p ast::InterpolatedElement,
        whole: &'p ast::ExprFString,
        parts: &mut Vec<Val>,
    ) -> Lowered<Val> {
        if let Some(debug) = &inner.debug_text {
            // `{x=}` shows its own source first.
            let shown = self.literal(Const::Str(debug.as_str().into()));
            parts.push(shown);
        }
        let val = match self.text_of_class(&inner.expression)? {
            // `repr` of a class is the same text.
            Some(text) if inner.format_spec.is_none() && inner.debug_text.is_none() => return Ok(text),
            Some(_) | None => self.expr(&inner.expression)?,
        };
        let spec = match &inner.format_spec {
            Some(spec) => {
                let mut spec_parts = Vec::new();
                self.fstring_parts(&spec.elements, whole, &mut spec_parts)?;
                Some(self.concat_parts(&spec_parts))
            }
            None => None,
        };
        // CPython gives the formatting of a part the line of the whole string.
        self.at(whole);
        let by_repr = inner.debug_text.is_some() && spec.is_none();
        let val = match inner.conversion {
            ast::ConversionFlag::Str => self.text_of(&val)?,
            ast::ConversionFlag::Repr => self.repr_of(&val)?,
            ast::ConversionFlag::None if by_repr => self.repr_of(&val)?,
            ast::ConversionFlag::Ascii => self.ascii_of(&val)?,
            ast::ConversionFlag::None => val,
        };
        self.each_variant(&val, &mut |lowerer, val| lowerer.formatted(&val, spec.as_ref()))
    }
}
