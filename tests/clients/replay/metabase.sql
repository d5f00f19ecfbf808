-- What Metabase sends to PostgreSQL. Written by us after reading its driver (metabase/metabase: src/metabase/driver/postgres.clj,
-- which builds what the sync asks, and how dates, time zones, differences, medians, regular expressions and JSON are written;
-- driver/postgres/ddl.clj for models that are kept; driver/sql/query_processor.clj for filters, quotients, sums over time): the
-- same catalogs, joins, conditions and functions, in our words.
show timezone;
set session timezone to 'UTC';
-- types that are enums
select nspname, typname from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid in (select distinct enumtypid from pg_enum e);
-- relations of a schema: how many rows they have is each server's own guess
-- columns only
select "n"."nspname" as "schema", "c"."relname" as "name",
    case "c"."relkind" when 'r' then 'TABLE' when 'p' then 'PARTITIONED TABLE' when 'v' then 'VIEW' when 'f' then 'FOREIGN TABLE' when 'm' then 'MATERIALIZED VIEW' else null end as "type",
    "d"."description" as "description", "stat"."n_live_tup" as "estimated_row_count"
from "pg_catalog"."pg_class" as "c"
inner join "pg_catalog"."pg_namespace" as "n" on "c"."relnamespace" = "n"."oid"
left join "pg_catalog"."pg_description" as "d" on ("c"."oid" = "d"."objoid") and ("d"."objsubid" = 0) and ("d"."classoid" = 'pg_class'::regclass)
left join "pg_stat_user_tables" as "stat" on ("n"."nspname" = "stat"."schemaname") and ("c"."relname" = "stat"."relname")
where ("c"."relnamespace" = "n"."oid") and ("n"."nspname" !~ '^pg_') and ("n"."nspname" <> 'information_schema') and c.relkind in ('r', 'p', 'v', 'f', 'm')
    and ("n"."nspname" in ('public'))
order by "type" asc, "schema" asc, "name" asc;
select "n"."nspname" as "schema", "c"."relname" as "name",
    case "c"."relkind" when 'r' then 'TABLE' when 'p' then 'PARTITIONED TABLE' when 'v' then 'VIEW' when 'f' then 'FOREIGN TABLE' when 'm' then 'MATERIALIZED VIEW' else null end as "type",
    "d"."description" as "description"
from "pg_catalog"."pg_class" as "c"
inner join "pg_catalog"."pg_namespace" as "n" on "c"."relnamespace" = "n"."oid"
left join "pg_catalog"."pg_description" as "d" on ("c"."oid" = "d"."objoid") and ("d"."objsubid" = 0) and ("d"."classoid" = 'pg_class'::regclass)
where ("n"."nspname" !~ '^pg_') and ("n"."nspname" <> 'information_schema') and c.relkind in ('r', 'p', 'v', 'f', 'm')
    and ("n"."nspname" in ('public')) and ("c"."relname" in ('departments', 'sales'))
order by "type" asc, "schema" asc, "name" asc;
-- what the user may do
with table_privileges as (
    select null as role, t.schemaname as schema, t.objectname as table,
        pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'update') as update,
        pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'select') as select,
        pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'insert') as insert,
        pg_catalog.has_table_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'delete') as delete
    from (
        select schemaname, tablename as objectname from pg_catalog.pg_tables
        union
        select schemaname, viewname as objectname from pg_catalog.pg_views
        union
        select schemaname, matviewname as objectname from pg_catalog.pg_matviews
    ) t
    where t.schemaname !~ '^pg_' and t.schemaname <> 'information_schema' and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')
)
select t.* from table_privileges t where t.schema = 'public' order by t.table;
-- fields, those of materialized views behind them
select "c"."column_name" as "name",
    case when "c"."udt_schema" in ('public', 'pg_catalog') then format('%s', "c"."udt_name") else format('"%s"."%s"', "c"."udt_schema", "c"."udt_name") end as "database-type",
    "c"."ordinal_position" - 1 as "database-position", "c"."table_schema" as "table-schema", "c"."table_name" as "table-name",
    "pk"."column_name" is not null as "pk?",
    col_description(cast(cast(format('%I.%I', cast("c"."table_schema" as text), cast("c"."table_name" as text)) as regclass) as oid), "c"."ordinal_position") as "field-comment",
    (("column_default" is null) or (lower("column_default") = 'null')) and ("is_nullable" = 'NO')
        and not ((("column_default" is not null) and ("column_default" like '%nextval(%')) or ("is_identity" <> 'NO')) as "database-required",
    (("column_default" is not null) and ("column_default" like '%nextval(%')) or ("is_identity" <> 'NO') as "database-is-auto-increment"
