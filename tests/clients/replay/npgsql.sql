-- What Npgsql and Power BI, whose connector it is, send to PostgreSQL. Written by us after reading its sources (npgsql/npgsql, src/Npgsql:
-- PostgresDatabaseInfo.cs for the types it asks for when it connects, Schema/DbColumnSchemaGenerator.cs for GetColumnSchema,
-- NpgsqlSchema.cs for GetSchema, Internal/NpgsqlConnector.cs and PregeneratedMessages.cs for sessions): the same catalogs, joins and
-- conditions, in our words. Power Query's sources are closed: its statements on tables, columns and keys and those it folds questions
-- into are in the manner of what public reports quote of them.
select version() like 'PostgreSQL 15%' as is_15;
-- columns only
select n.nspname, known.oid, known.typname, known.kind, known.typnotnull, known.element
from (
    select inside.oid, inside.typnamespace, inside.typname, inside.typnotnull, inside.relkind, inside.kind, inside.element,
        element_type.typname as element_name, element_class.relkind as element_relkind,
        case when element_receive.proname = 'array_recv' then 'a' else element_type.typtype end as element_kind
    from (
        select one.oid, one.typnamespace, one.typname, one.typnotnull, relkind,
            case when receive.proname = 'array_recv' then 'a' else one.typtype end as kind,
            case
                when receive.proname = 'array_recv' then one.typelem
                when one.typtype = 'r' then rngsubtype
                when one.typtype = 'm' then (select rngtypid from pg_range where rngmultitypid = one.oid)
                when one.typtype = 'd' then one.typbasetype
            end as element
        from pg_type as one
        left join pg_class as class on (class.oid = one.typrelid)
        left join pg_proc as receive on receive.oid = one.typreceive
        left join pg_range on (pg_range.rngtypid = one.oid)
    ) as inside
    left join pg_type as element_type on element_type.oid = element
    left join pg_class as element_class on (element_class.oid = element_type.typrelid)
    left join pg_proc as element_receive on element_receive.oid = element_type.typreceive
) as known
join pg_namespace as n on (n.oid = typnamespace)
where kind in ('b', 'r', 'm', 'e', 'd')
    or (kind = 'c' and relkind = 'c')
    or (kind = 'p' and typname in ('record', 'void'))
    or (kind = 'a' and (element_kind in ('b', 'r', 'm', 'e', 'd') or (element_kind = 'p' and element_name in ('record', 'void'))))
order by case when kind in ('b', 'e', 'p') then 0 when kind = 'r' then 1 when kind = 'm' then 2 when kind = 'a' then 5 else 6 end;
select t.typname, n.nspname, case when p.proname = 'array_recv' then 'a' else t.typtype end as kind
from pg_type as t
join pg_namespace as n on (n.oid = t.typnamespace)
left join pg_proc as p on p.oid = t.typreceive
where t.typname in ('int4', '_int4', 'numeric', 'text', '_text', 'timestamptz', 'int4range') order by 1;
select t.oid, a.attname, a.atttypid from pg_type as t
join pg_namespace as n on (n.oid = t.typnamespace)
join pg_class as c on (c.oid = t.typrelid)
join pg_attribute as a on (a.attrelid = t.typrelid)
where (t.typtype = 'c' and c.relkind = 'c') and attnum > 0 and not attisdropped
order by t.oid, a.attnum;
select pg_type.oid, enumlabel from pg_enum join pg_type on pg_type.oid = enumtypid order by oid, enumsortorder;
-- Power Query: schemas' tables, the columns of one, its keys.
select table_schema, table_name, table_type from information_schema.tables
where table_schema not in ('information_schema', 'pg_catalog') and table_schema = 'public' order by table_schema, table_name;
select column_name, ordinal_position, is_nullable, data_type,
    case when (data_type like '%unsigned%') then data_type || ' unsigned' else data_type end as shown
from information_schema.columns where table_schema = 'public' and table_name = 'employees'
order by table_schema, table_name, ordinal_position;
select i.constraint_schema || '_' || i.constraint_name as index_name, ii.column_name, ii.ordinal_position,
    case when i.constraint_type = 'PRIMARY KEY' then 'Y' else 'N' end as primary_key
