//! Dicts and sets of the interpreter. Keys are compared in a canonical form, so that `1`, `1.0` and `True` are one. A set of
//! numbers keeps CPython's table: the same hash, size and probing, hence the same order.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::value::Value;
use crate::layout::has_table_order;
use crate::types::Type;

/// What equal keys share.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Key {
    None,
    Int(i64),
    /// The bits of a float that equals no int.
    Float(u64),
    /// A NaN: equal to no other.
    Nan(u64),
    Text(Vec<u8>),
    Bytes(Vec<u8>),
    Tuple(Vec<Key>),
    /// Sorted.
    Frozen(Vec<Key>),
    /// A dataclass, which equals only its own kind.
    Instance(String, Vec<Key>),
    Object(usize),
    Range(Vec<i64>),
    /// No key: the verifier keeps these out.
    Other,
}

impl Key {
    pub fn of(value: &Value) -> Key {
        static NANS: AtomicU64 = AtomicU64::new(0);
        let all = |items: &[Value]| items.iter().map(Key::of).collect();
        match value {
            Value::None => Key::None,
            Value::Bool(value) => Key::Int(i64::from(*value)),
            Value::Int(value) => Key::Int(*value),
            Value::Float(value) if value.is_nan() => Key::Nan(NANS.fetch_add(1, Ordering::Relaxed)),
            Value::Float(value) => match whole(*value) {
                Some(int) => Key::Int(int),
                None => Key::Float(value.to_bits()),
            },
            Value::Str(text) => Key::Text(text.as_bytes().to_vec()),
            Value::Bytes(bytes) => Key::Bytes(bytes.to_vec()),
            Value::Tuple(items) => Key::Tuple(all(items)),
            Value::Record(..) if let Some(items) = value.tuple_items() => Key::Tuple(all(&items.borrow())),
            Value::Record(record, items)
                if matches!(record.kind, crate::RecordKind::Dataclass | crate::RecordKind::Library) =>
            {
                Key::Instance(record.name.clone(), all(items))
            }
            Value::Record(_, items) => Key::Tuple(all(items)),
            Value::Union(_, value) => Key::of(value),
            Value::Set(set) => {
                let mut keys: Vec<Key> = set.borrow().iter().map(Key::of).collect();
                keys.sort();
                Key::Frozen(keys)
            }
            Value::Object(object) => Key::Object(Rc::as_ptr(object) as usize),
            Value::Range { start, stop, step } => Key::Range(range_key(*start, *stop, *step)),
            Value::Np(..) | Value::List(_) | Value::Dict(_) | Value::Array(_) | Value::Exception(_) => Key::Other,
        }
    }
}

/// What equal ranges share: the numbers they give.
fn range_key(start: i64, stop: i64, step: i64) -> Vec<i64> {
    let (low, high) = if step > 0 { (start, stop) } else { (stop, start) };
    if low >= high {
        return Vec::new();
    }
    let steps = (i128::from(high) - i128::from(low) - 1) / i128::from(step).abs();
    match steps {
        0 => vec![start],
        _ => vec![start, (i128::from(start) + steps * i128::from(step)) as i64, step],
    }
}

/// The int that a float equals, if 64 bits hold one.
fn whole(value: f64) -> Option<i64> {
    const TWO_63: f64 = 9_223_372_036_854_775_808.0;
    (value.trunc() == value && (-TWO_63..TWO_63).contains(&value)).then_some(value as i64)
}

/// `hash(value)`: CPython's where that is fixed. Texts and objects give some number.
pub fn hash(value: &Value) -> i64 {
    const TUPLE_1: u64 = 11_400_714_785_074_694_791;
    const TUPLE_2: u64 = 14_029_467_366_897_019_727;
    const TUPLE_5: u64 = 2_870_177_450_012_600_261;
    let tuple = |items: &[Value]| {
        let mut sum = TUPLE_5;
        for item in items {
            sum = sum.wrapping_add((hash(item) as u64).wrapping_mul(TUPLE_2)).rotate_left(31).wrapping_mul(TUPLE_1);
        }
        match sum.wrapping_add(items.len() as u64 ^ (TUPLE_5 ^ 3_527_539)) {
            u64::MAX => 1_546_275_796,
            sum => sum as i64,
        }
    };
    match value {
        Value::None => 0xfca8_6420,
        Value::Bool(value) => i64::from(*value),
        Value::Int(value) => hash_int(*value),
        Value::Float(value) => hash_float(*value),
        Value::Record(..) if let Some(items) = value.tuple_items() => tuple(&items.borrow()),
        Value::Tuple(items) | Value::Record(_, items) => tuple(items),
        Value::Union(_, value) => hash(value),
        Value::Set(set) => hash_frozen(&set.borrow()),
        Value::Str(_)
        | Value::Bytes(_)
        | Value::Range { .. }
        | Value::Np(..)
        | Value::List(_)
        | Value::Dict(_)
        | Value::Object(_)
        | Value::Array(_)
        | Value::Exception(_) => 0,
    }
}

