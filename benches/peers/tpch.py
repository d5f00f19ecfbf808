"""The 22 queries of TPC-H at scale 1: Lakewire on Delta tables, over the wire, against DuckDB on the Parquet files."""
import datetime
import math
import pathlib
import statistics
import subprocess
import sys
from decimal import Decimal

import duckdb
import psycopg
import pyarrow.parquet
from deltalake import write_deltalake

from measure import Comparison, pairs, seconds

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


def check(connection: psycopg.Connection, duck: duckdb.DuckDBPyConnection) -> None:
    for name, query in QUERIES.items():
        ours, theirs = connection.execute(query).fetchall(), duck.execute(query).fetchall()
        rows = zip(ours, theirs)
        if len(ours) != len(theirs) or not all(all(map(same, *pair)) for pair in rows):
            different = next((pair for pair in rows if not all(map(same, *pair))), (len(ours), len(theirs)))
            raise SystemExit(f"TPC-H {name}: other rows than DuckDB: {different}")


def compare(url: str, folder: pathlib.Path, runs: int) -> list[Comparison]:
    duck = duckdb.connect()
    duck.execute("CREATE SCHEMA tpch")
    for file in (folder / "parquet").glob("*.parquet"):
        duck.execute(f"CREATE VIEW tpch.{file.stem} AS FROM '{file}'")
    each = {name: Comparison(f"TPC-H {name}", "DuckDB", "s") for name in QUERIES}
    with psycopg.connect(url, autocommit=True) as connection:
        check(connection, duck)

        def one(name: str, figures: list[float], run) -> float:
            took = seconds(lambda: run(QUERIES[name]).fetchall())
            figures.append(took)
            return took

        total = pairs(
            runs,
            Comparison("TPC-H scale 1, all 22 queries", "DuckDB", "s"),
            lambda: sum(one(name, each[name].ours, connection.execute) for name in QUERIES),
            lambda: sum(one(name, each[name].theirs, duck.execute) for name in QUERIES),
        )
    slowest = sorted(each.values(), key=Comparison.ratio, reverse=True)[:3]
    named = ", ".join(f"{comparison.what[6:]} {comparison.ratio():.1f} ×" for comparison in slowest)
    total.note = f"from Delta, over the wire; theirs from Parquet, in process. Farthest behind: {named}"
    print_each(each)
    return [total]


def print_each(each: dict[str, Comparison]) -> None:
    for name, comparison in each.items():
        ours, theirs = statistics.median(comparison.ours), statistics.median(comparison.theirs)
        print(f"    {name}  {ours:7.3f} s  {theirs:7.3f} s  {comparison.ratio():6.2f}", file=sys.stderr)
