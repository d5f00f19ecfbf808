"""What pgcli asks when it starts (names for its completion) and for its backslash commands; then the program itself, at a terminal.

    pgcli_session.py URL LAKE
"""
import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time

from pgcli.pgexecute import PGExecute
from pgspecial.main import PGSpecial


def main(url: str) -> None:
    execute = PGExecute(dsn=url)
    assert "gold" in execute.schemata(), list(execute.schemata())
    assert execute.search_path()[0] == "pg_catalog", execute.search_path()
    tables = set(execute.tables())
    assert ("gold", "daily_sales") in tables, tables
    assert ("lakewire", "models") in set(execute.views())
    columns = [c for c in execute.table_columns() if c[:2] == ("gold", "daily_sales")]
    assert [c[2] for c in columns][:2] == ["invoice_day", "orders"] and columns[0][3] == "date", columns
    assert list(execute.view_columns())
    list(execute.foreignkeys()), list(execute.functions()), list(execute.datatypes()), list(execute.casing())
    assert "lake" in execute.databases() and execute.get_timezone()
    commands = [
        "\\d", "\\dt gold.*", "\\d gold.daily_sales", "\\d+ gold.daily_sales", "\\dn", "\\du", "\\l", "\\df", "\\dv lakewire.*", "\\dT", "\\di",
        "\\ds", "\\dx", "\\dp", "\\ddp", "\\db", "\\dD", "\\dE", "\\dF", "\\dm", "\\sf initcap", "select 1; select 2",
    ]
    backslash = PGSpecial()
    for command in commands:
        for title, cursor, headers, status, sql, success, _ in execute.run(command, backslash):
            assert success, (command, status)
    at_a_terminal(url)
    print("pgcli is content")


def at_a_terminal(url: str) -> None:
    """Types into the program what a user types, and looks at what stands on the screen."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "TERM": "dumb", "PAGER": "cat"}
        program = os.path.join(os.path.dirname(sys.executable), "pgcli")
        running = subprocess.Popen(
            [program, "--less-chatty", url], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        os.close(theirs)

        unseen = ""

        def seen_until(end: str) -> str:
            nonlocal unseen
            deadline = time.monotonic() + 60
            while end not in unseen:
                assert time.monotonic() < deadline, unseen
                if select.select([ours], [], [], 1)[0]:
                    unseen += os.read(ours, 65536).decode(errors="replace")
            seen, _, unseen = unseen.partition(end)
            return seen

        seen_until("lake> ")
        for typed, shown in [
            ("\\dt gold.*", "daily_sales"),
            ("select 6 * 7 as answer;", "| 42     |"),
            ("select nosuch from gold.daily_sales;", 'column "nosuch" does not exist'),
            ("select count(*) > 0 as sold from gold.daily_sales;", "True"),
        ]:
            os.write(ours, typed.encode() + b"\r")
            seen = seen_until("Time:")
            assert shown in seen, (typed, seen)
            seen_until("lake> ")
        os.write(ours, b"\\q\r")
        assert running.wait(30) == 0
        os.close(ours)


if __name__ == "__main__":
    main(sys.argv[1])
