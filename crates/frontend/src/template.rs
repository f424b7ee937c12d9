//! The syntax of templates, as `str.format` and `%` read it, with CPython's messages for what is malformed. Knows nothing
//! of values.

/// Part of a template of `str.format`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    Text(String),
    Field(Field),
}

/// `{name.attribute[key]!conversion:spec}`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    pub name: FieldName,
    pub accessors: Vec<Accessor>,
    pub conversion: Option<char>,
    pub spec: Vec<Piece>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FieldName {
    /// Nothing: the next argument.
    Next,
    Position(usize),
    Keyword(String),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Accessor {
    Attribute(String),
    Index(i64),
    Key(String),
}

/// How deep fields may stand in the specs of fields.
const DEPTH_MAX: usize = 2;

/// Takes apart a template of `str.format`. The error is CPython's message of the `ValueError`.
pub fn parse(text: &str) -> Result<Vec<Piece>, String> {
    pieces(&text.chars().collect::<Vec<char>>(), DEPTH_MAX)
}

/// What the specs of a template's fields ask of all that is shown, so that nothing can go wrong with one of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Specs {
    /// There are none.
    Nothing,
    /// Only a width and the side to which short text goes: numbers and text.
    Plain,
    /// Digits behind the point: numbers.
    Number,
}

/// How many arguments a template takes whose fields have nothing in them that may go wrong before the next one is looked at, as
/// long as all of them are what the specs ask for.
pub fn plain_fields(text: &str) -> Option<(usize, Specs)> {
    let (mut next, mut count, mut specs) = (0, 0, Specs::Nothing);
    for piece in parse(text).ok()? {
        let Piece::Field(field) = piece else { continue };
        if !field.accessors.is_empty() {
            return None;
        }
        specs = specs.max(specs_of(&field.spec)?);
        let position = match field.name {
            FieldName::Next => {
                next += 1;
                next - 1
            }
            FieldName::Position(position) => position,
            FieldName::Keyword(_) => return None,
        };
        count = count.max(position + 1);
    }
    Some((count, specs))
}

fn specs_of(spec: &[Piece]) -> Option<Specs> {
    let text = match spec {
        [] => return Some(Specs::Nothing),
        [Piece::Text(text)] => text.as_str(),
        _ => return None,
    };
    let is_side = |character: &char| matches!(character, '<' | '>' | '^');
    let characters: Vec<char> = text.chars().collect();
    let rest = match characters.as_slice() {
        [_, side, rest @ ..] | [side, rest @ ..] if is_side(side) => rest,
        rest => rest,
    };
    // A width of two digits at most is never out of memory.
    let (width, rest) = rest.split_at(rest.iter().take_while(|character| character.is_ascii_digit()).count());
    match rest {
        _ if width.len() > 2 || width.first() == Some(&'0') => None,
        [] => Some(Specs::Plain),
        ['.', digit, 'f'] if digit.is_ascii_digit() => Some(Specs::Number),
        _ => None,
    }
}

fn pieces(text: &[char], depth: usize) -> Result<Vec<Piece>, String> {
    if depth == 0 {
        return Err("Max string recursion exceeded".to_owned());
    }
    let mut found = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(&character) = text.get(at) {
        at += 1;
        match (character, text.get(at)) {
            ('{' | '}', Some(&next)) if next == character => {
                literal.push(character);
                at += 1;
            }
            ('}', _) => return Err("Single '}' encountered in format string".to_owned()),
            ('{', None) => return Err("Single '{' encountered in format string".to_owned()),
            ('{', Some(_)) => {
                if !literal.is_empty() {
                    found.push(Piece::Text(std::mem::take(&mut literal)));
                }
                let (field, end) = field(text, at, depth)?;
                found.push(Piece::Field(field));
                at = end;
            }
            _ => literal.push(character),
        }
    }
    if !literal.is_empty() {
        found.push(Piece::Text(literal));
    }
    Ok(found)
}

