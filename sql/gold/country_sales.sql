-- Sales of each country.

with invoices as (
    select
        country,
        invoice_no,
        customer_id,
        is_return,
        sum(quantity)::bigint as units,
        sum(line_total)::numeric(18,3) as amount
    from {{ ref('online_retail_cleaned') }}
    group by country, invoice_no, customer_id, is_return
),

countries as (
    select
        country,
        count(distinct case when not is_return then invoice_no end)::bigint as orders,
        count(distinct case when not is_return then customer_id end)::bigint as customers,
        {{ pieces('sum(case when not is_return then units end)') }} as units,
        {{ amount('sum(case when not is_return then amount end)') }} as gross_revenue,
        {{ amount('-sum(case when is_return then amount end)') }} as returns_value,
        {{ amount('sum(amount)') }} as net_revenue
    from invoices
    group by country
)

select
    row_number() over (order by net_revenue desc, country)::bigint as rank,
    country,
    orders,
    customers,
    units,
    gross_revenue,
    returns_value,
    net_revenue,
    {{ ratio('gross_revenue', 'orders') }} as avg_order_value,
    {{ ratio('net_revenue', 'sum(net_revenue) over ()') }} as revenue_share
from countries
