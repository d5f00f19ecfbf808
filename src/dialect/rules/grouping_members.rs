//! `GROUP BY (a, b)` → `GROUP BY a, b`, `ROLLUP ((a, b), c)` → `GROUPING SETS ((a, b, c), (a, b), ())`, and
//! `GROUPING SETS (CUBE (a, b), c)` → the sets that it stands for.
//!
//! Blocked by: DataFusion takes single columns in ROLLUP and CUBE, and neither within GROUPING SETS. Remove when it does.

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Ident, ObjectNamePart, Select,
};

use super::Rule;

/// More would be more sets than DataFusion can number: CUBE of so many members is left as it is.
const CUBE_MAX: usize = 12;

pub struct Rewriter;

type Sets = Vec<Vec<Expr>>;

impl Rule for Rewriter {
    fn pre_visit_select(&mut self, select: &mut Select) {
        let GroupByExpr::Expressions(groups, _) = &mut select.group_by else { return };
        let members = std::mem::take(groups).into_iter().flat_map(|group| match group {
            Expr::Tuple(members) if !members.is_empty() => members,
            group => vec![group],
        });
        *groups = members.collect();
        for group in groups {
            let is_plain = |members: &Sets| members.iter().all(|member| member.len() == 1);
            let sets = match group {
                Expr::Rollup(members) if !is_plain(members) => rollup(members),
                Expr::Cube(members) if !is_plain(members) && members.len() <= CUBE_MAX => cube(members),
                Expr::GroupingSets(sets) if sets.iter().any(|set| within(set).is_some()) => {
                    sets.iter().flat_map(|set| within(set).unwrap_or_else(|| vec![set.clone()])).collect()
                }
                _ => continue,
            };
            *group = Expr::GroupingSets(sets);
        }
    }
}

fn rollup(members: &[Vec<Expr>]) -> Sets {
    (0..=members.len()).rev().map(|length| members[..length].concat()).collect()
}

fn cube(members: &[Vec<Expr>]) -> Sets {
    let all = 1_usize << members.len();
    let chosen = |which: usize| {
        // the first member is the last to go
        let is_in = |at: usize| which & (1 << (members.len() - 1 - at)) != 0;
        members.iter().enumerate().filter(|(at, _)| is_in(*at)).flat_map(|(_, member)| member.clone()).collect()
    };
    (0..all).rev().map(chosen).collect()
}

/// The sets that a ROLLUP or CUBE among grouping sets stands for: the parser takes it for a call.
fn within(set: &[Expr]) -> Option<Sets> {
    let [Expr::Function(function)] = set else { return None };
    let [ObjectNamePart::Identifier(Ident { value, quote_style: None, .. })] = function.name.0.as_slice() else {
        return None;
    };
    let FunctionArguments::List(list) = &function.args else { return None };
    let members = list.args.iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(Expr::Tuple(members))) => Some(members.clone()),
        FunctionArg::Unnamed(FunctionArgExpr::Expr(member)) => Some(vec![member.clone()]),
        _ => None,
    });
    let members = members.collect::<Option<Sets>>()?;
    match value.to_ascii_lowercase().as_str() {
        "rollup" => Some(rollup(&members)),
        "cube" if members.len() <= CUBE_MAX => Some(cube(&members)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use crate::dialect::parse_single;

    #[test]
    fn members_of_several_columns_go_together() {
        for (groups, sets) in [
            ("ROLLUP ((a, b), c)", "GROUPING SETS ((a, b, c), (a, b), ())"),
            ("CUBE ((a, b), c)", "GROUPING SETS ((a, b, c), (a, b), (c), ())"),
            ("GROUPING SETS (ROLLUP(a, b), c)", "GROUPING SETS ((a, b), (a), (), (c))"),
            ("ROLLUP (a, b)", "ROLLUP (a, b)"),
        ] {
            let sql = format!("SELECT count(*) AS n FROM t GROUP BY {groups}");
            let expected = format!("SELECT count(*) AS n FROM t GROUP BY {sets}");
            assert_eq!(parse_single(&sql).unwrap().ast.to_string(), expected);
        }
    }
}
