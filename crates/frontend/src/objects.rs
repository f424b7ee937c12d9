//! Classes whose instances are changed after they were made: which classes these are, which fields their instances have,
//! and what is in the fields. The type of a field is found by use, over the whole program: it is compiled again until no
//! field has got further types. Knows nothing of how code is made for it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use ir::Type;

use crate::classes::{Class, ClassKind};
use crate::parse::Parsed;
use crate::parse::ast::visitor::{self, Visitor};
use crate::parse::ast::{self, Expr, ExprContext, Stmt};
use crate::shape::{Shape, Sites, element_type, inner_container, join, with_element, with_inner, without_empty};

/// Keys of sites from this one on are those of fields.
pub const FIELD_KEYS: u32 = 0xc000_0000;
/// The key of a field's site: field, then what of it (the container itself, what it holds, what that holds).
const FIELD_STRIDE: u32 = 1 << 6;
/// How deep containers in containers are followed.
const DEEP_MAX: u32 = 20;

/// What is known of the classes, kept from one compilation of the program to the next.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    classes: BTreeMap<usize, ObjectClass>,
    /// The fields of all classes in the order in which they were met: what a site's key says.
    numbers: Vec<(usize, usize)>,
    /// What fields hold that is not in their types yet.
    grown: Vec<((usize, usize), Shape)>,
}

#[derive(Clone, Debug)]
pub struct ObjectClass {
    pub name: Arc<str>,
    pub fields: Vec<ObjectField>,
    is_dataclass: bool,
    /// Instances are handed in from outside.
    is_given: bool,
}

/// A class of which the entry's arguments hold instances.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenClass {
    /// Its number among the functions of the program.
    pub number: usize,
    /// The name of its type in the types of the arguments.
    pub name: Arc<str>,
    pub fields: Vec<GivenField>,
}

/// An attribute of such instances.
#[derive(Clone, Debug, PartialEq)]
pub struct GivenField {
    pub name: String,
    /// What the instances hold, or why that has no type.
    pub held: Result<Type, String>,
    /// Not every instance has it.
    pub may_be_missing: bool,
}

#[derive(Clone, Debug)]
pub struct ObjectField {
    pub name: String,
    /// `None` while nothing is known to be stored in it.
    pub shape: Option<Shape>,
    /// Whether it may be read before it has a value: a flag behind the fields says whether it has one.
    pub may_be_missing: bool,
    /// What it holds that has no type, in an instance that is handed in: nothing can be done with the field then.
    pub refused: Option<String>,
    number: u32,
}

impl ObjectField {
    /// The type that the field has in memory: one of which there is always some value.
    pub fn stored(&self) -> Type {
        match &self.shape {
            None => Type::None,
            Some(shape) if needs_object(&shape.ty) => shape.ty.clone().optional(),
            Some(shape) => shape.ty.clone(),
        }
    }

    /// The shape of a value that is read from the field.
    pub fn shape_with_sites(&self, sites: &mut Sites) -> Shape {
        let shape = self.shape.clone().unwrap_or_else(|| Shape::from(Type::None));
        with_sites(shape.ty, FIELD_KEYS + self.number * FIELD_STRIDE, 1, sites)
    }
}

fn needs_object(ty: &Type) -> bool {
    match ty {
        Type::Object(_) => true,
        Type::Union(variants) => !variants.contains(&Type::None) && variants.iter().any(needs_object),
        other => other.field_types().is_some_and(|fields| fields.iter().any(needs_object)),
    }
}

/// Gives containers the sites by which their element types grow; `code` says where in the field this is.
fn with_sites(ty: Type, field: u32, code: u32, sites: &mut Sites) -> Shape {
    if let Type::Union(variants) = &ty {
        let mut origin = crate::shape::Origin::default();
        let mut containers =
            variants.iter().filter(|variant| element_type(variant).is_some() || inner_container(variant).is_some());
        if let (Some(only), None) = (containers.next(), containers.next()) {
            origin = with_sites(only.clone(), field, code, sites).origin;
        }
        return Shape { ty, origin };
    }
    if let Some(inner) = inner_container(&ty) {
        let parts = vec![with_sites(inner, field, code, sites).origin];
        return Shape { ty, origin: crate::shape::Origin { parts, ..Default::default() } };
    }
    let Some(element) = element_type(&ty) else { return Shape::from(ty) };
    if code > DEEP_MAX {
        return Shape::from(ty);
    }
    let known = match &element {
        Type::None => None,
        Type::Tuple(pair) if matches!(ty, Type::Dict(..)) => {
            let is_unknown = pair.iter().all(|ty| *ty == Type::None);
            let value = pair.get(1).cloned().unwrap_or(Type::None);
            let key = pair.first().cloned().unwrap_or(Type::None);
            let value = with_sites(value, field, 2 * code + 1, sites);
            (!is_unknown).then(|| Shape::pair(Shape::from(key), value))
        }
        element => Some(with_sites(element.clone(), field, 2 * code, sites)),
    };
    let site = sites.field(field + code, known.as_ref());
    Shape { ty, origin: crate::shape::Origin { sites: vec![site], ..Default::default() } }
}

