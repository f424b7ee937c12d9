//! What is known of a value at compile time beside its IR type: the lattice of inference. Owns how values of different
//! types merge into one. Knows nothing of syntax or of how code is emitted.

use ir::{Const, Elem, Type};

/// Why a Python number may change its type where it merges with another: it was written as a literal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub enum Literal {
    /// Not a literal: its type is exact.
    #[default]
    No,
    /// A literal that a `float64` holds exactly.
    Exact,
    /// An int from 0 to 127, or a float that a `float32` holds exactly: fits every NumPy element type of its kind.
    Small,
}

/// Where a list, dict or set was made. Its element type is found by use, see [`Sites`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SiteId(pub u32);

/// Where a value comes from, as far as it changes what may be done with it.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Origin {
    /// Of the `int` among the variants.
    pub int_literal: Literal,
    /// Of the `float` among the variants.
    pub float_literal: Literal,
    /// The `int` is known not to be negative.
    pub non_negative: bool,
    /// The NumPy scalar may be a Python number in CPython: a literal that merged with a NumPy scalar.
    pub python: bool,
    /// An item of a container that nothing is put into, as far as is known: there is no such value. Its type is `None`.
    pub unknown: bool,
    /// Of the fields of a tuple or record; empty when nothing is known.
    pub parts: Vec<Origin>,
    /// Where the container was made; empty when its element type is fixed. Of a `dict` display that is a row so far, too.
    pub sites: Vec<SiteId>,
}

/// A type with its origin.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Shape {
    pub ty: Type,
    pub origin: Origin,
}

impl From<Type> for Shape {
    fn from(ty: Type) -> Shape {
        Shape { ty, origin: Origin::default() }
    }
}

impl Origin {
    fn part(&self, index: usize) -> Origin {
        self.parts.get(index).cloned().unwrap_or_default()
    }

    /// The origin of a constant of the program's text.
    pub fn of_literal(value: &Const) -> Origin {
        const EXACT_MAX: u64 = 1 << 53;
        let literal = match value {
            Const::Int(value) if (0..=127).contains(value) => Literal::Small,
            Const::Int(value) if value.unsigned_abs() <= EXACT_MAX => Literal::Exact,
            Const::Float(value) if value.is_nan() || f64::from(*value as f32) == *value => Literal::Small,
            Const::Float(_) => Literal::Exact,
            Const::None | Const::Bool(_) | Const::Int(_) | Const::Str(_) | Const::Bytes(_) => Literal::No,
        };
        match value {
            Const::Int(value) => Origin { int_literal: literal, non_negative: *value >= 0, ..Origin::default() },
            _ => Origin { float_literal: literal, ..Origin::default() },
        }
    }

    /// Of the origin only where containers were made.
    pub fn of_containers(&self) -> Origin {
        let parts: Vec<Origin> = self.parts.iter().map(Origin::of_containers).collect();
        let known = parts.iter().any(|part| *part != Origin::default());
        Origin { sites: self.sites.clone(), parts: if known { parts } else { Vec::new() }, ..Origin::default() }
    }

    /// Of the origin only which containers nothing is put into.
    pub fn marks(&self) -> Origin {
        let parts: Vec<Origin> = self
            .parts
            .iter()
            .map(|part| if part.unknown { Origin { unknown: true, ..Origin::default() } } else { part.marks() })
            .collect();
        let known = parts.iter().any(|part| *part != Origin::default());
        Origin { parts: if known { parts } else { Vec::new() }, ..Origin::default() }
    }

    /// Which containers nothing is put into by either.
    fn marked_in_both(&self, other: &Origin) -> Origin {
        let both = |(one, other): (&Origin, &Origin)| match one.unknown && other.unknown {
            true => Origin { unknown: true, ..Origin::default() },
            false => one.marked_in_both(other),
        };
        let parts: Vec<Origin> = self.parts.iter().zip(&other.parts).map(both).collect();
        let known = parts.iter().any(|part| *part != Origin::default());
        Origin { parts: if known { parts } else { Vec::new() }, ..Origin::default() }
    }

    /// What is known of the elements of a container whose element type is fixed: which containers among them are empty.
    fn of_elements(&self) -> Origin {
        self.parts.first().map(Origin::marks).unwrap_or_default()
    }

    /// The origin without what holds for one list only, for keys of specialisations.
    pub fn without_sites(&self) -> Origin {
        let is_mark = matches!(self.parts.as_slice(), [only] if only.unknown);
        let parts = if is_mark { self.parts.clone() } else { self.parts.iter().map(Origin::without_sites).collect() };
        Origin { sites: Vec::new(), unknown: false, parts, ..self.clone() }
    }
}

