select cast(id as integer) as id, cast(title as text) as title
from (values (10, 'Research'), (20, 'Sales'), (30, 'Support'), (40, 'Legal')) as v (id, title)