/// The field whose inside starts at `start`, and the position behind it.
fn field(text: &[char], start: usize, depth: usize) -> Result<(Field, usize), String> {
    let mut at = start;
    let end = loop {
        let Some(&character) = text.get(at) else { return Err("expected '}' before end of string".to_owned()) };
        match character {
            '{' => return Err("unexpected '{' in field name".to_owned()),
            '[' => at += text[at..].iter().position(|c| *c == ']').unwrap_or(text.len() - at),
            '}' | ':' | '!' => break character,
            _ => at += 1,
        }
        // A bracket is left behind.
        at += usize::from(text.get(at) == Some(&']'));
    };
    let (name, accessors) = field_name(&text[start..at])?;
    at += 1;
    let mut conversion = None;
    let mut has_spec = end == ':';
    if end == '!' {
        let Some(&letter) = text.get(at) else {
            return Err("end of string while looking for conversion specifier".to_owned());
        };
        conversion = Some(letter);
        at += 1;
        match text.get(at) {
            Some('}') => {}
            Some(':') => has_spec = true,
            Some(_) => return Err("expected ':' after conversion specifier".to_owned()),
            None => return Err("unmatched '{' in format spec".to_owned()),
        }
        at += 1;
    }
    let mut spec = Vec::new();
    if has_spec {
        let length = spec_length(&text[at..]).ok_or("unmatched '{' in format spec")?;
        let inner = &text[at..at + length];
        spec = match inner.contains(&'{') {
            true => pieces(inner, depth - 1)?,
            false if inner.is_empty() => Vec::new(),
            false => vec![Piece::Text(inner.iter().collect())],
        };
        at += length + 1;
    }
    Ok((Field { name, accessors, conversion, spec }, at))
}

/// How long the spec is, up to the brace that ends its field.
fn spec_length(text: &[char]) -> Option<usize> {
    let mut open = 1;
    text.iter().position(|character| {
        open += i32::from(*character == '{') - i32::from(*character == '}');
        open == 0
    })
}

/// `name.attribute[key]`.
fn field_name(text: &[char]) -> Result<(FieldName, Vec<Accessor>), String> {
    let end = text.iter().position(|c| matches!(c, '.' | '[')).unwrap_or(text.len());
    let first: String = text[..end].iter().collect();
    let name = match number(&first)? {
        _ if first.is_empty() => FieldName::Next,
        Some(position) => FieldName::Position(position),
        None => FieldName::Keyword(first),
    };
    let mut accessors = Vec::new();
    let mut rest = &text[end..];
    while let Some((mark, after)) = rest.split_first() {
        let (accessor, left) = match mark {
            '.' => {
                let end = after.iter().position(|c| matches!(c, '.' | '[')).unwrap_or(after.len());
                (Accessor::Attribute(after[..end].iter().collect()), &after[end..])
            }
            '[' => {
                let Some(end) = after.iter().position(|c| *c == ']') else {
                    return Err("Missing ']' in format string".to_owned());
                };
                let key: String = after[..end].iter().collect();
                let accessor = match number(&key)? {
                    Some(index) if !key.is_empty() => Accessor::Index(index as i64),
                    _ => Accessor::Key(key),
                };
                (accessor, &after[end + 1..])
            }
            _ => return Err("Only '.' or '[' may follow ']' in format field specifier".to_owned()),
        };
        if matches!(&accessor, Accessor::Attribute(name) | Accessor::Key(name) if name.is_empty()) {
            return Err("Empty attribute in format string".to_owned());
        }
        accessors.push(accessor);
        rest = left;
    }
    Ok((name, accessors))
}

/// A decimal number, if that is what the text is.
fn number(text: &str) -> Result<Option<usize>, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(value) => Ok(Some(value as usize)),
        Err(_) => Err("Too many decimal digits in format string".to_owned()),
    }
}

/// Part of a template of `%`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PercentPiece {
    Text(String),
    Conversion(Conversion),
}

/// `%(key)FLAGS WIDTH .PRECISION TYPE`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conversion {
    pub key: Option<String>,
    pub flags: String,
    pub width: Amount,
    pub precision: Amount,
    pub kind: char,
}

/// A width or a precision.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Amount {
    #[default]
    None,
    Digits(String),
    /// `*`: the next argument.
    Argument,
}

