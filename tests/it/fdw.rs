//! A real PostgreSQL 15 that reads and writes Lakewire's tables by postgres_fdw.

use tokio_postgres::Client;

use crate::compat::Reference;
use crate::support::{Server, connect, rows, skipped, value};

/// A PostgreSQL with the demo's schema `gold` as foreign tables, and public.t, which may be written to.
async fn linked(server: &Server) -> Option<(Reference, Client)> {
    let Some(postgres) = Reference::start() else {
        skipped("no PostgreSQL 15 is installed");
        return None;
    };
    postgres.load(&[]).await;
    let client = connect(&format!("postgresql://ana@{}/lake", postgres.address)).await;
    let authority = server.url.split('@').nth(1).and_then(|rest| rest.split('/').next()).unwrap();
    let (host, port) = authority.split_once(':').unwrap();
    let setup = format!(
        "create extension postgres_fdw;
         create server lakewire foreign data wrapper postgres_fdw
             options (host '{host}', port '{port}', dbname 'lake', fetch_size '50');
         create user mapping for ana server lakewire options (user 'ana');
         create schema gold;
         create schema silver;
         import foreign schema gold from server lakewire into gold;
         import foreign schema silver limit to (customer_enriched) from server lakewire into silver;"
    );
    client.batch_execute(&setup).await.unwrap_or_else(|error| panic!("{error:?}"));
    Some((postgres, client))
}

/// The SQL that goes to Lakewire.
async fn remote(client: &Client, sql: &str) -> String {
    let plan = rows(client, &format!("explain (verbose, costs off) {sql}")).await.concat().join("\n");
    assert!(plan.contains("Remote SQL"), "{plan}");
    plan
}

#[tokio::test]
async fn postgres_reads_and_writes_foreign_tables() {
    let server = Server::demo(&["--set", "sample.rows=2000", "--set", "sample.seed=7"]);
    let direct = server.connect().await;
    direct.batch_execute("create table public.t (a int, b text, c numeric(10,2))").await.unwrap();
    let Some((_postgres, client)) = linked(&server).await else { return };

    let types = "select attname, format_type(atttypid, atttypmod) from pg_attribute
                 where attrelid = 'gold.daily_sales'::regclass and attnum > 0 order by attnum limit 3";
    assert_eq!(rows(&client, types).await[0], ["invoice_day", "date"]);
    for sql in [
        "select count(*), sum(orders), max(invoice_day) from gold.daily_sales",
        "select invoice_day, orders, net_revenue from gold.daily_sales where orders > 2 order by invoice_day limit 7",
        "select invoice_day, avg_order_value from gold.daily_sales order by net_revenue desc, invoice_day limit 3",
        "select extract(month from invoice_day), count(*) from gold.daily_sales group by 1 order by 1",
        "select c.country, count(*) from silver.customer_enriched c group by c.country having count(*) > 1 order by 1",
        "select count(*) from silver.customer_enriched a join silver.customer_enriched b using (customer_id)",
    ] {
        assert_eq!(rows(&client, sql).await, rows(&direct, sql).await, "{sql}");
    }
    let pushed = remote(&client, "select count(*), sum(orders) from gold.daily_sales where orders > 2").await;
    assert!(pushed.contains("count(*)") && pushed.contains("orders > 2"), "{pushed}");
    let sorted = remote(&client, "select orders from gold.daily_sales order by orders limit 3").await;
    assert!(sorted.contains("ORDER BY orders ASC NULLS LAST") && sorted.contains("LIMIT"), "{sorted}");

    client.batch_execute("import foreign schema public limit to (t) from server lakewire into public").await.unwrap();
    client.batch_execute("insert into t values (1, 'x', 1.50), (2, null, null), (3, 'z', -2)").await.unwrap();
    assert_eq!(value(&direct, "select count(*) from t").await, "3");
    client.batch_execute("begin; insert into t values (4, 'never', 0); rollback").await.unwrap();
    client.batch_execute("update t set b = 'changed' where a = 1; delete from t where a = 3").await.unwrap();
    let written = "select a, b, c from t order by a";
    assert_eq!(rows(&direct, written).await.concat(), ["1", "changed", "1.50", "2", "NULL", "NULL"]);
    assert_eq!(rows(&client, written).await, rows(&direct, written).await);
}
