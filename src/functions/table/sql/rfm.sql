-- input: customer, order_id, day (since 1970-01-01), value. $1: whether order_id is given. $2: the day to look from, or null.
-- In joins the one row stands first, since the first side is the one kept in memory.
-- Segments as in Putler's and others' grids of recency and frequency: names, not mathematics.

with orders as (
    select customer, order_id, max(day) as last_day, count(*) as lines, sum(value) as value
    from input
    where customer is not null and day is not null
    group by customer, order_id
),

customers as (
    select
        customer,
        max(last_day) as last_day,
        case when $1 then count(order_id) else cast(sum(lines) as bigint) end as frequency,
        sum(value) as monetary
    from orders
    group by customer
),

measured as (
    select
        customer,
        cast(coalesce($2, newest_day + 1) - last_day as bigint) as recency_days,
        frequency,
        monetary
    from (select max(last_day) as newest_day from customers) as newest
    cross join customers
),

-- Ties are broken by the customer: the same rows always get the same scores.
scored as (
    select
        *,
        cast(ntile(5) over (order by recency_days desc, customer) as integer) as r_score,
        cast(ntile(5) over (order by frequency, customer) as integer) as f_score,
        cast(ntile(5) over (order by monetary nulls first, customer) as integer) as m_score
    from measured
)

select
    customer,
    recency_days,
    frequency,
    monetary,
    r_score,
    f_score,
    m_score,
    cast(r_score as text) || cast(f_score as text) || cast(m_score as text) as rfm_score,
    case
        when r_score <= 2 and f_score <= 2 then 'Hibernating'
        when r_score <= 2 and f_score <= 4 then 'At Risk'
        when r_score <= 2 then 'Can''t Lose'
        when r_score = 3 and f_score <= 2 then 'About to Sleep'
        when r_score = 3 and f_score = 3 then 'Need Attention'
        when r_score = 3 then 'Loyal Customers'
        when r_score = 4 and f_score = 1 then 'Promising'
        when f_score <= 3 and f_score >= 2 then 'Potential Loyalists'
        when r_score = 4 then 'Loyal Customers'
        when f_score = 1 then 'New Customers'
        else 'Champions'
    end as segment
from scored
