-- SQL/JSON paths, and records made of JSON.
select jsonb_path_query_first('{"a":[1,2,3]}','$.a[*] ? (@ > 1)'), jsonb_path_exists('{"a":1}','$.a'), jsonb_path_match('{"a":1}', '$.a == 1'), jsonb_path_match('{"a":1}', 'exists($.b)');
select jsonb '{"a":[1,2]}' @? '$.a[*] ? (@ == 2)', jsonb '{"a":[1,2]}' @@ '$.a[*] == 2', jsonb '{"a":1}' @@ '$.a', jsonb '{"a":1}' @? 'strict $.b';
select jsonb_path_query('{"a":[1,2,3]}','$.a[*]');
select * from jsonb_path_query('{"a":[{"b":1},{"b":2}]}','$.a[*].b') as q(v);
select jsonb_path_query_array('{"a":[1,2,3]}','$.a[*] ? (@ >= $min)', '{"min":2}');
select jsonb_path_query_array('{"a":[1.50,2,3.0]}','$.a[*] * 2'), jsonb_path_query_array('[1,"x",null,true,{"k":[]}]','$[*].type()'), jsonb_path_query('{"x":{"y":5}}', '$.**.y');
select jsonb_path_query('{"a":1}', 'strict $.b');
select jsonb_path_query('{"a":1}', 'strict $[0]');
select jsonb_path_query('{"a":1}', 'strict $.b', silent => true);
select jsonb_path_query('{"a":1}', '$.a +');
select jsonb_path_query('{"a":"x"}', '$.a + 1');
select jsonb_path_query('{"a":1}', '$x');
select '$.a'::jsonpath, jsonb_path_exists('{"a":1}', '$.a'::jsonpath);
select * from json_to_record('{"a":1,"b":{"c":2}}') as x(a int, b jsonb);
select * from jsonb_to_recordset('[{"a":[1,2],"b":{"x":1,  "y":2}}]') as x(a jsonb, b json, c text);
select * from json_to_recordset('[{"a":1.50,"b":true,"d":"2024-01-01","t":["x","y"]}]') as x(a numeric(5,1), b boolean, d date, t text[], n json);
