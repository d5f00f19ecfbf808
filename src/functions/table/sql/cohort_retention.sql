-- input: customer, day (since 1970-01-01), value. $1: day, week, month, quarter or year.
-- Periods are numbered, so that they subtract; weeks begin on Mondays, and 1969-12-29 was one.

with dated as (
    select customer, value, day, arrow_cast(day, 'Date32') as calendar_day
    from input
    where customer is not null and day is not null
),

numbered as (
    select
        customer,
        value,
        day,
        cast(case $1
            when 'day' then day
            when 'week' then floor((day + 3) / 7.0)
            when 'month' then date_part('year', calendar_day) * 12 + date_part('month', calendar_day) - 1
            when 'quarter' then date_part('year', calendar_day) * 4 + date_part('quarter', calendar_day) - 1
            else date_part('year', calendar_day)
        end as integer) as period
    from dated
),

active as (
    select customer, period, sum(value) as value
    from numbered
    group by customer, period
),

joined as (
    select customer, min(period) as cohort
    from active
    group by customer
),

newest as (
    select max(period) as newest_period, max(day) as newest_day
    from numbered
),

sizes as (
    select cohort, count(*) as cohort_size
    from joined
    group by cohort
),

-- Periods in which nobody came back count as well.
grid as (
    select cohort, cohort_size, newest_day, generate_series(cohort, newest_period) as period
    from sizes
    cross join newest
),

counted as (
    select joined.cohort, active.period, count(*) as customers, sum(active.value) as value
    from joined
    inner join active on active.customer = joined.customer
    group by joined.cohort, active.period
),

filled as (
    select
        grid.cohort,
        grid.period,
        grid.cohort_size,
        grid.newest_day,
        coalesce(counted.customers, 0) as customers,
        counted.value
    from grid
    left join counted on counted.cohort = grid.cohort and counted.period = grid.period
),

bounded as (
    select
        cohort,
        period,
        cohort_size,
        newest_day,
        customers,
        value,
        case $1
            when 'day' then arrow_cast(cohort, 'Date32')
            when 'week' then arrow_cast(cohort * 7 - 3, 'Date32')
            when 'month' then make_date(cohort / 12, cohort % 12 + 1, 1)
            when 'quarter' then make_date(cohort / 4, cohort % 4 * 3 + 1, 1)
            else make_date(cohort, 1, 1)
        end as cohort_start,
        case $1
            when 'day' then arrow_cast(period, 'Date32')
            when 'week' then arrow_cast(period * 7 - 3, 'Date32')
            when 'month' then make_date(period / 12, period % 12 + 1, 1)
            when 'quarter' then make_date(period / 4, period % 4 * 3 + 1, 1)
            else make_date(period, 1, 1)
        end as period_start,
        case $1
            when 'day' then arrow_cast(period + 1, 'Date32')
            when 'week' then arrow_cast(period * 7 + 4, 'Date32')
            when 'month' then make_date((period + 1) / 12, (period + 1) % 12 + 1, 1)
            when 'quarter' then make_date((period + 1) / 4, (period + 1) % 4 * 3 + 1, 1)
            else make_date(period + 1, 1, 1)
        end as next_start
    from filled
)

select
    cohort_start as cohort,
    cast(period - cohort as bigint) as age,
    period_start as period,
    cast(cohort_size as bigint) as cohort_size,
    cast(customers as bigint) as customers,
    cast(customers as double precision) / cast(cohort_size as double precision) as retention,
    value,
    arrow_cast(newest_day, 'Date32') + interval '1 day' >= next_start as is_complete
from bounded
