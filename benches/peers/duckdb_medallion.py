#!/usr/bin/env python3
"""CSV files → the same models as sql/ → Parquet, as a plain DuckDB script. Needs `pip install duckdb==1.5.5`.

A peer to compare the pipeline with, and an independent statement of what the models mean: nothing here is taken from
sql/. Prints one JSON object: seconds in all and per table, rows per table.

    duckdb_medallion.py --data FOLDER [--out FOLDER] [--threads N]

FOLDER holds online_retail*.csv[.gz], customer_data*.csv and product_catalog*.csv.
"""
import argparse
import json
import pathlib
import tempfile
import time

import duckdb

LINE_COLUMNS = """{'InvoiceNo': 'VARCHAR', 'StockCode': 'VARCHAR', 'Description': 'VARCHAR', 'Quantity': 'BIGINT',
    'InvoiceDate': 'TIMESTAMP', 'UnitPrice': 'DECIMAL(12,3)', 'CustomerID': 'BIGINT', 'Country': 'VARCHAR'}"""

COUNTRY = """CASE {0} WHEN 'EIRE' THEN 'Ireland' WHEN 'RSA' THEN 'South Africa' WHEN 'USA' THEN 'United States'
    ELSE {0} END"""
TEXT = r"upper(trim(regexp_replace({0}, '\s+', ' ', 'g')))"
GROSS = "coalesce(sum(line_total) FILTER (NOT is_return), 0)::DECIMAL(18,3)"
RETURNS = "coalesce(-sum(line_total) FILTER (is_return), 0)::DECIMAL(18,3)"
UNITS = "coalesce(sum(quantity) FILTER (NOT is_return), 0)::BIGINT"
ORDERS = "count(DISTINCT invoice_no) FILTER (NOT is_return)"
CUSTOMERS = "count(DISTINCT customer_id) FILTER (NOT is_return)"


def bronze(data: pathlib.Path) -> list[tuple[str, str]]:
    return [
        ("bronze.online_retail", f"""
            SELECT InvoiceNo AS invoice_no, StockCode AS stock_code, Description AS description,
                   Quantity AS quantity, InvoiceDate AS invoice_date, UnitPrice AS unit_price,
                   CustomerID AS customer_id, Country AS country, row_number() OVER () AS row_number
            FROM read_csv('{data}/online_retail*.csv*', header = true, encoding = 'latin-1', quote = '"', escape = '"',
                          timestampformat = '%m/%d/%Y %H:%M', columns = {LINE_COLUMNS}, auto_detect = false, delim = ',')"""),
        ("bronze.customer_data", f"""
            SELECT CustomerID::BIGINT AS customer_id, Country AS country, FirstSeen::DATE AS first_seen,
                   LastSeen::DATE AS last_seen
            FROM read_csv('{data}/customer_data*.csv*', header = true, all_varchar = true, delim = ',', quote = '"')"""),
        ("bronze.product_catalog", f"""
            SELECT StockCode AS stock_code, Description AS description, ListPrice::DECIMAL(12,3) AS list_price,
                   FirstSold::DATE AS first_sold
            FROM read_csv('{data}/product_catalog*.csv*', header = true, all_varchar = true, delim = ',', quote = '"',
                          encoding = 'utf-8')"""),
    ]


