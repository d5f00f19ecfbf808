//! Where several expressions become one column: CASE, COALESCE, IN, ARRAY, VALUES, UNION. PostgreSQL's common type.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, NullEquality};
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, InSubquery, ScalarFunction};
use datafusion::logical_expr::{Case, Distinct, Expr, ExprSchemable, Join, JoinType, LogicalPlan, Projection, Union};
use datafusion::optimizer::analyzer::type_coercion::TypeCoercionRewriter;
use datafusion::scalar::ScalarValue;

use super::kinds::{Kind, is_plain, kind, name, number_rank};
use super::operators::{not_boolean, operands};
use super::place::nowhere;
use super::{Operand, Typing};
use super::{casts, lengths};
use crate::error::{Error, ErrorKind};
use crate::pgfunctions::time::rewrite_casts;
use crate::pgfunctions::{JsonType, in_subquery_by_keys};
use crate::pgtypes::{PG_TYPE_KEY, TYPE_MODIFIER_KEY, Type, column_modifier, column_type, is_reg};

/// The type of a column that holds them all; `None` where all are unknown.
fn common(operands: &[Operand], context: &str) -> Result<Option<(Type, FieldRef)>> {
    let mut chosen: Option<(Type, FieldRef)> = None;
    for (pg_type, field) in operands.iter().filter_map(Operand::known) {
        let Some((so_far, _)) = &chosen else {
            chosen = Some((pg_type.clone(), field.clone()));
            continue;
        };
        let (a, b) = (kind(so_far), kind(pg_type));
        let dates = |kind| matches!(kind, Kind::Date | Kind::Timestamp);
        if a != b && !(dates(a) && dates(b)) && is_plain(a) && is_plain(b) {
            let message = format!("{context} types {} and {} cannot be matched", name(so_far), name(pg_type));
            return Err(nowhere(Error::new(ErrorKind::DatatypeMismatch, message)));
        }
        let wider = match (a, b) {
            (Kind::Number, Kind::Number) => number_rank(pg_type) > number_rank(so_far),
            (Kind::Date, Kind::Timestamp) => true,
            (Kind::Timestamp, Kind::Timestamp) => *pg_type == Type::TIMESTAMPTZ,
            _ if is_reg(so_far) => *pg_type == Type::OID,
            (Kind::Text, Kind::Text) => *pg_type == Type::TEXT && matches!(*so_far, Type::NAME | Type::CHAR),
            _ => false,
        };
        if wider {
            chosen = Some((pg_type.clone(), field.clone()));
        }
    }
    Ok(chosen)
}

/// The expressions as their common type, which the unknown among them are read as, and that type.
pub(super) fn alike(
    typing: &Typing,
    exprs: Vec<Expr>,
    schema: &DFSchema,
    context: &str,
) -> Result<(Vec<Expr>, Option<FieldRef>)> {
    let (exprs, known) = documents(typing, exprs, schema)?;
    match common(&known, context)? {
        Some((pg_type, field)) => {
            let read = exprs.into_iter().zip(&known).map(|(expr, operand)| match operand {
                Operand::Known(own, given) if kind(own) == Kind::Number && number_rank(own) < number_rank(&pg_type) => {
                    Ok(casts::widened(expr, given.data_type(), field.data_type()))
                }
                Operand::Known(own, given) if becomes_timestamp(own, given, &field) => {
                    as_timestamp(expr, &field, schema)
                }
                Operand::Known(Type::BPCHAR, _) if is_unpadded(&pg_type) => Ok(lengths::unpadded(expr)),
                Operand::Known(Type::BYTEA, given) if given.data_type() != field.data_type() => {
                    Ok(Expr::Cast(Cast::new(Box::new(expr), field.data_type().clone())))
                }
                Operand::Unknown => match JsonType::of_field(&field) {
                    Some(json) => document(typing, expr, json, (&pg_type, &field)),
                    None => typing.read(expr, &pg_type, &field),
                },
                _ => typing.read(expr, &pg_type, &field),
            });
            Ok((read.collect::<Result<_>>()?, Some(field)))
        }
        None => Ok((exprs, None)),
    }
}

/// Whether what is a `char(n)` loses its blanks at the end as a value of the type.
fn is_unpadded(pg_type: &Type) -> bool {
    matches!(*pg_type, Type::TEXT | Type::VARCHAR | Type::NAME)
}

/// What is unknown as a document.
fn document(typing: &Typing, expr: Expr, json: JsonType, (pg_type, field): (&Type, &FieldRef)) -> Result<Expr> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(_)), _) => {
            let cast = Expr::Cast(Cast::new_from_field(Box::new(expr.clone()), Arc::clone(field)));
            casts::check_json(&cast)?;
            json.read(expr)
        }
        other => typing.read(other, pg_type, field),
    }
}

