//! The operations of the container table: headers are addresses, keys and items go to the runtime as slots in the frame
//! with their shape. What only reads a place that is known is done in line.

use std::mem::offset_of;

use ir::{ContainerOp, ExcKind, Type, Value, messages};
use runtime::abi;

use crate::emit::func::FuncEmitter;
use crate::llvm::{IntPred, Val};
use crate::shape;
use crate::value::{comp_count, load_value, store_value};

/// The first word of an entry that holds nothing.
const NOT_LIVE: i64 = -1;

impl FuncEmitter<'_, '_> {
    /// Emits an operation; the components of its result.
    pub fn container(&mut self, op: ContainerOp, args: &[Value], result: &Type) -> Vec<Val> {
        use ContainerOp as C;
        match op {
            C::ValueEq | C::ValueHash | C::ValueRepr => self.with_values(op, &[], args),
            C::ValueLt => self.compare(0, args),
            C::ValueLe => self.compare(1, args),
            C::ValueGt => self.compare(2, args),
            C::ValueGe => self.compare(3, args),
            C::ValueCopy => self.value_copy(args[0], result),
            C::RefIs => vec![self.is_same(args[0], args[1])],
            C::ObjectNew => self.object_new(args),
            C::LogWrite => {
                let words = [self.comps_of(args[0]), self.comps_of(args[1])].concat();
                self.runtime_call(op.name(), &words)
            }
            C::ListInsert => {
                let (words, slots) = ([self.scalar(args[0]), self.scalar(args[1])], self.width(args[2]));
                let item = self.in_frame(&[args[2]]);
                self.runtime_call(op.name(), &[words[0], words[1], item, slots])
            }
            C::ListPop => {
                let (list, index) = (self.scalar(args[0]), self.scalar(args[1]));
                self.taken_item(op, &[list, index], result)
            }
            C::ListDelete
            | C::ListDeleteSlice
            | C::ListSetSlice
            | C::ListExtend
            | C::ListReverse
            | C::ListRepeat
            | C::ListReorder
            | C::ListTake
            | C::ListGive => self.of_list(op, args),
            C::ListClear => {
                let ll = &self.em.ll;
                ll.store(ll.const_i64(0), ll.field_at(self.scalar(args[0]), offset_of!(abi::List, len)));
                Vec::new()
            }
            C::ListFind => {
                let words = [self.scalar(args[0]), self.scalar(args[2]), self.scalar(args[3])];
                self.search(op, args[0], &words, args[1])
            }
            C::ListCount => {
                let list = self.scalar(args[0]);
                self.search(op, args[0], &[list], args[1])
            }
            C::DictNew => self.runtime_call(op.name(), &[]),
            C::DictLen | C::SetLen => vec![self.table_field(args[0], offset_of!(abi::Table, len))],
            C::DictGet => {
                let found = self.keyed(op, args[0], args[1]);
                found.first().map_or_else(Vec::new, |address| load_value(&self.em.ll, result, *address))
            }
            C::DictFind | C::DictDelete | C::SetDiscard | C::SetContains => self.keyed(op, args[0], args[1]),
            C::DictSet => self.dict_set(args),
            C::DictNext | C::SetNext => {
                let words = [self.scalar(args[0]), self.scalar(args[1]), self.entry_width(args[0])];
                self.runtime_call(op.name(), &words)
            }
            C::DictLast | C::DictClear | C::DictCopy => {
                let words = [self.scalar(args[0]), self.entry_width(args[0])];
                self.runtime_call(op.name(), &words)
            }
            C::DictDeleteAt => {
                let words = [self.scalar(args[0]), self.scalar(args[1]), self.entry_width(args[0])];
                self.runtime_call(op.name(), &words)
            }
            C::DictKeyAt | C::SetAt => {
                let address = self.live_entry(op, args[0], args[1], 8);
                load_value(&self.em.ll, result, address)
            }
            C::DictValueAt => {
                let address = self.value_address(op, args[0], args[1]);
                load_value(&self.em.ll, result, address)
            }
            C::DictSetAt => {
                let address = self.value_address(op, args[0], args[1]);
                store_value(&self.em.ll, self.type_of(args[2]), self.comps_of(args[2]), address);
                Vec::new()
            }
            C::SetNew => self.set_new(result),
            C::SetAdd => {
                let set = self.scalar(args[0]);
                let item = self.in_frame(&[args[1]]);
                let [data, length] = self.shape_of(self.type_of(args[1]).clone());
                self.runtime_call(op.name(), &[set, item, data, length])
            }
            C::SetPop => {
                let set = self.scalar(args[0]);
                self.taken_item(op, &[set], result)
            }
            C::SetClear | C::SetCopy => self.of_sets(op, args[0], &[]),
            C::SetReserve
            | C::SetUpdate
            | C::SetIntersection
            | C::SetDifference
            | C::SetSymmetricDifference
            | C::SetIntersectionUpdate
            | C::SetDifferenceUpdate
            | C::SetSymmetricUpdate => {
                let second = self.scalar(args[1]);
                self.of_sets(op, args[0], &[second])
            }
            C::SetIsSubset | C::SetIsDisjoint => {
                let mut words = vec![self.scalar(args[0]), self.scalar(args[1])];
                for arg in args {
                    let item = self.item_type(*arg);
                    words.extend(self.shape_of(item));
                }
                self.runtime_call(op.name(), &words)
            }
        }
    }

