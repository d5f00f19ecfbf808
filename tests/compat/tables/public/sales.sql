select
    cast(id as bigint) as id,
    cast(day as date) as day,
    cast(region as text) as region,
    cast(product as text) as product,
    cast(quantity as bigint) as quantity,
    cast(price as numeric(10, 2)) as price
from (
    values
        (1, '2024-01-01', 'north', 'tea', 3, '2.50'),
        (2, '2024-01-01', 'south', 'tea', 1, '2.50'),
        (3, '2024-01-02', 'north', 'mug', 2, '7.95'),
        (4, '2024-01-03', 'north', 'tea', 10, '2.25'),
        (5, '2024-01-03', 'south', 'mug', 4, '7.50'),
        (6, '2024-01-05', 'east', 'pot', 1, '24.00'),
        (7, '2024-02-01', 'north', 'pot', 1, '22.00'),
        (8, '2024-02-01', 'south', 'tea', -1, '2.50'),
        (9, '2024-02-02', 'east', 'mug', 6, '7.95'),
        (10, '2024-02-29', 'north', 'tea', 5, '2.50')
) as v (id, day, region, product, quantity, price)
