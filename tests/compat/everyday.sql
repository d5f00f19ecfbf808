-- What analysts write and generators send: each of these was once answered otherwise.

-- An operator ends before a sign.
select id from sales where quantity>-1 and quantity<>-2 and quantity>=-3 order by id limit 2;

select '[1,2]'::jsonb->-1, '[1,2]'::jsonb->>-1, 3<>-3, 2>+1;

-- Names of columns without AS.
select min(day) start, max(day) end, count(*) top, sum(quantity) member, 1 values, 2 view, 3 sort, 4 match, 5 exclude from sales;

select r.region member from sales r order by 1 limit 1;

select 3 year;

-- Functions in FROM of a subquery that look at the rows around it.
select e.name, (select count(*) from departments d join unnest(array[e.department_id, 20]) u(x) on d.id = u.x) from employees e order by 1;

select id from lists l where exists (select 1 from employees e, unnest(l.ints) u(x) where e.id = u.x) order by 1;

select id, (select count(*) from generate_series(1,3) a, generate_series(1, l.id) b) from lists l order by 1;

-- Patterns that are no constants.
select substring(name from '[A-Z]' || '+') from employees order by 1;

select substring(name from p) from employees, (values ('[a-z]+')) v(p) order by 1;

select substring('abc' from 2), substring('abcdef' from 2 for 3), substring('abc', 'b.'), substr('abc', 2);

-- Arrays.
select array[1,2] || null, null || array[1,2], array_append(array[1], null);

select (array[1,2,3])[-1], (array[1,2,3])[2], (array[1,2,3])[0], (string_to_array('a/b/c','/'))[-1];

select (array[1,2,3])[-1:2], (array[1,2,3])[2:3], (array[1,2,3])[2:], (array[1,2,3])[:-1], (array[1,2,3])[0:0];

select x, a[x] from (values (array[5,6,7])) v(a), generate_series(-2, 4) x order by 1;

-- Windows.
select t, row_number() over (order by t desc), sum(1) over (order by t) from (values (time '10:00'), (time '11:00'), (null)) v(t) order by t;

select l, rank() over (order by l desc) from (select region, max(day)::timestamp - min(day)::timestamp l from sales group by 1) x order by 2, 1;

select b, dense_rank() over (order by b) from (values ('\x01'::bytea), ('\xff'), ('\x0102')) v(b) order by 2;

select id, lag(quantity, 1, quantity) over (order by id), lead(id, 2, id::bigint * 10) over (order by id desc) from sales order by id;

select id, day, sum(quantity) over (order by day range between '1 day'::interval preceding and current row) from sales order by id;

select id, rank() over (order by abs(id - 3)), row_number() over (partition by region order by abs(day - date '2024-01-15'), id) from sales order by id;

-- Rows.
select id from sales where (price, quantity) = (select max(price), 1 from sales) order by 1;

select id from sales s where (price, id) >= (select price, id from sales x where x.id = 2) order by 1;

select e.name, (e.department_id, e.id) = (select d.id, 1 from departments d where d.id = e.department_id) from employees e order by 1;

select (1, 2) = (select id, 1 from sales);

-- The type of a union's column has no length where its queries have different ones.
create table w_long (s varchar(200), n numeric(6,3), c char(4));

create table w_short (s varchar(5), n numeric(5,2), c char(2));

insert into w_long values (repeat('x', 150), 123.456, 'ab');

insert into w_short values ('abc', 1.25, 'cd');

select s from w_long union all select s from w_short order by 1;

select n from w_long union all select n from w_short order by 1;

select s from w_short union all select s from w_short;

create view w_both as select s from w_long union all select s from w_short;

select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'w_both'::regclass and attnum > 0;

select s from w_short except select s from w_long;

select v from (values ('a'::varchar(3)), ('b')) v(v);

drop view w_both;

drop table w_long, w_short;

-- Dates beside timestamps.
select coalesce(null::timestamp, date '9999-12-31'), greatest(date '9999-12-31', timestamp '2024-01-01'), case when true then date '9999-12-31' else timestamp '2024-01-01' end;

select date '9999-12-31' in (timestamp '2024-01-01', timestamp '9999-12-31');

select * from (values (date '9999-12-31'), (timestamp '2024-01-01')) v(x) order by 1;

select coalesce(ts, d), coalesce(d, ts), coalesce(tz, d) from times order by id;

select d from times union all select ts from times order by 1;

select coalesce(max(ts), date '9999-12-31') from times where false;

select array[date '2024-01-01', timestamptz '2024-01-01 12:00+00'];

select date '0001-01-01' union select timestamptz '2024-01-01 12:00+00' order by 1;

-- Collations stand behind casts.
select 'a'::text collate "C" as x, name::text collate "C" from employees order by name::text collate "C" limit 2;

-- Numbers of LIMIT.
prepare limits as select id from sales order by id limit $1::int offset cast($2 as bigint);

select parameter_types::text from pg_prepared_statements where name = 'limits';

execute limits(2, 1);

deallocate limits;

-- Parameters of what makes a table, of EXPLAIN and of patterns.


