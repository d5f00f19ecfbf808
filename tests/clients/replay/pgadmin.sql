-- Statements in the manner of pgAdmin 4: the catalogs, joins and functions that it is known to use. Written by us from what is
-- generally known of it; not its literal statements, and not taken from its sources.
set datestyle = iso;
set client_min_messages = notice;
-- columns only
select set_config('bytea_output', 'hex', false) from pg_show_all_settings() where name = 'bytea_output';
set client_encoding = 'UNICODE';
-- columns only
select db.oid as did, db.datname, db.datallowconn, pg_encoding_to_char(db.encoding) as serverencoding,
    has_database_privilege(db.oid, 'CREATE') as cancreate, datistemplate
from pg_catalog.pg_database db where db.datname = current_database();
-- columns only
select roles.oid as id, roles.rolname as name, roles.rolsuper as is_superuser,
    case when roles.rolsuper then true else roles.rolcreaterole end as can_create_role,
    case when roles.rolsuper then true else roles.rolcreatedb end as can_create_db
from pg_catalog.pg_roles as roles where rolname = current_user;
select gss_authenticated, encrypted from pg_catalog.pg_stat_gssapi where pid = pg_backend_pid() and false;
-- columns only
select nsp.oid, nsp.nspname as name, has_schema_privilege(nsp.oid, 'CREATE') as can_create, has_schema_privilege(nsp.oid, 'USAGE') as has_usage, des.description
from pg_catalog.pg_namespace nsp
left outer join pg_catalog.pg_description des on (des.objoid = nsp.oid and des.classoid = 'pg_namespace'::regclass)
where nspname not like E'pg\\_%' and
    not ((nsp.nspname = 'pg_catalog' and exists (select 1 from pg_catalog.pg_class where relname = 'pg_class' and relnamespace = nsp.oid limit 1))
        or (nsp.nspname = 'information_schema' and exists (select 1 from pg_catalog.pg_class where relname = 'tables' and relnamespace = nsp.oid limit 1)))
order by nspname;
select rel.relname as name,
    (select count(*) from pg_catalog.pg_trigger where tgrelid = rel.oid and tgisinternal = false) as triggercount,
    (select count(*) from pg_catalog.pg_trigger where tgrelid = rel.oid and tgisinternal = false and tgenabled = 'O') as has_enable_triggers,
    (case when rel.relkind = 'p' then true else false end) as is_partitioned,
    (select count(1) from pg_catalog.pg_inherits where inhrelid = rel.oid limit 1) as is_inherits,
    (select count(1) from pg_catalog.pg_inherits where inhparent = rel.oid limit 1) as is_inherited,
    des.description
from pg_catalog.pg_class rel
left outer join pg_catalog.pg_description des on (des.objoid = rel.oid and des.objsubid = 0 and des.classoid = 'pg_class'::regclass)
where rel.relkind in ('r', 's', 't', 'p') and rel.relnamespace = 'public'::regnamespace and not rel.relispartition
order by rel.relname;
select att.attname as name, att.attnum, att.attlen, att.attnotnull, att.atttypid, att.atttypmod, att.attndims,
    format_type(ty.oid, att.atttypmod) as cltype, tn.nspname as typnspname, et.typname as elemtypname,
    pg_catalog.pg_get_expr(def.adbin, def.adrelid) as defval, description,
    exists (select 1 from pg_catalog.pg_constraint where conrelid = att.attrelid and contype = 'f' and att.attnum = any(conkey)) as is_fk
from pg_catalog.pg_attribute att
join pg_catalog.pg_type ty on ty.oid = atttypid
join pg_catalog.pg_namespace tn on tn.oid = ty.typnamespace
join pg_catalog.pg_class cl on cl.oid = att.attrelid
join pg_catalog.pg_namespace na on na.oid = cl.relnamespace
left outer join pg_catalog.pg_type et on et.oid = ty.typelem
left outer join pg_catalog.pg_attrdef def on adrelid = att.attrelid and adnum = att.attnum
left outer join pg_catalog.pg_description des on (des.objoid = att.attrelid and des.objsubid = att.attnum and des.classoid = 'pg_class'::regclass)
where att.attrelid = 'employees'::regclass and att.attnum > 0 and att.attisdropped is false
order by att.attnum;
-- columns only
select c.oid, c.relname as name, description from pg_catalog.pg_class c
left outer join pg_catalog.pg_description des on (des.objoid = c.oid and des.objsubid = 0 and des.classoid = 'pg_class'::regclass)
where c.relkind = 'v' and c.relnamespace = 'public'::regnamespace order by c.relname;
select relname, nspname from pg_catalog.pg_class c inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where c.oid = 'employees'::regclass;
-- columns only
select rel.relname, pg_catalog.pg_stat_get_live_tuples(rel.oid) as live, pg_size_pretty(pg_relation_size(rel.oid)) as size
from pg_catalog.pg_class rel where rel.oid = 'employees'::regclass;
-- columns only
select pid, datname, usename, application_name, client_addr, pg_catalog.to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') as backend_start, state,
    wait_event_type || ': ' || wait_event as wait_event, array_to_string(pg_catalog.pg_blocking_pids(pid), ', ') as blocking_pids, query,
    pg_catalog.to_char(state_change, 'YYYY-MM-DD HH24:MI:SS TZ') as state_change
from pg_catalog.pg_stat_activity where datname = current_database() order by pid;
-- columns only
select 'session_stats' as chart_name, (select count(*) from pg_catalog.pg_stat_activity) as total,
    (select count(*) from pg_catalog.pg_stat_activity where state = 'active') as active;
-- columns only
select name, setting, category from pg_catalog.pg_settings where name in ('search_path', 'work_mem') order by name;
