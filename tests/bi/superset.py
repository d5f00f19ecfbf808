"""Apache Superset on Lakewire, as a person would use it: connect, look at schemas and tables, make a dataset, run SQL, draw a chart.

    superset.py LAKEWIRE OUT.md
"""
import importlib.metadata
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import requests
from selenium.webdriver.common.by import By

from parts import PICTURES, Steps, browser, demo, free_port, wait_until, web_server

USER = PASSWORD = "admin"
BIN = pathlib.Path(sys.executable).parent
MONTHLY = "select date_trunc('month', invoice_day) as month, sum(net_revenue) as revenue from gold.daily_sales group by 1 order by 1"
CHART = {
    "viz_type": "echarts_timeseries_line",
    "x_axis": "invoice_day",
    "time_grain_sqla": "P1W",
    "metrics": [{"expressionType": "SQL", "sqlExpression": "sum(net_revenue)", "label": "net revenue"}],
    "groupby": [],
    "adhoc_filters": [],
    "row_limit": 10000,
    "show_legend": True,
    "rich_tooltip": True,
}


class Api:
    """Superset's REST interface, logged in."""

    def __init__(self, base: str):
        self.base, self.http = f"{base}/api/v1", requests.Session()
        login = {"username": USER, "password": PASSWORD, "provider": "db", "refresh": True}
        token = self.http.post(f"{self.base}/security/login", json=login, timeout=120).json()["access_token"]
        self.http.headers["Authorization"] = f"Bearer {token}"
        self.http.headers["X-CSRFToken"] = self.get("security/csrf_token/")["result"]
        self.http.headers["Referer"] = base

    def get(self, path: str) -> dict:
        return self._json(self.http.get(f"{self.base}/{path}", timeout=180))

    def post(self, path: str, body: dict) -> dict:
        return self._json(self.http.post(f"{self.base}/{path}", json=body, timeout=180))

    @staticmethod
    def _json(response) -> dict:
        if not response.ok:
            raise RuntimeError(f"{response.status_code}: {response.text[:400]}")
        return response.json()


def prepare(environment: dict) -> None:
    for words in (
        ["db", "upgrade"],
        ["fab", "create-admin", "--username", USER, "--password", PASSWORD]
        + ["--firstname", "a", "--lastname", "b", "--email", "a@example.com"],
        ["init"],
    ):
        command = [str(BIN / "superset"), *words]
        done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"superset {words[0]}: {done.stderr[-2000:]}")


def drive(api: Api, steps: Steps, lake: str) -> int | None:
    """Everything that needs no picture; the chart's number."""
    database = dataset = chart = None
    with steps.step("test the connection") as seen:
        seen.append(api.post("database/test_connection/", {"sqlalchemy_uri": lake, "database_name": "lake"})["message"])
    with steps.step("add the database") as seen:
        database = api.post("database/", {"sqlalchemy_uri": lake, "database_name": "lake", "expose_in_sqllab": True})["id"]
        seen.append(f"database {database}")
    with steps.step("list schemas") as seen:
        schemas = api.get(f"database/{database}/schemas/")["result"]
        assert {"bronze", "silver", "gold", "analytics"} <= set(schemas), schemas
        seen.append(", ".join(schemas))
    with steps.step("list tables of gold") as seen:
        tables = [table["value"] for table in api.get(f"database/{database}/tables/?q=(schema_name:gold)")["result"]]
        assert "daily_sales" in tables, tables
        seen.append(", ".join(sorted(tables)))
    with steps.step("look at a table's columns") as seen:
        metadata = api.get(f"database/{database}/table_metadata/?name=daily_sales&schema=gold")
        seen.append(", ".join(f"{column['name']} {column['type']}" for column in metadata["columns"][:4]) + " …")
    with steps.step("run a query in SQL Lab") as seen:
        body = {"database_id": database, "schema": "gold", "sql": MONTHLY, "runAsync": False, "queryLimit": 100}
        result = api.post("sqllab/execute/", body)
        seen.append(f"{result['status']}, {len(result['data'])} rows, columns "
                    + ", ".join(f"{column['name']} {column['type']}" for column in result["columns"]))
    with steps.step("make a dataset of gold.daily_sales") as seen:
        dataset = api.post("dataset/", {"database": database, "schema": "gold", "table_name": "daily_sales"})["id"]
        columns = api.get(f"dataset/{dataset}")["result"]["columns"]
        times = [column["column_name"] for column in columns if column["is_dttm"]]
        assert "invoice_day" in times, times
        seen.append(f"{len(columns)} columns, of time: {', '.join(times)}")
    with steps.step("the chart's query") as seen:
        query = {"columns": [{"columnType": "BASE_AXIS", "sqlExpression": "invoice_day", "label": "invoice_day",
                              "expressionType": "SQL", "timeGrain": "P1W"}],
                 "metrics": CHART["metrics"], "row_limit": 10000}
        body = {"datasource": {"id": dataset, "type": "table"}, "queries": [query], "result_format": "json"}
        answer = api.post("chart/data", body)["result"][0]
        seen.append(f"{answer['rowcount']} weeks")
    with steps.step("save the chart") as seen:
        params = {**CHART, "datasource": f"{dataset}__table"}
        body = {"slice_name": "Net revenue by week", "viz_type": CHART["viz_type"], "datasource_id": dataset,
                "datasource_type": "table", "params": json.dumps(params)}
        chart = api.post("chart/", body)["id"]
        seen.append(f"chart {chart}")
    return chart


def photograph(base: str, steps: Steps, chart: int) -> None:
    with steps.step("the chart in a browser") as seen, browser() as page:
        page.get(f"{base}/login/")
        wait_until("the log-in form", lambda: page.find_element(By.CSS_SELECTOR, "input[type=password]"))
        page.find_element(By.CSS_SELECTOR, "#username, [data-test=username-input]").send_keys(USER)
        page.find_element(By.CSS_SELECTOR, "input[type=password]").send_keys(PASSWORD, "\n")
        wait_until("the log-in", lambda: "/login" not in page.current_url)
        page.get(f"{base}/explore/?slice_id={chart}")
        wait_until("the chart", lambda: page.find_element(By.CSS_SELECTOR, ".chart-container canvas, .echarts canvas, canvas"))
        wait_until("its rows", lambda: "rows" in page.page_source)
        page.implicitly_wait(3)
        page.find_elements(By.CSS_SELECTOR, "#nothing-but-time")
        page.save_screenshot(str(PICTURES / "superset.png"))
        seen.append("drawn")


def main() -> None:
    binary, out = sys.argv[1], pathlib.Path(sys.argv[2])
    steps = Steps("Apache Superset", importlib.metadata.version("apache-superset"))
    with tempfile.TemporaryDirectory(prefix="lakewire-superset-") as home, demo(binary) as lake:
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        environment = {
            "SUPERSET_HOME": home,
            "SUPERSET_SECRET_KEY": "only-for-this-run-only-for-this-run",
            "FLASK_APP": "superset",
            "PYTHONWARNINGS": "ignore",
        }
        prepare(environment)
        serve = [str(BIN / "superset"), "run", "-h", "127.0.0.1", "-p", str(port), "--with-threads"]
        with web_server(serve, environment, f"{base}/health", pathlib.Path(home) / "log"):
            chart = drive(Api(base), steps, f"postgresql+psycopg2://{lake.netloc}{lake.path}")
            if chart is not None:
                photograph(base, steps, chart)
    steps.write(out, "superset.png")
    sys.exit(steps.failed)


main()
