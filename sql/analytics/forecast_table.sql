-- Net revenue of the days to come.
{{ config(tags=['lakewire']) }}

select
    invoice_day as day,
    forecast,
    lower_80,
    upper_80,
    lower_95,
    upper_95,
    method,
    trained_through,
    reason
from forecast(
    {{ ref('daily_sales') }}, time => 'invoice_day', value => 'net_revenue',
    horizon => {{ var('forecast_days', 90) }}, levels => array[80, 95], non_negative => true
)
