//! The exception classes the runtime raises. The numbers are those of `ir::ExcKind`, which this crate must not name; a
//! test of `testkit` checks that they agree.

use std::borrow::Cow;

macro_rules! classes {
    ($( $name:ident = $code:literal ),* $(,)?) => {
        /// A built-in exception class; the discriminant is the number in a status word.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u8)]
        pub enum ExcClass { $( $name = $code ),* }

        impl ExcClass {
            /// Every class the runtime raises.
            pub const ALL: &'static [ExcClass] = &[ $( ExcClass::$name ),* ];

            /// The Python class name.
            pub fn name(self) -> &'static str {
                match self { $( ExcClass::$name => stringify!($name) ),* }
            }
        }
    };
}

classes! {
    OverflowError = 4,
    ZeroDivisionError = 5,
    IndexError = 10,
    KeyError = 11,
    MemoryError = 12,
    RuntimeError = 15,
    RecursionError = 17,
    TypeError = 19,
    ValueError = 20,
    UnicodeEncodeError = 22,
    UnicodeDecodeError = 23,
    NotCompiled = 54,
    IntTooLarge = 55,
}

/// An exception on its way out of a runtime function: the class and the text of `str(e)`.
pub type Raised = (ExcClass, Cow<'static, str>);

/// An exception with a fixed text.
pub(crate) fn raised(class: ExcClass, message: &'static str) -> Raised {
    (class, Cow::Borrowed(message))
}

/// `ValueError` with this text.
pub(crate) fn value_error(message: impl Into<Cow<'static, str>>) -> Raised {
    (ExcClass::ValueError, message.into())
}

/// `IndexError` with this text.
pub(crate) fn index_error(message: impl Into<Cow<'static, str>>) -> Raised {
    (ExcClass::IndexError, message.into())
}

/// `OverflowError` with this text.
pub(crate) fn overflow_error(message: &'static str) -> Raised {
    raised(ExcClass::OverflowError, message)
}

/// For an `int` that CPython could hold and 64 bits cannot.
pub(crate) fn int_too_large() -> Raised {
    raised(ExcClass::IntTooLarge, "integer result does not fit in 64 bits")
}

/// For what CPython does and compiled code does not.
pub(crate) fn not_compiled(message: &'static str) -> Raised {
    raised(ExcClass::NotCompiled, message)
}

/// `MemoryError` without a text, as CPython raises it.
pub(crate) fn memory_error() -> Raised {
    raised(ExcClass::MemoryError, "")
}
