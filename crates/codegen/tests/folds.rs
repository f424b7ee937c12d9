//! Fold kernels: states of scalars and arrays, grouped and not, failing rows, steps that return new arrays, merging and
//! finishing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::atomic::AtomicU8;

use codegen::state::StateLayout;
use codegen::{ColumnType, MapInput, MapOutcome, Options, ParamInput, Physical, StatesView};
use ir::Elem;
use runtime::abi;
use runtime::arena::Arena;

struct World {
    arena: Arena,
    cancel: AtomicU8,
}

impl World {
    fn context(&mut self) -> abi::Context {
        abi::Context {
            arena: &raw mut self.arena,
            captures: std::ptr::null(),
            stack_limit: 0,
            cancel: &raw const self.cancel,
            message: abi::Str { data: std::ptr::null(), length: 0 },
            poll: None,
            object: std::ptr::null(),
        }
    }
}

fn parse(source: &str) -> ir::Module {
    let module = ir::text::parse(source).unwrap();
    ir::verify(&module).unwrap_or_else(|errors| panic!("{}", errors[0]));
    module
}

fn column(values: &[i64]) -> abi::ColumnView {
    abi::ColumnView {
        values: values.as_ptr().cast(),
        offsets: std::ptr::null(),
        validity: std::ptr::null(),
        first_row: 0,
        ascii: 0,
    }
}

const INT_COLUMN: ParamInput =
    ParamInput::Column(ColumnType { physical: Physical::Number(Elem::I64), nullable: false });

/// (count, sum) of a column, where a negative number raises.
const COUNT_SUM: &str = "file \"a.py\"\nentry f0
func f0 step(state, x) -> (int, int) @1:1 {
b0(v0: (int, int), v1: int):
  v2: int = const 0
  v3: bool = int.lt v1, v2
  branch v3, b1(), b2()
b1():
  raise ValueError @3:5
b2():
  v4: int = field 0 v0
  v5: int = const 1
  v6: int = int.add v4, v5 @4:5
  v7: int = field 1 v0
  v8: int = int.add v7, v1 @5:5
  v9: (int, int) = tuple v6, v8
  return v9
}";

#[test]
fn scalars_fold_with_and_without_groups() {
    let module = parse(COUNT_SUM);
    for optimization in [0, 3] {
        let kernel = codegen::compile_fold(&module, &[INT_COLUMN], &Options { optimization }).unwrap();
        let mut world = World { arena: Arena::new(), cancel: AtomicU8::new(0) };
        let mut context = world.context();
        let values: Vec<i64> = (0..5000).map(|row| if row % 1000 == 999 { -1 } else { row }).collect();
        let columns = [column(&values)];
        let input = MapInput { columns: &columns, broadcast: &[], states: None, start: 0, rows: 5000 };
        let mut state = [100u64, 0];
        let outcome = unsafe { kernel.update(&mut context, &input, None, state.as_mut_ptr(), 2, None) };
        let MapOutcome::Failed { row: 999, status } = outcome else { panic!("{outcome:?}") };
        let raised = unsafe { kernel.spans().raised(status, &context) }.unwrap();
        assert_eq!((raised.class.name(), raised.span.line, raised.message.as_str()), ("ValueError", 3, ""));
        assert_eq!(state, [100 + 999, (0..999).sum::<u64>()]);

        let mut state = [0u64, 0];
        let mut statuses = vec![0; 5000];
        let outcome = unsafe { kernel.update(&mut context, &input, None, state.as_mut_ptr(), 2, Some(&mut statuses)) };
        assert_eq!(outcome, MapOutcome::Done { failed: 5 });
        let sum: i64 = values.iter().filter(|value| **value >= 0).sum();
        assert_eq!(state, [4995, sum as u64]);
        assert_eq!(statuses.iter().filter(|status| **status != 0).count(), 5);

        let groups: Vec<u32> = (0..5000).map(|row| row % 3).collect();
        let mut states = [0u64; 9];
        let outcome =
            unsafe { kernel.update(&mut context, &input, Some(&groups), states.as_mut_ptr(), 3, Some(&mut statuses)) };
        assert_eq!(outcome, MapOutcome::Done { failed: 5 });
        for group in 0..3 {
            let own: Vec<i64> = values
                .iter()
                .enumerate()
                .filter(|(row, value)| row % 3 == group && **value >= 0)
                .map(|(_, v)| *v)
                .collect();
            let sum: i64 = own.iter().sum();
            assert_eq!(states[3 * group..3 * group + 2], [own.len() as u64, sum as u64], "group {group}");
        }
    }
}

