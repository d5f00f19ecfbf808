"""Random queries over small tables that share the names of their columns: joins, groups, sets of groups, windows, subqueries,
laterals, set operations. Prints each with its columns and rows; what PostgreSQL makes it print is what Lakewire has to.

    random_queries.py URL [SEED [COUNT]]

The second half runs in a transaction that has written.

Invariant: a query has one answer: what has no order is sorted before it is printed, what is cut off is ordered by all of its
columns.
"""
import decimal
import random
import sys

import psycopg

TABLES = {
    "fa": ["id", "ref", "name", "amount", "day", "at", "doc"],
    "fb": ["id", "ref", "name", "amount", "day", "list", "ok"],
    "fc": ["id", "ref", "name", "amount", "day", "at", "doc"],
    "fd": ["id", "ref", "name", "qty", "list", "ok"],
}
TYPES = {
    "id": ("int", "int"),
    "ref": ("bigint", "int"),
    "qty": ("smallint", "int"),
    "name": ("text", "text"),
    "amount": ("numeric(10,2)", "numeric"),
    "day": ("date", "date"),
    "at": ("timestamp", "time"),
    "ok": ("boolean", "bool"),
    "doc": ("jsonb", "json"),
    "list": ("int[]", "list"),
}
SET_OPERATIONS = ["union", "union all", "intersect", "except", "intersect all", "except all"]
LITERALS = {
    "int": "5",
    "text": "'b'",
    "numeric": "1.50",
    "date": "date '2024-05-05'",
    "time": "timestamp '2024-05-05 12:30'",
    "bool": "true",
    "json": """'{"a": 3, "b": "q"}'::jsonb""",
    "list": "array[3, 5]",
}
DOCUMENTS = ['{"a": 1, "b": "q"}', '{"a": 7}', "[1, 2]", "[]", "{}", '"zed"', "12", "null", "true", '{"b": "a", "c": [5]}']
KEYS = ["'a'", "'b'", "'c'", "0", "-1"]
LISTS = ["{}", "{1}", "{3,5}", "{3,1,2}", "{3,NULL}", "{26}"]


def statements_of_tables():
    """Twice twelve rows for each table, in two files; every seventh value is NULL."""
    r = random.Random(7)

    def value(column, row):
        if column != "id" and r.random() < 0.15:
            return "null"
        kind = TYPES[column][1]
        if column == "id":
            return str(row)
        if kind == "int":
            return str(r.randint(1, 26))
        if kind == "json":
            return "'" + r.choice(DOCUMENTS) + "'"
        if kind == "list":
            return "'" + r.choice(LISTS) + "'"
        if kind == "bool":
            return r.choice(["true", "false"])
        if kind == "time":
            return f"'2024-{r.randint(1, 12):02}-{r.randint(1, 28):02} {r.randint(0, 23):02}:{r.choice([0, 15, 30])}:00.5'"
        if kind == "text":
            return "'" + r.choice(["a", "b", "Bo", "zed", "q", "", "x y"]) + "'"
        if kind == "numeric":
            return f"{r.randint(-500, 5000) / 100:.2f}"
        return f"'2024-{r.randint(1, 12):02}-{r.randint(1, 28):02}'"

    for table, columns in TABLES.items():
        yield f"drop table if exists {table}"
        yield f"create table {table} ({', '.join(f'{column} {TYPES[column][0]}' for column in columns)})"
        for start in (1, 13):
            rows = (", ".join(value(column, row) for column in columns) for row in range(start, start + 12))
            yield f"insert into {table} values {', '.join(f'({row})' for row in rows)}"


