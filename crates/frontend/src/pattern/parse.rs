//! Python's regular expression syntax to a tree, refused with CPython's messages. What this module does not know of is
//! how a pattern is matched.

use super::tree::{Anchor, Case, Category, Greed, Node, Set, SetItem, width};
use super::{ASCII, DOTALL, IGNORECASE, MULTILINE, Refusal, UNICODE, VERBOSE};

/// Groups, alternatives and repetitions inside each other.
const DEPTH_MAX: usize = 100;
/// What a repetition may count to.
const REPEAT_MAX: u32 = 1 << 30;
/// Instructions that a pattern may become: repetitions of long parts are not written out, so this is generous.
const LENGTH_MAX: usize = 20_000;

/// A pattern that has been read.
pub struct Parsed {
    pub nodes: Vec<Node>,
    /// The names of the groups, from number 1 on.
    pub names: Vec<Option<String>>,
}

/// Reads a pattern.
pub fn parse(text: &str, flags: u32) -> Result<Parsed, Refusal> {
    let text: Vec<char> = text.chars().collect();
    let mut parser = Parser {
        text: &text,
        at: 0,
        names: Vec::new(),
        widths: Vec::new(),
        lookbehind_groups: None,
        depth: 0,
        later: None,
    };
    if text.len() > LENGTH_MAX {
        return parser.refuse("this pattern is too long to be compiled", 0);
    }
    if flags & ASCII != 0 && flags & UNICODE != 0 {
        return parser.refuse("ASCII and UNICODE flags are incompatible", 0);
    }
    let nodes = parser.alternatives(flags, true)?;
    if parser.at < text.len() {
        return parser.refuse("unbalanced parenthesis", parser.at);
    }
    match parser.later {
        Some(refusal) => Err(refusal),
        None => Ok(Parsed { nodes, names: parser.names }),
    }
}

struct Parser<'a> {
    text: &'a [char],
    at: usize,
    names: Vec<Option<String>>,
    /// How wide the groups are; `None` for one that is still open.
    widths: Vec<Option<(u64, Option<u64>)>>,
    /// Inside a lookbehind: the number of groups before it.
    lookbehind_groups: Option<usize>,
    depth: usize,
    /// What is only refused when nothing else is.
    later: Option<Refusal>,
}

type Parse<T> = Result<T, Refusal>;

