//! Paths against what PostgreSQL 15 answers.

use super::*;

const DOCUMENT: &str = r#"{
    "a": [1, {"b": 2.50}, [3, "x"], null], "b": {"c": {"d": "2017-03-10"}, "e": []}, "n": 7, "s": "abc", "t": true,
    "when": ["2017-03-10", "2017-03-10 01:00:00+01", "12:34:56"]
}"#;

/// Without a zone, with some variables.
fn ask<T>(path: &str, is_silent: bool, ask: impl FnOnce(&JsonPath, Query<'_>) -> Result<T>) -> Result<T> {
    let json = Value::parse(DOCUMENT).unwrap();
    let vars = Value::parse(r#"{"x": 2, "y": "a", "o": {"k": {"l": 1}}}"#).unwrap();
    ask(&JsonPath::parse(path)?, Query { json: &json, vars: Some(&vars), is_silent, zone: None })
}

fn found(path: &str, is_silent: bool) -> String {
    match ask(path, is_silent, JsonPath::query) {
        Ok(items) => Value::Array(items).to_text(),
        Err(error) => format!("{} {}", error.kind().sqlstate(), error.message()),
    }
}

#[test]
fn finds_what_postgres_finds() {
    for (path, expected) in [
        ("$.n", "[7]"),
        ("$.a.b", "[2.50]"),
        ("$.a.type()", "[\"array\"]"),
        ("$.a[*].size()", "[1, 1, 2, 1]"),
        ("$.n[last]", "[7]"),
        ("$.a[last - 1 to last][0]", "[3, null]"),
        ("$.a[1.9, 0]", "[{\"b\": 2.50}, 1]"),
        ("$.a[-1 to 0, 9]", "[1]"),
        ("$.b.**{2}", "[\"2017-03-10\"]"),
        ("$.b.**{last}", "[\"2017-03-10\"]"),
        ("$.b.**{0 to 1}.type()", "[\"object\", \"object\", \"array\"]"),
        ("$.b.**", "[{\"c\": {\"d\": \"2017-03-10\"}, \"e\": []}, {\"d\": \"2017-03-10\"}, \"2017-03-10\", []]"),
        ("strict $.b.**.d", "[\"2017-03-10\"]"),
        ("$.a.* + 1", "[3.50]"),
        ("-$.a[0, 1].b", "[-2.50]"),
        ("$.n % 4 * 1.50 - 0.5", "[4.00]"),
        ("$.n / 3", "[2.3333333333333333]"),
        ("(1 + 2).type()", "[\"number\"]"),
        ("$.n > $x && $.s starts with $y", "[true]"),
        ("$.s == 1 || !(1 == 2)", "[true]"),
        ("($.s == 1) is unknown", "[true]"),
        ("$.missing == null", "[false]"),
        ("null != 1", "[true]"),
        ("$.a[*] ? (@ > 0 || @.b > 2)", "[1, {\"b\": 2.50}, 3]"),
        ("$.a ? (exists(@.b ? (@ == 2.5)))", "[{\"b\": 2.50}]"),
        ("$.s ? (@ like_regex \"^A.C\" flag \"i\")", "[\"abc\"]"),
        ("$o.keyvalue().value", "[{\"l\": 1}]"),
        ("$o.k.keyvalue()", "[{\"id\": 10000000048, \"key\": \"l\", \"value\": 1}]"),
        ("$.when[0].datetime().type()", "[\"date\"]"),
        ("$.when[1, 2].datetime()", "[\"2017-03-10T01:00:00+01:00\", \"12:34:56\"]"),
        ("\"12.30\".double()", "[12.3]"),
        ("(-1.50).abs()", "[1.50]"),
        ("-1.5.ceiling()", "[-2]"),
    ] {
        assert_eq!(found(path, false), expected, "{path}");
    }
}

#[test]
fn failures_are_those_of_postgres() {
    for (path, silent, expected) in [
        ("strict $.z", "[]", "2203A JSON object does not contain key \"z\""),
        ("strict $.n.z", "[]", "2203A jsonpath member accessor can only be applied to an object"),
        ("strict $.a.*", "[]", "2203C jsonpath wildcard member accessor can only be applied to an object"),
        ("strict $.n[*]", "[]", "22039 jsonpath wildcard array accessor can only be applied to an array"),
        ("strict $.n[0]", "[]", "22039 jsonpath array accessor can only be applied to an array"),
        ("strict $.a[0, 9]", "[1]", "22033 jsonpath array subscript is out of bounds"),
        ("$.a[\"x\"]", "[]", "22033 jsonpath array subscript is not a single numeric value"),
        ("$.a[9999999999]", "[]", "22033 jsonpath array subscript is out of integer range"),
        ("strict $.n.size()", "[]", "22039 jsonpath item method .size() can only be applied to an array"),
        ("$.s.abs()", "[]", "22036 jsonpath item method .abs() can only be applied to a numeric value"),
        ("$.a[*].keyvalue().key", "[]", "2203C jsonpath item method .keyvalue() can only be applied to an object"),
        ("$.s.datetime()", "[]", "22031 datetime format is not recognized: \"abc\""),
        ("$.n + $.s", "[]", "22038 right operand of jsonpath operator + is not a single numeric value"),
        ("-$.a[0, 2]", "[-1, -3]", "2203B operand of unary jsonpath operator - is not a numeric value"),
        ("$.n / 0", "[]", "22012 division by zero"),
    ] {
        assert_eq!((found(path, true).as_str(), found(path, false).as_str()), (silent, expected), "{path}");
    }
    for (path, expected) in [
        ("$zz", "42704 could not find jsonpath variable \"zz\""),
        (
            "$.when[0].datetime() < $.when[1].datetime()",
            "0A000 cannot convert value from date to timestamptz without time zone usage",
        ),
    ] {
        assert_eq!((found(path, true).as_str(), found(path, false).as_str()), (expected, expected), "{path}");
    }
    let json = Value::parse("1").unwrap();
    let query = Query { json: &json, vars: Some(&json), is_silent: true, zone: None };
    let error = JsonPath::parse("$").unwrap().query(query).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::InvalidParameter, "\"vars\" argument is not an object"));
    let query = Query { vars: None, ..query };
    assert!(JsonPath::parse("$x == null").unwrap().matches(query).unwrap().unwrap());
}

