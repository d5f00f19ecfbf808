-- Products by revenue, with their share of it and their ABC class.

with products as (
    select
        stock_code,
        {{ pieces('sum(case when not is_return then quantity end)') }} as units_sold,
        {{ pieces('-sum(case when is_return then quantity end)') }} as units_returned,
        {{ amount('sum(case when not is_return then line_total end)') }} as gross_revenue
    from {{ ref('online_retail_cleaned') }}
    where is_product
    group by stock_code
    having count(case when not is_return then 1 end) > 0
),

-- One distinct count a query: two in one are several times slower.
orders as (
    select stock_code, count(distinct invoice_no)::bigint as orders
    from {{ ref('online_retail_cleaned') }}
    where is_product and not is_return
    group by stock_code
),

customers as (
    select stock_code, count(distinct customer_id)::bigint as customers
    from {{ ref('online_retail_cleaned') }}
    where is_product and not is_return
    group by stock_code
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
    orders.orders,
    customers.customers,
    {{ ratio('ranked.units_returned', 'ranked.units_sold') }} as return_rate,
    {{ ratio('ranked.gross_revenue', 'ranked.total_revenue') }} as revenue_share,
    {{ ratio('ranked.cumulative_revenue', 'ranked.total_revenue') }} as cumulative_share,
    case
        when (ranked.cumulative_revenue - ranked.gross_revenue) * 100 < ranked.total_revenue * 80 then 'A'
        when (ranked.cumulative_revenue - ranked.gross_revenue) * 100 < ranked.total_revenue * 95 then 'B'
        else 'C'
    end as abc_class
from ranked
inner join orders on orders.stock_code = ranked.stock_code
inner join customers on customers.stock_code = ranked.stock_code
left join {{ ref('product_normalized') }} as product on product.stock_code = ranked.stock_code
