-- input: customer, day (since 1970-01-01). $1: the last day to look at, or null. $2: how many days at the end to foresee.
-- In joins the one row stands first, since the first side is the one kept in memory.
-- Only who bought before the hold-out can be foreseen.

with bounds as (
    select coalesce($1, max(day)) as end_day, coalesce($1, max(day)) - cast($2 as integer) as last_day
    from input
    where customer is not null
),

days as (
    select customer, day
    from input
    where customer is not null and day is not null
    group by customer, day
),

split as (
    select customer, day, last_day, case when day <= last_day then day end as known_day
    from bounds
    inner join days on day <= end_day
)

select
    customer,
    cast(count(known_day) - 1 as bigint) as frequency,
    cast(max(known_day) - min(known_day) as bigint) as recency_days,
    cast(max(last_day) - min(known_day) as bigint) as age_days,
    cast(count(*) - count(known_day) as bigint) as purchases
from split
group by customer
having count(known_day) > 0
