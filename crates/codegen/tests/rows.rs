//! Kernels over rows against the same function called row by row: every physical form of a column, with and without
//! nulls, from an offset, with rows that fail, optimised and not.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::sync::atomic::AtomicU8;

use codegen::{ColumnType, LeafKind, MapInput, MapOutcome, Options, ParamInput, Physical};
use ir::layout::{STR_ASCII_BIT, slot_count};
use ir::{Elem, Type};
use runtime::abi;
use runtime::arena::Arena;

/// A context and what it points to.
struct World {
    arena: Arena,
    cancel: AtomicU8,
    captures: Vec<u64>,
}

impl World {
    fn new(captures: Vec<u64>) -> World {
        World { arena: Arena::new(), cancel: AtomicU8::new(0), captures }
    }

    fn context(&mut self) -> abi::Context {
        let here = &raw const self.cancel as usize;
        abi::Context {
            arena: &raw mut self.arena,
            captures: self.captures.as_ptr(),
            stack_limit: here.saturating_sub(1 << 20).min(here / 2),
            cancel: &raw const self.cancel,
            message: abi::Str { data: std::ptr::null(), length: 0 },
            poll: None,
            object: std::ptr::null(),
        }
    }
}

/// The same numbers on every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

const TEXTS: &[&str] = &["", "a", "héllo", "exactly 12 b", "thirteen byte", "a text that is longer than a view holds"];

/// A column in memory, and what each of its rows is as the slots of the parameter.
struct Column {
    ty: ColumnType,
    words: Vec<u64>,
    offsets: Vec<u64>,
    validity: Vec<u8>,
    text: Box<[u8]>,
    buffers: Vec<u64>,
    first_row: usize,
    /// Per row: the bits of the value, or `None` for null.
    rows: Vec<Option<Vec<u64>>>,
}

fn set_bit(bitmap: &mut [u8], index: usize, value: bool) {
    if value {
        bitmap[index / 8] |= 1 << (index % 8);
    } else {
        bitmap[index / 8] &= !(1 << (index % 8));
    }
}

fn as_bytes(words: &mut [u64]) -> &mut [u8] {
    unsafe { std::slice::from_raw_parts_mut(words.as_mut_ptr().cast(), words.len() * 8) }
}

/// The bytes of an element and its slot, from some random number.
fn number(elem: Elem, raw: u64) -> ([u8; 8], u64) {
    let small = (raw % 41) as i64 - 20;
    let mut bytes = [0; 8];
    let slot = match elem {
        Elem::Bool => raw & 1,
        Elem::F64 => (small as f64 / 4.0).to_bits(),
        Elem::F32 => (small as f64 / 4.0).to_bits(),
        Elem::U8 | Elem::U16 | Elem::U32 => small.unsigned_abs(),
        Elem::U64 if raw.is_multiple_of(97) => u64::MAX - 5,
        Elem::U64 => small.unsigned_abs(),
        Elem::I64 if raw.is_multiple_of(89) => i64::MAX as u64 - 3,
        Elem::I8 | Elem::I16 | Elem::I32 | Elem::I64 => small as u64,
    };
    if elem == Elem::F32 {
        bytes[..4].copy_from_slice(&(f64::from_bits(slot) as f32).to_le_bytes());
    } else {
        bytes = slot.to_le_bytes();
    }
    (bytes, slot)
}

impl Column {
    fn random(ty: ColumnType, rows: usize, random: &mut Random) -> Column {
        let first_row = random.below(20);
        let total = first_row + rows + 8;
        let mut column = Column {
            ty,
            words: vec![0; total * 16 + 64],
            offsets: vec![0; total + 2],
            validity: vec![0xff; total / 8 + 1],
            text: TEXTS.concat().into_bytes().into(),
            buffers: Vec::new(),
            first_row,
            rows: Vec::new(),
        };
        column.buffers = vec![0, column.text.as_ptr() as u64];
        if matches!(ty.physical, Physical::Utf8 | Physical::LargeUtf8) {
            column.text = vec![0; total * 48].into();
        }
        let mut end = 0;
        for row in 0..total {
            let value = column.set(row, random, &mut end);
            let valid = ty.physical != Physical::Null && (!ty.nullable || random.below(4) != 0);
            set_bit(&mut column.validity, row, valid);
            if row >= first_row {
                column.rows.push(valid.then_some(value));
            }
        }
        column
    }

