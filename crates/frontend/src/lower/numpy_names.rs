//! The names of `numpy` that compiled code knows: constants, functions with their parameters, methods, types. Tables only;
//! what the functions do is `ufunc` and `numpy_call`.

use ir::Elem;

use crate::parse::ast::{self, Expr};

/// Constants of `numpy`.
pub const CONSTANTS: &[(&str, f64)] = &[
    ("e", std::f64::consts::E),
    ("euler_gamma", 0.577_215_664_901_532_9),
    ("inf", f64::INFINITY),
    ("nan", f64::NAN),
    ("pi", std::f64::consts::PI),
];

/// Functions along an axis, or over all elements: with the methods of the same names.
pub const REDUCTIONS: &[&str] =
    &["all", "any", "argmax", "argmin", "cumprod", "cumsum", "max", "mean", "min", "prod", "ptp", "std", "sum", "var"];

/// Names for the same.
pub const ALIASES: &[(&str, &str)] = &[("amax", "max"), ("amin", "min"), ("around", "round"), ("product", "prod")];

/// Functions and their parameters; those written `name=` may be left out.
pub const FUNCTIONS: &[(&str, &[&str])] = &[
    ("allclose", &["a", "b", "rtol=", "atol="]),
    ("append", &["arr", "values"]),
    ("arange", &["start", "stop=", "step=", "dtype="]),
    ("argsort", &["a", "axis=", "kind="]),
    ("argwhere", &["a"]),
    ("array", &["object", "dtype="]),
    ("array_split", &["a", "sections"]),
    ("array_equal", &["a", "b"]),
    ("asarray", &["object", "dtype="]),
    ("ascontiguousarray", &["object", "dtype="]),
    ("average", &["a", "axis=", "weights="]),
    ("bincount", &["x", "weights=", "minlength="]),
    ("clip", &["a", "a_min", "a_max"]),
    ("column_stack", &["tup"]),
    ("concatenate", &["arrays", "axis="]),
    ("convolve", &["a", "v", "mode="]),
    ("copy", &["a"]),
    ("corrcoef", &["x", "y"]),
    ("count_nonzero", &["a"]),
    ("cov", &["m", "y"]),
    ("cross", &["a", "b"]),
    ("delete", &["arr", "obj"]),
    ("diag", &["v"]),
    ("diagflat", &["v"]),
    ("diff", &["a", "n=", "axis="]),
    ("digitize", &["x", "bins", "right="]),
    ("dot", &["a", "b"]),
    ("ediff1d", &["a"]),
    ("empty", &["shape", "dtype="]),
    ("empty_like", &["a", "dtype="]),
    ("eye", &["N", "M=", "dtype="]),
    ("flatnonzero", &["a"]),
    ("flip", &["m"]),
    ("fliplr", &["m"]),
    ("flipud", &["m"]),
    ("full", &["shape", "fill_value", "dtype="]),
    ("full_like", &["a", "fill_value", "dtype="]),
    ("gradient", &["f"]),
    ("histogram", &["a", "bins="]),
    ("hstack", &["tup"]),
    ("identity", &["n", "dtype="]),
    ("inner", &["a", "b"]),
    ("interp", &["x", "xp", "fp"]),
    ("intersect1d", &["ar1", "ar2"]),
    ("isin", &["a", "test"]),
    ("isclose", &["a", "b", "rtol=", "atol="]),
    ("linspace", &["start", "stop", "num=", "endpoint="]),
    ("matmul", &["a", "b"]),
    ("median", &["a", "axis="]),
    ("meshgrid", &["x", "y"]),
    ("block", &["arrays"]),
    ("conj", &["a"]),
    ("conjugate", &["a"]),
    ("iscomplexobj", &["a"]),
    ("isrealobj", &["a"]),
    ("kron", &["a", "b"]),
    ("linalg.det", &["a"]),
    ("linalg.inv", &["a"]),
    ("linalg.matrix_power", &["a", "n"]),
    ("linalg.solve", &["a", "b"]),
    ("nanmax", &["a"]),
    ("nanmean", &["a"]),
    ("nanmedian", &["a"]),
    ("nanmin", &["a"]),
    ("nansum", &["a"]),
    ("linalg.norm", &["x", "ord=", "axis=", "keepdims="]),
    ("ndim", &["a"]),
    ("nonzero", &["a"]),
    ("ones", &["shape", "dtype="]),
    ("ones_like", &["a", "dtype="]),
    ("outer", &["a", "b"]),
    ("pad", &["array", "pad_width", "mode=", "constant_values="]),
    ("percentile", &["a", "q"]),
    ("polyval", &["p", "x"]),
    ("quantile", &["a", "q"]),
    ("ravel", &["a"]),
    ("real", &["a"]),
    ("repeat", &["a", "repeats"]),
    ("reshape", &["a", "shape"]),
    ("roll", &["a", "shift", "axis="]),
    ("round", &["a", "decimals="]),
    ("setdiff1d", &["ar1", "ar2"]),
    ("searchsorted", &["a", "v", "side="]),
    ("shape", &["a"]),
    ("size", &["a"]),
    ("sort", &["a", "axis=", "kind="]),
    ("split", &["ary", "sections"]),
    ("stack", &["arrays", "axis="]),
    ("take", &["a", "indices", "axis="]),
    ("tile", &["a", "reps"]),
    ("trace", &["a"]),
    ("transpose", &["a"]),
    ("trapezoid", &["y", "x=", "dx="]),
    ("tril", &["m", "k="]),
    ("triu", &["m", "k="]),
    ("union1d", &["ar1", "ar2"]),
    ("unique", &["ar", "return_index=", "return_inverse=", "return_counts="]),
    ("vdot", &["a", "b"]),
    ("vstack", &["tup"]),
    ("zeros", &["shape", "dtype="]),
    ("zeros_like", &["a", "dtype="]),
];

