//! `enum.Enum` and `IntEnum`. A member is a record of the library that holds its number among the members; its name and its
//! value are what the text of the class says.

use std::rc::Rc;

use ir::{Const, ContainerOp, ExcKind, Op, Prim, RecordKind, RecordType, Type};

use super::call::CallArguments;
use super::index::Index;
use super::{Lowered, Lowerer, Stop, Thing, Val};
use crate::classes::{Class, ClassKind, is_constant};
use crate::enumerations;
use crate::parse::ast::{self, CmpOp, Expr, Ranged};
use crate::shape::Shape;

/// Behind the name of the class, before its number.
const MARK: &str = "#enum";
/// Members that one class may have.
const MEMBERS_MAX: usize = 256;

/// The members of a class, without those that are other names of one before, and every name with its member.
struct Members {
    own: Vec<(String, Val)>,
    names: Vec<(String, usize)>,
}

/// The number of the class whose members a type is.
pub fn enum_class(ty: &Type) -> Option<usize> {
    match ty {
        Type::Record(record) if record.kind == RecordKind::Library => record.name.rsplit_once(MARK)?.1.parse().ok(),
        _ => None,
    }
}

/// Whether two sets, or dicts, have the members of one enumeration as items or keys: the runtime compares these by their number.
pub fn hold_same_members(left: &Type, right: &Type) -> bool {
    let is_plain = |ty: &Type| matches!(ty, Type::Bool | Type::Int | Type::Float | Type::Str);
    left == right
        && match left {
            Type::Set { item, .. } => enum_class(item).is_some(),
            Type::Dict(key, value) => enum_class(key).is_some() && is_plain(value),
            _ => false,
        }
}

/// What makes two values one member: equal constants.
fn key_of(val: &Val) -> Option<String> {
    if let Some(items) = &val.items {
        let keys: Option<Vec<String>> = items.iter().map(key_of).collect();
        return Some(format!("({})", keys?.join(",")));
    }
    match val.known.as_ref()? {
        Const::None => Some("None".to_owned()),
        Const::Bool(value) => Some(i64::from(*value).to_string()),
        Const::Int(value) => Some(value.to_string()),
        Const::Float(value) => Some(format!("{value}")),
        Const::Str(text) => Some(format!("{text:?}")),
        Const::Bytes(bytes) => Some(format!("b{bytes:?}")),
    }
}

/// `auto()`.
fn is_auto(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => match &*call.func {
            Expr::Name(name) => name.id.as_str() == "auto",
            Expr::Attribute(attribute) => attribute.attr.as_str() == "auto",
            _ => false,
        },
        _ => false,
    }
}