from "information_schema"."columns" as "c"
left join (
    select "tc"."table_schema", "tc"."table_name", "kc"."column_name"
    from "information_schema"."table_constraints" as "tc"
    inner join "information_schema"."key_column_usage" as "kc"
        on ("tc"."constraint_name" = "kc"."constraint_name") and ("tc"."table_schema" = "kc"."table_schema") and ("tc"."table_name" = "kc"."table_name")
    where "tc"."constraint_type" = 'PRIMARY KEY'
) as "pk" on ("c"."table_schema" = "pk"."table_schema") and ("c"."table_name" = "pk"."table_name") and ("c"."column_name" = "pk"."column_name")
where c.table_schema !~ '^information_schema|catalog_history|pg_' and ("c"."table_schema" in ('public'))
union all
select "pa"."attname" as "name",
    case when "ptn"."nspname" in ('public', 'pg_catalog') then format('%s', "pt"."typname") else format('"%s"."%s"', "ptn"."nspname", "pt"."typname") end as "database-type",
    "pa"."attnum" - 1 as "database-position", "pn"."nspname" as "table-schema", "pc"."relname" as "table-name", false as "pk?", null as "field-comment",
    false as "database-required", false as "database-is-auto-increment"
from "pg_catalog"."pg_class" as "pc"
inner join "pg_catalog"."pg_namespace" as "pn" on "pn"."oid" = "pc"."relnamespace"
inner join "pg_catalog"."pg_attribute" as "pa" on "pa"."attrelid" = "pc"."oid"
inner join "pg_catalog"."pg_type" as "pt" on "pt"."oid" = "pa"."atttypid"
inner join "pg_catalog"."pg_namespace" as "ptn" on "ptn"."oid" = "pt"."typnamespace"
where ("pc"."relkind" = 'm') and ("pa"."attnum" >= 1) and ("pn"."nspname" in ('public'))
order by "table-schema" asc, "table-name" asc, "database-position" asc;
-- foreign keys
select "fk_ns"."nspname" as "fk-table-schema", "fk_table"."relname" as "fk-table-name", "fk_column"."attname" as "fk-column-name",
    "pk_ns"."nspname" as "pk-table-schema", "pk_table"."relname" as "pk-table-name", "pk_column"."attname" as "pk-column-name"
from "pg_constraint" as "c"
inner join "pg_class" as "fk_table" on "c"."conrelid" = "fk_table"."oid"
inner join "pg_namespace" as "fk_ns" on "c"."connamespace" = "fk_ns"."oid"
inner join "pg_attribute" as "fk_column" on "c"."conrelid" = "fk_column"."attrelid"
inner join "pg_class" as "pk_table" on "c"."confrelid" = "pk_table"."oid"
inner join "pg_namespace" as "pk_ns" on "pk_table"."relnamespace" = "pk_ns"."oid"
inner join "pg_attribute" as "pk_column" on "c"."confrelid" = "pk_column"."attrelid"
where fk_ns.nspname !~ '^information_schema|catalog_history|pg_' and ("c"."contype" = 'f'::char)
    and ("fk_column"."attnum" = any(c.conkey)) and ("pk_column"."attnum" = any(c.confkey)) and ("fk_ns"."nspname" in ('public'))