const PRIME: u64 = (1 << 61) - 1;

fn hash_int(value: i64) -> i64 {
    let rest = (value.unsigned_abs() % PRIME) as i64;
    match if value < 0 { -rest } else { rest } {
        -1 => -2,
        hash => hash,
    }
}

/// The float as a fraction modulo the prime: `m * 2**e`, where halving is rotating.
fn hash_float(value: f64) -> i64 {
    if value.is_nan() {
        return 0;
    }
    if value.is_infinite() {
        return if value > 0.0 { 314_159 } else { -314_159 };
    }
    if let Some(int) = whole(value) {
        return hash_int(int);
    }
    let bits = value.abs().to_bits();
    let (raw, fraction) = ((bits >> 52) as i64, bits & ((1 << 52) - 1));
    let (mantissa, exponent) = if raw == 0 { (fraction, -1074) } else { (fraction | 1 << 52, raw - 1075) };
    // 2**61 is 1 modulo the prime.
    let shift = exponent.rem_euclid(61) as u32;
    let product = (u128::from(mantissa) << shift) % u128::from(PRIME);
    let hash = product as i64;
    match if value < 0.0 { -hash } else { hash } {
        -1 => -2,
        hash => hash,
    }
}

fn hash_frozen(set: &Set) -> i64 {
    let spread = |hash: u64| ((hash ^ 89_869_747) ^ (hash << 16)).wrapping_mul(3_644_798_167);
    let mixed = set.iter().fold(0, |mixed, item| mixed ^ spread(hash(item) as u64));
    let mixed = mixed ^ (set.len() as u64 + 1).wrapping_mul(1_927_868_237);
    let mixed = mixed ^ (mixed >> 11) ^ (mixed >> 25);
    match mixed.wrapping_mul(69_069).wrapping_add(907_133_923) {
        u64::MAX => 590_923_713,
        hash => hash as i64,
    }
}

/// A dict: entries in order of insertion; deleted ones leave a gap.
#[derive(Clone, Debug, Default)]
pub struct Dict {
    entries: Vec<Option<(Value, Value)>>,
    index: HashMap<Key, usize>,
}

impl Dict {
    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Value, &Value)> {
        self.entries.iter().flatten().map(|(key, value)| (key, value))
    }

    pub fn find(&self, key: &Value) -> Option<usize> {
        self.index.get(&Key::of(key)).copied()
    }

    /// The key and value at a position, if it is live.
    pub fn at(&self, position: i64) -> Option<(&Value, &Value)> {
        let entry = self.entries.get(usize::try_from(position).ok()?)?.as_ref()?;
        Some((&entry.0, &entry.1))
    }

    pub fn set(&mut self, key: Value, value: Value) {
        match self.find(&key) {
            Some(position) => self.set_at(position as i64, value).unwrap_or(()),
            None => {
                self.index.insert(Key::of(&key), self.entries.len());
                self.entries.push(Some((key, value)));
            }
        }
    }

    pub fn set_at(&mut self, position: i64, value: Value) -> Option<()> {
        self.entries.get_mut(usize::try_from(position).ok()?)?.as_mut()?.1 = value;
        Some(())
    }

    pub fn delete_at(&mut self, position: i64) -> Option<()> {
        let position = usize::try_from(position).ok()?;
        let (key, _) = self.entries.get_mut(position)?.take()?;
        if self.index.remove(&Key::of(&key)).is_none() {
            // A key with a NaN in it is not even equal to itself.
            self.index.retain(|_, at| *at != position);
        }
        Some(())
    }

    pub fn next(&self, position: i64) -> i64 {
        let from = usize::try_from(position).unwrap_or(0);
        (from..self.entries.len()).find(|at| self.entries[*at].is_some()).map_or(-1, |at| at as i64)
    }

    pub fn last(&self) -> i64 {
        self.entries.iter().rposition(Option::is_some).map_or(-1, |at| at as i64)
    }
}

