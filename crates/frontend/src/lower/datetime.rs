//! The module `datetime`: its classes, their constructors, methods, attributes and operators. An object is a record of
//! numbers (see `prelude/datetime.py`, which computes with them); this module says which function of the library does what,
//! and turns numbers into objects and back.

use std::sync::Arc;

use ir::{ExcKind, Prim, RecordKind, RecordType, Type};

use super::call::CallArguments;
use super::library_class::class_of;
use super::number::{is_integer, is_number};
use super::value::Static;
use super::{Lowered, Lowerer, Thing, Val};
use crate::library;
use crate::parse::ast::{CmpOp, Operator, Ranged};
use crate::shape::python_name;
use crate::specialise::Callable;

pub const DATE: &str = "datetime.date";
pub const DATETIME: &str = "datetime.datetime";
pub const TIME: &str = "datetime.time";
pub const DELTA: &str = "datetime.timedelta";

/// What a function of the library takes besides the object's numbers.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    Nothing,
    Ints,
    /// Ints and floats.
    Numbers,
    Texts,
    Objects,
}

/// A function of the library: the class and name it is called by, its own name, its arguments, the class of the result
/// (nothing for a plain value).
type Row = (&'static str, &'static str, &'static str, Takes, &'static str);

/// Constructors (without a name) and class methods.
const CLASS_FUNCTIONS: &[Row] = &[
    (DATE, "", "_date_new", Takes::Ints, DATE),
    (DATE, "fromisocalendar", "_date_fromisocalendar", Takes::Ints, DATE),
    (DATE, "fromisoformat", "_date_fromisoformat", Takes::Texts, DATE),
    (DATE, "fromordinal", "_date_fromordinal", Takes::Ints, DATE),
    (DATETIME, "", "_datetime_new", Takes::Ints, DATETIME),
    (DATETIME, "combine", "_datetime_combine", Takes::Objects, DATETIME),
    (DATETIME, "fromisocalendar", "_datetime_fromisocalendar", Takes::Ints, DATETIME),
    (DATETIME, "fromisoformat", "_datetime_fromisoformat", Takes::Texts, DATETIME),
    (DATETIME, "fromordinal", "_datetime_fromordinal", Takes::Ints, DATETIME),
    (TIME, "", "_time_new", Takes::Ints, TIME),
    (TIME, "fromisoformat", "_time_fromisoformat", Takes::Texts, TIME),
    (DELTA, "", "_delta_new", Takes::Numbers, DELTA),
];

const METHODS: &[Row] = &[
    (DATE, "__format__", "_date_strftime", Takes::Texts, ""),
    (DATE, "__repr__", "_date_repr", Takes::Nothing, ""),
    (DATE, "__str__", "_date_text", Takes::Nothing, ""),
    (DATE, "ctime", "_date_ctime", Takes::Nothing, ""),
    (DATE, "isocalendar", "_date_isocalendar", Takes::Nothing, ISO),
    (DATE, "isoformat", "_date_isoformat", Takes::Nothing, ""),
    (DATE, "isoweekday", "_date_isoweekday", Takes::Nothing, ""),
    (DATE, "replace", "_date_replace", Takes::Ints, DATE),
    (DATE, "strftime", "_date_strftime", Takes::Texts, ""),
    (DATE, "toordinal", "_date_toordinal", Takes::Nothing, ""),
    (DATE, "weekday", "_date_weekday", Takes::Nothing, ""),
    (DATETIME, "__format__", "_datetime_strftime", Takes::Texts, ""),
    (DATETIME, "__repr__", "_datetime_repr", Takes::Nothing, ""),
    (DATETIME, "__str__", "_datetime_text", Takes::Nothing, ""),
    (DATETIME, "ctime", "_datetime_ctime", Takes::Nothing, ""),
    (DATETIME, "date", "_datetime_date", Takes::Nothing, DATE),
    (DATETIME, "isocalendar", "_datetime_isocalendar", Takes::Nothing, ISO),
    (DATETIME, "isoformat", "_datetime_isoformat", Takes::Texts, ""),
    (DATETIME, "isoweekday", "_datetime_isoweekday", Takes::Nothing, ""),
    (DATETIME, "replace", "_datetime_replace", Takes::Ints, DATETIME),
    (DATETIME, "strftime", "_datetime_strftime", Takes::Texts, ""),
    (DATETIME, "time", "_datetime_time", Takes::Nothing, TIME),
    (DATETIME, "toordinal", "_datetime_toordinal", Takes::Nothing, ""),
    (DATETIME, "weekday", "_datetime_weekday", Takes::Nothing, ""),
    (TIME, "__format__", "_time_strftime", Takes::Texts, ""),
    (TIME, "__repr__", "_time_repr", Takes::Nothing, ""),
    (TIME, "__str__", "_time_text", Takes::Nothing, ""),
    (TIME, "isoformat", "_time_isoformat", Takes::Texts, ""),
    (TIME, "replace", "_time_replace", Takes::Ints, TIME),
    (TIME, "strftime", "_time_strftime", Takes::Texts, ""),
    (DELTA, "__abs__", "_delta_abs", Takes::Nothing, DELTA),
    (DELTA, "__neg__", "_delta_neg", Takes::Nothing, DELTA),
    (DELTA, "__repr__", "_delta_repr", Takes::Nothing, ""),
    (DELTA, "__str__", "_delta_text", Takes::Nothing, ""),
    (DELTA, "total_seconds", "_delta_total_seconds", Takes::Nothing, ""),
];

