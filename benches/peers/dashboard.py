"""A dashboard's refresh: three small aggregates on gold, ten connections, by pgbench."""
import pathlib
import re
import subprocess
from urllib.parse import urlsplit

from measure import Comparison, pairs
from servers import postgres_program

TABLES = ["gold.daily_sales", "gold.country_sales", "gold.top_products"]
QUERIES = sorted((pathlib.Path(__file__).parent / "dashboard").glob("*.sql"))
CLIENTS = 10
SECONDS = 5


def pgbench(url: str, mode: str) -> float:
    """Transactions per second."""
    server = urlsplit(url)
    command = [postgres_program("pgbench"), "-n", "-M", mode, "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS)]
    for query in QUERIES:
        command += ["-f", str(query)]
    command += ["-h", server.hostname, "-p", str(server.port), "-U", server.username, server.path.lstrip("/")]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    failed = re.search(r"number of failed transactions: ([1-9][0-9]*)", done.stdout)
    if done.returncode or failed or not found:
        raise SystemExit(f"pgbench on {url}:\n{done.stdout}{done.stderr}")
    return float(found[1])


def compare(ours: str, theirs: str, runs: int) -> list[Comparison]:
    return [
        pairs(
            runs,
            Comparison(f"dashboard, {CLIENTS} connections, {mode}", "PostgreSQL", "queries/s", more_is_better=True),
            lambda: pgbench(ours, mode),
            lambda: pgbench(theirs, mode),
        )
        for mode in ("simple", "prepared")
    ]
