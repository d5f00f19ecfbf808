//! Patterns against what PostgreSQL 15 answers.

use super::*;

/// What stands in the groups of a match, `-` where one took no part.
fn groups(found: &Found<'_>) -> String {
    let first = usize::from(found.len() > 1);
    (first..found.len()).map(|group| found.text(group).unwrap_or("-").to_owned()).collect::<Vec<_>>().join(",")
}

/// The first match, or what is complained of.
fn first(pattern: &str, flags: &str, text: &str) -> String {
    let found = Patterns::default()
        .get(pattern, flags)
        .and_then(|regex| Ok(regex.find_at(text, 0)?.map(|found| groups(&found))));
    match found {
        Ok(found) => found.unwrap_or_else(|| "no match".to_owned()),
        Err(error) => error.message().trim_start_matches("invalid regular expression: ").to_owned(),
    }
}

#[test]
fn matches_as_postgres_does() {
    for (pattern, text, expected) in [
        ("St|Street", "Main Street", "Street"),
        ("(a|ab)(c|bcd)(d*)", "abcd", "ab,c,d"),
        ("Y*?([0-9]{1,3})", "XY1234Z", "1"),
        ("Y*([0-9]{1,3})", "XY1234Z", "123"),
        ("(.*?)(\\d+)(.*)", "abc01234xyz", "abc,0,"),
        ("(?:(.*?)(\\d+)(.*)){1,1}", "abc01234xyz", "abc,01234,xyz"),
        (".*?(\\d+).*", "abc 123 def", "1"),
        ("(?:(a)|b)*", "ab", "-"),
        ("(a*)*", "b", ""),
        ("(a|ab)*?c", "ababc", "ab"),
        ("^(\\w+)\\s+(\\w+)$", "one  two", "one,two"),
        ("a.b", "a\nb", "a\nb"),
        ("[]a]+", "x]a", "]a"),
        ("[[.hyphen.]-/]+", "a-./b", "-./"),
        ("[^[:digit:]]+$", "12ab", "ab"),
        ("\\x41\\u0042\\103\\0?", "ABC", "ABC"),
        ("é{2}|日(本)", "x日本", "本"),
    ] {
        assert_eq!(first(pattern, "", text), expected, "{pattern}");
    }
}

#[test]
fn looks_back_and_around() {
    for (pattern, text, expected) in [
        ("(.)\\1", "abccd", "c"),
        ("^(a*)(b\\1)*$", "aabaabaa", "aa,baa"),
        ("(a){0}\\1", "a", "no match"),
        ("()(\\1){2}", "", "no match"),
        ("Street(?= \\d)", "Street x Street 1", "Street"),
        ("(?<!x)a(?!b)", "xa ab a", "a"),
        ("(?<=(\\w)b)c", "bc abc", "c"),
        ("\\mfoo\\M", "afoo foo", "foo"),
        ("[[:<:]]o[[:>:]]", "foo o", "o"),
        ("\\Yo", "o foo", "o"),
    ] {
        assert_eq!(first(pattern, "", text), expected, "{pattern}");
    }
    // of back references PostgreSQL does not try the very end
    assert_eq!(first("(|a)b\\1|$", "", "xb"), "");
}

#[test]
fn reads_flags_and_options() {
    for (pattern, flags, text, expected) in [
        ("(?i)AB", "", "xab", "ab"),
        ("(?x) a b # comment", "", "ab", "ab"),
        ("a(?#comment)*", "", "aa", "aa"),
        ("***=a.b", "", "aab a.b", "a.b"),
        ("***:a+", "b", "aa", "aa"),
        ("(?q)(a", "", "(a", "(a"),
        ("a+", "b", "aa+", "a+"),
        ("a+", "e", "aa+", "a+"),
        ("(?e)a)+", "", "a))", "a))"),
        ("\\(a\\)\\{2\\}", "b", "aa", "a"),
        ("^b.", "n", "a\nb\nbc", "bc"),
        ("^b.", "p", "a\nbc", "no match"),
        ("^b.", "w", "a\nb\n", "b\n"),
        ("[^a]", "n", "\nb", "b"),
        ("(É)\\1", "i", "éÉ", "é"),
        ("a", "qx", "a", "invalid argument to regex function"),
        ("(?z)a", "", "a", "invalid embedded option"),
        ("***?", "", "a", "invalid regexp (reg version 0.8)"),
    ] {
        assert_eq!(first(pattern, flags, text), expected, "{pattern}");
    }
    let error = Flags::parse("gy").unwrap_err();
    assert_eq!(error.message(), "invalid regular expression option: \"y\"");
}

