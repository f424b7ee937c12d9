//! A compiled function as DataFusion's planner sees it: a placeholder that knows the type of its result for given arguments.
//! It is never run: every call becomes an operator before a plan is optimised.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result as DataFusionResult, internal_err};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use super::SqlFunction;
use crate::error::{Error, Result};
use crate::failure;
use crate::function::CompiledFunction;
use crate::types;

/// The placeholder of the function of this name.
pub(super) fn placeholder(name: &str, function: Arc<dyn SqlFunction>) -> Arc<ScalarUDF> {
    let lower = name.to_ascii_lowercase();
    let aliases = if lower == name { Vec::new() } else { vec![name.to_owned()] };
    let signature = Signature::one_of(vec![TypeSignature::Nullary, TypeSignature::VariadicAny], Volatility::Immutable);
    Arc::new(ScalarUDF::from(Placeholder { name: lower, aliases, shown: name.to_owned(), function, signature }))
}

/// The function that a call's placeholder stands for, if it is one.
pub(super) fn of(function: &ScalarUDF) -> Option<&Placeholder> {
    function.inner().downcast_ref::<Placeholder>()
}

pub(super) struct Placeholder {
    /// What SQL makes of the name where it is not quoted.
    name: String,
    aliases: Vec<String>,
    shown: String,
    function: Arc<dyn SqlFunction>,
    signature: Signature,
}

impl Placeholder {
    /// The name as it was given.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The function for arguments of these types.
    pub fn compile(&self, arguments: &[FieldRef]) -> Result<CompiledFunction> {
        let mut params = Vec::with_capacity(arguments.len());
        for (index, field) in arguments.iter().enumerate() {
            let Some(ty) = types::column_type(field.data_type()) else {
                return Err(Error::plan(format!(
                    "argument {} of `{}` is of type `{}`, which functions cannot read",
                    index + 1,
                    self.shown,
                    field.data_type()
                )));
            };
            params.push(if field.is_nullable() { ty.optional() } else { ty });
        }
        let compiled = self.function.compile(&params)?;
        if compiled.result_type().without_none().field_types().is_some() {
            return Err(Error::plan_hint(
                format!("`{}` returns `{}`, but a call in SQL is one value", self.shown, compiled.result_type()),
                "return one value, or use `map`, which makes a column of each field",
            ));
        }
        types::arrow_type(compiled.result_type())?;
        Ok(compiled)
    }
}

impl fmt::Debug for Placeholder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl PartialEq for Placeholder {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && Arc::ptr_eq(&self.function, &other.function)
    }
}

impl Eq for Placeholder {}

impl Hash for Placeholder {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Placeholder {
    fn name(&self) -> &str {
        &self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arg_types: &[DataType]) -> DataFusionResult<DataType> {
        internal_err!("the type of a compiled function's result depends on nulls")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> DataFusionResult<FieldRef> {
        let compiled = self.compile(args.arg_fields).map_err(failure::wrap)?;
        let (data_type, nullable) = types::arrow_type(compiled.result_type()).map_err(failure::wrap)?;
        Ok(Arc::new(Field::new(&self.name, data_type, nullable)))
    }

    fn invoke_with_args(&self, _args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        internal_err!("a call of `{}` was left in a plan", self.shown)
    }
}
