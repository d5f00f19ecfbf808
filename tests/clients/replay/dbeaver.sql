-- What DBeaver sends to PostgreSQL. Written by us after reading its sources (dbeaver/dbeaver, plugins/org.jkiss.dbeaver.ext.postgresql,
-- model/: PostgreDataSource, PostgreDatabase, PostgreExecutionContext for the connection, schemas, roles, encodings, languages, methods,
-- wrappers, extensions and tablespaces; PostgreSchema, PostgreTableReal, PostgreTable, PostgreViewBase, PostgreSequence, PostgreIndex,
-- PostgreTrigger, PostgreProcedure for what is in them; PostgreDataType, PostgreDataTypeCache for types; PostgreRole for privileges;
-- PostgreDependency; PostgreStructureAssistant for its search; lock/PostgreLockManager, session/PostgreSessionManager,
-- plan/PostgreExecutionPlan): the same catalogs, joins and conditions, in our words.
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
-- not the tool's: objects to be asked about, with keys, defaults, comments, a view, one that is materialized, a sequence
create schema crm;
-- differs in notices: keys are not enforced, which is said
create table crm.customer (id integer generated by default as identity primary key, name varchar(40) not null, email text constraint customer_email unique,
    born date default current_date, kind char(1) constraint customer_kind check (kind in ('a', 'b')), score real, note text);
-- differs in notices: keys are not enforced, which is said
create table crm.invoice (id bigserial constraint invoice_pk primary key, customer_id integer not null constraint invoice_customer references crm.customer (id) on delete cascade,
    total numeric(10, 2) default 0, at timestamp with time zone default now(), tags text[], "Odd Name" boolean not null default false);
