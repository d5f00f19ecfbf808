select cast(id as integer) as id, cast(t as text) as t, cast(b as boolean) as b
from (
    values
        (1, '', 'true'),
        (2, 'abc', 'false'),
        (3, 'ABC def', 'true'),
        (4, 'naïve café', 'false'),
        (5, '  padded  ', null),
        (6, 'a_b%c\d', 'true'),
        (7, null, null),
        (8, '日本語', 'false'),
        (9, 'it''s "quoted", with commas', 'true')
) as v (id, t, b)
