//! The interpreter: executes any verified module, one instruction at a time. It is the second oracle beside CPython, so
//! it is written for plainness. Owns scalar arithmetic, strings as far as they need no tables, lists and arrays; asks a
//! [`Host`] for the heavy primitives. It cannot be crashed: steps, call depth and sizes are limited.

mod compare;
mod container;
mod float;
mod int;
mod math;
mod memory;
pub mod scalar;
mod table;
mod text;
mod value;
mod views;

use std::fmt;
use std::rc::Rc;

pub use compare::equal;
pub use memory::{less, to_np};
pub use scalar::{Outcome, Raise};
pub use table::{Dict, Set};
pub use value::{Array, Exception, Object, Value, float_repr};

use crate::exc::{ExcClass, ExcKind};
use crate::messages;
use crate::module::{Block, BlockId, Const, Func, FuncId, Inst, Module, Op, Span, Target, Term};
use crate::prim::Prim;

/// What the interpreter does not do itself.
pub trait Host {
    /// A primitive that [`scalar::eval`] does not know. The error is the class and `str(e)`.
    fn prim(&mut self, prim: Prim, args: &[Value]) -> Outcome;

    /// The stable permutation that sorts the keys. Only keys with NaN need more than the default.
    fn argsort(&mut self, keys: &[Value], reverse: bool) -> Result<Vec<usize>, Raise> {
        memory::argsort(keys, reverse)
    }
}

/// A host without primitives: the heavy ones raise `NotCompiled`.
#[derive(Clone, Copy, Debug)]
pub struct NoHost;

impl Host for NoHost {
    fn prim(&mut self, prim: Prim, _args: &[Value]) -> Outcome {
        Err((ExcKind::NotCompiled, format!("`{}` is not in the interpreter", prim.name())))
    }
}

/// How much a run may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Instructions and terminators.
    pub steps: u64,
    /// Calls inside each other; one more raises `RecursionError`.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { steps: 100_000_000, depth: 10_000 }
    }
}

/// An exception that left the function.
pub type Raised = Exception;

/// Why a run ended without a value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop {
    Raised(Raised),
    /// The step limit was reached. Nothing of the program can catch it.
    Steps,
    /// The arguments or captures are not what the function takes, or the module was not verified.
    Invalid(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Raised(raised) => write!(f, "exception {}: {}", raised.class.code(), raised.message),
            Stop::Steps => f.write_str("the step limit was reached"),
            Stop::Invalid(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for Stop {}

/// Runs a function of a verified module. `captures` are the values of the module's captures, in order.
pub fn run(
    module: &Module,
    func: FuncId,
    args: &[Value],
    captures: &[Value],
    host: &mut dyn Host,
    limits: Limits,
) -> Result<Value, Stop> {
    let Some(callee) = module.funcs.get(func.index()) else {
        return Err(Stop::Invalid(format!("`{func}` does not exist")));
    };
    let types = callee.param_types();
    if args.len() != types.len() || !args.iter().zip(&types).all(|(arg, ty)| arg.has_type(ty)) {
        return Err(Stop::Invalid(format!("the arguments are not those of `{}`", callee.name)));
    }
    let fits = captures.iter().zip(&module.captures).all(|(value, capture)| value.has_type(&capture.ty));
    if captures.len() != module.captures.len() || !fits {
        return Err(Stop::Invalid("the captured values are not those of the module".to_string()));
    }
    let mut machine = Machine { module, captures, host, limits, frames: Vec::new() };
    machine.enter(func, args.to_vec());
    machine.run()
}

/// The error of an operation whose arguments the verifier would have refused.
fn invalid<T>(op: &Op) -> Result<T, Raise> {
    Err((ExcKind::RuntimeError, format!("`{}` was not verified", op.name())))
}

struct Machine<'a> {
    module: &'a Module,
    captures: &'a [Value],
    host: &'a mut dyn Host,
    limits: Limits,
    /// The calls in progress, the current one last.
    frames: Vec<Frame<'a>>,
}

struct Frame<'a> {
    func: &'a Func,
    /// Values by number; those not yet computed are `None`.
    values: Vec<Value>,
    block: BlockId,
    /// The next instruction; past the last one is the terminator.
    position: usize,
}

/// What one step leads to.
enum Next {
    Go,
    Enter(FuncId, Vec<Value>),
    Return(Value),
    Raise(Exception),
}

