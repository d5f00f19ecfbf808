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

/// The number of a query's one value.
async fn number(client: &tokio_postgres::Client, sql: &str) -> f64 {
    value(client, sql).await.parse().unwrap_or_else(|_| panic!("{sql}: a number wanted"))
}

fn near(got: f64, wanted: f64, share: f64) -> bool {
    (got / wanted - 1.0).abs() <= share
}

#[tokio::test]
async fn lifetime_value_is_the_models_of_the_papers() {
    let Some(server) = support::real_demo() else { return };
    let client = server.connect().await;
    // What lifetimes 0.11.3 finds for these customers without a penalty.
    for (parameter, wanted) in [("r", 0.827), ("alpha", 68.9), ("a", 0.0034), ("b", 6.7)] {
        let sql = format!("select estimate from analytics.cltv_model where parameter = '{parameter}'");
        let got = number(&client, &sql).await;
        assert!(near(got, wanted, 0.02), "{parameter}: {got}, not {wanted}");
    }
    let unsure = value(
        &client,
        "select string_agg(distinct model || ' ' || identified, ', ') from analytics.cltv_model where model = 'bg_nbd'",
    )
    .await;
    assert_eq!(unsure, "bg_nbd false", "drop-out is weakly identified, and the table says so");
    same_rows(
        &client,
        "select customer_id, frequency, recency_days, age_days, round(monetary_value::numeric(18,6), 3) from analytics.cltv_table",
        "with days as (select customer_id, invoice_day, sum(line_total) as v from silver.online_retail_cleaned where not is_return group by 1, 2),
         firsts as (select customer_id, min(invoice_day) as first, max(invoice_day) as last, count(*) as n from days group by 1)
         select f.customer_id, n - 1, last - first, date '2011-12-09' - first,
            round((sum(case when invoice_day > first then v end)::double precision / nullif(n - 1, 0))::numeric(18,6), 3)
         from firsts f join days d on d.customer_id = f.customer_id group by f.customer_id, n, first, last",
    )
    .await;
    let odd = value(
        &client,
        "select count(*) from analytics.cltv_table where p_alive is null or p_alive not between 0 and 1 or expected_order_value is null \
         or expected_purchases_90d < 0 or clv_365d < 0 or clv_decile not between 1 and 10 or (frequency = 0) <> (reason is not null)",
    )
    .await;
    assert_eq!(odd, "0");
    let tenths = rows(&client, "select clv_decile, count(*) from analytics.cltv_table group by 1 order by 1").await;
    assert_eq!(tenths.len(), 10);
    assert!(tenths.iter().all(|row| row[1] == "434" || row[1] == "433"), "{tenths:?}");
    let better = value(
        &client,
        "select mae < mae_same_rate and correlation > 0.7 and customers = 3370 from analytics.cltv_holdout",
    )
    .await;
    assert_eq!(better, "t", "the model foresees the hold-out better than everybody's own rate does");
}

#[tokio::test]
async fn the_forecast_knows_the_shop() {
    let Some(server) = support::real_demo() else { return };
    let client = server.connect().await;
    let facts = rows(
        &client,
        "select count(*), min(day), max(day), min(trained_through), count(*) filter (where forecast < 0 or lower_95 < 0), \
            count(*) filter (where extract(dow from day) = 6 and forecast <> 0), \
            count(*) filter (where day between date '2011-12-25' and date '2012-01-01' and forecast <> 0), \
            count(*) filter (where not (lower_95 <= lower_80 and lower_80 <= forecast and forecast <= upper_80 and upper_80 <= upper_95)) \
         from analytics.forecast_table",
    )
    .await;
    assert_eq!(facts, [["90", "2011-12-10", "2012-03-08", "2011-12-09", "0", "0", "0", "0"]]);
    let beaten = value(
        &client,
        "select (select mae from analytics.forecast_backtest where chosen) < (select mae from analytics.forecast_backtest where method = 'seasonal_naive')",
    )
    .await;
    assert_eq!(beaten, "t");
    let agree = value(&client, "select count(*) from analytics.forecast_table f join analytics.forecast_backtest b on b.method = f.method and b.chosen").await;
    assert_eq!(agree, "90");
}

