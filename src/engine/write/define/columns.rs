//! Columns as they are declared: PostgreSQL's types as Delta stores them, with what announces them; defaults, generated
//! and identity columns.

use std::ops::ControlFlow;

use datafusion::arrow::datatypes::{Field, FieldRef, Schema};
use datafusion::sql::sqlparser::ast::{
    self, ArrayElemTypeDef, CharacterLength, ColumnOption, DataType as SqlType, ExactNumberInfo, GeneratedAs,
    TimezoneInfo, VisitMut, VisitorMut,
};

use super::super::{Change, unsupported};
use super::alterations::check_compression;
use super::constraints::Constraints;
use super::expressions::{self, Place};
use super::index_keys::settled_collation;
use super::sequences;
use crate::catalog::Column;
use crate::dialect::{self, folded, key_clauses};
use crate::engine::sql_types::{digits_modifier, interval_modifier};
use crate::engine::tree::system_columns;
use crate::error::{Error, ErrorKind, Result};
use crate::pgtypes;
use crate::table::ColumnDefinition;

/// A declared column.
pub(super) struct Declared {
    pub field: Field,
    pub definition: ColumnDefinition,
}

impl Declared {
    pub fn name(&self) -> &str {
        self.field.name()
    }

    pub fn pg_type(&self) -> pgtypes::Type {
        pgtypes::column_type(&announced(&self.field, &self.definition).field())
    }
}

/// The expression as it was written, but for the words that PostgreSQL tells in capitals, `CURRENT_DATE`, and the names of
/// types, which it tells in small letters.
pub(super) fn as_written(expr: &ast::Expr) -> String {
    struct Words;
    impl VisitorMut for Words {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
            if let ast::Expr::Cast { data_type, .. } = expr
                && !matches!(data_type, SqlType::Custom(..))
            {
                let name = ast::Ident::new(data_type.to_string().to_lowercase());
                *data_type = SqlType::Custom(ast::ObjectName::from(vec![name]), Vec::new());
            }
            if let ast::Expr::Function(function) = expr
                && matches!(function.args, ast::FunctionArguments::None)
                && let Some(ast::ObjectNamePart::Identifier(word)) = function.name.0.last_mut()
            {
                word.value.make_ascii_uppercase();
            }
            ControlFlow::Continue(())
        }
    }
    let mut told = expr.clone();
    let _ = told.visit(&mut Words);
    told.to_string()
}

/// A declared type.
struct Type {
    /// What the planner is asked for.
    stored: SqlType,
    pg_type: Option<&'static str>,
    modifier: Option<i32>,
    serial: bool,
}

/// The column, its constraints put with the table's.
pub(super) fn declared(change: &Change, column: &ast::ColumnDef, constraints: &mut Constraints) -> Result<Declared> {
    let name = folded(&column.name);
    if system_columns::NAMES.contains(&name.as_str()) {
        let message = format!("column name \"{name}\" conflicts with a system column name");
        return Err(Error::new(ErrorKind::DuplicateColumn, message));
    }
    let (field, mut definition, serial) = typed(change, &name, &column.data_type)?;
    let announced = announced(&field, &definition);
    let mut not_null = false;
    if serial {
        definition.default = Some(sequences::of_serial(change, constraints.relation(), &field)?);
        not_null = true;
    }
    for option in &column.options {
        let given = option.name.as_ref().map(folded);
        match &option.option {
            ColumnOption::Null => {}
            ColumnOption::Collation(collation) => check_collation(change, collation, &announced)?,
            ColumnOption::NotNull => not_null = true,
            ColumnOption::Comment(text) if key_clauses(text).is_some() => {
                let clauses = key_clauses(text).unwrap_or_default();
                match &clauses.compression {
                    Some(method) => check_compression(&announced, method)?,
                    None => constraints.key_clauses(change, &clauses)?,
                }
            }
            ColumnOption::Default(ast::Expr::Value(value)) if value.value == ast::Value::Null => {}
            ColumnOption::Default(value) => {
                expressions::check(value, Place::Default)?;
                expressions::check_literal(&announced, value)?;
                definition.default = Some(sequences::default_of(change, value)?);
            }
            ColumnOption::Check(check) => {
                constraints.check(given.or_else(|| check.name.as_ref().map(folded)), &check.expr, Some(&name))?;
            }
            ColumnOption::PrimaryKey(_) => {
                not_null = true;
                constraints.primary_key(given, vec![name.clone()])?;
            }
            ColumnOption::Unique(_) => constraints.unique(given, vec![name.clone()], false, &[])?,
            ColumnOption::ForeignKey(key) => constraints.foreign_key(change, given, vec![name.clone()], key)?,
            ColumnOption::Generated { generation_expr: Some(value), .. } => {
                expressions::check(value, Place::Generated)?;
                expressions::check_literal(&announced, value)?;
                definition.generated = Some(value.to_string())
            }
            ColumnOption::Generated { generated_as, generation_expr: None, sequence_options, .. } => {
                sequences::make_for(change, constraints.relation(), &field, sequence_options.as_deref())?;
                let by = if *generated_as == GeneratedAs::ByDefault { "by default" } else { "always" };
                definition.identity = Some(by.to_owned());
                not_null = true;
            }
            other => return Err(unsupported(&format!("{other} of column \"{name}\""))),
        }
    }
    check_contradictions(column, serial, &name, constraints.table())?;
    if definition.default.is_some() && (definition.generated.is_some() || definition.identity.is_some()) {
        let what = if definition.generated.is_some() { "generation expression" } else { "identity" };
        let message =
            format!("both default and {what} specified for column \"{name}\" of table \"{}\"", constraints.table());
        return Err(Error::new(ErrorKind::SyntaxError, message));
    }
    if definition.identity.is_some() {
        check_identity(&field)?;
    }
    Ok(Declared { field: field.with_nullable(!not_null), definition })
}

