//! The parts of a statement that errors are about, with their places.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, ColumnOption, Distinct, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArguments, GroupByExpr, JoinConstraint, JoinOperator, OrderByKind, Query, Select,
    SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator, Spanned, Statement as Ast, TableConstraint,
    TypedString, UnaryOperator, Value, Visit, Visitor, WindowType,
};
use datafusion::sql::sqlparser::tokenizer::Location;

use super::super::position::Spot;
use super::super::rules::is_aggregate;
use super::{folded, starts};

/// Functions whose first argument is the name of a sequence.
const OF_SEQUENCES: [&str; 3] = ["nextval", "currval", "setval"];

/// The parts of a statement that errors are about.
#[derive(Default)]
pub struct Parts {
    /// By clause: what must be a boolean and may be something else.
    pub conditions: Vec<(&'static str, Location)>,
    pub aggregates_in_where: Vec<Location>,
    pub windows_in_where: Vec<Location>,
    pub in_set: Calls,
    pub nested_aggregates: Vec<Location>,
    pub orders: Vec<Location>,
    /// Numbers of columns in ORDER BY and GROUP BY.
    pub ordinals: Vec<(String, Location)>,
    pub wide_subqueries: Vec<Location>,
    /// Where the second query of a set operation begins.
    pub second_branches: Vec<Location>,
    /// By construct: the one of two values whose type is not the other's.
    pub choices: Vec<(&'static str, Location)>,
    /// Relations all of whose columns are asked for.
    pub wildcards: Vec<(String, Location)>,
    /// Named windows that are referred to.
    pub windows: Vec<(String, Location)>,
    pub distinct_on: Vec<Location>,
    /// What aggregates with DISTINCT are ordered by.
    pub distinct_orders: Vec<Location>,
    /// Rows of VALUES that are longer or shorter than the first.
    pub unequal_rows: Vec<Location>,
    pub in_subqueries: Vec<Spot>,
    /// Operators before ANY and ALL.
    pub quantified: Vec<Spot>,
    /// By PostgreSQL's name for the type.
    pub casts: Vec<(String, Spot)>,
    pub ctes: Vec<(String, Location)>,
    /// Quoted literals with a type: the type, the text.
    pub literals: Vec<(String, String, Location)>,
}

impl Parts {
    fn condition(&mut self, clause: &'static str, expr: &Expr) {
        if may_be_something_else(expr) {
            self.conditions.push((clause, expr.span().start));
        }
    }

    fn filter(&mut self, expr: &Expr) {
        self.condition("WHERE", expr);
        let mut calls = Calls::default();
        let _ = expr.visit(&mut calls);
        self.aggregates_in_where.append(&mut calls.aggregates);
        self.windows_in_where.append(&mut calls.windows);
    }

    fn second_branch(&mut self, op: &SetOperator, branch: &SetExpr) {
        let SetExpr::Select(select) = branch else { return };
        let columns = starts(select.projection.iter());
        self.second_branches.extend(columns.first());
        let construct = match op {
            SetOperator::Union => "UNION",
            SetOperator::Intersect => "INTERSECT",
            SetOperator::Except | SetOperator::Minus => "EXCEPT",
        };
        self.choices.extend(columns.first().filter(|_| columns.len() == 1).map(|at| (construct, *at)));
    }

    fn call(&mut self, function: &Function) {
        let Function { name, args, over, filter, .. } = function;
        let last = name.0.last().and_then(|part| part.as_ident()).map(folded).unwrap_or_default();
        match over {
            Some(WindowType::NamedWindow(window)) => self.windows.push((folded(window), window.span.start)),
            Some(WindowType::WindowSpec(spec)) => {
                let window = spec.window_name.as_ref();
                self.windows.extend(window.map(|window| (folded(window), before_parenthesis(window.span.start))));
            }
            None => {}
        }
        filter.iter().for_each(|filter| self.condition("FILTER", filter));
        let FunctionArguments::List(list) = args else { return };
        if let (Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Value(value)))), true) =
            (list.args.first(), OF_SEQUENCES.contains(&last.as_str()))
        {
            self.literal("regclass", &value.value, value.span.start);
        }
        let construct = ["COALESCE", "GREATEST", "LEAST"].into_iter().find(|known| known.eq_ignore_ascii_case(&last));
        if let (Some(construct), [_, FunctionArg::Unnamed(FunctionArgExpr::Expr(second))]) =
            (construct, list.args.as_slice())
        {
            self.choices.push((construct, second.span().start));
        }
        if list.duplicate_treatment == Some(DuplicateTreatment::Distinct) {
            for clause in &list.clauses {
                if let FunctionArgumentClause::OrderBy(order) = clause {
                    self.distinct_orders.extend(order.iter().map(|by| by.expr.span().start));
                }
            }
        }
        if is_aggregate(function) {
            let mut calls = Calls::default();
            let _ = list.visit(&mut calls);
            self.nested_aggregates.append(&mut calls.aggregates);
        }
    }

    fn cast(&mut self, kind: &CastKind, expr: &Expr, data_type: &str) {
        let spot = match kind {
            CastKind::DoubleColon => Spot::Nth(expr.span().end, "::".to_owned(), colons_in(expr)),
            _ => Spot::Before(expr.span().start, "cast".to_owned()),
        };
        self.casts.push((written_type(data_type), spot));
        if let Expr::Value(value) = expr {
            self.literal(data_type, &value.value, value.span.start);
        }
    }

    fn ordinal(&mut self, expr: &Expr) {
        if let Expr::Value(value) = expr
            && let Value::Number(number, _) = &value.value
        {
            self.ordinals.push((number.to_string(), value.span.start));
        }
    }

    fn literal(&mut self, data_type: &str, value: &Value, at: Location) {
        if let Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) = value {
            let data_type = data_type.to_lowercase();
            let bare = data_type.rsplit('.').next().unwrap_or_default().to_owned();
            self.literals.push((bare, text.clone(), at));
        }
    }
}