#[test]
fn complains_as_postgres_does() {
    for (pattern, expected) in [
        ("(", "parentheses () not balanced"),
        ("a)", "parentheses () not balanced"),
        ("[a", "brackets [] not balanced"),
        ("a**", "quantifier operand invalid"),
        ("^*", "quantifier operand invalid"),
        ("(?<a)", "quantifier operand invalid"),
        ("a{2,1}", "invalid repetition count(s)"),
        ("a{256}", "invalid repetition count(s)"),
        ("a{1", "braces {} not balanced"),
        ("\\q", "invalid escape \\ sequence"),
        ("\\", "invalid escape \\ sequence"),
        ("\\u12", "invalid escape \\ sequence"),
        ("[b-a]", "invalid character range"),
        ("[a-\\d]", "invalid character range"),
        ("[[:foo:]]", "invalid character class"),
        ("[[.foo.]]", "invalid collating element"),
        ("\\1(a)", "invalid backreference number"),
        ("(a\\1)", "invalid backreference number"),
        ("(a)(?=\\1)", "invalid backreference number"),
        ("(a{255}){255}", "regular expression is too complex"),
        ("((((a{9}){99}){99}){99}){99}", "regular expression is too complex"),
    ] {
        assert_eq!(first(pattern, "", "a"), expected, "{pattern}");
    }
}

#[test]
fn height_and_time_are_bounded() {
    let nested = |count: usize| format!("{}a{}", "(".repeat(count), ")".repeat(count));
    assert!(first(&nested(250), "", "a").starts_with("a,a"));
    assert_eq!(first(&nested(251), "", "a"), "regular expression is too complex");
    assert!(first(&"(a)".repeat(400), "", &"a".repeat(400)).starts_with("a,a"));
    assert!(first(&"(a|b)?.*?".repeat(249), "", "ab").starts_with("a,b,-"));
    assert_eq!(first(&"(a|b)?.*?".repeat(600), "", "ab"), "regular expression is too complex");
    assert_eq!(first(&format!("{}(a)", "(?=".repeat(250)), "", "a"), "regular expression is too complex");
    assert_eq!(
        first(&format!("(a){}", (1..60).map(|n| format!("(\\{n}\\{n})")).collect::<String>()), "", "a"),
        "regular expression is too complex"
    );
    assert_eq!(first("(x+x+)+y", "", &"x".repeat(5_000)), "no match");
    assert_eq!(first(&"(".repeat(100_000), "", ""), "regular expression is too complex");
    let repeated = (0..60).fold("a".to_owned(), |inner, _| format!("(?:{inner}b)+"));
    assert_eq!(first(&repeated, "", "a"), "no match");
}

#[test]
fn an_empty_match_may_follow_another() {
    let all = |pattern: &str, text: &str| {
        let regex = Patterns::default().get(pattern, "").unwrap();
        let found = regex.all_from(text, 0).map(|found| found.unwrap().range(0).unwrap());
        found.map(|range| format!("{}-{}", range.start, range.end)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(all("a*", "aab"), "0-2 2-2 3-3");
    assert_eq!(all("(?=é)|b", "éb"), "0-0 2-3");
    assert_eq!(all("(?<=a)a", "aaa"), "1-2 2-3");
}

#[test]
fn similar_and_like() {
    assert_eq!(of_similar("a%[%_^]\\d_(b|c)", None).unwrap(), "^(?:a.*[%_^]\\d.(?:b|c))$");
    assert_eq!(of_similar("a#\"b#\"c", Some("#")).unwrap(), "^(?:a){1,1}?(b){1,1}(?:c)$");
    assert_eq!(of_similar("[^]x\\]]y_", Some("")).unwrap(), "^(?:[^]x\\\\]]y.)$");
    assert_eq!(first(&of_similar("a%#\"b*#\"c*", Some("#")).unwrap(), "", "axbbc"), "bb");
    assert!(of_similar("a", Some("##")).is_err());
    assert_eq!(with_backslashes("a#%\\", "#").unwrap(), "a\\%\\\\");
    let like = |pattern: &str, text: &str| Patterns::default().like(pattern, true).unwrap().is_match(text).unwrap();
    assert!(like("a\\%(%_é", "A%(xÉé") && !like("a.c", "abc"));
}

#[test]
fn plain_is_what_both_read_alike() {
    for pattern in ["abc", "^a+(b|c)$", "[a-z]\\d{2,3}", "a|bc", "\\s+x"] {
        assert!(is_plain(pattern).unwrap(), "{pattern}");
    }
    for pattern in ["a.b", "\\ma", "(?=a)", "(a)\\1", "\\bx", "[[a]&&b]", "***=a", "[[:cntrl:]]", "a\\Z"] {
        assert!(!is_plain(pattern).unwrap(), "{pattern}");
    }
    assert!(is_plain("(").is_err());
}
