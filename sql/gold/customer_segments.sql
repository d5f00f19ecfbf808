-- What each segment of customers is worth.

with segments as (
    select
        segment,
        count(*)::bigint as customers,
        sum(recency_days) as recency_days,
        sum(frequency) as orders,
        {{ amount('sum(monetary)') }} as revenue
    from {{ ref('rfm_table') }}
    group by segment
)

select
    segment,
    customers,
    {{ ratio('recency_days', 'customers') }} as avg_recency_days,
    {{ ratio('orders', 'customers') }} as avg_frequency,
    {{ ratio('revenue', 'customers') }} as avg_monetary,
    revenue,
    {{ ratio('revenue', 'sum(revenue) over ()') }} as revenue_share
from segments
