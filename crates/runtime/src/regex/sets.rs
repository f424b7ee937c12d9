//! Sets of characters, and how letters of different case compare. A set is written `NC:ITEM,ITEM...`: `N` is 1 for its
//! opposite, `C` is how case folds (0 exact, 1 Unicode, 2 ASCII); an item is `LOW-HIGH`, or a letter for a category: `d s w`
//! with Unicode's meaning, `e t x` with ASCII's, a capital for the opposite.

use super::program::{Case, case};
use crate::unicode::{decimal_value, is_alnum, is_space, simple_lower};

/// `d`, `s` or `w`, its ASCII twin, or the opposite of one.
#[derive(Clone, Copy, Debug)]
struct Category {
    letter: char,
    negated: bool,
}

#[derive(Clone, Debug)]
pub struct Set {
    case: Case,
    /// One bit for each ASCII character: the whole answer.
    ascii: [u64; 2],
    negated: bool,
    ranges: Vec<(u32, u32)>,
    categories: Vec<Category>,
}

/// Letters of one upper case that have different lower cases: they count as one letter.
const ALIKE: &[&[u32]] = &[
    &[0x69, 0x131],
    &[0x73, 0x17f],
    &[0xb5, 0x3bc],
    &[0x345, 0x3b9, 0x1fbe],
    &[0x390, 0x1fd3],
    &[0x3b0, 0x1fe3],
    &[0x3b2, 0x3d0],
    &[0x3b5, 0x3f5],
    &[0x3b8, 0x3d1],
    &[0x3ba, 0x3f0],
    &[0x3c0, 0x3d6],
    &[0x3c1, 0x3f1],
    &[0x3c2, 0x3c3],
    &[0x3c6, 0x3d5],
    &[0x432, 0x1c80],
    &[0x434, 0x1c81],
    &[0x43e, 0x1c82],
    &[0x441, 0x1c83],
    &[0x442, 0x1c84, 0x1c85],
    &[0x44a, 0x1c86],
    &[0x463, 0x1c87],
    &[0x1c88, 0xa64b],
    &[0x1e61, 0x1e9b],
    &[0xfb05, 0xfb06],
];

/// The character as comparisons see it.
pub fn folded(character: char, case: Case) -> char {
    match case {
        Case::Exact => character,
        Case::Ascii => character.to_ascii_lowercase(),
        Case::Unicode => simple_lower(character),
    }
}

/// What `\w` matches.
pub fn is_word(character: char, ascii: bool) -> bool {
    if ascii || character.is_ascii() {
        return character == '_' || character.is_ascii_alphanumeric();
    }
    is_alnum(character)
}

fn is_ascii_space(character: char) -> bool {
    matches!(character, '\t'..='\r' | ' ')
}

impl Category {
    fn has(self, character: char) -> bool {
        let found = match self.letter {
            'd' => decimal_value(character).is_some(),
            's' => is_space(character),
            'w' => is_word(character, false),
            'e' => character.is_ascii_digit(),
            't' => is_ascii_space(character),
            _ => is_word(character, true),
        };
        found != self.negated
    }
}

impl Set {
    pub fn read(text: &str) -> Option<Set> {
        let (head, items) = text.split_once(':')?;
        let (negated, kind) = (head.get(..1)? == "1", head.get(1..)?.parse().ok()?);
        let mut set = Set { case: case(kind)?, ascii: [0; 2], negated, ranges: Vec::new(), categories: Vec::new() };
        for item in items.split(',') {
            match item.split_once('-') {
                Some((low, high)) => set.ranges.push((low.parse().ok()?, high.parse().ok()?)),
                None => {
                    let letter = item.chars().next()?;
                    let category =
                        Category { letter: letter.to_ascii_lowercase(), negated: letter.is_ascii_uppercase() };
                    set.categories.push(category);
                }
            }
        }
        set.fold();
        for code in 0..128u8 {
            if set.decides(char::from(code)) {
                set.ascii[usize::from(code / 64)] |= 1 << (code % 64);
            }
        }
        Some(set)
    }

    /// Folds the ranges, so that only the text has to be folded later.
    fn fold(&mut self) {
        if self.case == Case::Exact {
            return;
        }
        let mut folded_codes: Vec<u32> = Vec::new();
        for (low, high) in &self.ranges {
            for character in (*low..=(*high).min(0x10ffff)).filter_map(char::from_u32) {
                let code = u32::from(folded(character, self.case));
                folded_codes.push(code);
                if self.case == Case::Unicode
                    && let Some(alike) = ALIKE.iter().find(|alike| alike.contains(&code))
                {
                    folded_codes.extend(*alike);
                }
            }
        }
        folded_codes.sort_unstable();
        folded_codes.dedup();
        self.ranges.clear();
        for code in folded_codes {
            match self.ranges.last_mut() {
                Some((_, high)) if *high + 1 == code => *high = code,
                _ => self.ranges.push((code, code)),
            }
        }
    }

    /// Whether the set has the character.
    pub fn has(&self, character: char) -> bool {
        let code = u32::from(character);
        if code < 128 {
            let word = if code < 64 { self.ascii[0] } else { self.ascii[1] };
            return word >> (code % 64) & 1 != 0;
        }
        self.decides(character)
    }

    fn decides(&self, character: char) -> bool {
        let character = folded(character, self.case);
        let code = u32::from(character);
        let found = self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&code))
            || self.categories.iter().any(|category| category.has(character));
        found != self.negated
    }
}
