//! Functions that functions make: `functools.partial`, `operator.itemgetter`, `attrgetter` and `methodcaller`. They are no
//! values at run time: what they are made of is known when the program is compiled.

use ir::Const;

use super::call::CallArguments;
use super::function_values::may_be_function;
use super::index::Index;
use super::{Lowered, Lowerer, Static, Thing, Val};
use crate::shape::python_name;

/// A function made of others and of constants.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Made {
    /// `partial(function, *args, **keywords)`.
    Partial(Bound, Vec<Bound>, Vec<(String, Bound)>),
    /// `itemgetter(*keys)`.
    Items(Vec<Const>),
    /// `attrgetter(*names)`.
    Attributes(Vec<String>),
    /// `methodcaller(name, *args)`.
    Method(String, Vec<Const>),
    /// `cmp_to_key(function)`: only for sorting.
    Comparison(Static),
}

/// What a partial function keeps: the function, or an argument.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Bound {
    Constant(Const),
    Static(Static),
    /// One of the values that are kept beside it, by its number.
    Kept(usize),
}

/// A function that is passed to a built-in.
#[derive(Clone, Debug)]
pub enum Function {
    Static(Static),
    /// A method of a value, as in `key=counts.get`.
    Method(Val, String),
    /// A function that is a value.
    Value(Val),
}

/// Whether the member makes a function.
pub fn makes_function(module: &str, name: &str) -> bool {
    matches!(
        (module, name),
        ("functools", "partial" | "cmp_to_key") | ("operator", "itemgetter" | "attrgetter" | "methodcaller")
    )
}

impl Lowerer<'_, '_> {
    /// A call of one of the functions of [`makes_function`].
    pub fn make_function(&mut self, name: &str, arguments: CallArguments) -> Lowered<Thing> {
        let made = match name {
            "partial" => return self.partial(arguments),
            "cmp_to_key" => match arguments.positional.into_iter().next() {
                Some(Thing::Static(function)) => Made::Comparison(function),
                _ => return self.clash("the argument of cmp_to_key() must be callable"),
            },
            "itemgetter" => Made::Items(self.constants(name, arguments)?),
            "attrgetter" => {
                let constants = self.constants(name, arguments)?;
                Made::Attributes(self.names_of(&constants)?)
            }
            _ => {
                let mut constants = self.constants(name, arguments)?;
                let rest = constants.split_off(1.min(constants.len()));
                let names = self.names_of(&constants)?;
                match names.into_iter().next() {
                    Some(method) => Made::Method(method, rest),
                    None => return self.clash("methodcaller needs at least one argument, the method name"),
                }
            }
        };
        Ok(Thing::Static(Static::Made(Box::new(made))))
    }

    /// A call of a function that was passed to a built-in.
    pub fn call_passed(&mut self, function: &Function, vals: &[Val]) -> Lowered<Val> {
        match function {
            Function::Static(known) => self.call_static(known, vals),
            Function::Value(function) => {
                let positional = vals.iter().cloned().map(Thing::Val).collect();
                self.call_value(function, &CallArguments { positional, keywords: Vec::new() })
            }
            Function::Method(object, name) => {
                self.each_variant(object, &mut |lowerer, object| lowerer.method(&object, name, vals, &[]))
            }
        }
    }

    fn partial(&mut self, arguments: CallArguments) -> Lowered<Thing> {
        let mut positional = arguments.positional.into_iter();
        let (mut bound, mut kept) = (Vec::new(), Vec::new());
        let function = match positional.next() {
            Some(Thing::Val(val)) if !may_be_function(val.ty()) => {
                return self.clash("the first argument must be callable");
            }
            Some(function) => self.bound(function, &mut kept)?,
            None => return self.clash("type 'partial' takes at least one argument"),
        };
        for thing in positional {
            bound.push(self.bound(thing, &mut kept)?);
        }
        let mut keywords = Vec::new();
        for (keyword, thing) in arguments.keywords {
            keywords.push((keyword, self.bound(thing, &mut kept)?));
        }
        let made = Static::Made(Box::new(Made::Partial(function, bound, keywords)));
        Ok(if kept.is_empty() { Thing::Static(made) } else { Thing::Val(self.made_with(made, &kept)) })
    }

