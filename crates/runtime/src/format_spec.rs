//! The format mini-language: `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`. Parses it as CPython
//! does, with CPython's messages; what it means for a value is in `format`.

use std::iter::Peekable;
use std::str::Chars;

use crate::exc::{Raised, value_error};
use crate::unicode::decimal_value;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Align {
    Left,
    Right,
    Center,
    /// `=`: the padding comes between the sign and the digits.
    AfterSign,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sign {
    Plus,
    Minus,
    Space,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Grouping {
    None,
    Comma,
    Underscore,
    /// `_` with a base that is a power of two.
    UnderscoreFour,
}

/// A parsed format spec.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Spec {
    pub(crate) fill: char,
    pub(crate) align: Align,
    pub(crate) sign: Option<Sign>,
    pub(crate) no_negative_zero: bool,
    pub(crate) alternate: bool,
    pub(crate) width: Option<usize>,
    pub(crate) grouping: Grouping,
    pub(crate) precision: Option<usize>,
    /// The presentation type.
    pub(crate) kind: Option<char>,
}

fn align_of(character: char) -> Option<Align> {
    match character {
        '<' => Some(Align::Left),
        '>' => Some(Align::Right),
        '^' => Some(Align::Center),
        '=' => Some(Align::AfterSign),
        _ => None,
    }
}

/// A decimal number of any script's digits, if there is one.
fn number(rest: &mut Peekable<Chars<'_>>) -> Result<Option<usize>, Raised> {
    let mut value: Option<usize> = None;
    while let Some(digit) = rest.peek().copied().and_then(decimal_value) {
        rest.next();
        let next = value.unwrap_or(0).checked_mul(10).and_then(|value| value.checked_add(digit as usize));
        value = Some(
            next.filter(|value| *value <= isize::MAX as usize)
                .ok_or_else(|| value_error("Too many decimal digits in format string"))?,
        );
    }
    Ok(value)
}

/// A character as CPython's messages show it.
fn shown(character: char) -> String {
    if character > ' ' && u32::from(character) < 128 {
        character.to_string()
    } else {
        format!("\\x{:x}", u32::from(character))
    }
}

impl Spec {
    /// Parses `text` for a value of the Python type `type_name`.
    pub(crate) fn parse(
        text: &str,
        default_kind: Option<char>,
        default_align: Align,
        type_name: &str,
    ) -> Result<Spec, Raised> {
        let mut spec = Spec {
            fill: ' ',
            align: default_align,
            sign: None,
            no_negative_zero: false,
            alternate: false,
            width: None,
            grouping: Grouping::None,
            precision: None,
            kind: default_kind,
        };
        let mut rest = text.chars().peekable();
        spec.parse_padding(text, &mut rest, default_align);
        spec.width = number(&mut rest)?;
        spec.parse_grouping(&mut rest)?;
        if rest.next_if_eq(&'.').is_some() {
            let precision = number(&mut rest)?;
            spec.precision = Some(precision.ok_or_else(|| value_error("Format specifier missing precision"))?);
        }
        let kind = rest.next();
        if rest.next().is_some() {
            return Err(value_error(format!("Invalid format specifier '{text}' for object of type '{type_name}'")));
        }
        spec.kind = kind.or(default_kind);
        spec.check_grouping()?;
        Ok(spec)
    }

    /// True when a number is not padded, grouped or given a sign.
    pub(crate) fn is_plain(&self) -> bool {
        self.width.is_none() && self.grouping == Grouping::None && matches!(self.sign, None | Some(Sign::Minus))
    }

    /// `[[fill]align][sign][z][#][0]`.
    fn parse_padding(&mut self, text: &str, rest: &mut Peekable<Chars<'_>>, default_align: Align) {
        let mut ahead = text.chars();
        let (first, second) = (ahead.next(), ahead.next());
        let (mut has_fill, mut has_align) = (false, true);
        if let (Some(fill), Some(align)) = (first, second.and_then(align_of)) {
            (self.fill, self.align, has_fill) = (fill, align, true);
            rest.next();
            rest.next();
        } else if let Some(align) = first.and_then(align_of) {
            self.align = align;
            rest.next();
        } else {
            has_align = false;
        }
        self.sign = match rest.peek() {
            Some('+') => Some(Sign::Plus),
            Some('-') => Some(Sign::Minus),
            Some(' ') => Some(Sign::Space),
            _ => None,
        };
        if self.sign.is_some() {
            rest.next();
        }
        self.no_negative_zero = rest.next_if_eq(&'z').is_some();
        self.alternate = rest.next_if_eq(&'#').is_some();
        if !has_fill && rest.next_if_eq(&'0').is_some() {
            self.fill = '0';
            if !has_align && default_align == Align::Right {
                self.align = Align::AfterSign;
            }
        }
    }

    fn parse_grouping(&mut self, rest: &mut Peekable<Chars<'_>>) -> Result<(), Raised> {
        let comma = rest.next_if_eq(&',').is_some();
        let underscore = rest.next_if_eq(&'_').is_some();
        if underscore && (comma || rest.peek() == Some(&',')) {
            return Err(value_error("Cannot specify both ',' and '_'."));
        }
        self.grouping = match (comma, underscore) {
            (true, _) => Grouping::Comma,
            (_, true) => Grouping::Underscore,
            _ => Grouping::None,
        };
        Ok(())
    }

    /// Grouping goes with decimal numbers; `_` also with the bases that are powers of two, by four digits.
    fn check_grouping(&mut self) -> Result<(), Raised> {
        let separator = match self.grouping {
            Grouping::None => return Ok(()),
            Grouping::Comma => ',',
            Grouping::Underscore | Grouping::UnderscoreFour => '_',
        };
        match self.kind {
            None | Some('d' | 'e' | 'f' | 'g' | 'E' | 'G' | '%' | 'F') => Ok(()),
            Some('b' | 'o' | 'x' | 'X') if separator == '_' => {
                self.grouping = Grouping::UnderscoreFour;
                Ok(())
            }
            Some(kind) => Err(value_error(format!("Cannot specify '{separator}' with '{}'.", shown(kind)))),
        }
    }

    /// The error for a presentation type that values of this Python type do not have.
    pub(crate) fn unknown_kind(&self, type_name: &str) -> Raised {
        let kind = self.kind.map(shown).unwrap_or_default();
        value_error(format!("Unknown format code '{kind}' for object of type '{type_name}'"))
    }
}
