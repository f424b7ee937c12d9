//! The C face of the runtime. `exports!` makes a function and its table row from one description, so the two cannot
//! disagree. The functions of this module and below hold no logic of their own.

use std::borrow::Cow;

use crate::abi::{Context, List, STATUS_OK, Status, Str};
use crate::arena::Arena;
use crate::exc::Raised;
use crate::table::Symbol;
use crate::text::Text;

mod bytes;
mod container;
mod list;
mod math;
mod memory;
mod number;
mod object;
mod regex;
mod string;

/// Every row.
pub(crate) fn symbols() -> Vec<Symbol> {
    [
        bytes::symbols(),
        container::symbols(),
        list::symbols(),
        math::symbols(),
        memory::symbols(),
        number::symbols(),
        object::symbols(),
        regex::symbols(),
        string::symbols(),
    ]
    .concat()
}

/// Defines exported functions: name, convention, typed parameters, result kinds, and the call that does the work. A
/// `status` body gets the call's [`Arena`] under the name after `with` and gives `Result<_, Raised>`.
macro_rules! exports {
    ($( $(#[$doc:meta])* $convention:ident $symbol:ident ( $($arg:ident : $kind:ident),* ) -> $ret:tt
        $(with $arena:ident)? = $body:expr ; )*) => {
        $( exports!(@params [$(#[$doc])*] $convention $symbol [] [] [$($arg : $kind,)*] $ret [$($arena)?] $body); )*

        /// The rows of this module.
        pub(crate) fn symbols() -> Vec<crate::table::Symbol> {
            vec![ $( crate::table::Symbol {
                name: stringify!($symbol),
                address: $symbol as *const () as usize,
                signature: crate::table::Signature {
                    params: &[ $( crate::table::Kind::$kind ),* ],
                    convention: exports!(@convention $convention $ret),
                },
            } ),* ]
        }
    };

    (@convention interruptible [ $($ret:ident),* ]) => {
        crate::table::Convention::Interruptible(&[ $( crate::table::Kind::$ret ),* ])
    };
    (@convention direct $ret:ident) => { crate::table::Convention::Direct(crate::table::Kind::$ret) };
    (@convention status [ $($ret:ident),* ]) => {
        crate::table::Convention::Status(&[ $( crate::table::Kind::$ret ),* ])
    };

    // One parameter a step: its C parameters, and the statement that makes the Rust value of them.
    (@params $doc:tt $conv:ident $symbol:ident [$($p:tt)*] [$($l:tt)*] [$arg:ident : Int, $($rest:tt)*] $($tail:tt)*) => {
        exports!(@params $doc $conv $symbol [$($p)* $arg: i64,] [$($l)*] [$($rest)*] $($tail)*);
    };
    (@params $doc:tt $conv:ident $symbol:ident [$($p:tt)*] [$($l:tt)*] [$arg:ident : Float, $($rest:tt)*] $($tail:tt)*) => {
        exports!(@params $doc $conv $symbol [$($p)* $arg: f64,] [$($l)*] [$($rest)*] $($tail)*);
    };
    (@params $doc:tt $conv:ident $symbol:ident [$($p:tt)*] [$($l:tt)*] [$arg:ident : Bool, $($rest:tt)*] $($tail:tt)*) => {
        exports!(@params $doc $conv $symbol [$($p)* $arg: i64,] [$($l)* let $arg = $arg != 0;] [$($rest)*] $($tail)*);
    };
    (@params $doc:tt $conv:ident $symbol:ident [$($p:tt)*] [$($l:tt)*] [$arg:ident : Str, $($rest:tt)*] $($tail:tt)*) => {
        exports!(@params $doc $conv $symbol [$($p)* data: *const u8, length: u64,] [$($l)*
            // SAFETY: the caller keeps the convention of `table`.
            let $arg = unsafe { crate::text::Text::from_abi(data, length) };] [$($rest)*] $($tail)*);
    };
    (@params $doc:tt $conv:ident $symbol:ident [$($p:tt)*] [$($l:tt)*] [$arg:ident : Bytes, $($rest:tt)*] $($tail:tt)*) => {
        exports!(@params $doc $conv $symbol [$($p)* data: *const u8, length: u64,] [$($l)*
            // SAFETY: the caller keeps the convention of `table`.
            let $arg = unsafe { crate::bytes::from_abi(data, length) };] [$($rest)*] $($tail)*);
    };
    (@params $doc:tt $conv:ident $symbol:ident [$($p:tt)*] [$($l:tt)*] [$arg:ident : List, $($rest:tt)*] $($tail:tt)*) => {
        exports!(@params $doc $conv $symbol [$($p)* $arg: *mut crate::abi::List,] [$($l)*] [$($rest)*] $($tail)*);
    };
    (@params $doc:tt $conv:ident $symbol:ident [$($p:tt)*] [$($l:tt)*] [$arg:ident : Address, $($rest:tt)*] $($tail:tt)*) => {
        exports!(@params $doc $conv $symbol [$($p)* $arg: *mut u64,] [$($l)*] [$($rest)*] $($tail)*);
    };

    (@params [$(#[$doc:meta])*] direct $symbol:ident [$($p:tt)*] [$($l:tt)*] [] $ret:ident [] $body:expr) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $symbol($($p)*) -> exports!(@word $ret) {
            $($l)*
            crate::export::DirectResult::into_word($body)
        }
    };
    (@params [$(#[$doc:meta])*] status $symbol:ident [$($p:tt)*] [$($l:tt)*] [] $ret:tt [$($arena:ident)?] $body:expr) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $symbol(context: *mut crate::abi::Context, $($p)* out: *mut u64) -> crate::abi::Status {
            $($l)*
            let body = |_arena: &mut crate::arena::Arena| {
                $( let $arena = _arena; )?
                $body
            };
            // SAFETY: the caller keeps the convention of `table`.
            unsafe { crate::export::call(context, out, body) }
        }
    };
    (@params [$(#[$doc:meta])*] interruptible $symbol:ident [$($p:tt)*] [$($l:tt)*] [] $ret:tt [$arena:ident] $body:expr) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $symbol(context: *mut crate::abi::Context, $($p)* out: *mut u64) -> crate::abi::Status {
            $($l)*
            let body = |$arena: &mut crate::arena::Arena| $body;
            // SAFETY: the caller keeps the convention of `table`.
            unsafe { crate::interrupt::watching(context, || crate::export::call(context, out, body)) }
        }
    };
    (@word Float) => { f64 };
    (@word $ret:ident) => { i64 };
}
use exports;

/// The result of a direct function as the word it returns.
trait DirectResult {
    type Word;
    fn into_word(self) -> Self::Word;
}

impl DirectResult for i64 {
    type Word = i64;
    fn into_word(self) -> i64 {
        self
    }
}

impl DirectResult for f64 {
    type Word = f64;
    fn into_word(self) -> f64 {
        self
    }
}

impl DirectResult for bool {
    type Word = i64;
    fn into_word(self) -> i64 {
        i64::from(self)
    }
}

/// The most result slots of any function.
const SLOTS_MAX: usize = 8;

/// The result of a status function as slots.
trait Results {
    const SLOTS: usize;
    fn write(self, slots: &mut [u64]);
}

macro_rules! one_slot {
    ($( $ty:ty: |$value:ident| $bits:expr; )*) => {
        $( impl Results for $ty {
            const SLOTS: usize = 1;
            fn write(self, slots: &mut [u64]) {
                let $value = self;
                if let Some(slot) = slots.first_mut() {
                    *slot = $bits;
                }
            }
        } )*
    };
}

one_slot! {
    i64: |value| value as u64;
    f64: |value| value.to_bits();
    bool: |value| u64::from(value);
    *mut List: |value| value as u64;
    *mut u8: |value| value as u64;
}

impl Results for () {
    const SLOTS: usize = 0;
    fn write(self, _slots: &mut [u64]) {}
}

impl Results for Str {
    const SLOTS: usize = 2;
    fn write(self, slots: &mut [u64]) {
        if let [data, length, ..] = slots {
            *data = self.data as u64;
            *length = self.length;
        }
    }
}

impl Results for crate::abi::Bytes {
    const SLOTS: usize = 2;
    fn write(self, slots: &mut [u64]) {
        if let [data, length, ..] = slots {
            *data = self.data as u64;
            *length = self.length;
        }
    }
}

impl Results for Text<'_> {
    const SLOTS: usize = 2;
    fn write(self, slots: &mut [u64]) {
        self.to_abi().write(slots);
    }
}

impl<A: Results, B: Results> Results for (A, B) {
    const SLOTS: usize = A::SLOTS + B::SLOTS;
    fn write(self, slots: &mut [u64]) {
        if let Some((first, second)) = slots.split_at_mut_checked(A::SLOTS) {
            self.0.write(first);
            self.1.write(second);
        }
    }
}

/// Runs the body of a status function and turns its result into slots and a status word.
///
/// # Safety
/// `context` and its arena are valid and used by this thread alone; `out` has room for the result slots.
unsafe fn call<R: Results>(
    context: *mut Context,
    out: *mut u64,
    body: impl FnOnce(&mut Arena) -> Result<R, Raised>,
) -> Status {
    // SAFETY: both are valid and not shared.
    let context = unsafe { &mut *context };
    let arena = unsafe { &mut *context.arena };
    match body(arena) {
        Ok(results) => {
            let mut slots = [0u64; SLOTS_MAX];
            results.write(&mut slots);
            if R::SLOTS > 0 {
                // SAFETY: the caller gave room for the results.
                unsafe { std::ptr::copy_nonoverlapping(slots.as_ptr(), out, R::SLOTS.min(SLOTS_MAX)) };
            }
            STATUS_OK
        }
        Err((class, message)) => {
            context.message = message_str(arena, message);
            class as Status
        }
    }
}

/// The message as a string that outlives the call. Without room for it only the class is told.
fn message_str(arena: &mut Arena, message: Cow<'static, str>) -> Str {
    match message {
        Cow::Borrowed(text) => Text::new(text).to_abi(),
        Cow::Owned(text) => {
            arena.alloc_str(&text).unwrap_or(Str { data: std::ptr::null(), length: crate::abi::STR_ASCII_BIT })
        }
    }
}
