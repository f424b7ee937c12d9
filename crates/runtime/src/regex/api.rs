//! `search`, `findall`, `sub` and `split`: what `re` makes of single matches.

use super::matcher::{ABSENT, Matcher, Wanted};
use super::program::{Program, malformed};
use crate::exc::{Raised, not_compiled};
use crate::string::reserve;

/// How a match is looked for: anywhere from the position on, only there, or there and up to the end.
pub const SEARCH: i64 = 0;
pub const MATCH: i64 = 1;
pub const FULLMATCH: i64 = 2;
/// Added to one of these: a match at the position itself must not be empty.
pub const NOT_EMPTY: i64 = 4;

/// A match: its start and end, and those of the groups.
struct Found {
    start: usize,
    end: usize,
}

/// Looks for matches one after the other, as `finditer` does.
struct Scan<'p, 't> {
    matcher: Matcher<'p, 't>,
    program: &'p Program,
    text: &'t str,
    position: usize,
    not_empty: bool,
}

impl<'p, 't> Scan<'p, 't> {
    fn new(program: &'p Program, text: &'t str) -> Scan<'p, 't> {
        Scan { matcher: Matcher::new(program, text), program, text, position: 0, not_empty: false }
    }

    /// The next match. An empty match may follow one that is not, but not another at the same place.
    fn next(&mut self) -> Result<Option<Found>, Raised> {
        let found = search(&mut self.matcher, self.program, self.text, self.position, self.not_empty)?;
        if let Some(found) = &found {
            self.position = found.end;
            self.not_empty = found.start == found.end;
        }
        Ok(found)
    }

    /// The text of a group of the last match, from number 1 on; empty where the group took no part.
    fn group(&self, number: usize) -> &'t str {
        let (start, end) = (2 * (number - 1), 2 * (number - 1) + 1);
        match (self.matcher.slots.get(start), self.matcher.slots.get(end)) {
            (Some(start), Some(end)) if *start != ABSENT && *end != ABSENT => self.text.get(*start..*end).unwrap_or(""),
            _ => "",
        }
    }
}

fn search(
    matcher: &mut Matcher<'_, '_>,
    program: &Program,
    text: &str,
    from: usize,
    not_empty: bool,
) -> Result<Option<Found>, Raised> {
    let mut start = from;
    loop {
        if !program.prefix.is_empty() {
            match text.get(start..).and_then(|rest| rest.find(&program.prefix)) {
                Some(distance) => start += distance,
                None => return Ok(None),
            }
        }
        let wanted = Wanted { not_empty: not_empty && start == from, whole: false };
        if !matcher.is_hopeless(start)
            && let Some(end) = matcher.match_at(start, wanted)?
        {
            return Ok(Some(Found { start, end }));
        }
        match text.get(start..).and_then(|rest| rest.chars().next()) {
            Some(character) => start += character.len_utf8(),
            None => return Ok(None),
        }
    }
}

/// Start and end of a match and of its groups, as byte offsets with -1 for a group that took no part; nothing when there
/// is no match. `mode` is one of the constants above.
pub fn find(program: &str, text: &str, position: i64, mode: i64) -> Result<Vec<i64>, Raised> {
    let program = &*Program::of(program)?;
    let Some(position) = usize::try_from(position).ok().filter(|position| text.is_char_boundary(*position)) else {
        return Ok(Vec::new());
    };
    let mut matcher = Matcher::new(program, text);
    let not_empty = mode & NOT_EMPTY != 0;
    let found = match mode & 3 {
        SEARCH => search(&mut matcher, program, text, position, not_empty)?,
        kind => {
            let wanted = Wanted { not_empty, whole: kind == FULLMATCH };
            matcher.match_at(position, wanted)?.map(|end| Found { start: position, end })
        }
    };
    let mut spans = Vec::new();
    if let Some(found) = found {
        push_spans(&found, &matcher, &mut spans);
    }
    Ok(spans)
}

/// The spans of a match: its own and those of the groups.
fn push_spans(found: &Found, matcher: &Matcher<'_, '_>, spans: &mut Vec<i64>) {
    let as_int = |offset: usize| if offset == ABSENT { -1 } else { offset as i64 };
    spans.extend([found.start as i64, found.end as i64]);
    // A group without an end did not take part, wherever it may have started.
    spans.extend(matcher.slots.chunks(2).flat_map(|pair| match pair {
        [start, end] if *end != ABSENT => [as_int(*start), as_int(*end)],
        _ => [-1, -1],
    }));
}

