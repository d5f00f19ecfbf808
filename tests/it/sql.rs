//! SQL as PostgreSQL's clients mean it: sessions, transactions, errors, time travel, and what tools ask of the catalogs.

use std::process::Command;
use std::sync::Arc;

use futures::StreamExt;
use lakewire::catalog::{Catalog, Column};
use lakewire::config::Config;
use lakewire::engine::Engine;
use lakewire::names::TableName;
use lakewire::pgserver::{PgServer, ServerSettings};
use lakewire::store::{LakeStore, StoreOptions};
use lakewire::table::{Tables, WriteMode, WriteSpec};
use tokio_postgres::Client;

use datafusion::arrow::array::{ArrayRef, Date32Array, Decimal128Array, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use crate::support::{error, rows, skipped, value};

/// A lake with `gold.daily_sales` (10 rows a release) and the view `gold.by_country`, served in this process.
struct Lake {
    catalog: Arc<Catalog>,
    port: u16,
    folder: tempfile::TempDir,
}

impl Lake {
    async fn new() -> Self {
        Self::with(&[]).await
    }

    async fn with(settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = LakeStore::open(folder.path().to_str().unwrap(), &StoreOptions::default()).unwrap();
        let catalog = Catalog::open(store.clone(), Tables::new(store)).await.unwrap();
        let engine = Engine::new(&Config::with(settings).unwrap(), catalog.clone()).unwrap();
        let listen = ServerSettings { listen: "127.0.0.1:0".to_owned(), ..ServerSettings::default() };
        let server = PgServer::bind(engine, listen).await.unwrap();
        let port = server.local_addr().port();
        tokio::spawn(server.run(Default::default()));
        let lake = Self { catalog, port, folder };
        lake.append().await;
        lake
    }

    /// Ten more rows, and the view, as the next release.
    async fn append(&self) {
        let schema = Arc::new(Schema::new(vec![
            Field::new("invoice_day", DataType::Date32, true),
            Field::new("orders", DataType::Int64, true),
            Field::new("gross_revenue", DataType::Decimal128(18, 3), true),
            Field::new("country", DataType::Utf8, true),
        ]));
        let revenue = Decimal128Array::from_iter_values((0..10).map(|i| i * 1001));
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Date32Array::from_iter_values(14_900..14_910)),
            Arc::new(Int64Array::from_iter_values(0..10)),
            Arc::new(revenue.with_precision_and_scale(18, 3).unwrap()),
            Arc::new(StringArray::from_iter_values((0..10).map(|i| ["EIRE", "France"][i % 2]))),
        ];
        let batch = RecordBatch::try_new(schema.clone(), columns).unwrap();
        let mut spec = WriteSpec::new(WriteMode::Append);
        spec.comment = Some("sales by day".to_owned());
        spec.column_comments = [("orders".to_owned(), "distinct invoices".to_owned())].into();
        let overlay = self.catalog.begin();
        let batches = futures::stream::iter([Ok(batch)]).boxed();
        overlay.write_batches(&TableName::new("gold", "daily_sales"), &spec, None, schema, batches).await.unwrap();
        let column = |name: &str, data_type| Column::new(name, data_type, true);
        let columns = vec![column("country", DataType::Utf8), column("count", DataType::Int64)];
        let definition = "SELECT country, count(*) FROM gold.daily_sales GROUP BY country".to_owned();
        overlay.put_view(&TableName::new("gold", "by_country"), definition, columns, None, None).unwrap();
        self.catalog.publish(&overlay, "append").await.unwrap();
    }

    async fn client(&self) -> Client {
        crate::support::connect(&format!("postgresql://lakewire@127.0.0.1:{}/lake", self.port)).await
    }

    /// What psql prints for a command; `None`, said aloud, where there is no psql.
    async fn psql(&self, command: &str) -> Option<String> {
        let port = self.port.to_string();
        let mut psql = Command::new("psql");
        psql.args(["-X", "-h", "127.0.0.1", "-p", &port, "-U", "lakewire", "-d", "lake", "-c", command]);
        match tokio::task::spawn_blocking(move || psql.output()).await.unwrap() {
            Ok(output) => {
                assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
                Some(String::from_utf8_lossy(&output.stdout).into_owned())
            }
            Err(error) => {
                skipped(&format!("psql is absent ({error}), so its commands were not checked"));
                None
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn psql_commands_show_the_lake() {
    let lake = Lake::new().await;
    let expected = [
        ("\\dn", "gold      | lakewire"),
        ("\\dn+", "business figures"),
        ("\\l", "lake | lakewire | UTF8"),
        ("\\dt", "gold   | daily_sales | table"),
        ("\\dt gold.*", "daily_sales"),
        ("\\dt+ gold.*", "sales by day"),
        ("\\d gold.daily_sales", "gross_revenue | numeric(18,3)"),
        ("\\d daily_sales", "invoice_day   | date"),
        ("\\d+ gold.daily_sales", "distinct invoices"),
        ("\\d+ gold.by_country", "SELECT country, count(*) FROM gold.daily_sales"),
        ("\\dv", "by_country"),
        ("\\d", "by_country"),
        ("\\df", "forecast_backtest"),
        ("\\du", "Superuser"),
        ("\\dT", "(0 rows)"),
        ("\\dp", "daily_sales"),
        ("\\db", "pg_default"),
        ("\\conninfo", "database \"lake\""),
        ("\\sv gold.by_country", "CREATE OR REPLACE VIEW"),
        ("\\l+", "lake"),
        ("\\dC", "int8"),
        ("\\dA", "heap"),
    ];
    for (command, part) in expected {
        let Some(output) = lake.psql(command).await else { return };
        assert!(output.contains(part), "{command}: no \"{part}\" in\n{output}");
    }
    for command in ["\\di", "\\ds", "\\dm", "\\dx", "\\dd", "\\dL", "\\ddp", "\\drds", "\\dRp", "\\dX", "\\dy", "\\dP"]
    {
        lake.psql(command).await;
    }
}

/// What drivers and tools send, in their own words.
const TOOL_QUERIES: &[(&str, &str, usize)] = &[
    (
        "JDBC getColumns",
        "SELECT * FROM (SELECT current_database() AS current_database, n.nspname,c.relname,a.attname,a.atttypid,\
         a.attnotnull OR (t.typtype = 'd' AND t.typnotnull) AS attnotnull,a.atttypmod,a.attlen,t.typtypmod,\
         row_number() OVER (PARTITION BY a.attrelid ORDER BY a.attnum) AS attnum, nullif(a.attidentity, '') as attidentity,\
         nullif(a.attgenerated, '') as attgenerated,pg_catalog.pg_get_expr(def.adbin, def.adrelid) AS adsrc,\
         dsc.description,t.typbasetype,t.typtype FROM pg_catalog.pg_namespace n \
         JOIN pg_catalog.pg_class c ON (c.relnamespace = n.oid) JOIN pg_catalog.pg_attribute a ON (a.attrelid=c.oid) \
         JOIN pg_catalog.pg_type t ON (a.atttypid = t.oid) \
         LEFT JOIN pg_catalog.pg_attrdef def ON (a.attrelid=def.adrelid AND a.attnum = def.adnum) \
         LEFT JOIN pg_catalog.pg_description dsc ON (c.oid=dsc.objoid AND a.attnum = dsc.objsubid) \
         LEFT JOIN pg_catalog.pg_class dc ON (dc.oid=dsc.classoid AND dc.relname='pg_class') \
         LEFT JOIN pg_catalog.pg_namespace dn ON (dc.relnamespace=dn.oid AND dn.nspname='pg_catalog') \
         WHERE c.relkind in ('r','p','v','f','m') and a.attnum > 0 AND NOT a.attisdropped \
         AND n.nspname LIKE 'gold' AND c.relname LIKE 'daily\\_sales') c WHERE true ORDER BY nspname,c.relname,attnum",
        4,
    ),
    (
        "JDBC getTables",
        "SELECT current_database() AS TABLE_CAT, n.nspname AS TABLE_SCHEM, c.relname AS TABLE_NAME, \
         CASE n.nspname ~ '^pg_' OR n.nspname = 'information_schema' WHEN true THEN CASE \
         WHEN n.nspname = 'pg_catalog' OR n.nspname = 'information_schema' THEN CASE c.relkind \
         WHEN 'r' THEN 'SYSTEM TABLE' WHEN 'v' THEN 'SYSTEM VIEW' ELSE NULL END ELSE NULL END \
         WHEN false THEN CASE c.relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE NULL END ELSE NULL END \
         AS TABLE_TYPE, d.description AS REMARKS, '' as TYPE_CAT FROM pg_catalog.pg_namespace n, pg_catalog.pg_class c \
         LEFT JOIN pg_catalog.pg_description d ON (c.oid = d.objoid AND d.objsubid = 0 and d.classoid = 'pg_class'::regclass) \
         WHERE c.relnamespace = n.oid AND n.nspname LIKE 'gold' ORDER BY TABLE_TYPE,TABLE_SCHEM,TABLE_NAME",
        2,
    ),
    (
        "JDBC getSchemas",
        "SELECT nspname AS TABLE_SCHEM, current_database() AS TABLE_CATALOG FROM pg_catalog.pg_namespace \
         WHERE nspname <> 'pg_toast' AND (nspname !~ '^pg_temp_' OR nspname = (pg_catalog.current_schemas(true))[1]) \
         AND (nspname !~ '^pg_toast_temp_') AND nspname LIKE 'gold' ORDER BY TABLE_SCHEM",
        1,
    ),
    (
        "SQLAlchemy get_schema_names",
        "SELECT pg_catalog.pg_namespace.nspname FROM pg_catalog.pg_namespace \
         WHERE (pg_catalog.pg_namespace.nspname NOT LIKE 'pg/_' || '%' ESCAPE '/') ORDER BY pg_catalog.pg_namespace.nspname",
        7,
    ),
    (
        "information_schema.columns",
        "SELECT column_name, data_type, numeric_precision, numeric_scale FROM information_schema.columns \
         WHERE table_schema = 'gold' AND table_name = 'daily_sales' AND data_type IN ('date', 'bigint', 'numeric', 'text')",
        4,
    ),
    (
        "information_schema.tables",
        "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema = 'gold'",
        1,
    ),
    (
        "psycopg on connect",
        "SELECT typname AS name, oid, typarray AS array_oid, oid::regtype::text AS regtype, typdelim AS delimiter FROM pg_type t WHERE t.oid = to_regtype('int4') ORDER BY t.oid",
        1,
    ),
    (
        "views with their text",
        "SELECT viewname FROM pg_views WHERE schemaname = 'gold' AND definition LIKE 'SELECT country%'",
        1,
    ),
    (
        "comments",
        "SELECT 1 WHERE obj_description('gold.daily_sales'::regclass, 'pg_class') = 'sales by day' AND col_description('gold.daily_sales'::regclass, 2) = 'distinct invoices'",
        1,
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tools_find_their_way() {
    let lake = Lake::new().await;
    let client = lake.client().await;
    for (who, sql, count) in TOOL_QUERIES {
        let rows = rows(&client, sql).await;
        assert_eq!(rows.len(), *count, "{who}: {rows:?}");
    }
    let columns = rows(&client, TOOL_QUERIES[0].1).await;
    assert_eq!(columns[2][3..9], ["gross_revenue", "1700", "f", "1179655", "-1", "-1"].map(String::from));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_gone_hides_nothing_else() {
    let lake = Lake::new().await;
    std::fs::remove_dir_all(lake.folder.path().join("gold/daily_sales")).unwrap();
    // A server that never opened the table: only the catalog's rows can tell of it.
    let store = LakeStore::open(lake.folder.path().to_str().unwrap(), &StoreOptions::default()).unwrap();
    let catalog = Catalog::open(store.clone(), Tables::new(store)).await.unwrap();
    let engine = Engine::new(&Config::with(&[]).unwrap(), catalog.clone()).unwrap();
    let settings = ServerSettings { listen: "127.0.0.1:0".to_owned(), ..ServerSettings::default() };
    let server = PgServer::bind(engine, settings).await.unwrap();
    let url = format!("postgresql://lakewire@{}/lake", server.local_addr());
    tokio::spawn(server.run(Default::default()));
    let client = crate::support::connect(&url).await;
    for (who, sql, count) in TOOL_QUERIES {
        assert_eq!(rows(&client, sql).await.len(), *count, "{who}");
    }
    let (sqlstate, message) = error(&client, "SELECT * FROM gold.daily_sales").await;
    assert!(message.contains("daily_sales") && sqlstate != "XX000", "{sqlstate} {message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn errors_are_those_of_postgres() {
    let lake = Lake::new().await;
    let client = lake.client().await;
    let cases = [
        ("select * from daily_sale", "42P01", "relation \"daily_sale\" does not exist"),
        ("select ordrs from gold.daily_sales", "42703", "column \"ordrs\" does not exist"),
        ("select d.nope from gold.daily_sales d", "42703", "column d.nope does not exist"),
        ("select x.orders from gold.daily_sales d", "42P01", "missing FROM-clause entry for table \"x\""),
        ("select nope(1)", "42883", "function nope(integer) does not exist"),
        ("select sum(country) from gold.daily_sales", "42883", "function sum(text) does not exist"),
        (
            "select a.orders, orders from daily_sales a, daily_sales b",
            "42702",
            "column reference \"orders\" is ambiguous",
        ),
        ("select 1/0", "22012", "division by zero"),
        ("select 'abc'::int", "22P02", "invalid input syntax for type integer: \"abc\""),
        ("select '2020-13-45'::date", "22008", "date/time field value out of range: \"2020-13-45\""),
        (
            "insert into gold.daily_sales values ('2020-01-01', true)",
            "42804",
            "column \"orders\" is of type bigint but expression is of type boolean",
        ),
        ("create domain numbers as int", "0A000", "CREATE DOMAIN is not supported"),
        ("set nonsense = 1", "42704", "unrecognized configuration parameter \"nonsense\""),
        ("execute nothing", "26000", "prepared statement \"nothing\" does not exist"),
        ("release savepoint a", "25P01", "RELEASE SAVEPOINT can only be used in transaction blocks"),
        ("select * from other.gold.t", "0A000", "cross-database references are not implemented: \"other.gold.t\""),
        ("set lakewire.as_of = 'soon'", "22023", "\"soon\" is neither a version nor a timestamp"),
        ("select 'no.table'::regclass", "3F000", "schema \"no\" does not exist"),
    ];
    for (sql, sqlstate, message) in cases {
        assert_eq!(error(&client, sql).await, (sqlstate.to_owned(), message.to_owned()), "{sql}");
    }
    let failed = client.simple_query("select 1;\n select ordrs from gold.daily_sales").await.unwrap_err();
    let failed = failed.as_db_error().unwrap();
    assert_eq!(failed.position(), Some(&tokio_postgres::error::ErrorPosition::Original(19)), "{failed:?}");
    let hint = "Perhaps you meant to reference the column \"daily_sales.orders\".";
    assert_eq!(failed.hint(), Some(hint));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_reads_one_release() {
    let lake = Lake::new().await;
    let (client, other) = (lake.client().await, lake.client().await);
    const COUNT: &str = "select count(*) from gold.daily_sales";
    client.simple_query("begin").await.unwrap();
    assert_eq!(value(&client, COUNT).await, "10");
    lake.append().await;
    assert_eq!((value(&client, COUNT).await, value(&other, COUNT).await), ("10".to_owned(), "20".to_owned()));
    assert_eq!(value(&client, "select sum(count) from gold.by_country").await, "10");
    assert_eq!(error(&client, "select nope").await.0, "42703");
    assert_eq!(error(&client, COUNT).await.0, "25P02");
    client.simple_query("rollback").await.unwrap();
    assert_eq!(value(&client, COUNT).await, "20");
    // A savepoint is a way back.
    client.simple_query("begin; savepoint a").await.unwrap();
    assert_eq!(error(&client, "select nope").await.0, "42703");
    client.simple_query("rollback to a").await.unwrap();
    assert_eq!(value(&client, COUNT).await, "20");
    assert_eq!(error(&client, "call anything()").await.0, "25001");
    client.simple_query("rollback").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_can_be_read() {
    let lake = Lake::new().await;
    lake.append().await;
    let client = lake.client().await;
    assert_eq!(value(&client, "select count(*) from gold.daily_sales version as of 0").await, "10");
    assert_eq!(value(&client, "select count(*) from lakewire.table_at('gold.daily_sales', 1)").await, "20");
    assert_eq!(error(&client, "select 1 from gold.by_country version as of 1").await.0, "42809");
    let releases = rows(&client, "select release from lakewire.releases where operation = 'append' order by 1").await;
    client.simple_query(&format!("set lakewire.as_of = '{}'", releases[0][0])).await.unwrap();
    assert_eq!(value(&client, "select sum(count) from gold.by_country").await, "10");
    assert_eq!(error(&client, "set lakewire.as_of = '999'").await.0, "42704");
    client.simple_query("reset lakewire.as_of").await.unwrap();
    assert_eq!(value(&client, "select sum(count) from gold.by_country").await, "20");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_statements_follow_the_releases() {
    let lake = Lake::new().await;
    let client = lake.client().await;
    let statement = client
        .prepare("select country, sum(gross_revenue)::text from gold.daily_sales where orders > $1 group by 1 order by 1 limit $2")
        .await
        .unwrap();
    let sums = || async {
        let rows = client.query(&statement, &[&3i64, &5i64]).await.unwrap();
        rows.iter().map(|row| row.get::<_, String>(1)).collect::<Vec<_>>()
    };
    assert_eq!(sums().await, ["18.018", "21.021"]);
    lake.append().await;
    assert_eq!(sums().await, ["36.036", "42.042"]);
    // By SQL.
    client.simple_query("prepare p as select count(*) from gold.daily_sales where country = $1").await.unwrap();
    assert_eq!(value(&client, "execute p('EIRE')").await, "10");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_stay_in_their_session() {
    let lake = Lake::new().await;
    let (client, other) = (lake.client().await, lake.client().await);
    let text = "select timestamptz '2026-01-01 00:00:00+00'";
    client.simple_query("set timezone = 'Europe/Berlin'").await.unwrap();
    assert_eq!(value(&client, text).await, "2026-01-01 01:00:00+01");
    assert_eq!(value(&other, text).await, "2026-01-01 00:00:00+00");
    client.simple_query("set search_path = bronze").await.unwrap();
    assert_eq!(error(&client, "select 1 from daily_sales").await.0, "42P01");
    assert_eq!(value(&other, "select count(*) from daily_sales").await, "10");
    client.simple_query("begin; set statement_timeout = '5s'; rollback").await.unwrap();
    assert_eq!(value(&client, "show statement_timeout").await, "0");
    assert_eq!(value(&client, "select set_config('application_name', 'x', false)").await, "x");
    assert_eq!(value(&client, "show application_name").await, "x");
    client.simple_query("discard all").await.unwrap();
    assert_eq!(value(&client, "select count(*) from daily_sales").await, "10");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn columns_are_named_and_typed_as_in_postgres() {
    let lake = Lake::new().await;
    let client = lake.client().await;
    let statement = client
        .prepare("select count(*), count(orders), 1, 'a', sum(gross_revenue), max(country) m, min(invoice_day)::text from daily_sales")
        .await
        .unwrap();
    let columns: Vec<_> = statement.columns().iter().map(|c| format!("{} {}", c.name(), c.type_())).collect();
    let expected = ["count int8", "count int8", "?column? int4", "?column? text", "sum numeric", "m text", "min text"];
    assert_eq!(columns, expected);
    assert_eq!(value(&client, "select sum(gross_revenue) * 0.5 from daily_sales").await, "22.5225");
    assert_eq!(value(&client, "select to_char(date '2026-01-31', 'YYYY-MM')").await, "2026-01");
    assert_eq!(value(&client, "select sum(g) from generate_series(1, 4) g").await, "10");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn system_tables_tell_what_the_server_knows() {
    let lake = Lake::new().await;
    lake.append().await;
    let client = lake.client().await;
    let history = "select version from lakewire.table_history where name = 'daily_sales' order by 1";
    assert_eq!(rows(&client, history).await, [["0"], ["1"]]);
    assert_eq!(value(&client, "select count(*) from lakewire.table_history('gold.daily_sales')").await, "2");
    assert_eq!(value(&client, "select rows from lakewire.tables where name = 'daily_sales'").await, "20");
    assert_eq!(
        value(&client, "select value from lakewire.settings where name = 'lake.release_poll_interval'").await,
        "\"1s\""
    );
    assert_eq!(error(&client, "select * from lakewire.table_history('gold.by_country')").await.0, "42809");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_query_that_wants_too_much_memory_fails_alone() {
    let lake = Lake::with(&[("memory.per_query", "1MiB"), ("memory.spill_limit", "1MiB")]).await;
    let client = lake.client().await;
    let greedy = "select a.g from generate_series(1, 300000) a(g) join generate_series(1, 300000) b(g) on a.g = b.g order by 1 desc";
    let (sqlstate, message) = error(&client, greedy).await;
    assert!(["53200", "53100"].contains(&sqlstate.as_str()), "{sqlstate} {message}");
    assert_eq!(value(&client, "select count(*) from gold.daily_sales").await, "10");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tables_are_listed_from_the_catalog() {
    let lake = Lake::new().await;
    let overlay = lake.catalog.begin();
    for number in 0..1000 {
        let columns = (0..20).map(|column| Column::new(format!("c{column}"), DataType::Int64, true));
        let name = TableName::new("silver", format!("t{number}"));
        overlay.put_view(&name, "SELECT 1".to_owned(), columns.collect(), None, None).unwrap();
    }
    lake.catalog.publish(&overlay, "many").await.unwrap();
    let client = lake.client().await;
    let count =
        "select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace where nspname = 'silver'";
    assert_eq!(value(&client, count).await, "1000");
    let count = "select count(*) from information_schema.columns where table_schema = 'silver'";
    assert_eq!(value(&client, count).await, "20000");
    let visible =
        "select count(*) from pg_class where pg_table_is_visible(oid) and relname like 't%' and relkind = 'v'";
    assert_eq!(value(&client, visible).await, "1000");
}