impl<'a> Frame<'a> {
    fn block(&self) -> &'a Block {
        self.func.block(self.block)
    }

    fn args(&self, inst: &Inst) -> Vec<Value> {
        inst.args.iter().map(|arg| self.values[arg.index()].clone()).collect()
    }

    /// Goes to the target; `first` goes to its first parameter.
    fn jump(&mut self, target: &Target, first: Option<Value>) {
        let args: Vec<Value> = target.args.iter().map(|arg| self.values[arg.index()].clone()).collect();
        let func = self.func;
        for (param, value) in func.block(target.block).params.iter().zip(first.into_iter().chain(args)) {
            self.values[param.index()] = value;
        }
        self.block = target.block;
        self.position = 0;
    }
}

impl<'a> Machine<'a> {
    fn enter(&mut self, id: FuncId, args: Vec<Value>) {
        let func = self.module.func(id);
        let mut values = vec![Value::None; func.values.len()];
        for (param, value) in func.params().iter().zip(args) {
            values[param.index()] = value;
        }
        self.frames.push(Frame { func, values, block: BlockId(0), position: 0 });
    }

    fn run(&mut self) -> Result<Value, Stop> {
        for _ in 0..self.limits.steps {
            match self.step() {
                Next::Go => {}
                Next::Enter(func, args) => self.enter(func, args),
                Next::Return(value) => {
                    self.frames.pop();
                    match self.frames.last_mut() {
                        Some(frame) => {
                            let result = frame.block().insts[frame.position].result;
                            frame.values[result.index()] = value;
                            frame.position += 1;
                        }
                        None => return Ok(value),
                    }
                }
                Next::Raise(exception) => self.unwind(exception)?,
            }
        }
        Err(Stop::Steps)
    }

    /// Goes to the innermost handler.
    fn unwind(&mut self, mut exception: Exception) -> Result<(), Stop> {
        while let Some(frame) = self.frames.last_mut() {
            if exception.span.line == 0
                && let Some(call) = frame.block().insts.get(frame.position)
            {
                exception.span = call.span;
            }
            if let Some(handler) = &frame.block().handler {
                frame.jump(handler, Some(Value::Exception(Rc::new(exception))));
                return Ok(());
            }
            self.frames.pop();
        }
        Err(Stop::Raised(exception))
    }

    fn step(&mut self) -> Next {
        let depth = self.frames.len();
        let Some(frame) = self.frames.last_mut() else { return Next::Return(Value::None) };
        let block = frame.block();
        let Some(inst) = block.insts.get(frame.position) else { return terminate(frame, block) };
        let args = frame.args(inst);
        let outcome = match &inst.op {
            Op::Call(_) if depth >= self.limits.depth => {
                Err((ExcKind::RecursionError, messages::RECURSION.to_string()))
            }
            Op::Call(callee) => return Next::Enter(*callee, args),
            Op::Capture(capture) => Ok(self.captures[capture.index()].clone()),
            Op::ExceptionIs(class) => match args.first() {
                Some(Value::Exception(exception)) => {
                    Ok(Value::Bool(self.module.exceptions.is_subclass(exception.class, *class)))
                }
                _ => invalid(&inst.op),
            },
            Op::Prim(prim) => scalar::eval(*prim, &args).unwrap_or_else(|| self.host.prim(*prim, &args)),
            Op::Container(op) => container::eval(self.module, *op, &args, frame.func.type_of(inst.result)),
            op => execute(frame.func, inst, op, &args, self.host),
        };
        match outcome {
            Ok(value) => {
                frame.values[inst.result.index()] = value;
                frame.position += 1;
                Next::Go
            }
            Err((class, message)) => {
                Next::Raise(Exception { class: class.into(), message, span: inst.span, object: None })
            }
        }
    }
}

fn terminate(frame: &mut Frame<'_>, block: &Block) -> Next {
    let raise = |class: ExcClass, message: &str, span: Span| {
        Next::Raise(Exception { class, message: message.to_string(), span, object: None })
    };
    match &block.term {
        Term::Jump(target) => frame.jump(target, None),
        Term::Branch { cond, then, otherwise } => {
            let taken = matches!(frame.values[cond.index()], Value::Bool(true));
            frame.jump(if taken { then } else { otherwise }, None);
        }
        Term::Return(value) => return Next::Return(frame.values[value.index()].clone()),
        Term::Raise { class, message } => {
            let message = message.map(|message| frame.values[message.index()].clone());
            let text = if let Some(Value::Str(text)) = &message { text } else { "" };
            return raise(*class, text, block.term_span);
        }
        Term::Reraise(value) => match &frame.values[value.index()] {
            Value::Exception(exception) => {
                let mut exception = (**exception).clone();
                if exception.span == Span::default() {
                    exception.span = block.term_span;
                }
                return Next::Raise(exception);
            }
            _ => return raise(ExcKind::RuntimeError.into(), "`reraise` was not verified", block.term_span),
        },
        Term::Unreachable => {
            return raise(ExcKind::RuntimeError.into(), "unreachable code was reached", block.term_span);
        }
    }
    Next::Go
}

