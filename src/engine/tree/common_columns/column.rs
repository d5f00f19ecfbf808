//! The columns of joins, as `*` and names find them.

use std::collections::HashMap;

use datafusion::arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{
    DataType as SqlType, Expr, Ident, ObjectName, SelectItem, SelectItemQualifiedWildcardKind,
    WildcardAdditionalOptions,
};

use crate::dialect::cast;
use crate::error::{Error, ErrorKind, Result};

/// A column that `*` stands for.
#[derive(Clone)]
pub(super) enum Column {
    Known {
        name: String,
        value: Box<Expr>,
        data_type: DataType,
        common: bool,
    },
    /// All those of a relation that cannot be asked by itself.
    All(ObjectName),
}

impl Column {
    pub(super) fn is(&self, wanted: &str) -> bool {
        matches!(self, Self::Known { name, .. } if name == wanted)
    }

    pub(super) fn value(&self) -> Option<&Expr> {
        match self {
            Self::Known { value, .. } => Some(value),
            Self::All(_) => None,
        }
    }

    pub(super) fn item(self) -> SelectItem {
        match self {
            Self::Known { name, value, .. } => match *value {
                expr @ (Expr::Function(_) | Expr::Cast { .. }) => {
                    SelectItem::ExprWithAlias { expr, alias: quoted(&name) }
                }
                column => SelectItem::UnnamedExpr(column),
            },
            Self::All(name) => SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                WildcardAdditionalOptions::default(),
            ),
        }
    }
}

/// How far a number's type reaches; 0 for all others.
pub(super) fn width(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Int16 => 1,
        DataType::Int32 => 2,
        DataType::Int64 => 3,
        DataType::Decimal128(..) => 4,
        DataType::Float32 => 5,
        DataType::Float64 => 6,
        _ => 0,
    }
}

/// A common column beside one of the other side, whose type may be the wider of both.
pub(super) fn as_wide_as(value: Expr, of_value: &DataType, beside: &DataType) -> Expr {
    let wider = match beside {
        _ if width(beside) <= width(of_value) => None,
        DataType::Int32 => Some(SqlType::Integer(None)),
        DataType::Int64 => Some(SqlType::BigInt(None)),
        DataType::Float32 => Some(SqlType::Real),
        DataType::Float64 => Some(SqlType::DoublePrecision),
        _ => None,
    };
    match wider {
        Some(data_type) => cast(value, data_type),
        None => value,
    }
}

pub(super) fn quoted(name: &str) -> Ident {
    Ident::with_quote('"', name)
}

pub(super) fn natural(left: &[Column], right: &[Column]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for column in left {
        match column {
            Column::Known { name, .. } if right.iter().any(|other| other.is(name)) => names.push(name.clone()),
            Column::Known { .. } => {}
            Column::All(name) => return Err(unknown(&name.to_string())),
        }
    }
    match right.iter().find(|column| matches!(column, Column::All(_))) {
        Some(Column::All(name)) => Err(unknown(&name.to_string())),
        _ => Ok(names),
    }
}

fn unknown(relation: &str) -> Error {
    Error::new(
        ErrorKind::FeatureNotSupported,
        format!("USING or NATURAL with {relation}, which depends on its neighbors, is not supported"),
    )
    .with_hint("join with ON")
}

/// The one column of that name on a side of a join.
pub(super) fn one(columns: &[Column], wanted: &str, side: &str) -> Result<(Expr, DataType)> {
    let mut found = columns.iter().filter(|column| column.is(wanted));
    match (found.next(), found.next()) {
        (Some(Column::Known { value, data_type, .. }), None) => Ok((value.as_ref().clone(), data_type.clone())),
        (Some(_), Some(_)) => Err(Error::new(
            ErrorKind::AmbiguousColumn,
            format!("common column name \"{wanted}\" appears more than once in {side} table"),
        )),
        _ => match columns.iter().find(|column| matches!(column, Column::All(_))) {
            Some(Column::All(name)) => Err(unknown(&name.to_string())),
            _ => Err(Error::new(
                ErrorKind::UndefinedColumn,
                format!("column \"{wanted}\" specified in USING clause does not exist in {side} table"),
            )),
        },
    }
}

/// The common columns that their names alone stand for.
pub(super) fn common(columns: &[Column]) -> HashMap<String, Expr> {
    let known = columns.iter().filter_map(|column| match column {
        Column::Known { name, value, common: true, .. } => Some((name, value)),
        _ => None,
    });
    known
        .filter(|(name, _)| columns.iter().filter(|column| column.is(name)).count() == 1)
        .map(|(name, value)| (name.clone(), value.as_ref().clone()))
        .collect()
}
