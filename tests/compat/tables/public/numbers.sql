-- One column per numeric type, with their extremes.
select
    cast(id as integer) as id,
    cast(i2 as smallint) as i2,
    cast(i4 as integer) as i4,
    cast(i8 as bigint) as i8,
    cast(f4 as real) as f4,
    cast(f8 as double precision) as f8,
    cast(n as numeric(12, 3)) as n,
    cast(w as numeric(38, 10)) as w
from (
    values
        (1, '0', '0', '0', '0', '0', '0', '0'),
        (2, '7', '-42', '9000000000', '1.5', '3.141592653589793', '12.345', '1234567890.0123456789'),
        (3, '-3', '1000', '-9000000000', '-0.25', '1e+100', '-0.005', '-0.0000000001'),
        (4, '32767', '2147483647', '9223372036854775807', 'Infinity', 'Infinity', '999999999.999', '9999999999999999999999999999.9999999999'),
        (5, '-32768', '-2147483648', '-9223372036854775808', '-Infinity', '-Infinity', '-999999999.999', '-9999999999999999999999999999.9999999999'),
        (6, '1', '1', '1', 'NaN', 'NaN', '1', '1'),
        (7, null, null, null, null, null, null, null)
) as v (id, i2, i4, i8, f4, f8, n, w)
