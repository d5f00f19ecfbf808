-- Products by revenue, with their share of it and their ABC class.
{{ config(tags=['lakewire']) }}

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
    select *
    from abc_class(products, item => 'stock_code', value => 'gross_revenue', a => 0.8, b => 0.95)
)

select
    ranked.rank,
    ranked.stock_code,
    product.description,
    products.units_sold,
    products.gross_revenue,
    orders.orders,
    customers.customers,
    {{ ratio('products.units_returned', 'products.units_sold') }} as return_rate,
    ranked.share as revenue_share,
    ranked.cumulative_share,
    ranked.abc_class
from ranked
inner join products on products.stock_code = ranked.stock_code
inner join orders on orders.stock_code = ranked.stock_code
inner join customers on customers.stock_code = ranked.stock_code
left join {{ ref('product_normalized') }} as product on product.stock_code = ranked.stock_code
