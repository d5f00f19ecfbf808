"""What asyncpg does: types learned from the catalogs, records, arrays, prepared statements, cursors, COPY.

    asyncpg_whole.py URL LAKE
"""
import asyncio
import datetime as dt
import io
import sys
import uuid
from decimal import Decimal

import asyncpg


async def values(connection) -> None:
    row = await connection.fetchrow("SELECT * FROM gold.daily_sales ORDER BY invoice_day LIMIT 1")
    assert isinstance(row["invoice_day"], dt.date) and isinstance(row["net_revenue"], Decimal), row
    assert isinstance(row["orders"], int) and isinstance(row["avg_order_value"], float), row
    given = ([1, 2, None], "é ✓", dt.datetime(2024, 2, 29, 13, 14, 15, 123456), Decimal("1.50"), b"\x00\x01")
    got = await connection.fetchrow("SELECT $1::int[], $2::text, $3::timestamp, $4::numeric, $5::bytea", *given)
    assert tuple(got) == given, got
    rows = await connection.fetch("SELECT rank FROM gold.top_products WHERE rank = ANY($1::bigint[]) ORDER BY rank", [1, 2, 3])
    assert [row["rank"] for row in rows] == [1, 2, 3], rows
    oid, name = await connection.fetchrow("SELECT 'gold.daily_sales'::regclass::oid, 'gold.daily_sales'::regclass::text")
    assert isinstance(oid, int) and name in ("daily_sales", "gold.daily_sales"), (oid, name)


async def types(connection) -> None:
    """The recursive query by which asyncpg learns a type that it does not know."""
    await connection.reload_schema_state()
    rows, _ = await connection._introspect_types([23, 1007, 1700, 3904, 2249], None)
    kinds = {row["oid"]: row["kind"] for row in rows}
    assert {23, 1007, 1700, 3904} <= set(kinds), kinds
    relation = await connection.fetchval("SELECT reltype FROM pg_class WHERE oid = 'gold.daily_sales'::regclass")
    rows, _ = await connection._introspect_types([relation], None)
    record = next(row for row in rows if row["oid"] == relation)
    assert record["kind"] in ("c", b"c") and record["attrnames"][0] == "invoice_day", record
    await connection.set_type_codec("json", encoder=str, decoder=str, schema="pg_catalog")
    assert await connection.fetchval("SELECT '{}'::json") == "{}"


async def statements(connection) -> None:
    statement = await connection.prepare("SELECT invoice_day, orders FROM gold.daily_sales WHERE orders > $1 ORDER BY 1")
    assert [a.name for a in statement.get_parameters()] == ["int8"], statement.get_parameters()
    assert [a.name for a in statement.get_attributes()] == ["invoice_day", "orders"], statement.get_attributes()
    few, many = await statement.fetch(5), await statement.fetch(0)
    assert len(few) < len(many), (len(few), len(many))
    async with connection.transaction(readonly=True):
        count = 0
        async for _ in connection.cursor("SELECT invoice_no FROM bronze.online_retail LIMIT 1050", prefetch=100):
            count += 1
        assert count == 1050, count
        cursor = await connection.cursor("SELECT orders FROM gold.daily_sales ORDER BY invoice_day")
        await cursor.forward(1)
        assert len(await cursor.fetch(3)) == 3
    out = io.BytesIO()
    done = await connection.copy_from_query("SELECT invoice_day, orders FROM gold.daily_sales WHERE orders > $1", 0, output=out, format="csv")
    assert done == f"COPY {len(many)}" and len(out.getvalue().splitlines()) == len(many), done
    try:
        await connection.fetch("SELECT nosuch FROM gold.daily_sales")
        raise AssertionError("a column that is not there")
    except asyncpg.UndefinedColumnError:
        pass


async def strict_types(connection) -> None:
    """asyncpg encodes a value by the type that the parameter is announced with: a UUID is none for text."""
    key, other = uuid.UUID(int=1), uuid.UUID(int=2)
    await connection.execute("CREATE SCHEMA strict")
    await connection.execute("CREATE TABLE strict.t (id uuid PRIMARY KEY, ids uuid[], doc jsonb, names varchar(20)[])")
    await connection.execute("INSERT INTO strict.t VALUES ($1, $2, $3, $4)", key, [key, other], '{"k": [1]}', ["a", "b"])
    await connection.executemany("INSERT INTO strict.t (id, doc) VALUES ($1, coalesce($2, '{}'))", [(other, None)])
    await connection.execute("UPDATE strict.t SET ids = $1, doc = $2 WHERE id = $3", [other], "[]", other)
    rows = await connection.fetch("SELECT * FROM strict.t WHERE id = ANY($1) OR $2 = ANY(ids) ORDER BY id", [key], other)
    assert [tuple(row) for row in rows] == [
        (key, [key, other], '{"k": [1]}', ["a", "b"]),
        (other, [other], "[]", None),
    ], rows
    one = await connection.fetch("SELECT ids[1], unnest(ids) FROM strict.t WHERE id = $1 ORDER BY 2", key)
    assert [tuple(row) for row in one] == [(key, key), (key, other)], one
    await connection.execute("INSERT INTO strict.t (id) SELECT unnest($1::uuid[])", [uuid.UUID(int=3)])
    assert await connection.fetchval("SELECT count(*) FROM strict.t WHERE id <> ALL($1)", [key, other]) == 1
    await connection.execute("DROP SCHEMA strict CASCADE")


async def main(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await values(connection)
        await types(connection)
        await statements(connection)
        await strict_types(connection)
    finally:
        await connection.close()
    async with asyncpg.create_pool(url, min_size=2, max_size=4) as pool:
        got = await asyncio.gather(*(pool.fetchval("SELECT count(*) FROM gold.daily_sales") for _ in range(8)))
        assert len(set(got)) == 1, got
    print("asyncpg is content")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
