-- Recency, frequency and monetary value of each customer who bought something, scored in fifths.

with invoices as (
    select
        customer_id,
        invoice_no,
        max(invoice_day) as invoice_day,
        sum(line_total)::numeric(18,3) as amount
    from {{ ref('online_retail_cleaned') }}
    where not is_return
    group by customer_id, invoice_no
),

-- The day after the last purchase of all: whoever bought on it has a recency of one day.
reference as (
    select max(invoice_day) + interval '1 day' as reference_day
    from invoices
),

customers as (
    select
        customer_id,
        max(invoice_day) as last_purchase_day,
        count(invoice_no)::bigint as frequency,
        {{ amount('sum(amount)') }} as monetary
    from invoices
    group by customer_id
),

measured as (
    select
        customers.customer_id,
        (
            (extract(epoch from reference.reference_day) - extract(epoch from customers.last_purchase_day)) / 86400
        )::bigint as recency_days,
        customers.frequency,
        customers.monetary
    from customers
    cross join reference
),

scored as (
    select
        *,
        ntile(5) over (order by recency_days desc, customer_id)::integer as r_score,
        ntile(5) over (order by frequency, customer_id)::integer as f_score,
        ntile(5) over (order by monetary, customer_id)::integer as m_score
    from measured
)

select
    customer_id,
    recency_days,
    frequency,
    monetary,
    r_score,
    f_score,
    m_score,
    r_score::text || f_score::text || m_score::text as rfm_score,
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
