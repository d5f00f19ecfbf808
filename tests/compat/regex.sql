-- Regular expressions with look-around and back references, empty matches, LIKE with other escapes.
SELECT 'ma%a' LIKE 'm%a%%a' ESCAPE '%', 'be_r' LIKE 'b_e__r' ESCAPE '_', 'a/b' like 'a//b' escape '/', 'a\b' like 'a\b' escape '/', 'a%' like 'a/%' escape '/', 'ab' like 'a/%' escape '/', 'hawkeye' LIKE 'h%' ESCAPE '#', 'a\' like 'a\' escape '', 'indio' ilike 'IN_IO' escape '$';
select name like 'A%' escape '!' from employees order by id;
select 'a' like 'b' escape 'xx';
select 'bbbbb' ~ '^([bc])\1*$', 'xyz' ~ 'x(?!y)', regexp_match('foobarbequebaz', '(?<=bar)(be)(que)'), regexp_replace('foobarrbazz', '(.)\1', 'X\&Y', 'g'), 'Programmer' ~ '(\w).*?\1', regexp_replace('A PROGRAM', '(?=a)', '-', 'gi');
select regexp_matches('ab', 'a(?=b)b*'), regexp_split_to_array('a1b2c3', '(?<=\d)'), regexp_count('aXbX', '(?i)x(?!$)'), regexp_substr('foo123bar', '\d+(?=bar)');
select 'a' ~ '(a)\2';
SELECT regexp_matches('baaac','a*','g');
SELECT regexp_replace('baaac','a*','x','g'), regexp_replace('abc', 'x*', '-', 'g'), regexp_split_to_array('baaac','a*'), regexp_split_to_array('abc',''), regexp_count('baaac','a*'), regexp_instr('baaac','a*',1,3);
