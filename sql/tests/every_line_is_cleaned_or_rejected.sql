-- No line is lost between bronze and silver, and none is there twice.
select *
from (
    select
        (select count(*) from {{ source('bronze', 'online_retail') }}) as arrived,
        (select count(*) from {{ ref('online_retail_cleaned') }}) as cleaned,
        (select count(*) from {{ ref('online_retail_rejected') }}) as rejected
) as counts
where arrived <> cleaned + rejected