from information_schema.table_constraints i
inner join information_schema.key_column_usage ii
    on i.constraint_schema = ii.constraint_schema and i.constraint_name = ii.constraint_name
    and i.table_schema = ii.table_schema and i.table_name = ii.table_name
where i.table_schema = 'public' and i.table_name = 'employees' and i.constraint_type in ('PRIMARY KEY', 'UNIQUE')
order by i.constraint_schema || '_' || i.constraint_name, ii.table_schema, ii.table_name, ii.ordinal_position;
select pkcol.column_name as pk_column_name, fkcol.table_schema as fk_table_schema, fkcol.table_name as fk_table_name,
    fkcol.column_name as fk_column_name, fkcol.ordinal_position as ordinal,
    fkcon.constraint_schema || '_' || fkcol.table_name || '_' || fkcon.constraint_name as fk_name
from (select distinct constraint_catalog, constraint_schema, unique_constraint_schema, constraint_name, unique_constraint_name
    from information_schema.referential_constraints) fkcon
inner join information_schema.key_column_usage fkcol
    on fkcon.constraint_schema = fkcol.constraint_schema and fkcon.constraint_name = fkcol.constraint_name
inner join information_schema.key_column_usage pkcol
    on fkcon.unique_constraint_schema = pkcol.constraint_schema and fkcon.unique_constraint_name = pkcol.constraint_name
where pkcol.table_schema = 'public' and pkcol.table_name = 'employees' and pkcol.ordinal_position = fkcol.ordinal_position
order by fkcon.constraint_schema, fkcol.table_name, fkcon.constraint_name, fkcol.ordinal_position;
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
-- GetColumnSchema, which Power Query asks for with every answer: by the OIDs and numbers of the columns that came
select typ.typname, nspname, relname, attname, attnum, attnotnull, attidentity != '' as isidentity,
    case when typ.typtype = 'd' then typ.typtypmod else atttypmod end as typmod,
    case when atthasdef then (select pg_get_expr(adbin, cls.oid) from pg_attrdef where adrelid = cls.oid and adnum = attr.attnum) else null end as default,
    ((cls.relkind = any (array['r'::"char", 'p'::"char"]))
        or ((cls.relkind = any (array['v'::"char", 'f'::"char"])) and pg_column_is_updatable((cls.oid)::regclass, attr.attnum, false)))
        and attr.attidentity not in ('a') as is_updatable,
    exists (select * from pg_index where pg_index.indrelid = cls.oid and pg_index.indisprimary and attnum = any (indkey)) as isprimarykey,
    exists (select * from pg_index where pg_index.indrelid = cls.oid and pg_index.indisunique and pg_index.indnkeyatts = 1 and attnum = pg_index.indkey[0]) as isunique
from pg_attribute as attr
join pg_type as typ on attr.atttypid = typ.oid
join pg_class as cls on cls.oid = attr.attrelid
join pg_namespace as ns on ns.oid = cls.relnamespace
where atttypid <> 0 and relkind in ('r', 'v', 'm', 'p') and not attisdropped and nspname not in ('pg_catalog', 'information_schema') and attnum > 0
    and ((attr.attrelid = 'crm.customer'::regclass and attr.attnum = 1) or (attr.attrelid = 'crm.customer'::regclass and attr.attnum = 2) or (attr.attrelid = 'crm.customer'::regclass and attr.attnum = 3) or (attr.attrelid = 'crm.customer'::regclass and attr.attnum = 4))
order by attnum;
-- columns only
select typ.oid as typoid, nspname, relname, attname, attrelid, attnum, attnotnull, attidentity != '' as isidentity,
    case when typ.typtype = 'd' then typ.typtypmod else atttypmod end as typmod,
    case when atthasdef then (select pg_get_expr(adbin, cls.oid) from pg_attrdef where adrelid = cls.oid and adnum = attr.attnum) else null end as default,
    ((cls.relkind = any (array['r'::"char", 'p'::"char"]))
        or ((cls.relkind = any (array['v'::"char", 'f'::"char"])) and pg_column_is_updatable((cls.oid)::regclass, attr.attnum, false)))
        and attr.attidentity not in ('a') as is_updatable,
    exists (select * from pg_index where pg_index.indrelid = cls.oid and pg_index.indisprimary and attnum = any (indkey)) as isprimarykey,
    exists (select * from pg_index where pg_index.indrelid = cls.oid and pg_index.indisunique and pg_index.indnkeyatts = 1 and attnum = pg_index.indkey[0]) as isunique