-- differs in notices: an index is kept as information, which is said
create unique index invoice_at on crm.invoice (at desc, customer_id);
comment on schema crm is 'for tests';
comment on table crm.customer is 'who buys';
comment on column crm.customer.name is 'as they say it';
create view crm.totals as select c.name, sum(i.total) as total from crm.customer c join crm.invoice i on i.customer_id = c.id group by c.name;
comment on view crm.totals is 'per customer';
create materialized view crm.kept as select region, sum(quantity) as n from public.sales group by region;
create sequence crm.counter start 5 increment 2 maxvalue 99;
insert into crm.customer (name, kind) values ('Ann', 'a'), ('Bob', 'b');
insert into crm.invoice (customer_id, total, at) values (1, 10.5, '2024-01-01 00:00:00+00'), (1, 2, '2024-01-02 00:00:00+00'), (2, 3, '2024-01-03 00:00:00+00');
-- what a database is like; what of the system catalogs is there; the version
select current_database();
select version() like 'PostgreSQL 15%' as is_15;
-- columns only
select db.oid, db.* from pg_catalog.pg_database db where 1 = 1 and datallowconn and not datistemplate order by db.datname;
-- differs in rows: there are no template databases
-- differs in tag: there are no template databases
select db.datname from pg_catalog.pg_database db where datistemplate and datname like 'template%' order by 1;
-- differs in rows: there are no template databases
-- differs in tag: there are no template databases
select description from pg_shdescription join pg_database on objoid = pg_database.oid where datname = 'template1';
-- columns only
select db.datname, pg_database_size(db.oid) from pg_catalog.pg_database db;
select * from pg_catalog.pg_enum where 1 <> 1 limit 1;
select reltype from pg_catalog.pg_class where 1 <> 1 limit 1;
select typcategory from pg_catalog.pg_type where 1 <> 1 limit 1;
-- columns only
select a.oid, a.*, pd.description from pg_catalog.pg_roles a left join pg_catalog.pg_shdescription pd on a.oid = pd.objoid order by a.rolname;
-- columns only
select c.oid, c.* from pg_catalog.pg_collation c order by c.oid;
select c.collname, c.collprovider, c.collisdeterministic, c.collencoding, c.collcollate, c.collctype from pg_catalog.pg_collation c where c.collname in ('default', 'C', 'POSIX', 'ucs_basic') order by c.oid;
-- columns only
select t.oid, t.*, pg_tablespace_location(t.oid) loc from pg_catalog.pg_tablespace t order by t.oid;
select t.spcname, pg_tablespace_location(t.oid) loc from pg_catalog.pg_tablespace t order by t.oid;
-- columns only
select name, default_version, installed_version, comment from pg_catalog.pg_available_extensions order by name;
select pet.*, d.description from pg_catalog.pg_event_trigger pet left outer join pg_catalog.pg_description d on pet."oid" = d.objoid;
-- columns only
select e.oid, cfg.tbls, n.nspname as schema_name, e.*
from pg_catalog.pg_extension e
join pg_namespace n on n.oid = e.extnamespace
left join (
    select array_agg(ns.nspname || '.' || cls.relname) tbls, oid_ext
    from (select unnest(e1.extconfig) oid, e1.oid oid_ext from pg_catalog.pg_extension e1) c
    join pg_class cls on cls.oid = c.oid
    join pg_namespace ns on ns.oid = cls.relnamespace
    group by oid_ext
) cfg on cfg.oid_ext = e.oid
order by e.oid;
-- columns only
select oc.oid, oc.* from pg_catalog.pg_opclass oc order by oc.oid;
-- columns only
select ofa.oid, ofa.* from pg_catalog.pg_opfamily ofa order by ofa.oid;
-- the schemas: those of the user first, with what is said about them
select n.nspname, d.description from pg_catalog.pg_namespace n
left outer join pg_catalog.pg_description d on d.objoid = n.oid and d.objsubid = 0 and d.classoid = 'pg_namespace'::regclass
where nspname in ('crm', 'public', 'pg_catalog', 'information_schema') order by nspname;
-- columns only
select s.oid as schema_id from pg_catalog.pg_namespace s where s.nspname = 'crm';
-- what is in one: relations, their columns, keys, indexes, sizes, heirs, partitions
select c.relname, c.relkind, c.relnatts, c.relchecks, c.relhasrules, c.relhasindex, c.relpersistence, c.relrowsecurity, c.relispartition, c.relhastriggers, d.description
from pg_catalog.pg_class c
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_class'::regclass
where c.relnamespace = 'crm'::regnamespace and c.relkind not in ('i', 'I', 'c') order by relname;
-- columns only
select c.relname, a.*, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description, dep.objid
from pg_catalog.pg_attribute a
inner join pg_catalog.pg_class c on (a.attrelid = c.oid)
left outer join pg_catalog.pg_attrdef ad on (a.attrelid = ad.adrelid and a.attnum = ad.adnum)
left outer join pg_catalog.pg_description dsc on (c.oid = dsc.objoid and a.attnum = dsc.objsubid)
left outer join pg_depend dep on dep.refobjid = a.attrelid and dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
where not a.attisdropped and c.relkind not in ('i', 'I', 'c') and c.relnamespace = 'crm'::regnamespace
order by a.attnum;
select c.relname, a.attname, a.attnum, a.atttypid::regtype, a.attlen, a.attndims, a.atttypmod, a.attbyval, a.attalign, a.attstorage, a.attnotnull, a.atthasdef, a.attidentity, a.attgenerated, a.attislocal, a.attinhcount, a.attoptions,
    pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description, dep.objid is not null as owns
from pg_catalog.pg_attribute a
inner join pg_catalog.pg_class c on (a.attrelid = c.oid)
left outer join pg_catalog.pg_attrdef ad on (a.attrelid = ad.adrelid and a.attnum = ad.adnum)
left outer join pg_catalog.pg_description dsc on (c.oid = dsc.objoid and a.attnum = dsc.objsubid)
left outer join pg_depend dep on dep.refobjid = a.attrelid and dep.deptype = 'i' and dep.refobjsubid = a.attnum and dep.classid = dep.refclassid
where not a.attisdropped and c.relkind not in ('i', 'I', 'c') and c.relnamespace = 'crm'::regnamespace and c.relkind <> 'S' and a.attnum > 0
order by a.attnum, c.relname;
select c.relname, a.attname, a.attnum from pg_catalog.pg_attribute a inner join pg_catalog.pg_class c on (a.attrelid = c.oid)
where not a.attisdropped and c.oid = 'crm.customer'::regclass order by a.attnum;
select c.conname, c.contype, c.condeferrable, c.condeferred, c.convalidated, c.conkey, c.confkey, c.confupdtype, c.confdeltype, c.confmatchtype, c.conislocal, c.coninhcount, c.connoinherit,
    t.relname as tabrelname, rt.relnamespace::regnamespace as refnamespace, rt.relname, d.description, case when c.contype = 'c' then "substring"(pg_get_constraintdef(c.oid), 7) else null end consrc_copy