/// What of `numpy` is not there yet.
pub const LATER: &[&str] = &[
    "char",
    "complex128",
    "complex64",
    "datetime64",
    "einsum",
    "fft",
    "float16",
    "genfromtxt",
    "load",
    "loadtxt",
    "ma",
    "matrix",
    "polynomial",
    "random",
    "save",
    "savetxt",
    "timedelta64",
    "vectorize",
];

/// Methods that are functions of the array.
pub const METHODS: &[&str] = &[
    "argsort",
    "clip",
    "copy",
    "dot",
    "ravel",
    "repeat",
    "reshape",
    "round",
    "searchsorted",
    "take",
    "trace",
    "transpose",
];

/// The element type that a member of `numpy` names.
pub fn numpy_elem(name: &str) -> Option<Elem> {
    match name {
        "bool_" => Some(Elem::Bool),
        "double" => Some(Elem::F64),
        "single" => Some(Elem::F32),
        "intp" | "int_" => Some(Elem::I64),
        other => Elem::from_name(other),
    }
}

/// Names that `isinstance` may test for.
pub fn is_class(name: &str) -> bool {
    ["generic", "number", "integer", "floating", "ndarray"].contains(&name) || numpy_elem(name).is_some()
}

/// What only the library asks for.
pub const INTERNAL: &[&str] = &["_flat", "_fold", "_fused", "_is_flat", "_stride"];

/// The name without its aliases.
pub fn plain_name(name: &str) -> &str {
    ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, plain)| *plain)
}

/// Methods that change nothing.
const HARMLESS_METHODS: &[&str] = &[
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "astype",
    "copy",
    "cumsum",
    "dot",
    "flatten",
    "max",
    "mean",
    "min",
    "prod",
    "ravel",
    "reshape",
    "round",
    "std",
    "sum",
    "transpose",
    "var",
];

/// Whether evaluating the expression may store into an array that another expression has read.
pub fn may_write(expr: &Expr) -> bool {
    struct Search(bool);
    impl<'a> ast::visitor::Visitor<'a> for Search {
        fn visit_expr(&mut self, expr: &'a Expr) {
            match expr {
                Expr::Named(_) => self.0 = true,
                Expr::Call(call) => match &*call.func {
                    Expr::Attribute(attribute) => {
                        let of_module = attribute
                            .value
                            .as_name_expr()
                            .is_some_and(|name| matches!(name.id.as_str(), "np" | "numpy" | "math"));
                        self.0 |= !of_module && !HARMLESS_METHODS.contains(&attribute.attr.as_str());
                    }
                    Expr::Name(name) => {
                        let harmless = ["abs", "bool", "float", "int", "len", "max", "min", "range", "round", "sum"];
                        self.0 |= !harmless.contains(&name.id.as_str());
                    }
                    _ => self.0 = true,
                },
                _ => {}
            }
            ast::visitor::walk_expr(self, expr);
        }
    }
    let mut search = Search(false);
    ast::visitor::Visitor::visit_expr(&mut search, expr);
    search.0
}
