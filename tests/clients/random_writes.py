"""Random statements that write, over the tables of random_queries.py: INSERT … SELECT, UPDATE, UPDATE … FROM, DELETE,
DELETE … USING, MERGE, ON CONFLICT, with RETURNING; alone, and several in a transaction with savepoints that commits or rolls
back. Prints what each counts or returns and the table after it; what PostgreSQL makes it print is what Lakewire has to.

    random_writes.py URL [SEED [COUNT]]

Invariant: a statement has one answer: a row is changed by at most one other, and what is returned is sorted.
"""
import sys

import psycopg
from random_queries import TABLES, TYPES, Queries, shown, statements_of_tables


class Writes(Queries):
    """Makes statements that write. `m` is the table that changes, `u` the one that is read beside it."""

    def scope(self, table, alias):
        return [(alias, [(column, TYPES[column][1]) for column in TABLES[table]])]

    def value(self, scope, column):
        """An expression that fits the column, whatever the rows are."""
        type_, kind = TYPES[column]
        expr = self.expr(scope, kind, 2)
        return f"(abs({expr}) % 100)::{type_}" if kind == "int" else f"({expr})::{type_}"

    def sets(self, scope, columns, count):
        return ", ".join(f"{column} = {self.value(scope, column)}" for column in self.r.sample(columns, count))

    def update(self, table, other):
        columns, m, u = TABLES[table][1:], self.scope(table, "m"), self.scope(other, "u")
        x = self.r.random()
        if x < 0.5:
            return f"update {table} m set {self.sets(m, columns, self.r.randint(1, 2))} where {self.condition(m)}"
        if x < 0.75:
            sets, where = self.sets(m + u, columns, self.r.randint(1, 2)), self.condition(m + u)
            return f"update {table} m set {sets} from {other} u where m.id = u.id and {where}"
        of = f"select max(u.id) from {other} u where u.id {self.r.choice(['=', '<'])} m.id and {self.condition(u, 0)}"
        return f"update {table} m set ref = ({of}) where {self.subquery(m)}"

    def delete(self, table, other):
        m, u, part = self.scope(table, "m"), self.scope(other, "u"), f"m.id % 5 = {self.r.randint(0, 4)}"
        if self.r.random() < 0.5:
            return f"delete from {table} m where {part} and {self.r.choice([self.condition, self.subquery])(m)}"
        return f"delete from {table} m using {other} u where m.ref = u.id and {part} and {self.condition(m + u)}"

    def insert(self, table, other):
        u, columns = self.scope(other, "u"), [c for c in TABLES[table][1:] if c in TABLES[other]]
        values = ", ".join(self.value(u, column) for column in columns)
        where = f"u.id % 4 = {self.r.randint(0, 3)} and {self.condition(u)}"
        rows = f"select u.id + {self.r.randint(100, 10**6)}, {values} from {other} u where {where}"
        if self.r.random() < 0.3:
            rows = f"values ({self.r.randint(100, 10**6)}, {', '.join(self.value([], column) for column in columns)})"
        return f"insert into {table} as m (id, {', '.join(columns)}) {rows}"

    def merge(self, table, other):
        m, u = self.scope(table, "m"), self.scope(other, "u")
        columns = [column for column in TABLES[table][1:] if column in TABLES[other]]
        arms = [
            f"when matched and {self.condition(m + u)} then update set {self.sets(m + u, TABLES[table][1:], 1)}",
            f"when matched and {self.condition(m, 0)} and m.id % 9 = 1 then delete",
            "when not matched and u.id % 2 = 0 then insert "
            f"(id, {', '.join(columns)}) values (u.id, {', '.join(self.value(u, column) for column in columns)})",
        ]
        arms = " ".join(self.r.sample(arms, self.r.randint(1, 3)))
        return f"merge into {table} m using (select distinct on (id) * from {other} order by id) u on m.id = u.id {arms}"

    def statement(self):
        """The table that it changes, and a statement."""
        self.aliases, self.cte = 0, None
        table, other = self.r.sample(list(TABLES), 2)
        make = self.r.choice([self.update, self.update, self.delete, self.insert, self.insert, self.merge])
        statement = make(table, other)
        if make != self.merge and self.r.random() < 0.3:
            m = self.scope(table, "m")
            statement += f" returning m.id, {self.expr(m, self.r.choice(['int', 'text', 'numeric']), 2)} as v"
        return table, statement

    def script(self):
        """One statement, or several between BEGIN and its end. `None` for a table: nothing to look at."""
        if self.r.random() < 0.5:
            return [self.statement()]
        statements = [(None, "begin")]
        for _ in range(self.r.randint(1, 4)):
            if self.r.random() < 0.3:
                statements += [(None, "savepoint s"), self.statement(), (None, "rollback to s")]
            statements.append(self.statement())
        return statements + [(None, self.r.choice(["commit", "commit", "rollback"]))]


def run(connection, statement):
    try:
        cursor = connection.execute(statement)
    except psycopg.Error as error:
        return f"error {error.sqlstate}"
    rows = [f"({', '.join(map(shown, row))})" for row in cursor.fetchall()] if cursor.description else []
    return f"{cursor.statusmessage} {' '.join(sorted(rows))}"


def main(url, seed=1, count=150):
    writes = Writes(int(seed))
    with psycopg.connect(url, autocommit=True, options="-c statement_timeout=60000") as connection:
        for number in range(int(count)):
            if number % 20 == 0:
                for statement in statements_of_tables():
                    connection.execute(statement)
            script = writes.script()
            for table, statement in script:
                print(f"{statement}: {run(connection, statement)}")
                if table:
                    print(f"  {table}: {run(connection, f'select * from {table}')}")
            for table in TABLES:
                print(f"  {table}: {run(connection, f'select * from {table}')}")


if __name__ == "__main__":
    main(*sys.argv[1:])
