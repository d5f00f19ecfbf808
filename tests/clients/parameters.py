"""Statements with parameters, as asyncpg prepares them: the types that are announced, the columns, the rows. Prints a line for
each; what PostgreSQL makes it print is what Lakewire has to.

    parameters.py URL
"""
import asyncio
import datetime as dt
import sys
from decimal import Decimal as D

import asyncpg

TABLES = """
drop schema if exists shop cascade;
create schema shop;
set search_path = shop, public;
create table customers (id bigint primary key, name text not null, email varchar(60), country char(2), created_at timestamptz, birthday date, credit numeric(12,2), tags text[], profile jsonb, active boolean default true);
insert into customers values  (1,'Ann Lee','ann@x.org','DE','2024-01-05 10:00:00+00','1980-02-29',100.50,'{vip,eu}','{"age": 44, "langs": ["de","en"], "address": {"city": "Berlin"}}',true),  (2,'Bob O''Neil','bob@x.org','US','2024-03-10 06:59:59+00','1975-12-31',0,'{}','{"age": null}',true),  (3,'Çelik Ömer',null,'TR','2024-03-31 01:30:00+00',null,-20.25,null,null,false),  (4,'dora','dora@y.com','US','2024-11-03 05:30:00+00','1999-06-15',9999999.99,'{new,"two words",NULL}','{"age": 25, "langs": []}',null),  (5,'Eve  ','EVE@X.ORG','FR','2023-12-31 23:59:59.999999+00','2000-01-01',null,'{vip}','[]',true);
create table products (id int primary key, sku text, category text, price numeric(10,2), weight double precision, launched date);
insert into products values (1,'A-1','toys',9.99,0.5,'2023-01-01'),(2,'A-2','toys',19.99,1.25,'2023-02-15'),(3,'B-1','books',5.00,0.3,null),(4,'B-2','books',45.50,2,'2024-02-29'),(5,'C-1',null,0,null,'2022-07-04');
create table orders (id bigint, customer_id bigint, ordered_at timestamp, status text, discount real);
insert into orders values  (100,1,'2024-01-06 12:00:00','paid',0.1),(101,1,'2024-02-10 08:15:30.5','paid',null),(102,2,'2024-03-15 23:59:59','refunded',0),  (103,4,'2024-11-05 00:00:00','paid',0.25),(104,5,'2024-01-01 00:00:00','open',0.05),(105,null,'2024-06-30 18:30:00','open',null),(106,2,'2024-12-31 23:00:00','paid',0.5);
create table order_items (order_id bigint, line int, product_id int, qty int, price numeric(10,2));
insert into order_items values (100,1,1,2,9.99),(100,2,3,1,5.00),(101,1,2,1,18.99),(102,1,4,1,45.50),(103,1,1,10,9.49),(103,2,2,5,19.99),(103,3,5,1,0),(104,1,3,3,4.50),(105,1,4,2,45.50),(106,1,2,4,19.99);
"""

