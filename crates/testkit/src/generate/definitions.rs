//! What stands around the main function: constants, classes, helpers, generators, recursion. Each adds the forms by which
//! expressions use it.

use std::sync::Arc;

use super::Writer;
use super::forms::Form;
use super::kind::Kind;

impl Writer {
    /// Adds a form of this program.
    pub(super) fn form(&mut self, line: &str) {
        self.forms.push(Arc::new(Form::parse(line)));
        // A program without these forms may have had as many.
        self.fitting.clear();
    }

    /// The definitions of a program, each once in a while.
    pub(super) fn definitions(&mut self) {
        for _ in 0..self.random.below(3) {
            if self.random.one_in(3) {
                self.constant();
            }
        }
        if self.random.one_in(6) {
            self.exception_class();
        }
        if self.random.one_in(4) {
            match self.random.below(3) {
                0 => self.record_class(true),
                1 => self.record_class(false),
                _ => self.object_class(),
            }
        }
        if self.random.one_in(4) {
            self.helper();
        }
        if self.random.one_in(8) {
            self.generator();
        }
        if self.random.one_in(8) {
            self.recursion();
        }
        if self.random.one_in(8) {
            self.assigned_global();
        }
        if self.random.one_in(12) {
            self.memo();
        }
        if self.random.one_in(12) {
            self.trie();
        }
    }

    /// A variable of the module that a function assigns.
    fn assigned_global(&mut self) {
        let kind = Kind::scalar(&mut self.random);
        let value = self.argument(&kind);
        self.line(0, &format!("LAST = {value}"));
        self.lines.push(String::new());
        self.variables = vec![("LAST".to_string(), kind.clone()), ("q".to_string(), kind.clone())];
        let value = self.expression(&kind, 1);
        let value = self.capped(&kind, value);
        self.variables.clear();
        self.line(0, "def assign(q):");
        self.line(1, "global LAST");
        self.line(1, &format!("LAST = {value}"));
        let given = self.random.pick(&["LAST", "q"]);
        self.line(1, &format!("return {given}"));
        self.lines.push(String::new());
        self.form(&format!("{0} :: assign(${0})", kind.text()));
        self.globals.push(("LAST".to_string(), kind));
    }

    /// A dict of the module that is empty at first.
    fn memo(&mut self) {
        let (key, value) = (self.random.pick(&["int", "str", "bool"]), Kind::scalar(&mut self.random));
        self.line(0, "MEMO = {}");
        self.lines.push(String::new());
        self.line(0, "def remembered(k, v):");
        self.line(1, "if k not in MEMO:");
        self.line(2, "MEMO[k] = v");
        self.line(1, "return MEMO[k]");
        self.lines.push(String::new());
        self.form(&format!("{0} :: remembered(${key}, ${0})", value.text()));
        self.form("int :: len(MEMO)");
    }

    /// Dicts that hold dicts of their own kind.
    fn trie(&mut self) {
        for line in [
            "def trie(words, start):",
            "    root = {}",
            "    for word in words[:9]:",
            "        node = root",
            "        for letter in word[:9]:",
            "            node = node.setdefault(letter, {})",
            "        node[''] = {}",
            "    node = root",
            "    for letter in start[:9]:",
            "        if letter not in node:",
            "            return -1",
            "        node = node[letter]",
            "    return len(node) + 100 * ('' in node)",
            "",
        ] {
            self.line(0, line);
        }
        self.form("int :: trie($list[str], $str)");
    }

    /// A global value: a capture of the functions that read it.
    fn constant(&mut self) {
        let name = format!("G{}", self.globals.len());
        let kind =
            Kind::parse(self.random.pick(&["int", "float", "str", "list[int]", "tuple[int,str]", "list[float]"]));
        let value = self.argument(&kind);
        self.line(0, &format!("{name} = {value}"));
        self.lines.push(String::new());
        self.globals.push((name, kind));
    }

    fn exception_class(&mut self) {
        let base = self.random.pick(&["Exception", "ValueError", "KeyError", "ArithmeticError"]);
        self.line(0, &format!("class Problem({base}):"));
        self.has_parts = self.random.one_in(2);
        if self.has_parts {
            self.line(1, "def __init__(self, text, more=2):");
            if self.random.one_in(2) {
                self.line(2, "super().__init__(text)");
            }
            self.line(2, "self.text = text");
            self.line(2, "self.code = len(text) + more");
            self.lines.push(String::new());
            if self.random.one_in(3) {
                self.line(1, "def __str__(self):");
                self.line(2, "return f'{self.code}: {self.text}'");
                self.lines.push(String::new());
            }
            self.line(1, "def times(self, n):");
            self.line(2, "return self.code * n");
        } else {
            self.line(1, "pass");
        }
        self.lines.push(String::new());
        self.exceptions.push("Problem");
    }

    fn fields(&mut self) -> Vec<(String, Kind)> {
        let count = 1 + self.random.below(3);
        (0..count).map(|i| (format!("x{i}"), Kind::scalar(&mut self.random))).collect()
    }