impl Shape {
    /// The shape of the variant at `index` of the type.
    pub fn variant(&self, index: usize) -> Shape {
        let ty = self.ty.variants().get(index).cloned().unwrap_or(Type::None);
        let origin = match &ty {
            Type::Int => {
                let Origin { int_literal, non_negative, .. } = self.origin;
                Origin { int_literal, non_negative, ..Origin::default() }
            }
            Type::Float => Origin { float_literal: self.origin.float_literal, ..Origin::default() },
            Type::Np(_) => Origin { python: self.origin.python, ..Origin::default() },
            Type::None => Origin { unknown: self.origin.unknown && self.ty == Type::None, ..Origin::default() },
            Type::Tuple(_) => Origin { parts: self.origin.parts.clone(), ..Origin::default() },
            ty if has_sites(ty) => {
                Origin { parts: self.origin.parts.clone(), sites: self.origin.sites.clone(), ..Origin::default() }
            }
            Type::Record(_) => Origin { parts: self.origin.parts.clone(), ..Origin::default() },
            _ => Origin::default(),
        };
        Shape { ty, origin }
    }

    /// The shape of the field at `index` of a tuple or record.
    pub fn field(&self, index: usize) -> Shape {
        let ty = self.ty.field_types().and_then(|fields| fields.get(index).cloned()).unwrap_or(Type::None);
        Shape { ty, origin: self.origin.part(index) }
    }

    /// What an item of a container that nothing is put into is.
    pub fn unknown() -> Shape {
        Shape { ty: Type::None, origin: Origin { unknown: true, ..Origin::default() } }
    }

    /// A tuple of two.
    pub fn pair(first: Shape, second: Shape) -> Shape {
        with_parts(Type::Tuple(vec![first.ty.clone(), second.ty.clone()]), vec![first, second])
    }

    /// The shape of a value that is no literal.
    pub fn without_literals(mut self) -> Shape {
        fn strip(origin: &mut Origin) {
            origin.int_literal = Literal::No;
            origin.float_literal = Literal::No;
            origin.parts.iter_mut().for_each(strip);
        }
        strip(&mut self.origin);
        self
    }

    /// Marks a container that nothing is put into, as far as is known, as such: its type alone would say that it holds
    /// `None`.
    pub fn marked_empty(mut self) -> Shape {
        self.origin.parts = vec![Origin { unknown: true, ..Origin::default() }];
        self
    }

    /// The same where containers within containers, tuples or a union are marked.
    pub fn marked(&self, sites: &Sites) -> Shape {
        let mut origin = self.origin.without_sites();
        origin.parts = match &self.ty {
            Type::Union(variants) => {
                let has_parts = |ty: &&Type| matches!(ty, Type::Tuple(_) | Type::Record(_)) || has_sites(ty);
                let mut marked = variants.iter().enumerate().filter(|(_, ty)| has_parts(ty));
                match (marked.next(), marked.next()) {
                    (Some((index, _)), None) => self.variant(index).marked(sites).origin.parts,
                    _ => origin.parts,
                }
            }
            Type::Tuple(items) => {
                let fields = (0..items.len()).map(|index| self.field(index).marked(sites).origin);
                let parts: Vec<Origin> = fields.collect();
                if parts.iter().any(|part| *part != Origin::default()) { parts } else { Vec::new() }
            }
            ty if element_type(ty).is_some() => match self.origin.sites.first().map(|site| sites.element(*site)) {
                Some(None) => return Shape { origin, ..self.clone() }.marked_empty(),
                Some(Some(known)) if element_type(ty).as_ref() == Some(&known.ty) => {
                    let inner = known.marked(sites).origin.marks();
                    if inner == Origin::default() { Vec::new() } else { vec![inner] }
                }
                Some(Some(_)) => Vec::new(),
                None => self.origin.marks().parts,
            },
            _ => origin.parts,
        };
        Shape { origin, ..self.clone() }
    }

    /// What is in a container whose element type is fixed.
    pub fn fixed_element(&self) -> Option<Shape> {
        Some(Shape { ty: element_type(&self.ty)?, origin: self.origin.of_elements() })
    }

    /// Whether the container is marked so.
    pub fn is_empty_container(&self) -> bool {
        element_type(&self.ty).is_some() && matches!(self.origin.parts.as_slice(), [only] if only.unknown)
    }

    fn variants(&self) -> Vec<Shape> {
        (0..self.ty.variants().len()).map(|index| self.variant(index)).collect()
    }
}

/// What a container holds: the items of a list or set, keys and values of a dict as pairs.
pub fn element_type(container: &Type) -> Option<Type> {
    match container {
        Type::List(item) | Type::Set { item, .. } => Some((**item).clone()),
        Type::Dict(key, value) => Some(Type::Tuple(vec![(**key).clone(), (**value).clone()])),
        _ => None,
    }
}

/// The same kind of container, with other elements.
pub fn with_element(container: &Type, element: Type) -> Type {
    match (container, element) {
        (Type::Set { frozen, .. }, element) => Type::Set { item: Box::new(element), frozen: *frozen },
        (Type::Dict(..), Type::Tuple(pair)) => {
            let mut parts = pair.into_iter().map(Box::new);
            let mut part = || parts.next().unwrap_or(Box::new(Type::None));
            Type::Dict(part(), part())
        }
        (_, element) => Type::List(Box::new(element)),
    }
}

/// What is known to be in a container of this type: nothing in one that was empty where it was made.
pub fn known_element(container: &Type) -> Option<Type> {
    element_type(container).filter(|element| *element != nothing_in(container))
}

