//! Lists: a header in the arena (`runtime::abi::List`) and items as slots. Reading and replacing items is done in line,
//! what allocates in the runtime.

use ir::{ExcKind, Op, Type, Value, messages};
use runtime::abi;

use crate::emit::func::FuncEmitter;
use crate::llvm::{IntPred, Val};
use crate::value::{comp_count, load_value, store_value};

impl FuncEmitter<'_, '_> {
    fn item_of(&self, list: Value) -> &Type {
        match self.type_of(list) {
            Type::List(item) => item,
            other => other,
        }
    }

    fn item_slots(&self, list: Value) -> Val {
        self.em.ll.const_i64(comp_count(self.item_of(list)) as i64)
    }

    pub fn list_len(&mut self, list: Value) -> Val {
        let ll = &self.em.ll;
        ll.load(ll.i64(), ll.field_at(self.scalar(list), std::mem::offset_of!(abi::List, len)))
    }

    /// The address of an item; raises the `IndexError` of the operation.
    fn item_address(&mut self, list: Value, index: Value, op: &Op) -> Val {
        let length = self.list_len(list);
        let index = self.scalar(index);
        let (position, bad) = self.checked_position(index, length);
        self.fail_if(bad, ExcKind::IndexError, messages::of_op(op, ExcKind::IndexError));
        let header = self.scalar(list);
        let slots = self.item_slots(list);
        let ll = &self.em.ll;
        let data = ll.load(ll.ptr(), ll.field_at(header, std::mem::offset_of!(abi::List, data)));
        ll.element(ll.i64(), data, ll.mul(position, slots))
    }

    pub fn list_get(&mut self, list: Value, index: Value) -> Vec<Val> {
        let address = self.item_address(list, index, &Op::ListGet);
        load_value(&self.em.ll, self.item_of(list), address)
    }

    pub fn list_set(&mut self, list: Value, index: Value, value: Value) -> Vec<Val> {
        let address = self.item_address(list, index, &Op::ListSet);
        store_value(&self.em.ll, self.item_of(list), self.comps_of(value), address);
        Vec::new()
    }

    pub fn list_new(&mut self, items: &[Value], result: &Type) -> Vec<Val> {
        let Type::List(item) = result else { return Vec::new() };
        let slots = comp_count(item);
        let ll = &self.em.ll;
        let (count, width) = (ll.const_i64(items.len() as i64), ll.const_i64(slots as i64));
        let list = self.runtime_call("list.new", &[count, width]);
        let (Some(header), false) = (list.first().copied(), items.is_empty()) else { return list };
        let ll = &self.em.ll;
        let data = ll.load(ll.ptr(), ll.field_at(header, std::mem::offset_of!(abi::List, data)));
        for (index, value) in items.iter().enumerate() {
            store_value(ll, item, self.comps_of(*value), ll.field_at(data, 8 * slots * index));
        }
        ll.store(count, ll.field_at(header, std::mem::offset_of!(abi::List, len)));
        list
    }

    /// In line where there is room, else in the runtime.
    pub fn list_append(&mut self, list: Value, value: Value) -> Vec<Val> {
        let slots = self.item_slots(list);
        let header = self.scalar(list);
        let length = self.list_len(list);
        let ll = &self.em.ll;
        let capacity = ll.load(ll.i64(), ll.field_at(header, std::mem::offset_of!(abi::List, capacity)));
        let has_room = ll.icmp(IntPred::LLVMIntSLT, length, capacity);
        self.either(
            has_room,
            |this| {
                let ll = &this.em.ll;
                let data = ll.load(ll.ptr(), ll.field_at(header, std::mem::offset_of!(abi::List, data)));
                let place = ll.element(ll.i64(), data, ll.mul(length, slots));
                store_value(ll, this.item_of(list), this.comps_of(value), place);
                let longer = ll.add(length, ll.const_i64(1));
                ll.store(longer, ll.field_at(header, std::mem::offset_of!(abi::List, len)));
                Vec::new()
            },
            |this| {
                let item = this.frame_slots(comp_count(this.item_of(list)).max(1));
                store_value(&this.em.ll, this.item_of(list), this.comps_of(value), item);
                this.runtime_call("list.append", &[header, item, slots])
            },
        )
    }

    pub fn list_slice(&mut self, args: &[Value]) -> Vec<Val> {
        let slots = self.item_slots(args[0]);
        let mut words: Vec<Val> = args.iter().map(|arg| self.scalar(*arg)).collect();
        words.push(slots);
        self.runtime_call("list.slice", &words)
    }

    pub fn list_concat(&mut self, first: Value, second: Value) -> Vec<Val> {
        let slots = self.item_slots(first);
        let (first, second) = (self.scalar(first), self.scalar(second));
        self.runtime_call("list.concat", &[first, second, slots])
    }

    pub fn list_argsort(&mut self, keys: Value, reverse: Value) -> Vec<Val> {
        let [data, length] = self.shape_of(self.item_of(keys).clone());
        let (keys, reverse) = (self.scalar(keys), self.scalar(reverse));
        self.runtime_call("list.argsort", &[keys, data, length, reverse])
    }
}
