-- What DBeaver sends to PostgreSQL. Written by us after reading its sources (dbeaver/dbeaver, plugins/org.jkiss.dbeaver.ext.postgresql,
-- model/PostgreDatabase.java for schemas, roles, encodings, languages, methods, wrappers and tablespaces; PostgreSchema.java for tables,
-- columns, constraints, indexes and procedures; PostgreDataTypeCache.java for types): the same catalogs, joins and conditions, in our words.
-- The statements on triggers, inheritance, sizes, sessions and settings are in its manner.
select current_schema(), session_user;
-- differs in rows: the schemas of the lake are in the path
show search_path;
-- columns only
select db.oid, db.* from pg_catalog.pg_database db where datname = 'lake';
-- columns only
select t.oid, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description
from pg_catalog.pg_type t
left outer join pg_catalog.pg_type et on et.oid = t.typelem
left outer join pg_catalog.pg_class c on c.oid = t.typrelid
left outer join pg_catalog.pg_description d on t.oid = d.objoid
where t.typname is not null and (c.relkind is null or c.relkind = 'c') and (et.typcategory is null or et.typcategory <> 'C');
select t.typname, t.typcategory, t.typtype, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name
from pg_catalog.pg_type t left outer join pg_catalog.pg_class c on c.oid = t.typrelid
where t.typname in ('int4', 'text', 'numeric', '_int4') order by 1;
-- columns only
select n.oid, n.*, d.description from pg_catalog.pg_namespace n
left outer join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0 and d.classoid = 'pg_namespace'::regclass
where nspname = 'public' order by nspname;
select n.nspname, d.description from pg_catalog.pg_namespace n
left outer join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0 and d.classoid = 'pg_namespace'::regclass
where nspname in ('public', 'pg_catalog') and d.objsubid = 7 order by nspname;
-- columns only
select c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr,
    pg_catalog.pg_get_partkeydef(c.oid) as partition_key
from pg_catalog.pg_class c
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
where c.relnamespace = 'public'::regnamespace and c.relkind not in ('i', 'I', 'c');
select c.relname, c.relkind, d.description from pg_catalog.pg_class c
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
where c.relnamespace = 'public'::regnamespace and c.relkind not in ('i', 'I', 'c') order by 1;
select c.relname, a.attname, a.attnum, a.atttypid, a.attnotnull, a.atttypmod, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value,
    dsc.description, dep.objid
from pg_catalog.pg_attribute a
inner join pg_catalog.pg_class c on (a.attrelid = c.oid)
left outer join pg_catalog.pg_attrdef ad on (a.attrelid = ad.adrelid and a.attnum = ad.adnum)
left outer join pg_catalog.pg_description dsc on (c.oid = dsc.objoid and a.attnum = dsc.objsubid)
left outer join pg_depend dep on dep.refobjid = a.attrelid and dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
where not a.attisdropped and c.relkind not in ('i', 'I', 'c') and c.oid = 'employees'::regclass and a.attnum > 0 order by a.attnum;
select c.oid, c.*, t.relname as tabrelname, rt.relnamespace as refnamespace, d.description,
    case when c.contype = 'c' then "substring"(pg_get_constraintdef(c.oid), 7) else null end consrc_copy
from pg_catalog.pg_constraint c
inner join pg_catalog.pg_class t on t.oid = c.conrelid
left outer join pg_catalog.pg_class rt on rt.oid = c.confrelid
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_constraint'::regclass
where c.conrelid = 'employees'::regclass order by c.oid;
-- differs in types: pg_stat_get_numscans is said to be integer
select i.*, i.indkey as keys, c.relname, c.relnamespace, c.relam, c.reltablespace, tc.relname as tabrelname, dsc.description,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr, pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr,
    pg_catalog.pg_relation_size(i.indexrelid) as index_rel_size, pg_catalog.pg_stat_get_numscans(i.indexrelid) as index_num_scans
