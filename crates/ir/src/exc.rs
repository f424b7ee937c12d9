//! The exception classes compiled code can raise and their hierarchy: CPython's own, and those of the program, which a
//! module lists by number.

use std::sync::Arc;

macro_rules! exceptions {
    ($( $name:ident : $parent:ident ),* $(,)?) => {
        /// A built-in exception class. The discriminant is its number in a row's status.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum ExcKind { BaseException = 1, $( $name ),* }

        impl ExcKind {
            /// Every class, in the order of the numbers.
            pub const ALL: &'static [ExcKind] = &[ExcKind::BaseException, $( ExcKind::$name ),*];

            /// The Python class name.
            pub fn name(self) -> &'static str {
                match self { ExcKind::BaseException => "BaseException", $( ExcKind::$name => stringify!($name) ),* }
            }

            /// The class this one derives from.
            pub fn parent(self) -> Option<ExcKind> {
                match self { ExcKind::BaseException => None, $( ExcKind::$name => Some(ExcKind::$parent) ),* }
            }
        }
    };
}

exceptions! {
    Exception: BaseException,
    ArithmeticError: Exception,
    OverflowError: ArithmeticError,
    ZeroDivisionError: ArithmeticError,
    FloatingPointError: ArithmeticError,
    AssertionError: Exception,
    AttributeError: Exception,
    LookupError: Exception,
    IndexError: LookupError,
    KeyError: LookupError,
    MemoryError: Exception,
    NameError: Exception,
    UnboundLocalError: NameError,
    RuntimeError: Exception,
    NotImplementedError: RuntimeError,
    RecursionError: RuntimeError,
    StopIteration: Exception,
    TypeError: Exception,
    ValueError: Exception,
    UnicodeError: ValueError,
    UnicodeEncodeError: UnicodeError,
    UnicodeDecodeError: UnicodeError,
    OSError: Exception,
    KeyboardInterrupt: BaseException,
    FileNotFoundError: OSError,
    FileExistsError: OSError,
    PermissionError: OSError,
    TimeoutError: OSError,
    ConnectionError: OSError,
    EOFError: Exception,
    BufferError: Exception,
    ImportError: Exception,
    ModuleNotFoundError: ImportError,
    SystemError: Exception,
    SystemExit: BaseException,
    Warning: Exception,
    UserWarning: Warning,
    DeprecationWarning: Warning,
    RuntimeWarning: Warning,
    SyntaxError: Exception,
    IndentationError: SyntaxError,
    ReferenceError: Exception,
    GeneratorExit: BaseException,
    IsADirectoryError: OSError,
    NotADirectoryError: OSError,
    InterruptedError: OSError,
    BrokenPipeError: ConnectionError,
    ConnectionAbortedError: ConnectionError,
    ConnectionRefusedError: ConnectionError,
    ConnectionResetError: ConnectionError,
    FutureWarning: Warning,
    SyntaxWarning: Warning,
    // Not one of Python's: what only the run tells and compiled code does not do. The world outside is told
    // `NotImplementedError`, but no handler of the program takes it: CPython would not have been there.
    NotCompiled: BaseException,
    // Nor this one: an `int` that CPython would hold and 64 bits do not. The world outside is told `OverflowError`.
    IntTooLarge: BaseException,
}

impl ExcKind {
    /// Second names of classes.
    pub const ALIASES: &'static [(&'static str, ExcKind)] =
        &[("IOError", ExcKind::OSError), ("EnvironmentError", ExcKind::OSError)];

    /// The class with this Python name.
    pub fn from_name(name: &str) -> Option<ExcKind> {
        if let Some((_, kind)) = ExcKind::ALIASES.iter().find(|(alias, _)| *alias == name) {
            return Some(*kind);
        }
        ExcKind::from_text(name).filter(|kind| kind.as_told() == *kind)
    }

    /// The class that the text of a module calls so.
    pub fn from_text(name: &str) -> Option<ExcKind> {
        ExcKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The class with this number.
    pub fn from_code(code: u8) -> Option<ExcKind> {
        ExcKind::ALL.iter().copied().find(|kind| *kind as u8 == code)
    }

    /// What only compiled code raises: no handler of a program takes it, for CPython would not have been there.
    pub const OURS: [ExcKind; 2] = [ExcKind::NotCompiled, ExcKind::IntTooLarge];

    /// Python's class that the world outside is told.
    pub fn as_told(self) -> ExcKind {
        match self {
            ExcKind::NotCompiled => ExcKind::NotImplementedError,
            ExcKind::IntTooLarge => ExcKind::OverflowError,
            kind => kind,
        }
    }

    /// `issubclass(self, other)`, as handlers ask it.
    pub fn is_subclass_of(self, other: ExcKind) -> bool {
        if ExcKind::OURS.contains(&self) {
            return other == self;
        }
        let mut class = Some(self);
        while let Some(kind) = class {
            if kind == other {
                return true;
            }
            class = kind.parent();
        }
        false
    }
}

