//! Loading projects, good and bad.

use super::*;
use crate::model::{Materialization, Model};
use crate::quality::{Test, TestSeverity};

/// A project in a folder of its own, from (path, text).
fn project(files: &[(&str, &str)]) -> (tempfile::TempDir, Project, Vec<String>) {
    let dir = tempfile::tempdir().unwrap();
    let has_own = files.iter().any(|(path, _)| *path == "dbt_project.yml");
    let default = ("dbt_project.yml", "name: shop\nmodel-paths: [silver, gold]\nmodels:\n  +materialized: table\n");
    for (path, text) in files.iter().chain(if has_own { &[][..] } else { std::slice::from_ref(&default) }) {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let (project, problems) = load(dir.path(), &ProjectEnv::default());
    let prefix = format!("{}/", dir.path().display());
    let problems = problems.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect();
    (dir, project, problems)
}

fn model<'a>(project: &'a Project, name: &str) -> &'a Model {
    project.models.get(&name.parse().unwrap()).unwrap_or_else(|| panic!("{name} of {:?}", project.models.keys()))
}

fn names(list: &[TableName]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

const SOURCES: (&str, &str) = (
    "silver/sources.yml",
    "version: 2\nsources:\n  - name: bronze\n    tables:\n      - name: lines\n      - name: people\n",
);

#[test]
fn the_project_of_this_repository_has_no_problem() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql");
    let (project, problems) = load(&root, &ProjectEnv::default());
    assert!(problems.is_empty(), "{}", problems.iter().map(|p| format!("{p}\n")).collect::<String>());
    assert_eq!(project.sources.len(), 3);
    assert!(project.models.len() >= 9);
    for model in project.models.values() {
        assert!(!model.volatile, "{}", model.name);
        assert_eq!(model.materialized, Materialization::Table);
    }
}

#[test]
fn plain_sql_and_jinja_find_the_same_references() {
    let (_dir, project, problems) = project(&[
        SOURCES,
        ("silver/a.sql", "select * from {{ source('bronze', 'lines') }} join people using (id)"),
        ("gold/b.sql", "with a2 as (select * from a)\nselect *, a.id from a, a2, foreign_schema.t;\n"),
        ("gold/c.sql", "{{ config(materialized='view') }}\nselect now() from {{ ref('b') }}, lakewire.tables"),
    ]);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(names(&model(&project, "silver.a").depends_on), ["bronze.lines", "bronze.people"]);
    let b = model(&project, "gold.b");
    assert_eq!(
        b.compiled_sql,
        "with a2 as (select * from silver.a)\nselect *, a.id from silver.a, a2, foreign_schema.t"
    );
    assert_eq!(names(&b.depends_on), ["foreign_schema.t", "silver.a"]);
    let c = model(&project, "gold.c");
    assert_eq!(
        (c.materialized, c.volatile, names(&c.depends_on)),
        (Materialization::View, true, vec!["gold.b".to_owned()])
    );
}

