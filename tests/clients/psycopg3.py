"""What psycopg 3 does: parameters and results in text and binary, pipelines, several statements, cancel, transactions.

    psycopg3.py URL LAKE

Every check is one function named `check_…`; it gets a connection of its own and raises where the server is not as PostgreSQL.
"""
import datetime as dt
import sys
import threading
import time
import traceback
from decimal import Decimal

import psycopg
from psycopg import errors

UTC = dt.timezone.utc

# (type, value) that must come back as it went.
VALUES = [
    ("boolean", True),
    ("boolean", False),
    ("smallint", -32768),
    ("integer", 2147483647),
    ("bigint", -9223372036854775808),
    ("real", 1.5),
    ("double precision", 0.1),
    ("double precision", -1e300),
    ("double precision", float("inf")),
    ("numeric(18,3)", Decimal("0.000")),
    ("numeric(18,3)", Decimal("-123456789012345.678")),
    ("numeric(12,3)", Decimal("38970.000")),
    ("numeric(38,0)", Decimal("99999999999999999999999999999999999999")),
    ("text", ""),
    ("text", "£ naïve 'quoted' \\ 日本 🛍"),
    ("date", dt.date(1970, 1, 1)),
    ("date", dt.date(1, 1, 1)),
    ("date", dt.date(2011, 12, 9)),
    ("timestamp", dt.datetime(2010, 12, 1, 8, 26)),
    ("timestamp", dt.datetime(1969, 12, 31, 23, 59, 59, 999999)),
    ("timestamptz", dt.datetime(2010, 12, 1, 8, 26, 0, 123456, tzinfo=UTC)),
    ("bytea", b"\x00\xff'\\"),
]


def check_values_round_trip_in_text_and_binary(connection):
    for result_binary in (False, True):
        with connection.cursor(binary=result_binary) as cursor:
            for placeholder in ("%s", "%b", "%t"):
                for kind, value in VALUES:
                    got = cursor.execute(f"SELECT {placeholder}::{kind}", [value]).fetchone()[0]
                    assert got == value and type(got) is type(value), (kind, placeholder, result_binary, value, got)


def check_nulls(connection):
    for binary in (False, True):
        with connection.cursor(binary=binary) as cursor:
            for kind in {kind for kind, _ in VALUES}:
                row = cursor.execute(f"SELECT %s::{kind}, NULL::{kind} IS NULL", [None]).fetchone()
                assert row == (None, True), (kind, row)


def check_column_types_are_described(connection):
    cursor = connection.execute("SELECT * FROM gold.daily_sales LIMIT 0")
    types = {column.name: connection.adapters.types[column.type_code].name for column in cursor.description}
    assert types["invoice_day"] == "date", types
    assert types["orders"] == types["units"] == "int8", types
    assert types["net_revenue"] == "numeric", types
    assert types["avg_order_value"] == "float8", types
    revenue = next(column for column in cursor.description if column.name == "net_revenue")
    assert (revenue.precision, revenue.scale) == (18, 3), revenue


def check_text_and_binary_agree_on_tables(connection):
    for table in ("gold.daily_sales", "gold.top_products", "silver.customer_enriched", "analytics.rfm_table"):
        results = []
        for binary in (False, True):
            with connection.cursor(binary=binary) as cursor:
                results.append(sorted(cursor.execute(f"SELECT * FROM {table}").fetchall(), key=repr))
        assert results[0] == results[1] and results[0], table


def check_parameters_in_filters(connection):
    customer, day = connection.execute(
        "SELECT customer_id, max(invoice_day) FROM silver.online_retail_cleaned GROUP BY 1 ORDER BY 1 LIMIT 1"
    ).fetchone()
    query = (
        "SELECT count(*) FROM silver.online_retail_cleaned"
        " WHERE customer_id = %s AND invoice_day BETWEEN %s AND %s AND unit_price > %s AND country <> %s"
    )
    some = connection.execute(query, [customer, dt.date(2000, 1, 1), day, Decimal("0"), "Nowhere"]).fetchone()[0]
    none = connection.execute(query, [customer, dt.date(2000, 1, 1), dt.date(2000, 1, 2), Decimal("0"), "x"]).fetchone()[0]
    assert some > 0 and none == 0, (some, none)
    listed = connection.execute(
        "SELECT count(DISTINCT customer_id) FROM silver.customer_enriched WHERE customer_id = ANY(%s)", [[customer, -1]]
    ).fetchone()[0]
    assert listed == 1, listed


def check_bytes_go_in_as_they_are(connection):
    """SQLAlchemy's insertmanyvalues: rows by a list whose parameters the client gives the types of."""
    connection.execute("create temp table kept (v bytea)")
    insert = "insert into kept (v) select p::bytea from (values (%s, 0), (%s, 1)) s (p, n) order by n returning v"
    for value in (b"\\x4142", b"a\\\\b", b"\x80"):
        assert connection.execute(insert, [value, value]).fetchall() == [(value,), (value,)]