/// The spans of all matches after one another, of at most `limit` when that is not 0.
pub fn find_spans(program: &str, text: &str, limit: i64) -> Result<Vec<i64>, Raised> {
    let program = Program::of(program)?;
    let mut scan = Scan::new(&program, text);
    let (mut spans, mut count) = (Vec::new(), 0);
    while limit == 0 || count < limit {
        let Some(found) = scan.next()? else { break };
        push_spans(&found, &scan.matcher, &mut spans);
        count += 1;
    }
    Ok(spans)
}

/// `re.findall`: the matches; of a pattern with groups the groups instead, those of each match after one another.
pub fn find_all<'a>(program: &str, text: &'a str) -> Result<Vec<&'a str>, Raised> {
    let program = Program::of(program)?;
    let mut scan = Scan::new(&program, text);
    let mut all = Vec::new();
    while let Some(found) = scan.next()? {
        match program.groups {
            0 => all.push(text.get(found.start..found.end).unwrap_or("")),
            groups => all.extend((1..=groups).map(|number| scan.group(number))),
        }
    }
    Ok(all)
}

/// `re.split(pattern, text, limit)`: a limit of 0 splits everywhere, a negative one nowhere. The groups stand between.
pub fn split<'a>(program: &str, text: &'a str, limit: i64) -> Result<Vec<&'a str>, Raised> {
    let program = Program::of(program)?;
    let mut scan = Scan::new(&program, text);
    let (mut pieces, mut count, mut last) = (Vec::new(), 0, 0);
    while limit == 0 || count < limit {
        let Some(found) = scan.next()? else { break };
        pieces.push(text.get(last..found.start).unwrap_or(""));
        pieces.extend((1..=program.groups).map(|number| scan.group(number)));
        last = found.end;
        count += 1;
    }
    pieces.push(text.get(last..).unwrap_or(""));
    Ok(pieces)
}

/// A piece of a template.
enum Piece<'a> {
    Text(&'a str),
    Group(usize),
}

fn pieces(mut template: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    while !template.is_empty() {
        let digits = template.bytes().take_while(u8::is_ascii_digit).count();
        let length: usize = template.get(..digits)?.parse().ok()?;
        let kind = template.get(digits..digits + 1)?;
        let end = (digits + 1).checked_add(length)?;
        let text = template.get(digits + 1..end)?;
        pieces.push(match kind {
            "L" => Piece::Text(text),
            "G" => Piece::Group(text.parse().ok()?),
            _ => return None,
        });
        template = template.get(end..)?;
    }
    Some(pieces)
}

/// `re.subn(pattern, template, text, limit)`: how many matches were replaced. The template is in the form that the
/// compiler writes.
pub fn substitute(program: &str, template: &str, text: &str, limit: i64, out: &mut String) -> Result<i64, Raised> {
    let program = Program::of(program)?;
    let pieces = pieces(template).ok_or_else(malformed)?;
    let mut scan = Scan::new(&program, text);
    let (mut count, mut copied) = (0, 0);
    while limit == 0 || count < limit {
        let Some(found) = scan.next()? else { break };
        push(text.get(copied..found.start).unwrap_or(""), out)?;
        for piece in &pieces {
            match piece {
                Piece::Text(literal) => push(literal, out)?,
                Piece::Group(0) => push(text.get(found.start..found.end).unwrap_or(""), out)?,
                Piece::Group(number) => push(scan.group(*number), out)?,
            }
        }
        copied = found.end;
        count += 1;
    }
    push(text.get(copied..).unwrap_or(""), out)?;
    Ok(count)
}

fn push(text: &str, out: &mut String) -> Result<(), Raised> {
    reserve(out, text.len())?;
    out.push_str(text);
    Ok(())
}

/// A template that is only known now, in the form that [`substitute`] takes: text without escapes.
pub fn template(text: &str, out: &mut String) -> Result<(), Raised> {
    if text.contains('\\') {
        let message = "a template with a backslash must be a constant in compiled code";
        return Err(not_compiled(message));
    }
    if !text.is_empty() {
        let length = text.len();
        reserve(out, length.saturating_add(24))?;
        out.push_str(&format!("{length}L"));
        out.push_str(text);
    }
    Ok(())
}

/// `re.escape(text)`.
pub fn escape(text: &str, out: &mut String) -> Result<(), Raised> {
    reserve(out, text.len().saturating_mul(2))?;
    for character in text.chars() {
        if character.is_ascii() && r"()[]{}?*+-|^$\.&~# ".contains(character) || matches!(character, '\t'..='\r') {
            out.push('\\');
        }
        out.push(character);
    }
    Ok(())
}
