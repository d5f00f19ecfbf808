//! UNION, INTERSECT, EXCEPT and DISTINCT: columns of several queries of one type, and which of their values are equal.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DECIMAL256_MAX_PRECISION, DataType, Field, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, NullEquality};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, Placeholder};
use datafusion::logical_expr::{Distinct, Expr, Join, JoinType, LogicalPlan, LogicalPlanBuilder, Projection, Union};
use datafusion::optimizer::analyzer::type_coercion::TypeCoercionRewriter;
use datafusion::scalar::ScalarValue;

use super::choices::{becomes_timestamp, common, is_unpadded};
use super::{Operand, Typing};
use super::{casts, lengths};
use crate::pgfunctions::time::rewrite_casts;
use crate::pgtypes::{PG_TYPE_KEY, TYPE_MODIFIER_KEY, Type, column_modifier, column_type};

/// UNION: unknown literals of the inputs become what the other inputs have.
pub(super) fn union(typing: &Typing, node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Union(Union { inputs, schema }) = node else { return Ok(Transformed::no(node)) };
    let width = schema.fields().len();
    if inputs.iter().any(|input| input.schema().fields().len() != width) {
        return Ok(Transformed::no(LogicalPlan::Union(Union { inputs, schema })));
    }
    let mut inputs: Vec<LogicalPlan> = inputs.into_iter().map(Arc::unwrap_or_clone).collect();
    let mut changed = false;
    for column in 0..width {
        changed |= settle_column(typing, &mut inputs, column, "UNION")?.1;
        // lists whose items became narrower within
        let now = inputs.first().map(|input| input.schema().field(column).data_type());
        let before = schema.field(column).data_type();
        changed |= matches!(now, Some(now @ DataType::List(_)) if now != before);
    }
    let inputs = inputs.into_iter().map(Arc::new).collect::<Vec<_>>();
    if !changed {
        return Ok(Transformed::no(LogicalPlan::Union(Union { inputs, schema })));
    }
    Ok(Transformed::yes(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?)))
}

/// A union whose queries have one type for each column, which DataFusion brings them to later otherwise: for those who have to
/// know it at once.
pub(super) fn brought_to_one_type(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    match node {
        LogicalPlan::Union(union) => TypeCoercionRewriter::coerce_union(union).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    }
}

/// DISTINCT: of texts that are equal but for the blanks at their end, the shortest.
pub(super) fn distinct(rows: Arc<LogicalPlan>) -> Result<Transformed<LogicalPlan>> {
    let is_of_any_length = |field: &Field| is_of_any_length(&column_type(field), field);
    if !rows.schema().fields().iter().any(|field| is_of_any_length(field)) {
        return Ok(Transformed::no(LogicalPlan::Distinct(Distinct::All(rows))));
    }
    let columns: Vec<Expr> = rows.schema().columns().into_iter().map(Expr::Column).collect();
    let keys: Vec<Expr> = rows
        .schema()
        .fields()
        .iter()
        .zip(&columns)
        .map(|(field, column)| match is_of_any_length(field) {
            true => lengths::unpadded(column.clone()),
            false => column.clone(),
        })
        .collect();
    let order = keys.iter().chain(&columns).map(|key| key.clone().sort(true, false)).collect();
    let distinct = LogicalPlanBuilder::from(rows.as_ref().clone()).distinct_on(keys, columns, Some(order))?;
    distinct.build().map(Transformed::yes)
}

/// Whether equal values of the type may have more or fewer blanks at their end.
fn is_of_any_length(pg_type: &Type, field: &Field) -> bool {
    *pg_type == Type::BPCHAR && column_modifier(field) == -1
}

/// Whether the join stands for INTERSECT or EXCEPT: no other join of a statement has NULL equal to NULL.
pub(super) fn is_set_operation(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftAnti | JoinType::LeftSemi)
        && join.null_equality == NullEquality::NullEqualsNull
}

