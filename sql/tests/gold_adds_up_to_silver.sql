-- Days, countries and customers each add up to the lines they were made from.
select *
from (
    select
        (select coalesce(sum(line_total), 0) from {{ ref('online_retail_cleaned') }}) as of_lines,
        (select coalesce(sum(net_revenue), 0) from {{ ref('daily_sales') }}) as of_days,
        (select coalesce(sum(net_revenue), 0) from {{ ref('country_sales') }}) as of_countries,
        (select coalesce(sum(net_revenue), 0) from {{ ref('customer_enriched') }}) as of_customers
) as sums
where of_lines <> of_days or of_lines <> of_countries or of_lines <> of_customers