#[test]
fn existence_and_truth() {
    let exists = |path, silent| ask(path, silent, JsonPath::exists).map_err(|error| error.kind());
    assert_eq!(exists("$.a[*].b", false), Ok(Some(true)));
    // the second is not looked at
    assert_eq!(exists("$.a[0, \"x\"]", false), Ok(Some(true)));
    assert_eq!(exists("$.s.abs()", true), Ok(None));
    assert_eq!(exists("strict $.a[0, 9]", true), Ok(None));
    assert_eq!(exists("$.s.abs()", false), Err(ErrorKind::NonNumericJsonItem));
    assert_eq!(exists("-$.s", false), Ok(Some(false)));
    let matches = |path, silent| ask(path, silent, JsonPath::matches).map_err(|error| error.kind());
    assert_eq!(matches("$.n == 7", false), Ok(Some(true)));
    assert_eq!(matches("$.n == \"x\"", false), Ok(None));
    assert_eq!(matches("$.t", false), Ok(Some(true)));
    assert_eq!(matches("$.n", true), Ok(None));
    assert_eq!(matches("$.n", false), Err(ErrorKind::SingletonJsonItemRequired));
    assert_eq!(ask("$.a[*]", false, JsonPath::first).unwrap().map(|item| item.to_text()).as_deref(), Some("1"));
}