    fn bound(&mut self, thing: Thing, kept: &mut Vec<Val>) -> Lowered<Bound> {
        let val = match thing {
            // It is kept with the variables that it reads.
            Thing::Static(Static::Closure(id)) if self.compiler.reads_around(id) => {
                self.function_value(Static::Closure(id))?
            }
            Thing::Static(known) => return Ok(Bound::Static(known)),
            Thing::Val(Val { known: Some(known), .. }) => return Ok(Bound::Constant(known)),
            Thing::Val(val) => val,
        };
        kept.push(val);
        Ok(Bound::Kept(kept.len() - 1))
    }

    fn constants(&mut self, name: &str, arguments: CallArguments) -> Lowered<Vec<Const>> {
        let mut constants = Vec::new();
        for val in self.plain_arguments(name, arguments)? {
            match val.known {
                Some(known) => constants.push(known),
                None => {
                    let message = format!("the arguments of `{name}` must be constants in compiled code");
                    return self.fail("unsupported-argument", message, Some("write a `lambda`".to_owned()));
                }
            }
        }
        if constants.is_empty() {
            return self.clash(format!("{name} expected at least 1 argument, got 0"));
        }
        Ok(constants)
    }

    fn names_of(&mut self, constants: &[Const]) -> Lowered<Vec<String>> {
        let mut names = Vec::new();
        for constant in constants {
            match constant {
                Const::Str(name) => names.push(name.to_string()),
                other => {
                    let message = format!("attribute name must be a string, not '{}'", python_name(&other.ty()));
                    return self.clash(message);
                }
            }
        }
        Ok(names)
    }

    /// A call of such a function.
    /// `fields` are the values that it keeps.
    pub fn call_made(&mut self, made: &Made, fields: &[Val], mut arguments: CallArguments) -> Lowered<Val> {
        if let Made::Partial(function, bound, keywords) = made {
            let mut positional = Vec::new();
            for kept in bound {
                positional.push(self.kept_argument(kept, fields)?);
            }
            positional.append(&mut arguments.positional);
            let mut named = Vec::new();
            for (keyword, kept) in keywords {
                // A keyword of the call replaces the one that was kept.
                if !arguments.keywords.iter().any(|(name, _)| name == keyword) {
                    let kept = self.kept_argument(kept, fields)?;
                    named.push((keyword.clone(), kept));
                }
            }
            named.append(&mut arguments.keywords);
            let arguments = CallArguments { positional, keywords: named };
            return match self.kept_argument(function, fields)? {
                Thing::Static(function) => self.call_static_with(&function, arguments),
                Thing::Val(function) => self.call_value(&function, &arguments),
            };
        }
        let vals = self.plain_arguments("this function", arguments)?;
        let [object] = vals.as_slice() else {
            return self.clash(format!("expected 1 argument, got {}", vals.len()));
        };
        let mut found = Vec::new();
        match made {
            Made::Items(keys) => {
                for key in keys {
                    let key = self.constant(key.clone());
                    found.push(self.load(object, &Index::Item(key))?);
                }
            }
            Made::Attributes(names) => {
                for name in names {
                    let mut val = object.clone();
                    for part in name.split('.') {
                        val = self.each_variant(&val, &mut |lowerer, val| lowerer.attribute_of(&val, part))?;
                    }
                    found.push(val);
                }
            }
            Made::Method(name, args) => {
                let args: Vec<Val> = args.iter().map(|arg| self.constant(arg.clone())).collect();
                found
                    .push(self.each_variant(object, &mut |lowerer, object| lowerer.method(&object, name, &args, &[]))?);
            }
            Made::Partial(..) => {}
            Made::Comparison(_) => {
                return self.fail(
                    "unsupported-argument",
                    "`cmp_to_key` can only be used to sort in compiled code",
                    None,
                );
            }
        }
        match found.as_slice() {
            [only] => Ok(only.clone()),
            several => Ok(self.tuple(several)),
        }
    }

    fn kept_argument(&mut self, kept: &Bound, fields: &[Val]) -> Lowered<Thing> {
        match kept {
            Bound::Constant(value) => Ok(Thing::Val(self.constant(value.clone()))),
            Bound::Static(known) => Ok(Thing::Static(known.clone())),
            Bound::Kept(index) => match fields.get(*index) {
                Some(field) => self.argument(Thing::Val(field.clone())),
                None => self.fail("internal", "a value of a partial function is missing", None),
            },
        }
    }
}
