//! A whole function: its parameters, its body, its result. Knows nothing of single statements.

use std::collections::HashSet;
use std::rc::Rc;

use ir::builder::FuncBuilder;
use ir::{Func, Type, limits};

use super::memo::is_cached;
use super::{Lowered, Lowerer, Stop, Val, Var};
use crate::diagnostic::Diagnostic;
use crate::locate::FunctionNode;
use crate::names::Names;
use crate::program::Binding;
use crate::shape::{
    Merge, Origin, Shape, Sites, annotation_text, element_type, is_too_large, join, join_with, known_element,
    with_element, without_emptier, without_empty,
};
use crate::specialise::{Argument, Compiler, Source, SpecId, argument_names, parameter_list};

/// The arguments with sites for the containers among them: what the function puts into one is found as for those it makes
/// itself. What the caller of the whole program hands over is what it is, unless it is empty. The first `fixed` do not grow.
fn growing(arguments: &[Argument], is_entry: bool, fixed: usize, sites: &mut Sites) -> Vec<Argument> {
    let one = |(index, argument): (usize, &Argument)| match argument {
        Argument::Value(shape) if index >= fixed && element_type(&shape.ty).is_some() => {
            // The caller of the whole program tells an empty container from one that holds `None` by its type.
            let known = match is_entry {
                true => known_element(&shape.ty).map(Shape::from),
                false if shape.is_empty_container() => None,
                false => shape.fixed_element(),
            };
            if is_entry && known.is_some() {
                return Argument::Value(Shape { ty: without_empty(&shape.ty), ..shape.clone() });
            }
            let site = sites.param_site(index, known.as_ref());
            let ty = match sites.element(site) {
                Some(element) => with_element(&shape.ty, element.ty.clone()),
                None => shape.ty.clone(),
            };
            Argument::Value(Shape { ty, origin: Origin { sites: vec![site], ..Origin::default() } })
        }
        Argument::Value(shape) if index >= fixed && is_entry => {
            Argument::Value(growing_inside(index, shape, sites).unwrap_or_else(|| shape.clone()))
        }
        other => other.clone(),
    };
    arguments.iter().enumerate().map(one).collect()
}

/// An empty `deque`, `Counter` and the like: the container in it is typed by use.
fn growing_inside(index: usize, shape: &Shape, sites: &mut Sites) -> Option<Shape> {
    let Type::Record(record) = &shape.ty else { return None };
    let (name, inner) =
        record.fields.first().filter(|_| record.kind == ir::RecordKind::Library && record.tuple_item().is_none())?;
    element_type(inner)?;
    if known_element(inner).is_some() {
        return None;
    }
    let site = sites.param_site(index, None);
    let inner = match sites.element(site) {
        Some(element) => with_element(inner, element.ty.clone()),
        None => inner.clone(),
    };
    let mut record = (**record).clone();
    record.fields[0] = (name.clone(), inner);
    let of_inner = Origin { sites: vec![site], ..Origin::default() };
    let parts = (0..record.fields.len()).map(|at| if at == 0 { of_inner.clone() } else { Origin::default() }).collect();
    Some(Shape { ty: Type::Record(record.into()), origin: Origin { parts, ..Origin::default() } })
}

/// What lowering a function came to.
pub struct Outcome {
    pub func: Func,
    /// `None` when it never returns.
    pub result: Option<Shape>,
    pub diagnostics: Vec<Diagnostic>,
    /// Something in it was refused, here or in what it calls.
    pub failed: bool,
    pub callees: Vec<SpecId>,
    /// What a generator yields.
    pub item: Option<Shape>,
    pub sites: Sites,
}

