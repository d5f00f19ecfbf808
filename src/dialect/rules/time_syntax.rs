//! Special syntax of times as calls of functions: `interval '1' day`, `EXTRACT(… FROM …)`, `AT TIME ZONE`, `OVERLAPS`,
//! `make_interval(days => 1)`.
//!
//! Blocked by: DataFusion plans these as its own casts and functions. Remove when its planner asks for them.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Interval,
    IntervalFields, Value, WindowFrameBound, WindowType,
};

use super::{Rule, call, cast};

pub struct Rewriter;

impl Rule for Rewriter {
    fn pre_visit_expr(&mut self, expr: &mut Expr) {
        let planned = match &mut *expr {
            Expr::Interval(interval) => of_interval(interval),
            Expr::Extract { field, expr, .. } => {
                let field = field.to_string().trim_matches(['"', '\'']).to_lowercase();
                Some(call("extract", vec![text(field), expr.as_ref().clone()]))
            }
            Expr::AtTimeZone { timestamp, time_zone } => {
                Some(call("timezone", vec![time_zone.as_ref().clone(), timestamp.as_ref().clone()]))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Overlaps, right } => overlaps(left, right),
            Expr::Function(function) => {
                if is_named(function, "make_interval") {
                    in_order(function);
                }
                None
            }
            _ => None,
        };
        if let Some(planned) = planned {
            *expr = planned;
        }
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) {
        // the bounds of a window frame are taken as they are written
        if let Expr::Function(Function { over: Some(WindowType::WindowSpec(spec)), .. }) = expr
            && let Some(frame) = &mut spec.window_frame
        {
            std::iter::once(&mut frame.start_bound).chain(frame.end_bound.as_mut()).for_each(restore);
        }
    }
}

fn restore(bound: &mut WindowFrameBound) {
    if let WindowFrameBound::Preceding(Some(expr)) | WindowFrameBound::Following(Some(expr)) = bound
        && let Expr::Cast { expr: value, data_type: DataType::Interval { fields: None, precision: None }, .. } =
            expr.as_ref()
    {
        **expr = Expr::Interval(Interval {
            value: value.clone(),
            leading_field: None,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        });
    }
}

fn text(text: String) -> Expr {
    Expr::Value(Value::SingleQuotedString(text).into())
}

fn of_interval(interval: &Interval) -> Option<Expr> {
    use DateTimeField as F;
    let fields = match (interval.leading_field.as_ref(), interval.last_field.as_ref()) {
        (None, None) => None,
        (Some(F::Year), None) => Some(IntervalFields::Year),
        (Some(F::Month), None) => Some(IntervalFields::Month),
        (Some(F::Day), None) => Some(IntervalFields::Day),
        (Some(F::Hour), None) => Some(IntervalFields::Hour),
        (Some(F::Minute), None) => Some(IntervalFields::Minute),
        (Some(F::Second), None) => Some(IntervalFields::Second),
        (Some(F::Year), Some(F::Month)) => Some(IntervalFields::YearToMonth),
        (Some(F::Day), Some(F::Hour)) => Some(IntervalFields::DayToHour),
        (Some(F::Day), Some(F::Minute)) => Some(IntervalFields::DayToMinute),
        (Some(F::Day), Some(F::Second)) => Some(IntervalFields::DayToSecond),
        (Some(F::Hour), Some(F::Minute)) => Some(IntervalFields::HourToMinute),
        (Some(F::Hour), Some(F::Second)) => Some(IntervalFields::HourToSecond),
        (Some(F::Minute), Some(F::Second)) => Some(IntervalFields::MinuteToSecond),
        _ => return None,
    };
    let precision = interval.fractional_seconds_precision.or(interval.leading_precision);
    Some(cast(interval.value.as_ref().clone(), DataType::Interval { fields, precision }))
}

fn overlaps(left: &Expr, right: &Expr) -> Option<Expr> {
    match (left, right) {
        (Expr::Tuple(left), Expr::Tuple(right)) if left.len() == 2 && right.len() == 2 => {
            Some(call("overlaps", left.iter().chain(right).cloned().collect()))
        }
        _ => None,
    }
}

fn is_named(function: &Function, name: &str) -> bool {
    function.name.0.last().and_then(|part| part.as_ident()).is_some_and(|ident| ident.value.eq_ignore_ascii_case(name))
}

/// Arguments by name, put in their places; 0 for what is not given.
fn in_order(function: &mut Function) {
    const NAMES: [&str; 7] = ["years", "months", "weeks", "days", "hours", "mins", "secs"];
    let FunctionArguments::List(list) = &mut function.args else { return };
    let place_of = |name: &Expr| match name {
        Expr::Identifier(name) => NAMES.iter().position(|known| name.value.eq_ignore_ascii_case(known)),
        _ => None,
    };
    let mut places: Vec<Option<Expr>> = vec![None; NAMES.len()];
    let mut last = 0;
    for (nth, arg) in list.args.iter().enumerate() {
        let (place, value) = match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::BinaryOp {
                left,
                op: BinaryOperator::Assignment,
                right: value,
            })) => (place_of(left), value.as_ref()),
            FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => (Some(nth), value),
            FunctionArg::Named { name, arg: FunctionArgExpr::Expr(value), .. } => {
                (place_of(&Expr::Identifier(name.clone())), value)
            }
            _ => return,
        };
        let Some(slot) = place.and_then(|place| places.get_mut(place)) else { return };
        *slot = Some(value.clone());
        last = last.max(place.unwrap_or(0) + 1);
    }
    let zero = || Expr::Value(Value::Number("0".to_owned(), false).into());
    let args = places.into_iter().take(last).map(|value| value.unwrap_or_else(zero));
    list.args = args.map(|value| FunctionArg::Unnamed(FunctionArgExpr::Expr(value))).collect();
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    fn check(sql: &str, expected: &str) {
        assert_eq!(parse_single(sql).unwrap().ast.to_string(), expected, "{sql}");
    }

    #[test]
    fn syntax_becomes_calls() {
        check("select interval '1' day as i", "SELECT CAST('1' AS INTERVAL DAY) AS i");
        check("select extract(year from d) as y", "SELECT extract('year', d) AS y");
        check("select d at time zone 'UTC' as t", "SELECT timezone('UTC', d) AS t");
        check("select (a, b) overlaps (c, d) as o", "SELECT overlaps(a, b, c, d) AS o");
        check("select make_interval(days => 3) as i", "SELECT make_interval(0, 0, 0, 3) AS i");
    }
}