/// Whether a date or a timestamp beside others is of another type than theirs.
fn becomes_timestamp(own: &Type, given: &Field, wanted: &Field) -> bool {
    matches!(kind(own), Kind::Date | Kind::Timestamp)
        && matches!(wanted.data_type(), DataType::Timestamp(..))
        && given.data_type() != wanted.data_type()
}

/// DataFusion would count nanoseconds, of which there are not enough for a date of 9999.
fn as_timestamp(expr: Expr, wanted: &Field, schema: &DFSchema) -> Result<Expr> {
    let cast = Expr::Cast(Cast::new(Box::new(expr), wanted.data_type().clone()));
    Ok(rewrite_casts(cast, schema)?.data)
}

/// The expressions with what is known of them: where structures of a table meet other documents, all are documents.
fn documents(typing: &Typing, exprs: Vec<Expr>, schema: &DFSchema) -> Result<(Vec<Expr>, Vec<Operand>)> {
    let operands = |exprs: &[Expr]| exprs.iter().map(|expr| typing.operand(expr, schema)).collect::<Result<Vec<_>>>();
    let known = operands(&exprs)?;
    let is_structure = |operand: &Operand| {
        operand.known().is_some_and(|(pg_type, field)| *pg_type == Type::JSONB && field.data_type().is_nested())
    };
    let mut types = known.iter().filter_map(|operand| Some(operand.known()?.1.data_type()));
    let first = types.next();
    let is_text = |expr: &Expr| matches!(expr, Expr::Literal(ScalarValue::Utf8(Some(_)), _));
    let all_alike = types.all(|other| Some(other) == first) && !exprs.iter().any(is_text);
    if all_alike || !known.iter().any(is_structure) {
        return Ok((exprs, known));
    }
    let written = exprs.into_iter().zip(&known).map(|(expr, operand)| match is_structure(operand) {
        true => JsonType::Jsonb.mark(expr),
        false => Ok(expr),
    });
    let exprs = written.collect::<Result<Vec<_>>>()?;
    let known = operands(&exprs)?;
    Ok((exprs, known))
}

/// `coalesce` and CASE of documents with their values settled, before a mark of JSON around them makes another expression of
/// them.
pub(super) fn chosen(typing: &Typing, expr: Expr, schema: &DFSchema) -> Result<Expr> {
    match expr {
        Expr::ScalarFunction(ScalarFunction { func, args }) if func.name() == "coalesce" => {
            let (args, _) = alike(typing, args, schema, "COALESCE")?;
            Ok(Expr::ScalarFunction(ScalarFunction { func, args }))
        }
        Expr::Case(choice) if JsonType::of(&Expr::Case(choice.clone()), schema).is_some() => {
            case(typing, choice, schema).map(|settled| settled.data)
        }
        other => Ok(other),
    }
}

/// The choice, said to be of the type of what is chosen from, where the Arrow type alone does not say it (`oid`, `name`).
pub(super) fn named(choice: Expr, of: Option<FieldRef>) -> Expr {
    let Some(field) = of else { return choice };
    // an array's may be told by its items
    let told = field.metadata().get(PG_TYPE_KEY);
    let items = matches!(field.data_type(), DataType::List(item) if item.metadata().contains_key(PG_TYPE_KEY));
    if told.is_none() && !items {
        return choice;
    }
    let metadata = told.map(|pg_type| (PG_TYPE_KEY.to_owned(), pg_type.clone())).into_iter().collect();
    let field = Field::new("", field.data_type().clone(), false).with_metadata(metadata);
    Expr::Cast(Cast::new_from_field(Box::new(choice), Arc::new(field)))
}

pub(super) fn case(typing: &Typing, case: Case, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Case { expr: mut operand, when_then_expr, else_expr } = case;
    let mut results = Vec::with_capacity(when_then_expr.len() + 1);
    let mut conditions = Vec::with_capacity(when_then_expr.len());
    let has_else = else_expr.is_some();
    // PostgreSQL takes the ELSE first
    results.extend(else_expr.map(|expr| *expr));
    for (when, then) in when_then_expr {
        let when = match operand.take() {
            Some(left) => {
                let (left, right) = operands(typing, "=", *left, *when, schema)?;
                operand = Some(Box::new(left));
                right
            }
            None => {
                condition(&when, schema, "CASE/WHEN")?;
                *when
            }
        };
        conditions.push(when);
        results.push(then.as_ref().clone());
    }
    let (results, of) = alike(typing, results, schema, "CASE")?;
    let mut results = results.into_iter();
    let else_expr = if has_else { results.next().map(Box::new) } else { None };
    let when_then_expr = conditions.into_iter().zip(results).map(|(w, t)| (Box::new(w), Box::new(t))).collect();
    Ok(Transformed::yes(named(Expr::Case(Case { expr: operand, when_then_expr, else_expr }), of)))
}