    /// A named tuple or a dataclass that nobody changes: a value.
    fn record_class(&mut self, is_tuple: bool) {
        let number = self.classes.len();
        let (class, own) = (format!("R{number}"), format!("value_r{number}"));
        let fields = self.fields();
        let can_order = fields.iter().all(|(_, kind)| kind.is_ordered());
        let order = can_order && !is_tuple && self.random.one_in(2);
        if is_tuple {
            self.line(0, &format!("class {class}(NamedTuple):"));
        } else {
            let options = if order { "(frozen=True, order=True)" } else { "(frozen=True)" };
            self.line(0, &format!("@dataclass{options}"));
            self.line(0, &format!("class {class}:"));
        }
        for (name, kind) in &fields {
            self.line(1, &format!("{name}: {}", kind.text()));
        }
        self.method(&own, &fields);
        self.lines.push(String::new());
        let items: Vec<String> = fields.iter().map(|(_, kind)| format!("${}", kind.text())).collect();
        self.form(&format!("{own} = {class}({})", items.join(", ")));
        for (name, kind) in &fields {
            self.form(&format!("{} :: ${own}.{name}", kind.text()));
            if is_tuple {
                self.form(&format!("{own} :: ${own}._replace({name}=${})", kind.text()));
            }
        }
        self.form(&format!("str :: «str¦repr»(${own})"));
        if !fields.iter().any(|(_, kind)| kind.may_hold_nan()) {
            self.form(&format!("bool :: (${own} «==¦!=» ${own})"));
            self.form(&format!("int :: len({{${own}, ${own}}})"));
        }
        if order || (is_tuple && can_order) {
            self.form(&format!("bool :: (${own} «<¦>=» ${own})"));
            self.form(&format!("list[{own}] :: sorted([${own}, ${own}, ${own}])"));
        }
        self.classes.push((own, class, fields));
    }

    /// A method that reads the fields.
    fn method(&mut self, own: &str, fields: &[(String, Kind)]) {
        let result = Kind::scalar(&mut self.random);
        let param = Kind::scalar(&mut self.random);
        self.variables = fields.iter().map(|(name, kind)| (format!("self.{name}"), kind.clone())).collect();
        self.variables.push(("q".to_string(), param.clone()));
        let value = self.expression(&result, 1);
        self.variables.clear();
        self.lines.push(String::new());
        self.line(1, "def look(self, q):");
        self.line(2, &format!("return {value}"));
        self.form(&format!("{} :: ${own}.look(${})", result.text(), param.text()));
    }

    /// A class whose instances change.
    fn object_class(&mut self) {
        let number = self.classes.len();
        let (class, own) = (format!("C{number}"), format!("object_c{number}"));
        let mut fields = self.fields();
        fields.push(("seen".to_string(), Kind::List(Box::new(Kind::scalar(&mut self.random)))));
        self.line(0, &format!("class {class}:"));
        self.line(1, "made = 0");
        let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
        self.line(1, &format!("def __init__(self, {}):", names.join(", ")));
        for name in &names {
            self.line(2, &format!("self.{name} = {name}"));
        }
        self.line(2, &format!("{class}.made += 1"));
        self.line(2, "self.__own = x0");
        self.lines.push(String::new());
        self.line(1, "def own(self):");
        self.line(2, "return self.__own");
        self.method(&own, &fields);
        let (name, kind) = fields[self.random.below(fields.len() - 1)].clone();
        self.variables = fields.iter().map(|(name, kind)| (format!("self.{name}"), kind.clone())).collect();
        self.variables.push(("q".to_string(), kind.clone()));
        let value = self.expression(&kind, 1);
        let value = self.capped(&kind, value);
        self.variables.clear();
        self.lines.push(String::new());
        self.line(1, "def change(self, q):");
        self.line(2, &format!("self.{name} = {value}"));
        self.line(2, &format!("return self.{name}"));
        self.lines.push(String::new());
        let items: Vec<String> = fields.iter().map(|(_, kind)| format!("${}", kind.text())).collect();
        self.form(&format!("{own} = {class}({})", items.join(", ")));
        self.form(&format!("{} :: ${own}!.change(${})", kind.text(), kind.text()));
        for (name, kind) in &fields {
            self.form(&format!("{} :: ${own}.{name}", kind.text()));
        }
        self.form(&format!("bool :: (${own}! is ${own}!)"));
        self.form(&format!("int :: {class}.made"));
        self.form(&format!("int :: len({{${own}, ${own}!, $1}})"));
        self.form(&format!("int :: {{${own}!: 1, ${own}!: 2}}[$1]"));
        self.form(&format!("{0} :: list(map(${own}!.change, [${0}, ${0}]))[«0¦1»]", kind.text()));
        self.form(&format!("{} :: ${own}!.own()", fields[0].1.text()));
        self.child_class(&class, &own, &fields);
        self.classes.push((own, class, fields));
    }

