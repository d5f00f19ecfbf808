-- Statements in the manner of Metabase: the catalogs, joins and functions that it is known to use. Written by us from what is
-- generally known of it; not its literal statements, and not taken from its sources.
select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' and nspname = 'public';
select n.nspname as "schema", c.relname as "name",
    case c.relkind when 'r' then 'TABLE' when 'p' then 'PARTITIONED TABLE' when 'v' then 'VIEW' when 'f' then 'FOREIGN TABLE' when 'm' then 'MATERIALIZED VIEW' else null end as "type",
    d.description as "description", nullif(stat.n_live_tup, 7777777) is not null or stat.n_live_tup is null as "counted"
from pg_catalog.pg_class as c
inner join pg_catalog.pg_namespace as n on c.relnamespace = n.oid
left join pg_catalog.pg_description as d on c.oid = d.objoid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
left join pg_stat_user_tables as stat on n.nspname = stat.schemaname and c.relname = stat.relname
where c.relnamespace = n.oid and n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and c.relkind in ('r', 'p', 'v', 'f', 'm') and n.nspname in ('public')
order by "type" asc, "schema" asc, "name" asc;
select c.column_name as "name", c.udt_name as "database-type", c.ordinal_position - 1 as "database-position", c.table_schema as "table-schema",
    c.table_name as "table-name", pk.column_name is not null as "pk?",
    col_description(cast(cast(format('%I.%I', cast(c.table_schema as text), cast(c.table_name as text)) as regclass) as oid), c.ordinal_position) as "field-comment",
    (column_default is null or lower(column_default) = 'null') and is_nullable = 'NO' and not ((column_default is not null and column_default like '%nextval(%') or is_identity <> 'NO') as "database-required"
from information_schema.columns as c
left join (
    select tc.table_schema, tc.table_name, kc.column_name
    from information_schema.table_constraints as tc
    inner join information_schema.key_column_usage as kc on tc.constraint_name = kc.constraint_name and tc.table_schema = kc.table_schema and tc.table_name = kc.table_name
    where tc.constraint_type = 'PRIMARY KEY'
) as pk on c.table_schema = pk.table_schema and c.table_name = pk.table_name and c.column_name = pk.column_name
where c.table_schema !~ '^information_schema|catalog_history|pg_' and c.table_schema in ('public') and c.table_name in ('departments', 'numbers')
order by "table-schema" asc, "table-name" asc, "database-position" asc;
select fk_ns.nspname as "fk-table-schema", fk_table.relname as "fk-table-name", fk_column.attname as "fk-column-name",
    pk_ns.nspname as "pk-table-schema", pk_table.relname as "pk-table-name", pk_column.attname as "pk-column-name"
from pg_constraint c
join pg_class fk_table on c.conrelid = fk_table.oid
join pg_namespace fk_ns on c.connamespace = fk_ns.oid
join pg_attribute fk_column on c.conrelid = fk_column.attrelid
join pg_class pk_table on c.confrelid = pk_table.oid
join pg_namespace pk_ns on pk_table.relnamespace = pk_ns.oid
join pg_attribute pk_column on c.confrelid = pk_column.attrelid
where fk_ns.nspname !~ '^information_schema|catalog_history|pg_' and c.contype = 'f'::char
    and fk_column.attnum = any(c.conkey) and pk_column.attnum = any(c.confkey) and fk_ns.nspname in ('public')
order by "fk-table-schema", "fk-table-name";
with table_privileges as (
    select null as role, t.schemaname as schema, t.objectname as table,
        pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'update') as update,
        pg_catalog.has_any_column_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'select') as select,
        pg_catalog.has_table_privilege(current_user, '"' || replace(t.schemaname, '"', '""') || '"' || '.' || '"' || replace(t.objectname, '"', '""') || '"', 'delete') as delete
    from (
        select schemaname, tablename as objectname from pg_catalog.pg_tables
        union
        select schemaname, viewname as objectname from pg_views
        union
        select schemaname, matviewname as objectname from pg_matviews
    ) t
    where t.schemaname !~ '^pg_' and t.schemaname <> 'information_schema' and pg_catalog.has_schema_privilege(current_user, t.schemaname, 'usage')
)
select t.* from table_privileges t where t.schema = 'public' order by 2, 3;
select nspname, typname from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.oid in (select distinct e.enumtypid from pg_enum e);
show timezone;
select "public"."employees"."id" as "id", "public"."employees"."name" as "name" from "public"."employees" order by 1 limit 3;
