//! Our operators and aggregates on the wire.

use std::sync::Arc;

use datafusion::common::Result as DataFusionResult;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;

use super::bytes::{Reader, Writer, malformed};
use super::functions::{self, Inbox, Outbox};
use crate::aggregate::Fold;
use crate::dataset::OnError;
use crate::error::Result;
use crate::function::CompiledFunction;
use crate::plan::MeterExec;
use crate::plan::float_key;
use crate::plan::fold::{FoldOutput, FoldUdaf};
use crate::plan::function::{Arguments, Call, FunctionExec, Role};
use crate::plan::numeric::{self, NumericKind};
use crate::plan::ordered::OrderedCoalesceExec;
use crate::plan::row_number::RowNumberExec;
use crate::remote::Run;

mod tag {
    pub const FUNCTION: u8 = 1;
    pub const ROW_NUMBER: u8 = 2;
    pub const METER: u8 = 3;
    pub const FOLD: u8 = 4;
    pub const NUMERIC: u8 = 5;
    pub const FLOAT_KEY: u8 = 6;
}

/// What a worker knows when it reads a part of a plan.
pub struct Scope<'a> {
    pub inbox: &'a dyn Inbox,
    /// What the operators of this task report to.
    pub run: &'a Run,
    /// The numbers, in the whole plan, of the parts that this task has.
    pub parts: &'a Arc<[usize]>,
}

/// The operator without its inputs; `None` when it is not one of ours.
pub fn encode_node(node: &Arc<dyn ExecutionPlan>, outbox: &mut Outbox) -> Option<Result<Vec<u8>>> {
    let mut writer = Writer::default();
    let written = if let Some(node) = node.downcast_ref::<FunctionExec>() {
        writer.byte(tag::FUNCTION);
        write_calls(&mut writer, outbox, node)
    } else if node.is::<RowNumberExec>() {
        writer.byte(tag::ROW_NUMBER);
        Ok(())
    } else if node.is::<MeterExec>() {
        writer.byte(tag::METER);
        Ok(())
    } else {
        return None;
    };
    Some(written.map(|()| writer.finish()))
}

fn write_calls(writer: &mut Writer, outbox: &mut Outbox, node: &FunctionExec) -> Result<()> {
    writer.byte(match node.role() {
        Role::Columns => 0,
        Role::Predicate => 1,
        Role::Failures => 2,
        Role::Rows => 3,
    });
    write_on_error(writer, node.on_error());
    let calls = node.calls();
    writer.number(calls.len() as u64);
    for call in calls {
        functions::write_function(writer, outbox, &call.function)?;
        match &call.arguments {
            Arguments::Row => writer.flag(false),
            Arguments::Values(names) => {
                writer.flag(true);
                writer.list(names.iter(), |writer, name| writer.text(name));
            }
        }
        writer.optional(call.when.as_deref(), Writer::text);
        writer.list(call.outputs.iter(), |writer, name| writer.text(name));
    }
    Ok(())
}

fn write_on_error(writer: &mut Writer, on_error: OnError) {
    writer.byte(match on_error {
        OnError::Raise => 0,
        OnError::Null => 1,
        OnError::Drop => 2,
        OnError::Collect => 3,
    });
}

fn read_on_error(reader: &mut Reader<'_>) -> Result<OnError> {
    match reader.byte()? {
        0 => Ok(OnError::Raise),
        1 => Ok(OnError::Null),
        2 => Ok(OnError::Drop),
        3 => Ok(OnError::Collect),
        _ => Err(malformed()),
    }
}

/// The operator over these inputs.
pub fn decode_node(
    bytes: &[u8],
    inputs: &[Arc<dyn ExecutionPlan>],
    scope: &Scope<'_>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let [input] = inputs else { return Err(malformed()) };
    let mut reader = Reader::new(bytes);
    let node: Arc<dyn ExecutionPlan> = match reader.byte()? {
        tag::FUNCTION => {
            let role = match reader.byte()? {
                0 => Role::Columns,
                1 => Role::Predicate,
                2 => Role::Failures,
                3 => Role::Rows,
                _ => return Err(malformed()),
            };
            let on_error = read_on_error(&mut reader)?;
            let calls = reader.list(|reader| read_call(reader, scope))?;
            Arc::new(FunctionExec::new(input.clone(), calls, role, on_error)?)
        }
        tag::ROW_NUMBER => Arc::new(RowNumberExec::of_parts(input.clone(), scope.parts.clone())),
        tag::METER => Arc::new(MeterExec::new(input.clone())),
        _ => return Err(malformed()),
    };
    reader.end()?;
    Ok(node)
}

fn read_call(reader: &mut Reader<'_>, scope: &Scope<'_>) -> Result<Call> {
    let function = functions::read_function(reader, scope.inbox)?;
    let arguments = match reader.flag()? {
        true => Arguments::Values(reader.list(Reader::text)?),
        false => Arguments::Row,
    };
    let when = reader.optional(Reader::text)?;
    Ok(Call { function, arguments, when, outputs: reader.list(Reader::text)? })
}

