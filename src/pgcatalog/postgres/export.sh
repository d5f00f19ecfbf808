#!/usr/bin/env bash
# Writes what PostgreSQL 15 has of its own into this folder: columns.txt, a line per catalog and view, and rows as COPY writes
# them, a file per catalog whose rows never change. Arguments: those that lead psql to an empty database of a PostgreSQL 15.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
ask() { psql -X -q -v ON_ERROR_STOP=1 "${arguments[@]}" "$@"; }
arguments=("$@")

ask -At -c "
select n.nspname || '.' || c.relname || ' ' || c.oid || ' ' || c.relkind::text || ' ' || c.reltype || ' ' || string_agg(
    a.attname || ':' || case when t.typname = 'yes_or_no' then t.typname else coalesce(base.typname, t.typname) end::text
        || case when a.attcollation <> coalesce(base.typcollation, t.typcollation) then '^' else '' end
        || case when a.attnotnull then '!' else '' end, ' ' order by a.attnum)
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0
join pg_type t on t.oid = a.atttypid
left join pg_type base on base.oid = t.typbasetype
where c.relkind in ('r', 'v') and n.nspname in ('pg_catalog', 'information_schema')
group by n.nspname, c.relname, c.oid, c.relkind, c.reltype
order by n.nspname desc, c.relname" > columns.txt

# The indexes of the catalogs: table, name, OID, OID of the constraint, what it is, keys with their operator classes.
ask -At -c "
select t.relname || ' ' || i.relname || ' ' || i.oid || ' ' || coalesce(c.oid, 0) || ' ' || case
        when x.indisprimary then 'p' when c.oid is not null then 'u' when x.indisunique then 'x' else 'i' end || ' ' || (
    select string_agg(a.attname || ':' || o.opcname, ' ' order by k.n)
    from unnest(x.indkey::int[], x.indclass::oid[]) with ordinality k (attnum, class, n)
    join pg_attribute a on a.attrelid = x.indrelid and a.attnum = k.attnum
    join pg_opclass o on o.oid = k.class)
from pg_index x
join pg_class i on i.oid = x.indexrelid
join pg_class t on t.oid = x.indrelid
left join pg_constraint c on c.conindid = i.oid and c.contype in ('p', 'u')
where i.relnamespace = 'pg_catalog'::regnamespace
order by 1" > indexes.txt

# Functions are written as their OIDs, rights and parse trees not at all, but those of functions as the SQL they stand for.
rows() {
    local relation=$1 where=${2:-true} columns order
    columns=$(ask -At -c "
        select string_agg(case
            when t.typname = 'regproc' then a.attname || '::oid'
            when a.attname = 'proargdefaults' then 'pg_get_expr(proargdefaults, 0)'
            when a.attname = 'prosqlbody' then 'pg_get_function_sqlbody(oid)'
            when t.typname in ('_aclitem', 'pg_node_tree') then 'null'
            else a.attname::text end, ', ' order by a.attnum)
        from pg_attribute a join pg_type t on t.oid = a.atttypid
        where a.attrelid = '$relation'::regclass and a.attnum > 0")
    order=$(ask -At -c "select string_agg(n::text, ', ') from generate_series(1, 4) n
        where n <= (select relnatts from pg_class where oid = '$relation'::regclass)")
    ask -c "\\copy (select $columns from $relation where $where order by $order) to '${relation#pg_catalog.}.tsv'"
}

for relation in aggregate am amop amproc cast conversion language opclass operator opfamily proc range tablespace \
    ts_config ts_config_map ts_dict ts_parser ts_template; do
    rows "pg_catalog.pg_$relation"
done
rows pg_catalog.pg_collation "collprovider in ('c', 'd')"
rows pg_catalog.pg_description "classoid <> 'pg_class'::regclass and objoid < 16384 and classoid <> 'pg_collation'::regclass and objoid <> 2200"
rows pg_catalog.pg_type "oid < 16384"
for relation in sql_features sql_implementation_info sql_parts sql_sizing; do
    rows "information_schema.$relation"
done
ask -c "\\copy (select * from pg_get_keywords() order by 1) to 'pg_get_keywords.tsv'"
ask -c "\\copy (select * from ts_token_type('default')) to 'ts_token_type.tsv'"
ask -c "\\copy (select name, unit, category, short_desc, extra_desc, context, vartype, min_val, max_val, enumvals, boot_val \
    from pg_settings where name not like 'plpgsql.%' order by lower(name)) to 'pg_settings.tsv'"
