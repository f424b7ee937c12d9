//! Classes of exceptions that carry what they were made with, each below a class without methods and with its name: where they
//! stand in the table of exceptions. Knows nothing of when they are made.

use ir::ExcClass;

use crate::specialise::Compiler;

impl Compiler<'_> {
    /// The class below a class of exceptions without methods whose exceptions carry what they were made with, and the number of the
    /// class of the objects that hold that. `None` where there is no room for it.
    pub fn carrier_of(&mut self, class: ExcClass) -> Option<(ExcClass, usize)> {
        let key = match class {
            ExcClass::Builtin(kind) => Ok(kind),
            ExcClass::Own(index) => Err(*self.classes.exception_numbers.get(usize::from(index))?),
        };
        let name = self.exceptions().raised(class).name().to_owned();
        let number = self.objects.meet_carrier(key, &name);
        let position = self.classes.exception_numbers.iter().position(|known| *known == number);
        let carrier = match position.and_then(|position| u8::try_from(position).ok()) {
            Some(index) => ExcClass::Own(index),
            None => self.own_exception(number, &name, class, vec![class]),
        };
        (carrier != class).then_some((carrier, number))
    }

    /// Every such class that is known of, the most special last.
    pub fn carriers(&mut self) -> Vec<(ExcClass, usize)> {
        self.meet_all_classes();
        let mut found = Vec::new();
        for key in self.objects.carriers() {
            let class = match key {
                Ok(kind) => Some(ExcClass::Builtin(kind)),
                Err(number) => self.known_class(number).and_then(|class| self.own_exception_of(&class)),
            };
            found.extend(class.and_then(|class| self.carrier_of(class)));
        }
        found
    }
}