impl Visitor for Parts {
    type Break = ();

    fn pre_visit_statement(&mut self, statement: &Ast) -> ControlFlow<()> {
        match statement {
            Ast::Update(update) => {
                update.selection.iter().for_each(|filter| self.filter(filter));
                let _ = update.assignments.visit(&mut self.in_set);
            }
            Ast::CreateTable(table) => {
                let of_columns = table.columns.iter().flat_map(|column| &column.options).map(|option| &option.option);
                for option in of_columns {
                    if let ColumnOption::Check(check) = option {
                        self.condition("CHECK", &check.expr);
                    }
                }
                for constraint in &table.constraints {
                    if let TableConstraint::Check(check) = constraint {
                        self.condition("CHECK", &check.expr);
                    }
                }
            }
            Ast::Delete(delete) => delete.selection.iter().for_each(|filter| self.filter(filter)),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if let Some(OrderByKind::Expressions(order)) = query.order_by.as_ref().map(|order| &order.kind) {
            for item in order {
                self.orders.push(item.expr.span().start);
                self.ordinal(&item.expr);
            }
        }
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.ctes.push((folded(&cte.alias.name), cte.alias.name.span.start));
        }
        match query.body.as_ref() {
            SetExpr::SetOperation { op, right, .. } => self.second_branch(op, right),
            SetExpr::Values(values) => {
                let rows: Vec<Vec<Location>> = values.rows.iter().map(|row| starts(row.content.iter())).collect();
                let width = rows.first().map_or(0, Vec::len);
                self.unequal_rows.extend(rows.iter().filter(|row| row.len() != width).filter_map(|row| row.first()));
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        select.selection.iter().for_each(|filter| self.filter(filter));
        select.having.iter().for_each(|having| self.condition("HAVING", having));
        if let Some(Distinct::On(exprs)) = &select.distinct {
            self.distinct_on.extend(starts(exprs.iter()));
        }
        for item in &select.projection {
            if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item
                && let Some(table) = name.0.last().and_then(|part| part.as_ident())
            {
                self.wildcards.push((folded(table), name.span().start));
            }
        }
        if let GroupByExpr::Expressions(groups, _) = &select.group_by {
            groups.iter().for_each(|group| self.ordinal(group));
        }
        for join in select.from.iter().flat_map(|from| &from.joins) {
            if let JoinOperator::Join(on)
            | JoinOperator::Inner(on)
            | JoinOperator::Left(on)
            | JoinOperator::LeftOuter(on) = &join.join_operator
                && let JoinConstraint::On(condition) = on
            {
                self.condition("JOIN/ON", condition);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.condition("NOT", expr),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.condition("AND", left);
                self.condition("AND", right);
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                self.condition("OR", left);
                self.condition("OR", right);
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                if operand.is_none() {
                    conditions.iter().for_each(|when| self.condition("CASE/WHEN", &when.condition));
                }
                if let ([when], Some(_)) = (conditions.as_slice(), else_result) {
                    self.choices.push(("CASE", when.result.span().start));
                }
            }
            Expr::Function(function) => self.call(function),
            Expr::InSubquery { expr, negated, .. } => {
                let word = if *negated { "not" } else { "in" };
                self.in_subqueries.push(Spot::After(expr.span().end, word.to_owned()));
            }
            Expr::AnyOp { left, compare_op, .. } | Expr::AllOp { left, compare_op, .. } => {
                self.quantified.push(Spot::After(left.span().end, compare_op.to_string()));
            }
            Expr::Array(array) => {
                if let [_, second] = array.elem.as_slice() {
                    self.choices.push(("ARRAY", second.span().start));
                }
            }
            Expr::IsTrue(condition) => self.condition("IS TRUE", condition),
            Expr::IsNotTrue(condition) => self.condition("IS NOT TRUE", condition),
            Expr::IsFalse(condition) => self.condition("IS FALSE", condition),
            Expr::IsNotFalse(condition) => self.condition("IS NOT FALSE", condition),
            Expr::Subquery(query) => {
                if let SetExpr::Select(select) = query.body.as_ref()
                    && select.projection.len() > 1
                    && !select.projection.iter().any(|item| matches!(item, SelectItem::Wildcard(_)))
                {
                    self.wide_subqueries.push(before_parenthesis(query.span().start));
                }
            }
            Expr::Cast { kind, expr, data_type, .. } => self.cast(kind, expr, &data_type.to_string()),
            Expr::TypedString(TypedString { data_type, value, .. }) => {
                self.literal(&data_type.to_string(), &value.value, value.span.start);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// A query in parentheses begins with the first of them, which has no place of its own.
fn before_parenthesis(query: Location) -> Location {
    Location { column: query.column.saturating_sub(1), ..query }
}

/// Calls within an expression, its subqueries apart.
#[derive(Default)]
pub struct Calls {
    pub aggregates: Vec<Location>,
    pub windows: Vec<Location>,
    queries: usize,
}

impl Visitor for Calls {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && self.queries == 0
            && let Some(at) = name_of(function)
        {
            match function.over.is_some() {
                true => self.windows.push(at),
                false if is_aggregate(function) => self.aggregates.push(at),
                false => {}
            }
        }
        ControlFlow::Continue(())
    }
}

fn name_of(function: &Function) -> Option<Location> {
    function.name.0.first()?.as_ident().map(|name| name.span.start)
}

/// Whether an expression is not plainly a condition.
fn may_be_something_else(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => may_be_something_else(inner),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            BinaryOperator::Plus
                | BinaryOperator::Minus
                | BinaryOperator::Multiply
                | BinaryOperator::Divide
                | BinaryOperator::Modulo
                | BinaryOperator::StringConcat
        ),
        Expr::Value(value) => !matches!(value.value, Value::Boolean(_) | Value::Null),
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::Function(_)
        | Expr::Cast { .. }
        | Expr::Case { .. } => true,
        _ => false,
    }
}

/// How many casts have been written before the next, one behind the other.
fn colons_in(expr: &Expr) -> usize {
    match expr {
        Expr::Cast { kind: CastKind::DoubleColon, expr, .. } => colons_in(expr) + 1,
        _ => 0,
    }
}

/// PostgreSQL's name for a type, without what it is limited to.
pub fn written_type(data_type: &str) -> String {
    let lower = data_type.to_lowercase();
    let bare = lower.split('(').next().unwrap_or_default().trim();
    match bare {
        "int" | "int4" => "integer",
        "int8" => "bigint",
        "int2" => "smallint",
        "float8" | "double" => "double precision",
        "float4" => "real",
        "decimal" | "dec" => "numeric",
        "bool" => "boolean",
        "varchar" => "character varying",
        "timestamp" => "timestamp without time zone",
        "timestamptz" => "timestamp with time zone",
        "time" => "time without time zone",
        other => other,
    }
    .to_owned()
}