order by "fk-table-schema" asc, "fk-table-name" asc;
-- columns that lead an index
select "tmp"."table-schema", "tmp"."table-name", trim(both '"' from pg_catalog.pg_get_indexdef("tmp"."ci_oid", "tmp"."pos", false)) as "field-name"
from (
    select "n"."nspname" as "table-schema", "ct"."relname" as "table-name", "ci"."oid" as "ci_oid", (information_schema._pg_expandarray("i"."indkey")).n as "pos"
    from "pg_catalog"."pg_class" as "ct"
    inner join "pg_catalog"."pg_namespace" as "n" on "ct"."relnamespace" = "n"."oid"
    inner join "pg_catalog"."pg_index" as "i" on "ct"."oid" = "i"."indrelid"
    inner join "pg_catalog"."pg_class" as "ci" on "ci"."oid" = "i"."indexrelid"
    where (pg_catalog.pg_get_expr("i"."indpred", "i"."indrelid") is null) and n.nspname !~ '^information_schema|catalog_history|pg_' and ("n"."nspname" in ('public'))
) as "tmp"
where "tmp"."pos" = 1;
-- buckets of a date, and of moments
select cast(date_trunc('month', "public"."sales"."day") as date) as "day", count(*) as "count" from "public"."sales" group by cast(date_trunc('month', "public"."sales"."day") as date) order by cast(date_trunc('month', "public"."sales"."day") as date) asc;
select cast(date_trunc('week', "public"."sales"."day") as date) as "day", sum("public"."sales"."quantity") as "sum" from "public"."sales" group by cast(date_trunc('week', "public"."sales"."day") as date) order by 1 asc;
select (cast(date_trunc('week', (cast("public"."times"."ts" as timestamp) + interval '1 day')) as timestamp) + interval '-1 day') as "ts", count(*) as "count" from "public"."times" where "public"."times"."id" < 5 group by (cast(date_trunc('week', (cast("public"."times"."ts" as timestamp) + interval '1 day')) as timestamp) + interval '-1 day') order by 1 asc;
select date_trunc('quarter', "public"."times"."ts") as "ts", count(*) as "count" from "public"."times" where "public"."times"."ts" is not null group by date_trunc('quarter', "public"."times"."ts") order by date_trunc('quarter', "public"."times"."ts") asc;
select date_trunc('hour', "public"."times"."tz") as "tz", date_trunc('minute', "public"."times"."ts") as "ts" from "public"."times" where "public"."times"."id" < 5 order by "public"."times"."id" asc limit 1048575;
select cast(extract(hour from "public"."times"."ts") as integer) as h, cast(extract(minute from "public"."times"."ts") as integer) as mi, cast(extract(second from "public"."times"."ts") as integer) as s,
    cast(extract(day from "public"."times"."ts") as integer) as d, cast(extract(doy from "public"."times"."ts") as integer) as doy, cast(extract(month from "public"."times"."ts") as integer) as mo,
    cast(extract(quarter from "public"."times"."ts") as integer) as q, cast(extract(year from "public"."times"."ts") as integer) as y, cast(extract(week from "public"."times"."ts") as integer) as w
from "public"."times" where "public"."times"."id" < 5 order by "public"."times"."id" asc;
select (cast(extract(dow from "public"."sales"."day") as integer) + 1) as "dow", count(*) as "count" from "public"."sales" group by (cast(extract(dow from "public"."sales"."day") as integer) + 1) order by 1;
select (cast(mod(cast(extract(dow from "public"."sales"."day") as integer) + 1 + 6, 7) as integer)) as "dow", count(*) from "public"."sales" group by 1 order by 1;
select cast("public"."times"."ts" as date) as "ts", count(*) as "count" from "public"."times" where "public"."times"."id" < 5 group by cast("public"."times"."ts" as date) order by 1;
-- a time of day, truncated
select make_time(extract(hour from t)::integer, extract(minute from t)::integer, 0.0), make_time(extract(hour from t)::integer, extract(minute from t)::integer, extract(second from t)::double precision) from (values (time '13:14:15.5')) v (t);
-- filters by dates
select count(*) as "count" from "public"."sales" where ("public"."sales"."day" >= date '2023-01-01') and ("public"."sales"."day" < cast((date '2023-01-01' + interval '3 month') as date));
select count(*) as "count" from "public"."times" where ("public"."times"."ts" >= date_trunc('month', (cast(timestamp '2024-03-15 10:00' as timestamp) + interval '-1 month'))) and ("public"."times"."ts" < date_trunc('month', cast(timestamp '2024-03-15 10:00' as timestamp)));
select count(*) as "count" from "public"."times" where ("public"."times"."tz" >= timestamp with time zone '2024-02-01 00:00:00.000Z') and ("public"."times"."tz" < date_trunc('month', (now() + interval '1 month')));
-- time zones
select timezone('Asia/Tokyo', "public"."times"."tz") as a, timezone('Asia/Tokyo', timezone('UTC', "public"."times"."ts")) as b from "public"."times" where "public"."times"."id" < 5 order by "public"."times"."id" asc;
-- differences
select cast(extract(year from age(date_trunc('day', b), date_trunc('day', a))) as integer) as y,
    cast((extract(month from age(date_trunc('day', b), date_trunc('day', a))) + (extract(year from age(date_trunc('day', b), date_trunc('day', a))) * 12)) as integer) as m,
    cast((extract(month from age(date_trunc('day', b), date_trunc('day', a))) + (extract(year from age(date_trunc('day', b), date_trunc('day', a))) * 12)) as integer) / 3 as q,
    cast(b as date) - cast(a as date) as d, (cast(b as date) - cast(a as date)) / 7 as w,
    cast(trunc((extract(epoch from b) - extract(epoch from a))) as integer) as s, cast(trunc((extract(epoch from b) - extract(epoch from a))) as integer) / 3600 as h