    /// A class that derives from one whose instances change, with private names of its own.
    fn child_class(&mut self, parent: &str, own: &str, fields: &[(String, Kind)]) {
        let (class, own, kind) = (format!("{parent}X"), format!("{own}x"), Kind::scalar(&mut self.random));
        let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        self.line(0, &format!("class {class}({parent}):"));
        self.line(1, &format!("def __init__(self, {}, p):", names.join(", ")));
        self.line(2, &format!("super().__init__({})", names.join(", ")));
        self.line(2, "self.__own = p");
        self.lines.push(String::new());
        self.line(1, "def both(self):");
        self.line(2, "return self.__own, self.own()");
        self.lines.push(String::new());
        let items: Vec<String> = fields.iter().map(|(_, kind)| format!("${}", kind.text())).collect();
        self.form(&format!("{own} = {class}({}, ${})", items.join(", "), kind.text()));
        self.form(&format!("{} :: ${own}.both()[0]", kind.text()));
        self.form(&format!("{} :: ${own}!.both()[1]", fields[0].1.text()));
        self.form(&format!("bool :: isinstance(${own}, {parent})"));
    }

    /// One of the classes of the program.
    pub(super) fn class_kind(&mut self) -> Option<Kind> {
        let (name, ..) = self.classes.get(self.random.below(self.classes.len()))?;
        Some(Kind::Opaque(name.clone()))
    }

    /// A function that the main one calls: by position, by name, with a default.
    fn helper(&mut self) {
        let result = self.crossing_kind();
        let params: Vec<Kind> = (0..1 + self.random.below(2)).map(|_| self.crossing_kind()).collect();
        let names: Vec<String> = (0..params.len()).map(|i| format!("p{i}")).collect();
        self.variables = names.iter().cloned().zip(params.iter().cloned()).collect();
        self.variables.push(("k".to_string(), Kind::Int));
        let star = self.random.pick(&["", "*, "]);
        self.line(0, &format!("def g({}, {star}k=3):", names.join(", ")));
        self.result = Some(result.clone());
        for _ in 0..self.random.below(3) {
            self.statement(1);
        }
        let value = self.returned(0);
        self.result = None;
        self.variables.clear();
        self.line(1, &format!("return {value}"));
        self.lines.push(String::new());
        let args: Vec<String> = params.iter().map(|kind| format!("${}", kind.text())).collect();
        self.form(&format!("{} :: g({})", result.text(), args.join(", ")));
        self.form(&format!("{} :: g({}, k=$int)", result.text(), args.join(", ")));
        self.form(&format!("{} :: g(p0={})", result.text(), args.join(", p1=")));
    }

    /// A generator function.
    fn generator(&mut self) {
        let item = Kind::scalar(&mut self.random);
        let param = Kind::scalar(&mut self.random);
        self.line(0, "def many(p0, p1):");
        self.variables =
            vec![("p0".to_string(), param.clone()), ("p1".to_string(), Kind::Int), ("i".into(), Kind::Int)];
        let value = self.expression(&item, 2);
        let condition = self.expression(&Kind::Bool, 2);
        self.line(1, "for i in range(p1 % 6):");
        self.line(2, &format!("if {condition}:"));
        let end = self.random.pick(&["return", "continue", "break"]);
        self.line(3, end);
        self.line(2, &format!("yield {value}"));
        if self.random.one_in(3) {
            self.variables.retain(|(name, _)| name != "i");
            let value = self.expression(&item, 3);
            self.line(1, &format!("yield {value}"));
        }
        self.variables.clear();
        self.lines.push(String::new());
        self.form(&format!("iter[{}] :: many(${}, $int)", item.text(), param.text()));
    }

    /// A function that calls itself, not often.
    fn recursion(&mut self) {
        let kind = self.crossing_kind();
        self.variables = vec![("n".to_string(), Kind::Int), ("p".to_string(), kind.clone())];
        let end = self.expression(&kind, 2);
        let known = self.forms.len();
        self.form(&format!("{0} :: rec(n - 1, ${0})", kind.text()));
        self.form(&format!("{0} :: rec(n - 1, ${0})", kind.text()));
        let value = self.expression(&kind, 1);
        let value = self.capped(&kind, value);
        self.forms.truncate(known);
        self.fitting.clear();
        self.variables.clear();
        self.line(0, "def rec(n, p):");
        self.line(1, "if n <= 0:");
        self.line(2, &format!("return {end}"));
        self.line(1, &format!("return {value}"));
        self.lines.push(String::new());
        self.form(&format!("{0} :: rec($int % 3, ${0})", kind.text()));
    }

    /// A value that does not grow without bound when it is put back into what it is made of.
    pub(super) fn capped(&self, kind: &Kind, value: String) -> String {
        match kind {
            Kind::Str => format!("({value})[:40]"),
            Kind::List(_) | Kind::Bytes => format!("({value})[:9]"),
            _ => value,
        }
    }
}
