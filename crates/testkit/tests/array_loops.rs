//! Loops over arrays: codegen leaves out index checks that it has proved, or tested before the loop, and has a form of
//! its own for arrays without gaps. Here every function runs over arrays whose shapes fit and do not fit, with gaps and
//! without, and must end as in the interpreter: the same value, the same stores, the same exception at the same line.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::atomic::AtomicU8;

use codegen::{CallKernel, Options, compile_call};
use frontend::program::SourceFile;
use frontend::{Request, file_program};
use ir::layout::slot_count;
use ir::{Elem, Type};
use runtime::abi;
use testkit::value::{Outcome, Value};
use testkit::{interpret, slots};

const SOURCE: &str = r#"
import fuseline as fl

def fits(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    for i in range(len(a)):
        total += a[i] * b[i]
    return total

def counted(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    for i in range(n):
        total += a[i] - b[n - 1]
    return total

def neighbours(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    for i in range(1, len(a) - 1):
        total += a[i - 1] + a[i + 1]
        b[i + 1] = a[i]
    return total

def from_before_zero(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    for i in range(-2, n):
        total += a[i]
    return total

def wide_offset(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    for i in range(n):
        total += a[i + 3]
        b[i] = total
    return total

def stops_in_time(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    for i in range(len(a)):
        if i < len(b):
            total += b[i]
        else:
            break
    return total

def steps(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    for i in range(0, len(a), 3):
        total += a[i] + b[i]
    for i in range(len(a) - 1, -1, -1):
        total -= a[i] * b[i]
    return total

def given_start(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    for i in range(n, 5):
        total += a[i]
        b[i] = total
    return total

def written_while(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    i = n
    while i < len(a):
        total += a[i]
        b[i] = total
        i += 1
    return total

def shifted(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    for i in range(len(b)):
        a[i + n] = b[i]
    return a[0]

def calls(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    total = 0.0
    for i in range(n):
        total += at(a, i, n) + fits(a, b, n)
    return total

def at(a: fl.Array[float], i: int, n: int) -> float:
    total = 0.0
    for j in range(i):
        total += a[j]
    return total

def deep(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    if n <= 0:
        return 0.0
    total = 0.0
    for i in range(n):
        total += a[i]
    return total + deep(b, a, n - 1)
"#;

const MATRICES: &str = r#"
import fuseline as fl

def product(x: fl.Array[float, 2], y: fl.Array[float, 2], n: int) -> float:
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            total += x[i, j] * y[i, j]
    return total

def transposed(x: fl.Array[float, 2], y: fl.Array[float, 2], n: int) -> float:
    total = 0.0
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            y[j, i] = x[i, j]
            total += y[j, i]
    return total

def by_rows(x: fl.Array[float, 2], y: fl.Array[float, 2], n: int) -> float:
    total = 0.0
    for i in range(len(x)):
        row = x[i]
        other = y[-1]
        for j in range(len(row)):
            total += row[j] * other[j]
            row[j] = total
    return total

def counted(x: fl.Array[float, 2], y: fl.Array[float, 2], n: int) -> float:
    total = 0.0
    for i in range(n):
        for j in range(i, n):
            total += x[i, j]
        for j in range(n):
            y[j, 0] = y[j, n - 1] + total
    return total

def many(x: fl.Array[float, 2], y: fl.Array[float, 2], n: int) -> float:
    total = 0.0
    for i in range(len(x)):
        for k in range(len(y)):
            distance = 0.0
            for j in range(x.shape[1]):
                distance += (x[i, j] - y[k, j]) * 2.0
            total += distance
    return total
"#;

const WHOLE: &str = r#"
import fuseline as fl
import numpy as np

def stencil(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    a[1:-1] = a[:-2] + a[2:] * 0.5
    b *= 2.0
    b[::-2] += 1.0
    return float((b[n:] * 3.0).sum())

def together(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    c = a * 2.0 - b / 3.0
    a[:n] = c[:n]
    return float(c.std() + np.maximum(a, b).max())

def picked(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    a[a > 2.0] = 1.0
    b[1:][b[1:] > 1.0] *= -1.0
    return float(a[a > 0.5].sum() - np.sort(b)[:n].sum())

def turned(a: fl.Array[float], b: fl.Array[float], n: int) -> float:
    m = a[:, None] * b[None, :]
    a[:] = m.T.sum(axis=0)
    return float(m[:, ::2].sum() + m.T.ravel()[n:].sum() + m.reshape(-1).mean())
"#;

const WHOLE_MATRICES: &str = r#"
import fuseline as fl
import numpy as np

def axes(x: fl.Array[float, 2], y: fl.Array[float, 2], n: int) -> float:
    x -= x.sum(axis=0)
    y[:, 0] = y[:, -1] * 2.0
    return float(x.T.sum(axis=0).sum() + y[:, ::-1].sum() + y.std(axis=1).sum())

def products(x: fl.Array[float, 2], y: fl.Array[float, 2], n: int) -> float:
    z = x @ y.T
    y[n % 2] = 0.5
    return float(z.sum() + (x.T @ x[:, 0]).sum())

def rows(x: fl.Array[float, 2], y: fl.Array[float, 2], n: int) -> float:
    x[1:] = x[:-1]
    y[:] = x
    return float(np.cumsum(y, axis=1).sum() + x[:, :n].mean(axis=1).sum())
"#;

/// An array's descriptor over elements that lie `gap` places apart, and its memory.
fn strided(shape: &[usize], items: &[u64], gap: usize) -> (Vec<u64>, Vec<f64>) {
    let mut memory = vec![f64::NAN; items.len() * gap + 1];
    for (index, bits) in items.iter().enumerate() {
        memory[index * gap] = f64::from_bits(*bits);
    }
    let mut slots = vec![memory.as_ptr() as u64];
    slots.extend(shape.iter().map(|length| *length as u64));
    for dimension in 0..shape.len() {
        let inner: usize = shape[dimension + 1..].iter().product();
        slots.push((8 * gap * inner) as u64);
    }
    (slots, memory)
}

struct Array {
    shape: Vec<usize>,
    items: Vec<u64>,
}

impl Array {
    fn new(shape: &[usize], seed: usize) -> Array {
        let count: usize = shape.iter().product();
        let items = (0..count).map(|index| ((index * 7 + seed) as f64 / 4.0).to_bits()).collect();
        Array { shape: shape.to_vec(), items }
    }

    fn value(&self) -> Value {
        Value::Array { elem: Elem::F64, shape: self.shape.clone(), items: self.items.clone() }
    }
}

/// How a call ended and what its arrays hold then.
fn run(kernel: &CallKernel, result: &Type, arrays: [&Array; 2], n: i64, gaps: [usize; 2]) -> String {
    let (first, first_memory) = strided(&arrays[0].shape, &arrays[0].items, gaps[0]);
    let (second, second_memory) = strided(&arrays[1].shape, &arrays[1].items, gaps[1]);
    let args = [first, second, vec![n as u64]].concat();
    let mut arena = runtime::arena::Arena::default();
    let cancel = AtomicU8::new(0);
    let mut context = abi::Context {
        arena: &raw mut arena,
        captures: std::ptr::null(),
        stack_limit: (&raw const cancel as usize).saturating_sub(1 << 20),
        cancel: &raw const cancel,
        message: abi::Str { data: std::ptr::null(), length: 0 },
        poll: None,
        object: std::ptr::null(),
    };
    let mut out = vec![0; slot_count(result)];
    // SAFETY: the slots are those of the parameters, and everything they point to is alive.
    let status = unsafe { kernel.call(&mut context, args.as_ptr(), out.as_mut_ptr()) };
    // SAFETY: the kernel just ran with this context.
    let raised = unsafe { kernel.spans().raised(status, &context) };
    let ended = match raised {
        Some(raised) => format!("{} {} line {}", raised.class.name(), raised.message, raised.span.line),
        // SAFETY: the call succeeded.
        None => unsafe { slots::read(&mut out.as_slice(), result) }.unwrap().to_string(),
    };
    let left = |memory: &[f64], gap: usize, array: &Array| -> Vec<f64> {
        (0..array.items.len()).map(|index| memory[index * gap]).collect()
    };
    let holds = [left(&first_memory, gaps[0], arrays[0]), left(&second_memory, gaps[1], arrays[1])];
    // What lies in the gaps belongs to nobody.
    for (memory, gap) in [(&first_memory, gaps[0]), (&second_memory, gaps[1])] {
        assert!(memory.iter().enumerate().all(|(index, item)| index % gap == 0 || item.is_nan()));
    }
    format!("{ended} {holds:?}")
}

fn expected(module: &ir::Module, arrays: [&Array; 2], n: i64) -> String {
    let ran = interpret::call(module, &[arrays[0].value(), arrays[1].value(), Value::Int(n)], &[]).unwrap();
    let ended = match ran.outcome {
        Outcome::Value(value) => value.to_string(),
        Outcome::Raises { class, line } => format!("{class} {} line {line}", ran.message.unwrap_or_default()),
    };
    let holds: Vec<Vec<f64>> = ran.args_after[..2]
        .iter()
        .map(|value| match value {
            Value::Array { items, .. } => items.iter().map(|bits| f64::from_bits(*bits)).collect(),
            _ => vec![],
        })
        .collect();
    format!("{ended} {holds:?}")
}

fn check(source: &str, shapes: &[[Vec<usize>; 2]]) {
    let file = SourceFile::new("loops.py", source, 1);
    let program = file_program::file_program(file);
    let mut calls = 0;
    for (index, function) in program.functions.iter().enumerate() {
        let compiled = frontend::compile(&program.program, index, &Request::default());
        let module = compiled.module.unwrap_or_else(|| panic!("{}: {:?}", function.name, compiled.diagnostics));
        if !matches!(module.entry_func().param_types()[1], Type::Array { .. }) {
            continue;
        }
        for optimization in [0, 3] {
            let kernel = compile_call(&module, &Options { optimization }).unwrap();
            for shape in shapes {
                let arrays = [Array::new(&shape[0], 1), Array::new(&shape[1], 5)];
                let arrays = arrays.each_ref();
                for n in [-3, 0, 1, 2, 3, 5, 8] {
                    let expected = expected(&module, arrays, n);
                    for gaps in [[1, 1], [2, 1], [1, 3]] {
                        let found = run(&kernel, &module.entry_func().result, arrays, n, gaps);
                        calls += 1;
                        let name = &function.name;
                        assert_eq!(found, expected, "{name} at O{optimization}, {shape:?}, n {n}, gaps {gaps:?}");
                    }
                }
            }
        }
    }
    assert!(calls > 500, "only {calls} calls");
}

#[test]
fn vectors() {
    let lengths = [0, 1, 2, 3, 5, 8];
    let shapes: Vec<[Vec<usize>; 2]> =
        lengths.iter().flat_map(|a| lengths.iter().map(move |b| [vec![*a], vec![*b]])).collect();
    check(SOURCE, &shapes);
}

#[test]
fn matrices() {
    let some = [[0, 3], [1, 1], [2, 3], [3, 2], [3, 3], [5, 1], [2, 0]];
    let shapes: Vec<[Vec<usize>; 2]> =
        some.iter().flat_map(|a| some.iter().map(move |b| [a.to_vec(), b.to_vec()])).collect();
    check(MATRICES, &shapes);
}

/// Operations on whole arrays, also where the parameters have gaps.
#[test]
fn whole_vectors() {
    let shapes: Vec<[Vec<usize>; 2]> =
        [[1, 1], [2, 2], [5, 5], [20, 20], [5, 1], [1, 5], [3, 4]].map(|[a, b]| [vec![a], vec![b]]).to_vec();
    check(WHOLE, &shapes);
}

#[test]
fn whole_matrices() {
    let shapes: Vec<[Vec<usize>; 2]> =
        [[[2, 3], [2, 3]], [[3, 3], [3, 3]], [[1, 4], [2, 4]], [[5, 2], [5, 2]], [[4, 1], [4, 1]], [[2, 3], [3, 2]]]
            .map(|[a, b]| [a.to_vec(), b.to_vec()])
            .to_vec();
    check(WHOLE_MATRICES, &shapes);
}
