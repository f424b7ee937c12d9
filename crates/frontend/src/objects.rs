//! Classes whose instances are changed after they were made: which classes these are, which fields their instances have,
//! and what is in the fields. The type of a field is found by use, over the whole program: it is compiled again until no
//! field has got further types. Knows nothing of how code is made for it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use ir::{ExcKind, Type};

use crate::classes::{ARGS, Class, ClassKind};
use crate::parse::Parsed;
use crate::parse::ast::visitor::{self, Visitor};
use crate::parse::ast::{self, Expr, ExprContext, Stmt};
use crate::program::CaptureSource;
use crate::shape::{
    FIELD_KEYS_END, PutIntoField, Shape, Sites, element_type, is_too_large, join, known_element, nothing_in,
    with_element, without_empty,
};

/// Keys of sites from this one on are those of fields.
pub const FIELD_KEYS: u32 = 0xc000_0000;
/// The key of a field's site: field, then the way from the field to the container, as digits behind a one.
const FIELD_STRIDE: u32 = 1 << 16;
const STEP_BITS: u32 = 3;
/// Steps on that way: to the items of a container, to the values of a dict, to the parts of a tuple or record.
const TO_ITEMS: u32 = 0;
const TO_VALUES: u32 = 1;
const TO_PARTS: u32 = 2;

/// The way with a step more; `None` when it becomes too long.
fn further(code: u32, step: u32) -> Option<u32> {
    let further = (code << STEP_BITS) | step;
    (step < 1 << STEP_BITS && further < FIELD_STRIDE).then_some(further)
}

/// What is known of the classes, kept from one compilation of the program to the next.
#[derive(Clone, Debug, Default)]
pub struct Objects {
    classes: BTreeMap<usize, ObjectClass>,
    /// The fields of all classes in the order in which they were met: what a site's key says.
    numbers: Vec<(usize, usize)>,
    /// What fields hold that is not in their types yet.
    grown: Vec<((usize, usize), Shape)>,
    /// The containers in fields that hold `None`, by the ways to them, which is not known of the fields yet.
    nones_now: Vec<((usize, usize), u32)>,
    /// A field's type has grown beyond what can be compiled.
    pub is_endless: bool,
    /// The captured values that the program assigns, by number; and those of which that is news.
    assigned: BTreeSet<usize>,
    assigned_now: BTreeSet<usize>,
    /// What the program asks of exceptions, and what of that is news.
    asked: Asked,
    asked_now: Asked,
}

/// What a program asks exceptions beside their text; each includes what stands before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Asked {
    #[default]
    Nothing,
    Repr,
    /// `args`, which may be of any type.
    Arguments,
}

/// The number of the class of the instances around dicts that hold dicts of their own kind.
pub const KNOT_CLASS: usize = 1 << 60;
/// The number of the class whose fields stand for the captured values: their types grow as those of fields do.
const CAPTURES: usize = 1 << 61;
/// The numbers of the classes of the objects that hold what exceptions were made with: those of Python's classes, by their codes, then
/// those of the program's, by their numbers.
const CARRIERS: usize = 1 << 59;
const CARRIERS_OF_OWN: usize = CARRIERS + (1 << 8);

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
    /// The ways to the containers in it that hold `None`: the type alone says of one with nothing else that it is empty.
    nones: BTreeSet<u32>,
    number: u32,
}

impl ObjectField {
    fn new(name: String, number: u32, shape: Option<Shape>, may_be_missing: bool) -> ObjectField {
        ObjectField { name, shape, may_be_missing, refused: None, nones: BTreeSet::new(), number }
    }

    /// The type where what holds `None` says so when something else has come to it.
    fn with_nones(&self, ty: Type) -> Shape {
        let none = Shape::from(Type::None);
        Shape::from(self.nones.iter().fold(ty, |ty, code| grow_at(&ty, *code, &none, &mut Sites::default())))
    }

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
        let key = self.number.checked_mul(FIELD_STRIDE).and_then(|offset| offset.checked_add(FIELD_KEYS));
        key.map_or_else(
            || Shape::from(shape.ty.clone()),
            |key| with_sites(shape.ty.clone(), (key, &self.nones), Some(1), sites),
        )
    }
}

fn needs_object(ty: &Type) -> bool {
    match ty {
        Type::Object(_) => true,
        Type::Union(variants) => !variants.contains(&Type::None) && variants.iter().any(needs_object),
        other => other.field_types().is_some_and(|fields| fields.iter().any(needs_object)),
    }
}

