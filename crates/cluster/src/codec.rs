//! The bytes of plans. [`WireCodec`] is for what Ballista sees: its own operators, DataFusion's, fragments and our file
//! sources. [`encode_inside`] and [`decode_inside`] are for what is inside a fragment, which only clients and executors
//! look into.

use std::fmt;
use std::io::Cursor;
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};

use ballista_core::serde::BallistaPhysicalExtensionCodec;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::ipc::reader::StreamReader;
use datafusion::arrow::ipc::writer::StreamWriter;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::DataFusionError;
use datafusion::execution::TaskContext;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{AggregateUDF, ColumnarValue, ScalarUDF};
use datafusion::object_store::path::Path;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{TryCastExpr, lit};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion_proto::physical_plan::to_proto::serialize_physical_expr_with_converter;
use datafusion_proto::physical_plan::{
    AsExecutionPlan, PhysicalExtensionCodec, PhysicalPlanDecodeContext, PhysicalPlanNodeExt,
    PhysicalProtoConverterExtension,
};
use datafusion_proto::protobuf::{PhysicalExprNode, PhysicalPlanNode};
use engine::Run;
use engine::wire::bytes::{Reader, Writer};
use engine::wire::{Inbox, Outbox, Scope, error_to_text};

use crate::cut;
use crate::fragment::{FragmentExec, Spec};
use crate::stored::{self, StoredSource};
use crate::stub::StubExec;

/// The first byte of an operator that DataFusion does not know.
mod tag {
    pub const BALLISTA: u8 = 0;
    pub const FRAGMENT: u8 = 1;
    pub const FILES: u8 = 2;
    pub const PLACE: u8 = 3;
    pub const OPERATOR: u8 = 4;
    pub const STORED: u8 = 5;
}

/// An error of ours on its way through DataFusion.
pub(crate) fn wrap(error: engine::Error) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The plan that Ballista gets.
pub(crate) fn encode(plan: Arc<dyn ExecutionPlan>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    Constants.execution_plan_to_proto(&plan, &WireCodec::default())?.try_encode(&mut bytes)?;
    Ok(bytes)
}

/// DataFusion's way to write plans, but for subqueries that stand for one value: they were answered before, and are
/// written as constants.
struct Constants;

impl PhysicalProtoConverterExtension for Constants {
    fn proto_to_execution_plan(
        &self,
        proto: &PhysicalPlanNode,
        ctx: &PhysicalPlanDecodeContext<'_>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.default_proto_to_execution_plan(proto, ctx)
    }

    fn execution_plan_to_proto(
        &self,
        plan: &Arc<dyn ExecutionPlan>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<PhysicalPlanNode> {
        PhysicalPlanNode::try_from_physical_plan_with_converter(plan.clone(), codec, self)
    }

    fn proto_to_physical_expr(
        &self,
        proto: &PhysicalExprNode,
        input_schema: &Schema,
        ctx: &PhysicalPlanDecodeContext<'_>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        self.default_proto_to_physical_expr(proto, input_schema, ctx)
    }

    fn physical_expr_to_proto(
        &self,
        expr: &Arc<dyn PhysicalExpr>,
        codec: &dyn PhysicalExtensionCodec,
    ) -> Result<PhysicalExprNode> {
        let Some(subquery) = expr.downcast_ref::<ScalarSubqueryExpr>() else {
            return serialize_physical_expr_with_converter(expr, codec, self);
        };
        let nothing = RecordBatch::new_empty(Arc::new(Schema::empty()));
        let ColumnarValue::Scalar(value) = subquery.evaluate(&nothing)? else {
            return internal_err!("a subquery for one value has a column of them");
        };
        // A constant alone would be a column that cannot be null, and the plan's columns must stay as they are.
        let data_type = value.data_type();
        let constant: Arc<dyn PhysicalExpr> = Arc::new(TryCastExpr::new(lit(value), data_type));
        serialize_physical_expr_with_converter(&constant, codec, self)
    }
}

pub(crate) fn schema_bytes(schema: &SchemaRef) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    StreamWriter::try_new(&mut bytes, schema)?.finish()?;
    Ok(bytes)
}

pub(crate) fn schema_of(bytes: &[u8]) -> engine::Result<SchemaRef> {
    // Arrow's reader panics at types that it does not know; bytes from a stranger are an error all the same.
    let read = || StreamReader::try_new(Cursor::new(bytes), None).map(|reader| reader.schema());
    let damaged = |why: String| engine::Error::engine(format!("a plan's columns are damaged: {why}"));
    std::panic::catch_unwind(read)
        .map_err(|_| damaged("a type that does not exist".to_owned()))?
        .map_err(|error| damaged(error.to_string()))
}

/// What Ballista sees.
#[derive(Debug, Default)]
pub(crate) struct WireCodec {
    ballista: BallistaPhysicalExtensionCodec,
}

