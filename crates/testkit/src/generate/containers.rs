//! Lists, tuples, dicts and sets in generated programs: expressions that make them, use them and change them.

use super::{DEPTH_MAX, Kind, Writer, has_fixed_hash};

/// Whether `repr` of the value is the same everywhere: a set of strings has another order in every process.
pub(super) fn is_shown_alike(kind: &Kind) -> bool {
    match kind {
        Kind::Bool | Kind::Int | Kind::Float | Kind::Str | Kind::Any => true,
        Kind::List(item) => is_shown_alike(item),
        Kind::Tuple(items) => items.iter().all(is_shown_alike),
        Kind::Dict(key, value) => is_shown_alike(key) && is_shown_alike(value),
        Kind::Set(item) => has_fixed_hash(item),
    }
}

/// Whether a NaN may be in the value: CPython compares the items of containers by identity first, so that the same NaN object
/// is equal to itself there (difference 9).
fn may_hold_nan(kind: &Kind) -> bool {
    match kind {
        Kind::Float | Kind::Any => true,
        Kind::Bool | Kind::Int | Kind::Str => false,
        Kind::List(item) | Kind::Set(item) => may_hold_nan(item),
        Kind::Tuple(items) => items.iter().any(may_hold_nan),
        Kind::Dict(key, value) => may_hold_nan(key) || may_hold_nan(value),
    }
}

impl Writer {
    /// A container type.
    pub(super) fn container(&mut self) -> Kind {
        match self.random.below(8) {
            0..=2 => Kind::List(Box::new(self.scalar())),
            3 => Kind::List(Box::new(Kind::Tuple(vec![self.scalar(), self.scalar()]))),
            4 => Kind::Tuple((0..1 + self.random.below(3)).map(|_| self.scalar()).collect()),
            5..=6 => Kind::Dict(Box::new(self.key()), Box::new(self.dict_value())),
            _ => Kind::Set(Box::new(self.key())),
        }
    }

    /// A type whose values can be keys. Floats are left out: NaN is a key by its identity.
    fn key(&mut self) -> Kind {
        match self.random.below(5) {
            0..=1 => Kind::Int,
            2..=3 => Kind::Str,
            _ => Kind::Tuple(vec![Kind::Int, Kind::Bool]),
        }
    }

    fn dict_value(&mut self) -> Kind {
        if self.random.one_in(4) { Kind::List(Box::new(Kind::Int)) } else { self.scalar() }
    }

    /// A type whose `repr` is compared.
    pub(super) fn kind_to_show(&mut self) -> Kind {
        let kind = self.kind();
        if is_shown_alike(&kind) { kind } else { Kind::Str }
    }

    fn items(&mut self, item: &Kind, depth: usize) -> String {
        let items: Vec<String> = (0..1 + self.random.below(3)).map(|_| self.expression(item, depth)).collect();
        items.join(", ")
    }

    /// A display with simple items.
    pub(super) fn display(&mut self, kind: &Kind) -> String {
        let depth = DEPTH_MAX;
        match kind {
            Kind::List(item) => format!("[{}]", self.items(item, depth)),
            Kind::Set(item) => format!("{{{}}}", self.items(item, depth)),
            Kind::Tuple(items) => self.tuple(items, depth),
            Kind::Dict(key, value) => {
                let entries: Vec<String> = (0..1 + self.random.below(3))
                    .map(|_| format!("{}: {}", self.expression(key, depth), self.expression(value, depth)))
                    .collect();
                format!("{{{}}}", entries.join(", "))
            }
            scalar => self.expression(scalar, depth),
        }
    }

    pub(super) fn tuple(&mut self, items: &[Kind], depth: usize) -> String {
        let items: Vec<String> = items.iter().map(|item| self.expression(item, depth)).collect();
        format!("({},)", items.join(", "))
    }

