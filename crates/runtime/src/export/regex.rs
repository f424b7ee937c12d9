//! Primitives of `re`, and of strings by byte offsets, in which matches are told.

use crate::export::exports;
use crate::export::memory::{list_of_ints, list_of_texts};
use crate::{regex, string};

exports! {
    interruptible fl_re_find(program: Str, text: Str, position: Int, mode: Int) -> [List] with arena =
        regex::find(&program, &text, position, mode).and_then(|spans| list_of_ints(arena, &spans));
    interruptible fl_re_find_spans(program: Str, text: Str, limit: Int) -> [List] with arena =
        regex::find_spans(&program, &text, limit).and_then(|spans| list_of_ints(arena, &spans));
    interruptible fl_re_find_all(program: Str, text: Str) -> [List] with arena =
        regex::find_all(&program, text.as_str())
            .and_then(|found| list_of_texts(arena, found.into_iter().map(|part| text.part(part))));
    interruptible fl_re_split(program: Str, text: Str, limit: Int) -> [List] with arena =
        regex::split(&program, text.as_str(), limit)
            .and_then(|pieces| list_of_texts(arena, pieces.into_iter().map(|part| text.part(part))));
    interruptible fl_re_substitute(program: Str, template: Str, text: Str, limit: Int) -> [Str, Int] with arena = {
        let mut count = 0;
        let replaced = arena.build_str(|out| {
            count = regex::substitute(&program, &template, &text, limit, out)?;
            Ok(())
        });
        replaced.map(|replaced| (replaced, count))
    };
    status fl_re_template(text: Str) -> [Str] with arena = arena.build_str(|out| regex::template(&text, out));
    status fl_re_escape(text: Str) -> [Str] with arena = arena.build_str(|out| regex::escape(&text, out));
    status fl_str_byte_slice(s: Str, start: Int, end: Int) -> [Str] = string::byte_slice(s, start, end);
    direct fl_str_position(s: Str, offset: Int) -> Int = string::position(s, offset);
    direct fl_str_byte_offset(s: Str, position: Int) -> Int = string::offset_of(s, position);
}