from (values (timestamp '2021-02-28 10:00', timestamp '2024-02-29 09:59:59.5')) v (a, b);
-- quantiles, counts, distributions
select percentile_cont(0.5) within group (order by "public"."sales"."quantity") as "median", percentile_cont(0.9) within group (order by "public"."sales"."price") as "p90" from "public"."sales";
select "public"."sales"."region" as "region", count(distinct "public"."sales"."product") as "count", stddev_pop("public"."sales"."quantity") as "stddev", var_pop("public"."sales"."quantity") as "var" from "public"."sales" group by "public"."sales"."region" order by "public"."sales"."region" asc;
select floor(("public"."sales"."quantity" / 5.0)) * 5.0 as "quantity", count(*) as "count" from "public"."sales" group by floor(("public"."sales"."quantity" / 5.0)) * 5.0 order by floor(("public"."sales"."quantity" / 5.0)) * 5.0 asc;
select sum(case when "public"."sales"."quantity" > 5 then 1 else 0.0 end) / count(*) as "share", sum(case when "public"."sales"."region" = 'east' then "public"."sales"."quantity" else 0.0 end) as "sum-where" from "public"."sales";
-- texts
select substring("public"."texts"."t" from '[a-z]+') as "match", split_part("public"."texts"."t", ' ', 1) as "part", case when 1 < 1 then '' else split_part("public"."texts"."t", '-', 1) end as "part_1" from "public"."texts" order by "public"."texts"."id" asc;
select count(*) as "count" from "public"."texts" where (lower("public"."texts"."t") like '%a%') or ("public"."texts"."t" <> '' and "public"."texts"."t" is not null and not (lower("public"."texts"."t") like 'b%'));
select substring("public"."texts"."t", 1, 1234) as "substring1" from "public"."texts" order by "public"."texts"."id" limit 10000;
-- JSON, unfolded
select ("j"."doc" #>> array['a', 'b']::text[])::bigint as "a_b", count(*) from (values ('{"a": {"b": 1}}'::jsonb), ('{"a": {"b": 2}}')) as "j" ("doc") group by ("j"."doc" #>> array['a', 'b']::text[])::bigint order by 1;
select length(cast("j"."doc" as text)) from (values ('{"a": 1}'::json)) as "j" ("doc");
-- moments of numbers and texts
select to_timestamp(1700000000::double precision), to_timestamp('20240229131415', 'YYYYMMDDHH24MISS'), to_timestamp(convert_from('20240229131415'::bytea, 'UTF8'), 'YYYYMMDDHH24MISS');
-- questions over questions
select "source"."region" as "region", avg("source"."sum") as "avg" from (select "public"."sales"."region" as "region", "public"."sales"."product" as "product", sum("public"."sales"."quantity") as "sum" from "public"."sales" group by "public"."sales"."region", "public"."sales"."product" order by "public"."sales"."region" asc, "public"."sales"."product" asc) as "source" group by "source"."region" order by "source"."region" asc;
select "source"."id" as "id", "source"."name" as "name", "Departments"."title" as "Departments__title" from (select "public"."employees"."id" as "id", "public"."employees"."name" as "name", "public"."employees"."department_id" as "department_id" from "public"."employees") as "source" left join "public"."departments" as "Departments" on "source"."department_id" = "Departments"."id" order by "source"."id" asc limit 2000;
select "public"."employees"."name" as "name" from "public"."employees" order by "public"."employees"."name" asc limit 2 offset 2;
select true as "_" from "public"."employees" where 1 <> 1 limit 0;
-- numbers: quotients as floats that know no division by zero, shares, cumulative sums, windows, roots and logarithms
select cast("public"."sales"."quantity" as double precision) / 4.0 as "quarter", cast("public"."sales"."quantity" as double precision) / case when "public"."sales"."id" = 0 then null else "public"."sales"."id" end as "by id" from "public"."sales" order by "public"."sales"."id" asc limit 5;
select date_trunc('month', "public"."sales"."day") as "day", sum(sum("public"."sales"."quantity")) over (order by date_trunc('month', "public"."sales"."day") asc rows unbounded preceding) as "sum", sum(count(*)) over (order by date_trunc('month', "public"."sales"."day") asc rows unbounded preceding) as "count" from "public"."sales" group by date_trunc('month', "public"."sales"."day") order by date_trunc('month', "public"."sales"."day") asc;
select cast(date_trunc('month', "public"."sales"."day") as date) as "day", lag(sum("public"."sales"."price"), 1) over (order by cast(date_trunc('month', "public"."sales"."day") as date) asc) as "before" from "public"."sales" group by cast(date_trunc('month', "public"."sales"."day") as date) order by 1 asc;
select power("public"."sales"."quantity", 2) as a, log(10, "public"."sales"."id") as b, sqrt("public"."sales"."id") as c, exp(1) as d, ceil("public"."sales"."price") as e, floor("public"."sales"."price") as f, round("public"."sales"."price") as g, abs("public"."sales"."quantity") as h from "public"."sales" order by "public"."sales"."id" asc limit 3;
select floor((("public"."sales"."price" - 0.0) / 5.0)) * 5.0 + 0.0 as "price", count(*) as "count" from "public"."sales" group by floor((("public"."sales"."price" - 0.0) / 5.0)) * 5.0 + 0.0 order by 1 asc;
-- filters: not equal takes the missing along, a text in another case, between, empty, lists
select count(*) as "count" from "public"."texts" where ("public"."texts"."t" <> 'abc') or ("public"."texts"."t" is null);
select count(*) as "count" from "public"."texts" where not (lower("public"."texts"."t") like '%ab%') or ("public"."texts"."t" is null);
select count(*) as "count" from "public"."texts" where "public"."texts"."t" like concat('%', 'b', '%');
select "public"."sales"."id" as "id" from "public"."sales" where ("public"."sales"."day" between date '2024-01-02' and date '2024-02-01') and (("public"."sales"."region" = 'north') or ("public"."sales"."region" = 'south')) order by "public"."sales"."id" asc;
select "public"."times"."id" as "id" from "public"."times" where ("public"."times"."tz" >= timestamp with time zone '1999-12-31 00:00:00.000Z') and ("public"."times"."tz" < timestamp with time zone '2025-01-01 00:00:00.000+01:00') order by "public"."times"."id" asc;
select count(*) as "count" from "public"."times" where ("public"."times"."ts" >= (cast(now() as timestamp) + interval '-30 year')) and ("public"."times"."ts" < cast(now() as timestamp));
select count(*) as "count" from "public"."sales" where ("public"."sales"."day" >= cast((cast(now() as date) + interval '-30 day') as date)) and ("public"."sales"."day" < cast(now() as date));
-- texts
select concat("public"."employees"."name", ' (', "public"."employees"."id", ')') as "named", upper("public"."employees"."name") as "up", length("public"."employees"."name") as "long", replace("public"."employees"."name", 'a', 'o') as "other", trim("public"."employees"."name") as "t", coalesce("public"."employees"."name", '') as "c", substring("public"."employees"."name", 1, 2) as "s", cast("public"."employees"."salary" as text) as "x" from "public"."employees" order by "public"."employees"."id" asc;
select case when "public"."sales"."quantity" > 5 then 'many' when "public"."sales"."quantity" > 0 then 'few' else 'none' end as "how many", count(*) as "count" from "public"."sales" group by case when "public"."sales"."quantity" > 5 then 'many' when "public"."sales"."quantity" > 0 then 'few' else 'none' end order by "count" desc, "how many" asc;
-- the fingerprints: the first letters of long texts, ten thousand rows; the values of a field
select "source"."id" as "id", "source"."substring7" as "substring7" from (select "public"."texts"."id" as "id", substring("public"."texts"."t", 1, 1234) as "substring7" from "public"."texts") as "source" order by "source"."id" asc limit 10000;
select "public"."sales"."region" as "region" from "public"."sales" group by "public"."sales"."region" order by "public"."sales"."region" asc limit 1001;
select count(distinct "public"."sales"."region") as "count", min("public"."sales"."day") as "min", max("public"."sales"."day") as "max", avg("public"."sales"."price") as "avg" from "public"."sales";
-- a pivot's rows, and its totals
select "source"."region" as "region", "source"."product" as "product", "source"."pivot-grouping" as "pivot-grouping", sum("source"."quantity") as "sum" from (select "public"."sales"."region" as "region", "public"."sales"."product" as "product", "public"."sales"."quantity" as "quantity", abs(0) as "pivot-grouping" from "public"."sales") as "source" group by "source"."region", "source"."product", "source"."pivot-grouping" order by "source"."region" asc, "source"."product" asc, "source"."pivot-grouping" asc;
-- a native question, as a card and with its comment
-- columns only
select count(*) as "count" from (with by_region as (select region, sum(quantity) as n from sales group by 1) select * from by_region) as "source" limit 1048575;
-- roles that are set for a user, and taken back
set role none;
-- what a model that is kept asks first
select setting from pg_settings where name = 'statement_timeout';
-- columns only
select schema_name from information_schema.schemata;
begin;
set local statement_timeout to '600000';
create schema if not exists "metabase_cache_1";
create table "metabase_cache_1"."model_2" as select "public"."sales"."region" as "region", count(*) as "count" from "public"."sales" group by "public"."sales"."region";
select * from metabase_cache_1.model_2 order by 1;
commit;
begin;
drop table if exists "metabase_cache_1"."model_2";
drop table if exists metabase_cache_1.cache_info;
create table "metabase_cache_1"."cache_info" ("key" text, "value" text);
insert into "metabase_cache_1"."cache_info" ("key", "value") values ('settings-version', '1'), ('created-at', '2024-01-01T00:00:00Z'), ('instance-uuid', '9'), ('instance-name', null);
commit;
select * from "metabase_cache_1"."cache_info" order by "key";
-- a file that is uploaded: a table, its rows, more columns, wider ones
-- differs in notices: keys are not enforced, which is said
create table "metabase_cache_1"."upload" ("_mb_row_id" bigserial, "name" text, "n" bigint, "ok" boolean, primary key ("_mb_row_id"));
insert into "metabase_cache_1"."upload" ("name", "n", "ok") values ('a', 1, true), ('b', 2, false);
alter table "metabase_cache_1"."upload" add column "when" timestamp with time zone;
alter table "metabase_cache_1"."upload" alter column "n" type float;
alter table "metabase_cache_1"."upload" alter column "ok" type bigint using case when "ok" then 1 else 0 end;
select "_mb_row_id", "name", "n", "ok", "when" from "metabase_cache_1"."upload" order by 1;
-- a row that is edited, one that is made, one that is deleted
insert into "metabase_cache_1"."upload" ("name", "n") values ('c', 3.5) returning *;
update "metabase_cache_1"."upload" set "name" = 'd' where "metabase_cache_1"."upload"."_mb_row_id" = 1;
delete from "metabase_cache_1"."upload" where "metabase_cache_1"."upload"."_mb_row_id" = 2;
truncate table "metabase_cache_1"."upload";
alter table "metabase_cache_1"."upload" rename to "uploaded";
drop table if exists "metabase_cache_1"."uploaded";
drop table "metabase_cache_1"."cache_info";
drop schema "metabase_cache_1";