/// The aggregate; `None` when it is not one of ours.
pub fn encode_aggregate(aggregate: &AggregateUDF, outbox: &mut Outbox) -> Option<Result<Vec<u8>>> {
    let mut writer = Writer::default();
    let inner = aggregate.inner();
    if let Some(fold) = inner.downcast_ref::<FoldUdaf>() {
        writer.byte(tag::FOLD);
        return Some(write_fold(&mut writer, outbox, fold).map(|()| writer.finish()));
    }
    let (kind, shown) = numeric::parts(aggregate)?;
    writer.byte(tag::NUMERIC);
    writer.byte(match kind {
        NumericKind::Sum => 0,
        NumericKind::Mean => 1,
        NumericKind::Min => 2,
        NumericKind::Max => 3,
    });
    writer.text(shown);
    Some(Ok(writer.finish()))
}

fn write_fold(writer: &mut Writer, outbox: &mut Outbox, udaf: &FoldUdaf) -> Result<()> {
    let fold = udaf.fold();
    functions::write_state(writer, &fold.init)?;
    functions::write_function(writer, outbox, &fold.step)?;
    for function in [&fold.merge, &fold.finish] {
        writer.flag(function.is_some());
        if let Some(function) = function {
            functions::write_function(writer, outbox, function)?;
        }
    }
    writer.flag(udaf.output() == FoldOutput::State);
    write_on_error(writer, udaf.on_error());
    writer.list(udaf.columns().iter(), |writer, name| writer.text(name));
    Ok(())
}

pub fn decode_aggregate(bytes: &[u8], scope: &Scope<'_>) -> Result<AggregateUDF> {
    let mut reader = Reader::new(bytes);
    let aggregate = match reader.byte()? {
        tag::FOLD => {
            let init = functions::read_state(&mut reader)?;
            let step = functions::read_function(&mut reader, scope.inbox)?;
            let merge = reader.optional(|reader| functions::read_function(reader, scope.inbox))?;
            let finish = reader.optional(|reader| functions::read_function(reader, scope.inbox))?;
            let output = if reader.flag()? { FoldOutput::State } else { FoldOutput::Value };
            let on_error = read_on_error(&mut reader)?;
            let columns = reader.list(Reader::text)?;
            let fold = Fold { init, step, merge, finish };
            check_states(&fold)?;
            let udaf = FoldUdaf::new(fold, output, on_error, columns);
            AggregateUDF::from(udaf.bound(scope.run.state()))
        }
        tag::NUMERIC => {
            let kind = match reader.byte()? {
                0 => NumericKind::Sum,
                1 => NumericKind::Mean,
                2 => NumericKind::Min,
                3 => NumericKind::Max,
                _ => return Err(malformed()),
            };
            numeric::udaf(kind, &reader.text()?)
        }
        _ => return Err(malformed()),
    };
    reader.end()?;
    Ok(aggregate)
}

/// The functions of a fold share the memory of its states, so all must mean the same by it.
fn check_states(fold: &Fold) -> Result<()> {
    let state = fold.init.ty();
    let params = |function: &CompiledFunction| function.module().entry_func().param_types();
    let returns_state = |function: &CompiledFunction| function.result_type() == state;
    let fits = returns_state(&fold.step)
        && params(&fold.step).first() == Some(state)
        && fold.merge.as_ref().is_none_or(returns_state)
        && fold.finish.as_ref().is_none_or(|finish| params(finish) == std::slice::from_ref(state));
    if fits { Ok(()) } else { Err(malformed()) }
}

/// The function; `None` when it is not one of ours.
pub fn encode_scalar(function: &ScalarUDF) -> Option<Vec<u8>> {
    (*function == *float_key::udf()).then(|| vec![tag::FLOAT_KEY])
}

pub fn decode_scalar(bytes: &[u8]) -> Result<Arc<ScalarUDF>> {
    match bytes {
        [tag::FLOAT_KEY] => Ok(float_key::udf()),
        _ => Err(malformed()),
    }
}

/// The input and the limit of an operator that puts parts together in order.
pub fn coalesced(node: &Arc<dyn ExecutionPlan>) -> Option<(&Arc<dyn ExecutionPlan>, Option<usize>)> {
    let coalesce = node.downcast_ref::<OrderedCoalesceExec>()?;
    Some((coalesce.input(), coalesce.fetch()))
}

