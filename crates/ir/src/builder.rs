//! Building IR: modules out of functions, functions out of blocks and instructions. Owns the numbering of values and
//! the result types that follow from an operation's arguments. It checks nothing (`verify` does) and never panics: a
//! senseless request gives a module that the verifier refuses.

use std::sync::Arc;

use crate::container::ContainerOp;
use crate::exc::{ExcClass, ExceptionClass, ExceptionTable};
use crate::module::{
    Block, BlockId, Capture, CaptureId, Class, Const, Func, FuncId, Inst, Module, Op, Span, Target, Term, Value,
};
use crate::prim::Prim;
use crate::types::{Elem, RecordType, Type};

/// Collects the parts of a module. A function may be declared (so that calls can name it) before it is defined.
#[derive(Clone, Debug, Default)]
pub struct ModuleBuilder {
    files: Vec<String>,
    captures: Vec<Capture>,
    classes: Vec<Class>,
    exceptions: ExceptionTable,
    funcs: Vec<Option<Func>>,
}

impl ModuleBuilder {
    pub fn new() -> ModuleBuilder {
        ModuleBuilder::default()
    }

    /// The number of the source file `name`, for [`Span::file`]. The same name gives the same number.
    pub fn file(&mut self, name: &str) -> u16 {
        let index = self.files.iter().position(|file| file == name).unwrap_or_else(|| {
            self.files.push(name.to_string());
            self.files.len() - 1
        });
        u16::try_from(index).unwrap_or(u16::MAX)
    }

    /// The number of the capture; the same name and type give the same number.
    pub fn capture(&mut self, name: &str, ty: &Type) -> CaptureId {
        let index = self.captures.iter().position(|capture| capture.name == name && capture.ty == *ty);
        let index = index.unwrap_or_else(|| {
            self.captures.push(Capture { name: name.to_string(), ty: ty.clone() });
            self.captures.len() - 1
        });
        CaptureId(index as u32)
    }

    /// Adds a class, or replaces the one of its name: a recursive class is known by name before its fields are.
    pub fn class(&mut self, class: Class) {
        match self.classes.iter_mut().find(|known| known.name == class.name) {
            Some(known) => *known = class,
            None => self.classes.push(class),
        }
    }

    /// Adds a class of exceptions.
    pub fn exception(&mut self, class: ExceptionClass) {
        self.exceptions.0.push(class);
    }

    /// Takes a number for a function that [`ModuleBuilder::define`] gives later.
    pub fn declare(&mut self) -> FuncId {
        self.funcs.push(None);
        FuncId(self.funcs.len() as u32 - 1)
    }

    /// Gives the declared function its body.
    pub fn define(&mut self, id: FuncId, func: Func) {
        if let Some(slot) = self.funcs.get_mut(id.index()) {
            *slot = Some(func);
        }
    }

    /// Declares and defines at once.
    pub fn add(&mut self, func: Func) -> FuncId {
        let id = self.declare();
        self.define(id, func);
        id
    }

    /// The module. A function that was never defined is left without blocks, which the verifier refuses.
    pub fn finish(self, entry: FuncId) -> Module {
        let undefined = || Func {
            name: String::new(),
            param_names: Vec::new(),
            result: Type::None,
            values: Vec::new(),
            blocks: Vec::new(),
            span: Span::default(),
        };
        let funcs = self.funcs.into_iter().map(|func| func.unwrap_or_else(undefined)).collect();
        Module {
            files: self.files,
            captures: self.captures,
            classes: self.classes,
            exceptions: self.exceptions,
            funcs,
            entry,
        }
    }
}

/// A state of a [`FuncBuilder`].
#[derive(Clone, Copy, Debug)]
pub struct Checkpoint {
    values: usize,
    blocks: usize,
    current: BlockId,
    insts: usize,
    terminated: bool,
    span: Span,
}

/// Builds one function. Instructions go to the end of the current block and carry the current span; a terminator ends
/// the block. What is appended after a terminator is dead code and goes to a fresh block that nothing reaches.
#[derive(Clone, Debug)]
pub struct FuncBuilder {
    func: Func,
    current: BlockId,
    /// Whether the block of this number has its terminator.
    terminated: Vec<bool>,
    span: Span,
    /// The handler that new blocks get.
    handler: Option<Target>,
}