prepare patterned as select substring(name from $1) from employees order by 1;

select parameter_types::text from pg_prepared_statements where name = 'patterned';

execute patterned('[A-Z][a-z]');

deallocate patterned;

-- Conditions in a union.
select coalesce(name = 'Ada', false) as x from employees union select true order by 1;

select x, count(*) from (select coalesce(id > 2, false) as x from employees union all select coalesce(id > 20, false) from departments) q group by x order by 1;

select distinct x from (select coalesce(name = 'Ada', false) as x from employees union all select true) q order by 1;

select sum(x), pk from (select coalesce(a.id, b.id) as pk, coalesce(a.id, 0) as x from employees a full join departments b on a.id = b.id union all select 1, coalesce(b.id, 0) from employees a left join departments b on a.id = b.id) q group by pk order by 2;

-- Scalar subqueries with groups and windows.
select d.title, (select count(*) from employees e where e.department_id = d.id group by e.department_id) from departments d order by 1;

select d.title, (select count(*) from employees e where e.department_id = d.id having count(*) > 1) from departments d order by 1;

select d.title, coalesce((select count(distinct e.id) from employees e where e.department_id = d.id group by e.department_id), 0), (select count(*) > 1 from employees e where e.department_id = d.id group by e.department_id) from departments d order by 1;

select d.title, (select count(*) over () from employees e where e.department_id = d.id limit 1) from departments d order by 1;

select d.title, (select row_number() over (order by e.id) from employees e where e.department_id = d.id order by 1 desc limit 1) from departments d order by 1;

select d.title, (select sum(e.salary) over (order by e.id) from employees e where e.department_id = d.id order by e.id desc limit 1) from departments d order by 1;

select d.title, (select count(*) over () from employees e where e.department_id = d.id) from departments d order by 1;

select d.title, (select distinct on (e.department_id) e.name from employees e where e.department_id = d.id order by e.department_id, e.salary desc) from departments d order by 1;

-- Conditions of inner joins over several relations.
create table j1 (id int, x int);

create table j2 (i int);

create table j3 (rel int, num int);

insert into j1 values (1, 1), (2, 2);

insert into j2 values (1), (2), (3);

insert into j3 values (1, 1), (1, 2), (1, 3), (2, 1), (2, 4);

select count(*) from j1 c cross join j2 g join j3 a on a.rel = c.id and a.num = c.id + g.i;

select count(*) from j1 c join j2 g on g.i <= c.x join j3 a on a.rel = c.id and a.num = c.id + g.i;

select count(*) from j1 c join j2 g on g.i <= c.x join j3 a on a.rel = c.id and a.num = coalesce(c.id, g.i);

select count(*) from j1 c, j2 g, j3 a where a.rel = c.id and c.id + g.i = a.num and g.i + a.num > 1;

select count(*) from employees e join departments d on true join sales s on s.id = e.id and s.quantity = e.department_id - d.id;

select c.id, g.i, a.num, b.num from j1 c cross join j2 g join j3 a on a.rel = c.id and a.num = c.id + g.i join j3 b on b.rel = a.rel and b.num = g.i + c.x order by 1, 2, 3, 4;

-- Columns that have the name of a relation around them.
create table category (id int, name text);

create table product (id int, category_id int, category text);

insert into category values (1, 'a'), (2, 'b');

insert into product values (1, 1, 'old'), (2, 1, 'new');

select name from category where exists (select 1 from product where product.category_id = category.id);

select category.*, (select count(*) from product p where p.category_id = category.id and p.category > 'n') from category order by category.name;

select category.name, p.category from category left join lateral (select * from product where category_id = category.id limit 1) p on true order by public.category.id;

select id from category where id in (select category_id from product where category.name = 'a' and category = 'old');

select row_to_json(category) from category where not exists (select 1 from product where category_id = category.id);

update category set name = 'c' where exists (select 1 from product where category_id = category.id) returning *;

delete from category where not exists (select 1 from product where product.category_id = category.id) returning category.name;

with category as (select 7 as id) select id from category where not exists (select 1 from product where product.category_id = category.id);

drop table category, product, j1, j2, j3;

-- Sequences begin where they are told to.
create table numbered (id int generated by default as identity (start with 1000), n text);

insert into numbered (id) values (7);

insert into numbered (n) values ('x') returning id;

create table spaced (id int generated by default as identity (start with 10 increment by 5), n text);

insert into spaced (id) values (4);

insert into spaced (n) values ('x') returning id;

insert into spaced (n) values ('y') returning id;

create table restarted (id bigserial, n text);

insert into restarted (n) values ('a') returning id;

alter sequence restarted_id_seq restart with 1000;

insert into restarted (id) values (3);

insert into restarted (n) values ('b') returning id;

drop table numbered, spaced, restarted;

-- What a table is made of has no end of digits.
create table roomy as select 1.5 as l, 0.0 as z, sum(price) as s, sum(price) * 1.1 as p from sales;

select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'roomy'::regclass and attnum > 0;

insert into roomy values (2.126, 0.05, 123456789012.25, 1);