/// The plan with every operator that would put parts together as they come replaced by one that does it in order.
pub fn keep_part_order(plan: Arc<dyn ExecutionPlan>) -> DataFusionResult<Arc<dyn ExecutionPlan>> {
    let replaced = plan.transform_up(|node| {
        let Some(coalesce) = node.downcast_ref::<CoalescePartitionsExec>() else { return Ok(Transformed::no(node)) };
        let ordered: Arc<dyn ExecutionPlan> =
            Arc::new(OrderedCoalesceExec::new(coalesce.input().clone(), coalesce.fetch()));
        Ok(Transformed::yes(ordered))
    })?;
    Ok(replaced.data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::function::{CaptureValues, StateValue};
    use crate::wire::Hash;
    use arrow::datatypes::{DataType, Field, Schema};
    use datafusion::physical_plan::empty::EmptyExec;

    struct Nothing;

    impl Inbox for Nothing {
        fn blob(&self, _hash: &Hash) -> Option<Arc<[u8]>> {
            None
        }
    }

    fn input() -> Arc<dyn ExecutionPlan> {
        let fields = vec![Field::new("x", DataType::Float64, false), Field::new("ok", DataType::Boolean, true)];
        Arc::new(EmptyExec::new(Arc::new(Schema::new(fields))))
    }

    fn scaled() -> Arc<dyn ExecutionPlan> {
        let row = crate::types::row_type(&input().schema()).record;
        let text = format!(
            "capture c0 k: float\nentry f0\nfunc f0 f(t) -> float {{\nb0(v0: {row}):\n  v1: float = field 0 v0\n  \
             v2: float = capture c0\n  v3: float = float.mul v1, v2\n  return v3\n}}\n"
        );
        let module = ir::text::parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        ir::verify(&module).unwrap();
        let captures = CaptureValues::new(vec![5], Arc::new(()));
        let function = CompiledFunction::new("scaled", Arc::new(module), captures);
        let call = Call::of_row(function, vec!["y".to_owned()]);
        Arc::new(FunctionExec::new(input(), vec![call], Role::Columns, OnError::Null).unwrap())
    }

    /// A call with values of columns as arguments, where another column says so.
    fn guarded() -> Arc<dyn ExecutionPlan> {
        let text = "entry f0\nfunc f0 f(a) -> float {\nb0(v0: float):\n  return v0\n}\n";
        let module = ir::text::parse(text).unwrap();
        ir::verify(&module).unwrap();
        let function = CompiledFunction::new("same", Arc::new(module), CaptureValues::none());
        let arguments = Arguments::Values(vec!["x".to_owned()]);
        let call = Call { function, arguments, when: Some("ok".to_owned()), outputs: vec!["y".to_owned()] };
        Arc::new(FunctionExec::new(input(), vec![call], Role::Columns, OnError::Raise).unwrap())
    }

    fn decode(bytes: &[u8]) -> Result<Arc<dyn ExecutionPlan>> {
        let (run, parts) = (Run::new(1, false), Arc::from([0usize].as_slice()));
        decode_node(bytes, &[input()], &Scope { inbox: &Nothing, run: &run, parts: &parts })
    }

    #[test]
    fn an_operator_comes_back_the_same() {
        for node in [scaled(), guarded()] {
            let bytes = encode_node(&node, &mut Outbox::default()).unwrap().unwrap();
            let back = decode(&bytes).unwrap();
            assert_eq!(back.schema(), node.schema());
            assert_eq!(encode_node(&back, &mut Outbox::default()).unwrap().unwrap(), bytes);
        }
    }

    #[test]
    fn bytes_that_were_cut_or_changed_never_crash() {
        for node in [scaled(), guarded()] {
            let bytes = encode_node(&node, &mut Outbox::default()).unwrap().unwrap();
            for end in 0..bytes.len() {
                assert!(decode(&bytes[..end]).is_err(), "{end}");
            }
            for position in 0..bytes.len() {
                let mut changed = bytes.clone();
                changed[position] ^= 1 << (position % 8);
                let _ = decode(&changed);
            }
        }
    }

    /// A fold over the column `x` whose state is this number, with a step for states of `step` and a `finish` for states
    /// of `finish`.
    fn fold(step: &str, finish: &str) -> Result<AggregateUDF> {
        let function = |name: &str, text: String| {
            let module = ir::text::parse(&text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
            ir::verify(&module).unwrap();
            CompiledFunction::new(name, Arc::new(module), CaptureValues::none())
        };
        let row = crate::types::row_type(&input().schema()).record;
        let head = format!("entry f0\nfunc f0 step(s, t) -> {step} {{\nb0(v0: {step}, v1: {row}):\n");
        let step = function("step", format!("{head}  return v0\n}}\n"));
        let head = format!("entry f0\nfunc f0 finish(s) -> {finish} {{\nb0(v0: {finish}):\n");
        let finish = Some(function("finish", format!("{head}  return v0\n}}\n")));
        // SAFETY: an integer is one slot.
        let init = unsafe { StateValue::new(ir::Type::Int, &[3]) }.unwrap();
        let fold = Fold { init, step, merge: None, finish };
        let udaf = FoldUdaf::new(fold, FoldOutput::Value, OnError::Raise, vec!["x".to_owned()]);
        let mut outbox = Outbox::default();
        let bytes = encode_aggregate(&AggregateUDF::from(udaf), &mut outbox).unwrap().unwrap();
        let (run, parts) = (Run::new(1, false), Arc::from([0usize].as_slice()));
        decode_aggregate(&bytes, &Scope { inbox: &Nothing, run: &run, parts: &parts })
    }

    #[test]
    fn a_fold_whose_functions_disagree_about_the_state_is_refused() {
        assert!(fold("int", "int").is_ok());
        assert!(fold("(int, int)", "int").is_err(), "the step would write beyond the state");
        assert!(fold("int", "(int, int)").is_err(), "`finish` would read beyond the state");
    }
}