    // Values in the frame, and their shapes.

    /// The address of the slots of these values, one after the other. Valid until the frame is used again.
    fn in_frame(&mut self, values: &[Value]) -> Val {
        let count: usize = values.iter().map(|value| comp_count(self.type_of(*value))).sum();
        let base = self.frame_slots(count.max(1));
        let mut next = 0;
        for value in values {
            let address = self.em.ll.field_at(base, 8 * next);
            store_value(&self.em.ll, self.type_of(*value), self.comps_of(*value), address);
            next += comp_count(self.type_of(*value));
        }
        base
    }

    /// The shape of a type as the components of a string.
    pub fn shape_of(&mut self, ty: Type) -> [Val; 2] {
        let shape = shape::shape(self.em.module, &ty);
        self.em.text(&shape)
    }

    fn width(&self, value: Value) -> Val {
        self.em.ll.const_i64(comp_count(self.type_of(value)) as i64)
    }

    fn item_type(&self, container: Value) -> Type {
        match self.type_of(container) {
            Type::List(item) | Type::Set { item, .. } => (**item).clone(),
            Type::Dict(key, _) => (**key).clone(),
            other => other.clone(),
        }
    }

    /// The slots of a table's entry: the hash, the key, the value.
    fn entry_width(&self, table: Value) -> Val {
        let slots = match self.type_of(table) {
            Type::Dict(key, value) => comp_count(key) + comp_count(value),
            Type::Set { item, .. } => comp_count(item),
            other => comp_count(other),
        };
        self.em.ll.const_i64(slots as i64 + 1)
    }

    /// Calls the function with the words, the address of the values and their shapes.
    fn with_values(&mut self, op: ContainerOp, words: &[Val], values: &[Value]) -> Vec<Val> {
        let words = self.words_of_values(words, values);
        self.runtime_call(op.name(), &words)
    }

    /// The slots of the value go to the frame, where the function makes them own what they refer to.
    fn value_copy(&mut self, value: Value, result: &Type) -> Vec<Val> {
        let slots = self.in_frame(&[value]);
        let [data, length] = self.shape_of(self.type_of(value).clone());
        self.runtime_call(ContainerOp::ValueCopy.name(), &[slots, data, length]);
        load_value(&self.em.ll, result, slots)
    }

    fn words_of_values(&mut self, words: &[Val], values: &[Value]) -> Vec<Val> {
        let base = self.in_frame(values);
        let mut words = words.to_vec();
        let mut next = 0;
        for value in values {
            words.push(self.em.ll.field_at(base, 8 * next));
            next += comp_count(self.type_of(*value));
        }
        for value in values {
            words.extend(self.shape_of(self.type_of(*value).clone()));
        }
        words
    }

    fn compare(&mut self, order: i64, args: &[Value]) -> Vec<Val> {
        let words = self.words_of_values(&[self.em.ll.const_i64(order)], args);
        self.runtime_call("value.compare", &words)
    }

    fn is_same(&self, a: Value, b: Value) -> Val {
        let ll = &self.em.ll;
        let pairs = self.comps_of(a).iter().zip(self.comps_of(b));
        pairs.fold(ll.const_bool(true), |same, (a, b)| ll.and(same, ll.icmp(IntPred::LLVMIntEQ, *a, *b)))
    }

    /// Takes an item out of a container: the function writes its slots to the frame.
    fn taken_item(&mut self, op: ContainerOp, words: &[Val], item: &Type) -> Vec<Val> {
        let width = comp_count(item);
        let place = self.frame_slots(width.max(1));
        let words = [words, &[place, self.em.ll.const_i64(width as i64)]].concat();
        self.runtime_call(op.name(), &words);
        load_value(&self.em.ll, item, place)
    }

    // Lists.

    /// The scalars of the arguments, and the width of the list's items.
    fn of_list(&mut self, op: ContainerOp, args: &[Value]) -> Vec<Val> {
        let mut words: Vec<Val> = args.iter().map(|arg| self.scalar(*arg)).collect();
        words.push(self.em.ll.const_i64(comp_count(&self.item_type(args[0])) as i64));
        self.runtime_call(op.name(), &words)
    }

    /// Looks for a value among the items: words, the value's address, the shapes of item and value.
    fn search(&mut self, op: ContainerOp, list: Value, words: &[Val], value: Value) -> Vec<Val> {
        let address = self.in_frame(&[value]);
        let mut words = [words, &[address]].concat();
        let item = self.item_type(list);
        words.extend(self.shape_of(item));
        words.extend(self.shape_of(self.type_of(value).clone()));
        self.runtime_call(op.name(), &words)
    }

