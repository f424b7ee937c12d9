//! The typing rules of operations and terminators. Numbers of values and blocks are in range here; those inside an
//! operation (functions, captures, positions) are not yet.

use super::{check_args, containers, types};
use crate::exc::ExcClass;
use crate::module::{Const, Func, Inst, Module, Op, Target, Term, View};
use crate::types::Type;

pub type Checked = Result<(), String>;

/// Whether the argument and result types are what the operation says.
pub fn check_inst(module: &Module, func: &Func, inst: &Inst) -> Checked {
    let args: Vec<&Type> = inst.args.iter().map(|arg| func.type_of(*arg)).collect();
    let rule = Rule { name: inst.op.name(), args: &args, result: func.type_of(inst.result) };
    match &inst.op {
        Op::Const(value) => {
            match value {
                Const::Str(text) => types::check_text(text)?,
                Const::Bytes(bytes) => types::check_length(bytes.len())?,
                Const::None | Const::Bool(_) | Const::Int(_) | Const::Float(_) => {}
            }
            rule.is(&[], &value.ty())
        }
        Op::Prim(prim) => rule.is(&prim.params(), &prim.result()),
        Op::Container(op) => containers::check(module, *op, &rule),
        Op::ObjectGet(_) | Op::ObjectSet(_) => containers::check_object(module, &inst.op, &rule),
        Op::Call(callee) => {
            let callee = module.funcs.get(callee.index()).ok_or_else(|| format!("`{callee}` does not exist"))?;
            rule.is(&callee.param_types(), &callee.result)
        }
        Op::Capture(capture) => {
            let known = module.captures.get(capture.index()).ok_or_else(|| format!("`{capture}` does not exist"))?;
            rule.is(&[], &known.ty)
        }
        Op::Select => {
            rule.count(3)?;
            rule.is(&[Type::Bool, args[1].clone(), args[1].clone()], args[1])
        }
        Op::Tuple => {
            let fields = rule.result.field_types().ok_or_else(|| rule.wrong_result("a tuple or record"))?;
            rule.is(&fields, rule.result)
        }
        Op::Field(index) => {
            let fields = rule.first("a tuple or record", Type::field_types)?;
            let field = fields.get(*index as usize).ok_or_else(|| format!("there is no field {index}"))?;
            rule.is(&[args[0].clone()], field)
        }
        Op::Widen | Op::IsVariant(_) | Op::Variant(_) => check_union(&inst.op, &rule),
        Op::ToNp => {
            rule.first("`bool`, `int` or `float`", |ty| {
                matches!(ty, Type::Bool | Type::Int | Type::Float).then_some(())
            })?;
            match rule.result {
                Type::Np(_) => rule.count(1),
                _ => Err(rule.wrong_result("a NumPy scalar")),
            }
        }
        Op::FromNp => {
            let elem = rule.first("a NumPy scalar", |ty| match ty {
                Type::Np(elem) => Some(*elem),
                _ => None,
            })?;
            rule.is(&[Type::Np(elem)], &elem.python_type())
        }
        Op::ListNew
        | Op::ListLen
        | Op::ListGet
        | Op::ListSet
        | Op::ListAppend
        | Op::ListSlice
        | Op::ListConcat
        | Op::ListArgsort => check_list(&inst.op, &rule),
        Op::ArrayShape(_)
        | Op::ArrayGet
        | Op::ArraySet
        | Op::ArrayRow
        | Op::ArrayZeros
        | Op::ArrayStride(_)
        | Op::ArrayIsFlat
        | Op::ArrayOverlaps => check_array(&inst.op, &rule),
        Op::ArrayView(view) => check_view(*view, &rule),
        Op::ExceptionNew(class) => match module.exceptions.object(*class) {
            Some(object) => rule.is(&[Type::Str, Type::Object(object.clone())], &Type::Exception),
            None => rule.is(&[Type::Str], &Type::Exception),
        },
        Op::ExceptionObject(class) => match module.exceptions.object(*class) {
            Some(object) => rule.is(&[Type::Exception], &Type::Object(object.clone())),
            None => Err("exceptions of this class carry no object".to_string()),
        },
        Op::ExceptionIs(_) => rule.is(&[Type::Exception], &Type::Bool),
        Op::ExceptionMessage => rule.is(&[Type::Exception], &Type::Str),
    }
}

/// An instruction's types and how to complain about them.
pub struct Rule<'a> {
    pub name: &'static str,
    pub args: &'a [&'a Type],
    pub result: &'a Type,
}