from pg_catalog.pg_constraint c
inner join pg_catalog.pg_class t on t.oid = c.conrelid
left outer join pg_catalog.pg_class rt on rt.oid = c.confrelid
left outer join pg_catalog.pg_description d on d.objoid = c.oid and d.objsubid = 0 and d.classoid = 'pg_constraint'::regclass
where t.relnamespace = 'crm'::regnamespace order by c.conname;
-- columns only
select i.*, i.indkey as keys, c.relname, c.relnamespace, c.relam, c.reltablespace, tc.relname as tabrelname, dsc.description, pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr, pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr
from pg_catalog.pg_index i
inner join pg_catalog.pg_class c on c.oid = i.indexrelid
inner join pg_catalog.pg_class tc on tc.oid = i.indrelid
left outer join pg_catalog.pg_description dsc on i.indexrelid = dsc.objoid
where c.relnamespace = 'crm'::regnamespace order by c.relname;
select c.relname, tc.relname as tabrelname, i.indnatts, i.indnkeyatts, i.indisunique, i.indisprimary, i.indisexclusion, i.indimmediate, i.indisvalid, i.indkey as keys, i.indoption, am.amname, dsc.description,
    pg_catalog.pg_get_expr(i.indpred, i.indrelid) as pred_expr, pg_catalog.pg_get_expr(i.indexprs, i.indrelid, true) as expr
from pg_catalog.pg_index i
inner join pg_catalog.pg_class c on c.oid = i.indexrelid
inner join pg_catalog.pg_class tc on tc.oid = i.indrelid
left join pg_catalog.pg_am am on am.oid = c.relam
left outer join pg_catalog.pg_description dsc on i.indexrelid = dsc.objoid
where c.relnamespace = 'crm'::regnamespace order by c.relname;
select pg_catalog.pg_get_indexdef(c.oid) as whole, pg_catalog.pg_get_indexdef(c.oid, 1, true) as first from pg_class c where c.relnamespace = 'crm'::regnamespace and c.relkind = 'i' order by c.relname;
select c.conname, pg_catalog.pg_get_constraintdef(c.oid) from pg_catalog.pg_constraint c where c.connamespace = 'crm'::regnamespace order by 1;
select distinct connamespace::regnamespace from pg_catalog.pg_constraint where confrelid = 'crm.customer'::regclass;
select i.inhrelid relid, pc.relnamespace parent_ns, pc.oid parent_oid, i.inhseqno from pg_catalog.pg_inherits i, pg_class rc, pg_class pc
where rc.oid = i.inhrelid and rc.relnamespace = 'crm'::regnamespace and pc.oid = i.inhparent;
select i.*, c.relnamespace from pg_catalog.pg_inherits i, pg_catalog.pg_class c where i.inhparent = 'crm.customer'::regclass and c.oid = i.inhrelid;
select pg_get_expr(c.relpartbound, c.oid, true) as partition_range from "pg_catalog".pg_class c where relname = 'customer' and relnamespace = 'crm'::regnamespace;
-- columns only
select c.oid, pg_catalog.pg_total_relation_size(c.oid) as total_rel_size, pg_catalog.pg_relation_size(c.oid) as rel_size from pg_class c where c.relnamespace = 'crm'::regnamespace;
-- columns only
select pg_catalog.pg_total_relation_size('crm.customer'::regclass) as total_rel_size, pg_catalog.pg_relation_size('crm.customer'::regclass) as rel_size;
select * from pg_default_acl where defaclnamespace = 'crm'::regnamespace;
select e.oid, cfg.tbls, e.* from pg_catalog.pg_extension e join pg_namespace n on n.oid = e.extnamespace
left join (select array_agg(ns.nspname || '.' || cls.relname) tbls, oid_ext
    from (select unnest(e1.extconfig) oid, e1.oid oid_ext from pg_catalog.pg_extension e1) c
    join pg_class cls on cls.oid = c.oid join pg_namespace ns on ns.oid = cls.relnamespace group by oid_ext) cfg on cfg.oid_ext = e.oid
