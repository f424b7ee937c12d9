//! What a class statement says of an enumeration. Which values its members have, and what is done with them, is
//! `lower::enums`.

use crate::classes::{ClassKind, Meaning, is_sunder};
use crate::parse::ast::{self, Expr, Ranged, Stmt};
use crate::specialise::Compiler;

/// What the members of an enumeration are beside members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Members {
    Plain,
    /// `IntEnum`.
    Int,
    /// `class C(str, Enum)`.
    Str,
    /// `StrEnum`, whose text is the value.
    Text,
}

impl Compiler<'_> {
    /// What the members of `class C(str, Enum)` and `class C(int, Enum)` are.
    pub(crate) fn mixin(&self, number: usize, node: &ast::StmtClassDef) -> Option<Members> {
        let [Expr::Name(mixin), base] = node.bases() else { return None };
        let is_own = self.function(number).is_some_and(|source| source.bindings.contains_key(mixin.id.as_str()));
        match (mixin.id.as_str(), self.meaning(number, base)) {
            ("str", Some(Meaning::Member("enum", "Enum"))) if !is_own => Some(Members::Str),
            ("int", Some(Meaning::Member("enum", "Enum"))) if !is_own => Some(Members::Int),
            _ => None,
        }
    }

    /// Whether the program has an enumeration whose members are numbers or texts as well.
    pub fn has_mixed_members(&self) -> bool {
        let met = self.classes.known.values().flatten().flatten();
        met.into_iter().any(|class| matches!(class.kind, ClassKind::Enum(Members::Int | Members::Str | Members::Text)))
    }
}

/// A method of an enumeration that changes what its members are.
pub(crate) fn refused_of_enum(node: &ast::StmtClassDef) -> Option<ast::TextRange> {
    const OWN: &[&str] = &["__init__", "__new__", "__eq__", "__ne__", "__hash__", "__bool__", "__len__", "__getitem__"];
    node.body.iter().find_map(|stmt| match stmt {
        Stmt::FunctionDef(def) if OWN.contains(&def.name.as_str()) || is_sunder(def.name.as_str()) => {
            Some(def.name.range())
        }
        Stmt::AnnAssign(assign) => Some(assign.range),
        _ => None,
    })
}