/// INTERSECT and EXCEPT: as [`union`], and DataFusion does not bring the columns to one type itself.
pub(super) fn set_operation(typing: &Typing, mut join: Join) -> Result<Transformed<LogicalPlan>> {
    let operation = if join.join_type == JoinType::LeftSemi { "INTERSECT" } else { "EXCEPT" };
    let (is_distinct, left) = match join.left.as_ref() {
        LogicalPlan::Distinct(Distinct::All(rows)) => (true, rows.as_ref().clone()),
        rows => (false, rows.clone()),
    };
    let mut inputs = vec![left, join.right.as_ref().clone()];
    let mut changed = false;
    for column in 0..join.schema.fields().len() {
        let (common, settled) = settle_column(typing, &mut inputs, column, operation)?;
        changed |= settled;
        let Some(common) = common else { continue };
        for input in inputs.iter_mut() {
            let given = input.schema().field(column).data_type();
            // numerics are compared as one that is wide enough for both
            if given == common.data_type() || given.is_decimal() && common.data_type().is_decimal() {
                continue;
            }
            *input = match common.data_type().is_decimal() && given.is_integer() {
                true => with_column(input, column, |expr, field, _| {
                    Ok(casts::widened(expr, field.data_type(), common.data_type()))
                })?,
                false => cast_column(input, column, &common)?,
            };
            changed = true;
        }
        let Some((left, right)) = join.on.get_mut(column) else { continue };
        let types = [0, 1].map(|side| inputs[side].schema().field(column).data_type().clone());
        if is_of_any_length(&column_type(&common), &common) {
            (*left, *right) = (lengths::unpadded(left.clone()), lengths::unpadded(right.clone()));
            changed = true;
        } else if let Some(wide) = wider(&types) {
            let wide_key = |key: &Expr| Expr::Cast(Cast::new(Box::new(key.clone()), wide.clone()));
            (*left, *right) = (wide_key(left), wide_key(right));
            changed = true;
        }
    }
    if !changed {
        return Ok(Transformed::no(LogicalPlan::Join(join)));
    }
    let (right, left) = (inputs.pop().map(Arc::new), inputs.pop());
    let left = left.map(|rows| match is_distinct {
        true => Arc::new(LogicalPlan::Distinct(Distinct::All(Arc::new(rows)))),
        false => Arc::new(rows),
    });
    let (left, right) = (left.unwrap_or(join.left), right.unwrap_or(join.right));
    let (kind, constraint, nulls) = (join.join_type, join.join_constraint, join.null_equality);
    let joined = Join::try_new(left, right, join.on, join.filter, kind, constraint, nulls, join.null_aware)?;
    Ok(Transformed::yes(LogicalPlan::Join(joined)))
}

/// What holds the values of both types of numerics, where DataFusion's common one does not.
fn wider(types: &[DataType; 2]) -> Option<DataType> {
    let [DataType::Decimal128(left, left_scale), DataType::Decimal128(right, right_scale)] = types else {
        return None;
    };
    let whole = |digits: &u8, scale: &i8| i16::from(*digits) - i16::from(*scale);
    let scale = *left_scale.max(right_scale);
    let digits = whole(left, left_scale).max(whole(right, right_scale)) + i16::from(scale);
    let digits = u8::try_from(digits).ok().filter(|digits| *digits > DECIMAL128_MAX_PRECISION)?;
    Some(DataType::Decimal256(digits.min(DECIMAL256_MAX_PRECISION), scale))
}

/// The common type of a column, if there is one, and whether any input had to be changed to have it.
fn settle_column(
    typing: &Typing,
    inputs: &mut [LogicalPlan],
    column: usize,
    operation: &str,
) -> Result<(Option<FieldRef>, bool)> {
    let known: Vec<Operand> = inputs.iter().map(|input| output(input, column)).collect();
    let Some((pg_type, field)) = common(&known, operation)? else { return Ok((None, false)) };
    let field = undeclared(field, &known);
    let mut changed = told_alike(inputs, column, &field)?;
    for input in inputs.iter_mut() {
        let given = input.schema().field(column);
        let is_other_number = given.data_type().is_numeric() && given.data_type() != field.data_type();
        if field.data_type().is_floating() && is_other_number || becomes_timestamp(&column_type(given), given, &field) {
            *input = cast_column(input, column, &field)?;
            changed = true;
        }
    }
    for (input, operand) in inputs.iter_mut().zip(&known) {
        if lengths::is_padded(operand) && is_unpadded(&pg_type) {
            *input = with_column(input, column, |expr, _, _| Ok(lengths::unpadded(expr)))?;
            changed = true;
        }
        if matches!(operand, Operand::Unknown) {
            changed |= read_output(typing, input, column, &pg_type, &field)?;
        }
    }
    Ok((Some(field), changed))
}