impl PhysicalExtensionCodec for WireCodec {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        ctx: &TaskContext,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut reader = Reader::new(buf);
        match reader.byte().map_err(wrap)? {
            tag::BALLISTA => self.ballista.try_decode(reader.rest(), inputs, ctx, proto_converter),
            tag::FRAGMENT => {
                let spec = Spec::read(&mut reader).map_err(wrap)?;
                if spec.whole.len() != inputs.len() {
                    return internal_err!("a fragment with {} inputs for {}", inputs.len(), spec.whole.len());
                }
                Ok(Arc::new(FragmentExec::new(Arc::new(spec), inputs.to_vec())))
            }
            tag::FILES => read_files(&mut reader, false, ctx),
            tag::STORED => read_files(&mut reader, true, ctx),
            _ => internal_err!("an operator of another version"),
        }
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let mut writer = Writer::default();
        if let Some(fragment) = node.downcast_ref::<FragmentExec>() {
            writer.byte(tag::FRAGMENT);
            fragment.spec().write(&mut writer)?;
        } else if write_files(&mut writer, &node)? {
        } else {
            writer.byte(tag::BALLISTA);
            let mut inner = Vec::new();
            self.ballista.try_encode(node, &mut inner, proto_converter)?;
            writer.raw(&inner);
        }
        buf.extend(writer.finish());
        Ok(())
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        buf.extend(engine::wire::encode_scalar(node).unwrap_or_default());
        Ok(())
    }

    fn try_decode_udf(&self, _name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        engine::wire::decode_scalar(buf).map_err(wrap)
    }
}

/// Writes a scan of files whose format is ours; false when it is something else.
fn write_files(writer: &mut Writer, node: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    let Some(scan) = node.downcast_ref::<DataSourceExec>() else { return Ok(false) };
    let Some(config) = scan.data_source().as_ref().downcast_ref::<FileScanConfig>() else { return Ok(false) };
    let schema = config.file_source.table_schema().file_schema().clone();
    let projection = if let Some(stored) = config.file_source.downcast_ref::<StoredSource>() {
        let mut source = Writer::default();
        let projection = stored::write_source(stored, &mut source);
        writer.byte(tag::STORED);
        writer.block(&source.finish());
        projection
    } else if let Some((source, projection)) = engine::wire::encode_source(config.file_source.as_ref()) {
        writer.byte(tag::FILES);
        writer.block(&source);
        projection
    } else {
        return Ok(false);
    };
    writer.block(&schema_bytes(&schema)?);
    writer.block(&projection_bytes(&schema, &projection)?);
    writer.optional(config.limit, |writer, limit| writer.number(limit as u64));
    writer.list(config.file_groups.iter(), |writer, group| {
        writer.list(group.files().iter(), |writer, file| {
            writer.text(file.object_meta.location.as_ref());
            writer.number(file.object_meta.size);
            writer.optional(file.range.as_ref(), |writer, range| {
                writer.number(range.start as u64);
                writer.number(range.end as u64);
            });
        });
    });
    Ok(true)
}

fn read_files(reader: &mut Reader<'_>, is_stored: bool, context: &TaskContext) -> Result<Arc<dyn ExecutionPlan>> {
    let source = reader.block().map_err(wrap)?;
    let schema = schema_of(reader.block().map_err(wrap)?).map_err(wrap)?;
    let projection = projection_of(reader.block().map_err(wrap)?, context)?;
    let limit = reader.optional(Reader::number).map_err(wrap)?;
    let groups = reader.list(|reader| reader.list(read_file)).map_err(wrap)?;
    let source = match is_stored {
        true => Arc::new(stored::read_source(&mut Reader::new(source), schema, &projection).map_err(wrap)?),
        false => engine::wire::decode_source(source, schema, projection).map_err(wrap)?,
    };
    let scan = FileScanConfigBuilder::new(ObjectStoreUrl::local_filesystem(), source)
        .with_file_groups(groups.into_iter().map(FileGroup::new).collect())
        .with_limit(limit.map(|limit| limit as usize))
        .with_preserve_order(true)
        .build();
    Ok(DataSourceExec::from_data_source(scan))
}

fn read_file(reader: &mut Reader<'_>) -> engine::Result<PartitionedFile> {
    let path = reader.text()?;
    let mut file = PartitionedFile::new(String::new(), reader.number()?);
    file.object_meta.location =
        Path::parse(&path).map_err(|error| engine::Error::engine(format!("cannot read `{path}`: {error}")))?;
    let range = reader.optional(|reader| Ok((reader.number()?, reader.number()?)))?;
    Ok(match range {
        Some((start, end)) => file.with_range(start as i64, end as i64),
        None => file,
    })
}

