-- NaN in tables, and sums of as many digits as there are.
create temp table nz (x float8, y float4);
insert into nz values (5,5),(5,5),('NaN','NaN');
insert into nz values (7,7),(8,8);
select count(*) from nz where x <> 5;
select count(*) from nz where x >= 8;
select count(*) from nz where not (x <= 8);
select count(*) from nz where y in ('NaN');
select count(*) from nz where x is distinct from 5;
select x from nz order by x desc limit 1;
select max(x), min(x), max(y), min(y), count(x) from nz;
select x from nz where x between 6 and 7.5;
prepare nzp(float8) as select count(*) from nz where x = $1;
execute nzp('NaN');
update nz set y=0 where x='NaN';
select * from nz order by 1, 2;
delete from nz where x > 100;
select count(*) from nz;
create temp table ov(g int, n numeric(38,0), m numeric(38,10), k numeric);
insert into ov values (1, 12345678901234567890123456789012345678, 1234567890123456789012345678.0123456789, 1.5), (1, 1, 1, 2.25), (2, 5, 0.5, null);
select sum(n), sum(m), sum(k) from ov;
select g, sum(n), sum(m), sum(k) from ov group by g order by g;
select g, sum(n) over (order by n), sum(m) filter (where g = 1) over () from ov order by n;
select sum(n) * 2, sum(k) / 3, round(sum(m), 2), avg(k), sum(distinct k) from ov where g = 2 or n = 1;
select coalesce(sum(k), 0), sum(k) + 1, sum(k) > 3, sum(k)::int from ov;
create temp table nm (id int, x float8);
insert into nm values (1, 5), (2, 'NaN');
merge into nm using (values ('NaN'::float8)) v(x) on nm.x = v.x when matched then update set id = 7;
select * from nm order by 1;
merge into nm using (values ('NaN'::float8)) v(x) on nm.x = v.x when matched then delete;
select * from nm order by 1;

-- Groups of which a member is NaN.
select n % 2, max(x), min(x), count(x) from (values (1, float8 'nan'), (2, 1), (3, 2), (4, 3), (6, null)) v(n, x) group by 1 order by 1;
select n % 2, max(x::float4), min(x::float4) from (values (1, float8 '5'), (3, 'nan'), (2, 1), (4, 3)) v(n, x) group by 1 order by 1;
select n, max(x), min(x) from (values (1, float8 'nan'), (2, null), (3, '-infinity')) v(n, x) group by n order by n;
select n % 2, max(x) filter (where n > 1), max(distinct x) from (values (1, float8 'nan'), (2, 1), (3, 2), (4, 3)) v(n, x) group by 1 order by 1;
select n, max(x) over (order by n rows between 1 preceding and current row), max(x) over (partition by n % 2) from (values (1, float8 'nan'), (2, 1), (3, 2), (4, 3)) v(n, x) order by n;
