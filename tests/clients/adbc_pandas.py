"""What ADBC and pandas do: whole results as Arrow by COPY in binary, data frames through SQLAlchemy.

    adbc_pandas.py URL LAKE
"""
import sys

import adbc_driver_postgresql.dbapi as adbc
import pandas
import sqlalchemy

DAYS = "SELECT invoice_day, orders, net_revenue, avg_order_value FROM gold.daily_sales ORDER BY invoice_day"


def check(url: str) -> None:
    with adbc.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(DAYS)
        table = cursor.fetch_arrow_table()
        cursor.execute("SELECT count(*) FROM gold.daily_sales WHERE invoice_day >= $1", (table["invoice_day"][0].as_py(),))
        assert cursor.fetchone() == (table.num_rows,)
        columns = connection.adbc_get_table_schema("daily_sales", db_schema_filter="gold").names
        assert columns[:2] == ["invoice_day", "orders"], columns

    engine = sqlalchemy.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    frame = pandas.read_sql(DAYS, engine)
    assert len(frame) == table.num_rows
    assert frame["orders"].sum() == sum(table["orders"].to_pylist())
    chunks = list(pandas.read_sql(DAYS, engine.execution_options(stream_results=True), chunksize=11))
    assert sum(len(chunk) for chunk in chunks) == len(frame)
    whole = pandas.read_sql_table("country_sales", engine, schema="gold")
    assert len(whole) and "net_revenue" in whole.columns


if __name__ == "__main__":
    check(sys.argv[1])
    print("ADBC and pandas are content")