def check_prepared_statements(connection):
    for limit in range(1, 12):  # more than prepare_threshold
        rows = connection.execute("SELECT rank FROM gold.top_products ORDER BY rank LIMIT %s", [limit]).fetchall()
        assert rows == [(rank,) for rank in range(1, limit + 1)], rows
    for value in ("a", "b"):
        assert connection.execute("SELECT %s::text || '!'", [value], prepare=True).fetchone() == (value + "!",)
    connection.execute("PREPARE by_sql AS SELECT 1")
    told = connection.execute("SELECT from_sql, count(*) > 0 FROM pg_prepared_statements GROUP BY 1 ORDER BY 1")
    assert told.fetchall() == [(False, True), (True, True)]
    connection.execute("DEALLOCATE by_sql")


def check_several_statements(connection):
    cursor = connection.execute("SELECT 1 AS one; SELECT 'two' AS two, 2 AS too; SHOW server_version")
    assert cursor.fetchall() == [(1,)]
    assert cursor.nextset() and cursor.fetchall() == [("two", 2)]
    assert cursor.nextset() and len(cursor.fetchall()) == 1
    assert not cursor.nextset()


def check_client_side_binding(connection):
    with psycopg.ClientCursor(connection) as cursor:
        row = cursor.execute("SELECT %s, %s, %s::date", ["it's", None, dt.date(2011, 2, 3)]).fetchone()
        assert row == ("it's", None, dt.date(2011, 2, 3)), row


def check_pipeline(connection):
    with connection.pipeline():
        cursors = [connection.execute("SELECT %s::int + 1", [number]) for number in range(20)]
        assert [cursor.fetchone()[0] for cursor in cursors] == list(range(1, 21))
    try:
        with connection.pipeline() as pipeline:
            connection.execute("SELECT 1")
            connection.execute("SELECT * FROM gold.not_there")
            connection.execute("SELECT 2")
            pipeline.sync()
    except errors.UndefinedTable:
        pass
    else:
        raise AssertionError("the pipeline did not fail")
    assert connection.execute("SELECT 3").fetchone() == (3,)


def check_streaming(connection):
    (expected,) = connection.execute("SELECT count(*) FROM bronze.online_retail").fetchone()
    with connection.cursor() as cursor:
        assert sum(1 for _ in cursor.stream("SELECT * FROM bronze.online_retail")) == expected
        # a client that goes on to something else before the end
        for _ in cursor.stream("SELECT * FROM bronze.online_retail"):
            break
    assert connection.execute("SELECT 1").fetchone() == (1,)


# Hours of work that yields to others; see "Limits" in the README for a kind that does not.
ENDLESS = """SELECT max(a.quantity + b.quantity - c.quantity) FROM bronze.online_retail a
             JOIN bronze.online_retail b USING (country) JOIN bronze.online_retail c USING (country)"""


def check_cancel(connection):
    for query, arguments in ((ENDLESS, None), (ENDLESS + " WHERE a.quantity > %s::int", [-100000])):
        timer = threading.Timer(0.5, connection.cancel)
        timer.start()
        started = time.monotonic()
        try:
            connection.execute(query, arguments)
        except errors.QueryCanceled:
            pass
        else:
            raise AssertionError(f"not cancelled; took {time.monotonic() - started:.1f} s")
        finally:
            timer.join()
        assert connection.execute("SELECT 1").fetchone() == (1,)


def check_statement_timeout(connection):
    connection.execute("SET statement_timeout = '300ms'")
    try:
        connection.execute(ENDLESS)
    except errors.QueryCanceled as error:
        assert "timeout" in str(error), error
    else:
        raise AssertionError("no time-out")
    connection.execute("RESET statement_timeout")
    assert connection.execute("SHOW statement_timeout").fetchone() == ("0",)


def check_errors(connection):
    expected = [
        ("SELECT * FROM gold.daily_sale", errors.UndefinedTable),
        ("SELECT no_such FROM gold.daily_sales", errors.UndefinedColumn),
        ("SELECT no_such_function(1)", errors.UndefinedFunction),
        ("SELEC 1", errors.SyntaxError),
        ("SELECT 1 / 0", errors.DivisionByZero),
        ("SELECT 'abc'::int", errors.InvalidTextRepresentation),
        ("SELECT * FROM no_such_schema.t", errors.UndefinedTable),
    ]
    for query, kind in expected:
        for arguments in (None, []):
            try:
                connection.execute(query, arguments).fetchall()
            except kind:
                pass
            except psycopg.Error as error:
                raise AssertionError(f"{query}: {error.sqlstate} instead of {kind.sqlstate}: {error}") from error
            else:
                raise AssertionError(f"{query}: no error")
            assert connection.execute("SELECT 1").fetchone() == (1,)
    try:
        connection.execute("SELECT 1,\n  no_such FROM gold.daily_sales")
    except errors.UndefinedColumn as error:
        assert error.diag.statement_position == "13", error.diag.statement_position


