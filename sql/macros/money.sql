{# An exact amount: a sum of money, 0 where nothing was summed. #}
{% macro amount(expression) -%}
    coalesce({{ expression }}, 0)::numeric(18,3)
{%- endmacro %}

{# A count of pieces, 0 where nothing was counted. #}
{% macro pieces(expression) -%}
    coalesce({{ expression }}, 0)::bigint
{%- endmacro %}

{# A ratio of two exact numbers in double precision, null where the divisor is 0. #}
{% macro ratio(dividend, divisor) -%}
    ({{ dividend }})::double precision / nullif(({{ divisor }})::double precision, 0)
{%- endmacro %}
