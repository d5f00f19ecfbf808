"""pgAdmin 4 on Lakewire: connect, open the tree down to the columns, read the properties of a table, run a query, look at it.

    pgadmin.py LAKEWIRE OUT.md
"""
import contextlib
import importlib.metadata
import pathlib
import re
import sys
import tempfile

import requests
from selenium.webdriver.common.by import By

from parts import PICTURES, Steps, browser, demo, free_port, wait_until, web_server

KEY = "only-for-this-run"


class Pgadmin:
    """Its own interface, as its pages call it."""

    def __init__(self, base: str):
        self.base, self.http = base, requests.Session()
        self.http.get(f"{base}/?key={KEY}", timeout=60)
        script = self.http.get(f"{base}/browser/js/utils.js", timeout=60).text
        self.http.headers["X-pgA-CSRFToken"] = re.search(r"csrf_token'\] = '([^']+)'", script).group(1)
        self.post("browser/master_password", json={"password": "secret", "submit_password": True})

    def post(self, path: str, **body) -> dict:
        return self._json(self.http.post(f"{self.base}/{path}", timeout=120, **body))

    def get(self, path: str):
        return self._json(self.http.get(f"{self.base}/{path}", timeout=120))

    def nodes(self, kind: str, *place: str) -> dict:
        """Label → id of what the tree shows below a place."""
        found = self.get("/".join(["browser", kind, "nodes", "1", *map(str, place), ""]))["data"] or []
        return {node["label"]: node["_id"] for node in found}

    @staticmethod
    def _json(response):
        if not response.ok:
            raise RuntimeError(f"{response.status_code}: {response.text[:400]}")
        return response.json()


def drive(pgadmin: Pgadmin, steps: Steps, lake) -> None:
    server = database = gold = table = None
    with steps.step("add the server and connect") as seen:
        body = {"name": "lake", "host": lake.hostname, "port": lake.port, "db": "lake", "username": lake.username, "gid": 1,
                "connection_params": [{"name": "sslmode", "keyword": "sslmode", "value": "prefer"}]}
        server = pgadmin.post("browser/server/obj/1/", json=body)["node"]["_id"]
        answer = pgadmin.post(f"browser/server/connect/1/{server}", data={"password": "none"})
        seen.append(answer["data"]["server_version"] if "server_version" in answer["data"] else answer["info"])
    with steps.step("open the database") as seen:
        database = pgadmin.nodes("database", server)["lake"]
        seen.append(pgadmin.post(f"browser/database/connect/1/{server}/{database}")["info"])
    with steps.step("list schemas") as seen:
        schemas = pgadmin.nodes("schema", server, database)
        gold = schemas["gold"]
        seen.append(", ".join(sorted(schemas)))
    with steps.step("list tables of gold") as seen:
        tables = pgadmin.nodes("table", server, database, gold)
        table = tables["daily_sales"]
        seen.append(", ".join(sorted(tables)))
    with steps.step("list columns of gold.daily_sales") as seen:
        columns = pgadmin.nodes("column", server, database, gold, table)
        assert any("net_revenue" in label for label in columns), columns
        seen.append(", ".join(columns))
    with steps.step("properties of the table") as seen:
        properties = pgadmin.get(f"browser/table/obj/1/{server}/{database}/{gold}/{table}")
        seen.append(f"owner {properties['relowner']}, {properties['rows_cnt']} rows, comment: {properties['description']}")
    with steps.step("CREATE script of the table") as seen:
        sql = pgadmin.get(f"browser/table/sql/1/{server}/{database}/{gold}/{table}")
        assert "CREATE TABLE" in sql and "net_revenue" in sql, sql
        seen.append(f"{len(sql.splitlines())} lines")
    with steps.step("statistics of the table") as seen:
        statistics = pgadmin.get(f"browser/table/stats/1/{server}/{database}/{gold}/{table}")
        seen.append(f"{len(statistics['data']['rows'])} rows")
    for kind in ("view", "mview", "function", "procedure", "sequence", "type"):
        with steps.step(f"list {kind} nodes of gold") as seen:
            seen.append(f"{len(pgadmin.nodes(kind, server, database, gold))}")
    with steps.step("the dashboard's sessions") as seen:
        sessions = pgadmin.get(f"dashboard/activity/{server}/{database}")
        seen.append(f"{len(sessions)} sessions")
    with steps.step("run a query") as seen:
        seen.append(query(pgadmin, server, database))