#[test]
fn an_overflow_late_in_a_block_does_not_count_rows_twice() {
    let module = parse(COUNT_SUM);
    let kernel = codegen::compile_fold(&module, &[INT_COLUMN], &Options::default()).unwrap();
    let mut world = World { arena: Arena::new(), cancel: AtomicU8::new(0) };
    let mut context = world.context();
    let mut values = vec![1i64; 900];
    values.push(i64::MAX);
    values.push(5);
    let columns = [column(&values)];
    let input = MapInput { columns: &columns, broadcast: &[], states: None, start: 0, rows: values.len() };
    let mut state = [0u64, 0];
    let mut statuses = vec![0; values.len()];
    let outcome = unsafe { kernel.update(&mut context, &input, None, state.as_mut_ptr(), 2, Some(&mut statuses)) };
    assert_eq!(outcome, MapOutcome::Done { failed: 1 });
    assert_eq!(state, [901, 905]);
}

/// A histogram in place, and the last row.
const HISTOGRAM: &str = "file \"a.py\"\nentry f0
func f0 step(state, x) -> (array[int64, 1], int) @1:1 {
b0(v0: (array[int64, 1], int), v1: int):
  v2: array[int64, 1] = field 0 v0
  v3: np.int64 = array.get v2, v1 @2:5
  v4: int = from_np v3
  v5: int = const 1
  v6: int = int.add_wrap v4, v5
  v7: np.int64 = to_np v6
  v8: none = array.set v2, v1, v7 @3:5
  v9: (array[int64, 1], int) = tuple v2, v1
  return v9
}";

/// Adds the counts of two histograms into a new array, and takes the larger last row.
const MERGE: &str = "file \"a.py\"\nentry f0
func f0 merge(a, b) -> (array[int64, 1], int) @1:1 {
b0(v0: (array[int64, 1], int), v1: (array[int64, 1], int)):
  v2: array[int64, 1] = field 0 v0
  v3: array[int64, 1] = field 0 v1
  v4: int = array.shape 0 v2
  v5: array[int64, 1] = array.zeros v4
  v6: int = const 0
  v7: int = const 1
  jump b1(v6)
b1(v8: int):
  v9: bool = int.lt v8, v4
  branch v9, b2(), b3()
b2():
  v10: np.int64 = array.get v2, v8
  v11: np.int64 = array.get v3, v8
  v12: int = from_np v10
  v13: int = from_np v11
  v14: int = int.add v12, v13
  v15: np.int64 = to_np v14
  v16: none = array.set v5, v8, v15
  v17: int = int.add v8, v7
  jump b1(v17)
b3():
  v18: int = field 1 v0
  v19: int = field 1 v1
  v20: bool = int.gt v18, v19
  v21: int = select v20, v18, v19
  v22: (array[int64, 1], int) = tuple v5, v21
  return v22
}";

/// (counts[0], last).
const FINISH: &str = "entry f0
func f0 finish(a) -> (int, int) {
b0(v0: (array[int64, 1], int)):
  v1: array[int64, 1] = field 0 v0
  v2: int = const 0
  v3: np.int64 = array.get v1, v2
  v4: int = from_np v3
  v5: int = field 1 v0
  v6: (int, int) = tuple v4, v5
  return v6
}";