/// The element type of a container of this kind of which nothing is known to be in it: that of one that holds `None` only.
pub fn nothing_in(container: &Type) -> Type {
    match container {
        Type::Dict(..) => Type::Tuple(vec![Type::None, Type::None]),
        _ => Type::None,
    }
}

/// The type without the empty containers that stand beside others of their kind: `list[None] | list[int]`, which is what an
/// empty list among lists of ints looks like, is `list[int]`.
pub fn without_empty(ty: &Type) -> Type {
    let boxed = |ty: &Type| Box::new(without_empty(ty));
    match ty {
        Type::Union(variants) => {
            let kept = variants.iter().filter(|variant| {
                let is_empty = element_type(variant).is_some() && known_element(variant).is_none();
                let same_kind = |other: &&Type| match (variant, other) {
                    (Type::Set { frozen: a, .. }, Type::Set { frozen: b, .. }) => a == b,
                    (variant, other) => std::mem::discriminant(*variant) == std::mem::discriminant(*other),
                };
                !is_empty || !variants.iter().any(|other| other != *variant && same_kind(&other))
            });
            Type::union(kept.map(without_empty))
        }
        Type::List(item) => Type::List(boxed(item)),
        Type::Set { item, frozen } => Type::Set { item: boxed(item), frozen: *frozen },
        Type::Dict(key, value) => Type::Dict(boxed(key), boxed(value)),
        Type::Tuple(items) => Type::Tuple(items.iter().map(without_empty).collect()),
        other => other.clone(),
    }
}

/// The type without what looks like another of its variants but for containers that are empty there: of a recursive function
/// whose last call returns `[[]]` and whose others return lists of lists of ints, `list[list[int]]`.
pub fn without_emptier(ty: &Type) -> Type {
    let boxed = |ty: &Type| Box::new(without_emptier(ty));
    match ty {
        Type::Union(variants) => {
            let is_fuller = |other: &Type, variant: &Type| other != variant && is_emptier(variant, other);
            let kept = variants.iter().filter(|variant| !variants.iter().any(|other| is_fuller(other, variant)));
            Type::union(kept.map(without_emptier))
        }
        Type::List(item) => Type::List(boxed(item)),
        Type::Set { item, frozen } => Type::Set { item: boxed(item), frozen: *frozen },
        Type::Dict(key, value) => Type::Dict(boxed(key), boxed(value)),
        Type::Tuple(items) => Type::Tuple(items.iter().map(without_emptier).collect()),
        other => other.clone(),
    }
}

