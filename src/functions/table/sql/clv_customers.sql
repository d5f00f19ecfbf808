-- input: customer, day (since 1970-01-01), value. $1: the last day to look at, or null.
-- In joins the one row stands first, since the first side is the one kept in memory.
-- A purchase is a day on which a customer bought, as in the papers and in lifetimes: several orders of a day are one.

with bounds as (
    select coalesce($1, max(day)) as end_day from input where customer is not null
),

days as (
    select customer, day, sum(value) as value
    from input
    where customer is not null and day is not null
    group by customer, day
),

seen as (
    select
        customer,
        day,
        end_day,
        case when day > min(day) over (partition by customer) then value end as repeat_value
    from bounds
    inner join days on day <= end_day
)

select
    customer,
    cast(count(*) - 1 as bigint) as frequency,
    cast(max(day) - min(day) as bigint) as recency_days,
    cast(max(end_day) - min(day) as bigint) as age_days,
    cast(sum(repeat_value) as double precision) / cast(nullif(count(*) - 1, 0) as double precision) as monetary_value
from seen
group by customer
