"""COPY … FROM STDIN of the rows of bronze.online_retail by psql, against PostgreSQL: CSV and binary, into an empty table."""
import pathlib
import subprocess

import psycopg

from measure import Comparison, pairs, seconds

SOURCE = "bronze.online_retail"


def psql(url: str, command: str) -> None:
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", command, url], check=True, stdout=subprocess.DEVNULL)


def copy_in(url: str, file: pathlib.Path, form: str, rows: int) -> float:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS public.copied")
        connection.execute(f"CREATE TABLE public.copied AS SELECT * FROM {SOURCE} WHERE false")
        took = seconds(lambda: psql(url, f"\\copy public.copied from '{file}' (format {form})"))
        (got,) = connection.execute("SELECT count(*) FROM public.copied").fetchone()
        if got != rows:
            raise SystemExit(f"{url}: {got} rows instead of {rows}")
        connection.execute("DROP TABLE public.copied")
    return took


def compare(ours: str, theirs: str, rows: int, folder: pathlib.Path, runs: int) -> list[Comparison]:
    results = []
    for form in ("csv", "binary"):
        file = folder / f"online_retail.{form}"
        psql(theirs, f"\\copy {SOURCE} to '{file}' (format {form})")
        results.append(
            pairs(
                runs,
                Comparison(f"COPY FROM {rows:,} rows, {form}", "PostgreSQL", "s"),
                lambda: copy_in(ours, file, form, rows),
                lambda: copy_in(theirs, file, form, rows),
            )
        )
    return results
