//! Statements on rows as PostgreSQL has them: RETURNING, ON CONFLICT, FROM and USING, MERGE, WITH; and that they touch
//! the files they must touch and no others.

use std::collections::BTreeSet;
use std::path::Path;

use tokio_postgres::{Client, SimpleQueryMessage};

use crate::support::{Lake, Server, error, rows, run, value};

/// The data files that the newest commits of a table name.
fn files(lake: &Lake, table: &str) -> BTreeSet<String> {
    let log = lake.folder.path().join("public").join(table).join("_delta_log");
    let mut commits: Vec<_> = std::fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).collect();
    commits.sort();
    let mut files = BTreeSet::new();
    for commit in commits.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
        for line in std::fs::read_to_string(commit).unwrap().lines() {
            let action: serde_json::Value = serde_json::from_str(line).unwrap();
            if let Some(path) = action["add"]["path"].as_str() {
                files.insert(path.to_owned());
            }
            if let Some(path) = action["remove"]["path"].as_str() {
                files.remove(path);
            }
        }
    }
    files
}

async fn changed(client: &Client, sql: &str) -> u64 {
    client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

#[tokio::test]
async fn changed_rows_are_returned() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (id bigint not null, name text, price numeric(12,2)); create table f (id int, n int)")
        .await;
    run(&client, "insert into f values (1, 10), (2, 20)").await;
    let returned = rows(&client, "insert into t values (1, 'a', 1.5), (2, 'b', 2.25) returning *").await;
    assert_eq!(returned, [["1", "a", "1.50"], ["2", "b", "2.25"]]);
    let returned = rows(&client, "insert into t (id) values (3) returning id + 1 as next, upper(name), price").await;
    assert_eq!(returned, [["4", "NULL", "NULL"]]);
    let returned =
        rows(&client, "update t set name = name || f.n from f where f.id = t.id returning t.name, f.*").await;
    assert_eq!(
        BTreeSet::from_iter(returned),
        BTreeSet::from([vec!["a10".into(), "1".into(), "10".into()], vec!["b20".into(), "2".into(), "20".into()]])
    );
    let returned = rows(
        &client,
        "update t as x set price = 0 where x.id = 3 returning x.id, (select count(*) from t where price = 0)",
    )
    .await;
    assert_eq!(returned, [["3", "0"]], "a subquery sees what was there before");
    let returned = rows(
        &client,
        "delete from t using f where f.id = t.id and f.n = 20 returning id_of.id, f.n".replace("id_of", "t").as_str(),
    )
    .await;
    assert_eq!(returned, [["2", "20"]]);
    assert_eq!(rows(&client, "delete from t where id > 100 returning *").await, Vec::<Vec<String>>::new());
    // described before it is executed, with names and types
    let statement = client.prepare("insert into t values ($1, $2, 0) returning id, name as label, 1").await.unwrap();
    let names: Vec<_> = statement.columns().iter().map(|column| (column.name(), column.type_().name())).collect();
    assert_eq!(names, [("id", "int8"), ("label", "text"), ("?column?", "int4")]);
    let row = client.query_one(&statement, &[&7_i64, &"seven"]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, &str>(1)), (7, "seven"));
    let answer = client.simple_query("insert into t values (8, 'x', 1) returning id").await.unwrap();
    assert!(matches!(answer.last(), Some(SimpleQueryMessage::CommandComplete(1))), "{answer:?}");
    assert_eq!(error(&client, "insert into t values (9, 'x', 1) returning 1 / (id - 9)").await.0, "22012");
    assert_eq!(value(&client, "select count(*) from t where id = 9").await, "0");
}

