-- What Npgsql (Power BI) asks when it connects: every type with its element, then the columns of composite types and the labels
-- of enums. Written by us after reading its sources: the same catalogs, joins and conditions, in our words.
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