where e.extnamespace = 'crm'::regnamespace order by e.oid;
select p.oid as proc_oid, p.proname as proc_name, a.* from pg_catalog.pg_aggregate a, pg_catalog.pg_proc p where p.oid = a.aggfnoid and p.pronamespace = 'crm'::regnamespace order by p.proname;
select p.oid as poid, p.*, pg_catalog.pg_get_expr(p.proargdefaults, 0) as arg_defaults, d.description
from pg_catalog.pg_proc p left outer join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_proc'::regclass and d.objsubid = 0
where p.pronamespace = 'crm'::regnamespace order by p.proname;
-- columns only
select p.oid as poid, p.*, pg_catalog.pg_get_expr(p.proargdefaults, 0) as arg_defaults, d.description
from pg_catalog.pg_proc p left outer join pg_catalog.pg_description d on d.objoid = p.oid and d.classoid = 'pg_proc'::regclass and d.objsubid = 0
where p.pronamespace = 'pg_catalog'::regnamespace order by p.proname;
-- triggers, rules, policies, foreign tables
select x.oid, x.*, p.pronamespace as func_schema_id, d.description from pg_catalog.pg_trigger x
left outer join pg_catalog.pg_proc p on p.oid = x.tgfoid
left outer join pg_catalog.pg_description d on d.objoid = x.oid and d.objsubid = 0
where x.tgrelid = 'crm.customer'::regclass and not x.tgisinternal;
select r.oid, r.*, pg_get_ruledef(r.oid) as definition from pg_rewrite r where r.ev_class = 'crm.customer'::regclass and r.rulename <> '_RETURN'::name;
select r.rulename, r.ev_type, r.ev_enabled, r.is_instead from pg_rewrite r where r.ev_class = 'crm.totals'::regclass;
select * from pg_catalog.pg_policies where schemaname = 'crm' and tablename = 'customer';
select * from pg_catalog.pg_foreign_table where ftrelid = 'crm.customer'::regclass;
-- the texts of views
-- differs in rows: a definition is shown on one line
select pg_get_viewdef('crm.totals'::regclass::oid, true);
-- differs in rows: a definition is shown on one line
select pg_get_viewdef('crm.kept'::regclass::oid, true);
-- a sequence: what it is, and where it stands
-- columns only
select * from pg_catalog.pg_sequences where schemaname = 'crm' and sequencename = 'counter';
-- columns only
select * from crm.counter;
select last_value, is_called from crm.counter;
-- types
-- columns only
select t.oid, t.*, format_type(nullif(t.typbasetype, 0), t.typtypmod) as base_type_name from pg_catalog.pg_type t left outer join pg_class c on c.oid = t.typrelid left outer join pg_catalog.pg_description d on t.oid = d.objoid where t.typname = 'customer';
select e.enumlabel from pg_catalog.pg_enum e where e.enumtypid = 23 order by e.enumsortorder;
select concat(c.conname, ' ', pg_catalog.pg_get_constraintdef(oid, true)) from pg_catalog.pg_constraint c where contypid = 23;
select c.relname, row_number() over (order by a.attnum) as attnum, a.attname, pg_catalog.pg_get_expr(ad.adbin, ad.adrelid, true) as def_value, dsc.description
from pg_catalog.pg_attribute a
inner join pg_catalog.pg_class c on (a.attrelid = c.oid)
left outer join pg_catalog.pg_attrdef ad on (a.attrelid = ad.adrelid and a.attnum = ad.adnum)
left outer join pg_catalog.pg_description dsc on (c.oid = dsc.objoid and a.attnum = dsc.objsubid)
where a.attnum > 0 and not a.attisdropped and c.oid = 'crm.customer'::regclass order by a.attnum;
-- an object by its name
select relkind, reltype <> 0 as typed from pg_catalog.pg_class where relnamespace = 'crm'::regnamespace and relname = 'customer' union all select 'c', typrelid <> 0 from pg_catalog.pg_type where typnamespace = 'crm'::regnamespace and typname = 'customer' order by 1;
select oid, relkind, reltype from pg_catalog.pg_class where relnamespace = 'crm'::regnamespace and relname = 'nosuch' union all select oid, 'c', oid from pg_catalog.pg_type where typnamespace = 'crm'::regnamespace and typname = 'nosuch';
select description from pg_catalog.pg_description join pg_catalog.pg_class on pg_description.objoid = pg_class.oid join pg_catalog.pg_namespace on pg_class.relnamespace = pg_namespace.oid
where pg_class.relname = 'customer' and pg_namespace.nspname = 'crm' order by 1;
select 1 from information_schema.schemata where schema_name = 'crm';
-- the search of names, comments and definitions
select pc.relname, pc.relnamespace::regnamespace, pc.relkind from pg_catalog.pg_class pc
where pc.relkind in ('r', 'v', 'm', 'f', 'p') and (pc.relname ilike '%cust%' or obj_description(pc.oid, 'pg_class') ilike '%cust%' or (pc.relkind = 'v' and pg_get_viewdef(pc."oid") ilike '%cust%'))
and pc.relnamespace in ('crm'::regnamespace) order by pc.relname limit 100;
-- columns only
select pp.oid as poid, pp.* from pg_catalog.pg_proc pp
where (pp.proname ilike '%abs%' or obj_description(pp.oid, 'pg_proc') ilike '%absolute%') order by pp.proname limit 100;
select pc.conname, pc.connamespace::regnamespace from pg_catalog.pg_constraint pc
where (pc.conname ilike '%i%' or obj_description(pc.oid, 'pg_constraint') ilike '%i%' or (pg_get_constraintdef(pc."oid") ilike '%i%')) and pc.connamespace in ('crm'::regnamespace) order by pc.conname limit 100;
select x.attname, x.attrelid::regclass, x.atttypid::regtype, c.relnamespace::regnamespace from pg_catalog.pg_attribute x, pg_catalog.pg_class c
where c.oid = x.attrelid and (x.attname ilike '%name%' or col_description(c.oid, x.attnum) ilike '%say%') and c.relnamespace in ('crm'::regnamespace) order by x.attname, 2 limit 100;
-- roles: members, settings, privileges
select * from pg_catalog.pg_auth_members where roleid = 10;
select s.setconfig, pd.datname from pg_catalog.pg_db_role_setting s left join pg_catalog.pg_database pd on s.setdatabase = pd.oid where s.setrole = 10;
-- columns only
select * from information_schema.table_privileges where table_catalog = current_database() and grantee = current_user;
-- columns only
select table_schema, table_name, privilege_type, is_grantable, with_hierarchy from information_schema.table_privileges where table_catalog = current_database() and grantee = current_user and table_schema = 'crm' order by 2, 3;
select specific_schema, routine_name, privilege_type from information_schema.routine_privileges where specific_catalog = current_database() and grantee = current_user and specific_schema = 'crm';
-- columns only
select * from information_schema.routine_privileges where specific_catalog = current_database() and grantee = current_user;
select n.nspname, n.nspacl is null from pg_catalog.pg_namespace n where n.nspname = 'crm';
select * from (
    select distinct relnamespace, relacl, relname, relkind, (aclexplode(relacl)).grantee as granteei from pg_class
    where relacl is not null and relnamespace in (select oid from pg_namespace where nspname not like 'pg_%' and nspname != 'information_schema')
    union all
    select distinct n.oid as relnamespace, nspacl as relacl, n.nspname as relname, cast('C' as "char") as relkind, (aclexplode(nspacl)).grantee as granteei
    from pg_catalog.pg_namespace n where n.nspacl is not null
) as tr where tr.granteei = 4294967295 and tr.relkind in ('S', 'm', 'C');
select distinct g.* from (select *, (aclexplode(defaclacl)).grantee as grantee from pg_default_acl a where a.defaclnamespace <> 0) as g where g.grantee = 10;
-- what depends on an object, and what it depends on
-- columns only
-- differs in types: a name beside a text is told as text
select distinct dep.deptype, dep.classid, dep.objid, cl.relkind, attr.attname, pg_get_expr(ad.adbin, ad.adrelid) adefval,
    case when cl.relkind is not null then cl.relkind::text || coalesce(dep.objsubid::text, '')::text
        when tg.oid is not null then 'T'::text when ty.oid is not null then 'y'::text when ns.oid is not null then 'n'::text when pr.oid is not null then 'p'::text
        when la.oid is not null then 'l'::text when rw.oid is not null then 'R'::text when co.oid is not null then 'C'::text || contype::text when ad.oid is not null then 'A'::text else '' end as type,
    coalesce(coc.relname, clrw.relname, tgr.relname) as ownertable,
    case when cl.relname is not null and att.attname is not null then cl.relname || '.' || att.attname
        else coalesce(cl.relname, co.conname, pr.proname, tg.tgname, ty.typname, la.lanname, rw.rulename, ns.nspname) end as refname,
    coalesce(nsc.nspname, nso.nspname, nsp.nspname, nst.nspname, nsrw.nspname, tgrn.nspname) as nspname
