"""What pgcli asks when it starts (names for its completion) and for its backslash commands.

    pgcli_session.py URL LAKE
"""
import sys

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
    print("pgcli is content")


if __name__ == "__main__":
    main(sys.argv[1])