    /// Writes a random value and gives its slots.
    fn set(&mut self, row: usize, random: &mut Random, end: &mut usize) -> Vec<u64> {
        match self.ty.physical {
            Physical::Null => vec![],
            Physical::Bool => {
                let value = random.below(2) == 1;
                set_bit(as_bytes(&mut self.words), row, value);
                vec![u64::from(value)]
            }
            Physical::Number(elem) => {
                let (bytes, slot) = number(elem, random.next());
                let size = elem.size_bytes();
                as_bytes(&mut self.words)[row * size..(row + 1) * size].copy_from_slice(&bytes[..size]);
                vec![slot]
            }
            Physical::FixedSizeList(elem, length) => {
                let size = elem.size_bytes();
                let first = row * length as usize;
                for index in first..first + length as usize {
                    let (bytes, _) = number(elem, random.next());
                    as_bytes(&mut self.words)[index * size..(index + 1) * size].copy_from_slice(&bytes[..size]);
                }
                let address = self.words.as_ptr() as u64 + (first * size) as u64;
                vec![address, u64::from(length), size as u64]
            }
            Physical::Utf8 | Physical::LargeUtf8 => {
                let text = TEXTS[random.below(TEXTS.len())].as_bytes();
                self.text[*end..*end + text.len()].copy_from_slice(text);
                let address = self.text.as_ptr() as u64 + *end as u64;
                *end += text.len();
                if self.ty.physical == Physical::Utf8 {
                    let next = (*end as u32).to_le_bytes();
                    as_bytes(&mut self.offsets)[(row + 1) * 4..(row + 2) * 4].copy_from_slice(&next);
                } else {
                    self.offsets[row + 1] = *end as u64;
                }
                vec![address, text.len() as u64]
            }
            Physical::Utf8View => {
                let which = random.below(TEXTS.len());
                let text = TEXTS[which].as_bytes();
                let start: usize = TEXTS[..which].iter().map(|text| text.len()).sum();
                let mut view = [0u8; 16];
                view[..4].copy_from_slice(&(text.len() as u32).to_le_bytes());
                if text.len() <= 12 {
                    view[4..4 + text.len()].copy_from_slice(text);
                } else {
                    view[8..12].copy_from_slice(&1u32.to_le_bytes());
                    view[12..16].copy_from_slice(&(start as u32).to_le_bytes());
                }
                as_bytes(&mut self.words)[row * 16..(row + 1) * 16].copy_from_slice(&view);
                vec![TEXTS[which].as_ptr() as u64, text.len() as u64]
            }
        }
    }

    fn view(&self, with_validity: bool) -> abi::ColumnView {
        let text = matches!(self.ty.physical, Physical::Utf8 | Physical::LargeUtf8);
        let view = self.ty.physical == Physical::Utf8View;
        abi::ColumnView {
            values: if text { self.text.as_ptr() } else { self.words.as_ptr().cast() },
            offsets: if view { self.buffers.as_ptr().cast() } else { self.offsets.as_ptr().cast() },
            validity: if with_validity { self.validity.as_ptr() } else { std::ptr::null() },
            first_row: self.first_row as i64,
            ascii: 0,
        }
    }

    /// Whether the row holds a number that the parameter's `int` cannot.
    fn leaves_int(&self, row: usize, ty: &Type) -> bool {
        let unsigned = self.ty.physical == Physical::Number(Elem::U64) && ty.variants().contains(&Type::Int);
        unsigned && self.rows[row].as_ref().is_some_and(|slots| slots[0] > i64::MAX as u64)
    }

