//! The keys of an index and what is said of it, checked as by PostgreSQL and put into the words that it tells them in.

use datafusion::sql::sqlparser::ast;

use super::super::{Change, unsupported};
use super::relations::plan;
use super::storage;
use super::tables::select_from;
use crate::catalog::{Column, Object};
use crate::dialect::folded;
use crate::error::{Error, ErrorKind, Result};
use crate::names::quote_ident;
use crate::pgcatalog::format_type;
use crate::pgcatalog::opclasses::{KeyOption, Method, class_named, collation, default_class, method, type_collation};
use crate::pgtypes::{self, Type};

/// A key: a column, or an expression of a type.
pub(super) struct Key {
    /// Of a column alone.
    pub column: Option<String>,
    /// In SQL.
    pub text: String,
    pub key_type: Type,
    /// What follows it, nothing where it is what holds anyway.
    pub option: String,
}

/// The method, where the index may be kept by it.
pub(super) fn settled_method(index: &ast::CreateIndex) -> Result<&'static Method> {
    let name = index.using.as_ref().map_or_else(|| "btree".to_owned(), |method| method.to_string().to_lowercase());
    let Some(method) = method(&name) else {
        let message = format!("access method \"{name}\" does not exist");
        return Err(Error::new(ErrorKind::UndefinedObject, message));
    };
    let lacks = [
        (index.unique && !method.can_be_unique, "unique indexes"),
        (!index.include.is_empty() && !method.takes_included, "included columns"),
        (index.columns.len() > 1 && !method.takes_many, "multicolumn indexes"),
    ];
    match lacks.iter().find(|(lacks, _)| *lacks) {
        Some((_, what)) => Err(not_offered(method, what)),
        None => Ok(method),
    }
}

fn not_offered(method: &Method, what: &str) -> Error {
    let message = format!("access method \"{}\" does not support {what}", method.name);
    Error::new(ErrorKind::FeatureNotSupported, message)
}

pub(super) async fn keys(
    change: &Change,
    table: &Object,
    method: &Method,
    index: &ast::CreateIndex,
) -> Result<Vec<Key>> {
    let mut keys = Vec::with_capacity(index.columns.len());
    for key in &index.columns {
        let (expr, collate) = without_collation(&key.column.expr);
        let column = match expr {
            ast::Expr::Identifier(name) => Some(folded(name)),
            _ => None,
        };
        let key_type = match column.as_ref().and_then(|name| table.columns.iter().find(|known| known.name == *name)) {
            Some(column) => pgtypes::column_type(&column.field()),
            None => {
                let planned = plan(change, &select_from(&table.name, &[format!("({expr})")])).await?;
                pgtypes::column_type(&Column::of_result(planned.schema().field(0)).field())
            }
        };
        let collation = collate.map(|name| settled_collation(name, &key_type)).transpose()?.flatten();
        let class = settled_class(method, key.operator_class.as_ref(), &key_type)?;
        let order = key.column.options;
        if !method.can_order {
            let said =
                [(order.asc.is_some(), "ASC/DESC options"), (order.nulls_first.is_some(), "NULLS FIRST/LAST options")];
            if let Some((_, what)) = said.iter().find(|(said, _)| *said) {
                return Err(not_offered(method, what));
            }
        }
        let descends = order.asc == Some(false);
        let option = KeyOption { collation, class, descends, nulls_first: order.nulls_first.unwrap_or(descends) };
        keys.push(Key { column, text: key_text(expr), key_type, option: option.to_string() });
    }
    Ok(keys)
}

/// The key, and the last of what COLLATE says of it.
fn without_collation(expr: &ast::Expr) -> (&ast::Expr, Option<&ast::ObjectName>) {
    match expr {
        ast::Expr::Collate { expr, collation } => (without_collation(expr).0, Some(collation)),
        ast::Expr::Nested(inner) if matches!(inner.as_ref(), ast::Expr::Collate { .. } | ast::Expr::Identifier(_)) => {
            without_collation(inner)
        }
        other => (other, None),
    }
}

/// The collation where it is not the one that such keys have anyway.
pub(super) fn settled_collation(name: &ast::ObjectName, key: &Type) -> Result<Option<String>> {
    let Some(named) = name.0.last().and_then(|part| part.as_ident()).map(folded) else {
        return Err(unsupported(&format!("COLLATE {name}")));
    };
    if type_collation(key.oid()) == 0 {
        let message = format!("collations are not supported by type {}", format_type(key.oid(), -1));
        return Err(Error::new(ErrorKind::DatatypeMismatch, message));
    }
    match collation(&named) {
        Some(oid) => Ok((oid != type_collation(key.oid())).then_some(named)),
        None => {
            let message = format!("collation \"{named}\" for encoding \"UTF8\" does not exist");
            Err(Error::new(ErrorKind::UndefinedObject, message))
        }
    }
}

/// The operator class where it is not the one that such keys have anyway.
fn settled_class(method: &Method, name: Option<&ast::ObjectName>, key: &Type) -> Result<Option<String>> {
    let default = default_class(method, key);
    let told = || format_type(key.oid(), -1);
    let Some(name) = name else {
        if default.is_some() {
            return Ok(None);
        }
        let message =
            format!("data type {} has no default operator class for access method \"{}\"", told(), method.name);
        return Err(Error::new(ErrorKind::UndefinedObject, message).with_hint(
            "You must specify an operator class for the index or define a default operator class for the data type.",
        ));
    };
    let named = name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
    let Some(class) = class_named(method, &named) else {
        let message = format!("operator class \"{named}\" does not exist for access method \"{}\"", method.name);
        return Err(Error::new(ErrorKind::UndefinedObject, message));
    };
    if !class.takes(key) {
        let message = format!("operator class \"{named}\" does not accept data type {}", told());
        return Err(Error::new(ErrorKind::DatatypeMismatch, message));
    }
    Ok((Some(class) != default).then_some(named))
}

