-- Statements in the manner of DataGrip: the catalogs, joins and functions that it is known to use. Written by us from what is
-- generally known of it; not its literal statements, and not taken from its sources.
select current_database() as a, current_schemas(false) is not null as b;
-- columns only
select n.oid::bigint as id, datname as name, d.description, datistemplate as is_template, datallowconn as allow_connections,
    pg_catalog.pg_get_userbyid(n.datdba) as "owner"
from pg_catalog.pg_database as n
left join pg_catalog.pg_shdescription as d on n.oid = d.objoid
order by case when datname = pg_catalog.current_database() then -1::bigint else n.oid::bigint end;
-- columns only
select n.oid::bigint as id, n.xmin as state_number, nspname as name, d.description, pg_catalog.pg_get_userbyid(n.nspowner) as "owner"
from pg_catalog.pg_namespace as n
left join pg_catalog.pg_description as d on n.oid = d.objoid
order by case when nspname = pg_catalog.current_schema() then -1::bigint else n.oid::bigint end;
-- columns only
select t.relkind as table_kind, t.relname as table_name, t.oid as table_id, t.relhasoids as table_with_oids
from (select relkind, relname, oid, false as relhasoids, relnamespace from pg_catalog.pg_class) t
where relnamespace = 'public'::regnamespace and relkind in ('r', 'm', 'v', 'f', 'p') order by table_kind, table_id;
select t.relkind as table_kind, t.relname as table_name,
    pg_catalog.array_to_string(t.reloptions, ',') as options, t.relpersistence as persistence,
    (select pg_catalog.array_agg(inhparent::bigint order by inhseqno)::varchar from pg_catalog.pg_inherits where t.oid = inhrelid) as ancestors,
    t.relispartition as is_partition
from pg_catalog.pg_class t where relnamespace = 'public'::regnamespace and relkind in ('r', 'm', 'v', 'f', 'p') order by 1, 2;
with t as (
    select t.oid as table_id, t.relname as table_name from pg_catalog.pg_class t
    where t.relkind in ('r', 'm', 'v', 'f', 'p') and t.relnamespace = 'public'::regnamespace and t.relname = 'employees'
)
select table_name, c.attnum as column_position, c.attname as column_name, c.atttypmod as type_mod, c.attndims as dimensions_number,
    pg_catalog.format_type(c.atttypid, c.atttypmod) as type_spec, c.attnotnull as mandatory,
    pg_catalog.pg_get_expr(d.adbin, c.attrelid) as column_default_expression, not c.attislocal as column_is_inherited,
    c.attisdropped as column_is_dropped
from t
inner join pg_catalog.pg_attribute c on t.table_id = c.attrelid
left join pg_catalog.pg_attrdef d on (c.attrelid = d.adrelid and c.attnum = d.adnum)
where attnum > 0 order by table_id, attnum;
select t.typname as type_name, t.typtype as type_sub_kind, t.typcategory as type_category, t.typrelid as class_id,
    t.typelem as dimension, t.typbasetype as base_type_id, t.typnotnull as mandatory
from pg_catalog.pg_type t where t.typname in ('int4', 'numeric', 'bool') order by 1;
-- columns only
with languages as (select oid as lang_oid, lanname as lang from pg_catalog.pg_language),
    routines as (
        select proname as r_name, prolang as lang_oid, oid as r_id, proargnames as arg_names, proargmodes as arg_modes,
            proargtypes::int[] as in_arg_types, proallargtypes::int[] as all_arg_types, prorettype as ret_type_id, proretset as ret_set,
            prokind as kind, provolatile as volatile_kind, proisstrict as is_strict, prosecdef as is_security_definer
        from pg_catalog.pg_proc where pronamespace = 'public'::regnamespace
    )
select * from routines natural join languages;
-- columns only
select r.oid as role_id, rolname as role_name, rolsuper as is_super, rolinherit as is_inherit, rolcreaterole as can_createrole,
    rolcanlogin as can_login, rolconnlimit as conn_limit, rolvaliduntil as valid_until, rolconfig as config
from pg_catalog.pg_roles r;
select count(*) from pg_catalog.pg_timezone_names where false;
-- a table without a primary key is opened with the places of its rows
-- columns only
select t.*, CTID from public.employees t limit 501;
select t.id, t.name from public.employees t where t.ctid = '(4294967295,1)';