/// Whether a value of the type may be one of `full` with empty containers in it.
fn is_emptier(ty: &Type, full: &Type) -> bool {
    let inner = |ty: &Type, full: &Type| *ty == Type::None || is_emptier(ty, full);
    match (ty, full) {
        (a, b) if a == b => true,
        (Type::List(a), Type::List(b)) => inner(a, b),
        (Type::Set { item: a, frozen: x }, Type::Set { item: b, frozen: y }) => x == y && inner(a, b),
        (Type::Dict(a, c), Type::Dict(b, d)) => inner(a, b) && inner(c, d),
        (Type::Tuple(a), Type::Tuple(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_emptier(a, b)),
        _ => false,
    }
}

/// Whether the element type of such a value may be found by use.
fn has_sites(ty: &Type) -> bool {
    match ty {
        Type::List(_) | Type::Dict(..) | Type::Set { .. } => true,
        Type::Record(record) => record.kind == ir::RecordKind::Dict,
        _ => false,
    }
}

/// The element types of the containers that a function makes. A list display may be empty, or get items of further types
/// later: so a function is lowered with assumptions, and again when what was observed is not what was assumed.
#[derive(Clone, Debug, Default)]
pub struct Sites {
    keys: Vec<u32>,
    /// What is in the lists of each site; `None` while nothing is known to be.
    assumed: Vec<Option<Shape>>,
    observed: Vec<Option<Shape>>,
    /// Sites of containers that fields of objects hold: what is assumed of them is not one function's to change.
    given: Vec<SiteId>,
    /// Containers within containers that are being merged.
    depth: usize,
    /// How many there were since the outermost of them began.
    merges: usize,
    /// A container holds itself, as far as is known: `node = node.setdefault(letter, {})`.
    pub is_endless: bool,
}

/// Merges within merges: more than any type may have levels.
const MERGE_DEPTH_MAX: usize = TYPE_DEPTH_MAX + 4;
/// Merges that one merge may lead to: where each leads to several, no depth that is allowed would ever be reached.
const MERGES_MAX: usize = 10_000;

/// The keys of fields' sites are below this one; behind it are those of parameters.
pub const FIELD_KEYS_END: u32 = 0xff00_0000;

/// What was put into a container that a field of an object holds.
#[derive(Clone, Debug)]
pub struct PutIntoField {
    /// The key of the container's site.
    pub key: u32,
    pub shape: Shape,
    /// Nothing was known to be in it.
    pub is_first: bool,
}

impl Sites {
    /// The site of a container that a field of an object holds, of which `element` is known to be in it.
    pub fn field(&mut self, key: u32, element: Option<&Shape>) -> SiteId {
        let id = self.site(key, element);
        if !self.given.contains(&id) {
            self.given.push(id);
        }
        id
    }

    /// What was put into the containers that fields of objects hold.
    pub fn put_into_fields(&self) -> Vec<PutIntoField> {
        let is_field = |key: &u32| (crate::objects::FIELD_KEYS..FIELD_KEYS_END).contains(key);
        let put = self.given.iter().filter_map(|site| {
            let index = site.0 as usize;
            let shape = self.observed.get(index)?.as_ref()?;
            let key = self.keys.get(index).copied().filter(is_field)?;
            let shape = Shape { origin: shape.origin.without_sites(), ..shape.clone() };
            Some(PutIntoField { key, shape, is_first: self.element(*site).is_none() })
        });
        put.collect()
    }

    /// The site with this key (a place in the text), with a first idea of its element.
    pub fn site(&mut self, key: u32, element: Option<&Shape>) -> SiteId {
        let id = self.keys.iter().position(|known| *known == key).unwrap_or_else(|| {
            self.keys.push(key);
            self.assumed.push(element.cloned());
            self.observed.push(None);
            self.keys.len() - 1
        });
        SiteId(id as u32)
    }

    /// The site of a container that a function gets as an argument, with what is in it; `None` for an empty one, of which
    /// nothing is known.
    pub fn param_site(&mut self, index: usize, element: Option<&Shape>) -> SiteId {
        let site = self.site(u32::MAX - index as u32, element);
        if let Some(element) = element {
            self.grow(site, element);
        }
        site
    }

    /// What is known to be in the container that a function gets as this argument.
    pub fn param_element(&self, index: usize) -> Option<Shape> {
        let key = u32::MAX - index as u32;
        let site = self.keys.iter().position(|known| *known == key)?;
        let known = self.assumed.get(site)?.as_ref()?;
        Some(Shape { ty: known.ty.clone(), origin: known.marked(self).origin.marks() })
    }

    /// What is taken to be in the lists made at the site.
    pub fn element(&self, site: SiteId) -> Option<&Shape> {
        self.assumed.get(site.0 as usize).and_then(Option::as_ref)
    }

    /// The lists made at the site hold `shape` too.
    pub fn grow(&mut self, site: SiteId, shape: &Shape) {
        if shape.origin.unknown {
            return;
        }
        let index = site.0 as usize;
        // What is in containers inside must fit what is there already: that is not this function's to change.
        if self.given.contains(&site)
            && let Some(known) = self.assumed.get(index).cloned().flatten()
        {
            join(&known, shape, self);
        }
        // What is in a container has its own type, whatever it meets there.
        let shape = &shape.clone().without_literals();
        let grown = match self.observed.get(index).cloned().flatten() {
            Some(before) => join(&before, shape, self),
            None => shape.clone(),
        };
        let mut grown = without_growing_tuples(grown, self);
        // The caller makes its containers anew for what is put into them here, those inside too that were empty so far.
        if self.keys.get(index).is_some_and(|key| *key >= FIELD_KEYS_END) {
            grown.ty = without_emptier(&grown.ty);
        }
        if let Some(slot) = self.observed.get_mut(index) {
            *slot = Some(grown);
        }
    }

    /// What was observed, to be restored when code is thrown away.
    pub fn observed(&self) -> Vec<Option<Shape>> {
        self.observed.clone()
    }

    pub fn restore(&mut self, observed: &[Option<Shape>]) {
        for (index, slot) in self.observed.iter_mut().enumerate() {
            *slot = observed.get(index).cloned().flatten();
        }
    }

    /// The assumptions to try next; `None` when these came true. With `widen` they only grow, so that it ends.
    pub fn revised(mut self, widen: bool) -> Option<Sites> {
        for site in &self.given {
            let index = site.0 as usize;
            if let (Some(slot), Some(assumed)) = (self.observed.get_mut(index), self.assumed.get(index)) {
                *slot = assumed.clone();
            }
        }
        if self.assumed == self.observed {
            return None;
        }
        let (assumed, observed) = (self.assumed.clone(), self.observed.clone());
        self.observed = vec![None; self.keys.len()];
        self.assumed = assumed
            .into_iter()
            .zip(observed)
            .map(|pair| match pair {
                (Some(before), Some(found)) if widen => Some(join(&before, &found, &mut self)),
                (before, None) if widen => before,
                (_, found) => found,
            })
            .collect();
        self.observed = vec![None; self.keys.len()];
        self.assumed = self.assumed.iter().map(|known| known.as_ref().map(|known| self.filled(known, 0))).collect();
        Some(self)
    }

    /// The shape where containers that were empty when it was observed hold what is taken to be in them now: in `memo[key] = [x]`
    /// the list is seen with its type at once, not one lowering later.
    fn filled(&self, shape: &Shape, depth: usize) -> Shape {
        if depth > TYPE_DEPTH_MAX {
            return shape.clone();
        }
        match &shape.ty {
            Type::Tuple(items) if shape.ty.tuple_item().is_none() => {
                let fields: Vec<Shape> =
                    (0..items.len()).map(|index| self.filled(&shape.field(index), depth + 1)).collect();
                let ty = Type::Tuple(fields.iter().map(|field| field.ty.clone()).collect());
                if ty == shape.ty { shape.clone() } else { with_parts(ty, fields) }
            }
            Type::Union(variants) => {
                let variants = (0..variants.len()).map(|index| self.filled(&shape.variant(index), depth + 1).ty);
                Shape { ty: Type::union(variants), origin: shape.origin.clone() }
            }
            ty if element_type(ty).is_some() && known_element(ty).is_none() => {
                let known = shape.origin.sites.first().and_then(|site| self.element(*site));
                match known {
                    Some(known) => {
                        let element = self.filled(known, depth + 1);
                        Shape { ty: with_element(ty, element.ty), origin: shape.origin.clone() }
                    }
                    None => shape.clone(),
                }
            }
            _ => shape.clone(),
        }
    }
}

/// How strict a merge is about the types of literals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Merge {
    /// Every value keeps its type.
    Exact,
    /// An `int` literal that meets a `float` becomes one, and a literal that meets a NumPy scalar becomes such a scalar.
    Literals,
}

