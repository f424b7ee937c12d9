//! Text by a template: `str.format`, `str.format_map` and `%`. A template is a constant: it is taken apart here, and what
//! is left to do when the function runs is to format the values between its pieces. Formatting itself is `format`.

use ir::{ExcKind, Prim, RecordKind, Type};

use super::index::Index;
use super::number::{is_integer, is_number};
use super::{Lowered, Lowerer, Val};
use crate::shape::python_name;
use crate::template::{Accessor, Amount, Conversion, Field, FieldName, PercentPiece, Piece};

/// Where the fields of a `str.format` template find their values.
pub struct Arguments<'a> {
    pub positional: &'a [Val],
    pub keywords: &'a [(String, Val)],
    /// The argument of `format_map`, which has all fields.
    pub mapping: Option<&'a Val>,
}

/// How fields without a number are numbered.
#[derive(Clone, Copy)]
enum Numbering {
    Open,
    Automatic(usize),
    Manual,
}

impl Lowerer<'_, '_> {
    // `str.format`.

    /// `template.format(arguments)`.
    pub fn format_template(&mut self, template: &Val, arguments: &Arguments<'_>) -> Lowered<Val> {
        if let Some(text) = template.known_str() {
            return self.format_with(&text, arguments);
        }
        let fits = |text: &str| {
            crate::template::parse(text).is_ok_and(|pieces| pieces.iter().any(|piece| matches!(piece, Piece::Field(_))))
        };
        match self.each_constant(template, &fits, &mut |lowerer, text| lowerer.format_with(text, arguments))? {
            Some(found) => Ok(found),
            None => self.unknown_template(),
        }
    }

    fn format_with(&mut self, text: &str, arguments: &Arguments<'_>) -> Lowered<Val> {
        match crate::template::parse(text) {
            Ok(pieces) => self.format_pieces(&pieces, arguments, &mut Numbering::Open),
            Err(message) => self.bad_template(ExcKind::ValueError, message),
        }
    }

    fn unknown_template<T>(&mut self) -> Lowered<T> {
        self.fail(
            "unsupported-operation",
            "a template must be a constant in compiled code",
            Some("write the text where it is used, or use an f-string".to_owned()),
        )
    }

    fn bad_template<T>(&mut self, class: ExcKind, message: impl Into<String>) -> Lowered<T> {
        self.clash_of(class, "invalid-template", message)
    }

    fn format_pieces(
        &mut self,
        pieces: &[Piece],
        arguments: &Arguments<'_>,
        numbering: &mut Numbering,
    ) -> Lowered<Val> {
        let mut parts = Vec::new();
        for piece in pieces {
            let part = match piece {
                Piece::Text(text) => self.str(text),
                Piece::Field(field) => self.format_field(field, arguments, numbering)?,
            };
            parts.push(part);
        }
        Ok(self.concat_parts(&parts))
    }

    fn format_field(&mut self, field: &Field, arguments: &Arguments<'_>, numbering: &mut Numbering) -> Lowered<Val> {
        let mut val = self.field_value(&field.name, arguments, numbering)?;
        for accessor in &field.accessors {
            val = match accessor {
                Accessor::Attribute(name) => self.each_variant(&val, &mut |l, val| l.attribute_of(&val, name))?,
                Accessor::Index(index) => {
                    let index = self.int(*index);
                    self.load(&val, &Index::Item(index))?
                }
                Accessor::Key(key) => {
                    let key = self.str(key);
                    self.load(&val, &Index::Item(key))?
                }
            };
        }
        let val = match field.conversion {
            None => val,
            Some('s') => self.text_of(&val)?,
            Some('r') => self.repr_of(&val)?,
            Some('a') => self.ascii_of(&val)?,
            Some(other) => {
                return self.bad_template(ExcKind::ValueError, format!("Unknown conversion specifier {other}"));
            }
        };
        let spec = match field.spec.as_slice() {
            [] => None,
            pieces => Some(self.format_pieces(pieces, arguments, numbering)?),
        };
        self.each_variant(&val, &mut |lowerer, val| lowerer.formatted(&val, spec.as_ref()))
    }

