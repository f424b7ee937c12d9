//! Templates of `re.sub` in Python's syntax, written as the runtime reads them: `L` and text, or `G` and the number of a
//! group, each with its length in bytes before it.

use super::{Group, Refusal};

/// Reads a template for a pattern with these groups.
pub fn replacement(text: &str, groups: &[Group]) -> Result<String, Refusal> {
    let text: Vec<char> = text.chars().collect();
    let mut reader = Reader { text: &text, at: 0, groups, literal: String::new(), out: String::new() };
    while let Some(character) = reader.next() {
        if character == '\\' {
            reader.escape()?;
        } else {
            reader.literal.push(character);
        }
    }
    reader.flush();
    Ok(reader.out)
}

struct Reader<'a> {
    text: &'a [char],
    at: usize,
    groups: &'a [Group],
    literal: String,
    out: String,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let character = self.text.get(self.at).copied();
        self.at += usize::from(character.is_some());
        character
    }

    fn next_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let character = self.text.get(self.at).copied().filter(|character| wanted(*character))?;
        self.at += 1;
        Some(character)
    }

    fn refuse<T>(&self, message: impl Into<String>, position: usize) -> Result<T, Refusal> {
        Err(Refusal { message: message.into(), position })
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.out.push_str(&format!("{}L{}", self.literal.len(), self.literal));
            self.literal.clear();
        }
    }

    fn group(&mut self, number: usize, position: usize) -> Result<(), Refusal> {
        if number > self.groups.len() {
            return self.refuse(format!("invalid group reference {number}"), position);
        }
        self.flush();
        let digits = number.to_string();
        self.out.push_str(&format!("{}G{digits}", digits.len()));
        Ok(())
    }

    fn octal(&mut self, digits: &str, position: usize) -> Result<(), Refusal> {
        let value = u32::from_str_radix(digits, 8).unwrap_or(u32::MAX);
        match char::from_u32(value).filter(|_| value <= 0o377) {
            Some(character) => self.literal.push(character),
            None => return self.refuse("octal escape value outside of range 0-0o377", position),
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Refusal> {
        let start = self.at - 1;
        let Some(character) = self.next() else {
            return self.refuse("bad escape (end of pattern)", start);
        };
        let is_octal = |c: char| ('0'..='7').contains(&c);
        match character {
            'g' => {
                let Some('<') = self.next_if(|c| c == '<') else { return self.refuse("missing <", self.at) };
                let name_at = self.at;
                let Some(length) = self.text[name_at..].iter().position(|c| *c == '>') else {
                    return self.refuse("missing >, unterminated name", name_at);
                };
                let name: String = self.text[name_at..name_at + length].iter().collect();
                self.at += length + 1;
                match name.parse::<usize>() {
                    Ok(number) if name.bytes().all(|byte| byte.is_ascii_digit()) => self.group(number, name_at),
                    _ => match self.groups.iter().position(|group| group.name.as_ref() == Some(&name)) {
                        Some(index) => self.group(index + 1, name_at),
                        None => self.refuse(format!("unknown group name '{name}'"), name_at),
                    },
                }
            }
            '0' => {
                let mut digits = String::new();
                digits.extend(self.next_if(is_octal));
                if !digits.is_empty() {
                    digits.extend(self.next_if(is_octal));
                }
                let value = u32::from_str_radix(&digits, 8).unwrap_or(0) & 0xff;
                self.literal.extend(char::from_u32(value));
                Ok(())
            }
            '1'..='9' => {
                let mut digits = String::from(character);
                if let Some(second) = self.next_if(|c| c.is_ascii_digit()) {
                    digits.push(second);
                    if is_octal(character)
                        && is_octal(second)
                        && let Some(third) = self.next_if(is_octal)
                    {
                        digits.push(third);
                        return self.octal(&digits, start);
                    }
                }
                self.group(digits.parse().unwrap_or(usize::MAX), start + 1)
            }
            'a' => self.push('\x07'),
            'b' => self.push('\x08'),
            'f' => self.push('\x0c'),
            'n' => self.push('\n'),
            'r' => self.push('\r'),
            't' => self.push('\t'),
            'v' => self.push('\x0b'),
            '\\' => self.push('\\'),
            letter if letter.is_ascii_alphabetic() => self.refuse(format!("bad escape \\{letter}"), start),
            other => {
                self.literal.push('\\');
                self.push(other)
            }
        }
    }

    fn push(&mut self, character: char) -> Result<(), Refusal> {
        self.literal.push(character);
        Ok(())
    }
}
