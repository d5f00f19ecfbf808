-- How well the purchase model, fitted without the last three months, foresees them.
{{ config(tags=['lakewire']) }}

with purchases as (
    select customer_id, invoice_day
    from {{ ref('online_retail_cleaned') }}
    where not is_return
)

select
    holdout_days,
    customers,
    expected_purchases,
    actual_purchases,
    expected_purchases / nullif(actual_purchases, 0) - 1 as relative_error,
    mae,
    rmse,
    mae_same_rate,
    correlation,
    identified,
    reason
from clv_holdout(
    purchases, customer => 'customer_id', time => 'invoice_day', holdout_days => {{ var('holdout_days', 90) }}
)