/// The type with `shape` among what is in the container that `code` names.
fn grow_at(ty: &Type, code: u32, shape: &Shape, sites: &mut Sites) -> Type {
    // The path from the field down: the bits of the code behind the first.
    let mut path = Vec::new();
    let mut rest = code;
    while rest > 1 {
        path.push(rest & 1);
        rest >>= 1;
    }
    path.reverse();
    grow_along(ty, &path, shape, sites)
}

fn grow_along(ty: &Type, path: &[u32], shape: &Shape, sites: &mut Sites) -> Type {
    if let Type::Union(variants) = ty {
        let grown = variants.iter().map(|variant| match element_type(variant).or_else(|| inner_container(variant)) {
            Some(_) => grow_along(variant, path, shape, sites),
            None => variant.clone(),
        });
        return Type::union(grown.collect::<Vec<Type>>());
    }
    if let Some(inner) = inner_container(ty) {
        return with_inner(ty, grow_along(&inner, path, shape, sites));
    }
    let Some(element) = element_type(ty) else { return ty.clone() };
    let grown = match (path.split_first(), &element) {
        (None, Type::None) => shape.ty.clone(),
        (None, Type::Tuple(pair)) if matches!(ty, Type::Dict(..)) && pair.iter().all(|ty| *ty == Type::None) => {
            shape.ty.clone()
        }
        (None, element) => join(&Shape::from(element.clone()), &Shape::from(shape.ty.clone()), sites).ty,
        (Some((_, rest)), Type::Tuple(pair)) if matches!(ty, Type::Dict(..)) => {
            let value = pair.get(1).map(|value| grow_along(value, rest, shape, sites));
            Type::Tuple(pair.first().cloned().into_iter().chain(value).collect())
        }
        (Some((_, rest)), element) => grow_along(element, rest, shape, sites),
    };
    with_element(ty, grown)
}

impl Objects {
    /// Enters what holds the variables of a function that inner functions assign.
    pub fn meet_cells(&mut self, number: usize, name: &str, variables: &[String]) {
        if self.classes.contains_key(&number) {
            return;
        }
        let fields = variables.iter().enumerate().map(|(index, name)| {
            self.numbers.push((number, index));
            let field = self.numbers.len() as u32 - 1;
            ObjectField { name: name.clone(), shape: None, may_be_missing: true, refused: None, number: field }
        });
        let fields = fields.collect();
        let name = format!("{name}#{number}").into();
        self.classes.insert(number, ObjectClass { name, fields, is_dataclass: false, is_given: false });
    }

    /// Enters a class that was met.
    pub fn meet(&mut self, class: &Class<'_>) {
        if self.classes.contains_key(&class.number) {
            return;
        }
        let taken = self.classes.values().any(|known| *known.name == *class.name);
        let name = if taken { format!("{}#{}", class.name, class.number) } else { class.name.clone() };
        self.enter(class, name.into());
    }

    /// Enters a class of which there are instances already.
    pub fn give(&mut self, class: &Class<'_>, given: &GivenClass) {
        self.enter(class, given.name.clone());
        let Some(known) = self.classes.get_mut(&class.number) else { return };
        known.is_given = true;
        for field in &mut known.fields {
            field.may_be_missing |= !given.fields.iter().any(|given| given.name == field.name);
        }
        for given in &given.fields {
            if !known.fields.iter().any(|field| field.name == given.name) {
                self.numbers.push((class.number, known.fields.len()));
                let number = self.numbers.len() as u32 - 1;
                let name = given.name.clone();
                known.fields.push(ObjectField { name, shape: None, may_be_missing: true, refused: None, number });
            }
            let Some(field) = known.fields.iter_mut().find(|field| field.name == given.name) else { continue };
            field.may_be_missing |= given.may_be_missing;
            match &given.held {
                Ok(ty) => field.shape = Some(Shape::from(without_empty(ty))),
                Err(reason) => field.refused = Some(reason.clone()),
            }
        }
    }

