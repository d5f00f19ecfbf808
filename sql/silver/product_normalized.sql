-- One row per article of the catalog or of the sales.

with catalog as (
    select stock_code, description, list_price
    from (
        select
            {{ clean_code('stock_code') }} as stock_code,
            {{ clean_text('description') }} as description,
            list_price,
            row_number() over (
                partition by {{ clean_code('stock_code') }}
                order by
                    case when stock_code = upper(stock_code) then 0 else 1 end, stock_code,
                    _ingested_at, _source_file, _row_number
            ) as nth
        from {{ source('bronze', 'product_catalog') }}
        where stock_code is not null
    ) as numbered
    where nth = 1
),

names as (
    select
        stock_code,
        description,
        min(invoice_day) as first_day,
        count(*) as lines
    from {{ ref('online_retail_cleaned') }}
    where stock_code is not null
    group by stock_code, description
),

sold as (
    select
        stock_code,
        min(first_day) as first_sold_day
    from names
    group by stock_code
),

usual_names as (
    select stock_code, description
    from (
        select
            stock_code,
            description,
            row_number() over (partition by stock_code order by lines desc, description) as nth
        from names
        where description is not null
    ) as numbered
    where nth = 1
),

codes as (
    select stock_code from catalog
    union
    select stock_code from sold
)

select
    codes.stock_code,
    coalesce(catalog.description, usual_names.description) as description,
    catalog.list_price,
    (codes.stock_code ~ '^[0-9]{5}') as is_product,
    sold.first_sold_day
from codes
left join catalog on catalog.stock_code = codes.stock_code
left join sold on sold.stock_code = codes.stock_code
left join usual_names on usual_names.stock_code = codes.stock_code
