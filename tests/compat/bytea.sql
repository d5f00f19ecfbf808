-- bytea: encodings, bits, LIKE.
select encode('\x1234567890abcdef00', 'hex'), encode('abc'::bytea,'base64'), decode('YWJj','base64'), encode(E'\\000\\200a\\\\b'::bytea, 'escape'), decode(E'\\000a\\\\b','escape');
SELECT encode(('\x' || repeat('1234567890abcdef0001', 7))::bytea, 'base64');
SELECT decode(encode(('\x' || repeat('1234567890abcdef0001', 7))::bytea, 'base64'), 'base64');
select decode('xx','hex');
select decode('1','hex');
select decode('YW!j','base64');
select decode('YWJ','base64');
select encode('a','nope');
SELECT get_bit('\x1234567890abcdef00'::bytea, 43), set_bit('\x1234567890abcdef00'::bytea, 43, 0), get_byte('\x1234567890abcdef00'::bytea, 3), set_byte('\x1234567890abcdef00'::bytea, 7, 11), bit_count('\x1234567890'::bytea);
SELECT get_bit('\x1234567890abcdef00'::bytea, 99);
SELECT set_bit('\x12'::bytea, 1, 2);
SELECT 'abc'::bytea LIKE '_b_'::bytea, 'abc'::bytea not like '%b', 'abc'::bytea like '%d%', 'a\bc'::text like 'a\\\\bc';