from pg_depend dep
left join pg_class cl on dep.objid = cl.oid
left join pg_attribute att on dep.objid = att.attrelid and dep.objsubid = att.attnum
left join pg_namespace nsc on cl.relnamespace = nsc.oid
left join pg_proc pr on dep.objid = pr.oid
left join pg_namespace nsp on pr.pronamespace = nsp.oid
left join pg_trigger tg on dep.objid = tg.oid
left join pg_class tgr on tg.tgrelid = tgr.oid
left join pg_namespace tgrn on tgr.relnamespace = tgrn.oid
left join pg_type ty on dep.objid = ty.oid
left join pg_namespace nst on ty.typnamespace = nst.oid
left join pg_constraint co on dep.objid = co.oid
left join pg_class coc on co.conrelid = coc.oid
left join pg_namespace nso on co.connamespace = nso.oid
left join pg_rewrite rw on dep.objid = rw.oid
left join pg_class clrw on clrw.oid = rw.ev_class
left join pg_namespace nsrw on clrw.relnamespace = nsrw.oid
left join pg_language la on dep.objid = la.oid
left join pg_namespace ns on dep.objid = ns.oid
left join pg_attrdef ad on ad.oid = dep.objid
left join pg_attribute attr on attr.attrelid = ad.adrelid and attr.attnum = ad.adnum
where dep.refobjid = 'crm.customer'::regclass
order by type;
-- differs in rows: a default depends on no column
-- differs in tag: a default depends on no column
select distinct dep.deptype, dep.classid::regclass, cl.relkind, attr.attname, pg_get_expr(ad.adbin, ad.adrelid) adefval,
    coalesce(coc.relname, clrw.relname) as ownertable, coalesce(cl.relname, co.conname, ty.typname, rw.rulename) as refname
