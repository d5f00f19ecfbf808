SELECT date_trunc('month', invoice_day) AS month, sum(orders) AS orders, sum(net_revenue) AS net_revenue FROM gold.daily_sales GROUP BY 1 ORDER BY 1;
