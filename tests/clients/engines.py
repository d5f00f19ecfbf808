"""Engines that read PostgreSQL tables by its wire: ClickHouse (chDB) and DuckDB's postgres scanner, which reads by
COPY … (FORMAT binary).

    engines.py URL LAKE
"""
import pathlib
import sys
import traceback
from urllib.parse import urlsplit

import chdb
import duckdb
import duckdb_extension_postgres_scanner
import psycopg

URL = urlsplit(sys.argv[1])


def truth(sql):
    with psycopg.connect(sys.argv[1]) as connection:
        return connection.execute(sql).fetchall()


def check_clickhouse():
    table = f"postgresql('{URL.hostname}:{URL.port}', 'lake', 'daily_sales', '{URL.username}', '{URL.password or ''}', 'gold')"
    got = chdb.query(f"SELECT count(), sum(orders), max(invoice_day) FROM {table}", "CSV").data()
    count, orders, day = truth("select count(*), sum(orders), max(invoice_day) from gold.daily_sales")[0]
    assert got.strip() == f'{count},{orders},"{day}"', got
    filtered = chdb.query(f"SELECT count() FROM {table} WHERE orders > 20 AND invoice_day >= '2010-12-05'", "CSV").data()
    (expected,) = truth("select count(*) from gold.daily_sales where orders > 20 and invoice_day >= '2010-12-05'")[0]
    assert int(filtered) == expected, filtered


def scanner():
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    folder = pathlib.Path(duckdb_extension_postgres_scanner.__file__).parent
    connection.load_extension(str(next(folder.rglob("*.duckdb_extension"))))
    target = f"host={URL.hostname} port={URL.port} dbname=lake user={URL.username}"
    connection.execute(f"ATTACH '{target}' AS lake (TYPE postgres)")
    return connection


def check_duckdb_reads():
    connection = scanner()
    got = connection.execute("select count(*), sum(orders), max(invoice_day), sum(net_revenue) from lake.gold.daily_sales").fetchall()
    assert got == truth("select count(*), sum(orders), max(invoice_day), sum(net_revenue) from gold.daily_sales"), got
    tables = {row[0] for row in connection.execute("select table_name from duckdb_tables() where database_name = 'lake'").fetchall()}
    assert {"daily_sales", "top_products", "online_retail"} <= tables, tables
    joined = connection.execute(
        "select count(*) from lake.silver.online_retail_cleaned c join lake.silver.customer_enriched e using (customer_id)"
    ).fetchall()
    assert joined == truth(
        "select count(*) from silver.online_retail_cleaned c join silver.customer_enriched e using (customer_id)"
    ), joined


def check_duckdb_writes():
    connection = scanner()
    connection.execute("create table lake.public.from_duckdb (i integer, t varchar, d date)")
    connection.execute("insert into lake.public.from_duckdb select n, 'row ' || n, date '2020-01-01' from range(5000) r(n)")
    assert truth("select count(*), sum(i), max(t) from public.from_duckdb") == [(5000, 12497500, "row 999")]
    connection.execute("drop table lake.public.from_duckdb")


def main():
    failed = 0
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            try:
                check()
            except Exception:
                failed += 1
                print(f"{name}:", file=sys.stderr)
                traceback.print_exc()
    sys.exit(1 if failed else 0)


main()