/// The named tuple that `isocalendar` gives.
const ISO: &str = "IsoCalendarDate";

const ATTRIBUTES: &[(&str, &str, &str)] = &[
    (DATE, "day", "_date_day"),
    (DATE, "month", "_date_month"),
    (DATE, "year", "_date_year"),
    (DATETIME, "day", "_datetime_day"),
    (DATETIME, "hour", "_datetime_hour"),
    (DATETIME, "microsecond", "_datetime_microsecond"),
    (DATETIME, "minute", "_datetime_minute"),
    (DATETIME, "month", "_datetime_month"),
    (DATETIME, "second", "_datetime_second"),
    (DATETIME, "year", "_datetime_year"),
    (TIME, "hour", "_time_hour"),
    (TIME, "microsecond", "_time_microsecond"),
    (TIME, "minute", "_time_minute"),
    (TIME, "second", "_time_second"),
];

/// Constants of the classes, as numbers.
const CONSTANTS: &[(&str, &str, &str, &[i64])] = &[
    (DATE, "max", DATE, &[3_652_059]),
    (DATE, "min", DATE, &[1]),
    (DATE, "resolution", DELTA, &[1, 0, 0]),
    (DATETIME, "max", DATETIME, &[315_537_983_999_999_999]),
    (DATETIME, "min", DATETIME, &[86_400_000_000]),
    (DATETIME, "resolution", DELTA, &[0, 0, 1]),
    (TIME, "max", TIME, &[86_399_999_999]),
    (TIME, "min", TIME, &[0]),
    (TIME, "resolution", DELTA, &[0, 0, 1]),
    (DELTA, "max", DELTA, &[999_999_999, 86_399, 999_999]),
    (DELTA, "min", DELTA, &[-999_999_999, 0, 0]),
    (DELTA, "resolution", DELTA, &[0, 0, 1]),
];

/// Operators between two classes; `int` stands for itself.
const OPERATORS: &[(Operator, &str, &str, &str, &str)] = &[
    (Operator::Add, DATE, DELTA, "_date_add_delta", DATE),
    (Operator::Add, DATETIME, DELTA, "_datetime_add_delta", DATETIME),
    (Operator::Add, DELTA, DELTA, "_delta_add_delta", DELTA),
    (Operator::Sub, DATE, DATE, "_date_sub_date", DELTA),
    (Operator::Sub, DATE, DELTA, "_date_sub_delta", DATE),
    (Operator::Sub, DATETIME, DATETIME, "_datetime_sub_datetime", DELTA),
    (Operator::Sub, DATETIME, DELTA, "_datetime_sub_delta", DATETIME),
    (Operator::Sub, DELTA, DELTA, "_delta_sub_delta", DELTA),
    (Operator::Mult, DELTA, "int", "_delta_mul_int", DELTA),
    (Operator::FloorDiv, DELTA, "int", "_delta_floordiv_int", DELTA),
    (Operator::FloorDiv, DELTA, DELTA, "_delta_floordiv_delta", ""),
    (Operator::Div, DELTA, "int", "_delta_truediv_int", DELTA),
    (Operator::Div, DELTA, DELTA, "_delta_truediv_delta", ""),
    (Operator::Mod, DELTA, DELTA, "_delta_mod_delta", DELTA),
];

/// Whether the class is one of this module's.
pub fn is_class(class: &str) -> bool {
    matches!(class, DATE | DATETIME | TIME | DELTA)
}

/// Whether CPython shows such an object otherwise than by its fields.
pub fn has_own_text(record: &RecordType) -> bool {
    record.kind == RecordKind::Library || record.kind == RecordKind::NamedTuple && record.name == ISO
}