update roomy set z = 12.34 where l = 1.5;

select l, z, s::numeric(20,2) from roomy order by 1;

drop table roomy;

-- OIDs in arrays.
select pg_typeof(array[2249::oid]), '{1,2}'::oid[] @> array[2::oid], array[2249::oid] = '{2249}'::oid[], ('{5}'::oid[])[1];

select unnest('{5}'::oid[]);

-- Rows of functions.
select (jsonb_each('{"a":1,"b":[2]}')).*;

select id, (json_each_text('{"a":1}')).* from departments order by id;

select (information_schema._pg_expandarray(array[5,6])).*;

-- Limits that are computed.
select id from sales order by id limit (select count(*) / 2 from employees) offset (select count(*) from departments);

select quantity from sales order by id desc offset (select count(*) - 2 from sales);

select region from (select region, id from sales order by id limit (select max(department_id) / 10 from employees)) x order by id;

-- Bits on the way to numbers.
select ('x' || lpad('ff', 8, '0'))::bit(32)::int, ('x' || md5('a'))::bit(64)::bigint, ('x' || substr(md5('a'), 17))::bit(64)::bigint, 'xffffffff'::bit(32)::int, '101'::bit(3)::int, cast(cast(44 as bit(8)) as integer), (-1)::bit(4)::int, '1'::bit(8)::int;

select id from employees where (id::bit(8) & B'00000001') = B'00000001' order by id;

select ('xg'::text)::bit(8)::int;

select coalesce(cast((sum(distinct (cast(floor(coalesce(s.price, 0) * (1000000 * 1.0)) as decimal(38, 0))) + ('x' || md5(s.id::varchar))::bit(32)::int) - sum(distinct ('x' || md5(s.id::varchar))::bit(32)::int)) as double precision) / cast((1000000.0) as double precision), 0) as total from sales s cross join departments d;

-- What catalogs of tools ask of types and tables.
select information_schema._pg_char_max_length(1043,24), information_schema._pg_numeric_precision(1700,655366), information_schema._pg_numeric_scale(1700,655366), information_schema._pg_datetime_precision(1114,3), information_schema._pg_datetime_precision(1082,-1), information_schema._pg_numeric_precision_radix(23,-1), information_schema._pg_char_octet_length(25,-1), information_schema._pg_char_octet_length(1043,14), information_schema._pg_numeric_precision(701,-1), information_schema._pg_char_max_length(25,-1);

select pg_stat_get_dead_tuples('employees'::regclass), pg_typeof(pg_stat_get_tuples_inserted('employees'::regclass)), pg_stat_get_tuples_hot_updated('employees'::regclass), pg_stat_get_blocks_hit(0);

select proname from pg_proc where proname in ('mod', 'unnest', 'ceiling', 'sign', 'jsonb_to_recordset') group by 1 order by 1;

create table oc (i int, t text);

prepare oci as insert into oc select $1, $2 on conflict do nothing;

execute oci(6, 'z');

insert into oc (select 7, 'w' order by 1 limit 1) on conflict do nothing;

select * from oc order by 1;

deallocate oci;

drop table oc;

begin;

vacuum;

rollback;

-- What is shown by its own scale is a numeric where it is stored.
create table chosen as select id, coalesce(salary, 0) as s, case when id > 3 then salary * 1.1 else 0 end as c from employees;

select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'chosen'::regclass and attnum > 0;

select sum(s), sum(c), max(c) from chosen;

create materialized view chosen_too as select coalesce(sum(salary), 0) as s from employees where id < 0;

select s + 1.50 from chosen_too;

insert into chosen (id, s) select 9, coalesce(null::numeric(5,2), 0);

drop materialized view chosen_too;

drop table chosen;

-- Quoted literals of INSERT … SELECT are what the columns are.
create table typed_rows (d date, n numeric(8,2), b boolean, j jsonb, u uuid, a int[], t timestamptz, v varchar(3));

insert into typed_rows select '2024-02-29', '1.505', 'yes', '{"b":1,"a":2}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{1,2}', '2024-01-01 12:00+02', 'abc';

insert into typed_rows (d, v) select '2024-01-01', 'x' from departments order by id limit 1;

insert into typed_rows (d) select 'nodate';

insert into typed_rows (v) select 'toolong';

insert into typed_rows (d, n) select hired, '7' from employees where id < 3;

insert into typed_rows (d) with w as (select 1) select '2024-01-03' from w;

select * from typed_rows order by d, n;

drop table typed_rows;

create table oc2 (i int, t text);

insert into oc2 select '7', 'x' on conflict do nothing;

insert into oc2 select '8' as i, 'x' as t on conflict do nothing returning *;

drop table oc2;

select array_cat(array[1], null), array_cat(null, array[1]);

create table locked (id int, locked_by text);

create table locks_of (locked text, id int);

insert into locked values (1, 'a');

insert into locks_of values ('x', 1);

select locked.id from locked where exists (select 1 from locks_of where locks_of.id = locked.id) for update of locked;

drop table locked, locks_of;