#[test]
fn every_problem_is_reported_at_once_with_its_place() {
    let (_dir, _project, problems) = project(&[
        SOURCES,
        ("silver/orders.sql", "select *\nfrom {{ ref('ordes') }}"),
        ("silver/order_lines.sql", "select *\nfrom {{ source('bronze', 'lins') }}"),
        ("silver/syntax.sql", "{% set x = 1 %}\nselect {{ x }}\nfrom bronze.lines\nwhere )"),
        ("silver/jinja.sql", "select 1\n{% if %}"),
        ("silver/two.sql", "select 1;\nselect 2"),
        ("silver/plain.sql", "select *\nfrom order_line"),
        ("silver/wrong_schema.sql", "select 1 from gold.orders, bronze.liness"),
        ("gold/x.sql", "select 1 from {{ ref('y') }}"),
        ("gold/y.sql", "select 1 from x"),
        ("gold/orders.sql", "select 1"),
        (
            "gold/schema.yml",
            "version: 2\nmodels:\n  - name: x\n    descripton: no\n    columns:\n      - name: a\n        tests: [not_nul]\n      - name: a\n  - name: z\n",
        ),
        ("gold/bad.yml", "models:\n  - name: [x\n"),
    ]);
    let expected = [
        "error: gold/bad.yml:",
        "error: gold/schema.yml:4:5: unknown key \"descripton\" in a model\n  hint: did you mean \"description\"?",
        "error: gold/schema.yml:7:17: unknown test \"not_nul\"\n  hint: did you mean \"not_null\"?",
        "error: gold/schema.yml:8:9: column \"a\" of \"x\" is documented twice",
        "error: gold/schema.yml:9:11: model \"z\" is documented, but there is no z.sql\n  hint: did you mean \"x\"?",
        "error: gold/x.sql:1:23: models depend on each other: gold.x → gold.y → gold.x",
        "error: silver/jinja.sql:2:",
        "error: silver/order_lines.sql:2:27: unknown source \"bronze.lins\"\n  hint: did you mean \"bronze.lines\"?",
        "error: gold/orders.sql:1:1: model \"gold.orders\" is already defined by silver/orders.sql",
        "error: silver/orders.sql:2:14: unknown model \"ordes\"\n  hint: did you mean \"orders\"?",
        "error: silver/plain.sql:2:6: unknown relation \"order_line\"\n  hint: did you mean \"order_lines\"?",
        "error: silver/syntax.sql:4:7: syntax error at or near \")\"",
        "error: silver/two.sql:2:1: a model is one query, and this file has 2 statements",
        "error: silver/wrong_schema.sql:1:15: \"gold.orders\" is neither a model nor a source\n  hint: did you mean \"silver.orders\"?",
        "error: silver/wrong_schema.sql:1:28: \"bronze.liness\" is neither a model nor a source\n  hint: did you mean \"bronze.lines\"?",
    ];
    let shown = problems.join("\n");
    for expected in expected {
        assert!(problems.iter().any(|problem| problem.starts_with(expected)), "no {expected}\nin\n{shown}");
    }
    assert_eq!(problems.len(), expected.len(), "{shown}");
}

#[test]
fn configuration_comes_from_project_schema_file_and_model() {
    let (_dir, project, problems) = project(&[
        (
            "dbt_project.yml",
            "name: shop\nmodels:\n  shop:\n    mart:\n      +schema: gold\n      +tags: [m]\n      +materialized: table\n",
        ),
        ("models/mart/a.sql", "{{ config(alias='b', tags='own') }}select 1 as x"),
        ("models/mart/c.sql", "{{ config(enabled=false) }}select 1 as x from nowhere"),
        ("models/mart/d.sql", "{{ config(materialised='view') }}select 1 from {{ ref('a') }}"),
        ("models/s.yml", "models:\n  - name: a\n    config: {materialized: view, tags: [yaml]}\n  - name: c\n"),
    ]);
    let a = model(&project, "gold.b");
    assert_eq!((a.materialized, a.tags.join(",")), (Materialization::View, "m,yaml,own".to_owned()));
    assert_eq!(model(&project, "gold.d").compiled_sql, "select 1 from gold.b");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with(
            "error: models/mart/d.sql:1:4: unknown config \"materialised\"\n  hint: did you mean \"materialized\"?"
        ),
        "{problems:?}"
    );
}

#[test]
fn a_fingerprint_changes_with_the_sql_and_the_configuration() {
    let of = |sql: &str, schema: &str| {
        let (_dir, project, problems) = project(&[("gold/a.sql", sql), ("gold/s.yml", schema)]);
        assert_eq!(problems, Vec::<String>::new());
        model(&project, "gold.a").fingerprint.clone()
    };
    let doc = "models: [{name: a}]";
    let first = of("select 1", doc);
    assert_eq!(first.len(), 64);
    assert_eq!(first, of("{# a comment #}select 1", doc));
    assert_ne!(first, of("select 2", doc));
    assert_ne!(first, of("{{ config(materialized='view') }}select 1", doc));
    assert_ne!(first, of("select 1", "models: [{name: a, description: new}]"));
}

