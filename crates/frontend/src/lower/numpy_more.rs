//! Functions of `numpy` of which an argument says what they give: flags, modes, widths. What they do is in
//! `prelude/numpy_more.py`.

use ir::{Elem, Type};

use super::call::CallArguments;
use super::numpy_call::{Given, is_line};
use super::value::Static;
use super::{Lowered, Lowerer, Thing, Val};

impl Lowerer<'_, '_> {
    /// One of these functions; `None` of another.
    pub fn numpy_by_flags(&mut self, given: &Given) -> Lowered<Option<Val>> {
        Ok(Some(match given.name.as_str() {
            "unique" => self.unique(given)?,
            "convolve" => {
                let (a, v) = (self.given_array(given, "a")?, self.given_array(given, "v")?);
                match self.given_text(given, "mode", "full")?.as_str() {
                    "full" => self.numpy_library("convolve_1_1", &[&a, &v])?,
                    "valid" => self.numpy_library("convolve_valid", &[&a, &v])?,
                    "same" => self.numpy_library("convolve_same", &[&a, &v])?,
                    other => return self.other_mode("convolve", other),
                }
            }
            "pad" => self.pad(given)?,
            "tile" => {
                let reps = self.given_val(given, "reps")?;
                if !matches!(reps.ty(), Type::Tuple(items) if items.len() == 2) {
                    return Ok(None);
                }
                let array = self.given_array(given, "a")?;
                let counts = self.fields(&reps);
                let name = if is_line(&array) { "tile_pair_1" } else { "tile_pair_2" };
                self.numpy_library(name, &[&array, &counts[0], &counts[1]])?
            }
            "histogram" => {
                let array = self.given_array(given, "a")?;
                if !matches!(array.array_elem(), Some(Elem::F64 | Elem::I64)) {
                    let message = "`numpy.histogram` is compiled for arrays of `float64` and `int64`";
                    return self.fail("unsupported-argument", message, Some("convert with `astype(float)`".to_owned()));
                }
                return Ok(None);
            }
            "linalg.norm" => {
                let Some(keeps) = self.given_flag(given, "keepdims")? else { return Ok(None) };
                let reduced = self.library_call(given)?;
                if !keeps {
                    return Ok(Some(reduced));
                }
                let array = self.given_array(given, "x")?;
                self.with_kept_axes(&array, given.get("axis"), &reduced)?
            }
            _ => return Ok(None),
        }))
    }

