//! What indexes are made of, by PostgreSQL's own rows: access methods, operator classes, collations.

use std::sync::LazyLock;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::Int32Type;

use super::postgres;
use super::routines::implicit_casts;
use crate::pgtypes::{self, Type};

/// A way to keep an index, and what such an index may be.
#[derive(Debug, PartialEq, Eq)]
pub struct Method {
    pub oid: u32,
    pub name: &'static str,
    pub can_order: bool,
    pub can_be_unique: bool,
    pub takes_many: bool,
    pub takes_included: bool,
}

const fn method_of(oid: u32, name: &'static str, [order, unique, many, included]: [bool; 4]) -> Method {
    Method { oid, name, can_order: order, can_be_unique: unique, takes_many: many, takes_included: included }
}

const METHODS: [Method; 6] = [
    method_of(403, "btree", [true, true, true, true]),
    method_of(405, "hash", [false, false, false, false]),
    method_of(783, "gist", [false, false, true, true]),
    method_of(2742, "gin", [false, false, true, false]),
    method_of(3580, "brin", [false, false, true, false]),
    method_of(4000, "spgist", [false, false, false, true]),
];

const HASH: u32 = 405;

/// The access method of a name.
pub fn method(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|method| method.name == name)
}

/// An operator class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    pub oid: u32,
    method: u32,
    pub name: &'static str,
    /// The type it is for.
    input: u32,
    is_default: bool,
    /// What an index keeps of it; 0: the same.
    key: u32,
}

static CLASSES: LazyLock<Vec<Class>> =
    LazyLock::new(|| postgres::rows("pg_catalog", "pg_opclass").and_then(classes).unwrap_or_default());

fn classes(rows: &'static RecordBatch) -> Option<Vec<Class>> {
    let numbers = |name: &str| Some(rows.column_by_name(name)?.as_primitive_opt::<Int32Type>()?.values());
    let (oids, methods, inputs) = (numbers("oid")?, numbers("opcmethod")?, numbers("opcintype")?);
    let (keys, names) = (numbers("opckeytype")?, rows.column_by_name("opcname")?.as_string_opt::<i32>()?);
    let defaults = rows.column_by_name("opcdefault")?.as_boolean_opt()?;
    let unsigned = |number: i32| u32::try_from(number).unwrap_or_default();
    let class = |at: usize| Class {
        oid: unsigned(oids[at]),
        method: unsigned(methods[at]),
        name: names.value(at),
        input: unsigned(inputs[at]),
        is_default: defaults.value(at),
        key: unsigned(keys[at]),
    };
    Some((0..rows.num_rows()).map(class).collect())
}

/// The class of that name, whatever it is for.
pub fn class_named(method: &Method, name: &str) -> Option<Class> {
    CLASSES.iter().find(|class| class.method == method.oid && class.name == name).copied()
}

/// The class that keys of a type have where none is named: the type's own, else one of a type that it is taken for.
pub fn default_class(method: &Method, key: &Type) -> Option<Class> {
    let of_method = CLASSES.iter().filter(|class| class.method == method.oid && class.is_default);
    let fitting: Vec<&Class> = of_method.filter(|class| class.takes(key)).collect();
    let own = fitting.iter().find(|class| class.input == key.oid());
    let preferred = || fitting.iter().find(|class| Type::from_oid(class.input) == Some(Type::TEXT));
    own.or_else(preferred).or(fitting.first()).map(|class| **class)
}

impl Class {
    /// Whether keys of the type may have it.
    pub fn takes(&self, key: &Type) -> bool {
        let is_array = || key.name().starts_with('_');
        match Type::from_oid(self.input) {
            Some(Type::ANY | Type::ANYELEMENT) => true,
            Some(Type::ANYARRAY) => is_array(),
            _ => self.input == key.oid() || is_coercible(key.oid(), self.input),
        }
    }

    /// The type of what an index keeps of a key of this type.
    pub fn kept(&self, key: &Type) -> Option<Type> {
        match Type::from_oid(self.key) {
            // what is hashed
            _ if self.method == HASH => Some(Type::INT4),
            Some(Type::ANYELEMENT) => pgtypes::element_of(key),
            kept => kept,
        }
    }
}

/// Whether values of one type are those of the other as they are.
fn is_coercible(from: u32, to: u32) -> bool {
    static CASTS: LazyLock<std::collections::HashSet<(u32, u32)>> = LazyLock::new(implicit_casts);
    let text = |oid: u32| {
        matches!(Type::from_oid(oid), Some(Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::INET | Type::CIDR))
    };
    if to == Type::OID.oid() {
        return Type::from_oid(from).is_some_and(|from| pgtypes::is_reg(&from));
    }
    text(from) && text(to) && CASTS.contains(&(from, to)) && from != Type::BPCHAR.oid()
}

