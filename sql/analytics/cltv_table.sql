-- What each customer is expected to buy, and what that is worth today.
{{ config(tags=['lakewire']) }}

with purchases as (
    select customer_id, invoice_day, line_total
    from {{ ref('online_retail_cleaned') }}
    where not is_return
)

select
    customer_id,
    frequency,
    recency_days,
    age_days,
    monetary_value,
    p_alive,
    expected_purchases as expected_purchases_90d,
    expected_order_value,
    clv as clv_365d,
    clv_decile,
    reason
from clv_predict(
    purchases, customer => 'customer_id', time => 'invoice_day', value => 'line_total',
    horizon => 90, days => 365, discount_rate => {{ var('discount_rate', 0.1) }}
)
