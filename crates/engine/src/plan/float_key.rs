//! A float as a key: `-0.0` becomes `0.0` and every NaN the same NaN, so that keys which Python finds equal are equal bit
//! by bit. (NaN is one group of its own here; in a Python `dict` every NaN object would be.)

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, AsArray, PrimitiveArray};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

static FLOAT_KEY: LazyLock<Arc<ScalarUDF>> = LazyLock::new(|| {
    let types = vec![DataType::Float32, DataType::Float64];
    Arc::new(ScalarUDF::from(FloatKey { signature: Signature::uniform(1, types, Volatility::Immutable) }))
});

/// The key of a float expression.
pub(crate) fn float_key(expr: Expr) -> Expr {
    FLOAT_KEY.call(vec![expr])
}

/// The function itself.
pub(crate) fn udf() -> Arc<ScalarUDF> {
    FLOAT_KEY.clone()
}

#[derive(PartialEq, Eq, Hash, Debug)]
struct FloatKey {
    signature: Signature,
}

impl ScalarUDFImpl for FloatKey {
    fn name(&self) -> &str {
        "float_key"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arg_types: &[DataType]) -> DataFusionResult<DataType> {
        match arg_types {
            [data_type] => Ok(data_type.clone()),
            _ => internal_err!("float_key takes one argument"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let Some(array) = ColumnarValue::values_to_arrays(&args.args)?.into_iter().next() else {
            return internal_err!("float_key takes one argument");
        };
        let keys: ArrayRef = match array.data_type() {
            DataType::Float32 => {
                let plain = |value: f32| if value.is_nan() { f32::NAN } else { value + 0.0 };
                let keys: PrimitiveArray<Float32Type> = array.as_primitive::<Float32Type>().unary(plain);
                Arc::new(keys)
            }
            DataType::Float64 => {
                let plain = |value: f64| if value.is_nan() { f64::NAN } else { value + 0.0 };
                let keys: PrimitiveArray<Float64Type> = array.as_primitive::<Float64Type>().unary(plain);
                Arc::new(keys)
            }
            other => return internal_err!("float_key of {other}"),
        };
        Ok(ColumnarValue::Array(keys))
    }
}
