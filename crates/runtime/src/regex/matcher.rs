//! The matcher: runs a program over a text, trying things in CPython's order. What may be tried later, and what must be
//! undone before, lies on a stack of its own, so no text and no pattern can use up the stack of the process.

use super::program::{Anchor, Case, Inst, Program, malformed};
use super::sets::{folded, is_word};
use crate::exc::{ExcClass, Raised, memory_error, raised};

/// Entries of the stack of things to try: 24 bytes each.
const STACK_MAX: usize = 1 << 24;
/// Steps of one search. CPython would go on, for hours or years: patterns that need so many never come to an end.
const STEPS_MAX: u64 = 4_000_000_000;

/// Steps between two looks at the cancel flag: less than a millisecond.
const STEPS_BETWEEN_LOOKS: u64 = 1 << 16;

/// Parts that are matched by themselves inside each other: more than the compiler ever nests.
const DEPTH_MAX: usize = 200;

/// A slot without a position.
pub const ABSENT: usize = usize::MAX;

enum Frame {
    /// Go on here.
    Resume {
        at: usize,
        position: usize,
    },
    /// One repetition less, down to `least`.
    Shorter {
        next: usize,
        least: usize,
        position: usize,
    },
    /// One repetition more, by the instruction at `item`.
    Longer {
        item: usize,
        position: usize,
        left: u32,
    },
    /// Into the body of a lazy loop.
    Again {
        test: usize,
        position: usize,
        count: i64,
    },
    Slot {
        slot: usize,
        before: usize,
    },
    Register {
        register: usize,
        count: i64,
        last: usize,
    },
}

/// The state of a search.
pub struct Matcher<'p, 't> {
    program: &'p Program,
    text: &'t str,
    /// Starts and ends of the groups.
    pub slots: Vec<usize>,
    registers: Vec<(i64, usize)>,
    stack: Vec<Frame>,
    steps: u64,
    /// The step at which the matcher looks whether it shall stop.
    next_look: u64,
    depth: usize,
}

/// What a whole match must be.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub not_empty: bool,
    pub whole: bool,
}

impl<'p, 't> Matcher<'p, 't> {
    pub fn new(program: &'p Program, text: &'t str) -> Matcher<'p, 't> {
        Matcher {
            program,
            text,
            slots: vec![ABSENT; 2 * program.groups],
            registers: vec![(-1, ABSENT); program.registers],
            stack: Vec::new(),
            steps: 0,
            next_look: STEPS_BETWEEN_LOOKS,
            depth: 0,
        }
    }

    /// The end of a match that starts at this position.
    pub fn match_at(&mut self, start: usize, wanted: Wanted) -> Result<Option<usize>, Raised> {
        self.slots.fill(ABSENT);
        self.stack.clear();
        let mut from = Some((0, start));
        while let Some((at, position)) = from {
            match self.run(at, position, 0)? {
                None => return Ok(None),
                Some(end) if wanted.not_empty && end == start => {}
                Some(end) if wanted.whole && end != self.text.len() => {}
                Some(end) => return Ok(Some(end)),
            }
            from = self.backtrack(0)?;
        }
        Ok(None)
    }

    /// Whether no match can start here, as far as one look tells.
    pub fn is_hopeless(&self, position: usize) -> bool {
        match self.program.first.and_then(|first| self.program.code.get(first)) {
            Some(Inst::Anchor(anchor)) => !self.holds(*anchor, position),
            Some(inst) => self.step(inst, position).is_none(),
            None => false,
        }
    }

    fn char_at(&self, position: usize) -> Option<char> {
        let byte = *self.text.as_bytes().get(position)?;
        if byte < 128 { Some(char::from(byte)) } else { self.text.get(position..)?.chars().next() }
    }

    fn char_before(&self, position: usize) -> Option<char> {
        let byte = *self.text.as_bytes().get(position.checked_sub(1)?)?;
        if byte < 128 { Some(char::from(byte)) } else { self.text.get(..position)?.chars().next_back() }
    }