class Queries:
    """Makes queries. A scope is a list of (alias, [(column, kind)])."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        # of what is put around queries, which are the same without it
        self.outer = random.Random(seed)
        self.aliases = 0
        self.cte = None

    def source(self, depth):
        self.aliases += 1
        alias = f"t{self.aliases}"
        if depth > 0 and self.r.random() < 0.2:
            query, columns = self.select(depth - 1, inner=True)
            return f"({query}) {alias}", alias, columns
        if depth > 0 and self.r.random() < 0.05:
            numbers = [self.r.randint(1, 26) for _ in range(3)]
            rows = ", ".join(f"({number}, {self.r.choice(['null', repr('b'), repr('zed')])})" for number in numbers)
            return f"(values {rows}) {alias}(id, name)", alias, [("id", "int"), ("name", "text")]
        names = list(TABLES) + (["cte"] if self.cte else [])
        table = self.r.choice(names)
        columns = self.cte if table == "cte" else [(column, TYPES[column][1]) for column in TABLES[table]]
        return f"{table} {alias}", alias, columns

    def column(self, scope, kind=None):
        found = [(a, c, k) for a, columns in scope for c, k in columns if kind is None or k == kind]
        return self.r.choice(found) if found else None

    def expr(self, scope, kind, depth=1):
        found = self.column(scope, kind)
        leaf = f"{found[0]}.{found[1]}" if found else LITERALS[kind]
        if depth <= 0 or self.r.random() < 0.5:
            return leaf

        def e(kind):
            return self.expr(scope, kind, depth - 1)

        n = self.r.randint(2, 9)
        forms = {
            "int": [
                lambda: f"({e('int')} + {n})",
                lambda: f"({e('int')} % {n})",
                lambda: f"({e('int')} / {n})",
                lambda: f"(- {e('int')})",
                lambda: f"abs({e('int')} - 12)",
                lambda: f"coalesce({e('int')}, {n})",
                lambda: f"nullif({e('int')}, 3)",
                lambda: f"greatest({e('int')}, {e('int')})",
                lambda: f"least({e('int')}, 7)",
                lambda: f"(case when {self.condition(scope, depth - 1)} then {e('int')} else {e('int')} end)",
                lambda: f"length({e('text')})",
                lambda: f"strpos({e('text')}, 'e')",
                lambda: f"extract(month from {e('date')})::int",
                lambda: f"({e('date')} - date '2024-01-01')",
                lambda: f"{e('numeric')}::int",
                lambda: f"extract(hour from {e('time')})::int",
                lambda: f"cardinality({e('list')})",
                lambda: f"({e('list')})[{n} % 3]",
                lambda: f"length({e('json')}::text)",
                lambda: f"{e('bool')}::int",
            ],
            "text": [
                lambda: f"upper({e('text')})",
                lambda: f"({e('text')} || '-' || {e('int')})",
                lambda: f"coalesce({e('text')}, 'none')",
                lambda: f"substr({e('text')}, 1, 1)",
                lambda: f"{e('int')}::text",
                lambda: f"{e('date')}::text",
                lambda: f"to_char({e('date')}, 'YYYY-MM')",
                lambda: f"lpad({e('int')}::text, 4, '0')",
                lambda: f"concat_ws('/', {e('text')}, {e('text')})",
                lambda: f"nullif({e('text')}, 'a')",
                lambda: f"({e('json')} ->> {self.r.choice(KEYS)})",
                lambda: f"to_char({e('time')}, 'DD HH24:MI')",
                lambda: f"array_to_string({e('list')}, '-', 'x')",
                lambda: f"jsonb_typeof({e('json')})",
                lambda: f"(case {e('int')} % 3 when 0 then 'zero' when 1 then {e('text')} end)",
            ],
            "numeric": [
                lambda: f"({e('numeric')} * 2)",
                lambda: f"({e('numeric')} + {e('int')})",
                lambda: f"coalesce({e('numeric')}, 0.00)",
                lambda: f"round({e('numeric')}, 1)",
                lambda: f"round({e('numeric')} / 3, 4)",
                lambda: f"trunc({e('numeric')})",
                lambda: f"abs({e('numeric')})",
                lambda: f"(- {e('numeric')})",
            ],
            "date": [
                lambda: f"({e('date')} + {n})",
                lambda: f"({e('date')} + interval '1 month')::date",
                lambda: f"date_trunc('month', {e('date')})::date",
                lambda: f"coalesce({e('date')}, date '2024-02-29')",
                lambda: f"least({e('date')}, date '2024-06-01')",
                lambda: f"{e('time')}::date",
            ],
            "time": [
                lambda: f"({e('time')} + interval '{n} hours')",
                lambda: f"date_trunc('day', {e('time')})",
                lambda: f"({e('date')} + interval '90 minutes')",
                lambda: f"greatest({e('time')}, {e('date')})",
                lambda: f"coalesce({e('time')}, timestamp '2024-03-03')",
            ],
            "bool": [
                lambda: f"({self.condition(scope, depth - 1)})",
                lambda: f"coalesce({e('bool')}, {e('bool')})",
                lambda: f"({e('json')} ? '{self.r.choice(['a', 'b', 'zed'])}')",
                lambda: f"({e('list')} && array[{n}, 3])",
            ],
            "json": [
                lambda: f"({e('json')} -> {self.r.choice(KEYS)})",
                lambda: f"to_jsonb({e(self.r.choice(['int', 'bool', 'list', 'date']))})",
                lambda: f"jsonb_build_object('k', {e('int')}, 'l', {e('list')})",
                lambda: f"coalesce({e('json')}, '[]')",
                lambda: f"({e('json')} || {e('json')})",
            ],
            "list": [
                lambda: f"array[{e('int')}::int, {n}]",
                lambda: f"({e('list')} || {n})",
                lambda: f"coalesce({e('list')}, '{{}}')",
                lambda: f"array_remove({e('list')}, 3)",
                lambda: f"({e('list')})[1:2]",
            ],
        }
        return self.r.choice(forms[kind])()

    def condition(self, scope, depth=1):
        x = self.r.random()
        if depth > 0 and x < 0.25:
            word = self.r.choice(["and", "or"])
            return f"({self.condition(scope, depth - 1)} {word} {self.condition(scope, depth - 1)})"
        if depth > 0 and x < 0.32:
            return f"not ({self.condition(scope, depth - 1)})"
        kind = self.r.choice(["int", "int", "int", "text", "text", "numeric", "date", "time", "bool", "json", "list"])
        left, x = self.expr(scope, kind), self.r.random()
        if x < 0.15:
            return f"{left} is {self.r.choice(['', 'not '])}null"
        if x < 0.3 and kind == "int":
            numbers = ", ".join(str(self.r.randint(1, 26)) for _ in range(3))
            return f"{left} {self.r.choice(['', 'not '])}in ({numbers})"
        if x < 0.4 and kind == "text":
            return f"{left} {self.r.choice(['like', 'ilike', 'not like'])} '{self.r.choice(['b%', '%e%', '_'])}'"
        if x < 0.5 and kind in ("int", "numeric"):
            return f"{left} between {self.r.randint(0, 8)} and {self.r.randint(8, 30)}"
        if x < 0.55 and kind == "int":
            quantifier = self.r.choice(["= any", "<> all", "< any", ">= all"])
            return f"{left} {quantifier} (array[{self.r.randint(1, 26)}, {self.expr(scope, kind, 0)}])"
        if x < 0.6:
            return f"{left} is {self.r.choice(['', 'not '])}distinct from {self.expr(scope, kind)}"
        if x < 0.66:
            other = self.expr(scope, "int", 0)
            return f"({left}, {other}) {self.r.choice(['=', '<', '>=', '<>'])} ({self.expr(scope, kind, 0)}, 12)"
        return f"{left} {self.r.choice(['=', '<', '>', '<=', '>=', '<>'])} {self.expr(scope, kind)}"

    def joined(self, depth):
        text, alias, columns = self.source(depth)
        scope = [(alias, columns)]
        for _ in range(self.r.choice([0, 0, 1, 1, 2, 2, 3])):
            other, alias, columns = self.source(depth)
            kind = self.r.choice(["join", "join", "join", "left join", "right join", "full join", "cross join"])
            left, right = self.column(scope, "int"), self.column([(alias, columns)], "int")
            if depth > 0 and self.r.random() < 0.1:
                query, columns = self.lateral(scope)
                text += f" left join lateral ({query}) {alias} on true"
            elif (kind == "cross join" and len(scope) == 1) or not left or not right:
                text += f" cross join {other}"
            else:
                kind = "join" if kind == "cross join" else kind
                on = f"{left[0]}.{left[1]} = {right[0]}.{right[1]}"
                if kind != "full join" and self.r.random() < 0.25:
                    on += f" and {self.condition(scope + [(alias, columns)], 0)}"
                text += f" {kind} {other} on {on}"
            scope.append((alias, columns))
        return text, scope

    def asked(self, scope, inner):
        """Conditions of a subquery on the rows around it, of which there may be several on columns of one name."""
        left, right = self.column(scope, "int"), self.column(inner, "int")
        if not left or not right:
            return "true"
        conditions = [f"{right[0]}.{right[1]} = {left[0]}.{left[1]}"]
        while self.r.random() < 0.4:
            left, right = self.column(scope, "int"), self.column(inner, "int")
            conditions.append(f"{right[0]}.{right[1]} {self.r.choice(['=', '=', '<>', '<', '>='])} {left[0]}.{left[1]}")
        self.r.shuffle(conditions)
        return " and ".join(conditions)

    def lateral(self, scope, depth=1):
        text, inner = self.joined(0)
        where = f" where {self.asked(scope, inner)}"
        if depth > 0 and self.r.random() < 0.3:
            # the rows of this one, and those around it
            self.aliases += 1
            alias = f"t{self.aliases}"
            query, columns = self.lateral(inner + scope, depth - 1)
            text += f" {self.r.choice(['left join', 'join'])} lateral ({query}) {alias} on true"
            inner = inner + [(alias, columns)]
        x, (alias, column, kind) = self.r.random(), self.column(inner)
        name = self.r.choice(["id", "ref", "name", "m"])
        if x < 0.4:
            functions = ["count"] if kind in ("text", "bool", "json", "list") else ["max", "min", "count"]
            function = self.r.choice(functions)
            told = "int" if function == "count" else kind
            return f"select {function}({alias}.{column}) as {name} from {text}{where}", [(name, told)]
        other = self.column(inner)
        second = "x" if name != "x" else "y"
        columns = [(name, kind), (second, other[2])]
        query = f"{alias}.{column} as {name}, {other[0]}.{other[1]} as {second} from {text}{where}"
        if x < 0.5:
            more, of = self.joined(0)
            found = [self.column(of, kind) for _, kind in columns]
            if all(found):
                values = ", ".join(f"{a}.{c}" for a, c, _ in found)
                word = self.r.choice(SET_OPERATIONS)
                return f"select {query} {word} select {values} from {more} where {self.asked(scope, of)}", columns
        if x < 0.6:
            return f"select distinct on ({alias}.{column}) {query} order by {alias}.{column}, 2", columns
        return f"select {query} order by 1, 2 limit {self.r.randint(1, 3)}", columns

    def subquery(self, scope, depth=1):
        """A condition with a subquery; one within that one depends on rows of both."""
        text, inner = self.joined(0)
        left, right = self.column(scope, "int"), self.column(inner, "int")
        if not left or not right:
            return self.condition(scope)
        left, right = f"{left[0]}.{left[1]}", f"{right[0]}.{right[1]}"
        more = f" and {self.condition(inner, 0)}" if self.r.random() < 0.5 else ""
        if depth > 0 and self.r.random() < 0.3:
            more += f" and {self.subquery(inner + scope, depth - 1)}"
        asked, named = self.asked(scope, inner), self.r.choice(["", "", " as id", " as ref"])
        x = self.r.random()
        if x < 0.45:
            shown = self.r.choice(["1", "1", f"{right}{named}", f"{right} + 1 as id", "count(*)", "distinct 1"])
            rest = self.r.choice(["", "", "", "", " limit 1", " offset 1"])
            if shown == "1" and self.r.random() < 0.2:
                rest = f" group by {right}{self.r.choice(['', f' having count(*) > {self.r.randint(0, 2)}'])}"
            return f"{self.r.choice(['', 'not '])}exists (select {shown} from {text} where {asked}{more}{rest})"
        if x < 0.8:
            where = f"where {right} is not null{more}"
            where += f" and {asked}" if self.r.random() < 0.5 else ""
            return f"{left} {self.r.choice(['', 'not '])}in (select {right}{named} from {text} {where})"
        function = self.r.choice(["max", "min", "count", "avg"])
        value = self.expr(scope, "int", 0)
        return f"{value} > (select {function}({right}){named} from {text} where {asked}{more})"

    def select(self, depth, inner=False):
        text, scope = self.joined(depth)
        where = f" where {self.condition(scope)}" if self.r.random() < 0.5 else ""
        if self.r.random() < 0.25:
            where += f" {'and' if where else 'where'} {self.subquery(scope)}"
        make = self.grouped if self.r.random() < 0.35 else self.plain
        query, columns = make(scope, text, where)
        if inner and self.r.random() < 0.25:
            query = f"select * from ({query}) x" if "distinct on" in query else query
            query += f" order by {', '.join(str(n + 1) for n in range(len(columns)))} limit {self.r.randint(1, 6)}"
        return query, columns

    def grouped(self, scope, text, where):
        kinds = self.r.sample(["int", "text", "date", "time", "bool", "json", "list"], self.r.randint(0, 2))
        items = [(self.expr(scope, kind), kind) for kind in kinds if self.column(scope, kind)]
        keys = [expr for expr, _ in items]
        for _ in range(self.r.randint(1, 3)):
            kind = self.r.choice(["int", "numeric"])
            value = self.expr(scope, kind)
            only = f" filter (where {self.condition(scope, 0)})" if self.r.random() < 0.2 else ""
            distinct = "distinct " if self.r.random() < 0.2 else ""
            x = self.r.random()
            if x < 0.15:
                value = self.expr(scope, "text")
                items.append((f"string_agg({value}, '|' order by {value}){only}", "text"))
            elif x < 0.4:
                items.append((f"round(avg({distinct}{value}){only}, 3)", "numeric"))
            elif x < 0.6:
                items.append((f"count({distinct}{value}){only}", "int"))
            else:
                function = self.r.choice(["sum", "min", "max"])
                told = "int" if kind == "int" and function != "sum" else "numeric"
                # of bigints it is a numeric, of integers a bigint
                cast = "::numeric" if function == "sum" else ""
                items.append((f"({function}({distinct}{value}){only}){cast}", told))
        query = f"select {', '.join(f'{expr} as c{n}' for n, (expr, _) in enumerate(items))} from {text}{where}"
        if keys:
            sets = self.r.choice(["rollup", "cube"]) if self.r.random() < 0.12 else None
            names = ", ".join(str(n + 1) for n in range(len(keys)))
            query += f" group by {sets}({', '.join(keys)})" if sets else f" group by {names}"
        if self.r.random() < 0.3:
            query += f" having count(*) > {self.r.randint(0, 2)}"
        return query, [(f"c{n}", kind) for n, (_, kind) in enumerate(items)]

    def plain(self, scope, text, where):
        items = []
        for _ in range(self.r.randint(1, 4)):
            x = self.r.random()
            if x < 0.6:
                alias, column, kind = self.column(scope)
                items.append((f"{alias}.{column}", kind, column))
            elif x < 0.7:
                items.append((f"({self.window(scope)})::numeric", "numeric", None))
            elif x < 0.75:
                other, inner = self.joined(0)
                left, right = self.column(scope, "int"), self.column(inner, "int")
                if left and right:
                    function = self.r.choice(["max", "count", "sum"])
                    of = f"{right[0]}.{right[1]}"
                    value = f"(select {function}({of}) from {other} where {self.asked(scope, inner)})"
                    items.append((f"{value}::numeric", "numeric", None))
            else:
                kind = self.r.choice(["int", "text", "numeric", "date", "time", "bool", "json", "list"])
                items.append((self.expr(scope, kind, 2), kind, None))
        items = items or [("1", "int", None)]
        names = []
        for n, (_, _, name) in enumerate(items):
            free = (f"v{n}" for n in range(n, 100) if f"v{n}" not in names)
            names.append(name if name and name not in names else next(free))
        distinct = "distinct " if self.r.random() < 0.15 else ""
        if not distinct and "(select" not in items[0][0] and self.r.random() < 0.08:
            # the order is that of all columns, or another row might be the first
            key = items[0][0] if items[0][2] else "1"
            distinct = f"distinct on ({key}) "
            where += f" order by {', '.join([key] + [str(n + 1) for n in range(len(items))])}"
        shown = ", ".join(f"{expr} as {name}" for (expr, _, _), name in zip(items, names))
        return f"select {distinct}{shown} from {text}{where}", [(n, kind) for (_, kind, _), n in zip(items, names)]

    def window(self, scope):
        over = f"partition by {self.expr(scope, self.r.choice(['int', 'text', 'date', 'bool', 'json', 'list']), 0)} "
        over = over if self.r.random() < 0.6 else ""
        order = f"order by {self.expr(scope, self.r.choice(['int', 'date', 'time', 'json']), 0)}"
        function = self.r.choice(["sum", "count", "min", "max", "rank", "dense_rank"])
        if "rank" in function:
            return f"{function}() over ({over}{order})"
        value = self.expr(scope, self.r.choice(["int", "numeric"]), 0)
        if self.r.random() < 0.3:
            # the rows of one key come together: which of them is first, nobody knows
            start = self.r.choice(["unbounded preceding", "current row"])
            frame = f"range between {start} and {self.r.choice(['current row', 'unbounded following'])}"
            return f"{function}({value}) over ({over}{order} {frame})"
        return f"{function}({value}) over ({over}{self.r.choice(['', order])})"

    def recursion(self):
        """What is reached from one row by its references."""
        table, start, word = self.r.choice(list(TABLES)), self.r.randint(1, 24), self.r.choice(["union", "union all"])
        further = f"select t.ref, c.step + 1 from cte c join {table} t on t.id = c.id where c.step < {self.r.randint(1, 6)}"
        return f"with recursive cte(id, step) as (select {start}::bigint, 0 {word} {further}) "

    def query(self):
        """A query, and whether its rows are in an order."""
        self.aliases, self.cte, with_ = 0, None, ""
        if self.r.random() < 0.15:
            inner, self.cte = self.select(1, inner=True)
            with_ = f"with cte as {self.r.choice(['', 'materialized '])}({inner}) "
        elif self.r.random() < 0.06:
            with_, self.cte = self.recursion(), [("id", "int"), ("step", "int")]
        query, columns = self.select(2)
        if self.r.random() < 0.1:
            for _ in range(4):
                other, others = self.select(1)
                if [kind for _, kind in others] == [kind for _, kind in columns]:
                    query = f"({query}) {self.r.choice(SET_OPERATIONS)} ({other})"
                    break
        if self.r.random() < 0.5:
            return with_ + query, False
        orders = ["", " desc", " nulls first", " desc nulls last"]
        keys = ", ".join(f"{n + 1}{self.r.choice(orders)}" for n in range(len(columns)))
        query = f"{with_}select * from ({query}) z order by {keys}"
        query += f" limit {self.r.randint(1, 10)}" if self.r.random() < 0.6 else ""
        return self.around(query) if self.outer.random() < 0.4 else query, True

    def around(self, query):
        """What reads the rows one by one, in the order that they come in."""
        return self.outer.choice([
            f"select * from ({query}) w",
            f"select * from ({query}) w limit {self.outer.randint(1, 5)}",
            f"select * from (select * from ({query}) w limit 7) v offset 1",
            f"select row_number() over () as n, w.* from ({query}) w",
            f"({query}) union all ({query})",
            f"select * from (select * from ({query}) w) v where {self.outer.randint(0, 3)} < 5",
        ])


def shown(value):
    """Numbers without the zeros behind them: how many a numeric has is another test's."""
    if isinstance(value, (int, decimal.Decimal)):
        return str(decimal.Decimal(value).normalize()) if value else "0"
    return repr(value) if isinstance(value, str) else str(value)


def main(url, seed=1, count=400):
    queries = Queries(int(seed))
    with psycopg.connect(url, autocommit=True, options="-c statement_timeout=60000") as connection:
        for statement in statements_of_tables():
            connection.execute(statement)
        for number in range(int(count)):
            within = connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE
            if number >= int(count) // 2 and not within:
                connection.execute("begin")
                connection.execute("delete from fd where id = 24")
            query, ordered = queries.query()
            try:
                cursor = connection.execute(query)
            except psycopg.Error as error:
                connection.execute("rollback")
                print(f"{query}: {error.sqlstate}")
                continue
            rows = [f"({', '.join(map(shown, row))})" for row in cursor.fetchall()]
            columns = [f"{column.name} {column.type_code}" for column in cursor.description]
            print(f"{query}: {columns}: {' '.join(rows if ordered else sorted(rows))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