from pg_catalog.pg_index i
inner join pg_catalog.pg_class c on c.oid = i.indexrelid
inner join pg_catalog.pg_class tc on tc.oid = i.indrelid
left outer join pg_catalog.pg_description dsc on i.indexrelid = dsc.objoid
where i.indrelid = 'employees'::regclass order by tabrelname, c.relname;
-- columns only
select p.oid as poid, p.*, pg_catalog.pg_get_expr(p.proargdefaults, 0) as arg_defaults, d.description
from pg_catalog.pg_proc p left outer join pg_catalog.pg_description d on d.objoid = p.oid
where p.pronamespace = 'public'::regnamespace order by p.proname;
select x.oid, x.*, dep.refobjid from pg_catalog.pg_trigger x left join pg_depend dep on dep.objid = x.oid where x.tgrelid = 'employees'::regclass and not x.tgisinternal;
select i.*, c.relnamespace from pg_catalog.pg_inherits i, pg_catalog.pg_class c where i.inhrelid = 'employees'::regclass and c.oid = i.inhparent order by i.inhseqno;
select relname, case when relkind = 'r' then 'table' else 'other' end, pg_catalog.pg_total_relation_size(oid) >= 0 as sized
from pg_catalog.pg_class where relname in ('employees', 'numbers') and relnamespace = 'public'::regnamespace order by 1;
-- columns only
select r.oid, r.*, pg_catalog.shobj_description(r.oid, 'pg_authid') as description from pg_catalog.pg_roles r order by r.rolname;
-- columns only
select * from pg_catalog.pg_stat_activity where pid = pg_backend_pid();
-- columns only
select * from pg_catalog.pg_settings where name = 'standard_conforming_strings';
select * from pg_catalog.pg_enum where false;
-- columns only
select a.oid, a.* from pg_catalog.pg_roles a order by a.oid;
-- columns only
select am.oid, am.* from pg_catalog.pg_am am order by am.oid;
select am.amname, am.amtype from pg_catalog.pg_am am order by am.oid;
select c.contoencoding as encid, pg_catalog.pg_encoding_to_char(c.contoencoding) as encname from pg_catalog.pg_conversion c group by c.contoencoding order by 2;
-- columns only
select l.oid, l.* from pg_catalog.pg_language l order by l.oid;
select l.oid, l.*, p.pronamespace as handler_schema_id from pg_catalog.pg_foreign_data_wrapper l left outer join pg_catalog.pg_proc p on p.oid = l.fdwhandler order by l.fdwname;
select l.oid, l.* from pg_catalog.pg_foreign_server l order by l.srvname;
-- columns only
select t.oid, t.* from pg_catalog.pg_tablespace t order by t.oid;
select t.spcname from pg_catalog.pg_tablespace t order by t.oid;
-- columns only
select n.oid, n.*, d.description from pg_catalog.pg_namespace n left outer join pg_catalog.pg_description d on d.objoid = n.oid where (nspname like 'public' or nspname like 'pg_catalog') order by nspname;
set search_path = "$user",public;
show search_path;
-- columns only
select c.oid, c.*, d.description, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key
from pg_catalog.pg_class c
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
where c.relnamespace = 2200 and c.relkind not in ('i', 'I', 'c') and relname = 'employees';
select relname, relpersistence, relkind, relnatts, relchecks, relhasrules, relispartition, pg_catalog.pg_get_expr(c.relpartbound, c.oid) as partition_expr, pg_catalog.pg_get_partkeydef(c.oid) as partition_key
from pg_catalog.pg_class c where c.relnamespace = 2200 and c.relkind not in ('i', 'I', 'c') order by relname;
select c.relname, a.attname, a.attnum, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description, dep.objid
from pg_catalog.pg_attribute a
inner join pg_catalog.pg_class c on (a.attrelid = c.oid)
left outer join pg_catalog.pg_attrdef ad on (a.attrelid = ad.adrelid and a.attnum = ad.adnum)
left outer join pg_catalog.pg_description dsc on (c.oid = dsc.objoid and a.attnum = dsc.objsubid)
left outer join pg_depend dep on dep.refobjid = a.attrelid and dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
where not a.attisdropped and c.relkind not in ('i', 'I', 'c') and c.relnamespace = 2200 and a.attnum > 0
order by a.attnum, c.relname;
select c.conname, c.contype, t.relname as tabrelname, rt.relnamespace as refnamespace, d.description, case when c.contype = 'c' then "substring"(pg_get_constraintdef(c.oid), 7) else null end consrc_copy
from pg_catalog.pg_constraint c
inner join pg_catalog.pg_class t on t.oid = c.conrelid
left outer join pg_catalog.pg_class rt on rt.oid = c.confrelid
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_constraint'::regclass
where t.relnamespace = 2200 order by c.oid;
select p.proname, d.description from pg_catalog.pg_proc p left outer join pg_catalog.pg_description d on d.objoid = p.oid where p.pronamespace = 2200 and p.proname like 'nosuch%' order by p.proname;
-- columns only
select t.oid, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name, d.description
from pg_catalog.pg_type t
left outer join pg_catalog.pg_type et on et.oid = t.typelem
left outer join pg_catalog.pg_class c on c.oid = t.typrelid
left outer join pg_catalog.pg_description d on t.oid = d.objoid
where t.typname is not null and (c.relkind is null or c.relkind = 'c') and (et.typcategory is null or et.typcategory <> 'C') and t.typnamespace = 11;
-- columns only
select t.oid, t.*, c.relkind, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name from pg_catalog.pg_type t left outer join pg_class c on c.oid = t.typrelid where t.oid = 1700;
select t.typname, t.typlen, t.typtype, t.typcategory, t.typdelim, t.typelem, t.typarray, t.typbasetype, t.typtypmod, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name
from pg_catalog.pg_type t left outer join pg_class c on c.oid = t.typrelid where t.typname = 'varchar';