#[test]
fn arrays_live_in_the_state() {
    let options = Options::default();
    let step = parse(HISTOGRAM);
    let kernel = codegen::compile_fold(&step, &[INT_COLUMN], &options).unwrap();
    let mut world = World { arena: Arena::new(), cancel: AtomicU8::new(0) };
    let mut context = world.context();
    let zeros = [0i64; 4];
    let initial = [zeros.as_ptr() as u64, 4, 8, 0];
    let layout = StateLayout::new(&step.entry_func().result, &initial).unwrap();
    let stride = layout.slots();
    let mut states = vec![0u64; 2 * stride];
    for state in states.chunks_mut(stride) {
        unsafe { layout.pack(&initial, state) }.unwrap();
    }
    // States move, as when their vector grows.
    let mut states = states.clone();
    let values: Vec<i64> = (0..4000).map(|row| if row == 3000 { 7 } else { row % 4 }).collect();
    let groups: Vec<u32> = (0..4000).map(|row| u32::from(row >= 2000)).collect();
    let columns = [column(&values)];
    let input = MapInput { columns: &columns, broadcast: &[], states: None, start: 0, rows: 4000 };
    let mut statuses = vec![0; 4000];
    let outcome =
        unsafe { kernel.update(&mut context, &input, Some(&groups), states.as_mut_ptr(), stride, Some(&mut statuses)) };
    assert_eq!(outcome, MapOutcome::Done { failed: 1 });
    assert_eq!(states[4..8], [500, 500, 500, 500]);
    assert_eq!(states[stride + 4..stride + 8], [499, 500, 500, 500]);
    // Without groups, again into the first state.
    let outcome = unsafe { kernel.update(&mut context, &input, None, states.as_mut_ptr(), stride, None) };
    assert!(matches!(outcome, MapOutcome::Failed { row: 3000, .. }), "{outcome:?}");
    assert_eq!(states[4..8], [1250, 1250, 1250, 1250]);
    assert_eq!(states[..4], [32, 4, 8, 3]);

    let merge = codegen::compile_merge(&parse(MERGE), &options).unwrap();
    let (into, from) = states.split_at_mut(stride);
    assert_eq!(unsafe { merge.merge(&mut context, into.as_mut_ptr(), from.as_mut_ptr()) }, abi::STATUS_OK);
    assert_eq!(states[..8], [32, 4, 8, 3, 1749, 1750, 1750, 1750]);

    let finish = codegen::compile_map(&parse(FINISH), &[ParamInput::State], &options).unwrap();
    let mut results = [[0i64; 2]; 2];
    let outputs = results
        .each_mut()
        .map(|result| abi::OutputView { values: result.as_mut_ptr().cast(), validity: std::ptr::null_mut() });
    let view = StatesView { states: states.as_mut_ptr(), stride_slots: stride };
    let input = MapInput { columns: &[], broadcast: &[], states: Some(view), start: 0, rows: 2 };
    let outcome = unsafe { finish.run(&mut context, &input, &outputs, None) };
    assert_eq!(outcome, MapOutcome::Done { failed: 0 });
    assert_eq!(results, [[1749, 499], [3, 3]]);
}

#[test]
fn a_step_may_swap_arrays_but_not_change_their_shape() {
    let swap = parse(
        "entry f0
func f0 step(s, x) -> (array[int8, 1], array[int8, 1]) {
b0(v0: (array[int8, 1], array[int8, 1]), v1: int):
  v2: array[int8, 1] = field 0 v0
  v3: array[int8, 1] = field 1 v0
  v4: (array[int8, 1], array[int8, 1]) = tuple v3, v2
  return v4
}",
    );
    let grow = parse(
        "file \"g.py\"\nentry f0
func f0 step(s, x) -> array[int8, 1] @1:1 {
b0(v0: array[int8, 1], v1: int):
  v2: array[int8, 1] = array.zeros v1 @2:1
  return v2
}",
    );
    let mut world = World { arena: Arena::new(), cancel: AtomicU8::new(0) };
    let mut context = world.context();
    let data = [1i8, 2, 3, 4, 5, 6];
    let address = data.as_ptr() as u64;
    let initial = [address, 3, 1, address + 3, 3, 1];
    let layout = StateLayout::new(&swap.entry_func().result, &initial).unwrap();
    let mut state = vec![0; layout.slots()];
    unsafe { layout.pack(&initial, &mut state) }.unwrap();
    let columns = [column(&[0, 0, 0])];
    let input = MapInput { columns: &columns, broadcast: &[], states: None, start: 0, rows: 3 };
    let kernel = codegen::compile_fold(&swap, &[INT_COLUMN], &Options::default()).unwrap();
    let outcome = unsafe { kernel.update(&mut context, &input, None, state.as_mut_ptr(), state.len(), None) };
    assert_eq!(outcome, MapOutcome::Done { failed: 0 });
    assert_eq!(state[6..].iter().map(|word| word & 0xff_ffff).collect::<Vec<_>>(), [0x06_0504, 0x03_0201]);

    let initial = [address, 3, 1];
    let layout = StateLayout::new(&grow.entry_func().result, &initial).unwrap();
    let mut state = vec![0; layout.slots()];
    unsafe { layout.pack(&initial, &mut state) }.unwrap();
    let columns = [column(&[3, 4, 3])];
    let input = MapInput { columns: &columns, broadcast: &[], states: None, start: 0, rows: 3 };
    let kernel = codegen::compile_fold(&grow, &[INT_COLUMN], &Options::default()).unwrap();
    let outcome = unsafe { kernel.update(&mut context, &input, None, state.as_mut_ptr(), state.len(), None) };
    let MapOutcome::Failed { row: 1, status } = outcome else { panic!("{outcome:?}") };
    assert_eq!(kernel.spans().class_and_span(status).unwrap().0.kind, ir::ExcKind::ValueError);
    assert_eq!(state[3] & 0xff_ffff, 0);
}
