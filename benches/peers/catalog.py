"""Metadata of a lake with many tables: connect and ask, psql's \\d, a reflection of one table, a list of all."""
import subprocess
from typing import Callable

import psycopg

from measure import Comparison, pairs, seconds

TABLES = 1_000
COLUMNS = 20

FIRST = "select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relname = 't0500'"
ONE = """select a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull from pg_attribute a
         where a.attrelid = 'many.t0500'::regclass and a.attnum > 0 and not a.attisdropped order by a.attnum"""
ALL = "select table_name, count(*) from information_schema.columns where table_schema = 'many' group by table_name"


def fill(url: str) -> None:
    """The same empty tables on either side; on the lake, in one release."""
    columns = ", ".join(f"c{number:02} {kind}" for number, kind in zip(range(COLUMNS), ["integer", "text", "numeric(18, 3)", "timestamp"] * COLUMNS))
    with psycopg.connect(url) as connection:
        connection.execute("create schema many")
        for number in range(TABLES):
            connection.execute(f"create table many.t{number:04} ({columns})")


def connect_and_ask(url: str) -> Callable[[], float]:
    def ask() -> None:
        with psycopg.connect(url) as connection:
            assert connection.execute(FIRST).fetchall() == [("many", "t0500", "r")]

    return lambda: seconds(ask) * 1e3


def query(url: str, sql: str, rows: int) -> Callable[[], float]:
    connection = psycopg.connect(url, autocommit=True)

    def ask() -> None:
        got = len(connection.execute(sql).fetchall())
        assert got == rows, (sql, got)

    return lambda: seconds(ask) * 1e3


def described(url: str) -> Callable[[], float]:
    """What `\\d` takes in one psql, beyond what starting it and connecting takes."""
    def run(*commands: str) -> float:
        words = ["psql", url, "-X", "-q", "-o", "/dev/null"]
        return seconds(lambda: subprocess.run(words + [word for command in commands for word in ("-c", command)], check=True))

    repeated = 10
    return lambda: (run(*["\\d many.t0500"] * repeated) - run("select 1")) / repeated * 1e3


def compare(ours: str, theirs: str, runs: int) -> list[Comparison]:
    sides = [
        (f"connect and first metadata query, {TABLES:,} tables", connect_and_ask),
        ("psql \\d table", described),
        ("columns of one table", lambda url: query(url, ONE, COLUMNS)),
        (f"columns of all tables, {TABLES * COLUMNS:,} rows counted", lambda url: query(url, ALL, TABLES)),
    ]
    return [pairs(runs, Comparison(what, "PostgreSQL", "ms"), side(ours), side(theirs)) for what, side in sides]