    fn field_value(&mut self, name: &FieldName, arguments: &Arguments<'_>, numbering: &mut Numbering) -> Lowered<Val> {
        let position = match (name, *numbering) {
            (FieldName::Next, Numbering::Open) => 0,
            (FieldName::Next, Numbering::Automatic(last)) => last + 1,
            (FieldName::Next, Numbering::Manual) => {
                let message = "cannot switch from manual field specification to automatic field numbering";
                return self.bad_template(ExcKind::ValueError, message);
            }
            (FieldName::Position(_), Numbering::Automatic(_)) => {
                let message = "cannot switch from automatic field numbering to manual field specification";
                return self.bad_template(ExcKind::ValueError, message);
            }
            (FieldName::Position(position), _) => *position,
            (FieldName::Keyword(name), _) => return self.keyword_value(name, arguments),
        };
        *numbering = match name {
            FieldName::Next => Numbering::Automatic(position),
            _ => Numbering::Manual,
        };
        if arguments.mapping.is_some() {
            return self.bad_template(ExcKind::ValueError, "Format string contains positional fields");
        }
        match arguments.positional.get(position) {
            Some(val) => Ok(val.clone()),
            None => {
                let message = format!("Replacement index {position} out of range for positional args tuple");
                self.bad_template(ExcKind::IndexError, message)
            }
        }
    }

    fn keyword_value(&mut self, name: &str, arguments: &Arguments<'_>) -> Lowered<Val> {
        if let Some(mapping) = arguments.mapping {
            let key = self.str(name);
            return self.load(mapping, &Index::Item(key));
        }
        match arguments.keywords.iter().find(|(known, _)| known == name) {
            Some((_, val)) => Ok(val.clone()),
            None => self.bad_template(ExcKind::KeyError, format!("the template names `{name}`, which is not given")),
        }
    }

    // `%`.

    /// `template % right`.
    pub fn percent(&mut self, template: &Val, right: &Val) -> Lowered<Val> {
        if let Some(text) = template.known_str() {
            return self.percent_with(&text, right);
        }
        let fits = |text: &str| {
            crate::template::parse_percent(text)
                .is_ok_and(|pieces| pieces.iter().any(|piece| matches!(piece, PercentPiece::Conversion(_))))
        };
        match self.each_constant(template, &fits, &mut |lowerer, text| lowerer.percent_with(text, right))? {
            Some(found) => Ok(found),
            None => self.unknown_template(),
        }
    }

    fn percent_with(&mut self, text: &str, right: &Val) -> Lowered<Val> {
        let pieces = match crate::template::parse_percent(text) {
            Ok(pieces) => pieces,
            Err(message) => return self.bad_template(ExcKind::ValueError, message),
        };
        let (values, mapping) = match right.ty() {
            Type::Tuple(_) => (self.fields(right), None),
            Type::Record(record) if record.kind == RecordKind::NamedTuple => (self.fields(right), None),
            ty if ty.tuple_item().is_some() => {
                return self.fail(
                    "unsupported-operation",
                    "the length of the tuple behind `%` must be known when the program is compiled",
                    Some("use an f-string".to_owned()),
                );
            }
            Type::Bool | Type::Int | Type::Float | Type::Str | Type::None => (vec![right.clone()], None),
            _ => (vec![right.clone()], Some(right)),
        };
        let mut values = values.into_iter();
        let mut parts = Vec::new();
        for piece in &pieces {
            match piece {
                PercentPiece::Text(text) => parts.push(self.str(text)),
                PercentPiece::Conversion(conversion) => {
                    let spec = self.conversion_text(conversion, &mut values)?;
                    let val = match (&conversion.key, mapping) {
                        (None, _) => self.next_value(&mut values)?,
                        (Some(key), Some(mapping)) => {
                            // Keys leave nothing for conversions without one.
                            values = Vec::new().into_iter();
                            let key = self.str(key);
                            self.load(mapping, &Index::Item(key))?
                        }
                        (Some(_), None) => return self.clash("format requires a mapping"),
                    };
                    let kind = conversion.kind;
                    parts.push(self.each_variant(&val, &mut |l, val| l.converted(&val, kind, spec.as_ref()))?);
                }
            }
        }
        if values.next().is_some() && mapping.is_none() {
            return self.bad_template(ExcKind::TypeError, "not all arguments converted during string formatting");
        }
        Ok(self.concat_parts(&parts))
    }

    fn next_value(&mut self, values: &mut impl Iterator<Item = Val>) -> Lowered<Val> {
        match values.next() {
            Some(val) => Ok(val),
            None => self.bad_template(ExcKind::TypeError, "not enough arguments for format string"),
        }
    }