from pg_depend dep
left join pg_class cl on dep.objid = cl.oid
left join pg_type ty on dep.objid = ty.oid
left join pg_constraint co on dep.objid = co.oid
left join pg_class coc on co.conrelid = coc.oid
left join pg_rewrite rw on dep.objid = rw.oid
left join pg_class clrw on clrw.oid = rw.ev_class
left join pg_attrdef ad on ad.oid = dep.objid
left join pg_attribute attr on attr.attrelid = ad.adrelid and attr.attnum = ad.adnum
where dep.refobjid = 'crm.customer'::regclass and (cl.relkind is null or cl.relkind <> 't')
order by 2, 1, 3, 4, 7;
-- sessions and locks
-- columns only
select sa.* from pg_catalog.pg_stat_activity sa;
select sa.usename = current_user as mine, sa.state, sa.backend_type, sa.datname = current_database() as here from pg_catalog.pg_stat_activity sa where sa.pid = pg_backend_pid();
select pg_catalog.pg_terminate_backend(-1) is not null;
-- columns only
-- differs in types: a varchar beside a constant is told as text
select coalesce(db.datname, '') as datname, coalesce(lock.locktype, '') as locktype, coalesce(lock.relation::regclass::varchar, '') as relation, coalesce(lock.mode, '') as mode,
    coalesce(lock.transactionid::varchar, '') as tid, lock.page as page, lock.tuple as tuple, lock.pid as pid, lock.granted