#[tokio::test]
async fn many_columns_and_tables_at_once() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (id int, a int, b text); create table s (id int, x int, y text)").await;
    run(&client, "insert into t select g, g, 'old' from generate_series(1, 5) g").await;
    run(&client, "insert into s values (2, 20, 'two'), (3, 30, 'three'), (3, 31, 'again')").await;
    assert_eq!(changed(&client, "update t set (a, b) = (a + 1, 'new') where id = 1").await, 1);
    assert_eq!(
        changed(&client, "update t set (a, b) = (select max(x), min(y) from s where s.id = t.id) where id = 2").await,
        1
    );
    // two rows of s match row 3: one of them is taken, once
    assert_eq!(changed(&client, "update t set a = s.x from s where s.id = t.id and t.id = 3").await, 1);
    assert_eq!(changed(&client, "delete from t using s, generate_series(4, 4) g where t.id = g and s.id = 3").await, 1);
    assert_eq!(
        changed(
            &client,
            "with big as (select id from t where id = 5) update t set b = 'big' where id in (select id from big)"
        )
        .await,
        1
    );
    assert_eq!(changed(&client, "with n as (select 6 as id) insert into t (id) select id from n").await, 1);
    let got = rows(&client, "select id, a, b from t order by id").await;
    assert_eq!(got[0], ["1", "2", "new"]);
    assert_eq!(got[1], ["2", "20", "two"]);
    assert!(got[2][1] == "30" || got[2][1] == "31", "{got:?}");
    assert_eq!(got[3], ["5", "5", "big"]);
    assert_eq!(got[4], ["6", "NULL", "NULL"]);
    assert_eq!(
        changed(&client, "with gone as (select 6 as id) delete from t using gone where gone.id = t.id").await,
        1
    );
    for (sql, sqlstate, message) in [
        ("update t set a = 1, a = 2", "42601", "multiple assignments to same column \"a\""),
        ("update t set (a, b) = (1, 2, 3)", "42601", "number of columns does not match number of values"),
        ("update t set nope = 1", "42703", "column \"nope\" of relation \"t\" does not exist"),
        ("insert into t (id, id) values (1, 2)", "42701", "column \"id\" specified more than once"),
        ("insert into t (id, a) values (1)", "42601", "more target columns than expressions"),
        ("insert into t (id) select 1, 2", "42601", "more expressions than target columns"),
        ("insert into t values (1), (2, 3)", "42601", "same length"),
        ("insert into t values (1) returning nope", "42703", "\"nope\""),
        ("update t set a = 'x'::text", "42804", "column \"a\" is of type integer but expression is of type text"),
        ("with d as (delete from t returning *) update t set a = 1", "0A000", "twice in one statement"),
    ] {
        let (state, told) = error(&client, sql).await;
        assert_eq!(state, sqlstate, "{sql}: {told}");
        assert!(told.contains(message), "{sql}: {told}");
    }
    assert_eq!(value(&client, "select count(*) from t").await, "4");
}

#[tokio::test]
async fn a_merge_does_what_its_clauses_say() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (id int, n int, note text); create table s (id int, n int)").await;
    run(&client, "insert into t values (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c'), (4, 4, 'd')").await;
    run(&client, "insert into s values (1, 10), (2, 0), (3, -1), (5, 50), (6, -6)").await;
    let merge = "merge into t using s on t.id = s.id \
        when matched and s.n < 0 then do nothing \
        when matched and s.n = 0 then delete \
        when matched then update set n = t.n + s.n, note = default \
        when not matched and s.n < 0 then do nothing \
        when not matched then insert (id, n) values (s.id, s.n)";
    assert_eq!(changed(&client, merge).await, 3);
    let expected = [["1", "11", "NULL"], ["3", "3", "c"], ["4", "4", "d"], ["5", "50", "NULL"]];
    assert_eq!(rows(&client, "select * from t order by id").await, expected);
    let twice =
        "merge into t using (values (1, 1), (1, 2)) as s (id, n) on t.id = s.id when matched then update set n = s.n";
    assert_eq!(error(&client, twice).await.0, "21000");
    assert_eq!(
        error(&client, "merge into t using s on t.id = s.id when matched then delete when matched then delete").await.0,
        "42601"
    );
    assert_eq!(rows(&client, "select * from t order by id").await, expected);
    let params = client
        .execute(
            "merge into t using (select $1::int as id) s on t.id = s.id when matched then update set note = $2",
            &[&4, &"four"],
        )
        .await;
    assert_eq!(params.unwrap(), 1);
    assert_eq!(value(&client, "select note from t where id = 4").await, "four");
}

