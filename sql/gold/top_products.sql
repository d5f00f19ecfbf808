-- Products by revenue, with their share of it and their ABC class.

with products as (
    select
        stock_code,
        {{ pieces('sum(case when not is_return then quantity end)') }} as units_sold,
        {{ pieces('-sum(case when is_return then quantity end)') }} as units_returned,
        {{ amount('sum(case when not is_return then line_total end)') }} as gross_revenue,
        count(distinct case when not is_return then invoice_no end)::bigint as orders,
        count(distinct case when not is_return then customer_id end)::bigint as customers
    from {{ ref('online_retail_cleaned') }}
    where is_product
    group by stock_code
    having count(case when not is_return then 1 end) > 0
),

ranked as (
    select
        *,
        row_number() over (order by gross_revenue desc, stock_code) as rank,
        sum(gross_revenue) over (
            order by gross_revenue desc, stock_code rows between unbounded preceding and current row
        ) as cumulative_revenue,
        sum(gross_revenue) over () as total_revenue
    from products
)

select
    ranked.rank::bigint as rank,
    ranked.stock_code,
    product.description,
    ranked.units_sold,
    ranked.gross_revenue,
    ranked.orders,
    ranked.customers,
    {{ ratio('ranked.units_returned', 'ranked.units_sold') }} as return_rate,
    {{ ratio('ranked.gross_revenue', 'ranked.total_revenue') }} as revenue_share,
    {{ ratio('ranked.cumulative_revenue', 'ranked.total_revenue') }} as cumulative_share,
    case
        when (ranked.cumulative_revenue - ranked.gross_revenue) * 100 < ranked.total_revenue * 80 then 'A'
        when (ranked.cumulative_revenue - ranked.gross_revenue) * 100 < ranked.total_revenue * 95 then 'B'
        else 'C'
    end as abc_class
from ranked
left join {{ ref('product_normalized') }} as product on product.stock_code = ranked.stock_code