/// The operations that need neither the machine nor a table.
fn execute(func: &Func, inst: &Inst, op: &Op, args: &[Value], host: &mut dyn Host) -> Outcome {
    let result = func.type_of(inst.result);
    match (op, args) {
        (Op::Const(value), []) => Ok(constant(value)),
        (Op::Select, [Value::Bool(cond), then, otherwise]) => Ok(if *cond { then } else { otherwise }.clone()),
        (Op::Tuple, fields) => Ok(match result {
            crate::Type::Record(record) => Value::Record(record.clone(), fields.into()),
            _ => Value::Tuple(fields.into()),
        }),
        (Op::Field(index), [Value::Tuple(fields) | Value::Record(_, fields)]) => {
            fields.get(*index as usize).cloned().map_or_else(|| invalid(op), Ok)
        }
        (Op::Widen, [value]) => Ok(value.clone().widen(func.type_of(inst.args[0]), result)),
        (Op::IsVariant(index), [Value::Union(tag, _)]) => Ok(Value::Bool(tag == index)),
        (Op::Variant(index), [Value::Union(tag, value)]) if tag == index => Ok((**value).clone()),
        (Op::Variant(_), [Value::Union(_, _)]) => {
            Err((ExcKind::TypeError, messages::of_op(op, ExcKind::TypeError).to_string()))
        }
        (Op::ToNp, [value]) => match result {
            crate::Type::Np(elem) => {
                memory::to_np(value, *elem).map_or_else(|| invalid(op), |bits| Ok(Value::Np(*elem, bits)))
            }
            _ => invalid(op),
        },
        (Op::FromNp, [Value::Np(elem, bits)]) => memory::from_np(op, *elem, *bits),
        (
            Op::ListNew
            | Op::ListLen
            | Op::ListGet
            | Op::ListSet
            | Op::ListAppend
            | Op::ListSlice
            | Op::ListConcat
            | Op::ListArgsort,
            args,
        ) => memory::list(op, args, host),
        (Op::ArrayShape(_) | Op::ArrayGet | Op::ArraySet | Op::ArrayRow | Op::ArrayZeros, args) => {
            memory::array(op, args, result)
        }
        (Op::ArrayView(view), [Value::Array(array), args @ ..]) => views::view(*view, array, args),
        (Op::ArrayStride(dimension), [Value::Array(array)]) => match array.strides.get(usize::from(*dimension)) {
            Some(stride) => Ok(Value::Int(*stride as i64 * array.elem.size_bytes() as i64)),
            None => invalid(op),
        },
        (Op::ArrayIsFlat, [Value::Array(array)]) => Ok(Value::Bool(views::is_flat(array))),
        (Op::ArrayOverlaps, [Value::Array(a), Value::Array(b)]) => Ok(Value::Bool(views::overlap(a, b))),
        (Op::ObjectGet(index), [Value::Object(object)]) => {
            object.fields.borrow().get(*index as usize).cloned().map_or_else(|| invalid(op), Ok)
        }
        (Op::ObjectSet(index), [Value::Object(object), value]) => {
            match object.fields.borrow_mut().get_mut(*index as usize) {
                Some(field) => *field = value.clone(),
                None => return invalid(op),
            }
            Ok(Value::None)
        }
        (Op::ExceptionNew(class), [Value::Str(message), objects @ ..]) => {
            let object = match objects {
                [] => None,
                [Value::Object(object)] => Some(object.clone()),
                _ => return invalid(op),
            };
            let exception = Exception { class: *class, message: message.to_string(), span: Span::default(), object };
            Ok(Value::Exception(Rc::new(exception)))
        }
        (Op::ExceptionObject(class), [Value::Exception(exception)]) => match &exception.object {
            Some(object) if exception.class == *class => Ok(Value::Object(object.clone())),
            _ => Err((ExcKind::TypeError, messages::of_op(op, ExcKind::TypeError).to_string())),
        },
        (Op::ExceptionMessage, [Value::Exception(exception)]) => Ok(Value::str(&exception.message)),
        _ => invalid(op),
    }
}

/// A constant as a value.
pub fn constant(value: &Const) -> Value {
    match value {
        Const::None => Value::None,
        Const::Bool(value) => Value::Bool(*value),
        Const::Int(value) => Value::Int(*value),
        Const::Float(value) => Value::Float(*value),
        Const::Str(value) => Value::Str(value.clone()),
        Const::Bytes(value) => Value::Bytes(value.clone()),
    }
}
