//! `datetime.strptime` with a constant format: the format becomes a regular expression, as in CPython, and what its groups
//! hold becomes numbers.

use ir::{ExcKind, Op, Prim, Type};

use super::call::CallArguments;
use super::datetime::DATETIME;
use super::expr::non_negative_int;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::pattern;
use crate::shape::python_name;

/// The directives with what they match; all groups are named like their directive.
const DIRECTIVES: &[(char, &str)] = &[
    ('A', "wednesday|thursday|saturday|tuesday|monday|friday|sunday"),
    ('B', "september|february|november|december|january|october|august|march|april|june|july|may|"),
    ('H', r"2[0-3]|[0-1]\d|\d"),
    ('I', "1[0-2]|0[1-9]|[1-9]"),
    ('M', r"[0-5]\d|\d"),
    ('S', r"6[0-1]|[0-5]\d|\d"),
    ('Y', r"\d\d\d\d"),
    ('a', "mon|tue|wed|thu|fri|sat|sun"),
    ('b', "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec|"),
    ('d', r"3[0-1]|[1-2]\d|0[1-9]|[1-9]| [1-9]"),
    ('f', "[0-9]{1,6}"),
    ('m', "1[0-2]|0[1-9]|[1-9]"),
    ('p', "am|pm"),
    ('y', r"\d\d"),
];

/// `re.IGNORECASE`.
const IGNORECASE: u32 = 2;
/// `pattern.match` of the runtime.
const AT_START: i64 = 1;

/// The regular expression of a format, and its directives in order.
fn expression(format: &str) -> Result<(String, Vec<char>), String> {
    let (mut text, mut directives) = (String::new(), Vec::new());
    let mut characters = format.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '%' => match characters.next() {
                Some('%') => text.push('%'),
                Some(directive) if directives.contains(&directive) => {
                    return Err(format!("`%{directive}` stands twice in the format"));
                }
                Some(directive) => match DIRECTIVES.iter().find(|(known, _)| *known == directive) {
                    Some((_, body)) => {
                        text.push_str(&format!("(?P<{directive}>{body})"));
                        directives.push(directive);
                    }
                    None => return Err(format!("`%{directive}` cannot be read in compiled code")),
                },
                None => return Err("stray % in the format".to_owned()),
            },
            space if space.is_whitespace() => {
                while characters.next_if(|next| next.is_whitespace()).is_some() {}
                text.push_str(r"\s+");
            }
            special if r"\.^$*+?(){}[]|".contains(special) => {
                text.push('\\');
                text.push(special);
            }
            other => text.push(other),
        }
    }
    let both = |a: char, b: char| directives.contains(&a) && directives.contains(&b);
    if both('H', 'I') || both('b', 'B') || both('b', 'm') || both('B', 'm') || both('y', 'Y') {
        return Err("two directives of the format say the same".to_owned());
    }
    Ok((text, directives))
}

impl Lowerer<'_, '_> {
    /// `datetime.strptime(text, format)`.
    pub fn strptime(&mut self, arguments: CallArguments) -> Lowered<Val> {
        let vals = self.plain_arguments("strptime", arguments)?;
        let [text, format] = vals.as_slice() else {
            return self.clash(format!("strptime() takes exactly 2 arguments ({} given)", vals.len()));
        };
        let text = self.each_variant(text, &mut |lowerer, val| match val.ty() {
            Type::Str => Ok(val),
            other => {
                let found = python_name(other);
                lowerer.clash(format!("strptime() argument 1 must be str, not {found}"))
            }
        })?;
        match format.known_str() {
            Some(format) => self.strptime_with(&text, &format),
            None if *format.ty() == Type::Str => {
                let fits =
                    |text: &str| text.contains('%') && expression(text).is_ok_and(|(_, found)| !found.is_empty());
                let found = self.each_constant(format, &fits, &mut |l, format| l.strptime_with(&text, format))?;
                match found {
                    Some(found) => Ok(found),
                    None => self.fail("unsupported-operation", "the format of `strptime` must be a constant", None),
                }
            }
            None => self.fail("unsupported-operation", "the format of `strptime` must be a constant", None),
        }
    }