    /// The slots of a row as the parameter's type.
    fn slots(&self, row: usize, ty: &Type) -> Vec<u64> {
        let Type::Union(variants) = ty else { return self.rows[row].clone().unwrap_or_default() };
        let mut slots = vec![0; slot_count(ty)];
        let value = &self.rows[row];
        let wanted = |variant: &&Type| (**variant == Type::None) == value.is_none();
        let tag = variants.iter().position(|variant| wanted(&variant)).unwrap();
        slots[0] = tag as u64;
        let first = ir::layout::variant_slot(variants, tag);
        let value = value.clone().unwrap_or_default();
        slots[first..first + value.len()].copy_from_slice(&value);
        slots
    }
}

/// Reads row `row` of the outputs as readable text.
fn shown(kernel: &codegen::MapKernel, outputs: &[(Vec<u64>, Vec<u8>)], row: usize) -> String {
    let mut parts = Vec::new();
    for (leaf, (values, validity)) in kernel.outputs().iter().zip(outputs) {
        if leaf.nullable && validity[row] == 0 {
            parts.push("null".to_string());
            continue;
        }
        let bytes = unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), values.len() * 8) };
        parts.push(match leaf.kind {
            LeafKind::None => "null".to_string(),
            LeafKind::Validity => "there".to_string(),
            LeafKind::Bool => format!("{}", bytes[row] != 0),
            LeafKind::Int => format!("{}", values[row] as i64),
            LeafKind::List => "list".to_string(),
            LeafKind::Float => format!("{:?}", f64::from_bits(values[row])),
            LeafKind::Str => format!("{:?}", unsafe { text_at(values[2 * row], values[2 * row + 1]) }),
            LeafKind::Np(elem) => {
                let size = elem.size_bytes();
                let mut word = [0; 8];
                word[..size].copy_from_slice(&bytes[row * size..(row + 1) * size]);
                format!("{}", i64::from_le_bytes(word))
            }
        });
    }
    parts.join(" ")
}

