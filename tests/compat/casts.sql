-- which casts there are
select 5::uuid;
select 5::bytea;
select 1.5::oid;
select true::bytea;
select date '2024-01-01'::int;
select time '10:00'::date;
select bytea '\x01'::int;
select bytea '\x01'::uuid;
select uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::int;
select uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::bytea;
select uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::jsonb;
select interval '1 day'::int;
select array[1,2]::uuid;
select array[1,2]::int;
select '{"a":1}'::jsonb::uuid;
select oid::float8 from pg_class limit 1;
select 26::oid::int8, 26::oid::int4, 9::int8::oid, 3::int2::oid;
select uuid 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::text, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::text::uuid, '\x41'::bytea::text;
select '2024-01-01'::text::date, '{1,2}'::text::int[], '12'::text::numeric(5,2), 't'::text::bool, '1 day'::varchar::interval;
select '{"a":1}'::jsonb::varchar(5), '{"a":1}'::json::char(3), '{"a":1}'::jsonb::name, '7'::jsonb::int, '1.5'::jsonb::numeric;
-- of arrays, element by element
select array[1.5,2.5,-0.5]::float8[]::int[], array[1.5,2.5]::numeric[]::bigint[], '{1.5,NULL}'::float8[]::int2[];
select array[1.5,2]::float8[]::text[], array[1,2]::text[], array[true,false]::text[], array['2024-01-01'::date]::text[];
select x::text[], x::int[] from (values (array[1.5::float8, null]), (null)) v(x);
select array[1e10]::float8[]::int[];
select array['1','2']::int[], array['a']::int[];
-- one byte
select ''::"char", 'abc'::"char", 'abc'::"char" as c, 'xyz'::text::"char";
select c::"char" from (values ('Hello'), ('')) v(c);
-- decimals that are asked for
select round(salary, 4), trunc(salary, 3), round(salary, 1) from employees order by id limit 2;
select round(12.5, 3), round(-3.14159, 2), round(3.14, 5), trunc(-12.500, 5), round(7, 2), round(avg(salary), 4) from employees;
select case when count(*) > 1000 then array_agg(row(1,'a')) else '{}' end from employees;
select (time '10:00', time '11:00') overlaps (time '10:30', interval '1 hour'), (time '23:00', interval '2 hours') overlaps (time '00:30', time '00:45'), (time '10:00', interval '1 hour') overlaps (time '11:00', interval '1 hour');
