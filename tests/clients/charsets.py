"""Clients whose character set is not UTF-8: what they send is read, what they are sent is theirs.

    charsets.py URL LAKE
"""
import os
import subprocess
import sys

import psycopg
import psycopg2

url = sys.argv[1]

with psycopg.connect(url, client_encoding="latin1", autocommit=True) as connection:
    assert connection.info.parameter_status("client_encoding") == "LATIN1"
    assert connection.execute("select pg_client_encoding()").fetchone() == ("LATIN1",)
    row = connection.execute("select %s::text, %b::text, 'grüße' as \"schön\", 7", ("é", "è")).fetchone()
    assert row == ("é", "è", "grüße", 7), row
    assert connection.execute("select 'ü' as \"schön\"").description[0].name == "schön"
    assert connection.execute("select array['é', 'x'], '{\"a\": \"ü\"}'::jsonb ->> 'a'", binary=False).fetchone() == (["é", "x"], "ü")
    assert connection.execute("select 'grüße'::text, 5", binary=True).fetchone() == ("grüße", 5)

    connection.execute("create table sets (id int, t text)")
    with connection.cursor() as cursor:
        with cursor.copy("copy sets from stdin") as copy:
            copy.write("1\tgröße\n".encode("latin1"))
        with cursor.copy("copy sets to stdout") as copy:
            assert b"".join(copy) == "1\tgröße\n".encode("latin1")
    connection.execute("insert into sets values (2, chr(8364)), (3, 'é')")
    try:
        connection.execute("select t from sets order by id").fetchall()
        raise AssertionError("LATIN1 has no euro")
    except psycopg.errors.UntranslatableCharacter as error:
        assert 'has no equivalent in encoding "LATIN1"' in str(error), error
    try:
        connection.execute('select "€"'.replace("€", "é"))
        raise AssertionError("no such column")
    except psycopg.errors.UndefinedColumn as error:
        assert 'column "é" does not exist' in str(error), error
    connection.execute('listen "ü"')
    connection.execute("notify \"ü\", 'é'")
    heard = list(connection.notifies(timeout=5, stop_after=1))
    assert [(one.channel, one.payload) for one in heard] == [("ü", "é")], heard
    connection.execute("set client_encoding to utf8")
    assert connection.execute("select t from sets order by id").fetchall() == [("größe",), ("€",), ("é",)]

connection = psycopg2.connect(url)
connection.set_client_encoding("WIN1252")
cursor = connection.cursor()
cursor.execute("select %s, t from sets where id = 2", ("€uro",))
assert cursor.fetchall() == [("€uro", "€")] and connection.encoding == "WIN1252"
cursor.execute("set client_encoding to latin1; select 'é'")
assert cursor.fetchone() == ("é",)
connection.close()

# as psql on Windows begins
psql = ["psql", "-XAt", url]
shown = subprocess.run(
    [*psql, "-c", "show client_encoding", "-c", b"select 'gr\xfc\xdfe \x80'"],
    env={**os.environ, "PGCLIENTENCODING": "WIN1252"},
    capture_output=True,
    check=True,
)
assert shown.stdout == b"WIN1252\ngr\xfc\xdfe \x80\n", shown
refused = subprocess.run([*psql, "-c", "select 1"], env={**os.environ, "PGCLIENTENCODING": "nosuch"}, capture_output=True)
assert b'FATAL:  invalid value for parameter "client_encoding": "nosuch"' in refused.stderr, refused
print("ok")
