//! The built-ins that reduce an iterable to a value: `sum`, `min`, `max`, `any`, `all`, `sorted`, `list`.

use ir::{ExcKind, Prim, Type};

use super::iterate::Source;
use super::number::is_number;
use super::statics::Function;
use super::{Edge, Lowered, Lowerer, Stop, Val, Var};
use crate::parse::ast::{self, CmpOp, Expr, Operator};
use crate::shape::python_name;

/// The arguments of a call with keywords: the expressions by position, and those of the allowed keywords.
pub struct Arguments<'p, const N: usize> {
    pub positional: &'p [Expr],
    pub keywords: [Option<&'p Expr>; N],
}

impl<'c, 'p> Lowerer<'c, 'p> {
    /// Sorts a call's arguments; keywords other than the allowed ones are refused.
    pub fn arguments<const N: usize>(
        &mut self,
        call: &'p ast::ExprCall,
        name: &str,
        allowed: [&str; N],
    ) -> Lowered<Arguments<'p, N>> {
        let mut keywords = [None; N];
        for keyword in &call.arguments.keywords {
            let position = keyword.arg.as_ref().and_then(|arg| allowed.iter().position(|known| *known == arg.as_str()));
            let Some(position) = position else {
                let shown = keyword.arg.as_ref().map_or("**", |arg| arg.as_str());
                return self.fail_at(
                    keyword,
                    "wrong-arguments",
                    format!("`{name}` does not take the keyword argument `{shown}`"),
                    None,
                );
            };
            keywords[position] = Some(&keyword.value);
        }
        if let Some(starred) = call.arguments.args.iter().find(|arg| arg.is_starred_expr()) {
            return self.fail_at(starred, "unsupported-expression", "`*` in this call cannot be compiled", None);
        }
        Ok(Arguments { positional: &call.arguments.args, keywords })
    }

    /// Runs through a source with an accumulator.
    pub fn accumulate(
        &mut self,
        source: Source<'p>,
        init: Val,
        step: &mut dyn FnMut(&mut Self, Val, Val) -> Lowered<Val>,
    ) -> Lowered<Val> {
        let hidden = self.var_count();
        let total = self.hidden(Var::Bound(init));
        let mut assigned = source.binds(self);
        assigned.push(total);
        let exits = self.open_collector();
        let (key, place) = (self.place.start, self.place);
        let lowered = self.for_each(source, key, &assigned, None, exits, &mut |lowerer, item| {
            lowerer.at_place(place);
            let before = lowerer.hidden_val(total)?;
            let after = step(lowerer, before, item)?;
            lowerer.set_val(total, after);
            Ok(())
        });
        let ends = self.close_collector(exits);
        lowered?;
        self.join(ends, None)?;
        let result = self.hidden_val(total)?;
        self.drop_hidden(hidden);
        Ok(result)
    }

    /// `sum(iterable, start)`. Plain additions from left to right, as CPython does it up to 3.11; since 3.12 it adds floats
    /// with compensation, and this is the place to change for such a target.
    pub fn sum(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let Arguments { positional, keywords: [start] } = self.arguments(call, "sum", ["start"])?;
        let (iterable, start) = match positional {
            [iterable] => (iterable, start),
            [iterable, start] => (iterable, Some(start)),
            _ => return self.fail_at(call, "wrong-arguments", "`sum` takes an iterable and a start", None),
        };
        let source = self.iterable(iterable)?;
        let start = match start {
            Some(start) => self.expr(start)?,
            None => self.literal(ir::Const::Int(0)),
        };
        self.at_call(call);
        let start = self.each_variant(&start, &mut |lowerer, start| match start.ty() {
            Type::Str => lowerer.clash("sum() can't sum strings [use ''.join(seq) instead]"),
            Type::Bytes => lowerer.clash("sum() can't sum bytes [use b''.join(seq) instead]"),
            _ => Ok(start),
        })?;
        let start = Val { known: None, ..start };
        self.accumulate(source, start, &mut |lowerer, total, item| lowerer.binary(Operator::Add, &total, &item, false))
    }

    /// `any(iterable)` and `all(iterable)`.
    pub fn any_or_all(&mut self, call: &'p ast::ExprCall, is_any: bool) -> Lowered<Val> {
        let name = if is_any { "any" } else { "all" };
        let Arguments { positional: [iterable], .. } = self.arguments(call, name, [])? else {
            return self.fail_at(call, "wrong-arguments", format!("`{name}` takes one argument"), None);
        };
        let source = self.iterable(iterable)?;
        self.at_call(call);
        self.refuse_abandoned(&source)?;
        let hidden = self.var_count();
        let decided = self.open_collector();
        let exits = self.open_collector();
        let assigned = source.binds(self);
        let key = self.place.start;
        let lowered = self.for_each(source, key, &assigned, None, exits, &mut |lowerer, item| {
            let (holds, fails) = lowerer.split(&item, None, &mut |lowerer, val| lowerer.truth(val))?;
            let (done, open) = if is_any { (holds, fails) } else { (fails, holds) };
            lowerer.collect(decided, done.into_iter().map(|(edge, _)| edge));
            lowerer.join(open.into_iter().map(|(edge, _)| edge).collect(), None)
        });
        let ends = self.close_collector(exits);
        let early = self.close_collector(decided);
        lowered?;
        let (holds, fails) = if is_any { (early, ends) } else { (ends, early) };
        let result = self.truth_of_edges(holds, fails)?;
        self.drop_hidden(hidden);
        Ok(result)
    }

    /// `min` and `max`, of several arguments or of an iterable.
    pub fn extreme(&mut self, call: &'p ast::ExprCall, op: CmpOp, name: &'static str) -> Lowered<Val> {
        if let ([Expr::Starred(starred)], []) = (&*call.arguments.args, &*call.arguments.keywords) {
            return self.extreme_of_star(call, starred, op, name);
        }
        if call.arguments.keywords.is_empty() && call.arguments.args.iter().any(Expr::is_starred_expr) {
            return self.extreme_of_stars(call, op, name);
        }
        let Arguments { positional, keywords: [key, default] } = self.arguments(call, name, ["key", "default"])?;
        match positional {
            [] => self.fail_at(call, "wrong-arguments", format!("`{name}` expected at least 1 argument, got 0"), None),
            [iterable] => {
                let source = self.iterable(iterable)?;
                let key = self.key_function(key)?;
                let default = default.map(|default| self.expr(default)).transpose()?;
                self.at_call(call);
                self.extreme_of(source, op, name, key, default)
            }
            several => {
                let vals = self.exprs(several)?;
                let key = self.key_function(key)?;
                if let Some(default) = default {
                    let message = format!("cannot specify a default for `{name}` with multiple positional arguments");
                    return self.fail_at(default, "wrong-arguments", message, None);
                }
                self.at_call(call);
                self.extreme_of_values(&vals, op, key.as_ref())
            }
        }
    }

    /// `max(*numbers)`: of two or more it is `max(numbers)`, of fewer a `TypeError`.
    fn extreme_of_star(
        &mut self,
        call: &'p ast::ExprCall,
        starred: &'p ast::ExprStarred,
        op: CmpOp,
        name: &'static str,
    ) -> Lowered<Val> {
        let list = match self.iterable_thing(&starred.value)? {
            Err(val) if matches!(val.ty(), Type::Tuple(items) if items.len() > 1) => {
                let vals = self.fields(&val);
                self.at_call(call);
                return self.extreme_of_values(&vals, op, None);
            }
            source => self.list_behind_star(source, starred)?,
        };
        self.at_call(call);
        let item = self.element_shape(&list).ty;
        if !item.variants().iter().all(|ty| is_number(ty) || *ty == Type::None) {
            let message = format!("`*` in this call of `{name}` cannot be compiled");
            return self.fail("unsupported-expression", message, Some(format!("use `{name}(...)` of the list itself")));
        }
        let (length, two) = (self.length(&list)?, self.int(2));
        let fits = self.prim(Prim::IntGe, &[&length, &two]);
        self.require(&fits, ExcKind::TypeError, &format!("{name} expected at least 2 arguments"))?;
        self.extreme_of(Source::List(list), op, name, None, None)
    }

    /// `max(0, *numbers)`: that of a list of all of them; of one number alone it is a `TypeError`.
    fn extreme_of_stars(&mut self, call: &'p ast::ExprCall, op: CmpOp, name: &'static str) -> Lowered<Val> {
        let list = self.list_of_exprs(&call.arguments.args, None, call)?;
        self.at_call(call);
        let item = self.element_shape(&list).ty;
        if !item.variants().iter().all(is_number) {
            let message = format!("`*` in this call of `{name}` cannot be compiled");
            return self.fail("unsupported-expression", message, Some(format!("use `{name}(...)` of a list")));
        }
        let (length, two) = (self.length(&list)?, self.int(2));
        let fits = self.prim(Prim::IntGe, &[&length, &two]);
        let given = if let [only] = item.variants() { python_name(only) } else { "int".to_owned() };
        self.require(&fits, ExcKind::TypeError, &format!("'{given}' object is not iterable"))?;
        self.extreme_of(Source::List(list), op, name, None, None)
    }

    /// The `key=` of `min`, `max` and `sorted`.
    pub fn key_function(&mut self, key: Option<&'p Expr>) -> Lowered<Option<Function>> {
        match key {
            None | Some(Expr::NoneLiteral(_)) => Ok(None),
            // A parameter that was left out.
            Some(Expr::Name(name)) if self.holds_none(name) => Ok(None),
            Some(expr) => self.callable(expr).map(Some),
        }
    }

    fn holds_none(&mut self, name: &ast::ExprName) -> bool {
        let slot = self.slot(name.id.as_str());
        let var = slot.and_then(|slot| self.env().map(|env| env.var(slot)));
        matches!(var, Some(Var::Bound(val)) if *val.ty() == Type::None)
    }

    fn key_of(&mut self, key: Option<&Function>, item: &Val) -> Lowered<Val> {
        match key {
            Some(key) => self.call_passed(key, std::slice::from_ref(item)),
            None => Ok(item.clone()),
        }
    }

    pub fn extreme_of_values(&mut self, vals: &[Val], op: CmpOp, key: Option<&Function>) -> Lowered<Val> {
        let place = self.place;
        let Some((first, rest)) = vals.split_first() else { return Err(Stop::Failed) };
        let mut best = first.clone();
        let mut best_key = self.key_of(key, first)?;
        for val in rest {
            let val_key = self.key_of(key, val)?;
            self.at_place(place);
            let (val_, key_) = self.better(op, &best, &best_key, val, &val_key)?;
            best = val_;
            best_key = if key.is_some() { key_ } else { best.clone() };
        }
        Ok(best)
    }

    /// The better of two values with their keys.
    fn better(&mut self, op: CmpOp, best: &Val, best_key: &Val, val: &Val, val_key: &Val) -> Lowered<(Val, Val)> {
        let found = self.compare(op, val_key, best_key)?;
        let (holds, fails) = self.split(&found, None, &mut |lowerer, val| lowerer.truth(val))?;
        let pair_of = |lowerer: &mut Self, side: Vec<(Edge, Val)>, val: &Val, key: &Val| -> Vec<(Edge, Val)> {
            if lowerer.join(side.into_iter().map(|(edge, _)| edge).collect(), None).is_err() {
                return Vec::new();
            }
            let pair = lowerer.tuple(&[val.clone(), key.clone()]);
            lowerer.detach().map(|edge| (edge, pair)).into_iter().collect()
        };
        let mut edges = pair_of(self, holds, val, val_key);
        edges.extend(pair_of(self, fails, best, best_key));
        let pair = self.join_values(edges)?;
        Ok((self.field(&pair, 0), self.field(&pair, 1)))
    }

    fn extreme_of(
        &mut self,
        source: Source<'p>,
        op: CmpOp,
        name: &str,
        key: Option<Function>,
        default: Option<Val>,
    ) -> Lowered<Val> {
        let hidden = self.var_count();
        let place = self.place;
        let best = self.hidden(Var::Unbound);
        let best_key = self.hidden(Var::Unbound);
        let mut assigned = source.binds(self);
        assigned.extend([best, best_key]);
        let exits = self.open_collector();
        let lowered = self.for_each(source, place.start, &assigned, None, exits, &mut |lowerer, item| {
            let item_key = lowerer.key_of(key.as_ref(), &item)?;
            lowerer.at_place(place);
            lowerer.replace_best(op, (best, best_key), item, item_key, key.is_some())
        });
        let ends = self.close_collector(exits);
        lowered?;
        self.join(ends, None)?;
        let var = self.env().map_or(Var::Unbound, |env| env.var(best));
        let result = match var {
            Var::Bound(val) => val,
            Var::Maybe(val, flag) => {
                let flag = Val::new(flag, Type::Bool);
                self.or_default(name, &flag, Some(val), default)?
            }
            _ => {
                let never = self.bool(false);
                self.or_default(name, &never, None, default)?
            }
        };
        self.drop_hidden(hidden);
        Ok(result)
    }

    /// One more item for `min` or `max`: the first one is the best so far.
    fn replace_best(
        &mut self,
        op: CmpOp,
        (best, best_key): (usize, usize),
        item: Val,
        item_key: Val,
        keyed: bool,
    ) -> Lowered<()> {
        let vars = self.env().map(|env| (env.var(best), env.var(best_key)));
        let (known, flag) = match vars {
            Some((Var::Maybe(val, flag), Var::Maybe(key, _))) => ((val, key), Some(flag)),
            Some((Var::Bound(val), Var::Bound(key))) => ((val, key), None),
            _ => {
                self.set_val(best, item);
                self.set_val(best_key, item_key);
                return Ok(());
            }
        };
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        if let Some(flag) = flag {
            let flag = Val::new(flag, Type::Bool);
            let (some, none) = self.branch(&flag)?;
            if let Some(edge) = none {
                self.attach(edge);
                let pair = self.tuple(&[item.clone(), item_key.clone()]);
                edges.extend(self.detach().map(|edge| (edge, pair)));
            }
            self.continue_at(some);
        }
        let known_key = if keyed { known.1 } else { known.0.clone() };
        // Items that cannot be compared are one item on the other side of the branch.
        let better = self.better(op, &known.0, &known_key, &item, &item_key);
        match self.raise_clash(better) {
            Ok((val, key)) => {
                let pair = self.tuple(&[val, key]);
                edges.extend(self.detach().map(|edge| (edge, pair)));
            }
            Err(Stop::Dead) => {}
            Err(other) => return Err(other),
        }
        let pair = self.join_values(edges)?;
        let (val, key) = (self.field(&pair, 0), self.field(&pair, 1));
        self.set_val(best, val);
        self.set_val(best_key, key);
        Ok(())
    }

    /// What was found where the flag is true, else the default or `ValueError`.
    fn or_default(&mut self, name: &str, flag: &Val, found: Option<Val>, default: Option<Val>) -> Lowered<Val> {
        let (some, none) = self.branch(flag)?;
        let mut edges: Vec<(Edge, Val)> = Vec::new();
        if let Some(edge) = none {
            self.attach(edge);
            match &default {
                Some(default) => edges.extend(self.detach().map(|edge| (edge, default.clone()))),
                None => {
                    let message = format!("{name}() arg is an empty sequence");
                    self.raise(ExcKind::ValueError, &message);
                }
            }
        }
        if let (Some(edge), Some(found)) = (some, found) {
            edges.push((edge, found));
        }
        self.join_values(edges)
    }

    // `sorted`, `list`, `tuple`.

    /// `sorted(iterable, key=, reverse=)`.
    pub fn sorted(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let Arguments { positional, keywords: [key, reverse] } = self.arguments(call, "sorted", ["key", "reverse"])?;
        let [iterable] = positional else {
            return self.fail_at(call, "wrong-arguments", "`sorted` takes one iterable", None);
        };
        let source = self.iterable(iterable)?;
        let key = self.key_function(key)?;
        let reverse = self.reverse_flag(reverse)?;
        self.at_call(call);
        let list = self.collect_list(source, self.place.start)?;
        self.at_call(call);
        self.sort_in_place(&list, key, &reverse, false)?;
        Ok(list)
    }

    /// Keys that are records, as the tuples that they compare as.
    pub fn plain_keys(&mut self, keys: Val) -> Lowered<Val> {
        let item = self.list_item_shape(&keys);
        if self.has_mixed_members(&item.ty) && matches!(item.ty, Type::Tuple(_) | Type::Record(_)) {
            let plain = self.new_list(&[], None, self.place.start | 1 << 29)?;
            self.each_item(Source::List(keys), 1 << 29, &mut |lowerer, item| {
                let key = lowerer.without_enums(&item)?;
                lowerer.append(&plain, &key)
            })?;
            return Ok(plain);
        }
        if self.sort_key(&Val::new(keys.id, item))?.is_none() {
            return Ok(keys);
        }
        let plain = self.new_list(&[], None, self.place.start | 1 << 29)?;
        self.each_item(Source::List(keys), 1 << 29, &mut |lowerer, item| match lowerer.sort_key(&item)? {
            Some(_) if matches!(item.ty(), Type::Object(_)) => {
                let Some(class) = lowerer.class_of(&item) else { return Err(Stop::Failed) };
                let key = lowerer.compared(&class, &item)?;
                lowerer.append(&plain, &key)
            }
            Some(fields) => {
                let fields: Vec<Val> = fields.into_iter().map(|index| lowerer.field(&item, index)).collect();
                let key = lowerer.tuple(&fields);
                lowerer.append(&plain, &key)
            }
            None => Err(Stop::Failed),
        })?;
        Ok(plain)
    }

    /// `list(iterable)`.
    pub fn list_builtin(&mut self, call: &'p ast::ExprCall) -> Lowered<Val> {
        let Arguments { positional, .. } = self.arguments(call, "list", [])?;
        let key = call.range_start.to_u32();
        match positional {
            [] => self.new_list(&[], None, key),
            [iterable] => {
                let source = self.iterable(iterable)?;
                self.at_call(call);
                self.collect_list(source, key)
            }
            _ => self.fail_at(call, "wrong-arguments", "`list` takes at most one argument", None),
        }
    }

    /// `divmod(a, b)`.
    pub fn divmod(&mut self, left: &Val, right: &Val) -> Lowered<Val> {
        self.dispatch(&[left.clone(), right.clone()], &mut |lowerer, vals| {
            let [a, b] = vals else { return Err(Stop::Failed) };
            if let Some(found) = lowerer.special_with(a, "__divmod__", std::slice::from_ref(b))? {
                return Ok(found);
            }
            let number = |ty: &Type| super::number::is_number(ty) || matches!(ty, Type::Np(_));
            if a.array_elem().is_some() || b.array_elem().is_some() {
                let help = Some("use `//` and `%`".to_owned());
                return lowerer.fail("unsupported-operation", "`divmod` of arrays cannot be compiled", help);
            }
            if !number(a.ty()) || !number(b.ty()) {
                for (one, other) in [(a, b), (b, a)] {
                    if matches!(one.ty(), Type::Np(_)) {
                        lowerer.refuse_beside_scalar(Operator::FloorDiv, one, other)?;
                    }
                }
                let (x, y) = (python_name(a.ty()), python_name(b.ty()));
                return lowerer.clash(format!("unsupported operand type(s) for divmod(): '{x}' and '{y}'"));
            }
            let quotient = lowerer.binary(Operator::FloorDiv, a, b, false)?;
            let remainder = lowerer.binary(Operator::Mod, a, b, false)?;
            Ok(lowerer.tuple(&[quotient, remainder]))
        })
    }
}
