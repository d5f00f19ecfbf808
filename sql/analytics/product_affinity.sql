-- Pairs of products that are bought together more often than by chance.
{{ config(tags=['lakewire']) }}

with purchases as (
    select invoice_no, stock_code
    from {{ ref('online_retail_cleaned') }}
    where not is_return and is_product
),

rules as (
    select antecedent[1] as antecedent, consequent, baskets, antecedent_baskets, consequent_baskets, support, confidence, lift
    from basket_rules(
        purchases, basket => 'invoice_no', item => 'stock_code',
        min_support => {{ var('affinity_min_support', 0.01) }}, min_lift => 1
    )
)

select
    rules.antecedent,
    bought.description as antecedent_description,
    rules.consequent,
    also.description as consequent_description,
    rules.baskets,
    rules.antecedent_baskets,
    rules.consequent_baskets,
    rules.support,
    rules.confidence,
    rules.lift
from rules
left join {{ ref('product_normalized') }} as bought on bought.stock_code = rules.antecedent
left join {{ ref('product_normalized') }} as also on also.stock_code = rules.consequent
