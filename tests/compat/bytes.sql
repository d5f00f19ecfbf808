-- functions of bytea
select octet_length('\x0102'::bytea), bit_length('\x0102'::bytea), length('\x0102'::bytea), octet_length(null::bytea);
select ltrim('\x0102'::bytea, '\x01'::bytea), rtrim('\x0102'::bytea, '\x02'::bytea), btrim('\x0102'::bytea, '\x0201'::bytea);
select trim('\x01'::bytea from '\x010201'::bytea), trim(leading '\x01'::bytea from '\x0102'::bytea);
select position('\x02'::bytea in '\x0102'::bytea), position('\x'::bytea in '\x01'::bytea), position('\x03'::bytea in '\x0102'::bytea);
select overlay('\x010203'::bytea placing '\xff'::bytea from 2 for 1), overlay('\x010203'::bytea placing '\xffff'::bytea from 2);
select overlay('\x010203'::bytea placing '\xff'::bytea from 5 for -2), overlay('\x01'::bytea placing '\xff'::bytea from 0);
select sum(octet_length(b)), count(distinct btrim(b, '\x00'::bytea)) from (values ('\x0102'::bytea), ('\x0001'::bytea), (null)) v(b);
select strpos('abc', 'c'), position('c' in 'abc'), length('abc'), char_length('äö'), octet_length('äö'), bit_length('ä');
select btrim('  x '), ltrim('xxa', 'x'), rtrim('axx', 'x'), overlay('abcdef' placing 'XY' from 2), overlay('abcdef' placing 'XY' from 2 for 4);
-- character sets
select convert_from('\xe9'::bytea, 'LATIN1'), convert_to('é', 'LATIN1'), convert('\xe9'::bytea, 'LATIN1', 'UTF8');
select convert_from('\x82a0'::bytea, 'SJIS'), convert_from('\xa4'::bytea, 'iso-8859-15'), convert('\x616263'::bytea, 'UTF8', 'LATIN1');
select convert_from('\xe9'::bytea, 'nosuch');
select convert_to('x', 'nosuch');
select convert_to('€', 'LATIN1');
select pg_encoding_to_char(6), pg_encoding_to_char(0), pg_encoding_to_char(8), pg_encoding_to_char(999);
select pg_char_to_encoding('LATIN1'), pg_char_to_encoding('utf-8'), pg_char_to_encoding('nosuch'), pg_char_to_encoding('sqlascii');
select '\x0102'::bytea ~~ '\x0125'::bytea, '\x010203'::bytea !~~ '\x01'::bytea, '\x01'::bytea ~~ '\x01'::bytea;