/// Expressions over the columns of a schema, as a plan of one operator.
fn projection_bytes(schema: &SchemaRef, projection: &ProjectionExprs) -> Result<Vec<u8>> {
    let input = Arc::new(EmptyExec::new(schema.clone()));
    encode(Arc::new(ProjectionExec::try_new(projection.iter().cloned().collect::<Vec<_>>(), input)?))
}

fn projection_of(bytes: &[u8], context: &TaskContext) -> Result<ProjectionExprs> {
    let plan = PhysicalPlanNode::try_decode(bytes)?.try_into_physical_plan(context, &WireCodec::default())?;
    match plan.downcast_ref::<ProjectionExec>() {
        Some(projection) => Ok(ProjectionExprs::new(projection.expr().to_vec())),
        None => internal_err!("a scan without its columns"),
    }
}

/// The operators of a fragment.
pub(crate) fn encode_inside(plan: &Arc<dyn ExecutionPlan>, outbox: &mut Outbox) -> Result<Vec<u8>> {
    let codec = InsideWriter { outbox: Mutex::new(std::mem::take(outbox)) };
    let mut bytes = Vec::new();
    let encoded = Constants.execution_plan_to_proto(plan, &codec);
    *outbox = codec.outbox.into_inner().unwrap_or_else(PoisonError::into_inner);
    encoded?.try_encode(&mut bytes)?;
    Ok(bytes)
}

/// The operators of a fragment over these inputs.
pub(crate) fn decode_inside(
    bytes: &[u8],
    inputs: &[Arc<dyn ExecutionPlan>],
    inbox: Arc<dyn Inbox>,
    run: &Run,
    parts: &Arc<[usize]>,
    context: &TaskContext,
) -> Result<Arc<dyn ExecutionPlan>> {
    let codec = InsideReader { inputs: inputs.to_vec(), inbox, run: run.clone(), parts: parts.clone() };
    // DataFusion takes some of what a plan must have for granted.
    let decoded = panic::catch_unwind(AssertUnwindSafe(|| {
        PhysicalPlanNode::try_decode(bytes)?.try_into_physical_plan(context, &codec)
    }));
    decoded.unwrap_or_else(|_| Err(wrap(engine::Error::engine("a plan was damaged on its way"))))
}

#[derive(Debug)]
struct InsideWriter {
    outbox: Mutex<Outbox>,
}

impl InsideWriter {
    fn with_outbox<T>(&self, body: impl FnOnce(&mut Outbox) -> T) -> T {
        body(&mut self.outbox.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl PhysicalExtensionCodec for InsideWriter {
    fn try_decode(
        &self,
        _buf: &[u8],
        _inputs: &[Arc<dyn ExecutionPlan>],
        _ctx: &TaskContext,
        _proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        internal_err!("only writes")
    }

    fn try_encode(
        &self,
        node: Arc<dyn ExecutionPlan>,
        buf: &mut Vec<u8>,
        _proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        let mut writer = Writer::default();
        if let Some(stub) = node.downcast_ref::<StubExec>() {
            writer.byte(tag::PLACE);
            writer.number(stub.index as u64);
        } else if let Some(bytes) = self.with_outbox(|outbox| engine::wire::encode_node(&node, outbox)) {
            writer.byte(tag::OPERATOR);
            writer.raw(&bytes.map_err(|error| DataFusionError::Execution(error_to_text(&error)))?);
        } else {
            let message = format!("the operator `{}` cannot run on a cluster", cut::shown_name(&node));
            // DataFusion makes a sentence of its own of it.
            return Err(DataFusionError::Execution(error_to_text(&engine::Error::plan(message))));
        }
        buf.extend(writer.finish());
        Ok(())
    }

    fn try_encode_udf(&self, node: &ScalarUDF, buf: &mut Vec<u8>) -> Result<()> {
        buf.extend(engine::wire::encode_scalar(node).unwrap_or_default());
        Ok(())
    }

    fn try_encode_udaf(&self, node: &AggregateUDF, buf: &mut Vec<u8>) -> Result<()> {
        if let Some(bytes) = self.with_outbox(|outbox| engine::wire::encode_aggregate(node, outbox)) {
            buf.extend(bytes.map_err(wrap)?);
        }
        Ok(())
    }
}

struct InsideReader {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    inbox: Arc<dyn Inbox>,
    run: Run,
    parts: Arc<[usize]>,
}

impl InsideReader {
    fn scope(&self) -> Scope<'_> {
        Scope { inbox: self.inbox.as_ref(), run: &self.run, parts: &self.parts }
    }
}

impl fmt::Debug for InsideReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InsideReader")
    }
}