def check_transactions(connection):
    connection.autocommit = False
    info = connection.info
    connection.execute("SELECT 1")
    assert info.transaction_status == psycopg.pq.TransactionStatus.INTRANS
    try:
        connection.execute("SELECT * FROM gold.not_there")
    except errors.UndefinedTable:
        pass
    assert info.transaction_status == psycopg.pq.TransactionStatus.INERROR
    try:
        connection.execute("SELECT 1")
    except errors.InFailedSqlTransaction:
        pass
    else:
        raise AssertionError("a failed transaction went on")
    connection.rollback()
    assert info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    with connection.transaction():
        one = connection.execute("SELECT sum(net_revenue) FROM gold.daily_sales").fetchone()
        two = connection.execute("SELECT sum(net_revenue) FROM gold.country_sales").fetchone()
        assert one == two, (one, two)
    assert info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def check_server_cursors(connection):
    wanted = connection.execute("SELECT invoice_day, orders FROM gold.daily_sales ORDER BY invoice_day").fetchall()
    first = wanted[0][0]
    with connection.transaction():
        with connection.cursor("by parts") as cursor:
            cursor.itersize = 7
            cursor.execute("SELECT invoice_day, orders FROM gold.daily_sales WHERE invoice_day >= %s ORDER BY invoice_day", (first,))
            assert list(cursor) == wanted
        with connection.cursor("back and forth", scrollable=True, binary=True) as cursor:
            cursor.execute("SELECT invoice_day, orders FROM gold.daily_sales ORDER BY invoice_day")
            assert cursor.fetchmany(5) == wanted[:5]
            cursor.scroll(-3)
            assert cursor.fetchone() == wanted[2]
            cursor.scroll(0, mode="absolute")
            assert cursor.fetchall() == wanted
    with connection.cursor("kept", withhold=True) as cursor:
        cursor.execute("SELECT invoice_day, orders FROM gold.daily_sales ORDER BY invoice_day")
        assert cursor.fetchmany(2) == wanted[:2]
        connection.execute("SELECT 1")
        assert cursor.fetchmany(2) == wanted[2:4]


def check_copy_out(connection):
    query = "SELECT invoice_day, orders, net_revenue FROM gold.daily_sales ORDER BY invoice_day"
    wanted = connection.execute(query).fetchall()
    types = [column.type_code for column in connection.execute(query).description]
    for options in ("", "(FORMAT binary)"):
        with connection.cursor().copy(f"COPY ({query}) TO STDOUT {options}") as copy:
            copy.set_types(types)
            assert list(copy.rows()) == wanted, options
    with connection.cursor().copy("COPY gold.daily_sales (invoice_day, orders) TO STDOUT (FORMAT csv, HEADER)") as copy:
        lines = b"".join(copy).decode().splitlines()
    assert lines[0] == "invoice_day,orders" and len(lines) == len(wanted) + 1, lines[:2]


def check_settings_stay_in_their_session(connection):
    with psycopg.connect(URL, autocommit=True) as other:
        connection.execute("SET timezone = 'Europe/London'")
        connection.execute("SET application_name = 'first'")
        assert connection.execute("SHOW timezone").fetchone() == ("Europe/London",)
        assert other.execute("SHOW timezone").fetchone() != ("Europe/London",)
        assert other.execute("SHOW application_name").fetchone() != ("first",)
        noon = connection.execute("SELECT '2011-07-01 12:00:00+00'::timestamptz").pgresult.get_value(0, 0)
        assert noon == b"2011-07-01 13:00:00+01", noon


def check_call(connection):
    notices = []
    connection.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    cursor = connection.execute("CALL refresh_gold()")
    columns = [column.name for column in cursor.description]
    assert columns == ["model", "status", "rows", "seconds", "delta_version", "release", "reason"], columns
    assert any(row[0] == "gold.daily_sales" for row in cursor.fetchall())
    assert notices
    connection.autocommit = False
    try:
        connection.execute("CALL refresh_gold()")
    except errors.ActiveSqlTransaction:
        connection.rollback()
    else:
        raise AssertionError("CALL inside a transaction block")


def main() -> int:
    failed = 0
    checks = {name: check for name, check in globals().items() if name.startswith("check_")}
    for name, check in checks.items():
        try:
            with psycopg.connect(URL, autocommit=True) as connection:
                check(connection)
        except Exception:
            failed += 1
            print(f"FAILED {name}", file=sys.stderr)
            traceback.print_exc()
    print(f"{len(checks) - failed} of {len(checks)} checks passed")
    return 1 if failed else 0


if __name__ == "__main__":
    URL = sys.argv[1]
    sys.exit(main())
