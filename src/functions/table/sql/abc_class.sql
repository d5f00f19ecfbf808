-- input: item, value. $1, $2: the shares where A and B end.
-- An item belongs to the class in which it begins, so the one that crosses a bound still belongs to the better class.

with items as (
    select item, sum(value) as value
    from input
    where item is not null
    group by item
),

ranked as (
    select
        item,
        value,
        row_number() over (order by value desc nulls last, item) as rank,
        sum(value) over (order by value desc nulls last, item rows between unbounded preceding and current row) as cumulative,
        sum(value) over () as total
    from items
)

select
    cast(rank as bigint) as rank,
    item,
    value,
    cast(value as double precision) / nullif(cast(total as double precision), 0) as share,
    cast(cumulative as double precision) / nullif(cast(total as double precision), 0) as cumulative_share,
    case
        when value is null or value <= 0 then 'C'
        when cast(cumulative - value as double precision) < cast(total as double precision) * $1 then 'A'
        when cast(cumulative - value as double precision) < cast(total as double precision) * $2 then 'B'
        else 'C'
    end as abc_class
from ranked
