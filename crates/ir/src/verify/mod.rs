//! The verifier: what makes IR well formed. It is the border that modules from elsewhere must pass: whatever it accepts
//! can be printed, executed, optimised and compiled without a check, a panic or a stack overflow. It is total: any
//! [`Module`] gets a verdict. This is the specification (the meaning of each operation is in [`crate::module`]):
//!
//! **Types.** Unions have at least two variants, sorted, without duplicates, none a union. Arrays have 1 or 2 dimensions.
//! The field names of a record are distinct. Nesting and size keep to [`crate::limits`].
//!
//! The keys of dicts and the items of sets are hashable. An object's class is one of the module's.
//!
//! **Modules.** Names of classes are distinct, and so are those of a class's fields. The entry is one of the functions. Places name a file of the module, or have line 0.
//!
//! **Functions.** There is at least one block. Block 0 is the entry: its parameters are the function's, one name each, and
//! nothing jumps to it. A value has at most one definition, and a type; one that is used has a definition.
//!
//! **Dominance.** A use is dominated by its definition: by an instruction earlier in the block, a parameter of the block,
//! or a definition in a block that lies on every path from the entry. In a block that is not reached, only the order
//! within the block counts. An exception leaves a block as if from its start: a block's instructions are not defined in
//! its handler, and the arguments of the handler dominate the whole block (the block's own parameters do).
//!
//! **Control.** A jump gives each parameter of its target an argument of exactly its type. A handler's target has an
//! `exception` as first parameter, which the jump does not give. `branch` tests a `bool`; `return` gives the function's
//! result type; the message of `raise` is a `str`; `reraise` takes an `exception`.
//!
//! **Operations.** Arguments and results have the types that the operation's documentation says; `rules` checks it.

mod containers;
mod rules;
mod types;

use std::fmt;

use crate::cfg::{self, Definition, Dominators};
use crate::limits;
use crate::module::{Block, BlockId, Func, FuncId, Module, Span, Target, Value};
use crate::types::Type;

/// How many errors are reported; what comes after them is not looked at.
const ERRORS_MAX: usize = 50;

/// One reason why a module is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifyError {
    pub place: Place,
    pub message: String,
}

/// Where in a module.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    Module,
    Func(FuncId),
    /// A block's parameters, its handler or its terminator.
    Block(FuncId, BlockId),
    /// The instruction with this result.
    Inst(FuncId, BlockId, Value),
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Module => write!(f, "module: ")?,
            Place::Func(func) => write!(f, "{func}: ")?,
            Place::Block(func, block) => write!(f, "{func} {block}: ")?,
            Place::Inst(func, block, result) => write!(f, "{func} {block} {result}: ")?,
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for VerifyError {}

/// Checks the whole module; no errors means that it is well formed.
pub fn verify(module: &Module) -> Result<(), Vec<VerifyError>> {
    let mut verifier = Verifier { module, errors: Vec::new(), type_nodes: 0 };
    verifier.module();
    if verifier.errors.is_empty() { Ok(()) } else { Err(verifier.errors) }
}

struct Verifier<'a> {
    module: &'a Module,
    errors: Vec<VerifyError>,
    /// The nodes of the types of all values so far.
    type_nodes: usize,
}