impl Rule<'_> {
    pub fn count(&self, count: usize) -> Checked {
        if self.args.len() == count {
            return Ok(());
        }
        Err(format!("`{}` takes {count} arguments, not {}", self.name, self.args.len()))
    }

    /// The arguments were looked at; exactly this result.
    pub fn is_any(&self, result: &Type) -> Checked {
        let args: Vec<Type> = self.args.iter().map(|ty| (*ty).clone()).collect();
        self.is(&args, result)
    }

    /// Exactly these arguments and this result.
    pub fn is(&self, args: &[Type], result: &Type) -> Checked {
        self.count(args.len())?;
        for (index, (found, expected)) in self.args.iter().zip(args).enumerate() {
            if *found != expected {
                let number = index + 1;
                return Err(format!("argument {number} of `{}` is `{found}`, not `{expected}`", self.name));
            }
        }
        if self.result != result {
            return Err(format!("the result of `{}` is `{result}`, not `{}`", self.name, self.result));
        }
        Ok(())
    }

    pub fn wrong_result(&self, expected: &str) -> String {
        format!("the result of `{}` is {expected}, not `{}`", self.name, self.result)
    }

    /// What the first argument's type is taken apart into.
    pub fn first<T>(&self, expected: &str, take: impl FnOnce(&Type) -> Option<T>) -> Result<T, String> {
        let first = self.args.first().ok_or_else(|| format!("`{}` has no argument", self.name))?;
        take(first).ok_or_else(|| format!("argument 1 of `{}` is `{first}`, not {expected}", self.name))
    }
}

fn check_union(op: &Op, rule: &Rule<'_>) -> Checked {
    if let Op::Widen = op {
        rule.count(1)?;
        let Type::Union(variants) = rule.result else { return Err(rule.wrong_result("a union")) };
        let missing = rule.args[0].variants().iter().find(|variant| !variants.contains(variant));
        return match missing {
            Some(variant) => Err(format!("`{variant}` is no variant of `{}`", rule.result)),
            None if rule.args[0] == rule.result => Err(format!("the argument is `{}` already", rule.result)),
            None => Ok(()),
        };
    }
    let (index, is_test) = match op {
        Op::IsVariant(index) => (*index, true),
        Op::Variant(index) => (*index, false),
        other => return Err(format!("`{}` is no operation of unions", other.name())),
    };
    let variants = rule.first("a union", |ty| match ty {
        Type::Union(variants) => Some(variants.clone()),
        _ => None,
    })?;
    let variant = variants.get(index as usize).ok_or_else(|| format!("there is no variant {index}"))?;
    rule.is(&[rule.args[0].clone()], if is_test { &Type::Bool } else { variant })
}

fn check_list(op: &Op, rule: &Rule<'_>) -> Checked {
    if let Op::ListNew = op {
        let Type::List(item) = rule.result else { return Err(rule.wrong_result("a list")) };
        return rule.is(&vec![(**item).clone(); rule.args.len()], rule.result);
    }
    let item = rule.first("a list", |ty| match ty {
        Type::List(item) => Some((**item).clone()),
        _ => None,
    })?;
    let list = rule.args[0].clone();
    match op {
        Op::ListLen => rule.is(&[list], &Type::Int),
        Op::ListGet => rule.is(&[list, Type::Int], &item),
        Op::ListSet => rule.is(&[list, Type::Int, item], &Type::None),
        Op::ListAppend => rule.is(&[list, item], &Type::None),
        Op::ListSlice => rule.is(&[list.clone(), Type::Int, Type::Int, Type::Int], &list),
        Op::ListConcat => rule.is(&[list.clone(), list.clone()], &list),
        Op::ListArgsort if !containers::is_value(&item) => Err(format!("`{item}` cannot be sorted")),
        Op::ListArgsort => rule.is(&[list, Type::Bool], &Type::List(Box::new(Type::Int))),
        other => Err(format!("`{}` is no operation of lists", other.name())),
    }
}