impl Parser<'_> {
    fn refuse<T>(&self, message: impl Into<String>, position: usize) -> Parse<T> {
        Err(Refusal { message: message.into(), position })
    }

    fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek();
        self.at += usize::from(character.is_some());
        character
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn digits(&mut self, max: usize, is_digit: impl Fn(char) -> bool) -> String {
        let digits: String = self.text[self.at..].iter().take(max).take_while(|c| is_digit(**c)).collect();
        self.at += digits.len();
        digits
    }

    /// The text up to a character, which is left behind.
    fn until(&mut self, end: char, what: &str) -> Parse<String> {
        let start = self.at;
        let Some(length) = self.text[start..].iter().position(|c| *c == end) else {
            let missing = if start >= self.text.len() { what } else { "" };
            return match missing {
                "" => self.refuse(format!("missing {end}, unterminated name"), start),
                what => self.refuse(format!("missing {what}"), start),
            };
        };
        self.at = start + length + 1;
        if length == 0 {
            return self.refuse(format!("missing {what}"), start);
        }
        Ok(self.text[start..start + length].iter().collect())
    }

    // Structure.

    fn alternatives(&mut self, mut flags: u32, first: bool) -> Parse<Vec<Node>> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.refuse("this pattern is nested too deeply to be compiled", self.at);
        }
        let mut branches = Vec::new();
        loop {
            let may_set_flags = first && branches.is_empty();
            branches.push(self.sequence(&mut flags, may_set_flags)?);
            if !self.eat('|') {
                break;
            }
        }
        self.depth -= 1;
        Ok(match branches.len() {
            1 => branches.swap_remove(0),
            _ => vec![Node::Branch(branches)],
        })
    }

    fn sequence(&mut self, flags: &mut u32, may_set_flags: bool) -> Parse<Vec<Node>> {
        let mut nodes: Vec<Node> = Vec::new();
        while let Some(character) = self.peek() {
            if matches!(character, '|' | ')') {
                break;
            }
            let start = self.at;
            self.at += 1;
            if *flags & VERBOSE != 0 {
                if character.is_ascii() && matches!(character, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c') {
                    continue;
                }
                if character == '#' {
                    while self.next().is_some_and(|character| character != '\n') {}
                    continue;
                }
            }
            match character {
                '\\' => {
                    let node = self.escape(*flags, start)?;
                    nodes.push(node);
                }
                '[' => {
                    let node = self.set(*flags, start)?;
                    nodes.push(node);
                }
                '*' | '+' | '?' | '{' => match self.repetition(character, start)? {
                    Some((min, max)) => self.repeat(&mut nodes, min, max, start)?,
                    None => nodes.push(literal('{', *flags)),
                },
                '.' => nodes.push(Node::Any { newline: *flags & DOTALL != 0 }),
                '^' => nodes.push(Node::Anchor(match *flags & MULTILINE {
                    0 => Anchor::Start,
                    _ => Anchor::LineStart,
                })),
                '$' => nodes.push(Node::Anchor(match *flags & MULTILINE {
                    0 => Anchor::End,
                    _ => Anchor::LineEnd,
                })),
                '(' => {
                    let is_first = may_set_flags && nodes.is_empty();
                    nodes.extend(self.group(flags, is_first, start)?);
                }
                other => nodes.push(literal(other, *flags)),
            }
        }
        Ok(nodes)
    }

    /// The bounds of a repetition; `None` for a brace that stands for itself.
    fn repetition(&mut self, mark: char, start: usize) -> Parse<Option<(u32, Option<u32>)>> {
        match mark {
            '*' => return Ok(Some((0, None))),
            '+' => return Ok(Some((1, None))),
            '?' => return Ok(Some((0, Some(1)))),
            _ => {}
        }
        if self.peek() == Some('}') {
            return Ok(None);
        }
        let is_digit = |c: char| c.is_ascii_digit();
        let low = self.digits(usize::MAX, is_digit);
        let high = if self.eat(',') { self.digits(usize::MAX, is_digit) } else { low.clone() };
        if !self.eat('}') {
            self.at = start + 1;
            return Ok(None);
        }
        let bound = |text: &str| text.parse::<u32>().ok().filter(|bound| *bound < REPEAT_MAX);
        let min = if low.is_empty() { Some(0) } else { bound(&low) };
        let max = if high.is_empty() { Some(None) } else { bound(&high).map(Some) };
        match (min, max) {
            (Some(min), Some(Some(max))) if max < min => self.refuse("min repeat greater than max repeat", start),
            (Some(min), Some(max)) => Ok(Some((min, max))),
            _ => self.refuse("the repetition number is too large", start),
        }
    }

    fn repeat(&mut self, nodes: &mut Vec<Node>, min: u32, max: Option<u32>, start: usize) -> Parse<()> {
        let item = match nodes.pop() {
            None | Some(Node::Anchor(_)) => return self.refuse("nothing to repeat", start),
            Some(Node::Repeat { .. }) => return self.refuse("multiple repeat", start),
            Some(item) => item,
        };
        let greed = match self.peek() {
            Some('?') => Greed::Lazy,
            Some('+') => Greed::Possessive,
            _ => Greed::Greedy,
        };
        self.at += usize::from(greed != Greed::Greedy);
        let body = match item {
            Node::Group(None, body) => body,
            item => vec![item],
        };
        nodes.push(Node::Repeat { min, max, greed, body });
        Ok(())
    }

    // Groups.

    fn group(&mut self, flags: &mut u32, is_first: bool, start: usize) -> Parse<Option<Node>> {
        if !self.eat('?') {
            return self.capture(None, *flags, start).map(Some);
        }
        let Some(mark) = self.next() else { return self.refuse("unexpected end of pattern", self.at) };
        match mark {
            'P' => self.named(*flags, start).map(Some),
            ':' => self.inside(*flags, start).map(|body| Some(Node::Group(None, body))),
            '#' => loop {
                match self.next() {
                    None => return self.refuse("missing ), unterminated comment", start),
                    Some(')') => return Ok(None),
                    Some(_) => {}
                }
            },
            '=' | '!' => {
                let body = self.inside(*flags, start)?;
                Ok(Some(Node::Look { back: None, negated: mark == '!', body }))
            }
            '<' => self.lookbehind(*flags, start).map(Some),
            '>' => self.inside(*flags, start).map(|body| Some(Node::Atomic(body))),
            '(' => self.conditional(*flags, start).map(Some),
            mark if mark == '-' || mark.is_ascii_alphabetic() => self.inline_flags(mark, flags, is_first, start),
            other => self.refuse(format!("unknown extension ?{other}"), start + 1),
        }
    }

    /// What is inside a group, with its closing parenthesis.
    fn inside(&mut self, flags: u32, start: usize) -> Parse<Vec<Node>> {
        let body = self.alternatives(flags, false)?;
        if !self.eat(')') {
            return self.refuse("missing ), unterminated subpattern", start);
        }
        Ok(body)
    }

    fn capture(&mut self, name: Option<String>, flags: u32, start: usize) -> Parse<Node> {
        self.names.push(name);
        self.widths.push(None);
        let index = self.names.len();
        let body = self.inside(flags, start)?;
        let found = width(&body, &self.widths);
        if let Some(slot) = self.widths.get_mut(index - 1) {
            *slot = Some(found);
        }
        Ok(Node::Group(Some(index as u32), body))
    }

    fn named(&mut self, flags: u32, start: usize) -> Parse<Node> {
        match self.next() {
            Some('<') => {
                let name_at = self.at;
                let name = self.until('>', "group name")?;
                self.check_name(&name, name_at)?;
                if let Some(before) = self.names.iter().position(|known| known.as_ref() == Some(&name)) {
                    let (new, before) = (self.names.len() + 1, before + 1);
                    let message = format!("redefinition of group name '{name}' as group {new}; was group {before}");
                    return self.refuse(message, name_at);
                }
                self.capture(Some(name), flags, start)
            }
            Some('=') => {
                let name_at = self.at;
                let name = self.until(')', "group name")?;
                self.check_name(&name, name_at)?;
                let Some(index) = self.names.iter().position(|known| known.as_ref() == Some(&name)) else {
                    return self.refuse(format!("unknown group name '{name}'"), name_at);
                };
                self.reference(index + 1, flags, name_at)
            }
            Some(other) => self.refuse(format!("unknown extension ?P{other}"), start + 1),
            None => self.refuse("unexpected end of pattern", self.at),
        }
    }

    fn check_name(&self, name: &str, position: usize) -> Parse<()> {
        let mut characters = name.chars();
        let starts = characters.next().is_some_and(|c| c == '_' || c.is_alphabetic());
        if starts && characters.all(|c| c == '_' || c.is_alphanumeric()) {
            return Ok(());
        }
        self.refuse(format!("bad character in group name '{name}'"), position)
    }

    fn reference(&mut self, group: usize, flags: u32, position: usize) -> Parse<Node> {
        match self.widths.get(group.wrapping_sub(1)) {
            None => return self.refuse(format!("invalid group reference {group}"), position),
            Some(None) => return self.refuse("cannot refer to an open group", position),
            Some(Some(_)) => {}
        }
        if self.lookbehind_groups.is_some_and(|before| group > before) {
            return self.refuse("cannot refer to group defined in the same lookbehind subpattern", position);
        }
        Ok(Node::Backreference(group as u32, case_of(flags)))
    }

    fn lookbehind(&mut self, flags: u32, start: usize) -> Parse<Node> {
        let negated = match self.next() {
            Some('=') => false,
            Some('!') => true,
            Some(other) => return self.refuse(format!("unknown extension ?<{other}"), start + 1),
            None => return self.refuse("unexpected end of pattern", self.at),
        };
        let outer = self.lookbehind_groups;
        if outer.is_none() {
            self.lookbehind_groups = Some(self.names.len());
        }
        let body = self.inside(flags, start)?;
        self.lookbehind_groups = outer;
        match width(&body, &self.widths) {
            (least, Some(most)) if least == most && most < u64::from(REPEAT_MAX) => {
                Ok(Node::Look { back: Some(most as u32), negated, body })
            }
            _ => {
                // CPython looks at widths when all of the pattern has been read.
                let message = "look-behind requires fixed-width pattern".to_owned();
                self.later.get_or_insert(Refusal { message, position: start });
                Ok(Node::Look { back: Some(0), negated, body })
            }
        }
    }

    fn conditional(&mut self, flags: u32, start: usize) -> Parse<Node> {
        let name_at = self.at;
        let name = self.until(')', "group name")?;
        let group = match name.parse::<usize>() {
            Ok(0) => return self.refuse("bad group number", name_at),
            Ok(group) if name.bytes().all(|byte| byte.is_ascii_digit()) => group,
            _ => {
                self.check_name(&name, name_at)?;
                match self.names.iter().position(|known| known.as_ref() == Some(&name)) {
                    Some(index) => index + 1,
                    None => return self.refuse(format!("unknown group name '{name}'"), name_at),
                }
            }
        };
        if self.widths.get(group - 1).is_none() {
            // CPython also takes groups that come later.
            return self.refuse("a condition on a group that comes later cannot be compiled", name_at);
        }
        if self.lookbehind_groups.is_some_and(|before| group > before) {
            return self.refuse("cannot refer to group defined in the same lookbehind subpattern", name_at);
        }
        let mut own = flags;
        let yes = self.sequence(&mut own, false)?;
        let no = if self.eat('|') { self.sequence(&mut own, false)? } else { Vec::new() };
        if self.peek() == Some('|') {
            return self.refuse("conditional backref with more than two branches", self.at);
        }
        if !self.eat(')') {
            return self.refuse("missing ), unterminated subpattern", start);
        }
        Ok(Node::Conditional(group as u32, yes, no))
    }

    /// `(?i)` at the start, or `(?i-s:...)`.
    fn inline_flags(&mut self, first: char, flags: &mut u32, is_first: bool, start: usize) -> Parse<Option<Node>> {
        let (mut add, mut remove) = (0u32, 0u32);
        let mut letter = Some(first);
        let mut removing = false;
        loop {
            let Some(character) = letter else { return self.refuse("missing -, : or )", self.at) };
            match character {
                ')' if !removing => {
                    if !is_first {
                        return self.refuse("global flags not at the start of the expression", start);
                    }
                    *flags |= add;
                    self.check_flags(*flags, start)?;
                    return Ok(None);
                }
                ':' => break,
                '-' if !removing => {
                    removing = true;
                    letter = self.next();
                    if !letter.is_some_and(|c| c.is_ascii_alphabetic()) {
                        return self.refuse("missing flag", self.at);
                    }
                    continue;
                }
                _ => {}
            }
            let flag = match character {
                'i' => IGNORECASE,
                'm' => MULTILINE,
                's' => DOTALL,
                'x' => VERBOSE,
                'a' if !removing => ASCII,
                'u' if !removing => UNICODE,
                'L' => return self.refuse("bad inline flags: cannot use 'L' flag with a str pattern", self.at),
                'a' | 'u' => {
                    return self.refuse("bad inline flags: cannot turn off flags 'a', 'u' and 'L'", self.at);
                }
                _ => return self.refuse("unknown flag", self.at - 1),
            };
            if removing {
                remove |= flag;
            } else {
                add |= flag;
            }
            letter = self.next();
        }
        if add & remove != 0 {
            return self.refuse("bad inline flags: flag turned on and off", self.at);
        }
        let mut inner = *flags;
        if add & (ASCII | UNICODE) != 0 {
            inner &= !(ASCII | UNICODE);
        }
        inner = (inner | add) & !remove;
        self.check_flags(add, start)?;
        self.inside(inner, start).map(|body| Some(Node::Group(None, body)))
    }

    fn check_flags(&self, flags: u32, start: usize) -> Parse<()> {
        match flags & ASCII != 0 && flags & UNICODE != 0 {
            true => self.refuse("bad inline flags: flags 'a', 'u' and 'L' are incompatible", start),
            false => Ok(()),
        }
    }

    // Characters.

    fn hexadecimal(&mut self, letter: char, start: usize) -> Parse<u32> {
        let count = match letter {
            'x' => 2,
            'u' => 4,
            _ => 8,
        };
        let digits = self.digits(count, |c| c.is_ascii_hexdigit());
        if digits.len() != count {
            return self.refuse(format!("incomplete escape \\{letter}{digits}"), start);
        }
        let code = u32::from_str_radix(&digits, 16).unwrap_or(u32::MAX);
        match char::from_u32(code) {
            Some(_) => Ok(code),
            None if code > 0x10ffff => self.refuse(format!("bad escape \\{letter}{digits}"), start),
            // No text has it; as the end of a range it would be of use.
            None => self.refuse("a surrogate in a pattern cannot be compiled", start),
        }
    }

    /// An escape outside of a set, behind its backslash.
    fn escape(&mut self, flags: u32, start: usize) -> Parse<Node> {
        let ascii = flags & ASCII != 0;
        let Some(letter) = self.next() else { return self.refuse("bad escape (end of pattern)", start) };
        let node = match letter {
            'A' => Node::Anchor(Anchor::Start),
            'Z' => Node::Anchor(Anchor::TextEnd),
            'b' | 'B' => Node::Anchor(Anchor::Boundary { negated: letter == 'B', ascii }),
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => {
                let item = SetItem::Category(category(letter, flags));
                Node::Set(Set { negated: false, case: Case::Exact, items: vec![item] })
            }
            '0' => {
                let digits = self.digits(2, |c| ('0'..='7').contains(&c));
                literal_code(u32::from_str_radix(&digits, 8).unwrap_or(0), flags)
            }
            '1'..='9' => return self.octal_or_reference(letter, flags, start),
            _ => literal_code(self.character_escape(letter, start)?, flags),
        };
        Ok(node)
    }

    fn octal_or_reference(&mut self, first: char, flags: u32, start: usize) -> Parse<Node> {
        let is_octal = |c: &char| ('0'..='7').contains(c);
        let mut digits = String::from(first);
        if let Some(second) = self.peek().filter(char::is_ascii_digit) {
            self.at += 1;
            digits.push(second);
            if is_octal(&first)
                && is_octal(&second)
                && let Some(third) = self.peek().filter(is_octal)
            {
                self.at += 1;
                digits.push(third);
                return Ok(literal_code(self.octal(&digits, start)?, flags));
            }
        }
        self.reference(digits.parse().unwrap_or(usize::MAX), flags, start + 1)
    }

    fn octal(&self, digits: &str, start: usize) -> Parse<u32> {
        match u32::from_str_radix(digits, 8) {
            Ok(code) if code <= 0o377 => Ok(code),
            _ => self.refuse(format!("octal escape value \\{digits} outside of range 0-0o377"), start),
        }
    }

    /// The escapes that are the same in and out of a set.
    fn character_escape(&mut self, letter: char, start: usize) -> Parse<u32> {
        Ok(match letter {
            'a' => 7,
            'f' => 12,
            'n' => 10,
            'r' => 13,
            't' => 9,
            'v' => 11,
            'x' | 'u' | 'U' => self.hexadecimal(letter, start)?,
            'N' => return self.refuse("`\\N` in a pattern cannot be compiled", start),
            letter if letter.is_ascii_alphabetic() => return self.refuse(format!("bad escape \\{letter}"), start),
            other => u32::from(other),
        })
    }

    // Sets.

    /// A set, behind its opening bracket.
    fn set(&mut self, flags: u32, start: usize) -> Parse<Node> {
        let negated = self.eat('^');
        let mut items = Vec::new();
        loop {
            let item_at = self.at;
            let Some(character) = self.next() else { return self.refuse("unterminated character set", start) };
            if character == ']' && !items.is_empty() {
                break;
            }
            let low = self.set_item(character, flags, item_at)?;
            if !self.eat('-') {
                items.push(low);
                continue;
            }
            let high_at = self.at;
            let Some(character) = self.next() else { return self.refuse("unterminated character set", start) };
            if character == ']' {
                items.push(low);
                items.push(SetItem::Range(45, 45));
                break;
            }
            let high = self.set_item(character, flags, high_at)?;
            match (low, high) {
                (SetItem::Range(low, _), SetItem::Range(high, _)) if low <= high => {
                    items.push(SetItem::Range(low, high));
                }
                _ => {
                    let shown: String = self.text[item_at..self.at].iter().collect();
                    return self.refuse(format!("bad character range {shown}"), item_at);
                }
            }
        }
        Ok(Node::Set(Set { negated, case: case_of(flags), items }))
    }

    /// One character or category of a set.
    fn set_item(&mut self, character: char, flags: u32, start: usize) -> Parse<SetItem> {
        if character != '\\' {
            let code = u32::from(character);
            return Ok(SetItem::Range(code, code));
        }
        let Some(letter) = self.next() else { return self.refuse("bad escape (end of pattern)", start) };
        let code = match letter {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(SetItem::Category(category(letter, flags))),
            'b' => 8,
            '0'..='7' => {
                let mut digits = String::from(letter);
                digits.push_str(&self.digits(2, |c| ('0'..='7').contains(&c)));
                self.octal(&digits, start)?
            }
            '8' | '9' => return self.refuse(format!("bad escape \\{letter}"), start),
            _ => self.character_escape(letter, start)?,
        };
        Ok(SetItem::Range(code, code))
    }
}

fn case_of(flags: u32) -> Case {
    match (flags & IGNORECASE != 0, flags & ASCII != 0) {
        (false, _) => Case::Exact,
        (true, false) => Case::Unicode,
        (true, true) => Case::Ascii,
    }
}

fn literal(character: char, flags: u32) -> Node {
    literal_code(u32::from(character), flags)
}

fn literal_code(code: u32, flags: u32) -> Node {
    Node::Literal(code, case_of(flags))
}

fn category(letter: char, flags: u32) -> Category {
    Category { kind: letter.to_ascii_lowercase(), negated: letter.is_ascii_uppercase(), ascii: flags & ASCII != 0 }
}
