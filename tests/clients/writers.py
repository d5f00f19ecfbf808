"""What tools do that write: ADBC's ingest, pandas' to_sql, SQLAlchemy's tables and object-relational mapper.

    writers.py URL LAKE
"""
import datetime
import sys
from decimal import Decimal

import adbc_driver_postgresql.dbapi as adbc
import pandas
import pyarrow
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.dialects import postgresql

FRAME = pandas.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "at": pandas.to_datetime(["2024-01-01"] * 3)})


def ingest(url: str) -> None:
    """Every mode there is; batches travel by COPY in binary."""
    moments = [datetime.datetime(2024, 1, 1, 12, 30), None, datetime.datetime(1969, 12, 31, 23, 59, 59, 5)]
    table = pyarrow.table({
        "a": [1, 2, None],
        "b": ["x", None, "it's"],
        "c": [1.5, None, float("inf")],
        "at": pyarrow.array(moments, pyarrow.timestamp("us")),
        "day": [datetime.date(2024, 2, 29)] * 3,
        "ok": [True, False, None],
        "raw": [b"\x00\xff", b"", None],
    })
    with adbc.connect(url) as connection, connection.cursor() as cursor:
        for mode, rows in [("create", 3), ("append", 6), ("replace", 3), ("create_append", 6)]:
            assert cursor.adbc_ingest("ingested", table, mode=mode) == 3, mode
            connection.commit()
            cursor.execute("SELECT count(*) FROM ingested")
            assert cursor.fetchone() == (rows,), mode
        cursor.execute("SELECT * FROM ingested LIMIT 3")
        assert cursor.fetch_arrow_table().to_pylist() == table.to_pylist()
        cursor.adbc_ingest("passing", table, mode="create", temporary=True)
        cursor.execute("SELECT count(*) FROM passing")
        assert cursor.fetchone() == (3,)
        connection.rollback()


def frames(engine: sa.Engine) -> None:
    FRAME.to_sql("frame", engine, if_exists="replace", index=False)
    FRAME.to_sql("frame", engine, if_exists="append", index=False, method="multi")
    read = pandas.read_sql_table("frame", engine)
    assert read.shape == (6, 3) and read["a"].sum() == 12 and read["b"].isna().sum() == 2, read
    assert str(read["at"].dtype).startswith("datetime64"), read.dtypes


class Base(orm.DeclarativeBase):
    pass


class Department(Base):
    __tablename__ = "department"
    id = orm.mapped_column(sa.Integer, primary_key=True)
    name = orm.mapped_column(sa.String(30), nullable=False, unique=True)
    people = orm.relationship("Person", back_populates="department", cascade="all, delete-orphan")


class Person(Base):
    __tablename__ = "person"
    __table_args__ = (sa.CheckConstraint("salary > 0", name="paid"),)
    id = orm.mapped_column(sa.BigInteger, primary_key=True)
    name = orm.mapped_column(sa.String)
    salary = orm.mapped_column(sa.Numeric(10, 2))
    hired = orm.mapped_column(sa.DateTime(timezone=True), server_default=sa.func.now())
    tags = orm.mapped_column(sa.ARRAY(sa.String))
    info = orm.mapped_column(postgresql.JSONB)
    department_id = orm.mapped_column(sa.ForeignKey("department.id"), index=True)
    department = orm.relationship(Department, back_populates="people")


def mapped(engine: sa.Engine) -> None:
    Base.metadata.drop_all(engine)
    Base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        ann = Person(name="ann", salary=10, tags=["a", "b"], info={"k": 1})
        session.add(Department(name="Sales", people=[ann, Person(name="bob", salary=20)]))
        session.commit()
        assert ann.id and ann.hired.tzinfo, "the server has filled in what it numbers and its defaults"
        locked = session.scalars(sa.select(Person).where(Person.name == "ann").with_for_update()).one()
        locked.salary += 5
        session.commit()
        found = session.execute(
            sa.select(Person.name, Person.salary, Person.tags, Person.info, Department.name).join(Department).order_by(Person.id)
        ).all()
        assert found == [
            ("ann", Decimal("15.00"), ["a", "b"], {"k": 1}, "Sales"),
            ("bob", Decimal("20.00"), None, None, "Sales"),
        ], found
        session.delete(session.scalars(sa.select(Person).where(Person.name == "bob")).one())
        session.commit()
        with session.begin_nested():
            session.add(Department(name="undone"))
        session.rollback()
        again = postgresql.insert(Department).values(name="Sales").on_conflict_do_nothing(index_elements=["name"])
        session.execute(again)
        session.execute(sa.update(Person).values(salary=Person.salary * 2).where(Person.department_id == Department.id))
        session.commit()
        try:
            session.execute(sa.insert(Person).values(name="cid", salary=0))
            raise AssertionError("a row that the check refuses was taken")
        except sa.exc.IntegrityError as error:
            assert error.orig.sqlstate == "23514" if hasattr(error.orig, "sqlstate") else error.orig.pgcode == "23514"
            session.rollback()
        assert session.scalars(sa.select(Department.name)).all() == ["Sales"]
        assert session.scalars(sa.select(Person.salary)).all() == [Decimal("30.00")]
    inspector = sa.inspect(engine)
    assert inspector.get_pk_constraint("person")["constrained_columns"] == ["id"]
    assert inspector.get_foreign_keys("person")[0]["referred_table"] == "department"
    assert [check["name"] for check in inspector.get_check_constraints("person")] == ["paid"]


def main(url: str) -> None:
    ingest(url)
    for driver in ("psycopg", "psycopg2"):
        engine = sa.create_engine(url.replace("postgresql://", f"postgresql+{driver}://"))
        frames(engine)
        mapped(engine)


if __name__ == "__main__":
    main(sys.argv[1])
    print("ADBC, pandas and SQLAlchemy have written")