impl Conversion {
    /// True when there is nothing but the type.
    pub fn is_plain(&self) -> bool {
        self.flags.is_empty() && self.width == Amount::None && self.precision == Amount::None
    }
}

/// The conversions there are. `%` is one as well, but only by itself.
const KINDS: &str = "diuoxXeEfFgGcrsa";

/// Takes apart a template of `%`. The error is CPython's message of the `ValueError`.
pub fn parse_percent(text: &str) -> Result<Vec<PercentPiece>, String> {
    let text: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while let Some(&character) = text.get(at) {
        at += 1;
        if character != '%' {
            literal.push(character);
            continue;
        }
        if text.get(at) == Some(&'%') {
            literal.push('%');
            at += 1;
            continue;
        }
        let conversion = conversion(&text, &mut at)?;
        if !literal.is_empty() {
            found.push(PercentPiece::Text(std::mem::take(&mut literal)));
        }
        found.push(PercentPiece::Conversion(conversion));
    }
    if !literal.is_empty() {
        found.push(PercentPiece::Text(literal));
    }
    Ok(found)
}

fn conversion(text: &[char], at: &mut usize) -> Result<Conversion, String> {
    let mut conversion = Conversion::default();
    if text.get(*at) == Some(&'(') {
        let mut open = 0;
        let end = text[*at..].iter().position(|character| {
            open += i32::from(*character == '(') - i32::from(*character == ')');
            open == 0
        });
        let end = *at + end.ok_or("incomplete format key")?;
        conversion.key = Some(text[*at + 1..end].iter().collect());
        *at = end + 1;
    }
    while let Some(flag) = text.get(*at).filter(|c| matches!(c, '-' | '+' | ' ' | '#' | '0')) {
        conversion.flags.push(*flag);
        *at += 1;
    }
    conversion.width = amount(text, at);
    if text.get(*at) == Some(&'.') {
        *at += 1;
        conversion.precision = match amount(text, at) {
            Amount::None => Amount::Digits(String::new()),
            given => given,
        };
    }
    *at += usize::from(matches!(text.get(*at), Some('h' | 'l' | 'L')));
    let kind = *text.get(*at).ok_or("incomplete format")?;
    if !KINDS.contains(kind) {
        let (shown, code) = (if (' '..'\x7f').contains(&kind) { kind } else { '?' }, u32::from(kind));
        return Err(format!("unsupported format character '{shown}' (0x{code:x}) at index {at}"));
    }
    conversion.kind = kind;
    *at += 1;
    Ok(conversion)
}

fn amount(text: &[char], at: &mut usize) -> Amount {
    if text.get(*at) == Some(&'*') {
        *at += 1;
        return Amount::Argument;
    }
    let digits: String = text[*at..].iter().take_while(|c| c.is_ascii_digit()).collect();
    *at += digits.len();
    if digits.is_empty() { Amount::None } else { Amount::Digits(digits) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn malformed_templates_have_cpythons_messages() {
        for (text, message) in [
            ("{", "Single '{' encountered in format string"),
            ("}", "Single '}' encountered in format string"),
            ("{0", "expected '}' before end of string"),
            ("{0!", "end of string while looking for conversion specifier"),
            ("{0!rx}", "expected ':' after conversion specifier"),
            ("{0:{", "unmatched '{' in format spec"),
            ("{a{b}}", "unexpected '{' in field name"),
            ("{0.}", "Empty attribute in format string"),
            ("{0[]}", "Empty attribute in format string"),
            ("{0[1]x}", "Only '.' or '[' may follow ']' in format field specifier"),
            ("{0:{1:{2}}}", "Max string recursion exceeded"),
        ] {
            assert_eq!(parse(text), Err(message.to_owned()), "{text}");
        }
        for (text, message) in [
            ("%", "incomplete format"),
            ("%(a", "incomplete format key"),
            ("a%y", "unsupported format character 'y' (0x79) at index 2"),
            ("%llld", "unsupported format character 'l' (0x6c) at index 2"),
        ] {
            assert_eq!(parse_percent(text), Err(message.to_owned()), "{text}");
        }
    }
}
