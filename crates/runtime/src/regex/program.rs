//! The program of a pattern: its text form, read once for each thread and pattern. Nothing in it is trusted: jumps and
//! numbers are looked at when they are used.
//!
//! A program is `GROUPS REGISTERS|` and instructions with `;` between them:
//!
//! | text | meaning |
//! | --- | --- |
//! | `cN` | the character with this code point |
//! | `.` `*` | any character but a newline; any character |
//! | `sNC:ITEMS` | a character of a set: `N` is 1 for its opposite, `C` how case folds; see [`super::sets`] |
//! | `mN` | the position goes to slot `N`: two for each group, start and end |
//! | `/A,B` | goes to `A`, and when that fails to `B` |
//! | `jA` | goes to `A` |
//! | `aN` | an anchor |
//! | `bG,C` | the text of group `G` again |
//! | `lN,W,A` | what follows, up to `!`, matches `W` characters back (or, for `N` 1, does not); goes on at `A` |
//! | `tA` | what follows, up to `!`, once and for all; goes on at `A` |
//! | `rMIN,MAX,L` | the next instruction, one character, repeated; `L` 1: as seldom as possible |
//! | `RN`, `uN,MIN,MAX,L,A` | a loop with register `N`: its start, and the test that goes to the body `A` or on |
//! | `?G,A` | goes to `A` unless group `G` took part |
//! | `!` | the end |

use std::cell::RefCell;
use std::rc::Rc;

use super::sets::Set;
use crate::exc::{ExcClass, Raised, raised};

/// Where a position must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Anchor {
    Start,
    LineStart,
    End,
    LineEnd,
    TextEnd,
    Boundary { negated: bool, ascii: bool },
}

/// How letters of different case compare.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    Exact,
    Unicode,
    Ascii,
}

#[derive(Clone, Debug)]
pub enum Inst {
    Char(char),
    /// Any but a newline.
    Any,
    AnyAtAll,
    Set(Box<Set>),
    Mark(usize),
    Split(usize, usize),
    Jump(usize),
    Anchor(Anchor),
    Backreference(usize, Case),
    Look {
        negated: bool,
        back: usize,
        next: usize,
    },
    Atomic(usize),
    Repeat {
        min: u32,
        max: u32,
        lazy: bool,
    },
    LoopStart(usize),
    LoopTest {
        register: usize,
        min: u32,
        max: u32,
        lazy: bool,
        body: usize,
    },
    Conditional(usize, usize),
    End,
}

#[derive(Clone, Debug)]
pub struct Program {
    pub groups: usize,
    pub registers: usize,
    pub code: Vec<Inst>,
    /// Text that every match starts with.
    pub prefix: String,
    /// An instruction that looks at one character or place, with which every match starts.
    pub first: Option<usize>,
}

/// See [`Program::first`].
fn first(code: &[Inst]) -> Option<usize> {
    let start = code.iter().position(|inst| !matches!(inst, Inst::Mark(_)))?;
    match code.get(start)? {
        Inst::Set(_) | Inst::Anchor(Anchor::Start) => Some(start),
        Inst::Repeat { min, .. } if *min > 0 => Some(start + 1),
        _ => None,
    }
}

/// The most groups and loops: more is not a program of the compiler's.
const COUNT_MAX: usize = 100_000;

/// A program with its text; `None` where there is none yet.
type Known = Option<(String, Rc<Program>)>;

impl Program {
    /// The program of this text, which this thread may know already.
    pub fn of(text: &str) -> Result<Rc<Program>, Raised> {
        thread_local! {
            static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
        }
        KNOWN.with_borrow_mut(|known| {
            known.resize(PLACES, None);
            let place = place(text);
            if let Some(Some((known, program))) = known.get(place)
                && known == text
            {
                return Ok(program.clone());
            }
            let program = Rc::new(read(text).ok_or_else(malformed)?);
            if let Some(slot) = known.get_mut(place) {
                *slot = Some((text.to_owned(), program.clone()));
            }
            Ok(program)
        })
    }
}

/// How many programs a thread remembers.
const PLACES: usize = 256;

/// Where a program is remembered: constants of a module have one address, so this is quick and mostly right.
fn place(text: &str) -> usize {
    let address = text.as_ptr() as usize;
    (address ^ address >> 8 ^ text.len()) % PLACES
}

pub fn malformed() -> Raised {
    raised(ExcClass::RuntimeError, "this is not the program of a regular expression")
}

fn read(text: &str) -> Option<Program> {
    let (head, code) = text.split_once('|')?;
    let (groups, registers) = head.split_once(' ')?;
    let (groups, registers) = (groups.parse().ok()?, registers.parse().ok()?);
    if groups > COUNT_MAX || registers > COUNT_MAX {
        return None;
    }
    let code: Vec<Inst> = code.split(';').map(inst).collect::<Option<_>>()?;
    let prefix = code.iter().map_while(|inst| if let Inst::Char(c) = inst { Some(*c) } else { None }).collect();
    let first = first(&code);
    Some(Program { groups, registers, code, prefix, first })
}

fn inst(text: &str) -> Option<Inst> {
    let kind = text.chars().next()?;
    let rest = text.get(kind.len_utf8()..)?;
    if kind == 's' {
        return Set::read(rest).map(|set| Inst::Set(Box::new(set)));
    }
    let numbers: Vec<u32> = match rest {
        "" => Vec::new(),
        rest => rest.split(',').map(number).collect::<Option<_>>()?,
    };
    Some(match (kind, numbers.as_slice()) {
        ('c', [code]) => Inst::Char(char::from_u32(*code)?),
        ('.', []) => Inst::Any,
        ('*', []) => Inst::AnyAtAll,
        ('m', [slot]) => Inst::Mark(*slot as usize),
        ('/', [first, second]) => Inst::Split(*first as usize, *second as usize),
        ('j', [target]) => Inst::Jump(*target as usize),
        ('a', [kind]) => Inst::Anchor(anchor(*kind)?),
        ('b', [group, kind]) => Inst::Backreference(*group as usize, case(*kind)?),
        ('l', [negated, back, next]) => {
            Inst::Look { negated: *negated != 0, back: *back as usize, next: *next as usize }
        }
        ('t', [next]) => Inst::Atomic(*next as usize),
        ('r', [min, max, lazy]) => Inst::Repeat { min: *min, max: *max, lazy: *lazy != 0 },
        ('R', [register]) => Inst::LoopStart(*register as usize),
        ('u', [register, min, max, lazy, body]) => Inst::LoopTest {
            register: *register as usize,
            min: *min,
            max: *max,
            lazy: *lazy != 0,
            body: *body as usize,
        },
        ('?', [group, otherwise]) => Inst::Conditional(*group as usize, *otherwise as usize),
        ('!', []) => Inst::End,
        _ => return None,
    })
}

/// A number; `-` is one without a limit.
fn number(text: &str) -> Option<u32> {
    if text == "-" { Some(u32::MAX) } else { text.parse().ok() }
}

fn anchor(kind: u32) -> Option<Anchor> {
    Some(match kind {
        0 => Anchor::Start,
        1 => Anchor::LineStart,
        2 => Anchor::End,
        3 => Anchor::LineEnd,
        4 => Anchor::TextEnd,
        5..=8 => Anchor::Boundary { negated: kind.is_multiple_of(2), ascii: kind > 6 },
        _ => return None,
    })
}

pub fn case(kind: u32) -> Option<Case> {
    Some(match kind {
        0 => Case::Exact,
        1 => Case::Unicode,
        2 => Case::Ascii,
        _ => return None,
    })
}