    /// `np.maximum.accumulate(a)` and its like; `None` of what cannot be compiled.
    pub fn method_of_ufunc(&self, function: &str, method: &str) -> Option<&'static str> {
        Some(match (function, method) {
            ("maximum", "accumulate") => "accumulate_maximum",
            ("minimum", "accumulate") => "accumulate_minimum",
            _ => return None,
        })
    }

    pub fn call_accumulate(&mut self, name: &str, arguments: CallArguments) -> Lowered<Val> {
        let vals = self.plain_arguments("accumulate", arguments)?;
        let [subject] = vals.as_slice() else {
            return self.fail("wrong-arguments", "`accumulate` is compiled for one argument", None);
        };
        let array = self.as_array(subject)?;
        if !is_line(&array) {
            let message = "`accumulate` is compiled for arrays of one dimension";
            return self.fail("unsupported-argument", message, None);
        }
        self.numpy_library(name, &[&array])
    }

    fn unique(&mut self, given: &Given) -> Lowered<Val> {
        let array = self.given_array(given, "ar")?;
        let mut wanted = Vec::new();
        for flag in ["return_index", "return_inverse", "return_counts"] {
            if self.given_flag(given, flag)? == Some(true) {
                wanted.push(flag);
            }
        }
        let name = match (wanted.as_slice(), is_line(&array)) {
            ([], true) => "unique_1",
            ([], false) => "unique_2",
            (["return_index"], _) => "unique_index",
            (["return_counts"], _) => "unique_counts",
            (["return_inverse"], true) => "unique_inverse_1",
            _ => {
                let message = "`numpy.unique` cannot be compiled with these flags together";
                let help = Some("call it once for each of them".to_owned());
                return self.fail("unsupported-argument", message, help);
            }
        };
        self.numpy_library(name, &[&array])
    }

    fn pad(&mut self, given: &Given) -> Lowered<Val> {
        let array = self.given_array(given, "array")?;
        let mode = self.given_text(given, "mode", "constant")?;
        if mode != "constant" {
            return self.other_mode("pad", &mode);
        }
        let width = self.given_val(given, "pad_width")?;
        let (before, after) = match width.ty() {
            Type::Tuple(items) if is_line(&array) && items.as_slice() == [Type::Int, Type::Int] => {
                let fields = self.fields(&width);
                (fields[0].clone(), fields[1].clone())
            }
            Type::Int => (width.clone(), width.clone()),
            _ => {
                let message =
                    "`numpy.pad` is compiled for one width, and for a pair of them of arrays of one dimension";
                return self.fail("unsupported-argument", message, Some("write `pad_width=1`".to_owned()));
            }
        };
        let value = self.given_val(given, "constant_values")?;
        let value = if *value.ty() == Type::None { self.int(0) } else { value };
        if matches!(value.ty(), Type::Tuple(_) | Type::List(_) | Type::Array { .. }) {
            return self.fail("unsupported-argument", "`constant_values` is compiled for one value", None);
        }
        self.numpy_library(if is_line(&array) { "pad_1" } else { "pad_2" }, &[&array, &before, &after, &value])
    }

    /// A flag that is written in the text; `None` where it is not given.
    fn given_flag(&mut self, given: &Given, param: &str) -> Lowered<Option<bool>> {
        match given.get(param) {
            None | Some(Thing::Static(Static::Absent)) => Ok(None),
            Some(Thing::Val(val)) if val.known_bool().is_some() => Ok(val.known_bool()),
            Some(_) => {
                let message = format!("`{param}` must be a literal in compiled code");
                self.fail("unsupported-argument", message, Some(format!("write `{param}=True`")))
            }
        }
    }

    /// `np.round(a, decimals)`: ints stay what they are.
    pub fn rounded(&mut self, given: &Given) -> Lowered<Val> {
        let val = self.given_val(given, "a")?;
        let elem = match val.ty() {
            Type::Array { elem, .. } | Type::Np(elem) => *elem,
            Type::Int => Elem::I64,
            Type::Bool => Elem::Bool,
            _ => return self.library_call(given),
        };
        if elem.is_float() {
            return self.library_call(given);
        }
        let decimals = self.given_val(given, "decimals")?;
        let is_whole = *decimals.ty() == Type::None || decimals.known_int().is_some_and(|known| known >= 0);
        if elem == Elem::Bool || !is_whole {
            let message = "`numpy.round` of ints to tens and of bools cannot be compiled";
            return self.fail(
                "unsupported-argument",
                message,
                Some("convert with `float()` or `astype(float)`".to_owned()),
            );
        }
        match val.ty() {
            Type::Array { .. } => self.copy_of(&val),
            _ => self.as_element(&val, elem),
        }
    }

    fn given_text(&mut self, given: &Given, param: &str, default: &str) -> Lowered<String> {
        match given.get(param) {
            None => Ok(default.to_owned()),
            Some(Thing::Val(val)) if let Some(text) = val.known_str() => Ok(text.to_string()),
            Some(_) => self.fail("unsupported-argument", format!("`{param}` must be a literal in compiled code"), None),
        }
    }

    fn other_mode<T>(&mut self, name: &str, mode: &str) -> Lowered<T> {
        self.fail("unsupported-argument", format!("`numpy.{name}` cannot be compiled with the mode \"{mode}\""), None)
    }
}
