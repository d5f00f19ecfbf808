-- Customers by the month of their first purchase, and how many of them bought in each month since.
{{ config(tags=['lakewire']) }}

with purchases as (
    select customer_id, invoice_day, line_total
    from {{ ref('online_retail_cleaned') }}
    where not is_return
)

select
    cohort as cohort_month,
    age as months_since,
    period as month,
    cohort_size,
    customers,
    retention,
    {{ amount('value') }} as revenue,
    is_complete
from cohort_retention(purchases, customer => 'customer_id', time => 'invoice_day', value => 'line_total', period => 'month')