    /// The position behind the one character that an instruction matches here.
    fn step(&self, inst: &Inst, position: usize) -> Option<usize> {
        let character = self.char_at(position)?;
        let found = match inst {
            Inst::Char(wanted) => character == *wanted,
            Inst::Any => character != '\n',
            Inst::AnyAtAll => true,
            Inst::Set(set) => set.has(character),
            _ => false,
        };
        found.then(|| position + character.len_utf8())
    }

    fn push(&mut self, frame: Frame) -> Result<(), Raised> {
        if self.stack.len() >= STACK_MAX {
            return Err(memory_error());
        }
        self.stack.push(frame);
        Ok(())
    }

    fn set_slot(&mut self, slot: usize, position: usize) -> Result<(), Raised> {
        let Some(place) = self.slots.get_mut(slot) else { return Err(malformed()) };
        let before = std::mem::replace(place, position);
        self.push(Frame::Slot { slot, before })
    }

    fn set_register(&mut self, register: usize, value: (i64, usize)) -> Result<(), Raised> {
        let Some(place) = self.registers.get_mut(register) else { return Err(malformed()) };
        let (count, last) = std::mem::replace(place, value);
        self.push(Frame::Register { register, count, last })
    }

    /// Runs from an instruction to an `End`; `None` when everything above `base` on the stack has been tried.
    fn run(&mut self, at: usize, position: usize, base: usize) -> Result<Option<usize>, Raised> {
        let mut now = Some((at, position));
        let program = self.program;
        loop {
            let (at, position) = match now {
                Some(now) => now,
                None => match self.backtrack(base)? {
                    Some(next) => next,
                    None => return Ok(None),
                },
            };
            self.steps += 1;
            if self.steps >= self.next_look {
                self.look_around()?;
            }
            let Some(inst) = program.code.get(at) else { return Err(malformed()) };
            now = match inst {
                Inst::End => return Ok(Some(position)),
                Inst::Char(_) | Inst::Any | Inst::AnyAtAll | Inst::Set(_) => {
                    self.step(inst, position).map(|next| (at + 1, next))
                }
                Inst::Mark(slot) => {
                    self.set_slot(*slot, position)?;
                    Some((at + 1, position))
                }
                Inst::Split(first, second) => {
                    self.push(Frame::Resume { at: *second, position })?;
                    Some((*first, position))
                }
                Inst::Jump(target) => Some((*target, position)),
                Inst::Anchor(anchor) => self.holds(*anchor, position).then_some((at + 1, position)),
                Inst::Backreference(group, case) => self.again(*group, *case, position).map(|end| (at + 1, end)),
                Inst::Look { negated, back, next } => {
                    let found = self.look(at + 1, position, *back, *negated)?;
                    found.then_some((*next, position))
                }
                Inst::Atomic(next) => self.alone(at + 1, position, false)?.map(|end| (*next, end)),
                Inst::Repeat { min, max, lazy } => self.repeat(at + 1, position, *min, *max, *lazy)?,
                Inst::LoopStart(register) => {
                    self.set_register(*register, (-1, ABSENT))?;
                    Some((at + 1, position))
                }
                Inst::LoopTest { .. } => self.test(at, position)?,
                Inst::Conditional(group, otherwise) => {
                    let present = self.slots.get(2 * group + 1).is_some_and(|end| *end != ABSENT);
                    Some((if present { at + 1 } else { *otherwise }, position))
                }
            };
        }
    }

    /// Ends a search that takes too long or that nobody waits for any more.
    #[cold]
    fn look_around(&mut self) -> Result<(), Raised> {
        self.next_look = self.steps + STEPS_BETWEEN_LOOKS;
        if self.steps > STEPS_MAX || crate::interrupt::is_requested() {
            return Err(raised(ExcClass::RuntimeError, "the regular expression takes too many steps"));
        }
        Ok(())
    }