unsafe fn text_at(address: u64, length: u64) -> String {
    let bytes = unsafe { std::slice::from_raw_parts(address as *const u8, (length & !STR_ASCII_BIT) as usize) };
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// What a call's result slots look like as the leaves of a map.
fn shown_slots(ty: &Type, slots: &[u64], absent: bool, parts: &mut Vec<String>) {
    if absent && !matches!(ty, Type::Tuple(_) | Type::Record(_) | Type::Union(_)) {
        parts.push("null".to_string());
        return;
    }
    match ty {
        Type::None => parts.push("null".to_string()),
        Type::Bool => parts.push(format!("{}", slots[0] != 0)),
        Type::Int => parts.push(format!("{}", slots[0] as i64)),
        Type::Float => parts.push(format!("{:?}", f64::from_bits(slots[0]))),
        Type::Str => parts.push(format!("{:?}", unsafe { text_at(slots[0], slots[1]) })),
        Type::Np(elem) => {
            let word = match elem {
                Elem::F32 => u64::from((f64::from_bits(slots[0]) as f32).to_bits()),
                Elem::F64 | Elem::I64 | Elem::U64 => slots[0],
                _ => slots[0] & ((1 << (8 * elem.size_bytes())) - 1),
            };
            parts.push(format!("{}", word as i64));
        }
        Type::Tuple(_) | Type::Record(_) => {
            let mut next = 0;
            for field in ty.field_types().unwrap() {
                shown_slots(&field, &slots[next..], absent, parts);
                next += slot_count(&field);
            }
        }
        Type::Union(variants) => {
            let inner = ty.without_none();
            let tag = ty.tag_of(&inner).unwrap();
            let absent = absent || slots[0] != tag as u64;
            if matches!(inner, Type::Tuple(_) | Type::Record(_)) {
                parts.push(if absent { "null" } else { "there" }.to_string());
            }
            shown_slots(&inner, &slots[ir::layout::variant_slot(variants, tag)..], absent, parts);
        }
        other => panic!("no column of {other}"),
    }
}

/// Runs a function over random columns and compares every row with a call.
fn compare(source: &str, columns: &[ColumnType], captures: &[u64]) {
    let module = ir::text::parse(source).unwrap();
    ir::verify(&module).unwrap_or_else(|errors| panic!("{}", errors[0]));
    let inputs: Vec<ParamInput> = columns.iter().map(|column| ParamInput::Column(*column)).collect();
    let types = module.entry_func().param_types();
    let mut random = Random(0x9e3779b97f4a7c15);
    for optimization in [0, 3] {
        let options = Options { optimization };
        let call = codegen::compile_call(&module, &options).unwrap();
        let map = codegen::compile_map(&module, &inputs, &options).unwrap();
        for rows in [0, 1, 7, 1024, 1025, 3000] {
            let data: Vec<Column> = columns.iter().map(|ty| Column::random(*ty, rows, &mut random)).collect();
            let views: Vec<abi::ColumnView> = data.iter().map(|column| column.view(column.ty.nullable)).collect();
            let start = random.below(8);
            let input = MapInput { columns: &views, broadcast: &[], states: None, start, rows };
            let mut outputs: Vec<(Vec<u64>, Vec<u8>)> =
                map.outputs().iter().map(|_| (vec![7; 2 * rows + 2], vec![1; rows + 1])).collect();
            let output_views: Vec<abi::OutputView> = outputs
                .iter_mut()
                .map(|(values, validity)| abi::OutputView {
                    values: values.as_mut_ptr().cast(),
                    validity: validity.as_mut_ptr(),
                })
                .collect();
            let mut world = World::new(captures.to_vec());
            let mut context = world.context();
            let mut statuses = vec![99; rows];
            let outcome = unsafe { map.run(&mut context, &input, &output_views, Some(&mut statuses)) };
            let mut failures = Vec::new();
            for row in 0..rows {
                let args: Vec<u64> =
                    data.iter().zip(&types).flat_map(|(column, ty)| column.slots(start + row, ty)).collect();
                let mut out = vec![0; slot_count(&module.entry_func().result).max(1)];
                let status = unsafe { call.call(&mut context, args.as_ptr(), out.as_mut_ptr()) };
                let mut raised = call.spans().class_and_span(status);
                if data.iter().zip(&types).any(|(column, ty)| column.leaves_int(start + row, ty)) {
                    raised = Some((
                        ir::RaisedClass { kind: ir::ExcKind::OverflowError, own: None },
                        module.entry_func().span,
                    ));
                }
                assert_eq!(map.spans().class_and_span(statuses[row]), raised, "row {row} of {rows}");
                if raised.is_some() {
                    failures.push((row, statuses[row]));
                    for (leaf, (_, validity)) in map.outputs().iter().zip(&outputs) {
                        assert_eq!(validity[row], 0, "{leaf:?} of row {row}");
                    }
                    continue;
                }
                let mut parts = Vec::new();
                shown_slots(&module.entry_func().result, &out, false, &mut parts);
                assert_eq!(shown(&map, &outputs, row), parts.join(" "), "row {row} of {rows} at O{optimization}");
            }
            assert_eq!(outcome, MapOutcome::Done { failed: failures.len() });
            let outcome = unsafe { map.run(&mut context, &input, &output_views, None) };
            let expected = match failures.first() {
                Some((row, status)) => MapOutcome::Failed { row: *row, status: *status },
                None => MapOutcome::Done { failed: 0 },
            };
            assert_eq!(outcome, expected);
        }
    }
}

fn plain(physical: Physical) -> ColumnType {
    ColumnType { physical, nullable: false }
}

fn nullable(physical: Physical) -> ColumnType {
    ColumnType { physical, nullable: true }
}

/// A function of one parameter that gives the parameter back.
fn identity(ty: &str) -> String {
    format!("entry f0\nfunc f0 same(x) -> {ty} {{\nb0(v0: {ty}):\n  return v0\n}}\n")
}

#[test]
fn every_column_is_read_as_it_is() {
    let numbers = Elem::ALL.map(|elem| (Physical::Number(elem), elem.python_type().to_string()));
    let others =
        [(Physical::Bool, "bool"), (Physical::Utf8, "str"), (Physical::LargeUtf8, "str"), (Physical::Utf8View, "str")];
    let np = Elem::ALL.map(|elem| (Physical::Number(elem), format!("np.{}", elem.name())));
    let others = others.map(|(physical, ty)| (physical, ty.to_string()));
    for (physical, ty) in numbers.into_iter().chain(others).chain(np) {
        compare(&identity(&ty), &[plain(physical)], &[]);
        let optional = ir::text::parse_type(&ty).unwrap().optional();
        compare(&identity(&optional.to_string()), &[nullable(physical)], &[]);
        compare(&identity(&optional.to_string()), &[plain(physical)], &[]);
    }
    compare(&identity("none|int"), &[nullable(Physical::Null)], &[]);
    compare(&identity("none"), &[nullable(Physical::Null)], &[]);
}

#[test]
fn failing_rows_are_told_and_the_others_are_right() {
    // Vectorised with the flag: division, and overflow of what is almost the largest int.
    let source = "file \"a.py\"\nentry f0\nfunc f0 f(a, b) -> (int, float) {
b0(v0: int, v1: int):
  v2: int = const 3
  v3: int = int.add v0, v2 @2:1
  v4: int = int.mul v3, v1 @3:1
  v5: int = int.floordiv v4, v1 @4:1
  v6: float = int.to_float v5
  v7: float = int.to_float v1
  v8: float = float.div v6, v7 @5:1
  v9: (int, float) = tuple v4, v8
  return v9
}";
    let [long, byte] = [Elem::I64, Elem::I8].map(Physical::Number);
    compare(source, &[plain(long), plain(byte)], &[]);
    let long = Physical::Number(Elem::U64);
    compare(source, &[plain(long), plain(byte)], &[]);
}

