-- Regular expressions with look-around and back references, empty matches, LIKE with other escapes.
SELECT 'ma%a' LIKE 'm%a%%a' ESCAPE '%', 'be_r' LIKE 'b_e__r' ESCAPE '_', 'a/b' like 'a//b' escape '/', 'a\b' like 'a\b' escape '/', 'a%' like 'a/%' escape '/', 'ab' like 'a/%' escape '/', 'hawkeye' LIKE 'h%' ESCAPE '#', 'a\' like 'a\' escape '', 'indio' ilike 'IN_IO' escape '$';
select name like 'A%' escape '!' from employees order by id;
select 'a' like 'b' escape 'xx';
select 'bbbbb' ~ '^([bc])\1*$', 'xyz' ~ 'x(?!y)', regexp_match('foobarbequebaz', '(?<=bar)(be)(que)'), regexp_replace('foobarrbazz', '(.)\1', 'X\&Y', 'g'), 'Programmer' ~ '(\w).*?\1', regexp_replace('A PROGRAM', '(?=a)', '-', 'gi');
select regexp_matches('ab', 'a(?=b)b*'), regexp_split_to_array('a1b2c3', '(?<=\d)'), regexp_count('aXbX', '(?i)x(?!$)'), regexp_substr('foo123bar', '\d+(?=bar)');
select 'a' ~ '(a)\2';
SELECT regexp_matches('baaac','a*','g');
SELECT regexp_replace('baaac','a*','x','g'), regexp_replace('abc', 'x*', '-', 'g'), regexp_split_to_array('baaac','a*'), regexp_split_to_array('abc',''), regexp_count('baaac','a*'), regexp_instr('baaac','a*',1,3);

-- The longest of the alternatives, and what the first quantifier of a branch likes.
select substring('Main Street' from 'St|Street'), regexp_replace('10 minutes', 'min|minutes', 'm'), regexp_match('abcd', '(a|ab)(c|bcd)(d*)'), regexp_count('aaa', 'a|aa'), regexp_split_to_array('a--b-c', '-|--');

select substring('XY1234Z', 'Y*([0-9]{1,3})'), substring('XY1234Z', 'Y*?([0-9]{1,3})'), regexp_match('abc01234xyz', '(.*?)(\d+)(.*)'), regexp_match('abc01234xyz', '(?:(.*?)(\d+)(.*)){1,1}');

select regexp_replace('abc 123 def', '.*?(\d+).*', '\1'), regexp_match('key=val', '(\w+?)=(\w+)'), regexp_match('foobarbequebaz', '(bar)(.*?)(b)'), regexp_match('xaaab', '(a*?)(ab|b)');

select regexp_match('aXbxc', '(?i)x'), regexp_matches('aXbxc', '(?i)X', 'g'), 'ab' ~ '(?x) a b # two', 'a.b' ~ '(?q)a.b', E'a\nb' ~ '(?n)a.b', E'a\nb' ~ '(?p)^b', E'a\nb' ~ '(?w)^b', 'a+b' ~ '***=a+b', 'AB' ~ '***:(?i)ab';

select regexp_match('abcabc', '(abc)\1'), regexp_match('aXb', 'a(?=X)(.)'), regexp_match('price: 30', '(?<=: )\d+'), regexp_match('ab', 'a(?!c)'), regexp_replace('aaa bbb', '(\w)\1+', '<\1>', 'g');

select regexp_match('foo bar', '\mbar\M'), regexp_match('foo bar', '\yo'), 'ab' ~ '\Aab\Z', regexp_split_to_array('one  two three', '\s+'), regexp_matches('a1b22', '([a-z])(\d+)', 'g');

select 'a' ~ '(a';

select 'a' ~ 'a)';

select 'a' ~ '[a';

select 'a' ~ '*a';

select 'a' ~ 'a{2,1}';

select 'a' ~ 'a{1,300}';

select 'a' ~ '[b-a]';

select 'a' ~ '[[:no:]]';

select 'a' ~ '(a)\2';

select 'a' ~ 'a\';

select 'a' ~ '(?z)a';

select 'abc' similar to '(a|ab)(c|bc)', substring('foobar' similar '%#"o_b#"%' escape '#'), 'a%c' similar to 'a\%c', 'abbc' similar to 'ab{2}c', substring('foobar', '#"o_a#"%', '#');

select name, regexp_replace(name, '(.)(.*)', '\2\1') as turned, regexp_substr(name, 'a|an|ana'), regexp_instr(name, '[aeiou]+', 1, 1, 1) from employees order by id;
