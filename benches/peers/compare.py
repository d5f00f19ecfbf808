"""Lakewire beside its peers, in the same run. Called by benches/compare, which installs what this needs."""
import argparse
import contextlib
import datetime
import os
import pathlib
import platform
import signal
import subprocess
import sys
import tempfile

import duckdb
import psycopg

import dashboard
import fetch
import pipeline
import tpch
from measure import table
from servers import ROOT, copy_tables, lakewire, postgres, serving

PARTS = ["fetch", "pipeline", "dashboard", "tpch"]
SHARED_DATA = ROOT.parent / "shared" / "data"


def say(text: str) -> None:
    print(f"==> {text}", file=sys.stderr, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, prog="benches/compare")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all without")
    parser.add_argument("--lakewire", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--data", type=pathlib.Path, help="folder with online_retail*.csv*, customer_data*, product_catalog*")
    parser.add_argument("--runs", type=int, default=5, help="pairs of runs (default 5)")
    parser.add_argument("--tpch", type=pathlib.Path, help="where to keep the TPC-H data; a temporary folder without")
    parser.add_argument("--scale", type=float, default=1, help="of TPC-H (default 1)")
    parser.add_argument("--write", action="store_true", help="write docs/BENCHMARKS.md")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    return options


def retail_data(binary: str, chosen: pathlib.Path | None, folder: pathlib.Path) -> tuple[pathlib.Path, str]:
    """The CSV files and what they are: those chosen, else the real ones if they are beside the project, else generated."""
    if chosen or SHARED_DATA.is_dir():
        data = (chosen or SHARED_DATA).resolve()
        return data, f"{data.name}: online_retail.csv.gz"
    say("generating sample data")
    subprocess.run(lakewire(binary, "demo", folder / "sample", "--generate-only"), cwd=ROOT, check=True)
    return folder / "sample", "generated sample"


def machine(binary: str, data: str) -> str:
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), "unknown")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    version = lambda *command: subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    commit = version("git", "-C", str(ROOT), "rev-parse", "--short", "HEAD")
    return "\n".join([
        f"- machine: {os.cpu_count()} × {cpu}, {memory:.0f} GiB, {platform.system()} {platform.release()}",
        f"- date: {datetime.date.today()}",
        f"- Lakewire: {version(binary, '--version')}, commit {commit}, profile dev (optimized)",
        f"- peers: {version('psql', '--version').replace('psql (', '').replace(')', '')}, DuckDB {duckdb.__version__}",
        f"- retail data: {data}",
    ])


def main() -> None:
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers are ended
    parts = options.parts or PARTS
    binary, results = options.lakewire, []
    with tempfile.TemporaryDirectory(prefix="lakewire-bench-") as temporary, contextlib.ExitStack() as servers:
        folder = pathlib.Path(temporary)
        data, described = retail_data(binary, options.data, folder)
        if "pipeline" in parts:
            say("pipeline: CSV to all layers")
            results += pipeline.compare(binary, data, options.runs)
        if {"fetch", "dashboard"} & set(parts):
            say("making a lake, and the same tables in PostgreSQL")
            lake = folder / "lake"
            for command in ("ingest", "run"):
                step = lakewire(binary, command, lake, "--set", f"ingest.data_dir={data}")
                subprocess.run(step, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            ours = servers.enter_context(serving(binary, lake))
            theirs = servers.enter_context(postgres())
            copy_tables(ours, theirs, ["bronze.online_retail", *dashboard.TABLES])
            if "fetch" in parts:
                say("fetch: a whole table")
                with psycopg.connect(theirs) as connection:
                    (rows,) = connection.execute("SELECT count(*) FROM bronze.online_retail").fetchone()
                results += fetch.compare(ours, theirs, rows, options.runs)
            if "dashboard" in parts:
                say("dashboard: small aggregates by pgbench")
                results += dashboard.compare(ours, theirs, min(options.runs, 3))
        if "tpch" in parts:
            say("TPC-H: making the data")
            where = (options.tpch or folder / "tpch").resolve()
            tpch.generate(where, options.scale)
            say("TPC-H: checking the answers, then the 22 queries")
            with serving(binary, where / "lake") as url:
                results += tpch.compare(url, where, min(options.runs, 5))
        note = machine(binary, described)
    print(note, table(results), sep="\n\n")
    if options.write:
        write(note, table(results))


def write(note: str, figures: str) -> None:
    text = f"""# Beside its peers

Written by `benches/compare --write`: each pair of runs on the same machine one after the other, taking turns about who is
first. Times and rates are medians. **Ratio**: the median over the pairs of how many times as long as the peer Lakewire
takes; below 1 it is faster.

{note}

{figures}
"""
    (ROOT / "docs" / "BENCHMARKS.md").write_text(text)
    say("wrote docs/BENCHMARKS.md")


if __name__ == "__main__":
    main()
