-- One row per customer who has a line: where they live and what they bought.

with invoices as (
    select
        customer_id,
        invoice_no,
        invoice_day,
        is_return,
        sum(quantity)::bigint as units,
        sum(line_total)::numeric(18,3) as amount
    from {{ ref('online_retail_cleaned') }}
    group by customer_id, invoice_no, invoice_day, is_return
),

totals as (
    select
        customer_id,
        min(case when not is_return then invoice_day end) as first_purchase_day,
        max(case when not is_return then invoice_day end) as last_purchase_day,
        count(distinct case when not is_return then invoice_no end)::bigint as orders,
        {{ pieces('sum(case when not is_return then units end)') }} as units,
        {{ amount('sum(case when not is_return then amount end)') }} as gross_revenue,
        {{ amount('-sum(case when is_return then amount end)') }} as returns_value,
        count(distinct case when not is_return then date_trunc('month', invoice_day) end)::bigint as active_months
    from invoices
    group by customer_id
),

assortment as (
    select customer_id, count(*)::bigint as distinct_products
    from (
        select customer_id, stock_code
        from {{ ref('online_retail_cleaned') }}
        where not is_return
        group by customer_id, stock_code
    ) as bought
    group by customer_id
),

-- Master data: the last row of a customer counts.
known as (
    select customer_id, {{ standard_country('country') }} as country
    from (
        select
            customer_id,
            country,
            row_number() over (
                partition by customer_id
                order by _ingested_at desc, _source_file desc, _row_number desc
            ) as nth
        from {{ source('bronze', 'customer_data') }}
    ) as numbered
    where nth = 1 and country is not null
),

-- For the others: the country of their latest line.
guessed as (
    select customer_id, country
    from (
        select
            line.customer_id,
            line.country,
            row_number() over (
                partition by line.customer_id
                order by
                    line.invoice_date desc, line.invoice_no desc, line._row_number desc,
                    line._source_file desc, line._ingested_at desc
            ) as nth
        from {{ ref('online_retail_cleaned') }} as line
        where not exists (select 1 from known where known.customer_id = line.customer_id)
    ) as numbered
    where nth = 1
)

select
    totals.customer_id,
    coalesce(known.country, guessed.country) as country,
    totals.first_purchase_day,
    totals.last_purchase_day,
    totals.orders,
    totals.units,
    totals.gross_revenue,
    totals.returns_value,
    (totals.gross_revenue - totals.returns_value)::numeric(18,3) as net_revenue,
    {{ ratio('totals.gross_revenue', 'totals.orders') }} as avg_order_value,
    {{ pieces('assortment.distinct_products') }} as distinct_products,
    totals.active_months
from totals
left join assortment on assortment.customer_id = totals.customer_id
left join known on known.customer_id = totals.customer_id
left join guessed on guessed.customer_id = totals.customer_id
