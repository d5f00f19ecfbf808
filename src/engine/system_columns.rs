//! What tables have beside their columns: `tableoid`, `ctid`, `xmin`, `cmin`, `xmax`, `cmax`. Tools that open a table without a
//! primary key ask for `ctid` to tell its rows apart; those that look for what has changed compare `xmin`.
//!
//! `ctid` is a row's file, as a number made of its path, and the row's place in it: the same in every release in which the
//! file is the table's, and never that of a row in another file, but for one chance in thousands of millions. `xmin` is the version of the table,
//! of a catalog the release: a row that was changed has another, and so have rows that were not.
//!
//! Only where a statement names them ([`super::tree::system_columns`]): other plans do not carry them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Neg;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::array::{AsArray, StringViewBuilder};
use datafusion::arrow::datatypes::{DataType, Int32Type, Int64Type};
use datafusion::catalog::TableProvider;
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::{Column, TableReference, internal_err};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result as DataFusionResult;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::{
    ColumnarValue, Expr, LogicalPlanBuilder, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TableSource,
    Volatility, cast, lit,
};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::Statement;

use super::execute::of_relation;
use super::names::Relation;
use super::planner::Planner;
use super::tree::system_columns::{named, with_system_columns};
use super::{SessionInfo, errors};
use crate::catalog::{Object, ObjectKind};
use crate::error::Result;
use crate::pgcatalog::SYSTEM_COLUMNS;
use crate::pgtypes::{PG_TYPE_KEY, Type};
use crate::table::{FILE_COLUMN, ROW_COLUMN, Snapshot};

/// Rows that one number stands for: as many as a `ctid` of PostgreSQL counts on one page.
const ROWS_OF_PAGE: i64 = 65_535;

impl Planner {
    /// Opens the tables of the statement once more, with the system columns that it names.
    ///
    /// # Errors
    /// As opening the tables.
    pub(super) async fn add_system_columns(
        &self,
        statement: &Statement,
        tables: &mut HashMap<TableReference, Arc<dyn TableSource>>,
    ) -> Result<()> {
        let named = named(statement);
        if named.is_empty() {
            return Ok(());
        }
        let references: Vec<TableReference> = tables.keys().cloned().collect();
        for reference in references {
            let Some(source) = tables.get(&reference).cloned() else { continue };
            let has = |name: &&str| source.schema().column_with_name(name).is_some();
            if named.iter().all(has) {
                continue;
            }
            let wanted: Vec<&str> = named.iter().copied().filter(|name| !has(name)).collect();
            let view = match self.relation(&reference) {
                Ok(Relation::Object(object)) => match &object.kind {
                    ObjectKind::Table { .. } => Some(self.table_with(&object, source, &wanted).await?),
                    _ => None,
                },
                Ok(Relation::Provider(_)) => {
                    let known = self.metadata().relation_named(&reference.to_string(), self.search_path());
                    let release = SessionInfo::of(self.state().config_options()).map_or(0, SessionInfo::release);
                    let known = known.filter(|known| known.kind == "r");
                    known.map(|known| numbered(source, known.oid, release, &wanted)).transpose()?
                }
                Err(_) => None,
            };
            if let Some(view) = view {
                tables.insert(with_system_columns(&reference), provider_as_source(view));
            }
        }
        Ok(())
    }

    async fn table_with(
        &self,
        object: &Object,
        source: Arc<dyn TableSource>,
        wanted: &[&str],
    ) -> Result<Arc<dyn TableProvider>> {
        let snapshot = self.scope().snapshot(object).await?;
        // rows that are not written yet are in no file
        if wanted.contains(&"ctid") && snapshot.is_plain() && self.scope().buffered(object).is_none() {
            let schema = source.schema();
            let columns: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
            return placed(&snapshot, object, &columns, wanted);
        }
        numbered(source, object.oid, version_of(&snapshot), wanted)
    }
}

fn version_of(snapshot: &Snapshot) -> i64 {
    i64::try_from(snapshot.version()).unwrap_or(i64::MAX)
}

/// The named columns of the table, and behind them system columns.
///
/// # Errors
/// `0A000` for a table that only delta-rs can read.
pub(super) fn placed(
    snapshot: &Snapshot,
    object: &Object,
    columns: &[&str],
    wanted: &[&str],
) -> Result<Arc<dyn TableProvider>> {
    let source = provider_as_source(snapshot.placed(None)?);
    let place = RowPlace::of(snapshot)?.call(vec![named_column(FILE_COLUMN), named_column(ROW_COLUMN)]);
    let plan = LogicalPlanBuilder::scan("t", source, None).and_then(|scan| {
        let system = wanted.iter().map(|name| value(name, object.oid, version_of(snapshot), &place));
        let own = columns.iter().map(|name| named_column(name));
        of_relation(scan.project(own.chain(system))?.build()?, object.oid)
    });
    Ok(Arc::new(ViewTable::new(plan.map_err(errors::from_datafusion)?, None)))
}

