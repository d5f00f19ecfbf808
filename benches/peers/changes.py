"""Rows that change, against PostgreSQL holding the same table: single-row inserts in one transaction, a MERGE of few rows
into many. Sizes: LAKEWIRE_BENCH_INSERTS, LAKEWIRE_BENCH_MERGED, LAKEWIRE_BENCH_ROWS."""
import json
import os
import pathlib

import psycopg

from measure import Comparison, pairs, seconds

INSERTS = int(os.environ.get("LAKEWIRE_BENCH_INSERTS", "1000"))
MERGED = int(os.environ.get("LAKEWIRE_BENCH_MERGED", "10000"))
ROWS = int(os.environ.get("LAKEWIRE_BENCH_ROWS", "10000000"))

MERGE = """
merge into changes_big t using changes_few s on t.id = s.id
when matched then update set amount = t.amount + s.amount, note = s.note
when not matched then insert values (s.id, s.amount, s.note)
"""


def simple_inserts(url: str) -> float:
    """Statements with their values written in, as a script sends them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("drop table if exists changes_inserted")
        connection.execute("create table changes_inserted (id int not null, name text, amount numeric(12,2), day date)")

        def insert():
            connection.execute("begin")
            for row in range(INSERTS):
                connection.execute(f"insert into changes_inserted values ({row}, 'n{row}', {row}.25, '2024-02-29')")
            connection.execute("commit")

        return seconds(insert)


def prepared_inserts(url: str) -> float:
    """One statement, prepared once, as drivers send it."""
    with psycopg.connect(url, autocommit=True, prepare_threshold=0) as connection:
        connection.execute("drop table if exists changes_inserted")
        connection.execute("create table changes_inserted (id int not null, name text, amount numeric(12,2), day date)")

        def insert():
            connection.execute("begin")
            for row in range(INSERTS):
                values = (row, f"n{row}", f"{row}.25", "2024-02-29")
                connection.execute("insert into changes_inserted values (%s, %s, %s, %s)", values)
            connection.execute("commit")

        return seconds(insert)


def fill(url: str) -> None:
    """A big table in the order of its key, and the rows to merge: all near one another, half of them new."""
    with psycopg.connect(url, autocommit=True) as connection:
        for table in ("changes_big", "changes_few"):
            connection.execute(f"create table {table} (id bigint not null, amount numeric(12,2), note text)")
        step = max(ROWS // 10, 1)
        for first in range(0, ROWS, step):
            last = min(first + step, ROWS) - 1
            connection.execute(
                "insert into changes_big select g, g % 1000, 'note ' || (g % 97)"
                f" from generate_series({first}::bigint, {last}::bigint) g"
            )
        first = ROWS - MERGED // 2
        connection.execute(
            "insert into changes_few select g, 1, 'merged'"
            f" from generate_series({first}::bigint, {first + MERGED - 1}::bigint) g"
        )


def merge(url: str) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        return seconds(lambda: connection.execute(MERGE))


def rewritten(lake: pathlib.Path) -> str:
    """What the newest commit to the big table took out and put in, and how large the table is."""
    live, replaced, written = {}, 0, 0
    for commit in sorted((lake / "public" / "changes_big" / "_delta_log").glob("*.json")):
        replaced = written = 0
        for action in map(json.loads, commit.read_text().splitlines()):
            if add := action.get("add"):
                live[add["path"]] = add["size"]
                written += add["size"]
            if remove := action.get("remove"):
                replaced += live.pop(remove["path"], 0)
    mib = lambda size: f"{size / 2**20:,.1f} MiB"
    return f"of {mib(sum(live.values()))}: {mib(replaced)} read whole and replaced by {mib(written)}"


def compare(ours: str, theirs: str, lake: pathlib.Path, runs: int) -> list[Comparison]:
    results = [
        pairs(
            runs,
            Comparison(f"{INSERTS:,} single-row inserts in one transaction, {name}", "PostgreSQL", "s"),
            lambda: insert(ours),
            lambda: insert(theirs),
        )
        for name, insert in {"simple": simple_inserts, "prepared": prepared_inserts}.items()
    ]
    fill(ours)
    fill(theirs)
    with psycopg.connect(theirs, autocommit=True) as connection:
        connection.execute("create index on changes_big (id)")
        connection.execute("vacuum analyze changes_big")
    merged = Comparison(f"merge of {MERGED:,} rows into {ROWS:,}", "PostgreSQL, with an index", "s")
    merged = pairs(min(runs, 3), merged, lambda: merge(ours), lambda: merge(theirs))
    merged.note = rewritten(lake)
    return [*results, merged]