#[test]
fn branches_calls_and_texts() {
    let source = "file \"a.py\"\nentry f0\nfunc f0 f(x, s, k) -> none|(int, none|str) {
b0(v0: none|float, v1: none|str, v2: bool):
  v3: bool = is_variant 0 v0
  branch v3, b1(), b2()
b1():
  v4: none = const none
  v5: none|(int, none|str) = widen v4
  return v5
b2():
  v6: float = variant 1 v0
  v7: int = call f1 v6 @4:1
  v8: bool = is_variant 1 v1
  branch v8, b3(), b4()
b3():
  v9: str = variant 1 v1
  v10: str = str.index v9, v7 @6:1
  v11: none|str = widen v10
  v12: (int, none|str) = tuple v7, v11
  v13: none|(int, none|str) = widen v12
  return v13
b4():
  branch v2, b5(), b6()
b5():
  v14: str = const \"no text\"
  v15: str = float.to_str v6
  v16: str = str.concat v14, v15
  raise ValueError v16 @8:1
b6():
  v17: none = const none
  v18: none|str = widen v17
  v19: (int, none|str) = tuple v7, v18
  v20: none|(int, none|str) = widen v19
  return v20
}
func f1 whole(x) -> int {
b0(v0: float):
  v1: int = float.to_int v0 @12:1
  v2: int = const 4
  v3: int = int.mod v1, v2 @13:1
  return v3
}";
    let (float, flag) = (Physical::Number(Elem::F32), Physical::Bool);
    for text in [Physical::Utf8, Physical::LargeUtf8, Physical::Utf8View] {
        compare(source, &[nullable(float), nullable(text), plain(flag)], &[]);
        compare(source, &[plain(float), plain(text), plain(flag)], &[]);
    }
}