const TESTS: &str = r#"
version: 2
models:
  - name: a
    data_tests:
      - dbt_utils.unique_combination_of_columns:
          combination_of_columns: [x, y]
      - dbt_utils.expression_is_true:
          arguments:
            expression: x < y
          config: {severity: WARN, where: "x > 0"}
      - positive: {column_name: x}
    columns:
      - name: x
        tests:
          - not_null
          - unique: {name: x_is_unique, limit: 5}
          - accepted_values: {values: [1, 2], quote: false}
          - relationships: {to: "source('bronze', 'lines')", field: id}
          - expression_is_true: {expression: '>= 0'}
"#;

fn test<'a>(project: &'a Project, name: &str) -> &'a Test {
    let names: Vec<&str> = project.tests.iter().map(|test| test.name.as_str()).collect();
    project.tests.iter().find(|test| test.name == name).unwrap_or_else(|| panic!("{name} of {names:?}"))
}

#[test]
fn tests_are_compiled_and_named_as_by_dbt() {
    let (_dir, project, problems) = project(&[
        SOURCES,
        ("gold/a.sql", "select 1 as x, 2 as y"),
        ("gold/s.yml", TESTS),
        (
            "macros/t.sql",
            "{% test positive(model, column_name) %}select * from {{ model }} where {{ column_name }} <= 0{% endtest %}",
        ),
        ("tests/sums.sql", "{{ config(severity='warn') }}select * from {{ ref('a') }}, bronze.lines where x <> 1"),
    ]);
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(project.tests.len(), 9);
    assert_eq!(test(&project, "not_null_a_x").sql, "select *\nfrom gold.a\nwhere x is null");
    assert!(test(&project, "x_is_unique").sql.ends_with("as failures limit 5"));
    assert!(test(&project, "accepted_values_a_x__False__1__2").sql.ends_with("not in (1, 2)"));
    let relationship = test(&project, "relationships_a_x__id__source_bronze_lines_");
    assert_eq!(names(&relationship.depends_on), ["bronze.lines", "gold.a"]);
    let expression = test(&project, "expression_is_true_a_x_y");
    assert_eq!(expression.severity, TestSeverity::Warn);
    assert_eq!(expression.sql, "select *\nfrom (select * from gold.a where x > 0) as dbt_subquery\nwhere not (x < y)");
    test(&project, "unique_combination_of_columns_a_x__y");
    test(&project, "expression_is_true_a_x___0");
    assert_eq!(test(&project, "positive_a_x").sql, "select * from gold.a where x <= 0");
    let sums = test(&project, "sums");
    assert_eq!((sums.severity, sums.target.to_string()), (TestSeverity::Warn, "gold.a".to_owned()));
}

#[test]
fn a_test_with_wrong_arguments_is_reported() {
    let (_dir, _project, problems) = project(&[
        ("gold/a.sql", "select 1 as x"),
        (
            "gold/s.yml",
            "models:\n  - name: a\n    columns:\n      - name: x\n        tests:\n          - not_null: {severty: warn}\n          - accepted_values: {value: [1]}\n          - accepted_values: {values: 1}\n          - relationships: {to: ref('b'), field: id}\n          - unique: {severity: loud}\n    tests:\n      - unique\n",
        ),
    ]);
    let expected = [
        "error: gold/s.yml:6:33: test \"not_null\" has no argument \"severty\"\n  hint: did you mean \"severity\"?",
        "error: gold/s.yml:7:38: test \"accepted_values\" has no argument \"value\"\n  hint: did you mean \"values\"?",
        "error: gold/s.yml:8:39: values of test \"accepted_values\" must be a list",
        "error: gold/s.yml:9:13: unknown model \"b\"\n  hint: did you mean \"a\"?",
        "error: gold/s.yml:10:22: severity of a test must be warn or error, not \"loud\"",
        "error: gold/s.yml:12:9: test \"unique\" has no column",
    ];
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}");
    }
    assert_eq!(problems.len(), expected.len(), "{problems:?}");
}

#[test]
fn a_folder_without_a_project_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (_, problems) = load(&dir.path().join("sql"), &ProjectEnv::default());
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.starts_with("no project in"), "{}", problems[0]);
}