/// Gives containers the sites by which their element types grow. `field` is the key of the field, with the ways to what holds
/// `None`; `code` says where in the field this is, if that can be said.
fn with_sites(ty: Type, field: (u32, &BTreeSet<u32>), code: Option<u32>, sites: &mut Sites) -> Shape {
    let Some(code) = code else { return Shape::from(ty) };
    let (key, nones) = field;
    let inner = |ty: &Type, step: u32, sites: &mut Sites| with_sites(ty.clone(), field, further(code, step), sites);
    match &ty {
        Type::Union(variants) => {
            let mut origin = crate::shape::Origin::default();
            let mut containers = variants.iter().filter(|variant| has_containers(variant));
            if let (Some(only), None) = (containers.next(), containers.next()) {
                origin = with_sites(only.clone(), field, Some(code), sites).origin;
            }
            return Shape { ty, origin };
        }
        Type::Tuple(_) | Type::Record(_) => {
            let fields = ty.field_types().unwrap_or_default();
            let parts = (0..).zip(&fields).map(|(index, ty)| inner(ty, TO_PARTS + index, sites).origin).collect();
            return Shape { ty, origin: crate::shape::Origin { parts, ..Default::default() } };
        }
        _ => {}
    }
    let Some(element) = element_type(&ty) else { return Shape::from(ty) };
    let known = match &element {
        element if *element == nothing_in(&ty) && !nones.contains(&code) => None,
        Type::Tuple(pair) if matches!(ty, Type::Dict(..)) => {
            let value = inner(pair.get(1).unwrap_or(&Type::None), TO_VALUES, sites);
            let key = pair.first().cloned().unwrap_or(Type::None);
            Some(Shape::pair(Shape::from(key), value))
        }
        element => Some(inner(element, TO_ITEMS, sites)),
    };
    let Some(key) = key.checked_add(code).filter(|key| *key < FIELD_KEYS_END) else { return Shape::from(ty) };
    let site = sites.field(key, known.as_ref());
    Shape { ty, origin: crate::shape::Origin { sites: vec![site], ..Default::default() } }
}

/// Whether there is a container in the type that more may be put into.
fn has_containers(ty: &Type) -> bool {
    element_type(ty).is_some() || ty.field_types().is_some_and(|fields| fields.iter().any(has_containers))
}

/// The type with `shape` among what is in the container that `code` names.
fn grow_at(ty: &Type, code: u32, shape: &Shape, sites: &mut Sites) -> Type {
    // The path from the field down: the digits of the code behind the first.
    let mut path = Vec::new();
    let mut rest = code;
    while rest > 1 {
        path.push(rest & ((1 << STEP_BITS) - 1));
        rest >>= STEP_BITS;
    }
    path.reverse();
    grow_along(ty, &path, shape, sites)
}

fn grow_along(ty: &Type, path: &[u32], shape: &Shape, sites: &mut Sites) -> Type {
    let mut grow_part = |fields: &[Type], index: u32, rest: &[u32]| -> Vec<Type> {
        let grown = (0..).zip(fields).map(|(position, field)| match position == index {
            true => grow_along(field, rest, shape, sites),
            false => field.clone(),
        });
        grown.collect()
    };
    match (ty, path) {
        (Type::Union(variants), _) => {
            let grown = variants.iter().map(|variant| match has_containers(variant) {
                true => grow_along(variant, path, shape, sites),
                false => variant.clone(),
            });
            return Type::union(grown.collect::<Vec<Type>>());
        }
        (Type::Tuple(fields), [step, rest @ ..]) if *step >= TO_PARTS => {
            return Type::Tuple(grow_part(fields, step - TO_PARTS, rest));
        }
        (Type::Record(record), [step, rest @ ..]) if *step >= TO_PARTS => {
            let fields: Vec<Type> = record.fields.iter().map(|(_, ty)| ty.clone()).collect();
            return with_fields(record, grow_part(&fields, step - TO_PARTS, rest));
        }
        _ => {}
    }
    let Some(element) = element_type(ty) else { return ty.clone() };
    let none = Shape::from(nothing_in(ty));
    let shape = if shape.ty == Type::None { &none } else { shape };
    let grown = match (path.split_first(), &element) {
        (None, element) if *element == nothing_in(ty) => shape.ty.clone(),
        (None, element) => join(&Shape::from(element.clone()), &Shape::from(shape.ty.clone()), sites).ty,
        (Some((_, rest)), Type::Tuple(pair)) if matches!(ty, Type::Dict(..)) => {
            let value = pair.get(1).map(|value| grow_along(value, rest, shape, sites));
            Type::Tuple(pair.first().cloned().into_iter().chain(value).collect())
        }
        (Some((_, rest)), element) => grow_along(element, rest, shape, sites),
    };
    with_element(ty, grown)
}

