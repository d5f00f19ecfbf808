"""CSV files → all layers: Lakewire with its tests, run log and Delta commits, against a DuckDB script that writes Parquet."""
import json
import pathlib
import subprocess
import sys
import tempfile

from measure import Comparison, pairs, seconds
from servers import ROOT, lakewire

SCRIPT = pathlib.Path(__file__).with_name("duckdb_medallion.py")

# Statistics that the script has no counterpart of: both sides make the same tables.
NOT_THEIRS = ["cltv_holdout", "cltv_model", "cltv_table", "cohort_retention", "forecast_backtest", "forecast_table", "product_affinity"]


def ours(binary: str, data: pathlib.Path) -> float:
    with tempfile.TemporaryDirectory(prefix="lakewire-bench-") as folder:
        lake = pathlib.Path(folder) / "lake"
        settings = ["--set", f"ingest.data_dir={data}", "--set", "log.level=error"]
        excluded = [word for name in NOT_THEIRS for word in ("--exclude", f"analytics.{name}")]
        steps = [lakewire(binary, "ingest", lake, *settings), lakewire(binary, "run", lake, *settings, *excluded)]

        def work():
            for step in steps:
                subprocess.run(step, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

        return seconds(work)


def theirs(data: pathlib.Path) -> float:
    """Its own count of seconds: Python's start is not the pipeline's."""
    with tempfile.TemporaryDirectory(prefix="lakewire-bench-") as out:
        command = [sys.executable, str(SCRIPT), "--data", str(data), "--out", out]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["seconds"]


def compare(binary: str, data: pathlib.Path, runs: int) -> list[Comparison]:
    comparison = Comparison(
        "CSV → all layers", "DuckDB", "s", note="ours with data tests, rejects, run log, Delta commits; theirs to Parquet"
    )
    return [pairs(runs, comparison, lambda: ours(binary, data), lambda: theirs(data))]
