-- Exact numbers: literals, scale of results, rounding, limits.
select 1.0, 1.50, 0.001, 100.0, .5, 1e3, 1.5e-3;
select n, w from numbers order by id;
select 1.0 + 1.00, 1.5 - 0.25, 1.5 * 1.25, 2.0 / 3;
select 1 / 3.0, 10 / 3.0, 100000 / 3.0, 1.0 / 7;
select n + 1, n - 1, n * 2, n / 2 from numbers where id = 2;
select n * n, n / n from numbers where id = 2;
select n / 0 from numbers where id = 2;
select 1.5 / 0;
select 1.5 % 0;
select 7.5 % 2, -7.5 % 2, mod(7.5, 2);
select n % 5 from numbers where id = 2;
select round(2.5), round(3.5), round(-2.5), round(2.567, 2), round(1234.567, -2), round(2.5, 0);
select trunc(2.567, 2), trunc(-2.567, 1), trunc(1234.5, -2), ceil(2.1), floor(-2.1), ceiling(-0.5);
select abs(-1.50), sign(-1.5), -(-1.50);
select sqrt(2.0), power(2.0, 0.5), exp(1.0), ln(10.0), log(100.0), log(2.0, 64.0);
select power(2, 3), power(2.0, 3);
select 1.10::numeric(10, 1), 1.15::numeric(10, 1), 1.25::numeric(10, 1);
select 123.456::numeric(5, 2), 1234.5::numeric(5, 2);
select 5::numeric, 5::numeric(4, 1), 5::numeric(6);
select '1.50'::numeric, ' -1e3 '::numeric, '1.5'::numeric(3, 2);
select 'abc'::numeric;
select 'NaN'::numeric;
select 'Infinity'::numeric;
select 12345678901234567890.123456789;
select 99999999999999999999999999999999999999 + 1;
select 12345678901234567890 * 12345678901234567890;
select n::text, w::text from numbers order by id;
select n::integer, n::bigint, n::float8 from numbers where id < 4 order by id;
select w::bigint from numbers where id = 4;
select sum(n), avg(n), min(n), max(n) from numbers where id < 4;
select sum(w), avg(w) from numbers where id in (2, 3);
select sum(salary), avg(salary), min(salary), max(salary) from employees;
select avg(salary) from employees where id = 2;
select department_id, avg(salary) from employees group by department_id order by department_id;
select sum(quantity * price) from sales;
select sum(price) / count(*) from sales;
select price * quantity, price * 1.2, price / 3 from sales order by id;
select round(price * 1.2, 2) from sales order by id;
select round(avg(price), 2), round(sum(price) / 7, 4) from sales;
select stddev(price), variance(price), stddev_pop(price) from sales;
select n = 12.345, n = 12.3450, n > 12 from numbers where id = 2;
select scale(1.500), trim_scale(1.500), min_scale(1.500);
select greatest(1, 2.5), least(1.0, 2), coalesce(null, 1.5);
select numeric '1.25', decimal '3.5';
select 0.1 + 0.2, 0.1 + 0.2 = 0.3;
select 1.0 = 1.00, 1.0::text, 1.00::text;
select n, count(*) from numbers group by n order by n;
select sum(1.5), avg(1.5), max(1.50) from numbers;
select 1.5::integer::numeric;
select width_bucket(3.5, 0, 10, 5);
select div(7.5, 2);
select 10 ^ 2, 2.0 ^ 3;
select case when true then 1 else 2.5 end;
select 1 union all select 2.5 order by 1;
select to_char(1234.5, '9999.99'), to_char(-1234.5, '9,999.99'), to_char(0.5, '0.00'), to_char(12, '000');
select to_number('1,234.50', '9,999.99');
select 3.7::int4, 1e2::int, 0.5::int, 1.5::int;
-- to_char and to_number
select to_char(485, '999'), to_char(-485, '999'), to_char(485, '9 9 9'), to_char(1485, '9,999'), to_char(1485, '9G999'), to_char(148.5, '999.999'), to_char(148.5, 'FM999.999'), to_char(148.5, 'FM999.990'), to_char(148.5, '999D999'), to_char(3148.5, '9G999D999');
select to_char(-485, '999S'), to_char(-485, '999MI'), to_char(485, '999MI'), to_char(485, 'FM999MI'), to_char(485, 'PL999'), to_char(485, 'SG999'), to_char(-485, 'SG999'), to_char(-485, '9SG99'), to_char(-485, '999PR'), to_char(485, 'L999');
select to_char(485, 'RN'), to_char(485, 'FMRN'), to_char(5.2, 'FMRN'), to_char(4000, 'RN'), to_char(482, '999th'), to_char(485, '"Good number:"999'), to_char(485.8, '"Pre:"999" Post:" .999'), to_char(12, '99V999'), to_char(12.4, '99V999'), to_char(12.45, '99V9');
select to_char(0.0004859, '9.99EEEE'), to_char(1234567, '9.999EEEE'), to_char(-0.1, '99.99'), to_char(-0.1, 'FM9.99'), to_char(-0.1, 'FM90.99'), to_char(0.1, '0.9'), to_char(12, '9990999.9'), to_char(12, 'FM9990999.9'), to_char(0, '9999'), to_char(0, 'FM9999.00');
select to_char(12345, '999'), to_char(12345.678, '99999D9'), to_char(1.5::float8, '9.99'), to_char(-12345.67::numeric, 'S999,999.99'), to_char(1000000000, '9,999,999,999'), to_char(0.5, '.99'), to_char(100, 'FM999,999'), to_char(1e10::float8, '99999999999');
select to_char(12, '9.9.9');
select to_char(12, 'S9S');
select to_number('12,454.8-', '99G999D9S'), to_number('-34,338,492', '99G999G999'), to_number('1234.56', '9999.99'), to_number('$1,234.56', 'L9,999.99'), to_number('<564646.654564>', '999999.999999PR'), to_number('0.00001-', '9.999999S'), to_number('12', '999');
select ceil(9.99), ceil(0.001), ceil(99.5), floor(-9.99), ceil(x), floor(x) from (values (9.99::numeric(3,2)), (-9.99)) v(x);
-- powers, roots and logarithms
select sqrt(salary), power(salary, 2), ln(salary), log(salary), salary ^ 0.5 from employees order by id;
select sqrt(2.0), power(2.0, 0.5), exp(1.0), ln(10.0), log(100.0), log(2.0, 64.0), log(2, 8), 2.0 ^ 3, power(2, 3), 10 ^ 2;
select sqrt(12345.0), sqrt(0.5), ln(1.05), exp(10.5), exp(-3.2), power(0.0, 3), log(2.5, 1000.0), 1.05 ^ 30, 100.5 ^ 2.5;
select sqrt(variance(salary)), stddev(salary), stddev_pop(salary), stddev(id), variance(salary) from employees;
select sum(sqrt(salary)), avg(sqrt(salary)), max(power(salary, 2)), min(ln(salary)) from employees;
select sqrt(salary) + 1, sqrt(salary) / 3, -sqrt(salary), sqrt(salary) > 70, sqrt(salary)::int, sqrt(salary)::float8, sqrt(salary)::text, abs(sqrt(salary)), round(sqrt(salary), 3) from employees order by id;
select power(salary, 2) * 2, power(salary, 2) + 1, power(salary, 2)::int8, power(salary, 2)::numeric(20,2), power(1.1, 2) * salary, salary * (1 + 0.05) ^ 2 from employees order by id;
select power(1.5, id), power(salary / 1000, id) from employees order by id;
select sqrt(x), ln(x), x ^ 1.5 from (values (1.5), (20.25), (300)) v(x) order by 1;
select to_char(sqrt(2.0), '9.9999'), concat(sqrt(2.0), ''), sqrt(2.0) || 'x', json_build_array(sqrt(2.0), power(2.0, 3)), to_json(ln(2.0));
select sqrt(4), sqrt('4'), exp(0), ln(10), log(10), power(2, 0.5), power(2.5, 2::float8), exp('1'), sqrt(null::numeric), power(2.0, null);
select sqrt(-1.0);
select ln(0.0);
select ln(-1.0);
select power(0.0, -1);
select power(-2.0, 0.5);
select (-2.0) ^ 3, power(-1.5, 2), factorial(0), factorial(25);
select factorial(-1);
select trim_scale(1.500), trim_scale(100), trim_scale(salary), scale(1.500), min_scale(1.500) from employees order by id;
select 1::numeric(2000);
select cast(1 as numeric(0));
select 1::numeric(10, 2000);
select round(1e10, 2), trunc(1e10, 2), round(1e10), floor(1e10), 1e10 * 2, 1e10 + 0.5, 1e10 = 10000000000, -1e10, abs(1e10), to_char(1e10, '99999999999');
select round(12e3::numeric, 2), round(1.5e3, 1), round(1e3::numeric(10,2), 1), mod(1e10, 7), div(1e10, 7), 1e10::int8, 1e10::text, 1e2::int, 123e-2;
select to_char(1, 'S9MI');
select to_char(1, 'PR9');
select to_char(1, '9EEEE9');
select to_char(1, 'FM9EEEE');
select to_number('1', '9EEEE');
select to_number('X', 'RN');

