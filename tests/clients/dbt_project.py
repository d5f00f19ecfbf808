"""What dbt-core does with its PostgreSQL adapter: a seed, models of every kind, a snapshot, tests, docs, and then the
project that comes with Lakewire.

    dbt_project.py URL LAKE
"""
import os
import pathlib
import subprocess
import sys
import tempfile
from urllib.parse import urlsplit

import psycopg2

FILES = {
    "dbt_project.yml": """
name: shop
version: "1.0"
config-version: 2
profile: shop
seeds:
  shop:
    +column_types: {amount: "numeric(10,2)"}
""",
    "profiles.yml": """
shop:
  target: dev
  outputs:
    dev:
      {type: postgres, host: "%(host)s", port: %(port)d, user: lakewire, password: "", dbname: lake, schema: dbt_shop, threads: 2}
""",
    "seeds/payments.csv": "id,customer,amount,paid_on\n1,ann,10.50,2024-01-01\n2,bob,3.25,2024-01-02\n3,ann,4.00,2024-01-03\n",
    "models/staging.sql": "{{ config(materialized='view') }}\nselect id, upper(customer) as customer, amount, paid_on from {{ ref('payments') }}\n",
    "models/large.sql": "{{ config(materialized='ephemeral') }}\nselect * from {{ ref('staging') }} where amount > 3.5\n",
    "models/customers.sql": """{{ config(materialized='table') }}
select customer, count(*) as payments, sum(amount) as total from {{ ref('large') }} group by customer
""",
    "models/events.sql": """{{ config(materialized='incremental', unique_key='id') }}
select id, customer, amount from {{ ref('payments') }}
{% if is_incremental() %} where id >= (select max(id) from {{ this }}) {% endif %}
""",
    "models/appended.sql": """{{ config(materialized='incremental') }}
select id from {{ ref('payments') }} {% if is_incremental() %} where id > (select max(id) from {{ this }}) {% endif %}
""",
    "models/merged.sql": """{{ config(materialized='incremental', unique_key='id', incremental_strategy='merge',
  grants={'select': ['lakewire']}) }}
select id, amount from {{ ref('payments') }}
""",
    "models/held.sql": """{{ config(materialized='materialized_view') }}
select customer, max(amount) as most from {{ ref('payments') }} group by customer
""",
    "models/schema.yml": """
models:
  - name: customers
    description: What each customer has paid
    config: {persist_docs: {relation: true, columns: true}}
    columns:
      - name: customer
        description: In upper case
        data_tests: [unique, not_null]
  - name: events
    columns:
      - name: id
        data_tests:
          - unique
          - relationships: {to: ref('payments'), field: id}
""",
    "snapshots/prices.sql": """{% snapshot prices %}
{{ config(target_schema='dbt_shop', unique_key='id', strategy='check', check_cols=['amount']) }}
select id, amount from {{ ref('payments') }}
{% endsnapshot %}
""",
}


class Project:
    """A dbt project in a folder, run against the server."""

    def __init__(self, folder: pathlib.Path, profiles: pathlib.Path, environment: dict) -> None:
        self.folder, self.profiles = folder, profiles
        self.environment = {**os.environ, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false", "NO_COLOR": "1",
                            "DBT_TARGET_PATH": str(profiles / "target"), "DBT_LOG_PATH": str(profiles / "logs"), **environment}

    def dbt(self, *arguments: str) -> str:
        program = pathlib.Path(sys.executable).with_name("dbt")
        command = [str(program), "--no-version-check", *arguments, "--project-dir", str(self.folder),
                   "--profiles-dir", str(self.profiles)]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, check=False)
        assert done.returncode == 0, f"dbt {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}"
        return done.stdout


def small_project(host: str, port: int, cursor) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for path, text in FILES.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_text(text % {"host": host, "port": port} if path == "profiles.yml" else text)
        project = Project(folder, folder, {})
        assert "All checks passed!" in project.dbt("debug")
        project.dbt("seed")
        project.dbt("run")
        project.dbt("test")
        project.dbt("snapshot")
        # a payment more, and another price: what was built goes on
        seed = folder / "seeds/payments.csv"
        seed.write_text(seed.read_text().replace("3.25", "3.75") + "4,cid,8.00,2024-01-04\n")
        project.dbt("seed")
        project.dbt("run")
        project.dbt("snapshot")
        project.dbt("test")
        project.dbt("run", "--full-refresh")
        assert "14.5" in project.dbt("show", "--inline", "select total from {{ ref('customers') }} where customer = 'ANN'")
        project.dbt("docs", "generate")
        catalog = (folder / "target/catalog.json").read_text()
        assert '"customers"' in catalog and "What each customer has paid" in (folder / "target/manifest.json").read_text()

    cursor.execute("select * from dbt_shop.customers order by customer")
    assert [(c, n, str(t)) for c, n, t in cursor.fetchall()] == [("ANN", 2, "14.50"), ("BOB", 1, "3.75"), ("CID", 1, "8.00")]
    cursor.execute("select id, amount from dbt_shop.events order by id")
    assert [(i, str(a)) for i, a in cursor.fetchall()] == [(1, "10.50"), (2, "3.75"), (3, "4.00"), (4, "8.00")]
    cursor.execute("select (select count(*) from dbt_shop.merged), (select sum(amount) from dbt_shop.merged), (select max(most) from dbt_shop.held)")
    assert [str(value) for value in cursor.fetchone()] == ["4", "26.25", "10.50"]
    cursor.execute("select id, amount, dbt_valid_to is null from dbt_shop.prices order by id, amount")
    assert [(i, str(a), now) for i, a, now in cursor.fetchall()] == [
        (1, "10.50", True), (2, "3.25", False), (2, "3.75", True), (3, "4.00", True), (4, "8.00", True)]
    cursor.execute("select obj_description('dbt_shop.customers'::regclass)")
    assert cursor.fetchone() == ("What each customer has paid",)
    cursor.execute("select count(*) from pg_class where relname like '%\\_\\_dbt\\_%'")
    assert cursor.fetchone() == (0,), "dbt's temporary relations are gone"


def own_project(host: str, port: int, cursor) -> None:
    """The project of this repository, run by dbt-core over the lake that Lakewire's own runner has built."""
    sql = pathlib.Path(__file__).parents[2] / "sql"
    with tempfile.TemporaryDirectory() as name:
        (pathlib.Path(name) / "profiles.yml").write_text((sql / "profiles.yml").read_text())
        project = Project(sql, pathlib.Path(name), {"LAKEWIRE_HOST": host, "LAKEWIRE_PORT": str(port)})
        cursor.execute("select sum(net_revenue) from gold.daily_sales")
        before = cursor.fetchone()
        project.dbt("run")
        project.dbt("test")
        cursor.execute("select sum(net_revenue) from gold.daily_sales")
        assert cursor.fetchone() == before


def main(url: str) -> None:
    place = urlsplit(url)
    connection = psycopg2.connect(url)
    connection.autocommit = True
    cursor = connection.cursor()
    small_project(place.hostname, place.port, cursor)
    own_project(place.hostname, place.port, cursor)


if __name__ == "__main__":
    main(sys.argv[1])
