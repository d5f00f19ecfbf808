-- The models behind cltv_table: parameters, standard errors, and how sure the fit is.
{{ config(tags=['lakewire']) }}

with purchases as (
    select customer_id, invoice_day, line_total
    from {{ ref('online_retail_cleaned') }}
    where not is_return
)

select model, parameter, estimate, standard_error, log_likelihood, customers, converged, identified, reason
from clv_fit(purchases, customer => 'customer_id', time => 'invoice_day', value => 'line_total')