/// Numbers of the program's own classes begin here; those below are Python's.
const OWN_FIRST: u8 = 64;

/// How many classes of its own a module may have.
pub const OWN_EXCEPTIONS_MAX: usize = (u8::MAX - OWN_FIRST) as usize + 1;

/// A class of exceptions.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ExcClass {
    /// One of Python's.
    Builtin(ExcKind),
    /// One of the program's: its position in [`crate::Module::exceptions`].
    Own(u8),
}

impl From<ExcKind> for ExcClass {
    fn from(kind: ExcKind) -> ExcClass {
        ExcClass::Builtin(kind)
    }
}

impl ExcClass {
    /// The number in a row's status.
    pub fn code(self) -> u8 {
        match self {
            ExcClass::Builtin(kind) => kind as u8,
            ExcClass::Own(index) => OWN_FIRST.saturating_add(index),
        }
    }

    /// The class with this number.
    pub fn from_code(code: u8) -> Option<ExcClass> {
        match code.checked_sub(OWN_FIRST) {
            Some(index) => Some(ExcClass::Own(index)),
            None => ExcKind::from_code(code).map(ExcClass::Builtin),
        }
    }
}

/// A class of the program.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ExceptionClass {
    pub name: Arc<str>,
    /// Each is one of Python's, or one that stands before this one.
    pub parents: Vec<ExcClass>,
    /// The class in [`crate::Module::classes`] of the object that every exception of this very class carries.
    pub object: Option<Arc<str>>,
}

/// The classes of a module, or of what was made of it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct ExceptionTable(pub Vec<ExceptionClass>);

impl ExceptionTable {
    /// The class of the object that an exception of this very class carries.
    pub fn object(&self, class: ExcClass) -> Option<&Arc<str>> {
        self.own(class)?.object.as_ref()
    }

    fn own(&self, class: ExcClass) -> Option<&ExceptionClass> {
        match class {
            ExcClass::Builtin(_) => None,
            ExcClass::Own(index) => self.0.get(usize::from(index)),
        }
    }

    /// The class as the world outside knows it. One that is not in the table is `BaseException`.
    pub fn raised(&self, class: ExcClass) -> RaisedClass {
        let kind = match class {
            ExcClass::Builtin(kind) => kind,
            ExcClass::Own(_) => self.builtin(class),
        };
        match self.own(class) {
            // One of Python's whose exceptions carry what they were made with.
            Some(own) if own.object.is_some() && *own.name == *kind.name() && own.parents == [kind.into()] => {
                kind.into()
            }
            Some(own) => RaisedClass { kind, own: Some(own.name.clone()) },
            None => kind.as_told().into(),
        }
    }

    /// The class itself or the most special of Python's that it derives from.
    pub fn builtin(&self, class: ExcClass) -> ExcKind {
        let above = self.with_parents(class);
        let kinds = above.into_iter().filter_map(|class| match class {
            ExcClass::Builtin(kind) => Some(kind),
            ExcClass::Own(_) => None,
        });
        kinds.fold(ExcKind::BaseException, |best, kind| if kind.is_subclass_of(best) { kind } else { best })
    }

    /// The class and those of the table that it derives from, with Python's that these derive from at once.
    fn with_parents(&self, class: ExcClass) -> Vec<ExcClass> {
        let mut found = vec![class];
        let mut next = 0;
        while let Some(class) = found.get(next).copied() {
            next += 1;
            for parent in self.own(class).into_iter().flat_map(|own| &own.parents) {
                if !found.contains(parent) {
                    found.push(*parent);
                }
            }
        }
        found
    }

    /// `issubclass(class, other)`.
    pub fn is_subclass(&self, class: ExcClass, other: ExcClass) -> bool {
        self.with_parents(class).into_iter().any(|class| match (class, other) {
            (ExcClass::Builtin(kind), ExcClass::Builtin(other)) => kind.is_subclass_of(other),
            (class, other) => class == other,
        })
    }

    /// Every class there is.
    pub fn all(&self) -> impl Iterator<Item = ExcClass> {
        let own = (0..self.0.len().min(OWN_EXCEPTIONS_MAX)).map(|index| ExcClass::Own(index as u8));
        ExcKind::ALL.iter().copied().map(ExcClass::Builtin).chain(own)
    }
}

/// The class of an exception that left compiled code.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct RaisedClass {
    /// The class or the nearest of Python's that it derives from.
    pub kind: ExcKind,
    /// The name of the program's own class, when it is one.
    pub own: Option<Arc<str>>,
}

impl From<ExcKind> for RaisedClass {
    fn from(kind: ExcKind) -> RaisedClass {
        RaisedClass { kind, own: None }
    }
}

impl RaisedClass {
    pub fn name(&self) -> &str {
        self.own.as_deref().unwrap_or(self.kind.name())
    }
}