/// A key in SQL: a column, a call, or another expression in parentheses.
fn key_text(expr: &ast::Expr) -> String {
    match expr {
        ast::Expr::Identifier(name) => quote_ident(&folded(name)),
        expr @ (ast::Expr::Function(_) | ast::Expr::Nested(_)) => expr.to_string(),
        other => format!("({other})"),
    }
}

/// What a storage parameter may be.
enum Parameter {
    Number(i64, i64),
    Boolean,
    Word(&'static [&'static str]),
}

/// The storage parameters of each method.
const PARAMETERS: &[(&str, &str, Parameter)] = &[
    ("btree", "fillfactor", Parameter::Number(10, 100)),
    ("btree", "deduplicate_items", Parameter::Boolean),
    ("hash", "fillfactor", Parameter::Number(10, 100)),
    ("gist", "fillfactor", Parameter::Number(10, 100)),
    ("gist", "buffering", Parameter::Word(&["on", "off", "auto"])),
    ("spgist", "fillfactor", Parameter::Number(10, 100)),
    ("gin", "fastupdate", Parameter::Boolean),
    ("gin", "gin_pending_list_limit", Parameter::Number(64, 2_147_483_647)),
    ("brin", "pages_per_range", Parameter::Number(1, 131_072)),
    ("brin", "autosummarize", Parameter::Boolean),
    ("heap", "fillfactor", Parameter::Number(10, 100)),
    ("heap", "parallel_workers", Parameter::Number(0, 1_024)),
    ("heap", "toast_tuple_target", Parameter::Number(128, 8_160)),
    ("heap", "user_catalog_table", Parameter::Boolean),
    ("view", "security_barrier", Parameter::Boolean),
    ("view", "security_invoker", Parameter::Boolean),
    ("view", "check_option", Parameter::Word(&["local", "cascaded"])),
];

/// `WITH (fillfactor = 70)` as `name=value`.
pub(super) fn parameters(change: &Change, method: &Method, with: &[ast::Expr]) -> Result<Vec<String>> {
    let one = |given: &ast::Expr| {
        let (name, value) = match given {
            ast::Expr::BinaryOp { left, op: ast::BinaryOperator::Eq, right } => match left.as_ref() {
                ast::Expr::Identifier(name) => (folded(name), value_text(right)),
                _ => return Err(unsupported(&format!("WITH ({given})"))),
            },
            ast::Expr::Identifier(name) => (folded(name), "true".to_owned()),
            other => return Err(unsupported(&format!("WITH ({other})"))),
        };
        if storage::check_option(change, &name, &value)? {
            return Ok(None);
        }
        check_parameter(method.name, &name, &value)?;
        Ok(Some(format!("{name}={value}")))
    };
    with.iter().filter_map(|given| one(given).transpose()).collect()
}

/// # Errors
/// `22023` for a storage parameter that there is not, or that may not be this.
pub(super) fn check_parameter(method: &str, name: &str, value: &str) -> Result<()> {
    match PARAMETERS.iter().find(|(of, known, _)| *of == method && *known == name) {
        Some((.., parameter)) => parameter.check(name, value),
        None => Err(Error::new(ErrorKind::InvalidParameter, format!("unrecognized parameter \"{name}\""))),
    }
}

impl Parameter {
    fn check(&self, name: &str, value: &str) -> Result<()> {
        let invalid = |message: String| Error::new(ErrorKind::InvalidParameter, message);
        match self {
            Self::Number(least, most) => match value.parse::<i64>() {
                Err(_) => Err(invalid(format!("invalid value for integer option \"{name}\": {value}"))),
                Ok(number) if !(*least..=*most).contains(&number) => {
                    Err(invalid(format!("value {value} out of bounds for option \"{name}\""))
                        .with_detail(format!("Valid values are between \"{least}\" and \"{most}\".")))
                }
                Ok(_) => Ok(()),
            },
            Self::Boolean if pgtypes::read_text(&Type::BOOL, value, &pgtypes::Style::default()).is_err() => {
                Err(invalid(format!("invalid value for boolean option \"{name}\": {value}")))
            }
            Self::Word(words) if !words.contains(&value) => {
                let detail = match words {
                    ["local", ..] => "Valid values are \"local\" and \"cascaded\".",
                    _ => "Valid values are \"on\", \"off\", and \"auto\".",
                };
                Err(invalid(format!("invalid value for enum option \"{name}\": {value}")).with_detail(detail))
            }
            Self::Boolean | Self::Word(_) => Ok(()),
        }
    }
}

pub(super) fn value_text(value: &ast::Expr) -> String {
    match value {
        ast::Expr::Value(value) => match &value.value {
            ast::Value::SingleQuotedString(text) => text.clone(),
            other => other.to_string().to_lowercase(),
        },
        ast::Expr::Identifier(ident) => folded(ident),
        other => other.to_string(),
    }
}