    /// Undoes and gives the next thing to try, above `base` on the stack.
    fn backtrack(&mut self, base: usize) -> Result<Option<(usize, usize)>, Raised> {
        while self.stack.len() > base {
            match self.stack.pop() {
                None => return Ok(None),
                Some(Frame::Resume { at, position }) => return Ok(Some((at, position))),
                Some(Frame::Slot { slot, before }) => self.restore_slot(slot, before),
                Some(Frame::Register { register, count, last }) => self.restore_register(register, count, last),
                Some(Frame::Shorter { next, least, position }) => {
                    if let Some(shorter) = self.shorter(next, least, position)? {
                        return Ok(Some((next, shorter)));
                    }
                }
                Some(Frame::Longer { item, position, left }) => {
                    self.steps += 1;
                    let inst = self.program.code.get(item).ok_or_else(malformed)?;
                    if let Some(longer) = self.step(inst, position) {
                        if left > 1 {
                            self.push(Frame::Longer { item, position: longer, left: left - 1 })?;
                        }
                        return Ok(Some((item + 1, longer)));
                    }
                }
                Some(Frame::Again { test, position, count }) => {
                    let Some(Inst::LoopTest { register, body, .. }) = self.program.code.get(test) else {
                        return Err(malformed());
                    };
                    self.set_register(*register, (count, position))?;
                    return Ok(Some((*body, position)));
                }
            }
        }
        Ok(None)
    }

    /// A shorter repetition whose next character is one that the instruction behind it takes.
    fn shorter(&mut self, next: usize, least: usize, mut position: usize) -> Result<Option<usize>, Raised> {
        let wanted = match self.program.code.get(next) {
            Some(inst @ Inst::Char(_)) => Some(inst),
            _ => None,
        };
        while position > least {
            let Some(character) = self.char_before(position) else { return Ok(None) };
            position -= character.len_utf8();
            self.steps += 1;
            if wanted.is_none_or(|inst| self.step(inst, position).is_some()) {
                if position > least {
                    self.push(Frame::Shorter { next, least, position })?;
                }
                return Ok(Some(position));
            }
        }
        Ok(None)
    }

    fn repeat(
        &mut self,
        item: usize,
        start: usize,
        min: u32,
        max: u32,
        lazy: bool,
    ) -> Result<Option<(usize, usize)>, Raised> {
        let program = self.program;
        let Some(inst) = program.code.get(item) else { return Err(malformed()) };
        let mut position = start;
        for _ in 0..min {
            match self.step(inst, position) {
                Some(next) => position = next,
                None => return Ok(None),
            }
        }
        let mut left = if max == u32::MAX { u32::MAX } else { max.saturating_sub(min) };
        if lazy {
            if left > 0 {
                self.push(Frame::Longer { item, position, left })?;
            }
            return Ok(Some((item + 1, position)));
        }
        let least = position;
        while left > 0 {
            match self.step(inst, position) {
                Some(next) => position = next,
                None => break,
            }
            if max != u32::MAX {
                left -= 1;
            }
        }
        self.steps += 1 + (position - start) as u64 / 16;
        if position > least {
            self.push(Frame::Shorter { next: item + 1, least, position })?;
        }
        Ok(Some((item + 1, position)))
    }

    /// At the end of a loop's body: another round, or on.
    fn test(&mut self, at: usize, position: usize) -> Result<Option<(usize, usize)>, Raised> {
        let Some(Inst::LoopTest { register, min, max, lazy, body }) = self.program.code.get(at) else {
            return Err(malformed());
        };
        let Some((count, last)) = self.registers.get(*register).copied() else { return Err(malformed()) };
        let count = count + 1;
        if count < i64::from(*min) {
            self.set_register(*register, (count, last))?;
            return Ok(Some((*body, position)));
        }
        // A round that matched nothing is not repeated.
        let may_repeat = (*max == u32::MAX || count < i64::from(*max)) && position != last;
        if *lazy {
            if may_repeat {
                self.push(Frame::Again { test: at, position, count })?;
            }
            return Ok(Some((at + 1, position)));
        }
        if may_repeat {
            self.push(Frame::Resume { at: at + 1, position })?;
            self.set_register(*register, (count, position))?;
            return Ok(Some((*body, position)));
        }
        Ok(Some((at + 1, position)))
    }

