//! The exception classes compiled code can raise and their hierarchy, as CPython has it.

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
}

impl ExcKind {
    /// The class with this Python name.
    pub fn from_name(name: &str) -> Option<ExcKind> {
        ExcKind::ALL.iter().copied().find(|kind| kind.name() == name)
    }

    /// The class with this number.
    pub fn from_code(code: u8) -> Option<ExcKind> {
        ExcKind::ALL.iter().copied().find(|kind| *kind as u8 == code)
    }

    /// `issubclass(self, other)`.
    pub fn is_subclass_of(self, other: ExcKind) -> bool {
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