    /// Whether instances of the class are handed in.
    pub fn is_given(&self, number: usize) -> bool {
        self.classes.get(&number).is_some_and(|class| class.is_given)
    }

    fn enter(&mut self, class: &Class<'_>, name: Arc<str>) {
        let mut names: Vec<String> = class.fields.iter().map(|field| field.name.clone()).collect();
        let mut certain: HashSet<String> = names.iter().cloned().collect();
        let has_init = class.method("__init__").is_some();
        if has_init {
            certain.clear();
        }
        for name in &class.stored {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        if let Some((_, method)) = class.method("__init__") {
            certain.extend(stored_first(method.node));
        }
        let fields = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                self.numbers.push((class.number, index));
                let number = self.numbers.len() as u32 - 1;
                ObjectField { may_be_missing: !certain.contains(&name), name, shape: None, refused: None, number }
            })
            .collect();
        let is_dataclass = matches!(class.kind, ClassKind::Dataclass(_));
        self.classes.insert(class.number, ObjectClass { name, fields, is_dataclass, is_given: false });
    }

    pub fn class(&self, number: usize) -> Option<&ObjectClass> {
        self.classes.get(&number)
    }

    /// The classes by the names of their types.
    pub fn names(&self) -> Vec<(Arc<str>, usize)> {
        self.classes.iter().map(|(number, class)| (class.name.clone(), *number)).collect()
    }

    /// The number of the class of this type.
    pub fn number_of(&self, name: &str) -> Option<usize> {
        self.classes.iter().find(|(_, class)| *class.name == *name).map(|(number, _)| *number)
    }

    /// A field holds `shape` too.
    pub fn grow(&mut self, class: usize, field: usize, shape: &Shape) {
        let shape = Shape { origin: Default::default(), ty: shape.ty.clone() };
        if !self.grown.contains(&((class, field), shape.clone())) {
            self.grown.push(((class, field), shape));
        }
    }

    /// What was put into containers that fields hold, by the keys of their sites.
    pub fn put(&mut self, put: Vec<(u32, Shape)>) {
        for (key, shape) in put {
            let offset = key - FIELD_KEYS;
            let Some((class, field)) = self.numbers.get((offset / FIELD_STRIDE) as usize).copied() else { continue };
            let Some(known) = self.classes.get(&class).and_then(|class| class.fields.get(field)) else { continue };
            let Some(shape_now) = known.shape.clone() else { continue };
            let grown = grow_at(&shape_now.ty, offset % FIELD_STRIDE, &shape, &mut Sites::default());
            if grown != shape_now.ty {
                self.grow(class, field, &Shape::from(grown));
            }
        }
    }

    /// Takes what was learnt into the types of the fields; tells whether that changed any.
    pub fn learn(&mut self) -> bool {
        let mut changed = false;
        for ((class, field), shape) in std::mem::take(&mut self.grown) {
            let Some(field) = self.classes.get_mut(&class).and_then(|class| class.fields.get_mut(field)) else {
                continue;
            };
            let joined = match &field.shape {
                None => shape.clone(),
                Some(known) => Shape::from(join_held(&known.ty, &shape.ty)),
            };
            if field.shape.as_ref().is_none_or(|known| known.ty != joined.ty) {
                field.shape = Some(joined);
                changed = true;
            }
        }
        changed
    }

    /// The table of the module.
    pub fn table(&self) -> Vec<ir::Class> {
        let classes = self.classes.values().map(|class| {
            let mut fields: Vec<(String, Type)> =
                class.fields.iter().map(|field| (field.name.clone(), field.stored())).collect();
            fields.extend(class.flags().map(|field| (format!("{}?", field.name), Type::Bool)));
            ir::Class { name: class.name.clone(), fields, is_dataclass: class.is_dataclass }
        });
        classes.collect()
    }
}

impl ObjectClass {
    /// The fields that have flags, in the order of the flags.
    fn flags(&self) -> impl Iterator<Item = &ObjectField> {
        self.fields.iter().filter(|field| field.may_be_missing)
    }

