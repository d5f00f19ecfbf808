-- How well each method would have forecast net revenue from earlier days; the chosen one makes forecast_table.
{{ config(tags=['lakewire']) }}

select method, chosen, folds, compared, mae, smape, mase, coverage_80, coverage_95, reason
from forecast_backtest(
    {{ ref('daily_sales') }}, time => 'invoice_day', value => 'net_revenue',
    horizon => {{ var('forecast_days', 90) }}, levels => array[80, 95], non_negative => true
)
