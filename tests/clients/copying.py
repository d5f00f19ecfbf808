"""COPY both ways, as psycopg 3, psycopg 2 and ADBC do it: text, CSV, binary; large, broken, given up.

    copying.py URL LAKE
"""
import datetime as dt
import io
import sys
import traceback
from decimal import Decimal

import adbc_driver_postgresql.dbapi as adbc
import psycopg
import psycopg2
import pyarrow
from psycopg import errors

ROWS = [
    (1, "plain", Decimal("1.50"), dt.date(2020, 2, 29), dt.datetime(2020, 1, 1, 10, 0, 0, 123456), True, 1.5, b"\x00\xff"),
    (2, 'tab\t"quote"\\ back\nline, 日本', Decimal("-0.01"), dt.date(1, 1, 1), dt.datetime(1969, 12, 31), False, -1e300, b""),
    (3, None, None, None, None, None, None, None),
    (4, "", Decimal("0.00"), dt.date(9999, 12, 31), dt.datetime(9999, 12, 31, 23, 59, 59), True, 0.0, b"x"),
]
TABLE = "(i int, t text, n numeric(10,2), d date, ts timestamp, b boolean, f double precision, y bytea)"
TYPES = ["int4", "text", "numeric", "date", "timestamp", "bool", "float8", "bytea"]


def fresh(connection, name):
    connection.execute(f"drop table if exists public.{name}")
    connection.execute(f"create table public.{name} {TABLE}")


def check_psycopg3_rows_in_text_and_binary(connection):
    for format in ("text", "binary"):
        fresh(connection, "c3")
        with connection.cursor().copy(f"COPY public.c3 FROM STDIN (FORMAT {format})") as copy:
            copy.set_types(TYPES)
            for row in ROWS:
                copy.write_row(row)
        assert connection.execute("select * from public.c3 order by i").fetchall() == ROWS, format
        with connection.cursor().copy(f"COPY (select * from public.c3 order by i) TO STDOUT (FORMAT {format})") as copy:
            copy.set_types(TYPES)
            assert list(copy.rows()) == ROWS, format


def check_psycopg3_table_to_table(connection):
    fresh(connection, "from_here")
    fresh(connection, "to_there")
    with psycopg.connect(connection.info.dsn, autocommit=True) as other:
        with connection.cursor().copy("COPY public.from_here FROM STDIN") as copy:
            copy.write("".join(f"{n}\tname {n}\t{n}.25\t2020-01-01\t2020-01-01 00:00:00\tt\t{n}\t\\\\x00\n" for n in range(30000)))
        with connection.cursor().copy("COPY public.from_here TO STDOUT (FORMAT binary)") as source:
            with other.cursor().copy("COPY public.to_there FROM STDIN (FORMAT binary)") as target:
                for data in source:
                    target.write(data)
        counted = other.execute("select count(*), sum(i), sum(n) from public.to_there").fetchone()
        assert counted == (30000, 449985000, Decimal("449992500.00")), counted


def check_psycopg3_mistakes(connection):
    fresh(connection, "wrong")
    try:
        with connection.cursor().copy("COPY public.wrong (i, t) FROM STDIN") as copy:
            copy.write("1\tx\n2\n")
    except errors.BadCopyFileFormat as error:
        assert error.diag.context == 'COPY wrong, line 2: "2"', error.diag.context
    else:
        raise AssertionError("no error")
    try:
        with connection.cursor().copy("COPY public.wrong (i) FROM STDIN") as copy:
            copy.write("1\n")
            raise RuntimeError("changed my mind")
    except RuntimeError:
        pass
    assert connection.execute("select count(*) from public.wrong").fetchone() == (0,)


def check_psycopg3_serial_of_a_temporary_table(connection):
    connection.execute("create temp table numbered (id serial primary key, t text)")
    with connection.cursor().copy("COPY numbered (t) FROM STDIN") as copy:
        copy.write("a\nb\n")
    assert connection.execute("select * from numbered order by id").fetchall() == [(1, "a"), (2, "b")]
    assert connection.execute("select currval('numbered_id_seq'), lastval()").fetchone() == (2, 2)
    assert connection.execute("select nextval('pg_temp.numbered_id_seq')").fetchone() == (3,)
    # what is one session's is not in the lake
    with psycopg.connect(connection.info.dsn, autocommit=True) as other:
        assert other.execute("select count(*) from pg_class where relname like 'numbered%'").fetchone() == (0,)


def check_psycopg2(connection):
    fresh(connection, "c2")
    with psycopg2.connect(sys.argv[1]) as old:
        with old.cursor() as cursor:
            cursor.copy_from(io.StringIO("1\tx\n2\t\\N\n"), "c2", columns=("i", "t"))
            cursor.copy_expert("COPY public.c2 (i, t) FROM STDIN WITH CSV HEADER", io.StringIO('i,t\n3,"a, b"\n'))
            assert cursor.rowcount == 1, cursor.rowcount
        old.commit()
        out = io.StringIO()
        with old.cursor() as cursor:
            cursor.copy_expert("COPY (select i, t from public.c2 order by i) TO STDOUT WITH CSV", out)
        assert out.getvalue() == '1,x\n2,\n3,"a, b"\n', out.getvalue()
    old.close()


def check_adbc_ingests(connection):
    fresh(connection, "arrow")
    table = pyarrow.table({"i": pyarrow.array([1, 2, None], pyarrow.int32()), "t": ["x", None, "z"]})
    with adbc.connect(sys.argv[1]) as ingesting:
        with ingesting.cursor() as cursor:
            assert cursor.adbc_ingest("arrow", table, mode="append", db_schema_name="public") == 3
        ingesting.commit()
    got = connection.execute("select i, t from public.arrow order by i").fetchall()
    assert got == [(1, "x"), (2, None), (None, "z")], got


def main():
    failed = 0
    for name, check in list(globals().items()):
        if name.startswith("check_"):
            with psycopg.connect(sys.argv[1], autocommit=True) as connection:
                try:
                    check(connection)
                except Exception:
                    failed += 1
                    print(f"{name}:", file=sys.stderr)
                    traceback.print_exc()
    sys.exit(1 if failed else 0)


main()
