//! The generic tests as SQL.

/// What a generic test asserts. Columns and expressions are SQL text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    NotNull {
        column: String,
    },
    Unique {
        column: String,
    },
    AcceptedValues {
        column: String,
        values: Vec<String>,
        quote: bool,
    },
    /// Each value of `column` is one of `field` in `to`.
    Relationships {
        column: String,
        to: String,
        field: String,
    },
    /// With a column, the expression is what follows it: `>= 0`.
    ExpressionIsTrue {
        expression: String,
        column: Option<String>,
    },
    UniqueCombination {
        columns: Vec<String>,
    },
}

impl Rule {
    /// The query for the rows of `relation` (SQL text: a name, or a subquery in parentheses with an alias) that break it.
    pub fn sql(&self, relation: &str) -> String {
        match self {
            Self::NotNull { column } => format!("select *\nfrom {relation}\nwhere {column} is null"),
            Self::Unique { column } => format!(
                "select {column} as unique_field, count(*) as n_records\nfrom {relation}\nwhere {column} is not null\n\
                 group by {column}\nhaving count(*) > 1"
            ),
            Self::AcceptedValues { column, values, quote } => {
                let values: Vec<String> =
                    values.iter().map(|value| if *quote { literal(value) } else { value.clone() }).collect();
                format!(
                    "select value_field, n_records\nfrom (\n    select {column} as value_field, count(*) as n_records\n    \
                     from {relation}\n    group by {column}\n) as all_values\nwhere value_field not in ({})",
                    values.join(", ")
                )
            }
            Self::Relationships { column, to, field } => format!(
                "select child.from_field\nfrom (\n    select {column} as from_field\n    from {relation}\n    \
                 where {column} is not null\n) as child\nleft join (\n    select {field} as to_field\n    from {to}\n) as parent\n    \
                 on child.from_field = parent.to_field\nwhere parent.to_field is null"
            ),
            Self::ExpressionIsTrue { expression, column } => {
                let column = column.as_ref().map(|column| format!("{column} ")).unwrap_or_default();
                format!("select *\nfrom {relation}\nwhere not ({column}{expression})")
            }
            Self::UniqueCombination { columns } => {
                let columns = columns.join(", ");
                format!(
                    "select {columns}, count(*) as n_records\nfrom {relation}\ngroup by {columns}\nhaving count(*) > 1"
                )
            }
        }
    }
}

/// dbt puts the value between quotes as it stands, so projects written for it double their quotes; a single one, which
/// dbt would stumble over, is doubled here.
fn literal(text: &str) -> String {
    let parts: Vec<String> = text.split("''").map(|part| part.replace('\'', "''")).collect();
    format!("'{}'", parts.join("''"))
}

/// A generic test's name as dbt makes it: kind, target, then the arguments by name, what is no word made `_`.
///
/// `arguments` are (name, values as Python prints them); `model` is not one of them.
pub fn test_name(kind: &str, target: &str, arguments: &[(String, Vec<String>)]) -> String {
    let mut arguments: Vec<_> = arguments.iter().collect();
    arguments.sort_by(|a, b| a.0.cmp(&b.0));
    let words: Vec<String> = arguments.iter().flat_map(|(_, values)| values.iter().map(|value| word(value))).collect();
    format!("{kind}_{target}_{}", words.join("__"))
}

/// Each run of characters other than ASCII letters, digits and `_` becomes one `_`.
fn word(text: &str) -> String {
    let mut word = String::with_capacity(text.len());
    let mut in_run = false;
    for c in text.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
            in_run = false;
        } else if !in_run {
            word.push('_');
            in_run = true;
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(list: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        list.iter().map(|(name, values)| ((*name).into(), values.iter().map(|v| (*v).into()).collect())).collect()
    }

    #[test]
    fn names_are_those_of_dbt() {
        for (kind, target, arguments, name) in [
            ("not_null", "orders", args(&[("column_name", &["id"])]), "not_null_orders_id"),
            (
                "accepted_values",
                "orders",
                args(&[("values", &["placed", "shipped out"]), ("column_name", &["status"])]),
                "accepted_values_orders_status__placed__shipped_out",
            ),
            (
                "relationships",
                "orders",
                args(&[("to", &["ref('customers')"]), ("field", &["id"]), ("column_name", &["customer_id"])]),
                "relationships_orders_customer_id__id__ref_customers_",
            ),
            ("source_unique", "bronze_lines", args(&[("column_name", &["id"])]), "source_unique_bronze_lines_id"),
        ] {
            assert_eq!(test_name(kind, target, &arguments), name);
        }
    }

    #[test]
    fn a_literal_is_quoted_once() {
        let rule =
            Rule::AcceptedValues { column: "s".into(), values: vec!["Can't".into(), "Don''t".into()], quote: true };
        assert!(rule.sql("t").ends_with("where value_field not in ('Can''t', 'Don''t')"), "{}", rule.sql("t"));
        let rule = Rule::AcceptedValues { column: "s".into(), values: vec!["1".into()], quote: false };
        assert!(rule.sql("t").ends_with("not in (1)"));
    }

    #[test]
    fn an_expression_may_follow_its_column() {
        let rule = Rule::ExpressionIsTrue { expression: ">= 0".into(), column: Some("units".into()) };
        assert_eq!(rule.sql("gold.x"), "select *\nfrom gold.x\nwhere not (units >= 0)");
    }
}