/// The class of such an object.
pub fn datetime_class(ty: &Type) -> Option<&'static str> {
    let class = class_of(ty)?;
    [DATE, DATETIME, TIME, DELTA].into_iter().find(|known| *known == class)
}

fn fields_of(class: &str) -> &'static [&'static str] {
    match class {
        DATE => &["ordinal"],
        DELTA => &["days", "seconds", "microseconds"],
        _ => &["micros"],
    }
}

impl Lowerer<'_, '_> {
    /// An object of the class, of the numbers that a function of the library gives; without a class the value itself.
    fn object_of(&mut self, class: &str, val: Val) -> Val {
        let parts = match val.ty() {
            Type::Tuple(_) => self.fields(&val),
            _ => vec![val.clone()],
        };
        let (kind, names): (_, &[&str]) = match class {
            "" => return val,
            ISO => (RecordKind::NamedTuple, &["year", "week", "weekday"]),
            class => (RecordKind::Library, fields_of(class)),
        };
        let fields = names.iter().map(|name| ((*name).to_owned(), Type::Int)).collect();
        let record = RecordType { kind, name: class.to_owned(), fields };
        let parts: Vec<Val> = parts.iter().map(|part| Val::new(part.id, Type::Int)).collect();
        self.aggregate(Type::Record(Arc::new(record)), &parts)
    }

    /// A call of a function of the library, whose first arguments are numbers.
    pub fn datetime_call(
        &mut self,
        function: &str,
        numbers: Vec<Val>,
        arguments: CallArguments,
        result: &str,
    ) -> Lowered<Val> {
        let Some(number) = library::function_named("datetime", function) else {
            return self.fail("internal", format!("the library has no `datetime.{function}`"), None);
        };
        let positional = numbers.into_iter().map(Thing::Val).chain(arguments.positional).collect();
        let arguments = CallArguments { positional, keywords: arguments.keywords };
        let val = self.call_function(Callable::Program(number), arguments)?;
        Ok(self.object_of(result, val))
    }

    /// The arguments as the library takes them.
    fn datetime_arguments(&mut self, name: &str, takes: Takes, arguments: CallArguments) -> Lowered<CallArguments> {
        let mut checked = CallArguments::default();
        for (position, thing) in arguments.positional.into_iter().enumerate() {
            let val = self.value_of(thing)?;
            let is_time = datetime_class(val.ty()) == Some(TIME);
            if name == "combine" && !val.is_union() && is_time != (position == 1) {
                let wanted = if position == 1 { "datetime.time" } else { "datetime.date" };
                let found = python_name(val.ty());
                return self.clash(format!("combine() argument {} must be {wanted}, not {found}", position + 1));
            }
            for val in self.datetime_argument(name, takes, &val)? {
                checked.positional.push(Thing::Val(val));
            }
        }
        for (keyword, thing) in arguments.keywords {
            if matches!(keyword.as_str(), "tzinfo" | "fold" | "tz") {
                return self.fail("unsupported-argument", "time zones cannot be compiled yet", None);
            }
            let val = self.value_of(thing)?;
            match self.datetime_argument(name, takes, &val)?.as_slice() {
                [val] => checked.keywords.push((keyword, Thing::Val(val.clone()))),
                _ => return self.fail("unsupported-argument", format!("pass `{keyword}` by position here"), None),
            }
        }
        Ok(checked)
    }

    fn datetime_argument(&mut self, name: &str, takes: Takes, val: &Val) -> Lowered<Vec<Val>> {
        if takes == Takes::Objects {
            return match datetime_class(val.ty()) {
                Some(DATETIME) if name == "combine" => {
                    let numbers = self.fields(val);
                    let day = self.datetime_call("_datetime_date", numbers, CallArguments::default(), "");
                    day.map(|day| vec![day])
                }
                Some(DATE | TIME) => Ok(self.fields(val)),
                _ => {
                    let found = python_name(val.ty());
                    self.clash(format!("{name}() argument must be a date or a time, not {found}"))
                }
            };
        }
        let checked = self.each_variant(val, &mut |lowerer, val| match (takes, val.ty()) {
            (Takes::Ints, _) => lowerer.as_index(&val),
            (Takes::Numbers, ty) if is_integer(ty) => lowerer.as_int(&val),
            (Takes::Numbers, Type::Float) | (Takes::Texts, Type::Str) => Ok(val),
            (Takes::Numbers, Type::Np(_)) => {
                let python = lowerer.python_number(&val);
                if is_number(python.ty()) { Ok(python) } else { Ok(val) }
            }
            (Takes::Numbers, other) => {
                let found = python_name(other);
                lowerer.clash(format!("unsupported type for timedelta component: {found}"))
            }
            (_, other) => {
                let found = python_name(other);
                lowerer.clash(format!("{name}() argument must be str, not {found}"))
            }
        })?;
        Ok(vec![checked])
    }

