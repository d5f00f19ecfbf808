{# A model's schema is what it is configured to be, else the folder it lies in: gold/daily_sales.sql makes gold.daily_sales. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is not none -%}
        {{ custom_schema_name | trim }}
    {%- else -%}
        {{ node.original_file_path.replace('\\', '/').split('/')[0] }}
    {%- endif -%}
{%- endmacro %}