def query(pgadmin: Pgadmin, server, database) -> str:
    """In the query tool, as its page does it."""
    number = 4711
    tool = f"sqleditor/initialize/sqleditor/{number}/1/{server}/{database}"
    pgadmin.post(tool, json={"user": "lakewire", "role": None, "password": None, "dbname": "lake"})
    sql = "select country, orders, net_revenue from gold.country_sales order by rank limit 5"
    pgadmin.post(f"sqleditor/query_tool/start/{number}", json={"sql": sql, "explain_plan": None})

    def rows():
        answer = pgadmin.get(f"sqleditor/poll/{number}")["data"]
        if answer["status"] not in ("Success", "Busy"):
            raise RuntimeError(answer)
        return answer["result"]

    result = wait_until("the query's rows", rows, 60)
    return f"{len(result)} rows, the first {result[0]}"


def photograph(base: str, steps: Steps) -> None:
    with steps.step("the tree in a browser") as seen, browser() as page:
        page.get(f"{base}/?key={KEY}")
        names = ["Servers", "lake", "Databases", "lake", "Schemas", "gold", "Tables", "daily_sales", "Columns"]
        wait_until("the tree", lambda: page.find_element(By.CSS_SELECTOR, ".file-entry, [class*=file-label]"))
        password(page)
        for depth, name in enumerate(names):
            below = names[depth + 1] if depth + 1 < len(names) else "net_revenue"
            wait_until(f"{below} below {name}", lambda depth=depth, name=name, below=below: opened(page, depth, name, below), 60)
        page.save_screenshot(str(PICTURES / "pgadmin.png"))
        seen.append("opened down to the columns")


def password(page) -> None:
    """Closes the dialogue that asks to unlock saved passwords, where it is there."""
    for field in page.find_elements(By.CSS_SELECTOR, "input[type=password]"):
        if field.is_displayed():
            field.send_keys("secret\n")


def entry(page, depth: int, name: str):
    for node in page.find_elements(By.CSS_SELECTOR, ".file-entry"):
        label = re.sub(r"\s*\(\d+\)$", "", node.text.strip())
        if label.startswith(name) and f"depth-{depth + 1}" in node.get_attribute("class"):
            return node
    return None


def opened(page, depth: int, name: str, below: str) -> bool:
    """Whether what is below a node is shown; clicks on its arrow where it is closed."""
    password(page)
    if entry(page, depth + 1, below):
        return True
    arrow = entry(page, depth, name).find_element(By.CSS_SELECTOR, ".directory-toggle")
    if "open" not in arrow.get_attribute("class"):
        arrow.click()
        with contextlib.suppress(TimeoutError):
            wait_until(below, lambda: entry(page, depth + 1, below), 10)
    return False


def main() -> None:
    binary, out = sys.argv[1], pathlib.Path(sys.argv[2])
    steps = Steps("pgAdmin 4", importlib.metadata.version("pgadmin4"))
    program = pathlib.Path(importlib.metadata.distribution("pgadmin4").locate_file("pgadmin4/pgAdmin4.py"))
    with tempfile.TemporaryDirectory(prefix="lakewire-pgadmin-") as home, demo(binary) as lake:
        port = free_port()
        base = f"http://127.0.0.1:{port}"
        environment = {"HOME": home, "PGADMIN_SERVER_MODE": "OFF", "PGADMIN_INT_PORT": str(port), "PGADMIN_INT_KEY": KEY}
        with web_server([sys.executable, str(program)], environment, base, pathlib.Path(home) / "log"):
            drive(Pgadmin(base), steps, lake)
            photograph(base, steps)
    steps.write(out, "pgadmin.png")
    sys.exit(steps.failed)


main()
