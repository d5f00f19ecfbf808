{# A code: no white space around it, upper case. #}
{% macro clean_code(column) -%}
    upper(trim({{ column }}))
{%- endmacro %}

{# A text: runs of white space become one space, none around it, upper case. Most texts have no such run: looking first
   is cheaper than replacing. #}
{% macro clean_text(column) -%}
    upper(trim(
        case
            when {{ column }} ~ '\s\s|[^\S ]' then regexp_replace({{ column }}, '\s+', ' ', 'g')
            else {{ column }}
        end
    ))
{%- endmacro %}

{# The country under its common English name. #}
{% macro standard_country(column) -%}
    case {{ column }}
        when 'EIRE' then 'Ireland'
        when 'RSA' then 'South Africa'
        when 'USA' then 'United States'
        else {{ column }}
    end
{%- endmacro %}
