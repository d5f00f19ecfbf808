-- Within what double precision loses.
select *
from (
    select 'top_products' as relation, sum(revenue_share) as total from {{ ref('top_products') }}
    union all
    select 'country_sales' as relation, sum(revenue_share) as total from {{ ref('country_sales') }}
    union all
    select 'customer_segments' as relation, sum(revenue_share) as total from {{ ref('customer_segments') }}
) as totals
where abs(total - 1) > 0.000001