    /// The position of a field's flag.
    pub fn flag_of(&self, name: &str) -> Option<usize> {
        self.flags().position(|field| field.name == name).map(|position| self.fields.len() + position)
    }

    /// Whether the instances have the fields of the class's text and no others.
    pub fn is_plain(&self, declared: usize) -> bool {
        self.fields.len() == declared
            && self.flag_count() == 0
            && self.fields.iter().all(|field| field.refused.is_none())
    }

    pub fn flag_count(&self) -> usize {
        self.flags().count()
    }
}

/// The type that holds both, where containers of which nothing is known yet fit any container of their kind.
pub fn join_held(left: &Type, right: &Type) -> Type {
    let mut variants: Vec<Type> = left.variants().to_vec();
    for ty in right.variants() {
        match variants.iter().position(|known| is_same_container(known, ty)) {
            Some(position) => variants[position] = join_containers(&variants[position], ty),
            None if variants.contains(ty) => {}
            None => {
                let all = variants.iter().fold(Shape::from(ty.clone()), |joined, known| {
                    join(&Shape::from(known.clone()), &joined, &mut Sites::default())
                });
                variants = all.ty.variants().to_vec();
            }
        }
    }
    Type::union(variants)
}

fn is_same_container(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::List(_), Type::List(_)) | (Type::Dict(..), Type::Dict(..)) => true,
        (Type::Set { frozen: a, .. }, Type::Set { frozen: b, .. }) => a == b,
        (Type::Record(a), Type::Record(b)) => a.name == b.name && inner_container(left).is_some(),
        _ => false,
    }
}

fn join_containers(left: &Type, right: &Type) -> Type {
    let is_unknown = |ty: &Type| match ty {
        Type::Dict(key, value) => **key == Type::None && **value == Type::None,
        other => element_type(other) == Some(Type::None),
    };
    if let (Some(a), Some(b)) = (inner_container(left), inner_container(right)) {
        return with_inner(left, join_containers(&a, &b));
    }
    match (element_type(left), element_type(right)) {
        _ if is_unknown(left) => right.clone(),
        _ if is_unknown(right) => left.clone(),
        (Some(Type::Tuple(a)), Some(Type::Tuple(b))) if matches!(left, Type::Dict(..)) => {
            let joined = a.iter().zip(&b).map(|(a, b)| join_held(a, b)).collect();
            with_element(left, Type::Tuple(joined))
        }
        (Some(a), Some(b)) => with_element(left, join_held(&a, &b)),
        _ => left.clone(),
    }
}

/// The attributes that are stored outside of methods' own `self`, and in the methods of each class.
#[derive(Clone, Debug, Default)]
pub struct Stores {
    anywhere: HashSet<String>,
    in_class: HashSet<(String, String)>,
}

impl Stores {
    pub fn of(files: &[Parsed]) -> Stores {
        let mut collector = StoreCollector { stores: Stores::default(), class: None, own: None };
        for file in files {
            collector.visit_body(file.body());
        }
        collector.stores
    }

    /// Whether a method of the class stores into its own instance.
    pub fn class_changes(&self, class: &str) -> bool {
        self.in_class.iter().any(|(known, _)| known == class)
    }

    /// Whether an attribute of this name of the class's instances may be assigned after they were made.
    pub fn change(&self, class: &str, attribute: &str) -> bool {
        self.anywhere.contains(attribute) || self.in_class.contains(&(class.to_owned(), attribute.to_owned()))
    }
}

struct StoreCollector {
    stores: Stores,
    class: Option<String>,
    /// The name of `self` here.
    own: Option<String>,
}

impl<'a> Visitor<'a> for StoreCollector {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::ClassDef(class) => {
                let around = self.class.replace(class.name.to_string());
                visitor::walk_stmt(self, stmt);
                self.class = around;
            }
            Stmt::FunctionDef(def) if self.class.is_some() && self.own.is_none() => {
                self.own = own_name(def);
                visitor::walk_stmt(self, stmt);
                self.own = None;
            }
            _ => visitor::walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Attribute(attribute) = expr
            && attribute.ctx != ExprContext::Load
        {
            let name = attribute.attr.to_string();
            match (&*attribute.value, &self.own, &self.class) {
                (Expr::Name(object), Some(own), Some(class)) if object.id.as_str() == own => {
                    self.stores.in_class.insert((class.clone(), name));
                }
                _ => {
                    self.stores.anywhere.insert(name);
                }
            }
        }
        visitor::walk_expr(self, expr);
    }
}