from pg_catalog.pg_locks lock left join pg_catalog.pg_database db on db.oid = lock.database where lock.pid = pg_backend_pid();
with locks as (
    select pid, locktype, mode, granted, transactionid tid, relation, page, tuple from pg_locks
), conflict as (
    select * from (values ('AccessShareLock', 'AccessExclusiveLock', 1), ('RowShareLock', 'ExclusiveLock', 1), ('RowShareLock', 'AccessExclusiveLock', 2), ('ShareLock', 'RowExclusiveLock', 1)) as t (mode1, mode2, prt)
), real_locks as (
    select la.pid as blocked_pid, blocked_activity.usename as blocked_user, la.blocked as blocking_pid, blocking_activity.usename as blocking_user, blocked_activity.query as blocked_statement, blocking_activity.query as statement_in
    from (
        select l.*, c.mode2, c.prt, l2.pid blocked, row_number() over (partition by l.pid order by c.prt) rid
        from locks l
        join conflict c on l.mode = c.mode1
        join locks l2 on l2.locktype = l.locktype and l2.mode = c.mode2 and l2.granted and l.pid != l2.pid and
            coalesce(l.tid::text, '*') || ':' || coalesce(l.relation::text, '*') || ':' || coalesce(l.page::text, '*') || ':' || coalesce(l.tuple::text, '*') =
            coalesce(l2.tid::text, '*') || ':' || coalesce(l2.relation::text, '*') || ':' || coalesce(l2.page::text, '*') || ':' || coalesce(l2.tuple::text, '*')
        where not l.granted
    ) la
    join pg_catalog.pg_stat_activity blocked_activity on blocked_activity.pid = la.pid
    join pg_catalog.pg_stat_activity blocking_activity on blocking_activity.pid = la.blocked
    where la.rid = 1
), root_quest as (
    select blocking_pid as blocking_pid from real_locks except select blocked_pid from real_locks
)
select blocked_pid, blocked_user, blocking_pid, blocking_user, blocked_statement, statement_in from real_locks
union
select real_locks.blocking_pid, real_locks.blocking_user, null::integer, null::text, real_locks.statement_in, null::text from real_locks, root_quest where real_locks.blocking_pid = root_quest.blocking_pid;
-- columns only
select * from pg_catalog.pg_settings;
-- plans, as text and as XML
-- columns only
explain (analyze false, verbose true, costs true) select * from crm.customer;
-- columns only
-- differs in refused: EXPLAIN writes text and JSON only
explain (format xml, verbose true, costs true) select * from crm.customer;
-- columns only
-- differs in refused: EXPLAIN writes text and JSON only
explain (format xml, analyze true, verbose true, costs true, buffers true, timing true, summary true) select count(*) from crm.invoice;
-- a table is opened: two hundred rows, more, how many, sorted, filtered, a text sought in every column
select c.* from crm.customer c where false;
select id, "name", email, kind, score, note from crm.customer order by id limit 200 offset 0;
select x.* from (select id, "name" from crm.customer) x order by x."name" desc limit 200;
select count(*) from crm.invoice;
select * from public.employees where (salary > 5000) and "name" ilike '%a%' order by id asc limit 200;
select id, "name" from public.employees where id::text ilike '%1%' or "name"::text like '%e%' order by id;
select distinct region, count(*) from public.sales group by region order by region asc nulls last limit 1001;
-- rows are changed as its grid does
begin;
update crm.customer set note = 'seen' where id = 1;
insert into crm.customer ("name", kind) values ('Cid', 'a');
delete from crm.customer where id = 2;
savepoint sp1;
rollback to savepoint sp1;
rollback;
select id, "name", note from crm.customer order by id;
set search_path = crm, "$user", public;
select current_schema(), session_user = current_user as same;
reset search_path;
set role none;
drop schema crm cascade;
