"""Ten writers at once, each with a table of its own: small transactions, by pgbench."""
import pathlib
import re
import subprocess
import tempfile
from urllib.parse import urlsplit

import psycopg

from measure import Comparison, pairs
from servers import postgres_program

CLIENTS = 10
SECONDS = 10
SCRIPTS = {
    "one insert each": "insert into w:client_id values (:client_id, random());\n",
    "three inserts each": "begin;\n" + "insert into w:client_id values (:client_id, random());\n" * 3 + "commit;\n",
}


def make_tables(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for client in range(CLIENTS):
            connection.execute(f"drop table if exists w{client}")
            connection.execute(f"create table w{client} (who int, x double precision)")


def pgbench(url: str, script: str) -> float:
    """Transactions per second. A transaction that conflicts ends the run: none may."""
    make_tables(url)
    server = urlsplit(url)
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "script.sql"
        file.write_text(script)
        command = [postgres_program("pgbench"), "-n", "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS), "-f", str(file)]
        command += ["-h", server.hostname, "-p", str(server.port), "-U", server.username, server.path.lstrip("/")]
        done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    failed = re.search(r"number of failed transactions: ([1-9][0-9]*)", done.stdout)
    if done.returncode or failed or not found:
        raise SystemExit(f"pgbench on {url}:\n{done.stdout}{done.stderr}")
    return float(found[1])


def releases(url: str) -> int:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute("select max(release) from lakewire.releases").fetchone()[0]


def compare(ours: str, theirs: str, runs: int) -> list[Comparison]:
    results = []
    for name, script in SCRIPTS.items():
        before = releases(ours)
        compared = pairs(
            runs,
            Comparison(f"{CLIENTS} writers to {CLIENTS} tables, {name}", "PostgreSQL", "transactions/s", more_is_better=True),
            lambda: pgbench(ours, script),
            lambda: pgbench(theirs, script),
        )
        # the warm-up counts as the median run
        transactions = SECONDS * (sum(compared.ours) + sorted(compared.ours)[len(compared.ours) // 2])
        compared.note = f"{transactions / max(1, releases(ours) - before):.1f} transactions a release"
        results.append(compared)
    return results