    /// Flags, width, precision and type as the runtime reads them; `None` for the type alone.
    fn conversion_text(
        &mut self,
        conversion: &Conversion,
        values: &mut impl Iterator<Item = Val>,
    ) -> Lowered<Option<Val>> {
        if conversion.is_plain() {
            return Ok(None);
        }
        let mut parts = vec![self.str(&conversion.flags)];
        match &conversion.width {
            Amount::None => {}
            Amount::Digits(digits) => parts.push(self.str(digits)),
            Amount::Argument => parts.push(self.star_value(values)?),
        }
        match &conversion.precision {
            Amount::None => {}
            Amount::Digits(digits) => parts.push(self.str(&format!(".{digits}"))),
            Amount::Argument => {
                parts.push(self.str(".*"));
                parts.push(self.star_value(values)?);
            }
        }
        parts.push(self.str(&conversion.kind.to_string()));
        Ok(Some(self.concat_parts(&parts)))
    }

    /// The text of a width or precision that is an argument.
    fn star_value(&mut self, values: &mut impl Iterator<Item = Val>) -> Lowered<Val> {
        let val = self.next_value(values)?;
        self.each_variant(&val, &mut |lowerer, val| match val.ty() {
            ty if is_integer(ty) => {
                let int = lowerer.as_int(&val)?;
                Ok(lowerer.prim(Prim::IntToStr, &[&int]))
            }
            _ => lowerer.clash("* wants int"),
        })
    }

    /// A plain value by a conversion; without `spec` by its type alone.
    fn converted(&mut self, val: &Val, kind: char, spec: Option<&Val>) -> Lowered<Val> {
        if let Type::Np(_) = val.ty()
            && !matches!(kind, 's' | 'r' | 'a')
        {
            let python = self.python_number(val);
            return self.converted(&python, kind, spec);
        }
        match (kind, val.ty()) {
            ('s' | 'r' | 'a', _) => {
                let text = match kind {
                    's' => self.text_of(val)?,
                    'r' => self.repr_of(val)?,
                    _ => self.ascii_of(val)?,
                };
                Ok(match spec {
                    Some(spec) => self.prim(Prim::StrPercent, &[&text, spec]),
                    None => text,
                })
            }
            ('d' | 'i' | 'u', ty) if is_integer(ty) => self.percent_int(val, kind, spec),
            ('d' | 'i' | 'u', Type::Float) => {
                let whole = self.prim(Prim::FloatToInt, &[val]);
                self.percent_int(&whole, kind, spec)
            }
            ('d' | 'i' | 'u', other) => {
                let shown = python_name(other);
                self.clash(format!("%{kind} format: a real number is required, not {shown}"))
            }
            ('x' | 'X' | 'o' | 'c', ty) if is_integer(ty) => self.percent_int(val, kind, spec),
            ('c', Type::Str) => {
                let spec = self.spec_or_kind(kind, spec);
                Ok(self.prim(Prim::StrPercent, &[val, &spec]))
            }
            ('c', _) => self.clash("%c requires int or char"),
            ('x' | 'X' | 'o', other) => {
                let shown = python_name(other);
                self.clash(format!("%{kind} format: an integer is required, not {shown}"))
            }
            (_, ty) if is_number(ty) => {
                let float = self.as_float(val)?;
                let spec = self.spec_or_kind(kind, spec);
                Ok(self.prim(Prim::FloatPercent, &[&float, &spec]))
            }
            (_, other) => {
                let shown = python_name(other);
                self.clash(format!("must be real number, not {shown}"))
            }
        }
    }

    fn percent_int(&mut self, val: &Val, kind: char, spec: Option<&Val>) -> Lowered<Val> {
        let int = self.as_int(val)?;
        if spec.is_none() && matches!(kind, 'd' | 'i' | 'u') {
            return Ok(self.prim(Prim::IntToStr, &[&int]));
        }
        let spec = self.spec_or_kind(kind, spec);
        Ok(self.prim(Prim::IntPercent, &[&int, &spec]))
    }

    fn spec_or_kind(&mut self, kind: char, spec: Option<&Val>) -> Val {
        match spec {
            Some(spec) => spec.clone(),
            None => self.str(&kind.to_string()),
        }
    }
}
