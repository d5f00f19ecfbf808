select invoice_day, gross_revenue, returns_value, net_revenue
from {{ ref('daily_sales') }}
where net_revenue <> gross_revenue - returns_value