#[test]
fn text_is_that_of_postgres() {
    for (path, expected) in [
        ("$.a", "$.\"a\""),
        ("lax $.type", "$.\"type\""),
        ("strict $ . * [ * ] . ** { 1 to last }", "strict $.*[*].**{1 to last}"),
        ("$.a[1,2 to last-1]", "$.\"a\"[1,2 to last - 1]"),
        ("1+2*3", "(1 + 2 * 3)"),
        ("(1+2)*-3", "((1 + 2) * -3)"),
        ("-(1).abs()", "(-(1).abs())"),
        (
            "$ ? (@.a<>1&&!(@.b==\"x\")||(1==1) is unknown)",
            "$?(@.\"a\" != 1 && !(@.\"b\" == \"x\") || (1 == 1) is unknown)",
        ),
        ("$.a like_regex \"x\" flag \"qi\"", "($.\"a\" like_regex \"x\" flag \"iq\")"),
        ("exists($x.datetime(\"a\"))", "exists ($\"x\".datetime(\"a\"))"),
        ("$.**{last}.**{0 to 1}.**{2}", "$.**{last}.**{0 to 1}.**{2}"),
        ("1.50e1", "15.0"),
        ("$.\"\\u0041\\n\"", "$.\"A\\n\""),
    ] {
        assert_eq!(JsonPath::parse(path).unwrap().to_string(), expected, "{path}");
    }
}

#[test]
fn what_is_no_path_is_told_as_in_postgres() {
    for (path, expected) in [
        ("", "22P02 invalid input syntax for type jsonpath: \"\""),
        ("strict", "42601 syntax error at end of jsonpath input"),
        ("$.a = 1", "42601 syntax error at or near \"=\" of jsonpath input"),
        ("$ a b", "42601 syntax error at or near \" \" of jsonpath input"),
        ("$.foo()", "42601 syntax error at or near \"(\" of jsonpath input"),
        ("$ ? (1)", "42601 syntax error at or near \")\" of jsonpath input"),
        ("exists(1 == 1)", "42601 syntax error at or near \"==\" of jsonpath input"),
        ("1 == 1 == 1", "42601 syntax error at or near \"==\" of jsonpath input"),
        ("-(1 == 1)", "42601 syntax error at end of jsonpath input"),
        ("@.a", "42601 @ is not allowed in root expressions"),
        ("$ ? (@ == last)", "42601 LAST is allowed only in array subscripts"),
        ("$.**{99999999999}", "22003 value \"99999999999\" is out of range for type integer"),
        ("1e200000", "22003 value overflows numeric format"),
        ("$ like_regex \"(\"", "2201B invalid regular expression: parentheses () not balanced"),
    ] {
        assert_eq!(found(path, false), expected, "{path}");
    }
}

#[test]
fn depth_is_bounded() {
    // as much as the engine's threads have, for code that is not optimized
    let thread = std::thread::Builder::new().stack_size(16 << 20).spawn(walk_deep).unwrap();
    thread.join().unwrap();
}

fn walk_deep() {
    let brackets = |depth: usize| format!("{}1{}", "(".repeat(depth), ")".repeat(depth));
    let filters = |depth: usize| format!("$ ? ({}1 == 1{})", "exists(@ ? (".repeat(depth), "))".repeat(depth));
    let conditions = |count: usize| format!("1 == 2{}", " || 1 == 2".repeat(count));
    for (path, deep) in [
        (brackets(490), brackets(510)),
        (filters(160), filters(260)),
        (conditions(480), conditions(510)),
        (format!("{}$.n", "-".repeat(480)), format!("{}$.n", "-".repeat(510))),
        (format!("${}", ".a".repeat(480)), format!("${}", ".a".repeat(510))),
    ] {
        assert!(ask(&path, false, JsonPath::query).is_ok() && !JsonPath::parse(&path).unwrap().to_string().is_empty());
        assert_eq!(JsonPath::parse(&deep).unwrap_err().kind(), ErrorKind::StatementTooComplex);
    }
    let json = Value::parse(&format!("{}1{}", "[".repeat(900), "]".repeat(900))).unwrap();
    let query = Query { json: &json, vars: None, is_silent: false, zone: None };
    assert_eq!(JsonPath::parse("$.**{last}").unwrap().query(query).unwrap(), [Value::Number("1".to_owned())]);
}