#[tokio::test]
async fn only_files_with_changed_rows_are_rewritten() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (id int, n int)").await;
    for from in [0, 1000, 2000] {
        run(&client, &format!("insert into t select g, 0 from generate_series({from} + 1, {from} + 1000) g")).await;
    }
    let before = files(&lake, "t");
    assert!(before.len() >= 3, "{before:?}");
    assert_eq!(changed(&client, "update t set n = 1 where id between 1500 and 1510").await, 11);
    let after = files(&lake, "t");
    assert_eq!(before.difference(&after).count(), 1, "{before:?} {after:?}");
    assert_eq!(changed(&client, "delete from t where id <= 1000").await, 1000);
    let last = files(&lake, "t");
    assert_eq!(
        (after.difference(&last).count(), last.difference(&after).count()),
        (1, 0),
        "a file that goes whole is not rewritten"
    );
    let merge = "merge into t using generate_series(2990, 3005) g(id) on t.id = g.id \
        when matched then update set n = 2 when not matched then insert values (g.id, 3)";
    assert_eq!(changed(&client, merge).await, 16);
    assert_eq!(changed(&client, "update t set n = 9 where id = -1").await, 0);
    assert_eq!(
        rows(&client, "select n, count(*), min(id), max(id) from t group by n order by n").await,
        [
            ["0", "1978", "1001", "2989"],
            ["1", "11", "1500", "1510"],
            ["2", "11", "2990", "3000"],
            ["3", "5", "3001", "3005"]
        ]
    );
    assert_eq!(changed(&client, "delete from t").await, 2005);
    assert_eq!(files(&lake, "t").len(), 0);
    assert!(Path::new(&lake.folder.path().join("public/t/_delta_log")).exists());
}

#[tokio::test]
async fn rows_of_a_transaction_wait_for_one_file() {
    let lake = Lake::new();
    let client = lake.client().await;
    let other = lake.client().await;
    run(&client, "create table t (id int not null, name text, day date)").await;
    run(&client, "begin").await;
    let insert = client.prepare("insert into t values ($1, $2, '2024-02-29')").await.unwrap();
    for id in 0..100 {
        client.execute(&insert, &[&id, &format!("n{id}")]).await.unwrap();
    }
    assert_eq!(
        rows(&client, "select count(*), min(day), max(name) from t where id >= 50").await,
        [["50", "2024-02-29", "n99"]]
    );
    assert_eq!(value(&other, "select count(*) from t").await, "0");
    run(
        &client,
        "savepoint a; insert into t (id) values (1000), (1001); savepoint b; insert into t (id) values (2000)",
    )
    .await;
    assert_eq!(value(&client, "select count(*) from t").await, "103");
    run(&client, "rollback to b").await;
    assert_eq!(value(&client, "select count(*) from t").await, "102");
    run(&client, "rollback to a").await;
    assert_eq!(value(&client, "select count(*) from t").await, "100");
    run(&client, "commit").await;
    assert_eq!(files(&lake, "t").len(), 1);
    assert_eq!(value(&other, "select count(*) from t").await, "100");
    run(&client, "begin; insert into t values (1, 'again'); update t set name = 'both' where id = 1").await;
    assert_eq!(value(&client, "select count(*) from t where name = 'both'").await, "2");
    run(&client, "insert into t values (7000); delete from t where id = 7000; insert into t values (7001); rollback")
        .await;
    assert_eq!(value(&client, "select count(*) from t").await, "100");
    run(&client, "begin; insert into t values (1); truncate t; insert into t values (2); commit").await;
    assert_eq!(rows(&client, "select id from t").await, [["2"]]);
    let failed = error(&client, "insert into t values (null)").await;
    assert_eq!(failed.0, "23502");
    assert!(
        failed.1.contains("null value in column \"id\" of relation \"t\" violates not-null constraint"),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_change_is_explained_and_not_made() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (id int); insert into t values (1)").await;
    let plan = rows(&client, "explain delete from t where id = 1").await;
    assert_eq!(plan[0], ["Delete on t"]);
    assert!(plan.len() > 1, "{plan:?}");
    assert_eq!(error(&client, "explain analyze delete from t").await.0, "0A000");
    run(
        &client,
        "prepare gone(int) as delete from t where id = $1; prepare kept(int) as select * from t where id = $1",
    )
    .await;
    assert_eq!(rows(&client, "explain execute gone(1)").await[0], ["Delete on t"]);
    let plan = rows(&client, "explain analyze execute kept(1)").await.concat().join("\n");
    assert!(plan.contains("id@0 = 1") && plan.contains("Rows: 1"), "{plan}");
    assert_eq!(error(&client, "explain execute kept()").await.0, "42601");
    assert_eq!(value(&client, "select count(*) from t").await, "1");
}

#[tokio::test]
async fn plans_are_explained_as_json_too() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table t (id int, b text); insert into t values (1, 'x'), (2, 'y')").await;
    let read = |text: String| serde_json::from_str::<serde_json::Value>(&text).expect("EXPLAIN gives a document");
    let sql = "select a.b, count(*) from t a join t b using (id) group by a.b order by 1";
    let plan = read(value(&client, &format!("explain (format json) {sql}")).await);
    let nodes = plan.to_string();
    assert!(nodes.contains("\"Node Type\":\"Hash Join\"") && nodes.contains("\"Seq Scan\""), "{nodes}");
    assert!(plan[0]["Plan"]["Plans"].is_array() && plan[0].get("Execution Time").is_none(), "{plan}");
    let measured = read(value(&client, &format!("explain (analyze, format json) {sql}")).await);
    assert!(measured[0]["Execution Time"].is_number(), "{measured}");
    assert_eq!(measured[0]["Plan"]["Actual Rows"], 2, "{measured}");
    let change = read(value(&client, "explain (format json) update t set b = 'z' where id = 2").await);
    assert_eq!(change[0]["Change"], "Update on t");
    assert_eq!(error(&client, "explain (format xml) select 1").await.0, "0A000");
}