impl FuncBuilder {
    /// A function with its entry block, which is current.
    pub fn new(name: &str, params: &[(&str, Type)], result: Type, span: Span) -> FuncBuilder {
        let func = Func {
            name: name.to_string(),
            param_names: params.iter().map(|(name, _)| name.to_string()).collect(),
            result,
            values: Vec::new(),
            blocks: Vec::new(),
            span,
        };
        let mut builder = FuncBuilder { func, current: BlockId(0), terminated: Vec::new(), span, handler: None };
        let entry = builder.block();
        for (_, ty) in params {
            builder.block_param(entry, ty.clone());
        }
        builder
    }

    /// The finished function. Blocks without a terminator end in `unreachable`.
    pub fn finish(self) -> Func {
        self.func
    }

    /// The state of the builder, to come back to with [`FuncBuilder::rollback`].
    pub fn checkpoint(&self) -> Checkpoint {
        let block = self.func.blocks.get(self.current.index());
        Checkpoint {
            values: self.func.values.len(),
            blocks: self.func.blocks.len(),
            current: self.current,
            insts: block.map_or(0, |block| block.insts.len()),
            terminated: self.is_terminated(),
            span: self.span,
        }
    }

    /// Forgets what was built since the checkpoint. Of the blocks that existed then, only the current one may have been
    /// added to.
    pub fn rollback(&mut self, checkpoint: &Checkpoint) {
        self.func.values.truncate(checkpoint.values);
        self.func.blocks.truncate(checkpoint.blocks);
        self.terminated.truncate(checkpoint.blocks);
        self.current = checkpoint.current;
        self.span = checkpoint.span;
        let current = self.current.index();
        if let Some(block) = self.func.blocks.get_mut(current) {
            block.insts.truncate(checkpoint.insts);
            if !checkpoint.terminated {
                block.term = Term::Unreachable;
                self.terminated[current] = false;
            }
        }
    }

    /// The function as it is so far.
    pub fn func(&self) -> &Func {
        &self.func
    }

    /// The function's parameter at `index`; of a number beyond, a value that the verifier refuses.
    pub fn param(&self, index: usize) -> Value {
        self.func.params().get(index).copied().unwrap_or(Value(u32::MAX))
    }

    /// The type of a value of this function.
    pub fn type_of(&self, value: Value) -> &Type {
        self.func.values.get(value.index()).unwrap_or(&Type::None)
    }

    /// Sets the result type, where it is known only once the body is done.
    pub fn set_result(&mut self, result: Type) {
        self.func.result = result;
    }

    // Blocks.

    /// A new empty block with the current handler; it does not become current.
    pub fn block(&mut self) -> BlockId {
        self.func.blocks.push(Block {
            params: Vec::new(),
            insts: Vec::new(),
            term: Term::Unreachable,
            handler: self.handler.clone(),
            term_span: self.span,
        });
        self.terminated.push(false);
        BlockId(self.func.blocks.len() as u32 - 1)
    }

    /// Adds a parameter to a block.
    pub fn block_param(&mut self, block: BlockId, ty: Type) -> Value {
        let value = self.new_value(ty);
        if let Some(block) = self.func.blocks.get_mut(block.index()) {
            block.params.push(value);
        }
        value
    }

    /// Makes `block` the one that instructions are appended to.
    pub fn switch_to(&mut self, block: BlockId) {
        self.current = block;
    }

    pub fn current(&self) -> BlockId {
        self.current
    }

    /// Whether the current block has its terminator, so that what follows is dead code.
    pub fn is_terminated(&self) -> bool {
        self.terminated.get(self.current.index()).copied().unwrap_or(true)
    }

    /// The handler of the blocks that are made from here on; returns the one before.
    pub fn set_handler(&mut self, handler: Option<Target>) -> Option<Target> {
        std::mem::replace(&mut self.handler, handler)
    }

    /// The handler of a block that exists already.
    pub fn set_block_handler(&mut self, block: BlockId, handler: Option<Target>) {
        if let Some(block) = self.func.blocks.get_mut(block.index()) {
            block.handler = handler;
        }
    }

    /// The place that following instructions and terminators carry.
    pub fn set_span(&mut self, span: Span) {
        self.span = span;
    }

    pub fn span(&self) -> Span {
        self.span
    }

    // Instructions.

    fn new_value(&mut self, ty: Type) -> Value {
        self.func.values.push(ty);
        Value(self.func.values.len() as u32 - 1)
    }

