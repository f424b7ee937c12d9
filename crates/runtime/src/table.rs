//! The table of runtime functions: one row each with its C symbol, address and signature, so that `codegen` can declare
//! and link every function from the table alone.
//!
//! **Names.** A primitive's function is `fl_` and the primitive's name with `_` for `.`: `str.find` is `fl_str_find`.
//! Primitives without a row are expanded in line by `codegen`. Rows that belong to other operations (`fl_list_*`,
//! `fl_array_*`) are described at their definition in `export::memory`.
//!
//! **Arguments** are words in the order of [`Signature::params`], by [`Kind`]:
//!
//! | kind | C parameters | as a result |
//! | --- | --- | --- |
//! | `Int` | `int64_t` | one slot |
//! | `Float` | `double` | one slot, the bits |
//! | `Bool` | `int64_t`, 0 or 1 | one slot, 0 or 1 |
//! | `Str` | `const uint8_t *data, uint64_t length` (length word with the ASCII bit) | two slots |
//! | `Bytes` | `const uint8_t *data, uint64_t length` | two slots |
//! | `List` | `List *` | one slot, the address |
//! | `Address` | `uint64_t *`: slots the function reads or fills | one slot, the address |
//!
//! **Conventions.**
//! - [`Convention::Direct`]: `R fl_name(args..)`. No context; cannot raise, allocates nothing, returns the word itself
//!   (`int64_t` or `double`). A direct function without a `Str`, `List` or `Address` parameter depends on nothing but
//!   its arguments.
//! - [`Convention::Status`]: `uint64_t fl_name(Context *context, args.., uint64_t *out)`. Returns 0 and fills `out` with
//!   the result slots, or returns the number of an exception class (place bits zero) with the text in
//!   `context->message` and `out` left as it was. `out` may be null when there are no results.
//! - [`Convention::Interruptible`]: the same, or it returns `STATUS_CANCELLED`, as compiled code does.
//!
//! A status function of a primitive that raises nothing (`Prim::raises` is empty: views, or several results) always
//! returns 0. No function unwinds. New strings and lists live in `context->arena`; strings cut out of an argument are views of it.

use std::sync::LazyLock;

use crate::export;

/// How one value crosses the border.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    Int,
    Float,
    Bool,
    Str,
    Bytes,
    List,
    Address,
}

/// How a function returns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Convention {
    /// The value itself.
    Direct(Kind),
    /// A status word; the results go to the out parameter.
    Status(&'static [Kind]),
    /// As `Status`, but the function may take long and looks at the cancel flag: it may return `STATUS_CANCELLED`.
    Interruptible(&'static [Kind]),
}

/// All that a caller must know to declare the function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature {
    pub params: &'static [Kind],
    pub convention: Convention,
}

/// A function that compiled code can call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Symbol {
    pub name: &'static str,
    pub address: usize,
    pub signature: Signature,
}

static SYMBOLS: LazyLock<Vec<Symbol>> = LazyLock::new(|| {
    let mut symbols = export::symbols();
    symbols.sort_by_key(|symbol| symbol.name);
    symbols
});

/// Every runtime function, sorted by name.
pub fn symbols() -> &'static [Symbol] {
    &SYMBOLS
}

/// The function with this C name.
pub fn symbol(name: &str) -> Option<&'static Symbol> {
    let index = SYMBOLS.binary_search_by_key(&name, |symbol| symbol.name).ok()?;
    SYMBOLS.get(index)
}

/// The function of the primitive with this text-form name, such as `str.find`.
pub fn symbol_of_prim(prim: &str) -> Option<&'static Symbol> {
    symbol(&format!("fl_{}", prim.replace('.', "_")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        assert!(symbols().windows(2).all(|pair| pair[0].name < pair[1].name));
        for row in symbols() {
            assert_eq!(symbol(row.name), Some(row));
            assert_ne!(row.address, 0);
        }
        assert_eq!(symbol_of_prim("list.new").map(|row| row.name), Some("fl_list_new"));
        assert_eq!(symbol("fl_nothing"), None);
    }
}