/// The smallest shape that holds both without a change. Tuples of one length merge field by field.
pub fn join(left: &Shape, right: &Shape, sites: &mut Sites) -> Shape {
    join_with(left, right, sites, Merge::Exact)
}

/// The shape that holds both.
pub fn join_with(left: &Shape, right: &Shape, sites: &mut Sites, how: Merge) -> Shape {
    if right.origin.unknown || left == right && how == Merge::Exact {
        return left.clone();
    }
    if left.origin.unknown {
        return right.clone();
    }
    let mut variants = left.variants();
    for shape in right.variants() {
        insert(&mut variants, shape, sites, how);
    }
    if how == Merge::Literals {
        absorb_literals(&mut variants);
    }
    let mut origin = Origin::default();
    for variant in &variants {
        match &variant.ty {
            Type::Int => {
                origin.int_literal = variant.origin.int_literal;
                origin.non_negative = variant.origin.non_negative;
            }
            Type::Float => origin.float_literal = variant.origin.float_literal,
            Type::Np(_) => origin.python |= variant.origin.python,
            Type::Tuple(_) => origin.parts = variant.origin.parts.clone(),
            Type::Record(_) => {
                origin.parts = variant.origin.parts.clone();
                add_sites(&mut origin.sites, &variant.origin.sites);
            }
            ty if has_sites(ty) => {
                add_sites(&mut origin.sites, &variant.origin.sites);
                origin.parts = variant.origin.parts.clone();
            }
            _ => {}
        }
    }
    // With two tuples or containers among the variants nobody could say whose parts or sites these are.
    let several = |is: fn(&Type) -> bool| variants.iter().filter(|variant| is(&variant.ty)).count() > 1;
    if several(|ty| matches!(ty, Type::Tuple(_) | Type::Record(_)) || has_sites(ty)) {
        origin.parts = Vec::new();
    }
    let is_row = |ty: &Type| matches!(ty, Type::Record(_));
    if several(has_sites) && variants.iter().any(|variant| has_sites(&variant.ty) && !is_row(&variant.ty)) {
        origin.sites = Vec::new();
    }
    Shape { ty: Type::union(variants.into_iter().map(|variant| variant.ty)), origin }
}

/// Each site once: a value that is merged with itself again and again has no more of them.
fn add_sites(sites: &mut Vec<SiteId>, more: &[SiteId]) {
    for site in more {
        if !sites.contains(site) {
            sites.push(*site);
        }
    }
}

fn insert(variants: &mut Vec<Shape>, shape: Shape, sites: &mut Sites, how: Merge) {
    for known in variants.iter_mut() {
        if let Some(merged) = merge(known, &shape, sites, how) {
            *known = merged;
            return;
        }
    }
    variants.push(shape);
}

/// Two shapes that are one variant, merged; `None` when they are different variants.
fn merge(left: &Shape, right: &Shape, sites: &mut Sites, how: Merge) -> Option<Shape> {
    if left.ty.tuple_item().is_some() || right.ty.tuple_item().is_some() {
        return merge_any_length(left, right, sites);
    }
    match (&left.ty, &right.ty) {
        (Type::Tuple(a), Type::Tuple(b)) if a.len() == b.len() => {
            let fields = join_fields(left, right, a.len(), sites, how);
            let ty = Type::Tuple(fields.iter().map(|field| field.ty.clone()).collect());
            Some(with_parts(ty, fields))
        }
        (Type::Record(a), Type::Record(b)) if a.kind == b.kind && a.name == b.name && names(a).eq(names(b)) => {
            let fields = join_fields(left, right, a.fields.len(), sites, how);
            let named = a.fields.iter().zip(&fields).map(|((name, _), field)| (name.clone(), field.ty.clone()));
            let record = ir::RecordType { kind: a.kind, name: a.name.clone(), fields: named.collect() };
            let mut shape = with_parts(Type::Record(record.into()), fields);
            shape.origin.sites = left.origin.sites.clone();
            add_sites(&mut shape.origin.sites, &right.origin.sites);
            Some(shape)
        }
        (Type::List(_), Type::List(_)) | (Type::Dict(..), Type::Dict(..)) => merge_containers(left, right, sites),
        (Type::Set { frozen: a, .. }, Type::Set { frozen: b, .. }) if a == b => merge_containers(left, right, sites),
        (Type::Dict(..), Type::Record(row)) if is_display(row, right) => merge_with_row(left, right, sites),
        (Type::Record(row), Type::Dict(..)) if is_display(row, left) => merge_with_row(right, left, sites),
        (a, b) if a == b => Some(Shape {
            ty: a.clone(),
            origin: Origin {
                int_literal: left.origin.int_literal.min(right.origin.int_literal),
                float_literal: left.origin.float_literal.min(right.origin.float_literal),
                non_negative: left.origin.non_negative && right.origin.non_negative,
                python: left.origin.python || right.origin.python,
                ..Origin::default()
            },
        }),
        _ => None,
    }
}