#[derive(Clone, Debug)]
enum Slot {
    Empty,
    /// An item was here.
    Dummy,
    Live(Value),
}

/// A set. In table order the slots are CPython's hash table; else they are the items in order of insertion.
#[derive(Clone, Debug)]
pub struct Set {
    slots: Vec<Slot>,
    has_table_order: bool,
    is_frozen: bool,
    /// Slots that are not empty, of a table.
    fill: usize,
    /// Where `pop` looks next.
    finger: usize,
    /// The slot of each item.
    index: HashMap<Key, usize>,
}

/// The slots of an empty table.
const SLOTS_MIN: usize = 8;
/// Neighbours looked at before the next jump.
const LINEAR_PROBES: usize = 9;

impl Set {
    /// An empty set of such items.
    pub fn new(item: &Type, is_frozen: bool) -> Set {
        Set::empty(has_table_order(item), is_frozen)
    }

    fn empty(has_table_order: bool, is_frozen: bool) -> Set {
        let slots = if has_table_order { vec![Slot::Empty; SLOTS_MIN] } else { Vec::new() };
        Set { slots, has_table_order, is_frozen, fill: 0, finger: 0, index: HashMap::new() }
    }

    pub fn is_frozen(&self) -> bool {
        self.is_frozen
    }

    /// The set as a `frozenset`, or not.
    pub fn frozen(self, is_frozen: bool) -> Set {
        Set { is_frozen, ..self }
    }

    /// The set that is made by adding the items one by one, in order.
    pub fn added_anew(&self) -> Set {
        let mut made = Set::empty(self.has_table_order, self.is_frozen);
        self.iter().for_each(|item| made.add(item.clone()));
        made
    }