    /// Appends an instruction whose result type the caller knows.
    pub fn inst(&mut self, op: Op, args: &[Value], ty: Type) -> Value {
        let result = self.new_value(ty);
        let inst = Inst { result, op, args: args.to_vec(), span: self.span };
        self.open_block().insts.push(inst);
        result
    }

    /// The current block, or a fresh one when that has ended.
    fn open_block(&mut self) -> &mut Block {
        if self.is_terminated() {
            self.current = self.block();
        }
        &mut self.func.blocks[self.current.index()]
    }

    pub fn constant(&mut self, value: Const) -> Value {
        let ty = value.ty();
        self.inst(Op::Const(value), &[], ty)
    }

    pub fn none(&mut self) -> Value {
        self.constant(Const::None)
    }

    pub fn bool(&mut self, value: bool) -> Value {
        self.constant(Const::Bool(value))
    }

    pub fn int(&mut self, value: i64) -> Value {
        self.constant(Const::Int(value))
    }

    pub fn float(&mut self, value: f64) -> Value {
        self.constant(Const::Float(value))
    }

    pub fn str(&mut self, value: &str) -> Value {
        self.constant(Const::Str(Arc::from(value)))
    }

    pub fn prim(&mut self, prim: Prim, args: &[Value]) -> Value {
        self.inst(Op::Prim(prim), args, prim.result())
    }

    /// An operation of the container table, whose result type the caller knows.
    pub fn container(&mut self, op: ContainerOp, args: &[Value], ty: Type) -> Value {
        self.inst(Op::Container(op), args, ty)
    }

    pub fn call(&mut self, func: FuncId, args: &[Value], result: Type) -> Value {
        self.inst(Op::Call(func), args, result)
    }

    pub fn capture(&mut self, capture: CaptureId, ty: Type) -> Value {
        self.inst(Op::Capture(capture), &[], ty)
    }

    pub fn select(&mut self, cond: Value, then: Value, otherwise: Value) -> Value {
        let ty = self.type_of(then).clone();
        self.inst(Op::Select, &[cond, then, otherwise], ty)
    }

    pub fn tuple(&mut self, items: &[Value]) -> Value {
        let ty = Type::Tuple(items.iter().map(|item| self.type_of(*item).clone()).collect());
        self.inst(Op::Tuple, items, ty)
    }

    pub fn record(&mut self, ty: Arc<RecordType>, fields: &[Value]) -> Value {
        self.inst(Op::Tuple, fields, Type::Record(ty))
    }

    pub fn field(&mut self, value: Value, index: usize) -> Value {
        let fields = self.type_of(value).field_types().unwrap_or_default();
        let ty = fields.get(index).cloned().unwrap_or(Type::None);
        self.inst(Op::Field(index as u32), &[value], ty)
    }

    /// The value as `ty`, a union that holds its type; the value itself when it has that type already.
    pub fn widen(&mut self, value: Value, ty: &Type) -> Value {
        if self.type_of(value) == ty {
            return value;
        }
        self.inst(Op::Widen, &[value], ty.clone())
    }

    /// Whether a union's value has the variant at position `tag`.
    pub fn is_variant(&mut self, value: Value, tag: usize) -> Value {
        self.inst(Op::IsVariant(tag as u32), &[value], Type::Bool)
    }

    /// The variant at position `tag` of a union.
    pub fn variant(&mut self, value: Value, tag: usize) -> Value {
        let ty = self.type_of(value).variants().get(tag).cloned().unwrap_or(Type::None);
        self.inst(Op::Variant(tag as u32), &[value], ty)
    }

    pub fn to_np(&mut self, value: Value, elem: Elem) -> Value {
        self.inst(Op::ToNp, &[value], Type::Np(elem))
    }

    pub fn from_np(&mut self, value: Value) -> Value {
        let ty = match self.type_of(value) {
            Type::Np(elem) => elem.python_type(),
            other => other.clone(),
        };
        self.inst(Op::FromNp, &[value], ty)
    }

    fn list_item(&self, list: Value) -> Type {
        match self.type_of(list) {
            Type::List(item) => (**item).clone(),
            other => other.clone(),
        }
    }

    pub fn list_new(&mut self, item: Type, items: &[Value]) -> Value {
        self.inst(Op::ListNew, items, Type::List(Box::new(item)))
    }

    pub fn list_len(&mut self, list: Value) -> Value {
        self.inst(Op::ListLen, &[list], Type::Int)
    }