/// A tuple of any length takes up every other tuple: one that holds the items of both is made where they meet.
fn merge_any_length(left: &Shape, right: &Shape, sites: &mut Sites) -> Option<Shape> {
    if left.ty.tuple_item().is_some() && right.ty.tuple_item().is_some() {
        let (a, b) = (left.field(0), right.field(0));
        if let Some(list) = merge_containers(&a, &b, sites) {
            return Some(around(list));
        }
        let (a, b) = (tuple_element(left, sites)?, tuple_element(right, sites)?);
        return Some(around(list_without_site(join(&a, &b, sites))));
    }
    let (any, known) = if left.ty.tuple_item().is_some() { (left, right) } else { (right, left) };
    let own = tuple_element(known, sites)?;
    let list = any.field(0);
    if list.origin.sites.is_empty() {
        let element = tuple_element(any, sites)?;
        return Some(around(list_without_site(join(&element, &own, sites))));
    }
    for site in &list.origin.sites {
        sites.grow(*site, &own);
    }
    Some(any.clone())
}

/// Tuples of so many lengths in one variable at the head of a loop, in one container or in one result are one of any
/// length: there is no end of them.
const TUPLE_LENGTHS_MAX: usize = 4;

/// A tuple that becomes ever longer, here or in the parts of a tuple, is one of any length.
pub fn without_growing_tuples(shape: Shape, sites: &mut Sites) -> Shape {
    let lengths = shape.ty.variants().iter().filter(|ty| matches!(ty, Type::Tuple(_))).count();
    if lengths >= TUPLE_LENGTHS_MAX {
        return of_any_length(&shape, sites);
    }
    match &shape.ty {
        Type::Tuple(items) => {
            let fields: Vec<Shape> =
                (0..items.len()).map(|index| without_growing_tuples(shape.field(index), sites)).collect();
            let ty = Type::Tuple(fields.iter().map(|field| field.ty.clone()).collect());
            if ty == shape.ty { shape } else { with_parts(ty, fields) }
        }
        _ => shape,
    }
}

/// Tuples of several lengths as one of any length: what a variable is that becomes longer in a loop.
fn of_any_length(shape: &Shape, sites: &mut Sites) -> Shape {
    let (tuples, mut others): (Vec<Shape>, Vec<Shape>) =
        shape.variants().into_iter().partition(|variant| matches!(variant.ty, Type::Tuple(_)));
    let elements: Vec<Shape> = tuples.iter().filter_map(|tuple| tuple_element(tuple, sites)).collect();
    let element = elements.into_iter().reduce(|a, b| join(&a, &b, sites)).unwrap_or_else(Shape::unknown);
    let mut joined = around(list_without_site(element));
    for other in others.drain(..) {
        joined = join(&joined, &other, sites);
    }
    joined
}

/// What is in a tuple; nothing is known to be in an empty one.
fn tuple_element(tuple: &Shape, sites: &mut Sites) -> Option<Shape> {
    match &tuple.ty {
        Type::Tuple(items) => {
            let fields = (0..items.len()).map(|index| Shape {
                origin: Origin { int_literal: Literal::No, float_literal: Literal::No, ..tuple.field(index).origin },
                ..tuple.field(index)
            });
            Some(fields.reduce(|a, b| join(&a, &b, sites)).unwrap_or_else(Shape::unknown))
        }
        _ => {
            let list = tuple.field(0);
            if list.is_empty_container() {
                return Some(Shape::unknown());
            }
            match list.origin.sites.first() {
                Some(site) => Some(sites.element(*site).cloned().unwrap_or_else(Shape::unknown)),
                None => element_type(&list.ty).map(Shape::from),
            }
        }
    }
}

fn list_without_site(element: Shape) -> Shape {
    Shape { ty: Type::List(Box::new(element.ty.clone())), origin: Origin { parts: Vec::new(), ..Origin::default() } }
}

/// The tuple of any length around a list.
fn around(list: Shape) -> Shape {
    let item = element_type(&list.ty).unwrap_or(Type::None);
    with_parts(Type::tuple_of(item), vec![list])
}

fn names(record: &ir::RecordType) -> impl Iterator<Item = &String> {
    record.fields.iter().map(|(name, _)| name)
}

fn join_fields(left: &Shape, right: &Shape, count: usize, sites: &mut Sites, how: Merge) -> Vec<Shape> {
    (0..count).map(|index| join_with(&left.field(index), &right.field(index), sites, how)).collect()
}