    // Dicts and sets.

    fn table_field(&self, table: Value, offset: usize) -> Val {
        let ll = &self.em.ll;
        ll.load(ll.i64(), ll.field_at(self.scalar(table), offset))
    }

    /// Looks a key up: the table, the key's address, the shapes of the table's keys and of this one, the entry's width.
    fn keyed(&mut self, op: ContainerOp, table: Value, key: Value) -> Vec<Val> {
        let header = self.scalar(table);
        let address = self.in_frame(&[key]);
        let mut words = vec![header, address];
        let own = self.item_type(table);
        words.extend(self.shape_of(own));
        words.extend(self.shape_of(self.type_of(key).clone()));
        words.push(self.entry_width(table));
        self.runtime_call(op.name(), &words)
    }

    fn dict_set(&mut self, args: &[Value]) -> Vec<Val> {
        let header = self.scalar(args[0]);
        let pair = self.in_frame(&args[1..]);
        let [data, length] = self.shape_of(self.type_of(args[1]).clone());
        let width = self.entry_width(args[0]);
        self.runtime_call(ContainerOp::DictSet.name(), &[header, pair, data, length, width])
    }

    /// The address in an entry, `offset` bytes from its start; raises when the entry is not live.
    fn live_entry(&mut self, op: ContainerOp, table: Value, position: Value, offset: usize) -> Val {
        let used = self.table_field(table, offset_of!(abi::Table, used));
        let position = self.scalar(position);
        let message = messages::of_container(op, ExcKind::RuntimeError);
        let beyond = self.em.ll.icmp(IntPred::LLVMIntUGE, position, used);
        self.fail_if(beyond, ExcKind::RuntimeError, message);
        let width = self.entry_width(table);
        let header = self.scalar(table);
        let ll = &self.em.ll;
        let entries = ll.load(ll.ptr(), ll.field_at(header, offset_of!(abi::Table, entries)));
        let entry = ll.element(ll.i64(), entries, ll.mul(position, width));
        let word = ll.load(ll.i64(), entry);
        let gone = ll.icmp(IntPred::LLVMIntEQ, word, ll.const_i64(NOT_LIVE));
        self.fail_if(gone, ExcKind::RuntimeError, message);
        self.em.ll.field_at(entry, offset)
    }

    fn value_address(&mut self, op: ContainerOp, dict: Value, position: Value) -> Val {
        let key = comp_count(&self.item_type(dict));
        self.live_entry(op, dict, position, 8 + 8 * key)
    }

    fn set_new(&mut self, result: &Type) -> Vec<Val> {
        let Type::Set { item, .. } = result else { return Vec::new() };
        let ll = &self.em.ll;
        let words = [ll.const_bool(ir::layout::has_table_order(item)), ll.const_i64(comp_count(item) as i64 + 1)];
        self.runtime_call(ContainerOp::SetNew.name(), &words)
    }

    /// An operation of whole sets: the first, the rest, the shape of the items.
    fn of_sets(&mut self, op: ContainerOp, set: Value, rest: &[Val]) -> Vec<Val> {
        let mut words = vec![self.scalar(set)];
        words.extend(rest);
        let item = self.item_type(set);
        words.extend(self.shape_of(item));
        self.runtime_call(op.name(), &words)
    }

    // Objects: the slots of the fields, one after the other.

    fn object_new(&mut self, fields: &[Value]) -> Vec<Val> {
        let slots: usize = fields.iter().map(|field| comp_count(self.type_of(*field))).sum();
        let made = self.runtime_call(ContainerOp::ObjectNew.name(), &[self.em.ll.const_i64(slots as i64)]);
        let Some(base) = made.first().copied() else { return made };
        let mut next = 0;
        for field in fields {
            let address = self.em.ll.field_at(base, 8 * next);
            store_value(&self.em.ll, self.type_of(*field), self.comps_of(*field), address);
            next += comp_count(self.type_of(*field));
        }
        made
    }

    fn field_address(&self, object: Value, field: u32) -> Val {
        let class = if let Type::Object(name) = self.type_of(object) { self.em.module.class(name) } else { None };
        let fields: Vec<Type> =
            class.map_or_else(Vec::new, |class| class.fields.iter().map(|(_, ty)| ty.clone()).collect());
        let first = ir::layout::field_slot(&fields, field as usize);
        self.em.ll.field_at(self.scalar(object), 8 * first)
    }

    pub fn object_get(&mut self, object: Value, field: u32, result: &Type) -> Vec<Val> {
        load_value(&self.em.ll, result, self.field_address(object, field))
    }

    pub fn object_set(&mut self, object: Value, field: u32, value: Value) -> Vec<Val> {
        let address = self.field_address(object, field);
        store_value(&self.em.ll, self.type_of(value), self.comps_of(value), address);
        Vec::new()
    }
}