/// The collation that values of a type have; 0 where they have none.
pub fn type_collation(oid: u32) -> u32 {
    postgres::type_collation(oid)
}

/// The collation of a name.
pub fn collation(name: &str) -> Option<u32> {
    let rows = postgres::rows("pg_catalog", "pg_collation")?;
    let names = rows.column_by_name("collname")?.as_string_opt::<i32>()?;
    let at = names.iter().position(|known| known == Some(name))?;
    let oids = rows.column_by_name("oid")?.as_primitive_opt::<Int32Type>()?;
    u32::try_from(oids.value(at)).ok()
}

/// What a column of an index is called that is an expression: after its function, if it is a call of one.
pub fn key_name(key: &str) -> String {
    let name = key.split('(').next().unwrap_or_default();
    if name.is_empty() { "expr".to_owned() } else { name.rsplit('.').next().unwrap_or(name).to_lowercase() }
}

/// What is said of one key of an index: `COLLATE "C" text_pattern_ops DESC NULLS LAST`, each part perhaps not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyOption {
    pub collation: Option<String>,
    pub class: Option<String>,
    pub descends: bool,
    pub nulls_first: bool,
}

impl KeyOption {
    /// As [`Self::to_string`] writes it.
    pub fn parse(text: &str) -> Self {
        let mut option = Self::default();
        let mut rest = text.trim();
        if let Some(named) = rest.strip_prefix("COLLATE ") {
            let end = match named.strip_prefix('"') {
                Some(quoted) => quoted.find("\" ").map_or(named.len(), |end| end + 2),
                None => named.find(' ').unwrap_or(named.len()),
            };
            option.collation = Some(named[..end].trim_matches('"').replace("\"\"", "\""));
            rest = named[end..].trim();
        }
        let (class, order) = match rest.split_once(' ') {
            Some((first, order)) if first != "DESC" && first != "NULLS" => (Some(first), order),
            None if !rest.is_empty() && rest != "DESC" => (Some(rest), ""),
            _ => (None, rest),
        };
        option.class = class.map(str::to_owned);
        option.descends = order.starts_with("DESC");
        option.nulls_first =
            if option.descends { !order.ends_with("NULLS LAST") } else { order.ends_with("NULLS FIRST") };
        option
    }
}

impl std::fmt::Display for KeyOption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let collation = self.collation.as_deref().map(|name| format!("COLLATE {}", crate::names::quote_ident(name)));
        let nulls = match (self.descends, self.nulls_first) {
            (false, true) => Some("NULLS FIRST"),
            (true, false) => Some("NULLS LAST"),
            _ => None,
        };
        let words = [collation.as_deref(), self.class.as_deref(), self.descends.then_some("DESC"), nulls];
        f.write_str(&words.into_iter().flatten().collect::<Vec<_>>().join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_the_class_of_their_type() {
        let of =
            |name: &str, key: Type| default_class(method(name).unwrap(), &key).map(|class| (class.name, class.oid));
        assert_eq!(of("btree", Type::VARCHAR), Some(("text_ops", 3126)));
        assert_eq!(of("btree", Type::INT4), Some(("int4_ops", 1978)));
        assert_eq!(of("gin", Type::INT4_ARRAY).map(|(name, _)| name), Some("array_ops"));
        assert_eq!((of("gin", Type::TEXT), of("gist", Type::INT4)), (None, None));
        let hashed = default_class(method("hash").unwrap(), &Type::TEXT).unwrap();
        assert_eq!(hashed.kept(&Type::TEXT), Some(Type::INT4));
        let pattern = class_named(method("btree").unwrap(), "text_pattern_ops").unwrap();
        assert!(pattern.takes(&Type::VARCHAR) && !pattern.takes(&Type::INT4));
        assert_eq!(collation("C"), Some(950));
    }

    #[test]
    fn what_is_said_of_a_key_is_read_as_it_is_written() {
        for text in [
            "",
            "DESC",
            "NULLS FIRST",
            "DESC NULLS LAST",
            "COLLATE \"C\" text_pattern_ops DESC",
            "x_ops",
            "COLLATE \"de DE\" NULLS FIRST",
            "COLLATE ucs_basic",
            "COLLATE \"a\"\"b\" DESC",
        ] {
            assert_eq!(KeyOption::parse(text).to_string(), text);
        }
        let option = KeyOption::parse("COLLATE \"C\" DESC");
        assert_eq!((option.collation.as_deref(), option.descends, option.nulls_first), (Some("C"), true, true));
    }
}