MODELS = [
    ("silver.online_retail_classified", """
        WITH numbered AS (
            SELECT *, row_number() OVER (
                PARTITION BY invoice_no, stock_code, description, quantity, invoice_date, unit_price, customer_id, country
                ORDER BY row_number) AS copy
            FROM bronze.online_retail)
        SELECT * EXCLUDE (copy),
               CASE WHEN copy > 1 THEN 'duplicate'
                    WHEN customer_id IS NULL THEN 'missing_customer'
                    WHEN unit_price <= 0 THEN 'non_positive_price'
                    WHEN quantity = 0 THEN 'zero_quantity' END AS reason
        FROM numbered"""),
    ("silver.online_retail_rejected", """
        SELECT * FROM silver.online_retail_classified WHERE reason IS NOT NULL"""),
    ("silver.online_retail_cleaned", f"""
        SELECT invoice_no, upper(trim(stock_code)) AS stock_code, {TEXT.format('description')} AS description, quantity,
               invoice_date, unit_price, customer_id, {COUNTRY.format('country')} AS country,
               invoice_date::DATE AS invoice_day, (quantity * unit_price)::DECIMAL(18,3) AS line_total,
               starts_with(invoice_no, 'C') OR quantity < 0 AS is_return,
               regexp_matches(trim(stock_code), '^[0-9]{{5}}') AS is_product, row_number
        FROM silver.online_retail_classified WHERE reason IS NULL"""),
    ("silver.customer_enriched", f"""
        WITH totals AS (
            SELECT customer_id,
                   min(invoice_day) FILTER (NOT is_return) AS first_purchase_day,
                   max(invoice_day) FILTER (NOT is_return) AS last_purchase_day,
                   {ORDERS} AS orders, {UNITS} AS units, {GROSS} AS gross_revenue, {RETURNS} AS returns_value,
                   count(DISTINCT stock_code) FILTER (NOT is_return) AS distinct_products,
                   count(DISTINCT date_trunc('month', invoice_day)) FILTER (NOT is_return) AS active_months,
                   arg_max(country, (invoice_date, invoice_no, row_number)) AS latest_country
            FROM silver.online_retail_cleaned GROUP BY customer_id)
        SELECT customer_id, coalesce({COUNTRY.format('known.country')}, latest_country) AS country,
               first_purchase_day, last_purchase_day, orders, units, gross_revenue, returns_value,
               (gross_revenue - returns_value)::DECIMAL(18,3) AS net_revenue,
               gross_revenue::DOUBLE / nullif(orders, 0) AS avg_order_value, distinct_products, active_months
        FROM totals LEFT JOIN bronze.customer_data AS known USING (customer_id)"""),
    ("silver.product_normalized", f"""
        WITH catalog AS (
            SELECT upper(trim(stock_code)) AS stock_code, {TEXT.format('description')} AS description, list_price
            FROM bronze.product_catalog
            QUALIFY row_number() OVER (PARTITION BY upper(trim(stock_code))
                                       ORDER BY stock_code = upper(stock_code) DESC, stock_code) = 1),
        names AS (
            SELECT stock_code, description, count(*) AS lines FROM silver.online_retail_cleaned
            WHERE description IS NOT NULL GROUP BY stock_code, description
            QUALIFY row_number() OVER (PARTITION BY stock_code ORDER BY lines DESC, description) = 1),
        sales AS (
            SELECT stock_code, min(invoice_day) AS first_sold_day FROM silver.online_retail_cleaned GROUP BY stock_code)
        SELECT stock_code, coalesce(catalog.description, names.description) AS description, list_price,
               regexp_matches(stock_code, '^[0-9]{{5}}') AS is_product, first_sold_day
        FROM catalog FULL JOIN sales USING (stock_code) LEFT JOIN names USING (stock_code)"""),
    ("gold.daily_sales", f"""
        WITH days AS (
            SELECT invoice_day, {ORDERS} AS orders, {CUSTOMERS} AS customers, {UNITS} AS units,
                   {GROSS} AS gross_revenue, {RETURNS} AS returns_value
            FROM silver.online_retail_cleaned GROUP BY invoice_day)
        SELECT *, (gross_revenue - returns_value)::DECIMAL(18,3) AS net_revenue,
               gross_revenue::DOUBLE / nullif(orders, 0) AS avg_order_value,
               sum(gross_revenue - returns_value) OVER week::DOUBLE / count(*) OVER week AS net_revenue_7d_avg
        FROM days WINDOW week AS (ORDER BY invoice_day ROWS 6 PRECEDING)"""),
    ("gold.top_products", f"""
        WITH products AS (
            SELECT stock_code, {UNITS} AS units_sold, coalesce(-sum(quantity) FILTER (is_return), 0) AS units_returned,
                   {GROSS} AS gross_revenue, {ORDERS} AS orders, {CUSTOMERS} AS customers
            FROM silver.online_retail_cleaned WHERE is_product GROUP BY stock_code
            HAVING count(*) FILTER (NOT is_return) > 0),
        ranked AS (
            SELECT *, row_number() OVER best AS rank, sum(gross_revenue) OVER (best ROWS UNBOUNDED PRECEDING) AS so_far,
                   sum(gross_revenue) OVER () AS total
            FROM products WINDOW best AS (ORDER BY gross_revenue DESC, stock_code))
        SELECT rank, stock_code, description, units_sold, gross_revenue, orders, customers,
               units_returned::DOUBLE / nullif(units_sold, 0) AS return_rate,
               gross_revenue::DOUBLE / nullif(total, 0)::DOUBLE AS revenue_share,
               so_far::DOUBLE / nullif(total, 0)::DOUBLE AS cumulative_share,
               CASE WHEN (so_far - gross_revenue) * 100 < total * 80 THEN 'A'
                    WHEN (so_far - gross_revenue) * 100 < total * 95 THEN 'B' ELSE 'C' END AS abc_class
        FROM ranked LEFT JOIN silver.product_normalized USING (stock_code)"""),
    ("gold.country_sales", f"""
        WITH countries AS (
            SELECT country, {ORDERS} AS orders, {CUSTOMERS} AS customers, {UNITS} AS units,
                   {GROSS} AS gross_revenue, {RETURNS} AS returns_value, sum(line_total)::DECIMAL(18,3) AS net_revenue
            FROM silver.online_retail_cleaned GROUP BY country)
        SELECT row_number() OVER (ORDER BY net_revenue DESC, country) AS rank, *,
               gross_revenue::DOUBLE / nullif(orders, 0) AS avg_order_value,
               net_revenue::DOUBLE / nullif(sum(net_revenue) OVER (), 0)::DOUBLE AS revenue_share
        FROM countries"""),
    ("analytics.rfm_table", f"""
        WITH customers AS (
            SELECT customer_id, max(invoice_day) AS last_day, count(DISTINCT invoice_no) AS frequency,
                   sum(line_total)::DECIMAL(18,3) AS monetary
            FROM silver.online_retail_cleaned WHERE NOT is_return GROUP BY customer_id),
        measured AS (
            SELECT customer_id, (max(last_day) OVER () + 1) - last_day AS recency_days, frequency, monetary
            FROM customers),
        scored AS (
            SELECT *, ntile(5) OVER (ORDER BY recency_days DESC, customer_id) AS r_score,
                   ntile(5) OVER (ORDER BY frequency, customer_id) AS f_score,
                   ntile(5) OVER (ORDER BY monetary, customer_id) AS m_score
            FROM measured)
        SELECT *, concat(r_score, f_score, m_score) AS rfm_score,
               (MAP {{
                   1: ['Hibernating', 'Hibernating', 'At Risk', 'At Risk', 'Can''t Lose'],
                   2: ['Hibernating', 'Hibernating', 'At Risk', 'At Risk', 'Can''t Lose'],
                   3: ['About to Sleep', 'About to Sleep', 'Need Attention', 'Loyal Customers', 'Loyal Customers'],
                   4: ['Promising', 'Potential Loyalists', 'Potential Loyalists', 'Loyal Customers', 'Loyal Customers'],
                   5: ['New Customers', 'Potential Loyalists', 'Potential Loyalists', 'Champions', 'Champions']
               }})[r_score][f_score] AS segment
        FROM scored"""),
    ("gold.customer_segments", """
        SELECT segment, count(*) AS customers, sum(recency_days)::DOUBLE / count(*) AS avg_recency_days,
               sum(frequency)::DOUBLE / count(*) AS avg_frequency, sum(monetary)::DOUBLE / count(*) AS avg_monetary,
               sum(monetary)::DECIMAL(18,3) AS revenue,
               sum(monetary)::DOUBLE / (sum(sum(monetary)) OVER ())::DOUBLE AS revenue_share
        FROM analytics.rfm_table GROUP BY segment"""),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        out = options.out or pathlib.Path(scratch)
        database = duckdb.connect(config={"threads": options.threads} if options.threads else {})
        started = time.perf_counter()
        seconds, rows = {}, {}
        for schema in ("bronze", "silver", "gold", "analytics"):
            database.execute(f"CREATE SCHEMA {schema}")
            (out / schema).mkdir(parents=True, exist_ok=True)
        for name, query in bronze(options.data) + MODELS:
            begun = time.perf_counter()
            database.execute(f"CREATE TABLE {name} AS {query}")
            if not name.endswith("_classified"):
                target = out / f"{name.replace('.', '/')}.parquet"
                database.execute(f"COPY {name} TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
            seconds[name] = round(time.perf_counter() - begun, 4)
            rows[name] = database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
        total = time.perf_counter() - started
    print(json.dumps({"seconds": round(total, 3), "tables": seconds, "rows": rows}))


if __name__ == "__main__":
    main()