    pub fn len(&self) -> usize {
        self.index.len()
    }

    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.slots.iter().filter_map(|slot| if let Slot::Live(value) = slot { Some(value) } else { None })
    }

    pub fn contains(&self, item: &Value) -> bool {
        self.index.contains_key(&Key::of(item))
    }

    pub fn at(&self, position: i64) -> Option<&Value> {
        match self.slots.get(usize::try_from(position).ok()?)? {
            Slot::Live(value) => Some(value),
            Slot::Empty | Slot::Dummy => None,
        }
    }

    pub fn next(&self, position: i64) -> i64 {
        let from = usize::try_from(position).unwrap_or(0);
        let live = |at: &usize| matches!(self.slots[*at], Slot::Live(..));
        (from..self.slots.len()).find(live).map_or(-1, |at| at as i64)
    }

    fn mask(&self) -> usize {
        self.slots.len().wrapping_sub(1)
    }

    /// The slot for an item of this hash that is not there: the first empty one on its way, or, with `reuse`, the last
    /// dummy before that.
    fn free_slot(slots: &[Slot], hash: i64, reuse: bool) -> usize {
        let mask = slots.len() - 1;
        let mut perturb = hash as u64;
        let mut at = perturb as usize & mask;
        let mut dummy = None;
        loop {
            let probes = if at + LINEAR_PROBES <= mask { LINEAR_PROBES } else { 0 };
            for (slot, found) in slots.iter().enumerate().skip(at).take(probes + 1) {
                match found {
                    Slot::Empty => return dummy.unwrap_or(slot),
                    Slot::Dummy if reuse => dummy = Some(slot),
                    Slot::Dummy | Slot::Live(_) => {}
                }
            }
            perturb >>= 5;
            at = at.wrapping_mul(5).wrapping_add(1).wrapping_add(perturb as usize) & mask;
        }
    }

    /// Adds an item that is not there; the table does not grow. True when it took an empty slot.
    fn insert(&mut self, item: Value, reuse: bool) -> bool {
        let at = if self.has_table_order {
            Set::free_slot(&self.slots, hash(&item), reuse)
        } else {
            self.slots.push(Slot::Empty);
            self.slots.len() - 1
        };
        self.index.insert(Key::of(&item), at);
        let is_new = matches!(self.slots[at], Slot::Empty);
        self.slots[at] = Slot::Live(item);
        self.fill += usize::from(is_new);
        is_new
    }

    fn insert_clean(&mut self, item: Value) {
        self.insert(item, false);
    }

    pub fn add(&mut self, item: Value) {
        if self.contains(&item) {
            return;
        }
        let is_new = self.insert(item, true);
        if is_new && self.has_table_order && self.fill * 5 >= self.mask() * 3 {
            self.resize(self.grown());
        }
    }

    fn grown(&self) -> usize {
        if self.len() > 50_000 { self.len() * 2 } else { self.len() * 4 }
    }

    /// A new table with more slots than `used`.
    fn resize(&mut self, used: usize) {
        let mut size = SLOTS_MIN;
        while size <= used {
            size *= 2;
        }
        let items: Vec<Value> = self.iter().cloned().collect();
        self.slots = vec![Slot::Empty; size];
        self.fill = 0;
        items.into_iter().for_each(|item| self.insert_clean(item));
    }

    /// Makes room for as many more items as CPython does when it takes them from a set or dict.
    pub fn reserve(&mut self, count: usize) {
        if self.has_table_order && (self.fill + count) * 5 >= self.mask() * 3 {
            self.resize((self.len() + count) * 2);
        }
    }

    pub fn discard(&mut self, item: &Value) -> bool {
        match self.index.remove(&Key::of(item)) {
            Some(at) => {
                self.slots[at] = Slot::Dummy;
                true
            }
            None => false,
        }
    }

    pub fn clear(&mut self) {
        *self = Set::empty(self.has_table_order, self.is_frozen);
    }

    pub fn pop(&mut self) -> Option<Value> {
        if self.is_empty() {
            return None;
        }
        let start = if self.has_table_order { self.finger & self.mask() } else { 0 };
        let count = self.slots.len();
        let at = (0..count).map(|step| (start + step) % count).find(|at| matches!(self.slots[*at], Slot::Live(..)))?;
        let Slot::Live(item) = std::mem::replace(&mut self.slots[at], Slot::Dummy) else { return None };
        self.index.remove(&Key::of(&item));
        self.finger = at + 1;
        Some(item)
    }

    /// `self |= other`.
    pub fn merge(&mut self, other: &Set) {
        if other.is_empty() {
            return;
        }
        self.reserve(other.len());
        let other_fill_is_clean = other.fill == other.len();
        if self.has_table_order && self.fill == 0 && self.slots.len() == other.slots.len() && other_fill_is_clean {
            let finger = self.finger;
            *self = Set { finger, is_frozen: self.is_frozen, ..other.clone() };
        } else if self.fill == 0 {
            other.iter().for_each(|item| self.insert_clean(item.clone()));
        } else {
            other.iter().for_each(|item| self.add(item.clone()));
        }
    }

    pub fn copy(&self) -> Set {
        let mut copy = Set::empty(self.has_table_order, self.is_frozen);
        copy.merge(self);
        copy
    }

    pub fn intersection(&self, other: &Set) -> Set {
        let (small, large) = if other.len() > self.len() { (self, other) } else { (other, self) };
        let mut result = Set::empty(self.has_table_order, self.is_frozen);
        small.iter().filter(|item| large.contains(item)).for_each(|item| result.add(item.clone()));
        result
    }

    pub fn difference(&self, other: &Set) -> Set {
        if self.len() >> 2 > other.len() {
            let mut result = self.copy();
            result.subtract(other);
            return result;
        }
        let mut result = Set::empty(self.has_table_order, self.is_frozen);
        self.iter().filter(|item| !other.contains(item)).for_each(|item| result.add(item.clone()));
        result
    }

    /// `self -= other`.
    pub fn subtract(&mut self, other: &Set) {
        other.iter().for_each(|item| {
            self.discard(item);
        });
        if self.has_table_order && self.fill - self.len() > self.mask() / 4 {
            self.resize(self.grown());
        }
    }

    /// `self ^= other`.
    pub fn toggle(&mut self, other: &Set) {
        for item in other.iter() {
            if !self.discard(item) {
                self.add(item.clone());
            }
        }
    }

    pub fn is_subset(&self, other: &Set) -> bool {
        // A set holds its own items, a NaN among them, too.
        std::ptr::eq(self, other) || self.len() <= other.len() && self.iter().all(|item| other.contains(item))
    }

    pub fn is_disjoint(&self, other: &Set) -> bool {
        !self.iter().any(|item| other.contains(item))
    }
}