impl<'c, 'p> Lowerer<'c, 'p> {
    /// The state at the start of the function: its parameters, then the captured variables, have these arguments.
    #[expect(clippy::too_many_arguments, reason = "called in one place")]
    pub fn start(
        compiler: &'c mut Compiler<'p>,
        source: Source<'p>,
        function: usize,
        spec: SpecId,
        names: Rc<Names>,
        arguments: &[Argument],
        captured: &[String],
        mut sites: Sites,
        may_grow: bool,
    ) -> Lowerer<'c, 'p> {
        let own = argument_names(&source);
        // What a function that was passed to the library reads of its surroundings is not the library's.
        let fixed = if may_grow { 0 } else { own.len() };
        let arguments = &growing(arguments, compiler.is_entry(spec), fixed, &mut sites);
        let mut params: Vec<(&str, Type)> = Vec::new();
        for (name, argument) in own.iter().copied().chain(captured.iter().map(String::as_str)).zip(arguments) {
            if let Argument::Value(shape) = argument {
                params.push((name, shape.ty.clone()));
            }
        }
        let place = source.place();
        let span = compiler.span(place);
        let builder = FuncBuilder::new(&source.name(), &params, Type::None, span);
        let mut lowerer = Lowerer::new(compiler, function, spec, names, builder, sites, place);
        let mut index = 0;
        let all = own.iter().copied().chain(captured.iter().map(String::as_str));
        let slots: Vec<Option<usize>> = all.map(|name| lowerer.names.slot(name)).collect();
        for (slot, argument) in slots.into_iter().zip(arguments) {
            let var = match argument {
                Argument::Value(shape) => {
                    let id = lowerer.builder.param(index);
                    index += 1;
                    Var::Bound(Val::new(id, shape.clone()))
                }
                Argument::Static(known) => Var::Static(known.clone()),
            };
            if let Some(slot) = slot {
                lowerer.set_slot(slot, var);
            }
        }
        for parameter in parameter_list(source.parameters()) {
            if let Some(slot) = lowerer.names.slot(parameter.name().as_str())
                && let Some(Var::Bound(val)) = lowerer.env().map(|env| env.var(slot))
            {
                lowerer.note_origin(slot, source.parsed.place(&parameter.parameter), val.ty());
            }
        }
        lowerer.make_cells();
        lowerer.read_captures();
        lowerer
    }

    /// Reads the captured values that the function mentions, once and before any loop.
    fn read_captures(&mut self) {
        let Some(source) = self.compiler.function(self.function) else { return };
        for binding in source.bindings.values() {
            if let Binding::Capture(index) = binding
                && !self.captures.iter().any(|(known, _)| known == index)
                && let Ok(val) = self.capture(*index)
            {
                self.captures.push((*index, val));
            }
        }
    }

    /// Lowers the body. `before` is what the function was taken to return until now.
    pub fn run(mut self, source: Source<'p>, before: Option<&Shape>) -> Outcome {
        let lowered = self.body(source);
        let failed = matches!(self.settle(lowered), Err(Stop::Failed));
        let result = match self.finish(before) {
            Ok(result) => result,
            Err(_) => before.cloned(),
        };
        self.check_result(source);
        Outcome {
            func: self.builder.finish(),
            result,
            failed: failed || self.failures > 0 || !self.diagnostics.is_empty(),
            diagnostics: self.diagnostics,
            callees: self.callees,
            item: self.yields.and_then(|yields| yields.found),
            sites: self.sites,
        }
    }

    /// What cannot be seen before the whole function is there.
    fn check_result(&mut self, source: Source<'p>) {
        if !self.diagnostics.is_empty() {
            return;
        }
        if self.sites.is_endless {
            self.compiler.notes.knot(source.place());
            let message = "a container in this function holds containers of its own kind without end";
            let help = Some("make a class whose field is a dict or list of its instances".to_owned());
            self.report("too-many-types", message.to_owned(), source.place(), help);
        } else if self.misfits > 0 {
            let help = Some("annotate the list, or keep values of one type in it".to_owned());
            self.diagnostics.push(Diagnostic {
                code: "too-many-types",
                message: "the types of a list in this function cannot be told".to_owned(),
                place: source.place(),
                labels: self.misfit_seen.take().into_iter().collect(),
                help,
            });
        } else if is_beyond_limits(self.builder.func()) {
            let help = Some("split it into several functions".to_owned());
            self.report("too-complex", "this function is too large to be compiled".to_owned(), source.place(), help);
        }
    }

