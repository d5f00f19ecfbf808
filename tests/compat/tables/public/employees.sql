select
    cast(id as integer) as id,
    cast(name as text) as name,
    cast(department_id as integer) as department_id,
    cast(manager_id as integer) as manager_id,
    cast(salary as numeric(10, 2)) as salary,
    cast(hired as date) as hired
from (
    values
        (1, 'Ada', 10, null, '9500.00', '2015-03-01'),
        (2, 'Ben', 10, 1, '7200.50', '2016-07-15'),
        (3, 'Cleo', 20, 1, '6100.00', '2017-01-09'),
        (4, 'Dan', 20, 3, '4300.25', '2019-11-30'),
        (5, 'Eve', 20, 3, '4300.25', '2020-02-29'),
        (6, 'Fay', 30, 1, '5100.00', '2018-05-21'),
        (7, 'Gus', null, 6, null, null)
) as v (id, name, department_id, manager_id, salary, hired)