    /// Matches a part by itself: once it has matched, it is not tried in another way. `forget` undoes what it did.
    fn alone(&mut self, at: usize, position: usize, forget: bool) -> Result<Option<usize>, Raised> {
        if self.depth >= DEPTH_MAX {
            return Err(malformed());
        }
        let base = self.stack.len();
        self.depth += 1;
        let end = self.run(at, position, base);
        self.depth -= 1;
        let end = end?;
        if end.is_some() && forget {
            while self.stack.len() > base {
                match self.stack.pop() {
                    Some(Frame::Slot { slot, before }) => self.restore_slot(slot, before),
                    Some(Frame::Register { register, count, last }) => self.restore_register(register, count, last),
                    _ => {}
                }
            }
        } else if end.is_some() {
            // What it did may still have to be undone.
            let kept = self.stack.split_off(base);
            let undoes = |frame: &Frame| matches!(frame, Frame::Slot { .. } | Frame::Register { .. });
            self.stack.extend(kept.into_iter().filter(undoes));
        }
        Ok(end)
    }

    fn restore_slot(&mut self, slot: usize, before: usize) {
        if let Some(place) = self.slots.get_mut(slot) {
            *place = before;
        }
    }

    fn restore_register(&mut self, register: usize, count: i64, last: usize) {
        if let Some(place) = self.registers.get_mut(register) {
            *place = (count, last);
        }
    }

    fn look(&mut self, at: usize, position: usize, back: usize, negated: bool) -> Result<bool, Raised> {
        let mut start = position;
        for _ in 0..back {
            match self.char_before(start) {
                Some(character) => start -= character.len_utf8(),
                None => return Ok(negated),
            }
        }
        Ok(self.alone(at, start, negated)?.is_some() != negated)
    }

    fn holds(&self, anchor: Anchor, position: usize) -> bool {
        let bytes = self.text.as_bytes();
        match anchor {
            Anchor::Start => position == 0,
            Anchor::LineStart => position == 0 || bytes.get(position - 1) == Some(&b'\n'),
            Anchor::End => bytes.get(position..).is_some_and(|rest| matches!(rest, b"" | b"\n")),
            Anchor::LineEnd => matches!(bytes.get(position), None | Some(b'\n')),
            Anchor::TextEnd => position == bytes.len(),
            // In an empty text there is neither a boundary nor its opposite.
            Anchor::Boundary { .. } if bytes.is_empty() => false,
            Anchor::Boundary { negated, ascii } => {
                let before = self.char_before(position).is_some_and(|character| is_word(character, ascii));
                let after = self.char_at(position).is_some_and(|character| is_word(character, ascii));
                (before != after) != negated
            }
        }
    }

    /// The position behind the text of a group, when it stands here again.
    fn again(&self, group: usize, case: Case, position: usize) -> Option<usize> {
        let (start, end) = (*self.slots.get(2 * group)?, *self.slots.get(2 * group + 1)?);
        if start == ABSENT || end == ABSENT {
            return None;
        }
        let wanted = self.text.get(start..end)?;
        let rest = self.text.get(position..)?;
        if case == Case::Exact {
            return rest.starts_with(wanted).then(|| position + wanted.len());
        }
        let mut characters = rest.chars();
        for wanted in wanted.chars() {
            if folded(characters.next()?, case) != folded(wanted, case) {
                return None;
            }
        }
        Some(position + rest.len() - characters.as_str().len())
    }
}
