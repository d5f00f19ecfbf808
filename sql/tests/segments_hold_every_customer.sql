select *
from (
    select
        (select count(*) from {{ ref('rfm_table') }}) as scored,
        (select coalesce(sum(customers), 0) from {{ ref('customer_segments') }}) as in_segments
) as counts
where scored <> in_segments
