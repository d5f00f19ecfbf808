-- Window functions.
select name, row_number() over (order by salary desc nulls last, name) from employees order by 2;
select name, rank() over (order by salary), dense_rank() over (order by salary) from employees order by 2, 1;
select name, percent_rank() over (order by id), cume_dist() over (order by id) from employees order by id;
select name, ntile(3) over (order by id) from employees order by id;
select name, lag(name) over (order by id), lead(name, 2, 'none') over (order by id) from employees order by id;
select name, first_value(name) over w, last_value(name) over w, nth_value(name, 2) over w from employees window w as (partition by department_id order by id) order by id;
select id, sum(quantity) over (order by id) from sales order by id;
select id, sum(quantity) over (partition by region order by id rows between 1 preceding and current row) from sales order by id;
select id, avg(price) over (order by id rows between 2 preceding and current row) from sales order by id;
select id, count(*) over (), count(*) over (partition by region) from sales order by id;
select id, sum(price) over (order by day range between interval '1 day' preceding and current row) from sales order by id;
select id, sum(quantity) over (order by id groups between 1 preceding and 1 following) from sales order by id;
select id, max(price) over (partition by region order by id rows between unbounded preceding and unbounded following exclude current row) from sales order by id;
select region, sum(quantity), rank() over (order by sum(quantity) desc) from sales group by region order by 3;
select * from (select name, row_number() over (partition by department_id order by id) as n from employees) x where n = 1 order by name;
select name, salary / sum(salary) over () from employees where id < 3 order by id;
select row_number() from employees;
select sum(id) over (order by name) filter (where id > 1) from employees;
select sum(id) filter (where id > 1) over (order by id) from employees order by 1;
select id from employees where row_number() over () = 1;
select rank() over (partition by nosuch) from employees;
select lag(id, 1, 0) over (order by id) + 1 as prev from employees order by id;
select array_agg(id) over (order by id) from employees where id < 4;
select sum(quantity) over w, avg(quantity) over w from sales window w as (partition by product order by id) order by id;
select first_value(price) over (partition by region order by day desc) from sales order by id;
select ntile(0) over () from employees;
select lag(id) ignore nulls over (order by id) from employees;
prepare frame as select id, sum(quantity) over (order by id rows between $1 preceding and $2 following) from sales order by id limit $3;
execute frame(1, 0, 4);
execute frame(0, 1, 3);
execute frame(-1, 1, 3);
execute frame(1, null, 3);
select name, parameter_types from pg_prepared_statements where name = 'frame';
deallocate frame;

-- windows that go on from others
select region, price, first_value(id) over (w rows between unbounded preceding and unbounded following) from sales window w as (partition by region order by price desc, id) order by 1, 2;
select id, sum(price) over (w order by id), count(*) over (w), sum(id) over v, rank() over (v) from sales window w as (partition by region), v as (w order by price) order by id;
select id from sales window w as (partition by region order by price) order by rank() over (w), rank() over w, id;
select sum(id) over (nosuch) from sales;
select sum(id) over nosuch from sales;
select (select max(x.price) over (w) from sales x where x.id = p.id window w as (order by x.id)) from sales p order by 1;

-- numerics that grow
with recursive t(n, f) as (select 1, 1::numeric union all select n + 1, f * (n + 1) from t where n < 20) select n, f from t where n in (5, 10, 20) order by n;
with recursive t(n, f) as (select 1, 1.5 union all select n + 1, f * 1.1 from t where n < 5) select n, f::text from t order by n;
with recursive t(n, f) as (select 1, 1.5::numeric(5,1) union all select n + 1, (f * 1.1)::numeric(5,1) from t where n < 5) select n, f from t order by n;
with recursive t(n, f) as (values (1, 2.50) union all select n + 1, f / 2 from t where n < 4) select n, round(f, 4) from t order by n;
SELECT i, b, bool_and(b) OVER w, bool_or(b) OVER w, array_agg(i) over w, string_agg(i::text, ',') over w, count(*) over w, min(i) over w FROM (VALUES (1,true), (2,true), (3,false), (4,false), (5,true)) v(i,b) WINDOW w AS (ORDER BY i ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING);
select i, sum(0.1::float8 * i) over (order by i rows 2 preceding), avg(i) over (order by i rows 2 preceding), stddev(i) over (order by i rows between 1 preceding and 1 following), sum(i) over (order by i rows 1 preceding) from generate_series(1,8) i;
select i, sum(i::float8) over (order by i rows between current row and unbounded following), max(i) over (order by i rows 1 preceding), mode() within group (order by i) from generate_series(1,3) i group by i;
select id, sum(salary) over (order by id range between 2 preceding and current row), avg(salary) over (partition by department_id order by id rows 1 preceding), bit_or(id) over (order by id rows 1 preceding), first_value(id) over (order by id rows 1 preceding), json_agg(id) over (order by id rows 1 preceding) from employees order by id;
select sum(n) over (order by i rows between current row and 1 following), avg(n) over (order by i rows between 1 preceding and current row) from (values (1, 1e20::float8), (2, 1), (3, 'NaN'), (4, 2), (5, 3), (6, null)) v(i, n);
-- what gathers rows has them in its own order, whatever that of other windows
select k, array_agg(k) over (order by k), row_number() over (order by k desc) from (values (1),(2),(3)) v(k) order by k;
select k, jsonb_agg(k) over (order by k), row_number() over (order by k desc) from (values (1),(2),(3)) v(k) order by k;
select k, string_agg(k::text,',') over (order by k), row_number() over (order by k desc) from (values (1),(2)) v(k) order by k;
select k, sum(k) over (order by k), array_agg(k) over (order by k desc), first_value(k) over (order by k desc), last_value(k) over (order by k) from (values (1),(2),(3)) v(k) order by k;
-- rows in the order of a comparison of times of several types
select a, sum(1) over (partition by a < b) from (values (date '2024-01-01', timestamp '2024-01-01')) v(a,b);
select a, rank() over (order by (a < b)) from (values (timestamp '2024-01-01', timestamptz '2024-01-01 10:00')) v(a,b);
select a, sum(1) over (partition by a > now()) from (values (timestamp '2024-01-01')) v(a);
select a, rank() over (order by a::date between date '2024-01-01' and now()) from (values (timestamp '2024-01-01')) v(a);
-- RANGE over times and intervals
select i, sum(i) over (order by time '00:00' + i * interval '20 min' range between interval '1 hour' preceding and current row) from generate_series(1, 8) i order by 1;
select i, sum(i) over (order by i * interval '20 min' range between '1 hour' preceding and '20 minutes' following) from generate_series(1, 8) i order by 1;
select i, sum(i) over (order by time '00:00' + i * interval '20 min' desc range between '1 hour' preceding and '20 minutes' following) from generate_series(1, 8) i order by 1;
select i, first_value(i) over (order by i * interval '1 day' range between interval '1 month' preceding and interval '1 week' preceding) from generate_series(1, 40) i order by 1;
select sum(i) over (order by i * interval '1 day' range '-1 hour' preceding) from generate_series(1, 3) i;
