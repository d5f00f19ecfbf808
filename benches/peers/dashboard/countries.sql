SELECT country, sum(customers) AS customers, sum(net_revenue) AS net_revenue FROM gold.country_sales WHERE rank <= 10 GROUP BY country ORDER BY net_revenue DESC;
