//! Functions over relations: what they give for the real data, what they say to bad calls, and that they obey.

use crate::support::{self, error, rows, sample_demo, value};

const PURCHASES: &str = "(select * from silver.online_retail_cleaned where not is_return)";

/// Every statement, its SQLSTATE, and words of its message.
#[rustfmt::skip]
const BAD_CALLS: &[(&str, &str, &str)] = &[
    ("select * from rfm(gold.nix, a, b, c)", "42P01", "gold.nix"),
    ("select * from rfm('gold.', a, b, c)", "42601", "\"relation\" of rfm"),
    ("select * from rfm((select nix from gold.daily_sales), a, b, c)", "42703", "nix"),
    ("select * from rfm(analytics.rfm_table, custmer => 'a')", "42883", "\"custmer\" of function rfm"),
    ("select * from rfm(analytics.rfm_table, 'customer_id')", "42883", "\"time\" is missing"),
    ("select * from rfm(customer => 'customer_id')", "42883", "\"relation\" is missing"),
    ("select * from rfm(analytics.rfm_table, customer => a, customer => b)", "42883", "\"customer\" is given twice"),
    ("select * from rfm(analytics.rfm_table, customer => a, 'b')", "42601", "without a name"),
    ("select * from rfm(silver.online_retail_cleaned, custmer_id, invoice_day, line_total)", "42703", "\"custmer_id\" of argument \"customer\" of rfm"),
    ("select * from rfm(silver.online_retail_cleaned, customer_id, stock_code, line_total)", "42804", "\"stock_code\" of argument \"time\" of rfm is of type text"),
    ("select * from rfm(silver.online_retail_cleaned, customer_id, invoice_day, country)", "42804", "\"country\" of argument \"value\" of rfm is of type text"),
    ("select * from rfm(silver.online_retail_cleaned, (select 'a'), invoice_day, line_total)", "0A000", "\"customer\" of rfm must be a constant"),
    ("select * from rfm((select *, customer_id as segment from silver.online_retail_cleaned), segment, invoice_day, line_total)", "42701", "rfm gives a column \"segment\" of its own"),
    ("select * from rfm(silver.online_retail_cleaned, customer_id, invoice_day, line_total, as_of => 'soon')", "22023", "\"as_of\" of rfm cannot be soon"),
    ("select * from abc_class(silver.online_retail_cleaned, stock_code, line_total, a => 2)", "22023", "\"a\" of abc_class cannot be 2"),
    ("select * from cohort_retention(silver.online_retail_cleaned, customer_id, invoice_day, period => 'moth')", "22023", "\"period\" of cohort_retention cannot be \"moth\""),
];