/// The relation with system columns behind its own, its rows numbered as they come.
fn numbered(source: Arc<dyn TableSource>, oid: u32, version: i64, wanted: &[&str]) -> Result<Arc<dyn TableProvider>> {
    let plan = LogicalPlanBuilder::scan("t", source, None).and_then(|scan| {
        let own: Vec<Expr> = scan.schema().columns().into_iter().map(Expr::Column).collect();
        let number = row_number();
        let (scan, place) = match wanted.contains(&"ctid") {
            true => {
                let nth = cast(named_column(&number.schema_name().to_string()), DataType::Int64) - lit(1_i64);
                let place = RowPlace { blocks: Arc::new([0]) }.call(vec![lit(0_i32), nth]);
                (scan.window([number])?, place)
            }
            false => (scan, lit(ScalarValue::Utf8View(None))),
        };
        let system = wanted.iter().map(|name| value(name, oid, version, &place));
        of_relation(scan.project(own.into_iter().chain(system))?.build()?, oid)
    });
    Ok(Arc::new(ViewTable::new(plan.map_err(errors::from_datafusion)?, None)))
}

/// The number that a system column has in every table.
pub(super) fn number(name: &str) -> Option<i16> {
    let place = SYSTEM_COLUMNS.iter().position(|known| *known == name)?;
    i16::try_from(place + 1).ok().map(Neg::neg)
}

fn named_column(name: &str) -> Expr {
    Expr::Column(Column::new_unqualified(name))
}

/// A system column.
fn value(name: &str, oid: u32, version: i64, place: &Expr) -> Expr {
    let (value, pg_type) = match name {
        "ctid" => (place.clone(), Type::TID),
        "tableoid" => (lit(oid.cast_signed()), Type::OID),
        "xmin" => (lit(i32::try_from(version.rem_euclid(1 << 31)).unwrap_or_default()), Type::XID),
        "xmax" => (lit(0_i32), Type::XID),
        _ => (lit(0_i32), Type::CID),
    };
    let named = HashMap::from([(PG_TYPE_KEY.to_owned(), pg_type.name().to_owned())]);
    value.alias_with_metadata(name, Some(FieldMetadata::from(named)))
}

/// The file of a row by its number in the snapshot, and the row's place in it, as a `ctid`.
#[derive(Debug, PartialEq, Eq, Hash)]
struct RowPlace {
    /// A number of each file of the snapshot.
    blocks: Arc<[u32]>,
}

impl RowPlace {
    fn of(snapshot: &Snapshot) -> Result<Self> {
        let number = |file| {
            let mut hasher = DefaultHasher::new();
            snapshot.file_path(file)?.as_ref().hash(&mut hasher);
            Ok((hasher.finish() >> 32) as u32)
        };
        Ok(Self { blocks: (0..snapshot.files()).map(number).collect::<Result<_>>()? })
    }

    fn call(self, args: Vec<Expr>) -> Expr {
        ScalarUDF::from(self).call(args)
    }
}

impl ScalarUDFImpl for RowPlace {
    fn name(&self) -> &str {
        "lakewire_ctid"
    }
    fn signature(&self) -> &Signature {
        static SIGNATURE: LazyLock<Signature> =
            LazyLock::new(|| Signature::exact(vec![DataType::Int32, DataType::Int64], Volatility::Immutable));
        &SIGNATURE
    }
    fn return_type(&self, _types: &[DataType]) -> DataFusionResult<DataType> {
        Ok(DataType::Utf8View)
    }
    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> DataFusionResult<ColumnarValue> {
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let [files, rows] = arrays.as_slice() else { return internal_err!("a place is a file and a row") };
        let (files, rows) = (files.as_primitive::<Int32Type>(), rows.as_primitive::<Int64Type>());
        let mut places = StringViewBuilder::with_capacity(rows.len());
        for (file, row) in files.iter().zip(rows) {
            let block = file.and_then(|file| self.blocks.get(usize::try_from(file).ok()?));
            let place = block.zip(row).map(|(block, row)| {
                let page = u32::try_from(row / ROWS_OF_PAGE).unwrap_or(u32::MAX);
                format!("({},{})", block.wrapping_add(page), row % ROWS_OF_PAGE + 1)
            });
            places.append_option(place);
        }
        Ok(ColumnarValue::Array(Arc::new(places.finish())))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{ArrayRef, Int32Array, Int64Array};
    use datafusion::arrow::datatypes::Field;
    use datafusion::config::ConfigOptions;

    use super::*;

    #[test]
    fn a_place_is_a_file_and_a_row_on_pages_of_65535() {
        let files: ArrayRef = Arc::new(Int32Array::from(vec![Some(0), Some(1), Some(1), Some(1), None]));
        let rows: ArrayRef = Arc::new(Int64Array::from(vec![0, 0, 65_534, 65_535, 0]));
        let args = ScalarFunctionArgs {
            args: vec![ColumnarValue::Array(files), ColumnarValue::Array(rows)],
            arg_fields: Vec::new(),
            number_rows: 5,
            return_field: Arc::new(Field::new("ctid", DataType::Utf8View, true)),
            config_options: Arc::new(ConfigOptions::new()),
        };
        let place = RowPlace { blocks: Arc::new([7, u32::MAX]) };
        let ColumnarValue::Array(places) = place.invoke_with_args(args).unwrap() else { panic!("an array") };
        let places: Vec<_> = places.as_string_view().iter().collect();
        let expected = ["(7,1)", "(4294967295,1)", "(4294967295,65535)", "(0,1)"];
        assert_eq!(places, [&expected.map(Some)[..], &[None]].concat());
    }
}
