//! Where the arena can take back what was made since: at the end of a round of a loop, and when a function returns. Owns
//! that analysis; knows nothing of LLVM.
//!
//! A round leaves nothing behind when no operation in it stores a reference or lets a container grow, and when what the
//! loop carries from round to round is numbers, or the same as before the loop. Then no later round can see what it made.

use ir::{BlockId, Func, Module, Op, Type};

use crate::loops::Analysis;

/// Of each function of a module, by number.
#[derive(Clone, Debug, Default)]
pub struct Regions {
    /// It stores no reference and lets no container grow, nor does what it calls.
    tidy: Vec<bool>,
    /// It makes arrays that are still there when it has returned.
    leaves: Vec<bool>,
}

impl Regions {
    pub fn new(module: &Module) -> Regions {
        let count = module.funcs.len();
        let mut regions = Regions { tidy: vec![true; count], leaves: vec![false; count] };
        // `tidy` only ever becomes false, and then `leaves` only ever true, so both end.
        while (0..count).any(|index| {
            let tidy = module.funcs[index].blocks.iter().flat_map(|block| &block.insts).all(|inst| match &inst.op {
                Op::Call(callee) => regions.tidy[callee.index()],
                op => keeps_nothing(op, module.funcs[index].type_of(inst.result), || {
                    inst.args.last().is_some_and(|value| is_plain(module.funcs[index].type_of(*value)))
                }),
            });
            std::mem::replace(&mut regions.tidy[index], tidy) != tidy
        }) {}
        while (0..count).any(|index| {
            let leaves = regions.makes(&module.funcs[index]) && !regions.is_closed(index, &module.funcs[index]);
            std::mem::replace(&mut regions.leaves[index], leaves) != leaves
        }) {}
        regions
    }

    /// Whether arrays are made that nothing takes back before the function returns.
    fn makes(&self, func: &Func) -> bool {
        func.blocks.iter().flat_map(|block| &block.insts).any(|inst| self.makes_array(&inst.op))
    }

    fn makes_array(&self, op: &Op) -> bool {
        match op {
            Op::ArrayZeros => true,
            Op::Call(callee) => self.leaves[callee.index()],
            _ => false,
        }
    }

    /// Whether nothing that the function makes can be seen once it has returned.
    fn is_closed(&self, index: usize, func: &Func) -> bool {
        self.tidy[index] && is_plain(&func.result)
    }

    /// Whether the arena is to be taken back when the function returns.
    pub fn rewinds_function(&self, index: usize, func: &Func) -> bool {
        self.is_closed(index, func) && self.makes(func)
    }

    /// Of each loop of a function: whether the arena is to be taken back at the end of each round.
    pub fn rewinding_loops(&self, func: &Func, loops: &Analysis<'_>) -> Vec<bool> {
        loops.loops.iter().map(|found| self.rewinds_loop(func, found.header, &found.body)).collect()
    }

    fn rewinds_loop(&self, func: &Func, header: BlockId, body: &std::collections::BTreeSet<BlockId>) -> bool {
        let insts = || body.iter().flat_map(|block| &func.block(*block).insts);
        let tidy = insts().all(|inst| match &inst.op {
            Op::Call(callee) => self.tidy[callee.index()],
            op => keeps_nothing(op, func.type_of(inst.result), || {
                inst.args.last().is_some_and(|value| is_plain(func.type_of(*value)))
            }),
        });
        if !tidy || !insts().any(|inst| self.makes_array(&inst.op)) {
            return false;
        }
        let params = &func.block(header).params;
        body.iter().all(|from| {
            let block = func.block(*from);
            if block.handler.as_ref().is_some_and(|target| target.block == header) {
                return false;
            }
            let mut back = block.term.targets().into_iter().filter(|target| target.block == header);
            back.all(|target| {
                let pairs = params.iter().zip(&target.args);
                pairs.into_iter().all(|(param, arg)| param == arg || is_plain(func.type_of(*param)))
            })
        })
    }
}

/// Whether the operation stores no reference and lets no container grow. `stores_plain`: what it stores is no reference.
fn keeps_nothing(op: &Op, result: &Type, stores_plain: impl Fn() -> bool) -> bool {
    match op {
        Op::ListAppend | Op::Container(_) | Op::ObjectSet(_) => false,
        Op::ListSet => stores_plain(),
        Op::Capture(_)
        | Op::Const(_)
        | Op::Prim(_)
        | Op::Select
        | Op::Tuple
        | Op::Field(_)
        | Op::Widen
        | Op::IsVariant(_)
        | Op::Variant(_)
        | Op::ToNp
        | Op::FromNp
        | Op::ListNew
        | Op::ListLen
        | Op::ListGet
        | Op::ListSlice
        | Op::ListConcat
        | Op::ListArgsort
        | Op::ArrayShape(_)
        | Op::ArrayGet
        | Op::ArraySet
        | Op::ArrayRow
        | Op::ArrayZeros
        | Op::ArrayView(_)
        | Op::ArrayStride(_)
        | Op::ArrayIsFlat
        | Op::ArrayOverlaps
        | Op::ObjectGet(_)
        | Op::ExceptionNew(_)
        | Op::ExceptionIs(_)
        | Op::ExceptionMessage
        | Op::ExceptionObject(_) => !matches!(result, Type::Object(_)),
        Op::Call(_) => false,
    }
}

/// Whether a value of the type holds no memory of the arena.
fn is_plain(ty: &Type) -> bool {
    match ty {
        Type::Tuple(items) | Type::Union(items) => items.iter().all(is_plain),
        Type::Record(record) => record.fields.iter().all(|(_, field)| is_plain(field)),
        ty => matches!(ty, Type::None | Type::Bool | Type::Int | Type::Float | Type::Range | Type::Np(_)),
    }
}
