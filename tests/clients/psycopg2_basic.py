"""What psycopg2, the driver of Superset, dbt and Airflow, does.

    psycopg2_basic.py URL LAKE
"""
import datetime as dt
import sys
import io
import threading
from decimal import Decimal

import psycopg2
from psycopg2 import errors, extras

# Hours of work that yields to others; see "Limits" in the README for a kind that does not.
ENDLESS = """SELECT max(a.quantity + b.quantity - c.quantity) FROM bronze.online_retail a
             JOIN bronze.online_retail b USING (country) JOIN bronze.online_retail c USING (country)"""


def main(url: str) -> None:
    connection = psycopg2.connect(url)
    assert connection.server_version >= 120000, connection.server_version
    assert connection.encoding == "UTF8", connection.encoding

    with connection, connection.cursor() as cursor:
        values = (1, 2.5, Decimal("12.340"), "it's 100 %", None, True, dt.date(2011, 12, 9), dt.datetime(2011, 12, 9, 12, 50))
        cursor.execute("SELECT %s, %s::float8, %s, %s, %s, %s, %s, %s", values)
        assert cursor.fetchone() == values
        cursor.execute("SELECT rank FROM gold.top_products WHERE rank IN %s ORDER BY rank", ((1, 2, 3),))
        assert cursor.fetchall() == [(1,), (2,), (3,)]

    # Names and types, as BI tools ask for them.
    with connection, connection.cursor(cursor_factory=extras.RealDictCursor) as cursor:
        cursor.execute("SELECT * FROM gold.daily_sales ORDER BY invoice_day LIMIT 1")
        day = cursor.fetchone()
        assert isinstance(day["invoice_day"], dt.date) and isinstance(day["net_revenue"], Decimal), day
        assert isinstance(day["orders"], int) and isinstance(day["avg_order_value"], float), day

    # All rows of a big table.
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(quantity) FROM bronze.online_retail")
        count, units = cursor.fetchone()
        cursor.execute("SELECT quantity FROM bronze.online_retail")
        quantities = [row[0] for row in cursor]
        assert (len(quantities), sum(quantities)) == (count, units)

    # An error ends the transaction, a rollback begins anew.
    cursor = connection.cursor()
    try:
        cursor.execute("SELECT * FROM gold.daily_sale")
    except errors.UndefinedTable as error:
        assert error.pgcode == "42P01", error.pgcode
    else:
        raise AssertionError("no error")
    try:
        cursor.execute("SELECT 1")
    except errors.InFailedSqlTransaction:
        connection.rollback()
    else:
        raise AssertionError("a failed transaction went on")

    # Cancel from another thread.
    timer = threading.Timer(0.5, connection.cancel)
    timer.start()
    try:
        cursor.execute(ENDLESS)
    except errors.QueryCanceled:
        connection.rollback()
    else:
        raise AssertionError("not cancelled")
    timer.join()
    cursor.execute("SELECT 1")
    assert cursor.fetchone() == (1,)
    connection.rollback()

    # A named cursor fetches in parts; COPY writes a file.
    cursor.execute("SELECT invoice_day FROM gold.daily_sales ORDER BY invoice_day")
    days = cursor.fetchall()
    with connection.cursor("in parts") as parts:
        parts.itersize = 10
        parts.execute("SELECT invoice_day FROM gold.daily_sales ORDER BY invoice_day")
        assert list(parts) == days
    copied = io.StringIO()
    cursor.copy_expert("COPY (SELECT invoice_day FROM gold.daily_sales ORDER BY invoice_day) TO STDOUT", copied)
    assert copied.getvalue().split() == [str(day) for (day,) in days]
    connection.rollback()

    # A procedure, outside a transaction block.
    connection.autocommit = True
    cursor.execute("CALL refresh_gold()")
    assert any(row[0] == "gold.daily_sales" for row in cursor.fetchall())
    assert connection.notices
    connection.close()
    print("psycopg2 is content")


if __name__ == "__main__":
    main(sys.argv[1])