impl<'c, 'p> Lowerer<'c, 'p> {
    /// The class, where the number is that of an enumeration.
    pub fn enumeration(&mut self, number: usize) -> Lowered<Option<Rc<Class<'p>>>> {
        let class = self.class(number)?;
        Ok(matches!(class.kind, ClassKind::Enum(_)).then_some(class))
    }

    fn members(&mut self, class: &Rc<Class<'p>>) -> Lowered<Members> {
        let mut members = Members { own: Vec::new(), names: Vec::new() };
        let mut keys: Vec<String> = Vec::new();
        for (name, expr, owner) in &class.constants {
            if name.starts_with('_') || keys.len() >= MEMBERS_MAX {
                return self.refuse_enumeration(class, &format!("`{name}`"));
            }
            let val = if is_auto(expr) && class.kind == ClassKind::Enum(enumerations::Members::Text) {
                self.str(&name.to_lowercase())
            } else if is_auto(expr) && class.kind == ClassKind::Enum(enumerations::Members::Str) {
                return self.refuse_enumeration(class, "`auto()`");
            } else if is_auto(expr) {
                let before: Option<Vec<i64>> = members.own.iter().map(|(_, val)| val.known_int()).collect();
                match before.map(|before| (before.is_sorted(), before.last().copied())) {
                    Some((true, last)) => self.int(last.unwrap_or(0).saturating_add(1)),
                    _ => return self.refuse_enumeration(class, "`auto()` behind other values"),
                }
            } else if is_constant(expr) {
                self.class_value(*owner, expr)?
            } else {
                return self.refuse_enumeration(class, &format!("the value of `{name}`"));
            };
            let Some(key) = key_of(&val) else {
                return self.refuse_enumeration(class, &format!("the value of `{name}`"));
            };
            let fits = match class.kind {
                ClassKind::Enum(enumerations::Members::Int) => *val.ty() == Type::Int,
                ClassKind::Enum(enumerations::Members::Str | enumerations::Members::Text) => *val.ty() == Type::Str,
                _ => true,
            };
            if !fits {
                return self.refuse_enumeration(class, &format!("the value of `{name}`"));
            }
            let position = keys.iter().position(|known| *known == key).unwrap_or_else(|| {
                keys.push(key);
                members.own.push((name.clone(), val));
                keys.len() - 1
            });
            members.names.push((name.clone(), position));
        }
        Ok(members)
    }

    fn refuse_enumeration<T>(&mut self, class: &Class<'p>, what: &str) -> Lowered<T> {
        let message = format!("{what} in the enumeration `{}` cannot be compiled", class.name);
        self.fail("unsupported-class", message, Some("give each member a constant".to_owned()))
    }

    fn member_type(class: &Class<'p>) -> Type {
        let fields = vec![("index".to_owned(), Type::Int)];
        let name = format!("{}{MARK}{}", class.name, class.number);
        Type::Record(RecordType { kind: RecordKind::Library, name, fields }.into())
    }

    fn member_at(&mut self, class: &Class<'p>, index: &Val) -> Val {
        let index = Val { shape: Shape::from(Type::Int), ..index.clone() };
        self.aggregate(Self::member_type(class), &[index])
    }

    /// All members, in order.
    pub fn all_members(&mut self, class: &Rc<Class<'p>>) -> Lowered<Vec<Val>> {
        let count = self.members(class)?.own.len();
        let mut all = Vec::new();
        for index in 0..count {
            let index = self.int(index as i64);
            all.push(self.member_at(class, &index));
        }
        Ok(all)
    }

    /// `Class.name`.
    pub fn member_named(&mut self, class: &Rc<Class<'p>>, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        let members = self.members(class)?;
        match members.names.iter().find(|(known, _)| known == name) {
            Some((_, index)) => {
                let index = self.int(*index as i64);
                Ok(Thing::Val(self.member_at(class, &index)))
            }
            None => {
                let known = members.names.iter().map(|(known, _)| known.as_str());
                let help = crate::nearest::nearest(name, known).map(|near| format!("did you mean `{near}`?"));
                self.fail_at(node, "unknown-attribute", format!("`{}` has no member `{name}`", class.name), help)
            }
        }
    }

    /// `Class(value)`: the member with this value.
    pub fn member_of_value(&mut self, class: &Rc<Class<'p>>, arguments: CallArguments) -> Lowered<Val> {
        let vals = self.plain_arguments(&class.name, arguments)?;
        let [value] = vals.as_slice() else {
            return self.fail("wrong-arguments", format!("`{}` takes one value in compiled code", class.name), None);
        };
        let class = class.clone();
        self.each_variant(value, &mut |lowerer, value| {
            if enum_class(value.ty()) == Some(class.number) {
                return Ok(value);
            }
            let members = lowerer.members(&class)?;
            let mut found = lowerer.int(-1);
            for (index, (_, own)) in members.own.iter().enumerate() {
                let equal = lowerer.equal(&value, own, false)?;
                let index = lowerer.int(index as i64);
                found = lowerer.select(&equal, &index, &found);
            }
            let shown = lowerer.repr_of(&value)?;
            let message = lowerer.concat_text(&shown, &format!(" is not a valid {}", class.name));
            lowerer.found_member(&class, &found, ExcKind::ValueError, &message)
        })
    }

    /// `Class[name]`: the member with this name.
    pub fn member_of_name(&mut self, class: &Rc<Class<'p>>, index: &Index) -> Lowered<Val> {
        let name = self.index_val(index)?;
        let class = class.clone();
        self.each_variant(&name, &mut |lowerer, name| {
            let name = lowerer.hashable(&name)?;
            let members = lowerer.members(&class)?;
            let mut found = lowerer.int(-1);
            for (known, index) in &members.names {
                let known = lowerer.str(known);
                let equal = lowerer.equal(&name, &known, false)?;
                let index = lowerer.int(*index as i64);
                found = lowerer.select(&equal, &index, &found);
            }
            let message = lowerer.repr_of(&name)?;
            lowerer.found_member(&class, &found, ExcKind::KeyError, &message)
        })
    }

    fn found_member(&mut self, class: &Class<'p>, index: &Val, missing: ExcKind, message: &Val) -> Lowered<Val> {
        if index.known_int().is_some_and(|known| known < 0) {
            // No member equals a value of this type.
            return Err(self.raise_with(missing, Some(message)));
        }
        let zero = self.int(0);
        let is_there = self.prim(Prim::IntGe, &[index, &zero]);
        let (holds, fails) = self.branch(&is_there)?;
        self.continue_at(fails);
        if self.is_live() {
            self.raise_with(missing, Some(message));
        }
        self.continue_at(holds);
        if self.is_live() { Ok(self.member_at(class, index)) } else { Err(Stop::Dead) }
    }

    /// One of several values, by a member's number.
    fn by_number(&mut self, member: &Val, vals: Vec<Val>) -> Lowered<Val> {
        let index = self.field(member, 0);
        if let Some(known) = index.known_int() {
            return vals.into_iter().nth(usize::try_from(known).unwrap_or(usize::MAX)).ok_or(Stop::Failed);
        }
        let shape = self.common_shape(&vals);
        let Some((first, rest)) = vals.split_first() else { return Err(Stop::Dead) };
        let mut found = self.coerce(first, &shape)?;
        for (number, val) in rest.iter().enumerate() {
            let number = self.int(number as i64 + 1);
            let here = self.prim(Prim::IntEq, &[&index, &number]);
            let val = self.coerce(val, &shape)?;
            found = Val { shape: shape.clone(), ..self.emit(Op::Select, &[&here, &val, &found], shape.ty.clone()) };
        }
        Ok(found)
    }

    fn value_of_member(&mut self, member: &Val, class: &Rc<Class<'p>>) -> Lowered<Val> {
        let members = self.members(class)?;
        self.by_number(member, members.own.into_iter().map(|(_, val)| val).collect())
    }

    fn name_of_member(&mut self, member: &Val, class: &Rc<Class<'p>>) -> Lowered<Val> {
        let members = self.members(class)?;
        let names = members.own.iter().map(|(name, _)| self.str(name)).collect();
        self.by_number(member, names)
    }

    /// `member.name`; `None` of something else than a member.
    pub fn attribute_of_member(&mut self, member: &Val, name: &str) -> Lowered<Option<Val>> {
        let Some(number) = enum_class(member.ty()) else { return Ok(None) };
        let class = self.class(number)?;
        match name {
            "value" | "_value_" => self.value_of_member(member, &class).map(Some),
            "name" | "_name_" => self.name_of_member(member, &class).map(Some),
            _ => match self.property(member, name)? {
                Some(val) => Ok(Some(val)),
                None => {
                    let message = format!("`{name}` of a member of `{}` cannot be compiled", class.name);
                    self.fail("unsupported-attribute", message, None)
                }
            },
        }
    }

    /// A member of an `IntEnum` as the `int` that it is, one of a `(str, Enum)` as its text; every other value itself.
    pub fn without_enum(&mut self, val: &Val) -> Lowered<Val> {
        match enum_class(val.ty()) {
            Some(number) if self.is_mixed_member(val.ty()) => {
                let class = self.class(number)?;
                self.value_of_member(val, &class)
            }
            _ => Ok(val.clone()),
        }
    }

    /// The same for the members in a tuple.
    pub fn without_enums(&mut self, val: &Val) -> Lowered<Val> {
        if !matches!(val.ty(), Type::Tuple(_)) {
            return self.without_enum(val);
        }
        let mut items = Vec::new();
        for item in self.fields(val) {
            items.push(self.without_enums(&item)?);
        }
        Ok(self.tuple(&items))
    }

    fn members_kind(&self, ty: &Type) -> Option<enumerations::Members> {
        match self.compiler.known_class(enum_class(ty)?)?.kind {
            ClassKind::Enum(members) => Some(members),
            _ => None,
        }
    }

    /// Whether the type is that of the members of an `IntEnum`.
    pub fn is_int_member(&self, ty: &Type) -> bool {
        self.members_kind(ty) == Some(enumerations::Members::Int)
    }

    /// Whether the type is that of members that are texts.
    pub fn is_str_member(&self, ty: &Type) -> bool {
        matches!(self.members_kind(ty), Some(enumerations::Members::Str | enumerations::Members::Text))
    }

    /// Whether the type is that of members that are numbers or texts as well.
    pub fn is_mixed_member(&self, ty: &Type) -> bool {
        self.is_int_member(ty) || self.is_str_member(ty)
    }

    /// Whether there are members in the type that are equal to a number or a text.
    pub fn has_mixed_members(&self, ty: &Type) -> bool {
        match ty {
            Type::Tuple(items) | Type::Union(items) => items.iter().any(|item| self.has_mixed_members(item)),
            Type::List(item) | Type::Set { item, .. } => self.has_mixed_members(item),
            Type::Dict(key, value) => self.has_mixed_members(key) || self.has_mixed_members(value),
            Type::Record(record) if enum_class(ty).is_none() => {
                record.fields.iter().any(|(_, ty)| self.has_mixed_members(ty))
            }
            _ => self.is_mixed_member(ty),
        }
    }

    /// Whether what the operation looks for or puts into a container may equal what is in it although it is of another type:
    /// a member and its value. The runtime does not find that.
    pub fn mixes_members(&self, op: ContainerOp, args: &[&Val]) -> bool {
        let [container, other, ..] = args else { return false };
        let own = match container.ty() {
            Type::Dict(key, _) => &**key,
            Type::Set { item, .. } => &**item,
            _ => return false,
        };
        let other = match (op, other.ty()) {
            (ContainerOp::DictGet | ContainerOp::DictFind | ContainerOp::DictSet | ContainerOp::DictDelete, key) => key,
            (ContainerOp::SetAdd | ContainerOp::SetDiscard | ContainerOp::SetContains, item) => item,
            (_, Type::Set { item, .. }) => &**item,
            (_, Type::Dict(key, _)) => &**key,
            _ => return false,
        };
        let is_unsure = |ty: &Type| ty.variants().len() > 1;
        *own != Type::None
            && *other != Type::None
            && (self.has_mixed_members(own) || self.has_mixed_members(other))
            && (own != other || is_unsure(own))
    }

    /// `==`, `is`, `<` and the like of a member; `None` for other operands, and where there is no such order.
    pub fn compare_members(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let (a, b) = (enum_class(left.ty()), enum_class(right.ty()));
        if a.is_none() && b.is_none() || matches!(op, CmpOp::In | CmpOp::NotIn) {
            return Ok(None);
        }
        let is_identity = matches!(op, CmpOp::Is | CmpOp::IsNot);
        if !is_identity && (self.is_mixed_member(left.ty()) || self.is_mixed_member(right.ty())) {
            let (left, right) = (self.without_enum(left)?, self.without_enum(right)?);
            return self.compare(op, &left, &right).map(Some);
        }
        let equal = match op {
            CmpOp::Eq | CmpOp::NotEq | CmpOp::Is | CmpOp::IsNot if a == b => {
                let (left, right) = (self.field(left, 0), self.field(right, 0));
                match (left.known_int(), right.known_int()) {
                    (Some(left), Some(right)) => self.bool(left == right),
                    _ => self.prim(Prim::IntEq, &[&left, &right]),
                }
            }
            CmpOp::Eq | CmpOp::NotEq | CmpOp::Is | CmpOp::IsNot => self.bool(false),
            _ => return Ok(None),
        };
        let negated = matches!(op, CmpOp::NotEq | CmpOp::IsNot);
        Ok(Some(if negated { self.not(&equal) } else { equal }))
    }

    /// `str(member)` or `repr(member)`, as `method` says; `None` of something else than a member.
    pub fn text_of_member(&mut self, member: &Val, method: &str) -> Lowered<Option<Val>> {
        let Some(number) = enum_class(member.ty()) else { return Ok(None) };
        if let Some(text) = self.special(member, method)? {
            return Ok(Some(text));
        }
        let class = self.class(number)?;
        match class.kind {
            ClassKind::Enum(enumerations::Members::Int) if method == "__str__" => {
                return self.fail(
                    "unsupported-operation",
                    "the text of a member of an `IntEnum` differs between versions of Python",
                    Some("use its `name` or `value`".to_owned()),
                );
            }
            ClassKind::Enum(enumerations::Members::Text) if method == "__str__" => {
                return self.value_of_member(member, &class).map(Some);
            }
            _ => {}
        }
        let name = self.name_of_member(member, &class)?;
        let before = self.str(&format!("{}{}.", if method == "__repr__" { "<" } else { "" }, class.name));
        let text = self.prim(Prim::StrConcat, &[&before, &name]);
        if method == "__str__" {
            return Ok(Some(text));
        }
        let value = self.value_of_member(member, &class)?;
        let shown = self.repr_of(&value)?;
        let text = self.concat_text(&text, ": ");
        let text = self.prim(Prim::StrConcat, &[&text, &shown]);
        Ok(Some(self.concat_text(&text, ">")))
    }

    /// A member as `format` has it, where that is not its `str`.
    pub fn formatted_member(&mut self, member: &Val) -> Lowered<Val> {
        if self.members_kind(member.ty()) == Some(enumerations::Members::Str)
            && self.class_of(member).is_some_and(|class| class.method("__str__").is_none())
        {
            return self.fail(
                "unsupported-operation",
                "how a member that is a `str` is formatted differs between versions of Python",
                Some("use its `value`, or `str()`".to_owned()),
            );
        }
        Ok(member.clone())
    }

    /// The members of the enumeration that an expression names, where it names one.
    pub fn members_named_by(&mut self, expr: &'p Expr) -> Lowered<Option<Vec<Val>>> {
        let is_path = match expr {
            Expr::Name(_) => true,
            Expr::Attribute(attribute) => attribute.value.is_name_expr(),
            _ => false,
        };
        if !is_path {
            return Ok(None);
        }
        let before = self.restart();
        if let Thing::Static(super::Static::Class(number)) = self.thing(expr)?
            && let Some(class) = self.enumeration(number)?
        {
            return self.all_members(&class).map(Some);
        }
        self.start_again(before);
        Ok(None)
    }

    /// Arguments of which the first, where it is an enumeration, is the list of its members.
    pub fn members_as_list(&mut self, mut arguments: CallArguments) -> Lowered<CallArguments> {
        if let Some(Thing::Static(super::Static::Class(number))) = arguments.positional.first()
            && let Some(class) = self.enumeration(*number)?
        {
            let members = self.all_members(&class)?;
            arguments.positional[0] = Thing::Val(self.list_of(&members)?);
        }
        Ok(arguments)
    }

    /// `len(Class)`; `None` when the call is something else.
    pub fn count_of_members(&mut self, call: &'p ast::ExprCall) -> Lowered<Option<Val>> {
        let [only] = &*call.arguments.args else { return Ok(None) };
        Ok(self.members_named_by(only)?.map(|members| self.int(members.len() as i64)))
    }
}