-- Each number of a choice has the decimals of what was chosen.
select coalesce(salary, 0) from employees order by id;

select coalesce(sum(salary), 0), coalesce(avg(salary), 0), count(*) from employees where id < 0;

select department_id, sum(case when manager_id is null then salary else 0 end) s, coalesce(sum(salary) filter (where id < 3), 0) t, round(coalesce(sum(salary) filter (where id < 3), 0), 1) u from employees group by 1 order by s desc, 1;

select * from (select coalesce(salary, 0) as s, id from employees) t order by s, id limit 5;

with x as (select id, coalesce(salary, 0) s from employees) select e.id, x.s, x.s + 1, x.s * 2, -x.s, abs(x.s), x.s - 0.5, x.s / 3 from employees e left join x on e.id = x.id and x.id > 2 order by 1;

select coalesce(avg(salary), 0), coalesce(sqrt(salary), 0) from employees group by salary order by 1;

select coalesce(salary, 0) as s, count(*) over () from employees order by s nulls first limit 3;

select coalesce(salary, 0) from employees union all select 1 order by 1;

select 0 as a where false union all select salary from employees where id = 1 union all select null;

select id, case id when 1 then salary when 2 then 1.5 when 3 then null else 0 end from employees order by id;

select d.title, coalesce(t.s, 0), coalesce((select sum(salary) from employees e where e.department_id = d.id), 0) from departments d left join (select department_id, sum(salary) s from employees group by 1) t on t.department_id = d.id order by 1;