STATEMENTS = [
    ("select 1 as one where not($1) or ($2 and true)", [False, True]),
    ("select coalesce(ordered_at, $1) from shop.orders where id = 100",[dt.datetime(2024,1,1)]),
    ("select id from shop.orders where ($1::text is null or status = $1) order by id",[None]),
    ("select id from shop.orders where ($1::text is null or status = $1) order by id",['open']),
    ("select id from shop.orders where status = $1 and discount > $2 order by id",['paid',0.05]),
    ("select id from shop.orders where status = any($1) order by id",[['open','refunded']]),
    ("select id from shop.orders where id = any($1::bigint[]) order by id",[[100,101]]),
    ("select id from shop.orders where id in (select unnest($1::bigint[])) order by id",[[100,101]]),
    ("select id from shop.orders order by id limit $1 offset $2",[2,1]),
    ("select id from shop.orders where ordered_at >= $1 and ordered_at < $2 order by id",[dt.datetime(2024,1,1),dt.datetime(2024,3,1)]),
    ("select id from shop.orders where ordered_at::date = $1",[dt.date(2024,1,6)]),
    ("select id from shop.orders where ordered_at between $1 and $1 + interval '10 days' order by id",[dt.datetime(2024,1,1)]),
    ("select date_trunc($1, ordered_at) from shop.orders where id = 100",['month']),
    ("select $1::int + $2::int",[1,2]),
    ("select name from shop.customers where name like $1 || '%' order by 1",['A']),
    ("select name from shop.customers where name ilike $1 order by 1",['%e%']),
    ("select name from shop.customers where email = lower($1)",['ANN@X.ORG']),
    ("select id from shop.customers where profile @> $1 order by 1",['{"age": 44}']),
    ("select id from shop.customers where profile ->> $1 = $2",['age','44']),
    ("select id from shop.customers where tags @> $1 order by id",[['vip']]),
    ("select id from shop.customers where $1 = any(tags) order by id",['vip']),
    ("select id from shop.products where price > $1 order by id",[D('9.99')]),
    ("select id from shop.products where price between $1 and $2 order by id",[D(5),D(20)]),
    ("select id, price * $1 from shop.products order by id",[D('1.1')]),
    ("select case when price > $1 then 'hi' else $2 end from shop.products order by id",[D(10),'lo']),
    ("select weight + $1 from shop.products order by id",[1.5]),
    ("select * from (values ($1::int, $2::text), ($3, $4)) v(a, b)",[1,'x',2,'y']),
    ("select count(*) from shop.orders where status <> $1 or $1 is null",['paid']),
    ("select id from shop.orders where (customer_id, status) = ($1, $2)",[1,'paid']),
    ("select id from shop.orders where (customer_id, id) > ($1, $2) order by customer_id, id",[1,101]),
    ("select id from shop.orders where customer_id in ($1, $2, $3) order by id",[1,2,4]),
    ("select ordered_at + $1::interval from shop.orders where id=100",[dt.timedelta(days=1)]),
    ("select ordered_at + $1 * interval '1 day' from shop.orders where id=100",[2.0]),
    ("select ordered_at at time zone $1 from shop.orders where id=100",['UTC']),
    ("select to_char(ordered_at, $1) from shop.orders where id=100",['YYYY']),
    ("select extract(year from $1::date)",[dt.date(2024,1,1)]),
    ("select $1::date - $2::date, $1::date + 1",[dt.date(2024,1,5),dt.date(2024,1,1)]),
    ("select generate_series($1::int, $2::int)",[1,3]),
    ("select * from generate_series($1::int, $2::int) g",[1,3]),
    ("select * from generate_series($1::date, $2::date, interval '1 day') g",[dt.date(2024,1,1),dt.date(2024,1,3)]),
    ("select unnest($1::text[])",[['a','b']]),
    ("select * from unnest($1::int[], $2::text[]) as t(a, b)",[[1,2],['x','y']]),
    ("select jsonb_build_object('a', $1::int, 'b', $2::text)",[1,'x']),
    ("select array_agg(id order by id) filter (where status = $1) from shop.orders",['paid']),
    ("select sum(qty) over (order by order_id, line rows between 1 preceding and current row) from shop.order_items where order_id = $1 order by line",[103]),
    ("select $1::uuid, $2::bytea, $3::bool, $4::float8",['00000000-0000-0000-0000-000000000001',b'ab',True,1.5]),
    ("select $1::timestamptz, $2::time",[dt.datetime(2024,1,1,tzinfo=dt.timezone.utc),dt.time(10,30)]),
    ("select 1 where $1",[True]),
    ("select * from shop.orders where id = $1 for update",[100]),
    ("select exists(select 1 from shop.orders where id = $1)",[100]),
    ("select (select status from shop.orders where id = $1), $1",[100]),
    ("select $1",['x']),
    ("select $1::int[]",[[1,None,3]]),
    ("select row_number() over (order by id desc) from shop.orders where id > $1 order by 1",[104]),
    ("select id from shop.orders order by case when $1 = 'asc' then id else -id end limit 2",['desc']),
    ("with x as (select $1::int as a) select a * $2 from x",[2,3]),
    ("select count(*) from shop.orders group by status having count(*) > $1 order by 1",[1]),
    ("select c.id from shop.customers c join shop.orders o on o.customer_id = c.id and o.status = $1 order by 1",['paid']),
    ("select string_agg(status, $1 order by id) from shop.orders",['-']),
    ("select upper($1), length($1), $1 || $2, concat($1, $2), md5($1)",['a','b']),
    ("select position($1 in name), name ~ $2, regexp_replace(name, $2, $3) from shop.customers where id=1",['n','^A','Z']),
    ("insert into shop.orders(id, customer_id, ordered_at, status, discount) values ($1,$2,$3,$4,$5) returning id, discount",[900,1,dt.datetime(2024,1,1),'new',0.5]),
    ("insert into shop.orders(id, status) select $1, $2 where not exists (select 1 from shop.orders where id = $1) returning id",[901,'sel']),
    ("update shop.orders set status = $1, discount = coalesce($2, discount), ordered_at = ordered_at + $3 where id = $4 returning status, discount, ordered_at",['upd',None,dt.timedelta(days=1),900]),
    ("update shop.orders set status = case when $1 then $2 else status end where id = $3 returning status",[True,'c',900]),
    ("insert into shop.customers(id, name, tags, profile, created_at) values ($1, $2, $3, $4, $5) returning tags, profile",[50,'p',['a'],'{"z": 1}',dt.datetime(2024,1,1,tzinfo=dt.timezone.utc)]),
    ("delete from shop.orders where id = any($1) and id > 900 returning id",[[900,901]]),
    ("insert into shop.products(id, sku, price) values ($1, $2, $3) on conflict (id) do update set price = excluded.price + $3, sku = excluded.sku returning price, sku",[1,"up",D("2.5")]),
    ("insert into shop.products(id, sku) values ($1, $2) on conflict (id) do nothing returning id",[1,"up"]),
    ("select $1::jsonb, $1::jsonb::text, to_json($1::jsonb)::text, jsonb_build_object('k', $1::jsonb)::text, concat($1::jsonb)",['{"b":1,"a":[1,2]}']),
    ("select $1::json::text, json_build_array($1::json)::text, length($1::json::text)",['{"b":1,  "a":2}']),
    ("select ('{\"k\": 1}'::jsonb || $1) ->> 'b', $1 @> '{\"b\": 2}'",['{"b":2}']),
    ("select v.x, to_json(v.x)::text from (values ($1::jsonb), ($2)) v(x)",['{"b":2}','[1]']),
    ("select coalesce($1::bytea, null), coalesce(null, $1::bytea)",[b'ab']),
    ("select ($1::time + interval '1 hour')::text, $2::interval * 2",[dt.time(1,2),dt.timedelta(hours=3)]),
    ("insert into shop.products(id, sku, price) values ($1, $2, $3) on conflict (id) do update set price = excluded.price returning id, (xmax = 0) as inserted",[2,"up",D("2.5")]),
    ("insert into shop.products(id, sku, price) values ($1, $2, $3) on conflict (id) do update set price = excluded.price returning id, (xmax = 0) as inserted",[77,"up",D("2.5")]),
]


async def main() -> None:
    connection = await asyncpg.connect(sys.argv[1])
    await connection.execute("SET timezone = 'UTC'")
    for statement in TABLES.split(";\n"):
        if statement.strip():
            await connection.execute(statement)
    for sql, values in STATEMENTS:
        try:
            prepared = await connection.prepare(sql)
            told = [parameter.name for parameter in prepared.get_parameters()]
            columns = [(column.name, column.type.name) for column in prepared.get_attributes()]
            print(sql, told, columns, [tuple(row) for row in await prepared.fetch(*values)], sep=" | ")
        except asyncpg.PostgresError as error:
            print(sql, error.sqlstate, error, sep=" | ")
    await connection.execute("DROP SCHEMA shop CASCADE")
    await connection.close()


asyncio.run(main())