    /// A member of the module.
    pub fn datetime_member(&mut self, name: &str, node: &impl Ranged) -> Lowered<Thing> {
        match name {
            "date" | "datetime" | "time" | "timedelta" => {
                Ok(Thing::Static(Static::Member("datetime".to_owned(), name.to_owned())))
            }
            "MINYEAR" => Ok(Thing::Val(self.int(1))),
            "MAXYEAR" => Ok(Thing::Val(self.int(9999))),
            "timezone" | "tzinfo" | "UTC" => {
                self.fail_at(node, "unsupported-value", "time zones cannot be compiled yet", None)
            }
            other => self.fail_at(node, "unknown-attribute", format!("`datetime` has no `{other}`"), None),
        }
    }

    /// `datetime.date.name`: a constant, or a function to be called.
    pub fn datetime_class_member(&mut self, class: &str, name: &str) -> Thing {
        let class = format!("datetime.{class}");
        match CONSTANTS.iter().find(|(known, constant, _, _)| *known == class && *constant == name) {
            Some((_, _, result, numbers)) => {
                let numbers: Vec<Val> = numbers.iter().map(|number| self.int(*number)).collect();
                let val = match numbers.as_slice() {
                    [one] => one.clone(),
                    several => self.tuple(several),
                };
                Thing::Val(self.object_of(result, val))
            }
            None => Thing::Static(Static::Member(class, name.to_owned())),
        }
    }

    /// A call of a class, or (with a name) of one of its class methods or of a method as a function.
    pub fn call_datetime(&mut self, class: &str, name: &str, arguments: CallArguments) -> Lowered<Val> {
        if let Some((_, _, function, takes, result)) =
            CLASS_FUNCTIONS.iter().find(|(known, method, _, _, _)| *known == class && *method == name)
        {
            let arguments = self.datetime_arguments(name, *takes, arguments)?;
            return self.datetime_call(function, Vec::new(), arguments, result);
        }
        match name {
            "strptime" if class == DATETIME => self.strptime(arguments),
            "now" | "today" | "utcnow" => self.fail(
                "unsupported-function",
                format!("`{name}` gives another value each time, so it cannot be compiled"),
                Some("pass the moment as an argument".to_owned()),
            ),
            "fromtimestamp" | "utcfromtimestamp" => self.fail(
                "unsupported-function",
                format!("`{name}` depends on the time zone of the machine, so it cannot be compiled"),
                Some("add a `timedelta` to a `datetime`".to_owned()),
            ),
            _ => {
                let mut vals = self.plain_arguments(name, arguments)?.into_iter();
                match vals.next() {
                    Some(object) if datetime_class(object.ty()) == Some(class) => {
                        let rest: Vec<Val> = vals.collect();
                        self.datetime_method(&object, name, &rest, &[])
                    }
                    _ => self.fail("unsupported-method", format!("`{class}.{name}` cannot be compiled"), None),
                }
            }
        }
    }

    /// `object.name(args)`.
    pub fn datetime_method(
        &mut self,
        object: &Val,
        name: &str,
        args: &[Val],
        keywords: &[(String, Val)],
    ) -> Lowered<Val> {
        let class = datetime_class(object.ty()).unwrap_or_default();
        let found = METHODS.iter().find(|(known, method, _, _, _)| *known == class && *method == name);
        let Some((_, _, function, takes, result)) = found else {
            if CLASS_FUNCTIONS.iter().any(|(known, method, _, _, _)| *known == class && *method == name) {
                let positional = args.iter().cloned().map(Thing::Val).collect();
                let keywords = keywords.iter().map(|(name, val)| (name.clone(), Thing::Val(val.clone()))).collect();
                return self.call_datetime(class, name, CallArguments { positional, keywords });
            }
            let help = (name == "timestamp").then(|| "subtract another `datetime`".to_owned());
            return self.fail("unsupported-method", format!("`{class}.{name}` cannot be compiled"), help);
        };
        let positional = args.iter().cloned().map(Thing::Val).collect();
        let keywords = keywords.iter().map(|(name, val)| (name.clone(), Thing::Val(val.clone()))).collect();
        let arguments = self.datetime_arguments(name, *takes, CallArguments { positional, keywords })?;
        let numbers = self.fields(object);
        self.datetime_call(function, numbers, arguments, result)
    }