#[test]
fn lists_are_arrays_and_stores_do_not_reach_the_column() {
    let source = |store: &str| {
        format!(
            "file \"a.py\"\ncapture c0 i: int\nentry f0\nfunc f0 f(a) -> np.int16 {{
b0(v0: array[int16, 1]):
  v1: int = capture c0
  v2: np.int16 = array.get v0, v1 @2:1
{store}
  return v2
}}"
        )
    };
    let list = plain(Physical::FixedSizeList(Elem::I16, 5));
    for index in [0, 4, -5i64] {
        compare(&source(""), &[list], &[index as u64]);
        // The comparison reads the column again after each run, so a store that reached it would show.
        let store = "  v3: int = const 100\n  v4: np.int16 = to_np v3\n  v5: none = array.set v0, v1, v4 @3:1";
        compare(&source(store), &[list], &[index as u64]);
    }
    compare(&source(""), &[list], &[5]);
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let module = ir::text::parse(&identity("int")).unwrap();
    let refused = |input: ParamInput| codegen::compile_map(&module, &[input], &Options::default()).unwrap_err().message;
    assert!(refused(ParamInput::Column(plain(Physical::Utf8))).contains("`x: int`"));
    assert!(refused(ParamInput::Column(nullable(Physical::Number(Elem::I64)))).contains("nulls"));
    assert!(codegen::compile_map(&module, &[], &Options::default()).is_err());
    let table = ir::text::parse(&identity("dict[int, int]")).unwrap();
    let error = codegen::compile_map(&table, &[ParamInput::Broadcast], &Options::default()).unwrap_err();
    assert!(error.message.contains("`dict[int, int]`"), "{error}");
}

#[test]
fn a_set_flag_stops_the_run() {
    let module = ir::text::parse(&identity("int")).unwrap();
    let column = plain(Physical::Number(Elem::I64));
    let map = codegen::compile_map(&module, &[ParamInput::Column(column)], &Options::default()).unwrap();
    let data = Column::random(column, 10, &mut Random(5));
    let mut values = vec![0u64; 10];
    let outputs = [abi::OutputView { values: values.as_mut_ptr().cast(), validity: std::ptr::null_mut() }];
    let views = [data.view(false)];
    let input = MapInput { columns: &views, broadcast: &[], states: None, start: 0, rows: 10 };
    let mut world = World::new(vec![]);
    world.cancel.store(1, std::sync::atomic::Ordering::Relaxed);
    let mut context = world.context();
    assert_eq!(unsafe { map.run(&mut context, &input, &outputs, None) }, MapOutcome::Cancelled);
    unsafe extern "C" fn go_on(context: *mut abi::Context) -> u8 {
        unsafe { (*(*context).cancel).store(0, std::sync::atomic::Ordering::Relaxed) };
        0
    }
    context.poll = Some(go_on);
    assert_eq!(unsafe { map.run(&mut context, &input, &outputs, None) }, MapOutcome::Done { failed: 0 });
}

#[test]
fn loops_over_captured_arrays_are_checked() {
    // The loop ends at the row's number, or at the length of another capture: neither may be longer than the array.
    let source = |bound: &str| {
        format!(
            "file \"a.py\"\ncapture c0 w: array[float64, 1]\ncapture c1 u: array[float64, 1]\nentry f0
func f0 f(n) -> float {{
b0(v0: int):
  v1: array[float64, 1] = capture c0
  v2: array[float64, 1] = capture c1
  v3: int = array.shape 0 v2
  v4: int = const 0
  v5: int = const 1
  v6: float = const 0.0
  jump b1(v4, v6)
b1(v7: int, v8: float):
  v9: bool = int.lt v7, {bound}
  branch v9, b2(), b3()
b2():
  v10: np.float64 = array.get v1, v7 @7:3
  v11: float = from_np v10
  v12: float = float.add v8, v11
  v13: int = int.add_wrap v7, v5
  jump b1(v13, v12)
b3():
  v14: float = int.to_float v0
  v15: float = float.add v8, v14
  return v15
}}"
        )
    };
    let column = plain(Physical::Number(Elem::I8));
    let data: Vec<f64> = (0..20).map(f64::from).collect();
    let address = data.as_ptr() as u64;
    for stride in [8, 16] {
        for (w, u) in [(10, 10), (10, 9), (9, 10), (0, 0), (0, 1), (7, 3)] {
            let captures = [address, w, stride, address, u, 8];
            compare(&source("v0"), &[column], &captures);
            compare(&source("v3"), &[column], &captures);
        }
    }
}
