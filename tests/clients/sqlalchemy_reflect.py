"""What SQLAlchemy asks a PostgreSQL server: its inspector, reflected tables, queries made from them.

    sqlalchemy_reflect.py URL LAKE
"""
import sys
from decimal import Decimal

import sqlalchemy as sa

SCHEMAS = {"bronze", "silver", "gold", "analytics", "public", "lakewire"}
GOLD = {"daily_sales", "top_products", "country_sales", "customer_segments"}


def main(url: str) -> None:
    for driver in ("psycopg", "psycopg2"):
        engine = sa.create_engine(url.replace("postgresql://", f"postgresql+{driver}://", 1))
        inspector = sa.inspect(engine)

        assert SCHEMAS <= set(inspector.get_schema_names()), inspector.get_schema_names()
        assert set(inspector.get_table_names(schema="gold")) == GOLD, inspector.get_table_names(schema="gold")
        assert inspector.has_table("daily_sales", schema="gold") and not inspector.has_table("nothing", schema="gold")

        columns = {column["name"]: column for column in inspector.get_columns("daily_sales", schema="gold")}
        assert isinstance(columns["invoice_day"]["type"], sa.Date), columns
        assert isinstance(columns["orders"]["type"], sa.BigInteger), columns
        assert isinstance(columns["avg_order_value"]["type"], sa.Double), columns
        revenue = columns["net_revenue"]["type"]
        assert isinstance(revenue, sa.Numeric) and (revenue.precision, revenue.scale) == (18, 3), columns
        assert inspector.get_pk_constraint("daily_sales", schema="gold")["constrained_columns"] == []
        assert inspector.get_foreign_keys("daily_sales", schema="gold") == []
        assert inspector.get_indexes("daily_sales", schema="gold") == []
        assert inspector.get_unique_constraints("daily_sales", schema="gold") == []
        assert inspector.get_table_comment("daily_sales", schema="gold")["text"]

        metadata = sa.MetaData()
        metadata.reflect(engine, schema="gold")
        assert set(metadata.tables) == {f"gold.{name}" for name in GOLD}, set(metadata.tables)
        sales = metadata.tables["gold.daily_sales"]
        countries = metadata.tables["gold.country_sales"]
        with engine.connect() as connection:
            top = sa.select(countries.c.country, countries.c.net_revenue).where(countries.c.rank <= 3).order_by(countries.c.rank)
            rows = connection.execute(top).all()
            assert len(rows) == 3 and rows[0].net_revenue >= rows[1].net_revenue, rows
            total = connection.execute(sa.select(sa.func.sum(sales.c.net_revenue))).scalar_one()
            assert isinstance(total, Decimal) and total > 0, total
            month = sa.func.date_trunc("month", sales.c.invoice_day)
            months = connection.execute(sa.select(month, sa.func.sum(sales.c.orders)).group_by(month).order_by(month)).all()
            assert len(months) > 1, months
        engine.dispose()
    print("SQLAlchemy is content")


if __name__ == "__main__":
    main(sys.argv[1])
