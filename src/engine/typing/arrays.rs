//! Arrays: what is unknown beside one, and the types of elements that its Arrow type does not tell.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::error::Result;
use datafusion::logical_expr::expr::{Cast, ScalarFunction};
use datafusion::logical_expr::{Expr, ExprSchemable};

use super::choices::alike;
use super::functions::narrowed;
use super::operators::{check_containment, check_equality};
use super::{Operand, Typing, field_named, lengths, scales};
use crate::pgtypes::{FREE, PG_TYPE_KEY, Type, array_type, arrow_type, column_type, element_of};

/// What an array's element is cast to, to have its type: one that texts stand for (`uuid`, `jsonb`), or numbers (`oid`).
/// `item`: the Arrow type that it has.
pub(super) fn named_element(array: &Type, item: &DataType) -> Option<FieldRef> {
    let element = element_of(array)?;
    let data_type = match arrow_type(&element)? {
        DataType::Utf8 if element != Type::TEXT && item.is_string() => DataType::Utf8View,
        _ if element == Type::OID && item.is_integer() => item.clone(),
        _ => return None,
    };
    let named = HashMap::from([(PG_TYPE_KEY.to_owned(), element.name().to_owned())]);
    Some(Arc::new(Field::new("", data_type, true).with_metadata(named)))
}

/// The array, said to be of the type where its elements' Arrow type does not tell theirs.
pub(super) fn said(array: Expr, pg_type: &Type, schema: &DFSchema) -> Result<Expr> {
    let data_type = array.get_type(schema)?;
    let DataType::List(item) = &data_type else { return Ok(array) };
    let of_rows = matches!(item.data_type(), DataType::Struct(_));
    let is_said = named_element(pg_type, item.data_type()).is_some() || of_rows && *pg_type == Type::RECORD_ARRAY;
    Ok(match is_said {
        true => Expr::Cast(Cast::new_from_field(Box::new(array), field_named(data_type, pg_type))),
        false => array,
    })
}

/// `ARRAY[…]`, of elements of one type.
pub(super) fn array_of(typing: &Typing, call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let (args, of) = alike(typing, call.args.clone(), schema, "ARRAY")?;
    let pg_type = of.and_then(|field| array_type(&column_type(&field)));
    let are_free = pg_type == Some(Type::NUMERIC_ARRAY) && scales::are_free(args.iter());
    let free = |value| if are_free { Expr::Cast(Cast::new(Box::new(value), FREE)) } else { value };
    let args = args.into_iter().map(free).collect();
    let array = narrowed(typing, ScalarFunction::new_udf(call.func, args), schema)?.data;
    Ok(Transformed::yes(match pg_type {
        Some(pg_type) => said(array, &pg_type, schema)?,
        None => array,
    }))
}

/// Functions of an array and elements of its, and those of arrays.
pub(super) const OF_ARRAY: &[&str] = &[
    "array_append",
    "array_prepend",
    "array_concat",
    "array_remove_all",
    "array_replace_all",
    "array_position",
    "array_positions",
];

/// What is unknown beside an array is an element of its; what becomes of it has its type.
pub(super) fn of_array(typing: &Typing, call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let known = call.args.iter().map(|arg| typing.operand(arg, schema)).collect::<Result<Vec<_>>>()?;
    let array = known.iter().filter_map(Operand::known).find_map(|(pg_type, field)| {
        let element = element_of(pg_type)?;
        Some((pg_type.clone(), field.clone(), element))
    });
    // beside a value an unknown array is one of such
    let of_value = || {
        let (element, _) = known.iter().find_map(Operand::known)?;
        let pg_type = array_type(compared_as(element))?;
        let field = field_named(arrow_type(&pg_type)?, &pg_type);
        call.args.iter().any(|arg| matches!(arg, Expr::Placeholder(_))).then(|| (pg_type, field, element.clone()))
    };
    let Some((pg_type, field, element)) = array.or_else(of_value) else { return narrowed(typing, call, schema) };
    let array_at = usize::from(call.func.name() == "array_prepend");
    let of_element = arrow_type(&element).map(|data_type| field_named(data_type, &element));
    let ScalarFunction { func, args } = call;
    let joins = func.name() == "array_concat";
    if let (true, [left, right]) = (joins, args.as_slice())
        && let Some(other) = beside_null(left, right).or_else(|| beside_null(right, left))
    {
        return Ok(Transformed::yes(other));
    }
    let args = args.into_iter().enumerate().map(|(nth, arg)| match &of_element {
        _ if joins || nth == array_at => typing.read(arg, &pg_type, &field),
        Some(of_element) => typing.read(arg, &element, of_element),
        None => Ok(arg),
    });
    let call = ScalarFunction::new_udf(func, args.collect::<Result<_>>()?);
    let typed = narrowed(typing, call, schema)?.data;
    Ok(Transformed::yes(said(typed, &pg_type, schema)?))
}