fn with_parts(ty: Type, fields: Vec<Shape>) -> Shape {
    let parts: Vec<Origin> = fields.into_iter().map(|field| field.origin).collect();
    let known = parts.iter().any(|part| *part != Origin::default());
    Shape { ty, origin: Origin { parts: if known { parts } else { Vec::new() }, ..Origin::default() } }
}

/// Whether the row is a `dict` display of this function, which may still become a dict.
fn is_display(row: &ir::RecordType, shape: &Shape) -> bool {
    row.kind == ir::RecordKind::Dict && !shape.origin.sites.is_empty()
}

/// What a dict made of the row would hold.
pub fn row_element(row: &Shape, sites: &mut Sites) -> Shape {
    let count = row.ty.field_types().map_or(0, |fields| fields.len());
    let mut fields = (0..count).map(|index| row.field(index));
    let first = fields.next().unwrap_or(Shape::from(Type::None));
    let value = fields.fold(first, |known, next| join(&known, &next, sites));
    Shape::pair(Shape::from(Type::Str), value)
}

/// A dict that meets a row: the display of the row is to be a dict. What is known of it is that of a row until the function
/// is lowered again.
fn merge_with_row(dict: &Shape, row: &Shape, sites: &mut Sites) -> Option<Shape> {
    let element = row_element(row, sites);
    let known = match dict.origin.sites.first() {
        Some(site) => sites.element(*site).cloned(),
        None => element_type(&dict.ty).map(Shape::from),
    };
    for site in row.origin.sites.iter().chain(&dict.origin.sites) {
        sites.grow(*site, &element);
    }
    let origin = Origin { sites: row.origin.sites.clone(), ..Origin::default() };
    let other = Shape { ty: with_element(&dict.ty, element.ty), origin };
    Some(if known.is_some() { dict.clone() } else { other })
}

/// Containers are one variant when they hold the same, or when those that differ were made in this function, so that their
/// element type can still grow.
fn merge_containers(left: &Shape, right: &Shape, sites: &mut Sites) -> Option<Shape> {
    sites.merges = if sites.depth == 0 { 0 } else { sites.merges + 1 };
    if sites.is_endless || sites.depth > MERGE_DEPTH_MAX || sites.merges > MERGES_MAX {
        sites.is_endless = true;
        return Some(left.clone());
    }
    sites.depth += 1;
    let merged = merge_elements(left, right, sites);
    sites.depth -= 1;
    merged
}

fn merge_elements(left: &Shape, right: &Shape, sites: &mut Sites) -> Option<Shape> {
    let same = left.ty == right.ty;
    let (a, b) = (&left.origin.sites, &right.origin.sites);
    let element = |shape: &Shape, sites: &Sites| match shape.origin.sites.first() {
        Some(site) => sites.element(*site).cloned(),
        None if shape.is_empty_container() => None,
        None => shape.fixed_element(),
    };
    let mut merged = a.clone();
    merged.extend(b.iter().filter(|site| !a.contains(site)));
    if !same {
        let (left_item, right_item) = (element(left, sites), element(right, sites));
        let joined = match (&left_item, &right_item) {
            (Some(left_item), Some(right_item)) => join(left_item, right_item, sites),
            (Some(item), None) | (None, Some(item)) => item.clone(),
            (None, None) => return Some(left.clone()),
        };
        // A container whose element type is fixed takes no more than that.
        let fits = |sites: &[SiteId], item: &Option<Shape>| {
            !sites.is_empty() || item.as_ref().is_some_and(|item| item.ty == joined.ty)
        };
        if !fits(a, &left_item) || !fits(b, &right_item) {
            return None;
        }
        for site in &merged {
            sites.grow(*site, &joined);
        }
        let fixed = a.is_empty() || b.is_empty();
        let origin = Origin { sites: if fixed { Vec::new() } else { merged }, ..Origin::default() };
        return Some(Shape { ty: with_element(&left.ty, joined.ty), origin });
    }
    // What is known to be in one is in the other: an empty list that stands in for a longer one, as in `d.get(k, []) + [x]`,
    // must not lose its item type because nothing else is put into it.
    if !a.is_empty() && !b.is_empty() && a != b {
        let (left_item, right_item) = (element(left, sites), element(right, sites));
        for (of, item) in [(a, right_item), (b, left_item)] {
            for site in of {
                if let Some(item) = &item {
                    sites.grow(*site, item);
                }
            }
        }
    }
    // A list made here that stands in for one whose element type is fixed has that type, whatever is put into it.
    for (of, fixed) in [(a, right), (b, left)] {
        if fixed.origin.sites.is_empty()
            && let Some(item) = known_element(&fixed.ty)
        {
            let item = Shape { ty: item, origin: fixed.origin.of_elements() };
            of.iter().for_each(|site| sites.grow(*site, &item));
        }
    }
    // The sites of one stand for all that may be in the other, unless one of them is fixed.
    let origin = match a.is_empty() || b.is_empty() {
        true => left.marked(sites).origin.marked_in_both(&right.marked(sites).origin),
        false => Origin { sites: merged, ..Origin::default() },
    };
    Some(Shape { ty: left.ty.clone(), origin })
}