/// The name of the first parameter.
fn own_name(def: &ast::StmtFunctionDef) -> Option<String> {
    def.parameters.iter_non_variadic_params().next().map(|parameter| parameter.name().to_string())
}

/// Whether a method puts something into the container in a field of its first parameter.
pub fn fills(def: &ast::StmtFunctionDef, field: &str) -> bool {
    struct Filled<'f> {
        own: String,
        field: &'f str,
        found: bool,
    }
    impl<'a> Visitor<'a> for Filled<'_> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            let is_field = |expr: &Expr| match expr {
                Expr::Attribute(attribute) => {
                    attribute.attr.as_str() == self.field
                        && matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == self.own)
                }
                _ => false,
            };
            self.found |= match expr {
                Expr::Call(call) => match &*call.func {
                    Expr::Attribute(method) => {
                        const FILLING: &[&str] =
                            &["append", "extend", "insert", "add", "update", "setdefault", "appendleft"];
                        FILLING.contains(&method.attr.as_str()) && is_field(&method.value)
                    }
                    _ => false,
                },
                Expr::Subscript(subscript) => subscript.ctx == ExprContext::Store && is_field(&subscript.value),
                _ => false,
            };
            visitor::walk_expr(self, expr);
        }
    }
    let Some(own) = own_name(def) else { return false };
    let mut filled = Filled { own, field, found: false };
    filled.visit_body(&def.body);
    filled.found
}

/// The attributes of its first parameter that a method stores.
pub fn stored_in_self(def: &ast::StmtFunctionDef) -> Vec<String> {
    struct Found {
        own: String,
        names: Vec<String>,
    }
    impl<'a> Visitor<'a> for Found {
        fn visit_expr(&mut self, expr: &'a Expr) {
            if let Expr::Attribute(attribute) = expr
                && attribute.ctx == ExprContext::Store
                && matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == self.own)
                && !self.names.iter().any(|known| known == attribute.attr.as_str())
            {
                self.names.push(attribute.attr.to_string());
            }
            visitor::walk_expr(self, expr);
        }
    }
    let Some(own) = own_name(def) else { return Vec::new() };
    let mut found = Found { own, names: Vec::new() };
    found.visit_body(&def.body);
    found.names
}

/// The attributes that `__init__` stores before anything else can look at the instance.
fn stored_first(def: &ast::StmtFunctionDef) -> HashSet<String> {
    let Some(own) = own_name(def) else { return HashSet::new() };
    let mut stored = HashSet::new();
    for stmt in &def.body {
        let (target, value) = match stmt {
            Stmt::Assign(assign) => match assign.targets.as_slice() {
                [target] => (Some(target), Some(&*assign.value)),
                _ => return stored,
            },
            Stmt::AnnAssign(assign) => (Some(&*assign.target), assign.value.as_deref()),
            Stmt::Expr(expr) => (None, Some(&*expr.value)),
            Stmt::Pass(_) => (None, None),
            _ => return stored,
        };
        if value.is_some_and(|value| lets_out(value, &own, &stored)) {
            return stored;
        }
        match target {
            Some(Expr::Attribute(attribute)) if value.is_some() => {
                if matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == own) {
                    stored.insert(attribute.attr.to_string());
                }
            }
            Some(Expr::Name(name)) if name.id.as_str() == own => return stored,
            _ => {}
        }
    }
    stored
}

/// Whether an expression uses the instance otherwise than by reading what is stored already.
fn lets_out(expr: &Expr, own: &str, stored: &HashSet<String>) -> bool {
    struct Uses<'u> {
        own: &'u str,
        stored: &'u HashSet<String>,
        found: bool,
    }
    impl<'a> Visitor<'a> for Uses<'_> {
        fn visit_expr(&mut self, expr: &'a Expr) {
            match expr {
                Expr::Attribute(attribute) if matches!(&*attribute.value, Expr::Name(name) if name.id.as_str() == self.own) =>
                {
                    self.found |= !self.stored.contains(attribute.attr.as_str());
                }
                Expr::Name(name) if name.id.as_str() == self.own || name.id.as_str() == "super" => self.found = true,
                _ => visitor::walk_expr(self, expr),
            }
        }
    }
    let mut uses = Uses { own, stored, found: false };
    uses.visit_expr(expr);
    uses.found
}