/// What is joined with no array stays as it is.
fn beside_null(null: &Expr, other: &Expr) -> Option<Expr> {
    matches!(null, Expr::Literal(value, _) if value.is_null()).then(|| other.clone())
}

/// The type whose operators compare values of the type.
fn compared_as(pg_type: &Type) -> &Type {
    if *pg_type == Type::VARCHAR { &Type::TEXT } else { pg_type }
}

/// The two arrays of `&&` and `@>`, which were of one type when they were planned.
///
/// # Errors
/// `42883` where they are not, once the types of the queries they come from are settled.
pub(super) fn both(typing: &Typing, function: &str, args: &[Expr], schema: &DFSchema) -> Result<Option<Vec<Expr>>> {
    if let [left, right] = args
        && let (Operand::Known(left, _), Operand::Known(right, _)) =
            (typing.operand(left, schema)?, typing.operand(right, schema)?)
    {
        check_containment(if function == "array_has_any" { "&&" } else { "@>" }, &left, &right)?;
    }
    Ok(None)
}

/// The list and the item of `item = ANY (list)`: an unknown list holds items, an unknown item is one of the list.
pub(super) fn any(typing: &Typing, args: &[Expr], schema: &DFSchema) -> Result<Option<Vec<Expr>>> {
    let [list, item] = args else { return Ok(None) };
    let known = (typing.operand(list, schema)?, typing.operand(item, schema)?);
    // what is in quotes is read as what it stands beside
    let is_quoted = |value: &Expr| matches!(value, Expr::Literal(value, _) if value.data_type().is_string());
    let is_written = match list {
        Expr::ScalarFunction(call) => call.func.name() == "make_array" && !call.args.iter().all(is_quoted),
        other => matches!(other, Expr::Column(_)),
    };
    if let (true, Operand::Known(list, _), Operand::Known(item, _)) = (is_written, &known.0, &known.1)
        && let Some(element) = element_of(list)
    {
        check_equality(item, &element)?;
    }
    let element = match &known.0 {
        Operand::Known(list, field) => element_of(list).map(|element| Operand::Known(element, field.clone())),
        Operand::Unknown => None,
    };
    let (of_list, of_item) = lengths::lose_blanks(element.as_ref().unwrap_or(&Operand::Unknown), &known.1);
    let unpadded = if of_item { lengths::unpadded(item.clone()) } else { item.clone() };
    let list = &if of_list && element.is_some() { lengths::unpadded_items(list.clone()) } else { list.clone() };
    match (&known.0, &known.1) {
        (Operand::Unknown, Operand::Known(pg_type, field)) => array_type(compared_as(pg_type)).map(|array| {
            let data_type = DataType::new_list(field.data_type().clone(), true);
            let list = typing.read(list.clone(), &array, &field_named(data_type, &array));
            list.map(|list| vec![list, unpadded])
        }),
        (Operand::Known(pg_type, _), Operand::Unknown) => element_of(pg_type)
            .and_then(|element| arrow_type(&element).map(|data_type| (element, data_type)))
            .map(|(element, data_type)| {
                let item = typing.read(item.clone(), &element, &field_named(data_type, &element));
                item.map(|item| vec![list.clone(), item])
            }),
        // nothing tells what they are but that one is a list
        (Operand::Unknown, Operand::Unknown) if matches!(list, Expr::Placeholder(_)) => {
            let texts = DataType::new_list(DataType::Utf8View, true);
            let list = typing.read(list.clone(), &Type::TEXT_ARRAY, &field_named(texts, &Type::TEXT_ARRAY))?;
            let item = typing.read(item.clone(), &Type::TEXT, &field_named(DataType::Utf8View, &Type::TEXT))?;
            Some(Ok(vec![list, item]))
        }
        _ if unpadded != *item || *list != args[0] => Some(Ok(vec![list.clone(), unpadded])),
        _ => None,
    }
    .transpose()
}