/// A table as another engine, or CREATE TABLE, leaves it: empty, with things that it asks of rows.
fn asking_table(lake: &Path) {
    use serde_json::json;
    let field = |name: &str, data_type: &str, nullable: bool, metadata: serde_json::Value| json!({ "name": name, "type": data_type, "nullable": nullable, "metadata": metadata });
    let schema = json!({ "type": "struct", "fields": [
        field("id", "long", false, json!({ "lakewire.identity": "by default" })),
        field("code", "string", true, json!({ "__CHAR_VARCHAR_TYPE_STRING": "varchar(3)" })),
        field("n", "integer", true, json!({ "CURRENT_DEFAULT": "40 + 2" })),
        field("twice", "long", true, json!({ "delta.generationExpression": "n * 2" })),
    ] });
    let key = json!({ "name": "asking_pkey", "kind": "primary_key", "columns": ["id"] });
    let actions = [
        json!({ "protocol": { "minReaderVersion": 1, "minWriterVersion": 4 } }),
        json!({ "metaData": {
            "id": "5fba94ed-9794-4965-ba6e-6ee3c0d22af9",
            "format": { "provider": "parquet", "options": {} },
            "schemaString": schema.to_string(),
            "partitionColumns": [],
            "configuration": { "delta.constraints.n_is_small": "n < 100", "lakewire.constraints.asking_pkey": key.to_string() },
            "createdTime": 1_700_000_000_000_i64,
        } }),
    ];
    let log = lake.join("public/asking/_delta_log");
    std::fs::create_dir_all(&log).unwrap();
    let lines: Vec<String> = actions.iter().map(ToString::to_string).collect();
    std::fs::write(log.join("00000000000000000000.json"), lines.join("\n")).unwrap();
}

