//! With what exceptions of classes without methods were made. Mostly the text tells. Where it does not, and the program asks, an
//! exception is of a class of its own below the one that it was made of: nobody sees that class, it has the name of the
//! one above it, and its exceptions carry an object with the arguments.

use std::rc::Rc;

use ir::{ExcClass, ExcKind, Op, Prim, Type};

use super::caught::Caught;
use super::dispatch::Dispatch;
use super::{Lowered, Lowerer, Stop, Val};
use crate::classes::ARGS;
use crate::objects::Asked;

/// Python's classes whose exceptions compiled code raises without an argument.
const SILENT: &[ExcKind] =
    &[ExcKind::StopIteration, ExcKind::MemoryError, ExcKind::GeneratorExit, ExcKind::KeyboardInterrupt];

type OfArguments<'l, 'c, 'p> = &'l mut dyn FnMut(&mut Lowerer<'c, 'p>, Val) -> Lowered<Val>;
type OfOther<'l, 'c, 'p> = &'l mut dyn FnMut(&mut Lowerer<'c, 'p>, &Val, Caught<'p>) -> Lowered<Val>;

impl<'c, 'p> Lowerer<'c, 'p> {
    /// An exception that carries its arguments, where somebody asks for them and the text does not tell.
    pub fn exception_with_arguments(&mut self, class: ExcClass, vals: &[Val]) -> Lowered<Option<Val>> {
        if self.compiler.objects.asked() == Asked::Nothing || self.text_tells(class, vals) {
            return Ok(None);
        }
        let Some((carrier, number)) = self.compiler.carrier_of(class) else {
            return self.fail("unsupported-class", "the program has too many classes of exceptions", None);
        };
        let text = match self.exception_message(class, vals)? {
            Some(text) => text,
            None => self.str(""),
        };
        let object = self.new_object_of(number)?;
        let args = self.tuple(vals);
        self.store_field(&object, ARGS, &args)?;
        Ok(Some(self.emit(Op::ExceptionNew(carrier), &[&text, &object], Type::Exception)))
    }

    fn text_tells(&self, class: ExcClass, vals: &[Val]) -> bool {
        let table = self.compiler.exceptions();
        let kind = table.builtin(class);
        if ExcKind::OURS.contains(&kind) {
            return true;
        }
        let is_silent = SILENT.iter().any(|silent| kind.is_subclass_of(*silent));
        let is_key = table.is_subclass(class, ExcKind::KeyError.into());
        matches!(vals, [val] if *val.ty() == Type::Str) && !is_silent && !is_key
    }

    /// Ends control flow with an exception made with these arguments.
    pub fn raise_made(&mut self, class: ExcClass, vals: &[Val]) -> Lowered<()> {
        match self.exception_with_arguments(class, vals)? {
            Some(made) => self.reraise(&made),
            None => {
                let message = self.exception_message(class, vals)?;
                self.raise_with(class, message.as_ref());
            }
        }
        Ok(())
    }

    /// Lowers what is asked of the arguments of an exception: `carried` where it carries them, else `other`.
    pub fn each_way_made(
        &mut self,
        exception: &Val,
        carried: OfArguments<'_, 'c, 'p>,
        other: OfOther<'_, 'c, 'p>,
    ) -> Lowered<Val> {
        let carriers = self.compiler.carriers();
        self.compiler.close_exceptions();
        let (caught, place) = (exception.clone(), self.place);
        let named = self.caught.get(&exception.id).cloned();
        let mut state = Dispatch::default();
        for (class, number) in carriers {
            let table = self.compiler.exceptions();
            let is_named = |named: &Rc<[ExcClass]>| named.iter().any(|named| table.is_subclass(class, *named));
            let known = self.compiler.objects.class(number).map(|known| known.name.clone());
            let Some(name) = known.filter(|_| named.as_ref().is_none_or(is_named)) else { continue };
            self.at_place(place);
            let is = self.is_exception(&caught, &[class]);
            let (taken, rest) = self.branch(&is)?;
            self.continue_at(taken);
            let object = self.emit(Op::ExceptionObject(class), &[&caught], Type::Object(name));
            self.one_branch(&mut state, |lowerer| match lowerer.get_field(&object, ARGS)? {
                Some(args) => carried(lowerer, args),
                None => Err(Stop::Failed),
            });
            self.continue_at(rest);
        }
        self.at_place(place);
        self.one_branch(&mut state, |lowerer| {
            lowerer.each_class(&caught, false, &mut |lowerer, class| other(lowerer, &caught, class))
        });
        self.finish_dispatch(state, place)
    }

    /// Whether an exception that carries no arguments was made with none.
    fn is_silent(&mut self, exception: &Val, text: &Val) -> Val {
        let silent: Vec<ExcClass> = SILENT.iter().map(|kind| ExcClass::Builtin(*kind)).collect();
        let is_silent = self.is_exception(exception, &silent);
        let (nothing, no) = (self.str(""), self.bool(false));
        let is_empty = self.prim(Prim::StrEq, &[text, &nothing]);
        self.select(&is_empty, &is_silent, &no)
    }

    /// `args` of an exception that carries none: the text, or nothing.
    pub fn text_arguments(&mut self, exception: &Val) -> Lowered<Val> {
        let text = self.emit(Op::ExceptionMessage, &[exception], Type::Str);
        let always_silent = |named: &Rc<[ExcClass]>| {
            named.iter().all(|class| SILENT.iter().any(|silent| *class == ExcClass::Builtin(*silent)))
        };
        if self.caught.get(&exception.id).is_some_and(always_silent) {
            return Ok(self.tuple(&[]));
        }
        let is_silent = self.is_silent(exception, &text);
        self.leave_if(&is_silent, "args")?;
        Ok(self.tuple(&[text]))
    }

    /// `repr` of an exception that carries no arguments.
    pub fn repr_by_text(&mut self, exception: &Val) -> Lowered<Val> {
        self.not_of(exception, &[ExcKind::UnicodeError.into()], "repr")?;
        let text = self.emit(Op::ExceptionMessage, &[exception], Type::Str);
        let (is_silent, nothing) = (self.is_silent(exception, &text), self.str(""));
        // The text of a `KeyError` is the `repr` of the key.
        let is_key = self.is_exception(exception, &[ExcKind::KeyError.into()]);
        let quoted = self.repr_of(&text)?;
        let shown = self.select(&is_key, &text, &quoted);
        let shown = self.select(&is_silent, &nothing, &shown);
        let name = self.exception_name(exception);
        let name = self.concat_text(&name, "(");
        let shown = self.prim(Prim::StrConcat, &[&name, &shown]);
        Ok(self.concat_text(&shown, ")"))
    }

    /// `repr` of an exception that was made with these arguments.
    pub fn repr_of_made(&mut self, exception: &Val, args: &Val) -> Lowered<Val> {
        let (name, shown) = (self.exception_name(exception), self.repr_of_arguments(args)?);
        Ok(self.prim(Prim::StrConcat, &[&name, &shown]))
    }

    /// The arguments as they stand behind the name of the class.
    fn repr_of_arguments(&mut self, args: &Val) -> Lowered<Val> {
        self.each_variant(args, &mut |lowerer, args| match lowerer.fields(&args).as_slice() {
            [only] => {
                let (open, shown) = (lowerer.str("("), lowerer.repr_of(only)?);
                let shown = lowerer.prim(Prim::StrConcat, &[&open, &shown]);
                Ok(lowerer.concat_text(&shown, ")"))
            }
            _ => lowerer.repr_of(&args),
        })
    }

    /// What an operation gives that raises `KeyError` where there is no such key: who asks for `args` gets the key.
    pub fn with_key_as_argument(
        &mut self,
        key: &Val,
        operation: &mut dyn FnMut(&mut Self) -> Lowered<Val>,
    ) -> Lowered<Val> {
        if self.compiler.objects.asked() != Asked::Arguments {
            return operation(self);
        }
        self.value_or_rescue(operation, &mut |lowerer| {
            lowerer.raise_made(ExcKind::KeyError.into(), std::slice::from_ref(key))?;
            Err(Stop::Dead)
        })
    }
}
