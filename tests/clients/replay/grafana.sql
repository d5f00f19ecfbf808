-- Statements in the manner of Grafana's PostgreSQL data source: the catalogs, joins and functions that it is known to use. Written by us from what is
-- generally known of it; not its literal statements, and not taken from its sources.
select current_setting('server_version_num')::int / 100 >= 1500 as new_enough;
select case when quote_ident(table_schema) in (
        select case when trim(s[i]) = '"$user"' then current_user else trim(s[i]) end
        from generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1),
            array_upper(string_to_array(current_setting('search_path'), ','), 1)) as i,
            string_to_array(current_setting('search_path'), ',') s)
    then quote_ident(table_name) else quote_ident(table_schema) || '.' || quote_ident(table_name) end as "table"
from information_schema.tables
where quote_ident(table_schema) not in ('information_schema', 'pg_catalog', '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_internal')
    and table_schema = 'public'
order by 1;
select quote_ident(column_name) as "column", data_type as "type" from information_schema.columns
where case when array_length(parse_ident('public.times'), 1) = 2
    then quote_ident(table_schema) = (parse_ident('public.times'))[1] and quote_ident(table_name) = (parse_ident('public.times'))[2]
    else quote_ident(table_name) = 'public.times' end
order by 1;
select quote_ident(column_name) as "column" from information_schema.columns
where table_schema = 'public' and quote_ident(table_name) = 'times' and data_type in ('timestamp without time zone', 'timestamp with time zone', 'bigint', 'integer', 'double precision', 'real')
order by ordinal_position;
select "extname", "extversion" from "pg_extension" where "extname" = 'timescaledb';
select floor(extract(epoch from ts) / 3600) * 3600 as "time", count(*) from times where ts between '2000-01-01' and '2024-12-31' group by 1 order by 1;