impl Verifier<'_> {
    fn error(&mut self, place: Place, message: impl Into<String>) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push(VerifyError { place, message: message.into() });
        }
    }

    fn check(&mut self, place: Place, result: Result<(), String>) {
        if let Err(message) = result {
            self.error(place, message);
        }
    }

    /// Each stage may rely on the ones before: shapes and numbers first, then types, then dominance.
    fn module(&mut self) {
        let module = self.module;
        let counts = [
            (module.funcs.len(), limits::FUNCS_MAX, "functions"),
            (module.captures.len(), limits::CAPTURES_MAX, "captures"),
            (module.files.len(), limits::FILES_MAX, "files"),
            (module.classes.len(), limits::CLASSES_MAX, "classes"),
            (module.classes.iter().map(|class| class.fields.len()).max().unwrap_or(0), limits::ARGS_MAX, "fields"),
            (module.exceptions.0.len(), crate::exc::OWN_EXCEPTIONS_MAX, "classes of exceptions"),
        ];
        for (count, max, what) in counts {
            if count > max {
                self.error(Place::Module, format!("{count} {what} are more than {max}"));
            }
        }
        if !self.errors.is_empty() {
            return;
        }
        if module.entry.index() >= module.funcs.len() {
            self.error(Place::Module, format!("the entry `{}` does not exist", module.entry));
        }
        for name in module.files.iter().chain(module.captures.iter().map(|capture| &capture.name)) {
            self.check(Place::Module, types::check_text(name));
        }
        for capture in &module.captures {
            let result = types::check(&capture.ty, &module.classes).map(|_| ());
            self.check(Place::Module, result.map_err(|message| format!("capture `{}`: {message}", capture.name)));
        }
        self.classes();
        for (index, class) in module.exceptions.0.iter().enumerate() {
            self.check(Place::Module, types::check_text(&class.name));
            // A class stands behind the one it derives from, so that no chain has a cycle.
            for parent in &class.parents {
                self.check(Place::Module, rules::check_class(*parent, index));
            }
            if let Some(object) = class.object.as_ref().filter(|object| module.class(object).is_none()) {
                self.error(Place::Module, format!("the class `{object}` does not exist"));
            }
        }
        for (index, func) in module.funcs.iter().enumerate() {
            self.shape(FuncId(index as u32), func);
        }
        // Calls are checked against their callees, so every function must have its shape first.
        if self.errors.is_empty() {
            for (index, func) in module.funcs.iter().enumerate() {
                self.body(FuncId(index as u32), func);
            }
        }
    }

    fn classes(&mut self) {
        let classes = &self.module.classes;
        for class in classes {
            self.check(Place::Module, types::check_text(&class.name));
            if classes.iter().filter(|other| other.name == class.name).count() > 1 {
                self.error(Place::Module, format!("there are two classes `{}`", class.name));
            }
            for (name, ty) in &class.fields {
                self.check(Place::Module, types::check_text(name));
                let wrong = |message| format!("field `{name}` of class `{}`: {message}", class.name);
                match types::check(ty, classes) {
                    Ok(nodes) => self.type_nodes += nodes,
                    Err(message) => self.error(Place::Module, wrong(message)),
                }
                if class.fields.iter().filter(|(other, _)| other == name).count() > 1 {
                    self.error(Place::Module, wrong("there are two".to_string()));
                }
            }
        }
    }

    // Shapes: counts, numbers in range, one definition a value.

    fn shape(&mut self, id: FuncId, func: &Func) {
        let place = Place::Func(id);
        let (values, blocks) = (func.values.len(), func.blocks.len());
        if values > limits::VALUES_MAX || blocks > limits::BLOCKS_MAX {
            self.error(place, format!("{values} values in {blocks} blocks are too many"));
            return;
        }
        for name in func.param_names.iter().chain([&func.name]) {
            self.check(place, types::check_text(name));
        }
        self.span(place, func.span);
        self.value_types(place, func);
        let Some(entry) = func.blocks.first() else {
            self.error(place, "the function has no blocks");
            return;
        };
        if entry.params.len() != func.param_names.len() {
            let (params, names) = (entry.params.len(), func.param_names.len());
            self.error(place, format!("{params} parameters have {names} names"));
        }
        let mut defined = vec![false; values];
        for (index, block) in func.blocks.iter().enumerate() {
            self.block_shape(id, BlockId(index as u32), func, block, &mut defined);
        }
        // Uses are looked at only when every definition is known.
        for (index, block) in func.blocks.iter().enumerate() {
            self.block_uses(id, BlockId(index as u32), block, &defined);
        }
    }

    fn span(&mut self, place: Place, span: Span) {
        if span.line > 0 && usize::from(span.file) >= self.module.files.len() {
            self.error(place, format!("the place names file {}, which does not exist", span.file));
        }
    }

    fn value_types(&mut self, place: Place, func: &Func) {
        for (index, ty) in func.values.iter().chain([&func.result]).enumerate() {
            match types::check(ty, &self.module.classes) {
                Ok(nodes) => self.type_nodes += nodes,
                Err(message) if index == func.values.len() => self.error(place, format!("the result: {message}")),
                Err(message) => self.error(place, format!("the type of `v{index}`: {message}")),
            }
            if self.type_nodes > limits::MODULE_TYPE_NODES_MAX {
                self.error(place, "the types of the module are too large together");
                return;
            }
        }
    }

    fn block_shape(&mut self, id: FuncId, block_id: BlockId, func: &Func, block: &Block, defined: &mut [bool]) {
        let place = Place::Block(id, block_id);
        if block.params.len() > limits::ARGS_MAX {
            self.error(place, format!("{} parameters are too many", block.params.len()));
        }
        for param in &block.params {
            self.define(place, *param, defined);
        }
        for inst in &block.insts {
            let place = Place::Inst(id, block_id, inst.result);
            self.define(place, inst.result, defined);
            self.span(place, inst.span);
            if inst.args.len() > limits::ARGS_MAX {
                self.error(place, format!("{} arguments are too many", inst.args.len()));
            }
        }
        self.span(place, block.term_span);
        for target in block.term.targets().into_iter().chain(&block.handler) {
            if target.block.index() >= func.blocks.len() {
                self.error(place, format!("the target `{}` does not exist", target.block));
            } else if target.block.index() == 0 {
                self.error(place, "nothing may jump to the entry block");
            }
            if target.args.len() > limits::ARGS_MAX {
                self.error(place, format!("{} arguments are too many", target.args.len()));
            }
        }
    }

    fn define(&mut self, place: Place, value: Value, defined: &mut [bool]) {
        match defined.get_mut(value.index()) {
            None => self.error(place, format!("`{value}` has no type")),
            Some(true) => self.error(place, format!("`{value}` is defined twice")),
            Some(flag) => *flag = true,
        }
    }

    fn block_uses(&mut self, id: FuncId, block_id: BlockId, block: &Block, defined: &[bool]) {
        let mut check = |place, value: Value| {
            if !defined.get(value.index()).copied().unwrap_or(false) {
                self.error(place, format!("`{value}` is used but not defined"));
            }
        };
        for inst in &block.insts {
            for arg in &inst.args {
                check(Place::Inst(id, block_id, inst.result), *arg);
            }
        }
        let handler_args = block.handler.iter().flat_map(|target| target.args.iter().copied());
        for value in block.term.uses().into_iter().chain(handler_args) {
            check(Place::Block(id, block_id), value);
        }
    }

    // Bodies: types, then dominance.

    fn body(&mut self, id: FuncId, func: &Func) {
        for (index, block) in func.blocks.iter().enumerate() {
            let block_id = BlockId(index as u32);
            for inst in &block.insts {
                self.check(Place::Inst(id, block_id, inst.result), rules::check_inst(self.module, func, inst));
            }
            let place = Place::Block(id, block_id);
            self.check(place, rules::check_term(self.module, func, &block.term));
            if let Some(handler) = &block.handler {
                self.check(place, rules::check_handler(func, handler));
            }
        }
        self.dominance(id, func);
    }

    fn dominance(&mut self, id: FuncId, func: &Func) {
        let definitions = cfg::definitions(func);
        let dominators = Dominators::new(func);
        for (index, block) in func.blocks.iter().enumerate() {
            let block_id = BlockId(index as u32);
            let dominated = |value: Value, before: usize| match definitions.get(value.index()) {
                Some(Definition::Param(above)) if *above == block_id => true,
                Some(Definition::Inst(above, position)) if *above == block_id => (*position as usize) < before,
                Some(_) if !dominators.is_reachable(block_id) => true,
                Some(Definition::Param(above)) => dominators.dominates(*above, block_id),
                Some(Definition::Inst(above, _)) => dominators.end_dominates(*above, block_id),
                Some(Definition::Free) | None => false,
            };
            let mut wrong = Vec::new();
            for (position, inst) in block.insts.iter().enumerate() {
                let bad = inst.args.iter().filter(|arg| !dominated(**arg, position));
                wrong.extend(bad.map(|arg| (Place::Inst(id, block_id, inst.result), *arg)));
            }
            let uses = block.term.uses();
            let bad = uses.into_iter().filter(|value| !dominated(*value, block.insts.len()));
            wrong.extend(bad.map(|value| (Place::Block(id, block_id), value)));
            let handler_args = block.handler.iter().flat_map(|target| target.args.iter());
            let bad = handler_args.filter(|value| !dominated(**value, 0));
            wrong.extend(bad.map(|value| (Place::Block(id, block_id), *value)));
            for (place, value) in wrong {
                self.error(place, format!("`{value}` is not defined on every path to its use"));
            }
        }
    }
}

/// Whether the arguments of a jump are what the parameters take.
fn check_args(func: &Func, target: &Target, params: &[Value]) -> Result<(), String> {
    if target.args.len() != params.len() {
        return Err(format!("`{}` takes {} arguments, not {}", target.block, params.len(), target.args.len()));
    }
    for (arg, param) in target.args.iter().zip(params) {
        let (found, expected): (&Type, &Type) = (func.type_of(*arg), func.type_of(*param));
        if found != expected {
            return Err(format!("`{arg}` is `{found}`, but `{}` takes `{expected}`", target.block));
        }
    }
    Ok(())
}