/// Checks that a condition is one.
///
/// # Errors
/// `42804`, as PostgreSQL words it.
pub(super) fn condition(expr: &Expr, schema: &DFSchema, clause: &str) -> Result<()> {
    let Ok((_, field)) = expr.to_field(schema) else { return Ok(()) };
    let pg_type = column_type(&field);
    let wrong = kind(&pg_type) != Kind::Bool && is_plain(kind(&pg_type)) && !field.data_type().is_null();
    let is_unknown = matches!(expr, Expr::Literal(..) | Expr::Placeholder(_)) && kind(&pg_type) == Kind::Text;
    if wrong && !is_unknown { Err(not_boolean(clause, &name(&pg_type))) } else { Ok(()) }
}

/// Checks what `IS TRUE` and its kin are asked of.
pub(super) fn truth(expr: &Expr, schema: &DFSchema) -> Result<()> {
    match expr {
        Expr::IsTrue(of) => condition(of, schema, "IS TRUE"),
        Expr::IsNotTrue(of) => condition(of, schema, "IS NOT TRUE"),
        Expr::IsFalse(of) => condition(of, schema, "IS FALSE"),
        Expr::IsNotFalse(of) => condition(of, schema, "IS NOT FALSE"),
        _ => Ok(()),
    }
}

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

/// `x IN (SELECT …)` of a float in numerics: what no numeric can be is in none of them.
pub(super) fn in_subquery(typing: &Typing, within: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    if let Some(keyed) = in_subquery_by_keys(&within, schema)? {
        return Ok(Transformed::yes(keyed));
    }
    let rows = &within.subquery.subquery;
    let is_float = matches!(typing.operand(&within.expr, schema)?.known(),
        Some((pg_type, _)) if [Type::FLOAT4, Type::FLOAT8].contains(pg_type));
    if !is_float || !rows.schema().fields().first().is_some_and(|field| field.data_type().is_decimal()) {
        return Ok(Transformed::no(Expr::InSubquery(within)));
    }
    let doubles = Arc::new(Field::new("", DataType::Float64, true));
    let subquery = within.subquery.with_plan(Arc::new(cast_column(rows, 0, &doubles)?));
    Ok(Transformed::yes(Expr::InSubquery(InSubquery { subquery, ..within })))
}

/// Whether the join stands for INTERSECT or EXCEPT: no other join of a statement has NULL equal to NULL.
pub(super) fn is_set_operation(join: &Join) -> bool {
    matches!(join.join_type, JoinType::LeftAnti | JoinType::LeftSemi)
        && join.null_equality == NullEquality::NullEqualsNull
}

/// INTERSECT and EXCEPT: as [`union`], and DataFusion does not bring the columns to one type itself.
pub(super) fn set_operation(typing: &Typing, join: Join) -> Result<Transformed<LogicalPlan>> {
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
        for input in inputs.iter_mut() {
            if let Some(common) = common.as_ref()
                && input.schema().field(column).data_type() != common.data_type()
            {
                *input = cast_column(input, column, common)?;
                changed = true;
            }
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
    let mut modifiers = of.iter().filter_map(Operand::known).map(|(_, field)| column_modifier(field));
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

/// The field of a column of VALUES, without a type modifier where not all rows have the same.
pub(super) fn undeclared_in(field: FieldRef, rows: &[Vec<Expr>], column: usize, schema: &DFSchema) -> FieldRef {
    if !field.metadata().contains_key(TYPE_MODIFIER_KEY) {
        return field;
    }
    let declared = column_modifier(&field);
    let same = |value: &Expr| value.to_field(schema).is_ok_and(|(_, given)| column_modifier(&given) == declared);
    if rows.iter().filter_map(|row| row.get(column)).all(same) {
        return field;
    }
    let mut metadata = field.metadata().clone();
    metadata.insert(TYPE_MODIFIER_KEY.to_owned(), "-1".to_owned());
    Arc::new(field.as_ref().clone().with_metadata(metadata))
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
fn cast_column(input: &LogicalPlan, column: usize, wanted: &FieldRef) -> Result<LogicalPlan> {
    with_column(input, column, |expr, field, schema| {
        let wanted = Arc::new(wanted.as_ref().clone().with_nullable(field.is_nullable()));
        let cast = Expr::Cast(Cast::new_from_field(Box::new(expr), wanted));
        Ok(rewrite_casts(cast, schema)?.data)
    })
}

/// The input with something else made of one of its columns, all under the names that they had.
fn with_column(
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
    use datafusion::scalar::ScalarValue;
    if let LogicalPlan::Projection(projection) = input
        && let Some(expr) = projection.expr.get(column)
        && matches!(
            expr.clone().unalias(),
            Expr::Literal(ScalarValue::Utf8(_) | ScalarValue::Null, _)
                | Expr::Placeholder(datafusion::logical_expr::expr::Placeholder { field: None, .. })
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
