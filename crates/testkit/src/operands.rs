//! Programs of one operation each whose operands may be of several types, inside a handler: what the types forbid must be raised where
//! CPython raises it, and nowhere else. The values, operations and handlers are data (`operands.txt`).

use crate::generate::Program;
use crate::random::Random;

const TABLE: &str = include_str!("operands.txt");

/// What every program begins with.
const HEAD: &str = "\
import bisect
import collections
import functools
import heapq
import itertools
import math
import statistics


def first(v):
    for w in v:
        return w
    return None


def grown(v):
    v += v
    return v


def f(n: int, m: int):
";

/// The lines of a section of the table.
fn section(name: &str) -> Vec<&'static str> {
    let lines =
        TABLE.lines().skip_while(|line| line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) != Some(name));
    lines.skip(1).take_while(|line| !line.is_empty()).collect()
}

/// The program of a seed: two operands that are one of two values each, and every choice of them as a call.
pub fn program(seed: u64) -> Program {
    let mut random = Random::new(seed);
    let (values, handlers, expressions) = (section("values"), section("handlers"), section("expressions"));
    let mut source = String::from(HEAD);
    for (operand, flag) in [("x", "n"), ("y", "m")] {
        let (one, other) = (random.pick(&values), random.pick(&values));
        source.push_str(&format!("    {operand} = {one}\n    if {flag} == 1:\n        {operand} = {other}\n"));
    }
    let (expression, handler) = (random.pick(&expressions), random.pick(&handlers));
    source.push_str(&match random.below(4) {
        0 => format!("    r = {expression}\n    return repr(r)\n"),
        1 => format!(
            "    try:\n        r = {expression}\n        return repr(r)\n    except {handler} as e:\n        \
             return type(e).__name__\n"
        ),
        2 => format!(
            "    out = []\n    for k in range(2):\n        try:\n            out.append(repr({expression}))\n        \
             except {handler}:\n            out.append('failed')\n        else:\n            out.append('fine')\n        \
             finally:\n            out.append(k)\n    return repr(out)\n"
        ),
        _ => format!("    try:\n        r = {expression}\n    except {handler}:\n        r = 'failed'\n    return repr(r)\n"),
    });
    let calls = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(n, m)| format!("f({n}, {m})"));
    Program { source, calls: calls.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_what_programs_are_made_of() {
        for name in ["values", "handlers", "expressions"] {
            assert!(section(name).len() > 5, "{name}");
        }
        assert_ne!(program(1).source, program(2).source);
    }
}