#[tokio::test]
async fn rules_and_anomalies_are_what_plain_sql_gives() {
    let Some(server) = support::real_demo() else { return };
    let client = server.connect().await;
    same_rows(
        &client,
        "select antecedent, consequent, baskets, antecedent_baskets, consequent_baskets, round(support::numeric(18,9), 6), \
            round(confidence::numeric(18,9), 6), round(lift::numeric(18,9), 6) from analytics.product_affinity where support > 0.015",
        "with lines as (select distinct invoice_no, stock_code from silver.online_retail_cleaned where not is_return and is_product),
         singles as (select stock_code, count(*) as n from lines group by 1),
         total as (select count(distinct invoice_no)::double precision as baskets from lines),
         pairs as (select a.stock_code as x, b.stock_code as y, count(*) as n from lines a join lines b on a.invoice_no = b.invoice_no
            where a.stock_code <> b.stock_code group by 1, 2)
         select x, y, p.n, a.n, b.n, round((p.n / baskets)::numeric(18,9), 6), round((p.n::double precision / a.n)::numeric(18,9), 6),
            round((p.n::double precision / a.n * baskets / b.n)::numeric(18,9), 6)
         from pairs p join singles a on a.stock_code = x join singles b on b.stock_code = y cross join total where p.n / baskets > 0.015",
    )
    .await;
    // The score by its textbook formula: 0.6745 (x - median) / MAD.
    let off = value(
        &client,
        "with m as (select median(net_revenue::double precision) as med from gold.daily_sales),
         d as (select median(abs(net_revenue::double precision - med)) as mad from gold.daily_sales cross join m)
         select count(*) from anomalies(gold.daily_sales, invoice_day, net_revenue, method => 'robust_z') cross join m cross join d
         where abs(score - 0.6745 * (net_revenue - med) / mad) > 0.001 or is_anomaly <> (abs(score) > 3.5)",
    )
    .await;
    assert_eq!(off, "0");
    let best = value(&client, "select is_anomaly from anomalies(gold.daily_sales, invoice_day, net_revenue) where invoice_day = date '2011-09-20'").await;
    assert_eq!(best, "t", "the best day of the year stands out");
}

/// Series that are not as they should be: the statement, and its SQLSTATE or else its rows.
#[rustfmt::skip]
const BAD_SERIES: &[(&str, Result<&str, &str>)] = &[
    ("select count(*) from forecast((values (date '2020-01-01', 1), (date '2020-01-01', 2)) t(day, v)", Err("42601")),
    ("select count(*) from forecast('select * from (values (date ''2020-01-01'', 1), (date ''2020-01-01'', 2)) t(day, v)', day, v)", Err("21000")),
    ("select count(*) from forecast((select date '2020-01-01' as day, 'infinity'::double precision as v), day, v)", Err("22003")),
    ("select count(*) from anomalies((select date '2020-01-01' as day, 'nan'::double precision as v), day, v)", Err("22003")),
    ("select count(*) from forecast((select date '2020-01-01' as day, null::double precision as v), day, v)", Err("22023")),
    ("select count(*) from forecast((select date '1900-01-01' as day, 1 as v union all select date '2030-01-01', 2), day, v, every => 'hour')", Err("54000")),
    ("select count(*) from clv_predict((select 1 as c, date '2020-01-01' as day, 'infinity'::double precision as v), c, day, v)", Err("22003")),
    ("select count(*) from forecast((select date '2020-01-01' as day, 5 as v), day, v, horizon => 0)", Err("22023")),
    ("select count(*) from forecast((select date '2020-01-01' as day, 5 as v), day, v, levels => array[80, 100])", Err("22023")),
    ("select count(*) from forecast((select date '2020-01-01' as day, 5 as v), day, v, group_by => 'nix')", Err("42703")),
    // an empty relation has no series
    ("select count(*) from forecast((select date '2020-01-01' as day, 5 as v where false), day, v)", Ok("0")),
    ("select count(*) from clv_predict((select 1 as c, date '2020-01-01' as day, 5 as v where false), c, day, v)", Ok("0")),
    ("select count(*) from basket_rules((select 1 as b, 1 as i where false), b, i)", Ok("0")),
    // too little to choose from: the simplest method, and why
    ("select distinct forecast || ' ' || method || ' ' || (reason is not null) from forecast((select date '2020-01-01' as day, 5 as v), day, v)", Ok("5 seasonal_naive true")),
    ("select distinct forecast || ' ' || (reason is not null) from forecast((select date '2020-01-01' + x::integer as day, 0 as v from generate_series(1, 100) x), day, v)", Ok("0 true")),
    ("select count(*) filter (where is_anomaly) || ' ' || count(reason) from anomalies((select date '2020-01-01' as day, 5 as v), day, v)", Ok("0 1")),
    // gaps and nulls are no zeros
    ("select count(*) || ' ' || (min(forecast) > 9) from forecast((select date '2020-01-01' + x::integer as day, case when x % 11 = 0 then null else 10 + x % 2 end as v from generate_series(1, 200) x where x % 13 <> 0), day, v)", Ok("90 true")),
    // a single customer: no model, and why
    ("select customer || ' ' || frequency || ' ' || (clv is null) || ' ' || (reason is not null) from clv_predict((select 7 as customer, date '2020-01-01' as day, 5 as v), customer, day, v)", Ok("7 0 true true")),
    ("select count(estimate) || ' ' || count(reason) from clv_fit((select 7 as c, date '2020-01-01' as day, 5 as v), c, day, v)", Ok("0 9")),
    ("select count(*) from basket_rules((select 1 as b, x as i from generate_series(1, 3) x), b, i)", Ok("6")),
];