/// # Errors
/// `42704` for a collation there is not, `42804` for a type that has none.
fn check_collation(change: &Change, name: &ast::ObjectName, column: &Column) -> Result<()> {
    // PostgreSQL makes one of each of ICU's locales, and of those that its machine has
    if name.0.last().and_then(|part| part.as_ident()).is_some_and(|name| dialect::is_locale(&name.value)) {
        change.notice("00000", format!("COLLATE {name} has no effect: texts are compared by their bytes"));
        return Ok(());
    }
    settled_collation(name, &pgtypes::column_type(&column.field())).map(drop)
}

/// The column as the catalogs would tell it.
fn announced(field: &Field, definition: &ColumnDefinition) -> Column {
    let ColumnDefinition { pg_type, modifier, .. } = definition.clone();
    Column { pg_type, modifier, ..Column::new(field.name(), field.data_type().clone(), true) }
}

/// # Errors
/// `42601` for a column of which one thing and its contrary is said, or one thing twice.
fn check_contradictions(column: &ast::ColumnDef, serial: bool, name: &str, table: &str) -> Result<()> {
    let count = |is_it: fn(&ColumnOption) -> bool| column.options.iter().filter(|known| is_it(&known.option)).count();
    let nulls = count(|option| matches!(option, ColumnOption::Null));
    let not_nulls = count(|option| matches!(option, ColumnOption::NotNull));
    let defaults = count(|option| matches!(option, ColumnOption::Default(_)));
    let identities = count(|option| matches!(option, ColumnOption::Generated { generation_expr: None, .. }));
    let what = match () {
        () if nulls > 0 && (not_nulls > 0 || serial || identities > 0) => "conflicting NULL/NOT NULL declarations",
        () if defaults + usize::from(serial) > 1 => "multiple default values specified",
        () if identities > 1 => "multiple identity specifications",
        () => return Ok(()),
    };
    Err(Error::new(ErrorKind::SyntaxError, format!("{what} for column \"{name}\" of table \"{table}\"")))
}

/// # Errors
/// `22023` for a column that cannot number itself.
pub(super) fn check_identity(column: &Field) -> Result<()> {
    match column.data_type().is_integer() {
        true => Ok(()),
        false => {
            let message = "identity column type must be smallint, integer, or bigint";
            Err(Error::new(ErrorKind::InvalidParameter, message))
        }
    }
}

/// A name and a type as a column: stored as what, announced as what, and whether it numbers itself.
pub(super) fn typed(change: &Change, name: &str, sql_type: &SqlType) -> Result<(Field, ColumnDefinition, bool)> {
    let Type { stored, pg_type, modifier, serial } = stored_as(sql_type)?;
    let named = ast::ColumnDef { name: ast::Ident::with_quote('"', name), data_type: stored, options: Vec::new() };
    let schema: Schema = change.planner.columns(vec![named]).map_err(|error| unknown_type(sql_type, error))?;
    let field: FieldRef =
        schema.fields().first().cloned().ok_or_else(|| Error::internal("a column was lost in planning its type"))?;
    let known = field.metadata();
    let definition = ColumnDefinition {
        pg_type: pg_type.map(str::to_owned).or_else(|| known.get(crate::pgtypes::PG_TYPE_KEY).cloned()),
        modifier: modifier.or_else(|| known.get(crate::pgtypes::TYPE_MODIFIER_KEY)?.parse().ok()),
        ..ColumnDefinition::default()
    };
    Ok((Field::new(name, field.data_type().clone(), true), definition, serial))
}

fn unknown_type(sql_type: &SqlType, error: Error) -> Error {
    match sql_type {
        SqlType::Custom(name, _) => Error::new(
            ErrorKind::UndefinedObject,
            format!("type \"{}\" does not exist", name.to_string().to_lowercase()),
        )
        .with_source(error),
        _ => error,
    }
}