    fn strptime_with(&mut self, text: &Val, format: &str) -> Lowered<Val> {
        let (expression, directives) = match expression(format) {
            Ok(found) => found,
            Err(message) => return self.fail("unsupported-argument", message, None),
        };
        let Ok(pattern) = pattern::read(&expression, IGNORECASE) else { return Err(Stop::Failed) };
        let (program, zero, mode) = (self.str(&pattern.program), self.int(0), self.int(AT_START));
        let spans = self.prim(Prim::ReFind, &[&program, text, &zero, &mode]);
        let count = self.emit(Op::ListLen, &[&spans], non_negative_int());
        let matched = self.prim(Prim::IntGt, &[&count, &zero]);
        self.require(&matched, ExcKind::ValueError, &format!("time data does not match format '{format}'"))?;
        let (end, length) = (self.span_at(&spans, 1), self.prim(Prim::StrByteLen, &[text]));
        let whole = self.prim(Prim::IntEq, &[&end, &length]);
        self.require(&whole, ExcKind::ValueError, "unconverted data remains")?;
        let mut groups = Vec::new();
        for (index, directive) in directives.iter().enumerate() {
            let number = 2 * (index as i64 + 1);
            let (start, end) = (self.span_at(&spans, number), self.span_at(&spans, number + 1));
            groups.push((*directive, self.prim(Prim::StrByteSlice, &[text, &start, &end])));
        }
        self.parsed_numbers(&groups)
    }

    fn span_at(&mut self, spans: &Val, number: i64) -> Val {
        let number = self.int(number);
        self.emit(Op::ListGet, &[spans, &number], Type::Int)
    }

    fn parsed_numbers(&mut self, groups: &[(char, Val)]) -> Lowered<Val> {
        let group =
            |directive: char| groups.iter().find(|(known, _)| *known == directive).map(|(_, text)| text.clone());
        let year = match (group('Y'), group('y')) {
            (Some(text), _) => self.number_of(&text),
            (_, Some(text)) => {
                let number = self.number_of(&text);
                self.call_library("datetime", "_short_year", &[number])?
            }
            _ => self.int(1900),
        };
        let month = match (group('m'), group('b'), group('B')) {
            (Some(text), _, _) => self.number_of(&text),
            (_, Some(name), _) => {
                let length = self.int(3);
                self.call_library("datetime", "_month_number", &[name, length])?
            }
            (_, _, Some(name)) => {
                let length = self.int(9);
                self.call_library("datetime", "_month_number", &[name, length])?
            }
            _ => self.int(1),
        };
        let number = |lowerer: &mut Self, directive: char, default: i64| match group(directive) {
            Some(text) => lowerer.number_of(&text),
            None => lowerer.int(default),
        };
        let day = number(self, 'd', 1);
        let hour = if group('I').is_some() { number(self, 'I', 0) } else { number(self, 'H', 0) };
        let (minute, second) = (number(self, 'M', 0), number(self, 'S', 0));
        let micros = match group('f') {
            Some(text) => self.call_library("datetime", "_fraction", &[text])?,
            None => self.int(0),
        };
        // The half of the day is only looked at with an hour of twelve.
        let half = match (group('I'), group('p')) {
            (None, _) => self.int(-1),
            (Some(_), None) => self.int(0),
            (Some(_), Some(text)) => {
                let lower = self.prim(Prim::StrLower, &[&text]);
                let afternoon = self.str("pm");
                let is_afternoon = self.prim(Prim::StrEq, &[&lower, &afternoon]);
                self.prim(Prim::BoolToInt, &[&is_afternoon])
            }
        };
        let parts = [year, month, day, hour, minute, second, micros, half];
        let positional = parts.into_iter().map(|part| Thing::Val(Val { known: None, ..part })).collect();
        self.datetime_call("_datetime_parsed", Vec::new(), CallArguments { positional, keywords: Vec::new() }, DATETIME)
    }

    /// `int(text)` of digits; a day may have a blank before it.
    fn number_of(&mut self, text: &Val) -> Val {
        let ten = self.int(10);
        self.prim(Prim::StrToInt, &[text, &ten])
    }
}