/// Drops the literals that another variant can stand for.
fn absorb_literals(variants: &mut Vec<Shape>) {
    let has = |variants: &[Shape], ty: &Type| variants.iter().any(|variant| variant.ty == *ty);
    if has(variants, &Type::Float) {
        variants.retain(|variant| variant.ty != Type::Int || variant.origin.int_literal == Literal::No);
    }
    let elems: Vec<Elem> = variants
        .iter()
        .filter_map(|variant| match variant.ty {
            Type::Np(elem) => Some(elem),
            _ => None,
        })
        .collect();
    let [elem] = elems.as_slice() else { return };
    let count = variants.len();
    variants.retain(|variant| !literal_becomes(variant, *elem));
    if variants.len() < count {
        for variant in variants.iter_mut() {
            variant.origin.python |= variant.ty == Type::Np(*elem);
        }
    }
}

/// Whether the literal keeps its value as a NumPy scalar of this type.
fn literal_becomes(shape: &Shape, elem: Elem) -> bool {
    let needed = match elem {
        Elem::Bool => return false,
        Elem::F64 | Elem::I64 => Literal::Exact,
        _ => Literal::Small,
    };
    match shape.ty {
        Type::Int => shape.origin.int_literal >= needed,
        Type::Float => elem.is_float() && shape.origin.float_literal >= needed,
        _ => false,
    }
}

/// How deep types may nest and how many parts they may have, before they count as growing without end. Within the limits
/// of the IR, so that no program is refused there.
const TYPE_DEPTH_MAX: usize = 12;
const TYPE_SIZE_MAX: usize = 4_000;

/// Whether the type is too large to be compiled.
pub fn is_too_large(ty: &Type) -> bool {
    fn measure(ty: &Type, depth: usize, size: &mut usize) -> bool {
        *size += 1;
        if depth > TYPE_DEPTH_MAX || *size > TYPE_SIZE_MAX {
            return true;
        }
        match ty {
            Type::Tuple(items) | Type::Union(items) => items.iter().any(|item| measure(item, depth + 1, size)),
            Type::Record(record) => record.fields.iter().any(|(_, field)| measure(field, depth + 1, size)),
            Type::List(item) | Type::Set { item, .. } => measure(item, depth + 1, size),
            Type::Dict(key, value) => measure(key, depth + 1, size) || measure(value, depth + 1, size),
            _ => false,
        }
    }
    measure(ty, 0, &mut 0)
}

/// The name of the type as Python says it in messages: `int`, `NoneType`, `numpy.float64`.
pub fn python_name(ty: &Type) -> String {
    match ty {
        Type::None => "NoneType".to_owned(),
        Type::Bool => "bool".to_owned(),
        Type::Int => "int".to_owned(),
        Type::Float => "float".to_owned(),
        Type::Str => "str".to_owned(),
        Type::Range => "range".to_owned(),
        Type::Np(Elem::Bool) => "numpy.bool".to_owned(),
        Type::Np(elem) => format!("numpy.{}", elem.name()),
        Type::Tuple(_) => "tuple".to_owned(),
        Type::Record(record) if record.kind == ir::RecordKind::Dict => "dict".to_owned(),
        Type::Record(record) if record.name.is_empty() => "Row".to_owned(),
        Type::Record(record) => record.name.split('#').next().unwrap_or_default().to_owned(),
        Type::List(_) => "list".to_owned(),
        Type::Bytes => "bytes".to_owned(),
        Type::Dict(..) => "dict".to_owned(),
        Type::Set { frozen: false, .. } => "set".to_owned(),
        Type::Set { frozen: true, .. } => "frozenset".to_owned(),
        Type::Object(class) => class.split('#').next().unwrap_or_default().to_owned(),
        Type::Array { .. } => "numpy.ndarray".to_owned(),
        Type::Exception => "Exception".to_owned(),
        Type::Union(variants) => variants.iter().map(python_name).collect::<Vec<_>>().join(" or "),
    }
}

/// The type as a person would annotate it: `int | None`, `tuple[int, str]`.
pub fn annotation_text(ty: &Type) -> String {
    match ty {
        Type::None => "None".to_owned(),
        Type::Tuple(items) if items.is_empty() => "tuple[()]".to_owned(),
        Type::Tuple(items) => {
            format!("tuple[{}]", items.iter().map(annotation_text).collect::<Vec<_>>().join(", "))
        }
        ty if let Some(item) = ty.tuple_item() => format!("tuple[{}, ...]", annotation_text(item)),
        Type::List(item) => format!("list[{}]", annotation_text(item)),
        Type::Dict(key, value) => format!("dict[{}, {}]", annotation_text(key), annotation_text(value)),
        Type::Set { item, .. } => format!("{}[{}]", python_name(ty), annotation_text(item)),
        Type::Union(variants) => {
            // `None` comes last, as people write it.
            let (none, others): (Vec<_>, Vec<_>) = variants.iter().partition(|ty| **ty == Type::None);
            others.into_iter().chain(none).map(annotation_text).collect::<Vec<_>>().join(" | ")
        }
        Type::Array { elem, ndim } => format!("{ndim}-d array of {}", elem.name()),
        other => python_name(other),
    }
}
