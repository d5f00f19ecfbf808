"""Other Delta readers see the rows that Lakewire serves.

    delta_readers.py URL LAKE

Reads the pins of the newest release from LAKE/_lakewire/catalog, then every table at its pin with delta-rs, DuckDB and
Polars, and wants of each the same rows, as a multiset, that a client gets over the wire. The catalog and the run log have
to be readable by all of them, too.
"""
import datetime
import math
import os
import pathlib
import sys
from collections import Counter

import deltalake
import duckdb
import duckdb_extension_delta
import polars
import psycopg


def pins(lake: pathlib.Path) -> list[tuple[str, pathlib.Path, int]]:
    """(name, folder, version) of every table of the newest release."""
    catalog = read_delta_rs(lake / "_lakewire" / "catalog", None)
    tables = catalog.filter(polars.col("kind") == "table").sort("schema", "name")
    return [
        (f"{row['schema']}.{row['name']}", lake / row["location"], row["version"])
        for row in tables.select("schema", "name", "location", "version").iter_rows(named=True)
    ]


def read_delta_rs(folder: pathlib.Path, version: int | None) -> polars.DataFrame:
    table = deltalake.DeltaTable(str(folder), version=version)
    return polars.DataFrame(deltalake.QueryBuilder().register("t", table).execute("SELECT * FROM t"))


def read_polars(folder: pathlib.Path, version: int | None) -> polars.DataFrame:
    return polars.scan_delta(str(folder), version=version).collect()


def read_duckdb(folder: pathlib.Path, version: int | None) -> polars.DataFrame:
    # Loaded by its path: no network.
    extension = next(pathlib.Path(duckdb_extension_delta.__file__).parent.rglob("delta.duckdb_extension"))
    with duckdb.connect() as connection:
        connection.load_extension(str(extension))
        connection.execute("SET timezone = 'UTC'")
        at = "" if version is None else f", version = {version}"
        return polars.DataFrame(connection.sql(f"SELECT * FROM delta_scan('{folder}'{at})"))


READERS = {"delta-rs": read_delta_rs, "DuckDB": read_duckdb, "Polars": read_polars}


def canonical(value):
    """The same Python value for the same value, whoever read it."""
    if isinstance(value, float) and math.isnan(value):
        return "NaN"
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc)
    return value


def multiset(rows) -> Counter:
    return Counter(tuple(canonical(value) for value in row) for row in rows)


def served(connection: psycopg.Connection, table: str) -> tuple[list[str], Counter]:
    with connection.cursor(binary=True) as cursor:
        cursor.execute(f"SELECT * FROM {table}")
        return [column.name for column in cursor.description], multiset(cursor)


def difference(ours: Counter, theirs: Counter) -> str:
    missing, extra = list((ours - theirs).elements()), list((theirs - ours).elements())
    return f"{len(missing)} rows only over the wire {missing[:2]}, {len(extra)} only in the reader {extra[:2]}"


def main(url: str, lake: str) -> int:
    wrong, rows = [], 0
    tables = pins(pathlib.Path(lake).resolve())
    with psycopg.connect(url, options="-c timezone=UTC") as connection:
        for name, folder, version in tables:
            columns, ours = served(connection, name)
            rows += ours.total()
            for reader, read in READERS.items():
                frame = read(folder, version)
                if frame.columns != columns:
                    wrong.append(f"{name} by {reader}: columns {frame.columns}, over the wire {columns}")
                elif (theirs := multiset(frame.iter_rows())) != ours:
                    wrong.append(f"{name} by {reader}: {difference(ours, theirs)}")
    for log in ["catalog", "runs", "run_steps", "test_results"]:
        for reader, read in READERS.items():
            if read(pathlib.Path(lake).resolve() / "_lakewire" / log, None).is_empty():
                wrong.append(f"_lakewire/{log} by {reader}: no rows")
    print(f"{len(tables)} tables, {rows} rows, {len(READERS)} readers")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    code = main(*sys.argv[1:3])
    sys.stdout.flush()
    sys.stderr.flush()
    # threads of some readers abort the interpreter as it ends, after all is checked
    os._exit(code)