    pub(super) fn list(&mut self, item: &Kind, depth: usize) -> String {
        let own = Kind::List(Box::new(item.clone()));
        match self.random.below(9) {
            0 => format!("[{}]", self.items(item, depth)),
            1 => format!("({} + {})", self.expression(&own, depth), self.display(&own)),
            2 => {
                let (start, stop) = (self.bound(), self.bound());
                let step = self.random.pick(&["", "", ":-1", ":2"]);
                format!("{}[{start}:{stop}{step}]", self.expression(&own, depth))
            }
            3 => format!("({} * {})", self.expression(&own, depth), self.random.below(3)),
            4 => format!("list(reversed({}))", self.expression(&own, depth)),
            5 if is_ordered(item) => format!("sorted({})", self.expression(&own, depth)),
            _ => self.list_comprehension(item, depth),
        }
    }

    fn list_comprehension(&mut self, item: &Kind, depth: usize) -> String {
        let (name, source) = self.comprehension_source();
        let known = self.variables.len();
        self.variables.push((name.clone(), source.1));
        let element = self.expression(item, depth.max(DEPTH_MAX - 2));
        let condition = if self.random.one_in(3) {
            format!(" if {}", self.expression(&Kind::Bool, depth.max(DEPTH_MAX - 1)))
        } else {
            String::new()
        };
        self.variables.truncate(known);
        format!("[{element} for {name} in {}{condition}]", source.0)
    }

    /// A name and what it runs over.
    fn comprehension_source(&mut self) -> (String, (String, Kind)) {
        let name = self.fresh();
        if self.random.one_in(2)
            && let Some((container, kind)) = self.name_of(|kind| kind.item().is_some())
            && let Some(item) = kind.item()
        {
            return (name, (container, item));
        }
        (name, (format!("range({})", self.random.below(5)), Kind::Int))
    }

    pub(super) fn dict(&mut self, key: &Kind, value: &Kind, depth: usize) -> String {
        let own = Kind::Dict(Box::new(key.clone()), Box::new(value.clone()));
        match self.random.below(4) {
            0 => format!("({} | {})", self.expression(&own, depth), self.display(&own)),
            1 => {
                let (name, source) = self.comprehension_source();
                let known = self.variables.len();
                self.variables.push((name.clone(), source.1));
                let (key, value) = (self.expression(key, DEPTH_MAX), self.expression(value, DEPTH_MAX));
                self.variables.truncate(known);
                format!("{{{key}: {value} for {name} in {}}}", source.0)
            }
            2 => format!("dict({})", self.expression(&own, depth)),
            _ => self.display(&own),
        }
    }

    pub(super) fn set(&mut self, item: &Kind, depth: usize) -> String {
        let own = Kind::Set(Box::new(item.clone()));
        match self.random.below(4) {
            0 => {
                let operator = self.random.pick(&["|", "&", "-", "^"]);
                format!("({} {operator} {})", self.expression(&own, depth), self.display(&own))
            }
            1 => format!("set({})", self.expression(&Kind::List(Box::new(item.clone())), depth)),
            _ => self.display(&own),
        }
    }

    /// An element of a container that holds the kind: it may not be there, which is an exception.
    pub(super) fn element(&mut self, wanted: &Kind, depth: usize) -> String {
        let holds = |kind: &Kind| match kind {
            Kind::List(item) => **item == *wanted,
            Kind::Dict(_, value) => **value == *wanted,
            Kind::Tuple(items) => items.contains(wanted),
            _ => false,
        };
        let Some((name, kind)) = self.name_of(holds) else { return self.expression(wanted, DEPTH_MAX) };
        match kind {
            Kind::Dict(key, _) if self.random.one_in(2) => {
                format!("{name}.get({}, {})", self.expression(&key, depth), self.expression(wanted, depth))
            }
            Kind::Dict(key, _) => format!("{name}[{}]", self.expression(&key, DEPTH_MAX)),
            Kind::Tuple(items) => {
                let position = items.iter().position(|item| item == wanted).unwrap_or(0);
                format!("{name}[{position}]")
            }
            _ => format!(
                "{name}[{}]",
                self.random.pick(&["0", "-1", "1", "-2", "len(NAME) // 2"]).replace("NAME", &name)
            ),
        }
    }