    fn body(&mut self, source: Source<'p>) -> Lowered<()> {
        match source.node {
            FunctionNode::Def(def) if def.is_async => {
                self.fail_at(&def.name, "unsupported-statement", "an `async` function cannot be compiled", None)
            }
            FunctionNode::Def(def) => {
                if let Some(field) = self.field_of_results() {
                    self.look_up_in_instance(source, def, &field)?;
                } else if is_cached(def)
                    && let Some(callable) = self.compiler.callable_of(self.spec)
                {
                    match self.memo_of(callable) {
                        Some(dict) => self.look_up_result(source, dict)?,
                        None => {
                            let captured = self.compiler.captured_of(self.spec);
                            return self.with_new_memo(source, callable, &captured);
                        }
                    }
                }
                self.block(&def.body);
                if self.is_live() {
                    self.at_place(source.place());
                    let none = self.none();
                    self.leave(none);
                }
                Ok(())
            }
            FunctionNode::Generator(generator) => self.generator_body(generator),
            FunctionNode::Lambda(lambda) => {
                let lowered = self.expr(&lambda.body);
                let val = match self.settle(lowered) {
                    Err(Stop::Dead) => return Ok(()),
                    other => other?,
                };
                self.leave(val);
                Ok(())
            }
        }
    }

    /// `return val`.
    pub fn leave(&mut self, val: Val) {
        self.remember(&val);
        if let Some(finally) = self.cover.finally() {
            self.drop_hidden(finally.vars);
            self.hidden(Var::Bound(val));
            let edge = self.detach();
            return self.collect(finally.returns, edge);
        }
        if let Some(edge) = self.detach() {
            self.returns.push((edge, val));
        }
    }

    /// Ends all the edges that return, with values of one type.
    fn finish(&mut self, before: Option<&Shape>) -> Lowered<Option<Shape>> {
        let returns = std::mem::take(&mut self.returns);
        let mut found: Option<Shape> = None;
        for (_, val) in &returns {
            found = Some(match found {
                Some(known) => join(&known, &val.shape, &mut self.sites),
                None => val.shape.clone(),
            });
        }
        let result = Compiler::join_results(before, found, &mut self.sites);
        let Some(mut result) = result else { return Ok(None) };
        if before.is_some() {
            result.ty = without_emptier(&result.ty);
        }
        if let Some(expected) = self.compiler.request.expected_result.clone()
            && self.compiler.is_entry(self.spec)
        {
            if !fits_state(&result.ty, &expected) {
                return self.fail(
                    "result-mismatch",
                    format!("this returns `{}`, not `{}`", annotation_text(&result.ty), annotation_text(&expected)),
                    Some("return a value of the same type as the initial state".to_owned()),
                );
            }
            result = Shape::from(expected);
        }
        if self.compiler.request.row_result && self.compiler.is_entry(self.spec) {
            result = join_with(&result, &result, &mut self.sites, Merge::Literals);
        }
        result = result.marked(&self.sites);
        self.builder.set_result(result.ty.clone());
        for (edge, val) in returns {
            self.attach(edge);
            let val = self.coerce(&val, &result)?;
            self.builder.ret(val.id);
            self.close();
        }
        Ok(Some(result))
    }
}

/// Whether the IR has no room for the function.
fn is_beyond_limits(func: &Func) -> bool {
    let wide = |count: usize| count > limits::ARGS_MAX;
    let mut seen: HashSet<&Type> = HashSet::new();
    func.values.len() > limits::VALUES_MAX
        || func.blocks.len() > limits::BLOCKS_MAX
        || func
            .blocks
            .iter()
            .any(|block| wide(block.params.len()) || block.insts.iter().any(|inst| wide(inst.args.len())))
        || func.values.iter().any(|ty| seen.insert(ty) && is_too_large(ty))
}

/// Whether a fold's state of type `expected` can hold what the function returns.
fn fits_state(found: &Type, expected: &Type) -> bool {
    match (found, expected) {
        (a, b) if a == b => true,
        (Type::Int | Type::Bool | Type::Np(_), Type::Float) => true,
        (Type::Np(elem), ty) => elem.python_type() == *ty,
        (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| fits_state(a, b)),
        (Type::Record(a), Type::Record(b)) => {
            let fields = a.fields.iter().zip(&b.fields);
            a.fields.len() == b.fields.len() && fits_all(fields.map(|((a, x), (b, y))| a == b && fits_state(x, y)))
        }
        (Type::Union(variants), expected) => variants.iter().all(|ty| fits_state(ty, expected)),
        (ty, Type::Union(variants)) => variants.iter().any(|variant| fits_state(ty, variant)),
        _ => false,
    }
}

fn fits_all(mut each: impl Iterator<Item = bool>) -> bool {
    each.all(|fits| fits)
}