impl PhysicalExtensionCodec for InsideReader {
    fn try_decode(
        &self,
        buf: &[u8],
        inputs: &[Arc<dyn ExecutionPlan>],
        _ctx: &TaskContext,
        _proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut reader = Reader::new(buf);
        match reader.byte().map_err(wrap)? {
            tag::PLACE => match self.inputs.get(reader.number().map_err(wrap)? as usize) {
                Some(input) => Ok(input.clone()),
                None => internal_err!("a fragment has a place for no input"),
            },
            tag::OPERATOR => engine::wire::decode_node(reader.rest(), inputs, &self.scope()).map_err(wrap),
            _ => internal_err!("an operator of another version"),
        }
    }

    fn try_encode(
        &self,
        _node: Arc<dyn ExecutionPlan>,
        _buf: &mut Vec<u8>,
        _proto_converter: &dyn PhysicalProtoConverterExtension,
    ) -> Result<()> {
        internal_err!("only reads")
    }

    fn try_decode_udf(&self, _name: &str, buf: &[u8]) -> Result<Arc<ScalarUDF>> {
        engine::wire::decode_scalar(buf).map_err(wrap)
    }

    fn try_decode_udaf(&self, _name: &str, buf: &[u8]) -> Result<Arc<AggregateUDF>> {
        engine::wire::decode_aggregate(buf, &self.scope()).map(Arc::new).map_err(wrap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    use datafusion::arrow::datatypes::{DataType, Field, Schema};
    use datafusion::physical_expr::expressions::{col, lit};
    use datafusion::physical_plan::filter::FilterExec;
    use datafusion::prelude::SessionContext;
    use engine::wire::Hash;

    struct Nothing;

    impl Inbox for Nothing {
        fn blob(&self, _hash: &Hash) -> Option<Arc<[u8]>> {
            None
        }
    }

    fn input() -> Arc<dyn ExecutionPlan> {
        let field = Field::new("x", DataType::Int64, true);
        Arc::new(EmptyExec::new(Arc::new(Schema::new(vec![field]))))
    }

    /// A fragment with operators of DataFusion's and a place.
    fn payload() -> Vec<u8> {
        let place: Arc<dyn ExecutionPlan> = Arc::new(StubExec::of(0, &input()));
        let schema = place.schema();
        let wanted = datafusion::physical_expr::expressions::binary(
            col("x", &schema).unwrap(),
            datafusion::logical_expr::Operator::Gt,
            lit(3i64),
            &schema,
        );
        let filter = Arc::new(FilterExec::try_new(wanted.unwrap(), place).unwrap());
        let columns = vec![(col("x", &schema).unwrap(), "y".to_owned())];
        encode_inside(&(Arc::new(ProjectionExec::try_new(columns, filter).unwrap()) as _), &mut Outbox::default())
            .unwrap()
    }

    fn decode(bytes: &[u8]) -> Result<Arc<dyn ExecutionPlan>> {
        let (run, parts) = (Run::new(1, false), Arc::from([0usize].as_slice()));
        let context = SessionContext::new().task_ctx();
        decode_inside(bytes, &[input()], Arc::new(Nothing), &run, &parts, &context)
    }

    #[test]
    fn a_fragment_comes_back_the_same() {
        let plan = decode(&payload()).unwrap();
        assert_eq!(plan.schema().field(0).name(), "y");
        assert!(plan.children()[0].is::<FilterExec>());
    }

    /// For as long as `FUSELINE_FUZZ_SECONDS` says, else for a fixed number of inputs.
    #[test]
    fn damaged_fragments_never_crash() {
        let seconds = std::env::var("FUSELINE_FUZZ_SECONDS").ok().and_then(|text| text.parse().ok());
        let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        let original = payload();
        let mut whole = Writer::default();
        let fragment = FragmentExec::new(Arc::new(spec(original.clone())), vec![input()]);
        fragment.spec().write(&mut whole).unwrap();
        let whole = whole.finish();
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        let mut next = move |below: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % below
        };
        for round in 0usize.. {
            if end.map_or(round == 3_000, |end| Instant::now() > end) {
                break;
            }
            let from = if round % 2 == 0 { &original } else { &whole };
            let mut bytes = from.clone();
            for _ in 0..=next(4) {
                match next(3) {
                    0 => bytes.truncate(next(bytes.len() + 1)),
                    1 => bytes.insert(next(bytes.len() + 1), next(256) as u8),
                    _ if bytes.is_empty() => {}
                    _ => {
                        let at = next(bytes.len());
                        bytes[at] = next(256) as u8;
                    }
                }
            }
            if round % 2 == 0 {
                let _ = decode(&bytes);
            } else {
                let _ = Spec::read(&mut Reader::new(&bytes));
            }
        }
    }

    fn spec(payload: Vec<u8>) -> Spec {
        Spec {
            payload,
            schema: input().schema(),
            whole: vec![false],
            follows: Some(0),
            parts: 1,
            sequential: false,
            blobs: vec![[1; 32]],
            functions: vec![("f".to_owned(), [2; 32])],
            shown: "FilterExec".to_owned(),
        }
    }
}