from pg_attribute as attr
join pg_type as typ on attr.atttypid = typ.oid
join pg_class as cls on cls.oid = attr.attrelid
join pg_namespace as ns on ns.oid = cls.relnamespace
where atttypid <> 0 and relkind in ('r', 'v', 'm', 'p') and not attisdropped and nspname not in ('pg_catalog', 'information_schema') and attnum > 0
    and ((attr.attrelid = 'crm.totals'::regclass and attr.attnum = 1) or (attr.attrelid = 'public.sales'::regclass and attr.attnum = 6))
order by attnum;
-- the collections of GetSchema: databases, schemas, tables, columns, views, those that are materialized, users, indexes and their
-- columns, constraints and theirs
-- columns only
select d.datname, u.usename, pg_catalog.pg_encoding_to_char(d.encoding) from pg_catalog.pg_database d left join pg_catalog.pg_user u on d.datdba = u.usesysid;
select d.datname, pg_catalog.pg_encoding_to_char(d.encoding) from pg_catalog.pg_database d left join pg_catalog.pg_user u on d.datdba = u.usesysid where datname = current_database();
-- columns only
select * from (select current_database(), nspname, r.rolname from pg_catalog.pg_namespace left join pg_catalog.pg_roles r on r.oid = nspowner) tmp;
-- columns only
select * from (select current_database() as catalog_name, nspname as schema_name, r.rolname = current_user as mine from pg_catalog.pg_namespace left join pg_catalog.pg_roles r on r.oid = nspowner) tmp where schema_name = 'crm';
select table_catalog, table_schema, table_name, table_type from information_schema.tables
where table_type in ('BASE TABLE', 'FOREIGN', 'FOREIGN TABLE') and table_schema not in ('pg_catalog', 'information_schema') and table_schema = 'crm' order by table_name;
select table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable,
    case when udt_schema is null then udt_name else format_type(typ.oid, null) end,
    character_maximum_length, character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision,
    character_set_catalog, character_set_schema, character_set_name, collation_catalog
from information_schema.columns
join pg_namespace as ns on ns.nspname = udt_schema
join pg_type as typ on typnamespace = ns.oid and typname = udt_name
where table_schema = 'crm' order by table_name, ordinal_position;
select table_catalog, table_schema, table_name, column_name, ordinal_position, column_default, is_nullable,
    case when udt_schema is null then udt_name else format_type(typ.oid, null) end,
    character_maximum_length, character_octet_length, numeric_precision, numeric_precision_radix, numeric_scale, datetime_precision,
    character_set_catalog, character_set_schema, character_set_name, collation_catalog