#[tokio::test]
async fn bad_input_is_an_error_or_has_its_reason() {
    let client = sample_demo().connect().await;
    let mut wrong = Vec::new();
    for (sql, wanted) in BAD_SERIES {
        let got = match client.simple_query(sql).await {
            Ok(_) => Ok(rows(&client, sql).await.into_iter().flatten().collect::<Vec<_>>().join(" ")),
            Err(error) => Err(error.code().map_or_else(|| format!("{error:?}"), |code| code.code().to_owned())),
        };
        if got != wanted.map(str::to_owned).map_err(str::to_owned) {
            wrong.push(format!("{sql}\n  wanted {wanted:?}\n  got    {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_same_rows_give_the_same_bytes_in_any_order() {
    let client = sample_demo().connect().await;
    let lines =
        |order: &str| format!("(select * from silver.online_retail_cleaned where not is_return order by {order})");
    let calls = |order: &str| {
        let lines = lines(order);
        [
            format!("select * from clv_fit({lines}, customer_id, invoice_day, line_total)"),
            format!("select * from clv_predict({lines}, customer_id, invoice_day, line_total)"),
            format!("select * from basket_rules({lines}, invoice_no, stock_code, min_support => 0.02)"),
            format!(
                "select * from forecast((select country, invoice_day, sum(line_total) as v from {lines} l group by 1, 2), invoice_day, v, 5, group_by => country)"
            ),
        ]
    };
    for (one, other) in calls("_row_number").iter().zip(calls("_row_number desc").iter()) {
        let first = rows(&client, one).await;
        assert!(!first.is_empty(), "{one}");
        assert!(first == rows(&client, other).await, "{one}\ngives other rows, or in another order, than\n{other}");
    }
}

#[tokio::test]
async fn memory_is_counted() {
    let server = support::Server::serve(&sample_demo().lake, &["--set", "memory.per_query=64MiB"]);
    let client = server.connect().await;
    let sql = "select count(*) from anomalies((select to_timestamp(x * 3600)::timestamp as t, 1.5 as v from generate_series(1, 900000::bigint) x), t, v, every => 'hour')";
    let (sqlstate, message) = error(&client, sql).await;
    assert_eq!((sqlstate.as_str(), message.as_str()), ("53200", "the query reached its memory limit"));
    assert_eq!(
        value(&client, "select count(*) from anomalies((select date '2000-01-01' as day, 1.5 as v), day, v)").await,
        "1"
    );
}

#[tokio::test]
async fn models_know_what_their_functions_read_and_are_skipped() {
    let server = sample_demo();
    let client = server.connect().await;
    let reads =
        rows(&client, "select distinct from_object from lakewire.lineage where to_object = 'analytics.forecast_table'")
            .await;
    assert_eq!(reads, [["gold.daily_sales"]]);
    let run = client.query("call refresh_analytics()", &[]).await.unwrap();
    assert!(run.iter().all(|row| row.get::<_, &str>("status") == "skipped"), "nothing has changed");
    assert!(run.iter().any(|row| row.get::<_, &str>("model") == "analytics.cltv_table"));
}

#[tokio::test]
async fn clients_list_the_functions() {
    let server = sample_demo();
    let Some(listed) = support::psql(&server.url, &["-c", r"\df forecast"]) else { return };
    for words in ["forecast", "SETOF record", "horizon bigint", "func"] {
        assert!(listed.contains(words), "{words} in\n{listed}");
    }
}
