//! What a parameter is when a call leaves it out.

use super::function_values::is_literal;
use super::value::Static;
use super::{Lowered, Lowerer, Thing, Val};
use crate::bound_names;
use crate::library;
use crate::locate::FunctionNode;
use crate::parse::ast::{self, Expr};
use crate::program::{Binding, FunctionSource};
use crate::read_only;
use crate::specialise::Callable;

/// What tells the list that a parameter has as its default from other containers that are made at the same place.
const DEFAULT_SITE: u32 = 1 << 21;

impl<'p> Lowerer<'_, 'p> {
    /// The default of a parameter: as Python evaluated it, else a literal in the text.
    pub fn default_value(
        &mut self,
        callable: Callable,
        parameter: &'p ast::ParameterWithDefault,
    ) -> Lowered<Option<Thing>> {
        let (source, key) = match callable {
            Callable::Program(function) => (self.compiler.function(function), parameter.name().to_string()),
            // Those of methods are with their class.
            Callable::Method(class, index) => {
                let owner = self.compiler.method_owner(class, index);
                let name = self.compiler.source(callable).map(|source| source.name()).unwrap_or_default();
                (owner.and_then(|owner| self.compiler.function(owner)), format!("{name}.{}", parameter.name()))
            }
            Callable::Closure(_) => (None, String::new()),
        };
        let is_library = matches!(callable, Callable::Program(function) if library::is_library_function(function));
        if is_library && parameter.default.as_deref().is_some_and(Expr::is_ellipsis_literal_expr) {
            return Ok(Some(Thing::Static(Static::Absent)));
        }
        if let Some(thing) = self.default_of_builtin(callable, parameter) {
            return Ok(Some(thing));
        }
        if let Some(display) = self.read_display(callable, parameter) {
            let place = self.place;
            let val = match display {
                Expr::List(list) if list.elts.is_empty() => {
                    let key = place.start ^ DEFAULT_SITE ^ parameter.name().as_str().len() as u32;
                    self.new_list(&[], None, key)?
                }
                display => self.expr(display)?,
            };
            self.at_place(place);
            return Ok(Some(Thing::Val(val)));
        }
        if let Some(binding) = source.and_then(|source| source.defaults.get(&key))
            && !is_library
        {
            let name = parameter.name().as_str();
            if let (Binding::Unsupported(_), Some(source), Some(default)) = (binding, source, &parameter.default)
                && let Some(member) = self.member_default(source, default)?
            {
                return Ok(Some(member));
            }
            return self.default_binding(name, binding).map(Some);
        }
        let Some(default) = &parameter.default else { return Ok(None) };
        let place = self.place;
        if let Some(source) = source
            && let Some(member) = self.member_default(source, default)?
        {
            return Ok(Some(member));
        }
        if !is_literal(default) {
            return self.fail(
                "unsupported-default",
                format!("the default of `{}` is not a constant", parameter.name()),
                Some("pass the argument".to_owned()),
            );
        }
        let val = self.expr(default)?;
        self.at_place(place);
        let known = val.known.clone().filter(|_| is_library);
        Ok(Some(Thing::Val(Val { known, ..val })))
    }

    /// A default that says what it is without being evaluated: `key=len`, `low=float("-inf")`.
    fn default_of_builtin(&mut self, callable: Callable, parameter: &ast::ParameterWithDefault) -> Option<Thing> {
        let file = self.compiler.source(callable)?.place().file;
        let text = &self.compiler.source_file(file)?.text;
        match parameter.default.as_deref()? {
            Expr::Name(name) if matches!(callable, Callable::Method(..)) && !may_rebind(text, name.id.as_str()) => {
                Some(Thing::Static(Static::Builtin(super::builtins::known_name(name.id.as_str())?)))
            }
            default => self.infinity(default, file).map(|value| Thing::Val(self.float(value))),
        }
    }

    /// The value of `float("inf")` and its like in a file where `float` is what it is.
    pub fn infinity(&self, expr: &Expr, file: usize) -> Option<f64> {
        let value = infinity(expr)?;
        (!may_rebind(&self.compiler.source_file(file)?.text, "float")).then_some(value)
    }

    pub fn default_binding(&mut self, name: &str, binding: &'p Binding) -> Lowered<Thing> {
        match self.binding_thing(name, binding)? {
            Thing::Val(val) => Ok(Thing::Val(Val { known: None, ..val })),
            other => Ok(other),
        }
    }

    /// A member of an enumeration as a default, `Color.RED`, where the name stands for one class from the first to the last line.
    pub fn member_default(&mut self, source: &'p FunctionSource, default: &'p Expr) -> Lowered<Option<Thing>> {
        let Expr::Attribute(attribute) = default else { return Ok(None) };
        let Expr::Name(name) = &*attribute.value else { return Ok(None) };
        let Some(Binding::Class(number)) = source.bindings.get(name.id.as_str()) else { return Ok(None) };
        let Some(parsed) = self.compiler.parsed_file(source.file) else { return Ok(None) };
        if !bound_names::is_bound_once(parsed.body(), name.id.as_str()) {
            return Ok(None);
        }
        match self.enumeration(*number)? {
            Some(class) => self.member_named(&class, attribute.attr.as_str(), attribute).map(Some),
            None => Ok(None),
        }
    }

    /// The container of constants that is the default of a parameter, when the function only reads it: nobody can tell one such
    /// container from another.
    fn read_display(&self, callable: Callable, parameter: &'p ast::ParameterWithDefault) -> Option<&'p Expr> {
        let display = parameter.default.as_deref()?;
        if !is_display_of_constants(display) {
            return None;
        }
        match callable {
            Callable::Method(..) => {}
            Callable::Program(function) if !library::is_library_function(function) => {}
            Callable::Program(_) | Callable::Closure(_) => return None,
        }
        let FunctionNode::Def(def) = self.compiler.source(callable)?.node else { return None };
        read_only::is_only_read(&def.body, parameter.name().as_str(), 1).then_some(display)
    }
}

fn is_display_of_constants(expr: &Expr) -> bool {
    match expr {
        Expr::List(list) => list.elts.iter().all(is_literal),
        Expr::Set(set) => set.elts.iter().all(is_literal),
        Expr::Dict(dict) => {
            dict.items.iter().all(|item| item.key.as_ref().is_some_and(is_literal) && is_literal(&item.value))
        }
        _ => false,
    }
}

/// Whether the name of a built-in may stand for something else in a file of this text.
fn may_rebind(text: &str, name: &str) -> bool {
    let forms = ["def ", "class ", "import ", "as ", "for "].map(|before| format!("{before}{name}"));
    forms.iter().any(|form| text.contains(form))
        || ["import *", "global "].iter().any(|form| text.contains(form))
        || text.contains(&format!("{name} = "))
        || text.contains(&format!("{name}="))
}

/// The value of `float("inf")` and its like.
fn infinity(expr: &Expr) -> Option<f64> {
    let Expr::Call(call) = expr else { return None };
    let ([Expr::StringLiteral(text)], []) = (&*call.arguments.args, &*call.arguments.keywords) else { return None };
    if call.func.as_name_expr()?.id.as_str() != "float" {
        return None;
    }
    match text.value.to_str().to_ascii_lowercase().as_str() {
        "inf" | "+inf" | "infinity" => Some(f64::INFINITY),
        "-inf" | "-infinity" => Some(f64::NEG_INFINITY),
        "nan" => Some(f64::NAN),
        _ => None,
    }
}