#[tokio::test]
async fn what_a_table_asks_of_its_rows_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    asking_table(folder.path());
    let lake = Lake { server: Server::serve(folder.path(), &[]), folder };
    let client = lake.client().await;
    let returned = rows(&client, "insert into asking (code) values ('a'), ('b  ') returning *").await;
    assert_eq!(returned, [["1", "a", "42", "84"], ["2", "b  ", "42", "84"]]);
    let returned = rows(
        &client,
        "insert into asking (id, code, n) values (10, 'abc   ', default), (default, null, 1) returning *",
    )
    .await;
    assert_eq!(returned, [["10", "abc", "42", "84"], ["3", "NULL", "1", "2"]]);
    assert_eq!(rows(&client, "update asking set n = n + 1 where id = 10 returning n, twice").await, [["43", "86"]]);
    assert_eq!(
        rows(&client, "update asking set n = default, twice = default where id = 3 returning n, twice").await,
        [["42", "84"]]
    );
    assert_eq!(rows(&client, "insert into asking default values returning id, n").await, [["11", "42"]]);
    for (sql, sqlstate, message) in [
        ("insert into asking (code) values ('abcd')", "22001", "value too long for type character varying(3)"),
        ("insert into asking (n) values (100)", "23514", "violates check constraint \"n_is_small\""),
        ("update asking set n = 1000 where id = 1", "23514", "violates check constraint \"n_is_small\""),
        ("update asking set id = null where id = 1", "23502", "null value in column \"id\""),
        ("insert into asking (twice) values (1)", "428C9", "cannot insert a non-DEFAULT value into column \"twice\""),
        ("update asking set twice = 1", "428C9", "column \"twice\" can only be updated to DEFAULT"),
        ("insert into asking (id, n) values (1, 1) on conflict (code) do nothing", "42P10", "no unique or exclusion"),
    ] {
        let (state, told) = error(&client, sql).await;
        assert_eq!(state, sqlstate, "{sql}: {told}");
        assert!(told.contains(message), "{sql}: {told}");
    }
    let upsert = "insert into asking as a (id, code, n) values (1, 'new', 5), (20, 'ins', 6) \
        on conflict (id) do update set code = excluded.code, n = a.n + excluded.n where a.n < 90 returning id, code, n, twice";
    let returned = BTreeSet::from_iter(rows(&client, upsert).await);
    let expected = [["1", "new", "47", "94"], ["20", "ins", "6", "12"]];
    assert_eq!(returned, BTreeSet::from_iter(expected.map(|row| row.map(str::to_owned).to_vec())));
    assert_eq!(
        changed(&client, "insert into asking (id, code) values (1, 'x'), (30, 'y'), (30, 'z') on conflict do nothing")
            .await,
        1
    );
    assert_eq!(
        changed(&client, "insert into asking (id) values (1), (31) on conflict on constraint asking_pkey do nothing")
            .await,
        1
    );
    let twice = "insert into asking (id) values (40), (40) on conflict (id) do update set code = 'x'";
    assert_eq!(error(&client, twice).await.0, "21000");
    let got = rows(&client, "select id, code from asking order by id").await;
    let ids: Vec<&str> = got.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(ids, ["1", "2", "3", "10", "11", "20", "30", "31"]);
    assert_eq!((got[0][1].as_str(), got[6][1].as_str()), ("new", "y"));
}

#[tokio::test]
async fn changes_in_with_return_their_rows_to_the_statement() {
    let lake = Lake::new();
    let client = lake.client().await;
    run(&client, "create table live (id int, n int); create table archive (id int, n int)").await;
    run(&client, "insert into live select g, g * 10 from generate_series(1, 5) g").await;
    let moved = "with gone as (delete from live where id > $1 returning *) insert into archive select * from gone";
    assert_eq!(client.execute(moved, &[&3]).await.unwrap(), 2);
    let both = "with up as (update live set n = 0 where id = 1 returning id as key, n), \
        put as (insert into archive values (9, 9) returning id) \
        select up.key, up.n, put.id, (select n from live where id = 1) from up, put";
    assert_eq!(rows(&client, both).await, [["1", "0", "9", "10"]], "the query sees what was there before");
    assert_eq!(rows(&client, "select * from live order by id").await, [["1", "0"], ["2", "20"], ["3", "30"]]);
    assert_eq!(rows(&client, "select * from archive order by id").await, [["4", "40"], ["5", "50"], ["9", "9"]]);
    let failed = error(&client, "with d as (delete from live returning id) select 1 / (id - 1) from d").await;
    assert_eq!(failed.0, "22012");
    assert_eq!(value(&client, "select count(*) from live").await, "3");
}