    /// `object.name`.
    pub fn datetime_attribute(&mut self, object: &Val, name: &str) -> Lowered<Val> {
        let class = datetime_class(object.ty()).unwrap_or_default();
        if class == DELTA
            && let Some(index) = fields_of(DELTA).iter().position(|field| *field == name)
        {
            return Ok(self.field(object, index));
        }
        if let Some((_, _, function)) =
            ATTRIBUTES.iter().find(|(known, attribute, _)| *known == class && *attribute == name)
        {
            let numbers = self.fields(object);
            return self.datetime_call(function, numbers, CallArguments::default(), "");
        }
        match (class, name) {
            (DATETIME | TIME, "tzinfo") => return Ok(self.none()),
            (DATETIME | TIME, "fold") => return Ok(self.int(0)),
            _ => {}
        }
        if let Thing::Val(constant) =
            self.datetime_class_member(class.trim_start_matches("datetime.").to_owned().as_str(), name)
        {
            return Ok(constant);
        }
        self.clash_of(
            ExcKind::AttributeError,
            "unknown-attribute",
            format!("'{class}' object has no attribute '{name}'"),
        )
    }

    /// `left op right` where one of them is an object of this module.
    pub fn datetime_binary(&mut self, op: Operator, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let name = |val: &Val| match (datetime_class(val.ty()), val.ty()) {
            (Some(class), _) => class,
            (None, ty) if is_integer(ty) => "int",
            _ => "",
        };
        let (a, b) = (name(left), name(right));
        if !is_class(a) && !is_class(b) {
            return Ok(None);
        }
        let find = |a: &str, b: &str| OPERATORS.iter().find(|row| row.0 == op && row.1 == a && row.2 == b);
        // `+` and `*` take their operands in any order.
        let swapped = matches!(op, Operator::Add | Operator::Mult) && find(a, b).is_none();
        let (first, second) = if swapped { (right, left) } else { (left, right) };
        let found = if swapped { find(b, a) } else { find(a, b) };
        let Some((_, _, _, function, result)) = found else {
            let by_float = a == DELTA && *right.ty() == Type::Float || b == DELTA && *left.ty() == Type::Float;
            if by_float && matches!(op, Operator::Mult | Operator::Div) {
                return self.fail(
                    "unsupported-operation",
                    "a `timedelta` and a `float` cannot be multiplied or divided in compiled code yet",
                    Some("make a new `timedelta` of `total_seconds()`".to_owned()),
                );
            }
            return Ok(None);
        };
        let mut numbers = self.fields(first);
        if is_class(if swapped { a } else { b }) {
            numbers.extend(self.fields(second));
        } else {
            numbers.push(self.as_int(second)?);
        }
        self.datetime_call(function, numbers, CallArguments::default(), result).map(Some)
    }

    /// `left op right` of two objects; `None` when there is no order between them.
    pub fn datetime_compare(&mut self, op: CmpOp, left: &Val, right: &Val) -> Lowered<Option<Val>> {
        let (a, b) = (datetime_class(left.ty()), datetime_class(right.ty()));
        let is_order = matches!(op, CmpOp::Lt | CmpOp::LtE | CmpOp::Gt | CmpOp::GtE);
        let is_equality = matches!(op, CmpOp::Eq | CmpOp::NotEq);
        match (a, b) {
            (Some(a), Some(b)) if a == b && (is_order || is_equality) => {
                let (left, right) = (self.fields(left), self.fields(right));
                let (left, right) = (self.tuple(&left), self.tuple(&right));
                self.compare(op, &left, &right).map(Some)
            }
            (Some(DATE), Some(DATETIME)) | (Some(DATETIME), Some(DATE)) if is_order => {
                let message = format!("can't compare {} to {}", a.unwrap_or_default(), b.unwrap_or_default());
                self.clash(message)
            }
            (Some(_), _) | (_, Some(_)) if is_equality => Ok(Some(self.bool(op == CmpOp::NotEq))),
            _ => Ok(None),
        }
    }

    /// `bool(object)`: only a `timedelta` can be false.
    pub fn datetime_truth(&mut self, object: &Val) -> Val {
        if datetime_class(object.ty()) != Some(DELTA) {
            return self.bool(true);
        }
        let mut bits = self.int(0);
        for field in self.fields(object) {
            bits = self.prim(Prim::IntOr, &[&bits, &field]);
        }
        let zero = self.int(0);
        self.prim(Prim::IntNe, &[&bits, &zero])
    }
}