from information_schema.columns
join pg_namespace as ns on ns.nspname = udt_schema
join pg_type as typ on typnamespace = ns.oid and typname = udt_name
where table_catalog = current_database() and table_schema = 'public' and table_name = 'numbers' order by ordinal_position;
select table_catalog, table_schema, table_name, check_option, is_updatable from information_schema.views where table_schema not in ('pg_catalog', 'information_schema') and table_schema = 'crm';
-- columns only
select current_database(), schemaname, matviewname, matviewowner = current_user, hasindexes, ispopulated from pg_catalog.pg_matviews where current_database() = current_database() and schemaname = 'crm';
-- columns only
select usename, usesysid from pg_catalog.pg_user;
select current_database(), n.nspname, t.relname, i.relname, ''
from pg_catalog.pg_class i
join pg_catalog.pg_index ix on ix.indexrelid = i.oid
join pg_catalog.pg_class t on ix.indrelid = t.oid
left join pg_catalog.pg_user u on u.usesysid = i.relowner
left join pg_catalog.pg_namespace n on n.oid = i.relnamespace
where i.relkind = 'i' and n.nspname not in ('pg_catalog', 'pg_toast') and t.relkind = 'r' and n.nspname = 'crm' order by t.relname, i.relname;
select current_database(), t_ns.nspname, ix_cls.relname, current_database(), ix_ns.nspname, t.relname, a.attname, ix_cls.relname
from pg_class t
join pg_index ix on t.oid = ix.indrelid
join pg_class ix_cls on ix.indexrelid = ix_cls.oid
join pg_attribute a on t.oid = a.attrelid
left join pg_namespace t_ns on t.relnamespace = t_ns.oid
left join pg_namespace ix_ns on ix_cls.relnamespace = ix_ns.oid
where ix_cls.relkind = 'i' and t_ns.nspname not in ('pg_catalog', 'pg_toast') and a.attnum = any(ix.indkey) and t.relkind = 'r' and t_ns.nspname = 'crm' order by ix_cls.relname, a.attnum;
select current_database(), pgn.nspname, pgc.conname, current_database(), pgtn.nspname, pgt.relname, constraint_type, pgc.condeferrable, pgc.condeferred
from pg_catalog.pg_constraint pgc
join pg_catalog.pg_namespace pgn on pgc.connamespace = pgn.oid
join pg_catalog.pg_class pgt on pgc.conrelid = pgt.oid
join pg_catalog.pg_namespace pgtn on pgt.relnamespace = pgtn.oid
join (
    select 'PRIMARY KEY' as constraint_type, 'p' as contype union all select 'FOREIGN KEY' as constraint_type, 'f' as contype union all select 'UNIQUE KEY' as constraint_type, 'u' as contype
) mapping_table on mapping_table.contype = pgc.contype and pgtn.nspname = 'crm' order by pgc.conname;
select current_database(), pgn.nspname, pgc.conname, pgt.relname, constraint_type
from pg_catalog.pg_constraint pgc
join pg_catalog.pg_namespace pgn on pgc.connamespace = pgn.oid
join pg_catalog.pg_class pgt on pgc.conrelid = pgt.oid
join pg_catalog.pg_namespace pgtn on pgt.relnamespace = pgtn.oid
join (
    select 'PRIMARY KEY' as constraint_type, 'p' as contype union all select 'FOREIGN KEY' as constraint_type, 'f' as contype union all select 'UNIQUE KEY' as constraint_type, 'u' as contype
) mapping_table on mapping_table.contype = pgc.contype and pgc.contype = 'f' and current_database() = current_database() and pgtn.nspname = 'crm' and pgt.relname = 'invoice' order by pgc.conname;
select current_database(), n.nspname, c.conname, current_database(), n.nspname, t.relname, a.attname, a.attnum, mapping_table.constraint_type
from pg_constraint c
join pg_namespace n on n.oid = c.connamespace
join pg_class t on t.oid = c.conrelid and t.relkind = 'r'
join pg_attribute a on t.oid = a.attrelid and a.attnum = any(c.conkey)
join (
    select 'PRIMARY KEY' as constraint_type, 'p' as contype union all select 'FOREIGN KEY' as constraint_type, 'f' as contype union all select 'UNIQUE KEY' as constraint_type, 'u' as contype
) mapping_table on mapping_table.contype = c.contype and n.nspname not in ('pg_catalog', 'pg_toast') and n.nspname = 'crm' order by c.conname, a.attnum;
-- sessions: what is asked of a host that may be a standby, transactions, what a pool puts back
select pg_is_in_recovery();
show default_transaction_read_only;
begin transaction isolation level read committed;
savepoint a;
rollback to savepoint a;
release savepoint a;
commit;
begin isolation level repeatable read;
rollback;
begin transaction isolation level serializable;
rollback;
begin transaction isolation level read uncommitted;
rollback;
set session authorization default;
reset all;
close all;
unlisten *;
select pg_advisory_unlock_all();
discard sequences;
discard temp;
discard all;
-- Power Query's own: keys of what is shown, the first rows, grouped, joined, filtered, a count of what is distinct
select i.constraint_schema || '_' || i.constraint_name as index_name, ii.column_name, ii.ordinal_position, case when i.constraint_type = 'PRIMARY KEY' then 'Y' else 'N' end as primary_key
from information_schema.table_constraints i
inner join information_schema.key_column_usage ii on i.constraint_schema = ii.constraint_schema and i.constraint_name = ii.constraint_name and i.table_schema = ii.table_schema and i.table_name = ii.table_name
where i.table_schema = 'crm' and i.table_name = 'customer' and i.constraint_type in ('PRIMARY KEY', 'UNIQUE')
order by i.constraint_schema || '_' || i.constraint_name, ii.table_schema, ii.table_name, ii.ordinal_position;
select pkcol.column_name as pk_column_name, fkcol.table_schema as fk_table_schema, fkcol.table_name as fk_table_name, fkcol.column_name as fk_column_name, fkcol.ordinal_position as ordinal,
    fkcon.constraint_schema || '_' || fkcol.table_name || '_' || 'customer' || '_' || fkcon.constraint_name as fk_name
