-- Statements in the manner of Superset's SQL Lab and dataset editor: the catalogs, joins and functions that it is known to use. Written by us from what is
-- generally known of it; not its literal statements, and not taken from its sources.
select datname from pg_database where datistemplate = false and datname = 'lake';
select nspname from pg_catalog.pg_namespace where nspname not like 'pg_%' and nspname = 'public' order by nspname;
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind in ('r', 'p') order by 1;
select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind in ('v', 'm') order by 1;
select count(*) > 0 from pg_catalog.pg_stat_activity where pid = pg_backend_pid();
select pg_cancel_backend(-1);
select date_trunc('day', ts) as __timestamp, count(*) as count from public.times where ts >= to_timestamp('2000-01-01 00:00:00.000000', 'YYYY-MM-DD HH24:MI:SS.US') group by date_trunc('day', ts) order by count desc, __timestamp limit 10;