fn check_array(op: &Op, rule: &Rule<'_>) -> Checked {
    if let Op::ArrayZeros = op {
        let Type::Array { ndim, .. } = rule.result else { return Err(rule.wrong_result("an array")) };
        return rule.is(&vec![Type::Int; usize::from(*ndim)], rule.result);
    }
    let (elem, ndim) = rule.first("an array", |ty| match ty {
        Type::Array { elem, ndim } => Some((*elem, *ndim)),
        _ => None,
    })?;
    let mut args = vec![rule.args[0].clone()];
    match op {
        Op::ArrayShape(dimension) | Op::ArrayStride(dimension) if *dimension >= ndim => {
            Err(format!("there is no dimension {dimension}"))
        }
        Op::ArrayShape(_) | Op::ArrayStride(_) => rule.is(&args, &Type::Int),
        Op::ArrayGet => {
            args.extend(vec![Type::Int; usize::from(ndim)]);
            rule.is(&args, &Type::Np(elem))
        }
        Op::ArraySet => {
            args.extend(vec![Type::Int; usize::from(ndim)]);
            args.push(Type::Np(elem));
            rule.is(&args, &Type::None)
        }
        Op::ArrayRow if ndim != 2 => Err("an array of one dimension has no rows".to_string()),
        Op::ArrayRow => {
            args.push(Type::Int);
            rule.is(&args, &Type::Array { elem, ndim: 1 })
        }
        Op::ArrayIsFlat => rule.is(&args, &Type::Bool),
        // The arrays may be of different kinds.
        Op::ArrayOverlaps => {
            args.push(rule.args.get(1).map_or(Type::None, |second| (*second).clone()));
            match args[1] {
                Type::Array { .. } => rule.is(&args, &Type::Bool),
                _ => Err("`array.overlaps` takes two arrays".to_string()),
            }
        }
        other => Err(format!("`{}` is no operation of arrays", other.name())),
    }
}

fn check_view(view: View, rule: &Rule<'_>) -> Checked {
    let (elem, ndim) = rule.first("an array", |ty| match ty {
        Type::Array { elem, ndim } => Some((*elem, *ndim)),
        _ => None,
    })?;
    let array = |ndim: u8| Type::Array { elem, ndim };
    let with_ints = |count: usize| {
        let mut args = vec![rule.args[0].clone()];
        args.extend(vec![Type::Int; count]);
        args
    };
    match view {
        View::Slice(dimension) if dimension >= ndim => Err(format!("there is no dimension {dimension}")),
        View::Slice(_) => rule.is(&with_ints(3), &array(ndim)),
        View::Column | View::Transpose if ndim != 2 => {
            Err(format!("`{}` needs an array of two dimensions", view.name()))
        }
        View::Column => rule.is(&with_ints(1), &array(1)),
        View::Transpose => rule.is(&with_ints(0), &array(2)),
        View::Broadcast => match rule.result {
            Type::Array { ndim: wide, .. } if *wide >= ndim => rule.is(&with_ints(usize::from(*wide)), &array(*wide)),
            _ => Err("`array.broadcast` gives an array of no fewer dimensions".to_string()),
        },
        View::Flat => rule.is(&with_ints(1), &array(1)),
        View::Fold if ndim != 1 => Err("`array.fold` needs an array of one dimension".to_string()),
        View::Fold => rule.is(&with_ints(2), &array(2)),
    }
}

/// Whether the class is one of Python's, or one of the first `count` of the module.
pub fn check_class(class: ExcClass, count: usize) -> Checked {
    match class {
        ExcClass::Own(index) if usize::from(index) >= count => Err(format!("the class `e{index}` does not exist")),
        ExcClass::Own(_) | ExcClass::Builtin(_) => Ok(()),
    }
}

/// Whether the values a terminator uses have the right types.
pub fn check_term(module: &Module, func: &Func, term: &Term) -> Checked {
    if let Term::Raise { class, .. } = term {
        check_class(*class, module.exceptions.0.len())?;
        if module.exceptions.object(*class).is_some() {
            return Err("exceptions of this class carry an object".to_string());
        }
    }
    for target in term.targets() {
        check_args(func, target, &func.block(target.block).params)?;
    }
    let expect = |value, expected: &Type, what: &str| {
        let found = func.type_of(value);
        if found == expected { Ok(()) } else { Err(format!("{what} is `{found}`, not `{expected}`")) }
    };
    match term {
        Term::Jump(_) | Term::Unreachable | Term::Raise { message: None, .. } => Ok(()),
        Term::Branch { cond, .. } => expect(*cond, &Type::Bool, "the condition"),
        Term::Return(value) => expect(*value, &func.result, "the returned value"),
        Term::Raise { message: Some(message), .. } => expect(*message, &Type::Str, "the message"),
        Term::Reraise(value) => expect(*value, &Type::Exception, "the raised value"),
    }
}

/// Whether a handler takes the exception and gets the rest of its arguments.
pub fn check_handler(func: &Func, handler: &Target) -> Checked {
    match func.block(handler.block).params.split_first() {
        Some((first, rest)) if *func.type_of(*first) == Type::Exception => check_args(func, handler, rest),
        _ => Err(format!("the handler `{}` does not take an `exception` first", handler.block)),
    }
}