fn stored_as(sql_type: &SqlType) -> Result<Type> {
    let plain = |stored: SqlType| Type { stored, pg_type: None, modifier: None, serial: false };
    let text = |pg_type, modifier| Type { stored: SqlType::Text, pg_type: Some(pg_type), modifier, serial: false };
    let serial = |stored| Type { stored, pg_type: None, modifier: None, serial: true };
    Ok(match sql_type {
        SqlType::Varchar(length)
        | SqlType::CharacterVarying(length)
        | SqlType::CharVarying(length)
        | SqlType::Nvarchar(length) => text("varchar", modifier_of(length.as_ref(), None, "varchar")?),
        SqlType::Char(length) | SqlType::Character(length) => {
            text("bpchar", modifier_of(length.as_ref(), Some(1), "char")?)
        }
        SqlType::JSON => text("json", None),
        SqlType::JSONB => text("jsonb", None),
        SqlType::Uuid => text("uuid", None),
        SqlType::Numeric(ExactNumberInfo::None)
        | SqlType::Decimal(ExactNumberInfo::None)
        | SqlType::Dec(ExactNumberInfo::None) => Type { modifier: Some(-1), ..plain(sql_type.clone()) },
        SqlType::Numeric(ExactNumberInfo::Precision(precision))
        | SqlType::Numeric(ExactNumberInfo::PrecisionAndScale(precision, _))
        | SqlType::Decimal(ExactNumberInfo::Precision(precision))
        | SqlType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, _))
            if *precision > 38 =>
        {
            return Err(unsupported(&format!("numeric with {precision} digits"))
                .with_hint("Delta tables hold numerics of up to 38 digits: numeric(38, 10)"));
        }
        SqlType::Float(ExactNumberInfo::Precision(bits)) if !(1..54).contains(bits) => {
            let why = if *bits == 0 { "at least 1 bit" } else { "less than 54 bits" };
            return Err(Error::new(ErrorKind::InvalidParameter, format!("precision for type float must be {why}")));
        }
        SqlType::Numeric(ExactNumberInfo::Precision(0))
        | SqlType::Numeric(ExactNumberInfo::PrecisionAndScale(0, _)) => {
            let message = "NUMERIC precision 0 must be between 1 and 1000";
            return Err(Error::new(ErrorKind::InvalidParameter, message));
        }
        SqlType::Timestamp(Some(digits), zone) => Type {
            modifier: i32::try_from(*digits).ok(),
            pg_type: Some(match zone {
                TimezoneInfo::Tz | TimezoneInfo::WithTimeZone => "timestamptz",
                _ => "timestamp",
            }),
            ..plain(SqlType::Timestamp(None, *zone))
        },
        SqlType::Time(Some(digits), zone @ (TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)) => {
            Type { modifier: Some(digits_modifier(*digits)), ..plain(SqlType::Time(None, *zone)) }
        }
        SqlType::Interval { fields, precision } => Type {
            modifier: interval_modifier(fields.as_ref(), *precision),
            ..plain(SqlType::Interval { fields: None, precision: None })
        },
        SqlType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => {
            let Type { stored, pg_type, modifier, .. } = stored_as(element)?;
            let pg_type = pg_type.and_then(array_name);
            Type { pg_type, modifier, ..plain(SqlType::Array(ArrayElemTypeDef::SquareBracket(Box::new(stored), None))) }
        }
        SqlType::Custom(name, _) => match name.to_string().to_lowercase().as_str() {
            "serial" | "serial4" => serial(SqlType::Integer(None)),
            "bigserial" | "serial8" => serial(SqlType::BigInt(None)),
            "smallserial" | "serial2" => serial(SqlType::SmallInt(None)),
            "bpchar" => text("bpchar", None),
            "name" => text("name", None),
            "\"char\"" => text("char", None),
            _ => plain(sql_type.clone()),
        },
        _ => plain(sql_type.clone()),
    })
}

/// The name of the arrays of a type that its Arrow type does not tell.
fn array_name(element: &str) -> Option<&'static str> {
    Some(match element {
        "varchar" => "_varchar",
        "bpchar" => "_bpchar",
        "json" => "_json",
        "jsonb" => "_jsonb",
        "uuid" => "_uuid",
        _ => return None,
    })
}

/// PostgreSQL counts four bytes of header.
fn modifier_of(length: Option<&CharacterLength>, default: Option<i32>, kind: &str) -> Result<Option<i32>> {
    let length = match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(i32::try_from(*length).unwrap_or(i32::MAX)),
        Some(CharacterLength::Max) => None,
        None => default,
    };
    match length {
        Some(0) => Err(Error::new(ErrorKind::InvalidParameter, format!("length for type {kind} must be at least 1"))),
        Some(length) if length > 10_485_760 => {
            Err(Error::new(ErrorKind::InvalidParameter, format!("length for type {kind} cannot exceed 10485760")))
        }
        other => Ok(other.map(|length| length + 4)),
    }
}

/// What a value is cast to, to be stored in a column of the type.
pub(super) fn stored_name(sql_type: &SqlType) -> Result<String> {
    Ok(stored_as(sql_type)?.stored.to_string())
}