/// The common type's field, without a type modifier where not all have the same.
fn undeclared(common: FieldRef, of: &[Operand]) -> FieldRef {
    let mut modifiers = of.iter().filter_map(Operand::known).map(|(of, field)| (of, column_modifier(field)));
    let first = modifiers.next();
    // what is unknown has none
    let is_declared = column_modifier(&common) != -1 && of.iter().any(|operand| operand.known().is_none());
    if !is_declared && modifiers.all(|modifier| Some(modifier) == first) {
        return common;
    }
    let mut metadata = common.metadata().clone();
    metadata.insert(TYPE_MODIFIER_KEY.to_owned(), "-1".to_owned());
    Arc::new(common.as_ref().clone().with_metadata(metadata))
}

/// Gives a column of all inputs the name and the modifier of the common type, where they have others for the same Arrow type.
fn told_alike(inputs: &mut [LogicalPlan], column: usize, common: &FieldRef) -> Result<bool> {
    let told = |field: &Field| [PG_TYPE_KEY, TYPE_MODIFIER_KEY].map(|key| field.metadata().get(key).cloned());
    let mut changed = false;
    for input in inputs {
        let field = input.schema().field(column);
        let are_numerics = field.data_type().is_decimal() && common.data_type().is_decimal();
        if told(field) == told(common) || !are_numerics && field.data_type() != common.data_type() {
            continue;
        }
        let keys = [PG_TYPE_KEY, TYPE_MODIFIER_KEY].into_iter().zip(told(common));
        let metadata = keys.filter_map(|(key, value)| Some((key.to_owned(), value?))).collect();
        let wanted = Arc::new(Field::new("", field.data_type().clone(), false).with_metadata(metadata));
        *input = cast_column(input, column, &wanted)?;
        changed = true;
    }
    Ok(changed)
}

/// The input with one of its columns cast, all under the names that they had.
pub(super) fn cast_column(input: &LogicalPlan, column: usize, wanted: &FieldRef) -> Result<LogicalPlan> {
    with_column(input, column, |expr, field, schema| {
        let wanted = Arc::new(wanted.as_ref().clone().with_nullable(field.is_nullable()));
        let cast = Expr::Cast(Cast::new_from_field(Box::new(expr), wanted));
        Ok(rewrite_casts(cast, schema)?.data)
    })
}

/// The input with something else made of one of its columns, all under the names that they had.
pub(super) fn with_column(
    input: &LogicalPlan,
    column: usize,
    made: impl Fn(Expr, &Field, &DFSchema) -> Result<Expr>,
) -> Result<LogicalPlan> {
    // where literals stay in sight, for those of other columns that are unknown
    if let LogicalPlan::Projection(projection) = input {
        let mut exprs = projection.expr.clone();
        if let (Some(expr), (qualifier, field)) = (exprs.get_mut(column), projection.schema.qualified_field(column)) {
            let bare = expr.clone().unalias();
            *expr = made(bare, field, projection.input.schema())?.alias_qualified(qualifier.cloned(), field.name());
        }
        return Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::clone(&projection.input))?));
    }
    let exprs = input.schema().iter().enumerate().map(|(index, (qualifier, field))| {
        let expr = Expr::Column((qualifier, field).into());
        match index == column {
            true => Ok(made(expr, field, input.schema())?.alias_qualified(qualifier.cloned(), field.name())),
            false => Ok(expr),
        }
    });
    let exprs = exprs.collect::<Result<_>>()?;
    Ok(LogicalPlan::Projection(Projection::try_new(exprs, Arc::new(input.clone()))?))
}

/// What is known of a column of an input: nothing, where it is a bare literal.
fn output(input: &LogicalPlan, column: usize) -> Operand {
    if let LogicalPlan::Projection(projection) = input
        && let Some(expr) = projection.expr.get(column)
        && matches!(
            expr.clone().unalias(),
            Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Null, _)
                | Expr::Placeholder(Placeholder { field: None, .. })
        )
    {
        return Operand::Unknown;
    }
    let field = input.schema().field(column);
    if field.data_type().is_null() {
        return Operand::Unknown;
    }
    Operand::Known(column_type(field), field.clone())
}

fn read_output(
    typing: &Typing,
    input: &mut LogicalPlan,
    column: usize,
    pg_type: &Type,
    field: &FieldRef,
) -> Result<bool> {
    let LogicalPlan::Projection(projection) = input else { return Ok(false) };
    let mut exprs = projection.expr.clone();
    let Some(expr) = exprs.get_mut(column) else { return Ok(false) };
    let shown = projection.schema.field(column).name().clone();
    *expr = typing.read(expr.clone().unalias(), pg_type, field)?.alias(shown);
    *input = LogicalPlan::Projection(Projection::try_new(exprs, projection.input.clone())?);
    Ok(true)
}
