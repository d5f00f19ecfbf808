//! Clauses of other databases, which the parser knows and the planner would leave out.
//!
//! Invariant: every field of the parser's structures of statements on rows and tables is named here, so that a parser
//! that knows more clauses does not compile before each of them is planned or refused.

mod definitions;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Delete, DuplicateTreatment, Expr, Fetch, FromTable, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentClause, FunctionArgumentList, FunctionArguments, GroupByExpr, Insert, Join, JoinConstraint,
    JoinOperator, LimitClause, Merge, MergeAction, MergeClause, MergeInsertExpr, MergeUpdateExpr, OnInsert, OrderBy,
    OrderByExpr, OrderByKind, Query, Select, SelectFlavor, SelectItem, SetExpr, SetOperator, SetQuantifier, Statement,
    TableAlias, TableFactor, TableObject, TableSample, TableSampleKind, Update, UpdateTableFromKind, Values,
    WildcardAdditionalOptions,
};

/// A clause by the word that PostgreSQL would stumble over.
type Word = Option<&'static str>;

/// The first of the clauses that is there.
fn first(clauses: &[(&'static str, bool)]) -> Word {
    clauses.iter().find(|(_, is_there)| *is_there).map(|(word, _)| *word)
}

/// Of a statement, but for the queries in it.
pub fn in_statement(statement: &Statement) -> Word {
    match statement {
        Statement::Delete(delete) => in_delete(delete),
        Statement::Update(update) => in_update(update),
        Statement::Insert(insert) => in_insert(insert),
        Statement::Merge(merge) => in_merge(merge),
        Statement::CreateTable(table) => definitions::in_table(table),
        Statement::CreateView(view) => definitions::in_view(view),
        _ => None,
    }
}

fn in_delete(delete: &Delete) -> Word {
    let Delete {
        delete_token: _,
        optimizer_hints: _,
        tables,
        from,
        using,
        selection: _,
        returning: _,
        output,
        order_by,
        limit,
    } = delete;
    first(&[
        ("delete", !tables.is_empty() || matches!(from, FromTable::WithoutKeyword(_))),
        ("order", !order_by.is_empty()),
        ("limit", limit.is_some()),
        ("output", output.is_some()),
    ])
    .or_else(|| using.iter().flatten().flat_map(|table| &table.joins).find_map(in_join))
}

fn in_update(update: &Update) -> Word {
    let Update {
        update_token: _,
        optimizer_hints: _,
        table,
        assignments: _,
        from,
        selection: _,
        returning: _,
        output,
        or,
        order_by,
        limit,
    } = update;
    let from_tables = match from {
        Some(UpdateTableFromKind::AfterSet(tables)) => tables.as_slice(),
        _ => &[],
    };
    first(&[
        ("or", or.is_some()),
        ("join", !table.joins.is_empty()),
        ("from", matches!(from, Some(UpdateTableFromKind::BeforeSet(_)))),
        ("order", !order_by.is_empty()),
        ("limit", limit.is_some()),
        ("output", output.is_some()),
    ])
    .or_else(|| from_tables.iter().flat_map(|table| &table.joins).find_map(in_join))
}

fn in_insert(insert: &Insert) -> Word {
    let Insert {
        insert_token: _,
        optimizer_hints: _,
        or,
        ignore,
        into,
        table,
        table_alias: _,
        columns: _,
        // how OVERRIDING SYSTEM VALUE is marked
        overwrite: _,
        source: _,
        assignments,
        partitioned,
        after_columns,
        has_table_keyword,
        on,
        returning: _,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    first(&[
        ("or", or.is_some()),
        ("ignore", *ignore),
        ("replace", *replace_into),
        ("table", *has_table_keyword),
        ("insert", !into || priority.is_some()),
        ("function", matches!(table, TableObject::TableFunction(_))),
        ("(", matches!(table, TableObject::TableQuery(_))),
        ("partition", partitioned.is_some()),
        ("(", !after_columns.is_empty()),
        ("set", !assignments.is_empty()),
        ("as", insert_alias.is_some()),
        ("duplicate", matches!(on, Some(OnInsert::DuplicateKeyUpdate(_)))),
        ("settings", settings.is_some()),
        ("format", format_clause.is_some()),
        ("output", output.is_some()),
        ("all", multi_table_insert_type.is_some()),
        ("when", !multi_table_when_clauses.is_empty()),
        ("into", !multi_table_into_clauses.is_empty()),
        ("else", multi_table_else_clause.is_some()),
    ])
}

fn in_merge(merge: &Merge) -> Word {
    let Merge { merge_token: _, optimizer_hints: _, into, table: _, source: _, on: _, clauses, output } = merge;
    let of_action = |clause: &MergeClause| match &clause.action {
        MergeAction::Insert(MergeInsertExpr {
            insert_token: _,
            columns: _,
            kind_token: _,
            kind: _,
            insert_predicate,
        }) => first(&[("where", insert_predicate.is_some())]),
        MergeAction::Update(MergeUpdateExpr {
            update_token: _,
            assignments: _,
            update_predicate,
            delete_predicate,
        }) => first(&[("where", update_predicate.is_some()), ("delete", delete_predicate.is_some())]),
        MergeAction::Delete { delete_token: _ } => None,
    };
    first(&[("merge", !into), ("output", output.is_some())]).or_else(|| clauses.iter().find_map(of_action))
}

/// Of a query, but for the SELECTs in it.
pub fn in_query(query: &Query) -> Word {
    let Query {
        with,
        body,
        order_by,
        limit_clause,
        fetch,
        locks: _,
        for_clause,
        settings,
        format_clause,
        pipe_operators,
    } = query;
    let by = match limit_clause {
        Some(LimitClause::LimitOffset { limit: _, offset: _, limit_by }) => !limit_by.is_empty(),
        Some(LimitClause::OffsetCommaLimit { offset: _, limit: _ }) | None => false,
    };
    let (all, interpolate) = match order_by {
        Some(OrderBy { kind, interpolate }) => (matches!(kind, OrderByKind::All(_)), interpolate.is_some()),
        None => (false, false),
    };
    let percent = matches!(fetch, Some(Fetch { with_ties: _, percent: true, quantity: _ }));
    first(&[
        ("from", with.iter().flat_map(|with| &with.cte_tables).any(|cte| cte.from.is_some())),
        ("all", all),
        ("interpolate", interpolate),
        ("by", by),
        (",", matches!(limit_clause, Some(LimitClause::OffsetCommaLimit { .. }))),
        ("percent", percent),
        ("for", for_clause.is_some()),
        ("settings", settings.is_some()),
        ("format", format_clause.is_some()),
        ("|>", !pipe_operators.is_empty()),
    ])
    .or_else(|| in_body(body))
}

fn in_body(body: &SetExpr) -> Word {
    match body {
        SetExpr::SetOperation { left, op, set_quantifier, right } => {
            let by_name = match set_quantifier {
                SetQuantifier::ByName | SetQuantifier::AllByName | SetQuantifier::DistinctByName => true,
                SetQuantifier::All | SetQuantifier::Distinct | SetQuantifier::None => false,
            };
            first(&[("minus", *op == SetOperator::Minus), ("by", by_name)])
                .or_else(|| in_body(left))
                .or_else(|| in_body(right))
        }
        SetExpr::Values(Values { explicit_row, value_keyword, rows: _ }) => {
            first(&[("row", *explicit_row), ("value", *value_keyword)])
        }
        _ => None,
    }
}

/// Of a SELECT, but for the relations and expressions in it.
pub fn in_select(select: &Select) -> Word {
    let Select {
        select_token: _,
        optimizer_hints: _,
        distinct: _,
        select_modifiers,
        top,
        top_before_distinct: _,
        projection,
        exclude,
        into: _,
        from,
        lateral_views,
        prewhere,
        selection: _,
        connect_by,
        group_by,
        cluster_by,
        distribute_by,
        sort_by,
        having: _,
        named_window: _,
        qualify,
        window_before_qualify: _,
        value_table_mode,
        flavor,
    } = select;
    let (all, modified) = match group_by {
        GroupByExpr::All(modifiers) => (true, !modifiers.is_empty()),
        GroupByExpr::Expressions(_, modifiers) => (false, !modifiers.is_empty()),
    };
    first(&[
        ("select", select_modifiers.is_some()),
        ("top", top.is_some()),
        ("exclude", exclude.is_some()),
        ("view", !lateral_views.is_empty()),
        ("prewhere", prewhere.is_some()),
        ("connect", !connect_by.is_empty()),
        ("all", all),
        ("with", modified),
        ("cluster", !cluster_by.is_empty()),
        ("distribute", !distribute_by.is_empty()),
        ("sort", !sort_by.is_empty()),
        ("qualify", qualify.is_some()),
        ("as", value_table_mode.is_some()),
        ("from", !matches!(flavor, SelectFlavor::Standard)),
    ])
    .or_else(|| projection.iter().find_map(in_item))
    .or_else(|| from.iter().flat_map(|table| &table.joins).find_map(in_join))
}

fn in_item(item: &SelectItem) -> Word {
    match item {
        SelectItem::Wildcard(options) | SelectItem::QualifiedWildcard(_, options) => in_wildcard(options),
        SelectItem::ExprWithAliases { .. } => Some("("),
        SelectItem::ExprWithAlias { .. } | SelectItem::UnnamedExpr(_) => None,
    }
}

fn in_wildcard(options: &WildcardAdditionalOptions) -> Word {
    let WildcardAdditionalOptions {
        wildcard_token: _,
        opt_ilike,
        opt_exclude,
        opt_except,
        opt_replace,
        opt_rename,
        opt_alias: _,
    } = options;
    first(&[
        ("ilike", opt_ilike.is_some()),
        ("exclude", opt_exclude.is_some()),
        ("except", opt_except.is_some()),
        ("replace", opt_replace.is_some()),
        ("rename", opt_rename.is_some()),
    ])
}

fn in_join(join: &Join) -> Word {
    let Join { relation: _, global, join_operator } = join;
    if *global {
        return Some("global");
    }
    match join_operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint) => first(&[("join", *constraint == JoinConstraint::None)]),
        JoinOperator::CrossJoin(JoinConstraint::None) => None,
        JoinOperator::CrossJoin(JoinConstraint::On(_)) => Some("on"),
        JoinOperator::CrossJoin(_) => Some("using"),
        JoinOperator::Semi(_) | JoinOperator::LeftSemi(_) | JoinOperator::RightSemi(_) => Some("semi"),
        JoinOperator::Anti(_) | JoinOperator::LeftAnti(_) | JoinOperator::RightAnti(_) => Some("anti"),
        JoinOperator::CrossApply | JoinOperator::OuterApply => Some("apply"),
        JoinOperator::AsOf { .. } => Some("asof"),
        JoinOperator::StraightJoin(_) => Some("straight_join"),
        JoinOperator::ArrayJoin | JoinOperator::LeftArrayJoin | JoinOperator::InnerArrayJoin => Some("array"),
    }
}

/// Of a relation in FROM.
pub fn in_factor(factor: &TableFactor) -> Word {
    match factor {
        TableFactor::Table {
            name: _,
            alias,
            args,
            with_hints,
            version,
            with_ordinality: _,
            partitions,
            json_path,
            sample,
            index_hints,
        } => first(&[
            ("settings", args.as_ref().is_some_and(|args| args.settings.is_some())),
            ("with", !with_hints.is_empty()),
            ("of", version.is_some()),
            ("partition", !partitions.is_empty()),
            (":", json_path.is_some()),
            ("index", !index_hints.is_empty()),
            ("sample", sample.as_ref().is_some_and(in_sample)),
        ])
        .or_else(|| in_alias(alias.as_ref())),
        TableFactor::Derived { lateral: _, subquery: _, alias, sample } => {
            first(&[("tablesample", sample.is_some())]).or_else(|| in_alias(alias.as_ref()))
        }
        TableFactor::UNNEST { with_offset, .. } => first(&[("offset", *with_offset)]),
        TableFactor::NestedJoin { table_with_joins, alias: _ } => table_with_joins.joins.iter().find_map(in_join),
        TableFactor::Pivot { .. } => Some("pivot"),
        TableFactor::Unpivot { .. } => Some("unpivot"),
        TableFactor::MatchRecognize { .. } => Some("match_recognize"),
        TableFactor::OpenJsonTable { .. } => Some("openjson"),
        TableFactor::SemanticView { .. } => Some("semantic_view"),
        TableFactor::TableFunction { .. } => Some("table"),
        TableFactor::Function { .. } | TableFactor::JsonTable { .. } | TableFactor::XmlTable { .. } => None,
    }
}

fn in_alias(alias: Option<&TableAlias>) -> Word {
    let TableAlias { explicit: _, name: _, columns: _, at } = alias?;
    first(&[("at", at.is_some())])
}

/// PostgreSQL's samples name how they are taken.
fn in_sample(sample: &TableSampleKind) -> bool {
    let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = sample;
    let TableSample { modifier: _, name, quantity: _, seed: _, bucket, offset } = sample.as_ref();
    name.is_none() || bucket.is_some() || offset.is_some()
}

/// Of an expression, but for those in it.
pub fn in_expr(expr: &Expr) -> Word {
    match expr {
        Expr::Function(function) => in_call(function),
        Expr::BinaryOp { op, .. } => match op {
            BinaryOperator::Xor => Some("xor"),
            BinaryOperator::Spaceship => Some("<=>"),
            BinaryOperator::DuckIntegerDivide => Some("//"),
            BinaryOperator::MyIntegerDivide => Some("div"),
            BinaryOperator::Match => Some("match"),
            BinaryOperator::Regexp => Some("regexp"),
            _ => None,
        },
        Expr::RLike { regexp, .. } => Some(if *regexp { "regexp" } else { "rlike" }),
        Expr::InUnnest { .. } => Some("unnest"),
        Expr::Convert { .. } => Some("convert"),
        Expr::MatchAgainst { .. } => Some("against"),
        Expr::MemberOf(_) => Some("member"),
        Expr::Prior(_) => Some("prior"),
        Expr::OuterJoin(_) => Some("+"),
        Expr::Dictionary(_) => Some("{"),
        Expr::Cast { array, format, .. } => first(&[("array", *array), ("format", format.is_some())]),
        _ => None,
    }
}

fn in_call(function: &Function) -> Word {
    let Function { name: _, uses_odbc_syntax, parameters, args, filter: _, null_treatment, over: _, within_group: _ } =
        function;
    first(&[
        ("{", *uses_odbc_syntax),
        (")", *parameters != FunctionArguments::None),
        ("nulls", null_treatment.is_some()),
    ])
    .or_else(|| match args {
        FunctionArguments::List(list) => in_arguments(list),
        FunctionArguments::Subquery(_) | FunctionArguments::None => None,
    })
}

fn in_arguments(list: &FunctionArgumentList) -> Word {
    let FunctionArgumentList { duplicate_treatment, args, clauses } = list;
    let is_all = |arg: &FunctionArg| matches!(arg, FunctionArg::Unnamed(FunctionArgExpr::Wildcard));
    let of_clause = |clause: &FunctionArgumentClause| match clause {
        FunctionArgumentClause::OrderBy(order) => order.iter().find_map(in_order),
        FunctionArgumentClause::IgnoreOrRespectNulls(_) => Some("nulls"),
        FunctionArgumentClause::Limit(_) => Some("limit"),
        FunctionArgumentClause::OnOverflow(_) => Some("on"),
        FunctionArgumentClause::Having(_) => Some("having"),
        FunctionArgumentClause::Separator(_) => Some("separator"),
        FunctionArgumentClause::JsonNullClause(_) | FunctionArgumentClause::JsonReturningClause(_) => None,
    };
    let distinct = *duplicate_treatment == Some(DuplicateTreatment::Distinct);
    first(&[("*", distinct && args.iter().any(is_all))]).or_else(|| clauses.iter().find_map(of_clause))
}

/// Of what rows are sorted by.
pub fn in_order(order: &OrderByExpr) -> Word {
    let OrderByExpr { expr: _, options: _, with_fill } = order;
    first(&[("fill", with_fill.is_some())])
}