select grouping(department_id), department_id, sum(case when id > 3 then salary else 0 end) from employees group by rollup(department_id) order by 1, 2;

select greatest(salary, 0), least(salary, 5000), greatest(1, 1.0, 1.00), case when salary > 9000 then salary else '0' end from employees order by id;

select sum(coalesce(salary, 0)), avg(coalesce(salary, 0)) from employees where salary is null;

select id, coalesce(lag(salary) over (order by id), 0), salary - coalesce(lag(salary) over (order by id), 0), coalesce(sum(salary) over (partition by department_id), 0) from employees order by id;

select 1 union all select 2.5 union all select 1e0::float8 order by 1;

select case when id = 1 then 1 when id = 2 then 2.50 else 3::float8 end from employees where id < 4 order by id;
-- a float becomes a numeric with its 15 digits, a real with its 6
select 1.005::float8::numeric(6,2), 1.005::float4::numeric(6,2), 0.285::float8::numeric(6,2), 1.005::float8::numeric, 123456.789::real::numeric(10,1);
select 1e-300::float8::numeric(6,2), 0.5::float8::numeric(2,2), 1::float8::numeric(38,0), 2.5::float8::numeric(5,0), -2.5::float8::numeric(5,0);
select 1.5::float8::numeric(2,2);
select x::numeric(4,1) from (values (0.25::float8), (null), (-0.35)) v(x);
select (array[1.005::float8, 0.285])::numeric(6,2)[], sum(x::float8::numeric(10,2)) from (values (1.005), (2.675)) v(x);
create table of_floats (a numeric(10,2), b numeric, f float8, g numeric(10,2) generated always as (f) stored, d numeric(10,2) default 1.005::float8);
insert into of_floats (f) values (1.005), (0.285) returning g, d;
update of_floats set a = f, b = f where a is null returning a, b;
insert into of_floats (a, b) select f, f from of_floats where f is not null and a is not null returning a, b;
insert into of_floats (a, b) values (1.005::float8, 0.285::float8) returning a, b;
update of_floats set a = 1e9::float8;
drop table of_floats;
create table of_floats (f float8);
insert into of_floats values (1.005), (0.285);
alter table of_floats alter f type numeric(10,2);
select * from of_floats order by 1;
drop table of_floats;
