//! Objects in the arena, the slots of their fields one after the other; and the log.

use crate::arena::Arena;
use crate::exc::{Raised, memory_error};
use crate::export::exports;

exports! {
    /// Room for an object of so many slots; the compiled code fills it.
    status fl_object_new(slots: Int) -> [Address] with arena = new_object(arena, slots);
    /// Writes to the log of the process.
    status fl_log_write(level: Int, text: Str) -> [] = {
        crate::log::write(level, text.as_str());
        Ok::<(), Raised>(())
    };
}

fn new_object(arena: &mut Arena, slots: i64) -> Result<*mut u8, Raised> {
    // Two objects never have one address.
    let count = usize::try_from(slots.max(1)).map_err(|_| memory_error())?;
    Ok(arena.alloc_slots(count)?.as_mut_ptr().cast())
}
