SELECT abc_class, count(*) AS products, sum(gross_revenue) AS gross_revenue, avg(return_rate) AS return_rate FROM gold.top_products GROUP BY abc_class ORDER BY abc_class;