#[tokio::test]
async fn bad_calls_name_the_argument_and_the_column() {
    let client = sample_demo().connect().await;
    let mut wrong = Vec::new();
    for (sql, sqlstate, words) in BAD_CALLS {
        let (state, message) = error(&client, sql).await;
        if state != *sqlstate || !message.contains(words) {
            wrong.push(format!("{sql}\n  wanted {sqlstate} … {words} …\n  got    {state} {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn relations_are_what_the_statement_sees() {
    let client = sample_demo().connect().await;
    let count = |relation: &str| format!("select count(*) from rfm({relation}, customer_id, invoice_day, line_total)");
    let all = value(&client, &count("silver.online_retail_cleaned")).await;
    for relation in [
        "'silver.online_retail_cleaned'",
        "table silver.online_retail_cleaned",
        "(select * from silver.online_retail_cleaned)",
        "$$ select * from silver.online_retail_cleaned $$",
        "relation => silver.online_retail_cleaned",
    ] {
        let relation = relation.to_owned();
        let named = relation.starts_with("relation");
        let sql = match named {
            true => format!(
                "select count(*) from rfm({relation}, customer => customer_id, time => invoice_day, value => line_total)"
            ),
            false => count(&relation),
        };
        assert_eq!(value(&client, &sql).await, all, "{relation}");
    }
    let cte = "with lines as (select * from silver.online_retail_cleaned), \
               scored as (select * from rfm(lines, customer_id, invoice_day, line_total)) \
               select count(*) from scored join silver.customer_enriched using (customer_id)";
    assert_eq!(value(&client, cte).await, all);
    client.batch_execute("set search_path = silver").await.unwrap();
    assert_eq!(value(&client, &count("online_retail_cleaned")).await, all);
    let empty = "(select * from silver.online_retail_cleaned where false)";
    assert_eq!(value(&client, &count(empty)).await, "0");
}

#[tokio::test]
async fn parameters_reach_relation_and_arguments() {
    let client = sample_demo().connect().await;
    let sql = "select count(*), min(recency_days) from rfm((select * from silver.online_retail_cleaned where country = $1), \
               customer_id, invoice_day, line_total, as_of => $2)";
    let day = chrono::NaiveDate::from_ymd_opt(2030, 1, 1).unwrap();
    let statement = client.prepare(sql).await.unwrap();
    let row = client.query_one(&statement, &[&"France", &day]).await.unwrap();
    let (customers, recency): (i64, i64) = (row.get(0), row.get(1));
    assert!(customers > 0 && recency > 365, "{customers} {recency}");
    let row = client.query_one(&statement, &[&"Atlantis", &day]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 0);
}

/// What a function gives, and the same by plain SQL: no row of either may be missing in the other.
async fn same_rows(client: &tokio_postgres::Client, function: &str, plain: &str) {
    let count = value(client, &format!("select count(*) from ({function}) as f")).await;
    assert_ne!(count, "0", "{function}");
    for (a, b) in [(function, plain), (plain, function)] {
        let missing = rows(client, &format!("select * from ({a}) as a except select * from ({b}) as b limit 3")).await;
        assert!(missing.is_empty(), "in\n{a}\nbut not in\n{b}\n{missing:?}");
    }
}

#[tokio::test]
async fn rfm_is_what_plain_sql_gives() {
    let Some(server) = support::real_demo() else { return };
    let client = server.connect().await;
    let function = format!(
        "select customer_id, recency_days, frequency, monetary::numeric(18,3), rfm_score, segment \
         from rfm({PURCHASES}, customer_id, invoice_day, line_total, order_id => invoice_no)"
    );
    let plain = "with c as (
            select customer_id, max(invoice_day) as d, count(distinct invoice_no) as f from silver.online_retail_cleaned
            where not is_return group by 1),
        m as (select customer_id, sum(line_total)::numeric(18,3) as m from silver.online_retail_cleaned where not is_return group by 1),
        r as (
            select customer_id, date '2011-12-10' - d as recency, f, m,
                ntile(5) over (order by d, customer_id) as r, ntile(5) over (order by f, customer_id) as fs,
                ntile(5) over (order by m, customer_id) as ms
            from c join m using (customer_id)),
        g(r, segments) as (values
            (1, 'Hibernating,Hibernating,At Risk,At Risk,Can''t Lose'), (2, 'Hibernating,Hibernating,At Risk,At Risk,Can''t Lose'),
            (3, 'About to Sleep,About to Sleep,Need Attention,Loyal Customers,Loyal Customers'),
            (4, 'Promising,Potential Loyalists,Potential Loyalists,Loyal Customers,Loyal Customers'),
            (5, 'New Customers,Potential Loyalists,Potential Loyalists,Champions,Champions'))
        select customer_id, recency::bigint, f, m, r.r::text || fs::text || ms::text, split_part(segments, ',', fs::bigint)
        from r join g on g.r = r.r";
    same_rows(&client, &function, plain).await;
}

#[tokio::test]
async fn classes_and_cohorts_are_what_plain_sql_gives() {
    let Some(server) = support::real_demo() else { return };
    let client = server.connect().await;
    let products = "(select * from silver.online_retail_cleaned where is_product and not is_return)";
    same_rows(
        &client,
        &format!("select rank, stock_code, line_total::numeric(18,3), abc_class from abc_class({products}, stock_code, line_total)"),
        "select rank, stock_code, gross_revenue, abc_class from gold.top_products",
    )
    .await;
    same_rows(
        &client,
        &format!(
            "select cohort, period, cohort_size, customers, value::numeric(18,3) from \
             cohort_retention({PURCHASES}, customer_id, invoice_day, value => line_total) where customers > 0"
        ),
        "with o as (select customer_id, date_trunc('month', invoice_day)::date as month, line_total from silver.online_retail_cleaned where not is_return),
         f as (select customer_id, min(month) as first from o group by 1),
         s as (select first, count(*) as size from f group by 1),
         a as (select first, month, o.customer_id, sum(line_total) as v from o join f on f.customer_id = o.customer_id group by 1, 2, 3)
         select a.first, month, size, count(*), sum(v)::numeric(18,3) from a join s on s.first = a.first group by a.first, month, size",
    )
    .await;
    let grid = value(
        &client,
        &format!("select count(*) || ' ' || sum(case when is_complete then 0 else 1 end) from cohort_retention({PURCHASES}, customer_id, invoice_day)"),
    )
    .await;
    assert_eq!(grid, "91 13", "13 months, each with all that follow; December 2011 is not over");
}
