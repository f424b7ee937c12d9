//! The fixed texts of exceptions that compiled code raises itself, as CPython 3.11 words them.

pub const INT_RANGE: &str = runtime::exc::INT_TOO_LARGE;
pub const INT_DIVISION: &str = "integer division or modulo by zero";
pub const INT_MODULO: &str = "integer modulo by zero";
pub const TRUE_DIVISION: &str = "division by zero";
pub const FLOAT_DIVISION: &str = "float division by zero";
pub const FLOAT_FLOOR_DIVISION: &str = "float floor division by zero";
pub const FLOAT_MODULO: &str = "float modulo";
pub const NEGATIVE_SHIFT: &str = "negative shift count";
pub const NAN_TO_INT: &str = "cannot convert float NaN to integer";
pub const INFINITY_TO_INT: &str = "cannot convert float infinity to integer";
pub const MATH_DOMAIN: &str = "math domain error";
pub const MATH_RANGE: &str = "math range error";
pub const RANGE_STEP: &str = "range() arg 3 must not be zero";
pub const RANGE_LENGTH: &str = "Python int too large to convert to C ssize_t";
pub const RANGE_INDEX: &str = "range object index out of range";
pub const LIST_INDEX: &str = "list index out of range";
pub const LIST_ASSIGNMENT: &str = "list assignment index out of range";
pub const STRING_INDEX: &str = "string index out of range";
pub const ARRAY_INDEX: &str = "index out of bounds for array";
pub const WRONG_VARIANT: &str = "a value of another type than expected";
pub const RECURSION: &str = "maximum recursion depth exceeded";
pub const UNREACHABLE: &str = "code that cannot be reached was reached";
pub const STATE_SHAPE: &str = "an array of the state changed its shape";
