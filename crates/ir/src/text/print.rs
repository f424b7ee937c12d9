//! Modules to text.

use std::fmt::Write;

use super::{quote, quote_name};
use crate::exc::ExcClass;
use crate::module::{Block, Const, Func, FuncId, Inst, Module, Op, Span, Target, Term, Value, View};

/// The text form of a module.
pub fn print(module: &Module) -> String {
    let mut out = String::new();
    for file in &module.files {
        line(&mut out, format_args!("file {}", quote(file)));
    }
    for (index, capture) in module.captures.iter().enumerate() {
        line(&mut out, format_args!("capture c{index} {}: {}", quote_name(&capture.name), capture.ty));
    }
    for class in &module.classes {
        let kind = if class.is_dataclass { "dataclass" } else { "class" };
        let fields: Vec<String> = class.fields.iter().map(|(name, ty)| format!("{}: {ty}", quote_name(name))).collect();
        line(&mut out, format_args!("{kind} {} {{{}}}", quote_name(&class.name), fields.join(", ")));
    }
    for (index, class) in module.exceptions.0.iter().enumerate() {
        let parents: Vec<String> = class.parents.iter().map(|parent| exception(*parent)).collect();
        let object = class.object.as_ref().map_or(String::new(), |object| format!(" {{{}}}", quote_name(object)));
        line(&mut out, format_args!("exception e{index} {}({}){object}", quote_name(&class.name), parents.join(", ")));
    }
    line(&mut out, format_args!("entry {}", module.entry));
    for (index, func) in module.funcs.iter().enumerate() {
        out.push('\n');
        out.push_str(&print_func(FuncId(index as u32), func));
    }
    out
}

/// The text form of one function.
pub fn print_func(id: FuncId, func: &Func) -> String {
    let mut out = String::new();
    let names: Vec<String> = func.param_names.iter().map(|name| quote_name(name)).collect();
    let (name, result, place) = (quote_name(&func.name), &func.result, place(func.span));
    line(&mut out, format_args!("func {id} {name}({}) -> {result}{place} {{", names.join(", ")));
    let printer = Printer { func };
    for value in printer.undefined() {
        line(&mut out, format_args!("  free {}", printer.typed(value)));
    }
    for (index, block) in func.blocks.iter().enumerate() {
        printer.block(&mut out, index, block);
    }
    out.push_str("}\n");
    out
}

/// The spelling of a constant.
pub fn print_const(value: &Const) -> String {
    match value {
        Const::None => "none".to_string(),
        Const::Bool(value) => value.to_string(),
        Const::Int(value) => value.to_string(),
        Const::Float(value) if value.to_bits() == f64::NAN.to_bits() => "nan".to_string(),
        Const::Float(value) if value.is_nan() => format!("bits.{:016x}", value.to_bits()),
        Const::Float(value) => format!("{value:?}"),
        Const::Str(value) => quote(value),
        Const::Bytes(value) => {
            let digits: String = value.iter().map(|byte| format!("{byte:02x}")).collect();
            format!("hex.{digits}")
        }
    }
}

/// Appends a line. Writing to a `String` cannot fail.
fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
    out.push('\n');
}

/// ` @line:column`, with the file's number before it unless it is the first; nothing for no place.
fn place(span: Span) -> String {
    match span {
        span if span == Span::default() => String::new(),
        Span { file: 0, line, column } => format!(" @{line}:{column}"),
        Span { file, line, column } => format!(" @{file}/{line}:{column}"),
    }
}

struct Printer<'a> {
    func: &'a Func,
}

impl Printer<'_> {
    /// The values that have a type but no definition.
    fn undefined(&self) -> Vec<Value> {
        let mut defined = vec![false; self.func.values.len()];
        for block in &self.func.blocks {
            for value in block.params.iter().chain(block.insts.iter().map(|inst| &inst.result)) {
                if let Some(flag) = defined.get_mut(value.index()) {
                    *flag = true;
                }
            }
        }
        (0..self.func.values.len()).filter(|index| !defined[*index]).map(|index| Value(index as u32)).collect()
    }

    /// `v1: int`. A value beyond the table has the type `?`.
    fn typed(&self, value: Value) -> String {
        match self.func.values.get(value.index()) {
            Some(ty) => format!("{value}: {ty}"),
            None => format!("{value}: ?"),
        }
    }

    fn block(&self, out: &mut String, index: usize, block: &Block) {
        let params: Vec<String> = block.params.iter().map(|param| self.typed(*param)).collect();
        let handler = block.handler.as_ref().map(|target| format!(" handler {}", jump(target))).unwrap_or_default();
        line(out, format_args!("b{index}({}){handler}:", params.join(", ")));
        for inst in &block.insts {
            self.inst(out, inst);
        }
        line(out, format_args!("  {}{}", term(&block.term), place(block.term_span)));
    }

    fn inst(&self, out: &mut String, inst: &Inst) {
        let immediate = match &inst.op {
            Op::Const(value) => format!(" {}", print_const(value)),
            Op::Call(func) => format!(" {func}"),
            Op::Capture(capture) => format!(" {capture}"),
            Op::Field(index)
            | Op::IsVariant(index)
            | Op::Variant(index)
            | Op::ObjectGet(index)
            | Op::ObjectSet(index) => format!(" {index}"),
            Op::ArrayShape(dimension) | Op::ArrayStride(dimension) | Op::ArrayView(View::Slice(dimension)) => {
                format!(" {dimension}")
            }
            Op::ExceptionNew(class) | Op::ExceptionIs(class) | Op::ExceptionObject(class) => {
                format!(" {}", exception(*class))
            }
            Op::Prim(_)
            | Op::Container(_)
            | Op::Select
            | Op::Tuple
            | Op::Widen
            | Op::ToNp
            | Op::FromNp
            | Op::ListNew
            | Op::ListLen
            | Op::ListGet
            | Op::ListSet
            | Op::ListAppend
            | Op::ListSlice
            | Op::ListConcat
            | Op::ListArgsort
            | Op::ArrayGet
            | Op::ArraySet
            | Op::ArrayRow
            | Op::ArrayZeros
            | Op::ArrayView(_)
            | Op::ArrayIsFlat
            | Op::ArrayOverlaps
            | Op::ExceptionMessage => String::new(),
        };
        let space = if inst.args.is_empty() { "" } else { " " };
        let (name, args, place) = (inst.op.name(), values(&inst.args), place(inst.span));
        line(out, format_args!("  {} = {name}{immediate}{space}{args}{place}", self.typed(inst.result)));
    }
}

fn values(values: &[Value]) -> String {
    values.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")
}

/// `ValueError`, `e0`.
fn exception(class: ExcClass) -> String {
    match class {
        ExcClass::Builtin(kind) => kind.name().to_string(),
        ExcClass::Own(index) => format!("e{index}"),
    }
}

fn jump(target: &Target) -> String {
    format!("{}({})", target.block, values(&target.args))
}

fn term(term: &Term) -> String {
    match term {
        Term::Jump(target) => format!("jump {}", jump(target)),
        Term::Branch { cond, then, otherwise } => format!("branch {cond}, {}, {}", jump(then), jump(otherwise)),
        Term::Return(value) => format!("return {value}"),
        Term::Raise { class, message: Some(message) } => format!("raise {} {message}", exception(*class)),
        Term::Raise { class, message: None } => format!("raise {}", exception(*class)),
        Term::Reraise(value) => format!("reraise {value}"),
        Term::Unreachable => "unreachable".to_string(),
    }
}
