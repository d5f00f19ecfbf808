-- Statements in the manner of Tableau: the catalogs, joins and functions that it is known to use. Written by us from what is
-- generally known of it; not its literal statements, and not taken from its sources.
set DateStyle = 'ISO';
set extra_float_digits = 2;
-- differs in rows: a transaction is a snapshot: repeatable read
show transaction_isolation;
select oid, typbasetype from pg_type where typname = 'lo';
select nspname from pg_namespace where nspname = 'public' order by nspname;
select relname, nspname, relkind from pg_catalog.pg_class c, pg_catalog.pg_namespace n
where relkind in ('r', 'v', 'm', 'f', 'p') and nspname not in ('pg_catalog', 'information_schema', 'pg_toast', 'pg_temp_1')
    and n.oid = relnamespace and nspname = 'public' order by nspname, relname;
select n.nspname, c.relname, a.attname, a.atttypid, t.typname, a.attnum, a.attlen, a.atttypmod, a.attnotnull, c.relhasrules, c.relkind,
    pg_get_expr(d.adbin, d.adrelid), case t.typtype when 'd' then t.typbasetype else 0 end, t.typtypmod, a.attidentity
from (((pg_catalog.pg_class c inner join pg_catalog.pg_namespace n on n.oid = c.relnamespace and c.relname = 'employees' and n.nspname = 'public')
    inner join pg_catalog.pg_attribute a on (not a.attisdropped) and a.attnum > 0 and a.attrelid = c.oid)
    inner join pg_catalog.pg_type t on t.oid = a.atttypid)
    left outer join pg_attrdef d on a.atthasdef and d.adrelid = a.attrelid and d.adnum = a.attnum
order by n.nspname, c.relname, attnum;
select ta.attname, ia.attnum, ic.relname, n.nspname, tc.relname
from pg_catalog.pg_attribute ta, pg_catalog.pg_attribute ia, pg_catalog.pg_class tc, pg_catalog.pg_index i, pg_catalog.pg_namespace n, pg_catalog.pg_class ic
where tc.relname = 'employees' and n.nspname = 'public' and tc.oid = i.indrelid and n.oid = tc.relnamespace and i.indisprimary = 't'
    and ia.attrelid = i.indexrelid and ta.attrelid = i.indrelid and ta.attnum = i.indkey[ia.attnum - 1]
    and (not ta.attisdropped) and (not ia.attisdropped) and ic.oid = i.indexrelid
order by ia.attnum;
select 1 as "number of records" from "public"."employees" "employees" having (count(1) > 0);
