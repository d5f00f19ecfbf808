"""What psqlODBC does, through pyodbc: catalog functions, parameters, cursors, types, transactions.

    odbc.py URL LAKE
"""
import datetime as dt
import sys
import traceback
from decimal import Decimal
from urllib.parse import urlsplit

import pyodbc


def connect(**more):
    url = urlsplit(sys.argv[1])
    options = {
        "Driver": "PostgreSQL Unicode",
        "Server": url.hostname,
        "Port": url.port,
        "Database": url.path.lstrip("/"),
        "Uid": url.username,
        "Pwd": url.password or "",
        **more,
    }
    return pyodbc.connect(";".join(f"{key}={value}" for key, value in options.items()), autocommit=True)


def check_tables_and_columns(cursor):
    tables = {(row.table_schem, row.table_name): row.table_type for row in cursor.tables()}
    assert tables[("gold", "daily_sales")] == "TABLE", tables.get(("gold", "daily_sales"))
    only = [row.table_name for row in cursor.tables(schema="gold", tableType="TABLE")]
    assert "daily_sales" in only and "online_retail" not in only, only
    columns = {row.column_name: row for row in cursor.columns(schema="gold", table="daily_sales")}
    assert columns["invoice_day"].type_name == "date", columns["invoice_day"]
    assert columns["net_revenue"].type_name == "numeric", columns["net_revenue"]
    assert columns["net_revenue"].column_size == 18 and columns["net_revenue"].decimal_digits == 3
    assert columns["orders"].type_name == "int8", columns["orders"]


def check_keys_and_indexes(cursor):
    cursor.primaryKeys(schema="gold", table="daily_sales").fetchall()
    cursor.foreignKeys(schema="gold", table="daily_sales").fetchall()
    cursor.statistics(table="daily_sales", schema="gold").fetchall()
    cursor.procedures().fetchall()
    cursor.getTypeInfo().fetchall()


def check_parameters(cursor):
    row = cursor.execute(
        "select ?::int + 1, ?::text, ?::date, ?::numeric(10,2), ?::boolean, ?::timestamp",
        41, "it's é", dt.date(2020, 2, 29), Decimal("1.25"), True, dt.datetime(2020, 1, 1, 10, 0, 0),
    ).fetchone()
    expected = (42, "it's é", dt.date(2020, 2, 29), Decimal("1.25"), True, dt.datetime(2020, 1, 1, 10, 0, 0))
    assert tuple(row)[:4] == expected[:4] and row[5] == expected[5], row
    assert row[4] in (True, "1"), row[4]
    rows = cursor.execute("select rank from gold.top_products where rank <= ? order by rank", 3).fetchall()
    assert [int(row[0]) for row in rows] == [1, 2, 3], rows


def check_types(cursor):
    row = cursor.execute(
        "select 1::smallint, 2, 3::bigint, 1.5::real, 2.5::double precision, 1.50::numeric(5,2), 'x'::text, null::int,"
        " date '2020-01-02', timestamp '2020-01-02 03:04:05', '\\x01ff'::bytea"
    ).fetchone()
    assert tuple(row)[:8] == (1, 2, 3, 1.5, 2.5, Decimal("1.50"), "x", None), row
    assert tuple(row)[8:10] == (dt.date(2020, 1, 2), dt.datetime(2020, 1, 2, 3, 4, 5)), row
    assert bytes(row[10]) == b"\x01\xff", row[10]


def check_cursors(_cursor):
    with connect(UseDeclareFetch=1, Fetch=100) as connection:
        rows = connection.cursor().execute("select n from generate_series(1, 1000) as t(n) order by n").fetchall()
        assert len(rows) == 1000 and rows[-1][0] == 1000, len(rows)


def check_transactions(cursor):
    cursor.execute("create table public.odbc_t (a int, b text)")
    with connect() as connection:
        connection.autocommit = False
        writing = connection.cursor()
        writing.executemany("insert into public.odbc_t values (?, ?)", [(1, "x"), (2, None)])
        connection.rollback()
        writing.executemany("insert into public.odbc_t values (?, ?)", [(3, "y"), (4, None)])
        connection.commit()
    assert [tuple(row) for row in cursor.execute("select a, b from public.odbc_t order by a")] == [(3, "y"), (4, None)]
    cursor.execute("drop table public.odbc_t")


def check_errors(cursor):
    for sql, state in [("select nope", "42703"), ("select * from nowhere", "42P01"), ("select 1 / 0", "22012")]:
        try:
            cursor.execute(sql).fetchall()
        except pyodbc.Error as error:
            assert error.args[0] in (state, "42S02", "42S22"), error
        else:
            raise AssertionError(f"{sql}: no error")
    assert cursor.execute("select 1").fetchone()[0] == 1


def main():
    failed = 0
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            try:
                with connect() as connection:
                    check(connection.cursor())
            except Exception:
                failed += 1
                print(f"{name}:", file=sys.stderr)
                traceback.print_exc()
    sys.exit(1 if failed else 0)


main()
