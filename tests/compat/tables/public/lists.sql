select cast(1 as integer) as id, cast(array[1, 2, 3] as integer[]) as ints, array['a', 'b'] as texts
union all
select 2, cast(array[4] as integer[]), array['x y', 'NULL', '"q"']
union all
select 3, null, null
