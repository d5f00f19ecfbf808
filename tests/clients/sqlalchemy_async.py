"""What SQLAlchemy asks through asyncpg: its inspector, reflected tables, queries made from them.

    sqlalchemy_async.py URL LAKE
"""
import asyncio
import sys
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

GOLD = {"daily_sales", "top_products", "country_sales", "customer_segments"}


def inspected(connection) -> sa.MetaData:
    inspector = sa.inspect(connection)
    assert set(inspector.get_table_names(schema="gold")) == GOLD, inspector.get_table_names(schema="gold")
    assert "models" in inspector.get_view_names(schema="lakewire")
    columns = {column["name"]: column for column in inspector.get_columns("daily_sales", schema="gold")}
    assert isinstance(columns["invoice_day"]["type"], sa.Date), columns
    assert inspector.get_indexes("daily_sales", schema="gold") == []
    assert inspector.get_foreign_keys("daily_sales", schema="gold") == []
    assert inspector.get_check_constraints("daily_sales", schema="gold") == []
    assert inspector.get_table_comment("daily_sales", schema="gold")["text"]
    assert isinstance(inspector.get_enums(), list) and isinstance(inspector.get_domains(), list)
    metadata = sa.MetaData()
    metadata.reflect(connection, schema="gold")
    return metadata


async def main(url: str) -> None:
    engine = create_async_engine(url.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.connect() as connection:
        metadata = await connection.run_sync(inspected)
        sales = metadata.tables["gold.daily_sales"]
        total = (await connection.execute(sa.select(sa.func.sum(sales.c.net_revenue)))).scalar_one()
        assert isinstance(total, Decimal) and total > 0, total
        busy = sa.select(sales.c.invoice_day).where(sales.c.orders > 1).order_by(sales.c.invoice_day)
        count = 0
        async for _ in await connection.stream(busy):
            count += 1
        assert count > 0
    await engine.dispose()
    print("SQLAlchemy is content with asyncpg")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
