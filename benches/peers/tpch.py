"""The 22 queries of TPC-H at scale 1: Lakewire on Delta tables, over the wire, against DuckDB and plain DataFusion on the Parquet files."""
import datetime
import math
import pathlib
import statistics
import subprocess
import sys
from decimal import Decimal
from typing import Callable

import datafusion
import duckdb
import psycopg
import pyarrow.parquet
from deltalake import write_deltalake

from measure import Comparison, pairs, seconds

# Runs a query to its last row.
Run = Callable[[str], list]

QUERIES = {path.stem: path.read_text() for path in sorted(pathlib.Path(__file__).with_name("tpch").glob("q*.sql"))}


def generate(folder: pathlib.Path, scale: float) -> None:
    """<folder>/parquet/<table>.parquet, and the same rows as Delta tables under <folder>/lake/tpch/."""
    parquet, lake = folder / "parquet", folder / "lake" / "tpch"
    if (folder / "done").exists():
        return
    program = pathlib.Path(sys.executable).with_name("tpchgen-cli")
    command = [str(program), "parquet", "--scale-factor", str(scale), "--output-dir", str(parquet)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for file in sorted(parquet.glob("*.parquet")):
        rows = pyarrow.parquet.read_table(file)
        write_deltalake(str(lake / file.stem), rows, mode="overwrite")
    (folder / "done").touch()


def same(ours, theirs) -> bool:
    """Values are equal, averages and shares within their last digits, text without CHAR's trailing blanks."""
    if isinstance(ours, (int, float, Decimal)) and isinstance(theirs, (int, float, Decimal)):
        return math.isclose(float(ours), float(theirs), rel_tol=1e-6, abs_tol=1e-6)
    if isinstance(ours, datetime.datetime) and not isinstance(theirs, datetime.datetime):
        ours = ours.date()
    return ours == theirs


def check(ours: Run, theirs: Run) -> None:
    for name, query in QUERIES.items():
        mine, other = ours(query), theirs(query)
        rows = list(zip(mine, other))
        if len(mine) != len(other) or not all(all(map(same, *pair)) for pair in rows):
            different = next((pair for pair in rows if not all(map(same, *pair))), (len(mine), len(other)))
            raise SystemExit(f"TPC-H {name}: other rows than DuckDB: {different}")


def in_duckdb(parquet: pathlib.Path) -> Run:
    duck = duckdb.connect()
    duck.execute("CREATE SCHEMA tpch")
    for file in parquet.glob("*.parquet"):
        duck.execute(f"CREATE VIEW tpch.{file.stem} AS FROM '{file}'")
    return lambda query: duck.execute(query).fetchall()


def in_datafusion(parquet: pathlib.Path) -> Run:
    """The engine below Lakewire, as it comes: no server, no Delta."""
    context = datafusion.SessionContext()
    context.sql("CREATE SCHEMA tpch").collect()
    for file in parquet.glob("*.parquet"):
        context.sql(f"CREATE EXTERNAL TABLE tpch.{file.stem} STORED AS PARQUET LOCATION '{file}'").collect()
    return lambda query: context.sql(query).collect()


def compare(url: str, folder: pathlib.Path, runs: int) -> list[Comparison]:
    duck, plain = in_duckdb(folder / "parquet"), in_datafusion(folder / "parquet")
    with psycopg.connect(url, autocommit=True) as connection:
        lakewire = lambda query: connection.execute(query).fetchall()
        check(lakewire, duck)
        return [against("DuckDB", lakewire, duck, runs), against("plain DataFusion", lakewire, plain, runs)]


def against(peer: str, ours: Run, theirs: Run, runs: int) -> Comparison:
    each = {name: Comparison(f"TPC-H {name}", peer, "s") for name in QUERIES}

    def one(query: str, figures: list[float], run: Run) -> float:
        took = seconds(lambda: run(query))
        figures.append(took)
        return took

    total = pairs(
        runs,
        Comparison("TPC-H scale 1, all 22 queries", peer, "s"),
        lambda: sum(one(query, each[name].ours, ours) for name, query in QUERIES.items()),
        lambda: sum(one(query, each[name].theirs, theirs) for name, query in QUERIES.items()),
    )
    slowest = sorted(each.values(), key=Comparison.ratio, reverse=True)[:3]
    named = ", ".join(f"{comparison.what[6:]} {comparison.ratio():.1f} ×" for comparison in slowest)
    total.note = f"from Delta, over the wire; theirs from Parquet, in process. Farthest behind: {named}"
    print_each(each)
    return total


def print_each(each: dict[str, Comparison]) -> None:
    for name, comparison in each.items():
        ours, theirs = statistics.median(comparison.ours), statistics.median(comparison.theirs)
        print(f"    {name}  {ours:7.3f} s  {theirs:7.3f} s  {comparison.ratio():6.2f}", file=sys.stderr)