    pub(super) fn int_of_container(&mut self, depth: usize) -> String {
        let Some((name, kind)) = self.name_of(|kind| !kind.is_scalar()) else { return "0".to_string() };
        match kind {
            Kind::List(item) if *item == Kind::Int && self.random.one_in(2) => {
                self.random.pick(&["sum(NAME)", "max(NAME)", "min(NAME)"]).replace("NAME", &name)
            }
            Kind::List(item) if !may_hold_nan(&item) => {
                let item = self.expression(&item, depth.max(DEPTH_MAX - 1));
                let method = self.random.pick(&["count", "index"]);
                format!("{name}.{method}({item})")
            }
            _ => format!("len({name})"),
        }
    }

    pub(super) fn test_of_container(&mut self, depth: usize) -> String {
        let Some((name, kind)) = self.name_of(|kind| !kind.is_scalar()) else { return "False".to_string() };
        if may_hold_nan(&kind) {
            return format!("bool({name})");
        }
        if self.random.one_in(4) {
            return format!("({name} == {})", self.expression(&kind, depth.max(DEPTH_MAX - 1)));
        }
        let item = match &kind {
            Kind::List(item) | Kind::Set(item) | Kind::Dict(item, _) => (**item).clone(),
            _ => return format!("bool({name})"),
        };
        let operator = self.random.pick(&["in", "not in"]);
        format!("({} {operator} {name})", self.expression(&item, depth.max(DEPTH_MAX - 1)))
    }

    /// A statement that changes a container in place, seen through every name it has.
    pub(super) fn change_container(&mut self, nesting: usize) {
        let changes = |kind: &Kind| matches!(kind, Kind::List(_) | Kind::Dict(..) | Kind::Set(_));
        let Some((name, kind)) = self.name_of(changes) else { return self.statement(nesting) };
        let text = match kind {
            Kind::List(item) => self.change_list(&name, &item),
            Kind::Dict(key, value) => self.change_dict(&name, &key, &value),
            Kind::Set(item) => {
                let method = self.random.pick(&["add", "discard", "remove", "add"]);
                format!("{name}.{method}({})", self.expression(&item, 2))
            }
            _ => return,
        };
        self.line(nesting, &text);
    }

    fn change_list(&mut self, name: &str, item: &Kind) -> String {
        let value = self.expression(item, 2);
        match self.random.below(9) {
            0..=2 => format!("{name}.append({value})"),
            3 => format!("{name}[{}] = {value}", self.random.pick(&["0", "-1", "1"])),
            4 => format!("{name}.insert({}, {value})", self.random.pick(&["0", "-1", "1", "99"])),
            5 => format!("{name}.pop()"),
            6 => format!("{name}.reverse()"),
            7 if is_ordered(item) => format!("{name}.sort()"),
            _ => format!("{name}[{}:{}] = [{value}]", self.random.below(3), self.random.below(4)),
        }
    }

    fn change_dict(&mut self, name: &str, key: &Kind, value: &Kind) -> String {
        let key = self.expression(key, 3);
        let value = self.expression(value, 3);
        match self.random.below(5) {
            0..=1 => format!("{name}[{key}] = {value}"),
            2 => format!("{name}.setdefault({key}, {value})"),
            3 => format!("{name}.pop({key}, {value})"),
            _ => format!("del {name}[{key}]"),
        }
    }
}

/// Whether every two values of the kind can be compared, and a sort of them has one outcome: NaN has no place.
fn is_ordered(kind: &Kind) -> bool {
    match kind {
        Kind::Bool | Kind::Int | Kind::Str => true,
        Kind::Tuple(items) => items.iter().all(is_ordered),
        _ => false,
    }
}
