-- What Grafana's PostgreSQL data source sends. Written by us after reading its sources (grafana/grafana:
-- public/app/plugins/datasource/grafana-postgresql-datasource/postgresMetaQuery.ts for what the editor asks,
-- pkg/tsdb/grafana-postgresql-datasource/macros.go for what becomes of $__timeFilter, $__timeGroup and their kin): the same
-- catalogs, functions and conditions, in our words.
select current_setting('server_version_num')::int / 100 as version;
select extversion from pg_extension where extname = 'timescaledb';
select schema_name as "name" from information_schema.schemata
where schema_name not in ('information_schema', 'pg_catalog', 'pg_toast', '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_internal',
    '_timescaledb_config', 'timescaledb_information', 'timescaledb_experimental')
    and schema_name = 'public'
order by schema_name;
-- columns only
select schema_name as "name" from information_schema.schemata
where schema_name not in ('information_schema', 'pg_catalog', 'pg_toast', '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_internal',
    '_timescaledb_config', 'timescaledb_information', 'timescaledb_experimental')
order by schema_name;
select quote_ident(table_name) as "table" from information_schema.tables where quote_ident(table_schema) = 'public' order by 1;
-- the schemas of the lake are in the path: those of public are what both have
select case when quote_ident(table_schema) in (
        select case when trim(s[i]) = '"$user"' then user else trim(s[i]) end
        from generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1),
                array_upper(string_to_array(current_setting('search_path'), ','), 1)) as i,
            string_to_array(current_setting('search_path'), ',') s)
    then quote_ident(table_name) else quote_ident(table_schema) || '.' || quote_ident(table_name) end as "table"
from information_schema.tables
where quote_ident(table_schema) not in ('information_schema', 'pg_catalog', '_timescaledb_cache', '_timescaledb_catalog', '_timescaledb_internal',
        '_timescaledb_config', 'timescaledb_information', 'timescaledb_experimental')
    and table_schema = 'public'
order by case when quote_ident(table_schema) in (
        select case when trim(s[i]) = '"$user"' then user else trim(s[i]) end
        from generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1),
                array_upper(string_to_array(current_setting('search_path'), ','), 1)) as i,
            string_to_array(current_setting('search_path'), ',') s)
    then 0 else 1 end, 1;
select quote_ident(column_name) as "column", data_type as "type" from information_schema.columns
where case when array_length(parse_ident('times'), 1) = 2
    then quote_ident(table_schema) = (parse_ident('times'))[1] and quote_ident(table_name) = (parse_ident('times'))[2]
    else quote_ident(table_name) = 'times' and quote_ident(table_schema) in (
        select case when trim(s[i]) = '"$user"' then user else trim(s[i]) end
        from generate_series(array_lower(string_to_array(current_setting('search_path'), ','), 1),
                array_upper(string_to_array(current_setting('search_path'), ','), 1)) as i,
            string_to_array(current_setting('search_path'), ',') s)
    end
order by ordinal_position;
select quote_ident(column_name) as "column", data_type as "type" from information_schema.columns
where case when array_length(parse_ident('public.sales'), 1) = 2
    then quote_ident(table_schema) = (parse_ident('public.sales'))[1] and quote_ident(table_name) = (parse_ident('public.sales'))[2]
    else quote_ident(table_name) = 'public.sales' end
order by ordinal_position;
-- $__time, $__timeEpoch
select ts as "time", id from times order by id;
select extract(epoch from ts) as "time", id from times order by id;
-- $__timeFilter: bounds as RFC 3339 with nanoseconds
select ts as "time", id from times where ts between '1999-12-31T23:00:00Z' and '2024-12-31T22:59:59.999Z' order by ts, id;
select count(*) from times where ts between '2000-01-01T00:00:00Z' and '2025-01-01T00:00:00.123456789Z';
select count(*) from times where ts > '1999-12-31T23:00:00Z' and ts <= '2024-12-31T22:59:59.999Z';
-- $__timeGroup and $__timeGroupAlias, of an hour, five minutes, a day, and less than a second
select floor(extract(epoch from ts) / 3600) * 3600 as "time", count(*) as "n" from times where ts between '2000-01-01T00:00:00Z' and '2025-01-01T00:00:00Z' group by 1 order by 1;
select floor(extract(epoch from ts) / 300) * 300 as "time", min(id), max(id), avg(id) from times group by 1 order by 1;
select floor(extract(epoch from ts) / 86400) * 86400 as "time", sum(id) as value, 'all' as metric from times group by 1, 3 order by 1;
select floor(extract(epoch from ts) / 0.5) * 0.5 as "time", count(id) from times group by time order by time;
select floor(extract(epoch from ts) / 3600) * 3600 as "time", sum(count(*)) over (order by floor(extract(epoch from ts) / 3600) * 3600) from times group by 1 order by 1;
-- $__unixEpochFilter, $__unixEpochNanoFilter, $__unixEpochGroup
select id from sales where id >= 1 and id <= 1735689600 order by id;
select count(*) from sales where id::bigint * 1000000000 >= 946684800000000000 and id::bigint * 1000000000 <= 1735689600000000000;
select floor((id) / 60) * 60 as "time", sum(quantity) from sales group by 1 order by 1;
-- the editor's own: a time series by a text, a table, the values of a variable
select ts as "time", 'metric' as metric, id as value from times where ts between '2000-01-01T00:00:00Z' and '2025-01-01T00:00:00Z' order by 1, 3;
select region as metric, sum(quantity) as "quantity" from sales group by region order by region limit 50;
select distinct region from sales order by 1;
select region as __text, min(id) as __value from sales group by region order by 1;
select count(*) from information_schema.columns where table_schema = 'public' and table_name = 'sales' and udt_name = 'numeric' and ordinal_position <> 0;
