-- Statements in the manner of Looker: the catalogs, joins and functions that it is known to use. Written by us from what is
-- generally known of it; not its literal statements, and not taken from its sources.
select 1 as looker_test;
select table_schema, table_name from information_schema.tables where table_schema not in ('information_schema', 'pg_catalog') and table_schema = 'public' order by 1, 2;
select table_name, column_name, data_type, character_maximum_length, numeric_precision, numeric_scale, ordinal_position
from information_schema.columns where table_schema = 'public' and table_name = 'sales' order by table_name, ordinal_position;
select count(*) from pg_stat_activity where pid <> pg_backend_pid() and false;
set session characteristics as transaction isolation level read committed;
select date_trunc('month', day)::date as "sales.day_month", coalesce(sum(price), 0) as "sales.price"
from sales group by (date_trunc('month', day)) order by 1 desc limit 500;
