"""CSV files → all layers: Lakewire with its tests, run log and Delta commits, against a DuckDB script that writes Parquet."""
import json
import pathlib
import subprocess
import sys
import tempfile

from measure import Comparison, pairs, seconds
from servers import ROOT, lakewire

SCRIPT = pathlib.Path(__file__).with_name("duckdb_medallion.py")


def ours(binary: str, data: pathlib.Path) -> float:
    with tempfile.TemporaryDirectory(prefix="lakewire-bench-") as folder:
        lake = pathlib.Path(folder) / "lake"
        steps = [
            lakewire(binary, command, lake, "--set", f"ingest.data_dir={data}", "--set", "log.level=error")
            for command in ("ingest", "run")
        ]

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
