-- Sales of each day the shop was open.

with invoices as (
    select
        invoice_day,
        invoice_no,
        customer_id,
        is_return,
        sum(quantity)::bigint as units,
        sum(line_total)::numeric(18,3) as amount
    from {{ ref('online_retail_cleaned') }}
    group by invoice_day, invoice_no, customer_id, is_return
),

days as (
    select
        invoice_day,
        count(distinct case when not is_return then invoice_no end)::bigint as orders,
        count(distinct case when not is_return then customer_id end)::bigint as customers,
        {{ pieces('sum(case when not is_return then units end)') }} as units,
        {{ amount('sum(case when not is_return then amount end)') }} as gross_revenue,
        {{ amount('-sum(case when is_return then amount end)') }} as returns_value,
        {{ amount('sum(amount)') }} as net_revenue
    from invoices
    group by invoice_day
)

select
    invoice_day,
    orders,
    customers,
    units,
    gross_revenue,
    returns_value,
    net_revenue,
    {{ ratio('gross_revenue', 'orders') }} as avg_order_value,
    {{ ratio('sum(net_revenue) over week', 'count(*) over week') }} as net_revenue_7d_avg
from days
window week as (order by invoice_day rows between 6 preceding and current row)
