"""A dashboard's refresh: three small aggregates on gold, ten connections, by pgbench."""
import pathlib
import re
import subprocess
import tempfile
from urllib.parse import urlsplit

from measure import Comparison, pairs
from servers import postgres_program

TABLES = ["gold.daily_sales", "gold.country_sales", "gold.top_products"]
QUERIES = {
    "months": "SELECT date_trunc('month', invoice_day) AS month, sum(orders) AS orders, sum(net_revenue) AS net_revenue"
    " FROM gold.daily_sales GROUP BY 1 ORDER BY 1;",
    "countries": "SELECT country, sum(customers) AS customers, sum(net_revenue) AS net_revenue"
    " FROM gold.country_sales WHERE rank <= 10 GROUP BY country ORDER BY net_revenue DESC;",
    "classes": "SELECT abc_class, count(*) AS products, sum(gross_revenue) AS gross_revenue, avg(return_rate) AS return_rate"
    " FROM gold.top_products GROUP BY abc_class ORDER BY abc_class;",
}
CLIENTS = 10
SECONDS = 5


def pgbench(url: str, mode: str, scripts: list[str]) -> float:
    """Transactions per second."""
    server = urlsplit(url)
    command = [postgres_program("pgbench"), "-n", "-M", mode, "-c", str(CLIENTS), "-j", "2", "-T", str(SECONDS)]
    for script in scripts:
        command += ["-f", script]
    command += ["-h", server.hostname, "-p", str(server.port), "-U", server.username, server.path.lstrip("/")]
    done = subprocess.run(command, capture_output=True, text=True)
    found = re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)
    failed = re.search(r"number of failed transactions: ([1-9][0-9]*)", done.stdout)
    if done.returncode or failed or not found:
        raise SystemExit(f"pgbench on {url}:\n{done.stdout}{done.stderr}")
    return float(found[1])


def compare(ours: str, theirs: str, runs: int) -> list[Comparison]:
    with tempfile.TemporaryDirectory(prefix="lakewire-bench-") as folder:
        scripts = []
        for name, query in QUERIES.items():
            script = pathlib.Path(folder) / f"{name}.sql"
            script.write_text(query + "\n")
            scripts.append(str(script))
        return [
            pairs(
                runs,
                Comparison(f"dashboard, {CLIENTS} connections, {mode}", "PostgreSQL", "queries/s", more_is_better=True),
                lambda: pgbench(ours, mode, scripts),
                lambda: pgbench(theirs, mode, scripts),
            )
            for mode in ("simple", "prepared")
        ]