from (select distinct constraint_catalog, constraint_schema, unique_constraint_schema, constraint_name, unique_constraint_name from information_schema.referential_constraints) fkcon
inner join information_schema.key_column_usage fkcol on fkcon.constraint_schema = fkcol.constraint_schema and fkcon.constraint_name = fkcol.constraint_name
inner join information_schema.key_column_usage pkcol on fkcon.unique_constraint_schema = pkcol.constraint_schema and fkcon.unique_constraint_name = pkcol.constraint_name
where pkcol.table_schema = 'crm' and pkcol.table_name = 'customer' and pkcol.ordinal_position = fkcol.ordinal_position
order by fkcon.constraint_schema, fkcol.table_name, fkcon.constraint_name, fkcol.ordinal_position;
select pkcol.table_schema as pk_table_schema, pkcol.table_name as pk_table_name, pkcol.column_name as pk_column_name, fkcol.column_name as fk_column_name, fkcol.ordinal_position as ordinal,
    fkcon.constraint_schema || '_' || 'invoice' || '_' || pkcol.table_name || '_' || fkcon.constraint_name as fk_name
from (select distinct constraint_catalog, constraint_schema, unique_constraint_schema, constraint_name, unique_constraint_name from information_schema.referential_constraints) fkcon
inner join information_schema.key_column_usage fkcol on fkcon.constraint_schema = fkcol.constraint_schema and fkcon.constraint_name = fkcol.constraint_name
inner join information_schema.key_column_usage pkcol on fkcon.unique_constraint_schema = pkcol.constraint_schema and fkcon.unique_constraint_name = pkcol.constraint_name
where fkcol.table_schema = 'crm' and fkcol.table_name = 'invoice' and pkcol.ordinal_position = fkcol.ordinal_position
order by fkcon.constraint_schema, pkcol.table_name, fkcon.constraint_name, fkcol.ordinal_position;
select "$Table"."id" as "id", "$Table"."day" as "day", "$Table"."region" as "region" from "public"."sales" "$Table" order by "$Table"."id" limit 4;
select "rows"."region" as "region", sum("rows"."price") as "price", count(1) as "n" from (select "region", "price" from "public"."sales" "$Table") "rows" group by "region" order by "region" limit 1000001;
select "_"."region", "_"."a0" from (select "rows"."region" as "region", sum("rows"."quantity") as "a0" from (select "_"."region", "_"."quantity" from "public"."sales" "_" where "_"."day" >= timestamp '2024-01-01 00:00:00' and "_"."day" < timestamp '2024-02-01 00:00:00') "rows" group by "region") "_" where not "_"."a0" is null order by "_"."region" limit 1000001;
select count(distinct "region") + max(case when "region" is null then 1 else 0 end) as "a0" from "public"."sales";
select "$Outer"."name", "$Inner"."title" from (select "name", "department_id" as "d" from "public"."employees") "$Outer" left outer join "public"."departments" "$Inner" on ("$Outer"."d" = "$Inner"."id" or "$Outer"."d" is null and "$Inner"."id" is null) order by "$Outer"."name";
drop schema crm cascade;
