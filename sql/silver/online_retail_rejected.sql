-- The lines that do not count, each with the first rule it breaks.
--
-- Only lines that share invoice and article with another can be exact duplicates: ranking these few is cheap. In both
-- joins the small side stands first, since the first is the one that a hash join keeps in memory.

with suspects as (
    select coalesce(invoice_no, '') as invoice_no, coalesce(stock_code, '') as stock_code
    from {{ source('bronze', 'online_retail') }}
    group by 1, 2
    having count(*) > 1
),

ranked as (
    select
        line._ingested_at,
        line._source_file,
        line._row_number,
        row_number() over (
            partition by line.invoice_no, line.stock_code, line.description, line.quantity,
                line.invoice_date, line.unit_price, line.customer_id, line.country
            order by line._ingested_at, line._source_file, line._row_number
        ) as copy
    from suspects
    inner join {{ source('bronze', 'online_retail') }} as line
        on coalesce(line.invoice_no, '') = suspects.invoice_no
        and coalesce(line.stock_code, '') = suspects.stock_code
),

duplicates as (
    select _ingested_at, _source_file, _row_number
    from ranked
    where copy > 1
),

classified as (
    select
        line.*,
        case
            when duplicates._row_number is not null then 'duplicate'
            when line.customer_id is null then 'missing_customer'
            when coalesce(line.unit_price, 0) <= 0 then 'non_positive_price'
            when coalesce(line.quantity, 0) = 0 then 'zero_quantity'
        end as reason
    from duplicates
    right join {{ source('bronze', 'online_retail') }} as line
        on line._row_number = duplicates._row_number
        and line._source_file = duplicates._source_file
        and line._ingested_at = duplicates._ingested_at
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
    _source_file,
    _row_number,
    _ingested_at,
    reason
from classified
where reason is not null
