-- Recency, frequency and monetary value of each customer who bought something, scored in fifths.
{{ config(tags=['lakewire']) }}

with purchases as (
    select customer_id, invoice_no, invoice_day, line_total
    from {{ ref('online_retail_cleaned') }}
    where not is_return
)

select
    customer_id,
    recency_days,
    frequency,
    {{ amount('monetary') }} as monetary,
    r_score,
    f_score,
    m_score,
    rfm_score,
    segment
from rfm(purchases, customer => 'customer_id', time => 'invoice_day', value => 'line_total', order_id => 'invoice_no')