/// The record with fields of other types.
fn with_fields(record: &ir::RecordType, types: Vec<Type>) -> Type {
    let names = record.fields.iter().map(|(name, _)| name.clone());
    let fields = names.zip(types).collect();
    Type::Record(ir::RecordType { kind: record.kind, name: record.name.clone(), fields }.into())
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
            ObjectField::new(name.clone(), field, None, true)
        });
        let fields = fields.collect();
        let name = format!("{name}#{number}").into();
        self.classes.insert(number, ObjectClass { name, fields, is_dataclass: false, is_given: false });
    }

    /// Enters the captured values.
    pub fn meet_captures(&mut self, captures: &[CaptureSource]) {
        if captures.is_empty() || self.classes.contains_key(&CAPTURES) {
            return;
        }
        let fields = captures.iter().enumerate().map(|(index, capture)| {
            self.numbers.push((CAPTURES, index));
            let number = self.numbers.len() as u32 - 1;
            let shape = Some(Shape::from(without_empty(&capture.ty)));
            ObjectField::new(capture.name.clone(), number, shape, false)
        });
        let fields = fields.collect();
        self.classes.insert(CAPTURES, ObjectClass { name: "".into(), fields, is_dataclass: false, is_given: false });
    }

    /// Enters the class of the instances around dicts that hold dicts of their own kind.
    pub fn meet_knot(&mut self, field: &str) {
        if self.classes.contains_key(&KNOT_CLASS) {
            return;
        }
        self.numbers.push((KNOT_CLASS, 0));
        let number = self.numbers.len() as u32 - 1;
        let shape = Some(Shape::from(Type::Dict(Box::new(Type::None), Box::new(Type::None))));
        let field = ObjectField::new(field.to_owned(), number, shape, false);
        let class =
            ObjectClass { name: "dict#around".into(), fields: vec![field], is_dataclass: false, is_given: false };
        self.classes.insert(KNOT_CLASS, class);
    }

    /// A captured value.
    pub fn capture(&self, index: usize) -> Option<&ObjectField> {
        self.classes.get(&CAPTURES)?.fields.get(index)
    }

    /// The type that a captured value has in the module: one that the program assigns is the item of a list.
    pub fn capture_type(&self, index: usize) -> Option<Type> {
        let ty = self.capture(index)?.shape.as_ref()?.ty.clone();
        Some(if self.is_assigned(index) { Type::List(Box::new(ty)) } else { ty })
    }

    /// Whether the program assigns the captured value.
    pub fn is_assigned(&self, index: usize) -> bool {
        self.assigned.contains(&index)
    }

    /// The captured values that the program assigns.
    pub fn assigned(&self) -> Vec<usize> {
        self.assigned.iter().copied().collect()
    }

    /// The program assigns the captured value something of this shape.
    pub fn assign_capture(&mut self, index: usize, shape: &Shape) {
        if !self.is_assigned(index) {
            self.assigned_now.insert(index);
        }
        self.grow(CAPTURES, index, shape);
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
                known.fields.push(ObjectField::new(given.name.clone(), number, None, true));
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
        let given = class.fields.iter().filter(|field| !field.is_set_later());
        let mut certain: HashSet<String> = given.map(|field| field.name.clone()).collect();
        let has_init = class.method("__init__").is_some();
        if has_init {
            certain.clear();
        }
        for name in &class.stored {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        if let Some((_, method)) = class.method("__init__").or_else(|| class.method("__post_init__")) {
            let is_first = matches!(class.kind, ClassKind::Exception(_)) && class.line.len() == 1;
            certain.extend(stored_first(method.node, is_first));
        }
        let fields = names
            .into_iter()
            .enumerate()
            .map(|(index, name)| {
                self.numbers.push((class.number, index));
                let number = self.numbers.len() as u32 - 1;
                let may_be_missing = !certain.contains(&name);
                ObjectField::new(name, number, None, may_be_missing)
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
        let classes = self.classes.iter().filter(|(number, _)| **number != CAPTURES);
        classes.map(|(number, class)| (class.name.clone(), *number)).collect()
    }

    /// The number of the class of this type.
    pub fn number_of(&self, name: &str) -> Option<usize> {
        self.classes.iter().find(|(_, class)| *class.name == *name).map(|(number, _)| *number)
    }

    /// Notes what the program asks of exceptions.
    pub fn ask(&mut self, asked: Asked) {
        self.asked_now = self.asked_now.max(asked);
    }

    /// What was noted.
    pub fn asked(&self) -> Asked {
        self.asked
    }

    /// The number of the class of the objects that hold what exceptions of this class were made with: one of Python's, or
    /// the number of one of the program's.
    pub fn meet_carrier(&mut self, class: Result<ExcKind, usize>, name: &str) -> usize {
        let number = match class {
            Ok(kind) => CARRIERS + kind as usize,
            Err(number) => CARRIERS_OF_OWN + number,
        };
        self.meet_cells(number, name, &[ARGS.to_owned()]);
        number
    }

    /// The classes of which there are such objects, as [`Objects::meet_carrier`] takes them.
    pub fn carriers(&self) -> Vec<Result<ExcKind, usize>> {
        let numbers = self.classes.range(CARRIERS..KNOT_CLASS).map(|(number, _)| *number);
        let class = |number: usize| match number.checked_sub(CARRIERS_OF_OWN) {
            Some(own) => Some(Err(own)),
            None => ExcKind::from_code(u8::try_from(number - CARRIERS).ok()?).map(Ok),
        };
        numbers.filter_map(class).collect()
    }

    /// Whether the class of this number is one of objects that hold what an exception was made with.
    pub fn is_carrier(number: usize) -> bool {
        (CARRIERS..KNOT_CLASS).contains(&number)
    }

    /// A field holds `shape` too.
    pub fn grow(&mut self, class: usize, field: usize, shape: &Shape) {
        let shape = Shape { origin: Default::default(), ty: shape.ty.clone() };
        if !self.grown.contains(&((class, field), shape.clone())) {
            self.grown.push(((class, field), shape));
        }
    }

    /// What was put into containers that fields hold.
    pub fn put(&mut self, put: Vec<PutIntoField>) {
        for PutIntoField { key, shape, is_first } in put {
            let offset = key - FIELD_KEYS;
            let Some((class, field)) = self.numbers.get((offset / FIELD_STRIDE) as usize).copied() else { continue };
            let Some(known) = self.classes.get(&class).and_then(|class| class.fields.get(field)) else { continue };
            let Some(shape_now) = known.shape.clone() else { continue };
            let code = offset % FIELD_STRIDE;
            let grown = grow_at(&shape_now.ty, code, &shape, &mut Sites::default());
            if grown != shape_now.ty {
                self.grow(class, field, &Shape::from(grown));
            } else if is_first {
                self.nones_now.push(((class, field), code));
            }
        }
    }

    /// Takes what was learnt into the types of the fields; tells whether that changed any.
    pub fn learn(&mut self) -> bool {
        let assigned = std::mem::take(&mut self.assigned_now);
        let mut changed = !assigned.is_empty() || self.asked_now > self.asked;
        self.assigned.extend(assigned);
        self.asked = self.asked.max(std::mem::take(&mut self.asked_now));
        for ((class, field), code) in std::mem::take(&mut self.nones_now) {
            let Some(field) = self.classes.get_mut(&class).and_then(|class| class.fields.get_mut(field)) else {
                continue;
            };
            changed |= field.nones.insert(code);
        }
        for ((class, field), shape) in std::mem::take(&mut self.grown) {
            let Some(field) = self.classes.get_mut(&class).and_then(|class| class.fields.get_mut(field)) else {
                continue;
            };
            let joined = match &field.shape {
                None => shape.clone(),
                Some(known) => field.with_nones(join_held(&known.ty, &shape.ty)),
            };
            if field.shape.as_ref().is_none_or(|known| known.ty != joined.ty) {
                self.is_endless |= is_too_large(&joined.ty);
                field.shape = Some(joined);
                changed = true;
            }
        }
        changed
    }

    /// The table of the module.
    pub fn table(&self) -> Vec<ir::Class> {
        let classes = self.classes.iter().filter(|(number, _)| **number != CAPTURES).map(|(_, class)| {
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
        (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len(),
        (Type::Record(a), Type::Record(b)) => {
            let names =
                |record: &ir::RecordType| record.fields.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            a.kind == b.kind && a.name == b.name && names(a) == names(b)
        }
        _ => false,
    }
}

fn join_containers(left: &Type, right: &Type) -> Type {
    let join_all = |left: &[Type], right: &[Type]| left.iter().zip(right).map(|(a, b)| join_held(a, b)).collect();
    match (left, right) {
        (Type::Tuple(a), Type::Tuple(b)) => return Type::Tuple(join_all(a, b)),
        (Type::Record(a), Type::Record(_)) => {
            let (own, other) = (left.field_types().unwrap_or_default(), right.field_types().unwrap_or_default());
            return with_fields(a, join_all(&own, &other));
        }
        _ => {}
    }
    match (element_type(left), element_type(right)) {
        _ if known_element(left).is_none() => right.clone(),
        _ if known_element(right).is_none() => left.clone(),
        (Some(Type::Tuple(a)), Some(Type::Tuple(b))) if matches!(left, Type::Dict(..)) => {
            with_element(left, Type::Tuple(join_all(&a, &b)))
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
    /// The attributes into whose containers something is put.
    filled: HashSet<String>,
    /// Something's `args` are read, or its `repr`.
    pub reads_args: bool,
}

/// The methods that put something into a container.
const FILLING: &[&str] = &["append", "extend", "insert", "add", "update", "setdefault", "appendleft", "extendleft"];
/// The functions that put something into their first argument.
const FILLING_FUNCTIONS: &[&str] = &["heappush", "heappushpop", "insort", "insort_left", "insort_right"];

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

    /// Whether something is put into the container that an attribute of this name holds, or into one inside of it.
    pub fn fill(&self, attribute: &str) -> bool {
        self.filled.contains(attribute)
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

impl StoreCollector {
    /// What is put into `expr` is put into the attributes that lead to it.
    fn fill(&mut self, expr: &Expr) {
        match expr {
            Expr::Attribute(attribute) => {
                self.stores.filled.insert(attribute.attr.to_string());
                self.fill(&attribute.value);
            }
            Expr::Subscript(subscript) => self.fill(&subscript.value),
            Expr::Call(call) => self.fill(&call.func),
            _ => {}
        }
    }
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
        self.stores.reads_args |= match expr {
            Expr::Attribute(attribute) => attribute.ctx == ExprContext::Load && attribute.attr.as_str() == "args",
            Expr::Name(name) => name.id.as_str() == "repr",
            Expr::FString(text) => {
                let shown = text.value.elements().filter_map(|element| element.as_interpolation());
                shown.into_iter().any(|shown| shown.conversion == ast::ConversionFlag::Repr)
            }
            _ => false,
        };
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
        match expr {
            Expr::Call(call) => match &*call.func {
                Expr::Attribute(method) if FILLING.contains(&method.attr.as_str()) => self.fill(&method.value),
                func => {
                    let name = match func {
                        Expr::Name(name) => name.id.as_str(),
                        Expr::Attribute(attribute) => attribute.attr.as_str(),
                        _ => "",
                    };
                    if let (true, Some(first)) = (FILLING_FUNCTIONS.contains(&name), call.arguments.args.first()) {
                        self.fill(first);
                    }
                }
            },
            Expr::Subscript(subscript) if subscript.ctx == ExprContext::Store => self.fill(&subscript.value),
            _ => {}
        }
        visitor::walk_expr(self, expr);
    }
}

/// The name of the first parameter.
fn own_name(def: &ast::StmtFunctionDef) -> Option<String> {
    def.parameters.iter_non_variadic_params().next().map(|parameter| parameter.name().to_string())
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

/// The arguments of `super().__init__(...)`.
fn super_init(stmt: &Stmt) -> Option<&ast::Arguments> {
    let Stmt::Expr(expr) = stmt else { return None };
    let Expr::Call(call) = &*expr.value else { return None };
    let Expr::Attribute(init) = &*call.func else { return None };
    let Expr::Call(parent) = &*init.value else { return None };
    let is_super = matches!(&*parent.func, Expr::Name(name) if name.id.as_str() == "super");
    (is_super && parent.arguments.is_empty() && init.attr.as_str() == "__init__").then_some(&call.arguments)
}

/// The attributes that `__init__` stores before anything else can look at the instance. `is_first`: `super()` leads to
/// Python's own exceptions, which do not look.
fn stored_first(def: &ast::StmtFunctionDef, is_first: bool) -> HashSet<String> {
    let Some(own) = own_name(def) else { return HashSet::new() };
    let mut stored = HashSet::new();
    for stmt in &def.body {
        if let Some(arguments) = super_init(stmt).filter(|_| is_first) {
            let mut given = arguments.args.iter().chain(arguments.keywords.iter().map(|keyword| &keyword.value));
            if given.any(|value| lets_out(value, &own, &stored)) {
                return stored;
            }
            continue;
        }
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