    pub fn list_get(&mut self, list: Value, index: Value) -> Value {
        let ty = self.list_item(list);
        self.inst(Op::ListGet, &[list, index], ty)
    }

    pub fn list_set(&mut self, list: Value, index: Value, value: Value) -> Value {
        self.inst(Op::ListSet, &[list, index, value], Type::None)
    }

    pub fn list_append(&mut self, list: Value, value: Value) -> Value {
        self.inst(Op::ListAppend, &[list, value], Type::None)
    }

    pub fn list_slice(&mut self, list: Value, start: Value, stop: Value, step: Value) -> Value {
        let ty = self.type_of(list).clone();
        self.inst(Op::ListSlice, &[list, start, stop, step], ty)
    }

    pub fn list_concat(&mut self, left: Value, right: Value) -> Value {
        let ty = self.type_of(left).clone();
        self.inst(Op::ListConcat, &[left, right], ty)
    }

    pub fn list_argsort(&mut self, keys: Value, reverse: Value) -> Value {
        self.inst(Op::ListArgsort, &[keys, reverse], Type::List(Box::new(Type::Int)))
    }

    pub fn array_shape(&mut self, array: Value, dimension: u8) -> Value {
        self.inst(Op::ArrayShape(dimension), &[array], Type::Int)
    }

    pub fn array_get(&mut self, array: Value, indices: &[Value]) -> Value {
        let ty = match self.type_of(array) {
            Type::Array { elem, .. } => Type::Np(*elem),
            other => other.clone(),
        };
        let args: Vec<Value> = std::iter::once(array).chain(indices.iter().copied()).collect();
        self.inst(Op::ArrayGet, &args, ty)
    }

    pub fn array_set(&mut self, array: Value, indices: &[Value], value: Value) -> Value {
        let args: Vec<Value> =
            std::iter::once(array).chain(indices.iter().copied()).chain(std::iter::once(value)).collect();
        self.inst(Op::ArraySet, &args, Type::None)
    }

    pub fn array_row(&mut self, array: Value, index: Value) -> Value {
        let ty = match self.type_of(array) {
            Type::Array { elem, .. } => Type::Array { elem: *elem, ndim: 1 },
            other => other.clone(),
        };
        self.inst(Op::ArrayRow, &[array, index], ty)
    }

    pub fn array_zeros(&mut self, elem: Elem, lengths: &[Value]) -> Value {
        self.inst(Op::ArrayZeros, lengths, Type::Array { elem, ndim: lengths.len() as u8 })
    }

    pub fn exception_is(&mut self, exception: Value, class: impl Into<ExcClass>) -> Value {
        self.inst(Op::ExceptionIs(class.into()), &[exception], Type::Bool)
    }

    pub fn exception_message(&mut self, exception: Value) -> Value {
        self.inst(Op::ExceptionMessage, &[exception], Type::Str)
    }

    // Terminators.

    /// Ends the current block. Dead code that follows a terminator gets a block of its own.
    pub fn terminate(&mut self, term: Term) {
        let span = self.span;
        let block = self.open_block();
        block.term = term;
        block.term_span = span;
        let current = self.current.index();
        self.terminated[current] = true;
    }

    pub fn jump(&mut self, block: BlockId, args: &[Value]) {
        self.terminate(Term::Jump(Target { block, args: args.to_vec() }));
    }

    /// A branch without arguments.
    pub fn branch(&mut self, cond: Value, then: BlockId, otherwise: BlockId) {
        self.branch_with(cond, then, &[], otherwise, &[]);
    }

    pub fn branch_with(
        &mut self,
        cond: Value,
        then: BlockId,
        then_args: &[Value],
        otherwise: BlockId,
        other_args: &[Value],
    ) {
        self.terminate(Term::Branch {
            cond,
            then: Target { block: then, args: then_args.to_vec() },
            otherwise: Target { block: otherwise, args: other_args.to_vec() },
        });
    }

    pub fn ret(&mut self, value: Value) {
        self.terminate(Term::Return(value));
    }

    pub fn raise(&mut self, class: impl Into<ExcClass>, message: Option<Value>) {
        self.terminate(Term::Raise { class: class.into(), message });
    }

    pub fn reraise(&mut self, exception: Value) {
        self.terminate(Term::Reraise(exception));
    }

    pub fn unreachable(&mut self) {
        self.terminate(Term::Unreachable);
    }
}
