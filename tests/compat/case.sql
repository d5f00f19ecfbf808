-- CASE and the expressions like it.
select case when 1 = 1 then 'yes' else 'no' end;
select case 2 when 1 then 'one' when 2 then 'two' else 'many' end;
select case when false then 1 end;
select case when id < 3 then 'low' when id < 6 then 'mid' else 'high' end as band, count(*) from employees group by band order by band;
select case when true then 1 else 'x' end;
select case when true then 1 else 2.0 end, case when true then 1 else 2::bigint end;
select case when false then 1 / 0 else 1 end;
select case i4 when 0 then 0 else 100 / i4 end from numbers where id < 4 order by id;
select coalesce(null, null, 3), coalesce(null, 'x'), coalesce(1, 2.5);
select coalesce(salary, 0) from employees order by id;
select coalesce();
select nullif(1, 1), nullif(1, 2), nullif('a', 'b'), nullif(null, 1);
select greatest(1, null, 3), least(null, null), greatest('a', 'b');
select name, case when manager_id is null then 'boss' end from employees order by id;
select sum(case when department_id = 20 then salary else 0 end) from employees;
select case name when 'Ada' then 1 else 0 end as is_ada from employees order by id;
select case when null then 1 else 2 end;
select case when 1 then 2 end;
select name from employees order by case when department_id = 20 then 0 else 1 end, name;
select case when true then null end, case when true then null else 1 end;
select coalesce(1, 'x');
-- A subquery that depends on the row is asked only of rows that choose it.
select d, case when jsonb_typeof(d) = 'array' then (select string_agg(e, ',') from jsonb_array_elements_text(d) e) else d #>> '{}' end from (values ('[1,2]'::jsonb), ('"x"'), ('{"a":1}')) v(d) order by d;
select d, case when jsonb_typeof(d) = 'object' then 'o' when jsonb_typeof(d) = 'array' then (select count(*)::text from jsonb_array_elements(d)) else 's' end from (values ('[1,2]'::jsonb), ('"x"'), ('{"a":1}'), (null)) v(d) order by d;
select count(*) from (values ('[1,2]'::jsonb), ('"x"'), ('{"a":1}')) v(d) where jsonb_typeof(d) = 'array' and exists (select 1 from jsonb_array_elements(d) e where e = '2');
select count(*) from (values ('[1,2]'::jsonb), ('"x"'), ('{"a":1}')) v(d) where jsonb_typeof(d) = 'array' and not exists (select 1 from jsonb_array_elements(d) e where e = '3');
select n, case when n <> 0 then (select max(10 / n + x) from (values (1),(2)) t(x)) end from (values (0),(1),(5),(null)) v(n) order by n;
select n, case when n = 0 then null else (select sum(x) from (values (1),(2)) t(x) where x > 10 / n) end from (values (0),(5),(20)) v(n) order by n;
select sum(case when jsonb_typeof(d) = 'array' then (select count(*) from jsonb_array_elements(d)) else 0 end) from (values ('[1,2]'::jsonb), ('"x"')) v(d);
select d, case when jsonb_typeof(d) = 'array' then exists (select 1 from jsonb_array_elements(d) e where e = '2') end from (values ('[1,2]'::jsonb), ('"x"'), ('[3]')) v(d) order by d;
select n, case when n > 1 then case when n < 5 then (select count(*) from generate_series(1, n) g where g > 10 / (n - 1)) end else (select max(g) from generate_series(1, 3) g where g < n) end from (values (1),(3),(7),(2)) v(n) order by n;
select n from (values (1),(3),(7),(2)) v(n) order by case when n > 1 then (select count(*) from generate_series(1, n) g where g > 10 / (n - 1)) else 0 end, n;
select n, (select max(m) from (values (1),(2)) t(m) where m <= n) as x, case when n > 1 then (select min(m) from (values (1),(2)) t(m) where m >= 10 / (n - 1) - 8) else -1 end as y from (values (1),(2),(3)) v(n) order by n;
-- A subquery without a relation, and perhaps without a row.
select (select 5 where false), (select n where n > 1), (select 'a' where n = 1) from (values (1),(2)) v(n) order by n;
select (select count(*) where false), (select sum(1) where false), (select 5 where true), (select 1 where false) is null, coalesce((select 7 where false), 8);
select 1 where (select 5 where false) is null;
select nullif('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, null), nullif('x'::name, 'y');
