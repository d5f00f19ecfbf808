"""All rows of bronze.online_retail to a libpq client, against PostgreSQL holding the same table."""
import subprocess

from psycopg import pq

from measure import Comparison, pairs, seconds

QUERY = "SELECT * FROM bronze.online_retail"


def psql(url: str) -> float:
    command = ["psql", "-X", "-A", "-t", "-o", "/dev/null", "-c", QUERY, url]
    return seconds(lambda: subprocess.run(command, check=True))


def libpq(url: str, result_format: int) -> float:
    """The whole result in the client's memory as libpq holds it, nothing converted."""
    connection = pq.PGconn.connect(url.encode())
    try:
        result = None

        def fetch():
            nonlocal result
            result = connection.exec_params(QUERY.encode(), [], result_format=result_format)

        took = seconds(fetch)
        if result.status != pq.ExecStatus.TUPLES_OK:
            raise SystemExit(f"{url}: {result.error_message.decode()}")
        return took
    finally:
        connection.finish()


def compare(ours: str, theirs: str, rows: int, runs: int) -> list[Comparison]:
    clients = {
        "psql, text": psql,
        "libpq, text": lambda url: libpq(url, pq.Format.TEXT),
        "libpq, binary": lambda url: libpq(url, pq.Format.BINARY),
    }
    return [
        pairs(
            runs,
            Comparison(f"fetch {rows:,} rows, {name}", "PostgreSQL", "s"),
            lambda: client(ours),
            lambda: client(theirs),
        )
        for name, client in clients.items()
    ]
