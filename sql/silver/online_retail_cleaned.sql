-- Every line that was not rejected, in standard form.

with accepted as (
    select
        invoice_no,
        {{ clean_code('stock_code') }} as stock_code,
        {{ clean_text('description') }} as description,
        quantity,
        invoice_date,
        unit_price,
        customer_id,
        {{ standard_country('country') }} as country,
        _source_file,
        _row_number,
        _ingested_at
    from {{ source('bronze', 'online_retail') }} as line
    where not exists (
        select 1
        from {{ ref('online_retail_rejected') }} as rejected
        where rejected._row_number = line._row_number
            and rejected._source_file = line._source_file
            and rejected._ingested_at = line._ingested_at
    )
)

select
    invoice_no,
    stock_code,
    description,
    quantity,
    invoice_date,
    unit_price,
    customer_id,
    country,
    invoice_date::date as invoice_day,
    (quantity * unit_price)::numeric(18,3) as line_total,
    (coalesce(invoice_no, '') like 'C%' or quantity < 0) as is_return,
    (coalesce(stock_code, '') ~ '^[0-9]{5}') as is_product,
    _source_file,
    _row_number,
    _ingested_at
from accepted
